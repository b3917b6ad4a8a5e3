"""What the benchmarks' figures rest on: that the yardstick does the same work, and that searches say how they end.

Nothing here is timed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from benchmarks.adding import EXTERNALS, adding, calls
from benchmarks.memory import censuses
from benchmarks.plain import PlainWorld
from benchmarks.search import Search, searched
from convexsim import Run, Simulation, View
from convexsim.choices import Kind, Option, RandomChoices, Taken, root_of

SEEDS = range(25)

# ------------------------------------------------------------------------------------------------ the yardstick


class Following:
    """Goes the way of a run of the runtime: whoever had a turn there has it here, among as many as there."""

    def __init__(self, run: Run) -> None:
        self.left: Iterator[Taken] = iter(run.record.labelled())

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        taken = next(self.left)
        assert (kind, len(options)) == (taken.kind, taken.count)
        if kind == "backoff":
            return taken.index
        return [root_of(option.activity) for option in options].index(root_of(taken.activity))


def left_behind(view: View) -> dict[str, Any]:
    """Return all documents of a world, those of scheduled functions too, and what was delivered."""
    tables = {f"{path}/{name}": view.documents(name, path) for path, name in view.tables()}
    scheduled = {path: view.scheduled_functions(path) for path in ("", "batchProcessor")}
    return {**tables, "scheduled": scheduled, "outside": [view.external(name) for name in EXTERNALS], "now": view.now}


@pytest.mark.parametrize("version", ["1.0.5", "1.0.6"])
def test_the_same_choices_lead_the_yardstick_to_the_same_documents(version: str) -> None:
    world, conflicts, ends = adding(version), 0, set()
    for seed in SEEDS:
        run = Simulation(world, RandomChoices(seed), trace=False).run()
        following = Following(run)
        plain = PlainWorld(world.app.catalog(), EXTERNALS, following)
        plain.run(calls(3, flush=True))
        left = left_behind(View(plain.environment, plain.database, [], plain.now))
        assert left == left_behind(run.view)
        assert next(following.left, None) is None
        conflicts += any(taken.kind == "backoff" for taken in run.record.labelled())
        ends.add((plain.now, len(left["outside"][1])))
    assert conflicts > 0
    assert len(ends) > 1  # by the flush, by the timer, in two parts


# ------------------------------------------------------------------------------------------- searches and memory


def test_a_search_says_its_runs_and_traces_or_that_it_is_not_finished(capsys: pytest.CaptureFixture[str]) -> None:
    two = Search("1.0.6", 2, flush=False, level=3)
    ended = searched(two, cap=1_000)
    assert (ended["runs"], ended["traces"], ended["finished"]) == (6, 6, True)
    assert searched(two, cap=5)["finished"] is False
    first, second = capsys.readouterr().out.splitlines()
    assert "6 runs" in first
    assert "not finished" not in first
    assert "not finished after 5 runs" in second


def test_memory_is_counted_at_a_hundredth_a_tenth_and_the_end() -> None:
    assert [each["runs"] for each in censuses(100)] == [1, 10, 100]
