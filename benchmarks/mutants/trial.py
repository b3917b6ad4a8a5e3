"""Trials: a mutant is put into a copy of the repository, and the tests that are to notice it are run there.

Owns the copy, the command and what its end means. The copy is compiled once; a mutated file is newer than what was
compiled of it, and nothing compiled of a mutant is ever written.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.mutants.mutant import Mutant

__all__ = ["LIMIT_S", "ROOT", "Tree", "Trial"]

ROOT: Final = Path(__file__).parents[2]
LIMIT_S: Final = 30
"""How much processor time the tests of one mutant may take; who takes more hangs, which is a way to be noticed."""
_NO_LIMIT_S: Final = 3_600
_PATIENCE: Final = 10
"""How many times as long in real time, for who hangs and computes nothing."""
_LEFT_OUT: Final = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "play")
_INTERRUPTED: Final = 2
_PYTEST: Final = """
import resource, sys, pytest
limit_s = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
sys.exit(pytest.main(sys.argv[2:]))
"""
_HANGS: Final = f"the limit of {LIMIT_S} s: it hangs"
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


@frozen
class Trial:
    """What came of a mutant.

    Attributes:
        killer: the first test that failed, or why it counts as noticed; None if it survived.

    """

    mutant: Mutant
    killer: str | None


class Tree:
    """A copy of the repository in which one mutant at a time lives.

    Args:
        place: an empty folder.

    """

    def __init__(self, place: Path) -> None:
        self._root = place / "tree"
        shutil.copytree(ROOT, self._root, ignore=_LEFT_OUT)
        self._run(_NO_LIMIT_S, "--collect-only", writes=True)

    def failing(self, tests: Iterable[str]) -> str | None:
        """Return the first of some tests that fails without any mutant; None if all pass, as they must."""
        return self._killer(tuple(tests), limit_s=_NO_LIMIT_S)

    def tried(self, mutant: Mutant) -> Trial:
        """Run the tests of a mutant against it."""
        path = self._root / mutant.file
        stat, source = path.stat(), path.read_text(encoding="utf-8")
        mutated = mutant.applied(source)
        ast.parse(mutated)  # what is no program is noticed by nobody in particular
        path.write_text(mutated, encoding="utf-8")
        try:
            return Trial(mutant, self._killer(mutant.tests))
        finally:
            path.write_text(source, encoding="utf-8")
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def _killer(self, tests: tuple[str, ...], limit_s: int = LIMIT_S) -> str | None:
        options = ("-x", "-q", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=0")
        try:
            ran = self._run(limit_s, *options, *tests)
        except subprocess.TimeoutExpired:
            return _HANGS
        if ran.returncode == 0:
            return None
        if ran.returncode == -signal.SIGXCPU:
            return _HANGS
        failed = _FAILED.search(ran.stdout)
        if ran.returncode == _INTERRUPTED and failed is None:
            return "an interrupt that no test expects"
        if failed is None:
            msg = f"pytest ended with {ran.returncode} and no failed test: {ran.stdout[-2_000:]}{ran.stderr[-2_000:]}"
            raise RuntimeError(msg)
        return failed[1]

    def _run(self, limit_s: int, *arguments: str, writes: bool = False) -> subprocess.CompletedProcess[str]:
        """Run pytest; it `writes` down what it has compiled if it runs on the sources as they are."""
        environment = {**os.environ, "PYTHONPATH": str(self._root), "PYTHONDONTWRITEBYTECODE": "" if writes else "1"}
        command = [sys.executable, "-c", _PYTEST, str(limit_s), *arguments]
        settings: dict[str, Any] = {"capture_output": True, "text": True, "timeout": _PATIENCE * limit_s}
        return subprocess.run(command, cwd=self._root, env=environment, check=False, **settings)
