"""Campaigns on the command line: workers, the findings store, what a stop in the middle loses, and wrong usage."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from attrs import evolve

from convexsim.cli import courses, main
from convexsim.cli import terminal as terminal_module
from convexsim.cli.store import Findings, Identity, Store
from convexsim.cli.terminal import Progress
from convexsim.explore import block
from convexsim.explore.block import Plan, Sighting, Tally
from convexsim.explore.campaign import MOST_RUNS, Campaign, Goal
from convexsim.functions.memory import Memory
from convexsim.simulation import Scenario, memory_for
from convexsim.testing.scenario_file import open_scenarios
from tests.pages import Page
from tests.test_cli import LESSON, ROOT, START, STOPPING, Terminal, refused, script, wait_for

STORE = Path(".convexsim/findings.sqlite")
RENAMED = LESSON.replace('("alice", "bob")', '("zoe", "yan", "xia")').replace("counted == 2", "counted == 3")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with one script, `lesson.py`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")
    return tmp_path


def lines(text: str) -> list[dict[str, Any]]:
    """Return what was told in JSON, without what depends on the machine and on the hour."""
    return [line for line in map(json.loads, text.splitlines()) if "clock" not in line]


def explored(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    code = main(["explore", *words, "--json"])
    out, err = capsys.readouterr()
    assert err == ""
    return code, lines(out)


def begun(*words: str) -> subprocess.Popen[str]:
    """Begin a command in a group of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command, pipe = [sys.executable, "-c", START, *words], subprocess.PIPE
    return subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def is_gone(group: int) -> bool:
    """Whether no process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@contextmanager
def as_somebody_who_may_not_write() -> Iterator[None]:
    """Give up for a while what root may do and nobody else."""
    user = os.geteuid()
    os.seteuid(user or 65_534)
    try:
        yield
    finally:
        os.seteuid(user)


def rows(query: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(STORE)) as database, database:
        return database.execute(query, values).fetchall()


def blocks() -> int:
    return len(rows("SELECT * FROM blocks")) if STORE.exists() and rows("PRAGMA user_version") == [(1,)] else 0


# -------------------------------------------------------------------------------------------------------------- workers


def test_how_many_workers_there_are_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--runs", "220", "--keep-going"]
    alone, two, three = (
        explored(capsys, "lesson.py", *words, "--no-store", "--workers", workers) for workers in ("1", "2", "3")
    )
    assert alone[0] == 1
    assert [next(iter(line)) for line in alone[1]] == ["finding", "report", "report"]
    assert alone == two == three
    assert [line["report"]["traced_runs"] for line in alone[1][1:]] == [44, 44]


def test_what_searches_in_one_piece_has_a_worker_for_each_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for workers in ("1", "4"):
        assert main(["explore", "lesson.py", "--explorer", "dpor", "--workers", workers]) == 1
        outputs.append(capsys.readouterr())
    (out, silence), (same, said) = outputs
    assert (out, silence) == (same, "")
    assert said == "convexsim: dpor searches each scenario in one piece: for 2 scenarios, 2 of the workers will do\n"
    assert main(["explore", "lesson.py:calm", "--explorer", "dpor", "--workers", "2"]) == 0
    said = "convexsim: dpor searches each scenario in one piece: for 1 scenario, 1 of the workers will do\n"
    assert capsys.readouterr().err == said


def test_what_one_block_has_worked_out_the_next_one_recalls(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun_with: list[str] = []

    def begin(scenario: Scenario) -> Memory:
        begun_with.append(scenario.name)
        return memory_for(scenario)

    monkeypatch.setattr(block, "memory_for", begin)
    explored(capsys, "lesson.py", "--runs", "220", "--keep-going", "--no-store")
    assert begun_with == ["racy", "calm"]


FATAL = """
import os, signal
from pathlib import Path
@scenario(app=define_app({}))
def it(world):
    if not Path(NAME).exists():
        Path("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_block_of_a_worker_that_dies_is_explored_by_another_one(capsys: pytest.CaptureFixture[str]) -> None:
    script(FATAL.replace("NAME", "'died'"))
    code, (told,) = explored(capsys, "other.py", "--runs", "150", "--workers", "2")
    assert (code, told["report"]["runs"]) == (0, 150)


def test_a_block_in_which_two_workers_die_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    script(FATAL.replace("NAME", "'never'"))
    said = refused(capsys, "explore", "other.py", "--runs", "150", "--workers", "2")
    assert re.match(r"A worker has died in block [01] of it, and so has another one: killed by signal 9\. ", said)


def test_what_fails_in_a_worker_is_told_as_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    script("@scenario(app=define_app({}))\ndef it(world): world.nonesuch()\n")
    assert refused(capsys, "explore", "other.py", "--workers", "2") == refused(capsys, "explore", "other.py")


def test_what_a_script_prints_or_asks_for_is_no_answer_of_a_worker(capfd: pytest.CaptureFixture[str]) -> None:
    script(
        "print('{}')\nimport os, sys\n@scenario(app=define_app({}))\n"
        "def it(world):\n    print(sys.stdin.read())\n    os.write(1, b'{}\\n')\n"
    )
    assert main(["explore", "other.py", "--runs", "120", "--workers", "2", "--json"]) == 0
    assert [line["report"]["runs"] for line in lines(capfd.readouterr().out)] == [120]


# --------------------------------------------------------------------------------------------------- stopped in between


def test_a_campaign_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["lesson.py:calm", "--runs", "1200", "--workers", "2"]
    with begun("explore", *words, "--json") as killed:
        wait_for(lambda: blocks() >= 2)
        os.killpg(killed.pid, signal.SIGKILL)
    assert 2 <= blocks() < 12
    whole = explored(capsys, "lesson.py:calm", "--runs", "1200", "--no-store")
    assert explored(capsys, *words, "--resume") == whole
    assert blocks() == 12


def test_what_is_done_is_not_done_again(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> dict[str, int]:
        _, (told,) = explored(capsys, "lesson.py:calm", "--runs", "250", "--resume")
        found: dict[str, int] = told["report"]["failed_calls"]
        return found

    explored(capsys, "lesson.py:calm", "--runs", "230")
    for number in (1, 2):  # block 2 had 30 runs and is now to have 50
        ((text,),) = rows("SELECT tally FROM blocks WHERE number = ?", number)
        marked = json.dumps({**json.loads(text), "failed_calls": {f"mark {number}": 1}})
        rows("UPDATE blocks SET tally = ? WHERE number = ?", marked, number)
    assert fails() == {"mark 1": 1}
    explored(capsys, "lesson.py:calm", "--runs", "250")
    assert fails() == {}


def test_a_script_that_was_changed_begins_anew(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explore", "lesson.py:calm", "--runs", "5", "--resume"]
    assert main(words) == 0
    Path("lesson.py").write_text(LESSON + "# changed\n", encoding="utf-8")
    for said in ("convexsim: lesson.py has changed since; the exploration of calm begins anew\n", ""):
        assert main(words) == 0
        assert capsys.readouterr().err == said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_with_what_was_found_and_leaves_nobody(workers: str) -> None:
    with begun("explore", "lesson.py:calm", "--runs", "100000000", "--workers", workers) as process:
        wait_for(lambda: blocks() >= 1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, STOPPING)
    assert re.match(r"calm: interrupted; no failure in [\d,]+ runs \(random walk, seed 0, level 2\)\n", out)
    assert is_gone(process.pid)


STUCK = """
from pathlib import Path
@scenario(app=define_app({}))
def it(world):
    Path("mark").touch()
    while True: pass
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_workers_that_are_stuck_in_a_run_end_with_the_command(number: signal.Signals) -> None:
    script(STUCK)
    with begun("explore", "other.py", "--workers", "2") as process:
        wait_for(Path("mark").exists)
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    wait_for(lambda: is_gone(process.pid))


# ----------------------------------------------------------------------------------------------------------- how long


@pytest.mark.parametrize("explorer", ["random", "exhaustive"])
def test_as_many_runs_as_fit_in_the_time(
    explorer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = count(0.0, 0.125)
    monkeypatch.setattr(courses, "monotonic", lambda: next(seconds))
    code, (_, told) = explored(capsys, "lesson.py:racy", "--keep-going", "--time", "5.5", "--explorer", explorer)
    assert code == 1
    assert 10 < told["report"]["runs"] < 44
    assert not told["report"]["interrupted"]


def test_until_certain(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["lesson.py:calm", "--until-certain", "95%", "--unseen", "0.05"]
    code, (told,) = explored(capsys, *words)
    assert (code, told["report"]["runs"]) == (0, 200)
    assert told["report"]["unseen"] == {"confidence": 0.95, "runs": 200, "share": pytest.approx(0.0429, abs=1e-4)}
    assert main(["explore", *words]) == 0
    assert "95% sure that less than 4.3 % of such runs end otherwise" in capsys.readouterr().out


def test_the_line_on_a_terminal_says_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(terminal_module, "monotonic", count(0.0, 2.0).__next__)
    with open_scenarios(Path("lesson.py")) as (racy, calm):
        told: list[tuple[Plan, Goal, list[str], float | None]] = [
            (Plan(), Goal(1_200), ["c"] * 20, None),
            (Plan("dpor"), Goal(MOST_RUNS), ["c", "d"] * 50, 90.0),
            (Plan(level=1), Goal(MOST_RUNS), [], 90.0),
        ]
        for plan, goal, traces, seconds in told:
            campaign = Campaign(racy, plan, goal)
            size = campaign.next_block().runs  # type: ignore[union-attr]
            campaign.add(Tally(0, size, 100, keys=["a", "b"] * 50, trace_keys=traces))
            with Progress(calm.name, before=40) as progress:
                progress.show(140, campaign, seconds)
    assert terminal.getvalue().replace(" ", "").split() == [
        "calm:[#.........]140of1,200runs,50runs/s,1distincttracein20ofthem,lessthan7.1%unseen,21sleft",
        "calm:140runs,50runs/s,2distincttraces,88sleft",
        "calm:140runs,50runs/s,2distinctends,lessthan7.1%unseen,88sleft",
    ]


# --------------------------------------------------------------------------------------------------------------- store


def test_findings_are_listed_once_each_and_can_be_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("renamed.py").write_text(RENAMED, encoding="utf-8")
    for seed in ("1", "2", "3"):
        explored(capsys, "lesson.py", "--seed", seed, "--runs", "40")
    explored(capsys, "renamed.py:racy", "--keep-going", "--runs", "40")
    assert main(["findings"]) == 0
    head, *table = capsys.readouterr().out.splitlines()
    assert head.split() == ["property", "scenario", "level", "times", "replay", "it"]
    assert len(table) >= 2
    assert re.match(r"two_bumps_make_two  racy          2 +3  convexsim replay lesson\.py 'cs", table[0])
    for row in table:
        assert main(shlex.split(row[row.index("convexsim replay") :])[1:]) == 1
    capsys.readouterr()
    for named, number in (("lesson.py", 1), ("renamed.py:racy", len(table) - 1), ("renamed.py:calm", 0)):
        assert main(["findings", named, "--json"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == number


def test_a_finding_says_who_saw_it_first(capsys: pytest.CaptureFixture[str]) -> None:
    for seed in ("5", "4", "5"):
        explored(capsys, "lesson.py:racy", "--seed", seed, "--level", "L3", "--explorer", "sticky")
    assert main(["findings", "--json"]) == 0
    (told,) = lines(capsys.readouterr().out)
    found = told["finding"]
    assert re.fullmatch(r"cs\d\.L3\.racy\..*", found.pop("replay"))
    assert len(found.pop("shape")) == 12
    assert found.pop("run") > 1
    assert found == {
        "file": "lesson.py",
        "scenario": "racy",
        "level": 3,
        "faults": "",
        "invariant": "two_bumps_make_two",
        "message": "two bumps, but 1 counted",
        "times": 2,
        "explorer": "sticky",
        "seed": 5,
    }


SEEN: Final = Sighting("holds", "no", "a", (), "cs2.1", found_at_run=1, choices_before=1, is_minimal=True)


def test_a_block_that_was_not_explored_to_its_end_is_kept_for_its_failures_alone(folder: Path) -> None:
    mine = Identity("lesson.py", "racy", "random", 0, 2, "", keeps_going=True, script="one")
    with Store(folder) as store:
        store.begin(mine, resume=False)
        store.keep(mine, Tally(0, 100, 100, sightings=[SEEN, evolve(SEEN, shape="b", replay="cs2.2")]))
        store.keep(mine, Tally(1, 100, 40, sightings=[evolve(SEEN, shape="c", replay="cs2.3")], is_whole=False))
        store.keep(mine, Tally(2, 100, error="lesson.py:3: KeyError"))
        assert [tally.block for tally in store.begin(mine, resume=True)] == [0]
        assert store.begin(evolve(mine, script="other"), resume=True) == []
        assert store.begin(mine, resume=False) == []
    with Findings(folder) as found:
        assert [(each.shape, each.replay) for each in found.findings()] == [
            ("a", "cs2.1"),
            ("b", "cs2.2"),
            ("c", "cs2.3"),
        ]


def test_findings_can_be_read_by_whoever_may_not_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "lesson.py:racy", "--runs", "40", "--store", "kept"]) == 1
    capsys.readouterr()
    with TemporaryDirectory() as away:  # where others may look, too: the folder of a test is its user's alone
        kept = Path(away) / "kept"
        shutil.move("kept", kept)
        for path, mode in ((Path(away), 0o755), (kept, 0o555), (kept / STORE.name, 0o444)):
            path.chmod(mode)
        with as_somebody_who_may_not_write():
            code = main(["findings", "--store", str(kept)])
        kept.chmod(0o755)
        assert (code, [path.name for path in kept.iterdir()]) == (0, [STORE.name])
    assert capsys.readouterr().out.splitlines()[1].startswith("two_bumps_make_two  racy  ")


def test_nothing_found_is_no_error_and_makes_no_store(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["findings"]) == 0
    assert capsys.readouterr().out == "no findings yet in .convexsim\n"
    assert main(["findings", "lesson.py:calm", "--store", "away"]) == 0
    assert capsys.readouterr().out == "no findings of lesson.py:calm yet in away\n"
    assert main(["explore", "lesson.py:calm", "--runs", "2", "--no-store"]) == 0
    assert not STORE.parent.exists()


def garbage() -> None:
    STORE.write_bytes(b"no database, but long enough to look like one" * 20)


def newer() -> None:
    rows("PRAGMA user_version = 9")


def foreign() -> None:
    rows("CREATE TABLE other (x)")


def no_folder() -> None:
    STORE.parent.rmdir()
    STORE.parent.write_text("a file", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (garbage, "cannot be used: file is not a database."),
        (newer, "is no store of this version of convexsim (9, not 1)."),
        (foreign, "is no store of this version of convexsim (0, not 1)."),
        (no_folder, "cannot be made: File exists."),
    ],
)
def test_a_store_that_is_none_is_one_line(spoil: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    STORE.parent.mkdir()
    spoil()
    advice = "Name another folder with --store DIR, or take that one away; explore also takes --no-store."
    for words in (["explore", "lesson.py"], ["findings"]):
        why = said.replace("made: File exists", "read: Not a directory") if words == ["findings"] else said
        assert refused(capsys, *words) == f"{STORE} {why} {advice}"
    assert main(["explore", "lesson.py:calm", "--runs", "1", "--store", "another/one"]) == 0
    assert Path("another/one/findings.sqlite").exists()


@pytest.mark.parametrize("tally", ["garbage", "{}", "[]", '{"sightings": [], "learnt": [], "other": 1}'])
def test_blocks_that_nobody_has_written_are_one_line(tally: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "lesson.py:calm", "--runs", "2"]) == 0
    capsys.readouterr()
    rows("UPDATE blocks SET tally = ?", tally)
    told = refused(capsys, "explore", "lesson.py:calm", "--runs", "2", "--resume")
    assert told.startswith(f"{STORE} holds blocks that no convexsim has written. Name another folder with --store DIR")


# ------------------------------------------------------------------------------------------------- faults, wrong usage

LOSSY = """
class M:
    @mutation
    def add(ctx): ctx.db.insert("rows", {})
@eventually
def added(view): return view.calls()[0].error is None
@scenario(app=define_app({"m": M}), invariants=[added], faults=Faults(disconnects=1))
def it(world): world.client("al").mutation(api.m.add)
"""


def test_faults_can_be_planned_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    script(LOSSY)
    assert main(["explore", "other.py", "--faults", "none"]) == 0
    assert main(["explore", "other.py"]) == 1
    capsys.readouterr()
    assert main(["explore", "other.py", "--faults", "disconnects=2, skewed=1,skews_ms=5000/-200"]) == 1
    out = capsys.readouterr().out
    assert "level 2, faults: at most 2 disconnects, 1 skew)" in out
    (command,) = re.findall(r"\nreplay it: convexsim (.*)$", out, re.MULTILINE)
    assert main(shlex.split(command)) == 1
    assert main(["findings"]) == 0
    assert [row.endswith("-200'") for row in capsys.readouterr().out.splitlines()[-2:]] == [False, True]


EXPIRING = """
class M:
    @mutation
    def open(ctx):
        ctx.db.insert("carts", {})
        ctx.scheduler.run_after(1_000, internal.m.expire)
    @query
    def there(ctx): return ctx.db.query("carts").first() is not None
    @internal_mutation
    def expire(ctx): ctx.db.delete(ctx.db.query("carts").first()["_id"])
@eventually
def seen(view): return view.calls()[1].result
@scenario(app=define_app({"m": M}), invariants=[seen])
def it(world):
    al = world.client("al")
    al.mutation(api.m.open)
    al.query(api.m.there)
"""


def test_steps_may_be_late_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    script(EXPIRING)
    assert main(["explore", "other.py", "--runs", "50"]) == 0
    assert main(["explore", "other.py", "--runs", "50", "--faults", "late_ms=999"]) == 0
    assert "level 2, steps up to 999 ms late)" in capsys.readouterr().out
    assert main(["explore", "other.py", "--runs", "50", "--faults", "late_ms=inf"]) == 1
    out = capsys.readouterr().out
    assert "level 2, steps however late)" in out
    assert "al.2 (begin) 1000 ms late" in out
    (command,) = re.findall(r"\nreplay it: convexsim (.*)$", out, re.MULTILINE)
    assert command.endswith(" --faults late_ms=inf")
    assert main(shlex.split(command)) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--runs", "5", "--time", "5"], "argument --time: not allowed with argument --runs"),
        (["--until-certain", "95%", "--time", "5"], "argument --time: not allowed with argument --until-certain"),
        (
            ["--until-certain", "95"],
            "argument --until-certain: '95' is no share between none and all: write it as 95%",
        ),
        (["--until-certain", "100%"], "argument --until-certain: '100%' is no share between none and all"),
        (["--unseen", "1%"], "--unseen says when --until-certain is content, which was not asked for."),
        (["--until-certain", "95%", "--explorer", "pct"], "How much is unseen can be said of independent runs, "),
        (["--until-certain", "95%", "--explorer", "dpor"], "How much is unseen can be said of independent runs, "),
        (["--time", "0"], "argument --time: '0' is no time: write how many seconds, more than 0"),
        (["--time", "nan"], "argument --time: 'nan' is no time"),
        (["--workers", "0"], "argument --workers: '0' is no number of workers: write 1 to 256"),
        (["--workers", "two"], "argument --workers: 'two' is no number of workers"),
        (["--level", "L4"], "argument --level: 'L4' is no level here: write 1, 2 or 3"),
        (["--level", "low"], "argument --level: 'low' is no level here: write 1, 2 or 3"),
        (["--resume", "--no-store"], "Nothing is kept with --no-store, so --resume has nothing to go on with."),
        (["--runs", "0", "--explorer", "lockstep"], "0 runs explore nothing."),
        (["--faults", "crash=1"], "--faults: there is no fault 'crash'. Did you mean 'crashes'?"),
        (["--faults", "crashes=many"], "--faults: crashes=many is no number of faults. Write crashes=1, say."),
        (["--faults", "late_ms=x"], "--faults: late_ms=x is no time. Write late_ms=1000, say, or late_ms=inf."),
        (["--faults", "late_ms=-1"], "There is no Platform(late_ms=-1). Give a number of ms, 0 or more"),
        (["--faults", "crashes=-1"], "Faults(crashes=-1) is no number of faults."),
        (["--faults", "crashes=1,crashes=2"], "--faults: crashes is there twice. Say once how often."),
        (["--faults", "skewed=1"], "Faults(skewed=1, skews_ms=[]) is half a plan."),
        (["--faults", "skewed=1,skews_ms=soon"], "--faults: skews_ms=soon is no list of clocks."),
        (["--faults", ""], "--faults: there is no fault ''."),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_wrong_usage_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused(capsys, "explore", "lesson.py", *words)


# ------------------------------------------------------------------------------------------------------------- the page


def test_the_page_shows_what_its_commands_print(capsys: pytest.CaptureFixture[str]) -> None:
    page = Page.read(ROOT / "docs" / "exploration.md")
    Path("seats.py").write_text(page.block("example: explorers").rpartition("\n\n\nfor ")[0], encoding="utf-8")
    shown = ""
    for line in re.findall(r"^\$ (.*)$", page.block("commands: campaign"), re.MULTILINE):
        command, _, tail = line.partition(" | tail -n ")
        main(shlex.split(command)[1:])
        out = capsys.readouterr().out.splitlines(keepends=True)
        shown += f"$ {line}\n{''.join(out[-int(tail) :] if tail else out)}"
    assert shown == page.block("commands: campaign")
