"""The command `explain`: why a run broke what it broke, and why attempts in it were lost.

Owns what is told of it as lines and as JSON, and the exit code. How it is found out stands in `explore/explain.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict

from convexsim.cli.chosen import chosen
from convexsim.cli.printing import BROKEN, HELD, how_to_replay, say
from convexsim.cli.terminal import Interrupt, Progress, interruption
from convexsim.explore.explain import explain
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

__all__ = ["tell_why"]


def tell_why(arguments: argparse.Namespace) -> int:
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
