"""What the tests of the accumulator share: configs, a world, and documents put where a test wants them."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import component
from components.batch_processor.host_app import driver as driver_module
from convexsim import FunctionError, MutationCtx, define_app
from tests.components.driver import Driver

HANDLE = "function://;driver:processBatch"


def config(max_batch_size: float = 3, flush_interval_ms: float = 1_000, handle: str = HANDLE) -> dict[str, Any]:
    """Return a config as the component takes it."""
    return {"maxBatchSize": max_batch_size, "flushIntervalMs": flush_interval_ms, "processBatchHandle": handle}


def readme_config(
    max_batch_size: float = 3, flush_interval_ms: float = 1_000, handle: str | None = HANDLE
) -> dict[str, Any]:
    """Return a config as the component of 0.x takes it, without a handle if that is None."""
    own = {} if handle is None else {"onFlushHandle": handle}
    return {"maxBatchSize": max_batch_size, "flushIntervalMs": flush_interval_ms, **own}


def world(plan: tuple[Any, ...] = (), version: str = "1.0.5") -> Driver:
    """Return a fresh world with the host app of a version, at 0 ms; without the cron that 0.1.0 has there."""
    app = define_app({"driver": driver_module(version)})
    app.use(component(version))
    return Driver(app, plan)


def put_batch(driver: Driver, name: str, status: str = "accumulating", **fields: Any) -> str:
    """Insert a batch named ``<base>::<sequence>`` and return its id."""
    base, _, sequence = name.partition("::")
    value = {
        "batchId": name,
        "baseBatchId": base,
        "sequence": int(sequence),
        "createdAt": 0,
        "lastUpdatedAt": 0,
        "status": status,
        "config": config(),
        **fields,
    }

    def put(ctx: MutationCtx) -> str:
        return ctx.db.insert("batches", value)

    return str(driver.write(put))


def put_readme_batch(driver: Driver, batch_id: str, items: list[Any], **fields: Any) -> str:
    """Insert an accumulating batch of 0.x and return its id."""
    value = {
        "batchId": batch_id,
        "items": items,
        "itemCount": len(items),
        "createdAt": 0,
        "lastUpdatedAt": 0,
        "status": "accumulating",
        "config": readme_config(),
        **fields,
    }

    def put(ctx: MutationCtx) -> str:
        return ctx.db.insert("batches", value)

    return str(driver.write(put))


def error_of(driver: Driver, path: str, **args: Any) -> str:
    """Call a function of the component, which must throw, and return the message."""
    with pytest.raises(FunctionError) as caught:
        driver.ask(path, **args)
    return caught.value.message


def put_row(driver: Driver, batch_doc_id: str, items: list[Any], created_at: float = 0) -> None:
    """Insert a row of items of a batch."""
    value = {"batchDocId": batch_doc_id, "items": items, "itemCount": len(items), "createdAt": created_at}

    def put(ctx: MutationCtx) -> None:
        ctx.db.insert("batchItems", value)

    driver.write(put)


def put_history(driver: Driver, batch_id: str, count: int) -> None:
    """Insert so many rows of history, told apart by itemCount 1, 2, ..., all at the same moment."""

    def put(ctx: MutationCtx) -> None:
        for number in range(1, count + 1):
            row = {"batchId": batch_id, "itemCount": number, "flushedAt": 0, "durationMs": 0, "success": True}
            ctx.db.insert("flushHistory", row)

    driver.write(put)


def batch_named(driver: Driver, name: str) -> dict[str, Any]:
    """Return the one batch of this name."""
    (batch,) = [row for row in driver.rows("batches") if row["batchId"] == name]
    return batch


def items_stored(driver: Driver) -> list[Any]:
    """Return all items that stand in rows, oldest row first."""
    return [item for row in driver.rows("batchItems") for item in row["items"]]
