"""The nearest run that passes differs from the failing one in one choice, as late as can be."""

from __future__ import annotations

from convexsim import RandomWalk, World, check, scenario
from convexsim.choices import ListedChoices
from convexsim.explore.nearest import nearest_passing
from convexsim.simulation import Run, Simulation
from tests.testing.shop import adds, app, no_lost_update


@scenario(app=app, invariants=[no_lost_update])
def race(world: World) -> None:
    adds(world, 1, 2)


@scenario(app=app, invariants=[lambda view: not view.calls() or view.now < 0])
def hopeless(world: World) -> None:
    adds(world, 1, 2)


def failing() -> Run:
    found = check(race, RandomWalk(seed=1)).finding
    assert found is not None
    return found.run


def shared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    at = 0
    while at < min(len(one), len(other)) and one[at] == other[at]:
        at += 1
    return at


def test_it_passes_and_no_other_one_is_nearer() -> None:
    run = failing()
    nearest = nearest_passing(run)
    assert nearest is not None
    assert not nearest.violations
    assert nearest.trace is not None
    common = shared(run.indexes, nearest.indexes)
    assert set(nearest.indexes[common + 1 :]) <= {0}
    every = [each for each in _all_with_one_change(run) if not each.violations]
    assert common == max(shared(run.indexes, each.indexes) for each in every)


def _all_with_one_change(run: Run) -> list[Run]:
    return [
        Simulation(race, ListedChoices((*run.indexes[:at], other)), level=run.level).run()
        for at, (_, _, count, _) in enumerate(run.record.taken)
        for other in range(count)
    ]


def test_where_nothing_passes_there_is_none() -> None:
    found = check(hopeless, RandomWalk(runs=1)).finding
    assert found is not None
    assert nearest_passing(found.run) is None


def test_it_stops_at_its_budget() -> None:
    made: list[Run] = []
    found = check(hopeless, RandomWalk(runs=1)).finding
    assert found is not None
    assert nearest_passing(found.run, 2, made.append) is None
    assert len(made) == 2
