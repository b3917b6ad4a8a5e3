"""Sights: what a transaction has seen of its snapshot, and which ones would see the same of another snapshot.

Owns that comparison. It is the other side of the rule in `commit.py`: there a transaction loses if somebody has written
into what it read; here it is spared to happen again if nobody has. Next: `functions/memory.py`, who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from convexsim.database.index import BY_CREATION_TIME, BY_ID
from convexsim.values import equal
from convexsim.values.keys import after, prefix_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from convexsim.database.index import Document
    from convexsim.database.reads import ReadSet
    from convexsim.database.snapshot import Snapshot, TableMaps
    from convexsim.database.tables import Tables

    Look = tuple[str, int, bytes | None, bytes | None]
    """A look at one row: a table's key, the position of one of its indexes, and the keys from where to where. Without
    an end it is for the first row from there on, without a beginning for the last one before."""

__all__ = ["Sights"]

_STANDING: Final = (BY_ID, BY_CREATION_TIME)
"""The indexes that every table has, at these positions."""
_ALL: Final = b"", prefix_end(b"")

V = TypeVar("V")


class Sights(Generic[V]):
    """What transactions of one kind have seen, and what came of each: a tree of looks, led on by what they found."""

    __slots__ = ("_begin", "_components")

    def __init__(self) -> None:
        self._begin: _Place[V] = _Place()
        self._components: Mapping[str, Tables] | None = None

    def add(self, snapshot: Snapshot, reads: ReadSet, what: V) -> None:
        """Note what came of a transaction that began on this snapshot and has read this of it."""
        if snapshot.components is not self._components:  # a new table is seen by everybody (convex-semantics 1.3)
            self._begin, self._components = _Place(), snapshot.components
        place = self._begin
        for look, row in _looks(snapshot, reads):
            place = place.opened(look, row)
        place.found.append(what)

    def same(self, snapshot: Snapshot) -> Iterator[V]:
        """Yield what came of those that would read on this snapshot what they have read, and nothing else."""
        return self._begin.reached(snapshot) if snapshot.components is self._components else iter(())


class _Place(Generic[V]):
    """Where the looks so far have led; in most places all that come here look next at the same.

    Attributes:
        found: what came of those who looked no further.

    """

    __slots__ = ("_ahead", "found")

    def __init__(self) -> None:
        self.found: list[V] = []
        self._ahead: dict[Look, dict[Document | None, _Place[V]]] = {}

    def opened(self, look: Look, row: Document | None) -> _Place[V]:
        """Return where one more look leads by what it has found, a new place if nobody has been there."""
        ways = self._ahead.setdefault(look, {})
        return _beyond(ways, row) or ways.setdefault(row, _Place())

    def reached(self, snapshot: Snapshot) -> Iterator[V]:
        """Yield what came of those who have found on their way what is in a snapshot."""
        yield from self.found
        for look, ways in self._ahead.items():
            place = _beyond(ways, _row(snapshot, look))
            if place is not None:
                yield from place.reached(snapshot)


def _beyond(ways: dict[Document | None, _Place[V]], row: Document | None) -> _Place[V] | None:
    """Return where a row leads, or one that does not differ from it."""
    place = ways.get(row)
    if place is None and row is not None:
        place = next((place for seen, place in ways.items() if seen is not None and _are_the_same(seen, row)), None)
        if place is not None:
            ways[row] = place
    return place


def _looks(snapshot: Snapshot, reads: ReadSet) -> Iterator[tuple[Look, Document | None]]:
    """Yield what was read row by row, so that where rows differ, looks before them do not.

    Of a table that functions cannot reach, read by an index of its own, all rows are looked at.
    """
    for index, intervals in reads.intervals():
        table, _, name = index.rpartition(".")
        position, maps = _position(snapshot.components, table, name), snapshot.tables.get(table)
        for low, high in [_ALL] if position is None else intervals:
            yield from _looks_between(table, position or 0, low, high, maps)


def _looks_between(
    table: str, position: int, low: bytes, high: bytes, maps: TableMaps | None
) -> Iterator[tuple[Look, Document | None]]:
    rows = [] if maps is None else [row for _, row in maps[position].items(low, high)]
    if high == after(low):
        yield (table, position, low, high), rows[0] if rows else None
    elif rows and rows[0].keys[position] == low:  # from the end on, to a last row
        for row in reversed(rows):
            yield (table, position, None, high), row
            high = row.keys[position]
    else:
        for row in rows:
            yield (table, position, low, None), row
            low = after(row.keys[position])
        if low < high:
            yield (table, position, low, high), None


def _row(snapshot: Snapshot, look: Look) -> Document | None:
    table, position, low, high = look
    maps = snapshot.tables.get(table)
    if maps is None:
        return None
    if low is None:
        assert high is not None, "a look has a beginning or an end"
        pair = maps[position].last(high)
    else:
        pair = maps[position].first(low)
    return None if pair is None or (low is not None and high is not None and pair[0] >= high) else pair[1]


def _position(components: Mapping[str, Tables], table: str, index: str) -> int | None:
    if index in _STANDING:
        return _STANDING.index(index)
    component, _, name = table.rpartition("/")
    found = components[component].named.get(name)
    return None if found is None else found.indexes[index].position


def _are_the_same(one: Document, other: Document) -> bool:
    return one.keys == other.keys and equal(one.value, other.value)
