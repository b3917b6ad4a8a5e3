"""docs/tutorial.md: whoever follows it literally, from an empty folder, sees what it shows.

Owns the folder in which it is followed, with the two commands where `make setup` puts them. How blocks are marked, and
what is shown of an output, tests/pages.py knows.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.pages import ROOT, Page, edited, shows, typed_in

TUTORIAL: Final = Page.read(ROOT / "docs" / "tutorial.md")
COMMANDS: Final = {
    "convexsim": "from convexsim.cli import main; raise SystemExit(main())",
    "pytest": "import pytest; raise SystemExit(pytest.main())",
}
"""What `make setup` puts into .venv/bin."""


def installed(folder: Path) -> Path:
    """Return a folder where one can type what the tutorial says, and where nothing else is."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name, program in COMMANDS.items():
        command = folder / ".venv" / "bin" / name
        command.write_text(f"#!{sys.executable}\n{program}\n", encoding="utf-8")
        command.chmod(0o755)
    return folder


def printed_in(folder: Path, line: str) -> str:
    """Return what a command prints, errors too, and as a page shows it: without empty lines at its end."""
    pytest_options = "-p convexsim_pytest -o pythonpath=."  # as installing the package and pyproject.toml set them
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": pytest_options}
    ran = subprocess.run(
        shlex.split(line),
        cwd=folder,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return ran.stdout.rstrip("\n") + "\n"


def followed(page: Page, folder: Path) -> list[str]:
    """Do what a page says, block by block, and return what each of its commands prints."""
    printed = []
    for kind, name, text in page.steps:
        path = folder / name
        if kind == "file":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif kind == "edit":
            path.write_text(edited(path.read_text(encoding="utf-8"), text), encoding="utf-8")
        else:
            printed += [printed_in(folder, line) for line, _ in typed_in(text)]
    return printed


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return followed(TUTORIAL, installed(tmp_path_factory.mktemp("tutorial")))


@pytest.mark.parametrize("number", range(len(TUTORIAL.sessions)), ids=[line for line, _ in TUTORIAL.sessions])
def test_a_command_prints_what_stands_below_it(number: int, printed: list[str]) -> None:
    _, shown = TUTORIAL.sessions[number]
    assert shows(shown, printed[number]), printed[number]


def test_all_that_one_does_is_in_a_marked_block_but_for_the_setup() -> None:
    fences = re.findall(r"^```\w+\n(.*?)```$", TUTORIAL.text, re.DOTALL | re.MULTILINE)
    marked = {text for _, _, text in TUTORIAL.steps}
    assert [text for text in fences if text not in marked] == ["make setup\n"]


@pytest.mark.parametrize(
    ("change", "after"),
    [("-b\n+x\n", "a\nx\nc\n"), (" a\n-b\n c\n", "a\nc\n"), ("+x\n c\n", "a\nb\nx\nc\n")],
    ids=["changed", "gone", "added"],
)
def test_an_edit_changes_the_lines_that_it_says(change: str, after: str) -> None:
    assert edited("a\nb\nc\n", change) == after


def test_an_edit_of_what_is_not_there_fails() -> None:
    with pytest.raises(AssertionError, match="does not stand in the file"):
        edited("a\n", "-b\n+c\n")
