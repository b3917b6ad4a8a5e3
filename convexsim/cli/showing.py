"""The command `show`: a run as a picture, in columns of the terminal or in a file for another program.

Owns what is asked for and what is told. In which forms a run can be written stands in `formats.py`, how it looks in
columns in `trace/compact.py`.
"""

from __future__ import annotations

from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final

from attrs import asdict

from convexsim.cli.arguments import add_json, add_scenario, add_string
from convexsim.cli.chosen import chosen
from convexsim.cli.command import BROKEN, HELD, Command, Example
from convexsim.cli.formats import add_formats, write_formats
from convexsim.cli.printing import how_to_replay, say, verdicts
from convexsim.cli.terminal import end_at_once, interruption
from convexsim.explore.replay import replay
from convexsim.testing.record import json_line
from convexsim.testing.scenario_file import open_scenarios
from convexsim.trace.compact import KEY, compact
from convexsim.trace.text import WIDTH
from convexsim.trace.timeline import timeline

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from convexsim.explore.replay import Replayed

__all__ = ["SHOW"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    add_string(parser)
    add_formats(parser)
    add_json(parser)


def _show(arguments: argparse.Namespace) -> int:
    """Repeat a run, write it where it was asked for, or show it here; return the exit code of the run."""
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        replayed = replay(chosen(scenarios, arguments), arguments.string)
    written = write_formats(arguments, replayed.run, replayed.string)
    if arguments.json:
        arguments.out.write(json_line("show", _facts(replayed, written)))
    else:
        if not written:
            _in_columns(replayed, arguments)
        told = [f"{path}: written" for path in written]
        say(arguments, verdicts(replayed.run, replayed.drift), *told, how_to_replay(arguments, replayed.string))
    return BROKEN if replayed.run.violations else HELD


def _in_columns(replayed: Replayed, arguments: argparse.Namespace) -> None:
    assert replayed.run.trace is not None
    width = get_terminal_size((WIDTH, 24)).columns
    arguments.out.write(compact(timeline(replayed.run.trace), width, arguments.out.paint))
    say(arguments, f"\n{KEY}\n")


def _facts(replayed: Replayed, written: list[Path]) -> dict[str, object]:
    return {
        "scenario": replayed.run.scenario.name,
        "replay": replayed.string,
        "drift": [*replayed.drift],
        "violations": [asdict(broken) for broken in replayed.run.violations],
        "files": [str(path) for path in written],
    }


_FOUND: Final = "scenarios/double_chain.py 'cs2.L2.double_chain.6A99mm.di95kji'"

SHOW: Final = Command(
    "show",
    "show a run as a picture: in columns here, or in a file for another program",
    _add_arguments,
    _show,
    (
        Example(f"show {_FOUND}", "who does what when, a line a moment", code=BROKEN),
        Example(
            f"show {_FOUND} --mermaid race.mmd --perfetto race.json", "for a pull request, and to zoom", code=BROKEN
        ),
    ),
)
