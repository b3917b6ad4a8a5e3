"""Check: a scenario, an explorer, the invariants; what comes out is a report.

Owns the loop that runs what an explorer proposes until something breaks or nothing is left to try; at its end the first
run is repeated, to see that nothing outlives a run (`audit.py`). What a report says stands in `report.py`.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from convexsim.explore.audit import difference
from convexsim.explore.explorer import Thinker, as_explorer
from convexsim.explore.random_walk import RandomWalk
from convexsim.explore.replay import encode
from convexsim.explore.report import Finding, Report
from convexsim.explore.shrink import MAX_SHRINK_RUNS, shrink
from convexsim.explore.timed import latest, look_timed
from convexsim.simulation import Simulation, memory_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convexsim.explore.explorer import Explorer
    from convexsim.functions.memory import Memory
    from convexsim.simulation import Run, Scenario

__all__ = ["check", "finding_of", "runs_proposed", "where_it_differs"]


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
        on_run: called after every run with its number, and again while the explorer thinks for long about the next; a
            KeyboardInterrupt raised in it ends the exploration with what was found.

    """
    chosen = as_explorer(explorer if explorer is not None else RandomWalk())
    report = Report(scenario, chosen.name, level)
    first: Run | None = None
    try:
        for run in runs_proposed(scenario, chosen, level):
            first = run if first is None else first
            report.add(run)
            if run.violations:
                told = None if on_run is None else partial(on_run, report.runs)
                report.finding = finding_of(run, report.runs, told, budget=MAX_SHRINK_RUNS if simplify else 0)
                break
            if on_run is not None:
                on_run(report.runs, run)
                if isinstance(chosen, Thinker):
                    chosen.on_thought = partial(on_run, report.runs, run)
    except KeyboardInterrupt:
        report.interrupted = True
    report.explorer, report.exhausted = chosen.name, chosen.exhausted
    report.notes = list(getattr(chosen, "notes", ()))
    if first is not None and not report.interrupted and (report.runs > 1 or report.finding is not None):
        report.differs_from_step = where_it_differs(first)
    return report


def runs_proposed(
    scenario: Scenario, explorer: Explorer, level: int, memory: Memory | None = None, *, traced: bool = False
) -> Iterator[Run]:
    """Run what an explorer proposes, one after the other; the first run keeps its events.

    Args:
        scenario: the world and what must hold in it.
        explorer: who proposes.
        level: the granularity of choices.
        memory: what earlier runs of this very scenario have worked out; nothing if not given.
        traced: whether all runs keep their events.

    """
    memory = memory_for(scenario) if memory is None else memory
    last: Run | None = None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(scenario, choices, level=level, trace=traced or last is None, memory=memory).run()
        yield last


def where_it_differs(first: Run) -> int | None:
    """Repeat a run that has kept its events; return from which step on it goes another way, None if it does not."""
    differs = difference(first)
    return None if differs is None else differs.step


def finding_of(
    failing: Run, number: int, on_run: Callable[[Run], None] | None = None, *, budget: int = MAX_SHRINK_RUNS
) -> Finding:
    """Shrink a run that broke an invariant.

    Args:
        failing: the run.
        number: which one of its exploration.
        on_run: called after every run of the shrinking, and of looking for it without late steps; a KeyboardInterrupt
            raised in it ends them with the best so far.
        budget: how many of them there may be.

    """
    shrunk = shrink(failing, budget, on_run)
    found = Finding(
        shrunk.run,
        replay=encode(shrunk.run),
        found_at_run=number,
        choices_before=len(failing.record.forced),
        is_minimal=shrunk.is_minimal,
        late=latest(shrunk.run.trace) if shrunk.run.trace is not None else None,
    )
    if found.late is not None:
        with suppress(KeyboardInterrupt):
            found = evolve(found, timed=look_timed(shrunk.run, on_run))
    return found
