"""Shares: of all ways to go on from each choice of a failing run, how many fail; compared with brute force."""

from __future__ import annotations

from fractions import Fraction

import pytest

from benchmarks.planted import crash_between, lost_update, lost_update_in_noise, three_constraints, write_skew
from convexsim import Bounded, Run, Scenario, Simulation, check
from convexsim.choices import ListedChoices
from convexsim.explore.shares import Share, shares_of
from convexsim.explore.shrink import breaks_like
from scenarios.crash_leaves_flushing import crash_leaves_flushing
from scenarios.fast_clock_loses_an_item import fast_clock_loses_an_item
from scenarios.timer_cancels_itself import timer_cancels_itself
from tests.explore.worlds import too_many


def found(world: Scenario) -> Run:
    report = check(world, Bounded())
    assert report.finding is not None
    return report.finding.run


def by_brute_force(failing: Run, begun: tuple[int, ...]) -> Fraction:
    """Say of a beginning how many of its continuations fail: the mean over what comes next, down to the end."""
    run = Simulation(failing.scenario, ListedChoices(begun), level=failing.level, trace=False).run()
    if len(run.indexes) == len(begun):
        return Fraction(breaks_like(failing, run))
    count = run.record.taken[len(begun)][2]
    return sum((by_brute_force(failing, (*begun, index)) for index in range(count)), Fraction(0)) / count


def values(failing: Run, runs: int = 4_000) -> list[Fraction | None]:
    return [None if share is None else share.value for share in shares_of(failing, runs)]


def fractions(*texts: str) -> list[Fraction]:
    return [Fraction(text) for text in texts]


# -------------------------------------------------------------------------------------------------------- exact


def test_a_lost_update_fails_unless_one_client_has_begun_and_committed_before_the_other_reads() -> None:
    """By hand: who reads first is no matter. Then the other reads (1/2), or is passed over twice (1/4) to be too late.

    After the other has read, both write what they have read, in whatever order.
    """
    assert values(found(lost_update)) == fractions("3/4", "3/4", "1", "1", "1")


def test_write_skew_needs_the_hiring_first() -> None:
    """By hand: of three, the chief begins (1/3) and commits (1/3) before anybody counts; the rest is a lost update."""
    assert values(found(write_skew)) == fractions("1/12", "1/4", "3/4", "3/4", "1", "1", "1")


def test_a_clock_is_wrong_or_not() -> None:
    assert values(found(fast_clock_loses_an_item)) == fractions("1/2", "1")


def test_a_run_without_choices_was_settled_from_the_start() -> None:
    assert values(found(timer_cancels_itself)) == [Fraction(1)]


@pytest.mark.parametrize(
    "world", [lost_update, write_skew, crash_leaves_flushing, too_many], ids=lambda world: world.name
)
@pytest.mark.parametrize("level", [2, 3])
def test_shares_are_those_of_brute_force(world: Scenario, level: int) -> None:
    """Leaves of the tree lie at different depths, so their number would be another share."""
    failing = check(world, Bounded(), level=level).finding
    if failing is None:
        pytest.skip("it does not fail at this level")
    indexes = failing.run.indexes
    expected = [by_brute_force(failing.run, indexes[:at]) for at in range(len(indexes) + 1)]
    assert values(failing.run) == expected


def test_a_fault_is_a_choice_like_any_other() -> None:
    failing = found(crash_between)
    for at, share in enumerate(shares_of(failing, 4_000)):
        if share is not None and share.is_exact:
            assert share.value == by_brute_force(failing, failing.indexes[:at])


# ------------------------------------------------------------------------------------------------------ intervals


def test_where_the_ways_are_too_many_an_interval_holds_the_share() -> None:
    """Noise does not change who of two clients comes first, so the share at the start is that of the quiet world."""
    failing = found(lost_update_in_noise)
    shares = shares_of(failing, 600)
    assert [share is not None and share.is_exact for share in shares] == [False] * 6 + [True] * 5
    for share in shares[:6]:
        assert share is not None
        low, high = share.interval
        assert low < 0.75 < high
        assert high - low < 0.3


def test_what_is_drawn_at_one_choice_counts_at_the_next_if_it_goes_the_same_way() -> None:
    shares = shares_of(found(lost_update_in_noise), 600)
    walks = [share.walks for share in shares if share is not None and share.walks]
    assert walks[0] == min(walks)
    assert walks[0] < walks[1] < 1.5 * walks[0]  # one in five goes the same way
    assert sum(walks) > 5 * walks[0]


def test_the_more_runs_the_more_is_exact() -> None:
    failing = found(three_constraints)
    exact = [
        sum(share is not None and share.is_exact for share in shares_of(failing, runs)) for runs in (10, 100, 1_000)
    ]
    assert exact == sorted(exact)
    assert exact[0] < exact[-1]


def test_no_more_runs_are_spent_than_were_given() -> None:
    made: list[Run] = []
    shares_of(found(crash_between), 150, made.append)
    assert 75 < len(made) <= 150


def test_where_nothing_is_left_to_spend_nothing_is_said() -> None:
    assert values(found(three_constraints), 2) == [*[None] * 11, *fractions("1/2", "1")]


def test_an_interrupted_search_says_what_it_knows() -> None:
    failing = found(lost_update)

    def look(run: Run) -> None:
        if run.indexes[:2] != failing.indexes[:2]:
            raise KeyboardInterrupt

    shares = shares_of(failing, 1_000, look)
    assert [share and share.value for share in shares] == [None, None, *fractions("1", "1", "1")]


@pytest.mark.parametrize(
    ("failed", "walks", "low", "high"),
    [(0, 20, 0.0, 0.1684), (20, 20, 0.8316, 1.0), (5, 10, 0.1871, 0.8129), (1, 10, 0.0025, 0.4450)],
)
def test_the_interval_is_that_of_clopper_and_pearson(failed: int, walks: int, low: float, high: float) -> None:
    assert Share(Fraction(failed, walks), walks).interval == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (Share(Fraction(1)), "1"),
        (Share(Fraction(0)), "0"),
        (Share(Fraction(3, 4)), "3/4 = 75.0 %"),
        (Share(Fraction(1, 4_096)), "less than 0.1 %"),
        (Share(Fraction(4_095, 4_096)), "more than 99.9 %"),
        (Share(Fraction(1_365, 4_096)), "33.3 %"),
        (Share(Fraction(1, 2), 10), "19 to 81 %"),
    ],
)
def test_a_share_looks_like_all_or_nothing_only_if_it_is(share: Share, told: str) -> None:
    assert str(share) == told
