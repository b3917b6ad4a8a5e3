"""The stage on which actors are stepped: the runtime's actors under one dispatcher, in a chosen order.

Owns the cast of a simulation in stepped mode. Its twin is `threads.py`; `simulation.py` builds one or the other.
"""

from __future__ import annotations

import queue
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from convexsim.actors.committer import Committer
from convexsim.actors.crons import resume_crons
from convexsim.actors.deploy import start_crons
from convexsim.actors.dispatcher import CLOCK, Dispatcher
from convexsim.actors.footprints import TIMER
from convexsim.actors.future import SteppedFuture, Task
from convexsim.actors.kernel import stepped
from convexsim.actors.outside import Outside
from convexsim.actors.retry import CONNECTION_LOST
from convexsim.actors.runner import Runner
from convexsim.actors.scheduler import Scheduler, resume_scheduled
from convexsim.actors.stage import note
from convexsim.database.commit import Database
from convexsim.faults import FaultChoices
from convexsim.trace.event import Passed, Stepped

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from types import TracebackType

    from convexsim.actors.clock import Timer
    from convexsim.actors.dispatcher import Item
    from convexsim.actors.footprints import Footprints
    from convexsim.actors.kernel import ActorRef, Future
    from convexsim.choices import ChoiceRecord, Kind, Option
    from convexsim.functions.environment import Environment
    from convexsim.trace.event import Trace

__all__ = ["SteppedStage"]


class SteppedStage:
    """Holds dispatcher, database and actors of one simulation; use it as a context manager."""

    crons: ActorRef[Any]

    def __init__(
        self,
        environment: Environment,
        choices: ChoiceRecord,
        level: int,
        trace: Trace | None,
        footprints: Footprints | None = None,
    ) -> None:
        self.environment = environment
        self._choose = choices.choose if footprints is None else footprints.drawing(choices.choose)
        environment.choose = self._choose  # which does not lead back here: a run that is kept holds its environment
        self.trace = trace
        beginning, memory = environment.catalog.beginning, environment.memory
        self.database = Database(beginning=beginning) if memory is None else memory.database(beginning)
        self.footprints = footprints
        on_step = self._note if trace is not None else None if footprints is None else footprints.step
        self.dispatcher = Dispatcher(choices, level=level, on_step=on_step)
        self.dispatcher.clock.now = environment.platform.start_ms
        self.dispatcher.clock.end = environment.end_ms
        self.dispatcher.late_ms = environment.platform.late_ms
        self.dispatcher.on_tick = self._note_late if trace is not None else None
        self.faults = FaultChoices(environment.faults, self._choose, environment.struck)
        self.action_ms: float = environment.platform.limits.action_ms
        self.in_flight: dict[str, Future[Any]] = {}
        self._choices = choices
        self._taken = 0
        if footprints is not None:
            footprints.attach(self.dispatcher, environment)

    def __enter__(self) -> Self:
        self.dispatcher.__enter__()
        self.committer = self.start(Committer)
        self.scheduler = self.start(Scheduler)
        self.outside = self.start(Outside)
        self._runner = self.start(Runner)
        start_crons(self)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.trace = None  # what handlers still do in a `finally`, once the run is over, is no part of it
        self.dispatcher.__exit__(exc_type, exc, tb)

    def start(self, actor_class: Any, *args: Any) -> ActorRef[Any]:
        """Start an actor of the runtime on this stage."""
        ref: ActorRef[Any] = stepped(actor_class).start(self, *args)
        return ref

    @property
    def steps(self) -> int:
        """How many messages have been handled."""
        return self.dispatcher.steps

    @property
    def now(self) -> float:
        """Virtual time in ms."""
        return self.dispatcher.clock.now

    def runner(self) -> ActorRef[Any]:
        """Return the one runner: its coroutines stand side by side."""
        return self._runner

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Ask the choices."""
        return self._choose(kind, options)

    def future(self) -> Future[None]:
        """Return a future for somebody to resolve."""
        return SteppedFuture()

    def sleep(self, delay_ms: float) -> Future[None]:
        """Return a future that is resolved after some virtual time."""
        future = self.future()
        if self.footprints is not None:
            self.footprints.show(TIMER)
        self.dispatcher.clock.at(self.now + delay_ms, future.set, self.dispatcher.stepping)
        return future

    def fail(self, exception: BaseException) -> None:
        """Raise an exception out of the step that is being handled."""
        self.dispatcher.stash(exception)

    def after(self, delay_ms: float, receiver: ActorRef[Any], message: Any, *, idle: bool = False) -> Timer:
        """Send a message after some virtual time."""
        clock = self.dispatcher.clock
        return clock.at(self.now + delay_ms, lambda: receiver.tell(message), self.dispatcher.stepping, idle=idle)

    def bury(self, running: Generator[Any, Any, Any]) -> None:
        """Keep a dead handler where it stands until the simulation is over."""
        assert self.dispatcher.stepping is not None, "only a handler dies"
        self.dispatcher.bury(Task(self.dispatcher.stepping, running, None))

    def restart(self) -> None:
        """Let the backend's process die and start again: runner, scheduler and cron executor; the database stays.

        What waits for the committer comes from the dead runner, so it is lost with it. A request that is on its way to
        the outside has left the machine, and arrives; so has an answer that its client has not seen yet.
        """
        dispatcher = self.dispatcher
        executor = [self.crons] if self.environment.catalog.has_crons else []
        for ref in (self.scheduler, self._runner, *executor):
            dispatcher.kill(dispatcher.actor(ref.actor_urn))
        dispatcher.withdraw(dispatcher.actor(self.committer.actor_urn))
        lost, self.in_flight = self.in_flight, {}
        for answer in lost.values():
            with suppress(queue.Full):  # it has been given, and is on its way
                answer.set(CONNECTION_LOST)
        self.scheduler = self.start(Scheduler)
        self._runner = self.start(Runner)
        resume_scheduled(self)
        resume_crons(self)

    def _note_late(self, waiting: Sequence[Item]) -> None:
        """Record that time is about to pass while these wait."""
        deadline = self.dispatcher.clock.next_deadline()
        assert deadline is not None, "time passes until something is due"
        late = tuple((item.activity, item.phase) for item in waiting)
        note(self, Passed, CLOCK, deadline, late)

    def _note(self, item: Item) -> None:
        """Record a step, and whether it was chosen among several."""
        if self.footprints is not None:
            self.footprints.step(item)
        taken = self._choices.taken
        index = count = 0
        if len(taken) > self._taken:
            kind, last_index, last_count, option = taken[-1]
            if kind == "step" and option is item:
                index, count = last_index, last_count
            self._taken = len(taken)
        assert self.trace is not None
        actor = item.actor.actor_urn.split(":")[2]
        self.trace.add(Stepped(self.steps, self.now, item.activity, actor, item.phase, count, index))
