"""Worlds as Python: what the body of a scenario has written, as the lines that would write it again.

For reports of worlds that nobody has written down, because they were drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from convexsim.actors.client import Call, Wait
from convexsim.functions.reference import Reference, parts_of

if TYPE_CHECKING:
    from convexsim.actors.client import Entry
    from convexsim.simulation import World

__all__ = ["as_code", "code_of"]


def code_of(world: World) -> Iterator[str]:
    """Yield the lines that give a world its clients and what they call."""
    for name, client in world.clients.items():
        kind = "" if client.kind == "http" else f', kind="{client.kind}"'
        yield f'{name} = world.client("{name}"{kind})'
        yield from (f"{name}.{_entry(entry)}" for entry in client.entries)


def _entry(entry: Entry) -> str:
    if isinstance(entry, Call):
        path = parts_of(entry.name)[1] if isinstance(entry.name, Reference) else entry.name
        return f'{entry.kind}("{path}", {as_code(entry.args)})'
    if isinstance(entry, Wait):
        return f"wait({entry.delay_ms:g})"
    return f"run({getattr(entry, '__name__', 'script')})"


def as_code(value: Any) -> str:
    """Return a Convex value as a Python expression: its repr, but for the numbers that have none that could be read."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{as_code(name)}: {as_code(item)}' for name, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_code, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)
