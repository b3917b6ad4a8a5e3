"""Transactions: what they see, record as read, and leave as written (convex-semantics 1.2, 1.3, 5.2)."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from convexsim.database.commit import Database
from convexsim.database.index import Document, make_table
from convexsim.database.transaction import Transaction
from convexsim.values import after, define_table, encode, encode_id, prefix_end, v

TABLE = make_table("", "items", 10_001, define_table({"n": v.number()}).index("by_n", ["n"]))
OTHER = make_table("", "others", 10_002, define_table({"n": v.number()}))
BY_ID, BY_TIME, BY_N = TABLE.indexes.values()
EVERYTHING = (b"", prefix_end(b""))


def document(number: int, n: int, table: Any = TABLE) -> Document:
    identity = encode_id(table.number, number.to_bytes(16))
    return table.document({"_creationTime": number, "_id": identity, "n": n})  # type: ignore[no-any-return] # a table


def begin(*rows: Document) -> Transaction:
    database = Database([TABLE, OTHER])
    writer = Transaction(database.snapshot)
    for row in rows:
        writer.insert(row)
    database.commit(writer.finalize(), "setup")
    return Transaction(database.snapshot)


ROWS = [document(number, 10 * number) for number in (1, 2, 3, 4)]


def read(transaction: Transaction) -> dict[str, list[tuple[bytes, bytes]]]:
    return dict(transaction.reads.intervals())


# What a scan records.


def scan(transaction: Transaction, rows: int | None, *, descending: bool = False) -> list[int]:
    """Take so many rows of the range 10 < n <= 40 and leave; None drives the scan to its end."""
    low, high = prefix_end(encode(10)), prefix_end(encode(40))
    found = islice(transaction.scan(TABLE, BY_N, low, high, descending=descending), rows)
    return [row.value["n"] for row in found]


LOW, HIGH = prefix_end(encode(10)), prefix_end(encode(40))
KEYS = [row.keys[BY_N.position] for row in ROWS]


@pytest.mark.parametrize(
    ("rows", "descending", "seen", "recorded"),
    [
        (0, False, [], None),
        (1, False, [20], (LOW, after(KEYS[1]))),
        (2, False, [20, 30], (LOW, after(KEYS[2]))),
        (3, False, [20, 30, 40], (LOW, after(KEYS[3]))),  # the last row was seen, the end was not
        (None, False, [20, 30, 40], (LOW, HIGH)),
        (0, True, [], None),
        (1, True, [40], (KEYS[3], HIGH)),
        (2, True, [40, 30], (KEYS[2], HIGH)),
        (3, True, [40, 30, 20], (KEYS[1], HIGH)),
        (None, True, [40, 30, 20], (LOW, HIGH)),
    ],
)
def test_a_scan_records_as_much_as_was_consumed(
    rows: int | None,
    descending: bool,  # noqa: FBT001 - a parameter of the test
    seen: list[int],
    recorded: tuple[bytes, bytes] | None,
) -> None:
    transaction = begin(*ROWS)
    assert scan(transaction, rows, descending=descending) == seen
    assert read(transaction) == ({} if recorded is None else {BY_N.key: [recorded]})


@pytest.mark.parametrize("descending", [False, True])
def test_a_scan_of_an_empty_range_records_all_of_it(descending: bool) -> None:  # noqa: FBT001 - a parameter of the test
    transaction = begin(*ROWS)
    low, high = prefix_end(encode(20)), encode(30)
    assert list(transaction.scan(TABLE, BY_N, low, high, descending=descending)) == []
    assert read(transaction) == {BY_N.key: [(low, high)]}
    empty = begin()
    assert list(empty.scan(TABLE, BY_TIME, *EVERYTHING, descending=descending)) == []
    assert read(empty) == {BY_TIME.key: [EVERYTHING]}


def test_rows_that_were_found_but_never_asked_for_are_not_recorded() -> None:
    transaction = begin(*(document(number, number) for number in range(500)))
    rows = transaction.scan(TABLE, BY_N, *EVERYTHING)
    assert read(transaction) == {}  # not even begun
    for number in range(3):
        assert next(rows).value["n"] == number
    assert read(transaction) == {BY_N.key: [(b"", after(document(2, 2).keys[BY_N.position]))]}


def test_two_scans_are_recorded_side_by_side_or_merged() -> None:
    transaction = begin(*ROWS)
    next(transaction.scan(TABLE, BY_N, *EVERYTHING))
    next(transaction.scan(TABLE, BY_N, *EVERYTHING, descending=True))
    assert read(transaction) == {BY_N.key: [(b"", after(KEYS[0])), (KEYS[3], EVERYTHING[1])]}
    list(transaction.scan(TABLE, BY_N, *EVERYTHING))
    assert read(transaction) == {BY_N.key: [EVERYTHING]}


# What a lookup and the writes record.


def test_a_lookup_records_the_id_whether_or_not_there_is_a_document() -> None:
    transaction = begin(ROWS[0])
    assert transaction.get(TABLE, ROWS[0].id) is not None
    assert transaction.get(TABLE, ROWS[1].id) is None
    points = sorted((encode(row.id), after(encode(row.id))) for row in ROWS[:2])
    assert read(transaction) == {BY_ID.key: points}


def test_an_insert_reads_its_own_id_and_no_neighbour() -> None:
    transaction = begin(ROWS[0])
    transaction.insert(ROWS[1])
    assert read(transaction) == {BY_ID.key: [(encode(ROWS[1].id), after(encode(ROWS[1].id)))]}


def test_an_id_is_given_out_once() -> None:
    transaction = begin(ROWS[0])
    with pytest.raises(AssertionError, match="given out twice"):
        transaction.insert(ROWS[0])


# Read-your-writes.


def values(transaction: Transaction, *, descending: bool = False) -> list[int]:
    by_index = [row.value["n"] for row in transaction.scan(TABLE, BY_N, *EVERYTHING, descending=descending)]
    # Every index tells the same story.
    for index in (BY_ID, BY_TIME):
        others = [row.value["n"] for row in transaction.scan(TABLE, index, *EVERYTHING)]
        assert sorted(others) == sorted(by_index)
    return by_index


def test_a_transaction_sees_its_own_writes_everywhere() -> None:
    transaction = begin(*ROWS)
    transaction.insert(document(5, 25))
    assert values(transaction) == [10, 20, 25, 30, 40]
    old = transaction.get(TABLE, ROWS[0].id)
    assert old is not None
    transaction.replace(old, document(1, 35))
    assert values(transaction) == [20, 25, 30, 35, 40]
    assert values(transaction, descending=True) == [40, 35, 30, 25, 20]
    found = transaction.get(TABLE, ROWS[0].id)
    assert found is not None
    assert found.value["n"] == 35
    transaction.delete(found)
    assert values(transaction) == [20, 25, 30, 40]
    assert transaction.get(TABLE, ROWS[0].id) is None
    inserted = transaction.get(TABLE, document(5, 25).id)
    assert inserted is not None
    transaction.delete(inserted)
    assert values(transaction) == [20, 30, 40]


def test_nobody_else_sees_them() -> None:
    database = Database([TABLE])
    writer, reader = Transaction(database.snapshot), Transaction(database.snapshot)
    writer.insert(ROWS[0])
    assert reader.get(TABLE, ROWS[0].id) is None
    database.commit(writer.finalize(), "writer")
    assert list(reader.scan(TABLE, BY_N, *EVERYTHING)) == []  # a snapshot does not move
    assert Transaction(database.snapshot).get(TABLE, ROWS[0].id) is not None


def test_a_scan_does_not_see_what_is_written_while_it_goes_on() -> None:
    transaction = begin(*ROWS)
    seen = []
    for row in transaction.scan(TABLE, BY_N, *EVERYTHING):
        seen.append(row.value["n"])
        transaction.insert(document(100 + row.value["n"], row.value["n"] + 5))
        transaction.delete(row)
    assert seen == [10, 20, 30, 40]
    assert values(transaction) == [15, 25, 35, 45]


# What is left as written.


def written(transaction: Transaction) -> list[tuple[int | None, int | None]]:
    def n_of(revision: Document | None) -> int | None:
        return None if revision is None else revision.value["n"]

    return [(n_of(write.old), n_of(write.new)) for write in transaction.finalize().writes]


def change(transaction: Transaction, number: int, n: int | None) -> None:
    old = transaction.get(TABLE, document(number, 0).id)
    assert old is not None
    if n is None:
        transaction.delete(old)
    else:
        transaction.replace(old, document(number, n))


def test_a_document_leaves_one_write_from_what_was_committed_to_what_is_left() -> None:
    transaction = begin(*ROWS)
    change(transaction, 2, 21)
    change(transaction, 1, 11)
    change(transaction, 2, 22)
    change(transaction, 1, None)
    transaction.insert(document(5, 50))
    change(transaction, 5, 51)
    assert written(transaction) == [(20, 22), (10, None), (None, 51)]


def test_insert_and_delete_leave_no_write() -> None:
    transaction = begin()
    transaction.insert(ROWS[0])
    change(transaction, 1, 11)
    change(transaction, 1, None)
    assert written(transaction) == []


def test_a_transaction_that_only_read_writes_nothing() -> None:
    transaction = begin(*ROWS)
    values(transaction)
    assert transaction.finalize().writes == ()


# Nested transactions.


def test_a_rollback_undoes_writes_and_keeps_reads() -> None:
    transaction = begin(*ROWS[:2])
    transaction.insert(ROWS[2])
    savepoint = transaction.savepoint()
    change(transaction, 1, 11)
    change(transaction, 3, None)
    transaction.insert(ROWS[3])
    transaction.insert(document(1, 1, OTHER))
    assert values(transaction) == [11, 20, 40]
    recorded = read(transaction)
    transaction.rollback(savepoint)
    assert read(transaction) == recorded
    assert values(transaction) == [10, 20, 30]
    assert transaction.get(OTHER, document(1, 1, OTHER).id) is None
    assert written(transaction) == [(None, 30)]


def test_savepoints_nest() -> None:
    transaction = begin()
    outer = transaction.savepoint()
    transaction.insert(ROWS[0])
    inner = transaction.savepoint()
    transaction.insert(ROWS[1])
    transaction.rollback(inner)
    transaction.insert(ROWS[2])
    assert values(transaction) == [10, 30]
    transaction.rollback(outer)
    assert values(transaction) == []
    transaction.insert(ROWS[3])
    assert written(transaction) == [(None, 40)]


def test_a_scan_that_is_under_way_survives_a_rollback() -> None:
    transaction = begin(*ROWS)
    rows = transaction.scan(TABLE, BY_N, *EVERYTHING)
    seen = [next(rows).value["n"]]
    savepoint = transaction.savepoint()
    change(transaction, 2, 99)
    transaction.rollback(savepoint)
    assert seen + [row.value["n"] for row in rows] == [10, 20, 30, 40]
