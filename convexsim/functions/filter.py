"""Filter expressions: what `.filter(lambda q: ...)` builds, as plain data, and what it says of a document.

Owns the expressions and their evaluation (convex-semantics 7, 8). Must not know queries or transactions: a filter reads
nothing, it only judges rows that were read for it. Next: `query.py`, where filters are chained.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import frozen

from convexsim.errors import PlatformError
from convexsim.functions.refusals import Refusing
from convexsim.values import UNDEFINED, Int64, encode, freeze, lookup_field, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Constant", "Expression", "Field", "FilterBuilder", "Operation", "Operator", "matches"]

Operator = Literal[
    "eq", "neq", "lt", "lte", "gt", "gte", "add", "sub", "mul", "div", "mod", "neg", "and", "or", "not"
]  # fmt: skip


class Expression:
    """A part of a filter: plain data that has no value before it meets a document."""

    __slots__ = ()

    def __bool__(self) -> bool:
        msg = "A filter expression is neither true nor false before it meets a document."
        raise PlatformError(msg, code="InvalidQuery", next_step="Write q.and_(a, b), q.or_(a, b) or q.not_(a).")


@frozen
class Field(Expression):
    """The value at a dotted path of the document; UNDEFINED where there is none."""

    path: str


@frozen
class Constant(Expression):
    """A frozen value, or UNDEFINED."""

    value: Any


@frozen
class Operation(Expression):
    """An operator and what it is applied to, as expressions."""

    operator: Operator
    operands: tuple[Expression, ...]


class FilterBuilder(Refusing):
    """The argument of `filter`'s function; operands are expressions or plain values.

    Example: ``lambda q: q.and_(q.eq(q.field("kind"), "open"), q.gt(q.add(q.field("n"), 1), 5))``.
    """

    __slots__ = ()

    def field(self, path: object) -> Expression:
        """Return the value at a dotted path such as ``"owner.name"``."""
        if not isinstance(path, str) or not all(path.split(".")):
            msg = f"field({path!r}): the path of a field is names joined by dots."
            raise PlatformError(msg, code="InvalidArgument", next_step='Write q.field("owner.name").')
        return Field(path)

    def eq(self, left: Any, right: Any) -> Expression:
        """Tell whether both are the same value; a missing field is UNDEFINED."""
        return _operation("eq", left, right)

    def neq(self, left: Any, right: Any) -> Expression:
        """Tell whether they differ."""
        return _operation("neq", left, right)

    def lt(self, left: Any, right: Any) -> Expression:
        """Tell whether `left` comes before `right` in the order of all values (convex-semantics 8)."""
        return _operation("lt", left, right)

    def lte(self, left: Any, right: Any) -> Expression:
        """Tell whether `left` is `right` or comes before it."""
        return _operation("lte", left, right)

    def gt(self, left: Any, right: Any) -> Expression:
        """Tell whether `left` comes after `right`."""
        return _operation("gt", left, right)

    def gte(self, left: Any, right: Any) -> Expression:
        """Tell whether `left` is `right` or comes after it."""
        return _operation("gte", left, right)

    def add(self, left: Any, right: Any) -> Expression:
        """Add two numbers or two int64."""
        return _operation("add", left, right)

    def sub(self, left: Any, right: Any) -> Expression:
        """Subtract two numbers or two int64."""
        return _operation("sub", left, right)

    def mul(self, left: Any, right: Any) -> Expression:
        """Multiply two numbers or two int64."""
        return _operation("mul", left, right)

    def div(self, left: Any, right: Any) -> Expression:
        """Divide two numbers, or two int64 with the fraction cut off."""
        return _operation("div", left, right)

    def mod(self, left: Any, right: Any) -> Expression:
        """Return the remainder of a division, with the sign of `left`."""
        return _operation("mod", left, right)

    def neg(self, operand: Any) -> Expression:
        """Change the sign of a number or int64."""
        return _operation("neg", operand)

    def and_(self, *operands: Any) -> Expression:
        """Tell whether all operands are true; those after the first false one are not looked at."""
        return _operation("and", *operands)

    def or_(self, *operands: Any) -> Expression:
        """Tell whether an operand is true; those after the first true one are not looked at."""
        return _operation("or", *operands)

    def not_(self, operand: Any) -> Expression:
        """Tell whether the operand is false."""
        return _operation("not", operand)


def expression_of(said: object) -> Expression:
    """Return an expression as it is and a plain value as a constant; `PlatformError` InvalidArgument for neither."""
    if isinstance(said, Expression):
        return said
    return Constant(said if said is UNDEFINED else freeze(said, "operand"))


def matches(filters: Iterable[Expression], document: dict[str, Any]) -> bool:
    """Tell whether a frozen document passes all filters, in their order.

    Errors: `PlatformError` EvalError for arithmetic on what are not two numbers of one kind, for an int64 result out of
    its range, and for a condition that is no boolean (convex-semantics 7).
    """
    return all(_truth(expression, document) for expression in filters)


def _operation(operator: Operator, *operands: object) -> Expression:
    return Operation(operator, tuple(map(expression_of, operands)))


def _evaluate(expression: Expression, document: dict[str, Any]) -> Any:
    if isinstance(expression, Field):
        return lookup_field(document, expression.path)
    if isinstance(expression, Constant):
        return expression.value
    assert isinstance(expression, Operation), expression
    operands = expression.operands
    match expression.operator:
        case "and":
            return all(_truth(operand, document) for operand in operands)
        case "or":
            return any(_truth(operand, document) for operand in operands)
        case "not":
            return not _truth(operands[0], document)
        case "neg":
            return _negated(_evaluate(operands[0], document))
        case operator:
            left, right = (_evaluate(operand, document) for operand in operands)
            compare = _COMPARISONS.get(operator)
            return compare(encode(left), encode(right)) if compare is not None else _computed(operator, left, right)


def _truth(expression: Expression, document: dict[str, Any]) -> bool:
    value = _evaluate(expression, document)
    if type(value) is not bool:
        msg = f"Cannot use value {show(value)} as a Boolean in a filter."
        raise PlatformError(msg, code="EvalError", next_step="Compare it: q.eq(q.field(...), value).")
    return value


def _computed(operator: str, left: Any, right: Any) -> Any:
    if type(left) is Int64 and type(right) is Int64:
        result = _INT64_ARITHMETIC[operator](left.value, right.value)
        if result is None or not -_INT64_END <= result < _INT64_END:
            raise _eval_error(f"Cannot {operator} {show(left)} and {show(right)}: the result is no int64.")
        return Int64(result)
    if _is_number(left) and _is_number(right):
        return freeze(_NUMBER_ARITHMETIC[operator](float(left), float(right)))
    raise _eval_error(f"Cannot {operator} {show(left)} and {show(right)}: they are not two numbers or two int64.")


def _negated(value: Any) -> Any:
    if type(value) is Int64:
        if value.value == -_INT64_END:
            raise _eval_error(f"Cannot neg {show(value)}: the result is no int64.")
        return Int64(-value.value)
    if _is_number(value):
        return freeze(-float(value))
    raise _eval_error(f"Cannot neg {show(value)}: it is no number and no int64.")


def _eval_error(message: str) -> PlatformError:
    return PlatformError(message, code="EvalError")


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _quotient(left: int, right: int) -> int | None:
    """Divide towards zero, unlike Python; None for a division by zero."""
    if right == 0:
        return None
    return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)


def _remainder(left: int, right: int) -> int | None:
    quotient = _quotient(left, right)
    # The remainder of the one quotient that is out of range counts as out of range itself, as in Rust.
    return None if quotient is None or quotient == _INT64_END else left - quotient * right


def _float_quotient(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _float_remainder(left: float, right: float) -> float:
    return math.nan if right == 0 or math.isinf(left) else math.fmod(left, right)


_INT64_END: Final = 1 << 63

# Encodings order and tell apart like the values themselves, over all types.
_COMPARISONS: Final[dict[str, Callable[[bytes, bytes], bool]]] = {
    "eq": lambda left, right: left == right,
    "neq": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
}
_INT64_ARITHMETIC: Final[dict[str, Callable[[int, int], int | None]]] = {
    "add": lambda left, right: left + right,
    "sub": lambda left, right: left - right,
    "mul": lambda left, right: left * right,
    "div": _quotient,
    "mod": _remainder,
}
_NUMBER_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "add": lambda left, right: left + right,
    "sub": lambda left, right: left - right,
    "mul": lambda left, right: left * right,
    "div": _float_quotient,
    "mod": _float_remainder,
}
