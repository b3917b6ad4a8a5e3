"""Lesson 3: A retry.

Whoever loses begins again: from a new snapshot, with the whole handler, as if the first attempt had never been. That is
why a mutation may only read and write the database. Nothing that it did needs to be undone, because nothing left it.

A loser can lose again. Six clients raise one counter in *lockstep*: all begin, then all commit, and the losers begin
the next round together. Each round has one winner, the first one to be judged; it has written the document that all
others have read. A mutation that a client calls is tried five times in all, with a pause before each retry that grows.
So five rounds, five winners, and the sixth client gets an error. Its mutation has not happened at all: an error never
leaves half a transaction behind.

Lockstep is the worst order that there is for this. In most orders some of the six come early or late, and all succeed.
But an order that can happen will happen, on the day when there is much to do.

Property: every call succeeds (of the batch processor: P19 ADD-UNDER-LOAD).

Question: How many clients can raise one counter in lockstep without an error?

Answer: Five, as many as there are attempts.
"""

from collections import Counter

from convexsim import Lockstep, LockstepChoices, Simulation, api, check, define_app, eventually, mutation, scenario

CLIENTS = 6  # change: CLIENTS = 5


@mutation
def bump(ctx):
    row = ctx.db.query("counters").first()
    if row is None:
        ctx.db.insert("counters", {"value": 1})
    else:
        ctx.db.patch(row["_id"], {"value": row["value"] + 1})


@eventually
def every_call_succeeds(view):
    """Nobody gets an error."""
    failed = [call.activity for call in view.calls() if call.error is not None]
    assert not failed, f"{', '.join(failed)} gave up"


@eventually
def what_succeeded_is_counted(view):
    """The counter is the number of calls that succeeded."""
    (row,) = view.documents("counters")
    assert row["value"] == sum(call.error is None for call in view.calls())


@scenario(app=define_app({"web": {"bump": bump}}), invariants=[every_call_succeeds, what_succeeded_is_counted])
def a_retry(world):
    """Six clients raise one counter."""
    for number in range(CLIENTS):
        world.client(f"client{number}").mutation(api.web.bump)


def picture():
    return Simulation(a_retry, LockstepChoices()).run()


if __name__ == "__main__":
    run = picture()
    attempts = Counter(happened.activity for happened in run.trace.events if type(happened).__name__ == "Began")
    for call in run.calls:
        ended = "succeeds" if call.error is None else "gets an error"
        print(f"{call.activity} begins {attempts[call.activity]} times and {ended}")
    print(str(check(a_retry, Lockstep(), simplify=False)).splitlines()[0])
