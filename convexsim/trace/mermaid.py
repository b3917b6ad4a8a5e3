"""A run as a Mermaid sequence diagram, small enough for a pull request.

Owns which moments of a timeline become which lines of the diagram, and how words are spelled so that Mermaid takes them
as words. What there is to be told stands in `timeline.py`. Everybody talks to the database: begins, commits and
conflicts are messages between a lane and it; what is scheduled is a message from lane to lane.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from convexsim.trace.names import short_activity
from convexsim.values import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.trace.lanes import Place
    from convexsim.trace.timeline import Arrow, Moment, Timeline

__all__ = ["MOST_MOMENTS", "mermaid"]

MOST_MOMENTS: Final = 60
"""How many moments are told; of a longer run the first third and the last two thirds of so many."""

_ARROWS: Final = {"began": "->>", "committed": "->>", "aborted": "-x", "conflicted": "-x"}
"""How the words of a moment travel; those of any other are a note."""
_SAFE: Final = re.compile(r"[^\w .,:+\-()=/'\"…→·✗?!*|@^~{}\[\]]")
_TITLED: Final = re.compile(r"\s+")


def mermaid(timeline: Timeline, title: str = "") -> str:
    """Return a run as the text of a Mermaid diagram; a fence with the word mermaid around it lets a page draw it.

    Args:
        timeline: of one run.
        title: of the diagram, if it is to have one.

    """
    return "\n".join(["sequenceDiagram", *(f"    {line}" for line in _lines(timeline, title)), ""])


def _lines(timeline: Timeline, title: str) -> Iterator[str]:
    if title:
        yield f"title: {_words(title)}"
    scheduled = 0
    for number, lane in enumerate(timeline.lanes):
        scheduled += lane.client is None
        name = f"scheduled {scheduled}" if lane.client is None else short_activity(lane.client)
        yield f"participant L{number} as {_words(name)}"
    yield "participant DB as database"
    everybody = f"over {'L0,' if timeline.lanes else ''}DB"
    told, at_ms = _told(timeline), 0.0
    for before, moment in zip([-1, *(each.index for each in told)], told, strict=False):
        if moment.index != before + 1:
            yield f"Note {everybody}: {moment.index - before - 1} moments are left out"
        if moment.at_ms != at_ms:
            at_ms = moment.at_ms
            yield f"Note {everybody}: {show(round(at_ms, 3))} ms"
        yield from _of_moment(moment, everybody)
        yield from (_of_arrow(arrow) for arrow in timeline.arrows if arrow.moment == moment.index)


def _told(timeline: Timeline) -> list[Moment]:
    """Return the moments that are told, which are those that have words."""
    told = [moment for moment in timeline.moments if moment.label]
    if len(told) <= MOST_MOMENTS:
        return told
    return told[: MOST_MOMENTS // 3] + told[-(MOST_MOMENTS - MOST_MOMENTS // 3) :]


def _of_moment(moment: Moment, everybody: str) -> Iterator[str]:
    if moment.place is None:
        yield f"Note {everybody}: {_words(moment.label)}"
        return
    who = _lane(moment.place)
    verb = " calls" if moment.kind == "called" else ""
    said = _words(f"{short_activity(moment.activity)}{verb} {moment.label}")
    arrow = _ARROWS.get(moment.kind)
    if moment.kind == "conflicted":
        yield f"DB{arrow}{who}: {said}"
    elif arrow is not None:
        yield f"{who}{arrow}DB: {said}"
    else:
        yield f"Note over {who}: {said}"


def _of_arrow(arrow: Arrow) -> str:
    start, end, who = ("DB" if arrow.start is None else _lane(arrow.start)), _lane(arrow.end), arrow.activity
    if arrow.kind == "scheduled":
        return f"{start}-){end}: {_words(f'schedules {short_activity(who)}')}"
    if arrow.kind == "canceled":
        return f"{start}-x{end}: {_words(f'cancels {short_activity(who)}')}"
    hit = f"wrote {arrow.written}, which {short_activity(who)} had read: {arrow.index} {arrow.read}"
    return f"{start}--x{end}: {_words(hit)}"


def _lane(place: Place) -> str:
    return f"L{place.lane}"


def _words(text: str) -> str:
    """Spell text so that nothing in it means anything to Mermaid: the rest as its entities, ``#59;``."""
    flat = _TITLED.sub(" ", text).strip()
    return _SAFE.sub(lambda found: f"#{ord(found[0])};", flat)
