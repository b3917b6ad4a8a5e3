"""The command `matrix`: the properties of a component, version by version, explored, kept, printed.

Owns what is gone through and the exit code. Who does the work stands in `matrix_work.py`, what is written into files in
`matrix_files.py`, how it is told in `matrix_text.py`, what a cell means in `testing/matrix.py`.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convexsim.cli.arguments import count, workers
from convexsim.cli.command import BROKEN, HELD, INTERRUPTED, Command, Example
from convexsim.cli.matrix_files import Asked, Kept, check_files, saved_cell, write_files
from convexsim.cli.matrix_text import shown_cell, table
from convexsim.cli.matrix_work import Task, legs_of
from convexsim.cli.printing import say
from convexsim.cli.terminal import Interrupt, Progress, interruption
from convexsim.explore.replay import replay
from convexsim.testing.cells import endless_of
from convexsim.testing.matrix import SHARED, Budget, cell_of, model_sets, names, open_subject

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from convexsim.testing.cells import Leg
    from convexsim.testing.matrix import Subject

__all__ = ["MATRIX"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is tabulated, with how much effort, and where the results go."""
    offering = "the component, by its module's name; the module has a function matrix()"
    parser.add_argument("component", metavar="MODULE", help=offering)
    parser.add_argument("--versions", metavar="V,...", help="of the component (all)")
    parser.add_argument("--properties", metavar="P,...", help="by their numbers (all)")
    parser.add_argument("--faults", metavar="N,U,...", help="the fault models at work (all)")
    together = "how many fault models are at work together at most (2); then all of them"
    parser.add_argument("--together", type=count, default=2, metavar="N", help=together)
    budget = "workloads for each version and part under several faults, 2 and 4 times that under one and none (8)"
    parser.add_argument("--budget", type=count, default=8, metavar="N", help=budget)
    seeding = "the same seed gives the same workloads and orders (0)"
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=seeding)
    parser.add_argument("--workers", type=workers, default=1, metavar="N", help="processes at work (1)")
    parser.add_argument("--resume", action="store_true", help="go on where the same matrix was stopped")
    storing = "the folder in which it is kept how far it is (.convexsim)"
    parser.add_argument("--store", type=Path, default=Path(".convexsim"), metavar="DIR", help=storing)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all cells, and how each was broken")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as a page")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write a line for each violation, to replay it")
    showing = "explore nothing; tell the story of a violation that stands in the file named by --json"
    parser.add_argument("--show", metavar="VERSION:PROPERTY", help=showing)


def _tabulate(arguments: argparse.Namespace) -> int:
    """Explore what was asked for, print the table, and return the exit code: whether anything is violated."""
    with _importable():
        subject = open_subject(arguments.component)
        if arguments.show is not None:
            return _show(subject, arguments)
        asked = _asked(subject, arguments)
        check_files(arguments)
        subject = subject.only(asked.numbers)
        interrupt = Interrupt()
        with interruption(interrupt):
            legs = _explore(subject, asked, arguments, interrupt)
        is_whole = not interrupt.asked
    cells = [cell_of(subject, version, number, legs) for version in asked.versions for number in asked.numbers]
    endless = endless_of(asked.sorted(_own(legs)))
    if is_whole:
        write_files(arguments, subject, asked, cells, endless)
    say(arguments, *table(subject, asked.versions, cells, endless))
    if not is_whole:
        say(arguments, "interrupted: this is what was found until then; go on with --resume")
    if any(cell.verdict == "violated" for cell in cells):
        return BROKEN
    return HELD if is_whole else INTERRUPTED


@contextmanager
def _importable() -> Iterator[None]:
    """Let modules of the current folder be imported, as for `python -m`."""
    before = sys.path.copy()
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - sys.path holds strings
    try:
        yield
    finally:
        sys.path[:] = before


def _asked(subject: Subject, arguments: argparse.Namespace) -> Asked:
    letters = names(arguments.faults, [*subject.models], "fault model")
    budget = Budget(arguments.budget, together=arguments.together, seed=arguments.seed)
    return Asked(
        arguments.component,
        tuple(names(arguments.versions, subject.versions, "version")),
        tuple(names(arguments.properties, [*subject.questions], "property")),
        model_sets(subject, letters, arguments.together),
        budget,
    )


def _explore(subject: Subject, asked: Asked, arguments: argparse.Namespace, interrupt: Interrupt) -> list[Leg]:
    """Go through what is left, keeping each leg as soon as it is done, until somebody interrupts; return all legs."""
    kept = Kept(arguments.store, asked)
    legs = kept.begin(resume=arguments.resume)
    tasks = []
    for route in asked.routes():
        before = tuple(leg for leg in legs if leg.models != SHARED and asked.is_of(leg, route))
        if len(before) < len(route.sets):
            tasks.append(Task(asked.component, route, asked.numbers, asked.budget, before))
    planned = {models: asked.budget.of(subject.at_work(models)) for models in asked.sets}
    left = sum(planned[models] for task in tasks for models in task.route.sets[len(task.before) :])
    done = 0
    with Progress("matrix", unit="workloads") as progress:
        for leg in legs_of(tasks, arguments.workers, interrupt):
            if leg is None:
                done += 1
                progress.count(done, of=left)
            else:
                left -= planned[leg.models] - leg.workloads  # all that was asked of these is known
                kept.add(leg)
                legs.append(leg)
        whole = asked.sorted(_own(legs))
        for leg in legs_of(_sharing(asked, legs, whole), arguments.workers, interrupt):
            if leg is not None:
                kept.add(leg)
                legs.append(leg)
    return legs


def _own(legs: list[Leg]) -> list[Leg]:
    """Return the legs of what was generated for a version itself."""
    return [leg for leg in legs if leg.models != SHARED]


def _sharing(asked: Asked, legs: list[Leg], whole: list[Leg]) -> list[Task]:
    """Return the tasks of trying in each version what others have found, where that was not done yet."""
    tasks = []
    for route in asked.routes():
        others = tuple(leg for leg in whole if leg.part == route.part)
        if not any(leg.models == SHARED and asked.is_of(leg, route) for leg in legs) and len(asked.versions) > 1:
            tasks.append(Task(asked.component, route, asked.numbers, asked.budget, others=others))
    return tasks


def _show(subject: Subject, arguments: argparse.Namespace) -> int:
    """Replay what broke a cell and tell its story."""
    version, _, number = arguments.show.partition(":")
    names(version, subject.versions, "version")
    names(number, [*subject.questions], "property")
    cell = saved_cell(arguments.json, version, number)
    assert cell.found is not None
    world = subject.world_of(version, cell.models, cell.found.workload, [number])
    again = replay([world], cell.found.replay)
    say(arguments, *shown_cell(subject, cell, again))
    return BROKEN if again.run.violations else HELD


MATRIX: Final = Command(
    "matrix",
    "tabulate which properties of a component hold in which version",
    _add_arguments,
    _tabulate,
    (
        Example(
            "matrix components.batch_processor --versions 1.0.5 --properties P1 --faults N --budget 1",
            "a corner of the table: one property in one version, without faults",
        ),
        Example(
            "matrix components.batch_processor --json docs/matrix.json --show 1.0.5:P10",
            "the story of what broke a cell of a table made before",
            code=BROKEN,
        ),
    ),
)
