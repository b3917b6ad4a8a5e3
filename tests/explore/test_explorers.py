"""Explorers: what each of them runs, that it can be repeated, and what a report says of it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from convexsim import (
    Exhaustive,
    Lockstep,
    RandomWalk,
    Run,
    Scenario,
    Simulation,
    UsageError,
    View,
    World,
    api,
    check,
    eventually,
    scenario,
)
from convexsim.choices import ListedChoices, RandomChoices
from convexsim.explore.explorer import Explorer
from convexsim.explore.replay import without_trailing_zeros
from convexsim.explore.shrink import shrink
from convexsim.trace.event import Stepped
from tests.explore.worlds import app, lost_update, no_update_is_lost, proper_bumps, racing_bumps, too_many


def all_runs(explorer: Explorer, level: int = 2) -> list[tuple[int, ...]]:
    runs: list[tuple[int, ...]] = []
    last: Run | None = None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(proper_bumps, choices, level=level, trace=False).run()
        runs.append(last.indexes)
    return runs


def test_a_random_walk_is_repeated_by_its_seed_and_starts_with_the_serial_run() -> None:
    walks = [all_runs(RandomWalk(runs=30, seed=seed)) for seed in (1, 1, 2)]
    assert walks[0] == walks[1]
    assert walks[0] != walks[2]
    assert set(walks[0][0]) <= {0}
    assert len(walks[0]) == 30
    assert len(set(walks[0])) > 5


def test_a_random_walk_of_no_runs_is_refused() -> None:
    with pytest.raises(UsageError, match="0 runs"):
        RandomWalk(runs=0)


def test_the_exhaustive_search_runs_every_order_once_in_lexical_order() -> None:
    explorer = Exhaustive()
    runs = all_runs(explorer)
    assert explorer.exhausted
    assert len(set(runs)) == len(runs)
    assert runs == sorted(runs)
    sampled = {Simulation(proper_bumps, RandomChoices(seed), trace=False).run().indexes for seed in range(300)}
    assert sampled <= set(runs)


def test_the_exhaustive_search_counts_what_can_be_counted_by_hand() -> None:
    # Two whole mutations: alice first or bob first.
    assert len(all_runs(Exhaustive(), level=3)) == 2
    # Begin and commit of each: 4!/(2!2!) = 6 orders; in 4 of them both begin before either commits, and the loser waits
    # one of 8 times. After that it is alone.
    assert len(all_runs(Exhaustive(backoffs=False))) == 6
    assert len(all_runs(Exhaustive())) == 2 + 4 * 8


def test_the_exhaustive_search_gives_up_where_it_was_told_to() -> None:
    explorer = Exhaustive(max_runs=3)
    assert len(all_runs(explorer)) == 3
    assert not explorer.exhausted
    assert len(all_runs(Exhaustive(max_runs=34))) == 34
    exact = Exhaustive(max_runs=34)
    all_runs(exact)
    assert exact.exhausted


@pytest.mark.parametrize("forced", [0, 1, 2, 3])
def test_a_bound_on_forced_choices_keeps_exactly_the_orders_within_it(forced: int) -> None:
    within = [run for run in all_runs(Exhaustive()) if sum(map(bool, run)) <= forced]
    assert all_runs(Exhaustive(forced=forced)) == within


def test_lockstep_begins_everything_before_it_commits_anything_round_by_round() -> None:
    report = check(racing_mutations(6), Lockstep(), simplify=False)
    assert report.finding is not None
    trace = report.finding.run.trace
    assert trace is not None
    phases = [e.phase for e in trace.events if isinstance(e, Stepped) and e.phase in ("begin", "commit")]
    changes = sum(1 for before, after in pairwise(phases) if before != after)
    assert phases[:12] == ["begin"] * 6 + ["commit"] * 6
    assert changes == 2 * 5 - 1  # five rounds of begins and commits
    assert [phases.count("begin"), phases.count("commit")] == [6 + 5 + 4 + 3 + 2] * 2
    assert sum(call.error is None for call in report.finding.run.calls) == 5


def racing_mutations(clients: int) -> Scenario:
    @scenario(app=app(), invariants=[no_update_is_lost])
    def racing(world: World) -> None:
        for number in range(clients):
            world.client(f"racer{number}").mutation(api.counters.bump)

    return racing


def test_lockstep_is_one_run() -> None:
    report = check(proper_bumps, Lockstep())
    assert report.runs == 1
    assert report.holds
    assert "no failure in 1 run (lockstep, level 2)" in str(report)


@pytest.mark.parametrize(("racers", "noise"), [(2, 0), (2, 3), (3, 2)])
def test_a_found_race_is_shrunk_to_one_switch(racers: int, noise: int) -> None:
    for seed in range(3):
        report = check(racing_bumps(racers, noise), RandomWalk(runs=300, seed=seed))
        assert report.finding is not None
        assert report.finding.choices_after == 1
        assert report.finding.run.violations[0].invariant == "no_update_is_lost"


def test_shrinking_keeps_the_invariant_that_broke() -> None:
    report = check(too_many, RandomWalk(runs=5))
    assert report.finding is not None
    assert [broken.invariant for broken in report.finding.violations] == ["never_above_one"]
    assert report.finding.choices_after == 0
    assert report.finding.run.ending == "broken"


def test_a_forced_choice_that_is_left_becomes_as_low_as_it_can() -> None:
    """Which of the other four comes first does not matter, so in the end it is option 1."""

    @eventually
    def ann_is_first(view: View) -> bool:
        return str(view.documents("notes")[0]["text"]) == "ann"

    @scenario(app=app(), invariants=[ann_is_first])
    def race(world: World) -> None:
        for name in ("ann", "bob", "cid", "dan", "eve"):
            world.client(name).mutation(api.counters.note, {"text": name})

    failing = Simulation(race, ListedChoices((4,)), level=3).run()
    assert failing.violations
    assert without_trailing_zeros(shrink(failing, 3).indexes) == (1,)


def test_without_shrinking_the_very_run_is_reported() -> None:
    explored = check(racing_bumps(2, 3), RandomWalk(runs=300, seed=1), simplify=False)
    assert explored.finding is not None
    assert explored.finding.choices_before == explored.finding.choices_after > 1


def test_reports_say_what_was_covered() -> None:
    assert "holds in all of 34 runs (exhaustive, level 2)" in str(check(proper_bumps, Exhaustive()))
    assert "no failure in 7 runs (random walk, seed 0, level 2)" in str(check(proper_bumps, RandomWalk(runs=7)))
    found = check(lost_update, RandomWalk(runs=50))
    assert "BROKEN after" in str(found)
    assert "no_update_is_lost: 1 of 2" in str(found)
    assert found.finding is not None
    assert found.finding.replay in str(found)
    assert "no_update_is_lost" in found.story()
    assert check(proper_bumps, RandomWalk(runs=2)).story() == ""


def test_an_interruption_keeps_what_was_done() -> None:
    def stop(number: int, _run: Run) -> None:
        if number == 4:
            raise KeyboardInterrupt

    report = check(proper_bumps, RandomWalk(runs=50), on_run=stop)
    assert report.interrupted
    assert report.runs == 4
    assert "interrupted; no failure in 4 runs" in str(report)


def test_failed_calls_are_counted_by_their_message() -> None:
    @scenario(app=app())
    def wrong(world: World) -> None:
        world.client("alice").mutation(api.counters.note, {"text": 3})
        world.client("alice").mutation(api.counters.bump, {"nam": "hits"})

    report = check(wrong, RandomWalk(runs=3))
    assert sorted(report.failed_calls.values()) == [3, 3]
    assert any("ArgumentValidationError" in message for message in report.failed_calls)
    assert any("got an argument 'nam'" in message for message in report.failed_calls)


@pytest.mark.parametrize("level", [0, 4, "2"])
def test_a_level_that_there_is_not_is_refused(level: object) -> None:
    with pytest.raises(UsageError, match="is not 1, 2 or 3"):
        Simulation(proper_bumps, ListedChoices(()), level=level)  # type: ignore[arg-type]
