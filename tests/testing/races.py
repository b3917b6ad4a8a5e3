"""What the tests of the strategies share: settings, an app with a planted race, and the last failure of a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings

from convexsim import (
    ActionCtx,
    MutationCtx,
    QueryCtx,
    View,
    action,
    api,
    define_app,
    define_schema,
    define_table,
    mutation,
    query,
    v,
)

# Always the same examples; what the explain phase adds is time.
ALWAYS_THE_SAME = settings(
    max_examples=100, deadline=None, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)


class Shop:
    """One seat is for sale; who books it asks in one transaction and takes it in the next."""

    @query
    def is_free(ctx: QueryCtx) -> bool:  # noqa: N805 - a module of functions
        return ctx.db.query("seats").first() is None

    @mutation(args={"who": v.string()})
    def take(ctx: MutationCtx, who: str) -> None:  # noqa: N805
        ctx.db.insert("seats", {"who": who})

    @action(args={"who": v.string()})
    async def book(ctx: ActionCtx, who: str) -> None:  # noqa: N805
        if await ctx.run_query(api.shop.is_free):
            await ctx.run_mutation(api.shop.take, {"who": who})


SHOP = define_app({"shop": Shop}, define_schema({"seats": define_table({"who": v.string()})}))


def one_seat_is_sold(view: View) -> None:
    sold = [seat["who"] for seat in view.documents("seats")]
    assert len(sold) <= 1, f"sold to {sold}"


def failure(test: Callable[[], Any]) -> str:
    """Run a test of Hypothesis that fails, and return what it says in the end."""
    with pytest.raises(AssertionError) as caught:
        test()
    return str(caught.value)
