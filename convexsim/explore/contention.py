"""Contention: what one run tells of who lost to whom, and because of which reads.

Owns the second look at a conflict. The verdict names the first key that was hit; here each lost attempt is judged once
more against every commit since its begin, so that one can say which conflicts would not have been had a place not been
read. What a conflict is, `database/commit.py` alone knows. Next: `conflicts.py`, which adds up runs.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import define, field, frozen

from convexsim.actors.retry import OCC_FAILURE, RETRY
from convexsim.choices import root_of
from convexsim.database.commit import find_conflicts
from convexsim.database.reads import ReadSet
from convexsim.functions.outcome import GaveUp
from convexsim.trace import event
from convexsim.trace.names import Shapes
from convexsim.values.keys import after, prefix_end

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.actors.retry import RetryPolicy
    from convexsim.database.commit import Conflict
    from convexsim.database.index import Interval
    from convexsim.database.write_log import LogEntry
    from convexsim.simulation import Run

__all__ = ["Caller", "Contention", "Loss", "Place", "Tally", "contention_of"]

Extent = Literal["key", "range", "index"]

_WHOLE: Final = (b"", prefix_end(b""))


@frozen(order=True)
class Place:
    """Where reads and writes meet.

    Attributes:
        index: its key (``component/table.index``).
        keys: what was read of it, spelled alike in all runs: every id is ``<id>``.
        extent: whether that is one ``key``, a ``range`` of keys, or the whole ``index``.

    """

    index: str
    keys: str
    extent: Extent


@frozen(order=True)
class Caller:
    """A mutation, and how often it tries.

    Attributes:
        function: its label.
        is_patient: whether it tries for as long as it takes, as scheduled functions and crons do.

    """

    function: str
    is_patient: bool

    @property
    def policy(self) -> RetryPolicy:
        """How it is retried."""
        return RETRY["scheduled" if self.is_patient else "client"]


@frozen
class Loss:
    """One conflict, judged against all commits since its begin.

    Attributes:
        function: who lost.
        writer: whose write the verdict names.
        hits: every place that somebody wrote to, that of the verdict first, and which functions did.

    """

    function: str
    writer: str
    hits: dict[Place, tuple[str, ...]]


@define
class Tally:
    """What one function went through in one run.

    Attributes:
        calls: how often it was called; `attempts` how many tries that took, `most_attempts` in one call at most.
        conflicts: how many tries were lost; `given_up` how many calls for good.

    """

    calls: int = 0
    attempts: int = 0
    most_attempts: int = 0
    conflicts: int = 0
    given_up: int = 0


@define
class Contention:
    """What one run tells.

    Attributes:
        tallies: by function, only of those that wrote something.
        losses: the conflicts in their order.
        met: how often a commit of the second function came between begin and verdict of the first; `lost` how often the
            first had read what was written.
        callers: how many calls of each mutation there were.
        updates: functions, each with a table (``component/table``) in which it has changed documents that were there.

    """

    tallies: dict[str, Tally] = field(factory=dict)
    losses: list[Loss] = field(factory=list)
    met: Counter[tuple[str, str]] = field(factory=Counter)
    lost: Counter[tuple[str, str]] = field(factory=Counter)
    callers: Counter[Caller] = field(factory=Counter)
    updates: set[tuple[str, str]] = field(factory=set)


def contention_of(run: Run) -> Contention:
    """Return what a run that has kept its events tells of conflicts."""
    look = _Look(run)
    assert run.trace is not None, "conflicts are looked for in the events of a run"
    for happened in run.trace.events:
        look.at(happened)
    return look.close()


class _Look:
    """Goes through the events of one run, knowing at each who has begun when, and what it has read."""

    def __init__(self, run: Run) -> None:
        assert run.trace is not None
        self._found = Contention()
        self._log = run.log
        self._newest = 0
        self._shapes = Shapes(run.trace.events)
        self._places: dict[tuple[str, Interval], Place] = {}
        self._begun: dict[tuple[str, str], event.Began] = {}
        self._read: dict[tuple[str, str], event.Read] = {}
        self._judged: set[str] = set()
        self._at: Final[dict[type, Callable[[Any], None]]] = {
            event.Called: self._called,
            event.Began: self._began,
            event.Read: self._has_read,
            event.Committed: self._committed,
            event.Conflicted: self._conflicted,
            event.Ended: self._ended,
        }

    def at(self, happened: event.Event) -> None:
        """Take one event into account."""
        look = self._at.get(type(happened))
        if look is not None:
            look(happened)

    def close(self) -> Contention:
        """Return what was found, without those that were never judged: queries, and actions."""
        tallies = self._found.tallies
        self._found.tallies = {name: tallies[name] for name in sorted(self._judged & tallies.keys())}
        return self._found

    def _called(self, called: event.Called) -> None:
        if called.kind == "mutation":
            is_patient = "+" in called.activity and root_of(called.activity) == called.activity
            self._found.callers[Caller(called.function, is_patient)] += 1

    def _began(self, began: event.Began) -> None:
        tally = self._found.tallies.setdefault(began.what, Tally())
        tally.calls += began.attempt == 1
        tally.attempts += 1
        tally.most_attempts = max(tally.most_attempts, began.attempt)
        self._begun[began.activity, began.what] = began

    def _has_read(self, read: event.Read) -> None:
        self._read[read.activity, read.what] = read

    def _committed(self, committed: event.Committed) -> None:
        what = committed.what
        self._meet(what, self._since_begin(committed.activity, what), ())
        self._newest = committed.commit_ts
        self._judged.add(what)
        changed = [written.table for written in committed.writes if written.before is not None]
        self._found.updates.update((what, table) for table in changed)

    def _conflicted(self, conflicted: event.Conflicted) -> None:
        what = conflicted.what
        since = self._since_begin(conflicted.activity, what)
        reads = ReadSet()
        for looked in self._read[conflicted.activity, what].reads:
            for low, high in looked.intervals:
                reads.add(looked.index, low, high)
        hits = [*find_conflicts(reads, since)] or [conflicted.conflict]  # a write from outside stands in no log
        self._meet(what, since, hits)
        self._judged.add(what)
        self._found.tallies[what].conflicts += 1
        self._found.losses.append(Loss(what, _writer(conflicted.conflict.write_source), self._by_place(hits)))

    def _ended(self, ended: event.Ended) -> None:
        tally = self._found.tallies.get(ended.function)
        if tally is not None and isinstance(ended.outcome, GaveUp) and ended.outcome.failure.code == OCC_FAILURE:
            tally.given_up += 1

    def _since_begin(self, activity: str, what: str) -> Sequence[LogEntry]:
        """Return what was committed between the begin of an attempt and now; nothing if it begins as it commits."""
        began = self._begun.get((activity, what))
        return () if began is None else self._log.since(began.begin_ts)[: self._newest - began.begin_ts]

    def _meet(self, what: str, since: Sequence[LogEntry], hits: Sequence[Conflict]) -> None:
        hit = {each.write_ts for each in hits}
        for entry in since:
            pair = (what, _writer(entry.write_source))
            self._found.met[pair] += 1
            self._found.lost[pair] += entry.ts in hit

    def _by_place(self, hits: Sequence[Conflict]) -> dict[Place, tuple[str, ...]]:
        writers: dict[Place, dict[str, None]] = {}
        for hit in hits:
            writers.setdefault(self._place(hit), {})[_writer(hit.write_source)] = None
        return {place: tuple(names) for place, names in writers.items()}

    def _place(self, conflict: Conflict) -> Place:
        where = (conflict.index, conflict.interval)
        if where not in self._places:
            low, high = conflict.interval
            extent: Extent = "key" if high == after(low) else "index" if conflict.interval == _WHOLE else "range"
            self._places[where] = Place(conflict.index.lstrip("/"), self._shapes.keys_read(conflict), extent)
        return self._places[where]


def _writer(source: str) -> str:
    """Return the function of a write source, ``function (activity)``."""
    function, parenthesis, _ = source.rpartition(" (")
    return function if parenthesis else source
