"""What a program says of its tables: their fields and their indexes.

Owns the definition of schemas and its rules (convex-semantics 6.3 and 8). Must not know stored documents or
transactions: `database/` enforces what is said here. Next: the room `database/`, from `index.py` on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from convexsim.errors import UsageError
from convexsim.values.spelling import UNDEFINED, show
from convexsim.values.validators import AnyValidator, ObjectValidator, OptionalValidator, UnionValidator, Validator
from convexsim.values.value import Value, check_identifier

__all__ = ["SchemaDefinition", "TableDefinition", "define_schema", "define_table", "lookup_field"]

MAX_INDEXES_PER_TABLE: Final = 64
MAX_FIELDS_PER_INDEX: Final = 16
SYSTEM_FIELDS: Final = frozenset({"_id", "_creationTime"})
SYSTEM_INDEXES: Final = frozenset({"by_id", "by_creation_time"})


@attrs.frozen
class TableDefinition:
    """A table of a schema: which documents it may hold and how they are indexed.

    Attributes:
        validator: an object, a union of objects or any; it allows `_id` and `_creationTime` besides.
        indexes: the user's fields of each index by name, in the order of definition; fields may be dotted paths.

    """

    validator: Validator
    indexes: dict[str, tuple[str, ...]] = attrs.field(factory=dict)

    def index(self, name: str, fields: Sequence[str]) -> TableDefinition:
        """Return this table with one index more, over `fields` and (as in every index) `_creationTime` and `_id`.

        Errors: `UsageError` for a bad or reserved name, bad fields, too many of either, or an index that is there
        already. Source: convex-semantics 6.3 and 8.
        """
        _check_index_name(name)
        if name in self.indexes:
            raise UsageError(f"The index {show(name)} is defined twice.", name=name)
        if len(self.indexes) == MAX_INDEXES_PER_TABLE:
            raise UsageError(f"A table has at most {MAX_INDEXES_PER_TABLE} indexes; {show(name)} is one too many.")
        checked = _checked_index_fields(name, fields)
        for other, other_fields in self.indexes.items():
            if other_fields == checked:
                raise UsageError(f"The indexes {show(other)} and {show(name)} have the same fields: {show(checked)}.")
        return attrs.evolve(self, indexes={**self.indexes, name: checked})

    def check_document(self, value: Value, tables: Mapping[int, str]) -> None:
        """Check a whole frozen document, with or without its `_id` and `_creationTime`.

        `tables` maps table numbers to names, for `v.id`. Errors: `ValidationFailure`. Source: convex-semantics 8.
        """
        self.validator.check(value, "document", tables)


@attrs.frozen
class SchemaDefinition:
    """The tables of one component by name, whether writes have to obey them, and whether there are no others."""

    tables: dict[str, TableDefinition]
    schema_validation: bool = True
    strict_table_name_types: bool = True


def define_table(fields: Any) -> TableDefinition:
    """Define a table by what its documents are: a dict of fields, v.object(...), a union of objects or v.any().

    Errors: `UsageError` for anything else, or for a field that starts with `_`. Source: convex-semantics 8.
    """
    if isinstance(fields, dict):
        return TableDefinition(_document_validator(ObjectValidator(fields)))
    if isinstance(fields, ObjectValidator):
        return TableDefinition(_document_validator(fields))
    if isinstance(fields, UnionValidator):
        objects = [member for member in fields.members if isinstance(member, ObjectValidator)]
        if objects and len(objects) == len(fields.members):
            return TableDefinition(UnionValidator(tuple(map(_document_validator, objects))))
    if isinstance(fields, AnyValidator):
        return TableDefinition(fields)
    found = repr(fields) if isinstance(fields, (Validator, OptionalValidator)) else show(fields)
    message = f"The documents of a table are an object, a union of objects or v.any(), not {found}."
    raise UsageError(message, next_step='Use define_table({"field": v.string(), ...}).')


def define_schema(
    tables: dict[str, TableDefinition], *, schema_validation: bool = True, strict_table_name_types: bool = True
) -> SchemaDefinition:
    """Define the tables of a component; without `schema_validation` they only declare indexes.

    With `strict_table_name_types` a function that names a table outside of the schema is refused: in Convex that is a
    compilation error, and Python has no compiler to say it. Without it, as in an app that has no schema, such a table
    is made by its first document, and its documents are not validated (convex-semantics 1.3).

    Errors: `UsageError` for a bad table name, for no table definition, and, if documents are validated, for an index
    over a field that no document can have. Source: convex-semantics 8.
    """
    given: object = tables
    if not isinstance(given, dict):
        message = f"The tables of a schema are given by their names, not as {show(given)}."
        raise UsageError(message, next_step='Write define_schema({"counters": define_table({...})}).')
    for name, table in tables.items():
        _check_table(name, table)
        if schema_validation:
            _check_index_references(name, table)
    return SchemaDefinition(dict(tables), schema_validation, strict_table_name_types)


def lookup_field(document: dict[str, Value], path: str) -> Value:
    """Return the value at a dotted field path, or UNDEFINED where there is none (convex-semantics 1.2)."""
    if "." not in path:
        return document.get(path, UNDEFINED)
    value: Value = document
    for name in path.split("."):
        if type(value) is not dict:
            return UNDEFINED
        value = value.get(name, UNDEFINED)
    return value


def _check_table(name: str, table: object) -> None:
    check_identifier(name, "table name")
    if name.startswith("_"):
        raise UsageError(f"The table name {show(name)} is reserved: it starts with `_`.", name=name)
    if not isinstance(table, TableDefinition):
        raise UsageError(f"The table {show(name)} is defined by {show(table)}.", next_step="Use define_table(...).")


def _document_validator(validator: ObjectValidator) -> ObjectValidator:
    for name in validator.fields:
        if name.startswith("_"):
            message = f"A document cannot declare the field {show(name)}: names that start with `_` are the system's."
            raise UsageError(message, next_step="_id and _creationTime are implied.", name=name)
    return attrs.evolve(validator, implied=SYSTEM_FIELDS)


def _check_index_name(name: str) -> None:
    check_identifier(name, "index name")
    if name.startswith("_") or name in SYSTEM_INDEXES:
        rule = "it starts with `_`, or every table has an index of that name"
        raise UsageError(f"The index name {show(name)} is reserved: {rule}.", name=name)


def _checked_index_fields(name: str, fields: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(fields, list | tuple) or not 1 <= len(fields) <= MAX_FIELDS_PER_INDEX:
        raise UsageError(f"The index {show(name)} needs a list of 1 to {MAX_FIELDS_PER_INDEX} fields: {show(fields)}.")
    for path in fields:
        if not isinstance(path, str):
            check_identifier(path, f"field in the index {show(name)}")
        if path in SYSTEM_FIELDS:
            message = f"The index {show(name)} lists {path}, which is part of the end of every index already."
            raise UsageError(message, next_step=f"Leave {path} out.", name=name)
        for part in path.split("."):
            check_identifier(part, f"field in the index {show(name)}")
        if path.startswith("_"):
            raise UsageError(f"The index {show(name)} lists {path}: names that start with `_` are the system's.")
        if fields.count(path) > 1:
            raise UsageError(f"The index {show(name)} lists the field {show(path)} twice.", name=name)
    return tuple(fields)


def _check_index_references(table_name: str, table: TableDefinition) -> None:
    for index_name, fields in table.indexes.items():
        for path in fields:
            if not _can_have(table.validator, path.split(".")):
                message = f"In table {show(table_name)} the index {show(index_name)} is over the field {show(path)}"
                raise UsageError(f"{message}, which no document can have.", next_step="Declare the field.")


def _can_have(validator: Validator, names: list[str]) -> bool:
    """Tell whether a value that fits `validator` can have something at the path `names`."""
    if not names or isinstance(validator, AnyValidator):
        return True
    if isinstance(validator, UnionValidator):
        return any(_can_have(member, names) for member in validator.members)
    if not isinstance(validator, ObjectValidator) or names[0] not in validator.fields:
        return False
    field = validator.fields[names[0]]
    return _can_have(field.inner if isinstance(field, OptionalValidator) else field, names[1:])
