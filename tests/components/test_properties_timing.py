"""P14 to P19, each seen to break, and to hold next to where it breaks; what is judged: `properties/timing.py`."""

from __future__ import annotations

import pytest

from components.batch_processor.properties.ledger import is_at_rest
from convexsim import Faults, Lockstep, MutationCtx, Platform, RandomWalk, Simulation, Starving, World, check
from convexsim.choices import ListedChoices
from tests.components.invariants_support import FAILS, UNTIMED, add, asked, broken, runs, said, write
from tests.components.support import config, put_batch, put_row, world


def one_item(on: World) -> None:
    add(on, "ann", "x")


def three_items(on: World) -> None:
    add(on, "ann", 1, 2, 3)


def one_by_one(on: World) -> None:
    for number in (1, 2, 3):
        add(on, "ann", number)


# ------------------------------------------------------------------------------------------------------------ P14


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "1.0.9"])
def test_p14_an_item_is_delivered_within_the_interval(version: str) -> None:
    assert runs(asked(version, one_item, "P14")) == {}


def test_p14_allows_a_moment_and_no_more() -> None:
    with world() as driver:
        put_row(driver, put_batch(driver, "a::0"), ["x"])
        moments = [driver.view]
        assert said("P14", *moments) == "'x' of a was never delivered; at most 2000 ms were allowed"
        write(driver, lambda ctx: ctx.scheduler.run_after(90_000, "lib:maybeFlush", {"batchDocId": "-"}))
        for ms, expected in ((2_000, None), (1, "'x' of a waited for 2001 ms; at most 2000 ms were allowed")):
            driver.advance(ms)
            moments.append(driver.view)
            assert said("P14", *moments) == expected


def test_p14_in_0_1_0_breaks_while_adds_keep_coming() -> None:
    def ever_again(on: World) -> None:
        for number in range(8):
            add(on, "ann", number, maxBatchSize=100, flushIntervalMs=25_000)
            on.client("ann").wait(10_000)

    found = runs(asked("0.1.0", ever_again, "P14", until_ms=120_000))
    assert "0 of a waited for" in found["P14"]


def test_p14_each_failed_delivery_allows_one_interval_more() -> None:
    assert runs(asked("1.0.9", one_item, "P14", plan=[FAILS], model="U")) == {}


def test_p14_a_failure_of_the_id_is_waited_for_once_more() -> None:
    with world(plan=(FAILS,)) as driver:
        put_row(driver, put_batch(driver, "a::0"), ["x", "y"])
        write(driver, lambda ctx: ctx.scheduler.run_after(90_000, "lib:maybeFlush", {"batchDocId": "-"}))
        moments = [driver.view]
        driver.outcome("driver:processBatch", {"items": ["x"]})
        for ms, expected in ((3_000, None), (1, "'y' of a waited for 3001 ms; at most 3000 ms were allowed")):
            driver.advance(ms)
            moments.append(driver.view)
            assert said("P14", *moments, model="U") == expected


def test_p14_r2_the_item_that_joins_a_batch_without_timer_waits_for_ever() -> None:
    def joins(on: World) -> None:
        add(on, "ann", "x")
        on.client("ann").wait(1_500)
        add(on, "ann", "y")

    tree = asked("1.0.9", joins, "P14", plan=[FAILS], model="UM", platform=Platform(self_cancel="tree"))
    assert runs(tree) == {"P14": "'y' of a was never delivered; at most 2000 ms were allowed"}


def test_p14_without_an_interval_an_item_may_wait() -> None:
    assert runs(asked("1.0.9", one_item, "P14", "P17", config=UNTIMED)) == {}


# ------------------------------------------------------------------------------------------------------------ P15


def test_p15_a_threshold_of_items_is_flushed() -> None:
    assert runs(asked("1.0.5", one_by_one, "P15", config=UNTIMED)) == {}
    told = "a::0 held its threshold of items for ever without a flush"
    assert runs(asked("1.0.6", one_by_one, "P15", config=UNTIMED)) == {"P15": told}


def test_p15_before_the_timer_comes_is_too_late() -> None:
    assert runs(asked("1.0.6", one_by_one, "P15")) == {}
    told = "a::0 held its threshold of items for 1000 ms without a flush"
    assert runs(asked("1.0.6", one_by_one, "P15", terms={"epsilon_ms": 999})) == {"P15": told}


def test_p15_a_threshold_does_not_wait_for_a_cron() -> None:
    told = "a held its threshold of items for 30000 ms without a flush"
    assert runs(asked("0.1.0", three_items, "P15", plan=[FAILS], model="U")) == {"P15": told}
    assert runs(asked("0.1.0", three_items, "P15")) == {}


# ------------------------------------------------------------------------------------------------------- P16, P17


def test_p16_r1_a_batch_whose_executor_was_born_canceled_flushes_for_ever() -> None:
    tree = Platform(self_cancel="tree")
    assert runs(asked("1.0.5", one_item, "P16", "P17", model="M", platform=tree)) == {
        "P16": "a::0 was flushing for ever",
        "P17": "1 items are left behind in a::0, flushing",
    }
    assert runs(asked("1.0.4", one_item, "P16", "P17", model="M", platform=tree)) == {}


def test_p16_a_batch_that_nothing_looks_after_is_stuck_also_where_a_cron_goes_on_and_finds_nothing() -> None:
    what = asked("0.1.0", three_items, "P16", "P17", model="C", faults=Faults(crashes=1))
    report = check(what, RandomWalk(runs=100, seed=1))
    assert report.finding is not None
    assert broken(report.finding.run) == {
        "P16": "a was flushing for ever",
        "P17": "3 items are left behind in a, flushing",
    }


def test_a_world_with_a_cron_does_not_rest_before_the_cron_has_come_twice_and_the_interval_has_passed() -> None:
    for until_ms, rests in ((119_000, False), (121_000, True)):
        run = Simulation(asked("0.1.0", one_item, "P17", until_ms=until_ms)).run()
        assert [row["flushedAt"] for row in run.view.documents("flushHistory", "batchProcessor")] == [30_000]
        assert is_at_rest(run.view) == rests


def test_p16_an_executor_may_take_as_long_as_an_action_may_run() -> None:
    with world() as driver:
        which = put_batch(driver, "a::0", "flushing")

        def later(ctx: MutationCtx) -> None:
            args = {"batchDocId": which, "processBatchHandle": "function://;driver:processBatch"}
            ctx.scheduler.run_after(2_400_000, "lib:executeFlush", args)

        write(driver, later)
        moments = [driver.view]
        driver.advance(1_801_000)
        assert said("P16", *moments, driver.view) is None
        driver.advance(1)
        assert said("P16", *moments, driver.view) == "a::0 was flushing for 1.801e+06 ms"
        assert said("P16", *moments, driver.view, model="C") is None


@pytest.mark.parametrize(
    ("status", "items", "interval_ms", "expected"),
    [
        ("accumulating", ["x"], 0, None),
        ("accumulating", ["x"], 1_000, "1 items are left behind in a::0, accumulating"),
        ("accumulating", [1, 2, 3], 0, "3 items are left behind in a::0, accumulating"),
        ("flushing", ["x"], 0, "1 items are left behind in a::0, flushing"),
        ("completed", ["x"], 0, "1 items are left behind in a::0, completed"),
        ("accumulating", [], 1_000, None),
    ],
)
def test_p17_at_rest_nothing_is_left_that_should_have_been_flushed(
    status: str, items: list[object], interval_ms: float, expected: str | None
) -> None:
    with world() as driver:
        which = put_batch(driver, "a::0", status, config=config(flush_interval_ms=interval_ms))
        put_row(driver, which, items)
        assert said("P17", driver.view) == expected
        write(driver, lambda ctx: ctx.scheduler.run_after(9, "lib:maybeFlush", {"batchDocId": which}))
        assert said("P17", driver.view) is None


# ------------------------------------------------------------------------------------------------------- P18, P19


def test_p18_a_transition_that_adds_keep_from_its_commit_gives_up() -> None:
    def adds_without_end(on: World) -> None:
        add(on, "ann", 1, 2, 3)
        for client in range(6):
            for number in range(10):
                add(on, f"client{client}", f"{client}.{number}")

    found = check(asked("1.0.6", adds_without_end, "P18", config=UNTIMED), RandomWalk(runs=40, seed=1), simplify=False)
    assert found.finding is not None
    assert "doFlushTransition, gave up" in broken(found.finding.run)["P18"]
    assert runs(asked("1.0.6", adds_without_end, "P18", config=UNTIMED)) == {}


def twenty_adds(on: World) -> None:
    for number in range(20):
        add(on, f"client{number}", number)


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "1.0.3", "1.0.4", "1.0.5"])
def test_p19_r4_of_twenty_adds_in_lockstep_some_give_up(version: str) -> None:
    calm = {"maxBatchSize": 1_000, "flushIntervalMs": 0}
    report = check(asked(version, twenty_adds, "P19", config=calm, until_ms=20_000), Lockstep(), simplify=False)
    assert report.finding is not None
    assert broken(report.finding.run)["P19"].endswith(".1 gave up")


@pytest.mark.parametrize("version", ["1.0.6", "1.0.7", "1.0.9"])
def test_p19_adds_that_do_not_count_all_succeed(version: str) -> None:
    calm = {"maxBatchSize": 1_000, "flushIntervalMs": 0}
    assert check(asked(version, twenty_adds, "P19", config=calm), Lockstep()).finding is None


FULL = {"maxBatchSize": 10, "flushIntervalMs": 5_000}


def two_full_ones_and_a_third(on: World) -> None:
    for client in ("ann", "bob"):
        add(on, client, *(f"{client}{number}" for number in range(10)))
    add(on, "eve")


@pytest.mark.parametrize("version", ["1.0.6", "1.0.9"])
def test_p19_an_add_that_loses_to_adds_and_to_their_flushes_gives_up_and_r4_is_of_adds_alone(version: str) -> None:
    found = check(asked(version, two_full_ones_and_a_third, "P19", config=FULL), Starving(runs=400), simplify=False)
    assert found.finding is not None
    run = found.finding.run
    assert broken(run) == {"P19": "eve.1 gave up"}
    both = asked(version, two_full_ones_and_a_third, "P19", "R4", config=FULL)
    again = Simulation(both, ListedChoices(run.indexes)).run()
    assert broken(again) == {"P19": "eve.1 gave up"}


def test_r4_adds_that_lose_to_adds_alone_give_up() -> None:
    calm = {"maxBatchSize": 1_000, "flushIntervalMs": 0}
    report = check(asked("1.0.5", twenty_adds, "R4", config=calm), Lockstep(), simplify=False)
    assert report.finding is not None
    assert broken(report.finding.run)["R4"].endswith("gave up, and all that there was were adds")
