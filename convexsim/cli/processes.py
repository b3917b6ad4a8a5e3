"""Processes of our own that work for a command, and lines of JSON between them and it.

Owns both ends of the pipe: `Child` is such a process as the command sees it, `Parent` the command as that process sees
it. None outlives the command, whatever it does: it ends with its input. What they tell each other, `hands.py` and
`matrix_work.py` know.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Child", "Parent"]

_AT_ONCE: Final = 1 << 16
"""Bytes that are read at most without looking round."""


class Child:
    """A process that carries out one function, and ends at the latest with whoever has begun it.

    Args:
        serve: a function of a module, without arguments, which makes itself a `Parent` first.

    Attributes:
        answers: where what it tells arrives, to be waited for.
        is_dead: whether it will tell no more.

    """

    def __init__(self, serve: Callable[[], None]) -> None:
        module, name = serve.__module__, serve.__qualname__
        program = f"import sys; sys.path[:] = {sys.path!r}; from {module} import {name}; {name}()"
        command, pipe = [sys.executable, "-c", program], subprocess.PIPE
        with _shielded():
            self._process: Final = subprocess.Popen(command, stdin=pipe, stdout=pipe)  # noqa: S603 - it is ourselves
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders: Final[IO[bytes]] = self._process.stdin
        self.answers: Final[IO[bytes]] = self._process.stdout
        self.is_dead = False
        self._unread = b""

    def say(self, told: dict[str, Any]) -> None:
        """Tell it something."""
        with suppress(BrokenPipeError):  # a dead process is met where its answers end
            self._orders.write(_line(told).encode())
            self._orders.flush()

    def heard(self) -> Iterator[dict[str, Any]]:
        """Return what has come from it; waits if nothing has."""
        arrived = os.read(self.answers.fileno(), _AT_ONCE)
        self.is_dead = not arrived
        *lines, self._unread = (self._unread + arrived).split(b"\n")
        return (json.loads(line) for line in lines)

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()

    def end(self) -> int:
        """Wait for its end, and return its exit code; that of a signal is negative."""
        code = self._process.wait()
        with suppress(OSError):
            self._orders.close()
        self.answers.close()
        return code


class Parent:
    """Whoever has begun this process; from now on nothing else reads its input and writes its output."""

    def __init__(self) -> None:
        self._in: Final = os.fdopen(os.dup(0), encoding="utf-8")
        self._out: Final = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # what a script asks for is no order,
        os.dup2(2, 1)  # and what it prints no answer
        sys.stdout = sys.stderr

    def first(self) -> dict[str, Any]:
        """Return what it tells first."""
        told: dict[str, Any] = json.loads(self._in.readline())
        return told

    def listen(self, hear: Callable[[dict[str, Any]], None]) -> None:
        """Hand on what it tells from now on, also while this process is at work; end with it."""
        Thread(target=self._listen, args=[hear], daemon=True).start()

    def _listen(self, hear: Callable[[dict[str, Any]], None]) -> None:
        for line in self._in:
            hear(json.loads(line))
        os._exit(0)

    def say(self, told: dict[str, Any]) -> None:
        """Tell it something."""
        print(_line(told), end="", file=self._out, flush=True)


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, separators=(",", ":")) + "\n"


@contextmanager
def _shielded() -> Iterator[None]:
    """Let processes that begin here never hear of Ctrl-C, which a terminal tells to all: this one decides for them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
