"""The gist of a run: which of its events a broken property goes back to.

Owns what is left out of the story of a failure. What counts is every call that has changed what the property looks at,
or has failed, or comes against the plain order; and of these, backwards: who called or scheduled them, who wrote what
they have read. That is more than the cause and, as far as footprints tell, never less; of a property that looks at the
order of steps itself nothing is left out. Of what counts, events that say nothing new are left out too: that a call of
a client returns, a begin with nobody else between it and its verdict. How events are told stands in `trace/text.py`.
Next: `explain.py`.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final

from convexsim.actors.footprints import MOMENT, TIMER
from convexsim.explore.dependence import meets
from convexsim.functions.outcome import Returned
from convexsim.functions.syscalls import Drew, Logged
from convexsim.trace import event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from convexsim.actors.footprints import Footprint
    from convexsim.explore.retold import Retold
    from convexsim.trace.event import Event

__all__ = ["activities_that_matter", "events_that_matter"]

_OVER: Final = (event.Committed, event.Conflicted, event.Aborted, event.Ended)
"""With what an attempt is over."""
_ALWAYS_TOLD: Final = (event.Faulted, event.Passed, event.Broken)


def activities_that_matter(retold: Retold, settling: Iterable[str]) -> tuple[str, ...]:
    """Return the activities to which what broke goes back; all if it looks at nothing that they change.

    Args:
        retold: the run.
        settling: those at whose steps it was settled, which count in any case.

    """
    steps = retold.steps
    looked = _looked_at(retold)
    wanted = [step.activity for step in steps if not looked.isdisjoint(step.changed())]
    if not wanted:
        return tuple(dict.fromkeys(step.activity for step in steps))
    wanted += [*_chosen(retold), *_failed(retold), *settling]
    found: dict[str, None] = {}
    while wanted:
        activity = wanted.pop()
        if activity not in found:
            found[activity] = None
            wanted += [
                each for at, step in enumerate(steps) if step.activity == activity for each in _behind(steps, at)
            ]
    return tuple(found)


def events_that_matter(retold: Retold, activities: Sequence[str]) -> frozenset[int]:
    """Return the events of some activities, and of who called them, that say something: their numbers in the trace."""
    events = retold.trace.events
    said = _Said(events)
    told: list[tuple[int, Event]] = []
    for at, happened in enumerate(events):
        counts = any(each == happened.activity or each.startswith(f"{happened.activity}.") for each in activities)
        if isinstance(happened, _ALWAYS_TOLD) or (counts and said.adds_to_it(happened)):
            told.append((at, happened))
    return frozenset(at for at, _ in told) - _needless_begins(told)


def _looked_at(retold: Retold) -> frozenset[str]:
    """Return the tables, things and facts at which what broke looks."""
    view, footprints = retold.run.view, retold.footprints
    tables = [index.rpartition(".")[0] for index, _ in view.reads.intervals()]
    return frozenset([*tables, *view.looked, *footprints.watched]) - {MOMENT, TIMER}


def _chosen(retold: Retold) -> Iterator[str]:
    """Yield who came against the plain order, and before whom."""
    for asked in retold.asked:
        if asked.index:
            yield from (asked.labels[asked.index].activity, asked.labels[0].activity)


def _failed(retold: Retold) -> Iterator[str]:
    """Yield whose handler threw, and who was struck or canceled: what did not happen may be the reason."""
    for happened in retold.trace.events:
        is_struck = isinstance(happened, event.Aborted | event.Faulted)
        is_canceled = isinstance(happened, event.StateChanged) and happened.state != "success"
        threw = isinstance(happened, event.Ended) and not isinstance(happened.outcome, Returned)
        if is_struck or is_canceled or threw:
            yield happened.activity


def _behind(steps: Sequence[Footprint], at: int) -> Iterator[str]:
    """Yield the activities to which a macro step goes back directly."""
    step = steps[at]
    if step.creator >= 0:
        yield steps[step.creator].activity
    for before in steps[:at]:
        uses = any(changes and thing in step.touches for thing, changes in before.touches.items())
        if uses or meets(before, step):
            yield before.activity


class _Said:
    """What events of a run tell beside what others tell."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._called = [each.activity for each in events if isinstance(each, event.Called)]
        self._committed = [each.activity for each in events if isinstance(each, event.Committed)]
        self._mutations = [
            each.activity for each in events if isinstance(each, event.Called) and each.kind == "mutation"
        ]

    def adds_to_it(self, happened: Event) -> bool:
        """Whether an event says something: a return does if it is all that came of a mutation, or tells a caller."""
        if isinstance(happened, event.Stepped | event.Read):
            return False
        if isinstance(happened, event.Did):
            return not isinstance(happened.effect, Logged | Drew)
        if isinstance(happened, event.Ended) and isinstance(happened.outcome, Returned):
            who = happened.activity
            if who in self._mutations and who not in self._committed:
                return True
            return who.rpartition(".")[0] in self._called and happened.outcome.value is not None
        return True


def _needless_begins(told: Sequence[tuple[int, Event]]) -> frozenset[int]:
    """Return the first begins of attempts that are over before anybody else does anything."""
    needless: list[int] = []
    for place, (at, began) in enumerate(told):
        if isinstance(began, event.Began) and began.attempt == 1:
            own = takewhile(lambda each, began=began: each[1].activity == began.activity, told[place:])  # type: ignore[misc]
            if any(isinstance(each, _OVER) for _, each in own):
                needless.append(at)
    return frozenset(needless)
