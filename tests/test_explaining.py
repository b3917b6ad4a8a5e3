"""The command `explain`: what it prints, its exit codes, and what it refuses in one line."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from convexsim import LockstepChoices, Simulation
from convexsim.cli import main
from convexsim.explore.replay import encode
from scenarios.hot_batch import cool_batch, hot_batch
from tests.pages import ROOT, Page

README = Page.read(ROOT / "README.md")
STRING = "cs2.L2.two_buyers.2Ai9g5.78alm9c"
PAGE = Page.read(ROOT / "docs" / "exploration.md")


@pytest.fixture
def seats(tmp_path: Path) -> str:
    path = tmp_path / "seats.py"
    path.write_text(README.block("example: two_buyers"), encoding="utf-8")
    return str(path)


@pytest.fixture
def told(seats: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return the facts that are told in JSON."""
    assert main(["explain", seats, STRING, "--json"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)["explanation"]


def test_it_tells_story_shares_and_what_ifs_and_how_to_replay(seats: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", seats, STRING]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    head, story, settled, what_if = out.split("\n\n")
    assert head.startswith("two_buyers: why one_seat_is_sold broke (")
    assert re.search(rf"replay it: .* replay {seats} '{re.escape(STRING)}'$", head)
    assert story.splitlines()[-1].endswith("BROKEN one_seat_is_sold: sold to ['bob', 'alice']")
    assert "3/4 = 75.0 %  at the start" in settled
    assert (
        "Had alice.1.2 begun shop:take before bob.1.1 began shop:isFree, one_seat_is_sold would have held." in what_if
    )


def test_what_is_told_in_json_says_the_same(told: Any) -> None:
    assert told["replay"] == STRING
    assert [violation["invariant"] for violation in told["violations"]] == ["one_seat_is_sold"]
    choices = told["choices"]
    assert [each["before"]["share"] for each in choices] == ["3/4", "3/4", "1", "1"]
    assert [each["after"] for each in choices[:-1]] == [each["before"] for each in choices[1:]]
    assert choices[told["point_of_no_return"]]["what"] == (
        "bob.1.1 begins shop:isFree before alice.1.2 begins shop:take"
    )
    assert [each["breaks"] for each in told["counterfactuals"]] == [False, False, True]


def test_every_string_that_is_told_can_be_replayed(told: Any, seats: str, capsys: pytest.CaptureFixture[str]) -> None:
    for each in told["counterfactuals"]:
        assert main(["replay", seats, each["replay"]]) == int(each["breaks"])
        assert "drifted" not in capsys.readouterr().out


def test_retries_are_told_of_any_run(capsys: pytest.CaptureFixture[str]) -> None:
    string = encode(Simulation(hot_batch, LockstepChoices()).run())
    assert main(["explain", "scenarios/hot_batch.py", string, "--retries"]) == 1
    assert capsys.readouterr().out.count("then     gave up") == 15
    assert main(["explain", "scenarios/hot_batch.py", string, "--retries", "--json"]) == 1
    lines = [json.loads(line)["retry"] for line in capsys.readouterr().out.splitlines()]
    assert sum(line["then"] == "gave up" for line in lines) == 15
    assert {line["index"] for line in lines} > {"batchProcessor/batches.by_baseBatchId_status"}


def test_a_run_that_held_is_explained_by_its_retries(capsys: pytest.CaptureFixture[str]) -> None:
    string = encode(Simulation(cool_batch).run())
    for also in ([], ["--retries"]):
        assert main(["explain", "scenarios/hot_batch.py", string, *also]) == 0
        assert capsys.readouterr().out.endswith("Nobody had to try again: no attempt conflicted.\n")


def test_shares_are_given_so_many_runs(seats: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", seats, STRING, "--runs", "2"]) == 1
    assert "4 choices nobody has looked at" in capsys.readouterr().out


def test_another_plan_of_faults_is_heeded(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the crash for which it was planned the string means nothing any more."""
    string = "cs2.L2.crash_leaves_flushing.2A994m.siov2jv"
    assert main(["explain", "scenarios/crash_leaves_flushing.py", string, "--faults", "none"]) == 2
    assert "is never offered any more" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["nonsense"], ["cs2.L2.elsewhere.0.aaaaaaa"], [STRING, "--runs", "0"]])
def test_what_cannot_be_explained_is_refused_in_one_line(
    wrong: list[str], seats: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", seats, *wrong]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1


def test_the_page_shows_what_its_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("seats.py").write_text(PAGE.block("example: explorers").rpartition("\n\n\nfor ")[0], encoding="utf-8")
    shown = ""
    for line in re.findall(r"^\$ (.*)$", PAGE.block("commands: explanation"), re.MULTILINE):
        main(shlex.split(line)[1:])
        shown += f"$ {line}\n{capsys.readouterr().out}"
    assert shown == PAGE.block("commands: explanation")
