"""The order of keys is the order of values, as the text of convex-semantics 8 has it and not as the code does."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convexsim.errors import InternalError
from convexsim.testing.strategies import values
from convexsim.values import (
    UNDEFINED,
    Int64,
    after,
    decode_key,
    encode,
    encode_key,
    equal,
    format_key,
    freeze,
    prefix_end,
)
from tests.values.strategies import INT64_MAX, INT64_MIN, PROPERTY

# --- the order, written a second time: slow, and from the text ---

TYPES = [type(UNDEFINED), type(None), Int64, float, bool, str, bytes, list, dict]


def compare(a: Any, b: Any) -> int:
    """Compare two frozen values: negative, zero or positive."""
    rank_a, rank_b = (TYPES.index(float if type(value) is int else type(value)) for value in (a, b))
    if rank_a != rank_b:
        return rank_a - rank_b
    if type(a) is Int64:
        return sign(a.value, b.value)
    if TYPES[rank_a] is float:
        return compare_numbers(a, b)
    if type(a) is str:
        return sign(list(a.encode("utf-8")), list(b.encode("utf-8")))
    if type(a) is bytes:
        return sign(list(a), list(b))
    if type(a) is list:
        return compare_sequences(a, b)
    if type(a) is dict:
        return compare_sequences(*([part for name in sorted(o) for part in (name, o[name])] for o in (a, b)))
    return sign(a, b) if type(a) is bool else 0


def compare_numbers(a: float, b: float) -> int:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) - math.isnan(b)
    if a == b == 0:
        return sign(math.copysign(1, a), math.copysign(1, b))
    return sign(a, b)


def compare_sequences(a: list[Any], b: list[Any]) -> int:
    for x, y in zip(a, b, strict=False):
        order = compare(x, y)
        if order:
            return order
    return len(a) - len(b)


def sign(a: Any, b: Any) -> int:
    return int(a > b) - int(a < b)


# A list in strictly ascending order: all types, and the places where encodings go wrong.
ASCENDING: list[Any] = [
    UNDEFINED,
    None,
    Int64(INT64_MIN),
    Int64(-256),
    Int64(-1),
    Int64(0),
    Int64(1),
    Int64(255),
    Int64(256),
    Int64(INT64_MAX),
    -math.inf,
    -1e300,
    -2,
    -1.5,
    -1,
    -5e-324,
    -0.0,
    0,
    5e-324,
    0.5,
    1,
    1.5,
    2,
    2**53 - 1,
    1e300,
    math.inf,
    math.nan,
    False,
    True,
    "",
    "\0",
    "\0\0",
    "\x01",
    "A",
    "a",
    "a\0",
    "a\0b",
    "a\x01",
    "aa",
    "b",
    "\x7f",
    "é",
    "\uffff",
    "\U00010000",
    b"",
    b"\0",
    b"\0\xff",
    b"\x01",
    b"a",
    b"a\0",
    b"\xff",
    b"\xff\xff",
    [],
    [None],
    [None, None],
    [0],
    [""],
    ["", ""],
    ["\0"],
    [[]],
    [[], None],
    [[None]],
    [{}],
    {},
    {"": 1},
    {"": 1, "a": 0},
    {"": 2},
    {"A": 1},
    {"a": None},
    {"a": None, "b": None},
    {"a": 1},
    {"a": 1, "b": 0},
    {"aa": None},
    {"b": None},
]


def test_all_types_and_the_difficult_values_are_in_order() -> None:
    for i, a in enumerate(ASCENDING):
        for j, b in enumerate(ASCENDING):
            assert sign(encode(a), encode(b)) == sign(compare(a, b), 0) == sign(i, j), (a, b)


@PROPERTY
@example(Int64(1), 0)
@example(1.5, False)
@example(b"", "b")
@given(values(), values())
def test_the_order_of_encodings_is_the_order_of_values(a: Any, b: Any) -> None:
    a, b = freeze(a), freeze(b)
    assert sign(encode(a), encode(b)) == sign(compare(a, b), 0)
    assert (encode(a) == encode(b)) == equal(a, b)


tuples = st.lists(values().map(freeze) | st.just(UNDEFINED), max_size=3)


@PROPERTY
@given(tuples, tuples)
def test_keys_are_ordered_like_tuples(a: list[Any], b: list[Any]) -> None:
    assert sign(encode_key(a), encode_key(b)) == sign(compare_sequences(a, b), 0)


@PROPERTY
@given(values(), values())
def test_no_encoding_is_a_prefix_of_another_one(a: Any, b: Any) -> None:
    a, b = encode(freeze(a)), encode(freeze(b))
    assert a == b or not b.startswith(a)


def test_no_difficult_encoding_is_a_prefix_of_another_one() -> None:
    keys = [encode(value) for value in ASCENDING]
    assert not any(a is not b and b.startswith(a) for a in keys for b in keys)


@PROPERTY
@given(values())
def test_encodings_start_neither_with_the_least_nor_with_the_greatest_byte(value: Any) -> None:
    assert encode(freeze(value))[0] not in (0x00, 0xFF)


def test_scalars_are_remembered_by_type_and_sign() -> None:
    for _ in range(2):
        alike: list[Any] = [1, True, Int64(1), 0, False, -0.0, "1", b"1"]
        assert len({encode(value) for value in alike}) == len(alike)
        assert encode(1.0) == encode(1)
        assert encode(0.0) == encode(0)
        assert encode(float("nan")) == encode(-math.nan)


def test_only_frozen_values_are_encoded() -> None:
    for wrong in ({1}, (1,), bytearray()):
        with pytest.raises(InternalError, match="frozen"):
            encode(wrong)


# Bounds.


@PROPERTY
@given(tuples, tuples)
def test_keys_that_start_with_a_prefix_lie_between_it_and_its_end_and_no_others_do(a: list[Any], b: list[Any]) -> None:
    prefix, key = encode_key(a), encode_key(b)
    starts = len(b) >= len(a) and compare_sequences(a, b[: len(a)]) == 0
    assert (prefix <= key < prefix_end(prefix)) == starts
    assert prefix <= encode_key(a + b) < prefix_end(prefix)


def test_the_strings_that_follow_a_string_are_beyond_its_prefix() -> None:
    for follower in ("a\0", "a\0b", "a\x01", "aa"):
        assert encode_key([follower]) > prefix_end(encode_key(["a"]))


@PROPERTY
@given(tuples, tuples)
def test_nothing_lies_between_a_key_and_what_is_after_it(a: list[Any], b: list[Any]) -> None:
    key, other = encode_key(a), encode_key(b)
    assert key < after(key)
    assert not key < other < after(key)
    assert after(key) == key + b"\x00"


# Back again.


@PROPERTY
@given(tuples)
def test_decoding_is_the_inverse_and_drops_the_suffix_of_a_bound(key_values: list[Any]) -> None:
    key = encode_key(key_values)
    for bound in (key, after(key), prefix_end(key)):
        assert repr(decode_key(bound)) == repr(key_values)


@pytest.mark.parametrize("value", ASCENDING)
def test_each_difficult_value_survives(value: Any) -> None:
    for key_values in ([value], ["x", value], [value, "x"]):
        key = encode_key(key_values)
        for bound in (key, after(key), prefix_end(key)):
            assert repr(decode_key(bound)) == repr(key_values)


def test_the_empty_key_and_the_end_of_everything_have_no_values() -> None:
    assert decode_key(b"") == decode_key(b"\xff") == decode_key(b"\x00") == []


@pytest.mark.parametrize("key", [b"\xfe", encode("abc")[:-1], encode(1)[:-1], encode([1])[:-1], b"\x00\x00\x00"])
def test_what_is_no_key_is_not_decoded(key: bytes) -> None:
    with pytest.raises(InternalError, match="not an encoded key"):
        decode_key(key)


def test_keys_are_spelled_for_people() -> None:
    assert format_key(encode_key(["a", 3])) == '("a", 3)'
    assert format_key(prefix_end(encode_key([UNDEFINED, None, Int64(2), 1.5]))) == "(undefined, null, 2n, 1.5)"
    assert format_key(after(encode_key([{"a": [True]}]))) == '({"a": [true]})'
    assert format_key(b"") == "()"
    assert len(format_key(encode_key(["x" * 500]))) == 504
