"""Faults: what may go wrong in a run, and how often at most.

Owns the plan (`Faults`, plain data of a scenario) and the counting (`FaultChoices`): wherever a fault could strike, its
actor asks whether it does, and as long as the budget lasts that is a choice like any other, whose option 0 is "nothing
happens". So a fault is searched for, replayed and shrunk away exactly as an order of steps is. Knows no actor: where a
fault can strike, and what it does there, stands in `actors/`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from attrs import field, frozen

from convexsim.errors import UsageError
from convexsim.values import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.choices import Kind, Option

__all__ = ["FAULTS", "Fault", "FaultChoices", "Faults", "Struck"]

Fault = Literal["crash", "restart", "system error", "conflict", "disconnect", "skew"]
FAULTS: Final[dict[Fault, str]] = {
    "crash": "crashes",
    "restart": "restarts",
    "system error": "system_errors",
    "conflict": "conflicts",
    "disconnect": "disconnects",
    "skew": "skewed",
}
"""Each fault and the attribute of `Faults` that is its budget."""


def _budget(_: Any, attribute: Any, value: object) -> None:
    if type(value) is not int or value < 0:
        msg = f"Faults({attribute.name}={value!r}) is no number of faults."
        raise UsageError(msg, next_step="Give a whole number, 0 or more.")


def _clocks(_: Any, __: Any, value: tuple[object, ...]) -> None:
    for skew in value:
        if type(skew) not in (int, float) or not -inf < skew < inf or not skew:  # type: ignore[operator]
            msg = f"Faults(skews_ms=...) holds {skew!r}, which is no skew."
            raise UsageError(msg, next_step="Give how many ms each clock is ahead, negative for behind; never 0.")


def _tuple(value: object) -> tuple[object, ...]:
    if not isinstance(value, tuple | list):
        msg = f"Faults(skews_ms={value!r}) is no list of clocks."
        raise UsageError(msg, next_step="Give one number of ms for each clock that is wrong, as in skews_ms=[5_000].")
    return tuple(value)


@frozen
class Faults:
    """What may go wrong in one run, each as often as its number says and never more; by default nothing.

    Attributes:
        crashes: actions that die in their middle: before their first step, after something they have sent, or after a
            wait in which time has passed. What is on its way still happens. At most once means: none of them runs again
            (convex-semantics 3.3).
        restarts: deaths of the backend's process. What is not committed is lost, with every call in flight; what is
            committed goes on: pending functions run, an action in progress is marked failed.
        system_errors: transient errors of the platform in a transaction: nothing of it is kept (convex-semantics 3.3).
        conflicts: commits that would have won, but lose to a write from outside this world: retried, or given up,
            as after any other conflict (convex-semantics 2). Nothing in the world is changed by that write.
        disconnects: calls of a client whose request, or whose answer, is lost on the way (convex-semantics 2).
        skewed: executions that run on a node whose clock is wrong; each picks one of `skews_ms`.
        skews_ms: how many ms each of those clocks is ahead of the true one, negative for behind.

    """

    crashes: int = field(default=0, validator=_budget)
    restarts: int = field(default=0, validator=_budget)
    system_errors: int = field(default=0, validator=_budget)
    conflicts: int = field(default=0, validator=_budget)
    disconnects: int = field(default=0, validator=_budget)
    skewed: int = field(default=0, validator=_budget)
    skews_ms: tuple[float, ...] = field(default=(), converter=_tuple, validator=_clocks)

    def __attrs_post_init__(self) -> None:
        if bool(self.skewed) != bool(self.skews_ms):
            msg = f"Faults(skewed={self.skewed}, skews_ms={list(self.skews_ms)}) is half a plan."
            raise UsageError(
                msg, next_step="Say both how many executions and which clocks: skewed=1, skews_ms=[5_000]."
            )

    _budgets: dict[Fault, int] = field(init=False, eq=False, repr=False)

    @_budgets.default
    def _collect_budgets(self) -> dict[Fault, int]:
        return {fault: getattr(self, name) for fault, name in FAULTS.items() if getattr(self, name)}

    def budget(self, fault: Fault) -> int:
        """Return how often a fault may strike."""
        return self._budgets.get(fault, 0)

    def __bool__(self) -> bool:
        """Whether anything may go wrong."""
        return bool(self._budgets)

    def __str__(self) -> str:
        """How a report says it: ``at most 1 crash, 2 restarts``."""
        planned = [(self.budget(fault), fault, plural) for fault, plural in FAULTS.items() if self.budget(fault)]
        named = [counted(count, fault, plural.replace("_", " ")) for count, fault, plural in planned]
        return f"at most {', '.join(named)}" if named else "none"


@frozen
class Struck:
    """A fault that happened.

    Attributes:
        fault: which.
        how: the way it took, such as ``answer lost``; the fault's own name if it has only one.
        activity: whom it struck.

    """

    fault: Fault
    how: str
    activity: str


@frozen
class _Way:
    """One option of the choice whether a fault strikes."""

    activity: str
    phase: str
    number: int


class _Asks(Protocol):
    def __call__(self, kind: Kind, options: Sequence[Option], /) -> int: ...


class FaultChoices:
    """Asks of each fault whether it strikes, until its budget is spent.

    Args:
        choose: the door to `choices.py`.
        struck: where to write down what happens.

    Attributes:
        left: how often each fault may still strike, of those that may.

    """

    def __init__(self, plan: Faults, choose: _Asks, struck: list[Struck]) -> None:
        self.plan = plan
        self._choose = choose
        self._struck = struck
        self.left = {fault: plan.budget(fault) for fault in FAULTS if plan.budget(fault)} if plan else {}

    def times(self, fault: Fault) -> int:
        """Return how often a fault has struck."""
        return self.plan.budget(fault) - self.left.get(fault, 0)

    def strikes(self, fault: Fault, activity: str, *ways: str) -> int:
        """Ask whether a fault strikes; return 0 if not, else which of its ways it takes, from 1.

        Args:
            fault: which.
            activity: whom it would strike.
            ways: how it can strike; one way of its own name if not given.

        """
        if fault not in self.left:
            return 0
        named = ways or (fault,)
        options = [_Way(activity, f"no {fault}", 0), *(_Way(activity, way, at) for at, way in enumerate(named, 1))]
        way = self._choose("fault", options)
        if way:
            self._struck.append(Struck(fault, named[way - 1], activity))
            self.left[fault] -= 1
            if not self.left[fault]:
                del self.left[fault]
        return way
