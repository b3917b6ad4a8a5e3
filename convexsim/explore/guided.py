"""Guided search: a run that showed something new is kept, and later runs begin as it did and then go another way.

As fuzzers do with inputs, and with orders of threads (Wolff, Shi, Duck, Mathur and Roychoudhury, "Greybox Fuzzing for
Concurrency Testing", ASPLOS 2024): a bug that needs several things in turn is met one after the other, if each of them
shows by itself. Owns what counts as shown, which of the kept runs is varied next, and how.
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.choices import RandomChoices
from convexsim.explore.sampler import Sampler
from convexsim.explore.trace_key import Recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.choices import Choices, Kind, Option
    from convexsim.simulation import Run

__all__ = ["Guided", "VariedChoices", "shown_by", "varied"]

Shown = tuple[str, str, int, bool]
"""What a run shows of a step, or a fault: whose it is, its phase, the how manieth of these, whether it has written."""
Plan = list[int | None]
"""The choices to make, one after the other; None is a fresh draw, as is whatever comes after the end."""

_FRESH: Final = 0.2
"""The share of runs that vary none, but are drawn anew."""
_CUT: Final = 0.5
"""The share of variations of which only the beginning is kept."""


@frozen
class _Kept:
    """A run that was kept: its choices, and what it was the first to show."""

    indexes: tuple[int, ...]
    new: tuple[Shown, ...]


class Guided(Sampler):
    """Vary runs that showed what none before had shown: a step, one that wrote, one that did not write, a fault.

    A run is the likelier to be varied the fewer others have shown the rarest of what it was kept for. The first run is
    the plain serial one, and one in five is drawn as in a random walk, as back-offs and faults are everywhere.

    Args:
        runs: how many runs.
        seed: the same seed gives the same runs; run n follows from the seed and all runs before it.

    """

    title = "guided search"

    def __init__(self, runs: int = 1_000, seed: int = 0) -> None:
        super().__init__(runs, seed)
        self._begin()

    def _begin(self) -> None:
        self._kept: list[_Kept] = []
        self._met = Counter[Shown]()

    @property
    def notes(self) -> list[str]:
        """What a report says of the search: how many runs were kept, and what all of them have shown."""
        return [f"runs kept: {len(self._kept):,}; steps and faults shown: {len(self._met):,}"]

    def propose(self, last: Run | None) -> Choices | None:
        """Return a variation of a run that was kept, having judged the last one."""
        if last is None:
            self._begin()
        else:
            self._judge(last)
        choices = super().propose(last)
        return None if choices is None else Recorded(choices)

    def _judge(self, run: Run) -> None:
        """Keep a run if it has shown anything new."""
        shown = shown_by(run)
        new = tuple(each for each in shown if each not in self._met)
        self._met.update(shown)
        if new:
            self._kept.append(_Kept(run.indexes, new))

    def _drawn(self, seed: str) -> VariedChoices:
        draw = RandomChoices(f"{seed}:plan").draw
        is_fresh = draw() < _FRESH or not self._kept  # in a world where nothing happens nothing is shown
        return VariedChoices(seed, [] if is_fresh else varied(self._pick(draw), self._pick(draw), draw))

    def _pick(self, draw: Callable[[], float]) -> tuple[int, ...]:
        """Return the choices of a kept run, one that has shown something rare more likely than others."""
        weights = list(accumulate(max(1 / self._met[each] for each in kept.new) for kept in self._kept))
        point = draw() * weights[-1]
        return self._kept[sum(weight <= point for weight in weights)].indexes


class VariedChoices(RandomChoices):
    """What a plan says, as far as it goes and fits; then draws. Where no fault struck in the plan, one still may."""

    def __init__(self, seed: int | str, plan: Plan) -> None:
        super().__init__(seed)
        self._plan = iter(plan)

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return what is planned next, or a drawn index."""
        planned = next(self._plan, None)
        if planned is None or planned >= len(options) or (kind == "fault" and not planned):
            return super().choose(kind, options)
        return planned


def shown_by(run: Run) -> list[Shown]:
    """Return what a run shows, each thing once: its steps and the faults that struck."""
    assert run.footprints is not None, "a guided search proposes choices that ask for them"
    happened = [(step.activity, step.phase, bool(step.writes)) for step in run.footprints.steps]
    struck = [option for kind, index, _, option in run.record.taken if kind == "fault" and index]
    happened += [(option.activity, option.phase, False) for option in struck]
    counted = Counter[tuple[str, str]]()
    shown: list[Shown] = []
    for activity, phase, wrote in happened:
        counted[activity, phase] += 1
        shown.append((activity, phase, counted[activity, phase], wrote))
    return shown


def varied(indexes: tuple[int, ...], other: tuple[int, ...], draw: Callable[[], float]) -> Plan:
    """Return a plan that begins like a run: up to a drawn place, and from there on it is one of these.

    Half of the time nothing more, so that all the rest is drawn. Else what follows there in that run too, after a drawn
    choice that is put in, or that takes the place of one; or what follows there in the other run.
    """
    at = int(draw() * len(indexes))
    before = indexes[:at]
    if draw() < _CUT:
        return [*before]
    ways: tuple[Plan, ...] = (
        [*before, None, *indexes[at:]],
        [*before, None, *indexes[at + 1 :]],
        [*before, *other[at:]],
    )
    return ways[int(draw() * len(ways))]
