"""DPOR against brute force: every outcome is seen, every trace once (issue 5, Exact; exploration.md 7)."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import pytest
from attrs import define, evolve, field

from convexsim import (
    ActionCtx,
    Certificate,
    Dpor,
    Exhaustive,
    Faults,
    FunctionError,
    MutationCtx,
    PastInvariant,
    QueryCtx,
    Response,
    Run,
    Scenario,
    Session,
    Simulation,
    UsageError,
    View,
    World,
    action,
    always,
    api,
    certify,
    check,
    cron_schedule,
    define_app,
    define_schema,
    define_table,
    eventually,
    gather,
    internal,
    internal_mutation,
    mutation,
    query,
    scenario,
    v,
    verify,
)
from convexsim.actors.footprints import Footprints
from convexsim.choices import Choices, Kind
from convexsim.explore import dpor
from convexsim.explore.block import Block, Plan, explore_block
from convexsim.explore.dependence import Dependence
from convexsim.explore.unfolding import Cut, Event, Unfolding
from convexsim.values import encode_id
from tests.explore.looks import Witness, some_rule, some_witness
from tests.explore.small_worlds import (
    APP,
    DISTURBED,
    LEDGERS,
    TABLE,
    Said,
    additions,
    declare,
    disturbed,
    increments,
    small_world,
    world_of,
)


@define
class Recorded:
    """Somebody else's choices, with footprints."""

    inner: Choices
    footprints: Footprints = field(factory=Footprints)
    draws: list[tuple[int, int]] = field(factory=list)

    def choose(self, kind: Kind, options: Any) -> int:
        index = self.inner.choose(kind, options)
        if kind != "step":
            self.draws.append((len(self.footprints.steps), index))
        return index


def outcome_of(run: Run) -> str:
    """Return everything that anybody could know at the end, if no invariant has looked at what came first."""
    view = run.view
    tables = {name: view.documents(name) for name in run.scenario.app.catalog().components[""].tables}
    calls = [[call.activity, repr(call.outcome)] for call in run.calls]
    ledgers = [view.contents(name) for name in LEDGERS]
    return repr([tables, calls, ledgers, run.ending])


def trace_of(recorded: Recorded, dependence: Dependence) -> Any:
    """Return what is the same in two runs exactly if one can be turned into the other by swapping steps that commute.

    Each step has a name: whose it is, the how manieth, and what was drawn in it; a trace is the set of all pairs of
    dependent ones in their order.
    """
    steps, counted = recorded.footprints.steps, Counter[str]()
    names = [("", 0, tuple(index for place, index in recorded.draws if place == 0))]
    for at, step in enumerate(steps, 1):
        counted[step.activity] += 1
        drawn = tuple(index for place, index in recorded.draws if place == at)
        names.append((step.activity, counted[step.activity], drawn))
    pairs = (
        (names[one + 1], names[other + 1])
        for other in range(len(steps))
        for one in range(other)
        if steps[one].activity == steps[other].activity
        or steps[one].moment < steps[other].moment
        or dependence.between(steps[one], steps[other])
    )
    return frozenset(names), frozenset(pairs)


def brute(scenario: Scenario, level: int, most: int, *, backoffs: bool = False) -> list[tuple[Recorded, Run]] | None:
    """Return all runs there are; None if there are too many."""
    explorer, runs = Exhaustive(most, backoffs=backoffs), []
    last: Run | None = None
    while (choices := explorer.propose(last)) is not None:
        recorded = Recorded(choices)
        last = Simulation(scenario, recorded, level=level, trace=False).run()
        runs.append((recorded, last))
    return runs if explorer.exhausted else None


def witnesses(scenario: Scenario) -> list[Witness]:
    return [each.predicate for each in scenario.invariants if isinstance(each.predicate, Witness)]


def reduced(scenario: Scenario, level: int, *, backoffs: bool = False) -> tuple[Dpor, list[Run]]:
    """Return what is left of them, up to the first that breaks an invariant."""
    explorer, runs = Dpor(50_000, backoffs=backoffs), []
    last: Run | None = None
    given_up = 0
    while (choices := explorer.propose(last)) is not None:
        if explorer.given_up > given_up:
            given_up = explorer.given_up
            for witness in witnesses(scenario):
                witness.seen.clear()
        last = Simulation(scenario, choices, level=level, trace=False).run()
        runs.append(last)
        if last.violations:
            return explorer, runs
    assert explorer.exhausted
    return explorer, runs


def compare(scenario: Scenario, level: int, most: int, *, backoffs: bool = False) -> bool:
    """Assert that both see the same; False if there is too much to see."""
    everything = brute(scenario, level, most, backoffs=backoffs)
    if everything is None:
        return False
    seen = [witness.seen for witness in witnesses(scenario)]
    for witness in witnesses(scenario):
        witness.seen = set()
    explorer, runs = reduced(scenario, level, backoffs=backoffs)
    assert [witness.seen for witness in witnesses(scenario)] == seen
    is_broken = any(run.violations for _, run in everything)
    assert is_broken == bool(runs[-1].violations)
    if is_broken:
        return True
    assert {outcome_of(run) for run in runs} == {outcome_of(run) for _, run in everything}
    traces = {trace_of(recorded, explorer.dependence) for recorded, _ in everything}
    assert explorer.traces == len(traces)
    assert explorer.traces + explorer.given_up == len(runs)
    return True


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("kind", ["plain", "scheduled", "actions", "parallel", "outside", "aside"])
def test_every_outcome_is_seen_and_every_trace_once(kind: str, level: int) -> None:
    assert sum(compare(small_world(kind, number), level, 24) for number in range(12)) > 2


@pytest.mark.parametrize("level", [2, 3])
def test_what_is_read_may_hang_on_what_has_been_read(level: int) -> None:
    assert sum(compare(small_world("adaptive", number), level, 24) for number in range(12)) > 2


@pytest.mark.parametrize("level", [2, 3])
def test_faults_and_random_numbers_are_drawn_every_way(level: int) -> None:
    worlds = [disturbed(small_world("adaptive", number), number) for number in range(len(DISTURBED))]
    assert sum(compare(world, level, 24) for world in worlds) > 2


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("kind", ["plain", "actions"])
def test_what_always_holds_is_judged_as_by_brute_force(kind: str, level: int) -> None:
    worlds = [small_world(kind, number, [some_rule(number)]) for number in range(12)]
    assert sum(compare(world, level, 24) for world in worlds) > 3


@pytest.mark.parametrize("level", [2, 3])
def test_whatever_an_invariant_looks_at_it_is_shown_all_that_there_is(level: int) -> None:
    worlds = [small_world("actions", number, [some_witness(number)]) for number in range(24)]
    assert sum(compare(world, level, 24) for world in worlds) > 9


@pytest.mark.parametrize(
    ("world", "level", "orders", "traces"),
    [
        (increments("abc"), 2, 90, 1),
        (increments("abc"), 3, 6, 1),
        (increments("aab"), 2, 142, 4),
        (increments("aab"), 3, 6, 2),
        (increments("aaa"), 2, 498, 60),
        (increments("aaa"), 3, 6, 6),
        # Begins that insert into the same table depend on each other (architecture.md 6.3).
        (additions(is_open=True), 2, 90, 6),
        (additions(is_open=False), 2, 498, 66),
    ],
)
def test_the_counts_of_the_prototype_are_kept(world: Scenario, level: int, orders: int, traces: int) -> None:
    everything = brute(world, level, 1_000)
    assert everything is not None
    assert len(everything) == orders
    explorer, runs = reduced(world, level)
    assert explorer.traces == traces
    assert {outcome_of(run) for run in runs} == {outcome_of(run) for _, run in everything}


def one_each(what: str, *given: list[Any]) -> list[list[Said]]:
    return [[(what, [each])] for each in given]


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize(
    ("clients", "outcomes"),
    [
        pytest.param(one_each("action", ["append", "post", 1], ["append", "post", 2]), 2, id="one ledger"),
        pytest.param(one_each("action", ["append", "post", 1], ["append", "bank", 2]), 1, id="two ledgers"),
        pytest.param(one_each("action", ["take", "bank"], ["take", "bank"]), 2, id="a plan's next entry"),
        pytest.param(one_each("action", ["take", "post"], ["take", "post"]), 1, id="a plan that is used up"),
        pytest.param(one_each("mutation", ["take", "bank"], ["take", "bank"]), 2, id="a plan, in transactions"),
        pytest.param(one_each("query", ["append", "post", 1], ["append", "post", 2]), 2, id="one ledger, in queries"),
        pytest.param(one_each("mutation", ["stamp", "x", 0], ["stamp", "y", 0]), 2, id="commit timestamps"),
        pytest.param(one_each("mutation", ["bump", "x", 0, 1], ["bump", "y", 0, 1]), 1, id="two tables"),
        pytest.param(one_each("mutation", ["insert", "x", 7, 1], ["insert", "x", 8, 1]), 2, id="creation times"),
        pytest.param(one_each("query", ["range", "x", 0], ["first", "x", 0]), 1, id="two queries"),
        pytest.param(
            [[("action", [["sleep", 5], ["append", "post", at]])] for at in range(3)], 6, id="due at the same moment"
        ),
        pytest.param(
            [[("action", [["both", [["go", [["bump", "x", 0, 1]]], ["append", "post", 1]], [["append", "post", 2]]]])]],
            2,
            id="branches of a gather",
        ),
    ],
)
def test_named_things_are_told_apart_where_their_order_shows(
    clients: list[list[Said]], level: int, outcomes: int
) -> None:
    world = world_of(clients, [eventually(lambda view: [view.external(name) for name in LEDGERS] != [])])
    assert compare(world, level, 500)
    runs = reduced(world, level)[1]
    assert len({outcome_of(run) + repr([run.view.external(name) for name in LEDGERS]) for run in runs}) == outcomes


@pytest.mark.parametrize(("level", "outcomes"), [(2, 4), (3, 2)])
def test_the_order_of_begins_and_that_of_commits_show_each_by_itself(level: int, outcomes: int) -> None:
    """Creation times follow begins, commit timestamps commits (convex-semantics 1.1, architecture.md 6.3)."""
    clients: list[list[Said]] = [
        [("mutation", [["insert", "x", 7, 1], ["stamp", "x", 0]])],
        [("mutation", [["insert", "x", 8, 1], ["stamp", "y", 0]])],
    ]
    world = world_of(clients, [])
    assert compare(world, level, 500)
    assert len({outcome_of(run) for run in reduced(world, level)[1]}) == outcomes


@pytest.mark.parametrize("level", [2, 3])
def test_the_network_answers_whoever_asks_first(level: int) -> None:
    """Its answers are used up in order, so two requests never commute (architecture.md 6.4)."""

    @action
    async def fetch(ctx: ActionCtx) -> Any:
        return (await ctx.fetch("https://example.com/")).body

    @scenario(app=define_app({"m": {"fetch": fetch}}))
    def two_requests(world: World) -> None:
        declare(world)
        world.network({"https://example.com/": [Response(200, "first"), Response(200, "second")]})
        for name in ("ann", "bob"):
            world.client(name).action("m:fetch")

    assert compare(two_requests, level, 500)
    ends = {tuple(call.result for call in run.calls) for run in reduced(two_requests, level)[1]}
    assert ends == {("first", "second"), ("second", "first")}


@pytest.mark.parametrize("level", [2, 3])
def test_the_rows_of_crons_are_made_by_no_step(level: int) -> None:
    """They stand there when the world begins, so whoever comes first has not made them."""

    @action
    async def tick(ctx: ActionCtx) -> None:
        await ctx.run_mutation("m:put")

    @mutation
    def put(ctx: MutationCtx) -> None:
        ctx.db.insert("x", {"key": 0, "value": 0})

    @query
    def count(ctx: QueryCtx) -> int:
        return len(ctx.db.query("x").collect())

    crons = cron_schedule()
    crons.interval("often", {"minutes": 1}, "m:tick")
    app = define_app({"m": {"tick": tick, "put": put, "count": count}}, define_schema({"x": TABLE}), crons=crons)

    @scenario(app=app, until_ms=1_000)
    def counting(world: World) -> None:
        declare(world)
        world.client("ann").query("m:count")

    assert check(counting, Dpor(20), level=level).exhausted
    assert compare(counting, level, 100)


def a_table_is_made() -> Scenario:
    """What an id means to an action's validator is asked as it begins, and that is nobody's read set (8, 1.2)."""

    @mutation
    def make(ctx: MutationCtx) -> None:
        ctx.db.insert("late", {})

    @action(args={"box": v.id("late")})
    async def look(ctx: ActionCtx, box: str) -> str:
        return "there"

    @action(args={"box": v.string()})
    async def ring_and_look(ctx: ActionCtx, box: str) -> str:
        await ctx.external("post").append(1)
        try:
            return str(await ctx.run_action("m:look", {"box": box}))
        except FunctionError:
            return "not there"

    app = define_app({"m": {"make": make, "look": look, "ring_and_look": ring_and_look}})
    next_number = app.catalog().beginning.components[""].next_number

    @scenario(app=app)
    def making(world: World) -> None:
        declare(world)
        world.client("ann").mutation("m:make")
        world.client("bob").action("m:ringAndLook", {"box": encode_id(next_number, bytes(16))})

    return making


@pytest.mark.parametrize("level", [2, 3])
def test_a_new_table_shows_where_no_transaction_reads(level: int) -> None:
    world = a_table_is_made()
    assert compare(world, level, 500)
    assert {run.calls[1].result for run in reduced(world, level)[1]} == {"there", "not there"}


def peeking(*, side_by_side: bool) -> Scenario:
    """Return a world in which bob peeks at a stale snapshot, and once more if ann has been there by then."""

    @query
    def count_rows(ctx: QueryCtx) -> int:
        return len(ctx.db.query("x").collect())

    @mutation
    def peek(ctx: MutationCtx) -> Any:
        return ctx.run_query("m:count", {}, use_stale_snapshot=True)

    @mutation
    def add(ctx: MutationCtx) -> None:
        ctx.db.insert("x", {})

    async def again_if_there_was_one(session: Session) -> None:
        if side_by_side:
            found = (await gather(session.mutation("m:peek"), session.mutation("m:peek")))[1]
        else:
            found = await session.mutation("m:peek")
        if found:
            await session.mutation("m:peek")

    app = define_app({"m": {"count": count_rows, "peek": peek, "add": add}}, define_schema({"x": define_table({})}))

    @scenario(app=app)
    def peekers(world: World) -> None:
        declare(world)
        world.client("ann").mutation("m:add")
        world.client("bob").run(again_if_there_was_one)

    return peekers


@pytest.mark.parametrize(("level", "ends"), [(2, {0, 1}), (3, {0, 1})])
def test_what_is_seen_of_a_stale_snapshot_is_no_conflict_but_tells_who_came_first(level: int, ends: set[int]) -> None:
    """Its reads stand in no read set (convex-semantics 5.2), and yet what comes of it hangs on them."""
    world = peeking(side_by_side=False)
    assert compare(world, level, 500)
    assert {run.calls[1].result for run in reduced(world, level)[1]} == ends
    proof = certify(world, level=level)
    assert isinstance(proof, Certificate)
    assert verify(world, proof).holds
    assert not verify(world, evolve(proof, runs=proof.runs[:1])).holds


def counting(*, deploys: bool) -> Scenario:
    """Return a world with a cron in which two count, and somebody deploys one more table or does not."""
    crons = cron_schedule()
    crons.interval("tick", {"seconds": 1}, internal.m.tick)

    @internal_mutation
    def tick(ctx: MutationCtx) -> None:
        ctx.db.insert("x", {})

    @query
    def count_rows(ctx: QueryCtx) -> int:
        return len(ctx.db.query("x").collect())

    module = {"tick": tick, "count": count_rows}
    tables = define_schema({"x": define_table({}), "y": define_table({})})
    app = define_app({"m": module}, define_schema({"x": define_table({})}), crons=crons)
    next_app = define_app({"m": module}, tables, crons=crons)

    @scenario(app=app, until_ms=1_500)
    def counted(world: World) -> None:
        declare(world)
        for name in ("ann", "bob"):
            world.client(name).query("m:count")
        if deploys:
            world.client("dan").deploy(next_app)

    return counted


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("deploys", [False, True])
def test_whoever_comes_first_after_a_deploy_has_not_made_its_tables(level: int, deploys: bool) -> None:  # noqa: FBT001
    """A deploy asks for creation times in a step of its own; so do crons, before all steps."""
    assert compare(counting(deploys=deploys), level, 500)


def test_a_search_that_is_led_astray_leaves_no_order_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """If footprints lie: here whoever comes first after a deploy is said to have made its tables."""
    ran = Footprints.ran

    def blaming(self: Footprints, made: Any) -> None:
        ran(self, made)
        for table in self._environment.stamps:
            if not any(f"creation times of {table}" in step.touches for step in self.steps):
                self.touch(f"creation times of {table}")

    monkeypatch.setattr(Footprints, "ran", blaming)
    explorer, runs = reduced(counting(deploys=True), 2)
    everything = brute(counting(deploys=True), 2, 500)
    assert everything is not None
    assert explorer.dependence.total == (dpor.ASTRAY,)
    assert {outcome_of(run) for run in runs} == {outcome_of(run) for _, run in everything}


def test_a_search_whose_runs_do_not_repeat_says_so() -> None:
    runs = count()

    @scenario(app=APP)
    def forgetful(world: World) -> None:
        declare(world)
        is_long = next(runs) % 3 == 1
        for client in "abc":
            for _ in range(1 + is_long):
                world.client(client).mutation("m:go", {"ops": [["insert", "x", 7, 1]]})

    with pytest.raises(UsageError, match=r"other steps have come .*audit\(scenario\)"):
        reduced(forgetful, 2)


def test_a_search_can_be_ended_while_it_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a large world that takes seconds between two runs, and whoever waits wants to hear of it within one."""
    monkeypatch.setattr(dpor, "THOUGHTS", 3)
    told: list[int] = []

    def stop(number: int, _: object = None) -> None:
        told.append(number)
        if told.count(number) == 3:  # once for the run, and then while it thinks about the next
            raise KeyboardInterrupt

    report = check(increments("aaa"), Dpor(), on_run=stop)
    assert (report.interrupted, report.exhausted, report.runs) == (True, False, told[-1])
    told.clear()
    tally = explore_block(increments("aaa"), Plan("dpor"), Block(0, 500), stop)
    assert (tally.is_whole, tally.exhausted, tally.runs) == (False, False, told[-1])


def test_a_certificate_lists_each_run_once_however_long_the_search_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    world = increments("aab")
    quick = certify(world, level=2)
    monkeypatch.setattr(dpor, "THOUGHTS", 1)
    assert certify(world, level=2) == quick


def test_entries_whose_order_nobody_looks_at_come_in_some_order() -> None:
    clients = one_each("action", ["append", "post", 1], ["append", "post", 2])
    contents = eventually(lambda view: view.contents("post") == [1, 2])
    assert reduced(world_of(clients, [contents]), 3)[0].traces == 1
    entries = eventually(lambda view: view.external("post") == [1, 2])
    assert reduced(world_of(clients, [contents, entries]), 3)[1][-1].violations


def test_an_invariant_over_two_tables_sees_which_was_written_first() -> None:
    """Nothing else does: without it both orders are one trace."""

    @always
    def x_is_first(view: View) -> bool:
        x, y = (sum(int(row["key"]) for row in view.documents(name)) for name in "xy")
        return x >= y or not x

    clients = one_each("mutation", ["move", "x", 1], ["move", "y", 1])
    for level in (2, 3):
        assert reduced(world_of(clients), level)[0].traces == 1
        report = check(world_of(clients, [x_is_first]), Dpor(), level=level)
        assert report.finding is not None
        assert [broken.invariant for broken in report.finding.violations] == ["x_is_first"]


@pytest.mark.parametrize("level", [2, 3])
def test_an_invariant_over_a_table_and_the_network_sees_which_came_first(level: int) -> None:
    @action
    async def ask(ctx: ActionCtx) -> None:
        await ctx.fetch("https://example.com/")

    @mutation
    def write(ctx: MutationCtx) -> None:
        ctx.db.insert("notes", {})

    @always
    def asked_before_written(view: View) -> bool:
        return bool(view.requests()) or not view.documents("notes")

    app = define_app({"m": {"ask": ask, "write": write}}, define_schema({"notes": define_table({})}))

    @scenario(app=app, invariants=[asked_before_written])
    def asking(world: World) -> None:
        world.network({"https://example.com/": Response(200)})
        world.client("ann").action("m:ask")
        world.client("bob").mutation("m:write")

    report = check(asking, Dpor(), level=level)
    assert report.finding is not None
    assert report.finding.found_at_run > 1


THREE_CALLS: list[list[Said]] = [
    [("mutation", [["bump", "x", 0, 1]])],
    [("mutation", [["bump", "y", 0, 1]])],
    [("query", [["first", "z", 0]])],
]


def shown(view: View, fact: str) -> Any:
    match fact:
        case "m:go" | "m:look":
            return [answered.activity for answered in view.answers(fact)]
        case "answered":
            return [call.outcome is not None for call in view.calls()]
        case "now and z":
            return view.now, view.documents("z")
        case _:
            return getattr(view, fact)


@pytest.mark.parametrize(
    ("when", "fact", "traces"),
    [
        (eventually, "m:go", 2),
        (eventually, "m:look", 1),
        (eventually, "writer", 2),
        (eventually, "answered", 1),
        (eventually, "now and z", 1),
        (always, "m:go", 2),
        (always, "m:look", 6),
        (always, "answered", 6),
        (always, "ts", 2),
        (always, "now and z", 2),
    ],
)
def test_only_those_steps_depend_on_each_other_whose_order_an_invariant_looks_at(
    when: Any, fact: str, traces: int
) -> None:
    seen: list[str] = []

    def looks(view: View) -> None:
        seen.append(repr(shown(view, fact)))

    world = world_of(THREE_CALLS, [when(looks)])
    assert brute(world, 3, 10) is not None
    everything = set(seen)
    seen.clear()
    explorer, _ = reduced(world, 3)
    assert explorer.traces == traces
    assert set(seen) == everything
    assert not explorer.dependence.total


@pytest.mark.parametrize("fact", ["failed_functions", "faults"])
def test_what_fails_is_shown_in_every_order(fact: str) -> None:
    seen: set[str] = set()

    def looks(view: View) -> None:
        found = getattr(view, fact)
        seen.add(repr(found() if callable(found) else found))

    later: list[list[Said]] = [[("mutation", [["later", 0, [["throw", at]]] for at in (1, 2)])]]
    plain: list[list[Said]] = [[("mutation", [["bump", table, 0, 1]])] for table in "xy"]
    world = world_of(later if fact == "failed_functions" else plain, [eventually(looks)])
    if fact == "faults":
        world = world.variant("faulty", faults=Faults(system_errors=2))
    assert brute(world, 3, 2_000) is not None
    everything = set(seen)
    seen.clear()
    reduced(world, 3)
    assert seen == everything


def test_those_who_wake_at_the_same_moment_are_shown_in_every_order() -> None:
    """What they do then is no step of its own: it follows from who went to sleep first."""
    seen: set[str] = set()

    @eventually
    def looks(view: View) -> bool:
        seen.add(repr([answered.activity for answered in view.answers("m:act")]))
        return True

    sleeper: list[Said] = [("action", [["append", "post", 1], ["sleep", 5]])]
    others: list[Said] = [("action", [["append", "bank", 1], ["sleep", 5]])]
    reduced(world_of([sleeper, others], [looks]), 3)
    assert len(seen) == 2


def test_an_invariant_that_looks_back_is_shown_every_order() -> None:
    looks = PastInvariant("looks", "eventually", "It looks back.", lambda _view: True)
    settled = eventually(lambda view: bool(view.calls()))
    world = world_of(one_each("mutation", ["bump", "x", 0, 1], ["bump", "y", 0, 1]), [settled, looks])
    report = check(world, Dpor(), level=3)
    assert report.exhausted
    assert report.notes[0].startswith("2 traces")
    assert report.notes[1:] == ["no order left out: looks looks at the order of steps"]


def test_what_cannot_be_reduced_is_refused() -> None:
    world = small_world("plain", 0)
    with pytest.raises(UsageError, match="level 1"):
        check(world, Dpor(), level=1)
    with pytest.raises(UsageError, match="restart"):
        check(world.variant("restarting", faults=Faults(restarts=1)), Dpor())
    with pytest.raises(UsageError, match="max_runs=0"):
        Dpor(0)


@pytest.mark.parametrize("faults", [Faults(conflicts=1), Faults(crashes=1, system_errors=1), Faults(disconnects=1)])
def test_faults_are_taken_every_way(faults: Faults) -> None:
    clients: list[list[Said]] = [
        [("mutation", [["bump", "x", 0, 1]])],
        [("action", [["append", "post", 1], ["go", [["bump", "x", 0, 2]]]])],
    ]
    assert compare(world_of(clients).variant("faulty", faults=faults), 3, 1_000)


ASLEEP: list[list[Said]] = [
    [("action", [["go", [["bump", "x", 0, 1]]], ["sleep", 5], ["if", ["drawn"], [["append", "post", 1]], []]])],
    [("mutation", [["bump", "y", 0, 2]]), ("mutation", [["bump", "y", 0, 3]])],
]


@pytest.mark.parametrize("given", [{"random_values": 2}, {"faults": Faults(crashes=1)}])
def test_what_is_drawn_as_time_passes_belongs_to_no_step(given: dict[str, Any]) -> None:
    """Who has slept draws before anybody's turn, after whichever step was the last before time passed."""
    world = world_of(ASLEEP).variant("asleep", **given)
    assert compare(world, 3, 1_000)
    found = certify(world, backoffs=False)
    assert isinstance(found, Certificate)
    assert verify(world, found).holds
    notes = check(world, Dpor(), level=3).notes
    assert "no order left out: something is drawn as time passes" in notes


def test_back_offs_are_taken_every_way() -> None:
    assert compare(increments("aa"), 2, 1_000, backoffs=True)


ALONE = {
    "once each": (increments("abcdef"), 25),
    "twice each": (world_of([[("mutation", [["bump", table, 0, 1]])] * 2 for table in "xyz"]), 15),
    "three now, one later": (
        world_of(
            [
                *([("mutation", [["bump", table, 0, 1]])] for table in "xyz"),
                [("action", [["sleep", 5], ["go", [["bump", table, 0, 2] for table in "xyz"]]])],
            ]
        ),
        11,
    ),
}
"""Worlds in which no two writers share a document, so that all orders are one trace, and how many steps each has."""


@pytest.mark.parametrize("name", ALONE)
def test_of_steps_that_nothing_known_depends_on_one_order_is_gone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world, steps = ALONE[name]
    asked: list[tuple[int, ...]] = []
    known = Unfolding.known

    def counted(unfolding: Unfolding, cut: Cut, newest: Event | None, name: tuple[str, int]) -> list[Event]:
        asked.append(cut.last)
        return known(unfolding, cut, newest, name)

    monkeypatch.setattr(Unfolding, "known", counted)
    explorer, _ = reduced(world, 2)
    assert explorer.traces == 1
    assert len(set(asked)) == steps


def test_two_races_end_in_every_combination() -> None:
    """Each step of the fourth combination is known from a run of another one; its end is not."""
    world = increments("aabb")
    assert compare(world, 3, 24)
    assert reduced(world, 3)[0].traces == 4


def test_what_comes_to_light_late_is_gone_into() -> None:
    """Only after the third and the fourth does the second write what the first has written."""
    if_both = ["if", ["first", "y", 0], [["if", ["first", "z", 0], [["bump", "x", 0, 2]], []]], []]
    bumps = [["bump", table, 0, 1] for table in "xyz"]
    assert compare(world_of(one_each("mutation", bumps[0], if_both, *bumps[1:])), 3, 24)


def test_no_place_is_gone_through_for_each_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are 20 ways to the cut where the first three of one pair and of the other have run; two passes go there."""
    asked = Counter[tuple[tuple[int, ...], tuple[str, int]]]()
    known = Unfolding.known

    def counted(unfolding: Unfolding, cut: Cut, newest: Event | None, name: tuple[str, int]) -> list[Event]:
        asked[cut.last, name] += 1
        return known(unfolding, cut, newest, name)

    monkeypatch.setattr(Unfolding, "known", counted)
    reduced(increments("aabb"), 2)
    assert max(asked.values()) <= 3


def test_a_crowded_scheduler_loses_no_order() -> None:
    later = [[("mutation", [["later", 0, [["bump", "x", 0, at]]]])] for at in (1, 2)]
    crowded = world_of(later).variant("crowded", parallelism=1)
    assert compare(crowded, 3, 2_000)
    assert any("places" in note for note in check(crowded, Dpor(), level=3).notes)


def test_it_gives_up_where_it_was_told_to_and_says_so() -> None:
    report = check(increments("aaa"), Dpor(10, backoffs=False))
    assert report.runs == 10
    assert not report.exhausted


def test_it_gives_up_when_it_would_keep_too_many_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dpor, "MAX_EVENTS", 20)
    report = check(increments("aaa"), Dpor(backoffs=False))
    assert not report.exhausted
    assert report.runs < 60
    assert report.notes[-1] == "given up at 20 events: try a smaller world, level 3, or Bounded"


@pytest.mark.parametrize("disconnects", [0, 1])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_a_script_does_side_by_side_shares_its_session(kind: Any, disconnects: int) -> None:
    """Which branch calls next is named by its place among the session's calls (`Session`)."""

    async def branch(session: Session, table: str) -> None:
        await session.query(api.m.look, {"ops": [["first", table, 0]]})
        await session.mutation(api.m.go, {"ops": [["bump", table, 0, 1]]})

    async def both(session: Session) -> None:
        await gather(branch(session, "x"), branch(session, "y"))

    @scenario(app=APP, faults=Faults(disconnects=disconnects))
    def scripted(world: World) -> None:
        declare(world)
        world.client("alice", kind=kind).run(both)
        world.client("bob").mutation(api.m.go, {"ops": [["insert", "x", 0, 1]]})

    assert compare(scripted, 3, 4_000)
