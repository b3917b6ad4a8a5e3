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

from convexsim.cli.colour import Paint, is_wanted
from convexsim.cli.command import COULD_NOT, HELD, INTERRUPTED, NO_READER
from convexsim.cli.completion import COMPLETION
from convexsim.cli.conflicts import CONFLICTS
from convexsim.cli.explaining import EXPLAIN
from convexsim.cli.exploring import EXPLORE
from convexsim.cli.findings import FINDINGS
from convexsim.cli.lessons import LESSON, LESSONS
from convexsim.cli.matrix import MATRIX
from convexsim.cli.parser import front, parse
from convexsim.cli.patience import patience
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
    out = Output(sys.stdout)
    try:
        return _carry_out(sys.argv[1:] if argv is None else argv, out)
    except BrokenPipeError:
        out.forget()
        return NO_READER


def _carry_out(words: Sequence[str], out: Output) -> int:
    """Do what the words ask for, tell it, and return the exit code."""
    if not words:
        sys.stderr.write(front(COMMANDS))
        return COULD_NOT
    as_json = "--json" in words
    try:
        asked = parse(words, COMMANDS)
        if isinstance(asked, str):
            out.write(asked)
            out.flush()
            return HELD
    except UsageError as error:
        return _refused(error, as_json=as_json)
    out.paint = Paint(is_on=asked.json is not True and is_wanted(asked.color, sys.stdout))
    asked.out = out
    try:
        # What a script prints is no JSON.
        with redirect_stdout(sys.stderr) if asked.json else nullcontext(), patience():
            code: int = asked.command.run(asked)
        out.flush()
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        print("convexsim: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - whatever a script raises: it may even call sys.exit()
        if asked.traceback:
            traceback.print_exception(error)
        return _refused(error, as_json=as_json and asked.json is True)  # not a file
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
