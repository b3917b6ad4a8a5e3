"""A run once more, with all noted that tells why it went as it did.

Owns the second look at a run: its events, what its macro steps have read and written, and what was offered at each of
its choices. Knows no search; `shares.py`, `counterfactuals.py` and `gist.py` look at it. Next: `explain.py`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import attrs
from attrs import frozen

from convexsim.actors.footprints import Footprints
from convexsim.choices import Forced, ListedChoices, label_of
from convexsim.explore.dependence import Dependence, past_of
from convexsim.explore.switches import functions_of, moments_of, told
from convexsim.simulation import run_again

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convexsim.actors.footprints import Footprint
    from convexsim.choices import Kind, Label, Option
    from convexsim.simulation import Run
    from convexsim.trace.event import Trace

__all__ = ["Asked", "Retold", "retell"]


@frozen
class Asked:
    """A choice with all that was offered.

    Attributes:
        position: its place among all choices of the run, from 0.
        index: which option was taken.
        labels: what the options were.
        place: the macro step that was chosen, or in which something else was; -1 for before the first.

    """

    position: int
    kind: Kind
    index: int
    labels: tuple[Label, ...]
    place: int

    @property
    def as_forced(self) -> Forced:
        """The choice with what was taken and what would have come by itself, which may be the same."""
        return Forced(self.position, self.kind, self.index, self.labels[self.index], self.labels[0])


class _Listening:
    """The choices of a list, with what is offered written down."""

    def __init__(self, indexes: Sequence[int]) -> None:
        self._listed: Final = ListedChoices(indexes)
        self.footprints: Final = Footprints()
        self.asked: Final[list[Asked]] = []

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        index = self._listed.choose(kind, options)
        place = len(self.footprints.steps) - (kind != "step")
        labels = tuple(label_of(option) for option in options)
        self.asked.append(Asked(len(self.asked), kind, index, labels, place))
        return index


@attrs.frozen(eq=False, slots=False)
class Retold:
    """A run with what was noted of it.

    Attributes:
        run: with its events and footprints; only the invariants that were asked for are judged in it.
        asked: its choices, in order.

    """

    run: Run
    asked: tuple[Asked, ...]

    @property
    def trace(self) -> Trace:
        """The events."""
        assert self.run.trace is not None
        return self.run.trace

    @property
    def footprints(self) -> Footprints:
        """What its steps have read and written."""
        assert self.run.footprints is not None
        return self.run.footprints

    @property
    def steps(self) -> Sequence[Footprint]:
        """Its macro steps."""
        return self.footprints.steps

    @cached_property
    def functions(self) -> Mapping[str, str]:
        """Which function each activity runs."""
        return functions_of(self.trace)

    @cached_property
    def dependence(self) -> Dependence:
        """When the order of two steps matters to what they read and write, or to who looks at it."""
        return Dependence(frozenset(self.footprints.watched), frozenset(self.footprints.ordered))

    @cached_property
    def pasts(self) -> Sequence[int]:
        """Which macro steps come before each one in every order of the same trace, one bit for each place."""
        pasts: list[int] = []
        for _ in self.steps:
            pasts.append(past_of(self.steps, pasts, self.dependence.between))
        return pasts

    @cached_property
    def _moments(self) -> Mapping[int, tuple[int, float]]:
        return moments_of(self.run)

    def moment(self, asked: Asked) -> tuple[int, float]:
        """Return in which step of the run a choice was made, and at which virtual time."""
        at = min(asked.place, len(self.steps) - 1)
        here = (self.steps[at].number, self.steps[at].moment) if at >= 0 else (0, self.run.scenario.platform.start_ms)
        return self._moments.get(asked.position, here)

    def words(self, asked: Asked) -> str:
        """Return a choice in words."""
        return told(asked.as_forced, self.functions)


def retell(run: Run, only: str | None = None) -> Retold:
    """Repeat a run and note everything.

    Args:
        run: the run.
        only: the name of the one invariant to be judged, so that what is looked at is what it looks at; all if it is
            None, or no invariant's.

    """
    wanted = tuple(each for each in run.scenario.invariants if each.name == only)
    scenario = attrs.evolve(run.scenario, invariants=wanted) if wanted else run.scenario
    choices = _Listening(run.indexes)
    again = run_again(attrs.evolve(run, scenario=scenario), choices)
    return Retold(again, tuple(choices.asked))
