"""The door to the named invariants: which there are, what is asked when, and what is refused (properties.md 2)."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import host_app
from components.batch_processor.invariants import PROPERTIES, invariant, invariants
from components.batch_processor.properties.records import LAYOUTS
from convexsim import PastInvariant, Simulation, UsageError, World, api, scenario
from tests.components.invariants_support import SMALL, add, asked, runs

RELEASED = [version for version in LAYOUTS if version != "hardened"]


def numbers(version: str = "hardened", model: str = "N", **parameters: Any) -> set[str]:
    return {one.name.partition(" ")[0] for one in invariants(version, model, **parameters)}


ALL = {f"P{number}" for number in range(1, 32)} - {"P13"}


def test_there_are_31_properties_each_by_its_number() -> None:
    assert [*PROPERTIES] == [f"P{number}" for number in range(1, 32)]
    assert all(number == one.number for number, one in PROPERTIES.items())


def test_an_invariant_is_called_by_number_and_name_and_keeps_the_past() -> None:
    one = invariant("P5", version="1.0.5")
    assert isinstance(one, PastInvariant)
    assert (one.name, one.when) == ("P5 SINGLE-ACCUMULATING", "always")
    assert invariant("P17").when == "eventually"


def test_every_predicate_says_exactly_what_it_judges() -> None:
    assert [number for number, one in PROPERTIES.items() if not one.predicate.__doc__] == []


@pytest.mark.parametrize(
    ("model", "lifted"),
    [
        ("N", set()),
        ("U", set()),
        ("M", set()),
        ("C", {"P3", "P10", "P14", "P20", "P28"}),
        ("O", {"P3", "P9", "P10", "P14", "P19", "P20", "P28"}),
        ("UC", {"P3", "P10", "P14", "P20", "P28"}),
    ],
)
def test_what_is_promised_depends_on_what_may_go_wrong(model: str, lifted: set[str]) -> None:
    assert numbers(model=model) == ALL - lifted


def test_where_clocks_differ_everything_is_promised() -> None:
    assert numbers(model="K", skew_ms=5_000) == ALL


def test_a_version_without_timers_is_not_asked_for_them() -> None:
    assert numbers("0.1.0") == ALL - {"P11"}
    assert all(numbers(version) == ALL for version in LAYOUTS if version != "0.1.0")


def test_one_half_can_be_asked_alone() -> None:
    assert numbers(half="accumulator") == {f"P{number}" for number in range(1, 20)} - {"P13"}
    assert numbers(half="iterator") == {f"P{number}" for number in range(20, 32)}


def test_what_is_optional_is_asked_by_its_number() -> None:
    assert invariant("P13").name == "P13 FIFO"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"version": "1.0.8"}, "no version '1.0.8'"),
        ({"model": "X"}, "no fault model 'X'"),
        ({"model": ""}, "no fault model ''"),
        ({"epsilon": 5}, "not judged by 'epsilon'"),
        ({"model": "K"}, "by how much"),
        ({"skew_ms": 5}, "only in the model K"),
        ({"half": "both"}, "no half 'both'. There are: accumulator, iterator; None is both"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        invariants(**wrong)


def test_a_property_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="no property 'P32'"):
        invariant("P32")


def test_items_must_be_distinct() -> None:
    def twice(world: World) -> None:
        add(world, "ann", "x")
        add(world, "bob", "x")

    with pytest.raises(UsageError, match=r"The item 'x' was added by ann.1 and by bob.1"):
        runs(asked("1.0.5", twice))


def test_a_world_without_the_hosts_ledger_is_refused() -> None:
    def silent(world: World) -> None:
        add(world, "ann", 1)

    undeclared = scenario(app=host_app("hardened"), invariants=[invariant("P2")])(silent)
    with pytest.raises(UsageError, match="which the callbacks of the host app keep; it is not there"):
        Simulation(undeclared).run()


def test_items_must_not_be_rows_of_a_job() -> None:
    def both(world: World) -> None:
        world.client("ann").mutation(api.driver.seed_rows, {"n": 2})
        add(world, "ann", 1)

    with pytest.raises(UsageError, match="The item 1 was added, and is a row"):
        runs(asked("1.0.5", both))


@pytest.mark.parametrize("version", RELEASED)
def test_a_quiet_day_holds_all_that_is_promised(version: str) -> None:
    def day(world: World) -> None:
        alice = world.client("alice")
        add(world, "alice", "u", {"k": [1.0, True]})
        add(world, "alice", "v")
        add(world, "bob", "w", batch_id="b")
        alice.wait(60_000)
        alice.mutation(api.driver.seed_rows, {"n": 3})
        config = {"batchSize": 2, "onComplete": "onComplete"}
        alice.mutation(api.driver.start_iterator, {"jobId": "j", "config": config})

    day_of = asked(version, day, config=SMALL)
    assert {one.name.partition(" ")[0] for one in day_of.invariants} == numbers(version)
    assert runs(day_of) == {}
