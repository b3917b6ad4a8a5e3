"""Tables that no schema declares: made by their first document, against all who run (convex-semantics 1.2, 1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    Component,
    MutationCtx,
    QueryCtx,
    UsageError,
    World,
    action,
    always,
    api,
    components,
    define_app,
    define_component,
    define_schema,
    define_table,
    mutation,
    query,
    v,
)
from convexsim.choices import RandomChoices
from convexsim.database.commit import Committed, Conflict
from convexsim.functions.outcome import Threw
from convexsim.functions.syscalls import Logged
from convexsim.invariants import View
from convexsim.trace import event
from convexsim.values.ids import table_number_of
from tests.support import Bench, app_of, caught, events_of, module, run

LOOSE = define_schema({"items": define_table({"n": v.number()})}, strict_table_name_types=False)
STRICT = define_schema({"items": define_table({"n": v.number()})})


@mutation
def put(ctx: MutationCtx, table: str, text: str = "") -> str:
    return ctx.db.insert(table, {"text": text})


@mutation
def put_and_throw(ctx: MutationCtx, table: str) -> None:
    ctx.db.insert(table, {})
    raise ValueError("after the fact")


@query(args={"note": v.id("notes")})
def take_note(ctx: QueryCtx, note: str) -> Any:
    return ctx.db.get(note)


@query
def count(ctx: QueryCtx, table: str) -> int:
    return len(ctx.db.query(table).collect())


def without_schema() -> Component:
    return app_of(None, put, put_and_throw, take_note, count)


@pytest.fixture(params=["no schema", "loose schema"])
def bench(request: pytest.FixtureRequest) -> Bench:
    schema = None if request.param == "no schema" else LOOSE
    return Bench(app_of(schema, put, put_and_throw, take_note, count))


# What a table that is not there gives (1.2)


def empty(ctx: MutationCtx, table: str) -> list[Any]:
    options = {"numItems": 5, "cursor": None}
    return [
        ctx.db.query(table).collect(),
        ctx.db.query(table).order("desc").first(),
        ctx.db.query(table).unique(),
        list(ctx.db.query(table).filter(lambda q: q.eq(q.field("n"), 1))),
        ctx.db.query(table).paginate(options)["page"],
        ctx.db.normalize_id(table, "no id"),
    ]


def test_a_missing_table_is_empty_and_nothing_is_recorded(bench: Bench) -> None:
    attempt = bench.attempt(lambda ctx: empty(ctx, "missing"))
    assert attempt.value == [[], None, None, [], [], None]
    assert len(attempt.reads) == 0
    assert attempt.writes == []


def test_the_page_of_a_missing_table_is_the_last_one_and_its_cursor_stays_good(bench: Bench) -> None:
    def page(ctx: MutationCtx, cursor: str | None) -> dict[str, Any]:
        return ctx.db.query("missing").paginate({"numItems": 5, "cursor": cursor})

    first = bench.do(lambda ctx: page(ctx, None))
    assert (first["page"], first["isDone"]) == ([], True)
    bench.do(put, {"table": "missing"})
    again = bench.do(lambda ctx: page(ctx, first["continueCursor"]))
    assert (again["page"], again["isDone"]) == ([], True)  # an end is an end (9)


@pytest.mark.parametrize("index", ["by_n", "by_creation_time", "by_id"])
def test_an_index_of_a_missing_table_is_not_there(bench: Bench, index: str) -> None:
    attempt = bench.attempt(lambda ctx: ctx.db.query("missing").with_index(index).collect())
    assert attempt.code == "IndexNotFoundError"
    bench.do(put, {"table": "missing"})
    found = bench.attempt(lambda ctx: len(ctx.db.query("missing").with_index(index).collect()))
    assert found.code == "IndexNotFoundError" if index == "by_n" else found.value == 1


# How a table comes into being (1.3, 8)


def test_the_first_document_makes_the_table(bench: Bench) -> None:
    declared = sum(not table.is_system for table in bench.mounted().tables.values())
    note = bench.do(put, {"table": "notes", "text": "first"})
    page = bench.do(put, {"table": "pages", "text": "second"})
    assert bench.documents("notes") == [{"text": "first"}]
    assert [table_number_of(one) for one in (note, page)] == [10_001 + declared, 10_002 + declared]
    bench.do(lambda ctx: ctx.db.patch(note, {"text": "other"}))
    bench.do(lambda ctx: ctx.db.delete("pages", page))
    assert (bench.documents("notes"), bench.documents("pages")) == ([{"text": "other"}], [])


def test_a_table_is_seen_by_the_transaction_that_makes_it_and_by_nobody_else_before_its_commit(bench: Bench) -> None:
    def handler(ctx: MutationCtx) -> Any:
        note = ctx.db.insert("notes", {})
        ctx.db.insert("notes", {})
        return [
            len(ctx.db.query("notes").with_index("by_creation_time").collect()),
            ctx.db.normalize_id("notes", note) == note,
            ctx.run_query(api.m.count, {"table": "notes"}),
            ctx.run_query(api.m.count, {"table": "notes"}, use_stale_snapshot=True),
            ctx.run_query(api.m.take_note, {"note": note})["_id"] == note,
        ]

    attempt = bench.attempt(handler)
    assert bench.documents("notes") == []
    assert attempt.committed() == [2, True, 2, 0, True]


def test_what_no_schema_declares_is_not_validated(bench: Bench) -> None:
    bench.do(lambda ctx: ctx.db.insert("notes", {"anything": [1, {"goes": None}]}))
    assert bench.documents("notes") == [{"anything": [1, {"goes": None}]}]


def test_what_a_loose_schema_declares_still_is() -> None:
    bench = Bench(app_of(LOOSE))
    assert bench.attempt(lambda ctx: ctx.db.insert("items", {"n": "one"})).code == "SchemaEnforcementError"


def test_the_table_of_a_document_that_was_refused_stays(bench: Bench) -> None:
    bench.do(lambda ctx: caught(lambda: ctx.db.insert("notes", {"_mine": 1})))
    assert bench.do(lambda ctx: ctx.db.query("notes").with_index("by_id").collect()) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [("_mine", "SystemTableError"), ("two words", "InvalidTableName"), ("x" * 65, "InvalidTableName")],
)
def test_names_that_no_table_can_have(bench: Bench, name: str, code: str) -> None:
    assert bench.attempt(put, {"table": name}).code == code
    assert bench.attempt(count, {"table": name}).code == code


@pytest.mark.parametrize("name", ["_tables", "_index"])
def test_no_function_reads_which_tables_there_are(bench: Bench, name: str) -> None:
    bench.do(put, {"table": "notes"})
    assert bench.attempt(lambda ctx: ctx.db.system.query(name).collect()).code == "SystemTableError"
    assert bench.attempt(lambda ctx: ctx.db.query(name).collect()).code == "SystemTableError"


# Whom it kills (1.3)


RUNNING: list[Callable[[MutationCtx], Any]] = [
    lambda ctx: ctx.db.insert("other", {}),
    lambda ctx: ctx.db.insert("notes", {}),
    lambda ctx: ctx.scheduler.run_after(0, "m:put", {"table": "x"}),
    lambda ctx: [ctx.db.query("missing").collect(), ctx.db.insert("other", {})],
]


@pytest.mark.parametrize("running", RUNNING)
def test_a_new_table_conflicts_with_everybody_who_writes(running: Callable[[MutationCtx], Any]) -> None:
    bench = Bench(without_schema())
    bench.do(put, {"table": "other"})
    attempt = bench.attempt(running)
    bench.do(put, {"table": "notes"})
    verdict = attempt.commit()
    assert isinstance(verdict, Conflict)
    assert verdict.index == "/_tables.by_id"
    assert isinstance(bench.attempt(running).commit(), Committed)


def test_once_it_is_there_a_table_is_like_any_other() -> None:
    bench = Bench(without_schema())
    bench.do(put, {"table": "notes"})
    attempt = bench.attempt(put, {"table": "notes"})
    bench.do(put, {"table": "notes"})
    assert isinstance(attempt.commit(), Committed)


def test_it_does_not_conflict_with_what_was_committed_meanwhile() -> None:
    bench = Bench(without_schema())
    bench.do(put, {"table": "other"})
    creator = bench.attempt(put, {"table": "notes"})
    bench.do(put, {"table": "other"})
    assert isinstance(creator.commit(), Committed)
    assert (len(bench.documents("notes")), len(bench.documents("other"))) == (1, 2)


def test_tables_of_components_are_their_own_and_kill_everywhere() -> None:
    child = define_component("child", {"m": module(put, count)})
    app = define_app({"m": module(put, count)})
    app.use(child)
    bench = Bench(app)
    attempt = bench.attempt(put, {"table": "notes"})
    mine = bench.do(put, {"table": "notes"}, component="child")
    assert isinstance(attempt.commit(), Conflict)
    assert bench.documents("notes") == []
    assert bench.do(lambda ctx: ctx.run_query(components.child.m.count, {"table": "notes"})) == 1
    yours = bench.do(put, {"table": "pages"})
    assert table_number_of(mine) == table_number_of(yours) == 10_001


# Nested calls (5.2)


def test_a_failed_child_takes_its_table_with_it(bench: Bench) -> None:
    def handler(ctx: MutationCtx) -> Any:
        caught(lambda: ctx.run_mutation(api.m.put_and_throw, {"table": "notes"}))
        return caught(lambda: ctx.db.query("notes").with_index("by_id").collect())

    attempt = bench.attempt(handler)
    assert attempt.value == "IndexNotFoundError"
    assert attempt.writes == []


def test_the_table_of_a_child_that_succeeds_is_its_callers(bench: Bench) -> None:
    def handler(ctx: MutationCtx) -> int:
        ctx.run_mutation(api.m.put, {"table": "notes"})
        caught(lambda: ctx.run_mutation(api.m.put_and_throw, {"table": "notes"}))
        return len(ctx.db.query("notes").collect())

    assert bench.do(handler) == 1
    assert len(bench.documents("notes")) == 1


# A schema that is strict about names


def test_a_strict_schema_refuses_other_names_and_helps_with_slips() -> None:
    bench = Bench(app_of(STRICT, put, count))
    for attempt in (bench.attempt(put, {"table": "itms"}), bench.attempt(count, {"table": "itms"})):
        assert attempt.code == "TableNotFound"
        assert "Did you mean 'items'?" in attempt.message
        assert "strict_table_name_types=False" in attempt.message


def test_where_other_names_are_allowed_what_looks_like_a_slip_is_told() -> None:
    bench = Bench(app_of(LOOSE, put, count))

    def told(function: Any, table: str) -> list[Any]:
        attempt = bench.attempt(function, {"table": table})
        attempt.committed()
        return attempt.execution.effects

    for function in (count, put):
        (effect,) = told(function, "itms")
        assert effect == Logged("There is no table 'itms', and the schema declares none. Did you mean 'items'?")
    assert told(put, "itms") == told(put, "logs") == told(count, "logs") == []  # it exists by now; not alike


# Whole runs


def notes_are_few(view: View) -> None:
    assert len(view.documents("notes")) <= 2


def test_of_two_creators_one_wins_and_the_other_finds_the_table() -> None:
    def body(world: World) -> None:
        world.client("a").mutation(api.m.put, {"table": "notes", "text": "a"})
        world.client("b").mutation(api.m.put, {"table": "notes", "text": "b"})

    result = run(without_schema(), body, "a.1 begin, b.1 begin, b.1 commit, a.1 commit, a.1 begin, a.1 commit")
    assert [row["text"] for row in result.view.documents("notes")] == ["b", "a"]
    assert [conflict.conflict.index for conflict in events_of(result, event.Conflicted)] == ["/_tables.by_id"]
    made = [row for commit in events_of(result, event.Committed) for row in commit.writes if row.table == "/_tables"]
    assert [row.after and row.after["name"] for row in made] == ["notes"]


def test_in_every_order_each_document_gets_its_table() -> None:
    """And which number a table has is decided by who committed first, so no two have the same."""

    def body(world: World) -> None:
        for name, table in (("a", "notes"), ("b", "notes"), ("c", "pages")):
            world.client(name).mutation(api.m.put, {"table": table, "text": name})

    seen: set[tuple[int | None, int | None]] = set()
    for seed in range(40):
        result = run(without_schema(), body, RandomChoices(seed), level=1 + seed % 3)
        notes, pages = result.view.documents("notes"), result.view.documents("pages")
        assert (sorted(row["text"] for row in notes), [row["text"] for row in pages]) == (["a", "b"], ["c"])
        assert len({table_number_of(row["_id"]) for row in notes}) == 1
        seen.add((table_number_of(notes[0]["_id"]), table_number_of(pages[0]["_id"])))
    assert seen == {(10_001, 10_002), (10_002, 10_001)}


def test_an_invariant_sees_no_documents_where_there_is_no_table_yet() -> None:
    result = run(without_schema(), lambda world: world.client("a").query(api.m.count, {"table": "notes"}))
    assert result.view.documents("notes") == []
    always(notes_are_few).predicate(result.view)
    strict = run(app_of(STRICT, count), lambda world: world.client("a").query(api.m.count, {"table": "items"}))
    with pytest.raises(UsageError):
        strict.view.documents("notes")


def test_an_action_takes_ids_of_the_tables_that_there_are() -> None:
    @action(args={"note": v.id("notes")}, returns=v.id("notes"))
    async def same(_ctx: Any, note: str) -> str:
        return note

    async def script(session: Any) -> None:
        note = await session.mutation("m:put", {"table": "notes"})
        page = await session.mutation("m:put", {"table": "pages"})
        assert await session.action("m:same", {"note": note}) == note
        await session.action("m:same", {"note": page})

    result = run(app_of(None, put, same), lambda world: world.client("a").run(script))
    outcomes = [call.outcome for call in result.calls]
    assert [isinstance(outcome, Threw) for outcome in outcomes] == [False, False, False, True]
    assert outcomes[3].failure.code == "ArgumentValidationError"  # type: ignore[union-attr] # as the line above says
