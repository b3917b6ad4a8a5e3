"""Smaller failures: from a workload in which something breaks to one in which little happens and it still does.

Owns the search through smaller workloads; each is tried in the order that broke the larger one, as far as that is still
there, in the plain one, and in a few random ones. How an order is shrunk stands in `explore/shrink.py`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.choices import FirstChoices, RandomChoices
from convexsim.explore.following import Following
from convexsim.explore.lockstep import LockstepChoices
from convexsim.explore.replay import encode
from convexsim.explore.shrink import breaks_like, shrink
from convexsim.functions.memory import Memory
from convexsim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convexsim.choices import Choices
    from convexsim.simulation import Run, Scenario
    from convexsim.testing.workload import Workload

__all__ = ["Failure", "smallest"]

_RANDOM_ORDERS: Final = 6
_STEPS: Final = 60_000
"""Messages that may be handled on the way to a smaller workload, and again on the way to a simpler order at the end:
some seconds. They are counted and not the time, so that the same failure always becomes the same."""


@frozen(eq=False)
class Failure:
    """A workload and an order in which something breaks.

    Attributes:
        run: with its events.
        is_minimal: whether nothing of the order can be left out, and no smaller workload was found to break.

    """

    workload: Workload
    run: Run
    is_minimal: bool

    @property
    def replay(self) -> str:
        """The string that repeats the run, in the world of the workload."""
        return encode(self.run)

    @property
    def message(self) -> str:
        """What was said about what broke."""
        return self.run.violations[0].message


def smallest(workload: Workload, failing: Run, world_of: Callable[[Workload], Scenario]) -> Failure:
    """Return the smallest failure that was found: it breaks what the failing run broke first.

    Args:
        workload: in which something breaks.
        failing: the run.
        world_of: makes of a workload a scenario that is asked for what broke alone.

    """
    effort = _Effort()
    run = shrink(failing, on_run=effort.spend).run
    candidates = workload.smaller()
    while effort.is_left and (less := next(candidates, None)) is not None:
        again = _broken(world_of(less), run, effort)
        if again is not None:
            workload, run = less, again
            candidates = workload.smaller()
    shrunk = shrink(run, on_run=_Effort().spend)
    return Failure(workload, shrunk.run, shrunk.is_minimal and effort.is_left)


class _Effort:
    """The messages that may still be handled."""

    def __init__(self) -> None:
        self._left = _STEPS

    @property
    def is_left(self) -> bool:
        """Whether there is anything left to spend."""
        return self._left > 0

    def spend(self, run: Run) -> None:
        """Count a run; end a shrinking for which nothing is left."""
        self._left -= run.steps
        if not self.is_left:
            raise KeyboardInterrupt


def _broken(world: Scenario, like: Run, effort: _Effort) -> Run | None:
    """Return a run of a world that breaks what another one broke; None if none was found."""
    memory = Memory(world.app.catalog().shared_state)
    with suppress(KeyboardInterrupt):
        for choices in _orders(like):
            run = Simulation(world, choices, level=like.level, trace=False, memory=memory).run()
            if breaks_like(like, run):
                return run
            effort.spend(run)
    return None


def _orders(like: Run) -> Iterator[Choices]:
    yield FirstChoices()
    if like.record.forced:
        yield Following((), like.record.forced)
        yield LockstepChoices()
        yield from (RandomChoices(seed) for seed in range(_RANDOM_ORDERS))
