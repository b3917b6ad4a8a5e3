"""Certifying: an exhaustive search whose end can be checked by somebody else.

Owns the explorer, `Prover`, and `certify`, which runs it. A certificate is data (`simulation/certificate.py`); whether
it proves anything says `verify.py`, which shares no code with the search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convexsim.explore.check import check
from convexsim.explore.dpor import Dpor
from convexsim.explore.relation import Lasting, Relation
from convexsim.explore.replay import without_trailing_zeros
from convexsim.simulation.certificate import Certificate, Listed, claims_about

if TYPE_CHECKING:
    from collections.abc import Callable

    from convexsim.choices import Choices
    from convexsim.explore.report import Report
    from convexsim.simulation import Run, Scenario

__all__ = ["Prover", "certify"]


class Prover(Dpor):
    """`Dpor` with a dependence that lasts, so that its end is a proof: more runs, and each of them listed.

    Attributes:
        listed: the runs of the search.

    """

    name = "prover"
    relate: type[Relation] = Lasting

    def __init__(self, max_runs: int = 100_000, *, backoffs: bool = True) -> None:
        super().__init__(max_runs, backoffs=backoffs)
        self.listed: list[Listed] = []

    def propose(self, last: Run | None) -> Choices | None:
        """Return choices that lead into the next trace, having learned from the last run."""
        proposed = super().propose(last)
        if not self.traces + self.blocked:
            self.listed.clear()
        return proposed

    def note(self, run: Run, counted: int | None) -> None:
        """List a run."""
        self.listed.append(Listed(without_trailing_zeros(run.indexes), counted))


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
        on_run: called after every run with its number.

    """
    prover = Prover(max_runs, backoffs=backoffs)
    report = check(scenario, prover, level=level, on_run=on_run)
    if not (report.holds and report.exhausted):
        return report
    return Certificate(claims_about(scenario), level, backoffs, tuple(prover.listed))
