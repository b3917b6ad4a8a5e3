"""The scheduler: starts scheduled functions when their time has come, so many at a time (convex-semantics 3.3).

Owns the queue of functions that wait, in the order in which they are to start. Rows and their states belong to
transactions (`functions/scheduled.py`): a cancel that the scheduler has not heard of is noticed when the function
starts, by an ordinary read. Next: the runner, where the walk begins again.
"""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from convexsim.actors.messages import Due, Published, RunScheduled, ScheduledDone
from convexsim.actors.stage import RuntimeActor

if TYPE_CHECKING:
    from convexsim.actors.stage import Stage, Timer
    from convexsim.functions.scheduled import ScheduledFunction

__all__ = ["Scheduler"]

_order: Final = attrgetter("order")


class Scheduler(RuntimeActor):
    """Hears what was `Published`, waits until it is `Due`, and has it run."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._queue: list[ScheduledFunction] = []
        self._running = 0
        self._timer: Timer | None = None

    def on_receive(self, message: Any) -> None:
        """Handle a message, then start what can start."""
        if type(message) is Published:
            gone = {scheduled.id for scheduled in message.canceled}
            self._queue = [scheduled for scheduled in self._queue if scheduled.id not in gone]
            for scheduled in message.pending:
                insort(self._queue, scheduled, key=_order)
        elif type(message) is ScheduledDone:
            self._running -= 1
        else:
            assert type(message) is Due, f"the scheduler cannot handle {message!r}"
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
                wake = Due(first.activity)
                self._timer = stage.after(first.due_ms - stage.now, self.actor_ref, wake)
                return
            del queue[0]
            self._running += 1
            stage.runner().tell(RunScheduled(first.activity, first))
