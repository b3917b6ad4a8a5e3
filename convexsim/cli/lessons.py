"""The commands `lessons` and `lesson`: the course, on the command line.

Owns what is told of a lesson. What a lesson is stands in `testing/lesson.py`, how it is run in `testing/lesson_run.py`;
its pages are made by `docs/make_course.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from convexsim.cli.arguments import add_json
from convexsim.cli.command import HELD, Command, Example
from convexsim.cli.printing import say
from convexsim.cli.terminal import end_at_once, interruption
from convexsim.testing.lesson import lesson_named, lessons_in
from convexsim.testing.lesson_run import printed_by
from convexsim.testing.record import json_line

if TYPE_CHECKING:
    import argparse

    from convexsim.testing.lesson import Lesson

__all__ = ["LESSON", "LESSONS"]


def _add_folder(parser: argparse.ArgumentParser) -> None:
    where = "where the lessons are (scenarios, of the current folder or of the checkout)"
    parser.add_argument("--folder", type=Path, metavar="DIR", help=where)
    add_json(parser)


def _add_lesson(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="LESSON", help="its number, or the name of its script")
    parser.add_argument("--answer", action="store_true", help="change the line that answers its question, and run that")
    _add_folder(parser)


def _list(arguments: argparse.Namespace) -> int:
    """List the lessons in order."""
    lessons = lessons_in(arguments.folder)
    if arguments.json:
        arguments.out.write("".join(json_line("lesson", _facts(lesson)) for lesson in lessons))
        return HELD
    rows = [f"{each.number:>2}  {each.title} ({each.path})\n    {each.about}" for each in lessons]
    say(arguments, *rows, "", "Run one: convexsim lesson 1")
    return HELD


def _teach(arguments: argparse.Namespace) -> int:
    """Tell a lesson, run its script, and ask its question; or find the answer."""
    lesson = lesson_named(lessons_in(arguments.folder), arguments.name)
    with interruption(end_at_once):
        printed = printed_by(lesson, lesson.changed.source if arguments.answer else lesson.source)
    if arguments.json:
        arguments.out.write(json_line("lesson", {**_facts(lesson), "output": printed}))
    elif arguments.answer:
        say(arguments, _changed(lesson), printed, f"Answer: {lesson.answer}")
    else:
        say(arguments, _head(lesson), printed, _question(lesson))
    return HELD


def _facts(lesson: Lesson) -> dict[str, object]:
    changed = lesson.changed
    return {
        "number": lesson.number,
        "title": lesson.title,
        "file": str(lesson.path),
        "property": lesson.about,
        "question": lesson.question,
        "answer": lesson.answer,
        "change": {"line": changed.number, "before": changed.before, "after": changed.after},
    }


def _head(lesson: Lesson) -> str:
    title = f"Lesson {lesson.number}: {lesson.title}"
    parts = [f"{title}\n{'=' * len(title)}", *lesson.paragraphs, f"Property: {lesson.about}"]
    return "\n\n".join([*parts, f"{lesson.path} prints:\n"])


def _changed(lesson: Lesson) -> str:
    changed = lesson.changed
    lines = [f"Line {changed.number} of {lesson.path}", f"  was  {changed.before}", f"  is   {changed.after}"]
    return "\n".join([f"Question: {lesson.question}", "", *lines, "", "It prints:\n"])


def _question(lesson: Lesson) -> str:
    changed = lesson.changed
    where = f"Change line {changed.number} of {lesson.path}, `{changed.before}`, and run it again;"
    return f"Question: {lesson.question}\n{where}\nor let it be changed: convexsim lesson {lesson.number} --answer"


LESSONS: Final = Command(
    "lessons",
    "list the lessons of the course",
    _add_folder,
    _list,
    (
        Example("lessons", "what there is to learn, in order"),
        Example("lessons --json", "the same for a program"),
    ),
)
LESSON: Final = Command(
    "lesson",
    "teach one lesson: its text, what its script prints, and a question",
    _add_lesson,
    _teach,
    (
        Example("lesson 2", "what a conflict is"),
        Example("lesson 2 --answer", "its question, answered by changing one line"),
    ),
)
