"""The iterator's functions, one rule of component-versions 2.2 and 2.3 a test; steps: test_iterator_steps."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import FunctionError
from tests.components.driver import Driver, without_ids
from tests.components.iterator_support import STATUSES, chains, config, job, put_job, start, world

ACTIVE = ("running", "paused")
FINISHED = ("completed", "failed")


def refusal(driver: Driver, name: str, **args: Any) -> str:
    """Return the words in which a call is refused; nothing may have changed by it."""
    before = driver.database.snapshot.ts
    with pytest.raises(FunctionError) as caught:
        driver.lib(name, **args)
    assert driver.database.snapshot.ts == before
    return caught.value.message


# ------------------------------------------------------------------------------------------------------- starting


def test_a_job_starts_at_the_beginning_and_its_first_step_at_once() -> None:
    with world() as driver:
        driver.advance(7)
        result = driver.lib("startIteratorJob", jobId="j", config=config(maxRetries=3, onCompleteHandle="h"))
        assert result == {"jobId": "j", "status": "running"}
        (row,) = driver.rows("iteratorJobs")
        assert without_ids([row]) == [
            {
                "jobId": "j",
                "processedCount": 0,
                "status": "running",
                "config": config(maxRetries=3, onCompleteHandle="h"),
                "retryCount": 0,
                "createdAt": 7,
                "lastRunAt": 7,
            }
        ]
        assert driver.scheduled() == [("lib.js:processNextBatch", "pending", 7, {"jobDocId": row["_id"]})]


@pytest.mark.parametrize(("given", "stored"), [(None, 100), (0, 0), (250, 250)])
def test_the_delay_is_100_ms_unless_given_and_nothing_else_has_a_default(given: int | None, stored: int) -> None:
    with world() as driver:
        start(driver, delayBetweenBatchesMs=given)
        assert driver.rows("iteratorJobs")[0]["config"] == config(delayBetweenBatchesMs=stored)


@pytest.mark.parametrize("status", STATUSES)
def test_an_id_in_use_is_refused_whatever_became_of_its_job(status: str) -> None:
    with world() as driver:
        put_job(driver, status)
        assert refusal(driver, "startIteratorJob", jobId="j", config=config()) == "Job j already exists"


def test_the_id_of_a_deleted_job_may_be_used_again() -> None:
    with world() as driver:
        put_job(driver, "failed", processedCount=3)
        driver.lib("deleteIteratorJob", jobId="j")
        start(driver)
        assert job(driver)["processedCount"] == 0


@pytest.mark.parametrize("field", ["batchSize", "getNextBatchHandle", "processBatchHandle"])
def test_a_config_without_what_it_needs_is_no_config(field: str) -> None:
    with world() as driver:
        assert f"missing the required field `{field}`" in refusal(
            driver, "startIteratorJob", jobId="j", config=config(**{field: None})
        )


# -------------------------------------------------------------------------------------- pausing, resuming, cancelling


@pytest.mark.parametrize("name", ["pauseIteratorJob", "resumeIteratorJob", "cancelIteratorJob"])
def test_a_job_that_is_not_there_is_refused(name: str) -> None:
    with world() as driver:
        put_job(driver, "running", "other")
        assert refusal(driver, name, jobId="j") == "Job j not found"


def test_pausing_leaves_everything_but_the_status_alone() -> None:
    with world() as driver:
        start(driver)
        before = job(driver)
        assert driver.lib("pauseIteratorJob", jobId="j") == {"jobId": "j", "status": "paused"}
        assert job(driver) == {**before, "status": "paused"}
        assert driver.pending() == [("processNextBatch", 0)]


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "running"])
def test_only_a_running_job_can_be_paused(status: str) -> None:
    with world() as driver:
        put_job(driver, status)
        assert refusal(driver, "pauseIteratorJob", jobId="j") == f"Job j is not running (current: {status})"


def test_resuming_forgets_the_retries_and_starts_a_chain_at_once() -> None:
    with world() as driver:
        put_job(driver, "paused", retryCount=3, errorMessage="old", cursor="1", processedCount=2)
        driver.advance(5)
        before = job(driver)
        assert driver.lib("resumeIteratorJob", jobId="j") == {"jobId": "j", "status": "running"}
        assert job(driver) == {**before, "status": "running", "retryCount": 0}
        assert driver.pending() == [("processNextBatch", 5)]


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "paused"])
def test_only_a_paused_job_can_be_resumed(status: str) -> None:
    with world() as driver:
        put_job(driver, status)
        assert refusal(driver, "resumeIteratorJob", jobId="j") == f"Job j is not paused (current: {status})"


@pytest.mark.parametrize("status", ["pending", *ACTIVE])
def test_cancelling_fails_a_job_with_a_message_of_its_own(status: str) -> None:
    with world() as driver:
        put_job(driver, status, errorMessage="old", retryCount=2)
        before = job(driver)
        driver.advance(5)
        assert driver.lib("cancelIteratorJob", jobId="j") == {"jobId": "j", "status": "failed"}
        assert job(driver) == {**before, "status": "failed", "errorMessage": "Cancelled by user"}


@pytest.mark.parametrize("status", FINISHED)
def test_cancelling_what_has_ended_changes_nothing(status: str) -> None:
    with world() as driver:
        put_job(driver, status, errorMessage="kept")
        before = driver.database.snapshot.ts
        expected = {"jobId": "j", "status": status, "reason": "Job already finished"}
        assert driver.lib("cancelIteratorJob", jobId="j") == expected
        assert driver.database.snapshot.ts == before


def test_cancelling_leaves_the_next_step_to_find_out() -> None:
    with world() as driver:
        start(driver)
        driver.lib("cancelIteratorJob", jobId="j")
        assert chains(driver) == 1
        driver.advance()
        assert (chains(driver), driver.deliveries) == (0, [])


# ------------------------------------------------------------------------------------------ status, list, deleting


def test_the_status_of_no_job_is_none() -> None:
    with world() as driver:
        assert driver.lib("getIteratorJobStatus", jobId="j") is None


def test_the_status_shows_two_fields_of_the_config() -> None:
    with world() as driver:
        put_job(driver, "running", cursor="1", processedCount=2, retryCount=1, errorMessage="e", lastRunAt=4)
        assert driver.lib("getIteratorJobStatus", jobId="j") == {
            "jobId": "j",
            "status": "running",
            "processedCount": 2,
            "cursor": "1",
            "retryCount": 1,
            "errorMessage": "e",
            "createdAt": 0,
            "lastRunAt": 4,
            "config": {"batchSize": 2, "delayBetweenBatchesMs": 10},
        }


def test_what_a_job_does_not_have_its_status_does_not_show() -> None:
    with world() as driver:
        put_job(driver, "running")
        shown = driver.lib("getIteratorJobStatus", jobId="j")
        assert not {"cursor", "errorMessage", "lastRunAt"} & set(shown)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, ["c", "a", "d", "b"]),
        ({"limit": 0}, ["c", "a", "d", "b"]),
        ({"limit": 3}, ["c", "a", "d"]),
        ({"status": "running"}, ["c", "d", "b"]),
        ({"status": "running", "limit": 2}, ["c", "d"]),
        ({"status": "running", "limit": 0}, ["c", "d", "b"]),
        ({"status": "paused"}, ["a"]),
        ({"status": "pending"}, []),
    ],
)
def test_jobs_are_listed_oldest_first(args: dict[str, Any], expected: list[str]) -> None:
    with world() as driver:
        for job_id in "cadb":
            put_job(driver, "paused" if job_id == "a" else "running", job_id)
        assert [listed["jobId"] for listed in driver.lib("listIteratorJobs", **args)] == expected


def test_a_listed_job_shows_less_than_its_status() -> None:
    with world() as driver:
        put_job(driver, "failed", cursor="1", retryCount=1, errorMessage="e", lastRunAt=4)
        assert driver.lib("listIteratorJobs") == [
            {"jobId": "j", "status": "failed", "processedCount": 0, "createdAt": 0, "lastRunAt": 4, "errorMessage": "e"}
        ]


def test_a_status_that_there_is_not_cannot_be_listed() -> None:
    with world() as driver:
        assert "ArgumentValidationError" in refusal(driver, "listIteratorJobs", status="cancelled")


@pytest.mark.parametrize("status", STATUSES)
def test_what_runs_or_is_paused_cannot_be_deleted(status: str) -> None:
    with world() as driver:
        put_job(driver, status)
        result = driver.lib("deleteIteratorJob", jobId="j")
        if status in ACTIVE:
            assert result == {"deleted": False, "reason": "Cannot delete active job"}
            assert len(driver.rows("iteratorJobs")) == 1
        else:
            assert result == {"deleted": True}
            assert driver.rows("iteratorJobs") == []


def test_what_is_not_there_is_not_deleted() -> None:
    with world() as driver:
        assert driver.lib("deleteIteratorJob", jobId="j") == {"deleted": False, "reason": "Job not found"}


# ------------------------------------------------------------------------------------- internal reads and writers


def test_a_job_can_be_read_by_its_id_and_by_its_documents() -> None:
    with world() as driver:
        document = put_job(driver, "paused")
        assert driver.lib("getIteratorJob", jobId="j") == driver.rows("iteratorJobs")[0]
        assert driver.lib("getIteratorJobById", jobDocId=document) == driver.rows("iteratorJobs")[0]
        assert driver.lib("getIteratorJob", jobId="other") is None
        driver.lib("cancelIteratorJob", jobId="j")
        driver.lib("deleteIteratorJob", jobId="j")
        assert driver.lib("getIteratorJobById", jobDocId=document) is None


FAILURE = {"errorMessage": "new", "retryCount": 9}
WRITERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("updateJobProgress", {"cursor": "5", "processedCount": 6}, {"cursor": "5", "processedCount": 6, "retryCount": 0}),
    ("markJobCompleted", {"processedCount": 6}, {"processedCount": 6, "status": "completed"}),
    ("markJobFailed", FAILURE, {**FAILURE, "status": "failed"}),
    ("incrementRetryCount", FAILURE, FAILURE),
]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("name", "args", "written"), WRITERS)
def test_a_writer_writes_whatever_the_status_is(
    name: str, args: dict[str, Any], written: dict[str, Any], status: str
) -> None:
    with world() as driver:
        document = put_job(driver, status, cursor="1", processedCount=2, retryCount=1, errorMessage="old", lastRunAt=4)
        before = job(driver)
        driver.advance(8)
        assert driver.lib(name, jobDocId=document, **args) is None
        assert job(driver) == {**before, **written, "lastRunAt": 8}


@pytest.mark.parametrize(("name", "args", "_written"), WRITERS)
def test_a_writer_throws_if_the_job_is_gone(name: str, args: dict[str, Any], _written: dict[str, Any]) -> None:
    with world() as driver:
        document = put_job(driver, "failed")
        driver.lib("deleteIteratorJob", jobId="j")
        assert "does not exist" in refusal(driver, name, jobDocId=document, **args)


def test_progress_without_a_cursor_takes_the_cursor_away() -> None:
    with world() as driver:
        document = put_job(driver, "running", cursor="1")
        driver.lib("updateJobProgress", jobDocId=document, processedCount=2)
        assert "cursor" not in job(driver)
