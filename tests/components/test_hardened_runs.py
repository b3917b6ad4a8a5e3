"""Whole runs of the hardened accumulator: many clients at once, whatever goes wrong, in every order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    Exhaustive,
    Faults,
    Lockstep,
    LockstepChoices,
    MutationCtx,
    Platform,
    RandomWalk,
    Run,
    Simulation,
    View,
    World,
    api,
    check,
    eventually,
    internal,
    internal_action,
    mutation,
    scenario,
)
from convexsim.trace import event
from tests.components.hardened_support import (
    APP,
    COMPONENT,
    EXACT,
    LEDGER,
    LIVE,
    SAFE,
    acked,
    add_by,
    added,
    exactly_once,
    hardened_app,
    history_tells_what_was_delivered,
    nothing_is_left,
    outside,
    statuses,
)
from tests.support import events_of, run

NO_INTERVAL: dict[str, Any] = {"flushIntervalMs": 0}
ORDERS = [*LIVE, exactly_once, history_tells_what_was_delivered]
"""What holds without faults, also where a client may be refused."""
WALK = RandomWalk(runs=12, seed=1)


def holds(body: Callable[[World], None], explorer: Any = WALK, *, invariants: list[Any] = EXACT, **how: Any) -> None:
    """Explore a world, which must hold."""
    report = check(scenario(app=how.pop("app", APP), invariants=invariants, **how)(body), explorer)
    assert report.finding is None, str(report)


def lockstep(body: Callable[[World], None]) -> Run:
    """Run a world in lockstep and return the run with its events."""
    result = Simulation(scenario(app=APP)(body), LockstepChoices()).run()
    assert (result.ending, result.violations) == ("quiet", [])
    return result


# -------------------------------------------------------------------------------------------- adds do not conflict


@pytest.mark.parametrize("begun", [True, False])
def test_of_a_hundred_adds_in_lockstep_none_conflicts(*, begun: bool) -> None:
    """R4: nor does any admission, once the batch accumulates."""

    def crowd(world: World) -> None:
        outside(world)
        how = {"maxBatchSize": 1_000, "flushIntervalMs": 60_000}
        if begun:
            add_by(world, "first", "a first", **how)
        for number in range(100):
            if begun:
                world.client(f"c{number}").wait(1)
            add_by(world, f"c{number}", f"a{number}", **how)

    result = lockstep(crowd)
    conflicts = [conflict.what for conflict in events_of(result, event.Conflicted)]
    assert not [what for what in conflicts if what.startswith("m:")]
    assert conflicts == [] if begun else set(conflicts) == {"batchProcessor/lib:admit"}
    assert [call.error for call in result.calls] == [None] * (100 + begun)
    assert sorted(acked(result.view)) == sorted(added(result.view))
    assert len(result.view.external(LEDGER)) == 1


def test_adds_of_many_ids_do_not_meet() -> None:
    def crowd(world: World) -> None:
        outside(world)
        for number in range(20):
            add_by(world, f"c{number}", "a1", "a2", batch=f"id{number}")

    assert not list(events_of(lockstep(crowd), event.Conflicted))


@pytest.mark.parametrize("how", ["threshold", "timer", "hand"])
def test_adds_without_end_do_not_keep_a_flush_from_its_commit(how: str) -> None:
    """P18: while the flush is under way, five others add at every moment, each as soon as it may."""
    config = {"maxBatchSize": 20 if how == "threshold" else 10_000, "flushIntervalMs": 50 if how == "timer" else 0}

    def flood(world: World) -> None:
        outside(world)
        for name in "pqrst":
            for number in range(30):
                add_by(world, name, f"a{name}{number}", **config)
                world.client(name).wait(5)
        if how == "hand":
            world.client("flusher").wait(50)
            world.client("flusher").mutation(api.m.flush)

    result = lockstep(flood)
    assert [call.error for call in result.calls] == [None] * len(result.calls)
    assert result.view.external(LEDGER)[0]["t"] <= 60
    lost = [conflict.what for conflict in events_of(result, event.Conflicted)]
    assert not {"batchProcessor/lib:flushOnTime", "m:flush"} & set(lost)


def test_an_add_that_is_committed_during_a_flush_by_hand_does_not_conflict_with_it() -> None:
    """P18: what the flush answers is counted aside; what it takes is decided by its own commit."""

    def body(world: World) -> None:
        outside(world)
        add_by(world, "p", "a1", maxBatchSize=10)
        world.client("p").wait(10)
        add_by(world, "p", "a2", maxBatchSize=10)
        world.client("q").wait(10)
        world.client("q").mutation(api.m.flush)

    result = run(APP, body, "q.1 begin, p.2 begin, p.2 commit, q.1 commit")
    assert not list(events_of(result, event.Conflicted))
    assert result.calls[-1].result["itemCount"] == 1
    assert acked(result.view) == ["a1", "a2"]


# ------------------------------------------------------------------------------------- adds, flush, timer and delete


def two_and_a_flush(world: World) -> None:
    outside(world)
    add_by(world, "p", "a1")
    add_by(world, "p", "a2")
    world.client("q").mutation(api.m.flush)


def test_in_all_orders_of_two_adds_and_a_flush_nothing_is_lost_or_doubled() -> None:
    holds(two_and_a_flush, Exhaustive(max_runs=20_000, backoffs=False, forced=2), invariants=ORDERS)


def two_rivals(world: World) -> None:
    outside(world)
    add_by(world, "p", "a1")
    add_by(world, "q", "b1", to="b")


def test_in_all_orders_two_callbacks_under_one_id_get_what_is_theirs() -> None:
    holds(two_rivals, Exhaustive(max_runs=20_000, backoffs=False, forced=2))


def everybody(world: World, *plan: str) -> None:
    """Adds for two callbacks, with two intervals, alone and several in one mutation; a flush, a cron, a delete."""
    outside(world, *plan)
    add_by(world, "p", "a1")
    add_by(world, "q", "b1", to="b")
    add_by(world, "r", "a2", "a3", "a4")
    world.client("f").mutation(api.m.flush)
    world.client("d").mutation(api.m.delete)
    world.client("t").wait(1_000)
    world.client("t").mutation(api.m.trigger)
    world.client("p").wait(1_000)
    add_by(world, "p", "a5", flushIntervalMs=500)
    adds = [{"items": ["a6"]}, {"items": ["b7"], "to": "b"}, {"items": ["a8"]}]
    world.client("q").mutation(api.m.add_each, {"adds": adds})
    world.client("f").mutation(api.m.delete)


def unlucky(world: World) -> None:
    everybody(world, "no", "ok", "no", "no", "ok", "no")


PLATFORMS = [Platform(), Platform(self_cancel="tree"), Platform(self_cancel="throw")]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("body", [everybody, unlucky])
def test_in_any_order_each_item_is_acked_exactly_once(body: Callable[[World], None], platform: Platform) -> None:
    holds(body, invariants=ORDERS, platform=platform)


def test_clocks_that_differ_change_nothing_but_times() -> None:
    holds(unlucky, invariants=ORDERS, faults=Faults(skewed=3, skews_ms=[5_000, -5_000]))


@pytest.mark.parametrize(
    "faults",
    [
        Faults(crashes=2),
        Faults(restarts=1),
        Faults(system_errors=2),
        Faults(disconnects=2),
        Faults(conflicts=7),
        Faults(crashes=1, restarts=1, disconnects=1, skewed=1, skews_ms=[-40_000]),
    ],
)
@pytest.mark.parametrize("platform", PLATFORMS[:2])
def test_whatever_goes_wrong_each_item_is_acked_and_a_key_means_the_same_items(
    faults: Faults, platform: Platform
) -> None:
    holds(unlucky, RandomWalk(runs=8, seed=2), invariants=LIVE, faults=faults, platform=platform)


def test_every_single_crash_of_a_delivery_is_outlived() -> None:
    def one_delivery(world: World) -> None:
        outside(world)
        add_by(world, "p", "a1", "a2")

    holds(one_delivery, Exhaustive(max_runs=20_000, backoffs=False), invariants=LIVE, faults=Faults(crashes=1))


# --------------------------------------------------------------------------------------------------- by and by


def test_a_callback_may_add_under_its_own_id() -> None:
    def chain(world: World) -> None:
        outside(world)
        add_by(world, "p", "b1", to="andAdd", maxBatchSize=1)
        add_by(world, "q", "b2", to="andAdd", maxBatchSize=1)

    @eventually
    def all_four_came(view: View) -> None:
        assert sorted(acked(view)) == ["a after b1", "a after b2", "b1", "b2"]

    holds(chain, invariants=[*EXACT, all_four_came])


def test_several_adds_in_one_mutation_have_one_commit_and_one_line_takes_all() -> None:
    def at_once(world: World) -> None:
        outside(world)
        adds = [{"items": [f"a{number}"], "maxBatchSize": 3} for number in range(5)]
        world.client("p").mutation(api.m.add_each, {"adds": adds})
        world.client("q").mutation(api.m.add_each, {"adds": [{"items": ["a5"]}, {"items": ["b6"], "to": "b"}]})

    holds(at_once)


def test_an_add_and_a_flush_of_one_mutation_belong_together() -> None:
    def both(world: World) -> None:
        outside(world)
        for number in range(3):
            world.client(f"c{number}").mutation(api.m.add_and_flush, {"items": [f"a{number}"]})

    holds(both, invariants=ORDERS)


def test_an_id_that_is_deleted_and_used_again_repeats_no_number_and_no_key() -> None:
    async def again(session: Any) -> None:
        for number in range(4):
            await session.mutation(api.m.add, {"items": [f"a{number}"], "maxBatchSize": 1})
            await session.sleep(1)
            await session.mutation(api.m.delete, {})

    @eventually
    def four_keys(view: View) -> None:
        assert len({entry["key"] for entry in view.external(LEDGER)}) == 4
        assert [row["nextSequence"] for row in view.documents("streams", COMPONENT)] == [4]

    def recycled(world: World) -> None:
        outside(world)
        world.client("p").run(again)

    holds(recycled, RandomWalk(runs=20, seed=1), invariants=[*EXACT, four_keys])


def test_what_fails_for_good_is_a_dead_letter_until_it_is_tried_again() -> None:
    def hopeless(world: World) -> None:
        outside(world, "no", "no", "no")
        add_by(world, "p", "a1", "a2", maxAttempts=2)
        add_by(world, "q", "b1", to="b", maxAttempts=2, maxBatchSize=1)
        for name, batch in (("p", "x::0"), ("p", "x::1")):
            world.client(name).wait(60_000)
            world.client(name).mutation(api.m.retry_dead, {"batch": batch})

    @eventually
    def all_or_dead(view: View) -> None:
        dead = [status for status in statuses(view) if status.endswith("deadLetter")]
        assert set(added(view)) == set(acked(view)) or dead, statuses(view)
        assert len(acked(view)) == len(set(acked(view)))

    holds(hopeless, invariants=[*SAFE, all_or_dead])


def test_of_two_who_try_a_dead_letter_again_one_is_refused() -> None:
    def two_helpers(world: World) -> None:
        outside(world, "no")
        add_by(world, "p", "a1", "a2", maxAttempts=1)
        for name in ("q", "r"):
            world.client(name).wait(1)
            world.client(name).mutation(api.m.retry_dead)

    @eventually
    def one_is_refused(view: View) -> None:
        assert sum(call.error is not None for call in view.calls()) == 1

    holds(two_helpers, Exhaustive(backoffs=False, forced=2), invariants=[*ORDERS, one_is_refused])


def test_an_add_below_a_cancelled_function_is_refused_or_delivered() -> None:
    """Convex-semantics 3.4: what a cancelled action schedules is born cancelled, so an accepted add would be lost."""

    @internal_action
    async def slow(ctx: ActionCtx) -> None:
        await ctx.sleep(10)
        await ctx.run_mutation(api.m.add, {"items": ["a1", "a2"]})

    @mutation
    def begin(ctx: MutationCtx) -> str:
        return ctx.scheduler.run_after(0, internal.m.slow, {})

    @mutation
    def cancel(ctx: MutationCtx, scheduled: str) -> None:
        ctx.scheduler.cancel(scheduled)

    async def change_of_mind(session: Any) -> None:
        scheduled = await session.mutation(api.m.begin, {})
        await session.sleep(10)
        await session.mutation(api.m.cancel, {"scheduled": scheduled})

    def cancelled(world: World) -> None:
        outside(world)
        world.client("p").run(change_of_mind)

    app = hardened_app(slow=slow, begin=begin, cancel=cancel)
    for platform in PLATFORMS:
        holds(cancelled, Exhaustive(backoffs=False, forced=2), invariants=ORDERS, app=app, platform=platform)


# ------------------------------------------------------------------------------------------- a record that is late


class Unlucky:
    """One record begins first and commits last, every time, and waits as long as it may; so do the clients' steps fall.

    The record is that of the client ``v``: tried by its executor, then scheduled. ``e`` comes last but for it.
    """

    def choose(self, kind: str, options: Any) -> int:
        """Return the option of the highest rank."""
        if kind == "backoff":
            return len(options) - 1
        ranks = [self._rank(option.activity, option.phase) for option in options]
        return ranks.index(min(ranks))

    def _rank(self, activity: str, phase: str) -> int:
        tried = activity.startswith(("v.1+1+1+1.3", "v.1+1+1+1.4"))
        if tried and phase == "begin":
            return 0
        if activity.startswith("v.1+1+1+1.4+1"):
            return 4
        return 2 if tried else 3 if activity.startswith("e.") else 1


def test_a_record_is_not_kept_from_its_commit_by_others_of_its_id() -> None:
    """It once was, for more than two leases: so the attempt was taken for lost, and delivered twice without a fault."""
    at_once = {"maxBatchSize": 1, "flushIntervalMs": 0}

    def starved(world: World) -> None:
        outside(world)
        add_by(world, "v", "a victim", **at_once)
        add_by(world, "c", "a", **at_once)
        for number in range(4):
            world.client("c").wait(87.5 * 2**number)
            add_by(world, "c", f"a{number}", **at_once)
        world.client("e").wait(1_312.5)
        for number in range(12):
            add_by(world, "e", f"a e{number}", **at_once)
            world.client("e").wait(min(87.5 * 2**number, 52_500))

    result = Simulation(scenario(app=APP, invariants=EXACT)(starved), Unlucky()).run()
    assert (result.ending, result.violations) == ("quiet", [])
    assert not [lost for lost in events_of(result, event.Conflicted) if "recordFlushResult" in lost.what]


class Struck:
    """Every fault that may strike the record that the executor of the client ``v`` writes strikes it."""

    def choose(self, kind: str, options: Any) -> int:
        """Return the fault for that record, else the first option."""
        return int(kind == "fault" and options[0].activity == "v.1+1+1+1.3")


def test_a_record_that_loses_too_often_is_scheduled_and_nothing_is_delivered_twice() -> None:
    def one_delivery(world: World) -> None:
        outside(world)
        add_by(world, "v", "a", maxBatchSize=1, flushIntervalMs=0)

    world = scenario(app=APP, invariants=ORDERS, faults=Faults(conflicts=5))(one_delivery)
    result = Simulation(world, Struck()).run()
    assert (result.ending, result.violations, len(result.view.faults)) == ("quiet", [], 5)


# ------------------------------------------------------------------------------------------------ of the invariants


def test_nothing_is_left_is_no_empty_promise() -> None:
    """The invariant that says so is seen to fail where an item waits for ever."""

    def waits(world: World) -> None:
        outside(world)
        add_by(world, "p", "a1", **NO_INTERVAL)

    report = check(scenario(app=APP, invariants=[nothing_is_left])(waits), Lockstep())
    assert report.finding is not None
