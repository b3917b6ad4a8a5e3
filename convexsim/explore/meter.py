"""The meter: how much of what an explorer could show has it shown?

Owns what can be said about the unseen from a sample of independent runs: how many distinct ends there were, how many
there may be in all, and how much probability the unseen ones have at most. Pure arithmetic over keys, one a run; what a
key is, `outcome_of` or another, is the caller's to say. Next: `report.py`.

The bound is exact, and needs nothing but independent runs: the first half of them says what is known, and the second
half, to which that is a fixed set, how often something else came: a binomial proportion (Clopper and Pearson, 1934).
Whoever looks again and again until the bound pleases would fool himself; so it is computed only after `FIRST_LOOK` runs
and after each doubling, and each look spends a part of the doubt that the last one left.
"""

from __future__ import annotations

from collections import Counter
from math import exp, lgamma, log, log1p
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from convexsim.errors import UsageError
from convexsim.explore.outcome import outcome_of
from convexsim.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from convexsim.simulation import Run

__all__ = ["FIRST_LOOK", "Meter", "Unseen", "interval", "upper_bound"]

FIRST_LOOK: Final = 100
"""Runs before the first bound; the next ones come after twice as many, four times as many, and so on."""
_PRECISION: Final = 1e-6


@frozen
class Unseen:
    """What is claimed of the runs that an explorer has not made.

    Attributes:
        share: how many of its further runs, as a share of 1, end in a way that was not seen in the runs judged.
        confidence: how sure that is, as a share of 1.
        runs: how many runs were judged.

    """

    share: float
    confidence: float
    runs: int

    def __str__(self) -> str:
        return f"{self.confidence:.0%} sure that less than {100 * self.share:.2g} % of such runs end otherwise"


@define
class Meter:
    """Counts distinct keys of independent runs, and says what that means for the unseen.

    Attributes:
        key_of: what two runs must share to count as the same.
        confidence: how sure a claim is to be, as a share of 1.
        unseen: the newest claim; None before the first.

    """

    key_of: Callable[[Run], Hashable] = outcome_of
    confidence: float = 0.95
    unseen: Unseen | None = field(default=None, init=False)
    _keys: list[Hashable] = field(factory=list, init=False)
    _counts: Counter[Hashable] = field(factory=Counter, init=False)
    _next_look: int = field(default=FIRST_LOOK, init=False)
    _looks: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        given: object = self.confidence
        if not (isinstance(given, float) and 0 < given < 1):
            msg = f"A meter cannot be {self.confidence!r} sure."
            raise UsageError(msg, next_step="Give a share between 0 and 1, such as 0.95.")

    def add(self, run: Run) -> None:
        """Take one more run into account."""
        self.add_key(self.key_of(run))

    def add_key(self, key: Hashable) -> None:
        """Take one more run into account, by its key."""
        self._keys.append(key)
        self._counts[key] += 1
        if len(self._keys) == self._next_look:
            self._look()

    @property
    def runs(self) -> int:
        """How many runs there were."""
        return len(self._keys)

    @property
    def distinct(self) -> int:
        """How many distinct keys they had."""
        return len(self._counts)

    @property
    def total_at_least(self) -> float:
        """How many distinct keys there are in all, at least, as estimated by Chao (1984), without bias correction.

        From the keys that came once and those that came twice: the more of the former, the more are still to come.
        """
        once, twice = (sum(count == times for count in self._counts.values()) for times in (1, 2))
        return self.distinct + (once * (once - 1)) / (2 * (twice + 1))

    def _look(self) -> None:
        """Make the claim that so many runs allow; the looks together err at most as often as was asked for."""
        half = len(self._keys) // 2
        known = set(self._keys[:half])
        strange = sum(key not in known for key in self._keys[half:])
        self._looks += 1
        doubt = (1 - self.confidence) / 2**self._looks
        share = upper_bound(strange, len(self._keys) - half, doubt)
        if self.unseen is None or share < self.unseen.share:
            self.unseen = Unseen(share, self.confidence, len(self._keys))
        self._next_look *= 2

    def __str__(self) -> str:
        ends, runs = counted(self.distinct, "distinct end"), counted(self.runs, "run")
        said = f"{ends} in {runs}, about {self.total_at_least:,.0f} at least in all"
        return said if self.unseen is None else f"{said}; {self.unseen}"


def interval(met: int, of: int, confidence: float) -> tuple[float, float]:
    """Return between which shares a binomial proportion lies (Clopper and Pearson, 1934).

    Args:
        met: how often it was met.
        of: in how many independent tries.
        confidence: how sure that is to be, as a share of 1; the doubt is the same on either side.

    """
    doubt = (1 - confidence) / 2
    return 1 - upper_bound(of - met, of, doubt), upper_bound(met, of, doubt)


def upper_bound(strange: int, of: int, doubt: float) -> float:
    """Return the share that a binomial proportion exceeds only with probability `doubt` (Clopper and Pearson, 1934).

    Args:
        strange: how often it was met.
        of: in how many independent tries.
        doubt: as a share of 1.

    """
    if strange >= of:
        return 1.0
    if strange == 0:
        share: float = 1 - doubt ** (1 / of)
        return share
    low, high = strange / of, 1 - 1e-12
    while high - low > _PRECISION:
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(strange, of, middle) > doubt else (low, middle)
    return high


def _at_most(strange: int, of: int, share: float) -> float:
    """Return the probability of meeting something at most so often."""
    ways = (lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1) for k in range(strange + 1))
    return sum(exp(way + k * log(share) + (of - k) * log1p(-share)) for k, way in enumerate(ways))
