"""The sticky walk: stay with the running activity, and now and then switch to another.

Few switches make a run that reads almost like a serial one, and reach deep into one activity before another begins. A
race that needs several switches close together is rare in it (exploration.md 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convexsim.choices import RandomChoices, root_of
from convexsim.explore.sampler import Sampler, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.choices import Kind, Option

__all__ = ["Sticky", "StickyChoices"]


class Sticky(Sampler):
    """Stay with the activity at work with probability 1 - p, else draw another one's step; the first run is serial.

    Back-offs and faults are drawn as in a random walk: p is about steps alone.

    Args:
        runs: how many runs.
        seed: the same seed gives the same runs; run n depends on seed, p and n alone.
        p: the probability of a switch where one is possible, above 0 and at most 1.

    """

    title = "sticky walk"
    is_independent = True

    def __init__(self, runs: int = 1_000, seed: int = 0, *, p: float = 0.25) -> None:
        super().__init__(runs, seed)
        if type(p) not in (int, float) or not 0 < p <= 1:
            raise refuse(f"A sticky walk that switches with the probability {p!r}", "Give p above 0, at most 1.")
        self._p = p

    def _drawn(self, seed: str) -> StickyChoices:
        return StickyChoices(seed, self._p)

    def _settings(self) -> str:
        return f", p={self._p:g}"


class StickyChoices(RandomChoices):
    """The draws of one sticky run.

    The activity at work is the root (`choices.root_of`) of the step chosen last. Where it has nothing to run, all are
    drawn alike. Steps that come without a choice, because nothing else is enabled, are not seen from here: after one of
    them the activity that was chosen before may count as the one at work.
    """

    def __init__(self, seed: int | str, p: float) -> None:
        super().__init__(seed)
        self._p = p
        self._running = ""

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the next step: one of the running activity, or of another."""
        if kind != "step":
            return super().choose(kind, options)
        roots = [root_of(option.activity) for option in options]
        own = [at for at, root in enumerate(roots) if root == self._running]
        others = [at for at, root in enumerate(roots) if root != self._running]
        stays = self.draw() >= self._p
        among = (own if stays else others) if own and others else range(len(options))
        index = among[int(self.draw() * len(among))]
        self._running = roots[index]
        return index
