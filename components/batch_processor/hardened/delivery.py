"""How a sealed batch is delivered: attempts, each with a lease, a record, a watchdog, and a retry if it fails.

An attempt is a number, `attempt`, and everything that acts for it must show that number: a late comer of an older
attempt changes nothing, except that an acknowledgement counts whenever it comes. What begins an attempt also schedules
the mutation that looks after it, in the same transaction; mutations are retried for as long as it takes, so nobody who
dies leaves a batch flushing for ever. The watchdog does not go by the clock alone: it looks whether the executor still
runs. So an attempt that lives is never doubled, however long it takes.
Source: properties.md 3. Next: `dead_letters.py`.
"""

from __future__ import annotations

from typing import Any, Final

from components.batch_processor.accumulator.common import Row, enter_in_history
from components.batch_processor.hardened.scheduling import (
    LEASE_MS,
    backoff_ms,
    cancel_pending,
    error_text,
    loss_of,
    schedule,
)
from components.batch_processor.hardened.shared import read_sealed_rows
from convexsim import (
    UNDEFINED,
    ActionCtx,
    MutationCtx,
    QueryCtx,
    internal,
    internal_action,
    internal_mutation,
    internal_query,
    v,
)

__all__ = [
    "DEFAULT_MAX_ATTEMPTS",
    "begin_attempt",
    "delete_with_rows",
    "execute_flush",
    "get_flush",
    "record_flush_result",
    "retry_flush",
    "watch_flush",
]

DEFAULT_MAX_ATTEMPTS: Final = 10
"""Attempts before a batch becomes a dead letter, failed and lost ones alike: two and a half minutes of trying."""

_ATTEMPT: Final[dict[str, Any]] = {"batchDocId": v.id("batches"), "attempt": v.number()}

# ------------------------------------------------------------------------------------------------------- attempts


def begin_attempt(ctx: MutationCtx, batch: Row) -> None:
    """Let somebody deliver a sealed batch, and somebody else look after that."""
    attempt = {"batchDocId": batch["_id"], "attempt": batch["attempt"] + 1}
    begun = {
        "status": "flushing",
        "attempt": attempt["attempt"],
        "failures": batch["failures"],
        "executorId": schedule(ctx, 0, internal.lib.execute_flush, attempt),
        "watchdogId": schedule(ctx, LEASE_MS, internal.lib.watch_flush, attempt),
        "retryId": UNDEFINED,
        "lastUpdatedAt": ctx.now(),
    }
    ctx.db.patch(batch["_id"], begun)


def _find_in_attempt(ctx: QueryCtx, batch_doc_id: str, attempt: float, status: str) -> Row | None:
    """Return a batch if it is in this status and has seen no later attempt."""
    batch = ctx.db.get(batch_doc_id)
    is_so = batch is not None and (batch["attempt"], batch["status"]) == (attempt, status)
    return batch if is_so else None


@internal_query(args=_ATTEMPT)
def get_flush(ctx: QueryCtx, batch_doc_id: str, attempt: float) -> Row | None:
    """Return what an attempt has to deliver, and to whom; None if it is not, or no more, its turn."""
    batch = _find_in_attempt(ctx, batch_doc_id, attempt, "flushing")
    if batch is None:
        return None
    items = [item for row in read_sealed_rows(ctx, batch_doc_id) for item in row["items"]]
    key = {"deliveryKey": batch_doc_id} if batch["config"].get("passDeliveryKey") else {}
    return {"handle": batch["config"]["processBatchHandle"], "args": {"items": items, **key}}


@internal_action(args=_ATTEMPT)
async def execute_flush(ctx: ActionCtx, batch_doc_id: str, attempt: float) -> None:
    """Deliver a sealed batch to its callback and see to it that the outcome is written down.

    Recording is tried at once; if it loses against others too often, it is scheduled, which cannot lose for ever.
    """
    own = {"batchDocId": batch_doc_id, "attempt": attempt}
    flush = await ctx.run_query(internal.lib.get_flush, own)
    if flush is None:
        return
    started_at = ctx.now()
    error_message: Any = UNDEFINED
    try:
        await ctx.run_action(flush["handle"], flush["args"])
    except Exception as error:  # noqa: BLE001 - whatever it is, the delivery has failed
        error_message = error_text(error)
    outcome = {"success": error_message is UNDEFINED, "errorMessage": error_message}
    result = {**own, **outcome, "itemCount": len(flush["args"]["items"]), "durationMs": ctx.now() - started_at}
    try:
        await ctx.run_mutation(internal.lib.record_flush_result, result)
    except Exception:  # noqa: BLE001 - whatever kept it from being written down
        await ctx.scheduler.run_after(0, internal.lib.record_flush_result, result)


# -------------------------------------------------------------------------------------------------------- outcomes


@internal_mutation(
    args={
        **_ATTEMPT,
        "itemCount": v.number(),
        "durationMs": v.number(),
        "success": v.boolean(),
        "errorMessage": v.optional(v.string()),
    }
)
def record_flush_result(ctx: MutationCtx, **result: Any) -> None:
    """Write down how an attempt ended: the batch is completed, or will be tried again."""
    batch = enter_in_history(ctx, result)
    if batch is None or batch["status"] == "completed":
        return
    if result["success"]:
        _complete(ctx, batch)
    elif (batch["attempt"], batch["status"]) == (result["attempt"], "flushing"):
        _fail(ctx, batch, result["errorMessage"])


@internal_mutation(args=_ATTEMPT)
def watch_flush(ctx: MutationCtx, batch_doc_id: str, attempt: float) -> None:
    """Look after an attempt whose lease is over: one that was lost has failed, any other gets another lease."""
    batch = _find_in_attempt(ctx, batch_doc_id, attempt, "flushing")
    if batch is None:
        return
    loss = loss_of(ctx, batch["executorId"])
    if loss is None:
        own = {"batchDocId": batch_doc_id, "attempt": attempt}
        ctx.db.patch(batch_doc_id, {"watchdogId": schedule(ctx, LEASE_MS, internal.lib.watch_flush, own)})
    else:
        _fail(ctx, batch, loss)


@internal_mutation(args=_ATTEMPT)
def retry_flush(ctx: MutationCtx, batch_doc_id: str, attempt: float) -> None:
    """Begin the attempt that follows a failed one."""
    batch = _find_in_attempt(ctx, batch_doc_id, attempt, "retrying")
    if batch is not None:
        begin_attempt(ctx, batch)


def _complete(ctx: MutationCtx, batch: Row) -> None:
    """Drop what was delivered.

    It looks at nothing that belongs to other batches, so records of one id do not compete; those that are superseded
    go when another one is collected.
    """
    cancel_pending(ctx, batch.get("watchdogId"))
    cancel_pending(ctx, batch.get("retryId"))
    for row in read_sealed_rows(ctx, batch["_id"]):
        ctx.db.delete(row["_id"])
    ended = dict.fromkeys(("executorId", "watchdogId", "retryId", "errorMessage"), UNDEFINED)
    ctx.db.patch(batch["_id"], {"status": "completed", "itemCount": 0, "lastUpdatedAt": ctx.now(), **ended})


def _fail(ctx: MutationCtx, batch: Row, error_message: str) -> None:
    """Let a batch wait for its next attempt or, after the last one, for somebody who looks at dead letters."""
    cancel_pending(ctx, batch.get("watchdogId"))
    failures = batch["failures"] + 1
    failed = {"failures": failures, "errorMessage": error_message, "lastUpdatedAt": ctx.now()}
    ctx.db.patch(batch["_id"], {**failed, "executorId": UNDEFINED, "watchdogId": UNDEFINED})
    if failures >= batch["config"].get("maxAttempts", DEFAULT_MAX_ATTEMPTS):
        ctx.db.patch(batch["_id"], {"status": "deadLetter"})
    else:
        own = {"batchDocId": batch["_id"], "attempt": batch["attempt"]}
        retry = schedule(ctx, backoff_ms(failures), internal.lib.retry_flush, own)
        ctx.db.patch(batch["_id"], {"status": "retrying", "retryId": retry})


def delete_with_rows(ctx: MutationCtx, batch: Row) -> None:
    """Delete a sealed batch, and its rows if it has any left."""
    for row in read_sealed_rows(ctx, batch["_id"]):
        ctx.db.delete(row["_id"])
    ctx.db.delete(batch["_id"])
