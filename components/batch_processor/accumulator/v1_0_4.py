"""1.0.4: items stand in rows of their own, one a call of addItems; a batch keeps the counter.

So a flush delivers what was there when it began, by the clock, and an executor reads it instead of being handed it.
What was added after that moment stays behind in a completed batch until a clean-up deletes it (properties.md, race R7).
Source of every rule: component-versions 7a and 8. Next: `v1_0_5.py`.
"""

from __future__ import annotations

from typing import Any, Final

from components.batch_processor.accumulator.common import (
    FLUSH_RESULT,
    Row,
    accumulating,
    base_id_of,
    cancel_timer,
    checked_to_flush,
    checked_to_have,
    deliver,
    empty,
    enter_in_history,
    find_by_batch_id,
    first_given,
    flushing,
    read_item_rows,
    read_rows_up_to,
    total_of,
)
from components.batch_processor.accumulator.v0_1_0 import why_kept
from components.batch_processor.accumulator.v1_0_3 import (
    find_to_flush,
    open_batch,
    read_superseded,
    start_timer,
    timer_after_add,
    timer_after_failure,
)
from components.batch_processor.schema import BATCH_CONFIG
from convexsim import (
    UNDEFINED,
    ActionCtx,
    MutationCtx,
    QueryCtx,
    internal,
    internal_action,
    internal_mutation,
    internal_query,
    mutation,
    v,
)

__all__ = [
    "TIMED_FLUSH_RESULT",
    "add_items",
    "clean_up_completed",
    "collect_batch_items",
    "delete_batch",
    "delete_delivered",
    "delete_with_rows",
    "execute_flush",
    "flush_batch",
    "insert_items",
    "mark_batch_flushing",
    "record_flush_result",
    "return_to_accumulating",
    "schedule_delivery",
]

TIMED_FLUSH_RESULT: Final = {**FLUSH_RESULT, "flushStartedAt": v.optional(v.number())}
"""What recordFlushResult is told of a flush: since 1.0.4 also up to which moment (ms) it took items."""

# ------------------------------------------------------------------------------------------------ public functions


@mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": BATCH_CONFIG})
def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: Row) -> Row:
    """Add a row of items to the base id's accumulating batch and count them there; else as 1.0.3 does.

    An empty list makes a row too.
    """
    base_id = base_id_of(batch_id)
    batch = open_batch(ctx, base_id, {"itemCount": 0, "config": config})
    insert_items(ctx, batch["_id"], items)
    stored = {"itemCount": batch["itemCount"] + len(items), "lastUpdatedAt": ctx.now()}
    if stored["itemCount"] < config["maxBatchSize"]:
        timer = timer_after_add(ctx, batch, config)
        ctx.db.patch(batch["_id"], {**stored, "config": config, "scheduledFlushId": timer})
        return accumulating(base_id, stored["itemCount"])
    cancel_timer(ctx, batch)
    ctx.db.patch(batch["_id"], {**stored, **_begun(ctx)})
    schedule_delivery(ctx, batch["_id"], config["processBatchHandle"])
    return flushing(base_id, stored["itemCount"])


def insert_items(ctx: MutationCtx, batch_doc_id: str, items: list[Any]) -> None:
    """Insert a row of items."""
    row = {"batchDocId": batch_doc_id, "items": items, "itemCount": len(items), "createdAt": ctx.now()}
    ctx.db.insert("batchItems", row)


@mutation(args={"batchId": v.string()})
def flush_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Flush a batch by its name, or the accumulating batch of that base id, below the threshold."""
    batch = checked_to_flush(find_to_flush(ctx, batch_id), batch_id)
    if batch["itemCount"] == 0:
        return empty(batch_id)
    handle = checked_to_have("processBatchHandle", batch, batch_id)
    cancel_timer(ctx, batch)
    ctx.db.patch(batch["_id"], _begun(ctx))
    schedule_delivery(ctx, batch["_id"], handle)
    return flushing(batch_id, batch["itemCount"])


@mutation(args={"batchId": v.string()})
def delete_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Delete a batch by its exact name with its timer and rows, unless it is flushing or counts items to flush."""
    batch = find_by_batch_id(ctx, batch_id)
    if batch is None:
        return {"deleted": False, "reason": "Batch not found"}
    reason = why_kept(batch)
    if reason is not None:
        return {"deleted": False, "reason": reason}
    cancel_timer(ctx, batch)
    delete_with_rows(ctx, batch, read_item_rows(ctx, batch["_id"]))
    return {"deleted": True}


# ---------------------------------------------------------------------------------------------- internal functions


@internal_query(args={"batchDocId": v.id("batches")})
def collect_batch_items(ctx: QueryCtx, batch_doc_id: str) -> Row:
    """Return what a flush has to deliver and its cutoff (component-versions 8). Never changed since.

    Items come in the order of their rows' createdAt, then of their creation. A batch that is gone has no items and no
    cutoff; one that is not flushing is cut off now.
    """
    batch = ctx.db.get(batch_doc_id)
    if batch is None:
        return {"items": [], "flushStartedAt": UNDEFINED}
    flush_started_at = first_given(batch.get("flushStartedAt"), ctx.now())
    rows = read_rows_up_to(ctx, batch_doc_id, flush_started_at)
    return {"items": [item for row in rows for item in row["items"]], "flushStartedAt": flush_started_at}


@internal_mutation(args={"batchDocId": v.id("batches")})
def mark_batch_flushing(ctx: MutationCtx, batch_doc_id: str) -> Row | None:
    """Take a batch to flushing from now on and return its handle; None if there is nothing to flush."""
    batch = ctx.db.get(batch_doc_id)
    if batch is None or batch["status"] != "accumulating" or batch["itemCount"] == 0:
        return None
    ctx.db.patch(batch_doc_id, _begun(ctx))
    return {"processBatchHandle": batch["config"]["processBatchHandle"]}


@internal_action(args={"batchDocId": v.id("batches"), "processBatchHandle": v.string()})
async def execute_flush(ctx: ActionCtx, batch_doc_id: str, process_batch_handle: str) -> Row:
    """Deliver a batch's items to the callback and record how that went (component-versions 8). Never changed since.

    Only the callback may fail without harm: if collecting or recording throws, or the action dies, nobody records
    anything and the batch stays flushing.
    """
    started_at = ctx.now()
    collected = await ctx.run_query(internal.lib.collect_batch_items, {"batchDocId": batch_doc_id})
    items = collected["items"]
    if items:
        result = await deliver(ctx, process_batch_handle, items, started_at)
    else:
        result = {"success": True, "durationMs": 0}
    record = {"batchDocId": batch_doc_id, "flushStartedAt": collected.get("flushStartedAt", UNDEFINED)}
    await ctx.run_mutation(internal.lib.record_flush_result, {**record, "itemCount": len(items), **result})
    return result


@internal_mutation(args=TIMED_FLUSH_RESULT)
def record_flush_result(ctx: MutationCtx, **result: Any) -> None:
    """Write down a flush that has ended, drop what it delivered, and complete its batch or let it accumulate again.

    A batch is completed even if there are rows that came after the cutoff; its counter then tells them.
    """
    batch = enter_in_history(ctx, result)
    if batch is None:
        return
    if result["success"]:
        remaining = delete_delivered(ctx, batch, result.get("flushStartedAt"))
        cleared = {"flushStartedAt": UNDEFINED, "scheduledFlushId": UNDEFINED}
        ctx.db.patch(batch["_id"], {"status": "completed", "itemCount": remaining, **cleared})
        clean_up_completed(ctx, batch["baseBatchId"])
    else:
        return_to_accumulating(ctx, batch, timer_after_failure(ctx, batch, start_timer))


def delete_delivered(ctx: MutationCtx, batch: Row, flush_started_at: float | None) -> int:
    """Delete a batch's rows up to the cutoff and return how many items remain: those that were added later."""
    cutoff = first_given(flush_started_at, batch.get("flushStartedAt"), ctx.now())
    for row in read_rows_up_to(ctx, batch["_id"], cutoff):
        ctx.db.delete(row["_id"])
    return total_of(read_item_rows(ctx, batch["_id"]))


def clean_up_completed(ctx: MutationCtx, base_id: str) -> None:
    """Delete all completed batches of a base id, with their rows, but the one of the highest sequence."""
    for superseded in read_superseded(ctx, base_id):
        delete_with_rows(ctx, superseded, read_item_rows(ctx, superseded["_id"]))


def delete_with_rows(ctx: MutationCtx, batch: Row, rows: list[Row]) -> None:
    """Delete rows, then the batch that they belong to."""
    for row in rows:
        ctx.db.delete(row["_id"])
    ctx.db.delete(batch["_id"])


def return_to_accumulating(ctx: MutationCtx, batch: Row, timer: Any) -> None:
    """Keep the rows of a failed flush for the next one; another batch may have begun to accumulate meanwhile."""
    fields = {"status": "accumulating", "flushStartedAt": UNDEFINED, "scheduledFlushId": timer}
    ctx.db.patch(batch["_id"], fields)


def schedule_delivery(ctx: MutationCtx, batch_doc_id: str, handle: str) -> None:
    """Schedule the delivery of what stands in a batch's rows."""
    args = {"batchDocId": batch_doc_id, "processBatchHandle": handle}
    ctx.scheduler.run_after(0, internal.lib.execute_flush, args)


def _begun(ctx: MutationCtx) -> Row:
    """Return what a flush that begins now makes of a batch."""
    return {"status": "flushing", "flushStartedAt": ctx.now(), "scheduledFlushId": UNDEFINED}
