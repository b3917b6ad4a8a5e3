"""The commands `run` and `replay`: one order of a scenario.

Owns which order it is. What a replay string means stands in `explore/replay.py`, what is told in `printing.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convexsim.choices import FirstChoices, RandomChoices
from convexsim.cli.arguments import add_json, add_level, add_scenario, add_steps, add_string
from convexsim.cli.chosen import chosen, one_of
from convexsim.cli.command import BROKEN, Command, Example
from convexsim.cli.printing import tell_run, tell_written
from convexsim.cli.reporting import add_report, report_run
from convexsim.cli.terminal import end_at_once, interruption
from convexsim.explore.replay import encode, replay
from convexsim.simulation import Simulation
from convexsim.testing.scenario_file import open_scenarios

if TYPE_CHECKING:
    import argparse

__all__ = ["REPLAY", "RUN"]


def _add_running(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    seeding = "draw the order; the same seed gives the same one"
    parser.add_argument("--seed", type=int, metavar="N", help=seeding)
    add_level(parser, (1, 2, 3), 2)
    add_steps(parser)
    add_json(parser)


def _add_replaying(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    add_string(parser)
    add_steps(parser)
    add_report(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        meant = one_of(scenarios, arguments)
        choices = FirstChoices() if arguments.seed is None else RandomChoices(arguments.seed)
        run = Simulation(meant, choices, level=arguments.level).run()
        return tell_run(run, encode(run), arguments)


def _replay(arguments: argparse.Namespace) -> int:
    with interruption(end_at_once), open_scenarios(arguments.file.path) as scenarios:
        replayed = replay(chosen(scenarios, arguments), arguments.string)
        code = tell_run(replayed.run, replayed.string, arguments, replayed.drift)
        tell_written(report_run(replayed.run, replayed.string, arguments), arguments)
        return code


_FOUND: Final = "scenarios/double_chain.py 'cs2.L2.double_chain.6A99mm.di95kji'"

RUN: Final = Command(
    "run",
    "run a scenario once: the serial order, or a random one with --seed",
    _add_running,
    _run,
    (
        Example("run scenarios/double_chain.py:single_chain", "the story of the serial order"),
        Example("run scenarios/double_chain.py:double_chain --seed 4", "that of an order that was drawn", code=BROKEN),
    ),
)
REPLAY: Final = Command(
    "replay",
    "repeat a run from its replay string, and say where it has drifted",
    _add_replaying,
    _replay,
    (
        Example(f"replay {_FOUND}", "what explore has found there, step by step", code=BROKEN),
        Example(f"replay {_FOUND} --steps", "every message that is handled, too", code=BROKEN),
    ),
)
