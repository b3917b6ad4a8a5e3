"""The option `--report`: each failure as files in a folder of its own, a page for browsers among them.

Owns the names of the folders; the files stand in `testing/record.py`, where pytest's `--sim-report` has them from, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convexsim.cli.printing import replay_command
from convexsim.errors import UsageError
from convexsim.explore.replay import replay
from convexsim.simulation.files import write_whole
from convexsim.testing.record import PAGE, STORY, write_run
from convexsim.trace.text import story

if TYPE_CHECKING:
    import argparse

    from convexsim.explore.campaign import Campaign
    from convexsim.simulation import Run

__all__ = ["add_report", "report_campaign", "report_run"]


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add the folder into which failures are written."""
    about = "write each failure into a folder below this one: story.txt, trace.jsonl and page.html"
    parser.add_argument("--report", type=Path, metavar="DIR", help=about)


def report_campaign(campaign: Campaign, arguments: argparse.Namespace) -> list[Path]:
    """Write what an exploration has found, each failure once, and return where the pages are; none if nobody asked."""
    if arguments.report is None:
        return []
    scenario = campaign.scenario
    told = []
    for number, seen in enumerate(campaign.sightings, 1):
        again = replay([scenario], seen.replay)
        told.append(_write(arguments, Path(scenario.name) / f"{number}-{seen.invariant}", again.run, again.string))
    return told


def report_run(run: Run, string: str, arguments: argparse.Namespace) -> list[Path]:
    """Write one run, and return where the pages are; none if nobody asked."""
    return [] if arguments.report is None else [_write(arguments, Path(run.scenario.name), run, string)]


def _write(arguments: argparse.Namespace, name: Path, run: Run, string: str) -> Path:
    """Write a run into a folder, and return where its page is.

    Raises:
        UsageError: it cannot be written.

    """
    folder: Path = arguments.report / name
    command = replay_command(str(arguments.file.path), string, arguments.faults)
    assert run.trace is not None
    try:
        write_run(folder, run, string, command)
        write_whole(folder / STORY, f"{story(run.trace)}\n\nreplay it: {command}\n")
    except OSError as error:
        msg = f"--report: {folder} cannot be written: {error.strerror}."
        raise UsageError(msg, next_step="Name a folder, or one that is not there yet.") from None
    return folder / PAGE
