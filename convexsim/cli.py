"""The command line: run one order of a scenario, explore many, replay one from its string; run scripts of operations.

Owns arguments, exit codes and what is printed where. Which scenarios a file defines, `testing/scenario_file.py` knows;
what an exploration is, `explore/check.py`; what a script is, `testing/script.py`. Whatever goes wrong becomes one line
and an exit code here: an exception that nobody caught would end the process with 1, and 1 means that an invariant
broke.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shlex
import shutil
import signal
import sys
import traceback
from collections import Counter
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from attrs import asdict, frozen

from convexsim.choices import FirstChoices, RandomChoices
from convexsim.errors import UsageError
from convexsim.explore.check import check
from convexsim.explore.random_walk import RandomWalk
from convexsim.explore.replay import encode, parse, replay
from convexsim.simulation import Simulation
from convexsim.testing.scenario_file import explain, named, open_scenarios
from convexsim.testing.script import difference, run_line
from convexsim.testing.script_file import check_recorded, open_component, read_lines
from convexsim.trace.event import json_lines
from convexsim.trace.names import one_line, shorten
from convexsim.trace.text import WIDTH, story
from convexsim.values import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from convexsim.explore.report import Report
    from convexsim.simulation import Run, Scenario

__all__ = ["main"]

HELD: Final = 0
BROKEN: Final = 1
COULD_NOT: Final = 2
INTERRUPTED: Final = 130  # what a shell reports for a process that SIGINT has ended
NO_READER: Final = 141  # the same for SIGPIPE

_EPILOG: Final = """\
exit codes:
  0    no invariant broke
  1    an invariant broke, or one that must hold sometimes never did; a script's results are not the recorded ones
  2    it could not be done: wrong usage, a scenario that fails by itself, or a bug of convexsim
  130  interrupted before anything broke; what broke earlier counts and gives 1
"""
_PROGRESS_S: Final = 0.1


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code (`convexsim --help` lists them).

    Args:
        argv: the words after `convexsim`; those of the process if not given.

    """
    if sys.stdout is None:  # closed by whoever called (`>&-`), to whom the exit code says enough
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whoever cannot spell an arrow still gets the story
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as done:
        return int(done.code or 0)
    arguments.out = sys.stdout
    try:
        with redirect_stdout(sys.stderr) if arguments.json else nullcontext():  # what a script prints is no JSON
            code: int = arguments.command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own flush at the end
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


# Commands


def _run(arguments: argparse.Namespace) -> int:
    with _interruption(_end_at_once), open_scenarios(arguments.file.path) as scenarios:
        chosen = _chosen(scenarios, arguments)
        if len(chosen) > 1:
            names = ", ".join(scenario.name for scenario in chosen)
            msg = f"{arguments.file.path} defines {len(chosen)} scenarios: {names}."
            raise UsageError(msg, next_step=f"Name one: {arguments.file.path}:{chosen[0].name}.")
        choices = FirstChoices() if arguments.seed is None else RandomChoices(arguments.seed)
        run = Simulation(chosen[0], choices, level=arguments.level).run()
        return _tell_run(run, encode(run, arguments.level), arguments)


def _replay(arguments: argparse.Namespace) -> int:
    with _interruption(_end_at_once), open_scenarios(arguments.file.path) as scenarios:
        run = replay(_chosen(scenarios, arguments), arguments.string)
        return _tell_run(run, arguments.string, arguments)


def _explore(arguments: argparse.Namespace) -> int:
    interrupt = _Interrupt()
    with _interruption(interrupt), open_scenarios(arguments.file.path) as scenarios:
        chosen = _chosen(scenarios, arguments)
        broken = False
        for number, scenario in enumerate(chosen):
            report = _explore_one(scenario, arguments, interrupt)
            _tell_report(report, arguments)
            broken = broken or not (report.holds or report.interrupted)
            left = ", ".join(other.name for other in chosen[number + 1 :])
            if interrupt.asked and left:
                print(f"convexsim: interrupted; not explored: {left}", file=sys.stderr)
            if interrupt.asked and (left or report.interrupted):
                return BROKEN if broken else INTERRUPTED
    return BROKEN if broken else HELD


def _script(arguments: argparse.Namespace) -> int:
    with _interruption(_end_at_once), open_component(arguments.component) as component:
        lines = read_lines(arguments.file, arguments.version)
        apps = [component.app_for(line) for line in lines]  # whatever is wrong is told before anything runs
        if arguments.check:
            check_recorded(lines)
        differing = 0
        for line, offered in zip(lines, apps, strict=True):
            results = run_line(line, offered)
            if not arguments.check:
                _say(arguments, line.answered(results))
            elif (told := difference(line, results)) is not None:
                differing += 1
                _say(arguments, told, "")
        if arguments.check:
            _say(arguments, f"{arguments.file}: {len(lines) - differing} of {len(lines)} lines answer as recorded")
    return BROKEN if differing else HELD


def _explore_one(scenario: Scenario, arguments: argparse.Namespace, interrupt: _Interrupt) -> Report:
    with _Progress(scenario.name, arguments.runs) as progress:

        def look(number: int, _: Run) -> None:
            progress.show(number)
            if interrupt.asked:
                raise KeyboardInterrupt

        explorer = RandomWalk(arguments.runs, arguments.seed)
        return check(scenario, explorer, level=arguments.level, on_run=look)


def _chosen(scenarios: list[Scenario], arguments: argparse.Namespace) -> list[Scenario]:
    names = [name for name in (arguments.file.name, arguments.scenario) if name is not None]
    if len(names) > 1 and names[0] != names[1]:
        raise UsageError(f"Two scenarios are named, {names[0]!r} and {names[1]!r}.", next_step="Name one.")
    return [named(scenarios, names[0])] if names else scenarios


# What is printed


def _tell_run(run: Run, string: str, arguments: argparse.Namespace) -> int:
    assert run.trace is not None
    level = parse(string).level
    failed = {call.activity: call.error for call in run.calls if call.error is not None}
    if arguments.json:
        facts = {
            "scenario": run.scenario.name,
            "level": level,
            "ending": run.ending,
            "steps": run.steps,
            "now_ms": run.now,
            "violations": [asdict(broken) for broken in run.violations],
            "unseen": run.unseen,
            "failed_calls": failed,
            "replay": string,
        }
        arguments.out.write(json_lines(run.trace) + _json_line("run", facts))
        return BROKEN if run.violations else HELD
    verdict = "BROKEN" if run.violations else "nothing broke"
    lines = [f"{run.scenario.name}: {verdict} (level {level}, {run.steps} steps, {show(run.now)} ms)"]
    lines += [f"  broken: {broken.invariant}: {broken.message}" for broken in run.violations]
    lines += [f"  did not happen in this run: {name}" for name in run.unseen]
    lines += [f"  failed: {activity}: {error}" for activity, error in failed.items()]
    scheduled = Counter(run.view.failed_functions())
    lines += [f"  failed scheduled functions: {number}, {error}" for error, number in scheduled.items()]
    verdicts = "\n".join(shorten(one_line(line), WIDTH) for line in lines)
    _say(arguments, _story(run, steps=arguments.steps), verdicts, _how_to_replay(arguments, string))
    return BROKEN if run.violations else HELD


def _tell_report(report: Report, arguments: argparse.Namespace) -> None:
    finding = report.finding
    if arguments.json:
        facts: dict[str, Any] = {
            "scenario": report.scenario.name,
            "explorer": report.explorer,
            "level": report.level,
            "runs": report.runs,
            "exhausted": report.exhausted,
            "interrupted": report.interrupted,
            "holds": report.holds,
            "unreached": report.unreached,
            "failed_calls": report.failed_calls,
            "finding": None,
        }
        if finding is not None:
            facts["finding"] = {
                "violations": [asdict(broken) for broken in finding.violations],
                "found_at_run": finding.found_at_run,
                "choices_before": finding.choices_before,
                "choices_after": finding.choices_after,
                "replay": finding.replay,
            }
        arguments.out.write(_json_line("report", facts))
    elif finding is None:
        _say(arguments, str(report))
    else:
        _say(arguments, _story(finding.run), str(report), _how_to_replay(arguments, finding.replay), "")
    arguments.out.flush()  # a scenario may take long, and somebody may be reading along


def _story(run: Run, *, steps: bool = False) -> str:
    assert run.trace is not None
    title = f"{run.scenario.name}: {run.scenario.about}".removesuffix(": ")
    return f"{title}\n\n{story(run.trace, steps=steps)}\n"


def _how_to_replay(arguments: argparse.Namespace, string: str) -> str:
    typed = Path(sys.argv[0])  # as in .venv/bin/convexsim, where no PATH leads
    on_path = typed.name != "convexsim" or shutil.which("convexsim") is not None
    program = "convexsim" if on_path else shlex.quote(str(typed))
    return f"replay it: {program} replay {shlex.quote(str(arguments.file.path))} '{string}'"


def _say(arguments: argparse.Namespace, *texts: str) -> None:
    for text in texts:
        print(text, file=arguments.out)


def _json_line(kind: str, facts: dict[str, Any]) -> str:
    return json.dumps({kind: facts}, sort_keys=True, separators=(",", ":")) + "\n"


class _Progress:
    """A line on the terminal that says how far an exploration is; nothing at all if nobody looks."""

    def __init__(self, name: str, runs: int) -> None:
        self._name, self._runs = name, runs
        self._is_watched = sys.stderr.isatty()
        self._begun = self._shown_at = monotonic()
        self._width = 0

    def show(self, number: int) -> None:
        """Say that so many runs are done, unless that was said just now."""
        now = monotonic()
        if not self._is_watched or now - self._shown_at < _PROGRESS_S:
            return
        self._shown_at = now
        text = f"{self._name}: {number:,} of {self._runs:,} runs, {number / (now - self._begun):,.0f} runs/s"
        print(f"\r{text:<{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            print(f"\r{'':{self._width}}\r", end="", file=sys.stderr, flush=True)


# Ctrl-C


class _Interrupt:
    """Ctrl-C during an exploration: the first one ends it between two runs, the second one the process.

    A KeyboardInterrupt in the middle of a run would be lost: Pykka's loop catches it.
    """

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _end_at_once(number: int, _frame: FrameType | None) -> None:
    """Say so, and end the process as Ctrl-C does by itself, so that a shell stops too."""
    os.write(2, b"convexsim: interrupted\n")
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


@contextmanager
def _interruption(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let Ctrl-C do this for a while; outside of the main thread Python has no say in it."""
    try:
        before = signal.signal(signal.SIGINT, handler)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)


# Arguments


@frozen
class _File:
    """A scenario file as it is named on the command line, ``path.py`` or ``path.py:scenario``."""

    path: Path
    name: str | None


def _file(text: str) -> _File:
    named_one = re.fullmatch(r"(.+\.py):([\w-]+)", text)
    return _File(Path(named_one[1]), named_one[2]) if named_one else _File(Path(text), None)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, like every other error."""
        self.exit(COULD_NOT, f"convexsim: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    raw: Any = {"epilog": _EPILOG, "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = _Parser(prog="convexsim", description="Find, replay and explain races between Convex functions.", **raw)
    # By way of sys.modules, because the rooms of the package do not import its front door.
    version = sys.modules["convexsim"].__version__
    parser.add_argument("--version", action="version", version=f"convexsim {version}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(does: Callable[[argparse.Namespace], int], name: str, about: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.", **raw)
        added.set_defaults(command=does)
        added.add_argument("--traceback", action="store_true", help="on an error, show where it came from")
        return added

    def scenarios(does: Callable[[argparse.Namespace], int], name: str, about: str) -> argparse.ArgumentParser:
        added = command(does, name, about)
        added.add_argument("file", type=_file, metavar="SCENARIO.py[:NAME]", help="the script, and its scenario")
        added.add_argument("--scenario", metavar="NAME", help="another way to name the scenario")
        added.add_argument("--json", action="store_true", help="print JSON lines")
        return added

    running = scenarios(_run, "run", "run a scenario once: the serial order, or a random one with --seed")
    exploring = scenarios(_explore, "explore", "run each scenario in many random orders and show the simplest failure")
    replaying = scenarios(_replay, "replay", "repeat a run from its replay string")
    replaying.add_argument("string", metavar="STRING", help="what run and explore print, in quotes")
    running.add_argument("--seed", type=int, help="draw the order; the same seed gives the same one")
    exploring.add_argument("--seed", type=int, default=0, help="the same seed gives the same runs (0)")
    exploring.add_argument("--runs", type=int, default=1_000, help="how many, for each scenario (1000)")
    scripting = command(_script, "script", "run each line's operations one by one and print it with its results")
    scripting.set_defaults(json=True)
    scripting.add_argument("file", type=Path, metavar="FILE.jsonl", help="one scenario a line, as JSON")
    offering = "the component, by its module's name; the module has a function script_app(version)"
    scripting.add_argument("--component", metavar="MODULE", required=True, help=offering)
    scripting.add_argument("--version", metavar="V", help="run all lines with this version, whatever they name")
    comparing = "compare with the results that stand in the file, and show where each line first differs"
    scripting.add_argument("--check", action="store_true", help=comparing)
    for deciding in (running, exploring):
        choosing = "what is a choice: 1 every message, 2 begins and commits, 3 whole mutations (2)"
        deciding.add_argument("--level", type=int, choices=(1, 2, 3), default=2, help=choosing)
    for showing in (running, replaying):
        showing.add_argument("--steps", action="store_true", help="show every message that is handled, too")
    return parser
