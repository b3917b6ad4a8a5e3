"""What invariants look at, told to whoever records footprints: two steps are told apart if an invariant could.

Owns which facts of a `View` tell of the order of steps that do not depend on each other otherwise. `run.py` asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convexsim.invariants import HistoryInvariant, PastInvariant

if TYPE_CHECKING:
    from convexsim.actors.footprints import Footprints
    from convexsim.invariants import Invariant, View

__all__ = ["watch"]

_ORDERED: Final = ("answers", "faults", "writer")
"""What tells of an order even at the end."""
_ORDERED_ALWAYS: Final = (*_ORDERED, "calls", "ts")
"""What tells of one while a run goes on."""


def watch(footprints: Footprints, invariant: Invariant, view: View) -> None:
    """Note what an invariant has looked at in a view that it was asked about."""
    if isinstance(invariant, HistoryInvariant | PastInvariant):
        footprints.total[f"{invariant.name} looks at the order of steps"] = None
    always = invariant.when == "always"
    for fact in _ORDERED_ALWAYS if always else _ORDERED:
        if fact in view.looked:
            footprints.total[f"{invariant.name} looks at the order of steps: {fact}"] = None
    if always:
        footprints.watch(view.reads, view.looked)
