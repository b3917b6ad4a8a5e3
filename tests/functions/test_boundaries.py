"""Ids and handles that cross the border of a component (convex-semantics 5.3, 8)."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    MutationCtx,
    QueryCtx,
    action,
    api,
    components,
    define_app,
    define_component,
    define_schema,
    define_table,
    internal_mutation,
    mutation,
    query,
    v,
)
from tests.support import Bench, caught, module, run

# Table numbers count from 10,001 in each component: the root's users and the child's pages are both the first.
ROOT = define_schema({"users": define_table({}), "pages": define_table({}), "only_here": define_table({})})
CHILD = define_schema({"pages": define_table({"title": v.optional(v.string())}), "users": define_table({})})


@mutation
def add(ctx: MutationCtx, table: str) -> str:
    return ctx.db.insert(table, {})


@query(args={"page": v.id("pages")}, returns=v.id("pages"))
def page_id(_ctx: QueryCtx, page: str) -> str:
    return page


@query(args={"user": v.id("users")})
def user_id(_ctx: QueryCtx, user: str) -> str:
    return user


@query
def get(ctx: QueryCtx, some: str) -> Any:
    return ctx.db.get(some)


@mutation
def keep(ctx: MutationCtx, some: str) -> Any:
    return ctx.db.patch(some, {})


@query
def scheduled(ctx: QueryCtx, some: str) -> Any:
    return ctx.db.system.get(some)


@mutation
def plan(ctx: MutationCtx) -> str:
    return ctx.scheduler.run_after(1_000, api.m.plan)


@mutation
def cancel(ctx: MutationCtx, some: str) -> None:
    ctx.scheduler.cancel(some)


FUNCTIONS = (add, page_id, user_id, get, keep, scheduled, plan, cancel)
child = components.child.m


@pytest.fixture
def bench() -> Bench:
    app = define_app({"m": module(*FUNCTIONS)}, ROOT)
    app.use(define_component("child", {"m": module(*FUNCTIONS)}, CHILD))
    return Bench(app)


# Ids


def test_a_foreign_id_is_accepted_by_coincidence_or_refused(bench: Bench) -> None:
    user, page, other = (bench.do(add, {"table": name}) for name in ("users", "pages", "only_here"))

    def cross(ctx: MutationCtx) -> list[str]:
        return [
            caught(lambda: ctx.run_query(child.pageId, {"page": user})),  # both are the first table of their component
            caught(lambda: ctx.run_query(child.pageId, {"page": page})),  # a page there, the second table here
            caught(lambda: ctx.run_query(child.userId, {"user": page})),
            caught(lambda: ctx.run_query(child.userId, {"user": other})),  # no table of the child has this number
        ]

    refused = "ArgumentValidationError"
    assert bench.do(cross) == [f"returned {user}", refused, f"returned {page}", refused]


def test_a_foreign_id_finds_nothing_whatever_its_number_means(bench: Bench) -> None:
    user, other = bench.do(add, {"table": "users"}), bench.do(add, {"table": "only_here"})
    for some in (user, other):
        assert bench.do(lambda ctx, some=some: ctx.run_query(child.get, {"some": some})) is None
    writes = [
        bench.attempt(lambda ctx, some=some: ctx.run_mutation(child.keep, {"some": some})) for some in (user, other)
    ]
    assert [attempt.code for attempt in writes] == ["NonexistentDocument", "InvalidArgument"]


def test_an_id_is_checked_by_its_number_only_never_for_existence(bench: Bench) -> None:
    page = bench.do(add, {"table": "pages"})
    bench.do(lambda ctx: ctx.db.delete(page))
    assert bench.do(lambda ctx: ctx.run_query(api.m.pageId, {"page": page})) == page
    attempt = bench.attempt(lambda ctx: ctx.run_query(api.m.pageId, {"page": page}))
    assert len(attempt.reads) == 0


def test_an_id_as_an_argument_is_judged_where_the_function_is_and_as_a_result_too(bench: Bench) -> None:
    page = bench.do(add, {"table": "pages"}, component="child")
    assert bench.do(lambda ctx: ctx.run_query(child.pageId, {"page": page})) == page
    assert bench.attempt(lambda ctx: ctx.run_query(api.m.pageId, {"page": page})).code == "ArgumentValidationError"


def test_a_scheduled_function_is_known_only_where_it_was_scheduled(bench: Bench) -> None:
    planned = bench.do(plan, component="child")
    assert bench.do(scheduled, {"some": planned}, component="child")["_id"] == planned
    assert bench.do(scheduled, {"some": planned}) is None
    bench.do(cancel, {"some": planned})
    assert bench.do(scheduled, {"some": planned}, component="child")["state"] == {"kind": "pending"}
    bench.do(lambda ctx: ctx.run_mutation(child.cancel, {"some": planned}))
    assert bench.do(scheduled, {"some": planned}, component="child")["state"] == {"kind": "canceled"}


# Handles

LOST = [
    "function://;m:missing",
    "function://child;m:missing",
    "function://nowhere;m:plan",
    "function://child/child;m:plan",
]


@pytest.mark.parametrize("handle", LOST)
def test_a_handle_that_leads_to_no_function(bench: Bench, handle: str) -> None:
    def handler(ctx: MutationCtx) -> list[str]:
        return [
            caught(lambda: ctx.run_query(handle)),
            caught(lambda: ctx.run_mutation(handle)),
            caught(lambda: ctx.create_function_handle(handle)),
            caught(lambda: ctx.scheduler.run_after(0, handle)),
        ]

    found = bench.do(handler)
    assert found == [*["FunctionHandleNotFound"] * 3, "InvalidScheduledFunction"]


@pytest.mark.parametrize("text", ["function://", "function://child", "function://child;m"])
def test_a_text_that_is_no_handle(bench: Bench, text: str) -> None:
    assert bench.do(lambda ctx: caught(lambda: ctx.run_query(text))) == "InvalidFunctionHandle"


def test_a_handle_of_a_handle_is_itself(bench: Bench) -> None:
    def handler(ctx: MutationCtx) -> bool:
        handle = ctx.create_function_handle(child.plan)
        return handle == ctx.create_function_handle(handle) == "function://child;m:plan"

    assert bench.do(handler) is True


def test_an_action_gets_the_same_answers_and_handles_pass_over_visibility() -> None:
    @internal_mutation
    def hidden(ctx: MutationCtx) -> str:
        return ctx.db.insert("pages", {})

    @query
    def own(ctx: QueryCtx) -> str:
        return ctx.create_function_handle(api.m.hidden)

    @action
    async def act(ctx: ActionCtx) -> Any:
        handle = await ctx.run_query(child.own)
        made = await ctx.run_mutation(handle)
        try:
            await ctx.run_mutation(LOST[1])
        except Exception as lost:  # noqa: BLE001 - whatever it is, its code is what the test looks at
            return [handle, type(made).__name__, getattr(lost, "code", "")]

    app = define_app({"m": module(act)})
    app.use(define_component("child", {"m": module(hidden, own)}, CHILD))
    result = run(app, lambda world: world.client("a").action(api.m.act))
    assert result.calls[0].result == ["function://child;m:hidden", "str", "FunctionHandleNotFound"]
    assert len(result.view.documents("pages", "child")) == 1
