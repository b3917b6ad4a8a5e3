"""What a value may be, its one canonical form, its size and its equality (convex-semantics 6.3 and 8)."""

from __future__ import annotations

import copy
import datetime as dt
import enum
import json
import math
import pickle
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given

from convexsim.errors import InternalError, PlatformError, UsageError
from convexsim.testing.strategies import values
from convexsim.values import (
    COMMIT_TS,
    UNDEFINED,
    Int64,
    Undefined,
    check_identifier,
    counted,
    equal,
    freeze,
    get_convex_size,
    show,
    size_of,
    thaw,
)
from tests.values.strategies import INT64_MAX, INT64_MIN, PROPERTY, SAFE, containers, nested


def refusal(value: object, path: str = "value") -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        freeze(value, path)
    return caught.value


# The two types that Python lacks.


def test_undefined_is_one_falsy_object_also_after_copying() -> None:
    assert repr(UNDEFINED) == "undefined"
    assert not UNDEFINED
    assert isinstance(UNDEFINED, Undefined)
    assert copy.deepcopy(UNDEFINED) is UNDEFINED
    assert pickle.loads(pickle.dumps(UNDEFINED)) is UNDEFINED  # noqa: S301 - our own bytes


def test_int64_is_ordered_hashable_and_unlike_a_number() -> None:
    assert Int64(1) < Int64(2) <= Int64(2)
    assert Int64(1) == Int64(1) != 1  # type: ignore[comparison-overlap]
    assert len({Int64(1), Int64(1), 1}) == 2
    assert repr(Int64(-5)) == "Int64(-5)"
    with pytest.raises(AttributeError):
        Int64(1).value = 2  # type: ignore[misc]


def test_int64_is_range_checked() -> None:
    assert Int64(INT64_MIN).value == -9223372036854775808
    assert Int64(INT64_MAX).value == 9223372036854775807
    for wrong in (INT64_MIN - 1, INT64_MAX + 1, 1.0, True, "1", None):
        with pytest.raises(PlatformError, match="2\\^63") as caught:
            Int64(wrong)
        assert caught.value.code == "InvalidArgument"


# Freezing what is valid.


@PROPERTY
@given(values())
def test_freezing_twice_changes_nothing(value: Any) -> None:
    frozen = freeze(value)
    assert repr(freeze(frozen)) == repr(frozen)


@PROPERTY
@given(values())
def test_a_frozen_value_shares_no_container_and_leaves_the_original_alone(value: Any) -> None:
    before = repr(value)
    frozen = freeze(value)
    assert repr(value) == before
    assert not any(mine is theirs for mine in containers(frozen) for theirs in containers(value))


@PROPERTY
@given(values())
def test_a_frozen_value_is_made_of_canonical_parts_only(value: Any) -> None:
    for part in containers([freeze(value)]):
        assert type(part) in (dict, list)
        if type(part) is dict:
            assert list(part) == sorted(part)
        for item in part.values() if type(part) is dict else part:
            if type(item) is float:
                assert not item.is_integer() or abs(item) > SAFE or math.copysign(1, item) < item == 0


@PROPERTY
@given(values())
def test_thawing_gives_an_equal_value_that_shares_no_container(value: Any) -> None:
    frozen = freeze(value)
    thawed = thaw(frozen)
    assert repr(thawed) == repr(frozen)
    assert not any(mine is theirs for mine in containers(thawed) for theirs in containers(frozen))


@pytest.mark.parametrize(
    ("given_value", "canonical"),
    [
        (3.0, "3"),
        (3, "3"),
        (-0.0, "-0.0"),
        (0.0, "0"),
        (1.5, "1.5"),
        (float(SAFE), "9007199254740991"),
        (float(SAFE + 1), "9007199254740992.0"),
        (-float(SAFE + 1), "-9007199254740992.0"),
        (math.inf, "inf"),
        (-math.nan, "nan"),
        (True, "True"),
        ((1, (2,)), "[1, [2]]"),
        ({"b": 1, "a": 2, "B": 3}, "{'B': 3, 'a': 2, 'b': 1}"),
        ({"a": UNDEFINED, "b": None}, "{'b': None}"),
        ({"a": {"b": UNDEFINED}}, "{'a': {}}"),
        ({"é"[:0]: 1}, "{'': 1}"),
        ("é😀", "'é😀'"),
        (b"\xff", "b'\\xff'"),
        (Int64(7), "Int64(7)"),
    ],
)
def test_the_canonical_form(given_value: object, canonical: str) -> None:
    assert repr(freeze(given_value)) == canonical


def test_minus_nan_becomes_the_one_nan() -> None:
    assert math.copysign(1, freeze(-math.nan)) == 1


def test_names_of_a_str_subclass_become_plain_strings() -> None:
    class Name(enum.StrEnum):
        FIRST = "first_of_an_enum"

    for _ in range(2):  # the second time the names are remembered, and that must not show
        assert [type(name) for name in freeze({Name.FIRST: 1})] == [str]
    with pytest.raises(PlatformError, match="Name is not a supported Convex type"):
        freeze(Name.FIRST)


@pytest.mark.parametrize("size", [64, 65])
def test_names_are_sorted_however_many(size: int) -> None:
    names = [f"f{number}" for number in range(size)]
    assert list(freeze(dict.fromkeys(reversed(names)))) == sorted(names)


# Refusing what is not.


class Custom:
    """A class of the user's."""


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        ({1, 2}, "set"),
        (frozenset(), "frozenset"),
        (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "datetime"),
        (Custom(), "Custom"),
        (Custom, "type"),
        (OrderedDict(a=1), "OrderedDict"),
        (bytearray(b"x"), "bytearray"),
        (1j, "complex"),
        (range(3), "range"),
    ],
)
def test_unsupported_types_are_refused_by_name_and_place(value: object, type_name: str) -> None:
    error = refusal({"rows": [{"x": 1}, {"x": value}]}, "args")
    assert error.code == "InvalidArgument"
    assert error.message.startswith(f"args.rows[1].x is not a valid Convex value: {type_name} is not a supported")
    assert error.facts["path"] == "args.rows[1].x"
    assert "0x" not in str(error)  # no memory addresses
    assert "Use None, bool" in error.next_step


@pytest.mark.parametrize("value", [UNDEFINED, [UNDEFINED], {"a": [1, UNDEFINED]}])
def test_undefined_is_refused_anywhere_but_in_a_field(value: object) -> None:
    error = refusal(value)
    assert error.code == "InvalidArgument"
    assert "undefined may only stand for an absent object field" in error.message


def test_the_path_of_a_bad_array_element() -> None:
    assert refusal([1, [2, 3, UNDEFINED]]).message.startswith("value[1][2] ")


@pytest.mark.parametrize("number", [SAFE + 1, -SAFE - 1, 10**400])
def test_ints_that_a_number_cannot_hold_are_refused_with_a_hint_at_int64(number: int) -> None:
    for value in (number, {"a": number}):
        error = refusal(value)
        assert error.code == "InvalidArgument"
        assert "2^53 - 1" in error.message
        assert "Int64" in error.next_step
    assert freeze([SAFE, -SAFE]) == [SAFE, -SAFE]


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_lone_surrogates_are_refused(text: str) -> None:
    for value in (text, {"a": text}, [text]):
        error = refusal(value)
        assert "valid Unicode" in error.message
        str(error).encode()  # the message itself can be printed


@pytest.mark.parametrize("name", ["$a", "$", "é", "a\n", "\x7f", "a\x1f", "\ud800", 1, None, ("a",), "x" * 1025])
def test_bad_field_names_are_refused(name: object) -> None:
    for _ in range(2):
        error = refusal({"ok": {name: 1}})
        assert error.code == "InvalidArgument"
        assert error.message.startswith("value.ok is not a valid Convex value: field names ")


@pytest.mark.parametrize("name", ["a$", " ", "~", "_id", "__", "a.b", '"', "x" * 1024])
def test_good_field_names_are_taken(name: str) -> None:
    assert freeze({name: 1}) == {name: 1}


def test_nesting_ends_at_64_levels() -> None:
    assert repr(freeze(nested(64))) == repr(nested(64))
    error = refusal(nested(65))
    assert error.code == "TooNestedError"
    assert "64" in error.message


def test_a_value_that_contains_itself_is_too_nested() -> None:
    loop: list[Any] = []
    loop += [loop, loop]
    assert refusal(loop).code == "TooNestedError"
    circle: dict[str, Any] = {}
    circle["self"] = circle
    assert refusal(circle).code == "TooNestedError"


def test_arrays_end_at_8192_elements() -> None:
    assert len(freeze([0] * 8192)) == 8192
    error = refusal({"a": [0] * 8193})
    assert error.code == "ArrayTooLong"
    assert error.message.startswith("value.a ")
    assert "8192" in error.message
    assert len(error.message) < 300


def test_objects_end_at_1024_fields_and_absent_ones_do_not_count() -> None:
    most = {f"f{number}": number for number in range(1024)}
    assert len(freeze({**most, "absent": UNDEFINED})) == 1024
    error = refusal({**most, "more": 1})
    assert error.code == "TooManyFieldsError"
    assert "1024" in error.message


# Sizes.


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (None, 1),
        (True, 1),
        (0, 9),
        (1.5, 9),
        (Int64(0), 9),
        ("", 2),
        ("abc", 5),
        ("é", 4),
        ("😀", 6),
        (b"", 2),
        (b"abc", 5),
        ([], 2),
        ([1, None], 12),
        ({}, 2),
        ({"ab": None}, 6),
        ({"a": {"b": "é"}, "cd": [True]}, 2 + (1 + 1 + (2 + 1 + 1 + 4)) + (2 + 1 + 3)),
    ],
)
def test_sizes(value: object, size: int) -> None:
    assert size_of(value) == size


@pytest.mark.parametrize(
    ("value", "size"), [(UNDEFINED, 0), ((1, 2.0), 20), ({"b": UNDEFINED, "a": "é"}, 8), ({"t": COMMIT_TS}, 13)]
)
def test_the_size_of_what_a_handler_has_in_hand(value: object, size: int) -> None:
    assert get_convex_size(value) == size


@PROPERTY
@given(values(), values())
def test_the_size_of_a_whole_is_made_of_the_sizes_of_its_parts(a: Any, b: Any) -> None:
    a, b = freeze(a), freeze(b)
    assert size_of([a, b]) == 2 + size_of(a) + size_of(b)
    assert size_of({"a": a, "long": b}) == 2 + 2 + size_of(a) + 5 + size_of(b)


def test_only_values_have_a_size() -> None:
    for wrong in (UNDEFINED, {1}, [UNDEFINED]):
        with pytest.raises(InternalError):
            size_of(wrong)


# Equality.

DIFFERENT = [
    None,
    Int64(0),
    Int64(1),
    0,
    -0.0,
    1,
    1.5,
    math.nan,
    math.inf,
    False,
    True,
    "",
    "1",
    b"",
    b"1",
    [],
    [0],
    [-0.0],
    [False],
    [0, 0],
    {},
    {"a": 0},
    {"a": -0.0},
    {"a": None},
    {"b": 0},
    {"a": 0, "b": 0},
]


def test_these_values_are_all_different() -> None:
    for i, a in enumerate(DIFFERENT):
        for j, b in enumerate(DIFFERENT):
            assert equal(a, copy.deepcopy(b)) == (i == j), (a, b)


def test_numbers_are_equal_across_pythons_spellings() -> None:
    assert equal(1, 1.0)
    assert equal(0, 0.0)
    assert equal(float("nan"), -math.nan)
    assert equal([float("nan")], [math.nan])
    assert not equal(0.0, -0.0)


@PROPERTY
@given(values(), values())
def test_equality_is_sameness_of_the_canonical_form(a: Any, b: Any) -> None:
    a, b = freeze(a), freeze(b)
    assert equal(a, thaw(a))
    assert equal(a, b) == equal(b, a) == (repr(a) == repr(b))


# Identifiers and showing.


@pytest.mark.parametrize("name", ["a", "A", "_a", "a_", "a1", "__a__", "_1", "x" * 64])
def test_good_identifiers(name: str) -> None:
    check_identifier(name, "table name")


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "é", "_", "___", "a\n", "a.b", "x" * 65, None, 3])
def test_bad_identifiers_are_refused_with_value_and_rule(name: object) -> None:
    with pytest.raises(UsageError) as caught:
        check_identifier(name, "table name")
    assert caught.value.message.startswith(f"{show(name)} is not a valid table name: ")
    assert "at most 64 characters" in caught.value.message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (-0.0, "-0"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (math.inf, "Infinity"),
        (1.5, "1.5"),
        (Int64(3), "3n"),
        ("é\n", '"é\\n"'),
        ("\ud800", '"\\ud800"'),
        (b"\0", "b'\\x00'"),
        (UNDEFINED, "undefined"),
        ([], "[]"),
        ([1, (2,)], "[1, [2]]"),
        ({}, "{}"),
        ({"a": 1, "b": {}}, '{"a": 1, "b": {}}'),
        ({1: Custom()}, '{"1": <Custom>}'),
        ("x" * 100, '"' + "x" * 78 + "…"),
    ],
)
def test_showing(value: object, text: str) -> None:
    assert show(value) == text


@PROPERTY
@given(values())
def test_showing_is_one_short_line(value: Any) -> None:
    text = show(value)
    assert len(text) <= 80
    assert "\n" not in text


@pytest.mark.parametrize(
    ("number", "what", "said"),
    [
        (0, ["run"], "0 runs"),
        (1, ["run"], "1 run"),
        (1_234, ["run"], "1,234 runs"),
        (2, ["crash", "crashes"], "2 crashes"),
    ],
)
def test_a_number_of_things_is_said_in_words(number: int, what: list[str], said: str) -> None:
    assert counted(number, *what) == said


def test_showing_plain_json_is_json() -> None:
    value = {"a": [1, "x", None, True], "b": {"c": 1.5}}
    assert json.loads(show(value)) == value
