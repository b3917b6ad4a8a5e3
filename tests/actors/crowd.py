"""A crowd of clients that get in each other's way, and the judge of what came of it.

`differences` repeats the history of a run, transaction by transaction in the order of the commits, on a fresh database
on which nothing ever overlaps. Every answer and every write must come out the same: that is what serialisable means.
"""

from __future__ import annotations

from typing import Any

from convexsim import (
    ActionCtx,
    MutationCtx,
    QueryCtx,
    Run,
    View,
    World,
    action,
    always,
    api,
    define_app,
    define_schema,
    define_table,
    mutation,
    query,
    v,
)
from convexsim.choices import root_of
from convexsim.database.commit import Committed, Database
from convexsim.database.snapshot import Snapshot
from convexsim.functions.environment import Environment
from convexsim.functions.execution import Execution
from convexsim.functions.outcome import Outcome, Threw
from convexsim.functions.perform import perform
from convexsim.functions.scheduled import ScheduledFunction, finish_function, scheduled_of, start_function
from convexsim.trace import event

OCC = "OptimisticConcurrencyControlFailure"

# --------------------------------------------------------------------------------------------------- what is run

schema = define_schema(
    {
        "counters": define_table({"name": v.string(), "value": v.number()}).index("by_name", ["name"]),
        "accounts": define_table({"owner": v.string(), "balance": v.number()}).index("by_owner", ["owner"]),
        "seats": define_table({"number": v.number(), "holder": v.string()}),
    }
)
ACCOUNTS = ("ann", "bob", "cid")


def _row(ctx: QueryCtx, name: str) -> Any:
    return ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()


def _account(ctx: QueryCtx, owner: str) -> Any:
    return ctx.db.query("accounts").with_index("by_owner", lambda q: q.eq("owner", owner)).unique()


@mutation
def bump(ctx: MutationCtx, name: str) -> Any:
    row = _row(ctx, name)
    if row is None:
        ctx.db.insert("counters", {"name": name, "value": 1})
        return 1
    ctx.db.patch(row["_id"], {"value": row["value"] + 1})
    return row["value"] + 1


@mutation
def put(ctx: MutationCtx, name: str, value: int) -> None:
    row = _row(ctx, name)
    if row is None:
        ctx.db.insert("counters", {"name": name, "value": value})
    else:
        ctx.db.patch(row["_id"], {"value": value})


@mutation
def copy(ctx: MutationCtx, source: str, target: str) -> None:
    """Read one document and write another: nothing but the read can conflict."""
    put(ctx, target, read(ctx, source))


@query
def read(ctx: QueryCtx, name: str) -> Any:
    row = _row(ctx, name)
    return 0 if row is None else row["value"]


@action
async def racy(ctx: ActionCtx, name: str) -> None:
    """Read in one transaction, write in another: what others do in between is lost."""
    value = await ctx.run_query(api.m.read, {"name": name})
    await ctx.run_mutation(api.m.put, {"name": name, "value": value + 1})


@action
async def proper(ctx: ActionCtx, name: str) -> Any:
    return await ctx.run_mutation(api.m.bump, {"name": name})


@mutation
def open_accounts(ctx: MutationCtx) -> None:
    for owner in ACCOUNTS:
        ctx.db.insert("accounts", {"owner": owner, "balance": 100})


@mutation
def transfer(ctx: MutationCtx, giver: str, taker: str, amount: int) -> bool:
    one, other = _account(ctx, giver), _account(ctx, taker)
    if one is None or one["balance"] < amount:
        return False
    ctx.db.patch(one["_id"], {"balance": one["balance"] - amount})
    ctx.db.patch(other["_id"], {"balance": other["balance"] + amount})
    return True


@query
def total(ctx: QueryCtx) -> Any:
    return sum(row["balance"] for row in ctx.db.query("accounts").collect())


@mutation
def take_seat(ctx: MutationCtx, holder: str) -> int:
    """Number the seats by counting those that are there: right only if phantoms conflict."""
    number = len(ctx.db.query("seats").collect())
    ctx.db.insert("seats", {"number": number, "holder": holder})
    return number


@mutation
def take_and_refuse(ctx: MutationCtx, holder: str) -> None:
    number = ctx.run_mutation(api.m.take_seat, {"holder": holder})
    msg = f"seat {number} is refused"
    raise ValueError(msg)


@mutation
def bump_later(ctx: MutationCtx, name: str) -> str:
    return ctx.scheduler.run_after(20, api.m.bump, {"name": name})


FUNCTIONS = {
    definition.handler.__name__: definition
    for definition in (
        bump,
        put,
        copy,
        read,
        racy,
        proper,
        open_accounts,
        transfer,
        total,
        take_seat,
        take_and_refuse,
        bump_later,
    )
}
app = define_app({"m": FUNCTIONS}, schema)


def crowd(world: World) -> None:
    """Five clients that get in each other's way in every function there is."""
    for number, name in enumerate(("a", "b", "c", "d", "e")):
        client = world.client(name)
        client.mutation(api.m.open_accounts) if number == 0 else client.query(api.m.total)
        for turn in range(2):
            client.mutation(api.m.bump, {"name": "proper"})
            client.action(api.m.proper, {"name": "proper"})
            client.action(api.m.racy, {"name": "racy"})
            giver, taker = ACCOUNTS[(number + turn) % 3], ACCOUNTS[(number + turn + 1) % 3]
            client.mutation(api.m.transfer, {"giver": giver, "taker": taker, "amount": 10 * number + 5})
            client.mutation(api.m.take_seat, {"holder": name})
            client.mutation(api.m.copy, {"source": "proper", "target": f"copy of {name}"})
            client.mutation(api.m.take_and_refuse, {"holder": name})
            client.mutation(api.m.bump_later, {"name": "proper"})
            client.query(api.m.total)


@always
def no_money_is_made(view: View) -> bool:
    """The balances add up, at every commit."""
    return sum(row["balance"] for row in view.documents("accounts")) in (0, 100 * len(ACCOUNTS))


# --------------------------------------------------------------------------------------------------- the judge


def _is_scheduled(activity: str) -> bool:
    """Tell a scheduled function, whose path is a root of its own, from what is called under one."""
    return "+" in activity and root_of(activity) == activity


TIMES = ("_creationTime", "scheduledTime", "nextTs", "completedTime")


def _timeless(value: Any) -> Any:
    return None if value is None else {name: item for name, item in value.items() if name not in TIMES}


class Repetition:
    """The history of a run on threads once more: one transaction at a time, in the order of the commits."""

    def __init__(self, result: Run) -> None:
        self.result = result
        self.environment = Environment(result.scenario.app.catalog(), result.scenario.platform)
        self.database = Database(self.environment.catalog.tables())
        self.snapshots = [self.database.snapshot]  # by timestamp
        self.called: dict[str, event.Called] = {}
        self.began: dict[str, event.Began] = {}
        self.lost: dict[str, int] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.failed: dict[str, str] = {}
        self.found: list[str] = []

    def differences(self) -> list[str]:
        assert self.result.trace is not None
        for happened in self.result.trace.events:
            if isinstance(happened, event.Called):
                self.called[happened.activity] = happened
            elif isinstance(happened, event.Began):
                self.began[happened.activity] = happened
                newest = self.database.snapshot.ts  # convex-semantics 1.1: the newest published one
                self._expect(f"the begin of {happened.activity}", newest, happened.begin_ts)
            elif isinstance(happened, event.Conflicted):
                self.lost[happened.activity] = self.lost.get(happened.activity, 0) + 1
            elif isinstance(happened, event.Committed):
                self._commit(happened)
            elif isinstance(happened, event.Ended):
                self._compare(happened)
        view = View(self.environment, self.database, [], 0, before=None)
        for table in ("counters", "accounts", "seats", "_scheduled_functions"):
            ours, theirs = ({row["_id"]: _timeless(row) for row in each.documents(table)} for each in (view, self._end))
            self._expect(f"the documents of {table}", ours, theirs)
        return self.found

    @property
    def _end(self) -> View:
        return self.result.view

    def _commit(self, happened: event.Committed) -> None:
        activity = happened.activity
        if happened.what == f"end {self.called[activity].function}":
            execution = self._begin(activity, self.database.snapshot)
            finish_function(execution, self._scheduled(activity), self.failed[activity])
        else:
            assert happened.what == self.called[activity].function, f"the judge cannot {happened.what}"
            execution, self.outcomes[activity] = self._again(activity, self.database.snapshot)
        final = execution.transaction.finalize()
        writes = [
            (write.id, _timeless(write.old and write.old.value), _timeless(write.new and write.new.value))
            for write in final.writes
        ]
        wrote = [(one.id, _timeless(one.before), _timeless(one.after)) for one in happened.writes]
        self._expect(f"the writes of {activity}", writes, wrote)
        verdict = self.database.commit(final, activity)
        self._expect(f"the commit of {activity}", verdict, Committed(happened.commit_ts))
        self.snapshots.append(self.database.snapshot)

    def _compare(self, happened: event.Ended) -> None:
        activity = happened.activity
        if isinstance(happened.outcome, Threw):
            self.failed[activity] = happened.outcome.failure.message
        if self.called[activity].kind == "action":
            return
        if isinstance(happened.outcome, Threw) and happened.outcome.failure.code == OCC:
            self._expect(f"the conflicts of {activity}, which gave up", self.lost.get(activity), 5)
            self._expect(f"the outcome of {activity}, which gave up", self.outcomes.get(activity), None)
        elif activity in self.outcomes:
            self._expect(f"the outcome of {activity}", self.outcomes[activity], happened.outcome)
        else:  # it wrote nothing, or threw: what it saw is the history up to its begin
            began = self.began[activity].begin_ts
            outcome = self._again(activity, self.snapshots[began])[1]
            self._expect(f"the outcome of {activity}, as of {began}", outcome, happened.outcome)

    def _begin(self, activity: str, snapshot: Snapshot) -> Execution:
        began = self.began[activity]
        scheduled = self._scheduled(activity) if _is_scheduled(activity) else None
        return Execution(self.environment, snapshot, (activity, began.attempt), began.at_ms, scheduled)

    def _again(self, activity: str, snapshot: Snapshot) -> tuple[Execution, Outcome]:
        called, execution = self.called[activity], self._begin(activity, snapshot)
        target = self.environment.catalog.resolve(self.environment.catalog.components[""], called.function)
        if execution.parent is None:
            return execution, perform(execution, target, called.args)
        assert start_function(execution, execution.parent)
        outcome = perform(execution, target, called.args)
        finish_function(execution, execution.parent)
        return execution, outcome

    def _scheduled(self, activity: str) -> ScheduledFunction:
        rows = self.environment.catalog.components[""].scheduled_functions
        found = [scheduled_of(row) for _, row in self.database.snapshot.tables[rows.key][0].items()]
        (scheduled,) = [one for one in found if one.activity == activity]
        return scheduled

    def _expect(self, what: str, here: Any, there: Any) -> None:
        if here != there:
            self.found.append(f"{what}: one at a time {here}, on threads {there}")


def differences(result: Run) -> list[str]:
    return Repetition(result).differences()
