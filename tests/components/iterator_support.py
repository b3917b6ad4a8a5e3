"""What the tests of the iterator share: a world with rows, and jobs put where a test wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from components.batch_processor import component, host_app
from components.batch_processor.host_app import driver as host_module
from components.batch_processor.host_callbacks import HOST_SCHEMA
from convexsim import Component, FunctionDefinition, MutationCtx, define_app
from tests.components.driver import Driver

STATUSES = ("pending", "running", "paused", "completed", "failed")


def handle(name: str) -> str:
    """Return the handle of one of the host's callbacks."""
    return f"function://;driver:{name}"


def config(**changed: Any) -> dict[str, Any]:
    """Return a config as the component takes it; None takes a field out."""
    usual = {
        "batchSize": 2,
        "delayBetweenBatchesMs": 10,
        "getNextBatchHandle": handle("getNextBatch"),
        "processBatchHandle": handle("processBatch"),
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def world(rows: int = 5, *, own: Mapping[str, FunctionDefinition] | None = None, **plans: Any) -> Driver:
    """Return a world at 0 ms whose table has rows 0, 1, ...; `own` functions stand in the place of the host's."""
    app = host_app()
    if own is not None:
        app = define_app({"driver": {**host_module("1.0.5"), **own}}, HOST_SCHEMA)
        app.use(component("1.0.5"))
    return SeededDriver(app, rows, plans)


class SeededDriver(Driver):
    """A driver whose host has rows from the beginning."""

    def __init__(self, app: Component, rows: int, plans: Mapping[str, Any]) -> None:
        super().__init__(app, **plans)
        self._seed = rows

    def __enter__(self) -> Self:
        super().__enter__()
        self.host("seedRows", n=self._seed)
        return self


def put_job(driver: Driver, status: str, job_id: str = "j", **fields: Any) -> str:
    """Insert a job that no chain drives and return its id."""
    value = {
        "jobId": job_id,
        "processedCount": 0,
        "status": status,
        "config": config(),
        "retryCount": 0,
        "createdAt": 0,
        **fields,
    }

    def put(ctx: MutationCtx) -> str:
        return ctx.db.insert("iteratorJobs", value)

    return str(driver.write(put))


def start(driver: Driver, **changed: Any) -> str:
    """Start the job ``j`` and return the id of its document."""
    driver.lib("startIteratorJob", jobId="j", config=config(**changed))
    return str(driver.rows("iteratorJobs")[-1]["_id"])


def job(driver: Driver) -> dict[str, Any]:
    """Return the one job, without the platform's fields and its config."""
    (row,) = driver.rows("iteratorJobs")
    return {name: value for name, value in row.items() if name not in ("_id", "_creationTime", "config")}


def processed(driver: Driver) -> list[tuple[float, list[Any]]]:
    """Return when the callback was given which items, failed attempts too."""
    return [(entry["t"], entry["items"]) for entry in driver.deliveries if "items" in entry]


def chains(driver: Driver) -> int:
    """Return how many steps of jobs are still to come."""
    return sum(name == "processNextBatch" for name, _ in driver.pending())
