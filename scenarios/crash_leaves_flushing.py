"""Lesson 12: Crash in mid-flush.

The action that should deliver dies, and the batch is flushing for ever, in every release.

A flush takes two transactions and an action between them: one marks the batch as flushing, the action calls the
callback, another writes down how that went. An action runs at most once. If its node dies, it is marked as failed and
never run again; then nobody writes anything down, and nothing else ever leaves "flushing". The items are not lost. They
are only never delivered (race R3); and if the callback had succeeded before the death, they never leave storage.

`hardened` schedules, together with the action, a mutation that looks after it: mutations are retried for as long as it
takes. What was lost is delivered again, so a delivery may come twice; each brings the same key, by which the receiver
can tell.

Property: P16 NO-STUCK, flushing does not last longer than one action limit.

Question: And if two actions die, one after the other?

Answer: `hardened` delivers all the same: an attempt that was lost counts as failed, and the next one has somebody to
look after it, too.
"""

from components.batch_processor import host_app
from convexsim import Faults, RandomWalk, World, api, check, eventually, scenario, sometimes

CONFIG = {"maxBatchSize": 2, "flushIntervalMs": 1_000}


@eventually
def nothing_stays_behind(view):
    """When nothing is left to do, no batch is still flushing and no item is still stored."""
    batches = view.documents("batches", "batchProcessor")
    stuck = [batch["batchId"] for batch in batches if batch["status"] == "flushing"]
    stored = sum(row["itemCount"] for row in view.documents("batchItems", "batchProcessor"))
    assert not stuck, f"{', '.join(stuck)} is flushing for ever, with {stored} items"
    assert stored == 0, f"{stored} items stay"


@sometimes
def a_delivery_comes_twice(view):
    """The same items arrive a second time."""
    return len(view.external("deliveries")) == 2


def two_items(world: World):
    """Two items reach the threshold; the action that should deliver them may die."""
    world.external("processBatch")
    world.external("deliveries")
    world.client("alice").mutation(api.driver.add_items, {"batchId": "events", "items": ["sign-up", "purchase"]})


DEATHS = Faults(crashes=1)  # change: DEATHS = Faults(crashes=2)


@scenario(app=host_app("1.0.9", CONFIG), invariants=[nothing_stays_behind], faults=DEATHS)
def crash_leaves_flushing(world: World):
    """In 1.0.9."""
    two_items(world)


@scenario(app=host_app("hardened", CONFIG), invariants=[nothing_stays_behind, a_delivery_comes_twice], faults=DEATHS)
def crash_is_made_good(world: World):
    """In `hardened`."""
    two_items(world)


def picture():
    return check(crash_leaves_flushing, RandomWalk(runs=100, seed=1))


if __name__ == "__main__":
    report = check(crash_leaves_flushing, RandomWalk(runs=100, seed=1))
    print(report)
    print(report.story(), end="\n\n")
    report = check(crash_is_made_good, RandomWalk(runs=300, seed=1))
    print(report)
