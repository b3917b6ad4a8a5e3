"""What the accumulator's functions share across versions: ids, answers, the reads and the steps that several make.

Owns no Convex function and names none: a helper that schedules is told what. A helper that reads says so in its name
(`find_`, `read_`): each is one query, and the order of queries is part of a function's behaviour. Next: `v0_1_0.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convexsim import UNDEFINED, ActionCtx, ConvexError, FunctionError, MutationCtx, QueryCtx, v

__all__ = [
    "FLUSH_RESULT",
    "SEPARATOR",
    "Row",
    "StartTimer",
    "accumulating",
    "base_id_of",
    "cancel_timer",
    "checked_to_flush",
    "checked_to_have",
    "deliver",
    "empty",
    "enter_in_history",
    "find_accumulating",
    "find_by_batch_id",
    "first_given",
    "flushing",
    "last_added",
    "read_item_rows",
    "read_rows_up_to",
    "read_with_status",
    "total_of",
]

SEPARATOR: Final = "::"
"""Stands between base id and sequence in the name of a batch (component-versions 10)."""

FLUSH_RESULT: Final[dict[str, Any]] = {
    "batchDocId": v.id("batches"),
    "itemCount": v.number(),
    "durationMs": v.number(),
    "success": v.boolean(),
    "errorMessage": v.optional(v.string()),
}
"""What recordFlushResult is told of a flush, in every version."""

Row = dict[str, Any]

StartTimer = Callable[[MutationCtx, str, Row], str]
"""Schedules the flush that comes when nothing else has come before it, by the batch's id and config; returns its id."""


def base_id_of(batch_id: str) -> str:
    """Return what stands before the first separator, or all of it (component-versions 7)."""
    return batch_id.partition(SEPARATOR)[0]


def first_given(*values: Any) -> Any:
    """Return the first value that is not None: TypeScript's ``x ?? y``, for which 0 and False are values."""
    return next((value for value in values if value is not None), None)


# -------------------------------------------------------------------------------------------------------- answers


def accumulating(batch_id: str, item_count: int) -> Row:
    """Return what an add or a flush answers if the batch goes on accumulating."""
    return {"batchId": batch_id, "itemCount": item_count, "flushed": False, "status": "accumulating"}


def flushing(batch_id: str, item_count: int) -> Row:
    """Return what an add or a flush answers if the batch is flushed, or is said to be."""
    return {"batchId": batch_id, "itemCount": item_count, "flushed": True, "status": "flushing"}


def empty(batch_id: str) -> Row:
    """Return what a flush answers if there is nothing to flush."""
    return {"batchId": batch_id, "itemCount": 0, "flushed": False, "reason": "Batch is empty"}


# ---------------------------------------------------------------------------------------------------------- reads


def find_by_batch_id(ctx: QueryCtx, batch_id: str) -> Row | None:
    """Return the oldest batch of exactly this name."""
    return ctx.db.query("batches").with_index("by_batchId", lambda q: q.eq("batchId", batch_id)).first()


def find_accumulating(ctx: QueryCtx, base_id: str) -> Row | None:
    """Return the oldest accumulating batch of a base id; after a failed flush there may be two."""
    batches = ctx.db.query("batches")
    return batches.with_index(
        "by_baseBatchId_status", lambda q: q.eq("baseBatchId", base_id).eq("status", "accumulating")
    ).first()


def read_with_status(ctx: QueryCtx, base_id: str, status: str) -> list[Row]:
    """Return the batches of a base id in a status, oldest first."""
    batches = ctx.db.query("batches")
    return batches.with_index(
        "by_baseBatchId_status", lambda q: q.eq("baseBatchId", base_id).eq("status", status)
    ).collect()


def read_item_rows(ctx: QueryCtx, batch_doc_id: str) -> list[Row]:
    """Return all rows of items of a batch, oldest first; the range that every concurrent addItems writes to."""
    rows = ctx.db.query("batchItems")
    return rows.with_index("by_batchDocId", lambda q: q.eq("batchDocId", batch_doc_id)).collect()


def read_rows_up_to(ctx: QueryCtx, batch_doc_id: str, cutoff: float) -> list[Row]:
    """Return the rows of items that were created at `cutoff` (ms) or before (component-versions 10: inclusive).

    The bound is ``< cutoff + 1``: the next whole millisecond, so a fraction of a millisecond more still belongs.
    """
    rows = ctx.db.query("batchItems")
    return rows.with_index(
        "by_batchDocId_createdAt", lambda q: q.eq("batchDocId", batch_doc_id).lt("createdAt", cutoff + 1)
    ).collect()


def total_of(rows: list[Row]) -> int:
    """Return how many items the rows hold, by their counters."""
    return sum(row["itemCount"] for row in rows)


def last_added(rows: list[Row], batch: Row) -> Any:
    """Return when the newest of the rows was created, or when their batch was last updated if there is none."""
    return max((row["createdAt"] for row in rows), default=batch["lastUpdatedAt"])


# ---------------------------------------------------------------------------------------------------------- steps


def checked_to_flush(batch: Row | None, batch_id: str) -> Row:
    """Return the batch that a flush has found, if it may begin.

    Raises:
        RuntimeError: there is none, or it is not accumulating; the latter names the id under which users know it.

    """
    if batch is None:
        msg = f"Batch {batch_id} not found"
        raise RuntimeError(msg)
    if batch["status"] != "accumulating":
        msg = f"Batch {_known_as(batch)} is not in accumulating state (current: {batch['status']})"
        raise RuntimeError(msg)
    return batch


def checked_to_have(handle: str, batch: Row, batch_id: str) -> str:
    """Return the callback's handle that stands in a batch under this name.

    Raises:
        RuntimeError: it is missing, or the empty string.

    """
    found: str | None = batch["config"].get(handle)
    if not found:
        msg = f"Batch {batch_id} has no {handle} configured"
        raise RuntimeError(msg)
    return found


def cancel_timer(ctx: MutationCtx, batch: Row) -> None:
    """Cancel a batch's timer, if it has one; the field that names it is the caller's to clear."""
    if "scheduledFlushId" in batch:
        ctx.scheduler.cancel(batch["scheduledFlushId"])


async def deliver(ctx: ActionCtx, handle: str, items: list[Any], started_at: float) -> Row:
    """Call the callback and return how that went: success, errorMessage, and durationMs since `started_at` (ms)."""
    error_message: Any = UNDEFINED
    try:
        await ctx.run_action(handle, {"items": items})
    except (ConvexError, FunctionError) as error:
        error_message = str(error)
    success = error_message is UNDEFINED
    return {"success": success, "errorMessage": error_message, "durationMs": ctx.now() - started_at}


def enter_in_history(ctx: MutationCtx, result: Row) -> Row | None:
    """Write down a flush that has ended and return its batch; if that is gone, write nothing and return None."""
    batch: Row | None = ctx.db.get(result["batchDocId"])
    if batch is not None:
        entry = {"batchId": _known_as(batch), "flushedAt": ctx.now()}
        for name in ("itemCount", "durationMs", "success", "errorMessage"):
            entry[name] = result.get(name, UNDEFINED)
        ctx.db.insert("flushHistory", entry)
    return batch


def _known_as(batch: Row) -> str:
    """Return the id under which users know a batch: its base id, or its name where names have no sequence."""
    known: str = batch["baseBatchId" if "baseBatchId" in batch else "batchId"]
    return known
