"""Replay strings: a run as one short printable word, and the way back.

Owns the spelling ``cs1.L<level>.<scenario>.<choices>.<check>``. The choices are one digit each, 0 to v (base 32), with
``w`` before a two-digit one and ``z`` plus a digit for three or more zeros in a row; zeros at the end are left out. The
check is a digest of the choices as they were labelled and of how the run ended, so a string that no longer means the
same run says so.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.choices import ListedChoices
from convexsim.errors import UsageError
from convexsim.simulation import Run, Simulation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.simulation import Scenario

__all__ = ["ReplayString", "digest_of", "encode", "parse", "replay", "without_trailing_zeros"]

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
_VERSION: Final = "cs1"
_ZEROS: Final = 3
"""From how many zeros on a run of them is shortened."""
_LONGEST_ZEROS: Final = _ZEROS + len(_DIGITS) - 1
_TOKENS: Final = re.compile(r"([0-9a-v])|w([0-9a-v]{2})|z([0-9a-v])")


@frozen
class ReplayString:
    """A replay string taken apart."""

    scenario: str
    level: int
    indexes: tuple[int, ...]
    digest: str


def encode(run: Run) -> str:
    """Return the string that repeats a run."""
    choices = _spell(without_trailing_zeros(run.indexes))
    return f"{_VERSION}.L{run.level}.{run.scenario.name}.{choices}.{digest_of(run)}"


def parse(text: str) -> ReplayString:
    """Take a replay string apart.

    Raises:
        UsageError: it is none.

    """
    parts = text.strip().split(".")
    if len(parts) != 5 or parts[0] != _VERSION or parts[1] not in ("L1", "L2", "L3"):  # noqa: PLR2004 - its five parts
        msg = f"{text!r} is no replay string of this version of convexsim."
        advice = "It reads cs1.L2.<scenario>.<choices>.<check>; copy it whole."
        raise UsageError(msg, code="BadReplayString", next_step=advice)
    _, level, scenario, choices, digest = parts
    return ReplayString(scenario, int(level[1:]), _read(choices, text), digest)


def replay(scenarios: Sequence[Scenario], text: str) -> Run:
    """Repeat a run, with its events.

    Raises:
        UsageError: the string is none, names a scenario that is not there, or no longer means the same run.

    """
    wanted = parse(text)
    found = [scenario for scenario in scenarios if scenario.name == wanted.scenario]
    if not found:
        names = ", ".join(scenario.name for scenario in scenarios)
        msg = f"The string was recorded on the scenario {wanted.scenario!r}, which is not here."
        raise UsageError(msg, code="StaleReplayString", next_step=f"Here are: {names}.")
    choices = ListedChoices(wanted.indexes)
    simulation = Simulation(found[0], choices, level=wanted.level)
    run = simulation.run()
    drift = _drift(choices, run, wanted)
    if drift is not None:
        msg = f"The string no longer fits {wanted.scenario!r}: {drift}."
        advice = "It was miscopied, or the scenario, the component or convexsim has changed since; explore again."
        raise UsageError(msg, code="StaleReplayString", next_step=advice)
    return run


def digest_of(run: Run) -> str:
    """Return the check of a run: six hex digits over the scenario's name, every choice as it was taken, and the end."""
    digest = blake2b(digest_size=3)
    broken = " ".join(violation.invariant for violation in run.violations)
    digest.update(f"{run.scenario.name} {run.ending} {run.steps} {run.now:g} {broken}\n".encode())
    for taken in run.record.labelled():
        digest.update(f"{taken.kind} {taken.index}/{taken.count} {taken.activity} {taken.phase}\n".encode())
    return digest.hexdigest()


def without_trailing_zeros(indexes: Sequence[int]) -> tuple[int, ...]:
    """Return a list of choices without the zeros at its end: they are what comes anyway."""
    end = len(indexes)
    while end and indexes[end - 1] == 0:
        end -= 1
    return tuple(indexes[:end])


def _drift(choices: ListedChoices, run: Run, wanted: ReplayString) -> str | None:
    if choices.misfits:
        at = choices.misfits[0]
        _, _, count, _ = run.record.taken[at]
        return f"choice {at + 1} asks for option {wanted.indexes[at]}, but there are only {count} (0 to {count - 1})"
    if choices.unused:
        return f"it makes {len(wanted.indexes)} choices, but the run asks for {len(run.record.taken)}"
    found = digest_of(run)
    if found != wanted.digest:
        return f"the run takes another course (its check is {found}, the string's {wanted.digest})"
    return None


def _spell(indexes: Sequence[int]) -> str:
    spelled: list[str] = []
    at = 0
    while at < len(indexes):
        zeros = 0
        while at + zeros < len(indexes) and indexes[at + zeros] == 0 and zeros < _LONGEST_ZEROS:
            zeros += 1
        if zeros >= _ZEROS:
            spelled.append("z" + _DIGITS[zeros - _ZEROS])
            at += zeros
            continue
        index = indexes[at]
        assert index < len(_DIGITS) ** 2, f"option {index} is beyond what a replay string can spell"
        high, low = divmod(index, len(_DIGITS))
        spelled.append(f"w{_DIGITS[high]}{_DIGITS[low]}" if high else _DIGITS[low])
        at += 1
    return "".join(spelled) or "0"


def _read(choices: str, text: str) -> tuple[int, ...]:
    indexes: list[int] = []
    at = 0
    while at < len(choices):
        token = _TOKENS.match(choices, at)
        if token is None:
            msg = f"{text!r} has no choice at {choices[at:]!r}."
            raise UsageError(msg, code="BadReplayString", next_step="Copy the string whole, within quotes.")
        one, two, zeros = token.groups()
        if zeros is not None:
            indexes.extend([0] * (_DIGITS.index(zeros) + _ZEROS))
        elif two is not None:
            indexes.append(_DIGITS.index(two[0]) * len(_DIGITS) + _DIGITS.index(two[1]))
        else:
            indexes.append(_DIGITS.index(one))
        at = token.end()
    return without_trailing_zeros(indexes)
