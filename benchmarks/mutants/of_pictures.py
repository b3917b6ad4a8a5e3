"""Mutants of pictures of runs: lanes, timelines, drawings, pages, trees of orders (`convexsim/trace/timeline.py` on)."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

LANES: Final = "convexsim/trace/lanes.py"
TIMELINE: Final = "convexsim/trace/timeline.py"
SVG: Final = "convexsim/trace/svg.py"
PAGE_DATA: Final = "convexsim/trace/page_data.py"
HTML: Final = "convexsim/trace/html.py"
READING: Final = "convexsim/trace/reading.py"
TREE: Final = "convexsim/explore/tree.py"
NEAREST: Final = "convexsim/explore/nearest.py"
LESSON: Final = "convexsim/testing/lesson.py"
RECORD: Final = "convexsim/actors/record.py"

OF_TIMELINES: Final = ("tests/trace/test_timeline.py",)
OF_DRAWINGS: Final = ("tests/trace/test_svg.py",)
OF_SHOW: Final = ("tests/test_show.py",)
OF_READING: Final = ("tests/trace/test_reading.py",)
OF_TREES: Final = ("tests/explore/test_tree.py",)
OF_NEAREST: Final = ("tests/explore/test_nearest.py",)
OF_LESSONS: Final = ("tests/test_course.py",)

MUTANTS: Final = (
    Mutant(
        LANES,
        "column.holder is None and column.free_from <= moment",
        "column.holder is None",
        "a lane is given away in the moment in which it is left",
        ("tests/trace/test_lanes.py",),
    ),
    Mutant(
        LANES,
        "column.holder, column.free_from = None, moment + 1",
        "column.free_from = moment + 1",
        "a lane is never free again",
        OF_TIMELINES,
    ),
    Mutant(
        LANES,
        "for slot in range(caller + 1, caller + 2 + len(column.taken)) if slot not in _used(column)",
        "for slot in range(caller + 1, caller + 2)",
        "calls side by side stand in one slot",
        OF_TIMELINES,
    ),
    Mutant(
        TIMELINE,
        'self._end("wait", began.activity, "over")',
        "pass",
        "a wait goes on after the retry has begun",
        OF_TIMELINES,
    ),
    Mutant(
        TIMELINE,
        "moment, writer = self._commits.get(conflict.write_ts, (self._now, None))",
        "moment, writer = self._now, None",
        "no conflict comes from anybody",
        OF_TIMELINES,
    ),
    Mutant(
        TIMELINE,
        'if state == "canceled" and ("pending", root) in self._open:',
        'if state == "nothing" and ("pending", root) in self._open:',
        "what was canceled waits to the end of the picture",
        OF_TIMELINES,
    ),
    Mutant(
        TIMELINE,
        'self._tie("canceled", activity, root)',
        'self._tie("scheduled", activity, root)',
        "who cancels is drawn as who schedules",
        OF_TIMELINES,
    ),
    Mutant(
        SVG,
        'told = escape("\\n".join(moment.words))',
        'told = "\\n".join(moment.words)',
        "words may be markup in a drawing",
        OF_DRAWINGS,
    ),
    Mutant(
        HTML,
        'return text.replace("<", "\\\\u003c").replace(">", "\\\\u003e").replace("&", "\\\\u0026")',
        "return text",
        "data of a page may end their element",
        ("tests/trace/test_page_in_chromium.py", "tests/test_show.py"),
    ),
    Mutant(
        PAGE_DATA,
        '"value": None if each.after is None else to_json(each.after)',
        '"value": None if each.before is None else to_json(each.before)',
        "a page shows tables as they were before",
        OF_SHOW,
    ),
    Mutant(
        READING,
        'return Written(told["table"], told["id"], _document(told["before"]), _document(told["after"]))',
        'return Written(told["table"], told["id"], _document(told["after"]), _document(told["before"]))',
        "what was written is read back the other way round",
        OF_READING,
    ),
    Mutant(
        TREE,
        ' if each.kind != "backoff"',
        "",
        "waits are choices in a tree of orders",
        OF_TREES,
    ),
    Mutant(
        TREE,
        "for run in listed[search.given_up :]:",
        "for run in listed[1:]:",
        "one order is missing in a tree",
        OF_TREES,
    ),
    Mutant(
        NEAREST,
        "for at in reversed(range(len(indexes))):",
        "for at in range(len(indexes)):",
        "the nearest run that passes is the farthest one",
        OF_NEAREST,
    ),
    Mutant(
        LESSON,
        'number = source.count("\\n", 0, line.start()) + 1',
        'number = source.count("\\n", 0, line.start())',
        "a lesson names the line above the one to change",
        OF_LESSONS,
    ),
    Mutant(
        RECORD,
        "tuple(event.Looked(index, tuple(intervals)) for index, intervals in sorted(reads.intervals()))",
        "tuple(event.Looked(index, tuple(intervals)[:1]) for index, intervals in sorted(reads.intervals()))",
        "a trace tells the first interval of each index only",
        ("tests/actors/test_reads_told.py",),
    ),
)
