"""`convexsim matrix`: the table, its files, going on after a stop, a violation shown again, and what is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from convexsim.cli import main
from convexsim.testing.cells import Cell

TOY = "tests.testing.toy"
ROOT = Path(__file__).parents[1]


def tabulated(folder: Path, *options: str) -> tuple[int, list[Cell]]:
    """Run the command in a folder; return its exit code and the cells."""
    path = folder / "cells.json"
    code = main(["matrix", TOY, "--budget", "1", "--store", str(folder), "--json", str(path), *options])
    return code, [Cell.of(cell) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]


def test_the_table_says_what_breaks_each_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, cells = tabulated(tmp_path, "--faults", "N,C", "--workers", "2")
    assert code == 1
    assert {(cell.version, cell.number): (cell.verdict, cell.models) for cell in cells} == {
        ("1", "T1"): ("violated", "N"),
        ("1", "T2"): ("violated", "C"),
        ("1", "T3"): ("not applicable", ""),
        ("2", "T1"): ("holds", ""),
        ("2", "T2"): ("holds", ""),
        ("2", "T3"): ("holds", ""),
    }
    assert capsys.readouterr().out.splitlines()[:4] == [
        "                 1  2",
        "T1 NOTHING-LOST  N  ·",
        "T2 NO-FAILURE    C  ·",
        "T3 SIGN          –  ·",
    ]


def test_one_worker_or_three_tell_the_same(tmp_path: Path) -> None:
    told = []
    for workers in ("1", "3"):
        folder = tmp_path / workers
        folder.mkdir()
        tabulated(folder, "--faults", "N,C", "--workers", workers)
        told.append((folder / "cells.json").read_text(encoding="utf-8"))
    assert told[0] == told[1]


def test_a_page_and_a_line_for_each_violation_are_written(tmp_path: Path) -> None:
    page, lines = tmp_path / "page.md", tmp_path / "lines.jsonl"
    tabulated(tmp_path, "--versions", "1", "--faults", "N", "--markdown", str(page), "--save", str(lines))
    text = page.read_text(encoding="utf-8")
    assert "| **T1** NOTHING-LOST: Every bump is counted. | N |" in text
    assert "| 1 | T1 | N | 1 were bumped and 0 counted | 2 |" in text
    (line,) = lines.read_text(encoding="utf-8").splitlines()
    assert Cell.of(json.loads(line)).number == "T1"


def test_it_is_told_how_many_orders_came_to_no_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tabulated(tmp_path, "--faults", "N,C", "--together", "1")
    assert capsys.readouterr().out.splitlines()[-1] == "Every order came to its end."
    assert json.loads((tmp_path / "cells.json").read_text(encoding="utf-8"))["endless"] == []
    kept, page = tmp_path / "matrix.jsonl", tmp_path / "page.md"
    first, *lines = kept.read_text(encoding="utf-8").splitlines()
    legs = [json.loads(line) for line in lines]
    endless = {("2", "N"): 3, ("1", "N"): 1, ("1", "C"): 2}
    marked = [json.dumps({**leg, "endless": endless.get((leg["version"], leg["models"]), 0)}) for leg in legs]
    kept.write_text("\n".join([first, *reversed(marked)]), encoding="utf-8")
    tabulated(tmp_path, "--faults", "N,C", "--together", "1", "--resume", "--markdown", str(page))
    runs = {(leg["version"], leg["models"]): leg["runs"] for leg in legs}
    said = [f"1: 1 of {runs['1', 'N']} under N, 2 of {runs['1', 'C']} under C", f"2: 3 of {runs['2', 'N']} under N"]
    assert capsys.readouterr().out.splitlines()[-2:] == said
    below = page.read_text(encoding="utf-8").partition("## Orders without an end")[2].partition("## What broke")[0]
    assert [line for line in below.splitlines() if line.startswith("- ")] == [f"- {line}" for line in said]
    told = json.loads((tmp_path / "cells.json").read_text(encoding="utf-8"))["endless"]
    assert told[0] == {"version": "1", "models": "N", "runs": 1, "of": runs["1", "N"]}
    assert len(told) == len(said) + 1


def test_what_holds_ends_with_0(tmp_path: Path) -> None:
    code, cells = tabulated(tmp_path, "--versions", "2", "--properties", "T1,T3", "--faults", "N", "--seed", "5")
    assert (code, len(cells)) == (0, 2)


def test_a_violation_is_shown_again_with_its_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tabulated(tmp_path, "--faults", "N")
    capsys.readouterr()
    assert main(["matrix", TOY, "--json", str(tmp_path / "cells.json"), "--show", "1:T1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "T1 NOTHING-LOST of 1: Every bump is counted."
    assert lines[-1] == "broken: T1 nothing_is_lost: 1 were bumped and 0 counted"
    assert not [line for line in lines if "drifted" in line]


def test_it_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    _, whole = tabulated(tmp_path, "--faults", "N,C")
    kept = tmp_path / "matrix.jsonl"
    lines = kept.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 4 + 2
    marked = json.loads(lines[1])
    marked["runs"] += 1_000_000
    kept.write_text("\n".join([lines[0], json.dumps(marked), lines[3], lines[4][:20]]), encoding="utf-8")
    _, again = tabulated(tmp_path, "--faults", "N,C", "--resume")
    assert sum(cell.runs for cell in again) > 1_000_000, "the first leg was taken as it was kept"
    assert [(cell.verdict, cell.models) for cell in again] == [(cell.verdict, cell.models) for cell in whole]
    assert len(kept.read_text(encoding="utf-8").splitlines()) == 1 + 4 + 2


def test_a_matrix_that_is_killed_loses_no_leg_that_was_done(tmp_path: Path) -> None:
    kept = tmp_path / "matrix.jsonl"
    command = [sys.executable, "-m", "convexsim", "matrix", TOY, "--budget", "10", "--store", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        patience = monotonic() + 60
        while not kept.exists() or len(kept.read_text(encoding="utf-8").splitlines()) < 2:
            assert monotonic() < patience
            sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    first, leg = kept.read_text(encoding="utf-8").splitlines()[:2]
    assert json.loads(first)["component"] == TOY
    assert json.loads(leg)["version"] == "1"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--versions", "3"], "There is no version '3'."),
        (["--properties", "P1"], "There is no property 'P1'."),
        (["--faults", "Z"], "There is no fault model 'Z'."),
        (["--show", "1:T1"], "--show shows what a file knows."),
        (["--show", "1"], "There is no property ''."),
        (["--show", "1:T1", "--json", "nowhere.json"], "nowhere.json is no matrix"),
        (["--resume", "--store", "nowhere"], "nowhere/matrix.jsonl cannot be used"),
        (["--budget", "0"], "'0' is no count"),
        (["--json", "nowhere/cells.json"], "nowhere/cells.json cannot be written."),
        (["--markdown", "docs"], "docs cannot be written."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["matrix", TOY, *options]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.splitlines()) == 1


def test_options_of_another_matrix_are_not_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tabulated(tmp_path, "--faults", "N")
    assert main(["matrix", TOY, "--budget", "5", "--store", str(tmp_path), "--resume"]) == 2
    assert "was asked for with other options" in capsys.readouterr().err


def test_a_component_without_a_matrix_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "json"]) == 2
    assert "The module json offers no matrix." in capsys.readouterr().err
