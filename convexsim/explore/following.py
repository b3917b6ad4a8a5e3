"""Choices that follow another run, though something is left out of it.

Owns how what remains finds its place when the places shift: by what it is, not by its number. Used by `shrink.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convexsim.choices import root_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.choices import ChoiceRecord, Forced, Kind, Option

__all__ = ["Among", "Following", "Indexes"]

Indexes = tuple[int, ...]


class Following:
    """A list of choices, then forced choices that go by their labels: each is taken at the first place that offers it.

    A place offers a forced choice if the same option is there and the same would come by itself. One that no place
    offers is left out, with all that come after it; where none is due the simplest option is taken.

    Args:
        indexes: how the run begins.
        rest: what is then looked for, first one first.

    """

    def __init__(self, indexes: Indexes, rest: Sequence[Forced]) -> None:
        self.indexes: Final = indexes
        self.rest: Final = rest
        self._at = 0
        self._found = 0

    @property
    def key(self) -> tuple[object, ...]:
        """What says everything about these choices."""
        return (self.indexes, *((each.kind, each.taken, each.passed) for each in self.rest))

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the next index of the list, or the next forced choice if this is its place."""
        at, self._at = self._at, self._at + 1
        if at < len(self.indexes):
            return self.indexes[at] if self.indexes[at] < len(options) else 0
        if self._found < len(self.rest):
            sought = self.rest[self._found]
            if kind == sought.kind and sought.passed.fits(options[0]):
                for index in range(1, len(options)):
                    if sought.taken.fits(options[index]):
                        self._found += 1
                        return index
        return 0


class Among:
    """The order of another run, but only among some actors: all others come as they come by themselves.

    Where one of the others would come it does; else the first of what the other run chose from here on that is there.

    Args:
        actors: roots of activities (`choices.root_of`).
        record: the choices of the other run.

    """

    def __init__(self, actors: Sequence[str], record: ChoiceRecord) -> None:
        self._actors: Final = tuple(actors)
        taken = [(kind, option.activity, option.phase) for kind, _, _, option in record.taken]
        self._rest = [each for each in taken if root_of(each[1]) in self._actors]
        self.key: Final = (self._actors, *self._rest)
        """What says everything about these choices."""

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return what the other run would choose, among these actors."""
        if root_of(options[0].activity) in self._actors:
            offered = [(kind, option.activity, option.phase) for option in options]
            for each in self._rest:
                if each in offered:
                    self._rest.remove(each)
                    return offered.index(each)
        return 0
