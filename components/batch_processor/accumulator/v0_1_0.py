"""0.1.0, the README's generation: one batch an id, for ever, with its items in it, flushed by time by a cron only.

Public functions stand in the module ``public`` and the others in ``internal``, until 0.3.x moved them all to ``lib``.
Once flushed, a batch is completed and takes no more items: so an id serves one flush. What a batch counts as time is
the time since the last add. Source of every rule: component-versions 4. Next: `v0_2_0.py`.
"""

from __future__ import annotations

from typing import Any

from components.batch_processor.accumulator.common import (
    FLUSH_RESULT,
    Row,
    accumulating,
    checked_to_flush,
    checked_to_have,
    deliver,
    empty,
    enter_in_history,
    find_by_batch_id,
    flushing,
)
from components.batch_processor.schema import README_CONFIG
from convexsim import (
    ActionCtx,
    MutationCtx,
    QueryCtx,
    action,
    internal,
    internal_action,
    internal_mutation,
    internal_query,
    mutation,
    query,
    v,
)

__all__ = [
    "add_items",
    "begin_flush",
    "check_flush_timers",
    "delete_batch",
    "execute_flush",
    "flush_batch",
    "get_batch",
    "get_batch_status",
    "get_flush_history",
    "mark_batch_flushing",
    "open_batch",
    "record_flush_result",
    "schedule_delivery",
    "trigger_interval_flushes",
    "why_kept",
    "with_items",
]

# ------------------------------------------------------------------------------------------------ public functions


@mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": README_CONFIG})
def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: Row) -> Row:
    """Add items to the id's batch, or throw if it is not accumulating; at the caller's threshold, flush it.

    The batch takes over the config of every call that does not flush it. Without a handle none ever does.
    """
    batch = open_batch(ctx, batch_id, config)
    stored = with_items(ctx, batch, items)
    handle = config.get("onFlushHandle")
    if stored["itemCount"] < config["maxBatchSize"] or not handle:
        ctx.db.patch(batch["_id"], {**stored, "config": config})
        return accumulating(batch_id, stored["itemCount"])
    ctx.db.patch(batch["_id"], {**stored, "status": "flushing"})
    schedule_delivery(ctx, batch["_id"], stored["items"], handle)
    return flushing(batch_id, stored["itemCount"])


def open_batch(ctx: MutationCtx, batch_id: str, config: Row) -> Row:
    """Return the batch of an id, a new and empty one if there is none.

    Raises:
        RuntimeError: it is flushing or completed.

    """
    batch = find_by_batch_id(ctx, batch_id)
    if batch is None:
        times = {"createdAt": ctx.now(), "lastUpdatedAt": ctx.now()}
        fields = {"batchId": batch_id, "items": [], "itemCount": 0, "status": "accumulating", "config": config}
        batch = ctx.db.get(ctx.db.insert("batches", {**fields, **times}))
    if batch is None or batch["status"] != "accumulating":
        msg = f"Batch {batch_id} is not in accumulating state"
        raise RuntimeError(msg)
    return batch


def with_items(ctx: MutationCtx, batch: Row, items: list[Any]) -> Row:
    """Return what an add of these items makes of a batch that holds its own."""
    together = [*batch["items"], *items]
    return {"items": together, "itemCount": len(together), "lastUpdatedAt": ctx.now()}


def schedule_delivery(ctx: MutationCtx, batch_doc_id: str, items: list[Any], handle: str) -> None:
    """Schedule the delivery of items that are handed on as an argument."""
    args = {"batchDocId": batch_doc_id, "items": items, "onFlushHandle": handle}
    ctx.scheduler.run_after(0, internal.internal.execute_flush, args)


@mutation(args={"batchId": v.string()})
def flush_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Flush the id's batch below the threshold."""
    batch = checked_to_flush(find_by_batch_id(ctx, batch_id), batch_id)
    if batch["itemCount"] == 0:
        return empty(batch_id)
    handle = checked_to_have("onFlushHandle", batch, batch_id)
    ctx.db.patch(batch["_id"], {"status": "flushing"})
    schedule_delivery(ctx, batch["_id"], batch["items"], handle)
    return flushing(batch_id, batch["itemCount"])


@query(args={"batchId": v.string()})
def get_batch_status(ctx: QueryCtx, batch_id: str) -> Row | None:
    """Return the id's batch without its items, its config whole; None if there is none."""
    batch = find_by_batch_id(ctx, batch_id)
    names = ("batchId", "itemCount", "status", "createdAt", "lastUpdatedAt", "config")
    return None if batch is None else {name: batch[name] for name in names}


@query(args={"batchId": v.string(), "limit": v.optional(v.number())})
def get_flush_history(ctx: QueryCtx, batch_id: str, limit: int | None = None) -> list[Row]:
    """Return finished flushes, newest first; a limit of 0 is no limit (component-versions 3). Never changed since."""
    history = ctx.db.query("flushHistory").with_index("by_batchId", lambda q: q.eq("batchId", batch_id)).order("desc")
    return history.take(limit) if limit else history.collect()


@mutation(args={"batchId": v.string()})
def delete_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Delete the id's batch, unless it is flushing or has items to flush; its history stays."""
    batch = find_by_batch_id(ctx, batch_id)
    if batch is None:
        return {"deleted": False, "reason": "Batch not found"}
    reason = why_kept(batch)
    if reason is not None:
        return {"deleted": False, "reason": reason}
    ctx.db.delete(batch["_id"])
    return {"deleted": True}


def why_kept(batch: Row) -> str | None:
    """Return why a batch that counts its items may not be deleted; None if it may."""
    if batch["status"] == "flushing":
        return "Cannot delete batch while flushing"
    if batch["status"] == "accumulating" and batch["itemCount"] > 0:
        return "Cannot delete batch with pending items"
    return None


@action
async def trigger_interval_flushes(ctx: ActionCtx) -> list[Row]:
    """Flush every batch that is due, one after the other: what a cron of the app calls.

    Answers ``{"batchId", "flushed"}`` for each; flushed means that its delivery was tried, however that went.
    """
    results = []
    for due in await ctx.run_mutation(internal.internal.check_flush_timers, {}):
        batch = {"batchDocId": due["batchDocId"]}
        marked = await ctx.run_mutation(internal.internal.mark_batch_flushing, batch)
        flushed = marked is not None and bool(marked.get("onFlushHandle"))
        if flushed:
            await ctx.run_action(internal.internal.execute_flush, {**batch, **marked})
        results.append({"batchId": due["batchId"], "flushed": flushed})
    return results


# ---------------------------------------------------------------------------------------------- internal functions


@internal_query(args={"batchId": v.string()})
def get_batch(ctx: QueryCtx, batch_id: str) -> Row | None:
    """Return the batch of exactly this name; nobody calls it (component-versions 8). Never changed since."""
    return find_by_batch_id(ctx, batch_id)


@internal_mutation
def check_flush_timers(ctx: MutationCtx) -> list[Row]:
    """Return the batches whose interval has passed since the last add; a mutation that writes nothing.

    An interval of 0 has always passed. Left out is what has no items or no handle.
    """
    now = ctx.now()
    batches = ctx.db.query("batches").with_index("by_status", lambda q: q.eq("status", "accumulating")).collect()
    return [
        {"batchDocId": batch["_id"], "batchId": batch["batchId"]}
        for batch in batches
        if now - batch["lastUpdatedAt"] >= batch["config"]["flushIntervalMs"]
        and batch["itemCount"] > 0
        and batch["config"].get("onFlushHandle")
    ]


@internal_mutation(args={"batchDocId": v.id("batches")})
def mark_batch_flushing(ctx: MutationCtx, batch_doc_id: str) -> Row | None:
    """Take a batch to flushing and return what executeFlush needs besides; None if there is nothing to flush.

    That there is a handle is not checked: without one the batch is flushing all the same.
    """
    return begin_flush(ctx, batch_doc_id, {"status": "flushing"}, "onFlushHandle")


def begin_flush(ctx: MutationCtx, batch_doc_id: str, fields: Row, handle: str) -> Row | None:
    """Patch an accumulating batch that has items, and return these and its handle; None if it is no such batch."""
    batch = ctx.db.get(batch_doc_id)
    if batch is None or batch["status"] != "accumulating" or batch["itemCount"] == 0:
        return None
    ctx.db.patch(batch_doc_id, fields)
    config = batch["config"]
    return {"items": batch["items"], **{name: config[name] for name in (handle,) if name in config}}


@internal_action(args={"batchDocId": v.id("batches"), "items": v.array(v.any()), "onFlushHandle": v.string()})
async def execute_flush(ctx: ActionCtx, batch_doc_id: str, items: list[Any], on_flush_handle: str) -> Row:
    """Deliver items to the callback and record how that went; if recording throws, the batch stays flushing."""
    result = await deliver(ctx, on_flush_handle, items, ctx.now())
    record = {"batchDocId": batch_doc_id, "itemCount": len(items), **result}
    await ctx.run_mutation(internal.internal.record_flush_result, record)
    return result


@internal_mutation(args=FLUSH_RESULT)
def record_flush_result(ctx: MutationCtx, **result: Any) -> None:
    """Write down a flush that has ended, and complete its batch or let it accumulate again, due at once.

    Nothing at all happens if the batch is gone.
    """
    batch = enter_in_history(ctx, result)
    if batch is not None:
        done = {"status": "completed", "items": [], "itemCount": 0}
        ctx.db.patch(batch["_id"], done if result["success"] else {"status": "accumulating"})
