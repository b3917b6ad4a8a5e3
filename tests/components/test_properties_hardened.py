"""How the documents of `hardened` are read: rows without a batch, lines, attempts, dead letters (`Layout`).

The component here has that version's tables and nothing of its code; documents are put where a test wants them.
"""

from __future__ import annotations

from typing import Any

import pytest

from components.batch_processor import DELIVERIES, PLAN
from components.batch_processor.host_callbacks import CALLBACKS, HOST_SCHEMA
from components.batch_processor.invariants import invariant
from components.batch_processor.properties.records import layout_of
from convexsim import (
    Component,
    MutationCtx,
    Simulation,
    World,
    components,
    define_app,
    define_component,
    define_schema,
    define_table,
    internal_action,
    internal_mutation,
    mutation,
    scenario,
    v,
)
from tests.components.driver import Driver
from tests.components.invariants_support import broken, said, write
from tests.components.support import config

HARDENED = "hardened"
TIMERS = ("flushOnTime", "collectBatch", "watchFlush")


def wipe(ctx: MutationCtx) -> None:
    for table in ("batchItems", "batches"):
        for row in ctx.db.query(table).collect():
            ctx.db.delete(row["_id"])


def bare_app() -> Component:
    """Return a host with a component that has the tables, and functions that do nothing but wipe it."""

    @mutation
    def put_dead_letter(ctx: MutationCtx) -> None:
        insert_batch(ctx, "deadLetter", items=["x"])

    @mutation
    def put(ctx: MutationCtx) -> None:
        ctx.run_mutation(components.batch_processor.lib.put)

    @mutation
    def discard(ctx: MutationCtx) -> None:
        ctx.run_mutation(components.batch_processor.lib.discard)

    @mutation
    def lose(ctx: MutationCtx) -> None:
        ctx.run_mutation(components.batch_processor.lib.lose)

    @mutation
    def lose_later(ctx: MutationCtx) -> None:
        ctx.scheduler.run_after(0, "lib:discard")

    @internal_action
    async def execute_flush(ctx: Any) -> None:
        await ctx.sleep(1)

    @internal_mutation
    def do_nothing(ctx: MutationCtx, **args: Any) -> None:
        """Take whatever a timer is given."""

    idle = dict.fromkeys((*TIMERS, "admit"), do_nothing)
    unused = dict.fromkeys(("addItems", "addMany", "flush"), put)
    lib = {**idle, "executeFlush": execute_flush, "put": put_dead_letter, "discard": mutation(wipe), "lose": lose_later}
    names = ("batches", "batchItems", "flushHistory", "iteratorHooks", "iteratorJobs", "streams")
    app = define_app({"driver": {**CALLBACKS, **unused, "put": put, "discard": discard, "lose": lose}}, HOST_SCHEMA)
    schema = define_schema({name: define_table(v.any()) for name in names})
    app.use(define_component("batchProcessor", {"lib": lib}, schema))
    return app


APP = bare_app()


def insert_batch(ctx: MutationCtx, status: str, items: list[Any] | None = None, **fields: Any) -> str:
    number = len(ctx.db.query("batches").collect())
    named = {"batchId": f"a::{number}", "baseBatchId": "a", "sequence": number, "status": status, "attempt": 1}
    which = str(ctx.db.insert("batches", {**named, "config": config(flush_interval_ms=0), **fields}))
    if items is not None:
        insert_row(ctx, items, batchDocId=which)
    return which


def insert_row(ctx: MutationCtx, items: list[Any], **fields: Any) -> str:
    row = {"baseBatchId": "a", "items": items, "committedAt": ctx.db.vars.commit_ts}
    return ctx.db.insert("batchItems", {**row, "config": config(flush_interval_ms=0), **fields})


def put_batch(driver: Driver, status: str, items: list[Any] | None = None, **fields: Any) -> str:
    return str(write(driver, lambda ctx: insert_batch(ctx, status, items, **fields)))


def put_row(driver: Driver, *items: Any, **fields: Any) -> None:
    write(driver, lambda ctx: insert_row(ctx, list(items), **fields))


def draw_line(driver: Driver, which: str, after: Any = None) -> None:
    own = {} if after is None else {"after": after}
    write(driver, lambda ctx: ctx.db.patch(which, {"status": "flushing", "line": ctx.db.vars.commit_ts, **own}))


def schedule(driver: Driver, name: str, which: str, delay_ms: float = 0, **args: Any) -> str:
    given = {"batchDocId": which, **args}
    return str(write(driver, lambda ctx: ctx.scheduler.run_after(delay_ms, f"lib:{name}", given)))


def ask(number: str, driver: Driver, **terms: Any) -> str | None:
    return said(number, driver.view, version=HARDENED, **terms)


# ------------------------------------------------------------------------------------------------------ whose is a row


def test_a_row_belongs_to_the_batch_below_whose_line_it_is_and_else_accumulates() -> None:
    with Driver(APP) as driver:
        put_row(driver, "old")
        first, second = put_batch(driver, "accumulating"), put_batch(driver, "accumulating")
        draw_line(driver, second)
        line = driver.rows("batches")[1]["line"]
        put_row(driver, "x")
        draw_line(driver, first, after=line)
        put_row(driver, "y")
        put_row(driver, "z", batchDocId=second)
        stored = layout_of(HARDENED).stored(driver.view)
        assert [stored.where[item].batch_id for item in ("'old'", "'x'", "'y'", "'z'")] == [second, first, None, second]
        statuses = [stored.status_of(item) for item in ("'old'", "'x'", "'y'", "'gone'")]
        assert statuses == ["flushing", "flushing", "accumulating", None]


DUE = "a held its threshold of items for ever without a flush"


@pytest.mark.parametrize(
    ("thresholds", "expected"), [((3, 3), DUE), ((4, 4), None), ((4, 3), DUE), ((3, 4), None), ((1, 9), DUE)]
)
def test_p15_a_row_is_judged_by_its_own_threshold_and_what_stands_before_it(
    thresholds: tuple[int, int], expected: str | None
) -> None:
    with Driver(APP) as driver:
        moments = []
        for items, threshold in zip((["x"], ["y", "z"]), thresholds, strict=True):
            put_row(driver, *items, config=config(threshold, 0))
            moments.append(driver.view)
        assert said("P15", *moments, version=HARDENED) == expected
        assert (said("P17", *moments, version=HARDENED) is None) == (expected is None)


def test_p15_what_is_below_a_line_is_flushed_already() -> None:
    with Driver(APP) as driver:
        put_row(driver, 1, 2, 3)
        draw_line(driver, put_batch(driver, "accumulating"))
        assert ask("P15", driver) is None


# --------------------------------------------------------------------------------------------- executors and timers


def test_p7_who_collects_executes_or_records_is_there() -> None:
    with Driver(APP) as driver:
        which = put_batch(driver, "flushing", ["x"])
        assert ask("P7", driver) == "a::0 is flushing and no executor is pending or running"
        schedule(driver, "watchFlush", which, 10)
        assert ask("P7", driver) == "a::0 is flushing and no executor is pending or running"
        schedule(driver, "collectBatch", which, 10)
        assert ask("P7", driver) is None


def test_p7_an_executor_of_an_older_attempt_is_none() -> None:
    with Driver(APP) as driver:
        which = put_batch(driver, "retrying", ["x"], attempt=2)
        schedule(driver, "executeFlush", which, 10, attempt=1)
        assert ask("P7", driver) is None
        schedule(driver, "executeFlush", which, 10, attempt=2)
        assert ask("P7", driver) == "an executor is pending for a::0, not flushing"


def test_p11_a_batch_has_a_timer_for_whatever_was_added_to_it() -> None:
    with Driver(APP) as driver:
        which = put_batch(driver, "accumulating")
        put_row(driver, "x")
        assert ask("P11", driver) is None
        timer = schedule(driver, "flushOnTime", which, 500)
        write(driver, lambda ctx: ctx.db.patch(which, {"scheduledFlushId": timer}))
        assert ask("P11", driver) is None
        schedule(driver, "flushOnTime", which, 900)
        assert ask("P11", driver) == "a::0 accumulates items and has 2 live timers"


def test_p18_a_flush_that_is_due_commits_in_a_moment() -> None:
    with Driver(APP) as driver:
        timer = schedule(driver, "flushOnTime", put_batch(driver, "accumulating"))
        schedule(driver, "watchFlush", "-")
        moments = [driver.view]
        for now_ms, length in ((1_000, None), (1_001, "1001 ms")):
            driver._clock.now = now_ms  # and nothing runs
            put_row(driver, str(now_ms))
            moments.append(driver.view)
            expected = None if length is None else f"flushOnTime ({timer}) was due for {length}"
            assert said("P18", *moments, version=HARDENED) == expected


def test_p18_an_admission_whose_row_another_one_has_taken_is_no_flush_that_is_due() -> None:
    for is_taken in (True, False):
        with Driver(APP) as driver:
            row = str(write(driver, lambda ctx: insert_row(ctx, ["x"])))
            which = put_batch(driver, "accumulating")
            admission = schedule(driver, "admit", which, rowId=row)
            moments = [driver.view]
            if is_taken:
                draw_line(driver, which)
                moments.append(driver.view)
            driver._clock.now = 2_000  # and nothing runs
            put_row(driver, "y")
            expected = None if is_taken else f"admit ({admission}) was due for 2000 ms"
            assert said("P18", *moments, driver.view, version=HARDENED) == expected


# --------------------------------------------------------------------------------------------------------- dead letters


def test_dead_letters_are_stored_and_nothing_waits_for_them() -> None:
    with Driver(APP) as driver:
        timed = {"config": config(3, 1_000)}
        put_batch(driver, "deadLetter", ["x"], **timed)
        assert [ask(number, driver) for number in ("P1", "P14", "P17")] == [None, None, None]
        put_batch(driver, "retrying", ["y"], **timed)
        assert ask("P17", driver) == "1 items are left behind in a::1, retrying"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("discard", {}),
        ("lose", {"P1": "'x' of a: neither stored nor acked", "P2": "'x': left storage before any delivery was acked"}),
    ],
)
def test_only_a_call_throws_a_dead_letter_away(call: str, expected: dict[str, str]) -> None:
    @scenario(app=APP, invariants=[invariant("P1"), invariant("P2")])
    def discarded(world: World) -> None:
        world.external(DELIVERIES)
        world.external(PLAN)
        for name in ("put", call):
            world.client("ann").mutation(f"driver:{name}")

    assert broken(Simulation(discarded).run()) == expected
