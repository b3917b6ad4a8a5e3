"""The seven races by their own names: each seen where it is, and not in the version that closed it."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import Faults, Lockstep, Platform, RandomWalk, World, api, check
from tests.components.invariants_support import FAILS, add, asked, broken, runs

TREE = Platform(self_cancel="tree")


def one_item(on: World) -> None:
    add(on, "ann", "x")


def many_clients(on: World) -> None:
    for client in "abcdefg":
        add(on, client, client)


def one_while_another_fails(on: World) -> None:
    add(on, "ann", 1, 2, 3)
    add(on, "bob", "late")


def job_paused_in_its_delay(on: World) -> None:
    ann = on.client("ann")
    ann.mutation(api.driver.seed_rows, {"n": 2})
    ann.mutation(api.driver.start_iterator, {"jobId": "j", "config": {"batchSize": 1}})
    ann.wait(50)
    ann.mutation(api.driver.pause_iterator, {"jobId": "j"})
    ann.mutation(api.driver.resume_iterator, {"jobId": "j"})


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.0.4", {}), ("1.0.5", {"R1": "a::0: its executor is born canceled"}), ("1.0.7", {}), ("hardened", {})],
)
def test_r1_a_timer_cancels_itself_in_1_0_5_and_1_0_6(version: str, expected: dict[str, str]) -> None:
    assert runs(asked(version, one_item, "R1", model="M", platform=TREE)) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.0.7", {"R2": "a::0: its timer is born canceled"}), ("hardened", {})],
)
def test_r2_the_retry_timer_is_born_dead_after_an_error(version: str, expected: dict[str, str]) -> None:
    assert runs(asked(version, one_item, "R2", model="UM", platform=TREE, plan=[FAILS])) == expected
    assert runs(asked(version, one_item, "R2", model="M", platform=TREE)) == {}


def test_r2_a_timer_that_a_flush_has_canceled_is_not_born_so() -> None:
    def flushed_by_hand(on: World) -> None:
        add(on, "ann", "x")
        on.client("ann").mutation(api.driver.flush, {"batchId": "a"})

    assert runs(asked("1.0.9", flushed_by_hand, "R2", model="UM", platform=TREE, plan=[FAILS])) == {}


@pytest.mark.parametrize(("version", "strands"), [("0.1.0", True), ("1.0.9", True), ("hardened", False)])
def test_r3_a_crash_leaves_a_batch_flushing(version: str, strands: bool) -> None:  # noqa: FBT001
    what = asked(version, one_item, "R3", model="C", faults=Faults(crashes=1))
    assert (check(what, RandomWalk(runs=60, seed=1)).finding is not None) == strands


@pytest.mark.parametrize(("version", "expected"), [("1.0.5", {"R4"}), ("1.0.6", set())])
def test_r4_a_hot_batch_uses_up_the_attempts_of_adds(version: str, expected: set[str]) -> None:
    config = {"maxBatchSize": 100, "flushIntervalMs": 0}
    report = check(asked(version, many_clients, "R4", config=config), Lockstep(), simplify=False)
    assert ({*broken(report.finding.run)} if report.finding else set()) == expected


@pytest.mark.parametrize(("version", "expected"), [("0.2.0", False), ("1.0.3", True), ("hardened", False)])
def test_r5_an_add_during_a_flush_that_fails_leaves_two_batches(version: str, expected: bool) -> None:  # noqa: FBT001
    plan: Any = [{**FAILS, "takes": 100}]
    what = asked(version, one_while_another_fails, "R5", model="U", plan=plan)
    assert (check(what, RandomWalk(runs=30, seed=1)).finding is not None) == expected


@pytest.mark.parametrize(("version", "expected"), [("0.1.0", {"R6": "j has 2 steps pending"}), ("hardened", {})])
def test_r6_a_job_paused_and_resumed_in_its_delay_has_two_chains(version: str, expected: dict[str, str]) -> None:
    assert runs(asked(version, job_paused_in_its_delay, "R6")) == expected


@pytest.mark.parametrize(("version", "expected"), [("1.0.4", True), ("1.0.5", False), ("hardened", False)])
def test_r7_an_item_dated_by_a_fast_clock_is_lost(version: str, expected: bool) -> None:  # noqa: FBT001
    def in_two_flushes(on: World) -> None:
        for number in range(6):
            add(on, "ann", f"i{number}")
            on.client("ann").wait(300)

    faults = Faults(skewed=1, skews_ms=[5_000])
    what = asked(
        version,
        in_two_flushes,
        "R7",
        model="K",
        faults=faults,
        terms={"skew_ms": 5_000},
        config={"maxBatchSize": 2, "flushIntervalMs": 1_000},
    )
    assert (check(what, RandomWalk(runs=150, seed=1), level=3).finding is not None) == expected
