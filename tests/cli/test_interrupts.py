"""Ctrl-C: what takes long ends after the run that it is at, tells what it has found, and its code says so."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.test_cli import LESSON, STOPPING, interrupted, process, wait_for

MARKED = LESSON.replace(
    "@scenario(app=app, invariants=[two_bumps_make_two])",
    "from pathlib import Path\n\n@eventually\ndef marked(view):\n    Path('mark').touch()\n\n"
    "@scenario(app=app, invariants=[marked])",
).replace('("alice", "bob")', 'map("client{}".format, range(5))')
"""The lesson with five clients, in which nothing breaks; it tells when it is at work."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesson.py").write_text(MARKED, encoding="utf-8")
    return tmp_path


def test_certify_says_how_far_it_came_and_writes_nothing() -> None:
    code, out, err = interrupted(["certify", "lesson.py:racy", "certificate", "--level", "2"])
    assert code == 130
    assert out.startswith("racy: interrupted; no failure in ")
    assert err == f"{STOPPING}convexsim: certificate is not written: the search did not come to its end\n"
    assert not Path("certificate").exists()


def test_certify_says_it_to_programs_too() -> None:
    code, out, _ = interrupted(["certify", "lesson.py:racy", "certificate", "--level", "2", "--json"])
    told = json.loads(out)["certificate"]
    assert (code, told["is_written"], told["interrupted"], told["finding"]) == (130, False, True, None)


def test_conflicts_reports_what_it_has_seen() -> None:
    code, out, err = interrupted(["conflicts", "lesson.py:racy", "--runs", "1000000"])
    assert code == 130
    if out:  # a run of the walk was done by then
        assert out.startswith("racy: ")
        assert err.startswith(f"{STOPPING}convexsim: interrupted; this is of the ")
    else:
        assert err == f"{STOPPING}convexsim: interrupted\n"


def test_a_matrix_shows_what_it_has_and_how_to_go_on() -> None:
    words = ["matrix", "tests.testing.toy", "--budget", "20000", "--versions", "2", "--faults", "N"]
    with process(*words) as running:
        wait_for((Path(".convexsim") / "matrix.jsonl").exists)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert out.splitlines()[-1] == "interrupted: this is what was found until then; go on with --resume"
    assert err == STOPPING


def test_play_writes_the_orders_that_are_known_by_then() -> None:
    code, out, err = interrupted(["play", "lesson.py:racy", "--html", "play.html", "--orders", "100000"])
    assert (code, err) == (130, STOPPING)
    assert "there are more" in out
    assert '"isComplete":false' in Path("play.html").read_text(encoding="utf-8")
