"""The smallest app that mounts the component: one public function for each call of its client, and the callbacks.

Owns the app that scenarios and tests run, and its accumulator half; its names are those of the recorded conformance
scenarios, so that the same operations drive the Python component and the original. Next: `host_callbacks.py` and
`host_iterator.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.batch_processor.client import BatchConfig, BatchProcessor
from components.batch_processor.host_callbacks import CALLBACKS, DELIVERIES, HOST_SCHEMA, PLANS
from components.batch_processor.host_iterator import iterator_calls
from components.batch_processor.versions import VERSIONS, component, version_of
from convexsim import (
    Component,
    FunctionDefinition,
    MutationCtx,
    QueryCtx,
    ScriptApp,
    api,
    components,
    define_app,
    internal,
    mutation,
    query,
    v,
)

__all__ = ["DEFAULT_CONFIG", "driver", "host_app", "script_app"]

DEFAULT_CONFIG: Final[Mapping[str, Any]] = {"maxBatchSize": 3, "flushIntervalMs": 1_000}
"""What the app is configured with unless told otherwise; small, so that few calls reach the threshold."""


@mutation(args={"adds": v.array(v.any()), "fail": v.optional(v.string())})
def add_many(ctx: MutationCtx, adds: list[dict[str, Any]], fail: str | None = None) -> list[Any]:
    """Add several times in one mutation, and throw in the end if that is wanted."""
    results = [ctx.run_mutation(api.driver.add_items, add) for add in adds]
    if fail is not None:
        raise RuntimeError(fail)
    return results


def driver(version: str, config: BatchConfig | Mapping[str, Any] = DEFAULT_CONFIG) -> dict[str, FunctionDefinition]:
    """Return the functions of the app's one module; see `host_app`."""
    make_client = version_of(version).client
    usual = make_client(components.batch_processor, _with_callback(config))

    def client(own: Mapping[str, Any] | None) -> BatchProcessor:
        return usual if own is None else make_client(components.batch_processor, _with_callback(own))

    @mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": v.optional(v.any())})
    def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: dict[str, Any] | None = None) -> Any:
        return client(config).add_items(ctx, batch_id, items)

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

    return {
        "addItems": add_items,
        "addMany": add_many,
        "flush": flush,
        "getBatchStatus": get_batch_status,
        "getFlushHistory": get_flush_history,
        "getAllBatchesForBaseId": get_all_batches_for_base_id,
        "deleteBatch": delete_batch,
        **iterator_calls(usual),
        **CALLBACKS,
    }


def host_app(version: str = "1.0.5", config: BatchConfig | Mapping[str, Any] = DEFAULT_CONFIG) -> Component:
    """Return an app with the component mounted as ``batchProcessor`` and one module, ``driver``.

    Its public functions are ``addItems{batchId, items, config?}`` (a config for this call only),
    ``addMany{adds: [{batchId, items, config?}], fail?}`` (several in one mutation, which then throws `fail`),
    ``flush``, ``getBatchStatus``, ``getAllBatchesForBaseId`` and ``deleteBatch{batchId}``,
    ``getFlushHistory{batchId, limit?}``, and those of `iterator_calls`. A world that runs it declares the outside
    objects that the callbacks use, as `host_callbacks.py` says: `DELIVERIES`, and of `PLANS` those that it needs.

    Args:
        version: of the component.
        config: of its client; as data it may leave processBatch out, which is then the app's own callback.

    Raises:
        UsageError: there is no such version, or the config is none.

    """
    app = define_app({"driver": driver(version, config)}, HOST_SCHEMA)
    app.use(component(version), name="batchProcessor")
    return app


def script_app(version: str) -> ScriptApp:
    """Return what `convexsim script` runs: the app, and how to speak to it.

    Raises:
        UsageError: there is no such version.

    """
    own = version_of(version).schema.tables
    others = {table: None for other in VERSIONS.values() for table in other.schema.tables if table not in own}
    app = host_app(version)
    ids = ("batchDocId", "scheduledFlushId")
    return ScriptApp(app, "driver", "batchProcessor", PLANS, DELIVERIES, absent=tuple(others), hidden=ids)


def _with_callback(config: BatchConfig | Mapping[str, Any]) -> BatchConfig | Mapping[str, Any]:
    if isinstance(config, BatchConfig):
        return config
    return {"processBatch": internal.driver.process_batch, **config}
