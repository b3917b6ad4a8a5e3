"""Finished scheduled functions are forgotten after seven days, in groups, by whoever moves the clock (3.2, 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    Faults,
    Limits,
    MutationCtx,
    Platform,
    QueryCtx,
    Scenario,
    Session,
    Simulation,
    World,
    action,
    api,
    components,
    cron_schedule,
    define_app,
    define_component,
    mutation,
    query,
    story,
)
from convexsim.choices import RandomChoices
from convexsim.database.commit import Committed
from convexsim.functions.execution import Execution
from convexsim.functions.outcome import Returned
from convexsim.functions.retention import collect_finished
from convexsim.trace import event
from tests.support import Bench, app_of, events_of, module, run

DAY = 86_400_000
WEEK = 7 * DAY


@mutation
def nothing_much(_ctx: MutationCtx) -> None:
    """Do nothing, when it is time."""


@mutation
def fails(_ctx: MutationCtx) -> None:
    msg = "no"
    raise RuntimeError(msg)


@mutation
def plan(ctx: MutationCtx, after: float = 0, name: str = "m:nothingMuch", n: int = 1) -> list[str]:
    return [ctx.scheduler.run_after(after, name) for _ in range(n)]


@mutation
def cancel(ctx: MutationCtx, which: str) -> Any:
    ctx.scheduler.cancel(which)
    return ctx.db.system.get(which)


@query
def rows(ctx: QueryCtx) -> list[str]:
    return [row["state"]["kind"] for row in ctx.db.system.query("_scheduled_functions")]


APP = app_of(None, nothing_much, fails, plan, cancel, rows)


def looked(*days: float, **args: Any) -> list[list[str]]:
    """Plan a function, look at the rows after so many days each, and return what was seen."""

    def body(world: World) -> None:
        client = world.client("a")
        client.mutation(api.m.plan, args)
        for day in days:
            client.wait(day * DAY)
            client.query(api.m.rows)

    return [call.result for call in run(APP, body).calls[1:]]


def test_a_finished_function_is_remembered_for_seven_days() -> None:
    assert looked(6.99, 0.02) == [["success"], []]
    assert looked(6.99, 0.02, name="m:fails") == [["failed"], []]


def test_the_time_counts_from_the_end() -> None:
    assert looked(9, 2, 2, after=5 * DAY) == [["success"], ["success"], []]


def test_what_is_not_finished_is_kept() -> None:
    assert looked(20, after=30 * DAY) == [["pending"]]


@pytest.mark.parametrize("after", [0, 1_000])
def test_no_world_goes_on_for_it(after: float) -> None:
    result = run(APP, lambda world: world.client("a").mutation(api.m.plan, {"after": after}))
    assert result.now == after
    assert [row["state"]["kind"] for row in result.view.scheduled_functions()] == ["success"]
    assert not [step for step in events_of(result, event.Stepped) if step.activity.startswith("gc")]


def test_it_is_no_step_of_a_run_that_is_shorter() -> None:
    def body(world: World) -> None:
        world.client("a").mutation(api.m.plan, {})
        world.client("a").wait(WEEK - 1)

    result = run(APP, body)
    assert result.now == WEEK - 1
    assert not [step for step in events_of(result, event.Stepped) if step.activity.startswith("gc")]


def test_a_canceled_function_is_forgotten_too_and_to_cancel_it_again_does_nothing() -> None:
    ids: list[str] = []

    async def plans_and_cancels(session: Session) -> None:
        ids.extend(await session.mutation(api.m.plan, {"after": DAY}))
        assert (await session.mutation(api.m.cancel, {"which": ids[0]}))["state"] == {"kind": "canceled"}

    async def cancels_again(session: Session) -> None:
        assert await session.mutation(api.m.cancel, {"which": ids[0]}) is None
        assert await session.query(api.m.rows) == []

    def body(world: World) -> None:
        client = world.client("a")
        client.run(plans_and_cancels)
        client.wait(8 * DAY)
        client.run(cancels_again)

    result = run(APP, body)
    assert [isinstance(call.outcome, Returned) for call in result.calls] == [True] * 4


def test_each_component_forgets_its_own() -> None:
    child = define_component("child", {"m": module(nothing_much, plan, rows)})

    @action
    async def below(ctx: ActionCtx) -> list[int]:
        await ctx.run_mutation(components.child.m.plan)
        await ctx.sleep(6 * DAY)
        before = await ctx.run_query(components.child.m.rows)
        await ctx.sleep(2 * DAY)
        return [len(before), len(await ctx.run_query(components.child.m.rows))]

    app = define_app({"m": module(below)})
    app.use(child)
    limits = Limits(action_ms=9 * DAY)
    assert run(app, lambda world: world.client("a").action(api.m.below), limits=limits).calls[0].result == [1, 0]


# Groups, pauses and conflicts


def collect(made: Bench) -> tuple[Execution, float]:
    execution = Execution(made.environment, made.database.snapshot, ("gc", 1), int(made.now), None)
    return execution, collect_finished(execution)


def finished(n: int) -> Bench:
    """Return a bench with so many rows of functions that were canceled at 0."""
    made = Bench(APP)
    for at in range(0, n, 500):
        ids = made.do(plan, {"after": 0, "n": min(500, n - at)})
        made.do(lambda ctx, ids=ids: [ctx.scheduler.cancel(which) for which in ids] and None)
    return made


def test_a_group_is_a_thousand_and_the_next_comes_ten_seconds_later() -> None:
    made = finished(1_003)
    made.now = WEEK
    for left, pause in ((3, 10_000), (0, 10_000), (0, WEEK)):
        execution, next_ms = collect(made)
        made.database.commit(execution.transaction.finalize(), "gc")
        assert len(made.do(rows)) == left
        assert next_ms - made.now == pause


def test_it_looks_again_when_the_next_row_is_over() -> None:
    made = finished(1)
    made.now = 5_000
    (second,) = made.do(plan, {"after": 0})
    made.do(cancel, {"which": second})
    assert collect(made)[1] == WEEK
    made.now = WEEK + 1
    execution, next_ms = collect(made)
    made.database.commit(execution.transaction.finalize(), "gc")
    assert (len(made.do(rows)), next_ms) == (1, WEEK + 10_001)
    assert collect(made)[1] == WEEK + 5_000


MEANWHILE: list[Callable[[MutationCtx], Any]] = [
    lambda ctx: ctx.scheduler.run_after(0, "m:nothingMuch"),
    lambda ctx: ctx.scheduler.cancel(ctx.scheduler.run_after(0, "m:nothingMuch")),
]


@pytest.mark.parametrize("other", MEANWHILE)
def test_it_conflicts_with_nobody_who_schedules_or_cancels(other: Callable[[MutationCtx], Any]) -> None:
    made = finished(2)
    made.now = WEEK
    execution, _ = collect(made)
    made.do(other)
    assert isinstance(made.database.commit(execution.transaction.finalize(), "gc"), Committed)


def test_a_reader_of_the_rows_conflicts_with_it_as_with_any_writer() -> None:
    made = finished(1)
    made.now = WEEK
    attempt = made.attempt(lambda ctx: ctx.run_query("m:rows") and ctx.db.insert("notes", {}))
    execution, _ = collect(made)
    assert isinstance(made.database.commit(execution.transaction.finalize(), "gc"), Committed)
    assert not isinstance(attempt.commit(), Committed)


def test_a_restart_does_not_make_it_forget_later() -> None:
    """The collector goes by the rows, and they outlive the process; it may itself be what is struck."""

    def body(world: World) -> None:
        client = world.client("a")
        client.mutation(api.m.plan, {})
        client.wait(5 * DAY)
        client.query(api.m.rows)
        client.wait(2 * DAY + 1)
        client.query(api.m.rows)

    made = Scenario("test", APP, body, (), Platform(), "", faults=Faults(restarts=1))
    struck: set[str] = set()
    for seed in range(60):
        result = Simulation(made, RandomChoices(seed)).run()
        if all(call.error is None for call in (result.calls[0], result.calls[2])):
            assert result.calls[2].result == []
            struck.update(fault.activity for fault in result.view.faults)
    assert {"a.2", "gc+1"} <= struck


def test_a_world_with_crons_forgets_as_it_goes() -> None:
    crons = cron_schedule()
    crons.interval("daily", {"hours": 24}, "m:plan")
    app = define_app({"m": module(nothing_much, plan)}, crons=crons)
    made = Scenario("test", app, lambda _world: None, (), Platform(), "", 20 * DAY + 1)
    result = Simulation(made).run()
    assert result.ending == "quiet"
    assert len(result.view.scheduled_functions()) == 7
    assert result.trace is not None
    assert "deletes scheduled/1 success" in story(result.trace)
