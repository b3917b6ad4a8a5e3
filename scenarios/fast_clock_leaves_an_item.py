"""Lesson 14: Another clock, and an item that waits for ever.

1.0.5 no longer deletes what it has not delivered, but it still goes by the clock. One add runs on a node whose clock is
five seconds ahead, so its row is dated in the future. The flush that the next add sets off collects what is dated up to
its own start, and leaves that row behind. This version keeps it, for a later flush; without timers there is none unless
somebody adds again. (1.0.4 would have deleted it: lesson 13.)

Property: P15 SIZE-TRIGGER, what has reached the threshold is flushed; P17 NO-STRAND.

Question: With timers on, is the item still left for ever?

Answer: No. What stayed behind is given a timer, and is delivered by that.
"""

from components.batch_processor import host_app
from convexsim import Exhaustive, Faults, RandomWalk, World, api, check, eventually, scenario

FLUSH_INTERVAL_MS = 0  # change: FLUSH_INTERVAL_MS = 1_000


@eventually
def a_full_batch_is_emptied(view):
    """When nothing is left to do, none of the items that reached the threshold together is still stored."""
    rows = view.documents("batchItems", "batchProcessor")
    stored = [item for row in rows for item in row["items"]]
    assert not stored, f"{stored} stayed behind when the batch was flushed"


app = host_app("1.0.5", {"maxBatchSize": 2, "flushIntervalMs": FLUSH_INTERVAL_MS})


@scenario(app=app, invariants=[a_full_batch_is_emptied], faults=Faults(skewed=1, skews_ms=[5_000]))
def fast_clock_leaves_an_item(world: World):
    """Two items reach the threshold; the first one's add may run on a node whose clock is ahead."""
    world.external("processBatch")
    world.external("deliveries")
    for item in ("first", "second"):
        world.client("alice").mutation(api.driver.add_items, {"batchId": "events", "items": [item]})


def picture():
    return check(fast_clock_leaves_an_item, Exhaustive(forced=1))


if __name__ == "__main__":
    report = check(fast_clock_leaves_an_item, Exhaustive(forced=1))
    print(report)
    if report.finding is not None:
        print(report.story())
    right_clocks = fast_clock_leaves_an_item.variant("right_clocks", faults=Faults())
    print(check(right_clocks, RandomWalk(runs=200, seed=1)))
