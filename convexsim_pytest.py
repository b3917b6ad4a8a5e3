"""The pytest plugin of convexsim: its options, and one line about the tests that are explored.

It stands outside of the package because pytest loads it in every session: importing anything of `convexsim` imports all
of it, and the tests of other people do not wait for that. What it does with explored tests, from the first one on, is
in `convexsim/testing/pytest_plugin.py`. (Hypothesis keeps its own plugin outside for the same reason.)
"""

from __future__ import annotations

from typing import Final

import pytest

__all__ = ["pytest_addoption", "pytest_collection_modifyitems", "pytest_configure"]

_OPTIONS: Final = {
    "--sim-runs": ("N", "make up to N runs of each explored scenario, whatever the test says"),
    "--sim-seed": ("N", "let explorers draw from this seed, whatever the test says"),
    "--sim-replay": ("STRING", "repeat one run of one test, the string that its failure printed"),
    "--sim-report": ("DIR", "write the story and the trace of each failure into a folder"),
}
_EXPLORED: Final = "convexsim_explored"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("convexsim", "convexsim, tests that are explored over many orders")
    for option, (given, what) in _OPTIONS.items():
        group.addoption(option, metavar=given, help=what)


def pytest_configure(config: pytest.Config) -> None:
    """Count what is explored, and refuse an option that is wrong at once."""
    config.pluginmanager.register(Summary(), "convexsim_summary")
    if any(config.getoption(option) is not None for option in _OPTIONS):
        _load(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Load the rest if there is anything to explore."""
    if any(hasattr(getattr(item, "obj", None), "convexsim_explores") for item in items):
        _load(config)


def _load(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin(_EXPLORED):
        from convexsim.testing.pytest_plugin import ExploredTests

        config.pluginmanager.register(ExploredTests(config), _EXPLORED)


class Summary:
    """Adds up what reports say of explorations, also those of the workers of pytest-xdist."""

    def __init__(self) -> None:
        self._counts = [0, 0, 0]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take one report into account."""
        counts = report.__dict__.get("convexsim", (0, 0, 0))
        self._counts = [total + count for total, count in zip(self._counts, counts, strict=True)]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it in a line."""
        if self._counts[0]:
            named = zip(self._counts, ("scenario", "run", "finding"), strict=True)
            told = ", ".join(f"{count:,} {what}{'' if count == 1 else 's'}" for count, what in named)
            terminalreporter.write_line(f"convexsim: {told}")
