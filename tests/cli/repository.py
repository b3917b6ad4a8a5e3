"""A folder that looks like the repository, so that what commands write does not land in there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
RECORDED: Final = Path("tests/conformance/serial.jsonl")
LINES_OF_SCRIPTS: Final = 3


def looks_like_the_repository(folder: Path) -> Path:
    """Fill a folder; of the recorded scripts it has a few lines only. Return it."""
    for name in ("scenarios", "components", "docs"):
        (folder / name).symlink_to(ROOT / name)
    (folder / RECORDED.parent).mkdir(parents=True)
    lines = (ROOT / RECORDED).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / RECORDED).write_text("".join(lines[:LINES_OF_SCRIPTS]), encoding="utf-8")
    return folder
