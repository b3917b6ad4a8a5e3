"""What the functions of the hardened accumulator share: limits, a config's meaning, reads, and how to schedule.

Owns no Convex function. A helper that reads says so in its name (`find_`, `read_`). Next: `admission.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from components.batch_processor.accumulator.common import Row
from convexsim import UNDEFINED, MutationCtx, QueryCtx, Reference

__all__ = [
    "FIRST_BACKOFF_MS",
    "LEASE_MS",
    "LONGEST_BACKOFF_MS",
    "PAGE_BYTES",
    "PAGE_ITEMS",
    "PAGE_ROWS",
    "RUNNING",
    "backoff_ms",
    "find_stream",
    "page_size_of",
    "read_sealed_rows",
    "read_unsealed_rows",
    "schedule",
    "state_of",
    "threshold_of",
]

PAGE_ITEMS: Final = 8_192
"""Items of one delivery at most: an array holds no more (convex-semantics 6.3)."""
PAGE_BYTES: Final = 4 * 1024 * 1024
"""Bytes of rows from which on a delivery is full: a transaction reads each of them twice (convex-semantics 6.3)."""
PAGE_ROWS: Final = 2_000
"""Rows from which on a delivery is full: to change a row is a read of its own (convex-semantics 6.3: 4,096)."""
LEASE_MS: Final = 30_000
"""How long an attempt is left alone; then, and as often again, somebody looks whether it still runs."""
RUNNING: Final = ("pending", "inProgress")
"""The states of a scheduled function that will still come to its end."""
FIRST_BACKOFF_MS: Final = 1_000
LONGEST_BACKOFF_MS: Final = 30_000


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


def backoff_ms(failures: int) -> float:
    """Return how long to wait after so many failures in a row: 1, 2, 4 ... 30 s, as the README says."""
    return min(FIRST_BACKOFF_MS * 2.0 ** (failures - 1), LONGEST_BACKOFF_MS)


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


def state_of(ctx: QueryCtx, scheduled_id: str) -> str:
    """Return how a scheduled function stands (convex-semantics 3.2); ``gone`` if that is no longer known."""
    row = ctx.db.system.get(scheduled_id)
    return "gone" if row is None else str(row["state"]["kind"])


# ----------------------------------------------------------------------------------------------------- scheduling


def schedule(ctx: MutationCtx, delay_ms: float, function: Reference, args: Row) -> str:
    """Schedule a function that must run, and return its id.

    Raises:
        RuntimeError: it would never run. What is scheduled under a canceled function is born canceled
            (convex-semantics 3.4); better that the caller hears of it than that items are stored and forgotten.

    """
    scheduled_id = ctx.scheduler.run_after(delay_ms, function, args)
    if state_of(ctx, scheduled_id) == "canceled":
        msg = "Nothing can be scheduled here: the scheduled function that calls has been canceled while it ran"
        raise RuntimeError(msg)
    return scheduled_id
