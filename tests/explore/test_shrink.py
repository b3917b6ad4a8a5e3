"""Shrinking: what is left is simple, minimal, and breaks the same."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.planted import (
    BUGS,
    crash_between,
    five_conflicts,
    five_constraints,
    lost_update_in_noise,
    stale_id,
    three_constraints,
)
from convexsim import (
    Faults,
    Lockstep,
    Platform,
    Pos,
    RandomWalk,
    Run,
    Scenario,
    Simulation,
    View,
    World,
    action,
    api,
    check,
    define_app,
    eventually,
    mutation,
    scenario,
)
from convexsim.choices import ListedChoices, RandomChoices, root_of
from convexsim.explore.following import Among, Following
from convexsim.explore.shrink import breaks_like, shrink
from convexsim.simulation import run_again
from tests.explore.worlds import lost_update, racing_bumps, stormy


def failing_run(world: Scenario, seed: int, runs: int = 300) -> Run:
    if world in (five_conflicts, five_constraints):  # which a random walk hardly ever meets
        report = check(world, Lockstep() if world is five_conflicts else Pos(1_000, seed), simplify=False)
        assert report.finding is not None
        return report.finding.run
    drawn = (Simulation(world, RandomChoices(f"{seed}:{number}"), trace=False).run() for number in range(runs))
    return next(run for run in drawn if run.violations)


def actors(run: Run) -> set[str]:
    return {root_of(label.activity) for forced in run.record.forced for label in (forced.taken, forced.passed)}


def is_minimal(shrunk: Run) -> bool:
    """Whether dropping any forced choice makes the run pass, those after it going by their labels or by their places.

    Where others go by their places they may turn into something else; then it may break, but in no simpler way.
    """
    forced = shrunk.record.forced
    for each in forced:
        rest = [later for later in forced if later.position > each.position]
        if breaks_like(shrunk, run_again(shrunk, Following(shrunk.indexes[: each.position], rest))):
            return False
        zeroed = tuple(0 if at == each.position else index for at, index in enumerate(shrunk.indexes))
        run = run_again(shrunk, ListedChoices(zeroed))
        if breaks_like(shrunk, run) and len(actors(run)) <= len(actors(shrunk)):
            return False
    return True


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug is not five_conflicts], ids=lambda bug: bug.name)
def test_no_forced_choice_of_a_shrunk_failure_can_be_dropped(bug: Scenario) -> None:
    for seed in range(1 if bug is five_constraints else 2):
        shrunk = shrink(failing_run(bug, seed))
        assert shrunk.is_minimal
        assert shrunk.run.violations
        assert is_minimal(shrunk.run)


def test_many_forced_choices_are_minimal_too() -> None:
    failing = failing_run(five_conflicts, 0)
    shrunk = shrink(failing)
    assert shrunk.is_minimal
    assert 20 < len(shrunk.run.record.forced) < len(failing.record.forced)
    assert is_minimal(shrunk.run)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_whatever_breaks_at_any_level_with_faults_and_waits_is_minimal(level: int) -> None:
    for seed in range(6):
        drawn = (Simulation(stormy, RandomChoices(f"{seed}:{number}"), level=level).run() for number in range(100))
        shrunk = shrink(next(run for run in drawn if run.violations))
        assert shrunk.is_minimal
        assert is_minimal(shrunk.run)


@pytest.mark.parametrize(
    ("bug", "forced", "taking_part"),
    [
        (lost_update_in_noise, 1, {"alice", "bob"}),
        (stale_id, 1, {"adder", "flusher"}),
        (three_constraints, 3, {"odd", "even"}),
        (crash_between, 1, {"alice"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_whatever_was_found_the_same_is_left_among_as_few_actors_as_can_be(
    bug: Scenario, forced: int, taking_part: set[str]
) -> None:
    shrunk = [shrink(failing_run(bug, seed)).run for seed in range(3)]
    assert len({run.indexes for run in shrunk}) == 1
    assert len(shrunk[0].record.forced) == forced
    assert actors(shrunk[0]) == taking_part


def test_fewer_actors_are_simpler_than_an_earlier_end() -> None:
    """As many forced choices, of which the last comes earlier, but noise takes part in them."""
    failing = Simulation(three_constraints, ListedChoices((4, 0, 4, 0, 1))).run()
    assert len(failing.record.forced) == 3
    assert actors(failing) == {"odd", "even", "noise0"}
    shrunk = shrink(failing).run
    assert actors(shrunk) == {"odd", "even"}
    assert len(shrunk.record.forced) == 3
    assert shrunk.record.forced[-1].position > failing.record.forced[-1].position


class Letters:
    @mutation
    def write(ctx: Any, text: str) -> None:  # noqa: N805 - a function that the class collects
        ctx.db.insert("letters", {"text": text})

    @action
    async def post(ctx: Any) -> None:  # noqa: N805
        await ctx.run_mutation(api.m.write, {"text": "first"})
        await ctx.run_mutation(api.m.write, {"text": "second"})

    @action
    async def note(ctx: Any) -> None:  # noqa: N805
        await ctx.run_mutation(api.m.write, {"text": "note"})


@eventually
def both_in_a_row(view: View) -> None:
    """The second letter comes right after the first one."""
    texts = [row["text"] for row in view.documents("letters")]
    assert "first second" in " ".join(texts), f"they are {texts}"


@scenario(app=define_app({"m": Letters}), invariants=[both_in_a_row], faults=Faults(crashes=1))
def posting(world: World) -> None:
    """A crash breaks it, and so does a switch."""
    world.client("ann").action(api.m.post)
    for name in ("bob", "cy"):
        world.client(name).action(api.m.note)


def test_a_switch_is_simpler_than_a_fault() -> None:
    drawn = (Simulation(posting, RandomChoices(seed), trace=False).run() for seed in range(300))
    both = next(run for run in drawn if run.view.faults and len(run.record.forced) > 2 and run.violations)
    assert shrink(both, 4).run.view.faults
    shrunk = shrink(both).run
    assert shrunk.view.faults == []
    assert [forced.kind for forced in shrunk.record.forced] == ["step"]


def test_nobody_waits_who_need_not() -> None:
    """Who loses tries again at once, if the failure has a loser at all."""
    for seed in range(5):
        failing = failing_run(racing_bumps(3, 1), seed)
        assert [each for each in shrink(failing).run.record.forced if each.kind == "backoff"] == []


def test_among_failures_of_one_size_the_one_that_says_the_same_is_kept() -> None:
    """Which of two goes first breaks it with another message; numbers and names in it do not count."""

    @eventually
    def ann_is_first(view: View) -> None:
        first = view.documents("letters")[0]["text"]
        assert first == "ann", f"it was '{first}'" if first in ("cid", "dan") else f"{first} came first"

    @scenario(app=define_app({"m": Letters}), invariants=[ann_is_first])
    def race(world: World) -> None:
        for name in ("ann", "bob", "cid", "dan", "eve"):
            world.client(name).mutation(api.m.write, {"text": name})

    shrunk = [shrink(Simulation(race, ListedChoices((index,)), level=3).run()).run for index in range(1, 5)]
    assert [run.violations[0].message for run in shrunk] == [
        "bob came first",
        "it was 'cid'",
        "it was 'cid'",
        "eve came first",
    ]


def test_what_breaks_another_invariant_is_no_simpler_failure_of_this_one() -> None:
    """Who is first breaks one of them by one switch; the other one needs two."""

    def order(view: View) -> str:
        return "".join(row["text"][0] for row in view.documents("letters"))

    @eventually
    def ann_is_first(view: View) -> bool:
        return order(view)[0] == "a"

    @eventually
    def nobody_goes_backwards(view: View) -> bool:
        return order(view) != "dcba"

    @scenario(app=define_app({"m": Letters}), invariants=[nobody_goes_backwards, ann_is_first])
    def race(world: World) -> None:
        for name in ("ann", "bob", "cid", "dan"):
            world.client(name).mutation(api.m.write, {"text": name})

    failing = Simulation(race, ListedChoices((3, 2, 1)), level=3).run()
    assert [broken.invariant for broken in failing.violations] == ["nobody_goes_backwards", "ann_is_first"]
    shrunk = shrink(failing)
    assert order(shrunk.run.view) == "dcba"
    assert (shrunk.is_minimal, len(shrunk.run.record.forced)) == (True, 3)


def test_time_that_passes_while_somebody_could_run_is_the_last_resort() -> None:
    late = lost_update.variant("late", late_ms=1_000.0)
    assert late.platform == Platform(late_ms=1_000.0)
    shrunk = shrink(failing_run(late, 1)).run
    assert len(shrunk.record.forced) == 1
    assert actors(shrunk) == {"alice", "bob"}


# ------------------------------------------------------------------------------------------------------- its end


def test_a_budget_that_is_too_small_is_said() -> None:
    failing = failing_run(three_constraints, 1)
    before = len(failing.record.forced)
    spent: list[Run] = []
    shrunk = shrink(failing, 5, spent.append)
    assert len(spent) == shrunk.runs == 5
    assert not shrunk.is_minimal
    assert len(shrunk.run.record.forced) <= before
    assert shrink(failing, 0).run.indexes == failing.indexes
    report = check(three_constraints, RandomWalk(200), simplify=False)
    assert report.finding is not None
    assert not report.finding.is_minimal
    assert f"{report.finding.choices_before} forced choices, not shrunk to the end" in str(report)


@pytest.mark.parametrize("patience", [1, 10])
def test_an_interruption_ends_with_the_best_so_far_and_is_not_called_minimal(patience: int) -> None:
    failing = failing_run(three_constraints, 1)
    seen: list[Run] = []

    def stop(run: Run) -> None:
        seen.append(run)
        if len(seen) == patience:
            raise KeyboardInterrupt

    shrunk = shrink(failing, on_run=stop)
    assert shrunk.run.violations
    assert len(seen) == patience
    assert not shrunk.is_minimal


def test_a_serial_failure_costs_nothing() -> None:
    failing = Simulation(lost_update.variant("always"), ListedChoices(())).run()
    assert not failing.violations

    @scenario(app=define_app({"m": Letters}), invariants=[eventually(lambda view: not view.documents("letters"))])
    def nothing_comes(world: World) -> None:
        world.client("ann").mutation(api.m.write, {"text": "ann"})

    shrunk = shrink(Simulation(nothing_comes).run())
    assert (shrunk.runs, shrunk.is_minimal, shrunk.run.record.forced) == (0, True, ())


# -------------------------------------------------------------------------------------------- choices that follow


def test_what_comes_after_a_dropped_choice_is_found_by_its_label() -> None:
    failing = next(
        run
        for run in (Simulation(stale_id, RandomChoices(seed)).run() for seed in range(300))
        if len(run.record.forced) > 4
    )
    first, *rest = failing.record.forced
    run = run_again(failing, Following(failing.indexes[: first.position], rest))
    found = [(each.taken, each.passed) for each in run.record.forced]
    wanted = [(each.taken, each.passed) for each in rest]
    assert found
    assert found == wanted[: len(found)]
    assert run_again(failing, Following(failing.indexes, ())).indexes == failing.indexes


def test_the_order_among_some_leaves_the_others_to_themselves() -> None:
    for seed in range(20):
        failing = Simulation(lost_update_in_noise, RandomChoices(seed)).run()
        run = run_again(failing, Among(["alice", "bob"], failing.record))
        assert actors(run) <= {"alice", "bob"}
    everybody = sorted({root_of(option.activity) for *_, option in failing.record.taken})
    assert run_again(failing, Among(everybody, failing.record)).indexes == failing.indexes


def test_the_order_among_all_is_the_run_itself_retries_included() -> None:
    """Each choice is taken once: a step that comes again after a conflict has the label that it had before."""
    for seed in range(10):
        drawn = Simulation(racing_bumps(3, 1), RandomChoices(seed)).run()
        everybody = sorted({root_of(option.activity) for *_, option in drawn.record.taken})
        assert run_again(drawn, Among(everybody, drawn.record)).indexes == drawn.indexes
