"""The app that scenarios run: its functions pass everything on, its callback keeps the ledger."""

from __future__ import annotations

import pytest

from components.batch_processor import BatchConfig, host_app
from convexsim import FunctionError, UsageError
from tests.components.driver import Driver
from tests.components.support import HANDLE


def test_its_functions_are_those_of_the_client() -> None:
    with Driver(host_app()) as driver:
        added = driver.host("addItems", batchId="a", items=[1])
        assert added == {"batchId": "a", "itemCount": 1, "flushed": False, "status": "accumulating"}
        assert driver.host("getBatchStatus", batchId="a")["batches"][0]["itemCount"] == 1
        assert driver.host("getAllBatchesForBaseId", batchId="a")[0]["batchId"] == "a::0"
        assert driver.host("deleteBatch", batchId="a::0")["reason"] == "Cannot delete batch with pending items"
        assert driver.host("flush", batchId="a")["status"] == "flushing"
        driver.advance()
        assert driver.host("getFlushHistory", batchId="a", limit=1)[0]["itemCount"] == 1
        assert driver.host("deleteBatch", batchId="a::0") == {"deleted": True}


def test_the_callback_cannot_be_called_from_outside() -> None:
    with Driver(host_app()) as driver, pytest.raises(Exception, match="Could not find public function"):
        driver.host("processBatch", items=[])


@pytest.mark.parametrize(
    "config",
    [
        {"maxBatchSize": 7, "flushIntervalMs": 0},
        {"maxBatchSize": 7, "flushIntervalMs": 0, "processBatch": HANDLE},
        BatchConfig(max_batch_size=7, flush_interval_ms=0, process_batch=HANDLE),
    ],
)
def test_it_takes_a_config(config: dict[str, object] | BatchConfig) -> None:
    with Driver(host_app(config=config)) as driver:
        driver.host("addItems", batchId="a", items=[])
        expected = {"maxBatchSize": 7, "flushIntervalMs": 0, "processBatchHandle": HANDLE}
        assert driver.rows("batches")[0]["config"] == expected


def test_a_call_may_bring_its_own_config() -> None:
    with Driver(host_app()) as driver:
        driver.host("addItems", batchId="a", items=[], config={"maxBatchSize": 1, "flushIntervalMs": 2})
        driver.host("addItems", batchId="b", items=[])
        sizes = [row["config"]["maxBatchSize"] for row in driver.rows("batches")]
        assert sizes == [1, 3]


def test_the_ledger_has_one_entry_for_each_attempt_the_failed_ones_too() -> None:
    with Driver(host_app(), plan=({"fail": "no"}, "ok")) as driver:
        driver.advance(7)
        for expected in ("no", None, None):
            try:
                driver.outcome("driver:processBatch", {"items": [1, 2]}).unwrap()
            except FunctionError as error:
                assert error.message == expected  # noqa: PT017 - which of the three throws is the point
            else:
                assert expected is None
        same = {"call": "processBatch", "t": 7, "items": [1, 2]}
        assert driver.deliveries == [{**same, "plan": plan} for plan in ({"fail": "no"}, "ok", "ok")]


@pytest.mark.parametrize("entry", ["okay", {"fails": "x"}, {"fail": 3}, 1])
def test_a_plan_that_says_nothing_stops_the_run(entry: object) -> None:
    with Driver(host_app(), plan=(entry,)) as driver, pytest.raises(UsageError, match="plan 'processBatch'"):
        driver.outcome("driver:processBatch", {"items": []}).unwrap()
