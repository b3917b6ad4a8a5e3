"""The arguments that several commands have, and how words become values.

Owns no command: each stands in a module of its own, with what it alone takes.
"""

from __future__ import annotations

import argparse
import re
from math import inf
from pathlib import Path
from typing import Final, Literal

from attrs import frozen

from convexsim.errors import did_you_mean

__all__ = [
    "File",
    "Level",
    "OneOf",
    "add_faults",
    "add_file",
    "add_json",
    "add_level",
    "add_scenario",
    "add_steps",
    "add_store",
    "add_string",
    "count",
    "file",
    "seconds",
    "share",
    "workers",
]

MOST_WORKERS: Final = 256
MOST_COUNTED: Final = 1_000_000


@frozen
class File:
    """A scenario file as it is named on the command line, ``path.py`` or ``path.py:scenario``."""

    path: Path
    name: str | None

    def __str__(self) -> str:
        return f"{self.path}" if self.name is None else f"{self.path}:{self.name}"


def file(text: str) -> File:
    """Return a script, and perhaps a scenario in it."""
    named_one = re.fullmatch(r"(.+\.py):([\w-]+)", text)
    return File(Path(named_one[1]), named_one[2]) if named_one else File(Path(text), None)


# -------------------------------------------------------------------------------------------------- words to values


@frozen
class OneOf:
    """A name out of several.

    Attributes:
        what: each of them is, without an article.
        names: all there are.

    """

    what: str
    names: tuple[str, ...]

    def __call__(self, text: str) -> str:
        """Return the name, if it is one."""
        if text not in self.names:
            msg = f"there is no {self.what} {text!r}. {did_you_mean(text, self.names)}"
            raise argparse.ArgumentTypeError(msg)
        return text


@frozen
class Level:
    """A level out of several, ``2`` or ``L2``."""

    levels: tuple[int, ...]

    def __call__(self, text: str) -> int:
        """Return its number."""
        number = text.removeprefix("L")
        if not number.isdecimal() or int(number) not in self.levels:
            *most, last = (str(level) for level in self.levels)
            msg = f"{text!r} is no level here: write {', '.join(most)} or {last}"
            raise argparse.ArgumentTypeError(msg)
        return int(number)


def share(text: str) -> float:
    """Return a share between none and all, ``95%`` or ``0.95``."""
    percent = re.fullmatch(r"([\d.]+)%", text)
    try:
        part = float(percent[1]) / 100 if percent else float(text)
    except ValueError:
        part = 0.0
    if not 0 < part < 1:
        msg = f"{text!r} is no share between none and all: write it as 95% or as 0.95"
        raise argparse.ArgumentTypeError(msg)
    return part


def seconds(text: str) -> float:
    """Return a time in seconds."""
    try:
        time = float(text)
    except ValueError:
        time = 0.0
    if not 0 < time < inf:
        msg = f"{text!r} is no time: write how many seconds, more than 0"
        raise argparse.ArgumentTypeError(msg)
    return time


def count(text: str) -> int:
    """Return how many there are of something, 1 at least."""
    return _number(text, MOST_COUNTED, "count")


def workers(text: str) -> int:
    """Return how many processes are to be at work."""
    return _number(text, MOST_WORKERS, "number of workers")


def _number(text: str, most: int, what: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 0 < number <= most:
        msg = f"{text!r} is no {what}: write 1 to {most}"
        raise argparse.ArgumentTypeError(msg)
    return number


# ----------------------------------------------------------------------------------------------- arguments of several


def add_file(parser: argparse.ArgumentParser, nargs: Literal["?"] | None = None) -> None:
    """Add the script with the scenarios that are meant; with "?" it may be left out."""
    said = "the script, and its scenario" if nargs is None else "only those of this script"
    parser.add_argument("file", type=file, nargs=nargs, metavar="SCENARIO.py[:NAME]", help=said)


def add_scenario(parser: argparse.ArgumentParser) -> None:
    """Add the script, another way to name the scenario in it, and what may go wrong there."""
    add_file(parser)
    parser.add_argument("--scenario", metavar="NAME", help="another way to name the scenario")
    add_faults(parser)


def add_faults(parser: argparse.ArgumentParser) -> None:
    """Add what may go wrong."""
    failing = "what may go wrong, instead of what the scenario says: crashes=1,late_ms=1000, or none"
    parser.add_argument("--faults", metavar="PLAN", help=failing)


def add_string(parser: argparse.ArgumentParser) -> None:
    """Add the string that says which run is meant."""
    parser.add_argument("string", metavar="STRING", help="what run and explore print, in quotes")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the way in which machines are told."""
    parser.add_argument("--json", action="store_true", help="print JSON lines")


def add_level(parser: argparse.ArgumentParser, levels: tuple[int, ...], usual: int) -> None:
    """Add what is a choice."""
    said = {1: "1 every message", 2: "2 begins and commits", 3: "3 whole mutations"}
    choosing = f"what is a choice: {', '.join(said[level] for level in levels)} ({usual})"
    parser.add_argument("--level", type=Level(levels), default=usual, metavar="L", help=choosing)


def add_steps(parser: argparse.ArgumentParser) -> None:
    """Add whether a story tells everything."""
    parser.add_argument("--steps", action="store_true", help="show every message that is handled, too")


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add where explorations keep what they find."""
    keeping = "the folder of the findings store (.convexsim)"
    parser.add_argument("--store", type=Path, default=Path(".convexsim"), metavar="DIR", help=keeping)
