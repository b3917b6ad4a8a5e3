"""The table iterator of version `hardened`: one step at a time drives a job, and nobody else writes to it.

Owns the calls by which a job is started and steered, and says where all functions stand; those that only look at jobs
are `iterator.py`'s. Whoever steers takes a step back only if it has not begun; one in progress ends its page, or finds
out that nobody waits for it. Sources: properties.md 2 (P25 to P31) and 3; names, results and errors are those of
component-versions 2.2. Next: `steps.py`.
"""

from __future__ import annotations

from typing import Final

from components.batch_processor.hardened.hooks import run_on_complete
from components.batch_processor.hardened.scheduling import LONGEST_WAIT_MS, backoff_ms, cancel_pending
from components.batch_processor.hardened.schema import ITERATOR_CONFIG_HARDENED
from components.batch_processor.hardened.steps import (
    NO_STEP,
    commit_page,
    fail_page,
    finish,
    get_iterator_step,
    leave_step,
    next_step,
    process_next_batch,
    watch_job,
)
from components.batch_processor.iterator import (
    DEFAULT_DELAY_MS,
    Module,
    Row,
    delete_iterator_job,
    find_job,
    get_iterator_job,
    get_iterator_job_by_id,
    get_iterator_job_status,
    list_jobs,
    read_job,
    read_job_that_is,
)
from convexsim import MutationCtx, QueryCtx, mutation, query, v

__all__ = ["ITERATOR_HARDENED"]

# ------------------------------------------------------------------------------------------------ public functions


@mutation(args={"jobId": v.string(), "config": ITERATOR_CONFIG_HARDENED})
def start_iterator_job(ctx: MutationCtx, job_id: str, config: Row) -> Row:
    """Begin a job at the start of its table; an id is used once, until its job is deleted."""
    if find_job(ctx, job_id) is not None:
        msg = f"Job {job_id} already exists"
        raise RuntimeError(msg)
    complete = {"delayBetweenBatchesMs": DEFAULT_DELAY_MS, **config}
    _check_config(complete)
    job = {
        "jobId": job_id,
        "processedCount": 0,
        "status": "running",
        "config": complete,
        "retryCount": 0,
        "createdAt": ctx.now(),
        "lastRunAt": ctx.now(),
        "step": 0,
        "pages": 0,
    }
    job_doc_id = ctx.db.insert("iteratorJobs", job)
    ctx.db.patch(job_doc_id, next_step(ctx, {**job, "_id": job_doc_id}, 0))
    return {"jobId": job_id, "status": "running"}


@mutation(args={"jobId": v.string()})
def pause_iterator_job(ctx: MutationCtx, job_id: str) -> Row:
    """Pause a running job: a step that has not begun never will, one that has ends its page."""
    job = read_job_that_is("running", ctx, job_id)
    withdrawn = cancel_pending(ctx, job["stepId"])
    if withdrawn:
        cancel_pending(ctx, job["watchdogId"])
    ctx.db.patch(job["_id"], {"status": "paused", **(NO_STEP if withdrawn else {})})
    return {"jobId": job_id, "status": "paused"}


@mutation(args={"jobId": v.string()})
def resume_iterator_job(ctx: MutationCtx, job_id: str) -> Row:
    """Let a paused job run again: by the step still at work if there is one, else by a new one, after any back-off."""
    job = read_job_that_is("paused", ctx, job_id)
    following = {} if "stepId" in job else next_step(ctx, job, _rest_of_backoff(ctx, job))
    ctx.db.patch(job["_id"], {"status": "running", **following})
    return {"jobId": job_id, "status": "running"}


@mutation(args={"jobId": v.string()})
def cancel_iterator_job(ctx: MutationCtx, job_id: str) -> Row:
    """End a job as failed, unless it has ended already; a page in flight is not written down any more."""
    job = read_job(ctx, job_id)
    if job["status"] in ("completed", "failed"):
        return {"jobId": job_id, "status": job["status"], "reason": "Job already finished"}
    cancel_pending(ctx, job.get("stepId"))
    end = {"status": "failed", "errorMessage": "Cancelled by user", "step": job["step"] + 1}
    finish(ctx, job, end)
    return {"jobId": job_id, "status": "failed"}


def _rest_of_backoff(ctx: MutationCtx, job: Row) -> float:
    """Return how long the next attempt has to wait; never longer than a whole back-off, whatever clocks say."""
    if "notBefore" not in job:
        return 0
    left_ms: float = job["notBefore"] - ctx.now()
    return max(0, min(left_ms, backoff_ms(job["retryCount"])))


@query(args={"status": v.optional(v.string()), "limit": v.optional(v.number())})
def list_iterator_jobs(ctx: QueryCtx, status: str | None = None, limit: int | None = None) -> list[Row]:
    """Return jobs as every release does; the status may be any string, as in the README, though five have jobs."""
    return list_jobs(ctx, status, limit)


def _check_config(config: Row) -> None:
    """Refuse a config by which a job could not come to its end."""
    for name in ("batchSize", "maxRetries"):
        value = config.get(name, 1)
        if not (value >= 1 and float(value).is_integer()):
            msg = f"{name} is {value}; it must be a whole number, 1 or more"
            raise RuntimeError(msg)
    delay_ms = config["delayBetweenBatchesMs"]
    if not 0 <= delay_ms <= LONGEST_WAIT_MS:
        msg = f"delayBetweenBatchesMs is {delay_ms}; it must lie between 0 and {LONGEST_WAIT_MS}"
        raise RuntimeError(msg)


ITERATOR_HARDENED: Final[Module] = {
    "lib:startIteratorJob": start_iterator_job,
    "lib:pauseIteratorJob": pause_iterator_job,
    "lib:resumeIteratorJob": resume_iterator_job,
    "lib:cancelIteratorJob": cancel_iterator_job,
    "lib:getIteratorJobStatus": get_iterator_job_status,
    "lib:listIteratorJobs": list_iterator_jobs,
    "lib:deleteIteratorJob": delete_iterator_job,
    "lib:getIteratorJob": get_iterator_job,
    "lib:getIteratorJobById": get_iterator_job_by_id,
    "lib:processNextBatch": process_next_batch,
    "lib:getIteratorStep": get_iterator_step,
    "lib:commitPage": commit_page,
    "lib:failPage": fail_page,
    "lib:leaveStep": leave_step,
    "lib:watchJob": watch_job,
    "lib:runOnComplete": run_on_complete,
}
"""The iterator, by the paths of its functions."""
