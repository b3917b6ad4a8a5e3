"""How invariants are asked: what each kind is, what a broken one says, and what a view refuses."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from convexsim import (
    FunctionError,
    Invariant,
    LockstepChoices,
    RandomWalk,
    Report,
    Response,
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
    components,
    define_app,
    define_component,
    define_schema,
    define_table,
    eventually,
    mutation,
    scenario,
    sometimes,
    v,
)
from convexsim.invariants import HistoryInvariant, history_for, judge


@mutation
def add(ctx: Any, n: int) -> None:
    ctx.db.insert("rows", {"n": n})


APP = define_app({"m": {"add": add}}, define_schema({"rows": define_table({"n": v.number()})}))


def counting(*invariants: Invariant) -> Scenario:
    """Return a scenario of three commits."""

    @scenario(app=APP, invariants=invariants)
    def three_adds(world: World) -> None:
        for n in range(3):
            world.client("ann").mutation(api.m.add, {"n": n})

    return three_adds


def count(view: View) -> int:
    return len(view.documents("rows"))


def view_at_the_end(*invariants: Invariant) -> View:
    return Simulation(counting(*invariants)).run().view


@pytest.mark.parametrize(
    ("kind", "asked"),
    [(always, [0, 1, 2, 3]), (eventually, [3]), (sometimes, [3])],
    ids=["always", "eventually", "sometimes"],
)
def test_each_kind_is_asked_at_its_moments(kind: Any, asked: list[int]) -> None:
    seen: list[int] = []
    assert Simulation(counting(kind(lambda view: seen.append(count(view))))).run().violations == []
    assert seen == asked


def test_what_happens_sometimes_breaks_no_run_but_has_to_happen_in_one() -> None:
    @sometimes
    def there_are_four(view: View) -> bool:
        return count(view) == 4

    run = Simulation(counting(there_are_four)).run()
    assert (run.violations, run.unseen) == ([], ["there_are_four"])
    report = check(counting(there_are_four), RandomWalk(2))
    assert (report.holds, report.unreached) == (False, ["there_are_four"])
    assert check(counting(sometimes(lambda view: count(view) == 3)), RandomWalk(2)).holds


def test_what_happens_sometimes_is_not_shown_by_a_run_that_did_not_end() -> None:
    world = counting(sometimes(lambda _: True))
    report = Report(world, "by hand", 2)
    report.add(Simulation(world, max_steps=3).run())
    assert report.reached == set()
    report.add(Simulation(world).run())
    assert report.reached == {"<lambda>"}


@eventually
def at_most_two_told(view: View) -> None:
    """There are never more than two."""
    assert count(view) <= 2, f"there are {count(view)}\nof them"


@eventually
def at_most_two_answered(view: View) -> bool:
    """There are never more than two."""
    return count(view) <= 2


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (at_most_two_told, "there are 3"),
        (at_most_two_answered, "There are never more than two."),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_broken_one_says_what_it_was_told_to_or_its_sentence(broken: Invariant, said: str) -> None:
    (violation,) = Simulation(counting(broken)).run().violations
    assert (violation.invariant, violation.message) == (broken.name, said)


def test_an_assert_without_words_is_told_behind_the_sentence(tmp_path: Path) -> None:
    script = tmp_path / "script.py"  # in a test pytest gives it words
    script.write_text('def few(view):\n    """They are few."""\n    assert len(view.documents("rows")) < 3\n')
    (violation,) = Simulation(counting(eventually(run_path(str(script))["few"]))).run().violations
    assert violation.message == 'They are few: assert len(view.documents("rows")) < 3'


def test_one_that_fails_itself_is_told_with_its_error() -> None:
    odd = eventually(lambda view: view.documents("rows")[5]["n"] == 5)
    with pytest.raises(UsageError, match="invariant <lambda> itself failed: IndexError: list index out of range"):
        judge(odd, view_at_the_end(), 0)


def test_one_that_asks_for_what_is_not_there_is_told_so() -> None:
    with pytest.raises(UsageError, match="has no table 'row'"):
        Simulation(counting(eventually(lambda view: bool(view.documents("row"))))).run()


def test_a_history_is_taken_down_for_whoever_looks_at_it_alone() -> None:
    looks = HistoryInvariant("looks", "eventually", "It looks.", lambda view: len(view.history) == 3)
    assert (history_for([at_most_two_told]), history_for([at_most_two_told, looks])) == (None, [])
    assert Simulation(counting(looks)).run().violations == []
    with pytest.raises(UsageError, match="has no history"):
        _ = view_at_the_end(at_most_two_told).history


@pytest.mark.parametrize(
    ("table", "component", "said"),
    [
        ("row", "", "has no table 'row'. .*'rows'"),
        ("_scheduled_function", "", "has no table '_scheduled_function'"),
        ("rows", "part", "There is no component 'part'"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(table: str, component: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        view_at_the_end().documents(table, component)


@pytest.mark.parametrize(
    ("function", "said"),
    [("m:ad", "no function 'm:ad' in this world. .*'m:add'"), (api.m.remove, "'m:remove'"), ("add", "'m:add'")],
)
def test_answers_of_a_function_that_is_not_there_are_refused(function: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        view_at_the_end().answers(function)


def test_a_function_is_asked_for_by_reference_or_by_its_label() -> None:
    @action
    async def add_there(ctx: Any) -> None:
        await ctx.run_mutation(components.part.m.add, {"n": 1})

    app = define_app({"m": {"add_there": add_there}})
    app.use(define_component("part", {"m": {"add": add}}))

    @scenario(app=app)
    def adding(world: World) -> None:
        world.client("ann").action(api.m.add_there)

    view = Simulation(adding).run().view
    for reference, label in ((api.m.add_there, "m:addThere"), (components.part.m.add, "part/m:add")):
        assert len(view.answers(reference)) == 1
        assert view.answers(reference) == view.answers(label)


def test_requests_to_an_address_that_no_list_has_are_refused() -> None:
    @scenario(app=APP)
    def connected(world: World) -> None:
        world.network({"https://bank.example": Response(200)})

    @scenario(app=APP)
    def open_to_all(world: World) -> None:
        world.network(lambda _: Response(200))

    view = Simulation(connected).run().view
    assert view.requests("https://bank.example") == []
    with pytest.raises(UsageError, match=r"no address 'https://bank.exampel'. .*'https://bank.example'"):
        view.requests("https://bank.exampel")
    assert Simulation(open_to_all).run().view.requests("https://bank.exampel") == []


def test_calls_of_scripts_stand_behind_those_that_were_written_down() -> None:
    async def one_each(session: Session) -> None:
        for n in (1, 2):
            await session.mutation(api.m.add, {"n": n})

    @scenario(app=APP)
    def racing(world: World) -> None:
        for name in ("bob", "ann"):
            world.client(name).run(one_each)
        world.client("late").wait(1)
        world.client("late").mutation(api.m.add, {"n": 3})

    names = [
        [call.activity for call in Simulation(racing, choices).run().calls] for choices in (None, LockstepChoices())
    ]
    assert names == [["late.1", "ann.1", "ann.2", "bob.1", "bob.2"]] * 2


def test_a_table_that_may_come_into_being_is_empty_until_then() -> None:
    @scenario(app=define_app({"m": {"add": add}}))
    def nobody_calls(world: World) -> None:
        """Nothing happens."""

    view = Simulation(nobody_calls).run().view
    assert view.documents("anything") == []
    with pytest.raises(UsageError, match="has no table '_anything'"):
        view.documents("_anything")


def test_only_what_was_scheduled_itself_is_a_scheduled_function_that_threw() -> None:
    @mutation
    def fail(_ctx: Any) -> None:
        raise ValueError("no")

    @action
    async def catch(ctx: Any) -> None:
        with suppress(FunctionError):
            await ctx.run_mutation("m:fail")

    @mutation
    def plan(ctx: Any) -> None:
        for name in ("fail", "catch"):
            ctx.scheduler.run_after(0, f"m:{name}")

    @scenario(app=define_app({"m": {"fail": fail, "catch": catch, "plan": plan}}))
    def planning(world: World) -> None:
        world.client("ann").mutation("m:plan")

    assert Simulation(planning).run().view.failed_functions() == ["m:fail: no"]


def test_the_calls_of_a_client_are_its_own() -> None:
    @scenario(app=APP)
    def alike(world: World) -> None:
        for n, name in enumerate(("ann", "anna", "ann2")):
            world.client(name).mutation(api.m.add, {"n": n})

    view = Simulation(alike).run().view
    assert [call.args["n"] for call in view.calls("ann")] == [0]
    assert [call.args["n"] for call in view.calls()] == [0, 1, 2]
