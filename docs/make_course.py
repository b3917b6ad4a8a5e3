"""Make the pages and the pictures of the course from the scripts of its lessons: `make course`.

Owns what a page looks like. What is on it the lessons say (`convexsim/testing/lesson.py`), and the outputs beside them;
`tests/test_course.py` makes all of it again and compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from runpy import run_path
from typing import Any, Final

from convexsim import Report
from convexsim.testing.lesson import Lesson, lessons_in
from convexsim.trace.svg import draw
from convexsim.trace.timeline import timeline

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = ROOT / "docs" / "course"
PICTURES: Final = ROOT / "docs" / "pictures"


def made(lessons: Sequence[Lesson]) -> Iterator[tuple[Path, str]]:
    """Yield every file that is made, with its text."""
    yield PAGES / "index.md", index(lessons)
    for at, lesson in enumerate(lessons):
        yield PAGES / f"{lesson.name}.md", page(lesson, lessons[at + 1 : at + 2])
        yield PICTURES / f"{lesson.name}.svg", picture(lesson)


def index(lessons: Sequence[Lesson]) -> str:
    """Return the page that lists them."""
    rows = [f"| {each.number} | [{each.title}]({each.name}.md) | {each.about} |" for each in lessons]
    return f"""# The course

{len(lessons)} lessons on what happens when functions run side by side: from one snapshot to a component without races.
Each is a script that you can run and change. `convexsim lessons` lists them, `convexsim lesson 3` runs one and asks its
question, `convexsim lesson 3 --answer` changes one line to find the answer.

| | lesson | the property that it is about |
|---|---|---|
{chr(10).join(rows)}
"""


def page(lesson: Lesson, following: Sequence[Lesson]) -> str:
    """Return the page of a lesson."""
    answer = lesson.path.with_suffix(".answer.out").read_text(encoding="utf-8")
    onward = "".join(f"\nNext: [{each.title}]({each.name}.md)\n" for each in following)
    return f"""# {lesson.number}. {lesson.title}

{(chr(10) * 2).join(lesson.paragraphs)}

**Property**: {lesson.about}

![The run of this lesson](../pictures/{lesson.name}.svg)

## The script

`convexsim lesson {lesson.number}` runs `scenarios/{lesson.path.name}`:

<!-- shown: scenarios/{lesson.path.name} -->
```py
{code(lesson)}```

It prints

```
{lesson.path.with_suffix(".out").read_text(encoding="utf-8")}```

## The question

{lesson.question} Change line {lesson.changed.number}, and see:

```diff
- {lesson.changed.before}
+ {lesson.changed.after}
```

??? question "The answer"

    {lesson.answer}

    ```
{indented(answer)}    ```
{onward}"""


def code(lesson: Lesson) -> str:
    """Return a script without its docstring, which the page has told already."""
    return lesson.source.split('"""\n', 2)[1].lstrip("\n")


def indented(text: str) -> str:
    """Return lines four columns to the right."""
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())


def picture(lesson: Lesson) -> str:
    """Return the drawing of the run that a lesson shows."""
    shown: Any = run_path(str(lesson.path))["picture"]()
    run = shown.finding.run if isinstance(shown, Report) else shown
    return draw(timeline(run.trace), f"Lesson {lesson.number}: {lesson.title}")


def main() -> None:
    """Write them all."""
    for path, text in made(lessons_in(ROOT / "scenarios")):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
