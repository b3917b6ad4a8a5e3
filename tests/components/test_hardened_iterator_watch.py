"""The watchdog of the hardened iterator: which steps it leaves alone, which it finds lost (properties.md P21, P31)."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor.hardened.scheduling import LEASE_MS, RECORD_PATIENCE_MS
from convexsim import ActionCtx, MutationCtx, internal, internal_action
from tests.components.driver import Driver
from tests.components.hardened_iterator_support import ids, put_driven, put_job, seen, world
from tests.components.iterator_support import job, processed, start


def slow(sleep_ms: float) -> Any:
    @internal_action
    async def process_batch(ctx: ActionCtx, items: list[Any]) -> None:
        await ctx.external("deliveries").append({"call": "processBatch", "t": ctx.now(), "items": items})
        await ctx.sleep(sleep_ms)

    return {"processBatch": process_batch}


def test_a_step_in_progress_is_left_alone_however_long_it_takes() -> None:
    with world(own=slow(100_000)) as driver:
        start(driver)
        driver.advance(99_000)
        assert driver.pending() == [("watchJob", 4 * LEASE_MS)]
        assert job(driver)["watchdogId"] == driver.rows("_scheduled_functions")[-1]["_id"]
        driver.advance(1_000_000)
        assert processed(driver) == [(0, [0, 1]), (100_010, [2, 3]), (200_020, [4])]
        assert seen(driver, "status", "retryCount") == ["completed", 0]


def test_a_step_that_still_waits_for_its_turn_is_left_alone() -> None:
    with world() as driver:
        document = put_driven(driver)
        driver.advance(7)
        driver.lib("watchJob", jobDocId=document, step=3)
        assert seen(driver, "step", "retryCount") == [3, 0]
        assert driver.pending()[-1] == ("watchJob", 7 + LEASE_MS)


def test_a_step_beyond_the_time_of_an_action_is_lost() -> None:
    with world(rows=1, own=slow(1_801_000)) as driver:
        start(driver, maxRetries=1)
        driver.advance(1_799_000)
        assert job(driver)["status"] == "running"
        driver.advance(1_000 + LEASE_MS)
        assert job(driver)["status"] == "failed"
        assert job(driver)["errorMessage"].startswith("The attempt was lost: Function execution timed out")


def ended(driver: Driver, kind: str) -> str:
    """Return the id of a function that has ended in this way, at 0 ms."""
    args = {"jobDocId": put_job(driver, "failed", job_id="other"), "step": 1}

    def plan(ctx: MutationCtx) -> str:
        scheduled_id = ctx.scheduler.run_after(0, internal.lib.leave_step, args if kind != "failed" else {})
        if kind == "canceled":
            ctx.scheduler.cancel(scheduled_id)
        return scheduled_id

    scheduled_id = str(driver.write(plan))
    driver.advance()
    return scheduled_id


def put_ended(driver: Driver, kind: str, status: str = "running") -> str:
    """Insert a job at step 3 whose step has ended in this way, and return its id."""
    fields: dict[str, Any] = {"stepId": ended(driver, kind), "watchdogId": ids(driver, 1)[0]}
    driver.lib("deleteIteratorJob", jobId="other")
    return put_job(driver, status, step=3, **fields)


@pytest.mark.parametrize(("kind", "told"), [("failed", "ArgumentValidationError"), ("canceled", "canceled")])
def test_a_step_that_was_lost_is_a_failed_attempt(kind: str, told: str) -> None:
    with world() as driver:
        document = put_ended(driver, kind)
        driver.lib("watchJob", jobDocId=document, step=3)
        assert seen(driver, "status", "retryCount", "step", "notBefore") == ["running", 1, 4, 1_000]
        assert f"The attempt was lost: {told}" in job(driver)["errorMessage"]


def test_so_it_is_in_a_pause_where_no_other_step_follows() -> None:
    with world() as driver:
        document = put_ended(driver, "failed", "paused")
        driver.lib("watchJob", jobDocId=document, step=3)
        assert seen(driver, "status", "retryCount", "step", "stepId", "notBefore") == ["paused", 1, 3, None, 1_000]


def test_a_step_whose_row_is_forgotten_is_lost() -> None:
    with world() as driver:
        document = put_driven(driver)

        def forget(ctx: MutationCtx) -> None:
            raise RuntimeError(ctx.scheduler.run_after(0, internal.lib.leave_step, {}))

        with pytest.raises(Exception, match=r"^\w+$") as rolled_back:
            driver.write(forget)

        def put(ctx: MutationCtx) -> None:
            ctx.db.patch(document, {"stepId": str(rolled_back.value)})

        driver.write(put)
        driver.lib("watchJob", jobDocId=document, step=3)
        assert seen(driver, "retryCount", "errorMessage") == [1, "The attempt was lost: gone"]


def test_what_ended_well_is_on_its_way_to_be_written_down_but_not_for_ever() -> None:
    with world() as driver:
        document = put_ended(driver, "success")
        driver.advance(RECORD_PATIENCE_MS - 1)
        driver.lib("watchJob", jobDocId=document, step=3)
        assert seen(driver, "retryCount", "step") == [0, 3]
        assert driver.pending()[-1] == ("watchJob", RECORD_PATIENCE_MS - 1 + LEASE_MS)
        driver.advance(1)
        driver.lib("watchJob", jobDocId=document, step=3)
        assert seen(driver, "retryCount", "step") == [1, 4]
        assert job(driver)["errorMessage"] == "The attempt was lost: nobody wrote down how it ended"
