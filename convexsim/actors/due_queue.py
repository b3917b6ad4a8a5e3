"""The queue behind the scheduler and the cron executor: what waits for its time, in order, so many running at once.

Owns the order of starting, the places (convex-semantics 3.3) and the one timer that wakes its actor when the next entry
is due. Knows neither rows nor states: what an entry is and what runs it, its actor says.
"""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from convexsim.actors.messages import Due

if TYPE_CHECKING:
    from collections.abc import Callable

    from convexsim.actors.kernel import ActorRef
    from convexsim.actors.stage import Stage, Timer

__all__ = ["DueQueue", "Waiting"]


class Waiting(Protocol):
    """Something that waits for its time."""

    @property
    def id(self) -> str:
        """The id of its row."""
        ...

    @property
    def activity(self) -> str:
        """The path of the invocation that it will be."""
        ...

    @property
    def due_ms(self) -> float:
        """When it may start."""
        ...

    @property
    def order(self) -> Any:
        """Its place among the others."""
        ...


W = TypeVar("W", bound=Waiting)
_order: Final = attrgetter("order")


class DueQueue(Generic[W]):
    """Entries in the order in which they are to start.

    Args:
        stage: of the actor whose queue it is.
        actor: it is sent `Due` when the next entry's time has come, and answers with `start_due`.
        message: what a runner is told to run an entry.

    """

    def __init__(self, stage: Stage, actor: ActorRef[Any], message: Callable[[str, W], Any]) -> None:
        self._stage = stage
        self._actor = actor
        self._message = message
        self._entries: list[W] = []
        self._running = 0
        self._timer: Timer | None = None

    def add(self, entry: W) -> None:
        """Let an entry wait for its time."""
        insort(self._entries, entry, key=_order)

    def drop(self, ids: frozenset[str]) -> frozenset[str]:
        """Take entries out that must not start any more, by the ids of their rows; return which of them waited."""
        waited = frozenset(entry.id for entry in self._entries if entry.id in ids)
        self._entries = [entry for entry in self._entries if entry.id not in ids]
        return waited

    def ended(self) -> None:
        """Give back the place of an entry that has come to its end."""
        self._running -= 1

    def start_due(self) -> None:
        """Start what is due, in order, as far as there are places; be woken when the next one is due."""
        stage, entries = self._stage, self._entries
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while entries and self._running < stage.environment.platform.parallelism:
            first = entries[0]
            if first.due_ms > stage.now:
                wake = Due(first.activity)
                self._timer = stage.after(first.due_ms - stage.now, self._actor, wake)
                return
            del entries[0]
            self._running += 1
            stage.runner().tell(self._message(first.activity, first))
