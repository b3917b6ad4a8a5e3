"""The hardened iterator where things go wrong: at least once, and otherwise all of P21 to P31 (properties.md 2)."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import Faults, View, sometimes
from tests.components.hardened_iterator_scenarios import explored
from tests.components.hardened_iterator_support import WHATEVER_HAPPENS, acked, jobs, p20_no_row_twice, p30_backoff

SKEW_MS = 300
FAULTS: dict[str, Faults] = {
    "crashes": Faults(crashes=2),
    "restarts": Faults(restarts=1),
    "system errors": Faults(system_errors=2),
    "clocks": Faults(skewed=3, skews_ms=[SKEW_MS, -SKEW_MS]),
    "everything": Faults(crashes=1, restarts=1, system_errors=1, disconnects=1),
}
BOUND_MS = {"clocks": 3 * SKEW_MS}
"""How much closer two attempts may seem: the clock of the failure, of the next attempt, or of the resume is wrong."""


@sometimes
def delivered_again(view: View) -> bool:
    """A row that was accepted is delivered once more."""
    return any(times > 1 for times in acked(view).values())


@sometimes
def found_dead(view: View) -> bool:
    """A dead step is found by its watchdog, and the job comes to its end."""
    return any("The attempt was lost" in job.get("errorMessage", "") for job in jobs(view) if job["pages"] == 3)


@sometimes
def recorded_later(view: View) -> bool:
    """What could not be written down by the step is written down after it."""
    answers = [answered.outcome for answered in view.answers("batchProcessor/lib:processNextBatch")]
    return any(getattr(outcome, "value", {}).get("reason") == "Recorded later" for outcome in answers)


@pytest.mark.parametrize("story", ["left alone", "callbacks fail", "paused by many", "cancelled in the delay"])
@pytest.mark.parametrize("kind", FAULTS)
def test_whatever_goes_wrong_all_but_exactly_once_holds(kind: str, story: str) -> None:
    invariants = [*WHATEVER_HAPPENS, p30_backoff(BOUND_MS.get(kind, 0))]
    report = explored(story, invariants, 10, FAULTS[kind])
    assert report.holds, str(report)


def test_a_page_that_could_not_be_written_down_at_once_is_not_delivered_again() -> None:
    report = explored("left alone", [*WHATEVER_HAPPENS, p20_no_row_twice, recorded_later], 60, Faults(system_errors=1))
    assert report.holds, str(report)


@pytest.mark.parametrize("self_cancel", ["tree", "throw"])
def test_so_it_does_whatever_the_platform_does_about_functions_that_cancel_themselves(self_cancel: str) -> None:
    report = explored("paused by many", WHATEVER_HAPPENS, 20, FAULTS["everything"], self_cancel)
    assert report.holds, str(report)


@pytest.mark.parametrize(
    ("faults", "reached"),
    [(FAULTS["crashes"], [delivered_again, found_dead]), (FAULTS["system errors"], [recorded_later])],
)
def test_such_runs_get_to_where_it_matters(faults: Faults, reached: list[Any]) -> None:
    report = explored("left alone", [*WHATEVER_HAPPENS, *reached], 60, faults)
    assert report.holds, str(report)
