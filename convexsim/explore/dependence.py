"""Dependence: when two macro steps commute, and which steps of a run come before which, whatever the order of the rest.

Owns the relation and the partial order that it gives a run (`place_of`); two runs with the same one are one *trace*.
Knows no search: `dpor.py` is the one that uses it. What a step has read and written stands in `actors/footprints.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

from convexsim.database.reads import READ_BY_ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.actors.footprints import Footprint

T = TypeVar("T")

__all__ = ["Dependence", "Place", "place_of"]


@frozen
class Place:
    """Where a step of a run stands in its partial order.

    Attributes:
        before: the steps that come before it in every order of the same trace, one bit for each place.
        races: the steps that came before it in this order and need not have: nothing but a dependence says so, and
            nothing stands between.

    """

    before: int
    races: tuple[int, ...]


@frozen
class Dependence:
    """When the order of two steps can matter.

    Attributes:
        watched: the tables, things and facts that an `always` invariant looks at: between two steps that change any of
            them it sees which came first.
        ordered: the facts that another one looks at: it sees which of two steps came first that add to the same one.
        total: why every step depends on every other; empty if none does.

    """

    watched: frozenset[str] = frozenset()
    ordered: frozenset[str] = frozenset()
    total: tuple[str, ...] = ()

    def between(self, one: Footprint, other: Footprint) -> bool:
        """Whether two steps may come to something else in the other order."""
        if self.total:
            return True
        if any(changes or other.touches[thing] for thing, changes in one.touches.items() if thing in other.touches):
            return True
        if _meets(one, other) or _meets(other, one):
            return True
        if self.ordered and any(fact in other.shows and fact in self.ordered for fact in one.shows):
            return True
        return bool(self.watched) and self._is_watched(one) and self._is_watched(other)

    def _is_watched(self, step: Footprint) -> bool:
        if not self.watched.isdisjoint(step.shows):
            return True
        if any(changes and thing in self.watched for thing, changes in step.touches.items()):
            return True
        return any(index.rpartition(".")[0] in self.watched for keys in step.writes for index in keys)


def _meets(writer: Footprint, reader: Footprint) -> bool:
    """Whether one has written what the other has read; a new table changes what every name may mean."""
    for keys in writer.writes:
        if READ_BY_ALL in keys:
            return True
        for reads in reader.reads:
            for index, touched in keys.items():
                if index in reads and any(reads.covering(index, key) for key, _ in touched):
                    return True
    return False


def place_of(
    steps: Sequence[Footprint], names: Sequence[T], places: Sequence[Place], between: Callable[[T, T], bool]
) -> Place:
    """Return the place of the next step of a run, given those of all before it, and which of them depend on which.

    A step comes after the one that sent its message, after those of its own activity, and after everything of an
    earlier moment: the clock moves only when nothing is left to run.
    """
    at = len(places)
    step, before, races = steps[at], 0, []
    if step.creator >= 0:
        before |= places[step.creator].before | 1 << step.creator
    for earlier in range(at - 1, -1, -1):
        if steps[earlier].moment < step.moment:
            before |= (1 << earlier + 1) - 1
            break
        if before >> earlier & 1:
            continue
        is_own = steps[earlier].activity == step.activity
        if is_own or between(names[earlier], names[at]):
            before |= places[earlier].before | 1 << earlier
            if not is_own:
                races.append(earlier)
    return Place(before, tuple(races))
