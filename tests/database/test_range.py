"""Index ranges: what an index expression selects and what it may not say (convex-semantics 7).

The property compares the keys inside the interval with a naive filter of the documents by the slow comparison that was
written from the text for `tests/values/test_keys.py`.
"""

from __future__ import annotations

from functools import cmp_to_key
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexsim.database.commit import Database
from convexsim.database.index import Document, Index, make_table
from convexsim.database.range import Bound, Comparison, interval_of
from convexsim.database.transaction import Transaction
from convexsim.errors import PlatformError
from convexsim.testing.strategies import values as any_values
from convexsim.values import UNDEFINED, Int64, define_table, encode, encode_id, freeze, lookup_field, prefix_end, v
from tests.values.strategies import PROPERTY
from tests.values.test_keys import compare

TABLE = make_table(
    "",
    "items",
    10_001,
    define_table(v.any()).index("by_a", ["a"]).index("by_a_b", ["a", "b"]).index("by_deep", ["in.x", "a"]),
)
INDEXES = list(TABLE.indexes.values())
A, AB = TABLE.indexes["by_a"], TABLE.indexes["by_a_b"]

# Few values, of neighbouring types and with prefixes of each other, so that ties and gaps are common.
VALUES: list[Any] = [
    UNDEFINED, None, Int64(1), 0, 1, 1.5, False, "", "a", "a\0", "ab", b"", b"a", [], ["a"], {}, {"x": 1},
]  # fmt: skip
values = st.sampled_from(VALUES)
stamps = st.sampled_from([1, 1.5, 2, 3])


def document(number: int, stamp: float, fields: dict[str, Any]) -> Document:
    own = {"_creationTime": stamp, "_id": encode_id(10_001, number.to_bytes(16))}
    return TABLE.document({**own, **freeze(fields)})


contents = st.fixed_dictionaries({"a": values, "b": values, "in": values | st.fixed_dictionaries({"x": values})})
documents = st.lists(st.tuples(stamps, contents), max_size=25).map(
    lambda rows: [document(number, stamp, fields) for number, (stamp, fields) in enumerate(rows)]
)

TESTS = {
    "eq": lambda order: order == 0,
    "gt": lambda order: order > 0,
    "gte": lambda order: order >= 0,
    "lt": lambda order: order < 0,
    "lte": lambda order: order <= 0,
}


INEQUALITIES: list[tuple[Comparison, ...]] = [
    (), ("gt",), ("gte",), ("lt",), ("lte",), ("gt", "lt"), ("gte", "lte"),
]  # fmt: skip


@st.composite
def expressions(draw: st.DrawFn) -> tuple[Index, list[Bound]]:
    """Draw an index and a legal expression over it: a prefix of equalities, then bounds on the next field."""
    index = draw(st.sampled_from(INDEXES))
    equal = draw(st.integers(0, len(index.fields)))
    bounds = [Bound("eq", name, draw(value_of(name))) for name in index.fields[:equal]]
    if equal < len(index.fields):
        name = index.fields[equal]
        bounds += [Bound(comparison, name, draw(value_of(name))) for comparison in draw(st.sampled_from(INEQUALITIES))]
    return index, draw(st.permutations(bounds))


def value_of(name: str) -> st.SearchStrategy[Any]:
    if name == "_creationTime":
        return stamps | values
    ids = st.integers(0, 24).map(lambda number: encode_id(10_001, number.to_bytes(16)))
    return ids | values if name == "_id" else values


def in_order(index: Index, rows: list[Document]) -> list[Document]:
    def by_fields(one: Document, other: Document) -> int:
        orders = (compare(lookup_field(one.value, name), lookup_field(other.value, name)) for name in index.fields)
        return next((order for order in orders if order), 0)

    return sorted(rows, key=cmp_to_key(by_fields))


@given(documents, expressions())
@PROPERTY
def test_a_range_selects_what_a_filter_would_in_the_order_of_the_fields(
    rows: list[Document], expression: tuple[Index, list[Bound]]
) -> None:
    index, bounds = expression
    transaction = Transaction(Database([TABLE]).snapshot)
    for row in rows:
        transaction.insert(row)
    expected = [
        row.id
        for row in in_order(index, rows)
        if all(TESTS[bound.comparison](compare(lookup_field(row.value, bound.field), bound.value)) for bound in bounds)
    ]
    interval = interval_of(index, bounds)
    assert [row.id for row in transaction.scan(TABLE, index, *interval)] == expected
    assert [row.id for row in transaction.scan(TABLE, index, *interval, descending=True)] == expected[::-1]
    # The key of a document lies in the interval if and only if the document is selected: conflicts go by keys alone.
    assert [row.id for row in rows if interval[0] <= row.keys[index.position] < interval[1]] == [
        row.id for row in rows if row.id in expected
    ]


anything = any_values().map(freeze) | st.just(UNDEFINED)


@given(st.lists(st.tuples(stamps, st.fixed_dictionaries({"a": anything, "b": anything | values})), max_size=12))
@PROPERTY
def test_every_index_is_in_the_order_of_its_fields_whatever_their_types(
    contents: list[tuple[float, dict[str, Any]]],
) -> None:
    rows = [document(number, stamp, fields) for number, (stamp, fields) in enumerate(contents)]
    transaction = Transaction(Database([TABLE]).snapshot)
    for row in reversed(rows):
        transaction.insert(row)
    for index in INDEXES:
        expected = [row.id for row in in_order(index, rows)]
        assert [row.id for row in transaction.scan(TABLE, index, b"", prefix_end(b""))] == expected


def bounds(*said: tuple[Comparison, str, Any]) -> list[Bound]:
    return [Bound(*each) for each in said]


def code_of(index: Index, *said: tuple[Comparison, str, Any]) -> str:
    with pytest.raises(PlatformError) as caught:
        interval_of(index, bounds(*said))
    assert index.key in caught.value.message or said[-1][1] in caught.value.message
    assert caught.value.next_step.endswith(", ".join(index.fields) + ".")
    return caught.value.code


def test_the_order_in_which_conditions_are_written_does_not_matter() -> None:
    said = bounds(("eq", "a", 1), ("gt", "b", 2), ("lte", "b", 5))
    assert len({interval_of(AB, list(order)) for order in permutations(said)}) == 1
    both = bounds(("eq", "b", 1), ("eq", "a", 2))
    assert interval_of(AB, both) == interval_of(AB, both[::-1])


def test_bounds_are_prefixes_of_keys() -> None:
    start = encode(1)
    for comparison, expected in {
        "gt": (start + encode("x") + b"\xff", prefix_end(start)),
        "gte": (start + encode("x"), prefix_end(start)),
        "lt": (start, start + encode("x")),
        "lte": (start, prefix_end(start + encode("x"))),
        "eq": (start + encode("x"), prefix_end(start + encode("x"))),
    }.items():
        assert interval_of(AB, [Bound("eq", "a", 1), Bound(comparison, "b", "x")]) == expected  # type: ignore[arg-type] # a key of the dict
    assert interval_of(AB, []) == (b"", prefix_end(b""))


def test_an_upper_bound_alone_begins_with_what_is_missing() -> None:
    low, high = interval_of(A, bounds(("lt", "a", 1)))
    assert low <= encode(UNDEFINED) < encode(None) < high
    low, high = interval_of(A, bounds(("gt", "a", 1)))
    assert low < encode("any string") < encode({}) < high  # a lower bound alone goes on through all higher types


def test_the_fields_of_the_platform_end_every_index() -> None:
    identity = encode_id(10_001, bytes(16))
    whole = bounds(("eq", "a", 1), ("eq", "b", 2), ("eq", "_creationTime", 3), ("eq", "_id", identity))
    key = b"".join(map(encode, (1, 2, 3, identity)))
    assert interval_of(AB, whole) == (key, prefix_end(key))
    for name, fields in {"by_id": ("_id",), "by_creation_time": ("_creationTime", "_id")}.items():
        assert TABLE.indexes[name].fields == fields
        interval_of(TABLE.indexes[name], bounds(("gte", fields[0], 1)))


@pytest.mark.parametrize(
    "said",
    [
        bounds(("gt", "a", 5), ("lt", "a", 3)),
        bounds(("gt", "a", 5), ("lt", "a", 5)),
        bounds(("gte", "a", 5), ("lt", "a", 5)),
        bounds(("gt", "a", 5), ("lte", "a", 5)),
        bounds(("gte", "a", {}), ("lt", "a", None)),
    ],
)
def test_contradictory_bounds_are_an_empty_range_that_records_nothing(said: list[Bound]) -> None:
    transaction = Transaction(Database([TABLE]).snapshot)
    transaction.insert(document(1, 1, {"a": 5}))
    recorded = len(transaction.reads)
    for descending in (False, True):
        assert list(transaction.scan(TABLE, A, *interval_of(A, said), descending=descending)) == []
    assert len(transaction.reads) == recorded
    assert A.key not in transaction.reads


def test_a_field_that_the_index_lacks_is_refused() -> None:
    assert code_of(A, ("eq", "b", 1)) == "FieldNotInIndex"
    assert code_of(A, ("gt", "nowhere", 1)) == "FieldNotInIndex"
    assert code_of(TABLE.indexes["by_id"], ("eq", "_creationTime", 1)) == "FieldNotInIndex"
    assert code_of(TABLE.indexes["by_deep"], ("eq", "in", 1)) == "FieldNotInIndex"


def test_what_is_said_must_cover_a_prefix_of_the_fields() -> None:
    assert code_of(AB, ("eq", "b", 1)) == "InvalidIndexRange"
    assert code_of(AB, ("lt", "b", 1)) == "InvalidIndexRange"
    assert code_of(AB, ("eq", "a", 1), ("eq", "_creationTime", 1)) == "InvalidIndexRange"
    assert code_of(AB, ("eq", "a", 1), ("eq", "b", 1), ("gt", "_id", "")) == "InvalidIndexRange"
    # The bounded field must come after every equality.
    assert code_of(AB, ("gt", "a", 1), ("eq", "b", 1)) == "InvalidIndexRange"
    assert code_of(AB, ("eq", "b", 1), ("gt", "a", 1), ("lt", "a", 2)) == "InvalidIndexRange"


def test_no_bound_is_set_twice() -> None:
    for first, second in (("eq", "eq"), ("gt", "gt"), ("gt", "gte"), ("lt", "lt"), ("lte", "lt")):
        assert code_of(A, (first, "a", 1), (second, "a", 1)) == "AlreadyDefinedBound"  # type: ignore[arg-type] # comparisons
    assert code_of(AB, ("gt", "a", 1), ("gte", "b", 1)) == "AlreadyDefinedBound"


@pytest.mark.parametrize("comparison", ["gt", "gte", "lt", "lte"])
def test_a_field_is_not_both_equal_and_bounded(comparison: Comparison) -> None:
    # convex-semantics 7: the bounds stand on a *further* field; the server's answer is AlreadyDefinedBound.
    assert code_of(AB, ("eq", "a", 1), (comparison, "a", 1)) == "AlreadyDefinedBound"


def test_the_bounds_are_on_one_field() -> None:
    assert code_of(AB, ("gt", "a", 1), ("lt", "b", 1)) == "BoundsOnMultipleFields"
    assert code_of(AB, ("lte", "b", 1), ("gte", "a", 1)) == "BoundsOnMultipleFields"
