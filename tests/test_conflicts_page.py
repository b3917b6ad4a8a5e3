"""docs/conflicts.md: a sample of its figures is worked out again, and no row is missing."""

from __future__ import annotations

import re
from typing import Final

import pytest

from benchmarks.conflicts import CROWDS, REPORTED, VERSIONS, reported, row_of_orders, row_of_rates
from tests.pages import ROOT, Page

PAGE: Final = Page.read(ROOT / "docs" / "conflicts.md")


def table(name: str) -> list[str]:
    """Return the rows of a table of the page, without its head."""
    found = re.search(rf"<!-- table: {name} -->\n((?:\|.*\n)+)", PAGE.text)
    assert found is not None
    return found[1].splitlines()[2:]


def test_the_tables_have_all_versions_and_crowds() -> None:
    rows = [row.strip("| ").split(" | ") for row in table("orders")]
    assert [(version, int(adds)) for version, adds, *_ in rows] == [
        (each, adds) for each in VERSIONS for adds in CROWDS
    ]
    assert [row.strip("| ").split(" | ")[0] for row in table("rates")] == [*VERSIONS]


@pytest.mark.parametrize(("version", "clients"), [("1.0.3", 5), ("1.0.5", 10), ("1.0.6", 2), ("hardened", 5)])
def test_a_row_says_what_comes_of_it(version: str, clients: int) -> None:
    assert row_of_orders(version, clients) in table("orders")


def test_the_report_is_what_is_printed() -> None:
    assert PAGE.block("report") == f"{reported(*REPORTED)}\n"


def test_rates_are_what_the_model_says() -> None:
    report, rates = reported("1.0.5", 2), (1, 10, 25)
    (told,) = [row for row in table("rates") if row.startswith("| 1.0.5 ")]
    assert told.startswith(row_of_rates("1.0.5", report, rates).removesuffix(" |"))
