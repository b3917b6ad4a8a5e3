"""One attempt of one top-level function: its transaction, its frozen moment, and whatever its nested calls share.

Owns creation times and the door through which documents are written. Knows nothing of handlers; `perform.py` answers
what they ask, with one `Execution` for the whole tree of calls (convex-semantics 5.2).
"""

from __future__ import annotations

from math import inf, nextafter
from typing import TYPE_CHECKING, Any, Final

from convexsim.database.history import ObservedTransaction
from convexsim.database.index import make_table
from convexsim.database.tables import TABLES
from convexsim.database.transaction import Transaction
from convexsim.errors import PlatformError
from convexsim.functions.memory import Attempted
from convexsim.values import nesting_of
from convexsim.values.ids import IdStream

if TYPE_CHECKING:
    from convexsim.database.index import Document, Table
    from convexsim.database.snapshot import Snapshot
    from convexsim.functions.environment import Environment
    from convexsim.functions.outcome import Outcome
    from convexsim.functions.scheduled import ScheduledFunction
    from convexsim.functions.syscalls import Effect

__all__ = ["Execution"]

_STAMP_MS: Final = 2.0**-12
"""What one creation time has on the one before it: about the smallest step that Convex's doubles have today."""


class Execution:
    """One attempt.

    Args:
        invocation: the activity (ids, random numbers and the paths of what it schedules derive from it) and the
            attempt, from 1: a retry restarts everything with ids of its own.
        begin_ms: the moment of its begin, in whole ms.
        parent: the scheduled function it runs under, however deep.

    Attributes:
        catalog: what was deployed when it began.
        now: `Date.now()` of the whole attempt: the moment of its begin by the clock of the node that runs it. What the
            database and the executors say goes by `begin_ms`.
        drew: whether somebody has asked for a random number.

    """

    __slots__ = (
        "_last_stamp",
        "_stamped",
        "activity",
        "attempt",
        "begin_ms",
        "catalog",
        "drew",
        "effects",
        "environment",
        "ids",
        "misuses",
        "now",
        "parent",
        "scheduled",
        "transaction",
    )

    def __init__(
        self,
        environment: Environment,
        snapshot: Snapshot,
        invocation: tuple[str, int],
        begin_ms: float,
        parent: ScheduledFunction | None,
    ) -> None:
        self.environment = environment
        self.catalog = environment.catalog_at(snapshot.ts)
        new_transaction = Transaction if environment.history is None else ObservedTransaction
        self.transaction = new_transaction(snapshot, environment.platform.limits)
        self.activity, self.attempt = invocation
        self.begin_ms = self.now = begin_ms
        self.parent = parent
        self.ids = IdStream(self.seed)
        self.effects: list[Effect] = []
        self.misuses: list[Exception] = []
        """Errors about the simulator itself, for nobody to swallow: they end the run, not the function."""
        self.scheduled = 0
        self.drew = False
        self._last_stamp = -inf
        self._stamped: dict[str, tuple[float, float]] = {}

    @property
    def seed(self) -> str:
        """What the attempt's ids and random numbers derive from."""
        return f"{self.activity}#{self.attempt}"

    def ended(self, outcome: Outcome) -> Attempted:
        """Close the transaction, and return what the attempt came to."""
        transaction = self.transaction
        transaction.close()
        return Attempted(outcome, transaction, transaction.finalize(), tuple(self.effects), self._stamped, self.drew)

    def insert(self, table: Table, fields: dict[str, Any]) -> Document:
        """Write a new document of these frozen fields; its id and creation time are made here."""
        document_id = self.ids.next(table.number)
        document = table.document({"_creationTime": self._stamp(table), "_id": document_id, **fields})
        self._check(document)
        self.transaction.insert(document)
        return document

    def make_table(self, component: str, name: str) -> Table:
        """Make a table that no schema declares, which kills every transaction that is under way (1.3)."""
        transaction = self.transaction
        table = make_table(component, name, transaction.components[component].next_number)
        self.insert(TABLES, {"component": component, "name": name, "number": table.number})
        transaction.add_table(table)
        return table

    def replace(self, old: Document, value: dict[str, Any]) -> Document:
        """Write a new revision, given with its ``_id`` and ``_creationTime``."""
        document = old.table.document(value)
        self._check(document)
        self.transaction.replace(old, document)
        return document

    def _check(self, document: Document) -> None:
        """Refuse a document of a user table that is too large or nests too deep (convex-semantics 6.3)."""
        if document.table.is_system:
            return
        limits, table = self.environment.platform.limits, document.table.name
        if document.size > limits.document_size:
            msg = f"A document of {table} has {document.size} bytes (limit: {limits.document_size} bytes)."
            raise PlatformError(msg, code="ValueTooLargeError", next_step="Split it into several documents.")
        nesting = nesting_of(document.value)
        if nesting > limits.document_nesting:
            msg = f"A document of {table} nests {nesting} levels deep (limit: {limits.document_nesting})."
            raise PlatformError(msg, code="InvalidDocumentError", next_step="Flatten it, or use several documents.")

    def _stamp(self, table: Table) -> float:
        """Return the next ``_creationTime`` (ms).

        The moment of the begin by the node's clock, or a little after the newest stamp of this attempt or of this
        table, if that is later. Nobody else takes notice of what a clock says that is ahead of its time.
        So stamps rise within an attempt over all its tables (convex-semantics 7), and within a table they follow the
        order of begins, losing ones too. Two begins that insert into different tables do not see each other in them:
        orders are told apart only where somebody could (architecture.md 6.3).
        """
        stamps = self.environment.stamps
        key = (
            table.key if self.now <= self.begin_ms else f"{table.key} by a clock {self.now - self.begin_ms:g} ms ahead"
        )
        before = stamps.get(key, -inf)
        newest = max(self._last_stamp, before)
        stamp = max(float(self.now), newest + _STAMP_MS, nextafter(newest, inf))
        self._last_stamp = stamps[key] = stamp
        self._stamped[key] = (self._stamped[key][0] if key in self._stamped else before, stamp)
        return int(stamp) if stamp.is_integer() else stamp  # as `values.freeze` spells numbers
