"""The tables of the batch processor, in each of their shapes.

Owns field names, their validators and the indexes. A table that no version changed is defined once; `versions.py` says
which version has which schema. Knows no function. Next: `accumulator/common.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from convexsim import define_schema, define_table, v

__all__ = ["BATCH_CONFIG", "ITERATOR_CONFIG", "ITERATOR_STATUS", "SCHEMA_1_0_5"]

BATCH_CONFIG: Final = v.object(
    {
        "maxBatchSize": v.number(),
        "flushIntervalMs": v.number(),
        "processBatchHandle": v.string(),
    }
)
"""How a batch is to be flushed: as an argument of addItems, and as it stands in a batch (component-versions 6)."""

_BATCH_STATUS: Final = v.union(v.literal("accumulating"), v.literal("flushing"), v.literal("completed"))

_BATCHES_1_0_5: Final = (
    define_table(
        {
            "batchId": v.string(),
            "baseBatchId": v.string(),
            "sequence": v.number(),
            "createdAt": v.number(),
            "lastUpdatedAt": v.number(),
            "status": _BATCH_STATUS,
            "config": BATCH_CONFIG,
            "scheduledFlushId": v.optional(v.id("_scheduled_functions")),
            "flushStartedAt": v.optional(v.number()),
        }
    )
    .index("by_batchId", ["batchId"])
    .index("by_baseBatchId_status", ["baseBatchId", "status"])
    .index("by_baseBatchId_sequence", ["baseBatchId", "sequence"])
    .index("by_status", ["status"])
)
"""Batches without items and without a counter: both are told by `batchItems` (component-versions 8)."""

_BATCH_ITEMS: Final = (
    define_table(
        {
            "batchDocId": v.id("batches"),
            "items": v.array(v.any()),
            "itemCount": v.number(),
            "createdAt": v.number(),
        }
    )
    .index("by_batchDocId", ["batchDocId"])
    .index("by_batchDocId_createdAt", ["batchDocId", "createdAt"])
)
"""One row a call of addItems (component-versions 7a)."""

ITERATOR_STATUS: Final = v.union(*map(v.literal, ("pending", "running", "paused", "completed", "failed")))
"""How a job stands; no function ever writes ``pending`` (component-versions 2.1)."""

_ITERATOR_CONFIG: Final[Mapping[str, Any]] = {
    "batchSize": v.number(),
    "delayBetweenBatchesMs": v.number(),
    "getNextBatchHandle": v.string(),
    "processBatchHandle": v.string(),
    "onCompleteHandle": v.optional(v.string()),
    "maxRetries": v.optional(v.number()),
}

ITERATOR_CONFIG: Final = v.object({**_ITERATOR_CONFIG, "delayBetweenBatchesMs": v.optional(v.number())})
"""How a job is to be run, as an argument of startIteratorJob; in a job the delay is always there."""

_ITERATOR_JOBS: Final = (
    define_table(
        {
            "jobId": v.string(),
            "cursor": v.optional(v.string()),
            "processedCount": v.number(),
            "status": ITERATOR_STATUS,
            "config": v.object(_ITERATOR_CONFIG),
            "retryCount": v.number(),
            "errorMessage": v.optional(v.string()),
            "createdAt": v.number(),
            "lastRunAt": v.optional(v.number()),
        }
    )
    .index("by_jobId", ["jobId"])
    .index("by_status", ["status"])
)
"""The same in every version (component-versions 2.1)."""

_FLUSH_HISTORY: Final = define_table(
    {
        "batchId": v.string(),
        "itemCount": v.number(),
        "flushedAt": v.number(),
        "durationMs": v.number(),
        "success": v.boolean(),
        "errorMessage": v.optional(v.string()),
    }
).index("by_batchId", ["batchId"])
"""The same in every version (component-versions 3)."""

SCHEMA_1_0_5: Final = define_schema(
    {
        "batches": _BATCHES_1_0_5,
        "batchItems": _BATCH_ITEMS,
        "iteratorJobs": _ITERATOR_JOBS,
        "flushHistory": _FLUSH_HISTORY,
    }
)
"""The tables of 1.0.5, 1.0.6 and 1.0.7 (component-versions 8 and 9)."""
