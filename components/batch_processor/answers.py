"""How a call of the client is answered: with a value in a query or mutation, with something to await in an action.

Owns how that is said to a type checker, once for all methods; at run time nothing here does anything, because each
context answers in its own way. Next: `results.py`, what the values are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeAlias, TypeVar, cast, overload

from convexsim import ActionCtx, MutationCtx, QueryCtx

__all__ = ["Answer", "Call", "mutating", "querying"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Ctx_contra = TypeVar("Ctx_contra", bound=QueryCtx, contravariant=True)

Answer: TypeAlias = R | Awaitable[R]
"""What a method returns whose caller may be an action, as long as it is not known who calls."""


class Call(Protocol[Ctx_contra, P, R_co]):
    """A method as its callers see it: the context that they have says which of the two an answer is."""

    def __get__(self, client: object, owner: type, /) -> Self:
        """Return it for a client: nothing changes, because the client is no argument of it anymore."""

    @overload
    def __call__(self, ctx: Ctx_contra, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @overload
    def __call__(self, ctx: ActionCtx, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R_co]: ...


def querying(method: Callable[Concatenate[Any, QueryCtx | ActionCtx, P], Answer[R]]) -> Call[QueryCtx, P, R]:
    """Return a method that runs a query and hands on what its context answers, typed by that context."""
    return cast("Call[QueryCtx, P, R]", method)


def mutating(method: Callable[Concatenate[Any, MutationCtx | ActionCtx, P], Answer[R]]) -> Call[MutationCtx, P, R]:
    """Return a method that runs a mutation and hands on what its context answers, typed by that context."""
    return cast("Call[MutationCtx, P, R]", method)
