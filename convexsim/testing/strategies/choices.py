"""Choices: the order of a run, its faults and its waits, drawn while it runs.

What is drawn is where the run is *not* as simple as possible, so it shrinks to the plain serial run: for a stretch of
choices a few places in it; then for the next one, twice as long, if the run gets there. To leave out a place moves no
other one, and what is left out need not be drawn: that is why failures shrink well, also together with a workload.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

from convexsim.choices import Kind, Option

__all__ = ["choices"]

_STRETCH: Final = 16
"""Choices in the first stretch; few enough that a race of two short calls is met soon."""
_OPTIONS: Final = 64
_MOST: Final = 4
"""Forced choices in one stretch."""


@st.composite
def choices(draw: st.DrawFn) -> DrawnChoices:
    """Draw the choices of one run, each when the run asks for it: give them to one `Simulation`, within the test."""
    return DrawnChoices(draw)


class DrawnChoices:
    """Choices that are drawn as they are asked for.

    Args:
        draw: of Hypothesis, good until the test is over.

    """

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._forced: dict[int, int] = {}
        self._at = self._begins = self._ends = 0
        self._draw_stretch()  # now, so that it is drawn in one piece, whatever is drawn before the run gets there

    def __repr__(self) -> str:
        return "choices()"

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return 0, or what is forced here."""
        if self._at == self._ends:
            self._draw_stretch()
        which = self._forced.get(self._at - self._begins)
        self._at += 1
        return 0 if which is None else 1 + which % (len(options) - 1)

    def _draw_stretch(self) -> None:
        length = max(_STRETCH, self._ends)
        self._begins, self._ends = self._ends, self._ends + length
        places = st.tuples(st.integers(0, length - 1), st.integers(0, _OPTIONS - 1))
        self._forced = dict(self._draw(st.lists(places, max_size=_MOST)))
