"""Lesson 8: Concurrent threshold flushes.

Several adds cross the threshold at once. In 1.0.5 each that sees it reached schedules an attempt to flush. They race,
and that is fine: the first that commits takes the batch from accumulating to flushing, and every other one finds
"not_accumulating" (of two on one snapshot one commits; the loser's retry sees what it wrote). Proved here: for two
adds, and for three in 1.0.9, whose add counts nothing.

Property: P7 ONE-FLIGHT, at most one executing flush per batch; P3 AT-MOST-ONCE-ACK.

Question: The service is down for the first delivery. Is it still one flush per batch?

Answer: No, two. The batch goes back to accumulating with its items, and a later attempt wins it again. Still nothing is
delivered twice, because the first delivery has failed.
"""

import convexsim
from components.batch_processor import host_app
from convexsim import Certificate, RandomWalk, Simulation, World, api, certify, check, scenario, verify

TRANSITION = "batchProcessor/lib:doFlushTransition"
app = host_app("1.0.5", {"maxBatchSize": 2, "flushIntervalMs": 0})


def one_transition_wins_per_batch(view):
    attempts = [(answered.args["batchDocId"], answered.outcome.unwrap()) for answered in view.answers(TRANSITION)]
    won = [batch for batch, result in attempts if result["flushed"]]
    assert all(result["flushed"] or result["reason"] == "not_accumulating" for _, result in attempts)
    assert len(won) == len(set(won)), f"transitions that won: {len(won)}, batches: {len(set(won))}"


def nothing_is_delivered_twice(view):
    arrived = sorted(item for entry in view.contents("deliveries") if entry["plan"] == "ok" for item in entry["items"])
    assert len(arrived) == len(set(arrived)), f"arrived {arrived}"


@convexsim.sometimes
def attempts_race(view):
    return len(view.answers(TRANSITION)) > len(view.documents("batches", "batchProcessor"))


INVARIANTS = (one_transition_wins_per_batch, nothing_is_delivered_twice, attempts_race)


def adds(world, count):
    world.external("processBatch")  # change: world.external("processBatch", plan=[{"fail": "it is down"}])
    world.external("deliveries")
    for number in range(count):
        args = {"batchId": "events", "items": [f"item {number}.{part}" for part in range(2)]}
        world.client(f"client{number}").mutation(api.driver.add_items, args)


@scenario(app=app, invariants=INVARIANTS)
def concurrent_threshold_flushes(world: World):
    """Four clients add two items each to one batch whose threshold is two."""
    adds(world, 4)


@scenario(app=app, invariants=INVARIANTS)
def two_threshold_flushes(world: World):
    adds(world, 2)


@scenario(app=host_app("1.0.9", {"immediateFlushThreshold": 2, "flushIntervalMs": 0}), invariants=INVARIANTS)
def concurrent_threshold_flushes_1_0_9(world: World):
    adds(world, 3)


def picture():
    return Simulation(two_threshold_flushes, convexsim.LockstepChoices()).run()


if __name__ == "__main__":
    for proved in (two_threshold_flushes, concurrent_threshold_flushes_1_0_9):
        found = certify(proved)
        print(verify(proved, found) if isinstance(found, Certificate) else found)
    print(check(concurrent_threshold_flushes, RandomWalk(runs=200, seed=1)))
