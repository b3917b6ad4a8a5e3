"""The invariant `serializable` over whole runs: it holds, and it breaks as soon as nobody judges commits.

convex-semantics 0, 1.1 (isolation is full serialisability), 1.2 (ranges), 5.2 (nested calls, stale snapshots), 11.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from convexsim import (
    ActionCtx,
    Component,
    Exhaustive,
    Faults,
    Lockstep,
    MutationCtx,
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
    api,
    check,
    cron_schedule,
    define_app,
    define_schema,
    define_table,
    eventually,
    internal_mutation,
    mutation,
    query,
    scenario,
    serializable,
    story,
    v,
)
from convexsim.actors.threads import Threads
from convexsim.choices import RandomChoices
from convexsim.database import commit
from convexsim.database.commit import Committed, Conflict, Database
from convexsim.database.reads import ReadSet
from convexsim.database.transaction import FinalTransaction
from convexsim.testing.scenario_file import open_scenarios
from convexsim.trace import event
from tests.actors.crowd import app as crowd_app
from tests.actors.crowd import crowd
from tests.support import caught, events_of, module

SCRIPTS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.py"))

schema = define_schema(
    {"doctors": define_table({"name": v.string(), "onCall": v.boolean()}).index("by_on", ["onCall"])}
)


@mutation
def hire(ctx: MutationCtx) -> None:
    for name in ("ann", "bob"):
        ctx.db.insert("doctors", {"name": name, "onCall": True})


@mutation
def leave(ctx: MutationCtx, name: str) -> None:
    """Go home if somebody else stays: right only if the others' leaving conflicts."""
    rows = ctx.db.query("doctors").collect()
    if len([row for row in rows if row["onCall"]]) > 1:
        ctx.db.patch(next(row["_id"] for row in rows if row["name"] == name), {"onCall": False})


@mutation
def count_and_hire(ctx: MutationCtx) -> None:
    number = len(ctx.db.query("doctors").with_index("by_on", lambda q: q.eq("onCall", True)).collect())
    ctx.db.insert("doctors", {"name": f"number {number}", "onCall": True})


@mutation
def rename(ctx: MutationCtx) -> None:
    row = ctx.db.query("doctors").first()
    if row is not None:
        ctx.db.patch(row["_id"], {"name": f"{row['name']}, {row['name']}"})


@query
def names(ctx: QueryCtx) -> list[str]:
    return [row["name"] for row in ctx.db.query("doctors")]


app = define_app({"m": module(hire, leave, count_and_hire, rename, names)}, schema)


def racing(name: str, calls: dict[str, tuple[Any, dict[str, Any]]]) -> Scenario:
    """Return a scenario: somebody hires two doctors, then each client makes its call."""

    @scenario(app=app, invariants=[serializable])
    def race(world: World) -> None:
        async def first(session: Session) -> None:
            await session.mutation(api.m.hire)

        world.client("chief").run(first)
        for client, (function, args) in calls.items():
            world.client(client).wait(1)
            world.client(client).mutation(function, args)

    return race.variant(name)


RACES = {
    "lost_update": racing("lost_update", {"a": (api.m.rename, {}), "b": (api.m.rename, {})}),
    "write_skew": racing("write_skew", {"a": (api.m.leave, {"name": "ann"}), "b": (api.m.leave, {"name": "bob"})}),
    "phantom": racing("phantom", {"a": (api.m.count_and_hire, {}), "b": (api.m.count_and_hire, {})}),
}


@pytest.mark.parametrize("name", RACES)
def test_a_race_is_serializable(name: str) -> None:
    report = check(RACES[name], RandomWalk(runs=60))
    assert report.finding is None
    assert report.runs == 60


@pytest.mark.parametrize("name", RACES)
def test_without_a_judge_it_is_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "find_conflict", lambda *_: None)
    for explorer in (RandomWalk(runs=60), Lockstep()):
        report = check(RACES[name], explorer)
        assert report.finding is not None
        (broken,) = report.finding.violations
        assert broken.invariant == "serializable"
        for text in ("a.1 (m:", "b.1 (m:", "did not see (rw)"):
            assert text in broken.message


def test_a_violation_names_calls_documents_and_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "find_conflict", lambda *_: None)
    finding = check(RACES["write_skew"], Lockstep()).finding
    assert finding is not None
    assert finding.run.trace is not None
    told = story(finding.run.trace).splitlines()
    assert (
        "BROKEN serializable: No serial order explains the run: "
        "b.1 (m:leave) before a.1 (m:leave), whose write of doctors/1 in doctors.by_creation_time it did not see (rw); "
        "a.1 (m:leave) before b.1 (m:leave), whose write of doctors/2 in doctors.by_creation_time it did not see (rw)."
    ) in " ".join(" ".join(told).split())


def test_a_read_set_that_forgets_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen is taken down beside the read set: scans that record nothing let phantoms through."""
    monkeypatch.setattr(ReadSet, "add", lambda *_: None)
    assert check(RACES["phantom"], RandomWalk(runs=60)).finding is not None


def test_a_snapshot_that_is_torn_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sees one write of a commit and not the other: only where what is committed is published at once."""
    judge = Database.commit

    def publish_half(self: Database, final: FinalTransaction, write_source: str, now_ms: float) -> Committed | Conflict:
        before, verdict = self.snapshot, judge(self, final, write_source, now_ms)
        assert isinstance(verdict, Committed)
        self.snapshot = before.after(verdict.writes[:1], final.components, verdict.commit_ns)
        return verdict

    def body(world: World) -> None:
        world.client("chief").mutation(api.m.hire)
        world.client("chief").query(api.m.names)

    monkeypatch.setattr(Database, "commit", publish_half)
    (broken,) = run(body).violations
    assert "chief.1 (m:hire) before chief.2 (m:names)" in broken.message


# ------------------------------------------------------------------------------------------- what counts as seen


def run(body: Callable[[World], None], settings: Threads | None = None, in_app: Component = app) -> Run:
    world = scenario(app=in_app, invariants=[serializable])(body)
    return Simulation(world, mode=settings if settings is not None else "stepped").run()


@query
def on_call(ctx: QueryCtx) -> int:
    return len(ctx.db.query("doctors").with_index("by_on", lambda q: q.eq("onCall", True)).collect())


@mutation
def leave_by_an_old_list(ctx: MutationCtx, name: str) -> int:
    """Look at the others through a stale snapshot: they may leave too, and nobody can say that this was not so."""
    others: int = ctx.run_query(api.m.on_call, use_stale_snapshot=True)
    row = next(row for row in ctx.db.query("doctors").order("desc" if name == "bob" else "asc"))
    ctx.db.patch(row["_id"], {"onCall": False})
    return others


@mutation
def look_and_throw(ctx: MutationCtx) -> None:
    ctx.db.query("doctors").collect()
    ctx.db.insert("doctors", {"name": "nobody", "onCall": False})
    raise ValueError("thought better of it")


@mutation
def look_in_a_nested_call(ctx: MutationCtx, name: str) -> None:
    caught(lambda: ctx.run_mutation(api.m.look_and_throw))
    ctx.db.insert("doctors", {"name": name, "onCall": False})


@action
async def look_twice(ctx: ActionCtx) -> list[int]:
    return [await ctx.run_query(api.m.on_call), await ctx.run_query(api.m.on_call)]


more = define_app(
    {"m": module(hire, on_call, leave_by_an_old_list, look_and_throw, look_in_a_nested_call, look_twice)}, schema
)


def test_a_query_on_a_stale_snapshot_sees_nothing_that_counts() -> None:
    seen = set()

    @scenario(app=more, invariants=[serializable])
    def old_lists(world: World) -> None:
        world.client("chief").mutation(api.m.hire)
        for name in ("ann", "bob"):
            world.client(name).wait(1)
            world.client(name).mutation(api.m.leave_by_an_old_list, {"name": name})

    for seed in range(40):
        result = Simulation(old_lists, RandomChoices(seed)).run()
        assert result.violations == []
        seen.add(tuple(call.result for call in result.view.calls() if call.activity != "chief.1"))
    assert (2, 2) in seen  # each was still there for the other one: a write skew, had they looked for themselves


def test_what_a_nested_call_saw_before_it_threw_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writes are undone, its reads stay (convex-semantics 5.2)."""

    @scenario(app=more, invariants=[serializable])
    def nested(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).mutation(api.m.look_in_a_nested_call, {"name": name})

    assert check(nested, RandomWalk(runs=40)).finding is None
    monkeypatch.setattr(commit, "find_conflict", lambda *_: None)
    assert check(nested, Lockstep()).finding is not None


def test_losers_and_throwers_stand_in_the_history_too() -> None:
    @scenario(app=more, invariants=[serializable])
    def both(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).mutation(api.m.look_in_a_nested_call, {"name": name})
            world.client(name).mutation(api.m.look_and_throw)

    result = Simulation(both, RandomChoices(1)).run()
    lost = [(one.activity, one.attempt) for one in events_of(result, event.Conflicted)]
    assert lost
    history = result.view.history
    committed = [attempt for attempt in history if attempt.commit_ts is not None]
    assert sorted(attempt.activity for attempt in committed) == ["ann.1", "bob.1"]
    others = [(attempt.activity, attempt.number) for attempt in history if attempt.commit_ts is None]
    assert sorted(others) == sorted([*lost, ("ann.2", 1), ("bob.2", 1)])
    assert all(attempt.scans for attempt in history)
    assert all(not attempt.writes for attempt in history if attempt.commit_ts is None)


def test_who_met_a_system_error_stands_in_the_history_too() -> None:
    """Nothing of it was kept, but what it saw it saw (convex-semantics 3.3)."""

    class Struck:
        def choose(self, kind: str, options: Any) -> int:
            return int(kind == "fault")

    @scenario(app=more, invariants=[serializable], faults=Faults(system_errors=1))
    def one(world: World) -> None:
        world.client("ann").mutation(api.m.look_in_a_nested_call, {"name": "ann"})

    (attempt,) = Simulation(one, Struck()).run().view.history
    assert (attempt.activity, attempt.number, attempt.commit_ts, attempt.writes) == ("ann.1", 1, None, ())
    assert attempt.scans


def test_what_an_action_awaits_comes_before_what_it_calls_next() -> None:
    def body(world: World) -> None:
        world.client("chief").action(api.m.look_twice)

    first, second = run(body, in_app=more).view.history
    assert (first.activity, first.follows, second.activity, second.follows) == ("chief.1.1", 0, "chief.1.2", 1)


# ------------------------------------------------------------------------------------------------- larger worlds


def test_a_crowd_is_serializable_in_any_order() -> None:
    @scenario(app=crowd_app, invariants=[serializable])
    def many(world: World) -> None:
        crowd(world)

    report = check(many, RandomWalk(runs=25))
    assert report.finding is None


def test_a_crowd_on_threads_is_serializable() -> None:
    for interval in (1e-6, 1e-4, 5e-3):
        result = run(crowd, Threads(switch_interval=interval), crowd_app)
        assert (result.ending, result.violations) == ("quiet", [])
        assert [attempt.commit_ts for attempt in result.view.history if attempt.commit_ts is not None]


def test_a_crowd_on_threads_without_a_judge_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "find_conflict", lambda *_: None)
    result = run(crowd, Threads(switch_interval=1e-6), crowd_app)
    assert [broken.invariant for broken in result.violations] == ["serializable"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_scenarios_are_serializable_whatever_else_breaks_in_them(script: Path) -> None:
    with open_scenarios(script) as scenarios:
        for each in scenarios:
            report = check(evolve(each, invariants=(serializable,)), RandomWalk(runs=10))
            assert report.finding is None


FAULTS = Faults(crashes=1, restarts=2, system_errors=2, conflicts=2, disconnects=2, skewed=2, skews_ms=(5_000, -5_000))


def test_a_crowd_is_serializable_whatever_goes_wrong() -> None:
    """Calls are lost, sent again and cut off in their middle; what was committed is history all the same."""
    struck = Counter[str]()

    @scenario(app=crowd_app, invariants=[serializable], faults=FAULTS)
    def many(world: World) -> None:
        for name in ("a", "c"):
            world.client(name, kind="websocket")
        crowd(world)

    for seed in range(25):
        result = Simulation(many, RandomChoices(seed)).run()
        assert result.violations == []
        struck.update(fault.fault for fault in result.view.faults)
    assert min(struck[fault] for fault in ("restart", "system error", "conflict", "disconnect", "skew")) > 3


def test_a_commit_whose_runner_died_with_the_backend_is_history() -> None:
    @scenario(app=app, invariants=[serializable], faults=Faults(restarts=1))
    def cut_off(world: World) -> None:
        world.client("chief").mutation(api.m.hire)
        world.client("chief").query(api.m.names)

    unheard: list[Run] = []

    def look(_: int, result: Run) -> None:
        hired, seen = result.calls
        if hired.error is not None and seen.result == ["ann", "bob"]:
            unheard.append(result)

    report = check(cut_off, Exhaustive(), on_run=look)
    assert report.exhausted
    assert report.finding is None
    assert unheard


def test_a_document_that_holds_its_commit_timestamp_is_the_one_that_was_committed() -> None:
    """Others see the revision in which the placeholder is resolved (convex-semantics 7)."""

    @mutation
    def stamp(ctx: MutationCtx) -> None:
        for row in ctx.db.query("stamps").collect():
            ctx.db.patch(row["_id"], {"at": ctx.db.vars.commit_ts})
        ctx.db.insert("stamps", {"at": ctx.db.vars.commit_ts})

    stamps = define_app({"m": module(stamp)}, define_schema({"stamps": define_table(v.any()).index("by_at", ["at"])}))

    @scenario(app=stamps, invariants=[serializable])
    def stamping(world: World) -> None:
        for name in ("a", "b"):
            for _ in range(2):
                world.client(name).mutation(api.m.stamp)

    assert check(stamping, RandomWalk(runs=20)).finding is None


def test_crons_are_serializable() -> None:
    """What is deployed before the first message is a write like any other."""

    @internal_mutation
    def tick(ctx: MutationCtx) -> None:
        ctx.db.insert("doctors", {"name": str(len(ctx.db.query("doctors").collect())), "onCall": True})

    crons = cron_schedule()
    crons.interval("often", {"seconds": 1}, api.m.tick)
    crons.interval("seldom", {"seconds": 2}, api.m.tick)
    with_crons = define_app({"m": module(tick)}, schema, crons=crons)

    @scenario(app=with_crons, invariants=[serializable], until_ms=4_000)
    def ticking(world: World) -> None:
        """Nobody calls."""

    report = check(ticking, RandomWalk(runs=20))
    assert report.finding is None


# --------------------------------------------------------------------------------------------------- who pays


def test_a_run_that_nobody_asks_about_keeps_no_history() -> None:
    @eventually
    def curious(view: View) -> bool:
        return bool(view.history)

    @scenario(app=app, invariants=[curious])
    def unasked(world: World) -> None:
        world.client("chief").mutation(api.m.hire)

    with pytest.raises(UsageError, match=r"no history.*serializable"):
        Simulation(unasked).run()
