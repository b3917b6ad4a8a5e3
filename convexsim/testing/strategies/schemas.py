"""Schemas, the validators that they are made of, and the documents that their tables accept. Next: `workloads.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from hypothesis import strategies as st

from convexsim.database.tables import FIRST_USER_TABLE
from convexsim.errors import UsageError, did_you_mean
from convexsim.testing.strategies.values import Ids, fitting, nonempty, values
from convexsim.values import IdStream, Int64, SchemaDefinition, TableDefinition, define_schema, define_table, v
from convexsim.values.validators import AnyValidator, ObjectValidator, OptionalValidator, UnionValidator, Validator

__all__ = ["documents", "ids_of", "schemas", "validators"]

_FEW: Final = 3
_STRANGERS: Final = 3

_names: Final = st.builds("".join, st.tuples(st.sampled_from("abABz"), st.text("ab_1", max_size=3)))
_literals: Final = st.sampled_from(["", "a", "paused", 0, 1, -1.5, True, False, Int64(0), Int64(2**63 - 1)])


def documents(
    table: TableDefinition | SchemaDefinition, name: str = "", *, ids: Mapping[str, Sequence[str]] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw documents that a table accepts, without `_id` and `_creationTime`.

    Args:
        table: its definition, or a schema in which it has a `name`.
        name: which table of the schema.
        ids: documents that there are, by the name of their table. For other tables of a schema ids are drawn that have
            the right form and lead nowhere: Convex accepts them, too (convex-semantics 5.3).

    Raises:
        UsageError: the schema has no such table, or nothing fits, because the ids of a table are not given.

    """
    known: dict[str, st.SearchStrategy[str]] = {}
    if isinstance(table, SchemaDefinition):
        known |= ids_of(table)
        if name not in table.tables:
            msg = f"The schema has no table {name!r}."
            raise UsageError(msg, next_step=did_you_mean(name, table.tables))
        table = table.tables[name]
    known |= {other: st.sampled_from(found) for other, found in (ids or {}).items() if found}
    if isinstance(table.validator, AnyValidator):
        return st.dictionaries(_names, values(), max_size=_FEW)
    return nonempty(fitting(table.validator, known), table.validator)


def ids_of(schema: SchemaDefinition) -> Ids:
    """Return strategies for ids of the tables of a schema, of documents that do not exist; there are few of them."""
    return {
        name: st.integers(1, _STRANGERS).map(partial(_stranger, number))
        for number, name in enumerate(schema.tables, FIRST_USER_TABLE)
    }


def _stranger(table_number: int, which: int) -> str:
    return IdStream(f"a document that nobody has inserted, {which}").next(table_number)


def validators(tables: Sequence[str] = ()) -> st.SearchStrategy[Validator]:
    """Draw validators of every kind, nested a few levels deep; those of ids are for one of these tables."""
    scalars = [v.null(), v.boolean(), v.number(), v.int64(), v.string(), v.bytes(), v.any()]
    leaves = st.sampled_from([*scalars, *map(v.id, tables)]) | _literals.map(v.literal)
    keys = st.sampled_from([v.string(), *map(v.id, tables)])
    return st.recursive(
        leaves,
        lambda inner: (
            inner.map(v.array)
            | _objects(inner)
            | st.builds(v.record, keys, inner)
            | st.lists(inner, min_size=1, max_size=_FEW).map(lambda members: v.union(*members))
            | inner.map(v.nullable)
        ),
        max_leaves=6,
    )


def _objects(inner: st.SearchStrategy[Validator]) -> st.SearchStrategy[ObjectValidator]:
    return st.dictionaries(_names, inner | inner.map(v.optional), max_size=_FEW).map(v.object)


@st.composite
def schemas(draw: st.DrawFn) -> SchemaDefinition:
    """Draw schemas: a few tables whose documents are objects, unions of objects or anything, with indexes over them."""
    names = draw(st.lists(_names, min_size=1, max_size=_FEW, unique=True))
    objects = _objects(validators(names))
    unions = st.lists(objects, min_size=1, max_size=_FEW).map(lambda members: v.union(*members))
    tables = {name: draw(_indexed(define_table(draw(objects | unions | st.just(v.any()))))) for name in names}
    return define_schema(tables)


@st.composite
def _indexed(draw: st.DrawFn, table: TableDefinition) -> TableDefinition:
    """Draw indexes for a table, over fields that its documents can have."""
    paths = [*dict.fromkeys(_paths(table.validator))]
    if not paths:
        return table
    over = st.lists(st.sampled_from(paths), min_size=1, max_size=_FEW, unique=True).map(tuple)
    for number, index in enumerate(draw(st.lists(over, max_size=_FEW, unique=True)), 1):
        table = table.index(f"by_{number}", index)
    return table


def _paths(validator: Validator | OptionalValidator, before: str = "") -> Iterator[str]:
    """Yield the paths of fields that what fits a validator can have, dotted where an object lies in another."""
    match validator:
        case OptionalValidator():
            yield from _paths(validator.inner, before)
        case UnionValidator():
            for member in validator.members:
                yield from _paths(member, before)
        case AnyValidator():
            yield from (f"{before}a", f"{before}a.b")
        case ObjectValidator():
            for name, field in validator.fields.items():
                yield f"{before}{name}"
                yield from _paths(field, f"{before}{name}.")
        case _:
            pass
