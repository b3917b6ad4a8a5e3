"""How items that were added come to a batch: admission, timers, and the line that a flush draws.

An add inserts a row and reads nothing, so it conflicts with nothing; all that must be decided with others is decided by
the scheduled mutations here, which are retried for as long as it takes. The database keeps the order of commits in a
field (``commit_ts``), and that order alone says what belongs to whom: a batch that stops accumulating draws a *line*,
its own commit, and owns the rows between the line before and its own. A row is on one side of a line or on the other,
whatever any clock says. Each add schedules one `admit`; it finds the batch still accumulating, and then the row is
below its line whenever that is drawn, or it finds the line drawn, and then it opens the next batch. Thus:

- a batch that accumulates holds at least one row;
- no row is without a batch, a line above it, or a pending `admit`;
- nobody who flushes reads where adds write, so adds without end do not keep a flush from its commit.

Source: properties.md 3. Next: `delivery.py`, for what was sealed.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field

from components.batch_processor.accumulator.common import SEPARATOR, Row, find_accumulating
from components.batch_processor.hardened.delivery import begin_attempt
from components.batch_processor.hardened.scheduling import cancel_pending, schedule
from components.batch_processor.hardened.shared import (
    PAGE_BYTES,
    PAGE_ITEMS,
    PAGE_ROWS,
    find_stream,
    page_size_of,
    read_unsealed_rows,
    threshold_of,
)
from convexsim import UNDEFINED, MutationCtx, internal, internal_mutation, v

__all__ = ["admit", "clean_up", "collect_batch", "draw_line", "flush_on_time", "open_batch"]

ROWS_COUNTED_AT_ONCE: Final = 128
"""After how many rows an admission writes down how far it has counted, so that the next ones begin there."""
PAGES_AT_ONCE: Final = 100
"""Batches sealed in one transaction at most, each of which schedules two functions."""
CLEANED_UP_AT_ONCE: Final = 200
"""Completed batches that are looked at in one transaction, twice as many as it makes."""

# ------------------------------------------------------------------------------------------------------ admission


@internal_mutation(args={"rowId": v.id("batchItems")})
def admit(ctx: MutationCtx, row_id: str) -> None:
    """See to it that a row that was added will be flushed: by a batch, its timer and, at the threshold, at once."""
    row = ctx.db.get(row_id)
    if row is None or "batchDocId" in row:
        return
    stream = find_stream(ctx, row["baseBatchId"])
    line = None if stream is None else stream.get("line")
    if line is not None and row["committedAt"].value <= line.value:
        return
    batch = find_accumulating(ctx, row["baseBatchId"])
    if batch is None:
        threshold = threshold_of(row["config"])
        known = {} if threshold is None else {"threshold": threshold}
        batch = open_batch(ctx, row["baseBatchId"], row["config"], **known)
    _see_to_timer(ctx, batch, row["config"]["flushIntervalMs"])
    if _is_full(ctx, batch, row, line):
        draw_line(ctx, batch)


def open_batch(ctx: MutationCtx, base_id: str, config: Row, **fields: Any) -> Row:
    """Insert the next batch of an id, accumulating unless `fields` say otherwise, and return it."""
    stream = find_stream(ctx, base_id)
    sequence = 0 if stream is None else stream["nextSequence"]
    if stream is None:
        ctx.db.insert("streams", {"baseBatchId": base_id, "nextSequence": 1})
    else:
        ctx.db.patch(stream["_id"], {"nextSequence": sequence + 1})
    batch = {
        "batchId": f"{base_id}{SEPARATOR}{sequence}",
        "baseBatchId": base_id,
        "sequence": sequence,
        "createdAt": ctx.now(),
        "lastUpdatedAt": ctx.now(),
        "status": "accumulating",
        "config": config,
        "attempt": 0,
        "failures": 0,
        **fields,
    }
    return {**batch, "_id": ctx.db.insert("batches", batch)}


def _see_to_timer(ctx: MutationCtx, batch: Row, interval_ms: float) -> None:
    """Start a batch's timer if there is an interval and none that comes as early."""
    flush_at = ctx.now() + interval_ms
    if interval_ms <= 0 or batch.get("flushAt", flush_at + 1) <= flush_at:
        return
    cancel_pending(ctx, batch.get("scheduledFlushId"))
    timer = schedule(ctx, interval_ms, internal.lib.flush_on_time, {"batchDocId": batch["_id"]})
    batch.update(scheduledFlushId=timer, flushAt=flush_at)
    ctx.db.patch(batch["_id"], {"scheduledFlushId": timer, "flushAt": flush_at})


def _is_full(ctx: MutationCtx, batch: Row, row: Row, line: Any) -> bool:
    """Whether the items up to a row reach the threshold of any of them, or fill a delivery.

    They are counted from where an earlier admission has written down that it had come, which nothing can change:
    nobody commits in the past, and rows leave together, when the batch has drawn its line. Whoever comes later counts
    this row too; but if this row lowers the threshold, it may be those who came later and are done that reach it.
    """
    own = threshold_of(row["config"])
    threshold = batch.get("threshold")
    is_lowered = own is not None and (threshold is None or own < threshold)
    if is_lowered:
        threshold = own
        ctx.db.patch(batch["_id"], {"threshold": own})
    if threshold is None:
        return False
    up_to = None if is_lowered else row["committedAt"]
    before = batch.get("counted", {"rows": 0, "items": 0, "size": 0, "upTo": line})
    rows, items, size = before["rows"], before["items"], before["size"]
    for each in read_unsealed_rows(ctx, row["baseBatchId"], before["upTo"], up_to):
        rows, items, size = rows + 1, items + each["itemCount"], size + each["size"]
        if items >= threshold or size >= PAGE_BYTES or rows >= PAGE_ROWS:
            return True
    if up_to is not None and rows >= before["rows"] + ROWS_COUNTED_AT_ONCE:
        counted = {"rows": rows, "items": items, "size": size, "upTo": up_to}
        ctx.db.patch(batch["_id"], {"counted": counted})
    return bool(items >= threshold)


# ------------------------------------------------------------------------------------------------------- the line


@internal_mutation(args={"batchDocId": v.id("batches")})
def flush_on_time(ctx: MutationCtx, batch_doc_id: str) -> None:
    """Flush a batch whose interval has passed: what a timer runs. It does not cancel itself."""
    batch = ctx.db.get(batch_doc_id)
    if batch is not None and batch["status"] == "accumulating":
        _draw(ctx, batch)


def draw_line(ctx: MutationCtx, batch: Row) -> None:
    """Flush a batch that accumulates: it owns what is committed up to this very commit, and nothing later."""
    cancel_pending(ctx, batch.get("scheduledFlushId"))
    _draw(ctx, batch)


def _draw(ctx: MutationCtx, batch: Row) -> None:
    stream = find_stream(ctx, batch["baseBatchId"])
    assert stream is not None, "a stream is as old as its first batch"
    line = ctx.db.vars.commit_ts
    begun = {"status": "flushing", "line": line, "after": stream.get("line", UNDEFINED), "lastUpdatedAt": ctx.now()}
    no_more = dict.fromkeys(("scheduledFlushId", "flushAt", "threshold", "counted"), UNDEFINED)
    ctx.db.patch(batch["_id"], {**begun, **no_more})
    ctx.db.patch(stream["_id"], {"line": line})
    schedule(ctx, 0, internal.lib.collect_batch, {"batchDocId": batch["_id"]})


# ------------------------------------------------------------------------------------------------------- the seal


@define
class _Page:
    """What goes into one delivery.

    Attributes:
        config: the one that all its rows came with.
        rows: in the order of their commits.
        item_count: how many items these hold.

    """

    config: Row
    rows: list[Row] = field(factory=list)
    item_count: int = 0

    def takes(self, row: Row) -> bool:
        """Whether a row may join: it came with the same config, the page is not closed, an array can hold both."""
        is_open = self.item_count < page_size_of(self.config) and self.item_count + row["itemCount"] <= PAGE_ITEMS
        return is_open and row["config"] == self.config

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.item_count += row["itemCount"]


@internal_mutation(args={"batchDocId": v.id("batches")})
def collect_batch(ctx: MutationCtx, batch_doc_id: str) -> None:
    """Seal the rows below a batch's line, and begin to deliver them.

    Rows are packed by config, because each add names its own callback, and up to the size of a delivery. What does not
    go into this batch goes into further ones; what is too much for one transaction is left for the next.
    """
    batch = ctx.db.get(batch_doc_id)
    assert batch is not None, "a batch is not deleted before it is delivered"
    rows, is_all = _read_below_line(ctx, batch)
    pages = _packed(rows)
    base_id, own = batch["baseBatchId"], {"after": batch.get("after", UNDEFINED), "line": batch["line"]}
    _seal(ctx, batch, pages[0])
    for page in pages[1:PAGES_AT_ONCE]:
        _seal(ctx, open_batch(ctx, base_id, page.config, status="flushing"), page)
    schedule(ctx, 0, internal.lib.clean_up, {"baseBatchId": base_id})
    if not is_all or len(pages) > PAGES_AT_ONCE:
        rest = open_batch(ctx, base_id, batch["config"], status="flushing", **own)
        schedule(ctx, 0, internal.lib.collect_batch, {"batchDocId": rest["_id"]})


@internal_mutation(args={"baseBatchId": v.string()})
def clean_up(ctx: MutationCtx, base_batch_id: str) -> None:
    """Delete the completed batches of an id but the newest: by itself, because all records of the id compete with it.

    Nobody waits for it.
    """
    completed = ctx.db.query("batches").with_index(
        "by_baseBatchId_status", lambda q: q.eq("baseBatchId", base_batch_id).eq("status", "completed")
    )
    in_order = sorted(completed.take(CLEANED_UP_AT_ONCE), key=lambda batch: batch["sequence"])
    for superseded in in_order[:-1]:
        ctx.db.delete(superseded["_id"])


def _read_below_line(ctx: MutationCtx, batch: Row) -> tuple[list[Row], bool]:
    """Return rows below a batch's line, as many as fill a delivery, and whether these are all."""
    rows: list[Row] = []
    items = size = 0
    for row in read_unsealed_rows(ctx, batch["baseBatchId"], batch.get("after"), batch["line"]):
        if items >= PAGE_ITEMS or size >= PAGE_BYTES or len(rows) >= PAGE_ROWS:
            return rows, False
        rows.append(row)
        items, size = items + row["itemCount"], size + row["size"]
    return rows, True


def _packed(rows: list[Row]) -> list[_Page]:
    """Return the pages that rows fill, in the order of their first rows."""
    pages: list[_Page] = []
    for row in rows:
        page = next((page for page in reversed(pages) if page.takes(row)), None)
        if page is None:
            page = _Page(row["config"])
            pages.append(page)
        page.add(row)
    return pages


def _seal(ctx: MutationCtx, batch: Row, page: _Page) -> None:
    """Make a page's rows those of a batch, for ever, and begin the first attempt to deliver it."""
    for row in page.rows:
        ctx.db.patch(row["_id"], {"batchDocId": batch["_id"]})
    sealed = {"config": page.config, "itemCount": page.item_count, "after": UNDEFINED, "line": UNDEFINED}
    ctx.db.patch(batch["_id"], sealed)
    begin_attempt(ctx, {**batch, **sealed})
