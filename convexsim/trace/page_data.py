"""What the page of a run knows, as plain JSON data.

Owns what is told to a browser besides the drawing: the words of every moment, its choice, what it wrote, what each
attempt has read, and each conflict with both keys. Documents are told by what they became, so that the page can put the
tables together as they stood at any moment. Who shows it: `assets/*.js`; who makes a page of it: `page.py`.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from convexsim.functions.syscalls import ExternalUse
from convexsim.trace import event
from convexsim.trace.names import short_activity
from convexsim.trace.text import Teller
from convexsim.values.json_codec import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convexsim.trace.event import Trace
    from convexsim.trace.timeline import Timeline

__all__ = ["PageRun", "data_of"]

_WIDTH: Final = 400
"""Columns of a line of words: it is the browser that breaks lines."""


@frozen(eq=False)
class PageRun:
    """A run, and what a page says about it.

    Attributes:
        scenario: its name; `about` what it is about, in a line; empty if nobody said.
        level: the granularity of its choices.
        replay: the string that repeats it; `command` what to type to do so.
        switches: its forced choices: the step of each, and what it comes to in words.
        offered: what could have come in the place of a step that was chosen, in words, by the number of the step; a run
            that was saved does not know it.

    """

    scenario: str
    about: str
    level: int
    replay: str
    command: str
    trace: Trace
    switches: tuple[tuple[int, str], ...] = ()
    offered: Mapping[int, tuple[str, ...]] = field(factory=dict)

    @property
    def broken(self) -> list[event.Broken]:
        """What did not hold in it."""
        return [happened for happened in self.trace.events if isinstance(happened, event.Broken)]


def data_of(run: PageRun, timeline: Timeline) -> dict[str, Any]:
    """Return what a page knows of a run; its moments are those of its timeline, which is of the same trace."""
    told = _Told(run, timeline)
    return {
        "scenario": run.scenario,
        "about": run.about,
        "level": run.level,
        "replay": run.replay,
        "command": run.command,
        "broken": [{"invariant": broken.invariant, "message": broken.message} for broken in run.broken],
        "lanes": [lane.client for lane in timeline.lanes],
        "moments": told.moments,
        "attempts": told.attempts,
        "conflicts": told.conflicts,
        "names": told.names,
    }


class _Told:
    """The facts of the moments of one run, gathered from first to last: only so do documents get their names."""

    def __init__(self, run: PageRun, timeline: Timeline) -> None:
        events = run.trace.events
        self._teller = Teller([each for each in events if not isinstance(each, event.Stepped)], _WIDTH)
        self._spans = {(span.activity, span.first): span for span in timeline.spans if span.kind == "attempt"}
        self._commits: dict[int, int] = {}
        self._ids: dict[str, None] = {}
        self.moments: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []
        self.conflicts: list[dict[str, Any]] = []
        chosen = {each.step: each for each in events if isinstance(each, event.Stepped) and each.options}
        forced = _by_moment(run.switches, [moment.step for moment in timeline.moments])
        for moment in timeline.moments:
            happened = [events[number] for number in moment.events]
            step = chosen.get(moment.step)
            self.moments.append(
                {
                    "step": moment.step,
                    "ms": moment.at_ms,
                    "activity": moment.activity,
                    "who": short_activity(moment.activity),
                    "lane": None if moment.place is None else moment.place.lane,
                    "kind": moment.kind,
                    "label": moment.label,
                    "lines": [line for each in happened for line in self._teller.tell(each)],
                    "choice": None if step is None else [step.index, step.options],
                    "offered": [] if step is None else list(run.offered.get(step.step, ())),
                    "forced": forced.get(moment.index, []),
                    "writes": [write for each in happened for write in self._writes(each)],
                    "uses": [use for each in happened for use in _uses(each)],
                }
            )
            for each in happened:
                self._gather(each, moment.index)

    @property
    def names(self) -> dict[str, str]:
        """The names of the documents that were written, by their ids."""
        return {document_id: self._teller.names.document(document_id) for document_id in self._ids}

    def _gather(self, happened: event.Event, moment: int) -> None:
        if isinstance(happened, event.Began):
            span = self._spans[happened.activity, moment]
            facts = {"what": happened.what, "attempt": happened.attempt, "ts": happened.begin_ts}
            where = {"first": span.first, "last": span.last, "outcome": span.outcome}
            self.attempts.append({"who": short_activity(happened.activity), **facts, **where, "reads": []})
        elif isinstance(happened, event.Read):
            self.attempts[-1]["reads"] = [
                {"index": look.index.lstrip("/"), "keys": [names.keys(look.index, each) for each in look.intervals]}
                for names in (self._teller.names,)
                for look in happened.reads
            ]
        elif isinstance(happened, event.Committed):
            self._commits[happened.commit_ts] = moment
        elif isinstance(happened, event.Conflicted):
            self.conflicts.append(self._conflict(happened, moment))

    def _conflict(self, lost: event.Conflicted, moment: int) -> dict[str, Any]:
        conflict, names = lost.conflict, self._teller.names
        return {
            "who": short_activity(lost.activity),
            "attempt": lost.attempt,
            "lost": moment,
            "writer": short_activity(conflict.write_source),
            "ts": conflict.write_ts,
            "hit": self._commits.get(conflict.write_ts),
            "document": names.document(conflict.document_id),
            "index": conflict.index.lstrip("/"),
            "written": names.key_written(conflict),
            "read": names.keys_read(conflict),
        }

    def _writes(self, happened: event.Event) -> list[dict[str, Any]]:
        """Return what became of documents; what they were follows from what came before."""
        if not isinstance(happened, event.Committed):
            return []
        self._ids.update(dict.fromkeys(written.id for written in happened.writes))
        return [
            {"table": each.table, "id": each.id, "value": None if each.after is None else to_json(each.after)}
            for each in happened.writes
        ]


def _uses(happened: event.Event) -> list[dict[str, Any]]:
    """Return what went to the outside, or came from there."""
    if not isinstance(happened, event.Did) or not isinstance(happened.effect, ExternalUse):
        return []
    effect = happened.effect
    return [{"name": effect.name, "use": effect.use, "value": to_json(effect.value)}]


def _by_moment(switches: tuple[tuple[int, str], ...], steps: list[int]) -> dict[int, list[str]]:
    """Return what was forced, by the moment that begins with that step, or comes next."""
    forced: dict[int, list[str]] = {}
    for step, what in switches:
        forced.setdefault(min(bisect_left(steps, step), len(steps) - 1), []).append(what)
    return forced
