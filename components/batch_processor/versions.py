"""Which version of the component consists of what: one flat row a version.

Owns the table of versions and how one of them becomes a component that an app can use. A row names every function by
its path and where it lives, so reading it needs no other row; a function that several versions share stands in the file
of the one that brought it, and the iterator's, which no version has changed, come together. Source:
component-versions 1, the matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from components.batch_processor import schema
from components.batch_processor.accumulator import (
    v0_1_0,
    v0_2_0,
    v1_0_3,
    v1_0_4,
    v1_0_5,
    v1_0_6,
    v1_0_7,
    v1_0_9,
)
from components.batch_processor.client import BatchProcessor, ReadmeBatchProcessor, ThresholdBatchProcessor
from components.batch_processor.hardened import admission, dead_letters, delivery, public
from components.batch_processor.hardened.client import HardenedBatchProcessor
from components.batch_processor.hardened.iterator import ITERATOR_HARDENED
from components.batch_processor.hardened.schema import SCHEMA_HARDENED
from components.batch_processor.iterator import ITERATOR_0_1_0, ITERATOR_1_0_3
from convexsim import Component, FunctionDefinition, SchemaDefinition, UsageError, define_component

__all__ = ["RELEASES", "VERSIONS", "Version", "component", "version_of"]


@frozen(eq=False)
class Version:
    """One release.

    Attributes:
        functions: by their paths, ``module:name`` as data spells it.
        schema: its tables.
        client: the class that apps call it with.

    """

    functions: Mapping[str, FunctionDefinition]
    schema: SchemaDefinition
    client: type[ReadmeBatchProcessor | BatchProcessor]


VERSIONS: Final[Mapping[str, Version]] = {
    "0.1.0": Version(
        functions={
            "public:addItems": v0_1_0.add_items,
            "public:flushBatch": v0_1_0.flush_batch,
            "public:getBatchStatus": v0_1_0.get_batch_status,
            "public:getFlushHistory": v0_1_0.get_flush_history,
            "public:deleteBatch": v0_1_0.delete_batch,
            "public:triggerIntervalFlushes": v0_1_0.trigger_interval_flushes,
            "internal:getBatch": v0_1_0.get_batch,
            "internal:checkFlushTimers": v0_1_0.check_flush_timers,
            "internal:markBatchFlushing": v0_1_0.mark_batch_flushing,
            "internal:executeFlush": v0_1_0.execute_flush,
            "internal:recordFlushResult": v0_1_0.record_flush_result,
            **ITERATOR_0_1_0,
        },
        schema=schema.SCHEMA_0_1_0,
        client=ReadmeBatchProcessor,
    ),
    "0.2.0": Version(
        functions={
            "public:addItems": v0_2_0.add_items,
            "public:flushBatch": v0_2_0.flush_batch,
            "public:getBatchStatus": v0_1_0.get_batch_status,
            "public:getFlushHistory": v0_1_0.get_flush_history,
            "public:deleteBatch": v0_2_0.delete_batch,
            "public:triggerIntervalFlushes": v0_1_0.trigger_interval_flushes,
            "internal:getBatch": v0_1_0.get_batch,
            "internal:checkFlushTimers": v0_1_0.check_flush_timers,
            "internal:markBatchFlushing": v0_2_0.mark_batch_flushing,
            "internal:executeFlush": v0_1_0.execute_flush,
            "internal:recordFlushResult": v0_2_0.record_flush_result,
            "internal:scheduledIntervalFlush": v0_2_0.scheduled_interval_flush,
            **ITERATOR_0_1_0,
        },
        schema=schema.SCHEMA_0_2_0,
        client=ReadmeBatchProcessor,
    ),
    "1.0.3": Version(
        functions={
            "lib:addItems": v1_0_3.add_items,
            "lib:flushBatch": v1_0_3.flush_batch,
            "lib:getBatchStatus": v1_0_3.get_batch_status,
            "lib:getAllBatchesForBaseId": v1_0_3.get_all_batches_for_base_id,
            "lib:getFlushHistory": v0_1_0.get_flush_history,
            "lib:deleteBatch": v0_2_0.delete_batch,
            "lib:getBatch": v0_1_0.get_batch,
            "lib:markBatchFlushing": v1_0_3.mark_batch_flushing,
            "lib:executeFlush": v1_0_3.execute_flush,
            "lib:recordFlushResult": v1_0_3.record_flush_result,
            "lib:scheduledIntervalFlush": v1_0_3.scheduled_interval_flush,
            **ITERATOR_1_0_3,
        },
        schema=schema.SCHEMA_1_0_3,
        client=BatchProcessor,
    ),
    "1.0.4": Version(
        functions={
            "lib:addItems": v1_0_4.add_items,
            "lib:flushBatch": v1_0_4.flush_batch,
            "lib:getBatchStatus": v1_0_3.get_batch_status,
            "lib:getAllBatchesForBaseId": v1_0_3.get_all_batches_for_base_id,
            "lib:getFlushHistory": v0_1_0.get_flush_history,
            "lib:deleteBatch": v1_0_4.delete_batch,
            "lib:getBatch": v0_1_0.get_batch,
            "lib:collectBatchItems": v1_0_4.collect_batch_items,
            "lib:markBatchFlushing": v1_0_4.mark_batch_flushing,
            "lib:executeFlush": v1_0_4.execute_flush,
            "lib:recordFlushResult": v1_0_4.record_flush_result,
            "lib:scheduledIntervalFlush": v1_0_3.scheduled_interval_flush,
            **ITERATOR_1_0_3,
        },
        schema=schema.SCHEMA_1_0_4,
        client=BatchProcessor,
    ),
    "1.0.5": Version(
        functions={
            "lib:addItems": v1_0_5.add_items,
            "lib:flushBatch": v1_0_5.flush_batch,
            "lib:getBatchStatus": v1_0_5.get_batch_status,
            "lib:getAllBatchesForBaseId": v1_0_5.get_all_batches_for_base_id,
            "lib:getFlushHistory": v0_1_0.get_flush_history,
            "lib:deleteBatch": v1_0_5.delete_batch,
            "lib:getBatch": v0_1_0.get_batch,
            "lib:collectBatchItems": v1_0_4.collect_batch_items,
            "lib:maybeFlush": v1_0_5.maybe_flush,
            "lib:doFlushTransition": v1_0_5.do_flush_transition,
            "lib:executeFlush": v1_0_4.execute_flush,
            "lib:recordFlushResult": v1_0_5.record_flush_result,
            "lib:scheduledIntervalFlush": v1_0_5.scheduled_interval_flush,
            **ITERATOR_1_0_3,
        },
        schema=schema.SCHEMA_1_0_5,
        client=BatchProcessor,
    ),
    "1.0.6": Version(
        functions={
            "lib:addItems": v1_0_6.add_items,
            "lib:flushBatch": v1_0_5.flush_batch,
            "lib:getBatchStatus": v1_0_5.get_batch_status,
            "lib:getAllBatchesForBaseId": v1_0_5.get_all_batches_for_base_id,
            "lib:getFlushHistory": v0_1_0.get_flush_history,
            "lib:deleteBatch": v1_0_5.delete_batch,
            "lib:getBatch": v0_1_0.get_batch,
            "lib:collectBatchItems": v1_0_4.collect_batch_items,
            "lib:maybeFlush": v1_0_5.maybe_flush,
            "lib:doFlushTransition": v1_0_5.do_flush_transition,
            "lib:executeFlush": v1_0_4.execute_flush,
            "lib:recordFlushResult": v1_0_5.record_flush_result,
            "lib:scheduledIntervalFlush": v1_0_5.scheduled_interval_flush,
            **ITERATOR_1_0_3,
        },
        schema=schema.SCHEMA_1_0_5,
        client=BatchProcessor,
    ),
    "1.0.7": Version(
        functions={
            "lib:addItems": v1_0_7.add_items,
            "lib:flushBatch": v1_0_5.flush_batch,
            "lib:getBatchStatus": v1_0_5.get_batch_status,
            "lib:getAllBatchesForBaseId": v1_0_5.get_all_batches_for_base_id,
            "lib:getFlushHistory": v0_1_0.get_flush_history,
            "lib:deleteBatch": v1_0_5.delete_batch,
            "lib:getBatch": v0_1_0.get_batch,
            "lib:collectBatchItems": v1_0_4.collect_batch_items,
            "lib:maybeFlush": v1_0_7.maybe_flush,
            "lib:doFlushTransition": v1_0_7.do_flush_transition,
            "lib:executeFlush": v1_0_4.execute_flush,
            "lib:recordFlushResult": v1_0_7.record_flush_result,
            "lib:scheduledIntervalFlush": v1_0_5.scheduled_interval_flush,
            **ITERATOR_1_0_3,
        },
        schema=schema.SCHEMA_1_0_5,
        client=BatchProcessor,
    ),
    "1.0.9": Version(
        functions={
            "lib:addItems": v1_0_9.add_items,
            "lib:flushBatch": v1_0_5.flush_batch,
            "lib:getBatchStatus": v1_0_9.get_batch_status,
            "lib:getAllBatchesForBaseId": v1_0_5.get_all_batches_for_base_id,
            "lib:getFlushHistory": v0_1_0.get_flush_history,
            "lib:deleteBatch": v1_0_5.delete_batch,
            "lib:getBatch": v0_1_0.get_batch,
            "lib:collectBatchItems": v1_0_4.collect_batch_items,
            "lib:maybeFlush": v1_0_7.maybe_flush,
            "lib:doFlushTransition": v1_0_9.do_flush_transition,
            "lib:executeFlush": v1_0_4.execute_flush,
            "lib:recordFlushResult": v1_0_9.record_flush_result,
            "lib:scheduledIntervalFlush": v1_0_5.scheduled_interval_flush,
            **ITERATOR_1_0_3,
        },
        schema=schema.SCHEMA_1_0_9,
        client=ThresholdBatchProcessor,
    ),
    "hardened": Version(
        functions={
            "lib:addItems": public.add_items,
            "lib:flushBatch": public.flush_batch,
            "lib:getBatchStatus": public.get_batch_status,
            "lib:getAllBatchesForBaseId": public.get_all_batches_for_base_id,
            "lib:getFlushHistory": v0_1_0.get_flush_history,
            "lib:deleteBatch": public.delete_batch,
            "lib:triggerIntervalFlushes": public.trigger_interval_flushes,
            "lib:listDeadLetters": dead_letters.list_dead_letters,
            "lib:retryDeadLetter": dead_letters.retry_dead_letter,
            "lib:discardDeadLetter": dead_letters.discard_dead_letter,
            "lib:countUnsealed": public.count_unsealed,
            "lib:admit": admission.admit,
            "lib:flushOnTime": admission.flush_on_time,
            "lib:collectBatch": admission.collect_batch,
            "lib:cleanUp": admission.clean_up,
            "lib:getFlush": delivery.get_flush,
            "lib:executeFlush": delivery.execute_flush,
            "lib:recordFlushResult": delivery.record_flush_result,
            "lib:watchFlush": delivery.watch_flush,
            "lib:retryFlush": delivery.retry_flush,
            **ITERATOR_HARDENED,
        },
        schema=SCHEMA_HARDENED,
        client=HardenedBatchProcessor,
    ),
}
"""Every version there is, oldest first; `hardened` is none of the original's."""

RELEASES: Final = tuple(label for label in VERSIONS if label != "hardened")
"""The versions that the original has released."""


def version_of(label: str) -> Version:
    """Return a version's row.

    Raises:
        UsageError: there is no such version; names those there are.

    """
    try:
        return VERSIONS[label]
    except KeyError:
        msg = f"The batch processor has no version {label!r} here."
        raise UsageError(msg, next_step=f"There are: {', '.join(VERSIONS)}.") from None


def component(label: str) -> Component:
    """Return a version as a component of its own, to be mounted with `use`.

    Raises:
        UsageError: there is no such version; names those there are.

    """
    version = version_of(label)
    modules: dict[str, dict[str, FunctionDefinition]] = {}
    for path, function in version.functions.items():
        module, _, name = path.partition(":")
        modules.setdefault(module, {})[name] = function
    return define_component("batchProcessor", modules, version.schema)
