"""The README: its example runs as written and prints what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from convexsim.cli import main
from tests.test_house import ROOMS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def fenced(marker: str) -> str:
    """Return the fenced block that follows a marker comment."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found is not None, f"the README has no block after <!-- {marker} -->"
    return found.group(1)


@pytest.fixture
def seats(tmp_path: Path) -> Path:
    path = tmp_path / "seats.py"
    path.write_text(fenced("example: two_buyers"), encoding="utf-8")
    return path


def test_the_example_prints_what_the_readme_says(seats: Path) -> None:
    ran = subprocess.run([sys.executable, str(seats)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.stderr == ""
    assert ran.stdout == fenced("output: two_buyers")


def test_the_replay_line_of_the_readme_works(seats: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = next(line for line in README.splitlines() if " replay play/seats.py " in line)
    string = line.split()[-1]
    assert main(["replay", str(seats), string]) == 1
    assert "one_seat_is_sold" in capsys.readouterr().out


def test_the_example_is_short() -> None:
    code = [line for line in fenced("example: two_buyers").splitlines() if line.strip()]
    assert len(code) <= 16


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) >= 4
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_house_line_is_the_one_that_is_tested() -> None:
    rooms = re.search(r"^`(errors → .*)`$", README, re.MULTILINE)
    assert rooms is not None
    assert rooms.group(1).split(" → ") == list(ROOMS)
