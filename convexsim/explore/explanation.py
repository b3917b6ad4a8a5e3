"""Explanations as they are told: the shortest story of a failure, when it could not be helped any more, what if.

Owns what an explanation holds and how it reads. How it is found out stands in `explain.py`.
"""

from __future__ import annotations

from fractions import Fraction
from textwrap import indent, wrap
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from convexsim.explore.shares import CONFIDENCE, Share
from convexsim.explore.switches import switches_of
from convexsim.trace.text import WIDTH
from convexsim.values import counted, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.explore.counterfactuals import Counterfactual
    from convexsim.simulation import Run
    from convexsim.trace.retries import Retry

__all__ = ["Chance", "Explanation", "decisive", "settled", "told_retries"]

_ALL: Final = Share(Fraction(1))
_SHOWN_SWITCHES: Final = 8
_SHOWN_WHAT_IFS: Final = 12  # of those that would have held, and of those that would not


@frozen
class Chance:
    """A choice of a failing run, and how many of the ways to go on break the invariant, before it and after.

    Attributes:
        step: in which step of the run it was made; `at_ms` at which virtual time.
        what: what was taken, and if that was not the plain order, before what.
        options: among how many.
        before: the share of the ways to go on before it; None if that is not known.
        after: likewise, after it.

    """

    step: int
    at_ms: float
    what: str
    options: int
    before: Share | None
    after: Share | None

    @property
    def growth(self) -> Fraction:
        """By how much the share grows, as far as it is known."""
        return Fraction(0) if self.before is None or self.after is None else self.after.value - self.before.value

    def __str__(self) -> str:
        time = f", {show(round(self.at_ms, 3))} ms" if self.at_ms else ""
        return f"step {self.step}{time}: {self.what}"


@frozen(eq=False)
class Explanation:
    """Why a run went as it did.

    Attributes:
        run: the run with its events; shrunk, if it broke anything.
        replay: the string that repeats it.
        drift: how it differs from the recorded run, in lines; none if it does not.
        is_minimal: whether none of its forced choices can be left out.
        story: what happened, as far as what broke goes back to it; empty if nothing broke.
        left_out: by how many lines that is shorter than the whole story.
        chances: its choices, in order; none if nothing broke.
        counterfactuals: what would have come of it otherwise, as it was seen.
        unturned: how many things that could be turned round nobody has, because they are too many.
        retries: the attempts that were lost, and to whom.
        runs: how many were made for all this.
        interrupted: whether somebody stopped it, so that there may be more to tell.

    """

    run: Run
    replay: str
    drift: tuple[str, ...] = ()
    is_minimal: bool = True
    story: str = ""
    left_out: int = 0
    chances: tuple[Chance, ...] = ()
    counterfactuals: tuple[Counterfactual, ...] = ()
    unturned: int = 0
    retries: tuple[Retry, ...] = ()
    runs: int = 0
    interrupted: bool = False

    @property
    def broken(self) -> str | None:
        """The name of the invariant that it is about; None if nothing broke."""
        return self.run.violations[0].invariant if self.run.violations else None

    @property
    def is_in_every_run(self) -> bool:
        """Whether every run of the scenario breaks it, as far as its choices go."""
        return self.broken is not None and (not self.chances or self.chances[0].before == _ALL)

    @property
    def point_of_no_return(self) -> Chance | None:
        """The first choice after which all ways to go on are known to break it; None if that is so from the start."""
        return settled(self.chances)

    @property
    def decisive(self) -> Chance | None:
        """The choice at which the share grows most, the first of several; None if it is not known to grow at any."""
        return decisive(self.chances)

    def __str__(self) -> str:
        return self.told(f"replay: {self.replay}")

    def told(self, how_to_replay: str) -> str:
        """Return it in lines; `how_to_replay` stands below what broke."""
        parts = [self._head(how_to_replay)]
        if self.broken is not None:
            parts += [self._story(), self._chances(), self._counterfactuals()]
        if self.retries or self.broken is None:
            parts.append(told_retries(self.retries))
        return "\n\n".join(parts)

    def _head(self, how_to_replay: str) -> str:
        name = self.run.scenario.name
        if self.broken is None:
            return "\n".join([f"{name}: nothing broke", *_wrapped(self.drift), f"  {how_to_replay}"])
        violation = self.run.violations[0]
        stopped = ", interrupted: there may be more to tell" if self.interrupted else ""
        made = f"{counted(self.runs, 'run')} to find out{stopped}"
        lines = [f"broken: {self.broken}: {violation.message}"]
        switches = switches_of(self.run)
        if not switches:
            lines.append("the plain serial order is enough")
        elif len(switches) > _SHOWN_SWITCHES:
            lines.append(counted(len(switches), "forced choice"))
        else:
            lines += map(str, switches)
        if not self.is_minimal:
            lines.append("not shrunk to the end: what follows may be longer than it has to be")
        head = f"{name}: why {self.broken} broke ({made})"
        return "\n".join([head, *_wrapped([*lines, *self.drift]), f"  {how_to_replay}"])

    def _story(self) -> str:
        without = f", without {counted(self.left_out, 'line')} to which it does not go back" if self.left_out else ""
        return f"What happened{without}\n{self.story}"

    def _chances(self) -> str:
        if not self.chances:
            return "When it was settled\n  from the start: nothing in this run was a choice"
        lines = [f"When it was settled: of all ways to go on, each option alike, so many break {self.broken}"]
        last = self.chances[0].before
        lines.append(f"  {_share(last)}  at the start")
        for each in self.chances:
            if not _may_be_equal(last, each.after):
                last = each.after
                row = f"  {_share(last)}  "
                lines += wrap(str(each), WIDTH, initial_indent=row, subsequent_indent=" " * len(row))
        return "\n".join([*lines, *_wrapped(self._conclusions())])

    def _conclusions(self) -> list[str]:
        shares = [each.before for each in self.chances]
        lines = []
        if any(share is None for share in shares):
            lines.append(f"{counted(sum(share is None for share in shares), 'choice')} nobody has looked at")
        drawn = [share.walks for share in shares if share is not None and not share.is_exact]
        if drawn:
            sure = f"{CONFIDENCE:.0%} sure, by {min(drawn)} ways or more that were drawn at each choice"
            lines.append(f"an interval is {sure}; what is one number is exact")
        last, largest = self.point_of_no_return, self.decisive
        if self.is_in_every_run:
            lines.append("settled from the start: every order breaks it")
        elif last is not None:
            is_known = last.before is not None and last.before.value < 1
            lines.append(f"point of no return{'' if is_known else ', at the latest'}: {last}")
            if is_known and last is self.chances[-1]:
                lines.append("that is the last choice: until then it might have gone well")
        if largest is not None and largest is not last:
            lines.append(f"decisive step, where the share grows most: {largest}")
        return lines

    def _counterfactuals(self) -> str:
        if not self.counterfactuals:
            why = (
                "nobody has tried" if self.interrupted else "nothing that came to something else could be turned round"
            )
            return f"What if\n  {why}"
        otherwise = [each for each in self.counterfactuals if not each.breaks]
        same = [each for each in self.counterfactuals if each.breaks]
        lines = ["What if: each was run"]
        for each in [*otherwise[:_SHOWN_WHAT_IFS], *same[:_SHOWN_WHAT_IFS]]:
            lines += [*_wrapped([str(each)]), f"    replay: {each.replay}"]
        for told, what in ((otherwise, "do away with it"), (same, "change nothing in it")):
            more = len(told) - _SHOWN_WHAT_IFS
            if more > 0:
                lines.append(f"  {counted(more, 'other change')} {what}; --json has all")
        if self.unturned:
            lines.append(f"  {counted(self.unturned, 'other race')} nobody has turned round")
        return "\n".join(lines)


def settled(chances: Sequence[Chance]) -> Chance | None:
    """Return the first choice after which all ways to go on are known to fail, if it was open before."""
    return next((each for each in chances if each.after == _ALL and each.before != _ALL), None)


def decisive(chances: Sequence[Chance]) -> Chance | None:
    """Return the choice at which the share grows most, the first of several, of those at which it surely grows."""
    growing = [each for each in chances if each.growth > 0 and not _may_be_equal(each.before, each.after)]
    return max(growing, key=lambda each: each.growth, default=None)


def told_retries(retries: Sequence[Retry]) -> str:
    """Return in lines why attempts were lost."""
    if not retries:
        return "Nobody had to try again: no attempt conflicted."
    return "\n".join(["Why attempts were lost", *(indent(str(each), "  ") for each in retries)])


def _wrapped(lines: Sequence[str]) -> list[str]:
    margins: dict[str, Any] = {"initial_indent": "  ", "subsequent_indent": "    ", "break_on_hyphens": False}
    return [part for line in lines for part in wrap(line, WIDTH, **margins)]


def _share(share: Share | None) -> str:
    return f"{'not known' if share is None else str(share):>16}"


def _may_be_equal(one: Share | None, other: Share | None) -> bool:
    """Whether what is known of two shares does not tell them apart."""
    if one is None or other is None:
        return one is other
    if one.is_exact and other.is_exact:
        return one == other
    (low, high), (lower, upper) = one.interval, other.interval
    return low <= upper and lower <= high and other != _ALL
