"""Files are written whole or not at all; what was kept of a matrix and was damaged since is not believed."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from convexsim.cli import main
from convexsim.simulation.files import write_whole
from tests.test_matrix_command import TOY, tabulated


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_was_there_stays_until_all_of_the_new_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "certificate"
    write_whole(path, "old\n")
    path.chmod(0o640)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            write_whole(path, "new\n")
    assert [each.name for each in tmp_path.iterdir()] == ["certificate"]
    assert path.read_text(encoding="utf-8") == "old\n"
    write_whole(path, "new\n")
    assert (path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == ("new\n", 0o640)


def test_what_is_no_file_of_its_own_is_written_in_its_place(tmp_path: Path) -> None:
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)
    write_whole(link, "new\n")
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8") == "new\n"
    write_whole(Path(os.devnull), "gone")
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(
    "damage",
    [b"\xff\xfe\x00", b'{"found": 7, "asked": 3}', b"[" * 5_000],
    ids=lambda damage: repr(damage[:24]),
)
def test_a_leg_that_is_none_and_those_behind_it_are_explored_again(damage: bytes, tmp_path: Path) -> None:
    _, whole = tabulated(tmp_path, "--faults", "N")
    kept = tmp_path / "matrix.jsonl"
    lines = kept.read_bytes().splitlines()
    kept.write_bytes(b"\n".join([*lines[:2], damage, *lines[3:]]))
    assert tabulated(tmp_path, "--faults", "N", "--resume")[1] == whole
    assert sorted(kept.read_bytes().splitlines()) == sorted(lines)


def test_a_leg_of_another_version_is_not_counted(tmp_path: Path) -> None:
    _, whole = tabulated(tmp_path, "--faults", "N")
    kept = tmp_path / "matrix.jsonl"
    lines = kept.read_text(encoding="utf-8").splitlines()
    strange = json.dumps({**json.loads(lines[1]), "version": "another"})
    kept.write_text("\n".join([lines[0], strange, *lines[2:]]), encoding="utf-8")
    assert tabulated(tmp_path, "--faults", "N", "--resume")[1] == whole


def test_a_leg_that_cannot_be_kept_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = Path.open

    def refused(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        return full() if mode == "a" else opened(path, mode, *args, **options)

    monkeypatch.setattr(Path, "open", refused)
    assert main(["matrix", TOY, "--budget", "1", "--faults", "N", "--store", str(tmp_path)]) == 2
    said = f"{tmp_path}/matrix.jsonl cannot be written: No space left on device. Mend that, and go on with --resume."
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("module", ["", ".x", "a..b", "a b", "-"])
def test_what_can_be_no_module_offers_no_matrix(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "--", module]) == 2
    assert f"There is no module {module!r}: this is no name of a module." in capsys.readouterr().err
