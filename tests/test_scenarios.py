"""The scenarios: each script prints its golden output, byte for byte, and what it says about races is true."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "scenarios"
SCRIPTS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_prints_its_golden_output(script: Path) -> None:
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=FOLDER.parent)
    assert ran.stderr == ""
    assert ran.returncode == 0
    golden = script.with_suffix(".out")
    assert golden.exists(), f"write it with: python scenarios/{script.name} > scenarios/{golden.name}, and read it"
    assert ran.stdout == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_teaches_in_its_docstring_and_stays_short(script: Path) -> None:
    source = script.read_text(encoding="utf-8")
    assert len((ast.get_docstring(ast.parse(source)) or "").splitlines()) >= 5
    assert len(source.splitlines()) < 80


def test_no_golden_output_is_left_without_its_script() -> None:
    assert [
        path.name for path in FOLDER.glob("*.out") if not (FOLDER / f"{path.name.split(chr(46))[0]}.py").exists()
    ] == []
