"""Performing a query or mutation: running its handler on a transaction and answering what it asks for.

Owns argument and result validation at a call edge, nested calls as sub-transactions, and the database operations with
all their rules (convex-semantics 5.2, 6.2, 7). Pure with respect to actors: one call of `perform` is one whole attempt
inside one step. What becomes of its writes is the committer's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convexsim.database.range import Bound, interval_of
from convexsim.errors import PlatformError
from convexsim.functions.component import SCHEDULED_FUNCTIONS, did_you_mean
from convexsim.functions.context import MutationCtx, QueryCtx
from convexsim.functions.executor import drive
from convexsim.functions.outcome import Outcome, Threw, outcome_of
from convexsim.functions.scheduled import HIDDEN_FIELDS, cancel_function, schedule_function
from convexsim.functions.syscalls import ExternalUse, Logged
from convexsim.values import UNDEFINED, ValidationFailure, equal, freeze, thaw
from convexsim.values.ids import IdStream, table_number_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convexsim.database.index import Document, Table
    from convexsim.functions.component import Mounted, Target
    from convexsim.functions.define import FunctionKind
    from convexsim.functions.execution import Execution
    from convexsim.functions.reference import Reference
    from convexsim.functions.syscalls import ExternalVerb

__all__ = ["MAX_CALL_DEPTH", "checked_args", "checked_result", "perform"]

MAX_CALL_DEPTH: Final = 8
"""How deep calls may nest inside one transaction (convex-semantics 5.2)."""

_CTX: Final = {"query": QueryCtx, "mutation": MutationCtx}


def perform(execution: Execution, target: Target, args: Any) -> Outcome:
    """Run one top-level query or mutation on its transaction; a throw is an outcome, never an exception."""
    return outcome_of(lambda: _whole_call(execution, target, args))


def _whole_call(execution: Execution, target: Target, args: Any) -> Any:
    value = _run(Frame(execution, target.mounted, execution.ids, 0, execution.seed), target, checked_args(target, args))
    return checked_result(target, value)


def checked_args(target: Target, args: Any) -> dict[str, Any]:
    """Return frozen, validated arguments.

    Raises:
        PlatformError: ArgumentValidationError, with path, value and validator (convex-semantics 8).

    """
    frozen = freeze(args, "args")
    if not isinstance(frozen, dict):
        msg = f"The arguments of {target.label} are {args!r}; a function takes one object."
        raise PlatformError(msg, code="ArgumentValidationError")
    validator = target.definition.args
    if validator is not None:
        try:
            validator.check(frozen, "args", target.mounted.names)
        except ValidationFailure as failure:
            msg = f"ArgumentValidationError in {target.label}: {failure}"
            raise PlatformError(msg, code="ArgumentValidationError") from None
    return frozen


def checked_result(target: Target, value: Any) -> Any:
    """Return a frozen, validated result; None stands for undefined too.

    Raises:
        PlatformError: ReturnsValidationError, with path, value and validator (convex-semantics 8).

    """
    frozen = None if value is UNDEFINED else freeze(value, "returns")
    validator = target.definition.returns
    if validator is not None:
        try:
            validator.check(frozen, "returns", target.mounted.names)
        except ValidationFailure as failure:
            msg = f"ReturnsValidationError in {target.label}: {failure}"
            raise PlatformError(msg, code="ReturnsValidationError") from None
    return frozen


def _run(frame: Frame, target: Target, args: dict[str, Any]) -> Any:
    definition = target.definition
    if definition.kind == "action":
        msg = f"{target.label} is an action and cannot run inside a transaction."
        raise PlatformError(msg, code="InvalidFunctionKind", next_step="Schedule it with ctx.scheduler.run_after.")
    if definition.foreign is not None:
        return drive(definition.foreign.new_executor(), frame, args, frame.seed)
    return definition.call(_CTX[definition.kind](frame), thaw(args))


class Frame:
    """One function's view of the transaction: the answers to its syscalls, in its own component.

    The frames of nested calls share the execution: snapshot, pending writes, frozen time (convex-semantics 5.2).
    """

    __slots__ = ("_children", "_depth", "_execution", "_mounted", "_stream", "seed")

    def __init__(self, execution: Execution, mounted: Mounted, stream: IdStream, depth: int, seed: str) -> None:
        self._execution = execution
        self._mounted = mounted
        self._stream = stream
        self._depth = depth
        self.seed = seed
        self._children = 0

    def now(self) -> float:
        """Return the attempt's frozen moment."""
        return self._execution.now

    def random(self) -> float:
        """Return the next number of this frame's own stream; a nested call's differs from its caller's."""
        return self._stream.fraction()

    def log(self, line: str) -> None:
        """Record a line of the log."""
        self._execution.effects.append(Logged(line))

    def make_handle(self, name: Reference | str) -> str:
        """Return a function's handle."""
        return self._execution.environment.catalog.resolve(self._mounted, name).handle

    def get(self, document_id: str, *, system: bool = False) -> dict[str, Any] | None:
        """Return a frozen document by id; an id of an unknown table finds nothing."""
        table = self._table_of(document_id)
        if table is None:
            return None
        if table.is_system != system:
            where = "ctx.db.system" if table.is_system else "ctx.db"
            msg = f"The id {document_id} is of the table {table.name}."
            raise PlatformError(msg, code="SystemTableError", next_step=f"Read it through {where}.")
        document = self._execution.transaction.get(table, document_id)
        return None if document is None else _visible(document)

    def insert(self, table: str, value: Any) -> str:
        """Add a document."""
        to = self._mounted.user_table(table)
        fields = _fields(value)
        for name in fields:
            if name.startswith("_"):
                code = {"_id": "InvalidIdError", "_creationTime": "InvalidCreationTimeError"}.get(name)
                msg = f"The new document of {table} has a field {name!r}; the platform owns names with an underscore."
                raise PlatformError(msg, code=code or "InvalidDocumentError")
        self._check(to, fields)
        return self._execution.insert(to, fields).id

    def patch(self, document_id: str, fields: Any) -> None:
        """Merge fields into a document; nothing happens if that changes nothing."""
        old = self._existing(document_id, "patch")
        if not isinstance(fields, dict):
            raise PlatformError(f"A patch is an object, not {fields!r}.", code="InvalidArgument")
        removed = [name for name, value in fields.items() if value is UNDEFINED]
        value = {**old.value, **_fields(fields)}
        for name in removed:
            value.pop(name, None)
        self._replace(old, value)

    def replace(self, document_id: str, value: Any) -> None:
        """Replace all fields of a document."""
        old = self._existing(document_id, "replace")
        own = {"_creationTime": old.value["_creationTime"], "_id": old.id}
        self._replace(old, {**own, **_fields(value)})

    def remove(self, document_id: str) -> None:
        """Delete a document."""
        self._execution.transaction.delete(self._existing(document_id, "delete"))

    def query(
        self, table: str, index: str | None, bounds: Sequence[Bound], *, descending: bool = False, system: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Yield frozen rows; what is consumed is what is recorded as read."""
        found = self._mounted.user_table(table) if not system else self._system_table(table)
        by = found.indexes.get(index if index is not None else "by_creation_time")
        if by is None:
            msg = f"The table {table} has no index {index!r}."
            raise PlatformError(msg, code="IndexNotFoundError", next_step=did_you_mean(str(index), found.indexes))
        low, high = interval_of(by, bounds)
        rows = self._execution.transaction.scan(found, by, low, high, descending=descending)
        return map(_visible, rows)

    def schedule(self, at_ms: float, name: Reference | str, args: Any) -> str:
        """Insert the row of a scheduled function; its target must exist, its arguments are checked when it runs."""
        target = self._execution.environment.catalog.resolve_scheduled(self._mounted, name)
        return schedule_function(self._execution, self._mounted, at_ms, target, freeze(args, "args"))

    def cancel(self, scheduled_id: str) -> None:
        """Cancel a scheduled function of this component."""
        cancel_function(self._execution, self._mounted, scheduled_id)

    def run(self, kind: FunctionKind, name: Reference | str, args: Any) -> Any:
        """Run a query or mutation as a sub-transaction: if it throws, its writes are undone, its reads stay.

        Arguments are checked before it begins, the result after its writes were merged (convex-semantics 5.2).
        """
        target = self._execution.environment.catalog.resolve(self._mounted, name)
        if target.definition.kind != kind:
            msg = f"{target.label} is a {target.definition.kind}, not a {kind}."
            advice = f"Call it with run_{target.definition.kind}."
            raise PlatformError(msg, code="InvalidFunctionKind", next_step=advice)
        if self._depth + 1 > MAX_CALL_DEPTH:
            msg = f"{target.label} is called more than {MAX_CALL_DEPTH} calls deep."
            raise PlatformError(msg, code="MaximumCallDepthExceeded")
        frozen = checked_args(target, args)
        self._children += 1
        seed = f"{self.seed}>{self._children}"
        frame = Frame(self._execution, target.mounted, IdStream(seed), self._depth + 1, seed)
        transaction = self._execution.transaction
        savepoint = transaction.savepoint()
        outcome = outcome_of(lambda: _run(frame, target, frozen))
        if isinstance(outcome, Threw):
            transaction.rollback(savepoint)
            return outcome.unwrap()
        return thaw(checked_result(target, outcome.value))

    def external(self, name: str, use: ExternalVerb, value: Any) -> Any:
        """Use an outside object, whatever becomes of the transaction."""
        given, result = self._execution.environment.external(name).use(use, value)
        self._execution.effects.append(ExternalUse(name, use, given))
        return result

    def _table_of(self, document_id: object) -> Table | None:
        number = table_number_of(document_id) if isinstance(document_id, str) else None
        if number is None:
            raise PlatformError(f"{document_id!r} is no document id.", code="InvalidArgument")
        return self._mounted.table_numbered(number)

    def _system_table(self, name: str) -> Table:
        table = self._mounted.tables.get(name)
        if table is None or not table.is_system:
            msg = f"There is no system table {name!r}."
            raise PlatformError(msg, code="SystemTableError", next_step=f"There is {SCHEDULED_FUNCTIONS}.")
        return table

    def _existing(self, document_id: str, verb: str) -> Document:
        table = self._table_of(document_id)
        if table is None or table.is_system:
            msg = f"{verb} got the id {document_id}, which is of no table of this component."
            raise PlatformError(msg, code="InvalidArgument" if table is None else "SystemTableError")
        document = self._execution.transaction.get(table, document_id)
        if document is None:
            msg = f"{verb} on a document of {table.name} that does not exist: {document_id}."
            raise PlatformError(msg, code="NonexistentDocument")
        return document

    def _replace(self, old: Document, value: dict[str, Any]) -> None:
        if equal(old.value, value):
            return
        for name, own in value.items():
            if name.startswith("_") and not equal(own, old.value.get(name)):
                code = {"_id": "InvalidIdError", "_creationTime": "InvalidCreationTimeError"}.get(name)
                msg = f"The field {name!r} of a document of {old.table.name} cannot be set."
                raise PlatformError(msg, code=code or "InvalidDocumentError")
        self._check(old.table, value)
        self._execution.replace(old, value)

    def _check(self, table: Table, value: dict[str, Any]) -> None:
        if table.definition is None:
            return
        try:
            table.definition.check_document(value, self._mounted.names)
        except ValidationFailure as failure:
            msg = f"SchemaEnforcementError in {table.name}: {failure}"
            raise PlatformError(msg, code="SchemaEnforcementError") from None


def _fields(value: Any) -> dict[str, Any]:
    frozen = freeze(value, "document")
    if not isinstance(frozen, dict):
        raise PlatformError(f"A document is an object, not {value!r}.", code="InvalidDocumentError")
    return frozen


def _visible(document: Document) -> dict[str, Any]:
    if not document.table.is_system:
        return document.value
    return {name: value for name, value in document.value.items() if name not in HIDDEN_FIELDS}
