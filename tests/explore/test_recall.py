"""What one run of an exploration has worked out, the next ones need not: and yet each is what it would be alone.

The rule (convex-semantics 1.4): a query or mutation is a function of its snapshot, its arguments, its path and its
moment. So a run that remembers others is event by event the run that does not, whatever goes wrong in it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from components.batch_processor import host_app
from convexsim import (
    Exhaustive,
    Faults,
    MutationCtx,
    Platform,
    RandomWalk,
    Scenario,
    Simulation,
    View,
    World,
    api,
    check,
    cron_schedule,
    define_app,
    define_schema,
    define_table,
    eventually,
    internal,
    internal_mutation,
    mutation,
    scenario,
    serializable,
    v,
)
from convexsim.choices import RandomChoices
from convexsim.functions import memory
from convexsim.functions.memory import Memory
from convexsim.trace.event import json_lines
from tests.explore.looks import some_rule
from tests.explore.small_worlds import small_world
from tests.explore.worlds import lost_update, proper_bumps, stormy

EVERYTHING = Faults(crashes=1, restarts=1, conflicts=1, system_errors=1, disconnects=1, skewed=1, skews_ms=[500])


def told(what: Scenario, seed: int, level: int, known: Memory | None) -> str:
    run = Simulation(what, RandomChoices(seed), level=level, memory=known).run()
    assert run.trace is not None
    return json_lines(run.trace)


def compare(what: Scenario, runs: int, level: int = 2) -> None:
    known = Memory()
    for seed in range(runs):
        assert told(what, seed, level, known) == told(what, seed, level, None)


@scenario(app=host_app("hardened"), faults=EVERYTHING, invariants=[serializable])
def busy(world: World) -> None:
    world.external("processBatch", plan=[{"fail": "no"}])
    world.external("deliveries")
    for client in "abc":
        world.client(client, kind="websocket").mutation(api.driver.add_items, {"batchId": "a", "items": [client]})


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_whole_component_goes_the_same_ways_whatever_goes_wrong(level: int) -> None:
    compare(busy, 40, level)


@pytest.mark.parametrize("what", [lost_update, proper_bumps, stormy])
def test_small_races_go_the_same_ways(what: Scenario) -> None:
    compare(what, 60)


@pytest.mark.parametrize("number", range(25))
def test_drawn_worlds_go_the_same_ways(number: int) -> None:
    """They insert, delete and undo, in nested calls, in actions that schedule and gather, and lose while they do."""
    compare(small_world("actions", number, [some_rule(number)]), 12)


def test_crons_go_the_same_ways() -> None:
    crons = cron_schedule()
    crons.interval("tick", {"seconds": 1}, internal.m.tick)

    @internal_mutation
    def tick(ctx: MutationCtx) -> None:
        ctx.db.insert("ticks", {"at": ctx.now(), "drawn": ctx.random()})
        if ctx.db.query("ticks").take(4)[3:]:
            msg = "enough"
            raise RuntimeError(msg)

    @mutation
    def clear(ctx: MutationCtx) -> None:
        for row in ctx.db.query("ticks").collect():
            ctx.db.delete(row["_id"])

    ticks = define_schema({"ticks": define_table({"at": v.number(), "drawn": v.number()})})
    app = define_app({"m": {"tick": tick, "clear": clear}}, ticks, crons=crons)

    @scenario(app=app, until_ms=6_000, faults=Faults(restarts=1))
    def ticking(world: World) -> None:
        client = world.client("a")
        client.wait(2_000)
        client.mutation(api.m.clear)

    compare(ticking, 30)


# ----------------------------------------------------------------------------------------------- what is known, and not


def counting(note: Counter[str], *, uses_the_outside: bool = False) -> Scenario:
    @mutation(args={"name": v.string()})
    def take(ctx: Any, name: str) -> None:
        note[name] += 1
        ctx.db.insert("names", {"name": name, "first": ctx.db.query("names").first() is None})
        if uses_the_outside:
            ctx.external("bell").append(name)

    @eventually
    def both_rang(view: View) -> bool:
        return not uses_the_outside or {*view.external("bell")} == {"ann", "bob"}

    @scenario(app=define_app({"m": {"take": take}}), invariants=[both_rang])
    def two_takers(world: World) -> None:
        world.external("bell")
        for name in ("ann", "bob"):
            world.client(name).mutation(api.m.take, {"name": name})

    return two_takers


def test_an_exploration_runs_a_handler_once_for_each_way_that_it_can_begin() -> None:
    """Each of two can begin first, beside the other, after its commit, or again after having lost and a wait."""
    note = Counter[str]()
    assert check(counting(note), RandomWalk(runs=400, seed=1)).runs == 400
    assert max(note.values()) < 30


def test_what_uses_the_outside_happens_in_every_run() -> None:
    note = Counter[str]()
    report = check(counting(note, uses_the_outside=True), RandomWalk(runs=50, seed=1))
    assert report.holds
    assert min(note.values()) > 50


def test_a_number_that_is_a_choice_is_drawn_in_every_run() -> None:
    @mutation
    def draw(ctx: Any) -> None:
        ctx.db.insert("drawn", {"number": ctx.random()})

    @scenario(app=define_app({"m": {"draw": draw}}), platform=Platform(random_values=3))
    def drawing(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).mutation(api.m.draw)

    compare(drawing, 40)


def test_arguments_that_python_takes_for_equal_are_told_apart() -> None:
    @mutation(args={"given": v.any()})
    def keep(ctx: Any, given: Any) -> None:
        ctx.db.insert("things", {"given": given})

    app = define_app({"m": {"keep": keep}})

    def giving(given: object) -> Scenario:
        @scenario(app=app)
        def one(world: World) -> None:
            world.client("a").mutation(api.m.keep, {"given": given})

        return one

    known = Memory()
    for given in (1, True, 0.0, -0.0, "1", b"1", [1], [True], None, {}, {"a": 1}, {"a": True}):
        assert told(giving(given), 0, 2, known) == told(giving(given), 0, 2, None)


def test_what_is_known_stays_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST", 3)
    compare(busy, 12)
    known = Memory()
    for seed in range(20):
        told(proper_bumps, seed, 2, known)
    facts = known.attempts
    assert len(facts._fresh) <= 3
    assert len(facts._stale) <= 3


def test_a_platform_that_counts_what_is_written_goes_the_same_ways() -> None:
    slow = proper_bumps.variant("slow", write_bytes_per_second=60)
    assert slow.platform != Platform()
    compare(slow, 40)


def test_every_order_is_seen_that_is_seen_without() -> None:
    outcomes = []
    for known in (None, Memory()):
        explorer, last, found = Exhaustive(), None, set()
        while (choices := explorer.propose(last)) is not None:
            last = Simulation(proper_bumps, choices, memory=known).run()
            assert last.trace is not None
            found.add(json_lines(last.trace))
        outcomes.append(found)
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) > 1
