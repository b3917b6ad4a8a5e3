"""The committer: the one actor that hands out snapshots and judges commits.

Owns the order of commits: it handles one message at a time, so a commit is judged and published in one step. What a
conflict is, only `database/commit.py` knows. A commit that would have won may lose to a write
from outside the world, be its transaction a user's or the platform's own: both are retried. The backend may die before
a begin or after a commit; a death between a begin and its commit could not be told from one before. Next: back to the
runner, and on to `scheduler.py`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from convexsim.actors.deploy import deploy
from convexsim.actors.messages import Commit, Deploy, Published, RequestSnapshot, SnapshotReady
from convexsim.actors.record import remember, tell_commit
from convexsim.actors.stage import RuntimeActor, may_strike, note, strikes
from convexsim.database.commit import Committed, Conflict, foreign_conflict
from convexsim.database.write_rate import WriteRate
from convexsim.functions.catalog import SCHEDULED_FUNCTIONS
from convexsim.functions.scheduled import scheduled_of
from convexsim.trace import event

if TYPE_CHECKING:
    from convexsim.actors.stage import Stage
    from convexsim.database.index import Document
    from convexsim.database.writes import Write

__all__ = ["Committer"]


class Committer(RuntimeActor):
    """Answers `RequestSnapshot`, `Commit` and `Deploy`; tells the scheduler what was `Published`."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._rate = WriteRate()

    def on_receive(self, message: Any) -> Any:
        """Handle a message."""
        if type(message) is RequestSnapshot:
            return self._begin(message)
        if type(message) is Deploy:
            return deploy(self.stage, message.activity, message.catalog)
        assert type(message) is Commit, f"the committer cannot handle {message!r}"
        return self._commit(message)

    def _begin(self, message: RequestSnapshot) -> SnapshotReady | None:
        stage = self.stage
        if strikes(stage, "restart", message.activity):
            stage.restart()
            return None  # whoever asked is no more
        snapshot = stage.database.snapshot
        if stage.trace is not None:
            began = (message.what, message.attempt, snapshot.ts)
            stage.trace.add(event.Began(stage.steps, stage.now, message.activity, *began))
        return SnapshotReady(snapshot, self._rate.exceeds(stage.environment.platform.write_bytes_per_second, stage.now))

    def _commit(self, message: Commit) -> Committed | Conflict:
        stage, final = self.stage, message.final
        verdict: Committed | Conflict
        if self._is_overtaken(message):
            verdict = foreign_conflict(final, stage.database.snapshot.ts)
        else:
            verdict = stage.database.commit(final, message.write_source, stage.now)
        if isinstance(verdict, Committed):
            if stage.environment.platform.write_bytes_per_second < inf:
                self._rate.record(stage.now, final.writes)
            self._publish(message, verdict.commit_ts)
        remember(stage, message.seen, verdict)
        if stage.footprints is not None:
            stage.footprints.judged(final, verdict)
        if isinstance(verdict, Conflict):
            note(stage, event.Conflicted, message.activity, message.what, message.attempt, verdict)
            return verdict
        tell_commit(stage, message.activity, message.what, verdict)
        if strikes(stage, "restart", message.activity):
            stage.restart()
        return verdict

    def _is_overtaken(self, message: Commit) -> bool:
        """Ask whether a write from outside comes first; of whoever loses anyway it is not asked."""
        stage = self.stage
        if not may_strike(stage, "conflict"):
            return False
        return stage.database.judge(message.final) is None and bool(strikes(stage, "conflict", message.activity))

    def _publish(self, message: Commit, commit_ts: int) -> None:
        """Tell the scheduler which functions wait from now on, and which no longer do."""
        rows = [write for write in message.final.writes if write.table.name == SCHEDULED_FUNCTIONS]
        if not rows:
            return
        pending = tuple(scheduled_of(write.new) for write in rows if write.new and _waits(write))
        canceled = tuple(scheduled_of(write.new) for write in rows if write.new and _kind(write.new) == "canceled")
        if pending or canceled:
            self.stage.scheduler.tell(Published(message.activity, commit_ts, pending, canceled))


def _waits(write: Write) -> bool:
    """Whether the function of a row is to be picked up from now on: pending, or lost in progress and rescheduled."""
    before, after = _kind(write.old), _kind(write.new)
    return after == "pending" or before == after == "inProgress"


def _kind(row: Document | None) -> str:
    return "gone" if row is None else str(row.value["state"]["kind"])
