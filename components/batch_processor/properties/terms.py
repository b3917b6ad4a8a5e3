"""On what terms a world is judged: which version it runs, what may go wrong in it, and what counts as late.

Owns the numbers alone. Next: `records.py`.
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen, validators

from components.batch_processor.properties.records import Layout
from convexsim import Limits

__all__ = ["MODELS", "Terms"]

MODELS: Final = {
    "N": "nothing goes wrong: any interleaving, callbacks succeed, one clock",
    "U": "callbacks may throw",
    "C": "actions may die at any point",
    "O": "foreign commits come between begin and commit",
    "K": "the clocks of nodes differ",
    "M": "a function that cancels itself is canceled, or refused",
}
"""The fault models, by their letters; several letters together are several at once (properties.md 2)."""


@frozen(kw_only=True)
class Terms:
    """What a property is judged by.

    Attributes:
        layout: of the version.
        model: what may go wrong: letters of `MODELS`.
        epsilon_ms: what counts as at once: scheduled mutations that lose a race wait that long before they try again.
        skew_ms: how far clocks may be apart (K).
        lease_ms: after which time somebody notices that an action has died (C and O).
        action_ms: how long an action may run; as long as the platform lets it (convex-semantics 6.3).
        hook_attempts: after how many failures a hook is said to fail for ever.

    """

    layout: Layout
    model: str
    epsilon_ms: float = field(default=1_000, validator=validators.ge(0))
    skew_ms: float = field(default=0, validator=validators.ge(0))
    lease_ms: float = field(default=30_000, validator=validators.ge(0))
    action_ms: float = field(default=Limits().action_ms, validator=validators.ge(0))
    hook_attempts: int = field(default=20, validator=validators.ge(1))

    @property
    def late_ms(self) -> float:
        """How much later than asked for is late."""
        return self.epsilon_ms + self.skew_ms + self.layout.cron_ms

    @property
    def has_leases(self) -> bool:
        """Whether work may be left lying until its lease is over."""
        return "C" in self.model or "O" in self.model
