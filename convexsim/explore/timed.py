"""Free time and back: does a failure that was found with late steps need them?

Where steps may be late (`Platform.late_ms`), timers overtake them, also one that is a year away. Such a failure is real
only if a step of the real platform is ever so late. Owns what is said of that: how late the latest step is, and whether
the same invariant breaks where no step is late at all (*timed*). Used by `check.py`; told by `report.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.explore.bounded import Bounded
from convexsim.explore.random_walk import RandomWalk
from convexsim.explore.replay import encode
from convexsim.explore.shrink import breaks_like, shrink
from convexsim.simulation import Simulation
from convexsim.trace.event import Passed
from convexsim.trace.names import short_activity
from convexsim.values import counted, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from convexsim.simulation import Run
    from convexsim.trace.event import Trace

__all__ = ["TIMED_RUNS", "Late", "Timed", "latest", "look_timed"]

TIMED_RUNS: Final = 300
"""Runs in timed mode that each of two explorers may spend on a failure that was found with late steps."""


@frozen
class Late:
    """A step that was late.

    Attributes:
        activity: whose it was.
        phase: what it was about to do.
        ms: the virtual time that passed while it waited.

    """

    activity: str
    phase: str
    ms: float

    def __str__(self) -> str:
        return f"{short_activity(self.activity)} ({self.phase}) {show(round(self.ms, 3))} ms late"


@frozen
class Timed:
    """What came of looking for a failure where no step is late.

    Attributes:
        runs: how many were made.
        replay: the failure there, shrunk, as a string to be replayed on the scenario's variant with ``late_ms=0``;
            empty if it was not met.
        exhausted: whether those were all orders.

    """

    runs: int
    replay: str = ""
    exhausted: bool = False

    def __str__(self) -> str:
        if self.replay:
            return f"no step has to be: with late_ms=0 it breaks too: {self.replay}"
        runs = counted(self.runs, "run")
        if self.exhausted:
            return f"so it has to be: with late_ms=0 it holds in all of {runs}"
        return f"so it may have to be: with late_ms=0 it was not met in {runs}"


def latest(trace: Trace) -> Late | None:
    """Return the latest step of a run, the first one of several; None if none is late."""
    waited: dict[tuple[str, str], float] = {}
    longest: dict[tuple[str, str], float] = {}
    for event in trace.events:
        if isinstance(event, Passed):
            waited = {who: waited.get(who, 0.0) + event.until_ms - event.at_ms for who in event.late}
            longest.update({who: max(longest.get(who, 0.0), ms) for who, ms in waited.items()})
    if not longest:
        return None
    who = max(longest, key=longest.__getitem__)
    return Late(*who, longest[who])


def look_timed(failing: Run, on_run: Callable[[Run], None] | None = None) -> Timed:
    """Look for the same failure where no step is late.

    Args:
        failing: a run with a violation, in which steps may have been late.
        on_run: called after every run.

    """
    scenario = failing.scenario.variant(failing.scenario.name, late_ms=0.0)
    runs = 0
    for explorer in (Bounded(TIMED_RUNS), RandomWalk(TIMED_RUNS)):
        last: Run | None = None
        while (choices := explorer.propose(last)) is not None:
            last = Simulation(scenario, choices, level=failing.level, trace=False).run()
            runs += 1
            if breaks_like(failing, last):
                return Timed(runs, replay=encode(shrink(last, on_run=on_run).run))
            if on_run is not None:
                on_run(last)
        if explorer.exhausted:
            return Timed(runs, exhausted=True)
    return Timed(runs)
