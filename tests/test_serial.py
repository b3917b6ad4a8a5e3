"""Worlds driven by hand: what runs when, and that nothing else does (conformance/README.md, a line)."""

from __future__ import annotations

from typing import Any

import pytest

from convexsim import (
    ActionCtx,
    Component,
    MutationCtx,
    Platform,
    PlatformError,
    action,
    api,
    define_app,
    internal,
    internal_mutation,
    mutation,
    v,
)
from convexsim.actors.dispatcher import Deadlock
from convexsim.testing.serial import SerialWorld


@internal_mutation(args={"who": v.string()})
def tell(ctx: MutationCtx, who: str) -> None:
    ctx.external("told").append([who, ctx.now()])


@mutation(args={"who": v.string(), "delay": v.number()})
def later(ctx: MutationCtx, who: str, delay: float) -> None:
    ctx.scheduler.run_after(delay, internal.m.tell, {"who": who})


@action
async def act(ctx: ActionCtx) -> None:
    """Schedule something for now, and go on for a while."""
    await ctx.run_mutation(api.m.later, {"who": "scheduled", "delay": 0})
    for _ in range(3):
        await ctx.run_mutation(internal.m.tell, {"who": "called"})
    await ctx.external("told").append("end")


@action
async def nap(ctx: ActionCtx) -> None:
    await ctx.sleep(1)


def app() -> Component:
    return define_app({"m": {"tell": tell, "later": later, "act": act, "nap": nap}})


def world(**platform: Any) -> SerialWorld:
    return SerialWorld(app(), {"told": ()}, Platform(**platform))


def test_a_call_runs_to_its_end_before_anything_that_is_due() -> None:
    with world() as by_hand:
        by_hand.call(api.m.later, {"who": "first", "delay": 0}).unwrap()
        by_hand.call(api.m.act).unwrap()
        assert by_hand.view.external("told") == [*[["called", 0]] * 3, "end"]
        by_hand.advance(0)
        assert by_hand.view.external("told")[4:] == [["first", 0], ["scheduled", 0]]


def test_time_stands_still_but_for_advance_which_ends_where_it_was_told_to() -> None:
    with world(start_ms=100) as by_hand:
        for who, delay in (("c", 30), ("a", 10), ("b", 10), ("d", 31)):
            by_hand.call(api.m.later, {"who": who, "delay": delay}).unwrap()
        assert by_hand.now == 100
        by_hand.advance(30)
        assert by_hand.view.external("told") == [["a", 110], ["b", 110], ["c", 130]]
        assert by_hand.now == 130
        by_hand.advance(1)
        assert by_hand.view.external("told")[3:] == [["d", 131]]


def test_what_could_be_called_only_from_inside_cannot_be_called() -> None:
    with world() as by_hand, pytest.raises(PlatformError, match="Could not find public function for 'm:tell'"):
        by_hand.call("m:tell", {"who": "me"})


def test_a_call_that_waits_for_time_to_pass_is_told_that_it_does_not() -> None:
    with world() as by_hand, pytest.raises(Deadlock):
        by_hand.call(api.m.nap)
