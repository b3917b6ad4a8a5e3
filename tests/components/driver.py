"""Drives a world with the component by hand, serially: one call at a time, and time only when it is told to pass.

The calls run on the real runtime actors; the simplest choices are made everywhere. What is scheduled runs during
`advance` only, as in the recorded conformance scenarios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import count
from types import TracebackType
from typing import Any, Self

from convexsim import Component, External, FunctionDefinition, Platform, Reference, api, internal_mutation
from convexsim.actors.clock import VirtualClock
from convexsim.actors.messages import Invoke
from convexsim.actors.stepped import SteppedStage
from convexsim.choices import ChoiceRecord, Kind, Option, root_of
from convexsim.database.commit import Database
from convexsim.functions.component import Target
from convexsim.functions.environment import Environment
from convexsim.functions.outcome import Outcome
from convexsim.invariants import View

COMPONENT = "batchProcessor"


class HeldClock(VirtualClock):
    """A clock that goes no further than it may."""

    limit = -1.0

    def advance(self) -> bool:
        deadline = self.next_deadline()
        return deadline is not None and deadline <= self.limit and super().advance()


class CallsFirst:
    """What the test has called goes on before anything that was scheduled begins."""

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        roots = [root_of(option.activity) for option in options]
        return roots.index("test") if kind == "step" and "test" in roots else 0


class Driver(AbstractContextManager["Driver"]):
    """A world of one app; a context manager.

    Args:
        plan: how the callback's calls end.

    """

    def __init__(self, app: Component, plan: Sequence[Any] = (), platform: Platform | None = None) -> None:
        self._deliveries = External("deliveries")
        externals = {"processBatch": External("processBatch", tuple(plan)), "deliveries": self._deliveries}
        platform = platform if platform is not None else Platform(self_cancel="noop")
        self._environment = Environment(app.catalog(), platform, externals)
        self._stage = SteppedStage(self._environment, ChoiceRecord(CallsFirst()), 2, None)
        self._clock = HeldClock(platform.start_ms)
        self._stage.dispatcher.clock = self._clock
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
        return self._stage.now

    @property
    def database(self) -> Database:
        return self._stage.database

    def outcome(self, name: Reference | str, args: Mapping[str, Any] | None = None, component: str = "") -> Outcome:
        """Call a function, public or internal, and return how it ended."""
        catalog = self._environment.catalog
        return self._run(catalog.resolve(catalog.components[component], name), args)

    def host(self, name: str, **args: Any) -> Any:
        """Call a public function of the app's driver, as a client does."""
        reference = getattr(api.driver, name)
        return self._run(self._environment.catalog.resolve_public(reference), args).unwrap()

    def lib(self, name: str, **args: Any) -> Any:
        """Call a function of the component, public or internal."""
        return self.ask(f"lib:{name}", **args)

    def ask(self, path: str, **args: Any) -> Any:
        """Call a function of the component, public or internal, by its path."""
        return self.outcome(path, args, COMPONENT).unwrap()

    def write(self, handler: Any, **args: Any) -> Any:
        """Run a plain function of a MutationCtx as a mutation inside the component: to set a stage."""
        definition: FunctionDefinition = internal_mutation(handler)
        target = Target(self._environment.catalog.components[COMPONENT], f"test:{handler.__name__}", definition)
        return self._run(target, args).unwrap()

    def advance(self, ms: float = 0) -> None:
        """Let time pass and everything run that falls due on the way, and what that schedules."""
        self._clock.limit = self.now + ms
        while self._stage.dispatcher.step():
            pass
        self._clock.now, self._clock.limit = self._clock.limit, -1.0

    def rows(self, table: str, component: str = COMPONENT) -> list[dict[str, Any]]:
        """Return the rows of a table of the component, oldest first."""
        return View(self._environment, self._stage.database.snapshot, [], self.now).documents(table, component)

    def scheduled(self) -> list[tuple[str, str, float, Any]]:
        """Return what the component has scheduled: name, state, time and arguments, oldest first."""
        rows = self.rows("_scheduled_functions")
        return [(row["name"], row["state"]["kind"], row["scheduledTime"], row["args"][0]) for row in rows]

    def pending(self) -> list[tuple[str, float]]:
        """Return the names and times of what is still to run."""
        return [(name.partition(":")[2], time) for name, state, time, _ in self.scheduled() if state == "pending"]

    @property
    def deliveries(self) -> list[Any]:
        """The ledger: one entry for each call of the callback."""
        return self._deliveries.entries

    def _run(self, target: Target, args: Mapping[str, Any] | None) -> Outcome:
        activity = f"test.{next(self._numbers)}"
        run = Invoke(activity, target, dict(args or {}), "client")
        outcome: Outcome = self._stage.runner().ask(run, block=False).get()
        return outcome


def without_ids(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return documents without what differs from run to run of the original."""
    hidden = ("_id", "_creationTime", "batchDocId", "scheduledFlushId")
    return [{name: value for name, value in row.items() if name not in hidden} for row in rows]
