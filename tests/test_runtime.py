"""Whole runs: retries, what is never retried, clients that race, actions (convex-semantics 2, 5.2, 6.1, 6.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    Component,
    Exhaustive,
    FunctionError,
    Lockstep,
    MutationCtx,
    Platform,
    QueryCtx,
    RandomWalk,
    Run,
    Scenario,
    Session,
    Simulation,
    UsageError,
    View,
    World,
    action,
    always,
    api,
    check,
    define_app,
    define_schema,
    define_table,
    mutation,
    query,
    scenario,
    v,
)
from convexsim.actors.outside import Outside
from convexsim.actors.retry import RETRY
from convexsim.choices import Choices, FirstChoices, RandomChoices
from convexsim.functions.outcome import Returned, Threw
from convexsim.trace.event import Aborted, Began, Called, Committed, Conflicted, Did, Waited
from tests.support import Plan, app_of, events_of, run, steps_of

SCHEMA = define_schema(
    {
        "counters": define_table({"name": v.string(), "n": v.number()}).index("by_name", ["name"]),
        "notes": define_table(v.any()),
    }
)


def counter(ctx: QueryCtx, name: str) -> dict[str, Any] | None:
    return ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()


@mutation(args={"name": v.string()})
def bump(ctx: MutationCtx, name: str) -> int:
    """Count, and note outside how often this was tried."""
    ctx.external("tries").append(name)
    row = counter(ctx, name)
    if row is None:
        ctx.db.insert("counters", {"name": name, "n": 1})
        return 1
    ctx.db.patch(row["_id"], {"n": row["n"] + 1})
    return int(row["n"]) + 1


@mutation(args={"name": v.string()})
def bump_nested(ctx: MutationCtx, name: str) -> int:
    return int(ctx.run_mutation(api.m.bump, {"name": name}))


@mutation(args={"name": v.string()})
def bump_and_throw(ctx: MutationCtx, name: str) -> None:
    raise ValueError(f"{name} was {bump.handler(ctx, name) - 1}")


@mutation(args={"name": v.string()})
def look(ctx: MutationCtx, name: str) -> int:
    """Read in a mutation and write nothing."""
    row = counter(ctx, name)
    return 0 if row is None else int(row["n"])


@query(args={"name": v.string()})
def peek(ctx: QueryCtx, name: str) -> int:
    row = counter(ctx, name)
    return 0 if row is None else int(row["n"])


@mutation(args={"name": v.string(), "n": v.number()})
def put(ctx: MutationCtx, name: str, n: int) -> None:
    row = counter(ctx, name)
    if row is None:
        ctx.db.insert("counters", {"name": name, "n": n})
    else:
        ctx.db.patch(row["_id"], {"n": n})


@action(args={"name": v.string()})
async def bump_in_action(ctx: ActionCtx, name: str) -> str:
    """Tell what became of one mutation."""
    try:
        return f"counted {await ctx.run_mutation(api.m.bump, {'name': name})}"
    except FunctionError as error:
        return f"{error.code}: {error.message}"


@action(args={"name": v.string()})
async def read_then_write(ctx: ActionCtx, name: str) -> None:
    """The lost update: an action is no transaction."""
    n = await ctx.run_query(api.m.peek, {"name": name})
    await ctx.run_mutation(api.m.put, {"name": name, "n": n + 1})


@action
async def send_many(ctx: ActionCtx) -> list[int]:
    """Send three calls at once; the second is never awaited."""
    sent = [ctx.run_mutation(api.m.bump, {"name": name}) for name in ("x", "x", "x")]
    return [await sent[2], await sent[0]]


@action
async def fail_once(ctx: ActionCtx) -> None:
    await ctx.external("tries").append("action")
    ctx.run_mutation(api.m.bump, {"name": "left behind"})
    raise ValueError("no second try")


@mutation
def forever(ctx: MutationCtx) -> None:
    ctx.scheduler.run_after(0, api.m.forever)


APP = app_of(
    SCHEMA, bump, bump_nested, bump_and_throw, look, peek, put, bump_in_action, read_then_write, send_many, fail_once,
    forever,
)  # fmt: skip
HITS = {"name": "hits"}


def world_of(*clients: tuple[str, str, Any, int]) -> Callable[[World], None]:
    """A world whose clients each make one call some times: name, kind, function, times."""

    def body(world: World) -> None:
        world.external("tries")
        for name, kind, function, times in clients:
            for _ in range(times):
                getattr(world.client(name), kind)(function, HITS)

    return body


def hits(ended: Run) -> int:
    rows = ended.view.documents("counters")
    assert len(rows) <= 1
    return int(rows[0]["n"]) if rows else 0


def duel(loser: str, losses: int, then: str = "") -> str:
    """A plan in which `loser` begins and, before it commits, b counts once; so many times."""
    rounds = [f"{loser} begin, b.{n} begin, b.{n} commit, {loser} commit" for n in range(1, losses + 1)]
    return ", ".join([*rounds, *([then] if then else [])])


# Retries.

RETRIED = [
    ("mutation", api.m.bump, "a.1"),
    ("mutation", api.m.bump_nested, "a.1"),
    ("action", api.m.bump_in_action, "a.1.1"),
]


@pytest.mark.parametrize(("kind", "function", "activity"), RETRIED)
def test_five_attempts_and_no_sixth(kind: str, function: Any, activity: str) -> None:
    ended = run(APP, world_of(("a", kind, function, 1), ("b", "mutation", api.m.bump, 5)), duel(activity, 5))
    assert len([begun for begun in events_of(ended, Began) if begun.activity == activity]) == 5
    assert len([lost for lost in events_of(ended, Conflicted) if lost.activity == activity]) == 5
    assert hits(ended) == 5
    assert ended.view.external("tries") == ["hits"] * 10  # each attempt ran the handler once
    if kind == "action":
        assert str(ended.calls[0].result).startswith("OptimisticConcurrencyControlFailure: ")
    else:
        outcome = ended.calls[0].outcome
        assert isinstance(outcome, Threw)
        assert outcome.failure.code == "OptimisticConcurrencyControlFailure"


@pytest.mark.parametrize(("kind", "function", "activity"), RETRIED)
def test_the_fifth_attempt_may_still_win(kind: str, function: Any, activity: str) -> None:
    plan = duel(activity, 4, f"{activity} begin, {activity} commit")
    ended = run(APP, world_of(("a", kind, function, 1), ("b", "mutation", api.m.bump, 4)), plan)
    assert hits(ended) == 5
    assert ended.calls[0].result == (5 if kind == "mutation" else "counted 5")


def test_the_error_after_the_last_attempt_names_table_document_and_the_other_writer() -> None:
    for other, said in ((api.m.bump, "another call to this function"), (api.m.bump_nested, "m:bumpNested (b.5)")):
        ended = run(APP, world_of(("a", "mutation", api.m.bump, 1), ("b", "mutation", other, 5)), duel("a.1", 5))
        message = str(ended.calls[0].error)
        (row,) = ended.view.documents("counters")
        for named in ("m:bump", "counters", row["_id"], "b.5", said):
            assert named in message
        assert ("another call" in message) == said.startswith("another")  # bumpNested only begins like bump
        assert "b.4" not in message  # it is the conflict of the last attempt


def test_of_a_system_table_the_error_names_nothing() -> None:
    @mutation
    def plan(ctx: MutationCtx, name: str) -> int:
        planned = ctx.db.system.query("_scheduled_functions").collect()
        ctx.scheduler.run_after(1_000, api.m.nothing)
        return len(planned)

    app = app_of(None, plan)
    ended = run(app, world_of(("a", "mutation", api.m.plan, 1), ("b", "mutation", api.m.plan, 5)), duel("a.1", 5))
    lost = [conflict.conflict.index for conflict in events_of(ended, Conflicted)]
    assert lost == ["/_scheduled_functions.by_creation_time"] * 5
    (outcome,) = [call.outcome for call in ended.calls if isinstance(call.outcome, Threw)]
    assert outcome.failure.code == "OptimisticConcurrencyControlFailure"
    assert outcome.failure.message == (
        "m:plan gave up: data that it read or wrote changed during this run and during every retry."
    )


class Offers:
    """Choices that keep the waits they were offered and take one of them; steps come as planned."""

    def __init__(self, plan: str, index: int) -> None:
        self._plan = Plan(plan, backoff=index)
        self.waits: list[list[float]] = []

    def choose(self, kind: Any, options: Any) -> int:
        if kind == "backoff":
            self.waits.append([option.delay_ms for option in options])
        return self._plan.choose(kind, options)


@pytest.mark.parametrize(("kind", "function", "activity"), RETRIED)
def test_a_wait_is_one_of_eight_fractions_of_a_ceiling_that_doubles(kind: str, function: Any, activity: str) -> None:
    offers = Offers(duel(activity, 4, f"{activity} begin, {activity} commit"), 0)
    run(APP, world_of(("a", kind, function, 1), ("b", "mutation", api.m.bump, 4)), offers)
    assert offers.waits == [[ceiling * step / 8 for step in range(8)] for ceiling in (100, 200, 400, 800)]


@pytest.mark.parametrize(("index", "at"), [(0, 0), (3, 37.5), (7, 87.5)])
def test_the_loser_waits_as_long_as_was_chosen(index: int, at: float) -> None:
    ended = run(
        APP,
        world_of(("a", "mutation", api.m.bump, 1), ("b", "mutation", api.m.bump, 1)),
        Plan(duel("a.1", 1, "a.1 begin, a.1 commit"), backoff=index),
    )
    assert [waited.delay_ms for waited in events_of(ended, Waited)] == [at]
    assert [begun.at_ms for begun in events_of(ended, Began) if begun.activity == "a.1"] == [0, at]
    assert ended.now == at
    assert hits(ended) == 2


@pytest.mark.parametrize(("index", "at"), [(0, 0), (3, 37), (7, 87)])
def test_each_attempt_reads_the_clock_anew_and_in_whole_ms(index: int, at: int) -> None:
    """convex-semantics 1.4: Date.now() is floored, frozen for an attempt, and sampled again by a retry."""

    @mutation
    def tell(ctx: MutationCtx) -> None:
        before = ctx.now()
        ctx.run_mutation(api.m.bump, HITS)
        ctx.external("clock").append([before, ctx.now()])

    def body(world: World) -> None:
        world.external("clock")
        world.external("tries")
        world.client("a").mutation(api.m.tell)
        world.client("b").mutation(api.m.bump, HITS)

    plan = Plan(duel("a.1", 1, "a.1 begin, a.1 commit"), backoff=index)
    ended = run(app_of(SCHEMA, bump, tell), body, plan)
    assert ended.view.external("clock") == [[0, 0], [at, at]]


def test_the_ceilings_end_at_two_seconds_and_the_platforms_own_transactions_are_tried_thrice() -> None:
    for caller in ("client", "action"):
        assert [RETRY[caller].ceiling_ms(attempt) for attempt in (1, 2, 3, 4, 5, 6, 99)] == [
            100, 200, 400, 800, 1_600, 2_000, 2_000,
        ]  # fmt: skip
        assert [RETRY[caller].allows(attempt) for attempt in (1, 4, 5)] == [True, True, False]
    assert [RETRY["internal"].allows(attempt) for attempt in (1, 2, 3)] == [True, True, False]
    assert [RETRY["internal"].ceiling_ms(attempt) for attempt in (1, 2, 99)] == [10, 20, 2_000]


def test_a_retry_sees_what_beat_it() -> None:
    plan = duel("a.1", 2, "a.1 begin, a.1 commit")
    ended = run(APP, world_of(("a", "mutation", api.m.bump, 1), ("b", "mutation", api.m.bump, 2)), plan)
    assert [begun.begin_ts for begun in events_of(ended, Began) if begun.activity == "a.1"] == [0, 1, 2]
    assert ended.calls[0].result == 3


def test_in_lockstep_one_wins_a_round_and_after_five_rounds_the_others_give_up() -> None:
    ends: list[Run] = []
    body = world_of(*((f"c{number}", "mutation", api.m.bump, 1) for number in range(20)))
    check(Scenario("s", APP, body, (), Platform(), ""), Lockstep(), on_run=lambda _, ended: ends.append(ended))
    (ended,) = ends
    assert hits(ended) == 5
    assert sum(isinstance(call.outcome, Threw) for call in ended.calls) == 15


# What is never judged, and never tried again.


def test_a_mutation_that_throws_is_neither_judged_nor_retried() -> None:
    """It reports what it saw in its snapshot, though somebody has changed it meanwhile."""
    body = world_of(("a", "mutation", api.m.bump_and_throw, 1), ("b", "mutation", api.m.bump, 1))
    for plan in ("a.1 begin, b.1 begin, b.1 commit", "b.1 begin, a.1 begin, b.1 commit"):
        ended = run(APP, body, plan)
        assert ended.calls[0].error == "hits was 0"
        assert [step for step in steps_of(events(ended)) if step.startswith("a.1")] == ["a.1 begin"]
        assert len(list(events_of(ended, Aborted))) == 1
        assert hits(ended) == 1


def events(ended: Run) -> list[Any]:
    assert ended.trace is not None
    return ended.trace.events


@pytest.mark.parametrize(("kind", "function"), [("query", api.m.peek), ("mutation", api.m.look)])
def test_what_writes_nothing_is_done_when_its_handler_is(kind: str, function: Any) -> None:
    body = world_of(("a", kind, function, 1), ("b", "mutation", api.m.bump, 1))
    for seed in range(10):
        ended = run(APP, body, RandomChoices(seed))
        assert [step for step in steps_of(events(ended)) if step.startswith("a.1")] == ["a.1 begin"]
        assert ended.calls[0].result in (0, 1)
    late = run(APP, body, "b.1 begin, a.1 begin, b.1 commit")
    assert late.calls[0].result == 0  # not committed when it began


def test_an_action_runs_once_and_what_it_has_sent_runs_all_the_same() -> None:
    def body(world: World) -> None:
        world.external("tries")
        world.client("a").action(api.m.fail_once)

    ended = run(APP, body)
    assert ended.calls[0].error == "no second try"
    assert ended.view.external("tries") == ["action", "left behind"]
    assert [row["name"] for row in ended.view.documents("counters")] == ["left behind"]


# Serializability.


def in_every_order(body: Callable[[World], None], *, level: int = 2, backoffs: bool = False) -> list[Run]:
    ends: list[Run] = []
    report = check(
        Scenario("s", APP, body, (), Platform(), ""),
        Exhaustive(backoffs=backoffs),
        level=level,
        on_run=lambda _, ended: ends.append(ended),
    )
    assert report.exhausted
    return ends


def test_mutations_never_lose_an_update_and_each_is_told_its_place() -> None:
    body = world_of(*((name, "mutation", api.m.bump, 1) for name in "abc"))
    ends = in_every_order(body)
    assert {hits(ended) for ended in ends} == {3}
    orders = {tuple(call.result for call in ended.calls) for ended in ends}
    assert len(orders) == 6  # every serial order, and nothing else
    assert all(sorted(order) == [1, 2, 3] for order in orders)


def test_actions_do_lose_updates() -> None:
    ends = in_every_order(world_of(*((name, "action", api.m.read_then_write, 1) for name in "ab")))
    assert {hits(ended) for ended in ends} == {1, 2}


def test_levels_differ_in_orders_not_in_outcomes() -> None:
    body = world_of(*((name, "mutation", api.m.bump, 1) for name in "ab"))
    outcomes = [
        {tuple(call.result for call in ended.calls) for ended in in_every_order(body, level=level)} for level in (2, 3)
    ]
    assert outcomes == [{(1, 2), (2, 1)}] * 2


# Clients.


def test_a_clients_calls_go_one_at_a_time_and_in_order() -> None:
    body = world_of(("a", "mutation", api.m.bump, 3), ("b", "mutation", api.m.bump, 3))
    for seed in range(40):
        ended = run(APP, body, RandomChoices(seed), level=1 + seed % 3)
        for name in "ab":
            results = [call.result for call in ended.view.calls(name)]
            assert results == sorted(results)
            own = [step for step in steps_of(events(ended)) if step.startswith(f"{name}.")]
            assert [step.split()[0] for step in own] == sorted(step.split()[0] for step in own)
        assert hits(ended) == 6


def test_a_failed_call_does_not_stop_the_client() -> None:
    def body(world: World) -> None:
        world.external("tries")
        world.client("a").mutation(api.m.bump_and_throw, HITS)
        world.client("a").mutation(api.m.bump, {"no": "name"})
        world.client("a").mutation(api.m.bump, HITS)

    ended = run(APP, body)
    assert [isinstance(call.outcome, Threw) for call in ended.calls] == [True, True, False]


def test_different_clients_race() -> None:
    body = world_of(("a", "mutation", api.m.bump, 1), ("b", "mutation", api.m.bump, 1))
    assert run(APP, body, "a.1 begin, a.1 commit, b.1 begin, b.1 commit").calls[1].result == 2
    assert run(APP, body, "b.1 begin, b.1 commit, a.1 begin, a.1 commit").calls[1].result == 1


def test_a_pause_lets_time_pass_and_others_go_first() -> None:
    def body(world: World) -> None:
        world.external("tries")
        world.client("late").wait(10.5)
        world.client("late").mutation(api.m.bump, HITS)
        world.client("late").wait(4.5)
        world.client("late").query(api.m.peek, HITS)
        for _ in range(3):
            world.client("early").mutation(api.m.bump, HITS)

    for seed in range(10):
        ended = run(APP, body, RandomChoices(seed))
        assert [call.result for call in ended.view.calls("late")] == [4, 4]
        assert ended.now == 15
        assert [begun.at_ms for begun in events_of(ended, Began) if begun.activity.startswith("late")] == [10.5, 15]


def test_a_script_decides_by_what_it_was_answered() -> None:
    seen: list[Any] = []

    async def script(session: Session) -> None:
        first = await session.mutation(api.m.bump, HITS)
        await session.sleep(20)
        seen.extend([await session.mutation(api.m.bump, HITS) for _ in range(first + 1)])
        seen.append(await session.query(api.m.peek, HITS))
        seen.append(await session.action(api.m.bump_in_action, HITS))

    def body(world: World) -> None:
        world.external("tries")
        world.client("a").mutation(api.m.bump, {"name": "hits"})
        world.client("a").run(script)
        world.client("a").mutation(api.m.bump, HITS)

    ended = run(APP, body)
    assert seen == [3, 4, 5, 5, "counted 6"]
    assert ended.now == 20
    # Calls that were written down come first in the list, those of the script are numbered after them.
    assert [call.activity for call in ended.calls] == [f"a.{number}" for number in range(1, 9)]
    assert ended.calls[1].result == 7  # though it was made last


def test_two_scripts_race_like_any_clients() -> None:
    async def script(session: Session) -> None:
        n = await session.query(api.m.peek, HITS)
        await session.mutation(api.m.put, {"name": "hits", "n": n + 1})

    def body(world: World) -> None:
        for name in "ab":
            world.client(name).run(script)

    assert {hits(ended) for ended in in_every_order(body)} == {1, 2}


# Actions.


def test_calls_sent_at_once_race_and_each_gets_its_own_answer() -> None:
    def body(world: World) -> None:
        world.external("tries")
        world.client("a").action(api.m.send_many)

    ends = in_every_order(body)
    assert {tuple(ended.calls[0].result) for ended in ends} == {(3, 1), (1, 3), (2, 1), (1, 2), (3, 2), (2, 3)}
    assert {row["n"] for ended in ends for row in ended.view.documents("counters")} == {3}


def test_each_call_of_an_action_is_a_transaction_at_the_newest_moment() -> None:
    body = world_of(("a", "action", api.m.read_then_write, 1), ("b", "mutation", api.m.bump, 2))
    ended = run(APP, body, "a.1.1 begin, b.1 begin, b.1 commit, b.2 begin, b.2 commit, a.1.2 begin, a.1.2 commit")
    assert [done.commit_ts for done in events_of(ended, Committed)] == [1, 2, 3]
    assert [begun.begin_ts for begun in events_of(ended, Began)] == [0, 0, 1, 2]
    assert hits(ended) == 1


def test_outside_objects_take_no_part_in_transactions() -> None:
    @mutation
    def grab(ctx: MutationCtx) -> Any:
        ctx.external("ledger").append("from a mutation that fails")
        taken = ctx.external("plan").take("nothing left")
        raise ValueError(str(taken))

    @action
    async def use(ctx: ActionCtx) -> Any:
        await ctx.external("ledger").append({"x": [1]})
        return [await ctx.external("plan").take("nothing left") for _ in range(2)]

    def body(world: World) -> None:
        world.external("ledger")
        world.external("plan", ["first", {"second": 2}])
        world.client("a").mutation("m:grab")
        world.client("a").action("m:use")

    ended = run(app_of(SCHEMA, grab, use), body)
    assert ended.calls[0].error == "first"
    assert ended.calls[1].result == [{"second": 2}, "nothing left"]
    assert ended.view.external("ledger") == ["from a mutation that fails", {"x": [1]}]


# Endings.


def end(body: Callable[[World], Any], app: Component = APP, choices: Choices | None = None, **how: Any) -> Run:
    invariants = how.pop("invariants", ())
    scenario = Scenario("s", app, body, invariants, Platform(), "")
    return Simulation(scenario, choices if choices is not None else FirstChoices(), **how).run()


def test_a_run_that_does_not_end_is_stopped_and_that_is_a_violation() -> None:
    ended = end(lambda world: world.client("a").mutation(api.m.forever), max_steps=500)
    assert ended.ending == "max_steps"
    assert [broken.invariant for broken in ended.violations] == ["ends"]
    assert ended.steps == 500


def test_a_scenario_says_after_how_many_messages_it_is_stopped() -> None:
    @scenario(app=APP)
    def endless(world: World) -> None:
        world.client("a").mutation(api.m.forever)

    report = check(endless.variant("short", max_steps=300), RandomWalk(runs=3))
    assert report.finding is not None
    assert (report.finding.run.steps, report.finding.violations[0].invariant) == (300, "ends")
    for wrong in (0, 1.5, True, "many"):
        with pytest.raises(UsageError, match="A run cannot end after"):
            endless.variant("short", max_steps=wrong)  # type: ignore[arg-type]


def test_a_broken_invariant_stops_the_run_at_that_commit() -> None:
    @always
    def never_two(view: View) -> bool:
        """The counter stays below two."""
        return all(row["n"] < 2 for row in view.documents("counters"))

    ended = end(world_of(("a", "mutation", api.m.bump, 5)), invariants=(never_two,))
    assert ended.ending == "broken"
    assert [(broken.invariant, broken.message) for broken in ended.violations] == [
        ("never_two", "The counter stays below two.")
    ]
    assert hits(ended) == 2
    assert [call.outcome for call in ended.calls[2:]] == [None] * 3
    assert ended.calls[0].outcome == Returned(1)


def test_a_quiet_run_leaves_nobody_waiting() -> None:
    calls = (("a", "mutation", api.m.bump), ("b", "action", api.m.bump_in_action), ("c", "query", api.m.peek))
    body = world_of(*((*call, 2) for call in calls))
    for seed in range(30):
        ended = run(APP, body, RandomChoices(seed), level=1 + seed % 3)
        assert all(call.outcome is not None for call in ended.calls)
        assert hits(ended) == 4


def test_arguments_that_are_no_values_fail_the_call_not_the_run() -> None:
    @mutation
    def anything(ctx: MutationCtx, x: Any) -> None:
        raise AssertionError

    caught: list[str] = []

    async def script(session: Session) -> None:
        try:
            await session.mutation("m:anything", {"x": object()})
        except FunctionError as error:
            caught.append(error.code)

    def body(world: World) -> None:
        world.client("a").mutation("m:anything", {"x": object()})
        world.client("b").run(script)

    ended = run(define_app({"m": {"anything": anything}}), body)
    assert [call.error is not None for call in ended.calls] == [True, True]
    assert caught == ["InvalidArgument"]


def test_what_a_handler_does_after_the_end_of_a_run_is_not_in_its_trace() -> None:
    @action
    async def endless(ctx: ActionCtx) -> None:
        try:
            await ctx.sleep(1e9)
        finally:
            ctx.log("too late")

    @scenario(app=define_app({"m": {"endless": endless}}))
    def stopped(world: World) -> None:
        world.client("a").action("m:endless")

    ended = Simulation(stopped, max_steps=7).run()
    assert ended.ending == "max_steps"
    assert ended.trace is not None
    assert not any(isinstance(happened, Did) for happened in ended.trace.events)
    assert any(isinstance(happened, Called) for happened in ended.trace.events)


def test_what_must_always_hold_is_asked_when_the_outside_was_used_too() -> None:
    @action
    async def charge_twice(ctx: ActionCtx) -> None:
        await ctx.external("bank").append(100)
        await ctx.external("bank").append(100)
        await ctx.external("bank").take()

    @always
    def charged_once(view: View) -> bool:
        """Nobody is charged twice."""
        return len(view.external("bank")) < 2

    @scenario(app=app_of(None, charge_twice), invariants=[charged_once])
    def charging(world: World) -> None:
        world.external("bank")
        world.client("alice").action(api.m.charge_twice)

    result = Simulation(charging).run()
    assert result.ending == "broken"
    assert result.view.external("bank") == [100, 100]
    assert len(list(events_of(result, Did))) == 2  # it was not asked only in the end


def test_an_exception_of_ours_ends_the_run_even_if_whoever_asked_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise AssertionError("the impossible")

    monkeypatch.setattr(Outside, "on_receive", broken)

    @action
    async def ask_and_go(ctx: ActionCtx) -> None:
        ctx.external("bank").append(100)

    @scenario(app=app_of(None, ask_and_go))
    def asking(world: World) -> None:
        world.external("bank")
        world.client("alice").action(api.m.ask_and_go)

    with pytest.raises(AssertionError, match="the impossible"):
        Simulation(asking).run()
