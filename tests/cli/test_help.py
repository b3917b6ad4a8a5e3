"""Help: what it says at 80 columns, that its examples end as they say, and that every command has what all have."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from convexsim.cli import main
from convexsim.cli.command import CODES, Command, Example
from convexsim.cli.commands import COMMANDS
from convexsim.cli.parser import FIRST, parser_of
from tests.cli.repository import looks_like_the_repository

GOLDENS = Path(__file__).parent / "goldens"
ALL = {command.name: command for group in COMMANDS.values() for command in group}
EXAMPLES = [*FIRST, *(example for command in ALL.values() for example in command.examples)]


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


# ------------------------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize("words", ["--help", "help explore", "help verify"])
def test_help_reads_as_it_was_agreed_upon(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    golden = GOLDENS / f"{words.replace(' ', '_').strip('-')}.txt"
    assert printed(capsys, *words.split()) == golden.read_text(encoding="utf-8")


def test_help_can_be_asked_for_in_several_ways(capsys: pytest.CaptureFixture[str]) -> None:
    front = printed(capsys, "--help")
    assert [printed(capsys, *words) for words in (["help"], ["-h"])] == [front, front]
    assert printed(capsys, "help", "run") == printed(capsys, "run", "--help") == printed(capsys, "run", "-h")


def test_no_command_at_all_is_wrong_usage_and_is_helped(capsys: pytest.CaptureFixture[str]) -> None:
    front = printed(capsys, "--help")
    assert main([]) == 2
    assert capsys.readouterr() == ("", front)


def test_the_front_lists_every_command_once(capsys: pytest.CaptureFixture[str]) -> None:
    front = printed(capsys, "--help")
    assert [front.count(f"\n  {name} ") for name in ALL] == [1] * len(ALL)


@pytest.mark.parametrize("columns", ["40", "60", "100"])
def test_prose_is_as_wide_as_the_terminal(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for words in (["help"], *(["help", name] for name in ALL)):
        text, pasted = printed(capsys, *words), {f"  convexsim {example.words}" for example in EXAMPLES}
        prose, _, codes = text.rpartition("exit codes:")
        assert max(map(len, codes.splitlines())) <= int(columns)
        assert max(map(len, codes.splitlines())) > int(columns) - 20
        assert all(code in codes for code in map(str, CODES))
        assert [line for line in prose.splitlines() if line.startswith("  convexsim ") and line not in pasted] == []


# ------------------------------------------------------------------------------------------------- what all have alike


@pytest.mark.parametrize("command", ALL.values(), ids=ALL)
def test_a_command_has_examples_of_its_own(command: Command) -> None:
    assert [example.words.split()[0] for example in command.examples] == [command.name] * 2
    assert len({example.words for example in command.examples}) == 2


@pytest.mark.parametrize("command", ALL.values(), ids=ALL)
def test_a_command_speaks_json(command: Command) -> None:
    assert "--json" in parser_of(command).format_usage()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Stand in a folder that looks like the repository, so that what examples write does not land in there."""
    folder = looks_like_the_repository(tmp_path_factory.mktemp("repository"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(shlex.split(ALL["certify"].examples[0].words))  # what verify reads
        yield folder


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.words for example in EXAMPLES])
def test_an_example_ends_as_it_says(example: Example, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(example.words)) == example.code
    out, err = capsys.readouterr()
    assert out
    assert err == ""
    assert "\n  drifted" not in out


# ----------------------------------------------------------------------------------------------------- errors as JSON


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["run", "--json"],
            ("Usage", "the following arguments are required: SCENARIO.py[:NAME] (see convexsim run --help)", ""),
        ),
        (
            ["run", "none.py", "--json"],
            ("Usage", "There is no file none.py. Did you mean 'one.py'?", "Did you mean 'one.py'?"),
        ),
        (["explore", "one.py", "--json"], ("Error", "one.py:1: ZeroDivisionError: division by zero", "")),
    ],
)
def test_whoever_asked_for_json_is_refused_in_json(
    words: list[str],
    told: tuple[str, str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.py").write_text("1 / 0\n")
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err) == {"error": dict(zip(("code", "message", "next_step"), told, strict=True))}
