"""The shape of a failure: what two shrunk runs share that show the same bug to people.

Owns which facts make it: the property that broke, and of each forced choice what it was about and what was taken, in
their order. Not the names of clients, not the places of the choices, not ids: so the same switch between other clients,
or a little later, is the same shape. Next: `block.py`, which tells distinct failures apart by it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from convexsim.trace.event import Called

if TYPE_CHECKING:
    from convexsim.simulation import Run

__all__ = ["shape_of"]


def shape_of(shrunk: Run) -> str:
    """Return a digest that is the same for shrunk runs of the same shape, in every process.

    Args:
        shrunk: a run that broke an invariant, with its events.

    """
    assert shrunk.trace is not None, "only a run with its events knows which functions it is about"
    functions = {event.activity: event.function for event in shrunk.trace.events if isinstance(event, Called)}
    facts = [shrunk.violations[0].invariant]
    facts += [
        f"{taken.kind} {functions.get(taken.activity, '')} {taken.phase}"
        for taken in shrunk.record.labelled()
        if taken.index
    ]
    return blake2b("\n".join(facts).encode(), digest_size=6).hexdigest()
