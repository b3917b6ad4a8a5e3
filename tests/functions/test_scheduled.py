"""Scheduled functions: how they come to be, when they start, their states (convex-semantics 3.1 - 3.3)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    Exhaustive,
    FunctionError,
    MutationCtx,
    Platform,
    QueryCtx,
    Run,
    Scenario,
    View,
    World,
    action,
    always,
    api,
    check,
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
from convexsim.actors.retry import RETRY
from convexsim.choices import FirstChoices, RandomChoices
from convexsim.functions.outcome import Returned
from convexsim.trace.event import Began, Called, Committed, Waited
from tests.support import Bench, Plan, app_of, caught, events_of, module, own_fields, run, states

SCHEMA = define_schema({"ran": define_table(v.any()), "counters": define_table({"n": v.number()})})


@mutation
def note(ctx: MutationCtx, what: str = "") -> None:
    """Leave a mark."""
    ctx.db.insert("ran", {"what": what, "at": ctx.now()})


@action
async def note_slowly(ctx: ActionCtx, what: str = "", ms: float = 100) -> None:
    await ctx.run_mutation(api.m.note, {"what": f"{what} begins"})
    await ctx.sleep(ms)
    await ctx.run_mutation(api.m.note, {"what": f"{what} ends"})


@mutation
def fail(ctx: MutationCtx) -> None:
    ctx.db.insert("ran", {"what": "undone", "at": 0})
    raise ValueError("it broke")


@action
async def fail_slowly(ctx: ActionCtx) -> None:
    await ctx.sleep(10)
    raise ValueError("it broke late")


@query
def look(ctx: QueryCtx) -> None:
    pass


@mutation
def bump(ctx: MutationCtx) -> float:
    row = ctx.db.query("counters").first()
    if row is None:
        ctx.db.insert("counters", {"n": 1})
    else:
        ctx.db.patch(row["_id"], {"n": row["n"] + 1})
    return ctx.now()


@mutation
def own_row(ctx: MutationCtx) -> None:
    """Note how the row of the function under which it runs looks to it."""
    for row in ctx.db.system.query("_scheduled_functions").collect():
        ctx.db.insert("ran", {"what": row["state"]["kind"], "at": ctx.now()})


@mutation
def plan(ctx: MutationCtx, names: list[str], after: list[float], args: Any = None) -> list[str]:
    """Schedule functions with their delays."""
    return [
        ctx.scheduler.run_after(delay, f"m:{name}", args if args is not None else {})
        for name, delay in zip(names, after, strict=True)
    ]


@mutation
def plan_notes(ctx: MutationCtx, notes: dict[str, float], *, absolute: bool = False) -> None:
    """Schedule a note at each of the moments."""
    for what, ms in notes.items():
        if absolute:
            ctx.scheduler.run_at(ms, api.m.note, {"what": what})
        else:
            ctx.scheduler.run_after(ms, api.m.note, {"what": what})


@mutation
def plan_and_throw(ctx: MutationCtx) -> None:
    ctx.scheduler.run_after(0, api.m.note)
    raise ValueError("never mind")


@mutation
def bump_and_plan(ctx: MutationCtx) -> None:
    bump.handler(ctx)
    ctx.scheduler.run_after(100, api.m.note, {"what": "planned"})


@action
async def plan_from_action(ctx: ActionCtx, *, throw: bool) -> None:
    await ctx.scheduler.run_after(5, api.m.note, {"what": "awaited"})
    ctx.scheduler.run_after(5, api.m.note, {"what": "not awaited"})
    if throw:
        raise ValueError("after scheduling")


FUNCTIONS = (
    note, note_slowly, fail, fail_slowly, look, bump, own_row, plan, plan_notes, plan_and_throw, bump_and_plan,
    plan_from_action,
)  # fmt: skip
APP = app_of(SCHEMA, *FUNCTIONS)


def marks(ended: Run, component: str = "") -> list[tuple[str, float]]:
    return [(row["what"], row["at"]) for row in ended.view.documents("ran", component)]


def client(*calls: tuple[Any, dict[str, Any]]) -> Any:
    """A world with one client that makes these mutations."""

    def body(world: World) -> None:
        for name, args in calls:
            world.client("a").mutation(name, args)

    return body


# Coming to be.


def test_a_mutation_that_throws_has_scheduled_nothing() -> None:
    ended = run(APP, client((api.m.plan_and_throw, {})))
    assert ended.view.scheduled_functions() == []
    assert marks(ended) == []


def test_a_mutation_that_is_retried_has_scheduled_once_and_from_its_last_attempt() -> None:
    def body(world: World) -> None:
        world.client("a").mutation(api.m.bump_and_plan)
        world.client("b").mutation(api.m.bump)

    ended = run(APP, body, Plan("a.1 begin, b.1 begin, b.1 commit, a.1 commit, a.1 begin, a.1 commit", backoff=4))
    (row,) = ended.view.scheduled_functions()
    assert row["scheduledTime"] == 50 + 100  # relative to the begin of the attempt that won
    assert marks(ended) == [("planned", 150)]


def test_from_an_action_each_schedule_is_a_transaction_of_its_own() -> None:
    for throw in (False, True):
        ended = run(APP, lambda world, t=throw: world.client("a").action(api.m.plan_from_action, {"throw": t}))  # type: ignore[misc] # bound early
        assert sorted(marks(ended)) == [("awaited", 5), ("not awaited", 5)]  # whatever becomes of the action
        assert ended.calls[0].error == ("after scheduling" if throw else None)
        began = [begun.what for begun in events_of(ended, Began) if begun.activity.startswith("a.1")]
        assert began[:2] == ["schedule m:note", "schedule m:note"]


def test_a_row_tells_what_is_to_run_and_hides_the_platforms_own_fields() -> None:
    def body(world: World) -> None:
        world.client("a").wait(10)
        world.client("a").mutation(api.m.plan, {"names": ["note"], "after": [25], "args": {"what": "x"}})

    ended = run(APP, body)
    (row,) = ended.view.scheduled_functions()
    assert row == {
        "_id": ended.calls[0].result[0],
        "_creationTime": 10,
        "name": "m.js:note",
        "args": [{"what": "x"}],
        "scheduledTime": 35,
        "completedTime": 35,
        "state": {"kind": "success"},
    }


def test_a_moment_in_the_past_is_due_at_once_and_kept_as_it_was_said() -> None:
    def body(world: World) -> None:
        world.client("a").wait(500)
        world.client("a").mutation(api.m.plan_notes, {"notes": {"late": 20}, "absolute": True})

    ended = run(APP, body)
    (row,) = ended.view.scheduled_functions()
    assert (row["scheduledTime"], row["completedTime"]) == (20, 500)
    assert marks(ended) == [("late", 500)]


def test_the_target_must_exist_when_it_is_scheduled_its_arguments_need_not_fit() -> None:
    def go(ctx: MutationCtx) -> Any:
        ctx.scheduler.run_after(0, api.m.typed, {"n": "not a number"})
        return [caught(lambda n=name: ctx.scheduler.run_after(0, n)) for name in MISSING]  # type: ignore[misc] # bound early

    typed = mutation(args={"n": v.number()})(lambda _, n: n)
    app = define_app({"m": {"go": mutation(go), "typed": typed}}, SCHEMA)
    ended = run(app, lambda world: world.client("a").mutation("m:go"))
    assert all(not code.startswith("returned") for code in ended.calls[0].result)
    (row,) = ended.view.scheduled_functions()
    assert row["state"]["kind"] == "failed"
    assert "ArgumentValidationError" in row["state"]["error"]


MISSING = [
    "m:missing",
    "missing:go",
    api.m.missing,
    components.child.m.note,
    "function://;m:gone",
    "function://gone;m:go",
]


def test_a_missing_target_is_an_invalid_scheduled_function() -> None:
    go = mutation(lambda ctx: caught(lambda: ctx.scheduler.run_after(0, "m:missing")))
    app = define_app({"m": {"go": go}}, SCHEMA)
    ended = run(app, lambda world: world.client("a").mutation("m:go"))
    assert ended.calls[0].result == "InvalidScheduledFunction"


@pytest.mark.parametrize("args", [[], [{}], "what", 5])
def test_arguments_that_are_no_object_are_refused_when_it_is_scheduled(args: Any) -> None:
    """As in every call, before anybody asks whether they fit (convex-semantics 3.1)."""

    async def act(ctx: ActionCtx) -> str:
        try:
            return await ctx.scheduler.run_after(0, "m:note", args)
        except FunctionError as error:
            return error.code

    go = mutation(lambda ctx: caught(lambda: ctx.scheduler.run_after(0, "m:note", args)))
    app = define_app({"m": {"go": go, "act": action(act), "note": note}}, SCHEMA)
    ended = run(app, lambda world: [world.client("a").mutation("m:go"), world.client("b").action("m:act")])
    assert [call.result for call in ended.calls] == ["InvalidArgument"] * 2
    assert ended.view.scheduled_functions() == []


DELAYS: list[Any] = [math.nan, math.inf, -math.inf, -1, -0.001, "5", None, True, [5]]


@pytest.mark.parametrize("delay", DELAYS)
def test_delays_that_are_none_are_refused(delay: Any) -> None:
    async def act(ctx: ActionCtx) -> Any:
        return caught(lambda: ctx.scheduler.run_after(delay, "m:note"))

    go = mutation(lambda ctx: caught(lambda: ctx.scheduler.run_after(delay, "m:note")))
    app = define_app({"m": {"go": go, "act": action(act), "note": note}}, SCHEMA)
    ended = run(app, lambda world: [world.client("a").mutation("m:go"), world.client("b").action("m:act")])
    assert [call.result for call in ended.calls] == ["InvalidScheduledFunctionDelay"] * 2
    assert ended.view.scheduled_functions() == []


@pytest.mark.parametrize("moment", [math.nan, math.inf, -math.inf, "5", None])
def test_moments_that_are_none_are_refused(moment: Any) -> None:
    go = mutation(lambda ctx: caught(lambda: ctx.scheduler.run_at(moment, "m:note")))
    app = define_app({"m": {"go": go, "note": note}}, SCHEMA)
    ended = run(app, lambda world: world.client("a").mutation("m:go"))
    assert ended.view.scheduled_functions() == []
    assert not str(ended.calls[0].outcome).startswith("Returned(value='returned")


# Starting.


def test_functions_start_in_the_order_of_their_times_not_of_their_scheduling() -> None:
    ended = run(APP, client((api.m.plan_notes, {"notes": {"c": 30, "a": 10, "d": 30, "b": 20}})))
    assert marks(ended) == [("a", 10), ("b", 20), ("c", 30), ("d", 30)]


def test_equal_times_go_by_creation_time_even_if_the_later_one_was_committed_first() -> None:
    def body(world: World) -> None:
        for name in ("a", "b"):
            world.client(name).mutation(api.m.plan_notes, {"notes": {name: 1_000}, "absolute": True})

    ended = run(APP, body, "a.1 begin, b.1 begin, b.1 commit, a.1 commit", parallelism=1)
    assert marks(ended) == [("a", 1_000), ("b", 1_000)]


@pytest.mark.parametrize(("root_at", "order"), [(50, ["m:note", "child/m:note"]), (51, ["child/m:note", "m:note"])])
def test_equal_times_go_by_component_first(root_at: int, order: list[str]) -> None:
    child = define_component("child", {"m": module(*FUNCTIONS)}, SCHEMA)

    @mutation
    def both(ctx: MutationCtx) -> None:
        ctx.run_mutation(components.child.m.plan_notes, {"notes": {"child": 50}})
        ctx.scheduler.run_after(root_at, api.m.note, {"what": "root"})

    app = define_app({"m": {**module(*FUNCTIONS), "both": both}}, SCHEMA)
    app.use(child)
    ended = run(app, client((api.m.both, {})), parallelism=1)
    ran = [called.function for called in events_of(ended, Called) if called.activity.startswith("a.1+")]
    assert ran == order
    assert {*marks(ended), *marks(ended, "child")} == {("root", root_at), ("child", 50)}


@pytest.mark.parametrize("parallelism", [1, 2, 3, 8])
def test_only_so_many_run_at_a_time(parallelism: int) -> None:
    args = {"names": ["noteSlowly"] * 5, "after": [0] * 5}
    ended = run(APP, client((api.m.plan, args)), parallelism=parallelism)
    begun = sorted(at for what, at in marks(ended) if what.endswith("begins"))
    assert begun == [100 * (number // parallelism) for number in range(5)]
    assert states(ended) == {"noteSlowly": "success"}


def test_places_are_those_of_all_components_together() -> None:
    child = define_component("child", {"m": module(*FUNCTIONS)}, SCHEMA)

    @mutation
    def both(ctx: MutationCtx) -> None:
        ctx.run_mutation(components.child.m.plan, {"names": ["noteSlowly"], "after": [0]})
        plan.handler(ctx, ["noteSlowly"], [0])

    app = define_app({"m": {**module(*FUNCTIONS), "both": both}}, SCHEMA)
    app.use(child)
    for parallelism, begun in ((1, [0, 100]), (2, [0, 0])):
        ended = run(app, client((api.m.both, {})), parallelism=parallelism)
        assert sorted(at for what, at in [*marks(ended), *marks(ended, "child")] if what == " begins") == begun


def test_a_due_function_waits_for_a_place_and_then_goes_by_its_time() -> None:
    def body(world: World) -> None:
        world.client("a").mutation(api.m.plan, {"names": ["noteSlowly"], "after": [0]})
        world.client("a").mutation(api.m.plan_notes, {"notes": {"later": 40, "sooner": 30, "soonest": 20}})

    ended = run(APP, body, parallelism=1)
    assert [what for what, _ in marks(ended)] == [" begins", " ends", "soonest", "sooner", "later"]
    assert {at for what, at in marks(ended)[1:]} == {100}


def test_a_failure_frees_the_place_too() -> None:
    names = ["fail", "failSlowly", "look", "note"]
    ended = run(APP, client((api.m.plan, {"names": names, "after": [0, 0, 0, 0]})), parallelism=1)
    assert states(ended) == {"fail": "failed", "failSlowly": "failed", "look": "failed", "note": "success"}


def test_a_canceled_function_frees_its_place() -> None:
    @mutation
    def cancel_all(ctx: MutationCtx) -> None:
        for row in ctx.db.system.query("_scheduled_functions").collect():
            ctx.scheduler.cancel(row["_id"])
        ctx.scheduler.run_after(0, api.m.note, {"what": "fresh"})

    def body(world: World) -> None:
        world.client("a").mutation(api.m.plan_notes, {"notes": {"one": 0, "two": 0, "three": 0}})
        world.client("a").mutation("m:cancelAll")

    app = define_app({"m": {**module(*FUNCTIONS), "cancel_all": cancel_all}}, SCHEMA)
    for seed in range(20):
        ended = run(app, body, RandomChoices(seed), parallelism=1)
        assert "fresh" in [what for what, _ in marks(ended)]
        assert len(marks(ended)) == sum(row["state"]["kind"] == "success" for row in ended.view.scheduled_functions())


def test_a_due_function_races_with_whoever_is_still_running() -> None:
    """What is due now does not wait until everybody else is done."""

    def body(world: World) -> None:
        world.client("a").mutation(api.m.plan, {"names": ["bump"], "after": [0]})
        world.client("b").mutation(api.m.bump)

    steps = "b.1 begin, a.1 begin, a.1 commit, a.1+1 begin, a.1+1 commit, b.1 commit, b.1 begin, b.1 commit"
    assert [row["n"] for row in run(APP, body, steps).view.documents("counters")] == [2]
    other_way = "a.1 begin, a.1 commit, a.1+1 begin, b.1 begin, b.1 commit, a.1+1 commit, a.1+1 begin, a.1+1 commit"
    assert [row["n"] for row in run(APP, body, other_way).view.documents("counters")] == [2]


# Going through states.


def seen_states(name: str, delay: float = 5) -> tuple[list[str], Run]:
    """Run one scheduled function and return the states that its row had, commit by commit."""
    seen: list[str] = []

    @always
    def watch(view: View) -> None:
        rows = view.scheduled_functions()
        if rows and (not seen or seen[-1] != rows[0]["state"]["kind"]):
            seen.append(rows[0]["state"]["kind"])

    body = client((api.m.plan, {"names": [name], "after": [delay]}))
    report = check(Scenario("s", APP, body, (watch,), Platform(), ""), Exhaustive(max_runs=1))
    assert report.holds
    return list(seen), run(APP, body)


def only_row(ended: Run) -> dict[str, Any]:
    (row,) = ended.view.scheduled_functions()
    return row


def test_a_mutation_goes_from_pending_to_success_in_one_commit() -> None:
    seen, ended = seen_states("note")
    assert seen == ["pending", "success"]
    commits = [done for done in events_of(ended, Committed) if done.activity == "a.1+1"]
    assert [len(done.writes) for done in commits] == [2]  # the mark and the row together
    assert only_row(ended)["completedTime"] == 5


def test_only_the_mutation_itself_sees_that_it_is_in_progress() -> None:
    seen, ended = seen_states("ownRow")
    assert seen == ["pending", "success"]
    assert marks(ended) == [("inProgress", 5)]


def test_an_action_is_in_progress_while_it_runs() -> None:
    seen, ended = seen_states("noteSlowly")
    assert seen == ["pending", "inProgress", "success"]
    assert only_row(ended)["completedTime"] == 105


def test_a_mutation_that_throws_fails_once_and_leaves_nothing_but_the_error() -> None:
    seen, ended = seen_states("fail")
    assert seen == ["pending", "failed"]
    assert only_row(ended)["state"] == {"kind": "failed", "error": "it broke"}
    assert only_row(ended)["completedTime"] == 5
    assert marks(ended) == []
    assert sum(called.activity == "a.1+1" for called in events_of(ended, Called)) == 1


def test_an_action_that_throws_fails_once() -> None:
    seen, ended = seen_states("failSlowly")
    assert seen == ["pending", "inProgress", "failed"]
    assert only_row(ended)["state"] == {"kind": "failed", "error": "it broke late"}
    assert only_row(ended)["completedTime"] == 15


def test_a_query_can_be_scheduled_and_fails() -> None:
    seen, _ = seen_states("look")
    assert seen == ["pending", "failed"]


def test_an_unfinished_row_has_no_time_of_completion() -> None:
    rows: list[dict[str, Any]] = []

    @always
    def watch(view: View) -> None:
        rows.extend(view.scheduled_functions())

    body = client((api.m.plan, {"names": ["noteSlowly"], "after": [5]}))
    check(Scenario("s", APP, body, (watch,), Platform(), ""), Exhaustive(max_runs=1))
    assert {row["state"]["kind"] for row in rows} == {"pending", "inProgress", "success"}
    assert all(("completedTime" in row) == (row["state"]["kind"] == "success") for row in rows)


# Conflicts.


def bumped(times: int) -> Any:
    def body(world: World) -> None:
        world.client("s").mutation(api.m.plan, {"names": ["bump"], "after": [0]})
        world.client("b").wait(0)
        for _ in range(times):
            world.client("b").mutation(api.m.bump)

    return body


def test_a_scheduled_mutation_is_retried_without_end() -> None:
    rounds = [f"s.1+1 begin, b.{n} begin, b.{n} commit, s.1+1 commit" for n in range(1, 13)]
    steps = ", ".join(["s.1 begin, s.1 commit", *rounds, "s.1+1 begin, s.1+1 commit"])
    ended = run(APP, bumped(12), steps)
    assert states(ended) == {"bump": "success"}
    assert [row["n"] for row in ended.view.documents("counters")] == [13]
    assert [begun.attempt for begun in events_of(ended, Began) if begun.activity == "s.1+1"] == list(range(1, 14))


def test_its_waits_double_up_to_a_minute() -> None:
    assert [RETRY["scheduled"].ceiling_ms(attempt) for attempt in (1, 2, 3, 4, 9, 10, 11, 1_000, 10**6)] == [
        100, 200, 400, 800, 25_600, 51_200, 60_000, 60_000, 60_000,
    ]  # fmt: skip
    assert RETRY["scheduled"].allows(10**9)


def test_a_loser_keeps_its_place_while_it_waits() -> None:
    def body(world: World) -> None:
        world.client("s").mutation(api.m.plan, {"names": ["bump", "note"], "after": [0, 0]})
        world.client("b").wait(0)
        world.client("b").mutation(api.m.bump)

    steps = "s.1 begin, s.1 commit, s.1+1 begin, b.1 begin, b.1 commit, s.1+1 commit, s.1+1 begin"
    ended = run(APP, body, Plan(steps, backoff=4), parallelism=1)
    assert [waited.delay_ms for waited in events_of(ended, Waited)] == [50]
    assert marks(ended) == [("", 50)]
    assert run(APP, body, Plan(steps, backoff=4), parallelism=2).view.documents("ran")[0]["at"] == 0


def test_a_scheduled_mutation_runs_exactly_once_whatever_the_order() -> None:
    for seed in range(60):
        ended = run(APP, bumped(3), RandomChoices(seed), level=1 + seed % 3)
        assert [row["n"] for row in ended.view.documents("counters")] == [4]
        assert all(call.outcome is not None for call in ended.calls)


# Across components.


def test_a_row_lives_with_who_scheduled_it_and_runs_where_the_function_is() -> None:
    @mutation
    def cross(ctx: MutationCtx) -> None:
        ctx.scheduler.run_after(1, components.child.m.note, {"what": "from the root"})
        ctx.run_mutation(components.child.m.back, {"handle": ctx.create_function_handle(api.m.note)})

    @mutation(args={"handle": v.string()})
    def back(ctx: MutationCtx, handle: str) -> None:
        ctx.scheduler.run_after(2, handle, {"what": "from the child"})

    child = define_component("child", {"m": {**module(*FUNCTIONS), "back": back}}, SCHEMA)
    app = define_app({"m": {**module(*FUNCTIONS), "cross": cross}}, SCHEMA)
    app.use(child)
    ended = run(app, client((api.m.cross, {})), FirstChoices())
    assert marks(ended) == [("from the child", 2)]
    assert marks(ended, "child") == [("from the root", 1)]
    assert [row["args"][0]["what"] for row in ended.view.scheduled_functions()] == ["from the root"]
    assert [row["args"][0]["what"] for row in ended.view.scheduled_functions("child")] == ["from the child"]
    assert isinstance(ended.calls[0].outcome, Returned)
    assert states(ended) == states(ended, "child") == {"note": "success"}


# How far away a moment may lie, and which moment counts.


def test_a_moment_lies_at_most_five_years_away_in_either_direction() -> None:
    """convex-semantics 3.1: five times 366 days, counted from this attempt's moment."""
    start, far = 10**12, 5 * 366 * 86_400_000

    def code(at_ms: float) -> str:
        go = mutation(lambda ctx: caught(lambda: ctx.scheduler.run_at(at_ms, "m:nothing")))
        scheduled = Bench(app_of(SCHEMA))
        scheduled.now = start
        return str(scheduled.do(go))

    assert all(code(start + sign * far).startswith("returned") for sign in (1, -1))
    assert [code(start + sign * (far + 1)) for sign in (1, -1)] == ["InvalidScheduledFunctionDelay"] * 2


def test_moments_that_have_passed_are_all_due_at_the_moment_of_scheduling() -> None:
    """Whichever was said: they start in the order in which they were scheduled (convex-semantics 3.1)."""

    def body(world: World) -> None:
        world.client("a").wait(500)
        world.client("a").mutation(api.m.plan_notes, {"notes": {"p": 20, "q": 10, "r": 500, "s": 30}, "absolute": True})

    ended = run(APP, body, parallelism=1)
    assert [row["scheduledTime"] for row in ended.view.scheduled_functions()] == [20, 10, 500, 30]
    assert [what for what, _ in marks(ended)] == ["p", "q", "r", "s"]


def test_eight_run_at_a_time_unless_the_platform_says_otherwise() -> None:
    ended = run(APP, client((api.m.plan, {"names": ["noteSlowly"] * 9, "after": [0] * 9})))
    assert sorted(at for what, at in marks(ended) if what.endswith("begins")) == [*[0] * 8, 100]


# The table, as other transactions see it.


def test_rows_of_scheduled_functions_conflict_like_any_documents() -> None:
    """convex-semantics 1.3: scheduling writes rows of a system table, under the ordinary rules."""
    bench = Bench(app_of(define_schema({"marks": define_table({})})))
    planned = bench.do(lambda ctx: ctx.scheduler.run_after(0, "m:nothing"))

    def schedule(ctx: MutationCtx) -> None:
        ctx.scheduler.run_after(0, "m:nothing")

    assert bench.conflicts(lambda ctx: ctx.db.system.query("_scheduled_functions").collect(), schedule)
    assert not bench.conflicts(lambda ctx: ctx.db.system.get(planned), schedule)
    assert not bench.conflicts(schedule, schedule)
    assert bench.conflicts(lambda ctx: ctx.db.system.get(planned), lambda ctx: ctx.scheduler.cancel(planned))


def test_while_it_runs_its_row_names_the_request_that_runs_it() -> None:
    """convex-semantics 3.2: the state has two fields more than its type, which a strict validator would meet."""

    @action
    async def look_at_myself(ctx: ActionCtx) -> None:
        for row in await ctx.run_query("m:rows"):
            await ctx.run_mutation(api.m.note, {"what": row["state"]})

    rows = query(lambda ctx: ctx.db.system.query("_scheduled_functions").collect())
    app = define_app({"m": {**module(*FUNCTIONS, look_at_myself), "rows": rows}}, SCHEMA)
    ended = run(app, client((api.m.plan, {"names": ["lookAtMyself", "note"], "after": [0, 1]})))
    own, later, _ = (row["what"] for row in ended.view.documents("ran"))
    assert sorted(own) == ["execution_id", "kind", "request_id"]
    assert own["execution_id"] != own["request_id"]
    assert later == {"kind": "pending"}
    assert [row["state"] for row in ended.view.scheduled_functions()] == [{"kind": "success"}] * 2


def test_an_invariant_sees_every_field_of_a_users_document() -> None:
    go = mutation(lambda ctx: ctx.db.insert("ran", {"handle": 1, "activity": 2, "nextTs": 3}))
    ended = run(define_app({"m": {"go": go}}, SCHEMA), lambda world: world.client("a").mutation("m:go"))
    assert [own_fields(row) for row in ended.view.documents("ran")] == [{"handle": 1, "activity": 2, "nextTs": 3}]


def test_the_table_has_the_two_indexes_that_every_table_has() -> None:
    bench = Bench(app_of(SCHEMA))
    planned = [bench.do(lambda ctx: ctx.scheduler.run_after(0, "m:nothing")) for _ in range(3)]

    def by(index: str) -> Any:
        found = bench.attempt(
            lambda ctx: [row["_id"] for row in ctx.db.system.query("_scheduled_functions").with_index(index)]
        )
        return found.value if index != "by_name" else found.code

    assert by("by_creation_time") == planned
    assert by("by_id") == sorted(planned)
    assert by("by_name") == "IndexNotFoundError"


def test_arguments_of_one_function_are_limited_only_by_what_all_may_have_together() -> None:
    """convex-semantics 3.1: the 4 MiB for each function are only warned about."""
    bench = Bench(app_of(SCHEMA))
    bench.do(lambda ctx: ctx.scheduler.run_after(0, "m:nothing", {"text": "x" * 5 * 2**20}))


def test_an_internal_function_can_be_scheduled() -> None:
    """convex-semantics 3.1, 6.1: the scheduler may call anything."""
    hidden = internal_mutation(lambda ctx: ctx.db.insert("ran", {"what": "hidden", "at": ctx.now()}))
    go = mutation(lambda ctx: ctx.scheduler.run_after(0, "m:hidden"))
    ended = run(
        define_app({"m": {"hidden": hidden, "go": go}}, SCHEMA), lambda world: world.client("a").mutation("m:go")
    )
    assert marks(ended) == [("hidden", 0)]


def test_how_a_mutation_that_threw_has_ended_is_no_news_if_it_was_canceled_meanwhile() -> None:
    """convex-semantics 3.3, 3.4: the failure is recorded by a second transaction, and the cancel may come first."""

    @mutation
    def cancel_all(ctx: MutationCtx) -> None:
        for row in ctx.db.system.query("_scheduled_functions").collect():
            ctx.scheduler.cancel(row["_id"])

    def body(world: World) -> None:
        world.client("s").mutation(api.m.plan, {"names": ["fail"], "after": [0]})
        world.client("b").wait(0)
        world.client("b").mutation(api.m.cancel_all)

    app = app_of(SCHEMA, *FUNCTIONS, cancel_all)
    steps = "s.1 begin, s.1 commit, s.1+1 begin, b.1 begin, b.1 commit, s.1+1 begin"
    assert only_row(run(app, body, steps))["state"] == {"kind": "canceled"}
    too_late = "s.1 begin, s.1 commit, s.1+1 begin, s.1+1 begin, b.1 begin, b.1 commit, s.1+1 commit, s.1+1 begin"
    ended = run(app, body, too_late)
    assert only_row(ended)["state"] == {"kind": "canceled"}
    assert marks(ended) == []


def test_a_later_start_may_be_an_earlier_end() -> None:
    """convex-semantics 3.3: due times order the starts alone."""
    slow, quick = ({"names": ["noteSlowly"], "after": [at], "args": {"ms": ms}} for at, ms in ((0, 100), (1, 10)))
    ended = run(APP, client((api.m.plan, slow), (api.m.plan, quick)))
    assert [row["completedTime"] for row in ended.view.scheduled_functions()] == [100, 11]
