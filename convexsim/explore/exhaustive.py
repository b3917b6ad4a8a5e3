"""Exhaustive search: every list of choices there is, depth first, without any reduction.

For small worlds and as the yardstick of cleverer explorers; the number of orders grows out of hand quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convexsim.choices import Choices, ListedChoices
from convexsim.errors import UsageError
from convexsim.values import counted

if TYPE_CHECKING:
    from convexsim.simulation import Run

__all__ = ["Exhaustive"]


class Exhaustive:
    """Run the simplest order first, then change the last choice that can still be changed, until none can.

    Args:
        max_runs: where to give up; the report then says that orders are left.
        backoffs: whether the length of every wait after a conflict is explored too; otherwise retries begin at once.
        forced: only orders with at most so many forced choices (those that are not option 0); all if None. Most races
            need one or two, and the number of orders grows with their power only.

    """

    def __init__(self, max_runs: int = 100_000, *, backoffs: bool = True, forced: int | None = None) -> None:
        bounds = (max_runs, 0 if forced is None else forced)
        if any(type(bound) is not int for bound in bounds) or max_runs < 1 or bounds[1] < 0:
            msg = f"An exhaustive search of max_runs={max_runs!r}, forced={forced!r} explores nothing."
            raise UsageError(msg, next_step="Give whole numbers, max_runs=1 or more, and forced=0 or more.")
        self._max_runs = max_runs
        self._backoffs = backoffs
        self._forced = forced
        self._count = 0
        self.exhausted = False

    @property
    def name(self) -> str:
        """How a report calls it."""
        bound = "" if self._forced is None else f", at most {counted(self._forced, 'forced choice')}"
        return f"exhaustive{bound}{'' if self._backoffs else ', retries at once'}"

    def propose(self, last: Run | None) -> Choices | None:
        """Return the next list in the order of the search."""
        if last is None:
            self._count, self.exhausted = 1, False
            return ListedChoices(())
        prefix = self._next_prefix(last)
        if prefix is None:
            self.exhausted = True
            return None
        if self._count >= self._max_runs:
            return None
        self._count += 1
        return ListedChoices(prefix)

    def _next_prefix(self, last: Run) -> list[int] | None:
        taken = last.record.taken
        forced = sum(1 for _, index, _, _ in taken if index)  # among the choices before the one looked at
        for at in range(len(taken) - 1, -1, -1):
            kind, index, count, _ = taken[at]
            forced -= index > 0
            within = self._forced is None or forced < self._forced
            if within and index + 1 < count and (self._backoffs or kind != "backoff"):
                return [earlier[1] for earlier in taken[:at]] + [index + 1]
        return None
