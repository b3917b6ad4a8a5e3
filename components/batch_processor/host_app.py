"""The smallest app that mounts the component: one public function for each call of its client, and a callback.

Owns the app that scenarios and tests run; its names are those of the recorded conformance scenarios, so that the same
operations drive the Python component and the original.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.batch_processor.client import BatchConfig, BatchProcessor
from components.batch_processor.versions import component, version_of
from convexsim import (
    ActionCtx,
    Component,
    FunctionDefinition,
    MutationCtx,
    QueryCtx,
    UsageError,
    components,
    define_app,
    internal,
    internal_action,
    mutation,
    query,
    v,
)

__all__ = ["DEFAULT_CONFIG", "DELIVERIES", "PLAN", "driver", "host_app"]

DEFAULT_CONFIG: Final[Mapping[str, Any]] = {"maxBatchSize": 3, "flushIntervalMs": 1_000}
"""What the app is configured with unless told otherwise; small, so that few calls reach the threshold."""

PLAN: Final = "processBatch"
"""The outside object that says how the callback's calls end, in order: ``"ok"`` or ``{"fail": message}``."""

DELIVERIES: Final = "deliveries"
"""The outside object to which the callback appends one entry a call, as `process_batch` says."""


@internal_action(args={"items": v.array(v.any())})
async def process_batch(ctx: ActionCtx, items: list[Any]) -> None:
    """Take delivery of a batch's items, and end as the plan says; without a plan, well.

    One entry a call, ``{"call": "processBatch", "t": <ms>, "items": [...], "plan": "ok" or {"fail": message}}``, is
    made before the call ends. So an entry is an attempted delivery, and it is acked exactly if its plan is ``"ok"``:
    the world outside has accepted the items, whether or not anybody lives to hear of it. A call that dies before it
    makes its entry has delivered nothing.
    """
    plan = await ctx.external(PLAN).take("ok")
    message = plan.get("fail") if isinstance(plan, dict) else None
    if plan != "ok" and not isinstance(message, str):
        msg = f"The plan {PLAN!r} has the entry {plan!r}."
        raise UsageError(msg, next_step='An entry is "ok" or {"fail": "a message"}.')
    await ctx.external(DELIVERIES).append({"call": "processBatch", "t": ctx.now(), "items": items, "plan": plan})
    if message is not None:
        raise RuntimeError(message)


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
        "flush": flush,
        "getBatchStatus": get_batch_status,
        "getFlushHistory": get_flush_history,
        "getAllBatchesForBaseId": get_all_batches_for_base_id,
        "deleteBatch": delete_batch,
        "processBatch": process_batch,
    }


def host_app(version: str = "1.0.5", config: BatchConfig | Mapping[str, Any] = DEFAULT_CONFIG) -> Component:
    """Return an app with the component mounted as ``batchProcessor`` and one module, ``driver``.

    Its public functions are ``addItems{batchId, items, config?}`` (a config for this call only), ``flush``,
    ``getBatchStatus``, ``getAllBatchesForBaseId`` and ``deleteBatch{batchId}``, ``getFlushHistory{batchId, limit?}``. A
    world that runs it declares the outside objects `PLAN` and `DELIVERIES` with ``world.external``.

    Args:
        version: of the component.
        config: of its client; as data it may leave processBatch out, which is then the app's own callback.

    Raises:
        UsageError: there is no such version, or the config is none.

    """
    app = define_app({"driver": driver(version, config)})
    app.use(component(version), name="batchProcessor")
    return app


def _with_callback(config: BatchConfig | Mapping[str, Any]) -> BatchConfig | Mapping[str, Any]:
    if isinstance(config, BatchConfig):
        return config
    return {"processBatch": internal.driver.process_batch, **config}
