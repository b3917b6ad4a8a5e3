"""Views: a world as an invariant sees it, at one moment.

Owns what can be asked of a moment, its past for those that look back, and the record of what was looked at. Knows no
invariant: next, `invariant.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve

from convexsim.actors.client import Improvised
from convexsim.choices import root_of
from convexsim.database.transaction import Transaction
from convexsim.errors import UsageError, did_you_mean
from convexsim.functions.catalog import SCHEDULED_FUNCTIONS
from convexsim.functions.outcome import Threw
from convexsim.functions.reference import Reference, label_of
from convexsim.functions.refusals import Refusing
from convexsim.functions.scheduled import Fate, fate_of, shown
from convexsim.values import freeze, thaw
from convexsim.values.keys import encode, prefix_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convexsim.actors.client import Call
    from convexsim.database.commit import Database
    from convexsim.database.history import Attempt
    from convexsim.database.index import Document, Table
    from convexsim.faults import Struck
    from convexsim.functions.environment import Answered, Environment, Retried
    from convexsim.functions.network import Request

__all__ = ["View"]

T = TypeVar("T")


class View(Refusing):
    """A world as an invariant sees it: one snapshot, the clients' calls and the outside objects.

    Reads of documents are recorded like a query's, in `reads`. What it tells is of its moment, also when that is past;
    only calls go on to be answered.
    """

    def __init__(
        self,
        environment: Environment,
        database: Database,
        calls: Sequence[Call],
        now: float,
        before: View | None = None,
    ) -> None:
        snapshot, newest = database.snapshot, database.log.newest
        self._environment = environment
        self._catalog = environment.catalog
        self._transaction = Transaction(snapshot)
        self._calls = calls
        self._answered, self._struck = len(environment.answers), len(environment.struck)
        self._retried = len(environment.retried)
        self._requested = len(environment.network.requests)
        self._appended = {name: external.count for name, external in environment.externals.items()}
        self._now = now
        self._ts = snapshot.ts
        self._writer = "" if newest is None else newest.write_source
        self.looked: dict[str, None] = {}
        """What was looked at beside documents: outside objects, the network, and facts that tell of an order."""
        self.made: dict[Callable[..., Any], Any] = {}
        """What `derived` and `folded` have made, by the functions that made it."""
        self.before = before
        """The moment at which invariants were asked before this one; None at the first.

        Only in a run that is asked for a `PastInvariant`.
        """

    @property
    def reads(self) -> Any:
        """What was read so far (`database.reads.ReadSet`)."""
        return self._transaction.reads

    @property
    def now(self) -> float:
        """Virtual time in ms."""
        self.looked["now"] = None
        return self._now

    @property
    def ts(self) -> int:
        """The newest commit that it shows; commits are counted from 1, and 0 is before the first."""
        self.looked["ts"] = None
        return self._ts

    @property
    def writer(self) -> str:
        """Who made that commit: ``function (activity)``, like ``shop:take (alice.1)``."""
        self.looked["writer"] = None
        return self._writer

    def documents(self, table: str, component: str = "") -> list[dict[str, Any]]:
        """Return all documents of a table, oldest first.

        Args:
            table: its name, or ``_scheduled_functions``, or ``_cron_jobs`` where there are crons.
            component: the path of its component; the root's is empty.

        """
        found = self._table(table, component)
        if found is None:
            return []
        return [thaw(shown(row)) for row in self._rows(found)]

    def tables(self) -> list[tuple[str, str]]:
        """Return which tables there are: the path of the component and the name, sorted; no system tables."""
        mounted = self._catalog.components
        named = {path: {**one.tables, **self._transaction.components[path].named} for path, one in mounted.items()}
        return sorted((path, name) for path, tables in named.items() for name in tables if not name.startswith("_"))

    @property
    def has_crons(self) -> bool:
        """Whether something runs again and again."""
        return self._catalog.has_crons

    @property
    def ends_at(self) -> float:
        """When its time is over, in ms of virtual time; inf if it lasts until nothing is left to do."""
        return self._environment.end_ms

    @property
    def externals(self) -> list[str]:
        """The names of the outside objects, sorted."""
        return sorted(self._environment.externals)

    def scheduled_functions(self, component: str = "") -> list[dict[str, Any]]:
        """Return the rows of the functions that a component has scheduled."""
        return self.documents(SCHEDULED_FUNCTIONS, component)

    def fates(self) -> list[Fate]:
        """Return what has become of every scheduled function of every component, by component, oldest first."""
        tables = [mounted.scheduled_functions for mounted in self._catalog.components.values()]
        return [fate_of(row) for table in tables for row in self._rows(table)]

    def external(self, name: str) -> list[Any]:
        """Return what was appended to an outside object."""
        self.looked[f"external {name}"] = None
        return self._environment.external(name).entries[: self._appended[name]]

    def contents(self, name: str) -> list[Any]:
        """Return the same in the order of values: for who asks what was appended, and not in which order."""
        self.looked[f"contents of {name}"] = None
        entries = self._environment.external(name).entries[: self._appended[name]]
        return sorted(entries, key=lambda entry: encode(freeze(entry)))

    def requests(self, url: str | None = None) -> list[Request]:
        """Return what actions have sent to an address of the stub network, or to all, in order.

        A request that got no response is among them: it may have arrived.

        Raises:
            UsageError: nothing could have been sent there.

        """
        if url is not None:
            self._environment.network.check_known(url)
        self.looked["network"] = None
        sent = self._environment.network.requests[: self._requested]
        return [request for request in sent if url in (None, request.url)]

    def calls(self, client: str | None = None) -> list[Call]:
        """Return the calls of one client, or of all: as the scenario writes them, and after these what scripts called.

        Those of a script come in its order, script by script, by the clients' names: not in the order of the run.
        """
        self.looked["calls"] = None
        calls = [call for call in self._calls if client is None or call.activity.startswith(f"{client}.")]
        return sorted(calls, key=lambda call: root_of(call.activity) if isinstance(call, Improvised) else "")

    def answers(self, function: Reference | str, skip: int = 0) -> list[Answered]:
        """Return the calls of a function that came back, in order, whoever called: clients, actions, the scheduler.

        Args:
            function: a reference, or its label, ``component/module:function``; without a component it is the app's.
            skip: how many of the first are left out, for who has seen these before.

        Raises:
            UsageError: there is no such function, nor may one be deployed.

        """
        label = label_of(function) if isinstance(function, Reference) else function
        if label not in self._catalog.labels and not self._environment.has_deploys:
            msg = f"There is no function {label!r} in this world."
            raise UsageError(msg, next_step=did_you_mean(label, self._catalog.labels))
        self.looked[f"answers {label}"] = None
        found = [answered for answered in self._answers() if answered.function == label][skip:]
        return [evolve(answered, args=thaw(answered.args)) for answered in found]

    def derived(self, read: Callable[[View], T]) -> T:
        """Return what a function makes of this view; it is called once, however many invariants ask."""
        if read not in self.made:
            self.made[read] = read(self)
        found: T = self.made[read]
        return found

    def folded(self, step: Callable[[T | None, View], T]) -> T:
        """Return what a function makes of the past: of each moment, and of what it has made of the one before.

        The first gets None, which in a run without a past is this very view. It is called once for each moment, however
        many invariants ask.
        """
        moments: list[View] = []
        moment: View | None = self
        while moment is not None and step not in moment.made:
            moments.append(moment)
            moment = moment.before
        made: T | None = None if moment is None else moment.made[step]
        for each in reversed(moments):
            made = each.made[step] = step(made, each)
        found: T = self.made[step]
        return found

    @property
    def history(self) -> Sequence[Attempt]:
        """What every attempt of every transaction saw and wrote, in the order in which they were over.

        Raises:
            UsageError: the scenario has no `HistoryInvariant` such as `serializable`, so nothing was recorded.

        """
        history = self._environment.history
        if history is None:
            raise UsageError("This run has no history.", next_step="List `serializable` among the invariants.")
        return history

    def failed_functions(self) -> list[str]:
        """Return function and error of every scheduled function, or run of a cron, that threw."""
        self.looked["failures"] = None
        return [
            f"{answered.function}: {answered.outcome.failure.message}"
            for answered in self._answers()
            if isinstance(answered.outcome, Threw) and root_of(answered.activity) == answered.activity
        ]

    def retried(self) -> list[Retried]:
        """Return the queries, mutations and crons' runs that have begun more than once, with how often, by name."""
        self.looked["retried"] = None
        last = {(each.function, each.activity): each for each in self._environment.retried[: self._retried]}
        return sorted(last.values())

    @property
    def faults(self) -> list[Struck]:
        """What has gone wrong so far, in order, of what the scenario allows to go wrong."""
        self.looked["faults"] = None
        return self._environment.struck[: self._struck]

    def _answers(self) -> Sequence[Answered]:
        return self._environment.answers[: self._answered]

    def _rows(self, table: Table) -> Iterator[Document]:
        return self._transaction.scan(table, table.indexes["by_creation_time"], b"", prefix_end(b""))

    def _table(self, name: str, component: str) -> Table | None:
        """Return a table; None for one that may come into being and has not."""
        components = self._catalog.components
        if component not in components:
            msg = f"There is no component {component!r} in this world."
            raise UsageError(msg, next_step=did_you_mean(component, filter(None, components)))
        mounted = components[component]
        tables = {**mounted.tables, **self._transaction.components[component].named}
        if name not in tables:
            if not (mounted.is_strict or name.startswith("_")):
                return None
            msg = f"The component {component or 'app'!r} has no table {name!r}."
            raise UsageError(msg, next_step=did_you_mean(name, tables))
        return tables[name]
