"""What drives a job of the hardened iterator: its steps, one at a time, and whoever finds out that one has died.

Owns the internal functions. A step is an action with a number of its own. It is scheduled together with a watchdog, a
mutation; and how a step ends is one transaction with whatever follows it: the next step, or the end of the job with its
hook. Knows nobody who steers jobs. Sources: properties.md 2 (P20 to P31) and 3. Next: `hooks.py`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from components.batch_processor.hardened.hooks import add_hook
from components.batch_processor.hardened.scheduling import (
    LEASE_MS,
    backoff_ms,
    cancel_pending,
    error_text,
    loss_of,
    schedule,
)
from components.batch_processor.iterator import DEFAULT_MAX_RETRIES, Row
from convexsim import (
    UNDEFINED,
    ActionCtx,
    MutationCtx,
    QueryCtx,
    Reference,
    internal,
    internal_action,
    internal_mutation,
    internal_query,
    v,
)

__all__ = [
    "NO_STEP",
    "commit_page",
    "fail_page",
    "finish",
    "get_iterator_step",
    "leave_step",
    "next_step",
    "process_next_batch",
    "watch_job",
]

NO_STEP: Final = {"stepId": UNDEFINED, "watchdogId": UNDEFINED}
"""What a job knows of its step when it has none."""

_OWN: Final = internal.lib
_STEP: Final = {"jobDocId": v.id("iteratorJobs"), "step": v.number()}
_PROCESSED_PAGE: Final = v.object({"itemCount": v.number(), "done": v.boolean(), "cursor": v.optional(v.string())})
"""What is written down of a page; the last one has no cursor, so that of the job stays."""
_NOT_RUNNING: Final = {"processed": False, "reason": "Job not found or not running"}

# ------------------------------------------------------------------------------------------------------------ a step


@internal_action(args=_STEP)
async def process_next_batch(ctx: ActionCtx, job_doc_id: str, step: int) -> Row:
    """Take one page of a job, process it and have that written down; whatever goes wrong is a failed attempt at it."""
    which = {"jobDocId": job_doc_id, "step": step}
    job = await ctx.run_query(_OWN.get_iterator_step, which)
    if job is None:
        return _NOT_RUNNING
    if job["status"] == "paused":
        return await _recorded(ctx, _OWN.leave_step, which)
    try:
        page = await _take_page(ctx, job)
    except Exception as error:  # noqa: BLE001 - a page that is no page is a failed attempt too, as in the original
        return await _recorded(ctx, _OWN.fail_page, {**which, "errorMessage": error_text(error)})
    return await _recorded(ctx, _OWN.commit_page, {**which, "page": page})


@internal_query(args=_STEP)
def get_iterator_step(ctx: QueryCtx, job_doc_id: str, step: float) -> Row | None:
    """Return a job if this is the step that drives it; it may be paused."""
    return _read_step(ctx, job_doc_id, step)


async def _take_page(ctx: ActionCtx, job: Row) -> Row:
    """Process the next page and return what is to be written down of it."""
    config, cursor = job["config"], job.get("cursor", UNDEFINED)
    wanted = {"cursor": cursor, "batchSize": config["batchSize"]}
    page = await ctx.run_query(config["getNextBatchHandle"], wanted)
    _check_page(page, cursor)
    items = page["items"]
    if items:
        key = {"deliveryKey": _delivery_key(job, items)} if config.get("passDeliveryKey") else {}
        await ctx.run_action(config["processBatchHandle"], {"items": items, **key})
    after = {} if page["done"] else {"cursor": page["cursor"]}
    return {"itemCount": len(items), "done": page["done"], **after}


def _check_page(page: Any, cursor: Any) -> None:
    """Refuse what is no page, and one after which the job would stand where it was; `cursor` is where that was."""
    if not (isinstance(page, dict) and isinstance(page.get("items"), list) and isinstance(page.get("done"), bool)):
        msg = "getNextBatch returned no page: {items: [...], cursor: string unless done, done: boolean}"
        raise RuntimeError(msg)  # noqa: TRY004 - what an app returns is data, not a type of ours
    if page["done"]:
        return
    after = page.get("cursor")
    if not (isinstance(after, str) and after):
        msg = f"getNextBatch returned a page that is not done, with the cursor {after!r}: the next one could not be had"
        raise RuntimeError(msg)
    if not page["items"] and after == cursor:
        msg = f"getNextBatch returned no items and the cursor that it was given, {after!r}: the job would never end"
        raise RuntimeError(msg)


def _delivery_key(job: Row, items: list[Any]) -> str:
    """Return what names a delivery: which page of which job, and which items.

    Two attempts at a page have one key if they deliver the same. If the table has changed in between they do not: a
    receiver that skips keys it knows must not skip rows it has never seen.
    """
    content = json.dumps(items, sort_keys=True, default=repr)
    return f"{job['_id']}/{job['pages']}/{hashlib.sha256(content.encode()).hexdigest()[:16]}"


async def _recorded(ctx: ActionCtx, recorder: Reference, args: Row) -> Row:
    """Have written down how a step has ended; if that loses against others, later, for as long as it takes."""
    try:
        recorded: Row = await ctx.run_mutation(recorder, args)
    except Exception as error:  # noqa: BLE001 - whatever kept it from being written down
        await ctx.scheduler.run_after(0, recorder, args)
        return {"processed": False, "reason": "Recorded later", "error": str(error)}
    return recorded


# ------------------------------------------------------------------------------------------------- how a step ends


@internal_mutation(args={**_STEP, "page": _PROCESSED_PAGE})
def commit_page(ctx: MutationCtx, job_doc_id: str, step: float, page: Row) -> Row:
    """Write down a page that was processed; the last one completes the job, also if it was paused meanwhile."""
    job = _read_step(ctx, job_doc_id, step)
    if job is None:
        return _NOT_RUNNING
    count = job["processedCount"] + page["itemCount"]
    progress = {
        "processedCount": count,
        "pages": job["pages"] + 1,
        "retryCount": 0,
        "notBefore": UNDEFINED,
        "lastRunAt": ctx.now(),
    }
    if "cursor" in page:
        progress["cursor"] = page["cursor"]
    if page["done"]:
        finish(ctx, job, {**progress, "status": "completed"})
        add_hook(ctx, job, count)
    else:
        _end_step(ctx, job, progress, job["config"]["delayBetweenBatchesMs"])
    return {"processed": True, "done": page["done"], "processedCount": count}


@internal_mutation(args={**_STEP, "errorMessage": v.string()})
def fail_page(ctx: MutationCtx, job_doc_id: str, step: float, error_message: str) -> Row:
    """Write down a failed attempt at a page."""
    job = _read_step(ctx, job_doc_id, step)
    return _NOT_RUNNING if job is None else _fail(ctx, job, error_message)


@internal_mutation(args=_STEP)
def leave_step(ctx: MutationCtx, job_doc_id: str, step: float) -> Row:
    """End a step that found its job paused before it took a page; if the job runs by now, another step takes it."""
    job = _read_step(ctx, job_doc_id, step)
    if job is not None:
        _end_step(ctx, job, {}, 0)
    return _NOT_RUNNING


@internal_mutation(args=_STEP)
def watch_job(ctx: MutationCtx, job_doc_id: str, step: float) -> None:
    """Look after a step: an attempt that was lost, because nobody can write it down any more, is a failed one."""
    job = _read_step(ctx, job_doc_id, step)
    if job is None:
        return
    loss = loss_of(ctx, job["stepId"])
    if loss is None:
        again = schedule(ctx, LEASE_MS, _OWN.watch_job, {"jobDocId": job_doc_id, "step": step})
        ctx.db.patch(job_doc_id, {"watchdogId": again})
    else:
        _fail(ctx, job, loss)


def _read_step(ctx: QueryCtx, job_doc_id: str, step: float) -> Row | None:
    """Return the job that a step drives; None if it drives none, so that nothing is to be done and nothing written."""
    job = ctx.db.get(job_doc_id)
    if job is None or job["status"] not in ("running", "paused"):
        return None
    return job if "stepId" in job and job["step"] == step else None


def _fail(ctx: MutationCtx, job: Row, error_message: str) -> Row:
    """Write down a failed attempt: another one follows after a while that doubles each time, or the job is given up."""
    retries, now = job["retryCount"] + 1, ctx.now()
    failure = {"retryCount": retries, "errorMessage": error_message, "lastRunAt": now}
    if retries >= job["config"].get("maxRetries", DEFAULT_MAX_RETRIES):
        finish(ctx, job, {**failure, "status": "failed"})
        return {"processed": False, "reason": "Max retries exceeded", "error": error_message}
    delay_ms = backoff_ms(retries)
    _end_step(ctx, job, {**failure, "notBefore": now + delay_ms}, delay_ms)
    return {"processed": False, "reason": "Retrying", "error": error_message, "retryCount": retries}


def _end_step(ctx: MutationCtx, job: Row, written: Row, delay_ms: float) -> None:
    """End the step of a job that goes on: with the next step, if the job is not paused."""
    cancel_pending(ctx, job["watchdogId"])
    following = next_step(ctx, job, delay_ms) if job["status"] == "running" else NO_STEP
    ctx.db.patch(job["_id"], {**written, **following})


def next_step(ctx: MutationCtx, job: Row, delay_ms: float) -> Row:
    """Schedule a step and its watchdog, and return what the job is to know of them."""
    which = {"jobDocId": job["_id"], "step": job["step"] + 1}
    return {
        "step": which["step"],
        "stepId": schedule(ctx, delay_ms, _OWN.process_next_batch, which),
        "watchdogId": schedule(ctx, delay_ms + LEASE_MS, _OWN.watch_job, which),
    }


def finish(ctx: MutationCtx, job: Row, end: Row) -> None:
    """End a job for ever: nothing of it is pending any more, and nothing will be written to it."""
    cancel_pending(ctx, job.get("watchdogId"))
    ctx.db.patch(job["_id"], {**NO_STEP, "notBefore": UNDEFINED, **end})
