"""The documentation as a site: it builds without a warning, every link leads somewhere, every public name is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import TimeoutError as NotYet

import convexsim
from convexsim import testing
from convexsim.testing import strategies
from tests.pages import ROOT
from tests.pages_in_chromium import NEEDED, OpenPage, chromium

REFERENCE: Final = ROOT / "docs" / "reference"
TRIES: Final = 30
LEFT_ON_PURPOSE: Final = {"404.html"}
"""A page that a server shows for others: its links are those of a server."""


class Links(HTMLParser):
    """The links of a page, and the places in it that a link may lead to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors.update(filter(None, (given.get("id"), given.get("name"))))
        self.links += [link for link in (given.get("href"), given.get("src")) if link is not None]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(where)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return where


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    return {page: Links(page) for page in sorted(site.rglob("*.html")) if page.name not in LEFT_ON_PURPOSE}


def test_there_is_a_page_for_each_of_ours(site: Path) -> None:
    ours = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert [page for page in sorted(ours) if not (site / page).exists()] == []


def test_every_link_leads_somewhere(pages: dict[Path, Links]) -> None:
    lost = []
    for page, parsed in pages.items():
        for link in parsed.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            to = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchors = pages[to].anchors if to in pages else set()
            if not to.exists() or (parts.fragment and to in pages and unquote(parts.fragment) not in anchors):
                lost.append(f"{page.name}: {link}")
    assert lost == []


def test_nothing_is_fetched_from_elsewhere(pages: dict[Path, Links], site: Path) -> None:
    asked = r'<(?:script|img|iframe)[^>]* src="(https?:|//)|<link(?![^>]*rel="canonical")[^>]* href="(https?:|//)'
    assert [page.name for page in pages if re.search(asked, page.read_text(encoding="utf-8"))] == []
    imported = r"@import|url\(\s*[\"']?(https?:|//)"
    assert [css.name for css in site.rglob("*.css") if re.search(imported, css.read_text(encoding="utf-8"))] == []


@NEEDED
def test_the_search_finds_a_page_where_the_site_is_a_folder(site: Path) -> None:
    with chromium() as browser:
        opened = OpenPage(browser, site / "reference" / "testing.html")
        asked, first = opened.tab.locator(".md-search__input"), opened.tab.locator(".md-search-result__item").first
        for _ in range(TRIES):  # what is typed before the index is there is lost: type it as a reader would, once more
            asked.fill("")
            asked.press_sequentially("ten minutes")
            with suppress(NotYet):
                first.wait_for(timeout=1_000)
                break
        assert "Test your own component in ten minutes" in first.inner_text()
        first.locator("a").first.click()
        opened.tab.wait_for_url("**/tutorial.html*")
        assert opened.faults == []


def test_what_stands_elsewhere_is_shown_as_it_is(site: Path) -> None:
    shown = (site / "component.html").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", (ROOT / "components/batch_processor/README.md").read_text(), re.MULTILINE)
    assert all(f"{heading.replace('`', '')}" in re.sub(r"<[^>]+>", "", shown) for heading in headings[:3])


def test_the_reference_has_every_public_name_once() -> None:
    told = [
        name for page in REFERENCE.glob("*.md") for name in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)
    ]
    assert sorted(set(told)) == sorted(told)
    public = {f"convexsim.{name}" for name in convexsim.__all__}
    assert {name for name in told if name.count(".") == 1} == public
    assert {f"convexsim.testing.{name}" for name in testing.__all__} <= set(told)
    offered = re.search(r"members: \[(.*)\]", (REFERENCE / "testing.md").read_text())
    assert offered is not None
    assert sorted(offered[1].split(", ")) == sorted(strategies.__all__)


def test_the_reference_shows_the_words_of_the_docstrings(site: Path) -> None:
    shown = re.sub(r"<[^>]+>", "", (site / "reference" / "exploring.html").read_text(encoding="utf-8"))
    assert convexsim.check.__doc__ is not None
    assert convexsim.check.__doc__.splitlines()[0] in shown
