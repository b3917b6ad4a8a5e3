"""Dead letters: batches that were tried as often as their config allows, kept until somebody decides.

Owns the three public functions that look at them, try them again or throw them away. Next: `versions.py`.
"""

from __future__ import annotations

from typing import Final

from components.batch_processor.accumulator.common import Row, find_by_batch_id, flushing
from components.batch_processor.hardened.delivery import begin_attempt, delete_with_rows
from convexsim import MutationCtx, QueryCtx, mutation, query, v

__all__ = ["discard_dead_letter", "list_dead_letters", "retry_dead_letter"]

LISTED: Final = 1_000
"""How many dead letters one call lists at most."""


@query(args={"batchId": v.optional(v.string()), "limit": v.optional(v.number())})
def list_dead_letters(ctx: QueryCtx, batch_id: str | None = None, limit: int | None = None) -> list[Row]:
    """Return dead letters, those of an id or all, oldest first: names, sizes and why the last attempt failed."""
    batches = ctx.db.query("batches")
    if batch_id is not None:
        found = batches.with_index(
            "by_baseBatchId_status", lambda q: q.eq("baseBatchId", batch_id).eq("status", "deadLetter")
        )
    else:
        found = batches.with_index("by_status", lambda q: q.eq("status", "deadLetter"))
    names = ("batchId", "baseBatchId", "itemCount", "failures", "errorMessage", "createdAt", "lastUpdatedAt")
    return [{name: batch[name] for name in names} for batch in found.take(min(limit or LISTED, LISTED))]


@mutation(args={"batchId": v.string()})
def retry_dead_letter(ctx: MutationCtx, batch_id: str) -> Row:
    """Deliver a dead letter again, with as many attempts as the first time; named in full, like ``id::3``.

    Its delivery key stays what it was.

    Raises:
        RuntimeError: there is no such batch, or it is no dead letter.

    """
    batch = _read_dead_letter(ctx, batch_id)
    begin_attempt(ctx, {**batch, "failures": 0})
    return flushing(batch_id, batch["itemCount"])


@mutation(args={"batchId": v.string()})
def discard_dead_letter(ctx: MutationCtx, batch_id: str) -> Row:
    """Throw a dead letter away, with its items: the one way in which an item leaves without having been delivered.

    Raises:
        RuntimeError: there is no such batch, or it is no dead letter.

    """
    batch = _read_dead_letter(ctx, batch_id)
    delete_with_rows(ctx, batch)
    return {"deleted": True, "itemCount": batch["itemCount"]}


def _read_dead_letter(ctx: MutationCtx, batch_id: str) -> Row:
    batch = find_by_batch_id(ctx, batch_id)
    if batch is None:
        msg = f"Batch {batch_id} not found: a dead letter goes by its full name, as listDeadLetters tells it"
        raise RuntimeError(msg)
    if batch["status"] != "deadLetter":
        msg = f"Batch {batch_id} is not a dead letter (current: {batch['status']})"
        raise RuntimeError(msg)
    return batch
