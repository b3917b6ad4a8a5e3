"""Lesson 10: The timer that cancels itself.

Version 1.0.5 of the batch processor and its own deadline (race R1).

A batch below its threshold is flushed by a timer: a function that the first add schedules. That timer runs a mutation
which marks the batch as flushing, schedules the delivery, and, tidying up, cancels the batch's timer. But the timer is
what is running. What a platform makes of a function that cancels itself has changed twice (`self_cancel`):

* tree   (every platform that 1.0.5 met): the timer is canceled, and what is scheduled under a canceled parent is born
         canceled. The delivery never runs; the batch is flushing for ever.
* throw  (June 2026): the mutation fails, the timer with it. The batch goes on accumulating, with nobody to flush it.
* noop   (today): a warning, and nothing else. The items arrive.

No second client and no fault is needed, only time. In `hardened` the timer is a mutation that does not cancel itself.

Property: P16 NO-STUCK, flushing does not last longer than one action limit; P17 NO-STRAND.

Question: In 1.0.7 the timer's action delivers by itself, and schedules nothing. What changes on the three platforms?

Answer: All items arrive on tree and noop; on throw the timer still fails. (What is left of the race is lesson 11.)
"""

from components.batch_processor import host_app
from convexsim import Platform, RandomWalk, World, api, check, eventually, scenario

ITEMS = ["sign-up", "purchase"]

VERSION = "1.0.5"  # change: VERSION = "1.0.7"
CONFIG = {"maxBatchSize": 100, "flushIntervalMs": 1_000}
TREE = Platform(self_cancel="tree")


@eventually
def every_item_is_delivered(view):
    """When nothing is left to do, every item that was added has been delivered."""
    delivered = [item for entry in view.external("deliveries") for item in entry["items"]]
    states = [batch["status"] for batch in view.documents("batches", "batchProcessor")]
    assert delivered == ITEMS, f"delivered {delivered} of {ITEMS}, and the batch is {' and '.join(states)}"


def two_items(world: World):
    """One client adds two items, far below the threshold; a second later the batch's timer is due."""
    world.external("processBatch")
    world.external("deliveries")
    world.client("alice").mutation(api.driver.add_items, {"batchId": "events", "items": ITEMS})


@scenario(app=host_app(VERSION, CONFIG), invariants=[every_item_is_delivered], platform=TREE)
def timer_cancels_itself(world: World):
    """In 1.0.5, on a platform where what is scheduled under a canceled function is canceled."""
    two_items(world)


@scenario(app=host_app("hardened", CONFIG), invariants=[every_item_is_delivered], platform=TREE)
def timer_leaves_itself_alone(world: World):
    """The same on the same platform, in `hardened`."""
    two_items(world)


on_throw = timer_cancels_itself.variant("timer_cancels_itself_throw", self_cancel="throw")
on_noop = timer_cancels_itself.variant("timer_cancels_itself_noop", self_cancel="noop")


def picture():
    return check(timer_cancels_itself, RandomWalk(runs=1))


if __name__ == "__main__":
    for each in (timer_cancels_itself, on_throw, on_noop, timer_leaves_itself_alone):
        report = check(each, RandomWalk(runs=20, seed=1))
        print(report)
        if report.finding is not None:
            print(report.story(), end="\n\n")
