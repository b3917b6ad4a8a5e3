"""The accumulator's public functions in 1.0.5, one rule of component-versions 8 a test."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import FunctionError
from tests.components.driver import without_ids
from tests.components.support import batch_named, config, items_stored, put_batch, put_history, put_row, world

# ------------------------------------------------------------------------------------------------------- addItems


def test_the_first_add_makes_batch_row_and_timer() -> None:
    with world() as driver:
        result = driver.lib("addItems", batchId="a", items=["x", "y"], config=config())
        assert result == {"batchId": "a", "itemCount": 2, "flushed": False, "status": "accumulating"}
        (batch,) = driver.rows("batches")
        (timer,) = driver.rows("_scheduled_functions")
        assert without_ids([batch]) == [
            {
                "batchId": "a::0",
                "baseBatchId": "a",
                "sequence": 0,
                "createdAt": 0,
                "lastUpdatedAt": 0,
                "status": "accumulating",
                "config": config(),
            }
        ]
        assert batch["scheduledFlushId"] == timer["_id"]
        assert (timer["name"], timer["scheduledTime"]) == ("lib.js:scheduledIntervalFlush", 1_000)
        assert timer["args"] == [{"batchDocId": batch["_id"]}]
        assert without_ids(driver.rows("batchItems")) == [{"items": ["x", "y"], "itemCount": 2, "createdAt": 0}]
        assert driver.rows("batchItems")[0]["batchDocId"] == batch["_id"]


def test_an_interval_of_0_makes_no_timer() -> None:
    with world() as driver:
        driver.lib("addItems", batchId="a", items=[1], config=config(flush_interval_ms=0))
        assert driver.rows("_scheduled_functions") == []
        assert "scheduledFlushId" not in driver.rows("batches")[0]


def test_a_later_add_answers_the_total_and_leaves_the_batch_alone() -> None:
    with world() as driver:
        driver.lib("addItems", batchId="a", items=[1], config=config())
        before = driver.rows("batches")
        driver.advance(10)
        assert driver.lib("addItems", batchId="a", items=[2], config=config())["itemCount"] == 2
        assert driver.rows("batches") == before
        assert [row["createdAt"] for row in driver.rows("batchItems")] == [0, 10]
        assert len(driver.pending()) == 1


def test_an_empty_list_makes_a_row_too() -> None:
    with world() as driver:
        assert driver.lib("addItems", batchId="a", items=[], config=config())["itemCount"] == 0
        assert without_ids(driver.rows("batchItems")) == [{"items": [], "itemCount": 0, "createdAt": 0}]


def test_every_add_from_the_threshold_on_schedules_an_attempt_and_still_says_not_flushed() -> None:
    with world() as driver:
        for items in ([1, 2], [3], [4], []):
            result = driver.lib("addItems", batchId="a", items=items, config=config(3, 0))
            assert (result["flushed"], result["status"]) == (False, "accumulating")
        assert result["itemCount"] == 4
        assert driver.pending() == [("maybeFlush", 0)] * 3
        assert [args for *_, args in driver.scheduled()] == [{"batchDocId": driver.rows("batches")[0]["_id"]}] * 3


def test_the_threshold_is_the_callers_but_the_batch_keeps_its_makers_config() -> None:
    with world() as driver:
        driver.lib("addItems", batchId="a", items=[1], config=config(10, 0))
        driver.lib("addItems", batchId="a", items=[2], config=config(2, 500, "function://;other:fn"))
        assert driver.rows("batches")[0]["config"] == config(10, 0)
        assert driver.pending() == [("maybeFlush", 0)]
        driver.advance()
        assert driver.deliveries == []  # the attempt compares with the stored 10
        assert driver.lib("addItems", batchId="a", items=[3], config=config(9))["itemCount"] == 3


@pytest.mark.parametrize(("argument", "base"), [("a::7", "a"), ("a::b::1", "a"), ("a:b", "a:b"), ("::1", ""), ("", "")])
def test_the_base_id_is_what_stands_before_the_first_separator(argument: str, base: str) -> None:
    with world() as driver:
        assert driver.lib("addItems", batchId=argument, items=[], config=config())["batchId"] == base
        assert driver.rows("batches")[0]["batchId"] == f"{base}::0"


def test_the_next_sequence_is_one_more_than_the_highest_of_any_status() -> None:
    with world() as driver:
        put_batch(driver, "a::7", "completed")
        put_batch(driver, "a::2", "flushing")
        put_batch(driver, "b::30")
        driver.lib("addItems", batchId="a", items=[1], config=config())
        assert batch_named(driver, "a::8")["sequence"] == 8


def test_it_fills_the_oldest_accumulating_batch() -> None:
    with world() as driver:
        oldest = put_batch(driver, "a::4")
        put_batch(driver, "a::1")
        driver.lib("addItems", batchId="a::1", items=[1], config=config())
        assert driver.rows("batchItems")[0]["batchDocId"] == oldest


def test_an_add_during_a_flush_begins_the_next_batch() -> None:
    with world() as driver:
        put_batch(driver, "a::0", "flushing")
        assert driver.lib("addItems", batchId="a", items=[1], config=config())["itemCount"] == 1
        assert batch_named(driver, "a::1")["status"] == "accumulating"


# ----------------------------------------------------------------------------------------------------- flushBatch


@pytest.mark.parametrize("name", ["a", "a::0"])
def test_flush_schedules_a_forced_attempt_and_claims_to_be_flushing(name: str) -> None:
    with world() as driver:
        driver.lib("addItems", batchId="a", items=[1, 2], config=config(flush_interval_ms=0))
        before = driver.rows("batches")
        result = driver.lib("flushBatch", batchId=name)
        assert result == {"batchId": name, "itemCount": 2, "flushed": True, "status": "flushing"}
        assert driver.rows("batches") == before
        assert driver.scheduled() == [
            ("lib.js:maybeFlush", "pending", 0, {"batchDocId": before[0]["_id"], "force": True})
        ]


def test_flush_of_an_empty_batch() -> None:
    with world() as driver:
        put_batch(driver, "a::0")
        expected = {"batchId": "a", "itemCount": 0, "flushed": False, "reason": "Batch is empty"}
        assert driver.lib("flushBatch", batchId="a") == expected
        assert driver.pending() == []


def test_flush_finds_a_batch_by_its_exact_name_before_it_looks_for_a_base_id() -> None:
    with world() as driver:
        put_batch(driver, "a::0", "flushing")
        with pytest.raises(FunctionError) as caught:
            driver.lib("flushBatch", batchId="a::0")
        assert caught.value.message == "Batch a is not in accumulating state (current: flushing)"
        with pytest.raises(FunctionError) as caught:
            driver.lib("flushBatch", batchId="a")
        assert caught.value.message == "Batch a not found"


def test_flush_does_not_strip_the_sequence_of_a_batch_that_is_gone() -> None:
    with world() as driver:
        put_row(driver, put_batch(driver, "a::1"), [1])
        with pytest.raises(FunctionError) as caught:
            driver.lib("flushBatch", batchId="a::0")
        assert caught.value.message == "Batch a::0 not found"


@pytest.mark.parametrize("name", ["a", "a::0"])
def test_flush_without_a_handle_throws_unless_the_batch_is_empty(name: str) -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", config=config(handle=""))
        assert driver.lib("flushBatch", batchId=name)["reason"] == "Batch is empty"
        put_row(driver, batch, [1])
        with pytest.raises(FunctionError) as caught:
            driver.lib("flushBatch", batchId=name)
        assert caught.value.message == f"Batch {name} has no processBatchHandle configured"


# -------------------------------------------------------------------------------- getBatchStatus, getAllBatches...


def test_status_of_an_id_without_active_batches_is_none() -> None:
    with world() as driver:
        put_batch(driver, "a::0", "completed")
        assert driver.lib("getBatchStatus", batchId="a") is None


def test_status_lists_flushing_batches_first_and_takes_its_config_from_the_first() -> None:
    with world() as driver:
        filling = put_batch(driver, "a::0", createdAt=1, lastUpdatedAt=2, config=config(5, 50))
        put_batch(driver, "a::1", "flushing", createdAt=3, lastUpdatedAt=4, config=config(6, 60))
        put_row(driver, filling, ["x", "y"], created_at=9)
        put_row(driver, filling, ["z"], created_at=8)
        assert driver.lib("getBatchStatus", batchId="a::77") == {
            "batchId": "a",
            "batches": [
                {"status": "flushing", "itemCount": 0, "createdAt": 3, "lastUpdatedAt": 4},
                {"status": "accumulating", "itemCount": 3, "createdAt": 1, "lastUpdatedAt": 9},
            ],
            "config": {"maxBatchSize": 6, "flushIntervalMs": 60},
        }


def test_all_batches_come_by_status_then_by_age_and_by_the_argument_as_it_is() -> None:
    with world() as driver:
        names = [("a::9", "flushing"), ("a::3", "completed"), ("a::5", "accumulating"), ("a::1", "accumulating")]
        ids = {name: put_batch(driver, name, status) for name, status in names}
        put_row(driver, ids["a::1"], [1, 2], created_at=6)
        listed = driver.lib("getAllBatchesForBaseId", baseBatchId="a")
        assert [row["batchId"] for row in listed] == ["a::5", "a::1", "a::3", "a::9"]
        assert listed[1] == {
            "batchId": "a::1",
            "baseBatchId": "a",
            "sequence": 1,
            "itemCount": 2,
            "status": "accumulating",
            "createdAt": 0,
            "lastUpdatedAt": 6,
        }
        assert driver.lib("getAllBatchesForBaseId", baseBatchId="a::1") == []


# ------------------------------------------------------------------------------------------------ getFlushHistory


@pytest.mark.parametrize(
    ("limit", "expected"),
    [({}, [3, 2, 1]), ({"limit": 0}, [3, 2, 1]), ({"limit": 2}, [3, 2]), ({"limit": 9}, [3, 2, 1])],
)
def test_history_is_newest_first_and_a_limit_of_0_is_none(limit: dict[str, Any], expected: list[int]) -> None:
    with world() as driver:
        put_history(driver, "a", 3)
        put_history(driver, "b", 1)
        found = driver.lib("getFlushHistory", batchId="a", **limit)
        assert [row["itemCount"] for row in found] == expected


def test_history_is_kept_under_the_base_id_only() -> None:
    with world() as driver:
        put_history(driver, "a", 1)
        assert driver.lib("getFlushHistory", batchId="a::0") == []


# ----------------------------------------------------------------------------------------------------- deleteBatch


def test_delete_wants_the_exact_name() -> None:
    with world() as driver:
        put_batch(driver, "a::0")
        assert driver.lib("deleteBatch", batchId="a") == {"deleted": False, "reason": "Batch not found"}
        assert driver.lib("deleteBatch", batchId="a::1") == {"deleted": False, "reason": "Batch not found"}
        assert len(driver.rows("batches")) == 1


def test_delete_refuses_a_flushing_batch_even_an_empty_one() -> None:
    with world() as driver:
        put_batch(driver, "a::0", "flushing")
        expected = {"deleted": False, "reason": "Cannot delete batch while flushing"}
        assert driver.lib("deleteBatch", batchId="a::0") == expected


def test_delete_refuses_an_accumulating_batch_with_items() -> None:
    with world() as driver:
        driver.lib("addItems", batchId="a", items=[1], config=config())
        expected = {"deleted": False, "reason": "Cannot delete batch with pending items"}
        assert driver.lib("deleteBatch", batchId="a::0") == expected
        assert items_stored(driver) == [1]


def test_delete_takes_rows_and_timer_along_and_leaves_history() -> None:
    with world() as driver:
        put_history(driver, "a", 1)
        driver.lib("addItems", batchId="a", items=[], config=config())
        assert driver.lib("deleteBatch", batchId="a::0") == {"deleted": True}
        assert driver.rows("batches") == driver.rows("batchItems") == []
        assert [state for _, state, *_ in driver.scheduled()] == ["canceled"]
        assert len(driver.rows("flushHistory")) == 1


def test_delete_takes_a_completed_batch_with_the_rows_it_still_has() -> None:
    with world() as driver:
        put_row(driver, put_batch(driver, "a::0", "completed"), [1])
        assert driver.lib("deleteBatch", batchId="a::0") == {"deleted": True}
        assert driver.rows("batches") == driver.rows("batchItems") == []


def test_names_begin_again_at_0_when_no_batch_is_left() -> None:
    with world() as driver:
        put_batch(driver, "a::5", "completed")
        driver.lib("deleteBatch", batchId="a::5")
        driver.lib("addItems", batchId="a", items=[1], config=config())
        assert driver.rows("batches")[0]["batchId"] == "a::0"
