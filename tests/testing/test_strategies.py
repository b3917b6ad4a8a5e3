"""`strategies`: what is drawn is what Convex accepts, edge cases are among it, and it shrinks to the simplest."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from convexsim import (
    Int64,
    MutationCtx,
    QueryCtx,
    UsageError,
    define_app,
    define_schema,
    define_table,
    internal_mutation,
    mutation,
    query,
    v,
)
from convexsim.testing.serial import SerialWorld
from convexsim.testing.strategies import Offer, documents, planned_calls, schemas, validators, values, workloads
from convexsim.values import SchemaDefinition, TableDefinition, Validator, encode_id, freeze
from convexsim.values.validators import AnyValidator, UnionValidator
from tests.pages import ROOT
from tests.testing.races import ALWAYS_THE_SAME, SHOP

USERS = 10_001
SOMEBODY = encode_id(USERS, bytes(16))

# --------------------------------------------------------------------------------------------------- values


@ALWAYS_THE_SAME
@given(st.data())
def test_a_validator_accepts_what_is_drawn_for_it(data: st.DataObject) -> None:
    validator = data.draw(validators(["users"]))
    value = data.draw(values(validator, ids={"users": [SOMEBODY]}))
    validator.check(freeze(value), "value", {USERS: "users"})


@pytest.mark.parametrize(
    ("validator", "wanted"),
    [
        (None, lambda value: value is None),
        (None, lambda value: isinstance(value, dict) and "" in value),
        (None, lambda value: isinstance(value, list) and any(isinstance(item, dict) for item in value)),
        (v.number(), lambda value: value == 0 and math.copysign(1, value) < 0),
        (v.number(), math.isnan),
        (v.number(), lambda value: value == -math.inf),
        (v.int64(), lambda value: value == Int64(-(2**63))),
        (v.int64(), lambda value: value == Int64(2**63 - 1)),
        (v.string(), lambda value: value > "\uffff"),
        (v.bytes(), lambda value: value == b"\xff\0"),
        (v.object({"a": v.optional(v.null())}), lambda value: value == {}),
        (v.object({"a": v.optional(v.null())}), lambda value: value == {"a": None}),
        (v.union(v.literal("on"), v.literal("off")), lambda value: value == "off"),
        (v.record(v.string(), v.boolean()), lambda value: len(value) > 1),
        (v.array(v.array(v.null())), lambda value: [] in value and [None] in value),
        (v.id("users"), lambda value: value == SOMEBODY),
    ],
)
def test_edge_cases_are_among_what_is_drawn(validator: Validator | None, wanted: Callable[[Any], bool]) -> None:
    find(values(validator, ids={"users": [SOMEBODY]}), wanted, settings=settings(ALWAYS_THE_SAME, max_examples=2_000))


def test_a_union_whose_one_member_cannot_be_drawn_is_drawn_from_the_others() -> None:
    assert find(values(v.union(v.id("users"), v.literal("nobody"))), lambda _: True) == "nobody"
    assert find(values(v.object({"owner": v.optional(v.id("users"))})), lambda _: True) == {}


@pytest.mark.parametrize("validator", [v.id("users"), v.object({"owner": v.id("users")}), v.union()])
def test_what_cannot_be_drawn_is_refused_at_once(validator: Validator) -> None:
    with pytest.raises(UsageError, match=r"nothing to draw for v\..*ids=\{\"seats\""):
        values(validator)


def test_what_is_no_validator_is_refused() -> None:
    with pytest.raises(UsageError, match="no validator, so no value can be drawn"):
        values({"a": v.string()})  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------- schemas and documents


@mutation(args={"table": v.string(), "document": v.any()})
def put(ctx: MutationCtx, table: str, document: dict[str, Any]) -> str:
    return ctx.db.insert(table, document)


@query(args={"table": v.string(), "index": v.string()})
def find_all(ctx: QueryCtx, table: str, index: str) -> list[str]:
    return [row["_id"] for row in ctx.db.query(table).with_index(index).collect()]


@settings(ALWAYS_THE_SAME, max_examples=30)
@given(st.data(), schemas())
def test_what_a_table_accepts_can_be_inserted_and_found_by_every_index(
    data: st.DataObject, schema: SchemaDefinition
) -> None:
    app = define_app({"lib": {"put": put, "find_all": find_all}}, schema)
    with SerialWorld(app, {}) as world:
        for name, table in schema.tables.items():
            drawn = data.draw(st.lists(documents(schema, name), max_size=3))
            made = [world.call("lib:put", {"table": name, "document": each}).unwrap() for each in drawn]
            for index in table.indexes:
                found = world.call("lib:findAll", {"table": name, "index": index}).unwrap()
                assert sorted(found) == sorted(made)


def test_schemas_have_all_that_schemas_can_have() -> None:
    drawn: list[TableDefinition] = []

    @ALWAYS_THE_SAME
    @given(schemas())
    def collect(schema: SchemaDefinition) -> None:
        drawn.extend(schema.tables.values())

    collect()
    assert any(len(table.indexes) > 1 for table in drawn)
    assert any("." in path for table in drawn for index in table.indexes.values() for path in index)
    assert any("v.id(" in repr(table.validator) for table in drawn)
    for kind in (UnionValidator, AnyValidator):
        assert any(isinstance(table.validator, kind) and table.indexes for table in drawn)
    paths = {len(index) for table in drawn for index in table.indexes.values()}
    assert paths == {1, 2, 3}


def test_ids_of_documents_are_those_that_are_given() -> None:
    schema = define_schema({"users": define_table({}), "seats": define_table({"owner": v.id("users")})})
    drawn = find(documents(schema, "seats", ids={"users": [SOMEBODY]}), lambda _: True)
    assert drawn == {"owner": SOMEBODY}
    schema.tables["seats"].check_document(freeze(find(documents(schema, "seats"), lambda _: True)), {USERS: "users"})
    with pytest.raises(UsageError, match="no table 'seat'"):
        documents(schema, "seat")


# ---------------------------------------------------------------------------------------------------- workloads


@mutation
def undeclared(ctx: MutationCtx, must: Any, may: Any = None) -> None:
    """Take anything."""


@mutation(args={"owner": v.id("users"), "tags": v.array(v.string()), "note": v.optional(v.string())})
def declared(ctx: MutationCtx, owner: str, tags: list[str], note: str | None = None) -> None:
    """Take what is declared."""


ANY = define_app({"lib": {"undeclared": undeclared, "declared": declared}}, define_schema({"users": define_table({})}))


@ALWAYS_THE_SAME
@given(workloads(ANY, clients=3, calls=2, waits_ms=(0, 500)))
def test_every_call_of_a_workload_is_accepted(workload: Any) -> None:
    assert 1 <= len(workload.clients) <= 3
    with SerialWorld(ANY, {}) as world:
        for entries in workload.clients.values():
            assert 1 <= len(entries) <= 2
            for entry in entries:
                assert entry.wait_ms in (0, 500)
                world.call(entry.function, dict(entry.args)).unwrap()


def test_workloads_shrink_to_one_call_with_the_simplest_arguments() -> None:
    simplest = find(workloads(SHOP, "shop:take", "shop:book", clients=3, waits_ms=(0, 500)), lambda _: True)
    assert str(simplest) == "alice: shop:take(who='')"


def test_arguments_may_be_given_and_functions_preferred() -> None:
    offers = Offer("shop:take", {"who": "zoe"}), Offer("shop:book", {"who": st.sampled_from(["ann", "bob"])}, weight=3)
    drawn: list[str] = []

    @ALWAYS_THE_SAME
    @given(workloads(SHOP, *offers, clients=1, calls=1))
    def collect(workload: Any) -> None:
        drawn.append(str(workload))

    collect()
    assert {*drawn} == {"alice: shop:take(who='zoe')", "alice: shop:book(who='ann')", "alice: shop:book(who='bob')"}
    assert sum("book" in each for each in drawn) > sum("take" in each for each in drawn)


def test_a_weight_is_how_often_a_function_stands_among_those_to_draw_from() -> None:
    offers = Offer("shop:take", {"who": "zoe"}), Offer("shop:book", {"who": "ann"}, weight=3)
    assert str(planned_calls(SHOP, *offers)).count("shop:book") == 3 * str(planned_calls(SHOP, *offers)).count(
        "shop:take"
    )


def test_clients_meet_and_call_public_functions_alone() -> None:
    @internal_mutation
    def hidden(ctx: MutationCtx) -> None:
        """Nobody outside may call it."""

    app = define_app({"lib": {"undeclared": undeclared, "hidden": hidden}})
    find(workloads(app, clients=3), lambda drawn: len(drawn.clients) == 3)
    with pytest.raises(NoSuchExample):
        find(
            workloads(app),
            lambda drawn: any(entry.function == "lib:hidden" for own in drawn.clients.values() for entry in own),
            settings=settings(database=None, max_examples=50),
        )


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        (lambda: workloads(SHOP, "shop:bok"), "Could not find public function for 'shop:bok'"),
        (lambda: workloads(SHOP, Offer("shop:book", {"name": "x"})), "shop:book takes no argument 'name'"),
        (lambda: workloads(SHOP, clients=0), "no workloads of 0 clients"),
        (lambda: workloads(SHOP, calls=0), "with 0 calls each"),
        (lambda: workloads(define_app({})), "has no public functions"),
    ],
)
def test_what_makes_no_workload_is_refused_at_once(asked: Callable[[], Any], refused: str) -> None:
    with pytest.raises(UsageError, match=refused):
        asked()


# ---------------------------------------------------------------------------------------------------- the extra

WITHOUT_HYPOTHESIS = "import sys; sys.modules['hypothesis'] = None\n"
WITH_IT = "import sys\n"
UNLOADED = "import convexsim, convexsim.testing, convexsim.cli; print([n for n in sys.modules if n == 'hypothesis'])"


def printed(program: str, hash_seed: str = "0") -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_convexsim_itself_does_not_import_hypothesis() -> None:
    assert printed(WITH_IT + UNLOADED) == "[]\n"


@pytest.mark.parametrize("module", ["convexsim.testing.strategies", "convexsim.testing.machine"])
def test_without_hypothesis_it_is_said_what_to_install(module: str) -> None:
    program = f"try:\n    import {module}\nexcept ImportError as error:\n    print(error)"
    assert printed(WITHOUT_HYPOTHESIS + program) == (
        f"{module} needs hypothesis, which is not installed. Install the extra: convexsim[test].\n"
    )


SAME_EXAMPLES = """
from hypothesis import given, seed, settings
from convexsim.testing.strategies import choices, schemas, values, workloads
from tests.testing.races import SHOP

@seed(1)
@settings(max_examples=20, database=None, deadline=None)
@given(values(), schemas(), workloads(SHOP), choices())
def show(value, schema, workload, drawn):
    print(ascii((value, schema, workload)), drawn._forced)

show()
"""


def test_the_same_seed_draws_the_same_in_every_process() -> None:
    first, second = (printed(SAME_EXAMPLES, hash_seed) for hash_seed in ("1", "2"))
    assert first == second
    assert len({*first.splitlines()}) > 10
