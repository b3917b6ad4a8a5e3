"""`@explore` under Hypothesis: one example is one scenario, and what is found is minimal in input, order and faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st

from convexsim import Bounded, Faults, Report, Scenario, Simulation, UsageError, View, World, scenario, sometimes
from convexsim.choices import ListedChoices
from convexsim.explore.check import check
from convexsim.explore.following import Following
from convexsim.testing import PropertyError, explore, holds
from convexsim.testing.example import checked_example, reproducing
from convexsim.testing.session import Session, session_is
from tests.testing.shop import adds, app, bumps, no_lost_update

# No database: each test begins from nothing. No explanation: it makes many more examples, to say which parts matter.
SETTINGS = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    print_blob=False,  # Hypothesis prints one where it finds itself in CI
    max_examples=30,
)
STEPS = st.lists(st.integers(1, 5), max_size=4)


@SETTINGS
@given(steps=STEPS)
@explore(app=app, invariants=[no_lost_update], runs=30)
def any_adds(world: World, steps: list[int]) -> None:
    adds(world, *steps)


@SETTINGS
@given(STEPS)
@explore(app=app, invariants=[no_lost_update], runs=10)
def test_what_holds_for_each_example_passes(world: World, steps: list[int]) -> None:
    bumps(world, *steps)


def raised_by(test: Callable[[], None]) -> PropertyError:
    with pytest.raises(PropertyError) as caught:
        test()
    return caught.value


def test_the_input_is_shrunk_and_the_order_once() -> None:
    seen: list[tuple[bool, Report]] = []

    def counting(*args: Any, **how: Any) -> Report:
        report = check(*args, **how)
        seen.append((how["simplify"], report))
        return report

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holds, "check", counting)
        error = raised_by(any_adds)
    assert error.__notes__ == ["Failing test case: any_adds(\n    steps=[1, 1],\n)"]
    assert [report.finding is not None for simplify, report in seen if simplify] == [True]
    assert sum(report.finding is not None for _, report in seen) > 3
    assert error.report is seen[-1][1]


def test_one_broken_property_is_one_bug_and_two_are_two() -> None:
    def few(view: View) -> None:
        assert len(view.calls()) < 3

    def small(view: View) -> None:
        assert all(call.args["step"] < 3 for call in view.calls())

    @SETTINGS
    @given(steps=STEPS)
    @explore(app=app, invariants=[few, small], runs=5)
    def any_bumps(world: World, steps: list[int]) -> None:
        bumps(world, *steps)

    with pytest.raises(ExceptionGroup) as caught:
        any_bumps()
    broken = [error.broken for error in caught.value.exceptions if isinstance(error, PropertyError)]
    assert sorted(broken) == ["few", "small"]
    assert raised_by(any_adds).broken == "no_lost_update"


# ------------------------------------------------------------------------------------------------ minimal in each


def nobody_loses(view: View) -> bool:
    """Hold if no call that succeeded was undone by one that died."""
    rows = view.documents("counters")
    done = sum(call.args["step"] for call in view.calls() if call.error is None)
    died = any(call.error is not None for call in view.calls())
    return not died or bool((rows[0]["value"] if rows else 0) >= done)


def search() -> Bounded:
    return Bounded(forced=2)


@SETTINGS
@given(steps=st.lists(st.integers(1, 5), max_size=3), crashes=st.integers(0, 2))
@explore(explorer=search, level=3)
def any_crashing(steps: list[int], crashes: int) -> Scenario:
    return crashing(steps, crashes)


def crashing(steps: list[int], crashes: int) -> Scenario:
    @scenario(app=app, invariants=[nobody_loses], faults=Faults(crashes=crashes))
    def dying(world: World) -> None:
        adds(world, *steps)

    return dying


def test_what_is_found_is_minimal_in_its_operations_its_faults_and_its_order() -> None:
    error = raised_by(any_crashing)
    run = error.run
    assert run is not None
    steps, crashes = [call.args["step"] for call in run.calls], run.scenario.faults.crashes
    kinds = [forced.kind for forced in run.record.forced]
    assert (steps, crashes, sorted(kinds)) == ([1, 2], 1, ["fault", "step"])

    fewer = [crashing(steps[:at] + steps[at + 1 :], crashes) for at in range(len(steps))]
    smaller = [
        crashing([*steps[:at], step - 1, *steps[at + 1 :]], crashes) for at, step in enumerate(steps) if step > 1
    ]
    for simpler in [*fewer, *smaller, crashing(steps, crashes - 1)]:
        assert check(simpler, search(), level=3).finding is None

    for dropped in run.record.forced:
        rest = [forced for forced in run.record.forced if forced.position > dropped.position]
        in_its_place = tuple(0 if at == dropped.position else index for at, index in enumerate(run.indexes))
        for choices in (ListedChoices(in_its_place), Following(run.indexes[: dropped.position], rest)):
            assert Simulation(run.scenario, choices, level=3).run().violations == []
    assert Simulation(run.scenario, ListedChoices(run.indexes), level=3).run().violations != []


# --------------------------------------------------------------------------------------------------- what else there is


def test_an_explicit_example_is_shrunk_as_it_is_and_needs_no_spelling() -> None:
    @example(steps=[2, 3, 4])
    @SETTINGS
    @given(steps=STEPS)
    @explore(app=app, invariants=[no_lost_update], runs=30)
    def these_adds(world: World, steps: list[int]) -> None:
        adds(world, *steps)

    error = raised_by(these_adds)
    run = error.run
    assert run is not None
    assert [call.args["step"] for call in run.calls] == [2, 3, 4]
    assert len(run.record.forced) == 1
    assert "@" not in error.command


def test_a_drawn_example_is_spelled_behind_the_string() -> None:
    error = raised_by(any_adds)
    string, _, drawn = error.replay.partition("@")
    assert error.command.endswith(f" --sim-replay {string}@{drawn}")
    session = Session(replay=string)
    with session_is(session), reproducing(any_adds, drawn), pytest.raises(PropertyError) as caught:
        any_adds()
    assert (caught.value.replay, session.made) == (error.replay, 1)
    assert raised_by(any_adds).report.runs > 1  # as before


def test_an_example_that_holds_now_ends_quietly() -> None:
    drawn = raised_by(any_adds).replay.partition("@")[2]
    safe = SETTINGS(given(steps=STEPS)(explore(app=app, invariants=[no_lost_update], runs=3)(several)))
    with reproducing(safe, drawn):
        safe()


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        ("1.2.3:AAFBAQFBAQA=", "was drawn by Hypothesis 1.2.3"),
        (f"{hypothesis.__version__}:%", "'%' is no example"),
        ("", "ends before its example"),
    ],
)
def test_the_spelling_of_an_example_is_checked(drawn: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        checked_example(drawn)


def test_what_happens_sometimes_may_happen_in_another_example() -> None:
    @sometimes
    def two_calls(view: View) -> bool:
        return len(view.calls()) == 2

    @SETTINGS
    @given(steps=STEPS)
    @explore(app=app, invariants=[no_lost_update, two_calls], runs=3)
    def any_bumps(world: World, steps: list[int]) -> None:
        bumps(world, *steps)

    session = Session()
    with session_is(session):
        any_bumps()
    assert ([*session.claims], [*session.reached]) == (["two_calls"], ["two_calls"])
    assert holds.never_happened(session) is None


def test_what_happens_in_no_example_is_told_with_their_number() -> None:
    @sometimes
    def nine_calls(view: View) -> bool:
        return len(view.calls()) == 9

    session = Session()
    with session_is(session):
        SETTINGS(given(steps=STEPS)(explore(app=app, invariants=[nine_calls], runs=3)(several)))()
    never = holds.never_happened(session)
    assert str(never).splitlines()[1:] == ["  never happened: nine_calls", f"  in none of {session.scenarios} examples"]


def several(world: World, steps: list[int]) -> None:
    bumps(world, *steps)


def test_an_assumption_leaves_an_example_out() -> None:
    @SETTINGS
    @given(steps=st.lists(st.integers(1, 5), max_size=2))
    @explore(app=app, invariants=[no_lost_update], runs=3)
    def few_adds(world: World, steps: list[int]) -> None:
        assume(steps[1:] == [])
        adds(world, *steps)

    few_adds()


def test_given_stands_above_and_data_is_drawn_before() -> None:
    with pytest.raises(UsageError, match="has @given below @explore"):
        explore(app=app, invariants=[no_lost_update])(given(steps=STEPS)(several))

    @SETTINGS
    @given(data=st.data())
    @explore(app=app, invariants=[no_lost_update])
    def drawing(world: World, data: st.DataObject) -> None:
        adds(world, *data.draw(STEPS))

    with pytest.raises(UsageError, match=r"drawing takes st\.data\(\), and would draw anew in each of its runs"):
        drawing()
