"""A trace tells what every attempt has read: what was scanned, to where it was scanned, and nothing else."""

from __future__ import annotations

from typing import Any

from convexsim import api, define_app, define_schema, define_table, mutation, query, scenario, v
from convexsim.explore.lockstep import LockstepChoices
from convexsim.simulation import Simulation
from convexsim.trace.event import Conflicted, Event, Read
from convexsim.values.keys import after, encode_key, prefix_end

SCHEMA = define_schema({"counters": define_table({"name": v.string(), "value": v.number()}).index("by_name", ["name"])})


@mutation
def bump(ctx: Any, name: str) -> None:
    row = ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()
    if row is None:
        ctx.db.insert("counters", {"name": name, "value": 1})
    else:
        ctx.db.patch(row["_id"], {"value": row["value"] + 1})


@query
def newest(ctx: Any) -> Any:
    return ctx.db.query("counters").order("desc").first()


@query
def two(ctx: Any, names: list[str]) -> Any:
    rows = [ctx.db.query("counters").with_index("by_name", lambda q, n=name: q.eq("name", n)).first() for name in names]
    return len(rows)


APP = define_app({"m": {"bump": bump, "newest": newest, "two": two}}, SCHEMA)
HITS = encode_key(["hits"])


@scenario(app=APP, invariants=[])
def two_bumps(world: Any) -> None:
    for who in ("alice", "bob"):
        world.client(who).mutation(api.m.bump, {"name": "hits"})
    world.client("eve").query(api.m.newest)
    world.client("ian").query(api.m.two, {"names": ["x", "hits", "a"]})


def told(kind: type[Event]) -> list[Any]:
    run = Simulation(two_bumps, LockstepChoices(), level=2).run()
    assert run.trace is not None
    return [happened for happened in run.trace.events if isinstance(happened, kind)]


def looked(read: Read) -> dict[str, Any]:
    return {each.index: each.intervals for each in read.reads}


def test_each_attempt_tells_what_it_has_read() -> None:
    attempts = [(read.activity, read.what, read.attempt) for read in told(Read) if read.what == "m:bump"]
    assert sorted(attempts) == [("alice.1", "m:bump", 1), ("bob.1", "m:bump", 1), ("bob.1", "m:bump", 2)]


def test_what_was_read_is_the_interval_that_a_conflict_names() -> None:
    (conflicted,) = told(Conflicted)
    (lost,) = [read for read in told(Read) if (read.activity, read.attempt) == ("bob.1", 1)]
    assert looked(lost)["/counters.by_name"] == (conflicted.conflict.interval,) == ((HITS, prefix_end(HITS)),)


def test_a_retry_reads_the_row_that_it_found_and_its_id() -> None:
    (again,) = [read for read in told(Read) if (read.activity, read.attempt) == ("bob.1", 2)]
    ((low, high),) = looked(again)["/counters.by_id"]
    assert high == after(low)
    assert [each.index for each in again.reads] == sorted(looked(again))


def test_a_query_tells_it_too() -> None:
    (read,) = [read for read in told(Read) if read.activity == "eve.1"]
    assert list(looked(read)) == ["/counters.by_creation_time"]


def test_each_stretch_of_an_index_is_told_in_its_order() -> None:
    (read,) = [read for read in told(Read) if read.activity == "ian.1"]
    stretches = [
        (low, high)
        for name in ("a", "hits", "x")
        for low, high in [(encode_key([name]), prefix_end(encode_key([name])))]
    ]
    assert list(looked(read)["/counters.by_name"]) == stretches
