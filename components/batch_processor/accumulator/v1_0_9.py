"""1.0.9: the threshold is called immediateFlushThreshold, maxBatchSize stands in for it, and there may be neither.

That a config has a threshold or an interval at all is not checked: without both, only flush() flushes. Source:
component-versions 9. Next: `../versions.py`.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from components.batch_processor.accumulator.common import Row, first_given
from components.batch_processor.accumulator.v1_0_4 import TIMED_FLUSH_RESULT
from components.batch_processor.accumulator.v1_0_5 import begin_transition, record, status_with_counts
from components.batch_processor.accumulator.v1_0_6 import add_uncounted
from components.batch_processor.accumulator.v1_0_7 import TRIGGERS as OLD_TRIGGERS
from components.batch_processor.schema import THRESHOLD_CONFIG
from convexsim import MutationCtx, QueryCtx, internal_mutation, mutation, query, v

__all__ = ["add_items", "do_flush_transition", "get_batch_status", "record_flush_result"]


def _threshold(config: Row) -> float | None:
    threshold: float | None = first_given(config.get("immediateFlushThreshold"), config.get("maxBatchSize"))
    return threshold


_TRIGGERS: Final = evolve(OLD_TRIGGERS, threshold_of=_threshold)


@mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": THRESHOLD_CONFIG})
def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: Row) -> Row:
    """Add a row of items as 1.0.7 does; without a threshold, no call asks for a flush."""
    return add_uncounted(ctx, batch_id, items, config, _TRIGGERS)


@query(args={"batchId": v.string()})
def get_batch_status(ctx: QueryCtx, batch_id: str) -> Row | None:
    """Return the flushing, then the accumulating batches of a base id; None if there are none."""
    return status_with_counts(ctx, batch_id, ("immediateFlushThreshold", "maxBatchSize", "flushIntervalMs"))


@internal_mutation(args={"batchDocId": v.id("batches"), "force": v.optional(v.boolean())})
def do_flush_transition(ctx: MutationCtx, batch_doc_id: str, *, force: bool | None = None) -> Row:
    """Take a batch to flushing as 1.0.7 does; without a threshold, every attempt is as good as a forced one."""
    return begin_transition(ctx, batch_doc_id, None if force else _threshold)


@internal_mutation(args=TIMED_FLUSH_RESULT)
def record_flush_result(ctx: MutationCtx, **result: Any) -> None:
    """Write down a flush that has ended, as 1.0.7 does; without a threshold, what is left waits for the timer."""
    record(ctx, result, _TRIGGERS)
