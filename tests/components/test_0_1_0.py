"""The accumulator of 0.1.0, one rule of component-versions 4 a test."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import component
from convexsim import ActionCtx, components, define_app, internal_action
from tests.components.driver import Driver, without_ids
from tests.components.support import HANDLE, error_of, put_history, put_readme_batch, readme_config, world

VERSION = "0.1.0"


def add(driver: Driver, *items: Any, config: dict[str, Any] | None = None) -> Any:
    config = readme_config() if config is None else config
    return driver.ask("public:addItems", batchId="a", items=list(items), config=config)


def the_batch(driver: Driver) -> dict[str, Any]:
    (batch,) = driver.rows("batches")
    return batch


# ------------------------------------------------------------------------------------------------------- addItems


def test_the_first_add_makes_the_batch_and_nothing_else() -> None:
    with world(version=VERSION) as driver:
        assert add(driver, "x", "y") == {"batchId": "a", "itemCount": 2, "flushed": False, "status": "accumulating"}
        assert without_ids(driver.rows("batches")) == [
            {
                "batchId": "a",
                "items": ["x", "y"],
                "itemCount": 2,
                "createdAt": 0,
                "lastUpdatedAt": 0,
                "status": "accumulating",
                "config": readme_config(),
            }
        ]
        assert driver.scheduled() == []


def test_the_batch_takes_over_the_config_of_the_last_caller() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        driver.advance(10)
        add(driver, 2, config=readme_config(9, 50, handle=None))
        batch = the_batch(driver)
        assert batch["config"] == readme_config(9, 50, handle=None)
        assert (batch["items"], batch["createdAt"], batch["lastUpdatedAt"]) == ([1, 2], 0, 10)


def test_at_the_callers_threshold_it_flushes_to_the_callers_handle_and_keeps_the_old_config() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1, config=readme_config(10))
        driver.advance(10)
        own = readme_config(2, handle="function://;driver:other")
        assert add(driver, 2, config=own) == {"batchId": "a", "itemCount": 2, "flushed": True, "status": "flushing"}
        batch = the_batch(driver)
        assert (batch["status"], batch["items"], batch["itemCount"]) == ("flushing", [1, 2], 2)
        assert (batch["lastUpdatedAt"], batch["config"]) == (10, readme_config(10))
        args = {"batchDocId": batch["_id"], "items": [1, 2], "onFlushHandle": "function://;driver:other"}
        assert driver.scheduled() == [("internal.js:executeFlush", "pending", 10, args)]


@pytest.mark.parametrize("handle", [None, ""])
def test_without_a_handle_no_number_of_items_flushes(handle: str | None) -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        result = add(driver, 2, 3, 4, config=readme_config(handle=handle))
        assert result == {"batchId": "a", "itemCount": 4, "flushed": False, "status": "accumulating"}
        assert driver.scheduled() == []
        assert the_batch(driver)["config"] == readme_config(handle=handle)


@pytest.mark.parametrize("status", ["flushing", "completed"])
def test_a_batch_that_was_flushed_takes_no_more_items(status: str) -> None:
    with world(version=VERSION) as driver:
        put_readme_batch(driver, "a", [], status=status)
        args = {"batchId": "a", "items": [1], "config": readme_config()}
        assert error_of(driver, "public:addItems", **args) == "Batch a is not in accumulating state"
        assert the_batch(driver)["items"] == []


def test_ids_are_taken_as_they_are() -> None:
    with world(version=VERSION) as driver:
        result = driver.ask("public:addItems", batchId="a::0", items=[], config=readme_config())
        assert result["batchId"] == the_batch(driver)["batchId"] == "a::0"


# ----------------------------------------------------------------------------------------------------- flushBatch


def test_flush_takes_the_batch_to_flushing_at_once() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1, 2)
        result = driver.ask("public:flushBatch", batchId="a")
        assert result == {"batchId": "a", "itemCount": 2, "flushed": True, "status": "flushing"}
        assert the_batch(driver)["status"] == "flushing"
        args = {"batchDocId": the_batch(driver)["_id"], "items": [1, 2], "onFlushHandle": HANDLE}
        assert driver.scheduled() == [("internal.js:executeFlush", "pending", 0, args)]


def test_flush_of_an_empty_batch_even_without_a_handle() -> None:
    with world(version=VERSION) as driver:
        put_readme_batch(driver, "a", [], config=readme_config(handle=None))
        expected = {"batchId": "a", "itemCount": 0, "flushed": False, "reason": "Batch is empty"}
        assert driver.ask("public:flushBatch", batchId="a") == expected
        assert the_batch(driver)["status"] == "accumulating"


def test_what_flush_refuses() -> None:
    with world(version=VERSION) as driver:
        put_readme_batch(driver, "b", [], status="completed")
        put_readme_batch(driver, "c", [1], config=readme_config(handle=None))
        assert error_of(driver, "public:flushBatch", batchId="a") == "Batch a not found"
        expected = "Batch b is not in accumulating state (current: completed)"
        assert error_of(driver, "public:flushBatch", batchId="b") == expected
        assert error_of(driver, "public:flushBatch", batchId="c") == "Batch c has no onFlushHandle configured"


# --------------------------------------------------------------------------------- getBatchStatus, history, deleteBatch


def test_status_is_the_batch_without_its_items_whatever_its_status() -> None:
    with world(version=VERSION) as driver:
        assert driver.ask("public:getBatchStatus", batchId="a") is None
        put_readme_batch(driver, "a", [1, 2], status="completed", createdAt=3, lastUpdatedAt=4)
        assert driver.ask("public:getBatchStatus", batchId="a") == {
            "batchId": "a",
            "itemCount": 2,
            "status": "completed",
            "createdAt": 3,
            "lastUpdatedAt": 4,
            "config": readme_config(),
        }


def test_history_is_newest_first() -> None:
    with world(version=VERSION) as driver:
        put_history(driver, "a", 3)
        found = driver.ask("public:getFlushHistory", batchId="a", limit=2)
        assert [row["itemCount"] for row in found] == [3, 2]


@pytest.mark.parametrize(
    ("status", "items", "reason"),
    [
        ("flushing", [], "Cannot delete batch while flushing"),
        ("accumulating", [1], "Cannot delete batch with pending items"),
        ("accumulating", [], None),
        ("completed", [], None),
    ],
)
def test_what_delete_takes(status: str, items: list[Any], reason: str | None) -> None:
    with world(version=VERSION) as driver:
        put_readme_batch(driver, "a", items, status=status)
        expected = {"deleted": True} if reason is None else {"deleted": False, "reason": reason}
        assert driver.ask("public:deleteBatch", batchId="a") == expected
        assert len(driver.rows("batches")) == (reason is not None)
        assert driver.ask("public:deleteBatch", batchId="z") == {"deleted": False, "reason": "Batch not found"}


# ------------------------------------------------------------------------------- triggerIntervalFlushes and its parts


def test_due_is_what_has_items_and_a_handle_and_had_no_add_for_an_interval() -> None:
    with world(version=VERSION) as driver:
        driver.advance(1_000)
        due = put_readme_batch(driver, "due", [1])
        always = put_readme_batch(driver, "always", [1], lastUpdatedAt=1_000, config=readme_config(3, 0))
        put_readme_batch(driver, "fresh", [1], lastUpdatedAt=1)
        put_readme_batch(driver, "empty", [])
        put_readme_batch(driver, "unheard", [1], config=readme_config(handle=None))
        put_readme_batch(driver, "blank", [1], config=readme_config(handle=""))
        put_readme_batch(driver, "flushing", [1], status="flushing")
        assert driver.ask("internal:checkFlushTimers") == [
            {"batchDocId": due, "batchId": "due"},
            {"batchDocId": always, "batchId": "always"},
        ]


def test_every_add_puts_the_flush_off() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1)
        driver.advance(900)
        add(driver, 2)
        driver.advance(900)
        assert driver.ask("public:triggerIntervalFlushes") == []
        driver.advance(100)
        assert driver.ask("public:triggerIntervalFlushes") == [{"batchId": "a", "flushed": True}]
        assert [entry["items"] for entry in driver.deliveries] == [[1, 2]]


def test_it_delivers_one_batch_after_the_other_and_calls_a_failure_flushed_too() -> None:
    with world(({"fail": "no"}, "ok"), VERSION) as driver:
        for name in ("a", "b"):
            put_readme_batch(driver, name, [name], config=readme_config(3, 0))
        expected = [{"batchId": "a", "flushed": True}, {"batchId": "b", "flushed": True}]
        assert driver.ask("public:triggerIntervalFlushes") == expected
        assert [(entry["items"], entry["plan"]) for entry in driver.deliveries] == [
            (["a"], {"fail": "no"}),
            (["b"], "ok"),
        ]
        assert [row["status"] for row in driver.rows("batches")] == ["accumulating", "completed"]
        assert driver.scheduled() == []


def test_what_somebody_else_has_flushed_meanwhile_is_not_flushed() -> None:
    @internal_action
    async def flush_b(ctx: ActionCtx, items: list[Any]) -> None:
        await ctx.run_mutation(components.batch_processor.public.flush_batch, {"batchId": "b"})

    app = define_app({"driver": {"processBatch": flush_b}})
    app.use(component(VERSION))
    with Driver(app) as driver:
        for name in ("a", "b"):
            put_readme_batch(driver, name, [name], config=readme_config(3, 0))
        expected = [{"batchId": "a", "flushed": True}, {"batchId": "b", "flushed": False}]
        assert driver.ask("public:triggerIntervalFlushes") == expected


def test_a_batch_that_loses_its_handle_meanwhile_is_left_flushing() -> None:
    """That it has a handle is checked before it is marked, and again after, but not when it is."""

    @internal_action
    async def take_the_handle(ctx: ActionCtx, items: list[Any]) -> None:
        args = {"batchId": "b", "items": [], "config": readme_config(handle=None)}
        await ctx.run_mutation(components.batch_processor.public.add_items, args)

    app = define_app({"driver": {"processBatch": take_the_handle}})
    app.use(component(VERSION))
    with Driver(app) as driver:
        for name in ("a", "b"):
            put_readme_batch(driver, name, [name], config=readme_config(3, 0))
        expected = [{"batchId": "a", "flushed": True}, {"batchId": "b", "flushed": False}]
        assert driver.ask("public:triggerIntervalFlushes") == expected
        assert [row["status"] for row in driver.rows("batches")] == ["completed", "flushing"]


def test_marking_returns_items_and_handle_and_patches_the_status_only() -> None:
    with world(version=VERSION) as driver:
        driver.advance(5)
        batch = put_readme_batch(driver, "a", [1])
        assert driver.ask("internal:markBatchFlushing", batchDocId=batch) == {"items": [1], "onFlushHandle": HANDLE}
        assert (the_batch(driver)["status"], the_batch(driver)["lastUpdatedAt"]) == ("flushing", 0)
        assert driver.ask("internal:markBatchFlushing", batchDocId=batch) is None


def test_nothing_to_mark() -> None:
    with world(version=VERSION) as driver:
        batch = put_readme_batch(driver, "a", [])
        assert driver.ask("internal:markBatchFlushing", batchDocId=batch) is None
        assert the_batch(driver)["status"] == "accumulating"
        driver.ask("public:deleteBatch", batchId="a")
        assert driver.ask("internal:markBatchFlushing", batchDocId=batch) is None


# --------------------------------------------------------------------------------- getBatch, executeFlush, recording


def test_get_batch_finds_the_exact_name() -> None:
    with world(version=VERSION) as driver:
        batch = put_readme_batch(driver, "a", [])
        assert driver.ask("internal:getBatch", batchId="a")["_id"] == batch
        assert driver.ask("internal:getBatch", batchId="b") is None


def test_an_acked_delivery_completes_the_batch_for_ever() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1, 2, 3)
        driver.advance(7)
        assert driver.deliveries == [{"call": "processBatch", "t": 0, "items": [1, 2, 3], "plan": "ok"}]
        batch = the_batch(driver)
        assert (batch["status"], batch["items"], batch["itemCount"]) == ("completed", [], 0)
        assert without_ids(driver.rows("flushHistory")) == [
            {"batchId": "a", "itemCount": 3, "flushedAt": 0, "durationMs": 0, "success": True}
        ]


def test_a_failed_delivery_keeps_the_items_due_as_before() -> None:
    with world(({"fail": "no"},), VERSION) as driver:
        batch = put_readme_batch(driver, "a", [1], status="flushing", lastUpdatedAt=3)
        driver.advance(20)
        result = driver.ask("internal:executeFlush", batchDocId=batch, items=[1], onFlushHandle=HANDLE)
        assert result == {"success": False, "errorMessage": "no", "durationMs": 0}
        left = the_batch(driver)
        assert (left["status"], left["items"], left["lastUpdatedAt"]) == ("accumulating", [1], 3)
        (entry,) = without_ids(driver.rows("flushHistory"))
        assert (entry["batchId"], entry["flushedAt"], entry["errorMessage"]) == ("a", 20, "no")
        assert driver.scheduled() == []


def test_recording_for_a_batch_that_is_gone_does_nothing() -> None:
    with world(version=VERSION) as driver:
        batch = put_readme_batch(driver, "a", [])
        driver.ask("public:deleteBatch", batchId="a")
        result = driver.ask("internal:executeFlush", batchDocId=batch, items=[1], onFlushHandle=HANDLE)
        assert result == {"success": True, "durationMs": 0}
        assert driver.rows("flushHistory") == []


def test_recording_does_not_ask_whether_the_batch_is_flushing() -> None:
    with world(version=VERSION) as driver:
        batch = put_readme_batch(driver, "a", [1])
        driver.ask("internal:recordFlushResult", batchDocId=batch, itemCount=1, durationMs=2, success=True)
        assert (the_batch(driver)["status"], the_batch(driver)["items"]) == ("completed", [])


def test_deleting_and_adding_again_is_the_way_to_use_an_id_twice() -> None:
    with world(version=VERSION) as driver:
        add(driver, 1, 2, 3)
        driver.advance()
        assert driver.ask("public:deleteBatch", batchId="a") == {"deleted": True}
        assert add(driver, 4)["itemCount"] == 1
        assert len(driver.rows("flushHistory")) == 1


def test_the_oldest_of_two_batches_of_one_name_counts() -> None:
    with world(version=VERSION) as driver:
        put_readme_batch(driver, "a", [1])
        put_readme_batch(driver, "a", [])
        assert add(driver, 2)["itemCount"] == 2
