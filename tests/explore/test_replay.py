"""Replay: a run comes back exactly; after a small edit of the code it is found again by its labels, or that is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from convexsim import (
    Bounded,
    FunctionDefinition,
    RandomWalk,
    Scenario,
    Simulation,
    UsageError,
    View,
    World,
    action,
    api,
    check,
    define_app,
    eventually,
    mutation,
    query,
    replay,
    scenario,
)
from convexsim.choices import RandomChoices
from convexsim.explore import replay as module
from convexsim.explore.replay import encode
from convexsim.explore.spelling import Mark, ReplayString, parse
from convexsim.trace.event import json_lines
from tests.explore.worlds import lost_update, proper_bumps, stormy, too_many


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("world", [lost_update, stormy], ids=lambda world: world.name)
def test_a_string_repeats_the_run_it_was_made_of_event_by_event(world: Scenario, level: int) -> None:
    for seed in range(10):
        run = Simulation(world, RandomChoices(seed), level=level).run()
        again = replay([proper_bumps, world], encode(run))
        assert again.is_exact
        assert again.drift == []
        assert again.string == encode(run)
        assert run.trace is not None
        assert again.run.trace is not None
        assert json_lines(again.run.trace) == json_lines(run.trace)
        assert [broken.message for broken in again.run.violations] == [broken.message for broken in run.violations]


def test_another_scenario_is_named_with_those_that_are_there() -> None:
    with pytest.raises(UsageError, match="'lost_update', which is not here") as refused:
        replay([proper_bumps, too_many], encode(Simulation(lost_update).run()))
    assert "proper_bumps, too_many" in str(refused.value)


def test_a_found_failure_of_one_switch_is_a_short_string() -> None:
    report = check(lost_update, RandomWalk(runs=100, seed=3))
    assert report.finding is not None
    assert len(report.finding.replay) < 45
    parsed = parse(report.finding.replay)
    assert (parsed.scenario, parsed.level, len(parsed.marks)) == ("lost_update", 2, 1)


# ----------------------------------------------------------------------------------------------- after a small edit


class Shop:
    """A shop with one seat, and what is edited in it."""

    @query
    def free(ctx: Any) -> Any:  # noqa: N805 - a function that the class collects
        return ctx.db.query("seats").first() is None

    @mutation
    def take(ctx: Any, name: str) -> None:  # noqa: N805
        ctx.db.insert("seats", {"name": name})

    @mutation
    def log(ctx: Any, name: str) -> None:  # noqa: N805
        ctx.db.insert("visits", {"name": name})

    @action
    async def buy(ctx: Any, name: str) -> None:  # noqa: N805
        if await ctx.run_query(api.shop.free):
            await ctx.run_mutation(api.shop.take, {"name": name})

    @action
    async def log_and_buy(ctx: Any, name: str) -> None:  # noqa: N805
        await ctx.run_mutation(api.shop.log, {"name": name})
        if await ctx.run_query(api.shop.free):
            await ctx.run_mutation(api.shop.take, {"name": name})

    @action
    async def rush(ctx: Any, name: str) -> None:  # noqa: N805
        await ctx.run_mutation(api.shop.take, {"name": name})


SHOP = {name: thing for name, thing in vars(Shop).items() if isinstance(thing, FunctionDefinition)}


@eventually
def one_seat_is_sold(view: View) -> bool:
    """The seat is sold once."""
    return len(view.documents("seats")) == 1


def selling(
    buy: str = "buy", clients: Sequence[str] = ("ann", "bob"), visitors: Sequence[str] = ("vic",), **functions: Any
) -> Scenario:
    """Return the same scenario over another edition of the shop, and with other clients."""

    @scenario(app=define_app({"shop": {**SHOP, "buy": SHOP[buy], **functions}}), invariants=[one_seat_is_sold])
    def sale(world: World) -> None:
        for name in visitors:
            world.client(name).mutation(api.shop.log, {"name": name})
        for name in clients:
            world.client(name).action(api.shop.buy, {"name": name})

    return sale


def recorded(level: int = 2) -> str:
    report = check(selling(), Bounded(), level=level)
    assert report.finding is not None
    assert report.finding.choices_after == 1
    return report.finding.replay


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize(
    "edited",
    [
        selling("log_and_buy"),
        selling(visitors=("vic", "wim", "xia")),
        selling(visitors=()),
        selling(clients=("ann", "bob", "cy"), visitors=()),
    ],
    ids=["a call before", "clients more", "a client less", "another one less, and one more"],
)
def test_a_string_is_found_again_after_a_small_edit(edited: Scenario, level: int) -> None:
    again = replay([edited], recorded(level))
    assert not again.is_exact
    assert again.breaks_the_same
    assert [broken.invariant for broken in again.run.violations] == ["one_seat_is_sold"]
    assert "the code has changed since the string was recorded; the same breaks" in again.drift[0]
    assert len(again.run.record.forced) == 1
    exactly = replay([edited], again.string)
    assert exactly.is_exact
    assert exactly.run.indexes == again.run.indexes


def test_what_has_moved_is_told_with_its_place_before_and_now() -> None:
    again = replay([selling(visitors=())], recorded())
    (moved,) = again.moved
    assert (moved.before, moved.now, moved.is_the_same) == (4, 2, True)
    assert moved.switch.what == "bob.1.1 begins shop:free before ann.1.2 begins shop:take"
    assert again.drift[1] == f"  moved: switch at step 17: {moved.switch.what} (choice 2, was 4)"


def test_another_step_of_the_same_two_is_told_as_such() -> None:
    again = replay([selling("log_and_buy")], recorded())
    (moved,) = again.moved
    assert not moved.is_the_same
    assert moved.switch.what == "bob.1.1 begins shop:log before ann.1.3 begins shop:take"
    assert again.drift[1].endswith(f"{moved.switch.what} (choice 6, was 4; not quite what it was)")


def test_a_string_from_before_two_edits_is_as_good_as_one_from_before_one() -> None:
    once = replay([selling(visitors=("vic", "wim"))], recorded())
    twice = replay([selling("log_and_buy", visitors=("vic", "wim"))], once.string)
    assert twice.breaks_the_same
    assert replay([selling()], twice.string).breaks_the_same


def test_the_search_for_what_a_string_means_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its many forced choices have many places each; the first of them that fit are as good as any."""
    runs = (Simulation(stormy, RandomChoices(seed)).run() for seed in range(50))
    run = next(run for run in runs if len(run.record.forced) > 4)
    monkeypatch.setattr(module, "MAX_ALIGNMENT_RUNS", 60)
    text = parse(encode(run))
    again = replay([stormy], str(ReplayString(text.scenario, text.level, text.marks, "vv", "0000")))
    assert (again.is_exact, again.breaks_the_same) == (False, False)
    assert again.run.indexes == run.indexes


def test_an_edit_elsewhere_that_moves_nothing_is_no_drift() -> None:
    renamed = selling(clients=("ann", "bob"), another=SHOP["rush"])
    assert replay([renamed], recorded()).is_exact


def test_where_the_choices_stand_and_the_run_goes_on_in_another_way_nothing_is_said_to_have_moved() -> None:
    again = replay([selling(clients=("ann", "bob", "cy"))], recorded())
    assert (again.is_exact, again.moved, len(again.drift)) == (False, (), 1)


def test_an_edit_that_mends_the_race_is_seen_to() -> None:
    @mutation
    def take(ctx: Any, name: str) -> None:
        if ctx.db.query("seats").first() is None:
            ctx.db.insert("seats", {"name": name})

    again = replay([selling(take=take)], recorded())
    assert again.run.violations == []
    assert not again.breaks_the_same
    assert "what broke then does not break any more" in again.drift[0]


def test_another_invariant_that_breaks_is_not_taken_for_the_same() -> None:
    @eventually
    def nobody_buys(view: View) -> bool:
        return not view.documents("seats")

    @scenario(app=define_app({"shop": SHOP}), invariants=[nobody_buys])
    def sale(world: World) -> None:
        for name in ("vic", "ann", "bob"):
            world.client(name).action(api.shop.buy, {"name": name})

    again = replay([sale], recorded())
    assert not again.breaks_the_same
    assert "something else breaks" in again.drift[0]


def test_a_choice_that_is_never_offered_is_an_error_that_says_where_it_was_expected() -> None:
    string = recorded()
    with pytest.raises(UsageError, match="is never offered any more") as stale:
        replay([selling(clients=("ann",))], string)
    assert stale.value.code == "StaleReplayString"
    (mark,) = parse(string).marks
    assert f"Forced choice 1 of 1 of the string, {mark}," in str(stale.value)
    assert "expected as choice 4, " in str(stale.value)


def test_what_is_offered_there_instead_is_told() -> None:
    with pytest.raises(UsageError, match=r"where there is now: .*begins shop:take; or .*begins shop:take\."):
        replay([selling("rush", clients=("ann", "cy", "di"))], recorded())


def test_of_several_places_the_nearest_is_taken() -> None:
    """Two buys of ann, one after the other: bob's look may come before either of her second steps."""

    @scenario(app=define_app({"shop": SHOP}), invariants=[one_seat_is_sold])
    def sale(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).action(api.shop.log_and_buy, {"name": name})
        world.client("ann").action(api.shop.rush, {"name": "ann"})

    run = Simulation(sale).run()
    for seed in range(20):
        run = Simulation(sale, RandomChoices(seed)).run()
        text = parse(encode(run))
        guessed = ReplayString(text.scenario, text.level, text.marks, text.verdict, "0000")
        again = replay([sale], str(guessed))
        assert again.run.indexes == run.indexes
        assert again.moved == ()


def test_the_label_decides_not_the_number_of_the_option() -> None:
    text = parse(recorded())
    (mark,) = text.marks
    other = ReplayString(text.scenario, text.level, (Mark(mark.gap, mark.index + 1, mark.label),), text.verdict, "0000")
    again = replay([selling()], str(other))
    assert [forced.index for forced in again.run.record.forced] == [mark.index]
    assert again.breaks_the_same
