"""The executor boundary: a toy engine beside Python handlers shows that nothing else leaks through."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from convexsim import (
    FunctionError,
    Reference,
    Scenario,
    Simulation,
    World,
    action,
    api,
    define_app,
    define_schema,
    define_table,
    internal_mutation,
    mutation,
    query,
    scenario,
    v,
)
from convexsim.choices import RandomChoices
from convexsim.database.range import Bound
from convexsim.functions import executor as x
from convexsim.functions.define import FunctionDefinition, FunctionKind, foreign_function
from convexsim.functions.outcome import Outcome, Returned, Threw, failure_of
from convexsim.values import UNDEFINED

Program = Generator[tuple[x.Request, ...], tuple[Any, ...], Any]


class GeneratorExecutor:
    """A handler as a generator that yields tuples of requests and is sent their results."""

    def __init__(self, program: Callable[[dict[str, Any], float], Program]) -> None:
        self._make = program

    def new_executor(self) -> GeneratorExecutor:
        return GeneratorExecutor(self._make)

    def start(self, args: dict[str, Any], now: float, seed: str) -> x.Requests | Returned | Threw:
        assert seed
        self._program = self._make(args, now)
        return self._go(lambda: next(self._program))

    def resume(self, answers: tuple[Outcome, ...]) -> x.Requests | Returned | Threw:
        for answer in answers:
            if isinstance(answer, Threw):
                return self._go(partial(self._program.throw, answer.failure.exception()))
        results = tuple(answer.unwrap() for answer in answers if isinstance(answer, Returned))
        return self._go(lambda: self._program.send(results))

    def _go(self, advance: Callable[[], tuple[x.Request, ...]]) -> x.Requests | Returned | Threw:
        try:
            return x.Requests(advance())
        except StopIteration as stop:
            return Returned(stop.value)
        except Exception as exception:  # noqa: BLE001 - whatever a program throws is its outcome
            return Threw(failure_of(exception))


def toy(kind: FunctionKind, program: Callable[[dict[str, Any], float], Program]) -> FunctionDefinition:
    return foreign_function(kind, GeneratorExecutor(program), args={"name": v.string()})


BY_NAME = "by_name"


def _find(name: str) -> Generator[tuple[x.Request, ...], tuple[Any, ...], Any]:
    (stream,) = yield (x.QueryStream("counters", BY_NAME, (Bound("eq", "name", name),)),)
    (first,) = yield (x.QueryStreamNext(stream),)
    if first is UNDEFINED:
        return None
    (second,) = yield (x.QueryStreamNext(stream),)
    assert second is UNDEFINED
    return first


def bump_program(args: dict[str, Any], now: float) -> Program:
    row = yield from _find(args["name"])
    if row is None:
        (new_id,) = yield (x.Insert("counters", {"name": args["name"], "value": 1, "junk": 0}),)
        yield (x.Patch(new_id, {"junk": UNDEFINED}),)
    else:
        (again,) = yield (x.Get(row["_id"]),)
        yield (x.Replace(row["_id"], {"name": again["name"], "value": again["value"] + 1}),)
    (first, second) = yield (
        x.Schedule(now + 10, api.py.note, {"text": "kept"}),
        x.Schedule(now + 20, api.py.note, {"text": "canceled"}),
    )
    yield (x.Cancel(second),)
    try:
        yield (x.RunFunction("mutation", api.py.fail, {}),)
    except FunctionError as error:
        return f"{error} {first != second}"
    return "unreachable"


def twice_program(args: dict[str, Any], now: float) -> Program:
    assert now >= 0
    (handle,) = yield (x.MakeHandle(BUMP),)
    results = yield (
        x.RunFunction("mutation", handle, args),
        x.RunFunction("mutation", handle, args),
        x.UseExternalObject("ledger", "append", args["name"]),
    )
    (key,) = yield (x.GetEnvironmentVariable("KEY"),)
    return [*results, key]


def missing_program(args: dict[str, Any], now: float) -> Program:
    assert now >= 0
    found = yield from _find(args["name"])
    known, unknown = yield (x.GetEnvironmentVariable("KEY"), x.GetEnvironmentVariable("OTHER"))
    return [found, known, unknown]


BUMP = Reference(None, ("subject", "bump"))


class PythonTwin:
    @mutation(args={"name": v.string()})
    def bump(ctx: Any, name: str) -> str:  # noqa: N805 - a function that the class only collects
        row = ctx.db.query("counters").with_index(BY_NAME, lambda q: q.eq("name", name)).unique()
        if row is None:
            new_id = ctx.db.insert("counters", {"name": name, "value": 1, "junk": 0})
            ctx.db.patch(new_id, {"junk": UNDEFINED})
        else:
            again = ctx.db.get(row["_id"])
            ctx.db.replace(row["_id"], {"name": again["name"], "value": again["value"] + 1})
        first = ctx.scheduler.run_after(10, api.py.note, {"text": "kept"})
        second = ctx.scheduler.run_after(20, api.py.note, {"text": "canceled"})
        ctx.scheduler.cancel(second)
        try:
            ctx.run_mutation(api.py.fail, {})
        except FunctionError as error:
            return f"{error} {first != second}"
        return "unreachable"

    @action(args={"name": v.string()})
    async def twice(ctx: Any, name: str) -> list[Any]:  # noqa: N805
        handle = ctx.create_function_handle(BUMP)
        sent = [
            ctx.run_mutation(handle, {"name": name}),
            ctx.run_mutation(handle, {"name": name}),
            ctx.external("ledger").append(name),
        ]
        return [*[await answer for answer in sent], ctx.env["KEY"]]

    @query(args={"name": v.string()})
    def missing(ctx: Any, name: str) -> Any:  # noqa: N805
        found = ctx.db.query("counters").with_index(BY_NAME, lambda q: q.eq("name", name)).unique()
        return [found, ctx.env["KEY"], ctx.env["OTHER"]]


class Helpers:
    @internal_mutation(args={"text": v.string()})
    def note(ctx: Any, text: str) -> None:  # noqa: N805
        ctx.db.insert("notes", {"text": text})

    @internal_mutation
    def fail(ctx: Any) -> None:  # noqa: N805
        ctx.db.insert("notes", {"text": "rolled back"})
        msg = "no"
        raise RuntimeError(msg)


TOYS = {
    "bump": toy("mutation", bump_program),
    "twice": toy("action", twice_program),
    "missing": toy("query", missing_program),
}


def scenario_of(subject: Any) -> Scenario:
    schema = define_schema(
        {
            "counters": define_table({"name": v.string(), "value": v.number(), "junk": v.optional(v.number())}).index(
                BY_NAME, ["name"]
            ),
            "notes": define_table({"text": v.string()}),
        }
    )
    app = define_app({"subject": subject, "py": Helpers}, schema, env={"KEY": "value"})

    @scenario(app=app)
    def twins(world: World) -> None:
        world.external("ledger")
        world.client("alice").action(api.subject.twice, {"name": "hits"})
        world.client("bob").mutation(api.subject.bump, {"name": "hits"})
        world.client("bob").query(api.subject.missing, {"name": "absent"})

    return twins


def test_a_foreign_executor_and_python_handlers_give_the_same_runs() -> None:
    foreign, python = scenario_of(TOYS), scenario_of(PythonTwin)
    seen = set()
    for seed in range(60):
        runs = [Simulation(subject, RandomChoices(seed)).run() for subject in (foreign, python)]
        events = [list(run.trace.as_json()) for run in runs if run.trace is not None]
        assert events[0] == events[1]
        assert [call.error for call in runs[0].calls] == [None, None, None]
        assert [row["value"] for row in runs[0].view.documents("counters")] == [3]
        assert runs[0].calls[0].result[-1] == "value"
        assert runs[0].calls[1].result == "no True"
        assert runs[0].calls[2].result == [None, "value", None]
        assert runs[0].view.external("ledger") == ["hits"]
        assert sorted(row["text"] for row in runs[0].view.documents("notes")) == ["kept"] * 3
        seen.add(tuple(runs[0].indexes))
    assert len(seen) > 10


def test_what_a_mutation_asks_for_at_once_is_served_one_by_one_in_the_order_of_asking() -> None:
    """convex-semantics 1.4, 5.2: `Promise.all` of writes and nested calls."""

    def program(_args: dict[str, Any], _now: float) -> Program:
        count = x.RunFunction("query", "py:notes", {})
        write = x.RunFunction("mutation", "py:note", {"text": "nested"})
        results = yield (count, x.Insert("notes", {"text": "own"}), count, write, count)
        return [results[0], results[2], results[4]]

    class Counting(Helpers):
        note = Helpers.note
        notes = query(lambda ctx: len(ctx.db.query("notes").collect()))

    schema = define_schema({"notes": define_table({"text": v.string()})})

    @scenario(app=define_app({"subject": {"go": toy("mutation", program)}, "py": Counting}, schema))
    def at_once(world: World) -> None:
        world.client("alice").mutation(api.subject.go, {"name": "x"})

    (call,) = Simulation(at_once).run().calls
    assert call.result == [0, 1, 2]


def test_an_action_that_asks_for_a_document_is_refused() -> None:
    def program(_args: dict[str, Any], _now: float) -> Program:
        return (yield (x.Get("whatever"),))

    app = define_app({"subject": {"read": toy("action", program)}})

    @scenario(app=app)
    def refused(world: World) -> None:
        world.client("alice").action(api.subject.read, {"name": "x"})

    (call,) = Simulation(refused).run().calls
    assert call.error is not None
    assert "no database" in call.error
