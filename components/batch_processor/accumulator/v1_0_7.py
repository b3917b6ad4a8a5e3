"""1.0.7: the action that has got a batch through the transition delivers it itself; timers run that same action.

Nothing is scheduled by the transition any more. scheduledIntervalFlush stays as it was, for timers that an older
version started, and so leaves its batch flushing with nobody to deliver it. Source: component-versions 9. Next:
`v1_0_9.py`.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from components.batch_processor.accumulator.common import Row, first_given
from components.batch_processor.accumulator.v1_0_4 import TIMED_FLUSH_RESULT
from components.batch_processor.accumulator.v1_0_5 import TRIGGERS as OLD_TRIGGERS
from components.batch_processor.accumulator.v1_0_5 import begin_transition, max_batch_size, record
from components.batch_processor.accumulator.v1_0_6 import add_uncounted
from components.batch_processor.schema import BATCH_CONFIG
from convexsim import ActionCtx, MutationCtx, internal, internal_action, internal_mutation, mutation, v

__all__ = ["TRIGGERS", "add_items", "do_flush_transition", "maybe_flush", "record_flush_result"]


def _start_timer(ctx: MutationCtx, batch_doc_id: str, config: Row) -> str:
    """Schedule a forced maybeFlush after the interval; return its id."""
    args = {"batchDocId": batch_doc_id, "force": True}
    return ctx.scheduler.run_after(config["flushIntervalMs"], internal.lib.maybe_flush, args)


TRIGGERS: Final = evolve(OLD_TRIGGERS, start_timer=_start_timer)


@mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": BATCH_CONFIG})
def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: Row) -> Row:
    """Add a row of items as 1.0.6 does, with the timer of this version."""
    return add_uncounted(ctx, batch_id, items, config, TRIGGERS)


@internal_action(args={"batchDocId": v.id("batches"), "force": v.optional(v.boolean())})
async def maybe_flush(ctx: ActionCtx, batch_doc_id: str, *, force: bool | None = None) -> None:
    """Try the transition to flushing, and if it was made, deliver the batch in this very action."""
    args = {"batchDocId": batch_doc_id, "force": first_given(force, False)}
    result = await ctx.run_mutation(internal.lib.do_flush_transition, args)
    if result["flushed"]:
        delivery = {"batchDocId": batch_doc_id, "processBatchHandle": result["processBatchHandle"]}
        await ctx.run_action(internal.lib.execute_flush, delivery)


@internal_mutation(args={"batchDocId": v.id("batches"), "force": v.optional(v.boolean())})
def do_flush_transition(ctx: MutationCtx, batch_doc_id: str, *, force: bool | None = None) -> Row:
    """Take a batch from accumulating to flushing and return its handle, if it is time; else say why not.

    Run by the batch's own timer, it cancels the scheduled function that it runs under (properties.md, races R1 and R2).
    """
    return begin_transition(ctx, batch_doc_id, None if force else max_batch_size)


@internal_mutation(args=TIMED_FLUSH_RESULT)
def record_flush_result(ctx: MutationCtx, **result: Any) -> None:
    """Write down a flush that has ended, as 1.0.5 does, with the timer of this version."""
    record(ctx, result, TRIGGERS)
