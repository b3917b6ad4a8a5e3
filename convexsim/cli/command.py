"""What a command is, and with which codes it may end.

Owns these two alone. A module that offers a command defines a `Command`; the table of them all stands in `commands.py`,
what is made of one for whoever types it in `parser.py`, the arguments that several have in `arguments.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

__all__ = ["BROKEN", "CODES", "COULD_NOT", "HELD", "INTERRUPTED", "NO_READER", "Command", "Example"]

HELD: Final = 0
BROKEN: Final = 1
COULD_NOT: Final = 2
INTERRUPTED: Final = 130  # what a shell reports for a process that SIGINT has ended
NO_READER: Final = 141  # what it reports for one that SIGPIPE has ended

CODES: Final[Mapping[int, str]] = {
    HELD: "no invariant broke",
    BROKEN: "an invariant broke, or one that must hold sometimes never did; a certificate proves nothing; a script's"
    " results are not the recorded ones",
    COULD_NOT: "it could not be done: wrong usage, a replay string that means nothing any more, a scenario that fails"
    " by itself, or a bug of convexsim",
    INTERRUPTED: "interrupted before anything broke; what broke earlier counts and gives 1",
    NO_READER: "whoever was reading the output has left, as head does",
}
"""What each exit code says."""


@frozen
class Example:
    """A line that somebody may type in the folder of this repository, and what comes of it.

    Attributes:
        words: what stands behind `convexsim`.
        about: what it shows, in a few words.
        code: with which it ends.

    """

    words: str
    about: str
    code: int = HELD


@frozen
class Command:
    """One command.

    Attributes:
        name: what one types.
        about: what it does, without a capital and a full stop.
        add_arguments: tells a parser what the command takes.
        run: carries it out and returns the exit code; what was parsed also has `out`, to which it
            prints, and `table`, all commands by what one wants with them.
        examples: two of them, to be learned from.

    """

    name: str
    about: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    examples: tuple[Example, Example]
