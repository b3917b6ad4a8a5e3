"""The conflict report: numbers that one can count by hand, and what it says of a read is what leaving it out does.

Counted by hand: in lockstep one of n callers that have all read what all write wins each round, and a client has five.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from convexsim import (
    Arrivals,
    Exhaustive,
    Faults,
    Lockstep,
    LockstepChoices,
    RandomWalk,
    Scenario,
    Simulation,
    World,
    always,
    api,
    conflicts,
    define_app,
    define_schema,
    define_table,
    internal,
    mutation,
    query,
    replay,
    scenario,
    v,
)
from convexsim.choices import RandomChoices
from convexsim.explore.conflicts import Cell, ConflictReport, FunctionConflicts
from convexsim.explore.contention import Caller, Place, contention_of
from convexsim.trace.event import Conflicted
from convexsim.trace.names import Shapes
from scenarios.hot_batch import hot_batch
from tests.explore.worlds import app as counters_app

ONE_RUN: Final = RandomWalk(runs=1)
SCHEMA: Final = define_schema(
    {
        "books": define_table({"title": v.string()}).index("by_title", ["title"]),
        "lent": define_table({"book": v.string()}),
        "notes": define_table({}),
    }
)


class Library:
    @mutation
    def count(ctx: Any) -> None:  # noqa: N805 - a function that the class only collects
        ctx.db.query("books").with_index("by_title", lambda q: q.eq("title", "Emma")).collect()
        ctx.db.query("lent").collect()
        ctx.db.insert("notes", {})

    @mutation
    def count_books(ctx: Any) -> None:  # noqa: N805
        ctx.db.query("books").with_index("by_title", lambda q: q.eq("title", "Emma")).collect()
        ctx.db.insert("notes", {})

    @mutation
    def count_lent(ctx: Any) -> None:  # noqa: N805
        ctx.db.query("lent").collect()
        ctx.db.insert("notes", {})

    @mutation
    def buy(ctx: Any) -> None:  # noqa: N805
        ctx.db.insert("books", {"title": "Emma"})

    @mutation
    def buy_and_lend(ctx: Any) -> None:  # noqa: N805
        ctx.db.insert("books", {"title": "Emma"})
        ctx.db.insert("lent", {"book": "Emma"})

    @mutation
    def buy_another(ctx: Any) -> None:  # noqa: N805
        ctx.db.insert("books", {"title": "Persuasion"})

    @mutation(args={"title": v.string()})
    def get(ctx: Any, title: str) -> None:  # noqa: N805
        ctx.db.insert("books", {"title": title})

    @mutation
    def buy_later(ctx: Any) -> None:  # noqa: N805
        ctx.scheduler.run_after(0, internal.m.buy)

    @mutation
    def rename(ctx: Any) -> None:  # noqa: N805
        ctx.db.patch(ctx.db.query("books").first()["_id"], {"title": "Sanditon"})

    @query
    def look(ctx: Any) -> int:  # noqa: N805
        return len(ctx.db.query("books").collect())


APP: Final = define_app({"m": Library}, SCHEMA)
BY_TITLE: Final = Place("books.by_title", '("Emma", …)', "range")
LENT: Final = Place("lent.by_creation_time", "(…)", "index")


def together(*functions: str, invariants: Sequence[Any] = ()) -> Scenario:
    """Return a scenario in which each function is called by a client of its own; in lockstep they commit in order."""

    @scenario(app=APP, invariants=invariants)
    def calls(world: World) -> None:
        for at, function in enumerate(functions):
            world.client(f"c{at}").mutation(getattr(api.m, function))

    return calls


def bumps(clients: int) -> Scenario:
    @scenario(app=counters_app())
    def calls(world: World) -> None:
        world.client("first").mutation(api.counters.bump)
        for at in range(clients):
            client = world.client(f"c{at}")
            client.wait(1)
            client.mutation(api.counters.bump)

    return calls


def only(report: ConflictReport) -> FunctionConflicts:
    (function,) = report.functions
    return function


def cells_of(report: ConflictReport) -> dict[Place, Cell]:
    assert len({cell.function for cell in report.cells}) <= 1
    return {cell.place: cell for cell in report.cells}


# ------------------------------------------------------------------------------------------------ counts


@pytest.mark.parametrize(("clients", "lost", "gave_up"), [(2, 1, 0), (5, 10, 0), (7, 20, 2), (20, 85, 15)])
def test_in_lockstep_one_wins_a_round_and_there_are_five(clients: int, lost: int, gave_up: int) -> None:
    found = only(conflicts(bumps(clients), sample=ONE_RUN))
    assert (found.worst_conflicts, found.worst_given_up) == (lost, gave_up)
    assert found.most_attempts == min(clients, 5)
    assert found.loses_to == (("counters:bump", lost),)


def test_a_later_call_that_gets_through_at_once_makes_no_worst_case_better() -> None:
    crowd = bumps(3)

    @scenario(app=crowd.app)
    def and_one_more(world: World) -> None:
        crowd.body(world)
        late = world.client("late")
        late.wait(1_000)
        late.mutation(api.counters.bump)

    found = only(conflicts(and_one_more, sample=ONE_RUN))
    assert (found.calls, found.most_attempts, found.worst_conflicts) == (5, 3, 3)


def test_averages_are_those_of_the_walk_and_the_serial_run_has_no_conflict() -> None:
    found = only(conflicts(bumps(3), sample=ONE_RUN))
    assert (found.calls, found.attempts, found.conflicts) == (4, 1, 0)
    walk = only(conflicts(bumps(3), sample=RandomWalk(runs=40)))
    assert walk.calls == 4
    assert walk.attempts == 1 + walk.conflicts / 4 > 1


def test_the_worst_run_can_be_repeated() -> None:
    world = bumps(6)
    found = only(conflicts(world, sample=RandomWalk(runs=10)))
    tally = contention_of(replay([world], found.worst_in).run).tallies["counters:bump"]
    assert (tally.conflicts, tally.given_up) == (found.worst_conflicts, found.worst_given_up) == (15, 1)


def test_the_walk_has_a_hundred_runs_if_nobody_says() -> None:
    assert conflicts(together("buy")).sample_runs == 100


def test_an_explorer_comes_on_top_and_all_runs_are_counted() -> None:
    seen: list[int] = []
    report = conflicts(
        together("count", "buy"), Exhaustive(backoffs=False), sample=RandomWalk(runs=3), on_run=seen.append
    )
    assert [name.partition(",")[0] for name in report.explorers] == ["lockstep", "random walk", "exhaustive"]
    assert seen == list(range(1, report.runs + 1))
    assert (report.sample_runs, report.cut_short) == (3, 0)
    assert report.runs > 4


def test_a_query_is_no_row_and_what_is_scheduled_is_patient() -> None:
    @scenario(app=APP)
    def mixed(world: World) -> None:
        world.client("a").query(api.m.look)
        world.client("b").mutation(api.m.buy_later)

    report = conflicts(mixed, sample=ONE_RUN)
    assert [function.name for function in report.functions] == ["m:buy", "m:buyLater"]
    assert {caller.is_patient for caller in report.traffic.shares if caller.function == "m:buy"} == {True}
    assert report.traffic.shares[Caller("m:buyLater", is_patient=False)] == 1
    assert [one.function for one in report.exhaustion(Arrivals(1))] == ["m:buyLater"]


def test_a_run_that_breaks_early_is_said_to() -> None:
    @always
    def no_book_is_there(view: Any) -> bool:
        return not view.documents("books")

    report = conflicts(together("buy", "buy", invariants=[no_book_is_there]), sample=ONE_RUN)
    assert report.cut_short == report.runs == 2
    assert "2 runs ended before all was done" in str(report)


# ------------------------------------------------------------------------------------------------ where and why


def lost_in_lockstep(*functions: str) -> int:
    run = Simulation(together(*functions), LockstepChoices()).run()
    assert run.trace is not None
    return sum(type(happened) is Conflicted for happened in run.trace.events)


@pytest.mark.parametrize(
    ("writers", "hit", "decisive"),
    [
        (["buy"], {BY_TITLE: 1}, {BY_TITLE: 1}),
        (["buy_and_lend"], {BY_TITLE: 1, LENT: 1}, {BY_TITLE: 0, LENT: 0}),
        (["buy", "buy_and_lend"], {BY_TITLE: 1, LENT: 1}, {BY_TITLE: 0, LENT: 0}),
        (["buy_another"], {}, {}),
    ],
)
def test_a_conflict_that_a_read_alone_has_caused_is_gone_without_it(
    writers: list[str], hit: dict[Place, int], decisive: dict[Place, int]
) -> None:
    cells = cells_of(conflicts(together(*writers, "count"), Lockstep(), sample=ONE_RUN))
    assert {place: cell.conflicts // 2 for place, cell in cells.items()} == hit  # lockstep has run twice
    assert {place: cell.decisive // 2 for place, cell in cells.items()} == decisive
    # And so it is: the same order, without that read.
    without = {BY_TITLE: lost_in_lockstep(*writers, "count_lent"), LENT: lost_in_lockstep(*writers, "count_books")}
    assert {place: hit[place] - decisive[place] for place in hit} == {place: without[place] for place in hit}


def test_a_place_names_its_writers_and_what_else_was_hit() -> None:
    cells = cells_of(conflicts(together("buy", "buy_and_lend", "count"), sample=ONE_RUN))
    assert cells[BY_TITLE].writers == (("m:buy", 1), ("m:buyAndLend", 1))
    assert cells[LENT].writers == (("m:buyAndLend", 1),)
    assert cells[LENT].besides == ((BY_TITLE, 1),)
    assert (cells[LENT].of, cells[LENT].updates) == (1, False)
    assert (cells[LENT].decisive, cells[LENT].decisive_both) == (0, 1)


def test_places_are_the_same_in_all_runs_whatever_the_ids() -> None:
    cells = cells_of(conflicts(bumps(3), sample=RandomWalk(runs=20)))
    first_row = Place("counters.by_creation_time", "from the first key to (<id>)", "range")
    row = Place("counters.by_id", "(<id>)", "key")
    assert {first_row, row} <= {*cells}
    assert all(cell.updates for cell in cells.values())


def test_a_write_from_outside_hits_what_the_verdict_names() -> None:
    world = together("buy").variant("foreign", faults=Faults(conflicts=1))
    report = conflicts(world, Exhaustive(), sample=ONE_RUN)
    (cell,) = report.cells
    assert (cell.place, cell.decisive) == (Place("books.by_id", "(<id>)", "key"), cell.conflicts)
    assert cell.writers == (("a write from outside this world", cell.conflicts),)


def test_who_never_gets_through_counts_too() -> None:
    world = together("buy").variant("foreign", faults=Faults(conflicts=5))
    found = only(conflicts(world, Exhaustive(backoffs=False), sample=ONE_RUN))
    assert (found.worst_conflicts, found.worst_given_up) == (5, 1)


@pytest.mark.parametrize("make", [lambda: bumps(4), lambda: together("buy", "rename", "count", "buy_and_lend")])
def test_the_second_look_begins_with_the_verdict(make: Callable[[], Scenario]) -> None:
    found = 0
    for seed in range(20):
        run = Simulation(make(), RandomChoices(seed)).run()
        assert run.trace is not None
        shapes = Shapes(run.trace.events)
        verdicts = [happened.conflict for happened in run.trace.events if isinstance(happened, Conflicted)]
        losses = contention_of(run).losses
        assert [next(iter(loss.hits)).keys for loss in losses] == [shapes.keys_read(verdict) for verdict in verdicts]
        found += len(losses)
    assert found > 4


def test_whoever_commits_has_met_nobody_that_it_loses_to() -> None:
    report = conflicts(together("count", "buy_another", "buy_another"), sample=RandomWalk(runs=20))
    assert report.conflicts == 0
    assert report.traffic.odds == {}
    report = conflicts(together("count", "buy"), sample=RandomWalk(runs=20))
    assert report.traffic.odds == {("m:count", "m:buy"): 1.0}


def test_odds_are_the_share_of_commits_met_that_hit() -> None:
    @scenario(app=APP)
    def half(world: World) -> None:
        for title in ("Emma", "Persuasion"):
            world.client(title).mutation(api.m.get, {"title": title})
        world.client("counts").mutation(api.m.count_books)
        world.client("buys").mutation(api.m.buy_another)

    traffic = conflicts(half, sample=ONE_RUN).traffic
    assert traffic.odds == {("m:countBooks", "m:get"): 0.5}
    shares = {caller.function: share for caller, share in traffic.shares.items()}
    assert shares == {"m:get": 0.5, "m:countBooks": 0.25, "m:buyAnother": 0.25}


def test_who_meets_a_commit_and_gets_through_lowers_the_odds() -> None:
    @scenario(app=APP)
    def in_this_order(world: World) -> None:
        world.client("a").mutation(api.m.get, {"title": "Persuasion"})
        world.client("b").mutation(api.m.count_books)
        world.client("c").mutation(api.m.get, {"title": "Emma"})
        world.client("d").mutation(api.m.count_books)

    # b has met a and got through; d has met a, b and c, and lost to c.
    assert conflicts(in_this_order, sample=ONE_RUN).traffic.odds == {("m:countBooks", "m:get"): 1 / 3}


def test_what_two_places_have_caused_together_is_gone_without_both() -> None:
    cells = cells_of(conflicts(together("buy", "buy_and_lend", "count"), sample=RandomWalk(runs=40)))
    assert 0 < cells[BY_TITLE].decisive < cells[BY_TITLE].conflicts == cells[BY_TITLE].decisive_both
    assert lost_in_lockstep("buy", "buy_and_lend", "buy_another") == 0


# ------------------------------------------------------------------------------------------------ words


TOLD: Final = """\
calls: 1 conflict in 2 runs (lockstep; random walk, seed 0; level 2)

              calls  attempts a call  conflicts  most attempts  most conflicts  gave up  loses most to
m:count           1                1          0              2               1        0  m:buy (100 %)
m:buy             1                1          0              1               0        0              ·
m:buyAndLend      1                1          0              1               0        0              ·
calls, attempts and conflicts: the mean of 1 random order; the rest: the worst of 2 runs
  worst for m:count: STRING

conflicts in which somebody had written to    a    b
m:count                                     █ 1  █ 1
  a  books.by_title ("Emma", …)
  b  lent.by_creation_time, the whole index

hottest: m:count had read books.by_title ("Emma", …)
  somebody had written there in 1 of its 1 conflict: m:buy in 1, m:buyAndLend in 1
  not to read there would have spared none of these; they also hit lent.by_creation_time, the whole index (1)
  to read neither there nor in lent.by_creation_time would have spared 1
  It is a range: whatever is written into it counts, a new row too. Read less of it: `.first()` and
  `.take(n)` read up to the last row they return, and an index with one more field leaves rows out. Or
  let a scheduled mutation do it, which is retried for as long as it takes."""


def test_it_reads_as_printed() -> None:
    text = str(conflicts(together("buy", "buy_and_lend", "count"), sample=ONE_RUN))
    replayed = text.split("worst for m:count: ")[1].splitlines()[0]
    assert text.replace(replayed, "STRING") == TOLD


def test_whoever_makes_a_table_is_told_to_declare_it() -> None:
    @scenario(app=define_app({"m": {"buy": mutation(lambda ctx: ctx.db.insert("papers", {}))}}))
    def two_papers(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).mutation(api.m.buy)

    told = str(conflicts(two_papers, sample=ONE_RUN))
    assert "m:buy had read _tables.by_id, the whole index" in told
    assert "Declare the table in the schema." in told


def test_what_is_patient_is_not_told_to_be() -> None:
    report = conflicts(bumps(2).variant("patient"), sample=ONE_RUN)
    assert "let a scheduled mutation do it" in str(report)

    @scenario(app=counters_app())
    def later(world: World) -> None:
        world.client("ann").mutation(api.counters.bump_later)

    told = str(conflicts(later, Exhaustive(backoffs=False), sample=ONE_RUN))
    assert "hottest: counters:bump had read" in told
    assert "scheduled mutation" not in told


def test_the_hot_batch_is_hot_where_its_lesson_says() -> None:
    report = conflicts(hot_batch, sample=RandomWalk(runs=5))
    hottest = report.cells[0]
    assert hottest.place == Place("batchProcessor/batchItems.by_batchDocId", "(<id>, …)", "range")
    assert hottest.decisive == hottest.conflicts < hottest.of
    assert not hottest.updates  # it inserts rows of its own
    assert (only(report).worst_conflicts, only(report).worst_given_up) == (85, 15)
