"""The planted bugs that explorers are compared on are what they say, and so is how the comparison counts."""

from __future__ import annotations

from math import comb, inf

import pytest

from benchmarks.explorers import BY_SEED, WITHOUT_SEED, first_bug, interval, told
from benchmarks.planted import BUGS, crash_between, five_conflicts, lost_update, stale_id, three_constraints, write_skew
from convexsim import Bounded, Lockstep, Pct, RandomWalk, Scenario, Simulation, check


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_does_not_show_in_the_serial_run(bug: Scenario) -> None:
    assert Simulation(bug, trace=False).run().violations == []


@pytest.mark.parametrize(("bug", "forced"), [(lost_update, 1), (write_skew, 1), (stale_id, 1), (crash_between, 1)])
def test_one_forced_choice_is_enough_where_the_bug_says_so(bug: Scenario, forced: int) -> None:
    report = check(bug, Bounded(), simplify=False)
    assert report.finding is not None
    assert report.finding.choices_before == forced


def test_three_constraints_take_three_switches() -> None:
    report = check(three_constraints, Bounded())
    assert report.finding is not None
    assert report.finding.choices_after == 3
    assert "1 forced: all 21; 2 forced: all 250; 3 forced:" in report.explorer


def test_five_conflicts_in_a_row_are_what_lockstep_makes() -> None:
    report = check(five_conflicts, Lockstep(), simplify=False)
    assert report.finding is not None
    errors = [call.error for call in report.finding.run.calls if call.error is not None]
    assert len(errors) == 1
    assert "gave up" in errors[0]


# ---------------------------------------------------------------------------------------------------- how it is counted


def test_the_first_bug_is_the_number_of_its_run() -> None:
    for explorer in (RandomWalk(100), Pct(100)):
        report = check(lost_update, explorer, simplify=False)
        assert first_bug(lost_update, explorer) == (report.runs, report.runs)
    assert first_bug(five_conflicts, RandomWalk(3)) == (inf, 3)


@pytest.mark.parametrize("count", [7, 11, 41, 51, 101])
def test_the_interval_is_the_narrowest_one_that_covers_the_median_with_95_percent(count: int) -> None:
    """Between the order statistics of ranks a and b, from 1, it lies with the probability that a to b - 1 are below."""

    def covers(low: int) -> float:
        return float(sum(comb(count, below) for below in range(low + 1, count - low)) / 2**count)

    low, high = interval(count)
    assert high == count - 1 - low
    assert covers(low) >= 0.95 > covers(low + 1)


def test_a_cell_tells_the_median_its_interval_and_who_never_found_it() -> None:
    assert told([(3, 3)], 10) == "3"
    assert told([(inf, 10)], 10) == "– (10)"
    assert told([(run, run) for run in range(1, 12)], 20) == "6 [2, 10]"
    assert told([(run, run) for run in range(1, 8)] + [(inf, 20)] * 4, 20) == "6 [2, >20] (4 never)"


def test_every_kind_of_explorer_that_can_be_chosen_is_measured() -> None:
    assert {"random", "portfolio"} < {*BY_SEED}
    assert {"bounded", "exhaustive", "lockstep"} < {*WITHOUT_SEED}
