"""The page of "play the order": a tree of orders as one HTML file in which the reader picks each next step.

Owns the data of the page; the tree stands in `tree.py`, the file around the data in `trace/page.py`, what the reader
sees in `trace/assets/play.*`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from convexsim.trace.names import short_activity

if TYPE_CHECKING:
    from convexsim.explore.tree import End, Orders, Place
    from convexsim.trace.timeline import Moment

__all__ = ["play_data"]


def play_data(orders: Orders) -> dict[str, Any]:
    """Return a tree of orders as plain JSON: places by their numbers, the start first.

    Each says what has happened since the place before (`moments`), what could come next (`options`), where that leads
    (`ways`, by the numbers of the options), how many orders go on from it (`ends`), how many of them break what
    (`broken`), and where the order has led if it ends there (`end`).
    """
    places: list[dict[str, Any]] = []
    waiting: list[tuple[Place, dict[int, int] | None, int]] = [(orders.start, None, 0)]
    while waiting:
        place, ways, option = waiting.pop()
        if ways is not None:
            ways[option] = len(places)
        told = _place(place)
        places.append(told)
        waiting += [(place.ways[number], told["ways"], number) for number in sorted(place.ways, reverse=True)]
    return {
        "scenario": orders.scenario.name,
        "level": orders.level,
        "count": orders.count,
        "isComplete": orders.is_complete,
        "lanes": [{"name": lane.client or "scheduled", "isClient": lane.client is not None} for lane in orders.lanes],
        "places": places,
    }


def _place(place: Place) -> dict[str, Any]:
    ends = list(place.ends())
    return {
        "moments": [_moment(moment) for moment in place.moments],
        "options": list(place.options),
        "ways": {},
        "ends": len(ends),
        "broken": dict(Counter(name for end in ends for name, _ in end.broken)),
        "end": None if place.end is None else _end(place.end),
    }


def _moment(moment: Moment) -> dict[str, Any]:
    return {
        "lane": None if moment.place is None else moment.place.lane,
        "kind": moment.kind,
        "who": short_activity(moment.activity),
        "at": round(moment.at_ms, 3),
        "label": moment.label,
        "words": list(moment.words),
    }


def _end(end: End) -> dict[str, Any]:
    return {"ending": end.ending, "broken": [list(each) for each in end.broken], "replay": end.replay}
