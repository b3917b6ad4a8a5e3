"""Deploys: what becomes of what runs, waits and is stored when another app takes the place of the one that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from convexsim import (
    Certificate,
    Component,
    Dpor,
    Exhaustive,
    Faults,
    FunctionDefinition,
    PastInvariant,
    Platform,
    RandomWalk,
    Recording,
    Report,
    Run,
    Scenario,
    Simulation,
    TableDefinition,
    UsageError,
    View,
    World,
    action,
    api,
    certify,
    check,
    components,
    cron_schedule,
    define_app,
    define_component,
    define_schema,
    define_table,
    eventually,
    mutation,
    query,
    replay,
    scenario,
    serializable,
    story,
    v,
    verify,
)
from convexsim.choices import RandomChoices
from convexsim.trace import event
from convexsim.trace.event import json_lines
from tests.explore.small_worlds import declare
from tests.explore.test_dpor import compare
from tests.support import events_of, run

Functions = dict[str, FunctionDefinition]


def functions(letter: str, **more: FunctionDefinition) -> Functions:
    """Return the functions of one version of an app: what they write and return says which."""

    @mutation
    def add(ctx: Any, rows: str = "rows") -> str:
        ctx.db.insert(rows, {"by": letter, "n": len(ctx.db.query(rows).collect())})
        return letter

    @mutation
    def plan(ctx: Any, name: str, after: float = 100) -> Any:
        return ctx.scheduler.run_after(after, f"m:{name}")

    @action
    async def act(ctx: Any) -> list[str]:
        before = await ctx.run_mutation(api.m.add)
        await ctx.sleep(100)
        return [letter, before, await ctx.run_mutation(api.m.add)]

    @query
    def who(_ctx: Any) -> str:
        return letter

    @query
    def letters(ctx: Any, rows: str = "rows") -> list[str]:
        return [row["by"] for row in ctx.db.query(rows).collect()]

    return {"add": add, "plan": plan, "act": act, "who": who, "letters": letters, **more}


ROW: Final = {"by": v.string(), "n": v.number()}
SCHEMA: Final = define_schema({"rows": define_table(ROW)})
OLD: Final = define_app({"m": functions("old")}, SCHEMA)
NEW: Final = define_app({"m": functions("new")}, SCHEMA)


def with_tables(**tables: TableDefinition) -> Component:
    return define_app({"m": functions("new", find=find)}, define_schema(tables, strict_table_name_types=False))


@query
def find(ctx: Any) -> list[float]:
    return [row["n"] for row in ctx.db.query("rows").with_index("by_by", lambda q: q.eq("by", "old")).collect()]


def without(name: str) -> Component:
    left = {own: function for own, function in functions("new").items() if own != name}
    return define_app({"m": left}, SCHEMA)


def lettered(view: View, table: str = "rows") -> list[str]:
    return [row["by"] for row in view.documents(table)]


def deployed(app: Component, then: Callable[[World], Any] = lambda _: None, *, first: Component = OLD) -> Run:
    """Run a world in which one add comes before a deploy, at 0 ms, and something after it, from 50 ms on."""

    def body(world: World) -> None:
        world.client("dev").mutation("m:add")
        world.client("dev").deploy(app)
        world.client("ann").wait(50)
        then(world)

    return run(first, body)


def results(result: Run, client: str) -> list[Any]:
    return [call.error or call.result for call in result.view.calls(client)]


# -------------------------------------------------------------------------------------------------------- what runs


def test_calls_run_what_is_deployed_then() -> None:
    assert results(deployed(NEW, lambda world: world.client("ann").mutation("m:add")), "ann") == ["new"]


def test_a_scheduled_function_is_looked_up_when_it_starts() -> None:
    def body(world: World) -> None:
        world.client("dev").mutation("m:plan", {"name": "add"})
        world.client("dev").deploy(NEW)

    result = run(OLD, body)
    assert lettered(result.view) == ["new"]
    assert [fate.state for fate in result.view.fates()] == ["success"]


@pytest.mark.parametrize("name", ["add", "act"])
def test_one_that_is_gone_by_then_fails(name: str) -> None:
    def body(world: World) -> None:
        world.client("dev").mutation("m:plan", {"name": name})
        world.client("dev").deploy(without(name))

    (fate,) = run(OLD, body).view.fates()
    assert fate.state == "failed"
    assert f"m:{name}" in str(fate.error)


def test_one_that_is_there_again_runs() -> None:
    def body(world: World) -> None:
        dev = world.client("dev")
        dev.mutation("m:plan", {"name": "add"})
        dev.deploy(without("add"))
        dev.deploy(NEW)

    assert lettered(run(OLD, body).view) == ["new"]


def test_an_action_goes_on_in_the_old_code_and_calls_the_new() -> None:
    def body(world: World) -> None:
        world.client("ann").action("m:act")
        world.client("dev").wait(50)
        world.client("dev").deploy(NEW)

    assert results(run(OLD, body), "ann") == [["old", "old", "new"]]


def test_an_action_in_old_code_finds_what_only_the_new_app_has() -> None:
    @action
    async def later(ctx: Any) -> Any:
        await ctx.sleep(100)
        return await ctx.run_query("m:find")

    def body(world: World) -> None:
        world.client("ann").action("m:later")
        world.client("dev").wait(50)
        world.client("dev").deploy(with_tables(rows=define_table(ROW).index("by_by", ["by"])))

    assert results(run(define_app({"m": functions("old", later=later)}, SCHEMA), body), "ann") == [[]]


def test_in_every_order_a_scheduled_action_runs_what_is_deployed_when_it_begins() -> None:
    letters: set[str] = set()

    @scenario(app=OLD)
    def meeting(world: World) -> None:
        world.client("ann").mutation("m:plan", {"name": "act"})
        world.client("dev").wait(100)
        world.client("dev").deploy(NEW)

    for seed in range(60):
        ended = Simulation(meeting, RandomChoices(seed)).run()
        (begun,) = (each.step for each in events_of(ended, event.Called) if each.function == "m:act")
        (replaced,) = (each.step for each in events_of(ended, event.Committed) if each.what == "deploy")
        (answered,) = ended.view.answers("m:act")
        letter = answered.outcome.unwrap()[0]
        letters.add(letter)
        assert letter == ("old" if begun < replaced else "new")
    assert letters == {"old", "new"}


def test_what_has_begun_runs_in_the_code_of_its_snapshot_even_if_its_handler_comes_later() -> None:
    """At level 1 a deploy may come between a begin and its handler."""
    seen: set[tuple[int, str]] = set()

    @scenario(app=OLD)
    def asking(world: World) -> None:
        world.client("ann").query("m:who")
        world.client("dev").deploy(NEW)

    for seed in range(200):
        ended = Simulation(asking, RandomChoices(seed), level=1).run()
        (began,) = events_of(ended, event.Began)
        seen.add((began.begin_ts, results(ended, "ann")[0]))
    assert seen == {(0, "old"), (1, "new")}


BEGUN: Final = "ann.1 begin, dev.1 deploy, ann.1 commit, ann.1 begin, ann.1 commit"


def both_at_once(world: World) -> None:
    world.client("ann").mutation("m:add")
    world.client("dev").deploy(NEW)


def test_a_mutation_that_has_begun_loses_and_begins_again_in_the_new_code() -> None:
    result = run(OLD, both_at_once, BEGUN)
    assert results(result, "ann") == ["new"]
    assert lettered(result.view) == ["new"]
    assert [each.attempts for each in result.view.retried()] == [2]


def test_one_whose_function_is_gone_by_then_fails() -> None:
    def body(world: World) -> None:
        world.client("ann").mutation("m:add")
        world.client("dev").deploy(without("add"))

    result = run(OLD, body, "ann.1 begin, dev.1 deploy, ann.1 commit, ann.1 begin")
    assert results(result, "ann") == ["The app has no function 'm:add'. Did you mean 'm:act'?"]
    assert lettered(result.view) == []


def test_a_query_that_has_begun_is_answered_by_what_it_saw() -> None:
    result = run(OLD, lambda world: [world.client("ann").query("m:letters"), world.client("dev").deploy(NEW)])
    assert results(result, "ann") == [[]]


def test_a_handle_of_a_function_that_is_gone_leads_nowhere_until_it_is_back() -> None:
    @action
    async def by_handle(ctx: Any) -> list[str]:
        handle = ctx.create_function_handle(api.m.add)
        found = []
        for _ in range(3):
            try:
                found.append(await ctx.run_mutation(handle))
            except Exception as error:  # noqa: BLE001 - whatever it is told
                found.append(getattr(error, "code", "?"))
            await ctx.sleep(100)
        return found

    def body(world: World) -> None:
        world.client("ann").action("m:byHandle")
        world.client("dev").wait(50)
        world.client("dev").deploy(without("add"))
        world.client("dev").wait(100)
        world.client("dev").deploy(NEW)

    first = define_app({"m": functions("old", by_handle=by_handle)}, SCHEMA)
    assert results(run(first, body), "ann") == [["old", "FunctionHandleNotFound", "new"]]


def test_a_call_of_a_function_that_is_no_longer_there_is_told_so() -> None:
    result = deployed(without("add"), lambda world: world.client("ann").mutation("m:add"))
    assert results(result, "ann")[0].startswith("Could not find public function for 'm:add'.")


def test_a_client_may_call_what_only_a_later_app_has() -> None:
    result = deployed(
        with_tables(rows=define_table(ROW).index("by_by", ["by"])), lambda w: w.client("ann").query("m:find")
    )
    assert results(result, "ann") == [[0]]


# -------------------------------------------------------------------------------------------------- what is stored


def test_an_index_is_built_over_what_is_stored_and_kept_up() -> None:
    indexed = with_tables(rows=define_table(ROW).index("by_n", ["n"]).index("by_by", ["by"]))

    def then(world: World) -> None:
        world.client("ann").query("m:find")
        world.client("ann").mutation("m:add")
        world.client("ann").query("m:find")

    assert results(deployed(indexed, then), "ann") == [[0], "new", [0]]


def test_an_index_that_is_gone_cannot_be_used() -> None:
    indexed = with_tables(rows=define_table(ROW).index("by_by", ["by"]))
    bare = with_tables(rows=define_table(ROW))
    (said,) = results(deployed(bare, lambda world: world.client("ann").query("m:find"), first=indexed), "ann")
    assert "by_by" in said


@pytest.mark.parametrize(
    ("fields", "accepted"),
    [
        (ROW, True),
        ({**ROW, "note": v.optional(v.string())}, True),
        ({"by": v.string(), "n": v.union(v.number(), v.string())}, True),
        ({**ROW, "note": v.string()}, False),
        ({"by": v.string()}, False),
        ({**ROW, "n": v.string()}, False),
    ],
    ids=["the same", "an optional field", "a wider field", "a field more", "a field less", "another type"],
)
def test_what_is_stored_must_fit_the_new_schema(fields: Any, accepted: bool) -> None:  # noqa: FBT001
    result = deployed(with_tables(rows=define_table(fields)), lambda world: world.client("ann").mutation("m:add"))
    refused = result.calls[1].error
    assert (refused is None) == accepted
    assert lettered(result.view) == ["old", "new" if accepted else "old"]
    if refused is not None:
        (row, _) = result.view.documents("rows")
        head = f'Schema validation failed. Document with ID "{row["_id"]}" in table "rows" does not match the schema: '
        assert refused.startswith(head)
        assert "Path: document" in refused
        assert result.view.writer.startswith("m:add")


def test_nothing_is_asked_of_an_empty_table_nor_where_the_schema_is_not_enforced() -> None:
    strange = {"rows": define_table({"other": v.boolean()})}
    empty = run(OLD, lambda world: world.client("dev").deploy(with_tables(**strange)))
    lax = define_app({"m": functions("new")}, define_schema(strange, schema_validation=False))
    assert [result.calls[-1].error for result in (empty, deployed(lax))] == [None, None]


def test_what_was_never_checked_is_checked_when_the_schema_is_enforced() -> None:
    tables = {"rows": define_table({"by": v.number()})}
    lax, strict = (
        define_app({"m": functions("x")}, define_schema(tables, schema_validation=on)) for on in (False, True)
    )
    assert 'in table "rows"' in str(deployed(strict, first=lax).calls[1].error)


def test_a_refused_deploy_changes_nothing_for_who_has_begun() -> None:
    def body(world: World) -> None:
        world.client("setup").mutation("m:add")
        world.client("ann").wait(1)
        world.client("dev").wait(1)
        world.client("ann").mutation("m:add")
        world.client("dev").deploy(with_tables(rows=define_table({"by": v.number()})))

    result = run(OLD, body, "ann.1 begin, dev.1 deploy, ann.1 commit")
    assert results(result, "ann") == ["old"]
    assert result.view.retried() == []


def test_a_table_keeps_its_documents_and_its_ids_whatever_comes_before_it() -> None:
    @mutation(args={"row": v.id("rows")})
    def touch(ctx: Any, row: str) -> Any:
        ctx.db.patch(row, {"n": 7})
        return ctx.db.get(row)["by"]

    earlier = {"first": define_table(ROW), "rows": define_table({**ROW, "x": v.optional(v.number())})}
    app = define_app({"m": functions("new", touch=touch)}, define_schema(earlier))

    async def script(session: Any) -> None:
        await session.mutation("m:add", {"rows": "first"})
        rows = await session.query("m:ids")
        await session.mutation("m:touch", {"row": rows[0]})

    ids = query(lambda ctx: [row["_id"] for row in ctx.db.query("rows").collect()])
    app = define_app({"m": functions("new", touch=touch, ids=ids)}, define_schema(earlier))
    result = deployed(app, lambda world: world.client("ann").run(script))
    assert results(result, "ann")[-1] == "old"
    assert [row["n"] for row in result.view.documents("rows")] == [7]
    assert len({row["_id"][:2] for name in earlier for row in result.view.documents(name)}) == 2


def test_a_table_that_no_schema_names_any_more_stays_and_is_checked_when_one_does_again() -> None:
    gone = with_tables(other=define_table(ROW))
    kept = deployed(gone, lambda world: world.client("ann").query("m:letters"))
    assert results(kept, "ann") == [["old"]]

    def back(fields: Any) -> str | None:
        result = deployed(gone, lambda world: world.client("ann").deploy(with_tables(rows=define_table(fields))))
        return result.calls[-1].error

    assert back(ROW) is None
    assert 'in table "rows"' in str(back({"by": v.string()}))


def test_a_table_that_no_schema_names_any_more_takes_anything_and_has_no_indexes() -> None:
    @mutation
    def oddly(ctx: Any) -> None:
        ctx.db.insert("rows", {"odd": True})

    lax = define_schema({"other": define_table(ROW)}, strict_table_name_types=False)
    gone = define_app({"m": functions("new", find=find, oddly=oddly)}, lax)

    def then(world: World) -> None:
        world.client("ann").mutation("m:oddly")
        world.client("ann").query("m:find")

    result = deployed(gone, then, first=with_tables(rows=define_table(ROW).index("by_by", ["by"])))
    done, said = results(result, "ann")
    assert done is None
    assert "by_by" in said


def test_a_view_of_the_past_knows_the_tables_of_its_moment() -> None:
    tables: list[list[tuple[str, str]]] = []
    past = PastInvariant("past", "always", "", lambda view: tables.append(view.tables()))

    @scenario(app=OLD, invariants=[past, eventually(lambda view: tables.append(moment_before_last(view).tables()))])
    def growing(world: World) -> None:
        world.client("dev").mutation("m:add")
        world.client("dev").deploy(with_tables(rows=define_table(ROW), more=define_table(ROW)))

    Simulation(growing).run()
    before, after = [("", "rows")], [("", "more"), ("", "rows")]
    assert tables == [before, before, after, before]


def moment_before_last(view: View) -> View:
    assert view.before is not None
    assert view.before.before is not None
    return view.before.before


# ------------------------------------------------------------------------------------------------------ components

ADD_BELOW: Final = mutation(lambda ctx: ctx.run_mutation(components.part.m.add))
LETTERS_BELOW: Final = query(lambda ctx: ctx.run_query(components.part.m.letters))


def with_part(letter: str, fields: Any = ROW) -> Component:
    app = define_app({"m": functions(letter, add_below=ADD_BELOW, letters_below=LETTERS_BELOW)}, SCHEMA)
    app.use(define_component("part", {"m": functions(letter)}, define_schema({"rows": define_table(fields)})))
    return app


def test_a_component_is_deployed_with_its_app() -> None:
    def then(world: World) -> None:
        for name in ("m:addBelow", "m:addBelow"):
            world.client("ann").mutation(name)
        world.client("ann").deploy(with_part("newer", {**ROW, "x": v.optional(v.number())}))
        world.client("ann").mutation("m:addBelow")

    result = deployed(with_part("new"), then)
    assert [row["by"] for row in result.view.documents("rows", "part")] == ["new", "new", "newer"]


def test_its_documents_are_checked_and_it_is_named() -> None:
    def then(world: World) -> None:
        world.client("ann").mutation("m:addBelow")
        world.client("ann").deploy(with_part("newer", {"by": v.number()}))

    said = deployed(with_part("new"), then).calls[-1].error
    assert str(said).startswith('Schema validation failed in component "part". Document with ID "')


def test_a_component_cannot_be_unmounted_here() -> None:
    with pytest.raises(UsageError, match="cannot unmount the component 'part'"):
        deployed(NEW, first=with_part("old"))


@pytest.mark.parametrize("what", [None, "m:add", SCHEMA, define_component("part", {"m": functions("x")}).name])
def test_what_is_no_app_is_refused_where_it_is_written(what: Any) -> None:
    with pytest.raises(UsageError, match="no app"):
        World().client("dev").deploy(what)


# ----------------------------------------------------------------------------------------------------------- crons


@mutation
def tick(ctx: Any) -> None:
    ctx.external("ticks").append(ctx.now())


@action
async def long_tick(ctx: Any) -> None:
    await ctx.external("ticks").append(ctx.now())
    await ctx.sleep(7_000)


def with_crons(**seconds: int) -> Component:
    crons = cron_schedule()
    for name, every in seconds.items():
        crons.interval(name, {"seconds": every}, "m:longTick" if name == "long" else "m:tick")
    return define_app({"m": functions("x", tick=tick, long_tick=long_tick)}, SCHEMA, crons=crons)


NO_CRONS: Final = define_app({"m": functions("x", tick=tick, long_tick=long_tick)}, SCHEMA)


@pytest.mark.parametrize(
    ("first", "then", "ticks"),
    [
        (with_crons(a=10), with_crons(a=10), [0, 10, 20, 30]),
        (with_crons(a=10), with_crons(a=4), [0, 10, 18, 22, 26, 30]),
        (with_crons(a=10), NO_CRONS, [0, 10]),
        (with_crons(a=10), with_crons(b=9), [0, 10, 15, 24]),
        (NO_CRONS, with_crons(a=10), [15, 25]),
        (with_crons(long=14), with_crons(long=16), [0, 14, 30]),
        (with_crons(long=14), NO_CRONS, [0, 14]),
        (with_crons(long=14), with_crons(long=14), [0, 14, 28]),
    ],
    ids=[
        "the same",
        "another interval",
        "none any more",
        "another cron",
        "the first ones",
        "another interval while it runs",
        "none any more while it runs",
        "the same while it runs",
    ],
)
def test_crons_are_brought_into_line(first: Component, then: Component, ticks: list[int]) -> None:
    @scenario(app=first, until_ms=31_000)
    def ticking(world: World) -> None:
        world.external("ticks")
        world.client("dev").wait(15_000)
        world.client("dev").deploy(then)

    result = Simulation(ticking).run()
    assert [at / 1_000 for at in result.view.external("ticks")] == ticks
    assert result.view.has_crons == (then is not NO_CRONS)
    if then is not NO_CRONS:
        rows = result.view.documents("_cron_jobs")
        assert [row["name"] for row in rows] == [*then.crons]
        assert {logged["status"]["kind"] for row in rows for logged in row["log"]} <= {"success", "canceled"}


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [(with_crons(a=10), with_crons(a=10), [0, 10, 16, 26]), (with_crons(long=14), with_crons(a=20), [0, 14, 21])],
    ids=["a cron that comes back is a new one", "places are those of all that was ever deployed"],
)
def test_crons_may_go_and_others_come(first: Component, last: Component, ticks: list[int]) -> None:
    @scenario(app=first, until_ms=31_000, platform=Platform(parallelism=1))
    def coming(world: World) -> None:
        world.external("ticks")
        world.client("dev").wait(15_000)
        world.client("dev").deploy(NO_CRONS)
        world.client("dev").wait(1_000)
        world.client("dev").deploy(last)

    result = Simulation(coming).run()
    assert [at / 1_000 for at in result.view.external("ticks")] == ticks
    assert len(result.view.documents("_cron_jobs")) == 1


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("name", ["a", "long"])
def test_a_cron_that_goes_as_it_is_due_runs_once_or_not_at_all(name: str, level: int) -> None:
    ticks: set[int] = set()

    @scenario(app=with_crons(**{name: 10}), until_ms=31_000)
    def meeting(world: World) -> None:
        world.external("ticks")
        world.client("dev").wait(10_000)
        world.client("dev").deploy(NO_CRONS)

    check(
        meeting,
        RandomWalk(runs=150),
        level=level,
        on_run=lambda _, ended: ticks.add(sum(at >= 10_000 for at in ended.view.external("ticks"))),
    )
    assert ticks == {0, 1}


def test_nobody_waits_for_a_cron_that_is_gone() -> None:
    @scenario(app=with_crons(a=10), until_ms=31_000)
    def ending(world: World) -> None:
        world.external("ticks")
        world.client("dev").wait(5_000)
        world.client("dev").deploy(NO_CRONS)

    assert Simulation(ending).run().now == 5_000


def test_a_cron_that_is_overdue_is_not_put_off_by_a_deploy_that_leaves_its_timing() -> None:
    @mutation
    def tock(ctx: Any) -> None:
        ctx.external("ticks").append(-ctx.now())

    crons = cron_schedule()
    crons.interval("a", {"seconds": 10}, "m:tock")
    crons.interval("long", {"seconds": 14}, "m:longTick")
    other = define_app({"m": functions("x", tock=tock, long_tick=long_tick)}, SCHEMA, crons=crons)

    @scenario(app=with_crons(a=10, long=14), until_ms=31_000, platform=Platform(parallelism=1))
    def late(world: World) -> None:
        world.external("ticks")
        world.client("dev").wait(20_500)
        world.client("dev").deploy(other)

    ticks = [at / 1_000 for at in Simulation(late).run().view.external("ticks")]
    assert ticks == [0, 0, 10, 14, -21, 28]  # from 14 to 21 the long one has the only place


def test_a_world_to_which_crons_are_deployed_has_to_end() -> None:
    with pytest.raises(UsageError, match="has crons"):
        run(NO_CRONS, lambda world: world.client("dev").deploy(with_crons(a=1)))


# ---------------------------------------------------------------------------------------------- orders, and the rest


def racing(*invariants: Any, app: Component = NEW, **more: Any) -> Scenario:
    @scenario(app=OLD, invariants=invariants, **more)
    def race(world: World) -> None:
        declare(world)
        for name in ("ann", "bob"):
            world.client(name).mutation("m:add")
        world.client("dev").deploy(app)

    return race


def old_first(view: View) -> bool:
    """What old code has written comes before what new code has."""
    return lettered(view) == sorted(lettered(view), reverse=True)


def test_in_every_order_old_code_writes_before_the_deploy_and_new_code_after_it() -> None:
    ends: set[str] = set()

    def seen(_: int, ended: Run) -> None:
        ends.add(" ".join(lettered(ended.view)))

    report = check(racing(old_first, serializable), Exhaustive(backoffs=False), on_run=seen)
    assert report.finding is None, str(report)
    assert ends == {"old old", "old new", "new new"}


REFUSING: Final = with_tables(rows=define_table({"by": v.number(), "n": v.number()}))


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("app", [NEW, REFUSING], ids=["accepted", "accepted or refused"])
def test_a_reduced_search_sees_what_brute_force_sees(app: Component, level: int) -> None:
    assert compare(racing(app=app), level, 5_000)


@pytest.mark.parametrize("level", [2, 3])
def test_an_action_may_be_overtaken_anywhere(level: int) -> None:
    @scenario(app=OLD)
    def acting(world: World) -> None:
        declare(world)
        world.client("ann").action("m:act")
        world.client("dev").wait(100)
        world.client("dev").deploy(NEW)

    assert compare(acting, level, 5_000)


def test_what_is_proved_of_it_can_be_verified() -> None:
    found = certify(racing(old_first))
    assert isinstance(found, Certificate), str(found)
    assert verify(racing(old_first), found).holds


def never_new(view: View) -> bool:
    return "new" not in lettered(view)


def test_a_failure_is_shrunk_replayed_and_told() -> None:
    found = check(racing(never_new), RandomWalk(runs=200))
    assert isinstance(found, Report)
    assert found.finding is not None
    assert [each.what for each in found.finding.switches] == ["dev.1 deploys another app before ann.1 begins m:add"]
    again = replay([racing(never_new)], found.finding.replay)
    assert [violation.invariant for violation in again.run.violations] == ["never_new"]
    told = story(Simulation(racing()).run().trace or pytest.fail("no trace"))
    assert "dev.1  deploys another app" in told
    assert "replaces 5 functions (_tables/1)" in told


def test_the_step_of_a_deploy_has_written() -> None:
    given = Recording(RandomWalk(1), 1)
    choices = given.propose(None)
    ended = Simulation(racing(), choices).run()
    assert ended.footprints is not None
    (deploy,) = [step for step in ended.footprints.steps if step.phase == "deploy"]
    assert [sorted(keys) for keys in deploy.writes] == [["/_tables.by_creation_time", "/_tables.by_id"]]


def test_what_is_new_or_gone_is_told() -> None:
    more = define_app(
        {"m": {**{name: each for name, each in functions("new").items() if name != "act"}, "find": find}}, SCHEMA
    )
    told = story(deployed(more).trace or pytest.fail("no trace"))
    assert "replaces 4 functions; adds m:find; removes m:act (_tables/1)" in told


def test_a_conflict_with_a_deploy_names_it() -> None:
    told = story(run(OLD, both_at_once, BEGUN).trace or pytest.fail("no trace"))
    assert "written  _tables.by_id (_tables/1) at ts 1 by deploy (dev.1)" in told


def test_the_same_choices_give_the_same_bytes_also_where_other_runs_came_before() -> None:
    def bytes_of() -> str:
        ended = Simulation(racing(serializable)).run()
        assert ended.trace is not None
        return json_lines(ended.trace)

    first = bytes_of()
    check(racing(serializable), RandomWalk(runs=20))
    assert bytes_of() == first


def test_nothing_is_recalled_of_another_app() -> None:
    """Runs share what they know of the same snapshots: here the deploys differ by order alone."""
    outcomes: dict[str, set[str]] = {}
    for name, explorer in (("shared", Dpor(backoffs=False)), ("apart", Exhaustive(backoffs=False))):
        seen = outcomes.setdefault(name, set())

        def note(_: int, ended: Run, seen: set[str] = seen) -> None:
            seen.add(" ".join(lettered(ended.view)))

        check(racing(), explorer, on_run=note)
    assert outcomes["shared"] == outcomes["apart"] == {"old old", "old new", "new new"}


def test_an_index_that_is_built_anew_is_no_write_but_histories_go_on() -> None:
    indexed = with_tables(rows=define_table(ROW).index("by_by", ["by"]))

    @scenario(app=OLD, invariants=[serializable])
    def indexing(world: World) -> None:
        world.client("dev").mutation("m:add")
        world.client("dev").deploy(indexed)
        world.client("ann").mutation("m:add")
        world.client("ann").query("m:letters")

    assert check(indexing, Exhaustive(3_000, backoffs=False)).finding is None


def test_whoever_deploys_may_never_hear_of_it() -> None:
    seen: set[tuple[str | None, str]] = set()

    @scenario(app=OLD, faults=Faults(restarts=1))
    def restarting(world: World) -> None:
        world.client("ann").mutation("m:add")
        world.client("dev").deploy(NEW)

    def note(_: int, ended: Run) -> None:
        seen.add((ended.calls[1].error, " ".join(lettered(ended.view))))

    check(restarting, Exhaustive(20_000, backoffs=False), on_run=note)
    assert {error for error, _ in seen} == {None, "Connection lost while the call was in flight."}


def test_on_threads_it_holds_too() -> None:
    @scenario(app=OLD, invariants=[old_first, serializable])
    def crowd(world: World) -> None:
        for number in range(6):
            world.client(f"client{number}").mutation("m:add")
        world.client("dev").deploy(NEW)

    ended = Simulation(crowd, mode="threads").run()
    assert ended.violations == []
    assert len(ended.view.documents("rows")) == sum(call.error is None for call in ended.calls) - 1


def test_a_late_deploy_is_late_like_any_step() -> None:
    @scenario(app=OLD, platform=Platform(late_ms=1_000))
    def late(world: World) -> None:
        world.client("dev").deploy(NEW)
        world.client("ann").wait(500)
        world.client("ann").mutation("m:add")

    letters: set[str] = set()
    check(late, Exhaustive(), on_run=lambda _, ended: letters.update(lettered(ended.view)))
    assert letters == {"old", "new"}
