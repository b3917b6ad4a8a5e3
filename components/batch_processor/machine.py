"""A state machine of Hypothesis for the component: clients do whatever its API lets them do, judged by its properties.

Owns the rules, one for each thing that a client can do to batches and to jobs. How a world is led on, and in which
order, is every machine's (`convexsim.testing.machine`); what must hold stands in `invariants.py`. A subclass says which
version it is, and what may go wrong::

    class Machine(BatchProcessorMachine):
        version = "1.0.5"


    TestMachine = Machine.TestCase
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from components.batch_processor.host_app import host_app
from components.batch_processor.host_callbacks import DELIVERIES, PLAN, PLANS
from components.batch_processor.invariants import Half, invariants
from convexsim import Component, Faults, Platform, World, scenario
from convexsim.testing.machine import WorldMachine, of_machine

__all__ = ["BatchProcessorMachine"]

_UNTIL_MS: Final = 400_000
_SIZE: Final = 3
_MOST_ROWS: Final = 4
_ENDS: Final = ("ok", {"fail": "no"})
_IDS: Final = ("a", "b", "a::x")
_JOBS: Final = ("j", "k")
_CONFIGS: Final = ({"flushIntervalMs": 1_000, "maxBatchSize": _SIZE}, {"flushIntervalMs": 0, "maxBatchSize": _SIZE})


@cache
def _app(version: str, config: str) -> Component:
    """Return the app with a config, which all examples share: an app takes longer to make than to run."""
    return host_app(version, json.loads(config))


def _plans(machine: BatchProcessorMachine) -> st.SearchStrategy[list[Any]]:
    """Return how the first calls of a callback end: well, unless the model lets them fail."""
    return st.lists(st.sampled_from(_ENDS), max_size=_SIZE) if "U" in machine.model else st.just([])


class BatchProcessorMachine(WorldMachine):
    """A host app with the component, whose clients add, flush, delete, and start and steer jobs.

    Items are distinct values, as the properties want them.

    Attributes:
        version: of the component.
        model: what may go wrong, as `invariants` is told: with U callbacks may fail.
        half: of the component, if only one is to be judged; clients go on using both.
        platform: on which it runs; with M one on which a function that cancels itself is canceled, or refused.
        faults: what else may go wrong.

    """

    version: ClassVar[str] = "hardened"
    model: ClassVar[str] = "U"
    half: ClassVar[Half | None] = None
    platform: ClassVar[Platform] = Platform()
    faults: ClassVar[Faults] = Faults()
    waits_ms = (1_000, 500, 30_000)

    def __init__(self) -> None:
        super().__init__()
        self._items = 0

    @initialize(
        config=st.sampled_from(_CONFIGS),
        plan=of_machine(_plans),
        hook=of_machine(_plans),
        rows=st.integers(0, _MOST_ROWS),
    )
    def deploy(self, config: Mapping[str, Any], plan: list[Any], hook: list[Any], rows: int) -> None:
        """Deploy the app with a config; say how callbacks end, and how many rows there are to go through."""

        @scenario(
            app=_app(self.version, json.dumps(config)),
            invariants=invariants(self.version, self.model, half=self.half),
            platform=self.platform,
            faults=self.faults,
            until_ms=_UNTIL_MS,
        )
        def machine(world: World) -> None:
            world.external(DELIVERIES)
            for name in PLANS:
                world.external(name, {PLAN: plan, "onComplete": hook}.get(name, ()))
            if rows:
                world.client("host").mutation("driver:seedRows", {"n": rows})

        self.scenario = machine

    def _do(self, client: str, function: str, **args: Any) -> None:
        self.make(client, f"driver:{function}", args)

    @rule(client=st.sampled_from(WorldMachine.clients), batch=st.sampled_from(_IDS), count=st.integers(0, _SIZE + 2))
    def add(self, client: str, batch: str, count: int) -> None:
        """Add items under an id: none, one, as many as the threshold, or more."""
        items = [f"item {self._items + number}" for number in range(1, count + 1)]
        self._items += count
        self._do(client, "addItems", batchId=batch, items=items)

    @rule(client=st.sampled_from(WorldMachine.clients), batch=st.sampled_from(_IDS))
    def flush(self, client: str, batch: str) -> None:
        """Flush an id."""
        self._do(client, "flush", batchId=batch)

    @rule(client=st.sampled_from(WorldMachine.clients), batch=st.sampled_from([*_IDS, "a::0", "a::1"]))
    def delete(self, client: str, batch: str) -> None:
        """Delete a batch, by the id or by its name."""
        self._do(client, "deleteBatch", batchId=batch)

    @rule(
        client=st.sampled_from(WorldMachine.clients),
        job=st.sampled_from(_JOBS),
        size=st.integers(1, 2),
        delay_ms=st.sampled_from([0, 500]),
    )
    def start(self, client: str, job: str, size: int, delay_ms: int) -> None:
        """Start a job that goes through the rows, page by page, and has a hook at its end."""
        config = {"batchSize": size, "delayBetweenBatchesMs": delay_ms, "maxRetries": 2, "onComplete": "onComplete"}
        self._do(client, "startIterator", jobId=job, config=config)

    @rule(
        client=st.sampled_from(WorldMachine.clients),
        job=st.sampled_from(_JOBS),
        how=st.sampled_from(["pauseIterator", "resumeIterator", "cancelIterator", "deleteIteratorJob"]),
    )
    def steer(self, client: str, job: str, how: str) -> None:
        """Pause, resume, cancel or delete a job."""
        self._do(client, how, jobId=job)
