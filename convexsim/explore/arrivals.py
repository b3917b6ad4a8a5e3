"""Arrivals: how likely does a call use up its retries if calls come so often?

Owns a small model of traffic. Calls come at random moments (a Poisson stream), each attempt runs so many ms from begin
to commit, and loses if somebody has committed meanwhile whom it loses to; then it waits as Convex makes it wait, full
jitter below a ceiling (`actors/retry.py`), and begins again. Who loses to whom is not assumed but was measured in runs
(`contention.py`). A world itself cannot be asked: no time passes in it while a function runs. Knows no run, and draws
through `choices.py` alone.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import chain, count, takewhile
from math import inf, log1p
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.choices import RandomChoices
from convexsim.errors import UsageError
from convexsim.explore.meter import interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from convexsim.explore.contention import Caller

__all__ = ["Arrival", "Arrivals", "Exhaustion", "Judged", "Traffic", "exhaustion", "judged"]

_CONFIDENCE: Final = 0.95


@frozen
class Arrivals:
    """How calls come.

    Attributes:
        per_second: how many calls of clients and actions come in a second, on average.
        takes_ms: how long an attempt runs from begin to commit.
        trials: how many calls are looked at, each in a stream of its own.
        seed: the same seed gives the same streams.

    """

    per_second: float
    takes_ms: float = 20.0
    trials: int = 1_000
    seed: int = 0

    def __attrs_post_init__(self) -> None:
        rates: tuple[object, ...] = (self.per_second, self.takes_ms)
        if not all(isinstance(given, int | float) and 0 < given < inf for given in rates):
            msg = f"{self.per_second!r} calls a second that take {self.takes_ms!r} ms are no traffic."
            raise UsageError(msg, next_step="Give numbers above 0, such as Arrivals(per_second=10, takes_ms=20).")
        if type(self.trials) is not int or self.trials < 1:
            raise UsageError(f"Of {self.trials!r} calls nothing can be learnt.", next_step="Give trials=1 or more.")


@frozen
class Traffic:
    """Who calls, and who loses to whom.

    Attributes:
        shares: how many calls of each mutation there are for each call of a client or an action.
        odds: how likely the first function loses to a commit of the second one that came since its begin; what is not
            there never loses.

    """

    shares: Mapping[Caller, float]
    odds: Mapping[tuple[str, str], float]

    def may_lose(self, caller: Caller) -> bool:
        """Whether anybody could make it lose."""
        writers = {writer.function for writer in self.shares}
        return any(
            odds for (reader, writer), odds in self.odds.items() if reader == caller.function and writer in writers
        )


@frozen(eq=False)
class Arrival:
    """One call: when it comes, in ms, and whose it is."""

    at_ms: float
    caller: Caller


@frozen(eq=False)
class Judged:
    """One attempt.

    Attributes:
        arrival: the call.
        attempt: which one, from 1.
        begin_ms: when it began; `end_ms` when it was judged.
        lost: whether it conflicts; `gave_up` whether it was the last that the platform allows.

    """

    arrival: Arrival
    attempt: int
    begin_ms: float
    end_ms: float
    lost: bool

    @property
    def gave_up(self) -> bool:
        """Whether the call fails with it."""
        return self.lost and not self.arrival.caller.policy.allows(self.attempt)


@frozen
class Exhaustion:
    """How likely a call of one function uses up its retries.

    Attributes:
        function: its label.
        arrivals: how calls come.
        exhausted: how many of the calls that were looked at gave up; none was looked at if nobody could make it lose.
        low: the share of such calls that give up is at least that; `high` at most that, with 95 % certainty (Clopper
            and Pearson, 1934).

    """

    function: str
    arrivals: Arrivals
    exhausted: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share of calls that gave up."""
        return self.exhausted / self.arrivals.trials

    def __str__(self) -> str:
        if not self.high:
            return "0 % (no conflict)"
        return f"{_percent(self.share)} ({_percent(self.low)} to {_percent(self.high)})"


def judged(
    arrivals: Iterable[Arrival], traffic: Traffic, takes_ms: float, draw: Callable[[], float]
) -> Iterator[Judged]:
    """Yield what becomes of calls, attempt by attempt, in the order of the verdicts.

    Args:
        arrivals: the calls in the order of time.
        traffic: who loses to whom.
        takes_ms: how long an attempt runs.
        draw: the next number, 0 or more and less than 1: for waits, and for odds that are neither 0 nor 1.

    """
    coming, numbers = iter(arrivals), count()
    waiting: list[tuple[float, int, float, int, Arrival]] = []  # ends, number, begins, attempt, call
    commits: list[tuple[float, str]] = []

    def enter(arrival: Arrival, begins: float, attempt: int) -> None:
        heappush(waiting, (begins + takes_ms, next(numbers), begins, attempt, arrival))

    for first in coming:
        enter(first, first.at_ms, 1)
        break
    while waiting:
        ends, _, begins, attempt, arrival = heappop(waiting)
        if attempt == 1 and (following := next(coming, None)) is not None:
            enter(following, following.at_ms, 1)
        lost = False
        for at, writer in reversed(commits):
            if lost or at <= begins:
                break
            odds = traffic.odds.get((arrival.caller.function, writer), 0.0)
            lost = odds >= 1 or (odds > 0 and draw() < odds)
        verdict = Judged(arrival, attempt, begins, ends, lost)
        if not lost:
            commits.append((ends, arrival.caller.function))
        elif not verdict.gave_up:
            enter(arrival, ends + draw() * arrival.caller.policy.ceiling_ms(attempt), attempt + 1)
        yield verdict


def exhaustion(caller: Caller, traffic: Traffic, arrivals: Arrivals) -> Exhaustion:
    """Return how likely a call gives up that comes in the middle of others.

    Each trial is a stream of its own, in which the call comes once the stream has flowed for twice as long as a call
    can take: so trials are independent, and the interval is exact, given the model.
    """
    if not traffic.may_lose(caller):
        return Exhaustion(caller.function, arrivals, 0, 0.0, 0.0)
    draw = RandomChoices(f"arrivals:{arrivals.seed}:{arrivals.per_second:g}:{caller.function}").draw
    exhausted = sum(_gives_up(caller, traffic, arrivals, draw) for _ in range(arrivals.trials))
    return Exhaustion(caller.function, arrivals, exhausted, *interval(exhausted, arrivals.trials, _CONFIDENCE))


def _gives_up(caller: Caller, traffic: Traffic, arrivals: Arrivals, draw: Callable[[], float]) -> bool:
    ceilings = [caller.policy.ceiling_ms(attempt) for attempt in takewhile(caller.policy.allows, count(1))]
    longest = sum(ceilings) + (len(ceilings) + 1) * arrivals.takes_ms
    one = Arrival(0.0, caller)
    others = _stream(-2 * longest, traffic.shares, arrivals.per_second / 1_000, draw)
    before = []
    for other in others:
        if other.at_ms >= 0:
            break
        before.append(other)
    stream = chain(before, [one, other], others)
    ends = (verdict for verdict in judged(stream, traffic, arrivals.takes_ms, draw) if verdict.arrival is one)
    return next(verdict.gave_up for verdict in ends if verdict.gave_up or not verdict.lost)


def _stream(
    start: float, shares: Mapping[Caller, float], per_ms: float, draw: Callable[[], float]
) -> Iterator[Arrival]:
    """Yield calls without end: a Poisson stream, in which each mutation has its share."""
    callers: Sequence[Caller] = sorted(shares)
    total = sum(shares[caller] for caller in callers)
    at_ms = start
    while True:
        at_ms -= log1p(-draw()) / (per_ms * total)
        yield Arrival(at_ms, _one_of(callers, shares, draw() * total))


def _one_of(callers: Sequence[Caller], shares: Mapping[Caller, float], drawn: float) -> Caller:
    for caller in callers[:-1]:
        drawn -= shares[caller]
        if drawn < 0:
            return caller
    return callers[-1]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
