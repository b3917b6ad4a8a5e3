"""How fast the runtime is: mutations a second beside a loop over plain dicts, and how the cost of an operation grows.

Every figure is a ratio of two things measured in this one run, in turns and in CPU time, so that a noisy or slow
machine changes both; the absolute numbers beside them are for a feeling only. Run it with `make bench`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from math import log2
from statistics import median
from time import process_time

from benchmarks.orders import seconds
from convexsim import (
    Limits,
    MutationCtx,
    Platform,
    Scenario,
    Session,
    Simulation,
    World,
    api,
    define_app,
    define_schema,
    define_table,
    mutation,
    scenario,
    v,
)
from convexsim.functions.query import IndexRange

ROUNDS = 5
MUTATIONS = 4_000
SIZES = (1_000, 10_000, 100_000)
OPERATIONS = 1_000  # of each kind, on as many documents: inside one mutation, or as many mutations
SEEDED = 5_000  # documents that one mutation inserts


def named(name: str, q: IndexRange) -> IndexRange:
    """Return the range of an index that holds one name."""
    return q.eq("name", name)


class Counters:
    """One read and one write each; what every one of them reads is found by index among all."""

    @mutation
    def seed(ctx: MutationCtx, first: int, count: int) -> list[str]:  # noqa: N805 - a function that the class collects
        """Insert counters and return their ids."""
        numbers = range(first, first + count)
        return [ctx.db.insert("counters", {"name": f"counter {number}", "value": 0}) for number in numbers]

    @mutation
    def bump(ctx: MutationCtx, name: str) -> None:  # noqa: N805
        """Add one to a counter."""
        row = ctx.db.query("counters").with_index("by_name", partial(named, name)).first()
        assert row is not None
        ctx.db.patch(row["_id"], {"value": row["value"] + 1})


class Operations:
    """Many operations of one kind in one mutation, so that nothing else of the runtime is in the figure."""

    @mutation
    def get(ctx: MutationCtx, ids: list[str]) -> None:  # noqa: N805
        """Read by id."""
        for each in ids:
            ctx.db.get(each)

    @mutation
    def first(ctx: MutationCtx, names: list[str]) -> None:  # noqa: N805
        """Read by index."""
        for name in names:
            ctx.db.query("counters").with_index("by_name", partial(named, name)).first()

    @mutation
    def patch(ctx: MutationCtx, ids: list[str]) -> None:  # noqa: N805
        """Write what exists."""
        for each in ids:
            ctx.db.patch(each, {"value": -1})

    @mutation
    def insert(ctx: MutationCtx, names: list[str]) -> None:  # noqa: N805
        """Write what is new."""
        for name in names:
            ctx.db.insert("counters", {"name": f"new {name}", "value": 0})


SCHEMA = define_schema(
    {"counters": define_table({"name": v.string(), "value": v.number()}).index("by_name", ["name"])},
)
APP = define_app({"counters": Counters, "operations": Operations}, SCHEMA)
ROOMY = Platform(limits=Limits(documents_read=10**9, bytes_read=10**12, read_intervals=10**9))


def names(count: int, size: int) -> Iterator[str]:
    """Yield names of counters, spread over all of them in an order that repeats in no short time."""
    return (f"counter {number * 7_919 % size}" for number in range(count))


def bumping(size: int, count: int) -> Scenario:
    """Return a world of so many counters, of which one client bumps so many, one after the other."""

    @scenario(app=APP)
    def bumps(world: World) -> None:
        client = world.client("alice")
        for first in range(0, size, SEEDED):
            client.mutation(api.counters.seed, {"first": first, "count": min(SEEDED, size - first)})
        for name in names(count, size):
            client.mutation(api.counters.bump, {"name": name})

    return bumps


def run(world: Scenario) -> None:
    """Run a world in the plain serial order, without a trace."""
    result = Simulation(world, trace=False, max_steps=10**9).run()
    assert all(call.error is None for call in result.calls), result.calls[-1].error


def plain(size: int, count: int) -> None:
    """Do the same on a dict of dicts, as a function of JavaScript or Python would without a database."""
    counters = {f"counter {number}": {"name": f"counter {number}", "value": 0} for number in range(size)}
    for name in names(count, size):
        row = counters[name]
        counters[name] = {**row, "value": row["value"] + 1}  # type: ignore[operator] # a counter's value


def mutations() -> None:
    """Print how many one-read-one-write mutations a second go through all actors, and beside plain dicts."""
    worlds = bumping(10, MUTATIONS), bumping(10, 1)
    rates, ratios = [], []
    for _ in range(ROUNDS):
        through_actors = seconds(partial(run, worlds[0])) - seconds(partial(run, worlds[1]))
        by_hand = seconds(partial(plain, 10, MUTATIONS))
        rates.append(MUTATIONS / through_actors)
        ratios.append(through_actors / by_hand)
    print(f"Top-level mutations, one read by index and one write each, median of {ROUNDS} rounds of {MUTATIONS:,}:")
    print(f"  {median(rates):,.0f} a second; {median(ratios):,.0f} times the cost of the same loop over plain dicts")


def growing() -> None:
    """Print what one operation costs in tables of different sizes, beside the smallest."""
    sizes: dict[int, list[dict[str, float]]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, rounds in sizes.items():
            rounds.append(one_growth(size))
    print(f"\nMicroseconds of one operation by the size of its table, median of {ROUNDS} rounds (times the smallest):")
    kinds = list(sizes[SIZES[0]][0])
    print(f"  {'documents':>9}" + "".join(f"{kind:>16}" for kind in kinds) + f"{'logarithm':>12}")
    for size in SIZES:
        cells = []
        for kind in kinds:
            own, smallest = (median(each[kind] for each in sizes[which]) for which in (size, SIZES[0]))
            cells.append(f"{own * 1e6:>8.2f} ({own / smallest:.2f})")
        print(f"  {size:>9,}" + "".join(f"{cell:>16}" for cell in cells) + f"{log2(size) / log2(SIZES[0]):>12.2f}")


def plain_bump(size: int) -> float:
    """Return the seconds of one read and one write in a dict of so many dicts: what memory alone costs as it grows."""
    counters = {f"counter {number}": {"name": f"counter {number}", "value": 0} for number in range(size)}
    chosen = list(names(OPERATIONS, size))
    gc.collect()
    begun = process_time()
    for name in chosen:
        row = counters[name]
        counters[name] = {**row, "value": -1}
    return (process_time() - begun) / OPERATIONS


def one_growth(size: int) -> dict[str, float]:
    """Return the seconds of one operation of each kind in a table of so many documents."""
    cost = {"plain dict": plain_bump(size)}

    async def script(session: Session) -> None:
        ids: list[str] = []
        for first in range(0, size, SEEDED):
            ids += await session.mutation(api.counters.seed, {"first": first, "count": min(SEEDED, size - first)})
        chosen = list(names(OPERATIONS, size))
        chosen_ids = [ids[int(name.removeprefix("counter "))] for name in chosen]
        for kind, args in (("get", {"ids": chosen_ids}), ("first", {"names": chosen}), ("patch", {"ids": chosen_ids})):
            gc.collect()
            begun = process_time()
            await session.mutation(f"operations:{kind}", args)
            cost[kind] = (process_time() - begun) / OPERATIONS
        gc.collect()
        begun = process_time()
        for name in chosen:
            await session.mutation(api.counters.bump, {"name": name})
        cost["mutation"] = (process_time() - begun) / OPERATIONS
        gc.collect()
        begun = process_time()
        await session.mutation("operations:insert", {"names": chosen})
        cost["insert"] = (process_time() - begun) / OPERATIONS

    @scenario(app=APP, platform=ROOMY)
    def grown(world: World) -> None:
        world.client("alice").run(script)

    run(grown)
    return cost


if __name__ == "__main__":
    mutations()
    growing()
