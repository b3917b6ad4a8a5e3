"""A transaction: one snapshot, what was read from it, and what is to be written over it.

Owns read-your-writes, the recording of reads, and nested transactions whose writes can be undone while their reads
stay (convex-semantics 1.2, 1.3, 5.2). Knows neither values' rules nor user code (`functions/`), nor whether it will
commit: `commit.py` judges what `finalize` returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from convexsim.database.limits import UNLIMITED, Limits, Usage
from convexsim.database.reads import ReadSet
from convexsim.database.snapshot import empty_maps, write_document
from convexsim.database.writes import Write
from convexsim.errors import PlatformError
from convexsim.values.keys import after, encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from convexsim.database.history import Attempt
    from convexsim.database.index import Document, Index, Table
    from convexsim.database.snapshot import Snapshot, TableMaps
    from convexsim.database.tables import Tables

__all__ = ["FETCHED_ROWS", "FinalTransaction", "Savepoint", "Transaction"]

FETCHED_ROWS: Final = 100
"""How many rows a scan fetches at once."""


@frozen(eq=False)
class FinalTransaction:
    """A finished transaction on its way to the committer.

    Attributes:
        begin_ts: the timestamp of the snapshot that it read.
        writes: what it writes, in the order in which the documents were first touched; empty ones left out.
        changed: the maps of the tables it wrote, over its own snapshot: if nothing was committed since `begin_ts` they
            are those of the next snapshot as they stand. None if they are over another one.
        components: which tables there are, those that it made included. Whoever commits has seen every table that was
            made before, or it would conflict.
        is_pending: whether it may hold unresolved commit timestamps.

    """

    begin_ts: int
    reads: ReadSet
    writes: tuple[Write, ...]
    changed: dict[str, TableMaps] | None
    components: Mapping[str, Tables]
    is_pending: bool = False

    def begun_at(self, begin_ts: int) -> FinalTransaction:
        """Return what it would be on another snapshot of the same tables, of which it has read the same."""
        return evolve(self, begin_ts=begin_ts, changed=None)

    def resolved(self, commit_ns: int) -> tuple[Write, ...]:
        """Return its writes as they are once their commit timestamp is known (convex-semantics 7)."""
        return tuple(write.resolved(commit_ns) for write in self.writes) if self.is_pending else self.writes


@frozen(eq=False)
class Savepoint:
    """What a nested transaction goes back to when it fails.

    Attributes:
        written: how much had been written.

    """

    changed: dict[str, TableMaps]
    writes: dict[str, Write]
    written: tuple[int, int, int, int]
    components: Mapping[str, Tables]


class Transaction:
    """Reads and writes over one snapshot; not yet judged.

    Attributes:
        is_pending: whether it may hold unresolved commit timestamps, because somebody asked for one.
        is_bound: whether what it comes to follows from more of its snapshot than it says it has read.
        aside: what queries on a stale snapshot have read for it: it goes by that, and is never judged by it.

    """

    __slots__ = (
        "_changed",
        "_closed",
        "_writes",
        "aside",
        "components",
        "is_bound",
        "is_pending",
        "reads",
        "snapshot",
        "usage",
    )

    def __init__(self, snapshot: Snapshot, limits: Limits = UNLIMITED) -> None:
        self.snapshot = snapshot
        self.components = snapshot.components
        self.is_bound = self.is_pending = False
        self.usage = Usage(limits)
        self.reads = ReadSet()
        self.aside: list[ReadSet] = []
        self._changed: dict[str, TableMaps] = {}
        self._writes: dict[str, Write] = {}
        self._closed = False

    def get(self, table: Table, document_id: str) -> Document | None:
        """Read one document by id; records the id whether or not the document exists."""
        key = encode(document_id)
        self.reads.add_key(table.by_id.key, key)
        document = self._maps(table)[0].get(key)
        self.usage.looked(self.reads)
        if document is not None and not table.is_system:
            self.usage.read(document.size)
        return document

    def scan(
        self, table: Table, index: Index, low: bytes, high: bytes, *, descending: bool = False
    ) -> Iterator[Document]:
        """Yield the documents of an index from `low` to `high` (excluded), recording as much as is consumed.

        After n rows the read set holds the range up to and including the n-th row's key; the rest of the range is added
        only when the scan is driven to its end (convex-semantics 1.2). Rows are fetched `FETCHED_ROWS` at a time, with
        the writes pending at that moment: what the transaction writes while the scan goes on is seen by it only from
        the next fetch on (convex-semantics 1.4). A row that passes a limit is recorded, but not yielded.
        """
        usage, is_metered = self.usage, not table.is_system
        while low < high:
            fetched = FETCHED_ROWS
            for key, document in self._maps(table)[index.position].items(low, high, descending=descending):
                if descending:
                    self.reads.add(index.key, key, high)
                    high = key
                else:
                    stop = after(key)
                    self.reads.add(index.key, low, stop)
                    low = stop
                usage.looked(self.reads)
                if is_metered:
                    usage.read(document.size)
                yield document
                fetched -= 1
                if not fetched:
                    break
            else:
                break  # what was fetched is all there was
        self.reads.add(index.key, low, high)
        usage.looked(self.reads)

    def add_table(self, table: Table) -> None:
        """Let there be a table from here on; its row in `TABLES` is an insert like any other."""
        component = table.component
        self.components = {**self.components, component: self.components[component].plus(table)}

    def rebuild(self, components: Mapping[str, Tables], changed: Mapping[str, TableMaps]) -> None:
        """Let there be these tables from here on, some of them with other indexes: what a deploy makes of them."""
        self.components = components
        self._changed.update(changed)

    def insert(self, document: Document) -> None:
        """Add a new document; registers a point read of its own id (convex-semantics 1.3)."""
        table = document.table
        key = encode(document.id)
        assert self._maps(table)[0].get(key) is None, f"the id {document.id} was given out twice"
        self.reads.add_new(table.by_id.key, key)
        self.usage.made_id()
        self._write(table, document.id, None, document)

    def replace(self, old: Document, new: Document) -> None:
        """Put `new` in the place of `old`, the revision that this transaction has just read."""
        assert old.id == new.id
        self._write(old.table, old.id, old, new)

    def delete(self, old: Document) -> None:
        """Remove a document that this transaction has just read."""
        self._write(old.table, old.id, old, None)

    def savepoint(self) -> Savepoint:
        """Begin a nested transaction: `rollback` to the result undoes the writes made from here on."""
        return Savepoint(self._changed.copy(), self._writes.copy(), self.usage.written, self.components)

    def rollback(self, savepoint: Savepoint) -> None:
        """Undo the writes since the savepoint; reads stay recorded and may still conflict (convex-semantics 5.2)."""
        self._changed = savepoint.changed
        self._writes = savepoint.writes
        self.components = savepoint.components
        self.usage.written = savepoint.written

    def finalize(self) -> FinalTransaction:
        """Close the transaction for the committer."""
        writes = tuple(write for write in self._writes.values() if not write.is_empty)
        return FinalTransaction(self.snapshot.ts, self.reads, writes, self._changed, self.components, self.is_pending)

    def seen(self, who: tuple[str, str, int], follows: int) -> Attempt | None:
        """Return what a history says of the attempt; nothing is taken down here (`history.py`)."""

    def close(self) -> None:
        """End all reading and writing: the handler has come to its end, and what it leaves behind may no longer act."""
        self._closed = True

    def _maps(self, table: Table) -> TableMaps:
        if self._closed:
            msg = f"A function that has already ended went on to use its ctx, on the table {table.name}."
            raise PlatformError(
                msg, code="TransactionClosed", next_step="Use a ctx only in the handler it was given to."
            )
        maps = self._changed.get(table.key)
        return (self.snapshot.tables.get(table.key) or empty_maps(table)) if maps is None else maps

    def _write(self, table: Table, document_id: str, old: Document | None, new: Document | None) -> None:
        if table.is_system:
            self.usage.write_system(new)
        else:
            self.usage.write(new)
        self._changed[table.key] = write_document(self._maps(table), old, new)
        earlier = self._writes.get(document_id)
        self._writes[document_id] = Write(table, document_id, old if earlier is None else earlier.old, new)
