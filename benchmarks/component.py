"""How fast whole runs of the component are, beside the same coroutines and store without actors.

A run is three adds, a flush, the timer and the delivery, on version 1.0.6 through its host app. Run it with
`make bench`; what the figures mean stands in docs/performance.md.
"""

from __future__ import annotations

import json
from functools import partial

from benchmarks.adding import EXTERNALS, adding, calls
from benchmarks.orders import ROUNDS, compared
from benchmarks.plain import PlainWorld
from convexsim import RandomWalk, Scenario, check
from convexsim.choices import RandomChoices

RUNS = 100
VERSION = "1.0.6"


def through_actors(world: Scenario) -> None:
    """Check the world in random orders, through all actors."""
    report = check(world, RandomWalk(runs=RUNS, seed=1))
    assert report.runs == RUNS


def without_actors(world: Scenario) -> None:
    """Do the same without actors, messages and a report; the draws are made in the same way."""
    catalog, made = world.app.catalog(), calls(3, flush=True)
    for number in range(RUNS):
        PlainWorld(catalog, EXTERNALS, RandomChoices(f"1:{number}")).run(made)


def main() -> None:
    """Measure and print."""
    world = adding(VERSION)
    print(f"Whole runs of the component {VERSION} (level 2, no trace), median of {ROUNDS} rounds of {RUNS}:")
    work, yardstick = partial(through_actors, world), partial(without_actors, world)
    print(json.dumps([compared("three adds, flush, timer, delivery", work, yardstick, RUNS)]))


if __name__ == "__main__":
    main()
