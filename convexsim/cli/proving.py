"""The commands `certify` and `verify`: a search to its end, and whether what it lists stands for every order.

Owns what is told of both. What a certificate is stands in `simulation/certificate.py`, how one is made in
`explore/certificate.py`, and who checks it, without a line of code in common, in `explore/verify.py`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from convexsim.cli.arguments import COULD_NOT
from convexsim.cli.chosen import one_of
from convexsim.cli.exploring import INTERRUPTED
from convexsim.cli.printing import BROKEN, HELD, say, say_report
from convexsim.cli.terminal import Interrupt, Progress, end_at_once, interruption
from convexsim.explore.certificate import certify
from convexsim.explore.verify import verify
from convexsim.simulation.certificate import Certificate, unwritable
from convexsim.testing.record import json_line
from convexsim.testing.scenario_file import open_scenarios
from convexsim.values import counted

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from convexsim.simulation import Run

__all__ = ["check_proof", "prove"]


def prove(arguments: argparse.Namespace) -> int:
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
            facts = {"scenario": meant.name, "runs": len(found.runs)}
            say(arguments, json_line("certificate", facts).rstrip() if arguments.json else listed)
            return HELD
        say_report(found, arguments)
    if found.finding is not None or found.unreached:
        return BROKEN
    print(f"convexsim: {arguments.certificate} is not written: the search did not come to its end", file=sys.stderr)
    return INTERRUPTED if found.interrupted else COULD_NOT


def check_proof(arguments: argparse.Namespace) -> int:
    """Check a certificate, tell what it proves or why it proves nothing, and return the exit code."""
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        verdict = verify(one_of(scenarios, arguments), Certificate.load(arguments.certificate))
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
