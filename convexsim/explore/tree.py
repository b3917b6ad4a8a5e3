"""The orders of a scenario as a tree, for somebody who wants to pick each next step himself.

Owns the tree: it stands for every order, because it is made of what `Dpor` runs to its end. Where a step that could be
next is not in it, going on so differs from what is in it only in steps that commute. Knows no page: `trace/play.py`
shows it.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from convexsim.explore.check import runs_proposed
from convexsim.explore.dpor import Dpor
from convexsim.explore.offered import offered_in
from convexsim.explore.replay import encode
from convexsim.explore.switches import chosen_at
from convexsim.trace.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convexsim.simulation import Run, Scenario
    from convexsim.trace.lanes import Lane
    from convexsim.trace.timeline import Moment

__all__ = ["MOST_ORDERS", "End", "Orders", "Place", "orders_of"]

MOST_ORDERS: Final = 500
"""Orders that a tree holds at most, unless somebody asks for more: who would walk through them all?"""


@frozen
class End:
    """Where an order leads.

    Attributes:
        ending: how the run ended, as `Run.ending`.
        broken: the invariants that it broke, each with what it says.
        replay: the string that repeats it.

    """

    ending: str
    broken: tuple[tuple[str, str], ...]
    replay: str


@define(eq=False)
class Place:
    """Where one stands after some choices.

    Attributes:
        moments: what has happened since the place before, as a picture shows it.
        options: what could come next, in words, if there is a choice.
        ways: the place that an option leads to, by its number; those that are left out lead nowhere else.
        end: where the order has led, if it ends here.

    """

    moments: tuple[Moment, ...]
    options: tuple[str, ...] = ()
    ways: dict[int, Place] = field(factory=dict)
    end: End | None = None

    def ends(self) -> Iterator[End]:
        """Yield the ends of all orders that go on from here."""
        waiting = [self]
        while waiting:
            place = waiting.pop()
            if place.end is not None:
                yield place.end
            waiting += reversed([place.ways[number] for number in sorted(place.ways)])


@frozen(eq=False)
class Orders:
    """All orders of a scenario, but for steps that commute.

    Attributes:
        start: where they all begin.
        count: how many there are.
        lanes: the columns of their pictures; as many as the run has that needs most.
        is_complete: whether these are all.

    """

    scenario: Scenario
    level: int
    start: Place
    count: int
    lanes: tuple[Lane, ...]
    is_complete: bool


def orders_of(
    scenario: Scenario,
    *,
    level: int = 2,
    max_orders: int = MOST_ORDERS,
    on_run: Callable[[int, Run], None] | None = None,
) -> Orders:
    """Search a scenario to the end and return its orders. Retries begin at once, so waits are no choice.

    Args:
        scenario: what `Dpor` can reduce.
        level: the granularity of choices, 2 or 3.
        max_orders: where to give up.
        on_run: called after every run with its number; a KeyboardInterrupt raised in it ends the search with the orders
            that are known by then.

    Raises:
        UsageError: the scenario cannot be reduced.

    """
    search = Dpor(max_orders, backoffs=False)
    listed: list[Run] = []
    with suppress(KeyboardInterrupt):
        for number, run in enumerate(runs_proposed(scenario, search, level), 1):
            listed.append(run)
            if on_run is not None:
                on_run(number, run)
    start: Place | None = None
    lanes: tuple[Lane, ...] = ()
    for run in listed[search.given_up :]:
        course = _course(run)
        lanes = max(lanes, course.lanes, key=len)
        if start is None:
            start = Place(course.moments[0])
        _add(start, course)
    assert start is not None, "a search makes at least one run"
    return Orders(scenario, level, start, len(listed) - search.given_up, lanes, search.exhausted)


@frozen
class _Course:
    """One order: what happened before the first choice, between the first and the second, and so on."""

    moments: tuple[tuple[Moment, ...], ...]
    offered: tuple[tuple[str, ...], ...]
    taken: tuple[int, ...]
    lanes: tuple[Lane, ...]
    end: End


def _course(run: Run) -> _Course:
    again, choices = offered_in(run)
    assert again.trace is not None
    # Waits are no choice here: see `orders_of`.
    offered = {at: each for at, each in enumerate(choices) if each.kind != "backoff"}
    cuts = [cut for position, cut in enumerate(_cuts(again)) if position in offered]
    shown = timeline(again.trace, cuts)
    starts = [0, *cuts, len(again.trace.events)]
    moments = tuple(
        tuple(moment for moment in shown.moments if low <= moment.events[0] < high) for low, high in pairwise(starts)
    )
    broken = tuple((each.invariant, each.message) for each in again.violations)
    end = End(again.ending, broken, encode(again))
    options = tuple(each.options for each in offered.values())
    return _Course(moments, options, tuple(each.taken for each in offered.values()), shown.lanes, end)


def _cuts(run: Run) -> list[int]:
    """Return the events before which the choices were made; where one shows in none, that of the next one."""
    assert run.trace is not None
    shown_by = chosen_at(run)
    cuts: list[int] = []
    cut = len(run.trace.events)
    for position in reversed(range(len(run.indexes))):
        cut = shown_by.get(position, cut)
        cuts.append(cut)
    return cuts[::-1]


def _add(place: Place, course: _Course) -> None:
    """Let an order be in the tree, from its start on."""
    for offered, taken, moments in zip(course.offered, course.taken, course.moments[1:], strict=True):
        assert place.options in ((), offered), "the same choices lead to the same place"
        place.options = offered
        place = place.ways.setdefault(taken, Place(moments))
    place.end = course.end
