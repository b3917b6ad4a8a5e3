"""Reports: what an exploration covered and what it found.

Owns what is kept of many runs and how it reads. Says "no failure found", never "correct", unless every order was run.
"""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from convexsim.explore.switches import switches_of
from convexsim.functions.draws import about_draws
from convexsim.trace.names import one_line
from convexsim.trace.text import story
from convexsim.values import counted

if TYPE_CHECKING:
    from convexsim.explore.switches import Switch
    from convexsim.explore.timed import Late, Timed
    from convexsim.invariants import Violation
    from convexsim.simulation import Run, Scenario

__all__ = ["Finding", "Report"]

_SHOWN_ERRORS: Final = 3
_SHOWN_SWITCHES: Final = 8


@frozen(eq=False)
class Finding:
    """A failure, shrunk.

    Attributes:
        run: the shrunk run, with its events.
        replay: the string that repeats it.
        found_at_run: the number of the run that failed first.
        choices_before: forced choices of that run.
        is_minimal: whether none of those that are left can be left out; False if shrinking did not come to its end.
        late: the latest step of the shrunk run, in a scenario where steps may be late; None if none is.
        timed: what came of looking for it without late steps; None if nobody has.

    """

    run: Run
    replay: str
    found_at_run: int
    choices_before: int
    is_minimal: bool
    late: Late | None = None
    timed: Timed | None = None

    @property
    def choices_after(self) -> int:
        """Forced choices after shrinking."""
        return len(self.run.record.forced)

    @property
    def switches(self) -> tuple[Switch, ...]:
        """The forced choices that are left, in words: what it takes for the failure, besides the scenario."""
        return switches_of(self.run)

    @property
    def effort(self) -> str:
        """How far from the plain serial order one has to go for it."""
        if self.choices_after == 0:
            return "the plain serial order is enough"
        left = counted(self.choices_after, "forced choice")
        shrunk = left if self.choices_before == self.choices_after else f"{self.choices_before} shrunk to {left}"
        return shrunk if self.is_minimal else f"{shrunk}, not shrunk to the end"

    @property
    def violations(self) -> list[Violation]:
        """The invariants that broke."""
        return self.run.violations


@define(eq=False)
class Report:
    """What came of exploring one scenario.

    Attributes:
        explorer: its name and settings.
        runs: how many there were.
        exhausted: whether those are all orders at this level.
        interrupted: whether somebody stopped it.
        finding: the first failure, or None.
        calls: clients' calls, over all runs.
        failed_calls: those that ended with an error, by its message.
        failed_functions: scheduled functions that threw, by their error.
        notes: what the explorer itself has to say.
        random_values: as how many numbers each `ctx.random()` might come out; 0 if nobody drew in any run.
        reached: names of the `sometimes` invariants that held in some run.
        differs_from_step: where the first run, repeated after all others, went another way; None if it did not.

    """

    scenario: Scenario
    explorer: str
    level: int
    runs: int = 0
    exhausted: bool = False
    interrupted: bool = False
    finding: Finding | None = None
    failed_calls: Counter[str] = field(factory=Counter)
    failed_functions: Counter[str] = field(factory=Counter)
    calls: int = 0
    notes: list[str] = field(factory=list)
    differs_from_step: int | None = None
    reached: set[str] = field(factory=set)
    random_values: int = 0

    def add(self, run: Run) -> None:
        """Take one more run into account."""
        self.runs += 1
        self.random_values = max(self.random_values, run.random_values)
        for invariant in self.scenario.invariants:
            if invariant.when == "sometimes" and run.ending == "quiet" and invariant.name not in run.unseen:
                self.reached.add(invariant.name)
        for call in run.calls:
            self.calls += 1
            if call.error is not None:
                self.failed_calls[call.error] += 1
        self.failed_functions.update(run.view.failed_functions())

    @property
    def unreached(self) -> list[str]:
        """The `sometimes` invariants that held in no run: the scenario does not reach what it claims to."""
        names = [invariant.name for invariant in self.scenario.invariants if invariant.when == "sometimes"]
        return [] if self.finding is not None else [name for name in names if name not in self.reached]

    @property
    def holds(self) -> bool:
        """Whether nothing broke and everything that must happen sometimes did."""
        return self.finding is None and not self.unreached and self.runs > 0

    def story(self) -> str:
        """Return what happened in the shrunk failure, event by event; nothing if nothing broke."""
        return story(self.finding.run.trace) if self.finding is not None and self.finding.run.trace is not None else ""

    def __str__(self) -> str:
        return self.told(None if self.finding is None else f"replay: {self.finding.replay}")

    def told(self, how_to_replay: str | None = None) -> str:
        """Return what came of it, in lines; `how_to_replay` stands below the switches, if anything broke."""
        lines = [f"{self.scenario.name}: {self._verdict()}"]
        if self.random_values and self.finding is None:
            lines.append(f"  {about_draws(self.random_values)}")
        lines += [f"  {note}" for note in self.notes]
        lines += [f"  never happened: {name}" for name in self.unreached]
        if self.finding is not None:
            lines += [f"  broken: {broken.invariant}: {one_line(broken.message)}" for broken in self.finding.violations]
            lines.append(f"  found in run {self.finding.found_at_run}; {self.finding.effort}")
            if self.finding.choices_after <= _SHOWN_SWITCHES:
                lines += [f"  {switch}" for switch in self.finding.switches]
            lines += [] if how_to_replay is None else [f"  {how_to_replay}"]
            if self.finding.late is not None:
                lines.append(f"  a step is late in it: {self.finding.late}")
            if self.finding.timed is not None:
                lines.append(f"  {self.finding.timed}")
        return "\n".join(lines + self._doubts())

    def _doubts(self) -> list[str]:
        """Return what may mean that the scenario does not do what its author thinks."""
        lines = []
        if self.differs_from_step is not None:
            where = f"the first run, repeated after all others, goes another way from step {self.differs_from_step} on"
            lines += [f"  STATE OUTLIVES A RUN: {where}.", *_OUTLIVES]
        if not self.scenario.invariants:
            lines.append("  nothing was asked: the scenario has no invariants")
        is_idle = self.finding is None and not self.unreached and self.runs > 0 and not self.calls
        if is_idle and not self.scenario.app.catalog().has_crons:
            lines.append("  NOBODY CALLED ANYTHING, so nothing was tested: let a client of the scenario call something")
        if self.calls and sum(self.failed_calls.values()) == self.calls:
            lines.append("  EVERY CALL FAILED, so hardly anything was tested:")
        for what, failed in (("call", self.failed_calls), ("scheduled function", self.failed_functions)):
            most = sorted(failed.items(), key=lambda item: (-item[1], item[0]))
            where = f" in {self.runs:,} runs" if self.runs > 1 else ""
            shown = [(one_line(error), number) for error, number in most[:_SHOWN_ERRORS]]
            lines += [f"  {counted(number, f'failed {what}')}{where}: {error}" for error, number in shown]
            if len(most) > _SHOWN_ERRORS:
                lines.append(f"  and {counted(len(most) - _SHOWN_ERRORS, 'other error')} of {what}s")
        return lines

    def _verdict(self) -> str:
        faults = f", faults: {self.scenario.faults}" if self.scenario.faults else ""
        late_ms = self.scenario.platform.late_ms
        if late_ms:
            faults += f", steps up to {late_ms:g} ms late" if late_ms < inf else ", steps however late"
        runs = f"{counted(self.runs, 'run')} ({self.explorer}, level {self.level}{faults})"
        if self.finding is not None:
            return f"BROKEN after {runs}"
        if self.exhausted:
            return f"holds in all of {runs}"
        if self.interrupted:
            return f"interrupted; no failure in {runs}"
        return f"no failure in {runs}"


_OUTLIVES: Final = (
    "    So a run is not its choices alone, and in a new process a replay string may mean another run.",
    "    Look for what handlers, scripts or invariants change: a global, a list of a module, a mutable default.",
)
