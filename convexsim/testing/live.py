"""A live world: a scenario led on by hand, call by call and choice by choice, and judged at every step.

Owns what a hand may do: have a client call, go on for so many choices, let time pass, come to rest.
The same actors, choices and judge run as in `simulation.py`, which differs in that there nobody can come in between.
Time passes only in `wait` and `rest`. Knows no Hypothesis; `machine.py`, which comes next, draws what the hand does.
"""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager
from math import inf, nextafter
from typing import TYPE_CHECKING, Any, Final, Self

from convexsim.actors.stepped import SteppedStage
from convexsim.choices import ChoiceRecord, Choices, FirstChoices
from convexsim.explore.replay import without_trailing_zeros
from convexsim.functions.define import FunctionKind
from convexsim.functions.reference import Reference
from convexsim.invariants import View
from convexsim.simulation import Run, World, checked_scenario
from convexsim.simulation.run import Monitor
from convexsim.simulation.simulation import environment_of, start_client
from convexsim.testing.spelled import as_code
from convexsim.trace.event import Trace

if TYPE_CHECKING:
    from types import TracebackType

    from convexsim.actors.client import Call, Session
    from convexsim.actors.kernel import Future
    from convexsim.simulation import Scenario
    from convexsim.simulation.world import ClientScript

__all__ = ["LiveWorld"]


class _Hand:
    """The script of a client that is led by hand: it makes the calls that it is given, one at a time and in order."""

    def __init__(self, stage: SteppedStage) -> None:
        self._stage = stage
        self._given: deque[Call] = deque()
        self._idle: Future[None] | None = None

    def give(self, call: Call) -> None:
        """Give it one call more."""
        self._given.append(call)
        idle, self._idle = self._idle, None
        if idle is not None:
            idle.set()

    async def __call__(self, session: Session) -> None:
        while True:
            while not self._given:
                self._idle = self._stage.future()
                await self._idle
            await session.make(self._given.popleft())


class LiveWorld(AbstractContextManager["LiveWorld"]):
    """A scenario that is led on by hand; use it as a context manager.

    Args:
        scenario: its body writes what is there from the beginning; its clients go on by themselves.
        choices: who answers; the plain serial order if not given.
        level: the granularity of choices, see `Simulation`.

    Attributes:
        run: what has come of it so far: its violations, its trace. It is over after `close`.

    """

    def __init__(self, scenario: Scenario, choices: Choices | None = None, *, level: int = 2) -> None:
        self._world = World(checked_scenario(scenario).app.catalog())
        scenario.body(self._world)
        self._record: Final = ChoiceRecord(choices if choices is not None else FirstChoices())
        self._done: list[str] = []
        self.run: Final = Run(scenario, self._record, level, trace=Trace())
        environment = environment_of(scenario, self._world)
        self._end_ms: Final = environment.end_ms
        self._stage: Final = SteppedStage(environment, self._record, level, self.run.trace)
        self._monitor: Final = Monitor(self._stage, self._world, self.run)
        self._hands: dict[str, _Hand] = {}

    def __enter__(self) -> Self:
        self._stage.__enter__()
        self._hold()
        self._monitor.always_holds()
        for client in self._world.clients.values():
            self._start(client)
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
        return View(self._stage.environment, self._stage.database, self._world.calls, self.now)

    @property
    def has_clients(self) -> bool:
        """Whether anybody is there who calls anything."""
        return bool(self._hands)

    @property
    def code(self) -> str:
        """What has been done with it so far, and what was chosen, as a program in Python."""
        chosen = list(without_trailing_zeros(self._record.indexes))
        begin = f"LiveWorld({self.run.scenario.name}, ListedChoices({chosen}), level={self.run.level})"
        return "\n    ".join([f"with {begin} as world:", *(f"world.{done}" for done in self._done)])

    def call(
        self, client: str, kind: FunctionKind, function: Reference | str, args: dict[str, Any] | None = None
    ) -> Call:
        """Have a client call a function, once its earlier calls are back; nothing goes on before somebody says so.

        Raises:
            UsageError: there is no such public function.

        """
        script = self._world.client(client)
        if client not in self._hands:
            self._start(script)
        call: Call = getattr(script, kind)(function, args)
        path = self._stage.environment.catalog.resolve_public(function).path
        self._done.append(f'call("{client}", "{kind}", "{path}", {as_code(call.args)})')
        self._hands[client].give(call)
        return call

    def go_on(self, choices: int = 1) -> bool:
        """Go on until so many choices more were made, or nothing is left to do now; return whether they were."""
        self._done.append(f"go_on({choices})")
        until = len(self._record.taken) + choices
        while len(self._record.taken) < until and self._step():
            pass
        return len(self._record.taken) >= until

    def wait(self, ms: float) -> None:
        """Let time pass, and all run that is due before it is over; what is due at its end may run next."""
        self._done.append(f"wait({ms})")
        until = min(self.now + ms, self._end_ms)
        self._run_until(nextafter(until, -inf))
        clock = self._stage.dispatcher.clock
        clock.end = until
        if not self.run.violations and clock.next_deadline() is not None:
            clock.advance()
        clock.now = until
        self._hold()

    def rest(self) -> None:
        """Let everything run, and as much time pass as that takes."""
        self._done.append("rest()")
        self._run_until(self._end_ms)
        self._hold()

    def close(self) -> Run:
        """Come to rest and judge what must hold at the end; return the run, which is over."""
        self._done.append("close()")
        self._run_until(self._end_ms)
        if self.run.violations:
            self.run.ending = "broken"
        self._monitor.close()
        return self.run

    def _start(self, client: ClientScript) -> None:
        hand = self._hands[client.name] = _Hand(self._stage)
        with self._stage.dispatcher.at_work():
            start_client(self._stage, client, [*client.entries, hand], self._world.calls)

    def _hold(self) -> None:
        """Let the clock stand still."""
        self._stage.dispatcher.clock.end = -inf

    def _run_until(self, end_ms: float) -> None:
        """Let everything run that is due until then."""
        self._stage.dispatcher.clock.end = end_ms
        while self._step():
            pass

    def _step(self) -> bool:
        """Handle one message and judge; whether there was one, and all is well."""
        if self.run.violations or self.run.ending != "quiet":
            return False
        if self._stage.steps >= self.run.scenario.max_steps:
            self.run.ending = "max_steps"
            return False
        return self._stage.dispatcher.step() and self._monitor.always_holds()
