"""The internal functions of the hardened accumulator, one rule of its design a test."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import component
from components.batch_processor.host_app import driver as driver_module
from convexsim import ActionCtx, ConvexError, MutationCtx, define_app, internal_action
from tests.components.driver import Driver
from tests.components.support import HANDLE, config, items_stored

FAIL = {"fail": "no"}
LEASE_MS = 30_000


def world(plan: tuple[Any, ...] = (), **more: Any) -> Driver:
    app = define_app({"driver": {**driver_module("hardened"), **more}})
    app.use(component("hardened"))
    return Driver(app, plan)


def add(driver: Driver, *items: Any, batch: str = "a", **how: Any) -> None:
    """Add items with threshold 3 and no interval, unless `how` says otherwise."""
    driver.lib("addItems", batchId=batch, items=list(items), config={**config(3, 0), **how})


def add_rows(driver: Driver, count: int, *items: Any, **how: Any) -> None:
    """Add the same items so often, in one mutation."""

    def put(ctx: MutationCtx) -> None:
        for _ in range(count):
            args = {"batchId": "a", "items": list(items), "config": {**config(3, 0), **how}}
            ctx.run_mutation("lib:addItems", args)

    driver.write(put)


def sealed(driver: Driver, *items: Any, **how: Any) -> dict[str, Any]:
    """Return the batch that has sealed these items and waits for its first attempt to begin."""
    add(driver, *items, **how)
    driver.lib("flushBatch", batchId="a")
    driver.lib("collectBatch", batchDocId=driver.rows("batches")[-1]["_id"])
    return driver.rows("batches")[-1]


def batch(driver: Driver) -> dict[str, Any]:
    return driver.rows("batches")[0]


def states(driver: Driver, name: str) -> list[str]:
    return [state for path, state, *_ in driver.scheduled() if path.endswith(f":{name}")]


def sizes(driver: Driver) -> list[int]:
    return [len(entry["items"]) for entry in driver.deliveries]


def cancel_all(driver: Driver, name: str) -> None:
    def cancel(ctx: MutationCtx) -> None:
        for row in ctx.db.system.query("_scheduled_functions").collect():
            if row["name"].endswith(f":{name}"):
                ctx.scheduler.cancel(row["_id"])

    driver.write(cancel)


# ----------------------------------------------------------------------------------------------------------- admit


def test_the_first_row_opens_a_batch_and_starts_its_timer() -> None:
    with world() as driver:
        add(driver, 1, flushIntervalMs=500)
        driver.advance()
        (found,) = driver.rows("batches")
        assert {name: found.get(name) for name in ("batchId", "baseBatchId", "sequence", "status", "attempt")} == {
            "batchId": "a::0",
            "baseBatchId": "a",
            "sequence": 0,
            "status": "accumulating",
            "attempt": 0,
        }
        assert (found["flushAt"], driver.pending()) == (500, [("flushOnTime", 500)])
        assert driver.rows("_scheduled_functions")[-1]["_id"] == found["scheduledFlushId"]
        assert driver.rows("streams")[0]["nextSequence"] == 1


def test_only_a_row_that_wants_to_be_flushed_sooner_moves_the_timer() -> None:
    with world() as driver:
        add(driver, 1, flushIntervalMs=500, maxBatchSize=9)
        driver.advance()
        first = batch(driver)["scheduledFlushId"]
        for interval_ms in (500, 900, 0):
            add(driver, 2, flushIntervalMs=interval_ms, maxBatchSize=9)
            driver.advance()
            assert (batch(driver)["scheduledFlushId"], batch(driver)["flushAt"]) == (first, 500)
        assert states(driver, "flushOnTime") == ["pending"]
        add(driver, 3, flushIntervalMs=200, maxBatchSize=9)
        driver.advance()
        assert (batch(driver)["flushAt"], driver.pending()) == (200, [("flushOnTime", 200)])
        assert states(driver, "flushOnTime") == ["canceled", "pending"]


def test_a_row_that_is_sealed_or_gone_or_below_the_line_is_let_alone() -> None:
    with world() as driver:
        add(driver, 1)
        row = driver.rows("batchItems")[0]["_id"]
        driver.lib("flushBatch", batchId="a")
        for _ in ("below the line", "sealed", "gone"):
            before = driver.rows("batches")
            driver.lib("admit", rowId=row)
            assert driver.rows("batches") == before
            driver.advance()
        assert driver.rows("batchItems") == []
        assert [found["batchId"] for found in driver.rows("batches")] == ["a::0"]


def test_a_row_is_counted_up_to_itself() -> None:
    """Later adds cannot disturb the count; who comes last has counted all."""
    with world() as driver:
        for item in (1, 2, 3):
            add(driver, item)
        first, second, third = (row["_id"] for row in driver.rows("batchItems"))
        for row in (second, first):
            driver.lib("admit", rowId=row)
            assert batch(driver)["status"] == "accumulating"
        driver.lib("admit", rowId=third)
        assert batch(driver)["status"] == "flushing"


@pytest.mark.parametrize("thresholds", [(100, 4, 4), (4, 100, 100), (100, 100, 4), (None, 4, None)])
def test_the_threshold_is_the_lowest_of_what_is_stored(thresholds: tuple[int | None, ...]) -> None:
    sizes_of = [{} if one is None else {"maxBatchSize": one} for one in thresholds]
    usual = {"flushIntervalMs": 0, "processBatchHandle": HANDLE}
    with world() as driver:
        for items, size in zip(([1, 2], [3], [4]), sizes_of, strict=True):
            assert driver.deliveries == []
            driver.lib("addItems", batchId="a", items=items, config={**usual, **size})
            driver.advance()
        assert sum(sizes(driver)) == 4


def test_who_lowers_the_threshold_counts_those_who_came_later_and_are_done() -> None:
    with world() as driver:
        add(driver, 1, maxBatchSize=2)
        add(driver, 2, maxBatchSize=100)
        first, second = (row["_id"] for row in driver.rows("batchItems"))
        driver.lib("admit", rowId=second)
        assert batch(driver)["status"] == "accumulating"
        driver.lib("admit", rowId=first)
        assert batch(driver)["status"] == "flushing"


def test_who_lowers_the_threshold_to_what_others_have_counted_flushes_it() -> None:
    """The count that was written down includes his own row, so he reads no row at all."""
    with world() as driver:
        add(driver, 0, maxBatchSize=129)
        add_rows(driver, 128, 0, maxBatchSize=1_000)
        first, *_, last = (row["_id"] for row in driver.rows("batchItems"))
        driver.lib("admit", rowId=last)
        assert (batch(driver)["status"], batch(driver)["counted"]["items"]) == ("accumulating", 129)
        driver.lib("admit", rowId=first)
        assert batch(driver)["status"] == "flushing"


def test_what_was_counted_is_written_down_after_so_many_rows_and_never_counted_again() -> None:
    with world() as driver:
        add_rows(driver, 127, 0, maxBatchSize=1_000)
        driver.advance()
        assert "counted" not in batch(driver)
        add(driver, 0, maxBatchSize=1_000)
        driver.advance()
        counted = batch(driver)["counted"]
        assert (counted["items"], counted["rows"]) == (128, 128)
        add(driver, 0, maxBatchSize=1_000)
        driver.advance()
        assert batch(driver)["counted"] == counted
        add_rows(driver, 870, 0, maxBatchSize=1_000)
        driver.advance()
        assert (batch(driver)["status"], driver.deliveries) == ("accumulating", [])
        add(driver, 0, maxBatchSize=1_000)
        driver.advance()
        assert sizes(driver) == [1_000]
        assert "counted" not in batch(driver)


def test_an_admission_does_not_read_again_what_was_counted() -> None:
    def admit(ctx: MutationCtx, row: str) -> Any:
        ctx.run_mutation("lib:admit", {"rowId": row})
        return ctx.meta.get_transaction_metrics()["documentsRead"]["used"]

    with world() as driver:
        add_rows(driver, 500, 0, maxBatchSize=1_000)
        driver.advance()
        add(driver, 0, maxBatchSize=1_000)
        assert driver.write(admit, row=driver.rows("batchItems")[-1]["_id"]) < 10


def test_rows_that_fill_a_delivery_flush_below_the_threshold() -> None:
    with world() as driver:
        for _ in range(3):
            add_rows(driver, 666, 0, maxBatchSize=5_000)
        add(driver, 0, maxBatchSize=5_000)
        driver.advance()
        assert driver.deliveries == []
        add(driver, 0, maxBatchSize=5_000)
        driver.advance()
        assert sizes(driver) == [2_000]


def test_bytes_that_fill_a_delivery_flush_below_the_threshold() -> None:
    with world() as driver:
        for _ in range(4):
            add(driver, "x" * 990_000, maxBatchSize=100)
        driver.advance()
        assert batch(driver)["status"] == "accumulating"
        add(driver, "x" * 990_000, maxBatchSize=100)
        driver.advance()
        assert sizes(driver) == [5]


def test_a_threshold_above_what_an_array_holds_is_as_much_as_it_holds() -> None:
    with world() as driver:
        for _ in range(3):
            add(driver, *range(3_000), maxBatchSize=10**6)
        driver.advance()
        assert sizes(driver) == [6_000, 3_000]
        assert items_stored(driver) == []


# --------------------------------------------------------------------------------------------------- flushOnTime


def test_a_timer_draws_the_line_and_does_not_cancel_itself() -> None:
    with world() as driver:
        add(driver, 1, flushIntervalMs=500)
        driver.advance(500)
        assert states(driver, "flushOnTime") == ["success"]
        assert sizes(driver) == [1]


def test_a_timer_that_comes_too_late_flushes_nothing() -> None:
    with world() as driver:
        add(driver, 1)
        driver.advance()
        timed = batch(driver)["_id"]
        driver.lib("flushBatch", batchId="a")
        before = batch(driver)
        driver.lib("flushOnTime", batchDocId=timed)
        assert batch(driver) == before
        driver.advance()
        add(driver, 2)
        driver.advance()
        driver.lib("flushOnTime", batchDocId=timed)
        assert driver.rows("batches")[-1]["status"] == "accumulating"


# --------------------------------------------------------------------------------------------------- collectBatch


def test_the_line_parts_what_was_committed_before_from_what_comes_after() -> None:
    with world() as driver:
        add(driver, 1)
        driver.lib("flushBatch", batchId="a")
        add(driver, 2)
        add(driver, 3)
        driver.lib("flushBatch", batchId="a")
        add(driver, 4)
        first, second = (found["_id"] for found in driver.rows("batches"))
        driver.lib("collectBatch", batchDocId=second)
        driver.lib("collectBatch", batchDocId=first)
        belongs = [(row["items"], row.get("batchDocId")) for row in driver.rows("batchItems")]
        assert belongs == [([1], first), ([2], second), ([3], second), ([4], None)]


def test_a_sealed_batch_knows_its_items_and_has_executor_and_watchdog() -> None:
    with world() as driver:
        add(driver, 1, flushIntervalMs=500)
        driver.advance()
        found = sealed(driver, 2, flushIntervalMs=500)
        assert (found["itemCount"], found["attempt"], found["failures"], found["status"]) == (2, 1, 0, "flushing")
        assert not {"line", "after", "counted", "retryId", "flushAt", "scheduledFlushId"} & set(found)
        by_id = {row["_id"]: (row["name"], row["scheduledTime"]) for row in driver.rows("_scheduled_functions")}
        assert by_id[found["executorId"]] == ("lib.js:executeFlush", 0)
        assert by_id[found["watchdogId"]] == ("lib.js:watchFlush", LEASE_MS)


def test_rows_are_packed_by_config_in_the_order_of_their_commits() -> None:
    with world() as driver:
        for number, size in ((1, 2), (2, 9), (3, 2), (4, 9), (5, 2)):
            add(driver, number, maxBatchSize=size)
        driver.lib("flushBatch", batchId="a")
        driver.advance()
        assert sorted(entry["items"] for entry in driver.deliveries) == [[1, 3], [2, 4], [5]]


def test_other_options_are_another_config_too() -> None:
    with world() as driver:
        add(driver, 1, maxBatchSize=9)
        add(driver, 2, maxBatchSize=9, maxAttempts=2)
        driver.lib("flushBatch", batchId="a")
        driver.advance()
        assert sorted(entry["items"] for entry in driver.deliveries) == [[1], [2]]


@pytest.mark.parametrize(("rows", "expected"), [(99, 99), (100, 100), (101, 101), (250, 250)])
def test_more_pages_than_one_transaction_begins_are_left_for_the_next(rows: int, expected: int) -> None:
    with world() as driver:
        add_rows(driver, rows, 0, maxBatchSize=1)
        driver.advance()
        assert sizes(driver) == [1] * expected
        assert items_stored(driver) == driver.view.failed_functions() == []
        assert states(driver, "collectBatch") == ["success"] * -(-rows // 100)
        assert (
            len({row["args"][0]["batchDocId"] for row in driver.rows("_scheduled_functions") if "watch" in row["name"]})
            == rows
        )


def test_what_is_left_for_the_next_begins_above_the_line_before() -> None:
    with world() as driver:
        add(driver, 0, maxBatchSize=1)
        driver.lib("flushBatch", batchId="a")
        add_rows(driver, 101, 0, maxBatchSize=1)
        driver.lib("flushBatch", batchId="a")
        first, second = (found["_id"] for found in driver.rows("batches"))
        driver.lib("collectBatch", batchDocId=second)
        driver.lib("collectBatch", batchDocId=driver.rows("batches")[-1]["_id"])
        (left,) = [row for row in driver.rows("batchItems") if "batchDocId" not in row]
        driver.lib("collectBatch", batchDocId=first)
        assert [row["_id"] for row in driver.rows("batchItems") if row["batchDocId"] == first] == [left["_id"]]


def test_more_rows_than_one_transaction_may_change_are_left_for_the_next() -> None:
    """Each is a read of its own, of which a transaction has 4,096 (convex-semantics 6.3)."""

    def without_size(ctx: MutationCtx) -> None:
        row = {"baseBatchId": "a", "items": [0], "itemCount": 1, "size": 200, "createdAt": 0}
        own = {"flushIntervalMs": 0, "processBatchHandle": HANDLE}
        for _ in range(1_500):
            ctx.db.insert("batchItems", {**row, "config": own, "committedAt": ctx.db.vars.commit_ts})

    with world() as driver:
        for _ in range(3):
            driver.write(without_size)
        assert driver.lib("flushBatch", batchId="a")["itemCount"] == 2_000  # as many as are counted for show
        driver.advance()
        assert sizes(driver) == [2_000, 2_000, 500]
        assert (items_stored(driver), driver.view.failed_functions()) == ([], [])


def test_a_delivery_has_no_more_bytes_than_a_few_megabytes() -> None:
    with world() as driver:
        own = {**config(1, 0), "maxBatchSize": 8_000, "immediateFlushThreshold": 8_000}
        for _ in range(3):
            for _ in range(4):
                driver.lib("addItems", batchId="a", items=["x" * 990_000], config=own)
        driver.lib("flushBatch", batchId="a")
        driver.advance()
        assert (sum(sizes(driver)), max(sizes(driver))) == (12, 5)
        assert driver.view.failed_functions() == []


def test_a_full_array_of_items_is_one_delivery() -> None:
    with world() as driver:
        add(driver, *range(8_192), maxBatchSize=8_192)
        add(driver, 1, maxBatchSize=8_192)
        driver.lib("flushBatch", batchId="a")
        driver.advance()
        assert sizes(driver) == [8_192, 1]


def test_a_delivery_is_filled_up_to_what_an_array_holds() -> None:
    with world() as driver:
        for count in (8_000, 192, 1):
            add(driver, *range(count), maxBatchSize=9_000)
        driver.lib("flushBatch", batchId="a")
        driver.advance()
        assert sizes(driver) == [8_192, 1]


# ------------------------------------------------------------------------------------------- getFlush, executeFlush


@pytest.mark.parametrize(
    ("passing", "key"), [({}, False), ({"passDeliveryKey": False}, False), ({"passDeliveryKey": True}, True)]
)
def test_an_attempt_is_told_items_callback_and_key(passing: dict[str, Any], *, key: bool) -> None:
    with world() as driver:
        found = sealed(driver, 1, 2, **passing)
        flush = driver.lib("getFlush", batchDocId=found["_id"], attempt=1)
        expected = {"items": [1, 2], **({"deliveryKey": found["_id"]} if key else {})}
        assert flush == {"handle": HANDLE, "args": expected}


@pytest.mark.parametrize("attempt", [0, 2])
def test_an_attempt_whose_turn_it_is_not_delivers_nothing(attempt: int) -> None:
    with world() as driver:
        found = sealed(driver, 1)
        assert driver.lib("getFlush", batchDocId=found["_id"], attempt=attempt) is None
        driver.lib("executeFlush", batchDocId=found["_id"], attempt=attempt)
        assert driver.deliveries == driver.rows("flushHistory") == []


@pytest.mark.parametrize("handle", ["nonsense", "function://;driver:gone", "function://;driver:addItems"])
def test_a_callback_that_is_none_makes_a_dead_letter(handle: str) -> None:
    with world() as driver:
        add(driver, 1, maxBatchSize=1, processBatchHandle=handle, maxAttempts=2)
        driver.advance(10_000)
        (letter,) = driver.lib("listDeadLetters")
        assert letter["failures"] == 2
        assert driver.view.failed_functions() == []


def test_what_fails_comes_again_after_1_2_4_and_at_most_30_seconds_until_it_is_dead() -> None:
    with world((FAIL,) * 12) as driver:
        add(driver, 1, 2, 3)
        driver.advance(10**6)
        assert [entry["t"] / 1_000 for entry in driver.deliveries] == [0, 1, 3, 7, 15, 31, 61, 91, 121, 151]
        assert {tuple(entry["items"]) for entry in driver.deliveries} == {(1, 2, 3)}
        assert (batch(driver)["status"], batch(driver)["errorMessage"]) == ("deadLetter", "no")
        assert (items_stored(driver), driver.pending()) == ([1, 2, 3], [])


def test_an_error_that_carries_data_is_a_failure_like_any_other() -> None:
    @internal_action
    async def choosy(ctx: ActionCtx, items: list[Any]) -> None:
        await ctx.external("deliveries").append({"items": items})
        raise ConvexError({"left": 0})

    with world(choosy=choosy) as driver:
        add(driver, 1, maxBatchSize=1, processBatchHandle="function://;driver:choosy")
        driver.advance()
        assert batch(driver)["status"] == "retrying"
        assert driver.view.failed_functions() == []


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_max_attempts_are_attempts_in_all(attempts: int) -> None:
    with world((FAIL,) * 5) as driver:
        add(driver, 1, 2, 3, maxAttempts=attempts)
        driver.advance(10**6)
        assert len(driver.deliveries) == attempts


def test_failures_leave_the_other_items_alone() -> None:
    with world((FAIL,)) as driver:
        add(driver, 1, 2, 3)
        driver.advance()
        add(driver, 4, flushIntervalMs=500)
        driver.advance(2_000)
        assert [(entry["t"], entry["items"]) for entry in driver.deliveries] == [
            (0, [1, 2, 3]),
            (500, [4]),
            (1_000, [1, 2, 3]),
        ]


# ---------------------------------------------------------------------------------------------- recordFlushResult


def record(driver: Driver, found: dict[str, Any], attempt: int, *, success: bool) -> None:
    outcome: dict[str, Any] = {"success": success, **({} if success else {"errorMessage": "late"})}
    own = {"batchDocId": found["_id"], "attempt": attempt, "itemCount": 1, "durationMs": 5}
    driver.lib("recordFlushResult", **own, **outcome)


def test_a_success_drops_the_rows_and_whoever_looked_after_the_attempt() -> None:
    with world() as driver:
        found = sealed(driver, 1)
        record(driver, found, 1, success=True)
        assert (batch(driver)["status"], batch(driver)["itemCount"]) == ("completed", 0)
        assert not {"executorId", "watchdogId", "retryId", "errorMessage"} & set(batch(driver))
        assert driver.rows("batchItems") == []
        assert states(driver, "watchFlush") == ["canceled"]


def test_a_failure_of_the_attempt_is_tried_again_by_somebody_who_is_scheduled() -> None:
    with world() as driver:
        found = sealed(driver, 1)
        record(driver, found, 1, success=False)
        waiting = batch(driver)
        assert (waiting["status"], waiting["failures"], waiting["errorMessage"]) == ("retrying", 1, "late")
        assert not {"executorId", "watchdogId"} & set(waiting)
        assert states(driver, "watchFlush") == ["canceled"]
        assert ("retryFlush", 1_000) in driver.pending()


def test_a_late_failure_of_an_older_attempt_changes_nothing_but_history() -> None:
    with world() as driver:
        found = sealed(driver, 1)
        before = batch(driver)
        record(driver, found, 0, success=False)
        assert batch(driver) == before
        assert len(driver.rows("flushHistory")) == 1


def test_a_second_failure_of_the_same_attempt_does_not_count_twice() -> None:
    with world() as driver:
        found = sealed(driver, 1)
        record(driver, found, 1, success=False)
        before = batch(driver)
        record(driver, found, 1, success=False)
        assert batch(driver) == before


def test_a_late_success_counts_while_the_batch_waits_and_its_retry_is_cancelled() -> None:
    with world() as driver:
        found = sealed(driver, 1)
        record(driver, found, 1, success=False)
        record(driver, found, 1, success=True)
        assert batch(driver)["status"] == "completed"
        assert states(driver, "retryFlush") == ["canceled"]
        assert driver.rows("batchItems") == []


def test_a_late_success_counts_during_a_later_attempt_and_for_a_dead_letter() -> None:
    with world() as driver:
        found = sealed(driver, 1, maxAttempts=2)
        record(driver, found, 1, success=False)
        driver.lib("retryFlush", batchDocId=found["_id"], attempt=1)
        assert batch(driver)["attempt"] == 2
        record(driver, found, 2, success=False)
        assert batch(driver)["status"] == "deadLetter"
        record(driver, found, 1, success=True)
        assert batch(driver)["status"] == "completed"
        assert driver.lib("listDeadLetters") == driver.rows("batchItems") == []


def test_what_comes_after_the_completion_changes_nothing_but_history() -> None:
    with world() as driver:
        found = sealed(driver, 1)
        record(driver, found, 1, success=True)
        before = batch(driver)
        driver.advance(10)
        for success in (False, True):
            record(driver, found, 1, success=success)
        assert batch(driver) == before


def test_what_comes_after_the_deletion_leaves_no_trace() -> None:
    with world() as driver:
        found = sealed(driver, 1)
        record(driver, found, 1, success=True)
        driver.lib("deleteBatch", batchId="a")
        record(driver, found, 1, success=True)
        assert len(driver.rows("flushHistory")) == 1


def test_of_an_ids_completed_batches_the_newest_stays_whatever_the_order_of_their_ends() -> None:
    with world(({"fail": "no"},)) as driver:
        for batch_id in ("a", "a", "b", "a"):
            add(driver, 1, 2, 3, batch=batch_id)
            driver.advance()
        names = [(found["batchId"], found["status"]) for found in driver.rows("batches")]
        assert names == [("a::0", "retrying"), ("b::0", "completed"), ("a::2", "completed")]
        driver.advance(5_000)
        add(driver, 4, 5, 6)
        driver.advance()
        names = [(found["batchId"], found["status"]) for found in driver.rows("batches")]
        assert names == [("b::0", "completed"), ("a::3", "completed")]


def test_records_of_one_id_read_nothing_that_another_writes() -> None:
    with world() as driver:
        add_rows(driver, 2, 0, maxBatchSize=1)
        driver.lib("flushBatch", batchId="a")
        driver.lib("collectBatch", batchDocId=driver.rows("batches")[0]["_id"])
        first, second = driver.rows("batches")

        def record_second(ctx: MutationCtx) -> Any:
            before = ctx.meta.get_transaction_metrics()["documentsRead"]["used"]
            result = {"attempt": 1, "itemCount": 1, "durationMs": 0, "success": True, "batchDocId": second["_id"]}
            ctx.run_mutation("lib:recordFlushResult", result)
            return ctx.meta.get_transaction_metrics()["documentsRead"]["used"] - before

        record(driver, first, 1, success=True)
        alone = driver.write(record_second)
        assert alone <= 6  # the batch, its row and its watchdog, each looked at before it is written


# --------------------------------------------------------------------------------------------- watchFlush, retryFlush


def test_an_attempt_that_lives_is_never_doubled_however_long_it_takes() -> None:
    @internal_action
    async def slow(ctx: ActionCtx, items: list[Any]) -> None:
        await ctx.sleep(200_000)
        await ctx.external("deliveries").append({"items": items})

    with world(slow=slow) as driver:
        add(driver, 1, maxBatchSize=1, processBatchHandle="function://;driver:slow")
        driver.advance(199_000)
        assert (batch(driver)["status"], batch(driver)["attempt"]) == ("flushing", 1)
        assert states(driver, "watchFlush") == ["success"] * 6 + ["pending"]
        driver.advance(10**6)
        assert (batch(driver)["status"], sizes(driver), driver.pending()) == ("completed", [1], [])


def test_who_delivers_long_after_its_lease_leaves_no_watchdog_behind() -> None:
    @internal_action
    async def slow(ctx: ActionCtx, items: list[Any]) -> None:
        await ctx.sleep(LEASE_MS + 1)

    with world(slow=slow) as driver:
        add(driver, 1, maxBatchSize=1, processBatchHandle="function://;driver:slow")
        driver.advance(LEASE_MS + 1)
        assert (batch(driver)["status"], driver.pending()) == ("completed", [])


def test_an_attempt_that_was_lost_is_found_out_when_its_lease_is_over_and_fails() -> None:
    with world() as driver:
        sealed(driver, 1)
        cancel_all(driver, "executeFlush")
        driver.advance(LEASE_MS - 1)
        assert batch(driver)["status"] == "flushing"
        driver.advance(1)
        assert (batch(driver)["status"], batch(driver)["failures"]) == ("retrying", 1)
        assert "lost" in batch(driver)["errorMessage"]
        driver.advance(1_000)
        assert (sizes(driver), batch(driver)["status"]) == ([1], "completed")


def test_lost_attempts_count_until_the_batch_is_a_dead_letter() -> None:
    with world() as driver:
        sealed(driver, 1, maxAttempts=1)
        cancel_all(driver, "executeFlush")
        driver.advance(LEASE_MS)
        assert batch(driver)["status"] == "deadLetter"
        assert driver.pending() == []


@pytest.mark.parametrize("attempt", [0, 2])
def test_who_watches_another_attempt_does_nothing(attempt: int) -> None:
    with world() as driver:
        found = sealed(driver, 1)
        cancel_all(driver, "executeFlush")
        before = driver.rows("batches"), driver.scheduled()
        driver.lib("watchFlush", batchDocId=found["_id"], attempt=attempt)
        assert (driver.rows("batches"), driver.scheduled()) == before


@pytest.mark.parametrize("attempt", [0, 2])
def test_a_retry_of_another_attempt_or_of_a_batch_that_does_not_wait_begins_nothing(attempt: int) -> None:
    with world() as driver:
        found = sealed(driver, 1)
        before = driver.rows("batches"), driver.scheduled()
        driver.lib("retryFlush", batchDocId=found["_id"], attempt=1)
        assert (driver.rows("batches"), driver.scheduled()) == before
        record(driver, found, 1, success=False)
        before = driver.rows("batches"), driver.scheduled()
        driver.lib("retryFlush", batchDocId=found["_id"], attempt=attempt)
        assert (driver.rows("batches"), driver.scheduled()) == before


def test_a_retry_begins_the_next_attempt_with_the_failures_so_far() -> None:
    with world() as driver:
        found = sealed(driver, 1)
        record(driver, found, 1, success=False)
        driver.lib("retryFlush", batchDocId=found["_id"], attempt=1)
        again = batch(driver)
        assert (again["status"], again["attempt"], again["failures"]) == ("flushing", 2, 1)
        assert "retryId" not in again
