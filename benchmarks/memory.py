"""Whether memory stays flat: what is alive, and what was resident at most, after more and more runs of the component.

One exploration, as `check` does it: three adds, a flush, the timer and the delivery on 1.0.6, in random orders. By
default it makes few runs, and says so; docs/performance.md has the figures of 100,000: ``--runs 100000``.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from resource import RUSAGE_SELF, getrusage
from typing import Final

from benchmarks.adding import adding
from convexsim import RandomWalk, Run, check

RUNS: Final = 3_000
MANY: Final = 100_000
KIB: Final = 1 if sys.platform == "linux" else 1_024
"""One KiB in units of `ru_maxrss`: those are KiB on Linux and bytes on macOS."""


def census(runs: int) -> dict[str, int]:
    """Count and print what is left after so many runs."""
    gc.collect()
    facts = {
        "runs": runs,
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "peak KiB": getrusage(RUSAGE_SELF).ru_maxrss // KIB,
    }
    print("  " + "".join(f"{value:>12,} {name}" for name, value in facts.items()), flush=True)
    return facts


def censuses(runs: int) -> list[dict[str, int]]:
    """Explore, and count after a hundredth of the runs, after a tenth, and at the end."""
    marks, counted = (runs // 100, runs // 10, runs), []

    def on_run(number: int, _: Run) -> None:
        if number in marks:
            counted.append(census(number))

    check(adding("1.0.6"), RandomWalk(runs=runs, seed=1), on_run=on_run)
    return counted


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"how many in all ({RUNS:,})")
    runs = parser.parse_args().runs
    few = "" if runs >= MANY else f" (few runs: see --runs {MANY})"
    print(f"Objects that the collector knows, blocks of memory, and the peak of resident memory{few}:")
    print(json.dumps(censuses(runs)))


if __name__ == "__main__":
    main()
