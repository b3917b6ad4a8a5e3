"""Waiting for several answers at once: `gather`, which is what Promise.all is in JavaScript.

Owns which answer decides: the last one, or the first failure. Knows no runtime: whoever runs a handler (`future.py`
step by step, `turns.py` on a thread) finds a `Gathering` among what it awaits, begins its branches, and answers with
their joint future.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeGuard

from convexsim.errors import InternalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator

    from convexsim.actors.kernel import Future

    Around = Callable[[Awaitable[Any]], Awaitable[Any]]

__all__ = ["Gathering", "gather"]


def gather(*awaitables: Awaitable[Any]) -> Gathering:
    """Wait for several answers in an action or in a client's script, as Promise.all does.

    Write ``first, second = await gather(ctx.run_query(...), ctx.run_query(...))``. The results come in the
    order of the arguments, an empty list if there are none. The first failure in time, whatever its place, is thrown at
    the await, and the others go on to their end unheard. Calls of `ctx` have been sent before they get here;
    coroutines, such as helpers written ``async def`` and the calls of a session, begin at the await, side by side.

    Raises:
        UsageError: an argument cannot be awaited.

    """
    for place, awaitable in enumerate(awaitables, 1):
        given: object = awaitable
        if not inspect.isawaitable(given):
            msg = f"gather() cannot await its argument {place}, of the type {type(given).__name__}."
            is_list = isinstance(given, list | tuple) or inspect.isgenerator(given)
            advice = "Unpack it: gather(*calls)." if is_list else "Pass calls of ctx, or coroutines: f(ctx), not f."
            raise UsageError(msg, code="NotAwaitable", next_step=advice)
    return Gathering(awaitables)


class Gathering:
    """What `gather` returns: await it for the list of results."""

    def __init__(self, awaitables: tuple[Awaitable[Any], ...], around: Around | None = None) -> None:
        self._awaitables = awaitables
        self._around = around
        self._results: list[Any] = [None] * len(awaitables)
        self._missing = len(awaitables)
        self._has_failed = False

    def __await__(self) -> Generator[Any, Any, list[Any]]:
        joint: Future[list[Any]] = yield self
        return (yield from joint.__await__())

    def around(self, put: Around) -> Gathering:
        """Return the same with something put around each awaitable."""
        return Gathering(self._awaitables, put)

    def discard(self) -> None:
        """Let go of coroutines that will never begin, without Python's warning: whoever made them is dead."""
        for awaitable in self._awaitables:
            if isinstance(awaitable, Gathering):
                awaitable.discard()
            elif _is_new(awaitable):
                awaitable.close()

    def branches(self, joint: Future[list[Any]]) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield a coroutine for each awaitable, to be begun at once; together they resolve the joint future."""
        if not self._awaitables:
            joint.set([])
        for place, awaitable in enumerate(self._awaitables):
            if inspect.iscoroutine(awaitable) and not _is_new(awaitable):
                msg = f"gather() got a coroutine as its argument {place + 1} that has already begun."
                raise UsageError(msg, code="NotAwaitable", next_step="Call the function again for another one.")
            yield self._branch(place, awaitable, joint)

    async def _branch(self, place: int, awaitable: Awaitable[Any], joint: Future[list[Any]]) -> None:
        try:
            self._results[place] = await (awaitable if self._around is None else self._around(awaitable))
        except (InternalError, UsageError):
            raise  # about the simulator: it ends the run, whether or not anybody still listens
        except Exception:  # noqa: BLE001 - whatever it throws is its answer
            if not self._has_failed:
                self._has_failed = True
                joint.set_exception()
        else:
            self._missing -= 1
            if not self._missing:
                joint.set(self._results)


def _is_new(awaitable: Awaitable[Any]) -> TypeGuard[Coroutine[Any, Any, Any]]:
    return inspect.iscoroutine(awaitable) and inspect.getcoroutinestate(awaitable) == inspect.CORO_CREATED
