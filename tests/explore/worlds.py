"""Small worlds with known races, for the tests of explorers."""

from __future__ import annotations

from typing import Any

from convexsim import (
    Component,
    Faults,
    MutationCtx,
    Scenario,
    View,
    World,
    action,
    always,
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


class Counters:
    @query
    def read(ctx: Any) -> Any:  # noqa: N805 - a function that the class only collects
        row = ctx.db.query("counters").first()
        return 0 if row is None else row["value"]

    @mutation(args={"value": v.number()})
    def write(ctx: Any, value: float) -> None:  # noqa: N805
        row = ctx.db.query("counters").first()
        if row is None:
            ctx.db.insert("counters", {"value": value})
        else:
            ctx.db.patch(row["_id"], {"value": value})

    @mutation
    def bump(ctx: MutationCtx) -> Any:  # noqa: N805
        row = ctx.db.query("counters").first()
        if row is None:
            return ctx.db.insert("counters", {"value": 1})
        ctx.db.patch(row["_id"], {"value": row["value"] + 1})
        return row["_id"]

    @mutation(args={"text": v.string()})
    def note(ctx: Any, text: str) -> None:  # noqa: N805
        ctx.db.insert("notes", {"text": text})

    @action
    async def racy_bump(ctx: Any) -> None:  # noqa: N805
        value = await ctx.run_query(api.counters.read)
        await ctx.run_mutation(api.counters.write, {"value": value + 1})

    @mutation
    def bump_later(ctx: MutationCtx) -> None:  # noqa: N805
        for _ in range(2):
            ctx.scheduler.run_after(0, api.counters.bump)


def app() -> Component:
    schema = define_schema(
        {"counters": define_table({"value": v.number()}), "notes": define_table({"text": v.string()})}
    )
    return define_app({"counters": Counters}, schema)


def value(view: View) -> Any:
    rows = view.documents("counters")
    return rows[0]["value"] if rows else 0


@eventually
def no_update_is_lost(view: View) -> None:
    """Every bump counts."""
    bumps = sum("text" not in call.args for call in view.calls())
    assert value(view) == bumps, f"{value(view)} of {bumps}"


@always
def never_above_one(view: View) -> bool:
    """The counter stays at one or below."""
    return bool(value(view) <= 1)


@scenario(app=app(), invariants=[no_update_is_lost])
def lost_update(world: World) -> None:
    """Two clients bump through an action that reads in one transaction and writes in the next."""
    for name in ("alice", "bob"):
        world.client(name).action(api.counters.racy_bump)


@scenario(app=app(), invariants=[no_update_is_lost])
def proper_bumps(world: World) -> None:
    """Two clients bump in one transaction each."""
    for name in ("alice", "bob"):
        world.client(name).mutation(api.counters.bump)


@scenario(app=app(), invariants=[no_update_is_lost])
def crowd(world: World) -> None:
    """Eight clients bump in one transaction each; in lockstep three of them run out of retries."""
    for number in range(8):
        world.client(f"client{number}").mutation(api.counters.bump)


@scenario(app=app(), invariants=[never_above_one])
def too_many(world: World) -> None:
    """Two bumps make two."""
    for name in ("alice", "bob"):
        world.client(name).mutation(api.counters.bump)


@scenario(app=app(), invariants=[never_above_one], faults=Faults(crashes=1, conflicts=1, disconnects=1))
def stormy(world: World) -> None:
    """Everything that can be chosen: steps of clients, actions and scheduled functions, back-offs, faults."""
    world.client("alice").mutation(api.counters.bump_later)
    world.client("bob").action(api.counters.racy_bump)


def racing_bumps(clients: int, noise: int = 0) -> Scenario:
    @scenario(app=app(), invariants=[no_update_is_lost])
    def racing(world: World) -> None:
        for number in range(clients):
            world.client(f"racer{number}").action(api.counters.racy_bump)
        for number in range(noise):
            world.client(f"noise{number}").run(noisy)

    async def noisy(session: Any) -> None:
        for text in "abc":
            await session.mutation(api.counters.note, {"text": text})

    return racing
