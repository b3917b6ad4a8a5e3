"""Small generated worlds, each from a number, for comparing a search that leaves orders out with one that does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final

from convexsim import (
    Faults,
    FunctionError,
    Invariant,
    MutationCtx,
    Scenario,
    World,
    action,
    api,
    define_app,
    define_schema,
    define_table,
    gather,
    internal,
    internal_action,
    internal_mutation,
    mutation,
    query,
    scenario,
    v,
)

TABLES: Final = ("x", "y", "z")
LEDGERS: Final = {"bank": [1, 2], "post": []}
"""The outside objects, and their plans."""
Op = list[Any]
Said = tuple[str, list[Op]]
"""One call: a query, a mutation or an action, and what it is to do."""


def declare(world: World) -> None:
    for name, plan in LEDGERS.items():
        world.external(name, plan=plan)


def look_at(ctx: Any, op: Op) -> Any:
    what, table, key = op[:3]
    if what == "first":
        row = ctx.db.query(table).with_index("by_key", lambda q: q.eq("key", key)).first()
        return row and [row["key"], row["value"], row["_creationTime"]]
    rows = ctx.db.query(table).with_index("by_key", lambda q: q.gte("key", key).lt("key", key + 2))
    return [[row["key"], row["value"]] for row in rows.collect()]


def holds(ctx: Any, condition: Op) -> bool:
    """Tell whether what is found is odd, a number that is drawn is low, or the clock is wrong."""
    if condition[0] == "drawn":
        return bool(ctx.random() < 0.5)
    if condition[0] == "clock":
        return bool(ctx.now() % 1_000 > 500)
    return is_odd(look_at(ctx, condition))


def is_odd(found: Any) -> bool:
    rows = found if found and isinstance(found[0], list) else [found or [0, 0]]
    return bool(sum(row[1] for row in rows) % 2)


def change(ctx: MutationCtx, op: Op) -> Any:
    what, table, key = op[:3]
    row = ctx.db.query(table).with_index("by_key", lambda q: q.eq("key", key)).first()
    if what == "insert":
        ctx.db.insert(table, {"key": key, "value": op[3]})
    elif row is None:
        return "none"
    elif what == "bump":
        ctx.db.patch(row["_id"], {"value": row["value"] * 2 + op[3]})
    elif what == "move":
        ctx.db.patch(row["_id"], {"key": key + 1})
    elif what == "stamp":
        ctx.db.patch(row["_id"], {"at": ctx.db.vars.commit_ts})
    else:
        ctx.db.delete(row["_id"])
    return None


def act_on(ctx: MutationCtx, op: Op) -> Any:
    if op[0] in ("first", "range"):
        return look_at(ctx, op)
    if op[0] == "if":
        return [act_on(ctx, each) for each in op[2 if holds(ctx, op[1]) else 3]]
    if op[0] == "aside":
        return ctx.run_query(api.m.look, {"ops": op[1]}, use_stale_snapshot=True)
    if op[0] == "append":
        return ctx.external(op[1]).append(op[2])
    if op[0] == "take":
        return ctx.external(op[1]).take("nothing")
    if op[0] == "later":
        ctx.scheduler.run_after(op[1], internal.m.later, {"ops": op[2]})
        return None
    if op[0] == "act later":
        ctx.scheduler.run_after(op[1], internal.m.act_later, {"steps": op[2]})
        return None
    if op[0] == "cancel":
        row = ctx.db.system.query("_scheduled_functions").first()
        if row is not None:
            ctx.scheduler.cancel(row["_id"])
        return None
    if op[0] == "throw":
        raise ValueError(*op)
    return change(ctx, op)


async def do(ctx: Any, steps: list[Op], told: list[str]) -> list[Any]:
    """Do one step after the other; branches share what has been told."""
    return [result for step in steps if (result := await do_one(ctx, step, told)) is not None]


async def do_one(ctx: Any, step: Op, told: list[str]) -> Any:
    match step:
        case ["go", ops]:
            return await ctx.run_mutation(internal.m.later, {"ops": ops})
        case ["look", ops]:
            return await ctx.run_query(api.m.look, {"ops": ops})
        case ["if", condition, one, other]:
            if condition[0] in ("drawn", "clock"):
                return await do(ctx, one if holds(ctx, condition) else other, told)
            (found,) = await ctx.run_query(api.m.look, {"ops": [condition]})
            return await do(ctx, one if is_odd(found) else other, told)
        case ["append", ledger, entry]:
            await ctx.external(ledger).append(entry)
        case ["take", ledger]:
            return await ctx.external(ledger).take("nothing")
        case ["sleep", delay_ms]:
            await ctx.sleep(delay_ms)
        case ["unheard", ops]:
            ctx.run_mutation(internal.m.later, {"ops": ops})
        case ["schedule", delay_ms, ops]:
            await ctx.scheduler.run_after(delay_ms, internal.m.later, {"ops": ops})
        case _:
            return await side_by_side(ctx, step, told)
    return None


async def side_by_side(ctx: Any, step: Op, told: list[str]) -> Any:
    match step:
        case ["both", *branches]:
            return await gather(*(do(ctx, branch, told) for branch in branches))
        case ["race", *calls]:
            try:
                return await gather(*(ctx.run_mutation(internal.m.later, {"ops": ops}) for ops in calls))
            except FunctionError as error:
                return str(error)
        case ["heard late", ops, meanwhile]:
            answer = ctx.run_mutation(internal.m.later, {"ops": ops})
            return [await do(ctx, meanwhile, told), await answer]
        case ["nest", steps]:
            return await ctx.run_action(internal.m.act_later, {"steps": steps})
        case _:
            told.append(step[1])
            return "".join(told)


class Functions:
    @query(args={"ops": v.any()})
    def look(ctx: Any, ops: list[Op]) -> Any:  # noqa: N805 - a function that the class only collects
        return [act_on(ctx, op) for op in ops]

    @mutation(args={"ops": v.any()})
    def go(ctx: Any, ops: list[Op]) -> Any:  # noqa: N805
        return [act_on(ctx, op) for op in ops]

    @internal_mutation(args={"ops": v.any()})
    def later(ctx: Any, ops: list[Op]) -> Any:  # noqa: N805
        return [act_on(ctx, op) for op in ops]

    @action(args={"steps": v.any()})
    async def act(ctx: Any, steps: list[Op]) -> Any:  # noqa: N805
        return await do(ctx, steps, [])

    @internal_action(args={"steps": v.any()})
    async def act_later(ctx: Any, steps: list[Op]) -> Any:  # noqa: N805
        return await do(ctx, steps, [])


TABLE: Final = define_table({"key": v.number(), "value": v.number(), "at": v.optional(v.int64())})
APP: Final = define_app({"m": Functions}, define_schema({name: TABLE.index("by_key", ["key"]) for name in TABLES}))


class Draws:
    """Numbers that a seed stands for, the same in every process."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def below(self, bound: int) -> int:
        self._count += 1
        return int.from_bytes(blake2b(f"{self._seed}:{self._count}".encode(), digest_size=4).digest()) % bound

    def one(self, options: Sequence[Any]) -> Any:
        return options[self.below(len(options))]

    def some(self, most: int, draw: Callable[[], Any]) -> list[Any]:
        return [draw() for _ in range(1 + self.below(most))]


class Drawn:
    """What the clients of one world call.

    Attributes:
        kind: ``plain``: queries and mutations; ``scheduled``: mutations that schedule and cancel as well; ``actions``:
            all of that, and actions; ``parallel``: two clients, and what actions do side by side; ``outside``: queries
            and mutations that use outside objects; ``aside``: queries and mutations that look at a stale snapshot as
            well; ``adaptive``: all but what is done side by side, where what is read
            and written hangs on what has been read, drawn, or seen on the clock.

    """

    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self._draws = draws = Draws(f"{kind} {number}")
        self._tables = TABLES[: 1 + draws.below(3)]
        clients = 2 + (kind != "parallel" and draws.below(3) == 0)
        if kind == "parallel":
            act: Said = ("action", draws.some(2, self._side_by_side))
            self.clients = [[act], draws.some(2, self._call)]
            return
        self.clients = [draws.some(2 if clients == 3 else 3, self._call) for _ in range(clients)]

    def _call(self) -> Said:
        draws = self._draws
        if self.kind == "adaptive":
            return self._adaptive_call()
        if draws.below(4) == 0:
            return "query", draws.some(2, self._use if self.kind == "outside" and draws.below(2) else self._look)
        if self.kind in ("actions", "outside") and draws.below(2):
            return "action", draws.some(2, self._step)
        return "mutation", self._ops()

    def _adaptive_call(self) -> Said:
        match self._draws.below(8):
            case 0 | 1:
                return "query", [self._if(self._look)]
            case 2:
                return "action", [self._if(self._step)]
            case _:
                return "mutation", self._ops()

    def _if(self, draw: Callable[[], Op]) -> Op:
        draws = self._draws
        condition = draws.one([["drawn"], ["clock"], *(self._look() for _ in range(6))])
        return ["if", condition, draws.some(1, draw), draws.some(2, draw)[1:]]

    def _ops(self, *, nested: bool = False) -> list[Op]:
        draws = self._draws
        if self.kind == "adaptive":
            return draws.some(1 if nested else 2, lambda: self._if(self._effect if draws.below(4) else self._nested_if))
        ops = draws.some(2, lambda: self._look() if draws.below(2) else self._change())
        if self.kind in ("scheduled", "actions") and not nested and draws.below(2):
            ops.append(self._schedule())
        if self.kind == "outside" and draws.below(2):
            ops.append(self._use())
        if self.kind == "aside":
            ops.append(["aside", [self._look()]])
        if draws.below(12) == 0:
            ops.append(["throw"])
        return ops

    def _nested_if(self) -> Op:
        return self._if(self._effect)

    def _effect(self) -> Op:
        match self._draws.below(12):
            case 0:
                return self._schedule()
            case 1:
                return self._use()
            case 2 | 3 | 4:
                return self._look()
            case _:
                return self._change()

    def _schedule(self) -> Op:
        draws = self._draws
        if draws.below(4) == 0:
            return ["cancel"]
        delay = draws.one([0, 0, 5])
        if self.kind in ("actions", "adaptive") and draws.below(2):
            return ["act later", delay, [self._step()]]
        return [
            "later",
            delay,
            [self._look()] if self.kind == "adaptive" and draws.below(2) else self._ops(nested=True),
        ]

    def _look(self) -> Op:
        return [self._draws.one(["first", "range"]), self._draws.one(self._tables), self._draws.below(3)]

    def _change(self) -> Op:
        draws = self._draws
        what = draws.one(["insert", "insert", "bump", "bump", "bump", "delete", "move", "stamp"])
        return [what, draws.one(self._tables), draws.below(3), draws.below(10)]

    def _use(self) -> Op:
        draws = self._draws
        use: Op = draws.one([["append", draws.one([*LEDGERS]), draws.below(10)], ["take", draws.one([*LEDGERS])]])
        return use

    def _side_by_side(self) -> Op:
        draws = self._draws
        match draws.below(6):
            case 0:
                return ["heard late", self._ops(nested=True), [self._step(), ["tell", "a"]]]
            case 1 | 2:
                return ["race", *(self._ops(nested=True) for _ in range(2))]
            case 3:
                return ["both", [["nest", [self._step()]], ["tell", "a"]], [self._step(), ["tell", "b"]]]
            case 4:
                return ["both", [["race", self._ops(nested=True), self._ops(nested=True)]], [self._step()]]
            case _:
                return ["both", *([self._step(), ["tell", name]][: 1 + draws.below(2)] for name in "ab")]

    def _step(self) -> Op:
        draws = self._draws
        match draws.below(9):
            case 0 | 1:
                return ["go", self._ops(nested=True)]
            case 2:
                return ["look", [self._look()]]
            case 3 | 4:
                return ["append", draws.one([*LEDGERS]), draws.below(10)]
            case 5:
                return ["take", draws.one(["bank", "bank", "post"])]
            case 6:
                return ["sleep", draws.one([5, 5, 7])]
            case 7:
                return ["both", [self._step()], [self._step()]]
            case _:
                return [*draws.one([["unheard"], ["schedule", 0]]), self._ops(nested=True)]


def small_world(kind: str, number: int, invariants: Sequence[Invariant] = ()) -> Scenario:
    """Return the world of that kind and number."""
    return world_of(Drawn(kind, number).clients, invariants)


DISTURBED: Final[tuple[dict[str, Any], ...]] = (
    *({"faults": Faults(**{fault: most})} for most in (1, 2) for fault in ("crashes", "conflicts", "system_errors")),
    *({"faults": Faults(skewed=most, skews_ms=(700, -300))} for most in (1, 2)),
    *({"faults": Faults(disconnects=most)} for most in (1, 2)),
    {"faults": Faults(conflicts=1, system_errors=1)},
    {"faults": Faults(crashes=1, disconnects=1)},
    {"random_values": 3},
    {"random_values": 3, "faults": Faults(conflicts=1)},
)
"""What may go wrong in a world, or be drawn."""


def disturbed(world: Scenario, number: int) -> Scenario:
    """Return the world with faults of some kind, or random numbers that are drawn."""
    return world.variant("disturbed", **DISTURBED[number % len(DISTURBED)])


def world_of(clients: Sequence[Sequence[Said]], invariants: Sequence[Invariant] = ()) -> Scenario:
    """Return a world with these clients; rows are there before they begin."""

    @scenario(app=APP, invariants=invariants)
    def said(world: World) -> None:
        declare(world)
        rows = [["insert", table, key, key] for table in TABLES for key in (0, 1)]
        world.client("first").mutation(api.m.go, {"ops": rows})
        for at, calls in enumerate(clients):
            client = world.client(f"c{at}")
            client.wait(1)
            for what, given in calls:
                if what == "query":
                    client.query(api.m.look, {"ops": given})
                elif what == "mutation":
                    client.mutation(api.m.go, {"ops": given})
                else:
                    client.action(api.m.act, {"steps": given})

    return said


class Counted:
    """The functions of the worlds that exploration.md has counted."""

    @mutation(args={"name": v.string()})
    def seed(ctx: Any, name: str) -> None:  # noqa: N805
        ctx.db.insert("counters", {"name": name, "value": 0})

    @mutation(args={"name": v.string()})
    def increment(ctx: Any, name: str) -> None:  # noqa: N805
        row = ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()
        ctx.db.patch(row["_id"], {"value": row["value"] + 1})

    @mutation
    def add_item(ctx: Any) -> None:  # noqa: N805
        batch = ctx.db.query("batches").first()
        ctx.db.insert("items", {"batch": ctx.db.insert("batches", {}) if batch is None else batch["_id"]})

    @mutation
    def add_batch(ctx: Any) -> None:  # noqa: N805
        ctx.db.insert("batches", {})


COUNTED: Final = define_app(
    {"m": Counted},
    define_schema(
        {
            "counters": define_table({"name": v.string(), "value": v.number()}).index("by_name", ["name"]),
            "batches": define_table({}),
            "items": define_table({"batch": v.id("batches")}),
        }
    ),
)


def increments(names: str) -> Scenario:
    """Return a world in which as many clients as there are letters increment a counter of that name each."""

    @scenario(app=COUNTED)
    def incrementing(world: World) -> None:
        declare(world)
        for name in sorted(set(names)):
            world.client("first").mutation(api.m.seed, {"name": name})
        for at, name in enumerate(names):
            world.client(f"c{at}").wait(1)
            world.client(f"c{at}").mutation(api.m.increment, {"name": name})

    return incrementing


def additions(*, is_open: bool) -> Scenario:
    """Return a world in which three clients add an item each to a batch, which is open already or not."""

    @scenario(app=COUNTED)
    def adding(world: World) -> None:
        declare(world)
        if is_open:
            world.client("first").mutation(api.m.add_batch)
        for name in ("alice", "bob", "carol"):
            world.client(name).wait(1)
            world.client(name).mutation(api.m.add_item)

    return adding
