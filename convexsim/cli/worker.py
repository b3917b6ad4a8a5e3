"""A worker: a process that explores the blocks it is given, one after the other.

Owns the life of such a process: it imports the script by its path, so nothing of it has to be sent; reads an order from
its parent, and answers how many runs are done, then the tally. Ctrl-C is not its business. Who gives the orders stands
in `hands.py`, how they come in `processes.py`.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from convexsim.cli.chosen import with_faults
from convexsim.cli.patience import patience
from convexsim.cli.processes import Parent
from convexsim.explore.block import Block, Memories, Plan, Tally, explore_block
from convexsim.testing.scenario_file import explain, named, open_scenarios

if TYPE_CHECKING:
    from convexsim.simulation import Scenario

__all__ = ["TELLS_AFTER", "serve"]

TELLS_AFTER: Final = 20
"""Runs after which a worker says how far it is."""


def serve() -> None:
    """Explore blocks until the input ends; the first line says which script they are of."""
    _Worker().serve()


class _Worker:
    """One process: its orders, and whether the one at work is still wanted."""

    def __init__(self) -> None:
        self._parent: Final = Parent()
        self._orders: Final[SimpleQueue[dict[str, Any]]] = SimpleQueue()
        self._memories: Final = Memories()
        self._stopped = 0
        self._number = 0

    def serve(self) -> None:
        script = self._parent.first()
        self._parent.listen(self._hear)
        with ExitStack() as stack:
            stack.enter_context(patience())
            try:
                found = stack.enter_context(open_scenarios(Path(script["path"])))
                scenarios = with_faults(found, script["faults"])
            except BaseException as error:  # noqa: BLE001 - whatever a script raises
                self._refuse_all(explain(error))
            while True:
                self._carry_out(self._orders.get(), scenarios)

    def _hear(self, told: dict[str, Any]) -> None:
        if "stop" in told:
            self._stopped = told["stop"]
        else:
            self._orders.put(told)

    def _refuse_all(self, why: str) -> None:
        while True:
            block = self._orders.get()["block"]
            self._parent.say({"tally": Tally(block["number"], block["runs"], error=why).to_json()})

    def _carry_out(self, order: dict[str, Any], scenarios: list[Scenario]) -> None:
        self._number = order["number"]
        block = Block(**order["block"])
        try:
            scenario = named(scenarios, order["scenario"])
            tally = explore_block(scenario, Plan(**order["plan"]), block, self._look, self._memories.of(scenario))
        except BaseException as error:  # noqa: BLE001 - whatever a script raises
            tally = Tally(block.number, block.runs, error=explain(error))
        self._parent.say({"tally": tally.to_json()})

    def _look(self, runs: int) -> None:
        if self._stopped == self._number:
            raise KeyboardInterrupt
        if runs % TELLS_AFTER == 0:
            self._parent.say({"runs": runs})
