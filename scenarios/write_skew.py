"""Lesson 5: Write skew, which cannot happen here.

Two doctors are on call, and one must be. Both want to go home: each looks whether two are on call, and strikes out the
own name. They write different documents, so in a database that only compares writes with writes (snapshot isolation)
both may commit, and nobody is on call. That is write skew.

Convex compares what was read with what was written. Both have read both names, so only the first one commits; the
second one conflicts, looks again, and stays. `Dpor` tries every order that can matter: somebody is always on call, and
`serializable` finds for every run an order of whole transactions, one after the other, that explains it.

Property: somebody is always on call, and transactions are serializable.

Question: What if a doctor looks in one transaction, and goes in the next?

Answer: Nobody is on call, without any conflict: who writes has not read what the decision rests on, so nobody compares
that. Decide and write in one transaction.
"""

from convexsim import (
    Dpor,
    LockstepChoices,
    Simulation,
    action,
    api,
    check,
    define_app,
    define_schema,
    define_table,
    mutation,
    query,
    scenario,
    serializable,
    story,
    v,
)

schema = define_schema({"duty": define_table({"who": v.string()}).index("by_who", ["who"])})
come = mutation(lambda ctx, who: ctx.db.insert("duty", {"who": who}))
are_two = query(lambda ctx: len(ctx.db.query("duty").take(2)) == 2)
leave = mutation(
    lambda ctx, who: ctx.db.delete(ctx.db.query("duty").with_index("by_who", lambda q: q.eq("who", who)).first()["_id"])
)


@mutation
def look_and_leave(ctx, who):
    if ctx.run_query(api.ward.are_two):
        ctx.run_mutation(api.ward.leave, {"who": who})


@action
async def look_then_leave(ctx, who):
    if await ctx.run_query(api.ward.are_two):
        await ctx.run_mutation(api.ward.leave, {"who": who})


def somebody_is_on_call(view):
    """At least one doctor is on call."""
    assert view.documents("duty"), "nobody is on call"


@scenario(app=define_app({"ward": globals()}, schema), invariants=[somebody_is_on_call, serializable])
def write_skew(world):
    """Alice and bob both want to leave."""
    for who in ("alice", "bob"):
        me, doctor = {"who": who}, world.client(who)
        world.client("ward").mutation(api.ward.come, me)
        doctor.wait(1)
        doctor.mutation(api.ward.look_and_leave, me)  # change: doctor.action(api.ward.look_then_leave, me)


def picture():
    """Return the run of the story: in lockstep, both begin before the first one commits."""
    return Simulation(write_skew, LockstepChoices()).run()


if __name__ == "__main__":
    print(story(picture().trace))
    print(check(write_skew, Dpor()))
