"""A terminal for tests: somebody types at a program, and what is shown is kept."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

from attrs import frozen

PATIENCE_S: Final = 10.0


@frozen
class Sat:
    """What came of sitting at a terminal: all that was shown, and the exit code of the program."""

    shown: str
    code: int


def sit(command: Sequence[str], conversation: Sequence[tuple[str, str]], env: Mapping[str, str]) -> Sat:
    """Run a program at a terminal: wait for each text in turn and type what is said to it; then wait for the end.

    Raises:
        TimeoutError: a text is not shown, or the program does not end.

    """
    ours, theirs = pty.openpty()
    program = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True)
    os.close(theirs)
    shown, seen, deadline = "", 0, monotonic() + PATIENCE_S
    left = [*conversation]
    while (arrived := _read(ours, deadline)) is not None:
        shown += arrived
        while left and (found := shown.find(left[0][0], seen)) >= 0:
            seen = found + len(left[0][0])
            os.write(ours, left.pop(0)[1].encode())
    os.close(ours)
    if left:
        program.kill()
        msg = f"{left[0][0]!r} was not shown in {shown!r}"
        raise TimeoutError(msg)
    return Sat(shown, program.wait(PATIENCE_S))


def _read(terminal: int, deadline: float) -> str | None:
    """Return what is shown next; None at the end, which comes as an error, or when time is over."""
    if not select.select([terminal], [], [], max(0.0, deadline - monotonic()))[0]:
        return None
    try:
        return os.read(terminal, 1 << 16).decode(errors="replace")
    except OSError:
        return None
