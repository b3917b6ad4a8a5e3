"""The portfolio: who gets the next turn, what pays, when it ends; and which runs have the same outcome."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from convexsim import (
    ActionCtx,
    Bounded,
    Exhaustive,
    Lockstep,
    Portfolio,
    RandomWalk,
    Response,
    Run,
    Scenario,
    Simulation,
    Sticky,
    UsageError,
    World,
    action,
    api,
    check,
    define_app,
    eventually,
    scenario,
)
from convexsim.choices import Choices, FirstChoices, ListedChoices, RandomChoices
from convexsim.explore.explorer import Explorer
from convexsim.explore.outcome import outcome_of
from convexsim.explore.portfolio import TURN
from tests.explore.worlds import app, lost_update, proper_bumps, racing_bumps, stormy


class Always:
    """Proposes the same so many times."""

    exhausted = False

    def __init__(self, name: str, make: Callable[[int], Choices], runs: int = 1_000) -> None:
        self.name = name
        self._make = make
        self._left = runs
        self.seen: list[Run | None] = []

    def propose(self, last: Run | None) -> Choices | None:
        self.seen.append(last)
        self._left -= 1
        return self._make(self._left) if self._left >= 0 else None


def notes(clients: int) -> Scenario:
    """A world with as many outcomes as there are orders of its clients."""

    @scenario(app=app(), invariants=[lambda _view: True])
    def noting(world: World) -> None:
        for number in range(clients):
            world.client(f"c{number}").mutation(api.counters.note, {"text": f"{number}"})

    return noting


def serial(_: int) -> Choices:
    return FirstChoices()


def test_who_shows_new_outcomes_gets_more_turns_and_nobody_is_forgotten() -> None:
    idle, busy = Always("idle", serial), Always("busy", RandomChoices)
    check(notes(6), Portfolio(runs=400, explorers=[idle, busy]))
    assert len(busy.seen) > 5 * len(idle.seen)
    assert len(idle.seen) > 2 * TURN


def test_it_turns_to_another_when_a_member_has_nothing_new_any_more() -> None:
    spent = Always("spent", lambda left: RandomChoices(max(left, 970)))
    fresh = Always("fresh", lambda left: RandomChoices(f"fresh {left}"))
    check(notes(6), Portfolio(runs=300, explorers=[spent, fresh]))
    assert len(fresh.seen) > 2 * len(spent.seen)


def test_each_member_hears_of_its_own_runs_only() -> None:
    every = Bounded()
    alone, mixed = Exhaustive(max_runs=34), Exhaustive(max_runs=34)
    assert check(proper_bumps, alone).runs == 34
    report = check(proper_bumps, Portfolio(explorers=[Sticky(50), mixed, every]))
    assert report.exhausted
    assert mixed.exhausted or every.exhausted


def test_it_is_exhausted_as_soon_as_one_member_is() -> None:
    report = check(proper_bumps, Portfolio(explorers=[RandomWalk(1_000), Exhaustive()]))
    assert report.exhausted
    assert report.runs < 200  # 34 are all there are; the walk alone would go on to 1,000
    assert "holds in all of" in str(report)


@pytest.mark.parametrize(("runs", "expected"), [(3, 3), (100, 12)])
def test_it_ends_with_its_runs_or_with_its_members(runs: int, expected: int) -> None:
    members: list[Explorer] = [Lockstep(), RandomWalk(4), Sticky(7)]
    report = check(proper_bumps, Portfolio(runs, explorers=members))
    assert (report.runs, report.exhausted) == (expected, False)


def test_the_name_says_who_found_how_much() -> None:
    report = check(notes(2), Portfolio(explorers=[Always("one", serial, 3), Always("two", serial, 2)]), level=3)
    assert report.explorer == "portfolio (one: 1 new in 3; two: 0 new in 2)"


def test_what_is_no_explorer_or_stands_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="is no explorer"):
        Portfolio(explorers=[RandomWalk])  # type: ignore[list-item]
    walk = RandomWalk()
    with pytest.raises(UsageError, match="stands in a portfolio twice"):
        Portfolio(explorers=[walk, Sticky(), walk])


def test_with_a_member_that_searches_in_one_piece_it_makes_no_part_of_its_runs() -> None:
    with pytest.raises(UsageError, match="cannot be made in parts"):
        Portfolio(explorers=[Sticky(), Exhaustive()]).skip(5)


def test_the_default_portfolio_finds_what_its_members_find() -> None:
    assert check(racing_bumps(2, 3), Portfolio(200)).finding is not None


# ------------------------------------------------------------------------------------------------------------- outcomes


def outcomes(world: Scenario, level: int = 2) -> set[bytes]:
    explorer, found, last = Exhaustive(), set(), None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(world, choices, level=level, trace=False).run()
        found.add(outcome_of(last))
    return found


def test_orders_that_nobody_can_tell_apart_have_one_outcome_and_others_have_several() -> None:
    """Two bumps: who came first has inserted the row, and was told its id. Three notes: in which order they stand."""
    assert len(outcomes(notes(3), level=3)) == 6
    assert len(outcomes(notes(2))) == 2

    @scenario(app=app(), invariants=[lambda _view: True])
    def alike(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).mutation(api.counters.note, {"text": "hello"})

    assert len(outcomes(alike)) == 1


def test_waits_and_attempts_make_no_outcome_of_their_own() -> None:
    """Two clients write 1; the one that lost the conflict has written it later, after any of eight waits."""

    @scenario(app=app(), invariants=[lambda _view: True])
    def writing(world: World) -> None:
        for name in ("ann", "bob"):
            world.client(name).mutation(api.counters.write, {"value": 1})

    assert len(outcomes(writing)) == 1


def test_a_broken_invariant_is_an_outcome() -> None:
    asked: list[bool] = []

    @eventually
    def sometimes_broken(_view: object) -> bool:
        asked.append(True)
        return len(asked) != 2

    @scenario(app=app(), invariants=[sometimes_broken])
    def world_of_one(world: World) -> None:
        world.client("a").mutation(api.counters.note, {"text": "x"})

    held, broken, held_again = (Simulation(world_of_one).run() for _ in range(3))
    assert outcome_of(held) == outcome_of(held_again) != outcome_of(broken)


def test_what_was_sent_is_seen_in_outcomes() -> None:
    @action
    async def send(ctx: ActionCtx, body: str) -> None:
        await ctx.fetch("https://example.com/", method="POST", body=body)

    @action
    async def note(ctx: ActionCtx, body: str) -> None:
        await ctx.external("ledger").append(body)

    def sent(name: str, body: str) -> bytes:
        @scenario(app=define_app({"m": {"send": send, "note": note}}))
        def one_call(world: World) -> None:
            world.external("ledger")
            world.network({"https://example.com/": Response(200)})
            world.client("ann").action(f"m:{name}", {"body": body})

        return outcome_of(Simulation(one_call).run())

    for name in ("send", "note"):
        assert sent(name, "hello") == sent(name, "hello") != sent(name, "bye")


def test_faults_and_results_of_calls_are_seen_in_outcomes() -> None:
    assert len(outcomes(lost_update)) >= 2
    lost = {outcome_of(Simulation(stormy, ListedChoices((0,) * at + (1,))).run()) for at in range(12)}
    assert len(lost) > 3
