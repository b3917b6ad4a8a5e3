"""What the actors of a run on threads share: the trace and outside objects behind a lock, database and inboxes watched.

Owns the guards alone; what they guard knows nothing of threads. Next: `threads.py`, the stage that puts them up.
"""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from convexsim.database.commit import Committed, Conflict, Database
from convexsim.functions.environment import External
from convexsim.trace.event import Event, Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from convexsim.database.index import Table
    from convexsim.database.transaction import FinalTransaction

__all__ = ["CountedInbox", "GuardedExternal", "GuardedTrace", "WatchedDatabase"]


class WatchedDatabase(Database):
    """A database that calls back after each commit: in the committer's thread, before anybody hears the verdict.

    It needs no lock, because only the committer touches it; so its newest snapshot is that of the commit.
    """

    __slots__ = ("_on_commit",)

    def __init__(self, tables: Iterable[Table], on_commit: Callable[[], None]) -> None:
        super().__init__(tables)
        self._on_commit = on_commit

    def commit(self, final: FinalTransaction, write_source: str, now_ms: float = 0.0) -> Committed | Conflict:
        """Judge and publish a transaction."""
        verdict = super().commit(final, write_source, now_ms)
        if isinstance(verdict, Committed):
            self._on_commit()
        return verdict


class GuardedTrace(Trace):
    """A trace that many threads write to: complete, and in the order in which they came to it."""

    __slots__ = ("_lock", "_own")

    def __init__(self, own: Trace, lock: AbstractContextManager[Any]) -> None:
        super().__init__()
        self.events = own.events
        self._own = own
        self._lock = lock

    def add(self, event: Event) -> None:
        """Append an event."""
        with self._lock:
            self._own.add(event)


class GuardedExternal(External):
    """An outside object that many threads use; each use is whole."""

    def __init__(self, own: External, lock: AbstractContextManager[Any]) -> None:
        super().__init__(own.name)
        self._own = own
        self._lock = lock

    @property
    def entries(self) -> list[Any]:
        """What was appended, in order, as a copy."""
        with self._lock:
            return self._own.entries

    @property
    def count(self) -> int:
        """How many entries there are."""
        return self._own.count

    def append(self, value: Any) -> None:
        """Add an entry at the end."""
        with self._lock:
            self._own.append(value)

    def take(self, default: Any = None) -> Any:
        """Take the next entry of the plan; `default` once it is used up."""
        with self._lock:
            return self._own.take(default)


class CountedInbox:
    """An actor's queue of envelopes; it calls back for each one before anybody can see it."""

    __slots__ = ("_envelopes", "_on_put")

    def __init__(self, on_put: Callable[[], None]) -> None:
        self._envelopes: SimpleQueue[Any] = SimpleQueue()
        self._on_put = on_put

    def put(self, envelope: Any, /) -> None:
        """Send: called by the actor's refs."""
        self._on_put()
        self._envelopes.put(envelope)

    def get(self) -> Any:
        """Receive, waiting if nothing is there: called by Pykka's loop."""
        return self._envelopes.get()

    def empty(self) -> bool:
        """Tell Pykka's teardown whether everything left has been answered."""
        return self._envelopes.empty()
