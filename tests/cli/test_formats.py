"""`convexsim show --mermaid --perfetto --jsonl`: files for other programs, each of the same run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convexsim.cli import main
from convexsim.cli.formats import FORMATS
from tests.test_cli import LESSON, refused

FILES = {form.name: f"race.{form.name}" for form in FORMATS}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")
    return tmp_path


@pytest.fixture
def found(capsys: pytest.CaptureFixture[str]) -> str:
    """The replay string of the lesson's race."""
    assert main(["explore", "lesson.py:racy", "--json"]) == 1
    string: str = json.loads(capsys.readouterr().out.splitlines()[0])["finding"]["replay"]
    return string


def test_a_run_is_written_in_every_form_that_was_asked_for(found: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = [word for form, file in FILES.items() for word in (f"--{form}", file)]
    assert main(["show", "lesson.py", found, *options]) == 1
    assert "".join(f"{file}: written\n" for file in FILES.values()) in capsys.readouterr().out
    assert Path(FILES["mermaid"]).read_text(encoding="utf-8").startswith("sequenceDiagram\n    title: racy\n")
    perfetto = json.loads(Path(FILES["perfetto"]).read_text(encoding="utf-8"))
    assert perfetto["otherData"]["replay"] == found
    head, *events, last = map(json.loads, Path(FILES["jsonl"]).read_text(encoding="utf-8").splitlines())
    assert head["convexsim"] == perfetto["otherData"]
    assert head["convexsim"]["platform"]["write_bytes_per_second"] is None
    assert last["run"]["replay"] == found
    assert main(["replay", "lesson.py", found, "--json"]) == 1
    assert [*map(json.loads, capsys.readouterr().out.splitlines())] == [*events, last]


@pytest.mark.parametrize("form", FILES)
def test_where_nothing_can_be_written_is_told(form: str, found: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "show", "lesson.py", found, f"--{form}", "nowhere/race")
    assert said == "nowhere/race cannot be written: No such file or directory. Name a file in a folder that is there."
