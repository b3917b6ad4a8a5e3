"""The one converter between Python's spelling and Convex's: ``add_items`` is ``addItems``, ``batch_id`` is ``batchId``.

Data, paths and names in a trace keep Convex's spelling; code is snake_case. Every translation goes through here.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["to_camel"]


@lru_cache(maxsize=8_192)
def to_camel(name: str) -> str:
    """Return `name` in camelCase; a name that is camelCase already stays as it is.

    Leading underscores stay, a trailing one (``from_``, to get past a Python keyword) goes.
    """
    body = name.lstrip("_")
    lead = name[: len(name) - len(body)]
    first, *rest = body.rstrip("_").split("_")
    return lead + first + "".join(part[:1].upper() + part[1:] for part in rest)
