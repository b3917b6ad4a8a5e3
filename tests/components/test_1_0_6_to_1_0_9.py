"""What 1.0.6, 1.0.7 and 1.0.9 changed, one rule of component-versions 9 a test."""

from __future__ import annotations

from typing import Any

import pytest

from tests.components.driver import Driver
from tests.components.support import HANDLE, batch_named, config, items_stored, put_batch, put_row, world

FORCED = "maybeFlush"
TIMER = "scheduledIntervalFlush"
LATER = ("1.0.6", "1.0.7", "1.0.9")

each_later = pytest.mark.parametrize("version", LATER)
since_1_0_7 = pytest.mark.parametrize("version", LATER[1:])


def threshold_config(flush_interval_ms: float = 1_000, **thresholds: float) -> dict[str, Any]:
    """Return a config as the component of 1.0.9 takes it."""
    return {"flushIntervalMs": flush_interval_ms, "processBatchHandle": HANDLE, **thresholds}


def add(driver: Driver, *items: Any, own: dict[str, Any] | None = None) -> Any:
    own = config() if own is None else own
    return driver.lib("addItems", batchId="a", items=list(items), config=own)


def forced(driver: Driver) -> list[Any]:
    """Return the `force` of every attempt that is to come."""
    return [args.get("force") for name, state, _, args in driver.scheduled() if state == "pending" and FORCED in name]


# --------------------------------------------------------------------------------- 1.0.6: addItems no longer counts


@each_later
def test_an_add_answers_the_number_of_its_own_items(version: str) -> None:
    with world(version=version) as driver:
        for items in ((1, 2), (3,), ()):
            expected = {"batchId": "a", "itemCount": len(items), "flushed": False, "status": "accumulating"}
            assert add(driver, *items, own=config(3, 0)) == expected
        assert driver.pending() == []
        assert items_stored(driver) == [1, 2, 3]


@each_later
def test_only_a_call_with_a_whole_threshold_asks_for_a_flush(version: str) -> None:
    with world(version=version) as driver:
        add(driver, 1, own=config(10, 0))
        assert add(driver, 2, 3, own=config(2, 0))["flushed"] is False
        assert driver.pending() == [(FORCED, 0)]
        assert forced(driver) == [None]
        driver.advance()
        assert driver.deliveries == []  # the attempt compares what is stored with the stored 10


def test_in_1_0_6_the_timer_is_still_that_of_1_0_5() -> None:
    with world(version="1.0.6") as driver:
        add(driver, 1)
        (batch,) = driver.rows("batches")
        assert driver.scheduled() == [(f"lib.js:{TIMER}", "pending", 1_000, {"batchDocId": batch["_id"]})]
        assert batch["scheduledFlushId"] == driver.rows("_scheduled_functions")[0]["_id"]
        driver.advance(1_000)
        assert [entry["items"] for entry in driver.deliveries] == [[1]]
        assert [name for name, *_ in driver.scheduled()] == [f"lib.js:{TIMER}", "lib.js:executeFlush"]


# ------------------------------------------------------------------------- 1.0.7: maybeFlush delivers, and is the timer


@since_1_0_7
def test_the_timer_is_a_forced_attempt(version: str) -> None:
    with world(version=version) as driver:
        add(driver, 1)
        (batch,) = driver.rows("batches")
        args = {"batchDocId": batch["_id"], "force": True}
        assert driver.scheduled() == [("lib.js:maybeFlush", "pending", 1_000, args)]
        assert batch["scheduledFlushId"] == driver.rows("_scheduled_functions")[0]["_id"]
        driver.advance(1_000)
        assert [entry["items"] for entry in driver.deliveries] == [[1]]
        assert len(driver.scheduled()) == 1


@since_1_0_7
def test_the_transition_returns_the_handle_and_schedules_nothing(version: str) -> None:
    with world(version=version) as driver:
        add(driver, 1, 2)
        driver.advance(5)
        batch = batch_named(driver, "a::0")["_id"]
        expected = {"flushed": True, "itemCount": 2, "processBatchHandle": HANDLE}
        assert driver.lib("doFlushTransition", batchDocId=batch, force=True) == expected
        flushing = batch_named(driver, "a::0")
        assert (flushing["status"], flushing["flushStartedAt"], flushing["lastUpdatedAt"]) == ("flushing", 5, 5)
        assert "scheduledFlushId" not in flushing
        assert [state for _, state, *_ in driver.scheduled()] == ["canceled"]
        again = {"flushed": False, "reason": "not_accumulating"}
        assert driver.lib("doFlushTransition", batchDocId=batch) == again


@since_1_0_7
@pytest.mark.parametrize(("items", "reason"), [([], "empty"), ([1, 2], "below_threshold")])
def test_why_there_is_no_transition(version: str, items: list[Any], reason: str) -> None:
    with world(version=version) as driver:
        batch = put_batch(driver, "a::0")
        put_row(driver, batch, items)
        assert driver.lib("doFlushTransition", batchDocId=batch) == {"flushed": False, "reason": reason}


@since_1_0_7
def test_an_attempt_delivers_in_its_own_action_and_answers_nothing(version: str) -> None:
    with world(version=version) as driver:
        batch = put_batch(driver, "a::0")
        put_row(driver, batch, [1])
        assert driver.lib(FORCED, batchDocId=batch) is None
        assert driver.deliveries == []
        assert driver.lib(FORCED, batchDocId=batch, force=True) is None
        assert [entry["items"] for entry in driver.deliveries] == [[1]]
        assert driver.scheduled() == []


@since_1_0_7
def test_a_timer_of_an_older_version_leaves_the_batch_flushing(version: str) -> None:
    with world(version=version) as driver:
        batch = put_batch(driver, "a::0")
        put_row(driver, batch, [1])
        assert driver.lib(TIMER, batchDocId=batch) is None
        driver.advance(100_000)
        assert batch_named(driver, "a::0")["status"] == "flushing"
        assert driver.deliveries == []


# ----------------------------------------------------------------------- what was added after the cutoff, and failures


def end_flush(driver: Driver, own: dict[str, Any], *, success: bool) -> dict[str, Any]:
    """Record at 20 ms a flush that began at 10, of a batch to which two items came at 11; return the batch."""
    driver.advance(20)
    batch = put_batch(driver, "a::0", "flushing", flushStartedAt=10, config=own)
    put_row(driver, batch, ["sent"], 10)
    put_row(driver, batch, ["later", "too"], 11)
    result = {"itemCount": 1, "durationMs": 0, "success": success, "flushStartedAt": 10}
    driver.lib("recordFlushResult", batchDocId=batch, **result)
    return batch_named(driver, "a::0")


@each_later
@pytest.mark.parametrize(("own", "at"), [(config(2, 500), 20), (config(3, 500), 520), (config(3, 0), None)])
def test_how_a_batch_with_leftovers_goes_on(version: str, own: dict[str, Any], at: float | None) -> None:
    """At the stored threshold it is tried at once, without force and without a timer; else the timer is forced."""
    with world(version=version) as driver:
        left = end_flush(driver, own, success=True)
        assert (left["status"], left["lastUpdatedAt"], "flushStartedAt" in left) == ("accumulating", 20, False)
        assert items_stored(driver) == ["later", "too"]
        assert [time for _, time in driver.pending()] == ([] if at is None else [at])
        assert ("scheduledFlushId" in left) is (at == 520)
        if at == 520:
            assert driver.pending() == [(TIMER if version == "1.0.6" else FORCED, at)]
            assert forced(driver) == ([] if version == "1.0.6" else [True])
        elif at == 20:
            assert (driver.pending(), forced(driver)) == ([(FORCED, at)], [None])


@each_later
def test_after_a_failure_the_next_timer_is_this_versions(version: str) -> None:
    with world(version=version) as driver:
        left = end_flush(driver, config(1, 500), success=False)
        assert (left["status"], "flushStartedAt" in left, left["lastUpdatedAt"]) == ("accumulating", False, 0)
        assert driver.pending() == [(TIMER if version == "1.0.6" else FORCED, 520)]
        assert forced(driver) == ([] if version == "1.0.6" else [True])
        assert left["scheduledFlushId"] == driver.rows("_scheduled_functions")[0]["_id"]
        assert items_stored(driver) == ["sent", "later", "too"]


# --------------------------------------------------------------------------------- 1.0.9: both thresholds are optional


@pytest.mark.parametrize(
    ("thresholds", "attempts"),
    [
        ({"immediateFlushThreshold": 2}, 1),
        ({"immediateFlushThreshold": 3}, 0),
        ({"immediateFlushThreshold": 3, "maxBatchSize": 1}, 0),
        ({"immediateFlushThreshold": 1, "maxBatchSize": 9}, 1),
        ({"immediateFlushThreshold": 0, "maxBatchSize": 9}, 1),
        ({"maxBatchSize": 2}, 1),
        ({}, 0),
    ],
)
def test_the_threshold_is_the_one_by_the_new_name_else_the_old_one(thresholds: dict[str, float], attempts: int) -> None:
    with world(version="1.0.9") as driver:
        own = threshold_config(0, **thresholds)
        assert add(driver, 1, 2, own=own)["itemCount"] == 2
        assert driver.pending() == [(FORCED, 0)] * attempts
        assert batch_named(driver, "a::0")["config"] == own
        driver.advance()
        assert [entry["items"] for entry in driver.deliveries] == [[1, 2]] * attempts


@pytest.mark.parametrize(
    ("thresholds", "flushed"),
    [({}, True), ({"immediateFlushThreshold": 2, "maxBatchSize": 1}, False), ({"maxBatchSize": 1}, True)],
)
def test_without_a_threshold_every_attempt_may_flush(thresholds: dict[str, float], *, flushed: bool) -> None:
    with world(version="1.0.9") as driver:
        batch = put_batch(driver, "a::0", config=threshold_config(**thresholds))
        put_row(driver, batch, [1])
        assert driver.lib("doFlushTransition", batchDocId=batch)["flushed"] is flushed


@pytest.mark.parametrize(
    ("own", "pending"),
    [
        (threshold_config(500), [(FORCED, 520)]),
        (threshold_config(0), []),
        (threshold_config(500, immediateFlushThreshold=2), [(FORCED, 20)]),
        (threshold_config(500, immediateFlushThreshold=3, maxBatchSize=1), [(FORCED, 520)]),
    ],
)
def test_without_a_threshold_leftovers_wait_for_the_timer(own: dict[str, Any], pending: list[Any]) -> None:
    with world(version="1.0.9") as driver:
        end_flush(driver, own, success=True)
        assert driver.pending() == pending


@pytest.mark.parametrize("thresholds", [{}, {"maxBatchSize": 2}, {"immediateFlushThreshold": 1, "maxBatchSize": 2}])
def test_status_shows_the_thresholds_that_there_are(thresholds: dict[str, float]) -> None:
    with world(version="1.0.9") as driver:
        put_batch(driver, "a::0", config=threshold_config(**thresholds))
        status = driver.lib("getBatchStatus", batchId="a")
        assert status["config"] == {"flushIntervalMs": 1_000, **thresholds}


def test_without_threshold_and_interval_only_flush_flushes() -> None:
    with world(version="1.0.9") as driver:
        add(driver, *range(100), own=threshold_config(0))
        driver.advance(1_000_000)
        assert driver.deliveries == []
        driver.lib("flushBatch", batchId="a")
        driver.advance()
        assert [len(entry["items"]) for entry in driver.deliveries] == [100]
