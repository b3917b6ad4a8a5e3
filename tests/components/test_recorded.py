"""The component answers what the original answered, operation by operation, line by line (conformance/README.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.batch_processor import VERSIONS, script_app
from convexsim.testing.script import Line, difference, run_line
from convexsim.testing.script_file import read_lines

FOLDER = Path(__file__).parents[1] / "conformance"
RECORDED = [line for file in ("serial.jsonl", "serial-callbacks.jsonl") for line in read_lines(FOLDER / file)]
LINES = {version: [line for line in RECORDED if line.version == version] for version in VERSIONS}
APPS = {version: script_app(version) for version in VERSIONS}


@pytest.mark.parametrize(
    "line",
    [pytest.param(line, id=f"{version}-{Path(line.where).name}") for version, lines in LINES.items() for line in lines],
)
def test_the_recorded_answers_come_back(line: Line) -> None:
    offered = APPS[line.version]
    line.check(offered)
    results = run_line(line, offered)
    assert difference(line, results) is None
    assert results == line.given["results"]


def test_the_record_is_worth_comparing_with() -> None:
    assert (len(RECORDED), len(LINES["1.0.5"])) == (400, 80)
    answers = [
        (op["op"], result.get("ok"))
        for line in LINES["1.0.5"]
        for op, result in zip(line.given["ops"], line.given["results"], strict=True)
    ]
    calls = [entry for name, answer in answers if name == "log" for entry in answer]
    jobs = [row for name, answer in answers if name == "dump" for row in answer["iteratorJobs"]]
    assert len(calls) > 700
    assert sum(entry.get("plan") != "ok" for entry in calls) > 150
    assert sum(name not in ("advance", "getBatchStatus") and answer is None for name, answer in answers) > 250
    assert sum(row["status"] in ("completed", "failed") for row in jobs) > 60
