"""The recorded scenarios of the original component: read, reduced to the accumulator, and run again.

Every recorded scenario also runs iterator jobs. The two halves share nothing but the plan of the callback, which both
call, and the log. So what the accumulator did alone is told by the record itself: its operations, the log without the
iterator's entries, and the plan entries that its own calls took, in order.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from components.batch_processor import VERSIONS, component
from components.batch_processor.host_app import driver
from convexsim import FunctionDefinition, FunctionError, MutationCtx, api, define_app, mutation, v
from tests.components.driver import Driver

FOLDER = Path(__file__).parents[1] / "conformance"
FILES = ("serial.jsonl", "serial-callbacks.jsonl")
CALLS = {
    "addItems",
    "addMany",
    "deleteBatch",
    "flush",
    "getAllBatchesForBaseId",
    "getBatchStatus",
    "getFlushHistory",
}
TABLES = ("batches", "batchItems", "flushHistory")
HIDDEN = ("_id", "_creationTime", "batchDocId", "scheduledFlushId")


@frozen
class Recorded:
    """One scenario: what was asked, what was answered, and how the callback's calls were told to end."""

    name: str
    plan: list[Any]
    ops: list[dict[str, Any]]
    results: list[Any]


def recorded(version: str) -> Iterator[Recorded]:
    """Yield the scenarios of a version, reduced to the accumulator."""
    for file in FILES:
        for number, line in enumerate((FOLDER / file).read_text(encoding="utf-8").splitlines(), 1):
            scenario = json.loads(line)
            if scenario["version"] == version:
                yield _accumulator_only(f"{file}:{number}", scenario)


def replayed(version: str, scenario: Recorded) -> list[Any]:
    """Run a scenario against this component and return its results."""
    app = define_app({"driver": {**driver(version), "addMany": _add_many(version)}})
    app.use(component(version))
    tables = VERSIONS[version].schema.tables
    with Driver(app, scenario.plan) as world:
        seen = 0
        results = []
        for op in scenario.ops:
            if op["op"] == "log":
                results.append({"ok": world.deliveries[seen:]})
                seen = len(world.deliveries)
            else:
                results.append(_result(world, op, tables))
        return [_comparable(result) for result in results]


def _accumulator_only(name: str, scenario: dict[str, Any]) -> Recorded:
    ops: list[dict[str, Any]] = []
    results: list[Any] = []
    plan: list[Any] = []
    seeded = sum(op["n"] for op in scenario["ops"] if op["op"] == "seedRows")
    for op, result in zip(scenario["ops"], scenario["results"], strict=True):
        kept = result
        if op["op"] == "log":
            entries = _own_entries(result["ok"], seeded)
            plan += [entry["plan"] for entry in entries]
            kept = {"ok": entries}
        elif op["op"] == "dump":
            kept = {"ok": {table: result["ok"][table] for table in TABLES}}
        elif op["op"] not in CALLS and op["op"] != "advance":
            continue
        ops.append(op)
        results.append(kept)
    return Recorded(name, plan, ops, results)


def _own_entries(log: list[dict[str, Any]], seeded: int) -> list[dict[str, Any]]:
    """Return the callback's entries that no iterator made.

    An iterator calls it right after it has got a page, with the items of that page, and not at all if that is empty.
    """
    own = []
    page: list[int] = []
    for entry in log:
        if entry["call"] == "processBatch" and not page:
            own.append(entry)
        assert not page or entry["items"] == page, "an iterator delivers its page at once"
        page = _page(entry, seeded) if entry["call"] == "getNextBatch" else []
    return own


def _page(entry: dict[str, Any], seeded: int) -> list[int]:
    """Return the items that a call of getNextBatch answered."""
    if entry["plan"] != "ok":
        return []
    first = int(entry.get("cursor", -1)) + 1
    return list(range(seeded))[first : first + entry["batchSize"]]


def _result(world: Driver, op: dict[str, Any], tables: Container[str]) -> Any:
    args = {name: value for name, value in op.items() if name != "op"}
    if op["op"] == "advance":
        world.advance(op["ms"])
        return {}
    if op["op"] == "dump":
        return {"ok": {table: world.rows(table) if table in tables else [] for table in TABLES}}
    try:
        return {"ok": world.host(op["op"], **args)}
    except FunctionError as error:
        return {"error": error.message}


def _comparable(value: Any) -> Any:
    """Return a value as the record spells it: without ids and absent values, dumped rows in the order of their JSON."""
    if isinstance(value, dict):
        kept = {name: _comparable(member) for name, member in value.items() if name not in HIDDEN}
        kept = {name: member for name, member in kept.items() if member is not None or name == "ok"}
        if "batchItems" in kept:
            return {table: sorted(rows, key=_json) for table, rows in kept.items()}
        return kept
    return [_comparable(member) for member in value] if isinstance(value, list) else value


def _json(row: Any) -> str:
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _add_many(version: str) -> FunctionDefinition:
    """Return the host's function of that name: several component calls in one mutation, which may then fail."""

    @mutation(args={"adds": v.array(v.any()), "fail": v.optional(v.string())})
    def add_many(ctx: MutationCtx, adds: list[dict[str, Any]], fail: str | None = None) -> list[Any]:
        results = [ctx.run_mutation(api.driver.add_items, add) for add in adds]
        if fail is not None:
            raise RuntimeError(fail)
        return results

    return add_many
