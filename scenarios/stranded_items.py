"""Lesson 9: Stranded items.

a. While a batch is being flushed, an add opens the next batch. All items arrive: the second one has its own timer.
b. The first delivery fails, and there are no timers (interval 0). A failed batch goes back to accumulating. If an add
   has opened the next one meanwhile, two batches accumulate under one id (race R5). If nobody adds any more, nothing
   ever looks at either again, although together they hold more than the threshold.

Property: P17 NO-STRAND, at rest nothing stays that a timer or the threshold should have flushed.

Question: With timers on, do the items of (b) still stay for ever?

Answer: No. Each of the two batches has a timer then, and in none of the orders that were tried does anything stay.
"""

from components.batch_processor import host_app
from convexsim import RandomWalk, World, api, check, scenario, sometimes

THRESHOLD = 2
INTERVAL_MS = 0  # change: INTERVAL_MS = 1_000
timed_app = host_app("1.0.5", {"maxBatchSize": THRESHOLD, "flushIntervalMs": 1_000})
app = host_app("1.0.5", {"maxBatchSize": THRESHOLD, "flushIntervalMs": INTERVAL_MS})


def nothing_is_stranded(view):
    batches = view.documents("batches", "batchProcessor")
    stored = sum(row["itemCount"] for row in view.documents("batchItems", "batchProcessor"))
    timed = any(batch["config"]["flushIntervalMs"] > 0 for batch in batches)
    names = [f"{batch['batchId']} {batch['status']}" for batch in batches if batch["status"] != "completed"]
    assert stored == 0 or not (timed or stored >= THRESHOLD), f"{stored} items stay for ever: {', '.join(names)}"


@sometimes
def an_add_meets_a_flush(view):
    return any(batch["sequence"] == 1 for batch in view.documents("batches", "batchProcessor"))


def one_batch_accumulates(view):
    batches = view.documents("batches", "batchProcessor")
    waiting = [batch["batchId"] for batch in batches if batch["status"] == "accumulating"]
    stored = sum(row["itemCount"] for row in view.documents("batchItems", "batchProcessor"))
    assert len(waiting) <= 1, f"{' and '.join(waiting)} accumulate side by side, and {stored} items stay for ever"


def three_items(world: World, *plan):
    world.external("processBatch", plan=plan)
    world.external("deliveries")
    for client, items in (("alice", ["first", "second"]), ("bob", ["late"])):
        world.client(client).mutation(api.driver.add_items, {"batchId": "events", "items": items})


@scenario(app=timed_app, invariants=[nothing_is_stranded, an_add_meets_a_flush])
def late_add_is_delivered(world: World):
    """(a) Two items reach the threshold; one more comes at any moment."""
    three_items(world)


@scenario(app=app, invariants=[one_batch_accumulates])
def stranded_items(world: World):
    """(b) Without timers, the first delivery fails: two batches accumulate, and nothing ever delivers."""
    three_items(world, {"fail": "the service is down"})


@scenario(app=app, invariants=[nothing_is_stranded])
def failed_flush_strands(world: World):
    """(b) The same world, asked the other way: even in the plain serial order the items stay."""
    three_items(world, {"fail": "the service is down"})


def picture():
    return check(stranded_items, RandomWalk(runs=400, seed=1))


if __name__ == "__main__":
    print(check(late_add_is_delivered, RandomWalk(runs=400, seed=1)))
    print(check(failed_flush_strands, RandomWalk(runs=1)))
    report = check(stranded_items, RandomWalk(runs=400, seed=1))
    print(report)
    if report.finding is not None:
        print(report.story())
