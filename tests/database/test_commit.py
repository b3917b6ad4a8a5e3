"""Commit: the one rule of conflicts, case by case (convex-semantics 0, 1.1 - 1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim.database.commit import FOREIGN, Committed, Conflict, Database, foreign_conflict
from convexsim.database.index import Document, make_table
from convexsim.database.transaction import Transaction
from convexsim.values import after, define_table, encode, encode_id, prefix_end, v

DEFINITION = define_table({"a": v.number(), "b": v.number()}).index("by_a", ["a"]).index("by_b", ["b"])
TABLE = make_table("", "items", 10_001, DEFINITION)
TWIN = make_table("child", "items", 10_001, DEFINITION)  # the same name and number, in another component
BY_ID, BY_TIME, BY_A, BY_B = TABLE.indexes.values()
EVERYTHING = (b"", prefix_end(b""))

Step = Callable[[Transaction], Any]


def document(number: int, a: int, b: int = 0, table: Any = TABLE) -> Document:
    identity = encode_id(10_001, number.to_bytes(16))
    return table.document({"_creationTime": 100 + number, "_id": identity, "a": a, "b": b})  # type: ignore[no-any-return] # a table


def insert(number: int, a: int, b: int = 0) -> Step:
    return lambda transaction: transaction.insert(document(number, a, b))


def patch(number: int, **fields: int) -> Step:
    def step(transaction: Transaction) -> None:
        old = transaction.get(TABLE, document(number, 0).id)
        assert old is not None
        transaction.replace(old, TABLE.document({**old.value, **fields}))

    return step


def delete(number: int) -> Step:
    def step(transaction: Transaction) -> None:
        old = transaction.get(TABLE, document(number, 0).id)
        assert old is not None
        transaction.delete(old)

    return step


def get(number: int) -> Step:
    return lambda transaction: transaction.get(TABLE, document(number, 0).id)


def scan(index: Any, low: bytes = b"", high: bytes = EVERYTHING[1]) -> Step:
    return lambda transaction: list(transaction.scan(TABLE, index, low, high))


def first(index: Any, *, descending: bool = False) -> Step:
    return lambda transaction: next(transaction.scan(TABLE, index, *EVERYTHING, descending=descending))


MARK = insert(99, 1_000, 1_000)
"""A write far away from everything: without one a transaction is never judged."""


def world(*rows: Document) -> Database:
    database = Database([TABLE, TWIN])
    seeding = Transaction(database.snapshot)
    for row in rows:
        seeding.insert(row)
    assert isinstance(database.commit(seeding.finalize(), "seed"), Committed)
    return database


def race(database: Database, ours: list[Step], *theirs: list[Step]) -> Committed | Conflict:
    """Begin ours, commit each of theirs, then judge ours."""
    transaction = Transaction(database.snapshot)
    for step in ours:
        step(transaction)
    for steps in theirs:
        commit(database, *steps)
    return database.commit(transaction.finalize(), "ours")


def commit(database: Database, *steps: Step) -> int:
    transaction = Transaction(database.snapshot)
    for step in steps:
        step(transaction)
    verdict = database.commit(transaction.finalize(), "theirs")
    assert isinstance(verdict, Committed)
    return verdict.commit_ts


ROWS = [document(1, 10, 1), document(2, 20, 2), document(3, 30, 3)]

KILLED = {
    "a get and a patch": ([get(1), MARK], [patch(1, a=11)]),
    "a get and a delete": ([get(1), MARK], [delete(1)]),
    "a get that found nothing and an insert": ([get(7), MARK], [insert(7, 70)]),
    "a scan and an insert in its range": ([scan(BY_A, encode(5), encode(15)), MARK], [insert(7, 12)]),
    "an empty scan and a phantom": ([scan(BY_A, encode(11), encode(19)), MARK], [insert(7, 15)]),
    "an empty scan and a phantom at its low end": ([scan(BY_A, encode(11), encode(19)), MARK], [insert(7, 11)]),
    "a scan and a document that leaves the range": ([scan(BY_A, encode(5), encode(15)), MARK], [patch(1, a=50)]),
    "a scan and a document that comes in": ([scan(BY_A, encode(5), encode(15)), MARK], [patch(3, a=12)]),
    "a scan and a deleted row": ([scan(BY_A, encode(5), encode(15)), MARK], [delete(1)]),
    "a scan and a patch of other fields": ([scan(BY_A, encode(5), encode(15)), MARK], [patch(1, b=50)]),
    "another index and a patch of other fields": ([first(BY_B), MARK], [patch(1, a=50)]),
    "a scan by creation time and any patch": ([first(BY_TIME), MARK], [patch(1, a=50)]),
    "a scan by id and any patch": ([scan(BY_ID), MARK], [patch(1, a=50)]),
    "the newest row and a newer one": ([first(BY_TIME, descending=True), MARK], [insert(7, 70)]),
    "two patches of one document": ([patch(1, a=11)], [patch(1, b=5)]),
    "a patch and a delete": ([patch(1, a=11)], [delete(1)]),
    "a delete and a patch": ([delete(1)], [patch(1, a=11)]),
    "two deletes": ([delete(1)], [delete(1)]),
    "the second of several commits": ([get(1), MARK], [patch(2, a=21)], [patch(1, a=11)], [patch(3, a=31)]),
    "a document that was changed and changed back": ([get(1), MARK], [patch(1, a=11)], [patch(1, a=10)]),
    "an insert that is gone again": ([scan(BY_A, encode(11), encode(19)), MARK], [insert(7, 15)], [delete(7)]),
    "the second of two moves": ([scan(BY_A, encode(55), encode(65)), MARK], [patch(1, a=70)], [patch(1, a=60)]),
}

SPARED = {
    "a get and a patch of another": ([get(1), MARK], [patch(2, a=11)]),
    "a get and an insert": ([get(1), MARK], [insert(7, 10, 1)]),
    "a scan and an insert below it": ([scan(BY_A, encode(5), encode(15)), MARK], [insert(7, 4)]),
    "a scan and an insert at its high end": ([scan(BY_A, encode(5), encode(15)), MARK], [insert(7, 15)]),
    "a scan and a move outside of it": ([scan(BY_A, encode(5), encode(15)), MARK], [patch(2, a=16)]),
    "the first row and an insert behind it": ([first(BY_A), MARK], [insert(7, 11)]),
    "the last row and an insert before it": ([first(BY_A, descending=True), MARK], [insert(7, 29)]),
    "the oldest row and a newer one": ([first(BY_TIME), MARK], [insert(7, 70)]),
    "two inserts": ([insert(7, 10, 1)], [insert(8, 10, 1)]),
    "two inserts with equal keys in every index of the user": ([insert(7, 10)], [insert(8, 10)]),
    "patches of two documents": ([patch(1, a=11)], [patch(2, a=11)]),
    "an insert and a delete": ([insert(7, 10)], [delete(1)]),
    "an intermediate revision": ([scan(BY_A, encode(55), encode(65)), MARK], [patch(1, a=60), patch(1, a=70)]),
    "an insert and delete in one transaction": ([scan(BY_A), MARK], [insert(7, 10), delete(7)]),
    "one that writes nothing": ([scan(BY_A), scan(BY_ID), get(1)], [patch(1, a=11)], [delete(2)]),
    "one whose writes cancel out": ([scan(BY_A), insert(7, 1), delete(7)], [patch(1, a=11)]),
    "what was committed before the begin": ([get(1), MARK],),
}


@pytest.mark.parametrize("case", KILLED)
def test_these_conflict(case: str) -> None:
    assert isinstance(race(world(*ROWS), *KILLED[case]), Conflict)


@pytest.mark.parametrize("case", SPARED)
def test_these_do_not(case: str) -> None:
    assert isinstance(race(world(*ROWS), *SPARED[case]), Committed)


def test_a_loser_leaves_no_trace() -> None:
    database = world(*ROWS)
    commit(database, patch(1, a=11))
    loser = Transaction(database.snapshot)
    for step in (patch(1, a=12), insert(7, 70), delete(2)):
        step(loser)
    commit(database, patch(1, a=13))
    before = database.snapshot
    assert isinstance(database.commit(loser.finalize(), "loser"), Conflict)
    assert database.snapshot is before
    assert len(database.log.since(0)) == before.ts


def test_what_others_committed_meanwhile_stays() -> None:
    """convex-semantics 1.1: a commit adds its own writes to the newest snapshot, not to the one it began on."""
    database = world(*ROWS)
    theirs, ours = [patch(1, a=11), delete(3), insert(7, 70)], [patch(2, a=22), insert(8, 80)]
    assert isinstance(race(database, ours, theirs), Committed)
    rows = Transaction(database.snapshot).scan(TABLE, BY_A, *EVERYTHING)
    assert [row.value["a"] for row in rows] == [11, 22, 70, 80]
    assert database.snapshot.ts == len(database.log.since(0)) == 3


def test_a_conflict_tells_what_was_read_and_who_wrote_it() -> None:
    database = world(*ROWS)
    verdict = race(database, [scan(BY_A, encode(5), encode(15)), MARK], [patch(2, a=21)], [patch(1, a=50)])
    assert verdict == Conflict(
        "/items.by_a",
        (encode(5), encode(15)),
        ROWS[0].keys[BY_A.position],
        ROWS[0].id,
        database.snapshot.ts,
        "theirs",
    )


def test_the_oldest_conflicting_commit_is_named() -> None:
    database = world(*ROWS)
    begun = database.snapshot.ts
    verdict = race(database, [get(1), MARK], [patch(2, a=1)], [patch(1, a=2)], [patch(1, a=3)])
    assert isinstance(verdict, Conflict)
    assert verdict.write_ts == begun + 2
    assert verdict.interval == (encode(ROWS[0].id), after(encode(ROWS[0].id)))


@pytest.mark.parametrize("index", TABLE.indexes.values(), ids=list(TABLE.indexes))
def test_a_write_shows_in_every_index_by_its_old_and_its_new_key(index: Any) -> None:
    for change in (patch(1, a=15, b=15), patch(1, a=15), delete(1), insert(7, 12, 12)):
        for moment in ("old", "new"):
            database = world(*ROWS)
            transaction = Transaction(database.snapshot)
            change(transaction)
            (write,) = transaction.finalize().writes
            revision = getattr(write, moment)
            if revision is None:
                continue
            key = revision.keys[index.position]
            probe = race(database, [scan(index, key, after(key)), MARK], [change])
            assert isinstance(probe, Conflict)
            assert (probe.index, probe.key) == (index.key, key)


def test_write_skew_is_impossible() -> None:
    """Two doctors, each of whom may leave as long as the other one stays: snapshot isolation lets both go."""

    def leave(number: int) -> list[Step]:
        return [scan(BY_A, encode(1), prefix_end(encode(1))), patch(number, a=0)]

    database = world(document(1, 1), document(2, 1))
    assert isinstance(race(database, leave(1), leave(2)), Conflict)


def test_tables_of_other_components_never_meet() -> None:
    database = world(*ROWS)

    def elsewhere(transaction: Transaction) -> None:
        transaction.insert(document(1, 10, 1, TWIN))

    assert isinstance(race(database, [get(1), scan(BY_A), MARK], [elsewhere]), Committed)


# Timestamps.


def test_commits_are_numbered_without_gaps_and_queries_have_the_time_of_their_begin() -> None:
    database = world()
    assert [commit(database, insert(number, number)) for number in range(1, 4)] == [1, 2, 3]
    assert commit(database, scan(BY_A)) == 3
    assert database.snapshot.ts == 3
    late = Transaction(database.snapshot)
    get(1)(late)
    commit(database, patch(1, a=7))
    assert database.commit(late.finalize(), "reader") == Committed(3)


def test_the_log_holds_what_came_after_a_moment() -> None:
    database = world(*ROWS)
    for number in range(10, 15):
        commit(database, insert(number, number))
    assert [entry.ts for entry in database.log.since(3)] == [4, 5, 6]
    assert list(database.log.since(6)) == []
    assert [entry.ts for entry in database.log.since(0)] == [1, 2, 3, 4, 5, 6]


def test_a_write_from_outside_is_a_write_of_what_the_transaction_writes() -> None:
    """properties.md, fault model O: the document is a user's if any is; its id has been read (convex-semantics 1.3)."""
    rows = make_table("", "_rows", 10_002)
    own = rows.document({"_creationTime": 1, "_id": encode_id(10_002, bytes(16))})
    database = world(*ROWS)
    transaction = Transaction(database.snapshot)
    transaction.insert(own)
    final = transaction.finalize()
    assert foreign_conflict(final, 1).document_id == own.id
    for step in (patch(1, a=11), delete(2)):
        step(transaction)
    final = transaction.finalize()
    conflict = foreign_conflict(final, 1)
    assert conflict == Conflict(BY_ID.key, conflict.interval, ROWS[0].keys[0], ROWS[0].id, 2, FOREIGN)
    assert final.reads.covering(conflict.index, conflict.key) == conflict.interval
    assert database.judge(final) is None  # nothing has really happened
