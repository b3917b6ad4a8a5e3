"""What one run of an exploration has worked out, the next ones need not: and yet each is what it would be alone.

The rule (convex-semantics 1.4): a query or mutation is a function of its snapshot, its arguments, its path and its
moment. So a run that remembers others is event by event the run that does not, whatever goes wrong in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from operator import length_hint
from typing import Any

import pytest

from components.batch_processor import host_app
from convexsim import (
    Component,
    Exhaustive,
    Faults,
    MutationCtx,
    Platform,
    QueryCtx,
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
    query,
    scenario,
    serializable,
    v,
)
from convexsim.choices import RandomChoices
from convexsim.functions import memory
from convexsim.functions.memory import Memory
from convexsim.functions.retention import RETENTION_MS
from convexsim.functions.shared_state import SharedState
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
    known = Memory(SharedState(()))
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


@scenario(app=host_app("1.0.9"), faults=Faults(disconnects=1))
def resending(world: World) -> None:
    world.external("processBatch")
    world.external("deliveries")
    for client in "ab":
        for item in (1, 2):
            adding = {"batchId": "a", "items": [f"{client}{item}"]}
            world.client(client, kind="websocket").mutation(api.driver.add_items, adding)


def test_clients_that_send_again_go_the_same_ways() -> None:
    """Each mutation looks whether it has happened, in a table that no function can reach (convex-semantics 2)."""
    compare(resending, 40)


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


def test_an_exploration_runs_a_handler_once_for_each_way_that_it_can_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two can begin first, beside the other, after its commit, or again after having lost and a wait."""
    note = Counter[str]()
    monkeypatch.setattr(SharedState, "value", lambda _: ())  # that it counts is not to be noticed
    assert check(counting(note), RandomWalk(runs=400, seed=1)).runs == 400
    assert max(note.values()) < 30


def test_what_uses_the_outside_happens_in_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    note = Counter[str]()
    monkeypatch.setattr(SharedState, "value", lambda _: ())  # that it counts is not to be noticed
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


RACING = define_schema({"things": define_table({"n": v.number()}), "notes": define_table({"saw": v.any()})})


def racing(app: Component, *names: str) -> Scenario:
    @scenario(app=app)
    def racers(world: World) -> None:
        for name in names:
            world.client(name).mutation(getattr(api.m, name))

    return racers


def test_what_is_seen_of_a_stale_snapshot_is_seen_anew_although_it_is_no_read() -> None:
    """Its reads are recorded nowhere (convex-semantics 5.2), so nobody can tell whether it would see the same."""

    @query
    def count_things(ctx: QueryCtx) -> int:
        return len(ctx.db.query("things").collect())

    @mutation
    def note(ctx: MutationCtx) -> None:
        ctx.db.insert("notes", {"saw": ctx.run_query(api.m.count_things, {}, use_stale_snapshot=True)})

    @mutation
    def make(ctx: MutationCtx) -> None:
        ctx.db.insert("things", {"n": 1})

    app = define_app({"m": {"count_things": count_things, "note": note, "make": make}}, RACING)
    compare(racing(app, "note", "make"), 20)


def test_what_is_forgotten_after_its_retention_is_looked_for_anew() -> None:
    """The collector looks for finished functions aside, so what it has read does not tell what it has seen."""

    @internal_mutation
    def bump(ctx: MutationCtx) -> None:
        ctx.db.insert("things", {"n": len(ctx.db.query("things").collect())})

    @mutation
    def both(ctx: MutationCtx) -> None:
        for _ in range(2):
            ctx.scheduler.run_after(0, internal.m.bump)

    @scenario(app=define_app({"m": {"bump": bump, "both": both}}, RACING))
    def retained(world: World) -> None:
        client = world.client("a")
        client.mutation(api.m.both)
        client.wait(RETENTION_MS + 60_000)
        client.mutation(api.m.both)

    compare(retained, 20)


def test_a_table_that_somebody_makes_is_seen_by_everybody() -> None:
    @mutation
    def make(ctx: MutationCtx) -> None:
        ctx.db.insert("unheard_of", {"n": 1})

    @mutation
    def look(ctx: MutationCtx) -> None:
        ctx.db.insert("notes", {"saw": ctx.db.query("unheard_of").first() is None})

    app = define_app({"m": {"make": make, "look": look}})
    compare(racing(app, "make", "look"), 20)


def test_creation_times_are_those_of_each_order() -> None:
    """Who inserts later has a later creation time, be it the same document otherwise (architecture.md 6.3)."""

    @mutation
    def one(ctx: MutationCtx) -> None:
        ctx.db.insert("things", {"n": 1})

    @mutation
    def two(ctx: MutationCtx) -> None:
        ctx.db.insert("things", {"n": 2})
        ctx.db.insert("notes", {"saw": None})

    @mutation
    def three(ctx: MutationCtx) -> None:
        ctx.db.insert("notes", {"saw": None})

    app = define_app({"m": {"one": one, "two": two, "three": three}}, RACING)
    compare(racing(app, "one", "two", "three"), 40)


def test_what_reads_the_same_on_another_snapshot_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three patch documents of their own, in any order: each is worked out once, whoever has come before.

    And once more, where the first run is repeated without a memory, to see that it repeats.
    """
    note = Counter[str]()
    monkeypatch.setattr(SharedState, "value", lambda _: ())  # that it counts is not to be noticed

    @mutation(args={"n": v.number()})
    def add(ctx: MutationCtx, n: float) -> None:
        note[f"{n:g}"] += 1
        own = ctx.db.query("things").with_index("by_n", lambda q: q.eq("n", n)).first()
        assert own is not None
        ctx.db.patch(own["_id"], {"n": n})

    @mutation
    def begin(ctx: MutationCtx) -> None:
        for n in range(3):
            ctx.db.insert("things", {"n": n})

    schema = define_schema({"things": define_table({"n": v.number()}).index("by_n", ["n"])})

    @scenario(app=define_app({"m": {"add": add, "begin": begin}}, schema))
    def apart(world: World) -> None:
        world.client("a").mutation(api.m.begin)
        for n in range(3):
            client = world.client(f"c{n}")
            client.wait(1_000)
            client.mutation(api.m.add, {"n": n})

    assert check(apart, RandomWalk(runs=200, seed=1)).holds
    assert note == {"0": 2, "1": 2, "2": 2}


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

    known = Memory(SharedState(()))
    for given in (1, True, 0.0, -0.0, "1", b"1", [1], [True], None, {}, {"a": 1}, {"a": True}):
        assert told(giving(given), 0, 2, known) == told(giving(given), 0, 2, None)


def test_what_is_known_stays_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST", 3)
    compare(busy, 12)
    known = Memory(SharedState(()))
    for seed in range(20):
        told(proper_bumps, seed, 2, known)
    facts = known._attempts
    assert len(facts._fresh) <= 3
    assert len(facts._stale) <= 3


def test_ways_that_have_grown_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ASKED", 5)
    compare(busy, 12)
    known = Memory(SharedState(()))
    most = 0
    for seed in range(20):
        told(proper_bumps, seed, 2, known)
        most = max(most, len(known._ways))
    assert 0 < most <= 5


def test_a_platform_that_counts_what_is_written_goes_the_same_ways() -> None:
    slow = proper_bumps.variant("slow", write_bytes_per_second=60)
    assert slow.platform != Platform()
    compare(slow, 40)


def test_every_order_is_seen_that_is_seen_without() -> None:
    outcomes = []
    for known in (None, Memory(SharedState(()))):
        explorer, last, found = Exhaustive(), None, set()
        while (choices := explorer.propose(last)) is not None:
            last = Simulation(proper_bumps, choices, memory=known).run()
            assert last.trace is not None
            found.add(json_lines(last.trace))
        outcomes.append(found)
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) > 1


class Ledger:
    entries: list[str] = []  # noqa: RUF012 - shared on purpose

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, who: str) -> None:
        self.lines.append(who)


LOG: list[str] = []
CALLS = 0


def count_globally() -> None:
    global CALLS  # noqa: PLW0603 - on purpose
    CALLS += 1


def shared_in_many_ways() -> dict[str, tuple[Callable[[str], None], Callable[[], int]]]:
    """Return ways to keep something besides documents: how to note who wrote, and how to read and forget it."""
    enclosed, number, ledger = [""], count(), Ledger()
    enclosed.clear()
    taken: list[int] = []

    def forget(entries: list[Any]) -> int:
        before = len(entries)
        entries.clear()
        return before

    def forget_globally() -> int:
        global CALLS
        before, CALLS = CALLS, 0
        return before

    def take(_: str) -> None:
        taken.append(next(number))

    numbers = [iter(range(1_000)), iter(range(1_000))]
    said = (each for each in numbers[1])
    left = [1_000, 1_000]

    def passed(at: int) -> int:
        before, left[at] = left[at], length_hint(numbers[at])
        return before - left[at]

    def pass_by(_: str) -> None:
        next(numbers[0])

    def say(_: str) -> None:
        next(said)

    return {
        "a list of the module": (LOG.append, lambda: forget(LOG)),
        "a closure": (lambda who: enclosed.append(who), lambda: forget(enclosed)),  # noqa: PLW0108 - a cell
        "a class": (lambda who: Ledger.entries.append(who), lambda: forget(Ledger.entries)),  # noqa: PLW0108
        "an object": (ledger.note, lambda: forget(ledger.lines)),
        "an iterator": (take, lambda: forget(taken)),
        "an iterator that does not say how far it is": (pass_by, lambda: passed(0)),
        "a generator": (say, lambda: passed(1)),
        "a global variable": (lambda _: count_globally(), forget_globally),
    }


SHARED = shared_in_many_ways()


@pytest.mark.parametrize("way", SHARED)
def test_what_handlers_share_in_python_is_noticed_and_nothing_is_recalled(way: str) -> None:
    """Else a handler would not be called again in later runs, and an invariant that looks at what it kept be blind."""
    note, forget = SHARED[way]

    @mutation(args={"who": v.string()})
    def write(ctx: MutationCtx, who: str) -> None:
        note(who)
        ctx.db.insert("rows", {"who": who})

    @scenario(app=define_app({"m": {"write": write}}))
    def writing(world: World) -> None:
        for who in ("ann", "bob"):
            world.client(who).mutation(api.m.write, {"who": who})

    def noted(known: Memory | None) -> int:
        forget()
        for seed in range(10):
            Simulation(writing, RandomChoices(seed), memory=known).run()
        return forget()

    assert noted(Memory(writing.app.catalog().shared_state)) == noted(None) >= 20
