"""`ctx.db.vars.commit_ts`: written by a mutation, known when it commits (convex-semantics 7, last bullets; 1.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    CommitTsPlaceholder,
    Int64,
    MutationCtx,
    QueryCtx,
    Session,
    World,
    action,
    api,
    components,
    define_app,
    define_component,
    define_schema,
    define_table,
    mutation,
    query,
    v,
)
from convexsim.database.commit import Committed, Conflict
from convexsim.functions import executor as x
from convexsim.functions.define import foreign_function
from convexsim.functions.outcome import Returned
from convexsim.trace import event
from tests.support import Bench, app_of, caught, events_of, module, run

WORK = define_table({"what": v.string(), "at": v.optional(v.commit_ts())}).index("by_at", ["at"])
SCHEMA = define_schema({"work": WORK, "notes": define_table(v.any())})


@mutation(args={"what": v.string()}, returns=v.object({"at": v.commit_ts(), "id": v.id("work")}))
def enqueue(ctx: MutationCtx, what: str) -> Any:
    at = ctx.db.vars.commit_ts
    return {"at": at, "id": ctx.db.insert("work", {"what": what, "at": at})}


@mutation(args={"what": v.string(), "at": v.commit_ts()}, returns=v.commit_ts())
def enqueue_with(ctx: MutationCtx, what: str, at: Any) -> Any:
    ctx.db.insert("work", {"what": what, "at": at})
    return at


@query
def listed(ctx: QueryCtx) -> Any:
    return [[row["what"], row["at"]] for row in ctx.db.query("work").with_index("by_at")]


@query
def given(_ctx: QueryCtx, at: Any) -> str:
    return type(at).__name__


@query
def returned(_ctx: QueryCtx, at: Any) -> Any:
    return {"at": at}


def bench() -> Bench:
    return Bench(app_of(SCHEMA, enqueue, enqueue_with, listed, given, returned))


def in_order(made: Bench) -> list[Any]:
    rows: list[Any] = made.do(lambda ctx: ctx.run_query(api.m.listed))
    return rows


# What it becomes


def test_it_becomes_the_timestamp_of_the_commit_in_documents_and_indexes() -> None:
    made = bench()
    first, second = made.attempt(enqueue, {"what": "first"}), made.attempt(enqueue, {"what": "second"})
    stamps = []
    for attempt in (second, first):  # the order of commits, not that of begins
        verdict = attempt.commit()
        assert isinstance(verdict, Committed)
        stamps.append(Int64(verdict.commit_ns))
    assert stamps[0] < stamps[1]
    assert in_order(made) == [["second", stamps[0]], ["first", stamps[1]]]


def test_all_of_one_transaction_have_the_same_in_all_components() -> None:
    child = define_component("child", {"m": module(enqueue, listed)}, SCHEMA)
    app = define_app({"m": module(enqueue, listed)}, SCHEMA)
    app.use(child)
    made = Bench(app)

    def handler(ctx: MutationCtx) -> None:
        for run_it in (api.m.enqueue, components.child.m.enqueue, api.m.enqueue):
            ctx.run_mutation(run_it, {"what": "x"})

    made.do(handler)
    rows = made.do(lambda ctx: [*ctx.run_query(api.m.listed), *ctx.run_query(components.child.m.listed)])
    assert [at for _, at in rows] == [Int64(1)] * 3


def test_it_stands_anywhere_in_a_document() -> None:
    made = bench()
    made.do(lambda ctx: ctx.db.insert("notes", {"deep": [{"at": ctx.db.vars.commit_ts}], "n": 1}))
    assert made.documents("notes") == [{"deep": [{"at": Int64(1)}], "n": 1}]


def test_it_is_the_moment_of_the_commit_in_ns_and_rises_even_if_time_stands_still() -> None:
    def body(world: World) -> None:
        client = world.client("a")
        for _ in range(2):
            client.mutation(api.m.enqueue, {"what": "x"})
        client.wait(2.5)
        client.mutation(api.m.enqueue, {"what": "x"})

    calls = run(app_of(SCHEMA, enqueue), body, start_ms=1_000).calls
    assert [call.result["at"] for call in calls] == [
        Int64(1_000_000_000),
        Int64(1_000_000_001),
        Int64(1_002_500_000),
    ]


# What it is before


def test_before_the_commit_it_is_a_placeholder_that_comes_last() -> None:
    made = bench()
    made.do(lambda ctx: ctx.db.insert("work", {"what": "far", "at": Int64(2**63 - 2)}))
    made.do(lambda ctx: ctx.db.insert("work", {"what": "none"}))

    def handler(ctx: MutationCtx) -> Any:
        at = ctx.db.vars.commit_ts
        work = ctx.db.insert("work", {"what": "mine", "at": at})
        ctx.db.insert("work", {"what": "other", "at": at})
        assert isinstance(ctx.db.get(work)["at"], CommitTsPlaceholder)  # type: ignore[index] # it was just inserted
        pending = ctx.db.query("work").with_index("by_at", lambda q: q.eq("at", at))
        ordered = ctx.db.query("work").with_index("by_at").collect()
        return [[row["what"] for row in pending], [row["what"] for row in ordered]]

    assert made.do(handler) == [["mine", "other"], ["none", "far", "mine", "other"]]


@pytest.mark.parametrize("wrong", [lambda at: at + 1, lambda at: at < Int64(1), int])
def test_it_cannot_be_calculated_with(wrong: Callable[[Any], Any]) -> None:
    assert "TypeError" in bench().attempt(lambda ctx: wrong(ctx.db.vars.commit_ts)).message


def test_a_patch_leaves_it_in_place_and_a_later_one_does_not_change_it() -> None:
    made = bench()

    def handler(ctx: MutationCtx) -> str:
        work = ctx.db.insert("work", {"what": "a", "at": ctx.db.vars.commit_ts})
        ctx.db.patch(work, {"what": "b"})
        return work

    work = made.do(handler)
    made.do(lambda ctx: ctx.db.patch(work, {"what": "c"}))
    assert in_order(made) == [["c", Int64(1)]]
    made.do(lambda ctx: ctx.db.patch(work, {"at": ctx.db.vars.commit_ts}))
    assert in_order(made) == [["c", Int64(2)]]


# Conflicts see the key that is committed.


@pytest.mark.parametrize(("low", "killed"), [(1, True), (2**63 - 2, False)])
def test_a_reader_is_killed_by_the_timestamp_not_by_its_placeholder(low: int, killed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    made = bench()

    def reader(ctx: MutationCtx) -> None:
        ctx.db.query("work").with_index("by_at", lambda q: q.gte("at", Int64(low))).collect()
        ctx.db.insert("notes", {})

    attempt = made.attempt(reader)
    made.do(enqueue, {"what": "x"})
    assert isinstance(attempt.commit(), Conflict) is killed


def test_who_begins_again_gets_the_timestamp_of_the_commit_that_succeeds() -> None:
    @mutation
    def both(ctx: MutationCtx, what: str) -> Any:
        ctx.db.query("work").collect()
        return ctx.run_mutation(api.m.enqueue, {"what": what})["at"]

    def body(world: World) -> None:
        for name in ("a", "b"):
            world.client(name).mutation(api.m.both, {"what": name})

    result = run(app_of(SCHEMA, enqueue, both), body, "a.1 begin, b.1 begin, b.1 commit, a.1 commit, a.1 begin")
    assert {call.activity: call.result for call in result.calls} == {"b.1": Int64(1), "a.1": Int64(2)}
    told = [row.after for commit in events_of(result, event.Committed) for row in commit.writes]
    assert [row and row["at"] for row in told] == [Int64(1), Int64(2)]


# Where it may go


def test_nested_calls_take_it_and_mutations_return_it() -> None:
    made = bench()

    def handler(ctx: MutationCtx) -> Any:
        at = ctx.run_mutation(api.m.enqueue_with, {"what": "x", "at": ctx.db.vars.commit_ts})
        assert isinstance(at, CommitTsPlaceholder)
        return ctx.run_query(api.m.given, {"at": at})

    assert made.do(handler) == "CommitTsPlaceholder"
    assert in_order(made) == [["x", Int64(1)]]


def test_its_callers_see_the_timestamp() -> None:
    @action
    async def act(ctx: ActionCtx) -> Any:
        return (await ctx.run_mutation(api.m.enqueue, {"what": "by an action"}))["at"]

    @mutation
    def only_asks(ctx: MutationCtx) -> Any:
        return ctx.db.vars.commit_ts

    async def script(session: Session) -> None:
        assert await session.action(api.m.act) == Int64(1)
        assert (await session.mutation(api.m.enqueue, {"what": "by a client"}))["at"] == Int64(2)
        assert await session.mutation(api.m.only_asks) == Int64(2)  # it writes nothing, so its begin is its commit (0)

    result = run(app_of(SCHEMA, enqueue, act, only_asks), lambda world: world.client("a").run(script))
    assert all(isinstance(call.outcome, Returned) for call in result.calls)


def test_a_request_that_is_sent_twice_is_answered_with_the_same_timestamp() -> None:
    def body(world: World) -> None:
        world.client("a", kind="websocket").mutation(api.m.enqueue, {"what": "x"})

    result = run(app_of(SCHEMA, enqueue), body)
    (remembered,) = result.view.documents("_session_requests")
    assert remembered["result"] == result.calls[0].result == {"at": Int64(1), "id": result.calls[0].result["id"]}


def test_where_it_may_not_go() -> None:
    made = Bench(app_of(SCHEMA, enqueue, returned))

    def handler(ctx: MutationCtx) -> list[str]:
        at = ctx.db.vars.commit_ts
        ctx.db.insert("work", {"what": "x", "at": at})
        return [
            caught(lambda: ctx.scheduler.run_after(0, api.m.returned, {"at": at})),
            caught(lambda: ctx.run_query(api.m.returned, {"at": at})),
            caught(lambda: ctx.db.query("work").filter(lambda q: q.eq(q.field("at"), at)).collect()),
        ]

    assert made.do(handler) == ["InvalidArgument"] * 3
    message = made.attempt(lambda ctx: ctx.run_query(api.m.returned, {"at": ctx.db.vars.commit_ts})).message
    assert "returns.at is not a valid Convex value: this commit timestamp is unresolved" in message


def test_only_a_mutation_has_it() -> None:
    @query
    def asks(ctx: Any) -> Any:
        return ctx.db.vars.commit_ts

    attempt = Bench(app_of(SCHEMA, asks)).attempt(lambda ctx: ctx.run_query(api.m.asks))
    assert "vars" in attempt.message


class Writes:
    """A foreign mutation that writes and returns the timestamp."""

    at: Any = None

    def new_executor(self) -> Any:
        return Writes()

    def start(self, _args: Any, _now: float, _seed: str) -> Any:
        return x.Requests((x.GetCommitTs(),))

    def resume(self, answers: Any) -> Any:
        if self.at is not None:
            return Returned(self.at)
        self.at = answers[0].value
        return x.Requests((x.Insert("work", {"what": "x", "at": self.at}),))


def test_an_executor_asks_for_it_as_plain_data() -> None:
    made = bench()
    made.do(foreign_function("mutation", Writes()))
    assert in_order(made) == [["x", Int64(1)]]
