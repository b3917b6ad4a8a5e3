"""Adds to one batch, one after the other, by a small mutation of the component's shape; its twin is `convex_test/`.

``python serial_adds.py MUTATIONS`` prints a line of JSON, as the twin's driver does. `others.py` compares the two.
"""

from __future__ import annotations

import json
import sys
from time import process_time
from typing import Any, Final

from convexsim import (
    MutationCtx,
    Scenario,
    Simulation,
    World,
    api,
    define_app,
    define_schema,
    define_table,
    mutation,
    scenario,
    v,
)

WARMING: Final = 200

SCHEMA: Final = define_schema(
    {
        "batches": define_table({"batchId": v.string(), "status": v.string(), "createdAt": v.number()}).index(
            "by_status", ["batchId", "status"]
        ),
        "batchItems": define_table(
            {
                "batchDocId": v.id("batches"),
                "items": v.array(v.any()),
                "itemCount": v.number(),
                "createdAt": v.number(),
            }
        ).index("by_batch", ["batchDocId"]),
    }
)


@mutation(args={"batchId": v.string(), "items": v.array(v.any())})
def add_items(ctx: MutationCtx, **add: Any) -> dict[str, Any]:
    """Add a row of items to the accumulating batch, a new one if there is none."""
    name, items = add["batchId"], add["items"]
    by_status = ctx.db.query("batches").with_index(
        "by_status", lambda q: q.eq("batchId", name).eq("status", "accumulating")
    )
    row = by_status.first()
    if row is None:
        filled = ctx.db.insert("batches", {"batchId": name, "status": "accumulating", "createdAt": ctx.now()})
    else:
        filled = row["_id"]
    fields = {"batchDocId": filled, "items": items, "itemCount": len(items), "createdAt": ctx.now()}
    ctx.db.insert("batchItems", fields)
    return {"batchId": name, "itemCount": len(items), "flushed": False, "status": "accumulating"}


APP: Final = define_app({"adding": {"addItems": add_items}}, SCHEMA)


def adds(mutations: int) -> Scenario:
    """Return a world in which one client adds so many times."""

    @scenario(app=APP)
    def serial(world: World) -> None:
        client = world.client("alice")
        for number in range(mutations):
            client.mutation(api.adding.add_items, {"batchId": "a", "items": [f"item {number}"]})

    return serial


def added(mutations: int) -> int:
    """Add so many times in a fresh world and return how many rows that has left."""
    run = Simulation(adds(mutations), trace=False, max_steps=100 * mutations).run()
    return len(run.view.documents("batchItems"))


def main() -> None:
    """Measure and print."""
    mutations = int(sys.argv[1])
    added(min(mutations, WARMING))
    begun = process_time()
    rows = added(mutations)
    print(json.dumps({"mutations": mutations, "rows": rows, "seconds": process_time() - begun}))


if __name__ == "__main__":
    main()
