"""The matrix of the batch processor as it is committed: each violation is seen again, a sample is explored anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.batch_processor.matrix import matrix
from components.batch_processor.workloads import UPGRADES
from convexsim import replay
from convexsim.cli.matrix_text import markdown
from convexsim.testing.cells import Cell, Endless
from convexsim.testing.matrix import Budget, Route, cell_of, explored

ROOT = Path(__file__).parents[1]
SUBJECT = matrix()
WHOLE = json.loads((ROOT / "docs" / "matrix.json").read_text(encoding="utf-8"))
CELLS = [Cell.of(cell) for cell in WHOLE["cells"]]
ENDLESS = [Endless(**each) for each in WHOLE["endless"]]
SAVED = [
    Cell.of(json.loads(line))
    for line in (ROOT / "tests" / "saved_choices" / "matrix.jsonl").read_text(encoding="utf-8").splitlines()
]
BY_PLACE = {(cell.version, cell.number): cell for cell in CELLS}
RELEASES = SUBJECT.versions[: SUBJECT.versions.index("hardened")]


@pytest.mark.parametrize("cell", SAVED, ids=lambda cell: f"{cell.version}-{cell.number}")
def test_a_saved_violation_is_exactly_that_violation(cell: Cell) -> None:
    assert cell.found is not None
    world = SUBJECT.world_of(cell.version, cell.models, cell.found.workload, [cell.number])
    again = replay([world], cell.found.replay)
    assert again.is_exact, "\n".join(again.drift)
    told = [(broken.invariant.partition(" ")[0], broken.message) for broken in again.run.violations]
    assert told == [(cell.number, cell.found.message)]


def test_every_violation_of_the_matrix_is_saved_and_the_page_is_made_of_it() -> None:
    assert [cell for cell in CELLS if cell.found is not None] == SAVED
    assert len(SAVED) > 100
    page = (ROOT / "docs" / "matrix.md").read_text(encoding="utf-8")
    assert page == "\n".join(markdown(SUBJECT, SUBJECT.versions, CELLS, ENDLESS)) + "\n"


def test_the_matrix_is_of_all_versions_properties_and_fault_models() -> None:
    assert [*BY_PLACE] == [(version, number) for version in SUBJECT.versions for number in SUBJECT.questions]
    assert {letter for models in WHOLE["asked"]["sets"] for letter in models} == {*"NUCOKM"}


@pytest.mark.parametrize(("version", "part", "fewest"), [("1.0.9", "iterator", 6), ("hardened", "accumulator", 1)])
def test_a_sample_is_explored_anew_and_says_the_same(version: str, part: str, fewest: int) -> None:
    """What the first leg finds stands in the table; what only a later one has found may need as little."""
    budget = Budget(**WHOLE["asked"]["budget"])
    legs = [*explored(SUBJECT, Route(version, part, ("N",)), budget)]
    assert legs[0].runs > 300
    assert len(legs[0].found) >= fewest
    for number in legs[0].asked:
        found, known = cell_of(SUBJECT, version, number, legs), BY_PLACE[version, number]
        assert found.found in (None, known.found), number
        assert (known.models == "N") or found.found is None, number


def test_hardened_breaks_nothing_that_it_promises() -> None:
    broken = {cell.number: cell.models for cell in CELLS if (cell.version, cell.verdict) == ("hardened", "violated")}
    assert broken == {}
    excused = {cell.number for cell in CELLS if (cell.version, cell.verdict) == ("hardened", "excused")}
    assert excused <= {"P3", "P10", "P13", "P14", "P20", "P28"}


@pytest.mark.parametrize(
    ("race", "versions", "models"),
    [
        ("R1", ("1.0.5", "1.0.6"), "M"),
        ("R2", ("1.0.7", "1.0.9"), "UM"),
        ("R3", RELEASES, "C"),
        ("R4", RELEASES[:5], "N"),
        ("R5", RELEASES[2:], "U"),
        ("R6", RELEASES, "N"),
        ("R7", ("1.0.4",), "K"),
    ],
)
def test_each_race_is_found_where_it_belongs(race: str, versions: tuple[str, ...], models: str) -> None:
    broken = [cell for cell in CELLS if cell.number == race and cell.found is not None]
    found = {cell.version: cell.models for cell in broken if cell.version not in UPGRADES}
    assert found == dict.fromkeys(versions, models)
