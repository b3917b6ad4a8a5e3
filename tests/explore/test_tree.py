"""The orders of a scenario as a tree: all of them are in it, and what is left out of it leads nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from convexsim import Faults, UsageError, World, scenario
from convexsim.choices import Kind, ListedChoices, RandomChoices
from convexsim.explore.outcome import outcome_of
from convexsim.explore.playing import play_data
from convexsim.explore.replay import replay
from convexsim.explore.trace_key import Recorded, trace_key
from convexsim.explore.tree import Orders, Place, orders_of
from convexsim.simulation import Run, Scenario, Simulation
from tests.explore.small_worlds import small_world
from tests.testing.shop import adds, app, no_lost_update
from tests.trace.test_timeline import KINDS

WORLDS = [small_world(kind, number, []) for number, kind in enumerate(KINDS)]


class NoWaits:
    """Some list of choices, then drawn ones, and nobody waits before a retry."""

    def __init__(self, listed: tuple[int, ...], seed: int) -> None:
        self._listed = ListedChoices(listed)
        self._drawn = RandomChoices(seed)
        self._left = len(listed)

    def choose(self, kind: Kind, options: Any) -> int:
        if kind == "backoff":
            return 0
        self._left -= 1
        return (self._listed if self._left >= 0 else self._drawn).choose(kind, options)


def recorded(given: Scenario, level: int, listed: tuple[int, ...], seed: int = 0) -> Run:
    return Simulation(given, Recorded(NoWaits(listed, seed)), level=level).run()


def places(place: Place, way: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Place]]:
    yield way, place
    for number, beyond in place.ways.items():
        yield from places(beyond, (*way, number))


@scenario(app=app, invariants=[no_lost_update])
def race(world: World) -> None:
    adds(world, 1, 2)


def small(orders: Orders) -> bool:
    return orders.is_complete and orders.count <= 40


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("world", WORLDS, ids=KINDS)
def test_what_is_left_out_differs_only_in_steps_that_commute(world: Scenario, level: int) -> None:
    orders = orders_of(world, level=level, max_orders=41)
    if not small(orders):
        pytest.skip("too many orders for a test")
    ends = [way for way, place in places(orders.start) if place.end is not None]
    known = {trace_key(recorded(world, level, way)) for way in ends}
    assert len(known) == len(ends) == orders.count
    for way, place in places(orders.start):
        for number in range(len(place.options)):
            if number not in place.ways:
                for seed in range(2):
                    assert trace_key(recorded(world, level, (*way, number), seed)) in known


@pytest.mark.parametrize("level", [2, 3])
def test_each_end_is_the_run_that_its_string_repeats(level: int) -> None:
    orders = orders_of(race, level=level)
    assert orders.is_complete
    for way, place in places(orders.start):
        if place.end is None:
            continue
        replayed = replay([race], place.end.replay)
        run = recorded(race, level, way)
        assert replayed.is_exact
        assert outcome_of(replayed.run) == outcome_of(run)
        assert [name for name, _ in place.end.broken] == [broken.invariant for broken in run.violations]


def test_some_orders_of_the_race_break_it_and_some_do_not() -> None:
    ends = list(orders_of(race).start.ends())
    assert {bool(end.broken) for end in ends} == {True, False}


def test_the_moments_on_the_way_are_those_of_the_run() -> None:
    orders = orders_of(race)
    for way, place in places(orders.start):
        if place.end is None:
            continue
        told: list[str] = []
        walked = orders.start
        for number in [None, *way]:
            walked = walked if number is None else walked.ways[number]
            told += [word for moment in walked.moments for word in moment.words]
        run = replay([race], place.end.replay).run
        assert run.trace is not None
        assert len([word for word in told if word.startswith("commits")]) == sum(
            type(happened).__name__ == "Committed" for happened in run.trace.events
        )


def test_a_fault_is_one_of_the_ways() -> None:
    orders = orders_of(race.variant("ill", faults=Faults(system_errors=1)))
    words = {word for _, place in places(orders.start) for word in place.options}
    assert any("system error" in word for word in words)


def test_a_tree_that_is_cut_off_says_so() -> None:
    orders = orders_of(race, max_orders=2)
    assert (orders.count, orders.is_complete) == (2, False)


def test_a_search_that_is_interrupted_keeps_the_orders_that_it_knows() -> None:
    def stop(number: int, _: Run) -> None:
        if number == 2:
            raise KeyboardInterrupt

    orders = orders_of(race, on_run=stop)
    assert (orders.count, orders.is_complete, len(list(orders.start.ends()))) == (2, False, 2)


def test_what_cannot_be_reduced_is_refused() -> None:
    with pytest.raises(UsageError, match="restart"):
        orders_of(race.variant("ill", faults=Faults(restarts=1)))
    with pytest.raises(UsageError, match="level"):
        orders_of(race, level=1)


def test_the_data_of_the_page_are_the_tree() -> None:
    orders = orders_of(race)
    data = play_data(orders)
    listed = data["places"]

    def same(place: Place, number: int) -> int:
        told = listed[number]
        assert told["options"] == list(place.options)
        assert told["ends"] == len(list(place.ends()))
        assert sum(told["broken"].values()) == sum(len(end.broken) for end in place.ends())
        assert (told["end"] is None) == (place.end is None)
        assert sorted(told["ways"]) == sorted(place.ways)
        return 1 + sum(same(place.ways[way], at) for way, at in told["ways"].items())

    assert same(orders.start, 0) == len(listed)
    assert data["count"] == listed[0]["ends"]
