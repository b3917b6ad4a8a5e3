"""What a running action asks for: each call is a message, sent at once and awaited for its answer.

Owns the answers to `functions.syscalls.ActionSyscalls`. Calls get the paths ``<activity>.1``, ``.2`` and so on, so that
what they make is named by who called, not by when. Knows the runner only as somebody to send to.
"""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from convexsim.actors.messages import CancelFunction, Invoke, ScheduleFunction, UseExternal
from convexsim.choices import activity_below
from convexsim.functions.outcome import Outcome, Threw, outcome_of
from convexsim.functions.syscalls import Logged
from convexsim.trace.event import Did
from convexsim.values import freeze
from convexsim.values.ids import IdStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from convexsim.actors.kernel import Future
    from convexsim.actors.stage import Stage
    from convexsim.functions.component import Mounted, Target
    from convexsim.functions.define import FunctionKind
    from convexsim.functions.reference import Reference
    from convexsim.functions.scheduled import ScheduledFunction
    from convexsim.functions.syscalls import ExternalVerb

__all__ = ["ActionFrame", "Answer"]

T = TypeVar("T")


class Answer(Generic[T]):
    """The answer to a call that has been sent; await it for the value, or for what was thrown.

    A call that nobody awaits runs all the same.
    """

    __slots__ = ("_failed", "_future")

    def __init__(self, future: Future[Any], failed: Threw | None = None) -> None:
        self._future = future
        self._failed = failed

    def __await__(self) -> Generator[Any, None, T]:
        answered = yield from self._future.__await__()
        outcome: Outcome = answered if self._failed is None else self._failed
        value: T = outcome.unwrap()
        return value


class ActionFrame:
    """One running action's view of the platform."""

    __slots__ = ("_activity", "_calls", "_mounted", "_parent", "_stage", "_stream")

    def __init__(self, stage: Stage, mounted: Mounted, activity: str, parent: ScheduledFunction | None) -> None:
        self._stage = stage
        self._mounted = mounted
        self._activity = activity
        self._parent = parent
        self._stream = IdStream(f"{activity}#action")
        self._calls = 0

    def now(self) -> float:
        """Return live time in whole ms: in an action the clock goes on (convex-semantics 1.4)."""
        return floor(self._stage.now)

    def random(self) -> float:
        """Return the next number of this action's stream."""
        return self._stream.fraction()

    def log(self, line: str) -> None:
        """Record a line of the log."""
        stage = self._stage
        if stage.trace is not None:
            stage.trace.add(Did(stage.steps, stage.now, self._activity, Logged(line)))

    def make_handle(self, name: Reference | str) -> str:
        """Return a function's handle."""
        return self._resolve(name).handle

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

    def sleep(self, delay_ms: float) -> Awaitable[None]:
        """Wait in virtual time."""
        return self._stage.sleep(delay_ms)

    def _send(self, message: Callable[[str], Any]) -> Answer[Any]:
        self._calls += 1
        activity = activity_below(self._activity, f".{self._calls}")
        built = outcome_of(lambda: message(activity))
        stage = self._stage
        if isinstance(built, Threw):
            return Answer(stage.sleep(0), built)  # what could not be sent fails at its await, like anything else
        receiver = stage.outside if type(built.value) is UseExternal else stage.runner()
        return Answer(receiver.ask(built.value, block=False))

    def _resolve(self, name: Reference | str) -> Target:
        return self._stage.environment.catalog.resolve(self._mounted, name)
