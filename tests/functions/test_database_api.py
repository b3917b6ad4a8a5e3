"""`ctx.db` as a handler sees it: what queries read, what writes do, what is refused (convex-semantics 1.2, 1.3, 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import UNDEFINED, Int64, MutationCtx, define_schema, define_table, v
from convexsim.database.commit import Conflict
from convexsim.values import encode_id
from tests.support import Bench, caught, own_fields

SCHEMA = define_schema(
    {
        "items": define_table({"n": v.number(), "extra": v.optional(v.any())}).index("by_n", ["n"]),
        "loose": define_table(v.any()).index("by_f", ["f"]),
        "marks": define_table({}),
    }
)
Handler = Callable[[MutationCtx], Any]


@pytest.fixture
def bench() -> Bench:
    return Bench(SCHEMA)


def seeded(*numbers: int) -> tuple[Bench, list[str]]:
    bench = Bench(SCHEMA)
    return bench, bench.seed("items", *({"n": number} for number in numbers))


def insert(n: int) -> Handler:
    return lambda ctx: ctx.db.insert("items", {"n": n})


def between(ctx: MutationCtx, low: int, high: int) -> Any:
    return ctx.db.query("items").with_index("by_n", lambda q: q.gte("n", low).lt("n", high))


def early(ctx: MutationCtx, rows: int, order: str = "asc") -> None:
    for at, _ in enumerate(between(ctx, 0, 100).order(order), start=1):
        if at == rows:
            break


# What a query reads: of the rows 10, 20, 30 in the range 0 <= n < 100, an insert of which n kills the reader?

READERS: dict[str, tuple[Handler, list[int], list[int]]] = {
    "collect": (lambda ctx: between(ctx, 0, 100).collect(), [0, 5, 15, 35, 99], [-1, 100]),
    "iterated to its end": (lambda ctx: list(between(ctx, 0, 100)), [0, 5, 15, 35, 99], [-1, 100]),
    "first": (lambda ctx: between(ctx, 0, 100).first(), [0, 5], [-1, 10, 15, 99]),
    "first, descending": (lambda ctx: between(ctx, 0, 100).order("desc").first(), [30, 35, 99], [29, 100]),
    "take 2": (lambda ctx: between(ctx, 0, 100).take(2), [0, 15], [20, 25, 99]),
    "take 2, descending": (lambda ctx: between(ctx, 0, 100).order("desc").take(2), [20, 25, 99], [19, 15, 100]),
    "take as many as there are": (lambda ctx: between(ctx, 0, 100).take(3), [0, 25], [30, 31, 99]),
    "take more than there are": (lambda ctx: between(ctx, 0, 100).take(4), [0, 25, 31, 99], [-1, 100]),
    "take none": (lambda ctx: between(ctx, 0, 100).take(0), [], [0, 15, 99]),
    "unique with one match": (lambda ctx: between(ctx, 15, 25).unique(), [15, 17, 24], [14, 25]),
    "unique with none": (lambda ctx: between(ctx, 11, 19).unique(), [11, 15], [10, 19]),
    "unique with two": (lambda ctx: caught(between(ctx, 5, 100).unique), [5, 15], [20, 25, 99]),
    "an early break": (lambda ctx: early(ctx, 2), [0, 15], [20, 25, 99]),
    "an early break, descending": (lambda ctx: early(ctx, 1, "desc"), [30, 99], [29, 25]),
    "an empty range": (lambda ctx: between(ctx, 11, 19).first(), [11, 15, 18], [10, 19]),
    "contradictory bounds": (lambda ctx: between(ctx, 19, 11).collect(), [], [11, 15, 19]),
    "a query that never ran": (lambda ctx: between(ctx, 0, 100), [], [15]),
    "the whole table": (lambda ctx: ctx.db.query("items").collect(), [-99, 15, 999], []),
    "the oldest row": (lambda ctx: ctx.db.query("items").first(), [], [-99, 15, 999]),
    "the newest row": (lambda ctx: ctx.db.query("items").order("desc").first(), [-99, 15, 999], []),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_query_reads_what_it_had_to_look_at(reader: str) -> None:
    handler, kill, spare = READERS[reader]
    for n in kill + spare:
        bench, _ = seeded(10, 20, 30)
        assert bench.conflicts(handler, insert(n)) == (n in kill), n


def test_a_get_reads_the_id_also_of_a_document_that_is_not_there() -> None:
    bench, (one, two) = seeded(1, 2)
    bench.do(lambda ctx: ctx.db.delete(two))
    assert bench.conflicts(lambda ctx: ctx.db.get(one), lambda ctx: ctx.db.patch(one, {"n": 5}))
    assert not bench.conflicts(lambda ctx: ctx.db.get(two), lambda ctx: ctx.db.patch(one, {"n": 6}))
    missing = bench.attempt(lambda ctx: ctx.db.get(two))
    assert missing.value is None
    assert len(missing.reads) == 1


# Writes.


@pytest.mark.parametrize(
    "write",
    [
        lambda ctx, one: ctx.db.patch(one, {"extra": "mine"}),
        lambda ctx, one: ctx.db.replace(one, {"n": 7}),
        lambda ctx, one: ctx.db.delete(one),
    ],
)
def test_there_are_no_blind_writes(write: Callable[[MutationCtx, str], None]) -> None:
    bench, (one,) = seeded(1)
    ours = bench.attempt(lambda ctx: write(ctx, one))
    bench.do(lambda ctx: ctx.db.patch(one, {"extra": "theirs"}))
    assert isinstance(ours.commit(), Conflict)


SAME: list[tuple[Any, Any]] = [
    (1, 1),
    (1, 1.0),
    (-0.0, -0.0),
    (float("nan"), -float("nan")),
    (Int64(1), Int64(1)),
    (True, True),
    ({"x": 1, "y": [2]}, {"y": [2.0], "x": 1}),
    (None, None),
]
DIFFERENT: list[tuple[Any, Any]] = [
    (1, True),
    (0, False),
    (0.0, -0.0),
    (1, Int64(1)),
    ("", b""),
    ([], {}),
    ([1], [True]),
    ({"x": 0.0}, {"x": -0.0}),
    (None, UNDEFINED),
    ({"x": 1}, {"x": 1, "y": None}),
]


@pytest.mark.parametrize("verb", ["patch", "replace"])
@pytest.mark.parametrize(
    ("pair", "writes"),
    [*((pair, 0) for pair in SAME), *((pair[::order], 1) for pair in DIFFERENT for order in (1, -1))],
)
def test_a_patch_that_changes_nothing_is_no_write(bench: Bench, verb: str, pair: tuple[Any, Any], writes: int) -> None:
    before, after = pair
    (one,) = bench.seed("loose", {"f": before})
    changing = bench.attempt(lambda ctx: getattr(ctx.db, verb)(one, {"f": after}))
    assert len(changing.writes) == writes
    assert len(changing.reads) == 1  # its read stays
    # Nobody is killed by it: its reader commits.
    reading = bench.attempt(lambda ctx: (ctx.db.get(one), ctx.db.insert("marks", {})))
    changing.committed()
    assert isinstance(reading.commit(), Conflict) == bool(writes)


def test_a_patch_of_nothing_and_a_removal_of_what_is_not_there_are_no_writes(bench: Bench) -> None:
    (one,) = bench.seed("loose", {"f": 1})
    for fields in ({}, {"g": UNDEFINED}, {"f": 1, "g": UNDEFINED}):
        assert bench.attempt(lambda ctx, fields=fields: ctx.db.patch(one, fields)).writes == []


def test_the_read_of_a_dropped_patch_still_conflicts(bench: Bench) -> None:
    (one,) = bench.seed("loose", {"f": 1})
    assert bench.conflicts(lambda ctx: ctx.db.patch(one, {"f": 1}), lambda ctx: ctx.db.patch(one, {"f": 2}))


def test_patch_merges_replace_does_not() -> None:
    bench, (one,) = seeded(1)
    bench.do(lambda ctx: ctx.db.patch(one, {"extra": {"x": 1, "y": 2}}))
    bench.do(lambda ctx: ctx.db.patch(one, {"extra": {"x": 3, "gone": UNDEFINED}}))  # only the top level merges
    assert bench.documents("items") == [{"n": 1, "extra": {"x": 3}}]
    bench.do(lambda ctx: ctx.db.patch(one, {"extra": UNDEFINED}))
    assert bench.documents("items") == [{"n": 1}]
    bench.do(lambda ctx: ctx.db.patch(one, {"extra": 1}))
    bench.do(lambda ctx: ctx.db.replace(one, {"n": 2}))
    assert bench.documents("items") == [{"n": 2}]


def test_undefined_is_an_absent_field_and_nothing_else(bench: Bench) -> None:
    """convex-semantics 7, 8: at the top of a patch it removes, inside objects it is dropped, in arrays refused."""
    (one,) = bench.seed("loose", {"f": 1, "gone": UNDEFINED, "deep": {"x": 1, "gone": UNDEFINED}})
    assert bench.documents("loose") == [{"deep": {"x": 1}, "f": 1}]
    bench.do(lambda ctx: ctx.db.patch(one, {"deep": {"gone": UNDEFINED}, "f": UNDEFINED}))
    assert bench.documents("loose") == [{"deep": {}}]
    for fields in ({"f": [UNDEFINED]}, {"f": [{"x": [UNDEFINED]}]}):
        assert bench.attempt(lambda ctx, f=fields: ctx.db.patch(one, f)).code == "InvalidArgument"
        assert bench.attempt(lambda ctx, f=fields: ctx.db.replace(one, f)).code == "InvalidArgument"
    assert refused(bench, lambda ctx: ctx.db.insert("loose", {"f": [UNDEFINED]})) == "InvalidArgument"


def test_writes_answer_nothing_but_for_the_id_of_an_insert(bench: Bench) -> None:
    def handler(ctx: MutationCtx) -> Any:
        one = ctx.db.insert("loose", {"f": 1})
        answers: list[Any] = [getattr(ctx.db, verb)(one, {"f": 2}) for verb in ("patch", "replace")]  # they have none
        row = ctx.db.get(one)
        return [row is not None and row["_id"] == one, *answers, getattr(ctx.db, "delete")(one)]  # noqa: B009 - as above

    assert bench.do(handler) == [True, None, None, None]


def test_the_fields_of_a_document_come_in_the_order_of_their_names(bench: Bench) -> None:
    """A component may walk over them: objects are sequences of fields in name order (convex-semantics 8)."""

    def handler(ctx: MutationCtx) -> Any:
        one = ctx.db.insert("loose", {"b": 1, "Z": 2})
        inserted = list(ctx.db.get(one) or {})
        ctx.db.patch(one, {"c": 3, "a": {"y": 1, "x": 2}})
        patched = list(ctx.db.get(one) or {})
        ctx.db.replace(one, {"z": 1, "B": 2})
        row = ctx.db.system.get(ctx.scheduler.run_after(0, "m:nothing"))
        return inserted, patched, list(ctx.db.get(one) or {}), list(row or {})

    assert bench.do(handler) == [
        ["Z", "_creationTime", "_id", "b"],
        ["Z", "_creationTime", "_id", "a", "b", "c"],
        ["B", "_creationTime", "_id", "z"],
        ["_creationTime", "_id", "args", "name", "scheduledTime", "state"],
    ]


def test_the_fields_of_the_platform_stay_what_they_are() -> None:
    bench, (one,) = seeded(1)
    before = bench.do(lambda ctx: ctx.db.get(one))
    bench.do(lambda ctx: ctx.db.replace(one, {**before, "n": 2}))
    after = bench.do(lambda ctx: ctx.db.get(one))
    assert after == {**before, "n": 2}
    for verb in ("patch", "replace"):
        for fields, code in (
            ({"_id": "x"}, "InvalidIdError"),
            ({"_creationTime": 5}, "InvalidCreationTimeError"),
            ({"_mine": 5}, "InvalidDocumentError"),
        ):
            assert bench.attempt(lambda ctx, v=verb, f=fields: getattr(ctx.db, v)(one, {"n": 3, **f})).code == code


def test_what_a_handler_gets_is_its_own_to_change() -> None:
    bench, _ = seeded(1)

    def spoil(ctx: MutationCtx) -> list[Any]:
        value = {"n": 5, "extra": {"list": [1]}}
        two = ctx.db.insert("items", value)
        value["n"] = 99
        value["extra"]["list"].append(2)  # type: ignore[index] # a dict of anything
        row = ctx.db.get(two)
        assert row is not None
        row["extra"]["list"].append(3)
        for found in ctx.db.query("items"):
            found["n"] = 77
        return [own_fields(found) for found in ctx.db.query("items").collect()]

    assert bench.do(spoil) == [{"n": 1}, {"n": 5, "extra": {"list": [1]}}]
    assert bench.documents("items") == [{"n": 1}, {"n": 5, "extra": {"list": [1]}}]


def test_a_transaction_sees_its_own_writes_in_gets_and_scans() -> None:
    bench, (one, two, three) = seeded(10, 20, 30)

    def handler(ctx: MutationCtx) -> Any:
        ctx.db.delete(two)
        four = ctx.db.insert("items", {"n": 15})
        ctx.db.patch(three, {"n": 5})
        ascending = [row["n"] for row in between(ctx, 0, 100)]
        descending = [row["n"] for row in between(ctx, 0, 100).order("desc")]
        oldest_first = [row["_id"] for row in ctx.db.query("items")]
        assert oldest_first == [one, three, four]
        own = (ctx.db.get(four) or {})["n"]
        return ascending, descending, ctx.db.get(two), own, ctx.db.query("items").take(1)[0]["n"]

    assert bench.do(handler) == [[5, 10, 15], [15, 10, 5], None, 15, 10]


def test_a_loop_over_a_query_does_not_see_what_is_written_in_it() -> None:
    bench, _ = seeded(10, 20, 30)

    def handler(ctx: MutationCtx) -> list[int]:
        seen = []
        for row in between(ctx, 0, 100):
            seen.append(row["n"])
            ctx.db.insert("items", {"n": row["n"] + 5})
            ctx.db.patch(row["_id"], {"n": row["n"] + 1})
        return seen

    assert bench.do(handler) == [10, 20, 30]


# Refusals.


def refused(bench: Bench, handler: Handler) -> str:
    return bench.attempt(handler).code


def test_writes_to_what_is_not_there_are_refused() -> None:
    bench, (one,) = seeded(1)
    bench.do(lambda ctx: ctx.db.delete(one))

    def gone(ctx: MutationCtx) -> None:
        own = ctx.db.insert("items", {"n": 1})
        ctx.db.delete(own)
        ctx.db.patch(own, {})

    handlers: list[Handler] = [
        lambda ctx: ctx.db.patch(one, {}),
        lambda ctx: ctx.db.replace(one, {"n": 1}),
        lambda ctx: ctx.db.delete(one),
        gone,
    ]
    for handler in handlers:
        assert refused(bench, handler) == "NonexistentDocument"


def test_ids_that_are_none_or_of_no_table() -> None:
    bench, _ = seeded(1)
    foreign = encode_id(12_345, bytes(16))
    assert bench.do(lambda ctx: ctx.db.get(foreign)) is None
    assert refused(bench, lambda ctx: ctx.db.get("not an id")) == "InvalidArgument"


@pytest.mark.parametrize("wrong", [encode_id(12_345, bytes(16)), "not an id", "", 5, None])
def test_what_is_written_must_be_named_by_an_id(bench: Bench, wrong: Any) -> None:
    assert refused(bench, lambda ctx: ctx.db.patch(wrong, {})) == "InvalidArgument"
    assert refused(bench, lambda ctx: ctx.db.replace(wrong, {})) == "InvalidArgument"
    assert refused(bench, lambda ctx: ctx.db.delete(wrong)) == "InvalidArgument"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"n": "one"}, "SchemaEnforcementError"),
        ({}, "SchemaEnforcementError"),
        ({"n": 1, "more": 1}, "SchemaEnforcementError"),
        ({"n": 1, "_id": "x"}, "InvalidIdError"),
        ({"n": 1, "_creationTime": 1}, "InvalidCreationTimeError"),
        ({"n": 1, "_x": 1}, "InvalidDocumentError"),
        ([], "InvalidDocumentError"),
        (None, "InvalidDocumentError"),
    ],
)
def test_documents_that_are_none_are_refused(bench: Bench, fields: Any, code: str) -> None:
    assert refused(bench, lambda ctx: ctx.db.insert("items", fields)) == code


def test_the_schema_judges_the_whole_document_that_a_patch_leaves() -> None:
    bench, (one,) = seeded(1)
    assert refused(bench, lambda ctx: ctx.db.patch(one, {"n": UNDEFINED})) == "SchemaEnforcementError"
    assert refused(bench, lambda ctx: ctx.db.patch(one, {"more": 1})) == "SchemaEnforcementError"
    assert refused(bench, lambda ctx: ctx.db.replace(one, {})) == "SchemaEnforcementError"
    bench.do(lambda ctx: [caught(lambda: ctx.db.patch(one, {"n": "x"})), ctx.db.patch(one, {"n": 2})])
    assert bench.documents("items") == [{"n": 2}]  # caught, it leaves nothing behind


def test_system_tables_are_read_through_their_own_door_and_not_written() -> None:
    bench, (one,) = seeded(1)
    row = bench.do(lambda ctx: ctx.scheduler.run_after(0, "m:nothing"))
    for handler in (
        lambda ctx: ctx.db.query("_scheduled_functions").collect(),
        lambda ctx: ctx.db.get(row),
        lambda ctx: ctx.db.insert("_scheduled_functions", {}),
        lambda ctx: ctx.db.patch(row, {}),
        lambda ctx: ctx.db.delete(row),
        lambda ctx: ctx.db.system.get(one),
        lambda ctx: ctx.db.system.query("items").collect(),
    ):
        assert refused(bench, handler) == "SystemTableError"
    assert bench.do(lambda ctx: ctx.db.system.get(row))["_id"] == row
    rows = bench.do(lambda ctx: ctx.db.system.query("_scheduled_functions").collect())
    assert [found["_id"] for found in rows] == [row]


# Query objects.


def test_unique_is_none_or_the_document_or_an_error_that_names_two() -> None:
    bench, (one, two, _) = seeded(1, 1, 2)

    def by(ctx: MutationCtx, n: int) -> Any:
        return ctx.db.query("items").with_index("by_n", lambda q: q.eq("n", n)).unique()

    assert bench.do(lambda ctx: by(ctx, 5)) is None
    assert bench.do(lambda ctx: by(ctx, 2))["n"] == 2
    failed = bench.attempt(lambda ctx: by(ctx, 1))
    assert one in failed.message
    assert two in failed.message


def test_rows_come_in_the_order_of_the_index_then_of_creation_then_of_the_id() -> None:
    bench, ids = seeded(2, 1, 2, 1)
    expected = [ids[1], ids[3], ids[0], ids[2]]

    def in_order(ctx: MutationCtx, order: str) -> list[str]:
        return [row["_id"] for row in ctx.db.query("items").with_index("by_n").order(order)]

    assert bench.do(lambda ctx: in_order(ctx, "asc")) == expected
    assert bench.do(lambda ctx: in_order(ctx, "desc")) == expected[::-1]
    assert bench.do(lambda ctx: [r["_id"] for r in ctx.db.query("items")]) == ids
    assert bench.do(lambda ctx: [r["_id"] for r in ctx.db.query("items").order("desc")]) == ids[::-1]
    assert bench.do(lambda ctx: [r["_id"] for r in ctx.db.query("items").with_index("by_id")]) == sorted(ids)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda query: (query.collect(), query.collect()),
        lambda query: (query.first(), query.first()),
        lambda query: (query.order("asc"), query.collect()),
        lambda query: (query.with_index("by_n"), query.collect()),
        lambda query: (list(query), list(query)),
        lambda query: (query.take(0), query.take(1)),
        lambda query: query.order("asc").order("desc"),
        lambda query: query.order("asc").with_index("by_n"),
        lambda query: query.with_index("by_n").with_index("by_n"),
        lambda query: query.order("up"),
        lambda query: query.take(-1),
        lambda query: query.take(1.5),
        lambda query: query.take(True),
        lambda query: query.with_index("by_n", lambda q: q.eq("n", 1) and None),
        lambda query: query.with_index("by_n", lambda q: [q.gt("n", 1), q.lt("n", 5)][1]),
        lambda query: query.with_index("by_n", lambda q: [q, q.gt("n", 1)][0]),
    ],
)
def test_a_query_is_used_once_and_in_the_right_order(bench: Bench, misuse: Callable[[Any], Any]) -> None:
    assert refused(bench, lambda ctx: misuse(ctx.db.query("items"))) == "InvalidQuery"


def test_an_index_that_is_not_there_is_refused_with_advice() -> None:
    bench, _ = seeded(1)
    failed = bench.attempt(lambda ctx: ctx.db.query("items").with_index("by_m").collect())
    assert failed.code == "IndexNotFoundError"
    assert "by_n" in failed.message

    def code(build: Any) -> str:
        return refused(bench, lambda ctx: ctx.db.query("items").with_index("by_n", build).first())

    assert code(lambda q: q.eq("m", 1)) == "FieldNotInIndex"
    assert code(lambda q: q.gt("n", 1).gte("n", 2)) == "AlreadyDefinedBound"
    assert code(lambda q: q.gt("n", 1).lt("_creationTime", 2)) == "BoundsOnMultipleFields"
    assert code(lambda q: q.eq("_creationTime", 1)) == "InvalidIndexRange"


def test_eq_undefined_finds_what_lacks_the_field(bench: Bench) -> None:
    bench.seed("loose", {"f": None}, {}, {"f": 1})

    def found(build: Any) -> Any:
        return bench.do(lambda ctx: [own_fields(row) for row in ctx.db.query("loose").with_index("by_f", build)])

    assert found(lambda q: q.eq("f", UNDEFINED)) == [{}]
    assert found(lambda q: q.gt("f", UNDEFINED)) == [{"f": None}, {"f": 1}]
    assert found(lambda q: q.lt("f", 1)) == [{}, {"f": None}]


def test_the_value_of_a_bound_is_a_value_like_any_other() -> None:
    """convex-semantics 8: fields in any order, whole floats, tuples; what is no value is refused by its path."""
    bench = Bench(define_schema({"things": define_table({"key": v.any()}).index("by_key", ["key"])}))
    bench.seed("things", {"key": {"a": 1, "b": [1, 2]}})

    def found(ctx: MutationCtx, value: Any) -> int:
        return len(ctx.db.query("things").with_index("by_key", lambda q: q.eq("key", value)).collect())

    assert bench.do(lambda ctx: found(ctx, {"b": (1, 2.0), "c": UNDEFINED, "a": 1.0})) == 1
    assert bench.do(lambda ctx: found(ctx, {"a": 1, "b": [1]})) == 0
    for wrong in ({1, 2}, 2**60, "\ud800"):
        refused = bench.attempt(lambda ctx, wrong=wrong: found(ctx, wrong))
        assert (refused.code, refused.message.partition(" ")[0]) == ("InvalidArgument", "key")
