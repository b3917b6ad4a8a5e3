"""Which version of the component consists of what: one flat row a version.

Owns the table of versions and how one of them becomes a component that an app can use. A row names every function by
its path and where it lives, so reading it needs no other row; a function that several versions share stands in the file
of the one that brought it, and the iterator's, which no version has changed, come together. Source: component-versions
1, the matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from components.batch_processor import schema
from components.batch_processor.accumulator import v0_1_0, v1_0_4, v1_0_5
from components.batch_processor.client import BatchProcessor
from components.batch_processor.iterator import ITERATOR_1_0_3
from convexsim import Component, FunctionDefinition, SchemaDefinition, UsageError, define_component

__all__ = ["VERSIONS", "Version", "component", "version_of"]


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
    client: type[BatchProcessor]


VERSIONS: Final[Mapping[str, Version]] = {
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
}
"""Every version there is, oldest first."""


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
