"""Serial orders: whether the attempts of a run can have come one after the other, and if not, the circle in the way.

Owns the judgement of a history, after Elle. What is decided is exactly whether there is an order of all attempts in
which

* every attempt sees what it saw: each revision that it was handed is the newest of its document, and what it looked
  for in vain, by id or in a range of an index, is not there;
* the versions of each document follow one another as they were committed;
* what one caller began after another call of its own was over comes after that call (convex-semantics 1.1, 11).

With the order of versions given, nothing but a circle of dependencies stands in the way of such an order. Attempts that
threw, lost or only read stand in it too: each of them saw the database of one moment. Next: `invariants.serializable`.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

from convexsim.choices import root_of
from convexsim.errors import UsageError
from convexsim.trace.dependencies import Edge, Sight, Versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from convexsim.database.history import Attempt

__all__ = ["MAX_GUESSES", "find_cycle", "tell_cycle"]

MAX_GUESSES: Final = 10_000
"""How many orders are tried where it is not certain which absence of a document was seen."""


def find_cycle(attempts: Sequence[Attempt]) -> list[Edge] | None:
    """Return None if a serial order explains the history, else why none does: a shortest circle of edges.

    Where it is not certain what was seen (a document was not found, before it was there or after it was gone) all
    alternatives were tried, and the circle is that of one of them.

    Raises:
        UsageError: more than `MAX_GUESSES` guesses did not lead to an answer.

    """
    versions = Versions(attempts)
    certain = [*versions.written(), *_callers_order(attempts)]
    uncertain: list[Sight] = []
    for reader, attempt in enumerate(attempts):
        for sight in versions.seen_by(reader, attempt):
            if not sight.spans:
                return [Edge(reader, reader, "never", sight.line.id, sight.index)]
            if len(sight.spans) == 1:
                certain += sight.edges(sight.spans[0])
            else:
                uncertain.append(sight)
    # Where each attempt stands if all is well: tried first, so that a history in order is judged without a guess.
    ranks = [
        (attempt.begin_ts, 1, at) if attempt.commit_ts is None else (attempt.commit_ts, 0, at)
        for at, attempt in enumerate(attempts)
    ]
    shortest: list[Edge] | None = None
    tries = [certain]
    for _ in range(MAX_GUESSES):
        if not tries:
            return shortest
        edges = tries.pop()
        places = _in_order(ranks, edges)
        if len(places) < len(attempts):
            cycle = _shortest_cycle(edge for edge in edges if edge.before not in places and edge.after not in places)
            shortest = cycle if shortest is None or len(cycle) < len(shortest) else shortest
            continue
        missed = next((sight for sight in uncertain if not sight.fits(places)), None)
        if missed is None:
            return None
        tries += [[*edges, *missed.edges(span)] for span in reversed(missed.spans)]
    msg = f"The history of {len(attempts)} attempts is too tangled to be judged in {MAX_GUESSES} guesses."
    raise UsageError(msg, next_step="Ask for `serializable` in a smaller world.")


def _callers_order(attempts: Sequence[Attempt]) -> Iterator[Edge]:
    """Yield the order of what one caller did, leaving out most of what follows from two others of these edges."""
    earlier: dict[str, list[int]] = {}  # by caller
    for at, attempt in enumerate(attempts):
        mine = earlier.setdefault(root_of(attempt.activity), [])
        over = bisect_left(mine, attempt.follows)
        if over:
            # What was over before the last of these began comes before that one, and so before this one.
            start = bisect_left(mine, attempts[mine[over - 1]].follows)
            yield from (Edge(before, at, "order") for before in mine[start:over])
        mine.append(at)


def _in_order(ranks: Sequence[tuple[int, int, int]], edges: Iterable[Edge]) -> dict[int, int]:
    """Return the place of each attempt in a serial order; those on circles, and what comes after them, have none."""
    followers: list[list[int]] = [[] for _ in ranks]
    waits_for = [0 for _ in ranks]
    for edge in edges:
        followers[edge.before].append(edge.after)
        waits_for[edge.after] += 1
    ready = [rank for rank, count in zip(ranks, waits_for, strict=True) if not count]
    heapify(ready)
    places: dict[int, int] = {}
    while ready:
        *_, at = heappop(ready)
        places[at] = len(places)
        for follower in followers[at]:
            waits_for[follower] -= 1
            if not waits_for[follower]:
                heappush(ready, ranks[follower])
    return places


def _shortest_cycle(edges: Iterable[Edge]) -> list[Edge]:
    """Return a shortest circle; there is one."""
    outgoing: dict[int, dict[int, Edge]] = {}
    for edge in edges:
        outgoing.setdefault(edge.before, {}).setdefault(edge.after, edge)
    best: list[Edge] = []
    for start in sorted(outgoing):
        cycle = _way_back(start, outgoing, len(best))
        if cycle and (not best or len(cycle) < len(best)):
            best = cycle
    return best


def _way_back(start: int, outgoing: dict[int, dict[int, Edge]], limit: int) -> list[Edge]:
    """Return the shortest way from an attempt to itself, or nothing if there is none shorter than `limit` (if any)."""
    ways: dict[int, list[Edge]] = {start: []}
    front = [start]
    while front and (not limit or len(ways[front[0]]) + 1 < limit):
        reached: list[int] = []
        for at in front:
            for to, edge in outgoing.get(at, {}).items():
                if to == start:
                    return [*ways[at], edge]
                if to not in ways:
                    ways[to] = [*ways[at], edge]
                    reached.append(to)
        front = reached
    return []


_BECAUSE: Final = {
    "ww": "which wrote {what} later",
    "wr": "which saw its write of {what}",
    "rw": "whose write of {what} it did not see",
    "order": "which its caller began when it was over",
}


def tell_cycle(attempts: Sequence[Attempt], cycle: Sequence[Edge]) -> str:
    """Tell a circle in one line: which calls, which documents, which kind of edge."""
    if cycle[0].kind == "never":
        return f"{_name(attempts[cycle[0].after])} saw a revision of {_what(cycle[0])} that nobody has committed."
    steps = [
        f"{_name(attempts[edge.before])} before {_name(attempts[edge.after])}, "
        f"{_BECAUSE[edge.kind].format(what=_what(edge))} ({edge.kind})"
        for edge in cycle
    ]
    return f"No serial order explains the run: {'; '.join(steps)}."


def _what(edge: Edge) -> str:
    return f"{edge.document} in {edge.where.lstrip('/')}"


def _name(attempt: Attempt) -> str:
    retried = f", attempt {attempt.number}" if attempt.number > 1 else ""
    return f"{attempt.activity} ({attempt.what}{retried})"
