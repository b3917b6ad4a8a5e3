"""The tables of the batch processor, in each of their shapes.

Owns field names, their validators and the indexes. A table that no version changed is defined once; `versions.py` says
which version has which schema. Knows no function. Next: `accumulator/common.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from convexsim import TableDefinition, define_schema, define_table, v

__all__ = [
    "BATCH_CONFIG",
    "FLUSH_HISTORY",
    "ITERATOR_CONFIG",
    "ITERATOR_JOBS",
    "ITERATOR_STATUS",
    "README_CONFIG",
    "SCHEMA_0_1_0",
    "SCHEMA_0_2_0",
    "SCHEMA_1_0_3",
    "SCHEMA_1_0_4",
    "SCHEMA_1_0_5",
    "SCHEMA_1_0_9",
    "THRESHOLD_CONFIG",
]

# ---------------------------------------------------------------------------------------------------------- configs
# Each as an argument of addItems, and as it stands in a batch.

README_CONFIG: Final = v.object(
    {
        "maxBatchSize": v.number(),
        "flushIntervalMs": v.number(),
        "onFlushHandle": v.optional(v.string()),
    }
)
"""How a batch is to be flushed in 0.1.0 and 0.2.0, if there is a handle (component-versions 4)."""

BATCH_CONFIG: Final = v.object(
    {
        "maxBatchSize": v.number(),
        "flushIntervalMs": v.number(),
        "processBatchHandle": v.string(),
    }
)
"""How a batch is to be flushed from 1.0.3 to 1.0.7 (component-versions 6)."""

THRESHOLD_CONFIG: Final = v.object(
    {
        "immediateFlushThreshold": v.optional(v.number()),
        "maxBatchSize": v.optional(v.number()),
        "flushIntervalMs": v.number(),
        "processBatchHandle": v.string(),
    }
)
"""How a batch is to be flushed in 1.0.9 (component-versions 9)."""

# ---------------------------------------------------------------------------------------------------------- batches

_BATCH: Final = {
    "batchId": v.string(),
    "createdAt": v.number(),
    "lastUpdatedAt": v.number(),
    "status": v.union(v.literal("accumulating"), v.literal("flushing"), v.literal("completed")),
}
_ITEMS: Final = {"items": v.array(v.any())}
_COUNTER: Final = {"itemCount": v.number()}
_TIMER: Final = {"scheduledFlushId": v.optional(v.id("_scheduled_functions"))}
_SEQUENCE: Final = {"baseBatchId": v.string(), "sequence": v.number()}
_FLUSH_START: Final = {"flushStartedAt": v.optional(v.number())}


def _batches(*groups: Mapping[str, Any], config: Any) -> TableDefinition:
    """Return the table of batches with these groups of fields besides those that each version has."""
    fields = {name: validator for group in (_BATCH, *groups) for name, validator in group.items()}
    return define_table({**fields, "config": config}).index("by_batchId", ["batchId"]).index("by_status", ["status"])


def _sequenced_batches(*groups: Mapping[str, Any], config: Any) -> TableDefinition:
    """Return the table of batches of which an id has several."""
    batches = _batches(_SEQUENCE, _TIMER, *groups, config=config)
    return batches.index("by_baseBatchId_status", ["baseBatchId", "status"])


def _uncounted_batches(config: Any) -> TableDefinition:
    """Return the table of batches without items and counter, both of which are told by `batchItems`."""
    batches = _sequenced_batches(_FLUSH_START, config=config)
    return batches.index("by_baseBatchId_sequence", ["baseBatchId", "sequence"])


# ----------------------------------------------------------------------------------------------------- other tables

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

ITERATOR_JOBS: Final = (
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

FLUSH_HISTORY: Final = define_table(
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

# ------------------------------------------------------------------------------------------------- the whole schemas

_UNCHANGED: Final = {"iteratorJobs": ITERATOR_JOBS, "flushHistory": FLUSH_HISTORY}

SCHEMA_0_1_0: Final = define_schema({"batches": _batches(_ITEMS, _COUNTER, config=README_CONFIG), **_UNCHANGED})
"""The tables of 0.1.0 (component-versions 4)."""

SCHEMA_0_2_0: Final = define_schema({"batches": _batches(_ITEMS, _COUNTER, _TIMER, config=README_CONFIG), **_UNCHANGED})
"""The tables of 0.2.0, with a timer (component-versions 5)."""

SCHEMA_1_0_3: Final = define_schema(
    {"batches": _sequenced_batches(_ITEMS, _COUNTER, config=BATCH_CONFIG), **_UNCHANGED}
)
"""The tables of 1.0.3, with a sequence (component-versions 7)."""

SCHEMA_1_0_4: Final = define_schema(
    {
        "batches": _sequenced_batches(_COUNTER, _FLUSH_START, config=BATCH_CONFIG),
        "batchItems": _BATCH_ITEMS,
        **_UNCHANGED,
    }
)
"""The tables of 1.0.4, with rows of items (component-versions 7a)."""

SCHEMA_1_0_5: Final = define_schema(
    {"batches": _uncounted_batches(BATCH_CONFIG), "batchItems": _BATCH_ITEMS, **_UNCHANGED}
)
"""The tables of 1.0.5, 1.0.6 and 1.0.7, without a counter (component-versions 8 and 9)."""

SCHEMA_1_0_9: Final = define_schema(
    {"batches": _uncounted_batches(THRESHOLD_CONFIG), "batchItems": _BATCH_ITEMS, **_UNCHANGED}
)
"""The tables of 1.0.9, with its config (component-versions 9)."""
