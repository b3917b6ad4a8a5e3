"""A page that is open in Chromium, for tests of pages: where there is none, they are skipped by their names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM: Final = shutil.which("chromium")
NEEDED: Final = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: Debian has it as a package")
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class OpenPage:
    """A page that is open, and everything about it that must not be."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.faults: list[str] = []
        self.tab = browser.new_page(**options)
        self.tab.on("console", lambda said: self.faults.append(said.text))
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("request", self._asked)
        self.tab.goto(path.as_uri())

    def _asked(self, request: Any) -> None:
        if not request.url.startswith("file:"):
            self.faults.append(request.url)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tab.keyboard.press(key)

    def text(self, selector: str) -> str:
        return str(self.tab.locator(selector).inner_text())

    @property
    def selected(self) -> int:
        return int(self.tab.locator(".moment.selected").get_attribute("data-moment"))


@contextmanager
def chromium() -> Iterator[Any]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()
