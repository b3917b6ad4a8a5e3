"""Shrinking: from a failing run to a simpler one that breaks the same invariant.

Owns the order of simplicity (fewer forced choices, then an earlier end of them, then lower ones) and the search for it.
A forced choice is one that is not option 0, so what is left are the switches that matter. First the list at hand is
simplified greedily; then all orders with fewer forced choices are tried, fewest first, as far as the budget goes, so a
failure of one or two switches is as small as it can be.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from convexsim.choices import ListedChoices
from convexsim.errors import UsageError
from convexsim.explore.exhaustive import Exhaustive
from convexsim.explore.replay import without_trailing_zeros
from convexsim.simulation import Run, run_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convexsim.choices import Choices

__all__ = ["MAX_SHRINK_RUNS", "breaks_like", "forced_choices", "shrink"]

MAX_SHRINK_RUNS: Final = 3_000
"""Runs that shrinking may spend; it stops at the simplest failure found by then."""

Indexes = tuple[int, ...]


def shrink(failing: Run, budget: int = MAX_SHRINK_RUNS, on_run: Callable[[Run], None] | None = None) -> Run:
    """Return the simplest failing run that was found, with its events; it breaks the same invariant.

    Args:
        failing: a run with a violation.
        budget: how many runs to spend; 0 repeats the run as it is.
        on_run: called after every run; a KeyboardInterrupt raised in it ends the search with the best so far.

    Raises:
        UsageError: the failure did not repeat, so the run is not its choices alone.

    """
    search = _Search(failing, budget, on_run)
    with suppress(KeyboardInterrupt):
        search.simplify()
        search.search_below()
        search.simplify()
    shrunk = run_again(failing, ListedChoices(search.best))
    if not search.fails(shrunk):
        broken = failing.violations[0]
        msg = (
            f"{failing.scenario.name} broke {broken.invariant} ({broken.message}), but the same choices did not again."
        )
        advice = "Look for state that outlives a run: a global that a handler changes, the order of a set, a module."
        raise UsageError(msg, code="NotRepeatable", next_step=advice)
    return shrunk


def breaks_like(failing: Run, run: Run) -> bool:
    """Whether a run breaks the invariant that a failing one broke first."""
    return any(violation.invariant == failing.violations[0].invariant for violation in run.violations)


def forced_choices(indexes: Indexes) -> int:
    """Count the choices that are not option 0."""
    return sum(1 for index in indexes if index)


class _Search:
    """The simplest failure so far, and what may still be spent on a simpler one."""

    def __init__(self, failing: Run, budget: int, on_run: Callable[[Run], None] | None) -> None:
        self.best = without_trailing_zeros(failing.indexes)
        self._failing = failing
        self._budget = budget
        self._on_run = on_run

    def fails(self, run: Run) -> bool:
        """Whether a run breaks the invariant that is looked for."""
        return breaks_like(self._failing, run)

    def simplify(self) -> None:
        """Change the best list, one simplification after the other, until none of them fails any more."""
        candidates = _simpler(self.best)
        while self._budget > 0 and (candidate := next(candidates, None)) is not None:
            if self._accepts(self._run(ListedChoices(candidate))):
                candidates = _simpler(self.best)

    def search_below(self) -> None:
        """Look through all orders with fewer forced choices than the best has, fewest first."""
        for forced in range(forced_choices(self.best)):
            explorer = Exhaustive(forced=forced)
            last: Run | None = None
            while self._budget > 0 and (choices := explorer.propose(last)) is not None:
                last = self._run(choices)
                if self._accepts(last):
                    return

    def _run(self, choices: Choices) -> Run:
        self._budget -= 1
        run = run_again(self._failing, choices, trace=False)
        if self._on_run is not None:
            self._on_run(run)
        return run

    def _accepts(self, run: Run) -> bool:
        """Whether a run breaks the same invariant and is simpler than the best, which it then becomes."""
        found = without_trailing_zeros(run.indexes)
        if self.fails(run) and _size(found) < _size(self.best):
            self.best = found
            return True
        return False


def _size(indexes: Indexes) -> tuple[int, int, Indexes]:
    return (forced_choices(indexes), len(indexes), indexes)


def _simpler(indexes: Indexes) -> Iterator[Indexes]:
    """Yield simpler lists, boldest first: without a whole stretch of forced choices, without one, earlier, lower."""
    forced = [at for at, index in enumerate(indexes) if index]
    width = len(forced)
    while width:
        for start in range(len(forced) - width, -1, -width):
            dropped = set(forced[start : start + width])
            yield tuple(0 if at in dropped else index for at, index in enumerate(indexes))
        width //= 2
    for at in range(len(indexes)):
        yield indexes[:at] + indexes[at + 1 :]
    for at in forced:
        for lower in range(1, indexes[at]):
            yield (*indexes[:at], lower, *indexes[at + 1 :])
