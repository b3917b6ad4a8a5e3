"""The table iterator: carries a job through a table page by page, with a delay, retries, pause, resume and cancel.

Owns its Convex functions, which no version has changed; only the modules in which they stand were renamed once, so a
row of `versions.py` takes them whole (component-versions 1, the matrix). The app brings the callbacks: a query that
gives a page, an action that processes it, a mutation for the end. A chain of `process_next_batch` drives a job: each
schedules the next. Nothing ties a job to its chain, so nothing stops two chains from driving one job (properties.md,
R6). Source of every rule: component-versions 2. Next: `iterator.py`, which
ties them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.batch_processor.schema import ITERATOR_CONFIG, ITERATOR_STATUS
from convexsim import (
    UNDEFINED,
    ActionCtx,
    FunctionDefinition,
    MutationCtx,
    QueryCtx,
    Reference,
    internal,
    internal_action,
    internal_mutation,
    internal_query,
    mutation,
    query,
    v,
)

__all__ = [
    "DEFAULT_DELAY_MS",
    "DEFAULT_MAX_RETRIES",
    "FIRST_BACKOFF_MS",
    "ITERATOR_0_1_0",
    "ITERATOR_1_0_3",
    "LONGEST_BACKOFF_MS",
    "Module",
    "Row",
    "delete_iterator_job",
    "find_job",
    "get_iterator_job",
    "get_iterator_job_by_id",
    "get_iterator_job_status",
    "list_iterator_jobs",
    "list_jobs",
    "read_job",
    "read_job_that_is",
]

DEFAULT_DELAY_MS: Final = 100
DEFAULT_MAX_RETRIES: Final = 5
"""Attempts in all for one page, the first one included (component-versions 2.4)."""
FIRST_BACKOFF_MS: Final = 1_000
LONGEST_BACKOFF_MS: Final = 30_000

Row = dict[str, Any]
Module = Mapping[str, FunctionDefinition]

# ------------------------------------------------------------------------------------------------ public functions


@mutation(args={"jobId": v.string()})
def pause_iterator_job(ctx: MutationCtx, job_id: str) -> Row:
    """Pause a running job; what its chain has pending is left alone, and ends when it finds the job paused."""
    job = read_job_that_is("running", ctx, job_id)
    ctx.db.patch(job["_id"], {"status": "paused"})
    return {"jobId": job_id, "status": "paused"}


@mutation(args={"jobId": v.string()})
def cancel_iterator_job(ctx: MutationCtx, job_id: str) -> Row:
    """End a job as failed, unless it has ended already."""
    job = read_job(ctx, job_id)
    if job["status"] in ("completed", "failed"):
        return {"jobId": job_id, "status": job["status"], "reason": "Job already finished"}
    ctx.db.patch(job["_id"], {"status": "failed", "errorMessage": "Cancelled by user"})
    return {"jobId": job_id, "status": "failed"}


@query(args={"jobId": v.string()})
def get_iterator_job_status(ctx: QueryCtx, job_id: str) -> Row | None:
    """Return how far a job has come, and the part of its config that says how fast; None if there is none."""
    job = find_job(ctx, job_id)
    if job is None:
        return None
    names = ("jobId", "status", "processedCount", "cursor", "retryCount", "errorMessage", "createdAt", "lastRunAt")
    config = _picked(job["config"], "batchSize", "delayBetweenBatchesMs")
    return {**_picked(job, *names), "config": config}


@query(args={"status": v.optional(ITERATOR_STATUS), "limit": v.optional(v.number())})
def list_iterator_jobs(ctx: QueryCtx, status: str | None = None, limit: int | None = None) -> list[Row]:
    """Return jobs, all or those of one status, oldest first; a limit of 0 is no limit."""
    return list_jobs(ctx, status, limit)


def list_jobs(ctx: QueryCtx, status: str | None, limit: int | None) -> list[Row]:
    """Return what `list_iterator_jobs` answers."""
    table = ctx.db.query("iteratorJobs")
    jobs = table if status is None else table.with_index("by_status", lambda q: q.eq("status", status))
    names = ("jobId", "status", "processedCount", "createdAt", "lastRunAt", "errorMessage")
    return [_picked(job, *names) for job in (jobs.take(limit) if limit else jobs.collect())]


@mutation(args={"jobId": v.string()})
def delete_iterator_job(ctx: MutationCtx, job_id: str) -> Row:
    """Delete a job that is neither running nor paused."""
    job = find_job(ctx, job_id)
    if job is None:
        return {"deleted": False, "reason": "Job not found"}
    if job["status"] in ("running", "paused"):
        return {"deleted": False, "reason": "Cannot delete active job"}
    ctx.db.delete(job["_id"])
    return {"deleted": True}


# ---------------------------------------------------------------------------------------------- internal functions


@internal_query(args={"jobId": v.string()})
def get_iterator_job(ctx: QueryCtx, job_id: str) -> Row | None:
    """Return the job of an id."""
    return find_job(ctx, job_id)


@internal_query(args={"jobDocId": v.id("iteratorJobs")})
def get_iterator_job_by_id(ctx: QueryCtx, job_doc_id: str) -> Row | None:
    """Return a job by the id of its document."""
    return ctx.db.get(job_doc_id)


# None of the four writers below looks at the status that a job has by now; all of them throw if it is gone.


@internal_mutation(
    args={"jobDocId": v.id("iteratorJobs"), "cursor": v.optional(v.string()), "processedCount": v.number()}
)
def update_job_progress(ctx: MutationCtx, job_doc_id: str, processed_count: float, cursor: Any = UNDEFINED) -> None:
    """Write down a page that was not the last; a page without a cursor sends the job back to the start."""
    progress = {"cursor": cursor, "processedCount": processed_count, "lastRunAt": ctx.now(), "retryCount": 0}
    ctx.db.patch(job_doc_id, progress)


@internal_mutation(args={"jobDocId": v.id("iteratorJobs"), "processedCount": v.number()})
def mark_job_completed(ctx: MutationCtx, job_doc_id: str, processed_count: float) -> None:
    """Write down the last page; cursor, retries and the message of an earlier failure stay."""
    ctx.db.patch(job_doc_id, {"status": "completed", "processedCount": processed_count, "lastRunAt": ctx.now()})


_FAILED_ATTEMPT: Final = {"jobDocId": v.id("iteratorJobs"), "errorMessage": v.string(), "retryCount": v.number()}


@internal_mutation(args=_FAILED_ATTEMPT)
def mark_job_failed(ctx: MutationCtx, job_doc_id: str, error_message: str, retry_count: float) -> None:
    """Write down the last attempt, with its message."""
    failure = {"errorMessage": error_message, "retryCount": retry_count, "lastRunAt": ctx.now()}
    ctx.db.patch(job_doc_id, {"status": "failed", **failure})


@internal_mutation(args=_FAILED_ATTEMPT)
def increment_retry_count(ctx: MutationCtx, job_doc_id: str, error_message: str, retry_count: float) -> None:
    """Write down a failed attempt that another one will follow; the count is set, not incremented."""
    failure = {"errorMessage": error_message, "retryCount": retry_count, "lastRunAt": ctx.now()}
    ctx.db.patch(job_doc_id, failure)


# ------------------------------------------------------------------------------------------------- what they share


def find_job(ctx: QueryCtx, job_id: str) -> Row | None:
    """Return the job of an id, or None."""
    return ctx.db.query("iteratorJobs").with_index("by_jobId", lambda q: q.eq("jobId", job_id)).first()


def read_job(ctx: QueryCtx, job_id: str) -> Row:
    """Return the job of an id.

    Raises:
        RuntimeError: there is none.

    """
    job = find_job(ctx, job_id)
    if job is None:
        msg = f"Job {job_id} not found"
        raise RuntimeError(msg)
    return job


def read_job_that_is(status: str, ctx: QueryCtx, job_id: str) -> Row:
    """Return a job that must be in a status; throw if it is in another, or if there is none."""
    job = read_job(ctx, job_id)
    if job["status"] != status:
        msg = f"Job {job_id} is not {status} (current: {job['status']})"
        raise RuntimeError(msg)
    return job


def _picked(row: Row, *names: str) -> Row:
    """Return those of the named fields that are there."""
    return {name: row[name] for name in names if name in row}


# ----------------------------------------------------------------------------------- what drives a job: chains of steps


def _drivers(own: Reference) -> Module:
    """Return the functions that speak of other ones, which stand in the module `own`."""

    @mutation(args={"jobId": v.string(), "config": ITERATOR_CONFIG})
    def start_iterator_job(ctx: MutationCtx, job_id: str, config: Row) -> Row:
        """Begin a job at the start of its table; an id is used once, until its job is deleted."""
        if find_job(ctx, job_id) is not None:
            msg = f"Job {job_id} already exists"
            raise RuntimeError(msg)
        job = {
            "jobId": job_id,
            "processedCount": 0,
            "status": "running",
            "config": {"delayBetweenBatchesMs": DEFAULT_DELAY_MS, **config},
            "retryCount": 0,
            "createdAt": ctx.now(),
            "lastRunAt": ctx.now(),
        }
        job_doc_id = ctx.db.insert("iteratorJobs", job)
        ctx.scheduler.run_after(0, own.process_next_batch, {"jobDocId": job_doc_id})
        return {"jobId": job_id, "status": "running"}

    @mutation(args={"jobId": v.string()})
    def resume_iterator_job(ctx: MutationCtx, job_id: str) -> Row:
        """Let a paused job run again: by a new chain, whether or not the old one has come to its end."""
        job = read_job_that_is("paused", ctx, job_id)
        ctx.db.patch(job["_id"], {"status": "running", "retryCount": 0})
        ctx.scheduler.run_after(0, own.process_next_batch, {"jobDocId": job["_id"]})
        return {"jobId": job_id, "status": "running"}

    @internal_action(args={"jobDocId": v.id("iteratorJobs")})
    async def process_next_batch(ctx: ActionCtx, job_doc_id: str) -> Row:
        """Take one page of a job, process it, write down how far the job has come and schedule the next page.

        Whether the job runs is asked once, at the beginning: what was paused, cancelled or deleted meanwhile is
        processed to its end and written down all the same. Whatever goes wrong from then on is a failed attempt at this
        page: the callbacks, also the one for the end, writing down, scheduling.
        """
        job = await ctx.run_query(own.get_iterator_job_by_id, {"jobDocId": job_doc_id})
        if job is None or job["status"] != "running":
            return {"processed": False, "reason": "Job not found or not running"}
        try:
            return await _take_page(ctx, own, job)
        except Exception as error:  # noqa: BLE001 - a page that is no page is a failed attempt too, as in the original
            return await _try_again(ctx, own, job, str(error))

    return {
        "startIteratorJob": start_iterator_job,
        "resumeIteratorJob": resume_iterator_job,
        "processNextBatch": process_next_batch,
    }


async def _take_page(ctx: ActionCtx, own: Reference, job: Row) -> Row:
    """Process the next page; counts go on from `job` as it was read, and each write is a transaction of its own."""
    config = job["config"]
    wanted = {"cursor": job.get("cursor") or UNDEFINED, "batchSize": config["batchSize"]}
    page = await ctx.run_query(config["getNextBatchHandle"], wanted)
    if page["items"]:
        await ctx.run_action(config["processBatchHandle"], {"items": page["items"]})
    count = job["processedCount"] + len(page["items"])
    progress = {"jobDocId": job["_id"], "processedCount": count}
    if page["done"]:
        await ctx.run_mutation(own.mark_job_completed, progress)
        if config.get("onCompleteHandle"):
            await ctx.run_mutation(config["onCompleteHandle"], {"jobId": job["jobId"], "processedCount": count})
    else:
        await ctx.run_mutation(own.update_job_progress, {**progress, "cursor": page.get("cursor", UNDEFINED)})
        await ctx.scheduler.run_after(config["delayBetweenBatchesMs"], own.process_next_batch, {"jobDocId": job["_id"]})
    return {"processed": True, "done": bool(page["done"]), "processedCount": count}


async def _try_again(ctx: ActionCtx, own: Reference, job: Row, error: str) -> Row:
    """Schedule another attempt after a while that doubles each time, or give the job up; nobody catches what throws."""
    retries = job["retryCount"] + 1
    noted = {"jobDocId": job["_id"], "errorMessage": error, "retryCount": retries}
    if retries >= job["config"].get("maxRetries", DEFAULT_MAX_RETRIES):
        await ctx.run_mutation(own.mark_job_failed, noted)
        return {"processed": False, "reason": "Max retries exceeded", "error": error}
    await ctx.run_mutation(own.increment_retry_count, noted)
    backoff_ms = min(FIRST_BACKOFF_MS * 2**retries, LONGEST_BACKOFF_MS)
    await ctx.scheduler.run_after(backoff_ms, own.process_next_batch, {"jobDocId": job["_id"]})
    return {"processed": False, "reason": "Retrying", "error": error, "retryCount": retries}


# ---------------------------------------------------------------------------------------------------- in which module


def _iterator(public: str, own: str) -> Module:
    """Return all functions by their paths: the public ones in one module, the internal ones in the module `own`."""
    functions = {
        **_drivers(getattr(internal, own)),
        "pauseIteratorJob": pause_iterator_job,
        "cancelIteratorJob": cancel_iterator_job,
        "getIteratorJobStatus": get_iterator_job_status,
        "listIteratorJobs": list_iterator_jobs,
        "deleteIteratorJob": delete_iterator_job,
        "getIteratorJob": get_iterator_job,
        "getIteratorJobById": get_iterator_job_by_id,
        "updateJobProgress": update_job_progress,
        "markJobCompleted": mark_job_completed,
        "markJobFailed": mark_job_failed,
        "incrementRetryCount": increment_retry_count,
    }
    return {f"{public if function.is_public else own}:{name}": function for name, function in functions.items()}


ITERATOR_0_1_0: Final = _iterator("public", "internal")
"""The iterator of 0.1.0 and 0.2.0, by the paths of its functions."""

ITERATOR_1_0_3: Final = _iterator("lib", "lib")
"""The iterator of every version since, which keeps all functions in one module (component-versions 6)."""
