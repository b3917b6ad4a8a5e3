"""Lesson 6: The hot document.

A counter of visits is one document. Whoever raises it reads it and writes it, so of all who do that at the same moment
one wins, and the others begin again. How often? A mutation that a client calls gets five attempts in all, and then the
client gets an error. In *lockstep* (all begin, then all commit, then the losers begin again) each round has one winner.
So of twenty visitors five are counted, and fifteen give up. A document that everybody writes is *hot*.

Retries do not help, for there is nothing wrong that could pass. What helps is to let them write different documents.
The counter becomes several rows, *shards*; a visitor raises one of them, here by its own number, and who wants to know
adds them up. Two visitors conflict only if they meet in a shard. (Who reads the sum reads all shards, and so conflicts
with everybody: read it in a query, which is never judged, because it writes nothing.)

Property: every visit is counted (of the batch processor: P19 ADD-UNDER-LOAD).

Question: How many shards do twenty visitors need, so that nobody gives up?

Answer: Four: five visitors meet in each, and one of them wins in each of five rounds.
"""

from collections import Counter

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
    run = Simulation(hot_document, LockstepChoices()).run()
    attempts = Counter(retried.attempts for retried in run.view.retried())
    print(f"{VISITORS} visitors, shards: {SHARDS}")
    print(f"visits that took so many attempts: {dict(sorted(attempts.items()))}")
    print(run.violations[0].message if run.violations else "every visit is counted")
