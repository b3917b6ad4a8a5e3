"""What 1.0.4 brought and later versions kept: delivering items that stand in rows of their own.

Source: component-versions 7a and 8. Next: `v1_0_5.py`, which schedules these and records how they end.
"""

from __future__ import annotations

from typing import Any

from components.batch_processor.accumulator.common import first_given, read_rows_up_to
from convexsim import (
    UNDEFINED,
    ActionCtx,
    ConvexError,
    FunctionError,
    QueryCtx,
    internal,
    internal_action,
    internal_query,
    v,
)

__all__ = ["collect_batch_items", "execute_flush"]


@internal_query(args={"batchDocId": v.id("batches")})
def collect_batch_items(ctx: QueryCtx, batch_doc_id: str) -> dict[str, Any]:
    """Return what a flush has to deliver and its cutoff (component-versions 8).

    Items come in the order of their rows' createdAt, then of their creation. A batch that is gone has no items and no
    cutoff; one that is not flushing is cut off now.
    """
    batch = ctx.db.get(batch_doc_id)
    if batch is None:
        return {"items": [], "flushStartedAt": UNDEFINED}
    flush_started_at = first_given(batch.get("flushStartedAt"), ctx.now())
    rows = read_rows_up_to(ctx, batch_doc_id, flush_started_at)
    return {"items": [item for row in rows for item in row["items"]], "flushStartedAt": flush_started_at}


@internal_action(args={"batchDocId": v.id("batches"), "processBatchHandle": v.string()})
async def execute_flush(ctx: ActionCtx, batch_doc_id: str, process_batch_handle: str) -> dict[str, Any]:
    """Deliver a batch's items to the callback and record how that went (component-versions 8).

    Only the callback may fail without harm: if collecting or recording throws, or the action dies, nobody records
    anything and the batch stays flushing.
    """
    started_at = ctx.now()
    collected = await ctx.run_query(internal.lib.collect_batch_items, {"batchDocId": batch_doc_id})
    items = collected["items"]
    record = {"batchDocId": batch_doc_id, "flushStartedAt": collected.get("flushStartedAt", UNDEFINED)}
    if not items:
        nothing = {"itemCount": 0, "durationMs": 0, "success": True}
        await ctx.run_mutation(internal.lib.record_flush_result, {**record, **nothing})
        return {"success": True, "durationMs": 0}
    error_message: Any = UNDEFINED
    try:
        await ctx.run_action(process_batch_handle, {"items": items})
    except (ConvexError, FunctionError) as error:
        error_message = str(error)
    success = error_message is UNDEFINED
    result = {"success": success, "errorMessage": error_message, "durationMs": ctx.now() - started_at}
    await ctx.run_mutation(internal.lib.record_flush_result, {**record, "itemCount": len(items), **result})
    return result
