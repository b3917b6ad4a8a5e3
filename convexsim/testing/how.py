"""How a test looks for orders: the explorer, the level of choices, how many runs, from which seed.

Owns what may be said of it in a test, and what nobody needs to say. Next: `holds.py`, which does it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from convexsim.errors import UsageError, did_you_mean
from convexsim.explore.catalogue import EXPLORERS, Settings, explorer_named
from convexsim.explore.explorer import Divisible, Explorer, as_explorer
from convexsim.testing.session import Session

__all__ = ["How"]

RUNS: Final = 100
"""Runs of a test that does not say how many, where no end is in sight: Hypothesis makes a hundred examples of one."""
MAX_RUNS: Final = 100_000
"""Runs of one that names an explorer with an end of its own."""


@frozen
class How:
    """How a test looks for orders.

    Attributes:
        explorer: a name in the catalogue, or what makes a new explorer: one serves one exploration.
        level: the granularity of choices.
        runs: how many at most, for explorers by name; None for `RUNS`, and `MAX_RUNS` for those that have an end.
        seed: of explorers by name; None for 0.

    """

    explorer: str | Callable[[], Explorer] = "portfolio"
    level: int = 2
    runs: int | None = None
    seed: int | None = None

    def __attrs_post_init__(self) -> None:
        _check_explorer(self.explorer)
        if callable(self.explorer) and (self.runs, self.seed) != (None, None):
            msg = "runs= and seed= are for explorers by name; this one is made by a function."
            raise UsageError(msg, next_step="Say it there, as in explorer=lambda: Pct(runs=50, seed=1).")
        if type(self.level) is not int or self.level not in (1, 2, 3):
            msg = f"The level {self.level!r} is not 1, 2 or 3."
            raise UsageError(msg, next_step="1 chooses every message, 2 begins and commits, 3 whole mutations.")
        if self.runs is not None and (type(self.runs) is not int or self.runs < 1):
            raise UsageError(f"runs={self.runs!r} explores nothing.", next_step="Give runs=1 or more.")
        if self.seed is not None and type(self.seed) is not int:
            raise UsageError(f"seed={self.seed!r} is no seed.", next_step="Give a whole number.")

    def new_explorer(self, session: Session) -> Explorer:
        """Return an explorer for one exploration; what the session asks for comes before what the test says."""
        if not isinstance(self.explorer, str):
            return as_explorer(self.explorer())
        seed = session.seed if session.seed is not None else self.seed or 0
        runs = session.runs if session.runs is not None else self.runs
        explorer = explorer_named(self.explorer, Settings(runs or MAX_RUNS, seed))
        endless = isinstance(explorer, Divisible) and runs is None
        return explorer_named(self.explorer, Settings(RUNS, seed)) if endless else explorer


def _check_explorer(explorer: object) -> None:
    if isinstance(explorer, str):
        if explorer not in EXPLORERS:
            raise UsageError(f"There is no explorer {explorer!r}.", next_step=did_you_mean(explorer, EXPLORERS))
    elif not callable(explorer):
        msg = f"explorer={explorer!r} could serve one exploration only, and a test is run again."
        raise UsageError(msg, next_step="Pass a name, or what makes a new one: Dpor, or lambda: Pct(depth=2).")
