"""What a handler is given: what all contexts share, and those of queries and mutations (convex-semantics 6.1).

Owns the spelling, in Python, of everything that a function in a transaction can ask of its platform. Knows only the
protocols of `syscalls.py`; `perform.py` answers. An action's context stands in `action_context.py`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from convexsim.errors import PlatformError
from convexsim.functions.query import Query
from convexsim.functions.refusals import IN_MUTATIONS, IN_QUERIES, IN_READERS, Refusing
from convexsim.functions.syscalls import CommonSyscalls, Selection, TransactionSyscalls
from convexsim.values import show, thaw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convexsim.functions.reference import Reference
    from convexsim.values import CommitTsPlaceholder

__all__ = ["Ctx", "MutationCtx", "QueryCtx", "checked_delay"]

S = TypeVar("S", bound=CommonSyscalls)

_PLAIN: Final = (str, int, float, bool, type(None))  # str() of anything else may hold an address, and so differ


class Auth(Refusing):
    """`ctx.auth`: who calls. Nobody is ever signed in: every function runs with no identity (convex-semantics 5.3)."""

    __slots__ = ()

    def get_user_identity(self) -> None:
        """Return the identity of the caller: None, in every context and at once (nothing to await in an action)."""
        return


_AUTH: Final = Auth()


class Ctx(Refusing, Generic[S]):
    """What the contexts of all kinds of functions have in common."""

    __slots__ = ("_syscalls",)

    def __init__(self, syscalls: S) -> None:
        self._syscalls = syscalls

    @property
    def auth(self) -> Auth:
        """Who calls: always nobody."""
        return _AUTH

    @property
    def env(self) -> Mapping[str, str | None]:
        """The environment variables of the own component, read only: process.env (convex-semantics 5.3).

        An app sees those of `define_app`, a component those that it declares and its installer binds; both see
        ``CONVEX_CLOUD_URL`` and ``CONVEX_SITE_URL``. Any other name reads as None.
        """
        return self._syscalls.variables()

    def now(self) -> float:
        """Return Date.now() in ms: frozen per attempt in a transaction, live in an action (convex-semantics 1.4)."""
        return self._syscalls.now()

    def random(self) -> float:
        """Return Math.random(): the next number in [0, 1) of this invocation."""
        return self._syscalls.random()

    def log(self, *parts: object) -> None:
        """Write a line to the log: console.log."""
        self._syscalls.log(" ".join(str(part) if type(part) in _PLAIN else show(part) for part in parts))

    def create_function_handle(self, name: Reference | str) -> str:
        """Return a string by which anybody may call the function (convex-semantics 5.3)."""
        return self._syscalls.make_handle(name)


class DatabaseReader(Refusing):
    """`ctx.db` of a query: the documents of the own component, at one snapshot."""

    __slots__ = ("_syscalls",)
    _refusals = IN_READERS

    def __init__(self, syscalls: TransactionSyscalls) -> None:
        self._syscalls = syscalls

    @property
    def system(self) -> SystemReader:
        """The system tables, such as ``_scheduled_functions``; read only."""
        return SystemReader(self._syscalls)

    def get(self, *named: str) -> dict[str, Any] | None:
        """Return the document of ``get(id)`` or ``get(table, id)``, or None; the id counts as read either way.

        Errors: `PlatformError` InvalidArgument for what is no id, or one of another table (convex-semantics 1.2, 7).
        """
        table, (document_id,) = named_document("get", named, 1)
        value = self._syscalls.get(document_id, table=table)
        return None if value is None else thaw(value)

    def query(self, table: str) -> Query:
        """Begin a query over a table."""
        return Query(self._syscalls, Selection(table))

    def normalize_id(self, table: str, text: str) -> str | None:
        """Return the id that a text spells, or None if it is no id of the table; nothing is read."""
        return self._syscalls.normalize_id(table, text)


class SystemReader(Refusing):
    """`ctx.db.system`: the own component's system tables."""

    __slots__ = ("_syscalls",)

    def __init__(self, syscalls: TransactionSyscalls) -> None:
        self._syscalls = syscalls

    def get(self, *named: str) -> dict[str, Any] | None:
        """Return the row of a system table, by ``get(id)`` or ``get(table, id)``, or None."""
        table, (document_id,) = named_document("get", named, 1)
        value = self._syscalls.get(document_id, table=table, system=True)
        return None if value is None else thaw(value)

    def query(self, table: str) -> Query:
        """Begin a query over a system table."""
        return Query(self._syscalls, Selection(table, system=True))

    def normalize_id(self, table: str, text: str) -> str | None:
        """Return the id that a text spells, or None if it is no id of the system table."""
        return self._syscalls.normalize_id(table, text, system=True)


class Vars(Refusing):
    """`ctx.db.vars`: what the database fills in when the mutation commits."""

    __slots__ = ("_syscalls",)

    def __init__(self, syscalls: TransactionSyscalls) -> None:
        self._syscalls = syscalls

    @property
    def commit_ts(self) -> CommitTsPlaceholder:
        """The commit timestamp, in ns: a placeholder until the commit, an `Int64` from then on (convex-semantics 7).

        It can be written, looked up in an index (where it comes after every other Int64), passed to nested calls and
        returned; whoever called the mutation sees the timestamp. It cannot be scheduled or returned by a query.
        """
        placeholder: CommitTsPlaceholder = self._syscalls.commit_ts()
        return placeholder


class DatabaseWriter(DatabaseReader):
    """`ctx.db` of a mutation."""

    __slots__ = ()

    @property
    def vars(self) -> Vars:
        """What is known only when the mutation commits."""
        return Vars(self._syscalls)

    def insert(self, table: str, value: dict[str, Any]) -> str:
        """Add a document and return its id."""
        return self._syscalls.insert(table, value)

    def patch(self, *named: Any) -> None:
        """Merge fields into a document: ``patch(id, fields)`` or ``patch(table, id, fields)``.

        A field given as UNDEFINED is removed. A patch that changes nothing is no write, and conflicts with nobody
        (convex-semantics 1.3).
        """
        table, (document_id, fields) = named_document("patch", named, 2)
        self._syscalls.patch(document_id, fields, table=table)

    def replace(self, *named: Any) -> None:
        """Put other fields in the place of all those of a document: ``replace(id, value)``, with or without table."""
        table, (document_id, value) = named_document("replace", named, 2)
        self._syscalls.replace(document_id, value, table=table)

    def delete(self, *named: str) -> None:
        """Remove a document: ``delete(id)`` or ``delete(table, id)``."""
        table, (document_id,) = named_document("delete", named, 1)
        self._syscalls.remove(document_id, table=table)


class Scheduler(Refusing):
    """`ctx.scheduler` of a mutation: rows in its own transaction, so they exist only if it commits."""

    __slots__ = ("_syscalls",)

    def __init__(self, syscalls: TransactionSyscalls) -> None:
        self._syscalls = syscalls

    def run_after(self, delay_ms: float, name: Reference | str, args: dict[str, Any] | None = None) -> str:
        """Schedule a function `delay_ms` after this attempt's frozen now; return the id of its row."""
        return self.run_at(self._syscalls.now() + checked_delay(delay_ms), name, args)

    def run_at(self, at_ms: float, name: Reference | str, args: dict[str, Any] | None = None) -> str:
        """Schedule a function at a moment in ms; one in the past is due at once."""
        return self._syscalls.schedule(at_ms, name, args if args is not None else {})

    def cancel(self, scheduled_id: str) -> None:
        """Cancel a scheduled function (convex-semantics 3.4)."""
        self._syscalls.cancel(scheduled_id)


class TransactionExternal(Refusing):
    """An outside object in a query or mutation: used at once, outside of the transaction."""

    __slots__ = ("_name", "_syscalls")

    def __init__(self, syscalls: TransactionSyscalls, name: str) -> None:
        self._syscalls = syscalls
        self._name = name

    def append(self, value: Any) -> None:
        """Add an entry; it stays even if the transaction does not."""
        self._syscalls.external(self._name, "append", value)

    def take(self, default: Any = None) -> Any:
        """Take the next entry of its plan, or `default`."""
        return self._syscalls.external(self._name, "take", default)


class Meta(Refusing):
    """`ctx.meta` of a query or mutation: what the platform tells about the running function."""

    __slots__ = ("_syscalls",)

    def __init__(self, syscalls: TransactionSyscalls) -> None:
        self._syscalls = syscalls

    def get_transaction_metrics(self) -> dict[str, dict[str, int]]:
        """Return what the transaction has ``used`` of its limits, nested calls included, and what is ``remaining``.

        By Convex's names: bytesRead, bytesWritten, databaseQueries, documentsRead, documentsWritten,
        functionsScheduled, scheduledFunctionArgsBytes (convex-semantics 6.3).
        """
        return self._syscalls.transaction_metrics()


class QueryCtx(Ctx[TransactionSyscalls]):
    """The context of a query."""

    __slots__ = ("db",)
    _refusals = IN_QUERIES
    _database: ClassVar[type[DatabaseReader]] = DatabaseReader

    def __init__(self, syscalls: TransactionSyscalls) -> None:
        super().__init__(syscalls)
        self.db = self._database(syscalls)

    @property
    def meta(self) -> Meta:
        """What the platform tells about this function."""
        return Meta(self._syscalls)

    def run_query(
        self,
        name: Reference | str,
        args: dict[str, Any] | None = None,
        *,
        transaction_limits: Mapping[str, int] | None = None,
    ) -> Any:
        """Run a query on the same snapshot, seeing this transaction's writes (convex-semantics 5.2).

        `transaction_limits` say how much of this transaction's limits it may use, by the names of
        `Meta.get_transaction_metrics`; they can only take away from what remains.
        """
        return self._syscalls.run("query", name, args if args is not None else {}, limits=transaction_limits)

    def external(self, name: str) -> TransactionExternal:
        """Return one of the scenario's outside objects."""
        return TransactionExternal(self._syscalls, name)


class MutationCtx(QueryCtx):
    """The context of a mutation."""

    __slots__ = ("scheduler",)
    _refusals = IN_MUTATIONS
    _database = DatabaseWriter
    db: DatabaseWriter

    def __init__(self, syscalls: TransactionSyscalls) -> None:
        super().__init__(syscalls)
        self.scheduler = Scheduler(syscalls)

    def run_query(
        self,
        name: Reference | str,
        args: dict[str, Any] | None = None,
        *,
        use_stale_snapshot: bool = False,
        transaction_limits: Mapping[str, int] | None = None,
    ) -> Any:
        """Run a query on the same snapshot, seeing this transaction's writes.

        With `use_stale_snapshot` it sees the snapshot alone, and nothing of what it reads can conflict
        (convex-semantics 5.2).
        """
        options: dict[str, Any] = {"stale": use_stale_snapshot, "limits": transaction_limits}
        return self._syscalls.run("query", name, args if args is not None else {}, **options)

    def run_mutation(
        self,
        name: Reference | str,
        args: dict[str, Any] | None = None,
        *,
        transaction_limits: Mapping[str, int] | None = None,
    ) -> Any:
        """Run a mutation in this transaction; if it throws, only its own writes are undone (convex-semantics 5.2)."""
        return self._syscalls.run("mutation", name, args if args is not None else {}, limits=transaction_limits)


def named_document(verb: str, named: tuple[Any, ...], needed: int) -> tuple[str | None, tuple[Any, ...]]:
    """Return the table, if it was named, and the other arguments of a call like ``get(id)`` or ``get(table, id)``."""
    if len(named) == needed:
        return None, named
    if len(named) != needed + 1:
        msg = f"{verb}() got {len(named)} arguments, not {needed} or {needed + 1}."
        raise PlatformError(msg, code="InvalidArgument", next_step="The name of the table may come first.")
    table, *rest = named
    if not isinstance(table, str):
        raise PlatformError(f"{verb}() got the table {table!r}, which is no name.", code="InvalidArgument")
    return table, tuple(rest)


def checked_delay(delay_ms: float) -> float:
    """Return a delay, refusing what `runAfter` refuses: NaN, infinity, the past (convex-semantics 3.1)."""
    if type(delay_ms) not in (int, float) or not 0 <= delay_ms < inf:
        msg = f"The delay {delay_ms!r} is no finite number of ms, 0 or more."
        raise PlatformError(msg, code="InvalidScheduledFunctionDelay")
    return delay_ms
