"""An immutable sorted map from byte keys to values: the one structure under snapshots, indexes and transactions.

Owns nothing but the structure. Because a map never changes, a snapshot is a pointer, a transaction's own writes are a
newer map, and undoing a nested call means going back to the older one. Used by `snapshot.py` and `transaction.py`.

Shape: a tree of plain lists, all leaves equally deep. A leaf holds up to `WIDTH` keys in order beside their values; a
node above holds up to `WIDTH` nodes beside the last key of each. A write copies the nodes on the way to its leaf, so
its cost grows with the logarithm of the size; everything else is shared.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WIDTH", "SortedMap"]

V = TypeVar("V")

WIDTH: Final = 128
"""Keys in a node before it splits in two: small enough to copy quickly, large enough to keep the tree low."""

Node = tuple[list[bytes], list[Any]]
"""A leaf: its keys and their values; or a node above: the last key below each of its nodes, and those nodes."""
Path = list[tuple[list[bytes], list[Any], int]]
"""The way down to a leaf: keys and nodes of each node passed, and which of them was taken."""


class SortedMap(Generic[V]):
    """A sorted map from bytes to values; every change returns a new map and leaves this one as it was.

    Args:
        root: the top of the tree; None if the map is empty.
        height: how many nodes lie above each leaf.

    """

    __slots__ = ("_height", "_root")

    def __init__(self, root: Node | None = None, height: int = 0) -> None:
        # Invariant: no node is empty, keys ascend within a node, and each stands for the last one below its node.
        self._root = root
        self._height = height

    def __len__(self) -> int:
        return sum(1 for _ in self.items())

    def get(self, key: bytes) -> V | None:
        """Return the value under `key`, or None."""
        node = self._root
        if node is None:
            return None
        for _ in range(self._height):
            at = bisect_left(node[0], key)
            if at == len(node[0]):
                return None
            node = node[1][at]
        keys, values = node
        at = bisect_left(keys, key)
        return values[at] if at < len(keys) and keys[at] == key else None

    def first(self, low: bytes) -> tuple[bytes, V] | None:
        """Return the first pair with ``low <= key``, or None."""
        node = self._root
        if node is None or node[0][-1] < low:
            return None
        for _ in range(self._height):
            node = node[1][bisect_left(node[0], low)]
        at = bisect_left(node[0], low)
        return node[0][at], node[1][at]

    def last(self, high: bytes) -> tuple[bytes, V] | None:
        """Return the last pair with ``key < high``, or None."""
        return next(self._descend(b"", high), None)

    def set(self, key: bytes, value: V) -> SortedMap[V]:
        """Return a map in which `key` holds `value`."""
        if self._root is None:
            return SortedMap(([key], [value]))
        path, (keys, values) = self._way_to(key)
        at = bisect_left(keys, key)
        values = values.copy()
        if at < len(keys) and keys[at] == key:
            values[at] = value
        else:
            keys = keys.copy()
            keys.insert(at, key)
            values.insert(at, value)
        below: Node = (keys, values)
        for above_keys, above, taken in reversed(path):
            below = _with_child(above_keys, above, taken, below)
        if len(below[0]) <= WIDTH:
            return SortedMap(below, self._height)
        left, right = _halves(below)
        return SortedMap(([left[0][-1], right[0][-1]], [left, right]), self._height + 1)

    def remove(self, key: bytes) -> SortedMap[V]:
        """Return a map without `key`; this map itself if the key is not in it."""
        if self._root is None:
            return self
        path, (keys, values) = self._way_to(key)
        at = bisect_left(keys, key)
        if at == len(keys) or keys[at] != key:
            return self
        below: Node = (keys[:at] + keys[at + 1 :], values[:at] + values[at + 1 :])
        for above_keys, above, taken in reversed(path):
            if below[0]:
                below = _with_child(above_keys, above, taken, below)
            else:
                below = (above_keys[:taken] + above_keys[taken + 1 :], above[:taken] + above[taken + 1 :])
        height = self._height
        while height and len(below[0]) == 1:
            below, height = below[1][0], height - 1
        return SortedMap(below, height) if below[0] else SortedMap()

    def items(self, low: bytes = b"", high: bytes = b"\xff", *, descending: bool = False) -> Iterator[tuple[bytes, V]]:
        """Yield the pairs with ``low <= key < high`` in key order, or in reverse."""
        return self._descend(low, high) if descending else self._ascend(low, high)

    def _ascend(self, low: bytes, high: bytes) -> Iterator[tuple[bytes, V]]:
        if self._root is None:
            return
        path, node = self._way_to(low)
        start = bisect_left(node[0], low)
        while True:
            keys, values = node
            if keys[-1] >= high:
                stop = bisect_left(keys, high)
                yield from zip(keys[start:stop], values[start:stop], strict=True)
                return
            yield from zip(keys[start:], values[start:], strict=True)
            start = 0
            while path and path[-1][2] + 1 == len(path[-1][1]):
                path.pop()
            if not path:
                return
            above_keys, above, taken = path[-1]
            path[-1] = (above_keys, above, taken + 1)
            node = above[taken + 1]
            while len(path) < self._height:
                path.append((*node, 0))
                node = node[1][0]

    def _descend(self, low: bytes, high: bytes) -> Iterator[tuple[bytes, V]]:
        if self._root is None:
            return
        path, node = self._way_to(high)
        while True:
            keys, values = node
            for at in range(bisect_left(keys, high) - 1, -1, -1):
                if keys[at] < low:
                    return
                yield keys[at], values[at]
            while path and not path[-1][2]:
                path.pop()
            if not path:
                return
            above_keys, above, taken = path[-1]
            path[-1] = (above_keys, above, taken - 1)
            node = above[taken - 1]
            while len(path) < self._height:
                path.append((*node, len(node[1]) - 1))
                node = node[1][-1]

    def _way_to(self, key: bytes) -> tuple[Path, Node]:
        """Return the way to the leaf in which `key` is, or would be: the last one if it is beyond all keys."""
        node = self._root
        assert node is not None, "an empty map has no leaf"
        path: Path = []
        for _ in range(self._height):
            keys, nodes = node
            at = bisect_left(keys, key)
            if at == len(keys):
                at -= 1
            path.append((keys, nodes, at))
            node = nodes[at]
        return path, node


def _with_child(keys: list[bytes], nodes: list[Any], at: int, child: Node) -> Node:
    """Return a node with another one in the place of one of those below it; two if that has grown too wide."""
    nodes = nodes.copy()
    if len(child[0]) > WIDTH:
        left, right = _halves(child)
        keys = keys.copy()
        keys[at : at + 1] = [left[0][-1], right[0][-1]]
        nodes[at : at + 1] = [left, right]
        return keys, nodes
    nodes[at] = child
    if keys[at] != child[0][-1]:
        keys = keys.copy()
        keys[at] = child[0][-1]
    return keys, nodes


def _halves(node: Node) -> tuple[Node, Node]:
    keys, items = node
    half = len(keys) // 2
    return (keys[:half], items[:half]), (keys[half:], items[half:])
