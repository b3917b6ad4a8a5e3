"""Random programs of reads and writes, run twice: as mutations on the simulator, and on one plain dict.

A program is data, a list of operations, that the mutation `go` goes through on `ctx.db`. `Model` goes through the same
list on a dict of rows, with a linear search and a sort by the comparison that was written from convex-semantics 8. It
imports nothing of `convexsim.database`. Ids and creation times are the platform's to choose; all else must follow.
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any, Final

from attrs import define, field
from hypothesis import strategies as st

from convexsim import (
    UNDEFINED,
    ActionCtx,
    FunctionError,
    Int64,
    MutationCtx,
    PlatformError,
    QueryCtx,
    Run,
    Session,
    World,
    action,
    api,
    define_app,
    define_schema,
    define_table,
    mutation,
    query,
    v,
)
from convexsim.functions.outcome import Returned
from convexsim.trace import event
from tests.support import events_of, module
from tests.values.test_keys import compare

INDEXES: Final = {"by_a": ("a",), "by_a_b": ("a", "b"), "by_creation_time": (), "by_id": ("_id",)}
schema = define_schema({"items": define_table(v.any()).index("by_a", ["a"]).index("by_a_b", ["a", "b"])})

Op = dict[str, Any]
Row = dict[str, Any]

# ------------------------------------------------------------------------------------------------- on the simulator


@mutation
def go(ctx: MutationCtx, program: list[Op], known: list[str]) -> list[Any]:
    """Go through a program and return what came of each operation; `known` are ids from elsewhere."""
    known = [*known]
    results: list[Any] = []
    for op in program:
        try:
            results.append(_do(ctx, op, known))
        except (PlatformError, FunctionError) as error:
            results.append(error.code)
        known += ids_in(results[-1])
    return results


def _do(ctx: MutationCtx, op: Op, known: list[str]) -> Any:
    document_id = known[op["at"] % len(known)] if "at" in op and known else None
    match op["do"]:
        case "insert":
            document_id = ctx.db.insert("items", op["fields"])
            return ctx.db.get(document_id)
        case "read":
            return _read(ctx, op)
        case "query":
            return ctx.run_query(api.m.look, {"op": op["op"]})
        case "stale":  # whatever it sees is of no consequence
            return len([ctx.run_query(api.m.look, {"op": op["op"]}, use_stale_snapshot=True)])
        case "nested":
            return ctx.run_mutation(api.m.go, {"program": op["program"], "known": known})
        case "schedule":
            return len([ctx.scheduler.run_after(op["delay"], api.m.go, {"program": op["program"], "known": known})])
        case "throw":
            raise ValueError("as the program says")
        case "get" if document_id is not None:
            return ctx.db.get(document_id)
        case "patch" if document_id is not None:
            return ctx.db.patch(document_id, {**op["fields"], **dict.fromkeys(op["without"], UNDEFINED)})
        case "replace" if document_id is not None:
            return ctx.db.replace(document_id, op["fields"])
        case "delete" if document_id is not None:
            return ctx.db.delete(document_id)
        case _:
            return "nothing to do it to"


def _read(ctx: QueryCtx, op: Op) -> Any:
    rows = ctx.db.query("items").with_index(op["index"], lambda q: bounded(q, op["bounds"]))
    rows = rows.order("desc" if op["descending"] else "asc")
    if "least" in op:
        rows = rows.filter(lambda q: q.gte(q.field("b"), op["least"]))
    match op["end"]:
        case "collect":
            return rows.collect()
        case "first":
            return rows.first()
        case "unique":
            return rows.unique()
        case "take":
            return rows.take(op["rows"])
        case "paginate":
            page = rows.paginate({"numItems": op["rows"], "cursor": None})
            return [page["page"], page["isDone"]]
        case _:
            return [row for _, row in zip(range(op["rows"]), rows, strict=False)]  # breaks off after its last row


def bounded(q: Any, bounds: list[Any]) -> Any:
    for comparison, name, *value in bounds:
        q = getattr(q, comparison)(name, value[0] if value else UNDEFINED)
    return q


@query
def look(ctx: QueryCtx, op: Op) -> Any:
    try:
        return _read(ctx, op)
    except PlatformError as error:
        return error.code


@action
async def act(ctx: ActionCtx, op: Op, program: list[Op]) -> Any:
    seen = await ctx.run_query(api.m.look, {"op": op})
    return await ctx.run_mutation(api.m.go, {"program": program, "known": ids_in(seen)})


app = define_app({"m": module(go, look, act)}, schema)


def ids_in(value: Any) -> list[str]:
    """Return the ids of the documents in a result."""
    if isinstance(value, dict):
        return [value["_id"]] if "_id" in value else []
    return [found for item in value for found in ids_in(item)] if isinstance(value, list) else []


# ------------------------------------------------------------------------------------------------------ on one dict


class Thrown(Exception):  # noqa: N818 - it is what happened, not an error of ours
    """A program threw."""


@define
class Model:
    """A database that is one dict."""

    rows: dict[str, Row] = field(factory=dict)

    def go(self, program: list[Op], known: list[str], happened: list[Any]) -> list[Any]:
        """Return what must have come of each operation; of what happened only ids and creation times are taken over."""
        known = [*known]
        results: list[Any] = []
        for op, came in zip(program, happened, strict=True):
            try:
                results.append(self._do(op, known, came))
            except Thrown as code:
                results.append(str(code))
            known += ids_in(results[-1])
        return results

    def _do(self, op: Op, known: list[str], came: Any) -> Any:
        match op["do"]:
            case "insert":
                own = {name: came[name] for name in ("_id", "_creationTime")}
                assert own["_id"] not in self.rows
                self.rows[own["_id"]] = {**op["fields"], **own}
                return self.rows[own["_id"]]
            case "read":
                return self.read(op)
            case "query":
                return self.look(op["op"])
            case "stale" | "schedule":
                return 1
            case "nested":
                if throws(op["program"]):  # and so leaves nothing
                    raise Thrown("Error")
                return self.go(op["program"], known, came)
            case _:
                return self._change(op, known)

    def _change(self, op: Op, known: list[str]) -> Any:
        if not known:
            return "nothing to do it to"
        document_id = known[op["at"] % len(known)]
        if op["do"] == "get":
            return self.rows.get(document_id)
        if document_id not in self.rows:
            raise Thrown("NonexistentDocument")
        old = self.rows.pop(document_id)
        if op["do"] != "delete":
            kept = old if op["do"] == "patch" else {name: old[name] for name in ("_id", "_creationTime")}
            new = {**kept, **op["fields"]}
            removed = op["without"] if op["do"] == "patch" else ()
            self.rows[document_id] = {name: value for name, value in new.items() if name not in removed}
        return None

    def look(self, op: Op) -> Any:
        try:
            return self.read(op)
        except Thrown as code:
            return str(code)

    def read(self, op: Op) -> Any:
        rows = in_order(self.rows.values(), op["index"])
        rows = [row for row in rows if all(holds(row, *bound) for bound in op["bounds"])]
        rows = rows[::-1] if op["descending"] else rows
        if "least" in op:
            rows = [row for row in rows if compare(row.get("b", UNDEFINED), op["least"]) >= 0]
        match op["end"]:
            case "first":
                return rows[0] if rows else None
            case "unique":
                if len(rows) > 1:
                    raise Thrown("NotUnique")
                return rows[0] if rows else None
            case "take" | "break":
                return rows[: op["rows"]]
            case "paginate":
                return [rows[: op["rows"]], len(rows) < op["rows"]]
            case _:
                return rows


def holds(row: Row, comparison: str, name: str, *value: Any) -> bool:
    order = compare(row.get(name, UNDEFINED), value[0] if value else UNDEFINED)
    return {"eq": order == 0, "gt": order > 0, "gte": order >= 0, "lt": order < 0, "lte": order <= 0}[comparison]


def in_order(rows: Any, index: str) -> list[Row]:
    def by_fields(one: Row, other: Row) -> int:
        names = (*INDEXES[index], "_creationTime", "_id")
        orders = (compare(one.get(name, UNDEFINED), other.get(name, UNDEFINED)) for name in names)
        return next((order for order in orders if order), 0)

    return sorted(rows, key=cmp_to_key(by_fields))


def throws(program: list[Op]) -> bool:
    return any(op["do"] == "throw" for op in program)


# ---------------------------------------------------------------------------------------------- the two side by side


@define
class Comparison:
    """What a run has done, transaction by transaction in the order of the commits, on one dict."""

    run: Run
    model: Model = field(factory=Model)
    differences: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        called = {one.activity: one for one in events_of(self.run, event.Called)}
        ended = {one.activity: one.outcome for one in events_of(self.run, event.Ended)}
        begun = {one.activity: one.begin_ts for one in events_of(self.run, event.Began)}
        states = [dict(self.model.rows)]  # by timestamp
        committed = set()
        for one in events_of(self.run, event.Committed):
            outcome = ended.get(one.activity)
            if one.what == "m:go":
                committed.add(one.activity)
                assert isinstance(outcome, Returned)
                self._compare(one.activity, called[one.activity], outcome.value)
                wrote = {each.id: each.after for each in one.writes if each.table == "/items"}
                self._expect(one.activity, "leaves", wrote, {each: self.model.rows.get(each) for each in wrote})
            states.append(dict(self.model.rows))
        latest = self.model
        for activity, outcome in ended.items():  # what wrote nothing saw the documents of its begin
            if activity not in committed and called[activity].kind != "action" and isinstance(outcome, Returned):
                self.model = Model(dict(states[begun[activity]]))
                self._compare(activity, called[activity], outcome.value)
                self._expect(activity, "leaves", states[begun[activity]], self.model.rows)
        self.model = latest
        for index in INDEXES:
            self._expect("the end", f"has {index}", self._documents(index), in_order(self.model.rows.values(), index))

    def _compare(self, activity: str, call: event.Called, happened: Any) -> None:
        args = call.args
        if call.function == "m:look":
            expected = self.model.look(args["op"])
        elif throws(args["program"]):
            expected = "an error"
        else:
            expected = self.model.go(args["program"], args["known"], happened)
        self._expect(activity, "returns", happened, expected)

    def _documents(self, index: str) -> list[Row]:
        return in_order(self.run.view.documents("items"), index)

    def _expect(self, who: str, what: str, here: Any, there: Any) -> None:
        if here != there:
            self.differences.append(f"{who} {what} {here}, on one dict {there}")


# --------------------------------------------------------------------------------------------------- random programs

VALUES: Final[list[Any]] = [None, Int64(1), -0.0, 0, 1, 1.5, True, "", "a", "ab", b"a", [1], {"x": 1}]
values = st.sampled_from(VALUES)
fields = st.fixed_dictionaries({}, optional={"a": values, "b": values})
some = st.integers(0, 3)


@st.composite
def reads(draw: st.DrawFn) -> Op:
    """Draw a query in every shape that there is, but for pages: a function may ask for one only."""
    index = draw(st.sampled_from(["by_a", "by_a", "by_a_b", "by_creation_time", "by_id"]))
    names = list(INDEXES[index] if index != "by_id" else ())
    equal = draw(st.integers(0, len(names)))
    bounds: list[Any] = [["eq", name, *draw(one_value)] for name in names[:equal]]
    for comparison in draw(st.sampled_from([(), ("gt",), ("gte",), ("lt",), ("lte",), ("gte", "lt")])):
        bounds += [[comparison, name, *draw(one_value)] for name in names[equal : equal + 1]]
    op = {"do": "read", "index": index, "bounds": bounds, "descending": draw(st.booleans())}
    if draw(st.integers(0, 3)) == 0:
        op["least"] = draw(values)
    return {**op, "end": draw(st.sampled_from(ENDS)), "rows": draw(st.integers(1, 3))}


ENDS: Final = ["collect", "take", "take", "first", "unique", "break"]
one_value: st.SearchStrategy[list[Any]] = st.lists(values, min_size=1, max_size=1) | st.just([])
inserts = st.builds(lambda given: {"do": "insert", "fields": given}, fields)
changes = st.builds(
    lambda do, at, given, without: {"do": do, "at": at, "fields": given, "without": [*without]},
    st.sampled_from(["get", "patch", "patch", "patch", "replace", "delete"]),
    some,
    fields,
    st.sets(st.sampled_from(["a", "b"]), max_size=1),
)
looks = st.builds(lambda do, op: {"do": do, "op": op}, st.sampled_from(["query", "stale"]), reads())
simple = st.lists(reads() | changes | inserts | looks, min_size=1, max_size=4)
throwing = st.builds(lambda ops: [*ops, {"do": "throw"}], simple)


@st.composite
def programs(draw: st.DrawFn) -> list[Op]:
    """Draw a program that begins by looking round, so that it has something to change, and does change something."""
    program: list[Op] = [draw(reads()), *draw(simple), draw(changes | inserts)]
    what = draw(st.sampled_from(["plain", "plain", "nested", "undone", "schedule", "page"]))
    if what in ("nested", "undone"):
        inner = draw(simple if what == "nested" else throwing)
        program.insert(draw(st.integers(1, len(program))), {"do": "nested", "program": inner})
    elif what == "schedule":
        program.append({"do": "schedule", "program": draw(simple), "delay": draw(st.sampled_from([0, 0, 50]))})
    elif what == "page":
        program.insert(1, {**draw(reads()), "end": "paginate"})
    return program


@st.composite
def worlds(draw: st.DrawFn) -> list[list[Any]]:
    """Draw what each of some clients does: programs, queries and actions, one after the other."""
    calls = st.one_of(programs(), programs(), programs(), reads(), st.tuples(reads(), programs()))
    return draw(st.lists(st.lists(calls, min_size=1, max_size=2), min_size=3, max_size=4))


def people(world: World, said: list[list[Any]]) -> None:
    """Let each client make its calls; the ids that one call told it are known to the next."""
    first = [{"do": "insert", "fields": {"a": VALUES[n], "b": VALUES[-n]}} for n in range(2, 7)]
    world.client("first").mutation(api.m.go, {"program": first, "known": []})
    for number, calls in enumerate(said):
        world.client(f"c{number}").wait(1)
        world.client(f"c{number}").run(_client(calls))


def _client(calls: list[Any]) -> Any:
    async def client(session: Session) -> None:
        known: list[str] = []
        for call in calls:
            known += ids_in(await _answer(session, call, known))

    return client


async def _answer(session: Session, call: Any, known: list[str]) -> Any:
    try:
        if isinstance(call, list):
            return await session.mutation(api.m.go, {"program": call, "known": known})
        if isinstance(call, tuple):
            return await session.action(api.m.act, {"op": call[0], "program": call[1]})
        return await session.query(api.m.look, {"op": call})
    except FunctionError:
        return []
