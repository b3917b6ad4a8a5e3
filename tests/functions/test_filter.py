"""Filters: the expressions over the order of all values, arithmetic, and what a filtered query reads (semantics 7)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexsim import UNDEFINED, Int64, MutationCtx, PlatformError, define_schema, define_table, v
from convexsim.functions.filter import Constant, Field, FilterBuilder, Operation, expression_of, matches
from convexsim.functions.query import MAX_OPERATORS
from convexsim.values import freeze
from tests.support import Bench, caught

SCHEMA = define_schema(
    {
        "items": define_table({"n": v.number(), "extra": v.optional(v.any())}).index("by_n", ["n"]),
        "marks": define_table({}),
    }
)
Q = FilterBuilder()
Predicate = Callable[[FilterBuilder], Any]
DOCUMENT = {"n": 5, "big": Int64(7), "yes": True, "name": "ann", "owner": {"name": "bob", "tags": ["x"]}, "null": None}

# One value after another in the order of convex-semantics 8.
ASCENDING: list[Any] = [
    UNDEFINED,
    None,
    Int64(-(2**63)),
    Int64(-1),
    Int64(0),
    Int64(10),
    float("-inf"),
    -1.5,
    -0.0,
    0,
    2,
    10,
    float("inf"),
    float("nan"),
    False,
    True,
    "",
    "B",
    "a",
    "aa",
    "\uffff",
    "\U00010000",
    b"",
    b"\x00",
    [],
    [1],
    [1, 0],
    [2],
    {},
    {"a": 1},
    {"a": 1, "b": 0},
    {"b": 0},
]


def holds(said: Any, document: Any = None) -> Any:
    return matches([expression_of(said)], freeze(DOCUMENT if document is None else document))


@pytest.mark.parametrize("at", range(len(ASCENDING)))
def test_comparisons_follow_the_order_of_all_values(at: int) -> None:
    for other, value in enumerate(ASCENDING):
        mine = ASCENDING[at]
        assert holds(Q.eq(mine, value)) == (at == other)
        assert holds(Q.neq(mine, value)) == (at != other)
        assert holds(Q.lt(mine, value)) == (at < other)
        assert holds(Q.lte(mine, value)) == (at <= other)
        assert holds(Q.gt(mine, value)) == (at > other)
        assert holds(Q.gte(mine, value)) == (at >= other)


def test_equal_values_of_different_spelling() -> None:
    assert holds(Q.eq(1, 1.0))
    assert holds(Q.eq({"a": 1, "b": 2}, {"b": 2.0, "a": 1}))
    assert holds(Q.eq(float("nan"), -float("nan")))


def test_a_field_is_found_by_its_path_and_undefined_where_it_is_not() -> None:
    assert holds(Q.eq(Q.field("owner.name"), "bob"))
    assert holds(Q.eq(Q.field("owner"), {"name": "bob", "tags": ["x"]}))
    for missing in ("gone", "owner.gone", "name.length", "owner.tags.0", "null.x"):
        assert holds(Q.eq(Q.field(missing), UNDEFINED)), missing
        assert holds(Q.lt(Q.field(missing), None))
        assert not holds(Q.eq(Q.field(missing), None))
    assert not holds(Q.gt(Q.field("level"), 2))
    assert holds(Q.neq(Q.field("level"), 2))


ARITHMETIC: list[tuple[Any, Any]] = [
    (Q.add(Q.field("n"), 7), 12),
    (Q.sub(2, Q.field("n")), -3),
    (Q.mul(1.5, 2), 3),
    (Q.div(1, 2), 0.5),
    (Q.div(1, 0), float("inf")),
    (Q.div(1, -0.0), float("-inf")),
    (Q.div(-1, 0), float("-inf")),
    (Q.div(0, 0), float("nan")),
    (Q.mod(-11, 3), -2),
    (Q.mod(11, -3), 2),
    (Q.mod(1, 0), float("nan")),
    (Q.mod(float("inf"), 3), float("nan")),
    (Q.mod(1, float("inf")), 1),
    (Q.neg(3), -3),
    (Q.neg(0), -0.0),
    (Q.mul(1e308, 10), float("inf")),
    (Q.add(Q.field("big"), Int64(5)), Int64(12)),
    (Q.sub(Int64(4), Q.field("big")), Int64(-3)),
    (Q.mul(Int64(-1), Int64(3)), Int64(-3)),
    (Q.div(Int64(7), Int64(2)), Int64(3)),
    (Q.div(Int64(-7), Int64(2)), Int64(-3)),
    (Q.div(Int64(-7), Int64(-2)), Int64(3)),
    (Q.mod(Int64(-7), Int64(5)), Int64(-2)),
    (Q.mod(Int64(7), Int64(-5)), Int64(2)),
    (Q.neg(Int64(3)), Int64(-3)),
    (Q.add(Int64(2**63 - 2), Int64(1)), Int64(2**63 - 1)),
    (Q.neg(Q.sub(Q.mul(3, 5), Q.mod(11, 3))), -13),
]


@pytest.mark.parametrize(("said", "result"), ARITHMETIC)
def test_arithmetic(said: Any, result: Any) -> None:
    assert holds(Q.eq(said, result))


BINARY = ("add", "sub", "mul", "div", "mod")
MIN, MAX = Int64(-(2**63)), Int64(2**63 - 1)


@pytest.mark.parametrize(
    "said",
    [
        *(getattr(Q, verb)(1, Int64(1)) for verb in BINARY),
        *(getattr(Q, verb)(Int64(1), 1) for verb in BINARY),
        *(getattr(Q, verb)("a", "b") for verb in BINARY),
        Q.add(True, 1),
        Q.add(None, 1),
        Q.add(Q.field("gone"), 1),
        Q.neg("1"),
        Q.neg(True),
        Q.neg(Q.field("gone")),
        Q.add(MAX, Int64(1)),
        Q.sub(MIN, Int64(1)),
        Q.mul(MAX, Int64(2)),
        Q.div(MIN, Int64(-1)),
        Q.mod(MIN, Int64(-1)),
        Q.div(Int64(1), Int64(0)),
        Q.mod(Int64(1), Int64(0)),
        Q.neg(MIN),
    ],
)  # fmt: skip
def test_arithmetic_that_is_refused(said: Any) -> None:
    assert caught(lambda: holds(Q.eq(said, 0))) == "EvalError"


@pytest.mark.parametrize("wrong", [0, 1, "", "yes", None, UNDEFINED, [], Int64(1), Q.field("n"), Q.field("gone")])
def test_conditions_are_booleans_and_nothing_else(wrong: Any) -> None:
    for said in (wrong, Q.and_(wrong), Q.or_(wrong), Q.not_(wrong), Q.and_(True, wrong), Q.or_(False, wrong)):
        assert caught(partial(holds, said)) == "EvalError", said


def test_and_or_not_are_those_of_logic_and_stop_as_soon_as_they_know() -> None:
    for a, b, c in product((False, True), repeat=3):
        assert holds(Q.and_(a, b, c)) == (a and b and c)
        assert holds(Q.or_(a, b, c)) == (a or b or c)
    assert holds(Q.not_(False))
    assert not holds(Q.not_(Q.field("yes")))
    assert holds(Q.and_())
    assert not holds(Q.or_())
    bad = Q.eq(Q.neg("x"), 1)
    assert not holds(Q.and_(False, bad))
    assert holds(Q.or_(True, bad))
    assert caught(lambda: holds(Q.and_(True, bad))) == "EvalError"
    assert caught(lambda: holds(Q.or_(False, bad))) == "EvalError"


@given(
    st.sampled_from(["add", "sub", "mul", "div", "mod"]),
    st.integers(-(2**63), 2**63 - 1),
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3)),
)
def test_int64_arithmetic_is_exact_or_refused(verb: str, left: int, right: int) -> None:
    exact: dict[str, Callable[[], int]] = {
        "add": lambda: left + right,
        "sub": lambda: left - right,
        "mul": lambda: left * right,
    }
    said = getattr(Q, verb)(Int64(left), Int64(right))
    if verb in exact:
        result = exact[verb]()
        refused = not -(2**63) <= result < 2**63
        assert refused or holds(Q.eq(said, Int64(result)))
    else:
        refused = right == 0 or (left == -(2**63) and right == -1)
        if not refused:  # truncation: left = quotient * right + remainder, the remainder with the sign of left
            quotient, remainder = Q.div(Int64(left), Int64(right)), Q.mod(Int64(left), Int64(right))
            assert holds(Q.eq(Q.add(Q.mul(quotient, Int64(right)), remainder), Int64(left)))
            assert holds(Q.eq(remainder, Int64(0))) or holds(Q.lt(remainder, Int64(0))) == (left < 0)
            size = abs(right) - 1
            assert holds(Q.and_(Q.gte(remainder, Int64(-size)), Q.lte(remainder, Int64(size))))
    assert (caught(lambda: holds(Q.eq(said, 0))) == "EvalError") == refused


def test_expressions_are_data_and_not_to_be_asked_for_their_truth() -> None:
    said = Q.and_(Q.eq(Q.field("a.b"), 3), Q.neq(Q.field("c"), UNDEFINED))
    assert said == Operation(
        "and",
        (
            Operation("eq", (Field("a.b"), Constant(3))),
            Operation("neq", (Field("c"), Constant(UNDEFINED))),
        ),
    )
    with pytest.raises(PlatformError, match="and_"):
        bool(Q.eq(1, 1) and Q.eq(2, 2))
    for path in ("", "a..b", ".a", 5, None):
        assert caught(partial(Q.field, path)) == "InvalidArgument"
    for wrong in ({1, 2}, object(), [Q.field("a")]):
        assert caught(partial(Q.eq, 1, wrong)) == "InvalidArgument"


# In queries.


def seeded(*numbers: int) -> Bench:
    bench = Bench(SCHEMA)
    bench.seed("items", *({"n": number} for number in numbers))
    return bench


def numbers(ctx: MutationCtx, *predicates: Predicate, order: str = "asc") -> Any:
    query = ctx.db.query("items").with_index("by_n", lambda q: q.gte("n", 0).lt("n", 100)).order(order)
    for predicate in predicates:
        query = query.filter(predicate)
    return query


def yes(_: FilterBuilder) -> Any:
    return True


def no(_: FilterBuilder) -> Any:
    return False


def even(q: FilterBuilder) -> Any:
    return q.eq(q.mod(q.field("n"), 20), 0)


def test_filters_are_chained_and_end_as_any_query_does() -> None:
    bench = seeded(10, 20, 30, 40, 60)
    large: Predicate = lambda q: q.gt(q.field("n"), 20)  # noqa: E731

    def handler(ctx: MutationCtx) -> Any:
        unique = numbers(ctx, even, lambda q: q.lt(q.field("n"), 40)).unique()
        return [
            [row["n"] for row in numbers(ctx, even, large).collect()],
            [row["n"] for row in numbers(ctx, even, large, order="desc")],
            [row["n"] for row in numbers(ctx, even).take(2)],
            numbers(ctx, large).first()["n"],
            unique["n"],
            numbers(ctx, no).first(),
            [row["n"] for row in ctx.db.query("items").filter(even).order("desc").collect()],
            len(ctx.db.query("items").filter(yes).collect()),
        ]

    assert bench.do(handler) == [[40, 60], [60, 40], [20, 40], 30, 20, None, [60, 40, 20], 5]


def test_an_earlier_filter_keeps_rows_from_a_later_one() -> None:
    bench = Bench(SCHEMA)
    bench.seed("items", {"n": 1, "extra": "no number"}, {"n": 2, "extra": 5})
    picky: Predicate = lambda q: q.gt(q.add(q.field("extra"), 1), 5)  # noqa: E731
    found = bench.do(lambda ctx: numbers(ctx, lambda q: q.eq(q.field("n"), 2), picky).collect())
    assert [row["n"] for row in found] == [2]
    assert bench.attempt(lambda ctx: numbers(ctx, picky, lambda q: q.eq(q.field("n"), 2)).collect()).code == "EvalError"


# Of the rows 10, 20, 30, 40 in 0 <= n < 100: an insert of which n kills the reader?
READERS: dict[str, tuple[Callable[[MutationCtx], Any], list[int], list[int]]] = {
    "all rejected": (lambda ctx: numbers(ctx, no).collect(), [0, 15, 45, 99], [-1, 100]),
    "the first match": (
        lambda ctx: numbers(ctx, lambda q: q.eq(q.field("n"), 30)).first(),
        [0, 5, 15, 25],
        [-1, 30, 31, 99],
    ),
    "the first match, descending": (
        lambda ctx: numbers(ctx, lambda q: q.eq(q.field("n"), 20), order="desc").first(),
        [21, 25, 35, 99],
        [19, 15, 0, 100],
    ),
    "take 2": (lambda ctx: numbers(ctx, even).take(2), [0, 15, 25, 35], [41, 99]),
    "one of one": (lambda ctx: numbers(ctx, lambda q: q.eq(q.field("n"), 20)).take(2), [0, 99], [-1, 100]),
    "the first of a filter that fits no row": (lambda ctx: numbers(ctx, no).first(), [0, 99], [-1, 100]),
}  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_rows_that_a_filter_rejects_are_read_all_the_same(reader: str) -> None:
    handler, kill, spare = READERS[reader]
    for n in kill + spare:
        bench = seeded(10, 20, 30, 40)
        assert bench.conflicts(handler, lambda ctx, n=n: ctx.db.insert("items", {"n": n})) == (n in kill), n


def test_a_query_has_at_most_256_operators() -> None:
    def chained(ctx: MutationCtx, count: int) -> Any:
        return len(numbers(ctx, *[yes] * count).collect())

    bench = seeded(10)
    assert bench.do(lambda ctx: chained(ctx, MAX_OPERATORS)) == 1
    assert MAX_OPERATORS == 256
    assert bench.attempt(lambda ctx: chained(ctx, 257)).code == "InvalidQuery"


@pytest.mark.parametrize(
    "misuse",
    [
        lambda query: query.filter(even).with_index("by_n"),
        lambda query: query.order("desc").filter(even).order("desc"),
        lambda query: (query.filter(even), query.collect()),
    ],
)
def test_the_order_of_a_chain_and_its_single_use(misuse: Callable[[Any], Any]) -> None:
    assert seeded(1).attempt(lambda ctx: misuse(ctx.db.query("items"))).code == "InvalidQuery"


def test_system_tables_are_filtered_like_others() -> None:
    bench = seeded()
    bench.do(lambda ctx: ctx.scheduler.run_after(0, "m:nothing"))

    def rows(ctx: MutationCtx, predicate: Predicate) -> int:
        return len(ctx.db.system.query("_scheduled_functions").filter(predicate).collect())

    assert bench.do(lambda ctx: rows(ctx, lambda q: q.eq(q.field("state.kind"), "pending"))) == 1
    assert bench.do(lambda ctx: rows(ctx, lambda q: q.eq(q.field("state.kind"), "success"))) == 0
