"""Crons in a running world: what convex-semantics 4 says of them, run by run."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    Component,
    CronSchedule,
    MutationCtx,
    Platform,
    QueryCtx,
    RandomWalk,
    Run,
    Scenario,
    Simulation,
    UsageError,
    World,
    action,
    api,
    check,
    components,
    cron_schedule,
    define_app,
    define_component,
    define_schema,
    define_table,
    internal_action,
    internal_mutation,
    mutation,
    query,
    scenario,
    story,
    v,
)
from convexsim.actors.retry import RETRY
from convexsim.actors.threads import Threads
from convexsim.choices import ListedChoices, RandomChoices
from convexsim.functions.crons import Clock, Interval
from convexsim.trace.event import Committed, Conflicted
from convexsim.trace.text import story as told
from tests.support import Plan, events_of

schema = define_schema({"ticks": define_table({"at": v.number(), "who": v.string()})})


@internal_mutation(args={"who": v.string()})
def tick(ctx: MutationCtx, who: str) -> None:
    ctx.db.insert("ticks", {"at": ctx.now(), "who": who})


@internal_mutation
def fail(ctx: MutationCtx) -> None:
    ctx.db.insert("ticks", {"at": ctx.now(), "who": "lost"})
    raise ValueError("no")


@internal_action
async def slow(ctx: ActionCtx) -> None:
    await ctx.run_mutation(api.m.tick, {"who": "slow"})
    await ctx.sleep(2_500)


@internal_mutation
def plan_slow(ctx: MutationCtx) -> None:
    ctx.scheduler.run_after(0, api.m.slow)


@mutation
def beat(ctx: MutationCtx, number: int) -> None:
    ctx.db.insert("ticks", {"at": -1 - number, "who": "beat"})


@mutation
def plan_tick(ctx: MutationCtx) -> None:
    ctx.scheduler.run_after(100, api.m.tick, {"who": "planned"})


@internal_action
async def break_off(ctx: ActionCtx) -> None:
    await ctx.run_mutation(api.m.tick, {"who": "broken"})
    raise ValueError("off")


@internal_mutation
def count(ctx: MutationCtx) -> None:
    ctx.db.insert("ticks", {"at": len(ctx.db.query("ticks").collect()), "who": "count"})


@internal_mutation
def later(ctx: MutationCtx) -> None:
    ctx.scheduler.run_after(100, api.m.tick, {"who": "later"})


@mutation
def peek(ctx: MutationCtx) -> Any:
    return ctx.db.system.query("_cron_jobs").collect()


@query
def look(ctx: QueryCtx) -> None:
    """Do nothing."""


@action
async def act(ctx: ActionCtx) -> None:
    """Do nothing."""


MODULES = {
    "m": {
        "tick": tick,
        "fail": fail,
        "slow": slow,
        "planSlow": plan_slow,
        "planTick": plan_tick,
        "beat": beat,
        "breakOff": break_off,
        "count": count,
        "later": later,
        "look": look,
        "peek": peek,
        "act": act,
    }
}


def made(crons: CronSchedule) -> Component:
    return define_app(MODULES, schema, crons=crons)


def lasting(app: Component, until_ms: float | None, **platform: Any) -> Scenario:
    @scenario(app=app, until_ms=until_ms, platform=Platform(**platform))
    def world(world: World) -> None:
        """Leave everything to the crons."""

    return world


def ticks(run: Run, component: str = "") -> list[tuple[str, float]]:
    return [(row["who"], row["at"]) for row in run.view.documents("ticks", component)]


def every(seconds: int, function: Any, args: Any = None) -> CronSchedule:
    crons = cron_schedule()
    crons.interval("it", {"seconds": seconds}, function, args)
    return crons


def row(run: Run) -> dict[str, Any]:
    (only,) = run.view.documents("_cron_jobs")
    return only


# ----------------------------------------------------------------------------------------------------------------- time


def test_an_interval_runs_at_once_and_then_on_its_grid_until_the_end() -> None:
    run = Simulation(lasting(made(every(2, api.m.tick, {"who": "a"})), 6_000, start_ms=500.5)).run()
    assert ticks(run) == [("a", at) for at in (500, 2_500, 4_500, 6_500)]
    assert (run.ending, run.now, run.violations) == ("quiet", 6_500, [])
    assert row(run)["nextMs"] == 8_500


@pytest.mark.parametrize(("unit", "ms"), [("seconds", 1_000), ("minutes", 60_000), ("hours", 3_600_000)])
def test_an_interval_is_as_long_as_its_unit_says(unit: str, ms: int) -> None:
    crons = cron_schedule()
    crons.interval("it", {unit: 3}, api.m.tick)
    assert crons.definitions["it"].timing == Interval(3 * ms)


def test_the_runs_of_a_cron_are_numbered_from_1() -> None:
    run = Simulation(lasting(made(every(2, api.m.tick, {"who": "a"})), 3_000)).run()
    commits = [each.activity for each in events_of(run, Committed) if "cron" in each.activity]
    assert commits == ["cron:it+1", "cron:it+2"]
    assert row(run)["run"] == 3


def test_clocks_run_at_their_time_and_their_splay() -> None:
    crons = cron_schedule()
    crons.cron("string", "*/30 * * * *", api.m.tick, {"who": "string"})
    crons.hourly("hourly", {"minuteUTC": 5}, api.m.tick, {"who": "hourly"})
    crons.hourly("free", {}, api.m.tick, {"who": "free"})
    crons.daily("daily", {"hourUTC": 3, "minuteUTC": 7}, api.m.tick, {"who": "daily"})
    crons.weekly("weekly", {"dayOfWeek": "friday", "hourUTC": 1, "minuteUTC": 0}, api.m.tick, {"who": "weekly"})
    crons.monthly("monthly", {"day": 3, "hourUTC": 0, "minuteUTC": 0}, api.m.tick, {"who": "monthly"})
    run = Simulation(lasting(made(crons), 2.5 * 86_400_000), trace=False).run()
    by_name: dict[str, list[float]] = {}
    for who, at in ticks(run):
        by_name.setdefault(who, []).append(at)
    # 1970-01-01 was a Thursday
    for name, minutes in {
        "string": range(0, 3_600, 30),
        "hourly": range(5, 3_600, 60),
        "daily": (187, 1_627, 3_067),
        "weekly": (1_500,),
        "monthly": (2_880,),
    }.items():
        found = by_name[name]
        splay = found[-1] % 60_000
        assert splay % 1_000 == 0
        expected = [minute * 60_000 + splay for minute in minutes]
        assert found == [at for at in expected if at > 0], name
    free = by_name["free"]
    timing = made(crons).catalog().components[""].crons["free"].timing
    assert isinstance(timing, Clock)
    assert {at % 3_600_000 for at in free} == {free[0]} == {timing.splay_ms}
    assert len(free) == 60


def test_a_clock_without_a_minute_is_spread_over_its_whole_hour_any_other_over_one_minute() -> None:
    crons = cron_schedule()
    for number in range(40):
        crons.hourly(f"free {number}", {}, api.m.count)
        crons.daily(f"daily {number}", {"hourUTC": 5}, api.m.count)
        crons.hourly(f"pinned {number}", {"minuteUTC": 0}, api.m.count)
        crons.cron(f"string {number}", "0 * * * *", api.m.count)
    splays: dict[str, list[int]] = {}
    for name, cron in made(crons).catalog().components[""].crons.items():
        assert isinstance(cron.timing, Clock)
        splays.setdefault(name.split()[0], []).append(cron.timing.splay_ms // 1_000)
    for name, below in {"free": 3_600, "daily": 3_600, "pinned": 60, "string": 60}.items():
        assert below * 0.7 < max(splays[name]) < below
        assert min(splays[name]) < below * 0.3


def test_the_end_of_time_is_quiet_for_clients_too() -> None:
    @scenario(app=define_app(MODULES, schema), until_ms=1_000)
    def world(world: World) -> None:
        world.client("ann").mutation(api.m.peek)
        world.client("ann").wait(1_001)
        world.client("ann").mutation(api.m.peek)

    run = Simulation(world).run()
    assert (run.ending, run.now) == ("quiet", 0)
    assert run.calls[1].outcome is None


def test_crons_need_an_end_of_time() -> None:
    app = made(every(1, api.m.count))
    with pytest.raises(UsageError, match="never comes to rest"):
        Simulation(lasting(app, None)).run()
    wrongs: tuple[Any, ...] = (-1, float("inf"), float("nan"), True, "5")
    for wrong in wrongs:
        with pytest.raises(UsageError, match="cannot last"):
            lasting(app, wrong)


# ----------------------------------------------------------------------------------------------------------------- runs


def test_runs_do_not_overlap_and_what_was_missed_is_skipped() -> None:
    run = Simulation(lasting(made(every(1, api.m.slow)), 6_500)).run()
    assert ticks(run) == [("slow", 0), ("slow", 3_000), ("slow", 6_000)]
    assert row(run)["state"] == {"kind": "inProgress"}
    skipped = {"kind": "canceled", "numCanceled": 2}
    success = {"kind": "success"}
    assert [entry["status"] for entry in row(run)["log"]] == [success, skipped] * 2
    assert [entry["dueMs"] for entry in row(run)["log"]] == [0, 1_000, 3_000, 4_000]


def test_a_mutation_commits_with_its_next_run() -> None:
    run = Simulation(lasting(made(every(1, api.m.tick, {"who": "a"})), 9_000)).run()
    assert run.trace is not None
    commits = [event for event in run.trace.events if isinstance(event, Committed)]
    assert [sorted(written.table for written in event.writes) for event in commits[1:]] == [
        ["/_cron_jobs", "/ticks"]
    ] * 10
    assert len(row(run)["log"]) == 5
    assert "runs cron mutation m:tick" in story(run.trace)


@pytest.mark.parametrize(
    ("function", "args", "error"),
    [(api.m.fail, None, "no"), (api.m.break_off, None, "off")],
)
def test_an_error_is_logged_and_the_schedule_goes_on(function: Any, args: Any, error: str) -> None:
    run = Simulation(lasting(made(every(1, function, args)), 2_000)).run()
    assert [entry["dueMs"] for entry in row(run)["log"]] == [0, 1_000, 2_000]
    assert all(entry["status"]["kind"] == "err" and error in entry["status"]["error"] for entry in row(run)["log"])
    assert ticks(run) == ([("broken", at) for at in (0, 1_000, 2_000)] if error == "off" else [])
    assert len(run.view.failed_functions()) == 3


def test_conflicts_are_retried_until_it_commits() -> None:
    assert (RETRY["cron"].allows(10**6), RETRY["cron"].ceiling_ms(1), RETRY["cron"].ceiling_ms(99)) == (
        True,
        500,
        15_000,
    )
    crons = cron_schedule()
    for name in ("a", "b", "c", "d", "e", "f", "g"):
        crons.interval(name, {"seconds": 60}, api.m.count)
    world = lasting(made(crons), 59_000)
    most = 0
    for seed in range(30):
        run = Simulation(world, RandomChoices(seed)).run()
        assert sorted(at for _, at in ticks(run)) == list(range(7))
        assert run.trace is not None
        lost = [event for event in run.trace.events if isinstance(event, Conflicted)]
        most = max([most, *(event.attempt for event in lost)])
        again = Simulation(world, ListedChoices(run.indexes)).run()
        assert again.trace is not None
        assert told(again.trace) == told(run.trace)
    assert most > 1


def test_a_cron_that_is_beaten_again_and_again_goes_on_trying() -> None:
    """Unlike a client's mutation, which gives up after the fifth time."""
    times = 8

    @scenario(app=made(every(60, api.m.count)), until_ms=59_000)
    def world(world: World) -> None:
        for number in range(times):
            world.client("b").mutation(api.m.beat, {"number": number})

    rounds = [f"cron:it+1 begin, b.{n} begin, b.{n} commit, cron:it+1 commit" for n in range(1, times + 1)]
    plan = Plan(", ".join([*rounds, "cron:it+1 begin", "cron:it+1 commit"]))
    run = Simulation(world, plan).run()
    plan.check(run)
    assert ticks(run)[-1] == ("count", times)
    assert [entry["status"] for entry in row(run)["log"]] == [{"kind": "success"}]


def test_a_cron_may_schedule_and_is_under_no_scheduled_function() -> None:
    run = Simulation(lasting(made(every(1, api.m.later)), 1_500)).run()
    assert ticks(run) == [("later", 100), ("later", 1_100)]
    assert run.trace is not None
    assert "under" not in story(run.trace)
    assert [scheduled["state"]["kind"] for scheduled in run.view.scheduled_functions()] == ["success"] * 2


def test_places_are_limited() -> None:
    crons = cron_schedule()
    for name in ("a", "b", "c"):
        crons.interval(name, {"hours": 1}, api.m.slow)
    run = Simulation(lasting(made(crons), 10_000, parallelism=2)).run()
    assert [at for _, at in ticks(run)] == [0, 0, 2_500]


def test_a_busy_scheduler_keeps_no_cron_waiting_nor_the_other_way_round() -> None:
    """Two executors, each with places of its own; here each has one, and it is taken for 2.5 seconds."""
    scheduling = Simulation(lasting(made(every(1, api.m.plan_slow)), 2_900, parallelism=1)).run()
    assert [scheduled["scheduledTime"] for scheduled in scheduling.view.scheduled_functions()] == [0, 1_000, 2_000]
    assert ticks(scheduling) == [("slow", 0), ("slow", 2_500)]

    @scenario(app=made(every(60, api.m.slow)), until_ms=2_000, platform=Platform(parallelism=1))
    def world(world: World) -> None:
        world.client("ann").mutation(api.m.plan_tick)

    assert ticks(Simulation(world).run()) == [("slow", 0), ("planned", 100)]


def test_components_have_crons_of_their_own_each_where_it_is_mounted() -> None:
    child = define_component("child", MODULES, schema, crons=every(1, api.m.tick, {"who": "child"}))
    app = define_app(MODULES, schema, crons=every(2, api.m.tick, {"who": "root"}))
    app.use(child)
    app.use(child, name="other")
    run = Simulation(lasting(app, 2_000)).run()
    assert ticks(run) == [("root", 0), ("root", 2_000)]
    assert ticks(run, "child") == ticks(run, "other") == [("child", at) for at in (0, 1_000, 2_000)]


def test_functions_do_not_see_the_table() -> None:
    app = made(every(1, api.m.count))

    @scenario(app=app, until_ms=0)
    def world(world: World) -> None:
        world.client("ann").mutation(api.m.peek)

    run = Simulation(world).run()
    assert "SystemTableError" in str(run.calls[0].outcome)


def test_they_are_explored_and_run_on_threads() -> None:
    world = lasting(made(every(1, api.m.count)), 3_000)
    assert check(world, RandomWalk(5)).finding is None
    run = Simulation(world, mode=Threads(speed=20)).run()
    assert run.ending == "quiet"
    assert [at for _, at in ticks(run)] == list(range(len(ticks(run))))
    assert ticks(run)


# ----------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("identifier", ["", "ä", "a\nb", "\x7f", 5])
def test_identifiers_are_printable_ascii(identifier: Any) -> None:
    with pytest.raises(UsageError, match="cannot name a cron"):
        cron_schedule().interval(identifier, {"seconds": 1}, api.m.tick)


def test_identifiers_are_unique() -> None:
    crons = every(1, api.m.tick)
    with pytest.raises(UsageError, match="two crons"):
        crons.daily("it", {"hourUTC": 1}, api.m.tick)


@pytest.mark.parametrize(
    ("method", "schedule"),
    [
        *[("interval", wrong) for wrong in ({"seconds": 0}, {"seconds": 1.5}, {"hours": True}, {"days": 1})],
        *[("interval", {}), ("interval", {"seconds": 1, "minutes": 1})],
        *[("hourly", wrong) for wrong in ({"minuteUTC": 60}, {"hourUTC": 1}, {"minuteUTC": "5"}, {"minuteUTC": None})],
        *[("daily", wrong) for wrong in ({"minuteUTC": 5}, {"hourUTC": 24})],
        *[("weekly", {"hourUTC": 1, "dayOfWeek": wrong}) for wrong in ("Monday", 1, "mon", None)],
        *[("monthly", {"hourUTC": 1, "day": wrong}) for wrong in (0, 32)],
        ("cron", "* * * *"),
    ],
)
def test_schedules_are_checked(method: str, schedule: Any) -> None:
    with pytest.raises(UsageError):
        getattr(cron_schedule(), method)("it", schedule, api.m.tick)


@pytest.mark.parametrize(
    ("method", "schedule", "name", "range_"),
    [
        ("hourly", {"minuteUTC": 60}, "minuteUTC", "0 to 59"),
        ("daily", {"hourUTC": 24}, "hourUTC", "0 to 23"),
        ("monthly", {"hourUTC": 1, "day": 0}, "day", "1 to 31"),
        ("monthly", {"hourUTC": 1, "day": 32}, "day", "1 to 31"),
    ],
)
def test_a_number_out_of_its_range_is_told_with_the_range(method: str, schedule: Any, name: str, range_: str) -> None:
    with pytest.raises(UsageError, match=f"has the {name}") as said:
        getattr(cron_schedule(), method)("it", schedule, api.m.tick)
    assert range_ in str(said.value)


def test_the_function_is_a_mutation_or_action_of_the_same_component() -> None:
    with pytest.raises(UsageError, match="of the component 'child'"):
        every(1, components.child.m.tick)
    with pytest.raises(UsageError, match="arguments"):
        every(1, api.m.tick, [])
    for function, complaint in ((api.m.tock, "does not exist"), (api.m.look, "runs the query"), ("m:x", "not exist")):
        with pytest.raises(UsageError, match=complaint):
            made(every(1, function)).catalog()
    made(every(1, "m:act")).catalog()
