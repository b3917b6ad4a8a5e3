"""State machines: any app is led on rule by rule, failures shrink to few rules, and models may be kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from convexsim import (
    Faults,
    MutationCtx,
    QueryCtx,
    UsageError,
    View,
    World,
    api,
    define_app,
    define_schema,
    define_table,
    mutation,
    query,
    scenario,
    v,
)
from convexsim.choices import FirstChoices, ListedChoices
from convexsim.testing.live import LiveWorld
from convexsim.testing.machine import SimulationMachine, WorldMachine, of_machine
from tests.testing.races import SHOP, failure, one_seat_is_sold

SETTINGS = settings(
    max_examples=200,
    stateful_step_count=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
)


def failure_of(machine: Any, **changed: Any) -> str:
    return failure(lambda: run_state_machine_as_test(machine, settings=settings(SETTINGS, **changed)))


def said_by(machine: Any, error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        run_state_machine_as_test(machine, settings=SETTINGS)
    return str(caught.value)


@scenario(app=SHOP, invariants=[one_seat_is_sold])
def shop(world: World) -> None:
    """Nobody is there yet."""


class Buyers(SimulationMachine):
    scenario = shop
    offers = (api.shop.book,)


def test_a_race_is_found_and_shrinks_to_few_calls_and_one_switch() -> None:
    said = failure_of(Buyers, stateful_step_count=5)
    assert said.startswith("one_seat_is_sold: sold to ['', '']\n\nms  who")
    assert said.count("switch at step") == 1
    done = said.partition("See it again:\n\n")[2].splitlines()
    calls = [line.strip() for line in done if ".call(" in line]
    callers = [who for who in ("alice", "bob") if any(f'call("{who}"' in call for call in calls)]
    assert callers == ["alice", "bob"]
    assert len(calls) <= 3
    scope: dict[str, Any] = {"LiveWorld": LiveWorld, "ListedChoices": ListedChoices, "shop": shop}
    exec("\n".join(done), scope)  # noqa: S102 - that it can be run is what is claimed
    assert [broken.invariant for broken in scope["world"].run.violations] == ["one_seat_is_sold"]


def test_its_rules_go_on_as_far_as_they_say() -> None:
    machine = Buyers()
    machine.begin(choices=FirstChoices())
    alice, bob = (machine.make(who, api.shop.book, {"who": who}) for who in ("alice", "bob"))
    with machine.world:
        machine.go_on(choices=1)
        assert (alice.outcome, bob.outcome) == (None, None)
        machine.rest()
        assert None not in (alice.outcome, bob.outcome)


def test_what_holds_passes() -> None:
    class Tellers(SimulationMachine):
        scenario = shop
        offers = (api.shop.is_free,)

    run_state_machine_as_test(Tellers, settings=settings(SETTINGS, max_examples=30))


class Tally:
    @mutation
    def add(ctx: MutationCtx) -> str:  # noqa: N805 - a module of functions
        return ctx.db.insert("rows", {})

    @mutation(args={"id": v.id("rows")})
    def remove(ctx: MutationCtx, id: str) -> None:  # noqa: A002, N805 - the name is data
        ctx.db.delete(id)

    @query
    def count(ctx: QueryCtx) -> int:  # noqa: N805
        return min(len(ctx.db.query("rows").collect()), 2)


@scenario(app=define_app({"tally": Tally}, define_schema({"rows": define_table({})})))
def tally(world: World) -> None:
    """Nobody is there yet."""


def test_own_rules_may_draw_from_the_world_and_hold_it_against_a_model() -> None:
    class Counting(WorldMachine):
        """A model counts the rows, and the function under test is wrong from three on."""

        scenario = tally

        def __init__(self) -> None:
            super().__init__()
            self.rows = 0

        @rule()
        def add(self) -> None:
            self.make("alice", api.tally.add)
            self.world.rest()
            self.rows += 1

        @rule(row=of_machine(lambda machine: st.sampled_from([None, *machine.view.documents("rows")])))
        def remove(self, row: dict[str, Any] | None) -> None:
            if row is not None:
                self.make("alice", api.tally.remove, {"id": row["_id"]})
                self.world.rest()
                self.rows -= 1

        @rule()
        def compare(self) -> None:
            counted = self.make("alice", api.tally.count)
            self.world.rest()
            assert counted.result == self.rows, f"counted {counted.result} of {self.rows}"

    assert failure_of(Counting, stateful_step_count=20).startswith("counted 2 of 3\n")


def test_faults_strike_where_the_scenario_allows_them() -> None:
    def nobody_is_cut_off(view: View) -> None:
        assert not view.faults, view.faults[0].how

    cautious = scenario(app=SHOP, invariants=[nobody_is_cut_off], faults=Faults(disconnects=2))(shop.body)

    class Cut(SimulationMachine):
        scenario = cautious
        offers = (api.shop.is_free,)

    said = failure_of(Cut)
    assert said.startswith("nobody_is_cut_off: request lost")
    assert said.count("fault at step") == 1
    assert said.count("world.call(") == 1


def test_a_rule_that_comes_first_may_say_which_scenario_it_is() -> None:
    class Chosen(SimulationMachine):
        @initialize(sold=st.integers(0, 2))
        def open(self, sold: int) -> None:
            @scenario(app=SHOP, invariants=[one_seat_is_sold])
            def opened(world: World) -> None:
                for number in range(sold):
                    world.client("early").mutation(api.shop.take, {"who": str(number)})

            self.scenario = opened

    assert failure_of(Chosen).startswith("one_seat_is_sold: sold to ['")


def test_a_machine_without_a_scenario_is_told_so() -> None:
    class Lost(SimulationMachine):
        """Has none."""

    assert "Lost has no scenario" in said_by(Lost, UsageError)
