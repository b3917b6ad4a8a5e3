"""The commands of the course: what is listed, what a lesson tells, and the answer, which the changed line prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from convexsim.cli import main
from convexsim.testing.lesson import lessons_in, read_lesson
from convexsim.testing.lesson_run import printed_by
from tests.pages import ROOT

SCRIPT = '''"""Lesson {number}: {title}.

First paragraph,
in two lines.

Second one.

Property: P0 SMALL.

Question: what is printed?

Answer: something else.
"""

import beside

if __name__ == "__main__":
    print(beside.WORD, "as it stands")  # change: print(beside.WORD, "changed")
'''


@pytest.fixture
def course(tmp_path: Path) -> Path:
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "beside.py").write_text("WORD = 'printed'\n", encoding="utf-8")
    for number, name in ((2, "a_second"), (1, "z_first")):
        title = name.replace("_", " ")
        (folder / f"{name}.py").write_text(SCRIPT.format(number=number, title=title), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def nothing_stays_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "beside", raising=False)


def test_lessons_are_listed_in_their_order(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lessons", "--folder", str(course)]) == 0
    assert capsys.readouterr().out == (
        f" 1  z first ({course}/z_first.py)\n    P0 SMALL.\n 2  a second ({course}/a_second.py)\n    P0 SMALL.\n"
        "\nRun one: convexsim lesson 1\n"
    )


def test_lessons_as_json_have_number_title_property_and_file(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lessons", "--json", "--folder", str(course)]) == 0
    listed = [json.loads(line)["lesson"] for line in capsys.readouterr().out.splitlines()]
    assert [(lesson["number"], lesson["title"]) for lesson in listed] == [(1, "z first"), (2, "a second")]
    assert {(lesson["property"], Path(lesson["file"]).parent) for lesson in listed} == {("P0 SMALL.", course)}


def test_a_lesson_tells_teaches_prints_and_asks_without_the_answer(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lesson", "1", "--folder", str(course)]) == 0
    told = capsys.readouterr().out
    parts = [
        "Lesson 1: z first",
        "First paragraph,\nin two lines.\n\nSecond one.",
        "Property: P0",
        "printed as it stands",
    ]
    parts += ["Question: what is printed?", '`print(beside.WORD, "as it stands")`']
    places = [told.index(part) for part in parts]
    assert places == sorted(places)
    assert "Change line 18 of" in told
    assert "something else" not in told


def test_the_answer_is_what_the_changed_line_prints(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = course / "z_first.py"
    before = script.read_text(encoding="utf-8")
    assert main(["lesson", "z_first", "--answer", "--folder", str(course)]) == 0
    told = capsys.readouterr().out
    parts = [
        "Question: what is printed?",
        f"Line 18 of {script}",
        "was  print",
        "is   print",
        "printed changed",
        "Answer: some",
    ]
    places = [told.index(part) for part in parts]
    assert places == sorted(places)
    assert "printed as it stands" not in told
    assert script.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("asked", [[], ["--answer"]])
def test_a_lesson_as_json_has_its_change_and_what_is_printed(
    course: Path, capsys: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    assert main(["lesson", "1", "--json", "--folder", str(course), *asked]) == 0
    lesson = json.loads(capsys.readouterr().out)["lesson"]
    assert lesson["change"] == {
        "line": 18,
        "before": 'print(beside.WORD, "as it stands")',
        "after": 'print(beside.WORD, "changed")',
    }
    assert lesson["output"] == ("printed changed\n" if asked else "printed as it stands\n")
    assert lesson["answer"] == "something else."


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["lesson", "99"], "There is no lesson 99. There are 1 to 2."),
        (["lesson", "z_frist"], "There is no lesson 'z_frist'. Did you mean 'z_first'?"),
    ],
)
def test_wrong_lessons_get_advice(
    course: Path, capsys: pytest.CaptureFixture[str], asked: list[str], said: str
) -> None:
    assert main([*asked, "--folder", str(course)]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"convexsim: {said}\n")


@pytest.mark.parametrize("command", [["lessons"], ["lesson", "1"]])
def test_a_folder_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main([*command, "--folder", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_an_error_in_a_lesson_names_its_script_and_line(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = course / "z_first.py"
    script.write_text(script.read_text(encoding="utf-8").replace("beside.WORD", "beside.WORT"), encoding="utf-8")
    assert main(["lesson", "1", "--folder", str(course)]) == 2
    assert f"{script}:18: AttributeError" in capsys.readouterr().err


def test_without_a_course_here_it_is_that_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [lesson.path for lesson in lessons_in()] == [
        ROOT / "scenarios" / lesson.path.name for lesson in lessons_in(ROOT / "scenarios")
    ]


def test_a_real_lesson_prints_here_what_it_prints_as_a_script() -> None:
    lesson = read_lesson(ROOT / "scenarios" / "timer_cancels_itself.py")
    assert lesson is not None
    assert printed_by(lesson, lesson.source) == lesson.path.with_suffix(".out").read_text(encoding="utf-8")
    answer = lesson.path.with_suffix(".answer.out").read_text(encoding="utf-8")
    assert printed_by(lesson, lesson.changed.source) == answer


def test_who_reads_one_line_only_gets_no_traceback() -> None:
    asked = f"{sys.executable} -m convexsim lesson 10 | head -1"
    ran = subprocess.run(["/bin/sh", "-c", asked], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (ran.stdout, ran.stderr) == ("Lesson 10: The timer that cancels itself\n", "")
