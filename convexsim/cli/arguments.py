"""The words after `convexsim`: the commands, and what each takes.

Owns the parser alone. What a command does stands in `commands.py`.
"""

from __future__ import annotations

import argparse
import re
import sys
from math import inf
from pathlib import Path
from typing import Any, Final, NoReturn

from attrs import frozen

from convexsim.explore.catalogue import EXPLORERS

__all__ = ["COULD_NOT", "File", "make_parser"]

COULD_NOT: Final = 2
"""The exit code of what could not be done."""
MOST_WORKERS: Final = 256
MOST_COUNTED: Final = 1_000_000

_EPILOG: Final = """\
exit codes:
  0    no invariant broke
  1    an invariant broke, or one that must hold sometimes never did; a certificate proves nothing; a script's results
       are not the recorded ones
  2    it could not be done: wrong usage, a replay string that means nothing any more, a scenario that fails by itself,
       or a bug of convexsim
  130  interrupted before anything broke; what broke earlier counts and gives 1
"""


@frozen
class File:
    """A scenario file as it is named on the command line, ``path.py`` or ``path.py:scenario``."""

    path: Path
    name: str | None

    def __str__(self) -> str:
        return f"{self.path}" if self.name is None else f"{self.path}:{self.name}"


def _file(text: str) -> File:
    named_one = re.fullmatch(r"(.+\.py):([\w-]+)", text)
    return File(Path(named_one[1]), named_one[2]) if named_one else File(Path(text), None)


def _level(text: str) -> int:
    number = text.removeprefix("L")
    if not number.isdecimal():
        msg = f"{text!r} is no level: write 2 or L2, say"
        raise argparse.ArgumentTypeError(msg)
    return int(number)


def _share(text: str) -> float:
    percent = re.fullmatch(r"([\d.]+)%", text)
    try:
        share = float(percent[1]) / 100 if percent else float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        msg = f"{text!r} is no share between none and all: write it as 95% or as 0.95"
        raise argparse.ArgumentTypeError(msg)
    return share


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < inf:
        msg = f"{text!r} is no time: write how many seconds, more than 0"
        raise argparse.ArgumentTypeError(msg)
    return seconds


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if not 0 < count <= MOST_COUNTED:
        msg = f"{text!r} is no count: write 1 to {MOST_COUNTED}"
        raise argparse.ArgumentTypeError(msg)
    return count


def _workers(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if not 0 < count <= MOST_WORKERS:
        msg = f"{text!r} is no number of workers: write 1 to {MOST_WORKERS}"
        raise argparse.ArgumentTypeError(msg)
    return count


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, like every other error."""
        self.exit(COULD_NOT, f"convexsim: {message} (see {self.prog} --help)\n")


def _add_campaign(exploring: argparse.ArgumentParser) -> None:
    """Add what is proposed to an exploration, how long it lasts, who does it, and what is kept of it."""
    proposing = "who proposes the orders (random); docs/exploration.md says which is right when"
    exploring.add_argument("--explorer", choices=tuple(EXPLORERS), default="random", help=proposing)
    exploring.add_argument("--seed", type=int, default=0, help="the same seed gives the same runs (0)")
    lasting = exploring.add_mutually_exclusive_group()
    lasting.add_argument("--runs", type=int, help="how many at most, for each scenario (1000)")
    lasting.add_argument("--time", type=_seconds, metavar="S", help="as many as fit in so many seconds")
    sure = "until it is so sure (95%%) that further runs hardly end otherwise; for random, sticky, pos"
    lasting.add_argument("--until-certain", type=_share, metavar="P", help=sure)
    hardly = "what --until-certain takes for hardly: the share of further runs that end otherwise (1%%)"
    exploring.add_argument("--unseen", type=_share, metavar="P", help=hardly)
    exploring.add_argument("--keep-going", action="store_true", help="collect distinct failures, not only the first")
    sharing = "explore with so many processes; what is found does not depend on it (1)"
    exploring.add_argument("--workers", type=_workers, default=1, metavar="N", help=sharing)
    exploring.add_argument("--resume", action="store_true", help="go on where the same exploration was stopped")
    exploring.add_argument("--no-store", action="store_true", help="keep nothing of it")


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(float(each) for each in text.split(","))
    except ValueError:
        rates = (0.0,)
    if not all(0 < rate < inf for rate in rates):
        msg = f"{text!r} are no rates: write calls a second, such as 1,10,100"
        raise argparse.ArgumentTypeError(msg)
    return rates


def _milliseconds(text: str) -> float:
    try:
        return _seconds(text)
    except argparse.ArgumentTypeError:
        msg = f"{text!r} is no time: write how many milliseconds, more than 0"
        raise argparse.ArgumentTypeError(msg) from None


def _add_conflicts(reporting: argparse.ArgumentParser) -> None:
    """Add which orders are looked at, and how calls come."""
    proposing = "who proposes orders besides lockstep and a random walk (nobody)"
    reporting.add_argument("--explorer", choices=tuple(EXPLORERS), help=proposing)
    reporting.add_argument(
        "--runs", type=_count, default=100, metavar="N", help="of the walk, and of the explorer (100)"
    )
    reporting.add_argument("--seed", type=int, default=0, help="the same seed gives the same runs (0)")
    deciding = "what is a choice: 1 every message, 2 begins and commits (2)"
    reporting.add_argument("--level", type=_level, choices=(1, 2), default=2, help=deciding)
    coming = "how many calls come in a second (1,10,100)"
    reporting.add_argument("--rate", type=_rates, default=(1.0, 10.0, 100.0), metavar="R,...", help=coming)
    running = "how long a mutation runs from begin to commit, in ms (20)"
    reporting.add_argument("--takes", type=_milliseconds, default=20.0, metavar="MS", help=running)
    looking = "how many calls are looked at for each rate (1000)"
    reporting.add_argument("--trials", type=_count, default=1_000, metavar="N", help=looking)


def _add_script(scripting: argparse.ArgumentParser) -> None:
    """Add what is run, with what, and whether it is compared."""
    scripting.set_defaults(json=True)
    scripting.add_argument("file", type=Path, metavar="FILE.jsonl", help="one scenario a line, as JSON")
    offering = "the component, by its module's name; the module has a function script_app(version)"
    scripting.add_argument("--component", metavar="MODULE", required=True, help=offering)
    scripting.add_argument("--version", metavar="V", help="run all lines with this version, whatever they name")
    comparing = "compare with the results that stand in the file, and show where each line first differs"
    scripting.add_argument("--check", action="store_true", help=comparing)


def _add_matrix(tabulating: argparse.ArgumentParser) -> None:
    """Add what is tabulated, with how much effort, and where the results go."""
    offering = "the component, by its module's name; the module has a function matrix()"
    tabulating.add_argument("component", metavar="MODULE", help=offering)
    tabulating.add_argument("--versions", metavar="V,...", help="of the component (all)")
    tabulating.add_argument("--properties", metavar="P,...", help="by their numbers (all)")
    tabulating.add_argument("--faults", metavar="N,U,...", help="the fault models at work (all)")
    together = "how many fault models are at work together at most (2); then all of them"
    tabulating.add_argument("--together", type=_count, default=2, metavar="N", help=together)
    budget = "workloads for each version and part under several faults, 2 and 4 times that under one and none (8)"
    tabulating.add_argument("--budget", type=_count, default=8, metavar="N", help=budget)
    tabulating.add_argument("--seed", type=int, default=0, help="the same seed gives the same workloads and orders (0)")
    tabulating.add_argument("--workers", type=_workers, default=1, metavar="N", help="processes at work (1)")
    tabulating.add_argument("--resume", action="store_true", help="go on where the same matrix was stopped")
    storing = "the folder in which it is kept how far it is (.convexsim)"
    tabulating.add_argument("--store", type=Path, default=Path(".convexsim"), metavar="DIR", help=storing)
    tabulating.add_argument("--json", type=Path, metavar="FILE", help="write all cells, and how each was broken")
    tabulating.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as a page")
    tabulating.add_argument("--save", type=Path, metavar="FILE", help="write a line for each violation, to replay it")
    showing = "explore nothing; tell the story of a violation that stands in the file named by --json"
    tabulating.add_argument("--show", metavar="VERSION:PROPERTY", help=showing)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; what it parses has the name of its command in `command`."""
    raw: Any = {"epilog": _EPILOG, "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = _Parser(prog="convexsim", description="Find, replay and explain races between Convex functions.", **raw)
    # By way of sys.modules, because the rooms of the package do not import its front door.
    version = sys.modules["convexsim"].__version__
    parser.add_argument("--version", action="version", version=f"convexsim {version}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, about: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.", **raw)
        added.set_defaults(command=name)
        added.add_argument("--traceback", action="store_true", help="on an error, show where it came from")
        return added

    def scenarios(name: str, about: str) -> argparse.ArgumentParser:
        added = command(name, about)
        added.add_argument("file", type=_file, metavar="SCENARIO.py[:NAME]", help="the script, and its scenario")
        added.add_argument("--scenario", metavar="NAME", help="another way to name the scenario")
        added.add_argument("--json", action="store_true", help="print JSON lines")
        return added

    running = scenarios("run", "run a scenario once: the serial order, or a random one with --seed")
    exploring = scenarios("explore", "run each scenario in many orders and show the simplest failure")
    replaying = scenarios("replay", "repeat a run from its replay string, and say where it has drifted")
    replaying.add_argument("string", metavar="STRING", help="what run and explore print, in quotes")
    running.add_argument("--seed", type=int, help="draw the order; the same seed gives the same one")
    _add_campaign(exploring)
    reporting = scenarios("conflicts", "report which functions lose to which, and which reads are to blame")
    _add_conflicts(reporting)
    listing = command("findings", "list the failures that explorations have found, each once")
    listing.add_argument("file", nargs="?", type=_file, metavar="SCENARIO.py[:NAME]", help="only those of this script")
    listing.add_argument("--json", action="store_true", help="print JSON lines")
    for storing in (exploring, listing):
        keeping = "the folder of the findings store (.convexsim)"
        storing.add_argument("--store", type=Path, default=Path(".convexsim"), metavar="DIR", help=keeping)
    certifying = scenarios("certify", "search a scenario to the end, and write a certificate of it")
    certifying.add_argument("--runs", type=int, default=100_000, help="how many at most (100000)")
    certifying.add_argument("--level", type=_level, choices=(2, 3), default=3, help="as for explore (3)")
    checking = scenarios("verify", "check that a certificate stands for every order")
    for proving, what in ((certifying, "where to write it"), (checking, "what certify has written")):
        proving.add_argument("certificate", type=Path, metavar="FILE", help=what)
    _add_matrix(command("matrix", "tabulate which properties of a component hold in which version"))
    _add_script(command("script", "run each line's operations one by one and print it with its results"))
    for deciding in (running, exploring):
        choosing = "what is a choice: 1 every message, 2 begins and commits, 3 whole mutations (2)"
        deciding.add_argument("--level", type=_level, choices=(1, 2, 3), default=2, help=choosing)
    for breaking in (running, exploring, replaying, reporting, certifying, checking):
        failing = "what may go wrong, instead of what the scenario says: crashes=1,late_ms=1000, or none"
        breaking.add_argument("--faults", metavar="PLAN", help=failing)
    for showing in (running, replaying):
        showing.add_argument("--steps", action="store_true", help="show every message that is handled, too")
    return parser
