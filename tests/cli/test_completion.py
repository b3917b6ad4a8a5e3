"""`convexsim completion`: the scripts, in the shells themselves, offer what can be typed and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from convexsim.cli import main
from convexsim.cli.commands import COMMANDS
from convexsim.explore.catalogue import EXPLORERS
from tests.cli.pseudo_terminal import sit

ALL: Final = [command.name for group in COMMANDS.values() for command in group]
SCRIPT: Final = (
    "from convexsim import scenario\n\n"
    "@scenario(app=app)\ndef two_clicks(world):\n    def inner(): pass\n\n"
    "def helper(world): pass\n\n"
    "@scenario(\n    app=app,\n)\ndef three_clicks(world): pass\n"
)

CASES: Final = {
    ("",): [*ALL, "help"],
    ("ex",): [name for name in ALL if name.startswith("ex")],
    ("explore", "--explorer", "p"): [name for name in EXPLORERS if name.startswith("p")],
    ("explore", "--keep"): ["--keep-going"],
    ("certify", "--level", ""): ["2", "3"],
    ("completion", ""): ["bash", "zsh", "fish"],
    ("help", "mat"): ["matrix"],
    ("explore", "--seed", ""): [],
    ("run", "cl"): ["clicks.py"],
    ("matrix", "--json", "no"): ["notes.txt"],
    ("explore", "--store", "fo"): ["folder"],
    ("run", "clicks.py:t"): ["two_clicks", "three_clicks"],
    ("run", "clicks.py:th"): ["three_clicks"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clicks.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    return tmp_path


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["completion", shell]) == 0
    path = Path(f"convexsim.{shell}")
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"there is no {shell} here")


# -------------------------------------------------------------------------------------------------------------- shells


@needs("bash")
@pytest.mark.parametrize("typed", CASES, ids=" ".join)
def test_bash_offers(typed: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    words = [part for word in typed for part in re.split(r"(:)", word)]  # as bash does it
    if typed[-1].endswith(":"):
        words.pop()
    quoted = " ".join(f"'{word}'" for word in ["convexsim", *words])
    asked = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _convexsim; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    command = ["bash", "--norc", "-c", f"source {script('bash', capsys)}; {asked}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.split() == CASES[typed]


@needs("fish")
@pytest.mark.parametrize("typed", CASES, ids=" ".join)
def test_fish_offers(typed: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = " ".join(["convexsim", *typed])
    command = ["fish", "--no-config", "-c", f"source {script('fish', capsys)}; complete -C '{line}'"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "HOME": str(folder)})
    assert done.stderr == ""
    offered = [told.partition("\t")[0] for told in done.stdout.splitlines()]
    assert sorted(one.rstrip("/").removeprefix("clicks.py:") for one in offered) == sorted(CASES[typed])


@needs("zsh")
@pytest.mark.parametrize("typed", [("cert",), ("explore", "--explorer", "dp"), ("run", "clicks.py:th"), ("run", "cli")])
def test_zsh_completes_at_a_terminal(typed: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    ends = {"cert": "certify ", "dp": "dpor ", "clicks.py:th": "clicks.py:three_clicks ", "cli": "clicks.py "}
    setting = f"autoload -Uz compinit; compinit -D -u; source {script('zsh', capsys)}; PS1='rea''dy> '\n"
    typing = [("ask> ", setting), ("ready> ", " ".join(["convexsim", *typed]) + "\t"), (ends[typed[-1]], "\x15exit\n")]
    assert sit(["zsh", "-f", "-i"], typing, {**os.environ, "TERM": "dumb", "PS1": "ask> "}).code == 0


def test_the_script_comes_as_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    text = script("bash", capsys).read_text(encoding="utf-8")
    assert main(["completion", "bash", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["completion"]
    assert (told["shell"], told["script"]) == ("bash", text)
