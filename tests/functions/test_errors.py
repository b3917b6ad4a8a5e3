"""What a function throws, on its way across every edge: the code, the message and the data with which it arrives.

Source: convex-semantics 6.2 (a new error with the old message; a ConvexError keeps its data, undefined as null), 2 (a
throw is never retried), 3.2 and 4 (rows of scheduled functions and crons). Whom one may call stands in test_edges.py.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from convexsim import (
    UNDEFINED,
    ActionCtx,
    ConvexError,
    FunctionError,
    MutationCtx,
    Platform,
    PlatformError,
    QueryCtx,
    Response,
    Scenario,
    Session,
    Simulation,
    UsageError,
    World,
    action,
    cron_schedule,
    define_app,
    define_schema,
    define_table,
    gather,
    mutation,
    query,
    v,
)
from convexsim.functions.outcome import Failure, Threw
from convexsim.functions.spelling import to_camel
from convexsim.trace.event import Aborted, Began
from tests.support import app_of, events_of, module, run

SCHEMA = define_schema({"items": define_table({"n": v.number()})})
DATA = {"code": 5, "why": ["no", None, True]}
HERE = r"\(test_errors\.py:\d+\)"

THROWN: dict[str, tuple[str, str, Any]] = {
    "convex": ("ConvexError", re.escape('{"code":5,"why":["no",null,true]}'), DATA),
    "text": ("ConvexError", "only words", "only words"),
    "undefined": ("ConvexError", "null", None),
    "no value": ("InvalidArgument", "A ConvexError carries what is no Convex value.", None),
    "value": ("Error", "refused", None),
    "key": ("Error", rf"KeyError: 'missing' {HERE}", None),
    "own class": ("Error", rf"OwnError: mine {HERE}", None),
    "platform": ("InvalidArgument", "'no id' is no document id", None),
    "args": ("ArgumentValidationError", "ArgumentValidationError in m:", None),
    "returns": ("ReturnsValidationError", "ReturnsValidationError in m:", None),
}
"""By what is thrown: the code, a pattern of the message, and the data with which it arrives."""


class OwnError(LookupError):
    """An exception of the author's own."""


def throw(ctx: QueryCtx | ActionCtx, what: str) -> Any:
    """Throw, or return what the validator of the function refuses."""
    thrown: dict[str, Exception] = {
        "convex": ConvexError(DATA),
        "text": ConvexError("only words"),
        "undefined": ConvexError(UNDEFINED),
        "no value": ConvexError({"x": object()}),
        "value": ValueError("refused"),
        "key": KeyError("missing"),
        "own class": OwnError("mine"),
        "platform": PlatformError("'no id' is no document id.", code="InvalidArgument"),
    }
    if what in thrown:
        raise thrown[what]
    return 5


@query(args={"what": v.string()}, returns=v.null())
def throw_q(ctx: QueryCtx, what: str) -> Any:
    return ctx.db.get("no id") if what == "platform" else throw(ctx, what)


@mutation(args={"what": v.string()}, returns=v.null())
def throw_m(ctx: MutationCtx, what: str) -> Any:
    ctx.db.insert("items", {"n": 666})
    return throw_q.handler(ctx, what)


@action(args={"what": v.string()}, returns=v.null())
async def throw_a(ctx: ActionCtx, what: str) -> Any:
    return throw(ctx, what)


def args_of(what: str) -> dict[str, Any]:
    return {"what": 1} if what == "args" else {"what": what}


def facts(error: ConvexError | FunctionError | PlatformError) -> list[Any]:
    """Return what arrived at a handler, as data: code, message and data."""
    if isinstance(error, ConvexError):
        return ["ConvexError", None, error.data]
    return [error.code, str(error), None]


def calling(ctx: QueryCtx, kind: str, what: str) -> Any:
    try:
        return getattr(ctx, f"run_{kind}")(f"m:throw{kind[0].upper()}", args_of(what))
    except (ConvexError, FunctionError, PlatformError) as error:
        return facts(error)


@query(args={"kind": v.string(), "what": v.string()})
def from_query(ctx: QueryCtx, kind: str, what: str) -> Any:
    return calling(ctx, kind, what)


@mutation(args={"kind": v.string(), "what": v.string()})
def from_mutation(ctx: MutationCtx, kind: str, what: str) -> Any:
    ctx.db.insert("items", {"n": 1})
    return calling(ctx, kind, what)


@action(args={"kind": v.string(), "what": v.string()})
async def from_action(ctx: ActionCtx, kind: str, what: str) -> Any:
    try:
        return await getattr(ctx, f"run_{kind}")(f"m:throw{kind[0].upper()}", args_of(what))
    except (ConvexError, FunctionError, PlatformError) as error:
        return facts(error)


@action(args={"kind": v.string(), "what": v.string()})
async def from_gather(ctx: ActionCtx, kind: str, what: str) -> Any:
    try:
        return await gather(ctx.sleep(1), getattr(ctx, f"run_{kind}")(f"m:throw{kind[0].upper()}", args_of(what)))
    except (ConvexError, FunctionError, PlatformError) as error:
        return facts(error)


@mutation(args={"kind": v.string(), "what": v.string()})
def schedule(ctx: MutationCtx, kind: str, what: str) -> None:
    ctx.scheduler.run_after(0, f"m:throw{kind[0].upper()}", args_of(what))


FUNCTIONS = module(throw_q, throw_m, throw_a, from_query, from_mutation, from_action, from_gather, schedule)
APP = define_app({"m": FUNCTIONS}, SCHEMA)

EDGES = [
    ("query", "from_query", "query"),
    ("mutation", "from_mutation", "query"),
    ("mutation", "from_mutation", "mutation"),
    *[
        ("action", caller, kind)
        for caller in ("from_action", "from_gather")
        for kind in ("query", "mutation", "action")
    ],
]


@pytest.mark.parametrize("what", THROWN)
@pytest.mark.parametrize(("how", "caller", "kind"), EDGES, ids=str)
def test_from_function_to_function(how: str, caller: str, kind: str, what: str) -> None:
    """It can be caught there; what the callee wrote is gone, what the caller wrote is not."""
    code, message, data = THROWN[what]

    def body(world: World) -> None:
        getattr(world.client("c"), how)(f"m:{to_camel(caller)}", {"kind": kind, "what": what})

    ended = run(APP, body)
    caught = ended.calls[0].result
    assert [caught[0], caught[2]] == [code, data]
    assert caught[1] is None if code == "ConvexError" else re.match(message, caught[1])
    left = [1] if caller == "from_mutation" else []
    left += [666] if (caller, kind, what) == ("from_mutation", "mutation", "returns") else []  # convex-semantics 5.2
    assert [row["n"] for row in ended.view.documents("items")] == left


@pytest.mark.parametrize("what", THROWN)
@pytest.mark.parametrize("kind", ["query", "mutation", "action"])
def test_from_function_to_client(kind: str, what: str) -> None:
    """As an outcome, and as an exception of a script; nothing is left of it, and nobody tries again."""
    seen: list[Any] = []
    name = f"m:throw{kind[0].upper()}"

    async def script(session: Session) -> None:
        try:
            await getattr(session, kind)(name, args_of(what))
        except (ConvexError, FunctionError) as error:
            seen.append(facts(error))

    def body(world: World) -> None:
        getattr(world.client("c"), kind)(name, args_of(what))
        world.client("s").run(script)

    ended = run(APP, body)
    code, message, data = THROWN[what]
    assert_failed(ended.calls[0].outcome, what)
    assert [seen[0][0], seen[0][2]] == [code, data]
    assert code == "ConvexError" or re.match(message, seen[0][1])
    assert ended.view.documents("items") == []
    assert len(list(events_of(ended, Began))) == len(list(events_of(ended, Aborted))) == (0 if kind == "action" else 2)


def assert_failed(outcome: Any, what: str) -> None:
    code, message, data = THROWN[what]
    assert isinstance(outcome, Threw)
    assert outcome.failure == Failure(code, outcome.failure.message, data)
    assert re.match(message, outcome.failure.message)


@pytest.mark.parametrize("what", THROWN)
@pytest.mark.parametrize("kind", ["mutation", "action"])
def test_from_scheduled_function_to_its_row(kind: str, what: str) -> None:
    ended = run(APP, lambda world: world.client("c").mutation("m:schedule", {"kind": kind, "what": what}))
    (row,) = ended.view.scheduled_functions()
    assert row["state"]["kind"] == "failed"
    assert re.match(THROWN[what][1], row["state"]["error"])
    assert ended.calls[0].error is None
    assert ended.view.documents("items") == []
    (answered,) = ended.view.answers(f"m:throw{kind[0].upper()}")
    assert_failed(answered.outcome, what)


@pytest.mark.parametrize("what", [what for what in THROWN if what != "args"])  # such a cron is refused before it runs
@pytest.mark.parametrize("kind", ["mutation", "action"])
def test_from_cron_to_its_log(kind: str, what: str) -> None:
    crons = cron_schedule()
    crons.interval("failing", {"seconds": 1}, f"m:throw{kind[0].upper()}", args_of(what))
    app = define_app({"m": FUNCTIONS}, SCHEMA, crons=crons)
    ended = Simulation(Scenario("test", app, lambda _: None, (), Platform(), "", until_ms=500)).run()
    (row,) = ended.view.documents("_cron_jobs")
    assert [entry["status"]["kind"] for entry in row["log"]] == ["err"]
    assert re.match(THROWN[what][1], row["log"][0]["status"]["error"])
    assert ended.view.documents("items") == []


# Calls that nobody awaits (convex-semantics 1.4, architecture.md 4).


@mutation(args={"n": v.number()})
def put(ctx: MutationCtx, n: int) -> str:
    return ctx.db.insert("items", {"n": n})


@action
async def put_in_action(ctx: ActionCtx) -> None:
    await ctx.run_mutation("m:put", {"n": 2})


LEFT_ALONE: dict[str, Any] = {
    "mutation": lambda ctx: ctx.run_mutation("m:put", {"n": 1}),
    "action": lambda ctx: ctx.run_action("m:putInAction"),
    "scheduler": lambda ctx: ctx.scheduler.run_after(5, "m:put", {"n": 3}),
    "external": lambda ctx: ctx.external("ledger").append("noted"),
    "fetch": lambda ctx: ctx.fetch("https://example.com/hook", method="POST"),
}


@pytest.mark.parametrize("ending", ["returns", "throws"])
@pytest.mark.parametrize("names", [*([name] for name in LEFT_ALONE), list(LEFT_ALONE)], ids="+".join)
def test_a_call_that_nobody_awaits_runs_however_the_action_ends(names: list[str], ending: str) -> None:
    @action
    async def go(ctx: ActionCtx) -> str:
        for name in names:
            LEFT_ALONE[name](ctx)
        if ending == "throws":
            raise ValueError("off")
        return "done"

    def body(world: World) -> None:
        world.external("ledger")
        world.network(lambda _: Response())
        world.client("a").action("m:go")

    ended = run(app_of(SCHEMA, put, put_in_action, go), body)
    (call,) = ended.calls
    assert call.error == "off" if ending == "throws" else call.result == "done"
    expected = [n for name, n in (("mutation", 1), ("action", 2), ("scheduler", 3)) if name in names]
    assert [row["n"] for row in ended.view.documents("items")] == expected
    assert ended.view.external("ledger") == (["noted"] if "external" in names else [])
    assert len(ended.view.requests()) == (1 if "fetch" in names else 0)


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_an_answer_that_nobody_has_awaited_is_not_true_or_false(name: str) -> None:
    @action
    async def go(ctx: ActionCtx) -> str:
        return "yes" if LEFT_ALONE[name](ctx) else "no"

    def body(world: World) -> None:
        world.external("ledger")
        world.network(lambda _: Response())
        world.client("a").action("m:go")

    with pytest.raises(UsageError, match="before anybody awaited it"):
        run(app_of(SCHEMA, put, put_in_action, go), body)


@pytest.mark.parametrize("what", THROWN)
def test_what_a_call_throws_that_nobody_awaits_nobody_hears(what: str) -> None:
    @action
    async def go(ctx: ActionCtx) -> str:
        ctx.run_mutation("m:throwM", args_of(what))
        ctx.run_mutation("m:missing")
        await ctx.sleep(10)
        return "done"

    ended = run(define_app({"m": {**FUNCTIONS, "go": go}}, SCHEMA), lambda world: world.client("a").action("m:go"))
    assert ended.calls[0].result == "done"
    (answered,) = ended.view.answers("m:throwM")
    assert_failed(answered.outcome, what)
    assert ended.view.documents("items") == []
