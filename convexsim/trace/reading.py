"""Reading a trace back from its JSON lines: the inverse of `event.json_lines`, for runs that were saved.

Owns the way back alone; what stands in a line says `event.py`. A saved run can be shown, compared and drawn without the
code that made it; it cannot be run again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, get_args

from attrs import fields

from convexsim.database.commit import Conflict
from convexsim.errors import UsageError
from convexsim.functions.outcome import Failure, Outcome
from convexsim.functions.syscalls import Effect
from convexsim.trace import event
from convexsim.trace.event import Event, Looked, Trace, Written
from convexsim.values.json_codec import from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["read_event", "read_trace"]

_EVENTS: Final = {
    kind.__name__: kind for kind in vars(event).values() if isinstance(kind, type) and issubclass(kind, Event)
}
_NAMED: Final[dict[str, type]] = {kind.__name__: kind for kind in (*get_args(Outcome), *get_args(Effect))}


def read_trace(lines: Iterable[str]) -> Trace:
    """Return the trace that stands in JSON lines, one event each.

    Raises:
        UsageError: a line is no event.

    """
    trace = Trace()
    for number, line in enumerate(lines, 1):
        try:
            trace.add(read_event(json.loads(line)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            msg = f"Line {number} of the trace is no event: {line.strip()[:60]!r}."
            raise UsageError(msg, next_step="Save the run again: convexsim show ... --jsonl FILE.") from error
    return trace


def read_event(told: dict[str, Any]) -> Event:
    """Return the event that `Trace.as_json` tells so."""
    kind = _EVENTS[told["event"]]
    return kind(**{field.name: _READ.get(field.name, _same)(told[field.name]) for field in fields(kind)})


def _same(told: Any) -> Any:
    return told


def _key(told: dict[str, str]) -> bytes:
    return bytes.fromhex(told["hex"])


def _interval(told: list[dict[str, str]]) -> tuple[bytes, bytes]:
    low, high = told
    return _key(low), _key(high)


def _conflict(told: dict[str, Any]) -> Conflict:
    return Conflict(**{**told, "interval": _interval(told["interval"]), "key": _key(told["key"])})


def _written(told: dict[str, Any]) -> Written:
    return Written(told["table"], told["id"], _document(told["before"]), _document(told["after"]))


def _document(told: Any) -> Any:
    return None if told is None else from_json(told)


def _looked(told: dict[str, Any]) -> Looked:
    return Looked(told["index"], tuple(_interval(each) for each in told["intervals"]))


def _member(told: dict[str, Any]) -> Any:
    """Return an outcome or an effect; what a Convex value is in it says its name."""
    kind = _NAMED[told["type"]]
    return kind(**{field.name: _INSIDE.get(field.name, _same)(told[field.name]) for field in fields(kind)})


def _failure(told: dict[str, Any]) -> Failure:
    return Failure(told["code"], told["message"], from_json(told["data"]))


_INSIDE: Final[dict[str, Callable[[Any], Any]]] = {
    "answer": from_json,
    "body": from_json,
    "failure": _failure,
    "value": from_json,
}
_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "args": from_json,
    "conflict": _conflict,
    "effect": _member,
    "late": lambda told: tuple((activity, phase) for activity, phase in told),
    "outcome": _member,
    "reads": lambda told: tuple(_looked(each) for each in told),
    "writes": lambda told: tuple(_written(each) for each in told),
}
"""How the fields are read that are more than a word or a number."""
