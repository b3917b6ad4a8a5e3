"""Files that are written whole: whoever is killed in the middle of it leaves what was there before.

Owns that alone. What is written, those know who write it: certificates, records of runs, matrices.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Write a file beside its place and then put it there, so that nobody ever sees half of it.

    What is no file of its own, like /dev/stdout, or stands in a folder where nobody may write, is written in its place.

    Raises:
        OSError: it cannot be written; then it is as it was.

    """
    is_other = path.is_symlink() or (path.exists() and not path.is_file())
    if is_other or not os.access(path.parent, os.W_OK):
        path.write_text(text, encoding="utf-8")
        return
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        if path.exists():
            path.open("ab").close()  # whoever may not write into it may not put another in its place
            shutil.copymode(path, unfinished)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
