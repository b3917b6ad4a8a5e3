"""The client: the class by which an app's functions speak to the component.

Owns the spelling of the accumulator's calls and the translation of its config; all rules are the component's. A call is
made through the caller's ctx, and its result is passed on as it comes: a value in a query or mutation, in an action
something to await. The iterator's calls stand in `iterator_client.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from components.batch_processor.iterator_client import IteratorClient
from convexsim import UNDEFINED, ActionCtx, MutationCtx, QueryCtx, Reference, UsageError

__all__ = ["BatchConfig", "BatchProcessor"]

_FIELDS: Final = {
    "maxBatchSize": "max_batch_size",
    "flushIntervalMs": "flush_interval_ms",
    "processBatch": "process_batch",
}


@frozen
class BatchConfig:
    """When a batch is flushed, and to whom (component-versions 6).

    Attributes:
        max_batch_size: items from which on an add asks for a flush.
        flush_interval_ms: how long after the first item a batch is flushed anyway; 0 is never.
        process_batch: the action that gets ``{"items": [...]}``: a reference, seen from the app, or a handle.

    """

    max_batch_size: float
    flush_interval_ms: float
    process_batch: Reference | str

    @classmethod
    def of(cls, config: BatchConfig | Mapping[str, Any]) -> BatchConfig:
        """Return a config that may be given as data, in data's spelling.

        Raises:
            UsageError: a field is missing, or there is one too many.

        """
        if isinstance(config, BatchConfig):
            return config
        if sorted(config) != sorted(_FIELDS):
            msg = f"A batch config has the fields {', '.join(_FIELDS)}, not {', '.join(sorted(config)) or 'none'}."
            raise UsageError(msg)
        return cls(**{_FIELDS[name]: value for name, value in config.items()})


class BatchProcessor(IteratorClient):
    """The client of 1.0.3 to 1.0.7 (component-versions 7 and 8); the iterator's methods stand in `IteratorClient`.

    It keeps no state. The original makes the callback's handle on first use and keeps it in a private field. A handle
    is only a string, but it depends on where it is made, and here an instance may serve several apps and outlives every
    world: what was kept would be carried from one into the next. So each add makes it anew, which reads and writes
    nothing and gives the same string as long as the app is the same.

    Args:
        component: what the app mounted it as, like ``components.batch_processor``.
        config: needed by `add_items` only.

    """

    __slots__ = ("_config",)

    def __init__(self, component: Reference, config: BatchConfig | Mapping[str, Any] | None = None) -> None:
        super().__init__(component.lib)
        self._config = None if config is None else BatchConfig.of(config)

    def add_items(self, ctx: MutationCtx | ActionCtx, batch_id: str, items: list[Any]) -> Any:
        """Add items to the batch that accumulates under an id.

        Raises:
            RuntimeError: the client was made without a config, in the original's words.

        """
        if self._config is None:
            msg = "BatchProcessor config with processBatch is required to use addItems. Pass config to the constructor."
            raise RuntimeError(msg)
        args = {"batchId": batch_id, "items": items, "config": self._internal_config(ctx, self._config)}
        return ctx.run_mutation(self._functions.add_items, args)

    def flush(self, ctx: MutationCtx | ActionCtx, batch_id: str) -> Any:
        """Ask for a flush below the threshold."""
        return ctx.run_mutation(self._functions.flush_batch, {"batchId": batch_id})

    def get_batch_status(self, ctx: QueryCtx | ActionCtx, batch_id: str) -> Any:
        """Return the batches of an id that accumulate or are being flushed, or None."""
        return ctx.run_query(self._functions.get_batch_status, {"batchId": batch_id})

    def get_flush_history(self, ctx: QueryCtx | ActionCtx, batch_id: str, limit: int | None = None) -> Any:
        """Return finished flushes, newest first."""
        args = {"batchId": batch_id, "limit": UNDEFINED if limit is None else limit}
        return ctx.run_query(self._functions.get_flush_history, args)

    def get_all_batches_for_base_id(self, ctx: QueryCtx | ActionCtx, base_batch_id: str) -> Any:
        """Return every batch of an id, completed ones too."""
        return ctx.run_query(self._functions.get_all_batches_for_base_id, {"baseBatchId": base_batch_id})

    def delete_batch(self, ctx: MutationCtx | ActionCtx, batch_id: str) -> Any:
        """Delete a batch by its full name, ``<id>::<sequence>``."""
        return ctx.run_mutation(self._functions.delete_batch, {"batchId": batch_id})

    def _internal_config(self, ctx: MutationCtx | ActionCtx, config: BatchConfig) -> dict[str, Any]:
        """Return the config as the component takes it: with a handle in the place of the callback."""
        return {
            "maxBatchSize": config.max_batch_size,
            "flushIntervalMs": config.flush_interval_ms,
            "processBatchHandle": ctx.create_function_handle(config.process_batch),
        }
