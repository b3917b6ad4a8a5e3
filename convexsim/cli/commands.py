"""The commands, and how each ends.

Owns the table of them, and exit codes: whatever goes wrong becomes one line and an exit code here, because an exception
that nobody caught would end the process with 1, and 1 means that an invariant broke. What a command takes and does
stands in a module of its own, which the table names.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convexsim.cli.command import COULD_NOT, INTERRUPTED, NO_READER
from convexsim.cli.completion import COMPLETION
from convexsim.cli.conflicts import CONFLICTS
from convexsim.cli.explaining import EXPLAIN
from convexsim.cli.exploring import EXPLORE
from convexsim.cli.findings import FINDINGS
from convexsim.cli.lessons import LESSON, LESSONS
from convexsim.cli.matrix import MATRIX
from convexsim.cli.parser import parse
from convexsim.cli.playing import PLAY
from convexsim.cli.printing import Output
from convexsim.cli.proving import CERTIFY, VERIFY
from convexsim.cli.running import REPLAY, RUN
from convexsim.cli.scripting import SCRIPT
from convexsim.cli.showing import SHOW
from convexsim.errors import ConvexSimError, UsageError
from convexsim.testing.record import json_line
from convexsim.testing.scenario_file import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.cli.command import Command

__all__ = ["COMMANDS", "main"]

COMMANDS: Final[dict[str, tuple[Command, ...]]] = {
    "learn": (LESSONS, LESSON),
    "run one order": (RUN, REPLAY),
    "search for races": (EXPLORE, FINDINGS),
    "see": (SHOW, EXPLAIN, CONFLICTS, PLAY),
    "prove": (CERTIFY, VERIFY),
    "tabulate": (MATRIX, SCRIPT),
    "set up your shell": (COMPLETION,),
}
"""All commands, by what one wants with them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code (`convexsim --help` lists them).

    Args:
        argv: the words after `convexsim`; those of the process if not given.

    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever called (`>&-`), to whom the exit code says enough
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for good
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whoever cannot spell an arrow still gets the story
    words = sys.argv[1:] if argv is None else argv
    as_json = "--json" in words
    try:
        arguments = parse(words, COMMANDS)
    except SystemExit as done:
        return int(done.code or 0)
    except UsageError as error:
        return _refused(error, as_json=as_json)
    arguments.out = Output(sys.stdout)
    try:
        with redirect_stdout(sys.stderr) if arguments.json else nullcontext():  # what a script prints is no JSON
            code: int = arguments.command.run(arguments)
        arguments.out.flush()
    except BrokenPipeError:
        arguments.out.forget()
        return NO_READER
    except KeyboardInterrupt:
        print("convexsim: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - whatever a script raises: it may even call sys.exit()
        if arguments.traceback:
            traceback.print_exception(error)
        return _refused(error, as_json=as_json and arguments.json is True)  # not a file
    return code


def _refused(error: BaseException, *, as_json: bool) -> int:
    """Say in one line what went wrong, and return the exit code."""
    said = explain(error)
    if as_json:
        code, next_step = (error.code, error.next_step) if isinstance(error, ConvexSimError) else ("Error", "")
        sys.stderr.write(json_line("error", {"code": code, "message": said, "next_step": next_step}))
    else:
        print(f"convexsim: {said}", file=sys.stderr)
    return COULD_NOT
