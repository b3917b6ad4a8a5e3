"""Whole runs of 1.0.5: a batch's life to its end (`test_runs.py` has the races, version beside version)."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import DELIVERIES, PLAN, host_app
from convexsim import Run, Scenario, Simulation, World, api, scenario

APP = host_app("1.0.5", {"maxBatchSize": 3, "flushIntervalMs": 1_000})


def add(world: World, client: str, *items: Any) -> None:
    world.client(client).mutation(api.driver.add_items, {"batchId": "a", "items": list(items)})


def run(what: Scenario) -> Run:
    result = Simulation(what).run()
    assert result.ending == "quiet"
    assert not result.violations
    return result


def batches(result: Run) -> list[tuple[str, str]]:
    return [(row["batchId"], row["status"]) for row in result.view.documents("batches", "batchProcessor")]


def scheduled(result: Run) -> list[tuple[str, str]]:
    rows = result.view.scheduled_functions("batchProcessor")
    return [(row["name"].partition(":")[2], row["state"]["kind"]) for row in rows]


@scenario(app=APP)
def one_item(world: World) -> None:
    """One item, below the threshold: only the timer flushes it."""
    world.external(PLAN)
    world.external(DELIVERIES)
    add(world, "alice", "x")


@scenario(app=APP)
def a_failed_flush(world: World) -> None:
    """The first delivery fails; one more item comes, which would not be enough for a flush."""
    world.external(PLAN, [{"fail": "no"}])
    world.external(DELIVERIES)
    add(world, "alice", 1, 2, 3)
    world.client("alice").wait(999)
    world.client("alice").mutation(
        api.driver.add_items,
        {"batchId": "a", "items": [4], "config": {"maxBatchSize": 9, "flushIntervalMs": 0}},
    )


def test_an_item_below_the_threshold_is_delivered_after_the_interval() -> None:
    result = run(one_item)
    assert result.view.external(DELIVERIES) == [{"call": "processBatch", "t": 1_000, "items": ["x"], "plan": "ok"}]
    assert batches(result) == [("a::0", "completed")]
    assert scheduled(result) == [("scheduledIntervalFlush", "success"), ("executeFlush", "success")]


def test_where_canceling_oneself_throws_the_item_stays_too() -> None:
    result = run(one_item.variant("one_item_throw", self_cancel="throw"))
    assert result.view.external(DELIVERIES) == []
    assert batches(result) == [("a::0", "accumulating")]
    assert scheduled(result) == [("scheduledIntervalFlush", "failed")]


def test_at_the_threshold_the_flush_does_not_wait_for_the_timer() -> None:
    @scenario(app=APP)
    def three_items(world: World) -> None:
        world.external(PLAN)
        world.external(DELIVERIES)
        add(world, "alice", 1, 2)
        add(world, "alice", 3)

    result = run(three_items)
    assert [entry["t"] for entry in result.view.external(DELIVERIES)] == [0]
    assert scheduled(result) == [
        ("scheduledIntervalFlush", "canceled"),
        ("maybeFlush", "success"),
        ("executeFlush", "success"),
    ]


def test_a_failed_delivery_comes_again_after_the_interval() -> None:
    result = run(a_failed_flush)
    attempts = [(entry["t"], entry["items"]) for entry in result.view.external(DELIVERIES)]
    assert attempts == [(0, [1, 2, 3]), (1_000, [1, 2, 3, 4])]
    history = result.view.documents("flushHistory", "batchProcessor")
    assert [(row["success"], row["itemCount"]) for row in history] == [(False, 3), (True, 4)]


@pytest.mark.parametrize("what", [one_item, a_failed_flush])
def test_runs_that_follow_each_other_are_the_same(what: Scenario) -> None:
    first, second = run(what), run(what)
    assert first.trace is not None
    assert second.trace is not None
    assert list(first.trace.as_json()) == list(second.trace.as_json())
