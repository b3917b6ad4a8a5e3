"""Lesson 1: A snapshot.

Two accounts with 50 each, and a transfer of 10 between them. While alice transfers, eve adds up both accounts. What
does she see? A query sees the database as it was at one moment, its *snapshot*: all that was committed before it began,
and nothing after that.

Here eve calls an action, and an action has no snapshot. It asks one query, and then another one, and each of them has
a snapshot of its own. If the transfer commits between the two, the first account is read before it and the second one
after: the sum is 110, an amount of money that never existed. Neither query was wrong. There was a gap between them.

The story shows it. Commits are numbered, and "begins at ts 2" (timestamp) means that all commits up to number 2 are
seen: eve's first query begins at ts 1, her second one at ts 2, and commit 2 is the transfer.

Property: the sum of both accounts, asked for at any moment, is 100.

Question: How must eve ask, so that nobody can come in between?

Answer: With one query. It may read as many documents as it likes, all of them come from one snapshot: the sum is 100
in every order there is.
"""

from convexsim import Exhaustive, action, api, check, define_app, eventually, mutation, query, scenario


@mutation
def open_accounts(ctx):
    for name in ("from", "to"):
        ctx.db.insert("accounts", {"name": name, "money": 50})


@mutation
def transfer(ctx):
    for row in ctx.db.query("accounts").collect():
        ctx.db.patch(row["_id"], {"money": row["money"] + (10 if row["name"] == "to" else -10)})


@query
def money(ctx, name):
    return next(row["money"] for row in ctx.db.query("accounts").collect() if row["name"] == name)


@query
def total(ctx):
    return sum(row["money"] for row in ctx.db.query("accounts").collect())


@action
async def total_in_two(ctx):
    return await ctx.run_query(api.bank.money, {"name": "from"}) + await ctx.run_query(api.bank.money, {"name": "to"})


@eventually
def the_sum_is_constant(view):
    """Whoever adds up the accounts finds 100."""
    found = [call.result for call in view.calls() if call.activity == "eve.1"]
    assert found == [100], f"eve has found {found}"


@scenario(app=define_app({"bank": globals()}), invariants=[the_sum_is_constant])
def a_snapshot(world):
    """Alice transfers 10 while eve adds up."""
    world.client("bank").mutation(api.bank.open_accounts)
    for who in ("alice", "eve"):
        world.client(who).wait(1)
    world.client("alice").mutation(api.bank.transfer)
    world.client("eve").action(api.bank.total_in_two)  # change: world.client("eve").query(api.bank.total)


def picture():
    return check(a_snapshot, Exhaustive())


if __name__ == "__main__":
    report = check(a_snapshot, Exhaustive())
    print(report)
    if report.finding is not None:
        print(report.story())
