"""Saved choices: each bug that was found has left its replay string, and the string still finds exactly that bug.

A file of `saved_choices/` is one bug (architecture.md, rule 10), in lines: the script that has its ``scenario``, what
it ``breaks``, the string that is to ``replay`` it, and the switches that matter, as a report told them. To add one,
copy these from the report. If the code has changed on purpose, the failure here says what the string means now.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from convexsim import replay
from convexsim.explore.switches import switches_of
from convexsim.testing.scenario_file import open_scenarios

ROOT = Path(__file__).parents[1]
SAVED = sorted((ROOT / "tests" / "saved_choices").glob("*.txt"))
MOST_SWITCHES = 8


@pytest.mark.parametrize("saved", SAVED, ids=lambda path: path.stem)
def test_a_saved_string_replays_exactly_the_bug_it_was_saved_for(saved: Path) -> None:
    lines = saved.read_text(encoding="utf-8").splitlines()
    facts = dict(line.split(": ", 1) for line in lines[:3])
    assert list(facts) == ["scenario", "breaks", "replay"]
    with open_scenarios(ROOT / facts["scenario"]) as scenarios:
        again = replay(scenarios, facts["replay"])
    assert again.is_exact, "\n".join([*again.drift, f"now it is {again.string}"])
    assert again.run.scenario.name == saved.stem
    assert [broken.invariant for broken in again.run.violations] == [facts["breaks"]]
    switches = switches_of(again.run)
    assert lines[3:] == [str(switch) for switch in switches if len(switches) <= MOST_SWITCHES]


def test_every_bug_that_a_scenario_shows_is_saved() -> None:
    shown = [
        line.split(".")[2]
        for golden in (ROOT / "scenarios").glob("*.out")
        if not golden.name.endswith(".answer.out")
        for line in golden.read_text(encoding="utf-8").splitlines()
        if line.startswith("  replay: ")
    ]
    assert len(shown) > 5
    assert {*shown} <= {path.stem for path in SAVED}
