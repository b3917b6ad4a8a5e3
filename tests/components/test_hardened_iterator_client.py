"""The client of the hardened iterator: which configs it takes, and what of them reaches the component."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import HardenedIteratorConfig, IteratorConfig, IteratorHandleConfig
from components.batch_processor.iterator_client import HardenedIteratorClient
from convexsim import MutationCtx, UsageError, api, components, mutation
from tests.components.hardened_iterator_support import world
from tests.components.iterator_support import handle

CALLBACK = api.driver.get_next_batch, api.driver.process_batch, api.driver.on_complete
SPELLED = str(CALLBACK[0]), str(CALLBACK[1]), str(CALLBACK[2])
REFERENCES = dict(zip(("getNextBatch", "processBatch", "onComplete"), CALLBACK, strict=True))
HANDLES = {f"{name}Handle": handle(name) for name in REFERENCES}
NUMBERS = {"batchSize": 4, "delayBetweenBatchesMs": 70, "maxRetries": 2}
OPTIONS: dict[str, Any] = {"delay_between_batches_ms": 70, "max_retries": 2}


def stored_config(config: Any) -> Any:
    """Start a job by the client and return its config."""
    client = HardenedIteratorClient(components.batch_processor.lib)

    @mutation
    def begin(ctx: MutationCtx) -> Any:
        return client.start_iterator(ctx, "j", config)

    with world(own={"begin": begin}) as driver:
        driver.host("begin")
        return driver.rows("iteratorJobs")[0]["config"]


@pytest.mark.parametrize(
    "config",
    [
        IteratorConfig(4, *CALLBACK, **OPTIONS),
        IteratorHandleConfig(4, *SPELLED, **OPTIONS),
        HardenedIteratorConfig(4, *CALLBACK, **OPTIONS),
        HardenedIteratorConfig(4, *SPELLED, **OPTIONS),
        {**NUMBERS, **REFERENCES},
        {**NUMBERS, **HANDLES},
    ],
)
def test_the_config_of_any_generation_will_do(config: Any) -> None:
    assert stored_config(config) == {**NUMBERS, **HANDLES}


@pytest.mark.parametrize(
    "config",
    [
        HardenedIteratorConfig(4, *CALLBACK, **OPTIONS, pass_delivery_key=True),
        {**NUMBERS, **REFERENCES, "passDeliveryKey": True},
        {**NUMBERS, **HANDLES, "passDeliveryKey": True},
    ],
)
def test_a_delivery_key_may_be_asked_for_in_either_spelling(config: Any) -> None:
    assert stored_config(config) == {**NUMBERS, **HANDLES, "passDeliveryKey": True}


def test_what_is_not_given_is_left_to_the_component() -> None:
    without = {name: value for name, value in HANDLES.items() if name != "onCompleteHandle"}
    assert stored_config(HardenedIteratorConfig(4, *CALLBACK[:2])) == {
        **without, "batchSize": 4, "delayBetweenBatchesMs": 100
    }  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        {},
        None,
        {**NUMBERS, **REFERENCES, "retries": 3},
        {**NUMBERS, **REFERENCES, **HANDLES},
        {**NUMBERS, **REFERENCES, "batchSizeHandle": 3},
    ],
)
def test_a_config_of_other_fields_is_refused(config: Any) -> None:
    with pytest.raises(UsageError, match=r"no iterator config .* and, if you like, .*, passDeliveryKey\."):
        HardenedIteratorConfig.of(config)


def test_in_no_other_version_can_a_key_be_asked_for() -> None:
    with pytest.raises(UsageError, match="no iterator config"):
        IteratorConfig.of({**NUMBERS, **REFERENCES, "passDeliveryKey": True})
