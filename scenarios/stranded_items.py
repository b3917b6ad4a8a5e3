"""Stranded items: an add meets a flush. Mostly that is well; after one failed delivery it is not.

a. While a batch is being flushed, an add opens the next batch. Whatever the order, all items arrive: the second batch
   has a timer of its own.
b. The first delivery fails, and there are no timers (interval 0). A failed batch goes back to accumulating. If an add
   has opened the next one meanwhile, two batches accumulate under one id (race R5). Later adds find the older one, so
   the younger waits; and if nobody adds any more, nothing ever looks at either again, although together they hold more
   than the threshold.
c. One add runs on a node whose clock is five seconds ahead, so its row is dated in the future. The flush that the next
   add sets off collects what is dated up to its own start, and leaves that row behind. This version keeps it, for a
   later flush; without timers there is none unless somebody adds again. (1.0.4 would have deleted it: race R7.)
"""

from components.batch_processor import host_app
from convexsim import Exhaustive, Faults, RandomWalk, World, api, check, eventually, scenario, sometimes

THRESHOLD = 2


@eventually
def nothing_is_stranded(view):
    """When nothing is left to do, no items are stored while a timer or the threshold should have flushed them."""
    rows = view.documents("batchItems", "batchProcessor")
    batches = view.documents("batches", "batchProcessor")
    stored = sum(row["itemCount"] for row in rows)
    timed = any(batch["config"]["flushIntervalMs"] > 0 for batch in batches)
    names = [f"{batch['batchId']} {batch['status']}" for batch in batches if batch["status"] != "completed"]
    assert stored == 0 or not (timed or stored >= THRESHOLD), f"{stored} items stay for ever: {', '.join(names)}"


@sometimes
def an_add_meets_a_flush(view):
    """The late item lands in the next batch."""
    return any(batch["sequence"] == 1 for batch in view.documents("batches", "batchProcessor"))


def add(world, client, items):
    """Let a client add items to the batch "events"."""
    world.client(client).mutation(api.driver.add_items, {"batchId": "events", "items": items})


timed_app = host_app("1.0.5", {"maxBatchSize": THRESHOLD, "flushIntervalMs": 1_000})


@scenario(app=timed_app, invariants=[nothing_is_stranded, an_add_meets_a_flush])
def late_add_is_delivered(world: World):
    """(a) Two items reach the threshold; one more comes at any moment."""
    world.external("processBatch")
    world.external("deliveries")
    add(world, "alice", ["first", "second"])
    add(world, "bob", ["late"])


@eventually
def one_batch_accumulates(view):
    """When nothing is left to do, at most one batch of an id accumulates."""
    batches = view.documents("batches", "batchProcessor")
    waiting = [batch["batchId"] for batch in batches if batch["status"] == "accumulating"]
    rows = view.documents("batchItems", "batchProcessor")
    stored = sum(row["itemCount"] for row in rows)
    assert len(waiting) <= 1, f"{' and '.join(waiting)} accumulate side by side, and {stored} items stay for ever"


untimed_app = host_app("1.0.5", {"maxBatchSize": THRESHOLD, "flushIntervalMs": 0})


def failing_delivery(world):
    """Two items reach the threshold, their delivery fails; one more item comes at any moment."""
    world.external("processBatch", plan=[{"fail": "the service is down"}])
    world.external("deliveries")
    add(world, "alice", ["first", "second"])
    add(world, "bob", ["late"])


@scenario(app=untimed_app, invariants=[one_batch_accumulates])
def stranded_items(world: World):
    """(b) Without timers, the first delivery fails: two batches accumulate, and nothing ever delivers."""
    failing_delivery(world)


@scenario(app=untimed_app, invariants=[nothing_is_stranded])
def failed_flush_strands(world: World):
    """(b) The same world, asked the other way: even in the plain serial order the items stay."""
    failing_delivery(world)


@eventually
def a_full_batch_is_emptied(view):
    """When nothing is left to do, none of the items that reached the threshold together is still stored."""
    rows = view.documents("batchItems", "batchProcessor")
    stored = [item for row in rows for item in row["items"]]
    assert not stored, f"{stored} stayed behind when the batch was flushed"


@scenario(app=untimed_app, invariants=[a_full_batch_is_emptied], faults=Faults(skewed=1, skews_ms=[5_000]))
def fast_clock_leaves_an_item(world: World):
    """(c) Two items reach the threshold; the first one's add may run on a node whose clock is ahead."""
    world.external("processBatch")
    world.external("deliveries")
    add(world, "alice", ["first"])
    add(world, "alice", ["second"])


if __name__ == "__main__":
    print(check(late_add_is_delivered, RandomWalk(runs=400, seed=1)))
    print(check(failed_flush_strands, RandomWalk(runs=1)))
    report = check(stranded_items, RandomWalk(runs=400, seed=1))
    print(report)
    print(report.story())
    report = check(fast_clock_leaves_an_item, Exhaustive(forced=1))
    print(report)
    print(report.story())
    right_clocks = fast_clock_leaves_an_item.variant("right_clocks", faults=Faults())
    print(check(right_clocks, RandomWalk(runs=200, seed=1)))
