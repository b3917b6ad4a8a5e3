"""The table of versions: each row is complete, and becomes a fresh component."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from components.batch_processor import VERSIONS, component, host_app
from components.batch_processor.iterator import ITERATOR_0_1_0, ITERATOR_1_0_3
from convexsim import FunctionDefinition, UsageError

PUBLIC = {"addItems", "flushBatch", "getBatchStatus", "getAllBatchesForBaseId", "getFlushHistory", "deleteBatch"}
ITERATOR_PUBLIC = {
    "startIteratorJob",
    "pauseIteratorJob",
    "resumeIteratorJob",
    "cancelIteratorJob",
    "getIteratorJobStatus",
    "listIteratorJobs",
    "deleteIteratorJob",
}
ITERATOR_INTERNAL = {
    "getIteratorJob",
    "getIteratorJobById",
    "processNextBatch",
    "updateJobProgress",
    "markJobCompleted",
    "markJobFailed",
    "incrementRetryCount",
}
INTERNAL = {
    "getBatch",
    "collectBatchItems",
    "maybeFlush",
    "doFlushTransition",
    "executeFlush",
    "recordFlushResult",
    "scheduledIntervalFlush",
}


def test_the_accumulator_of_1_0_5_has_these_functions_and_no_others() -> None:
    functions = VERSIONS["1.0.5"].functions.items() - ITERATOR_1_0_3.items()
    assert {path for path, definition in functions if definition.is_public} == {f"lib:{name}" for name in PUBLIC}
    assert {path for path, definition in functions if not definition.is_public} == {f"lib:{name}" for name in INTERNAL}


@pytest.mark.parametrize(
    ("iterator", "public", "own"), [(ITERATOR_0_1_0, "public", "internal"), (ITERATOR_1_0_3, "lib", "lib")]
)
def test_the_iterator_has_these_functions_and_no_others(
    iterator: Mapping[str, FunctionDefinition], public: str, own: str
) -> None:
    paths = {path for path, definition in iterator.items() if definition.is_public}
    assert paths == {f"{public}:{name}" for name in ITERATOR_PUBLIC}
    assert iterator.keys() - paths == {f"{own}:{name}" for name in ITERATOR_INTERNAL}


@pytest.mark.parametrize("label", VERSIONS)
def test_every_version_has_the_same_iterator(label: str) -> None:
    version = VERSIONS[label]
    iterator = ITERATOR_0_1_0 if label.startswith("0.") else ITERATOR_1_0_3
    assert iterator.items() <= version.functions.items()
    assert version.schema.tables["iteratorJobs"] is VERSIONS["1.0.5"].schema.tables["iteratorJobs"]


def test_the_schema_of_1_0_5() -> None:
    tables = VERSIONS["1.0.5"].schema.tables
    assert {name: list(table.indexes) for name, table in tables.items()} == {
        "batches": ["by_batchId", "by_baseBatchId_status", "by_baseBatchId_sequence", "by_status"],
        "batchItems": ["by_batchDocId", "by_batchDocId_createdAt"],
        "iteratorJobs": ["by_jobId", "by_status"],
        "flushHistory": ["by_batchId"],
    }


def test_every_call_makes_a_component_of_its_own() -> None:
    first, second = component("1.0.5"), component("1.0.5")
    assert first is not second
    assert first.name == "batchProcessor"
    assert sorted(first.functions) == sorted(VERSIONS["1.0.5"].functions)


@pytest.mark.parametrize("make", [component, host_app])
def test_an_unknown_version_names_those_there_are(make: object) -> None:
    assert callable(make)
    with pytest.raises(UsageError, match=r"no version '9\.9\.9'.*There are: .*1\.0\.5"):
        make("9.9.9")
