"""A world driven by hand, serially: one call at a time, and time passes only when it is told to.

Owns that order. Calls run on the real runtime actors with the simplest choices everywhere, so that whoever runs goes on
to the end; what is scheduled runs only during `advance`, as in the scenarios of `script.py`, which comes next.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Self

from convexsim.actors.messages import Invoke
from convexsim.actors.stepped import SteppedStage
from convexsim.choices import ChoiceRecord, FirstChoices
from convexsim.errors import UsageError
from convexsim.functions.environment import Environment, External, Platform
from convexsim.functions.outcome import Outcome
from convexsim.invariants import View
from convexsim.simulation import MAX_STEPS
from convexsim.values import freeze

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from convexsim.functions.catalog import Target
    from convexsim.functions.component import Component
    from convexsim.functions.reference import Reference

__all__ = ["SerialWorld"]

_CALLER: Final = "call"
_LEVEL: Final = 2
_STANDS_STILL: Final = -1.0
"""The end of a clock that moves no further."""


class SerialWorld(AbstractContextManager["SerialWorld"]):
    """A world of one app, which does what it is told and nothing else; use it as a context manager.

    Args:
        plans: the outside objects by name, each with its plan.
        platform: its parameters; the default ones if not given.

    """

    def __init__(self, app: Component, plans: Mapping[str, Sequence[Any]], platform: Platform | None = None) -> None:
        platform = platform if platform is not None else Platform()
        externals = {name: External(name, tuple(plan)) for name, plan in plans.items()}
        self._environment = Environment(app.catalog(), platform, externals)
        self._stage = SteppedStage(self._environment, ChoiceRecord(FirstChoices()), _LEVEL, None)
        self._clock = self._stage.dispatcher.clock
        self._clock.end = _STANDS_STILL
        self._numbers = count(1)

    def __enter__(self) -> Self:
        self._stage.__enter__()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stage.__exit__(exc_type, exc, tb)

    @property
    def now(self) -> float:
        """Virtual time in ms."""
        return self._stage.now

    @property
    def view(self) -> View:
        """The world as it stands now."""
        return View(self._environment, self._stage.database, [], self.now, before=None)

    def call(self, name: Reference | str, args: Mapping[str, Any] | None = None) -> Outcome:
        """Call a public function, as a client does, and return how it ended.

        Raises:
            PlatformError: there is no such function, or the arguments are no Convex values.

        """
        return self._run(self._environment.catalog.resolve_public(name), args)

    def advance(self, ms: float) -> None:
        """Let time pass and everything run that falls due on the way, and what that schedules.

        What is due at the same moment runs in the order in which it was scheduled.

        Raises:
            UsageError: it does not come to rest within `MAX_STEPS` messages.

        """
        self._clock.end = self.now + ms
        last = self._stage.steps + MAX_STEPS
        while self._stage.dispatcher.step():
            if self._stage.steps > last:
                msg = f"What is scheduled has not come to rest after {MAX_STEPS:,} messages, at {self.now:g} ms."
                raise UsageError(msg, next_step="Look for functions that schedule each other for ever.")
        self._clock.now, self._clock.end = self._clock.end, _STANDS_STILL

    def _run(self, target: Target, args: Mapping[str, Any] | None) -> Outcome:
        given = freeze(dict(args or {}), "args")
        message = Invoke(f"{_CALLER}.{next(self._numbers)}", target, given, "client")
        outcome: Outcome = self._stage.runner().ask(message, block=False).get()
        return outcome
