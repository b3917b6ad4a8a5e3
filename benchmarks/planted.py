"""Planted bugs: small worlds, each with one known race, on which explorers are compared.

Each is a lesson in what a race needs: one switch, several at exact places, a whole activity in between, five conflicts
in a row, a fault. Which explorer is good at which, `benchmarks/explorers.py` measures and docs/exploration.md tells.
"""

from __future__ import annotations

from typing import Any, Final

from convexsim import (
    ActionCtx,
    Faults,
    MutationCtx,
    QueryCtx,
    Scenario,
    View,
    World,
    action,
    api,
    define_app,
    define_schema,
    define_table,
    eventually,
    mutation,
    query,
    scenario,
    v,
)


class Counter:
    """A number that is read in one transaction and written in the next, or in one and the same."""

    @query
    def read(ctx: QueryCtx) -> float:  # noqa: N805 - a function that the class collects
        """Return the number."""
        row = ctx.db.query("counters").first()
        return 0 if row is None else float(row["value"])

    @mutation
    def write(ctx: MutationCtx, value: float) -> None:  # noqa: N805
        """Store a number."""
        row = ctx.db.query("counters").first()
        if row is None:
            ctx.db.insert("counters", {"value": value})
        else:
            ctx.db.patch(row["_id"], {"value": value})

    @mutation
    def bump(ctx: MutationCtx) -> None:  # noqa: N805
        """Add one, properly."""
        row = ctx.db.query("counters").first()
        if row is None:
            ctx.db.insert("counters", {"value": 1})
        else:
            ctx.db.patch(row["_id"], {"value": row["value"] + 1})

    @action
    async def racy_bump(ctx: ActionCtx) -> None:  # noqa: N805
        """Add one to what was there a moment ago."""
        value = await ctx.run_query(api.counter.read)
        await ctx.run_mutation(api.counter.write, {"value": value + 1})


class Stages:
    """A machine that goes on only if two actions take their steps in turns."""

    @mutation
    def step(ctx: MutationCtx, before: float, after: float) -> None:  # noqa: N805
        """Go from one stage to the next, if it is the right one."""
        row = ctx.db.query("counters").first()
        stage = 0 if row is None else row["value"]
        if stage != before:
            return
        if row is None:
            ctx.db.insert("counters", {"value": after})
        else:
            ctx.db.patch(row["_id"], {"value": after})

    @action
    async def every_other(ctx: ActionCtx, first: float, last: float) -> None:  # noqa: N805
        """Take every other step, from one stage to another."""
        for stage in range(int(first), int(last), 2):
            await ctx.run_mutation(api.stages.step, {"before": stage, "after": stage + 1})


class Baskets:
    """Things are put into the open basket, and a flush empties it in three transactions."""

    @mutation
    def current(ctx: MutationCtx) -> str:  # noqa: N805
        """Return the id of the open basket; there is one, if need be a new one."""
        row = ctx.db.query("baskets").filter(lambda q: q.eq(q.field("state"), "open")).first()
        return ctx.db.insert("baskets", {"state": "open"}) if row is None else str(row["_id"])

    @mutation
    def put(ctx: MutationCtx, basket: str, thing: str) -> None:  # noqa: N805
        """Put a thing into a basket; if it is just being emptied, into a new one."""
        row = ctx.db.get(basket)
        if row is not None and row["state"] == "emptying":
            basket = ctx.db.insert("baskets", {"state": "open"})
        ctx.db.insert("things", {"basket": basket, "thing": thing})

    @mutation
    def begin(ctx: MutationCtx) -> str | None:  # noqa: N805
        """Close the open basket."""
        row = ctx.db.query("baskets").filter(lambda q: q.eq(q.field("state"), "open")).first()
        if row is None:
            return None
        ctx.db.patch(row["_id"], {"state": "emptying"})
        return str(row["_id"])

    @mutation
    def empty(ctx: MutationCtx, basket: str) -> None:  # noqa: N805
        """Take everything out of a basket."""
        for row in ctx.db.query("things").filter(lambda q: q.eq(q.field("basket"), basket)).collect():
            ctx.db.delete(row["_id"])

    @mutation
    def remove(ctx: MutationCtx, basket: str) -> None:  # noqa: N805
        """Throw a basket away."""
        ctx.db.delete(basket)

    @action
    async def add(ctx: ActionCtx, thing: str) -> None:  # noqa: N805
        """Put a thing into the basket that is open."""
        basket = await ctx.run_mutation(api.baskets.current)
        await ctx.run_mutation(api.baskets.put, {"basket": basket, "thing": thing})

    @action
    async def flush(ctx: ActionCtx) -> None:  # noqa: N805
        """Empty the open basket."""
        basket = await ctx.run_mutation(api.baskets.begin)
        if basket is not None:
            await ctx.run_mutation(api.baskets.empty, {"basket": basket})
            await ctx.run_mutation(api.baskets.remove, {"basket": basket})


class Doctors:
    """At least one doctor stays on call; each looks first and leaves then."""

    @mutation
    def hire(ctx: MutationCtx) -> None:  # noqa: N805
        """Put two doctors on call."""
        for name in ("ann", "bob"):
            ctx.db.insert("doctors", {"name": name, "onCall": True})

    @query
    def count(ctx: QueryCtx) -> int:  # noqa: N805
        """Return how many are on call."""
        return sum(row["onCall"] for row in ctx.db.query("doctors").collect())

    @mutation
    def go(ctx: MutationCtx, name: str) -> None:  # noqa: N805
        """Leave."""
        row = ctx.db.query("doctors").filter(lambda q: q.eq(q.field("name"), name)).unique()
        if row is not None:
            ctx.db.patch(row["_id"], {"onCall": False})

    @action
    async def leave(ctx: ActionCtx, name: str) -> None:  # noqa: N805
        """Leave, if somebody else stays."""
        if await ctx.run_query(api.doctors.count) > 1:
            await ctx.run_mutation(api.doctors.go, {"name": name})


class Letters:
    """A letter is marked as sent before it is sent."""

    @mutation
    def mark(ctx: MutationCtx, letter: str) -> None:  # noqa: N805
        """Mark it."""
        ctx.db.insert("sent", {"letter": letter})

    @action
    async def send(ctx: ActionCtx, letter: str) -> None:  # noqa: N805
        """Mark a letter, then send it."""
        await ctx.run_mutation(api.letters.mark, {"letter": letter})
        ctx.external("post").append(letter)


class Noise:
    """What others do meanwhile."""

    @mutation
    def note(ctx: MutationCtx, text: str) -> None:  # noqa: N805
        """Write something down."""
        ctx.db.insert("notes", {"text": text})


MODULES: Final = {
    "counter": Counter,
    "stages": Stages,
    "baskets": Baskets,
    "doctors": Doctors,
    "letters": Letters,
    "noise": Noise,
}
SCHEMA: Final = define_schema(
    {
        "counters": define_table({"value": v.number()}),
        "baskets": define_table({"state": v.string()}),
        "things": define_table({"basket": v.id("baskets"), "thing": v.string()}),
        "doctors": define_table({"name": v.string(), "onCall": v.boolean()}),
        "sent": define_table({"letter": v.string()}),
        "notes": define_table({"text": v.string()}),
    }
)
APP: Final = define_app(MODULES, SCHEMA)


def value(view: View) -> Any:
    """Return the number."""
    rows = view.documents("counters")
    return rows[0]["value"] if rows else 0


def noise(world: World, clients: int = 3) -> None:
    """Let some clients write notes."""
    for number in range(clients):
        world.client(f"noise{number}").mutation(api.noise.note, {"text": "hum"})


def two_bumps(world: World) -> None:
    """Let two clients bump."""
    for name in ("alice", "bob"):
        world.client(name).action(api.counter.racy_bump)


@eventually
def both_count(view: View) -> bool:
    """Two bumps make two."""
    return bool(value(view) == 2)  # noqa: PLR2004 - two


@scenario(app=APP, invariants=[both_count])
def lost_update(world: World) -> None:
    """Two actions read before either writes."""
    two_bumps(world)


@scenario(app=APP, invariants=[both_count])
def lost_update_in_noise(world: World) -> None:
    """The same, while three others write notes."""
    two_bumps(world)
    noise(world)


@eventually
def stays_below_four(view: View) -> bool:
    """The machine never gets to its last stage."""
    return bool(value(view) < 4)  # noqa: PLR2004 - four


def turns(world: World, last: int) -> None:
    """Let two actions lead the machine to its last stage, if they take turns."""
    world.client("odd").action(api.stages.every_other, {"first": 1, "last": last})
    world.client("even").action(api.stages.every_other, {"first": 0, "last": last})


@scenario(app=APP, invariants=[stays_below_four])
def three_constraints(world: World) -> None:
    """Four steps of two actions in turns, while three others write notes."""
    turns(world, 4)
    noise(world)


@eventually
def stays_below_six(view: View) -> bool:
    """The longer machine never gets to its last stage."""
    return bool(value(view) < 6)  # noqa: PLR2004 - six


@scenario(app=APP, invariants=[stays_below_six])
def five_constraints(world: World) -> None:
    """Six steps of two actions in turns, while two others write notes; each step that is taken shows by itself."""
    turns(world, 6)
    noise(world, 2)


@eventually
def nothing_is_stranded(view: View) -> None:
    """Every thing is in a basket that exists."""
    baskets = [row["_id"] for row in view.documents("baskets")]
    stranded = [row["thing"] for row in view.documents("things") if row["basket"] not in baskets]
    assert not stranded, f"in no basket: {', '.join(stranded)}"


@scenario(app=APP, invariants=[nothing_is_stranded])
def stale_id(world: World) -> None:
    """An id is asked for, a whole flush goes by, and then it is used; two others write notes."""
    world.client("adder").action(api.baskets.add, {"thing": "pear"})
    world.client("flusher").action(api.baskets.flush)
    noise(world, 2)


@eventually
def somebody_is_on_call(view: View) -> bool:
    """One doctor stays."""
    return any(row["onCall"] for row in view.documents("doctors"))


@scenario(app=APP, invariants=[somebody_is_on_call])
def write_skew(world: World) -> None:
    """Two doctors see each other on call, and both leave."""
    world.client("chief").mutation(api.doctors.hire)
    for name in ("ann", "bob"):
        world.client(name).action(api.doctors.leave, {"name": name})


@eventually
def every_call_succeeds(view: View) -> None:
    """Nobody gets an error."""
    for call in view.calls():
        assert call.error is None, call.error


@scenario(app=APP, invariants=[every_call_succeeds])
def five_conflicts(world: World) -> None:
    """Six mutations of one row: whoever loses five times gets an error."""
    for number in range(6):
        world.client(f"c{number}").mutation(api.counter.bump)


@eventually
def what_is_marked_is_sent(view: View) -> None:
    """Every letter that is marked has been sent."""
    marked = [row["letter"] for row in view.documents("sent")]
    assert sorted(marked) == sorted(view.external("post"))


@scenario(app=APP, invariants=[what_is_marked_is_sent], faults=Faults(crashes=1))
def crash_between(world: World) -> None:
    """An action dies between two of its steps, while two others write notes."""
    world.external("post")
    world.client("alice").action(api.letters.send, {"letter": "dear bob"})
    noise(world, 2)


BUGS: Final[tuple[Scenario, ...]] = (
    lost_update,
    lost_update_in_noise,
    write_skew,
    three_constraints,
    five_constraints,
    stale_id,
    five_conflicts,
    crash_between,
)
