"""The starving walk: let a few transactions lose again and again, until they give up.

A mutation gives up only after it has lost every attempt (convex-semantics 2), and each time somebody has to write what
it has read between its begin and its commit. A uniform draw hardly ever does that five times in a row to the same one.
Here a few activities of each run, drawn as they come, are held back: each begins as soon as it can, commits only when
it has lost, and begins again without a wait. What happens to all others is drawn as in a random walk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convexsim.actors.footprints import Footprints
from convexsim.choices import RandomChoices
from convexsim.explore.dependence import meets
from convexsim.explore.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.actors.footprints import Footprint
    from convexsim.choices import Kind, Option

__all__ = ["Starving", "StarvingChoices"]

_SHARES: Final = (1 / 3, 1 / 10, 1 / 30)
"""How many of all activities are held back, in runs of different temper."""


class Starving(Sampler):
    """Hold back a few activities until others have written what they have read; the first run is serial.

    It is for level 2, where begins and commits are steps of their own, and for worlds with conflicts from outside
    (`Faults`), which strike those that are held back and nobody else.

    Args:
        runs: how many runs.
        seed: the same seed gives the same runs; run n depends on seed and n alone.

    """

    title = "starving walk"
    is_independent = True

    def _drawn(self, seed: str) -> StarvingChoices:
        return StarvingChoices(seed)


class StarvingChoices(RandomChoices):
    """The draws of one run in which some starve."""

    def __init__(self, seed: int | str) -> None:
        super().__init__(seed)
        self._share = _SHARES[int(self.draw() * len(_SHARES))]
        self._starves: dict[str, bool] = {}
        self.footprints = Footprints()

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return an option: what keeps those who starve from their commits, or a drawn one."""
        if kind == "step":
            return self._step(options)
        activity = options[-1].activity
        if kind == "backoff" and self._is_starving(activity):
            return 0
        if kind == "fault" and options[-1].phase == "conflict":
            return int(self._is_starving(activity))
        return super().choose(kind, options)

    def _step(self, options: Sequence[Option]) -> int:
        """Return a begin of somebody who starves, or else anything but a commit that would win."""
        hungry = [at for at, option in enumerate(options) if self._is_starving(option.activity)]
        begins = [at for at in hungry if options[at].phase == "begin"]
        held = {at for at in hungry if options[at].phase == "commit" and not self._has_lost(options[at].activity)}
        among = begins or [at for at in range(len(options)) if at not in held] or range(len(options))
        return among[int(self.draw() * len(among))]

    def _has_lost(self, activity: str) -> bool:
        """Whether somebody has written what an activity has read since it began the attempt that it is at."""
        writers: list[Footprint] = []
        for step in reversed(self.footprints.steps):
            if step.activity != activity:
                writers.append(step)
            elif any(meets(writer, step) for writer in writers):
                return True
            elif step.phase == "begin":
                break
        return False

    def _is_starving(self, activity: str) -> bool:
        if activity not in self._starves:
            self._starves[activity] = self.draw() < self._share
        return self._starves[activity]
