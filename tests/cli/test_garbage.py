"""Garbage: scripts that misbehave and words that mean nothing are told in a line, and nothing is lost by them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convexsim.cli import main
from tests.test_cli import LESSON, ROOT, START, refused, script

LONG = "9" * 5_000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")
    return tmp_path


INTERRUPTS_ITSELF = """
@mutation
def f(ctx):
    raise KeyboardInterrupt

@scenario(app=define_app({"m": {"f": f}}))
def it(world):
    world.client("a").mutation(api.m.f)
"""


@pytest.mark.parametrize("words", [["run"], ["explore"], ["explore", "--workers", "1"]], ids=" ".join)
def test_a_handler_that_interrupts_itself_has_ended_nothing_but_the_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    script(INTERRUPTS_ITSELF)
    assert main([*words, "other.py"]) == 130
    assert capsys.readouterr() == ("", "convexsim: interrupted\n")


def test_a_script_that_goes_elsewhere_takes_nothing_with_it(folder: Path) -> None:
    (folder / "other.py").write_text(f"import os\nos.chdir('/')\n{LESSON}", encoding="utf-8")
    assert main(["explore", "other.py:calm", "--runs", "2"]) == 0
    assert Path(".convexsim/findings.sqlite").exists()
    assert Path.cwd() == folder


@pytest.mark.parametrize("words", [["run", "other.py:calm"], ["explore", "other.py:calm", "--runs", "2"]])
def test_a_script_that_closes_the_output_is_told_so(words: list[str]) -> None:
    Path("other.py").write_text(f"import sys\nsys.stdout.close()\n{LESSON}", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", START, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    said = "convexsim: The output cannot be written: a script has closed it. Let it go where there is room.\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize(
    "words",
    [["run", LONG], ["lessons", "--folder", LONG], ["findings", "--store", LONG]],
    ids=["run", "lessons", "findings"],
)
def test_a_name_that_no_file_can_have_is_no_bug_of_convexsim(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, *words)
    assert said.endswith("9 cannot be used: File name too long. Name another file or folder.")
    assert len(said) < 200


@pytest.mark.parametrize("option", ["--level", "--seed", "--faults", "--explorer", "--report"])
def test_two_dashes_are_no_value(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "explore", "lesson.py", f"{option}=--")
    assert f"argument {option}: '--' ends the options and is no value (see convexsim explore --help)" in said


COLOURED = """
@mutation
def f(ctx):
    raise ValueError("one\\n\\x1b[31mtwo\\0")

@eventually
def red(view):
    assert False, "one \\x1b[31mtwo\\0"

@scenario(app=define_app({"m": {"f": f}}), invariants=[red])
def it(world):
    world.client("a").mutation(api.m.f)
"""


def test_what_a_terminal_would_obey_is_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    script(COLOURED)
    assert main(["explore", "other.py", "--runs", "2"]) == 1
    out = capsys.readouterr().out
    assert r"  broken: red: one \x1b[31mtwo\x00" in out
    assert r"  1 failed call: one\n\x1b[31mtwo\x00" in out
    assert out.replace("\n", "").isprintable()
    script("raise ValueError('\\x1b[31m')")
    assert refused(capsys, "run", "other.py").endswith(r"ValueError: \x1b[31m")
