"""Smaller failures: from a workload in which something breaks to one in which little happens and it still does.

Owns the search through smaller workloads: whole clients, then calls, pauses, ends and parts of arguments are left out,
long stretches of them first (`workload.py` says what there is); each is tried in the order that broke the larger one,
as far as that is still there (`kept_order.py`), in the plain one, in lockstep, and now and then in a few random ones.
How an order is shrunk stands in `explore/shrink.py`.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.choices import FirstChoices, RandomChoices
from convexsim.explore.lockstep import LockstepChoices
from convexsim.explore.replay import encode
from convexsim.explore.shrink import breaks_like, shrink
from convexsim.simulation import Simulation, memory_for
from convexsim.testing.kept_order import KeptOrder, calls_without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from convexsim.choices import Choices
    from convexsim.simulation import Run, Scenario
    from convexsim.testing.workload import Place, Workload

    Orders = Callable[[Run, dict[str, str]], Iterable[Choices]]
    Things = Callable[[Workload], list[list[Place]]]

__all__ = ["Failure", "smallest"]

_RANDOM_ORDERS: Final = 6
_STEPS: Final = 1_000_000
"""Messages that may be handled on the way to a smaller failure: seconds for most, a minute for a few. They are counted
and not the time, so that the same failure always becomes the same."""
_STRETCHES: Final = 70_000
"""Of these, how many may be handled to leave out long stretches at first."""
_LITTLE: Final = 20_000
"""How many for what pays at times: to shrink an order of many calls, or to look for random orders of fewer."""


@frozen(eq=False)
class Failure:
    """A workload and an order in which something breaks.

    Attributes:
        run: with its events.
        is_minimal: whether nothing can be left out, of the order or of the workload: without any one forced choice, any
            one client, call, pause, end or part of an argument, nothing was found to break.

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
    search = _Search(workload, failing, world_of)
    with suppress(_Spent):
        search.simplify()
    return Failure(search.workload, shrink(search.run, budget=0).run, search.is_minimal)


class _Spent(KeyboardInterrupt):
    """Nothing is left to spend; in the midst of a shrinking it ends that."""


class _Search:
    """The smallest failure so far, and how many messages may still be handled for a smaller one.

    Attributes:
        workload: of the smallest failure.
        run: that breaks in it.
        is_minimal: see `Failure`.

    """

    def __init__(self, workload: Workload, failing: Run, world_of: Callable[[Workload], Scenario]) -> None:
        self.workload = workload
        self.run = failing
        self.is_minimal = False
        self._world_of = world_of
        self._left = _STEPS

    def simplify(self) -> None:
        """Go through the stages, each with its share, until nothing more can be left out.

        The order of many calls is long, and most of it goes with them: so it is shrunk for longer only where none does.
        """
        with self._spending(_LITTLE):
            self._shrink()
        with self._spending(_STRETCHES):
            while self._leave_out_stretches():
                pass
        most = 2 * _LITTLE
        while self._left > 0 and not self.is_minimal:
            with self._spending(_LITTLE):
                self._leave_out_each(_random)
            is_simplest = False
            with self._spending(most):
                is_simplest = self._shrink()
            if not self._leave_out_each(_likely):
                self.is_minimal = is_simplest
                most *= 2

    @contextmanager
    def _spending(self, most: int) -> Iterator[None]:
        """Let no more than so much be spent of what is left."""
        kept = max(self._left - most, 0)
        self._left -= kept
        with suppress(_Spent):
            yield
        self._left += kept

    def _spend(self, run: Run) -> None:
        self._left -= run.steps
        if self._left <= 0:
            raise _Spent

    def _shrink(self) -> bool:
        """Make the order simpler; return whether nothing of it can be left out."""
        shrunk = shrink(self.run, on_run=self._spend)
        self.run = shrunk.run
        return shrunk.is_minimal

    def _leave_out_stretches(self) -> bool:
        """Leave out stretches of each kind of thing, each half as long as those before; return whether any could."""
        improved = False
        for kind in _KINDS:
            width = len(kind(self.workload))
            while width:
                improved |= self._leave_out(kind, width, _likely)
                width //= 2
        return improved

    def _leave_out_each(self, orders: Orders) -> bool:
        """Leave out single things; return whether any could be."""
        improved = [self._leave_out(kind, 1, orders) for kind in _KINDS]
        return any(improved)

    def _leave_out(self, kind: Things, width: int, orders: Orders) -> bool:
        """Leave out so many things next to each other, last ones first, wherever that is possible."""
        improved = False
        things = kind(self.workload)
        for end in range(len(things), 0, -width):
            out = [place for thing in things[max(end - width, 0) : end] for place in thing]
            if self._breaks_without(out, orders):
                improved = True
                things = kind(self.workload)
        return improved

    def _breaks_without(self, out: list[Place], orders: Orders) -> bool:
        """Whether what broke breaks without what stands in some places; then it is the smallest failure."""
        less = self.workload.without(out)
        world = self._world_of(less)
        memory = memory_for(world)
        for choices in orders(self.run, calls_without(self.workload, out)):
            run = Simulation(world, choices, level=self.run.level, trace=False, memory=memory).run()
            is_broken = breaks_like(self.run, run)
            if is_broken:
                self.workload, self.run = less, run
            self._spend(run)
            if is_broken:
                return True
        return False


def _likely(run: Run, calls: dict[str, str]) -> Iterator[Choices]:
    """Yield the order of a larger run, and those in which much happens at once or nothing does."""
    if run.record.forced:
        yield KeptOrder(run.record, calls)
        yield LockstepChoices()
    yield FirstChoices()


def _random(run: Run, _calls: dict[str, str]) -> Iterator[Choices]:
    """Yield random orders, unless what is larger breaks without any."""
    if run.record.forced:
        yield from (RandomChoices(seed) for seed in range(_RANDOM_ORDERS))


def _clients(workload: Workload) -> list[list[Place]]:
    """Return the calls of each client."""
    calls = [place for place in workload.places if place.kind == "call"]
    return [[call for call in calls if call.owner == client] for client in workload.clients]


def _each(kind: str, workload: Workload) -> list[list[Place]]:
    return [[place] for place in workload.places if place.kind == kind]


_KINDS: Final[tuple[Things, ...]] = (_clients, *(partial(_each, kind) for kind in ("call", "pause", "end", "part")))
