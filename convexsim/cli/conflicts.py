"""The command `conflicts`: who loses to whom in a scenario, and because of which reads.

Owns what is asked for on the command line, and the report as JSON. What a report is stands in `explore/conflicts.py`,
how it reads in `explore/conflict_text.py`.
"""

from __future__ import annotations

import argparse
import sys
from math import inf
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict

from convexsim.cli.arguments import OneOf, add_json, add_level, add_scenario, count, seconds
from convexsim.cli.chosen import chosen
from convexsim.cli.command import HELD, INTERRUPTED, Command, Example
from convexsim.cli.printing import replay_command, say
from convexsim.cli.terminal import Interrupt, Progress, interruption
from convexsim.explore.arrivals import Arrivals
from convexsim.explore.catalogue import EXPLORERS, Settings, explorer_named
from convexsim.explore.conflict_text import conflict_text, exhaustion_text
from convexsim.explore.conflicts import conflicts
from convexsim.explore.random_walk import RandomWalk
from convexsim.testing.record import json_line
from convexsim.testing.scenario_file import open_scenarios

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.explore.arrivals import Exhaustion
    from convexsim.explore.conflicts import ConflictReport
    from convexsim.simulation import Scenario

__all__ = ["CONFLICTS"]


def _add_conflicts(parser: argparse.ArgumentParser) -> None:
    """Add which orders are looked at, and how calls come."""
    add_scenario(parser)
    proposing = "who proposes orders besides lockstep and a random walk (nobody)"
    parser.add_argument("--explorer", type=OneOf("explorer", tuple(EXPLORERS)), metavar="NAME", help=proposing)
    parser.add_argument("--runs", type=count, default=100, metavar="N", help="of the walk, and of the explorer (100)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same runs (0)")
    add_level(parser, (1, 2), 2)
    coming = "how many calls come in a second (1,10,100)"
    parser.add_argument("--rate", type=_rates, default=(1.0, 10.0, 100.0), metavar="R,...", help=coming)
    running = "how long a mutation runs from begin to commit, in ms (20)"
    parser.add_argument("--takes", type=_milliseconds, default=20.0, metavar="MS", help=running)
    looking = "how many calls are looked at for each rate (1000)"
    parser.add_argument("--trials", type=count, default=1_000, metavar="N", help=looking)
    add_json(parser)


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(float(each) for each in text.split(","))
    except ValueError:
        rates = (0.0,)
    if not all(0 < rate < inf for rate in rates):
        msg = f"{text!r} are no rates: write calls a second, such as 1,10,100"
        raise argparse.ArgumentTypeError(msg)
    return rates


def _milliseconds(text: str) -> float:
    try:
        return seconds(text)
    except argparse.ArgumentTypeError:
        msg = f"{text!r} is no time: write how many milliseconds, more than 0"
        raise argparse.ArgumentTypeError(msg) from None


def _tell(arguments: argparse.Namespace) -> int:
    """Tell of each scenario that is meant who loses to whom; return the exit code."""
    file = str(arguments.file.path)
    interrupt = Interrupt()
    with interruption(interrupt), open_scenarios(arguments.file.path) as scenarios:
        for number, scenario in enumerate(chosen(scenarios, arguments)):
            report = _report(scenario, arguments, interrupt)
            rates = [report.exhaustion(arrivals) for arrivals in _arrivals(arguments)]
            if arguments.json:
                arguments.out.write(json_line("conflicts", _facts(report, rates)))
            else:
                text = [conflict_text(report, lambda string: replay_command(file, string, arguments.faults))]
                text += [exhaustion_text(rates)] if rates[0] else []
                say(arguments, *[""] * bool(number), "\n\n".join(text))
            arguments.out.flush()  # a scenario may take long, and somebody may be reading along
            if interrupt.asked:
                print(f"convexsim: interrupted; this is of the {report.runs:,} runs until then", file=sys.stderr)
                return INTERRUPTED
    return HELD


def _report(scenario: Scenario, arguments: argparse.Namespace, interrupt: Interrupt) -> ConflictReport:
    settings = Settings(arguments.runs, arguments.seed)
    explorer = None if arguments.explorer is None else explorer_named(arguments.explorer, settings)
    walk = RandomWalk(arguments.runs, arguments.seed)
    most = 1 + arguments.runs * (1 if explorer is None else 2)
    with Progress(scenario.name) as progress:

        def look(number: int) -> None:
            progress.count(number, most)
            if interrupt.asked:
                raise KeyboardInterrupt

        return conflicts(scenario, explorer, sample=walk, level=arguments.level, on_run=look)


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


CONFLICTS: Final = Command(
    "conflicts",
    "report which functions lose to which, and which reads are to blame",
    _add_conflicts,
    _tell,
    (
        Example(
            "conflicts scenarios/hot_batch.py:hot_batch --runs 20 --rate 5,10",
            "twenty adds, and the read that costs fifteen of them",
        ),
        Example("conflicts scenarios/read_set.py --runs 20 --rate 10 --json", "the same of another one, for a program"),
    ),
)
