"""P1 to P13, each seen to break, and to hold next to where it breaks; what is judged: `properties/accumulator.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.batch_processor.properties import accumulator
from components.batch_processor.properties.chronicle import chronicle
from components.batch_processor.properties.records import layout_of
from convexsim import Faults, Lockstep, MutationCtx, Platform, RandomWalk, Simulation, View, World, api, check
from tests.components.driver import Driver
from tests.components.invariants_support import FAILS, SMALL, UNTIMED, add, asked, broken, runs, said, write
from tests.components.support import config, put_batch, put_history, put_row, world


def delete_all(table: str) -> Callable[[MutationCtx], None]:
    def delete(ctx: MutationCtx) -> None:
        for row in ctx.db.query(table).collect():
            ctx.db.delete(row["_id"])

    return delete


def deliver(driver: Driver, *items: Any, callback: str = "processBatch") -> None:
    """Let a callback be called as an executor would."""
    driver.outcome(f"driver:{callback}", {"items": list(items)})


def stored(driver: Driver, *items: Any, **fields: Any) -> str:
    """Put items into an untimed batch ``a::0`` by hand."""
    which = put_batch(driver, "a::0", **{"config": config(flush_interval_ms=0), **fields})
    put_row(driver, which, list(items))
    return which


# --------------------------------------------------------------------------------------------------------- P1, P2


@pytest.mark.parametrize(
    ("number", "told"),
    [("P1", "'y' of a: neither stored nor acked"), ("P2", "'y': left storage before any delivery was acked")],
)
def test_p1_and_p2_an_item_that_is_gone_must_have_been_acked(number: str, told: str) -> None:
    with world(plan=("ok", FAILS)) as driver:
        stored(driver, "x", "y")
        before = driver.view
        deliver(driver, "x")
        deliver(driver, "y")
        assert said(number, before, driver.view) is None
        write(driver, delete_all("batchItems"))
        assert said(number, before, driver.view) == told
        deliver(driver, "y")
        assert said(number, before, driver.view) is None


def test_p1_an_answered_add_is_added_even_if_it_was_never_stored() -> None:
    with world() as driver:
        driver.host("addItems", batchId="a", items=["x"])
        assert said("P1", driver.view) is None
        write(driver, delete_all("batchItems"))
        assert said("P1", driver.view) == "'x' of a: neither stored nor acked"


def test_p1_counts_an_add_from_its_commit_on() -> None:
    def two_at_once(on: World) -> None:
        on.client("ann").mutation(api.driver.add_many, {"adds": [{"batchId": "a", "items": ["x", "y"]}]})

    view: View | None = Simulation(asked("1.0.5", two_at_once, "P1")).run().view
    counted = []
    while view is not None:
        counted.append((len(chronicle(layout_of("1.0.5"), view).added), len(view.answers("driver:addMany"))))
        view = view.before
    assert counted[::-1][:2] == [(0, 0), (2, 0)]


# --------------------------------------------------------------------------------------------------------- P3, P4


def test_p3_an_item_is_acked_once() -> None:
    with world(plan=(FAILS, "ok", "ok")) as driver:
        stored(driver, "x")
        for expected in (None, None, "'x': acked 2 times"):
            deliver(driver, "x")
            assert said("P3", driver.view) == expected


def test_p4_what_nobody_added_is_not_delivered() -> None:
    with world() as driver:
        stored(driver, "x")
        deliver(driver, "x")
        assert said("P4", driver.view) is None
        deliver(driver, "z")
        assert said("P4", driver.view) == "'z': delivered and never added"


def test_p4_items_go_to_the_callback_of_their_own_add() -> None:
    with world() as driver:
        stored(driver, "x")
        deliver(driver, "x", callback="alwaysFail")
        assert said("P4", driver.view) == "'x' was meant for processBatch and delivered to alwaysFail"


def test_p4_breaks_where_ids_are_cut_at_their_separator() -> None:
    def two_ids(on: World) -> None:
        add(on, "ann", "x", batch_id="a::x")
        add(on, "ann", "y", batch_id="a::y")

    assert runs(asked("1.0.9", two_ids, "P4")) == {"P4": "one delivery holds items of a::x and a::y"}


def test_p4_breaks_where_a_batch_has_one_callback_for_all() -> None:
    def two_callbacks(on: World) -> None:
        add(on, "ann", "x")
        add(on, "ann", "y", processBatch="function://;driver:alwaysFail", **SMALL)

    assert runs(asked("1.0.9", two_callbacks, "P4")) == {
        "P4": "'y' was meant for alwaysFail and delivered to processBatch"
    }


# --------------------------------------------------------------------------------------------------------- P5, P6


def test_p5_an_id_has_one_accumulating_batch() -> None:
    with world() as driver:
        put_batch(driver, "a::0", "flushing")
        put_batch(driver, "a::1")
        put_batch(driver, "b::0")
        assert said("P5", driver.view) is None
        put_batch(driver, "a::2")
        assert said("P5", driver.view) == "2 batches of a accumulate"


def test_p6_names_are_unique() -> None:
    with world() as driver:
        put_batch(driver, "a::0", "completed")
        put_batch(driver, "b::0")
        assert said("P6", driver.view) is None
        put_batch(driver, "a::0")
        assert said("P6", driver.view) == "2 batches are called a::0"


def test_p6_a_number_is_not_used_again_when_its_batch_is_gone() -> None:
    with world() as driver:
        put_batch(driver, "a::0", "completed")
        put_batch(driver, "a::1", "completed")
        moments = [driver.view]
        write(driver, delete_all("batches"))
        moments.append(driver.view)
        assert said("P6", *moments) is None
        put_batch(driver, "a::1")
        moments.append(driver.view)
        told = "the batch a::1 came with a sequence that is not above all before it"
        assert said("P6", *moments) == told


# ------------------------------------------------------------------------------------------------------------- P7


def test_p7_a_flushing_batch_has_an_executor() -> None:
    with world() as driver:
        stored(driver, "x")
        driver.lib("doFlushTransition", batchDocId=driver.rows("batches")[0]["_id"], force=True)
        assert said("P7", driver.view) is None
        (executor,) = driver.rows("_scheduled_functions")
        write(driver, lambda ctx: ctx.scheduler.cancel(executor["_id"]))
        assert said("P7", driver.view) == "a::0 is flushing and no executor is pending or running"


def test_p7_where_actions_die_a_batch_may_wait_for_a_lease() -> None:
    with world() as driver:
        stored(driver, "x", status="flushing")
        moments = [driver.view]
        driver.advance(31_000)
        moments.append(driver.view)
        assert said("P7", *moments, model="C") is None
        driver.advance(2)
        assert said("P7", *moments, driver.view, model="C") == "a::0 is flushing and no executor is pending or running"
        assert said("P7", *moments, driver.view, model="C", lease_ms=40_000) is None


def test_p7_a_cron_that_comes_later_is_no_executor_of_what_was_left() -> None:
    def three_items(on: World) -> None:
        add(on, "ann", 1, 2, 3)

    died = asked("0.1.0", three_items, "P7", model="C", faults=Faults(crashes=1))
    report = check(died, RandomWalk(runs=60, seed=1))
    assert report.finding is not None
    assert broken(report.finding.run) == {"P7": "a is flushing and no executor is pending or running"}
    assert runs(asked("0.1.0", lambda on: add(on, "ann", 1), "P7")) == {}


def test_p7_no_two_executors_wait_for_one_batch_and_none_for_one_that_is_not_flushing() -> None:
    with world() as driver:
        which = stored(driver, "x", status="flushing")
        args = {"batchDocId": which, "processBatchHandle": "function://;driver:processBatch"}

        def schedule(ctx: MutationCtx) -> None:
            ctx.scheduler.run_after(10, "lib:executeFlush", args)

        write(driver, schedule)
        assert said("P7", driver.view) is None
        write(driver, schedule)
        assert said("P7", driver.view) == "several executors are pending for a::0"
        write(driver, lambda ctx: ctx.db.patch(which, {"status": "completed"}))
        assert said("P7", driver.view) == "an executor is pending for a::0, not flushing"


@pytest.mark.parametrize("version", ["1.0.7", "1.0.9"])
def test_p7_a_timer_that_was_canceled_while_it_runs_delivers_all_the_same(version: str) -> None:
    tree = Platform(self_cancel="tree")
    assert runs(asked(version, lambda on: add(on, "ann", "x"), "P7", platform=tree, model="M")) == {}


# ------------------------------------------------------------------------------------------------------- P8 to P10


def test_p8_a_delivery_holds_a_threshold_less_one_and_the_largest_call() -> None:
    with world() as driver:
        which = stored(driver, 1, 2)
        put_row(driver, which, [3, 4])
        deliver(driver, 1, 2, 3, 4)
        assert said("P8", driver.view) is None
        put_row(driver, which, [5])
        deliver(driver, 1, 2, 3, 4, 5)
        assert said("P8", driver.view) == "a delivery of 5 items; at most 4 were allowed"


def test_p8_the_largest_call_may_have_come_under_another_id_of_the_batch() -> None:
    def two_ids(on: World) -> None:
        add(on, "ann", 1, batch_id="a::x")
        add(on, "ann", 2, batch_id="a::x")
        add(on, "ann", 3, 4)

    assert runs(asked("1.0.3", two_ids, "P8", config=UNTIMED)) == {}
    assert runs(asked("1.0.3", two_ids, "P4", config=UNTIMED)) == {"P4": "one delivery holds items of a and a::x"}


def test_p8_breaks_where_adds_are_not_counted() -> None:
    def thirty(on: World) -> None:
        for number in range(30):
            add(on, f"client{number}", number)

    assert runs(asked("1.0.6", thirty, "P8")) == {"P8": "a delivery of 30 items; at most 3 were allowed"}


def test_p8_without_any_size_judges_nothing() -> None:
    def thirty(on: World) -> None:
        for number in range(30):
            add(on, f"client{number}", number)

    assert runs(asked("1.0.9", thirty, "P8", config={"flushIntervalMs": 100})) == {}


def test_p9_an_add_during_a_flush_is_accepted() -> None:
    def during_a_flush(on: World) -> None:
        add(on, "ann", 1, 2, 3)
        add(on, "ann", 4)

    told = "ann.2 was refused: Batch a is not in accumulating state"
    assert runs(asked("0.2.0", during_a_flush, "P9")) == {"P9": told}
    assert runs(asked("1.0.3", during_a_flush, "P9")) == {}


def test_p9_what_was_asked_to_fail_may_fail() -> None:
    def fails(on: World) -> None:
        args = {"adds": [{"batchId": "a", "items": ["x"]}], "fail": "as planned"}
        on.client("ann").mutation(api.driver.add_many, args)

    assert runs(asked("1.0.3", fails)) == {}


def test_p10_history_tells_of_each_delivery() -> None:
    def fails_once(on: World) -> None:
        add(on, "ann", 1, 2, 3)

    assert runs(asked("1.0.3", fails_once, "P10", plan=[FAILS], model="U")) == {}
    with world() as driver:
        stored(driver, "x")
        deliver(driver, "x")
        told = "0 rows of history with 0 items tell of 1 deliveries with 1 acked items of a"
        assert said("P10", driver.view) == told
        put_history(driver, "a", 1)
        assert said("P10", driver.view) is None
        put_history(driver, "a", 1)
        assert said("P10", driver.view) == told.replace("0 rows", "2 rows").replace("0 items", "2 items")


def test_p10_no_success_tells_of_nothing() -> None:
    with world() as driver:
        row = {"batchId": "a", "itemCount": 0, "flushedAt": 0, "durationMs": 0, "success": True}
        write(driver, lambda ctx: ctx.db.insert("flushHistory", row))
        assert said("P10", driver.view) == "a row of history of a tells of 0 items"


def test_p10_breaks_where_two_flushes_deliver_the_same() -> None:
    with world(plan=("ok", "ok")) as driver:
        stored(driver, "x")
        put_history(driver, "a", 1)
        assert said("P10", driver.view) == "1 rows of history with 1 items tell of 0 deliveries with 0 acked items of a"


# ------------------------------------------------------------------------------------------------------ P11 to P13


def test_p11_what_accumulates_has_a_timer_that_it_names() -> None:
    with world() as driver:
        driver.host("addItems", batchId="a", items=["x"])
        (batch,) = driver.rows("batches")
        assert said("P11", driver.view) is None

        def start_another(ctx: MutationCtx) -> None:
            ctx.scheduler.run_after(500, "lib:scheduledIntervalFlush", {"batchDocId": batch["_id"]})

        write(driver, start_another)
        assert said("P11", driver.view) == "a::0 accumulates items and has 2 live timers"
        write(driver, lambda ctx: ctx.scheduler.cancel(batch["scheduledFlushId"]))
        assert said("P11", driver.view) == "a::0 does not name its timer"
        write(driver, delete_all("batchItems"))
        assert said("P11", driver.view) is None
        write(driver, lambda ctx: ctx.db.patch(batch["_id"], {"status": "completed"}))
        assert said("P11", driver.view) == "a timer is pending for a::0, completed"
        write(driver, delete_all("batches"))
        assert said("P11", driver.view) == "a timer is pending for a batch that is gone"


def test_p11_without_an_interval_there_is_no_timer() -> None:
    with world() as driver:
        which = stored(driver, "x")
        assert said("P11", driver.view) is None
        write(driver, lambda ctx: ctx.scheduler.run_after(9, "lib:scheduledIntervalFlush", {"batchDocId": which}))
        assert said("P11", driver.view) == "a timer is pending for a::0, accumulating"


def test_p11_a_forced_flush_is_no_timer() -> None:
    def force(on: World) -> None:
        add(on, "ann", "x")
        on.client("ann").mutation(api.driver.flush, {"batchId": "a"})

    assert runs(asked("1.0.7", force, "P11")) == {}


@pytest.mark.parametrize("version", ["0.2.0", "1.0.5", "1.0.9"])
def test_p11_a_timer_that_runs_is_live_until_its_batch_is_flushing(version: str) -> None:
    assert runs(asked(version, lambda on: add(on, "ann", "x"), "P11")) == {}


def test_p11_breaks_where_a_timer_dies() -> None:
    one = asked("1.0.3", lambda on: add(on, "ann", "x"), "P11", faults=Faults(crashes=1), model="C")
    report = check(one, RandomWalk(runs=100, seed=1))
    assert report.finding is not None
    assert broken(report.finding.run) == {"P11": "a::0 accumulates items and has 0 live timers"}


def test_p12_what_flush_answers_is_true() -> None:
    def force(on: World) -> None:
        add(on, "ann", "x")
        on.client("ann").mutation(api.driver.flush, {"batchId": "a"})

    assert runs(asked("1.0.3", force, "P12", config=UNTIMED)) == {}
    told = "ann.2 answered flushed: True, and 0 batches of a became flushing"
    assert runs(asked("1.0.5", force, "P12", config=UNTIMED)) == {"P12": told}


@pytest.mark.parametrize("items", [(1,), (1, 2, 3)])
def test_p12_what_an_add_answers_is_true(items: tuple[int, ...]) -> None:
    for version in ("0.2.0", "1.0.3", "1.0.4", "1.0.5", "1.0.9"):
        assert runs(asked(version, lambda on: add(on, "ann", *items), "P12")) == {}


def test_p12_sees_what_the_commit_of_an_add_made() -> None:
    run = Simulation(asked("1.0.3", lambda on: add(on, "ann", 1, 2, 3), "P1")).run()
    _, after = chronicle(layout_of("1.0.3"), run.view).commits["ann.1"]
    answer = {"flushed": False, "status": "accumulating"}
    with pytest.raises(AssertionError, match="answered flushed: False, accumulating; its items were flushing"):
        accumulator._judge_add("ann.1", after, {"items": [1]}, answer)


def test_p13_items_are_acked_in_the_order_of_their_adds() -> None:
    with world() as driver:
        which = stored(driver, "x")
        moments = [driver.view]
        put_row(driver, which, ["y"])
        moments.append(driver.view)
        deliver(driver, "y")
        assert said("P13", *moments, driver.view) is None
        deliver(driver, "x")
        assert said("P13", *moments, driver.view) == "of a 'y' was acked before 'x', which was added earlier"


def test_p13_breaks_where_a_failed_batch_waits_while_the_next_is_delivered() -> None:
    def while_it_flushes(on: World) -> None:
        add(on, "ann", 1, 2, 3)
        on.client("ann").wait(0)
        add(on, "ann", 4)
        add(on, "ann", 5, 6)

    report = check(asked("1.0.3", while_it_flushes, "P13", plan=[FAILS], model="U"), RandomWalk(runs=200, seed=1))
    assert report.finding is not None


def test_p2_and_p8_hold_for_adds_in_lockstep() -> None:
    def two(on: World) -> None:
        add(on, "ann", 1, 2)
        add(on, "bob", 3, 4)

    report = check(asked("1.0.3", two), Lockstep())
    assert report.finding is None
    assert check(asked("1.0.3", two, faults=Faults(crashes=1), model="C"), Lockstep()).finding is None
