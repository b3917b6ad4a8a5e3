"""A mutation's life, one straight walk: architecture.md 3, message by message.

Each story is the exact sequence of steps of a run: who handles which message, on whose behalf, and what the trace says
of it. At level 1 every message is a choice; at levels 2 and 3 the same messages travel, but fewer are choices.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    MutationCtx,
    QueryCtx,
    Run,
    Scenario,
    Simulation,
    World,
    action,
    api,
    define_app,
    define_schema,
    define_table,
    internal,
    internal_action,
    internal_mutation,
    mutation,
    query,
    scenario,
    v,
)
from convexsim.choices import Choices, FirstChoices, Kind, Option, RandomChoices, root_of
from convexsim.trace.event import Read, Stepped

# ------------------------------------------------------------------------------------------------------------ the world

schema = define_schema({"counters": define_table({"name": v.string(), "value": v.number()}).index("by_name", ["name"])})


@query(args={"name": v.string()})
def read(ctx: QueryCtx, name: str) -> Any:
    row = ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()
    return None if row is None else row["value"]


@mutation(args={"name": v.string()})
def bump(ctx: MutationCtx, name: str) -> None:
    row = ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()
    if row is None:
        ctx.db.insert("counters", {"name": name, "value": 1})
    else:
        ctx.db.patch(row["_id"], {"value": row["value"] + 1})


@mutation(args={"name": v.string()})
def refuse(ctx: MutationCtx, name: str) -> None:
    bump.call(ctx, {"name": name})
    raise ValueError("refused")


@mutation(args={"name": v.string(), "delay": v.number()})
def bump_later(ctx: MutationCtx, name: str, delay: float) -> None:
    ctx.scheduler.run_after(delay, internal.counters.bump_inside, {"name": name})


@internal_mutation(args={"name": v.string()})
def bump_inside(ctx: MutationCtx, name: str) -> None:
    bump.call(ctx, {"name": name})


@mutation
def cancel_all(ctx: MutationCtx) -> None:
    for row in ctx.db.system.query("_scheduled_functions").collect():
        ctx.scheduler.cancel(row["_id"])


@action(args={"name": v.string()})
async def bump_and_note(ctx: ActionCtx, name: str) -> None:
    await ctx.run_mutation(api.counters.bump, {"name": name})
    await ctx.external("ledger").append(name)


@mutation
def act_later(ctx: MutationCtx) -> None:
    ctx.scheduler.run_after(0, internal.counters.act)


@internal_action
async def act(ctx: ActionCtx) -> None:
    pass


app = define_app(
    {
        "counters": {
            "read": read,
            "bump": bump,
            "refuse": refuse,
            "bump_later": bump_later,
            "bump_inside": bump_inside,
            "cancel_all": cancel_all,
            "bump_and_note": bump_and_note,
            "act_later": act_later,
            "act": act,
        }
    },
    schema,
)

# ------------------------------------------------------------------------------------------------------ telling a story

# step := (activity, actor, message, what the trace says of it)
Story = list[tuple[str, str, str, str]]

STARTED: Story = [
    ("", actor, "start", "") for actor in ("Committer", "Scheduler", "Outside", "Runner")
]  # then one for each client


def story(run: Run) -> Story:
    """What happened at each step, the actors' own starts included."""
    assert run.trace is not None
    told: Story = []
    for event in run.trace.events:
        if isinstance(event, Stepped):
            told.append((event.activity, event.actor, event.phase, ""))
        elif not isinstance(event, Read):  # whoever begins has read: it is no message, and would stand at every begin
            activity, actor, phase, said = told[-1]
            told[-1] = (activity, actor, phase, f"{said} {type(event).__name__}".strip())
    return told


def of(root: str, told: Story) -> Story:
    return [step for step in told if step[0] and root_of(step[0]) == root]


def steps(run: Run) -> list[Stepped]:
    assert run.trace is not None
    return [event for event in run.trace.events if isinstance(event, Stepped)]


class Turns:
    """Gives each step to whom is named next, then to whom option 0 says; answers back-offs with `wait`."""

    def __init__(self, turns: Sequence[str], wait: int = 0) -> None:
        self._turns = iter(turns)
        self._wait = wait

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        if kind == "backoff":
            return self._wait
        turn = next(self._turns, root_of(options[0].activity))
        return [root_of(option.activity) for option in options].index(turn)


def simulate(name: str, args: dict[str, Any] | None = None, level: int = 1) -> Run:
    @scenario(app=app)
    def one_call(world: World) -> None:
        world.external("ledger")
        kind = {"read": "query", "bump_and_note": "action"}.get(name, "mutation")
        getattr(world.client("alice"), kind)(getattr(api.counters, name), {"name": "hits"} if args is None else args)

    return Simulation(one_call, level=level).run()


def scenario_of(*calls: tuple[str, str, str, dict[str, Any]]) -> Scenario:
    @scenario(app=app)
    def several(world: World) -> None:
        world.external("ledger")
        for client, kind, name, args in calls:
            getattr(world.client(client), kind)(getattr(api.counters, name), args)

    return several


# ------------------------------------------------------------------------------------------------------------- the walk


def test_a_mutation() -> None:
    assert story(simulate("bump")) == [
        *STARTED,
        ("", "Client", "start", ""),
        ("alice", "Client", "start", ""),
        ("alice.1", "Runner", "run", "Called"),  # 1 RunMutation
        ("alice.1", "Committer", "begin", "Began"),  # 2 RequestSnapshot
        ("alice.1", "Runner", "resume", ""),  # 3 SnapshotReady; 4 the handler runs whole, in this step
        ("alice.1", "Committer", "commit", "Committed"),  # 5 Commit; 6 validate and publish
        ("alice.1", "Runner", "resume", "Ended"),  # 7 committed: reply
        ("alice", "Client", "resume", ""),
    ]


def test_a_query_stops_after_its_handler() -> None:
    assert of("alice", story(simulate("read"))) == [
        ("alice", "Client", "start", ""),
        ("alice.1", "Runner", "run", "Called"),
        ("alice.1", "Committer", "begin", "Began"),
        ("alice.1", "Runner", "resume", "Ended"),
        ("alice", "Client", "resume", ""),
    ]


def test_a_mutation_that_throws_is_not_judged() -> None:
    assert of("alice", story(simulate("refuse"))) == [
        ("alice", "Client", "start", ""),
        ("alice.1", "Runner", "run", "Called"),
        ("alice.1", "Committer", "begin", "Began"),
        ("alice.1", "Runner", "resume", "Aborted Ended"),
        ("alice", "Client", "resume", ""),
    ]


def test_an_action_is_made_of_messages() -> None:
    assert of("alice", story(simulate("bump_and_note"))) == [
        ("alice", "Client", "start", ""),
        ("alice.1", "Runner", "run", "Called"),
        ("alice.1.1", "Runner", "run", "Called"),
        ("alice.1.1", "Committer", "begin", "Began"),
        ("alice.1.1", "Runner", "resume", ""),
        ("alice.1.1", "Committer", "commit", "Committed"),
        ("alice.1.1", "Runner", "resume", "Ended"),
        ("alice.1", "Runner", "resume", ""),
        ("alice.1.2", "Outside", "external", "Did"),
        ("alice.1", "Runner", "resume", "Ended"),
        ("alice", "Client", "resume", ""),
    ]


@pytest.mark.parametrize(("wait", "waited_ms"), [(0, 0), (3, 37.5)])
def test_a_conflict_and_its_retry(wait: int, waited_ms: float) -> None:
    """Bob begins, alice goes the whole way, then bob commits: he lost, waits, and walks again from 2."""
    bumps = scenario_of(*[(name, "mutation", "bump", {"name": "hits"}) for name in ("alice", "bob")])
    run = Simulation(bumps, Turns(["bob"] * 4 + ["alice"] * 7, wait), level=1).run()
    waiting = [("bob.1", "Runner", "resume", "")] if wait else []
    assert story(run) == [
        *STARTED,
        *[("", "Client", "start", "")] * 2,
        ("bob", "Client", "start", ""),
        ("bob.1", "Runner", "run", "Called"),
        ("bob.1", "Committer", "begin", "Began"),
        ("bob.1", "Runner", "resume", ""),
        ("alice", "Client", "start", ""),
        ("alice.1", "Runner", "run", "Called"),
        ("alice.1", "Committer", "begin", "Began"),
        ("alice.1", "Runner", "resume", ""),
        ("alice.1", "Committer", "commit", "Committed"),
        ("alice.1", "Runner", "resume", "Ended"),
        ("alice", "Client", "resume", ""),
        ("bob.1", "Committer", "commit", "Conflicted"),
        ("bob.1", "Runner", "resume", "Waited"),  # 7 conflict: the back-off timer,
        *waiting,
        ("bob.1", "Committer", "begin", "Began"),  # and back to 2
        ("bob.1", "Runner", "resume", ""),
        ("bob.1", "Committer", "commit", "Committed"),
        ("bob.1", "Runner", "resume", "Ended"),
        ("bob", "Client", "resume", ""),
    ]
    assert run.now == waited_ms
    assert [document["value"] for document in run.view.documents("counters")] == [2]


def test_a_scheduled_mutation() -> None:
    run = simulate("bump_later", {"name": "hits", "delay": 250})
    assert of("alice", story(run)) == [
        ("alice", "Client", "start", ""),
        ("alice.1", "Runner", "run", "Called"),
        ("alice.1", "Committer", "begin", "Began"),
        ("alice.1", "Runner", "resume", "Did"),
        ("alice.1", "Committer", "commit", "Committed"),
        ("alice.1", "Scheduler", "published", ""),  # 8 Published
        ("alice.1", "Runner", "resume", "Ended"),
        ("alice", "Client", "resume", ""),
    ]
    assert of("alice.1+1", story(run)) == [
        ("alice.1+1", "Scheduler", "due", ""),
        ("alice.1+1", "Runner", "run", "Called"),
        ("alice.1+1", "Committer", "begin", "Began"),  # the walk starts again at 2
        ("alice.1+1", "Runner", "resume", ""),
        ("alice.1+1", "Committer", "commit", "Committed"),
        ("alice.1+1", "Runner", "resume", "Ended"),
        ("alice.1+1", "Scheduler", "done", ""),
    ]
    assert {(step.activity, step.at_ms) for step in steps(run)[-7:]} == {("alice.1+1", 250)}


def test_a_cancel_may_come_between_the_time_of_a_function_and_its_start() -> None:
    """The clock has told the scheduler, but it hears of the cancel first: the function is not run."""

    @scenario(app=app)
    def cancel_when_due(world: World) -> None:
        world.client("alice").mutation(api.counters.bump_later, {"name": "hits", "delay": 250})
        world.client("bob").wait(250)
        world.client("bob").mutation(api.counters.cancel_all)

    run = Simulation(cancel_when_due, Turns(["bob", "alice"] + ["bob"] * 6), level=1).run()
    told = story(run)
    assert told.index(("alice.1+1", "Scheduler", "due", "")) > told.index(("bob.1", "Scheduler", "published", ""))
    assert [row["state"]["kind"] for row in run.view.scheduled_functions()] == ["canceled"]
    assert run.view.documents("counters") == []


def test_a_scheduled_action_starts_and_ends_in_transactions_of_its_own() -> None:
    """convex-semantics 3.3: inProgress is committed before it runs, its outcome after. This one is due at once."""
    assert of("alice.1+1", story(simulate("act_later", {}))) == [
        ("alice.1+1", "Runner", "run", ""),
        ("alice.1+1", "Committer", "begin", "Began"),
        ("alice.1+1", "Runner", "resume", ""),
        ("alice.1+1", "Committer", "commit", "Committed"),
        ("alice.1+1", "Runner", "resume", "Called Ended"),
        ("alice.1+1", "Committer", "begin", "Began"),
        ("alice.1+1", "Runner", "resume", ""),
        ("alice.1+1", "Committer", "commit", "Committed"),
        ("alice.1+1", "Runner", "resume", "StateChanged"),
        ("alice.1+1", "Scheduler", "done", ""),
    ]


# ----------------------------------------------------------------------------------------------------------- the levels

busy = scenario_of(
    ("alice", "action", "bump_and_note", {"name": "a"}),
    ("bob", "mutation", "bump_later", {"name": "b", "delay": 5}),
    ("carol", "query", "read", {"name": "c"}),
    ("dave", "mutation", "bump", {"name": "d"}),
)
"""Every kind of message once, and no two transactions that conflict."""


def by_activity(run: Run) -> dict[str, list[tuple[str, str, str]]]:
    """Return what was done for each activity, in order; who overtook whom is left out."""
    told = defaultdict(list)
    for activity, actor, phase, said in story(run):
        told[f"{activity} at {actor}"].append((actor, phase, said))
    return told


@pytest.mark.parametrize("choices", [FirstChoices(), RandomChoices(1), RandomChoices(2)])
def test_the_same_messages_travel_at_every_level(choices: Choices) -> None:
    runs = [Simulation(busy, choices, level=level).run() for level in (1, 2, 3)]
    assert by_activity(runs[0]) == by_activity(runs[1]) == by_activity(runs[2])
    counts = [sum(1 for step in steps(run) if step.options) for run in runs]
    assert counts == [len(run.indexes) for run in runs]
    assert counts[0] > counts[1] > counts[2] > 0


@pytest.mark.parametrize(
    ("level", "chosen"),
    [
        (1, {"start", "run", "begin", "resume", "commit", "published", "external", "due", "done"}),
        (2, {"begin", "commit", "external"}),
        (3, {"begin", "external"}),
    ],
)
def test_what_is_a_choice_at_each_level(level: int, chosen: set[str]) -> None:
    """At level 1 every message between actors; what has no footprint is run at once at levels 2 and 3."""
    phases: Counter[str] = Counter()

    @scenario(app=app)
    def meeting(world: World) -> None:
        """Two functions are due when a client wakes up."""
        for name in ("alice", "bob"):
            world.client(name).mutation(api.counters.bump_later, {"name": name, "delay": 5})
        world.client("carol").wait(5)
        world.client("carol").query(api.counters.read, {"name": "alice"})

    for seed in range(40):
        for world in (busy, meeting):
            run = Simulation(world, RandomChoices(seed), level=level).run()
            phases.update(step.phase for step in steps(run) if step.options)
            assert all(step.options == 0 for step in steps(run) if step.activity == "")  # an actor's own start
    assert set(phases) == chosen


def test_at_level_3_nothing_comes_between_begin_and_commit() -> None:
    """A mutation is one step there, so that it cannot conflict."""
    bumps = scenario_of(*[(name, "mutation", "bump", {"name": "hits"}) for name in "abc"])
    for seed in range(30):
        told = story(Simulation(bumps, RandomChoices(seed), level=3).run())
        order = [activity for activity, _, phase, _ in told if phase in ("begin", "commit")]
        assert order[::2] == order[1::2]
        assert "Conflicted" not in {said for *_, said in told}
