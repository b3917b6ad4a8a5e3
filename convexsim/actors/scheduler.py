"""The scheduler: starts scheduled functions when their time has come, so many at a time (convex-semantics 3.3).

Owns what enters and leaves the queue of functions that wait (`due_queue.py`). Rows and their states belong to
transactions (`functions/scheduled.py`): a cancel that the scheduler has not heard of is noticed when the function
starts, by an ordinary read. Next: the runner, where the walk begins again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from convexsim.actors.due_queue import DueQueue
from convexsim.actors.messages import Due, Published, RunScheduled, ScheduledDone
from convexsim.actors.stage import RuntimeActor
from convexsim.choices import run_anew
from convexsim.functions.scheduled import unfinished

if TYPE_CHECKING:
    from convexsim.actors.stage import Stage
    from convexsim.functions.scheduled import ScheduledFunction

__all__ = ["Scheduler", "resume_scheduled"]


class Scheduler(RuntimeActor):
    """Hears what was `Published`, waits until it is `Due`, and has it run."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._queue: DueQueue[ScheduledFunction] = DueQueue(self, RunScheduled)

    def on_receive(self, message: Any) -> None:
        """Handle a message, then start what can start."""
        if type(message) is Published:
            self._queue.drop(frozenset(scheduled.id for scheduled in message.canceled))
            for scheduled in message.pending:
                self._queue.add(scheduled)
        elif type(message) is ScheduledDone:
            self._queue.ended()
        else:
            assert type(message) is Due, f"the scheduler cannot handle {message!r}"
        self._queue.start_due()


def resume_scheduled(stage: Stage) -> None:
    """Tell a new scheduler, after a restart, what the database knows of; who was at work then runs anew."""
    left = [
        evolve(each, activity=run_anew(each.activity))
        for each in unfinished(stage.environment, stage.database.snapshot)
    ]
    stage.scheduler.tell(Published("restart", stage.database.snapshot.ts, tuple(left), ()))
