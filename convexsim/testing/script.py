"""Portable scenarios: lists of operations that name no language, run one after the other in a serial world.

Owns what a component offers for them, what a line of a script says, how it is run, and how its results are spelled and
compared with recorded ones. So the same file may drive a component here and the one that it was modelled on. Reading
files and finding components is `script_file.py`'s, which comes next.

A line is a JSON object ``{"version", "plan"?, "ops", "results"?}``. Each operation is an object ``{"op": name, ...}``,
the rest of which are its arguments, and has one result: ``{"ok": value}`` or ``{"error": message}``. Three operations
are there for every component: ``advance{ms}`` lets virtual time pass, and what is scheduled runs only then; ``log``
returns what the callbacks have noted since the last time; ``dump{tables}`` returns rows of the component's tables. All
others are public functions of the app's module. `plan` says by the name of a callback how its calls end, in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from convexsim.errors import PlatformError, UsageError, did_you_mean
from convexsim.functions.component import Component
from convexsim.functions.environment import Platform
from convexsim.functions.outcome import Threw
from convexsim.testing.serial import SerialWorld
from convexsim.trace.names import one_line, shorten
from convexsim.trace.text import WIDTH
from convexsim.values import UNDEFINED, dumps, freeze, to_json
from convexsim.values.value import MAX_SAFE_INTEGER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Line", "ScriptApp", "difference", "run_line", "script_error"]

_OWN_OPERATIONS: Final = {"advance": "ms", "log": None, "dump": "tables"}
"""The operations that are no functions of the app, and the argument that each needs."""

_PLATFORM_FIELDS: Final = ("_id", "_creationTime")


@frozen(eq=False)
class ScriptApp:
    """What a component's module offers to `convexsim script`: its function ``script_app(version)`` returns one.

    `script_app` raises `UsageError` for a version that there is not.

    Attributes:
        app: which mounts the component.
        module: of the app; each of its public functions is an operation, by its name.
        component: the path of the component in the app.
        plans: the outside objects that say how callbacks end, each named like its callback; a line's plan fills them.
        log: the outside object to which callbacks append one entry a call.
        absent: tables that other versions have and this one has not; they are dumped as empty.
        hidden: fields that results leave out beside ``_id`` and ``_creationTime``: ids differ between platforms.

    """

    app: Component
    module: str
    component: str
    plans: Sequence[str]
    log: str
    absent: Sequence[str] = ()
    hidden: Sequence[str] = ()

    @property
    def operations(self) -> list[str]:
        """The names of what a line may do."""
        paths = [path.rpartition(":") for path, definition in self.app.functions.items() if definition.is_public]
        return [*_OWN_OPERATIONS, *(name for module, _, name in paths if module == self.module)]


@frozen
class Line:
    """One scenario of a script.

    Attributes:
        where: file and line.
        version: of the component; the one that the line names unless the caller wants another.
        given: the whole line.

    """

    where: str
    version: str
    given: Mapping[str, Any]

    def check(self, offered: ScriptApp) -> None:
        """Look for operations and plans that make no sense, before anything runs.

        Raises:
            UsageError: names file, line and operation, and what to write instead.

        """
        for number, op in enumerate(self.given["ops"], 1):
            problem = _problem_of(op, offered.operations)
            if problem is not None:
                raise script_error(f"{self.where}: operation {number}", problem)
        for name, entries in self.given.get("plan", {}).items():
            if name not in offered.plans:
                advice = did_you_mean(name, offered.plans)
                raise script_error(self.where, UsageError(f"No callback {name!r} can be planned.", next_step=advice))
            if not isinstance(entries, list):
                advice = "It lists how the calls end, one after the other."
                raise script_error(self.where, UsageError(f"The plan of {name!r} is no list.", next_step=advice))

    def answered(self, results: list[Any]) -> str:
        """Return the line with these results as JSON text: a recording, with sorted keys and without spaces."""
        return dumps({**self.given, "version": self.version, "results": results})


def run_line(line: Line, offered: ScriptApp) -> list[Any]:
    """Run a line's operations in a fresh world and return a result for each, as plain JSON data.

    From values of functions and from rows the fields that an app hides are left out, and those that are null; dumped
    rows come in the order of their JSON text. A mutation that cancels the function it runs under does nothing by that,
    as on the platform where results were recorded (``self_cancel="noop"``).

    Raises:
        UsageError: an operation cannot be done at all; names file, line and operation.

    """
    plans = {**dict.fromkeys(offered.plans, ()), **line.given.get("plan", {}), offered.log: ()}
    with SerialWorld(offered.app, plans, Platform(self_cancel="noop")) as world:
        performer = _Performer(world, offered)
        results = []
        for number, op in enumerate(line.given["ops"], 1):
            try:
                results.append(performer.result(op))
            except (UsageError, PlatformError) as error:
                raise script_error(f"{line.where}: operation {number} ({op['op']})", error) from None
        return results


def difference(line: Line, results: list[Any]) -> str | None:
    """Return where results first differ from the recorded ones, in some lines of text; None if nowhere."""
    ops, recorded = line.given["ops"], line.given["results"]
    if len(recorded) != len(ops):
        return f"{line.where} ({line.version}): {len(ops)} operations, but {len(recorded)} recorded results"
    for number, (op, old, new) in enumerate(zip(ops, recorded, results, strict=True), 1):
        for path, was, is_now in _differences("", old, new):
            asked = {name: value for name, value in op.items() if name != "op"}
            lines = [
                f"{line.where} ({line.version}): operation {number} of {len(ops)} differs",
                f"  {op['op']} {_shown(asked)}",
                f"  at {path}:" if path else "  at all:",
                f"    recorded {_shown(was)}",
                f"    here     {_shown(is_now)}",
            ]
            return "\n".join(shorten(text, WIDTH) for text in lines)
    return None


def script_error(where: str, error: UsageError | PlatformError) -> UsageError:
    """Return an error that says where in a script it arose."""
    return UsageError(f"{where}: {error.message}", next_step=error.next_step)


class _Performer:
    """Performs operations in one world."""

    def __init__(self, world: SerialWorld, offered: ScriptApp) -> None:
        self._world = world
        self._offered = offered
        self._hidden = (*_PLATFORM_FIELDS, *offered.hidden)
        self._told = 0

    def result(self, op: Mapping[str, Any]) -> dict[str, Any]:
        """Return what an operation comes to, as plain JSON data."""
        world, offered, name = self._world, self._offered, op["op"]
        if name == "advance":
            world.advance(op["ms"])
            return {}
        if name == "log":
            return {"ok": self._comparable(self._news())}
        if name == "dump":
            return {"ok": {table: self._rows(table) for table in op["tables"]}}
        args = {field: value for field, value in op.items() if field != "op"}
        outcome = world.call(f"{offered.module}:{name}", args)
        if isinstance(outcome, Threw):
            return {"error": outcome.failure.message}
        return {"ok": self._comparable(outcome.value)}

    def _news(self) -> list[Any]:
        entries = self._world.view.external(self._offered.log)
        told, self._told = self._told, len(entries)
        return entries[told:]

    def _rows(self, table: str) -> list[Any]:
        rows = [] if table in self._offered.absent else self._world.view.documents(table, self._offered.component)
        return sorted((self._comparable(row) for row in rows), key=dumps)

    def _comparable(self, value: Any) -> Any:
        return _without(to_json(freeze(value)), self._hidden)


def _without(data: Any, hidden: Sequence[str]) -> Any:
    """Return JSON data without some fields and without those that are null."""
    if isinstance(data, dict):
        kept = {name: _without(item, hidden) for name, item in data.items() if name not in hidden}
        return {name: item for name, item in kept.items() if item is not None}
    return [_without(item, hidden) for item in data] if isinstance(data, list) else data


def _problem_of(op: Any, operations: Sequence[str]) -> UsageError | None:
    if not isinstance(op, dict) or not isinstance(op.get("op"), str):
        return UsageError(f"{_shown(op)} is no operation.", next_step='It is an object {"op": name, ...}.')
    name = op["op"]
    if name not in operations:
        return UsageError(f"There is no operation {name!r}.", next_step=did_you_mean(name, operations))
    if name not in _OWN_OPERATIONS:
        return None
    needed = _OWN_OPERATIONS[name]
    fields = ["op"] if needed is None else ["op", needed]
    if sorted(op) != sorted(fields):
        msg = f"{name!r} has the fields {', '.join(op)}."
        return UsageError(msg, next_step=f"It has exactly {' and '.join(fields)}.")
    ms, tables = op.get("ms", 0), op.get("tables", [])
    if isinstance(ms, bool) or not isinstance(ms, int | float) or not 0 <= ms <= MAX_SAFE_INTEGER:
        return UsageError(f"Time cannot advance by {_shown(ms)}.", next_step="Give a number of ms, 0 or more.")
    if not isinstance(tables, list) or not all(isinstance(table, str) for table in tables):
        return UsageError(f"{_shown(tables)} are no tables.", next_step="List their names.")
    return None


def _differences(path: str, recorded: Any, here: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield where two pieces of JSON data differ, as narrowly as can be said, in the order of their fields."""
    if isinstance(recorded, dict) and isinstance(here, dict):
        for name in sorted({*recorded, *here}):
            inner = f"{path}.{name}" if path else name
            yield from _differences(inner, recorded.get(name, UNDEFINED), here.get(name, UNDEFINED))
    elif isinstance(recorded, list) and isinstance(here, list):
        for index in range(max(len(recorded), len(here))):
            old, new = (items[index] if index < len(items) else UNDEFINED for items in (recorded, here))
            yield from _differences(f"{path}[{index}]", old, new)
    elif dumps(recorded) != dumps(here):
        yield path, recorded, here


def _shown(data: Any) -> str:
    return "nothing" if data is UNDEFINED else one_line(dumps(data))
