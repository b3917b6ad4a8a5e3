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
    "Forced",
    "Kind",
    "Label",
    "ListedChoices",
    "Option",
    "RandomChoices",
    "Taken",
    "activity_below",
    "label_of",
    "root_of",
    "run_anew",
]

LONGEST_ACTIVITY: Final = 120
"""Characters of an activity's path, from which on it is abbreviated."""
_ABBREVIATED: Final = 12
_RUN_ANEW: Final = re.compile(r"(.*?)(?:r(\d+))?", re.DOTALL)
_OWNER: Final = re.compile(r"[^.+]*")
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
    """One way to go on. One that is about a function may name it, in an attribute `what`.

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


@frozen
class Label:
    """What an option is, whatever its place among the others.

    Attributes:
        activity: whose step it is.
        phase: what the step does.
        what: the function that it is about, and to which purpose (``start lib:flush``); empty where none is named.

    """

    activity: str
    phase: str
    what: str

    @property
    def owner(self) -> str:
        """The client, or the cron, from which all this comes: what stays if calls are added or left out."""
        return _OWNER.match(self.activity)[0]  # type: ignore[index] # it matches everything

    def fits(self, option: Option) -> bool:
        """Whether an option of another run is this one."""
        return option.activity == self.activity and option.phase == self.phase


def label_of(option: Option) -> Label:
    """Return what an option is; ask before its step is handled."""
    return Label(*_names(option))


def _names(option: Option) -> tuple[str, str, str]:
    return option.activity, option.phase, getattr(option, "what", "")


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


@frozen
class Forced:
    """A choice that is not option 0: what it took, and what would have come by itself.

    Attributes:
        position: its place among all choices of the run, from 0.
        kind: what it is about.
        index: which option it is.
        taken: what that is.
        passed: what option 0 is.

    """

    position: int
    kind: Kind
    index: int
    taken: Label
    passed: Label


class ChoiceRecord:
    """Passes every question on and remembers the answer; a choice among one option is no choice."""

    __slots__ = ("_answer", "_labels", "taken")

    def __init__(self, choices: Choices) -> None:
        self._answer = choices.choose
        self._labels: list[tuple[int, tuple[str, str, str], tuple[str, str, str]]] = []
        self.taken: list[tuple[Kind, int, int, Option]] = []

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Answer with the inner choices and write it down."""
        count = len(options)
        if count == 1:
            return 0
        index = self._answer(kind, options)
        assert 0 <= index < count, f"choice {len(self.taken)} answered {index} among {count} options"
        if index:  # as texts: the option passed over may never be handled, and must not keep the simulation
            self._labels.append((len(self.taken), _names(options[index]), _names(options[0])))
        self.taken.append((kind, index, count, options[index]))
        return index

    @property
    def indexes(self) -> tuple[int, ...]:
        """The run as a list of choices; feeding it to `ListedChoices` repeats the run."""
        return tuple(index for _, index, _, _ in self.taken)

    @property
    def forced(self) -> tuple[Forced, ...]:
        """The choices that are not option 0: all that the run is, besides its scenario."""
        return tuple(
            Forced(position, *self.taken[position][:2], Label(*taken), Label(*passed))
            for position, taken, passed in self._labels
        )

    def labelled(self) -> list[Taken]:
        """Return the choices with what was chosen, for people and for the check of a replay string."""
        return [Taken(kind, index, count, option.activity, option.phase) for kind, index, count, option in self.taken]
