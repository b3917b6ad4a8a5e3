"""Lesson 16: The hardened component.

Fifteen lessons, seven races. What did it take to have none of them? Not more locks: there are none to be had. Each race
had its gap, and `hardened` closes it where it opened:

* An add reads nothing that others write, so it never conflicts. What must be counted is counted by a scheduled
  mutation, which is retried for as long as it takes (lesson 7).
* The flush draws a line by its own commit timestamp: what was committed before belongs to it. Membership is the order
  of the database, never a clock (lessons 13 and 14).
* Whatever runs never cancels itself, nor what it runs under (lessons 10 and 11).
* Whoever delivers is looked after: attempts are numbered and leased, and a scheduled mutation notices a dead one. What
  failed is retried by itself, up to a dead letter; a second batch is never opened for it (lessons 9 and 12).
* Each step of a job knows its number, so there is one chain (lesson 15).

One thing it cannot have: an action that died may have delivered, and nobody knows. So it delivers again, and each
delivery has a key by which the receiver can tell. At most once, or at least once; no design gives both.

Here one world has all of it at once: adds at the threshold, a timer, a service that fails once, an action that may die,
a clock that may be wrong, on the platform where what is canceled cancels its children. A hundred orders are drawn. Of a
smaller world, two adds and a service that fails once, every order that can matter is tried.

Property: P1 to P19, as far as the contract promises them under such faults.

Question: And 1.0.9, the newest release, in the same two worlds?

Answer: Both break in the plain serial order, before anything dies: one error of the service, and the batch's next timer
is born dead (lesson 11).
"""

from components.batch_processor import host_app
from components.batch_processor.invariants import invariants
from convexsim import Dpor, Faults, Platform, RandomWalk, Simulation, World, api, check, scenario

VERSION = "hardened"  # change: VERSION = "1.0.9"
THRESHOLD = {"hardened": "maxBatchSize", "1.0.9": "immediateFlushThreshold"}[VERSION]
MODEL = "UCKM"  # callbacks fail, actions die, clocks differ, self-cancel cancels the tree


APP = host_app(VERSION, {THRESHOLD: 3, "flushIntervalMs": 1_000})
INVARIANTS = invariants(VERSION, model=MODEL, skew_ms=5_000)
TREE = Platform(self_cancel="tree")
ALL = Faults(crashes=1, skewed=1, skews_ms=[5_000])


def adds(world: World, **clients):
    world.external("processBatch", plan=[{"fail": "the service is down"}])
    world.external("deliveries")
    for client, items in clients.items():
        world.client(client).mutation(api.driver.add_items, {"batchId": "events", "items": items})


@scenario(app=APP, invariants=INVARIANTS, platform=TREE, faults=ALL)
def hardened_component(world: World):
    """Everything that can go wrong may go wrong."""
    adds(world, alice=["first", "second"], bob=["third"], carol=["fourth"])


@scenario(app=APP, invariants=INVARIANTS, platform=TREE)
def two_adds(world: World):
    """The service fails once."""
    adds(world, alice=["first"], bob=["second"])


def picture():
    return Simulation(hardened_component.variant("calm", faults=Faults())).run()


if __name__ == "__main__":
    report = check(hardened_component, RandomWalk(runs=100, seed=1))
    print(report)
    print(str(check(two_adds, Dpor(), level=3)).splitlines()[0])
    if report.finding is not None:
        print(report.story())
