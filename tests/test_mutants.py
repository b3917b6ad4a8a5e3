"""The mutation check's own tests: its table never rots, its rules find what they are for. `make mutants` runs it.

No mutant is tried here.
"""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from benchmarks.mutants.mutant import Mutant
from benchmarks.mutants.operators import edits_of, sampled
from benchmarks.mutants.table import MUTANTS
from benchmarks.mutants.trial import ROOT

SOURCES = {mutant.file: (ROOT / mutant.file).read_text(encoding="utf-8") for mutant in MUTANTS}
PAGE = ROOT / "docs" / "mutants.md"


def test_every_row_still_fits_its_source() -> None:
    for mutant in MUTANTS:
        assert mutant.applied(SOURCES[mutant.file]) != SOURCES[mutant.file]


def test_every_row_names_tests_that_are_there() -> None:
    named = {test.partition("::")[0] for mutant in MUTANTS for test in mutant.tests}
    assert [test for test in sorted(named) if not (ROOT / test).is_file()] == []
    assert [mutant.what for mutant in MUTANTS if not mutant.tests] == []


def test_no_two_rows_are_the_same_edit() -> None:
    counted = Counter((mutant.file, mutant.old, mutant.new) for mutant in MUTANTS)
    assert [edit for edit, count in counted.items() if count > 1] == []


def test_every_row_is_in_the_kill_table_and_none_is_left_to_be_looked_into() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [mutant.what for mutant in MUTANTS if f"| {mutant.what.replace('|', chr(92) + '|')} |" not in page] == []
    assert ", 0 to be looked into." in page


@pytest.mark.parametrize(("old", "new"), [("one", "two"), ("a", "b"), ("b = 1", "b = 1")])
def test_a_row_that_does_not_fit_is_refused(old: str, new: str) -> None:
    with pytest.raises(ValueError, match=r"file.py: .* mend the row"):
        Mutant("file.py", old, new, "it is wrong", ()).applied("a = 1\nb = 1\na = 2\n")


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("f(a < b)", ["f((a <= b))", "pass"]),
        ("f(a == b and c)", ["f((a == b or c))", "f((a != b) and c)", "pass"]),
        ("x = a + 1", ["x = (a - 1)", "x = a + 2"]),
        ("if a:\n    b()", ["if True:\n    b()", "if False:\n    b()", "if a:\n    pass"]),
        ("x = not a", ["x = (a)"]),
        ("x = a if b else c", ["x = (a)", "x = (c)"]),
        ("a.b = c", ["pass"]),
        ("def f(a: int = 1) -> None:\n    raise a", ["def f(a: int = 1) -> None:\n    pass"]),
        ('assert a < b, f"{a + 1}"\nx: A[1]', []),
        ("class C:\n    a: int = field(default=1)", []),
        ('x = "ä" < y', ["x = ('ä' <= y)"]),
    ],
)
def test_the_rules_find_every_small_edit(source: str, wrong: list[str]) -> None:
    found = [source[:start] + new + source[end:] for start, end, new, _ in edits_of(source)]
    assert sorted(found) == sorted(wrong)


def test_a_sample_is_the_same_every_time_and_fits() -> None:
    file = "convexsim/database/commit.py"
    sample = sampled(file, SOURCES[file], 10, ())
    assert len({mutant.what for mutant in sample}) > 5
    assert sample == sampled(file, SOURCES[file], 10, ())
    for mutant in sample:
        ast.parse(mutant.applied(SOURCES[file]))
