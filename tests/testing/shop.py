"""A shop with one counter, for tests of tests: it is raised in one transaction, or in two with a gap between them."""

from __future__ import annotations

from convexsim import ActionCtx, MutationCtx, QueryCtx, View, World, action, api, define_app, mutation, query
from tests.support import module


@query
def value(ctx: QueryCtx) -> float:
    """Read the counter."""
    row = ctx.db.query("counters").first()
    return 0 if row is None else float(row["value"])


@mutation
def put(ctx: MutationCtx, value: float) -> None:
    """Write the counter."""
    row = ctx.db.query("counters").first()
    if row is None:
        ctx.db.insert("counters", {"value": value})
    else:
        ctx.db.patch(row["_id"], {"value": value})


@mutation
def bump(ctx: MutationCtx, step: float) -> None:
    """Raise the counter in one transaction."""
    row = ctx.db.query("counters").first()
    if row is None:
        ctx.db.insert("counters", {"value": step})
    else:
        ctx.db.patch(row["_id"], {"value": row["value"] + step})


@action
async def add(ctx: ActionCtx, step: float) -> None:
    """Raise the counter in two transactions: what comes in between is lost."""
    now = await ctx.run_query(api.shop.value)
    await ctx.run_mutation(api.shop.put, {"value": now + step})


app = define_app({"shop": module(value, put, bump, add)})


def no_lost_update(view: View) -> bool:
    """Hold if the counter is the sum of all steps."""
    rows = view.documents("counters")
    return bool((rows[0]["value"] if rows else 0) == sum(call.args["step"] for call in view.calls()))


def adds(world: World, *steps: float) -> None:
    """Let as many clients raise the counter, each by its step, in two transactions."""
    for number, step in enumerate(steps, 1):
        world.client(f"c{number}").action(api.shop.add, {"step": step})


def bumps(world: World, *steps: float) -> None:
    """Let as many clients raise the counter, each by its step, in one transaction."""
    for number, step in enumerate(steps, 1):
        world.client(f"c{number}").mutation(api.shop.bump, {"step": step})
