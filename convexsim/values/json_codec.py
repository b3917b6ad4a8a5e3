"""How values travel: Convex's JSON, where what JSON cannot say is an object with a single `$` field.

Owns the wire form of convex-semantics 8 and the one text form that traces and recorded results use. Must not know who
sends. Next: `validators.py`, which values a program wants.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from convexsim.errors import InternalError, PlatformError
from convexsim.values.spelling import COMMIT_TS, UNDEFINED, Int64, show
from convexsim.values.value import MAX_SAFE_INTEGER, Value, freeze_pending

__all__ = ["dumps", "from_json", "to_json"]

_EXPONENT_FROM = 1e21  # JavaScript writes greater integral numbers with an exponent
_WORD = 8
_double = struct.Struct("<d")
_encode_text = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def to_json(value: Value) -> Any:
    """Return a frozen value as plain JSON data; integral numbers are ints.

    int64 becomes {"$integer"}, bytes {"$bytes"}, NaN, ±Infinity and -0 {"$float"}, each in base64;
    UNDEFINED becomes {"$undefined": null}, for patches, filters and ranges; an unresolved commit timestamp
    {"$commitTs": null}. Source: convex-semantics 8.
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is dict:
        return {name: to_json(item) for name, item in value.items()}
    if kind is list or kind is tuple:
        return [to_json(item) for item in value]
    if kind is float:
        return _float_to_json(value)
    if kind is Int64:
        return {"$integer": _to_base64(value.value.to_bytes(_WORD, "little", signed=True))}
    if kind is bytes:
        return {"$bytes": _to_base64(value)}
    if value is UNDEFINED:
        return {"$undefined": None}
    if value is COMMIT_TS:
        return {"$commitTs": None}
    raise InternalError(f"to_json got {show(value)}, which is no frozen value.")


def from_json(encoded: Any) -> Value:
    """Return the frozen value that plain JSON data stands for; the inverse of `to_json`.

    {"$undefined": null} is understood at the top and as a field of a top-level object, which is where patches have it;
    deeper down it is an absent field. Errors: `PlatformError` for what is no Convex value. Source: convex-semantics 8.
    """
    value = _decode(encoded)
    if value is UNDEFINED:
        return value
    frozen = freeze_pending(value)
    if type(frozen) is dict and len(frozen) < len(value):  # freezing dropped the fields that a patch unsets
        return {name: frozen.get(name, UNDEFINED) for name in sorted(value)}
    return frozen


def dumps(value: Value) -> str:
    """Return the one JSON text of a frozen value: sorted keys, no spaces, Unicode as it is, no `.0`."""
    return _encode_text(to_json(value))


def _float_to_json(number: float) -> Any:
    if not math.isfinite(number) or (number == 0 and math.copysign(1.0, number) < 0):
        return {"$float": _to_base64(_double.pack(number))}
    if number.is_integer() and abs(number) < _EXPONENT_FROM:
        return int(Decimal(repr(number)))  # JavaScript's digits: the shortest that read back as this number
    return number


def _decode(encoded: Any) -> Any:
    kind = type(encoded)
    if kind is dict:
        if len(encoded) == 1:
            ((name, content),) = encoded.items()
            decoder = _ESCAPES.get(name)
            if decoder is not None:
                return _decode_escape(decoder, name, content)
        return {name: _decode(item) for name, item in encoded.items()}
    if kind is list:
        return [_decode(item) for item in encoded]
    if kind is int and abs(encoded) > MAX_SAFE_INTEGER:
        return float(str(encoded))  # JSON has doubles only; by way of text, what is too great becomes Infinity
    return encoded


def _decode_escape(decoder: Callable[[Any], Value], name: str, content: Any) -> Value:
    try:
        return decoder(content)
    except (TypeError, ValueError, struct.error, binascii.Error):
        message = f"The content of {name} is malformed: {show(content)}."
        raise PlatformError(message, code="InvalidArgument", content=content) from None


def _to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _from_base64(text: str) -> bytes:
    if type(text) is not str:
        raise TypeError
    return base64.b64decode(text, validate=True)


def _decode_integer(text: str) -> Int64:
    raw = _from_base64(text)
    if len(raw) != _WORD:
        raise ValueError
    return Int64(int.from_bytes(raw, "little", signed=True))


def _decode_float(text: str) -> float:
    (number,) = _double.unpack(_from_base64(text))
    if type(_float_to_json(number)) is not dict:  # a number that JSON can say must not be escaped
        raise ValueError
    return float(number)


def _decode_undefined(content: None) -> Value:
    if content is not None:
        raise ValueError
    return UNDEFINED


def _decode_commit_ts(content: None) -> Value:
    if content is not None:
        raise ValueError
    return COMMIT_TS


_ESCAPES: dict[str, Callable[[Any], Value]] = {
    "$integer": _decode_integer,
    "$float": _decode_float,
    "$bytes": _from_base64,
    "$undefined": _decode_undefined,
    "$commitTs": _decode_commit_ts,
}
