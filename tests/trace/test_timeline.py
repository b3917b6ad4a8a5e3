"""What a picture shows of a run: each thing where it happened, tied to what it did, and nobody in another's lane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from convexsim import Faults, api, define_app, define_schema, define_table, internal, mutation, scenario, v
from convexsim.choices import Choices, FirstChoices, RandomChoices, root_of
from convexsim.explore.lockstep import LockstepChoices
from convexsim.invariants import View
from convexsim.simulation import Scenario, Simulation
from convexsim.trace import event
from convexsim.trace.event import Trace
from convexsim.trace.timeline import Arrow, Span, Timeline, timeline
from tests.explore.small_worlds import disturbed, small_world

SCHEMA = define_schema({"counters": define_table({"name": v.string(), "value": v.number()}).index("by_name", ["name"])})


@mutation
def bump(ctx: Any, name: str) -> None:
    row = ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()
    if row is None:
        ctx.db.insert("counters", {"name": name, "value": 1})
    else:
        ctx.db.patch(row["_id"], {"value": row["value"] + 1})


@mutation
def later(ctx: Any, name: str) -> Any:
    return ctx.scheduler.run_after(1_000, internal.m.bump, {"name": name})


@mutation
def never(ctx: Any, id: Any) -> None:  # noqa: A002 - as in Convex
    ctx.scheduler.cancel(id)


@mutation
def fails(ctx: Any) -> None:
    ctx.db.insert("counters", {"name": "x", "value": 1})
    raise ValueError("no")


APP = define_app({"m": {"bump": bump, "later": later, "never": never, "fails": fails}}, SCHEMA)


@scenario(app=APP, invariants=[])
def two_bumps(world: Any) -> None:
    for who in ("alice", "bob"):
        world.client(who).mutation(api.m.bump, {"name": "hits"})


@scenario(app=APP, invariants=[])
def now_and_later(world: Any) -> None:
    async def script(session: Any) -> None:
        first = await session.mutation(api.m.later, {"name": "kept"})
        second = await session.mutation(api.m.later, {"name": "canceled"})
        assert first != second
        await session.mutation(api.m.never, {"id": second})

    world.client("alice").run(script)


def traced(given: Scenario, choices: Choices, level: int = 2) -> Trace:
    trace = Simulation(given, choices, level=level).run().trace
    assert trace is not None
    return trace


def spans(drawn: Timeline, kind: str) -> list[Span]:
    return [span for span in drawn.spans if span.kind == kind]


def arrows(drawn: Timeline, kind: str) -> list[Arrow]:
    return [arrow for arrow in drawn.arrows if arrow.kind == kind]


def labels(drawn: Timeline, activity: str) -> list[str]:
    return [moment.label for moment in drawn.moments if moment.activity == activity]


# ------------------------------------------------------------------------------------------------ by example


def test_a_mutation_is_three_moments() -> None:
    drawn = timeline(traced(two_bumps, FirstChoices()))
    assert labels(drawn, "alice.1") == ["bump", "begins", "commits ts 1 · → null"]
    assert labels(drawn, "bob.1") == ["bump", "begins", "commits ts 2 · → null"]
    assert [lane.client for lane in drawn.lanes] == ["alice", "bob"]


def test_a_conflict_hits_the_attempt_in_the_row_of_the_write() -> None:
    drawn = timeline(traced(two_bumps, LockstepChoices()))
    (hit,) = arrows(drawn, "conflict")
    lost, won = (span for span in spans(drawn, "attempt") if span.activity == "bob.1")
    assert (lost.outcome, won.outcome) == ("conflicted", "committed")
    writer = drawn.moments[hit.moment]
    assert (writer.activity, writer.label) == ("alice.1", "commits ts 1 · → null")
    assert hit.start == writer.place
    assert hit.end == lost.place
    assert lost.first < hit.moment < lost.last
    assert (hit.index, hit.read) == ("counters.by_name", '("hits", …)')
    assert hit.written == '("hits", counters/1)'
    assert drawn.moments[lost.last].label.startswith('conflicts: had read ("hits", …)')


def test_a_retry_is_chained_to_what_it_lost() -> None:
    drawn = timeline(traced(two_bumps, LockstepChoices()))
    (wait,) = spans(drawn, "wait")
    lost, won = (span for span in spans(drawn, "attempt") if span.activity == "bob.1")
    assert (wait.activity, wait.place, wait.outcome) == ("bob.1", lost.place, "over")
    assert (wait.first, wait.last) == (lost.last, won.first)


def test_what_is_scheduled_waits_in_a_lane_of_its_own() -> None:
    drawn = timeline(traced(now_and_later, FirstChoices()))
    kept, canceled = spans(drawn, "pending")
    assert (kept.label, kept.outcome, canceled.outcome) == ("bump", "started", "canceled")
    assert kept.place.lane != canceled.place.lane
    assert [drawn.lanes[span.place.lane].client for span in (kept, canceled)] == [None, None]
    assert drawn.moments[kept.last].label == "bump"
    assert drawn.moments[kept.last].at_ms == 1_000
    to_kept, to_canceled = arrows(drawn, "scheduled")
    assert (to_kept.moment, to_kept.end, to_kept.activity) == (kept.first, kept.place, "alice.1+1")
    assert (to_canceled.moment, to_canceled.end) == (canceled.first, canceled.place)
    (stop,) = arrows(drawn, "canceled")
    assert (stop.moment, stop.end, stop.activity) == (canceled.last, canceled.place, canceled.activity)
    assert drawn.moments[stop.moment].activity == "alice.3"
    assert drawn.moments[stop.moment].place == stop.start


def test_a_lane_that_is_free_is_used_again() -> None:
    @scenario(app=APP, invariants=[])
    def one_after_the_other(world: Any) -> None:
        for _ in range(3):
            world.client("alice").mutation(api.m.later, {"name": "x"})
            world.client("alice").wait(5_000)

    drawn = timeline(traced(one_after_the_other, FirstChoices()))
    assert [lane.client for lane in drawn.lanes] == ["alice", None]
    assert [span.place.lane for span in spans(drawn, "pending")] == [1, 1, 1]


def test_what_throws_is_told_so() -> None:
    @scenario(app=APP, invariants=[])
    def one(world: Any) -> None:
        world.client("alice").mutation(api.m.fails)

    drawn = timeline(traced(one, FirstChoices()))
    assert [span.outcome for span in drawn.spans] == ["threw", "aborted"]
    assert drawn.moments[-1].kind == "aborted"


def test_a_write_from_outside_comes_from_nowhere() -> None:
    world = two_bumps.variant("overtaken", faults=Faults(conflicts=1))
    hits = [hit for seed in range(20) for hit in timeline(traced(world, RandomChoices(seed))).arrows]
    foreign = [hit for hit in hits if hit.start is None]
    assert foreign
    assert all(hit.kind == "conflict" for hit in foreign)


def test_a_broken_property_has_the_last_row() -> None:
    def nothing_is_counted(view: View) -> bool:
        return not view.documents("counters")

    @scenario(app=APP, invariants=[nothing_is_counted])
    def one(world: Any) -> None:
        world.client("alice").mutation(api.m.bump, {"name": "hits"})

    last = timeline(traced(one, FirstChoices())).moments[-1]
    assert (last.kind, last.place, last.label) == ("broken", None, "BROKEN nothing_is_counted")


# ------------------------------------------------------------------------------------------------ of any run


KINDS = ("plain", "scheduled", "actions", "parallel", "outside", "adaptive")


def runs() -> Iterator[Any]:
    for number in range(12):
        world = small_world(KINDS[number % 6], number, [])
        for seed in range(3):
            given = disturbed(world, number) if seed else world
            yield pytest.param(given, seed, 1 + (number + seed) % 3, id=f"{number}-{seed}")


def meet(one: Span, other: Span) -> bool:
    return one.place.lane == other.place.lane and one.first <= other.last and other.first <= one.last


@pytest.mark.parametrize(("given", "seed", "level"), [*runs()])
def test_every_run_has_its_picture(given: Scenario, seed: int, level: int) -> None:
    trace = traced(given, RandomChoices(seed), level)
    drawn = timeline(trace)

    told = [number for number, each in enumerate(trace.events) if not isinstance(each, event.Stepped)]
    assert [number for moment in drawn.moments for number in moment.events] == told
    assert [moment.index for moment in drawn.moments] == list(range(len(drawn.moments)))
    assert all(trace.events[number].activity == moment.activity for moment in drawn.moments for number in moment.events)

    began = sorted((each.activity, each.attempt) for each in trace.events if isinstance(each, event.Began))
    assert sorted((span.activity, int(span.label)) for span in spans(drawn, "attempt")) == began
    called = sorted(each.activity for each in trace.events if isinstance(each, event.Called))
    assert sorted(span.activity for span in spans(drawn, "call")) == called

    conflicted = [each for each in trace.events if isinstance(each, event.Conflicted)]
    assert [hit.activity for hit in arrows(drawn, "conflict")] == [each.activity for each in conflicted]
    lost = [span for span in spans(drawn, "attempt") if span.outcome == "conflicted"]
    assert len(lost) == len(conflicted)
    for hit in arrows(drawn, "conflict"):
        assert any(span.activity == hit.activity and span.first <= hit.moment <= span.last for span in lost)

    for at, one in enumerate(drawn.spans):
        assert one.first <= one.last
        assert one.place.slot < drawn.lanes[one.place.lane].slots
        for other in drawn.spans[at + 1 :]:
            if meet(one, other):
                assert root_of(one.activity) == root_of(other.activity)
                assert one.kind != other.kind or one.place.slot != other.place.slot
