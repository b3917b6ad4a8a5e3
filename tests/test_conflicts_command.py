"""The command `conflicts`: what it prints, what it says as JSON, and what it refuses in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from convexsim.cli import main
from tests.test_cli import LESSON, refused

COUNTING = """
from convexsim import api, define_app, define_schema, define_table, mutation, scenario, v


class Counter:
    @mutation
    def add(ctx):
        ctx.db.insert("rows", {"number": len(ctx.db.query("rows").collect())})


APP = define_app({"m": Counter}, define_schema({"rows": define_table({"number": v.number()})}))


def add(world, clients):
    for at in range(clients):
        world.client(f"c{at}").mutation(api.m.add)


@scenario(app=APP)
def adding_2(world):
    add(world, 2)


@scenario(app=APP)
def adding_7(world):
    add(world, 7)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder with two scripts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")
    (tmp_path / "counting.py").write_text(COUNTING, encoding="utf-8")


def test_it_tells_of_each_scenario_who_loses_where_and_how_often_calls_give_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["conflicts", "counting.py", "--runs", "5", "--rate", "1,200", "--trials", "50"]) == 0
    two, seven = capsys.readouterr().out.split("\nadding_7: ")
    assert two.startswith("adding_2: ")
    assert "6 runs (lockstep; random walk, seed 0; level 2)" in seven
    assert "a  rows.by_creation_time, the whole index" in seven
    assert "without that read none of these" in seven
    (string,) = re.findall(r"worst for m:add: .*convexsim replay counting.py '(\S+)'", seven)
    assert main(["replay", "counting.py", string]) == 0
    assert capsys.readouterr().out.count("OptimisticConcurrencyControlFailure") == 2
    _, figures = seven.split("in brackets the interval of 95 %\n")
    assert figures.splitlines()[0].split() == ["1", "calls/s", "200", "calls/s"]
    assert figures.splitlines()[1].startswith("m:add")


def test_the_hottest_place_is_red_where_there_are_colours(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["conflicts", "counting.py:adding_7", "--runs", "5", "--rate", "1", "--trials", "5", "--color"]
    assert main([*command, "never"]) == 0
    plain = capsys.readouterr().out
    (hottest,) = re.findall("█ .*", plain)
    assert main([*command, "always"]) == 0
    assert f"\x1b[1;31m{hottest}\x1b[0m" in capsys.readouterr().out


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["conflicts", "counting.py:adding_7", "--runs", "5", "--explorer", "pct", "--rate", "200", "--json"]
    assert main([*command, "--trials", "50", "--takes", "30", "--seed", "4"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)["conflicts"]
    assert (told["scenario"], told["runs"], told["sample_runs"]) == ("adding_7", 11, 5)
    (function,) = told["functions"]
    assert (function["name"], function["worst_conflicts"], function["worst_given_up"]) == ("m:add", 20, 2)
    assert told["odds"] == [{"odds": 1.0, "reader": "m:add", "writer": "m:add"}]
    (exhausted,) = told["exhaustion"]
    assert exhausted["arrivals"] == {"per_second": 200.0, "seed": 4, "takes_ms": 30.0, "trials": 50}
    assert exhausted["low"] < exhausted["share"] < exhausted["high"]
    assert {cell["place"]["extent"] for cell in told["cells"]} == {"index"}


def test_it_takes_faults_and_levels(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["conflicts", "counting.py:adding_2", "--level", "1", "--json", "--rate", "1", "--trials", "5"]
    assert main([*command, "--faults", "conflicts=1", "--explorer", "bounded", "--runs", "20"]) == 0
    told = json.loads(capsys.readouterr().out)["conflicts"]
    assert told["level"] == 1
    assert "a write from outside this world" in {writer for cell in told["cells"] for writer, _ in cell["writers"]}


def test_a_world_without_conflicts_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conflicts", "lesson.py:calm", "--runs", "2", "--trials", "5"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("calm: 0 conflicts in 3 runs")
    assert "0 % (no conflict)" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--rate", "1,x"], "argument --rate: '1,x' are no rates: write calls a second, such as 1,10,100"),
        (["--rate", "0"], "argument --rate: '0' are no rates: write calls a second, such as 1,10,100"),
        (["--takes", "0"], "argument --takes: '0' is no time: write how many milliseconds, more than 0"),
        (["--level", "3"], "argument --level: '3' is no level here: write 1 or 2"),
    ],
)
def test_what_means_nothing_is_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "conflicts", "counting.py", *words).startswith(told)
