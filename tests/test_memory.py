"""Thousands of simulations in one process leave nothing behind, however each of them ends (exploration.md 1 and 8).

Counted are the live objects of the machinery (dispatchers, actors, futures, handlers between two awaits), the refs in
Pykka's registry, and bytes. A coroutine that nobody closes would also be a warning; pyproject.toml makes it a failure.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import CoroutineType
from typing import Any

import pytest
from hypothesis.errors import StopTest
from pykka import Actor, ActorRef, ActorRegistry

from convexsim import (
    ActionCtx,
    MutationCtx,
    Simulation,
    UsageError,
    View,
    World,
    action,
    always,
    api,
    define_app,
    define_schema,
    define_table,
    eventually,
    internal,
    internal_action,
    mutation,
    scenario,
    v,
)
from convexsim.actors.dispatcher import Dispatcher, Item
from convexsim.actors.future import SteppedFuture, Task
from convexsim.choices import Kind, Option, RandomChoices
from convexsim.functions.memory import Memory
from convexsim.functions.shared_state import SharedState

MACHINERY = (Dispatcher, Item, Actor, ActorRef, SteppedFuture, Task)
RUNS = 1_000
TRACED_RUNS = 180  # tracing makes a run many times as slow
BYTES_PER_RUN = 20
"""What may be left of a run, on average: what Python itself keeps for later."""

# ------------------------------------------------------------------------------------------------------------ the world

schema = define_schema({"counters": define_table({"value": v.number()})})


@mutation
def bump(ctx: MutationCtx) -> None:
    row = ctx.db.query("counters").first()
    if row is None:
        ctx.db.insert("counters", {"value": 1})
    else:
        ctx.db.patch(row["_id"], {"value": row["value"] + 1})


@mutation
def bump_later(ctx: MutationCtx) -> None:
    ctx.scheduler.run_after(5, internal.m.act)


@internal_action
async def act(ctx: ActionCtx) -> None:
    await ctx.external("ledger").append(ctx.random())


@action
async def juggle(ctx: ActionCtx) -> None:
    """Two calls at once, one of them never awaited; and last words that await, if it is ended while it waits."""
    try:
        ctx.run_mutation(api.m.bump)
        await ctx.run_mutation(api.m.bump)
        await ctx.sleep(10)
    finally:
        await ctx.run_mutation(api.m.bump)


@action
async def misuse(ctx: ActionCtx) -> None:
    await ctx.run_mutation(api.m.bump)
    await ctx.external("nowhere").append(1)


modules = {"m": {"bump": bump, "bump_later": bump_later, "act": act, "juggle": juggle, "misuse": misuse}}
app = define_app(modules, schema)


@always
def few(view: View) -> bool:
    """The counter stays below 3."""
    return all(row["value"] < 3 for row in view.documents("counters"))


@eventually
def senseless(view: View) -> bool:
    """Fails by itself."""
    raise KeyError("the invariant is wrong")


def fill(world: World) -> None:
    world.external("ledger")
    for name in ("ann", "bob"):
        world.client(name).mutation(api.m.bump)
        world.client(name).action(api.m.juggle)
    world.client("cid").mutation(api.m.bump_later)


@scenario(app=app)
def plain(world: World) -> None:
    fill(world)


@scenario(app=app, invariants=[few])
def breaking(world: World) -> None:
    fill(world)


@scenario(app=app, invariants=[senseless])
def mistaken(world: World) -> None:
    fill(world)


@scenario(app=app)
def misused(world: World) -> None:
    fill(world)
    world.client("dot").action(api.m.misuse)


class Interrupting(RandomChoices):
    """Raises at the n-th choice: a test that is over, or Ctrl-C."""

    def __init__(self, seed: int, exception: BaseException) -> None:
        super().__init__(seed)
        self._left = 3 + seed % 12
        self._exception = exception

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        self._left -= 1
        if self._left < 0:
            raise self._exception
        return super().choose(kind, options)


def quiet(seed: int) -> None:
    assert Simulation(plain, RandomChoices(seed), level=1 + seed % 3).run().ending == "quiet"


def broken(seed: int) -> None:
    assert Simulation(breaking, RandomChoices(seed), trace=False).run().ending == "broken"


def limited(seed: int) -> None:
    """Stopped with handlers that wait, messages that nobody has handled, and timers."""
    assert Simulation(plain, RandomChoices(seed), level=1, max_steps=20 + seed % 30).run().ending == "max_steps"


def wrong_invariant(seed: int) -> None:
    with pytest.raises(UsageError, match="itself failed"):
        Simulation(mistaken, RandomChoices(seed)).run()


def wrong_use(seed: int) -> None:
    with pytest.raises(UsageError, match="no external object 'nowhere'"):
        Simulation(misused, RandomChoices(seed)).run()


def interrupted(seed: int) -> None:
    exception = (KeyboardInterrupt(), StopTest(0), SystemExit(1), ValueError("drawn"))[seed % 4]
    with pytest.raises(type(exception)):
        Simulation(plain, Interrupting(seed, exception), level=1).run()


ENDINGS = [quiet, broken, limited, wrong_invariant, wrong_use, interrupted]

# --------------------------------------------------------------------------------------------------------- what is left


def census() -> Counter[str]:
    """Count the live objects of the machinery by their class."""
    gc.collect()
    counts = Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, MACHINERY))
    ours = [thing for thing in gc.get_objects() if isinstance(thing, CoroutineType) and _is_ours(thing)]
    counts.update(thing.__qualname__ for thing in ours)
    return counts


def _is_ours(coroutine: CoroutineType[Any, Any, Any]) -> bool:
    return coroutine.cr_code.co_filename == __file__ or "convexsim" in coroutine.cr_code.co_filename


@pytest.fixture(autouse=True)
def no_complaints(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is said where nobody can raise: in finalizers, by coroutines that were never awaited."""
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert said == []
    assert warned == []


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_nothing_of_a_simulation_stays(ending: Callable[[int], None]) -> None:
    before = census()
    for seed in range(60):
        ending(seed)
        assert ActorRegistry.get_all() == []
        assert Dispatcher.innermost() is None
    assert census() == before


def run_all(runs: int) -> None:
    for seed in range(runs):
        ENDINGS[seed % len(ENDINGS)](seed)
    gc.collect()


def test_memory_does_not_grow() -> None:
    """After the same runs again it is what it was before."""
    run_all(RUNS)
    blocks = sys.getallocatedblocks()
    run_all(RUNS)
    assert sys.getallocatedblocks() - blocks < RUNS // 10
    tracemalloc.start()
    try:
        run_all(TRACED_RUNS)
        traced = tracemalloc.get_traced_memory()[0]
        run_all(TRACED_RUNS)
        assert tracemalloc.get_traced_memory()[0] - traced < TRACED_RUNS * BYTES_PER_RUN
    finally:
        tracemalloc.stop()
    assert ActorRegistry.get_all() == []


def test_a_run_that_is_kept_does_not_keep_its_simulation() -> None:
    """A report keeps runs: their choices, calls, trace and last snapshot, but no actor and no message."""
    before = census()
    runs = [Simulation(plain, RandomChoices(seed), level=1).run() for seed in range(5)]
    machinery = census() - before
    assert set(machinery) <= {"Item"}
    assert machinery["Item"] <= sum(len(run.indexes) for run in runs)
    assert len({run.indexes for run in runs}) == 5


def test_what_a_run_leaves_behind_goes_with_its_last_reference() -> None:
    """Not one object of a run that is like most, quiet and without events, waits for the garbage collector."""

    def play() -> int:
        for seed in range(9):
            Simulation(plain, RandomChoices(seed), level=1 + seed % 3, trace=False).run()
        return gc.collect()

    play()
    gc.disable()
    try:
        assert play() == 0
    finally:
        gc.enable()


def test_what_an_exploration_remembers_stays_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convexsim.functions.memory.MOST", 50)
    known = Memory(SharedState(()))

    def explore(seeds: range) -> int:
        for seed in seeds:
            Simulation(plain, RandomChoices(seed), trace=False, memory=known).run()
        gc.collect()
        return sys.getallocatedblocks()

    blocks = explore(range(60))
    assert explore(range(60, 150)) - blocks < 15_000
