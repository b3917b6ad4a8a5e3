"""Ready invariants: what the author of any component wants of it, whatever it is about.

Owns `serializable`, `leads_to`, `comes_to_rest`, `nothing_left_behind` and `retry_budget`. Each is judged once, when
nothing is left to do or the world's time is over. Knows no component.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.errors import UsageError
from convexsim.invariants.invariant import HistoryInvariant, Invariant, PastInvariant, as_invariant, eventually, judge
from convexsim.trace.serial_order import find_cycle, tell_cycle
from convexsim.values import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convexsim.invariants.view import View

    Asked = Invariant | Callable[[View], bool | None]

__all__ = ["comes_to_rest", "leads_to", "nothing_left_behind", "retry_budget", "serializable"]

_FINE: Final = ("success", "canceled")
"""How a scheduled function is to end: well, or because somebody has asked for it."""
_UNFINISHED: Final = ("pending", "inProgress")
_STATES: Final = {
    "born canceled": "was canceled when it was scheduled, because what scheduled it had been canceled",
    "failed": "has failed: ",
    "inProgress": "still runs",
    "pending": "still waits",
}


def _serializable(view: View) -> None:
    cycle = find_cycle(view.history)
    assert cycle is None, tell_cycle(view.history, cycle)


serializable: Final = HistoryInvariant(
    "serializable", "eventually", "Some serial order explains what every transaction saw.", _serializable
)
"""What every query, mutation and retry saw and wrote is explained by running them one after another.

In that order every attempt sees what it saw (also what it did not find in a range), documents are written as they were
committed, and each caller's calls follow one another. Judged once, when nothing is left to do, from what was handed out
and written; read sets and verdicts play no part (`trace/serial_order.py` says exactly what is decided).
"""


@eventually
def comes_to_rest(view: View) -> None:
    """Nothing is left to do when the world ends: every call has come back, and no scheduled function waits or runs.

    Crons are left aside: they never end. A world that does not end (`until_ms`) comes to rest, or its run to a limit,
    which is a failure of its own.
    """
    left = list(_left(view))
    assert not left, f"at {view.now:g} ms {left[0]}{f', and {len(left) - 1} more' if left[1:] else ''}"


@eventually
def nothing_left_behind(view: View) -> None:
    """Every scheduled function whose time has come has succeeded, or was canceled by somebody who asked for it.

    So none has failed, and none was born canceled because its parent had been canceled. What is not due when the time
    of the world is over, or runs then, is not left behind; nor is what Convex forgets a week after its end.
    """
    for fate in view.fates():
        goes_on = view.ends_at < inf and (fate.state == "inProgress" or fate.due_ms > view.now)
        told = f"{fate.function} ({fate.activity}) {_STATES.get(fate.state, '')}{fate.error or ''}"
        assert fate.state in _FINE or (fate.state in _UNFINISHED and goes_on), told


def retry_budget(attempts: int) -> Invariant:
    """Return the invariant that no query, mutation or cron's run begins more often than so many times.

    Convex gives the mutations of clients and actions 5 attempts, then they fail; a scheduled mutation or a cron begins
    again until it commits (convex-semantics 2).

    Args:
        attempts: how many at most, 1 or more.

    Raises:
        UsageError: that is no such number.

    """
    if type(attempts) is not int or attempts < 1:
        raise UsageError(f"There is no budget of {show(attempts)} attempts.", next_step="Give a whole number from 1.")

    def keeps_its_budget(view: View) -> None:
        for each in view.retried():
            told = f"{each.function} ({each.activity}) has begun {each.attempts} times; at most {attempts} were allowed"
            assert each.attempts <= attempts, told

    name = f"at_most_{attempts}_attempt{'' if attempts == 1 else 's'}"
    return Invariant(name, "eventually", f"No function begins more than {attempts} times.", keeps_its_budget)


@frozen
class _Owed:
    """What `leads_to` has seen so far.

    Attributes:
        since: the moment from which the second has been owed, in ms of virtual time; None if it is not.
        late: the first wait that was too long: from when and until when.

    """

    since: float | None = None
    late: tuple[float, float] | None = None


def leads_to(first: Asked, then: Asked, *, within_ms: float = inf, name: str | None = None) -> Invariant:
    """Return the invariant that whenever `first` holds, `then` holds at that moment or within so much virtual time.

    Judged over all moments of a run at which invariants are asked: the start, every commit and every use of the
    outside; from one to the next nothing changes. Where a run has come to rest what is owed never comes; where the time
    of its world is over, only what should have come by then is late.

    Args:
        first: an invariant, or a function of a `View`, that holds where the second begins to be owed.
        then: another one; where it holds, nothing is owed any longer.
        within_ms: how long it may take; any time if not given.
        name: of the invariant; the names of both functions if not given.

    Raises:
        UsageError: one of them is no function, or that is no length of time.

    """
    one, other = as_invariant(first), as_invariant(then)
    if type(within_ms) not in (int, float) or not within_ms >= 0:
        raise UsageError(f"Nothing can happen within {show(within_ms)} ms.", next_step="Give a number of ms from 0.")

    def follow(before: _Owed | None, view: View) -> _Owed:
        owed = before or _Owed()
        if owed.late is not None:
            return owed
        since = owed.since
        if since is not None and view.now - since > within_ms:
            return _Owed(since, (since, view.now))
        if judge(other, view, 0) is None:
            return _Owed()
        return _Owed(view.now) if since is None and judge(one, view, 0) is None else owed

    def leads(view: View) -> None:
        owed = view.folded(follow)
        if owed.late is not None:
            since, until = owed.late
            raise AssertionError(f"{_told(other)} was owed since {since:g} ms, and was not there at {until:g} ms")
        if owed.since is None:
            return
        rests = view.ends_at == inf or not (view.has_crons or any(_left(view)))
        is_late = rests or owed.since + within_ms <= view.ends_at
        assert not is_late, f"{_told(other)} was owed since {owed.since:g} ms, and never came"

    sentence = f"Whenever {_told(one)}, {_told(other)}{'' if within_ms == inf else f' within {within_ms:g} ms'}."
    return PastInvariant(name or f"{one.name}_leads_to_{other.name}", "eventually", sentence, leads)


def _told(part: Invariant) -> str:
    return part.sentence.rstrip(".")


def _left(view: View) -> Iterator[str]:
    """Yield what is left to do besides crons."""
    for call in view.calls():
        if call.outcome is None:
            yield f"{call.activity}, a call of {call.name}, has not come back"
    for fate in view.fates():
        if fate.state in _UNFINISHED:
            yield f"{fate.function} ({fate.activity}) {_STATES[fate.state]}"
