"""The random walk: at every choice a uniform draw, so many runs, repeatable from one seed."""

from __future__ import annotations

from convexsim.choices import RandomChoices
from convexsim.explore.sampler import Sampler

__all__ = ["RandomWalk"]


class RandomWalk(Sampler):
    """Draw every step uniformly; the first run is the plain serial one, because its failures are the easiest to read.

    Args:
        runs: how many runs.
        seed: the same seed gives the same runs; run n depends on seed and n alone.

    """

    title = "random walk"
    is_independent = True

    def _drawn(self, seed: str) -> RandomChoices:
        return RandomChoices(seed)
