"""Lessons: scenario scripts that teach, in order, each with a question that changing one line answers.

Owns the form of such a script and what is read from it. Its docstring begins ``Lesson 3: A retry.``, and ends with the
paragraphs ``Property: ``, ``Question: `` and ``Answer: ``; one line of its code ends with ``# change: `` and what the
line becomes. Knows no terminal: `cli/lessons.py` shows what is read here.
"""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FOLDER", "Changed", "Lesson", "lesson_named", "lessons_in", "read_lesson"]

FOLDER: Final = "scenarios"
"""Where lessons are looked for: in the current folder, else beside the package, as in a checkout."""

_TITLE: Final = re.compile(r"Lesson (\d+): (.+)\.")
_PART: Final = re.compile(r"(Property|Question|Answer): (.*)", re.DOTALL)
_CHANGE: Final = re.compile(r"^( *)(\S.*?)  # change: (.+)$", re.MULTILINE)
_PARTS: Final = ("Property", "Question", "Answer")


@frozen
class Changed:
    """The line that is changed to find the answer.

    Attributes:
        number: of the line, from 1.
        before: what it is.
        after: what it becomes.
        source: the whole script, with the line changed.

    """

    number: int
    before: str
    after: str
    source: str


@frozen
class Lesson:
    """One lesson.

    Attributes:
        number: its place in the course, from 1.
        title: without a full stop.
        path: of its script.
        source: the script.
        paragraphs: what it teaches, as Markdown.
        about: the property that it is about.
        question: what the reader is asked.
        answer: what comes out.
        changed: how it is found.

    """

    number: int
    title: str
    path: Path
    source: str
    paragraphs: tuple[str, ...]
    about: str
    question: str
    answer: str
    changed: Changed

    @property
    def name(self) -> str:
        """What its script is called."""
        return self.path.stem


def lessons_in(folder: Path | None = None) -> list[Lesson]:
    """Return the lessons of a folder, in order.

    Args:
        folder: where their scripts are; `FOLDER` if not given.

    Raises:
        UsageError: there is no such folder, it has no lessons, or two of one number.

    """
    where = _folder() if folder is None else folder
    if not where.is_dir():
        raise UsageError(f"There is no folder {where}.", next_step="Name the folder of the lessons: --folder DIR.")
    read = (read_lesson(path) for path in sorted(where.glob("*.py")))
    found = sorted((lesson for lesson in read if lesson is not None), key=lambda lesson: lesson.number)
    if not found:
        msg = f"The folder {where} has no lessons."
        raise UsageError(msg, next_step='The docstring of a lesson begins with "Lesson 1: ...".')
    for one, other in pairwise(found):
        if one.number == other.number:
            msg = f"{one.path.name} and {other.path.name} are both lesson {one.number}."
            raise UsageError(msg, next_step="Give one of them another number.")
    return found


def lesson_named(lessons: Sequence[Lesson], name: str) -> Lesson:
    """Return the lesson of that number, or of that script.

    Raises:
        UsageError: there is none.

    """
    for lesson in lessons:
        if name in (str(lesson.number), lesson.name, lesson.path.name):
            return lesson
    if name.lstrip("-").isdecimal():
        raise UsageError(f"There is no lesson {name}.", next_step=f"There are 1 to {len(lessons)}.")
    advice = did_you_mean(name, [lesson.name for lesson in lessons])
    raise UsageError(f"There is no lesson {name!r}.", next_step=advice)


def read_lesson(path: Path) -> Lesson | None:
    """Return the lesson that a script is; None if it is none.

    Raises:
        UsageError: it says that it is one, but something is missing.

    """
    source = path.read_text(encoding="utf-8")
    try:
        text = ast.get_docstring(ast.parse(source)) or ""
    except SyntaxError:
        return None  # whoever runs it will be told
    head, *paragraphs = re.split(r"\n\s*\n", text)
    title = _TITLE.fullmatch(head)
    if title is None:
        return None
    parts = {part[1]: " ".join(part[2].split()) for part in map(_PART.fullmatch, paragraphs) if part is not None}
    missing = [name for name in _PARTS if name not in parts]
    if missing:
        msg = f"{path}: the lesson has no paragraph {missing[0]!r}."
        raise UsageError(msg, next_step=f'Write one that begins with "{missing[0]}: ".')
    taught = tuple(paragraph for paragraph in paragraphs if not _PART.fullmatch(paragraph))
    about, question, answer = (parts[name] for name in _PARTS)
    return Lesson(int(title[1]), title[2], path, source, taught, about, question, answer, _change(path, source))


def _change(path: Path, source: str) -> Changed:
    """Return the change that a script asks for; there is exactly one."""
    marked = list(_CHANGE.finditer(source))
    if len(marked) != 1:
        msg = f"{path}: the lesson has {len(marked)} lines that are to be changed."
        raise UsageError(msg, next_step='End exactly one line with "  # change: " and what it becomes.')
    (line,) = marked
    number = source.count("\n", 0, line.start()) + 1
    changed = f"{source[: line.start()]}{line[1]}{line[3]}{source[line.end() :]}"
    return Changed(number, line[2], line[3], changed)


def _folder() -> Path:
    here = Path(FOLDER)
    return here if here.is_dir() else Path(__file__).resolve().parents[2] / FOLDER
