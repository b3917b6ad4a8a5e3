"""The switches that matter: forced choices in words, in the names of the story, at their steps and times."""

from __future__ import annotations

import re

import pytest

from benchmarks.planted import crash_between, lost_update, three_constraints
from convexsim import Bounded, RandomWalk, Run, Scenario, Simulation, check, story
from convexsim.choices import Kind, RandomChoices
from convexsim.explore.switches import Switch, switches_of
from convexsim.trace.event import Faulted, Passed, Stepped, Waited
from tests.explore.worlds import proper_bumps, stormy


def found(world: Scenario) -> Run:
    report = check(world, Bounded())
    assert report.finding is not None
    assert report.finding.switches == switches_of(report.finding.run)
    return report.finding.run


def test_a_switch_says_what_comes_before_what_and_when() -> None:
    (switch,) = switches_of(found(lost_update))
    assert switch == Switch("switch", 17, 0.0, "bob.1.1 begins counter:read before alice.1.2 begins counter:write")
    assert str(switch) == "switch at step 17: bob.1.1 begins counter:read before alice.1.2 begins counter:write"


def test_switches_come_in_the_order_of_the_run() -> None:
    switches = switches_of(found(three_constraints))
    assert [switch.kind for switch in switches] == ["switch"] * 3
    assert [switch.step for switch in switches] == sorted(switch.step for switch in switches)


def test_a_fault_says_whom_it_strikes_and_in_what() -> None:
    (fault,) = switches_of(found(crash_between))
    assert str(fault) == f"fault at step {fault.step}: crash strikes alice.1 in letters:send"


def test_a_wait_says_who_waits_before_what() -> None:
    runs = (Simulation(proper_bumps, RandomChoices(seed)).run() for seed in range(50))
    run = next(run for run in runs if any(forced.kind == "backoff" for forced in run.record.forced))
    (wait,) = [switch for switch in switches_of(run) if switch.kind == "wait"]
    assert run.trace is not None
    (waited,) = [event for event in run.trace.events if isinstance(event, Waited)]
    said = f"{waited.activity} waits {waited.delay_ms:g} ms before it tries counters:bump again"
    assert str(wait) == f"wait at step {waited.step}: {said}"


def test_the_time_is_told_once_it_has_begun_to_pass() -> None:
    assert str(Switch("switch", 7, 1_000.0, "a")) == "switch at step 7, 1000 ms: a"
    assert str(Switch("wait", 7, 12.5, "a")) == "wait at step 7, 12.5 ms: a"


@pytest.mark.parametrize("late_ms", [0.0, 1_000.0])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_each_forced_choice_is_told_at_the_step_in_which_it_was_made(level: int, late_ms: float) -> None:
    """Told again from the events alone: the n-th choice of a step is the n-th step with options, and so on."""
    world = stormy.variant("late", late_ms=late_ms)
    kinds: dict[Kind, str] = {"step": "switch", "backoff": "wait", "fault": "fault"}
    for seed in range(10):
        run = Simulation(world, RandomChoices(seed), level=level).run()
        switches = switches_of(run)
        assert [switch.kind for switch in switches] == [kinds[forced.kind] for forced in run.record.forced]
        assert run.trace is not None
        chosen = [
            (event.step, event.at_ms)
            for event in run.trace.events
            if (isinstance(event, Stepped) and event.index)
            or isinstance(event, Passed | Faulted)
            or (isinstance(event, Waited) and event.delay_ms)
        ]
        assert [(switch.step, switch.at_ms) for switch in switches] == chosen


def test_the_plain_serial_run_has_none() -> None:
    assert switches_of(Simulation(stormy).run()) == ()


def test_names_are_those_of_the_story() -> None:
    """Every activity and function that a switch names, the story names too."""
    for seed in range(10):
        run = Simulation(stormy, RandomChoices(seed)).run()
        assert run.trace is not None
        told = story(run.trace)
        for switch in switches_of(run):
            for name in re.findall(r"[\w+]+\.\d[\w.+]*|\w+:\w+", switch.what):
                assert name in told, switch


def test_what_a_platform_transaction_is_for_is_said() -> None:
    runs = (Simulation(stormy, RandomChoices(seed)).run() for seed in range(50))
    told = " ".join(switch.what for run in runs for switch in switches_of(run))
    assert re.search(r"alice\.1\+\d begins counters:bump before", told)
    assert ",," not in told
    assert not re.search(r",( |$)(?!before|to )", told)


# --------------------------------------------------------------------------------------------------------- in reports


def test_a_report_tells_them_between_the_effort_and_the_replay_string() -> None:
    lines = str(check(lost_update, RandomWalk(50))).splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("  found in run"))
    assert lines[at + 1] == "  switch at step 17: bob.1.1 begins counter:read before alice.1.2 begins counter:write"
    assert lines[at + 2].startswith("  replay: cs2.L2.lost_update.")


def test_more_than_a_reader_can_keep_in_mind_are_only_counted() -> None:
    report = check(lost_update, RandomWalk(50), level=1, simplify=False)
    assert report.finding is not None
    assert len(report.finding.switches) > 8
    assert "switch at" not in str(report)
    assert f"{len(report.finding.switches)} forced choices, not shrunk to the end" in str(report)
