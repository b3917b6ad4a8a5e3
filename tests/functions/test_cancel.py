"""Canceling: its effect in each state, its races, what is born canceled (convex-semantics 3.4, properties.md 1)."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from attrs import evolve

from convexsim import (
    ActionCtx,
    Component,
    Exhaustive,
    FunctionError,
    MutationCtx,
    Platform,
    Run,
    Scenario,
    World,
    action,
    api,
    check,
    components,
    define_app,
    define_component,
    define_schema,
    define_table,
    mutation,
    query,
    v,
)
from convexsim.actors.retry import RETRY
from convexsim.choices import RandomChoices
from convexsim.functions.environment import SelfCancel
from convexsim.trace.event import Committed, Conflicted
from convexsim.values import encode_id
from tests.support import Bench, app_of, caught, events_of, module, run, states

SCHEMA = define_schema({"ran": define_table(v.any()), "ids": define_table(v.any())})
MODES = get_args(SelfCancel)


@mutation
def note(ctx: MutationCtx, what: str = "note") -> None:
    """Leave a mark."""
    ctx.db.insert("ran", {"what": what, "at": ctx.now()})


@mutation
def plan(ctx: MutationCtx, name: str, after: float = 0, args: Any = None) -> str:
    """Schedule one function and remember its id, for whoever wants to cancel it."""
    planned = ctx.scheduler.run_after(after, name, args if args is not None else {})
    ctx.db.insert("ids", {"planned": planned})
    return planned


@mutation
def cancel(ctx: MutationCtx) -> str:
    """Cancel what `plan` scheduled first, and tell in which state it then is."""
    row = ctx.db.query("ids").first()
    if row is None:
        return "nothing planned"
    ctx.scheduler.cancel(row["planned"])
    found = ctx.db.system.get(row["planned"])
    return str(found and found["state"]["kind"])


@mutation
def cancel_id(ctx: MutationCtx, planned: str) -> None:
    ctx.scheduler.cancel(planned)


@action
async def cancel_from_action(ctx: ActionCtx, planned: str) -> None:
    await ctx.scheduler.cancel(planned)


@mutation
def look_then_note(ctx: MutationCtx) -> None:
    ctx.db.query("ran").collect()
    note.handler(ctx)


@mutation
def schedule_child(ctx: MutationCtx, what: str) -> str:
    return ctx.scheduler.run_after(7, api.m.note, {"what": what})


@mutation
def schedule_child_nested(ctx: MutationCtx, what: str) -> str:
    return str(ctx.run_mutation(api.m.schedule_child, {"what": what}))


@action
async def schedule_child_in_action(ctx: ActionCtx, what: str) -> None:
    await ctx.run_mutation(api.m.schedule_child, {"what": what})


@action
async def family(ctx: ActionCtx) -> None:
    """Schedule one child in every way there is, before and after a pause in which somebody may cancel."""
    for when in ("before", "after"):
        await ctx.scheduler.run_after(7, api.m.note, {"what": f"{when}, directly"})
        await ctx.run_mutation(api.m.schedule_child, {"what": f"{when}, by mutation"})
        await ctx.run_mutation(api.m.schedule_child_nested, {"what": f"{when}, by nested mutation"})
        await ctx.run_action(api.m.schedule_child_in_action, {"what": f"{when}, by action"})
        await ctx.sleep(100)
    await ctx.run_mutation(api.m.note, {"what": "the action went on"})


@action
async def quick_family(ctx: ActionCtx) -> None:
    await ctx.run_mutation(api.m.schedule_child, {"what": "child"})


FUNCTIONS = (
    note, plan, cancel, cancel_id, cancel_from_action, look_then_note, schedule_child, schedule_child_nested,
    schedule_child_in_action, family, quick_family,
)  # fmt: skip
APP = app_of(SCHEMA, *FUNCTIONS)


def marks(ended: Run, component: str = "") -> list[str]:
    return [row["what"] for row in ended.view.documents("ran", component)]


def rows(ended: Run, component: str = "") -> dict[str, dict[str, Any]]:
    """Return the rows of notes by what they would note."""
    found = ended.view.scheduled_functions(component)
    return {row["args"][0].get("what", "note"): row for row in found}


def planned_then(name: str, after: float, wait: float, args: Any = None) -> Any:
    """A world in which one client schedules a function and another, some time later, cancels it."""

    def body(world: World) -> None:
        world.client("a").mutation(api.m.plan, {"name": name, "after": after, "args": args})
        world.client("b").wait(wait)
        world.client("b").mutation(api.m.cancel)

    return body


# Each state.


def test_what_is_pending_never_starts() -> None:
    ended = run(APP, planned_then("m:note", 100, 30))
    assert ended.calls[1].result == "canceled"
    (row,) = ended.view.scheduled_functions()
    assert row["state"] == {"kind": "canceled"}
    assert (row["scheduledTime"], row["completedTime"]) == (100, 30)
    assert marks(ended) == []
    assert ended.now == 30  # not even its timer is left


def test_an_action_that_runs_is_canceled_at_once_goes_on_and_its_outcome_is_discarded() -> None:
    ended = run(APP, planned_then("m:family", 0, 150))
    assert ended.calls[1].result == "canceled"
    (row,) = [row for row in ended.view.scheduled_functions() if row["name"] == "m.js:family"]
    assert row["state"] == {"kind": "canceled"}
    assert row["completedTime"] == 150
    assert marks(ended)[-1] == "the action went on"


@pytest.mark.parametrize("name", ["m:note", "m:family"])
def test_what_is_finished_stays_finished(name: str) -> None:
    ended = run(APP, planned_then(name, 0, 1_000))
    assert ended.calls[1].result == "success"
    assert states(ended)[name.split(":")[1]] == "success"


def test_what_has_failed_stays_failed() -> None:
    ended = run(APP, planned_then("m:note", 0, 1_000, {"nonsense": 1}))
    assert ended.calls[1].result == "failed"
    assert "error" in ended.view.scheduled_functions()[0]["state"]


def test_canceling_twice_is_canceling_once() -> None:
    def body(world: World) -> None:
        planned_then("m:note", 100, 30)(world)
        world.client("b").wait(5)
        world.client("b").mutation(api.m.cancel)

    ended = run(APP, body)
    assert [call.result for call in ended.calls[1:]] == ["canceled", "canceled"]
    assert ended.view.scheduled_functions()[0]["completedTime"] == 30


def test_ids_that_name_no_scheduled_function() -> None:
    bench = Bench(APP)
    other = bench.seed("ran", {"what": "x"})[0]
    unknown = encode_id(24, bytes(16))
    nowhere = encode_id(12_345, bytes(16))
    assert bench.attempt(cancel_id, {"planned": other}).code == "InvalidArgument"
    assert bench.attempt(cancel_id, {"planned": "rubbish"}).code == "InvalidArgument"
    for gone in (unknown, nowhere):
        ignored = bench.attempt(cancel_id, {"planned": gone})
        assert ignored.value is None
        assert ignored.writes == []


def test_an_action_is_refused_ids_of_other_tables_too() -> None:
    @action
    async def go(ctx: ActionCtx) -> list[str]:
        other = await ctx.run_mutation("m:add")
        codes = []
        for wrong in (other, "rubbish"):
            try:
                await ctx.scheduler.cancel(wrong)
                codes.append("no error")
            except Exception as error:  # noqa: BLE001 - its code is what is asked
                codes.append(getattr(error, "code", repr(error)))
        await ctx.scheduler.cancel(encode_id(24, bytes(16)))  # unknown, but of the right table: ignored
        return codes

    add = mutation(lambda ctx: ctx.db.insert("ran", {}))
    app = define_app({"m": {"go": go, "add": add}}, SCHEMA)
    ended = run(app, lambda world: world.client("a").action("m:go"))
    assert ended.calls[0].result == ["InvalidArgument", "InvalidArgument"]


def test_an_action_cancels_in_a_transaction_of_its_own() -> None:
    def body(world: World) -> None:
        world.client("a").mutation(api.m.plan, {"name": "m:note", "after": 100})
        planned = Bench(APP).attempt(plan, {"name": "m:note", "after": 100}, invocation=("a.1", 1)).value
        world.client("a").action(api.m.cancel_from_action, {"planned": planned})

    ended = run(APP, body)
    assert states(ended) == {"note": "canceled"}
    assert any(done.what == "cancel a scheduled function" for done in events_of(ended, Committed))


def test_a_mutation_that_throws_has_canceled_nothing() -> None:
    bench = Bench(APP)
    planned = bench.do(plan, {"name": "m:note", "after": 100})

    def child(ctx: MutationCtx) -> None:
        ctx.scheduler.cancel(planned)
        raise ValueError("no")

    undone = define_app({"m": {**module(*FUNCTIONS), "child": mutation(child)}}, SCHEMA)
    bench = Bench(undone)
    planned = bench.do(plan, {"name": "m:note", "after": 100})

    def state(ctx: MutationCtx) -> Any:
        return (ctx.db.system.get(planned) or {})["state"]["kind"]

    assert bench.do(lambda ctx: [caught(lambda: ctx.run_mutation("m:child")), state(ctx)]) == ["Error", "pending"]
    assert bench.do(lambda ctx: [ctx.scheduler.cancel(planned), state(ctx)][1]) == "canceled"


# Races.


def test_cancel_before_the_start_and_start_before_the_cancel() -> None:
    """Both are due at the same moment; whoever commits first wins, and the other one notices."""
    body = planned_then("m:note", 50, 50)
    first = run(APP, body, "b.1 begin, b.1 commit, a.1+1 begin")
    assert (states(first), marks(first)) == ({"note": "canceled"}, [])
    too_late = run(APP, body, "a.1+1 begin, a.1+1 commit, b.1 begin")
    assert (states(too_late), marks(too_late)) == ({"note": "success"}, ["note"])
    assert too_late.calls[1].result == "success"


def test_a_mutation_that_is_canceled_while_it_runs_loses_and_stops_silently() -> None:
    ended = run(APP, planned_then("m:note", 50, 50), "a.1+1 begin, b.1 begin, b.1 commit, a.1+1 commit, a.1+1 begin")
    assert (states(ended), marks(ended)) == ({"note": "canceled"}, [])
    assert [lost.activity for lost in events_of(ended, Conflicted)] == ["a.1+1"]


def test_a_cancel_that_is_overtaken_by_the_end_loses_and_then_does_nothing() -> None:
    steps = "a.1+1 begin, b.1 begin, a.1+1 commit, b.1 commit, b.1 begin"
    ended = run(APP, planned_then("m:note", 50, 50), steps)
    assert (states(ended), marks(ended)) == ({"note": "success"}, ["note"])
    assert [lost.activity for lost in events_of(ended, Conflicted)] == ["b.1"]
    assert ended.calls[1].result == "success"


@pytest.mark.parametrize(("name", "level"), [("m:note", 2), ("m:lookThenNote", 2), ("m:quickFamily", 3)])
def test_in_every_order_a_function_is_either_canceled_or_done(name: str, level: int) -> None:
    outcomes: dict[tuple[Any, ...], int] = {}

    def look(_: int, ended: Run) -> None:
        kind = states(ended)[name.split(":")[1]]
        told = ended.calls[1].result
        ran = len(marks(ended))
        outcomes[kind, told, ran] = outcomes.get((kind, told, ran), 0) + 1

    scenario = Scenario("s", APP, planned_then(name, 50, 50), (), Platform(), "")
    report = check(scenario, Exhaustive(backoffs=False), level=level, on_run=look)
    assert report.exhausted
    if name == "m:quickFamily":  # an action: its child lives, or is born canceled if the cancel came first
        assert set(outcomes) == {("success", "success", 1), ("canceled", "canceled", 0), ("canceled", "canceled", 1)}
    else:
        assert set(outcomes) == {("success", "success", 1), ("canceled", "canceled", 0)}


def test_at_the_finest_granularity_too() -> None:
    for seed in range(120):
        ended = run(APP, planned_then("m:note", 50, 50), RandomChoices(seed), level=1)
        assert len(marks(ended)) == (states(ended) == {"note": "success"})


@action
async def idle(ctx: ActionCtx) -> None:
    """Do nothing."""


@action
async def tell_cancel(ctx: ActionCtx) -> str:
    """Cancel what `plan` scheduled, and tell what came of it."""
    try:
        await ctx.scheduler.cancel(await ctx.run_query("m:planned"))
    except FunctionError as error:
        return error.code
    return "canceled, or too late"


planned_first = query(lambda ctx: ctx.db.query("ids").first()["planned"])
TELLING = define_app({"m": {**module(*FUNCTIONS, idle, tell_cancel), "planned": planned_first}}, SCHEMA)
OVERTAKEN = (
    "c.1.1 begin, c.1.2 begin, a.1+1 begin, a.1+1 commit, c.1.2 commit, c.1.2 begin, a.1+1 begin, a.1+1 commit, "
    "c.1.2 commit, c.1.2 begin"
)


def overtaken(world: World) -> None:
    world.client("a").mutation(api.m.plan, {"name": "m:idle", "after": 50})
    world.client("c").wait(50)
    world.client("c").action(api.m.tell_cancel)


def test_a_cancel_from_an_action_is_tried_three_times() -> None:
    """convex-semantics 2: the platform's own transactions; here the start and the end of the function beat it."""
    ended = run(TELLING, overtaken, OVERTAKEN)
    assert [lost.attempt for lost in events_of(ended, Conflicted)] == [1, 2]
    assert ended.calls[1].result == "canceled, or too late"
    assert states(ended) == {"idle": "success"}


def test_a_cancel_whose_tries_are_used_up_throws_into_the_action(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RETRY, "internal", evolve(RETRY["internal"], max_retries=1))
    ended = run(TELLING, overtaken, OVERTAKEN.removesuffix(", c.1.2 begin"))
    assert ended.calls[1].result == "OptimisticConcurrencyControlFailure"
    assert states(ended) == {"idle": "success"}


# Born canceled.


def test_under_a_canceled_parent_every_child_is_born_canceled_however_deep_it_is_scheduled() -> None:
    ended = run(APP, planned_then("m:family", 0, 50))
    for what, row in rows(ended).items():
        if what == "note":  # the parent itself
            continue
        assert row["state"]["kind"] == ("success" if what.startswith("before") else "canceled"), what
    assert len(rows(ended)) == 9
    assert [what for what in marks(ended) if what.startswith("after")] == []
    assert len([what for what in marks(ended) if what.startswith("before")]) == 4


def test_a_child_born_canceled_is_over_at_the_moment_of_its_birth() -> None:
    ended = run(APP, planned_then("m:family", 0, 50))
    for what in ("after, by mutation", "after, directly"):
        row = rows(ended)[what]
        assert row["scheduledTime"] == row["completedTime"] == 100  # not 107
        assert row["state"] == {"kind": "canceled"}


def test_grandchildren_hang_on_their_own_parent_not_on_the_canceled_one() -> None:
    """What was scheduled before the cancel is untouched, and so is what it schedules."""

    def body(world: World) -> None:
        args = {"name": "m:plan", "after": 80, "args": {"name": "m:note", "after": 0}}
        world.client("a").mutation(api.m.plan, {"name": "m:plan", "args": args})  # a.1+1 schedules the next, at 80
        world.client("b").wait(40)
        world.client("b").mutation(api.m.cancel)  # the first is long done

    ended = run(APP, body)
    assert marks(ended) == ["note"]


def nested_components() -> Component:
    """Root, child and grandchild: the action at the root calls down, and the innermost mutation schedules a handle."""

    @mutation(args={"what": v.string()})
    def innermost(ctx: MutationCtx, what: str) -> None:
        ctx.scheduler.run_after(0, api.m.note, {"what": what})

    @mutation(args={"what": v.string()})
    def middle(ctx: MutationCtx, what: str) -> None:
        ctx.run_mutation(components.grandchild.m.innermost, {"what": what})

    @action(args={"what": v.string()})
    async def middle_action(ctx: ActionCtx, what: str) -> None:
        await ctx.run_mutation(components.grandchild.m.innermost, {"what": what})

    @action
    async def outermost(ctx: ActionCtx) -> None:
        for when in ("before", "after"):
            await ctx.run_mutation(components.child.m.middle, {"what": f"{when}, by mutation"})
            await ctx.run_action(components.child.m.middle_action, {"what": f"{when}, by action"})
            await ctx.sleep(100)

    grandchild = define_component("grandchild", {"m": {**module(*FUNCTIONS), "innermost": innermost}}, SCHEMA)
    child = define_component("child", {"m": module(*FUNCTIONS, middle, middle_action)}, SCHEMA)
    child.use(grandchild)
    app = define_app({"m": module(*FUNCTIONS, outermost)}, SCHEMA)
    app.use(child)
    return app


def test_the_parent_is_inherited_through_nested_components() -> None:
    ended = run(nested_components(), planned_then("m:outermost", 0, 50))
    found = {what: row["state"]["kind"] for what, row in rows(ended, "child/grandchild").items()}
    assert found == {
        "before, by mutation": "success",
        "before, by action": "success",
        "after, by mutation": "canceled",
        "after, by action": "canceled",
    }
    assert marks(ended, "child/grandchild") == ["before, by mutation", "before, by action"]


def test_the_look_at_the_parent_is_a_read_like_any_other() -> None:
    """A cancel between begin and commit of a mutation that schedules under the parent kills it; its retry sees it."""
    body = planned_then("m:quickFamily", 50, 50)
    steps = (
        "a.1+1 begin, a.1+1 commit, a.1+1.1 begin, b.1 begin, b.1 commit, a.1+1.1 commit, a.1+1.1 begin, a.1+1.1 commit"
    )
    ended = run(APP, body, steps)
    assert [lost.activity for lost in events_of(ended, Conflicted)] == ["a.1+1.1"]
    assert rows(ended)["child"]["state"]["kind"] == "canceled"
    assert marks(ended) == []


def test_so_is_that_of_an_action_that_schedules_directly() -> None:
    @action
    async def direct(ctx: ActionCtx) -> None:
        await ctx.scheduler.run_after(0, api.m.note, {"what": "child"})

    app = define_app({"m": module(*FUNCTIONS, direct)}, SCHEMA)
    steps = (
        "a.1+1 begin, a.1+1 commit, a.1+1.1 begin, b.1 begin, b.1 commit, a.1+1.1 commit, a.1+1.1 begin, a.1+1.1 commit"
    )
    ended = run(app, planned_then("m:direct", 50, 50), steps)
    assert rows(ended)["child"]["state"]["kind"] == "canceled"


def test_a_mutation_that_schedules_nothing_does_not_read_its_parent() -> None:
    @action
    async def harmless(ctx: ActionCtx) -> None:
        await ctx.run_mutation(api.m.note)

    app = define_app({"m": module(*FUNCTIONS, harmless)}, SCHEMA)
    steps = "a.1+1 begin, a.1+1 commit, a.1+1.1 begin, b.1 begin, b.1 commit, a.1+1.1 commit"
    ended = run(app, planned_then("m:harmless", 50, 50), steps)
    assert list(events_of(ended, Conflicted)) == []
    assert marks(ended) == ["note"]


# Canceling oneself.


@mutation
def cancel_self(ctx: MutationCtx) -> None:
    """Cancel whatever is in progress: under a scheduled function that is this one itself."""
    ctx.db.insert("ran", {"what": "wrote before"})
    (own,) = [row for row in ctx.db.system.query("_scheduled_functions") if row["state"]["kind"] == "inProgress"]
    ctx.scheduler.run_after(0, api.m.note, {"what": "child before"})
    ctx.scheduler.cancel(own["_id"])
    ctx.scheduler.run_after(0, api.m.note, {"what": "child after"})
    ctx.db.insert("ran", {"what": "wrote after"})


@mutation
def cancel_self_nested(ctx: MutationCtx) -> None:
    ctx.run_mutation(api.m.cancel_self)


@action
async def cancel_self_by_mutation(ctx: ActionCtx) -> None:
    try:
        await ctx.run_mutation(api.m.cancel_self_nested)
    finally:
        await ctx.scheduler.run_after(0, api.m.note, {"what": "grandchild"})


SELF = app_of(SCHEMA, *FUNCTIONS, cancel_self, cancel_self_nested, cancel_self_by_mutation)


def run_self(name: str, mode: str) -> Run:
    return run(SELF, lambda world: world.client("a").mutation(api.m.plan, {"name": name}), self_cancel=mode)


@pytest.mark.parametrize("name", ["m:cancelSelf", "m:cancelSelfNested"])
@pytest.mark.parametrize("mode", MODES)
def test_a_scheduled_mutation_that_cancels_itself(name: str, mode: str) -> None:
    ended = run_self(name, mode)
    own = states(ended)[name.split(":")[1]]
    children = {what: row["state"]["kind"] for what, row in rows(ended).items() if what.startswith("child")}
    if mode == "tree":  # its row stays canceled, its writes commit, its later children are born canceled
        assert own == "canceled"
        assert children == {"child before": "success", "child after": "canceled"}
        assert marks(ended) == ["wrote before", "wrote after", "child before"]
    elif mode == "throw":
        (row,) = ended.view.scheduled_functions()
        assert row["state"]["kind"] == own == "failed"
        assert "cancels itself" in row["state"]["error"]
        assert marks(ended) == []
    else:
        assert own == "success"
        assert children == {"child before": "success", "child after": "success"}
        assert marks(ended) == ["wrote before", "wrote after", "child before", "child after"]


@pytest.mark.parametrize("mode", MODES)
def test_a_scheduled_action_that_is_canceled_by_a_mutation_below_it(mode: str) -> None:
    ended = run_self("m:cancelSelfByMutation", mode)
    own = states(ended)["cancelSelfByMutation"]
    born = {what: row["state"]["kind"] for what, row in rows(ended).items() if "child" in what}
    if mode == "tree":
        assert own == "canceled"
        assert born == {"child before": "success", "child after": "canceled", "grandchild": "canceled"}
        assert marks(ended) == ["wrote before", "wrote after", "child before"]
    elif mode == "throw":  # the mutation fails, and with it the action
        assert own == "failed"
        assert born == {"grandchild": "success"}
        assert marks(ended) == ["grandchild"]
    else:
        assert own == "success"
        assert born == {"child before": "success", "child after": "success", "grandchild": "success"}


def test_the_error_can_be_caught() -> None:
    @mutation
    def careful(ctx: MutationCtx) -> None:
        (own,) = ctx.db.system.query("_scheduled_functions").collect()
        ctx.db.insert("ran", {"what": caught(lambda: ctx.scheduler.cancel(own["_id"]))})

    app = define_app({"m": module(*FUNCTIONS, careful)}, SCHEMA)
    ended = run(app, lambda world: world.client("a").mutation(api.m.plan, {"name": "m:careful"}), self_cancel="throw")
    assert marks(ended) == ["ScheduledFunctionCancelingItself"]
    assert states(ended) == {"careful": "success"}


@pytest.mark.parametrize("mode", MODES)
def test_an_action_that_cancels_itself_directly_is_canceled_on_every_platform(mode: str) -> None:
    """The rule is one of mutations; an action's cancel is a transaction of the platform, which asks for no parent."""

    @action
    async def direct(ctx: ActionCtx) -> None:
        (own,) = await ctx.run_mutation("m:mine")
        await ctx.scheduler.cancel(own)
        await ctx.scheduler.run_after(0, api.m.note, {"what": "child"})

    mine = mutation(lambda ctx: [row["_id"] for row in ctx.db.system.query("_scheduled_functions")])
    app = define_app({"m": {**module(*FUNCTIONS, direct), "mine": mine}}, SCHEMA)
    body = lambda world: world.client("a").mutation(api.m.plan, {"name": "m:direct"})  # noqa: E731 - short
    ended = run(app, body, self_cancel=mode)
    assert states(ended) == {"direct": "canceled", "note": "canceled"}


def test_a_canceled_action_whose_mutation_cancels_it_again_still_meets_the_rule() -> None:
    """The check compares ids and comes first: in `throw` it raises whatever the state of the row."""

    @action
    async def stubborn(ctx: ActionCtx) -> None:
        await ctx.sleep(100)
        await ctx.run_mutation("m:again")

    again = mutation(lambda ctx: caught(lambda: cancel.handler(ctx)))
    noted = mutation(lambda ctx: note.handler(ctx, again.handler(ctx)))
    app = define_app({"m": {**module(*FUNCTIONS, stubborn), "again": noted}}, SCHEMA)
    ended = run(app, planned_then("m:stubborn", 0, 50), self_cancel="throw")
    assert states(ended) == {"stubborn": "canceled"}
    assert marks(ended) == ["ScheduledFunctionCancelingItself"]


def test_in_a_component_an_action_cancels_nothing_for_its_ids_mean_the_root() -> None:
    """convex-semantics 3.4: cancel from an action resolves ids only in the root's namespace."""

    @action
    async def inside(ctx: ActionCtx) -> None:
        planned = await ctx.run_mutation(api.m.plan, {"name": "m:note", "after": 50})
        await ctx.scheduler.cancel(planned)

    child = define_component("child", {"m": module(*FUNCTIONS, inside)}, SCHEMA)
    go = action_that_calls_child()
    app = define_app({"m": {**module(*FUNCTIONS), "go": go}}, SCHEMA)
    app.use(child)
    ended = run(app, lambda world: world.client("a").action("m:go"))
    assert ended.calls[0].error is None
    assert marks(ended, "child") == ["note"]


def action_that_calls_child() -> Any:
    @action
    async def go(ctx: ActionCtx) -> None:
        await ctx.run_action(components.child.m.inside)

    return go


def test_in_a_component_a_mutation_cancels_its_own_rows() -> None:
    child = define_component("child", {"m": module(*FUNCTIONS)}, SCHEMA)
    app = define_app({"m": module(*FUNCTIONS)}, SCHEMA)
    app.use(child)
    bench = Bench(app)
    planned = bench.do(plan, {"name": "m:note", "after": 50}, component="child")
    from_the_root = bench.attempt(cancel_id, {"planned": planned})
    assert from_the_root.writes == []  # an id means something only where it was scheduled
    own = bench.attempt(cancel_id, {"planned": planned}, component="child")
    assert len(own.writes) == 1
