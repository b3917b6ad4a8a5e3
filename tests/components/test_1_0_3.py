"""What 1.0.3 changed, one rule of component-versions 7 a test: base ids and sequences."""

from __future__ import annotations

from typing import Any

import pytest

from tests.components.driver import Driver, without_ids
from tests.components.support import HANDLE, batch_named, config, error_of, put_batch, world

VERSION = "1.0.3"
TIMER = "scheduledIntervalFlush"


def put(driver: Driver, name: str, items: list[Any], status: str = "accumulating", **fields: Any) -> str:
    return put_batch(driver, name, status, items=items, itemCount=len(items), **fields)


def add(driver: Driver, *items: Any, own: dict[str, Any] | None = None, batch_id: str = "a") -> Any:
    own = config() if own is None else own
    return driver.lib("addItems", batchId=batch_id, items=list(items), config=own)


# ------------------------------------------------------------------------------------------------------- addItems


def test_the_first_add_makes_batch_and_timer() -> None:
    with world(version=VERSION) as driver:
        result = add(driver, "x", batch_id="a::9")
        assert result == {"batchId": "a", "itemCount": 1, "flushed": False, "status": "accumulating"}
        (batch,) = driver.rows("batches")
        assert without_ids([batch]) == [
            {
                "batchId": "a::0",
                "baseBatchId": "a",
                "sequence": 0,
                "items": ["x"],
                "itemCount": 1,
                "createdAt": 0,
                "lastUpdatedAt": 0,
                "status": "accumulating",
                "config": config(),
            }
        ]
        assert driver.scheduled() == [("lib.js:scheduledIntervalFlush", "pending", 1_000, {"batchDocId": batch["_id"]})]
        assert batch["scheduledFlushId"] == driver.rows("_scheduled_functions")[0]["_id"]


def test_the_batch_takes_over_the_config_of_the_last_caller_but_keeps_its_timer() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        driver.advance(10)
        add(driver, 2, own=config(9, 0))
        batch = batch_named(driver, "a::0")
        assert (batch["config"], batch["lastUpdatedAt"], batch["items"]) == (config(9, 0), 10, [1, 2])
        assert "scheduledFlushId" in batch
        assert driver.pending() == [(TIMER, 1_000)]


def test_a_batch_gets_a_timer_only_as_long_as_it_is_empty() -> None:
    with world(version=VERSION) as driver:
        add(driver, own=config(3, 0))
        add(driver, 1, own=config(3, 50))
        assert driver.pending() == [(TIMER, 50)]
    with world(version=VERSION) as driver:
        add(driver, 1, own=config(3, 0))
        add(driver, 2, own=config(3, 50))
        assert driver.pending() == []


def test_a_batch_that_is_still_empty_keeps_the_timer_it_has() -> None:
    with world(version=VERSION) as driver:
        add(driver)
        driver.advance(10)
        add(driver, 1)
        assert driver.pending() == [(TIMER, 1_000)]


def test_at_the_callers_threshold_it_flushes_to_the_callers_handle_and_keeps_the_old_config() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1, own=config(9))
        driver.advance(10)
        result = add(driver, 2, 3, own=config(3, handle="function://;driver:other"))
        assert result == {"batchId": "a", "itemCount": 3, "flushed": True, "status": "flushing"}
        batch = batch_named(driver, "a::0")
        assert (batch["status"], batch["config"], batch["lastUpdatedAt"]) == ("flushing", config(9), 10)
        assert (batch["items"], batch["itemCount"], "scheduledFlushId" in batch) == ([1, 2, 3], 3, False)
        args = {"batchDocId": batch["_id"], "items": [1, 2, 3], "processBatchHandle": "function://;driver:other"}
        assert [state for _, state, *_ in driver.scheduled()] == ["canceled", "pending"]
        assert driver.scheduled()[1] == ("lib.js:executeFlush", "pending", 10, args)


def test_an_add_during_a_flush_begins_the_next_batch() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1, 2, 3)
        assert add(driver, 4)["itemCount"] == 1
        assert [row["batchId"] for row in driver.rows("batches")] == ["a::0", "a::1"]


@pytest.mark.parametrize(
    ("existing", "sequence"),
    [
        ([("a::7", "completed"), ("a::2", "flushing")], 3),
        ([("a::2", "flushing"), ("a::7", "flushing"), ("a::4", "flushing")], 5),
        ([("a::7", "completed"), ("a::2", "completed")], 3),
        ([("b::7", "flushing")], 0),
        ([("a::7", "completed")], 8),
    ],
)
def test_the_next_number_follows_the_youngest_of_the_last_status_by_name(
    existing: list[tuple[str, str]], sequence: int
) -> None:
    """So it may be one that there is already: numbers are not unique in this version."""
    with world(version=VERSION) as driver:
        for name, status in existing:
            put(driver, name, [], status)
        add(driver, 1)
        assert driver.rows("batches")[-1]["batchId"] == f"a::{sequence}"
        assert driver.rows("batches")[-1]["sequence"] == sequence


def test_it_fills_the_oldest_accumulating_batch() -> None:
    with world(version=VERSION) as driver:
        put(driver, "a::4", [])
        put(driver, "a::1", [])
        add(driver, 1)
        assert batch_named(driver, "a::4")["items"] == [1]


# ----------------------------------------------------------------------------------------------------- flushBatch


@pytest.mark.parametrize("name", ["a", "a::0"])
def test_flush_takes_the_batch_to_flushing_at_once(name: str) -> None:
    with world(version=VERSION) as driver:
        add(driver, 1, 2)
        result = driver.lib("flushBatch", batchId=name)
        assert result == {"batchId": name, "itemCount": 2, "flushed": True, "status": "flushing"}
        batch = batch_named(driver, "a::0")
        assert (batch["status"], "scheduledFlushId" in batch) == ("flushing", False)
        args = {"batchDocId": batch["_id"], "items": [1, 2], "processBatchHandle": HANDLE}
        assert [state for _, state, *_ in driver.scheduled()] == ["canceled", "pending"]
        assert driver.scheduled()[1] == ("lib.js:executeFlush", "pending", 0, args)


def test_flush_of_an_empty_batch() -> None:
    with world(version=VERSION) as driver:
        add(driver)
        expected = {"batchId": "a", "itemCount": 0, "flushed": False, "reason": "Batch is empty"}
        assert driver.lib("flushBatch", batchId="a") == expected
        assert driver.pending() == [(TIMER, 1_000)]


def test_what_flush_refuses() -> None:
    with world(version=VERSION) as driver:
        put(driver, "a::0", [1], "flushing")
        put(driver, "b::0", [1], config=config(handle=""))
        assert error_of(driver, "lib:flushBatch", batchId="a") == "Batch a not found"
        expected = "Batch a is not in accumulating state (current: flushing)"
        assert error_of(driver, "lib:flushBatch", batchId="a::0") == expected
        assert error_of(driver, "lib:flushBatch", batchId="b::1") == "Batch b::1 not found"
        assert error_of(driver, "lib:flushBatch", batchId="b") == "Batch b has no processBatchHandle configured"


# --------------------------------------------------------------------------------- what is told of batches, deleteBatch


def test_status_lists_flushing_batches_first_and_takes_its_config_from_the_first() -> None:
    with world(version=VERSION) as driver:
        put(driver, "a::0", [1, 2], createdAt=1, lastUpdatedAt=2, config=config(5, 50))
        put(driver, "a::1", [3], "flushing", createdAt=3, lastUpdatedAt=4, config=config(6, 60))
        put(driver, "a::2", [], "completed")
        assert driver.lib("getBatchStatus", batchId="a::77") == {
            "batchId": "a",
            "batches": [
                {"status": "flushing", "itemCount": 1, "createdAt": 3, "lastUpdatedAt": 4},
                {"status": "accumulating", "itemCount": 2, "createdAt": 1, "lastUpdatedAt": 2},
            ],
            "config": {"maxBatchSize": 6, "flushIntervalMs": 60},
        }


def test_status_of_an_id_without_active_batches_is_none() -> None:
    with world(version=VERSION) as driver:
        put(driver, "a::0", [], "completed")
        assert driver.lib("getBatchStatus", batchId="a") is None


def test_all_batches_come_by_status_then_by_age_and_by_the_argument_as_it_is() -> None:
    with world(version=VERSION) as driver:
        for name, status in (("a::9", "flushing"), ("a::3", "completed"), ("a::5", "accumulating")):
            put(driver, name, [1, 2], status, lastUpdatedAt=6)
        put(driver, "a::1", [], "flushing")
        listed = driver.lib("getAllBatchesForBaseId", baseBatchId="a")
        assert [row["batchId"] for row in listed] == ["a::5", "a::3", "a::9", "a::1"]
        assert listed[0] == {
            "batchId": "a::5",
            "baseBatchId": "a",
            "sequence": 5,
            "itemCount": 2,
            "status": "accumulating",
            "createdAt": 0,
            "lastUpdatedAt": 6,
        }
        assert driver.lib("getAllBatchesForBaseId", baseBatchId="a::5") == []


def test_delete_wants_the_exact_name_and_takes_the_timer_along() -> None:
    with world(version=VERSION) as driver:
        add(driver)
        assert driver.lib("deleteBatch", batchId="a") == {"deleted": False, "reason": "Batch not found"}
        assert driver.lib("deleteBatch", batchId="a::0") == {"deleted": True}
        assert [state for _, state, *_ in driver.scheduled()] == ["canceled"]


# -------------------------------------------------------------------------------------------------- how a flush ends


def test_marking_forgets_the_timer_without_canceling_it() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        batch = batch_named(driver, "a::0")["_id"]
        expected = {"items": [1], "processBatchHandle": HANDLE}
        assert driver.lib("markBatchFlushing", batchDocId=batch) == expected
        assert "scheduledFlushId" not in batch_named(driver, "a::0")
        assert driver.pending() == [(TIMER, 1_000)]
        assert driver.lib("markBatchFlushing", batchDocId=batch) is None


def test_a_timer_delivers_in_its_own_action() -> None:
    with world(version=VERSION) as driver:
        batch = put(driver, "a::0", [1])
        expected = {"flushed": True, "success": True, "durationMs": 0}
        assert driver.lib(TIMER, batchDocId=batch) == expected
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


def test_a_success_empties_the_batch_and_of_completed_ones_only_the_highest_sequence_stays() -> None:
    with world(version=VERSION) as driver:
        for name in ("a::5", "a::9", "b::1"):
            put(driver, name, [], "completed")
        batch = put(driver, "a::7", [1], "flushing", lastUpdatedAt=3)
        driver.advance(20)
        driver.lib("executeFlush", batchDocId=batch, items=[1], processBatchHandle=HANDLE)
        assert [row["batchId"] for row in driver.rows("batches")] == ["a::9", "b::1"]
        assert driver.rows("flushHistory")[0]["batchId"] == "a"
        kept = put(driver, "c::0", [1], "flushing", lastUpdatedAt=3)
        driver.lib("executeFlush", batchDocId=kept, items=[1], processBatchHandle=HANDLE)
        left = batch_named(driver, "c::0")
        assert (left["status"], left["items"], left["itemCount"], left["lastUpdatedAt"]) == ("completed", [], 0, 3)


@pytest.mark.parametrize(
    ("own", "pending"),
    [(config(3, 70), [(TIMER, 90)]), (config(3, 0), []), (config(handle=""), [])],
)
def test_a_failure_starts_the_next_timer(own: dict[str, Any], pending: list[Any]) -> None:
    with world(({"fail": "no"},), VERSION) as driver:
        driver.advance(20)
        batch = put(driver, "a::0", [1], "flushing", config=own)
        put(driver, "a::1", [])
        result = driver.lib("executeFlush", batchDocId=batch, items=[1], processBatchHandle=HANDLE)
        assert result == {"success": False, "errorMessage": "no", "durationMs": 0}
        left = batch_named(driver, "a::0")
        assert (left["status"], left["items"], left["lastUpdatedAt"]) == ("accumulating", [1], 0)
        assert driver.pending() == pending
        assert ("scheduledFlushId" in left) is bool(pending)


def test_recording_for_a_batch_that_is_gone_does_nothing() -> None:
    with world(version=VERSION) as driver:
        batch = put(driver, "a::0", [])
        driver.lib("deleteBatch", batchId="a::0")
        driver.lib("recordFlushResult", batchDocId=batch, itemCount=1, durationMs=0, success=True)
        assert driver.rows("flushHistory") == []
