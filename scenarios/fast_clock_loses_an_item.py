"""Lesson 13: The skewed clock.

One node's clock is ahead, and version 1.0.4 deletes an item that nobody has received.

1.0.4 puts items into rows of their own and says by the clock which of them a flush takes: those that were created up to
its start. A row that was written on a node whose clock is five seconds ahead was created, as it says, in the future:
the flush leaves it behind. The batch is then completed all the same, and when the next one completes, the completed
ones before it are cleaned up, with all rows that they still have (race R7). Every call was answered, every callback
succeeded, and one item is gone.

1.0.5 lets a batch with rows left go on, and so only keeps the item waiting. `hardened` does not ask a clock: what was
committed before a flush belongs to it.

Property: P1 CONSERVATION, each added item is stored or acked.

Question: What if the clock is not ahead but five seconds behind?

Answer: The same item is lost, by another way: now it is the flush whose clock is wrong. It thinks that it began before
the first add, and leaves that behind. What is dangerous is not that a clock is ahead, but that a clock decides.
"""

from components.batch_processor import host_app
from convexsim import Faults, RandomWalk, World, api, check, eventually, scenario

CONFIG = {"maxBatchSize": 2, "flushIntervalMs": 0}


@eventually
def nothing_is_lost(view):
    """Every item that was added is stored, or was delivered."""
    delivered = [item for entry in view.external("deliveries") for item in entry["items"]]
    stored = [item for row in view.documents("batchItems", "batchProcessor") for item in row["items"]]
    lost = {"sign-up", "purchase", "log-out", "sign-in"} - {*delivered, *stored}
    assert not lost, f"{', '.join(sorted(lost))} was neither delivered nor kept"


def four_items(world: World):
    """After ten seconds one client adds four items, two thresholds' worth; the clock of one call may be wrong."""
    world.external("processBatch")
    world.external("deliveries")
    alice = world.client("alice")
    for wait_ms, *items in ((10_000, "sign-up"), (0, "purchase"), (1, "log-out", "sign-in")):
        alice.wait(wait_ms)
        alice.mutation(api.driver.add_items, {"batchId": "events", "items": items})


FAST = Faults(skewed=1, skews_ms=[5_000])  # change: FAST = Faults(skewed=1, skews_ms=[-5_000])


@scenario(app=host_app("1.0.4", CONFIG), invariants=[nothing_is_lost], faults=FAST)
def fast_clock_loses_an_item(world: World):
    """In 1.0.4."""
    four_items(world)


@scenario(app=host_app("1.0.5", CONFIG), invariants=[nothing_is_lost], faults=FAST)
def fast_clock_keeps_it_waiting(world: World):
    """In 1.0.5."""
    four_items(world)


@scenario(app=host_app("hardened", CONFIG), invariants=[nothing_is_lost], faults=FAST)
def fast_clock_does_not_matter(world: World):
    """In `hardened`."""
    four_items(world)


def picture():
    return check(fast_clock_loses_an_item, RandomWalk(runs=200, seed=1))


if __name__ == "__main__":
    report = check(fast_clock_loses_an_item, RandomWalk(runs=200, seed=1))
    print(report)
    if report.finding is not None:
        print(report.story(), end="\n\n")
    for kept in (fast_clock_keeps_it_waiting, fast_clock_does_not_matter):
        print(check(kept, RandomWalk(runs=200, seed=1)))
