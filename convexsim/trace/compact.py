"""A run as a few characters a moment: lanes as columns of a terminal, time downwards, the words on the right.

Owns which character says what, and how much room there is for the words. Colours are whoever's who prints: `paint` is
told what kind of thing a text is. What there is to be told stands in `timeline.py`.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from convexsim.trace.names import short_activity, shorten
from convexsim.values import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convexsim.trace.lanes import Place
    from convexsim.trace.timeline import Moment, Timeline

__all__ = ["KEY", "compact"]

_MARKS: Final = {
    "called": "┬",
    "began": "○",
    "committed": "●",
    "conflicted": "✗",
    "aborted": "⊗",
    "ended": "┴",
    "did": "•",
    "waited": "◌",
    "changed": "▪",
    "faulted": "‡",
}
"""What stands where something happens, by the kind of the moment."""
_LINES: Final = {"pending": "┊", "wait": "╎", "call": "│", "attempt": "┃"}
"""What stands where something goes on; the last of them that does counts."""
_CROSSED: Final = {"┊": "┼", "╎": "┼", "│": "┼", "┃": "╂", " ": "─"}
KEY: Final = (
    "○ begins  ● commits  ✗ conflicts  ⊗ aborts  ┬ is called  ┴ returns  ‡ fault  ─▶ schedules  ─✗ hits, cancels"
)
"""What the characters mean, in a line."""
_LEAST_WORDS: Final = 24
_WHO: Final = 18


def compact(timeline: Timeline, width: int, paint: Callable[[str, str], str] = lambda _kind, text: text) -> str:
    """Return a run as lines for a terminal.

    Args:
        timeline: of one run.
        width: columns of the terminal; no line is longer.
        paint: colours a text, by the kind of a moment (`Moment.kind`) or ``head``.

    """
    return "\n".join([*_View(timeline, width, paint).lines(), ""])


class _View:
    """One run at one terminal."""

    def __init__(self, timeline: Timeline, width: int, paint: Callable[[str, str], str]) -> None:
        self._timeline = timeline
        self._paint = paint
        self._columns = [0, *accumulate(lane.slots for lane in timeline.lanes)]
        self._who = min(max((len(short_activity(each.activity)) for each in timeline.moments), default=0), _WHO)
        self._ms = max([len("ms"), *(len(_time(moment)) for moment in timeline.moments)])
        beside = self._ms + self._who + 6
        self._pitch = 2 if beside + 2 * self._columns[-1] + _LEAST_WORDS <= width else 1
        self._room = max(width - beside - self._pitch * self._columns[-1], 0)
        self._shown = min(self._pitch * self._columns[-1], max(width - beside, 0))

    def lines(self) -> Iterator[str]:
        """Yield the lines: lanes by name, then a line a moment."""
        yield self._paint("head", self._line("ms", "who", self._names(), "what"))
        at_ms = None
        for moment in self._timeline.moments:
            if moment.label or moment.place is None:
                ms = _time(moment) if moment.at_ms != at_ms else ""
                at_ms = moment.at_ms
                line = self._line(ms, short_activity(moment.activity), self._drawn(moment), moment.label)
                yield self._paint(moment.kind, line)

    def _line(self, ms: str, who: str, lanes: str, words: str) -> str:
        fitted = shorten(who, self._who) if self._who else ""
        told = shorten(words, self._room) if self._room > 1 else ""
        return f"{ms:>{self._ms}}  {fitted:<{self._who}}  {lanes[: self._shown]:<{self._shown}}  {told}".rstrip()

    def _names(self) -> str:
        """Return the initials of the clients above their lanes; what was scheduled has a plus."""
        drawn = [" "] * (self._pitch * self._columns[-1])
        for number, lane in enumerate(self._timeline.lanes):
            drawn[self._x(number, 0)] = "+" if lane.client is None else short_activity(lane.client)[0]
        return "".join(drawn)

    def _x(self, lane: int, slot: int) -> int:
        return self._pitch * (self._columns[lane] + slot)

    def _at(self, place: Place) -> int:
        return self._x(place.lane, place.slot)

    def _drawn(self, moment: Moment) -> str:
        """Return the lanes at a moment: what goes on, the arrows across, and what happens."""
        drawn = [" "] * (self._pitch * self._columns[-1])
        for kind, line in _LINES.items():
            for span in self._timeline.spans:
                if span.kind == kind and span.first <= moment.index <= span.last:
                    drawn[self._at(span.place)] = line
        for arrow in self._timeline.arrows:
            if arrow.moment == moment.index and arrow.start is not None:
                start, end = self._at(arrow.start), self._at(arrow.end)
                for x in range(min(start, end) + 1, max(start, end)):
                    drawn[x] = _CROSSED.get(drawn[x], drawn[x])
                drawn[end] = "✗" if arrow.kind != "scheduled" else "▶" if end > start else "◀"
        if moment.place is not None:
            drawn[self._at(moment.place)] = _MARKS.get(moment.kind, "•")
        return "".join(drawn)


def _time(moment: Moment) -> str:
    return show(round(moment.at_ms, 3))
