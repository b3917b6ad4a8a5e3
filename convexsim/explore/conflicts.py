"""The conflict report: which functions lose, how often, to whom, and which read is to blame.

Owns what is added up over many runs: the runs in lockstep and of a random walk, which there always are, and those of an
explorer of one's own. What one run tells stands in `contention.py`, how a report reads in `conflict_text.py`, what is
to be expected of traffic in `arrivals.py`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from convexsim.explore.arrivals import Traffic, exhaustion
from convexsim.explore.check import runs_proposed
from convexsim.explore.conflict_text import conflict_text
from convexsim.explore.contention import Tally, contention_of
from convexsim.explore.explorer import as_explorer
from convexsim.explore.lockstep import Lockstep
from convexsim.explore.random_walk import RandomWalk
from convexsim.explore.replay import encode
from convexsim.simulation import memory_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from convexsim.explore.arrivals import Arrivals, Exhaustion
    from convexsim.explore.contention import Caller, Contention, Loss, Place
    from convexsim.explore.explorer import Explorer
    from convexsim.simulation import Run, Scenario

__all__ = ["Cell", "ConflictReport", "FunctionConflicts", "conflicts"]

SAMPLE_RUNS: Final = 100
"""Runs of the random walk, if nobody says how many."""


@frozen
class FunctionConflicts:
    """What the runs tell of one function.

    Attributes:
        name: its label.
        calls: how many there are in a run; `attempts` at each of them, and `conflicts` in a run: all on average over
            the random walk.
        most_attempts: at one call, in any run.
        worst_conflicts: in the run in which most calls gave up, and of these the one with most conflicts.
        worst_given_up: how many calls gave up in it.
        worst_in: the string that repeats that run; empty if no run had a conflict.
        loses_to: the functions whose writes its verdicts name, with how many of them; the most frequent first.

    """

    name: str
    calls: float
    attempts: float
    conflicts: float
    most_attempts: int
    worst_conflicts: int
    worst_given_up: int
    worst_in: str
    loses_to: tuple[tuple[str, int], ...]


@frozen
class Cell:
    """One place of the heat map: where a function had read what others wrote.

    Attributes:
        function: who lost.
        place: what it had read.
        conflicts: in how many of its conflicts somebody had written there.
        decisive: how many of these would not have been if it had not read there; in the others something else was hit,
            too, in the places of `besides`, with how many of these conflicts, the most frequent first.
        decisive_both: how many would not have been if it had read neither there nor in the first of `besides`.
        of: how many conflicts the function had in all runs.
        writers: who wrote there, with how many of the conflicts.
        updates: whether it changes documents of that table itself, which it cannot do without reading them.

    """

    function: str
    place: Place
    conflicts: int
    decisive: int
    decisive_both: int
    besides: tuple[tuple[Place, int], ...]
    of: int
    writers: tuple[tuple[str, int], ...]
    updates: bool


@frozen
class ConflictReport:
    """Who loses to whom, and because of which reads; its text is for people.

    Attributes:
        scenario: its name; `level` the granularity of choices.
        explorers: who proposed the runs: lockstep, the random walk, whoever was asked for.
        runs: how many runs that were in all; `sample_runs` how many of them the random walk made, and `cut_short` how
            many ended before all was done: something that must always hold did not, or a limit was reached.
        functions: what they tell, by function; who had most conflicts comes first.
        cells: the heat map, the hottest first.
        traffic: who calls, and who loses to whom, as measured.

    """

    scenario: str
    level: int
    explorers: tuple[str, ...]
    runs: int
    sample_runs: int
    cut_short: int
    functions: tuple[FunctionConflicts, ...]
    cells: tuple[Cell, ...]
    traffic: Traffic

    @property
    def conflicts(self) -> int:
        """How many conflicts there were in all runs."""
        return sum(count for function in self.functions for _, count in function.loses_to)

    def exhaustion(self, arrivals: Arrivals) -> tuple[Exhaustion, ...]:
        """Return how likely calls use up their retries if they come so often, by function.

        Only of mutations that clients or actions call: what is scheduled tries for as long as it takes. A model
        (`arrivals.py`), in which whoever met loses as often as in these runs, whatever it met before.
        """
        callers = sorted(caller for caller in self.traffic.shares if not caller.is_patient)
        return tuple(exhaustion(caller, self.traffic, arrivals) for caller in callers)

    def __str__(self) -> str:
        return conflict_text(self)


def conflicts(
    scenario: Scenario,
    explorer: Explorer | None = None,
    *,
    sample: RandomWalk | None = None,
    level: int = 2,
    on_run: Callable[[int], None] | None = None,
) -> ConflictReport:
    """Run a scenario in many orders and report who loses to whom, and because of which reads.

    Args:
        scenario: the world; what must hold in it does not matter here, but a run that breaks an `always` ends there.
        explorer: who proposes orders besides lockstep and the random walk.
        sample: the random walk of which the averages are; of 100 runs if not given.
        level: the granularity of choices, 1 or 2; at level 3 there are no conflicts.
        on_run: called after every run with its number; a KeyboardInterrupt raised in it ends it with what is known, if
            there is a run of the walk among that.

    """
    walk = RandomWalk(SAMPLE_RUNS) if sample is None else as_explorer(sample)
    explorers: list[Explorer] = [Lockstep(), walk, *([] if explorer is None else [as_explorer(explorer)])]
    memory = memory_for(scenario)
    sums = _Sums()
    try:
        for each in explorers:
            for run in runs_proposed(scenario, each, level, memory, traced=True):
                sums.add(run, is_sample=each is walk)
                if on_run is not None:
                    on_run(sums.runs)
    except KeyboardInterrupt:
        if not sums.sample_runs:
            raise
    names = tuple(each.name for each in explorers)
    functions = sorted(map(sums.function, sorted(sums.attempts)), key=lambda one: -sum(dict(one.loses_to).values()))
    cells = sorted(sums.cells(), key=lambda cell: (-cell.conflicts, cell.function, cell.place))
    counts = (sums.runs, sums.sample_runs, sums.cut_short)
    return ConflictReport(scenario.name, level, names, *counts, tuple(functions), tuple(cells), sums.traffic())


@define
class _Worst:
    tally: Tally
    replay: str


@define
class _Sums:
    """The sums over all runs, and those over the sample."""

    runs: int = 0
    sample_runs: int = 0
    cut_short: int = 0
    sampled: dict[str, Tally] = field(factory=dict)
    attempts: Counter[str] = field(factory=Counter)
    worst: dict[str, _Worst] = field(factory=dict)
    losses: list[Loss] = field(factory=list)
    met: Counter[tuple[str, str]] = field(factory=Counter)
    lost: Counter[tuple[str, str]] = field(factory=Counter)
    callers: Counter[Caller] = field(factory=Counter)
    updates: set[tuple[str, str]] = field(factory=set)

    def add(self, run: Run, *, is_sample: bool) -> None:
        """Take one more run into account."""
        found = contention_of(run)
        self.runs += 1
        self.sample_runs += is_sample
        self.cut_short += run.ending != "quiet"
        for name, tally in found.tallies.items():
            self.attempts[name] = max(self.attempts[name], tally.most_attempts)
            if is_sample:
                _add(self.sampled.setdefault(name, Tally()), tally)
            known = self.worst.get(name)
            if tally.conflicts and (known is None or _badness(tally) > _badness(known.tally)):
                self.worst[name] = _Worst(tally, encode(run))
        self._add_all(found)

    def _add_all(self, found: Contention) -> None:
        self.losses += found.losses
        self.met.update(found.met)
        self.lost.update(found.lost)
        self.callers.update(found.callers)
        self.updates |= found.updates

    def function(self, name: str) -> FunctionConflicts:
        """Return what there is to say of one function."""
        mean = self.sampled.get(name, Tally())
        worst = self.worst.get(name, _Worst(Tally(), ""))
        loses_to = Counter(loss.writer for loss in self.losses if loss.function == name)
        return FunctionConflicts(
            name,
            calls=mean.calls / self.sample_runs,
            attempts=mean.attempts / max(mean.calls, 1),
            conflicts=mean.conflicts / self.sample_runs,
            most_attempts=self.attempts[name],
            worst_conflicts=worst.tally.conflicts,
            worst_given_up=worst.tally.given_up,
            worst_in=worst.replay,
            loses_to=tuple(loses_to.most_common()),
        )

    def cells(self) -> list[Cell]:
        """Return the heat map."""
        of = Counter(loss.function for loss in self.losses)
        hit: dict[tuple[str, Place], list[Loss]] = {}
        for loss in self.losses:
            for place in loss.hits:
                hit.setdefault((loss.function, place), []).append(loss)
        return [self._cell(function, place, losses, of[function]) for (function, place), losses in hit.items()]

    def _cell(self, function: str, place: Place, losses: list[Loss], of: int) -> Cell:
        besides = Counter(other for loss in losses for other in loss.hits if other != place).most_common()
        both = {place, *(other for other, _ in besides[:1])}
        writers = Counter(writer for loss in losses for writer in loss.hits[place])
        table = place.index.rpartition(".")[0]
        return Cell(
            function,
            place,
            conflicts=len(losses),
            decisive=sum(len(loss.hits) == 1 for loss in losses),
            decisive_both=sum(loss.hits.keys() <= both for loss in losses),
            besides=tuple(besides),
            of=of,
            writers=tuple(writers.most_common()),
            updates=(function, table) in {(name, key.lstrip("/")) for name, key in self.updates},
        )

    def traffic(self) -> Traffic:
        """Return who calls, for each call that a client or an action makes, and who loses to whom."""
        impatient = sum(count for caller, count in self.callers.items() if not caller.is_patient)
        shares = {caller: count / max(impatient, 1) for caller, count in sorted(self.callers.items())}
        odds = {pair: self.lost[pair] / count for pair, count in sorted(self.met.items()) if self.lost[pair]}
        return Traffic(shares, odds)


def _add(to: Tally, more: Tally) -> None:
    to.calls += more.calls
    to.attempts += more.attempts
    to.conflicts += more.conflicts


def _badness(tally: Tally) -> tuple[int, int]:
    return tally.given_up, tally.conflicts
