"""Commit: the one rule that decides whether a transaction may become part of history.

The rule (convex-semantics 0): a transaction conflicts if any key, old or new, of a document that somebody committed
after its begin lies in an interval that it read on that same index. There is no separate write-write rule, because
every write reads its document by id first. A transaction that writes nothing is never judged. That a new table kills
everybody is no rule either: its row lies in what every transaction has read (`reads.READ_BY_ALL`).

This is the only file that knows what a conflict is. The committer actor (`actors/committer.py`) owns the one `Database`
of a world and hands it one transaction at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from convexsim.database.snapshot import Snapshot, empty_snapshot
from convexsim.database.write_log import LogEntry, WriteLog, keys_written
from convexsim.values.keys import after, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convexsim.database.index import Interval, Table
    from convexsim.database.reads import ReadSet
    from convexsim.database.transaction import FinalTransaction
    from convexsim.database.writes import Write

__all__ = ["FOREIGN", "Committed", "Conflict", "Database", "find_conflict", "find_conflicts", "foreign_conflict"]

_NS: Final = 1_000_000
"""Nanoseconds in a millisecond."""

FOREIGN: Final = "a write from outside this world"
"""The write source of whoever is no part of a world: a dashboard, another deployment's code, a migration."""


@frozen
class Committed:
    """The verdict: the writes are part of history.

    Attributes:
        commit_ts: the timestamp of the commit; that of its own begin for a transaction without writes.
        commit_ns: the same as functions see it, as a moment in ns; of a commit that did not ask for it, that of the
            newest one that did.
        writes: what was published, with that moment where its writer did not know it yet.

    """

    commit_ts: int
    commit_ns: int = field(default=0, eq=False)
    writes: tuple[Write, ...] = field(default=(), eq=False, repr=False)


@frozen
class Conflict:
    """The verdict: somebody wrote what was read; the transaction leaves no trace.

    Attributes:
        index: the index key (``component/table.index``) on which the read and the write met.
        interval: the merged interval that was read.
        key: the written key inside it.
        document_id: the document that was written.
        write_ts: the commit that wrote it.
        write_source: who wrote it.

    """

    index: str
    interval: Interval
    key: bytes
    document_id: str
    write_ts: int
    write_source: str


def find_conflict(reads: ReadSet, since: Iterable[LogEntry]) -> Conflict | None:
    """Return the first written key that lies in what was read, oldest commit first, or None."""
    return next(find_conflicts(reads, since), None)


def find_conflicts(reads: ReadSet, since: Iterable[LogEntry]) -> Iterator[Conflict]:
    """Yield every written key that lies in what was read, oldest commit first: each by itself is a conflict."""
    for entry in since:
        for index, touched in entry.keys.items():
            if index not in reads:
                continue
            for key, document_id in touched:
                interval = reads.covering(index, key)
                if interval is not None:
                    yield Conflict(index, interval, key, document_id, entry.ts, entry.write_source)


def foreign_conflict(final: FinalTransaction, newest_ts: int) -> Conflict:
    """Return the verdict if somebody outside had just written a document that the transaction writes.

    It is the first one of a user's table, if there is any: whoever writes a document reads its id (convex-semantics 0,
    1.3), so by the rule above this is a conflict like any other. Nothing is changed by it.
    """
    write = next((write for write in final.writes if not write.table.is_system), final.writes[0])
    key = encode(write.id)
    return Conflict(write.table.by_id.key, (key, after(key)), key, write.id, newest_ts + 1, FOREIGN)


class Database:
    """The committed state of a world: its newest snapshot and the log that transactions are judged by.

    Args:
        tables: which tables there are, without documents.
        beginning: such a snapshot, if one was made already.

    """

    __slots__ = ("log", "snapshot")

    def __init__(self, tables: Iterable[Table] = (), *, beginning: Snapshot | None = None) -> None:
        self.snapshot = empty_snapshot(tables) if beginning is None else beginning
        self.log = WriteLog()

    def judge(self, final: FinalTransaction) -> Conflict | None:
        """Return what a transaction conflicts with, or None if it may be published."""
        if not final.writes or final.begin_ts == self.snapshot.ts:
            return None
        return find_conflict(final.reads, self.log.since(final.begin_ts))

    def commit(self, final: FinalTransaction, write_source: str, now_ms: float = 0.0) -> Committed | Conflict:
        """Judge a transaction and, if nothing conflicts, publish its writes at the next timestamp.

        Timestamps count commits. As a moment in ns (`Committed.commit_ns`) it is that of the commit or, if that is not
        later than the one before, one more (convex-semantics 1.1). Only commits that somebody may ask for that moment
        move it on, so that others are told apart by no more than what they read and write (architecture.md 6.3).
        """
        newest = self.snapshot
        if not final.writes:
            return Committed(final.begin_ts, newest.commit_ns)
        conflict = self.judge(final)
        if conflict is not None:
            return conflict
        ts, commit_ns = newest.ts + 1, newest.commit_ns
        if final.is_pending:
            commit_ns = max(commit_ns + 1, int(now_ms * _NS))
        writes = final.resolved(commit_ns)
        if final.changed is not None and final.begin_ts == newest.ts and writes is final.writes:
            # Nothing came in between, and nothing is to be resolved: the transaction's own view is the next snapshot.
            self.snapshot = Snapshot(ts, {**newest.tables, **final.changed}, final.components, commit_ns)
        else:
            self.snapshot = newest.after(writes, final.components, commit_ns)
        self.log.append(LogEntry(ts, write_source, keys_written(writes)))
        return Committed(ts, commit_ns, writes)
