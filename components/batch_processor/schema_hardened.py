"""The tables of version `hardened`, as far as they are the iterator's.

Owns what a job and a hook are there. A job knows its step: the number, and the two scheduled functions that carry it.
Knows no function. Next: `iterator_hardened.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from components.batch_processor.schema import ITERATOR_CONFIG_FIELDS, iterator_config, iterator_jobs
from convexsim import TableDefinition, define_table, v

__all__ = ["ITERATOR_CONFIG_HARDENED", "ITERATOR_TABLES_HARDENED"]

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

ITERATOR_TABLES_HARDENED: Final[Mapping[str, TableDefinition]] = {
    "iteratorJobs": iterator_jobs(_CONFIG_FIELDS, _STEP),
    "iteratorHooks": define_table(_HOOK).index("by_jobId", ["jobId"]),
}
"""The iterator's tables by their names."""
