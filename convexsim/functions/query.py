"""The query builder: `ctx.db.query(table)` and what can be chained to it (convex-semantics 7).

Owns the building; what is read, and so what is recorded as read, is decided by how many rows are asked for. Speaks to
the boundary in `syscalls.py`. Query objects are used once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from convexsim.database.range import Bound
from convexsim.errors import PlatformError
from convexsim.functions.filter import FilterBuilder, expression_of
from convexsim.functions.refusals import Refusing
from convexsim.functions.syscalls import Selection
from convexsim.values import UNDEFINED, freeze_pending, thaw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convexsim.database.range import Comparison
    from convexsim.functions.syscalls import TransactionSyscalls

__all__ = ["MAX_OPERATORS", "IndexRange", "Query"]

MAX_OPERATORS: Final = 256
"""How many filters a query may have (convex-semantics 6.3)."""


class IndexRange(Refusing):
    """The argument of `with_index`'s function: conditions on the index's fields, each a copy with one more.

    Equalities come with at most one lower and one upper bound on one further field; what they cover must be a prefix
    of the index's fields. Like a query, a range is chained or returned once: what is not chained would be lost.
    """

    __slots__ = ("_bounds", "_used")

    def __init__(self, bounds: tuple[Bound, ...] = ()) -> None:
        self._bounds = bounds
        self._used = False

    def take_bounds(self) -> tuple[Bound, ...]:
        """Return the conditions; the range is used up.

        Raises:
            PlatformError: it was chained or taken before.

        """
        if self._used:
            msg = "A range of an index was used twice."
            raise PlatformError(msg, code="InvalidQuery", next_step="Chain the conditions: q.eq(...).gt(...).")
        self._used = True
        return self._bounds

    def eq(self, field: str, value: Any) -> IndexRange:
        """Keep documents whose field equals `value`; UNDEFINED finds those without the field."""
        return self._and("eq", field, value)

    def gt(self, field: str, value: Any) -> IndexRange:
        """Keep documents whose field comes after `value` in the order of convex-semantics 8."""
        return self._and("gt", field, value)

    def gte(self, field: str, value: Any) -> IndexRange:
        """Keep documents whose field is `value` or comes after it."""
        return self._and("gte", field, value)

    def lt(self, field: str, value: Any) -> IndexRange:
        """Keep documents whose field comes before `value`."""
        return self._and("lt", field, value)

    def lte(self, field: str, value: Any) -> IndexRange:
        """Keep documents whose field is `value` or comes before it."""
        return self._and("lte", field, value)

    def _and(self, comparison: Comparison, field: str, value: Any) -> IndexRange:
        frozen = value if value is UNDEFINED else freeze_pending(value, field)
        return IndexRange((*self.take_bounds(), Bound(comparison, field, frozen)))


class Query(Refusing):
    """A query over one table that has not run yet.

    Chain `with_index`, `order` and `filter`, then end with `collect`, `take`, `first`, `unique`, `paginate`, or
    iterate.
    """

    __slots__ = ("_ordered", "_selection", "_syscalls", "_used")

    def __init__(self, syscalls: TransactionSyscalls, selection: Selection, *, ordered: bool = False) -> None:
        self._syscalls = syscalls
        self._selection = selection
        self._ordered = ordered
        self._used = False

    def with_index(self, name: str, conditions: Callable[[IndexRange], IndexRange] | None = None) -> Query:
        """Read by an index, in its order, and only the range that `conditions` describe.

        Example: ``.with_index("by_name", lambda q: q.eq("name", "hits"))``.
        """
        if self._selection.index is not None or self._selection.filters or self._ordered:
            msg = f"with_index({name!r}) must come first in a query, and once."
            raise PlatformError(msg, code="InvalidQuery")
        bounds: tuple[Bound, ...] = ()
        if conditions is not None:
            described: object = conditions(IndexRange())
            if not isinstance(described, IndexRange):
                msg = f"The conditions of with_index({name!r}) returned {described!r}, not the range they were given."
                raise PlatformError(msg, code="InvalidQuery", next_step='Write lambda q: q.eq("field", value).')
            bounds = described.take_bounds()
        return self._chained(evolve(self._selection, index=name, bounds=bounds), ordered=False)

    def order(self, direction: str) -> Query:
        """Set the order of the rows, ``"asc"`` or ``"desc"``, once; ascending is the default."""
        if direction not in ("asc", "desc"):
            msg = f"The order {direction!r} is neither 'asc' nor 'desc'."
            raise PlatformError(msg, code="InvalidQuery")
        if self._ordered:
            raise PlatformError("order() was called twice on one query.", code="InvalidQuery")
        return self._chained(evolve(self._selection, descending=direction == "desc"), ordered=True)

    def filter(self, predicate: Callable[[FilterBuilder], Any]) -> Query:
        """Keep the rows of which an expression is true; those it rejects are read all the same (convex-semantics 1.2).

        Example: ``.filter(lambda q: q.eq(q.field("owner.name"), "ann"))``.
        """
        if len(self._selection.filters) >= MAX_OPERATORS:
            msg = f"A query can't be constructed with more than {MAX_OPERATORS} operators."
            raise PlatformError(msg, code="InvalidQuery", next_step="Join conditions by q.and_.")
        expression = expression_of(predicate(FilterBuilder()))
        filters = (*self._selection.filters, expression)
        return self._chained(evolve(self._selection, filters=filters), ordered=self._ordered)

    def paginate(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return one page of the rows and where the next one begins (convex-semantics 9).

        Args:
            options: ``numItems``, ``cursor`` (None, or the ``continueCursor`` of the page before), and if need be
                ``endCursor``, ``maximumRowsRead`` and ``maximumBytesRead``.

        Returns:
            ``page``, ``isDone`` (the range has come to its end: the last page may be empty), ``continueCursor``,
            ``splitCursor`` and ``pageStatus``.

        Raises:
            PlatformError: the options are wrong, this function has paginated before, or it is in a component.
            ConvexError: the cursor belongs to another query; its data say ``paginationError``.

        """
        self._use()
        page: dict[str, Any] = thaw(self._syscalls.paginate(self._selection, options))
        return page

    def collect(self) -> list[dict[str, Any]]:
        """Return all rows; the whole range is read, even if it holds none."""
        return [thaw(row) for row in self._rows()]

    def take(self, count: int) -> list[dict[str, Any]]:
        """Return the first `count` rows; reads up to the last of them, or the whole range if there are fewer."""
        if type(count) is not int or count < 0:
            msg = f"take({count!r}): the number of rows must be a whole number, 0 or more."
            raise PlatformError(msg, code="InvalidQuery")
        if count == 0:
            self._use()
            return []
        taken: list[dict[str, Any]] = []
        for row in self._rows():
            taken.append(thaw(row))
            if len(taken) == count:
                break
        return taken

    def first(self) -> dict[str, Any] | None:
        """Return the first row or None; reads up to that row."""
        rows = self.take(1)
        return rows[0] if rows else None

    def unique(self) -> dict[str, Any] | None:
        """Return the only row or None; with one row the whole range has been read.

        Raises:
            PlatformError: there are two; reads up to the second.

        """
        rows = self.take(2)
        if len(rows) > 1:
            two = f"{rows[0]['_id']}, {rows[1]['_id']}"
            msg = f"unique() on {self._selection.table} found more than one document: {two}, ..."
            raise PlatformError(msg, code="NotUnique")
        return rows[0] if rows else None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield row by row; leaving the loop early has read up to the last row seen."""
        for row in self._rows():
            yield thaw(row)

    def _rows(self) -> Iterator[dict[str, Any]]:
        self._use()
        return self._syscalls.query(self._selection)

    def _use(self) -> None:
        if self._used:
            msg = f"A query on {self._selection.table} was used twice; a query object can be chained or run once."
            raise PlatformError(msg, code="InvalidQuery", next_step="Build the query anew.")
        self._used = True

    def _chained(self, selection: Selection, *, ordered: bool) -> Query:
        """Return the next query of the chain; this one is used up."""
        self._use()
        return Query(self._syscalls, selection, ordered=ordered)
