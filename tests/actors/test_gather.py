"""`gather`: Promise.all in Python, in actions and clients' scripts, step by step and on threads (architecture.md 4).

Results stand in the order of the arguments, the first failure in time decides, and nothing that was begun is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    Component,
    ConvexError,
    Exhaustive,
    Faults,
    FunctionError,
    MutationCtx,
    Platform,
    QueryCtx,
    Run,
    Scenario,
    Session,
    Simulation,
    UsageError,
    View,
    World,
    action,
    always,
    api,
    check,
    define_app,
    define_schema,
    define_table,
    gather,
    mutation,
    query,
)
from convexsim.actors.threads import Threads
from convexsim.choices import Choices, FirstChoices, ListedChoices, RandomChoices
from convexsim.functions.outcome import Threw
from convexsim.trace.event import Ended, Faulted, json_lines
from tests.support import events_of, module, run

MODES: list[Any] = ["stepped", Threads(speed=1_000)]  # on threads nothing says who is faster: only what is is compared
both = pytest.mark.parametrize("mode", MODES, ids=["stepped", "threads"])


@mutation
def note(ctx: MutationCtx, text: str) -> str:
    ctx.external("notes").append(text)
    return text


@mutation
def fail(ctx: MutationCtx, text: str) -> None:
    raise ConvexError(text)


def noted(ctx: ActionCtx, text: str) -> Any:
    return ctx.run_mutation(api.m.note, {"text": text})


async def later(ctx: ActionCtx, delay_ms: float, text: str) -> str:
    """Wait, note, and return or, if the text is a warning, throw."""
    await ctx.sleep(delay_ms)
    await noted(ctx, text)
    if text.endswith("!"):
        raise ConvexError(text)
    return text


def perform(handler: Callable[[ActionCtx], Any], mode: Any = "stepped", choices: Choices | None = None) -> Run:
    """Have a client run a handler as an action."""
    app = define_app({"m": {**module(note, fail), "go": action(handler)}})
    return simulate(app, lambda world: world.client("a").action("m:go"), mode, choices)


def simulate(app: Component, body: Callable[[World], Any], mode: Any, choices: Choices | None = None) -> Run:
    def whole(world: World) -> None:
        world.external("notes")
        body(world)

    given = Scenario("test", app, whole, (), Platform(), "")
    return Simulation(given, choices if choices is not None else FirstChoices(), mode=mode).run()


def notes(ended: Run) -> list[str]:
    return [str(text) for text in ended.view.external("notes")]


def told(ended: Run, mode: Any) -> list[str]:
    return told_in(notes(ended), mode)


def told_in(order: list[str], mode: Any) -> list[str]:
    return order if mode == "stepped" else sorted(order)


@both
def test_results_stand_in_the_order_of_the_arguments(mode: Any) -> None:
    async def go(ctx: ActionCtx) -> Any:
        return await gather(later(ctx, 900, "slow"), noted(ctx, "call"), ctx.sleep(300), later(ctx, 600, "fast"))

    ended = perform(go, mode)
    assert ended.calls[0].result == ["slow", "call", None, "fast"]
    assert told(ended, mode) == told_in(["call", "fast", "slow"], mode)


@both
def test_gathering_nothing_gives_nothing(mode: Any) -> None:
    async def go(ctx: ActionCtx) -> Any:
        return [await gather(), await gather(gather(), gather())]

    assert perform(go, mode).calls[0].result == [[], [[], []]]


@both
def test_gathers_nest(mode: Any) -> None:
    async def go(ctx: ActionCtx) -> Any:
        async def inner(text: str) -> Any:
            return await gather(later(ctx, 300, text + "1"), noted(ctx, text + "2"))

        return await gather(gather(inner("a"), noted(ctx, "b")), inner("c"), gather(ctx.sleep(1)))

    assert perform(go, mode).calls[0].result == [[["a1", "a2"], "b"], ["c1", "c2"], [None]]


@both
def test_the_first_failure_in_time_is_thrown_and_the_others_go_on(mode: Any) -> None:
    """Also where its place is not the first, and whatever the others come to."""

    async def go(ctx: ActionCtx) -> Any:
        try:
            await gather(later(ctx, 900, "late!"), later(ctx, 600, "fine"), later(ctx, 300, "early!"))
        except ConvexError as error:
            await noted(ctx, "caught")
            return error.data
        return "nothing thrown"

    ended = perform(go, mode)
    assert ended.calls[0].result in (["early!"] if mode == "stepped" else ["early!", "late!"])
    assert told(ended, mode) == told_in(["early!", "caught", "fine", "late!"], mode)


@both
def test_what_was_begun_goes_on_after_the_end_of_the_action(mode: Any) -> None:
    async def go(ctx: ActionCtx) -> Any:
        await gather(later(ctx, 300, "early!"), later(ctx, 900, "still runs"), noted(ctx, "call"))

    ended = perform(go, mode)
    with pytest.raises(ConvexError, match="early!"):
        _ = ended.calls[0].result
    assert told(ended, mode) == told_in(["call", "early!", "still runs"], mode)


def test_which_failure_comes_first_is_the_choices_to_say() -> None:
    """Two calls race; the error is that of the one that ended first, and both happen."""

    async def go(ctx: ActionCtx) -> Any:
        calls = [ctx.run_mutation(api.m.fail, {"text": text}) for text in ("x", "y", "z")]
        try:
            await gather(*calls)
        except ConvexError as error:
            return error.data

    seen = set()
    for seed in range(30):
        ended = perform(go, choices=RandomChoices(seed))
        first = next(events_of(ended, Ended))
        assert ended.calls[0].result == {"a.1.1": "x", "a.1.2": "y", "a.1.3": "z"}[first.activity]
        assert len(list(events_of(ended, Ended))) == 4
        seen.add(ended.calls[0].result)
    assert seen == {"x", "y", "z"}


def test_the_same_choices_give_the_same_run() -> None:
    async def go(ctx: ActionCtx) -> Any:
        return await gather(*(later(ctx, delay, f"{delay}") for delay in (2, 1, 0)), noted(ctx, "call"))

    orders = set()
    for seed in range(20):
        one, other = (perform(go, choices=RandomChoices(seed)) for _ in range(2))
        assert one.trace is not None
        assert other.trace is not None
        assert json_lines(one.trace) == json_lines(other.trace)
        assert one.calls[0].result == ["2", "1", "0", "call"]
        orders.add(tuple(notes(one)))
    assert len(orders) == 2  # what waits for nothing races with the call


def test_calls_are_sent_before_anybody_waits_and_coroutines_begin_in_order() -> None:
    async def go(ctx: ActionCtx) -> None:
        async def helper(text: str) -> None:
            await noted(ctx, text)

        gathering = gather(helper("first"), noted(ctx, "sent"), helper("second"))
        ctx.log("not yet awaited")
        await gathering

    assert notes(perform(go)) == ["sent", "first", "second"]


# Clients.


@both
def test_a_script_gathers_too(mode: Any) -> None:
    seen: list[Any] = []

    async def script(session: Session) -> None:
        seen.extend(await gather(*(session.mutation(api.m.note, {"text": text}) for text in "xyz")))
        try:
            await gather(session.sleep(1), session.mutation(api.m.missing), session.mutation(api.m.note, {"text": "w"}))
        except FunctionError as error:
            seen.append(error.code)

    ended = simulate(define_app({"m": module(note)}), lambda world: world.client("c").run(script), mode)
    assert seen == ["x", "y", "z", "FunctionNotFound"]
    assert sorted(notes(ended)) == ["w", "x", "y", "z"]
    assert [call.activity for call in ended.calls] == ["c.1", "c.2", "c.3", "c.4", "c.5"]


@query
def look(ctx: QueryCtx, text: str) -> str:
    ctx.external("notes").append(text)
    return text


@action
async def act(ctx: ActionCtx, text: str) -> str:
    await ctx.external("notes").append(text)
    return text


CALLS = define_app({"m": module(note, look, act, fail)})


@pytest.mark.parametrize(("how", "name"), [("query", "look"), ("action", "act"), ("mutation", "note")])
@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("faults", [Faults(), Faults(disconnects=1)], ids=str)
def test_gathered_calls_of_a_client_run_side_by_side_but_for_mutations(
    how: str, name: str, kind: Any, faults: Faults
) -> None:
    """Mutations of one client run one at a time and in the order of submission (convex-semantics 2)."""

    async def script(session: Session) -> None:
        await gather(*(getattr(session, how)(f"m:{name}", {"text": text}) for text in "xyz"))

    def body(world: World) -> None:
        world.external("notes")
        world.client("c", kind=kind).run(script)

    orders = set()
    for seed in range(100):
        given = Scenario("test", CALLS, body, (), Platform(), "", faults=faults)
        orders.add("".join(notes(Simulation(given, RandomChoices(seed)).run())))
    if how == "mutation":
        assert orders == {"xyz"} if kind == "websocket" or not faults else {"xyz", "xy", "xz", "yz"}
    else:
        assert {order for order in orders if len(order) == 3} >= {"xyz", "xzy", "yxz", "yzx", "zxy", "zyx"}


def test_a_mutation_that_fails_does_not_hold_up_the_next_and_queries_do_not_wait() -> None:
    async def script(session: Session) -> None:
        async def submit(name: str, text: str) -> str:
            try:
                return str(await session.mutation(f"m:{name}", {"text": text}))
            except (ConvexError, FunctionError) as error:
                return type(error).__name__

        mutations = gather(submit("note", "x"), submit("fail", "y"), submit("missing", "z"), submit("note", "w"))
        results, looked = await gather(mutations, session.query("m:look", {"text": "q"}))
        assert results == ["x", "ConvexError", "FunctionError", "w"]
        assert looked == "q"

    orders = set()
    for seed in range(60):
        ended = simulate(CALLS, lambda world: world.client("c").run(script), "stepped", RandomChoices(seed))
        orders.add("".join(notes(ended)))
    assert orders == {"qxw", "xqw", "xwq"}


def test_a_mutation_asked_for_later_does_not_get_in_before_one_that_waits() -> None:
    async def script(session: Session) -> None:
        async def twice() -> None:
            await session.mutation("m:note", {"text": "x"})
            await session.mutation("m:note", {"text": "z"})

        await gather(twice(), session.mutation("m:note", {"text": "y"}))

    for seed in range(20):
        ended = simulate(CALLS, lambda world: world.client("c").run(script), "stepped", RandomChoices(seed))
        assert notes(ended) == ["x", "y", "z"]


# What cannot be.


def helper() -> None: ...


@both
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([1, 2], "type list. Unpack it"),
        ((n for n in [1]), "type generator. Unpack it"),
        (helper, r"argument 2, of the type function. Pass calls of ctx, or coroutines: f\(ctx\), not f"),
        (7, "type int"),
        (None, "type NoneType"),
    ],
)
def test_what_cannot_be_awaited_is_a_misuse(wrong: Any, said: str, mode: Any) -> None:
    async def go(ctx: ActionCtx) -> Any:
        await gather(noted(ctx, "sent"), wrong)

    with pytest.raises(UsageError, match=said) as raised:
        perform(go, mode)
    assert raised.value.code == "NotAwaitable"


@both
def test_one_coroutine_cannot_be_gathered_twice(mode: Any) -> None:
    async def go(ctx: ActionCtx) -> Any:
        once = later(ctx, 1, "once")
        await gather(once, once)

    with pytest.raises(UsageError, match="argument 2 that has already begun"):
        perform(go, mode)


@both
def test_one_call_can(mode: Any) -> None:
    async def go(ctx: ActionCtx) -> Any:
        once = noted(ctx, "once")
        return [await gather(once, once), await once]

    ended = perform(go, mode)
    assert ended.calls[0].result == [["once", "once"], "once"]
    assert notes(ended) == ["once"]


UNSEEN = {"asyncio": asyncio.sleep}  # nobody can see from a handler's code what it takes out of here


async def foreign_later(ctx: ActionCtx) -> None:
    await ctx.sleep(10_000)
    await UNSEEN["asyncio"](0)


async def misused_later(ctx: ActionCtx) -> None:
    await ctx.sleep(10_000)
    ctx.external("undeclared").append(1)
    await ctx.sleep(1)


MISUSES: dict[str, Callable[[ActionCtx], Any]] = {
    "no future of this simulation": lambda _: UNSEEN["asyncio"](0),
    "is no future of this simulation": foreign_later,
    "no external object 'undeclared'": misused_later,
}


@both
@pytest.mark.parametrize("wrong", MISUSES)
@pytest.mark.parametrize("beside", ["waits", "fails"])
def test_a_misuse_in_a_branch_ends_the_run_even_if_nobody_listens_any_more(wrong: str, beside: str, mode: Any) -> None:
    cleaned: list[str] = []

    async def waiting(ctx: ActionCtx) -> None:
        try:
            await ctx.sleep(1e9)
        finally:
            cleaned.append("up")

    async def go(ctx: ActionCtx) -> Any:
        first = later(ctx, 0, "early!") if beside == "fails" else ctx.sleep(1e9)
        branch = MISUSES[wrong](ctx)
        try:
            await gather(first, waiting(ctx), branch)
        except ConvexError:
            await ctx.sleep(1e9)
        finally:
            cleaned.append("up")

    with pytest.raises(UsageError, match=wrong):
        perform(go, mode)
    assert cleaned == ["up", "up"]


@both
def test_a_run_that_is_over_ends_every_branch(mode: Any) -> None:
    ended_how: list[str] = []

    async def branch(ctx: ActionCtx, name: str) -> None:
        try:
            await ctx.sleep(1e12)
        except Exception:  # noqa: BLE001 - it must not be one
            ended_how.append("seen by the handler")
        finally:
            ended_how.append(name)

    async def go(ctx: ActionCtx) -> None:
        try:
            await gather(branch(ctx, "x"), branch(ctx, "y"), gather(branch(ctx, "z")), ctx.run_mutation("m:break"))
        finally:
            ended_how.append("handler")

    @always
    def whole(view: View) -> bool:
        return not view.documents("marks")

    breaks = mutation(lambda ctx: ctx.db.insert("marks", {}))
    app = define_app({"m": {"go": action(go), "break": breaks}}, define_schema({"marks": define_table({})}))

    def body(world: World) -> None:
        world.client("a").action("m:go")

    given = Scenario("test", app, body, (whole,), Platform(), "")
    ended = Simulation(given, mode=mode).run()
    assert ended.ending == "broken"
    assert ended.calls[0].outcome is None
    assert sorted(ended_how) == ["handler", "x", "y", "z"]


def test_a_dying_action_takes_what_it_gathers_with_it_at_once() -> None:
    """After any send or wait, in whichever branch; what is on its way still happens, and nothing else."""
    awoke: list[str] = []

    async def go(ctx: ActionCtx) -> str:
        async def branch(delay_ms: float, text: str) -> None:
            await ctx.sleep(delay_ms)
            awoke.append(text)
            await noted(ctx, text)
            await ctx.sleep(1)

        await gather(branch(5, "x"), gather(branch(10, "y"), branch(10, "z")), noted(ctx, "w"))
        return "lived"

    def body(world: World) -> None:
        world.external("notes")
        world.client("a").action("m:go")

    app = define_app({"m": {**module(note), "go": action(go)}})
    deaths: set[tuple[float, str]] = set()

    def look(_: Any, found: Run) -> None:
        awoke.clear()
        ended = Simulation(given, ListedChoices(found.indexes)).run()  # once more, with a trace
        (over,) = [event for event in events_of(ended, Ended) if event.activity == "a.1"]
        died_at = next((struck.at_ms for struck in events_of(ended, Faulted)), None)
        told = "".join(sorted(notes(ended)))
        assert (over.at_ms, told) == (11, "wxyz") if died_at is None else over.at_ms == died_at
        assert isinstance(over.outcome, Threw) is (died_at is not None)
        assert sorted(awoke) == sorted(told.replace("w", ""))
        if died_at is not None:
            deaths.add((died_at, told))

    given = Scenario("test", app, body, (), Platform(), "", faults=Faults(crashes=1))
    report = check(given, Exhaustive(), on_run=look)
    assert report.exhausted
    sent = {(0, ""), (0, "w"), (5, "wx"), (10, "wxy"), (10, "wxyz")}
    waited = {(5, "w"), (6, "wx"), (10, "wx"), (11, "wxyz")}
    assert deaths == sent | waited


def test_gather_in_a_scheduled_action_fails_it_with_the_first_error() -> None:
    @action
    async def go(ctx: ActionCtx) -> None:
        await gather(later(ctx, 5, "late!"), later(ctx, 1, "early!"))

    @mutation
    def start(ctx: MutationCtx) -> None:
        ctx.scheduler.run_after(0, api.m.go)

    def body(world: World) -> None:
        world.external("notes")
        world.client("a").mutation("m:start")

    ended = run(define_app({"m": module(note, start, go)}), body)
    (row,) = ended.view.scheduled_functions()
    assert row["state"]["kind"] == "failed"
    assert "early!" in row["state"]["error"]
    assert notes(ended) == ["early!", "late!"]
