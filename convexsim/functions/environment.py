"""What all functions of a world share: the catalog, the platform's parameters, and the things outside the database.

Owns the parameters by which platforms differ (`Platform`), the outside objects (`External`) and the newest creation
times. Knows no transaction.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import Factory, define, field, frozen

from convexsim.database.limits import Limits
from convexsim.errors import UsageError, did_you_mean
from convexsim.faults import Faults, Struck
from convexsim.functions.network import Network
from convexsim.values import freeze, show, thaw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.choices import Kind, Option
    from convexsim.database.history import Attempt
    from convexsim.functions.catalog import Catalog
    from convexsim.functions.memory import Memory
    from convexsim.functions.outcome import Outcome
    from convexsim.functions.syscalls import ExternalVerb

__all__ = ["SELF_CANCEL", "Answered", "Environment", "External", "Platform", "Retried", "SelfCancel"]

SelfCancel = Literal["tree", "throw", "noop"]
_LAST_MS: Final = 2.0**53
"""Up to here every whole ms is a number of its own."""
SELF_CANCEL: Final[tuple[SelfCancel, ...]] = ("noop", "throw", "tree")


@frozen
class Platform:
    """The parameters by which one Convex platform differs from another.

    Attributes:
        self_cancel: what happens when a mutation cancels the scheduled function that it runs under (properties.md 1):
            ``noop`` warns and does nothing (since 2026-06-16), ``throw`` raises (2026-06-12), ``tree`` cancels, and
            what is scheduled from then on is born canceled (every platform before).
        parallelism: scheduled functions that run at the same time (convex-semantics 3.3).
        start_ms: `Date.now()` when the world begins, in ms.
        limits: what one function or transaction may use.
        write_bytes_per_second: what may be committed in one second of virtual time before mutations have to wait
            (convex-semantics 2). Convex has 4_194_304; here it is inf unless a scenario asks, because virtual time
            stands still while functions run, so that any amount of work may fall into one second of it.
        late_ms: how late a step may be: the virtual time that may pass while a message that could be handled waits. 0
            is *timed*: the clock moves only when nothing else is left to run, as if the machine were infinitely fast.
            inf is *free*: any timer may overtake any message (exploration.md 4). On threads it means nothing.
        random_values: how many numbers a `ctx.random()` may come out as. 1: its own, which derives from the invocation.
            With more, each draw is a choice between that one and others, spread from 0 to just below 1.

    """

    self_cancel: SelfCancel = field(default="noop")
    parallelism: int = field(default=8)
    start_ms: float = field(default=0.0)
    limits: Limits = field(factory=Limits)
    write_bytes_per_second: float = field(default=inf)
    late_ms: float = field(default=0.0)
    random_values: int = field(default=1)

    @self_cancel.validator
    def _check_self_cancel(self, _: object, value: object) -> None:
        if value not in SELF_CANCEL:
            raise _no_platform("self_cancel", value, did_you_mean(str(value), SELF_CANCEL))

    @parallelism.validator
    def _check_parallelism(self, _: object, value: object) -> None:
        if type(value) is not int or value < 1:
            raise _no_platform("parallelism", value, "Give a whole number, 1 or more.")

    @start_ms.validator
    def _check_start_ms(self, _: object, value: object) -> None:
        if type(value) not in (int, float) or not 0 <= value < _LAST_MS:  # type: ignore[operator]
            raise _no_platform("start_ms", value, "Give a number of ms, 0 or more and below 2**53.")

    @limits.validator
    def _check_limits(self, _: object, value: object) -> None:
        if not isinstance(value, Limits):
            raise _no_platform("limits", value, "Write limits=Limits(documents_read=100), say.")

    @write_bytes_per_second.validator
    def _check_write_rate(self, _: object, value: object) -> None:
        if type(value) not in (int, float) or not value >= 0:  # type: ignore[operator]
            raise _no_platform("write_bytes_per_second", value, "Give a number of bytes, 0 or more.")

    @late_ms.validator
    def _check_late(self, _: object, value: object) -> None:
        if type(value) not in (int, float) or not value >= 0:  # type: ignore[operator]
            raise _no_platform("late_ms", value, "Give a number of ms, 0 or more; math.inf for free time.")

    @random_values.validator
    def _check_random(self, _: object, value: object) -> None:
        if type(value) is not int or value < 1:
            raise _no_platform("random_values", value, "Give a whole number, 1 or more.")


def _no_platform(parameter: str, value: object, advice: str) -> UsageError:
    return UsageError(f"There is no Platform({parameter}={show(value)}).", next_step=advice)


class External:
    """A named thing outside the database that functions write to and read from: a delivery ledger, a plan of outcomes.

    It takes part in no transaction: what a rolled-back function appended stays appended.
    """

    def __init__(self, name: str, plan: tuple[Any, ...] = ()) -> None:
        self.name = name
        self._entries: list[Any] = []
        self._plan = deque(freeze(entry) for entry in plan)

    @property
    def entries(self) -> list[Any]:
        """What was appended, in order, as a copy."""
        return [thaw(entry) for entry in self._entries]

    @property
    def count(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    @property
    def planned(self) -> int:
        """How many entries of the plan are left."""
        return len(self._plan)

    def append(self, value: Any) -> None:
        """Add an entry at the end."""
        self._entries.append(freeze(value))

    def take(self, default: Any = None) -> Any:
        """Take the next entry of the plan; `default` once it is used up."""
        return thaw(self._plan.popleft()) if self._plan else default

    def use(self, verb: ExternalVerb, value: Any) -> tuple[Any, Any]:
        """Append `value`, or take with it as the default; return what went in or out, frozen, and the result."""
        if verb == "append":
            self.append(value)
            return freeze(value), None
        taken = self.take(value)
        return freeze(taken), taken


@frozen
class Answered:
    """A call that came back: of a client, an action, or a scheduled function; not one nested in a transaction.

    Attributes:
        activity: the path of the invocation.
        function: its label, ``component/module:function``.
        args: as the caller gave them, frozen.

    """

    activity: str
    function: str
    args: Any
    outcome: Outcome


@frozen(order=True)
class Retried:
    """A function that has begun again, because it lost or the platform failed.

    Attributes:
        function: its label, ``component/module:function``.
        activity: the path of the invocation.
        attempts: how often it has begun.

    """

    function: str
    activity: str
    attempts: int


@define(eq=False)
class Environment:
    """The surroundings of every function of one world.

    Attributes:
        catalog: what is deployed now.
        has_deploys: whether anything else is to be deployed.
        former: what was deployed before, each with the commit that replaced it.
        externals: the outside objects by name, as the scenario declared them.
        network: what actions reach with `ctx.fetch`.
        stamps: by table key, the newest creation time given out for it, to losing transactions too.
        answers: every call of a function that came back, in order.
        end_ms: the moment at which the world ends, if it has not come to rest before.
        faults: what may go wrong.
        struck: what has gone wrong, in order.
        retried: every attempt after the first of a query, mutation or cron, in order.
        uses: how often functions have used the outside.
        drew: whether a function has asked for a random number.
        history: what every attempt saw and wrote, in the order in which they were over; None if nobody will ask for it.
        memory: what other runs of the scenario have come to; None if there are none.
        choose: the door to `choices.py`, which the stage opens.

    """

    catalog: Catalog
    platform: Platform
    externals: dict[str, External] = Factory(dict)
    network: Network = Factory(Network)
    stamps: dict[str, float] = Factory(dict)
    answers: list[Answered] = Factory(list)
    end_ms: float = inf
    faults: Faults = Factory(Faults)
    struck: list[Struck] = Factory(list)
    retried: list[Retried] = Factory(list)
    uses: int = 0
    drew: bool = False
    history: list[Attempt] | None = None
    memory: Memory | None = None
    has_deploys: bool = False
    former: list[tuple[int, Catalog]] = Factory(list)
    choose: Callable[[Kind, Sequence[Option]], int] = field(init=False)

    def catalog_at(self, ts: int) -> Catalog:
        """Return what was deployed when that commit was the newest."""
        if not self.former:
            return self.catalog
        return next((catalog for until, catalog in self.former if ts < until), self.catalog)

    @property
    def has_had_crons(self) -> bool:
        """Whether anything that is or was deployed has crons."""
        return self.catalog.has_crons or any(catalog.has_crons for _, catalog in self.former)

    def deploy(self, catalog: Catalog, ts: int) -> None:
        """Let something else be deployed from that commit on; no other run ever stands on a snapshot after it."""
        self.former.append((ts, self.catalog))
        self.catalog, self.memory = catalog, None

    def doubt(self) -> None:
        """Say that user code runs now, which may change what handlers share in Python."""
        if self.memory is not None:
            self.memory.doubt()

    def external(self, name: str) -> External:
        """Return the outside object of that name.

        Raises:
            UsageError: the scenario declares none.

        """
        try:
            return self.externals[name]
        except KeyError:
            msg = f"The world has no external object {name!r}."
            advice = f"Declare it in the scenario: world.external({name!r}). {did_you_mean(name, self.externals)}"
            raise UsageError(msg, next_step=advice) from None
