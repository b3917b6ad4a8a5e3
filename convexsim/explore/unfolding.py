"""The unfolding: all that the runs of a search have shown, as events. An event is a step with all that it comes after.

Steps that commute come in no order, so many runs share one event, and a set of events that lacks nothing of what its
members come after, a *cut*, stands for every order in which one can get there. What comes next after a cut is known
if some run has shown it: a step whose past lies in the cut, and that depends on nothing else there, does there exactly
what it did in that run (McMillan 1992; Rodríguez, Sousa, Sharma and Kroening, CONCUR 2015). Nothing is supposed of how
a step would behave elsewhere; so it may read what it likes, depending on what it has read. What is supposed: that every
draw belongs to one step, that a step which is possible stays so until it is taken, and that footprints are complete.

Owns events, and what is known of the way on from a cut. Each name comes once in a cut, so its events are told apart by
their names, of which there are few; sets of names are numbers, one bit a name. The search that asks is `dpor.py`; when
two footprints depend on each other says `dependence.py`.
"""

from __future__ import annotations

from functools import reduce
from operator import attrgetter, or_
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.actors.footprints import Footprint

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from convexsim.explore.dependence import Dependence

    Draws = tuple[tuple[int, int], ...]
    Name = tuple[str, int]

__all__ = ["NOTHING", "START", "Cut", "Event", "Unfolding"]

START: Final[Name] = ("", 0)
"""The name of what stands before the first step: clients start, and faults may be drawn as they do."""
_BEGINNING: Final = Footprint("", "begin", float("-inf"), -1)


_NUMBER: Final = attrgetter("number")


@frozen(eq=False)
class Event:
    """A step with all that it comes after.

    Attributes:
        number: the how manieth event it is; what it comes after has lower ones.
        name: whose step it is, and the how manieth of them.
        bit: that of its name.
        draws: what was drawn in it besides orders, each as an index among so many.
        before: the last events that it comes after in every order, by number.
        past: the names of all of those.
        content: the number of what it has read and written.
        moment: virtual time, in ms.

    """

    number: int
    name: Name
    bit: int
    draws: Draws
    before: tuple[Event, ...]
    past: int
    content: int
    moment: float

    @property
    def activity(self) -> str:
        """Whose step it is."""
        return self.name[0]


@frozen(eq=False)
class Cut:
    """Events that lack nothing of what they come after.

    Attributes:
        events: by the bits of their names, in an order in which they can come.
        names: those of all of them.

    """

    events: dict[int, Event]
    names: int

    def __add__(self, event: Event) -> Cut:
        """Return the cut after one of the events that can come next."""
        return Cut({**self.events, event.bit: event}, self.names | event.bit)

    def as_found(self) -> Cut:
        """Return it with its events in the order in which runs have shown them, which is close to the simplest run."""
        return Cut({event.bit: event for event in sorted(self.events.values(), key=_NUMBER)}, self.names)

    @property
    def last(self) -> tuple[int, ...]:
        """The numbers of those after which nothing comes; they tell the cut from all others."""
        events = self.events.values()
        past = reduce(or_, (event.past for event in events), 0)
        return tuple(sorted(event.number for event in events if not event.bit & past))


NOTHING: Final = Cut({}, 0)
"""The cut before all events."""


class Unfolding:
    """The events that runs have shown.

    Attributes:
        count: how many there are.

    """

    def __init__(self, dependence: Dependence) -> None:
        self.count = 0
        self._contents = _Contents(dependence)
        self._events: dict[tuple[Name, Draws, tuple[int, ...]], Event] = {}
        self._following: dict[tuple[int, Name], list[Event]] = {}
        self._sent: dict[int, dict[Name, None]] = {}
        self._due: dict[tuple[int, ...], dict[Name, None]] = {}
        self._bits: dict[Name, int] = {}
        self._needs: dict[int, int] = {}

    def add(self, steps: Sequence[Footprint], draws: Sequence[Draws], led: Cut) -> None:
        """Take note of a run.

        Args:
            steps: its macro steps.
            draws: what was drawn before the first of them and in each.
            led: the events that it was led through, in this order, which are known; the first is the beginning.

        """
        cut = led if led.names else led + self._event(NOTHING, START, draws[0], _BEGINNING, 0)
        made = list(cut.events.values())
        last = {event.activity: event for event in made}
        earlier = reduce(Cut.__add__, (event for event in made if event.moment < made[-1].moment), NOTHING)
        for step, drawn in zip(steps[len(made) - 1 :], draws[len(made) :], strict=True):
            if made[-1].moment < step.moment:
                earlier = cut
            creator, before = made[step.creator + 1], last.get(step.activity)
            name = (step.activity, 0 if before is None else before.name[1] + 1)
            if creator.moment == step.moment:
                self._sent.setdefault(creator.number, {})[name] = None
                needs = creator.bit | self._needs[creator.bit]
            else:
                self._due.setdefault(earlier.last, {})[name] = None
                needs = earlier.names
            if before is not None:
                needs |= before.bit | self._needs[before.bit]
            event = last[step.activity] = self._event(cut, name, drawn, step, needs)
            made.append(event)
            cut += event
        self._due.setdefault(cut.last, {})

    def sent_by(self, event: Event) -> Sequence[Name]:
        """Return whose steps an event makes possible at once."""
        return tuple(self._sent.get(event.number, ()))

    def due_after(self, cut: Cut) -> Sequence[Name] | None:
        """Return whose steps time makes possible after a cut where nothing is left to run; None if that is unknown."""
        due = self._due.get(cut.last)
        return due if due is None else tuple(due)

    def known(self, cut: Cut, newest: Event | None, name: Name) -> list[Event]:
        """Return what a step is known to do next after a cut that it would not do without the newest event of it."""
        number = -1 if newest is None else newest.number
        return [event for event in self._following.get((number, name), ()) if self._comes_after(cut, event)]

    def depends(self, one: Event, other: Event) -> bool:
        """Whether the order of two events that can both come next matters."""
        return self._contents.depends(one.content, other.content)

    def is_alone(self, cut: Cut, event: Event) -> bool:
        """Whether nothing known that could come before an event, which is next after a cut, depends on it."""
        others = self._contents.dependent[event.content] & ~cut.names & ~event.bit
        return all(self._needs[other] & event.bit for other in _members(others))

    def _comes_after(self, cut: Cut, event: Event) -> bool:
        events = cut.events
        if any(events.get(each.bit) is not each for each in event.before):
            return False
        others = cut.names & ~event.past & self._contents.dependent[event.content]
        return not any(self.depends(events[other], event) for other in _members(others))

    def _event(self, cut: Cut, name: Name, draws: Draws, step: Footprint, needs: int) -> Event:
        """Return the event, known or new, that a step is after a cut.

        Args:
            cut: what has come before it.
            name: whose step it is, and the how manieth of them.
            draws: what was drawn in it.
            step: what it did.
            needs: the names of those without which it would not be there at all.

        """
        content = self._contents.number(step)
        past, before = 0, list[Event]()
        for each in reversed(cut.events.values()):
            if not each.bit & past and (each.bit & needs or self._contents.depends(each.content, content)):
                before.append(each)
                past |= each.bit | each.past
        before.sort(key=_NUMBER)
        key = (name, draws, tuple(each.number for each in before))
        event = self._events.get(key)
        if event is None:
            bit = self._bits.setdefault(name, 1 << len(self._bits))
            event = self._events[key] = Event(self.count, name, bit, draws, tuple(before), past, content, step.moment)
            self.count += 1
            for number in key[2] or (-1,):
                self._following.setdefault((number, name), []).append(event)
            self._contents.add(event)
            self._needs[bit] = self._needs.get(bit, needs) & needs
        return event


class _Contents:
    """What events have read and written, each content once, and which of them depend on each other.

    Attributes:
        dependent: by the number of a content, the names of the events that depend on it.

    """

    def __init__(self, dependence: Dependence) -> None:
        self.dependent: list[int] = []
        self._dependence = dependence
        self._numbers: dict[Hashable, int] = {}
        self._footprints: list[Footprint] = []
        self._names: list[int] = []
        self._meeting: list[int] = []

    def depends(self, one: int, other: int) -> bool:
        """Whether the order of two steps of these contents matters."""
        return bool(self._meeting[one] >> other & 1)

    def number(self, step: Footprint) -> int:
        """Return the number of what a step has read and written."""
        key = (tuple(step.read()), tuple(step.written()), tuple(step.touches.items()), tuple(step.shows))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._footprints)
            self._footprints.append(step)
            self._names.append(0)
            meeting = [at for at, other in enumerate(self._footprints) if self._dependence.between(step, other)]
            self._meeting.append(sum(1 << at for at in meeting))
            for at in meeting:
                self._meeting[at] |= 1 << number
            self.dependent.append(reduce(or_, (self._names[at] for at in meeting), 0))
        return number

    def add(self, event: Event) -> None:
        """Take note of a new event."""
        if not self._names[event.content] & event.bit:
            self._names[event.content] |= event.bit
            for bit in _members(self._meeting[event.content]):
                self.dependent[bit.bit_length() - 1] |= event.bit


def _members(names: int) -> Iterator[int]:
    """Yield the bits of a set of names, one after the other."""
    while names:
        yield (lowest := names & -names)
        names ^= lowest
