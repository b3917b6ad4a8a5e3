"""The portfolio: several explorers take turns, and those that show something new get more of them.

No explorer is the best at every bug (exploration.md 4). What pays is a run with an outcome that no run had before
(`outcome.py`); a new finding is one, for it breaks what was not broken so. Whose turn it is follows from what the runs
have shown, by plain counting, so the same seeds give the same runs.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from convexsim.errors import UsageError
from convexsim.explore.explorer import Divisible, as_explorer, learnt_by
from convexsim.explore.guided import Guided
from convexsim.explore.outcome import outcome_of
from convexsim.explore.pct import Pct
from convexsim.explore.pos import Pos
from convexsim.explore.sampler import refuse
from convexsim.explore.starving import Starving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.choices import Choices
    from convexsim.explore.explorer import Explorer
    from convexsim.simulation import Run

__all__ = ["Portfolio"]

TURN: Final = 5
"""Runs in one turn."""
_FORGETS: Final = 0.9
"""What is left of everybody's earnings after each turn: who has not had one for long is given another chance."""


class Portfolio:
    """Let several explorers take turns of five runs, the next one going to whoever found most per run lately.

    It ends when its runs are used up, when all its members have ended, or when one of them has run every order, within
    its own bounds if it has some.

    Args:
        runs: how many runs, over all members.
        seed: of the default members.
        explorers: the members; a guided search, partial-order sampling, a PCT search of depth 3 and a starving walk, if
            not given. Each goes by its own settings, back-offs and faults included, and ends where it was told to.

    """

    def __init__(self, runs: int = 1_000, seed: int = 0, *, explorers: Sequence[Explorer] | None = None) -> None:
        if type(runs) is not int or runs < 1:
            raise refuse(f"A portfolio of {runs!r} runs", "Give runs=1 or more.")
        members = _usual(runs, seed) if explorers is None else [as_explorer(each) for each in explorers]
        if not members:
            raise refuse("A portfolio of no explorers", "Give some, such as explorers=[RandomWalk(), Pct()].")
        if any(member is other for at, member in enumerate(members) for other in members[:at]):
            raise UsageError("One explorer stands in a portfolio twice.", next_step="Make another one of its kind.")
        self._runs = runs
        self._skipped = 0
        self._explorers = members
        self._begin()

    def _begin(self) -> None:
        self.exhausted = False
        self._members = [_Member(explorer) for explorer in self._explorers]
        self._playing = list(range(len(self._members)))
        self._outcomes: set[bytes] = set()
        self._count = self._left = self._turn = 0

    @property
    def name(self) -> str:
        """How a report calls it, with the runs of each member that has had any, and how many showed a new outcome."""
        told = [f"{each.explorer.name}: {each.new:,} new in {each.runs:,}" for each in self._members if each.runs]
        return f"portfolio ({'; '.join(told)})" if told else "portfolio"

    def propose(self, last: Run | None) -> Choices | None:
        """Return what the member whose turn it is proposes."""
        if last is None:
            self._begin()
        else:
            outcome = outcome_of(last)
            self._members[self._turn].earn(last, is_new=outcome not in self._outcomes)
            self._outcomes.add(outcome)
        while self._count < self._runs + bool(self._skipped) and self._playing:
            if not self._left:
                self._next_turn()
            member = self._members[self._turn]
            choices = member.explorer.propose(member.last)
            if choices is not None:
                self._count += 1
                self._left -= 1
                return choices
            self.exhausted = self.exhausted or member.explorer.exhausted
            self._playing = [] if self.exhausted else [at for at in self._playing if at != self._turn]
            self._left = 0
        return None

    def skip(self, runs: int) -> None:
        """Let each member leave out its runs up to this number; what they pay is learnt anew.

        Raises:
            UsageError: a member cannot make a part of its runs.

        """
        for member in self._explorers:
            if not isinstance(member, Divisible):
                msg = f"The runs of {member.name} cannot be made in parts, so neither can those of a portfolio with it."
                raise UsageError(msg, next_step="Leave it out.")
            member.skip(runs)
        self._skipped = runs

    @property
    def learnt(self) -> tuple[int, ...]:
        """Of each member its runs, how many of them showed a new outcome, and what it has itself learnt."""
        return tuple(number for each in self._members for number in (each.runs, each.new, *learnt_by(each.explorer)))

    def learn(self, learnt: Sequence[int]) -> None:
        """Count the runs of another part; an outcome is new for each part that shows it."""
        numbers = iter(learnt)
        for each in self._members:
            each.runs += next(numbers)
            each.new += next(numbers)
            if isinstance(each.explorer, Divisible):
                each.explorer.learn(list(islice(numbers, len(each.explorer.learnt))))

    def _next_turn(self) -> None:
        """Give a turn to whoever earned most per run lately, the first of several."""
        for member in self._members:
            member.forget()
        self._turn = max(self._playing, key=lambda at: self._members[at].pay)
        self._left = TURN


class _Member:
    """One explorer of a portfolio, its last run and what it has earned."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer: Final = explorer
        self.last: Run | None = None
        self.runs = self.new = 0
        self._lately_runs = self._lately_new = 0.0

    @property
    def pay(self) -> float:
        """What one run of it may be expected to earn; 1 as long as nothing is known."""
        return (1 + self._lately_new) / (1 + self._lately_runs)

    def earn(self, run: Run, *, is_new: bool) -> None:
        """Take note of how a run went."""
        self.last = run
        self.runs += 1
        self.new += is_new
        self._lately_runs += 1
        self._lately_new += is_new

    def forget(self) -> None:
        """Let what was earned count for less."""
        self._lately_runs *= _FORGETS
        self._lately_new *= _FORGETS


def _usual(runs: int, seed: int) -> list[Explorer]:
    return [Guided(runs, seed), Pos(runs, seed), Pct(runs, seed, depth=3), Starving(runs, seed)]
