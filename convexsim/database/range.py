"""Index ranges: which keys an index expression selects, by the server's rules (convex-semantics 7).

Equalities and at most one lower and one upper bound on one further field, together covering a prefix of the index's
fields (``_creationTime`` and ``_id`` included). The order in which they are written does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import frozen

from convexsim.errors import PlatformError
from convexsim.values.keys import encode, prefix_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.database.index import Index, Interval

__all__ = ["Bound", "Comparison", "interval_of"]

Comparison = Literal["eq", "gt", "gte", "lt", "lte"]
_LOWER: Final = ("gt", "gte")


@frozen
class Bound:
    """One condition of an index expression: a field compared with a frozen value (or UNDEFINED)."""

    comparison: Comparison
    field: str
    value: Any


def interval_of(index: Index, bounds: Sequence[Bound]) -> Interval:
    """Return the keys that satisfy every bound, as one interval; empty (low >= high) for bounds that contradict.

    Bounds are prefixes of keys: ``gt v`` skips every key that starts with v, ``lte v`` takes all of them in.

    Raises:
        PlatformError: with Convex's codes: FieldNotInIndex, InvalidIndexRange, AlreadyDefinedBound,
            BoundsOnMultipleFields.

    """
    if not bounds:
        return b"", prefix_end(b"")
    equal: dict[str, Any] = {}
    lower: Bound | None = None
    upper: Bound | None = None
    for bound in bounds:
        if bound.field not in index.fields:
            raise _error("FieldNotInIndex", f"The index {index.key} has no field {bound.field!r}.", index)
        if bound.comparison == "eq":
            defined = bound.field in equal
            equal[bound.field] = bound.value
        elif bound.comparison in _LOWER:
            defined, lower = lower is not None, bound
        else:
            defined, upper = upper is not None, bound
        if defined:
            raise _error("AlreadyDefinedBound", f"{bound.field!r} gets a second {bound.comparison} bound.", index)
    for limit in (lower, upper):
        if limit is not None and limit.field in equal:
            raise _error("AlreadyDefinedBound", f"{limit.field!r} is compared by eq and by {limit.comparison}.", index)
    if lower is not None and upper is not None and lower.field != upper.field:
        message = f"{lower.field!r} and {upper.field!r} are both bounded; a range bounds one field."
        raise _error("BoundsOnMultipleFields", message, index)
    further = lower if lower is not None else upper
    used = [*equal] if further is None else [*equal, further.field]
    prefix = index.fields[: len(used)]
    if sorted(used) != sorted(prefix) or (further is not None and further.field != prefix[-1]):
        raise _error("InvalidIndexRange", f"{', '.join(used)} is no prefix of the fields of {index.key}.", index)
    start = b"".join(encode(equal[name]) for name in index.fields[: len(equal)])
    return _low(start, lower), _high(start, upper)


def _low(start: bytes, bound: Bound | None) -> bytes:
    if bound is None:
        return start
    key = start + encode(bound.value)
    return prefix_end(key) if bound.comparison == "gt" else key


def _high(start: bytes, bound: Bound | None) -> bytes:
    if bound is None:
        return prefix_end(start)
    key = start + encode(bound.value)
    return prefix_end(key) if bound.comparison == "lte" else key


def _error(code: str, message: str, index: Index) -> PlatformError:
    return PlatformError(message, code=code, next_step=f"Its fields in order: {', '.join(index.fields)}.")
