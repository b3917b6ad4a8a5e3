"""What a history takes down of a transaction: what it was handed, whatever its read set says (convex-semantics 1.2).

The judge of histories is tested in tests/trace/test_serial_order.py, both together in tests/test_serializable.py.
"""

from __future__ import annotations

import pytest

from convexsim.database.commit import Database
from convexsim.database.history import ObservedTransaction, Scanned
from convexsim.database.index import Document, make_table
from convexsim.database.limits import Limits
from convexsim.database.transaction import Transaction
from convexsim.errors import PlatformError
from convexsim.values import after, define_table, encode, encode_id, prefix_end, v

TABLE = make_table("", "items", 10_001, define_table(v.any()).index("by_a", ["a"]))
BY_A = TABLE.indexes["by_a"]
IDS = [encode_id(10_001, number.to_bytes(16)) for number in range(9)]


def document(number: int, a: int) -> Document:
    return TABLE.document({"_creationTime": number, "_id": IDS[number], "a": a})


ROWS = [document(number, 10 * number) for number in range(1, 4)]  # 10, 20 and 30


@pytest.fixture
def observed() -> ObservedTransaction:
    database = Database([TABLE])
    seeding = Transaction(database.snapshot)
    for row in ROWS:
        seeding.insert(row)
    database.commit(seeding.finalize(), "seed")
    return ObservedTransaction(database.snapshot)


def scan(transaction: Transaction, rows: int, *, descending: bool = False) -> list[Document]:
    """Go through 5 <= a <= 35 until there are so many rows, as a loop that is left."""
    found: list[Document] = []
    for row in transaction.scan(TABLE, BY_A, encode(5), prefix_end(encode(35)), descending=descending):
        found.append(row)
        if len(found) == rows:
            break
    return found


def seen(transaction: ObservedTransaction) -> Scanned:
    (found,) = transaction.scans
    return found


def test_what_was_looked_up_is_taken_down_found_or_not(observed: ObservedTransaction) -> None:
    observed.get(TABLE, IDS[1])
    observed.get(TABLE, IDS[7])
    assert [(got.id, got.document) for got in observed.gets] == [(IDS[1], ROWS[0]), (IDS[7], None)]


def test_a_scan_has_seen_what_it_was_driven_through(observed: ObservedTransaction) -> None:
    assert scan(observed, 99) == ROWS
    assert (seen(observed).low, seen(observed).high) == (encode(5), prefix_end(encode(35)))
    assert seen(observed).rows == ROWS


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_scan_that_is_left_has_seen_as_far_as_its_last_row(observed: ObservedTransaction, rows: int) -> None:
    scan(observed, rows)
    assert (seen(observed).low, seen(observed).high) == (encode(5), after(ROWS[rows - 1].keys[BY_A.position]))
    assert seen(observed).rows == ROWS[:rows]


def test_a_scan_downwards_has_seen_as_far_as_its_last_row(observed: ObservedTransaction) -> None:
    scan(observed, 2, descending=True)
    assert (seen(observed).low, seen(observed).high) == (ROWS[1].keys[BY_A.position], prefix_end(encode(35)))
    assert seen(observed).rows == ROWS[:0:-1]


def test_a_scan_that_never_began_has_seen_nothing(observed: ObservedTransaction) -> None:
    observed.scan(TABLE, BY_A, b"", prefix_end(b""))
    assert observed.scans == []


def test_a_row_that_passes_a_limit_was_not_handed_out(observed: ObservedTransaction) -> None:
    limited = ObservedTransaction(observed.snapshot, Limits(documents_read=1))
    with pytest.raises(PlatformError, match="Too many documents read"):
        scan(limited, 99)
    assert seen(limited).rows == ROWS[:1]


def test_of_its_own_writes_it_says_nothing_not_even_if_they_are_undone(observed: ObservedTransaction) -> None:
    savepoint = observed.savepoint()
    observed.insert(document(4, 15))
    moved = document(2, 99)  # out of the range
    old = observed.get(TABLE, IDS[2])
    assert old is not None
    observed.replace(old, moved)
    observed.get(TABLE, IDS[2])
    scan(observed, 99)
    observed.rollback(savepoint)
    assert [(got.id, got.document) for got in observed.gets] == [(IDS[2], ROWS[1])]
    assert seen(observed).rows == [ROWS[0], ROWS[2]]
    assert [*observed.touched][: seen(observed).own] == [IDS[4], IDS[2]]


def test_what_a_scan_saw_before_a_write_stays(observed: ObservedTransaction) -> None:
    scan(observed, 99)
    observed.delete(ROWS[0])
    assert seen(observed).rows == ROWS
    assert seen(observed).own == 0


def test_an_attempt_has_written_nothing_until_it_commits(observed: ObservedTransaction) -> None:
    observed.delete(ROWS[0])
    lost = observed.seen(("a.1", "m:f", 2), 5)
    assert (lost.activity, lost.what, lost.number, lost.follows, lost.begin_ts) == ("a.1", "m:f", 2, 5, 1)
    assert (lost.commit_ts, lost.writes, lost.touched) == (None, (), (IDS[1],))
    won = lost.committed(7, observed.finalize().writes)
    assert [(write.id, write.old, write.new) for write in won.writes] == [(IDS[1], ROWS[0], None)]
    assert (won.commit_ts, won.follows) == (7, 5)
