"""Random numbers as choices (`Platform.random_values`; convex-semantics 1.4): which there are, and who chooses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    Bounded,
    Certificate,
    Dpor,
    Exhaustive,
    LockstepChoices,
    MutationCtx,
    Platform,
    QueryCtx,
    RandomWalk,
    Report,
    Scenario,
    Simulation,
    UsageError,
    View,
    World,
    action,
    api,
    certify,
    check,
    define_app,
    eventually,
    mutation,
    query,
    scenario,
    verify,
)
from convexsim.explore.block import Block, Plan, explore_block
from convexsim.explore.campaign import Campaign, Goal
from convexsim.explore.explorer import Explorer
from convexsim.explore.replay import replay
from convexsim.simulation import memory_for
from convexsim.trace.event import Conflicted
from tests.support import events_of

HIGHEST = 1 - 2.0**-53


class Lots:
    @mutation
    def draw(ctx: MutationCtx) -> Any:  # noqa: N805 - a function that the class only collects
        number = ctx.random()
        ctx.db.insert("draws", {"number": number})
        return number

    @query
    def count(ctx: QueryCtx) -> int:  # noqa: N805
        return len(ctx.db.query("draws").collect())

    @mutation
    def draw_nested(ctx: MutationCtx) -> Any:  # noqa: N805
        return [ctx.random(), ctx.run_mutation(api.m.draw)]

    @query
    def draw_only(ctx: QueryCtx) -> float:  # noqa: N805
        return ctx.random()

    @mutation
    def draw_aside(ctx: MutationCtx) -> Any:  # noqa: N805
        return ctx.run_query(api.m.draw_only, {}, use_stale_snapshot=True)

    @action
    async def draw_in_action(ctx: ActionCtx) -> float:  # noqa: N805
        return ctx.random()

    @mutation
    def sweep(ctx: MutationCtx) -> None:  # noqa: N805
        """Delete everything, once in a thousand times."""
        if ctx.random() < 0.001:
            for row in ctx.db.query("draws").collect():
                ctx.db.delete(row["_id"])


APP = define_app({"m": Lots})


def calling(path: Any, random_values: int, kind: str = "mutation") -> Scenario:
    @scenario(app=APP, platform=Platform(random_values=random_values))
    def drawing(world: World) -> None:
        getattr(world.client("ann"), kind)(path)

    return drawing


def results_of(world: Scenario, explorer: Explorer, level: int = 2) -> list[Any]:
    results, last = [], None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(world, choices, level=level).run()
        results.append(last.calls[0].result)
    assert explorer.exhausted
    return results


OWN = Simulation(calling(api.m.draw, 1)).run().calls[0].result


@pytest.mark.parametrize(
    ("random_values", "expected"),
    [(1, [OWN]), (2, [OWN, 0]), (3, [OWN, 0, HIGHEST]), (5, [OWN, 0, 1 / 3, 2 / 3, HIGHEST])],
)
@pytest.mark.parametrize("explorer", [Exhaustive(), Dpor()])
def test_a_draw_comes_out_as_each_of_its_numbers(random_values: int, expected: list[float], explorer: Any) -> None:
    assert results_of(calling(api.m.draw, random_values), explorer) == expected


def test_each_draw_of_a_call_is_a_choice_of_its_own() -> None:
    results = results_of(calling(api.m.draw_nested, 3), Exhaustive())
    firsts, seconds = {first for first, _ in results}, {second for _, second in results}
    assert len(results) == len(firsts) * len(seconds) == 9
    assert {0, HIGHEST} <= firsts & seconds


def test_an_action_draws_too() -> None:
    @scenario(app=APP, platform=Platform(random_values=3))
    def acting(world: World) -> None:
        world.client("ann").action(api.m.draw_in_action)

    assert set(results_of(acting, Exhaustive())) > {0, HIGHEST}


def test_a_query_on_a_stale_snapshot_draws_too() -> None:
    assert Simulation(calling(api.m.draw_aside, 3)).run().random_values == 3


def test_whoever_wants_the_plain_run_gets_the_own_numbers() -> None:
    for choices in (None, LockstepChoices()):
        assert Simulation(calling(api.m.draw, 4), choices).run().calls[0].result == OWN


def test_on_threads_a_draw_comes_as_it_comes() -> None:
    assert Simulation(calling(api.m.draw, 4), mode="threads").run().calls[0].result == OWN


@eventually
def something_is_left(view: View) -> bool:
    return bool(view.documents("draws"))


def swept(random_values: int) -> Scenario:
    @scenario(app=APP, invariants=[something_is_left], platform=Platform(random_values=random_values))
    def sweeping(world: World) -> None:
        ann = world.client("ann")
        ann.mutation(api.m.draw)
        ann.mutation(api.m.sweep)

    return sweeping


@pytest.mark.parametrize("explorer", [Bounded(), RandomWalk(100), Dpor()])
def test_a_rare_branch_is_found_told_and_replayed(explorer: Any) -> None:
    assert check(swept(1), RandomWalk(20)).finding is None
    report = check(swept(2), explorer)
    assert report.finding is not None
    assert report.finding.choices_after == 1
    assert "draws the random number 0\n" in report.story()
    (switch,) = report.finding.switches
    assert re.fullmatch(r"draw at step \d+: ann\.2 draws 0 in m:sweep, not 0\.\d+", str(switch))
    assert replay([swept(2)], report.finding.replay).run.violations


FIXED = "ctx.random() gave an attempt the same numbers in every run; Platform(random_values=3) looks for what others do"
SEVERAL = "each ctx.random() came out as one of 2 numbers, and as no other (Platform.random_values)"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (api.m.draw, "mutation"),
        (api.m.draw_nested, "mutation"),
        (api.m.draw_aside, "mutation"),
        (api.m.draw_in_action, "action"),
    ],
)
def test_an_exploration_that_drew_says_so(path: Any, kind: str) -> None:
    for numbers, said in ((1, FIXED), (2, SEVERAL)):
        world = calling(path, numbers, kind)
        for report in (check(world, Exhaustive()), block_by_block(world)):
            verdict, note, *_ = str(report).splitlines()
            assert verdict.startswith("drawing: holds in all of ")
            assert note == f"  {said}"
        found = certify(world)
        assert isinstance(found, Certificate)
        assert str(verify(world, found)).endswith(f"; {said}")


def test_who_draws_nothing_or_has_found_something_says_nothing() -> None:
    @scenario(app=APP, platform=Platform(random_values=3))
    def quiet(world: World) -> None:
        world.client("ann").query(api.m.count)

    found = certify(quiet)
    assert isinstance(found, Certificate)
    for told in (check(quiet, Exhaustive()), block_by_block(quiet), check(swept(2), Bounded()), verify(quiet, found)):
        assert "random" not in str(told).partition("switch")[0]


def test_also_an_exploration_that_recalls_what_was_drawn_says_so() -> None:
    world = calling(api.m.draw, 1)
    memory = memory_for(world)
    tallies = [explore_block(world, Plan(), Block(number, 5), lambda _: None, memory) for number in (0, 1)]
    assert [tally.random_values for tally in tallies] == [1, 1]


def block_by_block(world: Scenario) -> Report:
    """Return the report of a campaign."""
    campaign = Campaign(world, Plan("exhaustive"), Goal(1_000))
    campaign.add(explore_block(world, campaign.plan, Block(0, 1_000), lambda _: None))
    return campaign.close()


def test_a_retry_draws_anew() -> None:
    """Both make the table, so one of them loses in lockstep, and begins again."""

    @scenario(app=APP, platform=Platform(random_values=3))
    def racing(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).mutation(api.m.draw)

    run = Simulation(racing, LockstepChoices()).run()
    drawn = [taken.activity for taken in run.record.labelled() if taken.kind == "random"]
    assert len(list(events_of(run, Conflicted))) == 1
    assert sorted(drawn) == ["ann.1", "bob.1", "bob.1"]


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True, None])
def test_a_number_of_numbers_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match=r"random_values.*whole number, 1 or more"):
        Platform(random_values=wrong)
