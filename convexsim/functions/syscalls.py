"""The boundary between a function and the platform: everything a handler can ask for, as plain data and as calls.

Owns the two protocols that the contexts (`context.py`) speak to, and the effects that a trace tells of. `executor.py`
spells the same calls as plain data. Knows no transaction and no actor: `perform.py` answers for queries and mutations,
`actors/action.py` for actions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Sequence

    from convexsim.database.range import Bound
    from convexsim.functions.define import FunctionKind
    from convexsim.functions.reference import Reference

__all__ = [
    "ActionSyscalls",
    "Canceled",
    "Effect",
    "ExternalUse",
    "Logged",
    "Scheduled",
    "TransactionSyscalls",
]


class CommonSyscalls(Protocol):
    """What every function may ask for; all of it answered at once."""

    def now(self) -> float:
        """Return `Date.now()` in ms: frozen in a transaction, live in an action (convex-semantics 1.4)."""
        ...

    def random(self) -> float:
        """Return the next number in [0, 1) of this invocation."""
        ...

    def log(self, line: str) -> None:
        """Write a line to the function's log."""
        ...

    def make_handle(self, name: Reference | str) -> str:
        """Return the handle of a function that the caller can name."""
        ...


class TransactionSyscalls(CommonSyscalls, Protocol):
    """What a query or mutation may ask for: each call is answered before the handler goes on."""

    def get(self, document_id: str, *, system: bool = False) -> dict[str, Any] | None:
        """Return a frozen document, or None."""
        ...

    def insert(self, table: str, value: Any) -> str:
        """Add a document and return its id."""
        ...

    def patch(self, document_id: str, fields: Any) -> None:
        """Merge fields into a document; UNDEFINED removes one."""
        ...

    def replace(self, document_id: str, value: Any) -> None:
        """Replace all fields of a document."""
        ...

    def remove(self, document_id: str) -> None:
        """Delete a document."""
        ...

    def query(
        self, table: str, index: str | None, bounds: Sequence[Bound], *, descending: bool = False, system: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Yield frozen rows; what is consumed is what is recorded as read."""
        ...

    def schedule(self, at_ms: float, name: Reference | str, args: Any) -> str:
        """Schedule a function and return the id of its row."""
        ...

    def cancel(self, scheduled_id: str) -> None:
        """Cancel a scheduled function."""
        ...

    def run(self, kind: FunctionKind, name: Reference | str, args: Any) -> Any:
        """Run another function inside this transaction."""
        ...

    def external(self, name: str, use: ExternalVerb, value: Any) -> Any:
        """Use an outside object."""
        ...


class ActionSyscalls(CommonSyscalls, Protocol):
    """What an action may ask for: each call is sent at once and answered when it is awaited."""

    def run(self, kind: FunctionKind, name: Reference | str, args: Any) -> Awaitable[Any]:
        """Call a function."""
        ...

    def schedule(self, at_ms: float, name: Reference | str, args: Any) -> Awaitable[str]:
        """Schedule a function."""
        ...

    def cancel(self, scheduled_id: str) -> Awaitable[None]:
        """Cancel a scheduled function."""
        ...

    def external(self, name: str, use: ExternalVerb, value: Any) -> Awaitable[Any]:
        """Use an outside object."""
        ...

    def sleep(self, delay_ms: float) -> Awaitable[None]:
        """Wait in virtual time."""
        ...


ExternalVerb = Literal["append", "take"]


@frozen
class Logged:
    """A handler wrote a line to its log."""

    line: str


@frozen
class Scheduled:
    """A handler scheduled a function.

    Attributes:
        state: ``pending``, or ``canceled`` under a canceled parent.
        parent: the activity of the scheduled function it was scheduled under, if any.

    """

    id: str
    activity: str
    function: str
    at_ms: float
    state: str
    parent: str | None


@frozen
class Canceled:
    """A handler asked to cancel a scheduled function.

    Attributes:
        result: the row's state from then on, or why nothing happened (``self: noop``).

    """

    id: str
    activity: str
    result: str


@frozen
class ExternalUse:
    """A handler used an outside object."""

    name: str
    use: ExternalVerb
    value: Any


Effect = Logged | Scheduled | Canceled | ExternalUse
"""What a handler did besides reading and writing documents, for the trace."""
