"""Smaller failures: the order is kept where calls go, and nothing can be left out of what is said to be minimal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

import pytest
from attrs import frozen

from convexsim import (
    MutationCtx,
    RandomWalk,
    Simulation,
    View,
    define_app,
    define_schema,
    define_table,
    mutation,
    replay,
    scenario,
    v,
)
from convexsim.choices import ChoiceRecord, FirstChoices, ListedChoices
from convexsim.explore.check import runs_proposed
from convexsim.explore.following import Following
from convexsim.explore.shrink import Shrunk
from convexsim.simulation import Run, Scenario, run_again
from convexsim.testing import smaller
from convexsim.testing.kept_order import KeptOrder, calls_without
from convexsim.testing.smaller import Failure, smallest
from convexsim.testing.workload import Entry, Workload
from tests.testing.toy import world_of

BUMP = Entry(10, "action", "m:bump", {"by": [1, 1]})
CROWD = Workload({"crashes": 2}, {}, {f"c{at}": (BUMP, BUMP, BUMP) for at in range(8)})


def world(workload: Workload, number: str = "T1") -> Scenario:
    return world_of("1", "C", workload, [number])


def broken(number: str = "T1", seed: int = 1) -> Run:
    return next(run for run in runs_proposed(world(CROWD, number), RandomWalk(50, seed), 3) if run.violations)


@lru_cache
def least(number: str) -> Failure:
    return smallest(CROWD, broken(number), lambda less: world(less, number))


@frozen
class Offered:
    """A step that is offered."""

    activity: str
    phase: str = "begin"
    number: int = 0


def test_calls_are_numbered_anew_where_some_of_their_client_are_left_out() -> None:
    calls = [place for place in CROWD.places if place.kind == "call"]
    whole = {f"c{client}.{number}": f"c{client}.{number}" for client in range(8) for number in (1, 2, 3)}
    assert calls_without(CROWD, []) == whole
    gone = calls_without(CROWD, [calls[0], calls[9]])
    assert {"c0.1", "c1.2"} == whole.keys() - gone.keys()
    assert {was: now for was, now in gone.items() if was != now} == {"c0.2": "c0.1", "c0.3": "c0.2", "c1.3": "c1.2"}


def test_the_order_in_which_nothing_is_left_out_is_the_same_order() -> None:
    run = broken()
    assert len(run.record.forced) > 10
    assert run_again(run, KeptOrder(run.record, calls_without(CROWD, []))).indexes == run.indexes


def test_what_is_left_keeps_its_order_under_its_new_names() -> None:
    record = ChoiceRecord(ListedChoices([1, 2, 0, 1]))
    for offered in (["a.2", "b.1"], ["a.2", "a.1", "b.1+1.1"], ["a.2", "cron:x+1"], ["cron:x+1", "a.2r1"]):
        record.choose("step", [Offered(activity) for activity in offered])
    kept = KeptOrder(record, {"a.2": "a.1"})
    assert kept.choose("step", [Offered("cron:x+1"), Offered("b.1"), Offered("a.1")]) == 2
    assert kept.choose("step", [Offered("cron:x+1"), Offered("a.1", "commit"), Offered("a.1r1")]) == 2
    assert kept.choose("fault", [Offered("a.1"), Offered("a.1r1")]) == 0
    assert kept.choose("step", [Offered("b.1+1.1"), Offered("a.1"), Offered("a.1r1")]) == 0


@pytest.mark.parametrize(("number", "calls"), [("T1", 2), ("T2", 1)])
def test_of_a_crowd_only_those_stay_who_are_needed(number: str, calls: int) -> None:
    failure = least(number)
    assert failure.is_minimal
    assert failure.workload.size[0] == calls
    assert [broken.invariant.partition(" ")[0] for broken in failure.run.violations] == [number]
    again = replay([world(failure.workload, number)], failure.replay)
    assert again.is_exact


@pytest.mark.parametrize("number", ["T1", "T2"])
def test_without_any_one_thing_what_is_minimal_passes(number: str) -> None:
    failure = least(number)
    run = failure.run
    assert run.record.forced
    assert failure.workload.places
    for place in failure.workload.places:
        less = world(failure.workload.without([place]), number)
        for choices in (FirstChoices(), KeptOrder(run.record, calls_without(failure.workload, [place]))):
            assert not Simulation(less, choices, level=run.level).run().violations, place
    for forced in run.record.forced:
        rest = [each for each in run.record.forced if each.position > forced.position]
        assert not run_again(run, Following(run.indexes[: forced.position], rest)).violations, forced


def test_when_nothing_is_left_to_spend_it_says_that_less_may_do(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = 0
    run_whole = Simulation.run

    def counted(self: Simulation) -> Run:
        nonlocal spent
        run = run_whole(self)
        spent += run.steps
        return run

    failing = broken()
    monkeypatch.setattr(Simulation, "run", counted)
    for steps in (1, 22_000):
        monkeypatch.setattr(smaller, "_STEPS", steps)
        spent = 0
        failure = smallest(CROWD, failing, world)
        assert not failure.is_minimal
        assert failure.run.violations
        assert spent <= steps + 8 * failing.steps, "each stage ends with the run that is too much, and repeats its best"
    assert failure.workload.size[0] < CROWD.size[0], "the last one had much to spend"


def never_simple(failing: Run, budget: int = 1, on_run: Callable[[Run], None] = lambda _run: None) -> Shrunk:
    """Shrink an order until somebody says that it is enough."""
    with suppress(KeyboardInterrupt):
        while budget:
            on_run(failing)
    return Shrunk(failing, is_minimal=False, runs=0)


def test_an_order_that_is_never_simple_leaves_enough_for_the_workload(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = broken()
    monkeypatch.setattr(smaller, "shrink", never_simple)
    failure = smallest(CROWD, failing, world)
    assert failure.workload.size[0] == 2
    assert not failure.is_minimal


def test_a_long_order_is_shrunk_for_longer_once_no_call_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    known = least("T1")
    monkeypatch.setattr(smaller, "_LITTLE", known.run.steps // 4)
    assert smallest(known.workload, known.run, world).is_minimal


def test_an_order_that_is_never_simple_ends_where_nothing_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cron may break something by itself."""
    monkeypatch.setattr(smaller, "shrink", never_simple)
    assert not smallest(Workload({}, {}, {}), broken(), world).is_minimal


def test_nobodys_interrupt_is_taken_for_the_end_of_a_stage() -> None:
    failing = broken()

    def interrupted(_less: Workload) -> Scenario:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        smallest(CROWD, failing, interrupted)


def test_a_smaller_workload_that_comes_to_no_end_is_no_smaller_failure() -> None:
    """Where a run is cut short, that is told as broken too, but it is not what broke."""

    def endless_if_smaller(workload: Workload) -> Scenario:
        return world(workload) if workload.places == CROWD.places else world(workload).variant("short", max_steps=3)

    assert smallest(CROWD, broken(), endless_if_smaller).workload == CROWD


@mutation
def write(ctx: MutationCtx, *, name: str) -> None:
    ctx.db.insert("names", {"name": name})


def told(names: Callable[[list[str]], bool]) -> Callable[[Workload], Scenario]:
    """Return what makes worlds in which it breaks that nobody may write some names one after the other."""
    app = define_app({"m": {"write": write}}, define_schema({"names": define_table({"name": v.string()})}))

    def names_in_order(view: View) -> bool:
        return not names([str(row["name"]) for row in view.documents("names")])

    def world_of_names(workload: Workload) -> Scenario:
        return scenario(app=app, invariants=[names_in_order])(workload.write)

    return world_of_names


def writing(names: str) -> Workload:
    return Workload({}, {}, {f"c{name}": (Entry(0, "mutation", "m:write", {"name": name}),) for name in names})


def test_what_can_only_be_left_out_after_something_else_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are tried last ones first: `b` while `a` is still there, for which it is needed."""
    monkeypatch.setattr(smaller, "_STRETCHES", 0)
    world_of_names = told(lambda names: "x" in names and ("b" in names or "a" not in names))
    failing = Simulation(world_of_names(writing("xab"))).run()
    failure = smallest(writing("xab"), failing, world_of_names)
    assert failure.is_minimal
    assert [*failure.workload.clients] == ["cx"]


def test_a_smaller_workload_is_tried_in_the_order_that_broke_the_larger_one() -> None:
    world_of_names = told(lambda names: [name for name in names if name in "abcde"] == [*"edcba"])
    runs = runs_proposed(world_of_names(writing("abcdefgh")), RandomWalk(2_000, 0), 3)
    failing = next(run for run in runs if run.violations)
    assert [*smallest(writing("abcdefgh"), failing, world_of_names).workload.clients] == [
        f"c{name}" for name in "abcde"
    ]
