"""`convexsim show`: a run in columns or in files, with its verdict and its exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from convexsim.cli import main
from tests.test_cli import LESSON, refused


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


def test_a_run_is_written_in_every_form_that_was_asked_for(found: str, capsys: pytest.CaptureFixture[str]) -> None:
    forms = {"mermaid": "race.mmd", "perfetto": "race.json", "jsonl": "race.jsonl"}
    options = [word for form, file in forms.items() for word in (f"--{form}", file)]
    assert main(["show", "lesson.py", found, *options]) == 1
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.endswith(": written")] == [
        f"{each}: written" for each in forms.values()
    ]
    assert "┬" not in out
    assert Path("race.mmd").read_text(encoding="utf-8").startswith("sequenceDiagram\n    title: racy\n")
    perfetto = json.loads(Path("race.json").read_text(encoding="utf-8"))
    assert perfetto["otherData"]["replay"] == found
    head, *events, last = map(json.loads, Path("race.jsonl").read_text(encoding="utf-8").splitlines())
    assert head["convexsim"] == perfetto["otherData"]
    assert head["convexsim"]["platform"]["write_bytes_per_second"] is None
    assert last["run"]["replay"] == found
    assert main(["replay", "lesson.py", found, "--json"]) == 1
    assert [*map(json.loads, capsys.readouterr().out.splitlines())] == [*events, last]


def test_for_a_program_it_says_what_was_written(found: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "lesson.py", found, "--mermaid", "race.mmd", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["show"]
    assert told["files"] == ["race.mmd"]
    assert told["replay"] == found
    assert told["violations"][0]["invariant"] == "two_bumps_make_two"


def test_where_nothing_can_be_written_is_told(found: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "show", "lesson.py", found, "--jsonl", "nowhere/race.jsonl")
    assert (
        said
        == "nowhere/race.jsonl cannot be written: No such file or directory. Name a file in a folder that is there."
    )
