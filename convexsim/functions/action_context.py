"""What an action's handler is given: calls that are sent at once and awaited for their answers (convex-semantics 6.1).

Owns the spelling, in Python, of everything an action can ask of its platform. Knows only the protocols of
`syscalls.py`; `actors/action.py` answers. Its twin, for queries and mutations, is `context.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convexsim.functions.context import Ctx, checked_delay
from convexsim.functions.network import request_of
from convexsim.functions.refusals import IN_ACTIONS, Refusing
from convexsim.functions.syscalls import ActionSyscalls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from convexsim.functions.network import Response
    from convexsim.functions.reference import Reference

__all__ = ["ActionCtx"]


class ActionScheduler(Refusing):
    """`ctx.scheduler` of an action: each call is a transaction of its own, sent at once."""

    __slots__ = ("_syscalls",)

    def __init__(self, syscalls: ActionSyscalls) -> None:
        self._syscalls = syscalls

    def run_after(self, delay_ms: float, name: Reference | str, args: dict[str, Any] | None = None) -> Awaitable[str]:
        """Schedule a function `delay_ms` from now; await it for the id of its row."""
        return self.run_at(self._syscalls.now() + checked_delay(delay_ms), name, args)

    def run_at(self, at_ms: float, name: Reference | str, args: dict[str, Any] | None = None) -> Awaitable[str]:
        """Schedule a function at a moment in ms."""
        return self._syscalls.schedule(at_ms, name, args if args is not None else {})

    def cancel(self, scheduled_id: str) -> Awaitable[None]:
        """Cancel a scheduled function."""
        return self._syscalls.cancel(scheduled_id)


class ActionExternal(Refusing):
    """An outside object in an action: each use is a step of its own, so others may come in between."""

    __slots__ = ("_name", "_syscalls")

    def __init__(self, syscalls: ActionSyscalls, name: str) -> None:
        self._syscalls = syscalls
        self._name = name

    def append(self, value: Any) -> Awaitable[None]:
        """Add an entry."""
        return self._syscalls.external(self._name, "append", value)

    def take(self, default: Any = None) -> Awaitable[Any]:
        """Take the next entry of its plan, or `default`."""
        return self._syscalls.external(self._name, "take", default)


class ActionCtx(Ctx[ActionSyscalls]):
    """The context of an action: no database, but calls, each of which is sent at once and awaited for its result."""

    __slots__ = ("scheduler",)
    _refusals = IN_ACTIONS

    def __init__(self, syscalls: ActionSyscalls) -> None:
        super().__init__(syscalls)
        self.scheduler = ActionScheduler(syscalls)

    def run_query(self, name: Reference | str, args: dict[str, Any] | None = None) -> Awaitable[Any]:
        """Run a query at the newest snapshot."""
        return self._syscalls.run("query", name, args if args is not None else {})

    def run_mutation(self, name: Reference | str, args: dict[str, Any] | None = None) -> Awaitable[Any]:
        """Run a mutation as a transaction of its own, retried on conflicts (convex-semantics 2)."""
        return self._syscalls.run("mutation", name, args if args is not None else {})

    def run_action(self, name: Reference | str, args: dict[str, Any] | None = None) -> Awaitable[Any]:
        """Run another action."""
        return self._syscalls.run("action", name, args if args is not None else {})

    def external(self, name: str) -> ActionExternal:
        """Return one of the scenario's outside objects."""
        return ActionExternal(self._syscalls, name)

    def fetch(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Awaitable[Response]:
        """Send a request to the scenario's stub network, as a step of its own; await it for the `Response`.

        Args:
            url: a whole address.
            method: of HTTP.
            headers: by name.
            body: text, bytes, or a value that travels as JSON; not for GET and HEAD.

        Raises:
            NetworkError: at the await, if the scenario plans no response (`World.network`).

        """
        return self._syscalls.fetch(request_of(url, method, headers, body))

    def sleep(self, delay_ms: float) -> Awaitable[None]:
        """Wait in virtual time, of which an action has 1,800 s (`Limits.action_ms`, convex-semantics 6.3)."""
        return self._syscalls.sleep(checked_delay(delay_ms))
