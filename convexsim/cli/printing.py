"""What the command line tells: the story of a run, the report of an exploration, or both as JSON lines.

Owns which facts are told and in which order, and the exit code that follows from a run. Used by `commands.py`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections import Counter
from contextlib import contextmanager
from errno import EBADF
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from attrs import asdict

from convexsim.cli.colour import Paint
from convexsim.cli.command import BROKEN, HELD
from convexsim.errors import UsageError
from convexsim.testing.record import failed_calls, json_line, run_record
from convexsim.trace.names import one_line, shorten
from convexsim.trace.text import WIDTH, story
from convexsim.values import counted, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from convexsim.explore.block import Sighting
    from convexsim.explore.campaign import Campaign
    from convexsim.explore.report import Report
    from convexsim.simulation import Run

__all__ = [
    "Output",
    "finding_facts",
    "how_to_replay",
    "replay_command",
    "say",
    "say_report",
    "tell_clock",
    "tell_finding",
    "tell_report",
    "tell_run",
    "tell_written",
    "verdicts",
]


class Output:
    """Where it is told, and in which colours; that it cannot be told is nobody's bug."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.paint = Paint(is_on=False)

    def write(self, text: str) -> None:
        """Write a text."""
        with self._told_as_such():
            self._stream.write(text)

    def flush(self) -> None:
        """Hand out what has been written."""
        with self._told_as_such():
            self._stream.flush()

    def forget(self) -> None:
        """Let what nobody takes go nowhere: Python itself writes out at the end what is left."""
        if not self._stream.closed:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    @contextmanager
    def _told_as_such(self) -> Iterator[None]:
        try:
            if self._stream.closed:
                raise OSError(EBADF, "a script has closed it")  # noqa: TRY301 - as the system says it of a file
            yield
        except BrokenPipeError:
            raise  # a reader that has read enough
        except OSError as error:
            self.forget()
            msg = f"The output cannot be written: {error.strerror}."
            raise UsageError(msg, next_step="Let it go where there is room.") from None


def tell_run(run: Run, string: str, arguments: argparse.Namespace, drift: Sequence[str] = ()) -> int:
    """Tell one run, how it differs from a recorded one, and its replay string; return the exit code that follows."""
    assert run.trace is not None
    if arguments.json:
        arguments.out.write(run_record(run, string, drift))
        return BROKEN if run.violations else HELD
    say(arguments, _story(run, steps=arguments.steps), verdicts(run, drift), how_to_replay(arguments, string))
    return BROKEN if run.violations else HELD


def verdicts(run: Run, drift: Sequence[str] = ()) -> str:
    """Return what came of a run: whether anything broke, what failed, and how it differs from a recorded one."""
    verdict = "BROKEN" if run.violations else "nothing broke"
    lines = [f"{run.scenario.name}: {verdict} (level {run.level}, {counted(run.steps, 'step')}, {show(run.now)} ms)"]
    lines += [f"  broken: {broken.invariant}: {broken.message}" for broken in run.violations]
    lines += [f"  did not happen in this run: {name}" for name in run.unseen]
    lines += [f"  failed: {activity}: {error}" for activity, error in failed_calls(run).items()]
    scheduled = Counter(run.view.failed_functions())
    lines += [f"  failed scheduled functions: {number}, {error}" for error, number in scheduled.items()]
    return "\n".join([*(shorten(one_line(line), WIDTH) for line in lines), *(f"  {line}" for line in drift)])


def tell_report(campaign: Campaign, arguments: argparse.Namespace) -> None:
    """Tell an exploration, and its first finding with the story."""
    report = campaign.close()
    if arguments.json:
        arguments.out.write(json_line("report", _facts(campaign)))
    else:
        say_report(report, arguments, [_also(each, arguments) for each in campaign.sightings[1:]])
    arguments.out.flush()  # a scenario may take long, and somebody may be reading along


def say_report(report: Report, arguments: argparse.Namespace, others: Sequence[str] = ()) -> None:
    """Tell people of an exploration: the story of its finding, what is known, how to replay it, what else was found."""
    finding = report.finding
    if finding is None:
        say(arguments, str(report))
    else:
        say(arguments, _story(finding.run), str(report), how_to_replay(arguments, finding.replay), *others, "")


def tell_finding(seen: Sighting, scenario: str, arguments: argparse.Namespace) -> None:
    """Tell a failure as soon as it is found, as JSON; people get it with the report."""
    if arguments.json:
        arguments.out.write(json_line("finding", {"scenario": scenario, **_seen(seen, "times")}))
        arguments.out.flush()


def tell_clock(facts: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Tell what is not the same each time, as JSON and in a line of its own."""
    if arguments.json:
        arguments.out.write(json_line("clock", facts))
        arguments.out.flush()


def _seen(seen: Sighting, *without: str) -> dict[str, Any]:
    return {name: fact for name, fact in asdict(seen).items() if name not in ("indexes", *without)}


def _also(seen: Sighting, arguments: argparse.Namespace) -> str:
    said = shorten(one_line(f"also broken, in {counted(seen.times, 'run')}: {seen.invariant}: {seen.message}"), WIDTH)
    return f"{said}\n{how_to_replay(arguments, seen.replay)}"


def _facts(campaign: Campaign) -> dict[str, Any]:
    report, unseen = campaign.report, campaign.meter.unseen
    return {
        "scenario": report.scenario.name,
        "explorer": report.explorer,
        "seed": campaign.plan.seed,
        "level": report.level,
        "faults": str(report.scenario.faults),
        "random_values": report.random_values,
        "runs": report.runs,
        "distinct_ends": campaign.meter.distinct,
        "distinct_traces": campaign.traces.distinct if campaign.traces.runs else None,
        "traced_runs": campaign.traces.runs,
        "unseen": asdict(unseen) if unseen is not None and campaign.is_sample else None,
        "exhausted": report.exhausted,
        "interrupted": report.interrupted,
        "holds": report.holds,
        "unreached": report.unreached,
        "failed_calls": report.failed_calls,
        "differs_from_step": report.differs_from_step,
        "finding": finding_facts(report),
        "findings": [_seen(each) for each in campaign.sightings],
    }


def finding_facts(report: Report) -> dict[str, Any] | None:
    """Return what an exploration has found, as JSON; None if nothing."""
    finding = report.finding
    if finding is None:
        return None
    return {
        "violations": [asdict(broken) for broken in finding.violations],
        "found_at_run": finding.found_at_run,
        "choices_before": finding.choices_before,
        "choices_after": finding.choices_after,
        "is_minimal": finding.is_minimal,
        "switches": [asdict(switch) for switch in finding.switches],
        "replay": finding.replay,
    }


def _story(run: Run, *, steps: bool = False) -> str:
    assert run.trace is not None
    title = f"{run.scenario.name}: {run.scenario.about}".removesuffix(": ")
    return f"{title}\n\n{story(run.trace, steps=steps)}\n"


def how_to_replay(arguments: argparse.Namespace, string: str) -> str:
    """Return the line that says how to see a run again."""
    return f"replay it: {replay_command(str(arguments.file.path), string, arguments.faults)}"


def replay_command(file: str, string: str, faults: str | None) -> str:
    """Return what to type to see a run again."""
    typed = Path(sys.argv[0])  # as in .venv/bin/convexsim, where no PATH leads
    on_path = typed.name != "convexsim" or shutil.which("convexsim") is not None
    program = "convexsim" if on_path else shlex.quote(str(typed))
    if typed.parts[-2:] == ("convexsim", "__main__.py"):
        program = "python -m convexsim"
    planned = f" --faults {shlex.quote(faults)}" if faults else ""
    return f"{program} replay {shlex.quote(file)} '{string}'{planned}"


def tell_written(paths: Sequence[Path], arguments: argparse.Namespace) -> None:
    """Tell people what was written; who asked for JSON has named the files himself."""
    if not arguments.json:
        say(arguments, *(f"{path}: written" for path in paths))


def say(arguments: argparse.Namespace, *texts: str) -> None:
    """Print texts, each with an end of line."""
    for text in texts:
        print(arguments.out.paint.story(text), file=arguments.out)
