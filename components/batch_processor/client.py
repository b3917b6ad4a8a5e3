"""The client: the classes by which an app's functions speak to the component, one a generation.

Owns the spelling of the accumulator's calls and the translation of its config; all rules are the component's. A call is
made through the caller's ctx, and its result is passed on as it comes: a value in a query or mutation, in an action
something to await (`answers.py`); what it holds says `results.py`. What a generation lacks is said by `Lacking`, which
knows who has it. The iterator's calls stand in `iterator_client.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar, Final, Generic, NoReturn, Self, TypedDict, TypeVar, overload

import attrs
from attrs import frozen

from components.batch_processor.answers import Answer, mutating, querying
from components.batch_processor.iterator_client import IteratorClient, IteratorHandleClient
from components.batch_processor.results import (
    BatchListItem,
    BatchResult,
    BatchStatusResult,
    DeleteResult,
    FlushHistoryItem,
    FlushResult,
    IntervalFlushItem,
    ReadmeBatchConfig,
    ReadmeBatchStatusResult,
)
from convexsim import UNDEFINED, ActionCtx, MutationCtx, QueryCtx, Reference, UsageError

__all__ = [
    "BatchConfig",
    "BatchProcessor",
    "Lacking",
    "NotInThisVersionError",
    "OnFlushArgs",
    "ReadmeBatchProcessor",
    "ThresholdBatchProcessor",
    "ThresholdConfig",
]

T = TypeVar("T")

_FIELDS: Final = {
    "immediateFlushThreshold": "immediate_flush_threshold",
    "maxBatchSize": "max_batch_size",
    "flushIntervalMs": "flush_interval_ms",
    "processBatch": "process_batch",
    "passDeliveryKey": "pass_delivery_key",
    "maxAttempts": "max_attempts",
}

# -------------------------------------------------------------------------------------- what a version does not have


class NotInThisVersionError(UsageError):
    """A method was asked for that this version of the component lacks."""

    code = "NotInThisVersion"


class Lacking:
    """Stands where a client has no method, and says so to whoever looks for it.

    Args:
        versions: those that have the method, oldest first.

    """

    def __init__(self, *versions: str) -> None:
        self.versions = versions
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...

    @overload
    def __get__(self, client: object, owner: type) -> NoReturn: ...

    def __get__(self, client: object, owner: type) -> Self:
        if client is None:
            return self
        msg = f"This version of the batch processor has no {self._name}."
        next_step = f"Versions that have it: {', '.join(self.versions)}."
        raise NotInThisVersionError(msg, next_step=next_step, method=self._name, versions=self.versions)


# ---------------------------------------------------------------------------------------------------------- configs


@frozen
class _Config:
    """A config that may be given as data, in data's spelling."""

    @classmethod
    def of(cls, config: Any) -> Self:
        """Return a config of this class.

        Raises:
            UsageError: it is no config, a field is missing, or there is one too many.

        """
        if isinstance(config, cls):
            return config
        if not isinstance(config, _Config | Mapping):
            msg = f"{config!r} is no batch config."
            raise UsageError(msg, next_step=f"Give a {cls.__name__}, or its fields as data.")
        fields = attrs.fields_dict(cls)
        known = [name for name, field in _FIELDS.items() if field in fields]
        required = [name for name in known if fields[_FIELDS[name]].default is attrs.NOTHING]
        given = config.as_data() if isinstance(config, _Config) else config
        if not set(required) <= set(given) <= set(known):
            may = [name for name in known if name not in required]
            more = f" and may have {', '.join(may)}" if may else ""
            found = ", ".join(sorted(map(str, given))) or "none"
            msg = f"A batch config of this version has the fields {', '.join(required)}{more}, not {found}."
            wrong = {
                "add": [name for name in required if name not in given],
                "leave out": [str(name) for name in given if name not in known],
            }
            next_step = "; ".join(f"{do} {', '.join(names)}" for do, names in wrong.items() if names)
            raise UsageError(msg, next_step=f"{next_step[:1].upper()}{next_step[1:]}.")
        return cls(**{_FIELDS[name]: value for name, value in given.items()})

    def as_data(self) -> dict[str, Any]:
        """Return what is given of it, spelled as data."""
        own = {name: getattr(self, field, None) for name, field in _FIELDS.items()}
        return {name: value for name, value in own.items() if value is not None}


@frozen
class BatchConfig(_Config):
    """When a batch is flushed, and to whom (component-versions 6).

    Attributes:
        max_batch_size: items from which on an add asks for a flush.
        flush_interval_ms: how long after the first item a batch is flushed anyway; 0 is never.
        process_batch: the action that gets ``{"items": [...]}``: a reference, seen from the app, or a handle.

    """

    max_batch_size: float
    flush_interval_ms: float
    process_batch: Reference | str


@frozen(kw_only=True)
class ThresholdConfig(_Config):
    """When a batch is flushed in 1.0.9, and to whom; a `BatchConfig` will do as well (component-versions 9).

    Attributes:
        flush_interval_ms: how long after the first item a batch is flushed; 0 is never.
        process_batch: as in `BatchConfig`.
        immediate_flush_threshold: items in one add from which on it asks for a flush; None for max_batch_size.
        max_batch_size: the same by its old name; if both are None, no number of items asks for a flush.

    """

    flush_interval_ms: float
    process_batch: Reference | str
    immediate_flush_threshold: float | None = None
    max_batch_size: float | None = None


class OnFlushArgs(TypedDict, Generic[T]):
    """What the flush callback of 0.1.0 and 0.2.0, an action, is given; from 0.3 on the type is `ProcessBatchArgs`."""

    items: list[T]


# ---------------------------------------------------------------------------------------------------------- clients


class _Calls:
    """The calls that every generation makes in the same way, of the module with the component's public functions."""

    __slots__ = ()

    _functions: Reference

    list_dead_letters: Any = Lacking("hardened")
    retry_dead_letter: Any = Lacking("hardened")
    discard_dead_letter: Any = Lacking("hardened")

    @mutating
    def flush(self, ctx: MutationCtx | ActionCtx, batch_id: str) -> Answer[FlushResult]:
        """Flush a batch below the threshold, or ask for it."""
        return ctx.run_mutation(self._functions.flush_batch, {"batchId": batch_id})

    @querying
    def get_flush_history(
        self, ctx: QueryCtx | ActionCtx, batch_id: str, limit: int | None = None
    ) -> Answer[list[FlushHistoryItem]]:
        """Return finished flushes, newest first."""
        args = {"batchId": batch_id, "limit": UNDEFINED if limit is None else limit}
        return ctx.run_query(self._functions.get_flush_history, args)

    @mutating
    def delete_batch(self, ctx: MutationCtx | ActionCtx, batch_id: str) -> Answer[DeleteResult]:
        """Delete a batch by its full name: ``<id>::<sequence>``, or in 0.x the id."""
        return ctx.run_mutation(self._functions.delete_batch, {"batchId": batch_id})


class ReadmeBatchProcessor(_Calls, IteratorHandleClient):
    """The client of the README's generation, 0.1.0 and 0.2.0 (component-versions 4): it passes everything on.

    Args:
        component: what the app mounted it as, like ``components.batch_processor``.

    """

    __slots__ = ()

    get_all_batches_for_base_id = Lacking("1.0.3", "1.0.4", "1.0.5", "1.0.6", "1.0.7", "1.0.9", "hardened")

    def __init__(self, component: Reference) -> None:
        super().__init__(component.public)

    @mutating
    def add_items(
        self,
        ctx: MutationCtx | ActionCtx,
        batch_id: str,
        items: list[Any],
        config: ReadmeBatchConfig | Mapping[str, Any],
    ) -> Answer[BatchResult]:
        """Add items to the batch of an id.

        Args:
            ctx: of the calling function.
            batch_id: which batch; its name is the id.
            items: any values.
            config: as the component takes it.

        """
        args = {"batchId": batch_id, "items": items, "config": dict(config)}
        return ctx.run_mutation(self._functions.add_items, args)

    @querying
    def get_batch_status(self, ctx: QueryCtx | ActionCtx, batch_id: str) -> Answer[ReadmeBatchStatusResult | None]:
        """Return the id's one batch, completed or not; None if there is none."""
        return ctx.run_query(self._functions.get_batch_status, {"batchId": batch_id})

    def trigger_interval_flushes(self, ctx: ActionCtx) -> Awaitable[list[IntervalFlushItem]]:
        """Flush every batch whose interval has passed since its last add: what a cron of the app is to call."""
        return ctx.run_action(self._functions.trigger_interval_flushes, {})


class BatchProcessor(_Calls, IteratorClient):
    """The client of 1.0.3 to 1.0.7 (component-versions 7 and 8).

    It keeps no state. The original makes the callback's handle on first use and keeps it in a private field. A handle
    is only a string, but it depends on where it is made, and here an instance may serve several apps and outlives every
    world: what was kept would be carried from one into the next. So each add makes it anew, which reads and writes
    nothing and gives the same string as long as the app is the same.

    Args:
        component: what the app mounted it as, like ``components.batch_processor``.
        config: needed by `add_items` only.

    """

    __slots__ = ("_config",)

    config_type: ClassVar[type[BatchConfig | ThresholdConfig]] = BatchConfig
    """What a config of this generation may say."""

    trigger_interval_flushes: Any = Lacking("0.1.0", "0.2.0", "hardened")

    def __init__(
        self, component: Reference, config: BatchConfig | ThresholdConfig | Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(component.lib)
        self._config = None if config is None else self.config_type.of(config)

    @mutating
    def add_items(self, ctx: MutationCtx | ActionCtx, batch_id: str, items: list[Any]) -> Answer[BatchResult]:
        """Add items to the batch that accumulates under an id.

        Raises:
            RuntimeError: the client was made without a config, in the original's words.
            UsageError: the config's callback is None.

        """
        return self._add(ctx, batch_id, items, self._config)

    def _add(
        self, ctx: MutationCtx | ActionCtx, batch_id: str, items: list[Any], config: _Config | None
    ) -> Answer[BatchResult]:
        if config is None:
            msg = "BatchProcessor config with processBatch is required to use addItems. Pass config to the constructor."
            raise RuntimeError(msg)
        given = config.as_data()
        if "processBatch" not in given:
            msg = "The batch config names no callback: its process_batch is None."
            raise UsageError(msg, next_step="Name an action of the app, like internal.mail.send.")
        given["processBatchHandle"] = ctx.create_function_handle(given.pop("processBatch"))
        return ctx.run_mutation(self._functions.add_items, {"batchId": batch_id, "items": items, "config": given})

    @querying
    def get_batch_status(self, ctx: QueryCtx | ActionCtx, batch_id: str) -> Answer[BatchStatusResult | None]:
        """Return what an id accumulates or has in flush, or None."""
        return ctx.run_query(self._functions.get_batch_status, {"batchId": batch_id})

    @querying
    def get_all_batches_for_base_id(self, ctx: QueryCtx | ActionCtx, base_batch_id: str) -> Answer[list[BatchListItem]]:
        """Return every batch of an id, completed ones too."""
        return ctx.run_query(self._functions.get_all_batches_for_base_id, {"baseBatchId": base_batch_id})


class ThresholdBatchProcessor(BatchProcessor):
    """The client of 1.0.9: its config has two thresholds, both optional (component-versions 9)."""

    __slots__ = ()

    config_type = ThresholdConfig
