"""How far off the meter's estimate of all traces is, where their number is known because DPOR has run each of them.

`Meter.total_at_least` is Chao's estimate (1984) from the traces that came once and twice; a lower bound by its making,
so how much too low it is, is the question. Each cell is about the runs of a random walk, the plain serial run included,
over 15 seeds. Run it with `make estimate`; docs/exploration.md has the table.
"""

from __future__ import annotations

from statistics import median
from typing import Any, Final

from benchmarks.planted import (
    five_conflicts,
    five_constraints,
    lost_update,
    lost_update_in_noise,
    stale_id,
    three_constraints,
    write_skew,
)
from convexsim import Dpor, Meter, RandomWalk, Recording, Run, Scenario, Simulation, trace_key

WORLDS: Final[tuple[tuple[Scenario, int], ...]] = (
    (write_skew, 2),
    (three_constraints, 2),
    (five_constraints, 2),
    (lost_update, 2),
    (stale_id, 2),
    (lost_update_in_noise, 2),
    (five_conflicts, 3),
)
"""Planted bugs, with the level at which they are explored."""
LOOKS: Final = (50, 200, 400)
"""After how many runs the estimate is read."""
SEEDS: Final = 15


def traces_of(world: Scenario, level: int) -> int:
    """Return how many traces there are."""
    explorer = Dpor()
    last: Run | None = None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(world, choices, level=level, trace=False).run()
    assert explorer.exhausted, f"{world.name} has too many traces"
    return explorer.traces


def sampled(explorer: Any, world: Scenario, level: int) -> list[tuple[int, float]]:
    """Return how many traces were seen, and are estimated, after each number of `LOOKS`."""
    explorer, meter, last = Recording(explorer), Meter(trace_key), None
    read = []
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(world, choices, level=level, trace=False).run()
        meter.add(last)
        if meter.runs in LOOKS:
            read.append((meter.distinct, meter.total_at_least))
    return read


def main() -> None:
    """Measure and print a table in Markdown."""
    print("| world | level | traces | " + " | ".join(f"seen in {look}, estimated" for look in LOOKS) + " |")
    print("|---" * (3 + len(LOOKS)) + "|")
    for world, level in WORLDS:
        runs = [sampled(RandomWalk(LOOKS[-1], seed), world, level) for seed in range(SEEDS)]
        cells = []
        for look in range(len(LOOKS)):
            seen, estimated = zip(*(run[look] for run in runs), strict=True)
            low, high = min(estimated), max(estimated)
            cells.append(f"{median(seen):.0f}, {median(estimated):.0f} [{low:.0f}, {high:.0f}]")
        print(f"| {world.name} | {level} | {traces_of(world, level)} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
