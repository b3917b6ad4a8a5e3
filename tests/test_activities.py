"""Activities: the paths of invocations say who acts, tell any two apart, and do not grow without end."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from convexsim import Simulation, World, action, api, define_app, internal, internal_mutation, mutation, scenario
from convexsim.choices import LONGEST_ACTIVITY, activity_below, root_of

STEPS = st.lists(st.builds("{}{}".format, st.sampled_from(".+"), st.integers(1, 12)), max_size=80)


def path(steps: list[str]) -> str:
    activity = "alice.1"
    for step in steps:
        activity = activity_below(activity, step)
    return activity


@given(STEPS, STEPS)
def test_two_ways_have_two_paths_and_none_is_long(one: list[str], other: list[str]) -> None:
    assert (path(one) == path(other)) == (one == other)
    assert len(path(one)) <= LONGEST_ACTIVITY + 4
    assert path(one).startswith("alice")


@given(STEPS, st.integers(1, 9))
def test_calls_belong_to_the_root_of_their_caller_and_scheduled_functions_to_themselves(
    steps: list[str], number: int
) -> None:
    activity = path(steps)
    assert root_of(activity_below(activity, f"+{number}")) == activity_below(activity, f"+{number}")
    called = activity_below(activity, f".{number}")
    if called == f"{activity}.{number}":  # not just abbreviated
        assert root_of(called) == root_of(activity)


def test_short_paths_are_spelled_out() -> None:
    assert path([".2", "+1", ".3"]) == "alice.1.2+1.3"


class Endless:
    @mutation
    def begin(ctx: Any) -> None:  # noqa: N805 - a function that the class only collects
        ctx.scheduler.run_after(0, internal.m.again)

    @internal_mutation
    def again(ctx: Any) -> None:  # noqa: N805
        ctx.scheduler.run_after(0, internal.m.again)

    @action
    async def deeper(ctx: Any) -> None:  # noqa: N805
        await ctx.run_action(api.m.deeper)


def test_chains_without_end_reach_their_limit_with_short_paths() -> None:
    @scenario(app=define_app({"m": Endless}))
    def chains(world: World) -> None:
        world.client("a").mutation(api.m.begin)
        world.client("b").action(api.m.deeper)

    run = Simulation(chains, max_steps=6_000).run()
    assert run.ending == "max_steps"
    assert run.trace is not None
    activities = {happened.activity for happened in run.trace.events}
    assert len(activities) > 1_000
    assert max(map(len, activities)) <= LONGEST_ACTIVITY + 4
