"""Who changes what handlers share in Python, beside transactions, is noticed before the next of them is recalled.

Actions, clients' scripts, the network that a scenario answers for, and whatever uses the outside happen in every run.
But they may change what those see that are recalled (`functions/shared_state.py`): a race is missed if nobody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from attrs import evolve

from convexsim import (
    ActionCtx,
    Dpor,
    Exhaustive,
    MutationCtx,
    QueryCtx,
    Request,
    Response,
    Session,
    View,
    World,
    action,
    always,
    api,
    check,
    define_app,
    mutation,
    query,
    scenario,
)

IS_ON = [False]


@mutation
def look(ctx: MutationCtx) -> None:
    ctx.db.insert("notes", {"saw": IS_ON[0]})


@query
def wait(_: QueryCtx) -> None:
    return


@action
async def switch(ctx: ActionCtx) -> None:
    await ctx.run_query(api.m.wait)
    IS_ON[0] = True


@mutation
def ring(ctx: MutationCtx) -> None:
    ctx.external("bell").append("rung")
    IS_ON[0] = True


@action
async def fetch(ctx: ActionCtx) -> None:
    await ctx.fetch("https://switch.example/")


@always
def nobody_saw_it_on(view: View) -> bool:
    return not any(note["saw"] for note in view.documents("notes"))


MODULE = {"look": look, "wait": wait, "switch": switch, "ring": ring, "fetch": fetch}


@scenario(app=define_app({"m": MODULE}), invariants=[nobody_saw_it_on])
def looking(world: World) -> None:
    IS_ON[0] = False
    world.external("bell")
    world.client("a").mutation(api.m.look)


@pytest.fixture(autouse=True)
def _is_off() -> Iterator[None]:
    IS_ON[0] = False
    yield
    IS_ON[0] = False


def by_an_action(world: World) -> None:
    world.client("b").action(api.m.switch)


def by_what_uses_the_outside(world: World) -> None:
    world.client("b").mutation(api.m.ring)


def by_the_network(world: World) -> None:
    def answer(_: Request) -> Response:
        IS_ON[0] = True
        return Response()

    world.network(answer)
    world.client("b").action(api.m.fetch)


def by_a_script(world: World) -> None:
    async def script(session: Session) -> None:
        await session.query(api.m.wait)
        IS_ON[0] = True

    world.client("b").run(script)


WAYS = [by_an_action, by_what_uses_the_outside, by_the_network, by_a_script]


@pytest.mark.parametrize("explorer", [Exhaustive, Dpor])
@pytest.mark.parametrize("by", WAYS)
def test_a_switch_in_python_is_a_race_like_any_other(
    by: Callable[[World], None], explorer: type[Exhaustive | Dpor]
) -> None:
    def body(world: World) -> None:
        looking.body(world)
        by(world)

    assert check(evolve(looking, body=body), explorer(2_000)).finding is not None
