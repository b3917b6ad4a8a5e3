"""What the platform refuses whoever asks, and what stays out of a run: addresses, writes of queries and of the dead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    UNDEFINED,
    Component,
    Run,
    Simulation,
    UsageError,
    World,
    action,
    api,
    define_app,
    define_schema,
    define_table,
    mutation,
    query,
    scenario,
    v,
)
from convexsim.functions import executor as x
from convexsim.functions.define import foreign_function
from convexsim.functions.outcome import Returned, Threw
from convexsim.functions.spelling import to_camel
from convexsim.trace.event import json_lines
from tests.support import module


def call(app: Component, kind: str, *names: str) -> Run:
    @scenario(app=app)
    def calls(world: World) -> None:
        for name in names:
            getattr(world.client("a"), kind)(f"m:{name}")

    return Simulation(calls).run()


class Asks:
    """A foreign handler that makes one request and returns the answer."""

    def __init__(self, request: x.Request) -> None:
        self._request = request

    def new_executor(self) -> Asks:
        return self

    def start(self, args: dict[str, Any], now: float, seed: str) -> x.Requests:
        del args, now, seed
        return x.Requests((self._request,))

    def resume(self, answers: tuple[Any, ...]) -> Returned | Threw:
        (answer,) = answers
        return Threw(answer.failure) if isinstance(answer, Threw) else Returned(answer.value)


WRITES = [
    x.Insert("notes", {"text": "from a query"}),
    x.Schedule(0, api.m.keep, {}),
    x.RunFunction("mutation", "m:keep", {}),
    x.RunFunction("query", "m:look", {}, stale=True),
]


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: type(request).__name__)
def test_a_query_cannot_write_whatever_runs_its_handler(request_: x.Request) -> None:
    @mutation
    def keep(ctx: Any) -> None:
        ctx.db.insert("notes", {"text": "kept"})

    @query
    def look(ctx: Any) -> int:
        return len(ctx.db.query("notes").collect())

    foreign = foreign_function("query", Asks(request_))
    schema = define_schema({"notes": define_table({"text": v.string()})})
    run = call(define_app({"m": {"sneak": foreign, "keep": keep, "look": look}}, schema), "query", "sneak")
    assert isinstance(run.calls[0].outcome, Threw)
    assert run.calls[0].outcome.failure.code == "NoWritesInQueries"
    assert run.view.documents("notes") == []
    assert run.view.scheduled_functions() == []


@mutation
def misuse(ctx: Any) -> None:
    ctx.db.insert("notes", {"text": "half done"})
    ctx.external("undeclared").append(1)


@mutation
def misuse_caught(ctx: Any) -> str:
    return swallowed(lambda: misuse.handler(ctx))


@mutation
def misuse_below(ctx: Any) -> str:
    return swallowed(lambda: ctx.run_mutation("m:misuse"))


@mutation
def misuse_far_below(ctx: Any) -> str:
    return swallowed(lambda: ctx.run_mutation("m:misuseBelow"))


@mutation
def misuse_of_validators(ctx: Any) -> None:
    v.object(ctx)


@mutation
def misuse_of_validators_below(ctx: Any) -> str:
    return swallowed(lambda: ctx.run_mutation("m:misuseOfValidators"))


@query
def asks_outside(ctx: Any) -> str:
    return swallowed(lambda: ctx.external("undeclared").take())


@mutation
def misuse_on_a_stale_snapshot(ctx: Any) -> str:
    return swallowed(lambda: ctx.run_query("m:asksOutside", use_stale_snapshot=True))


@action
async def misuse_awaited(ctx: Any) -> str:
    try:
        await ctx.external("undeclared").append(1)
    except Exception as error:  # noqa: BLE001 - the very mistake
        return type(error).__name__
    return "unreachable"


@action
async def misuse_in_a_call(ctx: Any) -> str:
    try:
        await ctx.run_mutation("m:misuse")
    except Exception as error:  # noqa: BLE001 - the very mistake
        return type(error).__name__
    return "unreachable"


def swallowed(call: Callable[[], Any]) -> str:
    try:
        return f"returned {call()}"
    except Exception as error:  # noqa: BLE001 - the very mistake
        return type(error).__name__


MISUSES = module(
    misuse, misuse_caught, misuse_below, misuse_far_below, asks_outside, misuse_on_a_stale_snapshot, misuse_awaited,
    misuse_in_a_call, misuse_of_validators_below, misuse_of_validators,
)  # fmt: skip


@pytest.mark.parametrize("name", list(MISUSES))
def test_a_misuse_of_the_simulator_ends_the_run_whoever_catches_it(name: str) -> None:
    """Rule 9 of the house: errors about the simulator are for the user, not for the function under test."""
    schema = define_schema({"notes": define_table({"text": v.string()})})
    with pytest.raises(UsageError, match=r"no external object 'undeclared'|takes a dict of validators"):
        call(define_app({"m": MISUSES}, schema), MISUSES[name].kind, to_camel(name))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"_id": UNDEFINED}, "InvalidIdError"),
        ({"_creationTime": UNDEFINED}, "InvalidCreationTimeError"),
        ({"_creationTime": 7}, "InvalidCreationTimeError"),
        ({"_mine": None}, "InvalidDocumentError"),
        ({"_mine": 1}, "InvalidDocumentError"),
    ],
)
def test_a_patch_cannot_touch_what_the_platform_owns(change: dict[str, Any], code: str) -> None:
    @mutation
    def touch(ctx: Any) -> None:
        ctx.db.patch(ctx.db.insert("things", {"a": 1}), change)

    app = define_app({"m": {"touch": touch}}, define_schema({"things": define_table(v.any())}))
    run = call(app, "mutation", "touch")
    assert isinstance(run.calls[0].outcome, Threw)
    assert run.calls[0].outcome.failure.code == code


@pytest.mark.parametrize("enforced", [True, False])
def test_schema_validation_can_be_switched_off(enforced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    @mutation
    def put(ctx: Any) -> None:
        ctx.db.insert("things", {"a": "no number"})

    tables = {"things": define_table({"a": v.number()}).index("by_a", ["a"])}
    app = define_app({"m": {"put": put}}, define_schema(tables, schema_validation=enforced))
    run = call(app, "mutation", "put")
    assert (run.calls[0].error is None) is not enforced


def test_no_address_gets_into_a_trace() -> None:
    @mutation
    def talk(ctx: Any) -> None:
        ctx.log("seen", object(), talk, [1, {"a": None}], 2.5)

    @mutation
    def slip(ctx: Any) -> None:
        ctx.run_mutation(talk)

    run = call(define_app({"m": {"talk": talk, "slip": slip}}), "mutation", "talk", "slip")
    assert run.trace is not None
    told = json_lines(run.trace)
    assert "0x" not in told
    assert "seen" in told
    assert "Write api.<module>.<function>" in told


@pytest.mark.parametrize("name", [None, 3, b"things"])
def test_a_table_is_named_by_a_string(name: Any) -> None:
    @mutation
    def put(ctx: Any) -> None:
        ctx.db.insert(name, {})

    run = call(define_app({"m": {"put": put}}), "mutation", "put")
    assert isinstance(run.calls[0].outcome, Threw)
    assert run.calls[0].outcome.failure.code == "InvalidArgument"


def test_a_ctx_that_outlives_its_handler_can_no_longer_act() -> None:
    kept: list[Any] = []

    @mutation
    def leak(ctx: Any) -> None:
        kept.append(ctx)
        ctx.db.insert("notes", {"text": "mine"})

    @mutation
    def use(ctx: Any) -> None:
        del ctx
        kept[0].db.insert("notes", {"text": "smuggled"})

    schema = define_schema({"notes": define_table({"text": v.string()})})
    run = call(define_app({"m": {"leak": leak, "use": use}}, schema), "mutation", "leak", "use")
    assert isinstance(run.calls[1].outcome, Threw)
    assert run.calls[1].outcome.failure.code == "TransactionClosed"
    assert [row["text"] for row in run.view.documents("notes")] == ["mine"]
