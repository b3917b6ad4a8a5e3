"""The tables of `hardened`, and what its config may say.

Owns field names, validators and indexes. A batch and a row of items look as in 1.0.9 as far as both know the same; what
is new is told beside the fields. Knows no function. Next: `shared.py`.
"""

from __future__ import annotations

from typing import Any, Final

from components.batch_processor.schema import FLUSH_HISTORY, ITERATOR_CONFIG_FIELDS, iterator_config, iterator_jobs
from convexsim import define_schema, define_table, v

__all__ = ["CONFIG", "ITERATOR_CONFIG_HARDENED", "ITERATOR_TABLES_HARDENED", "SCHEMA_HARDENED", "STATUS"]

_OPTIONS: Final[dict[str, Any]] = {
    "immediateFlushThreshold": v.optional(v.number()),
    "maxBatchSize": v.optional(v.number()),
    "flushIntervalMs": v.number(),
    "passDeliveryKey": v.optional(v.boolean()),
    "maxAttempts": v.optional(v.number()),
}

CONFIG: Final = v.object(
    {**_OPTIONS, "processBatchHandle": v.optional(v.string()), "onFlushHandle": v.optional(v.string())}
)
"""How a batch is to be flushed, as an argument of addItems: the config of the README, of 1.0.9, or with more options.

One of the two handles must be there: nothing could ever deliver what is added without.
"""

_STORED_CONFIG: Final = v.object({**_OPTIONS, "processBatchHandle": v.string()})

STATUS: Final = v.union(*map(v.literal, ("accumulating", "flushing", "retrying", "deadLetter", "completed")))
"""How a batch stands: it moves to the right; and back to flushing from retrying or, if asked, deadLetter."""

_COUNTED: Final = v.object({"rows": v.number(), "items": v.number(), "size": v.number(), "upTo": v.commit_ts()})
_SCHEDULED: Final = v.optional(v.id("_scheduled_functions"))

_BATCHES: Final = (
    define_table(
        {
            "batchId": v.string(),
            "baseBatchId": v.string(),
            "sequence": v.number(),
            "createdAt": v.number(),
            "lastUpdatedAt": v.number(),
            "status": STATUS,
            "config": _STORED_CONFIG,
            # While it accumulates: its timer and when that is due; the lowest threshold of its rows, and how much was
            # counted so far, up to which commit.
            "scheduledFlushId": _SCHEDULED,
            "flushAt": v.optional(v.number()),
            "threshold": v.optional(v.number()),
            "counted": v.optional(_COUNTED),
            # From the line to the seal: the commits whose rows belong to it, after the one and up to the other.
            "after": v.optional(v.commit_ts()),
            "line": v.optional(v.commit_ts()),
            # Once sealed: what it holds, and who delivers it. `attempt` is the token of the lease, 0 before the first.
            "itemCount": v.optional(v.number()),
            "attempt": v.number(),
            "failures": v.number(),
            "executorId": _SCHEDULED,
            "watchdogId": _SCHEDULED,
            "retryId": _SCHEDULED,
            "errorMessage": v.optional(v.string()),
        }
    )
    .index("by_batchId", ["batchId"])
    .index("by_status", ["status"])
    .index("by_status_flushAt", ["status", "flushAt"])
    .index("by_baseBatchId_status", ["baseBatchId", "status"])
    .index("by_baseBatchId_sequence", ["baseBatchId", "sequence"])
)

_BATCH_ITEMS: Final = (
    define_table(
        {
            "baseBatchId": v.string(),
            "batchDocId": v.optional(v.id("batches")),  # absent until a batch has sealed the row
            "items": v.array(v.any()),
            "itemCount": v.number(),
            "size": v.number(),  # of the row, in bytes
            "createdAt": v.number(),
            "committedAt": v.commit_ts(),
            "config": _STORED_CONFIG,
        }
    )
    .index("by_batchDocId", ["batchDocId", "committedAt"])
    .index("by_baseBatchId_batchDocId", ["baseBatchId", "batchDocId", "committedAt"])
)
"""One row a call of addItems, with the config of that call."""

_STREAMS: Final = define_table(
    {
        "baseBatchId": v.string(),
        "nextSequence": v.number(),
        "line": v.optional(v.commit_ts()),  # the newest that was drawn: what was committed later is not covered
    }
).index("by_baseBatchId", ["baseBatchId"])
"""What is remembered of an id for ever, so that no number of a batch, and no line, comes twice."""

# ---------------------------------------------------------------------------------------------- the iterator


_CONFIG_FIELDS: Final = {**ITERATOR_CONFIG_FIELDS, "passDeliveryKey": v.optional(v.boolean())}

ITERATOR_CONFIG_HARDENED: Final = iterator_config(_CONFIG_FIELDS)
"""How a job is to be run, as an argument of startIteratorJob."""

_STEP: Final = {
    "step": v.number(),
    "stepId": v.optional(v.id("_scheduled_functions")),
    "watchdogId": v.optional(v.id("_scheduled_functions")),
    "notBefore": v.optional(v.number()),
    "pages": v.number(),
}
"""Where a job stands: the number of its newest step; while that is pending, running or on its way to be written down,
the functions that carry and watch it; when the next attempt may begin (ms), if the last one failed; pages written down.
"""

_HOOK: Final = {
    "jobDocId": v.id("iteratorJobs"),
    "jobId": v.string(),
    "processedCount": v.number(),
    "onCompleteHandle": v.string(),
    "attempts": v.number(),
    "errorMessage": v.optional(v.string()),
}
"""A job that is completed and whose onComplete has not succeeded yet: all that its call needs, for the job may be gone.
"""

ITERATOR_TABLES_HARDENED: Final = {
    "iteratorJobs": iterator_jobs(_CONFIG_FIELDS, _STEP),
    "iteratorHooks": define_table(_HOOK).index("by_jobId", ["jobId"]),
}
"""The iterator's tables by their names."""

# -------------------------------------------------------------------------------------------------------------- all

SCHEMA_HARDENED: Final = define_schema(
    {
        "batches": _BATCHES,
        "batchItems": _BATCH_ITEMS,
        "streams": _STREAMS,
        "flushHistory": FLUSH_HISTORY,
        **ITERATOR_TABLES_HARDENED,
    }
)
"""The tables of `hardened`."""
