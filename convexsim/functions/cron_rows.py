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
from convexsim.functions.catalog import CRONS, Target
from convexsim.functions.crons import Interval, next_run
from convexsim.values.keys import prefix_end

if TYPE_CHECKING:
    from convexsim.database.index import Document
    from convexsim.database.transaction import Transaction
    from convexsim.functions.catalog import Catalog, Mounted
    from convexsim.functions.cron_schedule import CronDefinition
    from convexsim.functions.execution import Execution

__all__ = ["Cron", "CronChange", "deploy_crons", "deployed_crons", "finish_cron", "is_deployed", "start_cron"]

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

    def target(self, catalog: Catalog) -> Target | None:
        """Return what it runs; None if it is gone."""
        mounted = catalog.components[self.component]
        if self.identifier not in mounted.crons:
            return None
        path = mounted.crons[self.identifier].function
        return Target(mounted, path, mounted.functions[path])


@frozen
class CronChange:
    """What a deploy has made of the crons.

    Attributes:
        waiting: those that are new or have another timing, with their next runs.
        over: the ids of the rows of those that have another timing or are gone.

    """

    waiting: tuple[Cron, ...]
    over: frozenset[str]


def deploy_crons(execution: Execution, catalog: Catalog) -> CronChange:
    """Bring the rows into line with the crons of what is deployed: insert, set their next runs anew, or delete them."""
    waiting: list[Cron] = []
    over: list[str] = []
    former = {
        (cron.component, cron.identifier): cron for cron in deployed_crons(execution.catalog, execution.transaction)
    }
    for mounted in catalog.components.values():
        for identifier, definition in mounted.crons.items():
            known = former.pop((mounted.path, identifier), None)
            if known is None:
                waiting.append(_insert(execution, mounted, definition))
            elif execution.catalog.components[mounted.path].crons[identifier].timing != definition.timing:
                row = _row(execution, known)
                due_ms = next_run(definition.timing, row.value["prevMs"], execution.begin_ms)
                execution.replace(row, {**row.value, "nextMs": due_ms})
                waiting.append(evolve(known, due_ms=due_ms))
                over.append(known.id)
    for gone in former.values():
        execution.transaction.delete(_row(execution, gone))
        over.append(gone.id)
    return CronChange(tuple(waiting), frozenset(over))


def _insert(execution: Execution, mounted: Mounted, definition: CronDefinition) -> Cron:
    due_ms = next_run(definition.timing, None, execution.begin_ms)
    value = {"log": [], "name": definition.identifier, "nextMs": due_ms, "prevMs": None, "run": 1}
    row = execution.insert(mounted.tables[CRONS], {**value, "state": {"kind": "pending"}})
    return Cron(mounted.path, definition.identifier, row.id, due_ms, 1)


def deployed_crons(catalog: Catalog, transaction: Transaction) -> list[Cron]:
    """Return every cron with its next run, or with the one that is in progress, as the rows tell."""
    deployed: list[Cron] = []
    for mounted in catalog.components.values():
        if mounted.crons:
            table = mounted.tables[CRONS]
            for row in transaction.scan(table, table.indexes["by_creation_time"], b"", prefix_end(b"")):
                value = row.value
                deployed.append(Cron(mounted.path, value["name"], row.id, value["nextMs"], value["run"]))
    return deployed


def is_deployed(execution: Execution, cron: Cron) -> bool:
    """Whether a cron is still there; a deploy deletes the rows of those that are not."""
    table = execution.catalog.components[cron.component].tables.get(CRONS)
    return table is not None and execution.transaction.get(table, cron.id) is not None


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
    timing = execution.catalog.components[cron.component].crons[cron.identifier].timing
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
    table = execution.catalog.components[cron.component].tables[CRONS]
    row = execution.transaction.get(table, cron.id)
    assert row is not None, "only a deploy deletes a cron's row"
    return row
