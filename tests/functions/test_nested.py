"""Nested calls: sub-transactions of one transaction (convex-semantics 5.2)."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import (
    UNDEFINED,
    ConvexError,
    Limits,
    MutationCtx,
    PlatformError,
    QueryCtx,
    api,
    components,
    define_app,
    define_component,
    define_schema,
    define_table,
    internal_mutation,
    mutation,
    query,
    v,
)
from convexsim.database.commit import Conflict
from tests.support import Bench, caught, module

SCHEMA = define_schema({"items": define_table({"n": v.number()}).index("by_n", ["n"]), "marks": define_table({})})


@mutation(args={"n": v.number()})
def add(ctx: MutationCtx, n: int) -> str:
    return ctx.db.insert("items", {"n": n})


@mutation(args={"n": v.number()})
def add_and_throw(ctx: MutationCtx, n: int) -> None:
    ctx.db.insert("items", {"n": n})
    ctx.scheduler.run_after(0, api.m.add, {"n": n})
    raise ValueError("after the fact")


@internal_mutation(args={"n": v.number()}, returns=v.string())
def add_and_return_rubbish(ctx: MutationCtx, n: int) -> int:
    ctx.db.insert("items", {"n": n})
    return n


@query
def everything(ctx: QueryCtx) -> list[int]:
    return [row["n"] for row in ctx.db.query("items").with_index("by_n")]


@query
def everything_and_throw(ctx: QueryCtx) -> None:
    ctx.db.query("items").collect()
    raise ConvexError({"seen": len(ctx.db.query("items").collect())})


@query
def now_and_random(ctx: QueryCtx) -> list[float]:
    return [ctx.now(), ctx.random(), ctx.random()]


@mutation(args={"depth": v.number()})
def dig(ctx: MutationCtx, depth: int) -> int:
    ctx.db.insert("items", {"n": depth})
    return 0 if depth == 0 else int(ctx.run_mutation(api.m.dig, {"depth": depth - 1})) + 1


@mutation(args={"depth": v.number()})
def dig_carefully(ctx: MutationCtx, depth: int) -> str:
    ctx.db.insert("items", {"n": depth})
    try:
        return str(ctx.run_mutation(api.m.dig_carefully, {"depth": depth + 1}))
    except PlatformError as error:  # raised here, where the call is made: the others get strings
        return f"{error.code} at {depth}"


FUNCTIONS = module(
    add, add_and_throw, add_and_return_rubbish, everything, everything_and_throw, now_and_random, dig, dig_carefully
)  # fmt: skip


@pytest.fixture
def bench() -> Bench:
    return Bench(define_app({"m": FUNCTIONS}, SCHEMA))


def numbers(bench: Bench) -> list[int]:
    return [row["n"] for row in bench.documents("items")]


def test_a_child_sees_what_its_caller_wrote_and_the_caller_what_the_child_wrote(bench: Bench) -> None:
    def handler(ctx: MutationCtx) -> Any:
        ctx.db.insert("items", {"n": 1})
        before = ctx.run_query(api.m.everything)
        two = ctx.run_mutation(api.m.add, {"n": 2})
        return before, (ctx.db.get(two) or {})["n"], ctx.run_query(api.m.everything)

    attempt = bench.attempt(handler)
    assert attempt.value == [[1], 2, [1, 2]]
    assert numbers(bench) == []  # it is all one transaction, which has not committed
    attempt.committed()
    assert numbers(bench) == [1, 2]


def test_a_child_that_throws_loses_its_own_writes_and_schedules_only(bench: Bench) -> None:
    def handler(ctx: MutationCtx) -> Any:
        ctx.run_mutation(api.m.add, {"n": 1})
        ctx.scheduler.run_after(0, api.m.add, {"n": 10})
        code = caught(lambda: ctx.run_mutation(api.m.add_and_throw, {"n": 2}))
        ctx.db.insert("items", {"n": 3})
        return code, len(ctx.db.system.query("_scheduled_functions").collect())

    assert bench.do(handler) == ["Error", 1]
    assert numbers(bench) == [1, 3]


def test_a_grandchild_is_undone_with_the_child_that_called_it(bench: Bench) -> None:
    def child(ctx: MutationCtx) -> None:
        ctx.run_mutation(api.m.add, {"n": 2})
        raise RuntimeError("no")

    bench = Bench(define_app({"m": FUNCTIONS, "own": {"child": mutation(child)}}, SCHEMA))

    def handler(ctx: MutationCtx) -> str:
        ctx.run_mutation(api.m.add, {"n": 1})
        return caught(lambda: ctx.run_mutation("own:child"))

    assert bench.do(handler) == "Error"
    assert numbers(bench) == [1]


def test_an_uncaught_error_of_a_child_fails_the_whole(bench: Bench) -> None:
    failed = bench.attempt(lambda ctx: [ctx.db.insert("items", {"n": 1}), ctx.run_mutation("m:addAndThrow", {"n": 2})])
    assert (failed.code, failed.message) == ("Error", "after the fact")


def test_what_a_failed_child_read_still_conflicts(bench: Bench) -> None:
    reader = lambda ctx: caught(lambda: ctx.run_query(api.m.everything_and_throw))  # noqa: E731 - short
    assert bench.conflicts(reader, lambda ctx: ctx.db.insert("items", {"n": 5}))

    def write_and_fail(ctx: MutationCtx) -> None:
        caught(lambda: ctx.run_mutation(api.m.add_and_throw, {"n": 2}))

    assert not bench.conflicts(write_and_fail, lambda ctx: ctx.db.insert("items", {"n": 5}))  # it had read nothing else


def test_ids_and_creation_times_that_a_failed_child_used_up_stay_used_up(bench: Bench) -> None:
    def handler(ctx: MutationCtx, *, fail: bool) -> list[Any]:
        rows = [ctx.db.insert("items", {"n": 1})]
        if fail:
            caught(lambda: ctx.run_mutation(api.m.add_and_throw, {"n": 2}))
        rows.append(ctx.db.insert("items", {"n": 3}))
        return [ctx.db.get(row) for row in rows]

    def attempt(*, fail: bool) -> Any:
        fresh = Bench(define_app({"m": FUNCTIONS}, SCHEMA))
        return fresh.attempt(lambda ctx: handler(ctx, fail=fail), invocation=("same", 1)).value

    (first, second), (first_again, second_again) = attempt(fail=False), attempt(fail=True)
    assert first == first_again
    assert second["_id"] != second_again["_id"]
    assert second["_creationTime"] < second_again["_creationTime"]


def test_arguments_are_checked_before_the_child_begins(bench: Bench) -> None:
    ran: list[int] = []

    def child(ctx: MutationCtx, n: int) -> None:
        ran.append(n)

    bench = Bench(define_app({"own": {"child": mutation(args={"n": v.number()})(child)}}, SCHEMA))
    wrong: tuple[Any, ...] = ({}, {"n": "x"}, {"n": 1, "more": 1}, {"n": object()}, [])
    for args in wrong:
        code = bench.do(lambda ctx, a=args: caught(lambda: ctx.run_mutation("own:child", a)))
        assert code in ("ArgumentValidationError", "InvalidArgument"), args
    assert ran == []


def test_a_result_is_checked_after_the_childs_writes_were_merged(bench: Bench) -> None:
    """The trap: the caller that catches the error has kept the writes of the call that it believes to have failed."""
    code = bench.do(lambda ctx: caught(lambda: ctx.run_mutation(api.m.add_and_return_rubbish, {"n": 2})))
    assert code == "ReturnsValidationError"
    assert numbers(bench) == [2]


@pytest.mark.parametrize("result", [{1, 2}, [UNDEFINED], 2**60, "x" * 200])
def test_a_result_that_is_no_value_or_too_large_is_a_failure_of_the_child_itself(result: Any) -> None:
    """Unlike one that its validator refuses: the child's own runtime spells its result, before anything is merged."""

    def child(ctx: MutationCtx) -> Any:
        ctx.db.insert("items", {"n": 2})
        return result

    bench = Bench(define_app({"own": {"child": mutation(child)}}, SCHEMA), limits=Limits(function_result=100))
    assert bench.do(lambda ctx: caught(lambda: ctx.run_mutation("own:child"))) in ("InvalidArgument", "Error")
    assert numbers(bench) == []


def test_a_wrong_result_at_the_top_discards_everything(bench: Bench) -> None:
    failed = bench.attempt(add_and_return_rubbish, {"n": 2})
    assert failed.code == "ReturnsValidationError"
    uncaught = bench.attempt(lambda ctx: ctx.run_mutation(api.m.add_and_return_rubbish, {"n": 2}))
    assert uncaught.code == "ReturnsValidationError"


def test_calls_nest_eight_deep(bench: Bench) -> None:
    assert bench.do(lambda ctx: ctx.run_mutation(api.m.dig, {"depth": 7})) == 7  # the first call is one
    assert len(numbers(bench)) == 8
    too_deep = bench.attempt(lambda ctx: ctx.run_mutation(api.m.dig, {"depth": 8}))
    assert too_deep.code == "MaximumCallDepthExceeded"


def test_a_call_that_is_too_deep_can_be_caught_where_it_is_made(bench: Bench) -> None:
    assert bench.do(lambda ctx: ctx.run_mutation(api.m.dig_carefully, {"depth": 1})) == "MaximumCallDepthExceeded at 8"
    assert numbers(bench) == list(range(1, 9))  # nothing was undone


def test_siblings_do_not_count_as_depth(bench: Bench) -> None:
    bench.do(lambda ctx: [ctx.run_mutation(api.m.dig, {"depth": 7}) for _ in range(20)])
    assert len(numbers(bench)) == 160


def test_time_is_the_callers_and_random_numbers_are_not(bench: Bench) -> None:
    bench.now = 1_234.0

    def handler(ctx: MutationCtx) -> Any:
        own = [ctx.now(), ctx.random()]
        first, second = ctx.run_query(api.m.now_and_random), ctx.run_query(api.m.now_and_random)
        return [*own, ctx.random()], first, second

    own, first, second = bench.do(handler)
    assert own[0] == first[0] == second[0] == 1_234
    assert len({*own[1:], *first[1:], *second[1:]}) == 6


@pytest.mark.parametrize("draws", [0, 5])
def test_how_many_numbers_a_child_draws_does_not_show_in_its_callers(draws: int) -> None:
    """convex-semantics 1.4: a child has a generator of its own."""
    child = query(lambda ctx: [ctx.random() for _ in range(draws)])
    own = Bench(define_app({"own": {"child": child}}, SCHEMA))
    drawing = own.attempt(lambda ctx: [ctx.run_query("own:child"), ctx.random()], invocation=("same", 1))
    undisturbed = own.attempt(lambda ctx: ctx.random(), invocation=("same", 1))
    assert drawing.value[1] == undisturbed.value


# Components: the same rules across the border, and tables of their own.

CHILD = define_component("child", {"m": FUNCTIONS}, SCHEMA)
APP = define_app({"m": FUNCTIONS}, SCHEMA)
APP.use(CHILD)
APP.use(CHILD, name="twin")


def test_components_have_their_own_tables() -> None:
    bench = Bench(APP)

    def handler(ctx: MutationCtx) -> Any:
        own = ctx.db.insert("items", {"n": 1})
        theirs = ctx.run_mutation(components.child.m.add, {"n": 2})
        ctx.run_mutation(components.twin.m.add, {"n": 3})
        found = [ctx.run_query(name) for name in (api.m.everything, components.child.m.everything)]
        return [*found, ctx.run_query(components.twin.m.everything), ctx.db.get(theirs), own != theirs]

    assert bench.do(handler) == [[1], [2], [3], None, True]


def test_a_component_is_part_of_the_callers_transaction() -> None:
    bench = Bench(APP)
    failing = bench.attempt(lambda ctx: [ctx.run_mutation(components.child.m.add, {"n": 2}), ctx.db.get("rubbish")])
    assert failing.code == "InvalidArgument"
    undone = bench.attempt(
        lambda ctx: [
            caught(lambda: ctx.run_mutation(components.child.m.add_and_throw, {"n": 2})),
            ctx.run_query(components.child.m.everything),
        ]
    )
    assert undone.value == ["Error", []]
    reading = bench.attempt(lambda ctx: [ctx.run_query(components.child.m.everything), ctx.db.insert("marks", {})])
    bench.do(add, {"n": 1})
    bench.do(add, {"n": 1}, component="twin")
    spared = bench.attempt(lambda ctx: [ctx.run_query(components.child.m.everything), ctx.db.insert("marks", {})])
    bench.do(add, {"n": 1}, component="child")
    assert isinstance(reading.commit(), Conflict)
    assert isinstance(spared.commit(), Conflict)
    assert bench.do(everything.handler, component="child") == [1]


def test_equal_tables_of_two_components_do_not_conflict() -> None:
    bench = Bench(APP)
    reading = bench.attempt(lambda ctx: [ctx.run_query(components.child.m.everything), ctx.db.insert("marks", {})])
    bench.do(add, {"n": 1})
    bench.do(add, {"n": 1}, component="twin")
    reading.committed()
