"""What would go the same way on another snapshot is found, and nothing else (`database/sights.py`).

Transactions are small programs that look here or there, and write, by what they have seen. On random snapshots each is
run; a sight must lead from one snapshot to another exactly where the program sees and comes to the same in both.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from convexsim.database.commit import Committed, Database
from convexsim.database.index import Document, Table, make_table
from convexsim.database.sights import Sights
from convexsim.database.snapshot import Snapshot
from convexsim.database.transaction import Transaction
from convexsim.values.keys import encode, prefix_end
from convexsim.values.schema import define_table
from convexsim.values.validators import v

ROWS = make_table("", "rows", 10_001, define_table({"group": v.any(), "n": v.any()}).index("by_group", ["group"]))
OTHERS = make_table("part", "others", 10_001)
ALL = b"", prefix_end(b"")


def document(table: Table, name: str, **fields: Any) -> Document:
    return table.document({"_id": name, "_creationTime": 1.0, **fields})


def snapshot_of(*documents: Document) -> Snapshot:
    database = Database([ROWS, OTHERS])
    transaction = Transaction(database.snapshot)
    for each in documents:
        transaction.insert(each)
    assert isinstance(database.commit(transaction.finalize(), "test"), Committed)
    return database.snapshot


Program = Callable[[Transaction, random.Random], object]


def wander(transaction: Transaction, draw: random.Random) -> object:
    """Look where the draws say, and where it was led by what it has seen; write now and then."""
    seen: list[Any] = []
    for _ in range(draw.randrange(1, 5)):
        way = draw.randrange(6)
        group = sum(len(str(each)) for each in seen) % 3 if draw.random() < 0.5 else draw.randrange(3)
        if way == 0:
            seen.append(_plain(transaction.get(ROWS, f"r{draw.randrange(5)}")))
        elif way == 1:
            seen.append(_plain(transaction.get(OTHERS, f"o{group}")))
        elif way == 5:
            name = f"r{draw.randrange(5)}"
            old = transaction.get(ROWS, name)
            seen.append(_plain(old))
            if old is None:
                transaction.insert(document(ROWS, name, group=group, n=9))
            else:
                transaction.delete(old)
        else:
            low, high = (encode(group), prefix_end(encode(group))) if way < 4 else ALL
            index = ROWS.indexes["by_group" if way < 4 else "by_creation_time"]
            rows = transaction.scan(ROWS, index, low, high, descending=way % 2 == 0)
            for row, _ in zip(rows, range(draw.randrange(4)), strict=False):
                seen.append(_plain(row))
                if row.value["n"] == draw.randrange(3):
                    break
    return seen


def _plain(row: Document | None) -> object:
    return None if row is None else repr(row.value)


def some_snapshot(draw: random.Random) -> Snapshot:
    rows = [
        document(ROWS, f"r{number}", group=draw.randrange(3), n=draw.randrange(2))
        for number in range(5)
        if draw.random() < 0.6
    ]
    return snapshot_of(*rows, *(document(OTHERS, f"o{number}") for number in range(3) if draw.random() < 0.5))


def run(program: int, snapshot: Snapshot) -> tuple[Transaction, object]:
    transaction = Transaction(snapshot)
    seen = wander(transaction, random.Random(program))  # noqa: S311 - a fixed program
    writes = [(write.id, _plain(write.old), _plain(write.new)) for write in transaction.finalize().writes]
    read = [(table, low, high) for table, stretches in transaction.reads.intervals() for low, high in stretches]
    there = [_plain(row) for stretch in read for row in rows_in(snapshot, *stretch)]
    return transaction, (seen, writes, read, there)


def rows_in(snapshot: Snapshot, index: str, low: bytes, high: bytes) -> list[Document]:
    """Return what lies in an interval, the slow way."""
    table = next(each for each in (ROWS, OTHERS) if index.startswith(f"{each.key}."))
    position = table.indexes[index.rpartition(".")[2]].position
    every = [row for _, row in snapshot.tables[table.key][0].items()]
    return sorted((row for row in every if low <= row.keys[position] < high), key=lambda row: row.keys[position])


@pytest.mark.parametrize("program", range(60))
def test_a_sight_leads_exactly_where_a_transaction_would_see_the_same(program: int) -> None:
    draw = random.Random(program)  # noqa: S311 - fixed snapshots
    components = some_snapshot(draw).components
    sights: Sights[object] = Sights()
    went: list[object] = []
    for _ in range(25):
        drawn = some_snapshot(draw)
        snapshot = Snapshot(drawn.ts, drawn.tables, components)
        transaction, came_to = run(program, snapshot)
        found = list(sights.same(snapshot))
        assert found == [each for each in went if each == came_to]
        if not found:
            sights.add(snapshot, transaction.reads, came_to)
            went.append(came_to)
    assert went


def sights_of(snapshot: Snapshot, look: Callable[[Transaction], object]) -> Sights[str]:
    sights: Sights[str] = Sights()
    transaction = Transaction(snapshot)
    look(transaction)
    sights.add(snapshot, transaction.reads, "this")
    return sights


def test_values_that_python_takes_for_equal_are_told_apart() -> None:
    components = Database([ROWS, OTHERS]).snapshot.components
    for one, other in ((1, True), (0.0, -0.0), ("1", b"1"), ([1], [True]), ({"a": 1}, {"a": True})):
        first, second = (
            Snapshot(1, snapshot_of(document(ROWS, "r", group=0, n=n)).tables, components) for n in (one, other)
        )
        sights = sights_of(first, lambda transaction: transaction.get(ROWS, "r"))
        assert list(sights.same(first)) == ["this"]
        assert list(sights.same(second)) == []


def test_another_document_of_the_same_content_is_the_same() -> None:
    components = Database([ROWS, OTHERS]).snapshot.components
    first, second = (
        Snapshot(1, snapshot_of(document(ROWS, "r", group=0, n=[1, {"a": 0.5}])).tables, components) for _ in range(2)
    )
    assert list(sights_of(first, lambda transaction: transaction.get(ROWS, "r")).same(second)) == ["this"]


def test_a_table_that_was_made_since_is_seen_by_everybody() -> None:
    """As in convex-semantics 1.3: its row lies in what every transaction has read."""
    snapshot = snapshot_of(document(ROWS, "r", group=0, n=0))
    sights = sights_of(snapshot, lambda transaction: transaction.get(ROWS, "r"))
    more = {**snapshot.components, "": snapshot.components[""].plus(make_table("", "more", 10_002))}
    assert list(sights.same(Snapshot(2, snapshot.tables, more))) == []
    sights.add(Snapshot(2, snapshot.tables, more), Transaction(snapshot).reads, "that")
    assert list(sights.same(Snapshot(2, snapshot.tables, more))) == ["that"]
    assert list(sights.same(snapshot)) == []
