"""Dependence: when two macro steps commute, and which steps of a run come before which, whatever the order of the rest.

Owns the relation and the partial order that it gives a run (`past_of`); two runs with the same one are one *trace*.
Knows no search: `dpor.py` and `trace_key.py` use it. What a step has read and written stands in `actors/footprints.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from convexsim.database.reads import READ_BY_ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.actors.footprints import Footprint

__all__ = ["Dependence", "meets", "past_of"]


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
        if meets(one, other) or meets(other, one):
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


def meets(writer: Footprint, reader: Footprint) -> bool:
    """Return whether one has written what the other has read; a new table changes what every name may mean."""
    for keys in writer.writes:
        if READ_BY_ALL in keys:
            return True
        for reads in reader.reads:
            for index, touched in keys.items():
                if index in reads and any(reads.covering(index, key) for key, _ in touched):
                    return True
    return False


def past_of(steps: Sequence[Footprint], pasts: Sequence[int], depends: Callable[[Footprint, Footprint], bool]) -> int:
    """Return which steps come before the next one of a run in every order of the same trace, one bit for each place.

    A step comes after the one that sent its message, after those of its own activity, after those on which it depends,
    and after everything of an earlier moment: the clock moves only when nothing is left to run.

    Args:
        steps: of the run, in its order.
        pasts: of all steps before it.
        depends: of two steps, the earlier one first, whether they do not commute.

    """
    at = len(pasts)
    step, before = steps[at], 0
    if step.creator >= 0:
        before |= pasts[step.creator] | 1 << step.creator
    for earlier in range(at - 1, -1, -1):
        if steps[earlier].moment < step.moment:
            before |= (1 << earlier + 1) - 1
            break
        is_seen = before >> earlier & 1
        if not is_seen and (steps[earlier].activity == step.activity or depends(steps[earlier], step)):
            before |= pasts[earlier] | 1 << earlier
    return before
