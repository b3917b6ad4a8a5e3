"""The stage: what an actor of the runtime finds around itself, whatever runs it.

Owns the protocol between the runtime's actors and the two ways of running them: `stepped.py`, one message at a time in
a chosen order, and `threads.py`, on Pykka's own threads. Actors know this protocol and nothing of either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from convexsim.actors.kernel import Actor
from convexsim.trace.event import Faulted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from convexsim.actors.footprints import Footprints
    from convexsim.actors.kernel import ActorRef, Future
    from convexsim.choices import Kind, Option
    from convexsim.database.commit import Database
    from convexsim.faults import Fault, FaultChoices
    from convexsim.functions.environment import Environment
    from convexsim.trace.event import Event, Trace

__all__ = ["RuntimeActor", "Stage", "Timer", "may_strike", "note", "skew_ms", "strikes"]


class Timer(Protocol):
    """Something that will happen, and may be called off."""

    def cancel(self) -> None:
        """Call it off; nothing happens if it has already happened."""
        ...


class Stage(Protocol):
    """The surroundings of every actor of one simulation.

    Attributes:
        environment: the catalog, the platform's parameters and the outside objects.
        database: the committed state; only the committer changes it.
        trace: where events go; None while nobody looks.
        faults: who says whether something goes wrong.
        action_ms: how long an action may run; on threads inf, because there time passes by itself.
        in_flight: the answers that clients wait for, by activity; a dead node never gives them.
        crons: the cron executor; only a world with crons has one.

    """

    environment: Environment
    database: Database
    trace: Trace | None
    faults: FaultChoices
    action_ms: float
    in_flight: dict[str, Future[Any]]
    committer: ActorRef[Any]
    scheduler: ActorRef[Any]
    crons: ActorRef[Any]
    outside: ActorRef[Any]

    @property
    def footprints(self) -> Footprints | None:
        """Where steps say what they have read and written; None while nobody asks."""
        ...

    @property
    def steps(self) -> int:
        """How many messages have been handled."""
        ...

    @property
    def now(self) -> float:
        """Virtual time in ms."""
        ...

    def start(self, actor_class: Any, *args: Any) -> ActorRef[Any]:
        """Start an actor of the runtime on this stage."""
        ...

    def runner(self) -> ActorRef[Any]:
        """Return the actor that is to run one execution."""
        ...

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the index of one option: the door to `choices.py`."""
        ...

    def future(self) -> Future[None]:
        """Return a future for somebody to resolve."""
        ...

    def sleep(self, delay_ms: float) -> Future[None]:
        """Return a future that is resolved after some virtual time."""
        ...

    def fail(self, exception: BaseException) -> None:
        """End the simulation with an exception that nobody else would see."""
        ...

    def after(self, delay_ms: float, receiver: ActorRef[Any], message: Any, *, idle: bool = False) -> Timer:
        """Send a message after some virtual time; if `idle`, only in case that the world lasts so long anyway."""
        ...

    def bury(self, running: Generator[Any, Any, Any]) -> None:
        """Keep a dead handler where it stands until the simulation is over: no `finally` of it may run before."""
        ...

    def restart(self) -> None:
        """Let the backend's process die and start again; only the database remembers."""
        ...


class RuntimeActor(Actor):
    """An actor of the runtime; `stage.py`'s two implementations give it an inbox and a loop.

    What it answers is an outcome, never an exception: one that comes out of it ends the simulation, whoever asked.
    """

    is_infallible = True

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        """End the simulation: an actor of the runtime never fails by itself."""
        self.stage.fail(exception_value)


def note(stage: Stage, kind: Callable[..., Event], activity: str, *facts: Any) -> None:
    """Add an event to the trace, if anybody looks."""
    if stage.trace is not None:
        stage.trace.add(kind(stage.steps, stage.now, activity, *facts))


def strikes(stage: Stage, fault: Fault, activity: str, *ways: str) -> int:
    """Ask whether a fault strikes here, and note it; 0 if not, else which of its ways it takes (`FaultChoices`)."""
    if not may_strike(stage, fault):
        return 0
    way = stage.faults.strikes(fault, activity, *ways)
    if way and stage.footprints is not None:
        stage.footprints.touch(_budget_of(fault))
    if stage.footprints is not None:
        stage.footprints.show("faults")
    if way:
        note(stage, Faulted, activity, fault, stage.environment.struck[-1].how)
    return way


def may_strike(stage: Stage, fault: Fault) -> bool:
    """Whether a fault can still strike. Who asks takes notice of its budget, which others spend."""
    if stage.footprints is not None and stage.faults.plan.budget(fault):
        stage.footprints.touch(_budget_of(fault), changes=False)
    return fault in stage.faults.left


def _budget_of(fault: Fault) -> str:
    return f"budget of the fault {fault}"


def skew_ms(stage: Stage, activity: str) -> float:
    """Return how far ahead the clock is by which an execution goes, in ms; 0 for the true one."""
    if not may_strike(stage, "skew"):
        return 0
    skews = stage.faults.plan.skews_ms
    which = strikes(stage, "skew", activity, *(_clock(skew) for skew in skews))
    return skews[which - 1] if which else 0


def _clock(skew: float) -> str:
    return f"a clock {abs(skew):,g} ms {'ahead' if skew > 0 else 'behind'}"
