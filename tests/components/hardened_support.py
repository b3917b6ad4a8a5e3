"""An app on `hardened` whose items tell where they belong, and what must hold of it in every order.

An item is a string that begins with its callback, ``a`` or ``b``. Each add notes its items in a table of the app in the
same transaction, so what was added is known however the answer got lost; the callbacks note what they were given in the
ledger before they end as the plan says.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from components.batch_processor import HardenedBatchProcessor, component
from convexsim import (
    ActionCtx,
    Component,
    FunctionDefinition,
    MutationCtx,
    View,
    World,
    always,
    api,
    components,
    define_app,
    define_schema,
    define_table,
    eventually,
    internal,
    internal_action,
    mutation,
    query,
    v,
)

COMPONENT = "batchProcessor"
PLAN = "plan"
LEDGER = "ledger"
BATCHES = HardenedBatchProcessor(components.batch_processor)

# --------------------------------------------------------------------------------------------------------- the app


async def _take(ctx: ActionCtx, to: str, items: list[Any], key: str) -> None:
    plan = await ctx.external(PLAN).take("ok")
    await ctx.external(LEDGER).append({"to": to, "items": items, "key": key, "plan": plan, "t": ctx.now()})
    if plan != "ok":
        raise RuntimeError(plan)


@internal_action
async def send_a(ctx: ActionCtx, items: list[Any], delivery_key: str) -> None:
    await _take(ctx, "a", items, delivery_key)


@internal_action
async def send_b(ctx: ActionCtx, items: list[Any], delivery_key: str) -> None:
    await _take(ctx, "b", items, delivery_key)


@internal_action
async def send_and_add(ctx: ActionCtx, items: list[Any], delivery_key: str) -> None:
    """Take delivery and add one more item for `send_a` under the same id."""
    await _take(ctx, "b", items, delivery_key)
    await ctx.run_mutation(api.m.add, {"items": [f"a after {items[0]}"], "maxBatchSize": 1})


@mutation
def add(ctx: MutationCtx, *, items: list[str], batch: str = "x", to: str = "a", **how: Any) -> Any:
    """Add items and note that; `how` are options of the config, by default a threshold of 2 and an interval of 1 s."""
    for item in items:
        ctx.db.insert("notes", {"item": item})
    usual = {"maxBatchSize": 2, "flushIntervalMs": 1_000, "passDeliveryKey": True}
    callback = {"a": internal.m.send_a, "b": internal.m.send_b, "andAdd": internal.m.send_and_add}[to]
    return BATCHES.add_items(ctx, batch, items, {**usual, **how, "processBatch": callback})


@mutation
def add_each(ctx: MutationCtx, adds: list[dict[str, Any]]) -> None:
    for one in adds:
        ctx.run_mutation(api.m.add, one)


@mutation
def flush(ctx: MutationCtx, batch: str = "x") -> Any:
    return BATCHES.flush(ctx, batch)


@mutation
def add_and_flush(ctx: MutationCtx, items: list[str]) -> Any:
    ctx.run_mutation(api.m.add, {"items": items, "maxBatchSize": 100, "flushIntervalMs": 0})
    return BATCHES.flush(ctx, "x")


@mutation
def delete(ctx: MutationCtx, batch: str = "x") -> Any:
    return BATCHES.delete_batch(ctx, batch)


@mutation
def trigger(ctx: MutationCtx) -> Any:
    return BATCHES.trigger_interval_flushes(ctx)


@mutation
def retry_dead(ctx: MutationCtx, batch: str = "x::0") -> Any:
    return BATCHES.retry_dead_letter(ctx, batch)


FUNCTIONS: dict[str, FunctionDefinition] = {
    "sendA": send_a,
    "sendB": send_b,
    "sendAndAdd": send_and_add,
    "add": add,
    "addEach": add_each,
    "addAndFlush": add_and_flush,
    "flush": flush,
    "delete": delete,
    "trigger": trigger,
    "retryDead": retry_dead,
    "getStatus": query(lambda ctx, batch="x": BATCHES.get_batch_status(ctx, batch)),
}


def hardened_app(**more: FunctionDefinition) -> Component:
    """Return the app, with more functions of the one module ``m``."""
    notes = define_schema({"notes": define_table({"item": v.string()})})
    app = define_app({"m": {**FUNCTIONS, **more}}, notes)
    app.use(component("hardened"))
    return app


APP = hardened_app()


def outside(world: World, *plan: str) -> None:
    """Declare the outside objects; the plan's entries are ``ok`` or a message with which a delivery fails."""
    world.external(PLAN, plan)
    world.external(LEDGER)


def add_by(world: World, client: str, *items: str, **how: Any) -> None:
    world.client(client).mutation(api.m.add, {"items": list(items), **how})


# ------------------------------------------------------------------------------------------------------- questions


def added(view: View) -> list[str]:
    return [row["item"] for row in view.documents("notes")]


def stored(view: View) -> list[str]:
    return [item for row in view.documents("batchItems", COMPONENT) for item in row["items"]]


def acked(view: View) -> list[str]:
    return [item for entry in view.external(LEDGER) if entry["plan"] == "ok" for item in entry["items"]]


def statuses(view: View) -> list[str]:
    return [f"{batch['batchId']} {batch['status']}" for batch in view.documents("batches", COMPONENT)]


# ------------------------------------------------------------------------------------------- in every order, always


@always
def nothing_is_lost(view: View) -> None:
    lost = set(added(view)) - set(stored(view)) - set(acked(view))
    assert not lost, f"neither stored nor acked: {sorted(lost)}"


@always
def one_batch_accumulates(view: View) -> None:
    """An id has at most one batch that accumulates, and that has rows above the line."""
    waiting = [b["baseBatchId"] for b in view.documents("batches", COMPONENT) if b["status"] == "accumulating"]
    assert len(waiting) == len(set(waiting)), waiting
    lines = {stream["baseBatchId"]: stream.get("line") for stream in view.documents("streams", COMPONENT)}
    above = {
        row["baseBatchId"]
        for row in view.documents("batchItems", COMPONENT)
        if (line := lines.get(row["baseBatchId"])) is None or row["committedAt"].value > line.value
    }
    assert set(waiting) <= above, f"no rows: {sorted(set(waiting) - above)}"


@always
def a_timer_lives_as_long_as_its_batch_accumulates(view: View) -> None:
    functions = view.scheduled_functions(COMPONENT)
    timers = {row["_id"] for row in functions if row["name"].endswith(":flushOnTime")}
    live = {row["_id"] for row in functions if row["_id"] in timers and row["state"]["kind"] == "pending"}
    batches = view.documents("batches", COMPONENT)
    named = {batch["scheduledFlushId"] for batch in batches if "scheduledFlushId" in batch}
    assert named == live, f"named {sorted(named)}, live {sorted(live)}"
    assert all(batch["status"] == "accumulating" for batch in batches if "scheduledFlushId" in batch)


@always
def one_executor_a_batch(view: View) -> None:
    functions = view.scheduled_functions(COMPONENT)
    running = [
        row["args"][0]["batchDocId"]
        for row in functions
        if row["name"].endswith(":executeFlush") and row["state"]["kind"] in ("pending", "inProgress")
    ]
    assert len(running) == len(set(running)), running


@always
def a_key_means_the_same_items_and_callback(view: View) -> None:
    by_key: dict[str, Any] = {}
    for entry in view.external(LEDGER):
        delivery = (entry["to"], entry["items"])
        assert by_key.setdefault(entry["key"], delivery) == delivery, entry
        assert {item[0] for item in entry["items"]} == {entry["to"]}, entry
    ends = Counter(item for _, items in by_key.values() for item in items)
    assert not ends or max(ends.values()) == 1, f"under two keys: {ends.most_common(1)}"


@always
def no_number_comes_twice(view: View) -> None:
    batches = view.documents("batches", COMPONENT)
    names = [batch["batchId"] for batch in batches]
    assert len(names) == len(set(names)), names
    following = {stream["baseBatchId"]: stream["nextSequence"] for stream in view.documents("streams", COMPONENT)}
    assert all(batch["sequence"] < following[batch["baseBatchId"]] for batch in batches)


SAFE = [
    nothing_is_lost,
    one_batch_accumulates,
    a_timer_lives_as_long_as_its_batch_accumulates,
    one_executor_a_batch,
    a_key_means_the_same_items_and_callback,
    no_number_comes_twice,
]
"""Holds whatever goes wrong."""

# ---------------------------------------------------------------------------------------------------- in the end


@eventually
def everything_is_delivered(view: View) -> None:
    missing = set(added(view)) - set(acked(view))
    assert not missing, f"never acked: {sorted(missing)}; {statuses(view)}"


@eventually
def nothing_is_left(view: View) -> None:
    """No rows, no batch that is not completed, nobody to come."""
    assert not stored(view), stored(view)
    batches = view.documents("batches", COMPONENT)
    assert all(batch["status"] == "completed" for batch in batches), statuses(view)
    assert not [row for row in view.scheduled_functions(COMPONENT) if row["state"]["kind"] == "pending"]


@eventually
def exactly_once(view: View) -> None:
    assert sorted(acked(view)) == sorted(added(view))


@eventually
def nobody_fails(view: View) -> None:
    """No call of a client fails, and no scheduled function."""
    assert [call.error for call in view.calls() if call.error] == []
    assert view.failed_functions() == []


@eventually
def history_tells_what_was_delivered(view: View) -> None:
    """A row for each delivery, and those of successes tell how many items were acked."""
    history = view.documents("flushHistory", COMPONENT)
    assert len(history) == len(view.external(LEDGER))
    assert sum(row["itemCount"] for row in history if row["success"]) == len(acked(view))


LIVE = [*SAFE, everything_is_delivered, nothing_is_left]
"""Holds whatever goes wrong, if that comes to an end."""
EXACT = [*LIVE, exactly_once, nobody_fails, history_tells_what_was_delivered]
"""Holds if nothing goes wrong but callbacks."""
