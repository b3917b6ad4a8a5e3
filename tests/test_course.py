"""The course: every lesson has its form, its answer is a fact, and its page and picture are made of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from components.batch_processor.invariants import PROPERTIES, RACES
from convexsim import UsageError
from convexsim.testing.lesson import Lesson, lesson_named, lessons_in, read_lesson
from tests.pages import ROOT

FOLDER = ROOT / "scenarios"
LESSONS = lessons_in(FOLDER)
WANTED = [
    "snapshot",
    "conflict",
    "retry",
    "read set",
    "write skew",
    "hot document",
    "counting makes conflicts",
    "concurrent threshold flushes",
    "stranded items",
    "timer that cancels itself",
    "retry timer born dead",
    "crash in mid-flush",
    "skewed clock",
    "item that waits for ever",
    "double chain of the iterator",
    "hardened component",
]
COURSE: dict[str, Any] = run_path(str(ROOT / "docs" / "make_course.py"))
TEXT = '"""Lesson 1: A title.\n\nTaught.\n\nProperty: p.\n\nQuestion: q?\n\nAnswer: a.\n"""\n'


def lesson_ids(lesson: Lesson) -> str:
    return lesson.name


def test_the_lessons_come_in_order_and_every_scenario_is_one() -> None:
    assert [lesson.number for lesson in LESSONS] == list(range(1, len(WANTED) + 1))
    assert all(wanted in lesson.title.lower() for wanted, lesson in zip(WANTED, LESSONS, strict=True))
    assert sorted(lesson.path for lesson in LESSONS) == sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lesson_ids)
def test_a_lesson_is_short_and_teaches_and_names_what_exists(lesson: Lesson) -> None:
    assert len(lesson.source.splitlines()) < 80
    assert sum(len(paragraph.split()) for paragraph in lesson.paragraphs) >= 60
    known = {**PROPERTIES, **RACES}
    for number, name in re.findall(r"\b(P\d+) ([A-Z][A-Z-]+)\b", lesson.about):
        assert known[number].name == name
    assert set(re.findall(r"race (R\d)", lesson.source)) <= set(RACES)


@pytest.mark.parametrize("lesson", LESSONS, ids=lesson_ids)
def test_its_answer_is_found_by_changing_that_one_line(lesson: Lesson, tmp_path: Path) -> None:
    changed = tmp_path / lesson.path.name
    changed.write_text(lesson.changed.source, encoding="utf-8")
    ran = subprocess.run([sys.executable, str(changed)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == lesson.path.with_suffix(".answer.out").read_text(encoding="utf-8")
    assert ran.stdout != lesson.path.with_suffix(".out").read_text(encoding="utf-8")
    before, after = lesson.source.splitlines(), lesson.changed.source.splitlines()
    assert [at + 1 for at, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [
        lesson.changed.number
    ]


def test_pages_and_pictures_are_made_of_the_lessons() -> None:
    made = dict(COURSE["made"](LESSONS))
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date: make course"
    folders = {path.parent for path in made}
    assert {path for folder in folders for path in folder.iterdir()} == set(made)


def written(tmp_path: Path, source: str, name: str = "a.py") -> Path:
    path = tmp_path / name
    path.write_text(source, encoding="utf-8")
    return path


def test_a_lesson_is_read_as_it_stands(tmp_path: Path) -> None:
    lesson = read_lesson(written(tmp_path, TEXT + "x = 1\nif x:\n    print(1)  # change: print(2)\n"))
    assert lesson is not None
    assert (lesson.number, lesson.title, lesson.paragraphs) == (1, "A title", ("Taught.",))
    assert (lesson.about, lesson.question, lesson.answer) == ("p.", "q?", "a.")
    assert (lesson.changed.number, lesson.changed.before, lesson.changed.after) == (13, "print(1)", "print(2)")
    assert lesson.changed.source == TEXT + "x = 1\nif x:\n    print(2)\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (TEXT.replace("Question: q?\n\n", "") + "a  # change: b\n", "no paragraph 'Question'"),
        (TEXT, "has 0 lines"),
        (TEXT + "a  # change: b\nc  # change: d\n", "has 2 lines"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_lesson(written(tmp_path, source))


@pytest.mark.parametrize("source", ["", "x = 1\n", '"""Some script."""\n', "def (\n"])
def test_another_script_is_no_lesson(tmp_path: Path, source: str) -> None:
    assert read_lesson(written(tmp_path, source)) is None


def test_folders_without_lessons_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        lessons_in(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no lessons"):
        lessons_in(tmp_path)
    for name in ("a.py", "b.py"):
        written(tmp_path, TEXT + "a  # change: b\n", name)
    with pytest.raises(UsageError, match="both lesson 1"):
        lessons_in(tmp_path)


@pytest.mark.parametrize(("name", "found"), [("3", "a_retry"), ("a_retry", "a_retry"), ("a_retry.py", "a_retry")])
def test_a_lesson_goes_by_its_number_or_its_name(name: str, found: str) -> None:
    assert lesson_named(LESSONS, name).name == found


@pytest.mark.parametrize(
    ("name", "said"), [("99", "1 to 16"), ("0", "1 to 16"), ("a_rety", "a_retry"), ("", "no lesson")]
)
def test_a_wrong_lesson_gets_advice(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        lesson_named(LESSONS, name)
