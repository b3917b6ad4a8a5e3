"""The public functions of the hardened accumulator: what an app's client calls.

Owns what a call is answered and what is refused. Ids are taken as they are, so `::`, which stands between id and number
in the name of a batch, is refused in an id. Next: `admission.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any, Final

from components.batch_processor.accumulator.common import (
    SEPARATOR,
    Row,
    accumulating,
    checked_to_flush,
    empty,
    find_accumulating,
    find_by_batch_id,
    flushing,
    read_with_status,
    total_of,
)
from components.batch_processor.hardened.admission import draw_line, open_batch
from components.batch_processor.hardened.delivery import delete_with_rows
from components.batch_processor.hardened.scheduling import LONGEST_WAIT_MS, schedule
from components.batch_processor.hardened.schema import CONFIG
from components.batch_processor.hardened.shared import PAGE_BYTES, PAGE_ROWS, find_stream, read_unsealed_rows
from convexsim import MutationCtx, QueryCtx, get_convex_size, internal, internal_query, mutation, query, v

__all__ = [
    "add_items",
    "count_unsealed",
    "delete_batch",
    "flush_batch",
    "get_all_batches_for_base_id",
    "get_batch_status",
    "trigger_interval_flushes",
]

CALL_BYTES: Final = 1_000_000
"""How many bytes one add may take: it becomes one document, which may have 1 MiB (convex-semantics 6.3)."""
DUE_AT_ONCE: Final = 100
"""How many batches one call of triggerIntervalFlushes flushes at most."""

_AFTER_THE_LINE: Final = ("flushing", "retrying", "deadLetter")
_WHY_KEPT: Final = {
    "flushing": "Cannot delete batch while flushing",
    "retrying": "Cannot delete batch while flushing",
    "accumulating": "Cannot delete batch with pending items",
    "deadLetter": "Cannot delete batch with a dead letter",
}
_WHOLE_AND_POSITIVE: Final = ("maxBatchSize", "immediateFlushThreshold", "maxAttempts")


# --------------------------------------------------------------------------------------------------------- to add


@mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": CONFIG})
def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: Row) -> Row:
    """Store items for an id: a row, and a scheduled `admit` that finds a batch for it.

    Nothing is read that others write, so an add conflicts with nobody. It answers how many items it brought itself; at
    its commit they are stored and not flushed, so that is what it says. No items make no row.

    Raises:
        RuntimeError: the id, the config or the items are none that could ever be delivered, or the function that calls
            has been canceled.

    """
    stored_config = _checked(config)
    if SEPARATOR in batch_id:
        msg = f"Batch id {batch_id} holds {SEPARATOR}, which stands before the number of a batch: use another separator"
        raise RuntimeError(msg)
    row = {"baseBatchId": batch_id, "items": items, "itemCount": len(items), "config": stored_config}
    size = get_convex_size(row)
    if size > CALL_BYTES:
        advice = "add them in several" if len(items) > 1 else "store it elsewhere and add its id"
        msg = f"{len(items)} items take {size} bytes, too many for one call (limit: {CALL_BYTES}): {advice}"
        raise RuntimeError(msg)
    if items:
        written = {"size": size, "createdAt": ctx.now(), "committedAt": ctx.db.vars.commit_ts}
        row_id = ctx.db.insert("batchItems", {**row, **written})
        schedule(ctx, 0, internal.lib.admit, {"rowId": row_id})
    return accumulating(batch_id, len(items))


def _checked(config: Row) -> Row:
    """Return a config as it is stored, with the callback by one name.

    Raises:
        RuntimeError: it names no callback, or a number in it makes no sense; says which.

    """
    handles = [config[name] for name in ("processBatchHandle", "onFlushHandle") if config.get(name)]
    if not handles or handles[0] != handles[-1]:
        found = "two different ones" if handles else "none"
        msg = f"A batch config needs one callback, processBatchHandle or onFlushHandle, and has {found}"
        raise RuntimeError(msg)
    for name in _WHOLE_AND_POSITIVE:
        value = config.get(name, 1)
        if not 1 <= value < inf or value != int(value):
            msg = f"{name} is {value}, but must be a whole number, 1 or more"
            raise RuntimeError(msg)
    interval_ms = config["flushIntervalMs"]
    if not 0 <= interval_ms <= LONGEST_WAIT_MS:
        msg = f"flushIntervalMs is {interval_ms}, but must lie between 0 (never) and {LONGEST_WAIT_MS}"
        raise RuntimeError(msg)
    others = {name: value for name, value in config.items() if name != "onFlushHandle"}
    return {**others, "processBatchHandle": handles[0]}


# ------------------------------------------------------------------------------------------------------- to flush


@mutation(args={"batchId": v.string()})
def flush_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Flush what an id accumulates, or a batch by its name, whatever the threshold.

    At its commit the batch is flushing. It holds all that was added until then; the answer's itemCount was counted when
    the call began, aside, so that it does not lose against adds.

    Raises:
        RuntimeError: nothing was ever added under this id, there is no batch of this name, or it has been flushed.

    """
    batch = find_by_batch_id(ctx, batch_id) if SEPARATOR in batch_id else find_accumulating(ctx, batch_id)
    if batch is None:
        batch = _open_for_flush(ctx, batch_id)
    if batch is None:
        return empty(batch_id)
    checked_to_flush(batch, batch_id)
    base_id = batch["baseBatchId"]
    item_count = ctx.run_query(internal.lib.count_unsealed, {"baseBatchId": base_id}, use_stale_snapshot=True)
    draw_line(ctx, batch)
    return flushing(batch_id, item_count)


def _open_for_flush(ctx: MutationCtx, base_id: str) -> Row | None:
    """Return a batch for what was added under an id and is not admitted yet; None if there is nothing.

    Raises:
        RuntimeError: nothing was ever added.

    """
    stream = find_stream(ctx, base_id)
    line = None if stream is None else stream.get("line")
    row = next(iter(read_unsealed_rows(ctx, base_id, after=line)), None)
    if row is not None:
        return open_batch(ctx, base_id, row["config"])
    if stream is None:
        checked_to_flush(None, base_id)
    return None


@mutation
def trigger_interval_flushes(ctx: MutationCtx) -> list[Row]:
    """Flush every batch whose interval has passed: what a cron of the app may call, as the README says.

    There is no need to: each batch has a timer. Answers ``{"batchId", "flushed"}`` for each that it has flushed.
    """
    batches = ctx.db.query("batches")
    due = batches.with_index(
        "by_status_flushAt", lambda q: q.eq("status", "accumulating").gte("flushAt", 0).lte("flushAt", ctx.now())
    ).take(DUE_AT_ONCE)
    for batch in due:
        draw_line(ctx, batch)
    return [{"batchId": batch["baseBatchId"], "flushed": True} for batch in due]


# -------------------------------------------------------------------------------------------------------- to look


@query(args={"batchId": v.string()})
def get_batch_status(ctx: QueryCtx, batch_id: str) -> Row | None:
    """Return what an id has stored: flushing, retrying and dead batches, then what accumulates; None if nothing.

    What was added and not admitted yet accumulates too. The config is that of the newest batch.
    """
    stored = _read_active(ctx, batch_id)
    if not stored:
        return None
    names = ("status", "itemCount", "createdAt", "lastUpdatedAt", "errorMessage")
    options = ("immediateFlushThreshold", "maxBatchSize", "flushIntervalMs")
    batches = [_picked(batch, *names) for batch in stored]
    newest = max(stored, key=lambda batch: batch.get("sequence", inf))
    return {"batchId": batch_id, "batches": batches, "config": _picked(newest["config"], *options)}


@query(args={"baseBatchId": v.string()})
def get_all_batches_for_base_id(ctx: QueryCtx, base_batch_id: str) -> list[Row]:
    """Return every batch of an id, the completed one too, by status, then by age."""
    batches = ctx.db.query("batches")
    found = batches.with_index("by_baseBatchId_status", lambda q: q.eq("baseBatchId", base_batch_id)).collect()
    names = ("batchId", "baseBatchId", "sequence", "itemCount", "status", "createdAt", "lastUpdatedAt")
    return [_picked(_counted(ctx, batch), *names) for batch in found]


@internal_query(args={"baseBatchId": v.string()})
def count_unsealed(ctx: QueryCtx, base_batch_id: str) -> int:
    """Return how many items an id has stored above its newest line: those that the next flush takes."""
    return total_of(_read_above_line(ctx, base_batch_id))


# ---------------------------------------------------------------------------------------------- what an id has stored


def _read_active(ctx: QueryCtx, base_id: str) -> list[Row]:
    """Return the batches of an id that hold items, counted, what accumulates last, even if it is no batch yet."""
    drawn = [batch for status in _AFTER_THE_LINE for batch in read_with_status(ctx, base_id, status)]
    waiting = find_accumulating(ctx, base_id)
    if waiting is None:
        rows = _read_above_line(ctx, base_id)
        if not rows:
            return [_counted(ctx, batch) for batch in drawn]
        waiting = {"baseBatchId": base_id, "status": "accumulating", **_picked(rows[0], "createdAt", "config")}
    return [_counted(ctx, batch) for batch in (*drawn, waiting)]


def _counted(ctx: QueryCtx, batch: Row) -> Row:
    """Return a batch with the number of its items and the time of the last change: once sealed, it knows them."""
    if "itemCount" in batch:
        return batch
    if "line" in batch:
        rows = _some(read_unsealed_rows(ctx, batch["baseBatchId"], batch.get("after"), batch["line"]))
    else:
        rows = _read_above_line(ctx, batch["baseBatchId"])
    return {**batch, "itemCount": total_of(rows), "lastUpdatedAt": rows[-1]["createdAt"]}


def _read_above_line(ctx: QueryCtx, base_id: str) -> list[Row]:
    """Return the rows that the next flush of an id takes."""
    stream = find_stream(ctx, base_id)
    return _some(read_unsealed_rows(ctx, base_id, after=None if stream is None else stream.get("line")))


def _some(rows: Iterable[Row]) -> list[Row]:
    """Return as many rows as fill a delivery: where no threshold flushes, more than one function may read can pile up.

    So what is counted for show is the least that there is.
    """
    size, some = 0, []
    for row in rows:
        some.append(row)
        size += row["size"]
        if size >= PAGE_BYTES or len(some) >= PAGE_ROWS:
            break
    return some


def _picked(row: Row, *names: str) -> Row:
    return {name: row[name] for name in names if name in row}


# ------------------------------------------------------------------------------------------------------ to delete


@mutation(args={"batchId": v.string()})
def delete_batch(ctx: MutationCtx, batch_id: str) -> Row:
    """Delete a completed batch, by its name or as the id's; what holds items is kept, and so is the history."""
    if SEPARATOR in batch_id:
        batch = find_by_batch_id(ctx, batch_id)
        found = [] if batch is None else [batch]
    else:
        found = _read_active(ctx, batch_id) or read_with_status(ctx, batch_id, "completed")
    if not found:
        return {"deleted": False, "reason": "Batch not found"}
    for status, reason in _WHY_KEPT.items():
        if any(batch["status"] == status for batch in found):
            return {"deleted": False, "reason": reason}
    for batch in found:
        delete_with_rows(ctx, batch)
    return {"deleted": True}
