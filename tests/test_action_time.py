"""How long an action may run: 1,800 s of virtual time, and what becomes of it then (convex-semantics 6.3, 3.3)."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    FunctionError,
    Limits,
    MutationCtx,
    Platform,
    Run,
    Scenario,
    Simulation,
    World,
    action,
    api,
    cron_schedule,
    define_app,
    define_schema,
    define_table,
    gather,
    mutation,
    v,
)
from convexsim.actors.threads import Threads
from convexsim.functions.outcome import Threw
from tests.support import app_of, module, run, states

SCHEMA = define_schema({"notes": define_table(v.any())})
LIMIT = 1_800_000
TIMED_OUT = "Function execution timed out (maximum duration: 1800s)"
tidied: list[str] = []


@mutation
def note(ctx: MutationCtx, text: str) -> None:
    ctx.db.insert("notes", {"text": text})


@mutation
def plan(ctx: MutationCtx, name: str, n: int = 1) -> None:
    for _ in range(n):
        ctx.scheduler.run_after(1_000, name, {"ms": 10 * LIMIT})


@action
async def wait(ctx: ActionCtx, ms: float) -> str:
    await ctx.run_mutation(api.m.note, {"text": "before"})
    await ctx.sleep(ms)
    await ctx.run_mutation(api.m.note, {"text": "after"})
    return "done"


@action
async def clings(ctx: ActionCtx, ms: float) -> None:
    """Try what a handler can to outlive its time."""
    while True:
        try:
            await ctx.sleep(ms)
        except Exception:  # noqa: BLE001 - whatever it is, a handler may want to go on
            tidied.append("caught")
        finally:
            tidied.append("up")


@action
async def polls(ctx: ActionCtx) -> None:
    while True:
        await ctx.run_mutation(api.m.note, {"text": "tick"})
        await ctx.sleep(LIMIT / 4)


@action
async def gathers(ctx: ActionCtx) -> None:
    await gather(ctx.run_action(api.m.wait, {"ms": 2 * LIMIT}), ctx.sleep(2 * LIMIT), clings(ctx, LIMIT / 3))


@action
async def calls(ctx: ActionCtx) -> None:
    """Call an action that has time left when this one has none; what it throws is not caught any more."""
    await ctx.sleep(LIMIT / 2)
    try:
        await ctx.run_action(api.m.wait, {"ms": 2 * LIMIT})
    except FunctionError:
        await ctx.run_mutation(api.m.note, {"text": "caught"})


APP = app_of(SCHEMA, note, plan, wait, clings, polls, gathers, calls)


def one(name: str, args: dict[str, Any] | None = None, **platform: Any) -> Run:
    """Run a world in which one client calls one action."""
    return run(APP, lambda world: world.client("a").action(name, args), **platform)


def error(result: Run) -> str:
    (call,) = result.calls
    assert isinstance(call.outcome, Threw)
    assert call.outcome.failure.code == "FunctionTimeout"
    return call.outcome.failure.message.partition(". ")[0]


def notes(result: Run) -> list[str]:
    return [row["text"] for row in result.view.documents("notes")]


def test_an_action_that_takes_longer_is_ended_at_its_limit() -> None:
    assert Limits().action_ms == LIMIT
    result = one("m:wait", {"ms": 10 * LIMIT})
    assert (error(result), result.now) == (TIMED_OUT, LIMIT)
    assert notes(result) == ["before"]


@pytest.mark.parametrize(("ms", "is_done"), [(LIMIT - 1, True), (LIMIT, False)])
def test_the_limit_itself_is_too_long(ms: float, is_done: bool) -> None:  # noqa: FBT001 - a parameter of the test
    result = one("m:wait", {"ms": ms})
    assert result.calls[0].result == "done" if is_done else error(result) == TIMED_OUT
    assert result.now == ms


def test_the_limit_is_the_platforms_to_say() -> None:
    short = one("m:wait", {"ms": 10_000}, limits=Limits(action_ms=2_500))
    assert (error(short), short.now) == ("Function execution timed out (maximum duration: 2.5s)", 2_500)
    assert one("m:wait", {"ms": 10 * LIMIT}, limits=Limits(action_ms=11 * LIMIT)).calls[0].result == "done"
    assert notes(one("m:wait", {"ms": 1}, limits=Limits(action_ms=0))) == []


@pytest.mark.parametrize("start_ms", [0.0, 0.1, 1_750_000_000_000.7])
def test_no_handler_outlives_it_and_not_even_finally_runs(start_ms: float) -> None:
    tidied.clear()
    result = one("m:clings", {"ms": LIMIT / 3 + 0.1}, start_ms=start_ms)
    assert error(result) == TIMED_OUT
    assert result.now == start_ms + LIMIT
    assert tidied[:2] == ["up", "up"]
    assert len(tidied) <= 3  # the last one when the run was over and everything is closed


def test_a_sum_of_floats_gives_no_handler_a_moment_more() -> None:
    start, first = 0.7, 703_382.1
    assert start + first + (start + LIMIT - (start + first)) < start + LIMIT  # so much for floats

    @action
    async def twice(ctx: ActionCtx) -> None:
        await ctx.sleep(first)
        await ctx.sleep(LIMIT)
        await ctx.run_mutation(api.m.note, {"text": "woken up"})

    result = run(app_of(SCHEMA, note, twice), lambda world: world.client("a").action(api.m.twice), start_ms=start)
    assert (error(result), notes(result)) == (TIMED_OUT, [])


def test_many_short_waits_are_a_long_one() -> None:
    result = one("m:polls")
    assert (error(result), result.now) == (TIMED_OUT, LIMIT)
    assert notes(result) == ["tick"] * 4


def test_whatever_it_gathers_ends_with_it() -> None:
    result = one("m:gathers")
    assert (error(result), result.now) == (TIMED_OUT, LIMIT)
    assert notes(result) == ["before"]


def test_who_waits_for_another_action_is_told_when_that_one_has_ended() -> None:
    result = one("m:calls")
    assert (error(result), result.now) == (TIMED_OUT, 1.5 * LIMIT)
    assert notes(result) == ["before"]


def test_a_run_that_is_over_closes_even_what_has_outlived_its_time() -> None:
    """It waits for another action, so nobody has told it yet; what it does in `finally` is nobody's concern."""
    tidied.clear()

    @action
    async def tidies(ctx: ActionCtx) -> None:
        await ctx.sleep(LIMIT / 2)
        try:
            await ctx.run_action(api.m.wait, {"ms": LIMIT})
        finally:
            tidied.append("up")
            await ctx.sleep(1)

    app = app_of(SCHEMA, note, wait, tidies)

    def body(world: World) -> None:
        world.client("a").action(api.m.tidies)
        world.client("b").wait(1.1 * LIMIT)

    result = Simulation(Scenario("test", app, body, (), Platform(), "", 1.2 * LIMIT)).run()
    assert (result.ending, result.calls[0].outcome, tidied) == ("quiet", None, ["up"])
    assert result.view.answers("m:tidies") == []


def test_what_it_has_called_goes_on() -> None:
    @action
    async def leaves(ctx: ActionCtx) -> None:
        await ctx.sleep(LIMIT - 1_000)
        ctx.run_action(api.m.wait, {"ms": 5_000})
        await ctx.sleep(LIMIT)

    result = run(app_of(SCHEMA, note, wait, leaves), lambda world: world.client("a").action(api.m.leaves))
    assert (error(result), result.now) == (TIMED_OUT, LIMIT + 4_000)
    assert notes(result) == ["before", "after"]


def test_a_scheduled_action_fails_and_frees_its_place() -> None:
    def body(world: World) -> None:
        world.client("a").mutation(api.m.plan, {"name": "m:wait", "n": 2})

    result = run(APP, body, parallelism=1)
    assert states(result) == {"wait": "failed"}
    rows = result.view.scheduled_functions()
    assert [row["completedTime"] for row in rows] == [1_000 + LIMIT, 1_000 + 2 * LIMIT]
    assert all(row["state"]["error"].startswith(TIMED_OUT) for row in rows)
    assert notes(result) == ["before", "before"]


def test_a_cron_logs_it_and_goes_on() -> None:
    crons = cron_schedule()
    crons.interval("often", {"minutes": 40}, api.m.polls)
    app = define_app({"m": module(note, polls)}, SCHEMA, crons=crons)
    result = Simulation(Scenario("test", app, lambda _world: None, (), Platform(), "", 2 * LIMIT + 1_200_000)).run()
    (row,) = result.view.documents("_cron_jobs")
    logged = [entry["status"] for entry in row["log"]]
    assert [status["kind"] for status in logged] == ["err", "err"]
    assert all(status["error"].startswith(TIMED_OUT) for status in logged)


def test_on_threads_time_passes_by_itself_so_no_action_is_ended() -> None:
    def body(world: World) -> None:
        world.client("a").action(api.m.wait, {"ms": 10 * LIMIT})

    made = Scenario("test", APP, body, (), Platform(), "")
    result = Simulation(made, mode=Threads(speed=1e9)).run()
    assert result.calls[0].result == "done"
