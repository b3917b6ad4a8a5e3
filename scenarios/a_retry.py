"""Lesson 3: A retry.

Whoever loses begins again. A retry does not repeat what the lost attempt wrote: the handler runs once more from its
first line, on a new snapshot, and may come to another decision. Of the lost attempt nothing is left: what it wrote was
never in the database, and what it scheduled never runs. A handler may run several times, but its call happens once.
That is why a mutation may do nothing but read and write the database: nothing ever has to be undone.

Here a train has one free seat, and booking it schedules a mail. Both clients see it free. Alice commits first. Bob's
first attempt has taken the seat and scheduled a mail, too; it conflicts, and both are gone. His second attempt sees
that no seat is free, and returns "sold out". One mail is sent.

Property: those who have a seat get a mail, and nobody else.

Question: With two free seats there is one for each of them. Is there still a conflict?

Answer: Yes. What counts is what bob has read, all seats, and that alice wrote there. Nobody asks whether her write
would have changed his mind. His second attempt finds that one seat is left, takes it, and both get a mail.
"""

from convexsim import (
    LockstepChoices,
    Simulation,
    api,
    define_app,
    define_schema,
    define_table,
    internal,
    internal_mutation,
    mutation,
    scenario,
    story,
    v,
)

SEATS = 1  # change: SEATS = 2

schema = define_schema({"seats": define_table({"who": v.string()}), "mails": define_table({"who": v.string()})})
mail = internal_mutation(lambda ctx, who: ctx.db.insert("mails", {"who": who}))


@mutation
def book(ctx, who):
    """Take a seat and schedule a mail that says so, if a seat is free."""
    if len(ctx.db.query("seats").collect()) == SEATS:
        return "sold out"
    ctx.db.insert("seats", {"who": who})
    ctx.scheduler.run_after(0, internal.train.mail, {"who": who})
    return "booked"


def one_mail_per_seat(view):
    """Exactly those who have a seat get a mail."""
    assert {row["who"] for row in view.documents("mails")} == {row["who"] for row in view.documents("seats")}


@scenario(app=define_app({"train": globals()}, schema), invariants=[one_mail_per_seat])
def a_retry(world):
    """Alice and bob book at the same time."""
    for who in ("alice", "bob"):
        world.client(who).mutation(api.train.book, {"who": who})


def picture():
    """Return the run of the story: in lockstep, both begin before the first one commits."""
    return Simulation(a_retry, LockstepChoices()).run()


if __name__ == "__main__":
    run = picture()
    print(story(run.trace))
    for call in run.calls:
        print(f"{call.args['who']}: {call.result}")
