"""Upgrades of the component in the middle of a run: which are refused, which go well, and which leave a batch behind.

A version is deployed over another one with an item stored and its timer pending. What the schemas say of that is told
in component-versions 4 to 9; that a timer of 1.0.5 or 1.0.6 strands its batch under 1.0.7, in 9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import pytest

from components.batch_processor import VERSIONS, host_app
from components.batch_processor.host_callbacks import DELIVERIES, PLANS
from convexsim import (
    Component,
    Dpor,
    Run,
    Scenario,
    Simulation,
    View,
    World,
    api,
    check,
    comes_to_rest,
    nothing_left_behind,
    scenario,
)

COMPONENT: Final = "batchProcessor"
END_MS: Final = 20_000
_REASONS: Final = {r"missing the required field `(\w+)`": "lacks {}", r"extra field `(\w+)`": "has {}"}


@cache
def app_of(version: str) -> Component:
    return host_app(version)


def upgrading(*versions: str, add: dict[str, Any] | None = None, at_ms: float = 100) -> Scenario:
    """Return a world in which an item is added at 0 ms, unless `add` is empty, and each next version comes later."""

    @scenario(app=app_of(versions[0]), until_ms=END_MS, invariants=[comes_to_rest, nothing_left_behind])
    def upgrade(world: World) -> None:
        for name in (DELIVERIES, *PLANS):
            world.external(name)
        given = {"batchId": "b", "items": [1]} if add is None else add
        if given:
            world.client("ann").mutation(api.driver.add_items, given)
        for number, version in enumerate(versions[1:], 1):
            dev = world.client("dev")
            dev.wait(at_ms)
            dev.deploy(app_of(version))
            world.client("bob").wait(at_ms if number > 1 else at_ms + 1)
            if given:
                world.client("bob").mutation(api.driver.add_items, {"batchId": f"b{number}", "items": [number + 1]})

    return upgrade


def answer_to(run: Run) -> str:
    """Return ``ok`` if the deploy was accepted, else what is wrong with the document that was named."""
    (error,) = [call.error for call in run.view.calls("dev")]
    if error is None:
        return "ok"
    assert f'Schema validation failed in component "{COMPONENT}". Document with ID "' in error
    found = [said.format(*match.groups()) for rule, said in _REASONS.items() if (match := re.search(rule, error))]
    return found[0]


def delivered(view: View) -> list[Any]:
    return sorted(item for entry in view.external(DELIVERIES) if "items" in entry for item in entry["items"])


def statuses(view: View) -> dict[str, str]:
    return {row["batchId"]: row["status"] for row in view.documents("batches", COMPONENT)}


TABLE: Final = {
    "0.1.0": ("-", "ok", *["lacks baseBatchId"] * 6, "lacks attempt"),
    "0.2.0": ("has scheduledFlushId", "-", *["lacks baseBatchId"] * 6, "lacks attempt"),
    "1.0.3": (*["has processBatchHandle"] * 2, "-", "has items", *["has itemCount"] * 4, "lacks attempt"),
    "1.0.4": (*["has processBatchHandle"] * 2, "lacks items", "-", *["has itemCount"] * 4, "lacks baseBatchId"),
    "1.0.5": (*["has processBatchHandle"] * 2, *["lacks itemCount"] * 2, "-", "ok", "ok", "ok", "lacks baseBatchId"),
    "1.0.6": (*["has processBatchHandle"] * 2, *["lacks itemCount"] * 2, "ok", "-", "ok", "ok", "lacks baseBatchId"),
    "1.0.7": (*["has processBatchHandle"] * 2, *["lacks itemCount"] * 2, "ok", "ok", "-", "ok", "lacks baseBatchId"),
    "1.0.9": (*["has processBatchHandle"] * 2, *["lacks itemCount"] * 2, "ok", "ok", "ok", "-", "lacks baseBatchId"),
    "hardened": (*["has passDeliveryKey"] * 3, *["lacks batchDocId"] * 5, "-"),
}
"""From the version in front to each, in the order of VERSIONS, with one item stored: accepted, or why not."""


@pytest.mark.parametrize("version", VERSIONS)
def test_with_an_item_stored_the_schema_decides(version: str) -> None:
    others = [label for label in VERSIONS if label != version]
    answers = {label: answer_to(Simulation(upgrading(version, label), trace=False).run()) for label in others}
    assert answers == {label: said for label, said in zip(VERSIONS, TABLE[version], strict=True) if label != version}


@pytest.mark.parametrize("version", VERSIONS)
def test_with_nothing_stored_every_version_can_follow_every_other(version: str) -> None:
    others = [label for label in VERSIONS if label != version]
    assert {answer_to(Simulation(upgrading(version, label, add={}), trace=False).run()) for label in others} == {"ok"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"maxBatchSize": 3, "flushIntervalMs": 1_000}, "ok"),
        ({"maxBatchSize": 3, "immediateFlushThreshold": 2, "flushIntervalMs": 1_000}, "has immediateFlushThreshold"),
        ({"flushIntervalMs": 1_000}, "lacks maxBatchSize"),
    ],
    ids=["as before", "with the new threshold", "without the old one"],
)
def test_the_way_back_from_1_0_9_depends_on_the_config(config: Mapping[str, Any], said: str) -> None:
    add = {"batchId": "b", "items": [1], "config": config}
    assert answer_to(Simulation(upgrading("1.0.9", "1.0.7", add=add)).run()) == said


def test_what_was_refused_goes_on_as_before() -> None:
    run = Simulation(upgrading("1.0.5", "1.0.4")).run()
    assert run.violations == []
    assert delivered(run.view) == [1, 2]


WELL: Final = [("1.0.5", "1.0.6"), ("1.0.6", "1.0.5"), ("1.0.7", "1.0.9"), ("1.0.9", "1.0.7"), ("1.0.7", "1.0.5")]
BADLY: Final = [(old, new) for old in ("1.0.5", "1.0.6") for new in ("1.0.7", "1.0.9")]


@pytest.mark.parametrize("versions", WELL)
def test_a_pending_timer_delivers_under_the_next_version(versions: tuple[str, str]) -> None:
    run = Simulation(upgrading(*versions)).run()
    assert run.violations == []
    assert delivered(run.view) == [1, 2]
    assert set(statuses(run.view).values()) == {"completed"}


@pytest.mark.parametrize("versions", BADLY)
def test_a_timer_of_the_old_kind_strands_its_batch_from_1_0_7_on(versions: tuple[str, str]) -> None:
    """The timer makes the transition and nobody delivers: scheduledIntervalFlush is all that was left for it."""
    run = Simulation(upgrading(*versions)).run()
    assert delivered(run.view) == [2]
    assert statuses(run.view) == {"b::0": "flushing", "b1::0": "completed"}


def test_step_by_step_to_1_0_9_everything_is_accepted_and_only_old_timers_strand() -> None:
    run = Simulation(upgrading("1.0.5", "1.0.6", "1.0.7", "1.0.9")).run()
    assert [call.error for call in run.calls] == [None] * 7
    assert delivered(run.view) == [3, 4]
    strands = {"b::0": "flushing", "b1::0": "flushing"}
    assert statuses(run.view) == strands | {"b2::0": "completed", "b3::0": "completed"}


def test_step_by_step_with_time_for_the_timers_everything_is_delivered() -> None:
    run = Simulation(upgrading("1.0.5", "1.0.6", "1.0.7", "1.0.9", at_ms=2_000)).run()
    assert run.violations == []
    assert delivered(run.view) == [1, 2, 3, 4]


@pytest.mark.parametrize(("versions", "is_kept"), [(("1.0.5", "1.0.6"), True), (("1.0.6", "1.0.7"), False)])
def test_an_upgrade_at_the_moment_of_the_timer_in_every_order(versions: tuple[str, str], *, is_kept: bool) -> None:
    def each_item_is_delivered(view: View) -> None:
        assert delivered(view) == [1], f"{delivered(view)}, {statuses(view)}"

    @scenario(app=app_of(versions[0]), invariants=[each_item_is_delivered])
    def meeting(world: World) -> None:
        for name in (DELIVERIES, *PLANS):
            world.external(name)
        world.client("ann").mutation(api.driver.add_items, {"batchId": "b", "items": [1]})
        world.client("dev").wait(1_000)
        world.client("dev").deploy(app_of(versions[1]))

    report = check(meeting, Dpor(), level=3)
    assert (report.finding is None) == is_kept, str(report)
    if not is_kept:
        assert "'b::0': 'flushing'" in str(report)
