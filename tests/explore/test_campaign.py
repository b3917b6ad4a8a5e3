"""Campaigns: a search in blocks comes out as in one piece, whoever explores them and in whatever order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.planted import three_constraints
from convexsim import (
    Faults,
    RandomWalk,
    Recording,
    Run,
    Scenario,
    Simulation,
    Starving,
    Sticky,
    UsageError,
    View,
    World,
    check,
    eventually,
    scenario,
    trace_key,
)
from convexsim.choices import Label, ListedChoices
from convexsim.explore.block import BLOCK, RECORDED, Block, Memories, Plan, Sighting, Tally, explore_block
from convexsim.explore.campaign import MOST_RUNS, Campaign, Goal
from convexsim.explore.catalogue import EXPLORERS, Settings, explorer_named
from convexsim.explore.meter import FIRST_LOOK
from convexsim.explore.sampler import Sampler
from convexsim.explore.shape import shape_of
from convexsim.functions.memory import Memory
from tests.explore.worlds import app, lost_update, no_update_is_lost, proper_bumps, racing_bumps, stormy


@eventually
def alice_is_first(view: View) -> bool:
    """Alice's note is the first."""
    return bool(view.documents("notes")[0]["text"] == "alice")


@scenario(app=app(), invariants=[no_update_is_lost, alice_is_first])
def two_bugs(world: World) -> None:
    """Bumps may be lost, and notes may come in another order: two properties, one switch each."""
    for name in ("alice", "bob"):
        world.client(name).mutation("counters:note", {"text": name})
        world.client(name).action("counters:racyBump")


def blocks_of(campaign: Campaign) -> list[Block]:
    """Return the blocks that nobody has yet."""
    blocks: list[Block] = []
    while (block := campaign.next_block()) is not None:
        blocks.append(block)
    return blocks


def explored(scenario: Scenario, plan: Plan, goal: Goal, order: Callable[[list[Block]], Sequence[Block]]) -> Campaign:
    """Return a campaign whose blocks came in this order, as lines of JSON."""
    campaign = Campaign(scenario, plan, goal)
    for block in order(blocks_of(campaign)):
        told = json.dumps(explore_block(scenario, plan, block, lambda _: None).to_json())
        campaign.add(Tally.from_json(json.loads(told)))
    return campaign


def one_by_one(scenario: Scenario, plan: Plan, goal: Goal) -> Campaign:
    """Return a campaign of one worker: no block is begun before the last one is judged."""
    campaign = Campaign(scenario, plan, goal)
    while (block := campaign.next_block()) is not None:
        campaign.add(explore_block(scenario, plan, block, lambda _: None))
    return campaign


def told(campaign: Campaign) -> tuple[Any, ...]:
    report = campaign.close()
    return str(report), report.calls, report.failed_calls, campaign.sightings, str(campaign.meter), campaign.is_over


# ---------------------------------------------------------------------------------------- as in one piece, in any order


@pytest.mark.parametrize("name", EXPLORERS)
@pytest.mark.parametrize("scenario", [lost_update, proper_bumps], ids=lambda world: world.name)
def test_one_block_is_what_check_does(name: str, scenario: Scenario) -> None:
    campaign = one_by_one(scenario, Plan(name, seed=1), Goal(BLOCK))
    report = check(scenario, explorer_named(name, Settings(BLOCK, 1)))
    assert str(campaign.close()).startswith(str(report))
    assert campaign.is_over


def test_what_a_later_block_finds_is_what_check_finds() -> None:
    report = check(three_constraints, RandomWalk(200, seed=4))
    assert report.runs > BLOCK
    campaign = one_by_one(three_constraints, Plan("random", seed=4), Goal(200))
    assert str(campaign.close()) == str(report)


@pytest.mark.parametrize("name", ["random", "pct", "portfolio"])
def test_the_order_in_which_blocks_are_done_does_not_matter(name: str) -> None:
    plan, goal = Plan(name, seed=3, keeps_going=True), Goal(220)
    in_order = explored(two_bugs, plan, goal, list)
    assert told(explored(two_bugs, plan, goal, lambda blocks: blocks[::-1])) == told(in_order)
    assert in_order.report.runs == 220
    assert sorted({each.invariant for each in in_order.sightings}) == ["alice_is_first", "no_update_is_lost"]


@pytest.mark.parametrize("sampler", [RandomWalk, Sticky, Starving])
def test_a_sampler_that_begins_later_makes_the_same_runs(sampler: type[Sampler]) -> None:
    def lists(explorer: Sampler) -> list[tuple[int, ...]]:
        last: Run | None = None
        made = []
        while (choices := explorer.propose(last)) is not None:
            last = Simulation(stormy, choices, trace=False).run()
            made.append(last.indexes)
        return made

    later = sampler(3, 7)
    later.skip(4)
    every = lists(sampler(7, 7))
    assert lists(later) == [every[0], *every[4:]]


def test_the_bound_of_a_pct_search_is_that_of_its_largest_runs() -> None:
    campaign = Campaign(proper_bumps, Plan("pct"), Goal(300))
    assert explore_block(proper_bumps, campaign.plan, Block(1, 5), lambda _: None).learnt == (2, 3)
    for number, learnt in enumerate([(2, 3), (3, 10), (4, 9)]):
        campaign.add(Tally(number, BLOCK, BLOCK, learnt=learnt))
    assert campaign.report.explorer == "PCT search, depth 3, at least 1 run in 400 shows a bug of that depth, seed 0"


@pytest.mark.parametrize(("runs", "sizes"), [(1, [1]), (BLOCK, [BLOCK]), (250, [100, 100, 50])])
def test_samplers_are_cut_in_blocks(runs: int, sizes: list[int]) -> None:
    campaign = Campaign(proper_bumps, Plan("sticky"), Goal(runs))
    assert [block.runs for block in blocks_of(campaign)] == sizes


def test_what_searches_in_one_piece_is_one_block() -> None:
    campaign = Campaign(proper_bumps, Plan("dpor"), Goal(700))
    assert blocks_of(campaign) == [Block(0, 700)]


def test_a_report_is_put_together_of_all_blocks() -> None:
    campaign = Campaign(proper_bumps, Plan(), Goal(300))
    told: list[dict[str, Any]] = [
        {"calls": 3, "reached": ["a"], "random_values": 8, "notes": ["same"], "failed_functions": {"m:f: no": 1}},
        {"calls": 5, "reached": [], "random_values": 0, "notes": ["same"], "failed_functions": {"m:f: no": 2}},
        {"calls": 7, "reached": ["b"], "random_values": 0, "notes": ["other"], "failed_calls": {"no": 7}},
    ]
    for number, each in enumerate(told):
        if number == 2:
            assert campaign.report.notes == ["same"]
        campaign.add(Tally(number, BLOCK, BLOCK, **each))
    report = campaign.close()
    assert (report.runs, report.calls, report.random_values) == (300, 15, 8)
    assert report.reached == {"a", "b"}
    assert (report.failed_functions, report.failed_calls) == ({"m:f: no": 3}, {"no": 7})
    assert report.notes[:1] != ["same"]
    assert "other" not in report.notes


def test_a_block_that_has_run_every_order_ends_it() -> None:
    campaign = Campaign(proper_bumps, Plan(), Goal(300))
    campaign.add(Tally(0, BLOCK, 12, exhausted=True))
    assert campaign.is_over
    assert campaign.close().exhausted


# --------------------------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("name", ["random", "pos", "portfolio"])
@pytest.mark.parametrize("world", [two_bugs, stormy, proper_bumps], ids=lambda world: world.name)
def test_what_other_blocks_have_worked_out_changes_nothing(name: str, world: Scenario) -> None:
    plan, goal, known = Plan(name, seed=2, keeps_going=True), Goal(220), Memories().of(world)
    campaign = Campaign(world, plan, goal)
    for block in blocks_of(campaign)[::-1]:
        campaign.add(explore_block(world, plan, block, lambda _: None, known))
    assert told(campaign) == told(one_by_one(world, plan, goal))


def test_a_block_need_not_work_out_what_another_one_has(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    monkeypatch.setattr(Memory, "keep", lambda _, beginning, __: kept.append(beginning))
    explore_block(proper_bumps, Plan(), Block(0, BLOCK), lambda _: None)
    assert kept
    monkeypatch.undo()
    memories = Memories()
    explore_block(proper_bumps, Plan(), Block(0, BLOCK), lambda _: None, memories.of(proper_bumps))
    monkeypatch.setattr(Memory, "keep", lambda *_: pytest.fail("known"))
    explore_block(proper_bumps, Plan(), Block(0, BLOCK), lambda _: None, memories.of(proper_bumps))
    assert memories.of(two_bugs) is memories.of(two_bugs)
    assert memories.of(two_bugs) is not memories.of(proper_bumps)


# --------------------------------------------------------------------------------------------------------------- traces


@pytest.mark.parametrize("runs", [BLOCK, 130])
def test_one_run_in_five_is_asked_for_its_trace(runs: int) -> None:
    campaign = one_by_one(proper_bumps, Plan("random", seed=1), Goal(runs))
    keys: list[bytes] = []
    check(proper_bumps, Recording(RandomWalk(runs, 1)), on_run=lambda _, run: keys.append(trace_key(run)))
    asked = keys[0:BLOCK:RECORDED] + keys[BLOCK + RECORDED - 1 :: RECORDED]  # a later block begins with the serial run
    assert (campaign.traces.runs, campaign.traces.distinct) == (len(asked), len({*asked}))
    assert campaign.traces.distinct > 1


@pytest.mark.parametrize("name", ["pos", "guided", "dpor"])
def test_where_the_explorer_asks_itself_every_run_is_asked(name: str) -> None:
    campaign = one_by_one(proper_bumps, Plan(name), Goal(130))
    assert campaign.traces.runs == campaign.report.runs
    if name == "dpor":
        assert campaign.traces.distinct == campaign.report.runs > 5


@pytest.mark.parametrize("name", ["random", "guided"])
def test_runs_that_make_no_traces_are_not_asked(name: str) -> None:
    restarting = proper_bumps.variant("restarting", faults=Faults(restarts=1))
    for world, level in ((proper_bumps, 1), (restarting, 2)):
        campaign = one_by_one(world, Plan(name, level=level), Goal(12))
        assert campaign.report.runs > campaign.traces.runs == 0


# ---------------------------------------------------------------------------------------------- when there were enough


def seen(number: int, shape: str = "a") -> Sighting:
    return Sighting("holds", f"no, {number}", shape, (), f"cs2.{number}", number, 1, is_minimal=True)


def test_the_finding_is_that_of_the_lowest_block_whichever_was_first() -> None:
    campaign = Campaign(lost_update, Plan(), Goal(500))
    campaign.add(Tally(2, BLOCK, 17, sightings=[seen(217)]))
    campaign.add(Tally(0, BLOCK, BLOCK))
    assert campaign.sightings == []
    campaign.add(Tally(1, BLOCK, 5, sightings=[seen(105)]))
    assert campaign.is_over
    assert campaign.sightings == [seen(105)]
    assert campaign.report.runs == 105
    assert campaign.next_block() is None


def test_failures_of_one_property_and_shape_are_one() -> None:
    campaign = Campaign(lost_update, Plan(keeps_going=True), Goal(300))
    for number, shapes in enumerate(["ab", "b", "ca"]):
        found = [seen(number * BLOCK + at, shape) for at, shape in enumerate(shapes, 1)]
        campaign.add(Tally(number, BLOCK, BLOCK, sightings=found))
    assert [(each.found_at_run, each.shape, each.times) for each in campaign.sightings] == [
        (1, "a", 2),
        (2, "b", 2),
        (201, "c", 1),
    ]


def test_of_several_failures_the_first_is_reported() -> None:
    campaign = Campaign(lost_update, Plan(keeps_going=True), Goal(100))
    campaign.add(Tally(0, BLOCK, BLOCK, sightings=[seen(3, "a"), seen(5, "b")]))
    finding = campaign.close().finding
    assert finding is not None
    assert (finding.replay, finding.found_at_run) == ("cs2.3", 3)


def test_every_run_that_fails_counts_for_a_failure() -> None:
    explorer, failed = RandomWalk(BLOCK, 3), 0
    last: Run | None = None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(two_bugs, choices, trace=False).run()
        failed += bool(last.violations)
    told = explore_block(two_bugs, Plan("random", 3, keeps_going=True), Block(0, BLOCK), lambda _: None).sightings
    assert sum(each.times for each in told) == failed > len(told) > 1


def test_a_block_that_could_not_be_explored_counts_when_its_turn_comes() -> None:
    campaign = Campaign(lost_update, Plan(), Goal(300))
    campaign.add(Tally(1, BLOCK, error="lesson.py:3: KeyError: 'x'"))
    with pytest.raises(UsageError, match="KeyError"):
        campaign.add(Tally(0, BLOCK, BLOCK))


def test_until_certain_ends_at_the_look_that_is_certain_enough() -> None:
    campaign = Campaign(proper_bumps, Plan(), Goal(MOST_RUNS, unseen=0.01))
    for number in count():
        campaign.add(Tally(number, BLOCK, BLOCK, keys=["same"] * BLOCK))
        if campaign.is_over:
            break
    assert campaign.report.runs == 16 * FIRST_LOOK  # 1 - (0.05 / 2**5) ** (1 / 800) = 0.8 %; at 800 runs it is 1.4 %
    assert "95% sure that less than 0.8 % of such runs end otherwise" in str(campaign.close())


@pytest.mark.parametrize("name", sorted(set(EXPLORERS) - {"random", "sticky", "pos", "starving"}))
def test_certainty_is_refused_where_runs_are_no_sample(name: str) -> None:
    with pytest.raises(UsageError, match="independent runs"):
        Campaign(proper_bumps, Plan(name), Goal(MOST_RUNS, unseen=0.01))


@pytest.mark.parametrize("name", ["random", "sticky", "pos"])
def test_certainty_may_be_asked_of_independent_runs(name: str) -> None:
    assert Campaign(proper_bumps, Plan(name), Goal(MOST_RUNS, unseen=0.01)).is_sample


def test_blocks_that_were_kept_are_taken_over_if_they_have_the_same_size() -> None:
    campaign = Campaign(proper_bumps, Plan(), Goal(250))
    assert campaign.fits(Tally(1, BLOCK))
    assert campaign.fits(Tally(2, 50))
    assert not campaign.fits(Tally(2, BLOCK))
    assert not campaign.fits(Tally(3, BLOCK))
    assert not campaign.fits(Tally(1, BLOCK, is_whole=False))
    campaign.add(Tally(1, BLOCK))
    assert blocks_of(campaign) == [Block(0, 100), Block(2, 50)]


# --------------------------------------------------------------------------------------------------------- interruption


def test_what_was_done_when_somebody_stopped_it_counts() -> None:
    def stop(runs: int) -> None:
        if runs == 30:
            raise KeyboardInterrupt

    campaign = Campaign(proper_bumps, Plan(), Goal(300))
    campaign.add(explore_block(proper_bumps, campaign.plan, Block(0, BLOCK), stop))
    campaign.add(explore_block(proper_bumps, campaign.plan, Block(2, BLOCK), lambda _: None))
    assert (campaign.report.runs, campaign.runs) == (0, 130)
    campaign.cut(interrupted=True)
    assert str(campaign.close()).startswith("proper_bumps: interrupted; no failure in 130 runs (random walk, seed 0, ")


def test_a_failure_that_was_not_shrunk_to_the_end_is_no_whole_block() -> None:
    def stopped_at(look: int) -> Tally:
        looks = count(1)

        def stop(_: int) -> None:
            if next(looks) == look:
                raise KeyboardInterrupt

        return explore_block(lost_update, Plan("lockstep"), Block(0, 1), stop)

    found = stopped_at(look=2)
    assert (found.is_whole, found.runs, len(found.sightings)) == (False, 1, 1)
    assert stopped_at(look=1_000).is_whole
    campaign = Campaign(lost_update, Plan("lockstep"), Goal(1))
    campaign.add(found)
    assert campaign.sightings == []
    campaign.cut(interrupted=True)
    assert campaign.sightings == found.sightings
    assert "BROKEN after 1 run (lockstep, level 2)" in str(campaign.close())


# ---------------------------------------------------------------------------------------------------------------- shape


def shrunk(world: Scenario, *indexes: int) -> Run:
    run = Simulation(world, ListedChoices(indexes)).run()
    assert run.violations
    return run


def test_a_shape_knows_no_names_of_clients_and_no_places() -> None:
    @scenario(app=app(), invariants=[no_update_is_lost])
    def others(world: World) -> None:
        for name in ("x", "y"):
            world.client(name).action("counters:racyBump")

    assert shape_of(shrunk(others, 0, 1)) == shape_of(shrunk(lost_update, 0, 1))
    three = racing_bumps(3)
    assert shape_of(shrunk(three, 0, 0, 1)) == shape_of(shrunk(three, 0, 0, 2))
    assert shape_of(shrunk(three, 0, 0, 1)) != shape_of(shrunk(three, 0, 1, 1))


def test_a_shape_tells_what_was_taken_before_what() -> None:
    def shape(taken: str, passed: str) -> str:
        labels = [Label("alice.1", "commit", what) for what in (taken, passed)]
        forced = [SimpleNamespace(kind="step", taken=labels[0], passed=labels[1])]
        broken = SimpleNamespace(invariant="holds")
        run: Any = SimpleNamespace(violations=[broken], record=SimpleNamespace(forced=forced))
        return shape_of(run)

    assert len({shape(taken, passed) for taken in ("m:f", "m:g") for passed in ("m:f", "m:g")}) == 4


def test_state_that_outlives_a_run_is_seen_in_the_block_where_it_does() -> None:
    ran = count(1)

    @scenario(app=app(), invariants=[no_update_is_lost])
    def leaks(world: World) -> None:
        world.client("alice").action("counters:racyBump")
        if next(ran) > 150:
            world.client("bob").mutation("counters:note", {"text": "hello"})

    assert check(leaks, RandomWalk(100)).differs_from_step is None
    campaign = one_by_one(leaks, Plan(), Goal(300))
    assert "STATE OUTLIVES A RUN" in str(campaign.close())
