"""Values: any Convex value, or one that a validator accepts.

Drawn from the text of convex-semantics 8 and not from the code that implements it. They are spelled as a user may spell
them: any spelling of a number, tuples as well as lists, fields in any order. Next: `schemas.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from convexsim.errors import UsageError
from convexsim.values import Int64
from convexsim.values.validators import (
    AnyValidator,
    ArrayValidator,
    IdValidator,
    LiteralValidator,
    ObjectValidator,
    OptionalValidator,
    RecordValidator,
    ScalarValidator,
    UnionValidator,
    Validator,
)

__all__ = ["Ids", "fields", "fitting", "nonempty", "values"]

Ids = Mapping[str, st.SearchStrategy[str]]
"""Where ids are drawn from, by the name of their table; for any other table there are none."""

_INT64: Final = 2**63
_SAFE: Final = 2**53 - 1
_FEW: Final = 4

_texts: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["", "\0", "\0\0", "a", "a\0", "a\0b", "a\x01", "ab", "b", "é", "\uffff", "\U00010000", "\x7f", "\xff"]
)
_bytes: Final = st.binary(max_size=6) | st.sampled_from([b"", b"\0", b"\0\xff", b"\xff", b"\xff\0", b"a\0", b"a\0\xff"])
_int64s: Final = st.integers(-_INT64, _INT64 - 1).map(Int64) | st.sampled_from(
    [Int64(n) for n in (-_INT64, -256, -255, -1, 0, 1, 255, 256, _INT64 - 1)]
)
_numbers: Final[st.SearchStrategy[float]] = (
    st.integers(-3, 3)
    | st.integers(-_SAFE, _SAFE)
    | st.floats()
    | st.sampled_from([0.0, -0.0, 1.0, 1.5, -1.5, math.inf, -math.inf, math.nan, -math.nan, 5e-324, float(_SAFE + 1)])
)
_field_names: Final = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=5).filter(
    lambda name: not name.startswith("$")
) | st.sampled_from(["", "a", "ab", "b", "B", "_id"])
_anything: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | _int64s | _numbers | _texts | _bytes,
    lambda inner: (
        st.lists(inner, max_size=_FEW)
        | st.lists(inner, max_size=_FEW).map(tuple)
        | st.dictionaries(_field_names, inner, max_size=_FEW)
    ),
    max_leaves=8,
)
_SCALARS: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "null": st.none(),
    "number": _numbers,
    "int64": _int64s,
    "commit_ts": _int64s,
    "boolean": st.booleans(),
    "string": _texts,
    "bytes": _bytes,
}


def values(
    validator: Validator | None = None, *, ids: Mapping[str, Sequence[str]] | None = None
) -> st.SearchStrategy[Any]:
    """Draw Convex values: any, or those that a validator accepts; the simplest ones when they shrink.

    Among them are those that programs trip over: -0.0, NaN, the extremes of int64, empty names, texts whose order is
    not that of their UTF-16 (convex-semantics 8).

    Args:
        validator: what they are to fit, such as ``v.array(v.number())``; none at all if not given.
        ids: documents that there are, by the name of their table; what `v.id` accepts is drawn from these.

    Raises:
        UsageError: nothing fits, because the ids of a table are not given, or because a union is empty.

    """
    if validator is None:
        return _anything
    given: object = validator
    if not isinstance(given, Validator):
        msg = f"{given!r} is no validator, so no value can be drawn for it."
        raise UsageError(msg, next_step="Write values(v.string()), say.")
    known = {table: st.sampled_from(found) for table, found in (ids or {}).items() if found}
    return nonempty(fitting(validator, known), validator)


def nonempty(found: st.SearchStrategy[Any], validator: Validator) -> st.SearchStrategy[Any]:
    """Return a strategy for what a validator accepts, if there is anything to draw.

    Raises:
        UsageError: there is nothing.

    """
    if found.is_empty:
        msg = f"There is nothing to draw for {validator!r}."
        raise UsageError(msg, next_step='For v.id("seats") give ids={"seats": [...]}: documents that there are.')
    return found


def fitting(validator: Validator, ids: Ids) -> st.SearchStrategy[Any]:
    """Return the strategy for what a validator accepts, which may be nothing."""
    match validator:
        case AnyValidator():
            return _anything
        case ScalarValidator():
            return _SCALARS[validator.name]
        case LiteralValidator():
            return st.just(validator.value)
        case IdValidator():
            return ids.get(validator.table, st.nothing())
        case ArrayValidator():
            return st.lists(fitting(validator.element, ids), max_size=_FEW)
        case RecordValidator():
            return st.dictionaries(_keys(validator.keys, ids), fitting(validator.values, ids), max_size=_FEW)
        case UnionValidator():
            return st.one_of([fitting(member, ids) for member in validator.members])
        case ObjectValidator():
            return fields(validator, ids, {})
        case _:
            msg = f"Values for {validator!r} cannot be drawn."
            raise UsageError(msg, next_step="Use the validators of `v`.")


def fields(
    validator: ObjectValidator, ids: Ids, instead: Mapping[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    """Return the strategy for objects, some of whose fields are drawn from something else `instead`."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in validator.fields.items():
        if name in instead:
            required[name] = instead[name]
        elif isinstance(field, OptionalValidator):
            optional[name] = fitting(field.inner, ids)
        else:
            required[name] = fitting(field, ids)
    return st.fixed_dictionaries(required, optional=optional)


def _keys(validator: Validator, ids: Ids) -> st.SearchStrategy[str]:
    """Return the strategy for the names in a record: what is a string there is the name of a field, too."""
    match validator:
        case UnionValidator():
            return st.one_of([_keys(member, ids) for member in validator.members])
        case IdValidator():
            return ids.get(validator.table, st.nothing())
        case _:
            return _field_names
