"""The random walk: at every choice a uniform draw, so many runs, repeatable from one seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convexsim.choices import Choices, FirstChoices, RandomChoices
from convexsim.errors import UsageError

if TYPE_CHECKING:
    from convexsim.simulation import Run

__all__ = ["RandomWalk"]


class RandomWalk:
    """Draw every choice uniformly; the first run is the plain serial one, because its failures are the easiest to read.

    Args:
        runs: how many runs.
        seed: the same seed gives the same runs; run n depends on seed and n alone.

    """

    exhausted = False

    def __init__(self, runs: int = 1_000, seed: int = 0) -> None:
        if type(runs) is not int or runs < 1:
            msg = f"A random walk of {runs!r} runs explores nothing."
            raise UsageError(msg, next_step="Give runs=1 or more.")
        if type(seed) is not int:
            msg = f"A random walk cannot begin from the seed {seed!r}: it explores nothing."
            raise UsageError(msg, next_step="Give a whole number.")
        self._runs = runs
        self._seed = seed
        self._count = 0

    @property
    def name(self) -> str:
        """How a report calls it."""
        return f"random walk, seed {self._seed}"

    def propose(self, last: Run | None) -> Choices | None:
        """Return fresh draws; without a last run the walk begins anew."""
        self._count = 1 if last is None else self._count + 1
        if self._count > self._runs:
            return None
        return FirstChoices() if self._count == 1 else RandomChoices(f"{self._seed}:{self._count}")
