"""docs/commandline.md: what it shows is what one sees, and no command, exit code or key of JSON is left out."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any, Final

import pytest

from convexsim.cli import main
from convexsim.cli.command import CODES
from convexsim.cli.commands import COMMANDS
from convexsim.cli.formats import FORMATS
from tests.cli.repository import looks_like_the_repository
from tests.pages import ROOT, Page

PAGE: Final = Page.read(ROOT / "docs" / "commandline.md")
ALL: Final = [command.name for group in COMMANDS.values() for command in group]
CONFLICT: Final = "scenarios/a_conflict.py cs2.L2.a_conflict.2Ai9ih2A99qa.kll987e"
CHAIN: Final = "scenarios/double_chain.py cs2.L2.double_chain.6A99mm.di95kji"
PROVED: Final = "scenarios/concurrent_threshold_flushes.py:two_threshold_flushes two.certificate"
UNPROVED: Final = "scenarios/double_chain.py:double_chain chain.certificate"

TOLD_BY: Final = {
    "error": ["run none.py --json"],
    "finding of explore": ["explore scenarios/double_chain.py:double_chain --json"],
    "report": ["explore scenarios/double_chain.py:double_chain --json"],
    "clock": ["explore scenarios/double_chain.py:double_chain --json"],
    "finding of findings": ["explore scenarios/double_chain.py:double_chain", "findings --json"],
    "show": [f"show {CONFLICT} --json"],
    "orders": ["play scenarios/a_snapshot.py --html play.html --json"],
    "explanation": [f"explain {CHAIN} --runs 4 --json"],
    "conflicts": ["conflicts scenarios/read_set.py --runs 3 --json"],
    "certificate": [f"certify {UNPROVED} --json"],
    "verdict": [f"certify {PROVED}", f"verify {PROVED} --json"],
    "lesson": ["lesson 2 --json"],
    "completion": ["completion bash --json"],
}
"""By which commands an object of each kind comes, the last of which prints it."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(looks_like_the_repository(tmp_path))
    return tmp_path


def table(heading: str) -> dict[str, str]:
    """Return the rows of the first table below a heading: what stands in the first column, and in the next one."""
    section = re.split(rf"^#+ {heading}$", PAGE.text, flags=re.MULTILINE)[1]
    rows = [line.strip("|").split(" | ") for line in section.partition("\n#")[0].splitlines() if line.startswith("|")]
    return {row[0].strip(" `"): row[1].strip() for row in rows[2:]}


def pattern(line: str) -> str:
    """Return what a line that is shown stands for: `…` alone for any lines, at the end for the rest of one."""
    if line == "…":
        return "(?s:.*)"
    return re.escape(line[:-1]) + ".*\n" if line.endswith(" …") else re.escape(line) + "\n"


@pytest.mark.parametrize(("typed", "shown"), PAGE.sessions, ids=[typed for typed, _ in PAGE.sessions])
def test_a_command_prints_what_stands_below_it(typed: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(shlex.split(typed)[1:])
    printed = "".join(capsys.readouterr())
    assert re.fullmatch("".join(map(pattern, shown.splitlines())), printed), printed


def test_every_command_is_there() -> None:
    assert sorted(row.split()[0] for row in table("Commands")) == sorted(ALL)


def test_every_exit_code_is_there() -> None:
    assert table("Exit codes") == {str(code): said for code, said in CODES.items()}


def test_every_form_is_there() -> None:
    assert re.findall(r"^\* `--(\w+) FILE`", PAGE.text, re.MULTILINE) == ["html", *(form.name for form in FORMATS)]


def keys_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {*value}.union(*map(keys_of, value.values()))
    return set[str]().union(*map(keys_of, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("kind", TOLD_BY)
def test_json_has_the_keys_that_are_told(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in TOLD_BY[kind]:
        capsys.readouterr()
        main(words.split())
    objects = [json.loads(line) for line in "".join(capsys.readouterr()).splitlines()]
    name = kind.partition(" ")[0]
    (told,) = [each[name] for each in objects if name in each]
    named = {row.replace("`", ""): said for row, said in table("JSON").items()}
    keys = {*re.findall(r"`([a-z_]+)`", named[kind])}
    assert keys
    assert keys <= keys_of(told)


def test_every_kind_of_json_is_in_the_table() -> None:
    assert {row.replace("`", "") for row in table("JSON")} == {*TOLD_BY}


def test_the_diagram_is_the_one_that_is_written() -> None:
    main(["show", *CONFLICT.split(), "--mermaid", "race.mmd"])
    (shown,) = re.findall(r"^```mermaid\n(.*?)```", PAGE.text, re.MULTILINE | re.DOTALL)
    assert shown == Path("race.mmd").read_text(encoding="utf-8")
