"""The README: its example runs as written and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convexsim.cli import main
from tests.pages import ROOT, Page, printed_by
from tests.test_house import ROOMS

README = Page.read(ROOT / "README.md")


@pytest.fixture
def seats(tmp_path: Path) -> Path:
    path = tmp_path / "seats.py"
    path.write_text(README.block("example: two_buyers"), encoding="utf-8")
    return path


def test_the_example_prints_what_the_readme_says(tmp_path: Path) -> None:
    printed = printed_by({"seats": README.block("example: two_buyers")}, tmp_path)
    assert printed["seats"] == README.block("output: two_buyers")


def test_the_replay_line_of_the_readme_works(seats: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = next(line for line in README.text.splitlines() if " replay play/seats.py " in line)
    string = line.split()[-1]
    assert main(["replay", str(seats), string]) == 1
    assert "one_seat_is_sold" in capsys.readouterr().out


def test_the_example_is_short() -> None:
    code = [line for line in README.block("example: two_buyers").splitlines() if line.strip()]
    assert len(code) <= 16


def test_every_linked_file_exists() -> None:
    assert len(README.links) >= 4
    assert [link for link in README.links if not (ROOT / link).exists()] == []


def test_the_house_line_is_the_one_that_is_tested() -> None:
    rooms = re.search(r"^`(errors → .*)`$", README.text, re.MULTILINE)
    assert rooms is not None
    assert rooms.group(1).split(" → ") == list(ROOMS)
