"""`convexsim show`, `play` and `--report`: what is written where, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convexsim.cli.commands import main
from convexsim.explore.replay import replay
from convexsim.testing.scenario_file import open_scenarios
from tests.pages import ROOT

SCRIPT = "queue.py"
SOURCE = """
from convexsim import api, define_app, mutation, scenario

add = mutation(lambda ctx, task: ctx.db.insert("tasks", {"task": task}))

@mutation
def take(ctx):
    row = ctx.db.query("tasks").collect()[0]
    ctx.db.delete(row["_id"])
    return row["task"]

def nobody_begins_twice(view):
    assert not view.retried(), "somebody had to begin again"

@scenario(app=define_app({"queue": {"add": add, "take": take}}), invariants=[nobody_begins_twice])
def read_set(world):
    world.client("boss").mutation(api.queue.add, {"task": "wash"})
    for who in ("bob", "alice"):
        world.client(who).wait(1)
    world.client("bob").mutation(api.queue.add, {"task": "dry"})
    world.client("alice").mutation(api.queue.take)
"""
STRING = "cs2.L2.read_set.A9ijqAi9qt.i2d9t94"
PLAIN = "cs2.L2.read_set.0.klrekvq"


def typed(*words: object) -> int:
    return main([str(word) for word in words])


def data_of(page: Path) -> Any:
    text = page.read_text(encoding="utf-8")
    return json.loads(text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0])


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / SCRIPT).write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def test_a_run_is_shown_in_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("show", SCRIPT, STRING) == 1
    shown = capsys.readouterr().out
    assert "bob.1      ●─✗   commits ts 2" in shown
    assert "  broken: nobody_begins_twice: somebody had to begin again" in shown
    assert typed("show", SCRIPT, PLAIN) == 0
    assert "nothing broke" in capsys.readouterr().out


def test_a_page_tells_the_run_that_its_string_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "a.html"
    assert typed("show", SCRIPT, STRING, "--html", page) == 1
    assert f"\n{page}: written\n" in capsys.readouterr().out
    (told,) = data_of(page)
    with open_scenarios(Path(SCRIPT)) as scenarios:
        run = replay(scenarios, STRING).run
    assert (told["scenario"], told["replay"]) == ("read_set", STRING)
    assert f"replay {SCRIPT} '{STRING}'" in told["command"]
    assert [each["invariant"] for each in told["broken"]] == [each.invariant for each in run.violations]
    assert all(len(each["offered"]) == (each["choice"] or [0, 0])[1] for each in told["moments"])
    (hit,) = [each for each in told["moments"] if each["label"].startswith("commits ts 2")]
    assert hit["offered"] == ["bob.1 commits queue:add", "alice.1 commits queue:take"]
    left: dict[str, Any] = {}
    for moment in told["moments"]:
        for write in moment["writes"]:
            left.setdefault(write["table"], {})[write["id"]] = write["value"]
    tasks = [value["task"] for value in left["/tasks"].values() if value is not None]
    assert tasks == [row["task"] for row in run.view.documents("tasks")]


def test_the_nearest_run_that_passes_is_put_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    assert typed("show", SCRIPT, STRING, "--html", page, "--compare") == 1
    failing, passing = data_of(page)
    assert failing["broken"]
    assert not passing["broken"]
    assert typed("show", SCRIPT, STRING, "--html", page, "--compare", PLAIN) == 1
    assert data_of(page)[1]["replay"] == PLAIN


def test_a_saved_run_needs_no_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, one, other = tmp_path / "run.jsonl", tmp_path / "one.html", tmp_path / "other.html"
    assert typed("show", SCRIPT, STRING, "--jsonl", saved, "--html", one) == 1
    assert typed("show", saved, "--html", other) == 1
    (told,), (again,) = data_of(one), data_of(other)
    assert again["moments"] == [{**moment, "forced": [], "offered": []} for moment in told["moments"]]
    assert again["conflicts"] == told["conflicts"]
    capsys.readouterr()
    typed("show", SCRIPT, STRING)
    shown = capsys.readouterr().out
    assert typed("show", saved) == 1
    assert capsys.readouterr().out.partition("read_set: ")[0] == shown.partition("read_set: ")[0]


def test_what_was_found_is_written_and_can_be_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("explore", SCRIPT, "--runs", 50, "--no-store", "--report", tmp_path) == 1
    folder = tmp_path / "read_set" / "1-nobody_begins_twice"
    assert f"\n{folder / 'page.html'}: written\n" in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["page.html", "story.txt", "trace.jsonl"]
    (told,) = data_of(folder / "page.html")
    assert typed("replay", SCRIPT, told["replay"], "--report", tmp_path / "again") == 1
    assert data_of(tmp_path / "again" / "read_set" / "page.html") == [told]
    assert typed("show", folder / "trace.jsonl") == 1
    assert "replay it" in (folder / "story.txt").read_text(encoding="utf-8")


def test_all_orders_are_written_to_be_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "play.html"
    assert typed("play", str(ROOT / "scenarios" / "a_snapshot.py"), "--html", page) == 0
    assert capsys.readouterr().out == f"a_snapshot: 3 orders, 1 of them breaks something\n{page}: written\n"
    data = data_of(page)
    assert (data["count"], data["isComplete"]) == (3, True)
    assert typed("play", str(ROOT / "scenarios" / "a_snapshot.py"), "--html", page, "--orders", 2, "--json") == 0
    told = json.loads(capsys.readouterr().out)["orders"]
    assert (told["orders"], told["is_complete"]) == (2, False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([SCRIPT], "Give the replay string"),
        ([SCRIPT, STRING, "--compare"], "--html FILE"),
        ([SCRIPT, PLAIN, "--html", "/dev/null", "--compare"], "no nearest one that passes"),
        ([SCRIPT, STRING, "--html", "/dev/null/a.html"], "cannot be written"),
        (["nowhere.jsonl"], "cannot be read"),
        (["nowhere.py", STRING], "nowhere.py"),
        ([str(ROOT / "scenarios" / "a_retry.py"), STRING], "which is not here"),
        ([str(ROOT / "tests" / "conformance" / "serial.jsonl")], "no run that was saved"),
        ([str(ROOT / "tests" / "conformance" / "serial.jsonl"), "--mermaid", "/dev/null"], "asks for its script"),
    ],
)
def test_what_cannot_be_shown_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("show", *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_run_in_which_nothing_happens_has_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "empty.jsonl"
    facts = {"scenario": "a", "level": 2, "replay": "cs2"}
    saved.write_text(json.dumps({"run": facts}) + "\n", encoding="utf-8")
    assert typed("show", saved, "--html", tmp_path / "a.html") == 2
    assert "Nothing happened" in capsys.readouterr().err
