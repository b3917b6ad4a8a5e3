"""Pagination: the options and cursors of `.paginate()`, and how one page is read (convex-semantics 9).

Owns what a page is and when it ends. Knows no transaction: it is given rows and the part of the index they come from
follows from `between`; what of it was read is recorded where the rows are made. Next: `documents.py`, which brings both
together.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from convexsim.database.limits import Limits
from convexsim.errors import ConvexError, PlatformError
from convexsim.values import after, freeze, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convexsim.database.index import Document, Index, Interval
    from convexsim.functions.syscalls import Selection

__all__ = ["MAX_PAGE_SIZE", "Cursor", "PageOptions", "between", "fingerprint_of", "read_page"]

MAX_PAGE_SIZE: Final = 32_000
"""The most rows that may be asked for."""

_DEFAULTS: Final = Limits()
_MAX_ARRAY_LENGTH: Final = 8_192
_READ_LIMITS: Final = ("TooManyDocumentsRead", "TooManyBytesRead", "TooManyReads")
_END: Final = "end"


@frozen
class Cursor:
    """A position in a query: after a key of its index, or at the end.

    Attributes:
        fingerprint: of the query, as `fingerprint_of` makes it.
        key: the key of the last row before it; None for the end.

    """

    fingerprint: str
    key: bytes | None

    def __str__(self) -> str:
        """How it travels: opaque to functions and clients."""
        return f"{self.fingerprint}:{_END if self.key is None else self.key.hex()}"


@frozen
class PageOptions:
    """What `.paginate()` was asked for, checked.

    Attributes:
        num_items: how many rows make a page.
        start: where it begins; None for the start of the range.
        end: where it ends, if that is given; then it is read up to there whatever the other options say.
        maximum_rows: how many rows may be read, before filters.
        maximum_bytes: how many bytes may be read; the row that passes the limit is still in.
        limits: of the transaction.

    """

    num_items: int
    start: Cursor | None
    end: Cursor | None
    maximum_rows: int | None
    maximum_bytes: int | None
    limits: Limits = _DEFAULTS

    @classmethod
    def of(cls, options: object, limits: Limits = _DEFAULTS) -> PageOptions:
        """Check the options as a function gave them; what they name besides is ignored, as Convex does.

        Errors: `PlatformError` InvalidQuery, NoDocumentsForPagination, PageSizeTooLarge, InvalidPaginationLimit,
        InvalidArgument; `ConvexError` for a text that is no cursor. Source: convex-semantics 9.
        """
        said = freeze(options, "options") if isinstance(options, dict) else None
        num_items: Any = said.get("numItems") if isinstance(said, dict) else None
        if not isinstance(said, dict) or type(num_items) not in (int, float) or num_items < 0:
            msg = f"paginate() got {show(options)}; numItems must be a positive number."
            raise PlatformError(msg, code="InvalidQuery", next_step='Write {"numItems": 10, "cursor": None}.')
        if type(num_items) is not int:
            raise PlatformError(f"numItems is {num_items!r}, not a whole number.", code="InvalidArgument")
        if num_items == 0:
            raise PlatformError("A page has at least 1 document; numItems is 0.", code="NoDocumentsForPagination")
        if num_items > MAX_PAGE_SIZE:
            msg = f"A page has at most {MAX_PAGE_SIZE} documents; numItems is {num_items}."
            raise PlatformError(msg, code="PageSizeTooLarge")
        rows, size = _limit(said, "maximumRowsRead"), _limit(said, "maximumBytesRead")
        return cls(num_items, _cursor(said, "cursor"), _cursor(said, "endCursor"), rows, size, limits)


def fingerprint_of(selection: Selection, index: Index) -> str:
    """Return what binds a cursor to its query: source, bounds, order, filters and the fields of the index."""
    asked = (selection.table, selection.index, selection.bounds, selection.descending, selection.filters)
    text = repr((asked, index.fields))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def between(interval: Interval, options: PageOptions, selection: Selection, index: Index) -> Interval:
    """Return the part of a query's interval that lies after the first cursor and up to the second.

    Errors: `ConvexError` for a cursor of another query, with data by which the caller can tell.
    """
    fingerprint = fingerprint_of(selection, index)
    for cursor in (options.start, options.end):
        if cursor is not None and cursor.fingerprint != fingerprint:
            raise _invalid_cursor()
    low, high = interval
    if options.start is not None:
        if options.start.key is None:
            return high, high
        low, high = _split(low, high, options.start.key, descending=selection.descending)[1]
    if options.end is not None and options.end.key is not None:
        low, high = _split(low, high, options.end.key, descending=selection.descending)[0]
    return low, high


def read_page(
    rows: Iterator[Document],
    fingerprint: str,
    position: int,
    options: PageOptions,
    wanted: Callable[[Document], dict[str, Any] | None],
) -> dict[str, Any]:
    """Read one page.

    Args:
        rows: the documents after the first cursor, in the order of the query.
        fingerprint: of the query.
        position: of the index, among the keys of a document.
        options: what was asked for.
        wanted: returns what of a document stands in the page; None if the filters reject it.

    """
    page: list[dict[str, Any]] = []
    keys: list[bytes] = []
    size = 0
    status: str | None = None
    here = options.start
    while options.end is not None or len(page) < options.num_items:
        if options.end is None and _is_spent(options, len(keys), size):
            status = "SplitRequired"
            break
        try:
            document = next(rows, None)
        except PlatformError as error:
            if error.code not in _READ_LIMITS or here is None:
                raise
            status = "SplitRequired"
            break
        if document is None:
            here = Cursor(fingerprint, None)
            break
        keys.append(document.keys[position])
        here = Cursor(fingerprint, keys[-1])
        size += document.size
        row = wanted(document)
        if row is not None:
            page.append(row)
    if status is None and _nears_a_limit(options, len(keys), size, len(page)):
        status = "SplitRecommended"
    last = options.end if options.end is not None else here
    assert last is not None, "a page has looked at a row or come to the end"
    return {
        "continueCursor": str(last),
        "isDone": last.key is None,
        "page": page,
        "pageStatus": status,
        "splitCursor": str(Cursor(fingerprint, keys[len(keys) // 2])) if len(keys) > 2 else None,  # noqa: PLR2004 - convex-semantics 9
    }


def _split(low: bytes, high: bytes, key: bytes, *, descending: bool) -> tuple[Interval, Interval]:
    """Return what lies up to and including a key, in the direction of the scan, and what lies beyond."""
    if descending:
        at = min(max(key, low), high)
        return (at, high), (low, at)
    at = min(max(after(key), low), high)
    return (low, at), (at, high)


def _is_spent(options: PageOptions, rows: int, size: int) -> bool:
    rows_spent = options.maximum_rows is not None and rows >= options.maximum_rows
    return rows_spent or (options.maximum_bytes is not None and size >= options.maximum_bytes)


def _nears_a_limit(options: PageOptions, rows: int, size: int, length: int) -> bool:
    most_rows, most_bytes = options.limits.documents_read, options.limits.bytes_read
    return (
        rows > min(options.maximum_rows or most_rows, most_rows) * 3 // 4
        or size > min(options.maximum_bytes or most_bytes, most_bytes) * 3 // 4
        or length > _MAX_ARRAY_LENGTH * 3 // 4
    )


def _limit(said: dict[str, Any], name: str) -> int | None:
    value = said.get(name)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise PlatformError(f"{name} is {show(value)}, not a whole number.", code="InvalidArgument")
    if value == 0:
        raise PlatformError(f"{name} is 0; it must be greater.", code="InvalidPaginationLimit")
    return value


def _cursor(said: dict[str, Any], name: str) -> Cursor | None:
    text = said.get(name)
    if text is None:
        return None
    if not isinstance(text, str):
        msg = f"{name} is {show(text)}, neither None nor a cursor."
        raise PlatformError(msg, code="InvalidArgument", next_step='Write "cursor": None for the first page.')
    fingerprint, _, position = text.partition(":")
    try:
        return Cursor(fingerprint, None if position == _END else bytes.fromhex(position))
    except ValueError:
        raise _invalid_cursor() from None


def _invalid_cursor() -> ConvexError:
    """Return what Convex throws for a cursor of another query, in the form by which its clients start over."""
    return ConvexError({"isConvexSystemError": True, "paginationError": "InvalidCursor"})
