"""The iterator's jobs: what stands in a world, and how it came about.

Owns the reading of jobs and their steps, and the fold over a run's moments; judges nothing. The host's callbacks do not
say for which job they are called, so what is told of pages belongs to a job only where there was never another one
(`Story.is_alone`). Next: `iterator.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from components.batch_processor.iterator import DEFAULT_MAX_RETRIES, FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS
from components.batch_processor.properties.chronicle import Span, committed_by
from components.batch_processor.properties.ledger import Entry, ledger
from components.batch_processor.properties.records import COMPONENT, LAYOUTS, Function, Layout, is_commit
from convexsim import View

__all__ = ["CANCEL", "CANCELLED", "ENDED", "STEP", "Job", "Pause", "Story", "backoff_ms", "pages", "story"]

CANCEL: Final = "driver:cancelIterator"
CANCELLED: Final = "Cancelled by user"
ENDED: Final = ("completed", "failed")
STEP: Final = "processNextBatch"
"""The function that takes a page of a job."""


@frozen
class Job:
    """One job document.

    Attributes:
        cursor: the k of the last row of the last page; None before that.
        attempts: how often a page may be tried.
        document: all of it.

    """

    id: str
    name: str
    status: str
    cursor: int | None
    processed: float
    retries: float
    attempts: float
    delay_ms: float
    has_hook: bool
    document: Mapping[str, Any]

    @property
    def is_cancelled(self) -> bool:
        """Whether it was ended by a cancel."""
        return self.document.get("errorMessage") == CANCELLED


@frozen
class Pause:
    """A job that is paused.

    Attributes:
        entries: how many entries the ledger had when the pause was committed.
        in_flight: whether a step was running then.
        is_alone: whether no other job has been running since.

    """

    entries: int
    in_flight: bool
    is_alone: bool


@frozen(eq=False)
class Story:
    """What the past of the jobs tells at one moment.

    Attributes:
        jobs: by id, as they are.
        before: as they were at the moment before.
        steps: the live functions that take pages, or write down how that went.
        seen: by id, every job that there ever was, as it was last seen.
        rows: by the id of a job, the rows that there were when it was first seen.
        completed: the names of the jobs that were ever completed, one for each.
        hooked: the names of those of them that have a hook.
        early: the names of those whose hook has run before that.
        completions: how many runs of hooks were committed.
        cancelled: by the id of a job that a client has cancelled, how many entries the ledger had then.
        paused: by the id of a job, its pause.
        failed: by the id of a job, when its last failed attempt was written down and how many there are in a row.
        hasty: attempts that came too soon after such a failure: the failures, and the ms in between.
        entries: how many entries the ledger has.
        stepless: since when running jobs have had no step, by their ids; and `gaps`, how long, for those that were so.

    """

    jobs: Mapping[str, Job]
    before: Mapping[str, Job]
    steps: tuple[Function, ...]
    seen: Mapping[str, Job] = field(factory=dict)
    rows: Mapping[str, frozenset[int]] = field(factory=dict)
    completed: tuple[str, ...] = ()
    hooked: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    completions: int = 0
    cancelled: Mapping[str, int] = field(factory=dict)
    paused: Mapping[str, Pause] = field(factory=dict)
    failed: Mapping[str, tuple[float, int]] = field(factory=dict)
    hasty: tuple[tuple[int, float], ...] = ()
    entries: int = 0
    stepless: Mapping[str, float] = field(factory=dict)
    gaps: tuple[Span, ...] = ()

    @property
    def is_alone(self) -> bool:
        """Whether there was never more than one job, so that all pages are its own."""
        return len(self.seen) == 1

    def steps_of(self, job: Job, *states: str) -> list[Function]:
        """Return the steps of a job in some states; what only writes down counts as running."""
        own = [step for step in self.steps if step.args.get("jobDocId") == job.id]
        return [step for step in own if (step.state if step.name == STEP else "inProgress") in states]


def story(layout: Layout, view: View) -> Story:
    """Return what the past of the jobs tells."""
    return view.folded(_STEPS[layout.version])


def pages(view: View) -> list[Entry]:
    """Return the ledger's entries of pages that were processed: all of their items are rows."""
    rows = {row["k"] for row in view.documents("rows")}
    given = [entry for entry in ledger(view) if entry.facts.get("items")]
    return [entry for entry in given if all(_is_row(item, rows) for item in entry.facts["items"])]


def _is_row(item: Any, rows: set[Any]) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool) and item in rows


def backoff_ms(failures: int) -> float:
    """Return how long a page is left alone after so many failed attempts in a row: 1, 2, 4 and so on up to 30 s."""
    return min(FIRST_BACKOFF_MS * 2.0 ** (failures - 1), LONGEST_BACKOFF_MS)


# -------------------------------------------------------------------------------------------------------- the fold


@frozen
class _Step:
    """The step of the fold for one version."""

    layout: Layout

    def __call__(self, made: Story | None, view: View) -> Story:
        if made is not None and not is_commit(view) and made.entries == len(ledger(view)):
            return evolve(made, before=made.jobs)
        jobs = {row["_id"]: _job(row) for row in view.documents("iteratorJobs", COMPONENT)}
        functions = self.layout.functions(view)
        steps = tuple(one for one in functions if one.is_live and one.name in self.layout.steps)
        told = Story(jobs, {}, steps) if made is None else evolve(made, jobs=jobs, before=made.jobs, steps=steps)
        told = _with_attempts(told, view)
        told = _with_ends(_with_new_jobs(told, view), view)
        told = _with_cancels(told, view)
        told = evolve(_with_failures(_with_pauses(told, view), view), entries=len(ledger(view)))
        return _with_gaps(told, view)


_STEPS: Final = {version: _Step(layout) for version, layout in LAYOUTS.items()}


def _job(row: Mapping[str, Any]) -> Job:
    config = row["config"]
    return Job(
        row["_id"],
        row["jobId"],
        row["status"],
        int(row["cursor"]) if "cursor" in row else None,
        row["processedCount"],
        row["retryCount"],
        max(1, config.get("maxRetries", DEFAULT_MAX_RETRIES)),
        config["delayBetweenBatchesMs"],
        bool(config.get("onCompleteHandle")),
        row,
    )


def _with_new_jobs(told: Story, view: View) -> Story:
    new = [job for job in told.jobs.values() if job.id not in told.seen]
    rows = frozenset(row["k"] for row in view.documents("rows")) if new else frozenset()
    return evolve(told, seen={**told.seen, **told.jobs}, rows={**told.rows, **{job.id: rows for job in new}})


def _with_ends(told: Story, view: View) -> Story:
    """Note which jobs were completed at this moment, and whether a hook has run that none of them explains."""
    ended = [job for job in told.jobs.values() if job.status == "completed"]
    new = [job for job in ended if job.id not in told.before or told.before[job.id].status != "completed"]
    completed = (*told.completed, *(job.name for job in new))
    hooked = (*told.hooked, *(job.name for job in new if job.has_hook))
    completions = [row["jobId"] for row in view.documents("completions")]
    early = [name for name in completions[told.completions :] if name not in completed]
    told = evolve(told, completed=completed, hooked=hooked, early=(*told.early, *early))
    return evolve(told, completions=len(completions))


def _with_cancels(told: Story, view: View) -> Story:
    function, _ = committed_by(view)
    if not is_commit(view) or function != CANCEL:
        return told
    entries, was = len(ledger(view)), told.before
    new = {
        job.id: entries
        for job in told.jobs.values()
        if job.status == "failed" and (job.id not in was or was[job.id].status not in ENDED)
    }
    return evolve(told, cancelled={**told.cancelled, **new})


def _with_pauses(told: Story, view: View) -> Story:
    others_run = any(job.status == "running" for job in told.jobs.values())
    paused: dict[str, Pause] = {}
    for job in told.jobs.values():
        if job.status == "paused":
            known = told.paused.get(job.id)
            if known is None:
                known = Pause(len(ledger(view)), bool(told.steps_of(job, "inProgress")), is_alone=True)
            paused[job.id] = evolve(known, is_alone=known.is_alone and not others_run)
    return evolve(told, paused=paused)


def _with_attempts(told: Story, view: View) -> Story:
    """Note attempts that came too soon; only of a job that is alone is known that they are its own."""
    begun = [entry for entry in ledger(view)[told.entries :] if entry.call == "getNextBatch"]
    if not begun or not told.is_alone:
        return told
    hasty = [
        (failures, begun[0].at_ms - at_ms)
        for at_ms, failures in told.failed.values()
        if begun[0].at_ms - at_ms < backoff_ms(failures)
    ]
    return evolve(told, hasty=(*told.hasty, *hasty), failed={})


def _with_failures(told: Story, view: View) -> Story:
    new = {
        job.id: (view.now, int(job.retries))
        for job in told.jobs.values()
        if job.id in told.before and job.retries > told.before[job.id].retries
    }
    return evolve(told, failed={**told.failed, **new})


def _with_gaps(told: Story, view: View) -> Story:
    alone = [
        job.id
        for job in told.jobs.values()
        if job.status == "running" and not told.steps_of(job, "pending", "inProgress")
    ]
    over = [Span("stepless", which, at, view.now) for which, at in told.stepless.items() if which not in alone]
    return evolve(
        told, stepless={which: told.stepless.get(which, view.now) for which in alone}, gaps=(*told.gaps, *over)
    )
