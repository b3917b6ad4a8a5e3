"""Hands: who explores the blocks of campaigns, this process alone or several others.

Owns who is free, who has which block, and what becomes of a block whose worker dies. What such a process does stands in
`worker.py`, how one talks to it in `processes.py`, which block is next in `explore/campaign.py`. Used by `courses.py`.
"""

from __future__ import annotations

import selectors
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from attrs import asdict, frozen

from convexsim.cli.processes import Child
from convexsim.cli.worker import serve
from convexsim.errors import UsageError
from convexsim.explore.block import Memories, Tally, explore_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.explore.block import Block
    from convexsim.explore.campaign import Campaign

__all__ = ["Alone", "Order", "Watch", "Workers"]

_LOOKS_S: Final = 0.1
_GRACE_S: Final = 0.5
"""How long a worker may take to end the run it is at, when its block is not wanted any more."""


@frozen(eq=False)
class Order:
    """A block that somebody is to explore; `at` says which campaign of the command it is of."""

    campaign: Campaign
    at: int
    block: Block


class Watch(Protocol):
    """Whoever follows the work."""

    def see(self, order: Order, runs: int) -> None:
        """Be told that so many runs of an order are done."""
        ...

    def wants(self, order: Order) -> bool:
        """Whether an order is still to be carried out."""
        ...


class Alone:
    """This process by itself: one order at a time."""

    def __init__(self) -> None:
        self.at_work: list[Order] = []
        self._memories = Memories()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody is to be sent home."""

    @property
    def is_free(self) -> bool:
        """Whether there is somebody for one more order."""
        return not self.at_work

    def give(self, order: Order) -> None:
        """Give an order."""
        self.at_work.append(order)

    def done(self, watch: Watch) -> Iterator[tuple[Order, Tally]]:
        """Carry out what was given."""
        while self.at_work:
            order = self.at_work[0]
            scenario, plan, look = order.campaign.scenario, order.campaign.plan, partial(_look, watch, order)
            yield order, explore_block(scenario, plan, order.block, look, self._memories.of(scenario))
            self.at_work.pop()


def _look(watch: Watch, order: Order, runs: int) -> None:
    watch.see(order, runs)
    if not watch.wants(order):
        raise KeyboardInterrupt


class Workers:
    """So many processes of their own.

    Args:
        count: how many.
        script: what each is told at first: the path of the scenarios, and their faults.

    """

    def __init__(self, count: int, script: dict[str, Any]) -> None:
        self._script: Final = script
        self._selector: Final = selectors.DefaultSelector()
        self._workers: Final = [_Worker(script) for _ in range(count)]
        for worker in self._workers:
            self._selector.register(worker.process.answers, selectors.EVENT_READ, worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._selector.close()

    @property
    def at_work(self) -> list[Order]:
        """The orders that are not done."""
        return [worker.order for worker in self._workers if worker.order is not None]

    @property
    def is_free(self) -> bool:
        """Whether there is somebody for one more order."""
        return any(worker.order is None for worker in self._workers)

    def give(self, order: Order) -> None:
        """Give an order."""
        next(worker for worker in self._workers if worker.order is None).begin(order)

    def done(self, watch: Watch) -> Iterator[tuple[Order, Tally]]:
        """Wait a moment, and return what came of orders meanwhile; those that are not wanted any more are dropped.

        Raises:
            UsageError: two workers have died in one block.

        """
        for key, _ in self._selector.select(_LOOKS_S):
            worker: _Worker = key.data
            order = worker.order
            for told in worker.process.heard():
                if order is not None and "runs" in told:
                    watch.see(order, told["runs"])
                elif order is not None:
                    worker.order = None
                    yield order, Tally.from_json(told["tally"])
            if worker.process.is_dead:
                self._replace(worker, watch)
        for worker in self._workers:
            if worker.order is not None and not watch.wants(worker.order) and worker.is_late():
                worker.process.kill()

    def _replace(self, worker: _Worker, watch: Watch) -> None:
        """Let another worker explore the block of one that died, if that is wanted and is the first time."""
        self._selector.unregister(worker.process.answers)
        order, deaths = worker.order, worker.deaths + 1
        code = worker.end()
        wanted = order is not None and watch.wants(order)
        if order is not None and wanted and deaths > 1:
            where = f"block {order.block.number} of {order.campaign.scenario.name}"
            msg = f"A worker has died in {where}, and so has another one: {_how(code)}."
            raise UsageError(msg, next_step="Look for what ends the process there; --workers 1 explores without any.")
        fresh = _Worker(self._script)
        self._workers[self._workers.index(worker)] = fresh
        self._selector.register(fresh.process.answers, selectors.EVENT_READ, fresh)
        if order is not None and wanted:
            fresh.begin(order)
            fresh.deaths = deaths


class _Worker:
    """One process, and its order; `deaths` counts those who had that order before."""

    def __init__(self, script: dict[str, Any]) -> None:
        self.process: Final = Child(serve)
        self.order: Order | None = None
        self.deaths = 0
        self._number = 0
        self._late_at: float | None = None
        self.process.say(script)

    def begin(self, order: Order) -> None:
        """Send an order."""
        self.order = order
        self.deaths = 0
        self._number += 1
        self._late_at = None
        told = {"number": self._number, "scenario": order.campaign.scenario.name}
        self.process.say({**told, "plan": asdict(order.campaign.plan), "block": asdict(order.block)})

    def is_late(self) -> bool:
        """Ask the process to end its block, and say whether that was asked long ago."""
        if self._late_at is None:
            self.process.say({"stop": self._number})
            self._late_at = monotonic() + _GRACE_S
        return monotonic() > self._late_at

    def end(self) -> int:
        """Send it home, whatever it does, and return its exit code."""
        self.process.kill()
        return self.process.end()


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
