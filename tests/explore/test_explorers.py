"""Explorers: what all of them keep, whichever is chosen; what the simplest ones run; what a report says of them.

The first part is the conformance suite: whatever stands in `catalogue.EXPLORERS` goes through it. What else samplers,
the bounded search and the portfolio promise, their own tests beside this one hold.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from convexsim import (
    Bounded,
    Dpor,
    Exhaustive,
    Guided,
    Lockstep,
    Pct,
    Portfolio,
    Pos,
    RandomWalk,
    Run,
    Scenario,
    Simulation,
    Starving,
    Sticky,
    UsageError,
    View,
    World,
    api,
    check,
    eventually,
    replay,
    scenario,
)
from convexsim.choices import ListedChoices, RandomChoices
from convexsim.explore.catalogue import EXPLORERS, Settings, explorer_named
from convexsim.explore.explorer import Explorer
from convexsim.explore.replay import without_trailing_zeros
from convexsim.explore.shrink import shrink
from convexsim.trace.event import Stepped
from tests.explore.worlds import app, lost_update, no_update_is_lost, proper_bumps, racing_bumps, stormy, too_many

ROOT = Path(__file__).resolve().parents[2]


# -------------------------------------------------------------------------------------------- what all explorers keep


def made(name: str, runs: int = 40, seed: int = 0) -> Explorer:
    return explorer_named(name, Settings(runs, seed))


def explored(explorer: Explorer, world: Scenario, level: int = 2) -> list[tuple[int, ...]]:
    """Run all that an explorer proposes; that each answer is one of the options, the record of the choices asserts."""
    runs: list[tuple[int, ...]] = []
    last: Run | None = None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(world, choices, level=level, trace=False).run()
        runs.append(last.indexes)
    return runs


LEVELS = [(name, level) for name in EXPLORERS for level in (1, 2, 3) if (name, level) != ("dpor", 1)]
"""At level 1 Dpor refuses, as its own tests say."""


@pytest.mark.parametrize(("name", "level"), LEVELS)
def test_an_explorer_answers_every_kind_of_choice_and_stops_where_it_was_told(name: str, level: int) -> None:
    for runs in (1, 12):
        found = explored(made(name, runs), stormy, level)
        assert 1 <= len(found) <= runs
        assert len(found) == runs or name == "lockstep"


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_takes_a_world_in_which_nothing_happens(name: str) -> None:
    @scenario(app=app(), invariants=[])
    def idle(world: World) -> None:
        """Nobody is there."""

    assert dict.fromkeys(explored(made(name, runs=12), idle)) == {(): None}


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_is_repeatable_and_begins_anew(name: str) -> None:
    explorer = made(name, seed=3)
    first = explored(explorer, stormy)
    assert explored(explorer, stormy) == first
    assert explored(made(name, seed=3), stormy) == first


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_finds_the_lost_update_and_its_finding_replays(name: str) -> None:
    report = check(lost_update, made(name, 300))
    assert report.finding is not None
    again = replay([lost_update], report.finding.replay).run
    assert [broken.invariant for broken in again.violations] == ["no_update_is_lost"]


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_says_what_it_is_and_can_be_interrupted(name: str) -> None:
    def stop(_number: int, _run: Run) -> None:
        raise KeyboardInterrupt

    explorer = made(name)
    report = check(proper_bumps, explorer, on_run=stop)
    assert (report.runs, report.interrupted, report.exhausted) == (1, True, False)
    assert f"1 run ({explorer.name}, level 2)" in str(report)


SAYS: list[tuple[Explorer, str]] = [
    (RandomWalk(7, 5), "random walk, seed 5"),
    (Sticky(7, 5, p=0.125), "sticky walk, p=0.125, seed 5"),
    (Pct(7, 5, depth=4), "PCT search, depth 4, seed 5"),
    (Pos(7, 5), "partial-order sampling, seed 5"),
    (Starving(7, 5), "starving walk, seed 5"),
    (Guided(7, 5), "guided search, seed 5"),
    (Bounded(7, forced=2, backoffs=False), "bounded search, at most 2 forced choices, retries at once"),
    (Exhaustive(7, forced=2, backoffs=False), "exhaustive, at most 2 forced choices, retries at once"),
    (Exhaustive(7, forced=1), "exhaustive, at most 1 forced choice"),
    (Dpor(7), "dpor"),
    (Lockstep(), "lockstep"),
    (Portfolio(7, explorers=[Lockstep()]), "portfolio"),
]


@pytest.mark.parametrize(("explorer", "said"), SAYS, ids=[said for _, said in SAYS])
def test_a_name_says_the_settings(explorer: Explorer, said: str) -> None:
    assert explorer.name == said


def test_every_kind_of_explorer_is_asked_for_its_name() -> None:
    assert {type(made(name)) for name in EXPLORERS} == {type(explorer) for explorer, _ in SAYS}


DRAWING = (RandomWalk, Sticky, Pct, Pos, Starving, Guided, Portfolio)
WRONG: list[tuple[Callable[..., Explorer], dict[str, Any]]] = [
    *[(kind, {"runs": runs}) for kind in DRAWING for runs in (0, -1, 1.5, True, "a")],
    *[(kind, {"seed": seed}) for kind in DRAWING for seed in ("x", None, 0.5)],
    *[(Sticky, {"p": p}) for p in (0, -0.1, 1.1, float("nan"), "x", True)],
    *[(Pct, {"depth": depth}) for depth in (0, 2.0, None, True)],
    *[(kind, {"max_runs": runs}) for kind in (Bounded, Dpor, Exhaustive) for runs in (0, 2.5, True)],
    *[(kind, {"forced": forced}) for kind in (Bounded, Exhaustive) for forced in (-1, "x", 1.0)],
    (Portfolio, {"explorers": []}),
]


@pytest.mark.parametrize(("kind", "settings"), WRONG, ids=lambda each: getattr(each, "__name__", str(each)))
def test_settings_that_make_no_sense_are_refused_with_what_to_do(
    kind: Callable[..., Explorer], settings: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="explores nothing") as refused:
        kind(**settings)
    assert "Give" in str(refused.value)


def test_a_name_that_no_explorer_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no explorer 'pctt'.*'pct'"):
        made("pctt")


def proposals() -> str:
    """Return what every explorer proposes, for a comparison between processes."""
    lines = []
    for name in EXPLORERS:
        explorer = made(name, seed=11)
        lines.append(f"{explored(explorer, stormy)} {explorer.name}")
    return "\n".join(lines)


def test_proposals_are_the_same_in_every_process() -> None:
    program = "from tests.explore.test_explorers import proposals; print(proposals())"
    for hash_seed in ("1", "77"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
        told = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert told.stdout == proposals() + "\n"


# ------------------------------------------------------------------------- random walk, exhaustive, lockstep, reports


def all_runs(explorer: Explorer, level: int = 2) -> list[tuple[int, ...]]:
    return explored(explorer, proper_bumps, level)


def test_a_random_walk_is_repeated_by_its_seed_and_starts_with_the_serial_run() -> None:
    walks = [all_runs(RandomWalk(runs=30, seed=seed)) for seed in (1, 1, 2)]
    assert walks[0] == walks[1]
    assert walks[0] != walks[2]
    assert set(walks[0][0]) <= {0}
    assert len(walks[0]) == 30
    assert len(set(walks[0])) > 5


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
    assert without_trailing_zeros(shrink(failing).run.indexes) == (1,)


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
