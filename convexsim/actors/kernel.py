"""The kernel: real Pykka actors that handle one message a step.

Owns how a Pykka actor is stepped: the three seams that Pykka leaves to implementors of new actor types (inbox, future,
start of the loop) and its message loop, which runs unmodified. With `future.py` and `threads.py` the only file that
imports Pykka. It knows no Convex: what a message means is the business of `messages.py` and the actors after it.

Pykka's loop asks `actor_stopped`, takes an envelope from the inbox, handles it, and asks again. Here `actor_stopped` is
a `Gate` that the inbox closes as it hands out the one envelope of this step, so the loop returns after exactly one
message; the actor's refs see a `StopFlag` instead, which knows only whether the actor has stopped.
"""

from __future__ import annotations

import sys
from functools import cache
from types import CoroutineType
from typing import Any, Final, TypeVar, cast
from weakref import ref

from pykka import Actor, ActorRef, ActorRegistry, Future
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from convexsim.actors.dispatcher import Dispatcher
from convexsim.actors.future import SteppedFuture, Task
from convexsim.errors import InternalError, UsageError

__all__ = ["Actor", "ActorRef", "Future", "SteppedActor", "stepped"]

A = TypeVar("A", bound=Actor)


_PROXIED: Final = frozenset({ProxyCall, ProxyGetAttr, ProxySetAttr})
"""Messages that Pykka handles itself; all others are for `on_receive`."""


class Start:
    """The first message of every actor: run `on_start`, a step of its own that comes before all the actor is sent."""

    granularity: Final = 0
    phase: Final = "start"


_START: Final = Envelope(Start())


class Failed:
    """A message that no one sends: a coroutine of the actor has failed, and Pykka's loop is to deal with it."""

    def __init__(self, exception: Exception) -> None:
        self.exception = exception


class Gate:
    """Stands for `actor_stopped` inside the actor: set when stopped, and after each envelope until the next step."""

    __slots__ = ("paused", "stopped")

    def __init__(self) -> None:
        self.paused = True
        self.stopped = False

    def is_set(self) -> bool:
        """Tell Pykka's loop whether to return."""
        return self.paused or self.stopped

    def set(self) -> None:
        """Stop for good."""
        self.stopped = True


class StopFlag:
    """Stands for `actor_stopped` in the actor's refs."""

    __slots__ = ("_gate",)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def is_set(self) -> bool:
        """Tell whether the actor has stopped."""
        return self._gate.stopped


class SteppedRef(ActorRef[Any]):
    """Pykka's ref on the short way: what is sent to a living actor goes straight into its simulation's lanes.

    Everything else, and whatever is sent to a dead actor, is left to Pykka.
    """

    actor_stopped: Any

    def __init__(self, actor: SteppedActor) -> None:
        self._actor_weakref = ref(actor)  # this and the next four are all that `super().__init__()` would set
        self.actor_class = type(actor)
        self.actor_urn = actor.actor_urn
        self.actor_inbox = actor.actor_inbox
        self.actor_stopped = StopFlag(actor.gate)
        self._gate = actor.gate
        self._dispatcher = actor.dispatcher

    def tell(self, message: Any) -> None:
        """Send."""
        actor = self._actor_weakref()
        if actor is None or self._gate.stopped:
            super().tell(message)
        else:
            self._dispatcher.enqueue(actor, Envelope(message))

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send, and return the answer, or a future for it."""
        actor = self._actor_weakref()
        if block or actor is None or self._gate.stopped:
            return super().ask(message, block=block, timeout=timeout)
        answer: SteppedFuture[Any] = SteppedFuture(self._dispatcher)
        self._dispatcher.enqueue(actor, Envelope(message, answer))
        return answer


class Inbox:
    """What is put goes into the dispatcher's lanes; what is got is the one envelope of this step.

    Like Pykka's refs it holds its actor only weakly: what a run leaves behind goes with its last reference.
    """

    __slots__ = ("_actor", "_gate", "current", "left")

    def __init__(self, actor: SteppedActor) -> None:
        self._actor = ref(actor)
        self._gate = actor.gate
        self.current: Envelope[Any] | None = None
        self.left: list[Envelope[Any]] = []

    def put(self, envelope: Envelope[Any], /) -> None:
        """Send: called by the actor's refs. The answer belongs to the actor's simulation, whichever one is at work."""
        actor = self._actor()
        assert actor is not None, "a dispatcher keeps its actors alive"
        answer: Any = envelope.reply_to
        if answer is not None:
            answer.dispatcher = actor.dispatcher
        actor.dispatcher.enqueue(actor, envelope)

    def get(self) -> Envelope[Any]:
        """Receive: called by Pykka's loop; after the actor's end, what was left for it."""
        if self.left:
            return self.left.pop(0)
        self._gate.paused = True
        assert self.current is not None, "Pykka's loop ran outside of a step"
        return self.current

    def empty(self) -> bool:
        """Tell Pykka's teardown whether everything left has been answered."""
        return not self.left


class SteppedActor(Actor):
    """A Pykka actor whose messages are steps of a simulation; its handlers may be `async def` and await futures."""

    actor_inbox: Inbox
    actor_stopped: Any
    is_infallible = False
    """Whether no exception ever comes out of it: one that does ends the simulation, even as the answer to an ask."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        # The four attributes of pykka.Actor.__init__ without its random URN and its lock: a tenth of the cost, and the
        # same names in every run. tests/actors/test_kernel.py compares the two sets of attributes.
        self.dispatcher = dispatcher = Dispatcher.current()
        self.gate = Gate()
        self.actor_urn = dispatcher.new_urn(type(self).__name__)
        self.actor_inbox = self._create_actor_inbox()
        self.actor_stopped = self.gate
        self._actor_ref = SteppedRef(self)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> ActorRef[Any]:
        """Start as Pykka does, without wording a line about it for a log that nobody reads."""
        actor = cls(*args, **kwargs)
        ActorRegistry.register(actor._actor_ref)
        actor._start_actor_loop()
        return actor._actor_ref

    def _create_actor_inbox(self) -> Inbox:  # type: ignore[override] # Pykka's is static but is called on the instance
        return Inbox(self)

    @staticmethod
    def _create_future() -> Future[Any]:
        return SteppedFuture()

    def _start_actor_loop(self) -> None:
        self.dispatcher.adopt(self)
        self.dispatcher.enqueue(self, _START)

    def handle(self, envelope: Envelope[Any]) -> None:
        """Handle one envelope by Pykka's own loop; the dispatcher calls this once a step."""
        try:
            kind = type(envelope.message)
            if kind is Start:
                self._actor_loop_setup()
            elif kind is Task:
                self._resume(envelope.message)
            else:
                self.actor_inbox.current = envelope
                self.gate.paused = False
                self._actor_loop_running()
        finally:
            self.actor_inbox.current = None
            if self.gate.stopped:
                self._answer_the_rest()

    def _resume(self, task: Task) -> None:
        """Let a coroutine go on; Pykka, which began it, hears of it again only if it fails."""
        try:
            task.advance()
        except Exception as exception:  # noqa: BLE001 - it is raised again
            failed = Failed(exception)
        else:
            return
        self.handle(Envelope(failed))

    def retire(self) -> None:
        """Leave Pykka's registry without a word: the simulation is over."""
        self.gate.stopped = True
        ActorRegistry.unregister(self._actor_ref)

    def _answer_the_rest(self) -> None:
        """Tell whoever still waits for this actor that it has stopped."""
        for task in [task for task in self.dispatcher.parked if task.actor is self]:
            task.abandon()
        self.actor_inbox.left.extend(self.dispatcher.withdraw(self))
        self._actor_loop_teardown()

    def _stop(self) -> None:
        # Pykka's loop calls this after a BaseException, and would go on to stop every actor of the process and swallow
        # the exception: hand it to whoever called `step`. (A stop message is handled below, without coming here.)
        exception = sys.exception()
        assert exception is not None, "an actor is stopped by a message"
        raise exception

    def _handle_receive(self, message: Any) -> Any:
        try:
            kind = type(message)
            if kind is Failed:
                raise message.exception  # noqa: TRY301 - as if it had come from `on_receive`
            if kind is _ActorStop:
                super()._stop()
                return None
            result = super()._handle_receive(message) if kind in _PROXIED else self.on_receive(message)
            if type(result) is CoroutineType:
                envelope = self.actor_inbox.current
                assert envelope is not None
                reply_to, envelope.reply_to = envelope.reply_to, None
                Task(self, result, reply_to).advance()
                return None
        except Exception as exception:
            if self.is_infallible or isinstance(exception, InternalError | UsageError):
                self.dispatcher.stash(exception)  # it would be lost in a future that nobody awaits
            raise
        return result


@cache
def stepped(actor_class: type[A]) -> type[A]:
    """Return the class that runs `actor_class`, an actor that names no runtime, step by step."""
    return cast("type[A]", type(actor_class.__name__, (actor_class, SteppedActor), {}))
