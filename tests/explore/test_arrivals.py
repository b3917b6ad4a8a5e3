"""The model of traffic: as the formulas say where there are any, and as the runtime goes when made to go its way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from math import exp
from typing import Final

import pytest
from attrs import frozen

from convexsim import Arrivals, Simulation, UsageError, World, api, conflicts, scenario
from convexsim.actors.retry import RetryPolicy
from convexsim.choices import Kind, Option, RandomChoices
from convexsim.explore.arrivals import Arrival, Judged, Traffic, exhaustion, judged
from convexsim.explore.contention import Caller
from convexsim.explore.meter import interval
from convexsim.explore.random_walk import RandomWalk
from tests.explore.worlds import app

CLIENT: Final = Caller("m:add", is_patient=False)
SCHEDULED: Final = Caller("m:sweep", is_patient=True)
ALL_LOSE: Final = Traffic({CLIENT: 1.0}, {("m:add", "m:add"): 1.0})
TAKES_MS: Final = 20.0
NO_RETRY: Final = RetryPolicy(0, 100, 2_000)


def never() -> float:
    raise AssertionError("nothing is drawn here")


def ends(verdicts: Sequence[Judged]) -> tuple[int, int]:
    return sum(not verdict.lost for verdict in verdicts), sum(verdict.gave_up for verdict in verdicts)


# ------------------------------------------------------------------------------------------------ by hand


@pytest.mark.parametrize(("calls", "stored", "gave_up"), [(1, 1, 0), (5, 5, 0), (7, 5, 2), (20, 5, 15)])
def test_in_lockstep_five_of_them_get_through(calls: int, stored: int, gave_up: int) -> None:
    at_once = [Arrival(0.0, CLIENT) for _ in range(calls)]
    assert ends([*judged(at_once, ALL_LOSE, TAKES_MS, lambda: 0.0)]) == (stored, gave_up)


def test_who_begins_before_another_commits_loses_and_waits_below_the_ceiling() -> None:
    calls = [Arrival(0.0, CLIENT), Arrival(19.0, CLIENT), Arrival(20.0, CLIENT)]
    seen = [
        (calls.index(each.arrival), each.attempt, each.begin_ms, each.end_ms, each.lost)
        for each in judged(calls, ALL_LOSE, TAKES_MS, lambda: 0.5)
    ]
    assert seen == [
        (0, 1, 0.0, 20.0, False),
        (1, 1, 19.0, 39.0, True),
        (2, 1, 20.0, 40.0, False),
        (1, 2, 89.0, 109.0, False),  # half of 100 ms after its verdict
    ]


@pytest.mark.parametrize(
    ("caller", "waits"), [(CLIENT, [50, 100, 200, 400]), (SCHEDULED, [50, 100, 200, 400, 800, 1_600])]
)
def test_waits_double_and_only_the_patient_go_on(caller: Caller, waits: list[float]) -> None:
    traffic = Traffic({}, {(caller.function, "m:other"): 1.0})
    other = Caller("m:other", is_patient=False)
    calls = sorted(
        [Arrival(0.0, caller), *(Arrival(at - 0.5, other) for at in range(5_000))], key=lambda one: one.at_ms
    )
    own = [each for each in judged(calls, traffic, TAKES_MS, lambda: 0.5) if each.arrival.caller is caller]
    found = [later.begin_ms - each.end_ms for each, later in pairwise(own)]
    assert found[: len(waits)] == waits
    assert (len(own) == 5) is own[-1].gave_up is (caller is CLIENT)


def test_odds_between_none_and_all_are_drawn() -> None:
    traffic = Traffic({}, {("m:add", "m:add"): 0.5})
    calls = [Arrival(0.0, CLIENT), Arrival(1.0, CLIENT)]
    assert [each.lost for each in judged(calls, traffic, TAKES_MS, lambda: 0.5)] == [False, False]
    verdicts = [*judged(calls, traffic, TAKES_MS, lambda: 0.49)]
    assert [each.lost for each in verdicts] == [False, True, False]
    assert ends([*judged(calls, Traffic({}, {}), TAKES_MS, never)]) == (2, 0)


# ------------------------------------------------------------------------------------------------ by formula


@frozen(eq=False)
class OneTry:
    """A caller of its own kind, who never tries again."""

    function: str = "m:add"
    policy: RetryPolicy = NO_RETRY


def poisson(per_ms: float, calls: int, caller: Caller) -> Iterator[Arrival]:
    draw = RandomChoices("poisson").draw
    at_ms = 0.0
    for _ in range(calls):
        # The sum of many small chances: a step of a hundredth of the mean gap, taken with that chance.
        while draw() >= 0.01:
            at_ms += 0.01 / per_ms
        at_ms += 0.01 / per_ms
        yield Arrival(at_ms, caller)


@pytest.mark.parametrize("load", [0.2, 1.0])
def test_without_retries_the_share_lost_is_that_of_a_server_without_a_queue(load: float) -> None:
    # After a commit the next one is that of the first call to come, 1/rate + takes later; all others lose (Erlang).
    calls = 4_000
    verdicts = judged(poisson(load / TAKES_MS, calls, OneTry()), ALL_LOSE, TAKES_MS, never)  # type: ignore[arg-type]
    lost = sum(each.lost for each in verdicts) / calls
    assert lost == pytest.approx(load / (1 + load), abs=0.03)


def test_against_writers_who_lose_to_nobody_five_tries_fail_like_five_coins() -> None:
    # Their commits are a Poisson stream of 50 a second, so an attempt of 20 ms goes well with probability exp(-1).
    traffic = Traffic({CLIENT: 1.0, SCHEDULED: 50.0}, {("m:add", "m:sweep"): 1.0})
    found = exhaustion(CLIENT, traffic, Arrivals(1, TAKES_MS, trials=400))
    assert found.low < (1 - exp(-1)) ** 5 < found.high
    assert 0 < found.low < found.share < found.high < 1


def test_each_mutation_comes_as_often_as_its_share_says() -> None:
    # Of two that come 100 times a second each, one is harmless.
    harmful = Caller("m:close", is_patient=True)
    traffic = Traffic({CLIENT: 1.0, harmful: 100.0, SCHEDULED: 100.0}, {("m:add", "m:close"): 1.0})
    found = exhaustion(CLIENT, traffic, Arrivals(1, TAKES_MS, trials=200))
    assert found.low < (1 - exp(-2)) ** 5 < found.high


# ------------------------------------------------------------------------------------------------ by the runtime


class InThisOrder:
    """Lets the clients begin and commit as the model did; whoever waits begins again when its turn comes."""

    def __init__(self, turns: Sequence[tuple[str, str]]) -> None:
        self.turns = iter([*turns, ("nobody", "begin")])
        self.next = next(self.turns)

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        if kind != "step":
            return 0
        for at, option in enumerate(options):
            if option.phase not in ("begin", "commit"):
                return at
        wanted = [(option.activity.partition(".")[0], option.phase) for option in options].index(self.next)
        self.next = next(self.turns)
        return wanted


@scenario(app=app())
def bumps(world: World) -> None:
    for at in range(16):
        world.client(f"c{at}").mutation(api.counters.bump)


@pytest.mark.parametrize(("load", "some_give_up"), [(2.0, False), (20.0, True)])
def test_the_runtime_made_to_go_in_the_same_order_ends_alike(load: float, some_give_up: bool) -> None:  # noqa: FBT001
    relation = conflicts(bumps, sample=RandomWalk(runs=5)).traffic
    (caller,) = relation.shares
    draw, conflicted, gave_up = RandomChoices(f"load {load}").draw, 0, 0
    for _ in range(10):
        moments = sorted(draw() * 16 * TAKES_MS / load for _ in range(16))
        calls = [Arrival(at, caller) for at in moments]
        verdicts = [*judged(calls, relation, TAKES_MS, draw)]
        names = {call: f"c{at}" for at, call in enumerate(calls)}
        number = count()
        turns = [(each.begin_ms, 1, next(number), names[each.arrival], "begin") for each in verdicts]
        turns += [(each.end_ms, 0, next(number), names[each.arrival], "commit") for each in verdicts]
        choices = InThisOrder([(who, phase) for *_, who, phase in sorted(turns)])
        run = Simulation(bumps, choices).run()
        lost = {names[each.arrival] for each in verdicts if each.gave_up}
        assert {call.activity.partition(".")[0] for call in run.calls if call.error is not None} == lost
        assert run.view.documents("counters")[0]["value"] == 16 - len(lost)
        conflicted += sum(each.lost for each in verdicts)
        gave_up += len(lost)
    assert conflicted > 50
    assert (gave_up > 0) is some_give_up


# ------------------------------------------------------------------------------------------------ settings


def test_nobody_is_looked_at_who_cannot_lose() -> None:
    found = exhaustion(CLIENT, Traffic({CLIENT: 1.0, SCHEDULED: 1.0}, {("m:sweep", "m:add"): 1.0}), Arrivals(1e9))
    assert (found.share, found.low, found.high) == (0, 0, 0)
    assert str(found) == "0 % (no conflict)"


@pytest.mark.parametrize(
    ("met", "low", "high"), [(0, 0, 0.3085), (1, 0.0025, 0.4450), (5, 0.1871, 0.8129), (10, 0.6915, 1)]
)
def test_an_interval_is_that_of_the_tables(met: int, low: float, high: float) -> None:
    assert interval(met, 10, 0.95) == pytest.approx((low, high), abs=1e-4)


def test_the_same_seed_gives_the_same_streams() -> None:
    found = [exhaustion(CLIENT, ALL_LOSE, Arrivals(100, TAKES_MS, trials=40, seed=seed)) for seed in (1, 1, 2)]
    assert found[0] == found[1]
    assert found[0].exhausted != found[2].exhausted
    as_float = exhaustion(CLIENT, ALL_LOSE, Arrivals(100.0, TAKES_MS, trials=40, seed=1))
    assert as_float == found[0]


def test_more_calls_give_up_more_often() -> None:
    shares = [exhaustion(CLIENT, ALL_LOSE, Arrivals(rate, TAKES_MS, trials=100)).share for rate in (1, 40, 150)]
    assert shares[0] == 0 < shares[1] < shares[2]


@pytest.mark.parametrize(
    "wrong", [{"per_second": 0}, {"per_second": 1, "takes_ms": -1}, {"per_second": 1, "trials": 0}]
)
def test_what_is_no_traffic_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Arrivals(**wrong)  # type: ignore[arg-type]
