"""The nearest run that passes: as a failing one for as long as it can be, then one choice otherwise.

Owns what near means: of all runs in which nothing breaks and which differ from the failing one in one choice, and go on
as simply as possible after it, the one that differs last. To see the two side by side is to see what mattered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convexsim.choices import ListedChoices
from convexsim.simulation import memory_for, run_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convexsim.explore.following import Indexes
    from convexsim.simulation import Run

__all__ = ["MAX_NEAREST_RUNS", "nearest_passing"]

MAX_NEAREST_RUNS: Final = 2_000
"""Runs that looking for it may take."""


def nearest_passing(
    failing: Run, budget: int = MAX_NEAREST_RUNS, on_run: Callable[[Run], None] | None = None
) -> Run | None:
    """Return the nearest run in which nothing breaks, with its events; None if there is none, or not within the budget.

    Args:
        failing: a run with a violation.
        budget: how many runs may be made.
        on_run: called after every run; a KeyboardInterrupt raised in it ends the search.

    """
    memory = memory_for(failing.scenario)
    for number, indexes in enumerate(_otherwise(failing)):
        if number == budget:
            return None
        run = run_again(failing, ListedChoices(indexes), trace=False, memory=memory)
        if on_run is not None:
            on_run(run)
        if run.ending == "quiet" and not run.violations:
            return run_again(failing, ListedChoices(indexes))
    return None


def _otherwise(failing: Run) -> Iterator[Indexes]:
    """Yield lists of choices with one of them otherwise, the last one first. No fault strikes that did not strike."""
    indexes = failing.indexes
    for at in reversed(range(len(indexes))):
        kind, taken, count, _ = failing.record.taken[at]
        others = range(1) if kind == "fault" else range(count)
        yield from ((*indexes[:at], other) for other in others if other != taken)
