"""`LiveWorld`: what a hand does comes between, and besides it is the very world that a simulation runs."""

from __future__ import annotations

import pytest

from convexsim import (
    ActionCtx,
    MutationCtx,
    Scenario,
    Simulation,
    UsageError,
    View,
    World,
    action,
    always,
    api,
    cron_schedule,
    define_app,
    define_schema,
    define_table,
    internal,
    internal_mutation,
    mutation,
    scenario,
    story,
    v,
)
from convexsim.choices import ListedChoices
from convexsim.testing.live import LiveWorld
from tests.testing.races import SHOP, Shop, one_seat_is_sold


@scenario(app=SHOP, invariants=[one_seat_is_sold])
def shop(world: World) -> None:
    """Nobody is there yet."""


@scenario(app=SHOP, invariants=[one_seat_is_sold])
def two_buyers(world: World) -> None:
    for who in ("ann", "bob"):
        world.client(who).action(api.shop.book, {"who": who})


def told(world: LiveWorld) -> str:
    assert world.run.trace is not None
    return story(world.run.trace)


@pytest.mark.parametrize("indexes", [(), (0, 1), (1, 1)])
def test_clients_that_all_call_at_once_do_what_they_do_in_a_simulation(indexes: tuple[int, ...]) -> None:
    run = Simulation(two_buyers, ListedChoices(indexes)).run()
    assert run.trace is not None
    with LiveWorld(shop, ListedChoices(indexes)) as called, LiveWorld(two_buyers, ListedChoices(indexes)) as written:
        for who in ("ann", "bob"):
            called.call(who, "action", api.shop.book, {"who": who})
        for world in (called, written):
            live = world.close()
            assert told(world) == story(run.trace)
            assert (live.indexes, live.violations, live.ending) == (run.indexes, run.violations, run.ending)


def test_calls_of_one_client_run_in_order_and_those_of_another_come_in_between() -> None:
    with LiveWorld(shop, ListedChoices((0, 1))) as world:
        first = world.call("ann", "action", api.shop.book, {"who": "ann"})
        second = world.call("ann", "query", api.shop.is_free)
        world.call("bob", "mutation", api.shop.take, {"who": "bob"})
        assert world.go_on(1)
        assert world.go_on(1)
        assert len(world.run.indexes) == 2
        assert (first.outcome, second.outcome) == (None, None)
        world.rest()
        assert second.result is False
        assert [seat["who"] for seat in world.view.documents("seats")] == ["bob", "ann"]


def test_a_client_may_call_again_after_it_has_come_to_rest() -> None:
    with LiveWorld(two_buyers) as world:
        world.rest()
        again = world.call("ann", "query", api.shop.is_free)
        assert again.activity == "ann.2"
        world.rest()
        assert again.result is False


class Bell:
    @mutation(args={"ms": v.number()})
    def ring_in(ctx: MutationCtx, ms: float) -> None:  # noqa: N805 - a module of functions
        ctx.scheduler.run_after(ms, internal.bell.ring, {})

    @internal_mutation
    def ring(ctx: MutationCtx) -> None:  # noqa: N805
        ctx.db.insert("rings", {"at": ctx.now()})


BELL = define_app({"bell": Bell}, define_schema({"rings": define_table({"at": v.number()})}))


def test_time_stands_still_unless_it_is_let_pass() -> None:
    @scenario(app=BELL)
    def bell(world: World) -> None:
        world.client("ann").mutation(api.bell.ring_in, {"ms": 1_000})

    with LiveWorld(bell) as world:
        assert not world.go_on(50)
        assert world.now == 0
        world.wait(999)
        assert (world.now, world.view.documents("rings")) == (999, [])
        world.wait(1)
        assert (world.now, world.view.documents("rings")) == (1_000, [])  # it is due, and may be raced
        world.go_on(50)
        assert [ring["at"] for ring in world.view.documents("rings")] == [1_000]
        world.call("bob", "mutation", api.bell.ring_in, {"ms": 3_000})
        world.rest()
        assert world.now == 4_000
        world.call("bob", "mutation", api.bell.ring_in, {"ms": 3_000})
        assert not world.go_on(50)
        assert world.now == 4_000  # also after a rest


def test_a_world_with_crons_rests_at_its_end() -> None:
    crons = cron_schedule()
    crons.interval("ring", {"seconds": 10}, internal.bell.ring)
    app = define_app({"bell": Bell}, define_schema({"rings": define_table({"at": v.number()})}), crons=crons)

    @scenario(app=app, until_ms=35_000)
    def ringing(world: World) -> None:
        """Nobody is there."""

    with LiveWorld(ringing) as world:
        world.wait(15_000)
        some = len(world.view.documents("rings"))
        world.wait(60_000)
        assert world.now == 35_000
        assert 0 < some < len(world.view.documents("rings")) <= 4
        assert world.close().ending == "quiet"


def test_what_must_always_hold_is_asked_on_the_way_and_ends_it() -> None:
    @always
    def nothing_is_sold(view: View) -> bool:
        return not view.documents("seats")

    @scenario(app=SHOP, invariants=[nothing_is_sold])
    def closed_shop(world: World) -> None:
        """Nobody is there yet."""

    with LiveWorld(closed_shop) as world:
        world.call("ann", "mutation", api.shop.take, {"who": "ann"})
        world.call("bob", "mutation", api.shop.take, {"who": "bob"})
        assert not world.go_on(50)
        assert [broken.invariant for broken in world.run.violations] == ["nothing_is_sold"]
        assert len(world.view.documents("seats")) == 1
        assert world.close().ending == "broken"


class Loop:
    @action
    async def spin(ctx: ActionCtx) -> None:  # noqa: N805
        while True:
            await ctx.sleep(1)


def test_what_never_ends_is_stopped_and_broken() -> None:
    @scenario(app=define_app({"loop": Loop}))
    def spinning(world: World) -> None:
        world.client("ann").action(api.loop.spin)

    with LiveWorld(spinning.variant("spinning", max_steps=50)) as world:
        run = world.close()
    assert (run.ending, [broken.invariant for broken in run.violations]) == ("max_steps", ["ends"])


def test_what_was_done_is_told_as_a_program_that_does_it_again() -> None:
    with LiveWorld(shop, ListedChoices((0, 1))) as world:
        world.call("ann", "action", api.shop.book, {"who": "ann"})
        world.call("bob", "action", "shop:book", {"who": "bob"})
        world.go_on(1)
        world.wait(500)
        world.rest()
        world.close()
    assert world.code.splitlines() == [
        "with LiveWorld(shop, ListedChoices([0, 1]), level=2) as world:",
        '    world.call("ann", "action", "shop:book", {\'who\': \'ann\'})',
        '    world.call("bob", "action", "shop:book", {\'who\': \'bob\'})',
        "    world.go_on(1)",
        "    world.wait(500)",
        "    world.rest()",
        "    world.close()",
    ]
    scope = {"LiveWorld": LiveWorld, "ListedChoices": ListedChoices, "shop": shop}
    exec(world.code, scope)  # noqa: S102 - that it can be run is what is claimed
    again = scope["world"]
    assert isinstance(again, LiveWorld)
    assert again.run.violations == world.run.violations != []
    assert told(again) == told(world)


def test_a_call_of_what_is_not_there_is_refused_where_it_is_made() -> None:
    with LiveWorld(shop) as world, pytest.raises(UsageError, match="cannot call that"):
        world.call("ann", "query", "shop:isfree")


def test_only_scenarios_can_be_led_on() -> None:
    nothing: Scenario = Shop  # type: ignore[assignment]
    with pytest.raises(UsageError, match="is no scenario"):
        LiveWorld(nothing)
