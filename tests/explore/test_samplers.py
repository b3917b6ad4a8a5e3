"""How samplers draw: what sticky means, what PCT's priorities, moments of change and bound are (exploration.md 4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from attrs import frozen

from convexsim import (
    Pct,
    RandomWalk,
    Run,
    Scenario,
    Simulation,
    Sticky,
)
from convexsim.choices import Choices
from convexsim.explore.pct import PctChoices
from convexsim.explore.sticky import StickyChoices
from tests.explore.worlds import lost_update, proper_bumps, racing_bumps, stormy


@frozen
class Step:
    """An option of a choice."""

    activity: str
    phase: str = "begin"
    number: int = 0


def steps(*activities: str) -> list[Step]:
    return [Step(activity) for activity in activities]


def chosen(choices: Choices, options: Sequence[Step], times: int) -> list[str]:
    return [options[choices.choose("step", options)].activity for _ in range(times)]


def runs_of(explorer: RandomWalk | Pct | Sticky, world: Scenario) -> list[Run]:
    runs: list[Run] = []
    while (choices := explorer.propose(runs[-1] if runs else None)) is not None:
        runs.append(Simulation(world, choices, trace=False).run())
    return runs


@pytest.mark.parametrize("explorer", [RandomWalk(2), Sticky(2), Pct(2)])
def test_the_first_run_is_the_plain_serial_one(explorer: RandomWalk) -> None:
    assert set(runs_of(explorer, stormy)[0].indexes) == {0}


# --------------------------------------------------------------------------------------------------------------- sticky


@pytest.mark.parametrize("p", [0.05, 0.25, 0.75, 1])
def test_a_sticky_walk_switches_with_probability_p(p: float) -> None:
    walked = chosen(StickyChoices(1, p), steps("a.1", "b.1", "c.1"), 4_000)
    switches = sum(before != after for before, after in pairwise(walked))
    assert abs(switches / len(walked) - p) < 0.03
    assert all(walked.count(each) > 800 for each in ("a.1", "b.1", "c.1"))


def test_staying_is_about_the_client_or_scheduled_function_not_about_its_single_calls() -> None:
    choices = StickyChoices(1, 1e-9)
    first = chosen(choices, steps("a.1", "b.1"), 1)[0][0]
    own, other = f"{first}.1.1", "b.1" if first == "a" else "a.1"
    assert chosen(choices, steps(other, own), 20) == [own] * 20
    assert chosen(choices, steps(f"{first}.1+1", own), 20) == [own] * 20


def test_where_the_running_activity_has_nothing_to_run_all_others_are_drawn_alike() -> None:
    after = []
    for seed in range(600):
        choices = StickyChoices(seed, 0.25)
        chosen(choices, steps("a.1", "a.2"), 1)
        after += chosen(choices, steps("b.1", "c.1", "d.1"), 1)
    assert all(after.count(each) > 150 for each in ("b.1", "c.1", "d.1"))


# ------------------------------------------------------------------------------------------------------------------ PCT


def test_at_depth_one_the_same_activity_runs_as_long_as_it_can() -> None:
    for seed in range(20):
        walked = chosen(PctChoices(seed, 1, 30), steps("a.1", "b.1", "c.1"), 30)
        assert len(set(walked)) == 1
    firsts = [chosen(PctChoices(seed, 1, 30), steps("a.1", "b.1", "c.1"), 1)[0] for seed in range(600)]
    assert all(firsts.count(each) > 150 for each in ("a.1", "b.1", "c.1"))


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_a_run_has_depth_minus_one_moments_of_change_at_most_and_who_dropped_comes_last(depth: int) -> None:
    seen = set()
    for seed in range(300):
        walked = chosen(PctChoices(seed, depth, 30), steps(*(f"{client}.1" for client in "abcdefg")), 30)
        changes = sum(before != after for before, after in pairwise(walked))
        seen.add(changes)
        order = [walked[0], *(after for before, after in pairwise(walked) if before != after)]
        assert len(set(order)) == len(order)  # with more activities than changes nobody comes back
    assert max(seen) == depth - 1


def test_moments_of_change_are_drawn_over_the_whole_length() -> None:
    at = []
    for seed in range(400):
        walked = chosen(PctChoices(seed, 2, 10), steps("a.1", "b.1"), 10)
        at += [moment for moment, (before, after) in enumerate(pairwise(walked), start=1) if before != after]
    assert sorted(set(at)) == list(range(1, 10))
    assert max(at.count(moment) for moment in range(1, 10)) < 80  # some 20 each, if all are alike


def test_branches_of_one_action_share_a_priority_and_are_drawn() -> None:
    options = steps("a.1.1", "a.1.2", "b.1")
    walked = [chosen(PctChoices(seed, 1, 5), options, 1)[0] for seed in range(600)]
    assert 250 < walked.count("b.1") < 350
    assert all(walked.count(each) > 100 for each in ("a.1.1", "a.1.2"))


def test_the_bound_follows_from_the_largest_run_so_far() -> None:
    """Two clients; the serial run of two mutations has two begins and two commits, all but the last with a choice."""
    explorer = Pct(runs=50, depth=3)
    assert explorer.bound == 1
    assert explorer.name == "PCT search, depth 3, seed 0"
    first = Simulation(proper_bumps, explorer.propose(None), trace=False).run()
    explorer.propose(first)
    length = sum(kind == "step" for kind, _, _, _ in first.record.taken)
    assert explorer.bound == 1 / (2 * length**2)
    longest = max(sum(kind == "step" for kind, *_ in run.record.taken) for run in runs_of(explorer, proper_bumps))
    assert longest > length
    assert explorer.bound == 1 / (2 * longest**2)
    assert explorer.name == f"PCT search, depth 3, at least 1 run in {2 * longest**2} shows a bug of that depth, seed 0"


@pytest.mark.parametrize(("world", "depth"), [(lost_update, 2), (racing_bumps(2, 2), 2), (racing_bumps(2, 2), 3)])
def test_a_bug_of_that_depth_is_at_least_as_frequent_as_the_bound_says(world: Scenario, depth: int) -> None:
    explorer = Pct(runs=300, seed=1, depth=depth)
    found = sum(bool(run.violations) for run in runs_of(explorer, world))
    assert found / 300 >= explorer.bound


def test_activities_that_only_ever_competed_count_too() -> None:
    """At level 3 bob's one step comes without a choice, and yet he is one of two."""
    explorer = Pct(runs=2, depth=2)
    explorer.propose(Simulation(proper_bumps, explorer.propose(None), level=3, trace=False).run())
    assert explorer.bound == 1 / 2
