"""A run as a picture shows it: lanes side by side, time downwards, a row for each moment.

Owns what there is to be seen (moments, spans, arrows) and how it follows from the events of a trace. Rows are few: a
call, a begin and what its handler did, a verdict and the answer are one moment each. All arrows lie in a row, because
whatever ties two lanes together happens at once: a commit hits what another one has read, a function is scheduled, or
canceled. Knows no colours and no sizes; `svg.py` draws. The words of a moment are those of `text.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import define, field, frozen

from convexsim.choices import root_of
from convexsim.functions.catalog import SCHEDULED_FUNCTIONS
from convexsim.functions.outcome import Returned
from convexsim.functions.syscalls import Scheduled
from convexsim.trace import event
from convexsim.trace.labels import Labels, kind_of, short_function
from convexsim.trace.lanes import Lane, Lanes, Place, is_client
from convexsim.trace.text import Teller

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from convexsim.trace.event import Event, Trace, Written

__all__ = ["Arrow", "Moment", "Span", "Timeline", "timeline"]

_WIDTH: Final = 96
"""Columns of the words of a moment."""

_OF_NOTE: Final = (event.Called, event.Began, event.Committed, event.Conflicted, event.Passed, event.Broken)
"""What is always a row of its own, or the first thing in one."""

SpanKind = Literal["call", "attempt", "wait", "pending"]
ArrowKind = Literal["conflict", "scheduled", "canceled"]


@frozen
class Moment:
    """One row: what one activity did before it did something else of note, or somebody else came in between.

    Attributes:
        index: its number, from 0.
        step: the number of the simulation's step in which it began.
        at_ms: virtual time.
        activity: on whose behalf; empty where it is nobody's, as of a broken property.
        place: where it stands; None if it is nobody's.
        kind: the event that it is drawn as: ``called``, ``began``, ``committed``, ``conflicted``, ``aborted``,
            ``ended``, ``did``, ``waited``, ``changed``, ``faulted``, ``passed`` or ``broken``.
        label: what happened, in a few words.
        words: what happened, in the lines of the story.
        events: their numbers in the trace, those that the words do not tell included.

    """

    index: int
    step: int
    at_ms: float
    activity: str
    place: Place | None
    kind: str
    label: str
    words: tuple[str, ...]
    events: tuple[int, ...]


@frozen
class Span:
    """Something that lasted, from one moment to another one, both included.

    Attributes:
        kind: a ``call``; an ``attempt`` at a transaction; a ``wait`` between two attempts; or ``pending``, a scheduled
            function that is not due yet, or not looked at.
        first: its first moment; `last` its last one.
        outcome: how it ended: a call ``returned`` or ``threw``; an attempt ``committed``, ``conflicted``, ``aborted``,
            ``read`` (it wrote nothing) or ``failed`` (a fault); what was pending ``started`` or was ``canceled``. What
            came to no end, or was ``lost`` in a restart: ``open``, ``lost``.
        label: the function, for an attempt its number.

    """

    kind: SpanKind
    activity: str
    place: Place
    first: int
    last: int
    outcome: str
    label: str


@frozen
class Arrow:
    """What one activity did to another one.

    Attributes:
        kind: a commit wrote what an attempt had read (``conflict``), or a function was ``scheduled`` or ``canceled``.
        moment: the row in which it happened.
        start: where it comes from; None for a write from outside this world.
        end: where it goes.
        activity: whose attempt is lost, or which scheduled function it is about.
        index: for a conflict: the one on which the write met the read (``component/table.index``).
        written: the key that was written there.
        read: the keys that had been read there.

    """

    kind: ArrowKind
    moment: int
    start: Place | None
    end: Place
    activity: str
    index: str = ""
    written: str = ""
    read: str = ""


@frozen
class Timeline:
    """A run as a picture shows it: see `Lane`, `Moment`, `Span` and `Arrow`."""

    lanes: tuple[Lane, ...]
    moments: tuple[Moment, ...]
    spans: tuple[Span, ...]
    arrows: tuple[Arrow, ...]


def timeline(trace: Trace, cuts: Collection[int] = ()) -> Timeline:
    """Return a run as a picture shows it.

    Args:
        trace: of the run.
        cuts: numbers of events before which a row ends, whatever is in it.

    """
    weaver = _Weaver(trace.events)
    for number, happened in enumerate(trace.events):
        if number in cuts:
            weaver.cut()
        weaver.take(number, happened)
    return weaver.woven()


@define
class _Row:
    """A moment that may still go on."""

    first: Event
    place: Place | None
    told: list[Event] = field(factory=list)
    words: list[str] = field(factory=list)
    events: list[int] = field(factory=list)


@frozen
class _Open:
    """A span that has not ended yet."""

    kind: SpanKind
    activity: str
    place: Place
    first: int
    label: str


class _Weaver:
    """Takes the events of a trace, one after the other."""

    def __init__(self, events: Sequence[Event]) -> None:
        told = [each for each in events if not isinstance(each, event.Stepped)]
        self._teller = Teller(told, _WIDTH)
        self._last_of = {root_of(each.activity): each for each in told if each.activity}
        self._lanes = Lanes(root_of(each.activity) for each in told if each.activity)
        self._rows: list[_Row] = []
        self._is_cut = False
        self._spans: list[Span] = []
        self._open: dict[tuple[SpanKind, str], _Open] = {}
        self._arrows: list[Arrow] = []
        self._commits: dict[int, tuple[int, Place]] = {}
        effects = [each.effect for each in told if isinstance(each, event.Did)]
        self._scheduled = {effect.id: effect for effect in effects if isinstance(effect, Scheduled)}
        self._labels = Labels(self._teller.names, self._scheduled)
        self._weaving: dict[type, Callable[[Any], None]] = {
            event.Called: self._called,
            event.Began: self._began,
            event.Committed: self._committed,
            event.Conflicted: self._conflicted,
            event.Aborted: lambda aborted: self._end("attempt", aborted.activity, "aborted"),
            event.Waited: self._waited,
            event.Ended: self._ended,
            event.StateChanged: lambda changed: self._end("attempt", changed.activity, "read"),
            event.Faulted: self._faulted,
        }

    def cut(self) -> None:
        """Let the next event have a row of its own."""
        self._is_cut = True

    def take(self, number: int, happened: Event) -> None:
        """Take the next event."""
        if isinstance(happened, event.Stepped):
            return
        root = root_of(happened.activity)
        is_somebodys = bool(happened.activity)
        if is_somebodys:
            self._lanes.enter(root, len(self._rows))
        row = self._row(happened)
        row.events.append(number)
        if not isinstance(happened, event.Read):
            row.told.append(happened)
            row.words += self._teller.tell(happened)
            weave = self._weaving.get(type(happened))
            if weave is not None:
                weave(happened)
        if is_somebodys and self._last_of[root] is happened and ("pending", root) not in self._open:
            self._leave(root)

    def woven(self) -> Timeline:
        """Return what has come of them all."""
        for key in list(self._open):
            self._end(*key, "open")
        moments = tuple(self._moment(index, row) for index, row in enumerate(self._rows))
        spans = sorted(self._spans, key=lambda span: (span.first, span.place.lane, span.place.slot, span.last))
        return Timeline(tuple(self._lanes), moments, tuple(spans), tuple(self._arrows))

    @property
    def _now(self) -> int:
        """The moment at which things are."""
        return len(self._rows) - 1

    def _row(self, happened: Event) -> _Row:
        goes_on = bool(self._rows) and self._rows[-1].first.activity == happened.activity
        if not goes_on or self._is_cut or isinstance(happened, _OF_NOTE):
            self._is_cut = False
            place = self._lanes.place(happened.activity) if happened.activity else None
            self._rows.append(_Row(happened, place))
        return self._rows[-1]

    def _moment(self, index: int, row: _Row) -> Moment:
        first = row.first
        labels = dict.fromkeys(self._labels.of(each) for each in row.told)
        facts = kind_of(row.told), " · ".join(filter(None, labels)), tuple(row.words), tuple(row.events)
        return Moment(index, first.step, first.at_ms, first.activity, row.place, *facts)

    def _begin(self, kind: SpanKind, activity: str, label: str) -> None:
        self._end(kind, activity, "open")
        place = self._lanes.open(activity) if kind == "call" else self._lanes.place(activity)
        self._open[kind, activity] = _Open(kind, activity, place, self._now, label)

    def _end(self, kind: SpanKind, activity: str, outcome: str) -> None:
        span = self._open.pop((kind, activity), None)
        if span is None:
            return
        self._spans.append(Span(kind, activity, span.place, span.first, self._now, outcome, span.label))
        if kind == "call" and outcome != "open":
            self._lanes.close(activity)

    def _called(self, called: event.Called) -> None:
        self._end("pending", called.activity, "started")
        self._begin("call", called.activity, short_function(called.function))
        self._rows[-1].place = self._lanes.place(called.activity)

    def _began(self, began: event.Began) -> None:
        self._end("pending", began.activity, "started")
        self._end("wait", began.activity, "over")
        self._begin("attempt", began.activity, str(began.attempt))

    def _committed(self, committed: event.Committed) -> None:
        self._commits[committed.commit_ts] = self._now, self._lanes.place(committed.activity)
        self._end("attempt", committed.activity, "committed")
        for written in committed.writes:
            if written.table.endswith(f"/{SCHEDULED_FUNCTIONS}"):
                self._reschedule(committed.activity, written)

    def _conflicted(self, conflicted: event.Conflicted) -> None:
        conflict, names = conflicted.conflict, self._teller.names
        moment, writer = self._commits.get(conflict.write_ts, (self._now, None))
        facts = conflicted.activity, conflict.index.lstrip("/"), names.key_written(conflict), names.keys_read(conflict)
        self._arrows.append(Arrow("conflict", moment, writer, self._lanes.place(conflicted.activity), *facts))
        self._end("attempt", conflicted.activity, "conflicted")

    def _waited(self, waited: event.Waited) -> None:
        self._end("attempt", waited.activity, "failed")
        self._begin("wait", waited.activity, "")

    def _ended(self, ended: event.Ended) -> None:
        self._end("wait", ended.activity, "over")
        self._end("attempt", ended.activity, "read")
        self._end("call", ended.activity, "returned" if isinstance(ended.outcome, Returned) else "threw")

    def _faulted(self, faulted: event.Faulted) -> None:
        if faulted.fault == "restart":
            self._lose_all()

    def _lose_all(self) -> None:
        """End what a restart of the backend ends: all but what waits in the database, and what clients wait for."""
        for kind, activity in list(self._open):
            is_clients_own = is_client(activity) and activity.count(".") == 1
            if kind != "pending" and not (kind == "call" and is_clients_own):
                self._end(kind, activity, "lost")

    def _reschedule(self, activity: str, written: Written) -> None:
        """Tell what a commit has done to a scheduled function: it waits from now on, or it does not wait any more."""
        effect = self._scheduled.get(written.id)
        if effect is None:
            return
        root, state = effect.activity, None if written.after is None else written.after["state"]["kind"]
        if written.before is None:
            self._lanes.enter(root, self._now)
            self._begin("pending", root, short_function(effect.function))
            self._tie("scheduled", activity, root)
        elif state == "canceled" and root_of(activity) != root and root in self._on_the_page():
            self._tie("canceled", activity, root)
        if state == "canceled" and ("pending", root) in self._open:
            self._end("pending", root, "canceled")
            if root not in self._last_of:
                self._leave(root)

    def _leave(self, root: str) -> None:
        """Give the lane of a scheduled function to others: it has done the last it will ever do."""
        if is_client(root):
            return
        for kind, activity in list(self._open):
            if root_of(activity) == root:
                self._end(kind, activity, "open")
        self._lanes.leave(root, self._now)

    def _on_the_page(self) -> set[str]:
        """The threads of control that are on the page: those that wait, and those that run."""
        return {root_of(activity) for _, activity in self._open}

    def _tie(self, kind: ArrowKind, activity: str, root: str) -> None:
        self._arrows.append(Arrow(kind, self._now, self._lanes.place(activity), self._lanes.place(root), root))
