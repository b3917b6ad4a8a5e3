"""How a matrix is told: the table on the terminal, the page in Markdown, the story of one cell.

Owns the words and the layout alone. Used by `matrix.py` and `matrix_files.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convexsim.trace.text import story

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convexsim.explore.replay import Replayed
    from convexsim.testing.cells import Cell, Endless
    from convexsim.testing.matrix import Subject

__all__ = ["markdown", "shown_cell", "table"]

_PREFACE: Final = (
    "Which property holds in which version of the component, and what it takes to break the others. Nothing here",
    "is written by hand: generated workloads are explored, and all that is needed to see a violation again is kept in",
    "the JSON file beside this page. Letters name the weakest fault models that break a property; several are at work",
    "together. A story is told by `convexsim matrix MODULE --json FILE --show VERSION:PROPERTY`.",
)
_MARKS: Final = {"holds": "·", "not explored": "?", "not applicable": "–"}


def table(subject: Subject, versions: Sequence[str], cells: Sequence[Cell], endless: Sequence[Endless]) -> list[str]:
    """Return the lines of the table: a property a line, a version a column, how to read it, and what had no end."""
    by_place = {(cell.version, cell.number): cell for cell in cells}
    numbers = list(dict.fromkeys(cell.number for cell in cells))
    named = {number: f"{number} {subject.questions[number].name}" for number in numbers}
    rows = [["", *versions]]
    rows += [[named[number], *(_mark(by_place[version, number]) for version in versions)] for number in numbers]
    widths = [max(len(row[at]) for row in rows) for at in range(len(versions) + 1)]
    lines = ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*lines, "", *_legend(subject.models), _covered(cells), *_endless(endless)]


def markdown(subject: Subject, versions: Sequence[str], cells: Sequence[Cell], endless: Sequence[Endless]) -> list[str]:
    """Return the lines of the page: the table, what had no end, then every violation."""
    by_place = {(cell.version, cell.number): cell for cell in cells}
    numbers = list(dict.fromkeys(cell.number for cell in cells))
    lines = ["# Properties and versions", "", *_preface(subject.models), _covered(cells), ""]
    lines += [f"| property | {' | '.join(versions)} |", f"|---|{'---|' * len(versions)}"]
    for number in numbers:
        question = subject.questions[number]
        marks = " | ".join(_mark(by_place[version, number]) for version in versions)
        lines.append(f"| **{number}** {question.name}: {question.sentence} | {marks} |")
    said, *each = _endless(endless)
    lines += ["", "## Orders without an end", "", said, *([""] if each else []), *(f"- {line}" for line in each)]
    lines += ["", "## What broke", ""]
    lines += [
        "| version | property | under | what was seen | clients' calls | replay string |",
        "|---|---|---|---|---|---|",
    ]
    for cell in cells:
        if cell.found is not None:
            calls = cell.found.workload.size[0]
            said = cell.found.message.replace("|", "\\|")
            under = _mark(cell)
            lines.append(f"| {cell.version} | {cell.number} | {under} | {said} | {calls} | `{cell.found.replay}` |")
    return lines


def shown_cell(subject: Subject, cell: Cell, again: Replayed) -> list[str]:
    """Return the story of what broke a cell."""
    assert cell.found is not None
    assert again.run.trace is not None
    question = subject.questions[cell.number]
    models = "; ".join(subject.models[letter] for letter in cell.models)
    lines = [f"{cell.number} {question.name} of {cell.version}: {question.sentence}", f"under {cell.models}: {models}"]
    lines += ["", str(cell.found.workload), "", story(again.run.trace), ""]
    lines += [f"broken: {broken.invariant}: {broken.message}" for broken in again.run.violations]
    return [*lines, *again.drift]


def _mark(cell: Cell) -> str:
    """Return what stands in a cell: the weakest fault models that break it, in brackets if that is excused."""
    if cell.verdict in _MARKS:
        return _MARKS[cell.verdict]
    return f"({cell.models})" if cell.verdict == "excused" else cell.models


def _legend(models: Mapping[str, str]) -> list[str]:
    told = [f"{letter}: {what}" for letter, what in models.items()]
    marks = ["·: holds in all that was explored", "?: was not explored", "–: does not apply"]
    marks.append("(..): the version does not promise it there")
    return [*told, *marks]


def _preface(models: Mapping[str, str]) -> list[str]:
    rows = [f"| {letter} | breaks where {what} |" for letter, what in models.items()]
    rows += ["| · | holds in all that was explored: no proof, see the numbers below |", "| – | does not apply |"]
    rows.append("| (..) | breaks, but the version does not promise it under these faults |")
    return [*_PREFACE, "", "| mark | the property |", "|---|---|", *rows, ""]


def _covered(cells: Sequence[Cell]) -> str:
    """Say how much was explored for each version's cells that hold."""
    held = [cell for cell in cells if cell.verdict == "holds"]
    if not held:
        return "Of what was explored, no cell holds."
    fewest = min(held, key=lambda cell: cell.runs)
    most = max(held, key=lambda cell: cell.runs)
    few, many = f"{fewest.workloads:,} workloads in {fewest.runs:,} orders", f"{most.workloads:,} in {most.runs:,}"
    return f"Each cell that holds was explored in at least {few}, at most {many}."


def _endless(endless: Sequence[Endless]) -> list[str]:
    """Say how many orders came to no end, a line for each version in which there are any."""
    if not endless:
        return ["Every order came to its end."]
    under: dict[str, list[str]] = {}
    for each in endless:
        under.setdefault(each.version, []).append(f"{each.runs:,} of {each.of:,} under {each.models}")
    said = (
        "Some orders did not come to an end within the limits of their worlds. They were judged only as far as they "
        "went: by what must always hold, not by what must hold at the end."
    )
    return [said, *(f"{version}: {', '.join(counts)}" for version, counts in under.items())]
