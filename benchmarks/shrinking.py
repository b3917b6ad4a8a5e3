"""How small a failure becomes, and what that costs: medians over the first failures of random walks of many seeds.

Counts only, so that it prints the same everywhere. Run it with `make shrinking`: it writes the table of
docs/exploration.md, "What is left of a failure"; the tests measure a row of it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from attrs import frozen

from benchmarks.planted import BUGS
from convexsim import RandomWalk, Scenario, check
from convexsim.choices import root_of
from convexsim.explore.shrink import shrink
from convexsim.simulation import Run
from convexsim.testing.scenario_file import named, open_scenarios

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "exploration.md"
SEEDS: Final = 30
RUNS: Final = 2_000
LESSONS: Final = ("double_chain", "stranded_items", "crash_leaves_flushing")
PLANTED: Final = ("lost_update", "lost_update_in_noise", "write_skew", "three_constraints", "stale_id", "crash_between")
HEAD: Final = (
    "| bug | forced choices | actors | shrunk to | actors | runs | different ends |\n|---|---|---|---|---|---|---|\n"
)


@frozen
class Shrinking:
    """What became of one failure: forced choices and actors before and after, the runs it took, and what is left."""

    before: tuple[int, int]
    after: tuple[int, int]
    runs: int
    left: tuple[int, ...]


def size(run: Run) -> tuple[int, int]:
    """Return how many choices of a run are forced, and how many actors take part in them."""
    forced = run.record.forced
    actors = {root_of(label.activity) for each in forced for label in (each.taken, each.passed)}
    return len(forced), len(actors)


def measured(scenario: Scenario, seeds: int = SEEDS) -> list[Shrinking]:
    """Shrink the first failure that each seed meets."""
    found = []
    for seed in range(seeds):
        finding = check(scenario, RandomWalk(RUNS, seed), simplify=False).finding
        if finding is not None:
            shrunk = shrink(finding.run)
            found.append(Shrinking(size(finding.run), size(shrunk.run), shrunk.runs, shrunk.run.indexes))
    return found


def row(name: str, found: list[Shrinking]) -> str:
    """Return the line of a table: medians, and the largest in brackets where it differs."""
    columns = [[each.before[0] for each in found], [each.before[1] for each in found]]
    columns += [[each.after[0] for each in found], [each.after[1] for each in found], [each.runs for each in found]]
    cells = [
        f"{median(column):g}" + (f" ({max(column)})" if max(column) != median(column) else "") for column in columns
    ]
    return f"| {' | '.join([name, *cells, str(len({each.left for each in found}))])} |\n"


def scenarios() -> Iterator[Scenario]:
    """Yield the planted bugs, and the scenarios of the course in which an order breaks something."""
    yield from (bug for bug in BUGS if bug.name in PLANTED)
    for lesson in LESSONS:
        with open_scenarios(ROOT / "scenarios" / f"{lesson}.py") as found:
            yield named(found, lesson)


def main() -> None:
    """Measure all of them, and write the table."""
    rows = []
    for scenario in scenarios():
        rows.append(row(scenario.name, measured(scenario)))
        print(rows[-1], end="", flush=True)
    page = PAGE.read_text(encoding="utf-8")
    table = re.compile(r"\| bug \| forced choices \|.*?\n\n", re.DOTALL)
    PAGE.write_text(table.sub(lambda _: HEAD + "".join(rows) + "\n", page, count=1), encoding="utf-8")


if __name__ == "__main__":
    main()
