"""Simulation: builds the actors of a world, repeats "list enabled steps, choose, step" until quiet, and returns a run.

Owns scenarios (who calls what, and what must hold), worlds (what a scenario writes into) and runs (what came of one
list of choices). Knows no search: `explore/` decides which choices to try.
"""

from __future__ import annotations

import copy
import inspect
import re
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs
from attrs import define, field, frozen

from convexsim.actors.client import Call, Client, Session, Wait
from convexsim.actors.connection import CLIENT_KINDS, connect
from convexsim.actors.messages import StartClient
from convexsim.actors.stepped import SteppedStage
from convexsim.actors.threads import Threads, ThreadStage
from convexsim.choices import ChoiceRecord, FirstChoices
from convexsim.errors import UsageError
from convexsim.faults import Faults
from convexsim.functions.environment import Environment, External, Platform
from convexsim.functions.network import Network
from convexsim.invariants import View, Violation, as_invariant, history_for, judge
from convexsim.trace.event import Broken, Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.actors.client import Entry, Script
    from convexsim.actors.connection import ClientKind
    from convexsim.choices import Choices
    from convexsim.functions.component import Component
    from convexsim.functions.define import FunctionKind
    from convexsim.functions.reference import Reference
    from convexsim.invariants import Invariant

__all__ = ["MAX_STEPS", "ClientScript", "Run", "Scenario", "Session", "Simulation", "World", "scenario"]

MAX_STEPS: Final = 100_000
"""Messages that a run may handle before it is stopped; reaching it is an outcome, and a violation."""

Ending = Literal["quiet", "broken", "max_steps", "max_seconds"]
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@frozen(eq=False)
class Scenario:
    """A world to be run: its app, what happens in it, and what must hold.

    Attributes:
        name: names it in replay strings and reports.
        body: writes clients and outside objects into a fresh `World`.
        platform: the parameters of the platform it runs on.
        about: the first paragraph of the body's docstring.
        until_ms: how long the world lasts, in ms of virtual time from its beginning; None until nothing is left to do.
        faults: what may go wrong, and how often at most.

    """

    name: str
    app: Component
    body: Callable[[World], None]
    invariants: tuple[Invariant, ...]
    platform: Platform
    about: str
    until_ms: float | None = None
    faults: Faults = field(factory=Faults)

    def variant(self, name: str, *, faults: Faults | None = None, **platform: Any) -> Scenario:
        """Return the same scenario under another name, with other faults or on a platform with other parameters."""
        changed = attrs.evolve(self.platform, **platform)
        planned = self.faults if faults is None else _checked_faults(faults)
        return attrs.evolve(self, name=_checked_name(name), platform=changed, faults=planned)


def scenario(
    *,
    app: Component,
    invariants: Sequence[Invariant | Callable[[View], bool | None]] = (),
    platform: Platform | None = None,
    faults: Faults | None = None,
    until_ms: float | None = None,
) -> Callable[[Callable[[World], None]], Scenario]:
    """Make a function of a `World` a scenario.

    Args:
        app: what is deployed (`define_app`).
        invariants: what must hold; a bare function must hold at the end.
        platform: its parameters; all defaults if not given.
        faults: what may go wrong, and how often at most; nothing if not given.
        until_ms: how long the world lasts, in ms of virtual time from its beginning: reaching it is a quiet end. An
            app with crons needs it.

    """
    settings = platform if platform is not None else Platform()
    planned = Faults() if faults is None else _checked_faults(faults)
    if until_ms is not None and (type(until_ms) not in (int, float) or not 0 <= until_ms < inf):
        msg = f"A world cannot last for {until_ms!r} ms."
        raise UsageError(msg, next_step="Give a finite number of ms, 0 or more.")
    checked = tuple(as_invariant(thing) for thing in invariants)

    def make(body: Callable[[World], None]) -> Scenario:
        about = " ".join((inspect.getdoc(body) or "").partition("\n\n")[0].split())
        return Scenario(_checked_name(body.__name__), app, body, checked, settings, about, until_ms, planned)

    return make


class ClientScript:
    """One client: what it calls, one call at a time and in order; different clients race.

    Attributes:
        kind: ``http``: an error is an error, a lost connection too; ``websocket``: mutations and queries are sent again
            until they are answered, and actions run beside whatever comes after them (convex-semantics 2).

    """

    def __init__(self, name: str, kind: ClientKind, calls: list[Call]) -> None:
        self.name = name
        self.kind: ClientKind = kind
        self.entries: list[Entry] = []
        self._calls = calls
        self._count = 0

    def query(self, name: Reference | str, args: dict[str, Any] | None = None) -> Call:
        """Add a query."""
        return self._add("query", name, args)

    def mutation(self, name: Reference | str, args: dict[str, Any] | None = None) -> Call:
        """Add a mutation."""
        return self._add("mutation", name, args)

    def action(self, name: Reference | str, args: dict[str, Any] | None = None) -> Call:
        """Add an action."""
        return self._add("action", name, args)

    def wait(self, delay_ms: float) -> None:
        """Add a pause, in ms of virtual time."""
        self.entries.append(Wait(_checked_wait(delay_ms)))

    def run(self, script: Script) -> None:
        """Add a coroutine function of a `Session`, for calls that depend on earlier answers."""
        self.entries.append(script)

    def _add(self, kind: FunctionKind, name: Reference | str, args: dict[str, Any] | None) -> Call:
        self._count += 1
        given = {} if args is None else copy.deepcopy(args)  # the caller may go on to use its dict for something else
        call = Call(f"{self.name}.{self._count}", kind, name, given)
        self._calls.append(call)
        self.entries.append(call)
        return call


class World:
    """What a scenario writes into: clients and the things outside the database."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.clients: dict[str, ClientScript] = {}
        self.externals: dict[str, External] = {}
        self.network = Network()

    def client(self, name: str, *, kind: ClientKind | None = None) -> ClientScript:
        """Return the client of that name, a new one the first time; an HTTP client unless another kind is asked for."""
        if kind is not None and kind not in CLIENT_KINDS:
            msg = f"{kind!r} is no kind of client."
            raise UsageError(msg, next_step="There are: 'http' and 'websocket'.")
        client = self.clients.get(name)
        if client is None:
            client = self.clients[_checked_name(name)] = ClientScript(name, kind or "http", self.calls)
        elif kind not in (None, client.kind):
            msg = f"The client {name!r} is a {client.kind} client already, not {kind!r}."
            raise UsageError(msg, next_step="A client has one kind; give the other one another name.")
        return client

    def external(self, name: str, plan: Sequence[Any] = ()) -> External:
        """Declare an outside object; `plan` is what its `take` hands out, entry by entry."""
        if name in self.externals:
            msg = f"The world already has an external object {name!r}."
            raise UsageError(msg, next_step="Declare each once.")
        self.externals[name] = External(name, tuple(plan))
        return self.externals[name]


@define(eq=False)
class Run:
    """What came of one list of choices.

    Attributes:
        ending: ``quiet`` (nothing is left, or the world's time is over), ``broken`` (an `always` invariant failed), or
            which limit was reached.
        violations: the invariants that did not hold.
        unseen: names of the `sometimes` invariants that did not hold in this run.
        steps: messages handled; `now` the virtual time at the end, in ms.
        trace: its events; None if nobody asked for them.
        view: the world at the end, for questions.

    """

    scenario: Scenario
    record: ChoiceRecord
    ending: Ending = "quiet"
    violations: list[Violation] = field(factory=list)
    unseen: list[str] = field(factory=list)
    steps: int = 0
    now: float = 0.0
    trace: Trace | None = None
    view: View = field(default=None)

    @property
    def indexes(self) -> tuple[int, ...]:
        """The run as its list of choices."""
        return self.record.indexes

    @property
    def calls(self) -> list[Call]:
        """The clients' calls and how they ended."""
        return self.view.calls()


@define(eq=False)
class Simulation:
    """One run of one scenario under one list of choices.

    Attributes:
        choices: who answers; the plain serial run if not given.
        level: the granularity of choices: 1 every message, 2 begins and commits, 3 a mutation is one step.
        trace: whether to keep the events.
        max_steps: where to stop.
        mode: ``stepped``, one message at a time, or ``threads``: the same actors on real threads, as a stress test
            (`Threads` says more exactly how). No choices decide their order, so nothing replays it; events stand in the
            order of real time. There the committer's thread judges `always`, before anybody hears of a commit.

    """

    scenario: Scenario
    choices: Choices | None = None
    level: int = field(default=2, kw_only=True)
    trace: bool = field(default=True, kw_only=True)
    max_steps: int = field(default=MAX_STEPS, kw_only=True)
    mode: Literal["stepped", "threads"] | Threads = field(default="stepped", kw_only=True)
    _record: ChoiceRecord = field(init=False)
    _trace: Trace | None = field(init=False)
    _ran: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        if not __debug__:
            msg = "Python runs without assertions (-O or PYTHONOPTIMIZE), so no invariant that asserts could fail."
            raise UsageError(msg, next_step="Run it without that option.")
        given: object = self.scenario
        if not isinstance(given, Scenario):
            msg = f"{given!r} is no scenario."
            raise UsageError(msg, next_step="Decorate a function of a World with @scenario(app=...).")
        if self.level not in (1, 2, 3):
            msg = f"The level {self.level!r} is not 1, 2 or 3."
            raise UsageError(msg, next_step="1 chooses every message, 2 begins and commits, 3 whole mutations.")
        if self.mode not in ("stepped", "threads") and not isinstance(self.mode, Threads):
            msg = f"The mode {self.mode!r} is neither 'stepped' nor 'threads'."
            raise UsageError(msg, next_step="Pass one of them, or Threads(...).")
        if self.mode != "stepped" and self.scenario.faults:
            msg = f"{self.scenario.name} plans for faults ({self.scenario.faults}), but on threads nothing is chosen."
            raise UsageError(
                msg, next_step="Run it stepped, or without faults: scenario.variant(name, faults=Faults())."
            )
        self._record = ChoiceRecord(self.choices if self.choices is not None else FirstChoices())
        self._trace = Trace() if self.trace else None

    def run(self) -> Run:
        """Run to the end: until nothing is left to do, an `always` invariant breaks, or a limit is reached.

        Raises:
            UsageError: it has run before; a simulation is one run.

        """
        if self._ran:
            raise UsageError("This simulation has already run.", next_step="Make another Simulation for another run.")
        self._ran = True
        world = World()
        self.scenario.body(world)
        environment = self._environment(world)
        run = Run(self.scenario, self._record, trace=self._trace)
        if self.mode == "stepped":
            with SteppedStage(environment, self._record, self.level, self._trace) as stepped:
                monitor = _Monitor(stepped, world, run)
                run.ending = self._step(stepped, world, monitor)
        else:
            settings = Threads() if self.mode == "threads" else self.mode
            with ThreadStage(environment, self._record, self._trace, settings, self.max_steps) as threads:
                monitor = _Monitor(threads, world, run)
                run.ending = self._let_run(threads, world, monitor)
        monitor.close()
        return run

    def _environment(self, world: World) -> Environment:
        given, catalog = self.scenario, self.scenario.app.catalog()
        if given.until_ms is None and catalog.has_crons:
            msg = f"The app of {given.name} has crons, so it never comes to rest."
            raise UsageError(msg, next_step="Say how long its world lasts: @scenario(..., until_ms=3_600_000).")
        end_ms = inf if given.until_ms is None else given.platform.start_ms + given.until_ms
        faults, history = given.faults, history_for(given.invariants)
        environment = Environment(catalog, given.platform, world.externals, world.network, end_ms=end_ms, faults=faults)
        environment.history = history
        return environment

    def _step(self, stage: SteppedStage, world: World, monitor: _Monitor) -> Ending:
        _start_clients(stage, world)
        dispatcher = stage.dispatcher
        while monitor.commits_hold():
            if dispatcher.steps >= self.max_steps:
                return "max_steps"
            if not dispatcher.step():
                return "quiet"
        return "broken"

    def _let_run(self, stage: ThreadStage, world: World, monitor: _Monitor) -> Ending:
        if not monitor.commits_hold():
            return "broken"
        stage.on_commit = monitor.commits_hold
        _start_clients(stage, world)
        return stage.play()


class _Monitor:
    """Asks the invariants of one run, each at its moments, and notes what did not hold."""

    def __init__(self, stage: SteppedStage | ThreadStage, world: World, run: Run) -> None:
        self._stage = stage
        self._world = world
        self._run = run
        self._at_commits = [invariant for invariant in run.scenario.invariants if invariant.when == "always"]
        self._at_end = [invariant for invariant in run.scenario.invariants if invariant.when != "always"]
        self._judged_ts = -1

    def commits_hold(self) -> bool:
        """Ask what must hold at every commit, if there was one since the last time."""
        ts = self._stage.database.snapshot.ts
        if self._at_commits and ts != self._judged_ts:
            self._judged_ts = ts
            self._ask(self._at_commits)
        return not self._run.violations

    def close(self) -> None:
        """Ask what must hold at the end, if the run came to one, and note how it stands."""
        stage, run = self._stage, self._run
        run.steps, run.now, run.view = stage.steps, stage.now, self._look()
        if run.ending == "quiet":
            self._ask(self._at_end)
        elif run.ending == "max_steps":
            run.violations.append(Violation("ends", f"The run did not end within {run.steps} steps.", run.steps))
        elif run.ending == "max_seconds":
            msg = "The run did not end within the real time that it was given (Threads.max_seconds)."
            run.violations.append(Violation("ends", msg, run.steps))
        if run.trace is not None:
            for broken in run.violations:
                run.trace.add(Broken(run.steps, run.now, "", broken.invariant, broken.message))

    def _look(self) -> View:
        stage = self._stage
        return View(stage.environment, stage.database.snapshot, self._world.calls, stage.now)

    def _ask(self, asked: Sequence[Invariant]) -> None:
        view = self._look()
        for invariant in asked:
            broken = judge(invariant, view, self._stage.steps)
            if broken is None:
                continue
            if invariant.when == "sometimes":
                self._run.unseen.append(invariant.name)
            else:
                self._run.violations.append(broken)


def _start_clients(stage: SteppedStage | ThreadStage, world: World) -> None:
    for client in world.clients.values():
        connection = connect(stage, client.name, client.kind)
        ref = stage.start(Client, connection, client.entries, world.calls)
        ref.tell(StartClient(client.name))


def _checked_faults(faults: object) -> Faults:
    if not isinstance(faults, Faults):
        msg = f"{faults!r} is no plan of faults."
        raise UsageError(msg, next_step="Write faults=Faults(crashes=1), say.")
    return faults


def _checked_wait(delay_ms: object) -> float:
    if isinstance(delay_ms, bool) or not isinstance(delay_ms, int | float) or not 0 <= delay_ms < inf:
        msg = f"A client cannot wait for {delay_ms!r}."
        raise UsageError(msg, next_step="Give a finite number of ms, 0 or more.")
    return delay_ms


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        msg = f"{name!r} cannot name a client or scenario."
        raise UsageError(msg, next_step="Use letters, digits, _ and -, beginning with a letter.")
    return name
