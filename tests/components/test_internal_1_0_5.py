"""The accumulator's internal functions in 1.0.5, one rule of component-versions 8 a test."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import component
from convexsim import ActionCtx, FunctionError, MutationCtx, define_app, internal, internal_action
from tests.components.driver import Driver, without_ids
from tests.components.support import HANDLE, batch_named, config, items_stored, put_batch, put_row, world


def gone(driver: Driver) -> str:
    """Return the id of a batch that has been deleted."""
    batch = put_batch(driver, "gone::0")
    driver.lib("deleteBatch", batchId="gone::0")
    return batch


# --------------------------------------------------------------------------------------------- getBatch, collecting


def test_get_batch_finds_the_exact_name() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0")
        assert driver.lib("getBatch", batchId="a::0")["_id"] == batch
        assert driver.lib("getBatch", batchId="a") is None


def test_collecting_from_a_batch_that_is_gone_gives_no_cutoff() -> None:
    with world() as driver:
        assert driver.lib("collectBatchItems", batchDocId=gone(driver)) == {"items": []}


def test_the_cutoff_is_inclusive_and_reaches_to_the_next_whole_millisecond() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=10)
        for created_at in (11, 10.5, 10, 9):
            put_row(driver, batch, [created_at], created_at)
        expected = {"items": [9, 10, 10.5], "flushStartedAt": 10}
        assert driver.lib("collectBatchItems", batchDocId=batch) == expected


def test_rows_of_one_moment_come_in_the_order_of_their_creation() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=5)
        put_row(driver, batch, ["late"], 5)
        put_row(driver, batch, ["b", "c"], 1)
        put_row(driver, batch, ["a"], 1)
        assert driver.lib("collectBatchItems", batchDocId=batch)["items"] == ["b", "c", "a", "late"]


def test_a_flush_that_began_at_0_is_cut_off_there_and_not_now() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=0)
        put_row(driver, batch, ["early"], 0)
        driver.advance(50)
        put_row(driver, batch, ["late"], 50)
        expected = {"items": ["early"], "flushStartedAt": 0}
        assert driver.lib("collectBatchItems", batchDocId=batch) == expected


def test_a_batch_that_is_not_flushing_is_cut_off_now() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0")
        driver.advance(50)
        put_row(driver, batch, ["now"], 50)
        put_row(driver, batch, ["to come"], 51)
        assert driver.lib("collectBatchItems", batchDocId=batch) == {"items": ["now"], "flushStartedAt": 50}


# -------------------------------------------------------------------------------- maybeFlush, doFlushTransition, timer


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("status", ["flushing", "completed"])
def test_no_transition_from_another_state(status: str, *, force: bool) -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", status)
        put_row(driver, batch, [1, 2, 3])
        expected = {"flushed": False, "reason": "not_accumulating"}
        assert driver.lib("doFlushTransition", batchDocId=batch, force=force) == expected
        assert driver.lib("doFlushTransition", batchDocId=gone(driver), force=force) == expected


@pytest.mark.parametrize("force", [False, True])
def test_no_transition_of_an_empty_batch(*, force: bool) -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0")
        put_row(driver, batch, [])
        assert driver.lib("doFlushTransition", batchDocId=batch, force=force) == {"flushed": False, "reason": "empty"}


@pytest.mark.parametrize("args", [{}, {"force": False}])
def test_no_transition_below_the_stored_threshold(args: dict[str, Any]) -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0")
        put_row(driver, batch, [1, 2])
        expected = {"flushed": False, "reason": "below_threshold"}
        assert driver.lib("doFlushTransition", batchDocId=batch, **args) == expected


def test_the_transition_cancels_the_timer_and_schedules_the_delivery() -> None:
    with world() as driver:
        driver.lib("addItems", batchId="a", items=[1, 2], config=config())
        driver.advance(5)
        batch = driver.rows("batches")[0]["_id"]
        assert driver.lib("doFlushTransition", batchDocId=batch, force=True) == {"flushed": True, "itemCount": 2}
        flushing = driver.rows("batches")[0]
        assert (flushing["status"], flushing["flushStartedAt"], flushing["lastUpdatedAt"]) == ("flushing", 5, 5)
        assert "scheduledFlushId" not in flushing
        assert [(name, state) for name, state, *_ in driver.scheduled()] == [
            ("lib.js:scheduledIntervalFlush", "canceled"),
            ("lib.js:executeFlush", "pending"),
        ]
        assert driver.scheduled()[1][2:] == (5, {"batchDocId": batch, "processBatchHandle": HANDLE})


def test_at_the_threshold_no_force_is_needed() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0")
        put_row(driver, batch, [1, 2, 3])
        assert driver.lib("doFlushTransition", batchDocId=batch) == {"flushed": True, "itemCount": 3}


def test_maybe_flush_passes_force_on_and_answers_nothing() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0")
        put_row(driver, batch, [1])
        assert driver.lib("maybeFlush", batchDocId=batch) is None
        assert driver.rows("batches")[0]["status"] == "accumulating"
        assert driver.lib("maybeFlush", batchDocId=batch, force=True) is None
        assert driver.rows("batches")[0]["status"] == "flushing"


def test_the_timer_flushes_below_the_threshold_and_answers_nothing() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0")
        put_row(driver, batch, [1])
        assert driver.lib("scheduledIntervalFlush", batchDocId=batch) is None
        assert driver.rows("batches")[0]["status"] == "flushing"


# --------------------------------------------------------------------------------------------------- executeFlush


def test_a_delivery_that_is_acked_completes_the_batch() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=0)
        put_row(driver, batch, [1, 2])
        result = driver.lib("executeFlush", batchDocId=batch, processBatchHandle=HANDLE)
        assert result == {"success": True, "durationMs": 0}
        assert driver.deliveries == [{"call": "processBatch", "t": 0, "items": [1, 2], "plan": "ok"}]
        assert items_stored(driver) == []
        assert driver.rows("batches")[0]["status"] == "completed"
        expected = {"batchId": "a", "itemCount": 2, "flushedAt": 0, "durationMs": 0, "success": True}
        assert without_ids(driver.rows("flushHistory")) == [expected]


def test_a_delivery_that_fails_keeps_the_items_and_the_message() -> None:
    with world(({"fail": "no"},)) as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=0)
        put_row(driver, batch, [1, 2])
        result = driver.lib("executeFlush", batchDocId=batch, processBatchHandle=HANDLE)
        assert result == {"success": False, "errorMessage": "no", "durationMs": 0}
        assert items_stored(driver) == [1, 2]
        assert driver.rows("batches")[0]["status"] == "accumulating"
        (entry,) = driver.rows("flushHistory")
        assert (entry["success"], entry["errorMessage"], entry["itemCount"]) == (False, "no", 2)


def test_a_handle_that_leads_nowhere_is_a_failed_delivery() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=0)
        put_row(driver, batch, [1])
        result = driver.lib("executeFlush", batchDocId=batch, processBatchHandle="function://;driver:gone")
        assert result["success"] is False
        assert driver.rows("flushHistory")[0]["errorMessage"] == result["errorMessage"]


def test_nothing_to_deliver_is_recorded_as_a_success_of_0() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=0)
        result = driver.lib("executeFlush", batchDocId=batch, processBatchHandle=HANDLE)
        assert result == {"success": True, "durationMs": 0}
        assert driver.deliveries == []
        assert driver.rows("batches")[0]["status"] == "completed"
        (entry,) = driver.rows("flushHistory")
        assert (entry["success"], entry["itemCount"]) == (True, 0)


def test_a_batch_that_is_gone_leaves_no_trace() -> None:
    with world() as driver:
        result = driver.lib("executeFlush", batchDocId=gone(driver), processBatchHandle=HANDLE)
        assert result == {"success": True, "durationMs": 0}
        assert driver.rows("flushHistory") == driver.deliveries == []


def test_an_error_outside_of_the_callback_is_not_recorded() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=0)
        for _ in range(2):
            put_row(driver, batch, [0] * 5_000)  # together more than an array may hold
        with pytest.raises(FunctionError):
            driver.lib("executeFlush", batchDocId=batch, processBatchHandle=HANDLE)
        assert driver.rows("flushHistory") == []
        assert driver.rows("batches")[0]["status"] == "flushing"


def test_what_was_collected_is_what_is_dropped_however_long_the_callback_takes() -> None:
    @internal_action
    async def slow(ctx: ActionCtx, items: list[Any]) -> None:
        await ctx.sleep(10)

    app = define_app({"driver": {"slow": slow}})
    app.use(component("1.0.5"))
    with Driver(app) as driver:
        batch = put_batch(driver, "a::0")  # it is not flushing, so only the executor knows the cutoff
        put_row(driver, batch, ["sent"], 0)

        def start(ctx: MutationCtx) -> None:
            args = {"batchDocId": batch, "processBatchHandle": "function://;driver:slow"}
            ctx.scheduler.run_after(0, internal.lib.execute_flush, args)

        driver.write(start)
        driver.advance(5)
        put_row(driver, batch, ["later"], 5)
        driver.advance(5)
        assert items_stored(driver) == ["later"]
        (entry,) = driver.rows("flushHistory")
        assert (entry["itemCount"], entry["durationMs"], entry["flushedAt"]) == (1, 10, 10)


# ----------------------------------------------------------------------------------------------- recordFlushResult


def record(driver: Driver, batch: str, **fields: Any) -> Any:
    """Record a flush of one item that went well, unless `fields` say otherwise."""
    result = {"itemCount": 1, "durationMs": 7, "success": True, **fields}
    return driver.lib("recordFlushResult", batchDocId=batch, **result)


def test_recording_for_a_batch_that_is_gone_does_nothing() -> None:
    with world() as driver:
        assert record(driver, gone(driver)) is None
        assert driver.rows("flushHistory") == []


def test_history_tells_the_base_id_and_when() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::3", "flushing")
        driver.advance(20)
        record(driver, batch, success=False, errorMessage="no", itemCount=4)
        assert without_ids(driver.rows("flushHistory")) == [
            {
                "batchId": "a",
                "itemCount": 4,
                "flushedAt": 20,
                "durationMs": 7,
                "success": False,
                "errorMessage": "no",
            }
        ]


@pytest.mark.parametrize(
    ("argument", "stored", "left"),
    [
        ({"flushStartedAt": 10}, {"flushStartedAt": 30}, [11, 40]),
        ({"flushStartedAt": 0}, {"flushStartedAt": 30}, [10, 11, 40]),
        ({}, {"flushStartedAt": 10}, [11, 40]),
        ({}, {"flushStartedAt": 0}, [10, 11, 40]),
        ({}, {}, [40]),
    ],
)
def test_the_cutoff_is_the_argument_or_the_batchs_or_now(
    argument: dict[str, Any], stored: dict[str, Any], left: list[int]
) -> None:
    with world() as driver:
        driver.advance(30)
        batch = put_batch(driver, "a::0", "flushing", **stored)
        for created_at in (0, 10, 11, 40):
            put_row(driver, batch, [created_at], created_at)
        record(driver, batch, **argument)
        assert items_stored(driver) == left


@pytest.mark.parametrize(
    ("batch_config", "pending", "has_timer"),
    [
        (config(2, 500), [("maybeFlush", 20)], False),
        (config(3, 500), [("scheduledIntervalFlush", 520)], True),
        (config(3, 0), [], False),
        (config(2, 0), [("maybeFlush", 20)], False),
    ],
)
def test_what_was_added_after_the_cutoff_keeps_the_batch_open(
    batch_config: dict[str, Any], pending: list[tuple[str, float]], *, has_timer: bool
) -> None:
    with world() as driver:
        driver.advance(20)
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=10, config=batch_config)
        put_row(driver, batch, ["sent"], 10)
        put_row(driver, batch, ["later", "too"], 11)
        record(driver, batch, flushStartedAt=10)
        (left,) = driver.rows("batches")
        assert (left["status"], left["lastUpdatedAt"]) == ("accumulating", 20)
        assert "flushStartedAt" not in left
        assert ("scheduledFlushId" in left) is has_timer
        assert driver.pending() == pending
        assert items_stored(driver) == ["later", "too"]


def test_a_row_without_items_does_not_keep_the_batch_open() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=10)
        put_row(driver, batch, [], 11)
        driver.advance(20)
        record(driver, batch)
        (left,) = driver.rows("batches")
        assert (left["status"], left["lastUpdatedAt"]) == ("completed", 20)
        assert "flushStartedAt" not in left
        assert len(driver.rows("batchItems")) == 1


def test_of_completed_batches_only_the_highest_sequence_stays() -> None:
    with world() as driver:
        for name in ("a::5", "a::9", "b::1"):
            put_row(driver, put_batch(driver, name, "completed"), [name], 99)
        put_batch(driver, "a::2")
        batch = put_batch(driver, "a::7", "flushing", flushStartedAt=0)
        record(driver, batch)
        assert [row["batchId"] for row in driver.rows("batches")] == ["a::9", "b::1", "a::2"]
        assert items_stored(driver) == ["a::9", "b::1"]


def test_an_open_batch_cleans_nothing_up() -> None:
    with world() as driver:
        for name in ("a::5", "a::6"):
            put_batch(driver, name, "completed")
        batch = put_batch(driver, "a::7", "flushing", flushStartedAt=0)
        put_row(driver, batch, [1], 5)
        record(driver, batch)
        assert len(driver.rows("batches")) == 3


@pytest.mark.parametrize(
    ("batch_config", "pending"),
    [
        (config(), [("scheduledIntervalFlush", 1_020)]),
        (config(flush_interval_ms=0), []),
        (config(handle=""), []),
    ],
)
def test_a_failure_returns_the_batch_with_a_timer_if_it_can_have_one(
    batch_config: dict[str, Any], pending: list[tuple[str, float]]
) -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=0, lastUpdatedAt=3, config=batch_config)
        put_row(driver, batch, [1])
        driver.advance(20)
        record(driver, batch, success=False)
        (left,) = driver.rows("batches")
        assert (left["status"], left["lastUpdatedAt"]) == ("accumulating", 3)
        assert "flushStartedAt" not in left
        assert driver.pending() == pending
        assert ("scheduledFlushId" in left) is bool(pending)
        assert items_stored(driver) == [1]


def test_a_failure_does_not_mind_another_accumulating_batch() -> None:
    with world() as driver:
        batch = put_batch(driver, "a::0", "flushing", flushStartedAt=0)
        put_batch(driver, "a::1")
        record(driver, batch, success=False)
        assert [row["status"] for row in driver.rows("batches")] == ["accumulating", "accumulating"]


@pytest.mark.parametrize("status", ["accumulating", "completed"])
def test_recording_does_not_ask_whether_the_batch_is_flushing(status: str) -> None:
    with world() as driver:
        record(driver, put_batch(driver, "a::0", status))
        assert batch_named(driver, "a::0")["status"] == "completed"
        assert len(driver.rows("flushHistory")) == 1
