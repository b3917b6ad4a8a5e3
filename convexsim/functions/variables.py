"""Environment variables: strings that functions read by name and that never change during a run (convex-semantics 5.3).

Owns which names and values there may be, and what a function sees of them. Who declares and who binds them is the
business of `component.py`. Reading one depends on the deployment alone, so no read is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from convexsim.errors import UsageError

__all__ = ["SYSTEM_VARIABLES", "Variables", "checked_names", "checked_variables", "visible"]

SYSTEM_VARIABLES: Final = {
    "CONVEX_CLOUD_URL": "https://simulated.convex.cloud",
    "CONVEX_SITE_URL": "https://simulated.convex.site",
}
"""What the platform binds in every component."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Variables(dict[str, str | None]):
    """Variables by name; another name reads as None, Python's undefined."""

    def __missing__(self, name: str) -> None:
        return None


def visible(bound: Mapping[str, str]) -> Mapping[str, str | None]:
    """Return what functions see where these variables are bound, read only."""
    return MappingProxyType(Variables({**bound, **SYSTEM_VARIABLES}))


def checked_names(names: object, who: str) -> tuple[str, ...]:
    """Return the names that `who` declares.

    Raises:
        UsageError: they are no list of names, or one of them is the platform's.

    """
    if not isinstance(names, list | tuple):
        msg = f"The variables of {who} are {names!r}."
        raise UsageError(
            msg, next_step='A component lists names, env=["KEY"]; app.use(..., env={"KEY": "value"}) binds.'
        )
    for name in names:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None or name in SYSTEM_VARIABLES:
            what = "is the platform's own" if name in SYSTEM_VARIABLES else "names no environment variable"
            msg = f"{name!r} of {who} {what}."
            raise UsageError(msg, next_step="Use letters, digits and _, beginning with a letter.")
    return tuple(names)


def checked_variables(variables: Mapping[str, object] | None, who: str) -> dict[str, str]:
    """Return names with their values.

    Raises:
        UsageError: a name or a value cannot be one; values are strings.

    """
    given: dict[str, str] = {}
    names: object = {} if variables is None else variables
    if not isinstance(names, Mapping):
        msg = f"The environment variables of {who} are {names!r}."
        raise UsageError(msg, next_step='Give each its value: env={"KEY": "value"}.')
    checked_names(list(names), who)
    for name, value in names.items():
        if not isinstance(value, str):
            msg = f"The environment variable {name} of {who} is {value!r}; values are strings."
            raise UsageError(msg, next_step="Spell it as a string.")
        given[name] = value
    return given
