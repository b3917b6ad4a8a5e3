"""POS, partial-order sampling: a random priority for each step, drawn anew for whoever races with the step just run.

After Yuan, Yang and Gu, "Partial Order Aware Concurrency Sampling" (CAV 2018): of many orders of one trace little is
gained, so draws are spent where steps depend on each other. Owns what is known of a step before it runs. When two steps
depend on each other stands in `dependence.py`.

There a thread's next access is known beforehand; here a step has to run before anybody knows what it reads and writes.
So a pending step is taken for what the steps of that name (activity and phase) did in the serial run. One that the
serial run did not have may do anything: it races with every other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from convexsim.actors.footprints import Footprints
from convexsim.choices import RandomChoices
from convexsim.explore.dependence import Dependence
from convexsim.explore.sampler import Sampler
from convexsim.explore.trace_key import Recorded, dependence_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convexsim.actors.footprints import Footprint
    from convexsim.choices import Choices, Kind, Option
    from convexsim.simulation import Run

__all__ = ["Pos", "PosChoices", "Seen"]


@frozen
class Seen:
    """What was seen of steps, by activity and phase, and when the order of two of them matters."""

    steps: Mapping[tuple[str, str], Sequence[Footprint]] = field(factory=dict)
    dependence: Dependence = field(factory=Dependence)

    @classmethod
    def in_run(cls, footprints: Footprints) -> Seen:
        """Return what a run shows; at level 1 nothing."""
        if footprints.level == 1:
            return cls()
        steps: dict[tuple[str, str], list[Footprint]] = {}
        for step in footprints.steps:
            steps.setdefault((step.activity, step.phase), []).append(step)
        return cls(steps, dependence_of(footprints))

    def races(self, step: Footprint, pending: Option) -> bool:
        """Whether a pending step may depend on one that was run."""
        alike = self.steps.get((pending.activity, pending.phase))
        return alike is None or any(self.dependence.between(step, each) for each in alike)


class Pos(Sampler):
    """Run the pending step of the highest priority, then draw the priorities of those that race with it anew.

    Back-offs and faults are drawn as in a random walk. At level 1, and where an invariant looks at the order of steps
    itself, all steps race with each other, and this is a random walk.

    Args:
        runs: how many runs; the first is the plain serial one, which shows what the steps read and write.
        seed: the same seed gives the same runs; run n follows from the seed, n and the serial run alone.

    """

    title = "partial-order sampling"

    def __init__(self, runs: int = 1_000, seed: int = 0) -> None:
        super().__init__(runs, seed)
        self._seen = Seen()

    def propose(self, last: Run | None) -> Choices | None:
        """Return fresh priorities, knowing what the steps of the serial run did."""
        if last is not None and self._count == 1:
            assert last.footprints is not None, "the choices of the first run ask for them"
            self._seen = Seen.in_run(last.footprints)
        choices = super().propose(last)
        return None if choices is None else Recorded(choices)

    def _drawn(self, seed: str) -> PosChoices:
        return PosChoices(seed, self._seen)


class PosChoices(RandomChoices):
    """The priorities of one run.

    Args:
        seed: the same seed gives the same draws.
        seen: what is known of steps that have not run.

    """

    def __init__(self, seed: int | str, seen: Seen) -> None:
        super().__init__(seed)
        self.footprints = Footprints()
        self._seen = seen
        self._priorities: dict[tuple[str, int], float] = {}
        self._judged = 0

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the step of the highest priority."""
        if kind != "step":
            return super().choose(kind, options)
        pending = [(option.activity, option.number) for option in options]
        for step in self.footprints.steps[self._judged :]:
            for name, option in zip(pending, options, strict=True):
                if self._seen.races(step, option):
                    self._priorities.pop(name, None)
        self._judged = len(self.footprints.steps)
        for name in pending:
            if name not in self._priorities:
                self._priorities[name] = self.draw()
        return max(range(len(pending)), key=lambda at: self._priorities[pending[at]])
