"""Records: what happened in a run, as files: story and page for people, JSON lines for machines.

Owns which facts of a run are told to machines, and the folder of a failure. `cli/printing.py` prints the same lines.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict

from convexsim.explore.offered import offered_in
from convexsim.explore.switches import moments_of, switches_of
from convexsim.simulation.files import write_whole
from convexsim.trace.event import json_lines
from convexsim.trace.page import PageRun, page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from convexsim.simulation import Run
    from convexsim.testing.property_error import PropertyError

__all__ = ["PAGE", "STORY", "TRACE", "failed_calls", "json_line", "page_of", "run_record", "write_record", "write_run"]

STORY: Final = "story.txt"
TRACE: Final = "trace.jsonl"
PAGE: Final = "page.html"


def run_record(run: Run, string: str, drift: Sequence[str] = ()) -> str:
    """Return a run that has kept its events as JSON lines: an event each, and what came of it in the last."""
    assert run.trace is not None
    facts = {
        "scenario": run.scenario.name,
        "level": run.level,
        "ending": run.ending,
        "steps": run.steps,
        "now_ms": run.now,
        "violations": [asdict(broken) for broken in run.violations],
        "unseen": run.unseen,
        "failed_calls": failed_calls(run),
        "drift": [*drift],
        "replay": string,
    }
    return json_lines(run.trace) + json_line("run", facts)


def write_record(error: PropertyError, folder: Path) -> None:
    """Write a failure of a test into a folder of its own; of one that has no run, only what is said of it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / STORY, f"{error.verdict}\n\n{error.story}\n")
    if error.run is not None:
        write_run(folder, error.run, error.replay, error.command)


def write_run(folder: Path, run: Run, string: str, command: str) -> None:
    """Write a run that has kept its events into a folder, for machines and for browsers; `command` repeats it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / TRACE, run_record(run, string))
    write_whole(folder / PAGE, page(page_of(run, string, command)))


def page_of(run: Run, string: str, command: str) -> PageRun:
    """Return a run that has kept its events as a page shows it; `command` repeats it."""
    assert run.trace is not None
    switches = tuple((switch.step, switch.what) for switch in switches_of(run))
    facts = run.scenario.name, run.scenario.about, run.level, string, command
    return PageRun(*facts, run.trace, switches, _offered(run))


def _offered(run: Run) -> dict[int, tuple[str, ...]]:
    """Return what could have come instead of each step that was chosen, by the step."""
    again, choices = offered_in(run)
    steps = moments_of(again)
    return {steps[at][0]: each.options for at, each in enumerate(choices) if each.kind == "step"}


def failed_calls(run: Run) -> dict[str, str]:
    """Return the errors of the clients' calls that ended with one, by activity."""
    return {call.activity: call.error for call in run.calls if call.error is not None}


def json_line(kind: str, facts: dict[str, Any]) -> str:
    """Return facts as a line of JSON, with their keys in order."""
    return json.dumps({kind: facts}, sort_keys=True, separators=(",", ":")) + "\n"
