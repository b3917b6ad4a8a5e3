"""0.2.0: a batch has a timer of its own, from its first item on; the cron's functions stay as they were.

Whoever begins a flush clears the timer's id, and the public functions cancel the timer too. The cron still goes by the
last add. Source of every rule: component-versions 5. Next: `v1_0_3.py`.
"""

from __future__ import annotations

from typing import Any

from components.batch_processor.accumulator.common import (
    FLUSH_RESULT,
    Row,
    accumulating,
    cancel_timer,
    checked_to_flush,
    checked_to_have,
    empty,
    enter_in_history,
    find_by_batch_id,
    flushing,
)
from components.batch_processor.accumulator.v0_1_0 import (
    begin_flush,
    open_batch,
    schedule_delivery,
    why_kept,
    with_items,
)
from components.batch_processor.schema import README_CONFIG
from convexsim import UNDEFINED, ActionCtx, MutationCtx, internal, internal_action, internal_mutation, mutation, v

__all__ = [
    "BEGUN",
    "COMPLETED",
    "NOT_READY",
    "add_items",
    "delete_batch",
    "flush_batch",
    "mark_batch_flushing",
    "record_flush_result",
    "scheduled_interval_flush",
]

BEGUN: Row = {"status": "flushing", "scheduledFlushId": UNDEFINED}
"""What a flush that begins makes of a batch that has its items in it."""

COMPLETED: Row = {"status": "completed", "items": [], "itemCount": 0, "scheduledFlushId": UNDEFINED}
"""What a delivery that was acked makes of it."""

NOT_READY: Row = {"flushed": False, "reason": "Batch not ready for flush"}
"""What a timer answers that has nothing to flush, or nobody to flush it to."""

# ------------------------------------------------------------------------------------------------ public functions


@mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": README_CONFIG})
def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: Row) -> Row:
    """Add items as 0.1.0 does; the first items start the timer, and a flush cancels it."""
    batch = open_batch(ctx, batch_id, config)
    stored = with_items(ctx, batch, items)
    handle = config.get("onFlushHandle")
    if stored["itemCount"] < config["maxBatchSize"] or not handle:
        timer = batch.get("scheduledFlushId", UNDEFINED)
        if timer is UNDEFINED and batch["itemCount"] == 0:
            timer = _timer(ctx, batch, config)
        ctx.db.patch(batch["_id"], {**stored, "config": config, "scheduledFlushId": timer})
        return accumulating(batch_id, stored["itemCount"])
    cancel_timer(ctx, batch)
    ctx.db.patch(batch["_id"], {**stored, **BEGUN})
    schedule_delivery(ctx, batch["_id"], stored["items"], handle)
    return flushing(batch_id, stored["itemCount"])


@mutation(args={"batchId": v.string()})
def flush_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Flush the id's batch below the threshold, and cancel its timer."""
    batch = checked_to_flush(find_by_batch_id(ctx, batch_id), batch_id)
    if batch["itemCount"] == 0:
        return empty(batch_id)
    handle = checked_to_have("onFlushHandle", batch, batch_id)
    cancel_timer(ctx, batch)
    ctx.db.patch(batch["_id"], BEGUN)
    schedule_delivery(ctx, batch["_id"], batch["items"], handle)
    return flushing(batch_id, batch["itemCount"])


@mutation(args={"batchId": v.string()})
def delete_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Delete a batch by its exact name with its timer, unless it is flushing or has items to flush."""
    batch = find_by_batch_id(ctx, batch_id)
    if batch is None:
        return {"deleted": False, "reason": "Batch not found"}
    reason = why_kept(batch)
    if reason is not None:
        return {"deleted": False, "reason": reason}
    cancel_timer(ctx, batch)
    ctx.db.delete(batch["_id"])
    return {"deleted": True}


# ---------------------------------------------------------------------------------------------- internal functions


@internal_mutation(args={"batchDocId": v.id("batches")})
def mark_batch_flushing(ctx: MutationCtx, batch_doc_id: str) -> Row | None:
    """Take a batch to flushing as 0.1.0 does, and forget its timer without canceling it."""
    return begin_flush(ctx, batch_doc_id, BEGUN, "onFlushHandle")


@internal_action(args={"batchDocId": v.id("batches")})
async def scheduled_interval_flush(ctx: ActionCtx, batch_doc_id: str) -> Row:
    """Flush a batch in this very action: what a timer runs. Without a handle the batch is left flushing."""
    batch = {"batchDocId": batch_doc_id}
    marked = await ctx.run_mutation(internal.internal.mark_batch_flushing, batch)
    if marked is None or not marked.get("onFlushHandle"):
        return NOT_READY
    result = await ctx.run_action(internal.internal.execute_flush, {**batch, **marked})
    return {"flushed": True, **result}


@internal_mutation(args=FLUSH_RESULT)
def record_flush_result(ctx: MutationCtx, **result: Any) -> None:
    """Write down a flush that has ended; after a failure the batch accumulates again, with a timer if it can have one.

    Nothing at all happens if the batch is gone.
    """
    batch = enter_in_history(ctx, result)
    if batch is None:
        return
    if result["success"]:
        ctx.db.patch(batch["_id"], COMPLETED)
    else:
        timer = _timer(ctx, batch, batch["config"])
        ctx.db.patch(batch["_id"], {"status": "accumulating", "scheduledFlushId": timer})


def _timer(ctx: MutationCtx, batch: Row, config: Row) -> Any:
    """Start a timer if the config has an interval and a handle; return its id, or UNDEFINED."""
    if config["flushIntervalMs"] > 0 and config.get("onFlushHandle"):
        args = {"batchDocId": batch["_id"]}
        return ctx.scheduler.run_after(config["flushIntervalMs"], internal.internal.scheduled_interval_flush, args)
    return UNDEFINED
