"""The clients: what they send, what they refuse, and that they keep nothing (component-versions 4, 6 and 9)."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import (
    VERSIONS,
    BatchConfig,
    BatchProcessor,
    ReadmeBatchProcessor,
    ThresholdBatchProcessor,
    ThresholdConfig,
    component,
)
from convexsim import (
    ActionCtx,
    Component,
    FunctionError,
    MutationCtx,
    QueryCtx,
    UsageError,
    action,
    api,
    components,
    define_app,
    define_component,
    internal,
    internal_action,
    mutation,
    query,
    v,
)
from tests.components.driver import Driver

NO_CONFIG = (
    "BatchProcessor config with processBatch is required to use addItems. Pass config to the constructor."  # verbatim
)


@internal_action(args={"items": v.array(v.any())})
async def process_batch(ctx: ActionCtx, items: list[Any]) -> None:
    await ctx.external("deliveries").append(items)


def app_of(client: BatchProcessor, version: str = "1.0.5", **more: Any) -> Component:
    """Return an app whose one mutation adds an item by this client."""

    @mutation
    def add(ctx: MutationCtx) -> Any:
        return client.add_items(ctx, "a", ["x"])

    app = define_app({"m": {"add": add, "processBatch": process_batch, **more}})
    app.use(component(version), name="batchProcessor")
    return app


def stored_config(client: BatchProcessor, version: str = "1.0.5") -> Any:
    with Driver(app_of(client, version)) as driver:
        driver.outcome(api.m.add).unwrap()
        return driver.rows("batches")[0]["config"]


@pytest.mark.parametrize(
    "config",
    [
        BatchConfig(max_batch_size=4, flush_interval_ms=70, process_batch=internal.m.process_batch),
        BatchConfig(max_batch_size=4, flush_interval_ms=70, process_batch="function://;m:processBatch"),
        {"maxBatchSize": 4, "flushIntervalMs": 70, "processBatch": internal.m.process_batch},
    ],
)
def test_a_config_reaches_the_component_with_a_handle(config: BatchConfig | dict[str, Any]) -> None:
    client = BatchProcessor(components.batch_processor, config)
    expected = {"maxBatchSize": 4, "flushIntervalMs": 70, "processBatchHandle": "function://;m:processBatch"}
    assert stored_config(client) == expected


def test_adding_without_a_config_is_refused_in_the_originals_words() -> None:
    with (
        Driver(app_of(BatchProcessor(components.batch_processor))) as driver,
        pytest.raises(FunctionError) as caught,
    ):
        driver.outcome(api.m.add).unwrap()
    assert caught.value.message == NO_CONFIG


def test_a_config_whose_callback_is_none_is_refused() -> None:
    config = {"maxBatchSize": 4, "flushIntervalMs": 70, "processBatch": None}
    with (
        Driver(app_of(BatchProcessor(components.batch_processor, config))) as driver,
        pytest.raises(UsageError, match="its process_batch is None"),
    ):
        driver.outcome(api.m.add)


@pytest.mark.parametrize("config", [{}, {"maxBatchSize": 1}, {"onFlushHandle": "function://;m:processBatch"}])
def test_a_config_of_other_fields_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="maxBatchSize, flushIntervalMs, processBatch"):
        BatchProcessor(components.batch_processor, config)


def test_everything_but_adding_needs_no_config() -> None:
    client = BatchProcessor(components.batch_processor)

    @query
    def reads(ctx: QueryCtx) -> list[Any]:
        return [
            client.get_batch_status(ctx, "a"),
            client.get_flush_history(ctx, "a"),
            client.get_flush_history(ctx, "a", 0),
            client.get_all_batches_for_base_id(ctx, "a"),
        ]

    @mutation
    def delete(ctx: MutationCtx) -> Any:
        return client.delete_batch(ctx, "a")

    with Driver(app_of(client, reads=reads, delete=delete)) as driver:
        assert driver.outcome(api.m.reads).unwrap() == [None, [], [], []]
        assert driver.outcome(api.m.delete).unwrap() == {"deleted": False, "reason": "Batch not found"}


def test_in_an_action_each_call_is_awaited_and_a_transaction_of_its_own() -> None:
    client = BatchProcessor(
        components.batch_processor,
        BatchConfig(max_batch_size=9, flush_interval_ms=0, process_batch=api.m.process_batch),
    )

    @action
    async def all_calls(ctx: ActionCtx) -> list[Any]:
        added = await client.add_items(ctx, "a", [1])
        flushed = await client.flush(ctx, "a")
        status = await client.get_batch_status(ctx, "a")
        assert status is not None
        history = await client.get_flush_history(ctx, "a", 1)
        batches = await client.get_all_batches_for_base_id(ctx, "a")
        deleted = await client.delete_batch(ctx, "a::0")
        return [
            added["itemCount"],
            flushed["flushed"],
            len(status["batches"]),
            history,
            len(batches),
            deleted["deleted"],
        ]

    with Driver(app_of(client, allCalls=all_calls)) as driver:
        assert driver.outcome(api.m.all_calls).unwrap() == [1, True, 1, [], 1, False]
        driver.advance()
        assert driver.deliveries == [[1]]


def test_one_client_may_serve_two_places_that_give_its_callback_different_handles() -> None:
    client = BatchProcessor(
        components.batch_processor,
        BatchConfig(max_batch_size=9, flush_interval_ms=0, process_batch=api.m.process_batch),
    )

    @mutation
    def add(ctx: MutationCtx) -> Any:
        return client.add_items(ctx, "a", ["x"])

    def user() -> Component:
        middle = define_component("user", {"m": {"add": add, "processBatch": process_batch}})
        middle.use(component("1.0.5"))
        return middle

    @mutation
    def both(ctx: MutationCtx) -> list[Any]:
        for reference in (components.left.m.add, components.right.m.add):
            ctx.run_mutation(reference)
        return [ctx.create_function_handle(reference) for reference in (components.left.m.add, components.right.m.add)]

    app = define_app({"m": {"both": both}})
    app.use(user(), name="left")
    app.use(user(), name="right")
    with Driver(app) as driver:
        driver.outcome(api.m.both).unwrap()
        for side in ("left", "right"):
            (batch,) = driver.rows("batches", f"{side}/batchProcessor")
            assert batch["config"]["processBatchHandle"] == f"function://{side};m:processBatch"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_has_no_room_for_state(version: str) -> None:
    client = VERSIONS[version].client(components.batch_processor)
    with pytest.raises(AttributeError):
        client.handle = "function://;m:processBatch"  # type: ignore[union-attr]


# ------------------------------------------------------------------------------------------- 1.0.9: two thresholds


@pytest.mark.parametrize(
    ("config", "stored"),
    [
        (ThresholdConfig(flush_interval_ms=70, process_batch=api.m.process_batch), {}),
        (
            ThresholdConfig(flush_interval_ms=70, process_batch=api.m.process_batch, immediate_flush_threshold=0),
            {"immediateFlushThreshold": 0},
        ),
        (
            {
                "immediateFlushThreshold": 2,
                "maxBatchSize": 4,
                "flushIntervalMs": 70,
                "processBatch": api.m.process_batch,
            },
            {"immediateFlushThreshold": 2, "maxBatchSize": 4},
        ),
        ({"flushIntervalMs": 70, "processBatch": api.m.process_batch}, {}),
        (
            BatchConfig(max_batch_size=4, flush_interval_ms=70, process_batch=api.m.process_batch),
            {"maxBatchSize": 4},
        ),
    ],
)
def test_the_thresholds_that_are_given_reach_the_component(config: Any, stored: dict[str, Any]) -> None:
    client = ThresholdBatchProcessor(components.batch_processor, config)
    expected = {"flushIntervalMs": 70, "processBatchHandle": "function://;m:processBatch", **stored}
    assert stored_config(client, "1.0.9") == expected


def test_a_threshold_config_without_its_required_fields_is_refused() -> None:
    with pytest.raises(UsageError, match=r"flushIntervalMs, processBatch and may have immediateFlushThreshold, max"):
        ThresholdBatchProcessor(components.batch_processor, {"maxBatchSize": 3})


def test_an_older_client_refuses_the_new_threshold() -> None:
    config = ThresholdConfig(flush_interval_ms=70, process_batch=api.m.process_batch, immediate_flush_threshold=2)
    with pytest.raises(UsageError, match="has the fields maxBatchSize, flushIntervalMs, processBatch, not") as caught:
        BatchProcessor(components.batch_processor, config)
    assert caught.value.next_step == "Add maxBatchSize; leave out immediateFlushThreshold."


def test_an_older_client_takes_a_new_config_that_says_nothing_new() -> None:
    config = ThresholdConfig(flush_interval_ms=70, process_batch=api.m.process_batch, max_batch_size=2)
    client = BatchProcessor(components.batch_processor, config)
    assert stored_config(client)["maxBatchSize"] == 2


# -------------------------------------------------------------------------------------- 0.x: the README's generation


def test_the_readmes_example_with_a_real_handle() -> None:
    """README, Batch Accumulator: one config a call; its `.toString()` on a reference works with no Convex."""
    batch_processor = ReadmeBatchProcessor(components.batch_processor)

    @mutation
    def track_event(ctx: MutationCtx) -> Any:
        handle = ctx.create_function_handle(internal.m.process_batch)
        config = {"maxBatchSize": 100, "flushIntervalMs": 30_000, "onFlushHandle": handle}
        return batch_processor.add_items(ctx, "analytics-events", ["event"], config)

    @mutation
    def flush_events(ctx: MutationCtx) -> Any:
        return batch_processor.flush(ctx, "analytics-events")

    @query
    def reads(ctx: QueryCtx) -> list[Any]:
        status = batch_processor.get_batch_status(ctx, "analytics-events")
        assert status is not None
        return [status["status"], len(batch_processor.get_flush_history(ctx, "analytics-events", 5))]

    @internal_action
    async def check_flushes(ctx: ActionCtx) -> Any:
        return await batch_processor.trigger_interval_flushes(ctx)

    @mutation
    def delete(ctx: MutationCtx) -> Any:
        return batch_processor.delete_batch(ctx, "analytics-events")

    functions = {"trackEvent": track_event, "flushEvents": flush_events, "reads": reads, "delete": delete}
    app = define_app({"m": {**functions, "checkFlushes": check_flushes, "processBatch": process_batch}})
    app.use(component("0.1.0"), name="batchProcessor")
    with Driver(app) as driver:
        assert driver.outcome(api.m.track_event).unwrap()["itemCount"] == 1
        assert driver.outcome(api.m.check_flushes).unwrap() == []
        assert driver.outcome(api.m.flush_events).unwrap()["status"] == "flushing"
        driver.advance()
        assert driver.deliveries == [["event"]]
        assert driver.outcome(api.m.reads).unwrap() == ["completed", 1]
        with pytest.raises(FunctionError, match="Batch analytics-events is not in accumulating state"):
            driver.outcome(api.m.track_event).unwrap()
        assert driver.outcome(api.m.delete).unwrap() == {"deleted": True}
        driver.outcome(api.m.track_event).unwrap()
        driver.advance(30_000)
        expected = [{"batchId": "analytics-events", "flushed": True}]
        assert driver.outcome(api.m.check_flushes).unwrap() == expected
