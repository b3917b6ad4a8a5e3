"""Every exception of convexsim: what went wrong, in which terms, and what to do next.

Owns the error classes, and the advice for a wrong name; imports nothing of the package. Three kinds, by who reads them:

* `UsageError`: somebody used the simulator in a way that cannot work (a wrong path, a stale replay string).
* `PlatformError`: the simulated platform refuses something inside a function, with Convex's own short code
  (``NonexistentDocument``); user code may catch it where Convex lets it.
* `FunctionError` and `ConvexError`: what a called function threw, as it arrives at its caller; `NetworkError` is what a
  request came to.

`InternalError` is ours: it means that convexsim is wrong, never the user.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ConvexError",
    "ConvexSimError",
    "FunctionError",
    "InternalError",
    "NetworkError",
    "PlatformError",
    "UsageError",
    "did_you_mean",
]


class ConvexSimError(Exception):
    """The root of all errors that convexsim raises by itself.

    Attributes:
        code: a short stable name for machines, never reworded.
        message: one sentence that names the value and the rule.
        next_step: what to do about it; may be empty.
        facts: the values that the message speaks of, for machines.

    """

    code: str = "Error"

    def __init__(self, message: str, *, next_step: str = "", code: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.facts = facts
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        """Message and next step, in one line."""
        return f"{self.message} {self.next_step}" if self.next_step else self.message


class UsageError(ConvexSimError):
    """The simulator was asked for something that cannot work."""

    code = "Usage"


class InternalError(ConvexSimError):
    """A rule of convexsim's own was broken: a bug of ours, to be reported."""

    code = "Internal"


class PlatformError(ConvexSimError):
    """The simulated platform refuses an operation; `code` is Convex's short name for the refusal.

    Functions may catch it; uncaught, it fails the function like any other exception.
    """

    code = "BadRequest"


class FunctionError(ConvexSimError):
    """What a called function threw, as it arrives at its caller: a new error with the old message.

    See convex-semantics 6.2.
    `code` is the code of a platform error, or ``Error`` for an ordinary exception of user code.
    """


class NetworkError(FunctionError):
    """A request of `ctx.fetch` that got no response, by the scenario's plan; it may have arrived all the same."""

    code = "NetworkError"


class ConvexError(Exception):
    """An application error that carries data across every call edge (convex-semantics 6.2).

    Attributes:
        data: any Convex value; it survives nested calls, actions and the way back to the client.

    """

    def __init__(self, data: Any) -> None:
        super().__init__(data if isinstance(data, str) else repr(data))
        self.data = data


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return advice for a wrong name: the nearest right one, or all there are."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"There are: {', '.join(names)}." if names else "There are none."
