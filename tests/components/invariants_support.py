"""What the tests of the named invariants share: worlds that are asked for them, and pasts put together by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from components.batch_processor import DELIVERIES, PLAN, PLANS, host_app
from components.batch_processor.invariants import invariant, invariants
from convexsim import MutationCtx, Run, Scenario, Simulation, View, World, api, scenario
from convexsim.invariants import judge
from tests.components.driver import Driver

Body = Callable[[World], None]

SMALL: Mapping[str, Any] = {"maxBatchSize": 3, "flushIntervalMs": 1_000}
UNTIMED: Mapping[str, Any] = {"maxBatchSize": 3, "flushIntervalMs": 0}
FAILS: Mapping[str, Any] = {"fail": "no"}


def add(world: World, client: str, *items: Any, batch_id: str = "a", **config: Any) -> None:
    """Have a client add items under an id, with a config of its own if one is given."""
    own = {"config": config} if config else {}
    world.client(client).mutation(api.driver.add_items, {"batchId": batch_id, "items": list(items), **own})


def asked(
    version: str,
    body: Body,
    *numbers: str,
    config: Mapping[str, Any] = SMALL,
    plan: Sequence[Any] = (),
    **world: Any,
) -> Scenario:
    """Return a world of a version that is asked for some properties, or for all that it is promised to hold.

    Args:
        version: of the component.
        body: what happens, besides the outside objects.
        numbers: of the properties.
        config: of the host app.
        plan: how the calls of processBatch end.
        world: ``model``, ``terms``, ``faults``, ``platform``, ``until_ms``, and plans of the other callbacks.

    """
    model, terms = world.pop("model", "N"), world.pop("terms", {})
    named = [invariant(number, version=version, model=model, **terms) for number in numbers]
    settings = {name: world.pop(name) for name in ("faults", "platform") if name in world}

    @scenario(
        app=host_app(version, config),
        invariants=named or invariants(version, model, **terms),
        until_ms=world.pop("until_ms", 100_000),
        **settings,
    )
    def asked_for_properties(on: World) -> None:
        on.external(DELIVERIES)
        for name in PLANS:
            on.external(name, plan if name == PLAN else world.get(name, ()))
        body(on)

    return asked_for_properties


def broken(run: Run) -> dict[str, str]:
    """Return what was violated, by its number, and what was said about it."""
    return {one.invariant.partition(" ")[0]: one.message for one in run.violations}


def runs(scenario: Scenario, **choices: Any) -> dict[str, str]:
    """Run a world once, serially unless there are other `choices`, and return what was violated."""
    return broken(Simulation(scenario, **choices).run())


def said(number: str, *moments: View, version: str = "1.0.5", model: str = "N", **terms: Any) -> str | None:
    """Return what a property says about the last of some moments that follow each other; None if it holds there."""
    for before, view in pairwise(moments):
        view.before = before
    violation = judge(invariant(number, version=version, model=model, **terms), moments[-1], 0)
    return None if violation is None else violation.message


def write(driver: Driver, handler: Callable[[MutationCtx], Any]) -> Any:
    """Change the component's documents by hand and return what came of it."""

    def by_hand(ctx: MutationCtx) -> Any:
        return handler(ctx)

    return driver.write(by_hand)
