"""Invariants that look back: each moment keeps what it showed, and who made it (`View.before`)."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from convexsim import (
    Faults,
    Invariant,
    LockstepChoices,
    PastInvariant,
    RandomWalk,
    Response,
    Simulation,
    View,
    World,
    action,
    always,
    api,
    check,
    define_app,
    eventually,
    mutation,
    scenario,
)


@mutation
def add(ctx: Any, n: int) -> None:
    ctx.db.insert("rows", {"n": n})


@action
async def tell(ctx: Any) -> None:
    await ctx.sleep(500)
    await ctx.external("ledger").append("told")
    await ctx.fetch("https://example.org")


APP = define_app({"m": {"add": add, "tell": tell}})


def world_of(*invariants: Invariant) -> Any:
    @scenario(app=APP, invariants=invariants)
    def two_adds(world: World) -> None:
        world.external("ledger")
        world.network({"https://example.org": Response(200)})
        ann = world.client("ann")
        ann.mutation(api.m.add, {"n": 1})
        ann.wait(100)
        ann.mutation(api.m.add, {"n": 2})
        ann.action(api.m.tell)

    return two_adds


def moments(view: View) -> list[View]:
    found: list[View] = []
    at: View | None = view
    while at is not None:
        found.append(at)
        at = at.before
    return found[::-1]


def facts(view: View) -> tuple[Any, ...]:
    answered = len(view.answers("m:add"))
    rows = [row["n"] for row in view.documents("rows")]
    return view.now, view.ts, view.writer, rows, answered, view.external("ledger")


def nothing(view: View) -> None:
    return None


def test_each_moment_keeps_its_time_its_documents_and_its_entries() -> None:
    run = Simulation(world_of(PastInvariant("past", "eventually", "", nothing))).run()
    assert [facts(view) for view in moments(run.view)] == [
        (0, 0, "", [], 0, []),
        (0, 1, "m:add (ann.1)", [1], 0, []),
        (100, 2, "m:add (ann.2)", [1, 2], 1, []),
        (600, 2, "m:add (ann.2)", [1, 2], 2, ["told"]),
        (600, 2, "m:add (ann.2)", [1, 2], 2, ["told"]),
        (600, 2, "m:add (ann.2)", [1, 2], 2, ["told"]),
    ]
    assert [len(view.requests()) for view in moments(run.view)] == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("when", ["always", "eventually", "sometimes"])
def test_the_last_moment_is_the_view_that_is_asked_at_the_end(when: Any) -> None:
    asked: list[View] = []
    run = Simulation(world_of(PastInvariant("past", when, "", asked.append))).run()
    assert asked[-1] is (run.view if when != "always" else run.view.before)


@pytest.mark.parametrize("plain", [always(nothing), eventually(nothing)])
def test_a_run_that_nobody_asks_for_its_past_has_none(plain: Invariant) -> None:
    assert Simulation(world_of(plain)).run().view.before is None


def test_each_moment_keeps_what_had_gone_wrong_by_then() -> None:
    counts: list[list[int]] = []
    ends = PastInvariant(
        "ends", "eventually", "", lambda view: counts.append([len(each.faults) for each in moments(view)])
    )
    check(attrs.evolve(world_of(ends), faults=Faults(crashes=1)), RandomWalk(runs=40, seed=1))
    assert [0, 0, 0, 1, 1] in [count[-5:] for count in counts]
    assert all(count[0] == 0 for count in counts)


def test_each_moment_keeps_who_had_begun_again_by_then() -> None:
    @mutation
    def bump(ctx: Any) -> None:
        ctx.db.insert("rows", {"n": len(ctx.db.query("rows").collect())})

    past = PastInvariant("past", "eventually", "", nothing)

    @scenario(app=define_app({"m": {"bump": bump}}), invariants=[past])
    def racing(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).mutation("m:bump")

    run = Simulation(racing, LockstepChoices()).run()
    assert [len(view.retried()) for view in moments(run.view)] == [0, 0, 1, 1]


def test_a_step_backwards_is_found_where_it_happens() -> None:
    def grows(view: View) -> bool:
        return view.before is None or len(view.documents("rows")) - len(view.before.documents("rows")) < 2

    @mutation
    def add_two(ctx: Any) -> None:
        for n in (1, 2):
            ctx.db.insert("rows", {"n": n})

    @scenario(app=define_app({"m": {"two": add_two}}), invariants=[PastInvariant("grows", "always", "one", grows)])
    def leap(world: World) -> None:
        world.client("ann").mutation("m:two")

    report = check(leap, RandomWalk(runs=1, seed=1))
    assert report.finding is not None
    assert [(broken.invariant, broken.message) for broken in report.finding.run.violations] == [("grows", "one")]


def test_answers_that_were_seen_before_are_left_out() -> None:
    view = Simulation(world_of()).run().view
    assert [[answer.args["n"] for answer in view.answers("m:add", skip)] for skip in range(3)] == [[1, 2], [2], []]


def test_what_is_derived_is_made_once_for_a_view() -> None:
    calls: list[View] = []

    def count(view: View) -> int:
        calls.append(view)
        return len(view.documents("rows"))

    run = Simulation(world_of(PastInvariant("past", "eventually", "", nothing))).run()
    assert [run.view.derived(count), run.view.derived(count)] == [2, 2]
    assert run.view.before is not None
    assert run.view.before.derived(count) == 2
    assert calls == [run.view, run.view.before]


def test_what_is_folded_is_made_once_for_a_moment_from_the_first_on() -> None:
    calls: list[float] = []

    def times(before: list[float] | None, view: View) -> list[float]:
        calls.append(view.now)
        return [*(before or []), view.now]

    run = Simulation(world_of(PastInvariant("past", "always", "", lambda view: view.folded(times) == []))).run()
    assert calls == [0]
    calls.clear()
    run = Simulation(world_of(PastInvariant("past", "eventually", "", nothing))).run()
    assert run.view.before is not None
    assert run.view.before.folded(times) == calls == [0, 0, 100, 600, 600]
    assert run.view.folded(times) == calls == [0, 0, 100, 600, 600, 600]
