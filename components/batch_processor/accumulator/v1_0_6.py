"""1.0.6: addItems no longer counts what is stored, so that concurrent adds of one id do not conflict.

Source: component-versions 9. Next: `v1_0_7.py`.
"""

from __future__ import annotations

from typing import Any

from components.batch_processor.accumulator.common import Row, accumulating, base_id_of
from components.batch_processor.accumulator.v1_0_5 import TRIGGERS, Triggers, add_row, ask_from
from components.batch_processor.schema import BATCH_CONFIG
from convexsim import MutationCtx, mutation, v

__all__ = ["add_items", "add_uncounted"]


@mutation(args={"batchId": v.string(), "items": v.array(v.any()), "config": BATCH_CONFIG})
def add_items(ctx: MutationCtx, batch_id: str, items: list[Any], config: Row) -> Row:
    """Add a row of items; only a call that brings a whole threshold by itself asks for a flush."""
    return add_uncounted(ctx, batch_id, items, config, TRIGGERS)


def add_uncounted(ctx: MutationCtx, batch_id: str, items: list[Any], config: Row, triggers: Triggers) -> Row:
    """Do what addItems does; it answers the number of its own items, whatever else is stored."""
    base_id = base_id_of(batch_id)
    batch_doc_id = add_row(ctx, base_id, items, config, triggers.start_timer)
    ask_from(ctx, batch_doc_id, len(items), triggers.threshold_of(config))
    return accumulating(base_id, len(items))
