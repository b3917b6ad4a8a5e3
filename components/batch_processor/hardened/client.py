"""The client of `hardened`: takes the config of the README, of 1.0.9, or its own.

Owns nothing but spelling, as `../client.py` does. Next: `public.py`, which it calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from attrs import frozen

from components.batch_processor.answers import Answer, mutating, querying
from components.batch_processor.client import BatchConfig, ThresholdBatchProcessor, ThresholdConfig
from components.batch_processor.results import BatchResult, DeadLetterItem, DiscardResult, IntervalFlushItem
from convexsim import UNDEFINED, ActionCtx, MutationCtx, QueryCtx, UsageError

__all__ = ["HardenedBatchProcessor", "HardenedConfig"]


@frozen(kw_only=True)
class HardenedConfig(ThresholdConfig):
    """When a batch is flushed, to whom, and how often that is tried.

    A `ThresholdConfig` or a `BatchConfig` will do as well, and so does the README's data: maxBatchSize,
    flushIntervalMs, and onFlushHandle.

    Attributes:
        flush_interval_ms: as in `ThresholdConfig`.
        process_batch: as in `ThresholdConfig`.
        immediate_flush_threshold: items stored for the id from which on they are flushed; None for max_batch_size.
        max_batch_size: items of a delivery from which on the next call's go into another one; and see above.
        pass_delivery_key: whether the callback is given ``deliveryKey`` beside ``items``: the same whenever the same
            items are delivered again.
        max_attempts: attempts before the items become a dead letter; 10 if not given.

    """

    pass_delivery_key: bool | None = None
    max_attempts: float | None = None

    @classmethod
    def of(cls, config: Any) -> Self:
        """Return a config of this class, also of one in the README's spelling.

        Raises:
            UsageError: a field is missing, there is one too many, or both generations name a callback.

        """
        if not isinstance(config, Mapping) or "onFlushHandle" not in config:
            return super().of(config)
        if "processBatch" in config:
            msg = "A batch config has both processBatch and onFlushHandle, which are two names of one callback."
            raise UsageError(msg, next_step="Leave one of them out.")
        others = {name: value for name, value in config.items() if name != "onFlushHandle"}
        return super().of({**others, "processBatch": config["onFlushHandle"]})


class HardenedBatchProcessor(ThresholdBatchProcessor):
    """The client of `hardened`: its calls are those of all generations, and those that look after dead letters.

    Args:
        component: what the app mounted it as, like ``components.batch_processor``.
        config: of every add that brings none of its own.

    """

    __slots__ = ()

    config_type = HardenedConfig

    @mutating
    def add_items(
        self,
        ctx: MutationCtx | ActionCtx,
        batch_id: str,
        items: list[Any],
        config: HardenedConfig | ThresholdConfig | BatchConfig | Mapping[str, Any] | None = None,
    ) -> Answer[BatchResult]:
        """Add items under an id, by the client's config or, as in the README, by that of the call.

        Raises:
            RuntimeError: there is neither.

        """
        own = self._config if config is None else HardenedConfig.of(config)
        return self._add(ctx, batch_id, items, own)

    @mutating
    def trigger_interval_flushes(self, ctx: MutationCtx | ActionCtx) -> Answer[list[IntervalFlushItem]]:
        """Flush every batch whose interval has passed; not needed, because each has a timer."""
        return ctx.run_mutation(self._functions.trigger_interval_flushes, {})

    @querying
    def list_dead_letters(
        self, ctx: QueryCtx | ActionCtx, batch_id: str | None = None, limit: int | None = None
    ) -> Answer[list[DeadLetterItem]]:
        """Return what was tried in vain and waits for a decision, of one id or of all, oldest first."""
        named = {"batchId": batch_id, "limit": limit}
        given = {name: UNDEFINED if value is None else value for name, value in named.items()}
        return ctx.run_query(self._functions.list_dead_letters, given)

    @mutating
    def retry_dead_letter(self, ctx: MutationCtx | ActionCtx, batch_id: str) -> Answer[BatchResult]:
        """Deliver a dead letter again, by its full name, like ``id::3``."""
        return ctx.run_mutation(self._functions.retry_dead_letter, {"batchId": batch_id})

    @mutating
    def discard_dead_letter(self, ctx: MutationCtx | ActionCtx, batch_id: str) -> Answer[DiscardResult]:
        """Throw a dead letter away, with its items, by its full name."""
        return ctx.run_mutation(self._functions.discard_dead_letter, {"batchId": batch_id})
