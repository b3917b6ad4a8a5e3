"""Crons as rows: how they are deployed, started and finished inside a transaction.

Owns the table ``_cron_jobs``, one row for each cron of a component, which holds its state, when it is due and its last
runs (convex-semantics 4). As with scheduled functions, each transition is plain reads and writes of a transaction. When
the next run is due, `crons.py` says; who runs what when: `actors/crons.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from convexsim.choices import run_anew
from convexsim.database.limits import UNLIMITED
from convexsim.database.transaction import Transaction
from convexsim.functions.catalog import CRONS, Target
from convexsim.functions.crons import Interval, next_run
from convexsim.values.keys import prefix_end

if TYPE_CHECKING:
    from convexsim.database.index import Document
    from convexsim.database.snapshot import Snapshot
    from convexsim.functions.catalog import Catalog
    from convexsim.functions.environment import Environment
    from convexsim.functions.execution import Execution

__all__ = ["Cron", "deploy_crons", "deployed_crons", "finish_cron", "start_cron"]

_LOG_ROWS: Final = 5
"""How many of its last runs a cron remembers (convex-semantics 4)."""
_ESCAPED: Final = str.maketrans({char: f"%{ord(char):02x}" for char in "%+./()"})


@frozen
class Cron:
    """A cron and its next run, as the platform carries it along.

    Attributes:
        component: the path of the component that declares it and owns its row.
        id: of its row.
        due_ms: when the run may start.
        number: of the run, from 1.
        restarts: how often the backend had died when it took up this run; 0 if the run before brought it about.

    """

    component: str
    identifier: str
    id: str
    due_ms: int
    number: int
    restarts: int = 0

    @property
    def activity(self) -> str:
        """The path of the run: ``cron:cleanup+3`` is the third of the root's cron ``cleanup``."""
        path = f"cron:{f'{self.component}/'.lstrip('/')}{self.identifier.translate(_ESCAPED)}+{self.number}"
        return run_anew(path, self.restarts) if self.restarts else path

    @property
    def order(self) -> tuple[int, str, str]:
        """Its place among due crons."""
        return (self.due_ms, self.component, self.identifier)

    def target(self, catalog: Catalog) -> Target:
        """Return what it runs."""
        mounted = catalog.components[self.component]
        path = mounted.crons[self.identifier].function
        return Target(mounted, path, mounted.functions[path])


def deploy_crons(execution: Execution) -> list[Cron]:
    """Insert a row for each cron of each component, and return them with their first runs."""
    deployed: list[Cron] = []
    for mounted in execution.environment.catalog.components.values():
        for definition in mounted.crons.values():
            due_ms = next_run(definition.timing, None, execution.now)
            value = {"log": [], "name": definition.identifier, "nextMs": due_ms, "prevMs": None, "run": 1}
            row = execution.insert(mounted.tables[CRONS], {**value, "state": {"kind": "pending"}})
            deployed.append(Cron(mounted.path, definition.identifier, row.id, due_ms, 1))
    return deployed


def deployed_crons(environment: Environment, snapshot: Snapshot) -> list[Cron]:
    """Return every cron with its next run, or with the one that is in progress, as the rows tell."""
    deployed: list[Cron] = []
    transaction = Transaction(snapshot)
    for mounted in environment.catalog.components.values():
        if mounted.crons:
            table = mounted.tables[CRONS]
            for row in transaction.scan(table, table.indexes["by_creation_time"], b"", prefix_end(b"")):
                value = row.value
                deployed.append(Cron(mounted.path, value["name"], row.id, value["nextMs"], value["run"]))
    return deployed


def start_cron(execution: Execution, cron: Cron) -> bool:
    """Note that a run has begun; only an action's run does so in a transaction of its own. False if it had already."""
    row = _row(execution, cron)
    if row.value["state"]["kind"] == "inProgress":
        return False
    execution.replace(row, {**row.value, "state": {"kind": "inProgress"}})
    return True


def finish_cron(execution: Execution, cron: Cron, error: str | None = None) -> Cron:
    """Log how a run ended, set the next one, and return it; grid points that have passed are skipped and logged.

    What the platform reads for that is not held against the limits of the function.
    """
    execution.transaction.usage.limits = UNLIMITED
    row = _row(execution, cron)
    timing = execution.environment.catalog.components[cron.component].crons[cron.identifier].timing
    due_ms = next_run(timing, cron.due_ms, execution.begin_ms)
    status = {"kind": "success"} if error is None else {"error": error, "kind": "err"}
    log = [*row.value["log"], {"status": status, "dueMs": cron.due_ms}]
    skipped = (due_ms - cron.due_ms) // timing.period_ms - 1 if isinstance(timing, Interval) else 0
    if skipped:
        first_skipped = due_ms - skipped * timing.period_ms if isinstance(timing, Interval) else 0
        log.append({"status": {"kind": "canceled", "numCanceled": skipped}, "dueMs": first_skipped})
    changed = {"log": log[-_LOG_ROWS:], "nextMs": due_ms, "prevMs": cron.due_ms, "run": cron.number + 1}
    execution.replace(row, {**row.value, **changed, "state": {"kind": "pending"}})
    return evolve(cron, due_ms=due_ms, number=cron.number + 1, restarts=0)


def _row(execution: Execution, cron: Cron) -> Document:
    table = execution.environment.catalog.components[cron.component].tables[CRONS]
    row = execution.transaction.get(table, cron.id)
    assert row is not None, "nothing deletes a cron's row"
    return row
