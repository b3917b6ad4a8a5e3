"""What one step of a job does, and how steps follow each other: component-versions 2.3, by its numbers, and 2.4."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import ActionCtx, FunctionError, QueryCtx, internal, internal_action, internal_query, v
from tests.components.driver import Driver
from tests.components.iterator_support import STATUSES, chains, config, handle, job, processed, put_job, start, world

NOT_RUNNING = {"processed": False, "reason": "Job not found or not running"}
HOOK = handle("onComplete")


def step(driver: Driver, document: str) -> Any:
    """Run one step by hand and return what it answers."""
    return driver.lib("processNextBatch", jobDocId=document)


def calls(driver: Driver, name: str) -> list[dict[str, Any]]:
    return [entry for entry in driver.deliveries if entry["call"] == name]


# ------------------------------------------------------------------------------------------- 1: who is not running


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "running"])
def test_a_job_that_does_not_run_is_left_alone(status: str) -> None:
    with world() as driver:
        document = put_job(driver, status)
        before = driver.database.snapshot.ts
        assert step(driver, document) == NOT_RUNNING
        assert (driver.database.snapshot.ts, driver.deliveries) == (before, [])


def test_so_is_one_that_is_gone() -> None:
    with world() as driver:
        document = put_job(driver, "failed")
        driver.lib("deleteIteratorJob", jobId="j")
        assert step(driver, document) == NOT_RUNNING


# ---------------------------------------------------------------------------------------- 3-5, 7: a page and the next


def test_the_first_page_has_no_cursor_and_the_next_one_comes_after_the_delay() -> None:
    with world() as driver:
        document = put_job(driver, "running", retryCount=2, errorMessage="kept")
        driver.advance(3)
        assert step(driver, document) == {"processed": True, "done": False, "processedCount": 2}
        page, delivery = driver.deliveries
        assert page == {"call": "getNextBatch", "t": 3, "cursor": None, "batchSize": 2, "plan": "ok"}
        assert delivery == {"call": "processBatch", "t": 3, "items": [0, 1], "plan": "ok"}
        assert job(driver) == {
            "jobId": "j",
            "status": "running",
            "cursor": "1",
            "processedCount": 2,
            "retryCount": 0,
            "errorMessage": "kept",
            "createdAt": 0,
            "lastRunAt": 3,
        }
        assert driver.pending() == [("processNextBatch", 13)]


def test_a_job_goes_through_its_table_page_by_page() -> None:
    with world(rows=5) as driver:
        start(driver, delayBetweenBatchesMs=10)
        driver.advance(9)
        assert processed(driver) == [(0, [0, 1])]
        driver.advance(1_000)
        assert processed(driver) == [(0, [0, 1]), (10, [2, 3]), (20, [4])]
        assert [entry["cursor"] for entry in calls(driver, "getNextBatch")] == [None, "1", "3"]
        assert chains(driver) == 0


def test_the_last_page_completes_the_job_and_leaves_the_cursor_where_it_was() -> None:
    with world() as driver:
        document = put_job(driver, "running", cursor="2", processedCount=3, retryCount=1, errorMessage="kept")
        driver.advance(3)
        assert step(driver, document) == {"processed": True, "done": True, "processedCount": 5}
        assert job(driver) == {
            "jobId": "j",
            "status": "completed",
            "cursor": "2",
            "processedCount": 5,
            "retryCount": 1,
            "errorMessage": "kept",
            "createdAt": 0,
            "lastRunAt": 3,
        }
        assert chains(driver) == 0


def test_a_table_without_rows_completes_without_a_call() -> None:
    with world(rows=0) as driver:
        document = put_job(driver, "running")
        assert step(driver, document) == {"processed": True, "done": True, "processedCount": 0}
        assert calls(driver, "processBatch") == []


def test_a_page_of_no_items_is_not_processed_but_followed_by_the_next() -> None:
    pages = iter([{"items": [], "cursor": "here", "done": False}, {"items": [7], "cursor": "there", "done": True}])

    @internal_query(args={"cursor": v.optional(v.string()), "batchSize": v.number()})
    def get_next_batch(ctx: QueryCtx, batch_size: int, cursor: str | None = None) -> Any:
        return next(pages)

    with world(own={"getNextBatch": get_next_batch}) as driver:
        start(driver)
        driver.advance()
        assert (driver.deliveries, job(driver)["cursor"]) == ([], "here")
        driver.advance(10)
        assert processed(driver) == [(10, [7])]


@pytest.mark.parametrize("cursor", ["", None])
def test_an_empty_cursor_is_none(cursor: str | None) -> None:
    with world() as driver:
        document = put_job(driver, "running", **({} if cursor is None else {"cursor": cursor}))
        step(driver, document)
        assert processed(driver) == [(0, [0, 1])]


def test_a_page_without_a_cursor_sends_the_job_back_to_the_start() -> None:
    seen: list[str | None] = []

    @internal_query(args={"cursor": v.optional(v.string()), "batchSize": v.number()})
    def get_next_batch(ctx: QueryCtx, batch_size: int, cursor: str | None = None) -> Any:
        seen.append(cursor)
        return {"items": [len(seen)], "done": len(seen) > 1}

    with world(own={"getNextBatch": get_next_batch}) as driver:
        step(driver, put_job(driver, "running", cursor="9"))
        driver.advance(10)
        assert seen == ["9", None]


# ------------------------------------------------------------------------------------------------- 6: the end's hook


def test_the_hook_is_told_once_the_job_is_completed() -> None:
    with world(rows=3) as driver:
        start(driver, onCompleteHandle=HOOK)
        driver.advance(5)
        assert calls(driver, "onComplete") == []
        driver.advance(1_000)
        assert driver.rows("completions", "") != []
        assert calls(driver, "onComplete") == [
            {"call": "onComplete", "t": 10, "jobId": "j", "processedCount": 3, "plan": "ok"}
        ]


def test_a_hook_that_fails_leaves_a_completed_job_with_an_error_and_is_never_called_again() -> None:
    with world(rows=1, onComplete=[{"fail": "hook"}]) as driver:
        document = start(driver, onCompleteHandle=HOOK)
        expected = {"processed": False, "reason": "Retrying", "error": "hook", "retryCount": 1}
        assert step(driver, document) == expected
        driver.advance(100_000)
        assert len(calls(driver, "onComplete")) == 1
        assert driver.rows("completions", "") == []
        assert job(driver) == {
            "jobId": "j",
            "status": "completed",
            "processedCount": 1,
            "retryCount": 1,
            "errorMessage": "hook",
            "createdAt": 0,
            "lastRunAt": 0,
        }


def test_at_its_last_attempt_a_hook_that_fails_fails_the_completed_job() -> None:
    with world(rows=1, onComplete=[{"fail": "hook"}]) as driver:
        document = put_job(driver, "running", retryCount=4, config=config(onCompleteHandle=HOOK))
        assert step(driver, document) == {"processed": False, "reason": "Max retries exceeded", "error": "hook"}
        seen = {name: job(driver)[name] for name in ("status", "processedCount", "retryCount", "errorMessage")}
        assert seen == {"status": "failed", "processedCount": 1, "retryCount": 5, "errorMessage": "hook"}
        assert chains(driver) == 0


# ----------------------------------------------------------------------------------------- 2, 8: attempts and back-off


@pytest.mark.parametrize(
    ("retries", "attempts"),
    [
        (None, [0, 2, 6, 14, 30]),
        (0, [0]),
        (1, [0]),
        (2, [0, 2]),
        (8, [0, 2, 6, 14, 30, 60, 90, 120]),
    ],
)
def test_so_many_attempts_with_a_back_off_that_doubles_up_to_30_s(retries: int | None, attempts: list[int]) -> None:
    with world() as driver:
        start(driver, processBatchHandle=handle("alwaysFail"), maxRetries=retries)
        driver.advance(1_000_000)
        assert processed(driver) == [(1_000 * second, [0, 1]) for second in attempts]
        assert job(driver) == {
            "jobId": "j",
            "status": "failed",
            "processedCount": 0,
            "retryCount": len(attempts),
            "errorMessage": "always fails",
            "createdAt": 0,
            "lastRunAt": 1_000 * attempts[-1],
        }


def test_a_failed_attempt_answers_and_leaves_the_page_where_it_was() -> None:
    with world(processBatch=[{"fail": "no"}]) as driver:
        document = put_job(driver, "running", cursor="1", processedCount=2)
        expected = {"processed": False, "reason": "Retrying", "error": "no", "retryCount": 1}
        assert step(driver, document) == expected
        assert job(driver) == {
            "jobId": "j",
            "status": "running",
            "cursor": "1",
            "processedCount": 2,
            "retryCount": 1,
            "errorMessage": "no",
            "createdAt": 0,
            "lastRunAt": 0,
        }
        assert driver.pending() == [("processNextBatch", 2_000)]


def test_a_page_that_succeeds_forgets_the_count_but_not_the_message() -> None:
    with world(processBatch=[{"fail": "a"}, {"fail": "b"}, "ok", {"fail": "c"}]) as driver:
        start(driver, delayBetweenBatchesMs=0)
        driver.advance(100_000)
        assert processed(driver) == [
            (0, [0, 1]),
            (2_000, [0, 1]),
            (6_000, [0, 1]),
            (6_000, [2, 3]),
            (8_000, [2, 3]),
            (8_000, [4]),
        ]
        assert (job(driver)["status"], job(driver)["errorMessage"], job(driver)["retryCount"]) == ("completed", "c", 0)


def test_a_page_that_cannot_be_had_is_a_failed_attempt_without_a_delivery() -> None:
    with world(getNextBatch=[{"fail": "no page"}]) as driver:
        start(driver)
        driver.advance()
        assert (job(driver)["errorMessage"], processed(driver)) == ("no page", [])
        driver.advance(2_000)
        assert processed(driver) == [(2_000, [0, 1])]


@pytest.mark.parametrize("field", ["getNextBatchHandle", "processBatchHandle"])
def test_a_handle_that_leads_nowhere_is_a_failed_attempt(field: str) -> None:
    with world() as driver:
        document = start(driver, maxRetries=1, **{field: "function://;driver:nobody"})
        answer = step(driver, document)
        assert answer["reason"] == "Max retries exceeded"
        assert "function://;driver:nobody" in job(driver)["errorMessage"]


def test_callbacks_of_the_wrong_kind_are_failed_attempts() -> None:
    for field, name in (("getNextBatchHandle", "processBatch"), ("processBatchHandle", "getNextBatch")):
        with world() as driver:
            assert step(driver, start(driver, maxRetries=1, **{field: handle(name)}))["processed"] is False
            assert job(driver)["status"] == "failed"


@pytest.mark.parametrize("page", [None, [], {}, {"items": 3, "done": True}, {"items": [1], "cursor": 5, "done": False}])
def test_a_page_that_is_no_page_is_a_failed_attempt(page: Any) -> None:
    @internal_query(args={"cursor": v.optional(v.string()), "batchSize": v.number()})
    def get_next_batch(ctx: QueryCtx, batch_size: int, cursor: str | None = None) -> Any:
        return page

    with world(own={"getNextBatch": get_next_batch}) as driver:
        assert step(driver, start(driver))["reason"] == "Retrying"


def test_a_next_step_that_cannot_be_scheduled_is_a_failed_attempt_after_its_page_was_written_down() -> None:
    with world(rows=20) as driver:
        start(driver, delayBetweenBatchesMs=-1)
        driver.advance()
        assert (job(driver)["processedCount"], job(driver)["retryCount"]) == (2, 1)
        driver.advance(100_000)
        assert processed(driver) == [(0, [0, 1]), (2_000, [2, 3]), (6_000, [4, 5]), (14_000, [6, 7]), (30_000, [8, 9])]
        assert (job(driver)["status"], job(driver)["processedCount"], job(driver)["retryCount"]) == ("failed", 10, 5)


# ---------------------------------------------------------- what happens to the job while its page is processed


def meddling(*names: str) -> Any:
    """Return a callback that calls the host's functions of these names for its own job."""

    @internal_action(args={"items": v.array(v.any())})
    async def process_batch(ctx: ActionCtx, items: list[Any]) -> None:
        await ctx.external("deliveries").append({"call": "processBatch", "t": ctx.now(), "items": items})
        for name in names:
            await ctx.run_mutation(getattr(internal.driver, name), {"jobId": "j"})

    return {"processBatch": process_batch}


def test_a_page_in_flight_is_finished_after_a_pause_and_nothing_else_starts() -> None:
    with world(own=meddling("pauseIterator")) as driver:
        start(driver)
        driver.advance(100_000)
        assert processed(driver) == [(0, [0, 1])]
        assert (job(driver)["status"], job(driver)["processedCount"], job(driver)["cursor"]) == ("paused", 2, "1")
        assert chains(driver) == 0


def test_a_cancelled_job_is_written_to_once_more_by_its_page_in_flight() -> None:
    with world(own=meddling("cancelIterator")) as driver:
        start(driver)
        driver.advance(100_000)
        seen = {name: job(driver)[name] for name in ("status", "errorMessage", "processedCount")}
        assert seen == {"status": "failed", "errorMessage": "Cancelled by user", "processedCount": 2}
        assert chains(driver) == 0


@pytest.mark.parametrize("name", ["pauseIterator", "cancelIterator"])
def test_the_last_page_completes_what_was_paused_or_cancelled_meanwhile(name: str) -> None:
    with world(rows=1, own=meddling(name)) as driver:
        start(driver, onCompleteHandle=HOOK)
        driver.advance()
        assert job(driver)["status"] == "completed"
        assert len(calls(driver, "onComplete")) == 1


def test_where_the_job_is_deleted_meanwhile_the_step_dies_of_writing_down_its_failure() -> None:
    with world(own=meddling("cancelIterator", "deleteIteratorJob")) as driver:
        start(driver)
        driver.advance(100_000)
        assert driver.rows("iteratorJobs") == []
        assert [(name, state) for name, state, _, _ in driver.scheduled()] == [("lib.js:processNextBatch", "failed")]


def test_that_failure_is_not_caught() -> None:
    with world(own=meddling("cancelIterator", "deleteIteratorJob")) as driver:
        document = start(driver)
        with pytest.raises(FunctionError, match="does not exist"):
            step(driver, document)
