"""A picture of a run: its timeline as an SVG that stands by itself, in light and in dark.

Owns sizes, colours and shapes; what there is to be drawn stands in `timeline.py`. Everything drawn of a moment carries
its number as ``data-moment``, every span its first and last one as ``data-from`` and ``data-to``, so that a page can
point at them. Widths of texts are guessed, because nobody knows the reader's fonts: generously.
"""

from __future__ import annotations

from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from convexsim.trace.names import short_activity, shorten
from convexsim.trace.palette import STYLE
from convexsim.values import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.trace.lanes import Place
    from convexsim.trace.timeline import Arrow, Moment, Span, Timeline

__all__ = ["draw"]

_HEAD: Final = 40  # height of the names of the lanes
_ROW: Final = 24
_ARROW_ROW: Final = 17  # more for each conflict that is told in a row
_JUMP: Final = 14  # more where virtual time moves
_GUTTER: Final = 104
_SLOT: Final = 15
_BAR: Final = 9
_CHAR: Final = 6.3
_LONGEST: Final = 58  # characters of a label
_BOLD: Final = {"called": 1.1, "conflicted": 1.1}  # how much wider the labels of these rows are
_LEAST: Final = 84  # of a lane, in pixels, beside its slots
_LEGEND: Final = (
    ("call", "a call"),
    ("attempt committed", "committed"),
    ("attempt read", "read only"),
    ("attempt conflicted", "lost to a conflict"),
    ("attempt aborted", "threw"),
    ("pending", "waits to run"),
)


def draw(timeline: Timeline, title: str = "A run") -> str:
    """Return a timeline as the text of an SVG file.

    Args:
        timeline: of one run.
        title: of the picture, for people who hear it.

    """
    return _Drawing(timeline, title).text()


class _Drawing:
    """One picture; `x` grows with lanes and slots, `y` with moments."""

    def __init__(self, timeline: Timeline, title: str) -> None:
        self._timeline = timeline
        self._title = title
        self._conflicts = [
            [arrow for arrow in timeline.arrows if arrow.moment == moment.index and arrow.kind == "conflict"]
            for moment in timeline.moments
        ]
        self._pending = {(span.first, span.place.lane): span for span in timeline.spans if span.kind == "pending"}
        widths = [self._width(number) for number in range(len(timeline.lanes))]
        self._lefts = list(accumulate(widths, initial=_GUTTER))
        heights = [self._height(moment) for moment in timeline.moments]
        self._tops = list(accumulate(heights, initial=_HEAD))
        self._size = max(self._lefts[-1], self._legend_end()) + 12, self._tops[-1] + 44

    def text(self) -> str:
        """Return the whole file."""
        width, height = self._size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="run" viewBox="0 0 {width:g} {height:g}"'
            f' width="{width:g}" height="{height:g}" role="img" aria-label="{escape(self._title)}">'
        )
        parts = [head, f"<style>{STYLE}</style>", f'<rect class="paper" width="{width:g}" height="{height:g}"/>']
        parts += self._lanes()
        parts += [self._span(span) for kind in ("pending", "call", "wait", "attempt") for span in self._spans(kind)]
        parts += [line for moment in self._timeline.moments for line in self._moment(moment)]
        parts += self._arrows()
        return "\n".join([*parts, *self._legend(), "</svg>", ""])

    # Where things are

    def _width(self, number: int) -> float:
        lane = self._timeline.lanes[number]
        texts = [
            (moment.label, _BOLD.get(moment.kind, 1.0)) for moment in self._timeline.moments if _is_in(moment, number)
        ]
        texts += [(self._due(span), 1.0) for span in self._spans("pending") if span.place.lane == number]
        texts += [(_hit(arrow), 1.0) for arrows in self._conflicts for arrow in arrows if arrow.end.lane == number]
        widest = max([min(len(text), _LONGEST) * _CHAR * factor + 22 for text, factor in texts], default=0)
        return _SLOT * lane.slots + max(widest, _LEAST)

    def _height(self, moment: Moment) -> float:
        jump = _JUMP if self._jumps(moment) else 0
        return _ROW + jump + _ARROW_ROW * len(self._conflicts[moment.index])

    def _jumps(self, moment: Moment) -> bool:
        before = self._timeline.moments[moment.index - 1] if moment.index else moment
        return before.at_ms != moment.at_ms

    def _spans(self, kind: str) -> Iterator[Span]:
        return (span for span in self._timeline.spans if span.kind == kind)

    def _x(self, place: Place) -> float:
        return self._lefts[place.lane] + 10 + _SLOT * place.slot

    def _y(self, index: int) -> float:
        moment = self._timeline.moments[index]
        return self._tops[index] + (_JUMP if self._jumps(moment) else 0) + _ROW / 2

    def _labels_at(self, lane: int) -> float:
        return self._lefts[lane] + 10 + _SLOT * self._timeline.lanes[lane].slots

    # What is drawn

    def _lanes(self) -> Iterator[str]:
        bottom = self._tops[-1]
        for number, lane in enumerate(self._timeline.lanes):
            left = self._lefts[number]
            name = shorten(lane.client, 24) if lane.client is not None else "scheduled"
            kind = "client" if lane.client is not None else "platform"
            yield f'<g class="lane {kind}"><line x1="{left:g}" y1="8" x2="{left:g}" y2="{bottom:g}"/>'
            yield f'<text x="{left + 5:g}" y="24">{escape(name)}</text></g>'

    def _span(self, span: Span) -> str:
        x, top, bottom = self._x(span.place), self._y(span.first), self._y(span.last)
        where = f'data-from="{span.first}" data-to="{span.last}" data-activity="{escape(span.activity)}"'
        told = f"<title>{escape(_told(span))}</title>"
        if span.kind in ("pending", "wait"):
            end = (
                f'<path class="stop" d="M{x - 4:g} {bottom - 4:g}l8 8m0 -8l-8 8"/>'
                if span.outcome == "canceled"
                else ""
            )
            line = f'<line x1="{x:g}" y1="{top:g}" x2="{x:g}" y2="{bottom:g}"/>'
            return f'<g class="{span.kind} {span.outcome}" {where}>{told}{line}{end}</g>'
        shape = f'<rect x="{x - _BAR / 2:g}" y="{top - 7:g}" width="{_BAR}" height="{bottom - top + 14:g}" rx="4"/>'
        return f'<g class="{span.kind} {span.outcome}" {where}>{told}{shape}</g>'

    def _moment(self, moment: Moment) -> Iterator[str]:
        y, top, height = self._y(moment.index), self._tops[moment.index], self._height(moment)
        told = escape("\n".join(moment.words))
        yield f'<g class="moment {moment.kind}" data-moment="{moment.index}"><title>{told}</title>'
        yield f'<rect class="row" x="0" y="{top:g}" width="{self._size[0]:g}" height="{height:g}"/>'
        if moment.index == 0 or self._jumps(moment):
            yield f'<text class="time" x="66" y="{y + 4:g}">{show(round(moment.at_ms, 3))} ms</text>'
        if self._jumps(moment):
            line = self._tops[moment.index] + _JUMP / 2
            yield f'<line class="jump" x1="8" y1="{line:g}" x2="{self._size[0] - 8:g}" y2="{line:g}"/>'
        yield f'<text class="step" x="96" y="{y + 4:g}">{moment.step}</text>'
        yield from self._mark(moment, y)
        yield "</g>"

    def _mark(self, moment: Moment, y: float) -> Iterator[str]:
        label = escape(shorten(moment.label, _LONGEST))
        if moment.place is None:
            yield f'<text class="label" x="{_GUTTER + 8}" y="{y + 4:g}">{label}</text>'
            return
        yield f'<circle cx="{self._x(moment.place):g}" cy="{y:g}" r="3.5"/>'
        yield f'<text class="label" x="{self._labels_at(moment.place.lane):g}" y="{y + 4:g}">{label}</text>'

    def _due(self, span: Span) -> str:
        return f"{span.label} ({short_activity(span.activity)})"

    def _arrows(self) -> Iterator[str]:
        lines: dict[int, list[Arrow]] = {}
        for arrow in self._timeline.arrows:
            nth = lines.setdefault(arrow.moment, [])
            if arrow.kind == "conflict":
                nth.append(arrow)
            yield from self._arrow(arrow, len(nth))

    def _arrow(self, arrow: Arrow, nth: int) -> Iterator[str]:
        y = self._y(arrow.moment)
        start = self._lefts[0] - 6.0 if arrow.start is None else self._x(arrow.start)
        end = self._x(arrow.end)
        way = 1 if end > start else -1
        told = _arrow_told(arrow)
        yield f'<g class="{arrow.kind}" data-moment="{arrow.moment}"><title>{escape(told)}</title>'
        low = y + _ROW / 2 - 4 + (_ARROW_ROW * nth if arrow.kind == "conflict" else 0)
        tip = end - way * _BAR / 2
        yield f'<path d="M{start:g} {y:g}V{low:g}H{tip - way * 4:g}"/>'
        yield f'<path class="tip" d="M{tip:g} {low:g}l{-way * 7} -4v8z"/>'
        if arrow.kind == "conflict":
            line = low + 3 if way > 0 else low - 4  # the line of one that comes from the right is under the words
            yield f'<text x="{self._labels_at(arrow.end.lane):g}" y="{line:g}">{escape(_hit(arrow))}</text>'
        elif arrow.kind == "scheduled" and (span := self._pending.get((arrow.moment, arrow.end.lane))) is not None:
            yield f'<text x="{self._labels_at(arrow.end.lane):g}" y="{y + 4:g}">{escape(self._due(span))}</text>'
        yield "</g>"

    # What the shapes mean

    def _legend_end(self) -> float:
        return _GUTTER + sum(len(words) * _CHAR + 34 for _, words in _LEGEND)

    def _legend(self) -> Iterator[str]:
        x, y = float(_GUTTER), self._tops[-1] + 24
        yield '<g class="legend" aria-hidden="true">'
        for kind, words in _LEGEND:
            shape = (
                f'<line x1="{x:g}" y1="{y - 4:g}" x2="{x + 12:g}" y2="{y - 4:g}"/>'
                if kind == "pending"
                else f'<rect x="{x:g}" y="{y - 8:g}" width="12" height="{_BAR}" rx="4"/>'
            )
            yield f'<g class="{kind}">{shape}</g><text x="{x + 17:g}" y="{y:g}">{words}</text>'
            x += len(words) * _CHAR + 34
        yield "</g>"


def _is_in(moment: Moment, lane: int) -> bool:
    return moment.place is not None and moment.place.lane == lane


def _told(span: Span) -> str:
    who = short_activity(span.activity)
    if span.kind == "attempt":
        return f"{who}, attempt {span.label}: {span.outcome}"
    return f"{who}, {span.label}: {span.kind}, {span.outcome}" if span.label else f"{who} waits"


def _hit(arrow: Arrow) -> str:
    index = arrow.index.rpartition("/")[2]
    return shorten(f"hit: {index} {arrow.written}", _LONGEST)


def _arrow_told(arrow: Arrow) -> str:
    who = short_activity(arrow.activity)
    if arrow.kind == "conflict":
        return f"{arrow.index} {arrow.written} is written, and {who} has read {arrow.read}: it will lose"
    return f"{who} is {arrow.kind} here"
