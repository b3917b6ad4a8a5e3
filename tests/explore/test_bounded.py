"""The bounded search: one bound after the other, what it says of each, and that in the end every order is run."""

from __future__ import annotations

import pytest

from convexsim import Bounded, Exhaustive, Run, Scenario, Simulation, check
from tests.explore.worlds import proper_bumps, racing_bumps, stormy


def explored(explorer: Bounded | Exhaustive, world: Scenario) -> list[tuple[int, ...]]:
    runs: list[tuple[int, ...]] = []
    last: Run | None = None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(world, choices, trace=False).run()
        runs.append(last.indexes)
    return runs


def forced(run: tuple[int, ...]) -> int:
    return sum(map(bool, run))


def test_each_bound_is_searched_in_full_before_the_next() -> None:
    runs = explored(Bounded(), proper_bumps)
    every = explored(Exhaustive(), proper_bumps)
    within = [[run for run in every if forced(run) <= bound] for bound in range(5)]
    assert runs == [run for orders in within for run in orders]
    assert len(within[3]) < len(within[4]) == len(every)


@pytest.mark.parametrize("backoffs", [True, False])
def test_without_a_last_bound_it_is_exhausted_when_every_order_was_run(backoffs: bool) -> None:  # noqa: FBT001
    explorer = Bounded(backoffs=backoffs)
    assert set(explored(explorer, proper_bumps)) == set(explored(Exhaustive(backoffs=backoffs), proper_bumps))
    assert explorer.exhausted


def test_it_says_of_each_bound_whether_it_was_exhausted() -> None:
    """34 orders of two bumps; 1, 3, 12, 27 and 34 of them have at most 0 to 4 forced choices."""
    told = {limit: check(proper_bumps, Bounded(limit)).explorer for limit in (1, 4, 10, 16, 77)}
    assert told[1] == "bounded search (0 forced: all 1)"
    assert told[4] == "bounded search (0 forced: all 1; 1 forced: all 3)"
    assert told[10] == "bounded search (0 forced: all 1; 1 forced: all 3; 2 forced: 6, not all)"
    assert told[16] == "bounded search (0 forced: all 1; 1 forced: all 3; 2 forced: all 12)"
    assert told[77].endswith("2 forced: all 12; 3 forced: all 27; 4 forced: all 34)")


@pytest.mark.parametrize("runs", [1, 4, 10, 16, 43, 76])
def test_out_of_runs_is_not_exhausted(runs: int) -> None:
    explorer = Bounded(runs)
    assert len(explored(explorer, proper_bumps)) == runs
    assert not explorer.exhausted


def test_the_last_bound_is_kept_and_is_not_taken_for_everything() -> None:
    explorer = Bounded(forced=2)
    assert len(explored(explorer, proper_bumps)) == 1 + 3 + 12
    assert not explorer.exhausted
    assert explorer.name.startswith("bounded search, at most 2 forced choices (0 forced: all 1;")
    beyond = Bounded(forced=9)
    assert len(explored(beyond, proper_bumps)) == 77
    assert beyond.exhausted


def test_a_fault_costs_one_forced_choice() -> None:
    explorer = Bounded(forced=1)
    assert max(forced(run) for run in explored(explorer, stormy)) == 1
    faults = [run for run in explored(Exhaustive(forced=1), stormy) if forced(run)]
    assert set(faults) <= set(explored(explorer, stormy))


def test_a_failure_is_met_with_as_few_forced_choices_as_it_needs() -> None:
    report = check(racing_bumps(3, 2), Bounded(), simplify=False)
    assert report.finding is not None
    assert report.finding.choices_before == 1
