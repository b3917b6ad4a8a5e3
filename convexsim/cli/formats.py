"""The forms in which one run can be written into a file for other programs: `show` offers them.

Owns their names and what stands in the head of a file; how each looks stands in `trace/`. A new form is a line in
`FORMATS`.
"""

from __future__ import annotations

import sys
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, frozen

from convexsim.errors import UsageError
from convexsim.simulation.files import write_whole
from convexsim.testing.record import json_line, run_record
from convexsim.trace.mermaid import mermaid
from convexsim.trace.perfetto import perfetto
from convexsim.trace.timeline import timeline

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from convexsim.simulation import Run

__all__ = ["FORMATS", "add_formats", "header", "write_file", "write_formats"]

_FORM: Final = 1
"""The number of the form of JSON lines; what is added to them leaves it as it is."""


@frozen
class Format:
    """One form.

    Attributes:
        name: of the option.
        about: what it is for.
        text: makes the text of the file of a run, which has kept its events, and its replay string.

    """

    name: str
    about: str
    text: Callable[[Run, str], str]


def header(run: Run, string: str) -> dict[str, Any]:
    """Return what a file says of its run before anything else, as plain JSON; what has no limit is null."""
    scenario = run.scenario
    return {
        "form": _FORM,
        # By way of sys.modules, because the rooms of the package do not import its front door.
        "version": sys.modules["convexsim"].__version__,
        "scenario": scenario.name,
        "about": scenario.about,
        "level": run.level,
        "faults": str(scenario.faults),
        "platform": {name: None if fact == inf else fact for name, fact in asdict(scenario.platform).items()},
        "replay": string,
    }


def _mermaid(run: Run, _string: str) -> str:
    assert run.trace is not None
    return mermaid(timeline(run.trace), run.scenario.name)


def _perfetto(run: Run, string: str) -> str:
    assert run.trace is not None
    return perfetto(timeline(run.trace), header(run, string))


def _jsonl(run: Run, string: str) -> str:
    return json_line("convexsim", header(run, string)) + run_record(run, string)


FORMATS: Final = (
    Format("mermaid", "as a Mermaid sequence diagram, for a pull request", _mermaid),
    Format("perfetto", "as trace events, for Perfetto or chrome://tracing", _perfetto),
    Format("jsonl", "as JSON lines (docs/trace.schema.json)", _jsonl),
)


def add_formats(parser: argparse.ArgumentParser) -> None:
    """Add an option for each form: the file into which it is to be written."""
    for form in FORMATS:
        parser.add_argument(f"--{form.name}", type=Path, metavar="FILE", help=f"write the run {form.about}")


def write_formats(arguments: argparse.Namespace, run: Run, string: str) -> list[Path]:
    """Write a run in all forms that were asked for, and return into which files.

    Raises:
        UsageError: a file cannot be written.

    """
    asked = [(form, getattr(arguments, form.name)) for form in FORMATS]
    written = [(form, path) for form, path in asked if path is not None]
    for form, path in written:
        write_file(path, form.text(run, string))
    return [path for _, path in written]


def write_file(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        UsageError: it cannot be written.

    """
    try:
        write_whole(path, text)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}."
        raise UsageError(msg, next_step="Name a file in a folder that is there.") from None
