"""1.0.3: an id has several batches, numbered in sequence, so that adds go on while one of them is flushed.

The name of a batch is ``<base id>::<sequence>``; all functions stand in the module ``lib``. The callback's handle is
required and called processBatchHandle (since 0.3.x, which is not among the versions here). Source of every rule:
component-versions 7. Next: `v1_0_4.py`.
"""

from __future__ import annotations

from typing import Any

from components.batch_processor.accumulator.common import (
    FLUSH_RESULT,
    SEPARATOR,
    Row,
    StartTimer,
    accumulating,
    base_id_of,
    cancel_timer,
    checked_to_flush,
    checked_to_have,
    deliver,
    empty,
    enter_in_history,
    find_accumulating,
    find_by_batch_id,
    flushing,
    read_with_status,
)
from components.batch_processor.accumulator.v0_1_0 import begin_flush, with_items
from components.batch_processor.accumulator.v0_2_0 import BEGUN, COMPLETED, NOT_READY
from components.batch_processor.schema import BATCH_CONFIG
from convexsim import (
    UNDEFINED,
    ActionCtx,
    MutationCtx,
    QueryCtx,
    internal,
    internal_action,
    internal_mutation,
    mutation,
    query,
    v,
)

__all__ = [
    "add_items",
    "execute_flush",
    "find_to_flush",
    "flush_batch",
    "get_all_batches_for_base_id",
    "get_batch_status",
    "mark_batch_flushing",
    "new_batch",
    "open_batch",
    "read_active",
    "read_superseded",
    "record_flush_result",
    "scheduled_interval_flush",
    "start_timer",
    "timer_after_add",
    "timer_after_failure",
]

# ------------------------------------------------------------------------------------------------ public functions


@mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": BATCH_CONFIG})
def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: Row) -> Row:
    """Add items to the base id's accumulating batch, a new one if there is none; at the caller's threshold, flush it.

    The batch takes over the config of every call that does not flush it; a flush goes to the caller's handle.
    """
    base_id = base_id_of(batch_id)
    batch = open_batch(ctx, base_id, {"items": [], "itemCount": 0, "config": config})
    stored = with_items(ctx, batch, items)
    if stored["itemCount"] < config["maxBatchSize"]:
        timer = timer_after_add(ctx, batch, config)
        ctx.db.patch(batch["_id"], {**stored, "config": config, "scheduledFlushId": timer})
        return accumulating(base_id, stored["itemCount"])
    cancel_timer(ctx, batch)
    ctx.db.patch(batch["_id"], {**stored, **BEGUN})
    _schedule_delivery(ctx, batch["_id"], stored["items"], config["processBatchHandle"])
    return flushing(base_id, stored["itemCount"])


def open_batch(ctx: MutationCtx, base_id: str, fields: Row) -> Row:
    """Return the base id's accumulating batch, a new one with these fields if there is none.

    A new batch is numbered after the first of those of the last status by name: a flushing one comes before completed
    ones, of one status the youngest. That is not always the highest number.

    Raises:
        RuntimeError: the new batch is gone at once; never seen.

    """
    batch = find_accumulating(ctx, base_id)
    if batch is None:
        by_status = ctx.db.query("batches").with_index("by_baseBatchId_status", lambda q: q.eq("baseBatchId", base_id))
        latest = by_status.order("desc").first()
        batch = ctx.db.get(ctx.db.insert("batches", {**new_batch(ctx, base_id, latest), **fields}))
    if batch is None:
        msg = f"Failed to create batch for {base_id}"
        raise RuntimeError(msg)
    return batch


def new_batch(ctx: MutationCtx, base_id: str, latest: Row | None) -> Row:
    """Return the batch that follows `latest`, the first one of its base id if that is None, as far as all are alike."""
    sequence = latest["sequence"] + 1 if latest is not None else 0
    return {
        "batchId": f"{base_id}{SEPARATOR}{sequence}",
        "baseBatchId": base_id,
        "sequence": sequence,
        "createdAt": ctx.now(),
        "lastUpdatedAt": ctx.now(),
        "status": "accumulating",
    }


def timer_after_add(ctx: MutationCtx, batch: Row, config: Row) -> Any:
    """Return the id of the batch's timer, which the first items start if there is an interval; else UNDEFINED."""
    timer = batch.get("scheduledFlushId", UNDEFINED)
    if config["flushIntervalMs"] > 0 and timer is UNDEFINED and batch["itemCount"] == 0:
        return start_timer(ctx, batch["_id"], config)
    return timer


@mutation(args={"batchId": v.string()})
def flush_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Flush a batch by its name, or the accumulating batch of that base id, below the threshold."""
    batch = checked_to_flush(find_to_flush(ctx, batch_id), batch_id)
    if batch["itemCount"] == 0:
        return empty(batch_id)
    handle = checked_to_have("processBatchHandle", batch, batch_id)
    cancel_timer(ctx, batch)
    ctx.db.patch(batch["_id"], BEGUN)
    _schedule_delivery(ctx, batch["_id"], batch["items"], handle)
    return flushing(batch_id, batch["itemCount"])


def find_to_flush(ctx: QueryCtx, batch_id: str) -> Row | None:
    """Return the batch of exactly this name, else the accumulating one of the base id that is called so.

    The argument is taken as it is: a name whose batch is gone is not stripped to its base id.
    """
    batch = find_by_batch_id(ctx, batch_id)
    return batch if batch is not None else find_accumulating(ctx, batch_id)


@query(args={"batchId": v.string()})
def get_batch_status(ctx: QueryCtx, batch_id: str) -> Row | None:
    """Return the flushing, then the accumulating batches of a base id; None if there are none.

    Config is that of the first one listed.
    """
    base_id = base_id_of(batch_id)
    active = read_active(ctx, base_id)
    if not active:
        return None
    names = ("status", "itemCount", "createdAt", "lastUpdatedAt")
    config = active[0]["config"]
    return {
        "batchId": base_id,
        "batches": [{name: batch[name] for name in names} for batch in active],
        "config": {name: config[name] for name in ("maxBatchSize", "flushIntervalMs")},
    }


def read_active(ctx: QueryCtx, base_id: str) -> list[Row]:
    """Return the flushing, then the accumulating batches of a base id."""
    accumulating_ones = read_with_status(ctx, base_id, "accumulating")
    return [*read_with_status(ctx, base_id, "flushing"), *accumulating_ones]


@query(args={"baseBatchId": v.string()})
def get_all_batches_for_base_id(ctx: QueryCtx, base_batch_id: str) -> list[Row]:
    """Return every batch of a base id by status, then by age; the argument is not stripped of a sequence."""
    batches = ctx.db.query("batches")
    found = batches.with_index("by_baseBatchId_status", lambda q: q.eq("baseBatchId", base_batch_id)).collect()
    names = ("batchId", "baseBatchId", "sequence", "itemCount", "status", "createdAt", "lastUpdatedAt")
    return [{name: batch[name] for name in names} for batch in found]


# ---------------------------------------------------------------------------------------------- internal functions


@internal_mutation(args={"batchDocId": v.id("batches")})
def mark_batch_flushing(ctx: MutationCtx, batch_doc_id: str) -> Row | None:
    """Take a batch to flushing and return what executeFlush needs besides; None if there is nothing to flush.

    It forgets the timer without canceling it: the timer is who calls.
    """
    return begin_flush(ctx, batch_doc_id, BEGUN, "processBatchHandle")


@internal_action(args={"batchDocId": v.id("batches")})
async def scheduled_interval_flush(ctx: ActionCtx, batch_doc_id: str) -> Row:
    """Flush a batch in this very action: what a timer runs. Without a handle the batch is left flushing."""
    batch = {"batchDocId": batch_doc_id}
    marked = await ctx.run_mutation(internal.lib.mark_batch_flushing, batch)
    if marked is None or not marked["processBatchHandle"]:
        return NOT_READY
    result = await ctx.run_action(internal.lib.execute_flush, {**batch, **marked})
    return {"flushed": True, **result}


@internal_action(args={"batchDocId": v.id("batches"), "items": v.array(v.any()), "processBatchHandle": v.string()})
async def execute_flush(ctx: ActionCtx, batch_doc_id: str, items: list[Any], process_batch_handle: str) -> Row:
    """Deliver items to the callback and record how that went; if recording throws, the batch stays flushing."""
    result = await deliver(ctx, process_batch_handle, items, ctx.now())
    record = {"batchDocId": batch_doc_id, "itemCount": len(items), **result}
    await ctx.run_mutation(internal.lib.record_flush_result, record)
    return result


@internal_mutation(args=FLUSH_RESULT)
def record_flush_result(ctx: MutationCtx, **result: Any) -> None:
    """Write down a flush that has ended, and complete its batch or let it accumulate again.

    Nothing at all happens if the batch is gone. Neither that it is flushing is checked, nor whether another batch of
    the base id accumulates already.
    """
    batch = enter_in_history(ctx, result)
    if batch is None:
        return
    if result["success"]:
        ctx.db.patch(batch["_id"], COMPLETED)
        for superseded in read_superseded(ctx, batch["baseBatchId"]):
            ctx.db.delete(superseded["_id"])
    else:
        timer = timer_after_failure(ctx, batch, start_timer)
        ctx.db.patch(batch["_id"], {"status": "accumulating", "scheduledFlushId": timer})


def read_superseded(ctx: QueryCtx, base_id: str) -> list[Row]:
    """Return all completed batches of a base id but the one of the highest sequence, the higher first."""
    completed = read_with_status(ctx, base_id, "completed")
    return sorted(completed, key=lambda batch: batch["sequence"], reverse=True)[1:]


def timer_after_failure(ctx: MutationCtx, batch: Row, start: StartTimer) -> Any:
    """Start the timer of the next attempt if there is an interval and a handle; return its id, or UNDEFINED."""
    config = batch["config"]
    if config["flushIntervalMs"] > 0 and config["processBatchHandle"]:
        return start(ctx, batch["_id"], config)
    return UNDEFINED


def start_timer(ctx: MutationCtx, batch_doc_id: str, config: Row) -> str:
    """Schedule scheduledIntervalFlush after the interval; return its id."""
    args = {"batchDocId": batch_doc_id}
    return ctx.scheduler.run_after(config["flushIntervalMs"], internal.lib.scheduled_interval_flush, args)


def _schedule_delivery(ctx: MutationCtx, batch_doc_id: str, items: list[Any], handle: str) -> None:
    """Schedule the delivery of items that are handed on as an argument."""
    args = {"batchDocId": batch_doc_id, "items": items, "processBatchHandle": handle}
    ctx.scheduler.run_after(0, internal.lib.execute_flush, args)
