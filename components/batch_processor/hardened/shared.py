"""What the functions of the hardened accumulator share: the size of a delivery, a config's meaning, and reads.

Owns no Convex function. A helper that reads says so in its name (`find_`, `read_`). Next: `scheduling.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from components.batch_processor.accumulator.common import Row
from convexsim import UNDEFINED, QueryCtx

__all__ = [
    "PAGE_BYTES",
    "PAGE_ITEMS",
    "PAGE_ROWS",
    "find_stream",
    "page_size_of",
    "read_sealed_rows",
    "read_unsealed_rows",
    "threshold_of",
]

PAGE_ITEMS: Final = 8_192
"""Items of one delivery at most: an array holds no more (convex-semantics 6.3)."""
PAGE_BYTES: Final = 4 * 1024 * 1024
"""Bytes of rows from which on a delivery is full: a transaction reads each of them twice (convex-semantics 6.3)."""
PAGE_ROWS: Final = 2_000
"""Rows from which on a delivery is full: to change a row is a read of its own (convex-semantics 6.3: 4,096)."""

# -------------------------------------------------------------------------------------------------- what a config says


def threshold_of(config: Row) -> float | None:
    """Return from how many stored items on a flush is due; None if their number never matters.

    No more than a delivery can hold.
    """
    threshold = config.get("immediateFlushThreshold", config.get("maxBatchSize"))
    return None if threshold is None else min(threshold, PAGE_ITEMS)


def page_size_of(config: Row) -> float:
    """Return at how many items a delivery is closed; the call that reaches the number is not split."""
    size: float = config.get("maxBatchSize", threshold_of(config) or PAGE_ITEMS)
    return min(size, PAGE_ITEMS)


# ---------------------------------------------------------------------------------------------------------- reads


def find_stream(ctx: QueryCtx, base_id: str) -> Row | None:
    """Return what is remembered of an id; None if no item of it was ever admitted."""
    return ctx.db.query("streams").with_index("by_baseBatchId", lambda q: q.eq("baseBatchId", base_id)).first()


def read_unsealed_rows(ctx: QueryCtx, base_id: str, after: Any = None, up_to: Any = None) -> Iterable[Row]:
    """Yield the rows of an id that no batch has sealed, in the order of their commits, as far as they are looked at.

    With `up_to`, a moment that has passed, this is a range that no later commit can write to: so whoever reads it
    conflicts with no add.

    Args:
        ctx: of the function.
        base_id: whose.
        after: the commit after which to begin, if not with the first.
        up_to: the commit with which to end, if not with the last.

    """

    def between(q: Any) -> Any:
        chosen = q.eq("baseBatchId", base_id).eq("batchDocId", UNDEFINED)
        chosen = chosen if after is None else chosen.gt("committedAt", after)
        return chosen if up_to is None else chosen.lte("committedAt", up_to)

    return ctx.db.query("batchItems").with_index("by_baseBatchId_batchDocId", between)


def read_sealed_rows(ctx: QueryCtx, batch_doc_id: str) -> list[Row]:
    """Return the rows that a batch has sealed, in the order of their commits; no row ever joins or leaves them."""
    rows = ctx.db.query("batchItems")
    return rows.with_index("by_batchDocId", lambda q: q.eq("batchDocId", batch_doc_id)).collect()
