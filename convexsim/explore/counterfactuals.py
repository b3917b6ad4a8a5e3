"""Counterfactuals: what would have come of a failing run if one thing in it had been the other way round.

Owns which things are turned round (each forced choice, each wait that was none, each two steps that race), and what is
said of it. All of it was run, and every sentence has the string that runs it again. All else stays as it was, as far as
it can: who is there comes in the order in which he came before. Next: `explain.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.actors.dispatcher import CLOCK
from convexsim.choices import Label, ListedChoices
from convexsim.explore.following import Following, Reordered
from convexsim.explore.replay import encode, without_trailing_zeros
from convexsim.explore.switches import words_of
from convexsim.explore.trace_key import Recorded, makes_traces, trace_key
from convexsim.simulation import run_again
from convexsim.trace.event import Passed
from convexsim.trace.names import short_activity

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from convexsim.actors.footprints import Footprint
    from convexsim.choices import Choices, Kind
    from convexsim.explore.retold import Asked, Retold
    from convexsim.simulation import Run

__all__ = ["MAX_TURNS", "Counterfactual", "Turn", "Turns", "order_of", "turns_of"]

MAX_TURNS: Final = 100
"""Things that are turned round at most, forced choices first."""


@frozen(eq=False)
class Counterfactual:
    """One thing that was turned round, and what came of it.

    Attributes:
        condition: what would have been different: ``had bob.1 begun shop:take before alice.1 began shop:take``.
        result: what was seen: ``one_seat_is_sold would have held``.
        breaks: whether the invariant breaks all the same.
        replay: the string that repeats the run.

    """

    condition: str
    result: str
    breaks: bool
    replay: str

    def __str__(self) -> str:
        return f"{self.condition[:1].upper()}{self.condition[1:]}, {self.result}."


@frozen(eq=False)
class Turn:
    """Something to be turned round.

    Attributes:
        condition: what it is, in words.
        choices: of the run in which it is the other way round.
        is_turned: whether it really is, in that run.

    """

    condition: str
    choices: Choices
    is_turned: Callable[[Run], bool]


class Turns:
    """All that can be turned round in a failing run.

    Args:
        failing: a run with a violation.
        retold: the same, with what was noted of it.
        activities: those of which races are turned round.

    Attributes:
        left: how many things were not, because they are more than `MAX_TURNS`.

    """

    def __init__(self, failing: Run, retold: Retold, activities: Sequence[str]) -> None:
        self._failing = failing
        turns = [*turns_of(failing, retold, activities)]
        self._turns, self.left = turns[:MAX_TURNS], len(turns[MAX_TURNS:])

    def run(self, on_run: Callable[[Run], None]) -> Iterator[Counterfactual]:
        """Run them, and yield what came of those that are no other order of what is told already.

        Args:
            on_run: called after every run.

        """
        itself = run_again(self._failing, Recorded(ListedChoices(self._failing.indexes)), trace=False)
        seen: dict[Hashable, None] = {_key(itself): None}
        for turn in self._turns:
            run = run_again(self._failing, turn.choices, trace=False)
            key = _key(run)
            if key not in seen and turn.is_turned(run):
                seen[key] = None
                yield _told(self._failing, turn, run)
            on_run(run)


def _told(failing: Run, turn: Turn, run: Run) -> Counterfactual:
    name, broken = failing.violations[0].invariant, [each.invariant for each in run.violations]
    breaks = name in broken
    if breaks:
        result = f"{name} would have broken all the same"
    elif broken:
        result = f"{broken[0]} would have broken instead"
    else:
        result = f"{name} would have held"
    return Counterfactual(turn.condition, result, breaks, encode(run))


def _key(run: Run) -> Hashable:
    """Return what two runs share of which only one is told: the trace, or where none can be made the choices."""
    return trace_key(run) if makes_traces(run.scenario, run.level) else without_trailing_zeros(run.indexes)


def turns_of(failing: Run, retold: Retold, activities: Sequence[str]) -> Iterator[Turn]:
    """Yield what can be turned round: forced choices, then waits that were none, then races, each in its order."""
    for asked in retold.asked:
        if asked.index:
            yield Turn(_without(asked, retold), _instead(failing, asked, 0), lambda _: True)
    for asked in retold.asked:
        if asked.kind == "backoff" and not asked.index:
            longest = len(asked.labels) - 1
            yield Turn(_waiting(asked, longest, retold), _instead(failing, asked, longest), lambda _: True)
    drawn: dict[tuple[Kind, str], list[int]] = {}
    for asked in retold.asked:
        if asked.kind != "step":
            drawn.setdefault((asked.kind, asked.labels[0].activity), []).append(asked.index)
    for one, other in _races(retold, activities):
        first, second = (_label(retold.steps[at]) for at in (one, other))
        condition = f"had {words_of(second, 'participle')} before {words_of(first, 'past')}".removesuffix(",")
        yield Turn(condition, Reordered(order_of(retold, (one, other)), drawn), _Reversal(retold.steps, one, other))


def _instead(failing: Run, asked: Asked, index: int) -> Choices:
    """Return the run with another option in the place of one; what is forced after it goes by its label."""
    later = [forced for forced in failing.record.forced if forced.position > asked.position]
    return Recorded(Following((*failing.indexes[: asked.position], index), later))


def _without(asked: Asked, retold: Retold) -> str:
    """Say what would have been different without a forced choice."""
    taken, passed = asked.labels[asked.index], asked.labels[0]
    activity = short_activity(taken.activity)
    function = retold.functions.get(taken.activity, "")
    if asked.kind == "fault":
        return f"had {taken.phase} not struck {activity}{function and f' in {function}'}"
    if asked.kind == "random":
        return f"had {activity} drawn {passed.phase.split()[-1]} in {function}"
    if asked.kind == "backoff":
        waited = taken.phase.replace("wait", "waited", 1)
        return f"had {activity} not {waited} before it tried {function} again"
    return f"had {words_of(passed, 'participle')} before {words_of(taken, 'past')}".removesuffix(",")


def _waiting(asked: Asked, index: int, retold: Retold) -> str:
    label = asked.labels[index]
    function = retold.functions.get(label.activity, "")
    waited = label.phase.replace("wait", "waited", 1)
    return f"had {short_activity(label.activity)} {waited} before it tried {function} again"


def _label(step: Footprint) -> Label:
    return Label(step.activity, step.phase, step.what)


def _races(retold: Retold, activities: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the places of two steps each that depend on each other, with nothing between them that orders them."""
    steps, pasts = retold.steps, retold.pasts
    places = [at for at, step in enumerate(steps) if step.activity in activities]
    for other in places:
        for one in places:
            is_before = one < other and pasts[other] >> one & 1 and steps[one].moment == steps[other].moment
            if not is_before or steps[one].activity == steps[other].activity or steps[other].creator == one:
                continue
            if not any(pasts[other] >> at & 1 and pasts[at] >> one & 1 for at in range(one + 1, other)):
                yield one, other


def order_of(retold: Retold, race: tuple[int, int] | None = None) -> list[str]:
    """Return whose steps come when; if a race is to be turned round, the earlier of the two waits for the later one.

    What comes after the earlier one in any order waits with it; time passes where it passed.
    """
    places = [*range(len(retold.steps))]
    if race is not None:
        one, other = race
        held = [at for at in range(one, other) if at == one or retold.pasts[at] >> one & 1]
        places = [at for at in places if at not in held]
        after = places.index(other) + 1
        places[after:after] = held
    names = [retold.steps[at].activity for at in places]
    passed = [each.step for each in retold.trace.events if isinstance(each, Passed)]
    for number in reversed(passed):
        names.insert(sum(step.number <= number for step in retold.steps), CLOCK)
    return names


class _Reversal:
    """Whether two steps of a run, each the so-manieth of its activity, come the other way round in another run."""

    def __init__(self, steps: Sequence[Footprint], one: int, other: int) -> None:
        self._one, self._other = _name(steps, one), _name(steps, other)

    def __call__(self, run: Run) -> bool:
        assert run.footprints is not None
        steps = run.footprints.steps
        names = [_name(steps, at) for at in range(len(steps))]
        if self._other not in names:
            return False
        return self._one not in names or names.index(self._other) < names.index(self._one)


def _name(steps: Sequence[Footprint], at: int) -> tuple[str, str, int]:
    """Return whose step it is, what it does, and the how manieth of that kind."""
    step = steps[at]
    earlier = sum((each.activity, each.phase) == (step.activity, step.phase) for each in steps[:at])
    return step.activity, step.phase, earlier
