"""Counterfactuals: each was run, each string runs it again, and what it says of the order is so."""

from __future__ import annotations

import re

import pytest

from benchmarks import planted
from benchmarks.planted import crash_between, lost_update, write_skew
from convexsim import Bounded, RandomWalk, Run, Scenario, Simulation, check, explain, replay
from convexsim.choices import Kind, ListedChoices, RandomChoices
from convexsim.explore import counterfactuals
from convexsim.explore.following import Reordered
from convexsim.explore.retold import Retold, retell
from convexsim.explore.trace_key import trace_key
from scenarios.crash_leaves_flushing import crash_leaves_flushing
from scenarios.stranded_items import failed_flush_strands, stranded_items
from scenarios.timer_cancels_itself import timer_cancels_itself
from tests.explore.test_timed import noting
from tests.explore.worlds import crowd, proper_bumps, stormy, too_many

SAME = "both_count would have broken all the same"
WORLDS = [
    lost_update,
    write_skew,
    crash_between,
    planted.stale_id,
    planted.three_constraints,
    crash_leaves_flushing,
    stranded_items,
    failed_flush_strands,
]


def found(world: Scenario) -> Run:
    report = check(world, Bounded())
    assert report.finding is not None
    return report.finding.run


def told(world: Scenario) -> list[str]:
    return [str(each) for each in explain(world, found(world), runs=1).counterfactuals]


def test_a_lost_update_is_turned_round_at_each_race() -> None:
    assert told(lost_update) == [
        f"Had {condition}."
        for condition in (
            "alice.1.2 begun counter:write before bob.1.1 began counter:read, both_count would have held",
            "bob.1.2 committed counter:write before alice.1.1 began counter:read, both_count would have held",
            "alice.1.2 begun counter:write before bob.1.2 committed counter:write, " + SAME,
        )
    ]


def test_a_fault_may_not_have_struck() -> None:
    assert told(crash_between)[0] == (
        "Had crash not struck alice.1 in letters:send, what_is_marked_is_sent would have held."
    )


def test_where_nothing_could_have_been_otherwise_nothing_is_told() -> None:
    assert told(timer_cancels_itself) == []


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_every_sentence_was_run_and_its_string_runs_it_again(world: Scenario) -> None:
    failing = found(world)
    explanation = explain(world, failing, runs=1)
    assert explanation.broken is not None
    strings = [each.replay for each in explanation.counterfactuals]
    assert strings
    assert len({*strings, explanation.replay}) == len(strings) + 1
    for each in explanation.counterfactuals:
        replayed = replay([world], each.replay)
        assert replayed.is_exact
        broken = [violation.invariant for violation in replayed.run.violations]
        assert each.breaks == (explanation.broken in broken)
        ends = {True: "would have broken all the same", False: "would have held"}
        assert each.result == f"{explanation.broken} {ends[each.breaks]}"


def seen(retold: Retold, what: str) -> list[int]:
    """Return the places of the steps that are told so, in whatever tense."""
    who, verb, *of = what.split(" ", 2)
    phase = {"beg": "begin", "com": "commit", "gon": "external", "wen": "external"}[verb[:3]]
    function = of[0].rpartition(" ")[2] if of and phase != "external" else ""
    return [
        at
        for at, step in enumerate(retold.steps)
        if (step.activity, step.phase) == (who, phase) and step.what.rpartition(" ")[2] == function
    ]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_what_is_told_of_the_order_was_the_other_way_round_in_the_failure(world: Scenario) -> None:
    explanation = explain(world, found(world), runs=1)
    retold = retell(explanation.run)
    orders = 0
    for each in explanation.counterfactuals:
        said = re.fullmatch(r"had (\S+ .*?),? before (.*)", each.condition)
        if said is None:
            continue
        other = retell(replay([world], each.replay).run)
        first, second = seen(other, said[1]), seen(other, said[2])
        before, after = seen(retold, said[1]), seen(retold, said[2])
        if min(map(len, (before, after))) == 1 == len(first):  # told of the only attempt, so it is clear of which
            orders += 1
            assert before[0] > after[0]
            assert not second or first[0] < second[0]
    assert orders or world is crash_leaves_flushing


@pytest.mark.parametrize("world", [write_skew, planted.three_constraints], ids=lambda world: world.name)
def test_what_comes_to_the_same_trace_is_told_once(world: Scenario) -> None:
    explanation = explain(world, found(world), runs=1)
    strings = [explanation.replay, *(each.replay for each in explanation.counterfactuals)]
    keys = [trace_key(retell(replay([world], string).run).run) for string in strings]
    assert len(set(keys)) == len(keys)


def test_so_many_are_run_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    every = explain(write_skew, found(write_skew), runs=1)
    monkeypatch.setattr(counterfactuals, "MAX_TURNS", 2)
    some = explain(write_skew, found(write_skew), runs=1)
    assert every.unturned == 0
    assert some.unturned > 0
    assert len(some.counterfactuals) <= 2
    assert f"{some.unturned} other races nobody has turned round" in str(some)


# ------------------------------------------------------------------------------------------------- another order


@pytest.mark.parametrize("world", [lost_update, proper_bumps, noting, stormy], ids=lambda world: world.name)
@pytest.mark.parametrize("late_ms", [0.0, 700.0, 2_000.0])
def test_the_same_order_is_the_same_run(world: Scenario, late_ms: float) -> None:
    world = world.variant("another", late_ms=late_ms)
    for seed in range(10):
        run = Simulation(world, RandomChoices(seed)).run()
        retold = retell(run)
        drawn: dict[tuple[Kind, str], list[int]] = {}
        for asked in retold.asked:
            if asked.kind != "step":
                drawn.setdefault((asked.kind, asked.labels[0].activity), []).append(asked.index)
        again = Simulation(world, Reordered(counterfactuals.order_of(retold), drawn)).run()
        assert again.indexes == run.indexes


@pytest.mark.parametrize("world", [stormy, crowd], ids=["stormy", "crowd"])
def test_without_a_forced_choice_nothing_forced_comes_in_its_place(world: Scenario) -> None:
    """Two waits of one client may have the same label: the second one is not the first."""
    for seed in range(20):
        run = Simulation(world, RandomChoices(seed)).run()
        turns = counterfactuals.turns_of(run, retell(run), [])
        for forced, turn in zip(run.record.forced, turns, strict=False):
            other = Simulation(world, turn.choices).run()
            assert other.indexes[: forced.position + 1] == (*run.indexes[: forced.position], 0)


def test_a_wait_that_was_none_might_have_been_long() -> None:
    """Two bumps in one transaction each, of which one has to try again: that it does so at once is a choice."""
    world = too_many.variant("too_many_of_them")
    report = check(world, RandomWalk(100, seed=3))
    assert report.finding is not None
    runs = (Simulation(world, RandomChoices(seed)).run() for seed in range(100))
    failing = next(run for run in runs if any(kind == "backoff" and not index for kind, index, *_ in run.record.taken))
    retold = retell(failing)
    conditions = [turn.condition for turn in counterfactuals.turns_of(failing, retold, ["alice.1", "bob.1"])]
    assert re.search(r"had (alice|bob)\.1 waited 87.5 ms before it tried counters:bump again", "\n".join(conditions))


def test_a_list_of_choices_is_repeated_with_what_was_offered() -> None:
    run = Simulation(stormy, RandomChoices(5)).run()
    retold = retell(run)
    assert [asked.index for asked in retold.asked] == [*run.indexes]
    assert [len(asked.labels) for asked in retold.asked] == [count for _, _, count, _ in run.record.taken]
    assert tuple(asked.as_forced for asked in retold.asked if asked.index) == run.record.forced
    assert Simulation(stormy, ListedChoices(run.indexes)).run().steps == retold.run.steps
