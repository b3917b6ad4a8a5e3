"""How long finished scheduled functions are remembered, and how they are forgotten (convex-semantics 3.2).

Owns the rules of the garbage collector of ``_scheduled_functions``: what it deletes in one transaction, and when it
looks again. Who runs it: `actors/scheduler.py`, which never keeps a world alive for it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from convexsim.database.transaction import Transaction
from convexsim.values.keys import prefix_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.database.index import Document
    from convexsim.database.snapshot import Snapshot
    from convexsim.functions.catalog import Catalog
    from convexsim.functions.execution import Execution

__all__ = ["RETENTION_MS", "collect_finished", "next_collection"]

RETENTION_MS: Final = 7 * 86_400_000
"""How long a finished function's row is kept."""
_GROUP: Final = 1_000
"""How many rows one transaction deletes at most."""
_PAUSE_MS: Final = 10_000
"""How long the collector rests after it has deleted some."""


def collect_finished(execution: Execution) -> float:
    """Delete the oldest rows whose time is over, up to a group of them, and return when to look again, in ms.

    It looks for them aside, so what it reads are the rows it deletes: it conflicts with nobody who finishes, schedules
    or cancels meanwhile.
    """
    snapshot, now = execution.transaction.snapshot, execution.now
    execution.transaction.is_bound = True
    catalog = execution.catalog
    over = (row for row in _finished(catalog, snapshot) if row.value["completedTime"] + RETENTION_MS <= now)
    collected = list(islice(over, _GROUP))
    for row in collected:
        found = execution.transaction.get(row.table, row.id)
        assert found is row, "a snapshot does not change"
        execution.transaction.delete(found)
    return now + _PAUSE_MS if collected else next_collection(catalog, snapshot, now)


def next_collection(catalog: Catalog, snapshot: Snapshot, now: float) -> float:
    """Return when the first of the finished rows is over, in ms; if there are none, nothing can be before `now` is."""
    if not snapshot.ts:
        return now + RETENTION_MS
    return min((row.value["completedTime"] for row in _finished(catalog, snapshot)), default=now) + RETENTION_MS


def _finished(catalog: Catalog, snapshot: Snapshot) -> Iterator[Document]:
    """Yield the rows of finished functions, component by component, in the order in which they came to their end."""
    aside = Transaction(snapshot)
    for mounted in catalog.components.values():
        table = mounted.scheduled_functions
        rows = list(aside.scan(table, table.by_id, b"", prefix_end(b"")))
        finished = [row for row in rows if "completedTime" in row.value]
        yield from sorted(finished, key=lambda row: (row.value["completedTime"], row.id))
