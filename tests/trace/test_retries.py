"""Why attempts were lost: writer, document, index, interval and what came of it, for every conflict of a run."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import (
    ConvexError,
    Faults,
    LockstepChoices,
    MutationCtx,
    Scenario,
    Simulation,
    World,
    api,
    define_app,
    define_schema,
    define_table,
    mutation,
    scenario,
    story,
    v,
)
from convexsim.choices import Kind, Option, RandomChoices
from convexsim.explore.explanation import told_retries
from convexsim.trace.event import Conflicted
from convexsim.trace.retries import Retry, retries_of
from scenarios.hot_batch import hot_batch
from tests.explore.worlds import proper_bumps, stormy


class Notes:
    @mutation
    def claim(ctx: MutationCtx) -> None:  # noqa: N805 - a function that the class only collects
        if ctx.db.query("notes").first() is not None:
            raise ConvexError("taken")
        ctx.db.insert("notes", {"key": "a", "text": "", "times": 0})

    @mutation
    def open(ctx: MutationCtx) -> None:  # noqa: N805 - a function that the class only collects
        for key in ("a", "b"):
            ctx.db.insert("notes", {"key": key, "text": "", "times": 0})

    @mutation(args={"key": v.string(), "text": v.string()})
    def write(ctx: Any, key: str, text: str) -> None:  # noqa: N805
        row = ctx.db.query("notes").with_index("by_key", lambda q: q.eq("key", key)).unique()
        ctx.db.patch(row["_id"], {"text": text, "times": row["times"] + 1})

    @mutation(args={"key": v.string()})
    def drop(ctx: Any, key: str) -> None:  # noqa: N805
        row = ctx.db.query("notes").with_index("by_key", lambda q: q.eq("key", key)).unique()
        if row is not None:
            ctx.db.delete(row["_id"])


TABLE = define_table({"key": v.string(), "text": v.string(), "times": v.number()}).index("by_key", ["key"])
APP = define_app({"notes": Notes}, define_schema({"notes": TABLE}))


@scenario(app=APP)
def two_writers(world: World) -> None:
    world.client("ann").mutation(api.notes.open)
    for name in ("ann", "bob"):
        client = world.client(name)
        client.wait(1)
        client.mutation(api.notes.write, {"key": "a", "text": name})


@scenario(app=APP)
def writer_and_cleaner(world: World) -> None:
    ann, bob = world.client("ann"), world.client("bob")
    ann.mutation(api.notes.open)
    ann.wait(1)
    ann.mutation(api.notes.drop, {"key": "b"})
    bob.wait(1)
    bob.mutation(api.notes.drop, {"key": "b"})


@scenario(app=APP)
def two_claims(world: World) -> None:
    for name in ("ann", "bob"):
        world.client(name).mutation(api.notes.claim)


def retries(world: Scenario) -> tuple[Retry, ...]:
    run = Simulation(world, LockstepChoices()).run()
    assert run.trace is not None
    return retries_of(run.trace)


def test_a_retry_names_writer_document_index_and_interval() -> None:
    (retry,) = retries(two_writers)
    assert retry == Retry(
        step=retry.step,
        at_ms=1.0,
        activity="ann.2",
        function="notes:write",
        attempt=1,
        begin_ts=1,
        writer="notes:write (bob.1)",
        write_ts=2,
        document="notes/1",
        change="changed text, changed times",
        index="notes.by_id",
        read="(notes/1)",
        way="get by id",
        written="(notes/1)",
        then="tried again at once, attempt 2 began at ts 2, and committed as ts 3",
    )


def test_it_is_told_in_the_names_of_the_story() -> None:
    assert str(retries(two_writers)[0]).splitlines()[1:] == [
        "  to       notes:write (bob.1), which wrote notes/1 at ts 2 (changed text, changed times)",
        "  read     notes.by_id (notes/1), get by id",
        "  written  notes.by_id (notes/1)",
        "  then     tried again at once, attempt 2 began at ts 2, and committed as ts 3",
    ]
    run = Simulation(two_writers, LockstepChoices()).run()
    assert run.trace is not None
    assert "changes notes/1 text" in story(run.trace)


def test_a_range_of_an_index_is_told_as_such() -> None:
    retry = retries(hot_batch)[0]
    assert retry.index == "batchProcessor/batches.by_baseBatchId_status"
    assert (retry.read, retry.way) == ('("events", "accumulating", …)', "a range of it")
    assert retry.written == '("events", "accumulating", batches/1)'


def test_what_finds_nothing_to_do_any_more_wrote_nothing() -> None:
    (retry,) = retries(writer_and_cleaner)
    assert (retry.change, retry.document) == ("deleted", "notes/2")
    assert retry.then == "tried again at once, attempt 2 began at ts 2, wrote nothing"


def test_a_handler_that_throws_the_next_time_is_told() -> None:
    (retry,) = retries(two_claims)
    assert retry.then == "tried again at once, attempt 2 began at ts 1, and its handler threw"


def test_each_attempt_began_before_what_it_lost_to_and_after_what_the_one_before_had_lost_to() -> None:
    lost = [retry for retry in retries(hot_batch) if retry.activity == "client19.1"]
    assert [retry.attempt for retry in lost] == [1, 2, 3, 4, 5]
    assert [retry.begin_ts for retry in lost] == [0, *(retry.write_ts for retry in lost[:-1])]
    assert all(retry.begin_ts < retry.write_ts for retry in lost)


def test_a_whole_table_is_told_as_such() -> None:
    (retry,) = retries(proper_bumps)
    assert (retry.index, retry.read, retry.way) == ("counters.by_creation_time", "(…)", "all of it")
    assert retry.change == "inserted"


def test_whoever_runs_out_of_retries_gave_up() -> None:
    lost = retries(hot_batch)
    ends = [retry.then for retry in lost if retry.attempt == 5]
    assert ends == ["gave up"] * 15
    assert {retry.then.rpartition(", ")[2] for retry in lost if retry.attempt < 5} == {
        "and lost again",
        *(f"and committed as ts {ts}" for ts in (2, 3, 4, 5)),
    }


def test_a_write_from_outside_this_world_is_nobodys_commit() -> None:
    world = two_writers.variant("disturbed", faults=Faults(conflicts=1))

    class Strike:
        def choose(self, kind: Kind, options: list[Option]) -> int:
            return int(kind == "fault")

    run = Simulation(world, Strike()).run()  # type: ignore[arg-type] # a list will do
    assert run.trace is not None
    (retry,) = retries_of(run.trace)
    assert (retry.writer, retry.change) == ("a write from outside this world", "")
    assert (retry.index, retry.way) == ("notes.by_id", "get by id")


def test_who_waited_is_said_for_how_long() -> None:
    for seed in range(100):
        run = Simulation(proper_bumps, RandomChoices(seed)).run()
        assert run.trace is not None
        told = [retry.then for retry in retries_of(run.trace) if retry.then.startswith("waited")]
        if told:
            break
    assert told[0].startswith("waited ")
    assert " ms, attempt 2 began at ts 1, and committed as ts 2" in told[0]


@pytest.mark.parametrize("seed", range(20))
def test_there_is_one_for_each_conflict(seed: int) -> None:
    run = Simulation(stormy, RandomChoices(seed)).run()
    assert run.trace is not None
    lost = [each for each in run.trace.events if isinstance(each, Conflicted)]
    assert [(each.step, each.activity, each.attempt) for each in retries_of(run.trace)] == [
        (each.step, each.activity, each.attempt) for each in lost
    ]


def test_where_nobody_lost_that_is_said() -> None:
    run = Simulation(two_writers).run()
    assert run.trace is not None
    assert told_retries(retries_of(run.trace)) == "Nobody had to try again: no attempt conflicted."
