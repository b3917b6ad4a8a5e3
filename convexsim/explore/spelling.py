"""The spelling of replay strings: a run as one short printable word, and the way back.

Owns the grammar, and the checks in it. Knows no run; what a string means for one stands in `replay.py`.

    string  = "cs2." level "." scenario "." choices "." check
    level   = "L1" | "L2" | "L3"
    choices = "0" | forced+             "0": nothing is forced, the plain serial run
    forced  = gap? option label         all of it in one piece
    gap     = a number from 2 on        how many choices after the last forced one; left out if it is the next one
    option  = capital letters           which option: A is 1, B is 2, … Z is 26, AA is 27
    label   = 4 digits of base 32       one each for: whose step is taken, and whose would have come by itself (its
                                        client or cron); which step is taken, and which would have come (phase and
                                        function). Of more than 8 forced choices only the first digit
    check   = 7 digits of base 32       which invariants broke (2), the whole course of the run (4), the string (1)

As in ``cs2.L2.two_buyers.2A7kq3.0f3a9tc``: in the second choice, instead of going on, let another one come.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from string import ascii_uppercase
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from convexsim.errors import UsageError

if TYPE_CHECKING:
    from convexsim.choices import Label

__all__ = ["Mark", "ReplayString", "checksum", "label_check", "parse"]

_VERSION: Final = "cs2"
_LEVELS: Final = {"L1": 1, "L2": 2, "L3": 3}
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
_LABEL: Final = 4
_MANY: Final = 8
"""Forced choices, beyond which their labels are abbreviated: nobody has an eye for so many, and the word gets long."""
_FORM: Final = "cs2.L2.<scenario>.<choices>.<check>"
_OPTION: Final = re.compile(r"[A-Z]+")
_CHECK: Final = re.compile(r"[0-9a-v]{7}")


@frozen
class Mark:
    """One forced choice as a string tells it.

    Attributes:
        gap: how many choices after the last forced one, from 1.
        index: which option.
        label: the check of what is taken and what is passed over (`label_check`), or the beginning of it.

    """

    gap: int
    index: int
    label: str

    def __str__(self) -> str:
        return f"{self.gap if self.gap > 1 else ''}{_letters(self.index)}{self.label}"


@frozen
class ReplayString:
    """A replay string taken apart.

    Attributes:
        scenario: its name.
        level: the granularity of choices.
        marks: the forced choices.
        verdict: a check of which invariants broke.
        course: a check of everything that was chosen, and of the end.

    """

    scenario: str
    level: int
    marks: tuple[Mark, ...]
    verdict: str
    course: str

    @property
    def indexes(self) -> tuple[int, ...]:
        """The run as its list of choices, up to the last forced one."""
        indexes: list[int] = []
        for mark in self.marks:
            indexes += [0] * (mark.gap - 1)
            indexes.append(mark.index)
        return tuple(indexes)

    def __str__(self) -> str:
        length = _label_length(len(self.marks))
        spelled = [str(evolve(mark, label=mark.label[:length])) for mark in self.marks]
        level = next(name for name, level in _LEVELS.items() if level == self.level)
        string = f"{_VERSION}.{level}.{self.scenario}.{''.join(spelled) or '0'}.{self.verdict}{self.course}"
        return string + checksum(string, 1)


def parse(text: str) -> ReplayString:
    """Take a replay string apart.

    Raises:
        UsageError: it is none, it is one of an earlier version, or it was miscopied.

    """
    given: object = text
    if not isinstance(given, str):
        msg = f"{given!r:.80} is no replay string."
        raise UsageError(msg, code="BadReplayString", next_step="Pass the text that a report prints after `replay:`.")
    string = text.strip()
    version, _, rest = string.partition(".")
    if version == "cs1":
        msg = (
            f"{text!r} was written by an earlier convexsim: it tells which options were taken, but not what they were."
        )
        raise UsageError(msg, code="BadReplayString", next_step="Explore again; what is found has a new string.")
    level, _, rest = rest.partition(".")
    scenario, choices, check = ["", "", *rest.rsplit(".", 2)][-3:]
    if version != _VERSION or level not in _LEVELS or not (scenario and choices and check):
        raise _refused(f"{text!r} is no replay string of this version of convexsim.")
    if not _CHECK.fullmatch(check) or checksum(string[:-1], 1) != check[-1]:
        raise _refused(f"{text!r} is not the replay string that was printed: its check does not fit.")
    return ReplayString(scenario, _LEVELS[level], _marks(choices, text), check[:2], check[2:6])


def label_check(taken: Label, passed: Label) -> str:
    """Return the check of a choice's label, a digit each: who is taken, who passed over, which step, over which.

    The numbers in an activity's path are left out of it: they change if a call is added before.
    """
    owners = [checksum(label.owner, 1) for label in (taken, passed)]
    return "".join(owners + [checksum(f"{label.phase} {label.what}", 1) for label in (taken, passed)])


def checksum(text: str, length: int) -> str:
    """Return so many digits that follow from a text, at most 8, the same in every process."""
    number = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
    return "".join(_DIGITS[number >> 5 * place & 31] for place in range(length))


def _marks(choices: str, text: str) -> tuple[Mark, ...]:
    length = _label_length(len(_OPTION.findall(choices)))
    token = re.compile(f"([2-9]|[1-9][0-9]{{1,5}})?([A-Z]+)([0-9a-v]{{{length}}})")
    marks: list[Mark] = []
    at = 0
    while choices != "0" and at < len(choices):
        read = token.match(choices, at)
        if read is None:
            raise _refused(f"{text!r} has no choice at {choices[at:]!r}.")
        marks.append(Mark(int(read[1] or 1), _number(read[2]), read[3]))
        at = read.end()
    return tuple(marks)


def _label_length(marks: int) -> int:
    return _LABEL if marks <= _MANY else 1


def _letters(index: int) -> str:
    """Spell an option as the columns of a table are: A to Z, then AA."""
    letters = ""
    while index:
        index, letter = divmod(index - 1, len(ascii_uppercase))
        letters = ascii_uppercase[letter] + letters
    return letters


def _number(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * len(ascii_uppercase) + ascii_uppercase.index(letter) + 1
    return index


def _refused(what: str) -> UsageError:
    advice = f"It reads {_FORM}; copy it whole, within quotes."
    return UsageError(what, code="BadReplayString", next_step=advice)
