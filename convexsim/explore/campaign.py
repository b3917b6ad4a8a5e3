"""Campaigns: the blocks of one scenario, put together in their order, and when there have been enough.

Owns which block comes next, how the tallies of blocks become one report, and when a campaign is over. All of that goes
by the numbers of blocks, whatever finished first: so a campaign comes out the same whoever explores its blocks, and
also if it was stopped and goes on later. Knows no process, no file and no real time. Used by the command line.
"""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.errors import UsageError
from convexsim.explore.block import BLOCK, Block, merged
from convexsim.explore.explorer import Divisible
from convexsim.explore.meter import Meter
from convexsim.explore.report import Report
from convexsim.explore.trace_key import trace_key

if TYPE_CHECKING:
    from convexsim.explore.block import Plan, Sighting, Tally
    from convexsim.simulation import Scenario

__all__ = ["MOST_RUNS", "Campaign", "Goal"]

MOST_RUNS: Final = 1_000_000_000
"""Runs after which every campaign ends."""


@frozen
class Goal:
    """When a campaign has been long enough.

    Attributes:
        runs: after so many runs.
        unseen: or when a further run ends in an unseen way with less than this probability; 0 if that does not matter.
        confidence: how sure that must be, as a share of 1.

    """

    runs: int = 1_000
    unseen: float = 0.0
    confidence: float = 0.95


class Campaign:
    """One scenario, explored in blocks until the goal is reached or something breaks.

    Args:
        scenario: the world and what must hold in it.
        plan: how it is explored.
        goal: how long.

    Attributes:
        report: what came of the blocks that are taken into account.
        meter: how many distinct ends they had, and what that says of further runs.
        traces: how many distinct traces, of the runs that were asked for theirs (`RECORDED`, or all that an explorer
            asks itself); of none at level 1, and where the backend may restart.
        sightings: the distinct failures in them.
        is_over: whether there is nothing left to do.

    Raises:
        UsageError: there is nothing to run; or the goal asks for a sample, and the runs of this explorer are none.

    """

    def __init__(self, scenario: Scenario, plan: Plan, goal: Goal) -> None:
        self.scenario: Final = scenario
        self.plan: Final = plan
        self.goal: Final = goal
        self._explorer = plan.explorer_for(Block(0, goal.runs))
        self.is_divisible: Final = isinstance(self._explorer, Divisible)
        self.is_sample: Final = getattr(self._explorer, "is_independent", False)
        if goal.runs < 1:
            raise UsageError(f"{goal.runs} runs explore nothing.", next_step="Give 1 or more.")
        if goal.unseen and not self.is_sample:
            msg = f"How much is unseen can be said of independent runs, and those of a {self._explorer.name} are not."
            raise UsageError(msg, next_step="Take --explorer random, sticky, pos or starving.")
        self.report: Final = Report(scenario, self._explorer.name, plan.level)
        self.meter: Final = Meter(confidence=goal.confidence)
        self.traces: Final = Meter(trace_key)
        self.sightings: list[Sighting] = []
        self.is_over = False
        self._given = 0
        self._merged = 0
        self._waiting: dict[int, Tally] = {}

    @property
    def runs(self) -> int:
        """How many runs there were, in all blocks that are known."""
        return self.report.runs + sum(tally.runs for tally in self._waiting.values())

    @property
    def blocks(self) -> int:
        """How many blocks it has at most."""
        return -(-self.goal.runs // BLOCK) if self.is_divisible else 1

    def next_block(self) -> Block | None:
        """Return a block that nobody has yet; None if there is none."""
        while self._given < self._merged or self._given in self._waiting:
            self._given += 1
        if self.is_over or self._given >= self.blocks:
            return None
        self._given += 1
        return self._block(self._given - 1)

    def fits(self, tally: Tally) -> bool:
        """Whether a tally, kept from another time, is that of a block of this campaign."""
        return tally.is_whole and tally.block < self.blocks and tally.size == self._block(tally.block).runs

    def add(self, tally: Tally) -> None:
        """Take a block into account, as soon as all before it are.

        Raises:
            UsageError: the block could not be explored.

        """
        self._waiting[tally.block] = tally
        while not self.is_over and (following := self._waiting.get(self._merged)) is not None and following.is_whole:
            self._merge(self._waiting.pop(self._merged))
            self._merged += 1

    def cut(self, *, interrupted: bool) -> None:
        """End it now, with all that is known, though blocks between others, or the ends of some, are not."""
        for number in sorted(self._waiting):
            if not self.is_over:
                self._merge(self._waiting.pop(number))
        self.is_over = True
        self.report.interrupted = interrupted

    def close(self) -> Report:
        """Return the report, with the first failure, if there is one."""
        if self.sightings:
            self.report.finding = self.sightings[0].again(self.scenario, self.plan.level)
        elif self.is_sample and self.meter.unseen is not None:
            self.report.notes.append(str(self.meter))
        return self.report

    def _block(self, number: int) -> Block:
        left = self.goal.runs - number * BLOCK
        return Block(number, min(BLOCK, left) if self.is_divisible else left)

    def _merge(self, tally: Tally) -> None:
        if tally.error:
            raise UsageError(tally.error)
        report = self.report
        report.runs += tally.runs
        report.calls += tally.calls
        report.failed_calls.update(tally.failed_calls)
        report.failed_functions.update(tally.failed_functions)
        report.reached.update(tally.reached)
        report.random_values = max(report.random_values, tally.random_values)
        # What each block says in its own words is true of that block alone.
        report.notes = tally.notes if tally.block == 0 or tally.notes == report.notes else []
        report.exhausted = report.exhausted or tally.exhausted
        if report.differs_from_step is None:
            report.differs_from_step = tally.differs_from_step
        report.explorer = self._name_after(tally)
        for key in tally.keys:
            self.meter.add_key(intern(key))  # there are few distinct ones, and as many as runs in all
        for key in tally.trace_keys:
            self.traces.add_key(intern(key))
        self.sightings = merged([*self.sightings, *tally.sightings])
        self.is_over = self._has_enough(tally)

    def _has_enough(self, tally: Tally) -> bool:
        unseen = self.meter.unseen
        return (
            (bool(self.sightings) and not self.plan.keeps_going)
            or tally.exhausted
            or tally.block + 1 == self.blocks
            or (self.goal.unseen > 0 and unseen is not None and unseen.share < self.goal.unseen)
        )

    def _name_after(self, tally: Tally) -> str:
        """Return how the explorer calls itself, knowing what was learnt in all blocks."""
        if not isinstance(self._explorer, Divisible):
            return tally.explorer
        self._explorer.learn(tally.learnt)
        return self._explorer.name
