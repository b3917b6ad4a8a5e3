"""Late steps (exploration.md 7, "timed" and "free"): time as a choice, how late a step was, and the way back to timed.

The worlds are small enough to be run in every order, so that what a bound on lateness lets in and keeps out is a set.
"""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from convexsim import (
    Dpor,
    Exhaustive,
    Lockstep,
    MutationCtx,
    Platform,
    RandomWalk,
    Scenario,
    Simulation,
    UsageError,
    View,
    World,
    api,
    check,
    define_app,
    eventually,
    internal,
    internal_mutation,
    mutation,
    scenario,
)
from convexsim.choices import FirstChoices
from convexsim.explore.replay import replay
from convexsim.explore.timed import Late, Timed, latest
from convexsim.trace.event import Passed


class Notes:
    @mutation
    def plan(ctx: MutationCtx, delays_ms: Any = (600, 1_100)) -> None:  # noqa: N805 - the class only collects it
        """Have something noted after each of some delays."""
        for delay_ms in delays_ms:
            ctx.scheduler.run_after(delay_ms, internal.m.tick, {"after": delay_ms})

    @internal_mutation
    def tick(ctx: MutationCtx, after: Any) -> None:  # noqa: N805
        ctx.db.insert("notes", {"what": str(after), "at": ctx.now()})

    @mutation
    def note(ctx: MutationCtx) -> None:  # noqa: N805
        ctx.db.insert("notes", {"what": "note", "at": ctx.now()})


APP = define_app({"m": Notes})


def notes_of(view: View) -> tuple[str, ...]:
    return tuple(f"{row['what']} at {row['at']:g}" for row in view.documents("notes"))


@eventually
def the_note_comes_first(view: View) -> bool:
    return notes_of(view)[0].startswith("note")


@scenario(app=APP, invariants=[the_note_comes_first])
def noting(world: World) -> None:
    """One client plans two ticks, then notes something: at once, where nothing is ever late."""
    ann = world.client("ann")
    ann.mutation(api.m.plan)
    ann.mutation(api.m.note)


TIMED = ("note at 0", "600 at 600", "1100 at 1100")
ONE_LATE = ("600 at 600", "note at 600", "1100 at 1100")
BOTH_LATE = ("600 at 600", "1100 at 1100", "note at 1100")


def ends_of(world: Scenario) -> set[tuple[str, ...]]:
    ends = set()
    explorer, last = Exhaustive(), None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(world, choices, level=3, trace=False).run()
        ends.add(notes_of(last.view))
    assert explorer.exhausted
    return ends


@pytest.mark.parametrize(
    ("late_ms", "expected"),
    [(0, {TIMED}), (599, {TIMED}), (600, {TIMED, ONE_LATE}), (1_099, {TIMED, ONE_LATE})],
)
def test_no_step_is_later_than_it_may_be(late_ms: float, expected: set[tuple[str, ...]]) -> None:
    assert ends_of(noting.variant("bounded", late_ms=late_ms)) & {TIMED, ONE_LATE, BOTH_LATE} == expected


def test_lateness_adds_up_over_several_timers() -> None:
    """The note may wait for 600 ms, and then for 500 ms more: only where 1,100 ms are allowed in all."""
    assert BOTH_LATE not in ends_of(noting.variant("short", late_ms=1_099))
    assert BOTH_LATE in ends_of(noting.variant("long", late_ms=1_100))
    assert ends_of(noting.variant("long", late_ms=1_100)) == ends_of(noting.variant("free", late_ms=inf))


@scenario(app=APP, platform=Platform(late_ms=900))
def noting_twice(world: World) -> None:
    ann = world.client("ann")
    ann.mutation(api.m.plan, {"delaysMs": [600, 1_100, 1_500]})
    for _ in range(2):
        ann.mutation(api.m.note)


def test_a_step_is_late_from_when_it_could_first_run() -> None:
    """The second note becomes possible with the first: at 600 ms it may wait till 1,500 ms, at 0 ms only till 600."""
    ends = ends_of(noting_twice)
    assert ("600 at 600", "note at 600", "1100 at 1100", "1500 at 1500", "note at 1500") in ends
    assert ("note at 0", "600 at 600", "1100 at 1100", "note at 1100", "1500 at 1500") not in ends


def test_the_serial_run_and_lockstep_are_the_same_with_and_without_late_steps() -> None:
    free = noting.variant("free", late_ms=inf)
    for explorer in (FirstChoices(), Lockstep().propose(None)):
        assert notes_of(Simulation(free, explorer).run().view) == TIMED


@pytest.mark.parametrize("level", [2, 3])
def test_a_walk_finds_what_only_a_late_step_can_break_and_says_so(level: int) -> None:
    free = noting.variant("free", late_ms=inf)
    report = check(free, RandomWalk(200), level=level)
    assert report.finding is not None
    assert report.finding.late == Late("ann.2", "begin", 600)
    assert report.finding.timed == Timed(1, exhausted=True)
    assert "a step is late in it: ann.2 (begin) 600 ms late" in str(report)
    assert "so it has to be: with late_ms=0 it holds in all of 1 run" in str(report)
    assert "the clock  goes on by 600 ms, so that these are late: ann.2 (begin)" in report.story()
    again = replay([free], report.finding.replay).run
    assert again.trace is not None
    assert latest(again.trace) == report.finding.late


def test_at_level_1_any_message_may_be_the_late_one() -> None:
    report = check(noting.variant("free", late_ms=inf), RandomWalk(200), level=1)
    assert report.finding is not None
    assert report.finding.late is not None
    assert report.finding.late.ms == 600


@eventually
def nothing_ticks(view: View) -> bool:
    return len(view.documents("notes")) == 1


def test_a_failure_that_needs_no_late_step_is_told_with_its_timed_replay() -> None:
    """Every order breaks it; the one that is found first has late steps in it."""
    free = scenario(app=APP, invariants=[nothing_ticks], platform=Platform(late_ms=inf))(noting.body)
    report = check(free, _TicksOnce(), simplify=False)
    assert report.finding is not None
    assert report.finding.late == Late("ann.2", "begin", 1_100)
    assert report.finding.timed is not None
    string = report.finding.timed.replay
    assert replay([free.variant("noting", late_ms=0)], string).run.violations
    assert f"no step has to be: with late_ms=0 it breaks too: {string}" in str(report)


def test_what_breaks_another_invariant_in_time_is_not_the_same_failure() -> None:
    both = scenario(app=APP, invariants=[the_note_comes_first, nothing_ticks], platform=Platform(late_ms=inf))
    report = check(both(noting.body), _TicksOnce(), simplify=False)
    assert report.finding is not None
    assert report.finding.timed == Timed(1, exhausted=True)


def test_who_waits_longest_is_the_latest() -> None:
    trace = Simulation(noting.variant("free", late_ms=inf), _Ticks()).run().trace
    assert trace is not None
    passed = [event for event in trace.events if isinstance(event, Passed)]
    assert [event.until_ms - event.at_ms for event in passed] == [600, 500]
    assert latest(trace) == Late("ann.2", "begin", 1_100)


class _Ticks:
    """Time passes whenever it may; of what can run, the newest comes first."""

    def choose(self, kind: str, options: Any) -> int:
        return len(options) - 1 if kind == "step" else 0


class _TicksOnce:
    """Proposes that one run."""

    name = "ticks"
    exhausted = False

    def propose(self, last: Any) -> _Ticks | None:
        return _Ticks() if last is None else None


def test_dpor_refuses_a_world_whose_steps_may_be_late() -> None:
    with pytest.raises(UsageError, match=r"whose steps may be late.*Platform\(late_ms=0\)"):
        check(noting.variant("free", late_ms=inf), Dpor())


@pytest.mark.parametrize("wrong", [-1, "free", None, float("nan"), True])
def test_a_lateness_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="late_ms") as refused:
        Platform(late_ms=wrong)
    assert "math.inf for free time" in str(refused.value)
