"""The trace page in a real browser: it steps, searches, shows conflicts and tables, by keyboard and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest

from convexsim import api, define_app, define_schema, define_table, mutation, scenario, v
from convexsim.choices import FirstChoices, RandomChoices
from convexsim.explore.lockstep import LockstepChoices
from convexsim.explore.replay import encode
from convexsim.functions.catalog import SCHEDULED_FUNCTIONS
from convexsim.simulation import Run, Scenario, Simulation
from convexsim.testing.record import page_of
from convexsim.trace.page import page
from convexsim.trace.page_data import data_of
from convexsim.trace.timeline import timeline
from convexsim.values.json_codec import to_json
from tests.explore.small_worlds import small_world
from tests.pages_in_chromium import NEEDED, OpenPage, chromium
from tests.trace.test_timeline import KINDS, now_and_later, two_bumps

pytestmark = NEEDED
EVIL: Final = '</script><img src=x onerror="window.evil=1"><svg onload="window.evil=1">'
LARGEST: Final = 1_000_000  # bytes of a page of 200 steps
LEAST_CONTRAST: Final = 4.5  # WCAG 2, AA
READ_ON: Final = (
    *(("ink", ground) for ground in ("paper", "ground", "hover", "hit", "good-soft", "bad-soft", "dull-soft")),
    *(("faint", ground) for ground in ("paper", "ground", "dull-soft")),
    ("accent", "paper"),
    ("good", "good-soft"),
    ("bad", "bad-soft"),
    ("bad", "paper"),
)
"""Words and what is behind them, by the names of the colours of a page."""
RUN_JS: Final = (files("convexsim.trace") / "assets" / "run.js").read_text(encoding="utf-8")
TABLES_AT_THE_END: Final = (
    f"facts => {{ {RUN_JS}\n const run = new Run(facts); const tables = [...run.tables(run.last)];"
    " const there = (rows) => [...rows.values()].map(({ value }) => value).filter((value) => value !== null);"
    " return Object.fromEntries(tables.map(([key, rows]) => [key, there(rows)])); }"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def run_of(given: Scenario, choices: Any) -> Run:
    return Simulation(given, choices).run()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    pages: list[OpenPage] = []

    def open_page(*runs: Run, **options: Any) -> OpenPage:
        path = tmp_path / f"page{len(pages)}.html"
        path.write_text(page(*(page_of(run, encode(run), "replay it") for run in runs)), encoding="utf-8")
        pages.append(OpenPage(browser, path, **options))
        return pages[-1]

    yield open_page
    for each in pages:
        assert each.faults == []
        each.tab.close()


def test_it_steps_by_keys_and_by_clicks(opened: Any) -> None:
    run = run_of(two_bumps, LockstepChoices())
    shown = opened(run)
    assert shown.selected == 0
    shown.press("ArrowDown", "j", "j", "k")
    assert shown.selected == 2
    shown.press("End")
    last = shown.selected
    assert shown.text("#place") == f"{last + 1} / {last + 1}"
    shown.press("Home")
    shown.tab.locator("#next").click()
    assert shown.selected == 1
    shown.tab.locator('g.moment[data-moment="3"] .label').click()
    assert shown.selected == 3
    assert "begins attempt 1" in shown.text("#panel")


def test_a_conflict_is_shown_with_both_keys_and_what_comes_of_it(opened: Any) -> None:
    shown = opened(run_of(two_bumps, LockstepChoices()))
    shown.press("]")
    card = shown.text(".conflict-card")
    assert "counters.by_name" in card
    assert '("hits", counters/1)' in card
    assert '("hits", …)' in card
    assert "alice.1" in card
    assert "bob.1, attempt 1" in card
    hit = shown.selected
    shown.tab.locator(".conflict-card .link").click()
    assert shown.selected > hit
    assert shown.text(".words").startswith("conflicts in attempt 1")
    assert "by_name" in shown.text(".attempt-card")


def test_tables_are_as_they_stood_and_end_as_the_run_ended(opened: Any) -> None:
    run = run_of(two_bumps, LockstepChoices())
    shown = opened(run)
    assert "empty" in shown.text(".card:has-text('counters')")
    shown.press("]")
    row = shown.tab.locator(".card tr.inserted")
    assert row.count() == 1
    shown.press("End")
    assert shown.tab.locator(".card tr.changed").count() == 1
    assert "1 → 2" in shown.text(".card td.differs").replace("\n", " ")
    (document,) = run.view.documents("counters")
    assert document["value"] == 2


@pytest.mark.parametrize(
    "given", [*(small_world(kind, 2, []) for kind in KINDS), now_and_later], ids=lambda each: each.name
)
def test_the_tables_of_the_last_moment_are_those_of_the_run(browser: Any, given: Scenario) -> None:
    run = run_of(given, RandomChoices(1))
    assert run.trace is not None
    tab = browser.new_page()
    tables = tab.evaluate(TABLES_AT_THE_END, data_of(page_of(run, "", ""), timeline(run.trace)))
    tab.close()
    components = dict.fromkeys(["", *(path for path, _ in run.view.tables())])
    keys = [*run.view.tables(), *((path, SCHEDULED_FUNCTIONS) for path in components)]
    expected = {f"{path}/{name}": [*map(to_json, run.view.documents(name, path))] for path, name in keys}
    assert comparable(tables) == comparable(expected)


def comparable(tables: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Return documents whole; of scheduled functions what both their readers see and the backend keeps."""
    found = {}
    for key, rows in tables.items():
        if key.endswith(f"/{SCHEDULED_FUNCTIONS}"):
            found[key] = sorted((row["_id"], row["state"]["kind"], str(row["args"])) for row in rows)
        elif key != "/_tables":
            found[key] = sorted(
                (row["_id"], *sorted((name, str(value)) for name, value in row.items())) for row in rows
            )
    return {key: rows for key, rows in found.items() if rows}


def test_it_searches_words_and_functions(opened: Any) -> None:
    shown = opened(run_of(two_bumps, LockstepChoices()))
    shown.press("/")
    shown.tab.keyboard.type("conflicts in attempt")
    assert shown.text("#hits") == "1 / 1"
    found = shown.selected
    assert shown.text(".words").startswith("conflicts in attempt 1")
    shown.tab.locator("#search").fill("calls mutation M:BUMP")
    assert shown.text("#hits") == "1 / 2"
    hit = shown.selected
    shown.press("Escape", "n")
    assert shown.selected not in (hit, found)
    shown.press("N")
    assert shown.selected == hit
    shown.tab.locator("#search").fill("nowhere at all")
    assert shown.text("#hits") == "none"


def test_the_names_of_lanes_stay_above_their_lanes(opened: Any) -> None:
    shown = opened(run_of(two_bumps, LockstepChoices()), viewport={"width": 900, "height": 500})
    shown.press("End")
    names = shown.tab.locator(".lane text", has_text="bob")
    kept, drawn = (names.nth(number).bounding_box() for number in (0, 1))
    assert abs(kept["x"] - drawn["x"]) < 1
    box = shown.tab.locator(".drawing").bounding_box()
    assert box["y"] <= kept["y"] < box["y"] + 34


def test_a_lane_that_is_hidden_is_passed_over(opened: Any) -> None:
    shown = opened(run_of(two_bumps, FirstChoices()))
    shown.tab.get_by_text("Lanes", exact=True).click()
    shown.tab.get_by_label("alice", exact=True).uncheck()
    shown.press("Escape")
    assert not shown.tab.locator("#groups").is_visible()
    seen = []
    for _ in range(4):
        shown.press("ArrowDown")
        seen.append(shown.text(".facts dd >> nth=0"))
    assert seen == ["bob.1"] * 4
    assert shown.tab.locator(".moment.out").count() == shown.tab.locator(".moment").count() / 2


def test_the_place_is_in_the_address(opened: Any) -> None:
    shown = opened(run_of(two_bumps, LockstepChoices()))
    shown.press("j", "j")
    shown.tab.wait_for_url("**#moment=2")
    shown.tab.goto(shown.tab.url.replace("#moment=2", "#moment=4"))
    shown.tab.wait_for_function("document.querySelector('.moment.selected').dataset.moment === '4'")


def test_what_is_scheduled_and_canceled_is_tied_to_whoever_did_it(opened: Any) -> None:
    shown = opened(run_of(now_and_later, FirstChoices()))
    assert shown.tab.locator("g.scheduled").count() == 2
    assert shown.tab.locator("g.canceled[data-moment]").count() == 1
    shown.press("End")
    assert "_scheduled_functions" in shown.text("#tables")


def test_the_theme_can_be_changed(opened: Any) -> None:
    shown = opened(run_of(two_bumps, FirstChoices()), color_scheme="light")

    def ground() -> str:
        return str(shown.tab.evaluate("getComputedStyle(document.querySelector('.panel')).backgroundColor"))

    light = ground()
    shown.press("t")
    assert ground() != light
    shown.press("t")
    assert ground() == light


def test_it_fits_a_phone(opened: Any) -> None:
    shown = opened(run_of(now_and_later, FirstChoices()), viewport={"width": 360, "height": 740})
    assert shown.tab.evaluate("document.documentElement.scrollWidth") <= 360
    shown.press("End")
    assert shown.tab.evaluate("document.documentElement.scrollWidth") <= 360


def test_it_can_be_heard(opened: Any) -> None:
    shown = opened(run_of(two_bumps, LockstepChoices()))
    tree = shown.tab.locator("body").aria_snapshot()
    assert 'listbox "Moments of a run in which nothing breaks"' in tree
    assert 'option "0 ms, alice.1: bump" [selected]' in tree
    assert 'button "Next moment"' in tree
    assert "Search moments" in tree
    shown.press("]")
    assert "alice.1: commits ts 1" in shown.tab.locator("#live").text_content()
    shown.tab.keyboard.press("Tab")
    assert shown.tab.evaluate("document.activeElement !== document.body")


def test_two_runs_stand_side_by_side_at_their_first_difference(opened: Any) -> None:
    one, other = run_of(two_bumps, LockstepChoices()), run_of(two_bumps, FirstChoices())
    shown = opened(one, other)
    assert shown.tab.locator(".drawing").count() == 2
    places = [
        int(each.get_attribute("data-moment")) for each in shown.tab.locator(".moment.difference").element_handles()
    ]
    assert len(set(places)) == 1
    assert shown.tab.locator(".moment.selected").count() == 2
    first = places[0]
    told = [shown.tab.locator(f'.drawing >> nth={side} >> [data-moment="{first}"] .label').first for side in (0, 1)]
    assert told[0].text_content() != told[1].text_content()


def test_two_runs_scroll_together(opened: Any) -> None:
    one, other = run_of(two_bumps, LockstepChoices()), run_of(two_bumps, FirstChoices())
    shown = opened(one, other, viewport={"width": 1000, "height": 420})
    boxes = shown.tab.locator(".drawing")
    boxes.nth(0).focus()
    shown.tab.evaluate("document.querySelector('.drawing').scrollTop = 60")
    shown.tab.wait_for_function("document.querySelectorAll('.drawing')[1].scrollTop > 0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_on_every_ground(opened: Any, scheme: str) -> None:
    shown = opened(run_of(two_bumps, LockstepChoices()), color_scheme=scheme)
    colours = {
        name: shown.tab.evaluate(
            "name => { const made = document.body.appendChild(document.createElement('i'));"
            " made.style.color = `var(--${name})`; return getComputedStyle(made).color; }",
            name,
        )
        for name in sorted({name for pair in READ_ON for name in pair})
    }
    too_faint = {pair: contrast(*(colours[name] for name in pair)) for pair in READ_ON}
    assert {pair: found for pair, found in too_faint.items() if found < LEAST_CONTRAST} == {}


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 has it."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_hostile_names_stay_words(opened: Any) -> None:
    schema = define_schema({"t": define_table({"x": v.string()})})
    app = define_app({"m": {"put": mutation(lambda ctx, x: [ctx.db.insert("t", {"x": x}), x])}}, schema)

    @scenario(app=app, invariants=[])
    def one(world: Any) -> None:
        world.client("alice").mutation(api.m.put, {"x": EVIL})

    shown = opened(run_of(one, FirstChoices()))
    shown.press("End")
    assert "onerror" in shown.text("#tables")
    assert shown.tab.evaluate("window.evil") is None
    assert shown.tab.locator("img").count() == 0


def test_a_long_run_is_a_small_file(opened: Any, tmp_path: Path) -> None:
    @scenario(app=two_bumps.app, invariants=[])
    def many(world: Any) -> None:
        for number in range(20):
            world.client(f"c{number}").mutation(api.m.bump, {"name": "hits"})

    run = run_of(many, RandomChoices(1))
    assert run.steps >= 200
    shown = opened(run)
    assert len((tmp_path / "page0.html").read_bytes()) < LARGEST
    shown.press("End")
    assert shown.selected > 50
