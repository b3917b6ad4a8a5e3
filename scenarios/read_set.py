"""Lesson 4: What is in a read set.

A transaction conflicts by what it has *read*, so it pays to know what that is. It is not the documents that came out of
a query. It is the stretch of the index that was scanned to find them, with the gaps between them: "there is nothing
here" is something that one has read, too. Otherwise a row that somebody inserts into a gap, a *phantom*, would make a
lie of it.

A queue: alice takes its first task, bob adds a task at its end. Alice reads with `.collect()`, which scans the whole
table to its end, and then uses the first row only. The end of the table is in her read set, and bob writes there: a
conflict, although nobody took anything away from anybody.

`.first()` stops at the first row. Its read set ends there, and what happens behind it is no business of hers.

Property: who takes the first task does not wait for those who add tasks (a conflict is correct, but it is work).

Question: What must alice write, so that adding does not disturb her?

Answer: `.first()`. Now nobody loses, in no order.
"""

from convexsim import Dpor, LockstepChoices, Simulation, api, check, define_app, eventually, mutation, scenario, story


@mutation
def add(ctx, task):
    ctx.db.insert("tasks", {"task": task})


@mutation
def take(ctx):
    row = ctx.db.query("tasks").collect()[0]  # change: row = ctx.db.query("tasks").first()
    ctx.db.delete(row["_id"])
    return row["task"]


@eventually
def nobody_begins_twice(view):
    """No transaction loses to another one."""
    again = [retried.activity for retried in view.retried()]
    assert not again, f"{', '.join(again)} had to begin again"


@scenario(app=define_app({"queue": {"add": add, "take": take}}), invariants=[nobody_begins_twice])
def read_set(world):
    """Alice takes the first task while bob adds one."""
    world.client("boss").mutation(api.queue.add, {"task": "wash"})
    for who in ("bob", "alice"):
        world.client(who).wait(1)
    world.client("bob").mutation(api.queue.add, {"task": "dry"})
    world.client("alice").mutation(api.queue.take)


def picture():
    return Simulation(read_set, LockstepChoices()).run()


if __name__ == "__main__":
    print(story(picture().trace))
    print(check(read_set, Dpor()))
