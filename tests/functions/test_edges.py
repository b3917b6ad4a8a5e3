"""Every edge that a call can cross: who may call what, what is checked there, and how an error arrives.

An edge is: client to root, mutation or query to nested call, action to call, scheduler to function; each with
arguments, results and errors of its own. Source: convex-semantics 5.1, 5.3, 6 and 8.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convexsim import (
    UNDEFINED,
    ActionCtx,
    Component,
    ConvexError,
    FunctionError,
    MutationCtx,
    QueryCtx,
    Session,
    UsageError,
    World,
    action,
    api,
    components,
    define_app,
    define_component,
    define_schema,
    define_table,
    internal,
    internal_action,
    internal_mutation,
    internal_query,
    mutation,
    query,
    v,
)
from convexsim.actors.client import Call
from convexsim.functions.outcome import Returned, Threw
from convexsim.functions.reference import Reference
from tests.support import module, run, states

SCHEMA = define_schema({"items": define_table({"n": v.number()}), "other": define_table({})})
DATA = {"reason": ["no", 1, None, {"deep": True}]}


@query(args={"n": v.number()}, returns=v.string())
def q_public(ctx: QueryCtx, n: int) -> Any:
    return "q" * n if n else 0


@mutation(args={"n": v.number()}, returns=v.string())
def m_public(ctx: MutationCtx, n: int) -> Any:
    ctx.db.insert("items", {"n": n})
    return "m" * n if n else 0


@action(args={"n": v.number()}, returns=v.string())
async def a_public(ctx: ActionCtx, n: int) -> Any:
    return "a" * n if n else 0


@internal_query(args={"n": v.number()})
def q_internal(ctx: QueryCtx, n: int) -> str:
    return "hidden q"


@internal_mutation(args={"n": v.number()})
def m_internal(ctx: MutationCtx, n: int) -> str:
    ctx.db.insert("items", {"n": n})
    return "hidden m"


@internal_action(args={"n": v.number()})
async def a_internal(ctx: ActionCtx, n: int) -> str:
    return "hidden a"


@mutation(args={"what": v.string()})
def throw(ctx: MutationCtx, what: str) -> None:
    ctx.db.insert("items", {"n": 666})
    if what == "convex":
        raise ConvexError(DATA)
    if what == "undefined":
        raise ConvexError(UNDEFINED)
    if what == "rubbish":
        raise ConvexError(object())
    if what == "platform":
        ctx.db.get("no id")
    raise (ValueError if what == "value" else KeyError)("the message")


@mutation(args={"what": v.string()})
def nested_throw(ctx: MutationCtx, what: str) -> None:
    ctx.run_mutation(api.m.throw, {"what": what})


@action(args={"what": v.string(), "deep": v.boolean()})
async def act_throw(ctx: ActionCtx, what: str, *, deep: bool) -> None:
    if deep:
        await ctx.run_action(api.m.act_throw, {"what": what, "deep": False})
    await ctx.run_mutation(api.m.nested_throw, {"what": what})


@action(args={"what": v.string()})
async def catch(ctx: ActionCtx, what: str) -> Any:
    try:
        await ctx.run_action(api.m.act_throw, {"what": what, "deep": True})
    except ConvexError as error:
        return ["ConvexError", error.data]
    except FunctionError as error:
        return [error.code, error.message]


@mutation(args={"name": v.string(), "kind": v.string(), "args": v.any()})
def call_from_mutation(ctx: MutationCtx, name: str, kind: str, args: Any) -> Any:
    return getattr(ctx, f"run_{kind}")(name, args)


@query(args={"name": v.string(), "kind": v.string(), "args": v.any()})
def call_from_query(ctx: QueryCtx, name: str, kind: str, args: Any) -> Any:
    return getattr(ctx, f"run_{kind}")(name, args)


@action(args={"name": v.string(), "kind": v.string(), "args": v.any()})
async def call_from_action(ctx: ActionCtx, name: str, kind: str, args: Any) -> Any:
    return await getattr(ctx, f"run_{kind}")(name, args)


@mutation(args={"name": v.string(), "args": v.any()})
def schedule(ctx: MutationCtx, name: str, args: Any) -> str:
    return ctx.scheduler.run_after(0, name, args)


@mutation(args={"name": v.any()})
def handle_of(ctx: MutationCtx, name: str) -> str:
    return ctx.create_function_handle(name)


FUNCTIONS = module(
    q_public, m_public, a_public, q_internal, m_internal, a_internal, throw, nested_throw, act_throw, catch,
    call_from_mutation, call_from_query, call_from_action, schedule, handle_of,
)  # fmt: skip


def make_app() -> Component:
    grandchild = define_component("grandchild", {"m": FUNCTIONS}, SCHEMA)
    child = define_component("child", {"m": FUNCTIONS}, SCHEMA)
    child.use(grandchild)
    app = define_app({"m": FUNCTIONS}, SCHEMA)
    app.use(child)
    app.use(grandchild, name="sibling")
    return app


APP = make_app()


def call(kind: str, name: Reference | str, args: Any = None) -> Call:
    """Have a client make one call and return it, ended; it may even be one that cannot be made."""

    async def script(session: Session) -> None:
        await getattr(session, kind)(name, args)

    return run(APP, lambda world: world.client("c").run(script)).calls[0]


def code(ended: Call) -> str:
    assert isinstance(ended.outcome, Threw), ended.outcome
    return ended.outcome.failure.code


# Clients.


@pytest.mark.parametrize("kind", ["query", "mutation", "action"])
def test_a_client_calls_public_functions_of_the_root(kind: str) -> None:
    assert call(kind, f"m:{kind[0]}Public", {"n": 2}).result == kind[0] * 2
    assert call(kind, getattr(api.m, f"{kind[0]}_public"), {"n": 1}).result == kind[0]


def test_internal_and_missing_functions_are_the_same_to_a_client() -> None:
    for kind in ("query", "mutation", "action"):
        hidden = call(kind, getattr(internal.m, f"{kind[0]}_internal"), {"n": 1})
        missing = call(kind, "m:missing", {"n": 1})
        assert code(hidden) == code(missing) == "FunctionNotFound"
        assert str(hidden.error).startswith(f"Could not find public function for 'm:{kind[0]}Internal'")
        assert str(missing.error).startswith("Could not find public function for 'm:missing'")


def test_components_are_out_of_reach_for_clients() -> None:
    for name in (components.child.m.q_public, "function://child;m:qPublic", "child/m:qPublic", "function://;m:qPublic"):
        assert code(call("query", name, {"n": 1})) == "FunctionNotFound"


def test_a_client_must_know_what_kind_of_function_it_calls() -> None:
    for kind in ("query", "mutation", "action"):
        for other in {"q", "m", "a"} - {kind[0]}:
            assert code(call(kind, f"m:{other}Public", {"n": 1})) == "InvalidFunctionKind"


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("mutation", "m:mPubilc", "Could not find public function for 'm:mPubilc'. Did you mean 'm:mPublic'?"),
        ("mutation", api.m.m_pubilc, "Could not find public function for 'm:mPubilc'. Did you mean 'm:mPublic'?"),
        ("query", internal.m.q_internal, "Could not find public function for 'm:qInternal'. It is internal"),
        ("query", components.child.m.q_public, "Could not find public function for"),
        ("query", "m:mPublic", "m:mPublic is of the kind mutation, not query. Call it with mutation()."),
        ("action", api.m, "api.m names no function."),
    ],
)
def test_a_call_that_could_never_be_made_is_refused_where_it_is_written(kind: str, name: Any, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        run(APP, lambda world: getattr(world.client("c"), kind)(name, {"n": 1}))
    assert str(refused.value).startswith(f"The client 'c' cannot call that. {said}")
    assert any(entry.name == "<lambda>" for entry in refused.traceback)


# From function to function.

CALLERS = ["m:callFromMutation", "m:callFromAction"]


def via(caller: str, name: Any, kind: str, args: Any = None) -> Call:
    how = {"m:callFromMutation": "mutation", "m:callFromAction": "action", "m:callFromQuery": "query"}[caller]
    return call(how, caller, {"name": name, "kind": kind, "args": args if args is not None else {"n": 1}})


@pytest.mark.parametrize("caller", CALLERS)
def test_a_function_calls_any_function_of_its_own_component(caller: str) -> None:
    for kind in ("query", "mutation"):
        assert via(caller, f"m:{kind[0]}Public", kind).result == kind[0]
        assert via(caller, f"m:{kind[0]}Internal", kind).result == f"hidden {kind[0]}"


@pytest.mark.parametrize("where", ["mutation", "action"])
def test_of_a_child_only_public_functions_are_in_reach_and_of_a_grandchild_none(where: str) -> None:
    def body(world: World) -> None:
        for reference in (
            components.child.m.m_public,
            components.child.m.m_internal,
            components.grandchild.m.m_public,
            components.missing.m.m_public,
        ):
            getattr(world.client("c"), where)(f"m:to{where}", {"at": REFERENCES.index(reference)})

    result = run(REACHING, body)
    assert result.calls[0].outcome == Returned("m")
    assert [code(ended) for ended in result.calls[1:]] == ["InvalidReference"] * 3
    assert len(result.view.documents("items", "child")) == 1
    assert result.view.documents("items") == []


REFERENCES = [
    components.child.m.m_public,
    components.child.m.m_internal,
    components.grandchild.m.m_public,
    components.missing.m.m_public,
]


@mutation(args={"at": v.number()})
def tomutation(ctx: MutationCtx, at: int) -> Any:
    return ctx.run_mutation(REFERENCES[at], {"n": 1})


@action(args={"at": v.number()})
async def toaction(ctx: ActionCtx, at: int) -> Any:
    return await ctx.run_mutation(REFERENCES[at], {"n": 1})


REACHING = define_app({"m": module(tomutation, toaction)}, SCHEMA)
_child = define_component("child", {"m": FUNCTIONS}, SCHEMA)
_child.use(define_component("grandchild", {"m": FUNCTIONS}, SCHEMA))
REACHING.use(_child)


def test_nothing_leads_upwards_or_sideways_but_a_handle() -> None:
    def body(world: World) -> None:
        # A function of the child that is told to call by path finds only its own component.
        call_child = {"name": "function://child;m:callFromMutation", "kind": "mutation"}
        for name in (
            "m:missing",
            "function://;m:mInternal",
            "function://sibling;m:mInternal",
            "function://child/grandchild;m:mInternal",
        ):
            args = {"name": name, "kind": "mutation", "args": {"n": 1}}
            world.client("c").mutation(api.m.call_from_mutation, {**call_child, "args": args})

    result = run(APP, body)
    assert code(result.calls[0]) == "FunctionNotFound"
    assert [ended.result for ended in result.calls[1:]] == ["hidden m"] * 3
    for component in ("", "sibling", "child/grandchild"):
        assert len(result.view.documents("items", component)) == 1
    assert result.view.documents("items", "child") == []


@pytest.mark.parametrize("caller", CALLERS)
def test_a_handle_leads_anywhere_whoever_holds_it(caller: str) -> None:
    handle = call("mutation", "m:handleOf", {"name": "m:mInternal"}).result
    assert handle == "function://;m:mInternal" == str(internal.m.m_internal)
    assert str(components.child.m.add_items) == "function://child;m:addItems"
    for name in (handle, "function://child;m:mInternal", "function://child/grandchild;m:mInternal"):
        assert via(caller, name, "mutation").result == "hidden m"
    assert (
        call("mutation", "m:handleOf", {"name": "function://child;m:mInternal"}).result
        == "function://child;m:mInternal"
    )
    for wrong, expected in (
        ("function://child;m:gone", "FunctionHandleNotFound"),
        ("function://gone;m:mPublic", "FunctionHandleNotFound"),
        ("function://child", "InvalidFunctionHandle"),
        ("m:gone", "FunctionNotFound"),
    ):
        assert code(via(caller, wrong, "mutation")) == expected


def test_queries_and_actions_make_handles_too_of_what_is_in_reach() -> None:
    """convex-semantics 5.3."""

    @query
    def of_query(ctx: QueryCtx, child: str) -> list[str]:
        return [ctx.create_function_handle(getattr(components, child).m.m_public)]

    @action
    async def of_action(ctx: ActionCtx, child: str) -> list[str]:
        return [ctx.create_function_handle(name) for name in ("m:mInternal", getattr(components, child).m.m_public)]

    app = define_app({"m": FUNCTIONS, "own": module(of_query, of_action)}, SCHEMA)
    app.use(define_component("child", {"m": FUNCTIONS}, SCHEMA))

    def body(world: World) -> None:
        for child in ("child", "missing"):
            world.client("c").query("own:ofQuery", {"child": child})
            world.client("c").action("own:ofAction", {"child": child})

    first, second, *missing = run(app, body).calls
    assert first.result == ["function://child;m:mPublic"]
    assert second.result == ["function://;m:mInternal", "function://child;m:mPublic"]
    assert [code(ended) for ended in missing] == ["InvalidReference"] * 2


@pytest.mark.parametrize(
    ("caller", "name", "kind"),
    [
        ("m:callFromMutation", "m:aPublic", "mutation"),
        ("m:callFromMutation", "m:mPublic", "query"),
        ("m:callFromMutation", "m:qPublic", "mutation"),
        ("m:callFromQuery", "m:mPublic", "query"),
        ("m:callFromAction", "m:aPublic", "mutation"),
        ("m:callFromAction", "m:mPublic", "action"),
        ("m:callFromAction", "m:mPublic", "query"),
    ],
)
def test_a_function_is_called_as_what_it_is(caller: str, name: str, kind: str) -> None:
    assert code(via(caller, name, kind)) == "InvalidFunctionKind"


# Arguments and results.

WRONG_ARGS: list[Any] = [{}, {"n": "1"}, {"n": None}, {"n": 1, "m": 1}, [1], "n"]


@pytest.mark.parametrize("args", WRONG_ARGS)
@pytest.mark.parametrize("kind", ["query", "mutation", "action"])
def test_arguments_are_checked_at_every_edge(kind: str, args: Any) -> None:
    name = f"m:{kind[0]}Public"
    ended = [call(kind, name, args), via("m:callFromAction", name, kind, args)]
    if kind != "action":
        ended.append(via("m:callFromMutation", name, kind, args))
    if kind == "query":
        ended.append(via("m:callFromQuery", name, kind, args))
    assert [code(each) for each in ended] == ["ArgumentValidationError"] * len(ended)


@pytest.mark.parametrize("kind", ["query", "mutation", "action"])
def test_results_are_checked_at_every_edge(kind: str) -> None:
    name, args = f"m:{kind[0]}Public", {"n": 0}
    ended = [call(kind, name, args), via("m:callFromAction", name, kind, args)]
    if kind != "action":
        ended.append(via("m:callFromMutation", name, kind, args))
    assert [code(each) for each in ended] == ["ReturnsValidationError"] * len(ended)


@pytest.mark.parametrize("kind", ["query", "mutation", "action"])
def test_the_error_of_a_wrong_value_names_function_path_value_and_validator(kind: str) -> None:
    name = f"m:{kind[0]}Public"
    wrong_args, wrong_result = (str(call(kind, name, args).error) for args in ({"n": "x"}, {"n": 0}))
    assert wrong_args.startswith(f"ArgumentValidationError in {name}: ")
    assert wrong_args.endswith('Path: args.n, value: "x", validator: v.number()')
    assert wrong_result.startswith(f"ReturnsValidationError in {name}: ")
    assert wrong_result.endswith("Path: returns, value: 0, validator: v.string()")


def test_a_top_level_mutation_with_a_wrong_result_writes_nothing() -> None:
    result = run(APP, lambda world: world.client("c").mutation(api.m.m_public, {"n": 0}))
    assert result.view.documents("items") == []


@pytest.mark.parametrize("name", ["m:mPublic", "m:aPublic"])
def test_the_scheduler_checks_arguments_and_results_when_the_function_runs(name: str) -> None:
    for args, said in (({"n": "x"}, "ArgumentValidationError"), ({"n": 0}, "ReturnsValidationError")):
        result = run(APP, lambda world, a=args: world.client("c").mutation(api.m.schedule, {"name": name, "args": a}))  # type: ignore[misc] # bound early
        (row,) = result.view.scheduled_functions()
        assert isinstance(result.calls[0].outcome, Returned)
        assert row["state"]["kind"] == "failed"
        assert said in row["state"]["error"]
        assert result.view.documents("items") == []


def test_what_is_no_value_cannot_be_returned() -> None:
    def body(world: World) -> None:
        world.client("c").mutation("m:go")

    for rubbish in (object(), {1, 2}, {"x": UNDEFINED, "y": lambda: None}, [UNDEFINED], 2**60):
        app = define_app({"m": {"go": mutation(lambda ctx, r=rubbish: [ctx.db.insert("other", {}), r])}}, SCHEMA)
        result = run(app, body)
        assert code(result.calls[0]) == "InvalidArgument"
        assert result.view.documents("other") == []
    unfinished = define_app({"m": {"go": query(lambda ctx: ctx.db.query("items"))}}, SCHEMA)
    assert isinstance(run(unfinished, lambda world: world.client("c").query("m:go")).calls[0].outcome, Threw)


def test_nothing_returned_is_null() -> None:
    for nothing in (None, UNDEFINED):
        app = define_app({"m": {"go": mutation(lambda _, n=nothing: n)}}, SCHEMA)
        assert run(app, lambda world: world.client("c").mutation("m:go")).calls[0].outcome == Returned(None)


# Errors.

RAISED_ON_LINE = next(
    number
    for number, line in enumerate(Path(__file__).read_text(encoding="utf-8").splitlines(), 1)
    if line.endswith('else KeyError)("the message")')
)
SAID = {
    "value": ("Error", "the message"),
    "key": ("Error", f"KeyError: 'the message' (test_edges.py:{RAISED_ON_LINE})"),
    "platform": ("InvalidArgument", "'no id' is no document id."),
}


@pytest.mark.parametrize("what", SAID)
@pytest.mark.parametrize("how", ["throw", "nested_throw", "act_throw", "catch"])
def test_an_error_arrives_with_its_code_and_message_however_far_it_came(what: str, how: str) -> None:
    if how in ("throw", "nested_throw"):
        ended = call("mutation", getattr(api.m, how), {"what": what})
    elif how == "act_throw":
        ended = call("action", api.m.act_throw, {"what": what, "deep": True})
    else:
        assert tuple(call("action", api.m.catch, {"what": what}).result) == SAID[what]
        return
    assert isinstance(ended.outcome, Threw)
    assert (ended.outcome.failure.code, ended.outcome.failure.message) == SAID[what]
    with pytest.raises(FunctionError) as raised:
        _ = ended.result
    assert raised.value.code == SAID[what][0]


@pytest.mark.parametrize(("what", "data"), [("convex", DATA), ("undefined", None)])
def test_a_convex_error_keeps_its_data_however_far_it_came(what: str, data: Any) -> None:
    for kind, name, args in (
        ("mutation", api.m.throw, {"what": what}),
        ("mutation", api.m.nested_throw, {"what": what}),
        ("action", api.m.act_throw, {"what": what, "deep": True}),
    ):
        with pytest.raises(ConvexError) as raised:
            _ = call(kind, name, args).result
        assert raised.value.data == data
    assert call("action", api.m.catch, {"what": what}).result == ["ConvexError", data]


def test_a_convex_error_with_what_is_no_value_is_an_ordinary_failure_of_the_function() -> None:
    ended = call("mutation", api.m.throw, {"what": "rubbish"})
    assert isinstance(ended.outcome, Threw)


def test_a_client_script_gets_errors_as_exceptions() -> None:
    seen: list[Any] = []

    async def script(session: Session) -> None:
        try:
            await session.mutation(api.m.throw, {"what": "value"})
        except FunctionError as error:
            seen.append((error.code, error.message))
        try:
            await session.action(api.m.act_throw, {"what": "convex", "deep": True})
        except ConvexError as error:
            error.data["reason"].append("mine to change")
            seen.append(error.data)
        seen.append(await session.query(api.m.q_public, {"n": 3}))
        await session.mutation(api.m.throw, {"what": "value"})  # uncaught, it ends the script
        seen.append("never")

    result = run(APP, lambda world: world.client("c").run(script))
    assert seen == [("Error", "the message"), {"reason": [*DATA["reason"], "mine to change"]}, "qqq"]
    assert len(result.calls) == 4
    with pytest.raises(ConvexError) as raised:
        _ = result.calls[1].result
    assert raised.value.data == DATA


def test_a_scheduled_function_fails_with_the_message() -> None:
    for what in ("value", "convex", "platform"):
        args = {"name": "m:throw", "args": {"what": what}}
        result = run(APP, lambda world, a=args: world.client("c").mutation(api.m.schedule, a))  # type: ignore[misc] # bound early
        (row,) = result.view.scheduled_functions()
        assert states(result) == {"throw": "failed"}
        assert ("the message" if what == "value" else "no" if what == "convex" else "no id") in row["state"]["error"]
