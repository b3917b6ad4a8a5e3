"""The query builder: `ctx.db.query(table)` and what can be chained to it (convex-semantics 7).

Owns the building; what is read, and so what is recorded as read, is decided by how many rows are asked for. Speaks to
the boundary in `syscalls.py`. Query objects are used once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convexsim.database.range import Bound
from convexsim.errors import PlatformError
from convexsim.values import UNDEFINED, freeze, thaw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convexsim.database.range import Comparison
    from convexsim.functions.syscalls import TransactionSyscalls

__all__ = ["IndexRange", "Query"]


class IndexRange:
    """The argument of `with_index`'s function: conditions on the index's fields, each a copy with one more.

    Equalities come with at most one lower and one upper bound on one further field; what they cover must be a prefix
    of the index's fields.
    """

    __slots__ = ("bounds",)

    def __init__(self, bounds: tuple[Bound, ...] = ()) -> None:
        self.bounds: Final = bounds

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
        frozen = value if value is UNDEFINED else freeze(value, field)
        return IndexRange((*self.bounds, Bound(comparison, field, frozen)))


class Query:
    """A query over one table that has not run yet.

    Chain `with_index` and `order`, then end with `collect`, `take`, `first`, `unique`, or iterate.
    """

    __slots__ = ("_bounds", "_descending", "_index", "_syscalls", "_system", "_table", "_used")

    def __init__(self, syscalls: TransactionSyscalls, table: str, *, system: bool = False) -> None:
        self._syscalls = syscalls
        self._table = table
        self._system = system
        self._index: str | None = None
        self._bounds: tuple[Bound, ...] = ()
        self._descending: bool | None = None
        self._used = False

    def with_index(self, name: str, conditions: Callable[[IndexRange], IndexRange] | None = None) -> Query:
        """Read by an index, in its order, and only the range that `conditions` describe.

        Example: ``.with_index("by_name", lambda q: q.eq("name", "hits"))``.
        """
        if self._index is not None or self._descending is not None:
            msg = f"with_index({name!r}) must come first in a query, and once."
            raise PlatformError(msg, code="InvalidQuery")
        bounds: tuple[Bound, ...] = ()
        if conditions is not None:
            described: object = conditions(IndexRange())
            if not isinstance(described, IndexRange):
                msg = f"The conditions of with_index({name!r}) returned {described!r}, not the range they were given."
                raise PlatformError(msg, code="InvalidQuery", next_step='Write lambda q: q.eq("field", value).')
            bounds = described.bounds
        return self._chained(name, bounds, self._descending)

    def order(self, direction: str) -> Query:
        """Set the order of the rows, ``"asc"`` or ``"desc"``, once; ascending is the default."""
        if direction not in ("asc", "desc"):
            msg = f"The order {direction!r} is neither 'asc' nor 'desc'."
            raise PlatformError(msg, code="InvalidQuery")
        if self._descending is not None:
            raise PlatformError("order() was called twice on one query.", code="InvalidQuery")
        return self._chained(self._index, self._bounds, direction == "desc")

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
            msg = f"unique() on {self._table} found more than one document: {rows[0]['_id']}, {rows[1]['_id']}, ..."
            raise PlatformError(msg, code="NotUnique")
        return rows[0] if rows else None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield row by row; leaving the loop early has read up to the last row seen."""
        for row in self._rows():
            yield thaw(row)

    def _rows(self) -> Iterator[dict[str, Any]]:
        self._use()
        return self._syscalls.query(
            self._table, self._index, self._bounds, descending=bool(self._descending), system=self._system
        )

    def _use(self) -> None:
        if self._used:
            msg = f"A query on {self._table} was used twice; a query object can be chained or run once."
            raise PlatformError(msg, code="InvalidQuery", next_step="Build the query anew.")
        self._used = True

    def _chained(self, index: str | None, bounds: tuple[Bound, ...], descending: bool | None) -> Query:  # noqa: FBT001
        """Return the next query of the chain; this one is used up."""
        self._use()
        chained = Query(self._syscalls, self._table, system=self._system)
        chained._index, chained._bounds, chained._descending = index, bounds, descending
        return chained
