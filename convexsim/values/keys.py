"""How values are ordered: each value becomes bytes whose plain order is Convex's total order of values.

Owns the encoding of index keys and the two bounds that intervals are made of. Must not know indexes, documents or
transactions. Next: `ids.py`, which makes the value that ends every key.

Shape of an encoding: one tag byte that says the type, then what orders values of that type, self-delimiting. Tags lie
strictly between 0x00 (ends strings, arrays and objects) and 0xff (above every tag). So no encoding is a prefix of
another one, a concatenation of encodings orders like the tuple of its values, and all keys that start with `prefix` lie
in [prefix, prefix_end(prefix)).
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from convexsim.errors import InternalError
from convexsim.values.spelling import INT64_LIMIT, UNDEFINED, CommitTsPlaceholder, Int64, Undefined, show
from convexsim.values.value import Value, freeze

__all__ = ["after", "decode_key", "encode", "encode_key", "format_key", "prefix_end"]

# The order of the tags is the order of the types (convex-semantics 8).
_UNDEFINED, _NULL, _INT64, _NUMBER, _FALSE, _TRUE, _STRING, _BYTES, _ARRAY, _OBJECT = (bytes([i]) for i in range(1, 11))
_END = b"\x00"
_ONE = b"\x01"
_ESCAPED_ZERO, _ESCAPED_ONE = b"\x01\x01", b"\x01\x02"  # so a zero byte is always an end, and the order stays
_ABOVE = b"\xff"

_MEMO_SIZE = 65_536
_SIGN = 1 << 63
_ALL_ONES = (1 << 64) - 1
_DOUBLE = struct.Struct(">d")
_WORD = struct.Struct(">Q")
_pack_tagged_double = struct.Struct(">cd").pack
_pack_tagged_word = struct.Struct(">cQ").pack


def encode(value: Value) -> bytes:
    """Encode a frozen value, or UNDEFINED, so that the order of bytes is the order of values.

    Errors: `InternalError` for anything else. Source: convex-semantics 8.
    """
    try:
        return _ENCODERS[type(value)](value)
    except KeyError:
        raise InternalError(f"encode got {show(value)}, which is no frozen value.") from None


def encode_key(values: Iterable[Value]) -> bytes:
    """Encode a sequence of frozen values (or UNDEFINED) as one key: the concatenation of their encodings."""
    return b"".join(map(encode, values))


def after(key: bytes) -> bytes:
    """Return the smallest byte string greater than `key`: the exclusive end of the interval that holds only `key`."""
    return key + _END


def prefix_end(prefix: bytes) -> bytes:
    """Return the exclusive end of the interval of all keys that start with the whole values of `prefix`."""
    return prefix + _ABOVE


@lru_cache(_MEMO_SIZE)
def _encode_str(text: str) -> bytes:
    return _STRING + _escape(text.encode())


def _escape(raw: bytes) -> bytes:
    """Make `raw` self-delimiting."""
    return raw.replace(_ONE, _ESCAPED_ONE).replace(_END, _ESCAPED_ZERO) + _END


@lru_cache(_MEMO_SIZE)
def _encode_int(number: int) -> bytes:
    return _encode_float(float(number))


def _encode_float(number: float) -> bytes:
    # IEEE order is the order of the bits as unsigned integers, once a positive double has its sign bit set (so: is
    # packed negated) and a negative one has all its bits flipped.
    if number > 0 or (number == 0 and math.copysign(1.0, number) > 0):
        return _pack_tagged_double(_NUMBER, -number)
    if number <= 0:
        return _pack_tagged_word(_NUMBER, _ALL_ONES - int.from_bytes(_DOUBLE.pack(number)))
    return _ENCODED_NAN


def _encode_array(values: list[Value]) -> bytes:
    return _ARRAY + encode_key(values) + _END


def _encode_object(fields: dict[str, Value]) -> bytes:
    return _OBJECT + b"".join([_encode_str(name) + encode(item) for name, item in fields.items()]) + _END


_ENCODED_NAN = _pack_tagged_word(_NUMBER, _SIGN | 0x7FF8 << 48)  # the canonical NaN, above Infinity
_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    Undefined: lambda _: _UNDEFINED,
    type(None): lambda _: _NULL,
    Int64: lambda integer: _pack_tagged_word(_INT64, integer.value + INT64_LIMIT),
    CommitTsPlaceholder: lambda _: _pack_tagged_word(_INT64, _ALL_ONES),  # as the greatest of all (7)
    int: _encode_int,
    float: _encode_float,
    bool: lambda truth: _TRUE if truth else _FALSE,
    str: _encode_str,
    bytes: lambda raw: _BYTES + _escape(raw),
    list: _encode_array,
    dict: _encode_object,
}


def decode_key(key: bytes) -> list[Value]:
    """Return the values that `key` encodes, UNDEFINED included, for people who read traces.

    The suffix of a bound (`after`, `prefix_end`) is dropped. Errors: `InternalError` for what is neither key nor bound.
    """
    values = []
    at = 0
    try:
        while key[at:] not in (b"", _END, _ABOVE):
            value, at = _decode(key, at)
            values.append(value)
    except (IndexError, ValueError, struct.error):
        raise InternalError(f"{key!r} is not an encoded key.") from None
    return values


def format_key(key: bytes) -> str:
    """Spell a key for people, like `("a", 3)`; bounds are spelled like the key that they were made from."""
    return f"({', '.join([show(value, sys.maxsize) for value in decode_key(key)])})"


def _decode(key: bytes, at: int) -> tuple[Value, int]:
    """Return the value whose encoding starts at `at`, and where the next one starts."""
    tag = key[at : at + 1]
    at += 1
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], at
    if tag == _INT64:
        (word,) = _WORD.unpack_from(key, at)
        return Int64(word - INT64_LIMIT), at + _WORD.size
    if tag == _NUMBER:
        (word,) = _WORD.unpack_from(key, at)
        bits = word ^ _SIGN if word & _SIGN else _ALL_ONES - word
        (number,) = _DOUBLE.unpack(_WORD.pack(bits))
        return freeze(number), at + _WORD.size
    if tag == _ARRAY:
        return _decode_until_end(key, at)
    if tag == _OBJECT:
        members, at = _decode_until_end(key, at)
        return dict(zip(members[::2], members[1::2], strict=True)), at
    if tag in (_STRING, _BYTES):
        end = key.index(_END, at)
        raw = key[at:end].replace(_ESCAPED_ZERO, _END).replace(_ESCAPED_ONE, _ONE)
        return (raw.decode() if tag == _STRING else raw), end + 1
    raise ValueError


_CONSTANTS: dict[bytes, Value] = {_UNDEFINED: UNDEFINED, _NULL: None, _FALSE: False, _TRUE: True}


def _decode_until_end(key: bytes, at: int) -> tuple[list[Value], int]:
    values = []
    while key[at] != 0:
        value, at = _decode(key, at)
        values.append(value)
    return values, at + 1
