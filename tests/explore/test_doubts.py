"""What a report says when a scenario may not do what its author thinks, and what is refused outright."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from attrs import evolve

from convexsim import (
    Exhaustive,
    Faults,
    FunctionError,
    Limits,
    Platform,
    RandomWalk,
    Run,
    Scenario,
    Session,
    Simulation,
    UsageError,
    View,
    World,
    action,
    always,
    api,
    check,
    cron_schedule,
    define_app,
    define_component,
    eventually,
    internal,
    internal_mutation,
    mutation,
    scenario,
)
from convexsim.choices import RandomChoices
from tests.explore.worlds import app, lost_update, no_update_is_lost, proper_bumps


@pytest.mark.parametrize("explorer", [RandomWalk(runs=30), Exhaustive()])
def test_an_explorer_that_is_used_again_begins_anew(explorer: Any) -> None:
    first = check(proper_bumps, explorer)
    again = check(lost_update, explorer)
    assert first.holds
    assert again.finding is not None
    assert check(proper_bumps, explorer).runs == first.runs


def test_an_exhaustive_search_that_gave_up_is_not_taken_for_finished_the_next_time() -> None:
    explorer = Exhaustive(max_runs=34)
    assert check(proper_bumps, explorer).exhausted
    assert not check(scenario_of(3), explorer).exhausted


def scenario_of(clients: int) -> Scenario:
    @scenario(app=app(), invariants=[no_update_is_lost])
    def bumps(world: World) -> None:
        for number in range(clients):
            world.client(f"c{number}").mutation(api.counters.bump)

    return bumps


def test_a_report_of_no_runs_does_not_hold() -> None:
    def stop(_number: int, _run: Run) -> None:
        raise KeyboardInterrupt

    report = check(proper_bumps, RandomWalk(runs=3), on_run=stop)
    assert report.runs == 1
    report.runs = 0
    assert not report.holds


def test_a_world_refuses_what_makes_no_sense_where_it_is_said() -> None:
    for name, plan in ((3, ()), ("p", {1: 2}), ("p", "ok")):
        with pytest.raises(UsageError, match="cannot have an external object"):
            World().external(name, plan)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="The network got 3"):
        World().network(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="3 is no invariant"):
        always(3)  # type: ignore[arg-type]


def test_a_report_says_when_every_call_failed_and_how() -> None:
    @scenario(app=app(), invariants=[lambda _view: True])
    def wrong(world: World) -> None:
        world.client("a").mutation(api.counters.note, {"text": 3})

    told = str(check(wrong, RandomWalk(runs=4)))
    assert "EVERY CALL FAILED" in told
    assert "4 failed calls in 4 runs: ArgumentValidationError" in told
    assert "1 failed call: ArgumentValidationError" in str(check(wrong, RandomWalk(runs=1)))


def test_a_report_says_when_nobody_called_anything() -> None:
    @scenario(app=app(), invariants=[lambda _view: True])
    def idle(world: World) -> None:
        world.client("a").wait(5)

    crons = cron_schedule()
    crons.interval("nap", {"minutes": 1}, internal.m.nap)
    busy = evolve(idle, app=define_app({"m": {"nap": internal_mutation(lambda _: None)}}, crons=crons), until_ms=90_000)
    assert "NOBODY CALLED ANYTHING" in str(check(idle, RandomWalk(runs=2)))
    assert "NOBODY CALLED ANYTHING" not in str(check(busy, RandomWalk(runs=2)))


def test_a_misspelt_call_in_a_script_is_told_with_the_right_spelling() -> None:
    async def script(session: Session) -> None:
        await session.mutation("counters:bmup")

    @scenario(app=app(), invariants=[lambda _view: True])
    def typo(world: World) -> None:
        world.client("a").run(script)

    told = str(check(typo, RandomWalk(runs=4)))
    assert "4 failed calls in 4 runs: Could not find public function for 'counters:bmup'" in told


def test_a_report_names_scheduled_functions_that_threw() -> None:
    @internal_mutation
    def later(ctx: Any) -> None:
        msg = "no use"
        raise RuntimeError(msg)

    @mutation
    def plan(ctx: Any) -> None:
        ctx.scheduler.run_after(0, internal.m.later)

    @scenario(app=define_app({"m": {"later": later, "plan": plan}}), invariants=[lambda _view: True])
    def failing(world: World) -> None:
        world.client("a").mutation(api.m.plan)

    told = str(check(failing, RandomWalk(runs=3)))
    assert "3 failed scheduled functions in 3 runs: m:later: no use" in told
    assert "1 failed scheduled function: m:later: no use" in str(check(failing, RandomWalk(runs=1)))
    assert "EVERY CALL" not in told


def test_a_report_says_when_nothing_was_asked() -> None:
    @scenario(app=app())
    def unasked(world: World) -> None:
        world.client("a").mutation(api.counters.bump)

    assert "has no invariants" in str(check(unasked, RandomWalk(runs=1)))
    assert "has no invariants" not in str(check(proper_bumps, RandomWalk(runs=1)))


def test_state_that_outlives_a_run_is_found_out() -> None:
    counted = {"runs": 0}

    @eventually
    def early(_view: View) -> bool:
        counted["runs"] += 1
        return counted["runs"] != 3

    @scenario(app=app(), invariants=[early])
    def stateful(world: World) -> None:
        world.client("a").mutation(api.counters.bump)

    with pytest.raises(UsageError, match="the same choices did not again") as refused:
        check(stateful, RandomWalk(runs=10))
    assert "outlives a run" in str(refused.value)


def leaks(note: Callable[[str], int]) -> Scenario:
    """A world in which two clients note their name, in something that outlives the run."""

    @mutation
    def take(ctx: Any, name: str) -> None:
        ctx.db.insert("notes", {"text": f"{name} is number {note(name)}"})

    @eventually
    def somebody_is_first(view: View) -> bool:
        return any("number 1" in row["text"] for row in view.documents("notes"))

    @scenario(app=define_app({"m": {"take": take}}), invariants=[somebody_is_first])
    def leaking(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).mutation(api.m.take, {"name": name})

    return leaking


def test_a_failure_that_comes_of_earlier_runs_is_told_as_such() -> None:
    """It repeats in this process, again and again; in a new one its replay string would mean a run that holds."""
    seen: list[str] = []

    def note(name: str) -> int:
        seen.append(name)
        return len(seen)

    report = check(leaks(note), RandomWalk(runs=20))
    assert report.finding is not None
    told = str(report)
    assert report.differs_from_step is not None
    assert "STATE OUTLIVES A RUN: the first run, repeated after all others, goes another way from step " in told
    assert "a mutable default" in told


def test_state_that_changes_in_the_first_run_alone_is_found_too() -> None:
    def note(name: str, known: set[str] = set()) -> int:  # noqa: B006 - the very mistake
        before = len(known)
        known.add(name)
        return before + 1

    assert "STATE OUTLIVES A RUN" in str(check(leaks(note), RandomWalk(runs=20)))


def test_state_is_told_of_where_nothing_breaks() -> None:
    seen: list[str] = []

    def note(name: str) -> int:
        seen.append(name)
        return 1 if name == "ann" else len(seen)

    report = check(leaks(note), Exhaustive())
    assert report.holds
    assert "STATE OUTLIVES A RUN" in str(report)


def test_what_has_no_state_and_what_only_looks_different_is_not_suspected() -> None:
    """A text with an address differs each time, and means nothing."""
    assert check(leaks(len), RandomWalk(runs=20)).differs_from_step is None
    assert check(lost_update, RandomWalk(runs=50)).differs_from_step is None

    @mutation
    def fail(ctx: Any) -> None:
        raise ValueError(object())

    @scenario(app=define_app({"m": {"fail": fail}}), invariants=[lambda _view: True])
    def failing(world: World) -> None:
        world.client("a").mutation(api.m.fail)

    assert check(failing, RandomWalk(runs=3)).differs_from_step is None


def test_an_interruption_while_shrinking_keeps_the_failure() -> None:
    def stop(_number: int, run: Run) -> None:
        if run.violations:
            raise KeyboardInterrupt

    report = check(lost_update, RandomWalk(runs=50), on_run=stop)
    assert report.finding is not None
    assert report.finding.violations


@pytest.mark.parametrize("answer", [0, [], "yes", 1])
def test_an_invariant_that_answers_neither_yes_nor_no_is_refused(answer: Any) -> None:
    def odd(_view: View) -> Any:
        return answer

    @scenario(app=app(), invariants=[odd])
    def asked(world: World) -> None:
        world.client("a").mutation(api.counters.bump)

    with pytest.raises(UsageError, match=r"odd returned .*bool\(\.\.\.\)"):
        Simulation(asked).run()


def test_an_invariant_that_waits_is_refused() -> None:
    async def patient(_view: View) -> bool:
        return False

    with pytest.raises(UsageError, match="patient is no plain function"):
        scenario(app=app(), invariants=[patient])  # type: ignore[list-item]


def test_invariants_cannot_change_what_was_answered() -> None:
    @eventually
    def meddles(view: View) -> None:
        for answered in view.answers("counters:note"):
            answered.args["text"] = "changed"
        assert [answered.args for answered in view.answers("counters:note")] == [{"text": "kept"}]

    @scenario(app=app(), invariants=[meddles])
    def noting(world: World) -> None:
        world.client("a").mutation(api.counters.note, {"text": "kept"})

    assert check(noting, RandomWalk(runs=1)).holds


def test_arguments_are_those_of_the_moment_they_were_given() -> None:
    @scenario(app=app())
    def reused(world: World) -> None:
        args = {"text": "first"}
        world.client("a").mutation(api.counters.note, args)
        args["text"] = "second"
        world.client("a").mutation(api.counters.note, args)

    run = Simulation(reused).run()
    assert [row["text"] for row in run.view.documents("notes")] == ["first", "second"]


def test_a_simulation_is_one_run() -> None:
    simulation = Simulation(proper_bumps)
    simulation.run()
    with pytest.raises(UsageError, match="already run"):
        simulation.run()


def test_what_is_no_scenario_is_refused() -> None:
    with pytest.raises(UsageError, match="is no scenario"):
        check(lambda world: world)  # type: ignore[arg-type]


@pytest.mark.parametrize("choices", [RandomWalk(), RandomChoices, [0, 1]], ids=["explorer", "class", "list"])
def test_what_answers_no_choices_is_refused(choices: Any) -> None:
    with pytest.raises(UsageError, match="answers no choices"):
        Simulation(proper_bumps, choices)


@pytest.mark.parametrize("delay", [float("nan"), float("inf"), -5, "x", True])
def test_a_wait_that_is_none_is_refused(delay: Any) -> None:
    with pytest.raises(UsageError, match="cannot wait for"):
        World().client("a").wait(delay)


def endless_scenarios() -> list[Scenario]:
    @action
    async def sleeps(ctx: Any) -> None:
        while True:
            await ctx.sleep(0)

    @action
    async def polls(ctx: Any) -> None:
        while True:
            with suppress(FunctionError):  # the very mistake
                await ctx.run_query("m:typo")

    endless = define_app({"m": {"sleeps": sleeps, "polls": polls}})

    @scenario(app=endless)
    def sleeping(world: World) -> None:
        world.client("a").action(api.m.sleeps)

    @scenario(app=endless)
    def polling(world: World) -> None:
        world.client("a").action(api.m.polls)

    @scenario(app=endless)
    def polling_client(world: World) -> None:
        async def script(session: Session) -> None:
            while True:
                await session.sleep(0)

        world.client("a").run(script)

    return [sleeping, polling, polling_client]


@pytest.mark.parametrize("endless", endless_scenarios(), ids=lambda each: each.name)
def test_what_never_ends_reaches_a_named_limit(endless: Scenario) -> None:
    run = Simulation(endless, RandomChoices(1), trace=False, max_steps=500).run()
    assert run.ending == "max_steps"
    assert [broken.invariant for broken in run.violations] == ["ends"]


class Noisy:
    def __del__(self) -> None:
        raise ValueError


@pytest.mark.parametrize("ends", ["with its world", "at its limit", "by a crash"])
def test_a_handler_that_catches_even_the_end_of_the_run_is_let_go_quietly(
    ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare `except:` in an endless loop. Whatever else Python has to say of what cannot be raised, it says."""
    heard: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: heard.append(unraisable.exc_type))

    @action
    async def stubborn(ctx: Any) -> None:
        noisy = Noisy()
        while noisy is not None:
            try:
                await ctx.sleep(1_000)
            except BaseException:  # noqa: BLE001, S112 - the very mistake
                continue

    limits = Limits(action_ms=2_500) if ends == "at its limit" else Limits()
    faults = Faults(crashes=1) if ends == "by a crash" else Faults()
    given = {"platform": Platform(limits=limits), "faults": faults, "until_ms": 5_000}

    @scenario(app=define_app({"m": {"stubborn": stubborn}}), **given)  # type: ignore[arg-type]
    def world_of_one(world: World) -> None:
        world.client("a").action(api.m.stubborn)

    class NotAtOnce:
        asked = 0

        def choose(self, kind: str, options: Any) -> int:
            self.asked += kind == "fault"
            return int(self.asked > 1)

    result = Simulation(world_of_one, NotAtOnce()).run()
    assert result.ending == "quiet"
    assert len(result.view.faults) == (ends == "by a crash")
    del result
    gc.collect()
    assert heard == [ValueError]  # of the handler's own object, which died with it


def test_a_component_of_two_words_is_reached_in_either_spelling() -> None:
    @mutation
    def ping(ctx: Any) -> str:
        return "pong"

    child = define_component("rate_limiter", {"lib": {"ping": ping}})
    from convexsim import components  # noqa: PLC0415 - beside its only use

    @mutation
    def both(ctx: Any) -> list[str]:
        return [
            ctx.run_mutation(components.rate_limiter.lib.ping),
            ctx.run_mutation(components.rateLimiter.lib.ping),
        ]

    root = define_app({"m": {"both": both}})
    root.use(child)

    @scenario(app=root)
    def reached(world: World) -> None:
        world.client("a").mutation(api.m.both)

    assert Simulation(reached).run().calls[0].result == ["pong", "pong"]


def test_a_component_cannot_use_itself_and_nothing_is_mounted_after_the_first_run() -> None:
    child = define_component("child", {})
    child.use(child, name="again")
    root = define_app({})
    root.use(child)
    with pytest.raises(UsageError, match="uses itself"):
        root.catalog()
    late = define_component("late", {})
    other = define_app({})
    other.use(late)
    other.catalog()
    with pytest.raises(UsageError, match="has already run"):
        late.use(define_component("tooLate", {}))


def test_one_scenario_may_run_in_several_threads_at_once() -> None:
    code = """
import threading
from tests.explore.worlds import lost_update
from convexsim import Simulation
from convexsim.choices import RandomChoices
told = [[], [], []]
def go(mine):
    for seed in range(40):
        mine.append(Simulation(lost_update, RandomChoices(seed), trace=False).run().indexes)
threads = [threading.Thread(target=go, args=(mine,)) for mine in told]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert told[0] == told[1] == told[2] and len(told[0]) == 40, told
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_assertions_nothing_is_run() -> None:
    code = "from tests.explore.worlds import lost_update; from convexsim import check; check(lost_update)"
    ran = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "no invariant that asserts could fail" in ran.stderr
