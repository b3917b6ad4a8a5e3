"""What one transaction may use: where each limit lies, what counts, and what a rollback gives back (semantics 6.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convexsim import (
    Limits,
    MutationCtx,
    Platform,
    UsageError,
    World,
    action,
    define_app,
    define_schema,
    define_table,
    mutation,
    query,
    v,
)
from convexsim.functions import executor as x
from convexsim.functions.define import foreign_function
from convexsim.values import encode_id, size_of
from tests.support import Bench, app_of, caught, run, states

ITEMS = define_table({"n": v.number(), "text": v.optional(v.any())}).index("by_n", ["n"])
SCHEMA = define_schema({"items": ITEMS, "marks": define_table({})})
DEFAULTS = {
    "documentsRead": 32_000,
    "bytesRead": 16 * 1024 * 1024,
    "databaseQueries": 4_096,
    "documentsWritten": 16_000,
    "bytesWritten": 16 * 1024 * 1024,
    "functionsScheduled": 1_000,
    "scheduledFunctionArgsBytes": 16 * 1024 * 1024,
}
Handler = Callable[[MutationCtx], Any]


def bench(rows: int = 0, /, **limits: int) -> Bench:
    """Return a bench with some rows; what seeds them is written within the default limits."""
    made = Bench(app_of(SCHEMA, inserting, failing, reading, scheduling, echo, whole))
    made.seed("items", *({"n": n} for n in range(rows)))
    made.environment.platform = Platform(limits=Limits(**limits))
    return made


def used(ctx: MutationCtx) -> dict[str, int]:
    return {name: metric["used"] for name, metric in ctx.meta.get_transaction_metrics().items()}


@mutation
def inserting(ctx: MutationCtx, n: int) -> None:
    for at in range(n):
        ctx.db.insert("items", {"n": at})


@mutation
def failing(ctx: MutationCtx) -> None:
    ctx.db.query("items").collect()
    ctx.db.insert("items", {"n": 1})
    ctx.scheduler.run_after(0, "m:nothing", {})
    msg = "no"
    raise RuntimeError(msg)


@query
def reading(ctx: Any) -> int:
    return len(ctx.db.query("items").collect())


@mutation
def scheduling(ctx: MutationCtx, n: int) -> None:
    for _ in range(n):
        ctx.scheduler.run_after(0, "m:nothing", {})


@query
def echo(ctx: Any, text: str) -> str:
    return text


@query
def whole(ctx: Any, length: int) -> str:
    return "x" * length


def size_of_rows(made: Bench) -> int:
    return sum(size_of(row) for row in made.attempt(lambda ctx: ctx.db.query("items").collect()).value)


# Where each limit lies: at the maximum all is well, one more is refused.


def test_the_defaults_are_convexs() -> None:
    metrics = bench().do(lambda ctx: ctx.meta.get_transaction_metrics())
    assert metrics == {name: {"remaining": most, "used": 0} for name, most in DEFAULTS.items()}
    other = Limits()
    assert (other.function_args, other.function_result) == (2**24, 2**24)
    assert (other.value_size, other.document_size, other.document_nesting) == (2**25, 2**20, 16)


@pytest.mark.parametrize("wrong", [-1, 1.5, "many"])
def test_a_limit_is_a_whole_number_from_nothing_up(wrong: Any) -> None:
    with pytest.raises(UsageError, match="is no limit"):
        Limits(documents_read=wrong)


READS: list[Handler] = [
    lambda ctx: ctx.db.query("items").collect(),
    lambda ctx: ctx.db.query("items").order("desc").collect(),
    lambda ctx: ctx.db.query("items").with_index("by_n", lambda q: q.gte("n", 0)).collect(),
    lambda ctx: ctx.db.query("items").filter(lambda q: q.eq(q.field("n"), -1)).collect(),
]


@pytest.mark.parametrize("read", READS, ids=["asc", "desc", "range", "rejected by a filter"])
def test_documents_count_as_they_are_scanned(read: Handler) -> None:
    made = bench(5, documents_read=5)
    assert made.attempt(lambda ctx: (read(ctx), used(ctx)["documentsRead"])).value[1] == 5
    refused = bench(6, documents_read=5).attempt(read)
    assert refused.code == "TooManyDocumentsRead"
    assert "(limit: 5); this one makes 6" in refused.message


def test_the_message_says_what_to_do() -> None:
    message = bench(6, documents_read=5).attempt(lambda ctx: ctx.db.query("items").collect()).message
    assert message.startswith("Too many documents read in a single function execution")
    assert "index" in message


def test_only_what_is_consumed_counts() -> None:
    made = bench(50, documents_read=5)
    assert len(made.do(lambda ctx: ctx.db.query("items").take(5))) == 5
    assert made.attempt(lambda ctx: ctx.db.query("items").take(6)).code == "TooManyDocumentsRead"


def test_gets_count_each_time_and_only_what_they_find() -> None:
    made = bench(documents_read=2)
    (known,) = made.seed("items", {"n": 1})
    gone = made.do(lambda ctx: ctx.db.insert("items", {"n": 2}))
    made.do(lambda ctx: ctx.db.delete(gone))

    def handler(ctx: MutationCtx) -> Any:
        for _ in range(5):
            ctx.db.get(gone)
        ctx.db.get(known)
        ctx.db.get(known)
        return used(ctx), caught(lambda: ctx.db.get(known)), used(ctx)["documentsRead"]

    before, code, after = made.do(handler)
    assert (before["documentsRead"], before["databaseQueries"]) == (2, 2)
    assert (code, after) == ("TooManyDocumentsRead", 3)  # what passed the limit is counted too


def test_bytes_read() -> None:
    size = size_of_rows(bench(3))
    made = bench(3, bytes_read=size)
    assert made.do(lambda ctx: (ctx.db.query("items").collect(), used(ctx)))[1]["bytesRead"] == size
    assert bench(3, bytes_read=size - 1).attempt(READS[0]).code == "TooManyBytesRead"


def test_intervals_count_after_merging() -> None:
    made = bench(4, read_intervals=3)
    a, b, c, d = made.do(lambda ctx: [row["_id"] for row in ctx.db.query("items")])

    def handler(ctx: MutationCtx) -> Any:
        for _ in range(10):
            for known in (a, b, c):
                ctx.db.get(known)
        return caught(lambda: ctx.db.get(d)), used(ctx)["databaseQueries"]

    assert made.attempt(handler).value == ["TooManyReads", 4]
    assert bench(200, read_intervals=1).attempt(READS[0]).outcome.unwrap()  # one long scan is one interval


def test_intervals_of_system_tables_count_too() -> None:
    made = bench(read_intervals=3)

    def handler(ctx: MutationCtx) -> Any:
        ids = [ctx.scheduler.run_after(0, "m:nothing", {}) for _ in range(2)]
        for _ in range(3):
            for scheduled in ids:
                ctx.db.system.get(scheduled)
        assert len(ctx.db.system.query("_scheduled_functions").take(1)) == 1
        return caught(lambda: ctx.db.query("items").collect())

    assert made.attempt(handler).value == "TooManyReads"


SYSTEM_READS: list[Callable[[MutationCtx, str], Any]] = [
    lambda ctx, scheduled: ctx.db.system.get(scheduled),
    lambda ctx, _: ctx.db.system.query("_scheduled_functions").first(),
    lambda ctx, _: list(ctx.db.system.query("_scheduled_functions")),
    lambda ctx, _: ctx.db.system.query("_scheduled_functions").filter(lambda q: q.eq(1, 2)).first(),
    lambda ctx, _: ctx.db.system.query("_scheduled_functions").paginate({"numItems": 2, "cursor": None}),
]


@pytest.mark.parametrize("reader", SYSTEM_READS)
def test_rows_of_scheduled_functions_count_as_they_are_seen(reader: Callable[[MutationCtx, str], Any]) -> None:
    """Convex counts the rows of a virtual table as a user's; what the platform itself looks at is free."""

    def handler(ctx: MutationCtx) -> Any:
        scheduled = ctx.scheduler.run_after(0, "m:nothing", {})
        ctx.scheduler.cancel(ctx.scheduler.run_after(0, "m:nothing", {}))
        assert used(ctx)["documentsRead"] == 0
        ctx.scheduler.cancel(scheduled)
        row = ctx.db.system.get(scheduled)
        first = (used(ctx)["documentsRead"], used(ctx)["bytesRead"] == size_of(row))
        reader(ctx, scheduled)
        return first, used(ctx)["documentsRead"]

    first, then = bench().attempt(handler).value
    assert first == [1, True]
    assert then in (2, 3)
    assert bench(documents_read=1).attempt(handler).code == "TooManyDocumentsRead"


def test_every_write_counts_even_of_the_same_document() -> None:
    made = bench(documents_written=4)

    def handler(ctx: MutationCtx) -> Any:
        known = ctx.db.insert("items", {"n": 1})
        ctx.db.patch(known, {"n": 2})
        ctx.db.patch(known, {"n": 2})  # changes nothing: no write
        ctx.db.replace(known, {"n": 3})
        ctx.db.delete(known)
        return used(ctx)["documentsWritten"], caught(lambda: ctx.db.insert("items", {"n": 4})), used(ctx)

    count, code, after = made.do(handler)
    assert (count, code, after["documentsWritten"]) == (4, "TooManyWrites", 5)
    assert made.documents("items") == []  # the write that was refused was not made


def test_bytes_written_are_those_of_each_whole_document() -> None:
    def handler(ctx: MutationCtx) -> Any:
        known = ctx.db.insert("items", {"n": 1, "text": "x" * 100})
        size = size_of(ctx.db.get(known))
        ctx.db.patch(known, {"n": 2})
        ctx.db.delete(known)
        return size, used(ctx)["bytesWritten"]

    size, written = bench().do(handler)
    assert written == 2 * size
    assert bench(bytes_written=2 * size).do(handler)[1] == 2 * size
    assert bench(bytes_written=2 * size - 1).attempt(handler).code == "TooManyBytesWritten"


def test_functions_scheduled_and_their_arguments() -> None:
    made = bench(functions_scheduled=2)
    made.do(lambda ctx: ctx.run_mutation("m:scheduling", {"n": 2}))
    assert made.attempt(lambda ctx: ctx.run_mutation("m:scheduling", {"n": 3})).code == "TooManyFunctionsScheduled"

    def handler(ctx: MutationCtx) -> Any:
        for _ in range(2):
            ctx.scheduler.run_after(0, "m:echo", {"text": "x" * 100})
        return used(ctx)["scheduledFunctionArgsBytes"], used(ctx)["documentsWritten"]

    size, written = bench().do(handler)
    assert 200 < size < 250
    assert written == 0  # rows of a system table
    assert bench(scheduled_args_bytes=size).do(handler) == [size, 0]
    refused = bench(scheduled_args_bytes=size - 1).attempt(handler)
    assert refused.code == "ScheduledFunctionsArgumentsTooLarge"
    assert f"limit: {size - 1} bytes" in refused.message


def test_real_limits_of_writes_and_schedules() -> None:
    made = bench()
    made.do(lambda ctx: ctx.run_mutation("m:scheduling", {"n": 1_000}))
    assert made.attempt(lambda ctx: ctx.run_mutation("m:scheduling", {"n": 1_001})).code == "TooManyFunctionsScheduled"
    known = made.seed("items", {"n": 0})[0]

    def looking(ctx: MutationCtx) -> Any:
        for _ in range(5_000):  # of one id: a single interval
            ctx.db.get(known)
        before = used(ctx)["databaseQueries"]
        for n in range(4_095):
            ctx.db.get(encode_id(10_001, n.to_bytes(16)))
        return before, used(ctx)["databaseQueries"], caught(lambda: ctx.db.get(encode_id(10_001, bytes(15) + b"!")))

    assert made.attempt(looking).value == [1, 4_096, "returned None"]  # 33 of the 4,095: the same interval again
    assert made.attempt(lambda ctx: [looking(ctx), ctx.db.query("marks").collect()]).code == "TooManyReads"


def test_the_ids_of_new_documents_count_only_from_the_first_look_into_their_index_on() -> None:
    """The read of an insert (convex-semantics 1.3) is derived: else nobody could write 16,000 documents at once."""
    made = bench(read_intervals=3)

    def handler(ctx: MutationCtx, look: str | None) -> Any:
        for n in range(5):
            new = ctx.db.insert("items", {"n": n})
            ctx.db.insert("marks", {})
        before = used(ctx)["databaseQueries"]
        codes = [caught(lambda: len(ctx.db.query("marks").collect())) for _ in range(9)]
        if look is not None:
            codes.append(caught(lambda: getattr(ctx.db, look)(new, *[{"n": 9}] * (look != "get"))))
        return before, codes, used(ctx)["databaseQueries"]

    assert made.attempt(lambda ctx: handler(ctx, None)).value == [0, ["returned 5"] * 9, 1]
    for look in ("get", "patch", "replace"):
        before, codes, after = made.attempt(lambda ctx, look=look: handler(ctx, look)).value
        assert (before, codes[-2:], after) == (0, ["returned 5", "TooManyReads"], 6)  # the marks, and five items
    assert bench().attempt(lambda ctx: ctx.run_mutation("m:inserting", {"n": 5_000})).value is None


# Single values.


def test_a_document_has_at_most_a_mebibyte_with_its_own_fields() -> None:
    made = bench()
    rest = made.do(lambda ctx: size_of(ctx.db.get(ctx.db.insert("items", {"n": 1, "text": ""}))))
    most = 2**20 - rest
    made.do(lambda ctx: ctx.db.insert("items", {"n": 1, "text": "x" * most}))
    refused = made.attempt(lambda ctx: ctx.db.insert("items", {"n": 1, "text": "x" * (most + 1)}))
    assert refused.code == "ValueTooLargeError"
    assert str(2**20 + 1) in refused.message

    def grows(ctx: MutationCtx) -> Any:
        known = ctx.db.insert("items", {"n": 1})
        large = {"n": 1, "text": "x" * (most + 1)}
        return [caught(lambda: ctx.db.patch(known, large)), caught(lambda: ctx.db.replace(known, large)), used(ctx)]

    patched, replaced, after = made.do(grows)
    assert (patched, replaced, after["documentsWritten"]) == ("ValueTooLargeError", "ValueTooLargeError", 1)


def nested(levels: int) -> Any:
    """Return a value of that many containers."""
    value: Any = 0
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_a_document_nests_sixteen_levels_itself_included() -> None:
    made = bench()
    made.do(lambda ctx: ctx.db.insert("items", {"n": 1, "text": nested(15)}))
    assert made.attempt(lambda ctx: ctx.db.insert("items", {"n": 1, "text": nested(16)})).code == "InvalidDocumentError"


def test_arguments_and_results() -> None:
    made = bench(function_args=200, function_result=100, value_size=300)

    # What {"text": ...} has beside its characters is 9 bytes, a string alone 2.
    def echoed(ctx: MutationCtx, length: int) -> str:
        return caught(lambda: ctx.run_query("m:echo", {"text": "x" * length}))[-20:]

    def returned(ctx: MutationCtx, length: int) -> str:
        return caught(lambda: ctx.run_query("m:whole", {"length": length}))[-20:]

    def handler(ctx: MutationCtx) -> None:
        args.extend(echoed(ctx, length) for length in (89, 192, 291, 292))
        results.extend(returned(ctx, length) for length in (98, 99, 298, 299))

    args: list[str] = []
    results: list[str] = []
    made.do(handler)
    assert args == ["x" * 20, "Error", "Error", "ValueTooLargeError"]
    assert results == ["x" * 20, "Error", "Error", "ValueTooLargeError"]
    message = made.attempt(lambda ctx: ctx.run_query("m:echo", {"text": "x" * 192})).message
    assert message.startswith("Arguments for m:echo are too large (actual: 201 bytes, limit: 200 bytes)")
    refused = made.attempt(echo, {"text": "x" * 200})
    assert refused.code == "Error"
    assert f"too large (actual: {size_of({'text': 'x' * 200})} bytes, limit: 200 bytes)" in refused.message


# One budget for the whole tree of calls.


def test_a_query_is_told_the_metrics_of_the_whole_transaction_too() -> None:
    told = query(lambda ctx: used(ctx)["documentsRead"])
    own = Bench(define_app({"m": {"reading": reading, "told": told}}, SCHEMA))
    own.seed("items", {"n": 1}, {"n": 2})
    assert own.do(lambda ctx: [ctx.run_query("m:reading"), ctx.run_query("m:told")]) == [2, 2]
    outcome = run(define_app({"m": {"told": told}}, SCHEMA), lambda world: world.client("a").query("m:told")).calls[0]
    assert outcome.result == 0


def test_nested_calls_share_the_limits() -> None:
    def handler(ctx: MutationCtx) -> Any:
        ctx.run_query("m:reading")
        return ctx.db.query("items").collect()

    assert bench(3, documents_read=6).attempt(handler).value
    assert bench(3, documents_read=5).attempt(handler).code == "TooManyDocumentsRead"


def test_a_limit_passed_in_a_child_can_be_caught_and_its_writes_are_given_back() -> None:
    made = bench(documents_written=3)

    def handler(ctx: MutationCtx) -> Any:
        ctx.db.insert("items", {"n": 10})
        code = caught(lambda: ctx.run_mutation("m:inserting", {"n": 3}))
        between = used(ctx)["documentsWritten"]
        ctx.run_mutation("m:inserting", {"n": 2})
        return code, between

    assert made.do(handler) == ["TooManyWrites", 1]
    assert [row["n"] for row in made.documents("items")] == [10, 0, 1]


def test_a_rollback_gives_back_writes_but_neither_reads_nor_schedules() -> None:
    def handler(ctx: MutationCtx) -> Any:
        caught(lambda: ctx.run_mutation("m:failing"))
        return used(ctx)

    after = bench(3).do(handler)
    assert (after["documentsWritten"], after["bytesWritten"]) == (0, 0)
    assert (after["documentsRead"], after["functionsScheduled"]) == (3, 1)
    assert after["bytesRead"] > 0
    assert after["databaseQueries"] == 1
    assert after["scheduledFunctionArgsBytes"] > 0


def test_a_query_on_a_stale_snapshot_reads_on_a_budget_of_its_own() -> None:
    def handler(ctx: MutationCtx) -> Any:
        for _ in range(3):
            ctx.run_query("m:reading", use_stale_snapshot=True)
        return used(ctx)

    after = bench(3, documents_read=3).do(handler)
    assert (after["documentsRead"], after["bytesRead"], after["databaseQueries"]) == (0, 0, 0)
    assert bench(4, documents_read=3).attempt(handler).code == "TooManyDocumentsRead"


def test_what_is_caught_leaves_the_transaction_alive() -> None:
    made = bench(6, documents_read=5)

    def handler(ctx: MutationCtx) -> str:
        code = caught(lambda: ctx.db.query("items").collect())
        ctx.db.insert("marks", {})
        return code

    assert made.do(handler) == "TooManyDocumentsRead"
    assert len(made.attempt(lambda ctx: ctx.db.query("marks").collect()).value) == 1


# Pages.


@pytest.mark.parametrize(
    "limits", [{"documents_read": 4}, {"bytes_read": 0}, {"documents_read": 4, "read_intervals": 1}]
)
def test_a_limit_in_the_middle_of_a_page_ends_it(limits: dict[str, int]) -> None:
    if "bytes_read" in limits:
        limits = {"bytes_read": size_of_rows(bench(10)) * 4 // 10}
    made = bench(10, **limits)

    def page(cursor: str | None) -> Any:
        return made.attempt(lambda ctx: ctx.db.query("items").paginate({"numItems": 8, "cursor": cursor})).value

    seen: list[list[int]] = []
    cursor, done = None, False
    while not done:
        found = page(cursor)
        cursor, done = found["continueCursor"], found["isDone"]
        seen.append([row["n"] for row in found["page"]])
        assert found["pageStatus"] == (None if done else "SplitRequired")
    assert seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_limit_before_the_first_row_of_a_page_is_thrown() -> None:
    made = bench(6, documents_read=3)

    def handler(ctx: MutationCtx) -> Any:
        ctx.db.query("items").take(3)
        return ctx.db.query("items").paginate({"numItems": 2, "cursor": None})

    assert made.attempt(handler).code == "TooManyDocumentsRead"


def test_a_split_is_recommended_near_the_platforms_own_limit() -> None:
    made = bench(10, documents_read=8)

    def status(count: int) -> Any:
        return made.attempt(
            lambda ctx: ctx.db.query("items").paginate({"numItems": count, "cursor": None})["pageStatus"]
        ).value

    assert [status(6), status(7), status(8), status(9)] == [
        None,
        "SplitRecommended",
        "SplitRecommended",
        "SplitRequired",
    ]


# By an executor, in components, and in runs.


class Asks:
    """An executor that asks for the metrics and returns the answer."""

    def new_executor(self) -> Asks:
        return self

    def start(self, args: Any, now: float, seed: str) -> Any:
        return x.Requests((x.GetTransactionMetrics(),))

    def resume(self, answers: Any) -> Any:
        return answers[0]


def test_of_what_was_passed_nothing_remains() -> None:
    def handler(ctx: MutationCtx) -> Any:
        assert caught(lambda: ctx.db.query("items").collect()) == "TooManyDocumentsRead"
        return ctx.meta.get_transaction_metrics()["documentsRead"]

    assert bench(6, documents_read=5).do(handler) == {"remaining": 0, "used": 6}


def test_an_executor_asks_for_the_metrics_as_plain_data() -> None:
    assert bench().do(foreign_function("mutation", Asks())) == bench().do(
        lambda ctx: ctx.meta.get_transaction_metrics()
    )


@action
async def act(ctx: Any, text: str) -> int:
    for _ in range(3):  # each a transaction of its own
        await ctx.scheduler.run_after(0, "m:ending", {})
    return len(text)


@mutation
def ending(ctx: MutationCtx) -> None:
    caught(lambda: ctx.db.query("marks").collect())
    caught(lambda: ctx.db.query("items").collect())


def errors(**limits: int) -> list[str | None]:
    """Call a mutation and an action in a world with these limits and return how they ended."""

    def body(world: World) -> None:
        world.client("a").mutation("m:inserting", {"n": 3})
        world.client("b").action("m:act", {"text": "x" * 50})

    result = run(app_of(SCHEMA, inserting, act, ending), body, limits=Limits(**limits))
    assert set(states(result).values()) <= {"success"}
    return [None if call.error is None else str(call.error) for call in result.calls]


def test_a_run_obeys_the_limits_of_its_platform() -> None:
    assert errors() == [None, None]
    assert errors(functions_scheduled=1, documents_written=3) == [None, None]
    written, acted = errors(documents_written=2, function_args=40)
    assert "Too many writes" in str(written)
    assert "Arguments for m:act are too large" in str(acted)


def test_the_platforms_own_reads_never_fail_a_scheduled_function() -> None:
    """Not even if the function has passed a limit and caught it: `ending` reads three intervals, its row included."""
    for most in (1, 2, 3):
        assert errors(documents_written=3, read_intervals=most) == [None, None]
