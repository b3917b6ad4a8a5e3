"""The calls of the hardened iterator: what starts, pauses, resumes, cancels and deletes a job does to its step.

Source: properties.md 2 (P24 to P31) and 3; what is as in every release stands in test_iterator and is only sampled
here. What steps do follows in test_hardened_iterator_steps.
"""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor.hardened.iterator import ITERATOR_HARDENED
from components.batch_processor.hardened.scheduling import LEASE_MS
from components.batch_processor.iterator import ITERATOR_1_0_3
from components.batch_processor.schema import ITERATOR_STATUS
from convexsim import ActionCtx, FunctionError, MutationCtx, internal, internal_action, mutation
from tests.components.driver import Driver
from tests.components.hardened_iterator_support import put_job, world
from tests.components.iterator_support import STATUSES, config, job, processed, start

FINISHED = ("completed", "failed")
YEAR_MS = 365 * 86_400_000


def refusal(driver: Driver, name: str, **args: Any) -> str:
    """Return the words in which a call is refused; nothing may have changed by it."""
    before = driver.database.snapshot.ts
    with pytest.raises(FunctionError) as caught:
        driver.lib(name, **args)
    assert driver.database.snapshot.ts == before
    return caught.value.message


def test_the_public_functions_are_those_of_every_release() -> None:
    for path, released in ITERATOR_1_0_3.items():
        if released.is_public:
            assert ITERATOR_HARDENED[path].is_public
    assert {path for path, own in ITERATOR_HARDENED.items() if own.is_public} <= set(ITERATOR_1_0_3)
    assert all(literal in str(ITERATOR_STATUS) for literal in STATUSES)


# ------------------------------------------------------------------------------------------------------- starting


def test_a_job_starts_with_step_1_and_its_watchdog() -> None:
    with world() as driver:
        driver.advance(7)
        result = driver.lib("startIteratorJob", jobId="j", config=config(maxRetries=3, passDeliveryKey=True))
        assert result == {"jobId": "j", "status": "running"}
        (row,) = driver.rows("iteratorJobs")
        assert row["config"] == config(maxRetries=3, passDeliveryKey=True)
        step, watchdog = driver.rows("_scheduled_functions")
        assert job(driver) == {
            "jobId": "j",
            "processedCount": 0,
            "status": "running",
            "retryCount": 0,
            "createdAt": 7,
            "lastRunAt": 7,
            "step": 1,
            "stepId": step["_id"],
            "watchdogId": watchdog["_id"],
            "pages": 0,
        }
        which = {"jobDocId": row["_id"], "step": 1}
        assert driver.scheduled() == [
            ("lib.js:processNextBatch", "pending", 7, which),
            ("lib.js:watchJob", "pending", 7 + LEASE_MS, which),
        ]


@pytest.mark.parametrize(("given", "stored"), [(None, 100), (0, 0), (YEAR_MS, YEAR_MS)])
def test_the_delay_is_100_ms_unless_given(given: int | None, stored: int) -> None:
    with world() as driver:
        start(driver, delayBetweenBatchesMs=given)
        assert driver.rows("iteratorJobs")[0]["config"] == config(delayBetweenBatchesMs=stored)


@pytest.mark.parametrize("status", STATUSES)
def test_an_id_in_use_is_refused_whatever_became_of_its_job(status: str) -> None:
    with world() as driver:
        put_job(driver, status)
        assert refusal(driver, "startIteratorJob", jobId="j", config=config()) == "Job j already exists"


@pytest.mark.parametrize("value", [0, -1, 1.5, float("inf"), float("nan")])
@pytest.mark.parametrize("field", ["batchSize", "maxRetries"])
def test_a_size_or_number_of_attempts_that_is_none_is_refused(field: str, value: float) -> None:
    with world() as driver:
        told = refusal(driver, "startIteratorJob", jobId="j", config=config(**{field: value}))
        assert told == f"{field} is {value}; it must be a whole number, 1 or more"


@pytest.mark.parametrize("value", [-1, YEAR_MS + 1, float("inf"), float("nan")])
def test_so_is_a_delay_that_cannot_be_scheduled(value: float) -> None:
    with world() as driver:
        told = refusal(driver, "startIteratorJob", jobId="j", config=config(delayBetweenBatchesMs=value))
        assert told == f"delayBetweenBatchesMs is {value}; it must lie between 0 and {YEAR_MS}"


def test_one_item_and_one_attempt_will_do() -> None:
    with world() as driver:
        start(driver, batchSize=1, maxRetries=1)
        driver.advance(1_000)
        assert job(driver)["status"] == "completed"


# ----------------------------------------------------------------------------------------------- pausing, resuming


@pytest.mark.parametrize("name", ["pauseIteratorJob", "resumeIteratorJob", "cancelIteratorJob"])
def test_a_job_that_is_not_there_is_refused(name: str) -> None:
    with world() as driver:
        assert refusal(driver, name, jobId="j") == "Job j not found"


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "running"])
def test_only_a_running_job_can_be_paused(status: str) -> None:
    with world() as driver:
        put_job(driver, status)
        assert refusal(driver, "pauseIteratorJob", jobId="j") == f"Job j is not running (current: {status})"


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "paused"])
def test_only_a_paused_job_can_be_resumed(status: str) -> None:
    with world() as driver:
        put_job(driver, status)
        assert refusal(driver, "resumeIteratorJob", jobId="j") == f"Job j is not paused (current: {status})"


def test_a_pause_takes_back_the_step_that_has_not_begun_and_its_watchdog() -> None:
    with world() as driver:
        start(driver)
        before = job(driver)
        assert driver.lib("pauseIteratorJob", jobId="j") == {"jobId": "j", "status": "paused"}
        gone = {name: value for name, value in before.items() if name not in ("stepId", "watchdogId")}
        assert job(driver) == {**gone, "status": "paused"}
        assert [state for _, state, _, _ in driver.scheduled()] == ["canceled", "canceled"]
        driver.advance(100_000)
        assert driver.deliveries == []


def test_a_resume_schedules_a_step_of_its_own_at_once_and_forgets_no_failure() -> None:
    with world() as driver:
        document = put_job(driver, "paused", retryCount=3, errorMessage="old", cursor="1", step=4)
        driver.advance(5)
        before = job(driver)
        assert driver.lib("resumeIteratorJob", jobId="j") == {"jobId": "j", "status": "running"}
        step, watchdog = driver.rows("_scheduled_functions")
        own = {"step": 5, "stepId": step["_id"], "watchdogId": watchdog["_id"]}
        assert job(driver) == {**before, "status": "running", **own}
        assert driver.pending() == [("processNextBatch", 5), ("watchJob", 5 + LEASE_MS)]
        assert driver.scheduled()[0][3] == {"jobDocId": document, "step": 5}


@pytest.mark.parametrize(
    ("not_before", "begins"), [(4_000, 4_000), (200, 500), (500, 500), (4_500, 4_500), (4_501, 4_500)]
)
def test_a_resume_waits_for_the_end_of_the_back_off_but_never_longer_than_a_whole_one(
    not_before: int, begins: int
) -> None:
    with world() as driver:
        put_job(driver, "paused", retryCount=3, notBefore=not_before)
        driver.advance(500)
        driver.lib("resumeIteratorJob", jobId="j")
        assert driver.pending() == [("processNextBatch", begins), ("watchJob", begins + LEASE_MS)]


def test_pause_and_resume_neither_shorten_a_back_off_nor_forget_a_retry() -> None:
    with world(rows=1) as driver:
        start(driver, processBatchHandle="function://;driver:alwaysFail")
        for _ in range(40):
            driver.advance(500)
            if job(driver)["status"] == "running":
                driver.lib("pauseIteratorJob", jobId="j")
                driver.lib("resumeIteratorJob", jobId="j")
        assert [t for t, _ in processed(driver)] == [0, 1_000, 3_000, 7_000, 15_000]
        assert job(driver)["status"] == "failed"


def meddling(*names: str, sleep_ms: float = 0) -> Any:
    """Return a callback that calls the host's functions of these names for its own job, and then takes its time."""

    @internal_action
    async def process_batch(ctx: ActionCtx, items: list[Any]) -> None:
        await ctx.external("deliveries").append({"call": "processBatch", "t": ctx.now(), "items": items})
        for name in names:
            await ctx.run_mutation(getattr(internal.driver, name), {"jobId": "j"})
        await ctx.sleep(sleep_ms)

    return {"processBatch": process_batch}


def test_a_pause_lets_the_step_in_progress_end_its_page_and_nothing_else_starts() -> None:
    with world(own=meddling("pauseIterator")) as driver:
        start(driver)
        driver.advance(100_000)
        assert processed(driver) == [(0, [0, 1])]
        assert job(driver) == {
            "jobId": "j",
            "status": "paused",
            "cursor": "1",
            "processedCount": 2,
            "pages": 1,
            "retryCount": 0,
            "createdAt": 0,
            "lastRunAt": 0,
            "step": 1,
        }
        assert driver.pending() == []


def test_a_resume_leaves_the_step_in_progress_to_go_on() -> None:
    with world(own=meddling("pauseIterator", "resumeIterator", "pauseIterator", "resumeIterator")) as driver:
        start(driver)
        driver.advance(1_000)
        assert processed(driver) == [(0, [0, 1]), (10, [2, 3]), (20, [4])]
        assert (job(driver)["status"], job(driver)["step"]) == ("completed", 3)


def test_the_last_page_completes_a_job_that_was_paused_meanwhile() -> None:
    with world(rows=1, own=meddling("pauseIterator")) as driver:
        start(driver, onCompleteHandle="function://;driver:onComplete")
        driver.advance(100_000)
        assert job(driver)["status"] == "completed"
        assert len(driver.rows("completions", "")) == 1


# -------------------------------------------------------------------------------------------- cancelling, deleting


def test_a_cancel_takes_back_the_step_that_has_not_begun_and_its_watchdog() -> None:
    with world() as driver:
        start(driver)
        assert driver.lib("cancelIteratorJob", jobId="j") == {"jobId": "j", "status": "failed"}
        assert job(driver) == {
            "jobId": "j",
            "status": "failed",
            "errorMessage": "Cancelled by user",
            "processedCount": 0,
            "pages": 0,
            "retryCount": 0,
            "createdAt": 0,
            "lastRunAt": 0,
            "step": 2,
        }
        assert [state for _, state, _, _ in driver.scheduled()] == ["canceled", "canceled"]


@pytest.mark.parametrize("status", FINISHED)
def test_cancelling_what_has_ended_changes_nothing(status: str) -> None:
    with world() as driver:
        put_job(driver, status, errorMessage="kept")
        before = driver.database.snapshot.ts
        expected = {"jobId": "j", "status": status, "reason": "Job already finished"}
        assert driver.lib("cancelIteratorJob", jobId="j") == expected
        assert driver.database.snapshot.ts == before


def test_a_paused_job_can_be_cancelled() -> None:
    with world() as driver:
        put_job(driver, "paused", notBefore=4_000, retryCount=1)
        driver.lib("cancelIteratorJob", jobId="j")
        assert (job(driver)["status"], "notBefore" in job(driver), driver.pending()) == ("failed", False, [])


@pytest.mark.parametrize("rows", [1, 5])
def test_a_page_in_flight_is_not_written_down_once_its_job_is_cancelled(rows: int) -> None:
    with world(rows=rows, own=meddling("cancelIterator")) as driver:
        start(driver, onCompleteHandle="function://;driver:onComplete")
        driver.advance(100_000)
        seen = {name: job(driver)[name] for name in ("status", "errorMessage", "processedCount", "pages")}
        assert seen == {"status": "failed", "errorMessage": "Cancelled by user", "processedCount": 0, "pages": 0}
        assert driver.pending() == []
        assert driver.rows("completions", "") == []
        assert [state for name, state, _, _ in driver.scheduled() if name.endswith("Batch")] == ["success"]


def test_nor_if_the_job_is_deleted_or_another_one_has_its_id() -> None:
    with world(rows=1, own=meddling("cancelIterator", "deleteIteratorJob")) as driver:
        start(driver)
        driver.advance()
        assert driver.rows("iteratorJobs") == []
        assert [(name, state) for name, state, _, _ in driver.scheduled()] == [
            ("lib.js:processNextBatch", "success"),
            ("lib.js:watchJob", "canceled"),
        ]


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_job_that_has_ended_can_be_deleted(status: str) -> None:
    with world() as driver:
        put_job(driver, status)
        is_deleted = driver.lib("deleteIteratorJob", jobId="j")["deleted"]
        assert is_deleted == (status not in ("running", "paused")) == (driver.rows("iteratorJobs") == [])


def test_what_looks_at_jobs_is_as_ever() -> None:
    with world() as driver:
        document = put_job(driver, "paused", cursor="1", notBefore=3)
        assert driver.lib("getIteratorJobStatus", jobId="j") == {
            "jobId": "j",
            "status": "paused",
            "processedCount": 0,
            "cursor": "1",
            "retryCount": 0,
            "createdAt": 0,
            "config": {"batchSize": 2, "delayBetweenBatchesMs": 10},
        }
        assert driver.lib("listIteratorJobs", status="paused") == [
            {"jobId": "j", "status": "paused", "processedCount": 0, "createdAt": 0}
        ]
        assert driver.lib("getIteratorJob", jobId="j")["_id"] == document
        assert driver.lib("getIteratorJobById", jobDocId=document)["jobId"] == "j"


# ------------------------------------------------------------------------------- who runs under a canceled function


@internal_action
async def late(ctx: ActionCtx, call: str) -> None:
    """Call the host, after a while."""
    await ctx.sleep(100)
    args = {"config": {"batchSize": 2}} if call == "startIterator" else {}
    try:
        await ctx.run_mutation(getattr(internal.driver, call), {"jobId": "j", **args})
    except FunctionError as error:
        await ctx.external("deliveries").append({"call": call, "error": error.message})


@mutation
def plan(ctx: MutationCtx, call: str) -> str:
    return ctx.scheduler.run_after(0, internal.driver.late, {"call": call})


@mutation
def stop(ctx: MutationCtx, scheduled_id: str) -> None:
    ctx.scheduler.cancel(scheduled_id)


@pytest.mark.parametrize("call", ["startIterator", "resumeIterator"])
def test_a_function_that_was_canceled_cannot_leave_a_job_that_nobody_drives(call: str) -> None:
    with world(own={"late": late, "plan": plan, "stop": stop}) as driver:
        if call == "resumeIterator":
            put_job(driver, "paused")
        scheduled_id = driver.host("plan", call=call)
        driver.advance()
        driver.host("stop", scheduledId=scheduled_id)
        driver.advance(200)
        assert [entry["call"] for entry in driver.deliveries] == [call]
        assert "what it schedules never runs" in driver.deliveries[0]["error"]
        assert [row["status"] for row in driver.rows("iteratorJobs")] == ["paused"] * (call == "resumeIterator")
