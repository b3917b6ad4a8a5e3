"""What version `hardened` does with scheduled functions beyond scheduling them.

Owns three rules: nothing is left to a function that will never run, nothing is canceled but what is still pending, and
a failure is written down in few words and followed by a wait. Knows no table of the component. Next:
`iterator_hardened.py`.
"""

from __future__ import annotations

from typing import Any, Final

from components.batch_processor.iterator import FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS
from convexsim import MutationCtx, Reference

__all__ = ["backoff_ms", "cancel_pending", "error_text", "schedule"]

ERROR_CHARS: Final = 1_000
"""How much of an error's text is kept: a document holds 1 MiB, and a failure must never fail to be written down."""

_DOUBLINGS: Final = 10
"""More than there are to the longest back-off, and few enough to be counted."""


def schedule(ctx: MutationCtx, delay_ms: float, function: Reference, args: dict[str, Any]) -> str:
    """Schedule a function that will run, and return its id.

    Raises:
        RuntimeError: the caller runs under a canceled function, so this one is canceled from birth
            (convex-semantics 3.4); whoever counted on it must not be written down.

    """
    scheduled_id = ctx.scheduler.run_after(delay_ms, function, args)
    if _kind(ctx, scheduled_id) == "canceled":
        msg = "A function that was canceled cannot start anything: what it schedules never runs"
        raise RuntimeError(msg)
    return scheduled_id


def cancel_pending(ctx: MutationCtx, scheduled_id: str) -> bool:
    """Cancel a function if it has not begun, and tell whether that was so.

    One in progress would go on, but whatever it starts would be canceled from birth; and the one that this runs under
    is in progress, so nothing ever cancels itself (convex-semantics 3.4).
    """
    is_pending = _kind(ctx, scheduled_id) == "pending"
    if is_pending:
        ctx.scheduler.cancel(scheduled_id)
    return is_pending


def backoff_ms(failures: int) -> float:
    """Return how long to wait after so many failures in a row: 1, 2, 4 and so on up to 30 s."""
    wait_ms: float = FIRST_BACKOFF_MS * 2 ** min(failures - 1, _DOUBLINGS)
    return min(wait_ms, LONGEST_BACKOFF_MS)


def error_text(error: Exception) -> str:
    """Return what a document keeps of an error: its text, or the beginning of it."""
    return str(error)[:ERROR_CHARS]


def _kind(ctx: MutationCtx, scheduled_id: str) -> str:
    row = ctx.db.system.get(scheduled_id)
    return "gone" if row is None else str(row["state"]["kind"])
