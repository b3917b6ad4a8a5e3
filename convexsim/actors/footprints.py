"""Footprints: what each chosen step of a run has read and written, for explorers that ask for it.

Owns the recording. A *macro step* is a message that was chosen, or was the only one to choose, with everything that is
handled at once after it, until the next one. Two of them can depend on each other by documents (`reads`, `writes`), by
a named thing that one of them changes (`touches`): the plan of an outside object, the network, a table's creation
times, the commit timestamp, a client, what an action has been answered; or by a fact that only invariants can see
(`shows`), if one looks. When they do, `explore/dependence.py` says. A run that nobody asks has no recorder.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from itertools import pairwise
from math import isinf
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from convexsim.actors.client import Client
from convexsim.actors.dispatcher import EVERY_LEVEL
from convexsim.actors.messages import Collect, CronDone, RunCron, RunScheduled, ScheduledDone, SendRequest
from convexsim.choices import root_of
from convexsim.database.commit import Committed
from convexsim.database.write_log import keys_written
from convexsim.functions.outcome import Threw
from convexsim.functions.syscalls import ExternalUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from convexsim.actors.dispatcher import Dispatcher, Item
    from convexsim.choices import Kind, Option
    from convexsim.database.commit import Conflict
    from convexsim.database.reads import ReadSet
    from convexsim.database.transaction import FinalTransaction
    from convexsim.functions.environment import Answered, Environment
    from convexsim.functions.memory import Attempted
    from convexsim.functions.syscalls import ExternalVerb

__all__ = ["APP", "COMMIT_TS", "MOMENT", "TIMER", "Footprint", "Footprints"]

APP: Final = "the app that is deployed"
"""What every step uses in a world with deploys, and a deploy changes."""
COMMIT_TS: Final = "commit timestamp"
"""What transactions touch that ask for their commit timestamp."""
MOMENT: Final = "moment"
"""What a step shows after which `always` invariants are asked: a commit, or a use of the outside."""
TIMER: Final = "timer"
"""What a step shows in which somebody begins to sleep: those who wake at the same moment wake in that order."""


@define(eq=False)
class Footprint:
    """What one macro step has read and written.

    Attributes:
        activity: whose step it is. No activity ever has two steps to choose between.
        phase: what it does, as its message calls it.
        moment: virtual time, in ms; the clock moves only when nothing is left to run.
        creator: the place of the macro step that sent its message; -1 if none did.
        what: which function it is about, if its message names one.
        number: that of its first step in the run, from 1.
        reads: the read sets of the transactions that ran or were judged in it.
        writes: by index key, the keys written, of each commit that won.
        touches: the named things that it used, and whether it changed them.
        shows: the facts that it added to, of those that only invariants can see.

    """

    activity: str
    phase: str
    moment: float
    creator: int
    what: str = ""
    number: int = 0
    reads: list[ReadSet] = field(factory=list)
    writes: list[Mapping[str, Sequence[tuple[bytes, str]]]] = field(factory=list)
    touches: dict[str, bool] = field(factory=dict)
    shows: dict[str, None] = field(factory=dict)

    def read(self) -> dict[tuple[str, bytes, bytes], None]:
        """Return what it has read: an index, and from which key up to which (excluded)."""
        return {(index, *each): None for reads in self.reads for index, some in reads.intervals() for each in some}

    def written(self) -> dict[tuple[str, bytes], None]:
        """Return what it has written: an index, and a key in it."""
        return {(index, key): None for touched in self.writes for index in touched for key, _ in touched[index]}

    def changed(self) -> dict[str, None]:
        """Return the tables (``component/table``) and named things that it has changed, and the facts it added to."""
        tables = {index.rpartition(".")[0]: None for touched in self.writes for index in touched}
        return {thing: None for thing, changes in self.touches.items() if changes} | self.shows | tables


class Footprints:
    """The footprints of one run, in order, and what its invariants looked at.

    Attributes:
        steps: the macro steps; the last one may still be going on.
        watched: the tables (``component/table``), named things and facts that `always` invariants looked at.
        ordered: the facts that the other invariants looked at, of which the order can be told at the end.
        total: why every step may depend on every other, by reason; empty if none is known.
        level: the granularity of the run's choices.
        restarts: whether the backend may die.
        is_late: whether time may pass while somebody could run.

    """

    level: int
    restarts: bool
    is_late: bool

    def __init__(self) -> None:
        self.steps: list[Footprint] = []
        self.watched: dict[str, None] = {}
        self.ordered: dict[str, None] = {}
        self.total: dict[str, None] = {}
        self._sent: list[int] = []
        self._planned: dict[str, int] = {}
        self._moment = -1.0
        self._running = self._places = 0

    def attach(self, dispatcher: Dispatcher, environment: Environment) -> None:
        """Begin to record."""
        self.level, self.restarts = dispatcher.level, bool(environment.faults.restarts)
        self.is_late = environment.platform.late_ms > 0
        self._dispatcher = dispatcher
        self._environment = environment
        self._planned = {name: external.planned for name, external in environment.externals.items()}
        if not isinf(environment.platform.write_bytes_per_second):
            self.total["the platform limits what is written in a second"] = None

    def step(self, item: Item) -> None:
        """Take note of a message that is about to be handled."""
        message = item.envelope.message
        if getattr(message, "granularity", EVERY_LEVEL) >= self._dispatcher.level:
            creator = bisect_left(self._sent, item.number) - 1
            self._sent.append(self._dispatcher.sent)
            moment, number = self._dispatcher.clock.now, self._dispatcher.steps
            self.steps.append(Footprint(item.activity, item.phase, moment, creator, item.what, number))
            if self._environment.has_deploys:
                self.touch(APP, changes=False)
        if isinstance(item.actor, Client):
            self.touch(item.actor.actor_urn)
            self.show("calls")
        elif type(message) is SendRequest:
            self.touch("network")
            self.show(MOMENT)
        elif type(message) in (RunScheduled, RunCron, ScheduledDone, CronDone):
            self._count(starts=type(message) in (RunScheduled, RunCron))
        elif type(message) is Collect:
            self.total["finished scheduled functions are collected"] = None

    def touch(self, thing: str, *, changes: bool = True) -> None:
        """Note that the step at work uses a named thing; what the clock sets off comes after all steps anyway."""
        if self._is_at_work:
            touches = self.steps[-1].touches
            touches[thing] = changes or touches.get(thing, False)

    def drawing(self, choose: Callable[[Kind, Sequence[Option]], int]) -> Callable[[Kind, Sequence[Option]], int]:
        """Return the door to the choices of a run that are no steps, with each draw noted."""

        def ask(kind: Kind, options: Sequence[Option]) -> int:
            self._draw()
            return choose(kind, options)

        return ask

    def _draw(self) -> None:
        """Note a draw; one that is made as time passes belongs to no step, and follows whichever was the last.

        That is the same one in every order if so far each step but the first of a moment was sent by the one before it.
        """
        free = (one.moment == two.moment and two.creator < at for at, (one, two) in enumerate(pairwise(self.steps)))
        if not self._is_at_work and any(free):
            self.total["something is drawn as time passes"] = None

    def show(self, fact: str) -> None:
        """Note that the step at work adds to a fact that only invariants can see."""
        if self._is_at_work:
            self.steps[-1].shows[fact] = None

    def used(self, name: str, use: ExternalVerb) -> None:
        """Note a use of an outside object: nobody but invariants can read entries, or change a plan that is used up."""
        self.show(MOMENT)
        if use == "append":
            self.show(f"external {name}")
            self.show(f"contents of {name}")
        else:
            planned = self._environment.external(name).planned
            self.touch(f"plan of {name}", changes=planned != self._planned[name])
            self._planned[name] = planned

    def asked(self, action: str, answer: Any) -> None:
        """Note when an action is answered: what it does next may hang on which of its calls was answered first."""
        answer.when_done(partial(self.touch, f"answers to {action}"))

    def answered(self, answered: Answered) -> None:
        """Note that a call came back."""
        self.show(f"answers {answered.function}")
        if isinstance(answered.outcome, Threw) and root_of(answered.activity) == answered.activity:
            self.show("failures")

    def ran(self, made: Attempted) -> None:
        """Note what a handler has read and used, and in which tables it asked for creation times."""
        self.steps[-1].reads += [made.transaction.reads, *made.transaction.aside]
        if made.transaction.is_pending:
            self.touch(COMMIT_TS)
        for effect in made.effects:
            if isinstance(effect, ExternalUse):
                self.used(effect.name, effect.use)
        for table in made.stamps:
            self.touch(f"creation times of {table}")

    def judged(self, final: FinalTransaction, verdict: Committed | Conflict) -> None:
        """Note what a commit was judged by, and what it has written if it won."""
        step = self.steps[-1]
        step.reads.append(final.reads)
        if isinstance(verdict, Committed):
            step.writes.append(keys_written(verdict.writes))
            self.show("writer")
            self.show(MOMENT)
            if final.is_pending:
                self.touch(COMMIT_TS)

    def watch(self, reads: ReadSet, things: Iterable[str]) -> None:
        """Note what was looked at by what must always hold."""
        for index, _ in reads.intervals():
            self.watched[index.rpartition(".")[0]] = None
        for thing in things:
            self.watched[thing] = None

    def order(self, facts: Iterable[str]) -> None:
        """Note what was looked at when nothing was left to do."""
        for fact in facts:
            self.ordered[fact] = None

    @property
    def _is_at_work(self) -> bool:
        return bool(self.steps) and self.steps[-1].moment == self._dispatcher.clock.now

    def _count(self, *, starts: bool) -> None:
        """Count what the scheduler and the cron executor run, to see whether places may become scarce.

        At most those are at work at once that were when the moment began, and those that have started since.
        """
        now = self._dispatcher.clock.now
        if now > self._moment:
            self._moment, self._places = now, self._running
        self._running += 1 if starts else -1
        self._places += starts
        if self._places >= self._environment.platform.parallelism:
            self.total["all places of the scheduler may be taken"] = None
