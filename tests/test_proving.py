"""The commands `certify` and `verify`: what they print, their exit codes, and what they refuse in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convexsim.cli import main, proving
from tests.test_cli import LESSON, refused


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder with one script, `lesson.py`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")


def test_what_is_certified_can_be_verified_until_it_is_edited(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certify", "lesson.py:calm", "proof"]) == 0
    assert "convexsim verify says what they prove" in capsys.readouterr().out
    assert main(["verify", "lesson.py:calm", "proof"]) == 0
    assert capsys.readouterr().out.startswith("calm holds in every order at level 3: ")
    assert main(["verify", "lesson.py:calm", "proof", "--faults", "crashes=1", "--json"]) == 1
    assert (
        json.loads(capsys.readouterr().out)["verdict"]["refused"] == "it is about other faults than here: certify again"
    )


def test_what_breaks_gets_no_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certify", "lesson.py:racy", "proof"]) == 1
    assert "racy: BROKEN" in capsys.readouterr().out
    assert not Path("proof").exists()


@pytest.mark.parametrize(
    ("place", "why"),
    [(".", "Is a directory"), ("none/proof", "No such file or directory"), ("lesson.py/proof", "Not a directory")],
)
def test_a_place_where_nothing_can_be_written_is_refused_before_the_search(
    place: str, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(proving, "certify")
    told = f"{place} cannot be written: {why}. Name a file in a folder that is there and may be written to."
    assert refused(capsys, "certify", "lesson.py:calm", place) == told


def test_an_earlier_certificate_survives_a_search_that_gives_none() -> None:
    Path("proof").write_text("earlier", encoding="utf-8")
    assert main(["certify", "lesson.py:racy", "proof"]) == 1
    assert Path("proof").read_text(encoding="utf-8") == "earlier"


def test_what_is_no_certificate_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    advice = "Write one with: convexsim certify SCENARIO.py:NAME FILE."
    assert refused(capsys, "verify", "lesson.py:calm", "lesson.py") == (
        f"lesson.py is no certificate: it is not JSON, a line each. {advice}"
    )
