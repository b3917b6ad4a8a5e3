"""Patience: a function of somebody's own that never comes to its end ends the command instead.

Owns how long one is waited for, and how such a function is noticed: by a timer of the process that looks, every few
seconds, whether it is still at the same call. A run counts its steps, and a transaction what it uses; a loop inside of
one handler passes neither. Nothing of it reaches a run: it goes on as if nobody had looked, or not at all.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from convexsim.errors import UsageError
from convexsim.testing.scenario_file import is_ours, is_own

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["patience"]

LOOKS_S: Final = 5.0
MOST_LOOKS: Final = 12
"""So often a call may be met: what sleeps, or is stopped by its shell, is not looked at meanwhile."""
_DEBUGGERS: Final = ("bdb", "pdb", "pydevd", "debugpy")


@contextmanager
def patience() -> Iterator[None]:
    """Look after calls for a while, in the main thread, unless somebody else has use for the timer."""
    try:
        before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    except (AttributeError, ValueError):  # a system without it, or another thread
        yield
        return
    signal.signal(signal.SIGALRM, before)
    if before is not signal.SIG_DFL or signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0):
        yield
        return
    signal.signal(signal.SIGALRM, _Looks())
    signal.setitimer(signal.ITIMER_REAL, LOOKS_S, LOOKS_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


class _Looks:
    """What was met at the last look, and how often in a row."""

    def __init__(self) -> None:
        self._met: tuple[FrameType, FrameType | None] | None = None
        self._looks = 0

    def __call__(self, _number: int, frame: FrameType | None) -> None:
        """Look; a call that was met too often is told, from its own midst."""
        call = _outermost_call(frame)
        met = None if call is None else (call, call.f_back)  # the frame of a coroutine outlives what it awaits
        self._looks = self._looks + 1 if met is not None and met == self._met else 0
        self._met = met
        if call is not None and self._looks >= MOST_LOOKS:
            msg = f"{call.f_code.co_name} has been at work for {LOOKS_S * MOST_LOOKS:.0f} s in one call."
            raise UsageError(msg, next_step="Look for a loop without an end; a function is to be done in moments.")


def _outermost_call(frame: FrameType | None) -> FrameType | None:
    """Return the first frame of somebody's own that convexsim has called; none where somebody debugs."""
    found = None
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _DEBUGGERS:
            return None
        caller = frame.f_back
        if caller is not None and is_ours(caller.f_code) and is_own(frame.f_code):
            found = frame
        frame = caller
    return found
