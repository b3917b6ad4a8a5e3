"""Read sets: which stretches of which indexes a transaction has seen (convex-semantics 1.2).

Owns the recording and the question "does this key lie in what was read?". Knows no documents. `commit.py` asks.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from convexsim.values.keys import after, prefix_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.database.index import Interval

__all__ = ["READ_BY_ALL", "ReadSet", "merge"]

READ_BY_ALL: Final = "/_tables.by_id"
"""The index that every transaction has read as a whole, because every name of a table leads through it.

It stands in no read set and counts against no limit: it would be the same in all of them (convex-semantics 1.2).
"""
_WHOLE: Final = (b"", prefix_end(b""))


class ReadSet:
    """A growing map from index key (``component/table.index``) to intervals of keys.

    Nothing is ever taken out: a nested call that is rolled back leaves its reads (convex-semantics 5.2). The ids of new
    documents are read too (1.3), but nobody asked for them: they count only once their index is looked into.
    """

    __slots__ = ("_intervals", "_new")

    def __init__(self) -> None:
        self._intervals: dict[str, list[Interval]] = {}
        self._new: dict[str, list[Interval]] = {}

    def add(self, index: str, low: bytes, high: bytes) -> None:
        """Record that the keys from `low` to `high` (excluded) of an index were read; an empty interval is nothing."""
        if low < high:
            self._intervals.setdefault(index, []).append((low, high))

    def add_key(self, index: str, key: bytes) -> None:
        """Record that exactly one key was looked up, found or not."""
        self._intervals.setdefault(index, []).append((key, after(key)))

    def add_new(self, index: str, key: bytes) -> None:
        """Record the key of a document that is being made."""
        self._new.setdefault(index, []).append((key, after(key)))

    def compact(self) -> tuple[int, int]:
        """Merge all intervals, once and for all; return how many count, and how many may come to count."""
        self._intervals = {
            index: merge(intervals + self._new.pop(index, [])) for index, intervals in self._intervals.items()
        }
        return sum(map(len, self._intervals.values())), sum(map(len, self._new.values()))

    def covering(self, index: str, key: bytes) -> Interval | None:
        """Return the merged interval of `index` that holds `key`, or None."""
        if index == READ_BY_ALL:
            return _WHOLE
        if index in self._new:
            self._intervals.setdefault(index, []).extend(self._new.pop(index))
        intervals = self._intervals.get(index)
        if intervals is None:
            return None
        if len(intervals) > 1:
            self._intervals[index] = intervals = merge(intervals)
        at = bisect_right(intervals, (key, b"\xff")) - 1
        return intervals[at] if at >= 0 and key < intervals[at][1] else None

    def intervals(self) -> Iterator[tuple[str, list[Interval]]]:
        """Yield each index that was read with its merged intervals, in the order in which it was first read."""
        for index in {**self._intervals, **self._new}:
            yield index, merge(self._intervals.get(index, []) + self._new.get(index, []))

    def __contains__(self, index: str) -> bool:
        return index in self._intervals or index in self._new or index == READ_BY_ALL

    def __len__(self) -> int:
        """Count the merged intervals: what Convex calls database queries (convex-semantics 6.3)."""
        return sum(len(intervals) for index, intervals in self.intervals() if index in self._intervals)


def merge(intervals: list[Interval]) -> list[Interval]:
    """Return the same keys as the fewest intervals in ascending order; touching ones become one."""
    ordered = sorted(intervals)
    merged = ordered[:1]
    for low, high in ordered[1:]:
        last_low, last_high = merged[-1]
        if low > last_high:
            merged.append((low, high))
        elif high > last_high:
            merged[-1] = (last_low, high)
    return merged
