"""The events of a run, in the order in which they happened.

Owns what a trace is made of, one frozen class a kind of event in the order of a mutation's life, and their JSON. Knows
no actor; actors add events to a `Trace`, and `text.py` tells them to people. The same choices give the same events,
byte for byte.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, get_args

from attrs import fields, frozen

from convexsim.database.commit import Conflict
from convexsim.functions.outcome import Failure, Outcome
from convexsim.functions.syscalls import Effect
from convexsim.values.json_codec import to_json
from convexsim.values.keys import format_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.database.index import Interval

__all__ = [
    "Aborted",
    "Began",
    "Broken",
    "Called",
    "Committed",
    "Conflicted",
    "Did",
    "Ended",
    "Event",
    "Faulted",
    "Looked",
    "Passed",
    "Read",
    "StateChanged",
    "Stepped",
    "Trace",
    "Waited",
    "Written",
    "json_lines",
]


@frozen
class Event:
    """Something that happened.

    Attributes:
        step: the number of the step in which it happened, from 1; 0 before the first.
        at_ms: virtual time.
        activity: on whose behalf: the path of the invocation.

    """

    step: int
    at_ms: float
    activity: str


@frozen
class Stepped(Event):
    """A message was handled.

    Attributes:
        actor: who handled it.
        phase: what the message is.
        options: how many steps were enabled, or 0 if the step was no choice.
        index: which of them this was.

    """

    actor: str
    phase: str
    options: int
    index: int


@frozen
class Called(Event):
    """A client or an action called a function, or a scheduled one came up."""

    function: str
    kind: str
    args: Any


@frozen
class Began(Event):
    """A transaction began: from here on it sees the database as of `begin_ts`."""

    what: str
    attempt: int
    begin_ts: int


@frozen
class Looked:
    """What was read of one index (``component/table.index``): merged intervals of keys, in ascending order."""

    index: str
    intervals: tuple[Interval, ...]


@frozen
class Read(Event):
    """What an attempt has read by the time its handler ended, its read set; indexes in the order of their names."""

    what: str
    attempt: int
    reads: tuple[Looked, ...]


@frozen
class Did(Event):
    """A handler did something besides reading and writing documents."""

    effect: Effect


@frozen
class Written:
    """One document of a commit; `before` and `after` are its frozen fields, None where it did not or does not exist."""

    table: str
    id: str
    before: Any
    after: Any


@frozen
class Committed(Event):
    """A transaction became part of history."""

    what: str
    commit_ts: int
    writes: tuple[Written, ...]


@frozen
class Conflicted(Event):
    """A transaction lost: somebody wrote what it had read."""

    what: str
    attempt: int
    conflict: Conflict


@frozen
class Aborted(Event):
    """A transaction's handler threw, so its writes were dropped without being judged."""

    what: str
    attempt: int


@frozen
class Waited(Event):
    """A loser waits before it tries again."""

    delay_ms: float


@frozen
class Ended(Event):
    """A call came back."""

    function: str
    outcome: Outcome


@frozen
class StateChanged(Event):
    """A scheduled function changed its state by the platform's own hand."""

    function: str
    state: str


@frozen
class Faulted(Event):
    """Something went wrong that the scenario allows to go wrong (`faults.py`).

    Attributes:
        fault: which fault.
        how: the way it took.

    """

    fault: str
    how: str


@frozen
class Passed(Event):
    """Time is about to pass although somebody could run (`Platform.late_ms`).

    Attributes:
        until_ms: when it stops next.
        late: who waits meanwhile: the activity and the phase of each message that could be handled.

    """

    until_ms: float
    late: tuple[tuple[str, str], ...]


@frozen
class Broken(Event):
    """An invariant did not hold."""

    invariant: str
    message: str


class Trace:
    """The events of one run."""

    __slots__ = ("events",)

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, event: Event) -> None:
        """Append an event."""
        self.events.append(event)

    def as_json(self) -> Iterator[dict[str, Any]]:
        """Yield the events as plain JSON objects; their fields are the attributes of the classes here.

        `event` names the class of the event, `type` that of an outcome or effect inside it. Convex values are spelled
        as they travel (`values/json_codec.py`), index keys as ``{"hex", "text"}``: exactly, and for people.
        """
        for event in self.events:
            yield {"event": type(event).__name__, **_attributes(event)}


def json_lines(trace: Trace) -> str:
    """Return a trace as JSON, one event a line: the form in which two runs are compared byte by byte.

    Fields are sorted, there are no spaces, and all is ASCII: no reader can take a line for two, or bytes for others.
    """
    return "".join([_encode(event) + "\n" for event in trace.as_json()])


_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode

_NAMED: Final = (*get_args(Outcome), *get_args(Effect))
"""Members of unions: only their class tells them apart."""


def _attributes(thing: Any) -> dict[str, Any]:
    return {attribute.name: _plain(getattr(thing, attribute.name)) for attribute in fields(type(thing))}


def _plain(thing: Any) -> Any:
    # Told by class, never by shape: a Convex value may be bytes, or an Int64, which is an attrs class too.
    kind = type(thing)
    if kind in _NAMED:
        return {"type": kind.__name__, **_attributes(thing)}
    if kind is Written or kind is Failure:
        return _attributes(thing)
    if kind is Conflict:
        low, high = thing.interval
        return {**_attributes(thing), "interval": [_key(low), _key(high)], "key": _key(thing.key)}
    if kind is Looked:
        return {"index": thing.index, "intervals": [[_key(low), _key(high)] for low, high in thing.intervals]}
    if kind is tuple:
        return [_plain(part) for part in thing]
    return to_json(thing)


def _key(key: bytes) -> dict[str, str]:
    return {"hex": key.hex(), "text": format_key(key)}
