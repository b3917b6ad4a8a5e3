"""Colours: whoever wants them has them, what is piped has none, and they change no word."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from convexsim.cli import main
from convexsim.cli.colour import Paint, is_wanted
from tests.cli.pseudo_terminal import Sat, sit
from tests.test_cli import LESSON, START, Terminal

ROOT: Final = Path(__file__).parents[2]
RED, GREEN, END = "\x1b[1;31m", "\x1b[32m", "\x1b[0m"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")
    return tmp_path


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def typed(words: str, wishes: Mapping[str, str]) -> Sat:
    """Type a command at a terminal."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **wishes}
    return sit([sys.executable, "-c", START, *words.split()], [], environment)


@pytest.mark.parametrize(
    ("when", "wishes", "who"),
    [
        ("auto", {}, "terminal"),
        ("auto", {"TERM": "dumb"}, "nobody"),
        ("auto", {"NO_COLOR": "1"}, "nobody"),
        ("auto", {"NO_COLOR": ""}, "terminal"),
        ("auto", {"FORCE_COLOR": "1"}, "everybody"),
        ("auto", {"FORCE_COLOR": "1", "TERM": "dumb"}, "everybody"),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, "nobody"),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, "everybody"),
        ("never", {"FORCE_COLOR": "1"}, "nobody"),
    ],
)
def test_who_has_colours(when: str, wishes: dict[str, str], who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, wish in wishes.items():
        monkeypatch.setenv(name, wish)
    assert is_wanted(when, Terminal()) == (who in ("terminal", "everybody"))
    assert is_wanted(when, io.StringIO()) == (who == "everybody")


def test_a_verdict_is_red_or_green(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "lesson.py", "--runs", "40", "--color", "always"]) == 1
    painted = capsys.readouterr().out
    assert main(["explore", "lesson.py", "--runs", "40"]) == 1
    assert plain(painted) == capsys.readouterr().out
    assert f"\nracy: {RED}BROKEN after " in painted
    assert f"\n{RED}  broken: two_bumps_make_two: two bumps, but 1 counted{END}\n" in painted
    assert f"\ncalm: {GREEN}no failure{END} in 40 runs" in painted
    assert f"  {GREEN}commits as ts 1{END}\n" in painted


def test_json_has_no_colours_whatever_words_are_in_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lesson.py").write_text(LESSON.replace("def calm", "def BROKEN"), encoding="utf-8")
    assert main(["certify", "lesson.py:BROKEN", "proof", "--json", "--color", "always"]) == 0
    assert json.loads(capsys.readouterr().out)["certificate"]["scenario"] == "BROKEN"


def test_a_terminal_has_colours_and_dumb_ones_have_none() -> None:
    painted = typed("run lesson.py:calm", {})
    assert painted.code == 0
    assert f"calm: {GREEN}nothing broke{END} (level 2" in painted.shown
    for wishes in ({"TERM": "dumb"}, {"NO_COLOR": "1"}):
        assert typed("run lesson.py:calm", wishes).shown == plain(painted.shown)


def test_a_kind_without_a_style_and_an_empty_text_stay() -> None:
    assert Paint(is_on=True)("called", "text") == "text"
    assert Paint(is_on=True)("broken", "") == ""
    assert Paint(is_on=False)("broken", "text") == "text"
    assert Paint(is_on=True)("broken", "text") == f"{RED}text{END}"


def test_progress_is_shown_at_a_terminal_and_taken_away_again() -> None:
    sat = typed("explore lesson.py:calm --runs 3000 --no-store", {"TERM": "dumb"})
    assert sat.code == 0
    *shown, last = sat.shown.split("\r")
    bars = [line for line in shown if line.startswith("calm: [")]
    assert bars
    for bar in bars:
        assert re.fullmatch(r"calm: \[#*\.*\] [\d,]+ of 3,000 runs, [\d,.]+ runs/s, .*[\d,]+ s left *", bar)
    assert shown[-2].strip() == "" or "no failure" in sat.shown
    assert last == "\n"
