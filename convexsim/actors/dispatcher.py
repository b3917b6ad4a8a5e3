"""The dispatcher: which messages wait, which may be handled next, and that the choices decide.

Owns lanes, the set of enabled steps and virtual time. Knows neither Pykka (`kernel.py` does) nor Convex (`messages.py`
and the actors do): to it a message is an envelope for an actor on behalf of an activity.

Messages wait in lanes, one FIFO lane for each (receiver, activity). What one activity sends to one actor stays in
order; everything else may overtake. A message class says by its `granularity` up to which level its delivery is a
choice: 3 for begins (at every level; so is any message that says nothing), 2 for commits, 1 for messages without an
effect that others could see, 0 for the start of an actor, which comes before whatever it is sent. Unchosen messages are
handled at once, in order.

The clock moves when nothing is left to run. Where steps may be late (`late_ms`), its moving is one more option of a
step, the last one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from convexsim.actors.clock import VirtualClock
from convexsim.choices import root_of
from convexsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from convexsim.choices import Kind, Option

__all__ = ["CLOCK", "Asks", "Deadlock", "Dispatcher", "Item", "Receiver", "Tick"]

EVERY_LEVEL: Final = 3
"""The granularity of a message class that names none: its delivery is a choice at every level."""
CLOCK: Final = "the clock"
"""Whose step it is when time passes while somebody could run; no client is called so."""


class Asks(Protocol):
    """Whoever picks one of several options (`choices.ChoiceRecord`)."""

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the index of one option."""
        ...


class Receiver(Protocol):
    """An actor as the dispatcher sees it."""

    actor_urn: str
    dispatcher: Dispatcher
    is_infallible: bool

    def handle(self, envelope: Any) -> None:
        """Handle one envelope and return."""
        ...

    def retire(self) -> None:
        """Leave the simulation: it is over."""
        ...


class Deadlock(UsageError):  # noqa: N818 - the name that everybody knows it by
    """Somebody waits for a future that nothing left to run can ever resolve."""

    code = "Deadlock"


Sent = tuple[int, Receiver, str, Any]
"""A message on its way: its number, its receiver, its activity, its envelope."""


class Item:
    """An envelope in its lane: one enabled or waiting step, and one option of a choice.

    `phase` is what the step does, as its message calls it. Once handled, an item is only a label: the record of the
    choices keeps it, and must not keep the simulation. What is never chosen becomes an item only to be noted.
    """

    __slots__ = ("activity", "actor", "envelope", "number", "phase", "root")

    def __init__(self, number: int, actor: Receiver, activity: str, envelope: Any) -> None:
        message = envelope.message
        self.number = number
        self.actor = actor
        self.activity = activity
        self.phase: str = getattr(message, "phase", None) or type(message).__name__
        self.root = root_of(activity)
        self.envelope = envelope

    @property
    def what(self) -> str:
        """Which function the step is about, as long as it waits; empty if its message names none."""
        return getattr(self.envelope.message, "what", "")


class Tick:
    """The clock's moving on, as an option of a choice: time passes, and whoever could run is late."""

    __slots__ = ("number",)
    activity = root = CLOCK
    phase = "tick"

    def __init__(self, number: int) -> None:
        self.number = number


_number: Final = attrgetter("number")


class Dispatcher:
    """Holds the actors of one simulation and runs their messages, one at a time, in the order that the choices give.

    Use it as a context manager: leaving it takes every actor out of Pykka's registry and closes parked coroutines.

    Args:
        choices: who picks among several enabled steps.
        level: the granularity of choices, 1 (every message) to 3 (a mutation is one step); exploration.md, Terms.
        on_step: called with each item before it is handled, chosen or not.

    Attributes:
        late_ms: how much time may pass while a message waits that could be handled.
        on_tick: called with those messages before it passes.

    """

    _stacks: Final[ContextVar[list[Dispatcher]]] = ContextVar("simulations at work in this thread, innermost last")
    # The one global of convexsim: Pykka makes actors and futures without saying for which simulation; it is the one at
    # work in this thread.

    def __init__(self, choices: Asks, *, level: int = 1, on_step: Callable[[Item], None] | None = None) -> None:
        self.choices = choices
        self.level = level
        self.clock = VirtualClock()
        self.stepping: Receiver | None = None
        self.activity = ""
        self.probing = False
        self.steps = 0
        self.sent = 0
        self.late_ms = 0.0
        self.on_tick: Callable[[Sequence[Item]], None] | None = None
        self.parked: dict[Any, None] = {}
        self._buried: list[Any] = []
        self._on_step = on_step
        self._actors: list[Receiver] = []
        self._urns: dict[str, int] = {}
        self._eager: deque[Sent] = deque()
        self._lanes: dict[tuple[str, str], deque[Item]] = {}
        self._ready: list[Item] = []
        self._moments: list[tuple[int, float]] = []  # messages sent when time passed, and the time till then
        self._last_root = ""
        self._stashed: BaseException | None = None

    @classmethod
    def innermost(cls) -> Dispatcher | None:
        """Return the dispatcher at work: the one that handles a message, else the one entered last."""
        entered = cls._stacks.get(None)
        return entered[-1] if entered else None

    @classmethod
    def current(cls) -> Dispatcher:
        """Return the dispatcher at work.

        Raises:
            UsageError: there is none.

        """
        entered = cls._stacks.get(None)
        if not entered:
            msg = "A stepped actor was made, or a future waited for, outside of any simulation."
            raise UsageError(msg, code="NoSimulation", next_step="Enter `with Dispatcher(choices):` first.")
        return entered[-1]

    @classmethod
    def _entered(cls) -> list[Dispatcher]:
        entered = cls._stacks.get(None)
        if entered is None:
            cls._stacks.set(entered := [])
        return entered

    def __enter__(self) -> Self:
        self._entered().append(self)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        entered = self._entered()
        entered.append(self)  # what a coroutine does as it is closed belongs here too
        try:
            for task in [*self.parked, *self._buried]:
                task.close()
        finally:
            for actor in self._actors:
                actor.retire()
            entered.pop()
            entered.remove(self)
            self._actors.clear()
            self._lanes.clear()
            self._ready.clear()
            self._eager.clear()
            self.parked.clear()
            self._buried.clear()
            self.clock.clear()

    # Actors

    def new_urn(self, class_name: str) -> str:
        """Name a new actor: its class and how many of that class came before it."""
        number = self._urns[class_name] = self._urns.get(class_name, 0) + 1
        return f"urn:sim:{class_name}:{number}"

    def adopt(self, actor: Receiver) -> None:
        """Keep an actor alive for the length of the simulation: Pykka's refs hold it only weakly."""
        self._actors.append(actor)

    def actor(self, urn: str) -> Receiver:
        """Return the actor of that name."""
        return next(actor for actor in self._actors if actor.actor_urn == urn)

    # Messages

    def enqueue(self, actor: Receiver, envelope: Any, activity: str | None = None) -> None:
        """Put an envelope in its lane; without an activity of its own it belongs to the one at work."""
        message = envelope.message
        if activity is None:
            activity = getattr(message, "activity", None) or self.activity
        self.sent += 1
        if getattr(message, "granularity", EVERY_LEVEL) < self.level:
            self._eager.append((self.sent, actor, activity, envelope))
            return
        item = Item(self.sent, actor, activity, envelope)
        lane = self._lanes.get((actor.actor_urn, activity))
        if lane is None:
            self._lanes[actor.actor_urn, activity] = deque((item,))
            self._ready.append(item)
        else:
            lane.append(item)

    def withdraw(self, actor: Receiver) -> list[Any]:
        """Take everything out of the lanes that waits for an actor, oldest first: it has stopped."""
        mine = [(sent[0], sent[3]) for sent in self._eager if sent[1] is actor]
        self._eager = deque(sent for sent in self._eager if sent[1] is not actor)
        for key in [key for key in self._lanes if key[0] == actor.actor_urn]:
            mine.extend((item.number, item.envelope) for item in self._lanes.pop(key))
        self._ready = [item for item in self._ready if item.actor is not actor]
        return [envelope for _, envelope in sorted(mine, key=itemgetter(0))]

    def kill(self, actor: Receiver) -> None:
        """Let an actor vanish in the middle of whatever it does: nothing of it is answered, resumed or fired."""
        self.withdraw(actor)
        self.clock.forget(actor)
        for task in [task for task in self.parked if task.actor is actor]:
            del self.parked[task]
            self.bury(task)
        actor.retire()

    def bury(self, task: Any) -> None:
        """Keep a coroutine that nothing will ever resume, so that no `finally` of it runs before the end."""
        self._buried.append(task)

    def stash(self, exception: BaseException) -> None:
        """Keep an exception that must not get lost in Pykka's loop; `step` raises it."""
        self._stashed = exception

    # Steps

    def step(self) -> bool:
        """Handle one message, or move the clock to the next deadline; False if there is nothing left to do."""
        entered = self._stacks.get(None)
        if not entered or entered[-1] is not self:
            with self.at_work():
                return self.step()
        if self._eager:
            sent = self._eager.popleft()
            noted = None if self._on_step is None else Item(*sent)
        elif self._ready:
            noted = self._choose()
            if noted is None:
                return self._tick()
            self._last_root = noted.root
            sent = noted.number, noted.actor, noted.activity, noted.envelope
        else:
            return self.clock.advance()
        self.steps += 1
        if noted is not None:
            if self._on_step is not None:
                self._on_step(noted)
            del noted.actor, noted.envelope
        _, self.stepping, self.activity, envelope = sent
        try:
            self.stepping.handle(envelope)
        finally:
            self.stepping, self.activity = None, ""
        if self._stashed is not None:
            exception, self._stashed = self._stashed, None
            raise exception
        return True

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Be the one at work, although another simulation was entered last, or none in this thread."""
        entered = self._entered()
        entered.append(self)
        try:
            yield
        finally:
            entered.pop()

    def run_until(self, done: Callable[[], bool], timeout: float | None = None) -> bool:
        """Step until `done()`; False if `timeout` (seconds of virtual time) passed first.

        Raises:
            Deadlock: nothing is left to run.

        """
        late: list[bool] = []
        timer = None if timeout is None else self.clock.at(self.clock.now + 1000 * timeout, lambda: late.append(True))
        try:
            while not done():
                if late:
                    return False
                if not self.step():
                    msg = "Nothing is left to run, and what is waited for has not happened."
                    raise Deadlock(msg, next_step="Look for an actor that never answers, or awaits itself.")
            return True
        finally:
            if timer is not None:
                timer.cancel()

    def _tick(self) -> bool:
        """Let time pass although somebody could run."""
        if self.on_tick is not None:
            self.on_tick(self._ready)
        self._moments.append((self.sent, self.clock.now))
        return self.clock.advance()

    def _may_tick(self) -> bool:
        """Whether time may pass without making the message that has waited longest later than it may be."""
        deadline = self.clock.next_deadline()
        if deadline is None:
            return False
        at = bisect_left(self._moments, self._ready[0].number, key=itemgetter(0))
        sent_at = self._moments[at][1] if at < len(self._moments) else self.clock.now
        return deadline - sent_at <= self.late_ms

    def _choose(self) -> Item | None:
        """Return whose step is next; None if it is the clock's."""
        ready = self._ready
        ticks = (Tick(self.sent + 1),) if self.late_ms and self._may_tick() else ()
        if len(ready) == 1 and not ticks:
            item = ready.pop()
        else:
            options: Sequence[Item] = ready
            if ready[0].root != self._last_root:
                last = self._last_root
                own = [item for item in ready if item.root == last]
                if own:
                    options = own + [item for item in ready if item.root != last]
            taken = self.choices.choose("step", [*options, *ticks] if ticks else options)
            if taken == len(options):
                return None
            item = options[taken]
            ready.remove(item)
        key = (item.actor.actor_urn, item.activity)
        lane = self._lanes[key]
        lane.popleft()
        if lane:
            insort(ready, lane[0], key=_number)
        else:
            del self._lanes[key]
        return item
