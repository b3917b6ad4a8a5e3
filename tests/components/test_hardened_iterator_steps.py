"""What a step of the hardened iterator does, how it ends, and who finds out if it dies (properties.md P20 to P31)."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor.hardened.scheduling import ERROR_CHARS, LEASE_MS
from convexsim import Int64, QueryCtx, internal_query, v
from tests.components.driver import Driver
from tests.components.hardened_iterator_support import put_driven, put_job, seen, world
from tests.components.iterator_support import config, handle, job, processed, start

NOT_RUNNING = {"processed": False, "reason": "Job not found or not running"}
PAGE_ARGS: dict[str, Any] = {"cursor": v.optional(v.string()), "batchSize": v.number()}
PAGE = {"itemCount": 2, "done": False, "cursor": "1"}


def giving(*pages: Any) -> Any:
    """Return a getNextBatch that gives these pages, whatever it is asked for."""
    left = iter(pages)

    @internal_query(args=PAGE_ARGS)
    def get_next_batch(ctx: QueryCtx, **_: Any) -> Any:
        return next(left)

    return {"getNextBatch": get_next_batch}


# --------------------------------------------------------------------------------------------- who may write, who not

WRITERS: list[tuple[str, dict[str, Any]]] = [
    ("commitPage", {"page": PAGE}),
    ("commitPage", {"page": {"itemCount": 1, "done": True}}),
    ("failPage", {"errorMessage": "e"}),
    ("leaveStep", {}),
    ("watchJob", {}),
    ("processNextBatch", {}),
]


@pytest.mark.parametrize(
    ("status", "step", "is_driven"),
    [
        ("running", 2, True),
        ("running", 4, True),
        ("paused", 4, True),
        ("paused", 3, False),
        ("completed", 3, True),
        ("failed", 3, True),
    ],
)
@pytest.mark.parametrize(("name", "args"), WRITERS)
def test_whoever_is_not_the_step_of_an_active_job_changes_nothing(
    name: str, args: dict[str, Any], status: str, step: int, *, is_driven: bool
) -> None:
    with world() as driver:
        document = put_driven(driver, status) if is_driven else put_job(driver, status, step=3)
        before = driver.database.snapshot.ts
        answer = driver.lib(name, jobDocId=document, step=step, **args)
        assert answer == (None if name == "watchJob" else NOT_RUNNING)
        assert (driver.database.snapshot.ts, driver.deliveries) == (before, [])


@pytest.mark.parametrize(("name", "args"), WRITERS)
def test_nor_does_anybody_if_the_job_is_gone(name: str, args: Any) -> None:
    with world() as driver:
        document = put_driven(driver, "failed")
        driver.lib("deleteIteratorJob", jobId="j")
        before = driver.database.snapshot.ts
        driver.lib(name, jobDocId=document, step=3, **args)
        assert driver.database.snapshot.ts == before


# ------------------------------------------------------------------------------------------------- pages and the next


def test_a_job_goes_through_its_table_page_by_page() -> None:
    with world(rows=5) as driver:
        start(driver, delayBetweenBatchesMs=10)
        driver.advance(9)
        assert processed(driver) == [(0, [0, 1])]
        step, watchdog = driver.rows("_scheduled_functions")[2:]
        assert seen(driver, "step", "stepId", "watchdogId", "pages") == [2, step["_id"], watchdog["_id"], 1]
        assert seen(driver, "cursor", "processedCount", "lastRunAt", "status") == ["1", 2, 0, "running"]
        assert driver.pending() == [("processNextBatch", 10), ("watchJob", 10 + LEASE_MS)]
        driver.advance(1_000)
        assert processed(driver) == [(0, [0, 1]), (10, [2, 3]), (20, [4])]
        assert job(driver) == {
            "jobId": "j",
            "status": "completed",
            "cursor": "3",
            "processedCount": 5,
            "pages": 3,
            "retryCount": 0,
            "createdAt": 0,
            "lastRunAt": 20,
            "step": 3,
        }
        assert driver.pending() == []


def test_a_page_that_succeeds_ends_the_back_off_and_forgets_the_count_but_not_the_message() -> None:
    with world() as driver:
        document = put_driven(driver, retryCount=2, errorMessage="kept", notBefore=9)
        answer = driver.lib("commitPage", jobDocId=document, step=3, page=PAGE)
        assert answer == {"processed": True, "done": False, "processedCount": 2}
        assert seen(driver, "retryCount", "errorMessage", "notBefore", "step") == [0, "kept", None, 4]


def test_a_table_without_rows_completes_without_a_call() -> None:
    with world(rows=0) as driver:
        start(driver)
        driver.advance()
        assert (processed(driver), seen(driver, "status", "processedCount")) == ([], ["completed", 0])


def test_a_page_of_no_items_is_not_processed_but_followed_by_the_next() -> None:
    pages = {"items": [], "cursor": "here", "done": False}, {"items": [7], "cursor": "there", "done": True}
    with world(own=giving(*pages)) as driver:
        start(driver)
        driver.advance(10)
        assert (processed(driver), seen(driver, "cursor", "pages")) == ([(10, [7])], ["here", 2])


def test_a_page_with_items_may_leave_the_cursor_where_it_was() -> None:
    pages = ({"items": [k], "cursor": "here", "done": k == 3} for k in (1, 2, 3))
    with world(own=giving(*pages)) as driver:
        start(driver)
        driver.advance(100)
        assert processed(driver) == [(0, [1]), (10, [2]), (20, [3])]


NO_PAGE = "getNextBatch returned no page: {items: [...], cursor: string unless done, done: boolean}"
UNENDING = "getNextBatch returned no items and the cursor that it was given, '5': the job would never end"


def cursorless(cursor: str) -> str:
    return f"getNextBatch returned a page that is not done, with the cursor {cursor}: the next one could not be had"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (None, NO_PAGE),
        ([], NO_PAGE),
        ({}, NO_PAGE),
        ({"items": 3, "done": True}, NO_PAGE),
        ({"items": [1], "cursor": "6"}, NO_PAGE),
        ({"items": [1], "cursor": "6", "done": 0}, NO_PAGE),
        ({"items": [1], "done": False}, cursorless("None")),
        ({"items": [1], "done": False, "cursor": None}, cursorless("None")),
        ({"items": [1], "done": False, "cursor": ""}, cursorless("''")),
        ({"items": [1], "done": False, "cursor": 6}, cursorless("6")),
        ({"items": [], "done": False, "cursor": "5"}, UNENDING),
    ],
)
def test_a_page_after_which_nobody_could_go_on_is_a_failed_attempt_and_not_delivered(page: Any, message: str) -> None:
    with world(own=giving(page)) as driver:
        document = put_driven(driver, cursor="5")
        answer = driver.lib("processNextBatch", jobDocId=document, step=3)
        assert answer == {"processed": False, "reason": "Retrying", "error": message, "retryCount": 1}
        assert (processed(driver), seen(driver, "cursor", "errorMessage")) == ([], ["5", message])


# ----------------------------------------------------------------------------------------- attempts, back-off, failure


@pytest.mark.parametrize(
    ("retries", "attempts"),
    [
        (None, [0, 1, 3, 7, 15]),
        (1, [0]),
        (2, [0, 1]),
        (8, [0, 1, 3, 7, 15, 31, 61, 91]),
    ],
)
def test_so_many_attempts_with_a_back_off_of_1_2_4_up_to_30_s(retries: int | None, attempts: list[int]) -> None:
    with world() as driver:
        start(driver, processBatchHandle=handle("alwaysFail"), maxRetries=retries)
        driver.advance(1_000_000)
        assert processed(driver) == [(1_000 * second, [0, 1]) for second in attempts]
        assert job(driver) == {
            "jobId": "j",
            "status": "failed",
            "processedCount": 0,
            "pages": 0,
            "retryCount": len(attempts),
            "errorMessage": "always fails",
            "createdAt": 0,
            "lastRunAt": 1_000 * attempts[-1],
            "step": len(attempts),
        }
        assert driver.pending() == []


def test_a_failed_attempt_leaves_the_page_where_it_was_and_its_successor_waits() -> None:
    with world(processBatch=[{"fail": "no"}]) as driver:
        start(driver)
        driver.advance(10)
        assert seen(driver, "retryCount", "errorMessage", "notBefore", "cursor", "step") == [1, "no", 1_000, None, 2]
        assert driver.pending() == [("processNextBatch", 1_000), ("watchJob", 1_000 + LEASE_MS)]


def test_a_failure_in_a_pause_waits_for_the_resume() -> None:
    with world() as driver:
        document = put_driven(driver, "paused", retryCount=1)
        driver.advance(100)
        answer = driver.lib("failPage", jobDocId=document, step=3, errorMessage="no")
        assert answer == {"processed": False, "reason": "Retrying", "error": "no", "retryCount": 2}
        assert seen(driver, "status", "retryCount", "notBefore", "stepId", "watchdogId") == [
            "paused", 2, 2_100, None, None
        ]  # fmt: skip
        driver.lib("resumeIteratorJob", jobId="j")
        assert ("processNextBatch", 2_100) in driver.pending()


def test_the_last_failure_in_a_pause_fails_the_job() -> None:
    with world() as driver:
        document = put_driven(driver, "paused", retryCount=4)
        answer = driver.lib("failPage", jobDocId=document, step=3, errorMessage="no")
        assert answer == {"processed": False, "reason": "Max retries exceeded", "error": "no"}
        assert seen(driver, "status", "stepId", "watchdogId") == ["failed", None, None]


def test_of_a_long_message_the_beginning_is_kept() -> None:
    with world(processBatch=[{"fail": "x" * 2_000_000}]) as driver:
        start(driver)
        driver.advance(10)
        assert job(driver)["errorMessage"] == "x" * ERROR_CHARS


# ------------------------------------------------------------------------------------- a step that finds a job paused


def test_a_step_that_finds_its_job_paused_takes_no_page_and_leaves() -> None:
    with world() as driver:
        document = put_driven(driver, "paused", retryCount=1, notBefore=9)
        watchdog = job(driver)["watchdogId"]
        assert driver.lib("processNextBatch", jobDocId=document, step=3) == NOT_RUNNING
        assert driver.deliveries == []
        assert seen(driver, "status", "stepId", "watchdogId", "retryCount", "notBefore") == ["paused", None, None, 1, 9]
        assert [row["state"]["kind"] for row in driver.rows("_scheduled_functions") if row["_id"] == watchdog] == [
            "canceled"
        ]


def test_if_the_job_was_resumed_by_then_the_leaving_step_is_followed_by_another() -> None:
    with world() as driver:
        document = put_driven(driver)
        driver.advance(5)
        driver.lib("leaveStep", jobDocId=document, step=3)
        assert seen(driver, "step", "pages", "retryCount") == [4, 0, 0]
        assert driver.pending()[-2:] == [("processNextBatch", 5), ("watchJob", 5 + LEASE_MS)]
        driver.advance(100)
        assert processed(driver)[0] == (5, [0, 1])


# ------------------------------------------------------------------------------------------------------ delivery keys


def keys(driver: Driver) -> list[str]:
    return [entry.get("deliveryKey") for entry in driver.deliveries if entry["call"] == "processBatch"]


@pytest.mark.parametrize("asked", [{}, {"passDeliveryKey": False}])
def test_no_key_unless_it_is_asked_for(asked: dict[str, bool]) -> None:
    with world(rows=1) as driver:
        start(driver, **asked)
        driver.advance()
        assert driver.deliveries[1] == {"call": "processBatch", "t": 0, "items": [0], "plan": "ok"}


def test_attempts_at_one_page_have_one_key_and_each_page_has_its_own() -> None:
    with world(rows=3, processBatch=[{"fail": "no"}]) as driver:
        document = start(driver, passDeliveryKey=True)
        driver.advance(10_000)
        first, again, second = keys(driver)
        assert first == again
        assert first.startswith(f"{document}/0/")
        assert second.startswith(f"{document}/1/")


def test_a_page_that_has_changed_between_two_attempts_has_another_key() -> None:
    pages = ({"items": items, "cursor": "9", "done": True} for items in ([1, 2], [2, 3], [1, 2]))
    with world(own=giving(*pages), processBatch=[{"fail": "no"}] * 2) as driver:
        start(driver, passDeliveryKey=True)
        driver.advance(10_000)
        first, other, again = keys(driver)
        assert first == again != other


def test_any_value_has_a_key() -> None:
    items = [None, True, 1.5, float("nan"), "ü", b"\x00", [{"b": 1, "a": b""}], Int64(2)]
    with world(own=giving({"items": items, "done": True})) as driver:
        start(driver, passDeliveryKey=True)
        driver.advance()
        assert [len(key.rpartition("/")[2]) for key in keys(driver)] == [16]


# ------------------------------------------------------------------------------------------- what cannot be had or done


@pytest.mark.parametrize("field", ["getNextBatchHandle", "processBatchHandle"])
def test_a_handle_that_leads_nowhere_is_a_failed_attempt(field: str) -> None:
    with world() as driver:
        start(driver, maxRetries=1, **{field: "function://;driver:nobody"})
        driver.advance()
        assert job(driver)["status"] == "failed"
        assert "function://;driver:nobody" in job(driver)["errorMessage"]


def test_the_config_that_a_job_was_started_with_is_kept() -> None:
    with world() as driver:
        start(driver, maxRetries=2)
        assert driver.rows("iteratorJobs")[0]["config"] == config(maxRetries=2)
