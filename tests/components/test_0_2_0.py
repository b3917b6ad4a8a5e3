"""What 0.2.0 changed, one rule of component-versions 5 a test: batches have timers of their own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.components.driver import Driver
from tests.components.support import HANDLE, error_of, put_readme_batch, readme_config, world

VERSION = "0.2.0"
TIMER = "scheduledIntervalFlush"


def add(driver: Driver, *items: Any, config: dict[str, Any] | None = None) -> Any:
    config = readme_config() if config is None else config
    return driver.ask("public:addItems", batchId="a", items=list(items), config=config)


def the_batch(driver: Driver) -> dict[str, Any]:
    (batch,) = driver.rows("batches")
    return batch


def states(driver: Driver) -> list[tuple[str, str]]:
    return [(name.partition(":")[2], state) for name, state, *_ in driver.scheduled()]


# ----------------------------------------------------------------------------------------------- starting the timer


def test_the_first_items_start_the_timer_and_later_ones_do_not() -> None:
    with world(version=VERSION) as driver:
        assert add(driver, 1) == {"batchId": "a", "itemCount": 1, "flushed": False, "status": "accumulating"}
        driver.advance(400)
        add(driver, 2)
        (timer,) = driver.rows("_scheduled_functions")
        assert (timer["name"], timer["scheduledTime"]) == ("internal.js:scheduledIntervalFlush", 1_000)
        assert timer["args"] == [{"batchDocId": the_batch(driver)["_id"]}]
        assert the_batch(driver)["scheduledFlushId"] == timer["_id"]


@pytest.mark.parametrize("config", [readme_config(3, 0), readme_config(handle=None), readme_config(handle="")])
def test_no_timer_without_interval_or_handle(config: dict[str, Any]) -> None:
    with world(version=VERSION) as driver:
        add(driver, 1, config=config)
        assert driver.scheduled() == []
        assert "scheduledFlushId" not in the_batch(driver)


def test_a_batch_that_began_without_a_timer_gets_one_only_as_long_as_it_is_empty() -> None:
    with world(version=VERSION) as driver:
        add(driver, config=readme_config(handle=None))
        add(driver, config=readme_config(3, 0))
        assert driver.pending() == []
        add(driver, 1, config=readme_config(3, 70))
        assert driver.pending() == [(TIMER, 70)]
    with world(version=VERSION) as driver:
        add(driver, 1, config=readme_config(handle=None))
        add(driver, 2)
        assert driver.pending() == []


def test_a_batch_that_is_still_empty_keeps_the_timer_it_has() -> None:
    with world(version=VERSION) as driver:
        add(driver)
        driver.advance(10)
        add(driver, 1)
        assert driver.pending() == [(TIMER, 1_000)]


def test_the_timer_stays_where_the_config_changes() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        before = the_batch(driver)["scheduledFlushId"]
        add(driver, 2, config=readme_config(5, 0, handle=None))
        assert the_batch(driver)["scheduledFlushId"] == before
        assert the_batch(driver)["config"] == readme_config(5, 0, handle=None)
        assert driver.pending() == [(TIMER, 1_000)]


# ---------------------------------------------------------------------------------------------- canceling the timer


def test_an_add_at_the_threshold_cancels_it() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        result = add(driver, 2, 3, config=readme_config(handle="function://;driver:other"))
        assert result == {"batchId": "a", "itemCount": 3, "flushed": True, "status": "flushing"}
        assert states(driver) == [(TIMER, "canceled"), ("executeFlush", "pending")]
        batch = the_batch(driver)
        assert "scheduledFlushId" not in batch
        assert (batch["status"], batch["items"], batch["config"]) == ("flushing", [1, 2, 3], readme_config())
        args = {"batchDocId": batch["_id"], "items": [1, 2, 3], "onFlushHandle": "function://;driver:other"}
        assert driver.scheduled()[1][2:] == (0, args)


def test_flush_cancels_it() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        result = driver.ask("public:flushBatch", batchId="a")
        assert result == {"batchId": "a", "itemCount": 1, "flushed": True, "status": "flushing"}
        assert states(driver) == [(TIMER, "canceled"), ("executeFlush", "pending")]
        assert "scheduledFlushId" not in the_batch(driver)


def test_flush_of_an_empty_batch_does_not() -> None:
    with world(version=VERSION) as driver:
        add(driver)
        assert driver.ask("public:flushBatch", batchId="a")["reason"] == "Batch is empty"
        assert driver.pending() == [(TIMER, 1_000)]


def test_what_flush_refuses() -> None:
    with world(version=VERSION) as driver:
        put_readme_batch(driver, "b", [], status="flushing")
        put_readme_batch(driver, "c", [1], config=readme_config(handle=None))
        assert error_of(driver, "public:flushBatch", batchId="a") == "Batch a not found"
        expected = "Batch b is not in accumulating state (current: flushing)"
        assert error_of(driver, "public:flushBatch", batchId="b") == expected
        assert error_of(driver, "public:flushBatch", batchId="c") == "Batch c has no onFlushHandle configured"


def test_delete_cancels_it() -> None:
    with world(version=VERSION) as driver:
        add(driver)
        assert driver.ask("public:deleteBatch", batchId="a") == {"deleted": True}
        assert states(driver) == [(TIMER, "canceled")]


def test_delete_refuses_what_0_1_0_refuses() -> None:
    with world(version=VERSION) as driver:
        assert driver.ask("public:deleteBatch", batchId="a") == {"deleted": False, "reason": "Batch not found"}
        add(driver, 1)
        expected = {"deleted": False, "reason": "Cannot delete batch with pending items"}
        assert driver.ask("public:deleteBatch", batchId="a") == expected
        assert driver.pending() == [(TIMER, 1_000)]


def test_marking_forgets_it_without_canceling_it() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        batch = the_batch(driver)["_id"]
        assert driver.ask("internal:markBatchFlushing", batchDocId=batch) == {"items": [1], "onFlushHandle": HANDLE}
        assert the_batch(driver)["status"] == "flushing"
        assert "scheduledFlushId" not in the_batch(driver)
        assert driver.pending() == [(TIMER, 1_000)]


# ------------------------------------------------------------------------------------------------- the timer at work


def test_a_timer_delivers_in_its_own_action() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        driver.advance(999)
        add(driver, 2)
        assert driver.deliveries == []
        driver.advance(1)
        assert driver.deliveries == [{"call": "processBatch", "t": 1_000, "items": [1, 2], "plan": "ok"}]
        assert states(driver) == [(TIMER, "success")]
        assert (the_batch(driver)["status"], the_batch(driver)["items"]) == ("completed", [])


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("ok", {"flushed": True, "success": True, "durationMs": 0}),
        ({"fail": "no"}, {"flushed": True, "success": False, "errorMessage": "no", "durationMs": 0}),
    ],
)
def test_what_a_timer_answers(plan: Any, expected: dict[str, Any]) -> None:
    with world((plan,), VERSION) as driver:
        batch = put_readme_batch(driver, "a", [1])
        assert driver.ask(f"internal:{TIMER}", batchDocId=batch) == expected


@pytest.mark.parametrize(
    ("items", "fields", "left"),
    [
        ([], {}, "accumulating"),
        ([1], {"status": "completed"}, "completed"),
        ([1], {"config": readme_config(handle=None)}, "flushing"),
        ([1], {"config": readme_config(handle="")}, "flushing"),
    ],
)
def test_a_timer_that_is_not_ready(items: list[Any], fields: dict[str, Any], left: str) -> None:
    """Without a handle it leaves the batch flushing, with nobody to flush it."""
    with world(version=VERSION) as driver:
        batch = put_readme_batch(driver, "a", items, **fields)
        expected = {"flushed": False, "reason": "Batch not ready for flush"}
        assert driver.ask(f"internal:{TIMER}", batchDocId=batch) == expected
        assert the_batch(driver)["status"] == left
        assert driver.deliveries == []


def test_a_success_clears_what_is_left_of_a_timer() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        batch = the_batch(driver)["_id"]
        driver.ask("internal:recordFlushResult", batchDocId=batch, itemCount=1, durationMs=0, success=True)
        assert "scheduledFlushId" not in the_batch(driver)
        assert (the_batch(driver)["status"], the_batch(driver)["itemCount"]) == ("completed", 0)
        assert driver.pending() == [(TIMER, 1_000)]


@pytest.mark.parametrize(
    ("config", "pending"),
    [
        (readme_config(3, 70), [(TIMER, 90)]),
        (readme_config(3, 0), []),
        (readme_config(handle=None), []),
    ],
)
def test_a_failure_starts_the_next_timer(config: dict[str, Any], pending: list[Any]) -> None:
    with world(version=VERSION) as driver:
        driver.advance(20)
        batch = put_readme_batch(driver, "a", [1], status="flushing", config=config)
        driver.ask("internal:recordFlushResult", batchDocId=batch, itemCount=1, durationMs=0, success=False)
        assert driver.pending() == pending
        left = the_batch(driver)
        assert (left["status"], left["items"], left["lastUpdatedAt"]) == ("accumulating", [1], 0)
        assert ("scheduledFlushId" in left) is bool(pending)


def test_a_failure_without_a_timer_clears_the_old_ones_id() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        add(driver, 2, config=readme_config(3, 0))
        batch = the_batch(driver)["_id"]
        driver.ask("internal:recordFlushResult", batchDocId=batch, itemCount=1, durationMs=0, success=False)
        assert "scheduledFlushId" not in the_batch(driver)


def test_recording_for_a_batch_that_is_gone_does_nothing() -> None:
    with world(version=VERSION) as driver:
        batch = put_readme_batch(driver, "a", [])
        driver.ask("public:deleteBatch", batchId="a")
        driver.ask("internal:recordFlushResult", batchDocId=batch, itemCount=1, durationMs=0, success=False)
        assert driver.rows("flushHistory") == []
        assert driver.scheduled() == []


def test_the_cron_still_goes_by_the_last_add() -> None:
    with world(version=VERSION) as driver:
        put_readme_batch(driver, "a", [1])
        driver.advance(1_000)
        add(driver, 2)
        assert driver.ask("public:triggerIntervalFlushes") == []
        driver.advance(1_000)
        assert driver.ask("public:triggerIntervalFlushes") == [{"batchId": "a", "flushed": True}]


def test_the_cron_leaves_a_timer_running_which_then_finds_nothing() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        add(driver, 2, config=readme_config(3, 100))
        driver.advance(100)
        assert driver.ask("public:triggerIntervalFlushes") == [{"batchId": "a", "flushed": True}]
        assert driver.pending() == [(TIMER, 1_000)]
        driver.advance(1_000)
        assert states(driver) == [(TIMER, "success")]
        assert [entry["t"] for entry in driver.deliveries] == [100]
