"""The app that scenarios run: its functions pass everything on, its callback keeps the ledger."""

from __future__ import annotations

import pytest

from components.batch_processor import (
    RELEASES,
    VERSIONS,
    BatchConfig,
    NotInThisVersionError,
    ThresholdConfig,
    host_app,
)
from components.batch_processor.host_app import DEFAULT_CONFIG
from components.batch_processor.host_callbacks import CALLBACKS, HOST_SCHEMA
from components.batch_processor.host_iterator import iterator_calls
from components.batch_processor.iterator import ITERATOR_0_1_0
from components.batch_processor.iterator_client import IteratorHandleClient
from components.batch_processor.schema import SCHEMA_1_0_5
from convexsim import FunctionDefinition, FunctionError, UsageError, components, define_app, define_component
from tests.components.driver import Driver, without_ids
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


# ------------------------------------------------------------------------------------------------------- the iterator


def test_its_functions_steer_a_job_to_its_end() -> None:
    with Driver(host_app()) as driver:
        assert driver.host("seedRows", n=3) == 3
        config = {"batchSize": 2, "delayBetweenBatchesMs": 10, "onComplete": "onComplete"}
        assert driver.host("startIterator", jobId="j", config=config) == {"jobId": "j", "status": "running"}
        assert driver.host("pauseIterator", jobId="j")["status"] == "paused"
        assert driver.host("listIteratorJobs", options={"status": "running"}) == []
        assert driver.host("resumeIterator", jobId="j")["status"] == "running"
        assert len(driver.host("listIteratorJobs")) == 1
        driver.advance(10)
        assert driver.host("getIteratorStatus", jobId="j")["processedCount"] == 3
        assert driver.host("cancelIterator", jobId="j")["reason"] == "Job already finished"
        assert driver.host("deleteIteratorJob", jobId="j") == {"deleted": True}
        assert without_ids(driver.rows("completions", "")) == [{"jobId": "j", "processedCount": 3}]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("startIterator", {"jobId": "j", "config": {}}),
        ("startIterator", {"jobId": "j", "config": {"batchSize": 1, "retries": 3}}),
        ("listIteratorJobs", {"options": {"states": "paused"}}),
    ],
)
def test_a_slip_in_a_call_is_told(name: str, args: dict[str, object]) -> None:
    with Driver(host_app()) as driver, pytest.raises(FunctionError, match="ArgumentValidationError"):
        driver.host(name, **args)


@pytest.mark.parametrize(
    ("cursor", "size", "page"),
    [
        (None, 2, {"items": [0, 1], "cursor": "1", "done": False}),
        ("1", 2, {"items": [2, 3], "cursor": "3", "done": True}),
        ("2", 2, {"items": [3], "cursor": "3", "done": True}),
        ("3", 2, {"items": [], "cursor": "3", "done": True}),
        (None, 0, {"items": [], "done": False}),
    ],
)
def test_a_page_is_what_follows_the_cursor_and_is_done_if_no_further_row_was_seen(
    cursor: str | None, size: int, page: dict[str, object]
) -> None:
    with Driver(host_app()) as driver:
        driver.host("seedRows", n=4)
        args = {"batchSize": size} if cursor is None else {"cursor": cursor, "batchSize": size}
        assert driver.outcome("driver:getNextBatch", args).unwrap() == page


def test_callbacks_take_from_plans_of_their_own_and_note_their_failures_too() -> None:
    with Driver(host_app(), getNextBatch=[{"fail": "g"}], onComplete=[{"fail": "c"}]) as driver:
        job = {"jobId": "j", "processedCount": 3}
        for name, args, message in (
            ("getNextBatch", {"batchSize": 1}, "g"),
            ("onComplete", job, "c"),
            ("alwaysFail", {"items": [1]}, "always fails"),
        ):
            with pytest.raises(FunctionError) as caught:
                driver.outcome(f"driver:{name}", args).unwrap()
            assert caught.value.message == message
        driver.outcome("driver:onComplete", job).unwrap()
        assert driver.deliveries == [
            {"call": "getNextBatch", "t": 0, "cursor": None, "batchSize": 1, "plan": {"fail": "g"}},
            {"call": "onComplete", "t": 0, **job, "plan": {"fail": "c"}},
            {"call": "alwaysFail", "t": 0, "items": [1]},
            {"call": "onComplete", "t": 0, **job, "plan": "ok"},
        ]
        assert len(driver.rows("completions", "")) == 1


def test_in_0_x_the_same_iterator_stands_in_two_modules_and_takes_handles() -> None:
    modules: dict[str, dict[str, FunctionDefinition]] = {"public": {}, "internal": {}}
    for path, function in ITERATOR_0_1_0.items():
        module, _, name = path.partition(":")
        modules[module][name] = function
    calls = iterator_calls(IteratorHandleClient(components.batch_processor.public))
    app = define_app({"driver": {**calls, **CALLBACKS}}, HOST_SCHEMA)
    app.use(define_component("batchProcessor", modules, SCHEMA_1_0_5))
    with Driver(app, plan=[{"fail": "no"}]) as driver:
        driver.host("seedRows", n=3)
        driver.host("startIterator", jobId="j", config={"batchSize": 2, "delayBetweenBatchesMs": 10, "maxRetries": 2})
        assert driver.rows("iteratorJobs")[0]["config"] == {
            "batchSize": 2,
            "delayBetweenBatchesMs": 10,
            "getNextBatchHandle": "function://;driver:getNextBatch",
            "processBatchHandle": "function://;driver:processBatch",
            "maxRetries": 2,
        }
        driver.host("pauseIterator", jobId="j")
        driver.host("resumeIterator", jobId="j")
        driver.advance(10_000)
        assert driver.host("getIteratorStatus", jobId="j")["status"] == "completed"


def test_many_adds_are_one_mutation() -> None:
    with Driver(host_app()) as driver:
        adds = [{"batchId": "a", "items": [1]}, {"batchId": "a", "items": [2], "config": {**DEFAULT_CONFIG}}]
        assert [result["itemCount"] for result in driver.host("addMany", adds=adds)] == [1, 2]
        with pytest.raises(FunctionError, match=r"^no$"):
            driver.host("addMany", adds=adds, fail="no")
        assert [row["items"] for row in driver.rows("batchItems")] == [[1], [2]]


# ----------------------------------------------------------------------------------------------- version beside version


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


def test_dead_letters_are_listed_tried_again_and_discarded() -> None:
    config = {"maxBatchSize": 1, "flushIntervalMs": 0, "maxAttempts": 1}
    with Driver(host_app("hardened"), plan=[{"fail": "no"}] * 3) as driver:
        for batch_id in "ab":
            driver.host("addItems", batchId=batch_id, items=[1], config=config)
        driver.advance()
        assert [letter["batchId"] for letter in driver.host("listDeadLetters")] == ["a::0", "b::0"]
        assert [letter["batchId"] for letter in driver.host("listDeadLetters", limit=1)] == ["a::0"]
        assert [letter["batchId"] for letter in driver.host("listDeadLetters", batchId="b")] == ["b::0"]
        assert driver.host("retryDeadLetter", batchId="a::0")["status"] == "flushing"
        driver.advance()
        assert driver.host("listDeadLetters", batchId="a")[0]["errorMessage"] == "no"
        assert driver.host("discardDeadLetter", batchId="a::0") == {"deleted": True, "itemCount": 1}
        assert driver.host("listDeadLetters", batchId="a") == []


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize(
    ("name", "args"),
    [("listDeadLetters", {}), ("retryDeadLetter", {"batchId": "a::0"}), ("discardDeadLetter", {"batchId": "a::0"})],
)
def test_no_release_has_dead_letters(version: str, name: str, args: dict[str, str]) -> None:
    with Driver(host_app(version)) as driver, pytest.raises(NotInThisVersionError, match="have it: hardened"):
        driver.host(name, **args)


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
