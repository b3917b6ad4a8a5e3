"""An immutable sorted map from byte keys to values: the one structure under snapshots, indexes and transactions.

Owns nothing but the structure. Because a map never changes, a snapshot is a pointer, a transaction's own writes are a
newer map, and undoing a nested call means going back to the older one. Used by `snapshot.py` and `transaction.py`.

Shape: two levels of plain lists. A leaf holds up to `LEAF` keys in order beside their values; the root holds the leaves
beside the last key of each. A write copies one leaf and the root; everything else is shared.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LEAF", "SortedMap"]

V = TypeVar("V")

LEAF: Final = 128
"""Keys in a leaf before it splits in two: small enough to copy quickly, large enough to keep the root short."""


class SortedMap(Generic[V]):
    """A sorted map from bytes to values; every change returns a new map and leaves this one as it was."""

    __slots__ = ("_keys", "_lasts", "_values")

    def __init__(
        self,
        lasts: list[bytes] | None = None,
        keys: list[list[bytes]] | None = None,
        values: list[list[V]] | None = None,
    ) -> None:
        # Invariant: no leaf is empty, keys ascend within a leaf and from leaf to leaf, lasts[i] == keys[i][-1].
        self._lasts = lasts if lasts is not None else []
        self._keys = keys if keys is not None else []
        self._values = values if values is not None else []

    def __len__(self) -> int:
        return sum(map(len, self._keys))

    def get(self, key: bytes) -> V | None:
        """Return the value under `key`, or None."""
        leaf = bisect_left(self._lasts, key)
        if leaf == len(self._lasts):
            return None
        keys = self._keys[leaf]
        at = bisect_left(keys, key)
        return self._values[leaf][at] if keys[at] == key else None

    def set(self, key: bytes, value: V) -> SortedMap[V]:
        """Return a map in which `key` holds `value`."""
        lasts = self._lasts
        if not lasts:
            return SortedMap([key], [[key]], [[value]])
        leaf = bisect_left(lasts, key)
        if leaf == len(lasts):
            leaf -= 1
        keys, values = self._keys[leaf], self._values[leaf].copy()
        at = bisect_left(keys, key)
        all_values = self._values.copy()
        all_values[leaf] = values
        if at < len(keys) and keys[at] == key:
            values[at] = value
            return SortedMap(lasts, self._keys, all_values)
        keys = keys.copy()
        keys.insert(at, key)
        values.insert(at, value)
        all_keys, lasts = self._keys.copy(), lasts.copy()
        all_keys[leaf], lasts[leaf] = keys, keys[-1]
        if len(keys) > LEAF:
            half = len(keys) // 2
            all_keys[leaf : leaf + 1] = [keys[:half], keys[half:]]
            all_values[leaf : leaf + 1] = [values[:half], values[half:]]
            lasts[leaf : leaf + 1] = [keys[half - 1], keys[-1]]
        return SortedMap(lasts, all_keys, all_values)

    def remove(self, key: bytes) -> SortedMap[V]:
        """Return a map without `key`; this map itself if the key is not in it."""
        leaf = bisect_left(self._lasts, key)
        if leaf == len(self._lasts):
            return self
        keys = self._keys[leaf]
        at = bisect_left(keys, key)
        if keys[at] != key:
            return self
        all_keys, all_values, lasts = self._keys.copy(), self._values.copy(), self._lasts.copy()
        if len(keys) == 1:
            del all_keys[leaf], all_values[leaf], lasts[leaf]
        else:
            all_keys[leaf] = keys = keys[:at] + keys[at + 1 :]
            all_values[leaf] = all_values[leaf][:at] + all_values[leaf][at + 1 :]
            lasts[leaf] = keys[-1]
        return SortedMap(lasts, all_keys, all_values)

    def items(self, low: bytes = b"", high: bytes = b"\xff", *, descending: bool = False) -> Iterator[tuple[bytes, V]]:
        """Yield the pairs with ``low <= key < high`` in key order, or in reverse."""
        return self._descend(low, high) if descending else self._ascend(low, high)

    def _ascend(self, low: bytes, high: bytes) -> Iterator[tuple[bytes, V]]:
        first = bisect_left(self._lasts, low)
        for leaf in range(first, len(self._lasts)):
            keys = self._keys[leaf]
            start = bisect_left(keys, low) if leaf == first else 0
            if self._lasts[leaf] < high:
                yield from zip(keys[start:], self._values[leaf][start:], strict=True)
            else:
                stop = bisect_left(keys, high)
                yield from zip(keys[start:stop], self._values[leaf][start:stop], strict=True)
                return

    def _descend(self, low: bytes, high: bytes) -> Iterator[tuple[bytes, V]]:
        last = min(bisect_left(self._lasts, high), len(self._lasts) - 1)
        for leaf in range(last, -1, -1):
            keys, values = self._keys[leaf], self._values[leaf]
            for at in range(bisect_left(keys, high) - 1, -1, -1):
                if keys[at] < low:
                    return
                yield keys[at], values[at]
