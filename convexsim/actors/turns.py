"""Turns: the handler of an actor on a thread, and the coroutines that it gathers, of which one runs at a time.

Owns which of them goes on next: whoever was woken first, so that they share what the handler shares with them as
JavaScript's async functions do, without locks. Blocks its thread while all of them wait. Next: `threads.py`.
"""

from __future__ import annotations

import inspect
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from convexsim.actors.future import close_coroutine, foreign_await
from convexsim.actors.gather import Gathering

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from convexsim.actors.kernel import Future

    Handler = Coroutine[Any, Any, Any]
    Wakings = SimpleQueue[Handler | None]

__all__ = ["Turns"]


class Watch(Protocol):
    """Who knows whether the run goes on."""

    def woken(self, wakings: Wakings) -> Handler | None:
        """Return who goes on next, waiting for that; None if the run is over."""
        ...


class Turns:
    """Runs a handler to its end, and all that it gathers.

    Args:
        watch: who is asked before each turn.
        new_future: the class of futures that may be awaited here.

    """

    def __init__(self, watch: Watch, new_future: type[Any]) -> None:
        self._watch = watch
        self._new_future = new_future
        self._wakings: Wakings = SimpleQueue()
        self._waiting: dict[Handler, None] = {}

    def run(self, handler: Handler) -> Any:
        """Return what the handler returned; whatever goes wrong, nobody is left waiting."""
        result = None
        turn: Handler | None = handler
        try:
            while turn is not None:
                ended = self._advance(turn)
                if ended is not None and turn is handler:
                    result = ended.value
                turn = self._watch.woken(self._wakings) if self._waiting else None
                if turn is not None:
                    del self._waiting[turn]
        finally:
            for left in list(self._waiting):
                close_coroutine(left)
        return result

    def _advance(self, coroutine: Handler) -> StopIteration | None:
        """Go on until it waits; return how it ended, if it did."""
        self._waiting[coroutine] = None  # from now on, so that it is closed if a branch goes wrong
        try:
            awaited: Any = coroutine.send(None)
            while not isinstance(awaited, self._new_future):
                if isinstance(awaited, Gathering):
                    awaited = coroutine.send(self._begin(awaited))
                else:
                    awaited = coroutine.throw(foreign_await(awaited))
        except StopIteration as end:
            del self._waiting[coroutine]
            return end
        except BaseException:
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED:
                del self._waiting[coroutine]
            raise
        awaited.when_done(lambda: self._wakings.put(coroutine))
        return None

    def _begin(self, gathering: Gathering) -> Future[list[Any]]:
        joint: Future[list[Any]] = self._new_future()
        for branch in gathering.branches(joint):
            self._advance(branch)
        return joint
