"""Choices that follow another run, though something is left out of it, or comes in another order.

Owns how what remains finds its place when the places shift: by what it is, not by its number. Used by `shrink.py` and
`counterfactuals.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convexsim.actors.dispatcher import CLOCK
from convexsim.actors.footprints import Footprints
from convexsim.choices import root_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convexsim.choices import ChoiceRecord, Forced, Kind, Option

__all__ = ["Among", "Following", "Indexes", "Reordered"]

Indexes = tuple[int, ...]


class Following:
    """A list of choices, then forced choices that go by their labels: each is taken at the first place that offers it.

    A place offers a forced choice if the same option is there and the same would come by itself. One that no place
    offers is left out, with all that come after it; where none is due the simplest option is taken.

    Args:
        indexes: how the run begins.
        rest: what is then looked for, first one first.

    """

    def __init__(self, indexes: Indexes, rest: Sequence[Forced]) -> None:
        self.indexes: Final = indexes
        self.rest: Final = rest
        self._at = 0
        self._found = 0

    @property
    def key(self) -> tuple[object, ...]:
        """What says everything about these choices."""
        return (self.indexes, *((each.kind, each.taken, each.passed) for each in self.rest))

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the next index of the list, or the next forced choice if this is its place."""
        at, self._at = self._at, self._at + 1
        if at < len(self.indexes):
            return self.indexes[at] if self.indexes[at] < len(options) else 0
        if self._found < len(self.rest):
            sought = self.rest[self._found]
            if kind == sought.kind and sought.passed.fits(options[0]):
                for index in range(1, len(options)):
                    if sought.taken.fits(options[index]):
                        self._found += 1
                        return index
        return 0


class Among:
    """The order of another run, but only among some actors: all others come as they come by themselves.

    Where one of the others would come it does; else the first of what the other run chose from here on that is there.

    Args:
        actors: roots of activities (`choices.root_of`).
        record: the choices of the other run.

    """

    def __init__(self, actors: Sequence[str], record: ChoiceRecord) -> None:
        self._actors: Final = tuple(actors)
        taken = [(kind, option.activity, option.phase) for kind, _, _, option in record.taken]
        self._rest = [each for each in taken if root_of(each[1]) in self._actors]
        self.key: Final = (self._actors, *self._rest)
        """What says everything about these choices."""

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return what the other run would choose, among these actors."""
        if root_of(options[0].activity) in self._actors:
            offered = [(kind, option.activity, option.phase) for option in options]
            for each in self._rest:
                if each in offered:
                    self._rest.remove(each)
                    return offered.index(each)
        return 0


class Reordered:
    """The macro steps of another run in another order, as far as they are there, each by whose it is.

    Args:
        activities: whose step comes when; `CLOCK` where time passes while somebody could run.
        drawn: what was drawn beside the order, by kind and activity, first one first.

    """

    def __init__(self, activities: Sequence[str], drawn: Mapping[tuple[Kind, str], Sequence[int]]) -> None:
        self.footprints: Final = Footprints()
        self._rest = list(activities)
        self._drawn = {key: list(indexes) for key, indexes in drawn.items()}
        self._seen = 0

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the first step of the order that is offered and has not come yet, or the next draw of its owner."""
        if kind != "step":
            left = self._drawn.get((kind, options[0].activity))
            index = left.pop(0) if left else 0
            return index if index < len(options) else 0
        self._strike_out([step.activity for step in self.footprints.steps[self._seen :]])
        self._seen = len(self.footprints.steps)
        offered = [option.activity for option in options]
        index = next((offered.index(each) for each in self._rest if each in offered), 0)
        if offered[index] == CLOCK:
            self._strike_out([CLOCK])
        return index

    def _strike_out(self, done: Sequence[str]) -> None:
        for activity in done:
            if activity in self._rest:
                self._rest.remove(activity)
