"""Campaigns at work: over the scenarios of a script, by one process or by several, until each is over.

Owns in which order blocks are given out, when the time is over, and what is told when. What a campaign is stands in
`explore/campaign.py`, who explores a block in `hands.py`, what is kept in `store.py`. Scenarios are told in the order
of the script; a worker whom the first has no block for begins with the next. Used by `exploring.py`.
"""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from convexsim.cli.command import BROKEN, HELD, INTERRUPTED
from convexsim.cli.hands import Order
from convexsim.cli.printing import tell_clock, tell_finding, tell_report, tell_written
from convexsim.cli.reporting import report_campaign
from convexsim.cli.terminal import Progress

if TYPE_CHECKING:
    import argparse

    from convexsim.cli.hands import Alone, Workers
    from convexsim.cli.store import Identity, Store
    from convexsim.cli.terminal import Interrupt
    from convexsim.explore.block import Tally
    from convexsim.explore.campaign import Campaign

__all__ = ["Course", "Exploration"]


class Course:
    """One campaign of the command: since when it is at work, how far what is at work has come, and who is told."""

    def __init__(self, campaign: Campaign, identity: Identity) -> None:
        self.campaign: Final = campaign
        self.identity: Final = identity
        self.begun: float | None = None
        self.before = 0
        self.progress: Progress | None = None
        self.at_work: dict[Order, int] = {}
        self._told = 0

    @property
    def runs(self) -> int:
        """How many runs are done, also in blocks that are not."""
        return self.campaign.runs + sum(self.at_work.values())

    def recall(self, store: Store, *, resume: bool) -> None:
        """Take over the blocks that were explored at another time."""
        kept = store.begin(self.identity, resume=resume)
        for tally in kept:
            if self.campaign.fits(tally):
                self.campaign.add(tally)
        self.before = self.campaign.runs
        if resume and not kept and store.knows_another(self.identity):
            said = f"{self.identity.file} has changed since; the exploration of {self.identity.scenario} begins anew"
            print(f"convexsim: {said}", file=sys.stderr)

    def is_late(self, seconds: float | None) -> bool:
        """Whether its time is over."""
        return seconds is not None and self.begun is not None and monotonic() > self.begun + seconds

    def tell_news(self, arguments: argparse.Namespace) -> None:
        """Tell the failures that were not told yet."""
        for seen in self.campaign.sightings[self._told :]:
            tell_finding(seen, self.identity.scenario, arguments)
        self._told = len(self.campaign.sightings)

    def clock(self, workers: int) -> dict[str, Any]:
        """Return what depends on the machine and on the hour."""
        seconds = monotonic() - self.begun if self.begun is not None else 0.0
        rate = round((self.campaign.runs - self.before) / seconds) if seconds else 0
        told = {"seconds": round(seconds, 3), "runs_per_second": rate, "workers": workers}
        return {"scenario": self.identity.scenario, **told}


class Exploration:
    """The courses of one command, and who works on them."""

    def __init__(
        self,
        courses: list[Course],
        hands: Alone | Workers,
        store: Store,
        interrupt: Interrupt,
        arguments: argparse.Namespace,
    ) -> None:
        self._courses = courses
        self._hands = hands
        self._store = store
        self._interrupt = interrupt
        self._arguments = arguments
        self._seconds: float | None = arguments.time

    def carry_out(self) -> int:
        """Explore one campaign after the other, tell what came of each, and return the exit code."""
        for course in self._courses:
            course.recall(self._store, resume=self._arguments.resume)
        broken = stopped = False
        for at, course in enumerate(self._courses):
            if self._interrupt.asked and not course.runs:
                left = ", ".join(other.identity.scenario for other in self._courses[at:])
                print(f"convexsim: interrupted; not explored: {left}", file=sys.stderr)
                stopped = True
                break
            self._finish(at, course)
            tell_report(course.campaign, self._arguments)
            tell_written(report_campaign(course.campaign, self._arguments), self._arguments)
            tell_clock(course.clock(self._arguments.workers), self._arguments)
            report = course.campaign.report
            broken = broken or report.finding is not None or not (report.holds or report.interrupted)
            stopped = stopped or report.interrupted
        return BROKEN if broken else INTERRUPTED if stopped else HELD

    def see(self, order: Order, runs: int) -> None:
        """Show how far a campaign is, if it is the one that is shown."""
        course = self._courses[order.at]
        course.at_work[order] = runs
        if course.progress is not None:
            course.progress.show(course.runs, course.campaign, self._seconds)

    def wants(self, order: Order) -> bool:
        """Whether a block is still of use."""
        return not (order.campaign.is_over or self._must_end(self._courses[order.at]))

    def _finish(self, at: int, course: Course) -> None:
        """Explore one campaign until it is over, and with whoever is free the next ones; tell what is found."""
        with Progress(course.identity.scenario, course.before) as course.progress:
            course.tell_news(self._arguments)
            while not course.campaign.is_over:
                self._give(at)
                if not any(order.at == at for order in self._hands.at_work):
                    course.campaign.cut(interrupted=self._interrupt.asked)
                for order, tally in self._hands.done(self):
                    self._take(order, tally)
                course.tell_news(self._arguments)
        course.progress = None

    def _give(self, first: int) -> None:
        """Give orders to whoever is free: blocks of this campaign, then of the next ones."""
        for at, course in enumerate(self._courses[first:], first):
            while (
                self._hands.is_free
                and not self._must_end(course)
                and (block := course.campaign.next_block()) is not None
            ):
                course.begun = monotonic() if course.begun is None else course.begun
                self._hands.give(Order(course.campaign, at, block))

    def _take(self, order: Order, tally: Tally) -> None:
        """Keep what came of a block, then take it into account."""
        course = self._courses[order.at]
        course.at_work.pop(order, None)
        self._store.keep(course.identity, tally)
        if not course.campaign.is_over:
            course.campaign.add(tally)

    def _must_end(self, course: Course) -> bool:
        return self._interrupt.asked or course.is_late(self._seconds)
