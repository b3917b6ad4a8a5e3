"""A run is nothing but its list of choices: the same list gives the same bytes, in any process.

Compared is the whole trace, byte for byte: over processes with other PYTHONHASHSEEDs, over runs in the same process,
and against the replay of the recorded choices. The last part counts: each order of steps is one list of choices, none
is lost and none comes twice, so their numbers are those that were counted by other means (exploration.md 4 and 7).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from math import factorial, prod
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexsim import (
    ActionCtx,
    Faults,
    FunctionError,
    MutationCtx,
    Platform,
    Response,
    Run,
    Scenario,
    Session,
    Simulation,
    World,
    action,
    api,
    define_app,
    define_component,
    define_schema,
    define_table,
    gather,
    internal,
    internal_action,
    internal_mutation,
    mutation,
    scenario,
    serializable,
    v,
)
from convexsim.choices import Choices, FirstChoices, ListedChoices, RandomChoices
from convexsim.functions.reference import components
from convexsim.trace.event import Conflicted, Did, Event, json_lines

ROOT = Path(__file__).resolve().parent.parent
LEVELS = (1, 2, 3)
E = TypeVar("E", bound=Event)

# ----------------------------------------------------------------------------------------------------------- the worlds

schema = define_schema(
    {
        "counters": define_table({"name": v.string(), "value": v.number()}).index("by_name", ["name"]),
        "notes": define_table({"text": v.string(), "at": v.number(), "luck": v.number()}),
    }
)


@mutation(args={"name": v.string()}, returns=v.number())
def bump(ctx: MutationCtx, name: str) -> int:
    row = ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()
    value: int = 1 if row is None else row["value"] + 1
    if row is None:
        ctx.db.insert("counters", {"name": name, "value": value})
    else:
        ctx.db.patch(row["_id"], {"value": value})
    return value


@mutation(args={"text": v.string()})
def note(ctx: MutationCtx, text: str) -> None:
    ctx.log("noting", text, ctx.random())
    ctx.db.insert("notes", {"text": text, "at": ctx.now(), "luck": ctx.random()})


@mutation(args={"names": v.array(v.string()), "delay": v.number()})
def bump_later(ctx: MutationCtx, names: list[str], delay: float) -> list[str]:
    return [ctx.scheduler.run_after(delay, internal.m.bump_inside, {"name": name}) for name in names]


@internal_mutation(args={"name": v.string()})
def bump_inside(ctx: MutationCtx, name: str) -> None:
    value = ctx.run_mutation(api.m.bump, {"name": name})
    ctx.run_mutation(components.shelf.m.put, {"value": value})
    if value == 2:
        ctx.scheduler.run_after(1, internal.m.act, {"name": name})
    if value == 4:
        raise ValueError("enough")


@mutation
def cancel_all(ctx: MutationCtx) -> int:
    waiting = [
        row
        for row in ctx.db.system.query("_scheduled_functions").collect()
        if row["state"]["kind"] in ("pending", "inProgress")
    ]
    for row in waiting:
        ctx.scheduler.cancel(row["_id"])
    return len(waiting)


@action(args={"name": v.string()})
async def juggle(ctx: ActionCtx, name: str) -> Any:
    """Start several calls, await them in another order, and leave one alone."""
    first, second = (ctx.run_mutation(api.m.bump, {"name": name}) for _ in range(2))
    ctx.run_mutation(api.m.note, {"text": f"{name} {ctx.random()}"})
    drawn = await ctx.external("plan").take("nothing")
    results = [await second, await first]
    await ctx.sleep(ctx.random() * 10)
    await ctx.external("ledger").append({"by": name, "drawn": drawn, "at": ctx.now()})
    later = await ctx.scheduler.run_after(5, internal.m.act, {"name": name})
    if drawn == "cancel":
        await ctx.scheduler.cancel(later)
    return results


@internal_action(args={"name": v.string()})
async def act(ctx: ActionCtx, name: str) -> None:
    ctx.log("acting for", name, ctx.random())
    await ctx.run_mutation(api.m.note, {"text": name})
    sent = ctx.fetch("https://example.com/act", method="POST", body={"by": name})
    await gather(sent, ctx.external("ledger").append(name), ctx.sleep(ctx.random()))


@mutation(args={"value": v.number()})
def put(ctx: MutationCtx, value: float) -> str:
    return ctx.db.insert("things", {"value": value})


shelf = define_component("shelf", {"m": {"put": put}}, define_schema({"things": define_table({"value": v.number()})}))
module = {
    "bump": bump,
    "note": note,
    "bump_later": bump_later,
    "bump_inside": bump_inside,
    "cancel_all": cancel_all,
    "juggle": juggle,
    "act": act,
}
app = define_app({"m": module}, schema)
app.use(shelf)

indexed = define_schema({**schema.tables, "counters": schema.tables["counters"].index("by_value", ["value"])})
without_act = define_app({"m": {name: each for name, each in module.items() if name != "act"}}, indexed)
without_act.use(shelf)


@scenario(app=app)
def retries(world: World) -> None:
    """Four clients fight for one counter: conflicts, back-offs, one retry after the other."""
    for name in ("ann", "bob", "cid", "dot"):
        for _ in range(2):
            world.client(name).mutation(api.m.bump, {"name": "hits"})


@scenario(app=app, platform=Platform(parallelism=2))
def scheduling(world: World) -> None:
    """Functions come due together, more than may run, and somebody cancels."""
    world.external("ledger")
    world.network(lambda _: Response())
    world.client("ann").mutation(api.m.bump_later, {"names": ["x", "y", "x"], "delay": 10})
    world.client("bob").mutation(api.m.bump_later, {"names": ["x", "x", "y"], "delay": 10})
    world.client("cid").wait(10)
    world.client("cid").mutation(api.m.note, {"text": "before"})
    world.client("cid").mutation(api.m.cancel_all)


@scenario(app=app)
def acting(world: World) -> None:
    """Actions with calls side by side, random numbers, outside objects and functions of their own."""
    world.external("ledger")
    world.external("plan", ["cancel", "keep", "cancel"])
    world.network({"https://example.com/act": lambda request: Response(200, request.body)})
    for name in ("ann", "bob", "cid"):
        world.client(name).action(api.m.juggle, {"name": "shared" if name != "cid" else name})


@scenario(app=app)
def scripted(world: World) -> None:
    """Clients whose later calls depend on earlier answers."""

    async def climb(session: Session) -> None:
        while await session.mutation(api.m.bump, {"name": "hits"}) < 4:
            await session.sleep(1)
        try:
            await session.mutation(api.m.bump, {"nam": "hits"})
        except FunctionError as error:
            await session.mutation(api.m.note, {"text": error.code})

    for name in ("ann", "bob", "cid"):
        world.client(name).run(climb)


EVERYTHING = Faults(crashes=2, restarts=2, system_errors=2, conflicts=2, disconnects=2, skewed=2, skews_ms=[700, -5])


@scenario(app=app, faults=EVERYTHING, invariants=[serializable])
def faulty(world: World) -> None:
    """All that may go wrong, for clients of both kinds."""
    world.external("ledger")
    world.external("plan", ["cancel", "keep"])
    world.network({"https://example.com/act": lambda request: Response(200, request.body)})
    for name in ("ann", "bob"):
        client = world.client(name, kind="websocket" if name == "ann" else "http")
        client.action(api.m.juggle, {"name": "shared"})
        client.mutation(api.m.bump_later, {"names": ["shared", "own"], "delay": 3})
        client.mutation(api.m.bump, {"name": "shared"})


@scenario(app=app, faults=EVERYTHING, invariants=[serializable])
def deploying(world: World) -> None:
    """The same, while an app without one of its functions, and with one index more, comes and goes."""
    faulty.body(world)
    world.client("dev").deploy(without_act)
    world.client("dev").wait(2)
    world.client("dev").deploy(app)


SCENARIOS = (retries, scheduling, acting, scripted, faulty, deploying)
SEEDS = (0, 1, 2)


def simulate(world: Scenario, level: int, choices: Choices | None = None) -> Run:
    return Simulation(world, choices, level=level).run()


def told(run: Run) -> str:
    assert run.trace is not None
    return json_lines(run.trace)


def everything() -> Iterator[str]:
    """Yield what the same choices must always give: all scenarios, levels and seeds, each trace and list of choices."""
    for world in SCENARIOS:
        for level in LEVELS:
            for seed in SEEDS:
                run = simulate(world, level, RandomChoices(seed))
                yield f"{world.name} level {level} seed {seed}: {run.indexes} {run.steps} {run.now} {run.calls}\n"
                yield told(run)


def events(run: Run, kind: type[E]) -> list[E]:
    assert run.trace is not None
    return [event for event in run.trace.events if isinstance(event, kind)]


# ------------------------------------------------------------------------------------------------------- the same bytes


def test_every_process_tells_the_same() -> None:
    here = "".join(everything())
    for seed in ("0", "1", "4711", "random"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        fresh = subprocess.run(
            [sys.executable, "-m", "tests.test_determinism"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=True,
            encoding="utf-8",
        )
        assert fresh.stderr == ""
        assert fresh.stdout == here, f"PYTHONHASHSEED={seed}"


def test_the_worlds_are_worth_comparing() -> None:
    """Each contains what its docstring promises; else the tests above prove little."""
    runs = {world.name: [simulate(world, 2, RandomChoices(seed)) for seed in range(20)] for world in SCENARIOS}
    conflicts = [event for run in runs["retries"] for event in events(run, Conflicted)]
    assert len(conflicts) > 50
    assert max(conflict.attempt for conflict in conflicts) > 1
    states = {row["state"]["kind"] for run in runs["scheduling"] for row in run.view.scheduled_functions()}
    assert states == {"success", "failed", "canceled"}
    effects = {type(event.effect).__name__ for run in runs["acting"] for event in events(run, Did)}
    assert effects == {"Logged", "Scheduled", "Canceled", "ExternalUse", "Fetched"}
    assert all(call.error for run in runs["scripted"] for call in run.calls if call.args == {"nam": "hits"})
    struck = {fault.fault for run in runs["faulty"] for fault in run.view.faults}
    assert struck == {"crash", "restart", "system error", "conflict", "disconnect", "skew"}
    told_devs = {str(call.error)[:15] for run in runs["deploying"] for call in run.view.calls("dev")}
    assert told_devs == {"None", "Connection lost"}
    tables = {event.conflict.index for run in runs["deploying"] for event in events(run, Conflicted)}
    assert "/_tables.by_id" in tables
    assert all(run.ending == "quiet" and not run.violations for each in runs.values() for run in each)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("world", SCENARIOS, ids=lambda world: world.name)
def test_a_run_is_repeated_by_its_choices(world: Scenario, level: int) -> None:
    for seed in range(10):
        run = simulate(world, level, RandomChoices(seed))
        listed = ListedChoices(run.indexes)
        again = simulate(world, level, listed)
        assert told(again) == told(run)
        assert again.record.labelled() == run.record.labelled()
        assert (listed.misfits, listed.unused) == ([], 0)
        assert (again.steps, again.now, again.ending) == (run.steps, run.now, run.ending)
        assert [call.outcome for call in again.calls] == [call.outcome for call in run.calls]


@pytest.mark.parametrize("world", SCENARIOS, ids=lambda world: world.name)
def test_option_0_is_what_comes_when_a_list_has_ended(world: Scenario) -> None:
    for level in LEVELS:
        serial = simulate(world, level)
        assert not any(serial.indexes)
        assert told(simulate(world, level, ListedChoices(()))) == told(serial)
        assert told(simulate(world, level, FirstChoices())) == told(serial)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SCENARIOS), st.sampled_from(LEVELS), st.lists(st.integers(0, 9), max_size=60))
def test_any_list_is_a_run(world: Scenario, level: int, indexes: list[int]) -> None:
    """What fits nowhere counts as 0, and the choices that were really made repeat the run."""
    run = simulate(world, level, ListedChoices(indexes))
    assert told(simulate(world, level, ListedChoices(run.indexes))) == told(run)


@pytest.mark.parametrize("world", SCENARIOS, ids=lambda world: world.name)
def test_no_run_leaves_a_mark_on_the_next(world: Scenario) -> None:
    first = [told(simulate(world, 2, RandomChoices(seed))) for seed in SEEDS]
    for other in SCENARIOS:
        Simulation(other, RandomChoices(99), level=1, max_steps=50).run()
    assert [told(simulate(world, 2, RandomChoices(seed))) for seed in reversed(SEEDS)] == first[::-1]


@pytest.mark.parametrize("world", SCENARIOS, ids=lambda world: world.name)
def test_looking_changes_nothing(world: Scenario) -> None:
    for level in LEVELS:
        seen, unseen = (Simulation(world, RandomChoices(5), level=level, trace=trace).run() for trace in (True, False))
        assert unseen.trace is None
        assert (seen.indexes, seen.steps, seen.now) == (unseen.indexes, unseen.steps, unseen.now)
        assert seen.record.labelled() == unseen.record.labelled()
        assert [call.outcome for call in seen.calls] == [call.outcome for call in unseen.calls]


# ----------------------------------------------------------------------------------------------- every order, each once


def bumps(*names: str) -> Scenario:
    """One client for each name, and each bumps the counter of that name once."""

    @scenario(app=app)
    def bumping(world: World) -> None:
        for at, name in enumerate(names):
            world.client("abc"[at]).mutation(api.m.bump, {"name": name})

    return bumping


def every_order(world: Scenario, level: int) -> Iterator[Run]:
    """Depth first: change the last step that can still be another one; a retry always begins at once."""
    prefix: list[int] | None = []
    while prefix is not None:
        run = Simulation(world, ListedChoices(prefix), level=level, trace=False).run()
        yield run
        taken = run.record.taken
        changeable = [at for at, (kind, index, count, _) in enumerate(taken) if kind == "step" and index + 1 < count]
        prefix = [*run.indexes[: changeable[-1]], run.indexes[changeable[-1]] + 1] if changeable else None


def orders(*counts: int) -> int:
    """In how many ways so many steps of each client can be interleaved."""
    return factorial(sum(counts)) // prod(factorial(count) for count in counts)


@pytest.mark.parametrize(
    ("names", "level", "count"),
    [
        (("x", "y", "z"), 2, orders(2, 2, 2)),
        (("x", "y", "z"), 3, orders(1, 1, 1)),
        (("x", "x", "y"), 2, 142),
        (("x", "x", "y"), 3, 6),
        (("x", "x", "x"), 2, 498),
        (("x", "x", "x"), 3, 6),
        (("x", "y"), 1, orders(7, 7)),
    ],
    ids=lambda value: "".join(value) if isinstance(value, tuple) else None,
)
def test_no_order_is_lost_and_none_comes_twice(names: tuple[str, ...], level: int, count: int) -> None:
    """The counts of exploration.md 4: 90, 142 and 498 at level 2, 6 at level 3.

    At level 1 a mutation is seven messages here (`test_walk.py`) and was three in the prototype, whose count of 1680 is
    orders(3, 3, 3). orders(7, 7, 7) are too many to run, so there it is two clients.
    """
    assert [orders(2, 2, 2), orders(1, 1, 1), orders(3, 3, 3)] == [90, 6, 1680]
    seen = []
    for run in islice(every_order(bumps(*names), level), count + 1):
        assert run.ending == "quiet"
        assert sum(row["value"] for row in run.view.documents("counters")) == len(names)
        seen.append(tuple((taken.activity, taken.phase) for taken in run.record.labelled() if taken.kind == "step"))
    assert len(seen) == count
    assert len(set(seen)) == count


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    sys.stdout.writelines(everything())
