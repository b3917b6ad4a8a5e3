"""DPOR: one run for each trace, that is for each set of orders that differ only in steps that commute.

Source-set dynamic partial-order reduction with sleep sets (Abdulla, Aronis, Jonsson, Sagonas, POPL 2014), by running
anew: depth first; each run shows which steps race, and each race that could go the other way is run so. Owns the search
alone; when two steps commute stands in `dependence.py`, what they have read and written in `actors/footprints.py`.

Time is *timed*: every step of a later moment comes after every step of an earlier one, so races are within one moment.
Choices that are no order of steps (back-offs, faults) are taken every way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from convexsim.actors.footprints import Footprints
from convexsim.errors import UsageError
from convexsim.explore.dependence import Dependence, Place, place_of
from convexsim.explore.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.actors.footprints import Footprint
    from convexsim.choices import Choices, Kind, Option
    from convexsim.explore.relation import Name
    from convexsim.simulation import Run

__all__ = ["Dpor"]


@define(eq=False)
class _Turn:
    """A place in the run where one of several activities had its turn.

    Attributes:
        activity: whose turn it is.
        asleep: whose turn it need not be here, with what their steps do: that is part of what has been run.
        wanted: whose turn it is to be here, some time; those whose turn it has been first.
        done: whose turn it has been, with what their steps did.
        seen: what the step did; more than one thing if other choices fell into it.

    """

    activity: str
    asleep: dict[str, list[Name]]
    wanted: dict[str, None]
    done: dict[str, list[Name]] = field(factory=dict)
    seen: list[Name] = field(factory=list)

    @property
    def left(self) -> int:
        """How many have yet to have their turn here."""
        return sum(each not in self.done and each not in self.asleep for each in self.wanted) - 1

    def next(self) -> bool:
        """Give the next activity its turn; False if there is none left."""
        self.done[self.activity], self.seen = self.seen, []
        for activity in self.wanted:
            if activity not in self.done and activity not in self.asleep:
                self.activity = activity
                return True
        return False


@define(eq=False)
class _Draw:
    """A place in the run where something else than an order was chosen."""

    count: int
    index: int = 0

    @property
    def left(self) -> int:
        """How many options have yet to be taken."""
        return self.count - self.index - 1

    def next(self) -> bool:
        """Take the next option; False if there is none left."""
        self.index += 1
        return self.index < self.count


class Dpor:
    """Run one order of each trace until none is left.

    Needs level 2 or 3, faults without restarts, and steps that are never late. An invariant that looks at
    `View.answers`, `external` and the like is shown every order of what it looks at, and without one that looks they
    come in some order. Where the order of any two steps can matter (a `PastInvariant` or `HistoryInvariant`, a full
    scheduler) no order is left out, and the report says why. Not told apart are orders that show only in which of
    several writers the message of a mutation names that has lost all its retries, and in the place of a script's calls
    in `View.calls`.

    Where what a transaction reads hangs on what it has read, traces can be lost: `Prover` (`certificate.py`) has all.

    Args:
        max_runs: where to give up; the report then says that orders are left.
        backoffs: whether the length of every wait after a conflict is explored too; otherwise retries begin at once.

    """

    name = "dpor"
    relate: type[Relation] = Relation
    """How steps are known again."""

    def __init__(self, max_runs: int = 100_000, *, backoffs: bool = True) -> None:
        if type(max_runs) is not int or max_runs < 1:
            msg = f"A search of max_runs={max_runs!r} explores nothing."
            raise UsageError(msg, next_step="Give a whole number, 1 or more.")
        self._max_runs = max_runs
        self.backoffs = backoffs
        self._reset()

    def _reset(self) -> None:
        self.exhausted = False
        self.traces = self.blocked = self.given_up = self._runs = 0
        self.dependence = Dependence()
        self._relation = self.relate(self.dependence)
        self._stack: list[_Turn | _Draw] = []
        self._steering: _Steering | None = None

    @property
    def notes(self) -> list[str]:
        """What a report says of the search: traces, runs in vain, and why nothing could be left out."""
        vain = f", {self.blocked:,} runs in vain" if self.blocked else ""
        again = f", {self.given_up:,} before it was known what matters" if self.given_up else ""
        left = sum(node.left for node in self._stack)
        unknown = [f"not at its end: branches known and not run: {left:,}, and what is below them"] if left else []
        return [
            f"{self.traces:,} traces{vain}{again}",
            *unknown,
            *(f"no order left out: {why}" for why in self.dependence.total),
        ]

    def propose(self, last: Run | None) -> Choices | None:
        """Return choices that lead into the next trace, having learned from the last run.

        Raises:
            UsageError: the last run was of a world that cannot be reduced.

        """
        if last is None:
            self._reset()
        elif not self._learn(last):
            self.exhausted = True
            return None
        if self._runs >= self._max_runs:
            return None
        self._runs += 1
        self._steering = _Steering(self._stack, self._relation, backoffs=self.backoffs)
        return self._steering

    def _learn(self, last: Run) -> bool:
        """Note the races of the last run, and turn to the last place where something else is to be tried."""
        assert self._steering is not None
        steering, footprints = self._steering, self._steering.footprints
        _check(footprints)
        if self._is_more(footprints):
            return True
        steering.catch_up()
        names = steering.names_up_to(len(steering.turns))
        if self._relation.is_more:
            self._begin_anew()
            return True
        self.note(last, len(steering.turns) if steering.is_blocked else None)
        if steering.is_blocked:
            self.blocked += 1
        else:
            self.traces += 1
        places: list[Place] = []
        for at, turn in enumerate(steering.turns):
            places.append(place_of(footprints.steps, names, places, self._relation.between))
            if at >= steering.first:
                turn.seen.append(names[at])
                for earlier in places[at].races:
                    _reverse(steering.turns[earlier], _first_of(footprints.steps, places, earlier))
        while self._stack and not self._stack[-1].next():
            self._stack.pop()
        return bool(self._stack)

    def _is_more(self, footprints: Footprints) -> bool:
        """Begin anew if invariants have looked at more than was known: what has been left out may matter to them."""
        known = self.dependence
        more = Dependence(
            known.watched.union(footprints.watched),
            known.ordered.union(footprints.ordered),
            tuple(dict.fromkeys([*known.total, *footprints.total])),
        )
        if more == known:
            return False
        self.dependence = more
        if more.total and known.total:
            return False
        self._begin_anew()
        self._relation = self.relate(more)
        return True

    def note(self, run: Run, counted: int | None) -> None:
        """Take a run of the search to the notes; without a number all of its macro steps belong to it: a trace."""

    def _begin_anew(self) -> None:
        self.given_up += self.traces + self.blocked + 1
        self._stack, self.traces, self.blocked = [], 0, 0
        self._relation.is_more = False


def _check(footprints: Footprints) -> None:
    if footprints.level == 1:
        msg = "Dpor was given a run at level 1, where steps that nobody else can notice are choices too."
        raise UsageError(msg, next_step="Use level 2, begins and commits, or 3, whole mutations.")
    if footprints.is_late:
        msg = "Dpor cannot reduce the orders of a world whose steps may be late: they depend on how time passes."
        raise UsageError(msg, next_step="Use RandomWalk, Bounded or Exhaustive, or Platform(late_ms=0).")
    if footprints.restarts:
        msg = "Dpor cannot reduce the orders of a world whose backend may restart: what a restart kills never runs."
        raise UsageError(msg, next_step="Use RandomWalk or Exhaustive, or plan for other faults.")


def _first_of(steps: Sequence[Footprint], places: Sequence[Place], earlier: int) -> list[str]:
    """Return who can begin if the newest step is to come before an earlier one that it races with."""
    newest = len(places) - 1
    rest = [at for at in range(earlier + 1, newest) if not places[at].before >> earlier & 1] + [newest]
    mask = sum(1 << at for at in rest)
    return [steps[at].activity for at in rest if not places[at].before & mask]


def _reverse(turn: _Turn, able: list[str]) -> None:
    if not any(activity in turn.wanted or activity in turn.asleep for activity in able):
        turn.wanted[able[0]] = None


class _Steering:
    """The choices of one run: what the stack says, then whoever is not asleep.

    Attributes:
        first: the first macro step that is new in this run.
        turns: one for each macro step so far.
        is_blocked: whether all that is enabled has been run elsewhere: from there on the run is in vain.

    """

    def __init__(self, stack: list[_Turn | _Draw], relation: Relation, *, backoffs: bool) -> None:
        self.footprints = Footprints()
        self.turns: list[_Turn] = []
        self.is_blocked = False
        turns = sum(isinstance(node, _Turn) for node in stack)
        self.first = max(turns - 1, 0)
        self._stack = stack
        self._at = 0
        self._relation = relation
        self._names: list[Name] = []
        self._counts: dict[str, int] = {}
        self._backoffs = backoffs

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return whose turn it is, by name, or the draw."""
        self.catch_up()
        if self.is_blocked:
            return 0
        if kind != "step":
            return 0 if kind == "backoff" and not self._backoffs else self._draw(len(options))
        activities = [option.activity for option in options]
        if self._at < len(self._stack):
            turn = self._stack[self._at]
            assert isinstance(turn, _Turn), "a run is its choices alone"
            self._take(turn)
            return activities.index(turn.activity)
        asleep = self._asleep()
        for index, activity in enumerate(activities):
            if activity not in asleep:
                self._new(activity, asleep)
                return index
        self.is_blocked = True
        return 0

    def catch_up(self) -> None:
        """Take note of steps that were the only ones to choose."""
        while not self.is_blocked and len(self.turns) < len(self.footprints.steps):
            if self._at < len(self._stack):
                turn = self._stack[self._at]
                assert isinstance(turn, _Turn), "a run is its choices alone"
                self._take(turn)
                continue
            activity, asleep = self.footprints.steps[len(self.turns)].activity, self._asleep()
            if activity in asleep:
                self.is_blocked = True
            else:
                self._new(activity, asleep)

    def _draw(self, count: int) -> int:
        if self._at == len(self._stack):
            self._stack.append(_Draw(count))
        draw = self._stack[self._at]
        assert isinstance(draw, _Draw), "a run is its choices alone"
        self._at += 1
        return draw.index

    def names_up_to(self, end: int) -> list[Name]:
        """Return by what the first steps are known, which are over."""
        for step in self.footprints.steps[len(self._names) : end]:
            nth = self._counts.get(step.activity, 0)
            self._counts[step.activity] = nth + 1
            self._names.append(self._relation.name(step, nth))
        return self._names

    def _asleep(self) -> dict[str, list[Name]]:
        """Return who sleeps before the next step: who did before the last one, and does not depend on it."""
        if not self.turns:
            return {}
        last, name = self.turns[-1], self.names_up_to(len(self.turns))[-1]
        return {
            activity: seen
            for activity, seen in {**last.asleep, **last.done}.items()
            if activity != last.activity and not any(self._relation.between(each, name) for each in seen)
        }

    def _new(self, activity: str, asleep: dict[str, list[Name]]) -> None:
        turn = _Turn(activity, asleep, {activity: None})
        self._stack.append(turn)
        self._take(turn)

    def _take(self, turn: _Turn) -> None:
        self._at += 1
        self.turns.append(turn)
