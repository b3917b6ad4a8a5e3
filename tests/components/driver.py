"""A `SerialWorld` for tests of the component: short names for its calls, its tables and what it has scheduled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convexsim import Component, FunctionDefinition, Platform, Reference, api, internal_mutation
from convexsim.database.commit import Database
from convexsim.functions.catalog import Target
from convexsim.functions.outcome import Outcome
from convexsim.testing.serial import SerialWorld

COMPONENT = "batchProcessor"


class Driver(SerialWorld):
    """A world of one app; a context manager.

    Args:
        plan: how the calls of processBatch end.
        plans: the same for the other callbacks, by name.

    """

    def __init__(
        self, app: Component, plan: Sequence[Any] = (), platform: Platform | None = None, **plans: Sequence[Any]
    ) -> None:
        usual = {"processBatch": plan, "getNextBatch": (), "onComplete": (), "deliveries": ()}
        super().__init__(app, usual | plans, platform)

    @property
    def database(self) -> Database:
        return self._stage.database

    def outcome(self, name: Reference | str, args: Mapping[str, Any] | None = None, component: str = "") -> Outcome:
        """Call a function, public or internal, and return how it ended."""
        catalog = self._environment.catalog
        return self._run(catalog.resolve(catalog.components[component], name), args)

    def host(self, name: str, **args: Any) -> Any:
        """Call a public function of the app's driver, as a client does."""
        return self.call(getattr(api.driver, name), args).unwrap()

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
        """Let time pass; without an argument, run what is due now."""
        super().advance(ms)

    def rows(self, table: str, component: str = COMPONENT) -> list[dict[str, Any]]:
        """Return the rows of a table of the component, oldest first."""
        return self.view.documents(table, component)

    def scheduled(self) -> list[tuple[str, str, float, Any]]:
        """Return what the component has scheduled: name, state, time and arguments, oldest first."""
        rows = self.rows("_scheduled_functions")
        return [(row["name"], row["state"]["kind"], row["scheduledTime"], row["args"][0]) for row in rows]

    def pending(self) -> list[tuple[str, float]]:
        """Return the names and times of what is still to run."""
        return [(name.partition(":")[2], time) for name, state, time, _ in self.scheduled() if state == "pending"]

    @property
    def deliveries(self) -> list[Any]:
        """The ledger: one entry for each call of a callback."""
        return self.view.external("deliveries")


def without_ids(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return documents without what differs from run to run of the original."""
    hidden = ("_id", "_creationTime", "batchDocId", "scheduledFlushId")
    return [{name: value for name, value in row.items() if name not in hidden} for row in rows]
