"""Runs: what came of one list of choices, and who notes what did not hold in it.

Owns the moments at which invariants are asked; what they are stands in `invariants/`, who steps in `simulation.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import define, field

from convexsim.database.write_log import WriteLog
from convexsim.invariants import View, Violation, judge, looks_back
from convexsim.simulation.watched import watch
from convexsim.trace.event import Broken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.actors.client import Call
    from convexsim.actors.footprints import Footprints
    from convexsim.actors.stepped import SteppedStage
    from convexsim.actors.threads import ThreadStage
    from convexsim.choices import ChoiceRecord
    from convexsim.invariants import Invariant
    from convexsim.simulation.scenario import Scenario
    from convexsim.simulation.world import World
    from convexsim.trace.event import Trace

__all__ = ["Ending", "Monitor", "Run"]

Ending = Literal["quiet", "broken", "max_steps", "max_seconds"]


@define(eq=False)
class Run:
    """What came of one list of choices.

    Attributes:
        ending: ``quiet`` (nothing is left, or the world's time is over), ``broken`` (an `always` invariant failed), or
            which limit was reached.
        level: the granularity of its choices, see `Simulation`.
        violations: the invariants that did not hold.
        unseen: names of the `sometimes` invariants that did not hold in this run.
        random_values: as how many numbers each `ctx.random()` might come out; 0 if nobody drew.
        steps: messages handled; `now` the virtual time at the end, in ms.
        trace: its events; None if nobody asked for them.
        footprints: what each step has read and written; None if the choices did not ask for it.
        log: which keys each commit has touched.
        view: the world at the end, for questions.

    """

    scenario: Scenario
    record: ChoiceRecord
    level: int
    ending: Ending = "quiet"
    violations: list[Violation] = field(factory=list)
    unseen: list[str] = field(factory=list)
    random_values: int = 0
    steps: int = 0
    now: float = 0.0
    trace: Trace | None = None
    footprints: Footprints | None = None
    log: WriteLog = field(factory=WriteLog)
    view: View = field(default=None)

    @property
    def indexes(self) -> tuple[int, ...]:
        """The run as its list of choices."""
        return self.record.indexes

    @property
    def calls(self) -> list[Call]:
        """The clients' calls and how they ended."""
        return self.view.calls()


class Monitor:
    """Asks the invariants of one run, each at its moments, and notes what did not hold."""

    def __init__(self, stage: SteppedStage | ThreadStage, world: World, run: Run) -> None:
        self._stage = stage
        self._world = world
        self._run = run
        self._always = [invariant for invariant in run.scenario.invariants if invariant.when == "always"]
        self._at_end = [invariant for invariant in run.scenario.invariants if invariant.when != "always"]
        self._looks_back = looks_back(run.scenario.invariants)
        self._last: View | None = None
        self._judged = (-1, -1)

    @property
    def looks_always(self) -> bool:
        """Whether anything must always hold, or the past is to be kept."""
        return bool(self._always) or self._looks_back

    def always_holds(self) -> bool:
        """Ask what must always hold, if there was a commit, or a use of the outside, since the last time."""
        stage = self._stage
        moment = (stage.database.snapshot.ts, stage.environment.uses)
        if moment != self._judged:
            self._judged = moment
            if self.looks_always:
                self._ask(self._always, self._look())
        return not self._run.violations

    def close(self) -> None:
        """Ask what must hold at the end, if the run came to one, and note how it stands."""
        stage, run = self._stage, self._run
        run.steps, run.now, run.view, run.log = stage.steps, stage.now, self._look(), stage.database.log
        run.random_values = stage.environment.platform.random_values if stage.environment.drew else 0
        if run.ending == "quiet" and self.always_holds():  # on threads a use of the outside may have come last
            self._ask(self._at_end, run.view)
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
        view = View(stage.environment, stage.database, self._world.calls, stage.now, self._last)
        if self._looks_back:
            self._last = view
        return view

    def _ask(self, asked: Sequence[Invariant], view: View) -> None:
        footprints = self._stage.footprints
        for invariant in asked:
            broken = judge(invariant, view, self._stage.steps)
            if footprints is not None:
                watch(footprints, invariant, view)
            if broken is None:
                continue
            if invariant.when == "sometimes":
                self._run.unseen.append(invariant.name)
            else:
                self._run.violations.append(broken)
