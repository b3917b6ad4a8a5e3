"""Reports: what a failure takes, what stands in its lines, and what is said where nothing was found."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from attrs import evolve

from convexsim import (
    Faults,
    Finding,
    Platform,
    RandomWalk,
    Report,
    Scenario,
    Simulation,
    World,
    check,
    define_app,
    eventually,
    mutation,
    scenario,
)
from convexsim.choices import ListedChoices
from convexsim.explore.replay import encode
from convexsim.functions.draws import about_draws
from tests.explore.worlds import lost_update, proper_bumps


def found(world: Scenario, *indexes: int, before: int, is_minimal: bool = True) -> Finding:
    run = Simulation(world, ListedChoices(indexes)).run()
    assert run.violations
    return Finding(run, encode(run), found_at_run=7, choices_before=before, is_minimal=is_minimal)


@pytest.mark.parametrize(
    ("indexes", "before", "is_minimal", "effort"),
    [
        ((0, 1), 1, True, "1 forced choice"),
        ((0, 1), 5, True, "5 shrunk to 1 forced choice"),
        ((0, 1), 5, False, "5 shrunk to 1 forced choice, not shrunk to the end"),
    ],
)
def test_what_a_failure_takes(indexes: tuple[int, ...], before: int, is_minimal: bool, effort: str) -> None:  # noqa: FBT001
    assert found(lost_update, *indexes, before=before, is_minimal=is_minimal).effort == effort


def test_the_plain_serial_order_may_be_enough() -> None:
    broken = evolve(proper_bumps, invariants=(eventually(lambda _: False),))
    assert found(broken, before=3).effort == "the plain serial order is enough"


def test_a_failure_is_told_with_its_switches_and_how_to_replay_it() -> None:
    finding = found(lost_update, 0, 1, before=1)
    report = Report(lost_update, "random walk, seed 0", 2, runs=7, finding=finding)
    assert str(report).splitlines() == [
        "lost_update: BROKEN after 7 runs (random walk, seed 0, level 2)",
        "  broken: no_update_is_lost: 1 of 2",
        "  found in run 7; 1 forced choice",
        f"  {finding.switches[0]}",
        f"  replay: {finding.replay}",
    ]
    assert str(finding.switches[0]).startswith("switch at step ")


def drawing(*invariants: Any) -> Scenario:
    @mutation
    def draw(ctx: Any) -> None:
        ctx.db.insert("drawn", {"n": ctx.random()})

    @scenario(app=define_app({"m": {"draw": draw}}), invariants=invariants, platform=Platform(random_values=2))
    def drawing(world: World) -> None:
        world.client("ann").mutation("m:draw")

    return drawing


def test_what_is_drawn_is_told_where_nothing_was_found() -> None:
    holds = check(drawing(eventually(lambda _: True)), RandomWalk(3))
    fails = check(drawing(eventually(lambda _: False)), RandomWalk(3))
    assert holds.random_values == fails.random_values == 2
    told = f"  {about_draws(2)}"
    assert (told in str(holds).splitlines(), told in str(fails).splitlines()) == (True, False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "(by hand, level 2)"),
        ({"faults": Faults(crashes=1)}, "(by hand, level 2, faults: at most 1 crash)"),
        ({"platform": Platform(late_ms=500)}, "(by hand, level 2, steps up to 500 ms late)"),
        ({"platform": Platform(late_ms=inf)}, "(by hand, level 2, steps however late)"),
    ],
    ids=["nothing", "faults", "late", "however late"],
)
def test_what_may_go_wrong_is_told_with_the_verdict(given: dict[str, Any], said: str) -> None:
    report = Report(evolve(proper_bumps, **given), "by hand", 2, runs=3)
    assert str(report).splitlines()[0] == f"proper_bumps: no failure in 3 runs {said}"
