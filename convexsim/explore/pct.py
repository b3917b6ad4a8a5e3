"""PCT, probabilistic concurrency testing: random priorities and a few moments at which the highest drops to the lowest.

After Burckhardt, Kothari, Musuvathi and Nagarakatte (ASPLOS 2010): a bug that is caused by d ordering constraints (its
depth) shows in a run with a probability of at least 1 / (n * k^(d-1)), for n activities and k steps. A lost update has
depth 2, as has whatever one switch can cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convexsim.choices import RandomChoices, root_of
from convexsim.explore.sampler import Sampler, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.choices import Choices, Kind, Option
    from convexsim.simulation import Run

__all__ = ["Pct", "PctChoices"]


class Pct(Sampler):
    """Run whoever has the highest priority; at depth - 1 drawn moments that priority drops below all others.

    Moments are choices of a step: where only one step is enabled, a drop would do nothing that it does not do at the
    next choice. Their number k and that of the activities n are those of the largest run so far, so the bound that the
    name tells is an estimate, until the runs have shown how long they get. It is about orders alone: back-offs and
    faults are drawn as in a random walk, and a bug that needs some of them besides is rarer. A part of the runs
    (`skip`) learns from the serial run and its own runs; the bound of several parts is that of the largest run of all.

    Args:
        runs: how many runs; the first is the plain serial one, from which n and k are learnt.
        seed: the same seed gives the same runs of the same scenario.
        depth: how many ordering constraints a bug may need, 1 or more.

    """

    title = "PCT search"

    def __init__(self, runs: int = 1_000, seed: int = 0, *, depth: int = 3) -> None:
        super().__init__(runs, seed)
        if type(depth) is not int or depth < 1:
            raise refuse(f"A PCT search of depth {depth!r}", "Give a whole number, depth=1 or more.")
        self._depth = depth
        self._activities = self._length = 0
        self._proposed: _Watched | None = None

    def propose(self, last: Run | None) -> Choices | None:
        """Return the priorities of the next run, over as many moments as runs have had."""
        if last is None:
            self._activities = self._length = 0
        elif self._proposed is not None:
            self._activities = max(self._activities, len(self._proposed.activities))
            self._length = max(self._length, self._proposed.moments)
        choices = super().propose(last)
        self._proposed = None if choices is None else _Watched(choices)
        return self._proposed

    @property
    def bound(self) -> float:
        """The probability with which a run shows a bug of this depth, at least, for n and k as seen so far."""
        return float(1 / (max(1, self._activities) * max(1, self._length) ** (self._depth - 1)))

    @property
    def learnt(self) -> tuple[int, ...]:
        """How many activities and choices of a step the largest run had."""
        return (self._activities, self._length)

    def learn(self, learnt: Sequence[int]) -> None:
        """Let the bound be one for the runs of another part, too."""
        activities, length = learnt
        self._activities, self._length = max(self._activities, activities), max(self._length, length)

    def _drawn(self, seed: str) -> Choices:
        return PctChoices(seed, self._depth, self._length)

    def _settings(self) -> str:
        known = f", at least 1 run in {1 / self.bound:,.0f} shows a bug of that depth" if self._length else ""
        return f", depth {self._depth}{known}"


class PctChoices(RandomChoices):
    """The priorities and the moments of change of one run.

    An activity gets its priority when it is first met. Among several steps of one activity, such as the branches of a
    `gather`, one is drawn: they share its priority.

    Args:
        seed: the same seed gives the same draws.
        depth: one more than there are moments of change.
        length: how many choices of a step the run is expected to have.

    """

    def __init__(self, seed: int | str, depth: int, length: int) -> None:
        super().__init__(seed)
        self._changes: Final = [int(self.draw() * length) for _ in range(depth - 1)]
        self._priorities: dict[str, float] = {}
        self._moment = 0

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return a step of the activity with the highest priority."""
        if kind != "step":
            return super().choose(kind, options)
        roots = [root_of(option.activity) for option in options]
        for root in roots:
            if root not in self._priorities:
                self._priorities[root] = self.draw()
        for low, moment in enumerate(self._changes, start=1):
            if moment == self._moment:
                self._priorities[self._highest(roots)] = -low
        self._moment += 1
        highest = self._highest(roots)
        own = [at for at, root in enumerate(roots) if root == highest]
        return own[int(self.draw() * len(own))]

    def _highest(self, roots: Sequence[str]) -> str:
        return max(roots, key=self._priorities.__getitem__)


class _Watched:
    """Choices that are passed on, and how far the run gets: the activities that competed, the choices of a step."""

    def __init__(self, choices: Choices) -> None:
        self._choose: Final = choices.choose
        self.activities: set[str] = set()
        self.moments = 0

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        if kind == "step":
            self.activities.update(root_of(option.activity) for option in options)
            self.moments += 1
        return self._choose(kind, options)
