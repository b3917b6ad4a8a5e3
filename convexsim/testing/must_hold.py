"""One run, judged: what a property test says of a scenario and the choices that were drawn for it.

Owns what a failure reads like. Knows no Hypothesis: choices are choices, whoever answers them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convexsim.explore.replay import encode
from convexsim.explore.switches import switches_of
from convexsim.simulation import Simulation, World
from convexsim.testing.spelled import code_of
from convexsim.trace.text import story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.choices import Choices
    from convexsim.simulation import Run, Scenario

__all__ = ["must_hold", "told"]


def must_hold(scenario: Scenario, choices: Choices | None = None, *, level: int = 2) -> Run:
    """Run a scenario once and return the run, if its invariants hold.

    Within a test of Hypothesis, whatever was drawn for the scenario and the choices is shrunk as long as something
    breaks: what clients call, the order, the faults and the waits.

    Args:
        scenario: the world and what must hold in it.
        choices: who answers; the plain serial run if not given.
        level: the granularity of choices, see `Simulation`.

    Raises:
        AssertionError: an invariant broke. It says which, tells the story, and how to see it again.

    """
    run = Simulation(scenario, choices, level=level).run()
    if run.violations:
        raise AssertionError("\n".join([*told(run), *_how_to_replay(run)]))
    return run


def told(run: Run) -> Iterator[str]:
    """Yield what broke in a run that has kept its events, its story, and the forced choices that led there."""
    assert run.trace is not None, "there is a story to tell"
    yield from (f"{broken.invariant}: {broken.message}" for broken in run.violations)
    yield from ("", story(run.trace), "", *map(str, switches_of(run)))


def _how_to_replay(run: Run) -> Iterator[str]:
    world = World(run.scenario.app.catalog())
    run.scenario.body(world)
    yield from ("", "What its clients call:", *(f"    {line}" for line in code_of(world)))
    yield f"replay: {encode(run)}"
