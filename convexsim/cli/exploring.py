"""The command `explore`: campaigns over the scenarios of a script.

Owns what is asked for: what is proposed, how long it lasts, who does it, and what is kept of it. How it is carried out
stands in `courses.py`.
"""

from __future__ import annotations

import sys
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from convexsim.cli.arguments import OneOf, add_json, add_level, add_scenario, add_store, seconds, share, workers
from convexsim.cli.chosen import chosen
from convexsim.cli.command import BROKEN, Command, Example
from convexsim.cli.courses import Course, Exploration
from convexsim.cli.hands import Alone, Workers
from convexsim.cli.reporting import add_report
from convexsim.cli.store import Identity, Store, path_of
from convexsim.cli.terminal import Interrupt, interruption
from convexsim.errors import UsageError
from convexsim.explore.block import Plan
from convexsim.explore.campaign import MOST_RUNS, Campaign, Goal
from convexsim.explore.catalogue import EXPLORERS
from convexsim.testing.scenario_file import open_scenarios
from convexsim.values import counted

if TYPE_CHECKING:
    import argparse

__all__ = ["EXPLORE"]

_USUAL_RUNS: Final = 1_000
_USUAL_UNSEEN: Final = 0.01


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is proposed, how long it lasts, who does it, and what is kept of it."""
    add_scenario(parser)
    proposing = (
        f"who proposes the orders: {', '.join(EXPLORERS)} (random); docs/exploration.md says which is right when"
    )
    parser.add_argument(
        "--explorer", type=OneOf("explorer", tuple(EXPLORERS)), default="random", metavar="NAME", help=proposing
    )
    add_level(parser, (1, 2, 3), 2)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same runs (0)")
    lasting = parser.add_mutually_exclusive_group()
    lasting.add_argument("--runs", type=int, metavar="N", help="how many at most, for each scenario (1000)")
    lasting.add_argument("--time", type=seconds, metavar="S", help="as many as fit in so many seconds")
    sure = "until it is so sure (95%%) that further runs hardly end otherwise; for random, sticky, pos, starving"
    lasting.add_argument("--until-certain", type=share, metavar="P", help=sure)
    hardly = "what --until-certain takes for hardly: the share of further runs that end otherwise (1%%)"
    parser.add_argument("--unseen", type=share, metavar="P", help=hardly)
    parser.add_argument("--keep-going", action="store_true", help="collect distinct failures, not only the first")
    sharing = "explore with so many processes; what is found does not depend on it (1)"
    parser.add_argument("--workers", type=workers, default=1, metavar="N", help=sharing)
    parser.add_argument("--resume", action="store_true", help="go on where the same exploration was stopped")
    parser.add_argument("--no-store", action="store_true", help="keep nothing of it")
    add_store(parser)
    add_report(parser)
    add_json(parser)


def _explore(arguments: argparse.Namespace) -> int:
    """Explore the scenarios that are meant, tell what came of each, and return the exit code."""
    plan = Plan(arguments.explorer, arguments.seed, arguments.level, arguments.keep_going)
    goal = _goal(arguments)
    interrupt = Interrupt()
    if arguments.resume and arguments.no_store:
        raise UsageError("Nothing is kept with --no-store, so --resume has nothing to go on with.")
    folder = None if arguments.no_store else arguments.store
    with interruption(interrupt), open_scenarios(arguments.file.path) as scenarios:
        campaigns = [Campaign(scenario, plan, goal) for scenario in chosen(scenarios, arguments)]
        courses = [Course(campaign, _identity(campaign, arguments)) for campaign in campaigns]
        with Store(folder) as store, _hands(campaigns, arguments) as hands:
            return Exploration(courses, hands, store, interrupt, arguments).carry_out()


def _goal(arguments: argparse.Namespace) -> Goal:
    if arguments.unseen is not None and arguments.until_certain is None:
        msg = "--unseen says when --until-certain is content, which was not asked for."
        raise UsageError(msg, next_step="Write --until-certain 95% --unseen 1%, say.")
    if arguments.until_certain is not None:
        return Goal(MOST_RUNS, arguments.unseen or _USUAL_UNSEEN, arguments.until_certain)
    if arguments.time is not None:
        return Goal(MOST_RUNS)
    return Goal(_USUAL_RUNS if arguments.runs is None else arguments.runs)


def _hands(campaigns: list[Campaign], arguments: argparse.Namespace) -> Alone | Workers:
    count: int = min(arguments.workers, sum(campaign.blocks for campaign in campaigns))
    if not campaigns[0].is_divisible and count < arguments.workers:
        pieces = counted(count, "scenario")
        said = f"{arguments.explorer} searches each scenario in one piece: for {pieces}, {count} of the workers will do"
        print(f"convexsim: {said}", file=sys.stderr)
    if count == 1:
        return Alone()
    return Workers(count, {"path": str(arguments.file.path), "faults": arguments.faults})


def _identity(campaign: Campaign, arguments: argparse.Namespace) -> Identity:
    # By way of sys.modules, because the rooms of the package do not import its front door.
    script = arguments.file.path.read_bytes() + sys.modules["convexsim"].__version__.encode()
    plan = campaign.plan
    return Identity(
        file=path_of(arguments.file.path),
        scenario=campaign.scenario.name,
        explorer=plan.explorer,
        seed=plan.seed,
        level=plan.level,
        faults=arguments.faults or "",
        keeps_going=plan.keeps_going,
        script=blake2b(script, digest_size=8).hexdigest(),
    )


EXPLORE: Final = Command(
    "explore",
    "run each scenario in many orders and show the simplest failure",
    _add_arguments,
    _explore,
    (
        Example(
            "explore scenarios/double_chain.py --runs 200 --seed 1",
            "200 random orders of each scenario; of the first failure the story, shrunk",
            code=BROKEN,
        ),
        Example(
            "explore scenarios/concurrent_threshold_flushes.py:two_threshold_flushes --explorer dpor --level 3",
            "one order of all those that differ in more than steps that commute",
        ),
    ),
)
