"""The table of what is left of failures is what a measurement of today says."""

from __future__ import annotations

import pytest

from benchmarks.shrinking import HEAD, PAGE, Shrinking, measured, row, scenarios

MEASURED = ("lost_update", "write_skew", "crash_between")


@pytest.mark.parametrize("name", MEASURED)
def test_a_row_is_measured_again(name: str) -> None:
    (scenario,) = [each for each in scenarios() if each.name == name]
    assert row(name, measured(scenario)) in PAGE.read_text(encoding="utf-8")


def test_the_table_has_a_row_for_each() -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index(HEAD) + len(HEAD) :].partition("\n\n")[0]
    assert [line.split()[1] for line in table.splitlines()] == [each.name for each in scenarios()]


def test_a_row_tells_medians_and_the_largest_where_it_differs() -> None:
    found = [Shrinking((2, 2), (1, 1), 5, (1,)), Shrinking((4, 2), (1, 1), 8, (2,))]
    assert row("a", found) == "| a | 3 (4) | 2 | 1 | 1 | 6.5 (8) | 2 |\n"
