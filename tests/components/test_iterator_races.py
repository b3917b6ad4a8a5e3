"""The iterator's races, found by an explorer: properties.md P20 to P31, as far as all versions break them, and R6."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from components.batch_processor import DELIVERIES, PLANS, RELEASES, host_app
from convexsim import (
    Exhaustive,
    Faults,
    Invariant,
    RandomWalk,
    Report,
    View,
    World,
    always,
    api,
    check,
    eventually,
    scenario,
)
from tests.components.iterator_support import world

APPS = {label: host_app(label) for label in RELEASES}
COMPONENT = "batchProcessor"


def prepare(on: World, rows: int = 2, plan: dict[str, Any] | None = None, **config: Any) -> Any:
    """Declare what the callbacks use, seed the table, start the job ``j`` with pages of one row; return its client."""
    on.external(DELIVERIES)
    for name in PLANS:
        on.external(name, (plan or {}).get(name, ()))
    alice = on.client("alice")
    alice.mutation(api.driver.seed_rows, {"n": rows})
    given = {"batchSize": 1, "delayBetweenBatchesMs": 100, **config}
    alice.mutation(api.driver.start_iterator, {"jobId": "j", "config": given})
    return alice


def steer(client: Any, name: str) -> None:
    client.mutation(f"driver:{name}", {"jobId": "j"})


def acked(view: View) -> Counter[int]:
    """Return how often each row was delivered and accepted."""
    entries = [entry for entry in view.external(DELIVERIES) if entry["call"] == "processBatch"]
    return Counter(item for entry in entries if entry["plan"] == "ok" for item in entry["items"])


def chains(view: View) -> int:
    """Return how many steps are still to come; one in progress may have scheduled the next already."""
    steps = view.scheduled_functions(COMPONENT)
    return sum(row["name"].endswith(":processNextBatch") and row["state"]["kind"] == "pending" for row in steps)


@always
def p26_one_chain(view: View) -> bool:
    """A job never has two chains."""
    return chains(view) <= 1


@eventually
def p20_no_row_twice(view: View) -> None:
    """No row is delivered twice."""
    twice = [k for k, times in sorted(acked(view).items()) if times > 1]
    assert not twice, f"rows {twice} were delivered more than once"


@eventually
def p21_every_row(view: View) -> bool:
    """Every row is delivered."""
    return len(acked(view)) == len(view.documents("rows"))


@eventually
def p25_cancel_wins(view: View) -> bool:
    """After a cancel that was answered with failed, the job stays failed."""
    (cancel,) = [call for call in view.calls() if call.name == "driver:cancelIterator"]
    (job,) = view.documents("iteratorJobs", COMPONENT)
    return cancel.error is not None or "reason" in cancel.result or job["status"] == "failed"


@eventually
def p31_no_orphan(view: View) -> bool:
    """When nothing is left to run, no job says that it is running."""
    return all(job["status"] != "running" for job in view.documents("iteratorJobs", COMPONENT))


# ------------------------------------------------------------------------------------------- R6: two chains for a job


def resumed_during_the_delay(on: World) -> None:
    """Paused after the first page, resumed at the very moment for which the next one is planned."""
    alice = prepare(on)
    alice.wait(50)
    steer(alice, "pauseIterator")
    alice.wait(50)
    steer(alice, "resumeIterator")


def resumed_during_back_off(on: World) -> None:
    """The first attempt fails; paused during the back-off, resumed when it ends."""
    alice = prepare(on, plan={"processBatch": [{"fail": "no"}]})
    alice.wait(1_000)
    steer(alice, "pauseIterator")
    alice.wait(1_000)
    steer(alice, "resumeIterator")


def left_alone(on: World) -> None:
    """Nobody interferes."""
    prepare(on, plan={"processBatch": [{"fail": "no"}]})


def explored(body: Any, *invariants: Invariant, label: str = "1.0.5", faults: Faults | None = None) -> Report:
    until_ms = 10_000  # the app of 0.1.0 has a cron, so it never comes to rest
    what = scenario(app=APPS[label], invariants=list(invariants), faults=faults or Faults(), until_ms=until_ms)(body)
    return check(what, RandomWalk(runs=100, seed=1))


@pytest.mark.parametrize("label", RELEASES)
@pytest.mark.parametrize("body", [resumed_during_the_delay, resumed_during_back_off])
def test_r6_pause_and_resume_while_a_step_is_pending_make_two_chains(body: Any, label: str) -> None:
    report = explored(body, p26_one_chain, label=label)
    assert report.finding is not None
    assert chains(report.finding.run.view) == 2


@pytest.mark.parametrize("label", RELEASES)
@pytest.mark.parametrize("body", [resumed_during_the_delay, resumed_during_back_off])
def test_r6_two_chains_deliver_the_same_row_twice(body: Any, label: str) -> None:
    report = explored(body, p20_no_row_twice, label=label)
    assert report.finding is not None
    assert "were delivered more than once" in report.finding.violations[0].message


def test_a_job_that_is_left_alone_delivers_every_row_once_by_one_chain() -> None:
    whole = [p20_no_row_twice, p21_every_row, p26_one_chain, p31_no_orphan]
    report = check(scenario(app=APPS["1.0.5"], invariants=whole)(left_alone), Exhaustive())
    assert report.holds
    assert report.exhausted


def test_both_chains_go_on_to_the_end_and_reach_it_in_half_the_time() -> None:
    with world(rows=8, plan=[{"fail": "no"}]) as driver:
        driver.host("startIterator", jobId="j", config={"batchSize": 1, "delayBetweenBatchesMs": 1_000})
        driver.advance(500)
        driver.host("pauseIterator", jobId="j")
        driver.host("resumeIterator", jobId="j")
        assert driver.pending() == [("processNextBatch", 2_000), ("processNextBatch", 500)]
        driver.advance(100_000)
        assert [entry["t"] for entry in driver.deliveries if entry["call"] == "processBatch"] == [
            0, 500, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 4_500
        ]  # fmt: skip


# --------------------------------------------------------------------------------------- cancel against the last page


def cancelled_at_the_last_page(on: World) -> None:
    """A cancel that races with the second attempt at the one page that there is."""
    alice = prepare(on, rows=1, plan={"processBatch": [{"fail": "no"}]}, onComplete="onComplete")
    alice.wait(2_000)
    steer(alice, "cancelIterator")


def test_p25_a_job_that_was_cancelled_may_still_be_completed() -> None:
    report = explored(cancelled_at_the_last_page, p25_cancel_wins)
    assert report.finding is not None
    (job,) = report.finding.run.view.documents("iteratorJobs", COMPONENT)
    assert (job["status"], job["errorMessage"]) == ("completed", "Cancelled by user")
    assert len(report.finding.run.view.documents("completions")) == 1


# --------------------------------------------------------------------------------------------------- a dead action


def test_p31_a_step_that_dies_leaves_a_running_job_that_nobody_drives() -> None:
    report = explored(left_alone, p31_no_orphan, faults=Faults(crashes=1))
    assert report.finding is not None
    view = report.finding.run.view
    assert [row["status"] for row in view.documents("iteratorJobs", COMPONENT)] == ["running"]
    assert chains(view) == 0
