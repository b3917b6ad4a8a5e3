"""The unfolding: all that the runs of a search have shown, as events. An event is a step with all that it comes after.

Steps that commute come in no order, so many runs share one event, and a set of events that lacks nothing of what its
members come after, a *cut*, stands for every order in which one can get there. What comes next after a cut is known
if some run has shown it: a step whose past lies in the cut, and that depends on nothing else there, does there exactly
what it did in that run (McMillan 1992; Rodríguez, Sousa, Sharma and Kroening, CONCUR 2015). Nothing is supposed of how
a step would behave elsewhere; so it may read what it likes, depending on what it has read. What is supposed: that every
draw belongs to one step, that a step which is possible stays so until it is taken, and that footprints are complete.

Owns events, and what is known of the way on from a cut. Sets of events are numbers, one bit an event. The search that
asks is `dpor.py`; when two footprints depend on each other says `dependence.py`.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.actors.footprints import Footprint

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from convexsim.explore.dependence import Dependence

    Draws = tuple[tuple[int, int], ...]
    Name = tuple[str, int]

__all__ = ["Event", "Unfolding", "members"]

_BEGINNING: Final = Footprint("", "begin", float("-inf"), -1)
"""What stands before the first step: clients start, and faults may be drawn as they do."""


@frozen(eq=False)
class Event:
    """A step with all that it comes after.

    Attributes:
        number: its bit.
        name: whose step it is, and the how manieth of them.
        draws: what was drawn in it besides orders, each as an index among so many.
        past: the events that it comes after in every order.
        content: the number of what it has read and written.
        moment: virtual time, in ms.

    """

    number: int
    name: Name
    draws: Draws
    past: int
    content: int
    moment: float

    @property
    def activity(self) -> str:
        """Whose step it is."""
        return self.name[0]

    @property
    def bit(self) -> int:
        """The set of this event alone."""
        return 1 << self.number


class Unfolding:
    """The events that runs have shown.

    Attributes:
        events: by number; what an event comes after has lower ones.

    """

    def __init__(self, dependence: Dependence) -> None:
        self.events: list[Event] = []
        self._contents = _Contents(dependence)
        self._known: dict[tuple[Name, Draws, int], Event] = {}
        self._named: dict[Name, dict[int, dict[int, list[Event]]]] = {}
        self._sent: dict[int, dict[Name, None]] = {}
        self._due: dict[int, dict[Name, None]] = {}
        self._causes: list[int] = []
        self._caused: list[int] = []
        self._of: dict[str, int] = {}

    def add(self, steps: Sequence[Footprint], draws: Sequence[Draws], led: Sequence[Event]) -> int:
        """Take note of a run; return its events.

        Args:
            steps: its macro steps.
            draws: what was drawn before the first of them and in each.
            led: the events that it was led through, which are known; the first is the beginning.

        """
        made = list(led) or [self._event(("", 0), draws[0], 0, 0, _BEGINNING)]
        run = sum(event.bit for event in made)
        last = {event.activity: event for event in made}
        earlier = sum(event.bit for event in made if event.moment < made[-1].moment)
        for at in range(len(made) - 1, len(steps)):
            step, newest = steps[at], made[-1]
            if newest.moment < step.moment:
                earlier = run
            creator = made[step.creator + 1]
            is_sent = creator.moment == step.moment
            needs = creator.bit if is_sent else earlier
            before = last.get(step.activity)
            own = 0 if before is None else before.bit
            past = self._with_past(needs | own | run & self._contents.meets(step))
            name = (step.activity, 0 if before is None else before.name[1] + 1)
            event = last[step.activity] = self._event(name, draws[at + 1], past, needs, step)
            (self._sent if is_sent else self._due).setdefault(creator.number if is_sent else earlier, {})[name] = None
            made.append(event)
            run |= event.bit
        return run

    def next_after(self, cut: int, waiting: Iterable[Name], newest: Event | None) -> tuple[Name, ...]:
        """Return whose steps can come next after a cut, given those before its newest event; none if it is an end."""
        if newest is None:
            return (("", 0),) if self.events else ()
        names = {name: None for name in waiting if name != newest.name} | self._sent.get(newest.number, {})
        return tuple(names or self._due.get(cut, ()))

    def known(self, cut: int, name: Name) -> list[Event]:
        """Return what a step is known to do next after a cut: one event, or one for each way to draw."""
        dependent = self._contents.dependent
        return [
            event
            for content, events in self._named.get(name, {}).items()
            for event in events.get(cut & dependent[content], ())
            if not event.past & ~cut
        ]

    def is_alone(self, cut: int, event: Event) -> bool:
        """Whether nothing known that could come before an event, which is next after a cut, depends on it."""
        after = self._caused[event.number] | self._of[event.activity]
        return not self._contents.dependent[event.content] & ~cut & ~after

    def _with_past(self, events: int) -> int:
        past = events
        for number in members(events):
            past |= self.events[number].past
        return past

    def _event(self, name: Name, draws: Draws, past: int, needs: int, step: Footprint) -> Event:
        """Return the event, known or new.

        Args:
            name: whose step it is, and the how manieth of them.
            draws: what was drawn in it.
            past: what it comes after.
            needs: without what it would not be there at all: who has sent its message, or all moments before.
            step: what it did.

        """
        event = self._known.get((name, draws, past))
        if event is not None:
            return event
        event = Event(len(self.events), name, draws, past, self._contents.number(step), step.moment)
        self.events.append(event)
        self._known[name, draws, past] = event
        heeded = past & self._contents.dependent[event.content]
        self._named.setdefault(name, {}).setdefault(event.content, {}).setdefault(heeded, []).append(event)
        self._contents.add(event)
        self._of[event.activity] = self._of.get(event.activity, 0) | event.bit
        causes = needs
        for number in members(needs):
            causes |= self._causes[number]
        for number in members(causes):
            self._caused[number] |= event.bit
        self._causes.append(causes)
        self._caused.append(0)
        return event


class _Contents:
    """What events have read and written, each content once, and which events depend on whom.

    Attributes:
        dependent: by the number of a content, the events that depend on it.

    """

    def __init__(self, dependence: Dependence) -> None:
        self.dependent: list[int] = []
        self._dependence = dependence
        self._numbers: dict[Hashable, int] = {}
        self._footprints: list[Footprint] = []
        self._events: list[int] = []
        self._meeting: list[list[int]] = []

    def number(self, step: Footprint) -> int:
        """Return the number of what a step has read and written."""
        key = (tuple(step.read()), tuple(step.written()), tuple(step.touches.items()), tuple(step.shows))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._footprints)
            self._footprints.append(step)
            self._events.append(0)
            meeting = [at for at, other in enumerate(self._footprints) if self._dependence.between(step, other)]
            self._meeting.append(meeting)
            for at in meeting:
                if at != number:
                    self._meeting[at].append(number)
            self.dependent.append(reduce(or_, (self._events[at] for at in meeting), 0))
        return number

    def meets(self, step: Footprint) -> int:
        """Return the events that depend on a step."""
        return self.dependent[self.number(step)]

    def add(self, event: Event) -> None:
        """Take note of a new event."""
        self._events[event.content] |= event.bit
        for at in self._meeting[event.content]:
            self.dependent[at] |= event.bit


def members(events: int) -> Iterator[int]:
    """Yield the numbers of the events of a set, in the order in which they were found."""
    while events:
        lowest = events & -events
        yield lowest.bit_length() - 1
        events ^= lowest
