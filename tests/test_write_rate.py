"""The write throughput limiter: who waits while too much was written in the last second (convex-semantics 2)."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from attrs import frozen

from convexsim import (
    ActionCtx,
    FunctionError,
    MutationCtx,
    Platform,
    QueryCtx,
    Run,
    UsageError,
    World,
    action,
    api,
    define_schema,
    define_table,
    mutation,
    query,
    story,
    v,
)
from convexsim.choices import Kind
from convexsim.database.index import make_table
from convexsim.database.write_rate import WriteRate
from convexsim.database.writes import Write
from convexsim.functions.outcome import Threw
from convexsim.trace.event import Began, Waited
from tests.support import app_of, events_of, run, states

SCHEMA = define_schema({"notes": define_table(v.any())})
TABLE = make_table("", "notes", 10_001)
LIMIT = 10_000


def written(size: int) -> Write:
    """Return a write of a document of so many bytes."""
    empty = TABLE.document({"_creationTime": 1, "_id": "x" * 30, "text": ""}).size
    document = TABLE.document({"_creationTime": 1, "_id": "x" * 30, "text": "x" * (size - empty)})
    assert document.size == size
    return Write(TABLE, document.id, None, document)


# The window


def test_more_than_the_limit_in_a_second_is_too_much() -> None:
    rate = WriteRate()
    rate.record(0, [written(400), written(600)])
    assert not rate.exceeds(1_000, 0)
    rate.record(500, [written(100)])
    assert rate.exceeds(1_000, 500)
    assert rate.exceeds(1_000, 1_000)
    assert not rate.exceeds(1_000, 1_001)  # the first commit is longer ago than a second
    assert rate.exceeds(99, 1_500)
    assert not rate.exceeds(99, 1_501)


def test_commits_of_one_moment_count_together_and_deletes_for_nothing() -> None:
    rate = WriteRate()
    for _ in range(3):
        rate.record(7, [written(100), Write(TABLE, "gone", written(900).new, None)])
    assert rate.exceeds(299, 7)
    assert not rate.exceeds(300, 7)
    assert not rate.exceeds(0, 1_008)


# Whole runs


@mutation
def fill(ctx: MutationCtx, size: int = LIMIT) -> str:
    return ctx.db.insert("notes", {"text": "x" * size})


@mutation
def small(ctx: MutationCtx) -> None:
    ctx.db.insert("notes", {"text": "small"})


@mutation
def plan(ctx: MutationCtx) -> None:
    ctx.db.insert("notes", {"text": "x" * LIMIT})
    ctx.scheduler.run_after(0, api.m.small)


@query
def count(ctx: QueryCtx) -> int:
    return len(ctx.db.query("notes").collect())


@action
async def act(ctx: ActionCtx) -> Any:
    await ctx.run_mutation(api.m.fill)
    try:
        return await ctx.run_mutation(api.m.small)
    except FunctionError as error:
        await ctx.scheduler.run_after(0, api.m.small)
        return [error.code, await ctx.run_query(api.m.count)]


FUNCTIONS = (fill, small, plan, count, act)
APP = app_of(SCHEMA, *FUNCTIONS)


@frozen
class Waits:
    """The plain serial run, in which every wait is so many eighths of its ceiling."""

    eighths: int

    def choose(self, kind: Kind, _options: Any) -> int:
        """Take the first option of everything else."""
        return self.eighths if kind == "backoff" else 0


def world_of(*calls: str, backoff: int = 0, limit: float = LIMIT, kind: Any = None) -> Run:
    """Run a world of one client; every wait is so many eighths of its ceiling."""

    def body(world: World) -> None:
        client = world.client("a", kind=kind)
        for call in calls:
            client.query(call) if call == "m:count" else client.mutation(call)

    return run(APP, body, Waits(backoff), write_bytes_per_second=limit)


def errors(result: Run) -> list[str]:
    return [call.outcome.failure.code if isinstance(call.outcome, Threw) else "" for call in result.calls]


def test_nothing_is_limited_unless_a_scenario_asks_for_it() -> None:
    """Virtual time stands still while functions run: a second of it may hold any amount of work."""
    assert Platform().write_bytes_per_second == inf
    assert errors(world_of("m:fill", "m:small", limit=inf)) == ["", ""]
    with pytest.raises(UsageError, match="write_bytes_per_second"):
        Platform(write_bytes_per_second=-1)


def test_a_client_has_as_many_tries_as_after_conflicts_and_queries_none_the_less_run() -> None:
    result = world_of("m:fill", "m:small", "m:count")
    assert errors(result) == ["", "TooManyWrites", ""]
    assert result.calls[2].result == 1
    assert [began.attempt for began in events_of(result, Began) if began.activity == "a.2"] == [1, 2, 3, 4, 5]
    assert "Too many writes per second. This deployment is limited to 10000 bytes" in str(result.calls[1].error)
    assert result.trace is not None
    assert "Too many writes per second" in story(result.trace)


def test_what_the_transaction_itself_writes_does_not_count() -> None:
    assert errors(world_of("m:fill")) == [""]
    assert errors(world_of("m:small", "m:fill")) == ["", ""]


def test_who_waits_until_the_second_is_over_gets_through() -> None:
    result = world_of("m:fill", "m:small", backoff=7)
    assert errors(result) == ["", ""]
    waits = [waited.delay_ms for waited in events_of(result, Waited)]
    assert waits == [87.5, 175, 350, 700]  # seven eighths of the ceilings of conflicts
    assert sum(waits) > 1_000


def test_a_websocket_client_sends_again_until_it_gets_through() -> None:
    result = world_of("m:fill", "m:small", kind="websocket")
    assert errors(result) == ["", ""]
    assert result.now > 1_000


def test_an_action_is_told_and_what_it_schedules_is_the_platforms_own_write() -> None:
    def body(world: World) -> None:
        world.client("a").action(api.m.act)

    result = run(APP, body, Waits(1), write_bytes_per_second=LIMIT)
    assert result.calls[0].result == ["TooManyWrites", 1]
    assert states(result) == {"small": "success"}


def test_a_scheduled_mutation_waits_as_long_as_it_takes() -> None:
    result = run(APP, lambda world: world.client("a").mutation(api.m.plan), Waits(1), write_bytes_per_second=LIMIT)
    assert states(result) == {"small": "success"}
    tries = [began.attempt for began in events_of(result, Began) if began.activity == "a.1+1"]
    assert len(tries) > 5
    assert result.now > 1_000
