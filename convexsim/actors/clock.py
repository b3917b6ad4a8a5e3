"""Virtual time: what is due when.

Owns the heap of timers and the present moment in milliseconds. Knows no actor: a timer is a callable. The kernel moves
the clock when nothing else can run.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Timer", "VirtualClock"]


class Timer:
    """Something to do at a moment; ties are broken by the order of setting."""

    __slots__ = ("canceled", "deadline", "fire", "number", "owner")

    def __init__(self, deadline: float, number: int, fire: Callable[[], None], owner: object) -> None:
        self.deadline = deadline
        self.number = number
        self.fire = fire
        self.owner = owner
        self.canceled = False

    def __lt__(self, other: Timer) -> bool:
        return (self.deadline, self.number) < (other.deadline, other.number)

    def cancel(self) -> None:
        """Never fire; nothing happens if it has already fired."""
        self.canceled = True


class VirtualClock:
    """The time of a simulation in ms; it stands still unless `advance` moves it.

    Attributes:
        end: no later timer ever fires: the limit of virtual time.

    An idle timer fires on the way to another one, or not at all: it never moves the clock on its own account.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.end = inf
        self._timers: list[Timer] = []
        self._idle: list[Timer] = []
        self._count = 0

    def at(self, deadline: float, fire: Callable[[], None], owner: object = None, *, idle: bool = False) -> Timer:
        """Have `fire` called when the clock reaches `deadline`; at once if it has.

        What is due now does not wait for everything else to end: it races with it like any other message.
        """
        self._count += 1
        timer = Timer(deadline, self._count, fire, owner)
        if deadline <= self.now:
            fire()
        else:
            heappush(self._idle if idle else self._timers, timer)
        return timer

    def forget(self, owner: object) -> None:
        """Cancel the timers of an owner that is no more."""
        for timer in [*self._timers, *self._idle]:
            if timer.owner is owner:
                timer.cancel()

    def clear(self) -> None:
        """Forget all timers: the simulation is over."""
        self._timers.clear()
        self._idle.clear()

    def next_deadline(self) -> float | None:
        """Return when the next timer is due; None if there is none, or it is due only beyond the end."""
        timers = self._next_timers()
        return timers[0].deadline if timers else None

    def advance(self) -> bool:
        """Move to the next deadline and fire all that is due then, in the order of setting; False if nothing is set."""
        deadline = self.next_deadline()
        if deadline is None:
            return False
        self.now = deadline
        while (timers := self._next_timers()) and timers[0].deadline == deadline:
            heappop(timers).fire()
        return True

    def _next_timers(self) -> list[Timer]:
        """Return the heap on top of which the next timer lies; an empty one if there is none."""
        for timers in (self._timers, self._idle):
            while timers and timers[0].canceled:
                heappop(timers)
        timers = self._timers if self._timers and self._timers[0].deadline <= self.end else []
        is_idle = self._idle and (self._idle[0] < timers[0] if timers else self._idle[0].deadline <= self.now)
        return self._idle if is_idle else timers
