"""Which steps depend on which, for a whole search: asked of two steps once, and then remembered.

Owns two ways to know a step again. `Relation` goes by what it did: as exact as can be. `Lasting` goes by whose step it
is and the how manieth, and counts whatever that step has done in any run: the same step may read more or less in
another order, and only a dependence that is the same in all of them carries a proof (`verify.py`). When two footprints
depend on each other says `dependence.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from convexsim.actors.footprints import Footprint
    from convexsim.explore.dependence import Dependence

    Name = Hashable

__all__ = ["Lasting", "Relation"]


class Relation:
    """Dependence between steps, each known by what it did.

    Attributes:
        is_more: whether two steps were found to depend on each other of which it was said that they do not.

    """

    def __init__(self, dependence: Dependence) -> None:
        self.is_more = False
        self._dependence = dependence
        self._done: dict[Name, dict[Hashable, Footprint]] = {}
        self._known: dict[Name, dict[Name, bool]] = {}

    def name(self, step: Footprint, nth: int) -> Name:
        """Return by what a step is known.

        Args:
            step: a step that is over.
            nth: how many its activity had before it.

        """
        content = _content(step)
        name = self._name(step, nth, content)
        done = self._done.setdefault(name, {})
        if content not in done:
            done[content] = step
            self._update(name, step)
        return name

    def between(self, one: Name, other: Name) -> bool:
        """Whether two steps may come to something else in the other order."""
        known = self._known.setdefault(one, {})
        if other not in known:
            pairs = ((mine, its) for mine in self._done[one].values() for its in self._done[other].values())
            known[other] = any(self._dependence.between(*pair) for pair in pairs)
            self._known.setdefault(other, {})[one] = known[other]
        return known[other]

    def _name(self, _step: Footprint, _nth: int, content: Hashable) -> Name:
        return content

    def _update(self, name: Name, step: Footprint) -> None:
        known = self._known.get(name, {})
        for other in [other for other, depends in known.items() if not depends]:
            if any(self._dependence.between(step, each) for each in self._done[other].values()):
                known[other] = self._known[other][name] = self.is_more = True


class Lasting(Relation):
    """Dependence between steps, each known by its activity and its place there: what is between two lasts."""

    def _name(self, step: Footprint, nth: int, _content: Hashable) -> Name:
        return step.activity, nth


def _content(step: Footprint) -> Hashable:
    return tuple(step.read()), tuple(step.written()), tuple(step.touches.items()), tuple(step.shows)
