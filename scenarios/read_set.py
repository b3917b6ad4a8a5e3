"""Lesson 4: What is in a read set.

A transaction conflicts if somebody has written what it has read. So what has it read? Not the documents that it got,
but the part of an index that had to be looked at to know the answer: an interval of keys. Therefore a document that was
not there yet can be "in" a read set, too. If it comes into the interval, it is a phantom, and the answer would have
been another one.

Four tasks with the priorities 10, 20, 30 and 40 are kept in the index `by_priority`. Four clients look at them in four
ways, while somebody adds a task of priority 15, and commits before them:

* `.first()` has read up to 10: no conflict;
* `.take(2)` has read up to 20: a conflict, because the second task is another one now;
* the range "at least 25" of the index has read from 25 on: no conflict;
* a filter, "at least 25", gives the same two tasks, but it had to look at all: a conflict.

Property: a transaction conflicts by what it has scanned, and by nothing else.

Question: Who conflicts if the new task has priority 35?

Answer: The range and the filter: 35 lies in what both have read; `.first()` and `.take(2)` stopped before it. So read
through an index, and no more than you need.
"""

from convexsim import (
    LockstepChoices,
    Simulation,
    api,
    define_app,
    define_schema,
    define_table,
    mutation,
    scenario,
    story,
    v,
)

NEW = 15  # change: NEW = 35

schema = define_schema(
    {
        "tasks": define_table({"priority": v.number()}).index("by_priority", ["priority"]),
        "answers": define_table({"saw": v.array(v.number())}),
    }
)

WAYS = {
    "first": lambda tasks: [tasks.with_index("by_priority").first()],
    "take2": lambda tasks: tasks.with_index("by_priority").take(2),
    "range": lambda tasks: tasks.with_index("by_priority", lambda q: q.gte("priority", 25)).collect(),
    "filter": lambda tasks: tasks.filter(lambda q: q.gte(q.field("priority"), 25)).collect(),
}
add = mutation(lambda ctx, new: [ctx.db.insert("tasks", {"priority": priority}) for priority in new])


@mutation
def look(ctx, way):
    ctx.db.insert("answers", {"saw": [task["priority"] for task in WAYS[way](ctx.db.query("tasks"))]})


@scenario(app=define_app({"todo": globals()}, schema))
def read_set(world):
    """Somebody adds a task while four clients look at the tasks, each in its way."""
    world.client("admin").mutation(api.todo.add, {"new": [10, 20, 30, 40]})
    world.client("adder").wait(1)
    world.client("adder").mutation(api.todo.add, {"new": [NEW]})
    for way in WAYS:
        world.client(way).wait(1)
        world.client(way).mutation(api.todo.look, {"way": way})


def picture():
    """Return the run of the story: in lockstep, all begin before the first one commits."""
    return Simulation(read_set, LockstepChoices()).run()


if __name__ == "__main__":
    print(story(picture().trace))
