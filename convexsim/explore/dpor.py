"""DPOR: one run for each trace, that is for each set of orders that differ only in steps that commute.

Dynamic partial-order reduction by running anew: what the runs have shown is kept as events (`unfolding.py`), and the
search goes through all cuts of them. Where it is not known what a step does next after a cut, and where a cut is an end
that no run has come to, a run is led there; so no trace is run twice. It does not go through the orders of steps that
commute: where a step depends on nothing that could come before it, only its way is gone. That is judged by what is
known, so all is gone through again until nothing new has come to light. Which cuts it has come to it need not remember:
of several events that can come next, the way by a later one leaves out whatever the earlier ones are part of, which
their own ways have gone through (sleep sets, Godefroid 1996; events here, so none of them is woken by a guess).

Owns the search alone; when two steps commute stands in `dependence.py`, what they have read and written in
`actors/footprints.py`. Time is *timed*: every step of a later moment comes after every step of an earlier one. Choices
that are no order of steps (back-offs, faults, random numbers) are taken every way.
"""

from __future__ import annotations

from itertools import count, groupby
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.actors.footprints import Footprints
from convexsim.errors import UsageError
from convexsim.explore.dependence import Dependence
from convexsim.explore.unfolding import NOTHING, START, Unfolding
from convexsim.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from convexsim.choices import Choices, Kind, Option
    from convexsim.explore.unfolding import Cut, Draws, Event, Name
    from convexsim.simulation import Run

__all__ = ["MAX_EVENTS", "Dpor", "check_reducible"]

ASTRAY: Final = "a step does not follow from what it is known to have read"
"""Why no order is left out once a run has not shown what it was led to: then footprints do not tell everything."""
MAX_EVENTS: Final = 1_000_000
"""Events that a search keeps at most; at about 1.2 kB each its memory grows to little more than a gigabyte."""

THOUGHTS: Final = 100
"""Places that it goes through before it asks whether anybody still waits; in large worlds each takes a millisecond."""


class Dpor:
    """Run one order of each trace until none is left.

    Needs level 2 or 3, faults without restarts, and steps that are never late. An invariant that looks at
    `View.answers`, `external` and the like is shown every order of what it looks at, and without one that looks they
    come in some order. Where the order of any two steps can matter (a `PastInvariant` or `HistoryInvariant`, a full
    scheduler, a draw by whom time has woken) no order is left out, and the report says why. Not told apart are orders
    that show only in which of several writers the message of a mutation names that has lost all its retries.

    Args:
        max_runs: where to give up; the report then says that orders are left. So it does at `MAX_EVENTS`.
        backoffs: whether the length of every wait after a conflict is explored too; otherwise retries begin at once.

    Attributes:
        on_thought: see `Thinker`.

    """

    name = "dpor"

    def __init__(self, max_runs: int = 100_000, *, backoffs: bool = True) -> None:
        if type(max_runs) is not int or max_runs < 1:
            msg = f"A search of max_runs={max_runs!r} explores nothing."
            raise UsageError(msg, next_step="Give a whole number, 1 or more.")
        self.on_thought: Callable[[], None] = lambda: None
        self._max_runs = max_runs
        self._backoffs = backoffs
        self._reset()

    def _reset(self) -> None:
        self.exhausted = False
        self.given_up = self._runs = 0
        self._is_cut_short = False
        self._begin(Dependence())

    def _begin(self, dependence: Dependence) -> None:
        self.dependence = dependence
        self.traces = self._left = 0
        self._unfolding = Unfolding(dependence)
        self._steering: _Steering | None = None
        self._search = self._places_to_run()

    @property
    def _is_full(self) -> bool:
        return self._unfolding.count > MAX_EVENTS

    @property
    def notes(self) -> list[str]:
        """What a report says of the search: traces, what is left, and why nothing could be left out."""
        again = f", {counted(self.given_up, 'run')} before it was known what matters" if self.given_up else ""
        said = [f"{counted(self.traces, 'trace')}{again}"]
        if self._left and not self.exhausted:
            said.append(f"not at its end: known places to go on from: {self._left:,}")
        if self._is_full:
            said.append(f"given up at {MAX_EVENTS:,} events: try a smaller world, level 3, or Bounded")
        return said + [f"no order left out: {why}" for why in self.dependence.total]

    def propose(self, last: Run | None) -> Choices | None:
        """Return choices that lead into the next trace, having learned from the last run.

        Raises:
            UsageError: the last run was of a world that cannot be reduced.

        """
        if last is None:
            self._reset()
        else:
            self._learn(last)
        if self._runs >= self._max_runs or self._is_full:
            return None
        self._steering = next(self._search, None)
        self.exhausted = self._steering is None
        self._runs += not self.exhausted
        return self._steering

    def _learn(self, last: Run) -> None:
        """Note what the last run has shown; begin anew if what was left out may matter after all."""
        assert self._steering is not None
        footprints = self._steering.footprints
        check_reducible(footprints)
        known = self.dependence
        astray = () if self._shows_something(self._steering, last) else (ASTRAY,)
        if astray and known.total:
            msg = "Dpor has made the same choices again, and other steps have come of them."
            raise UsageError(msg, next_step="Something outlives a run: audit(scenario) says where it shows first.")
        more = Dependence(
            known.watched.union(footprints.watched),
            known.ordered.union(footprints.ordered),
            tuple(dict.fromkeys([*known.total, *footprints.total, *astray])),
        )
        if more != known and not known.total:  # what has been left out may matter to whoever looks at more
            self.given_up += self.traces + 1
            self._begin(more)
            return
        self.traces += 1

    def _shows_something(self, steering: _Steering, last: Run) -> bool:
        """Take note of the last run; return whether it was led, as far as it came, to what is new if it had to be."""
        unfolding, before = self._unfolding, self._unfolding.count
        if not steering.is_followed:
            return False
        unfolding.add(steering.footprints.steps, steering.draws, steering.led)
        is_new = unfolding.count > before or not steering.looks_for_a_step
        self._is_cut_short = not is_new and last.ending != "quiet"
        return is_new or self._is_cut_short

    def _places_to_run(self) -> Iterator[_Steering]:
        """Go through all cuts until nothing is new; yield how to get to where something is unknown."""
        before = -1
        while before < self._unfolding.count:
            before = self._unfolding.count
            yield from self._pass()

    def _pass(self) -> Iterator[_Steering]:
        places = [_Place(NOTHING, None, {START: ()}, frozenset())]
        for number in count(1):
            self._left = len(places)
            if not places:
                return
            if number % THOUGHTS == 0:
                self.on_thought()
            place = places.pop()
            ways = yield from self._ways_on(place)
            places += reversed(list(self._beyond(place, ways)))

    def _ways_on(self, place: _Place) -> Generator[_Steering, None, dict[Name, Sequence[Event]]]:
        """Return what each step that can come next does there; yield how to get to where that is unknown."""
        unfolding, cut, newest = self._unfolding, place.cut, place.newest
        ways: dict[Name, Sequence[Event]] = {}
        names = place.waiting
        if not names:
            while (due := unfolding.due_after(cut)) is None:
                yield self._led_to(cut)
            names = dict.fromkeys(due, ())
        for name, as_before in names.items():
            way = (*as_before, *unfolding.known(cut, newest, name))
            while (draws := _undrawn([event.draws for event in way])) is not None:
                yield self._led_to(cut, name, draws)
                if self._is_cut_short:  # an invariant breaks here, or the run is too long: nobody ever goes on
                    return {}
                way = (*as_before, *unfolding.known(cut, newest, name))
            ways[name] = way
        return ways

    def _beyond(self, place: _Place, ways: dict[Name, Sequence[Event]]) -> Iterator[_Place]:
        """Yield the places one event further on from which there may be something new."""
        depends, is_alone = self._unfolding.depends, self._unfolding.is_alone
        alone = next((way for way in ways.values() if all(is_alone(place.cut, event) for event in way)), None)
        done = place.done
        for event in [event for way in ([alone] if alone else ways.values()) for event in way]:
            if event.number in done:
                continue
            waiting = {
                name: tuple(each for each in way if not depends(each, event))
                for name, way in ways.items()
                if name != event.name
            }
            waiting |= dict.fromkeys(self._unfolding.sent_by(event), ())
            yield _Place(place.cut + event, event, waiting, done)
            done |= {event.number}

    def _led_to(self, cut: Cut, name: Name | None = None, draws: tuple[int, ...] = ()) -> _Steering:
        return _Steering(cut.as_found(), name, draws, backoffs=self._backoffs)


@frozen(eq=False)
class _Place:
    """A cut that the search has come to.

    Attributes:
        cut: what has happened.
        newest: the last event of it, none at the beginning.
        waiting: by the names of the steps that can come next, what they are known to do with or without that event.
        done: the numbers of events beyond which all has been gone through that this cut could still come to.

    """

    cut: Cut
    newest: Event | None
    waiting: dict[Name, tuple[Event, ...]]
    done: frozenset[int]


def check_reducible(footprints: Footprints) -> None:
    """Refuse a run of a world in which steps that commute cannot be told.

    Raises:
        UsageError: it is at level 1, its steps may be late, or its backend may restart.

    """
    if footprints.level == 1:
        msg = "Dpor was given a run at level 1, where steps that nobody else can notice are choices too."
        raise UsageError(msg, next_step="Use level 2, begins and commits, or 3, whole mutations.")
    if footprints.is_late:
        msg = "Dpor cannot reduce the orders of a world whose steps may be late: they depend on how time passes."
        raise UsageError(msg, next_step="Use RandomWalk, Bounded or Exhaustive, or Platform(late_ms=0).")
    if footprints.restarts:
        msg = "Dpor cannot reduce the orders of a world whose backend may restart: what a restart kills never runs."
        raise UsageError(msg, next_step="Use RandomWalk or Exhaustive, or plan for other faults.")


def _undrawn(known: Sequence[Draws], at: int = 0) -> tuple[int, ...] | None:
    """Return draws that no known way to go on begins with; None if there is nothing else to draw."""
    if not known:
        return ()
    if len(known[0]) == at:
        return None
    drawn = {index: list(ways) for index, ways in groupby(sorted(known), key=lambda way: way[at][0])}
    for index in range(known[0][at][1]):
        rest = _undrawn(drawn.get(index, ()), at + 1)
        if rest is not None:
            return (index, *rest)
    return None


class _Steering:
    """The choices of one run: through events that are known, on with a step that is not, then the simplest way.

    Attributes:
        led: the events.
        looks_for_a_step: whether it is to show what some step does after them, which nobody knows.
        draws: what was drawn before the first macro step, and in each.

    """

    def __init__(self, led: Cut, name: Name | None, draws: tuple[int, ...], *, backoffs: bool) -> None:
        self.footprints = Footprints()
        self.led: Final = led
        self.looks_for_a_step: Final = name is not None
        plan = [(event.activity, tuple(index for index, _ in event.draws)) for event in led.events.values()]
        if name is not None:
            plan.append((name[0], draws))
        self._activities = [activity for activity, _ in plan[1:]]  # the first is the beginning, which is no step
        self._planned = [planned for _, planned in plan]
        self._drawn: list[list[tuple[int, int]]] = []
        self._backoffs = backoffs

    @property
    def is_followed(self) -> bool:
        """Whether the steps were those that it is led by, as far as the run came."""
        return all(step.activity == led for step, led in zip(self.footprints.steps, self._activities, strict=False))

    @property
    def draws(self) -> list[Draws]:
        """What was drawn before the first macro step, and in each."""
        self._drawn += [[] for _ in range(len(self.footprints.steps) + 1 - len(self._drawn))]
        return [tuple(drawn) for drawn in self._drawn]

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return whose turn it is, by name, or the draw."""
        at = len(self.footprints.steps)
        if kind == "step":
            if at >= len(self._activities):
                return 0
            return next((of for of, each in enumerate(options) if each.activity == self._activities[at]), 0)
        if kind == "backoff" and not self._backoffs:
            return 0
        self._drawn += [[] for _ in range(at + 1 - len(self._drawn))]
        drawn, planned = self._drawn[at], self._planned[at] if at < len(self._planned) else ()
        index = planned[len(drawn)] if len(drawn) < len(planned) else 0
        drawn.append((index, len(options)))
        return index
