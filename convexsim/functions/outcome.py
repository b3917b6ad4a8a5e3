"""How a function ends: with a value or with a failure, as plain data that can be sent, stored and compared.

A failure crosses every call edge as data and becomes an exception again where it arrives (convex-semantics 6.2).
"""

from __future__ import annotations

from linecache import getline
from textwrap import shorten
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from convexsim.errors import (
    ConvexError,
    ConvexSimError,
    FunctionError,
    InternalError,
    NetworkError,
    PlatformError,
    UsageError,
)
from convexsim.values import UNDEFINED, dumps, freeze, resolve, thaw

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = [
    "Failure",
    "GaveUp",
    "Outcome",
    "Returned",
    "Threw",
    "bare_assert",
    "failure_of",
    "outcome_of",
    "outcome_of_awaitable",
    "resolved",
]


@frozen
class Failure:
    """What a function threw.

    Attributes:
        code: ``ConvexError`` for one that carries data, the platform's short code, or ``Error`` for anything else.
        message: its text.
        data: what a `ConvexError` carries.

    """

    code: str
    message: str
    data: Any = None

    def exception(self) -> Exception:
        """Return it as the exception that the caller gets."""
        if self.code == "ConvexError":
            return ConvexError(thaw(self.data))
        if self.code == NetworkError.code:
            return NetworkError(self.message)
        return FunctionError(self.message, code=self.code)


def failure_of(exception: Exception) -> Failure:
    """Return an exception that a handler raised as data."""
    if isinstance(exception, ConvexError):
        try:
            data = None if exception.data is UNDEFINED else freeze(exception.data, "data")
        except PlatformError as refused:
            return Failure(refused.code, f"A ConvexError carries what is no Convex value. {refused}")
        return Failure("ConvexError", data if isinstance(data, str) else dumps(data), data)
    if isinstance(exception, ConvexSimError):
        return Failure(exception.code, str(exception))
    name = type(exception).__name__
    try:
        text = str(exception)
    except Exception:  # noqa: BLE001 - an exception of user code may fail at anything
        text = "(its text cannot be made)"
    # A bare message is what the component's author wrote; a KeyError's text is only the key, so it needs its name.
    if type(exception) in _SPEAKING and text:
        return Failure("Error", text)
    text = text or bare_assert(exception)
    return Failure("Error", f"{name}: {text} ({_place(exception)})" if text else f"{name} ({_place(exception)})")


def bare_assert(exception: BaseException) -> str:
    """Return the source of an assert that says nothing itself, on one line; nothing for any other exception."""
    frames = extract_tb(exception.__traceback__, limit=-1)
    if not isinstance(exception, AssertionError) or not frames or frames[0].end_lineno is None:
        return ""
    frame = frames[0]
    first, last = frame.lineno or 0, frame.end_lineno or 0
    lines = [getline(frame.filename, number).rstrip("\n").encode() for number in range(first, last + 1)]
    lines[-1] = lines[-1][: frame.end_colno]
    lines[0] = lines[0][frame.colno :]
    said = b" ".join(lines).decode(errors="replace").removeprefix("assert ")  # its place may be all of it
    return "" if not said.strip() or said.startswith("raise") else f"assert {shorten(said, _LONGEST_SOURCE)}"


def _place(exception: Exception) -> str:
    """Return file and line where an exception was raised: it is a slip of the handler's, not a word of its author's."""
    traceback = exception.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "of unknown origin"
    return f"{traceback.tb_frame.f_code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno}"


_LONGEST_SOURCE: Final = 160
_SPEAKING: Final = (Exception, RuntimeError, ValueError)


@frozen
class Returned:
    """The function returned this frozen value."""

    value: Any

    def unwrap(self) -> Any:
        """Return a copy that the caller may change."""
        return thaw(self.value)


@frozen
class Threw:
    """The function threw."""

    failure: Failure

    def unwrap(self) -> Any:
        """Raise what was thrown."""
        raise self.failure.exception()


@frozen
class GaveUp(Threw):
    """The last try of its transaction failed, by no fault of the function's: the same call may succeed later."""


Outcome = Returned | Threw | GaveUp


def resolved(outcome: Outcome, commit_ns: int) -> Outcome:
    """Return the outcome of a mutation as its caller sees it, once the commit timestamp is known."""
    return Returned(resolve(outcome.value, commit_ns)) if isinstance(outcome, Returned) else outcome


def outcome_of(call: Callable[[], Any]) -> Outcome:
    """Call and return what came of it; a broken rule of convexsim's own, or a misuse of it, goes on as an exception."""
    try:
        return Returned(call())
    except Exception as exception:  # noqa: BLE001 - whatever a handler throws is its outcome
        return _thrown(exception)


async def outcome_of_awaitable(call: Callable[[], Awaitable[Any]]) -> Outcome:
    """Await what `call` returns, an action's coroutine, and return what came of it; see `outcome_of`."""
    try:
        return Returned(await call())
    except Exception as exception:  # noqa: BLE001 - whatever a handler throws is its outcome
        return _thrown(exception)


def _thrown(exception: Exception) -> Threw:
    if isinstance(exception, InternalError | UsageError):
        raise exception
    if not isinstance(exception, ConvexError | ConvexSimError | RecursionError) and _raised_in_convexsim(exception):
        msg = f"convexsim broke a rule of its own: {type(exception).__name__}: {exception}".rstrip(": ") + "."
        raise InternalError(msg, next_step="Please report it with the replay string.") from exception
    return Threw(failure_of(exception))


def _raised_in_convexsim(exception: BaseException) -> bool:
    traceback = exception.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and str(traceback.tb_frame.f_globals.get("__name__")).startswith("convexsim.")
