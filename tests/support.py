"""What the tests of `database/`, `functions/` and of whole runs share: a bench without actors, and plans for runs.

`Bench` is a database and the door through which functions use it: one attempt at a time, by hand, so that a test says
exactly what lies between a begin and its commit. `Plan` answers the choices of a `Simulation` so that its steps come in
the order that the test writes down, and in no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from attrs import frozen

from convexsim import (
    ConvexError,
    FunctionDefinition,
    FunctionError,
    MutationCtx,
    Platform,
    PlatformError,
    Run,
    Scenario,
    Simulation,
    World,
    mutation,
)
from convexsim.choices import Choices, Kind
from convexsim.database.commit import Committed, Conflict, Database
from convexsim.database.index import Table
from convexsim.database.reads import ReadSet
from convexsim.functions.catalog import Catalog, Mounted, Target
from convexsim.functions.component import Component, define_app
from convexsim.functions.environment import Environment
from convexsim.functions.execution import Execution
from convexsim.functions.outcome import Outcome, Threw
from convexsim.functions.perform import perform
from convexsim.functions.scheduled import ScheduledFunction
from convexsim.trace import event
from convexsim.values import SchemaDefinition

Handler = Callable[..., Any]
E = TypeVar("E", bound=event.Event)


@mutation
def nothing(ctx: MutationCtx) -> None:
    """Do nothing: an app needs at least one function, even where the test brings its own handlers."""


def module(*definitions: FunctionDefinition) -> dict[str, FunctionDefinition]:
    """Return functions as the module of an app, each under the name of its handler."""
    return {definition.handler.__name__: definition for definition in definitions}


def app_of(schema: SchemaDefinition | None = None, *definitions: FunctionDefinition) -> Component:
    """Return an app whose functions are all in the module `m`."""
    return define_app({"m": module(*definitions, nothing)}, schema)


def caught(call: Callable[[], Any]) -> str:
    """Call, as user code that expects an error would, and return the code of what was thrown."""
    try:
        return f"returned {call()}"
    except (FunctionError, PlatformError) as error:
        return error.code
    except ConvexError as error:
        return f"ConvexError {error.data}"


# ------------------------------------------------------------------------------------------------ without actors


@frozen(eq=False)
class Attempt:
    """One attempt of a mutation whose handler has run, before anybody judges it."""

    database: Database
    execution: Execution
    outcome: Outcome

    @property
    def value(self) -> Any:
        """What it returned; raises what it threw."""
        return self.outcome.unwrap()

    @property
    def code(self) -> str:
        """The code of what it threw."""
        assert isinstance(self.outcome, Threw), self.outcome
        return self.outcome.failure.code

    @property
    def message(self) -> str:
        """The message of what it threw."""
        assert isinstance(self.outcome, Threw), self.outcome
        return self.outcome.failure.message

    @property
    def reads(self) -> ReadSet:
        """Its read set."""
        return self.execution.transaction.reads

    @property
    def writes(self) -> list[tuple[Any, Any]]:
        """What it writes: for each document the old and the new fields, without those of the platform."""
        return [
            tuple(None if document is None else own_fields(document.value) for document in (write.old, write.new))  # type: ignore[misc] # a pair
            for write in self.execution.transaction.finalize().writes
        ]

    def commit(self) -> Committed | Conflict:
        """Have it judged."""
        return self.database.commit(self.execution.transaction.finalize(), f"t ({self.execution.activity})")

    def committed(self) -> Any:
        """Commit, which must succeed, and return the value."""
        value = self.value
        verdict = self.commit()
        assert isinstance(verdict, Committed), verdict
        return value


class Bench:
    """An app, its database, and attempts begun by hand."""

    def __init__(self, app: Component | SchemaDefinition, **platform: Any) -> None:
        self.catalog: Catalog = (app if isinstance(app, Component) else app_of(app)).catalog()
        self.environment = Environment(self.catalog, Platform(**platform))
        self.database = Database(self.catalog.tables())
        self.now = 0.0
        self._count = 0

    def attempt(
        self,
        handler: Handler | FunctionDefinition,
        args: dict[str, Any] | None = None,
        *,
        component: str = "",
        parent: ScheduledFunction | None = None,
        invocation: tuple[str, int] | None = None,
    ) -> Attempt:
        """Run a handler as a mutation on the newest snapshot; nothing of it is committed yet."""
        self._count += 1
        definition = handler if isinstance(handler, FunctionDefinition) else mutation(handler)
        target = Target(self.catalog.components[component], "test:handler", definition)
        where = invocation if invocation is not None else (f"test.{self._count}", 1)
        execution = Execution(self.environment, self.database.snapshot, where, self.now, parent)
        return Attempt(self.database, execution, perform(execution, target, args if args is not None else {}))

    def do(self, handler: Handler | FunctionDefinition, args: dict[str, Any] | None = None, **how: Any) -> Any:
        """Run a handler as a mutation and commit it."""
        return self.attempt(handler, args, **how).committed()

    def seed(self, table: str, *documents: dict[str, Any]) -> list[str]:
        """Insert documents, oldest first, and return their ids."""
        ids: list[str] = self.do(lambda ctx: [ctx.db.insert(table, document) for document in documents])
        return ids

    def documents(self, table: str) -> list[dict[str, Any]]:
        """Return the committed documents of a table of the root, oldest first, without `_id` and `_creationTime`."""
        rows: list[dict[str, Any]] = self.attempt(lambda ctx: ctx.db.query(table).collect()).value
        return [own_fields(row) for row in rows]

    def table(self, name: str, component: str = "") -> Table:
        """Return a table."""
        return self.mounted(component).tables[name]

    def mounted(self, component: str = "") -> Mounted:
        """Return a component in its place."""
        return self.catalog.components[component]

    def conflicts(self, reader: Handler, writer: Handler) -> bool:
        """Tell whether a commit of `writer` between begin and commit of a mutation that runs `reader` kills it.

        So that the reader is judged at all it writes something besides: a document of the table ``marks``.
        """

        def marked(ctx: MutationCtx) -> None:
            reader(ctx)
            ctx.db.insert("marks", {})

        reading = self.attempt(marked)
        assert not isinstance(reading.outcome, Threw), reading.outcome
        self.do(writer)
        return isinstance(reading.commit(), Conflict)


def own_fields(value: dict[str, Any]) -> dict[str, Any]:
    """Return a document without the fields that the platform gave it."""
    return {name: item for name, item in value.items() if name not in ("_id", "_creationTime")}


# ------------------------------------------------------------------------------------------------- whole runs


class Plan:
    """The steps of a run in the order in which they must come: ``"a.1 begin, b.1 begin, b.1 commit, a.1 commit"``.

    Activities that the plan does not name run as early as they can; after its last step the simplest option is taken.
    Every wait after a conflict is the `backoff`-th of its options. Where only one step is enabled nobody is asked, so
    the plan catches up at the next choice; `run` checks in the end that what happened is what was planned.
    """

    def __init__(self, text: str, backoff: int = 0) -> None:
        self.steps = [" ".join(step.split()) for step in text.split(",")]
        self.activities = {step.split()[0] for step in self.steps}
        self.backoff = backoff
        self._rest = list(self.steps)

    def choose(self, kind: Kind, options: Any) -> int:
        """Return the option that comes next in the plan."""
        if kind == "backoff":
            return self.backoff
        labels = [f"{option.activity} {option.phase}" for option in options]
        free = [at for at, option in enumerate(options) if option.activity not in self.activities]
        while not self._may_stand_here(labels, free=bool(free)):
            self._rest.pop(0)
        if not self._rest:
            return 0
        if self._rest[0] in labels:
            return labels.index(self._rest.pop(0))
        return free[0]

    def _may_stand_here(self, labels: list[str], *, free: bool) -> bool:
        """Tell whether the rest of the plan fits what is enabled; if not, its first step has happened unasked."""
        for label in labels:
            following = [step for step in self._rest if step.split()[0] == label.split()[0]]
            if following and following[0] != label:
                return False
        return not self._rest or self._rest[0] in labels or free

    def check(self, result: Run) -> None:
        """Compare with what has happened."""
        assert result.trace is not None
        done = [step for step in steps_of(result.trace.events) if step.split()[0] in self.activities]
        assert done[: len(self.steps)] == self.steps, f"planned {self.steps}, happened {done}"


def steps_of(events: list[event.Event]) -> list[str]:
    """Return the begins, commits, deploys and uses of outside objects of a run, as ``<activity> <phase>``."""
    return [
        f"{step.activity} {step.phase}"
        for step in events
        if isinstance(step, event.Stepped) and step.phase in ("begin", "commit", "deploy", "external")
    ]


def run(
    app: Component,
    body: Callable[[World], Any],
    choices: Choices | str | None = None,
    *,
    level: int = 2,
    **platform: Any,
) -> Run:
    """Run a world once; `choices` may be the text of a `Plan`, all of whose steps must then happen."""
    answers = Plan(choices) if isinstance(choices, str) else choices
    result = Simulation(Scenario("test", app, body, (), Platform(**platform), ""), answers, level=level).run()
    assert result.ending == "quiet", result.violations
    if isinstance(answers, Plan):
        answers.check(result)
    return result


def events_of(result: Run, kind: type[E]) -> Iterator[E]:
    """Yield the events of one kind."""
    assert result.trace is not None
    return (found for found in result.trace.events if isinstance(found, kind))


def states(result: Run, component: str = "") -> dict[str, str]:
    """Return the states of a component's scheduled functions by name (the last one of each)."""
    return {row["name"].split(":")[1]: row["state"]["kind"] for row in result.view.scheduled_functions(component)}
