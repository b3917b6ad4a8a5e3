"""Retries: why each attempt that lost had to begin again, from the events of a run.

Owns the answer to "why did this mutation retry?": who wrote what, on which index that met what had been read, and what
came of it. Documents and keys are named as in the story (`names.py`). That the two met is `database/commit.py`'s
verdict; nothing is judged anew here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from convexsim.trace import event
from convexsim.trace.names import short_activity
from convexsim.trace.text import WIDTH, Teller
from convexsim.values import UNDEFINED, equal, show
from convexsim.values.keys import after, prefix_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convexsim.trace.event import Event, Trace, Written
    from convexsim.trace.names import Names

__all__ = ["Retry", "retries_of"]


@frozen
class Retry:
    """An attempt that lost, and why.

    Attributes:
        step: in which step of the run it was judged; `at_ms` at which virtual time.
        activity: whose attempt it was.
        function: what ran: a function, or what the platform did with one (``start lib:flush``).
        attempt: its number, from 1.
        begin_ts: the snapshot that it saw.
        writer: who wrote, ``function (activity)``.
        write_ts: as which commit.
        document: what was written, by its name in the story.
        change: what became of it: ``inserted``, ``deleted``, or the fields that were changed.
        index: on which index the write met the read (``component/table.index``).
        read: the interval of keys that had been read there.
        way: what kind of read that is: ``get by id``, ``one key of it``, ``a range of it``, ``all of it``.
        written: the key that was written there.
        then: what came of it.

    """

    step: int
    at_ms: float
    activity: str
    function: str
    attempt: int
    begin_ts: int
    writer: str
    write_ts: int
    document: str
    change: str
    index: str
    read: str
    way: str
    written: str
    then: str

    def __str__(self) -> str:
        who = f"{short_activity(self.activity)}, attempt {self.attempt} of {self.function}, begun at ts {self.begin_ts}"
        changed = f" ({self.change})" if self.change else ""
        return "\n".join(
            [
                f"{who}, lost at step {self.step}",
                f"  to       {short_activity(self.writer)}, which wrote {self.document} at ts {self.write_ts}{changed}",
                f"  read     {self.index} {self.read}, {self.way}",
                f"  written  {self.index} {self.written}",
                f"  then     {self.then}",
            ]
        )


def retries_of(trace: Trace) -> tuple[Retry, ...]:
    """Return the attempts that lost, in the order of the run; names are those of its story."""
    events = trace.events
    teller = Teller(events, WIDTH)
    for each in events:
        teller.tell(each)
    names = teller.names
    return tuple(_retry(events, at, names) for at, each in enumerate(events) if isinstance(each, event.Conflicted))


def _retry(events: Sequence[Event], at: int, names: Names) -> Retry:
    lost = events[at]
    assert isinstance(lost, event.Conflicted)
    conflict = lost.conflict
    before = reversed(events[:at])
    began = next(each for each in before if isinstance(each, event.Began) and each.activity == lost.activity)
    return Retry(
        step=lost.step,
        at_ms=lost.at_ms,
        activity=lost.activity,
        function=lost.what,
        attempt=lost.attempt,
        begin_ts=began.begin_ts,
        writer=conflict.write_source,
        write_ts=conflict.write_ts,
        document=names.document(conflict.document_id),
        change=", ".join(_changes(events, conflict.write_ts, conflict.document_id)),
        index=conflict.index.lstrip("/"),
        read=names.keys_read(conflict),
        way=_way(conflict.index, *conflict.interval),
        written=names.key_written(conflict),
        then=_then([each for each in events[at + 1 :] if each.activity == lost.activity]),
    )


def _changes(events: Sequence[Event], commit_ts: int, document_id: str) -> Iterator[str]:
    """Yield what became of a document in a commit; nothing of a write from outside this world."""
    for each in events:
        if isinstance(each, event.Committed) and each.commit_ts == commit_ts:
            for written in each.writes:
                if written.id == document_id:
                    yield from _fields(written)


def _fields(written: Written) -> list[str]:
    if written.before is None:
        return ["inserted"]
    if written.after is None:
        return ["deleted"]
    names = sorted({**written.before, **written.after})
    was, now = written.before, written.after
    return [f"changed {name}" for name in names if not equal(was.get(name, UNDEFINED), now.get(name, UNDEFINED))]


def _way(index: str, low: bytes, high: bytes) -> str:
    if (low, high) == (b"", prefix_end(b"")):
        return "all of it"
    if high != after(low):
        return "a range of it"
    return "get by id" if index.endswith(".by_id") else "one key of it"


def _then(rest: Sequence[Event]) -> str:
    """Tell what came after a lost attempt, from the later events of its activity."""
    parts: list[str] = []
    for each in rest:
        if isinstance(each, event.Waited):
            parts.append(f"waited {show(round(each.delay_ms, 3))} ms" if each.delay_ms else "tried again at once")
        elif isinstance(each, event.Began):
            parts.append(f"attempt {each.attempt} began at ts {each.begin_ts}")
        elif isinstance(each, event.Committed):
            return ", ".join([*parts, f"and committed as ts {each.commit_ts}"])
        elif isinstance(each, event.Conflicted):
            return ", ".join([*parts, "and lost again"])
        elif isinstance(each, event.Aborted):
            return ", ".join([*parts, "and its handler threw"])
        elif isinstance(each, event.Ended):
            how = "wrote nothing" if parts else "gave up"
            return ", ".join([*parts, how])
    return ", ".join([*parts, "the run was over"])
