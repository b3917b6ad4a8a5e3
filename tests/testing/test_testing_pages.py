"""README and docs/testing.md: their tests run as they stand, and the sessions show what the commands print."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

import pytest

from tests.pages import ROOT, Page, shows

pytest_plugins = "pytester"

PAGES: Final = [Page.read(ROOT / name) for name in ("README.md", "docs/testing.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_sessions_of_a_page_are_what_its_commands_print(
    page: Page, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p convexsim_pytest -o pythonpath=.")
    files = {**page.files, "play/seats.py": PAGES[0].block("example: two_buyers")}
    for path, text in files.items():
        (pytester.path / path).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / path).write_text(text, encoding="utf-8")
    sessions = [(line, shown) for line, shown in page.sessions if "pytest " in line]
    assert sessions
    for line, shown in sessions:
        output = "\n".join(pytester.runpytest_inprocess(*shlex.split(line)[1:]).outlines) + "\n"
        assert shows(shown, output), output


@pytest.mark.parametrize(
    ("excerpt", "output", "is_shown"),
    [
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nb\n", "a\nb\n", True),
        ("a (…)\n", "a (b (c))\n", True),
        ("a\n", "a\nb\n", False),
        ("…\nb\n", "a\nc\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_an_excerpt_leaves_out_what_it_says(excerpt: str, output: str, *, is_shown: bool) -> None:
    assert shows(excerpt, output) is is_shown


def test_the_first_property_test_of_the_readme_is_ten_lines() -> None:
    (path,) = [path for path in PAGES[0].files if Path(path).name.startswith("test_")]
    assert len([line for line in PAGES[0].files[path].splitlines() if line.strip()]) <= 10
