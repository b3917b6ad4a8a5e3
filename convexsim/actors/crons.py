"""The cron executor: starts each cron when its time has come, one run of it at a time (convex-semantics 4).

Owns the queue of crons that wait; it is there only in a world that has some. It shares nothing with the scheduler, not
even the places. Rows and their states belong to transactions (`functions/cron_rows.py`); since only a cron's own run
changes its row, the runner tells when the next one is due. Next: the runner, where the walk begins again.
"""

from __future__ import annotations

from bisect import insort
from math import floor
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from convexsim.actors.committer import written
from convexsim.actors.messages import CronDone, Due, RunCron, StartCrons
from convexsim.actors.stage import RuntimeActor
from convexsim.functions.cron_rows import deploy_crons
from convexsim.functions.execution import Execution
from convexsim.trace import event

if TYPE_CHECKING:
    from convexsim.actors.stage import Stage, Timer
    from convexsim.functions.cron_rows import Cron

__all__ = ["CronExecutor", "start_crons"]

_order: Final = attrgetter("order")
_DEPLOY: Final = "deploy"


class CronExecutor(RuntimeActor):
    """Hears which crons there are, waits until one is `Due`, and has it run."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._queue: list[Cron] = []
        self._running = 0
        self._timer: Timer | None = None

    def on_receive(self, message: Any) -> None:
        """Handle a message, then start what can start."""
        if type(message) is StartCrons:
            self._queue = sorted(message.crons, key=_order)
        elif type(message) is CronDone:
            self._running -= 1
            insort(self._queue, message.following, key=_order)
        else:
            assert type(message) is Due, f"the cron executor cannot handle {message!r}"
        self._start_due()

    def _start_due(self) -> None:
        """Start what is due, in order, as far as there are places; be woken when the next one is due."""
        stage, queue = self.stage, self._queue
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while queue and self._running < stage.environment.platform.parallelism:
            first = queue[0]
            if first.due_ms > stage.now:
                self._timer = stage.after(first.due_ms - stage.now, self.actor_ref, Due(first.activity))
                return
            del queue[0]
            self._running += 1
            stage.runner().tell(RunCron(first.activity, first))


def start_crons(stage: Stage) -> None:
    """Deploy the crons of a world, if it has any, before anything else happens in it, and start their executor."""
    if not stage.environment.catalog.has_crons:
        return
    execution = Execution(stage.environment, stage.database.snapshot, (_DEPLOY, 1), floor(stage.now), None)
    crons = deploy_crons(execution)
    execution.transaction.close()
    final = execution.transaction.finalize()
    stage.database.commit(final, _DEPLOY)
    if stage.trace is not None:
        rows = tuple(written(write) for write in final.writes)
        where = (stage.steps, stage.now, _DEPLOY, _DEPLOY)
        stage.trace.add(event.Committed(*where, stage.database.snapshot.ts, rows))
    stage.crons = stage.start(CronExecutor)
    stage.crons.tell(StartCrons(_DEPLOY, tuple(crons)))
