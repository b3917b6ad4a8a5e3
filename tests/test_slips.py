"""Slips of whoever writes apps and scenarios: each is refused where it is made, in words that say what to write.

A wrong value must not travel: neither as an error of Python's about something that nobody wrote, nor silently.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convexsim import (
    Limits,
    Platform,
    Simulation,
    UsageError,
    World,
    action,
    api,
    cron_schedule,
    define_app,
    define_component,
    define_schema,
    define_table,
    eventually,
    internal_mutation,
    mutation,
    query,
    scenario,
    v,
)
from convexsim.testing.scenario_file import open_scenarios
from tests.support import run

SCHEMA = define_schema({"rows": define_table({"of": v.id("rows")}).index("by_of", ["of"])})


def nothing(ctx: Any) -> None:
    """Handle a call."""


MODULES = {"m": {"look": query(nothing)}}
LOOSE: Any = define_app  # for what a type checker would refuse by itself

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "modules in a list": (lambda: LOOSE([1]), 'by their names, not as [1]. Write {"counters": counters}'),
    "a module without a name": (lambda: LOOSE({1: MODULES["m"]}), "by their names"),
    "a schema that is none": (lambda: LOOSE(MODULES, 3), "3 is no schema. Write define_schema({...})."),
    "crons that are none": (lambda: LOOSE(MODULES, crons=[]), "[] is no schedule of crons. Write crons = cron_sched"),
    "an environment that is none": (lambda: LOOSE(MODULES, env=3), "variables of the app are 3. Give each its value"),
    "a use of no component": (lambda: define_app(MODULES).use(3), "app cannot use 3"),  # type: ignore[arg-type]
    "a use under no name": (
        lambda: define_app(MODULES).use(define_component("child", MODULES), name=3),  # type: ignore[arg-type]
        "3 is not a valid component name",
    ),
    "no such self_cancel": (
        lambda: Platform(self_cancel="nop"),  # type: ignore[arg-type]
        "There is no Platform(self_cancel=\"nop\"). Did you mean 'noop'?",
    ),
    "no place for functions": (lambda: Platform(parallelism=0), "parallelism=0). Give a whole number, 1 or more."),
    "half a place": (lambda: Platform(parallelism=1.5), "parallelism=1.5)"),  # type: ignore[arg-type]
    "a time before all": (lambda: Platform(start_ms=-1), "start_ms=-1). Give a number of ms, 0 or more"),
    "a time that is none": (lambda: Platform(start_ms="now"), 'start_ms="now")'),  # type: ignore[arg-type]
    "limits that are none": (lambda: Platform(limits=3), "limits=3). Write limits=Limits("),  # type: ignore[arg-type]
    "a rate that is none": (lambda: Platform(write_bytes_per_second=float("nan")), "write_bytes_per_second=NaN)"),
    "a limit that is none": (
        lambda: Limits(documents_read="x"),  # type: ignore[arg-type]
        'Limits(documents_read="x") is no limit. Give a whole number, 0 or more.',
    ),
    "a limit that is a bool": (lambda: Limits(action_ms=True), "Limits(action_ms=true) is no limit"),
    "a misspelt validator": (lambda: v.strng, "There is no validator v.strng. Did you mean 'string'?"),  # type: ignore[attr-defined]
    "a union of nothing": (v.union, "v.union() has no members, so no value fits it."),
    "a result that is no validator": (
        lambda: query(returns=3)(nothing),  # type: ignore[call-overload]
        "The result of a query is checked by a validator, not by 3.",
    ),
    "an optional result": (
        lambda: mutation(returns=v.optional(v.string()))(nothing),  # type: ignore[call-overload]
        "The result of a mutation is checked by a validator, not by v.optional(v.string()).",
    ),
    "a handler that is none": (lambda: action(3), "@action was given 3, which is no function."),  # type: ignore[call-overload]
    "a schema of nothing": (lambda: define_schema(3), "by their names, not as 3."),  # type: ignore[arg-type]
    "an index over a number": (lambda: define_table({}).index("by_a", 3), "1 to 16 fields: 3"),  # type: ignore[arg-type]
    "a scenario without parentheses": (lambda: scenario(print), "Write @scenario(app=app, "),  # type: ignore[arg-type]
    "a scenario without an app": (scenario, "is no app. Write app=define_app(...)."),
    "invariants that are none": (
        lambda: scenario(app=define_app(MODULES), invariants=3),  # type: ignore[arg-type]
        "3 is no list of invariants.",
    ),
    "a misspelt wish": (lambda: World().clinet("a"), "World has no 'clinet'. Did you mean 'client'?"),  # type: ignore[attr-defined]
    "a misspelt call": (
        lambda: World().client("a").mutate("m:look"),  # type: ignore[attr-defined]
        "ClientScript has no 'mutate'. Did you mean 'mutation'?",
    ),
}


@pytest.mark.parametrize("slip", REFUSED)
def test_a_slip_is_refused_where_it_is_made(slip: str) -> None:
    make, said = REFUSED[slip]
    with pytest.raises((UsageError, AttributeError)) as refused:
        make()
    assert said in str(refused.value)


def test_what_is_not_there_is_a_no_for_hasattr() -> None:
    assert not hasattr(v, "strng")
    assert not hasattr(World(), "clinet")


SPELLED_AS_IN_TYPESCRIPT: dict[str, tuple[Callable[[Any], Any], str]] = {
    "withIndex": (lambda ctx: ctx.db.query("rows").withIndex, "Query has no 'withIndex'. Did you mean 'with_index'?"),
    "equals": (
        lambda ctx: ctx.db.query("rows").with_index("by_of", lambda q: q.eqq("of", 1)).collect(),
        "IndexRange has no 'eqq'. Did you mean 'eq'?",
    ),
    "and": (lambda ctx: ctx.db.query("rows").filter(lambda q: q.neqq(1, 1)), "FilterBuilder has no 'neqq'. Did you"),
    "normalizeId": (lambda ctx: ctx.db.system.normalizeId("x", "y"), "SystemReader has no 'normalizeId'. Did you"),
    "getTransactionMetrics": (lambda ctx: ctx.meta.getTransactionMetrics(), "Did you mean 'get_transaction_metrics'?"),
    "getUserIdentity": (lambda ctx: ctx.auth.getUserIdentity(), "Did you mean 'get_user_identity'?"),
    "runAfter": (lambda ctx: ctx.scheduler.runAfter(0, "m:look"), "Scheduler has no 'runAfter'. Did you mean 'run_"),
    "commitTs": (lambda ctx: ctx.db.vars.commitTs, "Vars has no 'commitTs'. Did you mean 'commit_ts'?"),
    "push": (lambda ctx: ctx.external("out").apend(1), "TransactionExternal has no 'apend'. Did you mean 'append'?"),
}


@pytest.mark.parametrize("slip", SPELLED_AS_IN_TYPESCRIPT)
def test_a_handler_is_told_the_name_that_there_is(slip: str) -> None:
    handler, said = SPELLED_AS_IN_TYPESCRIPT[slip]

    def body(world: World) -> None:
        world.external("out")
        world.client("a").mutation(api.m.wrong)

    (call,) = run(define_app({"m": {"wrong": mutation(handler)}}, SCHEMA), body).calls
    assert said in str(call.error)


def test_an_action_is_told_the_name_that_there_is() -> None:
    @action
    async def wrong(ctx: Any) -> None:
        await ctx.scheduler.runAt(0, "m:wrong")

    (call,) = run(define_app({"m": {"wrong": wrong}}), lambda world: world.client("a").action(api.m.wrong)).calls
    assert "ActionScheduler has no 'runAt'. Did you mean 'run_at'?" in str(call.error)


def test_a_script_and_an_invariant_are_told_the_name_that_there_is() -> None:
    async def script(session: Any) -> None:
        await session.mutaton("m:look")

    with pytest.raises(AttributeError, match=r"Session has no 'mutaton'\. Did you mean 'mutation'\?"):
        run(define_app(MODULES), lambda world: world.client("a").run(script))

    @scenario(app=define_app(MODULES), invariants=[eventually(lambda view: view.docments("rows"))])  # type: ignore[attr-defined]
    def asked(world: World) -> None:
        world.client("a").query(api.m.look)

    with pytest.raises(AttributeError, match=r"View has no 'docments'\. Did you mean 'documents'\?"):
        Simulation(asked).run()


BARE: dict[str, tuple[str, str]] = {
    "one line": ("assert len(rows) == 1", "assert len(rows) == 1"),
    "after something else": ("if rows == []: assert rows", "assert rows"),
    "several lines": (
        "assert all(\n        row['é'] == 'ü'\n        for row in [{'é': 1}]\n    )",
        "assert all( row['é'] ==",
    ),
    "a message": ("assert rows, 'nobody is there'", "nobody is there"),
}


@pytest.mark.parametrize("way", BARE)
def test_an_assert_without_a_word_is_told_by_its_source(way: str, tmp_path: Path) -> None:
    written, said = BARE[way]
    script = tmp_path / "own.py"
    script.write_text(
        "from convexsim import *\n"
        f"def check_rows(rows):\n    {written}\n"
        "@mutation\ndef handle(ctx): check_rows(ctx.db.query('rows').collect())\n"
        "def rows_are_right(view): check_rows(view.documents('rows'))\n"
        "@scenario(app=define_app({'m': {'handle': handle}}), invariants=[rows_are_right])\n"
        "def it(world): world.client('a').mutation('m:handle')\n",
        encoding="utf-8",
    )
    with open_scenarios(script) as (it,):
        result = Simulation(it).run()
    (broken,) = result.violations
    if way == "a message":
        assert broken.message == said
        assert result.calls[0].error == f"AssertionError: {said} (own.py:3)"
    else:
        assert broken.message.startswith(f"rows are right: {said}")
        assert str(result.calls[0].error).startswith(f"AssertionError: {said}")
        assert str(result.calls[0].error).endswith(" (own.py:3)")


def test_an_assert_whose_source_is_unknown_is_told_by_its_sentence() -> None:
    scope: dict[str, Any] = {}
    exec("def holds(view):\n    assert view is None", scope)  # noqa: S102 - code that no file holds

    @scenario(app=define_app(MODULES), invariants=[scope["holds"]])
    def unknown(world: World) -> None:
        world.client("a").query(api.m.look)

    assert [broken.message for broken in Simulation(unknown).run().violations] == ["holds"]


def test_the_arguments_of_a_cron_fit_what_it_runs() -> None:
    """In TypeScript the compiler says so; here whoever deploys the app."""

    @internal_mutation(args={"n": v.number(), "of": v.optional(v.id("rows"))})
    def tick(ctx: Any, n: int, of: str | None = None) -> None:
        ctx.log(n, of)

    for args, said in (({"n": "x"}, "args.n"), (None, "missing the required field `n`"), ({"n": 1, "m": 2}, "`m`")):
        crons = cron_schedule()
        crons.interval("often", {"seconds": 1}, api.m.tick, args)
        with pytest.raises(UsageError, match="The cron 'often' of app does not fit what 'm:tick' takes") as refused:
            define_app({"m": {"tick": tick}}, SCHEMA, crons=crons).catalog()
        assert said in str(refused.value)
    crons = cron_schedule()
    crons.interval("often", {"seconds": 1}, api.m.tick, {"n": 1})
    assert define_app({"m": {"tick": tick}}, SCHEMA, crons=crons).catalog().has_crons
