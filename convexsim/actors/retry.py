"""Retry policies: how often a loser tries again and how long it waits (convex-semantics 2).

Owns the table of policies, and the errors of what is not tried again. Pure; the loop itself stands in `transact.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.functions.outcome import Failure, Threw

if TYPE_CHECKING:
    from convexsim.database.commit import Conflict
    from convexsim.functions.environment import Platform

__all__ = [
    "CONNECTION_LOST",
    "JITTER_STEPS",
    "OCC_FAILURE",
    "RESCHEDULE",
    "RETRY",
    "SYSTEM_ERROR",
    "TRANSIENT_ERROR",
    "Backoff",
    "RetryPolicy",
    "occ_failure",
    "timed_out",
    "too_many_writes",
]

JITTER_STEPS: Final = 8
"""Full jitter is a choice among so many equal fractions of the ceiling; the first is no wait at all."""


@frozen
class RetryPolicy:
    """How one kind of caller is retried.

    Attributes:
        max_retries: tries after the first; None for as many as it takes.
        initial_ms: the ceiling of the first wait; it doubles with each failure.
        max_ms: the highest ceiling.
        outlives_system_errors: whether a transient error of the platform is retried like a conflict.

    """

    max_retries: int | None
    initial_ms: float
    max_ms: float
    outlives_system_errors: bool = False

    def allows(self, attempt: int) -> bool:
        """Whether another attempt may follow this one (counting from 1)."""
        return self.max_retries is None or attempt <= self.max_retries

    def ceiling_ms(self, attempt: int) -> float:
        """Return the longest wait after this attempt has failed."""
        doublings = min(attempt - 1, 64)  # far beyond any maximum, and still a float
        return min(self.initial_ms * 2.0**doublings, self.max_ms)


RETRY: Final = {
    "client": RetryPolicy(4, 100, 2_000),
    "action": RetryPolicy(4, 100, 2_000),
    "scheduled": RetryPolicy(None, 100, 60_000),
    "cron": RetryPolicy(None, 500, 15_000, outlives_system_errors=True),
    "internal": RetryPolicy(2, 10, 2_000),
    "ending": RetryPolicy(None, 500, 7_200_000, outlives_system_errors=True),
}
"""By who waits for the answer; ``internal`` is a schedule or cancel from an action, ``ending`` records how a scheduled
action ended, for as long as it takes."""

RESCHEDULE: Final = RetryPolicy(None, 500, 7_200_000)
"""How long a scheduled function waits in its queue after a system error (convex-semantics 3.3)."""

OCC_FAILURE: Final = "OptimisticConcurrencyControlFailure"
"""The code of the error after the last try."""

SYSTEM_ERROR: Final = Threw(Failure("InternalServerError", "Your request couldn't be completed. Try again later."))
"""What callers are told of a transient error of the platform; nothing of the transaction was kept."""

TRANSIENT_ERROR: Final = Threw(Failure("Error", "Transient error while executing action"))
"""How an action ends of which only its beginning is known (convex-semantics 3.3)."""

CONNECTION_LOST: Final = Threw(Failure("ConnectionLost", "Connection lost while the call was in flight."))
"""What a client knows of a call whose request or answer is lost: nothing. It may have happened."""


@frozen
class Backoff:
    """One wait among those that the jitter allows: an option of a choice."""

    activity: str
    delay_ms: float
    number: int

    @property
    def phase(self) -> str:
        """How a trace calls it."""
        return f"wait {self.delay_ms:g} ms"


def occ_failure(what: str, conflict: Conflict) -> Failure:
    """Return the error after the last try; it names table, document and the other writer (convex-semantics 2).

    Of a table of the platform's own it names nothing, as in Convex; the trace does.
    """
    component, _, table = conflict.index.rpartition(".")[0].rpartition("/")
    if table.startswith("_"):
        message = f"{what} gave up: data that it read or wrote changed during this run and during every retry."
        return Failure(OCC_FAILURE, message)
    where = f"{component}/{table}" if component else table
    same = conflict.write_source.startswith(f"{what} (")
    writer = f"another call to this function, {conflict.write_source}" if same else conflict.write_source
    message = (
        f"{what} gave up: documents of the table {where} that it read or wrote changed during this run and during "
        f"every retry. The document {conflict.document_id} was changed by {writer}."
    )
    return Failure(OCC_FAILURE, message)


def too_many_writes(platform: Platform) -> Failure:
    """Return what a mutation is told while the world writes too fast (convex-semantics 2)."""
    message = (
        f"Too many writes per second. This deployment is limited to {platform.write_bytes_per_second} bytes written "
        "per second. In a world no time passes unless somebody waits, so all that is written at one moment counts "
        "together. Write less, or set another limit: Platform(write_bytes_per_second=...)."
    )
    return Failure("TooManyWrites", message)


def timed_out(limit_ms: int) -> Threw:
    """Return how an action ends whose time is over, in Convex's words (convex-semantics 6.3)."""
    message = (
        f"Function execution timed out (maximum duration: {limit_ms / 1000:g}s). Let it schedule what is left to do, "
        "or set another limit: Platform(limits=Limits(action_ms=...))."
    )
    return Threw(Failure("FunctionTimeout", message))
