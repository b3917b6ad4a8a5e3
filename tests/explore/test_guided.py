"""The guided search: what counts as shown, which runs are kept, how they are varied, and what that is good for."""

from __future__ import annotations

from collections import Counter

from attrs import frozen

from benchmarks.explorers import first_bug
from benchmarks.planted import five_constraints
from convexsim import Guided, RandomWalk, Run, Scenario, Simulation
from convexsim.choices import FirstChoices, ListedChoices, RandomChoices
from convexsim.explore.guided import VariedChoices, _Kept, shown_by, varied
from convexsim.explore.trace_key import Recorded
from tests.explore.worlds import proper_bumps, stormy


@frozen
class Way:
    """An option of a choice."""

    activity: str
    phase: str = ""
    number: int = 0


def listed(world: Scenario, *indexes: int) -> Run:
    return Simulation(world, Recorded(ListedChoices(indexes)), trace=False).run()


# ---------------------------------------------------------------------------------------------------------------- shown


def test_a_run_shows_its_steps_and_which_of_them_wrote() -> None:
    """Both begin, alice commits, bob loses and begins again at once."""
    shown = shown_by(listed(proper_bumps, 1, 1))
    assert shown == [
        ("bob.1", "begin", 1, False),
        ("alice.1", "begin", 1, False),
        ("alice.1", "commit", 1, True),
        ("bob.1", "commit", 1, False),
        ("bob.1", "begin", 2, False),
        ("bob.1", "commit", 2, True),
    ]


def test_a_fault_that_struck_is_shown_too() -> None:
    plain, crashed = (shown_by(listed(stormy, *indexes)) for indexes in ((), (0, 1)))
    faults = {each for each in crashed if each[1] in ("crash", "conflict", "request lost", "answer lost")}
    assert faults
    assert faults.isdisjoint(plain)


def test_a_run_is_kept_if_it_shows_what_none_before_did() -> None:
    explorer, met, kept = Guided(200), Counter[object](), 0
    last: Run | None = None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(five_constraints, choices, trace=False).run()
        shown = shown_by(last)
        kept += any(not met[each] for each in shown)
        met.update(shown)
    assert 3 < kept < 50
    assert explorer.notes == [f"runs kept: {kept}; steps and faults shown: {len(met)}"]


# --------------------------------------------------------------------------------------------------------------- varied


def test_a_variation_begins_like_its_run_and_goes_another_way_from_a_drawn_place_on() -> None:
    one, other = tuple(range(10)), tuple(range(100, 115))
    draw = RandomChoices(1).draw
    counted = Counter[str]()
    for _ in range(4_000):
        plan = varied(one, other, draw)
        at = next((at for at, (left, right) in enumerate(zip(plan, one, strict=False)) if left != right), len(plan))
        rest = tuple(plan[at:])
        ways = {
            (): "cut",
            (None, *one[at:]): "put in",
            (None, *one[at + 1 :]): "drawn anew",
            other[at:]: "the other run",
        }
        counted[ways[rest]] += 1
        counted[f"at {at}"] += 1
    assert 1_800 < counted["cut"] < 2_200
    assert all(550 < counted[way] < 780 for way in ("put in", "drawn anew", "the other run"))
    assert all(300 < counted[f"at {at}"] < 500 for at in range(10))


def test_a_run_without_choices_has_variations_too() -> None:
    draw = RandomChoices(1).draw
    assert {tuple(varied((), (), draw)) for _ in range(50)} == {(), (None,)}


def test_a_plan_is_followed_as_far_as_it_fits_and_then_all_is_drawn() -> None:
    two, nine = [Way("a"), Way("b")], [Way(f"{at}") for at in range(9)]
    seen = Counter[tuple[int, ...]]()
    for seed in range(300):
        choices = VariedChoices(seed, [1, None, 5, 0])
        seen[tuple(choices.choose("step", options) for options in (two, two, two, nine, two))] += 1
    assert {run[0] for run in seen} == {1}
    assert {run[3] for run in seen} == {0}
    assert {run[1:3] + run[4:] for run in seen} == {(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)}


def test_where_no_fault_struck_one_may_strike_and_where_one_did_it_does_again() -> None:
    ways = [Way("a", "no crash"), Way("a", "crash")]
    for planned, expected in ((0, {0, 1}), (1, {1})):
        assert {VariedChoices(seed, [planned]).choose("fault", ways) for seed in range(100)} == expected
        assert {VariedChoices(seed, [planned]).choose("backoff", ways) for seed in range(100)} == {planned}


def test_a_run_is_varied_the_likelier_the_fewer_have_shown_the_rarest_of_what_it_was_kept_for() -> None:
    common, rare = ("ann.1", "begin", 1, False), ("bob.1", "commit", 2, True)
    explorer = Guided()
    explorer._kept = [_Kept((0,), (common,)), _Kept((1,), (common, rare))]
    explorer._met = Counter({common: 30, rare: 10})
    draw = RandomChoices(1).draw
    picked = Counter(explorer._pick(draw) for _ in range(4_000))
    assert 2_850 < picked[1,] < 3_150  # three times as likely


# -------------------------------------------------------------------------------------------------------- what it finds


def test_the_first_run_is_the_serial_one_and_without_another_nothing_is_varied() -> None:
    explorer = Guided(2)
    first = Simulation(stormy, explorer.propose(None), trace=False).run()
    assert first.indexes == Simulation(stormy, FirstChoices(), trace=False).run().indexes


def test_a_bug_that_needs_five_orderings_in_turn_is_met_while_a_random_walk_is_not_near() -> None:
    guided, drawn = (
        sorted(first_bug(five_constraints, kind(400, seed))[0] for seed in range(3))[1] for kind in (Guided, RandomWalk)
    )
    assert 2 * guided < drawn
