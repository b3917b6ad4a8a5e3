"""Shares: of all ways to go on from each choice of a failing run, how many break the same invariant?

Owns a probability, that of the *uniform walk*, which takes each option of a choice alike, faults and waits included. It
is exact where all ways to go on can be run: from the end of the run backwards, a choice's share is the mean of the
shares behind its options, as exact fractions. A list of choices is never taken for another one, so nothing is supposed
of states that might be the same. Where the ways are too many walks are drawn, and an interval says what they show
(Clopper and Pearson, 1934; `meter.py`). Next: `explain.py`, which tells where the share jumps.
"""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.choices import ListedChoices, RandomChoices
from convexsim.explore.meter import interval
from convexsim.explore.shrink import breaks_like
from convexsim.simulation import Simulation, memory_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.choices import Choices, Kind, Option
    from convexsim.simulation import Run

__all__ = ["CONFIDENCE", "Share", "shares_of"]

CONFIDENCE: Final = 0.95
"""How sure an interval is, as a share of 1."""


@frozen
class Share:
    """A share of the ways to go on, weighted as the uniform walk takes them.

    Attributes:
        value: the share itself; if ways were drawn, the share of these.
        walks: how many were drawn; 0 if all ways were run, and the share is exact.

    """

    value: Fraction
    walks: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether all ways to go on were run."""
        return not self.walks

    @property
    def interval(self) -> tuple[float, float]:
        """Where it lies, with `CONFIDENCE`; both ends are the share if it is exact."""
        if self.is_exact:
            return float(self.value), float(self.value)
        return interval(int(self.value * self.walks), self.walks, CONFIDENCE)

    def __str__(self) -> str:
        if not self.is_exact:
            low, high = self.interval
            return f"{100 * low:.0f} to {100 * high:.0f} %"
        if self.value.denominator == 1:
            return str(self.value)
        if self.value.denominator < _READABLE:
            return f"{self.value} = {_percent(self.value)}"
        return _percent(self.value)


_READABLE: Final = 1_000


def _percent(share: Fraction) -> str:
    """Spell a share that is neither 0 nor 1, so that it looks like neither."""
    if share < Fraction(1, 1_000):
        return "less than 0.1 %"
    if share > Fraction(999, 1_000):
        return "more than 99.9 %"
    return f"{float(100 * share):.1f} %"


def shares_of(failing: Run, runs: int, on_run: Callable[[Run], None] | None = None) -> tuple[Share | None, ...]:
    """Return the share before each choice of a failing run, and after the last one, which is 1.

    Args:
        failing: a run with a violation.
        runs: how many may be spent: half of them on ways to go on that are all run; what is left is drawn, as many from
            each choice as from any other. A share for which nothing is left is None.
        on_run: called after every run; a KeyboardInterrupt raised in it ends the work with what is known.

    """
    tree = _Tree(failing, on_run)
    with suppress(KeyboardInterrupt):
        with suppress(_Spent):
            tree.run_all(runs // 2)
        tree.draw(runs - tree.runs)
    return tuple(tree.shares)


class _Spent(Exception):  # noqa: N818 - no error: the end of a search
    """The budget is spent."""


class _Tree:
    """The ways to go on from the choices of one run.

    Attributes:
        shares: what is known, by position.
        runs: how many were made.

    """

    def __init__(self, failing: Run, on_run: Callable[[Run], None] | None) -> None:
        self.runs = 0
        self._failing = failing
        self._taken: Final = [(index, count) for _, index, count, _ in failing.record.taken]
        self.shares: Final[list[Share | None]] = [*([None] * len(self._taken)), Share(Fraction(1))]
        self._memory: Final = memory_for(failing.scenario)
        self._on_run = on_run
        self._most = 0

    def run_all(self, most: int) -> None:
        """Run all ways to go on, from the last choice backwards, until they are too many."""
        self._most = most
        behind = Fraction(1)
        for at in range(len(self._taken) - 1, -1, -1):
            taken, count = self._taken[at]
            begun = self._failing.indexes[:at]
            others = [self._share_behind((*begun, index)) for index in range(count) if index != taken]
            behind = (behind + sum(others)) / count
            self.shares[at] = Share(behind)

    def draw(self, runs: int) -> None:
        """Draw ways to go on where the share is not known, from the first choice onwards.

        A way that goes as the failing run went is one of those that go on from the next choice, too: which way it takes
        there is drawn independently of what comes of it.
        """
        unknown = sum(share is None for share in self.shares)
        self._most = self.runs + runs
        walks, failed = [0] * unknown, [0] * unknown
        for at in range(unknown):
            for number in range(runs // unknown):
                run = self._run(_Walk(self._failing.indexes[:at], f"{at}:{number}"))
                together = at
                while together < unknown and run.indexes[:together] == self._failing.indexes[:together]:
                    walks[together] += 1
                    failed[together] += breaks_like(self._failing, run)
                    together += 1
        for at in range(unknown if all(walks) else 0):
            self.shares[at] = Share(Fraction(failed[at], walks[at]), walks[at])

    def _share_behind(self, begun: tuple[int, ...]) -> Fraction:
        """Return the share behind a beginning by running all that it can become, depth first."""
        share, indexes = Fraction(0), begun
        while True:
            run = self._run(ListedChoices(indexes))
            onward = [(index, count) for _, index, count, _ in run.record.taken[len(begun) :]]
            if breaks_like(self._failing, run):
                share += Fraction(1, prod(count for _, count in onward))
            while onward and onward[-1][0] == onward[-1][1] - 1:
                onward.pop()
            if not onward:
                return share
            indexes = (*begun, *(index for index, _ in onward[:-1]), onward[-1][0] + 1)

    def _run(self, choices: Choices) -> Run:
        if self.runs >= self._most:
            raise _Spent
        self.runs += 1
        scenario, level = self._failing.scenario, self._failing.level
        run = Simulation(scenario, choices, level=level, trace=False, memory=self._memory).run()
        if self._on_run is not None:
            self._on_run(run)
        return run


class _Walk:
    """The choices of a list, then each option alike; repeatable from a seed."""

    def __init__(self, indexes: Sequence[int], seed: str) -> None:
        self._indexes: Final = indexes
        self._draw: Final = RandomChoices(seed).draw
        self._at = 0

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the next index of the list, or a drawn one."""
        at, self._at = self._at, self._at + 1
        return self._indexes[at] if at < len(self._indexes) else int(self._draw() * len(options))
