"""Explanations: the shortest story, when it was settled, what if; the same bytes in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction

import pytest
from attrs import evolve

from benchmarks.planted import crash_between, lost_update, lost_update_in_noise, three_constraints
from convexsim import (
    Bounded,
    Explanation,
    Lockstep,
    RandomWalk,
    Run,
    Scenario,
    Simulation,
    UsageError,
    View,
    check,
    eventually,
    explain,
    story,
)
from convexsim.choices import RandomChoices
from convexsim.explore.explanation import Chance, decisive, settled
from convexsim.explore.gist import activities_that_matter, events_that_matter
from convexsim.explore.retold import retell
from convexsim.explore.shares import Share
from scenarios.double_chain import double_chain
from scenarios.stranded_items import failed_flush_strands, stranded_items
from scenarios.timer_cancels_itself import on_throw, timer_cancels_itself
from tests.explore.worlds import crowd, proper_bumps
from tests.pages import ROOT


def found(world: Scenario) -> Run:
    report = check(world, Bounded())
    assert report.finding is not None
    return report.finding.run


def golden(name: str) -> str:
    return (ROOT / "tests" / "explore" / "explanations" / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")


def never(_: View) -> bool:
    return False


without_looking = evolve(lost_update, name="without_looking", invariants=(eventually(never),))


def explained(world: Scenario, runs: int = 200) -> Explanation:
    return explain(world, found(world), runs=runs)


def test_a_lost_update_is_told_to_the_last_byte() -> None:
    assert str(explained(lost_update)) == golden("lost_update")


def test_so_is_a_failure_of_the_component() -> None:
    """Most of its shares are drawn, and one line of its what-ifs is too long."""
    assert str(explained(stranded_items)) == golden("stranded_items")


@pytest.mark.parametrize("seed", ["0", "1"])
def test_every_process_tells_the_same(seed: str) -> None:
    program = (
        "from tests.explore.test_explain import explained, lost_update_in_noise, crash_between\n"
        "print(explained(lost_update_in_noise), explained(crash_between), sep=chr(10))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout == f"{explained(lost_update_in_noise)}\n{explained(crash_between)}\n"


# ------------------------------------------------------------------------------------------------- what is explained


def test_a_run_that_is_not_shrunk_is_shrunk_first() -> None:
    failing = check(lost_update_in_noise, RandomWalk(50, seed=3), simplify=False).finding
    assert failing is not None
    assert len(failing.run.record.forced) > 1
    explanation = explain(lost_update_in_noise, failing.run, runs=1)
    assert len(explanation.run.record.forced) == 1
    assert explanation.is_minimal


def test_a_string_is_as_good_as_a_run() -> None:
    report = check(lost_update, Bounded())
    assert report.finding is not None
    by_string = explain(lost_update, report.finding.replay)
    assert str(by_string) == str(explain(lost_update, report.finding.run))
    assert by_string.replay == report.finding.replay


def test_of_a_run_that_held_only_its_retries_are_told() -> None:
    run = next(
        run
        for run in (Simulation(proper_bumps, RandomChoices(seed)).run() for seed in range(50))
        if len(run.view.retried()) == 1
    )
    explanation = explain(proper_bumps, run)
    assert (explanation.broken, explanation.chances, explanation.counterfactuals) == (None, (), ())
    first, *rest = str(explanation).splitlines()
    assert first == "proper_bumps: nothing broke"
    assert rest[2] == "Why attempts were lost"
    assert len(explanation.retries) == 1


@pytest.mark.parametrize("wrong", [3, None, "run"])
def test_what_is_no_run_of_the_scenario_is_refused(wrong: object) -> None:
    given = found(timer_cancels_itself) if wrong == "run" else wrong
    with pytest.raises(UsageError, match="is no run of lost_update"):
        explain(lost_update, given)  # type: ignore[arg-type]


@pytest.mark.parametrize("runs", [0, -1, 1.5, True])
def test_shares_of_no_runs_are_refused(runs: float) -> None:
    with pytest.raises(UsageError, match="say nothing"):
        explain(lost_update, found(lost_update), runs=runs)  # type: ignore[arg-type]


@pytest.mark.parametrize("after", [1, 20, 150])
def test_an_interrupted_explanation_tells_what_it_has(after: int) -> None:
    made: list[Run] = []

    def look(run: Run) -> None:
        made.append(run)
        if len(made) == after:
            raise KeyboardInterrupt

    explanation = explain(lost_update_in_noise, found(lost_update_in_noise), runs=1_000, on_run=look)
    assert explanation.interrupted
    assert explanation.runs <= after + 2  # whoever begins anew is told with his first run
    assert explanation.story
    assert "interrupted: there may be more to tell" in str(explanation)


def test_many_what_ifs_are_counted_and_lines_are_not_too_wide() -> None:
    report = check(crowd, Lockstep())
    assert report.finding is not None
    explanation = explain(crowd, report.finding.run, runs=1)
    saving = sum(not each.breaks for each in explanation.counterfactuals)
    told = " ".join(str(explanation).split())
    assert told.count("no_update_is_lost would have held.") == 12 < saving
    assert f"{saving - 12} other changes do away with it" in told
    assert max(len(line) for line in str(explanation).splitlines()) <= 120


# ----------------------------------------------------------------------------------------------------------- the story


def test_a_story_leaves_out_who_has_nothing_to_do_with_it() -> None:
    explanation = explained(lost_update_in_noise, 1)
    assert "noise" in story(explanation.run.trace)  # type: ignore[arg-type]
    assert "noise" not in explanation.story
    assert explanation.left_out > 10


def test_a_story_is_part_of_the_whole_one_under_the_same_names() -> None:
    explanation = explained(double_chain, 1)
    assert explanation.run.trace is not None
    whole = [line.partition("  ")[2].strip() for line in story(explanation.run.trace).splitlines()]
    for line in explanation.story.splitlines():
        assert line.partition("  ")[2].strip() in whole


@pytest.mark.parametrize("world", [lost_update, crash_between, stranded_items, double_chain, on_throw])
def test_whoever_wrote_what_was_looked_at_or_failed_is_in_the_story(world: Scenario) -> None:
    explanation = explained(world, 1)
    assert f"BROKEN {explanation.broken}" in explanation.story
    for each in explanation.run.record.forced:
        assert each.taken.activity in explanation.story
    if world is on_throw:
        assert "throws ScheduledFunctionCancelingItself" in explanation.story


def test_whoever_settled_it_is_in_the_story() -> None:
    """Without bob's second look it would not have been certain, though he found nothing to do."""
    explanation = explained(failed_flush_strands, 400)
    last = explanation.point_of_no_return
    assert last is not None
    assert last.what == "bob.1+1.1 begins batchProcessor/lib:doFlushTransition"
    assert "bob.1+1.1 " in explanation.story


def test_of_a_property_that_looks_at_the_order_itself_nothing_is_left_out() -> None:
    run = Simulation(lost_update.variant("judged"), RandomChoices(1)).run()
    retold = retell(run)
    everybody = {step.activity for step in retold.steps}
    assert {*activities_that_matter(retold, [])} <= everybody
    blind = retell(Simulation(without_looking, RandomChoices(1)).run())
    assert {*activities_that_matter(blind, [])} == {step.activity for step in blind.steps}


def test_a_begin_right_before_its_verdict_says_nothing() -> None:
    retold = retell(found(lost_update))
    told = events_that_matter(retold, [step.activity for step in retold.steps])
    kinds = [type(retold.trace.events[at]).__name__ for at in sorted(told)]
    assert "Stepped" not in kinds
    assert kinds.count("Began") < sum(type(each).__name__ == "Began" for each in retold.trace.events)


# ----------------------------------------------------------------------------------------------- when it was settled


def chance(step: int, before: Share | None, after: Share | None) -> Chance:
    return Chance(step, 0.0, f"bob.{step} begins", 2, before, after)


def share(text: str, walks: int = 0) -> Share:
    return Share(Fraction(text), walks)


def test_the_point_of_no_return_is_the_first_choice_after_which_all_fail() -> None:
    explanation = explained(three_constraints, 1_000)
    last = explanation.point_of_no_return
    assert last is explanation.chances[-1]
    assert str(last) == "step 51: even.1.2 commits stages:step"
    assert "that is the last choice: until then it might have gone well" in str(explanation)


def test_what_fails_in_every_order_was_settled_from_the_start() -> None:
    explanation = explained(timer_cancels_itself)
    assert explanation.is_in_every_run
    assert (explanation.point_of_no_return, explanation.decisive) == (None, None)
    assert "from the start: nothing in this run was a choice" in str(explanation)


def test_the_decisive_step_is_where_the_share_surely_grows_most() -> None:
    shares = [share("1/2", 10), share("7/10", 10), share("1/4"), share("3/4"), share("1")]
    chances = [chance(at, *shares[at : at + 2]) for at in range(4)]
    assert decisive(chances) is chances[2]
    assert settled(chances) is chances[3]
    assert decisive(chances[:1]) is None  # ten ways drawn tell hardly anything apart
    assert decisive([]) is None


def test_a_last_open_choice_of_which_all_that_was_drawn_fails_may_be_settled_before() -> None:
    explanation = explained(double_chain, 100)
    last = explanation.point_of_no_return
    assert last is not None
    assert last.before is None or not last.before.is_exact
    assert "point of no return, at the latest: " in str(explanation)


def test_what_the_shares_could_not_afford_is_said() -> None:
    assert "choices nobody has looked at" in str(explained(three_constraints, 2))
