"""Check: a scenario, an explorer, the invariants; what comes out is a report.

Owns the loop that runs what an explorer proposes until something breaks or nothing is left to try; at its end the first
run is repeated, to see that nothing outlives a run (`audit.py`). What a report says stands in `report.py`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from convexsim.explore.audit import difference
from convexsim.explore.explorer import as_explorer
from convexsim.explore.random_walk import RandomWalk
from convexsim.explore.replay import encode
from convexsim.explore.report import Finding, Report
from convexsim.explore.shrink import MAX_SHRINK_RUNS, Shrunk, shrink
from convexsim.explore.timed import latest, look_timed
from convexsim.functions.memory import Memory
from convexsim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from convexsim.explore.explorer import Explorer
    from convexsim.simulation import Run, Scenario

__all__ = ["check"]


def check(
    scenario: Scenario,
    explorer: Explorer | None = None,
    *,
    level: int = 2,
    simplify: bool = True,
    on_run: Callable[[int, Run], None] | None = None,
) -> Report:
    """Explore a scenario until an invariant breaks; the failure in the report is shrunk and can be replayed.

    Args:
        scenario: the world and what must hold in it.
        explorer: who proposes the orders; a random walk of 1,000 runs if not given.
        level: the granularity of choices, see `Simulation`.
        simplify: whether to shrink a failure; without it the report shows the very run that failed.
        on_run: called after every run with its number; a KeyboardInterrupt raised in it ends the exploration with what
            was found.

    """
    chosen = as_explorer(explorer if explorer is not None else RandomWalk())
    report = Report(scenario, chosen.name, level)
    memory = Memory()
    first: Run | None = None
    last: Run | None = None
    try:
        while (choices := chosen.propose(last)) is not None:
            last = Simulation(scenario, choices, level=level, trace=first is None, memory=memory).run()
            first = last if first is None else first
            report.add(last)
            if last.violations:
                told = None if on_run is None else partial(on_run, report.runs)
                shrunk = shrink(last, MAX_SHRINK_RUNS if simplify else 0, told)
                report.finding = finding = _finding(last, shrunk, report.runs)
                if finding.late is not None:
                    report.finding = evolve(finding, timed=look_timed(shrunk.run, told))
                break
            if on_run is not None:
                on_run(report.runs, last)
    except KeyboardInterrupt:
        report.interrupted = True
    report.explorer, report.exhausted = chosen.name, chosen.exhausted
    report.notes = list(getattr(chosen, "notes", ()))
    if first is not None and not report.interrupted and (report.runs > 1 or report.finding is not None):
        differs = difference(first)
        report.differs_from_step = None if differs is None else differs.step
    return report


def _finding(failing: Run, shrunk: Shrunk, number: int) -> Finding:
    return Finding(
        shrunk.run,
        replay=encode(shrunk.run),
        found_at_run=number,
        choices_before=len(failing.record.forced),
        is_minimal=shrunk.is_minimal,
        late=latest(shrunk.run.trace) if shrunk.run.trace is not None else None,
    )
