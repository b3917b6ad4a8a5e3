"""DPOR against brute force: every outcome is seen, every trace once (issue 5, Exact; exploration.md 7)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from attrs import define, field

from convexsim import Dpor, Exhaustive, Run, Scenario, Simulation
from convexsim.actors.footprints import Footprints
from convexsim.choices import Choices, Kind
from convexsim.explore.dependence import Dependence
from tests.explore.small_worlds import LEDGERS, additions, increments, small_world


@define
class Recorded:
    """Somebody else's choices, with footprints."""

    inner: Choices
    footprints: Footprints = field(factory=Footprints)
    draws: list[tuple[int, int]] = field(factory=list)

    def choose(self, kind: Kind, options: Any) -> int:
        index = self.inner.choose(kind, options)
        if kind != "step":
            self.draws.append((len(self.footprints.steps), index))
        return index


def outcome_of(run: Run) -> str:
    """Return everything that anybody could know at the end."""
    view = run.view
    tables = {name: view.documents(name) for name in run.scenario.app.catalog().components[""].tables}
    calls = [[call.activity, repr(call.outcome)] for call in run.calls]
    ledgers = [view.external(name) for name in LEDGERS]
    return repr([tables, calls, ledgers, run.ending])


def trace_of(recorded: Recorded, dependence: Dependence) -> Any:
    """Return what is the same in two runs exactly if one can be turned into the other by swapping steps that commute.

    Each step has a name: whose it is, the how manieth, and what was drawn in it; a trace is the set of all pairs of
    dependent ones in their order.
    """
    steps, counted = recorded.footprints.steps, Counter[str]()
    names = []
    for at, step in enumerate(steps, 1):
        counted[step.activity] += 1
        drawn = tuple(index for place, index in recorded.draws if place == at)
        names.append((step.activity, counted[step.activity], drawn))
    pairs = (
        (names[one], names[other])
        for other in range(len(steps))
        for one in range(other)
        if steps[one].activity == steps[other].activity
        or steps[one].moment < steps[other].moment
        or dependence.between(steps[one], steps[other])
    )
    return frozenset(names), frozenset(pairs)


def brute(scenario: Scenario, level: int, most: int, *, backoffs: bool = False) -> list[tuple[Recorded, Run]] | None:
    explorer, runs = Exhaustive(most, backoffs=backoffs), []
    last: Run | None = None
    while (choices := explorer.propose(last)) is not None:
        recorded = Recorded(choices)
        last = Simulation(scenario, recorded, level=level, trace=False).run()
        runs.append((recorded, last))
    return runs if explorer.exhausted else None


def reduced(scenario: Scenario, level: int, *, backoffs: bool = False) -> tuple[Dpor, list[Run]]:
    explorer, runs = Dpor(50_000, backoffs=backoffs), []
    last: Run | None = None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(scenario, choices, level=level, trace=False).run()
        runs.append(last)
    assert explorer.exhausted
    return explorer, runs


def compare(scenario: Scenario, level: int, most: int) -> bool:
    """Assert that both see the same; False if there is too much to see."""
    everything = brute(scenario, level, most)
    if everything is None:
        return False
    explorer, runs = reduced(scenario, level)
    assert {outcome_of(run) for run in runs} == {outcome_of(run) for _, run in everything}
    traces = {trace_of(recorded, explorer.dependence) for recorded, _ in everything}
    assert explorer.traces == len(traces)
    assert explorer.traces + explorer.blocked == len(runs)
    return True


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("kind", ["plain", "scheduled", "actions"])
def test_every_outcome_is_seen_and_every_trace_once(kind: str, level: int) -> None:
    compared = sum(compare(small_world(kind, number), level, 150) for number in range(40))
    assert compared > 5


@pytest.mark.parametrize(
    ("world", "level", "orders", "traces"),
    [
        (increments("abc"), 2, 90, 1),
        (increments("abc"), 3, 6, 1),
        (increments("aab"), 2, 142, 4),
        (increments("aab"), 3, 6, 2),
        (increments("aaa"), 2, 498, 60),
        (increments("aaa"), 3, 6, 6),
        # Begins that insert into the same table depend on each other (architecture.md 6.3).
        (additions(is_open=True), 2, 90, 6),
        (additions(is_open=False), 2, 498, 66),
    ],
)
def test_the_counts_of_the_prototype_are_kept(world: Scenario, level: int, orders: int, traces: int) -> None:
    everything = brute(world, level, 1_000)
    assert everything is not None
    assert len(everything) == orders
    explorer, runs = reduced(world, level)
    assert (explorer.traces, explorer.blocked) == (traces, 0)
    assert {outcome_of(run) for run in runs} == {outcome_of(run) for _, run in everything}
