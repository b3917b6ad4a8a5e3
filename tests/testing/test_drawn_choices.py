"""`choices` and `must_hold`: input, order, faults and time shrink together, to failures that are minimal in each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import pytest
from attrs import evolve
from hypothesis import given

from components.batch_processor import DELIVERIES, PLAN, host_app
from convexsim import Faults, Platform, Run, Scenario, Simulation, View, World, api, eventually, replay, scenario
from convexsim.choices import ListedChoices
from convexsim.explore.replay import encode
from convexsim.testing.must_hold import must_hold
from convexsim.testing.strategies import Offer, choices, workloads
from convexsim.testing.strategies.choices import DrawnChoices
from convexsim.testing.workload import Workload
from tests.testing.races import ALWAYS_THE_SAME, SHOP, failure, one_seat_is_sold


@scenario(app=SHOP, invariants=[one_seat_is_sold])
def buyers(world: World) -> None:
    for who in ("ann", "bob", "cid"):
        world.client(who).query(api.shop.is_free)
        world.client(who).action(api.shop.book, {"who": who})


@scenario(app=SHOP, invariants=[eventually(lambda _: False)])
def never(world: World) -> None:
    buyers.body(world)


class Seen:
    """Remembers the last run that a test has made, which in the end is the minimal one."""

    def __init__(self) -> None:
        self.workload = Workload()
        self.run: Any = None

    def must_hold(self, tested: Scenario, drawn: Any, workload: Workload | None = None) -> None:
        self.workload = workload or self.workload
        simulated = Simulation(tested, drawn).run()
        if simulated.violations:
            self.run = simulated
        must_hold(tested, ListedChoices(simulated.indexes))


# ----------------------------------------------------------------------------------------------------- choices


def test_each_stretch_is_drawn_when_the_run_gets_there_and_is_as_long_as_all_before_it() -> None:
    taken: list[int] = []
    begins: list[int] = []

    def first_two(_: object) -> list[tuple[int, int]]:
        begins.append(len(taken))
        return [(0, 0), (1, 5)]

    drawn = DrawnChoices(cast("Any", first_two))
    while len(taken) < 130:
        taken.append(drawn.choose("step", cast("Any", ["a", "b", "c"])))
    assert begins == [0, 16, 32, 64, 128]
    forced = {at: index for at, index in enumerate(taken) if index}
    assert forced == {begin + at: 1 + at for begin in begins for at in (0, 1)}


def test_drawn_choices_shrink_to_the_serial_run() -> None:
    seen = Seen()

    @ALWAYS_THE_SAME
    @given(choices())
    def test(drawn: Any) -> None:
        seen.must_hold(never, drawn)

    failure(test)
    assert not any(seen.run.indexes)
    assert len(seen.run.indexes) > 1


def test_a_race_shrinks_to_its_one_switch_and_says_how_to_replay_it() -> None:
    @ALWAYS_THE_SAME
    @given(choices())
    def test(drawn: Any) -> None:
        must_hold(buyers, drawn)

    said = failure(test)
    assert said.startswith("one_seat_is_sold: sold to ['bob', 'ann']\n\nms  who")
    assert said.count("switch at step") == 1
    assert '    ann.query("shop:isFree", {})\n    ann.action("shop:book", {' in said
    replayed = replay([buyers], said.rpartition("replay: ")[2])
    assert replayed.is_exact
    assert [broken.message for broken in replayed.run.violations] == ["sold to ['bob', 'ann']"]


@ALWAYS_THE_SAME
@given(choices())
def test_whatever_is_drawn_encodes_to_a_string_that_replays(drawn: Any) -> None:
    run = Simulation(buyers, drawn).run()
    again = replay([buyers], encode(run))
    assert again.is_exact
    assert again.run.indexes == run.indexes


def test_orders_faults_and_waits_are_all_drawn() -> None:
    taken: set[str] = set()
    faulty = buyers.variant("faulty", faults=Faults(crashes=1, disconnects=1, conflicts=1), random_values=3)

    @ALWAYS_THE_SAME
    @given(choices())
    def test(drawn: Any) -> None:
        taken.update(forced.kind for forced in Simulation(faulty, drawn, trace=False).run().record.forced)

    test()
    assert taken == {"step", "fault", "backoff"}


def test_what_holds_returns_its_run() -> None:
    run = must_hold(buyers)
    assert run.ending == "quiet"
    assert run.scenario is buyers


# ------------------------------------------------------------------------------------------- minimal in each


def drops(workload: Workload, run: Run, make: Any) -> Iterator[Run]:
    """Yield what becomes of a failure if one call is left out, or one forced choice."""
    for name, entries in workload.clients.items():
        for at in range(len(entries)):
            clients = {**workload.clients, name: (*entries[:at], *entries[at + 1 :])}
            yield Simulation(make(evolve(workload, clients=clients)), ListedChoices(run.indexes)).run()
    for at, index in enumerate(run.indexes):
        if index:
            zeroed = (*run.indexes[:at], 0, *run.indexes[at + 1 :])
            yield Simulation(run.scenario, ListedChoices(zeroed)).run()


def booking(workload: Workload) -> Scenario:
    @scenario(app=SHOP, invariants=[one_seat_is_sold])
    def booked(world: World) -> None:
        workload.write(world)

    return booked


@eventually
def items_are_delivered(view: View) -> None:
    delivered = [item for entry in view.external(DELIVERIES) for item in entry["items"]]
    added = [item for call in view.calls() if call.error is None for item in call.args.get("items", [])]
    assert sorted(delivered) == sorted(added), f"delivered {delivered} of {added}"


CONFIG = {"maxBatchSize": 5, "flushIntervalMs": 1_000}
ADD = Offer("driver:addItems", {"batchId": "a", "items": ["x"], "config": CONFIG})
TIMED = host_app("1.0.5", CONFIG)


def adding(workload: Workload, faults: Faults | None = None, self_cancel: Any = "tree") -> Scenario:
    platform = Platform(self_cancel=self_cancel)

    @scenario(app=TIMED, invariants=[items_are_delivered], platform=platform, faults=faults)
    def added(world: World) -> None:
        world.external(PLAN)
        world.external(DELIVERIES)
        workload.write(world)

    return added


@pytest.mark.parametrize(
    ("made", "make", "calls", "forced"),
    [
        (
            workloads(SHOP, api.shop.is_free, api.shop.book, clients=3),
            booking,
            ["alice: shop:book(who='')", "bob: shop:book(who='')"],
            ["step"],
        ),
        (workloads(TIMED, "driver:getBatchStatus", ADD, waits_ms=(0, 100)), adding, None, []),
        (
            workloads(TIMED, ADD, waits_ms=(0, 100)),
            lambda workload: adding(workload, Faults(crashes=2), "noop"),
            None,
            ["fault"],
        ),
    ],
    ids=["a lost update", "a timer that cancels itself", "an action that dies"],
)
def test_a_failure_is_minimal_in_its_calls_its_order_and_its_faults(
    made: Any, make: Any, calls: list[str] | None, forced: list[str]
) -> None:
    seen = Seen()

    @ALWAYS_THE_SAME
    @given(made, choices())
    def test(workload: Workload, drawn: Any) -> None:
        seen.must_hold(make(workload), drawn, workload)

    failure(test)
    shown = str(seen.workload).splitlines()
    if calls is None:
        assert len(shown) == 1
        assert shown[0].startswith("alice: driver:addItems(")
        assert shown[0].count("driver:") == 1
    else:
        assert shown == calls
    assert [each.kind for each in seen.run.record.forced] == forced
    assert all(not each.violations for each in drops(seen.workload, seen.run, make))


# ---------------------------------------------------------------------------------------------------- its report


def test_values_that_have_no_literal_are_spelled_so_that_they_can_be_read() -> None:
    @scenario(app=SHOP, invariants=[eventually(lambda _: False)])
    def odd(world: World) -> None:
        client = world.client("ann", kind="websocket")
        client.wait(1_500)
        client.mutation("shop:take", {"who": [math.nan, -math.inf, -0.0, "é"]})

    with pytest.raises(AssertionError) as caught:
        must_hold(odd)
    lines = """
    ann = world.client("ann", kind="websocket")
    ann.wait(1500)
    ann.mutation("shop:take", {'who': [float("nan"), float("-inf"), -0.0, 'é']})
replay: """
    assert lines in str(caught.value)
