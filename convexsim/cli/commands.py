"""What each command does, and how it ends.

Owns exit codes. Which scenarios a file defines, `testing/scenario_file.py` knows; what `explore` does,
`exploring.py`; what a script is, `testing/script.py`. Whatever goes wrong becomes one line and an exit code here:
an exception that nobody caught would end the process with 1, and 1 means that an invariant broke.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convexsim.choices import FirstChoices, RandomChoices
from convexsim.cli.arguments import COULD_NOT, make_parser
from convexsim.cli.chosen import chosen, one_of
from convexsim.cli.conflicts import tell_conflicts
from convexsim.cli.exploring import INTERRUPTED, explore
from convexsim.cli.findings import tell_findings
from convexsim.cli.matrix import tabulate
from convexsim.cli.printing import BROKEN, HELD, Output, say, tell_run
from convexsim.cli.proving import check_proof, prove
from convexsim.cli.terminal import end_at_once, interruption
from convexsim.explore.replay import encode, replay
from convexsim.simulation import Simulation
from convexsim.testing.scenario_file import explain, open_scenarios
from convexsim.testing.script import difference, run_line
from convexsim.testing.script_file import check_recorded, open_component, read_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["main"]

NO_READER: Final = 141  # what a shell reports for a process that SIGPIPE has ended


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
    try:
        arguments = make_parser().parse_args(argv)
    except SystemExit as done:
        return int(done.code or 0)
    arguments.out = Output(sys.stdout)
    try:
        with redirect_stdout(sys.stderr) if arguments.json else nullcontext():  # what a script prints is no JSON
            code = _COMMANDS[arguments.command](arguments)
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
        print(f"convexsim: {explain(error)}", file=sys.stderr)
        return COULD_NOT
    return code


def _run(arguments: argparse.Namespace) -> int:
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        meant = one_of(scenarios, arguments)
        choices = FirstChoices() if arguments.seed is None else RandomChoices(arguments.seed)
        run = Simulation(meant, choices, level=arguments.level).run()
        return tell_run(run, encode(run), arguments)


def _replay(arguments: argparse.Namespace) -> int:
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        replayed = replay(chosen(scenarios, arguments), arguments.string)
        return tell_run(replayed.run, replayed.string, arguments, replayed.drift)


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
            elif (told := difference(line, results)) is not None:
                differing += 1
                say(arguments, told, "")
        if arguments.check:
            say(arguments, f"{arguments.file}: {len(lines) - differing} of {len(lines)} lines answer as recorded")
    return BROKEN if differing else HELD


_COMMANDS: Final = {
    "run": _run,
    "explore": explore,
    "findings": tell_findings,
    "replay": _replay,
    "conflicts": tell_conflicts,
    "certify": prove,
    "verify": check_proof,
    "script": _script,
    "matrix": tabulate,
}
