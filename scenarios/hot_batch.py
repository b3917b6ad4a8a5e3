"""Lesson 7: Counting makes conflicts.

Twenty clients add to one batch at the same moment, and fifteen of them get an error (race R4).

An add in 1.0.5 inserts a row of its own, which conflicts with nobody. But to know whether the threshold is reached it
then counts the rows of the batch, and so it has read the very range into which everybody else inserts. In lockstep
(all begin, then all commit, then the losers begin again) one add wins each round. A mutation called by a client is
tried five times in all, so five rounds, five winners; the other fifteen give up with a conflict error.

An add of `hardened` reads nothing. What must be known of the others is looked up by a scheduled mutation, which is
retried for as long as it takes, and which reads only what was committed before its own add: nobody writes there.

Property: P19 ADD-UNDER-LOAD, N concurrent adds all succeed within the platform's retries.

Question: 1.0.6 no longer counts in the add. How many adds succeed?

Answer: All twenty, in two attempts at most. In the first round all want to create the batch, and only one does. From
then on nobody reads what another one writes.
"""

from collections import Counter

from components.batch_processor import host_app
from convexsim import Lockstep, LockstepChoices, Simulation, World, api, check, eventually, scenario

CLIENTS = 20

VERSION = "1.0.5"  # change: VERSION = "1.0.6"
CONFIG = {"maxBatchSize": 1_000, "flushIntervalMs": 0}


@eventually
def every_add_succeeds(view):
    """Concurrent adds all succeed within the platform's retries."""
    failed = [call.activity for call in view.calls() if call.error is not None]
    assert not failed, f"{CLIENTS - len(failed)} of {CLIENTS} adds succeeded, {len(failed)} exhausted their retries"


def adds(world: World, clients=CLIENTS):
    """Clients add one item each to the same batch."""
    for number in range(clients):
        args = {"batchId": "events", "items": [number]}
        world.client(f"client{number}").mutation(api.driver.add_items, args)


@scenario(app=host_app(VERSION, CONFIG), invariants=[every_add_succeeds])
def hot_batch(world: World):
    """In the version that counts."""
    adds(world)


@scenario(app=host_app("hardened", CONFIG), invariants=[every_add_succeeds])
def cool_batch(world: World):
    """In `hardened`."""
    adds(world)


@scenario(app=host_app(VERSION, CONFIG))
def four_adds(world: World):
    """Four of them are enough for a picture."""
    adds(world, 4)


def picture():
    return Simulation(four_adds, LockstepChoices()).run()


if __name__ == "__main__":
    report = check(hot_batch, Lockstep(), simplify=False)
    print(report)
    run = Simulation(hot_batch, LockstepChoices()).run()
    outcomes = Counter("stored" if call.error is None else "gave up" for call in run.calls)
    attempts = Counter(retried.attempts for retried in run.view.retried())
    print(f"outcomes: {dict(sorted(outcomes.items()))}")
    print(f"rows in the batch: {len(run.view.documents('batchItems', 'batchProcessor'))}")
    print(f"adds that took so many attempts: {dict(sorted(attempts.items()))}")
    print(check(cool_batch, Lockstep()))
