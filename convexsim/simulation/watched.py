"""What invariants look at, told to whoever records footprints: two steps are told apart if an invariant could.

Owns which facts of a `View` tell of the order of steps that do not depend on each other otherwise. `run.py` asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convexsim.actors.footprints import MOMENT, TIMER
from convexsim.invariants import HistoryInvariant, PastInvariant

if TYPE_CHECKING:
    from convexsim.actors.footprints import Footprints
    from convexsim.invariants import Invariant, View

__all__ = ["watch"]

_SETTLED: Final = ("calls", "contents of ", "now", "retried", "ts")
"""What is the same when nothing is left to do, in whatever order it came about."""
_OUTSIDE: Final = ("external ", "contents of ", "network")
"""What changes only in steps, and only at moments at which `always` invariants are asked, as documents do."""


def watch(footprints: Footprints, invariant: Invariant, view: View) -> None:
    """Note what an invariant has looked at in a view that it was asked about.

    Answers, faults, the time and so on change between the moments at which `always` invariants are asked, so for one
    that looks at them each such moment may be another; and they change without a step when somebody wakes.
    """
    if isinstance(invariant, HistoryInvariant | PastInvariant):
        footprints.total[f"{invariant.name} looks at the order of steps"] = None
    is_always = invariant.when == "always"
    facts = [fact for fact in view.looked if is_always or not fact.startswith(_SETTLED)]
    is_inside = not all(fact.startswith(_OUTSIDE) for fact in facts)
    footprints.order([*facts, TIMER] if is_inside else facts)
    if is_always:
        footprints.watch(view.reads, [*facts, MOMENT] if is_inside else facts)
