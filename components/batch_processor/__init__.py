"""The batch processor: the first component written against convexsim, version by version.

Owns an accumulator (collect items under an id, flush them to a callback) and an iterator (carry a job through a table,
page by page). Each version keeps what its code did, also where its README said otherwise (component-versions). Read
`versions.py`, then `accumulator/common.py`.
"""

from components.batch_processor.client import (
    BatchConfig,
    BatchProcessor,
    NotInThisVersionError,
    OnFlushArgs,
    ReadmeBatchProcessor,
    ThresholdBatchProcessor,
    ThresholdConfig,
)
from components.batch_processor.host_app import host_app, script_app
from components.batch_processor.host_callbacks import DELIVERIES, PLAN, PLANS
from components.batch_processor.iterator_client import (
    GetNextBatchResult,
    HardenedIteratorConfig,
    IteratorConfig,
    IteratorHandleConfig,
    OnCompleteArgs,
    ProcessBatchArgs,
)
from components.batch_processor.versions import VERSIONS, Version, component

__all__ = [
    "DELIVERIES",
    "PLAN",
    "PLANS",
    "VERSIONS",
    "BatchConfig",
    "BatchProcessor",
    "GetNextBatchResult",
    "HardenedIteratorConfig",
    "IteratorConfig",
    "IteratorHandleConfig",
    "NotInThisVersionError",
    "OnCompleteArgs",
    "OnFlushArgs",
    "ProcessBatchArgs",
    "ReadmeBatchProcessor",
    "ThresholdBatchProcessor",
    "ThresholdConfig",
    "Version",
    "component",
    "host_app",
    "script_app",
]
