"""Snapshots: all documents of one moment, immutable and cheap to share.

Owns how documents are found by index key at one timestamp. Knows no transaction and no conflict; `transaction.py` reads
from a snapshot and lays its own writes over it, `commit.py` makes the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from convexsim.database.sorted_map import SortedMap
from convexsim.database.tables import TABLES, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convexsim.database.index import Document, Table
    from convexsim.database.tables import Tables
    from convexsim.database.writes import Write

__all__ = ["Snapshot", "TableMaps", "empty_maps", "empty_snapshot", "write_document"]

TableMaps = tuple[SortedMap["Document"], ...]
"""The documents of a table by key, one map for each of its indexes, by position."""


@define(eq=False, frozen=True)
class Snapshot:
    """Everything that was committed up to `ts`.

    Attributes:
        ts: the commit timestamp of the newest commit in it; 0 before the first.
        tables: the documents, by table key.
        components: which tables there are, by the path of their component.
        commit_ns: the commit timestamp as functions see it: the moment of the newest commit that asked for it, in ns.

    """

    ts: int
    tables: Mapping[str, TableMaps]
    components: Mapping[str, Tables]
    commit_ns: int = 0

    def after(self, writes: Iterable[Write], components: Mapping[str, Tables], commit_ns: int) -> Snapshot:
        """Return the next snapshot, which these writes make of this one."""
        tables = dict(self.tables)
        for write in writes:
            key = write.table.key
            maps = tables.get(key) or empty_maps(write.table)
            tables[key] = write_document(maps, write.old, write.new)
        return Snapshot(self.ts + 1, tables, components, commit_ns)


def empty_snapshot(tables: Iterable[Table]) -> Snapshot:
    """Return the world before its first commit: every declared table exists and holds nothing."""
    declared = list(tables)
    return Snapshot(0, {table.key: empty_maps(table) for table in [TABLES, *declared]}, tables_of(declared))


def empty_maps(table: Table) -> TableMaps:
    """Return the maps of a table without documents."""
    return tuple(SortedMap() for _ in table.indexes)


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
