"""Named tables, normalize_id, loops that write, stale snapshots; the same by an executor (semantics 1.4, 5.2, 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from convexsim import MutationCtx, define_schema, define_table, mutation, query, v
from convexsim.database.commit import Conflict
from convexsim.database.range import Bound
from convexsim.database.transaction import FETCHED_ROWS
from convexsim.functions import executor as x
from convexsim.functions.define import FunctionKind, foreign_function
from convexsim.functions.filter import FilterBuilder
from convexsim.functions.outcome import Outcome, Returned, Threw
from convexsim.values import encode_id
from tests.support import Bench, app_of, caught

SCHEMA = define_schema(
    {"items": define_table({"n": v.number()}).index("by_n", ["n"]), "marks": define_table({})},
)
Handler = Callable[[MutationCtx], Any]


@pytest.fixture
def bench() -> Bench:
    return Bench(SCHEMA)


# Documents named with their table.


def test_the_table_may_be_named_before_the_id(bench: Bench) -> None:
    one, two = bench.seed("items", {"n": 1}, {"n": 2})

    def handler(ctx: MutationCtx) -> Any:
        row = ctx.db.get("items", one)
        ctx.db.patch("items", one, {"n": 5})
        ctx.db.replace("items", two, {"n": 6})
        seen = [row["n"] for row in ctx.db.query("items")]
        ctx.db.delete("items", two)
        assert row is not None
        return row["n"], seen

    assert bench.do(handler) == [1, [5, 6]]
    assert bench.documents("items") == [{"n": 5}]


WRONG: list[Callable[[MutationCtx, str], Any]] = [
    lambda ctx, one: ctx.db.get("marks", one),
    lambda ctx, one: ctx.db.patch("marks", one, {"n": 5}),
    lambda ctx, one: ctx.db.replace("marks", one, {"n": 5}),
    lambda ctx, one: ctx.db.delete("marks", one),
    lambda ctx, one: ctx.db.get("nowhere", one),
    lambda ctx, one: ctx.db.system.get("_scheduled_functions", one),
    lambda ctx, one: ctx.db.get(5, one),  # type: ignore[arg-type] # wrong on purpose
    lambda ctx, one: ctx.db.delete(None, one),  # type: ignore[arg-type]
    lambda ctx, one: ctx.db.get("items", one + "0"),
    lambda ctx, one: ctx.db.get(*[one] * 0),
    lambda ctx, one: ctx.db.patch(one),
    lambda ctx, one: ctx.db.delete("items", one, one),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_an_id_of_another_table_is_refused(bench: Bench, wrong: Callable[[MutationCtx, str], Any]) -> None:
    (one,) = bench.seed("items", {"n": 1})
    attempt = bench.attempt(lambda ctx: wrong(ctx, one))
    assert attempt.code == "InvalidArgument"
    assert len(attempt.reads) == 0
    assert bench.documents("items") == [{"n": 1}]


def test_an_id_of_no_table_finds_nothing_under_any_name(bench: Bench) -> None:
    assert bench.do(lambda ctx: ctx.db.get("items", encode_id(12_345, bytes(16)))) is None


def test_rows_of_system_tables_by_name(bench: Bench) -> None:
    row = bench.do(lambda ctx: ctx.scheduler.run_after(0, "m:nothing"))
    assert bench.do(lambda ctx: ctx.db.system.get("_scheduled_functions", row))["_id"] == row
    assert bench.attempt(lambda ctx: ctx.db.get("_scheduled_functions", row)).code == "SystemTableError"


def test_normalize_id_tells_the_ids_of_a_table_and_reads_nothing(bench: Bench) -> None:
    (one,) = bench.seed("items", {"n": 1})
    row = bench.do(lambda ctx: ctx.scheduler.run_after(0, "m:nothing"))
    bench.do(lambda ctx: ctx.db.delete(one))

    def handler(ctx: MutationCtx) -> Any:
        normalize, of_system = ctx.db.normalize_id, ctx.db.system.normalize_id
        return [
            [normalize("items", one), of_system("_scheduled_functions", row)],
            [
                normalize("marks", one),
                normalize("nowhere", one),
                normalize("items", row),
                normalize("items", encode_id(12_345, bytes(16))),
                normalize("items", "no id"),
                normalize("items", ""),
                of_system("_scheduled_functions", one),
            ],
            [caught(lambda: normalize("_scheduled_functions", row)), caught(lambda: of_system("items", one))],
            [caught(lambda: normalize("items", 5)), caught(lambda: normalize(None, one))],  # type: ignore[arg-type]
        ]

    attempt = bench.attempt(handler)
    assert attempt.value == [[one, row], [None] * 7, ["SystemTableError"] * 2, ["InvalidArgument"] * 2]
    assert len(attempt.reads) == 0


# A loop that writes.


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_loop_sees_what_it_wrote_once_it_fetches_the_next_hundred_rows(bench: Bench, order: str) -> None:
    bench.seed("items", *({"n": n} for n in range(150)))

    def place(n: float) -> float:
        return n if order == "asc" else 149 - n

    def handler(ctx: MutationCtx) -> list[Any]:
        seen = []
        for row in ctx.db.query("items").with_index("by_n").order(order):
            seen.append(row["n"])
            if len(seen) == 1:
                ctx.db.insert("items", {"n": place(50.5)})  # in the page at hand: not seen
                ctx.db.insert("items", {"n": place(120.5)})  # in the next one: seen
                ids = {row["n"]: row["_id"] for row in ctx.db.query("items")}
                ctx.db.delete(ids[place(60)])  # seen all the same
                ctx.db.delete(ids[place(130)])  # not seen any more
        return seen

    expected = [*range(121), 120.5, *range(121, 130), *range(131, 150)]
    assert bench.do(handler) == [place(n) for n in expected]
    assert FETCHED_ROWS == 100


def test_a_loop_that_feeds_itself_goes_on_from_page_to_page(bench: Bench) -> None:
    bench.seed("items", *({"n": n} for n in range(100)))

    def handler(ctx: MutationCtx) -> int:
        count = 0
        for row in ctx.db.query("items").with_index("by_n"):
            count += 1
            if row["n"] < 100:
                ctx.db.insert("items", {"n": row["n"] + 100})
        return count

    assert bench.do(handler) == 200


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("rows", [99, 100, 101, 200, 201, 250])
def test_pages_leave_no_trace_in_what_is_read(bench: Bench, rows: int, order: str) -> None:
    ids = bench.seed("items", *({"n": n} for n in range(rows)))
    attempt = bench.attempt(lambda ctx: [row["_id"] for row in ctx.db.query("items").order(order)])
    assert attempt.value == (ids if order == "asc" else ids[::-1])
    assert [intervals for _, intervals in attempt.reads.intervals()] == [[(b"", b"\xff")]]
    part = bench.attempt(lambda ctx: len(ctx.db.query("items").order(order).take(99)))
    ((_, ((low, high),)),) = part.reads.intervals()
    assert (low, high) != (b"", b"\xff")
    assert b"" in (low, high) or high == b"\xff"


# Queries on a stale snapshot.


@query
def listed(ctx: Any) -> Any:
    ctx.log("listed")
    return [row["n"] for row in ctx.db.query("items")]


@query
def listed_deeper(ctx: Any) -> Any:
    return ctx.run_query("m:listed")


@query
def failing(ctx: Any) -> Any:
    ctx.db.query("items").collect()
    msg = "no"
    raise RuntimeError(msg)


@mutation
def writing(ctx: Any) -> None:
    ctx.db.insert("items", {"n": 99})


@pytest.mark.parametrize("name", ["m:listed", "m:listedDeeper"])
def test_a_stale_query_sees_the_snapshot_alone_and_depends_on_nothing(name: str) -> None:
    bench = Bench(app_of(SCHEMA, listed, listed_deeper))
    bench.seed("items", {"n": 1})

    def reader(ctx: MutationCtx, *, stale: bool) -> Any:
        ctx.db.insert("marks", {})
        ctx.db.insert("items", {"n": 2})
        return ctx.run_query(name, use_stale_snapshot=stale)

    fresh, stale = (bench.attempt(lambda ctx, stale=stale: reader(ctx, stale=stale)) for stale in (False, True))
    assert fresh.value == [1, 2]
    assert stale.value == [1]
    assert len(stale.execution.effects) == 1  # what it logs is told all the same
    bench.seed("items", {"n": 3})
    assert isinstance(fresh.commit(), Conflict)
    assert not isinstance(stale.commit(), Conflict)


def test_a_stale_query_that_fails_leaves_the_writes_of_its_caller() -> None:
    bench = Bench(app_of(SCHEMA, failing))

    def handler(ctx: MutationCtx) -> str:
        ctx.db.insert("items", {"n": 1})
        return caught(lambda: ctx.run_query("m:failing", use_stale_snapshot=True))

    assert bench.do(handler) == "Error"
    assert bench.documents("items") == [{"n": 1}]


# The same by an executor.


class Script:
    """An executor that asks for one thing after another and returns the answers."""

    def __init__(self, *requests: x.Request) -> None:
        self._requests = requests

    def new_executor(self) -> Script:
        return Script(*self._requests)

    def start(self, args: dict[str, Any], now: float, seed: str) -> x.Requests | Returned | Threw:
        self._rest: Iterator[x.Request] = iter(self._requests)
        self._answers: list[Any] = []
        return self._go()

    def resume(self, answers: tuple[Outcome, ...]) -> x.Requests | Returned | Threw:
        for answer in answers:
            self._answers.append(answer.failure.code if isinstance(answer, Threw) else answer.value)
        return self._go()

    def _go(self) -> x.Requests | Returned | Threw:
        following = next(self._rest, None)
        return Returned(self._answers) if following is None else x.Requests((following,))


def scripted(bench: Bench, *requests: x.Request, kind: FunctionKind = "mutation") -> list[Any]:
    answers: list[Any] = bench.do(foreign_function(kind, Script(*requests)))
    return answers


def test_an_executor_asks_for_the_same_as_plain_data() -> None:
    bench = Bench(app_of(SCHEMA, listed, writing))
    one, _, three = bench.seed("items", {"n": 10}, {"n": 20}, {"n": 30})
    q = FilterBuilder()
    large = (q.gt(q.field("n"), 15),)
    bounds = (Bound("lt", "n", 30),)
    found = scripted(
        bench,
        x.QueryStream("items", "by_n", bounds, filters=large),
        x.QueryStreamNext(0),
        x.QueryPage(x.QueryStream("items", filters=large), {"numItems": 1, "cursor": None}),
        x.Get(one, "items"),
        x.Get(one, "marks"),
        x.NormalizeId("items", one),
        x.NormalizeId("marks", one),
        x.Patch(one, {"n": 11}, "marks"),
        x.Replace(one, {"n": 11}, "marks"),
        x.Remove(one, "marks"),
        x.Remove(three, "items"),
        x.RunFunction("query", "m:listed", {}, stale=True),
        x.RunFunction("query", "m:listed", {}),
        x.RunFunction("mutation", "m:writing", {}, stale=True),
    )
    assert found[1]["n"] == 20
    assert [row["n"] for row in found[2]["page"]] == [20]
    assert found[3]["n"] == 10
    assert found[4:11] == ["InvalidArgument", one, None, *["InvalidArgument"] * 3, None]
    assert found[11:] == [[10, 20, 30], [10, 20], "InvalidArgument"]
    page = bench.do(
        lambda ctx: ctx.db.query("items").filter(lambda q: q.gt(q.field("n"), 15)).paginate({"numItems": 1})
    )
    assert page["continueCursor"] == found[2]["continueCursor"]
