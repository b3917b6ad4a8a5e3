"""The auditor of determinism: every run of an exploration is repeated, and must be the same event by event.

Owns the comparison of two runs, `difference`, and the loop that makes it for whatever an explorer proposes. A run that
cannot be repeated has let something in that is no choice: the order of a set, an address, state that outlives a run (a
list of a module, a mutable default), so that its replay string means another run. `check.py` asks the same of the first
run of every exploration, where all would cost too much.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.choices import ListedChoices
from convexsim.explore.explorer import as_explorer
from convexsim.explore.replay import encode
from convexsim.simulation import Simulation, run_again
from convexsim.trace.event import json_lines
from convexsim.values import counted

if TYPE_CHECKING:
    from convexsim.explore.explorer import Explorer
    from convexsim.simulation import Run, Scenario

__all__ = ["Audit", "Difference", "audit", "difference"]

_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]+")
"""What Python says of an object without a text of its own; it means nothing, and differs each time."""
_SHOWN: Final = 160


@frozen
class Difference:
    """Where a repeated run went another way.

    Attributes:
        step: the first step of which the two runs tell different things.
        before: the event of the first run, as a line of JSON; empty if it had none any more.
        again: that of its repetition.

    """

    step: int
    before: str
    again: str

    def __str__(self) -> str:
        shown = [text[:_SHOWN] or "nothing" for text in (self.before, self.again)]
        return f"step {self.step}\n    first: {shown[0]}\n    again: {shown[1]}"


@frozen
class Audit:
    """What came of repeating every run of an exploration.

    Attributes:
        scenario: its name.
        explorer: who proposed the runs.
        runs: how many were made and repeated.
        difference: the first one found, or None.
        replay: the run in which it was found, as a replay string; empty if there is none.

    """

    scenario: str
    explorer: str
    runs: int
    difference: Difference | None = None
    replay: str = ""

    @property
    def holds(self) -> bool:
        """Whether every run was repeated exactly."""
        return self.difference is None

    def __str__(self) -> str:
        said = f"{self.scenario}: {counted(self.runs, 'run')} repeated ({self.explorer})"
        if self.difference is None:
            return f"{said}, all of them exactly"
        return f"{said}; the last one went another way from {self.difference}\n  replay: {self.replay}"


def audit(scenario: Scenario, explorer: Explorer, *, level: int = 2) -> Audit:
    """Run what an explorer proposes, each run twice, until the two differ or it proposes no more.

    Broken invariants do not end it: that they break in the same way is what is asked. An explorer that would go on
    for long is bounded by its own settings, as in ``RandomWalk(runs=100)``.
    """
    runs, last = 0, None
    proposing = as_explorer(explorer)
    while (choices := proposing.propose(last)) is not None:
        last = Simulation(scenario, choices, level=level).run()
        runs += 1
        found = difference(last)
        if found is not None:
            return Audit(scenario.name, explorer.name, runs, found, encode(last))
    return Audit(scenario.name, explorer.name, runs)


def difference(first: Run) -> Difference | None:
    """Repeat a run that has kept its events, and return where it goes another way; None if it does not."""
    again = run_again(first, ListedChoices(first.indexes))
    assert first.trace is not None, "the run has kept no events to compare with"
    assert again.trace is not None
    lines = [_ADDRESS.sub("", json_lines(trace)).splitlines() for trace in (first.trace, again.trace)]
    for at, (before, now) in enumerate(zip_longest(*lines, fillvalue="")):
        if before != now:
            events = first.trace.events if at < len(first.trace.events) else again.trace.events
            return Difference(events[at].step, before, now)
    if _verdict(first) == _verdict(again):
        return None
    return Difference(min(first.steps, again.steps), _verdict(first), _verdict(again))


def _verdict(run: Run) -> str:
    """Return how a run ended, in one line."""
    broken = [f"{violation.invariant}: {violation.message}" for violation in run.violations]
    return _ADDRESS.sub("", f"{run.ending} after {run.steps} steps at {run.now:g} ms; {'; '.join(broken) or 'holds'}")
