"""A component whose matrix is known: a counter that its version 1 bumps in an action, and 2 in a mutation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from convexsim import (
    ActionCtx,
    Component,
    Faults,
    Invariant,
    MutationCtx,
    QueryCtx,
    Scenario,
    View,
    World,
    action,
    api,
    define_app,
    define_schema,
    define_table,
    eventually,
    mutation,
    query,
    scenario,
    v,
)
from convexsim.testing.matrix import Question, Subject
from convexsim.testing.workload import Draw, Entry, Workload


@query
def read(ctx: QueryCtx) -> float:
    return sum(float(row["value"]) for row in ctx.db.query("counters").collect())


@mutation
def write(ctx: MutationCtx, *, value: float) -> None:
    row = ctx.db.query("counters").first()
    if row is None:
        ctx.db.insert("counters", {"value": value})
    else:
        ctx.db.patch(row["_id"], {"value": value})


@action
async def bump_in_steps(ctx: ActionCtx, *, by: list[int]) -> None:
    value = await ctx.run_query(api.m.read)
    await ctx.run_mutation(api.m.write, {"value": value + sum(by)})


@mutation
def bump_at_once(ctx: MutationCtx, *, by: list[int]) -> None:
    ctx.run_mutation(api.m.write, {"value": ctx.run_query(api.m.read) + sum(by)})


def app(version: str) -> Component:
    bump = bump_in_steps if version == "1" else bump_at_once
    schema = define_schema({"counters": define_table({"value": v.number()})})
    return define_app({"m": {"read": read, "write": write, "bump": bump}}, schema)


APPS = {"0": app("1"), **{version: app(version) for version in ("1", "2")}}


def bumped(view: View) -> float:
    return sum(sum(call.args["by"]) for call in view.calls() if call.outcome is not None and call.error is None)


def counted(view: View) -> float:
    return sum(float(row["value"]) for row in view.documents("counters"))


@eventually
def nothing_is_lost(view: View) -> None:
    """Every bump that was answered is counted."""
    assert counted(view) >= bumped(view), f"{bumped(view):g} were bumped and {counted(view):g} counted"


@eventually
def nothing_fails(view: View) -> None:
    """Every bump is answered."""
    assert not [call for call in view.calls() if call.error], "a bump failed"


INVARIANTS = {"T1": nothing_is_lost, "T2": nothing_fails, "T3": eventually(lambda view: counted(view) >= 0)}


def generate(version: str, part: str, models: str, draw: Draw) -> Workload:
    def entry() -> Entry:
        return Entry(draw.pick([0, 10]), kind, "m:bump", {"by": draw.each(draw.number(1, 3), lambda: 1)})

    kind = "action" if version == "1" else "mutation"
    # so few that nobody can lose five times
    clients = {f"c{at}": tuple(draw.each(draw.number(1, 2), entry)) for at in range(draw.number(1, 3))}
    return Workload({"crashes": int("C" in models)}, {}, clients)


def restrict(workload: Workload, models: str) -> Workload:
    return evolve(workload, setting={"crashes": int("C" in models and workload.setting["crashes"])})


def fits(version: str, workload: Workload) -> bool:
    kinds = {entry.kind for entries in workload.clients.values() for entry in entries}
    return kinds <= {"action" if version == "1" else "mutation"}


def world_of(version: str, models: str, workload: Workload, numbers: Sequence[str]) -> Scenario:
    asked: list[Invariant] = [named(number) for number in numbers]

    @scenario(app=APPS[version], invariants=asked, faults=Faults(**workload.setting))
    def bumps(world: World) -> None:
        workload.write(world)

    return bumps


def named(number: str) -> Invariant:
    given: Any = INVARIANTS[number]
    return Invariant(f"{number} {given.name}", given.when, given.sentence, given.predicate)


def matrix() -> Subject:
    questions = {
        "T1": Question(name="NOTHING-LOST", sentence="Every bump is counted.", part="bumps"),
        "T2": Question(name="NO-FAILURE", sentence="Every bump is answered.", part="bumps"),
        "T3": Question(name="SIGN", sentence="No count is negative.", part="bumps", applies=lambda label: label == "2"),
    }
    models = {"N": "nothing goes wrong", "C": "actions die", "X": "it is Friday"}
    return Subject(
        versions=("1", "2"),
        models=models,
        questions=questions,
        generate=generate,
        restrict=restrict,
        fits=fits,
        world_of=world_of,
    )
