"""The ready invariants: what they say of a run that keeps them, and of one that does not."""

from __future__ import annotations

from typing import Any, Final

import pytest

from convexsim import (
    Dpor,
    Exhaustive,
    Faults,
    Invariant,
    LockstepChoices,
    Platform,
    Scenario,
    Simulation,
    UsageError,
    View,
    World,
    action,
    always,
    api,
    check,
    comes_to_rest,
    components,
    cron_schedule,
    define_app,
    define_component,
    internal,
    leads_to,
    mutation,
    nothing_left_behind,
    retry_budget,
    scenario,
)


@mutation
def order(ctx: Any, paid_after: float | None = None) -> None:
    ctx.db.insert("orders", {"paid": False})
    if paid_after is not None:
        ctx.scheduler.run_after(paid_after, internal.shop.pay)


@mutation
def pay(ctx: Any) -> None:
    for row in ctx.db.query("orders").collect():
        ctx.db.patch(row["_id"], {"paid": True})


@mutation
def note(ctx: Any) -> None:
    ctx.db.insert("notes", {})


@mutation
def tick(ctx: Any, left: float) -> None:
    ctx.db.insert("ticks", {})
    if left:
        ctx.scheduler.run_after(1_000, internal.shop.tick, {"left": left - 1})


@mutation
def fail(_ctx: Any) -> None:
    raise ValueError("no")


@mutation
def plan(ctx: Any, name: str, after: float, until: str = "it runs") -> None:
    planned = ctx.scheduler.run_after(after, f"shop:{name}")
    if until == "canceled":
        ctx.scheduler.cancel(planned)


@mutation
def stop_itself(ctx: Any) -> None:
    for row in ctx.db.system.query("_scheduled_functions").collect():
        ctx.scheduler.cancel(row["_id"])
    ctx.scheduler.run_after(5, internal.shop.note)


@action
async def sleep(ctx: Any, ms: float = 1_000) -> None:
    await ctx.sleep(ms)


@mutation
def plan_below(ctx: Any) -> None:
    ctx.run_mutation(components.part.shop.plan, {"name": "fail", "after": 5})


@mutation
def hurry(ctx: Any) -> None:
    if ctx.db.query("orders").first() is None:
        ctx.db.insert("notes", {})
    else:
        ctx.scheduler.run_after(5, internal.shop.fail)
        ctx.scheduler.run_after(5, internal.shop.tick, {"left": 1_000})


SHOP: Final = (hurry, order, pay, note, tick, fail, plan, stop_itself, sleep, plan_below)
MODULE: Final = {each.handler.__name__: each for each in SHOP}
APP: Final = define_app({"shop": MODULE})
APP.use(define_component("part", {"shop": MODULE}))


def world_of(*calls: tuple[Any, ...], keeps: Invariant, until_ms: float | None = None, **settings: Any) -> Scenario:
    """Return a scenario of one client that makes these calls: the name, its arguments, and how long it waits first."""

    @scenario(app=APP, invariants=[keeps], until_ms=until_ms, platform=Platform(**settings))
    def world_under_test(world: World) -> None:
        for name, args, *wait in calls:
            for ms in wait:
                world.client("ann").wait(ms)
            call = world.client("ann").action if name == "sleep" else world.client("ann").mutation
            call(f"shop:{name}", args)

    return world_under_test


def broken_in(world: Scenario) -> list[str]:
    return [violation.message for violation in Simulation(world).run().violations]


# ---------------------------------------------------------------------------------------------------------- leads to


def an_order_waits(view: View) -> bool:
    return any(not row["paid"] for row in view.documents("orders"))


def all_is_paid(view: View) -> bool:
    return not an_order_waits(view)


def paid_within(ms: float) -> Invariant:
    return leads_to(an_order_waits, all_is_paid, within_ms=ms)


LATE: Final = "all is paid was owed since 0 ms, and was not there at {} ms"
NEVER: Final = "all is paid was owed since {} ms, and never came"


@pytest.mark.parametrize(
    ("calls", "within", "until", "said"),
    [
        ([("order", {"paidAfter": 100})], 100, None, []),
        ([("order", {"paidAfter": 101})], 100, None, [LATE.format(101)]),
        ([("order", {"paidAfter": 101})], float("inf"), None, []),
        ([("order", {})], 100, None, [NEVER.format(0)]),
        ([("order", {})], float("inf"), None, [NEVER.format(0)]),
        ([], 100, None, []),
        ([("order", {"paidAfter": 101}), ("note", {}, 100)], 100, None, [LATE.format(101)]),
        ([("order", {"paidAfter": 101}), ("note", {}, 500)], 100, None, [LATE.format(101)]),
        ([("order", {"paidAfter": 50}), ("order", {"paidAfter": 90}, 80)], 95, None, []),
        ([("order", {"paidAfter": 50}), ("order", {}, 80)], 95, None, [NEVER.format(80)]),
        ([("order", {"paidAfter": 101})], 100, 99, []),
        ([("order", {"paidAfter": 101})], 100, 100, [NEVER.format(0)]),
        ([("order", {"paidAfter": 101})], 100, 101, [LATE.format(101)]),
        ([("order", {"paidAfter": 10_000})], float("inf"), 1_000, []),
        ([("order", {})], 100, 99, [NEVER.format(0)]),
        ([("order", {}), ("note", {}, 5_000)], 2_000, 1_000, []),
    ],
    ids=[
        "in time",
        "too late",
        "any time will do",
        "never",
        "never, at any time",
        "nothing owed",
        "what happens in between is no answer",
        "what was late once stays late",
        "what was paid begins anew",
        "the second is owed from its own beginning",
        "due beyond the end of the world",
        "due when the world ends",
        "late before it ends",
        "any time will do, and the world goes on",
        "at rest before it is due",
        "a client has more to do",
    ],
)
def test_what_is_owed_comes_in_time(calls: Any, within: float, until: float | None, said: list[str]) -> None:
    assert broken_in(world_of(*calls, keeps=paid_within(within), until_ms=until)) == said


def test_a_world_with_crons_never_rests_so_what_is_owed_may_yet_come() -> None:
    crons = cron_schedule()
    crons.interval("slow", {"hours": 1}, internal.shop.note)

    def said(until_ms: float) -> list[str]:
        @scenario(
            app=define_app({"shop": MODULE}, crons=crons), invariants=[paid_within(10_000_000)], until_ms=until_ms
        )
        def with_crons(world: World) -> None:
            world.client("ann").mutation(api.shop.order)

        return broken_in(with_crons)

    assert said(9_999_999) == []
    assert said(10_000_000) == [NEVER.format(0)]


def test_what_is_there_already_is_not_owed() -> None:
    keeps = leads_to(an_order_waits, an_order_waits)
    assert broken_in(world_of(("order", {}), keeps=keeps)) == []
    assert broken_in(world_of(("order", {}), ("note", {}), keeps=keeps)) == []


def test_it_has_the_words_of_its_parts() -> None:
    @always
    def an_answer_is_there(view: View) -> bool:
        """Somebody has answered."""
        return bool(view.documents("notes"))

    made = leads_to(an_order_waits, an_answer_is_there, within_ms=50)
    assert (made.name, made.when) == ("an_order_waits_leads_to_an_answer_is_there", "eventually")
    assert made.sentence == "Whenever an order waits, Somebody has answered within 50 ms."
    assert leads_to(an_order_waits, all_is_paid, name="paid").name == "paid"


@pytest.mark.parametrize(
    ("parts", "within"), [((an_order_waits, "paid"), 5), ((an_order_waits, all_is_paid), -1), ((None, all_is_paid), 5)]
)
def test_what_makes_no_sense_is_refused(parts: Any, within: float) -> None:
    with pytest.raises(UsageError):
        leads_to(*parts, within_ms=within)


def test_a_part_that_answers_nonsense_is_refused() -> None:
    nonsense: Any = lambda view: view.documents("orders")  # noqa: E731 - a slip that people make
    with pytest.raises(UsageError, match="returned"):
        broken_in(world_of(("order", {}), keeps=leads_to(nonsense, all_is_paid)))


# -------------------------------------------------------------------------------------------------------------- rest


@pytest.mark.parametrize(
    ("calls", "until", "said"),
    [
        ([("tick", {"left": 5})], None, []),
        ([("tick", {"left": 5})], 5_000, []),
        ([("tick", {"left": 5})], 4_999, ["at 4000 ms shop:tick (ann.1+1+1+1+1+1) still waits"]),
        ([("sleep", {"ms": 10})], 5, ["at 0 ms ann.1, a call of shop:sleep, has not come back"]),
        (
            [("tick", {"left": 5}), ("note", {}, 50)],
            10,
            ["at 0 ms ann.2, a call of shop:note, has not come back, and 1 more"],
        ),
        ([("plan", {"name": "fail", "after": 5})], None, []),
    ],
    ids=["a chain that ends", "in time", "one that goes on", "a call", "two things", "a failure is an end"],
)
def test_a_world_comes_to_rest(calls: Any, until: float | None, said: list[str]) -> None:
    assert broken_in(world_of(*calls, keeps=comes_to_rest, until_ms=until)) == said


def test_a_chain_without_end_in_a_world_without_end_runs_into_the_limit() -> None:
    world = world_of(("tick", {"left": -1}), keeps=comes_to_rest)
    run = Simulation(world, max_steps=200).run()
    assert [violation.invariant for violation in run.violations] == ["ends"]


# ------------------------------------------------------------------------------------------------------- left behind


@pytest.mark.parametrize(
    ("calls", "settings", "said"),
    [
        ([("plan", {"name": "note", "after": 5})], {}, []),
        ([("plan", {"name": "note", "after": 5, "until": "canceled"})], {}, []),
        ([("plan", {"name": "fail", "after": 5})], {}, ["shop:fail (ann.1+1) has failed: no"]),
        ([("plan", {"name": "stopItself", "after": 5})], {"self_cancel": "noop"}, []),
        (
            [("plan", {"name": "stopItself", "after": 5})],
            {"self_cancel": "tree"},
            ["shop:note (ann.1+1+1) was canceled when it was scheduled, because what scheduled it had been canceled"],
        ),
        ([("planBelow", {})], {}, ["part/shop:fail (ann.1+1) has failed: no"]),
        ([("plan", {"name": "fail", "after": 5}), ("note", {}, 8 * 86_400_000)], {}, []),
    ],
    ids=["succeeds", "canceled", "failed", "cancels itself", "born canceled", "in a component", "forgotten"],
)
def test_no_scheduled_function_is_left_behind(calls: Any, settings: Any, said: list[str]) -> None:
    said_here = broken_in(world_of(*calls, keeps=nothing_left_behind, **settings))
    assert said_here == said


@pytest.mark.parametrize(
    ("until", "said"),
    [(99, []), (100, ["shop:fail (ann.1+1) has failed: no"])],
)
def test_what_is_not_due_when_the_world_ends_is_not_left_behind(until: float, said: list[str]) -> None:
    world = world_of(("plan", {"name": "fail", "after": 100}), keeps=nothing_left_behind, until_ms=until)
    assert broken_in(world) == said


def test_what_is_due_and_has_found_no_place_is_left_behind() -> None:
    calls = [("plan", {"name": name, "after": 5}) for name in ("sleep", "note")]
    world = world_of(*calls, keeps=nothing_left_behind, until_ms=500, parallelism=1)
    assert broken_in(world) == ["shop:note (ann.2+1) still waits"]


def test_what_was_born_canceled_looks_to_functions_as_ever() -> None:
    world = world_of(("plan", {"name": "stopItself", "after": 5}), keeps=comes_to_rest, self_cancel="tree")
    rows = Simulation(world).run().view.scheduled_functions()
    assert [sorted(row) for row in rows] == [
        ["_creationTime", "_id", "args", "completedTime", "name", "scheduledTime", "state"]
    ] * 2


# ------------------------------------------------------------------------------------------------------------ budget


def bumps(*invariants: Invariant, clients: int = 3, **more: Any) -> Scenario:
    @mutation
    def bump(ctx: Any) -> None:
        ctx.db.insert("log", {"n": len(ctx.db.query("log").collect())})

    @scenario(app=define_app({"m": {"bump": bump}}), invariants=invariants, **more)
    def bumping(world: World) -> None:
        for number in range(clients):
            world.client(f"client{number}").mutation("m:bump")

    return bumping


def test_how_often_each_began_is_told_by_name() -> None:
    view = Simulation(bumps(), LockstepChoices()).run().view
    assert [(each.function, each.activity, each.attempts) for each in view.retried()] == [
        ("m:bump", "client1.1", 2),
        ("m:bump", "client2.1", 3),
    ]


@pytest.mark.parametrize(
    ("budget", "said"),
    [(1, ["m:bump (client1.1) has begun 2 times; at most 1 were allowed"]), (2, ["client2"]), (3, [])],
)
def test_a_retry_budget_is_kept_or_not(budget: int, said: list[str]) -> None:
    run = Simulation(bumps(retry_budget(budget)), LockstepChoices()).run()
    assert len(run.violations) == len(said)
    assert all(part in violation.message for part, violation in zip(said, run.violations, strict=True))


def test_the_serial_run_keeps_every_budget() -> None:
    assert Simulation(bumps(retry_budget(1))).run().violations == []


@pytest.mark.parametrize("attempts", [0, -1, 1.5, True, None])
def test_a_budget_of_nothing_is_refused(attempts: Any) -> None:
    with pytest.raises(UsageError, match="no budget"):
        retry_budget(attempts)


# ------------------------------------------------------------------------------------------------------- exploration


@pytest.mark.parametrize("budget", [1, 2])
def test_a_reduced_search_finds_who_begins_too_often_exactly_if_there_is_one(budget: int) -> None:
    everything = check(bumps(retry_budget(budget), clients=2), Exhaustive(backoffs=False))
    reduced = check(bumps(retry_budget(budget), clients=2), Dpor(backoffs=False))
    assert (everything.finding is None) == (reduced.finding is None) == (budget == 2)
    assert "no order left out" not in str(reduced)


def a_note_is_there(view: View) -> bool:
    return bool(view.documents("notes"))


@pytest.mark.parametrize("clients", [["ann"], ["ann", "bob"]], ids=["kept", "broken in one order of two"])
@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize(
    "keeps",
    [comes_to_rest, nothing_left_behind, leads_to(an_order_waits, a_note_is_there, within_ms=100)],
    ids=lambda invariant: invariant.name,
)
def test_a_reduced_search_finds_the_order_that_breaks_it(keeps: Invariant, level: int, clients: list[str]) -> None:
    @scenario(app=APP, invariants=[keeps], until_ms=5_000)
    def hurrying(world: World) -> None:
        world.client("ann").mutation(api.shop.hurry)
        if len(clients) > 1:
            world.client("bob").mutation(api.shop.order, {})

    for explorer in (Exhaustive(), Dpor()):
        assert (check(hurrying, explorer, level=level).finding is None) == (len(clients) == 1)


def test_a_moment_tells_only_what_had_begun_again_by_then() -> None:
    counts: list[int] = []

    @always
    def counted(view: View) -> None:
        counts.append(len(view.retried()))

    Simulation(bumps(counted), LockstepChoices()).run()
    assert counts[0] == 0
    assert counts[-1] == 2
    assert counts == sorted(counts)


def test_a_fault_makes_a_function_begin_again() -> None:
    world = bumps(retry_budget(1), clients=1, faults=Faults(conflicts=1))
    assert check(world, Exhaustive()).finding is not None
