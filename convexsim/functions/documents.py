"""What a function asks of its database, answered: documents and queries with all their rules (convex-semantics 7, 9).

Owns the database part of a frame: reads, writes, queries and pages, in the function's own component. Knows no handler;
`perform.py` adds the calls to other functions. What a page is stands in `pagination.py`.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from convexsim.database.index import BY_CREATION_TIME, make_table
from convexsim.database.range import interval_of
from convexsim.errors import PlatformError, UsageError, did_you_mean
from convexsim.functions.catalog import SCHEDULED_FUNCTIONS
from convexsim.functions.filter import matches
from convexsim.functions.pagination import PageOptions, between, fingerprint_of, read_page
from convexsim.functions.scheduled import shown
from convexsim.functions.syscalls import Logged
from convexsim.values import UNDEFINED, ValidationFailure, check_identifier, equal, freeze_pending, size_of
from convexsim.values.ids import table_number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.database.index import Document, Index, Table
    from convexsim.database.tables import Tables
    from convexsim.functions.catalog import Target
    from convexsim.functions.execution import Execution
    from convexsim.functions.syscalls import Selection

__all__ = ["Documents"]

_NO_TABLE: Final = make_table("", "none", 1)
"""What stands for a table that does not exist, where a cursor has to be bound to the fields of an index."""


class Documents:
    """One function's view of the documents of its component."""

    __slots__ = ("_execution", "_has_paginated", "_kind", "_mounted")

    def __init__(self, execution: Execution, target: Target) -> None:
        self._execution = execution
        self._mounted = target.mounted
        self._kind = target.definition.kind
        self._has_paginated = False

    @property
    def tables(self) -> Tables:
        """The tables of this component, as this transaction sees them."""
        return self._execution.transaction.components[self._mounted.path]

    def only_in_mutations(self, what: str) -> None:
        """Refuse what a query may not do, whoever runs its handler (convex-semantics 6.1)."""
        if self._kind != "mutation":
            msg = f"A {self._kind} tried to {what}; only a mutation may."
            raise PlatformError(msg, code="NoWritesInQueries", next_step="Make it a mutation.")

    def get(self, document_id: str, *, table: str | None = None, system: bool = False) -> dict[str, Any] | None:
        """Return a frozen document by id; an id of an unknown table finds nothing."""
        found = self._table_of(document_id, "get", table)
        if found is None:
            return None
        if found.is_system != system:
            where = "ctx.db.system" if found.is_system else "ctx.db"
            msg = f"The id {document_id} is of the table {found.name}."
            raise PlatformError(msg, code="SystemTableError", next_step=f"Read it through {where}.")
        document = self._execution.transaction.get(found, document_id)
        if document is not None and system:
            self._count(document)
        return None if document is None else shown(document)

    def normalize_id(self, table: str, text: str, *, system: bool = False) -> str | None:
        """Return a text if it is an id of the table, existing or not; reads nothing."""
        if not all(isinstance(said, str) for said in (table, text)):
            raise PlatformError(f"normalize_id({table!r}, {text!r}) takes two strings.", code="InvalidArgument")
        if table.startswith("_") != system:
            where = "ctx.db" if system else "ctx.db.system"
            msg = f"The table {table!r} cannot be accessed here."
            raise PlatformError(msg, code="SystemTableError", next_step=f"Ask {where}.")
        number = table_number_of(text)
        found = None if number is None else self.tables.numbered(number)
        return text if found is not None and found.name == table else None

    def insert(self, table: str, value: Any) -> str:
        """Add a document; if there is no such table, make it. Even if the document is refused then, the table stays."""
        self.only_in_mutations("insert a document")
        found = self._user_table(table)
        fields = _fields(value)
        to = found if found is not None else self._execution.make_table(self._mounted.path, table)
        for name in fields:
            if name.startswith("_"):
                code = {"_id": "InvalidIdError", "_creationTime": "InvalidCreationTimeError"}.get(name)
                msg = f"The new document of {table} has a field {name!r}; the platform owns names with an underscore."
                raise PlatformError(msg, code=code or "InvalidDocumentError")
        self._check(to, fields)
        return self._execution.insert(to, fields).id

    def patch(self, document_id: str, fields: Any, *, table: str | None = None) -> None:
        """Merge fields into a document; nothing happens if that changes nothing."""
        old = self._existing(document_id, "patch", table)
        if not isinstance(fields, dict):
            raise PlatformError(f"A patch is an object, not {fields!r}.", code="InvalidArgument")
        removed = [name for name, value in fields.items() if value is UNDEFINED]
        value = {**old.value, **_fields(fields)}
        for name in removed:
            value.pop(name, None)
        self._replace(old, value)

    def replace(self, document_id: str, value: Any, *, table: str | None = None) -> None:
        """Replace all fields of a document."""
        old = self._existing(document_id, "replace", table)
        own = {"_creationTime": old.value["_creationTime"], "_id": old.id}
        self._replace(old, {**own, **_fields(value)})

    def remove(self, document_id: str, *, table: str | None = None) -> None:
        """Delete a document."""
        self._execution.transaction.delete(self._existing(document_id, "delete", table))

    def query(self, selection: Selection) -> Iterator[dict[str, Any]]:
        """Yield frozen rows; what is consumed is what is recorded as read, rows that the filters reject included."""
        source = self._source(selection)
        if source is None:
            return iter(())
        table, index = source
        low, high = interval_of(index, selection.bounds)
        rows = map(shown, self._scan(table, index, low, high, descending=selection.descending))
        if not selection.filters:
            return rows
        return (row for row in rows if matches(selection.filters, row))

    def paginate(self, selection: Selection, options: Any) -> dict[str, Any]:
        """Return one page (convex-semantics 9); a second one is refused only after it was read, as Convex does."""
        asked = PageOptions.of(options, self._execution.environment.platform.limits)
        if self._mounted.path:
            msg = f"paginate() is only supported in the app, not in the component {self._mounted.path}."
            raise PlatformError(
                msg,
                code="PaginationUnsupportedInComponents",
                next_step="Read a range of an index with take(), beginning after the last row seen.",
            )
        source = self._source(selection)
        table, index = source if source is not None else (None, _NO_TABLE.indexes[BY_CREATION_TIME])
        low, high = between(interval_of(index, selection.bounds), asked, selection, index)
        rows = iter(()) if table is None else self._scan(table, index, low, high, descending=selection.descending)

        def wanted(document: Document) -> dict[str, Any] | None:
            row = shown(document)
            return row if matches(selection.filters, row) else None

        page = read_page(rows, fingerprint_of(selection, index), index.position, asked, wanted)
        if self._has_paginated:
            msg = "This function ran multiple paginated queries; Convex supports a single one in each function."
            raise PlatformError(
                msg, code="MultiplePaginatedDatabaseQueries", next_step="Run the other one with ctx.run_query."
            )
        self._has_paginated = True
        return page

    def _scan(self, table: Table, index: Index, low: bytes, high: bytes, *, descending: bool) -> Iterator[Document]:
        rows = self._execution.transaction.scan(table, index, low, high, descending=descending)
        return map(self._count, rows) if table.is_system else rows

    def _count(self, document: Document) -> Document:
        """Count a row of a system table that user code reads, by the size of what it sees; the platform's are free."""
        self._execution.transaction.usage.read(size_of(shown(document)))
        return document

    def _source(self, selection: Selection) -> tuple[Table, Index] | None:
        """Return where a query looks; None if there is no such table yet, and so nothing to be found (1.2)."""
        name, by = selection.table, selection.index
        found = self._system_table(name) if selection.system else self._user_table(name)
        if found is None:
            if by is None:
                return None
            msg = f"The table {name} does not exist, and so has no index {by!r}, not even by_id or by_creation_time."
            raise PlatformError(msg, code="IndexNotFoundError", next_step="Insert a document first, or declare it.")
        index = found.indexes.get(by if by is not None else BY_CREATION_TIME)
        if index is None:
            msg = f"The table {name} has no index {by!r}."
            raise PlatformError(msg, code="IndexNotFoundError", next_step=did_you_mean(str(by), found.indexes))
        return found, index

    def _user_table(self, name: object) -> Table | None:
        """Return a table, or None if it does not exist yet."""
        table = self.tables.named.get(name) if isinstance(name, str) else None
        if table is None or table.is_system:
            self._check_name(name)
        return table

    def _check_name(self, name: object) -> None:
        """Refuse what can name no table of this component; tell of a name that looks like a slip."""
        if not isinstance(name, str):
            raise PlatformError(f"{name!r} is no table's name.", code="InvalidArgument")
        if name.startswith("_"):
            msg = f"{name!r} is a system table."
            raise PlatformError(msg, code="SystemTableError", next_step="Read it through ctx.db.system.")
        known = [own for own in self._mounted.tables if not own.startswith("_")]
        if self._mounted.is_strict:
            msg = f"The schema of {self._mounted.path or 'the app'} has no table {name!r}."
            advice = f"{did_you_mean(name, known)} define_schema(..., strict_table_name_types=False) allows others."
            raise PlatformError(msg, code="TableNotFound", next_step=advice)
        try:
            check_identifier(name, "table name")
        except UsageError as refused:
            raise PlatformError(refused.message, code="InvalidTableName") from None
        for meant in get_close_matches(name, known, n=1):
            slip = f"There is no table {name!r}, and the schema declares none. Did you mean {meant!r}?"
            self._execution.effects.append(Logged(slip))

    def _table_of(self, document_id: object, verb: str, said: str | None) -> Table | None:
        number = table_number_of(document_id) if isinstance(document_id, str) else None
        if number is None:
            raise PlatformError(f"{document_id!r} is no document id.", code="InvalidArgument")
        table = self.tables.numbered(number)
        if table is not None and said is not None and said != table.name:
            msg = f"{verb} expected an id of the table {said!r}, but {document_id} is one of {table.name!r}."
            raise PlatformError(msg, code="InvalidArgument")
        return table

    def _system_table(self, name: str) -> Table:
        table = self.tables.named.get(name)
        if table is None or not table.is_system:
            msg = f"There is no system table {name!r}."
            raise PlatformError(msg, code="SystemTableError", next_step=f"There is {SCHEDULED_FUNCTIONS}.")
        return table

    def _existing(self, document_id: str, verb: str, said: str | None) -> Document:
        self.only_in_mutations(f"{verb} a document")
        table = self._table_of(document_id, verb, said)
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
        for name in (name for name in {**old.value, **value} if name.startswith("_")):
            before, after = old.value.get(name, UNDEFINED), value.get(name, UNDEFINED)
            if before is UNDEFINED or after is UNDEFINED or not equal(before, after):
                code = {"_id": "InvalidIdError", "_creationTime": "InvalidCreationTimeError"}.get(name)
                msg = f"The field {name!r} of a document of {old.table.name} cannot be set."
                raise PlatformError(msg, code=code or "InvalidDocumentError")
        self._check(old.table, value)
        self._execution.replace(old, value)

    def _check(self, table: Table, value: dict[str, Any]) -> None:
        if table.definition is None or not table.enforced:
            return
        try:
            table.definition.check_document(value, self.tables.names)
        except ValidationFailure as failure:
            msg = f"SchemaEnforcementError in {table.name}: {failure}"
            raise PlatformError(msg, code="SchemaEnforcementError") from None


def _fields(value: Any) -> dict[str, Any]:
    frozen = freeze_pending(value, "document")
    if not isinstance(frozen, dict):
        raise PlatformError(f"A document is an object, not {value!r}.", code="InvalidDocumentError")
    return frozen
