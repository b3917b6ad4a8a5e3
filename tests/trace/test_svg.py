"""The drawing of a run: a well-formed file of its own that points at every moment, the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from convexsim import api, define_app, define_schema, define_table, mutation, scenario, v
from convexsim.choices import FirstChoices
from convexsim.explore.lockstep import LockstepChoices
from convexsim.trace.palette import DARK, LIGHT
from convexsim.trace.svg import draw
from convexsim.trace.timeline import timeline
from tests.trace.test_timeline import now_and_later, traced, two_bumps

SVG = "{http://www.w3.org/2000/svg}"


def drawn(given: Any, choices: Any) -> tuple[Any, ET.Element]:
    shown = timeline(traced(given, choices))
    return shown, ET.fromstring(draw(shown, "two bumps"))  # noqa: S314 - our own text


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [each for each in root.iter() if name in (each.get("class") or "").split()]


def test_every_moment_is_there_once_with_its_words() -> None:
    shown, root = drawn(two_bumps, LockstepChoices())
    rows = of_class(root, "moment")
    assert [row.get("data-moment") for row in rows] == [str(moment.index) for moment in shown.moments]
    assert [row.findtext(f"{SVG}title") for row in rows] == ["\n".join(moment.words) for moment in shown.moments]


def test_every_span_and_arrow_is_there() -> None:
    shown, root = drawn(now_and_later, FirstChoices())
    for kind in ("call", "attempt", "pending"):
        spans = [span for span in shown.spans if span.kind == kind]
        bars = [each for each in of_class(root, kind) if each.get("data-from")]
        assert [(bar.get("data-from"), bar.get("data-to")) for bar in bars] == [
            (str(span.first), str(span.last)) for span in spans
        ]
    for kind in ("scheduled", "canceled"):
        arrows = [arrow for arrow in shown.arrows if arrow.kind == kind]
        assert len([each for each in of_class(root, kind) if each.get("data-moment")]) == len(arrows) > 0


def test_both_keys_of_a_conflict_can_be_read() -> None:
    _, root = drawn(two_bumps, LockstepChoices())
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert 'hit: counters.by_name ("hits", counters/1)' in texts
    assert any(text is not None and text.startswith('conflicts: had read ("hits", …)') for text in texts)


def test_nothing_lies_outside_of_the_picture() -> None:
    _, root = drawn(now_and_later, FirstChoices())
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for each in root.iter():
        for name, most in (("x", width), ("cx", width), ("x2", width), ("y", height), ("cy", height), ("y2", height)):
            assert 0 <= float(each.get(name, 0)) <= most
        assert float(each.get("y", 0)) + float(each.get("height", 0)) <= height


def test_hostile_names_are_only_text() -> None:
    evil = '</title></svg><script>alert("1")</script>&\x00\x1b\ud800'
    schema = define_schema({"t": define_table({"x": v.string()})})
    app = define_app({"m": {"put": mutation(lambda ctx, x: [ctx.db.insert("t", {"x": x}), x])}}, schema)

    @scenario(app=app, invariants=[])
    def one(world: Any) -> None:
        world.client("alice").mutation(api.m.put, {"x": evil.replace("\ud800", "")})

    shown, root = drawn(one, FirstChoices())
    assert not list(root.iter(f"{SVG}script"))
    assert "<script>" in "".join(shown.moments[0].words)


def test_the_same_run_is_the_same_picture_in_another_process() -> None:
    program = (
        "from tests.trace.test_svg import *; import sys;"
        "sys.stdout.write(draw(timeline(traced(two_bumps, LockstepChoices()))))"
    )
    pictures = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert pictures == {draw(timeline(traced(two_bumps, LockstepChoices()))).encode()}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "faint", "good", "read", "bad", "dull", "timer"])
def test_texts_can_be_read(colours: dict[str, str], name: str) -> None:
    light, dark = sorted((luminance(colours[name]), luminance(colours["paper"])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


def test_both_palettes_have_the_same_colours() -> None:
    assert list(LIGHT) == list(DARK)
