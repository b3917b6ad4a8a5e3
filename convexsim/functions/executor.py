"""Executors: whoever runs handlers, behind one small boundary.

Owns the requests by which an executor asks for the same things as a Python context, as plain data named after Convex's
own syscalls, and the two drivers that answer them. Python handlers take the direct path through `context.py`; an engine
for handlers in another language implements `Executor` and nothing else. tests/functions/test_executor.py runs a toy one
beside Python handlers and compares.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from convexsim.errors import PlatformError
from convexsim.functions.outcome import Outcome, Returned, Threw, outcome_of, outcome_of_awaitable
from convexsim.functions.refusals import IN_MUTATIONS
from convexsim.functions.syscalls import Selection
from convexsim.values import UNDEFINED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Mapping

    from convexsim.functions import network
    from convexsim.functions.define import FunctionKind
    from convexsim.functions.reference import Reference
    from convexsim.functions.syscalls import ActionSyscalls, CommonSyscalls, ExternalVerb, TransactionSyscalls

__all__ = [
    "Cancel",
    "Executor",
    "Fetch",
    "ForeignHandler",
    "Get",
    "GetCommitTs",
    "GetEnvironmentVariable",
    "GetTransactionMetrics",
    "Insert",
    "MakeHandle",
    "NormalizeId",
    "Patch",
    "QueryPage",
    "QueryStream",
    "QueryStreamNext",
    "Remove",
    "Replace",
    "Request",
    "Requests",
    "RunFunction",
    "Schedule",
    "UseExternalObject",
    "drive",
    "drive_action",
]


@frozen
class Get:
    """Read a document by id; answered with its fields or None. If a table is named, the id must be of it."""

    id: str
    table: str | None = None


@frozen
class GetCommitTs:
    """Ask for the commit timestamp; answered with its placeholder, which is resolved by the commit."""


@frozen
class GetTransactionMetrics:
    """Ask what the transaction has used of its limits."""


@frozen
class NormalizeId:
    """Ask for the id that a text spells; answered with it, or with None if it is no id of the table."""

    table: str
    text: str


@frozen
class Insert:
    """Add a document; answered with its id."""

    table: str
    value: Any


@frozen
class Patch:
    """Merge fields into a document."""

    id: str
    value: Any
    table: str | None = None


@frozen
class Replace:
    """Replace the fields of a document."""

    id: str
    value: Any
    table: str | None = None


@frozen
class Remove:
    """Delete a document."""

    id: str
    table: str | None = None


@frozen
class QueryStream(Selection):
    """Begin a query; answered with the number of its stream."""


@frozen
class QueryPage:
    """Ask for one page of a query; answered with it (convex-semantics 9)."""

    selection: Selection
    options: Any


@frozen
class QueryStreamNext:
    """Ask a stream for one row; answered with it, or with UNDEFINED at the end."""

    stream: int


@frozen
class Schedule:
    """Schedule a function; answered with the id of its row."""

    at_ms: float
    name: Reference | str
    args: Any


@frozen
class Cancel:
    """Cancel a scheduled function."""

    id: str


@frozen
class RunFunction:
    """Call another function; answered with its result.

    Attributes:
        stale: whether it is a query that sees the snapshot of its caller alone.
        limits: how much more it may use of the limits of its caller's transaction, by Convex's names.

    """

    kind: FunctionKind
    name: Reference | str
    args: Any
    stale: bool = False
    limits: Mapping[str, Any] | None = None


@frozen
class MakeHandle:
    """Ask for a function's handle."""

    name: Reference | str


@frozen
class GetEnvironmentVariable:
    """Ask for an environment variable; answered with its value, or with None."""

    name: str


@frozen
class UseExternalObject:
    """Use one of the scenario's outside objects."""

    name: str
    use: ExternalVerb
    value: Any


@frozen
class Fetch:
    """Send a request to the network, from an action; answered with its `network.Response`."""

    request: network.Request


Request = (
    Get
    | GetCommitTs
    | GetTransactionMetrics
    | NormalizeId
    | Insert
    | Patch
    | Replace
    | Remove
    | QueryStream
    | QueryPage
    | QueryStreamNext
    | Schedule
    | Cancel
    | RunFunction
    | MakeHandle
    | GetEnvironmentVariable
    | UseExternalObject
    | Fetch
)


@frozen
class Requests:
    """What a handler waits for: at least one request; they are served in order."""

    pending: tuple[Request, ...]


class Executor(Protocol):
    """Runs one invocation of one handler, from request to request."""

    def start(self, args: dict[str, Any], now: float, seed: str) -> Requests | Returned | Threw:
        """Run the handler to its first requests, or to its end.

        Args:
            args: the frozen arguments object.
            now: Date.now() in ms.
            seed: what the invocation's random numbers derive from.

        """
        ...

    def resume(self, answers: tuple[Outcome, ...]) -> Requests | Returned | Threw:
        """Go on with the answers to all pending requests, in their order."""
        ...


class ForeignHandler(Protocol):
    """What stands in a `FunctionDefinition` in place of a Python handler."""

    def new_executor(self) -> Executor:
        """Return an executor for one invocation."""
        ...


def drive(executor: Executor, syscalls: TransactionSyscalls, args: dict[str, Any], seed: str) -> Any:
    """Run a query or mutation to its end on a transaction; raises what it threw."""
    streams: list[Iterator[dict[str, Any]]] = []
    state = executor.start(args, syscalls.now(), seed)
    while isinstance(state, Requests):
        answers = [outcome_of(partial(_answer, request, syscalls, streams)) for request in state.pending]
        state = executor.resume(tuple(answers))
    return state.unwrap()


async def drive_action(executor: Executor, syscalls: ActionSyscalls, args: dict[str, Any], seed: str) -> Any:
    """Run an action to its end; what it asks for at the same time is sent at the same time."""
    state = executor.start(args, syscalls.now(), seed)
    while isinstance(state, Requests):
        sent = [outcome_of(partial(_send, request, syscalls)) for request in state.pending]
        answers = [
            outcome if isinstance(outcome, Threw) else await outcome_of_awaitable(partial(_same, outcome.value))
            for outcome in sent
        ]
        state = executor.resume(tuple(answers))
    return state.unwrap()


def _answer(request: Request, syscalls: TransactionSyscalls, streams: list[Iterator[dict[str, Any]]]) -> Any:
    if isinstance(request, QueryStream):
        streams.append(syscalls.query(request))
        return len(streams) - 1
    if isinstance(request, QueryStreamNext):
        return next(streams[request.stream], UNDEFINED)
    match request:
        case Get():
            return syscalls.get(request.id, table=request.table)
        case GetCommitTs():
            return syscalls.commit_ts()
        case GetTransactionMetrics():
            return syscalls.transaction_metrics()
        case NormalizeId():
            return syscalls.normalize_id(request.table, request.text)
        case QueryPage():
            return syscalls.paginate(request.selection, request.options)
        case Insert() | Patch() | Replace() | Remove():
            return _write(request, syscalls)
        case MakeHandle() | GetEnvironmentVariable():
            return _look_up(request, syscalls)
        case Fetch():
            raise IN_MUTATIONS["fetch"].error()
        case RunFunction():
            what = (request.kind, request.name, request.args)
            return syscalls.run(*what, stale=request.stale, limits=request.limits)
        case _:
            return _call(request, syscalls)


def _write(request: Insert | Patch | Replace | Remove, syscalls: TransactionSyscalls) -> str | None:
    match request:
        case Insert():
            return syscalls.insert(request.table, request.value)
        case Patch():
            syscalls.patch(request.id, request.value, table=request.table)
        case Replace():
            syscalls.replace(request.id, request.value, table=request.table)
        case Remove():
            syscalls.remove(request.id, table=request.table)
    return None


def _send(request: Request, syscalls: ActionSyscalls) -> Awaitable[Any]:
    if isinstance(request, MakeHandle | GetEnvironmentVariable):
        return _at_once(_look_up(request, syscalls))
    if isinstance(request, Fetch):
        return syscalls.fetch(request.request)
    if isinstance(request, RunFunction) and (request.stale or request.limits is not None):
        msg = "An action asked for a stale snapshot, or for transaction limits; it has no transaction."
        raise PlatformError(msg, code="InvalidArgument", next_step="Ask for RunFunction without them.")
    if isinstance(request, Schedule | Cancel | RunFunction | UseExternalObject):
        sent: Awaitable[Any] = _call(request, syscalls)
        return sent
    msg = f"An action asked for {type(request).__name__}; it has no database."
    raise PlatformError(msg, code="NoDatabaseInActions", next_step="Ask for RunFunction.")


def _look_up(request: MakeHandle | GetEnvironmentVariable, syscalls: CommonSyscalls) -> str | None:
    """Answer what every function is told at once."""
    if isinstance(request, MakeHandle):
        return syscalls.make_handle(request.name)
    return syscalls.variables()[request.name]


def _call(
    request: Schedule | Cancel | RunFunction | UseExternalObject, syscalls: TransactionSyscalls | ActionSyscalls
) -> Any:
    """Ask for what queries and mutations get at once and actions have to await."""
    match request:
        case Schedule():
            return syscalls.schedule(request.at_ms, request.name, request.args)
        case Cancel():
            return syscalls.cancel(request.id)
        case RunFunction():
            return syscalls.run(request.kind, request.name, request.args)
        case UseExternalObject():
            return syscalls.external(request.name, request.use, request.value)


def _same(sent: Awaitable[Any]) -> Awaitable[Any]:
    return sent


async def _at_once(value: Any) -> Any:
    return value
