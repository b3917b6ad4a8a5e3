"""How functions are defined and named: colours, parameters, spelling, references (architecture.md 4)."""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
import threading
import time
from concurrent import futures
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from convexsim import (
    FunctionDefinition,
    PlatformError,
    UsageError,
    action,
    api,
    components,
    define_app,
    define_component,
    internal,
    internal_action,
    internal_mutation,
    internal_query,
    mutation,
    query,
    v,
)
from convexsim.functions.reference import make_handle, parse_handle, parts_of
from convexsim.functions.spelling import to_camel
from tests.support import Bench, module, nothing


async def coroutine(ctx: Any) -> None: ...


def plain(ctx: Any) -> None: ...


def second(ctx: Any, n: int) -> int:
    return n


@pytest.mark.parametrize("decorate", [query, mutation, internal_query, internal_mutation])
def test_queries_and_mutations_are_plain(decorate: Any) -> None:
    assert decorate(plain).kind in ("query", "mutation")
    with pytest.raises(UsageError, match="must be a plain `def`"):
        decorate(coroutine)


@pytest.mark.parametrize("decorate", [action, internal_action])
def test_actions_are_coroutines(decorate: Any) -> None:
    assert decorate(coroutine).kind == "action"
    with pytest.raises(UsageError, match="must be a `async def`"):
        decorate(plain)


def yields(ctx: Any) -> Any:
    yield 1


async def yields_too(ctx: Any) -> Any:
    yield 1


@pytest.mark.parametrize(("decorate", "handler"), [(query, yields), (mutation, yields), (action, yields_too)])
def test_a_handler_with_a_yield_would_never_run(decorate: Any, handler: Any) -> None:
    with pytest.raises(UsageError, match="has a `yield`, so to call it runs nothing of it"):
        decorate(handler)


def test_a_handler_is_decorated_once() -> None:
    with pytest.raises(UsageError, match="plain is a query already and cannot be a mutation, too"):
        mutation(query(plain))


def test_the_twins_differ_in_visibility_only() -> None:
    for public, hidden, handler in (
        (query, internal_query, plain),
        (mutation, internal_mutation, plain),
        (action, internal_action, coroutine),
    ):
        one, other = public(handler), hidden(handler)
        assert (one.is_public, other.is_public) == (True, False)
        assert one.kind == other.kind


def test_a_decorator_is_used_bare_or_with_validators() -> None:
    args = {"n": v.number()}
    for made in (mutation(second), mutation()(second), mutation(args=args)(second)):
        assert isinstance(made, FunctionDefinition)
        assert made(None, 5) == 5  # callable as a plain helper


def test_handlers_that_would_differ_from_run_to_run_are_refused() -> None:
    with pytest.raises(UsageError, match="`time`"):
        mutation(lambda _: time.time())
    with pytest.raises(UsageError, match=r"ctx\.random\(\)"):
        query(lambda _: [random.random() for _ in range(3)])  # noqa: S311 - to be refused


def above(n: int) -> float:
    return n + time.monotonic()


def recursive(n: int) -> float:
    return recursive(n - 1) if n else harmless() + below()


def harmless() -> float:
    return max(0, 1)


def uses_above(ctx: Any) -> float:
    return above(1)


def uses_below(ctx: Any) -> float:
    return recursive(3)


def uses_neither(ctx: Any) -> float:
    return harmless()


def names_a_copy(ctx: Any) -> Any:
    return module(nothing)  # of another module, which is its own affair


def below() -> float:
    return datetime.now(tz=UTC).timestamp() + len(uuid4().hex)


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (uses_above, r"The handler uses_above, in above, uses `time` of the module time\. .* use ctx\.now\(\)"),
        (uses_below, r"The handler uses_below, in below, uses `datetime` of the module datetime"),
    ],
)
def test_so_are_those_whose_helpers_would(handler: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        mutation(handler)
    assert raised.value.code == "NondeterministicHandler"
    assert mutation(uses_neither)(None) == 1
    assert mutation(names_a_copy).handler is names_a_copy


def test_helpers_further_down_are_known_when_an_app_is_made() -> None:
    scope: dict[str, Any] = {"mutation": mutation, "time": time}
    exec("go = mutation(lambda ctx: helper())", scope)  # noqa: S102 - a module that is not yet complete
    exec("def helper(): return time.time()", scope)  # noqa: S102
    with pytest.raises(UsageError, match="in helper, uses `time`"):
        define_app({"m": {"go": scope["go"]}})


@pytest.mark.parametrize(
    ("thing", "instead"),
    [
        (time.monotonic, "ctx.now()"),
        (datetime.now, "ctx.now()"),
        (random.random, "ctx.random()"),
        (secrets.token_hex, "ctx.random()"),
        (uuid4, "ctx.random()"),
        (asyncio.sleep, "gather of convexsim"),
        (asyncio, "gather of convexsim"),
        (threading.Thread, "several clients"),
        (futures.ThreadPoolExecutor, "several clients"),
        (socket.create_connection, "ctx.fetch()"),
    ],
)
def test_each_of_them_is_told_what_to_use_instead(thing: Any, instead: str) -> None:
    scope: dict[str, Any] = {"thing": thing}
    exec("def handler(ctx): return thing", scope)  # noqa: S102 - so that each gets a handler that names it
    with pytest.raises(UsageError) as raised:
        query(scope["handler"])
    assert instead in raised.value.next_step


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (lambda ctx: ctx, "no parameter for its argument `batchId`"),
        (lambda ctx, batch_id, more: (ctx, batch_id, more), "parameters that its args do not name: more"),
        (lambda ctx, batch_id, limit: (ctx, batch_id, limit), "optional argument `limit` without a default"),
    ],
)
def test_parameters_are_the_arguments_in_snake_case(handler: Any, said: str) -> None:
    args: dict[str, Any] = {"batchId": v.string()} | ({"limit": v.optional(v.number())} if "limit" in said else {})
    with pytest.raises(UsageError, match=said):
        mutation(args=args)(handler)


def test_an_argument_that_is_spelled_like_its_parameter_is_told_how_to_spell_it() -> None:
    with pytest.raises(UsageError, match="`batch_id`") as raised:
        mutation(args={"batch_id": v.string()})(lambda ctx, batch_id: (ctx, batch_id))
    assert "write `batchId` in args" in raised.value.next_step


def test_arguments_arrive_in_snake_case_and_absent_ones_keep_their_defaults() -> None:
    args: dict[str, Any] = {"batchId": v.string(), "limit": v.optional(v.number()), "from": v.optional(v.string())}

    @mutation(args=args)
    def go(ctx: Any, batch_id: str, limit: int = 7, from_: str = "start") -> Any:
        return [batch_id, limit, from_]

    @mutation(args=args)
    def anything(ctx: Any, **fields: Any) -> Any:
        return fields

    bench = Bench(define_app({"m": module(nothing)}))
    assert bench.do(go, {"batchId": "b"}) == ["b", 7, "start"]
    assert bench.do(go, {"batchId": "b", "limit": 0, "from": "x"}) == ["b", 0, "x"]
    assert bench.do(anything, {"batchId": "b"}) == {"batchId": "b"}
    extra = bench.attempt(mutation(lambda _, known=1: known), {"unknown": 1})
    assert extra.code == "InvalidArgument"
    assert "unknown" in extra.message


def test_named_parameters_beside_others_are_named_as_ever_and_the_others_as_data() -> None:
    @mutation
    def mixed(ctx: Any, first_name: str, last_name: str = "-", **fields: Any) -> Any:
        return [first_name, last_name, fields]

    assert mixed.call(None, {"firstName": "Ada", "bornIn": 1815}) == ["Ada", "-", {"bornIn": 1815}]
    assert mixed.call(None, {"firstName": "Ada", "lastName": "L."}) == ["Ada", "L.", {}]
    with pytest.raises(PlatformError, match=r"^mixed misses its argument 'firstName'\."):
        mixed.call(None, {"bornIn": 1815})


def test_declared_arguments_that_no_parameter_names_go_to_the_others() -> None:
    with pytest.raises(UsageError, match="takes the optional argument `note` without a default"):

        @mutation(args={"note": v.optional(v.string()), "n": v.number()})
        def careless(ctx: Any, note: str, **fields: Any) -> None:
            """Forget the default."""

    @mutation(args={"note": v.optional(v.string()), "n": v.number()})
    def careful(ctx: Any, note: str = "", **fields: Any) -> Any:
        return [note, fields]

    assert careful.call(None, {"n": 1}) == ["", {"n": 1}]


@pytest.mark.parametrize(
    ("python", "convex"),
    [
        ("add_items", "addItems"),
        ("addItems", "addItems"),
        ("a", "a"),
        ("a_b_c", "aBC"),
        ("_x_y", "_xY"),
        ("from_", "from"),
    ],
)
def test_one_converter_maps_the_spellings(python: str, convex: str) -> None:
    assert to_camel(python) == convex


def test_references_name_and_do_not_resolve() -> None:
    assert str(api.lib.add_items) == str(internal.lib.addItems) == "function://;lib:addItems"
    assert str(components.batch_processor.lib.add_items) == "function://batchProcessor;lib:addItems"
    assert parts_of(api.folder.lib.add_items) == (None, "folder/lib:addItems")
    assert parts_of(components.child.lib.go) == ("child", "lib:go")
    assert api.lib.go == internal.lib.go != components.lib.go
    assert len({api.lib.go, internal.lib.go, api.lib.stop}) == 2
    for short in (api, api.lib, components.child, components.child.lib):
        with pytest.raises(PlatformError, match="names no function"):
            parts_of(short)


def test_handles_are_spelled_and_read() -> None:
    for component, path in (("", "m:go"), ("a/b", "folder/m:go")):
        assert parse_handle(make_handle(component, path)) == (component, path)
    for wrong in ("", "m:go", "function://", "function://;go", "function://m:go", "other://;m:go"):
        with pytest.raises(PlatformError, match="no function handle"):
            parse_handle(wrong)


def test_an_app_is_mounted_once_under_names_that_differ() -> None:
    child = define_component("child", {"m": module(nothing)})
    app = define_app({"m": module(nothing)})
    app.use(child)
    app.use(child, name="twin")
    with pytest.raises(UsageError, match="already uses"):
        app.use(child)
    assert list(app.catalog().components) == ["", "child", "twin"]
    with pytest.raises(UsageError, match="has already run"):
        app.use(child, name="late")
    with pytest.raises(UsageError, match="defines no function"):
        define_app({"empty": {}})
    with pytest.raises(UsageError, match="component name"):
        define_component("no-name", {"m": module(nothing)})
