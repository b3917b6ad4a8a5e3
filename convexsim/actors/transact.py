"""The loop around every transaction: begin, run the body, commit, and begin again after a conflict.

Owns what one transaction goes through, whoever asked for it (convex-semantics 2); how often and how long losers wait
stands in `retry.py`, the verdict in `database/commit.py`. Knows no function: a body is whatever fills an `Execution`.
Next: `committer.py`.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from math import floor
from typing import TYPE_CHECKING

from attrs import frozen

from convexsim.actors.messages import Commit, RequestSnapshot
from convexsim.actors.record import over, tell_reads
from convexsim.actors.retry import (
    JITTER_STEPS,
    SYSTEM_ERROR,
    Backoff,
    RetryPolicy,
    occ_failure,
    too_many_writes,
)
from convexsim.actors.stage import note, skew_ms, strikes
from convexsim.database.commit import Committed
from convexsim.errors import PlatformError
from convexsim.functions.environment import Retried
from convexsim.functions.execution import Execution
from convexsim.functions.memory import Beginning
from convexsim.functions.outcome import GaveUp, Outcome, Threw, failure_of, resolved
from convexsim.functions.syscalls import Drew, Logged
from convexsim.trace import event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.actors.messages import SnapshotReady
    from convexsim.actors.stage import Stage
    from convexsim.database.snapshot import Snapshot
    from convexsim.functions.memory import Attempted
    from convexsim.functions.scheduled import ScheduledFunction

__all__ = ["Purpose", "attempted", "jittered", "transact"]


@frozen(eq=False)
class Purpose:
    """What a transaction is for.

    Attributes:
        activity: on whose behalf it runs.
        what: how traces and other writers call it: a function's label, or what the platform does.
        parent: the scheduled function that it runs under, however deep.
        runs_handler: whether user code runs in it, on a node whose clock may be wrong.
        given: all that the body goes by besides its execution, as plain data with a text of its own, so that what it
            does can be remembered (`functions/memory.py`); None for one that has to run every time.

    """

    activity: str
    what: str
    parent: ScheduledFunction | None = None
    runs_handler: bool = False
    given: object = None


async def transact(
    stage: Stage, purpose: Purpose, body: Callable[[Execution], Outcome], policy: RetryPolicy | None
) -> Outcome:
    """Begin, run the body, commit; on a conflict begin again as the policy allows.

    A body that throws is reported from its snapshot without being judged; one that writes nothing is never judged.
    Without a policy the transaction is a query: it ends with its handler. While too much was written in the last
    second no mutation runs; that is retried like a conflict.
    """
    activity, what = purpose.activity, purpose.what
    history = stage.environment.history
    for attempt in count(1):
        follows = 0 if history is None else len(history)
        ready: SnapshotReady = await stage.committer.ask(RequestSnapshot(activity, what, attempt), block=False)
        if ready.is_throttled and purpose.runs_handler and policy is not None:
            refused = too_many_writes(stage.environment.platform)
            note(stage, event.Did, activity, Logged(refused.message))
            if not policy.allows(attempt):
                return GaveUp(refused)
            await _back_off(stage, activity, policy.ceiling_ms(attempt))
            continue
        made = attempted(stage, purpose, attempt, ready.snapshot, body)
        outcome, final = made.outcome, made.final
        seen = made.transaction.seen((activity, what, attempt), follows)
        if stage.footprints is not None:
            stage.footprints.ran(made)
        tell_reads(stage, activity, what, attempt, final.reads)
        for effect in made.effects:
            note(stage, event.Did, activity, effect)
        if strikes(stage, "system error", activity):
            over(stage, seen)
            if policy is None or not policy.outlives_system_errors:
                return SYSTEM_ERROR
        else:
            if isinstance(outcome, Threw):
                over(stage, seen)
                note(stage, event.Aborted, activity, what, attempt)
                return outcome
            if policy is None or not final.writes:
                assert policy is not None or not final.writes, f"the query {what} wrote"
                over(stage, seen)
                return resolved(outcome, ready.snapshot.commit_ns) if final.is_pending else outcome
            verdict = await stage.committer.ask(Commit(activity, what, attempt, final, seen), block=False)
            if isinstance(verdict, Committed):
                return resolved(outcome, verdict.commit_ns) if final.is_pending else outcome
            if not policy.allows(attempt):
                return GaveUp(occ_failure(what, verdict))
        await _back_off(stage, activity, policy.ceiling_ms(attempt))
    raise AssertionError


def attempted(
    stage: Stage, purpose: Purpose, number: int, snapshot: Snapshot, body: Callable[[Execution], Outcome]
) -> Attempted:
    """Run a body to its end, or recall what that comes to."""
    environment = stage.environment
    if number > 1 and purpose.runs_handler:
        environment.retried.append(Retried(purpose.what, purpose.activity, number))
        if stage.footprints is not None:
            stage.footprints.show("retried")
    begin_ms = now = floor(stage.now)
    if purpose.runs_handler and (ahead_ms := skew_ms(stage, purpose.activity)):
        now = max(0, floor(stage.now + ahead_ms))
    memory = None if purpose.given is None else environment.memory
    beginning: Beginning | None = None
    if memory is not None:
        call = (purpose.activity, purpose.what, number, begin_ms, now, repr(purpose.given))
        beginning = Beginning(call, snapshot, frozenset(environment.stamps.items()))
        known = memory.recall(beginning)
        if known is not None:
            environment.stamps.update({table: newest for table, (_, newest) in known.stamps.items()})
            environment.drew = environment.drew or known.drew
            return known
    execution = Execution(environment, snapshot, (purpose.activity, number), begin_ms, purpose.parent)
    execution.now = now
    uses = environment.uses
    if purpose.runs_handler:
        environment.doubt()
    made = execution.ended(_outcome_of(body, execution))
    environment.drew = environment.drew or made.drew
    repeats = environment.uses == uses and not any(type(effect) is Drew for effect in made.effects)
    if memory is not None and beginning is not None and repeats:
        memory.keep(beginning, made)
    return made


def _outcome_of(body: Callable[[Execution], Outcome], execution: Execution) -> Outcome:
    """Return how a body ended, also if the platform's own rows found no room in the budget of system rows any more."""
    try:
        return body(execution)
    except PlatformError as refused:
        return Threw(failure_of(refused))


async def _back_off(stage: Stage, activity: str, ceiling_ms: float) -> None:
    delay_ms = jittered(stage, activity, ceiling_ms)
    if delay_ms:
        await stage.sleep(delay_ms)


def jittered(stage: Stage, activity: str, ceiling_ms: float) -> float:
    """Choose how long to wait before the next try, in ms: one of `JITTER_STEPS` equal fractions of the ceiling."""
    options = _waits(activity, ceiling_ms)
    delay_ms = options[stage.choose("backoff", options)].delay_ms
    note(stage, event.Waited, activity, delay_ms)
    return delay_ms


@lru_cache(maxsize=1_024)
def _waits(activity: str, ceiling_ms: float) -> Sequence[Backoff]:
    return tuple(Backoff(activity, ceiling_ms * step / JITTER_STEPS, step) for step in range(JITTER_STEPS))
