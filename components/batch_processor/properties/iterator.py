"""The iterator: P20 to P31.

Owns what is judged, exactly. Pages are counted by the rows of the host's table, which must not change while jobs go
through it; a property that needs to know whose page it was is judged only while there was never more than one job.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from components.batch_processor.properties.jobs import ENDED, STEP, Job, Story, backoff_ms, pages, story
from components.batch_processor.properties.ledger import is_at_rest, ledger
from components.batch_processor.properties.terms import Terms
from convexsim import View

__all__ = [
    "at_least_once",
    "backoff",
    "cancel_wins",
    "count_truth",
    "exactly_once",
    "monotone",
    "no_orphan",
    "on_complete_once",
    "one_chain",
    "pause",
    "retry_bound",
    "terminal_final",
]


def _acks(view: View) -> Counter[int]:
    """Return how often each row was accepted."""
    return Counter(item for entry in pages(view) if entry.is_ok for item in entry.facts["items"])


def exactly_once(view: View, terms: Terms) -> None:
    """No row is accepted more often than there were jobs; that each is accepted at all is P21's."""
    told = story(terms.layout, view)
    often = [(k, count) for k, count in sorted(_acks(view).items()) if count > len(told.seen)]
    assert not often, f"the row {often[0][0]} was accepted {often[0][1]} times by {len(told.seen)} jobs"


def at_least_once(view: View, terms: Terms) -> None:
    """Every row that was there when a job began is accepted, once the job is completed."""
    told, acks = story(terms.layout, view), _acks(view)
    for job in told.seen.values():
        missed = [k for k in sorted(told.rows[job.id]) if k not in acks]
        assert job.status != "completed" or not missed, f"{job.name} is completed and the row {missed[0]} was missed"


def monotone(view: View, terms: Terms) -> None:
    """Neither the cursor of a job nor its processedCount ever goes back: judged between two moments."""
    told = story(terms.layout, view)
    for was, job in _pairs(told):
        assert job.processed >= was.processed, f"{job.name} went back from {was.processed:g} to {job.processed:g} rows"
        is_on = was.cursor is None or (job.cursor is not None and job.cursor >= was.cursor)
        assert is_on, f"the cursor of {job.name} went back from {was.cursor} to {job.cursor}"


def count_truth(view: View, terms: Terms) -> None:
    """When a run is over, a job's processedCount is the number of rows up to its cursor; of a completed one, of all.

    Not judged are jobs that began before all rows were there.
    """
    rows = [row["k"] for row in view.documents("rows")]
    told = story(terms.layout, view)
    for job in (job for job in told.jobs.values() if told.rows[job.id] == frozenset(rows)):
        is_all = job.status == "completed"
        count = sum(is_all or (job.cursor is not None and k <= job.cursor) for k in rows)
        assert job.processed == count, f"{job.name}, {job.status}, counts {job.processed:g} rows; there were {count}"


def terminal_final(view: View, terms: Terms) -> None:
    """A job that is completed or failed never changes again, in no field; it may be deleted."""
    for was, job in _pairs(story(terms.layout, view)):
        if was.status in ENDED:
            changed = [
                name for name in {**was.document, **job.document} if was.document.get(name) != job.document.get(name)
            ]
            assert not changed, f"{job.name} was {was.status} and has changed {', '.join(changed)}"


def cancel_wins(view: View, terms: Terms) -> None:
    """After a cancel that answered failed, the job stays failed and its hook is not called.

    Asked of cancels that clients have made, from their commit on.
    """
    told = story(terms.layout, view)
    for which, entries in told.cancelled.items():
        name = told.seen[which].name
        status = told.jobs[which].status if which in told.jobs else "failed"
        assert status == "failed", f"{name} was cancelled and is {status}"
        again = [job for job in told.seen.values() if job.name == name and job.id != which]
        hooks = [one for one in ledger(view)[entries:] if one.call == "onComplete" and one.facts["jobId"] == name]
        assert again or not hooks, f"{name} was cancelled, and then its hook was called"


def one_chain(view: View, terms: Terms) -> None:
    """A running job has one step that is pending or running, any other none that is pending.

    A step that runs may have scheduled the next one; and where there is no delay between pages, that one may begin
    before the platform has written down the end of the first: so of steps that run, two are taken for two chains only
    where there is a delay, in hardened only if both have the job's number. Where actions may die, a job may wait for a
    lease (C and O).
    """
    told = story(terms.layout, view)
    for job in told.jobs.values():
        pending, running = told.steps_of(job, "pending"), told.steps_of(job, "inProgress")
        assert job.status == "running" or not pending, f"{job.name} is {job.status}, and a step is pending"
        assert len(pending) <= 1, f"{job.name} has {len(pending)} steps pending"
        number = job.document.get("step")
        current = [step for step in running if step.name == STEP and step.args.get("step") == number]
        is_clear = job.delay_ms > 0 or "step" in job.document
        assert len(current) <= 1 or not is_clear, f"{job.name} has {len(current)} steps running"
    allowed_ms = terms.lease_ms + terms.late_ms if terms.has_leases else 0
    gaps = [(gap.which, (view.now if gap.to_ms is None else gap.to_ms) - gap.from_ms) for gap in told.gaps]
    gaps += [(which, view.now - since_ms) for which, since_ms in told.stepless.items()]
    for which, length in gaps:
        is_excused = terms.has_leases and length <= allowed_ms
        assert is_excused, f"{told.seen[which].name} is running and has no step"


def pause(view: View, terms: Terms) -> None:
    """While a job is paused at most one page is processed, and that only if a step was running when it was paused.

    What a step that has died had sent before is in flight too, so each death allows one more. Judged while no other
    job runs.
    """
    told = story(terms.layout, view)
    deaths = sum(struck.fault in ("crash", "restart") for struck in view.faults)
    for which, paused in told.paused.items():
        if not paused.is_alone:
            continue
        allowed = (1 if paused.in_flight else 0) + deaths
        since = ledger(view)[paused.entries :]
        asked = sum(entry.call == "getNextBatch" for entry in since)
        processed = sum("items" in entry.facts and entry in pages(view) for entry in since)
        name = told.seen[which].name
        assert max(asked, processed) <= allowed, f"{name} is paused, and {max(asked, processed)} pages were begun"


def on_complete_once(view: View, terms: Terms) -> None:
    """At rest each completed job that has a hook has had exactly one run of it committed, and none before its end.

    A hook that has failed as often as it is tried (`hook_attempts`) is taken to fail for ever. Jobs of one name that
    followed each other are counted together.
    """
    told = story(terms.layout, view)
    assert not told.early, f"the hook of {told.early[0]} ran before the job was completed"
    runs = Counter(row["jobId"] for row in view.documents("completions"))
    for name in sorted({*runs, *told.hooked}):
        wanted = told.hooked.count(name)
        assert runs[name] <= wanted, f"the hook of {name} ran {runs[name]} times for {wanted} ends"
        calls = [one for one in ledger(view) if one.call == "onComplete" and one.facts["jobId"] == name]
        fails_for_ever = sum(not one.is_ok for one in calls) >= terms.hook_attempts
        is_owed = is_at_rest(view) and not fails_for_ever and runs[name] < wanted
        assert not is_owed, f"the hook of {name} ran {runs[name]} times for {wanted} ends, and nothing is left to run"


def retry_bound(view: View, terms: Terms) -> None:
    """A page is tried at most maxRetries times in a row, and a job fails by that alone, or by being cancelled.

    Attempts are counted by the calls of getNextBatch with one cursor that follow each other, of a job that is alone.
    """
    told = story(terms.layout, view)
    for job in told.jobs.values():
        is_used_up = job.retries >= job.attempts
        counted = f"{job.name} is {job.status} after {job.retries:g} of {job.attempts:g} attempts"
        assert job.status != "failed" or job.is_cancelled or is_used_up, counted
        assert job.status not in ("running", "paused") or not is_used_up, counted
    if told.is_alone:
        (job,) = told.seen.values()
        asked = [entry.facts["cursor"] for entry in ledger(view) if entry.call == "getNextBatch"]
        for cursor, attempts in groupby(asked):
            count = len([*attempts])
            assert count <= job.attempts, (
                f"the page after {cursor} was tried {count} times; {job.attempts:g} are allowed"
            )


def backoff(view: View, terms: Terms) -> None:
    """After the r-th failed attempt in a row was written down, the next begins no sooner than 1, 2, 4 ... 30 s later.

    Judged of a job that is alone, from the commit of the failure to the next call of getNextBatch, by the true clock; a
    function's clock shows whole ms, so less than one of them may be missing, and where clocks differ their difference.
    """
    for failures, after_ms in story(terms.layout, view).hasty:
        least = backoff_ms(failures)
        said = f"an attempt began {after_ms:g} ms after failure {failures}; at least {least:g} ms were to pass"
        assert after_ms > least - 1 - terms.skew_ms, said


def no_orphan(view: View, terms: Terms) -> None:
    """When nothing is left to do, no job is running."""
    left = [job.name for job in story(terms.layout, view).jobs.values() if job.status == "running"]
    assert not left or not is_at_rest(view), f"{left[0] if left else ''} is running, and nothing is left to run"


def _pairs(told: Story) -> list[tuple[Job, Job]]:
    """Return each job that there was at the moment before and still is, as it was and as it is."""
    return [(told.before[job.id], job) for job in told.jobs.values() if job.id in told.before]
