"""Bounded search: all orders with no forced choice, then all with one, with two, and so on.

Most races need one or two forced choices, and a bound that is exhausted is a statement: nothing breaks with so few.
What a forced choice is says `choices.py`: every option but 0, so each switch to another activity, each longer back-off
and each fault costs one. `exhaustive.py` searches within one bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convexsim.explore.exhaustive import Exhaustive
from convexsim.explore.sampler import refuse
from convexsim.values import counted

if TYPE_CHECKING:
    from convexsim.choices import Choices
    from convexsim.simulation import Run

__all__ = ["Bounded"]


class Bounded:
    """Exhaust one bound on forced choices after the other, from 0 on.

    A bound's search runs the orders of the bounds below it again; as each bound has many times the orders of the one
    below, that costs little.

    Args:
        max_runs: where to give up, over all bounds.
        forced: the last bound; none if None, so that in the end every order is run.
        backoffs: whether the length of every wait after a conflict is explored too; otherwise retries begin at once.

    """

    def __init__(self, max_runs: int = 100_000, *, forced: int | None = None, backoffs: bool = True) -> None:
        if type(max_runs) is not int or max_runs < 1:
            raise refuse(f"A bounded search of {max_runs!r} runs", "Give max_runs=1 or more.")
        if forced is not None and (type(forced) is not int or forced < 0):
            raise refuse(f"A bounded search of {forced!r} forced choices", "Give a whole number, forced=0 or more.")
        self._max_runs = max_runs
        self._forced = forced
        self._backoffs = backoffs
        self._finished: list[int] = []
        self._open()

    @property
    def name(self) -> str:
        """How a report calls it, with each bound that it has begun and whether that is exhausted."""
        limit = "" if self._forced is None else f", at most {counted(self._forced, 'forced choice')}"
        begun = [f"{bound} forced: all {runs:,}" for bound, runs in enumerate(self._finished)]
        if self._runs:
            begun.append(f"{len(self._finished)} forced: {self._runs:,}, not all")
        told = f" ({'; '.join(begun)})" if begun else ""
        return f"bounded search{limit}{'' if self._backoffs else ', retries at once'}{told}"

    def propose(self, last: Run | None) -> Choices | None:
        """Return the next list within the bound, else the first one within the next bound."""
        if last is None:
            self._finished = []
            self._open()
        elif self._is_cut(last):
            self._reaches_beyond = True
        choices = self._search.propose(last)
        if choices is None and self._search.exhausted and self._next_bound():
            choices = self._search.propose(None)
        self._runs += choices is not None
        return choices

    def _open(self) -> None:
        """Begin with the bound after those that are finished."""
        self.exhausted = False
        self._runs = 0
        self._reaches_beyond = False
        left = self._max_runs - sum(self._finished)
        self._search = Exhaustive(left, backoffs=self._backoffs, forced=len(self._finished))

    def _next_bound(self) -> bool:
        """Note that a bound is exhausted; return whether there is another one, and runs for it."""
        self._finished.append(self._runs)
        self._runs = 0
        self.exhausted = not self._reaches_beyond
        out_of_runs = sum(self._finished) == self._max_runs
        if self.exhausted or out_of_runs or len(self._finished) - 1 == self._forced:
            return False
        self._open()
        return True

    def _is_cut(self, run: Run) -> bool:
        """Whether the bound alone keeps an order back that begins like this run."""
        forced = [at for at, index in enumerate(run.indexes) if index]
        if len(forced) < len(self._finished):
            return False
        rest = run.record.taken[forced[-1] + 1 if forced else 0 :]
        return any(self._backoffs or kind != "backoff" for kind, _, _, _ in rest)
