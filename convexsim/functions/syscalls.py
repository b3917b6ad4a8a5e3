"""The boundary between a function and the platform: everything a handler can ask for, as plain data and as calls.

Owns the two protocols that the contexts (`context.py`) speak to, and the effects that a trace tells of. `executor.py`
spells the same calls as plain data. Knows no transaction and no actor: `perform.py` answers for queries and mutations,
`actors/action.py` for actions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Mapping

    from convexsim.database.range import Bound
    from convexsim.functions.define import FunctionKind
    from convexsim.functions.filter import Expression
    from convexsim.functions.network import Request, Response
    from convexsim.functions.reference import Reference

__all__ = [
    "ActionSyscalls",
    "Canceled",
    "Effect",
    "ExternalUse",
    "Fetched",
    "Logged",
    "Scheduled",
    "Selection",
    "TransactionSyscalls",
]


@frozen
class Selection:
    """Which rows a query means, and in which order.

    Attributes:
        index: the index it reads by; None for the whole table in order of creation.
        bounds: the range of the index.
        filters: what a row must pass, in this order.
        system: whether it was asked through `ctx.db.system`.

    """

    table: str
    index: str | None = None
    bounds: tuple[Bound, ...] = ()
    descending: bool = False
    filters: tuple[Expression, ...] = ()
    system: bool = False


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

    def variables(self) -> Mapping[str, str | None]:
        """Return the environment variables that the caller's component sees."""
        ...


class TransactionSyscalls(CommonSyscalls, Protocol):
    """What a query or mutation may ask for: each call is answered before the handler goes on."""

    def get(self, document_id: str, *, table: str | None = None, system: bool = False) -> dict[str, Any] | None:
        """Return a frozen document, or None; here as below the id must be of `table`, if that is said."""
        ...

    def normalize_id(self, table: str, text: str, *, system: bool = False) -> str | None:
        """Return the id that a text spells, if it is one of the table; nothing is read."""
        ...

    def insert(self, table: str, value: Any) -> str:
        """Add a document and return its id."""
        ...

    def patch(self, document_id: str, fields: Any, *, table: str | None = None) -> None:
        """Merge fields into a document; UNDEFINED removes one."""
        ...

    def replace(self, document_id: str, value: Any, *, table: str | None = None) -> None:
        """Replace all fields of a document."""
        ...

    def remove(self, document_id: str, *, table: str | None = None) -> None:
        """Delete a document."""
        ...

    def query(self, selection: Selection) -> Iterator[dict[str, Any]]:
        """Yield frozen rows; what is consumed is what is recorded as read."""
        ...

    def paginate(self, selection: Selection, options: Any) -> dict[str, Any]:
        """Return one page of a query, frozen (convex-semantics 9)."""
        ...

    def commit_ts(self) -> Any:
        """Return what stands for the timestamp of the commit until it is known."""
        ...

    def transaction_metrics(self) -> dict[str, Any]:
        """Return what the whole transaction has used of its limits, and what remains."""
        ...

    def schedule(self, at_ms: float, name: Reference | str, args: Any) -> str:
        """Schedule a function and return the id of its row."""
        ...

    def cancel(self, scheduled_id: str) -> None:
        """Cancel a scheduled function."""
        ...

    def run(
        self,
        kind: FunctionKind,
        name: Reference | str,
        args: Any,
        *,
        stale: bool = False,
        limits: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run another function inside this transaction, or a query on its snapshot alone.

        `limits` say, by Convex's names, how much more it may use of those of the transaction.
        """
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

    def fetch(self, request: Request) -> Awaitable[Response]:
        """Send a request to the stub network."""
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
class Drew:
    """A handler drew a random number that was a choice."""

    value: float


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


@frozen
class Fetched:
    """An action sent a request to the network.

    Attributes:
        body: of the request.
        status: of the response; None if there was none.
        answer: the body of the response, or what went wrong.

    """

    method: str
    url: str
    body: Any
    status: int | None
    answer: Any


Effect = Logged | Drew | Scheduled | Canceled | ExternalUse | Fetched
"""What a handler did besides reading and writing documents, for the trace."""
