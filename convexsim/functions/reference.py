"""How functions are named: references (`api.lib.add_items`), handles and where they may lead.

A reference is lazy: it says a name, and only a call resolves it, against the component in which it is made
(`catalog.py`). Whether the target may be called depends on who calls, not on which of `api` and `internal` spelled
it; both exist because Convex has both.

A handle is a string that names one function of one mounted component, ``function://<component path>;<module:fn>``, as
the official mock spells it; ``str(reference)`` is the handle, seen from the root app. Whoever holds it may call it
(convex-semantics 5.3).
"""

from __future__ import annotations

from typing import Final

from convexsim.errors import PlatformError
from convexsim.functions.spelling import to_camel

__all__ = [
    "HANDLE_PREFIX",
    "Reference",
    "api",
    "components",
    "internal",
    "label_of",
    "make_handle",
    "parse_handle",
    "parts_of",
]

HANDLE_PREFIX: Final = "function://"


class Reference:
    """The name of a function: of the own component, or of a child one."""

    __slots__ = ("_child", "_parts")

    def __init__(self, child: str | None = None, parts: tuple[str, ...] = ()) -> None:
        self._child = child
        self._parts = parts

    def __getattr__(self, name: str) -> Reference:
        if name.startswith("__"):
            raise AttributeError(name)
        return Reference(self._child, (*self._parts, to_camel(name)))

    def __str__(self) -> str:
        child, path = parts_of(self)
        return make_handle(child or "", path)

    def __repr__(self) -> str:
        return ".".join(("api" if self._child is None else f"components.{self._child}", *self._parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and (self._child, self._parts) == (other._child, other._parts)

    def __hash__(self) -> int:
        return hash((self._child, self._parts))


class Components:
    """The children of the own component: ``components.batch_processor.lib.add_items``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Reference:
        if name.startswith("__"):
            raise AttributeError(name)
        return Reference(to_camel(name))


api: Final = Reference()
"""References to functions of the own component."""
internal: Final = Reference()
"""References to functions of the own component; by custom to its internal ones."""
components: Final = Components()
"""References to public functions of child components."""


def parts_of(reference: Reference) -> tuple[str | None, str]:
    """Return the child component's name (None for the own one) and the path ``module:fn``."""
    child, parts = reference._child, reference._parts  # noqa: SLF001 - its attributes are names of functions
    if len(parts) < 2:  # noqa: PLR2004 - a module and a function
        msg = f"{reference!r} names no function."
        raise PlatformError(msg, code="InvalidReference", next_step="Write api.<module>.<function>.")
    return child, f"{'/'.join(parts[:-1])}:{parts[-1]}"


def label_of(reference: Reference) -> str:
    """Return how a trace names the function, if it is the app that refers to it: ``component/module:fn``."""
    child, path = parts_of(reference)
    return path if child is None else f"{child}/{path}"


def make_handle(component: str, path: str) -> str:
    """Return the handle of the function `path` of the component mounted at `component`."""
    return f"{HANDLE_PREFIX}{component};{path}"


def parse_handle(handle: str) -> tuple[str, str]:
    """Return the component path and the function path of a handle."""
    component, semicolon, path = handle.removeprefix(HANDLE_PREFIX).partition(";")
    if not handle.startswith(HANDLE_PREFIX) or not semicolon or ":" not in path:
        msg = f"{handle!r} is no function handle."
        raise PlatformError(
            msg, code="InvalidFunctionHandle", next_step="A handle reads function://<component path>;<module:function>."
        )
    return component, path
