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
from components.batch_processor.hardened.client import HardenedBatchProcessor, HardenedConfig
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
from components.batch_processor.matrix import matrix
from components.batch_processor.results import (
    ActiveBatch,
    BatchListItem,
    BatchResult,
    BatchStatus,
    BatchStatusResult,
    CancelResult,
    DeadLetterItem,
    DeleteResult,
    DiscardResult,
    FlushHistoryItem,
    FlushResult,
    FlushTriggers,
    IntervalFlushItem,
    JobListItem,
    JobPace,
    JobResult,
    JobStatus,
    JobStatusResult,
    ReadmeBatchConfig,
    ReadmeBatchStatusResult,
)
from components.batch_processor.versions import RELEASES, VERSIONS, Version, component

__all__ = [
    "DELIVERIES",
    "PLAN",
    "PLANS",
    "RELEASES",
    "VERSIONS",
    "ActiveBatch",
    "BatchConfig",
    "BatchListItem",
    "BatchProcessor",
    "BatchResult",
    "BatchStatus",
    "BatchStatusResult",
    "CancelResult",
    "DeadLetterItem",
    "DeleteResult",
    "DiscardResult",
    "FlushHistoryItem",
    "FlushResult",
    "FlushTriggers",
    "GetNextBatchResult",
    "HardenedBatchProcessor",
    "HardenedConfig",
    "HardenedIteratorConfig",
    "IntervalFlushItem",
    "IteratorConfig",
    "IteratorHandleConfig",
    "JobListItem",
    "JobPace",
    "JobResult",
    "JobStatus",
    "JobStatusResult",
    "NotInThisVersionError",
    "OnCompleteArgs",
    "OnFlushArgs",
    "ProcessBatchArgs",
    "ReadmeBatchConfig",
    "ReadmeBatchProcessor",
    "ReadmeBatchStatusResult",
    "ThresholdBatchProcessor",
    "ThresholdConfig",
    "Version",
    "component",
    "host_app",
    "matrix",
    "script_app",
]
