"""Trace keys: equal for two runs that differ only in the order of steps that commute, and for no others.

Owns the key of a run's Mazurkiewicz trace, and how an explorer is asked to record what the key is made of. When two
steps commute stands in `dependence.py`. Next: `meter.py`, which counts keys.

The key is a digest of the trace's normal form after Cartier and Foata (1969): each step stands in the first layer after
those of all that it depends on, and within a layer by name. To run the layers one after the other is an order of the
trace; so runs with the same layers are runs of the same trace.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from math import inf
from typing import TYPE_CHECKING

from convexsim.actors.footprints import Footprints
from convexsim.errors import UsageError
from convexsim.explore.dependence import Dependence, past_of
from convexsim.explore.explorer import as_explorer

if TYPE_CHECKING:
    from convexsim.choices import Choices, Kind
    from convexsim.explore.explorer import Explorer
    from convexsim.simulation import Run, Scenario

__all__ = ["Recorded", "Recording", "dependence_of", "makes_traces", "trace_key"]


class Recorded:
    """Somebody else's choices, for a run whose footprints are recorded."""

    def __init__(self, choices: Choices) -> None:
        self.choose = choices.choose
        self.footprints: Footprints = getattr(choices, "footprints", None) or Footprints()


class Recording:
    """An explorer whose runs record their footprints, so that `trace_key` can tell the runs apart.

    Args:
        explorer: who proposes the runs; its name and its end are unchanged.
        every: 1 for each run, n for one run in n, the first one and so on; those of an explorer that wants to know them
            itself are there in any case.

    """

    def __init__(self, explorer: Explorer, every: int = 1) -> None:
        self._explorer = as_explorer(explorer)
        self._every = _checked_share(every)
        self._count = 0

    @property
    def name(self) -> str:
        """How a report calls the explorer."""
        return self._explorer.name

    @property
    def exhausted(self) -> bool:
        """Whether every order there is has been run."""
        return self._explorer.exhausted

    @property
    def notes(self) -> list[str]:
        """What else the explorer has to say."""
        return list(getattr(self._explorer, "notes", ()))

    def propose(self, last: Run | None) -> Choices | None:
        """Return what the explorer proposes."""
        self._count = 0 if last is None else self._count + 1
        choices = self._explorer.propose(last)
        return choices if choices is None or self._count % self._every else Recorded(choices)


def _checked_share(every: int) -> int:
    if type(every) is not int or every < 1:
        raise UsageError(f"One run in {every!r} cannot be recorded.", next_step="Give a whole number, 1 or more.")
    return every


def makes_traces(scenario: Scenario, level: int) -> bool:
    """Return whether `trace_key` can tell the runs of a scenario apart."""
    return level > 1 and not scenario.faults.restarts


def trace_key(run: Run) -> bytes:
    """Return a digest that two runs of one scenario share exactly if they are orders of the same trace.

    A step is named by its moment, whose it is and the how manieth; back-offs and faults belong to whom they were drawn
    for. The key is the same in every process. What invariants look at is known from the run alone: if they look at more
    in one order of a trace than in another, the two keys differ.

    Raises:
        UsageError: the footprints of the run were not recorded, or make no trace.

    """
    footprints = _footprints_of(run)
    counted = Counter[str]()
    pasts: list[int] = []
    depths: list[int] = []
    layers: list[list[tuple[float, str, int]]] = []
    dependence = dependence_of(footprints)
    now, first, lowest = -inf, 0, 0
    for at, step in enumerate(footprints.steps):
        if step.moment > now:  # so it comes after all that there was
            now, first, lowest = step.moment, at, len(layers)
        pasts.append(past_of(footprints.steps, pasts, dependence.between))
        before = pasts[-1] >> first
        depth = max((depth + 1 for nth, depth in enumerate(depths[first:]) if before >> nth & 1), default=lowest)
        depths.append(depth)
        if depth == len(layers):
            layers.append([])
        layers[depth].append((step.moment, step.activity, counted[step.activity]))
        counted[step.activity] += 1
    draws = sorted(_draws(run).items())
    return blake2b(repr(([sorted(layer) for layer in layers], draws)).encode(), digest_size=16).digest()


def _footprints_of(run: Run) -> Footprints:
    if run.footprints is None:
        msg = f"Nobody has recorded what the steps of this run of {run.scenario.name} have read and written."
        raise UsageError(msg, next_step="Wrap its explorer, as in check(scenario, Recording(RandomWalk())).")
    if run.level == 1:
        msg = "At level 1 steps that nobody else can notice are choices too, so its orders make no traces."
        raise UsageError(msg, next_step="Use level 2, begins and commits, or 3, whole mutations.")
    if run.footprints.restarts:
        msg = f"The backend of {run.scenario.name} may restart, and what a restart kills has no footprint."
        raise UsageError(msg, next_step="Count outcomes, as Meter() does, or plan for other faults.")
    return run.footprints


def dependence_of(footprints: Footprints) -> Dependence:
    """Return when the order of two steps of a run matters, as far as the run shows what its invariants look at."""
    watched, ordered = frozenset(footprints.watched), frozenset(footprints.ordered)
    return Dependence(watched, ordered, tuple(footprints.total))


def _draws(run: Run) -> dict[str, list[tuple[Kind, int]]]:
    """Return what was drawn for each activity: choices that are no order of steps."""
    drawn: dict[str, list[tuple[Kind, int]]] = {}
    for kind, index, _, option in run.record.taken:
        if kind != "step":
            drawn.setdefault(option.activity, []).append((kind, index))
    return drawn
