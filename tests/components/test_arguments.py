"""What each version's functions take as arguments: every name, and what is optional (component-versions 4 to 9)."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import VERSIONS
from convexsim import FunctionDefinition, FunctionError
from tests.components.driver import COMPONENT
from tests.components.support import HANDLE, config, put_batch, put_readme_batch, readme_config, world

OLD = ("0.1.0", "0.2.0")
NEW = ("1.0.3", "1.0.4", "1.0.5", "1.0.6", "1.0.7", "1.0.9")

RESULT = "batchDocId itemCount durationMs success errorMessage?"
ARGUMENTS = {
    "addItems": dict.fromkeys((*OLD, *NEW), "batchId items config"),
    "flushBatch": dict.fromkeys((*OLD, *NEW), "batchId"),
    "getBatchStatus": dict.fromkeys((*OLD, *NEW), "batchId"),
    "getAllBatchesForBaseId": dict.fromkeys(NEW, "baseBatchId"),
    "getFlushHistory": dict.fromkeys((*OLD, *NEW), "batchId limit?"),
    "deleteBatch": dict.fromkeys((*OLD, *NEW), "batchId"),
    "getBatch": dict.fromkeys((*OLD, *NEW), "batchId"),
    "markBatchFlushing": dict.fromkeys((*OLD, *NEW[:2]), "batchDocId"),
    "scheduledIntervalFlush": dict.fromkeys(("0.2.0", *NEW), "batchDocId"),
    "collectBatchItems": dict.fromkeys(NEW[1:], "batchDocId"),
    "maybeFlush": dict.fromkeys(NEW[2:], "batchDocId force?"),
    "doFlushTransition": dict.fromkeys(NEW[2:], "batchDocId force?"),
    "executeFlush": {
        **dict.fromkeys(OLD, "batchDocId items onFlushHandle"),
        "1.0.3": "batchDocId items processBatchHandle",
        **dict.fromkeys(NEW[1:], "batchDocId processBatchHandle"),
    },
    "recordFlushResult": {
        **dict.fromkeys((*OLD, "1.0.3"), RESULT),
        **dict.fromkeys(NEW[1:], f"{RESULT} flushStartedAt?"),
    },
}
NO_ARGUMENTS = ("checkFlushTimers", "triggerIntervalFlushes")
PAIRS = [(name, version) for name, versions in ARGUMENTS.items() for version in versions]


def function_of(name: str, version: str) -> FunctionDefinition:
    (function,) = [one for path, one in VERSIONS[version].functions.items() if path.endswith(f":{name}")]
    return function


@pytest.mark.parametrize(("name", "version"), PAIRS)
def test_the_arguments_of_a_function(name: str, version: str) -> None:
    validator: Any = function_of(name, version).args
    spelled = {
        f"{field}?" if type(inner).__name__ == "OptionalValidator" else field for field, inner in fields(validator)
    }
    assert spelled == set(ARGUMENTS[name][version].split())


def fields(validator: Any) -> list[tuple[str, Any]]:
    return list(validator.fields.items())


@pytest.mark.parametrize("name", NO_ARGUMENTS)
def test_what_the_cron_uses_takes_none(name: str) -> None:
    assert function_of(name, "0.1.0").parameters == {}


def threshold(**fields: Any) -> dict[str, Any]:
    return {"flushIntervalMs": 1, "processBatchHandle": HANDLE, **fields}


@pytest.mark.parametrize(
    ("versions", "given", "accepted"),
    [
        (OLD, readme_config(), True),
        (OLD, readme_config(handle=None), True),
        (OLD, config(), False),
        (OLD, {**readme_config(), "processBatchHandle": HANDLE}, False),
        (OLD, {"flushIntervalMs": 1}, False),
        (NEW, config(), True),
        (NEW, readme_config(), False),
        (NEW, {**config(), "onFlushHandle": HANDLE}, False),
        (NEW, {"maxBatchSize": 1, "flushIntervalMs": 1}, False),
        (NEW, {"maxBatchSize": 1, "processBatchHandle": HANDLE}, False),
        (NEW, {**config(), "maxBatchSize": "3"}, False),
        (NEW[:-1], threshold(), False),
        (NEW[:-1], threshold(maxBatchSize=1, immediateFlushThreshold=1), False),
        (NEW[-1:], threshold(), True),
        (NEW[-1:], threshold(immediateFlushThreshold=1), True),
        (NEW[-1:], threshold(maxBatchSize=1, immediateFlushThreshold=1), True),
        (NEW[-1:], threshold(immediateFlushThreshold=None), False),
    ],
)
def test_which_configs_an_add_takes(versions: tuple[str, ...], given: dict[str, Any], *, accepted: bool) -> None:
    for version in versions:
        path = "public:addItems" if version in OLD else "lib:addItems"
        with world(version=version) as driver:
            outcome = driver.outcome(path, {"batchId": "a", "items": [], "config": given}, COMPONENT)
            assert (type(outcome).__name__ == "Returned") is accepted, version
            assert len(driver.rows("batches")) == accepted


@pytest.mark.parametrize("version", [*OLD, *NEW])
def test_nothing_is_said_of_the_items(version: str) -> None:
    items = [None, 1, "x", {"y": [True]}]
    path, own = ("public:addItems", readme_config(9)) if version in OLD else ("lib:addItems", config(9))
    with world(version=version) as driver:
        result = driver.ask(path, batchId="", items=items, config=own)
        assert result == {"batchId": "", "itemCount": 4, "flushed": False, "status": "accumulating"}
        holders = driver.rows("batches") if version in (*OLD, "1.0.3") else driver.rows("batchItems")
        assert holders[0]["items"] == items


def test_a_batch_of_another_generation_does_not_fit_the_tables() -> None:
    with world(version="1.0.5") as driver, pytest.raises(FunctionError, match="SchemaEnforcementError"):
        put_readme_batch(driver, "a", [])
    with world(version="0.2.0") as driver, pytest.raises(FunctionError, match="SchemaEnforcementError"):
        put_batch(driver, "a::0")
