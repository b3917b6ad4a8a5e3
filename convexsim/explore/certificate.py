"""Certifying: an exhaustive search whose end can be checked by somebody else.

Owns `certify`, which lists what `Dpor` runs. A certificate is data (`simulation/certificate.py`); whether
it proves anything says `verify.py`, which shares no code with the search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convexsim.explore.check import check
from convexsim.explore.dpor import Dpor
from convexsim.explore.replay import without_trailing_zeros
from convexsim.simulation.certificate import Certificate, claims_about

if TYPE_CHECKING:
    from collections.abc import Callable

    from convexsim.explore.report import Report
    from convexsim.simulation import Run, Scenario

__all__ = ["certify"]


def certify(
    scenario: Scenario,
    *,
    level: int = 3,
    backoffs: bool = True,
    max_runs: int = 100_000,
    on_run: Callable[[int, Run], None] | None = None,
) -> Certificate | Report:
    """Search a scenario to the end, and return the certificate that `verify` checks.

    If something breaks, or the search does not come to its end, the report says what is known.

    Args:
        scenario: the world and what must hold in it; what `Dpor` cannot reduce is refused.
        level: the granularity of choices, 2 or 3.
        backoffs: whether the length of every wait after a conflict is explored too; otherwise retries begin at once.
        max_runs: where to give up.
        on_run: see `check`.

    """
    listed: list[tuple[int, ...]] = []

    def look(number: int, run: Run) -> None:
        if number > len(listed):
            listed.append(without_trailing_zeros(run.indexes))
        if on_run is not None:
            on_run(number, run)

    search = Dpor(max_runs, backoffs=backoffs)
    report = check(scenario, search, level=level, on_run=look)
    if not (report.holds and report.exhausted):
        return report
    return Certificate(claims_about(scenario), level, backoffs, tuple(listed[search.given_up :]))
