"""Concurrent threshold flushes: several adds cross the threshold at once, and the batch is flushed once.

In 1.0.5 every add that sees the threshold reached schedules an attempt of its own (`maybeFlush`). The attempts race,
and that is fine: each runs the same mutation, the first that commits takes the batch from accumulating to flushing, and
every other one finds "not_accumulating". Optimistic concurrency control is what makes this work: two attempts that
began on the same snapshot cannot both commit, and the loser's retry sees the winner's write.

The sentences below are proved for two adds, and in 1.0.9, whose add counts nothing any more, for three: with mutations
as single steps, a few traces stand for all orders, which a certificate lists and a checker of its own runs again
(docs/exploration.md, Certificates). Four adds go on a random walk over begins and commits.
"""

from collections import Counter

from components.batch_processor import host_app
from convexsim import (
    Certificate,
    RandomWalk,
    World,
    api,
    certify,
    check,
    eventually,
    scenario,
    sometimes,
    verify,
)

TRANSITION = "batchProcessor/lib:doFlushTransition"

app = host_app("1.0.5", {"maxBatchSize": 2, "flushIntervalMs": 0})
app_of_1_0_9 = host_app("1.0.9", {"immediateFlushThreshold": 2, "flushIntervalMs": 0})


@eventually
def one_transition_wins_per_batch(view):
    """Per batch exactly one transition wins; every other attempt sees not_accumulating."""
    wins: Counter[str] = Counter()
    for answered in view.answers(TRANSITION):
        result = answered.outcome.unwrap()
        wins[answered.args["batchDocId"]] += result["flushed"]
        assert result["flushed"] or result["reason"] == "not_accumulating", f"an attempt saw {result}"
    assert set(wins.values()) <= {1}, f"transitions won per batch: {sorted(wins.values())}"


@eventually
def nothing_is_delivered_twice(view):
    """No item is delivered twice, and none is lost."""
    delivered = sorted(item for entry in view.contents("deliveries") for item in entry["items"])
    added = sorted(item for call in view.calls() if call.error is None for item in call.args["items"])
    assert delivered == added, f"added {added}, delivered {delivered}"


@sometimes
def attempts_race(view):
    """Somewhere two attempts go for the same batch."""
    return len(view.answers(TRANSITION)) > len(view.documents("batches", "batchProcessor"))


INVARIANTS = [one_transition_wins_per_batch, nothing_is_delivered_twice, attempts_race]


def adds(world, count):
    """Let `count` clients add two items each: every add alone reaches the threshold."""
    world.external("processBatch")
    world.external("deliveries")
    for number in range(count):
        items = [f"item {number}.{part}" for part in range(2)]
        world.client(f"client{number}").mutation(api.driver.add_items, {"batchId": "events", "items": items})


@scenario(app=app, invariants=INVARIANTS)
def concurrent_threshold_flushes(world: World):
    """Four clients add two items each to one batch whose threshold is two."""
    adds(world, 4)


@scenario(app=app, invariants=INVARIANTS)
def two_threshold_flushes(world: World):
    """Two clients add two items each to one batch whose threshold is two."""
    adds(world, 2)


@scenario(app=app_of_1_0_9, invariants=INVARIANTS)
def concurrent_threshold_flushes_1_0_9(world: World):
    """Three clients add two items each to one batch whose threshold is two, in 1.0.9."""
    adds(world, 3)


if __name__ == "__main__":
    for proved in (two_threshold_flushes, concurrent_threshold_flushes_1_0_9):
        found = certify(proved)
        print(verify(proved, found) if isinstance(found, Certificate) else found)
    print(check(concurrent_threshold_flushes, RandomWalk(runs=400, seed=1)))
