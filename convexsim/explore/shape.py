"""The shape of a failure: what two shrunk runs share that show the same bug to people.

Owns which facts make it: the property that broke, and of each forced choice, in their order, what it was about, which
step of which function was taken and which one passed over. Not the names of clients, not the places of the choices, not
ids: so the same switch between other clients, or a little later, is the same shape. Next: `block.py`, which tells
distinct failures apart by it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convexsim.choices import Label
    from convexsim.simulation import Run

__all__ = ["shape_of"]


def shape_of(shrunk: Run) -> str:
    """Return a digest that is the same for shrunk runs of the same shape, in every process."""
    facts = [shrunk.violations[0].invariant]
    facts += [f"{each.kind} {_step(each.taken)} before {_step(each.passed)}" for each in shrunk.record.forced]
    return blake2b("\n".join(facts).encode(), digest_size=6).hexdigest()


def _step(label: Label) -> str:
    return f"{label.phase} {label.what}"
