"""The command `explore`: campaigns over the scenarios of a script, by one process or by several.

Owns in which order blocks are given out, when the time is over, and what is told when. What a campaign is stands in
`explore/campaign.py`, who explores a block in `hands.py`, what is kept in `store.py`. Scenarios are told in the order
of the script; a worker whom the first has no block for begins with the next.
"""

from __future__ import annotations

import sys
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from convexsim.cli.chosen import chosen
from convexsim.cli.hands import Alone, Order, Workers
from convexsim.cli.printing import BROKEN, HELD, tell_clock, tell_finding, tell_report
from convexsim.cli.store import Identity, Store
from convexsim.cli.terminal import Interrupt, Progress, interruption
from convexsim.errors import UsageError
from convexsim.explore.block import Plan
from convexsim.explore.campaign import MOST_RUNS, Campaign, Goal
from convexsim.testing.scenario_file import open_scenarios
from convexsim.values import counted

if TYPE_CHECKING:
    import argparse

    from convexsim.explore.block import Tally

__all__ = ["INTERRUPTED", "explore", "path_of"]

INTERRUPTED: Final = 130  # what a shell reports for a process that SIGINT has ended
_USUAL_RUNS: Final = 1_000
_USUAL_UNSEEN: Final = 0.01


def explore(arguments: argparse.Namespace) -> int:
    """Explore the scenarios that are meant, tell what came of each, and return the exit code."""
    plan = Plan(arguments.explorer, arguments.seed, arguments.level, arguments.keep_going)
    goal = _goal(arguments)
    interrupt = Interrupt()
    if arguments.resume and arguments.no_store:
        raise UsageError("Nothing is kept with --no-store, so --resume has nothing to go on with.")
    folder = None if arguments.no_store else arguments.store
    with interruption(interrupt), open_scenarios(arguments.file.path) as scenarios:
        campaigns = [Campaign(scenario, plan, goal) for scenario in chosen(scenarios, arguments)]
        courses = [_Course(campaign, _identity(campaign, arguments)) for campaign in campaigns]
        with Store(folder) as store, _hands(campaigns, arguments) as hands:
            return _Exploration(courses, hands, store, interrupt, arguments).carry_out()


def path_of(script: Path) -> str:
    """Return how a script is called in the store: as seen from the current folder, if it is in there."""
    path, here = script.resolve(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


class _Course:
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


class _Exploration:
    """The courses of one command, and who works on them."""

    def __init__(
        self,
        courses: list[_Course],
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

    def _finish(self, at: int, course: _Course) -> None:
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

    def _must_end(self, course: _Course) -> bool:
        return self._interrupt.asked or course.is_late(self._seconds)


def _goal(arguments: argparse.Namespace) -> Goal:
    if arguments.unseen is not None and arguments.until_certain is None:
        msg = "--unseen says when --until-certain is content, which was not asked for."
        raise UsageError(msg, next_step="Write --until-certain 95% --unseen 1%, say.")
    if arguments.until_certain is not None:
        return Goal(MOST_RUNS, arguments.unseen or _USUAL_UNSEEN, arguments.until_certain)
    if arguments.time is not None:
        return Goal(MOST_RUNS)
    return Goal(_USUAL_RUNS if arguments.runs is None else arguments.runs)


def _hands(campaigns: list[Campaign], arguments: argparse.Namespace) -> Alone | Workers:
    count: int = min(arguments.workers, sum(campaign.blocks for campaign in campaigns))
    if not campaigns[0].is_divisible and count < arguments.workers:
        pieces = counted(count, "scenario")
        said = f"{arguments.explorer} searches each scenario in one piece: for {pieces}, {count} of the workers will do"
        print(f"convexsim: {said}", file=sys.stderr)
    if count == 1:
        return Alone()
    return Workers(count, {"path": str(arguments.file.path), "faults": arguments.faults})


def _identity(campaign: Campaign, arguments: argparse.Namespace) -> Identity:
    # By way of sys.modules, because the rooms of the package do not import its front door.
    script = arguments.file.path.read_bytes() + sys.modules["convexsim"].__version__.encode()
    plan = campaign.plan
    return Identity(
        file=path_of(arguments.file.path),
        scenario=campaign.scenario.name,
        explorer=plan.explorer,
        seed=plan.seed,
        level=plan.level,
        faults=arguments.faults or "",
        keeps_going=plan.keeps_going,
        script=blake2b(script, digest_size=8).hexdigest(),
    )
