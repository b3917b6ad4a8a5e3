"""Pagination: what a page holds, when the end is told, what cursors are good for, what a page reads (semantics 9)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexsim import (
    ConvexError,
    MutationCtx,
    PlatformError,
    define_app,
    define_component,
    define_schema,
    define_table,
    get_convex_size,
    query,
    v,
)
from convexsim.functions.pagination import MAX_PAGE_SIZE, PageOptions, read_page
from tests.support import Bench, app_of, caught, module, nothing

ITEMS = define_table({"n": v.number(), "text": v.optional(v.string())}).index("by_n", ["n"]).index("by_text", ["text"])
SCHEMA = define_schema({"items": ITEMS, "marks": define_table({})})
Page = dict[str, Any]
Handler = Callable[[MutationCtx], Any]
INVALID_CURSOR = "ConvexError {'isConvexSystemError': True, 'paginationError': 'InvalidCursor'}"


def seeded(*numbers: int) -> Bench:
    bench = Bench(SCHEMA)
    bench.seed("items", *({"n": number} for number in numbers))
    return bench


def between(ctx: MutationCtx, order: str = "asc") -> Any:
    return ctx.db.query("items").with_index("by_n", lambda q: q.gte("n", 0).lt("n", 100)).order(order)


def even(q: Any) -> Any:
    return q.eq(q.mod(q.field("n"), 20), 0)


def rejected(_: Any) -> Any:
    return False


def page(bench: Bench, num_items: int = 2, cursor: str | None = None, order: str = "asc", **more: Any) -> Page:
    options = {"numItems": num_items, "cursor": cursor, **more}
    found: Page = bench.do(lambda ctx: between(ctx, order).paginate(options))
    return found


def filtered(bench: Bench, predicate: Any, num_items: int = 2, cursor: str | None = None, **more: Any) -> Page:
    options = {"numItems": num_items, "cursor": cursor, **more}
    found: Page = bench.do(lambda ctx: between(ctx).filter(predicate).paginate(options))
    return found


def ns(found: Page) -> list[int]:
    return [row["n"] for row in found["page"]]


# Pages and their end.


def test_the_end_is_told_only_when_it_was_seen() -> None:
    bench = seeded(10, 20, 30, 40)
    first = page(bench)
    assert (ns(first), first["isDone"], first["pageStatus"], first["splitCursor"]) == ([10, 20], False, None, None)
    second = page(bench, cursor=first["continueCursor"])
    assert (ns(second), second["isDone"]) == ([30, 40], False)  # full: nobody looked whether more follows
    third = page(bench, cursor=second["continueCursor"])
    assert (ns(third), third["isDone"]) == ([], True)
    again = page(bench, cursor=third["continueCursor"])  # from the end: empty and done
    assert (ns(again), again["isDone"], again["continueCursor"]) == ([], True, third["continueCursor"])
    assert set(first) == {"page", "isDone", "continueCursor", "splitCursor", "pageStatus"}


def test_a_page_that_is_not_filled_is_the_last() -> None:
    assert page(seeded(10, 20, 30), 4)["isDone"] is True
    assert page(seeded(10, 20, 30), 3)["isDone"] is False
    assert page(seeded())["isDone"] is True


@given(st.lists(st.integers(0, 99), max_size=20), st.integers(1, 7), st.sampled_from(["asc", "desc"]), st.booleans())
def test_pages_one_after_another_are_the_whole_query(
    numbers: list[int],
    size: int,
    order: str,
    filtering: bool,  # noqa: FBT001 - drawn
) -> None:
    bench = seeded(*numbers)

    def asked(ctx: MutationCtx) -> Any:
        return between(ctx, order).filter(even) if filtering else between(ctx, order)

    expected = [row["_id"] for row in bench.do(lambda ctx: asked(ctx).collect())]
    cursor, found, done = None, [], False
    for _ in range(len(numbers) + 2):
        options = {"numItems": size, "cursor": cursor}
        got: Page = bench.do(lambda ctx, options=options: asked(ctx).paginate(options))
        assert len(got["page"]) == size or got["isDone"]
        found += [row["_id"] for row in got["page"]]
        cursor, done = got["continueCursor"], got["isDone"]
        if done:
            break
    assert done
    assert found == expected


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_cursors_are_positions_and_no_offsets(order: str) -> None:
    bench = seeded(10, 20, 30, 40)
    cursor = page(bench, 2, order=order)["continueCursor"]
    bench.seed("items", {"n": 5}, {"n": 24}, {"n": 26}, {"n": 45})
    rest = page(bench, 9, cursor, order)
    assert ns(rest) == ([24, 26, 30, 40, 45] if order == "asc" else [26, 24, 20, 10, 5])
    bench.do(lambda ctx: [ctx.db.delete(row["_id"]) for row in between(ctx) if row["n"] in (20, 30)])
    assert ns(page(bench, 9, cursor, order)) == ([24, 26, 40, 45] if order == "asc" else [26, 24, 10, 5])


def test_a_page_sees_the_writes_of_its_own_transaction() -> None:
    def handler(ctx: MutationCtx) -> Any:
        ctx.db.insert("items", {"n": 15})
        return between(ctx).paginate({"numItems": 2, "cursor": None})

    assert ns(seeded(10, 20).do(handler)) == [10, 15]


# The end cursor.


def test_an_end_cursor_overrides_the_size_of_the_page() -> None:
    bench = seeded(10, 20, 30, 40, 50)
    one, three = page(bench, 1)["continueCursor"], page(bench, 3)["continueCursor"]
    bench.seed("items", {"n": 15}, {"n": 25}, {"n": 35})
    got = page(bench, 1, one, endCursor=three, maximumRowsRead=1, maximumBytesRead=1)
    assert (ns(got), got["isDone"], got["continueCursor"]) == ([15, 20, 25, 30], False, three)
    assert got["pageStatus"] == "SplitRecommended"  # more than 3/4 of the one row that was allowed
    assert ns(page(bench, 1, None, endCursor=one)) == [10]
    assert ns(page(bench, 1, three, endCursor=one)) == []
    end = page(bench, 99)["continueCursor"]
    last = page(bench, 1, three, endCursor=end)
    assert (ns(last), last["isDone"], last["continueCursor"]) == ([35, 40, 50], True, end)


def test_an_end_cursor_in_descending_order() -> None:
    bench = seeded(10, 20, 30, 40, 50)
    one, three = (page(bench, size, order="desc")["continueCursor"] for size in (1, 3))
    bench.seed("items", {"n": 25}, {"n": 35}, {"n": 45})
    assert ns(page(bench, 1, one, "desc", endCursor=three)) == [45, 40, 35, 30]


# Limits.


def test_the_rows_read_are_counted_before_filters() -> None:
    bench = seeded(10, 20, 30, 40, 50)
    got = filtered(bench, even, maximumRowsRead=3)
    assert (ns(got), got["isDone"], got["pageStatus"]) == ([20], False, "SplitRequired")
    rest = filtered(bench, even, cursor=got["continueCursor"], maximumRowsRead=3)
    assert (ns(rest), rest["isDone"], rest["pageStatus"]) == ([40], True, None)
    nobody = filtered(bench, rejected, maximumRowsRead=5)
    assert (ns(nobody), nobody["isDone"], nobody["pageStatus"]) == ([], False, "SplitRequired")


@pytest.mark.parametrize(("limit", "status"), [(4, "SplitRecommended"), (5, "SplitRecommended"), (6, None), (8, None)])
def test_more_than_three_quarters_of_the_rows_recommend_a_split(limit: int, status: str | None) -> None:
    got = page(seeded(*range(9)), 4, maximumRowsRead=limit)
    assert (ns(got), got["pageStatus"]) == ([0, 1, 2, 3], status)


def test_a_page_reads_at_least_one_row_and_passes_the_bytes_by_one() -> None:
    bench = Bench(SCHEMA)
    bench.seed("items", *({"n": n, "text": "x" * 100} for n in range(5)))
    tight = page(bench, 5, maximumBytesRead=1)
    assert (ns(tight), tight["pageStatus"], tight["isDone"]) == ([0], "SplitRequired", False)
    assert ns(page(bench, 5, tight["continueCursor"], maximumBytesRead=250)) == [
        1,
        2,
    ]  # rows of more than 125, less than 250
    wide = page(bench, 2, maximumBytesRead=10_000)
    assert wide["pageStatus"] is None


def test_the_split_cursor_is_the_middle_of_the_rows_scanned() -> None:
    bench = seeded(10, 20, 30, 40, 50, 60)
    for size, middle in ((1, None), (2, None), (3, 20), (4, 30), (5, 30)):
        got = page(bench, size)
        if middle is None:
            assert got["splitCursor"] is None
            continue
        front = page(bench, 1, None, endCursor=got["splitCursor"])
        back = page(bench, 1, got["splitCursor"], endCursor=got["continueCursor"])
        assert ns(front)[-1] == middle
        assert ns(front) + ns(back) == ns(got)
    scanned = filtered(bench, even, 2)  # 10, 20, 30, 40: rejected rows count
    assert ns(page_of(bench, scanned["splitCursor"])) == [20]


def page_of(bench: Bench, end: str) -> Page:
    return filtered(bench, even, 9, None, endCursor=end)


@pytest.mark.parametrize(
    ("rows", "status"), [(5, "SplitRecommended"), (5.3, "SplitRecommended"), (5.4, None), (6, None)]
)
def test_a_page_of_more_than_three_quarters_of_the_bytes_recommends_a_split(rows: float, status: str | None) -> None:
    """convex-semantics 9; so many of its rows may be read, and it has four."""
    bench = seeded(10, 20, 30, 40, 50, 60)
    size: int = bench.do(lambda ctx: get_convex_size(ctx.db.query("items").first()))
    got = page(bench, 4, maximumBytesRead=int(rows * size))
    assert (ns(got), got["pageStatus"]) == ([10, 20, 30, 40], status)


def test_a_page_too_long_for_a_value_recommends_a_split() -> None:
    bench = Bench(SCHEMA)
    table = bench.table("items")
    rows = [table.document({"_id": f"{n:05}", "_creationTime": n, "n": n}) for n in range(7_000)]
    for size, status in ((6_144, None), (6_145, "SplitRecommended")):
        options = PageOptions.of({"numItems": size})
        assert read_page(iter(rows), "f", 1, options, lambda row: row.value)["pageStatus"] == status


@pytest.mark.parametrize("code", ["TooManyDocumentsRead", "TooManyBytesRead", "TooManyReads"])
def test_a_read_limit_in_the_middle_of_a_page_ends_it(code: str) -> None:
    table = Bench(SCHEMA).table("items")

    def rows(count: int) -> Any:
        for n in range(count):
            yield table.document({"_id": f"{n:05}", "_creationTime": n, "n": n})
        raise PlatformError("enough", code=code)

    options = PageOptions.of({"numItems": 5})
    got = read_page(rows(3), "f", 1, options, lambda row: row.value)
    assert (ns(got), got["isDone"], got["pageStatus"]) == ([0, 1, 2], False, "SplitRequired")
    assert caught(lambda: read_page(rows(0), "f", 1, options, lambda row: row.value)) == code


# Refusals.

REFUSED: list[tuple[Any, str]] = [
    ({"numItems": -1, "cursor": None}, "InvalidQuery"),
    ({"numItems": "2", "cursor": None}, "InvalidQuery"),
    ({"numItems": True, "cursor": None}, "InvalidQuery"),
    ({"cursor": None}, "InvalidQuery"),
    (None, "InvalidQuery"),
    (2, "InvalidQuery"),
    ({"numItems": 1.5, "cursor": None}, "InvalidArgument"),
    ({"numItems": 0, "cursor": None}, "NoDocumentsForPagination"),
    ({"numItems": 32_001, "cursor": None}, "PageSizeTooLarge"),
    ({"numItems": 2, "cursor": 5}, "InvalidArgument"),
    ({"numItems": 2, "cursor": None, "maximumRowsRead": 0}, "InvalidPaginationLimit"),
    ({"numItems": 2, "cursor": None, "maximumBytesRead": 0}, "InvalidPaginationLimit"),
    ({"numItems": 2, "cursor": None, "maximumRowsRead": -1}, "InvalidArgument"),
]


@pytest.mark.parametrize(("options", "code"), REFUSED)
def test_options_that_are_refused(options: Any, code: str) -> None:
    attempt = seeded(10).attempt(lambda ctx: between(ctx).paginate(options))
    assert attempt.code == code
    assert len(attempt.reads) == 0


def test_options_at_their_limits() -> None:
    assert MAX_PAGE_SIZE == 32_000
    for options in (
        {"numItems": 32_000, "cursor": None},
        {"numItems": 2.0, "id": 7},
        {"numItems": 1, "endCursor": None},
    ):
        assert ns(seeded(10).do(lambda ctx, options=options: between(ctx).paginate(options))) == [10]


OTHERS: dict[str, Callable[[MutationCtx], Any]] = {
    "another table": lambda ctx: ctx.db.query("marks"),
    "another index": lambda ctx: ctx.db.query("items").with_index("by_text"),
    "the same rows without the range": lambda ctx: ctx.db.query("items").with_index("by_n"),
    "other bounds": lambda ctx: ctx.db.query("items").with_index("by_n", lambda q: q.gte("n", 0).lt("n", 99)),
    "another order": lambda ctx: between(ctx, "desc"),
    "a filter": lambda ctx: between(ctx).filter(even),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("option", ["cursor", "endCursor"])
def test_a_cursor_is_bound_to_its_query(other: str, at_end: bool, option: str) -> None:  # noqa: FBT001 - a parameter
    bench = seeded(10, 20, 30)
    foreign = page(bench, 9 if at_end else 1)["continueCursor"]
    options = {"numItems": 1, "cursor": None, option: foreign}
    attempt = bench.attempt(lambda ctx: OTHERS[other](ctx).paginate(options))
    with pytest.raises(ConvexError) as error:
        _ = attempt.value
    assert error.value.data == {"isConvexSystemError": True, "paginationError": "InvalidCursor"}
    assert len(attempt.reads) == 0


@pytest.mark.parametrize("text", ["", "garbage", ":", "end", ":end", "f:xyz", "f:00"])
def test_a_text_that_is_no_cursor(text: str) -> None:
    bench = seeded(10)
    assert (
        bench.do(lambda ctx: caught(lambda: between(ctx).paginate({"numItems": 1, "cursor": text}))) == INVALID_CURSOR
    )


def test_two_constants_that_python_takes_for_equal_make_two_queries() -> None:
    bench = seeded(10, 20)
    cursor = filtered(bench, lambda q: q.neq(q.field("n"), 1), 1)["continueCursor"]
    again = partial(filtered, bench, lambda q: q.neq(q.field("n"), 1.0), 1, cursor)
    assert ns(again()) == [20]
    attempt = bench.attempt(
        lambda ctx: between(ctx).filter(lambda q: q.neq(q.field("n"), True)).paginate({"numItems": 1, "cursor": cursor})
    )
    assert attempt.code == "ConvexError"


def test_one_pagination_per_function_and_the_second_is_refused_after_it_was_read() -> None:
    bench = seeded(10, 20, 30)

    def twice(ctx: MutationCtx) -> str:
        between(ctx).paginate({"numItems": 1, "cursor": None})
        ctx.db.insert("marks", {})
        return caught(lambda: ctx.db.query("items").paginate({"numItems": 9, "cursor": None}))

    attempt = bench.attempt(twice)
    assert attempt.value == "MultiplePaginatedDatabaseQueries"
    assert len(attempt.reads) == 2  # the first page, the whole table; the id of the new document does not count


def test_a_refused_pagination_does_not_count() -> None:
    def handler(ctx: MutationCtx) -> Any:
        caught(lambda: between(ctx).paginate({"numItems": 0, "cursor": None}))
        caught(lambda: between(ctx).paginate({"numItems": 1, "cursor": "x:00"}))
        return between(ctx).paginate({"numItems": 1, "cursor": None})

    assert ns(seeded(10).do(handler)) == [10]


@query
def listed(ctx: Any) -> Any:
    return ctx.db.query("items").paginate({"numItems": 1, "cursor": None})


def test_nested_functions_have_an_allowance_of_their_own() -> None:
    bench = Bench(app_of(SCHEMA, listed))
    bench.seed("items", {"n": 10})

    def handler(ctx: MutationCtx) -> Any:
        own = ctx.db.query("items").paginate({"numItems": 1, "cursor": None})
        called = [ctx.run_query("m:listed"), ctx.run_query("m:listed")]
        again = caught(lambda: ctx.db.query("items").paginate({"numItems": 1, "cursor": None}))
        return [ns(found) for found in (own, *called)], again

    assert bench.do(handler) == [[[10], [10], [10]], "MultiplePaginatedDatabaseQueries"]


def test_components_do_not_paginate() -> None:
    app = define_app({"m": module(nothing)}, SCHEMA)
    app.use(define_component("part", {"m": module(listed)}, SCHEMA))
    bench = Bench(app)
    attempt = bench.attempt(lambda ctx: between(ctx).paginate({"numItems": 1, "cursor": None}), component="part")
    assert attempt.code == "PaginationUnsupportedInComponents"


def test_a_query_that_was_paginated_is_used_up() -> None:
    def handler(ctx: MutationCtx) -> Any:
        asked = between(ctx)
        asked.paginate({"numItems": 1, "cursor": None})
        return caught(asked.collect)

    assert seeded(10).do(handler) == "InvalidQuery"


# What a page reads: of the rows 10 .. 50 in 0 <= n < 100, an insert of which n kills the reader?


def paged(num_items: int, after: int | None = None, until: int | None = None, order: str = "asc", **more: Any) -> Any:
    """Return the reader of one page; its cursors are those after so many rows."""

    def prepare(bench: Bench) -> Handler:
        found = {size: page(bench, size, order=order)["continueCursor"] for size in (after, until) if size is not None}
        options = {"numItems": num_items, "cursor": None if after is None else found[after], **more}
        if until is not None:
            options["endCursor"] = found[until]
        return lambda ctx: between(ctx, order).paginate(options)

    return prepare


def paged_even(num_items: int, **more: Any) -> Any:
    options = {"numItems": num_items, "cursor": None, **more}
    return lambda _: lambda ctx: between(ctx).filter(even).paginate(options)


READERS: dict[str, tuple[Any, list[int], list[int]]] = {
    "filled": (paged(2), [0, 5, 15], [-1, 20, 25, 99]),
    "filled, exactly to the last row": (paged(5), [0, 45], [50, 55, 99]),
    "filled, descending": (paged(2, order="desc"), [40, 45, 99], [39, 100, 0]),
    "ran dry": (paged(6), [0, 45, 55, 99], [-1, 100]),
    "ran dry, descending": (paged(6, order="desc"), [0, 45, 99], [-1, 100]),
    "from a cursor": (paged(2, after=1), [10, 11, 25], [9, 5, 30, 35]),
    "from a cursor, descending": (paged(2, after=1, order="desc"), [35, 49], [51, 29, 55]),
    "from a cursor, ran dry": (paged(9, after=4), [41, 45, 99], [39, 35, 100]),
    "from the end": (paged(1, after=9), [], [0, 25, 99]),
    "between cursors": (paged(1, after=1, until=3), [11, 25], [9, 5, 30, 35, 99]),
    "between cursors, descending": (paged(9, after=1, until=3, order="desc"), [31, 49], [51, 29]),
    "up to the end": (paged(1, after=4, until=9), [41, 99], [35, 100]),
    "up to a cursor before": (paged(9, after=3, until=1), [], [5, 15, 25, 35, 99]),
    "filtered": (paged_even(1), [0, 15], [20, 25]),
    "filtered, ran dry": (paged_even(3), [0, 45, 99], [-1, 100]),
    "filtered, stopped by the limit": (paged_even(9, maximumRowsRead=3), [0, 25], [30, 35, 99]),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_page_reads_what_it_had_to_look_at(reader: str) -> None:
    prepare, kill, spare = READERS[reader]
    for n in kill + spare:
        bench = seeded(10, 20, 30, 40, 50)
        assert bench.conflicts(prepare(bench), lambda ctx, n=n: ctx.db.insert("items", {"n": n})) == (n in kill), n
