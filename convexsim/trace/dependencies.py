"""Dependencies: which attempts must come before which, told from what they saw and wrote.

Owns what follows from a history (`database/history.py`), after Adya: who wrote what somebody saw, who wrote it later,
and of which documents somebody saw that they are not there, so that phantoms count. Knows neither read sets nor the
rule of conflicts nor which snapshot anybody had; what is given is the order in which the versions of each document were
committed. Next: `serial_order.py`, which looks for an order that explains it all.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convexsim.database.history import Attempt, Scanned
    from convexsim.database.index import Document, Table

__all__ = ["Edge", "Sight", "Versions"]

Kind = Literal["ww", "wr", "rw", "order", "never"]


@frozen
class Edge:
    """One attempt must come before another one; both by their places in the history.

    Attributes:
        kind: ``ww`` both wrote a document, in this order; ``wr`` the second saw what the first wrote; ``rw`` the first
            did not see what the second wrote; ``order`` of one caller; ``never``: it saw what nobody committed (an
            edge from an attempt to itself).
        document: the id of what was seen or written.
        where: the key of the index in which it was seen, or of its table.

    """

    before: int
    after: int
    kind: Kind
    document: str = ""
    where: str = ""


Span = tuple[int, int]
"""Successive versions of a document: the first and the last of them, by their places."""


@define(eq=False)
class _Line:
    """The versions of one document in order, the first of which is that there is none.

    Attributes:
        writers: who wrote each version.

    """

    table: Table
    id: str
    versions: list[Document | None] = field(factory=lambda: [None])
    writers: list[int] = field(factory=lambda: [-1])

    def add(self, version: Document | None, writer: int) -> None:
        self.versions.append(version)
        self.writers.append(writer)

    def spans(self, holds: Callable[[Document | None], bool]) -> list[Span]:
        """Return the versions that pass a test."""
        spans: list[Span] = []
        for passes, group in groupby(range(len(self.versions)), lambda at: holds(self.versions[at])):
            if passes:
                places = list(group)
                spans.append((places[0], places[-1]))
        return spans


@frozen(eq=False)
class Sight:
    """What an attempt saw of a document: a version in one of these spans; mostly there is one, and it has one version.

    Attributes:
        index: the key of the index in which it looked.

    """

    reader: int
    line: _Line
    spans: Sequence[Span]
    index: str

    def edges(self, span: Span) -> list[Edge]:
        """Return what follows if it was in this span."""
        before, after = self._around(span)
        edges: list[Edge] = []
        if before is not None:
            edges.append(Edge(before, self.reader, "wr", self.line.id, self.index))
        if after is not None:
            edges.append(Edge(self.reader, after, "rw", self.line.id, self.index))
        return edges

    def fits(self, places: dict[int, int]) -> bool:
        """Tell whether an order explains it."""
        here = places[self.reader]
        for before, after in map(self._around, self.spans):
            if (before is None or places[before] < here) and (after is None or here < places[after]):
                return True
        return False

    def _around(self, span: Span) -> tuple[int | None, int | None]:
        """Return who wrote the first version of a span, and who overwrote the last one, unless it was the reader."""
        writers, (first, last) = self.line.writers, span
        overwritten = last + 1 < len(writers) and writers[last + 1] != self.reader
        return writers[first] if first else None, writers[last + 1] if overwritten else None


class Versions:
    """The versions of all documents that were ever committed, and where their keys lie."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self.by_id: dict[str, _Line] = {}
        self._place: dict[Document, int] = {}
        self._sorted: dict[str, tuple[list[bytes], list[_Line]]] = {}
        self._missing: dict[tuple[str, bytes, bytes], list[tuple[_Line, list[Span]]]] = {}
        committed = [(attempt.commit_ts, at) for at, attempt in enumerate(attempts) if attempt.commit_ts is not None]
        for _, at in sorted(committed):
            for write in attempts[at].writes:
                line = self.by_id.setdefault(write.id, _Line(write.table, write.id))
                if write.new is not None:
                    self._place[write.new] = len(line.versions)
                line.add(write.new, at)

    def written(self) -> Iterator[Edge]:
        """Yield the order in which documents were written."""
        for line in self.by_id.values():
            for before, after in zip(line.writers[1:], line.writers[2:], strict=False):
                yield Edge(before, after, "ww", line.id, line.table.key)

    def seen_by(self, reader: int, attempt: Attempt) -> Iterator[Sight]:
        """Yield what an attempt saw and did not find of the documents that were ever committed."""
        for got in attempt.gets:
            index = got.table.by_id.key
            if got.document is not None:
                yield self._exactly(got.document, reader, index)
            elif got.id in self.by_id:
                line = self.by_id[got.id]
                yield Sight(reader, line, line.spans(lambda version: version is None), index)
        for scan in attempt.scans:
            yield from self._of_scan(reader, scan, {*attempt.touched[: scan.own]})

    def _exactly(self, document: Document, reader: int, index: str) -> Sight:
        place = self._place.get(document)
        if place is None:
            return Sight(reader, _Line(document.table, document.id), (), index)
        return Sight(reader, self.by_id[document.id], ((place, place),), index)

    def _of_scan(self, reader: int, scan: Scanned, own: set[str]) -> Iterator[Sight]:
        index = scan.index.key
        for row in scan.rows:
            yield self._exactly(row, reader, index)
        known = own | {row.id for row in scan.rows}
        for line, spans in self._that_may_be_missing(scan):
            if line.id not in known:
                yield Sight(reader, line, spans, index)

    def _that_may_be_missing(self, scan: Scanned) -> list[tuple[_Line, list[Span]]]:
        """Return the documents that at some time were in what a scan saw, with their versions that were not."""
        at = (scan.index.key, scan.low, scan.high)
        if at not in self._missing:
            position = scan.index.position
            keys, lines = self._by_key(scan)
            there = lines[bisect_left(keys, scan.low) : bisect_left(keys, scan.high)]

            def is_outside(version: Document | None) -> bool:
                return version is None or not scan.low <= version.keys[position] < scan.high

            self._missing[at] = [(line, line.spans(is_outside)) for line in dict.fromkeys(there)]
        return self._missing[at]

    def _by_key(self, scan: Scanned) -> tuple[list[bytes], list[_Line]]:
        """Return every key that a document ever had in an index, in order, with the line of the document."""
        index = scan.index
        found = self._sorted.get(index.key)
        if found is None:
            pairs = [
                (version.keys[index.position], line)
                for line in self.by_id.values()
                if line.table.key == scan.table.key
                for version in line.versions
                if version is not None
            ]
            pairs.sort(key=lambda pair: pair[0])
            found = self._sorted[index.key] = ([key for key, _ in pairs], [line for _, line in pairs])
        return found
