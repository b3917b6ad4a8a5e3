"""The auditor: whatever an explorer runs is run again and must be the same, event by event (exploration.md 7)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from components.batch_processor import host_app
from convexsim import (
    Exhaustive,
    Faults,
    RandomWalk,
    Scenario,
    Simulation,
    View,
    World,
    always,
    api,
    audit,
    define_app,
    mutation,
    replay,
    scenario,
)
from convexsim.explore.audit import difference
from tests.explore.worlds import lost_update, proper_bumps


def scenario_of(take: Callable[[Any, str], Any], *invariants: Any) -> Scenario:
    @scenario(app=define_app({"m": {"take": mutation(take)}}), invariants=list(invariants))
    def two_takers(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).mutation(api.m.take, {"name": name})

    return two_takers


@pytest.mark.parametrize("explorer", [RandomWalk(runs=20, seed=3), Exhaustive()])
@pytest.mark.parametrize("what", [proper_bumps, lost_update])
def test_what_rests_on_choices_alone_is_repeated_exactly_also_where_it_breaks(what: Scenario, explorer: Any) -> None:
    audited = audit(what, explorer)
    assert audited.holds
    assert audited.runs >= 20
    assert str(audited) == f"{what.name}: {audited.runs} runs repeated ({audited.explorer}), all of them exactly"


def test_a_whole_component_is_repeated_exactly_whatever_goes_wrong() -> None:
    faults = Faults(crashes=1, restarts=1, conflicts=1, system_errors=1, disconnects=1, skewed=1, skews_ms=[500])

    @scenario(app=host_app("hardened"), faults=faults)
    def busy(world: World) -> None:
        world.external("processBatch", plan=[{"fail": "no"}])
        world.external("deliveries")
        for client in "abc":
            world.client(client).mutation(api.driver.add_items, {"batchId": "a", "items": [client]})

    assert audit(busy, RandomWalk(runs=25, seed=1)).holds


def test_state_that_outlives_a_run_is_found_and_the_step_is_named() -> None:
    numbers = itertools.count()
    audited = audit(scenario_of(lambda ctx, name: ctx.log(name, next(numbers))), RandomWalk(runs=20))
    assert not audited.holds
    assert audited.runs == 1
    found = audited.difference
    assert found is not None
    assert "ann 0" in found.before
    assert "ann 2" in found.again
    assert str(audited).startswith(
        "two_takers: 1 run repeated (random walk, seed 0); the last one went another way from"
    )
    assert f"step {found.step}\n    first: " in str(audited)


def test_the_run_that_differs_is_named_by_its_replay_string() -> None:
    seen: list[str] = []

    def take(ctx: Any, name: str) -> None:
        seen.append(name)
        ctx.log(name, len(seen) > 9)

    what = scenario_of(take)
    audited = audit(what, RandomWalk(runs=20, seed=1))
    assert not audited.holds
    assert 1 < audited.runs < 5
    assert replay([what], audited.replay).run.ending == "quiet"


def put(ctx: Any, name: str) -> None:
    ctx.db.insert("names", {"name": name})


def test_a_verdict_that_differs_is_a_difference_though_no_event_is() -> None:
    asked = itertools.count()

    @always
    def holds_for_a_while(view: View) -> bool:
        return next(asked) < 8

    audited = audit(scenario_of(put, holds_for_a_while), RandomWalk(runs=20))
    assert not audited.holds
    assert audited.difference is not None
    assert "holds_for_a_while" in audited.difference.before + audited.difference.again


def test_an_address_in_a_text_is_no_difference() -> None:
    addresses = itertools.count(0xABC)

    def take(ctx: Any, name: str) -> None:
        ctx.log(f"<{name} at {next(addresses):#x}>")

    assert audit(scenario_of(take), RandomWalk(runs=5)).holds


def test_a_run_without_events_cannot_be_compared() -> None:
    run = Simulation(proper_bumps, trace=False).run()
    with pytest.raises(AssertionError, match="no events"):
        difference(run)
