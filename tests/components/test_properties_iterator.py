"""P20 to P31, each seen to break, and to hold next to where it breaks; what is judged: `properties/iterator.py`."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import Faults, MutationCtx, RandomWalk, Scenario, View, World, api, check
from tests.components.driver import Driver
from tests.components.invariants_support import FAILS, asked, broken, runs, said, write
from tests.components.iterator_support import config, put_job, start, world


def job(on: World, rows: int = 3, name: str = "j", **given: Any) -> None:
    """Seed the table and start a job with pages of one row."""
    on.client("ann").mutation(api.driver.seed_rows, {"n": rows})
    settings = {"batchSize": 1, "delayBetweenBatchesMs": 100, **given}
    on.client("ann").mutation(api.driver.start_iterator, {"jobId": name, "config": settings})


def steer(on: World, *calls: str | int) -> None:
    """Have a client pause, resume or cancel the job, with waits in ms in between."""
    client = on.client("bob")
    for call in calls:
        if isinstance(call, int):
            client.wait(call)
        else:
            client.mutation(f"driver:{call}Iterator", {"jobId": "j"})


def found(one: Scenario, walks: int = 200) -> dict[str, str]:
    report = check(one, RandomWalk(runs=walks, seed=1), simplify=False)
    return {} if report.finding is None else broken(report.finding.run)


def change(driver: Driver, which: str, **fields: Any) -> View:
    """Patch a job by hand and return the moment."""

    def patch(ctx: MutationCtx) -> None:
        ctx.db.patch(which, fields)

    write(driver, patch)
    return driver.view


def deliver(driver: Driver, *rows: int) -> None:
    driver.outcome("driver:processBatch", {"items": list(rows)})


# --------------------------------------------------------------------------------------------------------- P20, P21


def test_p20_and_p21_each_row_is_accepted_once() -> None:
    with world(rows=2) as driver:
        start(driver)
        assert said("P21", driver.view) is None
        driver.advance(0)
        assert said("P21", driver.view) is None
        assert said("P20", driver.view) is None
        deliver(driver, 1)
        assert said("P20", driver.view) == "the row 1 was accepted 2 times by 1 jobs"


def test_p20_two_jobs_accept_each_row_twice() -> None:
    def twice(on: World) -> None:
        job(on)
        on.client("ann").mutation(api.driver.start_iterator, {"jobId": "k", "config": {"batchSize": 2}})

    assert runs(asked("1.0.9", twice, "P20", "P21", "P23")) == {}


def test_p21_a_completed_job_has_missed_no_row() -> None:
    with world(rows=2) as driver:
        put_job(driver, "completed", processedCount=2)
        deliver(driver, 0)
        assert said("P21", driver.view) == "j is completed and the row 1 was missed"
        deliver(driver, 1)
        assert said("P21", driver.view) is None


def test_p20_r6_two_chains_deliver_rows_twice() -> None:
    def resumed(on: World) -> None:
        job(on)
        steer(on, 50, "pause", 50, "resume")

    assert "accepted 2 times" in found(asked("1.0.5", resumed, "P20"))["P20"]


# --------------------------------------------------------------------------------------------------------- P22, P23


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"processedCount": 3, "cursor": "2"}, None),
        ({"processedCount": 1}, "j went back from 2 to 1 rows"),
        ({"cursor": "0"}, "the cursor of j went back from 1 to 0"),
    ],
)
def test_p22_no_job_goes_back(fields: dict[str, Any], told: str | None) -> None:
    with world(rows=3) as driver:
        which = put_job(driver, "running", processedCount=2, cursor="1")
        before = driver.view
        assert said("P22", before, change(driver, which, **fields)) == told


@pytest.mark.parametrize(
    ("status", "fields", "told"),
    [
        ("running", {}, None),
        ("paused", {"processedCount": 2, "cursor": "1"}, None),
        ("failed", {"processedCount": 3, "cursor": "1"}, "j, failed, counts 3 rows; there were 2"),
        ("completed", {"processedCount": 3, "cursor": "1"}, None),
        ("completed", {"processedCount": 2, "cursor": "1"}, "j, completed, counts 2 rows; there were 3"),
    ],
)
def test_p23_a_job_counts_the_rows_of_its_pages(status: str, fields: dict[str, Any], told: str | None) -> None:
    with world(rows=3) as driver:
        put_job(driver, status, **fields)
        assert said("P23", driver.view) == told


def test_p23_rows_that_come_later_are_nobodys() -> None:
    def seeded_later(on: World) -> None:
        ann = on.client("ann")
        ann.mutation("driver:startIterator", {"jobId": "j", "config": {"batchSize": 1}})
        ann.wait(5_000)
        ann.mutation("driver:seedRows", {"n": 3})

    assert runs(asked("1.0.9", seeded_later, "P23")) == {}


# --------------------------------------------------------------------------------------------------------- P24, P25


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_p24_what_has_ended_never_changes(status: str) -> None:
    with world(rows=0) as driver:
        which = put_job(driver, status)
        before = driver.view
        assert said("P24", before, driver.view) is None
        later = change(driver, which, lastRunAt=5, status="running")
        assert said("P24", before, later) == f"j was {status} and has changed status, lastRunAt"
        write(driver, lambda ctx: ctx.db.delete(which))
        assert said("P24", before, driver.view) is None


def test_p24_a_hook_that_fails_changes_a_completed_job() -> None:
    def hooked(on: World) -> None:
        job(on, onComplete="onComplete")

    told = runs(asked("1.0.9", hooked, "P24", model="U", onComplete=[FAILS]))
    assert told == {"P24": "j was completed and has changed retryCount, errorMessage"}


def test_p25_a_cancelled_job_may_still_be_completed() -> None:
    def cancelled(on: World) -> None:
        job(on, rows=1, onComplete="onComplete")
        steer(on, 0, "cancel")

    told = found(asked("1.0.5", cancelled, "P25"))["P25"]
    assert told in ("j was cancelled and is completed", "j was cancelled, and then its hook was called")


def test_p25_a_cancel_in_time_wins() -> None:
    def cancelled(on: World) -> None:
        job(on, onComplete="onComplete")
        steer(on, 50, "cancel")

    assert found(asked("1.0.5", cancelled, "P25", "P24", "P28", "P31"), 30) == {}


# --------------------------------------------------------------------------------------------------------- P26, P27


def test_p26_a_running_job_has_one_step_and_no_other_has_any() -> None:
    with world() as driver:
        which = start(driver)
        assert said("P26", driver.view) is None

        def another(ctx: MutationCtx) -> None:
            ctx.scheduler.run_after(0, "lib:processNextBatch", {"jobDocId": which})

        write(driver, another)
        assert said("P26", driver.view) == "j has 2 steps pending"
        assert said("P26", change(driver, which, status="paused")) == "j is paused, and a step is pending"


def test_p26_a_running_job_without_a_step_waits_for_nobody_but_a_lease() -> None:
    with world() as driver:
        put_job(driver, "running")
        told = "j is running and has no step"
        moments = [driver.view]
        assert said("P26", *moments) == told
        assert said("P26", *moments, model="C") is None
        driver.advance(31_001)
        assert said("P26", *moments, driver.view, model="C") == told
        assert said("P26", *moments, driver.view, model="O", lease_ms=31_000) is None


def test_p26_r6_resuming_makes_a_second_chain() -> None:
    def resumed(on: World) -> None:
        job(on)
        steer(on, 50, "pause", 20, "resume")

    assert found(asked("1.0.9", resumed, "P26"), 5) == {"P26": "j is paused, and a step is pending"}


def test_p26_a_job_that_is_left_alone_has_one_chain() -> None:
    def at_once(on: World) -> None:
        job(on, delayBetweenBatchesMs=0)

    for body in (at_once, job):
        assert found(asked("1.0.9", body, "P26", model="U", plan=[FAILS]), 40) == {}


def test_p27_a_paused_job_begins_nothing() -> None:
    with world(rows=4) as driver:
        which = start(driver)
        moments = [driver.view, change(driver, which, status="paused")]
        assert said("P27", *moments) is None
        deliver(driver, 0)
        assert said("P27", *moments, driver.view) == "j is paused, and 1 pages were begun"
        assert said("P27", *moments, change(driver, which, status="running")) is None


def test_p27_the_page_in_flight_may_end() -> None:
    def paused(on: World) -> None:
        job(on)
        steer(on, 0, "pause")

    assert found(asked("1.0.9", paused, "P27"), 60) == {}


def test_p27_two_pages_in_flight_are_one_too_many() -> None:
    def interrupted(on: World) -> None:
        job(on, rows=6)
        steer(on, 50, "pause", 50, "resume", 100, "pause")

    assert found(asked("1.0.9", interrupted, "P27"), 300) == {"P27": "j is paused, and 2 pages were begun"}


# ---------------------------------------------------------------------------------------------------- P28 to P31


def complete(driver: Driver, name: str = "j") -> None:
    """Let the hook of a job run."""
    driver.outcome("driver:onComplete", {"jobId": name, "processedCount": 0})


def test_p28_a_hook_runs_once_and_not_before_its_job_is_completed() -> None:
    with world(rows=0, onComplete=["ok", FAILS, "ok"]) as driver:
        which = put_job(driver, "completed", config=config(onCompleteHandle="function://;driver:onComplete"))
        owed = "the hook of j ran 0 times for 1 ends, and nothing is left to run"
        assert said("P28", driver.view) == owed
        complete(driver)
        assert said("P28", driver.view) is None
        complete(driver)
        assert said("P28", driver.view) is None
        complete(driver)
        assert said("P28", driver.view) == "the hook of j ran 2 times for 1 ends"
        moments = [driver.view]
        write(driver, lambda ctx: ctx.db.delete(which))
        put_job(driver, "running")
        moments.append(driver.view)
        complete(driver, "k")
        assert said("P28", *moments, driver.view) == "the hook of k ran before the job was completed"


def test_p28_a_hook_that_fails_for_ever_is_given_up() -> None:
    with world(rows=0, onComplete=[FAILS] * 3) as driver:
        put_job(driver, "completed", config=config(onCompleteHandle="function://;driver:onComplete"))
        for attempts in (1, 2, 3):
            complete(driver)
            assert (said("P28", driver.view, hook_attempts=3) is None) == (attempts == 3)


def test_p28_without_a_hook_nothing_is_owed() -> None:
    with world(rows=0) as driver:
        put_job(driver, "completed")
        assert said("P28", driver.view) is None


@pytest.mark.parametrize(
    ("status", "fields", "told"),
    [
        ("failed", {"retryCount": 5}, None),
        ("failed", {"retryCount": 4}, "j is failed after 4 of 5 attempts"),
        ("failed", {"errorMessage": "Cancelled by user"}, None),
        ("running", {"retryCount": 4}, None),
        ("paused", {"retryCount": 2, "config": config(maxRetries=2)}, "j is paused after 2 of 2 attempts"),
        ("failed", {"retryCount": 1, "config": config(maxRetries=0)}, None),
    ],
)
def test_p29_a_job_fails_by_its_attempts_alone(status: str, fields: dict[str, Any], told: str | None) -> None:
    with world(rows=0) as driver:
        put_job(driver, status, **fields)
        assert said("P29", driver.view) == told


def test_p29_resuming_gives_a_page_new_attempts() -> None:
    def resumed(on: World) -> None:
        job(on, maxRetries=2)
        steer(on, 500, "pause", 3_000, "resume")

    told = "the page after None was tried 3 times; 2 are allowed"
    assert runs(asked("1.0.9", resumed, "P29", model="U", plan=[FAILS] * 9)) == {"P29": told}
    assert runs(asked("1.0.9", job, "P29", model="U", plan=[FAILS] * 9)) == {}


def test_p30_resuming_cuts_a_back_off_short() -> None:
    def resumed(on: World) -> None:
        job(on)
        steer(on, 500, "pause", 100, "resume")

    told = "an attempt began 600 ms after failure 1; at least 1000 ms were to pass"
    assert runs(asked("1.0.9", resumed, "P30", model="U", plan=[FAILS])) == {"P30": told}
    assert runs(asked("1.0.9", job, "P30", model="U", plan=[FAILS] * 3)) == {}


def test_p30_where_clocks_differ_their_difference_may_be_missing() -> None:
    def resumed(on: World) -> None:
        job(on)
        steer(on, 500, "pause", 100, "resume")

    for skew_ms, holds in ((399, False), (400, True)):
        one = asked("1.0.9", resumed, "P30", model="UK", plan=[FAILS], terms={"skew_ms": skew_ms})
        assert (runs(one) == {}) == holds


def test_p31_a_step_that_dies_leaves_a_running_job_behind() -> None:
    one = asked("1.0.9", job, "P31", model="C", faults=Faults(crashes=1))
    assert found(one) == {"P31": "j is running, and nothing is left to run"}


def test_p31_a_job_whose_step_is_to_come_is_no_orphan() -> None:
    with world() as driver:
        which = start(driver)
        assert said("P31", driver.view) is None
        driver.advance(1_000)
        assert said("P31", driver.view) is None
        assert said("P31", change(driver, which, status="running")) == "j is running, and nothing is left to run"
