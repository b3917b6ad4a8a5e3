"""The scenarios that a command means: all of a script or the one that is named, perhaps with other faults.

Owns the spelling of what may go wrong as words, ``crashes=1,skewed=2,skews_ms=5000/-200,late_ms=1000`` or ``none``; the
faults stand in `convexsim/faults.py`, late steps in `Platform`. Used by every command that runs scenarios.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import fields

from convexsim.errors import UsageError, did_you_mean
from convexsim.faults import Faults
from convexsim.testing.scenario_file import named

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from convexsim.simulation import Scenario

__all__ = ["chosen", "one_of", "read_faults", "with_faults"]

_LATE: Final = "late_ms"
_NAMES: Final = (*(field.name for field in fields(Faults) if field.init), _LATE)


def chosen(scenarios: list[Scenario], arguments: argparse.Namespace) -> list[Scenario]:
    """Return the scenarios of a script that a command line means.

    Raises:
        UsageError: there is none of that name, two are named, or the faults are none.

    """
    names = [name for name in (arguments.file.name, arguments.scenario) if name is not None]
    if len(names) > 1 and names[0] != names[1]:
        raise UsageError(f"Two scenarios are named, {names[0]!r} and {names[1]!r}.", next_step="Name one.")
    return with_faults([named(scenarios, names[0])] if names else scenarios, arguments.faults)


def one_of(scenarios: list[Scenario], arguments: argparse.Namespace) -> Scenario:
    """Return the one scenario that a command line means.

    Raises:
        UsageError: it may mean several.

    """
    meant = chosen(scenarios, arguments)
    if len(meant) > 1:
        names = ", ".join(scenario.name for scenario in meant)
        msg = f"{arguments.file.path} defines {len(meant)} scenarios: {names}."
        raise UsageError(msg, next_step=f"Name one: {arguments.file.path}:{meant[0].name}.")
    return meant[0]


def read_faults(text: str) -> tuple[Faults, float]:
    """Return the plan that is spelled so, and how late steps may be, in ms.

    Raises:
        UsageError: a fault that does not exist, a number that is none, or half a plan.

    """
    if text == "none":
        return Faults(), 0.0
    planned: dict[str, object] = {}
    for word in text.split(","):
        name, _, said = (part.strip() for part in word.partition("="))
        if name not in _NAMES:
            raise UsageError(f"--faults: there is no fault {name!r}.", next_step=did_you_mean(name, _NAMES))
        if name in planned:
            raise UsageError(f"--faults: {name} is there twice.", next_step="Say once how often.")
        read = {"skews_ms": _clocks, _LATE: _late}.get(name)
        planned[name] = read(said) if read is not None else _count(name, said)
    late_ms = planned.pop(_LATE, 0.0)
    return Faults(**planned), late_ms  # type: ignore[arg-type,return-value] # each is checked by itself


def with_faults(scenarios: Sequence[Scenario], text: str | None) -> list[Scenario]:
    """Return scenarios with another plan of faults, under their own names; as they are if none is given."""
    if text is None:
        return list(scenarios)
    faults, late_ms = read_faults(text)
    return [scenario.variant(scenario.name, faults=faults, late_ms=late_ms) for scenario in scenarios]


def _count(name: str, said: str) -> int:
    try:
        return int(said)
    except ValueError:
        msg = f"--faults: {name}={said} is no number of faults."
        raise UsageError(msg, next_step=f"Write {name}=1, say.") from None


def _late(said: str) -> float:
    try:
        return float(said)
    except ValueError:
        msg = f"--faults: {_LATE}={said} is no time."
        raise UsageError(msg, next_step=f"Write {_LATE}=1000, say, or {_LATE}=inf.") from None


def _clocks(said: str) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in said.split("/"))
    except ValueError:
        msg = f"--faults: skews_ms={said} is no list of clocks."
        raise UsageError(msg, next_step="Write skewed=1,skews_ms=5000/-200, say: ms ahead, or behind.") from None
