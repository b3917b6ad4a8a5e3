"""What 1.0.5 changed: batches carry no counter, and the decision to flush is made by a mutation of its own.

addItems never touches an existing batch: it inserts a row, counts the rows and, at the threshold, schedules
`maybe_flush`, which asks `do_flush_transition`, which schedules `execute_flush` (of 1.0.4). Source of every rule:
component-versions 8; what an error says and in which order documents are read and written is part of it.
"""

from __future__ import annotations

from typing import Any

from components.batch_processor.accumulator.common import (
    SEPARATOR,
    base_id_of,
    find_accumulating,
    find_by_batch_id,
    first_given,
    last_added,
    read_item_rows,
    read_rows_up_to,
    total_of,
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
    mutation,
    query,
    v,
)

__all__ = [
    "add_items",
    "delete_batch",
    "do_flush_transition",
    "flush_batch",
    "get_all_batches_for_base_id",
    "get_batch_status",
    "maybe_flush",
    "record_flush_result",
    "scheduled_interval_flush",
]

Row = dict[str, Any]

# ------------------------------------------------------------------------------------------------ public functions


@mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": BATCH_CONFIG})
def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: dict[str, Any]) -> dict[str, Any]:
    """Add a row of items to the accumulating batch, a new one if there is none; answer the total stored in it.

    The threshold is this call's, but a batch keeps the config of the call that made it. An empty list makes a row too.
    """
    now = ctx.now()
    base_id = base_id_of(batch_id)
    batch = find_accumulating(ctx, base_id)
    batch_doc_id = batch["_id"] if batch is not None else _new_batch(ctx, base_id, config)
    row = {"batchDocId": batch_doc_id, "items": items, "itemCount": len(items), "createdAt": now}
    ctx.db.insert("batchItems", row)
    total = total_of(read_item_rows(ctx, batch_doc_id))
    if total >= config["maxBatchSize"]:
        ctx.scheduler.run_after(0, internal.lib.maybe_flush, {"batchDocId": batch_doc_id})
    return {"batchId": base_id, "itemCount": total, "flushed": False, "status": "accumulating"}


def _new_batch(ctx: MutationCtx, base_id: str, config: dict[str, Any]) -> str:
    """Insert the next batch of a base id, with its timer: the only place where a batch that is filling gets one."""
    by_sequence = ctx.db.query("batches").with_index("by_baseBatchId_sequence", lambda q: q.eq("baseBatchId", base_id))
    latest = by_sequence.order("desc").first()
    sequence = latest["sequence"] + 1 if latest is not None else 0
    batch = {
        "batchId": f"{base_id}{SEPARATOR}{sequence}",
        "baseBatchId": base_id,
        "sequence": sequence,
        "createdAt": ctx.now(),
        "lastUpdatedAt": ctx.now(),
        "status": "accumulating",
        "config": config,
    }
    batch_doc_id = ctx.db.insert("batches", batch)
    ctx.db.get(batch_doc_id)  # the original reads it back: a read of this transaction like any other
    if config["flushIntervalMs"] > 0:
        ctx.db.patch(batch_doc_id, {"scheduledFlushId": _start_timer(ctx, batch_doc_id, config)})
    return batch_doc_id


@mutation(args={"batchId": v.string()})
def flush_batch(ctx: MutationCtx, batch_id: str) -> dict[str, Any]:
    """Ask for a flush of a batch by its name, or of the accumulating batch of that base id.

    It only schedules the attempt and changes nothing, yet answers ``flushed: true, status: "flushing"``. The argument
    is taken as it is: a name whose batch is gone is not stripped to its base id.
    """
    batch = find_by_batch_id(ctx, batch_id)
    if batch is None:
        batch = find_accumulating(ctx, batch_id)
    if batch is None:
        msg = f"Batch {batch_id} not found"
        raise RuntimeError(msg)
    if batch["status"] != "accumulating":
        msg = f"Batch {batch['baseBatchId']} is not in accumulating state (current: {batch['status']})"
        raise RuntimeError(msg)
    total = total_of(read_item_rows(ctx, batch["_id"]))
    if total == 0:
        return {"batchId": batch_id, "itemCount": 0, "flushed": False, "reason": "Batch is empty"}
    if not batch["config"]["processBatchHandle"]:
        msg = f"Batch {batch_id} has no processBatchHandle configured"
        raise RuntimeError(msg)
    ctx.scheduler.run_after(0, internal.lib.maybe_flush, {"batchDocId": batch["_id"], "force": True})
    return {"batchId": batch_id, "itemCount": total, "flushed": True, "status": "flushing"}


@query(args={"batchId": v.string()})
def get_batch_status(ctx: QueryCtx, batch_id: str) -> dict[str, Any] | None:
    """Return the flushing, then the accumulating batches of a base id; None if there are none.

    Config is that of the first one listed; lastUpdatedAt is when its newest row was added.
    """
    base_id = base_id_of(batch_id)
    accumulating = _read_with_status(ctx, base_id, "accumulating")
    active = [*_read_with_status(ctx, base_id, "flushing"), *accumulating]
    if not active:
        return None
    config = active[0]["config"]
    batches = []
    for batch in active:
        rows = read_item_rows(ctx, batch["_id"])
        batches.append(
            {
                "status": batch["status"],
                "itemCount": total_of(rows),
                "createdAt": batch["createdAt"],
                "lastUpdatedAt": last_added(rows, batch),
            }
        )
    shown = {name: config[name] for name in ("maxBatchSize", "flushIntervalMs")}
    return {"batchId": base_id, "batches": batches, "config": shown}


@query(args={"baseBatchId": v.string()})
def get_all_batches_for_base_id(ctx: QueryCtx, base_batch_id: str) -> list[dict[str, Any]]:
    """Return every batch of a base id by status, then by age; the argument is not stripped of a sequence."""
    batches = ctx.db.query("batches")
    found = batches.with_index("by_baseBatchId_status", lambda q: q.eq("baseBatchId", base_batch_id)).collect()
    listed = []
    for batch in found:
        rows = read_item_rows(ctx, batch["_id"])
        copied = {name: batch[name] for name in ("batchId", "baseBatchId", "sequence", "status", "createdAt")}
        listed.append({**copied, "itemCount": total_of(rows), "lastUpdatedAt": last_added(rows, batch)})
    return listed


@mutation(args={"batchId": v.string()})
def delete_batch(ctx: MutationCtx, batch_id: str) -> dict[str, Any]:
    """Delete a batch by its exact name, unless it is flushing or has items to flush; its history stays."""
    batch = find_by_batch_id(ctx, batch_id)
    if batch is None:
        return {"deleted": False, "reason": "Batch not found"}
    if batch["status"] == "flushing":
        return {"deleted": False, "reason": "Cannot delete batch while flushing"}
    rows = read_item_rows(ctx, batch["_id"])
    if batch["status"] == "accumulating" and total_of(rows) > 0:
        return {"deleted": False, "reason": "Cannot delete batch with pending items"}
    if "scheduledFlushId" in batch:
        ctx.scheduler.cancel(batch["scheduledFlushId"])
    _delete_with_rows(ctx, batch, rows)
    return {"deleted": True}


# ---------------------------------------------------------------------------------------------- internal functions


@internal_action(args={"batchDocId": v.id("batches"), "force": v.optional(v.boolean())})
async def maybe_flush(ctx: ActionCtx, batch_doc_id: str, *, force: bool | None = None) -> None:
    """Try the transition to flushing; whoever comes second finds nothing to do."""
    args = {"batchDocId": batch_doc_id, "force": first_given(force, False)}
    await ctx.run_mutation(internal.lib.do_flush_transition, args)


@internal_action(args={"batchDocId": v.id("batches")})
async def scheduled_interval_flush(ctx: ActionCtx, batch_doc_id: str) -> None:
    """Try the transition below the threshold too: what a timer runs."""
    await ctx.run_mutation(internal.lib.do_flush_transition, {"batchDocId": batch_doc_id, "force": True})


@internal_mutation(args={"batchDocId": v.id("batches"), "force": v.optional(v.boolean())})
def do_flush_transition(ctx: MutationCtx, batch_doc_id: str, *, force: bool | None = None) -> dict[str, Any]:
    """Take a batch from accumulating to flushing and schedule its delivery, if it is time; else say why not.

    Run by the batch's own timer, it cancels the scheduled function that it runs under (properties.md, race R1).
    """
    batch = ctx.db.get(batch_doc_id)
    if batch is None or batch["status"] != "accumulating":
        return {"flushed": False, "reason": "not_accumulating"}
    total = total_of(read_item_rows(ctx, batch_doc_id))
    if total == 0:
        return {"flushed": False, "reason": "empty"}
    if not force and total < batch["config"]["maxBatchSize"]:
        return {"flushed": False, "reason": "below_threshold"}
    if "scheduledFlushId" in batch:
        ctx.scheduler.cancel(batch["scheduledFlushId"])
    now = ctx.now()
    fields = {"status": "flushing", "flushStartedAt": now, "lastUpdatedAt": now, "scheduledFlushId": UNDEFINED}
    ctx.db.patch(batch_doc_id, fields)
    args = {"batchDocId": batch_doc_id, "processBatchHandle": batch["config"]["processBatchHandle"]}
    ctx.scheduler.run_after(0, internal.lib.execute_flush, args)
    return {"flushed": True, "itemCount": total}


@internal_mutation(
    args={
        "batchDocId": v.id("batches"),
        "itemCount": v.number(),
        "durationMs": v.number(),
        "success": v.boolean(),
        "errorMessage": v.optional(v.string()),
        "flushStartedAt": v.optional(v.number()),
    }
)
def record_flush_result(ctx: MutationCtx, **result: Any) -> None:
    """Write down a flush that has ended, drop what it delivered, and decide how its batch goes on.

    Nothing at all happens if the batch is gone. That the batch is flushing is not checked.
    """
    batch = ctx.db.get(result["batchDocId"])
    if batch is None:
        return
    entry = {"batchId": batch["baseBatchId"], "flushedAt": ctx.now()}
    for name in ("itemCount", "durationMs", "success", "errorMessage"):
        entry[name] = result.get(name, UNDEFINED)
    ctx.db.insert("flushHistory", entry)
    if result["success"]:
        _drop_delivered(ctx, batch, result.get("flushStartedAt"))
    else:
        _return_to_accumulating(ctx, batch)


def _drop_delivered(ctx: MutationCtx, batch: Row, flush_started_at: float | None) -> None:
    """Delete the rows up to the cutoff; what was added later keeps the batch open."""
    cutoff = first_given(flush_started_at, batch.get("flushStartedAt"), ctx.now())
    for row in read_rows_up_to(ctx, batch["_id"], cutoff):
        ctx.db.delete(row["_id"])
    remaining = total_of(read_item_rows(ctx, batch["_id"]))
    status = "accumulating" if remaining > 0 else "completed"
    ctx.db.patch(batch["_id"], {"status": status, "flushStartedAt": UNDEFINED, "lastUpdatedAt": ctx.now()})
    if remaining == 0:
        _clean_up_completed(ctx, batch["baseBatchId"])
    elif remaining >= batch["config"]["maxBatchSize"]:
        ctx.scheduler.run_after(0, internal.lib.maybe_flush, {"batchDocId": batch["_id"]})
    elif batch["config"]["flushIntervalMs"] > 0:
        ctx.db.patch(batch["_id"], {"scheduledFlushId": _start_timer(ctx, batch["_id"], batch["config"])})


def _return_to_accumulating(ctx: MutationCtx, batch: Row) -> None:
    """Keep the rows of a failed flush for the next one; another batch may have begun to accumulate meanwhile."""
    timer: Any = UNDEFINED
    if batch["config"]["flushIntervalMs"] > 0 and batch["config"]["processBatchHandle"]:
        timer = _start_timer(ctx, batch["_id"], batch["config"])
    fields = {"status": "accumulating", "flushStartedAt": UNDEFINED, "scheduledFlushId": timer}
    ctx.db.patch(batch["_id"], fields)


def _clean_up_completed(ctx: MutationCtx, base_id: str) -> None:
    """Delete all completed batches of a base id, with their rows, but the one of the highest sequence."""
    completed = _read_with_status(ctx, base_id, "completed")
    by_sequence = sorted(completed, key=lambda batch: batch["sequence"], reverse=True)
    for batch in by_sequence[1:]:
        _delete_with_rows(ctx, batch, read_item_rows(ctx, batch["_id"]))


def _delete_with_rows(ctx: MutationCtx, batch: Row, rows: list[Row]) -> None:
    for row in rows:
        ctx.db.delete(row["_id"])
    ctx.db.delete(batch["_id"])


def _read_with_status(ctx: QueryCtx, base_id: str, status: str) -> list[Row]:
    batches = ctx.db.query("batches")
    return batches.with_index(
        "by_baseBatchId_status", lambda q: q.eq("baseBatchId", base_id).eq("status", status)
    ).collect()


def _start_timer(ctx: MutationCtx, batch_doc_id: str, config: dict[str, Any]) -> str:
    """Schedule the flush that comes when nothing else has come before it; return its id."""
    args = {"batchDocId": batch_doc_id}
    return ctx.scheduler.run_after(config["flushIntervalMs"], internal.lib.scheduled_interval_flush, args)
