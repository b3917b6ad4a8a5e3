"""Which values a program wants: the namespace `v`, and the validators that look inside a value.

Owns validation of frozen values, for arguments, returns and documents alike. Must not know functions, tables (but for
the map from table numbers to names that `v.id` needs) or what follows from a failure. Next: `schema.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from convexsim.errors import UsageError, did_you_mean
from convexsim.values.leaf_validators import (
    NO_MATCH,
    AnyValidator,
    IdValidator,
    LiteralValidator,
    ScalarValidator,
    ValidationFailure,
    Validator,
)
from convexsim.values.spelling import UNDEFINED, CommitTsPlaceholder, Int64, show
from convexsim.values.value import Value, check_identifier, freeze

__all__ = [
    "AnyValidator",
    "ArrayValidator",
    "IdValidator",
    "LiteralValidator",
    "ObjectValidator",
    "OptionalValidator",
    "RecordValidator",
    "ScalarValidator",
    "UnionValidator",
    "ValidationFailure",
    "Validator",
    "as_object",
    "v",
]


@attrs.frozen(repr=False)
class ArrayValidator(Validator):
    """Arrays whose every element fits `element`."""

    element: Validator

    def __repr__(self) -> str:
        return f"v.array({self.element!r})"

    def mismatch(self, value: Value, tables: Mapping[int, str]) -> ValidationFailure | None:
        """See `Validator.mismatch`."""
        if type(value) is not list:
            return ValidationFailure("", value, self, NO_MATCH)
        kinds = self.element.kinds
        for index, item in enumerate(value):
            if type(item) not in kinds:
                failure = self.element.mismatch(item, tables)
                if failure is not None:
                    return failure.inside(f"[{index}]")
        return None


@attrs.frozen(repr=False)
class RecordValidator(Validator):
    """Objects with any field names that fit `keys`, and values that fit `values`."""

    keys: Validator
    values: Validator

    def __attrs_post_init__(self) -> None:
        """Check that keys are strings of no fixed spelling."""
        if not _may_be_key(self.keys):
            message = f"v.record(keys, values): keys are v.string(), v.id(...) or a union of these, not {self.keys!r}."
            raise UsageError(message, next_step="Use v.object(...) for known field names.")

    def __repr__(self) -> str:
        return f"v.record({self.keys!r}, {self.values!r})"

    def mismatch(self, value: Value, tables: Mapping[int, str]) -> ValidationFailure | None:
        """See `Validator.mismatch`."""
        if type(value) is not dict:
            return ValidationFailure("", value, self, NO_MATCH)
        for name, item in value.items():
            failure = self.keys.mismatch(name, tables)
            if failure is not None:
                return failure.inside(".keys()")
            failure = self.values.mismatch(item, tables)
            if failure is not None:
                return failure.inside(".values()")
        return None


def _may_be_key(validator: Validator) -> bool:
    if isinstance(validator, UnionValidator):
        return bool(validator.members) and all(map(_may_be_key, validator.members))
    return isinstance(validator, IdValidator) or validator == v.string()


@attrs.frozen(repr=False)
class UnionValidator(Validator):
    """The values that fit at least one of `members`; a failure does not say why each of them refused."""

    members: tuple[Validator, ...]
    kinds: frozenset[type] = attrs.field(init=False, eq=False)
    _words: frozenset[str] = attrs.field(init=False, eq=False)

    @kinds.default
    def _kinds_of_members(self) -> frozenset[type]:
        return frozenset().union(*(member.kinds for member in self.members))

    @_words.default
    def _find_words(self) -> frozenset[str]:
        """Collect the string literals among the members: a union of literals is how programs spell an enumeration."""
        literals = [member.value for member in self.members if isinstance(member, LiteralValidator)]
        return frozenset(value for value in literals if type(value) is str)

    def __repr__(self) -> str:
        return f"v.union({', '.join(map(repr, self.members))})"

    def mismatch(self, value: Value, tables: Mapping[int, str]) -> ValidationFailure | None:
        """See `Validator.mismatch`."""
        if type(value) in self.kinds or (type(value) is str and value in self._words):
            return None
        failure = None
        for member in self.members:
            failure = member.mismatch(value, tables)
            if failure is None:
                return None
        return failure if len(self.members) == 1 else ValidationFailure("", value, self, NO_MATCH)


@attrs.frozen(repr=False)
class OptionalValidator:
    """A field of an object that may be absent. Deliberately no `Validator`: it fits nowhere else."""

    inner: Validator

    def __repr__(self) -> str:
        return f"v.optional({self.inner!r})"


def _checked_fields(fields: object) -> dict[str, Validator | OptionalValidator]:
    if not isinstance(fields, dict):
        raise UsageError(f"v.object(...) takes a dict of validators, not {show(fields)}.")
    for name, validator in fields.items():
        check_identifier(name, "field name")
        if not isinstance(validator, OptionalValidator):
            _checked(validator, f"the field `{name}` of v.object(...)")
    return dict(sorted(fields.items()))


@attrs.frozen(repr=False)
class ObjectValidator(Validator):
    """Objects with exactly these fields, sorted by name; those of `implied` may be there too and are not checked."""

    fields: dict[str, Validator | OptionalValidator] = attrs.field(converter=_checked_fields)
    implied: frozenset[str] = attrs.field(default=frozenset(), kw_only=True)
    _plan: tuple[tuple[str, Validator, frozenset[type], bool], ...] = attrs.field(init=False, eq=False)

    @_plan.default
    def _make_plan(self) -> tuple[tuple[str, Validator, frozenset[type], bool], ...]:
        """Lay out each field as (name, validator, its kinds, whether it is required), for speed."""
        return tuple(
            (name, field.inner, field.inner.kinds, False)
            if isinstance(field, OptionalValidator)
            else (name, field, field.kinds, True)
            for name, field in self.fields.items()
        )

    def __repr__(self) -> str:
        return f"v.object({{{', '.join(f'{show(name)}: {field!r}' for name, field in self.fields.items())}}})"

    def mismatch(self, value: Value, tables: Mapping[int, str]) -> ValidationFailure | None:
        """See `Validator.mismatch`."""
        if type(value) is not dict:
            return ValidationFailure("", value, self, NO_MATCH)
        present = 0
        for name, validator, kinds, required in self._plan:
            item = value.get(name, UNDEFINED)
            if item is not UNDEFINED:
                present += 1
                if type(item) not in kinds:
                    failure = validator.mismatch(item, tables)
                    if failure is not None:
                        return failure.inside(f".{name}")
            elif required:
                advice = "Consider wrapping the field validator in `v.optional(...)` if this is expected."
                problem = f"Object is missing the required field `{name}`. {advice}"
                return ValidationFailure("", value, self, problem)
        return None if present == len(value) else self._extra_field(value)

    def _extra_field(self, value: dict[str, Value]) -> ValidationFailure | None:
        for name in value:
            if name not in self.fields and name not in self.implied:
                problem = f"Object contains extra field `{name}` that is not in the validator."
                return ValidationFailure("", value, self, problem)
        return None


def _checked(validator: object, where: str) -> Validator:
    """Refuse what cannot stand inside another validator."""
    if isinstance(validator, Validator):
        return validator
    if isinstance(validator, OptionalValidator):
        message = f"{validator!r} cannot stand in {where}: only a field of an object can be absent."
        raise UsageError(message, next_step="Use v.nullable(...) or v.union(...).")
    next_step = "Did you forget the parentheses?" if callable(validator) else "Validators are spelled v.string() etc."
    raise UsageError(f"{show(validator)} cannot stand in {where}: it is no validator.", next_step=next_step)


class UnknownValidatorError(UsageError, AttributeError):
    """There is no such validator; `hasattr` takes it for a no."""


class _V:
    """The namespace `v`: one function per kind of validator, in Convex's spelling (convex-semantics 8)."""

    __slots__ = ()

    if not TYPE_CHECKING:  # a type checker is to see the names that there are, and no others

        def __getattr__(self, name: str) -> Any:
            known = [own for own in dir(_V) if not own.startswith("_")]
            raise UnknownValidatorError(f"There is no validator v.{name}.", next_step=did_you_mean(name, known))

    @staticmethod
    def null() -> Validator:
        """Accept None."""
        return _NULL

    @staticmethod
    def number() -> Validator:
        """Accept numbers (int and float, never Int64 or bool)."""
        return _NUMBER

    float64 = number

    @staticmethod
    def int64() -> Validator:
        """Accept `Int64` only, never plain numbers."""
        return _INT64

    bigint = int64

    @staticmethod
    def commit_ts() -> Validator:
        """Accept commit timestamps, that is `Int64`; one that is unresolved counts as such for every validator."""
        return _COMMIT_TS

    @staticmethod
    def boolean() -> Validator:
        """Accept True and False."""
        return _BOOLEAN

    @staticmethod
    def string() -> Validator:
        """Accept strings, ids included."""
        return _STRING

    @staticmethod
    def bytes() -> Validator:
        """Accept bytes."""
        return _BYTES

    @staticmethod
    def any() -> AnyValidator:
        """Accept every value."""
        return _ANY

    @staticmethod
    def id(table: str) -> IdValidator:
        """Accept ids of documents in `table`. Errors: `UsageError` for what cannot name a table."""
        return IdValidator(table)

    @staticmethod
    def literal(value: Any) -> LiteralValidator:
        """Accept only `value`. Errors: `UsageError` unless it is a string, a number, an Int64 or a bool."""
        return LiteralValidator(freeze(value, "literal"))

    @staticmethod
    def array(element: Validator) -> ArrayValidator:
        """Accept arrays of what `element` accepts. Errors: `UsageError` for no validator."""
        return ArrayValidator(_checked(element, "v.array(...)"))

    @staticmethod
    def object(fields: Mapping[str, Validator | OptionalValidator]) -> ObjectValidator:
        """Accept objects with exactly these fields. Errors: `UsageError` for a bad name or no validator."""
        return ObjectValidator(fields)

    @staticmethod
    def record(keys: Validator, values: Validator) -> RecordValidator:
        """Accept objects whose names and values fit. Errors: `UsageError` unless keys are strings without literals."""
        return RecordValidator(_checked(keys, "v.record(...)"), _checked(values, "v.record(...)"))

    @staticmethod
    def union(*members: Validator) -> UnionValidator:
        """Accept what any of `members` accepts. Errors: `UsageError` for no member, or one that is no validator."""
        if not members:
            raise UsageError("v.union() has no members, so no value fits it.", next_step="Name what it may be.")
        return UnionValidator(tuple(_checked(member, "v.union(...)") for member in members))

    @staticmethod
    def nullable(inner: Validator) -> UnionValidator:
        """Accept what `inner` accepts, and None. Errors: `UsageError` for no validator."""
        return UnionValidator((_checked(inner, "v.nullable(...)"), _NULL))

    @staticmethod
    def optional(inner: Validator) -> OptionalValidator:
        """Mark a field of an object that may be absent. Errors: `UsageError` for no validator."""
        return OptionalValidator(_checked(inner, "v.optional(...)"))


_NULL = ScalarValidator("null", frozenset({type(None)}))
_NUMBER = ScalarValidator("number", frozenset({int, float}))
_INT64 = ScalarValidator("int64", frozenset({Int64, CommitTsPlaceholder}))
_COMMIT_TS = ScalarValidator("commit_ts", frozenset({Int64, CommitTsPlaceholder}))
_BOOLEAN = ScalarValidator("boolean", frozenset({bool}))
_STRING = ScalarValidator("string", frozenset({str}))
_BYTES = ScalarValidator("bytes", frozenset({bytes}))
_ANY = AnyValidator()

v: Final = _V()


def as_object(validator: object) -> ObjectValidator | AnyValidator:
    """Return the validator of a function's arguments: a dict of fields, an object validator, or v.any().

    Errors: `UsageError` for anything else. Source: convex-semantics 8.
    """
    if isinstance(validator, (ObjectValidator, AnyValidator)):
        return validator
    if isinstance(validator, dict):
        return ObjectValidator(validator)
    found = repr(validator) if isinstance(validator, (Validator, OptionalValidator)) else show(validator)
    message = f"Arguments are validated by a dict of fields, v.object(...) or v.any(), not by {found}."
    raise UsageError(message, next_step='Use args={"name": v.string(), ...}.')
