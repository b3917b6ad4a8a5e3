"""Read sets against two oracles (convex-semantics 1.2, 1.3): which rows a query must have looked at, and a second look.

A mutation runs a query of any shape over a random table; one foreign write commits before it does. It must lose if and
only if the old or the new row lies in what the query had to look at, by a linear search through rows in order. And if
the query, run again after the write, would answer something else, it must have lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from convexsim import UNDEFINED, MutationCtx, QueryCtx, define_schema, define_table, v
from convexsim.database.commit import Conflict
from convexsim.functions.query import Query
from tests.properties.programs import INDEXES, Op, Row, bounded, changes, fields, holds, in_order, reads
from tests.support import Attempt, Bench, caught
from tests.values.strategies import PROPERTY
from tests.values.test_keys import compare, compare_sequences

SCHEMA = define_schema(
    {"items": define_table(v.any()).index("by_a", ["a"]).index("by_a_b", ["a", "b"]), "marks": define_table({})}
)

# ------------------------------------------------------------------------------------------------ what runs for real


def answer(ctx: QueryCtx, op: Op) -> Any:
    """Run a query and return what it found."""
    rows = ctx.db.query("items").with_index(op["index"], lambda q: bounded(q, op["bounds"]))
    rows = rows.order("desc" if op["descending"] else "asc")
    if "least" in op:
        rows = rows.filter(lambda q: q.gte(q.field("b"), op["least"]))
    return ENDS[op["end"]](rows, op)


def page(rows: Query, op: Op) -> Any:
    found = rows.paginate(op["page"])
    return [found["page"], found["isDone"], found["continueCursor"]]


ENDS: dict[str, Callable[[Query, Op], Any]] = {
    "collect": lambda rows, _: rows.collect(),
    "first": lambda rows, _: rows.first(),
    "unique": lambda rows, _: caught(rows.unique),
    "take": lambda rows, op: rows.take(op["rows"]),
    "break": lambda rows, op: [row for _, row in zip(range(op["rows"]), rows, strict=False)],
    "paginate": page,
}


def change(ctx: MutationCtx, op: Op, ids: list[str]) -> Any:
    """Write something, or look up a row."""
    if op["do"] == "insert":
        return ctx.db.insert("items", op["fields"])
    document_id = ids[op["at"] % len(ids)]
    match op["do"]:
        case "patch":
            ctx.db.patch(document_id, {**op["fields"], **dict.fromkeys(op["without"], UNDEFINED)})
        case "replace":
            ctx.db.replace(document_id, op["fields"])
        case "delete":
            ctx.db.delete(document_id)
        case _:
            ctx.db.get(document_id)
    return document_id


# ------------------------------------------------------------------------------------------------ the linear search


@frozen
class Looked:
    """What a query must have looked at: of the rows that its bounds allow, those after one and up to another one.

    Attributes:
        start: the row after which it began; None for the beginning of the range.
        last: the last row that it looked at; None for the end of the range.
        nothing: whether it had come to the end before it began.

    """

    op: Op
    start: Row | None
    last: Row | None
    nothing: bool = False

    def holds(self, row: Row) -> bool:
        if self.nothing or not all(holds(row, *bound) for bound in self.op["bounds"]):
            return False
        return (self.start is None or self._order(row, self.start) > 0) and (
            self.last is None or self._order(row, self.last) <= 0
        )

    def _order(self, row: Row, other: Row) -> int:
        names = (*INDEXES[self.op["index"]], "_creationTime", "_id")
        order = compare_sequences(*([each.get(name, UNDEFINED) for name in names] for each in (row, other)))
        return -order if self.op["descending"] else order


def looked_at(rows: list[Row], op: Op, wanted: int | None, start: Row | None = None) -> Looked:
    """Go through the rows one by one, as a query that wants so many of those that pass its filters."""
    everything = Looked(op, start, None)
    ordered = [row for row in in_order(rows, op["index"]) if everything.holds(row)]
    for row in reversed(ordered) if op["descending"] else ordered:
        if wanted is not None and ("least" not in op or compare(row.get("b", UNDEFINED), op["least"]) >= 0):
            wanted -= 1
            if not wanted:
                return Looked(op, start, row)
    return everything


WANTED: dict[str, Callable[[Op], int | None]] = {
    "collect": lambda _: None,
    "first": lambda _: 1,
    "unique": lambda _: 2,
    "take": lambda op: int(op["rows"]),
    "break": lambda op: int(op["rows"]),
}


# ---------------------------------------------------------------------------------------------------------- the test

tables = st.lists(fields, min_size=2, max_size=6)
pages = st.fixed_dictionaries(
    {"numItems": st.integers(1, 4)},
    optional={"after": st.integers(1, 3), "until": st.integers(1, 3), "maximumRowsRead": st.integers(1, 4)},
)
writes = changes.filter(lambda op: op["do"] != "get") | st.builds(
    lambda given: {"do": "insert", "fields": given}, fields
)


class Case:
    """A table, a reader that may have written something of its own, and somebody else's write."""

    def __init__(self, table: list[Row]) -> None:
        self.bench = Bench(SCHEMA)
        self.ids = self.bench.seed("items", *table)
        self.stamps = dict(self.bench.environment.stamps)
        self.rows = {row["_id"]: row for row in self.bench.attempt(lambda ctx: ctx.db.query("items").collect()).value}

    def reader(self, op: Op, own: Op | None) -> Attempt:
        """Run the reader; it makes the same ids and creation times each time."""
        self.bench.environment.stamps = dict(self.stamps)

        def handler(ctx: MutationCtx) -> Any:
            if own is not None:
                change(ctx, own, self.ids)
            found = answer(ctx, op)
            ctx.db.insert("marks", {})
            return found

        return self.bench.attempt(handler, invocation=("reader", 1))

    def planned(self, op: Op, own: Op | None) -> tuple[Op, Looked]:
        """Return the query with real cursors in the place of numbers of rows, and what it must look at."""
        rows = [*self.after(self.reader({**op, "end": "collect"}, own)).values()]
        if op["end"] != "paginate":
            return op, looked_at(rows, op, WANTED[op["end"]](op))
        said, start = op["page"], None
        asked = {"numItems": said["numItems"], "cursor": None}
        if "after" in said:
            asked["cursor"], start = self._cursor(op, own, None, said["after"]), looked_at(rows, op, said["after"]).last
            if start is None:  # the page before was the last one
                return {**op, "page": asked}, Looked(op, None, None, nothing=True)
        if "until" in said:  # whatever else is asked for
            asked["endCursor"] = self._cursor(op, own, asked["cursor"], said["until"])
            return {**op, "page": asked}, looked_at(rows, op, said["until"], start)
        looked = looked_at(rows, op, said["numItems"], start)
        if "maximumRowsRead" in said:
            asked["maximumRowsRead"] = said["maximumRowsRead"]
            unfiltered = {name: value for name, value in op.items() if name != "least"}
            last = looked_at(rows, unfiltered, said["maximumRowsRead"], start).last
            looked = Looked(op, start, last) if last is not None and looked.holds(last) else looked
        return {**op, "page": asked}, looked

    def _cursor(self, op: Op, own: Op | None, cursor: Any, count: int) -> Any:
        """Return where a page of so many rows ends."""
        return self.reader({**op, "page": {"numItems": count, "cursor": cursor}}, own).value[2]

    def after(self, attempt: Attempt) -> dict[str, Row]:
        """Return the rows as an attempt sees them in the end."""
        rows = dict(self.rows)
        for write in attempt.execution.transaction.finalize().writes:
            if write.table.name == "items":
                rows.pop(write.id, None)
                if write.new is not None:
                    rows[write.id] = write.new.value
        return rows


@pytest.mark.parametrize("end", ENDS)
def test_a_reader_loses_if_and_only_if_somebody_wrote_what_it_had_to_look_at(end: str) -> None:
    seen = Counter[tuple[bool, bool]]()

    @given(tables, reads(), pages, st.none() | writes | changes, writes)
    @settings(PROPERTY, max_examples=250 if end == "paginate" else 100)
    def each(table: list[Row], said: Op, asked: Op, own: Op | None, foreign: Op) -> None:
        case = Case(table)
        op, looked = case.planned({**said, "end": end, "page": asked}, own)
        reading = case.reader(op, own)
        points = [] if own is None or own["do"] == "insert" else [case.ids[own["at"] % len(case.ids)]]
        writing = case.bench.attempt(lambda ctx: change(ctx, foreign, case.ids))
        pairs = [
            (None if write.old is None else write.old.value, None if write.new is None else write.new.value)
            for write in writing.execution.transaction.finalize().writes
        ]
        must_lose = any(
            row is not None and (looked.holds(row) or row["_id"] in points) for pair in pairs for row in pair
        )
        writing.committed()
        again = case.reader(op, own)
        loses = isinstance(reading.commit(), Conflict)
        assert loses == must_lose, (op, pairs, looked)
        is_other = again.outcome != reading.outcome
        assert loses or not is_other
        seen[loses, is_other] += 1

    each()
    # Otherwise nothing was put to the test.
    assert min(seen[False, False], seen[True, False], seen[True, True]) > 1, seen
