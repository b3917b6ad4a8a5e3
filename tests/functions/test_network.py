"""The stub network: what `ctx.fetch` sends, what the scenario answers, and that each exchange is a step of its own.

Source: architecture.md 4 ("ctx.fetch in an action goes to a stub network that the scenario provides; each call is a
step") and 6.4; convex-semantics 1.4 says what fetch is in queries and mutations (tests/functions/test_contexts.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    Exhaustive,
    Faults,
    FunctionError,
    MutationCtx,
    NetworkError,
    Platform,
    Request,
    Response,
    Run,
    Scenario,
    Simulation,
    UsageError,
    View,
    World,
    action,
    check,
    define_app,
    define_schema,
    define_table,
    eventually,
    gather,
    mutation,
    query,
    story,
    v,
)
from convexsim.functions import executor as x
from convexsim.functions.define import foreign_function
from convexsim.functions.outcome import Returned, Threw
from convexsim.trace.event import Stepped
from tests.support import app_of, events_of, run

HOOK = "https://example.com/hook"
OTHER = "https://example.com/other"


def exchange(handler: Callable[[ActionCtx], Any], routes: Any, **how: Any) -> Run:
    """Have a client run a handler as an action in a world with this network."""

    def body(world: World) -> None:
        if routes is not None:
            world.network(routes)
        world.client("a").action("m:go")

    given = Scenario("test", define_app({"m": {"go": action(handler)}}), body, (), Platform(), "")
    return Simulation(given, **how).run()


def result_of(handler: Callable[[ActionCtx], Any], routes: Any) -> Any:
    return exchange(handler, routes).calls[0].result


# What comes back.


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(), [200, True, None, "", None]),
        (Response(201, '{"a": [1, 2.5]}'), [201, True, '{"a": [1, 2.5]}', '{"a": [1, 2.5]}', {"a": [1, 2.5]}]),
        (Response(299, {"a": [1.0]}), [299, True, {"a": [1]}, '{"a":[1]}', {"a": [1]}]),
        (Response(300, b"[true]"), [300, False, b"[true]", "[true]", [True]]),
        (Response(503, 7), [503, False, 7, "7", 7]),
    ],
)
def test_a_response_has_a_status_and_a_body(response: Response, expected: list[Any]) -> None:
    async def go(ctx: ActionCtx) -> Any:
        got = await ctx.fetch(HOOK)
        return [got.status, got.ok, got.body, got.text(), got.json()]

    assert result_of(go, {HOOK: response}) == expected


def test_text_that_is_no_json_is_the_functions_failure() -> None:
    async def go(ctx: ActionCtx) -> Any:
        return (await ctx.fetch(HOOK)).json()

    assert "JSONDecodeError" in str(exchange(go, {HOOK: Response(200, "<html>")}).calls[0].error)


@pytest.mark.parametrize("status", [199, 600, 0, -1, "200", True])
def test_a_status_is_one_of_http(status: Any) -> None:
    with pytest.raises(UsageError, match=r"There is no Response\(status="):
        Response(status)


def test_a_list_is_used_up_in_order_and_one_answer_is_for_all() -> None:
    async def go(ctx: ActionCtx) -> Any:
        urls = [HOOK, OTHER, HOOK, OTHER, OTHER]
        return [(await ctx.fetch(url)).body for url in urls]

    routes = {HOOK: [Response(200, "first"), Response(200, "second")], OTHER: Response(200, "same")}
    assert result_of(go, routes) == ["first", "same", "second", "same", "same"]


async def fetch_both(ctx: ActionCtx) -> Any:
    first = await ctx.fetch(HOOK, method="put", body={"n": 1.0}, headers={"X-Key": "k"})
    return [first.body, first.headers["x-seen"], (await ctx.fetch(OTHER)).body]


def mirror(request: Request) -> Response:
    return Response(200, [request.method, request.body], {"X-Seen": request.headers.get("x-key", "")})


@pytest.mark.parametrize("routes", [mirror, {HOOK: mirror, OTHER: mirror}], ids=["one for all", "one a route"])
def test_a_function_answers_by_the_request(routes: Any) -> None:
    assert result_of(fetch_both, routes) == [["PUT", {"n": 1}], "k", ["GET", None]]


@pytest.mark.parametrize("raised", [True, False])
def test_a_request_may_get_no_response(raised: bool) -> None:  # noqa: FBT001 - a parameter of the test
    def silent(request: Request) -> Any:
        error = NetworkError(f"timeout of {request.url}")
        if raised:
            raise error
        return error

    async def go(ctx: ActionCtx) -> Any:
        try:
            await ctx.fetch(HOOK)
        except NetworkError as error:
            return [error.message, isinstance(error, FunctionError)]

    ended = exchange(go, silent)
    assert ended.calls[0].result == [f"timeout of {HOOK}", True]
    assert ended.view.requests() == [Request(HOOK)]


def test_uncaught_it_fails_the_action_and_the_request_has_been_sent() -> None:
    async def go(ctx: ActionCtx) -> Any:
        await ctx.fetch(HOOK)

    ended = exchange(go, {HOOK: [NetworkError("timeout")]})
    outcome = ended.calls[0].outcome
    assert isinstance(outcome, Threw)
    assert (outcome.failure.code, outcome.failure.message) == ("NetworkError", "timeout")
    assert ended.view.requests() == [Request(HOOK)]


def test_what_a_handler_does_to_a_response_is_its_own_affair() -> None:
    async def go(ctx: ActionCtx) -> Any:
        first = await ctx.fetch(HOOK)
        first.body["a"].append("mine")
        first.json()["a"].append("mine")
        return (await ctx.fetch(HOOK)).body

    constant = Response(200, {"a": []})
    assert result_of(go, {HOOK: constant}) == {"a": []}
    assert constant.body == {"a": []}


# What was sent.


def test_requests_are_recorded_in_order_as_copies() -> None:
    def meddling(request: Request) -> Response:
        request.body["n"] = "meddled with"
        return Response()

    async def go(ctx: ActionCtx) -> None:
        body = {"n": 1}
        sent = [ctx.fetch(url, method="POST", body=body) for url in (OTHER, HOOK, OTHER)]
        body["n"] = 2
        await gather(*sent)

    ended = exchange(go, meddling)
    assert [(request.url, request.body) for request in ended.view.requests()] == [
        (OTHER, {"n": 1}), (HOOK, {"n": 1}), (OTHER, {"n": 1}),
    ]  # fmt: skip
    assert len(ended.view.requests(OTHER)) == 2
    ended.view.requests(HOOK)[0].body["n"] = "mine"
    assert ended.view.requests(HOOK) == [Request(HOOK, "POST", {}, {"n": 1})]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda ctx: ctx.fetch("/hook"), "Give a whole one"),
        (lambda ctx: ctx.fetch(None), "Give a whole one"),
        (lambda ctx: ctx.fetch(HOOK, method=None), '"POST"'),
        (lambda ctx: ctx.fetch(HOOK, body="text"), 'Pass method="POST"'),
        (lambda ctx: ctx.fetch(HOOK, method="head", body=""), 'Pass method="POST"'),
        (lambda ctx: ctx.fetch(HOOK, method="POST", body=object()), "not a supported Convex type"),
    ],
)
def test_a_request_that_cannot_be_fails_the_action(call: Callable[[Any], Any], said: str) -> None:
    async def go(ctx: ActionCtx) -> Any:
        await call(ctx)

    ended = exchange(go, mirror)
    assert said in str(ended.calls[0].error)
    assert ended.view.requests() == []


# What the scenario has not said.


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        (None, [f"no answer for POST {HOOK}", f'world.network({{"{HOOK}": Response(200, "...")}})']),
        ({"http://z.test": Response()}, [f"no answer for POST {HOOK}", "There are: http://z.test"]),
        ({HOOK + "s": Response()}, [f"Did you mean '{HOOK}s'?"]),
        ({HOOK: []}, [f"POST {HOOK} is request 1 to an address with 0 answers", "not in a list"]),
        ({HOOK: "yes"}, [f"answers POST {HOOK} with str", "a Response, or with a NetworkError"]),
        (lambda _: None, ["with NoneType"]),
        (lambda request: request.body["missing"], [f"failed at POST {HOOK}: KeyError: 'missing'"]),
    ],
)
def test_an_answer_that_is_missing_or_wrong_ends_the_run(routes: Any, said: list[str]) -> None:
    async def go(ctx: ActionCtx) -> Any:
        try:
            await ctx.fetch(HOOK, method="POST", body={})
        except Exception:  # noqa: BLE001 - it must not help
            return "swallowed"

    with pytest.raises(UsageError) as raised:
        exchange(go, routes)
    for words in said:
        assert words in str(raised.value)


def test_a_world_has_one_network() -> None:
    def body(world: World) -> None:
        world.network({})
        world.network({})

    with pytest.raises(UsageError, match="already has a network"):
        run(app_of(), body)


# Steps.


@mutation(args={"id": v.string()})
def claim(ctx: MutationCtx, id: str) -> bool:  # noqa: A002 - Convex's spelling
    if ctx.db.query("sent").collect():
        return False
    ctx.db.insert("sent", {"id": id})
    return True


@query
def is_sent(ctx: Any) -> bool:
    return bool(ctx.db.query("sent").collect())


@action
async def careless(ctx: ActionCtx) -> None:
    """Look, send, note: an action is no transaction."""
    if not await ctx.run_query("m:isSent"):
        await ctx.fetch(HOOK, method="POST", body="careless")
        await ctx.run_mutation("m:claim", {"id": "careless"})


@action
async def careful(ctx: ActionCtx) -> None:
    """Claim first."""
    if await ctx.run_mutation("m:claim", {"id": "careful"}):
        await ctx.fetch(HOOK, method="POST", body="careful")


WEBHOOKS = app_of(define_schema({"sent": define_table({"id": v.string()})}), claim, is_sent, careless, careful)


@eventually
def sent_once(view: View) -> bool:
    """The hook hears of it at most once."""
    return len(view.requests(HOOK)) <= 1


@pytest.mark.parametrize(("name", "holds"), [("careless", False), ("careful", True)])
@pytest.mark.parametrize("level", [2, 3])
def test_each_exchange_is_a_step_between_which_others_run(name: str, holds: bool, level: int) -> None:  # noqa: FBT001
    def body(world: World) -> None:
        world.network({HOOK: Response()})
        for client in "ab":
            world.client(client).action(f"m:{name}")

    given = Scenario(name, WEBHOOKS, body, (), Platform(), "")
    counts: set[int] = set()
    report = check(given, Exhaustive(), level=level, on_run=lambda _, ended: counts.add(len(ended.view.requests(HOOK))))
    assert report.exhausted
    assert counts == ({1} if holds else {1, 2})
    judged = check(Scenario(name, WEBHOOKS, body, (sent_once,), Platform(), ""), Exhaustive(), level=level)
    assert (judged.finding is None) is holds


@action
async def send(ctx: ActionCtx, by: str) -> None:
    await ctx.fetch(HOOK, method="POST", body=by)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_requests_arrive_in_every_order(level: int) -> None:
    def body(world: World) -> None:
        world.network({HOOK: Response()})
        for client in "ab":
            world.client(client).action("m:send", {"by": client})

    orders: set[str] = set()

    def look(_: Any, ended: Run) -> None:
        orders.add("".join(request.body for request in ended.view.requests()))

    check(Scenario("test", app_of(None, send), body, (), Platform(), ""), Exhaustive(), level=level, on_run=look)
    assert orders == {"ab", "ba"}


def test_the_backend_may_die_before_a_request_arrives_or_before_its_response_does() -> None:
    def body(world: World) -> None:
        world.network({HOOK: Response()})
        world.client("a").action("m:send", {"by": "a"})

    ends: set[tuple[int, bool]] = set()

    def look(_: Any, ended: Run) -> None:
        ends.add((len(ended.view.requests()), ended.calls[0].error is None))

    given = Scenario("test", app_of(None, send), body, (), Platform(), "", faults=Faults(restarts=1))
    assert check(given, Exhaustive(), on_run=look).exhausted
    assert ends == {(1, True), (0, False), (1, False)}


def test_a_request_is_one_step_of_the_outside() -> None:
    async def go(ctx: ActionCtx) -> None:
        await ctx.fetch(HOOK)

    ended = exchange(go, mirror, level=3)
    steps = [step for step in events_of(ended, Stepped) if step.activity == "a.1.1"]
    assert [(step.actor, step.phase) for step in steps] == [("Outside", "external")]


def test_the_story_tells_of_requests_and_answers() -> None:
    async def go(ctx: ActionCtx) -> None:
        await ctx.fetch(HOOK, method="POST", body={"n": 1})
        await ctx.fetch(HOOK)

    ended = exchange(go, {HOOK: [Response(200, {"ok": True}), NetworkError("timeout")]})
    assert ended.trace is not None
    lines = [" ".join(line.split()) for line in story(ended.trace).splitlines()]
    at = lines.index(f"a.1.1 sends POST {HOOK} {{n: 1}}")
    assert lines[at + 1 : at + 4] == ["gets 200 {ok: true}", f"a.1.2 sends GET {HOOK}", "gets no response: timeout"]


def test_on_threads_too() -> None:
    async def go(ctx: ActionCtx) -> Any:
        answers = await gather(*(ctx.fetch(HOOK, method="POST", body=n) for n in range(20)))
        return [answer.body[1] for answer in answers]

    ended = exchange(go, mirror, mode="threads")
    assert ended.calls[0].result == list(range(20))
    assert sorted(request.body for request in ended.view.requests()) == list(range(20))


# Handlers that are not Python.


class Asks:
    """A foreign handler that sends one request and returns the answer's status."""

    def new_executor(self) -> Asks:
        return self

    def start(self, args: dict[str, Any], now: float, seed: str) -> x.Requests:
        return x.Requests((x.Fetch(Request(HOOK)),))

    def resume(self, answers: tuple[Any, ...]) -> Returned | Threw:
        (answer,) = answers
        return Threw(answer.failure) if isinstance(answer, Threw) else Returned(answer.value.status)


@pytest.mark.parametrize("kind", ["query", "mutation", "action"])
def test_foreign_handlers_fetch_in_actions_only(kind: Any) -> None:
    def body(world: World) -> None:
        world.network(mirror)
        getattr(world.client("a"), kind)("m:go")

    (call,) = run(define_app({"m": {"go": foreign_function(kind, Asks())}}), body).calls
    if kind == "action":
        assert call.result == 200
    else:
        assert isinstance(call.outcome, Threw)
        assert call.outcome.failure.code == "NoFetchInQueriesOrMutations"
