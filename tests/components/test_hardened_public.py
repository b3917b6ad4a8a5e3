"""The public functions of the hardened accumulator, a promise of its README or design a test."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import component
from components.batch_processor.host_app import driver as driver_module
from convexsim import UNDEFINED, ActionCtx, MutationCtx, api, define_app, get_convex_size, internal_action
from tests.components.driver import Driver, without_ids
from tests.components.support import HANDLE, config, error_of, items_stored

FAIL = {"fail": "no"}
COUNTED = "Batch a is not in accumulating state (current: flushing)"


def world(plan: tuple[Any, ...] = (), **more: Any) -> Driver:
    app = define_app({"driver": {**driver_module("hardened"), **more}})
    app.use(component("hardened"))
    return Driver(app, plan)


def add(driver: Driver, *items: Any, batch: str = "a", **how: Any) -> Any:
    """Add items with threshold 3 and interval 1 s, unless `how` says otherwise."""
    return driver.lib("addItems", batchId=batch, items=list(items), config={**config(), **how})


def statuses(driver: Driver) -> list[tuple[str, str]]:
    return [(batch["batchId"], batch["status"]) for batch in driver.rows("batches")]


def delivered(driver: Driver) -> list[tuple[float, list[Any]]]:
    return [(entry["t"], entry["items"]) for entry in driver.deliveries]


def dead(driver: Driver, *items: Any, batch: str = "a") -> None:
    """Make items a dead letter: their one attempt fails (the plan must say so)."""
    add(driver, *items, batch=batch, maxBatchSize=1, maxAttempts=1)
    driver.advance()


# -------------------------------------------------------------------------------------------------------- addItems


def test_an_add_makes_a_row_and_an_admission_and_no_batch() -> None:
    with world() as driver:
        assert add(driver, 1, 2) == {"batchId": "a", "itemCount": 2, "flushed": False, "status": "accumulating"}
        (row,) = driver.rows("batchItems")
        assert "batchDocId" not in row
        assert (row["items"], row["itemCount"], row["baseBatchId"], row["createdAt"]) == ([1, 2], 2, "a", 0)
        assert row["config"] == config()
        assert driver.rows("batches") == driver.rows("streams") == []
        assert driver.scheduled() == [("lib.js:admit", "pending", 0, {"rowId": row["_id"]})]


def test_an_add_answers_what_it_brought_itself() -> None:
    with world() as driver:
        add(driver, 1, 2)
        assert add(driver, 3)["itemCount"] == 1


def test_an_add_reads_only_the_function_that_it_has_just_scheduled() -> None:
    def look(ctx: MutationCtx) -> Any:
        ctx.run_mutation("lib:addItems", {"batchId": "a", "items": [1], "config": config()})
        metrics = ctx.meta.get_transaction_metrics()
        return [metrics[name]["used"] for name in ("documentsRead", "documentsWritten")]

    with world() as driver:
        assert driver.write(look) == [1, 1]


def test_no_items_make_no_row_and_no_batch() -> None:
    with world() as driver:
        assert add(driver) == {"batchId": "a", "itemCount": 0, "flushed": False, "status": "accumulating"}
        assert (driver.rows("batchItems"), driver.scheduled()) == ([], [])


def test_an_item_below_the_threshold_waits_for_its_timer() -> None:
    with world() as driver:
        add(driver, 1)
        driver.advance(999)
        assert (statuses(driver), delivered(driver)) == ([("a::0", "accumulating")], [])
        driver.advance(1)
        assert (statuses(driver), delivered(driver)) == ([("a::0", "completed")], [(1_000, [1])])


def test_the_timer_runs_from_the_first_item_and_steady_adds_do_not_put_it_off() -> None:
    with world() as driver:
        for _ in range(4):
            add(driver, 1, maxBatchSize=100)
            driver.advance(400)
        assert delivered(driver) == [(1_000, [1, 1, 1])]


def test_at_the_threshold_everything_goes_at_once_and_the_timer_is_cancelled() -> None:
    with world() as driver:
        for item in (1, 2, 3):
            add(driver, item)
            driver.advance(10)
        assert delivered(driver) == [(20, [1, 2, 3])]
        assert driver.pending() == []
        assert items_stored(driver) == []


def test_an_interval_of_0_is_never() -> None:
    with world() as driver:
        add(driver, 1, flushIntervalMs=0)
        driver.advance(10**9)
        assert (statuses(driver), driver.pending()) == ([("a::0", "accumulating")], [])


def test_without_any_threshold_only_time_flushes() -> None:
    with world() as driver:
        own = {name: value for name, value in config().items() if name != "maxBatchSize"}
        driver.lib("addItems", batchId="a", items=list(range(500)), config=own)
        driver.advance(999)
        assert delivered(driver) == []
        driver.advance(1)
        assert delivered(driver) == [(1_000, list(range(500)))]


def test_the_immediate_threshold_goes_before_the_size_and_the_size_closes_deliveries() -> None:
    with world() as driver:
        for item in (1, 2, 3, 4):
            add(driver, item, maxBatchSize=2, immediateFlushThreshold=4)
            driver.advance(1)
        assert delivered(driver) == [(3, [1, 2]), (3, [3, 4])]


def test_a_delivery_has_at_most_a_size_less_one_and_one_more_call() -> None:
    with world() as driver:
        for items in ((1,), (2,), (3, 4, 5, 6, 7), (8,)):
            add(driver, *items, immediateFlushThreshold=8)
        driver.advance()
        assert delivered(driver) == [(0, [1, 2, 3, 4, 5, 6, 7]), (0, [8])]


def test_what_is_added_later_goes_into_the_next_batch() -> None:
    with world() as driver:
        for _ in range(3):
            add(driver, 1, 2, 3)
            driver.advance()
        assert statuses(driver) == [("a::2", "completed")]
        assert len(delivered(driver)) == 3


@pytest.mark.parametrize(
    ("first", "second", "at"), [(1_000, 300, 300), (300, 1_000, 300), (0, 300, 300), (300, 0, 300)]
)
def test_of_two_intervals_under_one_id_the_earlier_timer_wins(first: float, second: float, at: float) -> None:
    with world() as driver:
        add(driver, 1, flushIntervalMs=first)
        driver.advance()
        add(driver, 2, flushIntervalMs=second)
        driver.advance(5_000)
        entries = [(t, item) for t, items in delivered(driver) for item in items]
        assert entries == [(at, 1), (at, 2)]
        assert driver.pending() == []


def test_each_callback_gets_the_items_of_its_own_adds() -> None:
    @internal_action
    async def other(ctx: ActionCtx, items: list[Any]) -> None:
        await ctx.external("deliveries").append({"t": ctx.now(), "items": ["other", *items]})

    with world(other=other) as driver:
        for number in range(4):
            handle = HANDLE if number % 2 else "function://;driver:other"
            add(driver, number, maxBatchSize=4, processBatchHandle=handle)
        driver.advance()
        assert sorted(delivered(driver), key=str) == [(0, ["other", 0, 2]), (0, [1, 3])]


@pytest.mark.parametrize("batch", ["a::0", "::", "a::", "::1", "a::b::c"])
def test_the_separator_is_refused_in_an_id(batch: str) -> None:
    with world() as driver:
        assert "holds ::" in error_of(driver, "lib:addItems", batchId=batch, items=[1], config=config())
        assert driver.rows("batchItems") == []


@pytest.mark.parametrize("batch", ["", ":", "a:b", "a:"])
def test_any_other_id_is_returned_as_passed_in_and_serves(batch: str) -> None:
    with world() as driver:
        assert add(driver, 1, 2, 3, batch=batch)["batchId"] == batch
        driver.advance()
        assert statuses(driver) == [(f"{batch}::0", "completed")]
        assert [row["batchId"] for row in driver.lib("getFlushHistory", batchId=batch)] == [batch]


WRONG = [
    ({"maxBatchSize": 0}, "maxBatchSize is 0"),
    ({"maxBatchSize": 2.5}, "maxBatchSize is 2.5"),
    ({"maxBatchSize": float("nan")}, "maxBatchSize is nan"),
    ({"immediateFlushThreshold": -1}, "immediateFlushThreshold is -1"),
    ({"immediateFlushThreshold": float("inf")}, "immediateFlushThreshold is inf"),
    ({"maxAttempts": 0}, "maxAttempts is 0"),
    ({"flushIntervalMs": -1}, "flushIntervalMs is -1"),
    ({"flushIntervalMs": float("nan")}, "flushIntervalMs is nan"),
    ({"flushIntervalMs": float("inf")}, "flushIntervalMs is inf"),
    ({"flushIntervalMs": 10.0**12}, "flushIntervalMs is 1000000000000"),
    ({"processBatchHandle": ""}, "has none"),
    ({"onFlushHandle": "function://;driver:alwaysFail"}, "has two different ones"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_a_config_that_makes_no_sense_is_refused_by_name(wrong: dict[str, Any], message: str) -> None:
    with world() as driver:
        assert message in error_of(driver, "lib:addItems", batchId="a", items=[1], config={**config(), **wrong})
        assert (driver.rows("batchItems"), driver.scheduled()) == ([], [])


@pytest.mark.parametrize("others", [{}, {"processBatchHandle": HANDLE}, {"processBatchHandle": ""}])
def test_the_callback_may_be_named_as_in_the_readme(others: dict[str, Any]) -> None:
    own = {"maxBatchSize": 1, "flushIntervalMs": 0, "onFlushHandle": HANDLE, **others}
    with world() as driver:
        driver.lib("addItems", batchId="a", items=[1], config=own)
        assert driver.rows("batchItems")[0]["config"] == config(1, 0)
        driver.advance()
        assert delivered(driver) == [(0, [1])]


def test_the_longest_interval_is_a_year_and_no_ms_more() -> None:
    year_ms = 365 * 86_400_000
    with world() as driver:
        add(driver, 1, flushIntervalMs=year_ms)
        own = {**config(), "flushIntervalMs": year_ms + 1}
        message = error_of(driver, "lib:addItems", batchId="a", items=[1], config=own)
        assert f"must lie between 0 (never) and {year_ms}" in message
        assert items_stored(driver) == [1]


def test_a_call_may_bring_a_megabyte_and_no_more() -> None:
    with world() as driver:
        row = {"baseBatchId": "a", "items": ["x"], "itemCount": 1, "config": config()}
        longest = "x" * (1_000_001 - get_convex_size(row))
        add(driver, longest)
        message = error_of(driver, "lib:addItems", batchId="a", items=[longest + "x"], config=config())
        assert "1 items take 1000001 bytes, too many for one call (limit: 1000000)" in message
        message = error_of(driver, "lib:addItems", batchId="a", items=["x" * 1_000_000], config=config())
        assert "too many for one call (limit: 1000000): store it elsewhere and add its id" in message
        message = error_of(driver, "lib:addItems", batchId="a", items=["x" * 500_000] * 2, config=config())
        assert "too many for one call (limit: 1000000): add them in several" in message


def test_an_add_that_could_never_be_admitted_is_refused() -> None:
    """Convex-semantics 3.4: an app's action that was cancelled while it runs schedules into the void."""

    @internal_action
    async def late(ctx: ActionCtx) -> None:
        await ctx.sleep(10)
        args = {"adds": [{"batchId": "a", "items": [1]}]}
        try:
            await ctx.run_mutation(api.driver.add_many, args)
        except Exception as error:  # noqa: BLE001 - whatever is said, the ledger shows it
            await ctx.external("deliveries").append({"t": ctx.now(), "items": [str(error)]})

    with world(late=late) as driver:
        scheduled: list[str] = []

        def begin(ctx: MutationCtx) -> None:
            scheduled.append(ctx.scheduler.run_after(0, "function://;driver:late", {}))

        driver.write(begin)
        driver.advance()

        def cancel(ctx: MutationCtx) -> None:
            ctx.scheduler.cancel(scheduled[0])

        driver.write(cancel)
        driver.advance(20)
        ((_, (message,)),) = delivered(driver)
        assert "was canceled cannot start anything" in message
        assert driver.rows("batchItems") == []


# ------------------------------------------------------------------------------------------------------ flushBatch


@pytest.mark.parametrize("name", ["a", "a::0"])
def test_a_flush_by_hand_is_flushing_at_its_commit(name: str) -> None:
    with world() as driver:
        add(driver, 1, flushIntervalMs=1_000)
        driver.advance()
        result = driver.lib("flushBatch", batchId=name)
        assert (result["flushed"], result["status"], result["itemCount"]) == (True, "flushing", 1)
        assert statuses(driver) == [("a::0", "flushing")]
        assert driver.pending() == [("collectBatch", 0)]
        driver.advance()
        assert delivered(driver) == [(0, [1])]


def test_a_flush_takes_what_is_not_admitted_yet_and_opens_its_batch() -> None:
    with world() as driver:
        add(driver, 1)
        assert driver.lib("flushBatch", batchId="a")["itemCount"] == 1
        driver.advance(5_000)
        assert (delivered(driver), statuses(driver)) == ([(0, [1])], [("a::0", "completed")])


def test_a_flush_of_what_is_flushed_says_that_there_is_nothing() -> None:
    nothing = {"batchId": "a", "itemCount": 0, "flushed": False, "reason": "Batch is empty"}
    with world() as driver:
        add(driver, 1, 2, 3)
        driver.lib("flushBatch", batchId="a")
        assert driver.lib("flushBatch", batchId="a") == nothing
        driver.advance()
        assert driver.lib("flushBatch", batchId="a") == nothing


def test_a_flush_of_what_never_was_throws() -> None:
    with world() as driver:
        assert error_of(driver, "lib:flushBatch", batchId="a") == "Batch a not found"
        assert error_of(driver, "lib:flushBatch", batchId="a::0") == "Batch a::0 not found"
        add(driver)
        assert error_of(driver, "lib:flushBatch", batchId="a") == "Batch a not found"


def test_a_flush_by_name_throws_unless_that_batch_accumulates() -> None:
    with world() as driver:
        add(driver, 1)
        driver.advance()
        driver.lib("flushBatch", batchId="a")
        assert error_of(driver, "lib:flushBatch", batchId="a::0") == COUNTED
        assert error_of(driver, "lib:flushBatch", batchId="a::1") == "Batch a::1 not found"


@pytest.mark.parametrize("before", ["", "A", "AF"])
@pytest.mark.parametrize("calls", ["AF", "AFF", "AFA", "AFAF", "AFS", "AFL", "AFD", "AS", "AL", "AD", "AT", "AAFAS"])
def test_one_mutation_may_make_many_calls(before: str, calls: str) -> None:
    """Its own rows, and its own line, have no commit yet; whatever it asks, each item comes once."""
    named: dict[str, tuple[str, dict[str, Any]]] = {
        "A": ("addItems", {"batchId": "a", "items": [1], "config": config(100)}),
        "F": ("flushBatch", {"batchId": "a"}),
        "S": ("getBatchStatus", {"batchId": "a"}),
        "L": ("getAllBatchesForBaseId", {"baseBatchId": "a"}),
        "D": ("deleteBatch", {"batchId": "a"}),
        "T": ("triggerIntervalFlushes", {}),
    }

    def make(ctx: MutationCtx, calls: str) -> None:
        for call in calls:
            name, args = named[call]
            (ctx.run_query if call in "SL" else ctx.run_mutation)(f"lib:{name}", args)

    with world() as driver:
        driver.write(make, calls=before)
        driver.advance()
        driver.write(make, calls=calls)
        driver.advance(2_000)
        assert [item for _, items in delivered(driver) for item in items] == [1] * (before + calls).count("A")
        assert driver.view.failed_functions() == items_stored(driver) == []


# -------------------------------------------------------------------------------------------------- to look


def test_status_is_none_until_something_is_stored_and_when_nothing_is() -> None:
    with world() as driver:
        assert driver.lib("getBatchStatus", batchId="a") is None
        add(driver, 1, 2, 3)
        driver.advance()
        assert driver.lib("getBatchStatus", batchId="a") is None


def test_status_counts_what_is_not_admitted_yet() -> None:
    with world() as driver:
        add(driver, 1, 2, immediateFlushThreshold=7)
        assert driver.lib("getBatchStatus", batchId="a") == {
            "batchId": "a",
            "batches": [{"status": "accumulating", "itemCount": 2, "createdAt": 0, "lastUpdatedAt": 0}],
            "config": {"maxBatchSize": 3, "immediateFlushThreshold": 7, "flushIntervalMs": 1_000},
        }
        driver.advance(10)
        add(driver, 3)
        (batch,) = driver.lib("getBatchStatus", batchId="a")["batches"]
        assert (batch["itemCount"], batch["createdAt"], batch["lastUpdatedAt"]) == (3, 0, 10)


def test_status_tells_of_flushing_retrying_and_dead_batches_before_what_accumulates() -> None:
    with world((FAIL, FAIL)) as driver:
        dead(driver, "d")
        add(driver, 1, 2, 3)
        driver.advance()
        add(driver, 4, 5, 6)
        driver.lib("flushBatch", batchId="a")
        add(driver, 7)
        found = driver.lib("getBatchStatus", batchId="a")
        told = [(batch["status"], batch["itemCount"], batch.get("errorMessage")) for batch in found["batches"]]
        assert told == [
            ("flushing", 3, None),
            ("retrying", 3, "no"),
            ("deadLetter", 1, "no"),
            ("accumulating", 1, None),
        ]
        listed = driver.lib("getAllBatchesForBaseId", baseBatchId="a")
        assert [(row["batchId"], row["status"], row["itemCount"]) for row in listed] == [
            ("a::0", "deadLetter", 1),
            ("a::2", "flushing", 3),
            ("a::1", "retrying", 3),
        ]


def test_all_batches_are_told_with_these_fields() -> None:
    with world() as driver:
        add(driver, 1)
        driver.advance(5)
        add(driver, 2)
        assert driver.lib("getAllBatchesForBaseId", baseBatchId="a") == [
            {
                "batchId": "a::0",
                "baseBatchId": "a",
                "sequence": 0,
                "itemCount": 2,
                "status": "accumulating",
                "createdAt": 0,
                "lastUpdatedAt": 5,
            }
        ]
        driver.advance(5_000)
        (batch,) = driver.lib("getAllBatchesForBaseId", baseBatchId="a")
        assert (batch["status"], batch["itemCount"]) == ("completed", 0)
        assert driver.lib("getAllBatchesForBaseId", baseBatchId="b") == []


def test_the_next_flush_takes_what_is_above_the_line_only() -> None:
    with world() as driver:
        add(driver, 1, 2)
        driver.lib("flushBatch", batchId="a")
        assert driver.lib("countUnsealed", baseBatchId="a") == 0
        add(driver, 3)
        assert driver.lib("countUnsealed", baseBatchId="a") == 1


def test_history_has_a_row_for_each_attempt_under_the_id() -> None:
    with world((FAIL,)) as driver:
        add(driver, 1, 2, 3)
        driver.advance(2_000)
        history = without_ids(driver.lib("getFlushHistory", batchId="a"))
        assert history == [
            {"batchId": "a", "itemCount": 3, "flushedAt": 1_000, "durationMs": 0, "success": True},
            {
                "batchId": "a",
                "itemCount": 3,
                "flushedAt": 0,
                "durationMs": 0,
                "success": False,
                "errorMessage": "no",
            },
        ]
        assert len(driver.lib("getFlushHistory", batchId="a", limit=1)) == 1


# ---------------------------------------------------------------------------------------------- triggerIntervalFlushes


def test_a_cron_may_flush_what_is_due_and_nothing_else() -> None:
    def late(ctx: MutationCtx) -> None:
        for batch in ctx.db.query("batches").collect():
            if batch["baseBatchId"] in ("a", "b"):
                ctx.scheduler.cancel(batch["scheduledFlushId"])

    with world() as driver:
        for batch, interval in (("a", 100), ("b", 200), ("c", 100_000), ("d", 0)):
            add(driver, batch, batch=batch, flushIntervalMs=interval)
        driver.advance()
        driver.write(late)
        assert driver.lib("triggerIntervalFlushes") == []
        driver.advance(100)
        assert driver.lib("triggerIntervalFlushes") == [{"batchId": "a", "flushed": True}]
        driver.advance(100)
        assert driver.lib("triggerIntervalFlushes") == [{"batchId": "b", "flushed": True}]
        driver.advance()
        assert [items for _, items in delivered(driver)] == [["a"], ["b"]]


# ----------------------------------------------------------------------------------------------------- deleteBatch


@pytest.mark.parametrize("name", ["a", "a::0"])
def test_a_completed_batch_is_deleted_by_the_id_or_its_name_and_history_stays(name: str) -> None:
    with world() as driver:
        add(driver, 1, 2, 3)
        driver.advance()
        assert driver.lib("deleteBatch", batchId=name) == {"deleted": True}
        assert driver.rows("batches") == []
        assert len(driver.rows("flushHistory")) == 1
        assert driver.lib("deleteBatch", batchId=name) == {"deleted": False, "reason": "Batch not found"}


def kept(driver: Driver, name: str) -> str:
    result = driver.lib("deleteBatch", batchId=name)
    assert result["deleted"] is False
    return str(result["reason"])


@pytest.mark.parametrize("name", ["a", "a::0"])
def test_what_holds_items_is_kept(name: str) -> None:
    with world((FAIL, FAIL)) as driver:
        add(driver, 1, maxAttempts=2)
        if name == "a":
            assert kept(driver, name) == "Cannot delete batch with pending items"
        driver.advance()
        assert kept(driver, name) == "Cannot delete batch with pending items"
        driver.lib("flushBatch", batchId="a")
        assert kept(driver, name) == "Cannot delete batch while flushing"
        driver.advance()
        assert statuses(driver) == [("a::0", "retrying")]
        assert kept(driver, name) == "Cannot delete batch while flushing"
        driver.advance(1_000)
        assert kept(driver, name) == "Cannot delete batch with a dead letter"
        assert items_stored(driver) == [1]


def test_by_the_id_a_completed_batch_is_kept_while_another_holds_items() -> None:
    with world() as driver:
        add(driver, 1, 2, 3)
        driver.advance()
        add(driver, 4)
        driver.advance()
        assert kept(driver, "a") == "Cannot delete batch with pending items"
        assert driver.lib("deleteBatch", batchId="a::0") == {"deleted": True}
        assert statuses(driver) == [("a::1", "accumulating")]


def test_numbers_and_lines_outlive_a_deleted_batch() -> None:
    with world() as driver:
        for number in range(3):
            add(driver, 1, 2, 3)
            driver.advance()
            assert statuses(driver) == [(f"a::{number}", "completed")]
            driver.lib("deleteBatch", batchId="a")
        assert len(delivered(driver)) == 3


# ------------------------------------------------------------------------------------------------------- dead letters


def test_dead_letters_are_listed_by_id_or_all_oldest_first() -> None:
    with world((FAIL,) * 3) as driver:
        dead(driver, 1)
        driver.advance(10)
        dead(driver, 2, 3, batch="b")
        dead(driver, 4)
        everything = driver.lib("listDeadLetters")
        assert [letter["batchId"] for letter in everything] == ["a::0", "b::0", "a::1"]
        assert everything[1] == {
            "batchId": "b::0",
            "baseBatchId": "b",
            "itemCount": 2,
            "failures": 1,
            "errorMessage": "no",
            "createdAt": 10,
            "lastUpdatedAt": 10,
        }
        assert [letter["batchId"] for letter in driver.lib("listDeadLetters", batchId="a")] == ["a::0", "a::1"]
        assert len(driver.lib("listDeadLetters", limit=2)) == 2
        assert driver.lib("listDeadLetters", batchId="c") == []


def test_a_dead_letter_that_is_tried_again_has_all_its_attempts_and_the_same_key() -> None:
    keys: list[str] = []

    @internal_action
    async def keyed(ctx: ActionCtx, items: list[Any], delivery_key: str) -> None:
        del items
        keys.append(delivery_key)
        if await ctx.external("processBatch").take("ok") != "ok":
            msg = "no"
            raise RuntimeError(msg)

    with world(("no",) * 3, keyed=keyed) as driver:
        own: dict[str, Any] = {
            "processBatchHandle": "function://;driver:keyed",
            "passDeliveryKey": True,
            "maxAttempts": 2,
        }
        add(driver, 1, 2, 3, **own)
        driver.advance(200_000)
        assert statuses(driver) == [("a::0", "deadLetter")]
        assert driver.lib("retryDeadLetter", batchId="a::0") == {
            "batchId": "a::0",
            "itemCount": 3,
            "flushed": True,
            "status": "flushing",
        }
        assert statuses(driver) == [("a::0", "flushing")]
        driver.advance()
        assert statuses(driver) == [("a::0", "retrying")]
        driver.advance(1_000)
        assert statuses(driver) == [("a::0", "completed")]
        assert keys == [keys[0]] * 4
        assert driver.lib("listDeadLetters") == items_stored(driver) == []


def test_a_discarded_dead_letter_is_gone_with_its_items() -> None:
    with world((FAIL,)) as driver:
        dead(driver, 1, 2)
        assert driver.lib("discardDeadLetter", batchId="a::0") == {"deleted": True, "itemCount": 2}
        driver.advance(10**6)
        assert driver.rows("batches") == driver.rows("batchItems") == []
        assert len(delivered(driver)) == 1


@pytest.mark.parametrize("call", ["retryDeadLetter", "discardDeadLetter"])
def test_only_dead_letters_are_tried_again_or_thrown_away(call: str) -> None:
    with world((FAIL,)) as driver:
        assert error_of(driver, f"lib:{call}", batchId="a::0").startswith("Batch a::0 not found: ")
        dead(driver, 1)
        message = error_of(driver, f"lib:{call}", batchId="a")
        assert message == "Batch a not found: a dead letter goes by its full name, as listDeadLetters tells it"
        add(driver, 2)
        driver.advance()
        message = error_of(driver, f"lib:{call}", batchId="a::1")
        assert message == "Batch a::1 is not a dead letter (current: accumulating)"


def test_a_dead_letter_does_not_keep_the_id_from_going_on() -> None:
    with world((FAIL,)) as driver:
        dead(driver, 1)
        add(driver, 2, 3, 4)
        driver.advance()
        assert statuses(driver) == [("a::0", "deadLetter"), ("a::1", "completed")]


# ------------------------------------------------------------------------------------- many at once, and what is shown


def test_one_call_flushes_many_that_are_due() -> None:
    with world() as driver:
        for number in range(5):
            add(driver, number, batch=f"id {number}", flushIntervalMs=1_000)
        driver.advance()

        def flush_before_the_timers(ctx: MutationCtx) -> Any:
            for batch in ctx.db.query("batches").collect():
                ctx.db.patch(batch["_id"], {"flushAt": 0})
            return ctx.run_mutation("lib:triggerIntervalFlushes")

        answered = driver.write(flush_before_the_timers)
        assert answered == [{"batchId": f"id {number}", "flushed": True} for number in range(5)]


def test_all_completed_batches_of_an_id_are_deleted_together() -> None:
    with world() as driver:
        for items in ((1, 2), (3, 4)):
            add(driver, *items, immediateFlushThreshold=4, maxBatchSize=2)
        driver.advance()
        completed = [name for name, status in statuses(driver) if status == "completed"]
        driver.write(lambda ctx: ctx.db.insert("batches", {**ctx.db.query("batches").first(), **copied(completed)}))
        assert len(driver.rows("batches")) > 1
        assert driver.lib("deleteBatch", batchId="a") == {"deleted": True}
        assert driver.rows("batches") == []


def copied(names: list[str]) -> dict[str, Any]:
    """Return what turns a copy of a completed batch into another one."""
    return {"_id": UNDEFINED, "_creationTime": UNDEFINED, "batchId": f"{names[0]} again", "sequence": 99}


def test_the_config_that_status_shows_is_that_of_the_newest_batch() -> None:
    with world((FAIL, FAIL)) as driver:
        for size in (2, 1):
            add(driver, *range(size), maxBatchSize=size, maxAttempts=size)
            driver.advance()
        status = driver.lib("getBatchStatus", batchId="a")
        assert [batch["status"] for batch in status["batches"]] == ["retrying", "deadLetter"]
        assert status["config"]["maxBatchSize"] == 1


def test_no_more_is_counted_for_show_than_fills_a_delivery() -> None:
    big = "x" * 900_000
    with world() as driver:
        for _ in range(7):
            driver.lib(
                "addItems", batchId="a", items=[big], config={"flushIntervalMs": 0, "processBatchHandle": HANDLE}
            )
        (shown,) = driver.lib("getBatchStatus", batchId="a")["batches"]
        assert shown["itemCount"] == 5


def test_as_many_dead_letters_are_listed_as_are_asked_for() -> None:
    with world((FAIL,) * 3) as driver:
        for item in (1, 2, 3):
            dead(driver, item)
        for limit, expected in ((2, 2), (0, 3), (9, 3)):
            assert len(driver.lib("listDeadLetters", limit=limit)) == expected
            assert len(driver.host("listDeadLetters", batchId="a", limit=limit)) == expected
