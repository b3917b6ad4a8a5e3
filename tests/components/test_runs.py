"""Whole runs, version beside version: by what time items arrive, and which races of properties.md 4 a version has."""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import DELIVERIES, PLAN, host_app
from convexsim import Faults, Lockstep, RandomWalk, Run, Scenario, Simulation, World, api, check, eventually, scenario
from convexsim import View as Seen

VERSIONS = ("0.1.0", "0.2.0", "1.0.3", "1.0.4", "1.0.5", "1.0.6", "1.0.7", "1.0.9")
COMPONENT = "batchProcessor"


def add(world: World, client: str, *items: Any) -> None:
    world.client(client).mutation(api.driver.add_items, {"batchId": "a", "items": list(items)})


def run(what: Scenario) -> Run:
    result = Simulation(what).run()
    assert result.ending == "quiet"
    assert not result.violations
    return result


def deliveries(result: Run) -> list[tuple[float, list[Any]]]:
    return [(entry["t"], entry["items"]) for entry in result.view.external(DELIVERIES)]


def statuses(result: Run) -> list[str]:
    return [row["status"] for row in result.view.documents("batches", COMPONENT)]


def scheduled(result: Run) -> list[tuple[str, str]]:
    rows = result.view.scheduled_functions(COMPONENT)
    return [(row["name"].partition(":")[2], row["state"]["kind"]) for row in rows]


def one_item(version: str, interval: float = 1_000, *plan: Any) -> Scenario:
    """One item, below the threshold: only time flushes it."""

    @scenario(app=host_app(version, {"maxBatchSize": 3, "flushIntervalMs": interval}), until_ms=70_000)
    def below_the_threshold(world: World) -> None:
        world.external(PLAN, plan)
        world.external(DELIVERIES)
        add(world, "alice", "x")

    return below_the_threshold


# ------------------------------------------------------------------------------------------------- by what time


@pytest.mark.parametrize(("version", "expected"), [("0.1.0", 30_000), *((version, 1_000) for version in VERSIONS[1:])])
def test_an_item_below_the_threshold_is_delivered_by_the_timer_in_0_1_0_by_the_cron(
    version: str, expected: float
) -> None:
    result = run(one_item(version))
    assert deliveries(result) == [(expected, ["x"])]
    assert statuses(result) == ["completed"]


def test_what_fails_comes_again_with_the_next_run_of_the_cron() -> None:
    assert deliveries(run(one_item("0.1.0", 1_000, {"fail": "no"}))) == [(30_000, ["x"]), (60_000, ["x"])]


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_what_fails_comes_again_after_the_interval(version: str) -> None:
    assert deliveries(run(one_item(version, 1_000, {"fail": "no"}))) == [(1_000, ["x"]), (2_000, ["x"])]


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_an_interval_of_0_is_never(version: str) -> None:
    assert deliveries(run(one_item(version, 0))) == []


def test_in_0_1_0_an_interval_of_0_is_the_next_run_of_the_cron() -> None:
    ((at, items),) = deliveries(run(one_item("0.1.0", 0)))
    assert (at % 30_000, items) == (0, ["x"])


@pytest.mark.parametrize("version", VERSIONS)
def test_at_the_threshold_nothing_waits(version: str) -> None:
    @scenario(app=host_app(version), until_ms=5_000)
    def three_items(world: World) -> None:
        world.external(PLAN)
        world.external(DELIVERIES)
        add(world, "alice", 1, 2, 3)

    assert deliveries(run(three_items)) == [(0, [1, 2, 3])]


# --------------------------------------------------------------------------------------------------- R1 and R2: tree


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "1.0.3", "1.0.4", "1.0.7", "1.0.9"])
def test_r1_is_not_in_the_versions_whose_timer_delivers_by_itself(version: str) -> None:
    result = run(one_item(version).variant("tree", self_cancel="tree"))
    assert [items for _, items in deliveries(result)] == [["x"]]
    assert statuses(result) == ["completed"]


@pytest.mark.parametrize("version", ["1.0.5", "1.0.6"])
def test_r1_the_timer_cancels_its_own_flush(version: str) -> None:
    result = run(one_item(version).variant("tree", self_cancel="tree"))
    assert (deliveries(result), statuses(result)) == ([], ["flushing"])
    assert scheduled(result) == [("scheduledIntervalFlush", "canceled"), ("executeFlush", "canceled")]


@pytest.mark.parametrize("version", ["1.0.7", "1.0.9"])
def test_r2_the_retry_timer_is_born_canceled(version: str) -> None:
    result = run(one_item(version, 1_000, {"fail": "no"}).variant("tree", self_cancel="tree"))
    assert (deliveries(result), statuses(result)) == ([(1_000, ["x"])], ["accumulating"])
    assert scheduled(result) == [("maybeFlush", "canceled"), ("maybeFlush", "canceled")]


@pytest.mark.parametrize("version", ["0.2.0", "1.0.3", "1.0.4"])
def test_r2_is_not_in_the_versions_whose_timer_is_not_canceled_by_itself(version: str) -> None:
    result = run(one_item(version, 1_000, {"fail": "no"}).variant("tree", self_cancel="tree"))
    assert deliveries(result) == [(1_000, ["x"]), (2_000, ["x"])]


# --------------------------------------------------------------------------------------- R3: the action that dies


@pytest.mark.parametrize("version", VERSIONS)
def test_r3_an_action_that_dies_leaves_its_batch_flushing(version: str) -> None:
    @eventually
    def nothing_is_stuck(view: Seen) -> bool:
        return all(row["status"] != "flushing" for row in view.documents("batches", COMPONENT))

    @scenario(app=host_app(version), invariants=[nothing_is_stuck], faults=Faults(crashes=1), until_ms=40_000)
    def three_items(world: World) -> None:
        world.external(PLAN)
        world.external(DELIVERIES)
        add(world, "alice", 1, 2, 3)

    report = check(three_items, RandomWalk(runs=100, seed=1))
    assert report.finding is not None
    assert statuses(report.finding.run) == ["flushing"]


# ------------------------------------------------------------------------------------------------- R4: the hot batch


@pytest.mark.parametrize(
    ("version", "accepted"), [*((one, 5) for one in VERSIONS[:5]), *((one, 20) for one in VERSIONS[5:])]
)
def test_r4_of_twenty_adds_in_lockstep_five_succeed_until_adds_no_longer_count(version: str, accepted: int) -> None:
    outcomes: list[bool] = []

    @eventually
    def counted(view: Seen) -> None:
        outcomes.extend(call.error is None for call in view.calls())

    app = host_app(version, {"maxBatchSize": 1_000, "flushIntervalMs": 0})

    @scenario(app=app, invariants=[counted], until_ms=20_000)
    def twenty_adds(world: World) -> None:
        world.external(PLAN)
        world.external(DELIVERIES)
        for number in range(20):
            add(world, f"client-{number}", number)

    check(twenty_adds, Lockstep())
    assert (outcomes.count(True), outcomes.count(False)) == (accepted, 20 - accepted)


# -------------------------------------------------------------------------------- R5: an add during a flush that fails


def an_add_during_a_failing_flush(version: str) -> Scenario:
    @eventually
    def never_two(view: Seen) -> bool:
        return len(view.documents("batches", COMPONENT)) < 2

    app = host_app(version, {"maxBatchSize": 3, "flushIntervalMs": 0})

    @scenario(app=app, invariants=[never_two], until_ms=20_000)
    def two_batches(world: World) -> None:
        world.external(PLAN, [{"fail": "no"}])
        world.external(DELIVERIES)
        add(world, "alice", 1, 2, 3)
        world.client("bob").wait(0)
        add(world, "bob", 4)

    return two_batches


@pytest.mark.parametrize("version", VERSIONS[2:])
def test_r5_an_add_during_a_flush_that_fails_leaves_two_accumulating_batches(version: str) -> None:
    report = check(an_add_during_a_failing_flush(version))
    assert report.finding is not None
    assert statuses(report.finding.run) == ["accumulating", "accumulating"]


@pytest.mark.parametrize("version", VERSIONS[:2])
def test_in_0_x_such_an_add_is_refused_instead(version: str) -> None:
    assert check(an_add_during_a_failing_flush(version), RandomWalk(runs=30, seed=1)).finding is None


# ------------------------------------------------------------------------------------------- R7: a clock that is ahead


def an_add_on_a_fast_node(version: str) -> Scenario:
    """Nothing is wrong but the clock: each callback succeeds, each add is answered."""

    @eventually
    def stored_or_delivered(view: Seen) -> bool:
        delivered = [item for entry in view.external(DELIVERIES) for item in entry["items"]]
        stored = [item for row in view.documents("batchItems", COMPONENT) for item in row["items"]]
        return sorted(delivered + stored) == [1, 2, 3, 4]

    app = host_app(version, {"maxBatchSize": 2, "flushIntervalMs": 0})

    @scenario(app=app, invariants=[stored_or_delivered], faults=Faults(skewed=1, skews_ms=[5_000]))
    def two_batches(world: World) -> None:
        world.external(PLAN)
        world.external(DELIVERIES)
        add(world, "alice", 1)
        add(world, "alice", 2)
        world.client("alice").wait(1)
        add(world, "alice", 3, 4)

    return two_batches


def test_r7_in_1_0_4_an_item_of_a_fast_node_survives_its_batch_and_is_then_deleted() -> None:
    report = check(an_add_on_a_fast_node("1.0.4"), RandomWalk(runs=200, seed=1))
    assert report.finding is not None
    lost = report.finding.run
    assert statuses(lost) == ["completed"]
    assert lost.view.documents("batchItems", COMPONENT) == []
    assert deliveries(lost) == [(0, [2]), (1, [3, 4])]


@pytest.mark.parametrize("version", VERSIONS[4:])
def test_r7_is_not_in_the_versions_that_go_on_with_what_is_left(version: str) -> None:
    assert check(an_add_on_a_fast_node(version), RandomWalk(runs=100, seed=1)).finding is None
