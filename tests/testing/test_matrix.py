"""The matrix of a component whose matrix is known: what breaks, under what, in how little."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pytest
from attrs import evolve

from convexsim import Scenario, UsageError, replay
from convexsim.testing.cells import Cell, Endless, Leg, endless_of
from convexsim.testing.matrix import (
    SHARED,
    Budget,
    Route,
    cell_of,
    explored,
    model_sets,
    names,
    open_subject,
    shared,
)
from convexsim.testing.workload import Workload
from tests.testing.toy import matrix, world_of

SUBJECT = matrix()
SMALL = Budget(workloads=2, orders=6)


@lru_cache
def legs(version: str, sets: tuple[str, ...] = ("N", "C"), budget: Budget = SMALL) -> list[Leg]:
    return [*explored(SUBJECT, Route(version, "bumps", sets), budget)]


def test_what_breaks_is_found_under_the_weakest_models_and_made_small() -> None:
    first, second = legs("1")
    assert (first.models, second.models) == ("N", "C")
    found = first.found["T1"]
    assert found.is_minimal
    assert found.message == "1 were bumped and 0 counted"
    assert [len(entries) for entries in found.workload.clients.values()] == [1, 1]
    assert [entry.args["by"] for (entry,) in found.workload.clients.values()] in ([[1], []], [[], [1]])
    assert not any(entry.wait_ms for (entry,) in found.workload.clients.values())
    assert "T1" not in second.asked
    assert second.found["T2"].workload.size[0] == 1


def test_what_is_found_can_be_replayed_in_the_world_of_its_workload() -> None:
    for leg in legs("1"):
        for number, found in leg.found.items():
            again = replay([world_of("1", leg.models, found.workload, [number])], found.replay)
            assert again.is_exact
            assert [broken.message for broken in again.run.violations] == [found.message]


def test_nothing_smaller_than_what_was_found_breaks_in_any_of_the_orders_tried() -> None:
    found = legs("1")[0].found["T1"]
    for place in found.workload.places:
        less = found.workload.without([place])
        leg = Leg("1", "bumps", "N", ("T1",), workloads=1)
        subject = evolve(SUBJECT, generate=lambda *_, less=less: less)
        (again,) = explored(subject, Route("1", "bumps", ("N",)), Budget(1, 20))
        assert not again.found, leg


def test_what_holds_says_how_much_was_explored() -> None:
    told = legs("2")
    assert [leg.found for leg in told] == [{}, {}]
    cell = cell_of(SUBJECT, "2", "T1", told)
    assert (cell.verdict, cell.models, cell.workloads) == ("holds", "", 20)
    assert cell.runs == sum(leg.runs for leg in told) == 20 * (6 + 1 + 3 + 3)


def test_a_leg_ends_when_all_that_was_asked_is_known() -> None:
    only = SUBJECT.only(["T1"])
    first, second = explored(only, Route("1", "bumps", ("N", "C")), SMALL)
    assert first.workloads < SMALL.of(0) == 8 * SMALL.workloads == 4 * SMALL.of(1) == 16
    assert (second.asked, second.workloads, second.runs) == ((), 0, 0)


def test_what_breaks_under_strong_models_is_tried_under_weaker_ones() -> None:
    (leg,) = legs("1", ("CX",), Budget(8, 6))
    assert {number: found.models for number, found in leg.found.items()} == {"T1": "N", "T2": "C"}
    assert leg.found["T1"].workload.setting == {"crashes": 0}
    assert cell_of(SUBJECT, "1", "T1", [leg]).models == "N"


def test_a_model_under_which_a_property_is_not_judged_is_no_weaker_one() -> None:
    question = evolve(SUBJECT.questions["T1"], is_judged=lambda models: models != "N")
    (leg,) = explored(evolve(SUBJECT, questions={"T1": question}), Route("1", "bumps", ("CX",)), Budget(8, 6))
    assert leg.found["T1"].models == "C"


def test_what_broke_in_another_version_is_tried_where_it_fits_and_would_say_more() -> None:
    route, found = Route("1", "bumps", ("N",)), legs("1")[0].found["T1"]
    elsewhere = Leg("0", "bumps", "N", ("T1",), found={"T1": found})
    tried = shared(SUBJECT, route, SMALL, [elsewhere])
    assert (tried.version, tried.models, tried.workloads) == ("1", SHARED, 1)
    assert (tried.found["T1"].models, tried.found["T1"].message) == ("N", found.message)
    assert cell_of(SUBJECT, "1", "T1", [tried]).models == "N"
    unfit = shared(SUBJECT, Route("2", "bumps", ("N",)), SMALL, [elsewhere])
    assert (unfit.workloads, unfit.found) == (0, {})
    as_weak = Leg("1", "bumps", "N", ("T1",), found={"T1": found})
    assert shared(SUBJECT, route, SMALL, [as_weak, elsewhere]).workloads == 0
    stronger = evolve(as_weak, models="C", found={"T1": evolve(found, models="C")})
    better = shared(SUBJECT, route, SMALL, [stronger, elsewhere])
    assert cell_of(SUBJECT, "1", "T1", [stronger, better]).models == "N"


def test_orders_without_an_end_are_counted_and_break_no_property() -> None:
    def cut_short(version: str, models: str, workload: Workload, numbers: Sequence[str]) -> Scenario:
        return world_of(version, models, workload, numbers).variant("short", max_steps=5 if models == "N" else 10_000)

    subject = evolve(SUBJECT.only(["T2"]), world_of=cut_short)
    plain, dying = explored(subject, Route("1", "bumps", ("N", "C")), SMALL)
    assert plain.endless == plain.runs == 16 * (6 + 1 + 3 + 3)
    assert dying.endless == 0
    assert dying.found["T2"].models == "C"
    assert endless_of([plain, dying, evolve(plain, runs=10, endless=1)]) == [Endless("1", "N", 209, 218)]


def test_legs_that_are_known_already_are_not_explored_again() -> None:
    whole = legs("1")
    (second,) = explored(SUBJECT, Route("1", "bumps", ("N", "C")), SMALL, whole[:1])
    assert second == whole[1]


def test_the_same_is_found_again_and_with_another_seed_in_other_workloads() -> None:
    assert legs("1") == [*explored(SUBJECT, Route("1", "bumps", ("N", "C")), SMALL)]
    others = legs("2", budget=Budget(2, 6, seed=1))
    assert [leg.found for leg in others] == [{}, {}]


def test_a_seed_says_which_workloads_there_are() -> None:
    def generated(seed: int) -> list[str]:
        made: list[str] = []

        def noted(*given: Any) -> Workload:
            workload = SUBJECT.generate(*given)
            made.append(str(workload))
            return workload

        [*explored(evolve(SUBJECT, generate=noted), Route("2", "bumps", ("N",)), Budget(2, 1, seed=seed))]
        return made

    assert generated(0) == generated(0) != generated(1)


def test_a_cell_says_the_weakest_models_and_whether_they_are_excused() -> None:
    told = legs("1", ("N", "C", "CX"))
    assert (cell_of(SUBJECT, "1", "T1", told).verdict, cell_of(SUBJECT, "1", "T1", told).models) == ("violated", "N")
    assert cell_of(SUBJECT, "1", "T3", told).verdict == "not applicable"
    assert cell_of(SUBJECT, "1", "T1", []).verdict == "not explored"
    question = evolve(SUBJECT.questions["T2"], is_excused=lambda version, models: (version, models) == ("1", "C"))
    subject = evolve(SUBJECT, questions={"T2": question})
    assert (cell_of(subject, "1", "T2", told).verdict, cell_of(subject, "1", "T2", told).models) == ("excused", "C")


def test_legs_and_cells_survive_json() -> None:
    told = legs("1")
    assert [Leg.of(json.loads(json.dumps(leg.as_data()))) for leg in told] == told
    for number in SUBJECT.questions:
        cell = cell_of(SUBJECT, "1", number, told)
        assert Cell.of(json.loads(json.dumps(cell.as_data()))) == cell
    with pytest.raises(UsageError, match="is no cell"):
        Cell.of({"version": "1"})


def test_sets_of_models_come_weakest_first_and_all_of_them_last() -> None:
    subject = evolve(SUBJECT, models=dict.fromkeys("NUCK", ""))
    assert model_sets(subject, "NUCK", 2) == ("N", "U", "C", "K", "UC", "UK", "CK", "UCK")
    assert model_sets(subject, "NUCK", 1) == ("N", "U", "C", "K", "UCK")
    assert model_sets(subject, "UK", 2) == ("U", "K", "UK")
    assert model_sets(subject, "N", 2) == ("N",)


def test_names_that_are_not_there_are_refused_with_those_that_are_near() -> None:
    assert names("b, a", ["a", "b", "c"], "letter") == ["a", "b"]
    assert names(None, ["a", "b"], "letter") == ["a", "b"]
    with pytest.raises(UsageError, match=r"There is no version '1\.0\.8'") as refused:
        names("1.0.8", ["1.0.7", "2"], "version")
    assert "1.0.7" in str(refused.value.next_step)
    with pytest.raises(UsageError, match="There is no version ','"):
        names(",", ["1"], "version")


def test_a_module_without_a_matrix_is_refused() -> None:
    assert open_subject("tests.testing.toy").versions == ("1", "2")
    with pytest.raises(UsageError, match=r"The module json offers no matrix\."):
        open_subject("json")
    with pytest.raises(UsageError, match=r"There is no module 'no\.such'"):
        open_subject("no.such")


def test_what_broke_in_another_version_is_first_tried_in_the_order_that_broke_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = legs("1")[0].found["T1"]
    elsewhere = Leg("0", "bumps", "N", ("T1",), found={"T1": found})
    monkeypatch.setattr("convexsim.testing.matrix._runs", lambda *_: iter(()))  # no other order
    (again,) = shared(SUBJECT, Route("1", "bumps", ("N",)), SMALL, [elsewhere]).found.values()
    assert (again.message, again.workload) == (found.message, found.workload)
