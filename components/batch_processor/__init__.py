"""The batch processor: the first component written against convexsim, version by version.

Owns an accumulator (collect items under an id, flush them to a callback). Each version keeps what its code did, also
where its README said otherwise (component-versions). Read `versions.py`, then `accumulator/common.py`.
"""

from components.batch_processor.client import (
    BatchConfig,
    BatchProcessor,
    NotInThisVersionError,
    ReadmeBatchProcessor,
    ThresholdBatchProcessor,
    ThresholdConfig,
)
from components.batch_processor.host_app import DELIVERIES, PLAN, host_app
from components.batch_processor.versions import VERSIONS, Version, component

__all__ = [
    "DELIVERIES",
    "PLAN",
    "VERSIONS",
    "BatchConfig",
    "BatchProcessor",
    "NotInThisVersionError",
    "ReadmeBatchProcessor",
    "ThresholdBatchProcessor",
    "ThresholdConfig",
    "Version",
    "component",
    "host_app",
]
