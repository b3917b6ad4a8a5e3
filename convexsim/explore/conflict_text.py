"""How a conflict report reads: who loses, where, and what to do about it.

Owns the words and the layout: tables as lines, the heat map in shades of grey, and advice that says no more than what
the runs show. What it is about stands in `conflicts.py`. Next: `cli/conflicts.py`.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final

from convexsim.database.reads import READ_BY_ALL
from convexsim.explore.contention import Caller
from convexsim.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.explore.arrivals import Exhaustion
    from convexsim.explore.conflicts import Cell, ConflictReport, FunctionConflicts
    from convexsim.explore.contention import Place

__all__ = ["advice", "aligned", "conflict_text", "exhaustion_text", "heat_map", "spelled"]

_MOST_PLACES: Final = 8
_MOST_BESIDES: Final = 3
_SHADES: Final = "░▒▓█"
_WIDTH: Final = 100
_NARROWER: Final = {
    "key": "It is one document: keep what changes often in another one, if the decision does not need it.",
    "range": "It is a range: whatever is written into it counts, a new row too. Read less of it: `.first()` and "
    "`.take(n)` read up to the last row they return, and an index with one more field leaves rows out.",
    "index": "It is the whole index, so every write to the table counts. Ask an index for the rows that matter, with "
    "`with_index`.",
}
_SPREAD: Final = (
    "The function changes documents of that table, and what it changes it has read. Let each call insert a row of its "
    "own instead."
)
_NEW_TABLE: Final = (
    "There the tables themselves stand: whoever makes a new one, or deploys, makes all lose that have begun before. "
    "Declare the table in the schema."
)
_LATER: Final = " Or let a scheduled mutation do it, which is retried for as long as it takes."


def conflict_text(report: ConflictReport, how_to_replay: Callable[[str], str] = str) -> str:
    """Return a report for people.

    Args:
        report: what is told.
        how_to_replay: spells what one types to see the run of a replay string; the string itself if not given.

    """
    orders = f"{counted(report.runs, 'run')} ({'; '.join(report.explorers)}; level {report.level})"
    lines = [f"{report.scenario}: {counted(report.conflicts, 'conflict')} in {orders}"]
    if report.cut_short:
        early = counted(report.cut_short, "run")
        lines.append(f"  {early} ended before all was done: something broke, or a limit was reached")
    lines += ["", *_functions(report)]
    lines += [f"  worst for {each.name}: {how_to_replay(each.worst_in)}" for each in report.functions if each.worst_in]
    if report.cells:
        lines += ["", *heat_map(report.cells), ""]
        lines += advice(report)
    return "\n".join(lines)


def exhaustion_text(rates: Sequence[Sequence[Exhaustion]]) -> str:
    """Return how likely calls give up, a line for each function, a column for each rate.

    Args:
        rates: the functions' figures, rate by rate; all with the same other settings.

    """
    arrivals = rates[0][0].arrivals
    head = [
        f"calls that use up their retries, if they come at random: {arrivals.takes_ms:g} ms from begin to commit,",
        f"back-off as in Convex, {counted(arrivals.trials, 'trial')} each; in brackets the interval of 95 %",
    ]
    columns = [f"{of_rate[0].arrivals.per_second:g} calls/s" for of_rate in rates]
    rows = [[row[0].function, *map(str, row)] for row in zip(*rates, strict=True)]
    return "\n".join([*head, *aligned([["", *columns], *rows])])


def heat_map(cells: Sequence[Cell]) -> list[str]:
    """Return the map: a line for each function, a column for each place, in how many conflicts it was hit."""
    places = list(dict.fromkeys(cell.place for cell in cells))
    shown = places[:_MOST_PLACES]
    letters = {place: chr(ord("a") + at) for at, place in enumerate(shown)}
    hottest = cells[0].conflicts
    functions = list(dict.fromkeys(cell.function for cell in cells if cell.place in letters))
    heat = {(cell.function, cell.place): _shaded(cell.conflicts, hottest) for cell in cells}
    rows = [[function, *(heat.get((function, place), "·") for place in shown)] for function in functions]
    lines = aligned([["conflicts in which somebody had written to", *letters.values()], *rows])
    lines += [f"  {letter}  {spelled(place)}" for place, letter in letters.items()]
    if len(places) > len(shown):
        left = sum(cell.conflicts for cell in cells if cell.place not in letters)
        lines.append(
            f"  and {counted(len(places) - len(shown), 'more place')}, each in fewer conflicts ({left} in all)"
        )
    return lines


def advice(report: ConflictReport) -> list[str]:
    """Return what the runs say of the hottest place: who wrote there, what would be without that read, what to do."""
    cell = report.cells[0]
    writers = ", ".join(f"{writer} in {times:,}" for writer, times in cell.writers)
    todo = _SPREAD if cell.updates else _NARROWER[cell.place.extent]
    if cell.place.index == READ_BY_ALL.lstrip("/"):
        todo = _NEW_TABLE
    elif Caller(cell.function, is_patient=False) in report.traffic.shares:
        todo += _LATER
    return [
        f"hottest: {cell.function} had read {spelled(cell.place)}",
        f"  somebody had written there in {cell.conflicts:,} of its {counted(cell.of, 'conflict')}: {writers}",
        *(f"  {line}" for line in _gain(cell)),
        *(f"  {line}" for line in wrap(todo, _WIDTH)),
    ]


def spelled(place: Place) -> str:
    """Return a place in words."""
    return f"{place.index} {place.keys}" if place.extent != "index" else f"{place.index}, the whole index"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of texts as lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        padded = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *padded]).rstrip())
    return lines


def _functions(report: ConflictReport) -> list[str]:
    head = ["", "calls", "attempts a call", "conflicts", "most attempts", "most conflicts", "gave up", "loses most to"]
    lines = aligned([head, *map(_function, report.functions)])
    about = f"calls, attempts and conflicts: the mean of {counted(report.sample_runs, 'random order')}"
    lines.append(f"{about}; the rest: the worst of {counted(report.runs, 'run')}")
    return lines


def _function(one: FunctionConflicts) -> list[str]:
    conflicts = sum(times for _, times in one.loses_to)
    most = "·"
    if one.loses_to:
        writer, times = one.loses_to[0]
        most = f"{writer} ({100 * times / conflicts:.0f} %)"
    means = [f"{one.calls:.4g}", f"{one.attempts:.3g}", f"{one.conflicts:.3g}"]
    return [one.name, *means, f"{one.most_attempts}", f"{one.worst_conflicts}", f"{one.worst_given_up}", most]


def _gain(cell: Cell) -> list[str]:
    """Return how many conflicts there would not have been without that read."""
    left = cell.conflicts - cell.decisive
    if not left:
        return [f"without that read none of these {cell.conflicts:,} would have happened"]
    others = ", ".join(f"{spelled(place)} ({times:,})" for place, times in cell.besides[:_MOST_BESIDES])
    spared = f"{cell.decisive:,} of these; the other {left:,}" if cell.decisive else "none of these; they"
    return [
        f"not to read there would have spared {spared} also hit {others}",
        f"to read neither there nor in {cell.besides[0][0].index} would have spared {cell.decisive_both:,}",
    ]


def _shaded(conflicts: int, hottest: int) -> str:
    return f"{_SHADES[(len(_SHADES) * conflicts - 1) // hottest]} {conflicts:,}"
