"""How many orders a second are explored, beside the same transactions without actors; and how fast messages are.

Every figure is a ratio of two things measured in turns in this one run, in CPU time; the absolute numbers beside them
are for a feeling only. Run it with `make bench`. What the figures mean stands in docs/performance.md.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from math import floor
from statistics import median
from time import process_time

from convexsim import (
    MutationCtx,
    RandomWalk,
    Scenario,
    World,
    api,
    check,
    define_app,
    define_schema,
    define_table,
    mutation,
    scenario,
    v,
)
from convexsim.actors.dispatcher import Dispatcher
from convexsim.actors.kernel import Actor, stepped
from convexsim.choices import FirstChoices
from convexsim.database.commit import Committed, Database
from convexsim.functions.environment import Environment
from convexsim.functions.execution import Execution
from convexsim.functions.perform import perform

ROUNDS = 9
RUNS = 300
MESSAGES = 20_000


@mutation
def bump(ctx: MutationCtx) -> None:
    """Add one to the only row, which the first one inserts."""
    row = ctx.db.query("totals").first()
    if row is None:
        ctx.db.insert("totals", {"n": 1})
    else:
        ctx.db.patch(row["_id"], {"n": row["n"] + 1})


APP = define_app({"m": {"bump": bump}}, define_schema({"totals": define_table({"n": v.number()})}))


@scenario(app=APP)
def lost_update(world: World) -> None:
    """Two clients bump the same row."""
    for client in "ab":
        world.client(client).mutation(api.m.bump)


@scenario(app=APP)
def contention(world: World) -> None:
    """Four clients bump the same row."""
    for client in "abcd":
        world.client(client).mutation(api.m.bump)


def explored(world: Scenario) -> None:
    """Check a scenario in random orders, through all actors."""
    report = check(world, RandomWalk(runs=RUNS, seed=1))
    assert report.runs == RUNS


def bumping(environment: Environment, database: Database, activity: str) -> Generator[None]:
    """Begin and run, then commit, until nobody was in between: a task that others may run in the middle of."""
    target = environment.catalog.resolve_public("m:bump")
    attempt, committed = 0, False
    while not committed:
        attempt += 1
        yield
        execution = Execution(environment, database.snapshot, (activity, attempt), floor(0), None)
        perform(execution, target, {})
        execution.transaction.close()
        final = execution.transaction.finalize()
        yield
        committed = isinstance(database.commit(final, activity), Committed)


def plain(world: Scenario, clients: str) -> None:
    """Do the same with coroutines and the same store: no actors, no messages, no retry policy, no report."""
    catalog = world.app.catalog()
    for number in range(RUNS):
        draw = random.Random(number).random  # noqa: S311 - a yardstick
        environment = Environment(catalog, world.platform)
        database = Database(catalog.tables())
        tasks = [bumping(environment, database, f"{client}.1") for client in clients]
        for task in tasks:
            next(task)
        while tasks:
            task = tasks[int(draw() * len(tasks))]
            if next(task, task) is task:
                tasks.remove(task)
        assert database.snapshot.ts == len(clients)


class Counting(Actor):
    """Counts down by messages to itself."""

    def on_receive(self, message: int) -> None:
        """Send what is left."""
        if message:
            self.actor_ref.tell(message - 1)


def by_actor() -> None:
    """Handle messages one at a time through the dispatcher and Pykka's loop."""
    with Dispatcher(FirstChoices()) as dispatcher:
        stepped(Counting).start().tell(MESSAGES)
        while dispatcher.step():
            pass


def by_deque() -> None:
    """Handle as many messages with a bare queue and a function."""
    waiting: deque[int] = deque([MESSAGES])

    def handle(message: int) -> None:
        if message:
            waiting.append(message - 1)

    while waiting:
        handle(waiting.popleft())


def seconds(work: Callable[[], object]) -> float:
    """Return how much CPU time something takes."""
    begun = process_time()
    work()
    return process_time() - begun


def compared(name: str, work: Callable[[], object], yardstick: Callable[[], object], count: int) -> dict[str, object]:
    """Measure two things in turns; print and return how many a second, and the ratio of their costs."""
    work()
    pairs = [(seconds(work), seconds(yardstick)) for _ in range(ROUNDS)]
    rate, bare = (count / median(each) for each in zip(*pairs, strict=True))
    ratio = median(own / other for own, other in pairs)
    print(f"  {name:<34}{rate:>12,.0f} a second{bare:>14,.0f} bare{ratio:>8.2f} times the cost")
    return {"name": name, "a second": round(rate), "bare": round(bare), "ratio": round(ratio, 2)}


if __name__ == "__main__":
    print(f"Checked orders (level 2, no trace) and messages, median of {ROUNDS} rounds:")
    rows = [
        compared("lost update, two clients", partial(explored, lost_update), partial(plain, lost_update, "ab"), RUNS),
        compared("contention, four clients", partial(explored, contention), partial(plain, contention, "abcd"), RUNS),
        compared("messages to an actor", by_actor, by_deque, MESSAGES),
    ]
    print(json.dumps(rows))
