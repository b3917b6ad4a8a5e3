"""Values go from hand to hand as copies (convex-semantics 8): what somebody changes in his own changes nobody else's.

In Convex a value crosses into and out of the isolate as JSON; here the same objects would be shared, were they not
copied at each door. So each test changes what it was given, or has given, and looks whether it shows elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    MutationCtx,
    QueryCtx,
    Run,
    Session,
    World,
    action,
    api,
    define_schema,
    define_table,
    mutation,
    query,
    v,
)
from tests.support import Bench, app_of, run

SCHEMA = define_schema({"boxes": define_table({"items": v.array(v.any()), "n": v.number()}).index("by_n", ["n"])})
BOX = {"items": [[1], {"deep": [2]}], "n": 1}

Reader = Callable[[QueryCtx], dict[str, Any] | None]
READERS: dict[str, Reader] = {
    "get": lambda ctx: ctx.db.get(ctx.db.query("boxes").collect()[0]["_id"]),
    "collect": lambda ctx: ctx.db.query("boxes").collect()[0],
    "take": lambda ctx: ctx.db.query("boxes").take(1)[0],
    "first": lambda ctx: ctx.db.query("boxes").with_index("by_n").first(),
    "unique": lambda ctx: ctx.db.query("boxes").unique(),
    "a loop": lambda ctx: next(iter(ctx.db.query("boxes"))),
    "a page": lambda ctx: ctx.db.query("boxes").paginate({"numItems": 1, "cursor": None})["page"][0],
}


def spoil(value: Any) -> None:
    """Change whatever can be changed of a box, at every depth."""
    value["items"][0].append("spoilt")
    value["items"][1]["deep"].append("spoilt")
    value["items"].append("spoilt")
    value["n"] = 99


@pytest.mark.parametrize("way", READERS)
def test_who_reads_a_document_may_change_what_he_got(way: str) -> None:
    bench = Bench(SCHEMA)
    bench.seed("boxes", BOX)

    def handler(ctx: MutationCtx) -> Any:
        box = READERS[way](ctx)
        spoil(box)
        other = ctx.db.query("boxes").first()
        assert other is not None
        return {"items": other["items"], "n": other["n"]}

    reading = bench.attempt(handler)
    assert (reading.value, reading.writes) == (BOX, [])
    assert bench.documents("boxes") == [BOX]


def test_who_has_written_a_document_may_change_what_he_wrote() -> None:
    bench = Bench(SCHEMA)

    def handler(ctx: MutationCtx) -> None:
        given = {"items": [[1], {"deep": [2]}], "n": 1}
        box = ctx.db.insert("boxes", given)
        spoil(given)
        fields: dict[str, Any] = {"items": [[3], {"deep": [4]}]}
        ctx.db.patch(box, fields)
        fields["items"][0].append("spoilt")

    bench.do(handler)
    assert bench.documents("boxes") == [{"items": [[3], {"deep": [4]}], "n": 1}]


@mutation(args={"box": v.any()})
def spoil_and_return(ctx: MutationCtx, box: Any) -> Any:
    spoil(box)
    return box


@mutation(args={"box": v.any()})
def call_it(ctx: MutationCtx, box: Any) -> Any:
    """Return what is left of one's own after a call that spoils it, and after the result of that was spoilt."""
    returned = ctx.run_mutation(api.m.spoil_and_return, {"box": box})
    kept = ctx.run_mutation(api.m.keep, {"box": returned})
    spoil(returned)
    return {"own": box, "kept": kept}


@mutation(args={"box": v.any()})
def keep(ctx: MutationCtx, box: Any) -> Any:
    stored = ctx.db.get(ctx.db.insert("boxes", box))
    assert stored is not None
    return {"items": stored["items"], "n": stored["n"]}


@mutation(args={"box": v.any()})
def spoil_in_each_attempt(ctx: MutationCtx, box: Any) -> Any:
    """Compete with others of its kind, and keep what it was given before it spoils that."""
    count = len(ctx.db.query("boxes").collect())
    ctx.db.insert("boxes", box)
    spoil(box)
    return count


@mutation(args={"box": v.any()})
def spoil_what_is_scheduled(ctx: MutationCtx, box: Any) -> None:
    args = {"box": box}
    ctx.scheduler.run_after(0, api.m.keep, args)
    spoil(box)
    args["box"] = None


@action(args={"box": v.any()})
async def spoil_what_is_sent(ctx: ActionCtx, box: Any) -> Any:
    """Spoil what was sent before it arrives, and what came back before somebody else looks at it."""
    sent = ctx.run_mutation(api.m.keep, {"box": box})
    scheduled = ctx.scheduler.run_after(0, api.m.keep, {"box": box})
    noted = ctx.external("notes").append(box)
    spoil(box)
    returned = await sent
    await scheduled
    await noted
    spoil(returned)
    return returned


@query
def boxes(ctx: QueryCtx) -> Any:
    return [{"items": box["items"], "n": box["n"]} for box in ctx.db.query("boxes").collect()]


APP = app_of(
    SCHEMA, spoil_and_return, call_it, keep, spoil_in_each_attempt, spoil_what_is_scheduled, spoil_what_is_sent, boxes
)
SPOILT = {"items": [[1, "spoilt"], {"deep": [2, "spoilt"]}, "spoilt"], "n": 99}


def stored(result: Run) -> list[dict[str, Any]]:
    return [{"items": row["items"], "n": row["n"]} for row in result.view.documents("boxes")]


def test_a_call_inside_a_transaction_takes_and_gives_copies() -> None:
    result = run(APP, lambda world: world.client("a").mutation(api.m.call_it, {"box": BOX}))
    assert result.calls[0].result == {"own": BOX, "kept": SPOILT}
    assert stored(result) == [SPOILT]


def test_every_attempt_of_a_mutation_gets_the_arguments_anew() -> None:
    def body(world: World) -> None:
        for name in ("a", "b"):
            world.client(name).mutation(api.m.spoil_in_each_attempt, {"box": BOX})

    result = run(APP, body, "a.1 begin, b.1 begin, a.1 commit, b.1 commit, b.1 begin, b.1 commit")
    assert [call.result for call in result.calls] == [0, 1]
    assert stored(result) == [BOX, BOX]


def test_what_is_scheduled_is_what_it_was_then() -> None:
    result = run(APP, lambda world: world.client("a").mutation(api.m.spoil_what_is_scheduled, {"box": BOX}))
    assert stored(result) == [BOX]


def test_what_an_action_has_sent_is_what_it_was_then() -> None:
    def body(world: World) -> None:
        world.external("notes")
        world.client("a").action(api.m.spoil_what_is_sent, {"box": BOX})

    result = run(APP, body)
    assert stored(result) == [BOX, BOX]
    assert result.view.external("notes") == [BOX]
    assert result.calls[0].result == SPOILT


def test_a_clients_script_may_change_what_it_has_sent_and_got() -> None:
    async def script(session: Session) -> None:
        box = {"items": [[1], {"deep": [2]}], "n": 1}
        await session.mutation(api.m.keep, {"box": box})
        spoil(box)
        first = await session.query(api.m.boxes)
        spoil(first[0])
        assert await session.query(api.m.boxes) == [BOX]

    result = run(APP, lambda world: world.client("a").run(script))
    assert stored(result) == [BOX]


def test_who_looks_at_a_run_may_change_what_he_sees() -> None:
    def body(world: World) -> None:
        world.external("notes")
        client = world.client("a")
        client.mutation(api.m.keep, {"box": BOX})
        client.action(api.m.spoil_what_is_sent, {"box": BOX})

    result = run(APP, body)
    for look in (
        lambda: result.view.documents("boxes")[0],
        lambda: result.view.external("notes")[0],
        lambda: result.view.answers("m:keep")[0].args["box"],
        lambda: result.calls[0].result,
        lambda: result.view.scheduled_functions()[0]["args"][0]["box"],
    ):
        spoil(look())
        assert {name: look()[name] for name in BOX} == BOX
