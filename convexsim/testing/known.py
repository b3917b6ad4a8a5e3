"""The local database of tests: replay strings that were found once, to be tried first the next time.

Owns the files: one for each string, in a folder for each test, written whole or not at all, so that several processes
may write at once. It is a help and no authority: what cannot be read is no string, and what cannot be written is
forgotten. Knows nothing of what a string means.
"""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from convexsim.simulation.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KnownStrings"]

_SUFFIX: Final = ".json"


class KnownStrings:
    """The strings that are known of one test.

    Args:
        folder: of the database; None if there is none.
        test: how pytest names the test.

    """

    def __init__(self, folder: Path | None, test: str) -> None:
        self._test = test
        self._folder = None if folder is None else folder / _digest(test)
        self._found: list[Path] = []

    def read(self) -> tuple[str, ...]:
        """Return the strings, in an order that is always the same."""
        if self._folder is not None:
            with suppress(OSError):
                self._found = sorted(self._folder.glob(f"*{_SUFFIX}"))
        return tuple(string for path in self._found if (string := self._string_in(path)))

    def keep(self, string: str) -> None:
        """Write a string down, if it is one."""
        if self._folder is None or not string:
            return
        path = self._folder / f"{_digest(string)}{_SUFFIX}"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps({"test": self._test, "replay": string}) + "\n")

    def forget(self) -> None:
        """Drop what `read` has found, whatever it is; not what somebody else has written since."""
        for path in self._found:
            with suppress(OSError):
                path.unlink()

    def _string_in(self, path: Path) -> str:
        try:
            written = json.loads(path.read_text(encoding="utf-8"))
            return str(written["replay"]) if written["test"] == self._test else ""
        except (OSError, ValueError, LookupError, TypeError):
            return ""


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
