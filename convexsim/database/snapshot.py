"""Snapshots: all documents of one moment, immutable and cheap to share.

Owns how documents are found by index key at one timestamp. Knows no transaction and no conflict; `transaction.py` reads
from a snapshot and lays its own writes over it, `commit.py` makes the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from convexsim.database.sorted_map import SortedMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convexsim.database.index import Document, Table
    from convexsim.database.writes import Write

__all__ = ["Snapshot", "TableMaps", "empty_snapshot", "write_document"]

TableMaps = tuple[SortedMap["Document"], ...]
"""The documents of a table by key, one map for each of its indexes, by position."""


@define(eq=False, frozen=True)
class Snapshot:
    """Everything that was committed up to `ts`.

    Attributes:
        ts: the commit timestamp of the newest commit in it; 0 before the first.
        tables: the documents, by table key.

    """

    ts: int
    tables: Mapping[str, TableMaps]

    def after(self, ts: int, writes: Iterable[Write]) -> Snapshot:
        """Return the snapshot that these writes make of this one."""
        tables = dict(self.tables)
        for write in writes:
            key = write.table.key
            tables[key] = write_document(tables[key], write.old, write.new)
        return Snapshot(ts, tables)


def empty_snapshot(tables: Iterable[Table]) -> Snapshot:
    """Return the world before its first commit: every table exists and holds nothing."""
    return Snapshot(0, {table.key: tuple(SortedMap() for _ in table.indexes) for table in tables})


def write_document(maps: TableMaps, old: Document | None, new: Document | None) -> TableMaps:
    """Return the table's maps with revision `old` replaced by `new`; None stands for no document."""
    changed: list[SortedMap[Document]] = []
    for position, documents in enumerate(maps):
        result = documents
        if old is not None and (new is None or old.keys[position] != new.keys[position]):
            result = result.remove(old.keys[position])
        if new is not None:
            result = result.set(new.keys[position], new)
        changed.append(result)
    return tuple(changed)
