"""The explorers by name, for whoever lets a user choose: the command line, benchmarks, the conformance suite.

Owns the names and which settings of `Settings` each explorer takes. A new explorer is a file beside this one and a line
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.errors import UsageError, did_you_mean
from convexsim.explore.bounded import Bounded
from convexsim.explore.dpor import Dpor
from convexsim.explore.exhaustive import Exhaustive
from convexsim.explore.guided import Guided
from convexsim.explore.lockstep import Lockstep
from convexsim.explore.pct import Pct
from convexsim.explore.portfolio import Portfolio
from convexsim.explore.pos import Pos
from convexsim.explore.random_walk import RandomWalk
from convexsim.explore.starving import Starving
from convexsim.explore.sticky import Sticky

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convexsim.explore.explorer import Explorer

__all__ = ["EXPLORERS", "Settings", "explorer_named"]


@frozen
class Settings:
    """What one can say of any explorer; each takes what means something to it.

    Attributes:
        runs: how many at most.
        seed: the same seed gives the same runs.

    """

    runs: int = 1_000
    seed: int = 0


EXPLORERS: Final[Mapping[str, Callable[[Settings], Explorer]]] = {
    "random": lambda settings: RandomWalk(settings.runs, settings.seed),
    "sticky": lambda settings: Sticky(settings.runs, settings.seed),
    "pct": lambda settings: Pct(settings.runs, settings.seed),
    "pos": lambda settings: Pos(settings.runs, settings.seed),
    "starving": lambda settings: Starving(settings.runs, settings.seed),
    "guided": lambda settings: Guided(settings.runs, settings.seed),
    "bounded": lambda settings: Bounded(settings.runs),
    "dpor": lambda settings: Dpor(settings.runs),
    "exhaustive": lambda settings: Exhaustive(settings.runs),
    "lockstep": lambda _settings: Lockstep(),
    "portfolio": lambda settings: Portfolio(settings.runs, settings.seed),
}


def explorer_named(name: str, settings: Settings) -> Explorer:
    """Return a new explorer.

    Raises:
        UsageError: there is none of that name, or it cannot explore with these settings.

    """
    if name not in EXPLORERS:
        raise UsageError(f"There is no explorer {name!r}.", next_step=did_you_mean(name, EXPLORERS))
    return EXPLORERS[name](settings)
