"""Draws: the numbers of Math.random, as they come or as choices.

Owns which numbers a draw may come out as, the option that stands for each, and what is said of them in a report. By
itself a draw is no choice: its number derives from the invocation's own path (convex-semantics 1.4; architecture.md
6.3). Where the platform is asked for several (`Platform.random_values`), explorers look for the one that matters.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from convexsim.functions.environment import Environment

__all__ = ["about_draws", "drawn"]

_HIGHEST: Final = 1 - 2.0**-53
"""The highest number below 1 that Math.random can give."""


@frozen
class _Draw:
    """One number that a draw may come out as."""

    activity: str
    value: float
    number: int

    @property
    def phase(self) -> str:
        return f"random {self.value:.3g}"


def drawn(environment: Environment, activity: str, own: float) -> float:
    """Return what a draw comes out as.

    Args:
        environment: of the world.
        activity: who draws.
        own: the number that derives from its path; the first option.

    """
    others = _spread(environment.platform.random_values - 1)
    options = [_Draw(activity, value, number) for number, value in enumerate((own, *others))]
    return options[environment.choose("random", options)].value


def about_draws(numbers: int) -> str:
    """Return what is to be said of runs in which each draw came out as one of so many numbers."""
    if numbers == 1:
        how = "ctx.random() gave an attempt the same numbers in every run"
        return f"{how}; Platform(random_values=3) looks for what others do"
    return f"each ctx.random() came out as one of {numbers:,} numbers, and as no other (Platform.random_values)"


@lru_cache
def _spread(count: int) -> tuple[float, ...]:
    """Return so many numbers from 0 to just below 1, as far apart as can be."""
    return tuple(min(at / max(count - 1, 1), _HIGHEST) for at in range(count))
