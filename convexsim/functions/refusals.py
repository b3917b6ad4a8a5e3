"""What each context does not offer, and what to do instead.

Owns the errors by which a context refuses: Convex's own words where it has any (convex-semantics 1.4, 6.1), and always
what was tried and the way round. What people write against is `Refusing`: it answers for every name that it lacks, the
contexts (`context.py`, `action_context.py`) above all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from attrs import frozen

from convexsim.errors import PlatformError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IN_ACTIONS", "IN_MUTATIONS", "IN_QUERIES", "IN_READERS", "Refusal", "RefusedError", "Refusing"]


class RefusedError(PlatformError, AttributeError):
    """A context has no such thing; handlers may catch it, and `hasattr` takes it for a no."""


@frozen
class Refusal:
    """Why a context lacks something.

    Attributes:
        code: the short code that the handler's error gets.
        next_step: what to do instead.

    """

    code: str
    message: str
    next_step: str

    @classmethod
    def in_transactions(cls, name: str, description: str) -> Refusal:
        """Return what Convex says about everything that takes time: ``No<Name>InQueriesOrMutations``."""
        message = f"Can't use {description} in queries and mutations."
        advice = "Please consider using an action. See https://docs.convex.dev/functions/actions for more details."
        return cls(f"No{name}InQueriesOrMutations", message, advice)

    @classmethod
    def of_writing(cls, what: str) -> Refusal:
        """Return why a query lacks what writes."""
        return cls("NoWritesInQueries", f"A query tried to use {what}; only a mutation may.", "Make it a mutation.")

    def error(self) -> RefusedError:
        """Return it as the error that a handler gets."""
        return RefusedError(self.message, next_step=self.next_step, code=self.code)


_AN_ACTION: Final = Refusal(
    "InvalidFunctionKind",
    "A query or mutation tried to use ctx.run_action; no action runs inside a transaction.",
    "Schedule it from a mutation with ctx.scheduler.run_after, or make the caller an action.",
)

IN_READERS: Final = {name: Refusal.of_writing(f"ctx.db.{name}") for name in ("insert", "patch", "replace", "delete")}
"""What `ctx.db` of a query lacks."""

IN_MUTATIONS: Final = {
    "fetch": Refusal.in_transactions("Fetch", "fetch()"),
    "sleep": Refusal.in_transactions("Sleep", "ctx.sleep"),
    "run_action": _AN_ACTION,
}
"""What the context of a mutation lacks."""

IN_QUERIES: Final = {
    **IN_MUTATIONS,
    "run_mutation": Refusal.of_writing("ctx.run_mutation"),
    "scheduler": Refusal.of_writing("ctx.scheduler"),
}
"""What the context of a query lacks."""

IN_ACTIONS: Final = {
    "db": Refusal("NoDatabaseInActions", "An action has no ctx.db.", "Use ctx.run_query or ctx.run_mutation."),
}
"""What the context of an action lacks."""


class Refusing:
    """Something that says why it lacks a name, and what to do instead."""

    __slots__ = ()
    _refusals: ClassVar[Mapping[str, Refusal]] = {}

    if not TYPE_CHECKING:  # a type checker is to see the names that there are, and no others

        def __getattr__(self, name: str) -> Any:
            refusal = self._refusals.get(name)
            if refusal is not None:
                raise refusal.error()
            known = [own for own in dir(type(self)) if not own.startswith("_")]
            msg = f"{type(self).__name__} has no {name!r}."
            raise RefusedError(msg, next_step=did_you_mean(name, known), code="Error")
