"""History: what every attempt of a run saw and wrote, for whoever judges the run afterwards.

Owns the recording: which revisions and which stretches of an index a transaction was handed, taken down as they are
handed out, beside the read set and not from it. Knows no rule of conflicts and no verdict. A run that nobody asks about
records nothing (`Environment.history`). Next: `trace/dependencies.py`, which looks for a serial order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve, frozen

from convexsim.database.limits import UNLIMITED, Limits
from convexsim.database.transaction import Transaction
from convexsim.values.keys import after

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convexsim.database.index import Document, Index, Table
    from convexsim.database.snapshot import Snapshot
    from convexsim.database.writes import Write

__all__ = ["Attempt", "Got", "ObservedTransaction", "Scanned"]


@frozen(eq=False)
class Got:
    """One document looked up by id.

    Attributes:
        document: the revision that was found; None for no document.

    """

    table: Table
    id: str
    document: Document | None


@define(eq=False)
class Scanned:
    """One stretch of an index that was gone through.

    Attributes:
        low: where what was seen of the index begins.
        high: and ends (excluded): from the start of the scan to its last row, or all of it if it came to its end.
        rows: the committed revisions that came out, in order.
        own: how many documents the transaction itself had touched by then: of these the scan shows nothing.

    """

    table: Table
    index: Index
    low: bytes
    high: bytes
    rows: list[Document]
    own: int = 0


@frozen(eq=False)
class Attempt:
    """One attempt of one transaction, when it was over.

    Attributes:
        activity: the path of the invocation.
        what: the label of what ran.
        number: of the attempt, from 1.
        follows: how many attempts of the run were over before this one asked for its snapshot.
        begin_ts: of its snapshot. Nobody may conclude anything from it: it is a guess where the attempt stands.
        gets: what it looked up before it touched it itself.
        scans: what it went through.
        touched: the ids of the documents that it wrote, undone writes included, in order.
        commit_ts: its place in the order in which documents were written; None if it wrote nothing, threw or lost.
        writes: what it committed.

    """

    activity: str
    what: str
    number: int
    follows: int
    begin_ts: int
    gets: Sequence[Got]
    scans: Sequence[Scanned]
    touched: Sequence[str]
    commit_ts: int | None = None
    writes: Sequence[Write] = ()

    def committed(self, commit_ts: int, writes: Sequence[Write]) -> Attempt:
        """Return it as one that has become part of history."""
        return evolve(self, commit_ts=commit_ts, writes=writes)


class ObservedTransaction(Transaction):
    """A transaction that takes down what it hands out.

    What it says of a document that it has written itself is left out: before the first write it looks it up by id, if
    it is not new, and that says which committed revision it saw (convex-semantics 1.3: no blind writes exist).
    """

    __slots__ = ("gets", "scans", "touched")

    def __init__(self, snapshot: Snapshot, limits: Limits = UNLIMITED) -> None:
        super().__init__(snapshot, limits)
        self.gets: list[Got] = []
        self.scans: list[Scanned] = []
        self.touched: dict[str, None] = {}
        self.is_bound = True  # a history tells which revisions it saw, not only what stood in them

    def seen(self, who: tuple[str, str, int], follows: int) -> Attempt:
        """Return what was taken down, for an attempt given by activity, what ran, and number."""
        return Attempt(*who, follows, self.snapshot.ts, self.gets, self.scans, tuple(self.touched))

    def get(self, table: Table, document_id: str) -> Document | None:
        """Read one document by id."""
        document = super().get(table, document_id)
        if document_id not in self.touched:
            self.gets.append(Got(table, document_id, document))
        return document

    def scan(
        self, table: Table, index: Index, low: bytes, high: bytes, *, descending: bool = False
    ) -> Iterator[Document]:
        """Yield the documents of an index; a scan that is broken off has seen as far as its last row."""
        seen = Scanned(table, index, high if descending else low, high if descending else low, [])
        self.scans.append(seen)
        for row in super().scan(table, index, low, high, descending=descending):
            key = row.keys[index.position]
            if descending:
                seen.low = key
            else:
                seen.high = after(key)
            if row.id not in self.touched:
                seen.rows.append(row)
            seen.own = len(self.touched)
            yield row
        seen.low, seen.high, seen.own = low, high, len(self.touched)

    def _write(self, table: Table, document_id: str, old: Document | None, new: Document | None) -> None:
        super()._write(table, document_id, old, new)
        self.touched[document_id] = None
