"""The command `findings`: what the store knows, one line a failure.

Owns the table and its JSON. When two failures are one stands in `explore/shape.py`, what is kept in `store.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import asdict

from convexsim.cli.arguments import add_file, add_json, add_store
from convexsim.cli.command import HELD, Command, Example
from convexsim.cli.printing import replay_command, say
from convexsim.cli.store import FILE, Findings, path_of
from convexsim.testing.record import json_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from convexsim.cli.store import Known

__all__ = ["FINDINGS"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file(parser, nargs="?")
    add_store(parser)
    add_json(parser)


def _tell_findings(arguments: argparse.Namespace) -> int:
    """List the distinct failures that were found, and return the exit code: also that of an empty list."""
    found: Sequence[Known] = ()
    if arguments.store.is_file() or (arguments.store / FILE).exists():  # a file is refused, as explore does
        with Findings(arguments.store) as store:
            found = [known for known in store.findings() if _is_meant(known, arguments)]
    if arguments.json:
        for known in found:
            arguments.out.write(json_line("finding", asdict(known)))
    elif not found:
        of = "" if arguments.file is None else f" of {arguments.file}"
        say(arguments, f"no findings{of} yet in {arguments.store}")
    else:
        say(arguments, *_table(found))
    return HELD


def _is_meant(known: Known, arguments: argparse.Namespace) -> bool:
    if arguments.file is None:
        return True
    return known.file == path_of(arguments.file.path) and arguments.file.name in (None, known.scenario)


def _table(found: Sequence[Known]) -> list[str]:
    rows = [("property", "scenario", "level", "times", "replay it")]
    for known in found:
        command = replay_command(known.file, known.replay, known.faults)
        rows.append((known.invariant, known.scenario, f"{known.level}", f"{known.times:,}", command))
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    return [
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>5}  {row[3]:>{widths[3]}}  {row[4]}" for row in rows
    ]


FINDINGS: Final = Command(
    "findings",
    "list the failures that explorations have found, each once",
    _add_arguments,
    _tell_findings,
    (
        Example("findings", "all that the store of the current folder has, with the lines that replay them"),
        Example("findings scenarios/timer_cancels_itself.py", "only what was found in one script"),
    ),
)
