"""What the benchmarks' figures rest on: that the yardstick does the same work, and that what is missing is told.

Nothing here is timed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import others
from benchmarks.adding import EXTERNALS, adding, calls
from benchmarks.memory import censuses
from benchmarks.others import MissingError, Probe
from benchmarks.plain import PlainWorld
from benchmarks.search import Search, searched
from benchmarks.serial_adds import added
from convexsim import Run, Simulation, View
from convexsim.choices import Kind, Option, RandomChoices, Taken, root_of

SEEDS = range(25)
NOWHERE = "no-such-program"

# ------------------------------------------------------------------------------------------------ the yardstick


class Following:
    """Goes the way of a run of the runtime: whoever had a turn there has it here, among as many as there."""

    def __init__(self, run: Run) -> None:
        self.left: Iterator[Taken] = iter(run.record.labelled())

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        taken = next(self.left)
        assert (kind, len(options)) == (taken.kind, taken.count)
        if kind == "backoff":
            return taken.index
        return [root_of(option.activity) for option in options].index(root_of(taken.activity))


def left_behind(view: View) -> dict[str, Any]:
    """Return all documents of a world, those of scheduled functions too, and what was delivered."""
    tables = {f"{path}/{name}": view.documents(name, path) for path, name in view.tables()}
    scheduled = {path: view.scheduled_functions(path) for path in ("", "batchProcessor")}
    return {**tables, "scheduled": scheduled, "outside": [view.external(name) for name in EXTERNALS], "now": view.now}


@pytest.mark.parametrize("version", ["1.0.5", "1.0.6"])
def test_the_same_choices_lead_the_yardstick_to_the_same_documents(version: str) -> None:
    world, conflicts, ends = adding(version), 0, set()
    for seed in SEEDS:
        run = Simulation(world, RandomChoices(seed), trace=False).run()
        following = Following(run)
        plain = PlainWorld(world.app.catalog(), EXTERNALS, following)
        plain.run(calls(3, flush=True))
        left = left_behind(View(plain.environment, plain.database, [], plain.now))
        assert left == left_behind(run.view)
        assert next(following.left, None) is None
        conflicts += any(taken.kind == "backoff" for taken in run.record.labelled())
        ends.add((plain.now, len(left["outside"][1])))
    assert conflicts > 0
    assert len(ends) > 1  # by the flush, by the timer, in two parts


# ------------------------------------------------------------------------------------------- searches and memory


def test_a_search_says_its_runs_and_traces_or_that_it_is_not_finished(capsys: pytest.CaptureFixture[str]) -> None:
    two = Search("1.0.6", 2, flush=False, level=3)
    ended = searched(two, cap=1_000)
    assert (ended["runs"], ended["traces"], ended["finished"]) == (2, 2, True)
    assert searched(two, cap=1)["finished"] is False
    first, second = capsys.readouterr().out.splitlines()
    assert "2 runs" in first
    assert "not finished" not in first
    assert "not finished after 1 runs" in second


def test_memory_is_counted_at_a_hundredth_a_tenth_and_the_end() -> None:
    assert [each["runs"] for each in censuses(100)] == [1, 10, 100]


def test_serial_adds_leave_a_row_each() -> None:
    assert added(3) == 3


# ------------------------------------------------------------------------------------------------- other tools


def saying(text: str, status: int = 0) -> list[str]:
    """Return a command that prints something and ends."""
    return [sys.executable, "-c", f"import sys; print({text!r}); sys.exit({status})"]


def test_what_does_not_run_or_fails_is_told_by_the_last_line_that_it_says() -> None:
    with pytest.raises(MissingError, match=f"^{NOWHERE} does not run: No such file or directory$"):
        others.output_of([NOWHERE])
    with pytest.raises(MissingError, match=r"failed: this is why$"):
        others.output_of(saying("much\nthis is why", 1))
    with pytest.raises(MissingError, match=r"failed: exit status 3$"):
        others.output_of(saying("", 3))


def test_a_python_that_does_not_run_or_is_too_old_is_passed_over() -> None:
    assert others.python_of((3, 11), [NOWHERE, sys.executable, NOWHERE]) == sys.executable
    with pytest.raises(MissingError, match=r"^no Python of at least 9\.0 was found$"):
        others.python_of((9, 0), [NOWHERE, sys.executable])


def test_a_tool_that_cannot_be_had_is_one_line_and_ours_remain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(others, "pythons", lambda: [NOWHERE])
    assert [probe.title for probe in others.exploring(tmp_path, 1)] == ["convexsim, random", "convexsim, DPOR"]
    monkeypatch.setenv("PATH", "")
    assert [probe.title for probe in others.adding(tmp_path, 1)] == ["convexsim"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("==")[0].split(":")[0].strip() for line in lines] == [
        "frontrun",
        "simloom",
        "simloop",
        "seedloop",
        "convex-test",
    ]
    assert lines[1].endswith(": no Python of at least 3.12 was found")
    assert lines[-1] == "  convex-test: node is not here"


def test_rates_are_compared_with_the_first_and_who_fails_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    ours = Probe("ours", saying('{"orders": 10, "seconds": 2, "lost": 1}'))
    twice = Probe("twice", saying('a word before\n{"orders": 10, "seconds": 1, "lost": 0}'))
    rows = others.compared([ours, Probe("broken", saying("no", 1)), twice], "orders")
    assert rows == [
        {"name": "ours", "a second": 5, "times ours": 1, "lost": 1},
        {"name": "twice", "a second": 10, "times ours": 2, "lost": 0},
    ]
    assert capsys.readouterr().out.splitlines()[0].endswith("failed: no")


def test_the_lost_update_of_the_table_is_ours_too() -> None:
    """The file that every tool's own interpreter runs is run by this one, with the tool that is here."""
    probe = Probe("convexsim, random", [sys.executable, str(others.HERE / "lost_updates.py"), "convexsim, random", "9"])
    probe.run()
    (result,) = probe.results
    assert (result["orders"], result["first"]) == (9, 2)
