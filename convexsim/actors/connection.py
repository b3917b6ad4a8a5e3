"""Connections: how a client's calls travel to the backend and what comes back (convex-semantics 2).

Owns what each kind of client does when an answer does not come: an HTTP client is told that the connection was lost,
and whether the call happened it cannot know; a websocket client connects again and sends its mutations and queries once
more, each under the name of its first sending, so that it happens once (`functions/session_requests.py`). Knows no
script. Next: `runner.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from convexsim.actors.messages import Invoke, Push
from convexsim.actors.retry import CONNECTION_LOST, JITTER_STEPS, SYSTEM_ERROR, Backoff
from convexsim.actors.stage import note, strikes
from convexsim.choices import run_anew
from convexsim.functions.outcome import GaveUp
from convexsim.functions.session_requests import SessionRequest
from convexsim.trace import event

if TYPE_CHECKING:
    from convexsim.actors.stage import Stage
    from convexsim.functions.catalog import Catalog, Target
    from convexsim.functions.outcome import Outcome

__all__ = ["CLIENT_KINDS", "ClientKind", "Connection", "HttpConnection", "WebsocketConnection", "connect"]

ClientKind = Literal["http", "websocket"]
CLIENT_KINDS: Final[tuple[ClientKind, ...]] = ("http", "websocket")

_RECONNECT_MS: Final = 1_000
_LONGEST_RECONNECT_MS: Final = 16_000
_REQUEST_LOST: Final = 1


class Connection:
    """How one client reaches the backend.

    Attributes:
        client: its name.
        actions_in_parallel: whether its next call may go out before an action has come back.

    """

    actions_in_parallel = False

    def __init__(self, stage: Stage, client: str) -> None:
        self.client = client
        self._stage = stage

    async def call(self, activity: str, target: Target, args: Any) -> Outcome:
        """Call a function and return what came back."""
        return await self._send(Invoke(activity, target, args, "client"))

    async def deploy(self, activity: str, catalog: Catalog) -> Outcome:
        """Have another app deployed, and return whether that was refused."""
        return await self._send(Push(activity, catalog))

    async def _send(self, message: Invoke | Push) -> Outcome:
        """Send a call once; its request or its answer may get lost on the way, or the backend may die."""
        stage, activity = self._stage, message.activity
        way = strikes(stage, "disconnect", activity, "request lost", "answer lost")
        outcome: Outcome = CONNECTION_LOST
        if way != _REQUEST_LOST:
            answer = stage.runner().ask(message, block=False)
            if not way:
                stage.in_flight[activity] = answer
                outcome = await answer
                stage.in_flight.pop(activity, None)
        if outcome is CONNECTION_LOST:
            note(stage, event.Ended, activity, message.label, outcome)
        return outcome


class HttpConnection(Connection):
    """Each call is a request of its own; nothing is ever sent again."""


class WebsocketConnection(Connection):
    """One socket for all calls; when it closes, what is not answered goes out again on the next one.

    Actions do not: they are reported as failed, because nobody knows how far they came.
    """

    actions_in_parallel = True

    def __init__(self, stage: Stage, client: str) -> None:
        super().__init__(stage, client)
        self._closed = 0
        self._failures = 0

    async def call(self, activity: str, target: Target, args: Any) -> Outcome:
        """Call a function; all but actions as often as it takes to be answered."""
        if target.definition.kind == "action":
            return await self._on_socket(Invoke(activity, target, args, "client"))
        request = SessionRequest(self.client, activity.removeprefix(f"{self.client}."))
        path = activity
        while True:
            outcome = await self._on_socket(Invoke(path, target, args, "client", request=request))
            if outcome is not CONNECTION_LOST:
                self._failures = 0
                return outcome
            self._failures += 1
            await self._reconnect(activity)
            path = run_anew(path)

    async def _on_socket(self, message: Invoke) -> Outcome:
        """Send a call once; if the socket that it went out on has closed meanwhile, its answer is lost."""
        socket = self._closed
        outcome = await self._send(message)
        if outcome is SYSTEM_ERROR or outcome is CONNECTION_LOST or isinstance(outcome, GaveUp):
            self._closed += 1
        return outcome if self._closed == socket else CONNECTION_LOST

    async def _reconnect(self, activity: str) -> None:
        """Wait for the next socket: the delay doubles with each failure, give or take one half."""
        stage = self._stage
        base_ms = min(_RECONNECT_MS * 2.0 ** min(self._failures - 1, 64), _LONGEST_RECONNECT_MS)
        options = [Backoff(activity, base_ms * (0.5 + step / JITTER_STEPS), step) for step in range(JITTER_STEPS)]
        delay_ms = options[stage.choose("backoff", options)].delay_ms
        note(stage, event.Waited, activity, delay_ms)
        await stage.sleep(delay_ms)


def connect(stage: Stage, client: str, kind: ClientKind) -> Connection:
    """Return the connection of a client of that kind."""
    return WebsocketConnection(stage, client) if kind == "websocket" else HttpConnection(stage, client)
