"""What a schema may say, and how documents are held to it (convex-semantics 6.3 and 8)."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from convexsim.errors import UsageError
from convexsim.values import (
    UNDEFINED,
    TableDefinition,
    ValidationFailure,
    define_schema,
    define_table,
    encode_id,
    lookup_field,
    v,
)
from convexsim.values.validators import UnionValidator

PLAIN = define_table({"name": v.string(), "tags": v.optional(v.array(v.string()))})


def failure(table: TableDefinition, document: dict[str, Any]) -> ValidationFailure:
    with pytest.raises(ValidationFailure) as caught:
        table.check_document(document, {})
    return caught.value


# Tables.


def test_a_table_is_defined_by_a_dict_an_object_a_union_of_objects_or_any() -> None:
    one, two = v.object({"a": v.string()}), v.object({"b": v.number()})
    for fields in ({"a": v.string()}, one, v.union(one), v.union(one, two), v.any()):
        define_table(fields).check_document({"a": "x"}, {})


@pytest.mark.parametrize(
    "wrong",
    [
        v.string(),
        UnionValidator(()),
        v.union(v.object({}), v.string()),
        v.union(v.object({}), v.any()),
        v.record(v.string(), v.any()),
        v.optional(v.object({})),
        None,
        ["a"],
    ],
)
def test_a_table_is_defined_by_nothing_else(wrong: object) -> None:
    with pytest.raises(UsageError, match=r"an object, a union of objects or v\.any"):
        define_table(wrong)


def test_a_document_declares_no_field_of_the_system() -> None:
    for name in ("_id", "_creationTime", "_mine"):
        for fields in ({name: v.any()}, v.union(v.object({}), v.object({name: v.any()}))):
            with pytest.raises(UsageError, match=f'"{name}"'):
                define_table(fields)
    define_table({"inner": v.object({"_id": v.string()})})  # inside, the names are free


def test_documents_are_checked_with_and_without_their_system_fields() -> None:
    system = {"_id": encode_id(10_001, bytes(16)), "_creationTime": 1.5}
    for table in (PLAIN, define_table(v.union(v.object({"name": v.string()}), v.object({"other": v.null()})))):
        table.check_document({"name": "a"}, {})
        table.check_document({**system, "name": "a"}, {})
        for extra in ("_other", "more"):
            with pytest.raises(ValidationFailure):
                table.check_document({**system, extra: 1, "name": "a"}, {})
        with pytest.raises(ValidationFailure):
            table.check_document(system, {})


def test_failures_name_the_place_in_the_document() -> None:
    assert failure(PLAIN, {"_id": "x", "name": "a", "tags": ["b", 3]}).path == "document.tags[1]"
    assert "missing the required field `name`" in failure(PLAIN, {"_id": "x"}).problem
    extra = failure(PLAIN, {"_id": "x", "name": "a", "z": 1})
    assert extra.problem == "Object contains extra field `z` that is not in the validator."
    assert repr(extra.validator) == 'v.object({"name": v.string(), "tags": v.optional(v.array(v.string()))})'


def test_system_fields_are_implied_at_the_top_of_a_document_only() -> None:
    table = define_table({"inner": v.object({})})
    assert failure(table, {"inner": {"_id": "x"}}).path == "document.inner"


def test_ids_in_documents_are_checked_against_the_tables_given() -> None:
    table = define_table({"owner": v.id("users")})
    document = {"owner": encode_id(10_001, bytes(16))}
    table.check_document(document, {10_001: "users"})
    for tables in ({}, {10_001: "posts"}):
        with pytest.raises(ValidationFailure):
            table.check_document(document, tables)


# Indexes.


def test_indexes_are_chained_onto_new_tables() -> None:
    table = define_table({"a": v.string(), "b": v.object({"c": v.number()})})
    indexed = table.index("by_a", ["a"]).index("by_b", ["b.c", "a"])
    assert table.indexes == {}
    assert indexed.indexes == {"by_a": ("a",), "by_b": ("b.c", "a")}
    assert list(indexed.indexes) == ["by_a", "by_b"]
    assert indexed.validator is table.validator
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        table.indexes = {}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("by a", ["a"], '"by a" is not a valid index name'),
        ("", ["a"], "not a valid index name"),
        ("_mine", ["a"], "reserved"),
        ("by_id", ["a"], "reserved"),
        ("by_creation_time", ["a"], "reserved"),
        ("x" * 65, ["a"], "not a valid index name"),
        ("by_x", [], "1 to 16 fields"),
        ("by_x", [f"f{number}" for number in range(17)], "1 to 16 fields"),
        ("by_x", "name", "1 to 16 fields"),
        ("by_x", ["a", "b", "a"], 'the field "a" twice'),
        ("by_x", ["_creationTime"], "_creationTime, which is part of the end of every index"),
        ("by_x", ["a", "_id"], "_id, which is part of the end of every index"),
        ("by_x", ["_other"], "are the system's"),
        ("by_x", ["a b"], 'field in the index "by_x"'),
        ("by_x", ["a..b"], 'field in the index "by_x"'),
        ("by_x", ["a."], 'field in the index "by_x"'),
        ("by_x", [""], 'field in the index "by_x"'),
    ],
)
def test_bad_indexes_are_refused(name: str, fields: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        define_table(v.any()).index(name, fields)


def test_an_index_has_up_to_16_fields() -> None:
    fields = [f"f{number}" for number in range(16)]
    assert define_table(v.any()).index("by_x", fields).indexes["by_x"] == tuple(fields)


def test_indexes_differ_in_name_and_in_fields() -> None:
    table = define_table(v.any()).index("by_a", ["a"])
    with pytest.raises(UsageError, match='"by_a" is defined twice'):
        table.index("by_a", ["b"])
    with pytest.raises(UsageError, match='"by_a" and "by_other" have the same fields'):
        table.index("by_other", ["a"])
    table.index("by_ab", ["a", "b"]).index("by_ba", ["b", "a"])


def test_a_table_has_up_to_64_indexes() -> None:
    table = define_table(v.any())
    for number in range(64):
        table = table.index(f"by_{number}", [f"f{number}"])
    with pytest.raises(UsageError, match="at most 64 indexes"):
        table.index("by_more", ["more"])


# Schemas.


def test_a_schema_holds_its_tables() -> None:
    schema = define_schema({"users": PLAIN, "other": define_table(v.any())})
    assert schema.tables["users"] is PLAIN
    assert list(schema.tables) == ["users", "other"]
    assert schema.schema_validation is True
    assert define_schema({}, schema_validation=False).schema_validation is False
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        schema.tables = {}  # type: ignore[misc]


def test_a_schema_does_not_follow_changes_of_the_dict_that_it_was_made_from() -> None:
    tables = {"users": PLAIN}
    schema = define_schema(tables)
    tables.clear()
    assert list(schema.tables) == ["users"]


@pytest.mark.parametrize("name", ["_users", "a b", "", "___", "1a", "x" * 65])
def test_bad_table_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="table name"):
        define_schema({name: PLAIN})


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(UsageError, match='"users" is defined by') as caught:
        define_schema({"users": {"name": v.string()}})  # type: ignore[dict-item]
    assert "define_table" in caught.value.next_step


@pytest.mark.parametrize("field", ["missing", "name.inner", "box.missing", "tags.x"])
def test_an_index_over_a_field_that_no_document_can_have_is_refused(field: str) -> None:
    table = define_table(
        {
            "name": v.string(),
            "tags": v.array(v.any()),
            "box": v.optional(v.object({"in": v.number()})),
        }
    ).index("by_field", [field])
    with pytest.raises(UsageError, match=f'"by_field" is over the field "{field}", which no document can have'):
        define_schema({"t": table})
    define_schema({"t": table}, schema_validation=False)


def test_an_index_may_be_over_whatever_some_document_can_have() -> None:
    box = v.optional(v.union(v.null(), v.object({"in": v.number()})))
    table = define_table(v.union(v.object({"box": box}), v.object({"free": v.any()})))
    define_schema({"t": table.index("by_box", ["box"]).index("by_in", ["box.in"]).index("by_free", ["free.x.y"])})


# Fields by path.


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", 1),
        ("missing", UNDEFINED),
        ("o", {"p": {"q": None}}),
        ("o.p.q", None),
        ("o.p.q.r", UNDEFINED),
        ("o.missing.q", UNDEFINED),
        ("a.b", UNDEFINED),
        ("l.0", UNDEFINED),
        ("_id", "x"),
    ],
)
def test_looking_up_a_field(path: str, value: object) -> None:
    document = {"_id": "x", "a": 1, "l": [1], "o": {"p": {"q": None}}}
    found = lookup_field(document, path)
    assert found is UNDEFINED if value is UNDEFINED else found == value
