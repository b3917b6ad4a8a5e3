"""Simulation: builds the actors of a world, repeats "list enabled steps, choose, step" until quiet, and returns a run.

Knows no search: `explore/` decides which choices to try.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Literal

from attrs import define, field

from convexsim.actors.client import Client
from convexsim.actors.connection import connect
from convexsim.actors.messages import StartClient
from convexsim.actors.stepped import SteppedStage
from convexsim.actors.threads import Threads, ThreadStage
from convexsim.choices import ChoiceRecord, FirstChoices
from convexsim.errors import UsageError
from convexsim.functions.environment import Environment
from convexsim.functions.memory import Memory
from convexsim.invariants import history_for
from convexsim.simulation.run import Monitor, Run
from convexsim.simulation.scenario import Scenario, checked_scenario
from convexsim.simulation.world import World
from convexsim.trace.event import Trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.actors.client import Call, Entry
    from convexsim.choices import Choices
    from convexsim.simulation.run import Ending
    from convexsim.simulation.world import ClientScript

__all__ = ["Simulation", "environment_of", "memory_for", "run_again", "start_client", "start_clients"]


@define(eq=False)
class Simulation:
    """One run of one scenario under one list of choices.

    Attributes:
        choices: who answers; the plain serial run if not given. What they hold as `footprints` (`Footprints`) is told
            what each step has read and written.
        level: the granularity of choices: 1 every message, 2 begins and commits, 3 a mutation is one step.
        trace: whether to keep the events.
        max_steps: where to stop; the scenario's own limit if not given.
        memory: what other runs of the scenario have worked out, for explorers; None for a run by itself.
        mode: ``stepped``, one message at a time, or ``threads``: the same actors on real threads, as a stress test
            (`Threads` says more exactly how). No choices decide their order, so nothing replays it; events stand in the
            order of real time. There the committer's thread judges `always`, before anybody hears of a commit.

    """

    scenario: Scenario
    choices: Choices | None = None
    level: int = field(default=2, kw_only=True)
    trace: bool = field(default=True, kw_only=True)
    max_steps: int = field(kw_only=True)
    mode: Literal["stepped", "threads"] | Threads = field(default="stepped", kw_only=True)
    memory: Memory | None = field(default=None, kw_only=True)
    _record: ChoiceRecord = field(init=False)
    _trace: Trace | None = field(init=False)
    _ran: bool = field(init=False, default=False)

    @max_steps.default
    def _find_max_steps(self) -> int:
        return checked_scenario(self.scenario).max_steps

    def __attrs_post_init__(self) -> None:
        if not __debug__:
            msg = "Python runs without assertions (-O or PYTHONOPTIMIZE), so no invariant that asserts could fail."
            raise UsageError(msg, next_step="Run it without that option.")
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
        self._record = ChoiceRecord(_checked_choices(self.choices) if self.choices is not None else FirstChoices())
        self._trace = Trace() if self.trace else None

    def run(self) -> Run:
        """Run to the end: until nothing is left to do, an `always` invariant breaks, or a limit is reached.

        Raises:
            UsageError: it has run before; a simulation is one run.

        """
        if self._ran:
            raise UsageError("This simulation has already run.", next_step="Make another Simulation for another run.")
        self._ran = True
        world = World(self.scenario.app.catalog())
        self.scenario.body(world)
        environment = environment_of(self.scenario, world)
        environment.memory = self.memory
        run = Run(self.scenario, self._record, self.level, trace=self._trace)
        if self.mode == "stepped":
            run.footprints = getattr(self.choices, "footprints", None)
            with SteppedStage(environment, self._record, self.level, self._trace, run.footprints) as stepped:
                monitor = Monitor(stepped, world, run)
                run.ending = self._step(stepped, world, monitor)
        else:
            settings = Threads() if self.mode == "threads" else self.mode
            with ThreadStage(environment, self._record, self._trace, settings, self.max_steps) as threads:
                monitor = Monitor(threads, world, run)
                run.ending = self._let_run(threads, world, monitor)
        monitor.close()
        if run.footprints is not None and self.memory is not None and self.memory.has_changed:
            run.footprints.total["handlers change what they share in Python"] = None
        return run

    def _step(self, stage: SteppedStage, world: World, monitor: Monitor) -> Ending:
        start_clients(stage, world)
        dispatcher, looks = stage.dispatcher, monitor.looks_always
        while not looks or monitor.always_holds():
            if dispatcher.steps >= self.max_steps:
                return "max_steps"
            if not dispatcher.step():
                return "quiet"
        return "broken"

    def _let_run(self, stage: ThreadStage, world: World, monitor: Monitor) -> Ending:
        if not monitor.always_holds():
            return "broken"
        stage.on_commit = monitor.always_holds
        start_clients(stage, world)
        return stage.play()


def run_again(run: Run, choices: Choices, *, trace: bool = True, memory: Memory | None = None) -> Run:
    """Run the scenario of a run once more, with the same settings and other choices; see `Simulation`."""
    return Simulation(run.scenario, choices, level=run.level, trace=trace, memory=memory).run()


def memory_for(scenario: Scenario) -> Memory:
    """Return a memory for the runs of a scenario that knows nothing yet."""
    return Memory(checked_scenario(scenario).app.catalog().shared_state)


def environment_of(given: Scenario, world: World) -> Environment:
    """Return what the functions of a scenario share, in a world that its body has written.

    Raises:
        UsageError: it would never end.

    """
    catalog = given.app.catalog()
    if given.until_ms is None and any(each.has_crons for each in world.catalogs):
        msg = f"An app of {given.name} has crons, so it never comes to rest."
        raise UsageError(msg, next_step="Say how long its world lasts: @scenario(..., until_ms=3_600_000).")
    end_ms = inf if given.until_ms is None else given.platform.start_ms + given.until_ms
    outside = world.externals, world.network
    environment = Environment(catalog, given.platform, *outside, end_ms=end_ms, faults=given.faults)
    environment.history = history_for(given.invariants)
    environment.has_deploys = len(world.catalogs) > 1
    return environment


def start_clients(stage: SteppedStage | ThreadStage, world: World) -> None:
    """Start the clients of a world, each with its entries."""
    for client in world.clients.values():
        start_client(stage, client, client.entries, world.calls)


def start_client(
    stage: SteppedStage | ThreadStage, client: ClientScript, entries: Sequence[Entry], calls: list[Call]
) -> None:
    """Start a client, which goes through some entries; what its scripts call is added to the calls."""
    connection = connect(stage, client.name, client.kind)
    ref = stage.start(Client, connection, entries, calls)
    ref.tell(StartClient(client.name))


def _checked_choices(choices: Choices) -> Choices:
    if not hasattr(choices, "choose") or isinstance(choices, type):
        msg = f"{choices!r} answers no choices."
        advice = "Pass choices such as LockstepChoices(); an explorer goes to check(scenario, explorer)."
        raise UsageError(msg, next_step=advice)
    return choices
