"""Explain: why a run broke what it broke, or why somebody in it had to try again.

Owns the way to an explanation: the run is shrunk and told anew (`retold.py`); its story is what the failure goes back
to (`gist.py`); of its choices it is found out how many ways to go on fail (`shares.py`), and what would have come of it
otherwise (`counterfactuals.py`). Nothing is guessed: every share was counted or drawn, every "had it" was run. How it
reads stands in `explanation.py`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from convexsim.errors import UsageError
from convexsim.explore.counterfactuals import Turns
from convexsim.explore.explanation import Chance, Explanation, decisive, settled
from convexsim.explore.gist import activities_that_matter, events_that_matter
from convexsim.explore.replay import encode, replay
from convexsim.explore.retold import retell
from convexsim.explore.shares import shares_of
from convexsim.explore.shrink import shrink
from convexsim.simulation import Run, checked_scenario
from convexsim.trace.retries import retries_of
from convexsim.trace.text import story
from convexsim.values import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convexsim.explore.counterfactuals import Counterfactual
    from convexsim.explore.retold import Retold
    from convexsim.explore.shares import Share
    from convexsim.simulation import Scenario

__all__ = ["MAX_SHARE_RUNS", "explain"]

MAX_SHARE_RUNS: Final = 1_000
"""Runs that the shares may take, unless somebody says otherwise."""


def explain(
    scenario: Scenario,
    failing: str | Run,
    *,
    runs: int = MAX_SHARE_RUNS,
    on_run: Callable[[Run], None] | None = None,
) -> Explanation:
    """Say why a run broke what it broke first; of one that broke nothing, only why attempts were lost.

    Args:
        scenario: whose run it is.
        failing: the run, or its replay string.
        runs: how many may be spent on the shares; shrinking has `MAX_SHRINK_RUNS`, what-ifs have `MAX_TURNS`.
        on_run: called after every run; a KeyboardInterrupt raised in it ends the work with what is known.

    Raises:
        UsageError: it is no run of this scenario, or does not repeat.

    """
    if type(runs) is not int or runs < 1:
        raise UsageError(f"Shares of {runs!r} runs say nothing.", next_step="Give runs=1 or more.")
    run, drift = _found(checked_scenario(scenario), failing)
    if not run.violations:
        return _of_what_held(run, drift)
    watch = _Watch(on_run)
    shrunk = shrink(run, on_run=watch)
    retold = retell(shrunk.run, shrunk.run.violations[0].invariant)
    chances = _chances(retold, shares_of(shrunk.run, runs, watch))
    settling = [
        asked
        for asked, each in zip(retold.asked, chances, strict=True)
        if each in (settled(chances), decisive(chances))
    ]
    activities = activities_that_matter(retold, [asked.labels[asked.index].activity for asked in settling])
    turns = Turns(shrunk.run, retold, activities)
    told = tuple(_until_interrupted(turns, watch))
    short, whole = story(retold.trace, only=events_that_matter(retold, activities)), story(retold.trace)
    return Explanation(
        run=shrunk.run,
        replay=encode(shrunk.run),
        drift=drift,
        is_minimal=shrunk.is_minimal,
        story=short,
        left_out=whole.count("\n") - short.count("\n"),
        chances=chances,
        counterfactuals=told,
        unturned=turns.left,
        retries=retries_of(retold.trace),
        runs=watch.runs,
        interrupted=watch.interrupted,
    )


def _found(scenario: Scenario, failing: str | Run) -> tuple[Run, tuple[str, ...]]:
    """Return the run that is meant, and how it differs from the recorded one."""
    if isinstance(failing, str):
        replayed = replay([scenario], failing)
        return replayed.run, tuple(replayed.drift)
    given: object = failing
    if not isinstance(given, Run) or given.scenario is not scenario:
        msg = f"{show(given)} is no run of {scenario.name}."
        raise UsageError(msg, next_step="Pass report.finding.run, or a replay string.")
    return given, ()


def _chances(retold: Retold, shares: Sequence[Share | None]) -> tuple[Chance, ...]:
    return tuple(
        Chance(*retold.moment(asked), retold.words(asked), len(asked.labels), *shares[at : at + 2])
        for at, asked in enumerate(retold.asked)
    )


def _of_what_held(run: Run, drift: tuple[str, ...]) -> Explanation:
    told = retell(run)
    return Explanation(run=told.run, replay=encode(run), drift=drift, retries=retries_of(told.trace))


class _Watch:
    """Counts runs, and remembers that somebody has asked for the end."""

    def __init__(self, on_run: Callable[[Run], None] | None) -> None:
        self.runs = 0
        self.interrupted = False
        self._on_run = on_run

    def __call__(self, run: Run) -> None:
        self.runs += 1
        if self.interrupted:
            raise KeyboardInterrupt
        if self._on_run is not None:
            try:
                self._on_run(run)
            except KeyboardInterrupt:
                self.interrupted = True
                raise


def _until_interrupted(turns: Turns, watch: _Watch) -> Iterator[Counterfactual]:
    with suppress(KeyboardInterrupt):
        yield from turns.run(watch)
