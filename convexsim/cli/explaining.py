"""The command `explain`: why a run broke what it broke, and why attempts in it were lost.

Owns what is told of it as lines and as JSON, and the exit code. How it is found out stands in `explore/explain.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import asdict

from convexsim.cli.arguments import add_json, add_scenario, add_string, count
from convexsim.cli.chosen import chosen
from convexsim.cli.command import BROKEN, HELD, Command, Example
from convexsim.cli.printing import how_to_replay, say
from convexsim.cli.terminal import Interrupt, Progress, interruption
from convexsim.explore.explain import MAX_SHARE_RUNS, explain
from convexsim.explore.explanation import told_retries
from convexsim.explore.replay import replay
from convexsim.testing.record import json_line
from convexsim.testing.scenario_file import open_scenarios
from convexsim.trace.retries import retries_of

if TYPE_CHECKING:
    import argparse

    from convexsim.explore.explanation import Chance, Explanation
    from convexsim.explore.shares import Share
    from convexsim.simulation import Run

__all__ = ["EXPLAIN"]


def _add_explanation(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    add_string(parser)
    most = "how many runs the shares may take (1000); half of them to be exact, what is left to draw"
    parser.add_argument("--runs", type=count, default=MAX_SHARE_RUNS, metavar="N", help=most)
    parser.add_argument("--retries", action="store_true", help="say only why attempts were lost, of any run")
    add_json(parser)


def _tell_why(arguments: argparse.Namespace) -> int:
    """Explain one run, and return the exit code: that of the run itself."""
    interrupt = Interrupt()
    with interruption(interrupt), open_scenarios(arguments.file.path) as scenarios:
        replayed = replay(chosen(scenarios, arguments), arguments.string)
        if arguments.retries:
            return _tell_retries(replayed.run, arguments)
        with Progress(replayed.run.scenario.name) as progress:
            runs = 0

            def look(_: Run) -> None:
                nonlocal runs
                runs += 1
                progress.count(runs)
                if interrupt.asked:
                    raise KeyboardInterrupt

            explanation = explain(replayed.run.scenario, arguments.string, runs=arguments.runs, on_run=look)
        if arguments.json:
            arguments.out.write(json_line("explanation", _facts(explanation)))
        else:
            say(arguments, explanation.told(how_to_replay(arguments, explanation.replay)))
    return HELD if explanation.broken is None else BROKEN


def _tell_retries(run: Run, arguments: argparse.Namespace) -> int:
    assert run.trace is not None
    retries = retries_of(run.trace)
    if arguments.json:
        arguments.out.write("".join(json_line("retry", asdict(each)) for each in retries))
    else:
        say(arguments, told_retries(retries))
    return BROKEN if run.violations else HELD


def _facts(explanation: Explanation) -> dict[str, Any]:
    settled, decisive = explanation.point_of_no_return, explanation.decisive
    chances = explanation.chances
    return {
        "scenario": explanation.run.scenario.name,
        "replay": explanation.replay,
        "drift": [*explanation.drift],
        "violations": [asdict(broken) for broken in explanation.run.violations],
        "is_minimal": explanation.is_minimal,
        "story": explanation.story.splitlines(),
        "choices": [_chance(each) for each in chances],
        "in_every_run": explanation.is_in_every_run,
        "point_of_no_return": None if settled is None else chances.index(settled),
        "decisive": None if decisive is None else chances.index(decisive),
        "counterfactuals": [asdict(each) for each in explanation.counterfactuals],
        "unturned": explanation.unturned,
        "retries": [asdict(each) for each in explanation.retries],
        "runs": explanation.runs,
        "interrupted": explanation.interrupted,
    }


def _chance(chance: Chance) -> dict[str, Any]:
    return {
        "step": chance.step,
        "at_ms": chance.at_ms,
        "what": chance.what,
        "options": chance.options,
        "before": _share(chance.before),
        "after": _share(chance.after),
    }


def _share(share: Share | None) -> dict[str, Any] | None:
    """Return a share as JSON: exact as a fraction, or with its interval."""
    if share is None:
        return None
    return {"share": str(share.value), "walks": share.walks, "interval": [round(end, 4) for end in share.interval]}


_TIMER: Final = "scenarios/timer_cancels_itself.py"

EXPLAIN: Final = Command(
    "explain",
    "say why a run broke what it broke: what mattered, when it was settled, what would have come of it otherwise",
    _add_explanation,
    _tell_why,
    (
        Example(f"explain {_TIMER} cs2.L2.timer_cancels_itself.0.35eme5v", "a failure, explained", code=BROKEN),
        Example(
            "explain scenarios/a_conflict.py cs2.L2.a_conflict.2Ai9ihA9ihh.kl96s08 --retries",
            "only why a mutation began again",
        ),
    ),
)
