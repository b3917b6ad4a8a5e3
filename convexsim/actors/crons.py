"""The cron executor: starts each cron when its time has come, one run of it at a time (convex-semantics 4).

Owns what enters and leaves the queue of crons that wait (`due_queue.py`); it is there only in a world that has some.
It shares nothing with the scheduler, not even the places. Rows and their states belong to transactions
(`functions/cron_rows.py`); since only a cron's own run changes its row, the runner tells when the next is due.
Next: the runner, where the walk begins again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from convexsim.actors.committer import remember, written
from convexsim.actors.due_queue import DueQueue
from convexsim.actors.messages import CronDone, Due, RunCron, StartCrons
from convexsim.actors.stage import RuntimeActor
from convexsim.actors.transact import Purpose, attempted
from convexsim.functions.cron_rows import deploy_crons, deployed_crons
from convexsim.functions.outcome import Returned
from convexsim.trace import event

if TYPE_CHECKING:
    from convexsim.actors.stage import Stage
    from convexsim.functions.cron_rows import Cron

__all__ = ["CronExecutor", "resume_crons", "start_crons"]

_DEPLOY: Final = "deploy"


class CronExecutor(RuntimeActor):
    """Hears which crons there are, waits until one is `Due`, and has it run."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._queue: DueQueue[Cron] = DueQueue(stage, self.actor_ref, RunCron)

    def on_receive(self, message: Any) -> None:
        """Handle a message, then start what can start."""
        if type(message) is StartCrons:
            for cron in message.crons:
                self._queue.add(cron)
        elif type(message) is CronDone:
            self._queue.ended()
            self._queue.add(message.following)
        else:
            assert type(message) is Due, f"the cron executor cannot handle {message!r}"
        self._queue.start_due()


def start_crons(stage: Stage) -> None:
    """Deploy the crons of a world, if it has any, before anything else happens in it, and start their executor."""
    if not stage.environment.catalog.has_crons:
        return
    purpose = Purpose(_DEPLOY, _DEPLOY, given=())
    made = attempted(stage, purpose, 1, stage.database.snapshot, lambda execution: Returned(deploy_crons(execution)))
    seen = made.transaction.seen((_DEPLOY, _DEPLOY, 1), 0)
    remember(stage, seen, stage.database.commit(made.final, _DEPLOY, stage.now))
    if stage.trace is not None:
        rows = tuple(written(write) for write in made.final.writes)
        where = (stage.steps, stage.now, _DEPLOY, _DEPLOY)
        stage.trace.add(event.Committed(*where, stage.database.snapshot.ts, rows))
    _start_executor(stage, _DEPLOY, made.outcome.unwrap())


def resume_crons(stage: Stage) -> None:
    """Start a new executor after a restart; what it goes by is the rows. A run that was at work is run anew."""
    if stage.environment.catalog.has_crons:
        crons = deployed_crons(stage.environment, stage.database.snapshot)
        again = [evolve(cron, restarts=stage.faults.times("restart")) for cron in crons]
        _start_executor(stage, "restart", again)


def _start_executor(stage: Stage, activity: str, crons: list[Cron]) -> None:
    stage.crons = stage.start(CronExecutor)
    stage.crons.tell(StartCrons(activity, tuple(crons)))
