"""The command line: what it prints, its exit codes, and that whatever goes wrong is one line and never a traceback."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import convexsim
from convexsim.cli import main
from convexsim.cli import terminal as terminal_module
from convexsim.explore.catalogue import EXPLORERS, Settings, explorer_named
from convexsim.simulation import run as run_module

ROOT = Path(__file__).parents[1]
START = "import sys; from convexsim.cli import main; sys.exit(main())"

LESSON = '''\
"""Two people press the same button."""
from convexsim import (
    action, api, define_app, define_schema, define_table, eventually, mutation, query, scenario, sometimes, v
)

schema = define_schema({"counters": define_table({"value": v.number()})})

@query
def read(ctx):
    row = ctx.db.query("counters").first()
    return 0 if row is None else row["value"]

@mutation(args={"value": v.number()})
def write(ctx, value):
    row = ctx.db.query("counters").first()
    if row is None:
        ctx.db.insert("counters", {"value": value})
    else:
        ctx.db.patch(row["_id"], {"value": value})

@action
async def bump(ctx):
    await ctx.run_mutation(api.m.write, {"value": await ctx.run_query(api.m.read) + 1})

app = define_app({"m": {"read": read, "write": write, "bump": bump}}, schema)

@eventually
def two_bumps_make_two(view):
    """Every bump counts."""
    counted = sum(row["value"] for row in view.documents("counters"))
    assert counted == 2, f"two bumps, but {counted} counted"

@scenario(app=app, invariants=[two_bumps_make_two])
def racy(world):
    """Two actions that read first and write later."""
    for name in ("alice", "bob"):
        world.client(name).action(api.m.bump)

@scenario(app=app, invariants=[lambda view: True])
def calm(world):
    """One
    mutation.

    And more about it.
    """
    world.client("alice").mutation(api.m.write, {"value": 1})
'''
CALM_STORY = """\
calm: One mutation.

ms  who      what
 0  alice.1  calls mutation m:write {value: 1}
    alice.1  begins attempt 1 at ts 0
    alice.1  commits as ts 1
               inserts counters/1 {value: 1}
    alice.1  returns null

"""
BROKEN = "  broken: two_bumps_make_two: two bumps, but 1 counted"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with one script, `lesson.py`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")
    return tmp_path


def script(body: str, name: str = "other.py") -> None:
    head = "from convexsim import *\n"
    Path(name).write_text(head + body, encoding="utf-8")


def process(*words: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START, *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True, encoding="utf-8")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the one line in which a command was refused."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("convexsim: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert "Traceback" not in err
    return err.removeprefix("convexsim: ").rstrip("\n")


# --------------------------------------------------------------------------------------------------------------- run


def test_run_tells_the_serial_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "lesson.py:calm"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(CALM_STORY)
    verdict, how, rest = out.removeprefix(CALM_STORY).split("\n")
    assert re.fullmatch(r"calm: nothing broke \(level 2, \d+ steps, 0 ms\)", verdict)
    assert re.fullmatch(r"replay it: convexsim replay lesson\.py 'cs2\.L2\.calm\.0\.[0-9a-v]{7}'", how)
    assert rest == ""


def test_a_broken_run_ends_with_1_and_its_line_repeats_it(capsys: pytest.CaptureFixture[str]) -> None:
    seed = next(seed for seed in range(50) if main(["run", "lesson.py:racy", "--seed", str(seed)]) == 1)
    capsys.readouterr()
    assert main(["run", "lesson.py:racy", "--seed", str(seed)]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.rstrip("\n").split("\n")
    assert lines[0] == "racy: Two actions that read first and write later."
    assert re.fullmatch(r"racy: BROKEN \(level 2, \d+ steps, 0 ms\)", lines[-3])
    assert lines[-2] == BROKEN
    assert "BROKEN two_bumps_make_two: two bumps, but 1 counted" in lines[-5]
    command = shlex.split(lines[-1].removeprefix("replay it: "))
    assert command[0] == "convexsim"
    assert main(command[1:]) == 1
    assert capsys.readouterr().out == out


def test_the_serial_run_of_the_racy_scenario_holds() -> None:
    assert main(["run", "lesson.py:racy"]) == 0


def test_a_seed_gives_one_order_and_another_seed_another(capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for seed in (1, 1, 2, 3, 4, 5):
        main(["run", "lesson.py:racy", "--seed", str(seed)])
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert len(set(outputs)) > 1


def test_the_level_stands_in_the_replay_string(capsys: pytest.CaptureFixture[str]) -> None:
    for level in ("1", "2", "3"):
        assert main(["run", "lesson.py:calm", "--level", level]) == 0
        out = capsys.readouterr().out
        assert f"'cs2.L{level}.calm." in out
        assert f"(level {level}, " in out


def test_steps_are_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "lesson.py:calm", "--steps"]) == 0
    assert "· step 1: Committer handles start" in capsys.readouterr().out


def test_the_scenario_can_be_named_in_two_ways(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["lesson.py:calm"], ["lesson.py", "--scenario", "calm"], ["lesson.py:calm", "--scenario", "calm"]):
        assert main(["run", *words]) == 0
        assert capsys.readouterr().out.startswith("calm: ")
    assert refused(capsys, "run", "lesson.py:calm", "--scenario", "racy") == (
        "Two scenarios are named, 'calm' and 'racy'. Name one."
    )


def test_run_wants_one_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "run", "lesson.py") == (
        "lesson.py defines 2 scenarios: racy, calm. Name one: lesson.py:racy."
    )


def test_failed_calls_and_missed_events_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    script(
        "@mutation\ndef no(ctx): raise RuntimeError('no,\\nnever')\n"
        "@sometimes\ndef seen(view): return False\n"
        "@scenario(app=define_app({'m': {'no': no}}), invariants=[seen])\n"
        "def it(world): world.client('al').mutation(api.m.no)\n"
    )
    assert main(["run", "other.py"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("it\n\nms  who ")
    assert "\n  did not happen in this run: seen\n  failed: al.1: no,\\nnever\n" in out


def test_run_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    script("print('hello')\n" + LESSON)
    assert main(["run", "other.py:racy", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == "hello\n"
    *events, last = [json.loads(line) for line in out.splitlines()]
    told = [event["event"] for event in events if event["activity"] == "alice.1" and event["event"] != "Stepped"]
    assert told == ["Called", "Ended"]
    run = last["run"]
    assert run.pop("replay").startswith("cs2.L2.racy.0.")
    assert run.pop("steps") > 10
    assert run == {
        "scenario": "racy",
        "level": 2,
        "ending": "quiet",
        "now_ms": 0,
        "violations": [],
        "unseen": [],
        "failed_calls": {},
        "drift": [],
    }


# ----------------------------------------------------------------------------------------------------------- explore


def test_explore_runs_every_scenario_and_shows_the_simplest_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "lesson.py", "--runs", "40", "--seed", "7"]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    story, _, calm = out.rpartition("\n\n")
    assert calm == "calm: no failure in 40 runs (random walk, seed 7, level 2)\n"
    assert story.startswith("racy: Two actions that read first and write later.\n\nms  who ")
    assert re.search(r"\nracy: BROKEN after \d+ runs? \(random walk, seed 7, level 2\)\n", story)
    assert f"\n{BROKEN}\n" in story
    (command,) = re.findall(r"\nreplay it: convexsim (.*)$", story)
    assert main(shlex.split(command)) == 1
    assert capsys.readouterr().out.split("\n\n")[1] == story.split("\n\n")[1]


def test_explore_runs_the_scenario_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "lesson.py:calm", "--runs", "1"]) == 0
    assert capsys.readouterr().out == "calm: no failure in 1 run (random walk, seed 0, level 2)\n"


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_explore_offers_every_explorer(explorer: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explore", "lesson.py:calm", "--runs", "3", "--seed", "5", "--explorer", explorer]
    assert main(words) == 0
    named = explorer_named(explorer, Settings(runs=3, seed=5)).name.split(",")[0].split(" (")[0]
    assert f" ({named}" in capsys.readouterr().out


def traces(distinct: int, of: int) -> dict[str, int]:
    return {"distinct_traces": distinct, "traced_runs": of}


def test_explore_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "lesson.py", "--runs", "40", "--level", "3", "--json"]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [next(iter(line)) for line in told] == ["finding", "report", "clock", "report", "clock"]
    racy, calm = (line["report"] for line in told if "report" in line)
    finding = racy.pop("finding")
    (seen,) = racy.pop("findings")
    assert seen.pop("times") == 1
    assert told[0]["finding"] == {"scenario": "racy", **seen}
    assert seen["replay"] == finding["replay"]
    (violation,) = finding["violations"]
    assert violation["invariant"] == "two_bumps_make_two"
    assert violation["message"] == "two bumps, but 1 counted"
    assert finding["found_at_run"] == racy.pop("runs")
    assert finding["choices_after"] <= finding["choices_before"]
    assert finding["is_minimal"]
    (switch,) = finding["switches"]
    assert (switch["kind"], switch["at_ms"]) == ("switch", 0)
    assert switch["what"] == "bob.1.1 begins m:read before alice.1.2 begins m:write"
    assert finding["replay"].startswith("cs2.L3.racy.")
    common = {"explorer": "random walk, seed 0", "seed": 0, "level": 3, "exhausted": False, "interrupted": False}
    common |= {"unreached": [], "failed_calls": {}, "differs_from_step": None, "faults": "none", "unseen": None}
    common |= {"random_values": 0}
    assert racy == {"scenario": "racy", "holds": False, "distinct_ends": 2, **traces(1, of=1), **common}
    assert calm.pop("findings") == []
    common |= {"finding": None, "runs": 40, "distinct_ends": 1, **traces(1, of=8)}
    assert calm == {"scenario": "calm", "holds": True, **common}
    clock = told[-1]["clock"]
    assert sorted(clock) == ["runs_per_second", "scenario", "seconds", "workers"]


def test_what_never_happens_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    script(
        "@sometimes\ndef seen(view): return False\n"
        "@scenario(app=define_app({}), invariants=[seen])\ndef it(world): pass\n"
    )
    assert main(["explore", "other.py", "--runs", "2"]) == 1
    assert "never happened: seen" in capsys.readouterr().out


def test_the_same_seed_prints_the_same_bytes_in_every_process() -> None:
    outputs = []
    for hash_seed in ("1", "2"):
        with process("explore", "lesson.py", "--runs", "30", PYTHONHASHSEED=hash_seed) as explored:
            outputs.append(explored.communicate())
            assert explored.returncode == 1
    assert outputs[0] == outputs[1]
    assert outputs[0][1] == ""


class Terminal(io.StringIO):
    """An error stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter(number * 0.0625 for number in range(1_000))
    monkeypatch.setattr(terminal_module, "monotonic", lambda: next(seconds))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["explore", "lesson.py:calm", "--runs", "5"]) == 0
    first, second = (
        f"calm: [{bar}] {n} of 5 runs, 16 runs/s, 0 s left" for bar, n in (("####......", 2), ("########..", 4))
    )
    assert terminal.getvalue() == f"\r{first}\r{second}\r{' ' * len(second)}\r"
    assert capsys.readouterr().out == "calm: no failure in 5 runs (random walk, seed 0, level 2)\n"


def test_nobody_looking_means_no_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    hours = iter(range(0, 3_600_000, 3_600))
    monkeypatch.setattr(terminal_module, "monotonic", lambda: next(hours))
    assert main(["explore", "lesson.py:calm", "--runs", "5"]) == 0
    assert capsys.readouterr().err == ""


# ------------------------------------------------------------------------------------------------------------ replay


def test_replay_refuses_what_is_no_string_of_this_file(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "lesson.py:calm", "--json"])
    good = json.loads(capsys.readouterr().out.splitlines()[-1])["run"]["replay"]
    assert "'nonsense' is no replay string" in refused(capsys, "replay", "lesson.py", "nonsense")
    assert "is not the replay string that was printed" in refused(capsys, "replay", "lesson.py", good[:-1])
    assert "Here are: racy." in refused(capsys, "replay", "lesson.py:racy", good)
    assert main(["replay", "lesson.py", good]) == 0
    assert capsys.readouterr().out.startswith(CALM_STORY)


def test_replay_after_an_edit_says_where_it_has_drifted(capsys: pytest.CaptureFixture[str]) -> None:
    main(["explore", "lesson.py:racy", "--json"])
    string = json.loads(capsys.readouterr().out.splitlines()[0])["finding"]["replay"]
    script(LESSON.replace('("alice", "bob")', '("carol", "alice", "bob")').replace("counted == 2", "counted == 3"))
    assert main(["replay", "other.py:racy", string]) == 1
    out = capsys.readouterr().out
    assert "\n  drifted: the code has changed since the string was recorded; the same breaks\n" in out
    assert re.search(
        r"\n    moved: switch at step \d+: bob\.1\.1 begins m:read before alice.* \(choice \d, was \d\)\n", out
    )
    exactly = shlex.split(out.splitlines()[-1].removeprefix("replay it: convexsim "))
    assert main([exactly[0], "other.py:racy", exactly[2]]) == 1
    assert "drifted" not in capsys.readouterr().out
    script(LESSON.replace("counted == 2", "counted < 3"))
    assert main(["replay", "other.py:racy", string, "--json"]) == 0
    drift = json.loads(capsys.readouterr().out.splitlines()[-1])["run"]["drift"]
    assert drift == [
        "drifted: the code has changed since the string was recorded; what broke then does not break any more"
    ]
    script(LESSON.replace('("alice", "bob")', '("alice",)'))
    assert "is never offered any more" in refused(capsys, "replay", "other.py:racy", string)


def test_replay_as_json_is_the_run_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    codes = []
    for seed in range(20):
        codes.append(main(["run", "lesson.py:racy", "--seed", str(seed), "--level", "1", "--json"]))
        out = capsys.readouterr().out
        run = json.loads(out.splitlines()[-1])["run"]
        assert codes[-1] == (1 if run["violations"] else 0)
        assert main(["replay", "lesson.py", run["replay"], "--json"]) == codes[-1]
        assert capsys.readouterr().out == out
    assert 0 in codes
    assert 1 in codes


# ------------------------------------------------------------------------------------------------- wrong usage, files


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["wun"], "There is no command 'wun'. Did you mean 'run'? (see convexsim --help)"),
        (["help", "wun"], "There is no command 'wun'. Did you mean 'run'? (see convexsim --help)"),
        (["run"], "the following arguments are required: SCENARIO.py[:NAME] (see convexsim run --help)"),
        (
            ["run", "lesson.py", "--level", "4"],
            "argument --level: '4' is no level here: write 1, 2 or 3 (see",
        ),
        (["explore", "lesson.py", "--runs", "many"], "argument --runs: invalid int value: 'many'"),
        (["explore", "lesson.py", "--runs", "0"], "A random walk of 0 runs explores nothing."),
        (["explore", "lesson.py", "--runs", "0", "--explorer", "pct"], "A PCT search of 0 runs explores nothing."),
        (
            ["explore", "lesson.py", "--explorer", "psychic"],
            "there is no explorer 'psychic'. There are: bounded, ",
        ),
        (["explore", "lesson.py", "--explorer", "dpro"], "there is no explorer 'dpro'. Did you mean 'dpor'?"),
        (["explore", "lesson.py", "--zzz"], "unrecognized arguments: --zzz. There are: --color, --explorer, "),
        (["explore", "lesson.py", "--fats", "none"], "--fats none. Did you mean '--faults'? (see convexsim explore"),
        (["explore", "lesson.py", "--run", "3"], "unrecognized arguments: --run 3. Did you mean '--runs'?"),
        (["run", "lesson.py", "calm"], "unrecognized arguments: calm (see convexsim run --help)"),
        (["replay", "lesson.py"], "the following arguments are required: STRING"),
        (["run", "lesson.py:clam"], "There is no scenario 'clam'. Did you mean 'calm'?"),
        (["run", "leson.py"], "There is no file leson.py. Did you mean 'lesson.py'?"),
        (["run", "lesson"], "There is no file lesson. Did you mean 'lesson.py'?"),
        (["run", "zzz.py"], "There is no file zzz.py. There are: lesson.py."),
        (["run", "empty/zzz.py"], "There is no file empty/zzz.py. There is no script in "),
        (["run", "."], ". is a folder. Name one of the scripts in it: lesson.py."),
        (["run", "away/lesson.py"], "There is no folder away. Say where the script is."),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert said in refused(capsys, *words)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"", "bad.py defines no scenario. Decorate a function with @scenario(app=...)."),
        (b"import os\n\nx = 1 / 0\n", "bad.py:3: ZeroDivisionError: division by zero"),
        (b"x = 1\ndef f(:\n", "bad.py:2: SyntaxError: invalid syntax"),
        (b"import nonesuch\n", "bad.py:1: ModuleNotFoundError: No module named 'nonesuch'"),
        (b"import sys\nsys.exit(1)\n", "bad.py:2: SystemExit: 1"),
        (b"raise ValueError('one\\n\\ttwo')\n", "bad.py:1: ValueError: one two"),
        (b"assert False\n", "bad.py:1: AssertionError"),
        (b"import json\njson.loads('{')\n", "bad.py:2: JSONDecodeError: Expecting property name"),
        (b"import helper\n", "helper.py:2: KeyError: 'away'"),
        (
            b"from convexsim import mutation\n@mutation\nasync def f(ctx): pass\n",
            "bad.py:2: The handler of the mutation f must be a plain `def`",
        ),
    ],
)
def test_a_script_that_cannot_be_loaded_is_one_line(
    source: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.py").write_bytes(source)
    Path("helper.py").write_text("def f():\n    return {}['away']\nf()\n")
    for command in (["run"], ["explore"], ["replay"]):
        words = [*command, "bad.py", *(["cs2.L2.a.0.000000"] if command == ["replay"] else [])]
        assert refused(capsys, *words).startswith(said)
        sys.modules.pop("helper", None)


@pytest.mark.parametrize("source", [b"x = 1\n\x00", b"x = '\xff'\n"])
def test_bytes_that_are_no_script_are_one_line(source: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.py").write_bytes(source)
    line = refused(capsys, "run", "bad.py")
    assert line.startswith("bad.py")
    assert "inside convexsim" not in line


def test_a_file_that_is_no_script_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("notes.txt").write_text("")
    assert refused(capsys, "run", "notes.txt") == "notes.txt is no Python script: its name does not end with .py."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("world.clinet('a')", "other.py:6: World has no 'clinet'. Did you mean 'client'?"),
        ("world.client('a b')", "other.py:6: 'a b' cannot name a client or scenario."),
        ("world.client('a').mutation(api.m.use)", "other.py:3: The world has no external object 'away'."),
        (
            "world.client('a').mutation(use)",
            "other.py:6: The client 'a' cannot call <FunctionDefinition>: a function is",
        ),
        ("raise SystemExit(1)", "other.py:6: SystemExit: 1"),
        ("world.external('x', 5)", "other.py:6: The world cannot have an external object 'x' with the plan 5."),
        (
            "world.client('x').entries.append(5)\n    world.client('y').wait('1')",
            "other.py:7: A client cannot wait for '1'.",
        ),
    ],
)
def test_a_scenario_that_fails_by_itself_is_one_line(body: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    script(
        "@mutation\ndef use(ctx): ctx.external('away').take()\n"
        f"@scenario(app=define_app({{'m': {{'use': use}}}}))\ndef it(world):\n    {body}\n"
    )
    assert refused(capsys, "run", "other.py").startswith(said)
    assert refused(capsys, "explore", "other.py").startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@scenario(app=APP)\nasync def it(world): pass\n", "The scenario it is no plain `def`"),
        ("@scenario(app=APP)\ndef it(world): yield\n", "The scenario it is no plain `def`"),
        ("@scenario(app=APP)\nasync def it(world): yield\n", "The scenario it is no plain `def`"),
        ("@scenario(app=APP)\ndef it(): pass\n", "The scenario it does not take one parameter, the World."),
        ("@scenario(app=APP)\ndef it(a, b): pass\n", "The scenario it does not take one parameter, the World."),
        ("@scenario(app=None)\ndef it(world): pass\n", "null is no app. Write app=define_app(...)."),
        ("@scenario(app=APP, platform=5)\ndef it(world): pass\n", "5 is no platform."),
        ("@scenario(app=APP, invariants=len)\ndef it(world): pass\n", "<builtin_function_or_method> is no list of"),
    ],
)
def test_a_scenario_that_would_test_nothing_is_refused(
    text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    script(text.replace("APP", "define_app({})"))
    assert refused(capsys, "explore", "other.py").startswith(f"other.py:2: {said}")


def test_an_error_without_a_text_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    script("class Mute(BaseException):\n    def __str__(self): raise ValueError\nraise Mute\n")
    assert refused(capsys, "run", "other.py") == "other.py:4: Mute: (its text cannot be made)"


def test_a_single_run_tells_all_of_the_time_and_what_was_scheduled_and_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    script(
        "@mutation\ndef fail(ctx): raise ValueError('a late slip')\n"
        "@mutation\ndef plan(ctx): [ctx.scheduler.run_after(12_345_678, api.m.fail) for _ in range(2)]\n"
        "@scenario(app=define_app({'m': {'fail': fail, 'plan': plan}}))\n"
        "def it(world): world.client('a').mutation(api.m.plan)\n"
    )
    assert main(["run", "other.py"]) == 0
    told = capsys.readouterr().out
    assert "steps, 12345678 ms)\n" in told
    assert "\n  failed scheduled functions: 2, m:fail: a late slip\n" in told


def test_an_invariant_that_fails_by_itself_is_told_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    script(
        "def odd(view):\n    return len(view)\n@scenario(app=define_app({}), invariants=[odd])\ndef it(world): pass\n"
    )
    assert refused(capsys, "explore", "other.py").startswith("other.py:3: The invariant odd itself failed: TypeError")


def test_a_bug_of_convexsim_is_no_violation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> None:
        raise AssertionError("the impossible")

    monkeypatch.setattr(run_module, "judge", broken)
    assert "AssertionError: the impossible" in refused(capsys, "run", "lesson.py:racy")
    assert main(["run", "lesson.py:racy", "--traceback"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.split("\n")[-2].startswith("convexsim: ")


# ---------------------------------------------------------------------------------------------------- importing scripts


def test_scenarios_come_in_the_order_of_their_definition(capsys: pytest.CaptureFixture[str]) -> None:
    script(
        "app = define_app({})\n"
        "@scenario(app=app)\ndef second(world): pass\n"
        "first = second.variant('first')\n"
        "again = second\n"
        "@scenario(app=app)\ndef also(world): pass\n"
    )
    assert main(["explore", "other.py", "--runs", "1"]) == 0
    named = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert named == ["second", "first", "also"]


def test_two_scenarios_of_one_name_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    script(
        "app = define_app({})\n"
        "@scenario(app=app)\ndef it(world): pass\n"
        "earlier = it\n"
        "@scenario(app=app)\ndef it(world): pass\n"
    )
    assert refused(capsys, "explore", "other.py") == (
        "other.py defines two scenarios with the name 'it'. Rename one: reports and replay strings go by the name."
    )


def test_the_scripts_folder_and_the_current_one_are_importable(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "beside_it.py").write_text("A = 'a'")
    (folder / "where_i_stand.py").write_text("B = 'b'")
    library = importlib.import_module("random")
    script("import beside_it, where_i_stand\n@scenario(app=define_app({}))\ndef it(world): pass\n", "sub/random.py")
    before = sys.path.copy()
    try:
        assert main(["run", "sub/random.py"]) == 0
    finally:
        for name in ("beside_it", "where_i_stand"):
            sys.modules.pop(name, None)
    assert capsys.readouterr().out.startswith("it\n\nNothing happened.\n")
    assert sys.path == before
    assert not [name for name in sys.modules if name.startswith("scenario_")]
    assert sys.modules["random"] is library


def test_a_path_with_a_space_can_be_pasted_back(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my lesson.py").write_text(LESSON)
    assert main(["run", "my lesson.py:calm"]) == 0
    command = capsys.readouterr().out.splitlines()[-1].removeprefix("replay it: ")
    assert command.startswith("convexsim replay 'my lesson.py' 'cs2.")
    assert main(shlex.split(command)[1:]) == 0


@pytest.mark.parametrize(("on_the_path", "program"), [("/bin/convexsim", "convexsim"), (None, ".venv/bin/convexsim")])
def test_the_line_names_the_program_as_it_can_be_found(
    on_the_path: str | None, program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/convexsim", "run"])
    monkeypatch.setattr(shutil, "which", lambda _name: on_the_path)
    assert main(["run", "lesson.py:calm"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"replay it: {program} replay lesson.py 'cs2.")


# --------------------------------------------------------------------------------------------------- the process itself


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"convexsim {convexsim.__version__}\n"
    for words in (["--help"], ["run", "--help"], ["explore", "--help"], ["replay", "--help"]):
        assert main(words) == 0
        out, err = capsys.readouterr()
        assert err == ""
        for code in ("0 ", "1 ", "2 ", "130 "):
            assert f"\n  {code}" in out


def test_the_exit_code_reaches_the_shell() -> None:
    for words, code in ((["run", "lesson.py:calm"], 0), (["explore", "lesson.py"], 1), (["run", "no.py"], 2)):
        with process(*words) as done:
            done.communicate()
            assert done.returncode == code


def test_a_reader_that_leaves_early_is_no_violation() -> None:
    script("print('x' * 200_000)\n" + LESSON)
    with process("run", "other.py:calm") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(1)
        running.stdout.close()
        assert running.wait() == 141
        assert running.stderr.read() == ""


def test_a_reader_that_never_came_is_no_violation() -> None:
    # So little is written at the very end only, unless the environment (as of some CI) asks for the contrary.
    with process("run", "lesson.py:calm", PYTHONUNBUFFERED="") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.wait() == 141
        assert running.stderr.read() == ""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["help", "help explore", "--version", "completion bash"])
def test_whoever_does_not_read_help_either_is_left_alone(words: str, unbuffered: str) -> None:
    with process(*words.split(), PYTHONUNBUFFERED=unbuffered) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.wait() == 141
        assert running.stderr.read() == ""


def test_a_closed_output_is_no_bug_of_convexsim() -> None:
    for words, code in (("run lesson.py:calm", 0), ("explore lesson.py", 1), ("--help", 0)):
        closed = ["sh", "-c", f'exec "$0" -c "$1" {words} >&-', sys.executable, START]
        done = subprocess.run(closed, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (code, "")


def test_two_closed_outputs_are_none_either() -> None:
    closed = ["sh", "-c", 'exec "$0" -c "$1" explore lesson.py:calm --runs 2 >&- 2>&-', sys.executable, START]
    assert subprocess.run(closed, check=False).returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("words", ["run lesson.py:calm", "run lesson.py:calm --json", "explore lesson.py:calm"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_output_is_no_bug_of_convexsim(words: str, unbuffered: str) -> None:
    full = ["sh", "-c", f'exec "$0" -c "$1" {words} >/dev/full', sys.executable, START]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(full, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    said = "The output cannot be written: No space left on device. Let it go where there is room."
    told = json.loads(done.stderr)["error"]["message"] if "--json" in words else done.stderr
    assert told == (said if "--json" in words else f"convexsim: {said}\n")


def test_a_script_that_cannot_open_a_file_is_told_by_its_own_line(capsys: pytest.CaptureFixture[str]) -> None:
    script("open('nowhere')\n")
    assert refused(capsys, "run", "other.py").startswith("other.py:2: FileNotFoundError")


def test_the_package_is_the_command() -> None:
    called = [sys.executable, "-m", "convexsim", "run", "lesson.py:calm"]
    done = subprocess.run(called, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nreplay it: python -m convexsim replay lesson.py 'cs2." in done.stdout


def test_a_terminal_without_arrows_gets_the_story_too() -> None:
    with process("run", "lesson.py:racy", PYTHONIOENCODING="ascii", PYTHONUTF8="0") as running:
        out, err = running.communicate()
    assert (running.returncode, err) == (0, "")
    assert "changes counters/1 value: 1 \\u2192 2" in out


ENDLESS = """
from pathlib import Path
app = define_app({})
@eventually
def marked(view):
    Path("mark").touch()
    return SAYS
@scenario(app=app, invariants=[marked])
def first(world): pass
@scenario(app=app, invariants=[marked])
def second(world): pass
"""


STOPPING = "convexsim: stopping after this run (again to stop at once)\n"


def interrupted(words: list[str], times: int = 1) -> tuple[int, str, str]:
    """Run a command, press Ctrl-C once it is at work, and return its exit code and what it printed."""
    with process(*words) as running:
        for pressed in range(times):
            wait_for(Path("mark").exists if pressed == 0 else Path("asked").exists)
            running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    return running.returncode, out, err


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError


def test_ctrl_c_ends_an_exploration_between_two_runs() -> None:
    script(ENDLESS.replace("SAYS", "True"))
    code, out, err = interrupted(["explore", "other.py", "--runs", "100000000"])
    assert code == 130
    told, *estimate = out.splitlines()
    assert re.fullmatch(r"first: interrupted; no failure in [\d,]+ runs? \(random walk, seed 0, level 2\)", told)
    assert [line for line in estimate if not line.startswith(("  1 distinct end in ", "  NOBODY CALLED"))] == []
    assert err == f"{STOPPING}convexsim: interrupted; not explored: second\n"


def test_what_was_found_before_ctrl_c_counts() -> None:
    script("@eventually\ndef no(view): return False\n" + ENDLESS.replace("SAYS", "True").replace("[marked]", "[no]", 1))
    code, out, err = interrupted(["explore", "other.py", "--runs", "100000000"])
    assert code == 1
    assert "first: BROKEN after 1 run" in out
    assert "\nsecond: interrupted; no failure in " in out
    assert err == STOPPING


STUCK = """
import signal
from pathlib import Path
@scenario(app=define_app({}))
def it(world):
    Path("mark").touch()
    while True:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            Path("asked").touch()
"""


def test_a_second_ctrl_c_ends_the_process_whatever_it_does() -> None:
    script(STUCK)
    code, _, err = interrupted(["explore", "other.py"], times=2)  # the first is answered though that run never ends
    assert (code, err) == (-signal.SIGINT, STOPPING)


def test_ctrl_c_ends_a_single_run_at_once() -> None:
    script(STUCK)
    code, _, err = interrupted(["run", "other.py"])
    assert (code, err) == (-signal.SIGINT, "convexsim: interrupted\n")


def test_ctrl_c_is_as_before_afterwards() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for words in (["run", "lesson.py:calm"], ["explore", "lesson.py:calm", "--runs", "1"], ["run", "no.py"]):
            main(words)
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
