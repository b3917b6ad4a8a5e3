"""Smaller failures: from a workload in which something breaks to one in which little happens and it still does.

Owns the search through smaller workloads; each is tried in the order that broke the larger one, as far as that is still
there, in the plain one, and in a few random ones. How an order is shrunk stands in `explore/shrink.py`.
"""

from __future__ import annotations

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
_ORDER_RUNS: Final = 300
"""Runs that may be spent on making an order simpler, each time."""
_MOST_TRIED: Final = 400
"""Workloads that may be tried."""


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
    run = shrink(failing, _ORDER_RUNS).run
    left = _MOST_TRIED
    candidates = workload.smaller()
    while left and (less := next(candidates, None)) is not None:
        left -= 1
        again = _broken(world_of(less), run)
        if again is not None:
            workload, run = less, again
            candidates = workload.smaller()
            if len(run.record.forced) > 1:
                run = shrink(run, _ORDER_RUNS).run
    shrunk = shrink(run)
    return Failure(workload, shrunk.run, shrunk.is_minimal and left > 0)


def _broken(world: Scenario, like: Run) -> Run | None:
    """Return a run of a world that breaks what another one broke; None if none was found."""
    memory = Memory(world.app.catalog().shared_state)
    for choices in _orders(like):
        run = Simulation(world, choices, level=like.level, trace=False, memory=memory).run()
        if breaks_like(like, run):
            return run
    return None


def _orders(like: Run) -> Iterator[Choices]:
    yield FirstChoices()
    if like.record.forced:
        yield Following((), like.record.forced)
        yield LockstepChoices()
        yield from (RandomChoices(seed) for seed in range(_RANDOM_ORDERS))
