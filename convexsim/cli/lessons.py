"""The commands `lessons` and `lesson`: the course, and one lesson of it with its question.

Owns how a lesson is told. What a lesson is stands in `testing/lesson.py`, how it is run in `testing/lesson_run.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, filters

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
    where = "the folder of the course (scenarios here, else the one beside the package)"
    parser.add_argument("--folder", type=Path, metavar="DIR", help=where)
    add_json(parser)


def _add_lesson(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lesson", metavar="LESSON", help="its number, or the name of its script")
    changing = "change the line that its question is about, and show what comes out"
    parser.add_argument("--answer", action="store_true", help=changing)
    _add_folder(parser)


def _list(arguments: argparse.Namespace) -> int:
    """List the lessons in their order: number, title, file and property."""
    lessons = lessons_in(arguments.folder)
    if arguments.json:
        for lesson in lessons:
            arguments.out.write(json_line("lesson", _facts(lesson)))
        return HELD
    for lesson in lessons:
        say(arguments, f"{lesson.number:>2}  {lesson.title} ({lesson.path})", f"    {lesson.about}")
    return HELD


def _teach(arguments: argparse.Namespace) -> int:
    """Tell a lesson, what its script prints, and its question; or what is printed if the question's line is changed."""
    lesson = lesson_named(lessons_in(arguments.folder), arguments.lesson)
    with interruption(end_at_once):
        printed = printed_by(lesson, lesson.changed.source if arguments.answer else lesson.source)
    if arguments.json:
        answer = {"answer": lesson.answer} if arguments.answer else {}
        arguments.out.write(json_line("lesson", {**_facts(lesson), **answer, "printed": printed}))
    elif arguments.answer:
        _tell_answer(lesson, printed, arguments)
    else:
        _tell_lesson(lesson, printed, arguments)
    return HELD


def _tell_lesson(lesson: Lesson, printed: str, arguments: argparse.Namespace) -> None:
    say(arguments, f"Lesson {lesson.number}: {lesson.title}", "", "\n\n".join(lesson.paragraphs), "")
    say(arguments, f"Property: {lesson.about}", "", f"$ python {lesson.path}", printed)
    say(arguments, f"Question: {lesson.question}", "", f"To find out, change line {lesson.changed.number}, as it says:")
    _tell_change(lesson, arguments)
    say(arguments, f"Or let it be changed: convexsim lesson {lesson.number} --answer")


def _tell_answer(lesson: Lesson, printed: str, arguments: argparse.Namespace) -> None:
    say(arguments, f"Question: {lesson.question}", "", f"With line {lesson.changed.number} of {lesson.path} changed:")
    _tell_change(lesson, arguments)
    say(arguments, "", printed, f"Answer: {lesson.answer}")


def _tell_change(lesson: Lesson, arguments: argparse.Namespace) -> None:
    say(arguments, f"  - {lesson.changed.before}", f"  + {lesson.changed.after}")


def _facts(lesson: Lesson) -> dict[str, Any]:
    return {
        "number": lesson.number,
        "title": lesson.title,
        "property": lesson.about,
        "file": str(lesson.path),
        "question": lesson.question,
        "change": asdict(lesson.changed, filter=filters.exclude("source")),
    }


LESSONS: Final = Command(
    "lessons",
    "list the course: lessons on what happens when functions run side by side",
    _add_folder,
    _list,
    (
        Example("lessons", "number, title, script and property of each"),
        Example("lessons --json", "the same for machines, with the question of each"),
    ),
)
LESSON: Final = Command(
    "lesson",
    "teach one lesson: its text, what its script prints, and a question",
    _add_lesson,
    _teach,
    (
        Example("lesson 3", "a retry: how often one may lose"),
        Example("lesson 3 --answer", "one line changed, and what the script prints then"),
    ),
)
