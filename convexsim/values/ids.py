"""What a document id is: Convex's own text format, and ids and random numbers that are a function of a seed text.

Owns the id format of convex-semantics 8 and the derivation of ids. Must not know which tables exist or who asks.
Next: `json_codec.py`, how values travel.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import accumulate
from typing import Final

from convexsim.errors import UsageError

__all__ = ["BODY_LENGTH", "IdStream", "decode_id", "encode_id", "table_number_of"]

BODY_LENGTH: Final = 16
MAX_TABLE_NUMBER: Final = 2**32 - 1

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)  # two characters for every ten bits
_CHARACTER_BITS = 5
_PAIR_BITS = 10
_BLOCK = 5  # bytes that fill whole characters: 5 x 8 bits = 8 x 5 bits
_VARINT_BITS = 7
_VARINT_MORE = 0x80

_MIN_LENGTH, _MAX_LENGTH = 31, 37  # characters, for table numbers of one byte and of five

_MEMO_SIZE = 65_536
_FRACTION_BITS = 53

# Python reads base 32 in the digits 0-9a-v: this turns one alphabet into the other, and all else into no digit at all.
_TO_PYTHON_DIGITS = bytes(
    b"0123456789abcdefghijklmnopqrstuv"[_ALPHABET.index(chr(code))] if chr(code) in _ALPHABET else ord("!")
    for code in range(256)
)


def encode_id(table_number: int, body: bytes) -> str:
    """Spell the id of a document: base 32 of table number (a varint), `body` (16 bytes) and a Fletcher-16 checksum.

    32 characters for table numbers from 128 to 16,383. Errors: `UsageError` for a table number outside 1 .. 2^32 - 1 or
    a body of another length. Source: convex-semantics 8.
    """
    if not 0 < table_number <= MAX_TABLE_NUMBER:
        raise UsageError(f"Table number {table_number} is not between 1 and 2^32 - 1.", table_number=table_number)
    if len(body) != BODY_LENGTH:
        raise UsageError(f"The body of an id has {BODY_LENGTH} bytes, not {len(body)}.", body=body)
    payload = _varint(table_number) + body
    return _base32(payload + bytes((sum(payload) & 0xFF, sum(accumulate(payload)) & 0xFF)))


def decode_id(text: str) -> tuple[int, bytes] | None:
    """Return the table number and the 16 bytes behind an id, or None if `text` is no id.

    Only the one canonical spelling of an id counts; the real decoder also forgives unused bits at the end, which no
    program can come by. Source: convex-semantics 8.
    """
    if not _MIN_LENGTH <= len(text) <= _MAX_LENGTH:
        return None
    try:
        number = int(text.encode("ascii").translate(_TO_PYTHON_DIGITS), 32)
    except ValueError:  # a character outside the alphabet
        return None
    bits = len(text) * _CHARACTER_BITS
    payload = (number >> bits % 8).to_bytes(bits // 8)
    table_number, at = _read_varint(payload)
    body = payload[at : at + BODY_LENGTH]
    if len(body) != BODY_LENGTH or not 0 < table_number <= MAX_TABLE_NUMBER:
        return None
    # Spelling it again checks all the rest at once: length, checksum, shortest varint.
    return (table_number, body) if encode_id(table_number, body) == text else None


@lru_cache(_MEMO_SIZE)
def table_number_of(text: str) -> int | None:
    """Return the table number inside an id, or None if `text` is no id."""
    decoded = decode_id(text)
    return None if decoded is None else decoded[0]


class IdStream:
    """The ids and the random numbers of one invocation, both a function of the seed text alone.

    The seed says who invoked whom and which attempt this is, so two orders of independent steps make the same ids.
    Ids and random numbers are separate sub-streams: taking from one never moves the other.
    """

    __slots__ = ("_fractions", "_ids", "_seed", "_tokens")

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._ids = 0
        self._fractions = 0
        self._tokens = 0

    def next(self, table_number: int) -> str:
        """Return the next id, for a document in the table of this number."""
        self._ids += 1
        return _id_of(self._seed, self._ids, table_number)

    def token(self) -> str:
        """Return the next opaque text of 16 hexadecimal digits, by which the platform names requests."""
        self._tokens += 1
        return self._digest(b"token", self._tokens, 8).hex()

    def fraction(self) -> float:
        """Return the next uniform number in [0, 1), a multiple of 2^-53, for Math.random (convex-semantics 1.4)."""
        self._fractions += 1
        word = int.from_bytes(self._digest(b"fraction", self._fractions, 8))
        return (word >> 64 - _FRACTION_BITS) * 2.0**-_FRACTION_BITS

    def _digest(self, purpose: bytes, index: int, length: int) -> bytes:
        return _digest(self._seed, purpose, index, length)


def _digest(seed: bytes, purpose: bytes, index: int, length: int) -> bytes:
    return hashlib.blake2b(seed + index.to_bytes(8), digest_size=length, person=purpose).digest()


@lru_cache(_MEMO_SIZE)
def _id_of(seed: bytes, index: int, table_number: int) -> str:
    """Make an id; an exploration asks for the same ones in every run."""
    return encode_id(table_number, _digest(seed, b"id", index, BODY_LENGTH))


def _varint(number: int) -> bytes:
    """Spell a number in groups of seven bits, lowest first; all but the last have the top bit set."""
    groups = bytearray()
    while number >= _VARINT_MORE:
        groups.append(number & 0x7F | _VARINT_MORE)
        number >>= _VARINT_BITS
    groups.append(number)
    return bytes(groups)


def _read_varint(data: bytes) -> tuple[int, int]:
    """Return the number at the start of `data`, and where the rest starts."""
    number = 0
    for at, group in enumerate(data):
        number |= (group & ~_VARINT_MORE) << at * _VARINT_BITS
        if group < _VARINT_MORE:
            return number, at + 1
    return number, len(data)


def _base32(data: bytes) -> str:
    length = -(-len(data) * 8 // _CHARACTER_BITS)
    padded = data.ljust(-(-len(data) // _BLOCK) * _BLOCK, b"\x00")
    number = int.from_bytes(padded)
    shifts = range(len(padded) * 8 - _PAIR_BITS, -1, -_PAIR_BITS)
    return "".join([_PAIRS[number >> shift & 0x3FF] for shift in shifts])[:length]
