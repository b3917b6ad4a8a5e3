"""How samplers draw: what sticky means, PCT's priorities, moments and bound, POS's priorities (exploration.md 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from attrs import frozen

from benchmarks.planted import five_conflicts, three_constraints
from convexsim import (
    Guided,
    Pct,
    Pos,
    RandomWalk,
    Run,
    Scenario,
    Simulation,
    Starving,
    Sticky,
    UsageError,
)
from convexsim.actors.footprints import Footprint
from convexsim.choices import Choices, FirstChoices, RandomChoices
from convexsim.database.reads import ReadSet
from convexsim.explore.dependence import Dependence
from convexsim.explore.explorer import Explorer
from convexsim.explore.pct import PctChoices
from convexsim.explore.pos import PosChoices, Seen
from convexsim.explore.starving import StarvingChoices
from convexsim.explore.sticky import StickyChoices
from convexsim.explore.trace_key import Recorded
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


def runs_of(explorer: Explorer, world: Scenario) -> list[Run]:
    runs: list[Run] = []
    while (choices := explorer.propose(runs[-1] if runs else None)) is not None:
        runs.append(Simulation(world, choices, trace=False).run())
    return runs


@pytest.mark.parametrize("explorer", [RandomWalk(2), Sticky(2), Pct(2), Pos(2), Starving(2), Guided(2)])
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


# ------------------------------------------------------------------------------------------------------------------ POS


def step(activity: str, *, reads: str = "", writes: str = "") -> Footprint:
    """Return what a step did that has read a key, or written one, or neither."""
    footprint = Footprint(activity, "begin", 0, -1)
    if reads:
        read = ReadSet()
        read.add_key(reads, b"key")
        footprint.reads.append(read)
    if writes:
        footprint.writes.append({writes: [(b"key", "id")]})
    return footprint


KNOWN = Seen(
    {
        ("a.1", "begin"): [step("a.1", reads="/x.by_id")],
        ("b.1", "begin"): [step("b.1", reads="/y.by_id"), step("b.1", writes="/z.by_id")],
        ("c.1", "begin"): [step("c.1")],
    }
)


@pytest.mark.parametrize(
    ("ran", "racing"),
    [
        (step("w", writes="/x.by_id"), ["a.1", "unseen"]),
        (step("w", writes="/y.by_id"), ["b.1", "unseen"]),
        (step("w", reads="/z.by_id"), ["b.1", "unseen"]),
        (step("w", reads="/x.by_id"), ["unseen"]),
    ],
)
def test_a_pending_step_races_as_those_of_its_name_did_and_one_that_nobody_knows_with_all(
    ran: Footprint, racing: list[str]
) -> None:
    assert [option.activity for option in steps("a.1", "b.1", "c.1", "unseen") if KNOWN.races(ran, option)] == racing
    assert Seen().races(ran, Step("a.1"))


def test_where_the_order_of_steps_is_looked_at_all_of_them_race() -> None:
    seen = Seen(KNOWN.steps, Dependence(total=("somebody looks back",)))
    assert seen.races(step("w"), Step("c.1"))


def test_only_those_who_race_with_the_step_that_ran_get_another_priority() -> None:
    """All priorities are drawn at the first choice; then x is written, so that a.1 draws again, and nobody else."""
    options = [Step(activity, number=number) for number, activity in enumerate(("a.1", "b.1", "c.1"))]
    for seed in range(50):
        choices, draw = PosChoices(seed, KNOWN), RandomChoices(seed).draw
        drawn = [draw() for _ in options]
        assert choices.choose("step", options) == drawn.index(max(drawn))
        choices.footprints.steps.append(step("w", writes="/x.by_id"))
        drawn[0] = draw()
        assert choices.choose("step", options) == drawn.index(max(drawn))
        assert choices.choose("step", options) == drawn.index(max(drawn))


def test_a_step_that_comes_up_later_draws_its_own_priority() -> None:
    for seed in range(50):
        choices, draw = PosChoices(seed, KNOWN), RandomChoices(seed).draw
        first = [draw(), draw()]
        choices.choose("step", [Step("a.1", number=0), Step("b.1", number=1)])
        later = [first[0], draw()]
        options = [Step("a.1", number=0), Step("b.1", number=2)]
        assert choices.choose("step", options) == later.index(max(later))


def test_run_n_of_a_partial_order_sampling_follows_from_the_serial_run_the_seed_and_n() -> None:
    """However the other runs went: here all of them are the serial one."""
    whole, part = Pos(20, seed=4), Pos(20, seed=4)
    runs = runs_of(whole, stormy)
    last = Simulation(stormy, part.propose(None), trace=False).run()
    for at in range(1, 20):
        choices = part.propose(last)
        assert choices is not None
        if at in (7, 19):
            assert Simulation(stormy, choices, trace=False).run().indexes == runs[at].indexes


def test_at_level_1_nothing_is_known_of_a_step() -> None:
    explorer = Pos(2)
    explorer.propose(Simulation(lost_update, explorer.propose(None), level=1, trace=False).run())
    serial = Simulation(lost_update, Recorded(FirstChoices()), level=1, trace=False).run()
    assert serial.footprints is not None
    assert Seen.in_run(serial.footprints) == Seen()
    at_two = Simulation(lost_update, Recorded(FirstChoices()), trace=False).run()
    assert at_two.footprints is not None
    assert ("alice.1.1", "begin") in Seen.in_run(at_two.footprints).steps


def test_orderings_one_after_the_other_are_met_more_often_than_in_a_random_walk() -> None:
    found = [sum(bool(run.violations) for run in runs_of(kind(300), three_constraints)) for kind in (Pos, RandomWalk)]
    assert found[0] > 1.5 * found[1] > 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Sticky(p=0), "the probability 0"),
        (lambda: Sticky(p=1.5), "the probability 1.5"),
        (lambda: RandomWalk(seed="a"), "the seed 'a'"),  # type: ignore[arg-type]
        (lambda: RandomWalk(0), "random walk of 0 runs"),
        (lambda: Pct(depth=0), "PCT search of depth 0"),
    ],
)
def test_what_makes_no_sampler_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()


def test_a_switch_may_have_any_probability_up_to_one() -> None:
    assert Sticky(p=1).name == "sticky walk, p=1, seed 0"


# ------------------------------------------------------------------------------------------------------------- starving


def starving(*activities: str, fed: Sequence[str] = ()) -> StarvingChoices:
    """Return choices under which exactly these activities, of all that are asked for, starve."""
    for seed in range(5_000):
        choices = StarvingChoices(seed)
        conflicts = {each: [Step(each, "no conflict"), Step(each, "conflict")] for each in (*activities, *fed)}
        struck = [each for each, options in conflicts.items() if choices.choose("fault", options)]
        if struck == list(activities):
            return choices
    raise AssertionError


def ran(choices: StarvingChoices, step: Step, *, reads: bytes = b"", writes: bytes = b"") -> None:
    """Note what a step has read and written, as the simulation does."""
    seen = ReadSet()
    for at in range(len(reads)):
        seen.add_key("/rows.by_id", reads[at : at + 1])
    touched = [(writes[at : at + 1], "id") for at in range(len(writes))]
    made = Footprint(step.activity, step.phase, 0.0, -1, reads=[seen], writes=[{"/rows.by_id": touched}])
    choices.footprints.steps.append(made)


def test_who_starves_begins_first_and_commits_only_once_it_has_lost() -> None:
    for _ in range(5):
        choices = starving("b.1", fed=["a.1", "c.1"])
        waiting = [Step("a.1", "commit"), Step("b.1", "commit"), Step("c.1")]

        def commits(choices: StarvingChoices = choices, waiting: Sequence[Step] = waiting) -> int:
            return sum(choices.choose("step", waiting) == 1 for _ in range(200))

        for _ in range(2):
            assert chosen(choices, [Step("a.1"), Step("b.1"), Step("c.1")], 1) == ["b.1"]
            ran(choices, Step("b.1"), reads=b"xy")
            assert commits() == 0
            ran(choices, Step("a.1", "commit"), reads=b"x", writes=b"z")
            assert commits() == 0, "nobody has written what it has read"
            ran(choices, Step("c.1", "commit"), writes=b"zy")
            assert 30 < commits() < 110
            ran(choices, Step("b.1", "commit"))


def test_who_starves_alone_may_commit_and_never_waits_before_the_next_attempt() -> None:
    choices = starving("b.1", fed=["a.1"])
    assert chosen(choices, [Step("b.1")], 1) == ["b.1"]
    assert choices.choose("step", [Step("b.1", "commit"), Step("b.1", "commit")]) in (0, 1)
    waits = [Step("b.1", f"wait {ms} ms", ms) for ms in range(8)]
    assert [choices.choose("backoff", waits) for _ in range(50)] == [0] * 50
    waits = [Step("a.1", f"wait {ms} ms", ms) for ms in range(8)]
    assert {choices.choose("backoff", waits) for _ in range(400)} == set(range(8))


def test_conflicts_from_outside_strike_those_who_starve_other_faults_anybody() -> None:
    choices = starving("b.1", fed=["a.1"])
    for activity, strikes in (("a.1", 0), ("b.1", 1)):
        options = [Step(activity, "no conflict"), Step(activity, "conflict")]
        assert [choices.choose("fault", options) for _ in range(50)] == [strikes] * 50
    crash = [Step("a.1", "no crash"), Step("a.1", "crash")]
    assert {choices.choose("fault", crash) for _ in range(500)} == {0, 1}


def test_how_many_starve_differs_from_run_to_run() -> None:
    options = [[Step(f"a.{at}", "no conflict"), Step(f"a.{at}", "conflict")] for at in range(60)]
    starve = []
    for seed in range(90):
        choices = StarvingChoices(seed)
        starve.append(sum(choices.choose("fault", each) for each in options))
    assert sum(count < 6 for count in starve) > 15
    assert sum(count > 12 for count in starve) > 15
    assert 0 in starve


def test_mutations_that_give_up_are_met_though_no_random_walk_meets_them() -> None:
    walk, starve = (
        sum(bool(run.violations) for run in runs_of(kind(200), five_conflicts)) for kind in (RandomWalk, Starving)
    )
    assert walk == 0
    assert starve > 1
