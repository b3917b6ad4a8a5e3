"""What a running action asks for: each call is a message, sent at once and awaited for its answer.

Owns the answers to `functions.syscalls.ActionSyscalls`. Calls get the paths ``<activity>.1``, ``.2`` and so on, so that
what they make is named by who called, not by when. And owns how an action dies (`Mortal`): after anything that it has
sent, so that what is on its way still happens, and after any wait in which time has passed, so that others have seen it
in progress. A death at another moment could not be told from one of these.
Knows the runner only as somebody to send to.
"""

from __future__ import annotations

from math import floor, inf
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from convexsim.actors.future import close_coroutine
from convexsim.actors.gather import Gathering
from convexsim.actors.messages import CancelFunction, Invoke, ScheduleFunction, SendRequest, UseExternal
from convexsim.actors.stage import may_strike, note, strikes
from convexsim.choices import activity_below
from convexsim.errors import PlatformError, UsageError
from convexsim.functions.draws import drawn
from convexsim.functions.outcome import Outcome, Threw, outcome_of
from convexsim.functions.syscalls import Drew, Logged
from convexsim.trace.event import Did
from convexsim.values import freeze
from convexsim.values.ids import IdStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

    from convexsim.actors.kernel import Future
    from convexsim.actors.stage import Stage
    from convexsim.functions.catalog import Mounted, Target
    from convexsim.functions.define import FunctionKind
    from convexsim.functions.network import Request, Response
    from convexsim.functions.reference import Reference
    from convexsim.functions.scheduled import ScheduledFunction
    from convexsim.functions.syscalls import ExternalVerb

__all__ = ["ActionFrame", "Answer", "Mortal"]

T = TypeVar("T")


class Answer(Generic[T]):
    """The answer to a call that has been sent; await it for the value, or for what was thrown.

    A call that nobody awaits runs all the same, also after the end of the action; what it throws then, nobody hears.
    (In JavaScript a rejection that nobody handles would end the action: dangling promises have no twin here.)
    """

    __slots__ = ("_failed", "_future")

    def __init__(self, future: Future[Any], failed: Threw | None = None) -> None:
        self._future = future
        self._failed = failed

    def __bool__(self) -> NoReturn:
        """Refuse to be asked whether the value is true: that is known once it has been awaited."""
        msg = "A call's answer was asked whether it is true before anybody awaited it."
        raise UsageError(msg, next_step="Write `await` before the call: if await ctx.run_query(...).")

    def __await__(self) -> Generator[Any, None, T]:
        answered = yield from self._future.__await__()
        outcome: Outcome = answered if self._failed is None else self._failed
        value: T = outcome.unwrap()
        return value


class Mortal:
    """What an action awaits, its handler first of all, that may end before its end: there it stands still for ever.

    Not even `finally` runs. What a handler gathers dies with it, and whoever awaits the dead hears of it at once.
    """

    __slots__ = ("_awaitable", "_frame")

    def __init__(self, awaitable: Awaitable[Any], frame: ActionFrame) -> None:
        self._awaitable = awaitable
        self._frame = frame

    def __await__(self) -> Generator[Any, Any, Any]:
        frame, running = self._frame, self._awaitable.__await__()
        awaited: Any = self._awaitable
        sent = thrown = None
        while frame.lives():  # while it runs it may die, but no time passes
            frame.goes_on()
            try:
                awaited = running.send(sent) if thrown is None else running.throw(thrown)
            except StopIteration as stop:
                if not frame.crashed:
                    return stop.value
                break
            if frame.crashed:
                break
            if isinstance(awaited, Gathering):
                awaited = awaited.around(lambda branch: Mortal(branch, frame))
            sent = thrown = None
            try:
                sent = yield awaited
            except Exception as exception:  # noqa: BLE001 - whatever it is, it is meant for the handler
                thrown = exception
            except BaseException:
                close_coroutine(running)
                raise  # the run is over, for the dead as well
            frame.waited()
        if isinstance(awaited, Gathering):
            awaited.discard()
        frame.bury(running)
        raise PlatformError("The action has died.", code="Dead")


class ActionFrame:
    """One running action's view of the platform.

    Args:
        ahead_ms: how far its node's clock is ahead.

    Attributes:
        is_mortal: whether it is possible that it dies or that its time is over.
        crashed: whether it has died: nothing that it asks for happens any more.

    """

    __slots__ = (
        "_activity",
        "_ahead_ms",
        "_asked_at",
        "_calls",
        "_end_ms",
        "_mounted",
        "_parent",
        "_stage",
        "_stream",
        "crashed",
        "is_mortal",
    )

    def __init__(
        self, stage: Stage, mounted: Mounted, activity: str, parent: ScheduledFunction | None, *, ahead_ms: float = 0
    ) -> None:
        self.is_mortal = may_strike(stage, "crash") or stage.action_ms < inf
        self.crashed = False
        self._end_ms = stage.now + stage.action_ms
        self._asked_at = stage.now
        self._ahead_ms = ahead_ms
        self._stage = stage
        self._mounted = mounted
        self._activity = activity
        self._parent = parent
        self._stream = IdStream(f"{activity}#action")
        self._calls = 0

    def now(self) -> float:
        """Return live time in whole ms: in an action the clock goes on (convex-semantics 1.4)."""
        return max(0, floor(self._stage.now + self._ahead_ms))

    def random(self) -> float:
        """Return the next number of this action's stream."""
        own, environment = self._stream.fraction(), self._stage.environment
        environment.drew = True
        if environment.platform.random_values == 1:
            return own
        value = drawn(environment, self._activity, own)
        note(self._stage, Did, self._activity, Drew(value))
        return value

    def log(self, line: str) -> None:
        """Record a line of the log."""
        if not self.crashed:
            note(self._stage, Did, self._activity, Logged(line))

    def make_handle(self, name: Reference | str) -> str:
        """Return a function's handle."""
        return self._resolve(name).handle

    def variables(self) -> Mapping[str, str | None]:
        """Return the component's environment variables."""
        return self._mounted.env

    def run(self, kind: FunctionKind, name: Reference | str, args: Any) -> Awaitable[Any]:
        """Call a query, mutation or action: a top-level call of its own (convex-semantics 5.2)."""

        def message(activity: str) -> Invoke:
            target = self._resolve(name).as_kind(kind, "Call it with run_{kind}.")
            return Invoke(activity, target, freeze(args, "args"), "action", self._parent)

        return self._send(message)

    def schedule(self, at_ms: float, name: Reference | str, args: Any) -> Awaitable[str]:
        """Schedule a function in a transaction of its own, whatever becomes of the action (convex-semantics 3.1)."""

        def message(activity: str) -> ScheduleFunction:
            target = self._stage.environment.catalog.resolve_scheduled(self._mounted, name)
            return ScheduleFunction(activity, self._mounted, at_ms, target, freeze(args, "args"), self._parent)

        return self._send(message)

    def cancel(self, scheduled_id: str) -> Awaitable[None]:
        """Cancel a scheduled function of the root, in a transaction of the platform's own (convex-semantics 3.4)."""
        return self._send(lambda activity: CancelFunction(activity, scheduled_id))

    def external(self, name: str, use: ExternalVerb, value: Any) -> Awaitable[Any]:
        """Use an outside object, as a step of its own."""
        frozen = freeze(value, name)
        return self._send(lambda activity: UseExternal(activity, name, use, frozen))

    def fetch(self, request: Request) -> Awaitable[Response]:
        """Send a request to the stub network, as a step of its own."""
        return self._send(lambda activity: SendRequest(activity, request))

    def sleep(self, delay_ms: float) -> Awaitable[None]:
        """Wait in virtual time, but not beyond the time that an action has."""
        stage = self._stage
        left_ms = 0 if self.crashed else self._end_ms - stage.now
        if delay_ms < left_ms:
            return stage.sleep(delay_ms)
        self._end_ms = stage.now + left_ms  # as the clock will count it: floats are not exact
        return stage.sleep(left_ms)

    def lives(self) -> bool:
        """Tell whether it has neither died nor used up its time (convex-semantics 6.3)."""
        return not self.crashed and self._stage.now < self._end_ms

    def goes_on(self) -> None:
        """Say that its handler runs now."""
        self._stage.environment.doubt()

    def waited(self) -> None:
        """Ask whether it has died while it waited, unless it was asked at this moment already."""
        if self._stage.now > self._asked_at and self.lives():
            self._may_die()

    def bury(self, running: Generator[Any, Any, Any]) -> None:
        """Keep what a dead action ran where it stands."""
        self._stage.bury(running)

    def _send(self, message: Callable[[str], Any]) -> Answer[Any]:
        stage = self._stage
        if self.crashed:
            return Answer(stage.sleep(0))  # nobody will see it: a dead handler is not resumed
        self._calls += 1
        activity = activity_below(self._activity, f".{self._calls}")
        built = outcome_of(lambda: message(activity))
        if isinstance(built, Threw):
            return Answer(stage.sleep(0), built)  # what could not be sent fails at its await, like anything else
        receiver = stage.outside if type(built.value) in (UseExternal, SendRequest) else stage.runner()
        future = receiver.ask(built.value, block=False)
        if stage.footprints is not None:
            stage.footprints.asked(self._activity, future)
        self._may_die()
        return Answer(future)

    def _may_die(self) -> None:
        if not self.crashed:
            self._asked_at = self._stage.now
            self.crashed = bool(strikes(self._stage, "crash", self._activity))

    def _resolve(self, name: Reference | str) -> Target:
        return self._stage.environment.catalog.resolve(self._mounted, name)
