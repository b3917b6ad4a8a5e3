"""The write log: which keys each commit touched, newest last (convex-semantics 1.1).

Owns the memory of recent commits, nothing else. `commit.py` reads it to judge a transaction against what came after
its begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from convexsim.database.writes import Write

__all__ = ["LogEntry", "WriteLog", "keys_written"]


@frozen(eq=False)
class LogEntry:
    """One commit as others see it.

    Attributes:
        write_source: who wrote: the label of the function and activity, for messages about conflicts.
        keys: by index key, the index keys written (old and new ones) with the id of the document.

    """

    ts: int
    write_source: str
    keys: Mapping[str, Sequence[tuple[bytes, str]]]


class WriteLog:
    """All commits in order; timestamps count from 1 without gaps, so a timestamp is a position."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[LogEntry] = []

    @property
    def newest(self) -> LogEntry | None:
        """The newest commit; None before the first."""
        return self._entries[-1] if self._entries else None

    def append(self, entry: LogEntry) -> None:
        """Add the newest commit."""
        assert entry.ts == len(self._entries) + 1, f"commit {entry.ts} does not follow the newest one"
        self._entries.append(entry)

    def since(self, ts: int) -> Sequence[LogEntry]:
        """Return the commits after `ts`, oldest first."""
        return self._entries[ts:]


def keys_written(writes: Iterable[Write]) -> dict[str, list[tuple[bytes, str]]]:
    """Return what others' reads are tested against: for every index of a written document its old and its new key.

    A patch that leaves the indexed fields alone still contributes its key to every index, so it conflicts with any
    reader of that row by whatever index (convex-semantics 1.3).
    """
    keys: dict[str, list[tuple[bytes, str]]] = {}
    for write in writes:
        for index in write.table.indexes.values():
            touched = keys.setdefault(index.key, [])
            old = None if write.old is None else write.old.keys[index.position]
            new = None if write.new is None else write.new.keys[index.position]
            if old is not None:
                touched.append((old, write.id))
            if new is not None and new != old:
                touched.append((new, write.id))
    return keys
