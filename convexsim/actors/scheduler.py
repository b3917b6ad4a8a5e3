"""The scheduler: starts scheduled functions when their time has come, so many at a time (convex-semantics 3.3).

Owns what enters and leaves the queue of functions that wait (`due_queue.py`), and when the finished ones are forgotten:
in a world that lasts so long anyway, never in one that has come to rest. Rows and their states belong to
transactions (`functions/scheduled.py`): a cancel that the scheduler has not heard of is noticed when the function
starts, by an ordinary read. Next: the runner, where the walk begins again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from convexsim.actors.due_queue import DueQueue
from convexsim.actors.messages import Collect, Collected, Due, Published, RunScheduled, ScheduledDone
from convexsim.actors.stage import RuntimeActor
from convexsim.choices import run_anew
from convexsim.functions.retention import next_collection
from convexsim.functions.scheduled import unfinished

if TYPE_CHECKING:
    from convexsim.actors.stage import Stage
    from convexsim.functions.scheduled import ScheduledFunction

__all__ = ["Scheduler", "resume_scheduled"]


class Scheduler(RuntimeActor):
    """Hears what was `Published`, waits until it is `Due`, and has it run."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._queue: DueQueue[ScheduledFunction] = DueQueue(stage, self.actor_ref, RunScheduled)
        self._collections = 0

    def on_start(self) -> None:
        """Look for finished functions when the first of them may be forgotten."""
        stage = self.stage
        self._collect_at(next_collection(stage.environment.catalog, stage.database.snapshot, stage.now))

    def on_receive(self, message: Any) -> None:
        """Handle a message, then start what can start."""
        if type(message) is Published:
            self._queue.drop(frozenset(scheduled.id for scheduled in message.canceled))
            for scheduled in message.pending:
                self._queue.add(scheduled)
        elif type(message) is ScheduledDone:
            self._queue.ended()
        elif type(message) is Collect:
            self.stage.runner().tell(message)
        elif type(message) is Collected:
            self._collect_at(message.next_ms)
        else:
            assert type(message) is Due, f"the scheduler cannot handle {message!r}"
        self._queue.start_due()

    def _collect_at(self, moment_ms: float) -> None:
        self._collections += 1
        message = Collect(f"gc+{self._collections}")
        self.stage.after(moment_ms - self.stage.now, self.actor_ref, message, idle=True)


def resume_scheduled(stage: Stage) -> None:
    """Tell a new scheduler, after a restart, what the database knows of; who was at work then runs anew.

    Rows do not tell which runs died before they wrote anything; counting the restarts gives no path to two of them.
    """
    left = [
        evolve(each, activity=run_anew(each.activity, stage.faults.times("restart")))
        for each in unfinished(stage.environment, stage.database.snapshot)
    ]
    stage.scheduler.tell(Published("restart", stage.database.snapshot.ts, tuple(left), ()))
