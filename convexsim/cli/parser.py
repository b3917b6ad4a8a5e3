"""The words after `convexsim`: which command is meant, and what it is given; or help.

Owns how help reads and how wrong words are answered. What a command takes, it says itself (`command.py`).
"""

from __future__ import annotations

import argparse
import sys
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Final, NoReturn

from convexsim.cli.arguments import OneOf
from convexsim.cli.colour import WHEN
from convexsim.cli.command import BROKEN, CODES, Example
from convexsim.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convexsim.cli.command import Command

__all__ = ["FIRST", "actions_of", "front", "parse", "parser_of"]

_FRONT: Final = """\
usage: convexsim COMMAND ...

Find, replay and explain races between Convex functions.
"""

FIRST: Final = (
    Example("run scenarios/double_chain.py:double_chain", "one order: what happens, and what holds"),
    Example("explore scenarios/double_chain.py:double_chain", "many orders: does any of them break it?", code=BROKEN),
    Example(
        "replay scenarios/double_chain.py 'cs2.L2.double_chain.6A99mm.di95kji'",
        "the order that does, from the line that explore prints",
        code=BROKEN,
    ),
)
"""From a scenario to the story of its race."""

_HELP: Final = ("-h", "--help")
_NARROWEST: Final = 30
_LAST: Final = "convexsim help COMMAND says what a command takes, with two examples."


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Refuse in one line, like every other error."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def parser_of(command: Command) -> argparse.ArgumentParser:
    """Return the parser for what stands behind the name of a command."""
    parser = _Parser(
        prog=f"convexsim {command.name}",
        description=f"{command.about[0].upper()}{command.about[1:]}.",
        epilog=f"{_shown('examples', command.examples)}\n{_codes()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(command=command)
    command.add_arguments(parser)
    when = "in colours or not: auto, if it is a terminal that can; always; never"
    parser.add_argument("--color", type=OneOf("way", WHEN), default="auto", metavar="WHEN", help=when)
    parser.add_argument("--traceback", action="store_true", help="on an error, show where it came from")
    return parser


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what a parser takes, in its order; the library itself has no door to it."""
    return parser._actions  # noqa: SLF001


def parse(words: Sequence[str], table: Mapping[str, Sequence[Command]]) -> argparse.Namespace | str:
    """Return what was meant, with its `Command` as `command` and all as `table`; or the help that was asked for.

    Args:
        words: what stands behind `convexsim`, at least one.
        table: all commands, by what one wants with them.

    Raises:
        UsageError: it cannot be meant.

    """
    commands = {command.name: command for group in table.values() for command in group}
    name, *rest = words
    if name == "help":
        name, rest = (rest[0], ["--help"]) if rest else ("--help", [])
    if name in _HELP:
        return front(table)
    if name == "--version":
        # By way of sys.modules, because the rooms of the package do not import its front door.
        return f"convexsim {sys.modules['convexsim'].__version__}\n"
    if name not in commands:
        raise UsageError(f"There is no command {name!r}. {did_you_mean(name, commands)} (see convexsim --help)")
    parser = parser_of(commands[name])
    if any(word in _HELP for word in rest):
        return parser.format_help()
    for word in rest:
        if word.startswith("--") and word.endswith("=--"):  # argparse takes the value away and hands on a list
            parser.error(f"argument {word.removesuffix('=--')}: '--' ends the options and is no value")
    parsed, left = parser.parse_known_args(rest)
    if left:
        known = [spelled for action in actions_of(parser) for spelled in action.option_strings]
        wrong = left[0].partition("=")[0]
        advice = f". {did_you_mean(wrong, known)}" if wrong.startswith("-") else ""
        parser.error(f"unrecognized arguments: {' '.join(left)}{advice}")
    parsed.table = table
    return parsed


def front(table: Mapping[str, Sequence[Command]]) -> str:
    """Return what one reads first: the commands, three lines to begin with, and the exit codes."""
    groups = [f"{heading}:\n{''.join(map(_listed, group))}" for heading, group in table.items()]
    first = _shown("from a scenario to the story of its race", FIRST)
    return "\n".join([_FRONT, *groups, first, _codes(), f"{fill(_LAST, _width())}\n"])


def _shown(heading: str, examples: Sequence[Example]) -> str:
    return f"{heading}:\n" + "".join(f"  convexsim {example.words}\n      {example.about}\n" for example in examples)


def _listed(command: Command) -> str:
    return _entry(command.name, command.about, 13)


def _codes() -> str:
    return "exit codes:\n" + "".join(_entry(f"{code}", said, 7) for code, said in CODES.items())


def _entry(name: str, about: str, indent: int) -> str:
    """Return a line of a list, and those that it needs more, as wide as the terminal is."""
    head = f"  {name}".ljust(indent)
    return fill(about, _width(), initial_indent=head, subsequent_indent=" " * indent) + "\n"


def _width() -> int:
    return max(get_terminal_size().columns - 2, _NARROWEST)  # as argparse has it
