"""The same lost update in one tool after the other: two tasks that read a number, let others run, and write it back.

Run by the interpreter in which the tool is installed: ``python lost_updates.py TOOL ORDERS`` prints a line of JSON. So
this file imports nothing of its own accord but the standard library. Each tool explores with its own loop, as its
README does it; that the update is lost is noted and not raised, so that none stops, reports or shrinks. `others.py`
compares.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from time import process_time
from typing import Any, Final

Lost = list[bool]
"""For each order in turn whether the update was lost."""


class Counter:
    """A number that two tasks increment."""

    def __init__(self) -> None:
        self.value = 0

    def increment(self) -> None:
        """Add one to what was there a moment ago: for threads, which may be switched between any two instructions."""
        value = self.value
        self.value = value + 1

    async def increment_later(self) -> None:
        """Add one to what was there before others ran."""
        value = self.value
        await asyncio.sleep(0)
        self.value = value + 1


async def both(lost: Lost) -> None:
    """Increment twice side by side."""
    counter = Counter()
    await asyncio.gather(counter.increment_later(), counter.increment_later())
    lost.append(counter.value != 2)  # noqa: PLR2004 - once each


def noted(lost: Lost, counter: Counter) -> bool:
    """Note what an order has led to, and find it right."""
    lost.append(counter.value != 2)  # noqa: PLR2004 - once each
    return True


def convexsim(explorer: str, orders: int, lost: Lost) -> None:
    """Two actions that each run a query and then a mutation, at level 2; DPOR begins anew when no trace is left."""
    ours, world = import_module("convexsim"), import_module("benchmarks.planted").lost_update
    while len(lost) < orders:
        proposing, last = getattr(ours, explorer)(orders), None
        while (choices := proposing.propose(last)) is not None:
            last = ours.Simulation(world, choices, trace=False).run()
            lost.append(bool(last.violations))


def frontrun_threads(strategy: dict[str, Any], orders: int, lost: Lost) -> None:
    """Two threads, a switch between any two instructions; its DPOR is done after two orders and begins anew."""
    explore = import_module("frontrun").explore
    while len(lost) < orders:
        explore(setup=Counter, workers=Counter.increment, count=2, invariant=partial(noted, lost), **strategy)


def frontrun_asyncio(strategy: dict[str, Any], orders: int, lost: Lost) -> None:
    """Two tasks of asyncio."""
    explore = import_module("frontrun").explore

    async def explored() -> None:
        while len(lost) < orders:
            invariant = partial(noted, lost)
            await explore(setup=Counter, workers=Counter.increment_later, count=2, invariant=invariant, **strategy)

    asyncio.run(explored())


def simloom(orders: int, lost: Lost) -> None:
    """Two tasks of asyncio, each order from a seed."""
    import_module("simloom").explore(partial(both, lost), runs=orders)


def simloop(orders: int, lost: Lost) -> None:
    """Two tasks of asyncio, each order from a seed."""
    import_module("simloop").explore(partial(both, lost), range(orders))


def seedloop(orders: int, lost: Lost) -> None:
    """Two tasks of asyncio that sleep for times drawn from the seed: ready tasks always run in their order here."""
    seeded = import_module("seedloop")

    async def scenario(world: Any) -> None:
        counter = Counter()

        async def increment() -> None:
            await asyncio.sleep(world.rng.random())
            value = counter.value
            await asyncio.sleep(world.rng.random())
            counter.value = value + 1

        await asyncio.gather(increment(), increment())
        noted(lost, counter)

    seeded.check(scenario, seeds=orders)


def strategies(orders: int) -> dict[str, Callable[[Lost], None]]:
    """Return how so many orders are explored, by the names that the table has for it."""
    drawn = {"strategy": "random", "max_attempts": orders, "seed": 1}
    return {
        "convexsim, random": partial(convexsim, "RandomWalk", orders),
        "convexsim, DPOR": partial(convexsim, "Dpor", orders),
        "frontrun, threads, DPOR": partial(frontrun_threads, {}, orders),
        "frontrun, threads, random": partial(frontrun_threads, drawn, orders),
        "frontrun, asyncio, DPOR": partial(frontrun_asyncio, {}, orders),
        "frontrun, asyncio, random": partial(frontrun_asyncio, drawn, orders),
        "simloom": partial(simloom, orders),
        "simloop": partial(simloop, orders),
        "seedloop": partial(seedloop, orders),
    }


WARMING: Final = 20
"""Orders that are explored before those that count."""


def main() -> None:
    """Explore, and print what that took and led to."""
    name, orders = sys.argv[1], int(sys.argv[2])
    strategies(WARMING)[name]([])
    lost: Lost = []
    begun = process_time()
    strategies(orders)[name](lost)
    took = process_time() - begun
    first = lost.index(True) + 1 if True in lost else None
    facts = {"orders": len(lost), "seconds": took, "lost": sum(lost), "first": first}
    print(json.dumps({**facts, "python": platform.python_version()}))


if __name__ == "__main__":
    main()
