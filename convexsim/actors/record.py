"""What is kept of a transaction that is over: its place in the history, and what a trace tells of its commit.

Owns these notes alone; a run that nobody asks keeps neither. Who judges stands in `committer.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convexsim.database.commit import Committed
from convexsim.trace import event

if TYPE_CHECKING:
    from convexsim.actors.stage import Stage
    from convexsim.database.commit import Conflict
    from convexsim.database.history import Attempt
    from convexsim.database.reads import ReadSet
    from convexsim.database.writes import Write

__all__ = ["over", "remember", "tell_commit", "tell_reads"]


def remember(stage: Stage, seen: Attempt | None, verdict: Committed | Conflict) -> None:
    """Add an attempt that was judged to the history, if there is one; its runner may not live to hear of it."""
    if seen is not None and isinstance(verdict, Committed):
        seen = seen.committed(verdict.commit_ts, verdict.writes)
    over(stage, seen)


def over(stage: Stage, seen: Attempt | None) -> None:
    """Add an attempt to the history, if there is one."""
    if stage.environment.history is not None and seen is not None:
        stage.environment.history.append(seen)


def tell_commit(stage: Stage, activity: str, what: str, verdict: Committed) -> None:
    """Add a commit to the trace, if anybody looks."""
    if stage.trace is not None:
        rows = tuple(_written(write) for write in verdict.writes)
        stage.trace.add(event.Committed(stage.steps, stage.now, activity, what, verdict.commit_ts, rows))


def tell_reads(stage: Stage, activity: str, what: str, attempt: int, reads: ReadSet) -> None:
    """Add what an attempt has read to the trace, if anybody looks."""
    if stage.trace is not None:
        looked = tuple(event.Looked(index, tuple(intervals)) for index, intervals in sorted(reads.intervals()))
        stage.trace.add(event.Read(stage.steps, stage.now, activity, what, attempt, looked))


def _written(write: Write) -> event.Written:
    before = None if write.old is None else write.old.value
    after = None if write.new is None else write.new.value
    return event.Written(write.table.key, write.id, before, after)
