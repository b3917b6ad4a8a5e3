"""The iterator's half of the client: how an app's functions start jobs, steer them and look at them.

Owns the spelling of its calls, the configs of a job in both generations, and the types of what the app's callbacks are
given and return. All rules are the component's (`iterator.py`). Next: `client.py`, the other half.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Generic, NotRequired, Self, TypedDict, TypeVar

from attrs import frozen

from components.batch_processor.answers import Answer, mutating, querying
from components.batch_processor.results import CancelResult, DeleteResult, JobListItem, JobResult, JobStatusResult
from convexsim import ActionCtx, MutationCtx, QueryCtx, Reference, UsageError

__all__ = [
    "GetNextBatchResult",
    "IteratorClient",
    "IteratorConfig",
    "IteratorHandleClient",
    "IteratorHandleConfig",
    "OnCompleteArgs",
    "ProcessBatchArgs",
]

T = TypeVar("T")


class GetNextBatchResult(TypedDict, Generic[T]):
    """What getNextBatch, a query of ``{cursor?, batchSize}``, returns: a page, and where the next one begins.

    The cursor is absent on the first call; a page of no items is not processed but counts as one.
    """

    items: list[T]
    cursor: NotRequired[str]
    done: bool


class ProcessBatchArgs(TypedDict, Generic[T]):
    """What processBatch, an action, is given."""

    items: list[T]


class OnCompleteArgs(TypedDict):
    """What onComplete, a mutation, is given after the last page."""

    jobId: str
    processedCount: int


class _Config:
    """What both generations of a job's config have in common: they may be given as data.

    Attributes:
        SPELLING: the fields as data spells them, and as Python does; those that a job needs come first.
        NEEDED: how many these are.

    """

    SPELLING: ClassVar[Mapping[str, str]]
    NEEDED: ClassVar[int] = 3

    @classmethod
    def of(cls, config: Self | Mapping[str, Any]) -> Self:
        """Return a config that may be given as data.

        Raises:
            UsageError: a field is missing, or there is one too many.

        """
        if isinstance(config, cls):
            return config
        needed, possible = list(cls.SPELLING)[: cls.NEEDED], list(cls.SPELLING)[cls.NEEDED :]
        if not isinstance(config, Mapping) or not {*needed} <= {*config} <= {*needed, *possible}:
            msg = f"{config!r} is no iterator config of this version."
            fields = f"It has the fields {', '.join(needed)} and, if you like, {', '.join(possible)}."
            raise UsageError(msg, next_step=fields)
        return cls(**{cls.SPELLING[name]: value for name, value in config.items()})

    def as_data(self) -> dict[str, Any]:
        """Return it in data's spelling, without what is not given."""
        given = {name: getattr(self, own) for name, own in self.SPELLING.items()}
        return {name: value for name, value in given.items() if value is not None}


@frozen
class IteratorConfig(_Config):
    """How a job is to be run, from 0.3 on (component-versions 6); callbacks are references of the app, or handles.

    Attributes:
        batch_size: items that a page is asked for.
        get_next_batch: the query that gives the next page.
        process_batch: the action that gets its items.
        on_complete: the mutation that is told of the end.
        delay_between_batches_ms: from the end of one page to the next; 100 if not given.
        max_retries: attempts at a page, the first one included; 5 if not given.

    """

    SPELLING: ClassVar[Mapping[str, str]] = {
        "batchSize": "batch_size",
        "getNextBatch": "get_next_batch",
        "processBatch": "process_batch",
        "onComplete": "on_complete",
        "delayBetweenBatchesMs": "delay_between_batches_ms",
        "maxRetries": "max_retries",
    }

    batch_size: float
    get_next_batch: Reference | str
    process_batch: Reference | str
    on_complete: Reference | str | None = None
    delay_between_batches_ms: float | None = None
    max_retries: float | None = None


@frozen
class IteratorHandleConfig(_Config):
    """The `IteratorConfig` of 0.1.0 and 0.2.0: the same fields in the same order, but callbacks are handles only.

    The app makes them, by `ctx.create_function_handle` or as ``str(reference)`` (component-versions 4).
    """

    SPELLING: ClassVar[Mapping[str, str]] = {
        "batchSize": "batch_size",
        "getNextBatchHandle": "get_next_batch_handle",
        "processBatchHandle": "process_batch_handle",
        "onCompleteHandle": "on_complete_handle",
        "delayBetweenBatchesMs": "delay_between_batches_ms",
        "maxRetries": "max_retries",
    }

    batch_size: float
    get_next_batch_handle: str
    process_batch_handle: str
    on_complete_handle: str | None = None
    delay_between_batches_ms: float | None = None
    max_retries: float | None = None


_CALLBACKS: Final = ("getNextBatch", "processBatch", "onComplete")


class IteratorHandleClient:
    """The iterator's calls as 0.1.0 and 0.2.0 have them: everything is passed on as it is given.

    Args:
        functions: the module with the component's public functions, like ``components.batch_processor.lib``.

    """

    __slots__ = ("_functions",)
    iterator_config: ClassVar[type[IteratorConfig | IteratorHandleConfig]] = IteratorHandleConfig

    def __init__(self, functions: Reference) -> None:
        self._functions = functions

    @mutating
    def start_iterator(self, ctx: MutationCtx | ActionCtx, job_id: str, config: Any) -> Answer[JobResult]:
        """Begin a job; `config` is an `iterator_config` of this client, or the same as data."""
        given = self.iterator_config.of(config).as_data()
        args = {"jobId": job_id, "config": self._with_handles(ctx, given)}
        return ctx.run_mutation(self._functions.start_iterator_job, args)

    @mutating
    def pause_iterator(self, ctx: MutationCtx | ActionCtx, job_id: str) -> Answer[JobResult]:
        """Pause a running job."""
        return ctx.run_mutation(self._functions.pause_iterator_job, {"jobId": job_id})

    @mutating
    def resume_iterator(self, ctx: MutationCtx | ActionCtx, job_id: str) -> Answer[JobResult]:
        """Let a paused job run again."""
        return ctx.run_mutation(self._functions.resume_iterator_job, {"jobId": job_id})

    @mutating
    def cancel_iterator(self, ctx: MutationCtx | ActionCtx, job_id: str) -> Answer[CancelResult]:
        """End a job as failed."""
        return ctx.run_mutation(self._functions.cancel_iterator_job, {"jobId": job_id})

    @querying
    def get_iterator_status(self, ctx: QueryCtx | ActionCtx, job_id: str) -> Answer[JobStatusResult | None]:
        """Return how far a job has come, or None."""
        return ctx.run_query(self._functions.get_iterator_job_status, {"jobId": job_id})

    @querying
    def list_iterator_jobs(
        self, ctx: QueryCtx | ActionCtx, options: Mapping[str, Any] | None = None
    ) -> Answer[list[JobListItem]]:
        """Return jobs, oldest first; `options` are ``status`` and ``limit``, each of which may be left out."""
        return ctx.run_query(self._functions.list_iterator_jobs, dict(options or {}))

    @mutating
    def delete_iterator_job(self, ctx: MutationCtx | ActionCtx, job_id: str) -> Answer[DeleteResult]:
        """Delete a job that has ended."""
        return ctx.run_mutation(self._functions.delete_iterator_job, {"jobId": job_id})

    def _with_handles(self, ctx: MutationCtx | ActionCtx, config: dict[str, Any]) -> dict[str, Any]:
        """Return a config as the component takes it."""
        return config


class IteratorClient(IteratorHandleClient):
    """The iterator's calls from 0.3 on: each start makes the handles anew and keeps none (component-versions 6)."""

    __slots__ = ()
    iterator_config = IteratorConfig

    def _with_handles(self, ctx: MutationCtx | ActionCtx, config: dict[str, Any]) -> dict[str, Any]:
        handles = {f"{name}Handle": ctx.create_function_handle(config[name]) for name in _CALLBACKS if name in config}
        return {**{name: value for name, value in config.items() if name not in _CALLBACKS}, **handles}
