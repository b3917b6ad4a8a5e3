"""Ids, random numbers and times: functions of who called whom and which attempt, never of the order of steps.

Sources: architecture.md 6.3, convex-semantics 1.4, 5.2 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    MutationCtx,
    QueryCtx,
    Run,
    World,
    action,
    api,
    components,
    define_app,
    define_component,
    define_schema,
    define_table,
    mutation,
    query,
    v,
)
from convexsim.choices import RandomChoices
from convexsim.trace.event import Began
from convexsim.values import table_number_of
from tests.support import Bench, Plan, app_of, events_of, module, run

SCHEMA = define_schema(
    {"items": define_table(v.any()), "others": define_table(v.any()), "counters": define_table({"n": v.number()})}
)


@mutation
def add(ctx: MutationCtx, what: str = "x") -> list[Any]:
    """Return everything that is derived."""
    return [ctx.db.insert("items", {"what": what}), ctx.db.insert("others", {}), ctx.random(), ctx.random()]


@query
def draw(ctx: QueryCtx) -> list[Any]:
    return [ctx.random(), ctx.now()]


@mutation
def add_nested(ctx: MutationCtx) -> list[Any]:
    return [ctx.run_mutation(api.m.add), ctx.run_mutation(api.m.add), ctx.run_query(api.m.draw), ctx.random()]


@action
async def act(ctx: ActionCtx) -> list[Any]:
    first = ctx.run_mutation(api.m.add)
    second = ctx.run_mutation(api.m.add_nested)
    scheduled = ctx.scheduler.run_after(0, api.m.add, {"what": "scheduled"})
    return [ctx.random(), await second, await first, await scheduled, ctx.random()]


@mutation
def count(ctx: MutationCtx) -> list[Any]:
    row = ctx.db.query("counters").first()
    if row is None:
        ctx.db.insert("counters", {"n": 1})
    else:
        ctx.db.patch(row["_id"], {"n": row["n"] + 1})
    return [ctx.db.insert("items", {}), ctx.random(), ctx.now(), ctx.now()]


@query
def twice_now(ctx: QueryCtx) -> list[Any]:
    return [ctx.now(), ctx.run_query(api.m.draw)[1]]


@action
async def clock(ctx: ActionCtx) -> list[float]:
    seen = [ctx.now()]
    await ctx.sleep(70)
    seen.append(ctx.now())
    seen.append((await ctx.run_query(api.m.draw))[1])
    return seen


FUNCTIONS = (add, draw, add_nested, act, count, twice_now, clock)
APP = app_of(SCHEMA, *FUNCTIONS)


def results(ended: Run) -> dict[str, Any]:
    return {call.activity: call.result for call in ended.calls}


def everybody(world: World) -> None:
    for name in ("alice", "bob"):
        client = world.client(name)
        client.mutation(api.m.add)
        client.mutation(api.m.add_nested)
        client.action(api.m.act)
        client.query(api.m.draw)


def test_the_order_of_independent_steps_changes_no_id_and_no_random_number() -> None:
    serial = run(APP, everybody)
    expected = results(serial)
    other_orders = 0
    for seed in range(20):
        other = run(APP, everybody, RandomChoices(seed), level=1 + seed % 3)
        assert results(other) == expected
        other_orders += [call.activity for call in events_of(other, Began)] != [
            call.activity for call in events_of(serial, Began)
        ]
        for table in ("items", "others", "_scheduled_functions"):
            assert ids(other, table) == ids(serial, table)
    assert other_orders > 10


def ids(ended: Run, table: str) -> list[str]:
    return sorted(row["_id"] for row in ended.view.documents(table))


def numbers_in(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in (numbers_in(item) if isinstance(item, list) else [item])]


def test_no_two_invocations_share_an_id_or_a_random_number() -> None:
    ended = run(APP, everybody)
    drawn = [leaf for leaf in numbers_in(list(results(ended).values())) if leaf != 0.0]  # 0.0 is the time
    assert len(drawn) == len(set(drawn)) > 50


def test_the_same_function_called_by_two_clients_gives_each_its_own_whatever_the_order() -> None:
    def two(first: str, second: str) -> dict[str, Any]:
        return results(run(APP, lambda world: [world.client(name).mutation(api.m.add) for name in (first, second)]))

    assert two("alice", "bob") == two("bob", "alice")
    assert two("alice", "bob")["alice.1"] != two("alice", "bob")["bob.1"]


def test_an_id_belongs_to_the_table_and_to_a_place_in_the_attempt() -> None:
    (one, other, *_), (again, *_) = (Bench(APP).attempt(add, invocation=("a.1", 1)).value for _ in range(2))
    assert one == again
    assert (table_number_of(one), table_number_of(other)) == (10_001, 10_002)
    elsewhere = [Bench(APP).attempt(add, invocation=where).value for where in (("a.1", 2), ("a.2", 1), ("b.1", 1))]
    assert len({one, *(value[0] for value in elsewhere)}) == 4


def test_random_numbers_do_not_depend_on_ids_nor_ids_on_random_numbers() -> None:
    def handler(ctx: MutationCtx, draws: int, inserts: int) -> list[Any]:
        drawn = [ctx.random() for _ in range(draws)]
        added = [ctx.db.insert("items", {}) for _ in range(inserts)]
        return [*drawn, *added]

    def attempt(draws: int, inserts: int) -> Sequence[Any]:
        made = Bench(SCHEMA).attempt(lambda ctx: handler(ctx, draws, inserts), invocation=("a.1", 1)).value
        return made[0], made[-1]

    assert attempt(1, 1) == (attempt(5, 1)[0], attempt(5, 1)[1]) == (attempt(1, 5)[0], attempt(5, 1)[1])


def test_random_numbers_are_uniform_fractions() -> None:
    drawn = Bench(SCHEMA).attempt(lambda ctx: [ctx.random() for _ in range(2_000)]).value
    assert all(0 <= number < 1 for number in drawn)
    assert 0.48 < sum(drawn) / len(drawn) < 0.52
    assert len(set(drawn)) == 2_000


def test_a_component_in_two_places_has_ids_of_two_kinds_only_by_who_calls() -> None:
    child = define_component("child", {"m": module(*FUNCTIONS)}, SCHEMA)
    app = define_app({"m": module(*FUNCTIONS)}, SCHEMA)
    app.use(child)
    made = Bench(app).attempt(lambda ctx: [ctx.run_mutation(components.child.m.add), ctx.run_mutation(api.m.add)]).value
    assert len({leaf for leaf in numbers_in(made) if isinstance(leaf, str)}) == 4


# Retries.

RETRIED = "a.1 begin, b.1 begin, b.1 commit, a.1 commit, a.1 begin, a.1 commit"


def two_counts(world: World) -> None:
    for name in ("a", "b"):
        world.client(name).mutation(api.m.count)


def test_each_attempt_has_ids_numbers_and_a_moment_of_its_own() -> None:
    retried = run(APP, two_counts, Plan(RETRIED, backoff=4), start_ms=1_000)
    undisturbed = run(APP, two_counts, start_ms=1_000)
    again, first = results(retried)["a.1"], results(undisturbed)["a.1"]
    assert first[2:] == [1_000, 1_000]
    assert again[2:] == [1_050, 1_050]  # frozen, but later by the wait: half of the 100 ms of the first ceiling
    assert again[0] != first[0]
    assert again[1] != first[1]
    # The attempt that lost has left nothing: its ids are in no table.
    assert first[0] not in ids(retried, "items")
    assert len(ids(retried, "items")) == 2


def test_time_is_frozen_in_transactions_and_live_in_actions() -> None:
    def body(world: World) -> None:
        client = world.client("a")
        client.query(api.m.twice_now)
        client.wait(30)
        client.query(api.m.twice_now)
        client.action(api.m.clock)

    ended = run(APP, body, start_ms=500)
    assert [call.result for call in ended.calls] == [[500, 500], [530, 530], [530, 600, 600]]
    assert ended.now == 600


def test_now_is_told_in_whole_milliseconds() -> None:
    def body(world: World) -> None:
        client = world.client("a")
        client.wait(10.75)
        client.query(api.m.twice_now)
        client.action(api.m.clock)

    assert [call.result for call in run(APP, body).calls] == [[10, 10], [10, 80, 80]]


# Creation times.


@pytest.mark.parametrize("start", [0.0, 1_790_000_000_000.0])  # today's doubles are coarser
def test_creation_times_rise_within_a_transaction_over_all_its_tables_and_components(start: float) -> None:
    def go(ctx: MutationCtx) -> None:
        for table in ("items", "others", "items"):
            ctx.db.insert(table, {})
        ctx.run_mutation(components.child.m.add)
        ctx.scheduler.run_after(0, api.m.clock)
        ctx.db.insert("others", {})

    app = define_app({"m": {**module(*FUNCTIONS), "go": mutation(go)}}, SCHEMA)
    app.use(define_component("child", {"m": module(*FUNCTIONS)}, SCHEMA))
    ended = run(app, lambda world: world.client("a").mutation("m:go"), start_ms=start)
    places = [("items", ""), ("others", ""), ("_scheduled_functions", ""), ("items", "child"), ("others", "child")]
    stamps = [row["_creationTime"] for place in places for row in ended.view.documents(*place)]
    assert len(set(stamps)) == len(stamps) == 7
    own = [row["_creationTime"] for row in ended.view.documents("items")]
    other = [row["_creationTime"] for row in ended.view.documents("others")]
    assert own[0] < other[0] < own[1] < other[1]
    assert all(start <= stamp < start + 1 for stamp in stamps)


def test_creation_times_follow_the_order_of_begins_not_of_commits() -> None:
    first_begun = "a.1 begin, b.1 begin, b.1 commit, a.1 commit"
    app = app_of(SCHEMA, add)

    def body(world: World) -> None:
        for name in ("a", "b"):
            world.client(name).mutation(api.m.add, {"what": name})

    ended = run(app, body, first_begun)
    assert [row["what"] for row in ended.view.documents("items")] == ["a", "b"]
