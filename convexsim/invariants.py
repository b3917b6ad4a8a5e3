"""Invariants: what must hold, when it is asked, and against what.

Owns the three kinds (`always` at every commit and use of the outside, `eventually` when nothing is left, `sometimes` in
at least one run), the view of a world that they look through, its past for those that ask for it (`PastInvariant`), and
the ready one, `serializable`. Knows no exploration: `simulation/run.py` asks at the right moments.

An invariant is a function of a `View`. It holds unless it returns False or raises AssertionError; its docstring is the
sentence that a report prints.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from attrs import evolve, frozen

from convexsim.choices import root_of
from convexsim.database.transaction import Transaction
from convexsim.errors import UsageError, did_you_mean
from convexsim.functions.catalog import SCHEDULED_FUNCTIONS
from convexsim.functions.outcome import Threw, bare_assert
from convexsim.functions.refusals import RefusedError, Refusing
from convexsim.functions.scheduled import shown
from convexsim.trace.serial_order import find_cycle, tell_cycle
from convexsim.values import freeze, thaw
from convexsim.values.keys import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.actors.client import Call
    from convexsim.database.commit import Database
    from convexsim.database.history import Attempt
    from convexsim.database.index import Table
    from convexsim.faults import Struck
    from convexsim.functions.environment import Answered, Environment
    from convexsim.functions.network import Request

__all__ = [
    "HistoryInvariant",
    "Invariant",
    "PastInvariant",
    "View",
    "Violation",
    "always",
    "as_invariant",
    "eventually",
    "history_for",
    "judge",
    "looks_back",
    "serializable",
    "sometimes",
]

T = TypeVar("T")

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
        self._transaction = Transaction(snapshot)
        self._calls = calls
        self._answered, self._struck = len(environment.answers), len(environment.struck)
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
        index = found.indexes["by_creation_time"]
        rows = self._transaction.scan(found, index, b"", b"\xff")
        return [thaw(shown(row)) for row in rows]

    def tables(self) -> list[tuple[str, str]]:
        """Return which tables there are: the path of the component and the name, sorted; no system tables."""
        mounted = self._environment.catalog.components
        named = {path: {**one.tables, **self._transaction.components[path].named} for path, one in mounted.items()}
        return sorted((path, name) for path, tables in named.items() for name in tables if not name.startswith("_"))

    @property
    def externals(self) -> list[str]:
        """The names of the outside objects, sorted."""
        return sorted(self._environment.externals)

    def scheduled_functions(self, component: str = "") -> list[dict[str, Any]]:
        """Return the rows of the functions that a component has scheduled."""
        return self.documents(SCHEDULED_FUNCTIONS, component)

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
        """
        self.looked["network"] = None
        sent = self._environment.network.requests[: self._requested]
        return [request for request in sent if url in (None, request.url)]

    def calls(self, client: str | None = None) -> list[Call]:
        """Return the calls of one client, or of all."""
        self.looked["calls"] = None
        return [call for call in self._calls if client is None or call.activity.startswith(f"{client}.")]

    def answers(self, function: str, skip: int = 0) -> list[Answered]:
        """Return the calls of a function that came back, in order, whoever called: clients, actions, the scheduler.

        Args:
            function: its label, ``component/module:function``; without a component it is the app's.
            skip: how many of the first are left out, for who has seen these before.

        """
        self.looked[f"answers {function}"] = None
        found = [answered for answered in self._answers() if answered.function == function][skip:]
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

    @property
    def faults(self) -> list[Struck]:
        """What has gone wrong so far, in order, of what the scenario allows to go wrong."""
        self.looked["faults"] = None
        return self._environment.struck[: self._struck]

    def _answers(self) -> Sequence[Answered]:
        return self._environment.answers[: self._answered]

    def _table(self, name: str, component: str) -> Table | None:
        """Return a table; None for one that may come into being and has not."""
        components = self._environment.catalog.components
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


def always(predicate: Callable[[View], bool | None]) -> Invariant:
    """Make a function an invariant that must hold at every commit, and whenever the outside was used."""
    return _invariant(predicate, "always")


def eventually(predicate: Callable[[View], bool | None]) -> Invariant:
    """Make a function an invariant that must hold when nothing is left to do."""
    return _invariant(predicate, "eventually")


def sometimes(predicate: Callable[[View], bool | None]) -> Invariant:
    """Make a function an invariant that must hold at the end of at least one run: proof that a test gets there."""
    return _invariant(predicate, "sometimes")


def _serializable(view: View) -> None:
    cycle = find_cycle(view.history)
    assert cycle is None, tell_cycle(view.history, cycle)


serializable: Final = HistoryInvariant(
    "serializable", "eventually", "Some serial order explains what every transaction saw.", _serializable
)
"""What every query, mutation and retry saw and wrote is explained by running them one after another.

In that order every attempt sees what it saw (also what it did not find in a range), documents are written as they were
committed, and each caller's calls follow one another. Judged once, when nothing is left to do, from what was handed out
and written; read sets and verdicts play no part (`trace/serial_order.py` says exactly what is decided).
"""


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
