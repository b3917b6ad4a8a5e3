"""The commands `certify` and `verify`: a search to its end, and whether what it lists stands for every order.

Owns what is told of both. What a certificate is stands in `simulation/certificate.py`, how one is made in
`explore/certificate.py`, and who checks it, without a line of code in common, in `explore/verify.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from convexsim.cli.arguments import add_json, add_level, add_scenario
from convexsim.cli.chosen import one_of
from convexsim.cli.command import BROKEN, COULD_NOT, HELD, INTERRUPTED, Command, Example
from convexsim.cli.printing import finding_facts, say, say_report
from convexsim.cli.terminal import Interrupt, Progress, end_at_once, interruption
from convexsim.explore.certificate import certify
from convexsim.explore.verify import verify
from convexsim.simulation.certificate import Certificate, unwritable
from convexsim.testing.record import json_line
from convexsim.testing.scenario_file import open_scenarios
from convexsim.values import counted

if TYPE_CHECKING:
    import argparse

    from convexsim.explore.report import Report
    from convexsim.simulation import Run

__all__ = ["CERTIFY", "VERIFY"]


def _add_proving(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    parser.add_argument("certificate", type=Path, metavar="FILE", help="where to write it")
    parser.add_argument("--runs", type=int, default=100_000, metavar="N", help="how many at most (100000)")
    add_level(parser, (2, 3), 3)
    add_json(parser)


def _add_checking(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    parser.add_argument("certificate", type=Path, metavar="FILE", help="what certify has written")
    add_json(parser)


def _prove(arguments: argparse.Namespace) -> int:
    """Search one scenario to its end, write the certificate, and return the exit code."""
    interrupt = Interrupt()
    with interruption(interrupt), open_scenarios(arguments.file.path) as scenarios:
        meant = one_of(scenarios, arguments)
        _check_place(arguments.certificate)
        with Progress(meant.name) as progress:

            def look(number: int, _: Run) -> None:
                progress.count(number)
                if interrupt.asked:
                    raise KeyboardInterrupt

            found = certify(meant, level=arguments.level, max_runs=arguments.runs, on_run=look)
        if isinstance(found, Certificate):
            found.save(arguments.certificate)
            listed = f"{meant.name}: {counted(len(found.runs), 'run')} listed; convexsim verify says what they prove"
            facts = {"scenario": meant.name, "is_written": True, "runs": len(found.runs)}
            say(arguments, json_line("certificate", facts).rstrip() if arguments.json else listed)
            return HELD
        if arguments.json:
            arguments.out.write(json_line("certificate", _refusal(found)))
        else:
            say_report(found, arguments)
    if found.finding is not None or found.unreached:
        return BROKEN
    print(f"convexsim: {arguments.certificate} is not written: the search did not come to its end", file=sys.stderr)
    return INTERRUPTED if found.interrupted else COULD_NOT


def _refusal(report: Report) -> dict[str, Any]:
    """Return why there is no certificate: what was found, or that the search did not come to its end."""
    return {
        "scenario": report.scenario.name,
        "is_written": False,
        "runs": report.runs,
        "interrupted": report.interrupted,
        "unreached": report.unreached,
        "finding": finding_facts(report),
    }


def _check_proof(arguments: argparse.Namespace) -> int:
    """Check a certificate, tell what it proves or why it proves nothing, and return the exit code."""
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        meant, certificate = one_of(scenarios, arguments), Certificate.load(arguments.certificate)
        with Progress(meant.name, unit="places") as progress:
            verdict = verify(meant, certificate, progress.count)
        facts = {
            "scenario": verdict.scenario,
            "holds": verdict.holds,
            "refused": verdict.refused,
            "traces": verdict.traces,
            "places": verdict.places,
            "random_values": verdict.random_values,
        }
        say(arguments, json_line("verdict", facts).rstrip() if arguments.json else str(verdict))
    return HELD if verdict.holds else BROKEN


def _check_place(path: Path) -> None:
    """Refuse before a search, which may be long, a place where nothing could be written after it."""
    try:
        is_new = not path.exists()
        path.open("ab").close()
    except OSError as error:
        raise unwritable(path, error) from None
    if is_new:
        path.unlink()


_PROVED: Final = "scenarios/concurrent_threshold_flushes.py:two_threshold_flushes two.certificate"

CERTIFY: Final = Command(
    "certify",
    "search a scenario to the end, and write a certificate of it",
    _add_proving,
    _prove,
    (
        Example(f"certify {_PROVED}", "one order of all those that differ, listed in a file"),
        Example(
            "certify scenarios/double_chain.py:double_chain chain.certificate",
            "a race that is found instead: its story, and no certificate",
            code=BROKEN,
        ),
    ),
)
VERIFY: Final = Command(
    "verify",
    "check that a certificate stands for every order",
    _add_checking,
    _check_proof,
    (
        Example(f"verify {_PROVED}", "every order of the scenario is one of those listed, and holds"),
        Example(f"verify --json {_PROVED}", "the same for a program"),
    ),
)
