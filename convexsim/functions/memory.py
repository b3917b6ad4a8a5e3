"""Memory: what transactions came to in one run of an exploration, for the runs after it.

Owns the one fact that it rests on: what a query or mutation does follows from what it reads of the snapshot that it
begins on, from its arguments, its own path and its moment, and from the newest creation times of the tables that it
inserts into (convex-semantics 1.2, 1.4; architecture.md 6.3). So what begins as it has begun in another run, or on
another snapshot in which it reads the same (`database/sights.py`), need not be worked out again. The verdict of a
commit, and the snapshot that it makes, follow from the newest snapshot and from what is committed: two runs that have
made the same commits stand on one and the same snapshot. What has used the outside, has drawn a number that was a
choice, or has changed what handlers share in Python (`shared_state.py`), is never kept: that happens in each run. Once
that has changed, nothing is known any more, whoever has changed it: a transaction, an action, a client's script, the
network that a scenario answers for, or the scenario's body.

Knows no actor; `actors/transact.py` asks before it runs a body. A run that is made for its own sake has no memory.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from attrs import evolve, frozen

from convexsim.database.commit import Database
from convexsim.database.sights import Sights

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from convexsim.database.commit import Committed, Conflict
    from convexsim.database.snapshot import Snapshot
    from convexsim.database.transaction import FinalTransaction, Transaction
    from convexsim.database.write_log import LogEntry
    from convexsim.functions.outcome import Outcome
    from convexsim.functions.shared_state import SharedState
    from convexsim.functions.syscalls import Effect

    Judged = tuple[Committed | Conflict, Snapshot, LogEntry | None]

__all__ = ["Attempted", "Beginning", "Memory"]

MOST: Final = 2_048
"""From so many facts on that are new or were asked for, those that nobody asked for meanwhile are forgotten."""

ASKED: Final = 4 * MOST
"""After so many questions whether an attempt would go the way of another, all ways are forgotten: they have grown."""

V = TypeVar("V")


@frozen(eq=False)
class Attempted:
    """What one attempt of a transaction came to, before anybody has judged it.

    Attributes:
        transaction: closed.
        stamps: for each table in which it has asked for creation times, the newest before and after it; by the keys of
            `Environment.stamps`.
        drew: whether it asked for random numbers.

    """

    outcome: Outcome
    transaction: Transaction
    final: FinalTransaction
    effects: Sequence[Effect]
    stamps: Mapping[str, tuple[float, float]]
    drew: bool

    def moved_to(self, snapshot: Snapshot) -> Attempted:
        """Return what it comes to on another snapshot in which it reads the same."""
        return evolve(self, final=self.final.begun_at(snapshot.ts))


class Beginning(NamedTuple):
    """All that an attempt follows from.

    Attributes:
        call: what runs on whose behalf, for the how manieth time, with what and when.
        snapshot: told apart by identity.
        stamps: the items of `Environment.stamps`.

    """

    call: Hashable
    snapshot: Snapshot
    stamps: frozenset[tuple[str, float]]


class _Facts(Generic[V]):
    """A table that stays small: what has not been asked for in a long time is forgotten."""

    __slots__ = ("_fresh", "_stale")

    def __init__(self) -> None:
        self._fresh: dict[Any, V] = {}
        self._stale: dict[Any, V] = {}

    def get(self, key: Any) -> V | None:
        """Return what is known; it stays so for some more time."""
        fact = self._fresh.get(key)
        if fact is None:
            fact = self._stale.get(key)
            if fact is not None:
                self.add(key, fact)
        return fact

    def add(self, key: Any, fact: V) -> None:
        """Let something be known."""
        if len(self._fresh) == MOST:
            self._stale, self._fresh = self._fresh, {}
        self._fresh[key] = fact


class Memory:
    """What is known of the transactions of one scenario.

    Args:
        shared: what its handlers share in Python; once that has changed, nothing is known any more.

    """

    __slots__ = ("_asked", "_attempts", "_first", "_is_in_doubt", "_is_lost", "_shared", "_verdicts", "_ways")

    def __init__(self, shared: SharedState) -> None:
        self._attempts: _Facts[Attempted] = _Facts()
        self._ways: dict[Hashable, Sights[Attempted]] = {}
        self._asked = 0  # for ways, which grow whenever somebody asks
        self._verdicts: _Facts[Judged] = _Facts()
        self._shared = shared
        self._first = shared.value()
        self._is_lost = self._first is None
        self._is_in_doubt = False

    @property
    def is_lost(self) -> bool:
        """Whether what handlers share has changed, or is too large to be compared: then nothing is recalled."""
        if self._is_in_doubt and not self._is_lost:
            self._is_lost = self._shared.value() != self._first
        self._is_in_doubt = False
        return self._is_lost

    @property
    def has_changed(self) -> bool:
        """Whether what handlers share is known to have changed."""
        return self._first is not None and self.is_lost

    def doubt(self) -> None:
        """Look again whether it has changed, before anything is recalled or kept."""
        self._is_in_doubt = True

    def recall(self, beginning: Beginning) -> Attempted | None:
        """Return what comes of an attempt, by what came of others that have begun alike; None if there were none."""
        if self.is_lost:
            return None
        known = self._attempts.get(beginning)
        if known is None:
            known = self._from_elsewhere(beginning)
        return known

    def keep(self, beginning: Beginning, attempted: Attempted) -> None:
        """Remember what came of an attempt that is just over, by all that it follows from."""
        if self.is_lost:
            return
        self._attempts.add(beginning, attempted)
        if not attempted.transaction.is_bound:
            ways = self._ways.setdefault(beginning.call, Sights())
            ways.add(beginning.snapshot, attempted.transaction.reads, attempted)

    def _from_elsewhere(self, beginning: Beginning) -> Attempted | None:
        """Look for an attempt of the same call on another snapshot, which would have gone the same way on this one."""
        self._asked += 1
        if self._asked % ASKED == 0:
            self._ways.clear()
        ways = self._ways.get(beginning.call)
        if ways is None:
            return None
        newest = dict(beginning.stamps)
        for attempted in ways.same(beginning.snapshot):
            if all(newest.get(table, -inf) == before for table, (before, _) in attempted.stamps.items()):
                moved = attempted.moved_to(beginning.snapshot)
                self._attempts.add(beginning, moved)
                return moved
        return None

    def database(self, beginning: Snapshot) -> Database:
        """Return a database for a run that begins with this snapshot and knows the verdicts of other runs."""
        self.doubt()
        return _KnownDatabase(beginning, self._verdicts)


class _KnownDatabase(Database):
    """A database that judges only what no run before has committed on the same snapshot."""

    __slots__ = ("_verdicts",)

    def __init__(self, beginning: Snapshot, verdicts: _Facts[Judged]) -> None:
        super().__init__(beginning=beginning)
        self._verdicts = verdicts

    def commit(self, final: FinalTransaction, write_source: str, now_ms: float = 0.0) -> Committed | Conflict:
        """Judge and publish a transaction."""
        before, key = self.snapshot, (self.snapshot, final, now_ms)
        known = self._verdicts.get(key)
        if known is None:
            verdict = super().commit(final, write_source, now_ms)
            self._verdicts.add(key, (verdict, self.snapshot, self.log.newest))
            return verdict
        verdict, self.snapshot, newest = known
        if self.snapshot is not before:
            assert newest is not None, "a commit has its entry in the log"
            self.log.append(newest)
        return verdict
