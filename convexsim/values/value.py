"""What a Convex value is: its types, its canonical form, its size and when two of them are equal.

Owns the Python spelling of Convex data and every rule of convex-semantics 8 about a single value. Must not know
validators, tables, clocks or actors. Next: `keys.py`, which puts values in order.

Two worlds meet here. *User* values are whatever a handler passes in; `freeze` checks them and makes a canonical copy.
*Frozen* values are those copies: plain dicts sorted by field name, plain lists, exact scalar types, numbers spelled in
one way only. The core shares frozen values freely because nobody ever mutates them; `thaw` copies them back out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from operator import is_not
from typing import Any, Final

from convexsim.errors import InternalError, PlatformError, UsageError
from convexsim.values.spelling import COMMIT_TS, INT64_LIMIT, UNDEFINED, CommitTsPlaceholder, Int64, is_unicode, show

__all__ = [
    "MAX_SAFE_INTEGER",
    "NAN",
    "UNDEFINED",
    "Int64",
    "Value",
    "check_identifier",
    "equal",
    "freeze",
    "freeze_pending",
    "get_convex_size",
    "nesting_of",
    "resolve",
    "size_of",
    "thaw",
]

Value = Any
"""Documentation only: a Convex value cannot be spelled usefully as a Python type (it is recursive and exact)."""

MAX_NESTING: Final = 64
MAX_ARRAY_LENGTH: Final = 8_192
MAX_FIELDS: Final = 1_024
MAX_FIELD_NAME_LENGTH: Final = 1_024
MAX_SAFE_INTEGER: Final = 2**53 - 1
NAN: Final = math.nan

_MEMOISED_FIELDS = 64
_FIELD_NAME = re.compile(r"(?!\$)[ -~]*")
_IDENTIFIER = re.compile(r"(?!_*\Z)[A-Za-z_][A-Za-z0-9_]{0,63}")


class _RefusedError(Exception):
    """A broken rule on its way up: every container that it passes adds its own step of the path."""

    def __init__(self, rule: str, value: object, *, code: str = "InvalidArgument", next_step: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.value = value
        self.code = code
        self.next_step = next_step
        self.steps: list[str] = []

    def at(self, path: str) -> PlatformError:
        """Return the error for the reader, with the path spelled from the root."""
        path += "".join(reversed(self.steps))
        message = f"{path} is not a valid Convex value: {self.rule} (value: {show(self.value)})."
        return PlatformError(message, code=self.code, next_step=self.next_step, path=path)


class _PendingError(_RefusedError):
    """A commit timestamp is not known yet."""


def freeze(value: object, path: str = "value") -> Value:
    """Check `value` against every rule of convex-semantics 8 and return a deep canonical copy that is never mutated.

    Canonical: dict keys sorted, UNDEFINED fields dropped, tuples as lists, integral floats within 2^53 - 1 as ints
    (but -0.0 stays a float), a single NaN. `path` is how messages name the value.
    Errors: `PlatformError` TooNestedError, ArrayTooLong, TooManyFieldsError, else InvalidArgument.
    """
    try:
        return _frozen(value, 0)
    except _RefusedError as refused:
        raise refused.at(path) from None


def freeze_pending(value: object, path: str = "value") -> Value:
    """Freeze a value that may hold unresolved commit timestamps: what a mutation writes, passes on or returns.

    Errors: as for `freeze`, which refuses them. Source: convex-semantics 7.
    """
    try:
        return _frozen(value, 0)
    except _PendingError:
        return _replaced(freeze(_replaced(value, COMMIT_TS, _STAND_IN), path), _STAND_IN, COMMIT_TS)
    except _RefusedError as refused:
        raise refused.at(path) from None


def resolve(value: Value, commit_ts: int) -> Value:
    """Return a frozen value with its unresolved commit timestamps resolved, in ns; itself if it has none."""
    return _replaced(value, COMMIT_TS, Int64(commit_ts))


def _replaced(value: Any, old: object, new: object) -> Any:
    """Return a value with each `old` in it replaced; what holds none is not copied."""
    if value is old:
        return new
    kind = type(value)
    if kind is dict:
        items = {name: _replaced(item, old, new) for name, item in value.items()}
        return items if any(items[name] is not item for name, item in value.items()) else value
    if kind is list or kind is tuple:
        elements = [_replaced(item, old, new) for item in value]
        return elements if any(map(is_not, elements, value)) else value
    return value


def _frozen(value: Any, depth: int) -> Value:
    """Freeze one value that lies inside `depth` containers."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    freezer = _SCALARS.get(kind)
    if freezer is not None:
        return freezer(value)
    if kind is dict:
        return _frozen_object(value, depth + 1)
    if kind is list or kind is tuple:
        return _frozen_array(value, depth + 1)
    if value is UNDEFINED:
        raise _RefusedError("undefined may only stand for an absent object field", value, next_step="Use None.")
    rule = f"{kind.__name__} is not a supported Convex type"
    raise _RefusedError(rule, value, next_step="Use None, bool, int, float, Int64, str, bytes, list or dict.")


def _frozen_object(value: dict[Any, Any], depth: int) -> dict[str, Value]:
    if depth > MAX_NESTING:
        raise _too_nested(value)
    names = tuple(value)
    order = _field_order(names) if len(names) <= _MEMOISED_FIELDS else _sorted_names(names)
    frozen: dict[str, Value] = {}
    name = ""
    try:
        for name in order:
            item = value[name]
            kind = type(item)
            # The common cases are spelled out: this loop is the hottest of the room.
            if (
                (kind is str and item.isascii())
                or kind in _AS_IS
                or (kind is int and -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER)
            ):
                frozen[name] = item
            elif item is not UNDEFINED:
                frozen[name] = _frozen(item, depth)
    except _RefusedError as refused:
        refused.steps.append(f".{name}")
        raise
    if len(frozen) > MAX_FIELDS:
        rule = f"an object has at most {MAX_FIELDS} fields, this one has {len(frozen)}"
        raise _RefusedError(rule, value, code="TooManyFieldsError", next_step="Use an array or several documents.")
    return frozen


def _frozen_array(value: list[Any] | tuple[Any, ...], depth: int) -> list[Value]:
    if depth > MAX_NESTING:
        raise _too_nested(value)
    if len(value) > MAX_ARRAY_LENGTH:
        rule = f"an array has at most {MAX_ARRAY_LENGTH} elements, this one has {len(value)}"
        raise _RefusedError(rule, value, code="ArrayTooLong", next_step="Use several documents.")
    frozen: list[Value] = []
    try:
        for item in value:
            frozen.append(_frozen(item, depth))  # noqa: PERF401 - on an error its length is the index
    except _RefusedError as refused:
        refused.steps.append(f"[{len(frozen)}]")
        raise
    return frozen


def _too_nested(value: object) -> _RefusedError:
    return _RefusedError(f"a value nests at most {MAX_NESTING} levels deep", value, code="TooNestedError")


def _sorted_names(names: tuple[Any, ...]) -> tuple[str, ...]:
    """Check the field names of one object and sort them."""
    for name in names:
        if not isinstance(name, str):
            raise _RefusedError(f"field names are strings, {show(name)} is not", name)
        if len(name) > MAX_FIELD_NAME_LENGTH:
            raise _RefusedError(f"field names have at most {MAX_FIELD_NAME_LENGTH} characters", name)
        if not _FIELD_NAME.fullmatch(name):
            raise _RefusedError("field names are printable ASCII and do not start with `$`", name)
    return tuple(sorted(map(str.__str__, names)))  # str.__str__: an instance of a subclass becomes a plain str


# Programs use few shapes of objects, so checking and sorting the names happens once per shape.
_field_order = lru_cache(maxsize=4_096)(_sorted_names)


def _frozen_int(number: int) -> int:
    if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        return number
    raise _RefusedError("a number is exact only up to 2^53 - 1", number, next_step="Use Int64(n) or a float.")


def _frozen_float(number: float) -> float:
    if number.is_integer():  # False for NaN and the infinities
        if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER and (number or math.copysign(1.0, number) > 0):
            return int(number)
        return number
    return NAN if math.isnan(number) else number


def _frozen_str(text: str) -> str:
    if text.isascii() or is_unicode(text):
        return text
    raise _RefusedError("a string is valid Unicode, this one has a lone surrogate", text)


def _frozen_commit_ts(placeholder: CommitTsPlaceholder) -> Value:
    rule = "this commit timestamp is unresolved: its value is assigned when the mutation commits"
    advice = "A mutation can write it, compare it in an index, return it, and pass it to what it calls."
    raise _PendingError(rule, placeholder, next_step=advice)


_AS_IS = frozenset({type(None), bool, bytes, Int64})
_SCALARS: dict[type, Callable[[Any], Value]] = {
    str: _frozen_str,
    int: _frozen_int,
    float: _frozen_float,
    CommitTsPlaceholder: _frozen_commit_ts,
}
_STAND_IN = Int64(INT64_LIMIT - 1)
"""Takes the place of `COMMIT_TS` while a value is frozen; told from an equal one by identity."""


def thaw(value: Value) -> Value:
    """Return a deep copy of a frozen value that its holder may mutate, for handing to user code."""
    kind = type(value)
    if kind is dict:
        fields = value.copy()
        for name, item in value.items():
            if type(item) is dict or type(item) is list:
                fields[name] = thaw(item)
        return fields
    if kind is list:
        return [thaw(item) if type(item) is dict or type(item) is list else item for item in value]
    return value


_FIXED_SIZES: dict[type, int] = {type(None): 1, bool: 1, int: 9, float: 9, Int64: 9, CommitTsPlaceholder: 9}


def size_of(value: Value) -> int:
    """Return the size of a frozen value in bytes, as Convex counts it.

    null and booleans 1, numbers and int64 9, strings (UTF-8) and bytes length + 2, arrays 2 + elements,
    objects 2 + (name length + 1 + value) per field. Source: convex-semantics 8.
    """
    kind = type(value)
    if kind is dict:
        size = 2
        for name, item in value.items():
            size += len(name) + 1 + (_FIXED_SIZES.get(type(item)) or size_of(item))
        return size
    if kind is str:
        return 2 + (len(value) if value.isascii() else len(value.encode()))
    if kind is list:
        return 2 + sum(map(size_of, value))
    if kind is bytes:
        return 2 + len(value)
    size = _FIXED_SIZES.get(kind, 0)
    if size:
        return size
    raise InternalError(f"size_of got {show(value)}, which is no frozen value.")


def get_convex_size(value: object) -> int:
    """Return the size of any Convex value in bytes, as the limits count it; 0 of UNDEFINED.

    For functions that must know beforehand whether a document, or what they read, stays within its limit.
    Errors: as for `freeze`. Source: convex-semantics 8; ``getConvexSize`` of Convex's client library.
    """
    return 0 if value is UNDEFINED else size_of(freeze_pending(value))


def nesting_of(value: Value) -> int:
    """Return how many levels deep a frozen value nests: 1 for a container of scalars, 0 for a scalar."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return 0
    deepest = 0
    for item in value.values() if kind is dict else value:
        if type(item) is dict or type(item) is list:
            deepest = max(deepest, nesting_of(item))
    return deepest + 1


def equal(a: Value, b: Value) -> bool:
    """Tell whether two frozen values are the same Convex value.

    Python's own == will not do: here -0 differs from 0, NaN equals NaN, and numbers, int64 and booleans never mix.
    Source: convex-semantics 8.
    """
    if a is b:
        return True
    kind = type(a)
    if kind is int or kind is float:
        return (type(b) is int or type(b) is float) and _equal_numbers(a, b)
    if kind is not type(b):
        return False
    if kind is dict:
        return len(a) == len(b) and all(name in b and equal(item, b[name]) for name, item in a.items())
    if kind is list:
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


def _equal_numbers(a: float, b: float) -> bool:
    if a == b:
        return a != 0 or math.copysign(1.0, a) == math.copysign(1.0, b)
    return math.isnan(a) and math.isnan(b)


def check_identifier(name: object, what: str) -> None:
    """Refuse a `name` that cannot name a table, an index or a field of a schema; `what` says which, for the message.

    An identifier is [A-Za-z_][A-Za-z0-9_]*, at most 64 characters, not only underscores.
    Errors: `UsageError`. Source: convex-semantics 8.
    """
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        rule = "starts with a letter or `_`, goes on with letters, digits or `_`, has at most 64 characters"
        raise UsageError(f"{show(name)} is not a valid {what}: it {rule}, and not only underscores.", name=name)
