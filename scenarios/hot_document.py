"""Lesson 6: The hot document.

A counter of visits is one document. Whoever raises it reads it and writes it, so of all who do that at the same moment
one wins, and the others begin again. With twenty visitors in lockstep five succeed and fifteen give up: five attempts,
five winners, as in lesson 3. Twenty at once is no large number. A document that everybody writes is *hot*.

Retries do not help, for there is nothing wrong that could pass. What helps is to let them write different documents.
The counter becomes several rows, *shards*; a visitor raises one of them, and who wants the number adds them up. Two
visitors conflict only if they meet in a shard. (Who reads the sum reads all shards, and so conflicts with everybody:
read it in a query, which is never judged, because it writes nothing.)

Here a visitor's shard is its number modulo the number of shards.

Property: every visit is counted (of the batch processor: P19 ADD-UNDER-LOAD).

Question: How many shards do twenty visitors need, so that nobody gives up?

Answer: Four: five visitors meet in each, and one of them wins in each of five rounds.
"""

from typing import Any

from convexsim import LockstepChoices, Simulation, api, define_app, define_schema, define_table, mutation, scenario, v

VISITORS = 20
SHARDS = 1  # change: SHARDS = 4

SCHEMA = define_schema(
    {"shards": define_table({"shard": v.number(), "count": v.number()}).index("by_shard", ["shard"])}
)


@mutation
def prepare(ctx):
    for shard in range(SHARDS):
        ctx.db.insert("shards", {"shard": shard, "count": 0})


@mutation
def visit(ctx, shard):
    row = ctx.db.query("shards").with_index("by_shard", lambda q: q.eq("shard", shard)).unique()
    ctx.db.patch(row["_id"], {"count": row["count"] + 1})


def every_visit_is_counted(view):
    counted = sum(row["count"] for row in view.documents("shards"))
    assert counted == VISITORS, f"{counted} of {VISITORS} visits are counted"


app = define_app({"web": {"prepare": prepare, "visit": visit}}, SCHEMA)


def visits(world, visitors):
    world.client("boss").mutation(api.web.prepare)
    for number in range(visitors):
        world.client(f"visitor{number}").wait(1)
        world.client(f"visitor{number}").mutation(api.web.visit, {"shard": number % SHARDS})


@scenario(app=app, invariants=[every_visit_is_counted])
def hot_document(world):
    visits(world, VISITORS)


@scenario(app=app)
def four_visitors(world):
    visits(world, 4)


def picture():
    return Simulation(four_visitors, LockstepChoices()).run()


if __name__ == "__main__":
    run: Any = Simulation(hot_document, LockstepChoices()).run()
    lost = [event.attempt for event in run.trace.events if type(event).__name__ == "Conflicted"]
    print(f"{VISITORS} visitors, shards: {SHARDS}")
    print("\n".join(f"  attempt {attempt}: {lost.count(attempt)} lose" for attempt in sorted(set(lost))))
    print("every visit is counted" if run.ending == "quiet" and not run.violations else run.violations[0].message)
