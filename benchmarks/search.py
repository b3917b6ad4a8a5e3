"""How long DPOR takes to the end of the component's small worlds: runs, traces, seconds of CPU time.

A search that is not at its end after `CAP` runs says so instead of a time. Run it with `make bench`; what the figures
mean stands in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from typing import Final

from attrs import frozen

from benchmarks.adding import adding
from benchmarks.orders import seconds
from convexsim import Dpor, check

CAP: Final = 20_000
"""Runs after which a search gives up."""


@frozen
class Search:
    """One world to search through.

    Attributes:
        backoffs: whether every length of every wait is explored too; at level 3 nobody ever waits.

    """

    version: str
    adds: int
    flush: bool
    level: int
    backoffs: bool = True

    @property
    def title(self) -> str:
        """How the table calls it."""
        world = f"{self.adds} adds{' + flush' if self.flush else ''} + timer"
        return f"{self.version}, {world}, level {self.level}{'' if self.backoffs else ', no waits'}"


SEARCHES: Final = (
    Search("1.0.6", 3, flush=True, level=3),
    Search("1.0.5", 3, flush=True, level=3),
    Search("1.0.6", 2, flush=False, level=2, backoffs=False),
    Search("1.0.6", 2, flush=False, level=2),
)


def searched(search: Search, cap: int) -> dict[str, object]:
    """Search to the end, or until so many runs; print and return what came of it."""
    explorer, reports = Dpor(cap, backoffs=search.backoffs), []
    world = adding(search.version, search.adds, flush=search.flush)
    took = seconds(lambda: reports.append(check(world, explorer, level=search.level)))
    (report,) = reports
    end = f"{took:.1f} s" if report.exhausted else f"not finished after {report.runs:,} runs, {took:.1f} s"
    print(f"  {search.title:<48}{report.runs:>8,} runs{explorer.traces:>8,} traces  {end}", flush=True)
    facts = {"runs": report.runs, "traces": explorer.traces, "finished": report.exhausted, "seconds": round(took, 2)}
    return {"name": search.title, **facts}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cap", type=int, default=CAP, help=f"runs after which a search gives up ({CAP:,})")
    search = partial(searched, cap=parser.parse_args().cap)
    print("DPOR to the end, CPU time:")
    print(json.dumps([search(each) for each in SEARCHES]))


if __name__ == "__main__":
    main()
