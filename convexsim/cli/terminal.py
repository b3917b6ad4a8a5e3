"""Whoever sits before the terminal: how far a command is, and what Ctrl-C does.

Owns the line of progress and the handling of SIGINT. Nothing of it reaches a run. Used by whatever takes long.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

from convexsim.explore.campaign import MOST_RUNS
from convexsim.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from convexsim.explore.campaign import Campaign

__all__ = ["Interrupt", "Progress", "end_at_once", "interruption"]

_PROGRESS_S: Final = 0.1
_BAR: Final = 10
_FAST: Final = 10
"""From so many a second on nobody asks for tenths."""


class Progress:
    """A line on the terminal that says how far something is; nothing at all if nobody looks.

    Args:
        name: of the scenario, or of whatever takes long.
        before: how many were done at another time.
        unit: what is counted.

    """

    def __init__(self, name: str, before: int = 0, unit: str = "runs") -> None:
        self._name, self._before, self._unit = name, before, unit
        self._is_watched = sys.stderr.isatty()
        self._begun = self._shown_at = monotonic()
        self._width = 0

    def show(self, runs: int, campaign: Campaign, seconds: float | None) -> None:
        """Say how far it is, unless that was said just now.

        Args:
            runs: how many are done, also in blocks that are not.
            campaign: what is known of it.
            seconds: how much real time there is in all; None for as much as it takes.

        """
        if not self._is_due():
            return
        unseen = campaign.meter.unseen
        told = []
        if campaign.meter.distinct:
            told.append(_distinct(campaign))
        if campaign.is_sample and unseen is not None:
            told.append(f"less than {100 * unseen.share:.2g} % unseen")
        of = campaign.goal.runs if campaign.goal.runs < MOST_RUNS else None
        left = None if seconds is None else seconds - (self._shown_at - self._begun)
        self._tell(runs, of, left, told)

    def count(self, done: int, of: int | None = None) -> None:
        """Say how many are done, of how many at most if anybody knows, unless that was said just now."""
        if self._is_due():
            self._tell(done, of, None, [])

    def _tell(self, done: int, of: int | None, left: float | None, more: list[str]) -> None:
        rate = (done - self._before) / (self._shown_at - self._begun)
        if left is None and of is not None and rate:
            left = (of - done) / rate
        bar, whole = ("", "") if of is None else (f" [{'#' * (_BAR * done // max(of, 1)):.<{_BAR}}]", f" of {of:,}")
        speed = f"{rate:,.0f}" if rate >= _FAST else f"{rate:,.1f}"
        told = [f"{done:,}{whole} {self._unit}", f"{speed} {self._unit}/s", *more]
        if left is not None:
            told.append(f"{max(0.0, left):,.0f} s left")
        self._print(f"{self._name}:{bar} {', '.join(told)}")

    def _is_due(self) -> bool:
        """Whether it is time to say something; it counts as said."""
        now = monotonic()
        if not self._is_watched or now - self._shown_at < _PROGRESS_S:
            return False
        self._shown_at = now
        return True

    def _print(self, text: str) -> None:
        print(f"\r{text:<{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            print(f"\r{'':{self._width}}\r", end="", file=sys.stderr, flush=True)


def _distinct(campaign: Campaign) -> str:
    """Return how many distinct traces there were, and in how many runs if not in all; where none are told, ends."""
    traces = campaign.traces
    if not traces.runs:
        return counted(campaign.meter.distinct, "distinct end")
    among = f" in {traces.runs:,} of them" if traces.runs < campaign.meter.runs else ""
    return f"{counted(traces.distinct, 'distinct trace')}{among}"


class Interrupt:
    """Ctrl-C during an exploration: the first one ends it between two runs and says so, the second one the process.

    A KeyboardInterrupt in the middle of a run would be lost: Pykka's loop catches it.
    """

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Note the first Ctrl-C; a run may take long, so whoever waits for its end is told at once."""
        self.asked = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        end_of_progress = b"\n" if sys.stderr.isatty() else b""
        os.write(2, end_of_progress + b"convexsim: stopping after this run (again to stop at once)\n")


def end_at_once(number: int, _frame: FrameType | None) -> None:
    """Say so, and end the process as Ctrl-C does by itself, so that a shell stops too."""
    os.write(2, b"convexsim: interrupted\n")
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


@contextmanager
def interruption(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let Ctrl-C do this for a while; outside of the main thread Python has no say in it."""
    try:
        before = signal.signal(signal.SIGINT, handler)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
