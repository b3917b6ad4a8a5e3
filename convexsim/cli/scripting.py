"""The command `script`: portable lists of operations, one by one, and whether they answer as recorded.

Owns what is told of them. What a script is stands in `testing/script.py`, its file in `testing/script_file.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from convexsim.cli.command import BROKEN, HELD, Command, Example
from convexsim.cli.printing import say
from convexsim.cli.terminal import end_at_once, interruption
from convexsim.testing.script import difference, run_line
from convexsim.testing.script_file import check_recorded, open_component, read_lines

if TYPE_CHECKING:
    import argparse

__all__ = ["SCRIPT"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is run, with what, and whether it is compared."""
    parser.add_argument("file", type=Path, metavar="FILE.jsonl", help="one scenario a line, as JSON")
    offering = "the component, by its module's name; the module has a function script_app(version)"
    parser.add_argument("--component", metavar="MODULE", required=True, help=offering)
    parser.add_argument("--version", metavar="V", help="run all lines with this version, whatever they name")
    comparing = "compare with the results that stand in the file, and show where each line first differs"
    parser.add_argument("--check", action="store_true", help=comparing)
    parser.add_argument("--json", action="store_true", default=True, help="print JSON lines, as without it")


def _script(arguments: argparse.Namespace) -> int:
    with interruption(end_at_once), open_component(arguments.component) as component:
        lines = read_lines(arguments.file, arguments.version)
        apps = [component.app_for(line) for line in lines]  # whatever is wrong is told before anything runs
        if arguments.check:
            check_recorded(lines)
        differing = 0
        for line, offered in zip(lines, apps, strict=True):
            results = run_line(line, offered)
            if not arguments.check:
                say(arguments, line.answered(results))
                arguments.out.flush()  # what was recorded stays, whatever comes next
            elif (told := difference(line, results)) is not None:
                differing += 1
                say(arguments, told, "")
        if arguments.check:
            say(arguments, f"{arguments.file}: {len(lines) - differing} of {len(lines)} lines answer as recorded")
    return BROKEN if differing else HELD


_RECORDED: Final = "script tests/conformance/serial.jsonl --component components.batch_processor"

SCRIPT: Final = Command(
    "script",
    "run each line's operations one by one and print it with its results",
    _add_arguments,
    _script,
    (
        Example(f"{_RECORDED} --check", "does the component answer as the original one did?"),
        Example(f"{_RECORDED} --version hardened", "what another version answers, as a recording"),
    ),
)
