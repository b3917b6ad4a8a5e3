"""What the tests of the hardened iterator share: an app that mounts it alone, jobs, and P20 to P31 as invariants.

The invariants are exact for the scenarios of these tests: the table does not change while jobs go through it, its rows
are told apart by their values, and there is one job, ``j``, unless an invariant says otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from components.batch_processor import DELIVERIES, PLANS
from components.batch_processor.hardened.iterator import ITERATOR_HARDENED
from components.batch_processor.hardened.schema import ITERATOR_TABLES_HARDENED
from components.batch_processor.host_callbacks import CALLBACKS, HOST_SCHEMA
from components.batch_processor.host_iterator import iterator_calls
from components.batch_processor.iterator_client import HardenedIteratorClient
from convexsim import (
    Component,
    FunctionDefinition,
    Invariant,
    MutationCtx,
    View,
    World,
    always,
    api,
    components,
    define_app,
    define_component,
    define_schema,
    eventually,
    internal,
)
from convexsim.invariants import HistoryInvariant
from tests.components.driver import COMPONENT, Driver
from tests.components.iterator_support import SeededDriver
from tests.components.iterator_support import put_job as put_any_job

Document = dict[str, Any]


def hardened_app(own: Mapping[str, FunctionDefinition] | None = None) -> Component:
    """Return a host that mounts the iterator alone; `own` functions stand in the place of the host's."""
    lib = {path.partition(":")[2]: function for path, function in ITERATOR_HARDENED.items()}
    calls = iterator_calls(HardenedIteratorClient(components.batch_processor.lib))
    app = define_app({"driver": {**calls, **CALLBACKS, **(own or {})}}, HOST_SCHEMA)
    app.use(define_component(COMPONENT, {"lib": lib}, define_schema({**ITERATOR_TABLES_HARDENED})))
    return app


HARDENED = hardened_app()


def world(rows: int = 5, *, own: Mapping[str, FunctionDefinition] | None = None, **plans: Any) -> SeededDriver:
    """Return a world at 0 ms whose table has rows 0, 1, ...; `own` functions stand in the place of the host's."""
    return SeededDriver(HARDENED if own is None else hardened_app(own), rows, plans)


def put_job(driver: Driver, status: str, **fields: Any) -> str:
    """Insert a job ``j`` that no step drives, unless `fields` say so, and return its id."""
    return put_any_job(driver, status, **{"step": 1, "pages": 0, **fields})


def ids(driver: Driver, count: int) -> list[str]:
    """Schedule functions that do nothing for a late moment and return their ids."""

    def plan(ctx: MutationCtx) -> list[str]:
        return [
            ctx.scheduler.run_after(10_000_000, internal.lib.get_iterator_job, {"jobId": "none"}) for _ in range(count)
        ]

    return list(driver.write(plan))


def put_driven(driver: Driver, status: str = "running", **fields: Any) -> str:
    """Insert a job at step 3, whose step and watchdog are pending, and return its id."""
    step, watchdog = ids(driver, 2)
    return put_job(driver, status, **{"step": 3, "stepId": step, "watchdogId": watchdog, **fields})


def seen(driver: Driver, *names: str) -> list[Any]:
    """Return what the one job says of these fields; None for one that is not there."""
    (row,) = driver.rows("iteratorJobs")
    return [row.get(name) for name in names]


def prepare(on: World, rows: int = 3, plans: Mapping[str, Any] | None = None, **changed: Any) -> Any:
    """Declare what the callbacks use, seed the table, start the job ``j`` with pages of one row; return its client."""
    on.external(DELIVERIES)
    for name in PLANS:
        on.external(name, (plans or {}).get(name, ()))
    alice = on.client("alice", kind="websocket")
    alice.mutation(api.driver.seed_rows, {"n": rows})
    given = {"batchSize": 1, "delayBetweenBatchesMs": 100, "onComplete": "onComplete", "passDeliveryKey": True}
    alice.mutation(api.driver.start_iterator, {"jobId": "j", "config": {**given, **changed}})
    return alice


def steer(client: Any, *names: str) -> None:
    """Have a client pause, resume, cancel or delete the job; a number is a wait in ms."""
    spelled = {"pause": "pauseIterator", "resume": "resumeIterator", "cancel": "cancelIterator"}
    for name in names:
        if name.isdigit():
            client.wait(int(name))
        else:
            client.mutation(f"driver:{spelled.get(name, 'deleteIteratorJob')}", {"jobId": "j"})


# ------------------------------------------------------------------------------------------------ what a view tells


def entries(view: View, call: str) -> list[Document]:
    """Return what the ledger says of the calls of one callback."""
    return [entry for entry in view.external(DELIVERIES) if entry["call"] == call]


def acked(view: View) -> Counter[int]:
    """Return how often each row was delivered and accepted."""
    return Counter(item for entry in entries(view, "processBatch") if entry["plan"] == "ok" for item in entry["items"])


def rows(view: View) -> list[int]:
    return [row["k"] for row in view.documents("rows")]


def jobs(view: View) -> list[Document]:
    return view.documents("iteratorJobs", COMPONENT)


def functions(view: View, name: str, *kinds: str) -> list[Document]:
    """Return what the component has scheduled of a function and is in one of these states."""
    scheduled = view.scheduled_functions(COMPONENT)
    return [row for row in scheduled if row["name"] == f"lib.js:{name}" and row["state"]["kind"] in kinds]


def revisions(view: View, table: str = "iteratorJobs") -> Iterator[tuple[Document | None, Document | None]]:
    """Return what was written to a table, change by change in the order of commits: what was there, what is."""
    committed = [attempt for attempt in view.history if attempt.commit_ts is not None]
    for attempt in sorted(committed, key=lambda attempt: attempt.commit_ts or 0):
        for write in attempt.writes:
            if write.table.name == table:
                yield tuple(None if each is None else each.value for each in (write.old, write.new))  # type: ignore[misc] # a pair


def over_history(predicate: Callable[[View], None]) -> HistoryInvariant:
    """Make a function that looks at `revisions` an invariant."""
    sentence = (predicate.__doc__ or "").partition("\n")[0]
    return HistoryInvariant(predicate.__name__, "eventually", sentence, predicate)


def backoff_ms(failures: int) -> int:
    return [0, 1_000, 2_000, 4_000, 8_000, 16_000][failures]


# ----------------------------------------------------------------------------------------------------- P20 to P31


@always
def p20_no_row_twice(view: View) -> None:
    """No row is delivered and accepted twice."""
    twice = [k for k, times in sorted(acked(view).items()) if times > 1]
    assert not twice, f"rows {twice} were delivered more than once"


@eventually
def p21_every_row(view: View) -> None:
    """A job that is completed has delivered every row."""
    missing = [k for k in rows(view) if k not in acked(view)]
    assert not missing or not any(job["status"] == "completed" for job in jobs(view)), f"rows {missing} are lost"


@over_history
def p22_monotone(view: View) -> None:
    """Cursor, pages, processedCount and step never go back."""
    for old, new in revisions(view):
        if old is not None and new is not None:
            for name in ("processedCount", "pages", "step"):
                assert old[name] <= new[name], f"{name} goes back from {old[name]} to {new[name]}"
            assert int(old.get("cursor", -1)) <= int(new.get("cursor", -1)), "the cursor goes back"


@eventually
def p23_count_truth(view: View) -> None:
    """A completed job has counted each row once."""
    for job in jobs(view):
        if job["status"] == "completed":
            assert job["processedCount"] == len(rows(view)), job
            assert job["pages"] == max(1, len(rows(view))), job


@over_history
def p24_terminal_final(view: View) -> None:
    """Nothing of a job that has ended ever changes; it may only be deleted."""
    for old, new in revisions(view):
        if old is not None and old["status"] in ("completed", "failed"):
            assert new is None, f"{old} has become {new}"


@always
def p25_cancel_wins(view: View) -> None:
    """After a cancel that was answered with failed, the job stays failed and its hook is not called."""
    for cancel in (call for call in view.calls() if call.name == "driver:cancelIterator" and call.outcome):
        if cancel.error is None and "reason" not in cancel.result:
            assert all(job["errorMessage"] == "Cancelled by user" for job in jobs(view))
            assert not entries(view, "onComplete"), "the hook of a cancelled job was called"


@always
def p26_one_step(view: View) -> None:
    """Of a running job one step is pending or in progress, its own; of any other job none is pending."""
    pending = {row["_id"] for row in functions(view, "processNextBatch", "pending")}
    working = {row["_id"] for row in functions(view, "processNextBatch", "inProgress")}
    assert pending <= {job["stepId"] for job in jobs(view) if job["status"] == "running"}, "a step too many"
    for job in jobs(view):
        assert job["status"] != "running" or job["stepId"] in pending | working, "nobody drives a running job"


@always
def p26_one_pending(view: View) -> None:
    """A step that is pending is that of a running job (what is left of P26 if steps may die)."""
    pending = {row["_id"] for row in functions(view, "processNextBatch", "pending")}
    assert pending <= {job["stepId"] for job in jobs(view) if job["status"] == "running"}, "a step too many"
    for job in jobs(view):
        assert ("stepId" in job) <= (job["status"] in ("running", "paused")), "a job that has ended has a step"
        assert ("stepId" in job) == ("watchdogId" in job), "a step without a watchdog"


@over_history
def p27_nothing_starts_in_a_pause(view: View) -> None:
    """A paused job gets no new step."""
    for old, new in revisions(view):
        if old is not None and new is not None and old["status"] == new["status"] == "paused":
            assert new["step"] == old["step"], "a step was scheduled in a pause"


@eventually
def p28_hook_once(view: View) -> None:
    """The hook of a completed job has succeeded once, also if the job is deleted by now."""
    told = [row["jobId"] for row in view.documents("completions")]
    assert {job["jobId"] for job in jobs(view) if job["status"] == "completed"} <= {*told}, "a hook is missing"
    assert len(told) == len({*told}), "a hook has succeeded twice"
    assert view.documents("iteratorHooks", COMPONENT) == []


@always
def p28_never_before(view: View) -> None:
    """No hook runs for a job that is not completed."""
    others = {job["jobId"] for job in jobs(view) if job["status"] != "completed"}
    assert all(row["jobId"] not in others for row in view.documents("completions")), "a hook before the end"


@always
def p29_retry_bound(view: View) -> None:
    """A job has failed exactly if it was cancelled, or if so many attempts in a row have."""
    for job in jobs(view):
        is_over = job["retryCount"] >= job["config"].get("maxRetries", 5)
        is_cancelled = job.get("errorMessage") == "Cancelled by user"
        assert (job["status"] == "failed") == (is_over or is_cancelled), job


@always
def p29_attempts(view: View) -> None:
    """No page is asked for more often than attempts are allowed."""
    allowed = max((job["config"].get("maxRetries", 5) for job in jobs(view)), default=0)
    asked = Counter(entry["cursor"] for entry in entries(view, "getNextBatch"))
    assert not jobs(view) or max(asked.values(), default=0) <= allowed, asked


def p30_backoff(skew_ms: float = 0) -> Invariant:
    """Return P30 where clocks may differ by so much."""

    @always
    def p30(view: View) -> None:
        """Attempts at a page lie as far apart as the back-off says."""
        asked: dict[Any, list[float]] = {}
        for entry in entries(view, "getNextBatch"):
            asked.setdefault(entry["cursor"], []).append(entry["t"])
        for times in asked.values():
            for failures, (before, after) in enumerate(pairwise(times), 1):
                assert after - before >= backoff_ms(failures) - skew_ms, f"attempts at {times}"

    return p30


@eventually
def p31_no_orphan(view: View) -> None:
    """When nothing is left to run, no job says that it is running."""
    assert all(job["status"] != "running" for job in jobs(view)), "a running job that nobody drives"


@always
def one_key_one_content(view: View) -> None:
    """Deliveries have the same key exactly if they are attempts at the same page with the same items."""
    told = {(entry["deliveryKey"], *entry["items"]) for entry in entries(view, "processBatch")}
    assert len({key for key, *_ in told}) == len(told) == len({tuple(items) for _, *items in told}), told


WHATEVER_HAPPENS = (
    p21_every_row,
    p22_monotone,
    p23_count_truth,
    p24_terminal_final,
    p25_cancel_wins,
    p26_one_pending,
    p27_nothing_starts_in_a_pause,
    p28_hook_once,
    p28_never_before,
    p29_retry_bound,
    p29_attempts,
    p31_no_orphan,
    one_key_one_content,
)
"""What holds under all faults that these tests know."""

WITHOUT_FAULTS = (*WHATEVER_HAPPENS, p20_no_row_twice, p26_one_step, p30_backoff())
"""What holds besides if no fault strikes: callbacks may fail, anybody may steer, in any order."""
