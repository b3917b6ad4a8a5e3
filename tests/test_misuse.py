"""What is given to the library and means nothing is refused where it is given, with the value and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from convexsim import (
    Arrivals,
    Meter,
    RandomWalk,
    Request,
    Response,
    Simulation,
    UsageError,
    World,
    api,
    audit,
    conflicts,
    define_app,
    define_table,
    mutation,
    replay,
    scenario,
    story,
    v,
)
from convexsim.simulation import Run, Scenario

NOTHING: tuple[Any, ...] = (None, -1, 1.5, b"x", [], {}, set(), object())


@mutation
def f(ctx: Any) -> None:
    pass


def body(world: World) -> None:
    world.client("a").mutation(api.m.f)


def world() -> Scenario:
    return scenario(app=define_app({"m": {"f": f}}))(body)


def run() -> Run:
    return Simulation(world()).run()


def in_world(act: Callable[[World], Any]) -> None:
    act(World())


ANY: dict[str, Callable[[Any], Any]] = {
    "a replay string": lambda given: replay([world()], given),
    "a trace": story,
    "a client": lambda given: in_world(lambda world: world.client(given)),
    "an external object": lambda given: in_world(lambda world: world.external(given)),
    "a field of an index": lambda given: define_table({"a": v.string()}).index("by_a", [given]),
    "a sample": lambda given: conflicts(world(), sample=given) if given is not None else refuse(),
    "an explorer": lambda given: audit(world(), given),
    "a confidence": lambda given: Meter(confidence=given),
    "a rate": lambda given: Arrivals(per_second=given) if given != 1.5 else refuse(),
    "a duration": lambda given: Arrivals(per_second=1, takes_ms=given) if given != 1.5 else refuse(),
    "headers": lambda given: Request("x", headers=given) if given not in (None, {}) else refuse(),
    "headers of an answer": lambda given: Response(headers=given) if given not in (None, {}) else refuse(),
}


def refuse() -> None:
    raise UsageError("This one may be.")


@pytest.mark.parametrize("given", NOTHING, ids=lambda given: type(given).__name__)
@pytest.mark.parametrize("what", ANY)
def test_what_is_none_is_refused_where_it_is_given(what: str, given: Any) -> None:
    with pytest.raises(UsageError) as refused:
        ANY[what](given)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("name", ["", " ", "a b", "a:b", "/", "a//b", "a-b", "\ud800", "\x1b[1m", "ä"])
def test_modules_and_functions_have_names_that_can_stand_in_a_path(name: str) -> None:
    with pytest.raises(UsageError, match=r"is not a valid module name\. Use letters, digits,"):
        define_app({name: {"f": f}})
    with pytest.raises(UsageError, match="is not a valid function name: it starts with a letter"):
        define_app({"m": {name: f}})


@pytest.mark.parametrize("name", [None, 1, b"x", ("a",)], ids=repr)
def test_a_function_is_named_by_a_text(name: Any) -> None:
    with pytest.raises(UsageError, match="is not a valid function name"):
        define_app({"m": {name: f}})


@pytest.mark.parametrize("name", ["m", "m_2", "folder/file", "a.b"])
def test_other_names_are_let_be(name: str) -> None:
    assert define_app({name: {"f": f}}).name == "app"


@pytest.mark.parametrize("name", ["", " ", "\n", "\x1b[31m", "\ud800"])
def test_an_external_object_has_a_name_that_can_be_printed(name: str) -> None:
    with pytest.raises(UsageError, match="The world cannot have an external object"):
        World().external(name)
    with pytest.raises(UsageError, match="with the plan b'xy'"):
        World().external("bank", cast("Any", b"xy"))


def test_the_story_of_a_run_is_that_of_its_trace() -> None:
    assert "calls mutation m:f" in story(cast("Any", run().trace))
    with pytest.raises(UsageError, match=r"is no trace, so it has no story. Pass that of a run which has kept its"):
        story(cast("Any", run()))


def test_a_bare_error_is_told_by_its_name_and_place() -> None:
    @mutation
    def fails(ctx: Any) -> None:
        raise ValueError

    def calls(world: World) -> None:
        world.client("a").mutation(api.m.fails)

    (call,) = Simulation(scenario(app=define_app({"m": {"fails": fails}}))(calls)).run().calls
    assert (call.error or "").startswith("ValueError (test_misuse.py:")


def test_explorers_are_still_taken() -> None:
    assert audit(world(), RandomWalk(2)).runs == 2
