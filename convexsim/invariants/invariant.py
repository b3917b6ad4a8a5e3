"""Invariants: what must hold, when it is asked, and how one is asked.

Owns the three kinds (`always` at every commit and use of the outside, `eventually` when nothing is left, `sometimes` in
at least one run), and those that look at the history or at the past. Knows no exploration: `simulation/run.py` asks at
the right moments. Next: `generic.py`, the ready ones.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from convexsim.errors import UsageError
from convexsim.functions.outcome import bare_assert
from convexsim.functions.refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.database.history import Attempt
    from convexsim.invariants.view import View

__all__ = [
    "HistoryInvariant",
    "Invariant",
    "PastInvariant",
    "Violation",
    "always",
    "as_invariant",
    "eventually",
    "history_for",
    "judge",
    "looks_back",
    "sometimes",
]

When = Literal["always", "eventually", "sometimes"]


@frozen(eq=False)
class Invariant:
    """A named sentence that can be asked of a world.

    Attributes:
        when: ``always``: at the start, after every commit and after every use of the outside; ``eventually``: once,
            when nothing is left to do; ``sometimes``: as ``eventually``, and one run in which it holds is enough.

    """

    name: str
    when: When
    sentence: str
    predicate: Callable[[View], bool | None]


@frozen(eq=False)
class HistoryInvariant(Invariant):
    """An invariant that looks at `View.history`: a run that is asked for one records it, no other does."""


@frozen(eq=False)
class PastInvariant(Invariant):
    """An invariant that looks at `View.before`: a run that is asked for one keeps every moment, no other does."""


@frozen
class Violation:
    """An invariant that did not hold, or a run that did not end as it must.

    Attributes:
        message: what the invariant said, or its sentence.
        step: the step after which it was found broken.

    """

    invariant: str
    message: str
    step: int


def always(predicate: Callable[[View], bool | None]) -> Invariant:
    """Make a function an invariant that must hold at every commit, and whenever the outside was used."""
    return _invariant(predicate, "always")


def eventually(predicate: Callable[[View], bool | None]) -> Invariant:
    """Make a function an invariant that must hold when nothing is left to do."""
    return _invariant(predicate, "eventually")


def sometimes(predicate: Callable[[View], bool | None]) -> Invariant:
    """Make a function an invariant that must hold at the end of at least one run: proof that a test gets there."""
    return _invariant(predicate, "sometimes")


def as_invariant(thing: object) -> Invariant:
    """Return an invariant; a bare function is one that must hold at the end."""
    if isinstance(thing, Invariant):
        return thing
    if callable(thing):
        return eventually(thing)
    msg = f"{thing!r} is no invariant."
    raise UsageError(msg, next_step="Pass a function of a View, decorated with @always, @eventually or @sometimes.")


def history_for(invariants: Sequence[Invariant]) -> list[Attempt] | None:
    """Return where a history is to be taken down, if one of the invariants looks at it."""
    return [] if any(isinstance(invariant, HistoryInvariant) for invariant in invariants) else None


def looks_back(invariants: Sequence[Invariant]) -> bool:
    """Return whether one of the invariants looks at the past, so that it is to be kept."""
    return any(isinstance(invariant, PastInvariant) for invariant in invariants)


def judge(invariant: Invariant, view: View, step: int) -> Violation | None:
    """Ask one invariant; None if it holds.

    Raises:
        UsageError: the invariant itself failed with something else than an assertion.

    """
    try:
        holds: object = invariant.predicate(view)
    except AssertionError as failure:
        return Violation(invariant.name, str(failure).partition("\n")[0] or _unsaid(invariant, failure), step)
    except (UsageError, RefusedError):
        raise
    except Exception as error:
        msg = f"The invariant {invariant.name} itself failed: {type(error).__name__}: {error}."
        raise UsageError(msg, next_step="An invariant returns a bool or asserts.") from error
    if holds is None or isinstance(holds, bool):
        return Violation(invariant.name, invariant.sentence, step) if holds is False else None
    msg = f"The invariant {invariant.name} returned {holds!r}."
    raise UsageError(msg, next_step="An invariant returns True, False or nothing; bool(...) makes one of anything.")


def _unsaid(invariant: Invariant, failure: AssertionError) -> str:
    """Return the sentence of an invariant, and which assert did not hold."""
    source = bare_assert(failure)
    return f"{invariant.sentence.rstrip('.')}: {source}" if source else invariant.sentence


def _invariant(predicate: Callable[[View], bool | None], when: When) -> Invariant:
    name = getattr(predicate, "__name__", type(predicate).__name__)
    given: object = predicate
    if not callable(given):
        msg = f"{given!r} is no invariant."
        raise UsageError(msg, next_step=f"Decorate a function of a View with @{when}.")
    if inspect.iscoroutinefunction(predicate) or inspect.isgeneratorfunction(predicate):
        msg = f"The invariant {name} is no plain function."
        raise UsageError(msg, next_step="Write a plain `def` of a View: it looks at one moment and waits for nothing.")
    sentence = (inspect.getdoc(predicate) or name.replace("_", " ")).partition("\n")[0]
    return Invariant(name, when, sentence, predicate)
