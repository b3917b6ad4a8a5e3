"""Scheduled functions as rows: how they are written, canceled, started and finished inside a transaction.

Owns the table ``_scheduled_functions`` and its states (convex-semantics 3). A row lives with the component that
scheduled it, wherever its function runs. Each transition here is plain reads and writes of a transaction, so that
cancel, start and finish race by the ordinary rules of conflict. Who runs what when: `actors/scheduler.py`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from convexsim.choices import activity_below, run_anew
from convexsim.database.limits import UNLIMITED
from convexsim.database.transaction import Transaction
from convexsim.errors import PlatformError
from convexsim.functions.catalog import SCHEDULED_FUNCTIONS
from convexsim.functions.reference import parse_handle
from convexsim.functions.syscalls import Canceled, Scheduled
from convexsim.values import show, size_of
from convexsim.values.ids import IdStream, table_number_of
from convexsim.values.keys import prefix_end

if TYPE_CHECKING:
    from convexsim.database.index import Document
    from convexsim.database.snapshot import Snapshot
    from convexsim.database.tables import Tables
    from convexsim.functions.catalog import Mounted, Target
    from convexsim.functions.environment import Environment
    from convexsim.functions.execution import Execution

__all__ = [
    "Fate",
    "ScheduledFunction",
    "cancel_function",
    "fate_of",
    "finish_function",
    "reschedule_function",
    "schedule_function",
    "scheduled_of",
    "shown",
    "start_function",
    "unfinished",
]

_HIDDEN_FIELDS: Final = frozenset({"activity", "bornCanceled", "handle", "nextTs", "systemErrors"})
_UNFINISHED: Final = ("pending", "inProgress")
_FARTHEST_MS: Final = 5 * 366 * 86_400_000
"""How far a target time may lie from now, in either direction (convex-semantics 3.1)."""


@frozen
class ScheduledFunction:
    """A scheduled function as the platform carries it along.

    Attributes:
        component: the path of the component that scheduled it and owns its row.
        id: of its row.
        activity: the path of its invocation.
        handle: of the function to run.
        args: the frozen arguments object.
        due_ms: when it may start: the later of its target time and the moment of scheduling.
        created: the row's creation time.
        system_errors: how often the platform has failed to run it.

    """

    component: str
    id: str
    activity: str
    handle: str
    args: Any
    due_ms: float
    created: float
    system_errors: int = 0

    @property
    def order(self) -> tuple[float, str, float, str]:
        """Its place among due functions (convex-semantics 3.3)."""
        return (self.due_ms, self.component, self.created, self.id)


@frozen
class Fate:
    """What has become of a scheduled function.

    Attributes:
        function: its label, ``component/module:function``.
        activity: the path of its invocation.
        state: as in its row, but for ``born canceled``: that of one whose parent was canceled when it was scheduled, so
            that nobody has asked for its end.
        due_ms: when it may, or might, start.
        error: what it threw, if it failed.

    """

    function: str
    activity: str
    state: str
    due_ms: float
    error: str | None


def fate_of(row: Document) -> Fate:
    """Return what a row tells of its function."""
    value = row.value
    label = "/".join(filter(None, parse_handle(value["handle"])))
    state = "born canceled" if "bornCanceled" in value else _state(row)
    return Fate(label, value["activity"], state, value["nextTs"], value["state"].get("error"))


def scheduled_of(row: Document) -> ScheduledFunction:
    """Return what a row stands for."""
    value = row.value
    return ScheduledFunction(
        row.table.component,
        row.id,
        value["activity"],
        value["handle"],
        value["args"][0],
        value["nextTs"],
        value["_creationTime"],
        value.get("systemErrors", 0),
    )


def shown(document: Document) -> dict[str, Any]:
    """Return what user code sees of a document: of a scheduled function's row not the platform's own fields.

    While it runs, its state names the request that runs it: Convex's types do not tell, but so it is
    (convex-semantics 3.2).
    """
    value = document.value
    if document.table.name != SCHEDULED_FUNCTIONS:
        return value
    row = {name: part for name, part in value.items() if name not in _HIDDEN_FIELDS}
    if _state(document) == "inProgress":
        run = IdStream(value["activity"])
        row["state"] = {"execution_id": run.token(), "kind": "inProgress", "request_id": run.token()}
    return row


def unfinished(environment: Environment, snapshot: Snapshot) -> list[ScheduledFunction]:
    """Return what is pending or in progress in any component: all that a scheduler without a memory has to go by."""
    found: list[ScheduledFunction] = []
    transaction = Transaction(snapshot)
    for mounted in environment.catalog.components.values():
        table = mounted.scheduled_functions
        for row in transaction.scan(table, table.indexes["by_creation_time"], b"", prefix_end(b"")):
            if _state(row) in _UNFINISHED:
                found.append(scheduled_of(row))  # noqa: PERF401 - two loops read better than one comprehension
    return found


def schedule_function(execution: Execution, mounted: Mounted, at_ms: float, target: Target, args: Any) -> str:
    """Insert a row; under a canceled parent it is born canceled (convex-semantics 3.4).

    The look at the parent's row is a read of this transaction like any other. Arguments that are no object are refused
    here, by whatever function; whether they fit is asked when it runs.
    """
    _check_moment(at_ms, execution.now)
    if not isinstance(args, dict):
        msg = f"{target.label} cannot be scheduled with {show(args)}; the arguments of a function are one object."
        raise PlatformError(msg, code="InvalidArgument")
    execution.transaction.usage.schedule(size_of([args]))
    execution.scheduled += 1
    activity = activity_below(execution.activity, f"+{execution.scheduled}")
    parent = execution.parent
    born_canceled = parent is not None and _state(_row(execution, parent.component, parent.id)) == "canceled"
    module, _, function = target.path.partition(":")
    value: dict[str, Any] = {
        "name": f"{module}.js:{function}",
        "args": [args],
        "scheduledTime": execution.begin_ms if born_canceled else at_ms,
        "state": {"kind": "canceled" if born_canceled else "pending"},
        "activity": activity,
        "handle": target.handle,
        "nextTs": max(at_ms, execution.now),
    }
    if born_canceled:
        value |= {"bornCanceled": True, "completedTime": execution.begin_ms}
    row = execution.insert(mounted.scheduled_functions, value)
    execution.effects.append(
        Scheduled(
            row.id,
            activity,
            target.label,
            at_ms,
            "canceled" if born_canceled else "pending",
            None if parent is None else parent.activity,
        )
    )
    return row.id


def cancel_function(execution: Execution, mounted: Mounted, scheduled_id: object) -> None:
    """Cancel a scheduled function of a component (convex-semantics 3.4); a finished or unknown one stays as it is.

    Raises:
        PlatformError: InvalidArgument for what is no id, or one of another table; ScheduledFunctionCancelingItself on
            a platform where `self_cancel` is ``throw``.

    """
    tables = execution.transaction.components[mounted.path]
    row = _row(execution, mounted.path, _checked_id(tables, scheduled_id))
    if row is None:
        return
    scheduled, parent = scheduled_of(row), execution.parent
    if parent is not None and (parent.component, parent.id) == (scheduled.component, scheduled.id):
        result = _cancel_itself(execution, row)
    else:
        result = _cancel_row(execution, row)
    execution.effects.append(Canceled(scheduled.id, scheduled.activity, result))


def _cancel_itself(execution: Execution, row: Document) -> str:
    """Do what the platform does about a function that cancels itself: its parameter `self_cancel`."""
    match execution.environment.platform.self_cancel:
        case "throw":
            msg = f"The scheduled function {scheduled_of(row).activity} cancels itself."
            raise PlatformError(msg, code="ScheduledFunctionCancelingItself")
        case "noop":
            return "self: noop"
        case "tree":
            return _cancel_row(execution, row)


def _cancel_row(execution: Execution, row: Document) -> str:
    state = _state(row)
    return _set_state(execution, row, "canceled") if state in _UNFINISHED else state


def _checked_id(tables: Tables, scheduled_id: object) -> str:
    number = table_number_of(scheduled_id) if isinstance(scheduled_id, str) else None
    table = None if number is None else tables.numbered(number)
    if number is None or (table is not None and table.name != SCHEDULED_FUNCTIONS):
        what = "no document id" if table is None else f"an id of the table {table.name}"
        msg = f"cancel got {scheduled_id!r}, which is {what}."
        raise PlatformError(msg, code="InvalidArgument", next_step="Pass what ctx.scheduler.run_after returned.")
    return str(scheduled_id)


def start_function(execution: Execution, scheduled: ScheduledFunction) -> str:
    """Take a due function from pending to inProgress; return the state it was in, ``gone`` if there is no row."""
    row = _row(execution, scheduled.component, scheduled.id)
    state = _state(row)
    if row is not None and state == "pending":
        execution.replace(row, {**row.value, "state": {"kind": "inProgress"}})
    return state


def reschedule_function(execution: Execution, scheduled: ScheduledFunction, delay_ms: float) -> str:
    """Let a function wait again, under the path of a new run, and return its state (convex-semantics 3.3).

    One in progress is an action that a dead node has left behind: it is to be marked failed, as soon as that succeeds.
    """
    row = _row(execution, scheduled.component, scheduled.id)
    state = _state(row)
    if row is not None and state in _UNFINISHED:
        again = {"nextTs": execution.now + delay_ms, "systemErrors": scheduled.system_errors + 1}
        execution.replace(row, {**row.value, **again, "activity": run_anew(scheduled.activity)})
    return state


def finish_function(execution: Execution, scheduled: ScheduledFunction, error: str | None = None) -> str:
    """Record a function's end and return its state; if it was canceled meanwhile, the outcome is discarded.

    What the platform reads for that is not held against the limits of the function.
    """
    execution.transaction.usage.limits = UNLIMITED
    row = _row(execution, scheduled.component, scheduled.id)
    if row is None or _state(row) not in _UNFINISHED:
        return _state(row)
    return _set_state(execution, row, "success" if error is None else "failed", error)


def _check_moment(at_ms: float, now: float) -> None:
    """Refuse what is no moment, or too far away (convex-semantics 3.1)."""
    if type(at_ms) not in (int, float) or not -inf < at_ms < inf:
        msg = f"{at_ms!r} is no moment in ms."
        raise PlatformError(msg, code="InvalidArgument")
    if abs(at_ms - now) > _FARTHEST_MS:
        msg = f"The moment {at_ms!r} is more than five years from now ({now:g})."
        raise PlatformError(msg, code="InvalidScheduledFunctionDelay")


def _row(execution: Execution, component: str, scheduled_id: str) -> Document | None:
    scheduled_functions = execution.catalog.components[component].scheduled_functions
    return execution.transaction.get(scheduled_functions, scheduled_id)


def _state(row: Document | None) -> str:
    return "gone" if row is None else str(row.value["state"]["kind"])


def _set_state(execution: Execution, row: Document, kind: str, error: str | None = None) -> str:
    state = {"kind": kind} if error is None else {"error": error, "kind": kind}
    execution.replace(row, {**row.value, "state": state, "completedTime": execution.begin_ms})
    return kind
