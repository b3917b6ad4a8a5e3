"""How values are spelled: the three types that Python lacks, and one line of text for people.

Owns `UNDEFINED`, `Int64`, `COMMIT_TS` and `show`, and how a number of things is said (`counted`). Must not know the
rules of values as a whole. Next: `value.py`, which has them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from convexsim.errors import PlatformError

__all__ = [
    "COMMIT_TS",
    "INT64_LIMIT",
    "UNDEFINED",
    "CommitTsPlaceholder",
    "Int64",
    "Undefined",
    "counted",
    "is_unicode",
    "show",
]

INT64_LIMIT: Final = 2**63
_SHOWN_CHARACTERS = 80
_SHOWN_BITS = 1_000


class Undefined:
    """The class of `UNDEFINED`: a field that is not there (convex-semantics 8). No other instance is ever made."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "undefined"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        """Make copies and pickles the same object, so that `is UNDEFINED` always works."""
        return "UNDEFINED"


UNDEFINED: Final = Undefined()


class CommitTsPlaceholder:
    """The class of `COMMIT_TS`: a commit timestamp as long as nobody knows it (convex-semantics 7).

    It cannot be calculated with, and no other instance is ever made: a mutation finds it as `ctx.db.vars.commit_ts`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "[unresolved commit timestamp]"

    def __reduce__(self) -> str:
        """Make copies and pickles the same object."""
        return "COMMIT_TS"


COMMIT_TS: Final = CommitTsPlaceholder()


def _checked_int64(value: object) -> int:
    if type(value) is int and -INT64_LIMIT <= value < INT64_LIMIT:
        return value
    message = f"Int64({show(value)}) does not fit: Int64 takes a Python int between -2^63 and 2^63 - 1."
    raise PlatformError(message, code="InvalidArgument", value=value)


@attrs.frozen(order=True, repr=False)
class Int64:
    """A Convex int64 (a JavaScript bigint): never equal to a number, ordered by `value`.

    Errors: `PlatformError` InvalidArgument outside -2^63 .. 2^63 - 1. Source: convex-semantics 8.
    """

    value: int = attrs.field(converter=_checked_int64)

    def __repr__(self) -> str:
        return f"Int64({self.value})"


def is_unicode(text: str) -> bool:
    """Tell whether `text` is valid Unicode, that is: free of lone surrogates (convex-semantics 8)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def show(value: object, limit: int = _SHOWN_CHARACTERS) -> str:
    """Spell any value in one line of JavaScript-like text, cut to `limit` characters.

    Total and deterministic: what is no Convex value shows as its type's name, never as an address.
    """
    text = ""
    for piece in _spell(value):
        text += piece
        if len(text) > limit:  # stop here rather than at the end: values may be huge, or contain themselves
            return text[: limit - 1] + "…"
    return text


def _spell(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _spell_members("{", ((k if isinstance(k, str) else show(k), v) for k, v in value.items()), "}")
    elif isinstance(value, (list, tuple)):
        yield from _spell_members("[", ((None, item) for item in value), "]")
    else:
        spell = _SPELLINGS.get(type(value))
        yield spell(value) if spell else f"<{type(value).__name__}>"


def counted(number: int, what: str, plural: str = "") -> str:
    """Return how one says so many of a thing, as in ``1 run`` and ``2,000 runs``.

    Args:
        number: how many.
        what: one of them.
        plural: several of them, where an s at the end is not all.

    """
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def _spell_members(opening: str, members: Iterator[tuple[str | None, object]], closing: str) -> Iterator[str]:
    separator = opening
    for name, value in members:
        yield separator if name is None else f"{separator}{_spell_text(name)}: "
        yield from _spell(value)
        separator = ", "
    yield closing if separator == ", " else opening + closing


def _spell_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=not is_unicode(text))  # a lone surrogate must not reach a terminal


def _spell_float(number: float) -> str:
    if math.isfinite(number):
        return repr(number).removesuffix(".0")
    return "NaN" if math.isnan(number) else f"{'-' * (number < 0)}Infinity"


_SPELLINGS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    Undefined: repr,
    bool: lambda truth: "true" if truth else "false",
    int: lambda number: str(number) if number.bit_length() < _SHOWN_BITS else hex(number),  # str() has a limit
    float: _spell_float,
    Int64: lambda integer: f"{integer.value}n",
    CommitTsPlaceholder: repr,
    str: _spell_text,
    bytes: repr,
}
