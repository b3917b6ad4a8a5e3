"""Draws: the numbers of Math.random, as they come or as choices.

Owns which numbers a draw may come out as, and the option that stands for each. By itself a draw is no choice: its
number derives from the invocation's own path (convex-semantics 1.4; architecture.md 6.3). Where the platform is asked
for several (`Platform.random_values`), explorers look for the one that matters.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from convexsim.functions.environment import Environment

__all__ = ["drawn"]

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


@lru_cache
def _spread(count: int) -> tuple[float, ...]:
    """Return so many numbers from 0 to just below 1, as far apart as can be."""
    return tuple(min(at / max(count - 1, 1), _HIGHEST) for at in range(count))
