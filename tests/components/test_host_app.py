"""The app that scenarios run: its functions pass everything on, its callback keeps the ledger."""

from __future__ import annotations

import pytest

from components.batch_processor import VERSIONS, BatchConfig, NotInThisVersionError, ThresholdConfig, host_app
from convexsim import FunctionError, UsageError
from tests.components.driver import Driver
from tests.components.support import HANDLE, readme_config


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


@pytest.mark.parametrize("version", VERSIONS)
def test_any_version_delivers_to_the_apps_own_callback(version: str) -> None:
    with Driver(host_app(version)) as driver:
        driver.host("addItems", batchId="a", items=[1, 2, 3])
        driver.advance()
        assert driver.deliveries == [{"call": "processBatch", "t": 0, "items": [1, 2, 3], "plan": "ok"}]


@pytest.mark.parametrize("version", VERSIONS)
def test_only_where_nothing_else_flushes_by_time_there_is_a_cron(version: str) -> None:
    assert host_app(version).catalog().has_crons is (version == "0.1.0")


def test_the_cron_runs_every_thirty_seconds() -> None:
    with Driver(host_app("0.1.0")) as driver:
        driver.advance(1)
        driver.host("addItems", batchId="a", items=[1])
        driver.advance(29_998)
        assert driver.deliveries == []
        driver.advance(1)
        assert [entry["t"] for entry in driver.deliveries] == [30_000]


def test_in_0_2_0_the_app_has_the_crons_function_but_no_cron() -> None:
    with Driver(host_app("0.2.0", {"maxBatchSize": 3, "flushIntervalMs": 0})) as driver:
        driver.host("addItems", batchId="a", items=[1])
        assert driver.outcome("driver:checkFlushes").unwrap() == [{"batchId": "a", "flushed": True}]


def test_what_a_version_lacks_stops_the_run() -> None:
    with Driver(host_app("0.2.0")) as driver, pytest.raises(NotInThisVersionError, match="get_all_batches_for_base_id"):
        driver.host("getAllBatchesForBaseId", batchId="a")
    with Driver(host_app("1.0.9")) as driver, pytest.raises(NotInThisVersionError, match=r"0\.1\.0, 0\.2\.0"):
        driver.outcome("driver:checkFlushes").unwrap()


def test_in_0_x_a_config_is_data_and_a_call_may_bring_its_own() -> None:
    with Driver(host_app("0.2.0", {"maxBatchSize": 7, "flushIntervalMs": 0})) as driver:
        driver.host("addItems", batchId="a", items=[])
        driver.host("addItems", batchId="b", items=[], config={"maxBatchSize": 1, "flushIntervalMs": 2})
        driver.host("addItems", batchId="c", items=[], config=readme_config(1, 2, handle=""))
        configs = [row["config"] for row in driver.rows("batches")]
        assert configs == [readme_config(7, 0), readme_config(1, 2), readme_config(1, 2, handle="")]
    with pytest.raises(UsageError, match="A BatchConfig is for the clients of later versions"):
        host_app("0.1.0", BatchConfig(max_batch_size=7, flush_interval_ms=0, process_batch=HANDLE))


def test_in_1_0_9_it_takes_both_kinds_of_config() -> None:
    own = {"immediateFlushThreshold": 2, "flushIntervalMs": 5}
    with Driver(host_app("1.0.9", ThresholdConfig(flush_interval_ms=0, process_batch=HANDLE))) as driver:
        driver.host("addItems", batchId="a", items=[])
        driver.host("addItems", batchId="b", items=[], config=own)
        configs = [row["config"] for row in driver.rows("batches")]
        assert configs == [{"flushIntervalMs": 0, "processBatchHandle": HANDLE}, {**own, "processBatchHandle": HANDLE}]
