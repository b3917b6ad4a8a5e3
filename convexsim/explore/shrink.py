"""Shrinking: from a failing run to a simpler one that breaks the same invariant.

Owns the order of simplicity, and the search for what comes first in it. A failure is simpler than another one if

1. fewer faults strike in it, and less often time passes while somebody could run;
2. fewer *actors* take part in its forced choices: the roots (`choices.root_of`: a client, a scheduled function) of who
   comes, who is passed over, who is struck and who waits;
3. it has fewer forced choices, that is choices other than option 0;
4. it says the same, but for names and numbers, as the failure that was found;
5. less is waited in it, in steps of its back-offs;
6. it takes fewer steps;
7. its forced choices come earlier, or are lower options;

the first difference counts. The search leaves out forced choices, all the others staying what they are: a choice goes
by its label (`following.py`), as its place shifts. It confines them to fewer actors, exchanges one for another, and
looks through all orders with fewer of them. What it ends with is *minimal*: without any one of its forced choices, all
others staying what they are, the invariant does not break. (Each was also set to 0 in its place, which may turn others
into something else; what breaks then is not simpler.)
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.actors.dispatcher import CLOCK
from convexsim.choices import ListedChoices, root_of
from convexsim.errors import UsageError
from convexsim.explore.exhaustive import Exhaustive
from convexsim.explore.following import Among, Following, Indexes
from convexsim.explore.replay import without_trailing_zeros
from convexsim.simulation import Run, memory_for, run_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convexsim.choices import Choices, Forced

__all__ = ["MAX_SHRINK_RUNS", "Shrunk", "breaks_like", "shrink"]

MAX_SHRINK_RUNS: Final = 3_000
"""Runs that shrinking may spend; it stops at the simplest failure found by then."""
_FEW: Final = 8
"""Up to so many forced choices it is worth while to exchange each, to leave out each two, to try all with fewer."""
_DETAIL: Final = re.compile(r"""'[^']*'|"[^"]*"|\w*\d[\w:.]*""")
_DETAILS: Final = re.compile(r"#(?:, #)+")

Size = tuple[int, int, int, bool, int, int, int, Indexes]


@frozen(eq=False)
class Shrunk:
    """What shrinking ended with.

    Attributes:
        run: the simplest failure that was found, with its events.
        is_minimal: whether none of its forced choices can be left out; False if that was not tried to the end.
        runs: how many were spent.

    """

    run: Run
    is_minimal: bool
    runs: int


def shrink(failing: Run, budget: int = MAX_SHRINK_RUNS, on_run: Callable[[Run], None] | None = None) -> Shrunk:
    """Return the simplest failing run that was found; it breaks the same invariant.

    Args:
        failing: a run with a violation.
        budget: how many runs to spend; 0 repeats the run as it is.
        on_run: called after every run; a KeyboardInterrupt raised in it ends the search with the best so far.

    Raises:
        UsageError: the failure did not repeat, so the run is not its choices alone.

    """
    search = _Search(failing, budget, on_run)
    with suppress(KeyboardInterrupt, _Spent):
        search.simplify()
    shrunk = run_again(failing, ListedChoices(without_trailing_zeros(search.best.indexes)))
    if not breaks_like(failing, shrunk):
        broken = failing.violations[0]
        msg = (
            f"{failing.scenario.name} broke {broken.invariant} ({broken.message}), but the same choices did not again."
        )
        advice = "Look for state that outlives a run: a global that a handler changes, the order of a set, a module."
        raise UsageError(msg, code="NotRepeatable", next_step=advice)
    return Shrunk(shrunk, search.is_minimal, search.runs)


def breaks_like(failing: Run, run: Run) -> bool:
    """Whether a run breaks the invariant that a failing one broke first."""
    return any(violation.invariant == failing.violations[0].invariant for violation in run.violations)


class _Spent(Exception):  # noqa: N818 - no error: the end of a search
    """The budget is spent."""


class _Search:
    """The simplest failure so far, and what may still be spent on a simpler one.

    Attributes:
        best: the simplest failure.
        runs: how many were spent.

    """

    def __init__(self, failing: Run, budget: int, on_run: Callable[[Run], None] | None) -> None:
        self.best = failing
        self.runs = 0
        self._failing = failing
        self._memory = memory_for(failing.scenario)
        self._size = self._size_of(failing)
        self._budget = budget
        self._on_run = on_run
        self._searched = -1
        self._tried: dict[tuple[object, ...], None] = {}

    @property
    def is_minimal(self) -> bool:
        """Whether it was tried to leave out each forced choice of the best run."""
        return all(choices.key in self._tried for choices in _without_one(self.best))

    def simplify(self) -> None:
        """Go through the ways to something simpler, the boldest first and again after each success."""
        ways = (
            partial(self._try, _without_many),
            partial(self._try, _among_fewer),
            partial(self._try, _without_one),
            partial(self._search_below, 1),
            partial(self._try, _earlier),
            partial(self._try, _lower),
            partial(self._try, self._exchanged),
            partial(self._try, _without_two),
            self._search_below_few,
        )
        at = 0
        while at < len(ways):
            at = 0 if ways[at]() else at + 1

    def _try(self, moves: Callable[[Run], Iterator[Following | Among]]) -> bool:
        """Make moves of one kind for as long as they lead to something simpler; return whether any did."""
        improved = False
        candidates = moves(self.best)
        while (choices := next(candidates, None)) is not None:
            if choices.key in self._tried:
                continue
            is_simpler = self._accepts(self._run(choices))
            self._tried[choices.key] = None
            if is_simpler:
                improved = True
                candidates = moves(self.best)
        return improved

    def _search_below(self, most: int) -> bool:
        """Look through the orders with fewer forced choices, and at most so many, fewest first; each number once."""
        while self._searched < min(most, len(self.best.record.forced) - 1):
            self._searched += 1
            explorer = Exhaustive(forced=self._searched)
            last: Run | None = None
            while (choices := explorer.propose(last)) is not None:
                last = self._run(choices)
                if self._accepts(last):
                    return True
        return False

    def _search_below_few(self) -> bool:
        return len(self.best.record.forced) <= _FEW and self._search_below(_FEW)

    def _exchanged(self, best: Run) -> Iterator[Following]:
        """Yield the run with another forced choice, anywhere, in the place of one that it has."""
        forced = best.record.forced
        for dropped in forced if len(forced) <= _FEW else ():
            without = self._run(_leaving_out(best, [dropped]))
            rest = without.record.forced
            for at, (_, index, count, _) in enumerate(without.record.taken):
                after = [each for each in rest if each.position > at]
                for other in range(1, count if not index else 0):
                    yield Following((*without.indexes[:at], other), after)

    def _run(self, choices: Choices) -> Run:
        if self.runs >= self._budget:
            raise _Spent
        self.runs += 1
        run = run_again(self.best, choices, trace=False, memory=self._memory)
        if self._on_run is not None:
            self._on_run(run)
        return run

    def _accepts(self, run: Run) -> bool:
        """Whether a run breaks the same invariant and is simpler than the best, which it then becomes."""
        if not breaks_like(self._failing, run):
            return False
        size = self._size_of(run)
        if size >= self._size:
            return False
        self.best, self._size = run, size
        return True

    def _size_of(self, run: Run) -> Size:
        forced = run.record.forced
        unlikely = [each for each in forced if each.kind == "fault" or each.taken.activity == CLOCK]
        wanted = self._failing.violations[0]
        broken = next(broken for broken in run.violations if broken.invariant == wanted.invariant)
        indexes = without_trailing_zeros(run.indexes)
        return (
            len(unlikely),
            len(_actors(forced)),
            len(forced),
            _shape(broken.message) != _shape(wanted.message),
            sum(each.index for each in forced if each.kind == "backoff"),
            run.steps,
            len(indexes),
            indexes,
        )


def _shape(message: str) -> str:
    """Return a message without its names in quotes and its numbers, and lists of them as one."""
    return _DETAILS.sub("#", _DETAIL.sub("#", message))


def _actors(forced: Sequence[Forced]) -> list[str]:
    """Return the roots of all that take part in forced choices."""
    return [*dict.fromkeys(root_of(label.activity) for each in forced for label in (each.taken, each.passed))]


def _leaving_out(run: Run, dropped: Sequence[Forced]) -> Following:
    """Return the choices of a run without some forced ones; what comes after the first of them goes by its label."""
    first = dropped[0].position
    rest = [each for each in run.record.forced if each.position > first and each not in dropped]
    return Following(run.indexes[:first], rest)


def _set_to_0(run: Run, dropped: Sequence[Forced]) -> Following:
    """Return the choices of a run without some forced ones, in their places."""
    positions = [each.position for each in dropped]
    return Following(tuple(0 if at in positions else index for at, index in enumerate(run.indexes)), ())


def _without_many(run: Run) -> Iterator[Following]:
    """Yield the run without whole stretches of forced choices, longest first, and without those of one actor."""
    forced = run.record.forced
    width = len(forced)
    while width > 1:
        for start in range(len(forced) - width, -1, -width):
            yield _leaving_out(run, forced[start : start + width])
        width //= 2
    for actor in _actors(forced):
        yield _leaving_out(run, [each for each in forced if actor in _actors([each])])


def _among_fewer(run: Run) -> Iterator[Among]:
    """Yield the run with forced choices among two of its actors alone, and among all but one."""
    actors = _actors(run.record.forced)
    if len(actors) > 2:  # noqa: PLR2004 - nothing is among fewer than two
        for two in combinations(actors, 2) if len(actors) <= _FEW else ():
            yield Among(two, run.record)
        for out in actors:
            yield Among([actor for actor in actors if actor != out], run.record)


def _without_one(run: Run) -> Iterator[Following]:
    """Yield the run without each one of its forced choices, last one first."""
    for each in reversed(run.record.forced):
        yield _leaving_out(run, [each])
        yield _set_to_0(run, [each])


def _without_two(run: Run) -> Iterator[Following]:
    """Yield the run without each two of its forced choices, if those are few."""
    forced = run.record.forced
    for pair in combinations(forced, 2) if len(forced) <= _FEW else ():
        yield _leaving_out(run, pair)
        yield _set_to_0(run, pair)


def _earlier(run: Run) -> Iterator[Following]:
    """Yield the run with all that comes after some choice one place earlier."""
    indexes = without_trailing_zeros(run.indexes)
    for at, index in enumerate(indexes):
        if not index:
            yield Following(indexes[:at] + indexes[at + 1 :], ())


def _lower(run: Run) -> Iterator[Following]:
    """Yield the run with lower options in the places of its forced choices."""
    for each in run.record.forced:
        rest = [later for later in run.record.forced if later.position > each.position]
        for lower in range(1, each.index):
            yield Following((*run.indexes[: each.position], lower), rest)
