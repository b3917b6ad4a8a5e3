"""Samplers: so many runs, each drawn from the seed and its own number.

Owns what all of them share: the count, the seed, the plain serial run that comes first, and how a sampler makes only a
part of its runs. How the steps of a run are
drawn says each sampler's own file; back-offs and faults are drawn alike in all of them (`choices.RandomChoices`). Next:
`random_walk.py`, `sticky.py`, `pct.py`, `pos.py`, `starving.py`, `guided.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from convexsim.choices import Choices, FirstChoices
from convexsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.simulation import Run

__all__ = ["Sampler", "refuse"]


class Sampler(ABC):
    """Draws each run anew, but for the first: the plain serial one, whose failures are the easiest to read.

    Args:
        runs: how many runs.
        seed: the same seed gives the same runs.

    """

    title: ClassVar[str]
    """What one calls it in a sentence."""
    is_independent: ClassVar[bool] = False
    """Whether a run follows from the seed, its number and the serial run alone: then runs are a sample (`Meter`)."""
    exhausted = False

    def __init__(self, runs: int = 1_000, seed: int = 0) -> None:
        if type(runs) is not int or runs < 1:
            raise refuse(f"A {self.title} of {runs!r} runs", "Give runs=1 or more.")
        if type(seed) is not int:
            raise refuse(f"A {self.title} cannot begin from the seed {seed!r}: it", "Give a whole number.")
        self._runs = runs
        self._seed = seed
        self._count = 0
        self._skipped = 0

    @property
    def name(self) -> str:
        """How a report calls it."""
        return f"{self.title}{self._settings()}, seed {self._seed}"

    def propose(self, last: Run | None) -> Choices | None:
        """Return fresh draws; without a last run all begins anew."""
        self._count = 1 if last is None else max(self._count, self._skipped) + 1
        if self._count > self._skipped + self._runs:
            return None
        return FirstChoices() if self._count == 1 else self._drawn(f"{self._seed}:{self._count}")

    def skip(self, runs: int) -> None:
        """Leave out the runs up to this number, but for the serial one, from which one may learn."""
        self._skipped = runs

    @property
    def learnt(self) -> tuple[int, ...]:
        """What the name tells of the runs: nothing."""
        return ()

    def learn(self, learnt: Sequence[int]) -> None:
        """Let the name tell of another part, too; where it tells nothing of the runs, there is nothing to learn."""
        assert tuple(learnt) == self.learnt, f"{self.title} does not say what becomes of {learnt}"

    @abstractmethod
    def _drawn(self, seed: str) -> Choices:
        """Return the choices of a run."""

    def _settings(self) -> str:
        """Return what else there is to say than the seed, after a comma."""
        return ""


def refuse(what: str, advice: str) -> UsageError:
    """Return the refusal of settings with which there would be nothing to run."""
    return UsageError(f"{what} explores nothing.", next_step=advice)
