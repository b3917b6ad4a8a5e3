"""Budgets: what a nested call may use of its caller's limits, and what a transaction may write to system tables.

Source: convex-semantics 1.3 (system rows) and 5.2 (`transactionLimits`); the limits themselves are in test_limits.py.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from convexsim import (
    Limits,
    MutationCtx,
    Platform,
    Scenario,
    Simulation,
    World,
    cron_schedule,
    define_app,
    mutation,
)
from tests.functions.test_limits import SCHEMA, bench, ending, inserting, scheduling
from tests.support import Bench, app_of, caught, module, nothing, run, states

# Budgets of nested calls (5.2): `transaction_limits` count from what has been used.


TIGHT: list[tuple[dict[str, int], str, str]] = [
    ({"documentsRead": 2}, "m:reading", "TooManyDocumentsRead"),
    ({"bytesRead": 10}, "m:reading", "TooManyBytesRead"),
    ({"documentsWritten": 1}, "m:inserting", "TooManyWrites"),
    ({"bytesWritten": 10}, "m:inserting", "TooManyBytesWritten"),
    ({"functionsScheduled": 1}, "m:scheduling", "TooManyFunctionsScheduled"),
    ({"scheduledFunctionArgsBytes": 1}, "m:scheduling", "ScheduledFunctionsArgumentsTooLarge"),
]


def everything(ctx: MutationCtx) -> None:
    """Use each of the limits a little."""
    ctx.run_query("m:reading")
    ctx.run_mutation("m:inserting", {"n": 2})
    ctx.run_mutation("m:scheduling", {"n": 2})


@pytest.mark.parametrize(("budget", "function", "code"), TIGHT)
def test_a_nested_call_may_use_so_much_more_and_its_caller_what_it_could_before(
    budget: dict[str, int], function: str, code: str
) -> None:
    args: dict[str, Any] = {} if function == "m:reading" else {"n": 2}

    def handler(ctx: MutationCtx) -> Any:
        everything(ctx)
        run = ctx.run_query if function == "m:reading" else ctx.run_mutation
        run(function, args, transaction_limits=dict.fromkeys(budget, 1_000))
        refused = caught(lambda: run(function, args, transaction_limits=budget))
        everything(ctx)
        return refused

    assert bench(3).do(handler) == code


def test_intervals_that_were_read_before_cost_a_nested_call_nothing() -> None:
    def handler(ctx: MutationCtx) -> Any:
        def child() -> Any:
            return caught(lambda: ctx.run_query("m:reading", transaction_limits={"databaseQueries": 0}))

        refused = child()
        ctx.db.query("items").collect()
        return [refused, child()]

    assert bench(3).do(handler) == ["TooManyReads", "returned 3"]


def test_what_remains_is_what_the_call_was_given() -> None:
    @mutation
    def told(ctx: MutationCtx) -> Any:
        return ctx.meta.get_transaction_metrics()

    made = Bench(app_of(SCHEMA, told))

    def handler(ctx: MutationCtx) -> Any:
        ctx.db.insert("items", {"n": 1})
        inside = ctx.run_mutation("m:told", transaction_limits={"documentsWritten": 5, "documentsRead": 10**9})
        return [inside["documentsWritten"], inside["documentsRead"], told.handler(ctx)["documentsWritten"]]

    assert made.do(handler) == [
        {"remaining": 5, "used": 1},
        {"remaining": 32_000, "used": 0},  # a limit is never raised
        {"remaining": 15_999, "used": 1},
    ]


def test_a_grandchild_cannot_get_more_than_its_parent_has() -> None:
    @mutation
    def passing_on(ctx: MutationCtx) -> str:
        return caught(lambda: ctx.run_mutation("m:inserting", {"n": 3}, transaction_limits={"documentsWritten": 9}))

    made = Bench(app_of(SCHEMA, inserting, passing_on))
    assert made.do(lambda ctx: ctx.run_mutation("m:passingOn", transaction_limits={"documentsWritten": 2})) == (
        "TooManyWrites"
    )


def test_a_stale_query_counts_its_own_budget_from_nothing() -> None:
    def handler(ctx: MutationCtx) -> Any:
        ctx.db.query("items").collect()

        def stale(most: int) -> Any:
            limits = {"documentsRead": most}
            return ctx.run_query("m:reading", use_stale_snapshot=True, transaction_limits=limits)

        return [stale(3), caught(lambda: stale(2))]

    assert bench(3).do(handler) == [3, "TooManyDocumentsRead"]


@pytest.mark.parametrize(
    "wrong",
    [{"documents_read": 1}, {"documentsRead": -1}, {"documentsRead": 1.5}, {"documentsRead": True}, {1: 1}, [], 3],
)
def test_budgets_that_are_none(wrong: Any) -> None:
    made = bench(1)
    attempt = made.attempt(lambda ctx: ctx.run_query("m:reading", transaction_limits=wrong))
    assert attempt.code == "InvalidArgument"
    attempt = made.attempt(lambda ctx: ctx.run_mutation("m:inserting", {"n": 1}, transaction_limits=wrong))
    assert attempt.code == "InvalidArgument"


# The budget of system rows (1.3) is apart from that of the user's.


def test_system_rows_have_a_budget_of_their_own() -> None:
    assert (Limits().system_rows, Limits().system_bytes) == (40_000, 128 * 1024 * 1024)

    def handler(ctx: MutationCtx) -> None:
        ctx.db.insert("items", {"n": 1})
        ctx.scheduler.cancel(ctx.scheduler.run_after(0, "m:echo", {"text": "x" * 1_000}))

    assert bench(documents_written=1, system_rows=2).attempt(handler).value is None
    assert bench(system_rows=1).attempt(handler).code == "InternalServerError"
    assert bench(system_bytes=3_000).attempt(handler).value is None
    assert bench(system_bytes=2_000).attempt(handler).code == "InternalServerError"


def test_a_failed_child_gives_back_what_it_wrote_to_system_tables_too() -> None:
    def handler(ctx: MutationCtx) -> None:
        for _ in range(3):
            caught(lambda: ctx.run_mutation("m:failing"))
        ctx.scheduler.run_after(0, "m:nothing", {})

    assert bench(system_rows=1).attempt(handler).value is None


def test_a_budget_of_system_rows_outlasts_the_end_of_the_function() -> None:
    def body(world: World) -> None:
        world.client("a").mutation("m:scheduling", {"n": 1})

    assert states(run(app_of(SCHEMA, scheduling), body, limits=Limits(system_rows=2))) == {"nothing": "success"}


@mutation
def three(ctx: MutationCtx) -> None:
    for _ in range(3):
        ctx.scheduler.run_after(0, "m:nothing", {})


@mutation
def three_later(ctx: MutationCtx) -> None:
    ctx.scheduler.run_after(0, "m:three", {})


TOO_MANY: Final = "Too many writes to system tables in a single transaction"


@pytest.mark.parametrize(("rows", "ended"), [(5, ["success"] * 4), (4, ["failed"])])
def test_a_scheduled_mutation_fails_if_its_own_end_finds_no_room(rows: int, ended: list[str]) -> None:
    result = run(
        app_of(SCHEMA, three, three_later),
        lambda world: world.client("a").mutation("m:threeLater"),
        limits=Limits(system_rows=rows),
    )
    fates = result.view.fates()
    assert [fate.state for fate in fates] == ended
    assert all(TOO_MANY in str(fate.error) for fate in fates if fate.state == "failed")


@pytest.mark.parametrize("rows", [4, 3])
def test_so_does_the_mutation_of_a_websocket_client_and_that_of_a_cron(rows: int) -> None:
    result = run(
        app_of(SCHEMA, three),
        lambda world: world.client("a", kind="websocket").mutation("m:three"),
        limits=Limits(system_rows=rows),
    )
    assert [call.error is not None and TOO_MANY in call.error for call in result.calls] == [rows == 3]

    crons = cron_schedule()
    crons.interval("often", {"hours": 1}, "m:three")
    app = define_app({"m": module(three, nothing)}, SCHEMA, crons=crons)
    made = Scenario("test", app, lambda _world: None, (), Platform(limits=Limits(system_rows=rows)), "", 1_500)
    (row,) = Simulation(made).run().view.documents("_cron_jobs")
    assert row["log"][-1]["status"]["kind"] == ("success" if rows == 4 else "err")


def test_the_platforms_own_reads_never_fail_a_cron() -> None:
    """Not even if the function has passed a limit and caught it, and its row is one interval more."""
    crons = cron_schedule()
    crons.interval("often", {"seconds": 1}, "m:ending")
    app = define_app({"m": module(ending)}, SCHEMA, crons=crons)
    made = Scenario("test", app, lambda _world: None, (), Platform(limits=Limits(read_intervals=1)), "", 1_500)
    result = Simulation(made).run()
    assert [row["log"][-1]["status"]["kind"] for row in result.view.documents("_cron_jobs")] == ["success"]


def test_the_row_that_remembers_a_request_never_fails_its_mutation() -> None:
    """Not even if the function has passed a limit and caught it (as for the ends of scheduled functions)."""
    result = run(
        app_of(SCHEMA, ending),
        lambda world: world.client("a", kind="websocket").mutation("m:ending"),
        limits=Limits(read_intervals=1),
    )
    assert result.calls[0].error is None
    assert len(result.view.documents("_session_requests")) == 1
