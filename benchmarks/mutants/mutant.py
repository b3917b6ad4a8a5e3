"""What a mutant is: one edit of a source, by which the program becomes wrong in one way.

Owns the row of the tables beside it, and the edit. Knows neither trees nor tests: `trial.py` runs them.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["Mutant"]


@frozen
class Mutant:
    """One way to be wrong.

    Attributes:
        file: the source, relative to the root of the repository.
        old: the exact text that is changed; it stands there once.
        new: what takes its place.
        what: what the program does wrong then, in words.
        tests: who must notice: test files, or single tests, those first that need least time.
        equivalent: why nobody can notice; empty if somebody must.

    """

    file: str
    old: str
    new: str
    what: str
    tests: tuple[str, ...]
    equivalent: str = ""

    def applied(self, source: str) -> str:
        """Return the source with the edit.

        Raises:
            ValueError: what is to be changed does not stand there exactly once, or is not changed.

        """
        found = source.count(self.old)
        if found != 1 or self.old == self.new:
            msg = f"{self.file}: {self.old!r} stands there {found} times, and must once: mend the row ({self.what})"
            raise ValueError(msg)
        return source.replace(self.old, self.new)
