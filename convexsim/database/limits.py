"""What one transaction may use, and what it has used (convex-semantics 6.3).

Owns the platform's limits and the counters of one tree of calls. Knows no values' rules and no functions: whoever reads
or writes says so here and is refused when it passes a maximum. Used by `transaction.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen

from convexsim.errors import PlatformError, UsageError
from convexsim.values.spelling import show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convexsim.database.index import Document
    from convexsim.database.reads import ReadSet

__all__ = ["UNLIMITED", "Limits", "Usage"]

_READ_LESS: Final = (
    "Use smaller limits in your queries, paginate them, or read a narrower range of an index; or go on in a second "
    "transaction."
)
_WRITE_LESS: Final = "Write less at once and go on in a second transaction, for example a scheduled function."
_SCHEDULE_LESS: Final = "Schedule one function that schedules the others, and pass ids instead of documents."
_TOO_MANY: Final = {
    "TooManyDocumentsRead": ("Too many documents read in a single function execution", "", _READ_LESS),
    "TooManyBytesRead": ("Too many bytes read in a single function execution", " bytes", _READ_LESS),
    "TooManyReads": ("Too many reads in a single function execution", "", _READ_LESS),
    "TooManyWrites": ("Too many writes in a single function execution", "", _WRITE_LESS),
    "TooManyBytesWritten": ("Too many bytes written in a single function execution", " bytes", _WRITE_LESS),
    "TooManyFunctionsScheduled": ("Too many functions scheduled by this mutation", "", _SCHEDULE_LESS),
    "ScheduledFunctionsArgumentsTooLarge": (
        "Too large total size of the arguments of scheduled functions from this mutation",
        " bytes",
        _SCHEDULE_LESS,
    ),
}
"""By code: what was passed in Convex's words, by which some components tell it; the unit; what to do."""
_METRICS: Final = {
    "bytesRead": "bytes_read",
    "bytesWritten": "bytes_written",
    "databaseQueries": "read_intervals",
    "documentsRead": "documents_read",
    "documentsWritten": "documents_written",
    "functionsScheduled": "functions_scheduled",
    "scheduledFunctionArgsBytes": "scheduled_args_bytes",
}
"""What Convex calls the limits of one transaction, in `getTransactionMetrics()` and `transactionLimits`."""


def _check_most(_: object, attribute: Any, value: object) -> None:
    if type(value) is not int or value < 0:
        msg = f"Limits({attribute.name}={show(value)}) is no limit."
        raise UsageError(msg, next_step="Give a whole number, 0 or more.")


def _most(default: int) -> int:
    most: int = field(default=default, validator=_check_most)
    return most


@frozen(kw_only=True)
class Limits:
    """What the platform allows, with Convex's own numbers; sizes are in bytes, as `values.size_of` counts them.

    Attributes:
        documents_read: by one transaction, those that filters reject included; of system tables what functions read.
        bytes_read: the size of those documents.
        read_intervals: stretches of indexes in its read set, after merging, those of system tables included. The ids
            of its new documents count from the first look into the same index on; a write alone is never refused.
        documents_written: calls of insert, patch, replace and delete that change something.
        bytes_written: the size of what they write, each time the whole document; nothing for a delete.
        functions_scheduled: by one transaction, those that a failed nested call scheduled included.
        scheduled_args_bytes: the size of their arguments.
        function_args: the size of one function's arguments.
        function_result: the size of what it returns.
        value_size: the size of any value that goes in or out of a function.
        document_size: the size of one document, its ``_id`` and ``_creationTime`` included.
        document_nesting: how deep a document nests; the document itself is level 1.
        system_rows: writes to system tables by one transaction, such as those that schedule and cancel.
        system_bytes: the size of what they write.
        action_ms: how long an action may run, in ms of virtual time.

    """

    documents_read: int = _most(32_000)
    bytes_read: int = _most(1 << 24)
    read_intervals: int = _most(4_096)
    documents_written: int = _most(16_000)
    bytes_written: int = _most(1 << 24)
    functions_scheduled: int = _most(1_000)
    scheduled_args_bytes: int = _most(1 << 24)
    function_args: int = _most(1 << 24)
    function_result: int = _most(1 << 24)
    value_size: int = _most(1 << 25)
    document_size: int = _most(1 << 20)
    document_nesting: int = _most(16)
    system_rows: int = _most(40_000)
    system_bytes: int = _most(1 << 27)
    action_ms: int = _most(1_800_000)


_NO_END: Final = 1 << 62
UNLIMITED: Final = Limits(
    documents_read=_NO_END,
    bytes_read=_NO_END,
    read_intervals=_NO_END,
    documents_written=_NO_END,
    bytes_written=_NO_END,
    functions_scheduled=_NO_END,
    scheduled_args_bytes=_NO_END,
)
"""What holds for the platform's own transactions: nothing but the budget of system rows."""


class Usage:
    """What one transaction has used so far; a maximum is passed only by what goes beyond it.

    What passes it is counted all the same, except for scheduled functions. Nothing is given back when a nested call
    fails but what it wrote (convex-semantics 5.2).

    Attributes:
        limits: what holds at the moment: less while a call that was given limits of its own runs, and nothing any more
            once the function has ended and the platform notes its end. The budget of system rows stays what it was.

    """

    __slots__ = (
        "_system_bytes",
        "_system_limits",
        "_system_rows",
        "_unmerged",
        "bytes_read",
        "bytes_written",
        "documents_read",
        "documents_written",
        "functions_scheduled",
        "limits",
        "scheduled_args_bytes",
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = self._system_limits = limits
        self.documents_read = 0
        self.bytes_read = 0
        self.documents_written = 0
        self.bytes_written = 0
        self.functions_scheduled = 0
        self.scheduled_args_bytes = 0
        self._system_rows = 0
        self._system_bytes = 0
        self._unmerged = 0  # no fewer than the merged intervals: these are counted only when it matters

    def looked(self, reads: ReadSet) -> None:
        """Count one more interval that was just added to the read set."""
        self._unmerged += 1
        if self._unmerged > self.limits.read_intervals:
            counted, waiting = reads.compact()
            self._unmerged = counted + waiting
            _check("TooManyReads", counted, self.limits.read_intervals)

    def made_id(self) -> None:
        """Note that a new id was recorded, which is no look of the function's own and never refused."""
        self._unmerged += 1

    def read(self, size: int) -> None:
        """Count a document of this size."""
        limits = self.limits
        self.documents_read += 1
        self.bytes_read += size
        if self.documents_read > limits.documents_read or self.bytes_read > limits.bytes_read:
            _check("TooManyDocumentsRead", self.documents_read, limits.documents_read)
            _check("TooManyBytesRead", self.bytes_read, limits.bytes_read)

    def write(self, new: Document | None) -> None:
        """Count a write to a user table; None is a delete."""
        limits = self.limits
        self.documents_written += 1
        if new is not None:
            self.bytes_written += new.size
        if self.documents_written > limits.documents_written or self.bytes_written > limits.bytes_written:
            _check("TooManyWrites", self.documents_written, limits.documents_written)
            _check("TooManyBytesWritten", self.bytes_written, limits.bytes_written)

    def write_system(self, new: Document | None) -> None:
        """Count a write to a system table: a budget of its own (convex-semantics 1.3)."""
        limits = self._system_limits
        self._system_rows += 1
        if new is not None:
            self._system_bytes += new.size
        if self._system_rows > limits.system_rows or self._system_bytes > limits.system_bytes:
            written = f"{self._system_rows} rows, {self._system_bytes} bytes"
            most = f"limits: {limits.system_rows} rows, {limits.system_bytes} bytes"
            msg = f"Too many writes to system tables in a single transaction: {written} ({most})."
            raise PlatformError(msg, code="InternalServerError", next_step="Schedule or cancel fewer at once.")

    @property
    def written(self) -> tuple[int, int, int, int]:
        """What was written so far, to be set again when a nested call fails."""
        return (self.documents_written, self.bytes_written, self._system_rows, self._system_bytes)

    @written.setter
    def written(self, written: tuple[int, int, int, int]) -> None:
        self.documents_written, self.bytes_written, self._system_rows, self._system_bytes = written

    def tightened(self, asked: Mapping[str, Any], reads: ReadSet) -> Limits:
        """Return the limits of a nested call that may use only so much more, by Convex's names, never more than now.

        Raises:
            PlatformError: InvalidArgument for an unknown name, or for what is no whole number, 0 or more.

        """
        if not isinstance(asked, dict):
            msg = f"transaction_limits is {show(asked)}, not a dict."
            raise PlatformError(msg, code="InvalidArgument", next_step=f"Its keys: {', '.join(_METRICS)}.")
        tighter: dict[str, int] = {}
        for name, most in asked.items():
            limit = _METRICS.get(name)
            if limit is None:
                msg = f"There is no transaction limit {show(name)}."
                raise PlatformError(msg, code="InvalidArgument", next_step=f"There are: {', '.join(_METRICS)}.")
            if type(most) is not int or most < 0:
                msg = f"The transaction limit {name} is {show(most)}, not a whole number, 0 or more."
                raise PlatformError(msg, code="InvalidArgument")
            tighter[limit] = min(getattr(self.limits, limit), self._used(limit, reads) + most)
        return evolve(self.limits, **tighter)

    def schedule(self, args_size: int) -> None:
        """Count a scheduled function; one too many, or the arguments that are too large, are not (as in Convex)."""
        limits = self.limits
        _check("TooManyFunctionsScheduled", self.functions_scheduled + 1, limits.functions_scheduled)
        self.functions_scheduled += 1
        total = self.scheduled_args_bytes + args_size
        _check("ScheduledFunctionsArgumentsTooLarge", total, limits.scheduled_args_bytes)
        self.scheduled_args_bytes = total

    def metrics(self, reads: ReadSet) -> dict[str, dict[str, int]]:
        """Return what was used and what remains, under the names of `getTransactionMetrics()`."""
        facts = {name: (self._used(limit, reads), getattr(self.limits, limit)) for name, limit in _METRICS.items()}
        return {name: {"remaining": max(0, most - used), "used": used} for name, (used, most) in facts.items()}

    def _used(self, limit: str, reads: ReadSet) -> int:
        used: int = len(reads) if limit == "read_intervals" else getattr(self, limit)
        return used


def _check(code: str, used: int, most: int) -> None:
    if used > most:
        what, unit, advice = _TOO_MANY[code]
        msg = f"{what} (limit: {most}{unit}); this one makes {used}{unit}."
        raise PlatformError(msg, code=code, next_step=advice, used=used, limit=most)
