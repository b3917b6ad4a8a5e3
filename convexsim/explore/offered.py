"""What a run could have done otherwise: the options of each of its choices, in words.

Owns the repetition that notes them; a run itself keeps only how many there were. `tree.py` makes a tree of them, and
the page of a run lists them (`testing/record.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from convexsim.choices import ListedChoices, label_of
from convexsim.explore.switches import words_of
from convexsim.simulation import run_again

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.choices import Choices, Kind, Option
    from convexsim.simulation import Run

__all__ = ["Offered", "offered_in"]


@frozen
class Offered:
    """One choice of a run: what it was about, what there was, and the number of what was taken."""

    kind: Kind
    options: tuple[str, ...]
    taken: int


def offered_in(run: Run) -> tuple[Run, tuple[Offered, ...]]:
    """Repeat a run; return it, with its events, and its choices in their order."""
    watched = _Watched(ListedChoices(run.indexes))
    again = run_again(run, watched)
    return again, tuple(watched.offered)


class _Watched:
    """Choices that note what each choice was among."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self.offered: list[Offered] = []

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Answer as the others do."""
        words = tuple(words_of(label_of(option)) for option in options)  # before it is handled: labels change with it
        taken = self._choices.choose(kind, options)
        self.offered.append(Offered(kind, words, taken))
        return taken
