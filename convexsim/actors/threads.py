"""The stage on which actors run by themselves: each on a thread of Pykka's, preempted wherever Python pleases.

A stress test of what stepped mode takes for granted: that a transaction sees one snapshot and is judged as a whole,
also when others really run in its middle. Owns the cast of a simulation on threads, its clock, and the question whether
anything is left to do. Knows neither scenarios nor invariants. Its twin is `stepped.py`; `simulation.py` builds one or
the other. Nothing here repeats: besides `choices.py` this is the one file that lets chance in.

Every execution gets a runner of its own, because a handler that awaits blocks its thread. A run is over when no message
is on its way, no handler is running and no timer is set; at a limit; or with the first exception out of an actor. What
actors share is guarded (`guarded.py`), save `Environment.stamps`: two transactions may get equal creation times, in
whatever order, as in a real deployment (convex-semantics 7).
"""

from __future__ import annotations

import sys
import threading
from functools import cache
from math import floor, inf
from time import monotonic
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, cast

from attrs import evolve, field, frozen, validators
from pykka import ActorRegistry, ThreadingActor, ThreadingFuture

from convexsim.actors.clock import VirtualClock
from convexsim.actors.committer import Committer
from convexsim.actors.deploy import start_crons
from convexsim.actors.guarded import CountedInbox, GuardedExternal, GuardedTrace, WatchedDatabase
from convexsim.actors.outside import Outside
from convexsim.actors.runner import Runner
from convexsim.actors.scheduler import Scheduler
from convexsim.actors.turns import Turns
from convexsim.errors import InternalError, UsageError
from convexsim.faults import FaultChoices
from convexsim.trace.event import Stepped

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from types import TracebackType

    from convexsim.actors.clock import Timer
    from convexsim.actors.kernel import ActorRef, Future
    from convexsim.actors.turns import Handler, Wakings
    from convexsim.choices import ChoiceRecord, Kind, Option
    from convexsim.database.commit import Database
    from convexsim.functions.environment import Environment, External
    from convexsim.trace.event import Trace

__all__ = ["STOP_SECONDS", "ThreadEnding", "ThreadStage", "Threads"]

T = TypeVar("T")
_NO_FAULTS: Final = "A fault on threads."
ThreadEnding = Literal["quiet", "broken", "max_steps", "max_seconds"]

STOP_SECONDS: Final = 5.0
"""How long a handler may still compute when its run is over, in real time: nobody can stop it from outside."""


@frozen
class Threads:
    """How a run on threads is set up.

    Attributes:
        max_seconds: of real time, after which the run is stopped; that is an outcome.
        switch_interval: seconds for which a thread may run before another preempts it (`sys.setswitchinterval`); with
            Python's own 5 ms most transactions would run whole. It is the process's, so one such run at a time.
        speed: how many times faster than real time the clock of the world goes.

    """

    max_seconds: float = field(default=30.0, validator=validators.gt(0))
    switch_interval: float = field(default=1e-5, validator=validators.gt(0))
    speed: float = field(default=100.0, validator=validators.gt(0))


class ThreadFuture(ThreadingFuture[T]):
    """Pykka's future for threads; a handler awaits it until it is resolved or the run is over."""

    def __init__(self) -> None:
        super().__init__()
        self._callbacks: list[Callable[[], None]] = []

    def set(self, value: Any | None = None) -> None:
        """Resolve with a value."""
        super().set(value)
        self._call_back()

    def set_exception(self, exc_info: Any = None) -> None:
        """Resolve with an exception, the one being handled unless one is given."""
        super().set_exception(exc_info)
        self._call_back()

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call back once the future is resolved, in the thread that resolves it; at once if it is."""
        with self._condition:
            if self._result is None and self._get_hook is None:
                self._callbacks.append(callback)
                return
        callback()

    def _call_back(self) -> None:
        with self._condition:
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def __await__(self) -> Generator[Any, None, T]:
        yield self
        return cast("T", self.get())

    __iter__ = __await__


class ThreadedActor(ThreadingActor):
    """A Pykka actor on a thread; its handlers may be `async def` and await futures.

    Attributes:
        single: whether it stops after its first message, as a runner does.
        activity: on whose behalf it works, or worked last.

    """

    actor_inbox: CountedInbox
    single = False
    activity = ""

    def __init__(self, stage: ThreadStage, *args: Any) -> None:
        self.stage = stage  # before Pykka makes the inbox, which needs it
        super().__init__(stage, *args)

    def _create_actor_inbox(self) -> CountedInbox:  # type: ignore[override] # Pykka's is static but is called on the instance
        return CountedInbox(self.stage.sent)

    @staticmethod
    def _create_future() -> Future[Any]:
        return ThreadFuture()

    def _start_actor_loop(self) -> None:
        """Start Pykka's loop as Pykka does, but keep the thread, so that the stage can wait for its end."""
        self.thread = threading.Thread(target=self._actor_loop, name=f"convexsim {type(self).__name__}", daemon=True)
        try:
            self.thread.start()
        except BaseException:
            ActorRegistry.unregister(self.actor_ref)
            raise
        self.stage.adopt(self)

    def on_receive(self, message: Any) -> Any:
        """Handle a message as the runtime's actor does, to the end of its handler; Pykka never sees an exception."""
        stage = self.stage
        try:
            if stage.begins(self, message):
                result = super().on_receive(message)
                return Turns(stage, ThreadFuture).run(result) if type(result) is CoroutineType else result
        except BaseException as exception:  # noqa: BLE001 - an actor of the runtime never fails by itself
            stage.fail(exception)
        finally:
            if self.single:
                self.stop()
            stage.handled()
        return None

    def on_stop(self) -> None:
        """Count the message that stopped the actor as handled."""
        self.stage.handled()


@cache
def threaded(actor_class: Any) -> Any:
    """Return the class that runs `actor_class`, an actor that names no runtime, on a thread."""
    return type(actor_class.__name__, (ThreadedActor, actor_class), {"single": actor_class is Runner})


class ThreadStage:
    """Holds database and actors of one simulation on threads; use it as a context manager.

    Attributes:
        on_commit: called after every commit, in the committer's thread, before anybody is told; False ends the run.
        steps: how many messages have been handled.

    """

    crons: ActorRef[Any]

    def __init__(
        self,
        environment: Environment,
        choices: ChoiceRecord,
        trace: Trace | None,
        settings: Threads,
        max_steps: int,
    ) -> None:
        # One lock, which its owner may take again, guards everything that is not an actor's own.
        self._changed = threading.Condition()
        externals: dict[str, External] = {
            name: GuardedExternal(own, self._changed) for name, own in environment.externals.items()
        }
        self.environment = evolve(environment, externals=externals)
        self.environment.choose = self.choose
        self.trace: Trace | None = None if trace is None else GuardedTrace(trace, self._changed)
        self.database: Database = WatchedDatabase(environment.catalog.tables(), self._judge)
        self.faults = FaultChoices(environment.faults, choices.choose, environment.struck)
        self.action_ms, self.footprints = inf, None
        self.in_flight: dict[str, Future[Any]] = {}
        self.on_commit: Callable[[], bool] = lambda: True
        self.steps = 0
        self._choices = choices
        self._settings = settings
        self._max_steps = max_steps
        self._in_flight = 0
        self._timers = VirtualClock(environment.platform.start_ms)
        self._timers.end = environment.end_ms
        self._asleep: dict[Wakings, None] = {}
        self._actors: list[ThreadedActor] = []
        self._over = False
        self._ending: ThreadEnding = "quiet"
        self._failure: BaseException | None = None
        self._started = monotonic()
        self._switch_interval = sys.getswitchinterval()

    def __enter__(self) -> Self:
        sys.setswitchinterval(self._settings.switch_interval)
        try:
            self.committer = self.start(Committer)
            self.scheduler = self.start(Scheduler)
            self.outside = self.start(Outside)
            start_crons(self)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        left = self._close()
        if left and exc is None:
            who = ", ".join(sorted({actor.activity for actor in left}))
            msg = f"Handlers of {who} still run {STOP_SECONDS:g} s after the end of their run on threads."
            raise UsageError(msg, code="HandlerGoesOn", next_step="Look for a loop without an end in these functions.")

    # What actors find around themselves

    @property
    def now(self) -> float:
        """Virtual time in ms, whole ones as Date.now() gives them (convex-semantics 1.4)."""
        return float(floor(self._exact_now()))

    def start(self, actor_class: Any, *args: Any) -> ActorRef[Any]:
        """Start an actor of the runtime on this stage."""
        ref: ActorRef[Any] = threaded(actor_class).start(self, *args)
        return ref

    def runner(self) -> ActorRef[Any]:
        """Return a new runner, for one execution."""
        return self.start(Runner)

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Ask the choices."""
        with self._changed:
            return self._choices.choose(kind, options)

    def future(self) -> Future[None]:
        """Return a future for somebody to resolve."""
        return ThreadFuture()

    def sleep(self, delay_ms: float) -> Future[None]:
        """Return a future that is resolved after some virtual time."""
        future = self.future()
        self._set_timer(delay_ms, future.set)
        return future

    def after(self, delay_ms: float, receiver: ActorRef[Any], message: Any, *, idle: bool = False) -> Timer:
        """Send a message after some virtual time."""
        return self._set_timer(delay_ms, lambda: receiver.tell(message), idle=idle)

    def bury(self, running: Generator[Any, Any, Any]) -> None:
        """Never happen: on threads there are no faults."""
        raise InternalError(_NO_FAULTS)

    def restart(self) -> None:
        """Never happen: on threads there are no faults."""
        raise InternalError(_NO_FAULTS)

    def fail(self, exception: BaseException) -> None:
        """End the run with an exception, which `play` raises; nothing happens if the run is over."""
        with self._changed:
            self._end(failure=exception)

    def _set_timer(self, delay_ms: float, fire: Callable[[], None], *, idle: bool = False) -> Timer:
        with self._changed:
            self._changed.notify_all()
            return self._timers.at(self._exact_now() + delay_ms, fire, idle=idle)

    def _exact_now(self) -> float:
        passed_ms = (monotonic() - self._started) * 1000
        return self.environment.platform.start_ms + passed_ms * self._settings.speed

    # What the actors' loops report

    def adopt(self, actor: ThreadedActor) -> None:
        """Take note of an actor whose thread runs."""
        with self._changed:
            self._actors = [other for other in self._actors if other.thread.is_alive()]
            self._actors.append(actor)

    def sent(self) -> None:
        """Count a message that is put in an inbox."""
        with self._changed:
            self._in_flight += 1

    def begins(self, actor: ThreadedActor, message: Any) -> bool:
        """Count and record a step; False if it must not be taken: the run is over."""
        with self._changed:
            if self.steps >= self._max_steps:
                self._end("max_steps")
            if self._over:
                return False
            self.steps += 1
            actor.activity = message.activity
            if self.trace is not None:
                what = (type(actor).__name__, message.phase, 0, 0)
                self.trace.add(Stepped(self.steps, self.now, message.activity, *what))
            return True

    def woken(self, wakings: Wakings) -> Handler | None:
        """Return which coroutine of a handler goes on next, waiting for that; None if the run is over."""
        with self._changed:
            over = self._over
            if not over:
                self._asleep[wakings] = None
        if over:
            return None
        turn = wakings.get()
        with self._changed:
            del self._asleep[wakings]
            return None if self._over else turn

    def handled(self) -> None:
        """Count a message that was handled, to the end of its handler."""
        with self._changed:
            self._in_flight -= 1
            if not self._in_flight:
                self._changed.notify_all()

    # The length of a run

    def play(self) -> ThreadEnding:
        """Fire timers until the run is over; raise what came out of an actor, or return how the run ended."""
        limit = monotonic() + self._settings.max_seconds
        with self._changed:
            while not self._over:
                deadline = self._timers.next_deadline()
                if monotonic() >= limit:
                    self._end("max_seconds")
                elif (deadline is None and not self._in_flight) or self._exact_now() > self.environment.end_ms:
                    self._end("quiet")
                elif deadline is not None and deadline <= self._exact_now():
                    self._timers.advance()
                else:
                    next_ms = self.environment.end_ms if deadline is None else deadline
                    due = (next_ms - self._exact_now()) / (1000 * self._settings.speed)
                    self._changed.wait(min(limit - monotonic(), due))
        if self._failure is not None:
            raise self._failure
        return self._ending

    def _judge(self) -> None:
        if not self._over and not self.on_commit():
            with self._changed:
                self._end("broken")

    def _end(self, ending: ThreadEnding = "quiet", failure: BaseException | None = None) -> None:
        if not self._over:
            self._over, self._ending, self._failure = True, ending, failure
            for wakings in self._asleep:
                wakings.put(None)
            self._changed.notify_all()

    def _close(self) -> list[ThreadedActor]:
        """Stop every actor and wait until its thread is gone; return those whose handlers do not come to an end."""
        sys.setswitchinterval(self._switch_interval)
        with self._changed:
            self._end()
        deadline = monotonic() + STOP_SECONDS
        # Again and again, because a handler that is still running may start a runner.
        while (alive := self._alive()) and monotonic() < deadline:
            for actor in alive:
                actor.actor_ref.stop(block=False)
            for actor in alive:
                actor.thread.join(max(0.0, deadline - monotonic()))
        for actor in alive:
            ActorRegistry.unregister(actor.actor_ref)
        return alive

    def _alive(self) -> list[ThreadedActor]:
        with self._changed:
            return [actor for actor in self._actors if actor.thread.is_alive()]
