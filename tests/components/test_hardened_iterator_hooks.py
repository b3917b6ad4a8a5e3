"""What follows the completion of a job of the hardened iterator: onComplete, once (properties.md P24, P25, P28)."""

from __future__ import annotations

from typing import Any

from components.batch_processor.hardened.hooks import HOOK_ATTEMPTS
from convexsim import Limits, MutationCtx, Platform, internal_mutation, v
from tests.components.driver import Driver
from tests.components.hardened_iterator_support import HARDENED, hardened_app, put_job, world
from tests.components.iterator_support import handle, job, start

FAIL = {"fail": "hook"}
HOOK_ARGS = {"jobId": v.string(), "processedCount": v.number()}


def told(driver: Driver) -> list[tuple[float, Any]]:
    """Return when the hook was called and how the call was to end."""
    return [(entry["t"], entry["plan"]) for entry in driver.deliveries if entry["call"] == "onComplete"]


def completed(driver: Driver, **changed: Any) -> str:
    """Complete the job by its one page and return the id of its document."""
    document = start(driver, onCompleteHandle=handle("onComplete"), **changed)
    driver.lib("processNextBatch", jobDocId=document, step=1)
    return document


def test_the_hook_stands_beside_the_completion_and_is_due_at_once() -> None:
    with world(rows=1) as driver:
        driver.advance(5)
        document = completed(driver)
        (hook,) = driver.rows("iteratorHooks")
        own = {name: value for name, value in hook.items() if name not in ("_id", "_creationTime")}
        assert own == {
            "jobDocId": document,
            "jobId": "j",
            "processedCount": 1,
            "onCompleteHandle": handle("onComplete"),
            "attempts": 0,
        }
        assert ("runOnComplete", 5) in driver.pending()
        assert told(driver) == []


def test_a_hook_that_succeeds_is_told_the_count_and_its_row_goes_with_it() -> None:
    with world(rows=1) as driver:
        completed(driver)
        before = job(driver)
        driver.advance(100_000)
        assert [row["processedCount"] for row in driver.rows("completions", "")] == [1]
        assert (told(driver), driver.rows("iteratorHooks"), driver.pending()) == ([(0, "ok")], [], [])
        assert job(driver) == before


def test_without_a_hook_there_is_none() -> None:
    for handles in ({}, {"onCompleteHandle": ""}):
        with world(rows=1) as driver:
            start(driver, **handles)
            driver.advance(100)
            assert (job(driver)["status"], driver.rows("iteratorHooks")) == ("completed", [])


def test_a_hook_that_fails_is_called_again_after_1_2_4_up_to_30_s_and_the_job_hears_nothing_of_it() -> None:
    with world(rows=1, onComplete=[FAIL] * 7) as driver:
        completed(driver)
        before = job(driver)
        driver.advance(62_000)
        assert [t for t, _ in told(driver)] == [0, 1_000, 3_000, 7_000, 15_000, 31_000, 61_000]
        (hook,) = driver.rows("iteratorHooks")
        assert (hook["attempts"], hook["errorMessage"]) == (7, "hook")
        assert driver.rows("completions", "") == []
        driver.advance(100_000)
        assert told(driver)[7:] == [(91_000, "ok")]
        assert (len(driver.rows("completions", "")), driver.rows("iteratorHooks")) == (1, [])
        assert job(driver) == before


def test_a_hook_that_fails_for_ever_is_left_with_its_error() -> None:
    with world(rows=1, onComplete=[FAIL] * 100) as driver:
        completed(driver)
        driver.advance(10_000_000)
        assert len(told(driver)) == HOOK_ATTEMPTS
        (hook,) = driver.rows("iteratorHooks")
        assert (hook["attempts"], hook["errorMessage"]) == (HOOK_ATTEMPTS, "hook")
        assert driver.pending() == []


def test_what_a_failing_hook_has_written_is_undone() -> None:
    @internal_mutation(args=HOOK_ARGS)
    def on_complete(ctx: MutationCtx, job_id: str, processed_count: float) -> None:
        ctx.db.insert("completions", {"jobId": job_id, "processedCount": processed_count})
        if ctx.external("onComplete").take("ok") != "ok":
            msg = "after writing"
            raise RuntimeError(msg)

    with world(rows=1, own={"onComplete": on_complete}, onComplete=[FAIL, FAIL]) as driver:
        completed(driver)
        driver.advance(2_000)
        assert driver.rows("completions", "") == []
        driver.advance(2_000)
        assert len(driver.rows("completions", "")) == 1


def test_the_hook_of_a_job_that_is_deleted_meanwhile_is_called_all_the_same() -> None:
    with world(rows=1, onComplete=[FAIL]) as driver:
        completed(driver)
        driver.lib("deleteIteratorJob", jobId="j")
        driver.advance(2_000)
        assert [row["jobId"] for row in driver.rows("completions", "")] == ["j"]


def test_a_hook_that_was_called_is_not_called_again() -> None:
    with world(rows=1) as driver:
        completed(driver)
        (hook,) = driver.rows("iteratorHooks")
        driver.advance()
        driver.lib("runOnComplete", hookId=hook["_id"])
        assert len(told(driver)) == 1


def test_a_handle_that_leads_nowhere_is_a_failure_of_the_hooks() -> None:
    with world(rows=1) as driver:
        start(driver, onCompleteHandle=handle("nobody"))
        driver.advance()
        assert (job(driver)["status"], "errorMessage" in job(driver)) == ("completed", False)
        (hook,) = driver.rows("iteratorHooks")
        assert "nobody" in hook["errorMessage"]


def test_a_hook_that_uses_up_its_transaction_has_failed_and_that_is_written_down() -> None:
    """convex-semantics 5.2, 6.3: limits are shared by the whole tree of calls, and what a call has used stays used."""

    @internal_mutation(args=HOOK_ARGS)
    def on_complete(ctx: MutationCtx, **_: Any) -> None:
        kind = ctx.external("onComplete").take("ok")
        while kind == "read":
            ctx.db.query("rows").first()
        while kind == "write":
            ctx.db.insert("rows", {"k": 1})
        while kind == "schedule":
            ctx.scheduler.run_after(0, handle("alwaysFail"), {})

    app = hardened_app({"onComplete": on_complete})
    limits = Limits(documents_read=40, documents_written=40, functions_scheduled=40)
    platform = Platform(limits=limits)
    with Driver(app, platform=platform, onComplete=["read", "write", "schedule"]) as driver:
        driver.host("seedRows", n=1)
        completed(driver)
        driver.advance(3_500)
        (hook,) = driver.rows("iteratorHooks")
        assert hook["attempts"] == 3
        driver.advance(10_000)
        assert driver.rows("iteratorHooks") == []


def test_of_a_long_error_the_beginning_is_kept() -> None:
    with world(rows=1, onComplete=[{"fail": "x" * 2_000_000}]) as driver:
        completed(driver)
        driver.advance()
        assert driver.rows("iteratorHooks")[0]["errorMessage"] == "x" * 1_000


def test_a_cancelled_job_has_no_hook() -> None:
    with Driver(HARDENED) as driver:
        put_job(driver, "paused")
        driver.lib("cancelIteratorJob", jobId="j")
        driver.advance(100_000)
        assert (driver.rows("iteratorHooks"), told(driver)) == ([], [])
