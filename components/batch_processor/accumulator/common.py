"""What the accumulator's functions share across versions: base ids, and the reads that several of them make.

Owns no Convex function. A helper that reads says so in its name (`find_`, `read_`): each is one query, and the order of
queries is part of a function's behaviour. Next: `v1_0_5.py`.
"""

from __future__ import annotations

from typing import Any, Final

from convexsim import QueryCtx

__all__ = [
    "SEPARATOR",
    "base_id_of",
    "find_accumulating",
    "find_by_batch_id",
    "first_given",
    "last_added",
    "read_item_rows",
    "read_rows_up_to",
    "total_of",
]

SEPARATOR: Final = "::"
"""Stands between base id and sequence in the name of a batch (component-versions 10)."""

Row = dict[str, Any]


def base_id_of(batch_id: str) -> str:
    """Return what stands before the first separator, or all of it (component-versions 7)."""
    return batch_id.partition(SEPARATOR)[0]


def first_given(*values: Any) -> Any:
    """Return the first value that is not None: TypeScript's ``x ?? y``, for which 0 and False are values."""
    return next((value for value in values if value is not None), None)


def find_by_batch_id(ctx: QueryCtx, batch_id: str) -> Row | None:
    """Return the oldest batch of exactly this name."""
    return ctx.db.query("batches").with_index("by_batchId", lambda q: q.eq("batchId", batch_id)).first()


def find_accumulating(ctx: QueryCtx, base_id: str) -> Row | None:
    """Return the oldest accumulating batch of a base id; after a failed flush there may be two."""
    batches = ctx.db.query("batches")
    return batches.with_index(
        "by_baseBatchId_status", lambda q: q.eq("baseBatchId", base_id).eq("status", "accumulating")
    ).first()


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
