"""Lesson 5: Write skew, which cannot happen here.

Two doctors are on call, and one of them has to stay. Each may leave if the other one is there. Both ask at the same
moment, both see two, both leave: nobody is on call. This is *write skew*, the classic failure of databases that give
every transaction a snapshot and then only look whether two of them have written the same document. These two have not:
each writes its own row.

Convex does not look at who wrote the same. It looks at what was read: both have read both rows. The first one to commit
has written a row that the second one has read, so the second one begins again, sees that it is alone, and stays. In
every order at least one doctor is on call: the search goes through all of them. And `serializable` says why: whatever
happened is what would have happened had the two come one after the other.

That holds for mutations. An action is no transaction: it asks in one, and leaves in another.

Property: somebody is always on call; every history of mutations is serializable.

Question: Let bob ask first, in an action, and then leave. What happens?

Answer: Nobody is on call: the answer to his question was true when it was given. Every single transaction is still
serializable. What is broken is a rule that he spread over two of them.
"""

import convexsim
from convexsim import Dpor, LockstepChoices, Simulation, action, api, check, define_app, mutation, query, scenario


@mutation
def come(ctx, who):
    ctx.db.insert("on_call", {"who": who})


@query
def how_many(ctx):
    return len(ctx.db.query("on_call").collect())


@mutation
def leave(ctx, who):
    there = ctx.db.query("on_call").collect()
    if len(there) > 1:
        ctx.db.delete(next(row["_id"] for row in there if row["who"] == who))


@mutation
def go(ctx, who):
    ctx.db.delete(next(row["_id"] for row in ctx.db.query("on_call").collect() if row["who"] == who))


@action
async def ask_and_go(ctx, who):
    if await ctx.run_query(api.ward.how_many) > 1:
        await ctx.run_mutation(api.ward.go, {"who": who})


def somebody_is_on_call(view):
    assert view.documents("on_call"), "nobody is on call"


@scenario(app=define_app({"ward": globals()}), invariants=[somebody_is_on_call, convexsim.serializable])
def write_skew(world):
    """Two doctors want to leave."""
    for who in ("alice", "bob"):
        world.client("boss").mutation(api.ward.come, {"who": who})
        world.client(who).wait(1)
    world.client("alice").mutation(api.ward.leave, {"who": "alice"})
    bob, him = world.client("bob"), {"who": "bob"}
    bob.mutation(api.ward.leave, him)  # change: bob.action(api.ward.ask_and_go, him)


def picture():
    return Simulation(write_skew, LockstepChoices()).run()


if __name__ == "__main__":
    print(convexsim.story(picture().trace))
    print(check(write_skew, Dpor()))
