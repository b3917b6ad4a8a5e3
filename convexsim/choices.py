"""The one door for nondeterminism: every order, back-off and draw of a run is asked for here.

Owns the question (`Choices`), the answerers (`FirstChoices`, `RandomChoices`, `ListedChoices`) and the record that
makes a run repeatable (`ChoiceRecord`). A run is nothing but its list of choices; `explore/replay.py` spells such a
list as a short string. Knows no actor: an option is anything with a label. Next: `actors/dispatcher.py`, which asks.

Option 0 always means "go on as simply as possible": continue the activity that ran last, else the oldest; no delay.
So the list of zeros is the plain serial run, and a simpler list is a simpler story.
"""

from __future__ import annotations

import random
import re
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Literal, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "LONGEST_ACTIVITY",
    "ChoiceRecord",
    "Choices",
    "FirstChoices",
    "Kind",
    "ListedChoices",
    "Option",
    "RandomChoices",
    "Taken",
    "activity_below",
    "root_of",
    "run_anew",
]

LONGEST_ACTIVITY: Final = 120
"""Characters of an activity's path, from which on it is abbreviated."""
_ABBREVIATED: Final = 12
_RUN_ANEW: Final = re.compile(r"(.*?)(?:r(\d+))?", re.DOTALL)
_FAULT_RATES: Final = (1 / 3, 1 / 10, 1 / 40)
"""How often a fault strikes where it could, in runs of different temper."""

Kind = Literal["step", "backoff", "fault", "random"]
"""What a choice is about: which enabled step runs next, how long a retry waits, whether a fault strikes here, or what
Math.random gives."""


@lru_cache(maxsize=65_536)
def root_of(activity: str) -> str:
    """Return whose thread of control an activity belongs to: the client, or the scheduled function, it runs under.

    The grammar of activities: ``alice.2`` is the second call of client alice, ``alice.2.1`` the first call that an
    action running there makes, ``alice.2+1`` the first function that it schedules, which is a root of its own; so is
    ``cron:cleanup+3``, the third run of a cron. What runs anew after a fault says so: ``alice.2r1``, ``alice.2+1r1``.
    """
    scheduled, plus, rest = activity.rpartition("+")
    return scheduled + plus + rest.partition(".")[0]


def activity_below(activity: str, step: str) -> str:
    """Return the path of what an activity calls (``.1``) or schedules (``+1``).

    A chain that goes on for ever would make its paths longer and longer: beyond `LONGEST_ACTIVITY` characters the way
    there is abbreviated to its beginning and a digest of it, as in ``alice.1+1~5f3a90c1b2d4+1``. It still says who, and
    two ways never share a digest.
    """
    path = activity + step
    if len(path) <= LONGEST_ACTIVITY:
        return path
    digest = blake2b(activity.encode(), digest_size=8).hexdigest()
    return f"{activity[:_ABBREVIATED].rstrip('.+')}~{digest}{step}"


def run_anew(activity: str, by: int = 1) -> str:
    """Return the path of an invocation that runs once more after a fault, with ids of its own: ``alice.2r1``.

    Args:
        activity: the path so far.
        by: how far to count on; more than one where runs have been lost that nobody remembers.

    """
    before, again = _RUN_ANEW.fullmatch(activity).groups()  # type: ignore[union-attr] # it matches everything
    return f"{before}r{int(again or 0) + by}"


class Option(Protocol):
    """One way to go on.

    Attributes:
        activity: whose step it is: the path of the invocation, as in ``alice.1``.
        phase: what the step does: ``begin``, ``commit``, or the name of a message.
        number: its place in the order of arrival.

    """

    @property
    def activity(self) -> str:
        """Whose step it is."""
        ...

    @property
    def phase(self) -> str:
        """What the step does."""
        ...

    @property
    def number(self) -> int:
        """Its place in the order of arrival."""
        ...


class Choices(Protocol):
    """Whoever answers the choices of one run."""

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the index of one of at least two options."""
        ...


class FirstChoices:
    """Always the simplest option: the serial run."""

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return 0."""
        return 0


class RandomChoices:
    """A draw at every choice, repeatable from its seed.

    Steps are drawn uniformly. A back-off is none at all half of the time: in virtual time a wait ends when nothing else
    is left to run, so among eight equal waits a loser would hardly ever meet the same rivals again. Faults are rarer or
    more frequent from one run to the next: nobody knows how many places there are where one could strike.
    """

    def __init__(self, seed: int | str) -> None:
        self.draw: Final = random.Random(seed).random
        """The next number, 0 or more and less than 1; for who draws steps in another way."""
        self._fault_rate = 0.0

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return a drawn index."""
        drawn = self.draw()
        if kind == "backoff":
            drawn = max(0.0, 2 * drawn - 1)
        elif kind == "fault":
            return self._fault(drawn, len(options))
        return int(drawn * len(options))

    def _fault(self, drawn: float, count: int) -> int:
        if not self._fault_rate:
            self._fault_rate = _FAULT_RATES[int(self.draw() * len(_FAULT_RATES))]
        if drawn >= self._fault_rate:
            return 0
        return 1 + int(drawn / self._fault_rate * (count - 1))


class ListedChoices:
    """The choices of a list, then the simplest option for ever.

    An index that is too large for its choice is kept in `misfits` and answered with 0: the list was recorded on
    something else. Whoever replays a string treats that as an error; a shrinker does not mind.
    """

    def __init__(self, indexes: Iterable[int]) -> None:
        self._indexes: Final = tuple(indexes)
        self._at = 0
        self.misfits: list[int] = []

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the next index of the list."""
        at, self._at = self._at, self._at + 1
        if at >= len(self._indexes):
            return 0
        index = self._indexes[at]
        if index >= len(options):
            self.misfits.append(at)
            return 0
        return index

    @property
    def unused(self) -> int:
        """How many entries of the list no choice has asked for."""
        return max(0, len(self._indexes) - self._at)


@frozen
class Taken:
    """One choice as it was made: how many options there were, which was taken, and what it was."""

    kind: Kind
    index: int
    count: int
    activity: str
    phase: str


class ChoiceRecord:
    """Passes every question on and remembers the answer; a choice among one option is no choice."""

    __slots__ = ("_answer", "taken")

    def __init__(self, choices: Choices) -> None:
        self._answer = choices.choose
        self.taken: list[tuple[Kind, int, int, Option]] = []

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Answer with the inner choices and write it down."""
        count = len(options)
        if count == 1:
            return 0
        index = self._answer(kind, options)
        assert 0 <= index < count, f"choice {len(self.taken)} answered {index} among {count} options"
        self.taken.append((kind, index, count, options[index]))
        return index

    @property
    def indexes(self) -> tuple[int, ...]:
        """The run as a list of choices; feeding it to `ListedChoices` repeats the run."""
        return tuple(index for _, index, _, _ in self.taken)

    def labelled(self) -> list[Taken]:
        """Return the choices with what was chosen, for people and for the check of a replay string."""
        return [Taken(kind, index, count, option.activity, option.phase) for kind, index, count, option in self.taken]
