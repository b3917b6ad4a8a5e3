"""The cron executor: starts each cron when its time has come, one run of it at a time (convex-semantics 4).

Owns what enters and leaves the queue of crons that wait (`due_queue.py`); it is there only in a world that has some.
What a deploy makes of them stands in `deploy.py`. It shares nothing with the scheduler, not even the places. Rows and
their states belong to transactions (`functions/cron_rows.py`); since only a cron's own run or a deploy changes its row,
runner and committer tell when the next is due. Next: the runner, where the walk begins again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from convexsim.actors.due_queue import DueQueue
from convexsim.actors.messages import CronDone, Due, RunCron, StartCrons
from convexsim.actors.stage import RuntimeActor
from convexsim.database.transaction import Transaction
from convexsim.functions.cron_rows import deployed_crons

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convexsim.actors.stage import Stage
    from convexsim.functions.cron_rows import Cron, CronChange

__all__ = ["CronExecutor", "change_crons", "resume_crons", "start_executor"]


class CronExecutor(RuntimeActor):
    """Hears which crons there are, waits until one is `Due`, and has it run."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._queue: DueQueue[Cron] = DueQueue(stage, self.actor_ref, RunCron)

    def on_receive(self, message: Any) -> None:
        """Handle a message, then start what can start."""
        if type(message) is StartCrons:
            waited = self._queue.drop(message.over)
            for cron in message.crons:
                if cron.id not in message.over or cron.id in waited:
                    self._queue.add(cron)
        elif type(message) is CronDone:
            self._queue.ended()
            if message.following is not None:
                self._queue.add(message.following)
        else:
            assert type(message) is Due, f"the cron executor cannot handle {message!r}"
        self._queue.start_due()


def resume_crons(stage: Stage) -> None:
    """Start a new executor after a restart; what it goes by is the rows. A run that was at work is run anew."""
    catalog = stage.environment.catalog
    if catalog.has_crons:
        crons = deployed_crons(catalog, Transaction(stage.database.snapshot))
        start_executor(stage, "restart", [evolve(cron, restarts=stage.faults.times("restart")) for cron in crons])


def start_executor(stage: Stage, activity: str, crons: Iterable[Cron]) -> None:
    """Start an executor, with these crons."""
    stage.crons = stage.start(CronExecutor)
    stage.crons.tell(StartCrons(activity, tuple(crons)))


def change_crons(stage: Stage, activity: str, change: CronChange) -> None:
    """Tell the executor what a deploy has made of the crons."""
    if change.waiting or change.over:
        stage.crons.tell(StartCrons(activity, change.waiting, change.over))
