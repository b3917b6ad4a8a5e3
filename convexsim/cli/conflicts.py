"""The command `conflicts`: who loses to whom in a scenario, and because of which reads.

Owns what is asked for on the command line, and the report as JSON. What a report is stands in `explore/conflicts.py`,
how it reads in `explore/conflict_text.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict

from convexsim.cli.chosen import chosen
from convexsim.cli.printing import HELD, replay_command, say
from convexsim.cli.terminal import Progress, end_at_once, interruption
from convexsim.explore.arrivals import Arrivals
from convexsim.explore.catalogue import Settings, explorer_named
from convexsim.explore.conflict_text import conflict_text, exhaustion_text
from convexsim.explore.conflicts import conflicts
from convexsim.explore.random_walk import RandomWalk
from convexsim.testing.record import json_line
from convexsim.testing.scenario_file import open_scenarios

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from convexsim.explore.arrivals import Exhaustion
    from convexsim.explore.conflicts import ConflictReport
    from convexsim.simulation import Scenario

__all__ = ["tell_conflicts"]


def tell_conflicts(arguments: argparse.Namespace) -> int:
    """Tell of each scenario that is meant who loses to whom; return the exit code."""
    file = str(arguments.file.path)
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        for number, scenario in enumerate(chosen(scenarios, arguments)):
            report = _report(scenario, arguments)
            rates = [report.exhaustion(arrivals) for arrivals in _arrivals(arguments)]
            if arguments.json:
                arguments.out.write(json_line("conflicts", _facts(report, rates)))
            else:
                text = [conflict_text(report, lambda string: replay_command(file, string, arguments.faults))]
                text += [exhaustion_text(rates)] if rates[0] else []
                say(arguments, *[""] * bool(number), "\n\n".join(text))
            arguments.out.flush()  # a scenario may take long, and somebody may be reading along
    return HELD


def _report(scenario: Scenario, arguments: argparse.Namespace) -> ConflictReport:
    settings = Settings(arguments.runs, arguments.seed)
    explorer = None if arguments.explorer is None else explorer_named(arguments.explorer, settings)
    walk = RandomWalk(arguments.runs, arguments.seed)
    with Progress(scenario.name) as progress:
        return conflicts(scenario, explorer, sample=walk, level=arguments.level, on_run=progress.count)


def _arrivals(arguments: argparse.Namespace) -> list[Arrivals]:
    return [Arrivals(rate, arguments.takes, arguments.trials, arguments.seed) for rate in arguments.rate]


def _facts(report: ConflictReport, rates: Sequence[Sequence[Exhaustion]]) -> dict[str, Any]:
    facts = asdict(report, filter=lambda attribute, _: attribute.name != "traffic")  # its keys would be no JSON
    shares, odds = report.traffic.shares.items(), report.traffic.odds.items()
    return {
        **facts,
        "callers": [{**asdict(caller), "share": share} for caller, share in shares],
        "odds": [{"reader": reader, "writer": writer, "odds": each} for (reader, writer), each in odds],
        "exhaustion": [{**asdict(one), "share": one.share} for of_rate in rates for one in of_rate],
    }
