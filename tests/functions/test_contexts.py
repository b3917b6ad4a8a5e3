"""What each context offers, what it refuses and in which words; environment variables; nobody is ever signed in.

Source: convexsim's architecture.md 4, convex-semantics 1.4 (fetch and timers), 5.3 (auth, environment variables), 6.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    Component,
    MutationCtx,
    PlatformError,
    QueryCtx,
    UsageError,
    World,
    action,
    define_app,
    define_component,
    define_schema,
    define_table,
    mutation,
    query,
    v,
)
from tests.support import Bench, app_of, module, nothing, run

SCHEMA = define_schema({"items": define_table({"n": v.number()})})
NO_TIME = "in queries and mutations. Please consider using an action."

Use = Callable[[Any], Any]
WRITES: dict[str, Use] = {
    "ctx.db.insert": lambda ctx: ctx.db.insert("items", {"n": 1}),
    "ctx.db.patch": lambda ctx: ctx.db.patch("id", {"n": 1}),
    "ctx.db.replace": lambda ctx: ctx.db.replace("id", {"n": 1}),
    "ctx.db.delete": lambda ctx: ctx.db.delete("id"),
    "ctx.scheduler": lambda ctx: ctx.scheduler.run_after(0, "m:nothing"),
    "ctx.run_mutation": lambda ctx: ctx.run_mutation("m:nothing"),
}
TAKES_TIME: dict[str, tuple[Use, str, str]] = {
    "fetch": (lambda ctx: ctx.fetch("https://example.com"), "NoFetchInQueriesOrMutations", f"fetch() {NO_TIME}"),
    "sleep": (lambda ctx: ctx.sleep(1), "NoSleepInQueriesOrMutations", f"ctx.sleep {NO_TIME}"),
    "run_action": (lambda ctx: ctx.run_action("m:a"), "InvalidFunctionKind", "ctx.scheduler.run_after"),
}


def refused(decorate: Any, use: Use) -> tuple[str, str]:
    """Return code and message of what a handler catches, and again of what its caller gets if it does not."""

    def catch(ctx: Any) -> Any:
        try:
            use(ctx)
        except PlatformError as error:
            return [error.code, str(error)]
        return "not refused"

    app = define_app({"m": module(nothing) | {"catch": decorate(catch), "pass": decorate(use)}}, SCHEMA)
    kind = decorate(catch).kind
    ended = run(app, lambda world: [getattr(world.client("c"), kind)(f"m:{name}") for name in ("catch", "pass")])
    caught, passed = ended.calls
    code, message = caught.result
    assert (passed.outcome.failure.code, passed.error) == (code, message)  # type: ignore[union-attr] # it threw
    assert ended.view.documents("items") == []
    return code, message


@pytest.mark.parametrize("name", WRITES)
def test_a_query_cannot_write(name: str) -> None:
    code, message = refused(query, WRITES[name])
    assert code == "NoWritesInQueries"
    assert message == f"A query tried to use {name}; only a mutation may. Make it a mutation."


@pytest.mark.parametrize("decorate", [query, mutation])
@pytest.mark.parametrize("name", TAKES_TIME)
def test_nothing_that_takes_time_runs_in_a_transaction(decorate: Any, name: str) -> None:
    use, expected, said = TAKES_TIME[name]
    code, message = refused(decorate, use)
    assert code == expected
    assert said in message


@pytest.mark.parametrize("how", ["get", "query", "insert", "system"])
def test_an_action_has_no_database(how: str) -> None:
    @action
    async def catch(ctx: Any) -> Any:
        try:
            return getattr(ctx.db, how)
        except PlatformError as error:
            return [error.code, str(error)]

    ended = run(app_of(SCHEMA, catch), lambda world: world.client("a").action("m:catch"))
    assert ended.calls[0].result == [
        "NoDatabaseInActions", "An action has no ctx.db. Use ctx.run_query or ctx.run_mutation.",
    ]  # fmt: skip


def test_a_helper_may_ask_what_a_context_has() -> None:
    def has(ctx: Any) -> list[bool]:
        return [hasattr(ctx, name) for name in ("db", "scheduler", "run_mutation", "run_action", "fetch", "sleep")]

    @action
    async def act(ctx: ActionCtx) -> list[bool]:
        return has(ctx)

    app = app_of(SCHEMA, query(has), act)
    bench = Bench(SCHEMA)
    assert bench.do(mutation(has)) == [True, True, True, False, False, False]
    ended = run(app, lambda world: [world.client("c").query("m:has"), world.client("c").action("m:act")])
    assert [call.result for call in ended.calls] == [
        [True, False, False, False, False, False],
        [False, True, True, True, True, True],
    ]


@pytest.mark.parametrize("decorate", [query, mutation])
def test_a_slip_of_the_pen_is_the_functions_failure_and_gets_advice(decorate: Any) -> None:
    assert refused(decorate, lambda ctx: ctx.run_qery("m:a")) == (
        "Error", f"{decorate(refused).kind.title()}Ctx has no 'run_qery'. Did you mean 'run_query'?",
    )  # fmt: skip
    assert "Did you mean 'query'?" in refused(decorate, lambda ctx: ctx.db.qery("items"))[1]


def test_in_an_action_too() -> None:
    @action
    async def slip(ctx: Any) -> None:
        ctx.run_mutaton("m:nothing")

    ended = run(app_of(SCHEMA, slip), lambda world: world.client("a").action("m:slip"))
    assert ended.calls[0].error == "ActionCtx has no 'run_mutaton'. Did you mean 'run_mutation'?"


# Nobody is signed in.


def test_nobody_is_signed_in() -> None:
    @query
    def ask(ctx: QueryCtx) -> Any:
        return [ctx.auth.get_user_identity()]  # type: ignore[func-returns-value] # it is None, which is the point

    @mutation
    def tell(ctx: MutationCtx) -> Any:
        return [ctx.auth.get_user_identity(), ctx.run_query("m:ask")]  # type: ignore[func-returns-value]

    @action
    async def act(ctx: ActionCtx) -> Any:
        return [ctx.auth.get_user_identity(), await ctx.run_mutation("m:tell")]  # type: ignore[func-returns-value]

    ended = run(app_of(SCHEMA, ask, tell, act), lambda world: world.client("a").action("m:act"))
    assert ended.calls[0].result == [None, [None, [None]]]


# Environment variables.

NAMES = ("KEY", "OTHER", "UNBOUND", "CONVEX_CLOUD_URL", "CONVEX_SITE_URL", "PATH")
URLS = ["https://simulated.convex.cloud", "https://simulated.convex.site"]


@query
def variables(ctx: QueryCtx) -> Any:
    assert [name for name in NAMES if name in ctx.env] == [name for name in NAMES if ctx.env.get(name) is not None]
    return [ctx.env[name] for name in NAMES]


@mutation
def variables_below(ctx: MutationCtx, name: str) -> Any:
    return ctx.run_query(name)


@action
async def variables_in_an_action(ctx: ActionCtx) -> Any:
    return [ctx.env[name] for name in NAMES]


VARIABLES = module(variables, variables_below, variables_in_an_action)


def installed() -> Component:
    grandchild = define_component("inner", {"m": VARIABLES}, env=["KEY"])
    child = define_component("child", {"m": VARIABLES}, env=("KEY", "UNBOUND"))
    child.use(grandchild, env={"KEY": "inner key"})
    app = define_app({"m": VARIABLES}, env={"KEY": "app key", "OTHER": "app's other"})
    app.use(child, env={"KEY": "child key"})
    app.use(child, name="twin")
    return app


@pytest.mark.parametrize(
    ("component", "bound"),
    [
        ("", ["app key", "app's other", None]),
        ("child", ["child key", None, None]),
        ("twin", [None, None, None]),
        ("child/inner", ["inner key", None, None]),
    ],
)
def test_a_component_sees_what_it_declares_and_its_installer_binds(component: str, bound: list[str | None]) -> None:
    def body(world: World) -> None:
        world.client("a").mutation("m:variablesBelow", {"name": f"function://{component};m:variables"})

    ended = run(installed(), body)
    assert ended.calls[0].result == [*bound, *URLS, None]


def test_an_action_sees_them_too() -> None:
    ended = run(installed(), lambda world: world.client("a").action("m:variablesInAnAction"))
    assert ended.calls[0].result == ["app key", "app's other", None, *URLS, None]


def test_variables_are_read_only_and_reading_one_is_no_read_of_the_database() -> None:
    bench = Bench(define_app({"m": module(nothing)}, env={"KEY": "value"}))
    reading = bench.attempt(mutation(lambda ctx: ctx.env["KEY"]))
    assert reading.value == "value"
    assert len(reading.reads) == 0
    with pytest.raises(TypeError):
        bench.mounted().env["KEY"] = "changed"  # type: ignore[index] # the very mistake


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: define_app({"m": module(nothing)}, env={"KEY": 1}), "values are strings"),  # type: ignore[dict-item]
        (lambda: define_app({"m": module(nothing)}, env={"1KEY": "x"}), "names no environment variable"),
        (lambda: define_app({"m": module(nothing)}, env={"CONVEX_SITE_URL": "x"}), "the platform's own"),
        (lambda: define_component("c", {"m": module(nothing)}, env={"KEY": "x"}), "A component lists names"),  # type: ignore[arg-type]
        (lambda: define_component("c", {"m": module(nothing)}, env="KEY"), "A component lists names"),
        (lambda: installed().use(define_component("c", {"m": VARIABLES}, env=["KEY"]), env={"KEX": "x"}), "'KEY'"),
    ],
)  # fmt: skip
def test_variables_that_cannot_be_are_refused_at_once(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()
