"""Trace keys: equal exactly for runs that differ only in steps that commute (exploration.md 7, Meter)."""

from __future__ import annotations

import os
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest

from convexsim import (
    Dpor,
    Exhaustive,
    Faults,
    Meter,
    RandomWalk,
    Recording,
    Run,
    Scenario,
    Simulation,
    UsageError,
    View,
    always,
    check,
    trace_key,
)
from convexsim.choices import ListedChoices
from convexsim.explore.explorer import Explorer
from convexsim.explore.trace_key import Recorded
from tests.explore.small_worlds import Said, additions, increments, small_world, world_of
from tests.explore.worlds import proper_bumps

ROOT = Path(__file__).resolve().parents[2]


def explored(explorer: Explorer, world: Scenario, level: int) -> list[Run]:
    runs: list[Run] = []
    while (choices := explorer.propose(runs[-1] if runs else None)) is not None:
        runs.append(Simulation(world, choices, level=level, trace=False).run())
    return runs


def agree(world: Scenario, level: int, most: int, *, backoffs: bool = False) -> bool:
    """Assert that all orders have as many keys as there are traces; False if there are too many orders."""
    everything = Exhaustive(most, backoffs=backoffs)
    runs = explored(Recording(everything), world, level)
    if not everything.exhausted:
        return False
    reduced = Dpor(backoffs=backoffs)
    keys = [trace_key(run) for run in explored(Recording(reduced), world, level)]
    assert len({trace_key(run) for run in runs}) == reduced.traces
    assert {trace_key(run) for run in runs} == {*keys}
    return True


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("kind", ["plain", "scheduled", "actions"])
def test_all_orders_have_as_many_keys_as_there_are_traces(kind: str, level: int) -> None:
    assert sum(agree(small_world(kind, number), level, 24) for number in range(20, 36)) > 4


@pytest.mark.parametrize(("world", "traces"), [(increments("abc"), 1), (increments("aab"), 4), (increments("aaa"), 60)])
def test_the_counts_of_the_prototype_are_kept(world: Scenario, traces: int) -> None:
    runs = explored(Recording(Exhaustive(1_000, backoffs=False)), world, 2)
    assert len({trace_key(run) for run in runs}) == traces


def test_one_run_in_so_many_is_recorded() -> None:
    recorded = Recording(RandomWalk(8), every=3)
    for _ in range(2):  # an explorer begins anew without a last run
        runs = explored(recorded, proper_bumps, 2)
        assert [run.footprints is not None for run in runs] == [True, False, False] * 2 + [True, False]
    for share in (0, -1, 1.5, True):
        with pytest.raises(UsageError, match="One run in"):
            Recording(RandomWalk(), share)  # type: ignore[arg-type]


def test_begins_that_insert_into_one_table_are_told_apart() -> None:
    runs = explored(Recording(Exhaustive(backoffs=False)), additions(is_open=True), 2)
    assert (len(runs), len({trace_key(run) for run in runs})) == (90, 6)


@pytest.mark.parametrize("faults", [Faults(conflicts=1), Faults(crashes=1, system_errors=1), Faults(disconnects=1)])
def test_faults_belong_to_the_key(faults: Faults) -> None:
    clients: list[list[Said]] = [
        [("mutation", [["bump", "x", 0, 1]])],
        [("action", [["append", "post", 1], ["go", [["bump", "x", 0, 2]]]])],
    ]
    assert agree(world_of(clients).variant("faulty", faults=faults), 3, 1_000)


def test_back_offs_belong_to_the_key() -> None:
    assert agree(increments("aa"), 2, 100, backoffs=True)


def test_what_always_holds_tells_orders_apart_where_it_looks() -> None:
    """Two writers of two tables: nothing but an invariant over both can tell who was first."""

    @always
    def sees_both(view: View) -> bool:
        return len(view.documents("x")) + len(view.documents("y")) > -1

    clients: list[list[Said]] = [[("mutation", [["bump", table, 0, 1]])] for table in "xy"]
    assert agree(world_of(clients), 3, 10)
    assert agree(world_of(clients, [sees_both]), 3, 10)
    runs = explored(Recording(Exhaustive()), world_of(clients, [sees_both]), 3)
    assert (len(runs), len({trace_key(run) for run in runs})) == (2, 2)


def test_a_late_step_is_another_step() -> None:
    """Three bumps of one number: the second may come before time passes or after, and nothing else tells which."""
    bump = ["bump", "x", 0, 1]
    clients: list[list[Said]] = [[("mutation", [bump, ["later", 5, [bump]]])], [("mutation", [bump])]]
    everything = Exhaustive(2_000)
    runs = explored(Recording(everything), world_of(clients).variant("late", late_ms=inf), 3)
    assert everything.exhausted
    of_order: dict[object, dict[object, set[bytes]]] = {}
    for run in runs:
        assert run.footprints is not None
        order = tuple(step.activity for step in run.footprints.steps)
        moments = tuple(step.moment for step in run.footprints.steps)
        of_order.setdefault(order, {}).setdefault(moments, set()).add(trace_key(run))
    assert max(map(len, of_order.values())) > 1
    for of_moments in of_order.values():
        assert len(set().union(*of_moments.values())) == len(of_moments)


def keys() -> str:
    """Return some keys, for a comparison between processes."""
    return " ".join(trace_key(run).hex() for run in explored(Recording(RandomWalk(20)), small_world("actions", 5), 2))


def test_keys_are_the_same_in_every_process() -> None:
    program = "from tests.explore.test_trace_key import keys; print(keys())"
    for hash_seed in ("1", "77"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
        told = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert told.stdout == keys() + "\n"


def test_a_meter_counts_traces_while_its_explorer_is_checked() -> None:
    meter = Meter(trace_key)
    report = check(increments("aab"), Recording(RandomWalk(400)), on_run=lambda _, run: meter.add(run))
    assert (report.runs, report.explorer) == (400, "random walk, seed 0")
    assert meter.distinct > 4  # back-offs are drawn too
    meter = Meter(trace_key)
    report = check(increments("aab"), Recording(Dpor()), on_run=lambda _, run: meter.add(run))
    assert report.exhausted
    assert meter.distinct == report.runs
    assert report.notes == [f"{report.runs} traces"]


def test_a_recorded_run_is_the_same_run() -> None:
    plain, recorded = (explored(each, proper_bumps, 2) for each in (RandomWalk(30), Recording(RandomWalk(30))))
    assert [run.indexes for run in plain] == [run.indexes for run in recorded]


def test_without_footprints_there_is_no_key_and_one_is_told_how_to_get_them() -> None:
    with pytest.raises(UsageError, match=r"Nobody has recorded.*Recording\(RandomWalk"):
        trace_key(Simulation(proper_bumps).run())
    with pytest.raises(UsageError, match="At level 1"):
        trace_key(Simulation(proper_bumps, Recorded(ListedChoices(())), level=1).run())
    restarting = proper_bumps.variant("restarting", faults=Faults(restarts=1))
    with pytest.raises(UsageError, match="may restart"):
        trace_key(Simulation(restarting, Recorded(ListedChoices(()))).run())
    with pytest.raises(UsageError, match="is no explorer"):
        Recording(RandomWalk)  # type: ignore[arg-type]
