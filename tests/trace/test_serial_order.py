"""The judge of histories against brute force: a circle is found if and only if no order of the attempts explains them.

Thousands of small histories in which transactions see whatever they like, one moment of the database or several, are
judged twice: by `find_cycle`, and by trying every order of the attempts on a plain dict (convex-semantics 1.1, 11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from random import Random
from typing import Any

import pytest
from attrs import define, field, frozen

from convexsim.database.history import Attempt, Got, Scanned
from convexsim.database.index import Document, make_table
from convexsim.database.writes import Write
from convexsim.errors import UsageError
from convexsim.trace import serial_order
from convexsim.trace.serial_order import find_cycle, tell_cycle
from convexsim.values import after, define_table, encode, encode_id, prefix_end, v

TABLE = make_table("", "items", 10_001, define_table(v.any()).index("by_a", ["a"]))
BY_A = TABLE.indexes["by_a"]
IDS = [encode_id(10_001, number.to_bytes(16)) for number in range(3)]

State = dict[str, Document]
"""The documents of one moment, by id."""


def revision(number: int, a: int) -> Document:
    return TABLE.document({"_creationTime": number, "_id": IDS[number], "a": a})


# ------------------------------------------------------------------------------------------------- small histories


@frozen(eq=False)
class Range:
    """A scan of by_a: from which a to which, in which direction, and after how many rows it was broken off, if ever."""

    first: int
    last: int
    descending: bool
    stop: int | None

    def rows(self, state: State) -> list[Document]:
        inside = [row for row in state.values() if self.first <= row.value["a"] <= self.last]
        inside.sort(key=lambda row: (row.value["a"], row.value["_creationTime"]), reverse=self.descending)
        return inside[: self.stop]


@define(eq=False)
class Transaction:
    """What one transaction saw and wrote; it reads first and writes then."""

    caller: str
    commit_ts: int | None = None
    gets: list[tuple[str, Document | None]] = field(factory=list)
    scans: list[tuple[Range, list[Document]]] = field(factory=list)
    writes: dict[str, Document | None] = field(factory=dict)
    follows: int = 0

    def explained_by(self, state: State) -> bool:
        return all(state.get(each) is seen for each, seen in self.gets) and all(
            same(asked.rows(state), seen) for asked, seen in self.scans
        )

    def attempt(self, number: int, draw: Random) -> Attempt:
        """Return it as the recorder would have taken it down; the guess where it stands is no help at all."""
        return Attempt(
            activity=f"{self.caller}.{number}",
            what=f"m:f{number}",
            number=1,
            follows=self.follows,
            begin_ts=draw.randint(0, 9),
            commit_ts=self.commit_ts,
            gets=[Got(TABLE, each, seen) for each, seen in self.gets],
            scans=[scanned(asked, seen) for asked, seen in self.scans],
            touched=list(self.writes),
            writes=[Write(TABLE, each, None, new) for each, new in self.writes.items()],
        )


def same(some: list[Document], others: list[Document]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def scanned(asked: Range, seen: list[Document]) -> Scanned:
    low, high = encode(asked.first), prefix_end(encode(asked.last))
    if len(seen) == asked.stop:
        last = seen[-1].keys[BY_A.position]
        low, high = (last, high) if asked.descending else (low, after(last))
    return Scanned(TABLE, BY_A, low, high, seen)


def random_history(draw: Random) -> list[Transaction]:
    """Make a history: first what is written, then what is seen of it, then who knew whom to be over."""
    history = [Transaction(draw.choice("ab")) for _ in range(draw.randint(2, 5))]
    states: list[State] = [{}]
    for transaction in history:
        if draw.random() < 0.75:
            transaction.commit_ts = len(states)
            state = dict(states[-1])
            for number in draw.sample(range(3), draw.choice([1, 1, 2])):
                if number in [IDS.index(each) for each in state] and draw.random() < 0.35:
                    del state[IDS[number]]
                else:
                    state[IDS[number]] = revision(number, draw.randint(0, 3))
                transaction.writes[IDS[number]] = state.get(IDS[number])
            states.append(state)
    is_strange = draw.random() < 0.5
    for transaction in history:
        own = transaction.commit_ts - 1 if transaction.commit_ts is not None else draw.randrange(len(states))
        for _ in range(draw.choice([0, 1, 1, 2, 3])):
            state = states[draw.randrange(len(states)) if is_strange or draw.random() < 0.15 else own]
            look(transaction, state, draw)
    draw.shuffle(history)
    for at, transaction in enumerate(history):
        transaction.follows = draw.randint(0, at)
    return history


def look(transaction: Transaction, state: State, draw: Random) -> None:
    if draw.random() < 0.5:
        each = draw.choice(IDS)
        seen = state.get(each) if draw.random() < 0.99 else revision(IDS.index(each), 0)  # which nobody ever wrote
        transaction.gets.append((each, seen))
        return
    first, last = sorted((draw.randint(0, 3), draw.randint(0, 3)))
    asked = Range(first, last, draw.random() < 0.5, draw.choice([None, 1, 2]))
    transaction.scans.append((asked, asked.rows(state)))


def is_explained(history: list[Transaction]) -> bool:
    """Tell whether some order explains it: the whole definition, nothing clever."""
    return any(explains(order, history) for order in permutations(range(len(history))))


def explains(order: Sequence[int], history: list[Transaction]) -> bool:
    state: State = {}
    versions = dict.fromkeys(IDS, 0)
    for step, at in enumerate(order):
        now = history[at]
        for other in order[step + 1 :]:
            if history[other].caller == now.caller and other < now.follows:
                return False  # one that was over before this one began
        if not now.explained_by(state):
            return False
        for each, new in now.writes.items():
            assert now.commit_ts is not None
            if now.commit_ts < versions[each]:
                return False  # not the order in which the versions of this document were committed
            versions[each] = now.commit_ts
            state.pop(each, None)
            if new is not None:
                state[each] = new
    return True


@pytest.mark.parametrize("seed", range(8))
def test_a_circle_is_found_if_and_only_if_no_order_explains_the_history(seed: int) -> None:
    draw = Random(seed)  # noqa: S311 - no secret, and the same histories each time
    verdicts = Counter[bool]()
    kinds = Counter[str]()
    for _ in range(500):
        history = random_history(draw)
        attempts = [transaction.attempt(at, draw) for at, transaction in enumerate(history)]
        cycle = find_cycle(attempts)
        assert (cycle is None) == is_explained(history), tell_cycle(attempts, cycle or [])
        verdicts[cycle is None] += 1
        for edge, following in zip(cycle or [], [*(cycle or [])[1:], *(cycle or [])[:1]], strict=True):
            assert edge.after == following.before
            kinds[edge.kind] += 1
    # Otherwise nothing was put to the test.
    assert min(verdicts[True], verdicts[False]) > 100
    assert min(kinds[kind] for kind in ("ww", "wr", "rw", "order", "never")) > 3


# ------------------------------------------------------------------------------------- the anomalies by their names


def wrote(caller: str, commit_ts: int, *writes: Document, **how: Any) -> Transaction:
    return Transaction(caller, commit_ts, writes={row.id: row for row in writes}, **how)


def told(*history: Transaction) -> str | None:
    attempts = [transaction.attempt(at, Random(0)) for at, transaction in enumerate(history, start=1)]  # noqa: S311
    cycle = find_cycle(attempts)
    return None if cycle is None else tell_cycle(attempts, cycle)


X, Y, Z = IDS
X1, X2, X3, Y1, Y2 = (revision(number, 1) for number in (0, 0, 0, 1, 1))
EVERYTHING = Range(0, 3, descending=False, stop=None)


def test_a_lost_update() -> None:
    assert told(wrote("s", 1, X1), wrote("a", 2, X2, gets=[(X, X1)]), wrote("b", 3, X3, gets=[(X, X1)])) == (
        "No serial order explains the run: "
        f"a.2 (m:f2) before b.3 (m:f3), which wrote {X} in items later (ww); "
        f"b.3 (m:f3) before a.2 (m:f2), whose write of {X} in items.by_id it did not see (rw)."
    )


def test_write_skew() -> None:
    seen = [(X, X1), (Y, Y1)]
    told_of = told(wrote("s", 1, X1, Y1), wrote("a", 2, X2, gets=seen), wrote("b", 3, Y2, gets=seen))
    assert told_of == (
        "No serial order explains the run: "
        f"a.2 (m:f2) before b.3 (m:f3), whose write of {Y} in items.by_id it did not see (rw); "
        f"b.3 (m:f3) before a.2 (m:f2), whose write of {X} in items.by_id it did not see (rw)."
    )
    assert told(wrote("s", 1, X1, Y1), wrote("a", 2, X2, gets=seen), wrote("b", 3, Y2, gets=[(X, X2), (Y, Y1)])) is None


def test_a_phantom() -> None:
    """Both count the rows of a range and add one: neither has seen a row that the other one wrote."""
    told_of = told(wrote("a", 1, X1, scans=[(EVERYTHING, [])]), wrote("b", 2, Y1, scans=[(EVERYTHING, [])]))
    assert told_of is not None
    assert told_of.count("in items.by_a it did not see (rw)") == 2
    elsewhere = Range(2, 3, descending=False, stop=None)
    assert told(wrote("a", 1, X1, scans=[(EVERYTHING, [])]), wrote("b", 2, Y1, scans=[(elsewhere, [])])) is None


def test_half_of_another_transaction() -> None:
    told_of = told(wrote("s", 1, X1, Y1), wrote("a", 2, X2, Y2), Transaction("b", gets=[(X, X2), (Y, Y1)]))
    assert told_of == (
        "No serial order explains the run: "
        f"a.2 (m:f2) before b.3 (m:f3), which saw its write of {X} in items.by_id (wr); "
        f"b.3 (m:f3) before a.2 (m:f2), whose write of {Y} in items.by_id it did not see (rw)."
    )


def test_a_long_fork() -> None:
    """Two readers see two unrelated writes in opposite orders."""
    writes = (wrote("a", 1, X1), wrote("b", 2, Y1))
    readers = [Transaction("c", gets=[(X, X1), (Y, None)]), Transaction("d", gets=[(X, None), (Y, Y1)])]
    told_of = told(*writes, *readers)
    assert told_of is not None
    assert told_of.count(";") == 3
    assert told(*writes, readers[0]) is None
    assert told(*writes, readers[1]) is None


def test_what_nobody_committed() -> None:
    assert told(wrote("s", 1, X1), Transaction("a", gets=[(X, X2)])) == (
        f"a.2 (m:f2) saw a revision of {X} in items.by_id that nobody has committed."
    )


def test_a_caller_sees_its_own_earlier_writes() -> None:
    history = [wrote("a", 1, X1), Transaction("a", gets=[(X, None)], follows=1)]
    assert told(*history) == (
        "No serial order explains the run: "
        "a.1 (m:f1) before a.2 (m:f2), which its caller began when it was over (order); "
        f"a.2 (m:f2) before a.1 (m:f1), whose write of {X} in items.by_id it did not see (rw)."
    )
    history[1].caller = "b"  # somebody else may come first
    assert told(*history) is None
    history[1].caller, history[1].follows = "a", 0  # and so may what was already on its way
    assert told(*history) is None


def test_a_document_that_was_not_found_may_not_be_there_yet_or_be_gone() -> None:
    gone = Transaction("b", 2, writes={X: None})
    assert told(wrote("a", 1, X1), gone, Transaction("c", gets=[(X, None)])) is None
    before, behind = Transaction("a", gets=[(X, None)], follows=0), Transaction("b", gets=[(X, None)], follows=3)
    assert told(wrote("a", 1, X1), gone, before, behind) is None
    # Here it can be neither: Y was written after X was, and Z, which is not there, before X was gone.
    gone.writes = {X: None, Z: revision(2, 1)}
    told_of = told(
        wrote("a", 1, X1),
        wrote("a", 2, Y1, follows=1),
        Transaction("b", 3, writes=gone.writes),
        Transaction("c", gets=[(X, None), (Y, Y1), (Z, None)]),
    )
    assert told_of is not None
    assert told_of.count(";") >= 1


def test_the_guesses_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_order, "MAX_GUESSES", 0)
    with pytest.raises(UsageError, match="The history of 1 attempts"):
        told(wrote("a", 1, X1))
