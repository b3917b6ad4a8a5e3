"""What the client's calls answer: the types of their results, in data's spelling.

Owns fields and the words that may stand in them, by the names that the original's clients have for them where it has
any. What is left out of a result is absent, not None. Who fills them in stands in the component's functions, and how
an answer reaches its caller in `answers.py`. Sources: component-versions 2.2 and 3 to 9. Next: `client.py`.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "ActiveBatch",
    "BatchListItem",
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
    "IntervalFlushItem",
    "JobListItem",
    "JobPace",
    "JobResult",
    "JobStatus",
    "JobStatusResult",
    "ReadmeBatchConfig",
    "ReadmeBatchStatusResult",
]

BatchStatus: TypeAlias = Literal["accumulating", "flushing", "retrying", "deadLetter", "completed"]
"""How a batch stands; none but `hardened` has batches that are retrying, or dead letters."""

JobStatus: TypeAlias = Literal["pending", "running", "paused", "completed", "failed"]
"""How a job stands; one may ask for those that are pending, but no version has any (component-versions 2.1)."""

# ----------------------------------------------------------------------------------------- to add, to flush, to delete


class BatchResult(TypedDict):
    """What add_items answers, and retry_dead_letter.

    How many items that counts, and whether `flushed` is ever true, differs from version to version.
    """

    batchId: str
    itemCount: int
    flushed: bool
    status: Literal["accumulating", "flushing"]


class FlushResult(TypedDict):
    """What flush answers: a status if it has flushed, or is said to have, and otherwise a reason."""

    batchId: str
    itemCount: int
    flushed: bool
    status: NotRequired[Literal["flushing"]]
    reason: NotRequired[str]


class IntervalFlushItem(TypedDict):
    """What trigger_interval_flushes answers for each batch that was due."""

    batchId: str
    flushed: bool


class DeleteResult(TypedDict):
    """What delete_batch and delete_iterator_job answer: a reason if nothing was deleted."""

    deleted: bool
    reason: NotRequired[str]


# ------------------------------------------------------------------------------------------------ to look at batches


class ReadmeBatchConfig(TypedDict):
    """The README's BatchConfig: what an add brings along in 0.1.0 and 0.2.0, and a status shows (component-versions 4).

    Times in ms; without a handle nothing is ever flushed.
    """

    maxBatchSize: float
    flushIntervalMs: float
    onFlushHandle: NotRequired[str]


class ReadmeBatchStatusResult(TypedDict):
    """What get_batch_status answers in 0.1.0 and 0.2.0: the one batch of an id; times in ms."""

    batchId: str
    itemCount: int
    status: BatchStatus
    createdAt: float
    lastUpdatedAt: float
    config: ReadmeBatchConfig


class ActiveBatch(TypedDict):
    """One of the batches in a `BatchStatusResult`; times in ms.

    The message is that of the newest failed attempt, and only `hardened` shows it.
    """

    status: BatchStatus
    itemCount: int
    createdAt: float
    lastUpdatedAt: float
    errorMessage: NotRequired[str]


class FlushTriggers(TypedDict):
    """What a batch is flushed by: the part of its config that a `BatchStatusResult` shows (component-versions 7 and 9).

    Up to 1.0.7 it is always the size and the interval, in ms; from 1.0.9 on no number of items need be given.
    """

    immediateFlushThreshold: NotRequired[float]
    maxBatchSize: NotRequired[float]
    flushIntervalMs: float


class BatchStatusResult(TypedDict):
    """What get_batch_status answers from 1.0.3 on: the batches of an id that are not completed."""

    batchId: str
    batches: list[ActiveBatch]
    config: FlushTriggers


class BatchListItem(TypedDict):
    """What get_all_batches_for_base_id answers for each batch; times in ms."""

    batchId: str
    baseBatchId: str
    sequence: int
    itemCount: int
    status: BatchStatus
    createdAt: float
    lastUpdatedAt: float


class FlushHistoryItem(TypedDict):
    """What get_flush_history answers for each flush that has ended: a document (component-versions 3); times in ms."""

    _id: str
    _creationTime: float
    batchId: str
    itemCount: int
    flushedAt: float
    durationMs: float
    success: bool
    errorMessage: NotRequired[str]


# --------------------------------------------------------------------------------------------- dead letters: `hardened`


class DeadLetterItem(TypedDict):
    """What list_dead_letters answers for each; the message is that of the last attempt, times in ms."""

    batchId: str
    baseBatchId: str
    itemCount: int
    failures: int
    errorMessage: str
    createdAt: float
    lastUpdatedAt: float


class DiscardResult(TypedDict):
    """What discard_dead_letter answers: how many items are gone."""

    deleted: bool
    itemCount: int


# --------------------------------------------------------------------------------------------------------------- jobs


class JobResult(TypedDict):
    """What start_iterator, pause_iterator and resume_iterator answer."""

    jobId: str
    status: JobStatus


class CancelResult(JobResult):
    """What cancel_iterator answers: a reason if the job had ended before."""

    reason: NotRequired[str]


class JobPace(TypedDict):
    """How fast a job goes: the part of its config that a `JobStatusResult` shows; the delay is in ms."""

    batchSize: float
    delayBetweenBatchesMs: float


class JobStatusResult(TypedDict):
    """What get_iterator_status answers; times in ms.

    There is no cursor before the first page, nor after one that gave none, and no message before the first failure.
    """

    jobId: str
    status: JobStatus
    processedCount: int
    cursor: NotRequired[str]
    retryCount: int
    errorMessage: NotRequired[str]
    createdAt: float
    lastRunAt: float
    config: JobPace


class JobListItem(TypedDict):
    """What list_iterator_jobs answers for each job; times in ms."""

    jobId: str
    status: JobStatus
    processedCount: int
    createdAt: float
    lastRunAt: float
    errorMessage: NotRequired[str]
