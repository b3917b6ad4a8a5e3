"""Blocks: the pieces of a campaign, each of which can be explored by whoever has time, and comes out the same.

Owns how a scenario is explored (`Plan`), what a piece of that is (`Block`) and what comes of one (`Tally`, plain data
that goes through a pipe or into a file). A block follows from the plan and its own number, never from another block:
so it does not matter who explores which, in what order, or how often somebody was stopped. Knows no process and no
file. Next: `campaign.py`, which puts the tallies together.

A sampler is cut into blocks of `BLOCK` runs: run n of a campaign is run n of the very sampler that `check` would be
given. What searches in one piece, such as Dpor, is one block.
"""

from __future__ import annotations

from contextlib import contextmanager
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, evolve, field, frozen

from convexsim.choices import ListedChoices
from convexsim.explore.catalogue import Settings, explorer_named
from convexsim.explore.check import finding_of, runs_proposed, where_it_differs
from convexsim.explore.explorer import Divisible, Thinker, learnt_by
from convexsim.explore.meter import FIRST_LOOK
from convexsim.explore.outcome import outcome_of
from convexsim.explore.report import Finding, Report
from convexsim.explore.shape import shape_of
from convexsim.explore.timed import Timed, latest
from convexsim.explore.trace_key import Recording, makes_traces, trace_key
from convexsim.simulation import Simulation, memory_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from convexsim.explore.explorer import Explorer
    from convexsim.functions.memory import Memory
    from convexsim.simulation import Run, Scenario

__all__ = ["BLOCK", "RECORDED", "Block", "Memories", "Plan", "Sighting", "Tally", "explore_block", "merged"]

BLOCK: Final = FIRST_LOOK
"""Runs of a block, so that the meter looks where blocks end."""
RECORDED: Final = 5
"""One run in so many is asked for its trace: that takes it half as long again. Some explorers ask all of theirs."""


@frozen
class Plan:
    """How a scenario is explored.

    Attributes:
        explorer: its name in the catalogue.
        seed: the same seed gives the same runs.
        level: the granularity of choices, see `Simulation`.
        keeps_going: whether the first failure is not the end.

    """

    explorer: str = "random"
    seed: int = 0
    level: int = 2
    keeps_going: bool = False

    def explorer_for(self, block: Block) -> Explorer:
        """Return an explorer that makes the runs of a block, after the serial one."""
        explorer = explorer_named(self.explorer, Settings(block.runs, self.seed))
        if isinstance(explorer, Divisible):
            explorer.skip(block.number * BLOCK)
        return explorer


@frozen
class Block:
    """A piece of a campaign.

    Attributes:
        number: which, from 0.
        runs: how many it has at most.

    """

    number: int
    runs: int


@frozen
class Sighting:
    """A failure as one block has seen it, shrunk.

    Attributes:
        invariant: what broke first.
        message: how it said so.
        shape: see `shape_of`.
        indexes: the shrunk run as its list of choices; `replay` is the same as a string.
        found_at_run: the number of the run that failed first.
        choices_before: forced choices of that run.
        is_minimal: see `Finding`, as for `timed`.
        times: in how many runs it was seen.

    """

    invariant: str
    message: str
    shape: str
    indexes: tuple[int, ...]
    replay: str
    found_at_run: int
    choices_before: int
    is_minimal: bool
    timed: Timed | None = None
    times: int = 1

    @classmethod
    def of(cls, found: Finding) -> Sighting:
        """Return what is kept of a finding."""
        broken = found.violations[0]
        return cls(
            invariant=broken.invariant,
            message=broken.message,
            shape=shape_of(found.run),
            indexes=found.run.indexes,
            replay=found.replay,
            found_at_run=found.found_at_run,
            choices_before=found.choices_before,
            is_minimal=found.is_minimal,
            timed=found.timed,
        )

    def again(self, scenario: Scenario, level: int) -> Finding:
        """Return the finding, its run repeated."""
        run = Simulation(scenario, ListedChoices(self.indexes), level=level).run()
        assert run.trace is not None
        return Finding(
            run,
            self.replay,
            self.found_at_run,
            self.choices_before,
            self.is_minimal,
            late=latest(run.trace),
            timed=self.timed,
        )

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Sighting:
        """Read back what `Tally.to_json` has told of it."""
        timed = None if told["timed"] is None else Timed(**told["timed"])
        return cls(**{**told, "indexes": tuple(told["indexes"]), "timed": timed})


@frozen
class Tally:
    """What came of a block.

    Attributes:
        block: its number.
        size: how many runs it could have had.
        runs: how many it had.
        explorer: how the explorer called itself at the end.
        exhausted: whether it has run every order.
        learnt: what it has learnt, see `Divisible`.
        notes: what else it had to say.
        keys: of each run the key of its end.
        trace_keys: the key of its trace, of each run that was asked for it.
        calls: clients' calls.
        failed_calls: those that ended with an error, by its message.
        failed_functions: scheduled functions that threw, by their error.
        reached: the `sometimes` invariants that held in some run.
        random_values: see `Report`.
        sightings: the distinct failures.
        differs_from_step: where the serial run went another way at the end of the block.
        is_whole: whether nobody stopped it before its end.
        error: why it could not be explored, in one line; empty if it could.

    """

    block: int
    size: int
    runs: int = 0
    explorer: str = ""
    exhausted: bool = False
    learnt: tuple[int, ...] = ()
    notes: list[str] = field(factory=list)
    keys: list[str] = field(factory=list)
    trace_keys: list[str] = field(factory=list)
    calls: int = 0
    failed_calls: Mapping[str, int] = field(factory=dict)
    failed_functions: Mapping[str, int] = field(factory=dict)
    reached: list[str] = field(factory=list)
    random_values: int = 0
    sightings: list[Sighting] = field(factory=list)
    differs_from_step: int | None = None
    is_whole: bool = True
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Tally:
        """Read back what `to_json` has told."""
        seen = [Sighting.from_json(each) for each in told["sightings"]]
        return cls(**{**told, "learnt": tuple(told["learnt"]), "sightings": seen})


def explore_block(
    scenario: Scenario,
    plan: Plan,
    block: Block,
    on_run: Callable[[int], None],
    memory: Memory | None = None,
) -> Tally:
    """Explore one block of a campaign.

    Args:
        scenario: the world and what must hold in it.
        plan: how it is explored.
        block: which piece of that.
        on_run: called after every run, also those of a shrinking, and while an explorer thinks for long, with how many
            runs the block has had; a KeyboardInterrupt raised in it ends the block with what was found.
        memory: what other blocks have worked out, which changes nothing but how long it takes; see `Memories`.

    """
    explorer = plan.explorer_for(block)
    report = Report(scenario, explorer.name, plan.level)
    watch = _Watch(on_run, report, explorer)
    failures = _Failures(block.number * BLOCK, watch)
    keys = _Keys(makes_traces=makes_traces(scenario, plan.level))
    proposing = Recording(explorer, RECORDED) if keys.makes_traces else explorer
    first: Run | None = None
    with watch.until_stopped():
        for run in runs_proposed(scenario, proposing, plan.level, memory):
            if first is None:
                first = run
                if block.number:
                    continue  # the first block has counted the serial run
            report.add(run)
            keys.add(run)
            if run.violations:
                failures.add(run, keys.ends[-1])
                if not plan.keeps_going:
                    break
            watch.look(run)
    assert first is not None, "an explorer that has not begun proposes a run"
    sightings = merged(failures.by_end.values())
    repeats = not watch.stopped and (report.runs > 1 or sightings)
    return Tally(
        block=block.number,
        size=block.runs,
        runs=report.runs,
        explorer=explorer.name,
        exhausted=explorer.exhausted,
        learnt=learnt_by(explorer),
        notes=list(getattr(explorer, "notes", ())),
        keys=keys.ends,
        trace_keys=keys.traces,
        calls=report.calls,
        failed_calls=report.failed_calls,
        failed_functions=report.failed_functions,
        reached=sorted(report.reached),
        random_values=report.random_values,
        sightings=sightings,
        differs_from_step=where_it_differs(first) if repeats else None,
        is_whole=not watch.stopped,
    )


class _Keys:
    """The keys of runs: of each that of its end, and that of its trace where that was asked for."""

    def __init__(self, *, makes_traces: bool) -> None:
        self.makes_traces: Final = makes_traces
        self.ends: list[str] = []
        self.traces: list[str] = []

    def add(self, run: Run) -> None:
        self.ends.append(intern(outcome_of(run).hex()))
        if self.makes_traces and run.footprints is not None:
            self.traces.append(intern(trace_key(run).hex()))


class Memories:
    """What the blocks of the scenario that somebody is at have worked out, so that the next block need not."""

    def __init__(self) -> None:
        self._newest: tuple[Scenario, Memory] | None = None

    def of(self, scenario: Scenario) -> Memory:
        """Return what is known of a scenario; what was known of another one is forgotten."""
        if self._newest is None or self._newest[0] is not scenario:
            self._newest = scenario, memory_for(scenario)
        return self._newest[1]


class _Watch:
    """Somebody who is told of every run, and whether he has stopped the block."""

    def __init__(self, on_run: Callable[[int], None], report: Report, explorer: Explorer) -> None:
        if isinstance(explorer, Thinker):
            explorer.on_thought = self.look
        self._on_run = on_run
        self.report: Final = report
        self.stopped = False

    def look(self, _: Run | None = None) -> None:
        try:
            self._on_run(self.report.runs)
        except KeyboardInterrupt:
            self.stopped = True
            raise

    @contextmanager
    def until_stopped(self) -> Iterator[None]:
        """End the block where he stops it; an interrupt of somebody else's is none of its ends."""
        try:
            yield
        except KeyboardInterrupt:
            if not self.stopped:
                raise


class _Failures:
    """The failures of one block, by how they ended: those that end alike are shrunk once."""

    def __init__(self, before: int, watch: _Watch) -> None:
        self._before = before
        self._watch = watch
        self.by_end: dict[tuple[str, str], Sighting] = {}

    def add(self, run: Run, key: str) -> None:
        end = (run.violations[0].invariant, key)
        seen = self.by_end.get(end)
        if seen is not None:
            self.by_end[end] = evolve(seen, times=seen.times + 1)
            return
        number = self._before + self._watch.report.runs
        self.by_end[end] = Sighting.of(finding_of(run, number, self._watch.look))


def merged(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Return one sighting of each failure, the first one, with how often it was seen in all."""
    found: dict[tuple[str, str], Sighting] = {}
    for each in sightings:
        known = found.get((each.invariant, each.shape))
        found[each.invariant, each.shape] = each if known is None else evolve(known, times=known.times + each.times)
    return list(found.values())
