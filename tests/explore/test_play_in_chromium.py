"""Play the order in a real browser: each pick leads on, to the end that the tree says, and can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from convexsim.explore.playing import play_data
from convexsim.explore.tree import Orders, Place, orders_of
from convexsim.trace.html import html_file
from tests.explore.test_tree import race
from tests.pages_in_chromium import NEEDED, OpenPage, chromium

pytestmark = NEEDED


@pytest.fixture(scope="module")
def orders() -> Orders:
    return orders_of(race)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def shown(browser: Any, orders: Orders, tmp_path: Path) -> Iterator[OpenPage]:
    path = tmp_path / "play.html"
    path.write_text(html_file("play", "play", play_data(orders), ("play.js",)), encoding="utf-8")
    page = OpenPage(browser, path)
    yield page
    assert page.faults == []
    page.tab.close()


def slid(place: Place) -> Place:
    """Return where one comes to without a choice."""
    while len(place.ways) == 1:
        (place,) = place.ways.values()
    return place


def options(page: OpenPage) -> Any:
    return page.tab.locator("#options button:not([disabled])")


def test_each_way_leads_where_the_tree_leads(shown: OpenPage, orders: Orders) -> None:
    broken = 0
    waiting: list[tuple[Place, list[int]]] = [(slid(orders.start), [])]
    while waiting:
        place, keys = waiting.pop()
        shown.press("r", *(str(key) for key in keys))
        if place.end is not None:
            assert place.end.replay in shown.text("#end")
            assert ("BROKEN" in shown.text("#end")) == bool(place.end.broken)
            broken += bool(place.end.broken)
            continue
        assert options(shown).count() == len(place.ways)
        assert shown.tab.locator("#options button").count() == len(place.options)
        for key, number in enumerate(sorted(place.ways), 1):
            beyond = place.ways[number]
            told = options(shown).nth(key - 1).inner_text()
            assert place.options[number] in told
            ends = list(beyond.ends())
            assert f"{len(ends)} order" in told
            assert ("nothing breaks" in told) == (not any(end.broken for end in ends))
            waiting.append((slid(beyond), [*keys, key]))
    assert broken == sum(bool(end.broken) for end in orders.start.ends())


def test_a_choice_can_be_taken_back(shown: OpenPage) -> None:
    before = shown.text("#past")
    assert shown.tab.locator("#back").is_disabled()
    shown.press("1")
    assert shown.text("#past") != before
    assert shown.tab.locator("#chosen li").count() == 1
    shown.press("Backspace")
    assert shown.text("#past") == before
    assert shown.tab.locator("#chosen li").count() == 0


def test_an_order_is_in_the_address(shown: OpenPage) -> None:
    shown.press("2")
    told, address = shown.text("#past"), shown.tab.url
    shown.press("r")
    assert shown.text("#past") != told
    shown.tab.goto(address)
    shown.tab.reload()
    assert shown.text("#past") == told
    shown.tab.goto(address.partition("#")[0] + "#order=99.99")
    shown.tab.reload()
    assert shown.tab.locator("#chosen li").count() == 0


def test_where_each_leads_can_be_left_unsaid(shown: OpenPage) -> None:
    assert "order" in options(shown).first.inner_text()
    shown.tab.locator("#spoil").uncheck()
    assert "order" not in options(shown).first.inner_text()
