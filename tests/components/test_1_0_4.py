"""What 1.0.4 changed, one rule of component-versions 7a a test: items in rows, a counter on the batch."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import FunctionError
from tests.components.driver import Driver, without_ids
from tests.components.support import HANDLE, batch_named, config, items_stored, put_batch, put_row, world

VERSION = "1.0.4"
TIMER = "scheduledIntervalFlush"


def put(driver: Driver, name: str, items: list[Any], status: str = "accumulating", **fields: Any) -> str:
    """Insert a batch with one row of items, which it counts."""
    batch = put_batch(driver, name, status, itemCount=len(items), **fields)
    put_row(driver, batch, items)
    return batch


def add(driver: Driver, *items: Any, own: dict[str, Any] | None = None) -> Any:
    own = config() if own is None else own
    return driver.lib("addItems", batchId="a", items=list(items), config=own)


# ------------------------------------------------------------------------------------------------ public functions


def test_an_add_inserts_a_row_and_counts_it_on_the_batch() -> None:
    with world(version=VERSION) as driver:
        add(driver, "x")
        driver.advance(10)
        result = add(driver, "y", own=config(9, 0))
        assert result == {"batchId": "a", "itemCount": 2, "flushed": False, "status": "accumulating"}
        assert without_ids(driver.rows("batchItems")) == [
            {"items": ["x"], "itemCount": 1, "createdAt": 0},
            {"items": ["y"], "itemCount": 1, "createdAt": 10},
        ]
        assert without_ids(driver.rows("batches")) == [
            {
                "batchId": "a::0",
                "baseBatchId": "a",
                "sequence": 0,
                "itemCount": 2,
                "createdAt": 0,
                "lastUpdatedAt": 10,
                "status": "accumulating",
                "config": config(9, 0),
            }
        ]
        assert driver.pending() == [(TIMER, 1_000)]


def test_an_empty_list_makes_a_row_too() -> None:
    with world(version=VERSION) as driver:
        add(driver)
        assert without_ids(driver.rows("batchItems")) == [{"items": [], "itemCount": 0, "createdAt": 0}]


def test_what_counts_is_the_counter_and_not_the_rows() -> None:
    with world(version=VERSION) as driver:
        batch = put(driver, "a::0", [1])
        put_row(driver, batch, [2, 3])
        assert add(driver, 4)["itemCount"] == 2
        assert driver.lib("getBatchStatus", batchId="a")["batches"][0]["itemCount"] == 2
        assert driver.lib("getAllBatchesForBaseId", baseBatchId="a")[0]["itemCount"] == 2


def test_a_batch_that_is_still_empty_keeps_the_timer_it_has() -> None:
    with world(version=VERSION) as driver:
        add(driver)
        driver.advance(10)
        add(driver, 1)
        assert driver.pending() == [(TIMER, 1_000)]


def test_at_the_threshold_the_flush_begins_now() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1, own=config(9))
        driver.advance(10)
        result = add(driver, 2, 3, own=config(3, handle="function://;driver:other"))
        assert result == {"batchId": "a", "itemCount": 3, "flushed": True, "status": "flushing"}
        batch = batch_named(driver, "a::0")
        assert (batch["status"], batch["itemCount"], batch["config"]) == ("flushing", 3, config(9))
        assert (batch["flushStartedAt"], batch["lastUpdatedAt"], "scheduledFlushId" in batch) == (10, 10, False)
        args = {"batchDocId": batch["_id"], "processBatchHandle": "function://;driver:other"}
        assert [state for _, state, *_ in driver.scheduled()] == ["canceled", "pending"]
        assert driver.scheduled()[1] == ("lib.js:executeFlush", "pending", 10, args)


def test_the_next_number_is_found_as_in_1_0_3() -> None:
    with world(version=VERSION) as driver:
        put(driver, "a::7", [], "completed")
        put(driver, "a::2", [], "flushing")
        add(driver, 1)
        assert driver.rows("batches")[-1]["batchId"] == "a::3"


def test_a_flush_that_is_asked_for_begins_now_and_is_no_update() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        driver.advance(10)
        result = driver.lib("flushBatch", batchId="a")
        assert result == {"batchId": "a", "itemCount": 1, "flushed": True, "status": "flushing"}
        batch = batch_named(driver, "a::0")
        assert (batch["flushStartedAt"], batch["lastUpdatedAt"], "scheduledFlushId" in batch) == (10, 0, False)
        args = {"batchDocId": batch["_id"], "processBatchHandle": HANDLE}
        assert [state for _, state, *_ in driver.scheduled()] == ["canceled", "pending"]
        assert driver.scheduled()[1] == ("lib.js:executeFlush", "pending", 10, args)


def test_delete_goes_by_the_counter_and_takes_rows_and_timer_along() -> None:
    with world(version=VERSION) as driver:
        add(driver)
        put_row(driver, batch_named(driver, "a::0")["_id"], ["uncounted"])
        assert driver.lib("deleteBatch", batchId="a::0") == {"deleted": True}
        assert driver.rows("batches") == driver.rows("batchItems") == []
        assert [state for _, state, *_ in driver.scheduled()] == ["canceled"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("flushing", "Cannot delete batch while flushing"),
        ("accumulating", "Cannot delete batch with pending items"),
    ],
)
def test_delete_refuses(status: str, reason: str) -> None:
    with world(version=VERSION) as driver:
        put(driver, "a::0", [1], status)
        assert driver.lib("deleteBatch", batchId="a::0") == {"deleted": False, "reason": reason}
        assert driver.lib("deleteBatch", batchId="a") == {"deleted": False, "reason": "Batch not found"}


# ---------------------------------------------------------------------------------------------- internal functions


def test_marking_begins_the_flush_now_and_returns_the_handle_only() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        driver.advance(10)
        batch = batch_named(driver, "a::0")["_id"]
        assert driver.lib("markBatchFlushing", batchDocId=batch) == {"processBatchHandle": HANDLE}
        marked = batch_named(driver, "a::0")
        assert (marked["status"], marked["flushStartedAt"], marked["lastUpdatedAt"]) == ("flushing", 10, 0)
        assert "scheduledFlushId" not in marked
        assert driver.pending() == [(TIMER, 1_000)]
        assert driver.lib("markBatchFlushing", batchDocId=batch) is None


def test_a_timer_delivers_in_its_own_action() -> None:
    with world(version=VERSION) as driver:
        batch = put(driver, "a::0", [1])
        assert driver.lib(TIMER, batchDocId=batch) == {"flushed": True, "success": True, "durationMs": 0}
        assert [entry["items"] for entry in driver.deliveries] == [[1]]
        assert driver.scheduled() == []


@pytest.mark.parametrize(
    ("items", "handle", "left"), [([], HANDLE, "accumulating"), ([1], "", "flushing")], ids=["empty", "no handle"]
)
def test_a_timer_that_is_not_ready(items: list[Any], handle: str, left: str) -> None:
    with world(version=VERSION) as driver:
        batch = put(driver, "a::0", items, config=config(handle=handle))
        expected = {"flushed": False, "reason": "Batch not ready for flush"}
        assert driver.lib(TIMER, batchDocId=batch) == expected
        assert batch_named(driver, "a::0")["status"] == left


def test_a_success_completes_the_batch_though_rows_came_after_the_cutoff() -> None:
    """They are counted, but nobody flushes a completed batch: they are stranded (properties.md 4, R7)."""
    with world(version=VERSION) as driver:
        driver.advance(20)
        batch = put(driver, "a::0", ["sent"], "flushing", flushStartedAt=10)
        put_row(driver, batch, ["late", "too"], 11)
        driver.lib("recordFlushResult", batchDocId=batch, itemCount=1, durationMs=0, success=True, flushStartedAt=10)
        left = batch_named(driver, "a::0")
        assert (left["status"], left["itemCount"], left["lastUpdatedAt"]) == ("completed", 2, 0)
        assert "flushStartedAt" not in left
        assert items_stored(driver) == ["late", "too"]
        assert driver.scheduled() == []


def test_the_next_clean_up_deletes_what_was_stranded() -> None:
    with world(version=VERSION) as driver:
        put(driver, "a::0", ["stranded"], "completed")
        batch = put(driver, "a::1", ["sent"], "flushing", flushStartedAt=0)
        driver.lib("executeFlush", batchDocId=batch, processBatchHandle=HANDLE)
        assert [row["batchId"] for row in driver.rows("batches")] == ["a::1"]
        assert items_stored(driver) == []
        assert [entry["items"] for entry in driver.deliveries] == [["sent"]]


@pytest.mark.parametrize(
    ("argument", "stored", "left"),
    [
        ({"flushStartedAt": 10}, {"flushStartedAt": 30}, [11, 40]),
        ({}, {"flushStartedAt": 10}, [11, 40]),
        ({}, {}, [40]),
    ],
)
def test_the_cutoff_is_the_argument_or_the_batchs_or_now(
    argument: dict[str, Any], stored: dict[str, Any], left: list[int]
) -> None:
    with world(version=VERSION) as driver:
        driver.advance(30)
        batch = put_batch(driver, "a::0", "flushing", itemCount=4, **stored)
        for created_at in (0, 10, 11, 40):
            put_row(driver, batch, [created_at], created_at)
        driver.lib("recordFlushResult", batchDocId=batch, itemCount=1, durationMs=0, success=True, **argument)
        assert items_stored(driver) == left


@pytest.mark.parametrize(
    ("own", "pending"),
    [(config(3, 70), [(TIMER, 90)]), (config(3, 0), []), (config(handle=""), [])],
)
def test_a_failure_keeps_rows_and_counter_and_starts_the_next_timer(own: dict[str, Any], pending: list[Any]) -> None:
    with world(({"fail": "no"},), VERSION) as driver:
        driver.advance(20)
        batch = put(driver, "a::0", [1], "flushing", flushStartedAt=20, config=own)
        result = driver.lib("executeFlush", batchDocId=batch, processBatchHandle=HANDLE)
        assert result == {"success": False, "errorMessage": "no", "durationMs": 0}
        left = batch_named(driver, "a::0")
        assert (left["status"], left["itemCount"], left["lastUpdatedAt"]) == ("accumulating", 1, 0)
        assert "flushStartedAt" not in left
        assert items_stored(driver) == [1]
        assert driver.pending() == pending
        assert ("scheduledFlushId" in left) is bool(pending)
        assert driver.rows("flushHistory")[0]["errorMessage"] == "no"


def test_an_error_while_collecting_is_not_recorded() -> None:
    with world(version=VERSION) as driver:
        batch = put(driver, "a::0", [0] * 5_000, "flushing", flushStartedAt=0)
        put_row(driver, batch, [0] * 5_000)  # together more than an array may hold
        with pytest.raises(FunctionError):
            driver.lib("executeFlush", batchDocId=batch, processBatchHandle=HANDLE)
        assert driver.rows("flushHistory") == []
        assert batch_named(driver, "a::0")["status"] == "flushing"
