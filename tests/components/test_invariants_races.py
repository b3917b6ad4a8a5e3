"""The seven races of properties.md 4: which properties each breaks, in which release and under which fault model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import pytest

from components.batch_processor.properties.records import LAYOUTS
from convexsim import (
    Faults,
    Invariant,
    Lockstep,
    PastInvariant,
    Platform,
    RandomWalk,
    Scenario,
    View,
    World,
    api,
    check,
)
from convexsim.invariants import judge
from tests.components.invariants_support import FAILS, UNTIMED, Body, add, asked, runs

RELEASED: Final = [version for version in LAYOUTS if version != "hardened"]


def one_item(on: World) -> None:
    """Only time flushes it."""
    add(on, "ann", "x")


def three_items(on: World) -> None:
    """As many as the threshold, in one call."""
    add(on, "ann", 1, 2, 3)


def twenty_adds(on: World) -> None:
    """Of twenty clients, with one item each."""
    for number in range(20):
        add(on, f"client{number}", number)


def add_during_a_flush(on: World) -> None:
    """A flush that fails, and an add at the same moment."""
    add(on, "ann", 1, 2, 3)
    on.client("bob").wait(0)
    add(on, "bob", 4)


def resumed(on: World) -> None:
    """A job that is paused and resumed while its next step is pending."""
    ann = on.client("ann")
    ann.mutation(api.driver.seed_rows, {"n": 3})
    ann.mutation(api.driver.start_iterator, {"jobId": "j", "config": {"batchSize": 1}})
    for wait_ms, name in ((50, "pause"), (50, "resume")):
        ann.wait(wait_ms)
        ann.mutation(f"driver:{name}Iterator", {"jobId": "j"})


def two_batches(on: World) -> None:
    """Nothing is wrong but the clock."""
    add(on, "alice", 1)
    add(on, "alice", 2)
    on.client("alice").wait(1)
    add(on, "alice", 3, 4)


WALKS: Final = {"R1": 1, "R2": 1, "R3": 25, "R4": 1, "R5": 40, "R6": 40, "R7": 25}
"""How many runs show all that there is to see."""

TREE: Final = Platform(self_cancel="tree")
RACES: Final[Mapping[str, tuple[Body, Mapping[str, Any]]]] = {
    "R1": (one_item, {"model": "M", "platform": TREE}),
    "R2": (one_item, {"model": "UM", "platform": TREE, "plan": [FAILS]}),
    "R3": (three_items, {"model": "C", "faults": Faults(crashes=1), "config": UNTIMED}),
    "R4": (twenty_adds, {"config": {"maxBatchSize": 1_000, "flushIntervalMs": 0}}),
    "R5": (add_during_a_flush, {"model": "U", "plan": [FAILS], "config": UNTIMED}),
    "R6": (resumed, {}),
    "R7": (
        two_batches,
        {
            "model": "K",
            "faults": Faults(skewed=1, skews_ms=[5_000]),
            "terms": {"skew_ms": 5_000},
            "config": {"maxBatchSize": 2, "flushIntervalMs": 0},
        },
    ),
}
"""Each race as a world, and what is special about it."""

SEQUENCED: Final = RELEASED[2:]
"""The versions in which an id has several batches."""

BROKEN: Final[Mapping[str, Mapping[str, str]]] = {
    # The executor is born canceled: nobody ever delivers.
    "R1": dict.fromkeys(("1.0.5", "1.0.6"), "P7 P14 P16 P17"),
    # The retry timer is born canceled: the items were tried in time, and then never again.
    "R2": {**dict.fromkeys(("1.0.5", "1.0.6"), "P7 P14 P16 P17"), **dict.fromkeys(("1.0.7", "1.0.9"), "P11 P17")},
    # The executor dies, or the callback under it: then the batch accumulates again, with a whole threshold in it.
    "R3": {"0.1.0": "P15 P16", **dict.fromkeys(RELEASED[1:], "P15 P16 P17")},
    "R4": dict.fromkeys(RELEASED[:5], "P19"),
    # Without an interval nothing tries a failed batch again; in 0.x the add is refused.
    "R5": {"0.1.0": "P9 P15", "0.2.0": "P9 P15 P17", **dict.fromkeys(SEQUENCED, "P5 P15 P17")},
    # The second chain delivers again, and writes to a job that is completed.
    "R6": dict.fromkeys(("0.1.0", "1.0.9"), "P20 P24 P26"),
    # Later versions go on with what is left, but those that do not count have let too much come together.
    "R7": {
        **dict.fromkeys(("0.1.0", "0.2.0"), "P9"),
        "1.0.4": "P1 P2",
        **dict.fromkeys(("1.0.6", "1.0.7", "1.0.9"), "P8"),
    },
}
"""By race and version the properties that a walk finds broken; no other one is."""


def all_broken(one: Scenario, explorer: Any) -> str:
    """Return every promised property that some run breaks; none of them ends a run."""
    found: dict[str, None] = {}

    def noting(asked_for: Invariant) -> Callable[[View], None]:
        def note(view: View) -> None:
            if judge(asked_for, view, 0) is not None:
                found[asked_for.name.partition(" ")[0]] = None

        return note

    noted = [PastInvariant(each.name, each.when, each.sentence, noting(each)) for each in one.invariants]
    check(attrs.evolve(one, invariants=tuple(noted)), explorer)
    return " ".join(sorted(found, key=lambda number: int(number[1:])))


ITERATORS: Final = ("0.1.0", "1.0.9")
"""Two of the versions, all of which have one and the same iterator."""


@pytest.mark.parametrize(
    ("race", "version"), [(race, version) for race in RACES for version in (ITERATORS if race == "R6" else RELEASED)]
)
def test_each_race_breaks_what_it_is_known_to_break(race: str, version: str) -> None:
    body, special = RACES[race]
    explorer = Lockstep() if race == "R4" else RandomWalk(runs=WALKS[race], seed=1)
    assert all_broken(asked(version, body, until_ms=45_000, **special), explorer) == BROKEN[race].get(version, "")


def test_r2_the_first_timer_of_a_batch_is_no_retry() -> None:
    adding = [{"adds": {"batchId": "a", "items": ["y"]}}]
    born_dead = runs(asked("1.0.9", one_item, "R2", "P11", model="M", platform=TREE, plan=adding))
    assert born_dead == {"P11": "a::1 accumulates items and has 0 live timers"}
