"""How many runs each explorer needs to find each planted bug: the median of many seeds, with its confidence interval.

A run counts, not a second: all explorers cost about the same per run. A seed that has not found the bug when its runs
are used up counts as "more than that", which the median and its interval (of order statistics, so exact whatever the
distribution is) can tell, and a mean could not. Run it with `make explorers`; docs/exploration.md has the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import comb
from time import perf_counter
from typing import Any, Final

from benchmarks.planted import BUGS
from convexsim import (
    Bounded,
    Dpor,
    Exhaustive,
    Guided,
    Lockstep,
    Pct,
    Portfolio,
    Pos,
    RandomWalk,
    Scenario,
    Simulation,
    Starving,
    Sticky,
)

CONFIDENCE: Final = 0.95
TIMES_AS_MANY: Final = {"five_constraints": 5}
"""For bugs that are rarer than the others: how many times as many runs they are given."""
BY_SEED: Final[Mapping[str, Callable[[int, int], Any]]] = {
    "random": RandomWalk,
    "sticky": Sticky,
    "PCT d=2": partial(Pct, depth=2),
    "PCT d=3": partial(Pct, depth=3),
    "PCT d=5": partial(Pct, depth=5),
    "POS": Pos,
    "starving": Starving,
    "guided": Guided,
    "portfolio": Portfolio,
}
"""Explorers that draw, by what the table calls them: of so many runs, from a seed."""
WITHOUT_SEED: Final[Mapping[str, Callable[[int], Any]]] = {
    "bounded": Bounded,
    "bounded, no waits": partial(Bounded, backoffs=False),
    "exhaustive": Exhaustive,
    "dpor": Dpor,
    "lockstep": lambda _: Lockstep(),
}
"""Explorers that always run the same."""

Found = tuple[float, int]
"""The run that found the bug, infinite if none did; and how many runs there were."""


def first_bug(bug: Scenario, explorer: Any) -> Found:
    """Run what an explorer proposes until something breaks."""
    last, count = None, 0
    while (choices := explorer.propose(last)) is not None:
        count += 1
        last = Simulation(bug, choices, trace=False).run()
        if last.violations:
            return count, count
    return float("inf"), count


def most(number: int, runs: int) -> int:
    """Return how many runs a bug is given."""
    return runs * TIMES_AS_MANY.get(BUGS[number].name, 1)


def cell(number: int, name: str, runs: int, seeds: int) -> tuple[list[Found], float]:
    """Measure one explorer on one bug; return what each seed found, and the seconds that all runs took."""
    begun = perf_counter()
    if name in WITHOUT_SEED:
        found = [first_bug(BUGS[number], WITHOUT_SEED[name](runs))]
    else:
        found = [first_bug(BUGS[number], BY_SEED[name](runs, seed)) for seed in range(seeds)]
    return found, perf_counter() - begun


def interval(count: int) -> tuple[int, int]:
    """Return the ranks, from 0, of the order statistics between which the median lies with `CONFIDENCE`."""
    low = 0
    while 1 - 2 * sum(comb(count, k) for k in range(low + 2)) / 2**count >= CONFIDENCE:
        low += 1
    return low, count - 1 - low


def told(found: list[Found], runs: int) -> str:
    """Return a cell of the table: the median and its interval, or the one number that there is."""
    firsts = sorted(first for first, _ in found)
    if len(firsts) == 1:
        ((first, ran),) = found
        return f"{first:,.0f}" if first <= runs else f"– ({ran:,})"
    low, high = interval(len(firsts))
    median, below, above = (firsts[rank] for rank in (len(firsts) // 2, low, high))
    spelled = [f"{first:,.0f}" if first <= runs else f">{runs:,}" for first in (median, below, above)]
    missed = sum(first > runs for first in firsts)
    return f"{spelled[0]} [{spelled[1]}, {spelled[2]}]" + (f" ({missed} never)" if missed else "")


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=31, help="an odd number, 7 or more (31)")
    parser.add_argument("--runs", type=int, default=200, help="at most, for each seed (200)")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    arguments = parser.parse_args()
    names = [*BY_SEED, *WITHOUT_SEED]
    width = max(map(len, names))
    print(f"Runs to the first bug at level 2, median of {arguments.seeds} seeds [95 % interval of the median];")
    longer = "".join(f", {times} times as many for {name}" for name, times in TIMES_AS_MANY.items())
    print(f"at most {arguments.runs:,} runs each{longer}.")
    print("Without a seed: the one number; – if not found in (so many) runs.\n")
    print(f"| {'explorer':{width}} | " + " | ".join(bug.name for bug in BUGS) + " |")
    print("|---" * (len(BUGS) + 1) + "|")
    ran, seconds = 0, 0.0
    with ProcessPoolExecutor(arguments.workers) as pool:
        measuring = {
            name: [
                pool.submit(cell, number, name, most(number, arguments.runs), arguments.seeds)
                for number in range(len(BUGS))
            ]
            for name in names
        }
        for name, cells in measuring.items():
            results = [each.result() for each in cells]
            ran += sum(count for found, _ in results for _, count in found)
            seconds += sum(took for _, took in results)
            row = [told(found, most(number, arguments.runs)) for number, (found, _) in enumerate(results)]
            print(f"| {name:{width}} | " + " | ".join(row) + " |", flush=True)
    print(f"\n{ran:,} runs, {ran / seconds:,.0f} a second and process")


if __name__ == "__main__":
    main()
