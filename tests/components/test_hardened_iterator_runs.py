"""The hardened iterator in orders that an explorer chooses: properties.md P20 to P31 without faults, and the races.

Callbacks may fail and anybody may steer; in every order all of P20 to P31 hold. Each `sometimes` shows that the orders
get to where it could be otherwise.
"""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import View, sometimes
from tests.components.hardened_iterator_scenarios import STORIES, explored
from tests.components.hardened_iterator_support import WITHOUT_FAULTS, functions, jobs


@sometimes
def completed(view: View) -> bool:
    """The job comes to its end."""
    return any(job["status"] == "completed" for job in jobs(view))


@sometimes
def failed(view: View) -> bool:
    """The job is given up or cancelled."""
    return any(job["status"] == "failed" for job in jobs(view))


@sometimes
def left_a_page(view: View) -> bool:
    """A step finds its job paused before it takes a page."""
    return any(answered.activity for answered in view.answers("batchProcessor/lib:leaveStep"))


@sometimes
def took_a_step_back(view: View) -> bool:
    """A step is withdrawn before it has begun."""
    return functions(view, "processNextBatch", "canceled") != []


@sometimes
def gone(view: View) -> bool:
    """The job is deleted."""
    return jobs(view) == []


REACHED: dict[str, list[Any]] = {
    "left alone": [completed],
    "callbacks fail": [completed],
    "paused at once": [completed, took_a_step_back, left_a_page],
    "paused in the delay": [completed, took_a_step_back],
    "paused in the back-off": [completed, took_a_step_back],
    "paused by many": [completed, took_a_step_back],
    "cancelled at once": [gone],
    "cancelled in the delay": [gone],
    "cancelled at the end": [completed, failed],
    "failing for ever": [failed],
}


@pytest.mark.parametrize("story", STORIES)
def test_whatever_the_order_is_all_properties_hold(story: str) -> None:
    report = explored(story, [*WITHOUT_FAULTS, *REACHED[story]], 16)
    assert report.holds, str(report)


@pytest.mark.parametrize("self_cancel", ["tree", "throw"])
@pytest.mark.parametrize("story", ["callbacks fail", "paused by many", "cancelled in the delay"])
def test_so_they_do_whatever_the_platform_does_about_functions_that_cancel_themselves(
    story: str, self_cancel: str
) -> None:
    report = explored(story, WITHOUT_FAULTS, 12, self_cancel=self_cancel)
    assert report.holds, str(report)
