"""Futures and coroutine handlers under a cooperative dispatcher.

Owns how a value comes back: `SteppedFuture` is Pykka's future for stepped actors, `Task` a handler between two of its
awaits. Being resolved is not yet being resumed: the waiting actor gets a message, so resuming is a step like any other.
"""

from __future__ import annotations

import queue
import sys
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pykka import ActorDeadError, Future, Timeout

from convexsim.actors.dispatcher import Dispatcher
from convexsim.actors.gather import Gathering
from convexsim.errors import InternalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import TracebackType

    from convexsim.actors.dispatcher import Receiver

    Running = Coroutine[Any, Any, Any] | Generator[Any, Any, Any]

__all__ = ["RunIsOver", "SteppedFuture", "Task", "close_coroutine", "foreign_await"]

T = TypeVar("T")

MAX_CLOSINGS: Final = 100
"""How often a coroutine that does not want to end is told to."""

_NO_HOOK_RESULT: Final = Future()._get_hook_result  # noqa: SLF001 - Pykka's own marker, made once and shared


class WouldBlock(BaseException):
    """Raised out of a future's get hook, in this file only, to learn which future it waits for."""

    def __init__(self, future: SteppedFuture[Any]) -> None:
        super().__init__()
        self.future = future


class SteppedFuture(Future[T]):
    """A future that resolves within a simulation: `await` it in an actor, `get` it only outside of one."""

    # What a future is until something happens to it; `super().__init__()` would make a marker object for each one.
    _get_hook = None
    _get_hook_result = _NO_HOOK_RESULT
    _done = False
    _value: Any = None
    _exception: BaseException | None = None
    _traceback: TracebackType | None = None
    _waiters: tuple[Callable[[], None], ...] = ()

    def __init__(self, dispatcher: Dispatcher | None = None) -> None:
        self.dispatcher = dispatcher or Dispatcher.innermost()
        """Whose steps can resolve it; an actor's inbox corrects it to the actor's own."""

    def __repr__(self) -> str:
        return f"<SteppedFuture {'done' if self._done else 'pending'}>"

    def get(self, *, timeout: float | None = None) -> T:
        """Return the value; outside of any actor, run the simulation until it is there.

        Args:
            timeout: seconds of virtual time.

        Raises:
            UsageError: inside an actor, while the value is not there yet.
            Deadlock: nothing is left that could resolve it.
            pykka.Timeout: virtual time has passed the timeout.

        """
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if not self._done:
            self._wait(timeout)
        if self._exception is not None:
            raise self._exception.with_traceback(self._traceback)  # else each get would add its frames to it
        value: T = self._value
        return value

    def _wait(self, timeout: float | None) -> None:
        at_work = Dispatcher.current()
        if at_work.probing:
            raise WouldBlock(self)
        if at_work.stepping is not None:
            raise _blocking(at_work.stepping)
        dispatcher = self.dispatcher or at_work
        if not dispatcher.run_until(lambda: self._done, timeout):
            msg = f"{timeout} seconds"
            raise Timeout(msg)

    def set(self, value: T | None = None) -> None:
        """Resolve with a value and wake whoever waits."""
        if self._done or self._get_hook is not None:
            raise queue.Full  # as Pykka's own future does
        self._done = True
        self._value = value
        if self._waiters:
            waiters, self._waiters = self._waiters, ()
            for callback in waiters:
                callback()

    def set_exception(self, exc_info: Any = None) -> None:
        """Resolve with an exception, the one being handled unless one is given as (type, value, traceback)."""
        kind, exception, traceback = exc_info or sys.exc_info()
        assert kind is not None, "set_exception() outside of an except block needs the exception"
        if not self._done and self._get_hook is None:
            self._exception, self._traceback = kind() if exception is None else exception, traceback
        self.set()

    def set_get_hook(self, func: Any) -> None:
        """Compute the value by `func(timeout)` when it is asked for."""
        if self._done:
            raise queue.Full
        self._get_hook = func

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call back once the future is resolved; at once if it is."""
        if self._done:
            callback()
        else:
            self._waiters = (*self._waiters, callback)

    def __await__(self) -> Generator[Any, None, T]:
        if self._get_hook is None:
            yield self  # even if it is resolved: an await is a place where others may run
            if self._done and self._exception is None:
                value: T = self._value
                return value
            return self.get()
        # A mapped, joined or stopping future knows its parts only inside its hook: probe, wait for the part, try again.
        dispatcher = Dispatcher.current()
        while True:
            sent = dispatcher.sent
            dispatcher.probing = True
            try:
                return self.get()
            except WouldBlock as blocked:
                part = blocked.future
                if dispatcher.sent > sent:  # the next try would send again, and so on for ever
                    raise _blocking(dispatcher.stepping) from None
            finally:
                dispatcher.probing = False
            yield part

    __iter__ = __await__


class RunIsOver(BaseException):
    """Thrown into a handler where it waits, so that it comes to its end; no handler takes it for an outcome."""


class Task:
    """A coroutine handler between two of its awaits; as a message to its actor: what it waits for is there.

    It is its own envelope, to which nobody waits for an answer.

    Args:
        actor: whose handler it is.
        coroutine: the handler, or a branch of what it gathers; not yet started.
        asker: who is to get its result; None if nobody asked, and then its exception is the actor's failure.

    """

    __slots__ = ("activity", "actor", "asker", "coroutine", "dispatcher")
    granularity: Final = 1
    phase: Final = "resume"
    reply_to: Final = None

    def __init__(self, actor: Receiver, coroutine: Running, asker: Future[Any] | None) -> None:
        self.actor = actor
        self.dispatcher = actor.dispatcher
        self.activity = self.dispatcher.activity
        self.coroutine = coroutine
        self.asker = asker

    @property
    def message(self) -> Task:
        """Itself."""
        return self

    def advance(self) -> None:
        """Run to the next await; answer if the handler has come to its end."""
        parked = self.dispatcher.parked
        parked.pop(self, None)
        try:
            awaited = self.coroutine.send(None)
            if type(awaited) is not SteppedFuture:
                awaited = self._awaiting(awaited)
        except StopIteration as stop:
            if self.asker is not None:
                self.asker.set(stop.value)
        except Exception as exception:
            if self.asker is None:
                raise
            if self.actor.is_infallible or isinstance(exception, InternalError | UsageError):
                self.dispatcher.stash(exception)  # it would be lost in a future that nobody awaits
            self.asker.set_exception()
        else:
            if not isinstance(awaited, SteppedFuture):
                self.close()
                raise foreign_await(awaited)
            parked[self] = None
            awaited.when_done(self._wake)

    def _awaiting(self, awaited: object) -> object:
        """Return what the handler awaits next, having begun what it gathers, or told it about a foreign await."""
        if not isinstance(awaited, Gathering):
            awaited = self.coroutine.throw(foreign_await(awaited))  # it may catch that, but not for ever
        while isinstance(awaited, Gathering):
            awaited = self.coroutine.send(self._begin(awaited))
        return awaited

    def _begin(self, gathering: Gathering) -> SteppedFuture[list[Any]]:
        """Run each branch to its first await, as a task of the same actor, and return their joint future."""
        self.dispatcher.parked[self] = None  # so that it is closed if a branch goes wrong
        joint: SteppedFuture[list[Any]] = SteppedFuture()
        for branch in gathering.branches(joint):
            Task(self.actor, branch, None).advance()
        del self.dispatcher.parked[self]
        return joint

    def close(self) -> None:
        """End the handler where it stands: nothing will resume it."""
        self.dispatcher.parked.pop(self, None)
        with _Unheard():
            close_coroutine(self.coroutine)
            del self.coroutine

    def abandon(self) -> None:
        """End the handler where it stands: its actor has stopped, and whoever waits for its answer hears so."""
        self.close()
        if self.asker is not None:
            dead = ActorDeadError(f"{self.actor} stopped before the end of its handler")
            self.asker.set_exception((ActorDeadError, dead, None))

    def _wake(self) -> None:
        if self in self.dispatcher.parked:
            self.dispatcher.enqueue(self.actor, self, self.activity)


def close_coroutine(coroutine: Running) -> None:
    """End a coroutine where it stands.

    One that awaits again in a `finally` is told so again; what it throws there, nobody is left to hear.
    """
    with suppress(Exception, RunIsOver):
        for _ in range(MAX_CLOSINGS):
            coroutine.throw(RunIsOver())


class _Unheard(AbstractContextManager[None]):
    """Keeps quiet about a handler that catches even the end of the run, again and again: it is let go where it stands.

    Python tells of every such coroutine (``coroutine ignored GeneratorExit``), but nobody is left to be told. Where
    simulations run side by side in several threads, one of them may keep quiet for the others, never for good.
    """

    def __enter__(self) -> None:
        self._hook = sys.unraisablehook
        self._is_first = not isinstance(getattr(self._hook, "__self__", None), _Unheard)
        if self._is_first:
            sys.unraisablehook = self._hear

    def __exit__(self, *_: object) -> None:
        if self._is_first:
            sys.unraisablehook = self._hook

    def _hear(self, unraisable: sys.UnraisableHookArgs) -> None:
        if "ignored GeneratorExit" not in str(unraisable.exc_value):
            self._hook(unraisable)


def _blocking(actor: object) -> UsageError:
    msg = f"{actor} would block: it asks a future for its value inside an actor."
    return UsageError(
        msg,
        code="BlockingInActor",
        next_step="Write `value = await future` in an `async def` handler (with ask(..., block=False), or "
        "stop(block=False)), or let the reply come as a message of its own.",
    )


def foreign_await(awaited: object) -> UsageError:
    """Return the error for a handler that awaits what nothing in the simulation will ever resolve."""
    msg = f"A handler awaits {awaited!r}, which is no future of this simulation."
    return UsageError(
        msg,
        code="ForeignAwait",
        next_step="Await the calls of ctx, gather() of convexsim for several of them, or futures of ask(..., "
        "block=False); asyncio has no part in a simulation.",
    )
