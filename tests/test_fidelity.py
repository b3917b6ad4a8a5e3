"""docs/fidelity.md: each row says something, and each test that it names exists.

The page is what users trust, so it is read here as they read it: section by section, row by row. Whether a named test
really holds its rule, only people can tell; that it is there, this file can. Tests are looked up by `ast`, not run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

TESTS: Final = Path(__file__).parent
PAGE: Final = (TESTS.parent / "docs" / "fidelity.md").read_text(encoding="utf-8")
SECTIONS: Final = (
    "0", "1.1", "1.2", "1.3", "1.4", "2", "3.1", "3.2", "3.3", "3.4", "4", "5.1", "5.2", "5.3", "6.1", "6.2", "6.3",
    "7", "8", "9", "11",
)  # fmt: skip
STATUSES: Final = ("modelled", "partly", "not")
HEAD: Final = ("rule", "status", "test, or what differs and why")
AWAITED: Final = "TODO-MERGE: "
"""What stands in a row whose rule is still being built: never on the page that users get."""

# ----------------------------------------------------------------------------------------------------- reading the page


@frozen
class Row:
    """One rule of the page."""

    section: str
    rule: str
    status: str
    remark: str

    @property
    def tests(self) -> list[str]:
        """The tests that it names."""
        return re.findall(r"`([^`]*\.py::[^`]*)`", self.remark)

    @property
    def words(self) -> str:
        """What it says besides."""
        return re.sub(r"`[^`]*\.py::[^`]*`", "", self.remark).strip()


def cells_of(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|"))


def rows_of(page: str) -> Iterator[Row]:
    """Yield the rows of all tables; a row without three cells has an empty status."""
    section = ""
    for line in page.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ").split(" ")[0].rstrip(".")
        elif line.startswith("|") and not line.startswith("|---"):
            cells = cells_of(line)
            if cells != HEAD:
                yield Row(section, *cells) if len(cells) == len(HEAD) else Row(section, line, "", "")


# ----------------------------------------------------------------------------------------------------------- the checks


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the tests of a file: its functions, classes, and methods as ``Class::method``."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names.update(f"{node.name}::{part.name}" for part in node.body if isinstance(part, ast.FunctionDef))
    return frozenset(name for name in names if name.split("::")[-1].lower().startswith("test"))


def missing(test: str) -> bool:
    """Tell whether a test as the page names it, ``path::name`` or ``path::name[id]``, is not there."""
    file, _, name = test.partition("::")
    name, bracket, case = name.partition("[")
    path = TESTS / file
    if not path.is_file() or name not in names_in(path):
        return True
    return bool(bracket) and f'"{case.removesuffix("]")}"' not in path.read_text(encoding="utf-8")


def wrong_status(rows: list[Row]) -> list[str]:
    return [row.rule for row in rows if row.status not in STATUSES]


def without_test(rows: list[Row]) -> list[str]:
    return [row.rule for row in rows if row.status in ("modelled", "partly") and not row.tests]


def without_word(rows: list[Row]) -> list[str]:
    return [row.rule for row in rows if row.status != "modelled" and not row.words]


def missing_tests(rows: list[Row]) -> list[str]:
    return [test for row in rows for test in row.tests if missing(test)]


def duplicates(rows: list[Row]) -> list[str]:
    rules = [row.rule.lower() for row in rows]
    return sorted({rule for rule in rules if rules.count(rule) > 1})


def missing_sections(rows: list[Row]) -> list[str]:
    return [section for section in SECTIONS if section not in {row.section for row in rows}]


def unknown_sections(rows: list[Row]) -> list[str]:
    return sorted({row.section for row in rows} - set(SECTIONS))


def still_awaited(rows: list[Row]) -> list[str]:
    return [row.rule for row in rows if AWAITED in row.remark]


Check = Callable[[list[Row]], list[str]]
CHECKS: Final[tuple[Check, ...]] = (
    wrong_status, without_test, without_word, missing_tests, duplicates, missing_sections,
    unknown_sections, still_awaited,
)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
def test_the_page_is_sound(check: Check) -> None:
    assert check(list(rows_of(PAGE))) == []


def test_the_page_is_read_to_its_end() -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    assert len(list(rows_of(PAGE))) == len(lines) - len(SECTIONS)  # every table has one head
    assert len(lines) > 200


# ------------------------------------------------------------------------------------------------------ the checks bite

GOOD = "| it holds | modelled | `test_fidelity.py::test_the_page_is_sound` |"
BITES: dict[str, tuple[Check, str]] = {
    "a status of another kind": (wrong_status, "| it holds | yes | `test_fidelity.py::test_each_check_bites` |"),
    "no status at all": (wrong_status, "| it holds | `test_fidelity.py::test_each_check_bites` |"),
    "a claim without a test": (without_test, "| it holds | modelled | everybody knows |"),
    "half a claim without a test": (without_test, "| it holds | partly | not on Mondays |"),
    "half a claim without a word": (without_word, "| it holds | partly | `test_fidelity.py::test_each_check_bites` |"),
    "no reason": (without_word, "| it does not hold | not | |"),
    "a test that is gone": (missing_tests, "| it holds | modelled | `test_fidelity.py::test_gone` |"),
    "a file that is gone": (missing_tests, "| it holds | modelled | `test_gone.py::test_each_check_bites` |"),
    "a helper that is no test": (missing_tests, "| it holds | modelled | `test_fidelity.py::cells_of` |"),
    "a case that is gone": (missing_tests, "| it holds | modelled | `test_fidelity.py::test_each_check_bites[a {}]` |"),
    "the same rule twice": (duplicates, f"{GOOD}\n{GOOD}"),
    "a section without rows": (missing_sections, GOOD),
    "a row outside of every section": (unknown_sections, f"## 10. The mock\n{GOOD}"),
    "a row that waits": (still_awaited, "| it holds | partly | TODO-MERGE: soon. |"),
}


@pytest.mark.parametrize("case", BITES)
def test_each_check_bites(case: str) -> None:
    check, table = BITES[case]
    assert check(list(rows_of(f"## 0. First\n| {' | '.join(HEAD)} |\n|---|---|---|\n{table}")))


def test_no_check_goes_untested() -> None:
    assert {check for check, _ in BITES.values()} == set(CHECKS)


def test_a_good_page_passes() -> None:
    sections = [f"## {section}. Name\n{GOOD.replace('it holds', f'{section} holds')}" for section in SECTIONS]
    rows = list(rows_of("\n".join(sections)))
    assert [check(rows) for check in CHECKS] == [[]] * len(CHECKS)
    assert rows[0] == Row("0", "0 holds", "modelled", "`test_fidelity.py::test_the_page_is_sound`")
    case = Row("0", "r", "modelled", "`test_fidelity.py::test_each_check_bites[no reason]`")
    assert missing_tests([case]) == []
