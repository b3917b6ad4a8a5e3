"""Pages for people, as tests read them: their marked examples, and what these print when they run as they stand.

A marked block is a fence under a comment: ``<!-- example: name -->`` marks a program, ``<!-- output: name -->`` what it
prints, ``<!-- file: path.py -->`` a file, ``<!-- edit: path.py -->`` a change of one, ``<!-- commands: name -->`` what
one types, each line behind a ``$``, and what is shown of its output. README and docs/ mark theirs alike; which pages
there are, and what else they must say, their own tests know.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

ROOT: Final = Path(__file__).parents[1]

_RUNNER: Final = """
import contextlib, io, json, runpy, sys, traceback

printed = {}
for path in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        try:
            runpy.run_path(path, run_name="__main__")
        except BaseException:
            traceback.print_exc()
    printed[path] = out.getvalue()
json.dump(printed, sys.stdout)
"""


@frozen
class Page:
    """One page of Markdown."""

    name: str
    text: str

    @classmethod
    def read(cls, path: Path) -> Page:
        """Return the page of a file."""
        return cls(path.name, path.read_text(encoding="utf-8"))

    def block(self, marker: str) -> str:
        """Return the fenced block that follows a marker comment, such as ``output: two_buyers``."""
        found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w*\n(.*?)```", self.text, re.DOTALL)
        assert found is not None, f"{self.name} has no block after <!-- {marker} -->"
        return found.group(1)

    @property
    def examples(self) -> dict[str, str]:
        """The marked programs by name, in the order of the page."""
        return {name: self.block(f"example: {name}") for name in re.findall(r"<!-- example: (\w+) -->", self.text)}

    @property
    def files(self) -> dict[str, str]:
        """The marked files by path, in the order of the page."""
        return {path: self.block(f"file: {path}") for path in re.findall(r"<!-- file: (\S+) -->", self.text)}

    @property
    def sessions(self) -> list[tuple[str, str]]:
        """The commands that the page shows, and what it shows of their output, in its order."""
        return [session for kind, _, text in self.steps if kind == "commands" for session in typed_in(text)]

    @property
    def steps(self) -> list[tuple[str, str, str]]:
        """Its marked blocks in its order: what each is, its name, and its text."""
        return re.findall(r"<!-- (\w+): (\S+) -->\n```\w*\n(.*?)```", self.text, re.DOTALL)

    @property
    def links(self) -> list[str]:
        """The targets of its links, but for those that leave the repository."""
        prose = re.sub(r"```.*?```", "", self.text, flags=re.DOTALL)
        return [link for link in re.findall(r"\]\(([^)]+)\)", prose) if ":" not in link]


def typed_in(block: str) -> list[tuple[str, str]]:
    """Return the commands of a block, and what it shows of their output."""
    typed = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    return [(line, shown.rstrip("\n") + "\n") for line, shown in typed]


def shows(excerpt: str, output: str) -> bool:
    """Tell whether an output is what a page shows of it: … is anything in a line, or any number of lines."""
    whole = re.escape(excerpt).replace("…\\\n", "(?:.*\n)*").replace("…", ".*")
    return re.fullmatch(whole, output) is not None


def edited(text: str, change: str) -> str:
    """Return a file after a change: behind a ``-`` stands what goes, behind a ``+`` what comes."""
    lines = change.splitlines(keepends=True)
    before, after = ("".join(line[1:] for line in lines if line[0] != other) for other in "+-")
    assert text.count(before) == 1, f"this does not stand in the file, or more than once:\n{before}"
    return text.replace(before, after)


def unchecked(page: Page) -> list[str]:
    """Return the first lines of the Python blocks that nobody would run, or write, or compare with what they print."""
    marked = r"<!-- example: (\w+) -->\n```python\n(?:(?!```).*\n)+```\n<!-- output: \1 -->\n```\n"
    rest = re.sub(rf"{marked}|<!-- file: \S+ -->\n```python\n(?:(?!```).*\n)+```\n", "", page.text)
    return re.findall(r"```python\n(.*)", rest)


def printed_by(programs: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Run programs in one fresh process, each as a script in a namespace of its own, and return what each prints.

    What goes to stderr, a traceback say, stands among it.
    """
    paths = {str(directory / f"{name}.py"): name for name in programs}
    for path, name in paths.items():
        Path(path).write_text(programs[name], encoding="utf-8")
    command = [sys.executable, "-W", "error", "-c", _RUNNER, *paths]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    return {paths[path]: text for path, text in json.loads(ran.stdout).items()}
