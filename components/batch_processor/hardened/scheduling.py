"""What version `hardened` does with scheduled functions beyond scheduling them.

Owns four rules: nothing is left to a function that will never run, nothing is canceled but what is still pending, what
was lost is told from what lives by its state and not by a clock alone, and a failure is written down in few words and
followed by a wait. Knows no table of the component. Next: `admission.py` and `iterator.py`.
"""

from __future__ import annotations

from typing import Any, Final

from components.batch_processor.iterator import FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS
from convexsim import MutationCtx, Reference

__all__ = [
    "LEASE_MS",
    "LONGEST_WAIT_MS",
    "RECORD_PATIENCE_MS",
    "backoff_ms",
    "cancel_pending",
    "error_text",
    "loss_of",
    "schedule",
]

LONGEST_WAIT_MS: Final = 365 * 86_400_000
"""The longest interval or delay: the platform schedules nothing much farther ahead (convex-semantics 3.1)."""
LEASE_MS: Final = 30_000
"""How long an action is left alone; then, and as often again, its watchdog looks whether it was lost."""
RECORD_PATIENCE_MS: Final = 10 * LEASE_MS
"""How long after the end of an action the transaction that writes down its outcome may be on its way."""

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


def cancel_pending(ctx: MutationCtx, scheduled_id: str | None) -> bool:
    """Cancel a function, if there is one and it has not begun, and tell whether that was so.

    One in progress would go on, but whatever it starts would be canceled from birth; and the one that this runs under
    is in progress, so nothing ever cancels itself (convex-semantics 3.4).
    """
    if scheduled_id is None or _kind(ctx, scheduled_id) != "pending":
        return False
    ctx.scheduler.cancel(scheduled_id)
    return True


def loss_of(ctx: MutationCtx, scheduled_id: str) -> str | None:
    """Return why nobody will write down any more how an action has ended; None if somebody still may.

    One that has ended well has its record on the way.
    """
    row = ctx.db.system.get(scheduled_id)
    state = {"kind": "gone"} if row is None else row["state"]
    if row is None or state["kind"] in ("failed", "canceled"):
        return f"The attempt was lost: {state.get('error', state['kind'])}"
    is_overdue = "completedTime" in row and ctx.now() - row["completedTime"] >= RECORD_PATIENCE_MS
    return "The attempt was lost: nobody wrote down how it ended" if is_overdue else None


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
