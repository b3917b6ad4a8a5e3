"""The meter: what is said about the unseen is right as often as it claims to be (exploration.md 7)."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Callable
from itertools import accumulate
from math import comb
from typing import Any

import pytest

from convexsim import RandomWalk, Simulation, UsageError, World, api, check, define_app, mutation, scenario
from convexsim.choices import RandomChoices
from convexsim.explore.meter import FIRST_LOOK, Meter, upper_bound
from convexsim.explore.outcome import outcome_of
from tests.explore.worlds import lost_update, proper_bumps

# ------------------------------------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize(
    ("strange", "of", "doubt", "expected"),
    [  # Clopper and Pearson's upper limits, as statistics tables have them
        (0, 10, 0.05, 0.2589),
        (1, 10, 0.05, 0.3942),
        (5, 10, 0.05, 0.7776),
        (0, 100, 0.05, 0.0295),
        (2, 100, 0.025, 0.0704),
        (10, 10, 0.05, 1.0),
    ],
)
def test_the_upper_limit_is_clopper_and_pearsons(strange: int, of: int, doubt: float, expected: float) -> None:
    assert upper_bound(strange, of, doubt) == pytest.approx(expected, abs=6e-5)


@pytest.mark.parametrize(("strange", "of"), [(0, 7), (3, 50), (40, 50), (12, 1_000)])
def test_at_the_limit_so_few_are_met_with_just_that_probability(strange: int, of: int) -> None:
    share = upper_bound(strange, of, 0.05)
    exact = sum(comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(strange + 1))
    assert exact == pytest.approx(0.05, abs=1e-3)


def test_many_runs_are_no_trouble() -> None:
    assert upper_bound(3_000, 100_000, 0.05) == pytest.approx(0.0309, abs=1e-4)


# ----------------------------------------------------------------------------------------------------- what is claimed


def keys_of(weights: list[float], seed: int) -> Callable[[], int]:
    """Return a source of keys 0, 1, ... with these weights."""
    sums = list(accumulate(weights))
    draw = random.Random(seed).random  # noqa: S311 - a sample, no secret
    return lambda: bisect(sums, draw() * sums[-1])


WORLDS: dict[str, list[float]] = {
    "a coin": [1, 1],
    "a hundred alike": [1] * 100,
    "a long tail": [1 / rank for rank in range(1, 2_000)],
    "one among thousands": [10_000, 1, 1, 1],
}


@pytest.mark.parametrize("world", WORLDS)
def test_a_claim_is_wrong_no_more_often_than_it_admits(world: str) -> None:
    """Each claim, however often one looks, in 120 explorations: at a doubt of a fifth at most a fifth may be wrong."""
    weights = WORLDS[world]
    wrong = 0
    for seed in range(120):
        source, meter = keys_of(weights, seed), Meter(confidence=0.8)
        unseen = dict(enumerate(weights))
        erred = False
        for run in range(1, 8 * FIRST_LOOK + 1):
            key = source()
            unseen.pop(key, None)
            meter.add_key(key)
            if meter.unseen is not None and meter.unseen.runs == run:
                erred |= 0 < sum(unseen.values()) / sum(weights) >= meter.unseen.share
        wrong += erred
    assert wrong <= 120 / 5


@pytest.mark.parametrize(("share", "runs"), [(0.1, 400), (0.3, 200)])
def test_of_a_thousand_meters_that_are_95_percent_sure_at_most_fifty_are_wrong(share: float, runs: int) -> None:
    """The hardest world to be right about: of its runs that share end as no other ever does, so it stays unseen."""
    wrong = 0
    for seed in range(1_000):
        draw, meter = random.Random(seed).random, Meter()  # noqa: S311 - a sample, no secret
        claims = []
        for run in range(1, runs + 1):
            meter.add_key(run if draw() < share else 0)
            if run in (FIRST_LOOK, 2 * FIRST_LOOK, 4 * FIRST_LOOK):
                assert meter.unseen is not None
                claims.append(meter.unseen.share)
        wrong += min(claims) <= share
    assert 0 < wrong <= 1_000 / 20


def test_the_claim_becomes_narrower_as_nothing_new_comes() -> None:
    meter = Meter()
    shares = []
    for run in range(64 * FIRST_LOOK):
        meter.add_key(run % 7)
        if meter.unseen is not None and meter.unseen.runs == run + 1:
            shares.append(meter.unseen.share)
    assert len(shares) == 7
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(0.07, abs=0.01)
    assert shares[-1] < 0.003
    told, claim = str(meter).split("; ")
    assert told == "7 distinct ends in 6,400 runs, about 7 at least in all"
    assert claim == "95% sure that less than 0.24 % of such runs end otherwise"


def test_before_the_first_look_nothing_is_claimed() -> None:
    meter = Meter()
    for _ in range(FIRST_LOOK - 1):
        meter.add_key(0)
    assert meter.unseen is None
    assert str(meter) == "1 distinct end in 99 runs, about 1 at least in all"


def test_where_every_run_is_new_nothing_is_known() -> None:
    meter = Meter()
    for run in range(FIRST_LOOK):
        meter.add_key(run)
    assert meter.unseen is not None
    assert meter.unseen.share == 1


def test_the_estimate_of_all_grows_with_those_that_came_once() -> None:
    meter = Meter()
    for key in (0, 0, 0, 1, 1, 2, 3, 4):
        meter.add_key(key)
    assert meter.total_at_least == pytest.approx(5 + 3 * 2 / (2 * 2))
    source, meter = keys_of([1] * 100, 1), Meter()
    for _ in range(150):
        meter.add_key(source())
    assert meter.distinct < 90
    assert 85 < meter.total_at_least < 120


@pytest.mark.parametrize("confidence", [0, 1, -1, 95])
def test_nobody_is_surer_than_sure(confidence: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        Meter(confidence=confidence)


# ----------------------------------------------------------------------------------------------------------- outcomes


def ends(what: Any, runs: int = 60) -> set[bytes]:
    found = set()
    check(what, RandomWalk(runs=runs, seed=1), on_run=lambda _, run: found.add(outcome_of(run)))
    return found


def test_orders_that_end_alike_are_one_end() -> None:
    """The orders differ in many ways, the ends in one: which of the two has made the document, for both return it."""
    orders = set()
    check(proper_bumps, RandomWalk(runs=60, seed=1), on_run=lambda _, run: orders.add(run.indexes))
    assert len(orders) > 10
    assert len(ends(proper_bumps)) == 2


def test_a_lost_update_is_an_end_of_its_own() -> None:
    runs = [Simulation(lost_update, RandomChoices(seed)).run() for seed in range(40)]
    broken = {outcome_of(run) for run in runs if run.violations}
    assert broken
    assert broken.isdisjoint({outcome_of(run) for run in runs if not run.violations})


def test_what_clients_heard_and_the_outside_was_told_belongs_to_the_end() -> None:
    @mutation
    def take(ctx: Any, name: str) -> int:
        if name == "cy":
            ctx.external("letters").append(name)
        return len(ctx.db.query("seats").collect()) if ctx.db.insert("seats", {"for": "all"}) else 0

    @scenario(app=define_app({"m": {"take": take}}))
    def race(world: World) -> None:
        world.external("letters")
        for name in ("ann", "bob", "cy"):
            world.client(name).mutation(api.m.take, {"name": name})

    assert len(ends(race, 200)) >= 6
