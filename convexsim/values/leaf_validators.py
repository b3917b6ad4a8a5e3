"""What a validator is, and the validators that look at one value only: scalars, ids, literals, any.

Owns `Validator`, its failure and the leaves. Must not know containers. Next: `validators.py`, which has them.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from convexsim.errors import UsageError
from convexsim.values.ids import table_number_of
from convexsim.values.keys import encode
from convexsim.values.spelling import CommitTsPlaceholder, Int64, show
from convexsim.values.value import Value, check_identifier, equal

__all__ = [
    "NO_MATCH",
    "AnyValidator",
    "IdValidator",
    "LiteralValidator",
    "ScalarValidator",
    "ValidationFailure",
    "Validator",
]

NO_MATCH = "Value does not match validator."
_LITERALS = frozenset({str, int, float, bool, Int64})


class ValidationFailure(Exception):  # noqa: N818 - not yet an error: what it means is up to who asked for the check
    """A value does not fit its validator.

    Attributes:
        path: where the value is, like `args.rows[3].name`.
        value: the part of the value that does not fit.
        validator: the part of the validator that it does not fit.
        problem: one sentence in Convex's words.

    """

    def __init__(self, path: str, value: Value, validator: Validator, problem: str) -> None:
        super().__init__(path, value, validator, problem)
        self.path = path
        self.value = value
        self.validator = validator
        self.problem = problem

    def __str__(self) -> str:
        """Everything in one line."""
        return f"{self.problem} Path: {self.path}, value: {show(self.value)}, validator: {self.validator!r}"

    def inside(self, step: str) -> ValidationFailure:
        """Return this failure as the container sees it: one step further from the root."""
        self.path = step + self.path
        return self


@attrs.frozen
class Validator:
    """What all validators can do.

    `kinds` are the Python types whose every value is accepted: containers look there first and mostly need no call.
    """

    kinds: frozenset[type] = attrs.field(init=False, eq=False, default=frozenset())

    def check(self, value: Value, path: str, tables: Mapping[int, str]) -> None:
        """Accept the frozen `value` or raise; `tables` maps table numbers to names in the validating component.

        Errors: `ValidationFailure`. Source: convex-semantics 8.
        """
        failure = self.mismatch(value, tables)
        if failure is not None:
            raise failure.inside(path)

    def mismatch(self, value: Value, tables: Mapping[int, str]) -> ValidationFailure | None:
        """Return why `value` does not fit, with a path relative to it, or None if it fits."""
        return None if type(value) in self.kinds else ValidationFailure("", value, self, NO_MATCH)


@attrs.frozen(repr=False)
class ScalarValidator(Validator):
    """All values of one type: null, number, int64, boolean, string or bytes. Nothing is ever converted."""

    name: str
    kinds: frozenset[type] = attrs.field(eq=False)

    def __repr__(self) -> str:
        return f"v.{self.name}()"


@attrs.frozen(repr=False)
class AnyValidator(Validator):
    """Every Convex value."""

    kinds: frozenset[type] = attrs.field(
        init=False,
        eq=False,
        default=frozenset({type(None), bool, int, float, Int64, CommitTsPlaceholder, str, bytes, list, dict}),
    )

    def __repr__(self) -> str:
        return "v.any()"


@attrs.frozen(repr=False)
class IdValidator(Validator):
    """The ids whose table number belongs to `table`; whether the document exists is not asked.

    Source: convex-semantics 5.3.
    """

    table: str

    def __attrs_post_init__(self) -> None:
        """Check the name."""
        check_identifier(self.table, "table name")

    def __repr__(self) -> str:
        return f"v.id({show(self.table)})"

    def mismatch(self, value: Value, tables: Mapping[int, str]) -> ValidationFailure | None:
        """See `Validator.mismatch`."""
        number = table_number_of(value) if type(value) is str else None
        found = None if number is None else tables.get(number)
        if found == self.table:
            return None
        if found is None:
            return ValidationFailure("", value, self, NO_MATCH)
        problem = f"Found ID {show(value)} from table `{found}`, which does not match the table name in validator."
        return ValidationFailure("", value, self, problem)


@attrs.frozen(repr=False)
class LiteralValidator(Validator):
    """Exactly one string, number, int64 or boolean."""

    value: Value = attrs.field(eq=encode)

    def __attrs_post_init__(self) -> None:
        """Check the type."""
        if type(self.value) not in _LITERALS:
            raise UsageError(f"v.literal({show(self.value)}): a literal is a string, a number, an Int64 or a bool.")

    def __repr__(self) -> str:
        return f"v.literal({show(self.value)})"

    def mismatch(self, value: Value, tables: Mapping[int, str]) -> ValidationFailure | None:
        """See `Validator.mismatch`."""
        if equal(value, self.value):
            return None
        return ValidationFailure("", value, self, "Value does not match literal validator.")
