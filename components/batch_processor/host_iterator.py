"""The host app's calls of the iterator, and the table that its jobs go through.

Owns the iterator half of the app's module; the callbacks stand in `host_callbacks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.batch_processor.iterator_client import IteratorHandleClient
from convexsim import FunctionDefinition, MutationCtx, QueryCtx, internal, mutation, query, v

__all__ = ["iterator_calls"]

_CONFIG: Final = v.object(
    {
        "batchSize": v.number(),
        "delayBetweenBatchesMs": v.optional(v.number()),
        "maxRetries": v.optional(v.number()),
        "processBatch": v.optional(v.string()),
        "onComplete": v.optional(v.string()),
        "passDeliveryKey": v.optional(v.boolean()),
    }
)


def iterator_calls(client: IteratorHandleClient) -> dict[str, FunctionDefinition]:
    """Return the functions by which an app steers jobs through its client.

    ``seedRows{n}`` inserts rows with k = 0, 1, ... and returns n. ``startIterator{jobId, config}``: a config as data,
    without getNextBatch, in which `processBatch` and `onComplete` are names of callbacks and may be left out.
    ``pauseIterator``, ``resumeIterator``, ``cancelIterator``, ``getIteratorStatus`` and ``deleteIteratorJob{jobId}``;
    ``listIteratorJobs{options?: {status?, limit?}}``.
    """

    @mutation(args={"n": v.number()})
    def seed_rows(ctx: MutationCtx, n: int) -> int:
        for k in range(n):
            ctx.db.insert("rows", {"k": k})
        return n

    @mutation(args={"jobId": v.string(), "config": _CONFIG})
    def start_iterator(ctx: MutationCtx, job_id: str, config: dict[str, Any]) -> Any:
        return client.start_iterator(ctx, job_id, _job_config(client, config))

    @mutation(args={"jobId": v.string()})
    def pause_iterator(ctx: MutationCtx, job_id: str) -> Any:
        return client.pause_iterator(ctx, job_id)

    @mutation(args={"jobId": v.string()})
    def resume_iterator(ctx: MutationCtx, job_id: str) -> Any:
        return client.resume_iterator(ctx, job_id)

    @mutation(args={"jobId": v.string()})
    def cancel_iterator(ctx: MutationCtx, job_id: str) -> Any:
        return client.cancel_iterator(ctx, job_id)

    @query(args={"jobId": v.string()})
    def get_iterator_status(ctx: QueryCtx, job_id: str) -> Any:
        return client.get_iterator_status(ctx, job_id)

    @query(args={"options": v.optional(v.object({"status": v.optional(v.string()), "limit": v.optional(v.number())}))})
    def list_iterator_jobs(ctx: QueryCtx, options: dict[str, Any] | None = None) -> Any:
        return client.list_iterator_jobs(ctx, options)

    @mutation(args={"jobId": v.string()})
    def delete_iterator_job(ctx: MutationCtx, job_id: str) -> Any:
        return client.delete_iterator_job(ctx, job_id)

    return {
        "seedRows": seed_rows,
        "startIterator": start_iterator,
        "pauseIterator": pause_iterator,
        "resumeIterator": resume_iterator,
        "cancelIterator": cancel_iterator,
        "getIteratorStatus": get_iterator_status,
        "listIteratorJobs": list_iterator_jobs,
        "deleteIteratorJob": delete_iterator_job,
    }


def _job_config(client: IteratorHandleClient, config: Mapping[str, Any]) -> Any:
    """Return a config of the client's generation; callbacks as handles, which all of them take; they want keys."""
    key = {"passDeliveryKey": True} if "passDeliveryKey" in client.iterator_config.SPELLING else {}
    chosen = {"getNextBatch": "getNextBatch", "processBatch": "processBatch", **key, **config}
    spelled = {name.removesuffix("Handle"): name for name in client.iterator_config.SPELLING}
    given = {name: _handle(value) if isinstance(value, str) else value for name, value in chosen.items()}
    return client.iterator_config.of({spelled.get(name, name): value for name, value in given.items()})


def _handle(name: str) -> str:
    return str(getattr(internal.driver, name))
