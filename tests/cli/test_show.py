"""`convexsim show`: a run in columns or in files, with its verdict and its exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from convexsim.cli import main
from tests.test_cli import LESSON


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")
    return tmp_path


@pytest.fixture
def found(capsys: pytest.CaptureFixture[str]) -> str:
    """The replay string of the lesson's race."""
    assert main(["explore", "lesson.py:racy", "--json"]) == 1
    string: str = json.loads(capsys.readouterr().out.splitlines()[0])["finding"]["replay"]
    return string


def test_a_run_is_shown_in_columns(found: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "lesson.py", found]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"ms  who +a +b +what", lines[0])
    assert any(re.fullmatch(r" +0  alice\.1 +┬ +bump", line) for line in lines)
    assert any(re.fullmatch(r" +(alice|bob)\.1\.2 +.* ● .*commits ts 1 · → null", line) for line in lines)
    assert any(line.endswith("BROKEN two_bumps_make_two") for line in lines)
    assert lines[-2] == "  broken: two_bumps_make_two: two bumps, but 1 counted"
    assert lines[-1] == f"replay it: convexsim replay lesson.py '{found}'"
    assert max(map(len, lines[: lines.index("")])) <= 80


def test_what_holds_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "lesson.py:calm", "--json"])
    string = json.loads(capsys.readouterr().out.splitlines()[-1])["run"]["replay"]
    assert main(["show", "lesson.py:calm", string]) == 0


def test_for_a_program_it_says_what_was_written(found: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "lesson.py", found, "--mermaid", "race.mmd", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["show"]
    assert told["files"] == ["race.mmd"]
    assert told["replay"] == found
    assert told["violations"][0]["invariant"] == "two_bumps_make_two"
