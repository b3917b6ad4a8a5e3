"""The words after `convexsim`: which command is meant, and what it is given; or help.

Owns how help reads and how wrong words are answered. What a command takes, it says itself (`command.py`).
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final, NoReturn

from convexsim.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convexsim.cli.command import Command

__all__ = ["parse", "parser_of"]

_FRONT: Final = """\
usage: convexsim COMMAND ...

Find, replay and explain races between Convex functions.
"""

_FIRST: Final = """\
From a scenario to the story of its race, in three lines:

  convexsim run scenarios/double_chain.py           one order: what happens, what holds
  convexsim explore scenarios/double_chain.py       many orders: does any break it?
  convexsim replay scenarios/double_chain.py STRING  the order that does, as explore prints it
"""

_CODES: Final = """\
exit codes:
  0    no invariant broke
  1    an invariant broke, or one that must hold sometimes never did; a certificate proves nothing; a script's results
       are not the recorded ones
  2    it could not be done: wrong usage, a replay string that means nothing any more, a scenario that fails by itself,
       or a bug of convexsim
  130  interrupted before anything broke; what broke earlier counts and gives 1
"""

_LAST: Final = "convexsim help COMMAND, or COMMAND --help, says what a command takes and shows two examples.\n"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Refuse in one line, like every other error."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def parser_of(command: Command) -> argparse.ArgumentParser:
    """Return the parser for what stands behind the name of a command."""
    examples = "\n".join(f"  convexsim {example.words}\n      {example.about}" for example in command.examples)
    parser = _Parser(
        prog=f"convexsim {command.name}",
        description=f"{command.about[0].upper()}{command.about[1:]}.",
        epilog=f"examples:\n{examples}\n\n{_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(command=command)
    command.add_arguments(parser)
    parser.add_argument("--traceback", action="store_true", help="on an error, show where it came from")
    return parser


def parse(words: Sequence[str], table: Mapping[str, Sequence[Command]]) -> argparse.Namespace:
    """Return what was meant, with the `Command` as `command`.

    Args:
        words: what stands behind `convexsim`.
        table: all commands, by what one wants with them.

    Raises:
        UsageError: it cannot be meant.
        SystemExit: help was asked for, and is printed.

    """
    commands = {command.name: command for group in table.values() for command in group}
    if not words:
        print(_front(table), end="", file=sys.stderr)
        raise SystemExit(2)
    name, *rest = words
    if name == "help":
        name, rest = (rest[0], ["--help"]) if rest else ("--help", [])
    if name in ("-h", "--help"):
        print(_front(table), end="")
        raise SystemExit
    if name == "--version":
        # By way of sys.modules, because the rooms of the package do not import its front door.
        print(f"convexsim {sys.modules['convexsim'].__version__}")
        raise SystemExit
    if name not in commands:
        raise UsageError(f"There is no command {name!r}. {did_you_mean(name, commands)} (see convexsim --help)")
    parser = parser_of(commands[name])
    parsed, left = parser.parse_known_args(rest)
    if left:
        known = [spelled for action in parser._actions for spelled in action.option_strings]  # noqa: SLF001
        wrong = left[0].partition("=")[0]
        advice = f". {did_you_mean(wrong, known)}" if wrong.startswith("-") else ""
        parser.error(f"unrecognized arguments: {' '.join(left)}{advice}")
    return parsed


def _front(table: Mapping[str, Sequence[Command]]) -> str:
    groups = [f"{heading}:\n{''.join(map(_listed, group))}" for heading, group in table.items()]
    return "\n".join([_FRONT, *groups, _FIRST, _CODES, _LAST])


def _listed(command: Command) -> str:
    return f"  {command.name:<11} {command.about}\n"
