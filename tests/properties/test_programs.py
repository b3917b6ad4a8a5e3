"""Random programs run side by side do what they do one after the other (convex-semantics 1.1).

Every committed mutation is repeated on one dict in the order of the commits, every query on the dict of its begin; all
that they returned and left must be the same. The invariant `serializable` looks at the same runs and must agree.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexsim import Platform, Scenario, Simulation, serializable
from convexsim.choices import RandomChoices
from convexsim.database import commit
from convexsim.trace import event
from tests.properties.programs import Comparison, app, people, worlds
from tests.support import events_of
from tests.values.strategies import PROPERTY


def run(said: list[list[Any]], seed: int, level: int = 2) -> Any:
    scenario = Scenario("test", app, lambda world: people(world, said), (serializable,), Platform(), "")
    return Simulation(scenario, RandomChoices(seed), level=level).run()


def test_what_runs_side_by_side_is_what_runs_one_after_the_other() -> None:
    conflicts = commits = 0

    @given(worlds(), st.integers(0, 9), st.sampled_from([1, 2, 2, 3]))
    @settings(PROPERTY, max_examples=80)
    def each(said: list[list[Any]], seed: int, level: int) -> None:
        nonlocal conflicts, commits
        result = run(said, seed, level)
        assert result.ending == "quiet"
        assert Comparison(result).differences == []
        assert result.violations == []
        conflicts += len(list(events_of(result, event.Conflicted)))
        commits += sum(attempt.commit_ts is not None for attempt in result.view.history)

    each()
    # Otherwise nothing was put to the test.
    assert conflicts > 30
    assert commits > 250


def test_without_a_judge_both_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "find_conflict", lambda *_: None)
    differing = circles = 0

    @given(worlds(), st.integers(0, 9))
    @settings(PROPERTY, max_examples=40)
    def each(said: list[list[Any]], seed: int) -> None:
        nonlocal differing, circles
        result = run(said, seed)
        differing += Comparison(result).differences != []
        circles += result.violations != []

    each()
    assert differing > 4
    assert circles > 4
