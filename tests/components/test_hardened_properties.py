"""`hardened` keeps P1 to P31 under every fault model, in random orders of worlds that do all that clients can do.

The exceptions are those of properties.md 2. A job's own worlds stand in `hardened_iterator_scenarios.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from attrs import field, frozen

from components.batch_processor import DELIVERIES, PLANS, host_app
from components.batch_processor.invariants import invariants
from convexsim import Faults, Platform, RandomWalk, Report, World, api, check, scenario, serializable
from tests.components.hardened_iterator_scenarios import STORIES

FAIL: Final = {"fail": "no"}
CONFIG: Final = {"maxBatchSize": 3, "flushIntervalMs": 1_000}
OTHERS: Final = ({"maxBatchSize": 2, "flushIntervalMs": 400}, {"immediateFlushThreshold": 4, "flushIntervalMs": 0})
Body = Callable[[World], None]


@frozen
class Model:
    """A fault model as a world has it.

    Attributes:
        letters: as `invariants` names it.
        faults: what goes wrong.
        self_cancel: what the platform does about functions that cancel themselves.
        parameters: what the properties allow for.
        plan: how the first deliveries end.

    """

    letters: str
    faults: Faults = field(factory=Faults)
    self_cancel: Any = "noop"
    parameters: Mapping[str, float] = field(factory=dict)
    plan: tuple[Any, ...] = ()


SKEW_MS: Final = 5_000
APART_MS: Final = 4 * 2 * SKEW_MS
"""By how much a delivery may be late: each of four functions on its way may be scheduled by a clock that is ahead of
one that is behind."""
MODELS: Final = {
    "nothing goes wrong": Model("N"),
    "tree": Model("M", self_cancel="tree"),
    "throw": Model("M", self_cancel="throw"),
    "callbacks fail": Model("U", plan=(FAIL, "ok", FAIL, FAIL)),
    "callbacks fail on a tree": Model("UM", self_cancel="tree", plan=(FAIL, "ok", FAIL)),
    "actions die": Model("C", Faults(crashes=3)),
    "restarts": Model("C", Faults(restarts=2)),
    "foreign commits": Model("O", Faults(conflicts=5), parameters={"epsilon_ms": 10_000}),
    "clocks differ": Model("K", Faults(skewed=4, skews_ms=[SKEW_MS, -SKEW_MS]), parameters={"skew_ms": APART_MS}),
    "everything": Model(
        "UCOKM",
        Faults(crashes=1, restarts=1, conflicts=2, skewed=2, skews_ms=[SKEW_MS, -SKEW_MS]),
        self_cancel="tree",
        parameters={"skew_ms": APART_MS, "epsilon_ms": 10_000},
        plan=(FAIL, "ok", FAIL),
    ),
}


def add(world: World, client: str, *items: str, to: str = "a", config: Mapping[str, Any] | None = None) -> None:
    """Let a client add items, by a config of its own if there is one."""
    own = {} if config is None else {"config": dict(config)}
    world.client(client).mutation(api.driver.add_items, {"batchId": to, "items": list(items), **own})


def adds_and_a_flush(world: World) -> None:
    """Three clients reach the threshold together, twice; another one flushes and looks."""
    for client in "xyz":
        add(world, client, f"{client}1")
        world.client(client).wait(1_000)
        add(world, client, f"{client}2")
    world.client("f").wait(1_000)
    world.client("f").mutation(api.driver.flush, {"batchId": "a"})
    world.client("f").query(api.driver.get_batch_status, {"batchId": "a"})


def configs_of_all_kinds(world: World) -> None:
    """Under one id there are three thresholds and three intervals, of which one is never."""
    for client, config in zip("xyz", (CONFIG, *OTHERS), strict=True):
        add(world, client, f"{client}1", f"{client}2", config=config)
        world.client(client).wait(300)
        add(world, client, f"{client}3", config=config)
    world.client("f").wait(500)
    world.client("f").mutation(api.driver.flush, {"batchId": "a"})


def many_at_once(world: World) -> None:
    """A mutation adds twice, another one throws after it has added; a call brings more than a threshold."""
    adds = [{"batchId": "a", "items": [f"m{number}"]} for number in range(2)]
    world.client("m").mutation(api.driver.add_many, {"adds": adds})
    world.client("n").mutation(api.driver.add_many, {"adds": [{"batchId": "a", "items": ["never"]}], "fail": "no"})
    add(world, "x", *(f"x{number}" for number in range(5)))
    add(world, "x", "late")


def two_ids_and_a_deletion(world: World) -> None:
    """Two ids beside each other; completed batches are deleted while others come."""
    for client, name in (("x", "a"), ("y", "b"), ("z", "a")):
        add(world, client, f"{client}1", to=name)
        world.client(client).wait(1_000)
        world.client(client).mutation(api.driver.delete_batch, {"batchId": name})
        add(world, client, f"{client}2", f"{client}3", f"{client}4", to=name)


WORLDS: Final = (adds_and_a_flush, configs_of_all_kinds, many_at_once, two_ids_and_a_deletion)


def explored(body: Body, model: Model, half: Any, runs: int) -> Report:
    """Explore a world in random orders under a fault model, and ask all that `hardened` promises there."""
    asked = [*invariants("hardened", model.letters, half=half, **model.parameters), serializable]
    platform = Platform(self_cancel=model.self_cancel)

    @scenario(app=host_app("hardened", CONFIG), invariants=asked, platform=platform, faults=model.faults)
    def world(on: World) -> None:
        body(on)

    return check(world, RandomWalk(runs=runs, seed=1), simplify=False)


@pytest.mark.parametrize("body", WORLDS)
@pytest.mark.parametrize("name", MODELS)
def test_the_accumulator_keeps_what_it_promises(name: str, body: Body) -> None:
    model = MODELS[name]

    def on(world: World) -> None:
        for plan in PLANS:
            world.external(plan, model.plan if plan == PLANS[0] else ())
        world.external(DELIVERIES)
        body(world)

    report = explored(on, model, "accumulator", 12)
    assert report.holds, str(report)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("name", MODELS)
def test_the_iterator_keeps_what_it_promises(name: str, story: str) -> None:
    report = explored(STORIES[story], MODELS[name], "iterator", 6)
    assert report.holds, str(report)
