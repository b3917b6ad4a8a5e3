"""Random histories against two oracles: a dict run serially, and a naive judge of conflicts (convex-semantics 0, 1.1).

Transactions are small programs that decide what to do by what they read. Many are open at once. The judge keeps, for
each, a copy of the whole database and a list of what was read; it compares field values, not bytes. What commits must
be exactly what the judge lets pass, and running the committed programs one after the other over one dict, in the order
of their commits, must give each the same answers and in the end the same documents in every index.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

from attrs import define, evolve, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from convexsim.database.commit import Committed, Database, find_conflict
from convexsim.database.index import make_table
from convexsim.database.transaction import Transaction
from convexsim.values import after, define_table, encode, encode_id, prefix_end, v
from tests.values.strategies import PROPERTY

TABLE = make_table(
    "", "items", 10_001, define_table(v.any()).index("by_a", ["a"]).index("by_a_b", ["a", "b"]).index("by_b", ["b"])
)
FIELDS: Final = {
    "by_id": (),
    "by_creation_time": ("t",),
    "by_a": ("a", "t"),
    "by_a_b": ("a", "b", "t"),
    "by_b": ("b", "t"),
}
"""The fields of each index before the id; ``t`` stands for the creation time."""
LARGEST: Final = 9

Row = tuple[int, int, int, int]
"""A document: its number, creation time, a and b."""
Key = tuple[int, ...]


@frozen
class Op:
    """One thing that a program does, by numbers whose meaning depends on what the program has seen so far."""

    what: str
    x: int
    y: int
    index: str = "by_a"
    descending: bool = False


class Store(Protocol):
    """What a program runs on."""

    def get(self, number: int) -> Row | None: ...

    def scan(self, op: Op, low: int, high: int) -> Iterator[Row]: ...

    def put(self, number: int, row: Row | None) -> None: ...


def run_program(program: list[Op], name: int, store: Store) -> list[Any]:
    """Run a program and return everything that it has seen."""
    seen: list[Any] = []
    mood = 0
    for at, op in enumerate(program):
        number = (op.x + mood) % (LARGEST + 1)
        if op.what == "scan":
            low, high = sorted((op.x, op.y))
            rows = [row for _, row in zip(range(op.y % 4 or 99), store.scan(op, low, high), strict=False)]
            seen.append(rows)
            mood += sum(row[2] + row[3] for row in rows)
            continue
        row = store.get(number)
        seen.append(row)
        if row is None:
            if op.what == "insert":
                new = 100 + 10 * name + at
                store.put(new, (new, op.y, op.x, mood % 5))
        elif op.what == "patch":
            store.put(number, (number, row[1], (row[2] + op.y) % 10, (row[3] + mood) % 5))
        elif op.what == "delete":
            store.put(number, None)
        mood += 1 if row is None else row[2]
    return seen


# The real thing.


class Real:
    """A program's view of a `Transaction`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def get(self, number: int) -> Row | None:
        found = self._transaction.get(TABLE, id_of(number))
        return None if found is None else row_of(found.value)

    def scan(self, op: Op, low: int, high: int) -> Iterator[Row]:
        start, end = bounds_of(op.index, low, high)
        rows = self._transaction.scan(TABLE, TABLE.indexes[op.index], start, end, descending=op.descending)
        return (row_of(row.value) for row in rows)

    def put(self, number: int, row: Row | None) -> None:
        old = self._transaction.get(TABLE, id_of(number))
        if row is None:
            assert old is not None
            self._transaction.delete(old)
            return
        new = TABLE.document({"_creationTime": row[1], "_id": id_of(number), "a": row[2], "b": row[3]})
        if old is None:
            self._transaction.insert(new)
        else:
            self._transaction.replace(old, new)


def id_of(number: int) -> str:
    return encode_id(10_001, number.to_bytes(16))


NUMBER_OF = {id_of(number): number for number in range(1_000)}


def row_of(value: dict[str, Any]) -> Row:
    return (NUMBER_OF[value["_id"]], value["_creationTime"], value["a"], value["b"])


def bounds_of(index: str, low: int, high: int) -> tuple[bytes, bytes]:
    """Return the interval of `low` <= first field <= `high`; of one id for by_id, whose order means nothing."""
    if index == "by_id":
        return encode(id_of(low)), after(encode(id_of(low)))
    return encode(low), prefix_end(encode(high))


# The naive one.


@define
class Naive:
    """A whole copy of the database, and what was read of it, in field values."""

    rows: dict[int, Row]
    reads: list[tuple[str, Key, Key]] = field(factory=list)
    before: dict[int, Row] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rows = dict(self.rows)
        self.before = dict(self.rows)

    def get(self, number: int) -> Row | None:
        self.reads.append(("by_id", (number,), (number,)))
        return self.rows.get(number)

    def scan(self, op: Op, low: int, high: int) -> Iterator[Row]:
        """Yield rows and note, as they are taken, from which key to which the program has looked."""
        if op.index == "by_id":
            high = low
        first, last = (low,), (high, *TOP)
        inside = sorted((key_of(op.index, row), row) for row in self.rows.values())
        inside = [(key, row) for key, row in inside if first <= key <= last]
        for key, row in reversed(inside) if op.descending else inside:
            self.reads.append((op.index, key, last) if op.descending else (op.index, first, key))
            yield row
        self.reads.append((op.index, first, last))

    def put(self, number: int, row: Row | None) -> None:
        self.reads.append(("by_id", (number,), (number,)))
        if row is None:
            del self.rows[number]
        else:
            self.rows[number] = row

    @property
    def writes(self) -> list[tuple[Row | None, Row | None]]:
        """What it changed; a document that a program put back as it was is still a write of the transaction."""
        touched = {number: (self.before.get(number), self.rows.get(number)) for number in {**self.before, **self.rows}}
        return [pair for pair in touched.values() if pair[0] != pair[1]]


TOP: Final = (10**9, 10**9, 10**9)


def key_of(index: str, row: Row) -> Key:
    named = {"t": row[1], "a": row[2], "b": row[3]}
    return (*(named[name] for name in FIELDS[index]), row[0])


def meets(reads: list[tuple[str, Key, Key]], writes: list[tuple[Row | None, Row | None]]) -> bool:
    return any(
        low <= key_of(index, row) <= high
        for index, low, high in reads
        for pair in writes
        for row in pair
        if row is not None
    )


# The histories.

numbers = st.integers(0, LARGEST)
ops = st.builds(
    Op,
    st.sampled_from(["scan", "scan", "get", "insert", "patch", "patch", "delete"]),
    numbers,
    numbers,
    st.sampled_from(list(FIELDS)),
    st.booleans(),
)
programs = st.lists(ops, min_size=2, max_size=5)
moves = st.tuples(st.sampled_from(["begin", "commit"]), st.integers(0, 5), programs)
histories = st.lists(moves, min_size=12, max_size=24)  # short ones hold no conflict
seeds = st.dictionaries(numbers, st.tuples(numbers, numbers, st.integers(0, 4)), min_size=3, max_size=8)


@define
class Open:
    """A transaction that has begun and run."""

    name: int
    program: list[Op]
    real: Transaction
    naive: Naive
    seen: list[Any]
    later: list[list[tuple[Row | None, Row | None]]] = field(factory=list)


class History:
    """Both worlds side by side."""

    def __init__(self, seed: dict[int, tuple[int, int, int]]) -> None:
        self.database = Database([TABLE])
        self.serial: dict[int, Row] = {}
        self.open: list[Open] = []
        self.verdicts: list[bool] = []
        self._names = 0
        seeding = Real(Transaction(self.database.snapshot))
        for number, row in seed.items():
            self.serial[number] = (number, *row)
            seeding.put(number, self.serial[number])
        self.database.commit(seeding._transaction.finalize(), "seed")

    def begin(self, program: list[Op]) -> None:
        self._names += 1
        real, naive = Transaction(self.database.snapshot), Naive(self.serial)
        seen = run_program(program, self._names, Real(real))
        assert seen == run_program(program, self._names, naive)  # read-your-writes, over one snapshot
        self.open.append(Open(self._names, program, real, naive, seen))

    def commit(self, which: int) -> None:
        done = self.open.pop(which % len(self.open))
        final = done.real.finalize()
        written = {NUMBER_OF[write.id] for write in final.writes}
        assert {row[0] for pair in done.naive.writes for row in pair if row is not None} <= written
        doomed = bool(written) and any(meets(done.naive.reads, writes) for writes in done.later)
        verdict = self.database.commit(final, f"t{done.name}")
        assert isinstance(verdict, Committed) == (not doomed)
        self.verdicts.append(doomed)
        if doomed or not written:
            return
        # A document put back as it was is a write to others, though it changes nothing.
        writes = [(done.naive.before.get(number), done.naive.rows.get(number)) for number in sorted(written)]
        for other in self.open:
            other.later.append(writes)
        again = Naive(self.serial)
        assert run_program(done.program, done.name, again) == done.seen, "it committed, but not as if it were alone"
        self.serial = again.rows

    def agree(self) -> None:
        maps = self.database.snapshot.tables[TABLE.key]
        for name, index in TABLE.indexes.items():
            found = [row_of(document.value) for _, document in maps[index.position].items()]
            expected = sorted(self.serial.values(), key=lambda row: (key_of(name, row)[:-1], id_of(row[0])))
            assert found == expected
            assert [key for key, _ in maps[index.position].items()] == [
                document.keys[index.position] for _, document in maps[index.position].items()
            ]


def test_what_commits_is_serial_and_only_what_must_conflict_does() -> None:
    conflicts = overtaken = 0

    @given(seeds, histories)
    @settings(PROPERTY, max_examples=60)
    def each(seed: dict[int, tuple[int, int, int]], history: list[tuple[str, int, list[Op]]]) -> None:
        nonlocal conflicts, overtaken
        world = History(seed)
        for what, which, program in history:
            if what == "begin" or not world.open:
                world.begin(program)
            else:
                late = bool(world.open[which % len(world.open)].later)
                world.commit(which)
                conflicts += world.verdicts[-1]
                overtaken += late and not world.verdicts[-1]
            world.agree()

    each()
    # The histories are worth their time: some lose, and some win although others came in between.
    assert conflicts > 50
    assert overtaken > 50


@given(seeds, programs)
@PROPERTY
def test_the_short_way_to_publish_gives_what_the_long_way_gives(
    seed: dict[int, tuple[int, int, int]], program: list[Op]
) -> None:
    """A transaction that nobody overtook becomes the next snapshot as it stands; otherwise its writes are laid over."""
    world = History(seed)
    transaction = Transaction(world.database.snapshot)
    run_program(program, 1, Real(transaction))
    final = transaction.finalize()
    slow = Database([TABLE])
    slow.snapshot = evolve(world.database.snapshot, ts=world.database.snapshot.ts)
    for entry in world.database.log.since(0):
        slow.log.append(entry)
    # Something in between that touches another table's keys only: the same documents, one timestamp later.
    slow.log.append(evolve(slow.log.since(0)[-1], ts=slow.snapshot.ts + 1, keys={}))
    slow.snapshot = evolve(slow.snapshot, ts=slow.snapshot.ts + 1)
    assert find_conflict(final.reads, slow.log.since(final.begin_ts)) is None
    for database in (world.database, slow):
        assert isinstance(database.commit(final, "ours"), Committed)
    for fast_map, slow_map in zip(
        world.database.snapshot.tables[TABLE.key], slow.snapshot.tables[TABLE.key], strict=True
    ):
        assert list(fast_map.items()) == list(slow_map.items())
    assert [entry.keys for entry in world.database.log.since(0)] == [
        entry.keys for entry in slow.log.since(0) if entry.keys
    ]
