"""Lesson 2: A conflict.

Alice and bob both raise the counter "hits" by one. Both mutations begin before either has committed, so both read the
same snapshot: there is no such counter yet. Each wants to insert it. If both were allowed to, there would be two.

Nobody waits for a lock here. Convex is *optimistic*: every transaction runs to its end as if it were alone, and keeps
its writes to itself. Then it is judged, one after the other. The question is always the same: has anybody who committed
since my begin written into something that I have read? Alice is first, so nobody has, and she commits. Bob has read
all keys ("hits", …) of the index by_name, and alice has written one of them. That is a *conflict*: what bob has
computed rests on something that is no longer so. His writes are dropped.

The story tells what was read and what was written: both are keys of the same index. And it tells that bob begins once
more, which is the next lesson.

Property: no update is lost; here it is proved, by one run for each trace (DPOR).

Question: Let bob count something else. Is there still a conflict?

Answer: No. They read different keys of the index, and different documents: nothing that one has read is written by the
other. A table is no lock; only what was read counts.
"""

from convexsim import (
    Dpor,
    LockstepChoices,
    Simulation,
    api,
    check,
    define_app,
    define_schema,
    define_table,
    eventually,
    mutation,
    scenario,
    story,
    v,
)

COUNTED_BY_BOB = "hits"  # change: COUNTED_BY_BOB = "misses"

SCHEMA = define_schema({"counters": define_table({"name": v.string(), "value": v.number()}).index("by_name", ["name"])})


@mutation
def bump(ctx, name):
    row = ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()
    if row is None:
        ctx.db.insert("counters", {"name": name, "value": 1})
    else:
        ctx.db.patch(row["_id"], {"value": row["value"] + 1})


@eventually
def no_update_is_lost(view):
    """The counters add up to the number of calls."""
    assert sum(row["value"] for row in view.documents("counters")) == len(view.calls())


@scenario(app=define_app({"web": {"bump": bump}}, SCHEMA), invariants=[no_update_is_lost])
def a_conflict(world):
    """Two clients count."""
    world.client("alice").mutation(api.web.bump, {"name": "hits"})
    world.client("bob").mutation(api.web.bump, {"name": COUNTED_BY_BOB})


def picture():
    return Simulation(a_conflict, LockstepChoices()).run()


if __name__ == "__main__":
    print(story(picture().trace))
    print(check(a_conflict, Dpor()))
