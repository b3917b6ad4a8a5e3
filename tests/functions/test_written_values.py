"""What becomes of the values that a mutation writes: the small print of convex-semantics 7 and 8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import UNDEFINED, Int64, MutationCtx, define_schema, define_table, v
from tests.support import Bench, own_fields

EITHER = v.union(v.object({"kind": v.literal("a"), "n": v.number()}), v.object({"kind": v.literal("b")}))
SCHEMA = define_schema(
    {
        "loose": define_table(v.any()).index("by_f", ["f"]),
        "either": define_table(EITHER),
        "nested": define_table({"inner": v.optional(v.object({"_mine": v.number()}))}),
    }
)


@pytest.fixture
def bench() -> Bench:
    return Bench(SCHEMA)


def stored(bench: Bench, value: Any) -> Any:
    """Insert a document and return what was stored, without the platform's fields."""
    return bench.do(lambda ctx: own_fields(ctx.db.get(ctx.db.insert("loose", value))))


def test_undefined_is_an_absent_field_wherever_a_document_is_written(bench: Bench) -> None:
    assert stored(bench, {"a": UNDEFINED, "b": {"c": UNDEFINED, "d": 1}}) == {"b": {"d": 1}}
    (one,) = bench.seed("loose", {"a": 1, "b": 2})
    bench.do(lambda ctx: ctx.db.replace(one, {"a": UNDEFINED, "c": 3}))
    assert bench.do(lambda ctx: own_fields(ctx.db.get(one))) == {"c": 3}


WITH_ARRAYS: list[Callable[[MutationCtx, str], Any]] = [
    lambda ctx, one: ctx.db.patch(one, {"list": [1, UNDEFINED]}),
    lambda ctx, one: ctx.db.replace(one, {"list": [{"deep": [UNDEFINED]}]}),
    lambda ctx, _: ctx.db.insert("loose", {"list": [UNDEFINED]}),
]


@pytest.mark.parametrize("write", WITH_ARRAYS)
def test_undefined_has_no_place_in_an_array(bench: Bench, write: Callable[[MutationCtx, str], Any]) -> None:
    (one,) = bench.seed("loose", {"a": 1})
    assert bench.attempt(lambda ctx: write(ctx, one)).code == "InvalidArgument"
    assert bench.documents("loose") == [{"a": 1}]


def test_names_with_an_underscore_are_the_platforms_only_at_the_top(bench: Bench) -> None:
    assert stored(bench, {"inner": {"_mine": 1, "_id": "x"}}) == {"inner": {"_id": "x", "_mine": 1}}
    bench.seed("nested", {"inner": {"_mine": 1}})
    assert (
        bench.attempt(lambda ctx: ctx.db.insert("nested", {"inner": {"_mine": "x"}})).code == "SchemaEnforcementError"
    )


def test_what_changes_a_document_returns_nothing(bench: Bench) -> None:
    (one,) = bench.seed("loose", {"a": 1})

    def handler(ctx: MutationCtx) -> list[Any]:
        results: list[Any] = [
            ctx.db.patch(one, {"a": 2}),  # type: ignore[func-returns-value] # that is the question
            ctx.db.replace(one, {"a": 3}),  # type: ignore[func-returns-value] # as above
            ctx.db.delete(one),  # type: ignore[func-returns-value] # as above
        ]
        return results

    assert bench.do(handler) == [None, None, None]


def test_a_document_fits_one_of_several_shapes_as_a_whole(bench: Bench) -> None:
    (one,) = bench.seed("either", {"kind": "a", "n": 1})
    assert bench.attempt(lambda ctx: ctx.db.patch(one, {"kind": "b"})).code == "SchemaEnforcementError"
    bench.do(lambda ctx: ctx.db.patch(one, {"kind": "b", "n": UNDEFINED}))
    assert bench.documents("either") == [{"kind": "b"}]


def test_ids_in_an_index_have_the_order_of_strings(bench: Bench) -> None:
    ids = bench.seed("loose", *[{} for _ in range(5)])
    bench.seed("loose", *({"f": some} for some in [*ids, "zzz", "", 7, Int64(7)]))
    found = bench.do(lambda ctx: [row.get("f") for row in ctx.db.query("loose").with_index("by_f")])
    assert found == [*[None] * 5, Int64(7), 7, "", *sorted(ids), "zzz"]


def test_the_last_fields_of_a_range_may_be_the_platforms(bench: Bench) -> None:
    first, second, third = bench.seed("loose", {"f": 1}, {"f": 1}, {"f": 2})

    def handler(ctx: MutationCtx) -> Any:
        stamp = ctx.db.get(second)["_creationTime"]  # type: ignore[index] # it is there

        def found(build: Callable[[Any], Any], index: str = "by_f") -> list[str]:
            return [row["_id"] for row in ctx.db.query("loose").with_index(index, build)]

        return [
            found(lambda q: q.eq("f", 1).gte("_creationTime", stamp)),
            found(lambda q: q.eq("f", 1).eq("_creationTime", stamp).eq("_id", second)),
            found(lambda q: q.eq("f", 1).eq("_creationTime", stamp).gt("_id", second)),
            found(lambda q: q.lt("_creationTime", stamp), "by_creation_time"),
            found(lambda q: q.eq("_id", third), "by_id"),
        ]

    assert bench.do(handler) == [[second], [second], [], [first], [third]]
