"""The client of `hardened`: three spellings of one config, what it refuses, and the calls that only it has."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import BatchConfig, HardenedBatchProcessor, HardenedConfig, ThresholdConfig, component
from convexsim import (
    ActionCtx,
    MutationCtx,
    UsageError,
    action,
    api,
    components,
    define_app,
    internal,
    internal_action,
    mutation,
)
from tests.components.driver import Driver
from tests.components.support import HANDLE, error_of

BARE = HardenedBatchProcessor(components.batch_processor)
OWN: dict[str, Any] = {"max_batch_size": 2, "flush_interval_ms": 500, "process_batch": internal.driver.process_batch}


@internal_action
async def process_batch(ctx: ActionCtx, items: list[Any]) -> None:
    plan = await ctx.external("processBatch").take("ok")
    await ctx.external("deliveries").append({"t": ctx.now(), "items": items})
    if plan != "ok":
        raise RuntimeError(plan)


@action
async def look_after(ctx: ActionCtx) -> list[Any]:
    """Call everything that only this client has, from an action."""
    letters = await BARE.list_dead_letters(ctx)
    await BARE.retry_dead_letter(ctx, "a::0")
    return [letters, await BARE.trigger_interval_flushes(ctx), await BARE.list_dead_letters(ctx, "a", 1)]


def world(*configs: Any, client: Any = None, plan: tuple[Any, ...] = ()) -> Driver:
    """Return a world whose function `add` gives the `which`-th of these configs to its call, or the client's for -1."""
    used = HardenedBatchProcessor(components.batch_processor, client)

    @mutation
    def add(ctx: MutationCtx, which: int, items: list[Any]) -> Any:
        if which < 0:
            return used.add_items(ctx, "a", items)
        return used.add_items(ctx, "a", items, configs[which])

    app = define_app({"driver": {"processBatch": process_batch, "add": add, "lookAfter": look_after}})
    app.use(component("hardened"))
    return Driver(app, plan)


SPELLINGS = [
    BatchConfig(**OWN),
    ThresholdConfig(**OWN),
    HardenedConfig(**OWN),
    {"maxBatchSize": 2, "flushIntervalMs": 500, "onFlushHandle": HANDLE},
    {"maxBatchSize": 2, "flushIntervalMs": 500, "processBatch": internal.driver.process_batch},
]


@pytest.mark.parametrize("config", SPELLINGS)
def test_every_spelling_is_stored_as_one(config: Any) -> None:
    stored = {"maxBatchSize": 2, "flushIntervalMs": 500, "processBatchHandle": HANDLE}
    with world(config, client=config) as driver:
        for which in (-1, 0):
            driver.host("add", which=which, items=[which])
        assert [row["config"] for row in driver.rows("batchItems")] == [stored, stored]
        driver.advance()
        assert [entry["items"] for entry in driver.deliveries] == [[-1, 0]]


def test_its_own_options_reach_the_component() -> None:
    config = HardenedConfig(**OWN, immediate_flush_threshold=5, pass_delivery_key=False, max_attempts=3)
    with world(config) as driver:
        driver.host("add", which=0, items=[1])
        stored = driver.rows("batchItems")[0]["config"]
        assert (stored["immediateFlushThreshold"], stored["passDeliveryKey"], stored["maxAttempts"]) == (5, False, 3)


def test_the_config_of_the_call_goes_before_that_of_the_client() -> None:
    with world({"maxBatchSize": 7, "flushIntervalMs": 0, "onFlushHandle": HANDLE}, client=SPELLINGS[0]) as driver:
        driver.host("add", which=0, items=[1])
        assert driver.rows("batchItems")[0]["config"]["maxBatchSize"] == 7


def test_without_any_config_an_add_is_refused_in_the_originals_words() -> None:
    with world() as driver:
        message = error_of(driver, "lib:getBatchStatus")  # a wrong call fails; so would this one, but in its own words
        assert "batchId" in message
        with pytest.raises(Exception, match="BatchProcessor config with processBatch is required"):
            driver.host("add", which=-1, items=[1])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (5, "5 is no batch config. Give a HardenedConfig"),
        (
            {"flushIntervalMs": 0, "processBatch": HANDLE, "onFlushHandle": HANDLE},
            "both processBatch and on",
        ),
        ({"flushIntervalMs": 0}, "has the fields flushIntervalMs, processBatch"),
        ({"onFlushHandle": HANDLE}, "has the fields flushIntervalMs, processBatch"),
        ({"flushIntervalMs": 0, "onFlushHandle": HANDLE, "maxSize": 1}, "Leave out maxSize."),
    ],
)
def test_a_config_that_is_none_is_refused_when_it_is_given(config: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        HardenedConfig.of(config)
    with pytest.raises(UsageError, match=message):
        HardenedBatchProcessor(components.batch_processor, config)


def test_an_action_may_look_after_dead_letters() -> None:
    with world(HardenedConfig(**OWN, max_attempts=1), plan=("no", "no")) as driver:
        driver.host("add", which=0, items=[1, 2])
        driver.advance()
        letters, flushed, left = driver.call(api.driver.look_after).unwrap()
        assert [(letter["batchId"], letter["errorMessage"]) for letter in letters] == [("a::0", "no")]
        assert (flushed, left) == ([], [])
        driver.advance()
        assert [entry["items"] for entry in driver.deliveries] == [[1, 2], [1, 2]]
        assert driver.rows("batches")[0]["status"] == "deadLetter"
