"""Running a lesson: what its script prints, as it stands or with the line of its question changed.

Owns how a text is run that need not be what stands in the file. What a lesson is stands in `lesson.py`; what is printed
here is shown by `cli/lessons.py`.
"""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager, redirect_stdout
from importlib.abc import ExecutionLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from convexsim.testing.lesson import Lesson

__all__ = ["printed_by"]


def printed_by(lesson: Lesson, source: str) -> str:
    """Return what a lesson prints when a text runs in the place of its script.

    Args:
        lesson: whose components and modules the text may import.
        source: that of the lesson, or that of its change.

    Raises:
        BaseException: whatever the text raises, as if it stood in the script.

    """
    loader = _Loader(lesson.path, source)
    spec = spec_from_loader("__main__", loader)
    assert spec is not None, "a loader was given"
    printed = io.StringIO()
    with redirect_stdout(printed), _importable(lesson.path.resolve().parent):
        loader.exec_module(module_from_spec(spec))
    return printed.getvalue()


class _Loader(ExecutionLoader):
    """Python's way to a module, for a text that stands in no file; errors in it name the script."""

    def __init__(self, path: Path, source: str) -> None:
        self._path = path
        self._source = source

    def get_filename(self, fullname: str) -> str:
        """Return where errors are said to be."""
        return str(self._path)

    def get_source(self, fullname: str) -> str:
        """Return the text."""
        return self._source


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a script import what stands beside it, and beside its folder, as the components of a checkout do."""
    before = sys.path.copy()
    sys.path[:0] = [str(folder), str(folder.parent)]
    try:
        yield
    finally:
        sys.path[:] = before
