"""Which values fit which validators, and what is said of those that do not (convex-semantics 8)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convexsim.errors import PlatformError, UsageError
from convexsim.testing.strategies import values
from convexsim.values import Int64, ValidationFailure, Validator, as_object, encode_id, freeze, v
from tests.values.strategies import PROPERTY

USER = encode_id(10_001, bytes(16))
POST = encode_id(10_002, bytes(16))
STRANGER = encode_id(10_003, bytes(16))
TABLES = {10_001: "users", 10_002: "posts"}

SAMPLES: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "int": 1,
    "float": 1.5,
    "int64": Int64(1),
    "string": "a",
    "bytes": b"a",
    "array": [1],
    "object": {"a": 1},
    "id": USER,
}


def fits(validator: Validator, value: Any) -> bool:
    try:
        validator.check(value, "args", TABLES)
    except ValidationFailure:
        return False
    return True


def failure(validator: Validator, value: Any) -> ValidationFailure:
    with pytest.raises(ValidationFailure) as caught:
        validator.check(value, "args", TABLES)
    return caught.value


@pytest.mark.parametrize(
    ("validator", "accepted"),
    [
        (v.null(), {"null"}),
        (v.boolean(), {"boolean"}),
        (v.number(), {"int", "float"}),
        (v.float64(), {"int", "float"}),
        (v.int64(), {"int64"}),
        (v.bigint(), {"int64"}),
        (v.string(), {"string", "id"}),
        (v.bytes(), {"bytes"}),
        (v.id("users"), {"id"}),
        (v.literal("a"), {"string"}),
        (v.literal(1), {"int"}),
        (v.literal(Int64(1)), {"int64"}),
        (v.literal(True), {"boolean"}),
        (v.array(v.number()), {"array"}),
        (v.array(v.string()), set()),
        (v.object({"a": v.number()}), {"object"}),
        (v.object({}), set()),
        (v.record(v.string(), v.number()), {"object"}),
        (v.record(v.string(), v.string()), set()),
        (v.union(v.null(), v.int64()), {"null", "int64"}),
        (v.union(), set()),
        (v.nullable(v.string()), {"null", "string", "id"}),
        (v.any(), set(SAMPLES)),
    ],
)
def test_each_validator_accepts_its_values_and_nothing_else(validator: Validator, accepted: set[str]) -> None:
    assert {name for name, value in SAMPLES.items() if fits(validator, value)} == accepted


@PROPERTY
@given(values())
def test_any_accepts_every_value(value: Any) -> None:
    assert fits(v.any(), freeze(value))


def test_ids_are_judged_by_their_table_only() -> None:
    assert fits(v.id("users"), USER)
    assert fits(v.id("posts"), POST)
    wrong = failure(v.object({"author": v.id("users")}), {"author": POST})
    assert wrong.path == "args.author"
    assert wrong.problem == (f'Found ID "{POST}" from table `posts`, which does not match the table name in validator.')
    for text in (STRANGER, "hello", USER[:-1] + "1", ""):
        assert failure(v.id("users"), text).problem == "Value does not match validator."
    v.id("_scheduled_functions")  # system tables may be referred to


@pytest.mark.parametrize(
    ("literal", "fitting", "others"),
    [
        ("a", ["a"], ["b", "", None, b"a", ["a"]]),
        (1, [1], [True, Int64(1), 2, 1.5, "1"]),
        (1.0, [1], [True]),
        (0, [0], [-0.0, False]),
        (-0.0, [-0.0], [0]),
        (1.5, [1.5], [1]),
        (math.nan, [math.nan], [0]),
        (True, [True], [1, False]),
        (Int64(1), [Int64(1)], [1, Int64(2)]),
    ],
)
def test_literals_are_exact(literal: Any, fitting: list[Any], others: list[Any]) -> None:
    assert all(fits(v.literal(literal), value) for value in fitting)
    assert not any(fits(v.literal(literal), value) for value in others)
    assert failure(v.literal(literal), others[0]).problem == "Value does not match literal validator."


# Objects are closed.

PERSON = v.object({"name": v.string(), "age": v.optional(v.number())})


def test_objects_have_all_required_fields_and_no_extra_one() -> None:
    assert fits(PERSON, {"name": "Ann"})
    assert fits(PERSON, {"age": 3, "name": "Ann"})

    missing = failure(PERSON, {"age": 3})
    assert missing.problem.startswith("Object is missing the required field `name`.")
    assert missing.path == "args"
    assert missing.value == {"age": 3}
    assert missing.validator is PERSON

    extra = failure(PERSON, {"name": "Ann", "nickname": "A"})
    assert extra.problem == "Object contains extra field `nickname` that is not in the validator."
    assert extra.path == "args"

    both = failure(PERSON, {"nickname": "A"})  # the validator's fields are looked at first
    assert "missing" in both.problem


def test_an_optional_field_may_be_absent_but_not_null_or_wrong() -> None:
    for wrong in (None, "3", Int64(3)):
        found = failure(PERSON, {"age": wrong, "name": "Ann"})
        assert found.path == "args.age"
        assert found.problem == "Value does not match validator."
    assert fits(v.object({"a": v.optional(v.null())}), {"a": None})
    assert fits(v.object({"a": v.optional(v.any())}), {})


def test_failures_say_where_in_one_line() -> None:
    validator = v.object({"rows": v.array(v.object({"to": v.record(v.string(), v.array(v.number()))}))})
    found = failure(validator, {"rows": [{"to": {}}, {"to": {"x": [1, "two"]}}]})
    assert found.path == "args.rows[1].to.values()[1]"
    assert str(found) == (
        'Value does not match validator. Path: args.rows[1].to.values()[1], value: "two", validator: v.number()'
    )
    assert "\n" not in str(failure(v.number(), "a\nb"))
    assert failure(v.array(v.number()), {"a": 1}).path == "args"


@PROPERTY
@given(values())
def test_a_failure_names_the_very_value_that_does_not_fit(value: Any) -> None:
    class_of = v.array(v.object({"x": v.nullable(v.boolean())}))
    frozen = freeze(value)
    wrapped = [{"x": True}, {"x": frozen}]
    if frozen is None or type(frozen) is bool:
        assert fits(class_of, wrapped)
    else:
        found = failure(class_of, wrapped)
        assert found.path == "args[1].x"
        assert found.value is frozen


# Records.


def test_records_check_names_and_values() -> None:
    by_user = v.record(v.id("users"), v.number())
    assert fits(by_user, {})
    assert fits(by_user, {USER: 1})
    assert failure(by_user, {POST: 1}).path == "args.keys()"
    assert failure(by_user, {USER: "x"}).path == "args.values()"
    assert fits(v.record(v.union(v.id("users"), v.id("posts")), v.any()), {USER: 1, POST: None})


@pytest.mark.parametrize(
    "keys",
    [
        v.literal("a"),
        v.union(v.literal("a"), v.literal("b")),
        v.union(v.string(), v.literal("a")),
        v.number(),
        v.any(),
        v.null(),
        v.union(),
    ],
)
def test_record_keys_are_strings_without_literals(keys: Validator) -> None:
    with pytest.raises(UsageError, match=r"keys are v\.string"):
        v.record(keys, v.number())


# Unions.


def test_a_union_fails_as_a_whole() -> None:
    validator = v.union(v.object({"kind": v.literal("a"), "n": v.number()}), v.object({"kind": v.literal("b")}))
    assert fits(validator, {"kind": "a", "n": 1})
    assert fits(validator, {"kind": "b"})
    found = failure(validator, {"kind": "a", "n": "x"})
    assert (found.path, found.validator, found.problem) == ("args", validator, "Value does not match validator.")


def test_a_union_of_one_speaks_for_its_member() -> None:
    assert failure(v.union(PERSON), {"name": 1}).path == "args.name"


def test_an_enumeration_of_literals() -> None:
    colour = v.union(v.literal("red"), v.literal("green"), v.literal(1), v.literal(True))
    assert all(fits(colour, value) for value in ("red", "green", 1, True))
    assert not any(fits(colour, value) for value in ("blue", 2, False, None, Int64(1), ["red"]))


@PROPERTY
@example("neither", 0, 1)
@example("", 0, 3)
@given(values(), st.integers(0, 3), st.integers(0, 3))
def test_a_union_accepts_what_any_member_accepts(value: Any, i: int, j: int) -> None:
    members = [v.nullable(v.number()), v.array(v.any()), v.record(v.string(), v.any()), v.literal("")]
    frozen = freeze(value)
    assert fits(v.union(members[i], members[j]), frozen) == (fits(members[i], frozen) or fits(members[j], frozen))


# Building validators.

WRAPPERS: list[Callable[[Any], Any]] = [
    v.array,
    v.union,
    v.nullable,
    v.optional,
    lambda inner: v.record(v.string(), inner),
    lambda inner: v.record(inner, v.string()),
]


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_optional_stands_in_object_fields_only(wrap: Callable[[Any], Any]) -> None:
    with pytest.raises(UsageError, match=r"v\.optional\(v\.string\(\)\) cannot stand in") as caught:
        wrap(v.optional(v.string()))
    assert "v.nullable" in caught.value.next_step


@pytest.mark.parametrize("wrap", [*WRAPPERS, lambda inner: v.object({"a": inner})])
def test_what_is_no_validator_is_refused(wrap: Callable[[Any], Any]) -> None:
    for wrong in (str, "string", None, {"a": v.string()}):
        with pytest.raises(UsageError, match="it is no validator"):
            wrap(wrong)
    with pytest.raises(UsageError) as caught:
        wrap(v.string)
    assert "forget the parentheses" in caught.value.next_step


def test_bad_names_and_literals_are_refused() -> None:
    for name in ("a b", "", "_", "x" * 65, 1):
        with pytest.raises(UsageError, match="not a valid field name"):
            v.object({name: v.string()})  # type: ignore[dict-item]
        with pytest.raises(UsageError, match="not a valid table name"):
            v.id(name)  # type: ignore[arg-type]
    not_literals: list[Any] = [None, b"a", [], {}]
    for literal in not_literals:
        with pytest.raises(UsageError, match="a literal is a string"):
            v.literal(literal)
    with pytest.raises(PlatformError, match="literal is not a valid"):
        v.literal(2**60)
    with pytest.raises(UsageError, match="takes a dict"):
        v.object([("a", v.string())])  # type: ignore[arg-type]


def test_validators_are_spelled_as_they_are_written() -> None:
    spelled = [
        "v.null()",
        "v.number()",
        "v.int64()",
        "v.boolean()",
        "v.string()",
        "v.bytes()",
        "v.any()",
        'v.id("users")',
        'v.literal("a")',
        "v.literal(1.5)",
        "v.literal(true)",
        "v.array(v.string())",
        "v.record(v.string(), v.number())",
        "v.union(v.null(), v.array(v.any()))",
        "v.object({})",
        'v.object({"a": v.optional(v.string()), "b": v.object({"c": v.null()})})',
        "v.optional(v.string())",
    ]
    for text in spelled:
        assert repr(eval(text, {"v": v, "true": True})) == text  # noqa: S307 - our own text, above
    assert repr(v.float64()) == "v.number()"
    assert repr(v.bigint()) == "v.int64()"
    assert repr(v.nullable(v.string())) == "v.union(v.string(), v.null())"
    assert repr(v.object({"b": v.null(), "a": v.null()})) == 'v.object({"a": v.null(), "b": v.null()})'


def test_validators_are_values() -> None:
    assert v.array(v.string()) == v.array(v.string()) != v.array(v.number())
    assert v.object({"a": v.string()}) == v.object({"a": v.string()}) != v.object({"a": v.optional(v.string())})
    assert v.literal(1) != v.literal(True)
    assert v.string() != v.bytes()
    for validator in (v.string(), v.any(), v.id("a"), v.literal(1), v.array(v.any()), v.object({}), v.union()):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            validator.kinds = frozenset()  # type: ignore[misc]


def test_the_validator_of_arguments_is_a_dict_an_object_or_any() -> None:
    fields = {"a": v.string()}
    assert as_object(fields) == as_object(v.object(fields)) == v.object(fields)
    assert as_object(v.any()) == v.any()
    assert as_object({}) == v.object({})
    others: list[Any] = [
        None,
        [],
        v.string(),
        v.union(v.object({})),
        v.record(v.string(), v.any()),
        v.optional(v.any()),
    ]
    for wrong in others:
        with pytest.raises(UsageError, match="Arguments are validated by"):
            as_object(wrong)
