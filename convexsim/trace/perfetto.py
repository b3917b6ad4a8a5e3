"""A run as Chrome trace events, the JSON that Perfetto and chrome://tracing open.

Owns the file and its time axis: one step is one millisecond, because most of what happens takes no virtual time, and
nothing could be seen of it otherwise; virtual time is among the facts of each slice. Clients, what was scheduled, and
the run itself are the processes, lanes and their slots the threads. Spans are complete events (``X``), arrows are flows
(``s`` to ``f``), a broken property is an instant (``i``). What there is to be told stands in `timeline.py`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from convexsim.trace.names import short_activity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.trace.lanes import Place
    from convexsim.trace.timeline import Arrow, Span, Timeline

__all__ = ["perfetto"]

STEP_US: Final = 1_000
"""Microseconds on the axis for one step."""
_LAST_OF_STEP: Final = 900
"""How far into its last step a span goes; what begins when it ends, a wait, begins there."""
_CLIENTS, _SCHEDULED, _RUN = 1, 2, 3
_PROCESSES: Final = {_CLIENTS: "clients", _SCHEDULED: "scheduled functions", _RUN: "run"}
_FOLLOWED: Final = ("over", "started")
"""How a wait ends if what was waited for takes its place in the same step."""
_MOST_SLOTS: Final = 1_000

Slice = dict[str, Any]


def perfetto(timeline: Timeline, facts: dict[str, Any]) -> str:
    """Return a run as a file of trace events.

    Args:
        timeline: of one run.
        facts: about it, for the reader of the file, as plain JSON.

    """
    export = _Export(timeline)
    events = [*export.names(), *map(export.span, timeline.spans), *export.arrows(), *export.instants()]
    whole = {"traceEvents": events, "displayTimeUnit": "ms", "otherData": facts}
    return json.dumps(whole, separators=(",", ":"), sort_keys=True) + "\n"


class _Export:
    """One file."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def names(self) -> Iterator[Slice]:
        """Yield how processes and threads are called, and in which order they stand."""
        for pid, name in _PROCESSES.items():
            yield {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}}
            yield {"ph": "M", "name": "process_sort_index", "pid": pid, "args": {"sort_index": pid}}
        for number, lane in enumerate(self._timeline.lanes):
            name = f"lane {number + 1}" if lane.client is None else short_activity(lane.client)
            for slot in range(lane.slots):
                where = self._where(number, slot)
                yield {"ph": "M", "name": "thread_name", **where, "args": {"name": name}}
                yield {"ph": "M", "name": "thread_sort_index", **where, "args": {"sort_index": where["tid"]}}

    def span(self, span: Span) -> Slice:
        """Return a span: from the beginning of its first step to the end of its last one, a wait between these."""
        first, last = self._timeline.moments[span.first], self._timeline.moments[span.last]
        waits = span.kind in ("wait", "pending")
        begin = first.step * STEP_US + (_LAST_OF_STEP if waits else 0)
        end = last.step * STEP_US + (0 if waits and span.outcome in _FOLLOWED else _LAST_OF_STEP)
        named = {"attempt": f"attempt {span.label}", "wait": "waits", "pending": f"{span.label} is pending"}
        return {
            "ph": "X",
            "name": named.get(span.kind, span.label),
            "cat": span.kind,
            **self._at(span.place),
            "ts": begin,
            "dur": max(end - begin, 0),
            "args": {
                "activity": span.activity,
                "outcome": span.outcome,
                "steps": [first.step, last.step],
                "virtual_ms": [first.at_ms, last.at_ms],
            },
        }

    def arrows(self) -> Iterator[Slice]:
        """Yield both ends of each arrow; a write from outside this world is an instant instead."""
        for number, arrow in enumerate(self._timeline.arrows, start=1):
            ts = self._timeline.moments[arrow.moment].step * STEP_US
            facts = {"activity": arrow.activity, "index": arrow.index, "written": arrow.written, "read": arrow.read}
            told = {"cat": arrow.kind, "name": arrow.kind, "args": {key: fact for key, fact in facts.items() if fact}}
            if arrow.start is None:
                yield {"ph": "i", "s": "t", **told, **self._at(arrow.end), "ts": ts}
                continue
            yield {"ph": "s", "id": number, **told, **self._at(arrow.start), "ts": ts + _LAST_OF_STEP // 2}
            yield {"ph": "f", "bp": "e", "id": number, **told, **self._at(arrow.end), "ts": ts + _arrives(arrow)}

    def instants(self) -> Iterator[Slice]:
        """Yield what is nobody's: a broken property, and time that passes."""
        for moment in self._timeline.moments:
            if moment.place is None:
                where = {"pid": _RUN, "tid": 0, "ts": moment.step * STEP_US}
                facts = {"words": [*moment.words], "step": moment.step, "virtual_ms": moment.at_ms}
                yield {"ph": "i", "s": "g", "name": moment.label, "cat": moment.kind, **where, "args": facts}

    def _at(self, place: Place) -> dict[str, int]:
        return self._where(place.lane, place.slot)

    def _where(self, lane: int, slot: int) -> dict[str, int]:
        pid = _SCHEDULED if self._timeline.lanes[lane].client is None else _CLIENTS
        return {"pid": pid, "tid": lane * _MOST_SLOTS + slot + 1}


def _arrives(arrow: Arrow) -> int:
    """Return when an arrow arrives in its step: what was scheduled only begins to be pending at its end."""
    return _LAST_OF_STEP // 2 if arrow.kind == "conflict" else _LAST_OF_STEP
