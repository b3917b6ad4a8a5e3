"""The command `show`: one run to look at, in the terminal, as a page for browsers, or as a file for other programs.

Owns which run is meant: a replay string of a script, or a file into which a run was saved, which needs no script any
more; and beside which other one it is put. The forms stand in `formats.py`, the page in `trace/page.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict

from convexsim.cli.arguments import add_faults, add_json, file
from convexsim.cli.chosen import chosen
from convexsim.cli.command import BROKEN, HELD, Command, Example
from convexsim.cli.formats import add_formats, write_file, write_formats
from convexsim.cli.printing import how_to_replay, replay_command, say, tell_written, verdicts
from convexsim.cli.terminal import end_at_once, interruption
from convexsim.errors import UsageError
from convexsim.explore.nearest import MAX_NEAREST_RUNS, nearest_passing
from convexsim.explore.replay import encode, replay
from convexsim.testing.record import json_line, page_of
from convexsim.testing.scenario_file import open_scenarios
from convexsim.trace.compact import KEY, compact
from convexsim.trace.page import PageRun, page
from convexsim.trace.reading import read_trace
from convexsim.trace.text import WIDTH
from convexsim.trace.timeline import timeline

if TYPE_CHECKING:
    import argparse

    from convexsim.explore.replay import Replayed
    from convexsim.simulation import Run, Scenario
    from convexsim.trace.event import Trace

__all__ = ["SHOW"]

_SAVED: Final = ".jsonl"
_NEAREST: Final = "nearest"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which run is shown, beside which, and where it goes."""
    meant = "the script with its scenario; or a file that --jsonl has written, which needs no string"
    parser.add_argument("file", type=file, metavar="FILE", help=meant)
    parser.add_argument("string", nargs="?", metavar="STRING", help="what run and explore print, in quotes")
    add_faults(parser)
    parser.add_argument("--scenario", metavar="NAME", help="another way to name the scenario")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as a page for browsers, in one file")
    beside = "put another run beside it on the page: by its string, or the nearest one that passes"
    parser.add_argument("--compare", nargs="?", const=_NEAREST, metavar="STRING", help=beside)
    add_formats(parser)
    add_json(parser)


def _show(arguments: argparse.Namespace) -> int:
    """Show one run, and return the exit code that follows from it."""
    if arguments.compare is not None and arguments.html is None:
        raise UsageError("Two runs are compared on a page.", next_step="Say where it goes: --html FILE.")
    if arguments.file.path.suffix == _SAVED:
        return _show_saved(arguments)
    if arguments.string is None:
        msg = f"Which run of {arguments.file.path}?"
        raise UsageError(msg, next_step="Give the replay string that run or explore has printed.")
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        meant = chosen(scenarios, arguments)
        replayed = replay(meant, arguments.string)
        written = write_formats(arguments, replayed.run, replayed.string)
        if arguments.html is not None:
            shown = _page_run(arguments, replayed.run, replayed.string)
            write_file(arguments.html, page(shown, *_beside(arguments, replayed.run, meant)))
            written.append(arguments.html)
    if arguments.json:
        say(arguments, json_line("show", _facts(replayed, written)).rstrip())
        return BROKEN if replayed.run.violations else HELD
    if not written:
        assert replayed.run.trace is not None
        _in_columns(replayed.run.trace, arguments)
    say(arguments, verdicts(replayed.run, replayed.drift))
    tell_written(written, arguments)
    say(arguments, how_to_replay(arguments, replayed.string))
    return BROKEN if replayed.run.violations else HELD


def _facts(replayed: Replayed, written: list[Path]) -> dict[str, object]:
    return {
        "scenario": replayed.run.scenario.name,
        "replay": replayed.string,
        "drift": [*replayed.drift],
        "violations": [asdict(broken) for broken in replayed.run.violations],
        "files": [str(path) for path in written],
    }


def _page_run(arguments: argparse.Namespace, run: Run, string: str) -> PageRun:
    return page_of(run, string, replay_command(str(arguments.file.path), string, arguments.faults))


def _beside(arguments: argparse.Namespace, run: Run, scenarios: list[Scenario]) -> list[PageRun]:
    """Return the run that is put beside another one, if any is."""
    if arguments.compare is None:
        return []
    if arguments.compare != _NEAREST:
        other = replay(scenarios, arguments.compare)
        return [_page_run(arguments, other.run, other.string)]
    if not run.violations:
        msg = "Nothing breaks in this run, so there is no nearest one that passes."
        raise UsageError(msg, next_step="Give the string of another run: --compare STRING.")
    nearest = nearest_passing(run)
    if nearest is None:
        msg = f"No run that differs in one choice passes, among {MAX_NEAREST_RUNS:,} at most."
        raise UsageError(msg, next_step="Give the string of another run: --compare STRING.")
    return [_page_run(arguments, nearest, encode(nearest))]


# ------------------------------------------------------------------------------------------------------- saved runs


def _show_saved(arguments: argparse.Namespace) -> int:
    """Show a run that was saved; what asks for the script is refused."""
    for asked in ("string", "compare", "scenario", "faults", "mermaid", "perfetto", "jsonl"):
        if getattr(arguments, asked) is not None:
            msg = f"{arguments.file.path} is a run that was saved: {asked} asks for its script."
            raise UsageError(msg, next_step="Name the script and the replay string; or leave it out.")
    text = _read(arguments.file.path)
    saved = _saved(arguments.file.path, text)
    if arguments.json:
        arguments.out.write(text)
        return BROKEN if saved.broken else HELD
    if arguments.html is None:
        _in_columns(saved.trace, arguments)
    else:
        write_file(arguments.html, page(saved))
    told = [f"  broken: {broken.invariant}: {broken.message}" for broken in saved.broken]
    say(arguments, f"{saved.scenario}: {'BROKEN' if told else 'nothing broke'} (level {saved.level}, saved)", *told)
    tell_written([] if arguments.html is None else [arguments.html], arguments)
    return BROKEN if saved.broken else HELD


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"{path} cannot be read: {reason}.", next_step="Name a file that is there.") from None


def _saved(path: Path, text: str) -> PageRun:
    """Return a run as it was saved: a head, if it has one; its events; and what came of it."""
    lines = text.splitlines()
    try:
        facts: dict[str, Any] = json.loads(lines[-1])["run"]
        head: dict[str, Any] = json.loads(lines[0]).get("convexsim", {})
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        msg = f"{path} is no run that was saved, or not all of one."
        raise UsageError(msg, next_step="Save one with: convexsim show SCENARIO.py STRING --jsonl FILE.") from None
    trace = read_trace(lines[1:-1] if head else lines[:-1])
    return PageRun(facts["scenario"], head.get("about", ""), facts["level"], facts["replay"], "", trace)


def _in_columns(trace: Trace, arguments: argparse.Namespace) -> None:
    """Show a run in the terminal, as wide as that is."""
    width = get_terminal_size((WIDTH, 24)).columns
    arguments.out.write(compact(timeline(trace), width, arguments.out.paint))
    say(arguments, f"\n{KEY}\n")


_FOUND: Final = "scenarios/a_snapshot.py cs2.L2.a_snapshot.A29soA92os.uvie6o4"

SHOW: Final = Command(
    "show",
    "look at one run: in the terminal, as a page for browsers, as a file for other programs",
    _add_arguments,
    _show,
    (
        Example(f"show {_FOUND}", "lanes side by side, time downwards", code=BROKEN),
        Example(f"show {_FOUND} --html run.html --compare", "beside the nearest run that passes", code=BROKEN),
    ),
)
