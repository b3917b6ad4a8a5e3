"""`@explore`: what becomes of a test, what it raises, what it refuses; without pytest's plugin, as any function."""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any, assert_type

import pytest
from attrs import evolve

from convexsim import (
    Component,
    Dpor,
    Faults,
    Invariant,
    Lockstep,
    RandomWalk,
    Scenario,
    Simulation,
    UsageError,
    View,
    World,
    always,
    api,
    check,
    scenario,
    sometimes,
)
from convexsim.choices import FirstChoices, RandomChoices
from convexsim.explore.replay import encode
from convexsim.testing import PropertyError, explore
from convexsim.testing.holds import never_happened
from convexsim.testing.session import Session, session_is
from tests.pages import ROOT
from tests.testing.shop import add, adds, app, bumps, no_lost_update


@explore(app=app, invariants=[no_lost_update])
def two_adds(world: World) -> None:
    adds(world, 1, 1)


@explore(app=app, invariants=[no_lost_update])
def two_bumps(world: World) -> None:
    bumps(world, 1, 1)


def three(world: World) -> None:
    bumps(world, 1, 2, 3)


def five(world: World) -> None:
    bumps(world, 1, 2, 3, 4, 5)


def raised_by(test: Callable[[], None], session: Session | None = None) -> PropertyError:
    with session_is(session or Session()), pytest.raises(PropertyError) as caught:
        test()
    return caught.value


# ------------------------------------------------------------------------------------------------------ what it raises


def test_a_test_that_holds_in_every_order_passes() -> None:
    two_bumps()


def test_a_failure_is_an_assertion_error_whose_message_is_the_story_and_one_command() -> None:
    error = raised_by(two_adds)
    assert isinstance(error, AssertionError)
    verdict, story, command = str(error).split("\n\n")
    assert verdict.startswith("two_adds: BROKEN after ")
    assert "  broken: no_lost_update: Hold if the counter is the sum of all steps" in verdict
    assert "  switch at step 17: c2.1.1 begins shop:value before c1.1.2 begins shop:put" in verdict
    assert [line.split()[-7:] for line in story.splitlines()[2:3]] == [
        ["c2.1", "calls", "action", "shop:add", "{step:", "1}"]
    ]
    assert story.splitlines()[-1].split()[:2] == ["BROKEN", "no_lost_update:"]
    test = "tests/testing/test_explored.py::two_adds"
    assert re.fullmatch(rf'replay it: pytest "(.*/)?{test}" --sim-replay cs2\.L2\.two_adds\.\w+\.\w+', command)
    assert str(error).count("cs2.") == 1


def test_its_own_argument_is_what_broke() -> None:
    error = raised_by(two_adds)
    assert error.args == (error.headline,)


def test_it_is_shrunk() -> None:
    @explore(app=app, invariants=[no_lost_update], explorer="random", runs=50, seed=3)
    def many_adds(world: World) -> None:
        adds(world, 1, 2, 3, 4)

    run = raised_by(many_adds).run
    assert run is not None
    assert len(run.record.forced) == 1


def test_what_never_happens_fails_by_its_name() -> None:
    @sometimes
    def the_counter_is_nine(view: View) -> bool:
        return bool(view.documents("counters")[0]["value"] == 9)

    @explore(app=app, invariants=[no_lost_update, the_counter_is_nine], runs=5)
    def some_bumps(world: World) -> None:
        bumps(world, 1, 1)

    error = raised_by(some_bumps)
    assert (error.broken, error.replay, error.run) == ("the_counter_is_nine", "", None)
    assert str(error).splitlines()[1] == "  never happened: the_counter_is_nine"


def test_one_property_is_one_class_and_two_are_two() -> None:
    assert type(raised_by(two_adds)) is PropertyError.of("no_lost_update")
    assert PropertyError.of("no_lost_update") is not PropertyError.of("another")
    assert PropertyError.of("another").__name__ == "PropertyError"


def test_state_that_outlives_a_run_fails_the_test() -> None:
    ran: list[int] = []

    @explore(app=app, invariants=[no_lost_update], runs=3)
    def forgetful(world: World) -> None:
        ran.append(len(ran))
        bumps(world, *ran[:2])

    with pytest.raises(UsageError, match="STATE OUTLIVES A RUN") as caught:
        forgetful()
    assert caught.value.code == "NotRepeatable"


# ------------------------------------------------------------------------------------------- what becomes of the test


def test_only_the_world_is_taken_from_the_signature() -> None:
    @explore(app=app, invariants=[no_lost_update], runs=3)
    def test_many(world: World, steps: list[int], last: int = 1) -> None:
        """Raise it often."""
        bumps(world, *steps, last)

    assert str(signature(test_many)) == "(steps: 'list[int]', last: 'int' = 1) -> 'None'"
    assert (test_many.__name__, test_many.__doc__) == ("test_many", "Raise it often.")
    assert_type(test_many([1, 2]), None)
    session = Session()
    with session_is(session):
        test_many(steps=[1, 2], last=3)
    assert (session.scenarios, session.made) == (1, 3)


class TestMethod:
    """As pytest has them."""

    @explore(app=app, invariants=[no_lost_update], runs=3)
    def test_itself(self, world: World) -> None:
        assert isinstance(self, TestMethod)
        bumps(world, 1, 1)

    @explore(app=app, invariants=[no_lost_update], runs=3)
    def adds(self, world: World, step: int) -> None:
        adds(world, step, step)

    def test_its_command_names_the_class(self) -> None:
        error = raised_by(lambda: self.adds(step=2))
        assert 'test_explored.py::TestMethod::adds" --sim-replay ' in error.command


def test_its_command_names_the_file_from_where_one_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder, named in ((ROOT, "tests/testing/test_explored.py"), (tmp_path, Path(__file__).as_posix())):
        monkeypatch.chdir(folder)
        assert raised_by(two_adds).command.startswith(f'pytest "{named}::two_adds" --sim-replay ')


def test_a_test_without_a_world_returns_a_scenario_made_from_its_arguments() -> None:
    @explore(runs=20)
    def test_counter(steps: int) -> Scenario:
        @scenario(app=app, invariants=[no_lost_update])
        def counter(world: World) -> None:
            adds(world, *range(steps))

        return counter

    assert_type(test_counter(1), None)
    error = raised_by(lambda: test_counter(3))
    assert error.report.scenario.name == "counter"
    assert error.replay.startswith("cs2.L2.counter.")


@scenario(app=app, invariants=[no_lost_update])
def existing(world: World) -> None:
    """Raise it twice."""
    adds(world, 1, 2)


@scenario(app=app, invariants=[no_lost_update])
def safe(world: World) -> None:
    bumps(world, 1, 2)


test_of_a_scenario = explore(safe, explorer=Dpor, level=3)


def test_an_existing_scenario_becomes_a_test() -> None:
    test = explore(existing)
    assert (test.__name__, test.__doc__, str(signature(test))) == ("existing", "Raise it twice.", "() -> None")
    assert "test_explored.py::existing" in raised_by(test).command


def test_what_scenario_takes_it_takes() -> None:
    @always
    def in_time(view: View) -> bool:
        return view.now < 10_000

    @explore(app=app, invariants=[in_time], until_ms=5_000, faults=Faults(crashes=1), explorer=Dpor, level=3)
    def test_day(world: World) -> None:
        adds(world, 1)

    test_day()


# ------------------------------------------------------------------------------------------------ how orders are found


@pytest.mark.parametrize(
    ("how", "session", "made"),
    [
        ({}, Session(), 100),
        ({"runs": 7}, Session(), 7),
        ({"runs": 7, "explorer": "random"}, Session(runs=9), 9),
        ({"explorer": "lockstep"}, Session(), 1),
        ({"explorer": Lockstep}, Session(runs=9), 1),
        ({"explorer": lambda: RandomWalk(runs=5)}, Session(), 5),
        ({"explorer": "dpor", "runs": 3}, Session(), 3),
    ],
    ids=["100 runs", "runs=", "the session's", "by name", "by class", "by function", "a search cut short"],
)
def test_how_many_runs_there_are(how: dict[str, Any], session: Session, made: int) -> None:
    with session_is(session):
        explore(app=app, invariants=[no_lost_update], **how)(three)()
    assert session.made == made


def test_a_search_with_an_end_comes_to_it() -> None:
    session = Session()
    with session_is(session):
        explore(app=app, invariants=[no_lost_update], explorer="dpor", level=3)(five)()
    assert session.made == 120


def test_the_seed_is_the_session_s_or_the_test_s() -> None:
    def explorer_of(session: Session, **how: Any) -> str:
        return raised_by(explore(existing, explorer="random", **how), session).report.explorer

    told = [explorer_of(Session()), explorer_of(Session(), seed=4), explorer_of(Session(seed=0), seed=4)]
    assert told == [f"random walk, seed {seed}" for seed in (0, 4, 0)]


def test_an_explorer_is_new_for_each_exploration() -> None:
    test = explore(app=app, invariants=[no_lost_update], explorer=Dpor, level=3)(three)
    for _ in range(2):
        session = Session()
        with session_is(session):
            test()
        assert session.made > 1


# ------------------------------------------------------------------------------------------------- strings of before


def test_a_known_string_is_tried_first_and_ends_the_search_if_it_still_fails() -> None:
    session = Session(first=(raised_by(two_adds).replay,))
    error = raised_by(two_adds, session)
    assert (session.made, error.report.explorer, error.replay) == (1, "replayed", session.first[0])


def test_a_known_string_that_fails_no_more_does_not_end_the_search() -> None:
    holds = encode(Simulation(existing, FirstChoices()).run())
    session = Session(first=(holds,))
    assert raised_by(explore(existing), session).replay == raised_by(explore(existing)).replay
    assert session.made > 2


@pytest.mark.parametrize("of", ["garbage", "cs2.L2.another.0.000000t", "another level"])
def test_a_string_that_means_nothing_here_changes_nothing(of: str) -> None:
    string = raised_by(explore(existing, level=3)).replay if of == "another level" else of
    session = Session(first=(string,))
    error = raised_by(explore(existing), session)
    assert error.replay == raised_by(explore(existing)).replay
    assert session.made > 1


def test_a_string_to_be_replayed_is_the_only_run() -> None:
    ran: list[World] = []

    @explore(app=app, invariants=[no_lost_update])
    def counted(world: World) -> None:
        ran.append(world)
        adds(world, 1, 1)

    string = raised_by(counted).replay
    ran.clear()
    session = Session(replay=string)
    assert raised_by(counted, session).replay == string
    assert (session.made, len(ran)) == (1, 1)


def test_a_string_that_has_drifted_says_so_and_is_renewed() -> None:
    def two(world: World) -> None:
        adds(world, 1, 1)

    def with_another_before(world: World) -> None:
        world.client("c0").mutation(api.shop.bump, {"step": 1})
        adds(world, 1, 1)

    with_another_before.__name__ = "two"
    test = explore(app=app, invariants=[no_lost_update])
    error = raised_by(test(with_another_before), Session(replay=raised_by(test(two)).replay))
    assert "  drifted: the code has changed since the string was recorded; the same breaks" in error.verdict
    assert raised_by(test(with_another_before), Session(replay=error.replay)).notes == ()


def test_what_has_drifted_is_shrunk_anew_and_what_has_not_is_told_as_it_was() -> None:
    def two(world: World) -> None:
        adds(world, 1, 1)

    def two_and_more(world: World) -> None:
        adds(world, 1, 1)
        world.client("c9").mutation(api.shop.bump, {"step": 1})

    two_and_more.__name__ = "two"
    world = scenario(app=app, invariants=[no_lost_update])(two)
    runs = (Simulation(world, RandomChoices(seed)).run() for seed in range(200))
    long = next(run for run in runs if run.violations and len(run.record.forced) > 2)
    test, session = explore(app=app, invariants=[no_lost_update]), Session(replay=encode(long))
    same, drifted = (raised_by(test(body), session).report.finding for body in (two, two_and_more))
    assert same is not None
    assert drifted is not None
    assert same.choices_after == len(long.record.forced)
    assert (drifted.choices_before > drifted.choices_after, drifted.is_minimal) == (True, True)
    assert (same.found_at_run, drifted.found_at_run) == (1, 1)


def test_a_string_that_fails_no_more_lets_the_test_pass() -> None:
    def two_adds(world: World) -> None:
        adds(world, 1, 1)

    test = explore(app=app, invariants=[no_lost_update])(two_adds)
    session = Session(replay=raised_by(test).replay)
    with session_is(session):
        explore(app=app, invariants=[anything])(two_adds)()
    assert session.made == 1


def test_a_session_counts_all_its_explorations_and_remembers_what_none_has_reached() -> None:
    reaches, reaches_not = (
        evolve(existing, invariants=(Invariant("reached", "sometimes", "", predicate),))
        for predicate in (anything, nothing)
    )
    session = Session()
    session.add(check(reaches_not, RandomWalk(3)))
    alone = never_happened(session)
    assert alone is not None
    assert alone.notes == ()
    session.add(check(reaches_not, RandomWalk(4)))
    assert (session.scenarios, session.made) == (2, 7)
    never = never_happened(session)
    assert never is not None
    assert (never.report.runs, never.notes) == (3, ("  in none of 2 examples",))
    session.add(check(existing, RandomWalk(1)))
    assert never_happened(session) is not None
    session.add(check(reaches, RandomWalk(1)))
    assert never_happened(session) is None


def anything(view: View) -> bool:
    return True


def nothing(view: View) -> bool:
    return False


# ---------------------------------------------------------------------------------------------------- what it refuses


def takes_no_world(steps: int) -> None: ...


def takes_a_world(world: World) -> None: ...


def takes_the_world_last(steps: int, world: World) -> None: ...


def takes_the_world_by_name(*, world: World) -> None: ...


async def waits(world: World) -> None: ...


def makes_nothing() -> None: ...


def returns_a_number(world: World) -> int:
    return 3


def calls_what_is_not_there(world: World) -> None:
    world.client("a").mutation("shop:nothing")


untyped: Any = explore
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no parentheses": (lambda: untyped(takes_a_world), "given a function at once"),
    "no world": (
        lambda: untyped(app=app, invariants=[anything])(takes_no_world),
        r"takes_no_world does not take the world first: it takes steps. Write def takes_no_world\(world, steps\)",
    ),
    "the world last": (
        lambda: untyped(app=app, invariants=[anything])(takes_the_world_last),
        r"does not take the world first: it takes steps, world. Write def takes_the_world_last\(world, steps\)",
    ),
    "the world by name": (
        lambda: untyped(app=app, invariants=[anything])(takes_the_world_by_name),
        r"Write def takes_the_world_by_name\(world\)",
    ),
    "async": (lambda: untyped(app=app, invariants=[anything])(waits), "is no plain `def`"),
    "no app": (lambda: untyped()(takes_a_world), "takes a world, but no app"),
    "no app, but invariants": (lambda: untyped(invariants=[anything]), "given invariants=, but no app"),
    "no invariants": (untyped(app=app)(takes_a_world), "Nothing is asked of takes_a_world"),
    "a wrong app": (lambda: untyped(app=3), "3 is no app"),
    "an unknown keyword": (lambda: untyped(app=app, invariant=[]), "no keyword invariant=. Did you mean 'invariants'"),
    "an unknown explorer": (lambda: untyped(app=app, explorer="dpro"), "no explorer 'dpro'. Did you mean 'dpor'"),
    "an explorer": (lambda: untyped(app=app, explorer=Dpor()), "could serve one exploration only"),
    "no explorer": (untyped(existing, explorer=lambda: 3), "3 is no explorer"),
    "runs of a factory": (lambda: untyped(app=app, explorer=Dpor, runs=3), "are for explorers by name"),
    "no runs": (lambda: untyped(app=app, runs=0), "runs=0 explores nothing"),
    "half a run": (lambda: untyped(app=app, runs=0.5), "runs=0.5 explores nothing"),
    "a wrong seed": (lambda: untyped(app=app, seed="a"), "seed='a' is no seed"),
    "a wrong level": (lambda: untyped(app=app, level=4), "level 4 is not 1, 2 or 3"),
    "a scenario, and more": (lambda: untyped(existing, app=app), "a scenario, and app= besides"),
    "two scenarios": (lambda: untyped(existing, existing), "given two things"),
    "something else": (lambda: untyped(3), "3 is no scenario"),
    "no function": (lambda: untyped(app=app, invariants=[anything])(3), "put on 3, which is no function"),
    "nothing returned": (untyped()(makes_nothing), "makes_nothing returned null, which is no scenario"),
    "something returned": (
        untyped(app=app, invariants=[anything])(returns_a_number),
        "returned 3, but it is",
    ),
    "an unknown function": (
        untyped(app=app, invariants=[anything])(calls_what_is_not_there),
        "The client 'a' cannot call that",
    ),
    "another's string": (
        lambda: raised_by(two_adds, Session(replay="cs2.L2.another.0.000000t")),
        "'another', which is not here|does not fit",
    ),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_what_makes_no_sense_is_refused_in_one_line(refused: str) -> None:
    call, said = REFUSED[refused]
    with pytest.raises(UsageError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert caught.value.next_step


def test_types_of_decorated_tests() -> None:
    def typed(deployed: Component) -> None:
        assert_type(explore(existing), Callable[[], None])
        assert_type(two_adds(), None)
        TestMethod().adds(step=2)
        TestMethod().adds("2")  # type: ignore[arg-type]
        two_adds(1)  # type: ignore[call-arg]

    assert callable(typed)
    assert add.handler.__name__ == "add"
