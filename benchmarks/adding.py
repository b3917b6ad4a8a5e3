"""The world of the component's benchmarks: so many adds to one batch, a flush, and the timer that the batch starts.

Each add and the flush are a client of their own, so they race, and what time flushes is what they have left behind. Of
three adds of one item each the last one reaches the host app's threshold of three in versions that count what is
stored, up to 1.0.5; from 1.0.6 on no call brings a whole threshold.
"""

from __future__ import annotations

from typing import Any, Final

from components.batch_processor import DELIVERIES, PLAN, host_app
from convexsim import Scenario, World, scenario

__all__ = ["EXTERNALS", "adding", "calls"]

EXTERNALS: Final = (PLAN, DELIVERIES)

Calls = list[tuple[str, str, dict[str, Any]]]
"""Clients with the one mutation that each of them makes, by its path."""


def calls(adds: int, *, flush: bool) -> Calls:
    """Return who calls what."""
    made: Calls = [(f"c{n}", "driver:addItems", {"batchId": "a", "items": [f"item {n}"]}) for n in range(adds)]
    return [*made, ("flusher", "driver:flush", {"batchId": "a"})] if flush else made


def adding(version: str, adds: int = 3, *, flush: bool = True) -> Scenario:
    """Return the world for a version of the component, in its host app."""

    @scenario(app=host_app(version))
    def accumulating(world: World) -> None:
        for name in EXTERNALS:
            world.external(name)
        for client, path, args in calls(adds, flush=flush):
            world.client(client).mutation(path, args)

    return accumulating
