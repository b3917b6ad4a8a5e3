"""Faults (faults.py; convexsim-semantics by section): where each may strike, what it leaves behind, and never more.

Most tests run a world in every order with every fault that its plan allows, and compare the set of ends with the one
that the specification gives: too few ends mean a fault that cannot strike, too many a rule that is broken.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from convexsim import (
    Exhaustive,
    Faults,
    FunctionError,
    Platform,
    PlatformError,
    RandomWalk,
    Run,
    Scenario,
    Simulation,
    UsageError,
    World,
    action,
    api,
    check,
    components,
    cron_schedule,
    define_app,
    define_component,
    define_schema,
    define_table,
    eventually,
    gather,
    internal,
    internal_action,
    internal_mutation,
    mutation,
    query,
    replay,
    scenario,
    story,
    v,
)
from convexsim.choices import ChoiceRecord, ListedChoices, RandomChoices, root_of, run_anew
from convexsim.faults import FaultChoices, Struck
from convexsim.trace.event import Called, Committed, Conflicted, Ended, Faulted, json_lines
from tests.support import Plan, events_of, run

LOST = "Connection lost while the call was in flight."
SYSTEM_ERROR = "Your request couldn't be completed. Try again later."
TRANSIENT = "Transient error while executing action"


class M:
    @mutation
    def send(ctx: Any) -> str:  # noqa: N805 - a function that the class only collects
        ctx.db.insert("log", {"what": "sent"})
        ctx.scheduler.run_after(0, internal.m.deliver)
        return "sent"

    @internal_action
    async def deliver(ctx: Any) -> None:  # noqa: N805
        await ctx.external("out").append("hello")
        await ctx.run_mutation(internal.m.record)

    @internal_mutation
    def record(ctx: Any) -> None:  # noqa: N805
        ctx.db.insert("log", {"what": "recorded"})

    @action
    async def deliver_now(ctx: Any) -> str:  # noqa: N805
        await ctx.external("out").append("hello")
        return "delivered"

    @action
    async def careful(ctx: Any) -> str:  # noqa: N805
        try:
            return str(await ctx.run_action(api.m.deliver_now))
        except FunctionError as error:
            return f"caught {error}"

    @action
    async def tidy(ctx: Any) -> None:  # noqa: N805
        try:
            await ctx.external("out").append("begun")
        finally:
            ctx.log("tidied up")
            await ctx.external("out").append("tidied up")

    @mutation
    def bump(ctx: Any) -> int:  # noqa: N805
        row = ctx.db.query("counts").first()
        if row is None:
            ctx.db.insert("counts", {"n": 1})
            return 1
        ctx.db.patch(row["_id"], {"n": row["n"] + 1})
        return int(row["n"]) + 1

    @mutation
    def bump_soon(ctx: Any) -> None:  # noqa: N805
        ctx.scheduler.run_after(0, api.m.bump)

    @mutation
    def bump_later(ctx: Any) -> None:  # noqa: N805
        ctx.scheduler.run_after(1_000, api.m.bump)

    @action
    async def bump_from_action(ctx: Any) -> str:  # noqa: N805
        try:
            return f"bumped to {await ctx.run_mutation(api.m.bump)}"
        except FunctionError as error:
            return f"caught {error}"

    @action
    async def schedule_from_action(ctx: Any) -> str:  # noqa: N805
        try:
            await ctx.scheduler.run_after(0, api.m.bump)
        except FunctionError as error:
            return f"caught {error}"
        return "scheduled"

    @query
    def now(ctx: Any) -> float:  # noqa: N805
        return float(ctx.now())

    @query
    def total(ctx: Any) -> int:  # noqa: N805
        row = ctx.db.query("counts").first()
        return 0 if row is None else int(row["n"])

    @mutation
    def stamp(ctx: Any) -> None:  # noqa: N805
        ctx.db.insert("log", {"at": ctx.now()})

    @mutation
    def stamp_later(ctx: Any) -> None:  # noqa: N805
        ctx.scheduler.run_after(100, api.m.stamp)

    @action
    async def times(ctx: Any) -> list[float]:  # noqa: N805
        before = ctx.now()
        await ctx.sleep(10)
        return [before, ctx.now()]


SCHEMA = define_schema({"log": define_table(v.any()), "counts": define_table({"n": v.number()})})
APP = define_app({"m": M}, SCHEMA)


def world_of(faults: Faults, *calls: str, kind: Any = "http", app: Any = APP) -> Scenario:
    """Return a world in which clients call functions of the app side by side, each one of them."""

    def body(world: World) -> None:
        world.external("out")
        for number, name in enumerate(calls, 1):
            client = world.client(f"client{number}", kind=kind)
            is_action = name in ("deliverNow", "careful", "tidy", "bumpFromAction", "scheduleFromAction", "times")
            is_query = name in ("now", "total")
            call = client.action if is_action else client.query if is_query else client.mutation
            call(f"m:{name}")

    return Scenario("faulty", app, body, (), Platform(), "", None, faults)


def every_run(world: Scenario, level: int = 2) -> Iterator[Run]:
    """Run a world in every order and with every fault; retries begin at once."""
    explorer, last = Exhaustive(20_000, backoffs=False), None
    while (choices := explorer.propose(last)) is not None:
        last = Simulation(world, choices, level=level).run()
        assert last.ending == "quiet"
        yield last
    assert explorer.exhausted


def ends(world: Scenario, look: Callable[[Run], Any]) -> set[Any]:
    """Return what `look` sees at the end of the runs of a world."""
    return {look(result) for result in every_run(world)}


def logged(result: Run) -> str:
    return " ".join(row["what"] for row in result.view.documents("log"))


def states(result: Run) -> str:
    found = [row["state"] for row in result.view.scheduled_functions()]
    return " ".join(f"{state['kind']}: {state['error']}" if "error" in state else state["kind"] for state in found)


def answer(result: Run, at: int = 0) -> Any:
    call = result.calls[at]
    return call.result if call.error is None else call.error


def count(result: Run) -> int:
    rows = result.view.documents("counts")
    return int(rows[0]["n"]) if rows else 0


# ------------------------------------------------------------------------------------------------------------- crashes


def test_a_scheduled_action_may_die_before_after_and_between_its_calls_and_never_runs_again() -> None:
    """convex-semantics 3.3: at most once; the row becomes failed with a "transient error" message."""

    def look(result: Run) -> Any:
        return logged(result), result.view.external("out") == ["hello"], states(result)

    failed = f"failed: {TRANSIENT}"
    assert ends(world_of(Faults(crashes=1), "send"), look) == {
        ("sent recorded", True, "success"),
        ("sent", False, failed),  # before its first step
        ("sent", True, failed),  # after the delivery was sent
        ("sent recorded", True, failed),  # after the record was sent
    }


def test_what_a_dying_action_has_sent_may_happen_after_it_was_marked_failed() -> None:
    def record_came_after_the_mark(result: Run) -> bool:
        assert result.trace is not None
        commits = [event.what for event in result.trace.events if type(event).__name__ == "Committed"]  # type: ignore[attr-defined]
        return "m:record" in commits and commits.index("m:record") > commits.index("end m:deliver")

    assert ends(world_of(Faults(crashes=1), "send"), record_came_after_the_mark) == {True, False}


def test_a_dead_handler_does_nothing_any_more_not_even_finally() -> None:
    def look(result: Run) -> Any:
        assert result.trace is not None
        return answer(result), tuple(result.view.external("out")), "tidied up" in story(result.trace)

    assert ends(world_of(Faults(crashes=1), "tidy"), look) == {
        (None, ("begun", "tidied up"), True),
        (SYSTEM_ERROR, (), False),
        (SYSTEM_ERROR, ("begun",), False),
        (SYSTEM_ERROR, ("begun", "tidied up"), True),  # it died waiting for its last use
    }


@pytest.mark.parametrize(("kind", "error"), [("http", SYSTEM_ERROR), ("websocket", LOST)])
def test_the_client_of_a_dead_action_is_told_and_nothing_is_sent_again(kind: str, error: str) -> None:
    """convex-semantics 2: in-flight client actions are reported failed, never resent."""

    def look(result: Run) -> Any:
        return answer(result), tuple(result.view.external("out"))

    assert ends(world_of(Faults(crashes=1), "deliverNow", kind=kind), look) == {
        ("delivered", ("hello",)),
        (error, ()),
        (error, ("hello",)),
    }


def test_the_caller_of_a_dead_action_may_catch_it() -> None:
    """convex-semantics 5.2: system errors are not catchable by the parent; in actions they are."""
    seen = ends(world_of(Faults(crashes=1), "careful"), answer)
    assert seen == {"delivered", f"caught {SYSTEM_ERROR}", SYSTEM_ERROR}


def test_what_a_dead_action_would_have_done_before_its_next_await_is_not_done() -> None:
    @action
    async def hasty(ctx: Any) -> None:
        first = ctx.external("out").append(1)
        ctx.log("sent the first")
        second = ctx.external("out").append(2)
        await first
        await second

    def body(world: World) -> None:
        world.external("out")
        world.client("alice").action(api.n.hasty)

    def look(result: Run) -> Any:
        assert result.trace is not None
        return (
            tuple(sorted(result.view.external("out"))),
            "sent the first" in story(result.trace),
            answer(result) is None,
        )

    app = define_app({"n": {"hasty": hasty}}, SCHEMA)
    assert ends(Scenario("faulty", app, body, (), Platform(), "", None, Faults(crashes=1)), look) == {
        ((1, 2), True, True),
        ((), False, False),
        ((1,), False, False),
        ((1, 2), True, False),
    }


def test_an_action_may_die_while_it_waits_and_is_in_progress_until_then() -> None:
    """convex-semantics 3.3: failed at the next pick-up; whoever looks before sees it in progress."""

    @internal_action
    async def slow(ctx: Any) -> None:
        await ctx.sleep(60_000)
        await ctx.external("out").append("done")

    @mutation
    def begin(ctx: Any) -> None:
        ctx.scheduler.run_after(0, internal.n.slow)

    @mutation
    def look(ctx: Any) -> None:
        for row in ctx.db.system.query("_scheduled_functions"):
            ctx.db.insert("log", {"what": row["state"]["kind"]})

    def body(world: World) -> None:
        world.external("out")
        world.client("alice").mutation(api.n.begin)
        world.client("bob").wait(30_000)
        world.client("bob").mutation(api.n.look)

    app = define_app({"n": {"slow": slow, "begin": begin, "look": look}}, SCHEMA)
    failed = f"failed: {TRANSIENT}"
    seen = ends(
        Scenario("faulty", app, body, (), Platform(), "", None, Faults(crashes=1)),
        lambda result: (logged(result), len(result.view.external("out")), states(result), result.now),
    )
    assert seen == {
        ("inProgress", 1, "success", 60_000),
        ("failed", 0, failed, 30_000),  # before its first step
        ("inProgress", 0, failed, 60_000),  # as it waited
        ("inProgress", 1, failed, 60_000),
    }
    serial = Simulation(Scenario("faulty", app, body, (), Platform(), "", None, Faults(crashes=9))).run()
    assert sum(taken.kind == "fault" for taken in serial.record.labelled()) == 3  # nor twice at one moment


def test_an_action_whose_wait_took_no_time_is_not_asked_twice() -> None:
    for name, asked in (("deliverNow", 2), ("bumpFromAction", 2), ("times", 2), ("careful", 4)):
        result = Simulation(world_of(Faults(crashes=9), name)).run()
        assert sum(taken.kind == "fault" for taken in result.record.labelled()) == asked


def test_nobody_dies_any_more_once_the_run_is_over() -> None:
    """What still waits then is closed, the dead with the living; that is no part of the run, and no choice."""
    ended: list[str] = []
    ignored: list[Any] = []

    async def send(ctx: Any, text: str, delay_ms: float) -> None:
        try:
            await ctx.sleep(delay_ms)
            await ctx.external("out").append(text)
            await ctx.sleep(60_000)
        finally:
            ended.append(text)
            await ctx.external("out").append(f"{text}, at last")

    @action
    async def both(ctx: Any) -> None:
        await gather(send(ctx, "late", 90_000), send(ctx, "early", 10))

    def body(world: World) -> None:
        world.external("out")
        world.client("alice").action(api.n.both)
        world.client("bob").wait(3_000)
        world.client("bob").query(api.m.total)

    app = define_app({"m": M, "n": {"both": both}}, SCHEMA)
    found = set()
    before, sys.unraisablehook = sys.unraisablehook, ignored.append
    try:
        for result in every_run(Scenario("faulty", app, body, (), Platform(), "", 5_000, Faults(crashes=1))):
            assert result.view.faults == [] or result.now >= 10
            found.add((tuple(result.view.external("out")), len(result.view.faults), tuple(sorted(ended))))
            ended.clear()
            gc.collect()
    finally:
        sys.unraisablehook = before
    assert found == {
        ((), 1, ()),  # before its first step
        ((), 1, ("early", "late")),  # as it waited
        (("early",), 1, ("early", "late")),
        (("early",), 0, ("early", "late")),
    }
    assert ignored == []


def test_whoever_gathers_hears_at_once_of_a_death_in_a_helper_that_then_returned() -> None:
    async def send(ctx: Any) -> None:
        await ctx.sleep(10)
        ctx.external("out").append("sent")

    @action
    async def both(ctx: Any) -> None:
        await gather(ctx.sleep(60_000), send(ctx))

    def body(world: World) -> None:
        world.external("out")
        world.client("alice").action(api.n.both)

    app = define_app({"n": {"both": both}}, SCHEMA)
    told = set()
    for result in every_run(Scenario("faulty", app, body, (), Platform(), "", None, Faults(crashes=1))):
        assert result.trace is not None
        (ended,) = (event for event in result.trace.events if isinstance(event, Ended))
        told.add((answer(result), len(result.view.external("out")), ended.at_ms))
    assert told == {
        (None, 1, 60_000),
        (SYSTEM_ERROR, 0, 0),
        (SYSTEM_ERROR, 0, 10),
        (SYSTEM_ERROR, 1, 10),  # the helper has sent, and returned
        (SYSTEM_ERROR, 1, 60_000),
    }


def test_no_more_actions_die_than_the_budget_says() -> None:
    for planned in range(3):
        found = {
            len(result.view.faults) for result in every_run(world_of(Faults(crashes=planned), "tidy", "deliverNow"))
        }
        assert found == set(range(planned + 1))


# ------------------------------------------------------------------------------------------------------- system errors


def test_a_mutation_that_meets_a_system_error_leaves_nothing() -> None:
    """convex-semantics 2: only conflicts are retried."""
    look = lambda result: (answer(result), count(result))  # noqa: E731
    assert ends(world_of(Faults(system_errors=1), "bump"), look) == {(1, 1), (SYSTEM_ERROR, 0)}
    assert ends(world_of(Faults(system_errors=1), "total"), answer) == {0, SYSTEM_ERROR}


def test_an_action_may_catch_the_system_error_of_what_it_calls_or_schedules() -> None:
    look = lambda result: (answer(result), count(result))  # noqa: E731
    assert ends(world_of(Faults(system_errors=1), "bumpFromAction"), look) == {
        ("bumped to 1", 1),
        (f"caught {SYSTEM_ERROR}", 0),
    }
    assert ends(world_of(Faults(system_errors=1), "scheduleFromAction"), look) == {
        ("scheduled", 1),
        (f"caught {SYSTEM_ERROR}", 0),
    }


def test_a_scheduled_mutation_outlives_system_errors_and_happens_once() -> None:
    """convex-semantics 3.3: it stays pending, and its time moves by a back-off; 3.2: scheduledTime does not."""
    seen = ends(world_of(Faults(system_errors=2), "bumpSoon"), lambda result: (count(result), states(result)))
    assert seen == {(1, "success"), (0, "")}  # the second: the error struck the client's own mutation


def test_the_back_off_of_a_scheduled_function_doubles_from_500_ms() -> None:
    """convex-semantics 3.3: nextTs = now + jitter * min(500 ms * 2^n, 2 h), the jitter one of 8 equal fractions."""

    class Worst:
        """The longest wait, and a system error in every run of the function, but not where it is put back."""

        asked = 0

        def choose(self, kind: str, options: Any) -> int:
            if kind == "fault" and "+" in options[0].activity:
                self.asked += 1
                return self.asked % 2
            return len(options) - 1 if kind == "backoff" else 0

    result = Simulation(world_of(Faults(system_errors=3), "bumpSoon"), Worst()).run()
    assert result.now == 437 + 875 + 1_750  # seven eighths of 500, 1,000 and 2,000, from whole ms
    assert (count(result), states(result)) == (1, "success")
    assert result.view.scheduled_functions()[0]["scheduledTime"] == 0


def test_an_action_that_could_not_be_started_is_started_later() -> None:
    """convex-semantics 3.3: an error committing pending to inProgress reschedules; the action has not run."""
    look = lambda result: (logged(result), tuple(result.view.external("out")), states(result))  # noqa: E731
    runs = set()
    for result in every_run(world_of(Faults(system_errors=1), "send")):
        assert result.trace is not None
        runs.add(" ".join(event.activity for event in events_of(result, Called) if event.kind == "action"))
    assert runs == {"", "client1.1+1", "client1.1+1r1"}  # it went back into the queue
    assert ends(world_of(Faults(system_errors=1), "send"), look) == {
        ("", (), ""),
        ("sent recorded", ("hello",), "success"),
        ("sent", ("hello",), f"failed: {SYSTEM_ERROR}"),  # the record met it, and the action did not catch that
    }


def test_a_function_that_was_canceled_while_it_waits_for_its_next_try_never_runs() -> None:
    @mutation
    def cancel_all(ctx: Any) -> None:
        for row in ctx.db.system.query("_scheduled_functions"):
            ctx.scheduler.cancel(row["_id"])

    app = define_app({"m": M, "n": {"cancel_all": cancel_all}}, SCHEMA)

    def body(world: World) -> None:
        world.client("alice").mutation(api.m.bump_soon)
        world.client("bob").wait(100)
        world.client("bob").mutation(api.n.cancel_all)

    class Once:
        def choose(self, kind: str, options: Any) -> int:
            return int(kind == "fault" and "+" in options[0].activity) or (7 if kind == "backoff" else 0)

    faulty = Scenario("faulty", app, body, (), Platform(), "", None, Faults(system_errors=1))
    result = Simulation(faulty, Once()).run()
    assert (count(result), states(result), len(result.view.faults)) == (0, "canceled", 1)


def test_a_function_that_was_canceled_before_it_is_put_back_stays_as_it_is() -> None:
    """convex-semantics 3.3 puts back what has not run; one that was canceled meanwhile has ended, and ends once."""

    @mutation
    def cancel_all(ctx: Any) -> None:
        for row in ctx.db.system.query("_scheduled_functions"):
            ctx.scheduler.cancel(row["_id"])

    app = define_app({"m": M, "n": {"cancel_all": cancel_all}}, SCHEMA)

    def body(world: World) -> None:
        world.client("alice").mutation(api.m.bump_soon)
        world.client("bob").mutation(api.n.cancel_all)

    class StruckAtItsStart(Plan):
        def choose(self, kind: Any, options: Any) -> int:
            if kind == "fault":
                return int("+" in options[0].activity)
            return super().choose(kind, options)

    plan = StruckAtItsStart("alice.1+1 begin, bob.1 begin, bob.1 commit, alice.1+1 begin")
    faulty = Scenario("faulty", app, body, (), Platform(), "", None, Faults(system_errors=1))
    result = Simulation(faulty, plan).run()
    plan.check(result)
    assert (count(result), states(result), len(result.view.faults)) == (0, "canceled", 1)
    commits = [committed.activity for committed in events_of(result, Committed)]
    assert commits == ["alice.1", "bob.1"]  # whoever puts it back finds that it has ended, and writes nothing


def test_recording_how_an_action_ended_is_tried_for_ever() -> None:
    """convex-semantics 3.3: retrying that final commit until it lands; its back-off begins at 500 ms as well."""

    class AtTheEnd:
        """The longest wait, and a system error or a write from outside as soon as the record has been written."""

        asked = 0

        def choose(self, kind: str, options: Any) -> int:
            if kind == "fault" and options[0].activity == "client1.1+1":
                self.asked += 1
                return int(self.asked > 1)  # not in the transaction that starts it
            return len(options) - 1 if kind == "backoff" else 0

    for faults in (Faults(system_errors=9), Faults(conflicts=9)):
        result = Simulation(world_of(faults, "send"), AtTheEnd()).run()
        assert (states(result), len(result.view.external("out"))) == ("success", 1)
        assert len(result.view.faults) == 9
        assert result.now == sum(500 * 2**failed for failed in range(9)) * 7 / 8


# ----------------------------------------------------------------------------------------------------------- conflicts

GAVE_UP = "m:bump gave up: documents of the table counts that it read or wrote changed during this run"


def gave_up(said: Any) -> Any:
    """Return an answer, or only the first half of an error that names a document."""
    return said.replace("caught ", "").partition(" and during")[0] if "gave up" in str(said) else said


def test_a_client_or_an_action_has_five_attempts_against_writes_from_outside() -> None:
    """properties.md, fault model O; convex-semantics 2: after the fifth an error, which an action may catch."""
    look = lambda result: (gave_up(answer(result)), count(result))  # noqa: E731
    assert ends(world_of(Faults(conflicts=4), "bump"), look) == {(1, 1)}
    assert ends(world_of(Faults(conflicts=5), "bump"), look) == {(1, 1), (GAVE_UP, 0)}
    assert ends(world_of(Faults(conflicts=4), "bumpFromAction"), look) == {("bumped to 1", 1)}
    assert ends(world_of(Faults(conflicts=5), "bumpFromAction"), look) == {("bumped to 1", 1), (GAVE_UP, 0)}
    assert ends(world_of(Faults(conflicts=9), "total"), look) == {(0, 0)}  # a query is never judged


def test_a_schedule_from_an_action_has_three() -> None:
    look = lambda result: (gave_up(answer(result)), count(result))  # noqa: E731
    refused = "schedule m:bump gave up: data that it read or wrote changed during this run"
    assert ends(world_of(Faults(conflicts=2), "scheduleFromAction"), look) == {("scheduled", 1)}
    assert ends(world_of(Faults(conflicts=3), "scheduleFromAction"), look) == {("scheduled", 1), (refused, 0)}


def test_a_websocket_client_sends_its_mutation_again_until_it_has_happened_once() -> None:
    seen = ends(world_of(Faults(conflicts=5), "bump", kind="websocket"), lambda result: (answer(result), count(result)))
    assert seen == {(1, 1)}


class OnScheduled:
    """Strikes whatever scheduled functions and crons commit, and waits as long as it can."""

    def choose(self, kind: str, options: Any) -> int:
        """Return the last option."""
        if kind == "fault":
            return int("+" in options[0].activity)
        return len(options) - 1 if kind == "backoff" else 0


def test_a_scheduled_mutation_is_retried_without_end() -> None:
    """convex-semantics 2: after 100 ms doubling to 60 s, here seven eighths of it."""
    result = Simulation(world_of(Faults(conflicts=12), "bumpSoon"), OnScheduled()).run()
    assert (count(result), states(result), len(result.view.faults)) == (1, "success", 12)
    assert result.now == sum(min(100 * 2**failed, 60_000) for failed in range(12)) * 7 / 8


def test_what_the_platform_itself_commits_is_struck_and_tried_again() -> None:
    def look(result: Run) -> Any:
        return logged(result), len(result.view.external("out")), states(result)

    assert ends(world_of(Faults(conflicts=3), "send"), look) == {("sent recorded", 1, "success")}
    result = Simulation(world_of(Faults(conflicts=2), "send"), OnScheduled()).run()
    assert {fault.activity for fault in result.view.faults} == {"client1.1+1"}  # the start of the action, twice
    assert look(result) == ("sent recorded", 1, "success")


def test_a_cron_runs_once_for_each_moment_whatever_is_written_outside() -> None:
    for function in (internal.m.record, internal.m.deliver):
        body = lambda world: world.external("out")  # noqa: E731
        result = Simulation(
            Scenario("faulty", cron_app(function), body, (), Platform(), "", 130_000, Faults(conflicts=6)),
            OnScheduled(),
        ).run()
        assert len(result.view.faults) == 6
        assert logged(result) == "recorded recorded recorded"


def test_a_write_from_outside_is_told_and_nothing_in_the_world_is_changed_by_it() -> None:
    class AllOfTheSecond:
        def choose(self, kind: str, options: Any) -> int:
            return int(kind == "fault" and options[0].activity == "client1.2")

    def body(world: World) -> None:
        world.client("client1").mutation(api.m.bump)
        world.client("client1").mutation(api.m.bump)

    result = Simulation(
        Scenario("faulty", APP, body, (), Platform(), "", None, Faults(conflicts=5)), AllOfTheSecond()
    ).run()
    assert result.trace is not None
    assert [conflicted.conflict.write_ts for conflicted in events_of(result, Conflicted)] == [2] * 5
    assert story(result.trace).count("FAULT a write from outside this world comes first\n") == 5
    assert "written  counts.by_id (counts/1) at ts 2 by a write from outside this world\n" in story(result.trace)
    assert str(answer(result, 1)).endswith(
        f"The document {result.view.documents('counts')[0]['_id']} was changed by a write from outside this world."
    )
    assert (count(result), [fault.how for fault in result.view.faults]) == (1, ["conflict"] * 5)


def test_whoever_loses_anyway_is_not_asked_about() -> None:
    class Calm(Plan):
        def choose(self, kind: Any, options: Any) -> int:
            return 0 if kind == "fault" else super().choose(kind, options)

    plan = Calm(
        "client1.1 begin, client2.1 begin, client1.1 commit, client2.1 commit, client2.1 begin, client2.1 commit"
    )
    result = Simulation(world_of(Faults(conflicts=9), "bump", "bump"), plan).run()
    plan.check(result)
    assert [taken.activity for taken in result.record.labelled() if taken.kind == "fault"] == ["client1.1", "client2.1"]


# ------------------------------------------------------------------------------------------------------------ restarts


def test_a_restart_loses_what_is_not_committed_and_nothing_else() -> None:
    """What was committed and not answered has happened; the client cannot know."""
    look = lambda result: (answer(result), count(result))  # noqa: E731
    assert ends(world_of(Faults(restarts=1), "bump"), look) == {(1, 1), (LOST, 0), (LOST, 1)}


def test_an_answer_that_was_on_its_way_when_the_backend_died_arrives() -> None:
    """Where every message is a step, a client may not have seen it yet; the restart is complete all the same."""
    outcomes = set()
    for result in every_run(world_of(Faults(restarts=1), "bump", "total"), level=1):
        assert [call.activity for call in result.calls if call.outcome is None] == []
        outcomes.add((answer(result), answer(result, 1), count(result)))
    assert outcomes == {(bumped, seen, n) for bumped in (1, LOST) for seen in (0, 1, LOST) for n in (0, 1)} - {
        (1, 0, 0),
        (1, 1, 0),
        (1, LOST, 0),
        (LOST, 1, 0),
    }


def test_scheduled_mutations_run_exactly_once_across_restarts() -> None:
    """convex-semantics 3.3."""
    seen = ends(world_of(Faults(restarts=2), "bumpSoon"), lambda result: (count(result), states(result)))
    assert seen == {(1, "success"), (0, "")}


def test_scheduled_actions_run_at_most_once_across_restarts() -> None:
    """convex-semantics 3.3: if the process dies while it is inProgress, the row is failed at the next pick-up."""

    def look(result: Run) -> Any:
        return logged(result), len(result.view.external("out")), states(result)

    failed = f"failed: {TRANSIENT}"
    assert ends(world_of(Faults(restarts=1), "send"), look) == {
        ("", 0, ""),
        ("sent recorded", 1, "success"),
        ("sent", 0, failed),
        ("sent", 1, failed),
        ("sent recorded", 1, failed),
    }


def test_a_lost_action_is_marked_failed_in_the_end_also_if_its_pick_up_meets_a_system_error() -> None:
    """convex-semantics 3.3: the row stays in the queue until it is marked."""
    seen = ends(world_of(Faults(restarts=1, system_errors=1), "send"), lambda result: states(result).partition(":")[0])
    assert seen == {"", "success", "failed"}


def test_the_outside_is_reached_or_not_as_the_restart_says() -> None:
    reached = {
        (result.view.faults[0].how, tuple(result.view.external("out")), result.calls[0].error)
        for result in every_run(world_of(Faults(restarts=1), "deliverNow"))
        if result.view.faults
    }
    assert reached == {("restart before", (), LOST), ("restart after", ("hello",), LOST)}


def test_nothing_that_died_acts_afterwards() -> None:
    """No commit, no `finally`, no timer: what a client sees after the restart stays so, and nothing is waited for."""
    seen: list[tuple[int, int]] = []

    @action
    async def sleepy(ctx: Any) -> None:
        try:
            await ctx.external("out").append("asleep")
            await ctx.sleep(60_000)
        finally:
            ctx.log("woken up")

    async def script(session: Any) -> None:
        try:
            await session.mutation(api.m.bump)
        except FunctionError:
            seen.append((await session.query(api.m.total), await session.query(api.m.total)))

    def body(world: World) -> None:
        world.external("out")
        world.client("alice").run(script)
        world.client("bob").action(api.n.sleepy)

    app = define_app({"m": M, "n": {"sleepy": sleepy}}, SCHEMA)
    for result in every_run(Scenario("faulty", app, body, (), Platform(), "", None, Faults(restarts=1))):
        assert result.trace is not None
        lost = result.calls[0].error == LOST if result.calls[0].activity.startswith("bob") else None
        lost = next(call.error == LOST for call in result.calls if call.activity == "bob.1")
        assert ("woken up" in story(result.trace)) != lost
        assert result.now == (0 if lost else 60_000)
    assert {first == second for first, second in seen} == {True}
    assert {first for first, _ in seen} == {0, 1}


def test_a_dead_transaction_does_not_even_begin() -> None:
    for result in every_run(world_of(Faults(restarts=1), "bump")):
        assert result.trace is not None
        names = [type(event).__name__ for event in result.trace.events if type(event).__name__ != "Stepped"]
        if "Faulted" in names and "Committed" not in names:
            assert names == ["Called", "Faulted", "Ended"]


def test_what_waits_for_its_time_still_runs_at_it_after_a_restart() -> None:
    for result in every_run(world_of(Faults(restarts=1), "bumpLater", "total")):
        rows = result.view.scheduled_functions()
        assert [row["completedTime"] for row in rows] == [1_000] * len(rows)
        assert count(result) == len(rows)


def test_finished_functions_are_forgotten_after_a_restart_too() -> None:
    """convex-semantics 3.2: after seven days, by the scheduler that is there then."""
    week_ms = 7 * 86_400_000

    def body(world: World) -> None:
        world.client("alice").mutation(api.m.bump_soon)
        for _ in range(2):
            world.client("alice").wait(week_ms)
            world.client("alice").query(api.m.total)

    restarts = 0
    for result in every_run(Scenario("faulty", APP, body, (), Platform(), "", None, Faults(restarts=1))):
        assert result.view.scheduled_functions() == []
        restarts += len(result.view.faults)
    assert restarts > 3


def test_both_sends_of_a_lost_mutation_never_both_happen() -> None:
    """convex-semantics 1.3 and 2: two websocket clients' increments are two, whatever is lost on the way."""
    for faults in (Faults(restarts=1), Faults(disconnects=2), Faults(system_errors=1)):
        seen = ends(world_of(faults, "bump", "bump", kind="websocket"), lambda result: (count(result), answer(result)))
        assert seen == {(2, 1), (2, 2)}


def test_http_clients_are_told_and_do_not_know() -> None:
    look = lambda result: (answer(result), count(result))  # noqa: E731
    assert ends(world_of(Faults(disconnects=1), "bump"), look) == {(1, 1), (LOST, 0), (LOST, 1)}


def test_ids_of_a_run_that_was_lost_are_not_given_out_again() -> None:
    @mutation
    def tell(ctx: Any) -> None:
        ctx.external("out").append(ctx.db.insert("log", {}))

    @mutation
    def begin(ctx: Any) -> None:
        ctx.scheduler.run_after(0, api.n.tell)

    functions = {"n": {"tell": tell, "begin": begin}}
    crons = cron_schedule()
    crons.interval("tick", {"minutes": 1}, api.n.tell)

    def body(world: World) -> None:
        world.external("out")
        world.client("alice").mutation(api.n.begin)
        world.client("bob", kind="websocket").mutation(api.n.tell)

    def alone(world: World) -> None:
        world.external("out")
        world.client("alice").mutation(api.n.begin)

    app, with_cron = define_app(functions, SCHEMA), define_app(functions, SCHEMA, crons=crons)
    worlds = [
        (app, body, Faults(restarts=1), 3),
        (app, body, Faults(system_errors=1), 3),
        (app, body, Faults(disconnects=1), 2),  # an answer that is lost has been given: nothing runs twice
        (app, alone, Faults(restarts=2, system_errors=1), 2),  # a restart, and another before the error is recorded
        (with_cron, alone, Faults(restarts=1), 3),
        (with_cron, alone, Faults(restarts=2), 4),
    ]
    for tested, script, faults, expected in worlds:
        most = 0
        for result in every_run(Scenario("faulty", tested, script, (), Platform(), "", 10_000, faults)):
            told = result.view.external("out")
            assert len(set(told)) == len(told)
            most = max(most, len(told))
        assert most == expected  # with those that were lost


def cron_app(function: Any) -> Any:
    crons = cron_schedule()
    crons.interval("tick", {"minutes": 1}, function)
    return define_app({"m": M}, SCHEMA, crons=crons)


@pytest.mark.parametrize("faults", [Faults(restarts=1), Faults(system_errors=1)])
def test_a_mutation_of_a_cron_runs_once_for_each_moment_whatever_happens(faults: Faults) -> None:
    """convex-semantics 4: system errors retry the same run for ever; run, log and next time commit together."""
    app = cron_app(internal.m.record)

    def body(world: World) -> None:  # somebody to be struck while no run of the cron is at work
        world.client("alice").wait(30_000)
        world.client("alice").query(api.m.total)

    for result in every_run(Scenario("faulty", app, body, (), Platform(), "", 130_000, faults)):
        assert len(result.view.documents("log")) == 3
        assert [entry["dueMs"] for entry in result.view.documents("_cron_jobs")[0]["log"]] == [0, 60_000, 120_000]


def test_after_a_restart_a_cron_goes_on_counting_its_runs() -> None:
    """architecture.md 6.3: each run has a path of its own, so ids differ; the rows are all that is left to go by."""
    app = cron_app(internal.m.record)
    third = set()
    for result in every_run(Scenario("faulty", app, lambda _: None, (), Platform(), "", 130_000, Faults(restarts=1))):
        runs = [called.activity for called in events_of(result, Called)]
        assert len(set(runs)) == len(runs)
        assert {run.rpartition("+")[2].partition("r")[0] for run in runs} == {"1", "2", "3"}
        third.add(runs[-1])
    assert third == {"cron:tick+3", "cron:tick+3r1"}


@pytest.mark.parametrize("faults", [Faults(restarts=1), Faults(crashes=1)])
def test_an_action_of_a_cron_runs_at_most_once_and_the_cron_goes_on(faults: Faults) -> None:
    """convex-semantics 4: actions at most once as in section 3; the schedule advances."""
    app = cron_app(internal.m.deliver)

    def body(world: World) -> None:
        world.external("out")

    delivered = set()
    for result in every_run(Scenario("faulty", app, body, (), Platform(), "", 70_000, faults)):
        log = result.view.documents("_cron_jobs")[0]["log"]
        assert [entry["dueMs"] for entry in log] == [0, 60_000]
        failed = [entry["status"] for entry in log if entry["status"]["kind"] == "err"]
        assert failed in ([], [{"error": TRANSIENT, "kind": "err"}])
        delivered.add((len(result.view.external("out")), len(failed)))
    assert delivered == {(2, 0), (2, 1), (1, 1)}


def test_components_wake_up_after_a_restart_with_what_they_had_scheduled() -> None:
    """convex-semantics 5.1: each component has a queue and crons of its own."""
    schema = define_schema({"log": define_table(v.any())})

    @internal_mutation
    def note(ctx: Any) -> None:
        ctx.db.insert("log", {"at": ctx.now()})

    @mutation
    def soon(ctx: Any) -> None:
        ctx.scheduler.run_after(500, internal.c.note)

    @mutation
    def begin(ctx: Any) -> None:
        ctx.run_mutation(components.child.c.soon)

    crons = cron_schedule()
    crons.interval("tick", {"seconds": 1}, internal.c.note)
    app = define_app({"n": {"begin": begin}})
    app.use(define_component("child", {"c": {"note": note, "soon": soon}}, schema, crons=crons))

    def body(world: World) -> None:
        world.client("alice").mutation(api.n.begin)

    noted = set()
    for result in every_run(Scenario("faulty", app, body, (), Platform(), "", 1_500, Faults(restarts=1))):
        rows = result.view.documents("_scheduled_functions", component="child")
        assert [row["state"]["kind"] for row in rows] == ["success"] * len(rows)
        noted.add(tuple(sorted(row["at"] for row in result.view.documents("log", component="child"))))
    assert noted == {(0, 500, 1_000), (0, 1_000)}  # the second: the backend died before anything was scheduled


# -------------------------------------------------------------------------------------------------- websocket clients


def test_a_websocket_client_outlives_the_end_of_its_retries() -> None:
    """convex-semantics 2: after exhaustion the socket closes and the client resends; over HTTP it is an error."""
    losing = ", ".join(
        f"client1.1 begin, client2.{time} begin, client2.{time} commit, client1.1 commit" for time in range(1, 6)
    )
    for kind, is_told, bumps in (("http", True, 5), ("websocket", False, 6)):

        def body(world: World, kind: Any = kind) -> None:
            world.client("client1", kind=kind).mutation(api.m.bump)
            for _ in range(5):
                world.client("client2").mutation(api.m.bump)

        result = run(APP, body, losing)
        assert (result.calls[0].error is not None, count(result)) == (is_told, bumps)
        assert result.trace is not None
        assert '"type":"GaveUp"' in json_lines(result.trace)


def test_mutations_of_a_websocket_client_run_in_order_and_its_actions_beside_them() -> None:
    """convex-semantics 2: buffered(1) for mutations; actions from a client run in parallel."""

    def body(world: World) -> None:
        world.external("out")
        alice = world.client("alice", kind="websocket")
        alice.action(api.m.tidy)
        alice.mutation(api.m.bump)
        alice.mutation(api.m.bump)

    found = set()
    for result in every_run(Scenario("parallel", APP, body, (), Platform(), "")):
        assert [call.result for call in result.calls] == [None, 1, 2]
        assert result.trace is not None
        found.add(
            tuple(
                event.what if type(event).__name__ == "Committed" else event.effect.value  # type: ignore[attr-defined]
                for event in result.trace.events
                if type(event).__name__ == "Committed" or hasattr(getattr(event, "effect", None), "use")
            )
        )
    assert len(found) == 6  # two uses, in order, among two commits, in order


def test_a_websocket_clients_query_waits_for_what_its_script_says_before() -> None:
    """convex-semantics 2: only its actions run beside its other calls."""

    def body(world: World) -> None:
        alice = world.client("alice", kind="websocket")
        alice.query(api.m.total)
        alice.mutation(api.m.bump)
        alice.query(api.m.total)

    for result in every_run(Scenario("in order", APP, body, (), Platform(), ""), level=1):
        assert [call.result for call in result.calls] == [0, 1, 1]


def test_when_its_socket_closes_an_action_in_flight_is_reported_lost() -> None:
    """convex-semantics 2: on reconnect in-flight client actions are reported failed; mutations are resent."""

    def body(world: World) -> None:
        world.external("out")
        alice = world.client("alice", kind="websocket")
        alice.action(api.m.tidy)
        alice.mutation(api.m.bump)

    faulty = Scenario("socket", APP, body, (), Platform(), "", None, Faults(system_errors=1))
    seen = set()
    for result in every_run(faulty):
        assert answer(result, 1) == 1
        assert count(result) == 1
        assert result.view.external("out") == ["begun", "tidied up"]
        seen.add((answer(result), len(result.view.faults)))
    assert seen == {(None, 0), (None, 1), (LOST, 1)}  # without a fault, after its answer, or before it


def test_a_connection_that_is_lost_takes_every_call_on_it_along() -> None:
    """convex-semantics 2: all calls of a websocket client share its socket."""

    def body(world: World) -> None:
        world.external("out")
        alice = world.client("alice", kind="websocket")
        alice.action(api.m.tidy)
        alice.mutation(api.m.bump)
        alice.mutation(api.m.bump)

    seen = set()
    for result in every_run(Scenario("socket", APP, body, (), Platform(), "", None, Faults(disconnects=1))):
        assert (answer(result, 1), answer(result, 2)) == (1, 2)
        seen.add((answer(result), tuple(fault.activity for fault in result.view.faults)))
    assert (LOST, ("alice.3",)) in seen
    assert {(None, ()), (None, ("alice.3",)), (LOST, ("alice.1",))} <= seen  # if it was back before, or not yet sent


def test_the_waits_of_a_reconnecting_client_double_from_one_second_give_or_take_half() -> None:
    class Lost:
        def __init__(self, step: int) -> None:
            self.step = step

        def choose(self, kind: str, options: Any) -> int:
            return 1 if kind == "fault" else self.step if kind == "backoff" else 0

    world = world_of(Faults(disconnects=6), "bump", kind="websocket")
    waits = [1_000, 2_000, 4_000, 8_000, 16_000, 16_000]
    assert Simulation(world, Lost(0)).run().now == sum(waits) * 0.5
    assert Simulation(world, Lost(7)).run().now == sum(waits) * (0.5 + 7 / 8)


def test_every_mutation_that_is_answered_lets_the_waits_begin_anew() -> None:
    class FirstTries:
        def choose(self, kind: str, options: Any) -> int:
            return int(kind == "fault" and "r" not in options[0].activity)

    def body(world: World) -> None:
        for _ in range(3):
            world.client("x", kind="websocket").mutation(api.m.bump)

    result = Simulation(Scenario("s", APP, body, (), Platform(), "", None, Faults(disconnects=3)), FirstTries()).run()
    assert (result.now, count(result)) == (3 * 500, 3)


@pytest.mark.parametrize(
    "thrown",
    [ValueError("Too many writes per second."), PlatformError("x", code="OptimisticConcurrencyControlFailure")],
)
def test_a_mutation_that_throws_what_looks_like_a_conflict_has_simply_thrown(thrown: Exception) -> None:
    """convex-semantics 2: what a handler throws is never retried, not by a client either."""

    @mutation
    def pretend(ctx: Any) -> None:
        raise thrown

    def body(world: World) -> None:
        world.client("alice", kind="websocket").mutation(api.n.pretend)

    result = run(define_app({"n": {"pretend": pretend}}, SCHEMA), body, "alice.1 begin")
    assert str(thrown) in str(result.calls[0].error)
    assert result.now == 0


def test_an_action_that_throws_a_conflicts_error_has_simply_thrown() -> None:
    """convex-semantics 2: inside an action exhaustion is an ordinary error; only a mutation's closes the socket."""
    losing = ", ".join(
        f"client1.1.1 begin, client2.{time} begin, client2.{time} commit, client1.1.1 commit" for time in range(1, 6)
    )

    @action
    async def once(ctx: Any) -> None:
        await ctx.run_mutation(api.m.bump)

    def body(world: World) -> None:
        world.client("client1", kind="websocket").action(api.n.once)
        for _ in range(5):
            world.client("client2").mutation(api.m.bump)

    result = run(define_app({"m": M, "n": {"once": once}}, SCHEMA), body, losing)
    assert "gave up" in str(result.calls[0].error)
    assert count(result) == 5


# -------------------------------------------------------------------------------------------------------------- clocks


def test_an_execution_may_go_by_a_wrong_clock() -> None:
    """convex-semantics 1.4, properties.md 1: Date.now() comes from the node that runs it."""
    world = world_of(Faults(skewed=1, skews_ms=(5_000, -300)), "now")
    late = Scenario("late", APP, world.body, (), Platform(start_ms=1_000), "", None, world.faults)
    assert ends(late, answer) == {1_000, 6_000, 700}
    assert ends(world, answer) == {0, 5_000}  # there is no time before the epoch


def test_run_after_turns_a_delay_into_a_moment_by_the_callers_clock() -> None:
    """properties.md 1; convex-semantics 3.1: the target is the caller's now plus the delay."""

    def look(result: Run) -> Any:
        row = result.view.scheduled_functions()[0]
        return row["scheduledTime"], result.now, next(own["at"] for own in result.view.documents("log"))

    world = world_of(Faults(skewed=1, skews_ms=[5_000]), "stampLater")
    assert ends(world, look) == {
        (100, 100, 100),
        (5_100, 5_100, 5_100),  # scheduled by a fast clock: it runs late
        (100, 100, 5_100),  # run by one: it thinks that it does
    }


def test_an_actions_clock_is_live_and_stays_wrong() -> None:
    seen = ends(world_of(Faults(skewed=1, skews_ms=[5_000]), "times"), lambda result: tuple(answer(result)))
    assert seen == {(0, 10), (5_000, 5_010)}


def test_what_the_platform_records_goes_by_its_own_clock() -> None:
    """convex-semantics 3.2: completedTime is the begin of the transaction; 4: the next run is counted from now."""

    def look(result: Run) -> Any:
        return [row["completedTime"] for row in result.view.scheduled_functions()] == [100]

    assert ends(world_of(Faults(skewed=1, skews_ms=[50_000]), "stampLater"), look) == {True, False}  # if due later
    for result in every_run(world_of(Faults(skewed=1, skews_ms=[50_000]), "bumpSoon")):
        assert [row["completedTime"] for row in result.view.scheduled_functions()] == [result.now]

    def body(world: World) -> None:
        world.external("out")

    faults = Faults(skewed=1, skews_ms=[100_000])
    for result in every_run(Scenario("s", cron_app(internal.m.record), body, (), Platform(), "", 130_000, faults)):
        (cron,) = result.view.documents("_cron_jobs")
        assert [(entry["dueMs"], entry["status"]["kind"]) for entry in cron["log"]] == [
            (due_ms, "success") for due_ms in (0, 60_000, 120_000)
        ]


def test_a_row_that_a_fast_clock_has_stamped_is_newer_than_those_after_it() -> None:
    """convex-semantics 7: a creation time is the wall clock at the begin; not in the order of commits."""

    @mutation
    def put(ctx: Any, what: str) -> None:
        ctx.db.insert("log", {"what": what})

    def body(world: World) -> None:
        for what in ("first", "second", "third"):
            world.client("alice").mutation(api.n.put, {"what": what})

    app = define_app({"n": {"put": put}}, SCHEMA)

    def look(result: Run) -> Any:
        rows = sorted(result.view.documents("log"), key=lambda row: float(row["_creationTime"]))
        return " ".join(row["what"] for row in rows)

    def seen(skew_ms: float, skewed: int) -> set[Any]:
        faults = Faults(skewed=skewed, skews_ms=[skew_ms])
        return ends(Scenario("s", app, body, (), Platform(start_ms=9_000), "", None, faults), look)

    in_order = "first second third"
    once = {in_order, "second third first", "first third second"}
    assert seen(5_000, 1) == once
    assert seen(5_000, 2) == {*once, "third first second", "second first third"}  # a fast clock, too, goes on
    assert seen(-5_000, 1) == {in_order}  # never behind the snapshot


def test_a_retry_may_run_on_another_node() -> None:
    """convex-semantics 1.4: each retry samples the time anew."""
    world = world_of(Faults(skewed=1, skews_ms=[5_000]), "bump", "bump")
    skewed_attempts = set()
    for result in every_run(world):
        assert count(result) == 2
        assert result.trace is not None
        attempts = 0
        for event in result.trace.events:
            attempts = getattr(event, "attempt", attempts)
            if isinstance(event, Faulted):
                skewed_attempts.add(attempts)
    assert skewed_attempts == {1, 2}


# --------------------------------------------------------------------------------------------- faults are choices


@eventually
def what_was_sent_is_recorded(view: Any) -> None:
    """Every message that was sent is recorded."""
    log = [row["what"] for row in view.documents("log")]
    assert log.count("sent") == log.count("recorded"), f"the log says {log}"


def test_a_fault_is_found_shrunk_told_and_replayed() -> None:
    @scenario(app=APP, invariants=[what_was_sent_is_recorded], faults=Faults(crashes=1, restarts=1, system_errors=1))
    def sent_is_recorded(world: World) -> None:
        """Send once."""
        world.external("out")
        world.client("alice").mutation(api.m.send)
        world.client("bob").mutation(api.m.bump)

    report = check(sent_is_recorded, RandomWalk(500))
    assert report.finding is not None
    assert report.finding.choices_after == 1
    assert [fault.fault for fault in report.finding.run.view.faults] in (["crash"], ["restart"], ["system error"])
    assert "FAULT" in report.story()
    again = replay([sent_is_recorded], report.finding.replay).run
    assert [broken.message for broken in again.violations] == ["the log says ['sent']"]
    assert "faults: at most 1 crash, 1 restart, 1 system error" in str(report)
    assert check(sent_is_recorded.variant("no_faults", faults=Faults()), RandomWalk(50)).holds


def test_the_simplest_run_is_one_without_faults() -> None:
    everything = Faults(crashes=2, restarts=2, system_errors=2, conflicts=2, disconnects=2, skewed=2, skews_ms=[1])
    result = Simulation(world_of(everything, "send", "bump", "careful")).run()
    assert result.view.faults == []
    assert not any(result.indexes)


def test_runs_with_faults_are_their_choices() -> None:
    everything = Faults(
        crashes=2, restarts=2, system_errors=2, conflicts=2, disconnects=2, skewed=2, skews_ms=[700, -1]
    )
    world = world_of(everything, "send", "bump", "careful", "bumpSoon", kind="websocket")
    struck: set[str] = set()
    for seed in range(40):
        first = Simulation(world, RandomChoices(seed)).run()
        second = Simulation(world, ListedChoices(first.indexes)).run()
        assert first.trace is not None
        assert second.trace is not None
        assert json_lines(first.trace) == json_lines(second.trace)
        struck.update(fault.fault for fault in first.view.faults)
    assert struck == {"crash", "restart", "system error", "conflict", "disconnect", "skew"}


@pytest.mark.parametrize(
    ("faults", "asked"),
    [
        (Faults(crashes=9), "client1.1+1 client1.1+1 client1.1+1"),  # before the first step, after each of two sends
        (Faults(system_errors=9), "client1.1 client1.1+1 client1.1+1.2 client1.1+1"),  # each transaction once
        (Faults(conflicts=9), "client1.1 client1.1+1 client1.1+1.2 client1.1+1"),  # each commit
        (Faults(disconnects=9), "client1.1"),
        (Faults(skewed=9, skews_ms=[1]), "client1.1 client1.1+1 client1.1+1.2"),  # what runs user code
        (
            Faults(restarts=9),  # each begin and each commit of four transactions, and the use of the outside
            (
                "client1.1 client1.1 client1.1+1 client1.1+1 client1.1+1.1 client1.1+1.2 client1.1+1.2 "
                "client1.1+1 client1.1+1"
            ),
        ),
    ],
    ids=str,
)
def test_where_each_fault_may_strike(faults: Faults, asked: str) -> None:
    result = Simulation(world_of(faults, "send")).run()
    assert " ".join(taken.activity for taken in result.record.labelled() if taken.kind == "fault") == asked


def test_a_commit_that_lost_is_no_place_for_a_restart() -> None:
    class Calm(Plan):
        def choose(self, kind: Any, options: Any) -> int:
            return 0 if kind == "fault" else super().choose(kind, options)

    plan = Calm(
        "client1.1 begin, client2.1 begin, client1.1 commit, client2.1 commit, client2.1 begin, client2.1 commit"
    )
    result = Simulation(world_of(Faults(restarts=9), "bump", "bump"), plan).run()
    plan.check(result)
    asked = [taken for taken in result.record.labelled() if taken.kind == "fault"]
    assert len(asked) == 3 + 2  # three begins, two commits that landed


def test_a_budget_is_asked_for_only_while_it_lasts() -> None:
    asked: list[list[str]] = []

    class Yes:
        def choose(self, kind: str, options: Any) -> int:
            assert kind == "fault"
            asked.append([option.phase for option in options])
            return len(options) - 1

    struck: list[Struck] = []
    faults = FaultChoices(Faults(crashes=2, disconnects=1), ChoiceRecord(Yes()).choose, struck)
    assert [faults.strikes("crash", "alice.1") for _ in range(4)] == [1, 1, 0, 0]
    assert faults.strikes("restart", "alice.1") == 0
    assert faults.strikes("disconnect", "bob.1", "request lost", "answer lost") == 2
    assert "crash" not in faults.left
    assert asked == [["no crash", "crash"]] * 2 + [["no disconnect", "request lost", "answer lost"]]
    assert struck == [
        Struck("crash", "crash", "alice.1"),
        Struck("crash", "crash", "alice.1"),
        Struck("disconnect", "answer lost", "bob.1"),
    ]


def test_random_runs_differ_in_how_much_goes_wrong() -> None:
    """A fault at the hundredth place is found, and so is one at the first."""
    places = []
    ways: set[int] = set()
    for seed in range(400):
        choices = RandomChoices(seed)
        drawn = [choices.choose("fault", [None, None, None]) for _ in range(200)]  # type: ignore[list-item] # unseen
        assert set(drawn) <= {0, 1, 2}
        ways |= set(drawn)
        places.append(next((at for at, way in enumerate(drawn) if way), 200))
    assert ways == {0, 1, 2}
    assert sum(place < 3 for place in places) > 40
    assert sum(place > 60 for place in places) > 20


def test_the_path_of_a_run_after_a_fault() -> None:
    assert run_anew("alice.2+1") == "alice.2+1r1"
    assert run_anew("alice.2+1r1") == "alice.2+1r2"
    assert run_anew("r9.1r9") == "r9.1r10"
    assert run_anew("alice.2+1r1", 2) == "alice.2+1r3"
    assert root_of("alice.2+1r1") == "alice.2+1r1"
    assert root_of("alice.2r3.1") == "alice"


# ----------------------------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        ({"crashes": -1}, "crashes=-1"),
        ({"restarts": True}, "restarts=True"),
        ({"system_errors": 1.0}, "system_errors=1.0"),
        ({"conflicts": -5}, "conflicts=-5"),
        ({"skewed": 1}, "skewed=1, skews_ms=[]"),
        ({"skews_ms": [5]}, "skewed=0, skews_ms=[5]"),
        ({"skewed": 1, "skews_ms": [0]}, "holds 0"),
        ({"skewed": 1, "skews_ms": [float("nan")]}, "holds nan"),
        ({"skewed": 1, "skews_ms": 5}, "skews_ms=5"),
    ],
)
def test_a_wrong_plan_is_refused(plan: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError) as refused:
        Faults(**plan)
    assert named in str(refused.value)
    assert refused.value.next_step


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(UsageError, match="is no plan of faults"):
        scenario(app=APP, faults="crash")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is no plan of faults"):
        world_of(Faults()).variant("other", faults=1)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="on threads nothing is chosen"):
        Simulation(world_of(Faults(crashes=1), "bump"), mode="threads")
    with pytest.raises(UsageError, match="'carrier pigeon' is no kind of client"):
        World().client("alice", kind="carrier pigeon")  # type: ignore[arg-type]
    world = World()
    world.client("alice", kind="websocket")
    assert world.client("alice").kind == "websocket"
    with pytest.raises(UsageError, match="is a websocket client already"):
        world.client("alice", kind="http")


def test_a_plan_says_what_it_allows() -> None:
    assert str(Faults()) == "none"
    assert not Faults()
    assert str(Faults(crashes=1, system_errors=2)) == "at most 1 crash, 2 system errors"
    assert str(Faults(conflicts=5)) == "at most 5 conflicts"
