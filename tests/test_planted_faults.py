"""Races that need a fault: small components with one planted each, found by search, told and replayed; and their twins.

Each component is right as long as nothing goes wrong. Of one the explorers must find the fault that breaks it, and
nothing else; of its twin no order and no fault may break anything, which worlds so small let us look through to the
end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    Exhaustive,
    Faults,
    FunctionError,
    Invariant,
    Platform,
    RandomWalk,
    Scenario,
    World,
    action,
    api,
    check,
    define_app,
    define_schema,
    define_table,
    eventually,
    internal,
    internal_action,
    internal_mutation,
    mutation,
    replay,
    v,
)

JOBS = define_schema(
    {"jobs": define_table({"run": v.string(), "owner": v.number(), "until": v.number(), "n": v.number()})}
)


@internal_mutation
def done(ctx: Any) -> None:
    job = ctx.db.query("jobs").first()
    ctx.db.patch(job["_id"], {"n": job["n"] + 1})


# ---------------------------------------------------------------------- a watchdog that trusts what is in progress


@internal_action
async def work(ctx: Any) -> None:
    await ctx.sleep(50_000)
    await ctx.run_mutation(internal.jobs.done)


def watched(*, looks_once: bool) -> dict[str, Any]:
    """Return a job that an action does, and a mutation that has it done again if it sees that the action failed."""

    @mutation
    def add(ctx: Any) -> None:
        ctx.db.insert("jobs", {"run": ctx.scheduler.run_after(0, internal.jobs.work), "owner": 0, "until": 0, "n": 0})
        ctx.scheduler.run_after(30_000, internal.jobs.watch)

    @internal_mutation
    def watch(ctx: Any) -> None:
        job = ctx.db.query("jobs").first()
        state = ctx.db.system.get(job["run"])["state"]["kind"]
        if state == "failed":
            ctx.db.patch(job["_id"], {"run": ctx.scheduler.run_after(0, internal.jobs.work)})
        if state == "failed" or (state == "inProgress" and not looks_once):
            ctx.scheduler.run_after(30_000, internal.jobs.watch)

    return {"add": add, "watch": watch, "work": work, "done": done}


@eventually
def the_job_is_done(view: Any) -> None:
    """A job that was added is done at last."""
    assert [job for job in view.documents("jobs") if not job["n"]] == []


def watch_a_job(faults: Faults, *, is_right: bool) -> Scenario:
    app = define_app({"jobs": watched(looks_once=not is_right)}, JOBS)

    def body(world: World) -> None:
        world.client("alice").mutation(api.jobs.add)

    return planted(app, body, the_job_is_done, faults)


# ------------------------------------------------------------------------------ a lease that a fast clock steals


def leased(*, fenced: bool) -> dict[str, Any]:
    """Return a job that is claimed for a while, done by an action and recorded: at most by who holds it, if fenced."""

    @mutation
    def add(ctx: Any) -> None:
        ctx.db.insert("jobs", {"run": "", "owner": 0, "until": 0, "n": 0})

    @mutation
    def claim(ctx: Any) -> None:
        job = ctx.db.query("jobs").first()
        if job is not None and not job["n"] and ctx.now() >= job["until"]:
            owner = job["owner"] + 1
            ctx.db.patch(job["_id"], {"owner": owner, "until": ctx.now() + 30_000})
            ctx.scheduler.run_after(0, internal.jobs.do, {"owner": owner})

    @internal_action
    async def do(ctx: Any, owner: int) -> None:
        await ctx.sleep(10_000)
        await ctx.run_mutation(internal.jobs.record, {"owner": owner})

    @internal_mutation
    def record(ctx: Any, owner: int) -> None:
        job = ctx.db.query("jobs").first()
        if not fenced or job["owner"] == owner:
            ctx.db.patch(job["_id"], {"n": job["n"] + 1})

    return {"add": add, "claim": claim, "do": do, "record": record}


@eventually
def the_job_counts_once(view: Any) -> None:
    """A job is recorded once."""
    assert [job["n"] for job in view.documents("jobs")] == [1]


def claim_a_job(faults: Faults, *, is_right: bool) -> Scenario:
    app = define_app({"jobs": leased(fenced=is_right)}, JOBS)

    def body(world: World) -> None:
        alice, bob = world.client("alice"), world.client("bob")
        alice.mutation(api.jobs.add)
        alice.mutation(api.jobs.claim)
        bob.wait(5_000)
        bob.mutation(api.jobs.claim)

    return planted(app, body, the_job_counts_once, faults)


# ------------------------------------------------------------------------------------ a charge that is sent again


@action
async def charge(ctx: Any) -> None:
    await ctx.external("bank").append(f"purchase {ctx.random()}")


@action
async def charge_by(ctx: Any, key: str) -> None:
    await ctx.external("bank").append(key)


@eventually
def charged_once(view: Any) -> None:
    """A purchase is charged once; the bank takes a key that it knows for the charge that it has taken already."""
    assert len(set(view.external("bank"))) == 1, f"the bank was asked for {view.external('bank')}"


def buy(faults: Faults, *, is_right: bool) -> Scenario:
    async def until_it_succeeds(session: Any) -> None:
        while True:
            try:
                if is_right:
                    await session.action(api.shop.charge_by, {"key": "1"})
                else:
                    await session.action(api.shop.charge)
            except FunctionError:
                await session.sleep(1_000)
            else:
                return

    def body(world: World) -> None:
        world.external("bank")
        world.client("alice").run(until_it_succeeds)

    return planted(define_app({"shop": {"charge": charge, "charge_by": charge_by}}), body, charged_once, faults)


# ------------------------------------------------------------------------------------------------------------ all


def planted(app: Any, body: Callable[[World], None], invariant: Invariant, faults: Faults) -> Scenario:
    return Scenario("planted", app, body, (invariant,), Platform(), "", None, faults)


PLANTED = [
    (watch_a_job, Faults(crashes=1), "alice.1+1 FAULT dies here"),
    (claim_a_job, Faults(skewed=1, skews_ms=[40_000]), "bob.1 FAULT runs by a clock 40,000 ms ahead"),
    (buy, Faults(disconnects=1), "alice.1 FAULT"),
    (buy, Faults(crashes=1), "alice.1 FAULT"),
    (buy, Faults(restarts=1), "alice.1.1 FAULT"),
]
NAMES = [f"{make.__name__}-{faults}" for make, faults, _ in PLANTED]


@pytest.mark.parametrize(("make", "faults", "told"), PLANTED, ids=NAMES)
def test_a_race_that_needs_a_fault_is_found_shrunk_told_and_replayed(make: Any, faults: Faults, told: str) -> None:
    world = make(faults, is_right=False)
    for explorer in (RandomWalk(500), Exhaustive(1_000, forced=1, backoffs=False)):
        report = check(world, explorer)
        assert report.finding is not None
        assert (report.finding.choices_after, len(report.finding.run.view.faults)) == (1, 1)
        assert told in " ".join(report.story().split())
        again = replay([world], report.finding.replay).run
        assert [broken.message for broken in again.violations] == [
            broken.message for broken in report.finding.violations
        ]
    assert check(world.variant("calm", faults=Faults()), Exhaustive()).exhausted


@pytest.mark.parametrize(("make", "faults", "_"), PLANTED, ids=NAMES)
def test_its_twin_is_right_whatever_goes_wrong(make: Any, faults: Faults, _: str) -> None:
    world = make(faults, is_right=True)
    report = check(world, Exhaustive(5_000, backoffs=False))
    assert report.holds
    assert report.exhausted
    assert report.runs > 2
