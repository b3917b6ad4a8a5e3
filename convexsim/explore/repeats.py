"""Whether runs are their choices alone: the first run of an exploration, repeated at its end, must be the same again.

Owns that one question. State that outlives a run (a list of a module, a mutable default) makes later runs depend on
earlier ones, and a replay string, whose run comes first in its process, mean another run than the one that was found.
What differs here shows such state for certain. If nothing differs there may still be some, which the order of steps in
the first run does not bring to light. Used by `check.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from convexsim.choices import ListedChoices
from convexsim.simulation import Simulation
from convexsim.trace.event import json_lines

if TYPE_CHECKING:
    from convexsim.simulation import Run

__all__ = ["differs_from"]

_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]+")
"""What Python says of an object without a text of its own; it means nothing, and differs each time."""


def differs_from(first: Run, level: int) -> int | None:
    """Repeat a run, with its events, and return the step from which it goes another way; None if it does not."""
    again = Simulation(first.scenario, ListedChoices(first.indexes), level=level).run()
    assert first.trace is not None
    assert again.trace is not None
    before, now = (_ADDRESS.sub("", json_lines(trace)).splitlines() for trace in (first.trace, again.trace))
    if before == now:
        return None
    same = next((at for at, (old, new) in enumerate(zip(before, now, strict=False)) if old != new), None)
    events = first.trace.events
    return events[same].step if same is not None else min(first.steps, again.steps)
