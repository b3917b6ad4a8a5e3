"""What 0.1.0 brought and no version has changed since (component-versions 1, the matrix)."""

from __future__ import annotations

from typing import Any

from components.batch_processor.accumulator.common import find_by_batch_id
from convexsim import QueryCtx, internal_query, query, v

__all__ = ["get_batch", "get_flush_history"]


@query(args={"batchId": v.string(), "limit": v.optional(v.number())})
def get_flush_history(ctx: QueryCtx, batch_id: str, limit: int | None = None) -> list[dict[str, Any]]:
    """Return finished flushes, newest first; a limit of 0 is no limit (component-versions 3)."""
    history = ctx.db.query("flushHistory").with_index("by_batchId", lambda q: q.eq("batchId", batch_id)).order("desc")
    return history.take(limit) if limit else history.collect()


@internal_query(args={"batchId": v.string()})
def get_batch(ctx: QueryCtx, batch_id: str) -> dict[str, Any] | None:
    """Return the batch of exactly this name; nobody calls it (component-versions 8)."""
    return find_by_batch_id(ctx, batch_id)
