"""1.0.5: batches carry no counter, and the decision to flush is made by a mutation of its own.

addItems never touches an existing batch: it inserts a row, counts the rows and, at the threshold, schedules
`maybe_flush`, which asks `do_flush_transition`, which schedules `execute_flush` (of 1.0.4). So a batch keeps the config
of the call that made it. Source of every rule: component-versions 8; what an error says and in which order documents
are read and written is part of it. Next: `v1_0_6.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from components.batch_processor.accumulator.common import (
    Row,
    StartTimer,
    accumulating,
    base_id_of,
    cancel_timer,
    checked_to_flush,
    checked_to_have,
    empty,
    enter_in_history,
    find_accumulating,
    find_by_batch_id,
    first_given,
    flushing,
    last_added,
    read_item_rows,
    total_of,
)
from components.batch_processor.accumulator.v1_0_3 import (
    find_to_flush,
    new_batch,
    read_active,
    start_timer,
    timer_after_failure,
)
from components.batch_processor.accumulator.v1_0_4 import (
    TIMED_FLUSH_RESULT,
    clean_up_completed,
    delete_delivered,
    delete_with_rows,
    insert_items,
    return_to_accumulating,
    schedule_delivery,
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
    "TRIGGERS",
    "Triggers",
    "add_items",
    "add_row",
    "ask_from",
    "begin_transition",
    "delete_batch",
    "do_flush_transition",
    "flush_batch",
    "get_all_batches_for_base_id",
    "get_batch_status",
    "max_batch_size",
    "maybe_flush",
    "record",
    "record_flush_result",
    "scheduled_interval_flush",
    "status_with_counts",
]


def max_batch_size(config: Row) -> float:
    """Return the threshold of a config in which it is required."""
    size: float = config["maxBatchSize"]
    return size


@frozen
class Triggers:
    """What makes a batch flush without being asked to.

    Attributes:
        threshold_of: from how many items on a config asks for a flush; None if their number never does.
        start_timer: schedules the flush that comes after the interval.

    """

    threshold_of: Callable[[Row], float | None]
    start_timer: StartTimer


TRIGGERS: Final = Triggers(max_batch_size, start_timer)

# ------------------------------------------------------------------------------------------------ public functions


@mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": BATCH_CONFIG})
def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: Row) -> Row:
    """Add a row of items to the accumulating batch, a new one if there is none; answer the total stored in it.

    The threshold is this call's, but a batch keeps the config of the call that made it. An empty list makes a row too.
    """
    base_id = base_id_of(batch_id)
    batch_doc_id = add_row(ctx, base_id, items, config, start_timer)
    total = total_of(read_item_rows(ctx, batch_doc_id))
    ask_from(ctx, batch_doc_id, total, config["maxBatchSize"])
    return accumulating(base_id, total)


def add_row(ctx: MutationCtx, base_id: str, items: list[Any], config: Row, start: StartTimer) -> str:
    """Insert a row of items into the base id's accumulating batch, a new one if there is none; return the batch's id.

    A new batch gets its timer here: the only place where a batch that is filling gets one.
    """
    batch = find_accumulating(ctx, base_id)
    batch_doc_id = batch["_id"] if batch is not None else _insert_batch(ctx, base_id, config, start)
    insert_items(ctx, batch_doc_id, items)
    return batch_doc_id


def _insert_batch(ctx: MutationCtx, base_id: str, config: Row, start: StartTimer) -> str:
    by_sequence = ctx.db.query("batches").with_index("by_baseBatchId_sequence", lambda q: q.eq("baseBatchId", base_id))
    latest = by_sequence.order("desc").first()
    batch_doc_id = ctx.db.insert("batches", {**new_batch(ctx, base_id, latest), "config": config})
    ctx.db.get(batch_doc_id)  # the original reads it back: a read of this transaction like any other
    if config["flushIntervalMs"] > 0:
        ctx.db.patch(batch_doc_id, {"scheduledFlushId": start(ctx, batch_doc_id, config)})
    return batch_doc_id


def ask_from(ctx: MutationCtx, batch_doc_id: str, item_count: int, threshold: float | None) -> bool:
    """Schedule an attempt to flush if so many items reach the threshold, and tell whether they do."""
    reached = threshold is not None and item_count >= threshold
    if reached:
        ctx.scheduler.run_after(0, internal.lib.maybe_flush, {"batchDocId": batch_doc_id})
    return reached


@mutation(args={"batchId": v.string()})
def flush_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Ask for a flush of a batch by its name, or of the accumulating batch of that base id.

    It only schedules the attempt and changes nothing, yet answers ``flushed: true, status: "flushing"``.
    """
    batch = checked_to_flush(find_to_flush(ctx, batch_id), batch_id)
    total = total_of(read_item_rows(ctx, batch["_id"]))
    if total == 0:
        return empty(batch_id)
    checked_to_have("processBatchHandle", batch, batch_id)
    ctx.scheduler.run_after(0, internal.lib.maybe_flush, {"batchDocId": batch["_id"], "force": True})
    return flushing(batch_id, total)


@query(args={"batchId": v.string()})
def get_batch_status(ctx: QueryCtx, batch_id: str) -> Row | None:
    """Return the flushing, then the accumulating batches of a base id; None if there are none."""
    return status_with_counts(ctx, batch_id, ("maxBatchSize", "flushIntervalMs"))


def status_with_counts(ctx: QueryCtx, batch_id: str, shown: tuple[str, ...]) -> Row | None:
    """Return what getBatchStatus answers, with the fields of the config that are to be `shown`.

    Config is that of the first batch listed; lastUpdatedAt is when its newest row was added.
    """
    base_id = base_id_of(batch_id)
    active = read_active(ctx, base_id)
    if not active:
        return None
    config = active[0]["config"]
    return {
        "batchId": base_id,
        "batches": [_counted(ctx, batch, ("status", "createdAt")) for batch in active],
        "config": {name: config[name] for name in shown if name in config},
    }


@query(args={"baseBatchId": v.string()})
def get_all_batches_for_base_id(ctx: QueryCtx, base_batch_id: str) -> list[Row]:
    """Return every batch of a base id by status, then by age; the argument is not stripped of a sequence."""
    batches = ctx.db.query("batches")
    found = batches.with_index("by_baseBatchId_status", lambda q: q.eq("baseBatchId", base_batch_id)).collect()
    names = ("batchId", "baseBatchId", "sequence", "status", "createdAt")
    return [_counted(ctx, batch, names) for batch in found]


def _counted(ctx: QueryCtx, batch: Row, names: tuple[str, ...]) -> Row:
    """Return these fields of a batch, and what its rows tell of it."""
    rows = read_item_rows(ctx, batch["_id"])
    copied = {name: batch[name] for name in names}
    return {**copied, "itemCount": total_of(rows), "lastUpdatedAt": last_added(rows, batch)}


@mutation(args={"batchId": v.string()})
def delete_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Delete a batch by its exact name, unless it is flushing or has items to flush; its history stays."""
    batch = find_by_batch_id(ctx, batch_id)
    if batch is None:
        return {"deleted": False, "reason": "Batch not found"}
    if batch["status"] == "flushing":
        return {"deleted": False, "reason": "Cannot delete batch while flushing"}
    rows = read_item_rows(ctx, batch["_id"])
    if batch["status"] == "accumulating" and total_of(rows) > 0:
        return {"deleted": False, "reason": "Cannot delete batch with pending items"}
    cancel_timer(ctx, batch)
    delete_with_rows(ctx, batch, rows)
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
def do_flush_transition(ctx: MutationCtx, batch_doc_id: str, *, force: bool | None = None) -> Row:
    """Take a batch from accumulating to flushing and schedule its delivery, if it is time; else say why not.

    Run by the batch's own timer, it cancels the scheduled function that it runs under (properties.md, race R1).
    """
    begun = begin_transition(ctx, batch_doc_id, None if force else max_batch_size)
    if not begun["flushed"]:
        return begun
    schedule_delivery(ctx, batch_doc_id, begun["processBatchHandle"])
    return {"flushed": True, "itemCount": begun["itemCount"]}


def begin_transition(ctx: MutationCtx, batch_doc_id: str, threshold_of: Callable[[Row], float | None] | None) -> Row:
    """Take a batch from accumulating to flushing and return its counted items and its handle; else say why not.

    Args:
        ctx: of the mutation.
        batch_doc_id: which batch.
        threshold_of: how many items it must hold, by its config; None if any number will do.

    """
    batch = ctx.db.get(batch_doc_id)
    if batch is None or batch["status"] != "accumulating":
        return {"flushed": False, "reason": "not_accumulating"}
    total = total_of(read_item_rows(ctx, batch_doc_id))
    if total == 0:
        return {"flushed": False, "reason": "empty"}
    threshold = None if threshold_of is None else threshold_of(batch["config"])
    if threshold is not None and total < threshold:
        return {"flushed": False, "reason": "below_threshold"}
    cancel_timer(ctx, batch)
    now = ctx.now()
    fields = {"status": "flushing", "flushStartedAt": now, "lastUpdatedAt": now, "scheduledFlushId": UNDEFINED}
    ctx.db.patch(batch_doc_id, fields)
    return {"flushed": True, "itemCount": total, "processBatchHandle": batch["config"]["processBatchHandle"]}


@internal_mutation(args=TIMED_FLUSH_RESULT)
def record_flush_result(ctx: MutationCtx, **result: Any) -> None:
    """Write down a flush that has ended, drop what it delivered, and decide how its batch goes on."""
    record(ctx, result, TRIGGERS)


def record(ctx: MutationCtx, result: Row, triggers: Triggers) -> None:
    """Do what recordFlushResult does; what is to start the next flush is told by `triggers`.

    Nothing at all happens if the batch is gone. That the batch is flushing is not checked.
    """
    batch = enter_in_history(ctx, result)
    if batch is None:
        return
    if not result["success"]:
        return_to_accumulating(ctx, batch, timer_after_failure(ctx, batch, triggers.start_timer))
        return
    remaining = delete_delivered(ctx, batch, result.get("flushStartedAt"))
    status = "accumulating" if remaining > 0 else "completed"
    ctx.db.patch(batch["_id"], {"status": status, "flushStartedAt": UNDEFINED, "lastUpdatedAt": ctx.now()})
    if remaining > 0:
        _go_on(ctx, batch, remaining, triggers)
    else:
        clean_up_completed(ctx, batch["baseBatchId"])


def _go_on(ctx: MutationCtx, batch: Row, remaining: int, triggers: Triggers) -> None:
    """See to the flush of what was added after the cutoff: at once from the threshold on, then without a timer."""
    config = batch["config"]
    is_asked_for = ask_from(ctx, batch["_id"], remaining, triggers.threshold_of(config))
    if not is_asked_for and config["flushIntervalMs"] > 0:
        ctx.db.patch(batch["_id"], {"scheduledFlushId": triggers.start_timer(ctx, batch["_id"], config)})
