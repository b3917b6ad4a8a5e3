"""Lockstep: in each round all waiting transactions begin before the first of them commits.

Losers begin again in the next round. The worst case for whoever writes what others read: one winner a round, so a few
rounds exhaust everybody's retries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.choices import Choices, Kind, Option
    from convexsim.simulation import Run

__all__ = ["Lockstep", "LockstepChoices"]


class Lockstep:
    """One run in lockstep; retries begin at once, so in the next round."""

    name = "lockstep"
    exhausted = False

    def propose(self, last: Run | None) -> Choices | None:
        """Return the choices of the one run."""
        return LockstepChoices() if last is None else None


class LockstepChoices:
    """First every begin that waits, then the commits of those that began, oldest first; anything else at once.

    Nobody is late: time passes when nothing else is left.
    """

    def __init__(self) -> None:
        self._round_ends = -1  # the number of the last commit that belongs to the round being committed

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the index of the next step of the round."""
        if kind != "step":
            return 0
        oldest = sorted(range(len(options)), key=lambda at: options[at].number)
        others = [at for at in oldest if options[at].phase not in ("begin", "commit", "tick")]
        if others:
            return others[0]
        commits = [at for at in oldest if options[at].phase == "commit"]
        if not commits or options[commits[0]].number > self._round_ends:
            begins = [at for at in oldest if options[at].phase == "begin"]
            if begins:
                return begins[0]
            self._round_ends = options[commits[-1]].number
        return commits[0]
