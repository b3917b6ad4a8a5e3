"""The state machine of the component: `hardened` passes, and releases are caught at their races, in few operations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from components.batch_processor.machine import BatchProcessorMachine
from convexsim import Faults, Platform

SETTINGS = settings(
    max_examples=60,
    stateful_step_count=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
)
TREE = Platform(self_cancel="tree")


def machine(**attributes: Any) -> type[BatchProcessorMachine]:
    return type("Machine", (BatchProcessorMachine,), attributes)


@pytest.mark.parametrize(
    "attributes",
    [{"model": "U"}, {"model": "UM", "platform": TREE}, {"model": "C", "faults": Faults(crashes=1, restarts=1)}],
    ids=["callbacks fail", "on a tree", "actions die"],
)
def test_hardened_holds(attributes: dict[str, Any]) -> None:
    calls: dict[str, int] = {}

    class Counted(machine(**attributes)):  # type: ignore[misc] # to mypy a class that is made is no base
        def teardown(self) -> None:
            super().teardown()
            for call in self.view.calls() if "world" in vars(self) else ():
                calls[str(call.name)] = calls.get(str(call.name), 0) + 1

    run_state_machine_as_test(Counted, settings=SETTINGS)
    expected = ("addItems", "flush", "startIterator", "pauseIterator", "resumeIterator", "cancelIterator")
    assert [name for name in expected if not calls.get(f"driver:{name}")] == []


@pytest.mark.parametrize(
    ("attributes", "broken", "most_calls"),
    [
        ({"version": "1.0.5", "model": "M", "platform": TREE}, ("P7",), 1),
        ({"version": "0.2.0", "half": "iterator"}, ("P24",), 1),
    ],
    ids=["1.0.5 on a tree", "0.2.0"],
)
def test_a_release_is_caught_and_shrunk_to_few_operations(
    attributes: dict[str, Any], broken: tuple[str, ...], most_calls: int
) -> None:
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(machine(**attributes), settings=SETTINGS)
    said = str(caught.value)
    assert said.partition(" ")[0] in broken
    assert 1 <= said.count("world.call(") <= most_calls
