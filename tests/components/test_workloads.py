"""Generated workloads: from the API alone, with what the fault models allow and nothing else, and each can be run."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

import pytest

from components.batch_processor.host_callbacks import PLAN
from components.batch_processor.invariants import PROPERTIES, RACES, invariant
from components.batch_processor.matrix import matrix
from components.batch_processor.workloads import fits, generate, restrict, world_of
from convexsim import Invariant, Limits, RandomWalk, Simulation
from convexsim.explore.check import runs_proposed
from convexsim.testing.workload import Draw, Workload

SUBJECT = matrix()
HALVES = ("accumulator", "iterator")


def drawn(version: str, half: Any, models: str, count: int) -> list[Workload]:
    return [generate(version, half, models, Draw(f"{half}:{models}:{number}")) for number in range(count)]


def functions(workloads: list[Workload]) -> set[str]:
    return {entry.function for each in workloads for entries in each.clients.values() for entry in entries}


def plans(workloads: list[Workload]) -> list[Any]:
    return [end for each in workloads for plan in each.plans.values() for end in plan]


def items_of(workload: Workload) -> list[str]:
    calls = [entry.args for entries in workload.clients.values() for entry in entries]
    adds = [add for args in calls for add in args.get("adds", [args])]
    adds += [end["adds"] for end in plans([workload]) if "adds" in end]
    return [item for add in adds for item in add.get("items", [])]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("version", SUBJECT.versions)
def test_every_workload_can_be_run_in_every_version(version: str, half: str) -> None:
    numbers = [number for number, one in SUBJECT.questions.items() if one.part == half and one.applies(version)]
    for models in ("N", "U", "C", "O", "K", "M", "UCOKM"):
        for number in range(2 if numbers else 0):
            workload = SUBJECT.generate(version, half, models, Draw(f"{version}{number}"))
            assert Workload.of(json.loads(json.dumps(workload.as_data()))) == workload
            world = SUBJECT.world_of(version, models, workload, numbers)
            for run in runs_proposed(world, RandomWalk(2, number), 3):
                assert run.ending in ("quiet", "broken", *(["max_steps"] if "K" in models else []))
                refused = [call.error for call in run.calls if call.error and "Validat" in call.error]
                assert refused == [], workload


def test_clients_do_all_that_the_api_has() -> None:
    adding = functions(drawn("hardened", "accumulator", "N", 80))
    wanted = ["addItems", "addMany", "flush", "deleteBatch", "retryDeadLetter", "discardDeadLetter"]
    assert adding == {f"driver:{name}" for name in wanted}
    assert functions(drawn("1.0.9", "accumulator", "N", 80)) == {f"driver:{name}" for name in wanted[:4]}
    steering = functions(drawn("0.1.0", "iterator", "N", 80))
    does = ["seedRows", "startIterator", "pauseIterator", "resumeIterator", "cancelIterator", "deleteIteratorJob"]
    assert steering == {f"driver:{name}" for name in does}


def test_adds_are_of_all_sizes_under_several_ids_with_several_configs() -> None:
    calls = [
        entry.args
        for each in drawn("1.0.9", "accumulator", "N", 120)
        for entries in each.clients.values()
        for entry in entries
        if entry.function == "driver:addItems"
    ]
    sizes = Counter(len(args["items"]) for args in calls)
    assert all(sizes[size] for size in range(6)), sizes
    assert {"a", "b", "a::x", "a::0"} <= {args["batchId"] for args in calls}
    own = [args["config"] for args in calls if "config" in args]
    assert {config["flushIntervalMs"] for config in own} == {0, 1_000, 5_000}
    assert {"immediateFlushThreshold", "maxBatchSize", "processBatch"} <= {name for config in own for name in config}


def test_many_flushes_of_an_id_may_be_under_way_and_end_at_one_time() -> None:
    for each in drawn("1.0.9", "accumulator", "N", 300):
        size = each.setting["config"].get("immediateFlushThreshold", each.setting["config"].get("maxBatchSize", 2))
        adds = [[len(entry.args.get("items", ())) for entry in entries] for entries in each.clients.values()]
        ends = Counter(map(str, each.plans[PLAN]))
        if adds.count([size] * 8) > 1 and max(ends.values(), default=0) >= 8:
            return
    pytest.fail("no such workload was drawn")


def test_a_job_may_be_paused_and_resumed_in_turn() -> None:
    trains = Counter(
        "".join(entry.function[len("driver:")] for entry in entries[2:] if entry.wait_ms == 0)
        for each in drawn("1.0.9", "iterator", "N", 200)
        for name, entries in each.clients.items()
        if name == "host"
    )
    assert trains["prprp"], trains


def test_items_are_told_apart_by_their_value() -> None:
    for workload in drawn("1.0.5", "accumulator", "U", 500):
        items = items_of(workload)
        assert len(items) == len({*items}), workload


@pytest.mark.parametrize("half", HALVES)
def test_only_what_the_models_say_goes_wrong(half: str) -> None:
    for workload in drawn("1.0.5", half, "N", 60):
        assert (workload.setting["faults"], workload.setting["self_cancel"]) == ({}, "noop")
        assert not [end for end in plans([workload]) if "fail" in end]
    assert [end for end in plans(drawn("1.0.5", half, "U", 60)) if "fail" in end]
    faults = [frozenset(each.setting["faults"]) for each in drawn("1.0.5", half, "COK", 60)]
    assert {name for each in faults for name in each} == {"crashes", "restarts", "conflicts", "skewed", "skews_ms"}
    assert {each.setting["self_cancel"] for each in drawn("1.0.5", half, "M", 60)} == {"tree", "throw"}


@pytest.mark.parametrize("half", HALVES)
def test_a_workload_can_be_restricted_to_weaker_models(half: str) -> None:
    for workload in drawn("1.0.5", half, "UCOKM", 40):
        none = restrict(workload, "N")
        assert (none.setting["faults"], none.setting["self_cancel"]) == ({}, "noop")
        assert not [end for end in plans([none]) if "fail" in end]
        assert (none.clients, [len(plan) for plan in none.plans.values()]) == (
            workload.clients,
            [len(plan) for plan in workload.plans.values()],
        )
        assert restrict(workload, "UCOKM") == workload
        assert {*restrict(workload, "C").setting["faults"]} <= {"crashes", "restarts"}
        assert restrict(workload, "M").setting["self_cancel"] == workload.setting["self_cancel"]
        assert {*restrict(workload, "KO").setting["faults"]} <= {"conflicts", "skewed", "skews_ms"}


def test_a_workload_fits_a_version_that_knows_its_configs_and_calls() -> None:
    for version in SUBJECT.versions:
        assert all(fits(version, each) for each in drawn(version, "accumulator", "U", 20))
        assert all(fits(version, each) for each in drawn("0.1.0", "iterator", "U", 20))
    own = [each for each in drawn("1.0.5", "accumulator", "N", 60) if "'processBatch': " in str(each)]
    assert own
    assert not any(fits("0.2.0", each) for each in own)
    assert all(fits(version, each) for each in own for version in ("1.0.3", "1.0.9", "hardened", "1.0.6→1.0.7"))
    assert not all(fits("1.0.7", each) for each in drawn("1.0.9", "accumulator", "N", 20))
    assert not all(fits("1.0.9", each) for each in drawn("hardened", "accumulator", "N", 20))


def test_deliveries_take_time_and_add_in_their_middle() -> None:
    ends = [end for end in plans(drawn("1.0.5", "accumulator", "N", 150)) if end != "ok"]
    assert {name for end in ends for name in end} == {"takes", "adds"}


def test_an_add_without_a_config_says_that_of_the_app_when_it_is_run_and_keeps_its_own() -> None:
    def configs(workload: Workload) -> dict[str, Any]:
        return {
            f"{client}.{number}": entry.args.get("config")
            for client, entries in workload.clients.items()
            for number, entry in enumerate(entries, start=1)
            if "items" in entry.args
        }

    workload = next(
        each
        for each in drawn("1.0.5", "accumulator", "N", 50)
        if None in (given := [*configs(each).values()]) and any(given) and each.setting["config"] not in given
    )
    run = Simulation(world_of("1.0.5", workload, [])).run()
    said = {call.activity: call.args["config"] for call in run.calls if "items" in call.args}
    assert said == {call: own or workload.setting["config"] for call, own in configs(workload).items()}


def test_every_property_and_race_is_tabulated() -> None:
    assert [*SUBJECT.questions] == [*PROPERTIES, *RACES]
    assert len(PROPERTIES) == 31
    assert len(RACES) == 7
    released = ("0.1.0", "0.2.0", "1.0.3", "1.0.4", "1.0.5", "1.0.6", "1.0.7", "1.0.9")
    assert SUBJECT.versions == (*released, "hardened", "1.0.5→1.0.6", "1.0.6→1.0.7", "1.0.7→1.0.9")


def test_an_upgrade_takes_place_while_clients_go_on() -> None:
    workload = SUBJECT.generate("1.0.6→1.0.7", "accumulator", "N", Draw("x"))
    run = Simulation(SUBJECT.world_of("1.0.6→1.0.7", "N", workload, ["P1"])).run()
    (deploy,) = [call for call in run.calls if call.activity.startswith("dev.")]
    assert deploy.error is None
    assert not SUBJECT.questions["P20"].applies("1.0.6→1.0.7")


def hangs(workload: Workload) -> bool:
    return any(end != "ok" and end.get("takes", 0) > Limits().action_ms for end in plans([workload]))


@pytest.mark.parametrize("half", HALVES)
def test_callbacks_hang_until_their_action_dies_where_actions_may_die_and_nowhere_else(half: str) -> None:
    """A callback that does not come back in time takes its action with it (convex-semantics 6.3): fault model C."""
    hanging = [workload for workload in drawn("1.0.9", half, "C", 80) if hangs(workload)]
    assert len(hanging) > 2
    assert not any(hangs(restrict(workload, "UOKM")) for workload in hanging)
    assert all(restrict(workload, "C").plans == workload.plans for workload in hanging)
    lasting = [world_of("1.0.9", workload, []).until_ms for workload in hanging]
    assert all(until_ms is not None and until_ms > Limits().action_ms + 500_000 for until_ms in lasting)
    assert not any(map(hangs, drawn("1.0.9", half, "UOKM", 80)))


def test_a_crowd_may_come_when_a_timer_or_a_cron_is_due() -> None:
    def begins(version: str) -> set[float]:
        return {
            wait_ms
            for workload in drawn(version, "accumulator", "N", 300)
            for wait_ms, together in Counter(entries[0].wait_ms for entries in workload.clients.values()).items()
            if together > 5 and workload.setting["config"]["flushIntervalMs"] == 1_000
        }

    assert {0, 1_000} <= begins("1.0.9")
    assert {0, 30_000} <= begins("0.1.0")


def test_races_of_those_who_cancel_themselves_are_looked_for_where_that_cancels() -> None:
    questions = matrix().questions
    assert [number for number, one in questions.items() if not one.is_judged("UC")] == ["R1", "R2"]
    assert [number for number, one in questions.items() if not one.is_judged("OM")] == ["P9", "P19", "R4"]


def test_after_an_upgrade_documents_are_those_of_the_newer_version(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(number: str, *, version: str, **rest: Any) -> Invariant:
        asked.append(version)
        return invariant(number, version=version, **rest)

    monkeypatch.setattr(sys.modules[matrix.__module__], "invariant", noted)
    for version in ("1.0.5", "1.0.7→1.0.9"):
        SUBJECT.world_of(version, "N", drawn(version, "accumulator", "N", 1)[0], ["P1"])
    assert asked == ["1.0.5", "1.0.9"]


def test_hardened_is_excused_of_what_its_contract_excepts_and_no_release_of_anything() -> None:
    def excused(version: str, models: str) -> list[str]:
        return [number for number, one in SUBJECT.questions.items() if one.is_excused(version, models)]

    assert not any(excused(version, "UCOKM") for version in SUBJECT.versions if version != "hardened")
    assert excused("hardened", "N") == ["P13"]
    assert {"P3", "P10", "P13", "P14", "P20"} <= {*excused("hardened", "C")}
    assert "P1" not in excused("hardened", "UCOKM")
