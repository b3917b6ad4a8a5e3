"""The iterator's half of the client, in both generations: what it sends and refuses (component-versions 4, 6)."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import BatchProcessor, IteratorConfig, IteratorHandleConfig, component
from components.batch_processor.host_callbacks import CALLBACKS, HOST_SCHEMA
from components.batch_processor.iterator_client import IteratorHandleClient
from convexsim import ActionCtx, Component, MutationCtx, UsageError, action, api, components, define_app, mutation
from tests.components.driver import Driver
from tests.components.iterator_support import handle

CALLBACK = api.driver.get_next_batch, api.driver.process_batch, api.driver.on_complete
SPELLED = str(CALLBACK[0]), str(CALLBACK[1]), str(CALLBACK[2])
REFERENCES = dict(zip(("getNextBatch", "processBatch", "onComplete"), CALLBACK, strict=True))
HANDLES = {f"{name}Handle": handle(name) for name in REFERENCES}
NUMBERS = {"batchSize": 4, "delayBetweenBatchesMs": 70, "maxRetries": 2}


def app_of(client: IteratorHandleClient, config: Any) -> Component:
    """Return an app whose mutation `start` starts a job by this client."""

    @mutation
    def start(ctx: MutationCtx) -> Any:
        return client.start_iterator(ctx, "j", config)

    app = define_app({"driver": {"start": start, **CALLBACKS}}, HOST_SCHEMA)
    app.use(component("1.0.5"))
    return app


def stored_config(client: IteratorHandleClient, config: Any) -> Any:
    with Driver(app_of(client, config)) as driver:
        assert driver.outcome(api.driver.start).unwrap() == {"jobId": "j", "status": "running"}
        return driver.rows("iteratorJobs")[0]["config"]


@pytest.mark.parametrize(
    "config",
    [
        IteratorConfig(4, *CALLBACK, delay_between_batches_ms=70, max_retries=2),
        IteratorConfig(4, *SPELLED, delay_between_batches_ms=70, max_retries=2),
        {**NUMBERS, **REFERENCES},
    ],
)
def test_callbacks_reach_the_component_as_handles(config: Any) -> None:
    assert stored_config(BatchProcessor(components.batch_processor), config) == {**NUMBERS, **HANDLES}


@pytest.mark.parametrize(
    "config",
    [
        IteratorHandleConfig(4, *SPELLED, delay_between_batches_ms=70, max_retries=2),
        {**NUMBERS, **HANDLES},
    ],
)
def test_until_0_2_the_app_makes_the_handles(config: Any) -> None:
    assert stored_config(IteratorHandleClient(components.batch_processor.lib), config) == {**NUMBERS, **HANDLES}


@pytest.mark.parametrize(
    ("client", "config"),
    [
        (BatchProcessor(components.batch_processor), IteratorConfig(4, *CALLBACK[:2])),
        (IteratorHandleClient(components.batch_processor.lib), IteratorHandleConfig(4, *SPELLED[:2])),
    ],
)
def test_what_is_not_given_is_left_to_the_component(client: IteratorHandleClient, config: Any) -> None:
    without = {name: value for name, value in HANDLES.items() if name != "onCompleteHandle"}
    assert stored_config(client, config) == {**without, "batchSize": 4, "delayBetweenBatchesMs": 100}


def test_what_is_given_as_0_is_given() -> None:
    config = IteratorConfig(4, *CALLBACK, delay_between_batches_ms=0, max_retries=0)
    stored = stored_config(BatchProcessor(components.batch_processor), config)
    assert (stored["delayBetweenBatchesMs"], stored["maxRetries"]) == (0, 0)


@pytest.mark.parametrize(
    "config",
    [
        {},
        NUMBERS,
        {**NUMBERS, **HANDLES},
        {**NUMBERS, **REFERENCES, "retries": 3},
        IteratorHandleConfig(4, *SPELLED),
        None,
    ],
)
def test_a_config_of_other_fields_is_refused(config: Any) -> None:
    with pytest.raises(UsageError, match=r"no iterator config .* fields batchSize, getNextBatch, processBatch and"):
        BatchProcessor(components.batch_processor).iterator_config.of(config)


def test_until_0_2_references_are_refused() -> None:
    with pytest.raises(UsageError, match="getNextBatchHandle"):
        IteratorHandleConfig.of({**NUMBERS, **REFERENCES})


def test_a_refused_config_ends_the_run_rather_than_the_function() -> None:
    with (
        Driver(app_of(BatchProcessor(components.batch_processor), {})) as driver,
        pytest.raises(UsageError, match="no iterator config"),
    ):
        driver.outcome(api.driver.start)


def test_in_an_action_each_call_is_awaited_and_a_transaction_of_its_own() -> None:
    client = BatchProcessor(components.batch_processor)

    @action
    async def all_calls(ctx: ActionCtx) -> list[Any]:
        started = await client.start_iterator(ctx, "j", IteratorConfig(4, *CALLBACK))
        paused = await client.pause_iterator(ctx, "j")
        resumed = await client.resume_iterator(ctx, "j")
        listed = [len(await client.list_iterator_jobs(ctx, options)) for options in (None, {}, {"status": "paused"})]
        cancelled = await client.cancel_iterator(ctx, "j")
        status = await client.get_iterator_status(ctx, "j")
        assert status is not None
        deleted = await client.delete_iterator_job(ctx, "j")
        told = [answer["status"] for answer in (started, paused, resumed, cancelled, status)]
        return [told, listed, deleted, await client.get_iterator_status(ctx, "j")]

    app = define_app({"driver": {"allCalls": all_calls, **CALLBACKS}}, HOST_SCHEMA)
    app.use(component("1.0.5"))
    with Driver(app) as driver:
        assert driver.outcome(api.driver.all_calls).unwrap() == [
            ["running", "paused", "running", "failed", "failed"],
            [1, 1, 0],
            {"deleted": True},
            None,
        ]
