"""What the component calls in the host app: the callbacks of batches and jobs, each of which ends as a plan says.

Owns the host's tables and the outside objects by which a scenario tells callbacks how to end (`PLANS`) and hears what
was called (`DELIVERIES`). Neither takes part in a transaction: what a rolled-back callback has noted stays noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from components.batch_processor.iterator_client import GetNextBatchResult
from convexsim import (
    ActionCtx,
    FunctionDefinition,
    FunctionError,
    MutationCtx,
    QueryCtx,
    UsageError,
    api,
    define_schema,
    define_table,
    internal_action,
    internal_mutation,
    internal_query,
    v,
)

__all__ = ["CALLBACKS", "DELIVERIES", "DELIVERING", "HOST_SCHEMA", "PLAN", "PLANS", "message_planned"]

PLAN: Final = "processBatch"
"""The outside object that says how the calls of processBatch end, in order: ``"ok"``, or an object of what they do.

Of ``fail``, the message with which a call fails; ``takes``, how many ms it runs; ``adds``, what it adds in its middle,
as ``addItems`` takes it. Other callbacks are queries and mutations, and may only fail.
"""

PLANS: Final = (PLAN, "getNextBatch", "onComplete")
"""The outside objects of that kind, each named like the callback whose calls take its entries."""

DELIVERIES: Final = "deliveries"
"""The outside object to which callbacks append one entry a call, before the call ends.

``{"call": <callback>, "t": <ms>, ..., "plan": <entry of its plan>}``, in between what the callback was given. So an
entry of processBatch is an attempted delivery, and it is acked if its plan is not to fail and the call lives to return,
whether or not anybody lives to hear of it. A call that dies before it makes its entry has delivered nothing.
"""

HOST_SCHEMA: Final = define_schema(
    {
        "rows": define_table({"k": v.number()}).index("by_k", ["k"]),
        "completions": define_table({"jobId": v.string(), "processedCount": v.number()}),
    }
)
"""What jobs go through, and what onComplete leaves behind."""


_DELIVERY: Final[dict[str, Any]] = {"items": v.array(v.any()), "deliveryKey": v.optional(v.string())}
"""What a delivery brings; the key is `hardened`'s, and the same whenever the same items come again."""


@internal_action(args=_DELIVERY)
async def process_batch(ctx: ActionCtx, **delivery: Any) -> None:
    """Take delivery of items, of a batch or of a job's page."""
    await _deliver(ctx, PLAN, delivery)


@internal_action(args=_DELIVERY)
async def process_other(ctx: ActionCtx, **delivery: Any) -> None:
    """Do the same for those who want another callback."""
    await _deliver(ctx, "processOther", delivery)


@internal_action(args=_DELIVERY)
async def always_fail(ctx: ActionCtx, **delivery: Any) -> None:
    """Fail whatever is planned."""
    await ctx.external(DELIVERIES).append({"call": "alwaysFail", "t": ctx.now(), **delivery})
    msg = "always fails"
    raise RuntimeError(msg)


@internal_query(args={"cursor": v.optional(v.string()), "batchSize": v.number()})
def get_next_batch(ctx: QueryCtx, batch_size: int, cursor: str | None = None) -> GetNextBatchResult[float]:
    """Return the next page of `rows` in the order of k: the values of k alone, the last of which is the cursor."""
    _note(ctx, "getNextBatch", {"cursor": cursor, "batchSize": batch_size})
    rows = ctx.db.query("rows").with_index("by_k", lambda q: q if cursor is None else q.gt("k", int(cursor)))
    found = [row["k"] for row in rows.take(batch_size + 1)]
    page: GetNextBatchResult[float] = {"items": found[:batch_size], "done": len(found) <= batch_size}
    after = str(page["items"][-1]) if page["items"] else cursor
    if after is not None:
        page["cursor"] = after
    return page


@internal_mutation(args={"jobId": v.string(), "processedCount": v.number()})
def on_complete(ctx: MutationCtx, **job: Any) -> None:
    """Write down that a job has ended."""
    _note(ctx, "onComplete", job)
    ctx.db.insert("completions", job)


def message_planned(name: str, entry: Any) -> str | None:
    """Return the message with which a call is to fail by its entry of a plan; None if it is to end well.

    Raises:
        UsageError: the entry is none.

    """
    known: Mapping[str, type] = {"fail": str} if name != PLAN else {"fail": str, "takes": int, "adds": dict}
    is_entry = isinstance(entry, dict) and entry and all(type(entry[key]) is known.get(key) for key in entry)
    if entry != "ok" and not is_entry:
        msg = f"The plan {name!r} has the entry {entry!r}."
        more = ', {"takes": 5000} or {"adds": {"batchId": "a", "items": [1]}}' if name == PLAN else ""
        raise UsageError(msg, next_step=f'An entry is "ok" or {{"fail": "a message"}}{more}.')
    return None if entry == "ok" else entry.get("fail")


async def _deliver(ctx: ActionCtx, name: str, delivery: Mapping[str, Any]) -> None:
    """Make the entry of a delivery, and do what is planned for it."""
    plan = await ctx.external(PLAN).take("ok")
    message = message_planned(PLAN, plan)
    await ctx.external(DELIVERIES).append({"call": name, "t": ctx.now(), **delivery, "plan": plan})
    more = {} if plan == "ok" else plan
    if "adds" in more:
        with suppress(FunctionError):  # refused, it is added to what others could not add: no reason to fail a delivery
            await ctx.run_mutation(api.driver.add_items, more["adds"])
    if "takes" in more:
        await ctx.sleep(more["takes"])
    if message is not None:
        raise RuntimeError(message)


def _note(ctx: QueryCtx, name: str, facts: Mapping[str, Any]) -> None:
    """Make the entry of a query or mutation, and fail if that is the plan."""
    plan = ctx.external(name).take("ok")
    message = message_planned(name, plan)
    ctx.external(DELIVERIES).append({"call": name, "t": ctx.now(), **facts, "plan": plan})
    if message is not None:
        raise RuntimeError(message)


DELIVERING: Final = (PLAN, "processOther", "alwaysFail")
"""The callbacks that get items."""

CALLBACKS: Final[Mapping[str, FunctionDefinition]] = {
    "processBatch": process_batch,
    "processOther": process_other,
    "alwaysFail": always_fail,
    "getNextBatch": get_next_batch,
    "onComplete": on_complete,
}
"""The callbacks, by their names as data."""
