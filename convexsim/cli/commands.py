"""What each command does, and how it ends.

Owns exit codes. Which scenarios a file defines, `testing/scenario_file.py` knows; what an exploration is,
`explore/check.py`; what a script is, `testing/script.py`. Whatever goes wrong becomes one line and an exit code here:
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
from convexsim.cli.printing import BROKEN, HELD, Output, say, tell_report, tell_run
from convexsim.cli.terminal import Interrupt, Progress, end_at_once, interruption
from convexsim.errors import UsageError
from convexsim.explore.catalogue import Settings, explorer_named
from convexsim.explore.certificate import certify
from convexsim.explore.check import check
from convexsim.explore.replay import encode, replay
from convexsim.explore.verify import verify
from convexsim.simulation import Simulation
from convexsim.simulation.certificate import Certificate
from convexsim.testing.scenario_file import explain, named, open_scenarios
from convexsim.testing.script import difference, run_line
from convexsim.testing.script_file import check_recorded, open_component, read_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from convexsim.explore.report import Report
    from convexsim.simulation import Run, Scenario

__all__ = ["main"]

INTERRUPTED: Final = 130  # what a shell reports for a process that SIGINT has ended
NO_READER: Final = 141  # the same for SIGPIPE


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
        chosen = _one_of(scenarios, arguments)
        choices = FirstChoices() if arguments.seed is None else RandomChoices(arguments.seed)
        run = Simulation(chosen, choices, level=arguments.level).run()
        return tell_run(run, encode(run), arguments)


def _replay(arguments: argparse.Namespace) -> int:
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        run = replay(_chosen(scenarios, arguments), arguments.string)
        return tell_run(run, arguments.string, arguments)


def _explore(arguments: argparse.Namespace) -> int:
    interrupt = Interrupt()
    with interruption(interrupt), open_scenarios(arguments.file.path) as scenarios:
        chosen = _chosen(scenarios, arguments)
        broken = False
        for number, scenario in enumerate(chosen):
            report = _explore_one(scenario, arguments, interrupt)
            tell_report(report, arguments)
            broken = broken or not (report.holds or report.interrupted)
            left = ", ".join(other.name for other in chosen[number + 1 :])
            if interrupt.asked and left:
                print(f"convexsim: interrupted; not explored: {left}", file=sys.stderr)
            if interrupt.asked and (left or report.interrupted):
                return BROKEN if broken else INTERRUPTED
    return BROKEN if broken else HELD


def _certify(arguments: argparse.Namespace) -> int:
    interrupt = Interrupt()
    with interruption(interrupt), open_scenarios(arguments.file.path) as scenarios:
        chosen = _one_of(scenarios, arguments)
        with Progress(chosen.name, arguments.runs) as progress:
            look = _look(progress, interrupt)
            found = certify(chosen, level=arguments.level, max_runs=arguments.runs, on_run=look)
        if isinstance(found, Certificate):
            found.save(arguments.certificate)
            say(
                arguments,
                f"{chosen.name}: {len(found.runs):,} runs listed; convexsim verify says what they prove",
            )
            return HELD
        tell_report(found, arguments)
        if found.finding is not None or found.unreached:
            return BROKEN
    print(f"convexsim: {arguments.certificate} is not written: the search did not come to its end", file=sys.stderr)
    return INTERRUPTED if found.interrupted else COULD_NOT


def _verify(arguments: argparse.Namespace) -> int:
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        verdict = verify(_one_of(scenarios, arguments), Certificate.load(arguments.certificate))
        say(arguments, str(verdict))
    return HELD if verdict.holds else BROKEN


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


def _explore_one(scenario: Scenario, arguments: argparse.Namespace, interrupt: Interrupt) -> Report:
    with Progress(scenario.name, arguments.runs) as progress:
        explorer = explorer_named(arguments.explorer, Settings(arguments.runs, arguments.seed))
        return check(scenario, explorer, level=arguments.level, on_run=_look(progress, interrupt))


def _look(progress: Progress, interrupt: Interrupt) -> Callable[[int, Run], None]:
    def look(number: int, _: Run) -> None:
        progress.show(number)
        if interrupt.asked:
            raise KeyboardInterrupt

    return look


def _chosen(scenarios: list[Scenario], arguments: argparse.Namespace) -> list[Scenario]:
    names = [name for name in (arguments.file.name, arguments.scenario) if name is not None]
    if len(names) > 1 and names[0] != names[1]:
        raise UsageError(f"Two scenarios are named, {names[0]!r} and {names[1]!r}.", next_step="Name one.")
    return [named(scenarios, names[0])] if names else scenarios


def _one_of(scenarios: list[Scenario], arguments: argparse.Namespace) -> Scenario:
    chosen = _chosen(scenarios, arguments)
    if len(chosen) > 1:
        names = ", ".join(scenario.name for scenario in chosen)
        msg = f"{arguments.file.path} defines {len(chosen)} scenarios: {names}."
        raise UsageError(msg, next_step=f"Name one: {arguments.file.path}:{chosen[0].name}.")
    return chosen[0]


_COMMANDS: Final = {
    "run": _run,
    "explore": _explore,
    "replay": _replay,
    "certify": _certify,
    "verify": _verify,
    "script": _script,
}
