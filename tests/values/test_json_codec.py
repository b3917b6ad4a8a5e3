"""The wire form of values (convex-semantics 8)."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given

from convexsim.errors import InternalError, PlatformError
from convexsim.testing.strategies import values
from convexsim.values import UNDEFINED, Int64, dumps, freeze, from_json, to_json
from tests.values.strategies import INT64_MAX, INT64_MIN, PROPERTY


@PROPERTY
@given(values())
def test_values_survive_the_wire(value: Any) -> None:
    frozen = freeze(value)
    assert repr(from_json(to_json(frozen))) == repr(frozen)
    assert repr(from_json(json.loads(dumps(frozen)))) == repr(frozen)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (3.0, "3"),
        (-2.5, "-2.5"),
        (9007199254740992.0, "9007199254740992"),
        (2.0**69, "590295810358705700000"),
        (1e21, "1e+21"),
        ("é\n", '"é\\n"'),
        ([1, "a"], '[1,"a"]'),
        ({"b": 1, "a": [{}]}, '{"a":[{}],"b":1}'),
        # Base64 worked out by hand: eight bytes, lowest first.
        (Int64(0), '{"$integer":"AAAAAAAAAAA="}'),
        (Int64(1), '{"$integer":"AQAAAAAAAAA="}'),
        (Int64(-1), '{"$integer":"//////////8="}'),
        (Int64(INT64_MAX), '{"$integer":"/////////38="}'),
        (Int64(INT64_MIN), '{"$integer":"AAAAAAAAAIA="}'),
        (-0.0, '{"$float":"AAAAAAAAAIA="}'),
        (math.inf, '{"$float":"AAAAAAAA8H8="}'),
        (-math.inf, '{"$float":"AAAAAAAA8P8="}'),
        (math.nan, '{"$float":"AAAAAAAA+H8="}'),
        (b"", '{"$bytes":""}'),
        (b"abc", '{"$bytes":"YWJj"}'),
        (UNDEFINED, '{"$undefined":null}'),
        ({"a": UNDEFINED}, '{"a":{"$undefined":null}}'),
    ],
)
def test_the_text_of(value: object, text: str) -> None:
    assert dumps(value) == text
    assert repr(from_json(json.loads(text))) == repr(value if value is UNDEFINED else freeze_patch(value))


def freeze_patch(value: Any) -> Any:
    """Freeze a value, but keep the fields that a patch unsets."""
    unset = {name: UNDEFINED for name in value if value[name] is UNDEFINED} if isinstance(value, dict) else {}
    return {**freeze(value), **unset} if unset else freeze(value)


def test_the_fields_that_a_patch_unsets_survive_at_the_top_only() -> None:
    unset = {"$undefined": None}
    assert repr(from_json({"z": 1, "a": unset, "m": {"n": unset}})) == "{'a': undefined, 'm': {}, 'z': 1}"
    with pytest.raises(PlatformError, match="undefined may only stand"):
        from_json([unset])


def test_encoded_data_is_plain_and_fresh() -> None:
    frozen = freeze({"a": [1], "b": {"c": 2}})
    encoded = to_json(frozen)
    encoded["a"].append(2)
    encoded["b"]["c"] = 3
    assert frozen == {"a": [1], "b": {"c": 2}}


def test_numbers_beyond_2_to_the_53_are_numbers_on_the_wire() -> None:
    assert repr(from_json(2**53)) == "9007199254740992.0"
    assert repr(from_json([10**20])) == "[1e+20]"
    assert from_json(10**400) == math.inf


@pytest.mark.parametrize(
    "encoded",
    [
        {"$integer": "AAAA"},
        {"$integer": "AAAAAAAAAAAAAAAA"},
        {"$integer": 1},
        {"$integer": "é"},
        {"$integer": "!!!!"},
        {"$float": "AAAA"},
        {"$float": "AAAAAAAA8D8="},  # 1.0: JSON can say that
        {"$float": "AAAAAAAAAAA="},  # 0.0
        {"$float": None},
        {"$bytes": 3},
        {"$bytes": "a"},
        {"$bytes": "a b="},
        {"$undefined": 1},
        {"$set": []},
        {"$map": []},
        {"$other": 1},
        {"$integer": "AAAAAAAAAAA=", "a": 1},
        {"a": {"$b": 1, "c": 2}},
    ],
)
def test_malformed_data_is_refused(encoded: object) -> None:
    with pytest.raises(PlatformError) as caught:
        from_json(encoded)
    assert caught.value.code == "InvalidArgument"


def test_only_values_are_encoded() -> None:
    with pytest.raises(InternalError, match="frozen"):
        to_json({"a": {1}})
