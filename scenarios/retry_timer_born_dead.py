"""Lesson 11: The retry timer born dead.

Version 1.0.7 of the batch processor, and one error of its callback.

1.0.7 no longer lets a timer cancel its own delivery: the action that the timer runs delivers by itself. But on the way
it still cancels the batch's timer, which is what is running. If the delivery then fails, the failed batch is given a
new timer, and that is scheduled under a canceled parent: on a platform where `self_cancel` is tree it is born canceled.
One error of the service, and time never flushes this batch again (race R2). Nothing in the database looks wrong: the
batch accumulates, and names a timer.

`hardened` never cancels what it runs under, and gives what failed a retry of its own.

Property: P11 TIMER, a batch that accumulates has exactly one live timer; P17 NO-STRAND.

Question: On today's platforms a function that cancels itself gets a warning, and nothing happens. Does the item arrive?

Answer: Yes, by the second timer, which is alive.
"""

from components.batch_processor import host_app
from convexsim import Platform, RandomWalk, World, api, check, eventually, scenario

CONFIG = {"maxBatchSize": 100, "flushIntervalMs": 1_000}


@eventually
def every_item_is_delivered(view):
    """When nothing is left to do, every item has arrived by a delivery that did not fail."""
    arrived = [item for entry in view.external("deliveries") if entry["plan"] == "ok" for item in entry["items"]]
    timers = [row["state"]["kind"] for row in view.scheduled_functions("batchProcessor")]
    assert arrived == ["sign-up"], f"arrived: {arrived}; scheduled functions: {', '.join(timers)}"


def one_item_one_error(world: World):
    """One client adds one item; a second later it is delivered, and the service is down, for once."""
    world.external("processBatch", plan=[{"fail": "the service is down"}])
    world.external("deliveries")
    world.client("alice").mutation(api.driver.add_items, {"batchId": "events", "items": ["sign-up"]})


TREE = Platform(self_cancel="tree")  # change: TREE = Platform(self_cancel="noop")
INVARIANTS = [every_item_is_delivered]


@scenario(app=host_app("1.0.7", CONFIG), invariants=INVARIANTS, platform=TREE)
def retry_timer_born_dead(world: World):
    """In 1.0.7, on a platform where what is scheduled under a canceled function is canceled."""
    one_item_one_error(world)


@scenario(app=host_app("hardened", CONFIG), invariants=INVARIANTS, platform=TREE)
def retry_comes(world: World):
    """The same on the same platform, in `hardened`."""
    one_item_one_error(world)


def picture():
    return check(retry_timer_born_dead, RandomWalk(runs=1))


if __name__ == "__main__":
    report = check(retry_timer_born_dead, RandomWalk(runs=20, seed=1))
    print(report)
    if report.finding is not None:
        print(report.story(), end="\n\n")
    print(check(retry_comes, RandomWalk(runs=200, seed=1)))
