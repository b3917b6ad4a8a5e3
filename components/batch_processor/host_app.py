"""The smallest app that mounts the component: one public function for each call of its client, and the callbacks.

Owns the app that scenarios and tests run, and its accumulator half; its names are those of the recorded conformance
scenarios, so that the same operations drive the Python component and the original. Next: `host_callbacks.py` and
`host_iterator.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.batch_processor.client import BatchConfig, BatchProcessor, ReadmeBatchProcessor, ThresholdConfig
from components.batch_processor.host_callbacks import CALLBACKS, DELIVERIES, HOST_SCHEMA, PLANS
from components.batch_processor.host_iterator import iterator_calls
from components.batch_processor.versions import RELEASES, VERSIONS, component, version_of
from convexsim import (
    ActionCtx,
    Component,
    FunctionDefinition,
    MutationCtx,
    QueryCtx,
    ScriptApp,
    UsageError,
    api,
    components,
    cron_schedule,
    define_app,
    internal,
    internal_action,
    mutation,
    query,
    v,
)

__all__ = ["DEFAULT_CONFIG", "driver", "host_app", "script_app"]

DEFAULT_CONFIG: Final[Mapping[str, Any]] = {"maxBatchSize": 3, "flushIntervalMs": 1_000}
"""What the app is configured with unless told otherwise; small, so that few calls reach the threshold."""

Module = dict[str, FunctionDefinition]

_FLUSHED_BY_CRON: Final = ("0.1.0",)
"""Versions in which nothing but a cron of the app ever flushes by time (component-versions 4)."""


@mutation(args={"adds": v.array(v.any()), "fail": v.optional(v.string())})
def add_many(ctx: MutationCtx, adds: list[dict[str, Any]], fail: str | None = None) -> list[Any]:
    """Add several times in one mutation, and throw in the end if that is wanted."""
    results = [ctx.run_mutation(api.driver.add_items, add) for add in adds]
    if fail is not None:
        raise RuntimeError(fail)
    return results


def driver(version: str, config: BatchConfig | ThresholdConfig | Mapping[str, Any] = DEFAULT_CONFIG) -> Module:
    """Return the functions of the app's one module; see `host_app`."""
    make_client = version_of(version).client
    usual: ReadmeBatchProcessor | BatchProcessor
    if issubclass(make_client, BatchProcessor):
        usual = make_client(components.batch_processor, _with_callback(config))
        add_items = _adding_by_client(make_client, usual)
    else:
        usual = make_client(components.batch_processor)
        add_items = _adding_by_call(usual, _as_data(config))

    @mutation(args={"batchId": v.string()})
    def flush(ctx: MutationCtx, batch_id: str) -> Any:
        return usual.flush(ctx, batch_id)

    @query(args={"batchId": v.string()})
    def get_batch_status(ctx: QueryCtx, batch_id: str) -> Any:
        return usual.get_batch_status(ctx, batch_id)

    @query(args={"batchId": v.string(), "limit": v.optional(v.number())})
    def get_flush_history(ctx: QueryCtx, batch_id: str, limit: int | None = None) -> Any:
        return usual.get_flush_history(ctx, batch_id, limit)

    @query(args={"batchId": v.string()})
    def get_all_batches_for_base_id(ctx: QueryCtx, batch_id: str) -> Any:
        return usual.get_all_batches_for_base_id(ctx, batch_id)

    @mutation(args={"batchId": v.string()})
    def delete_batch(ctx: MutationCtx, batch_id: str) -> Any:
        return usual.delete_batch(ctx, batch_id)

    @internal_action
    async def check_flushes(ctx: ActionCtx) -> Any:
        return await usual.trigger_interval_flushes(ctx)

    return {
        "addItems": add_items,
        "addMany": add_many,
        "flush": flush,
        "getBatchStatus": get_batch_status,
        "getFlushHistory": get_flush_history,
        "getAllBatchesForBaseId": get_all_batches_for_base_id,
        "deleteBatch": delete_batch,
        "checkFlushes": check_flushes,
        **_dead_letter_calls(usual),
        **iterator_calls(usual),
        **CALLBACKS,
    }


def _dead_letter_calls(client: ReadmeBatchProcessor | BatchProcessor) -> Module:
    """Return the functions by which an app looks after dead letters."""

    @query(args={"batchId": v.optional(v.string()), "limit": v.optional(v.number())})
    def list_dead_letters(ctx: QueryCtx, batch_id: str | None = None, limit: int | None = None) -> Any:
        return client.list_dead_letters(ctx, batch_id, limit)

    @mutation(args={"batchId": v.string()})
    def retry_dead_letter(ctx: MutationCtx, batch_id: str) -> Any:
        return client.retry_dead_letter(ctx, batch_id)

    @mutation(args={"batchId": v.string()})
    def discard_dead_letter(ctx: MutationCtx, batch_id: str) -> Any:
        return client.discard_dead_letter(ctx, batch_id)

    return {
        "listDeadLetters": list_dead_letters,
        "retryDeadLetter": retry_dead_letter,
        "discardDeadLetter": discard_dead_letter,
    }


def host_app(
    version: str = "1.0.5", config: BatchConfig | ThresholdConfig | Mapping[str, Any] = DEFAULT_CONFIG
) -> Component:
    """Return an app with the component mounted as ``batchProcessor`` and one module, ``driver``.

    Its public functions are ``addItems{batchId, items, config?}`` (a config for this call only),
    ``addMany{adds: [{batchId, items, config?}], fail?}`` (several in one mutation, which then throws `fail`),
    ``flush``, ``getBatchStatus``, ``getAllBatchesForBaseId`` and ``deleteBatch{batchId}``,
    ``getFlushHistory{batchId, limit?}``, ``listDeadLetters{batchId?, limit?}``, ``retryDeadLetter{batchId}`` and
    ``discardDeadLetter{batchId}``, and those of `iterator_calls`.
    The internal ``checkFlushes`` is for a cron; with version 0.1.0, which never flushes by itself below the threshold,
    the app has one, every 30 s (so a scenario must say until when it runs). A function whose call the version lacks
    raises `NotInThisVersionError`. A world that runs the app declares the outside objects that the callbacks use, as
    `host_callbacks.py` says: `DELIVERIES`, and of `PLANS` those that it needs.

    Args:
        version: of the component.
        config: of its client, or in 0.x of each call; as data it may leave out processBatch, in 0.x onFlushHandle,
            which is then the app's own callback.

    Raises:
        UsageError: there is no such version, or the config is none of its.

    """
    crons = cron_schedule()
    if version in _FLUSHED_BY_CRON:
        crons.interval("check-batch-flushes", {"seconds": 30}, internal.driver.check_flushes)
    app = define_app({"driver": driver(version, config)}, HOST_SCHEMA, crons=crons)
    app.use(component(version), name="batchProcessor")
    return app


def script_app(version: str) -> ScriptApp:
    """Return what `convexsim script` runs: the app, and how to speak to it.

    Raises:
        UsageError: there is no such version.

    """
    own = version_of(version).schema.tables
    others = {table: None for label in RELEASES for table in VERSIONS[label].schema.tables if table not in own}
    app = host_app(version)
    ids = ("batchDocId", "scheduledFlushId")
    return ScriptApp(app, "driver", "batchProcessor", PLANS, DELIVERIES, absent=tuple(others), hidden=ids)


def _adding_by_client(make_client: type[BatchProcessor], usual: BatchProcessor) -> FunctionDefinition:
    """Return ``addItems`` where the config is the client's: one of its own for a call that brings one."""

    @mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": v.optional(v.any())})
    def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: dict[str, Any] | None = None) -> Any:
        own = None if config is None else make_client(components.batch_processor, _with_callback(config))
        return (usual if own is None else own).add_items(ctx, batch_id, items)

    return add_items


def _adding_by_call(client: ReadmeBatchProcessor, usual: Mapping[str, Any]) -> FunctionDefinition:
    """Return ``addItems`` where the config is the call's: the app's for a call that brings none."""

    @mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": v.optional(v.any())})
    def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: dict[str, Any] | None = None) -> Any:
        callback = ctx.create_function_handle(internal.driver.process_batch)
        own = usual if config is None else config
        return client.add_items(ctx, batch_id, items, {"onFlushHandle": callback, **own})

    return add_items


def _with_callback(
    config: BatchConfig | ThresholdConfig | Mapping[str, Any],
) -> BatchConfig | ThresholdConfig | Mapping[str, Any]:
    if isinstance(config, Mapping):
        return {"processBatch": internal.driver.process_batch, **config}
    return config


def _as_data(config: BatchConfig | ThresholdConfig | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(config, Mapping):
        return config
    msg = f"A {type(config).__name__} is for the clients of later versions."
    raise UsageError(msg, next_step='Give 0.x a config as data: {"maxBatchSize": 3, "flushIntervalMs": 1000}.')
