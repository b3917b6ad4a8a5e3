"""Shared state: what handlers can get at besides their context and could change, so that it is noticed if they do.

A handler is a function of what it reads from its context, and whoever keeps to that has no shared state. But Python
lets a handler append to a list of its module, or count in a closure. Owns the search for such things, and their value
at a moment; `memory.py` rests on it: once a handler has changed something here, nothing is remembered any more. What a
handler reaches through libraries is not looked at.
"""

from __future__ import annotations

import dis
import sys
from collections import deque
from functools import lru_cache
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    GeneratorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

__all__ = ["MOST_VALUES", "SharedState"]

MOST_VALUES: Final = 2_000
"""From so many values on, shared state is too large to be compared again and again."""

_SCALARS: Final = (type(None), bool, int, float, complex, str, bytes)
_CODE: Final = (FunctionType, BuiltinFunctionType, MethodType, MethodWrapperType, ModuleType, type)
_SAYING_NOTHING: Final[tuple[Any, ...]] = (object.__repr__, GeneratorType.__repr__)
"""What iterators and the like say of themselves: never how far they are."""
_SEQUENCES: Final = (list, tuple, set, frozenset, deque)


class _TooMuchError(Exception):
    """There is more than can be compared again and again, or something that does not show what it is."""


class SharedState:
    """The variables that some handlers, and the functions that those name, share with others.

    Args:
        handlers: where to begin.

    """

    def __init__(self, handlers: Iterable[Callable[..., Any]]) -> None:
        self._cells: list[CellType] = []
        self._variables: list[tuple[dict[str, Any], str]] = []
        self._seen: list[FunctionType] = []
        self._held: list[Any] = []
        for handler in handlers:
            self._look_at(handler)

    def value(self) -> Hashable | None:
        """Return what it is now, as something to be compared; None if it is too large or too opaque for that."""
        if not (self._cells or self._variables or self._held):
            return ()
        left = [MOST_VALUES]
        try:
            cells = tuple(_image(cell.cell_contents, left) for cell in self._cells if _is_full(cell))
            variables = tuple(_image(scope.get(name), left) for scope, name in self._variables)
            return cells, variables, tuple(_image(each, left) for each in self._held)
        except (_TooMuchError, RecursionError):
            return None

    def _look_at(self, thing: Any) -> None:
        """Look through a function, and through what it names."""
        function = getattr(thing, "handler", thing)
        if not isinstance(function, FunctionType) or function in self._seen or _is_library(function.__module__):
            return
        self._seen.append(function)
        for default in [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]:
            self._hold(default)
        for cell in function.__closure__ or ():
            if _is_full(cell) and not self._is_code(cell.cell_contents) and cell not in self._cells:
                self._cells.append(cell)
        scope, stored = function.__globals__, [*_names(function.__code__, "STORE_GLOBAL", "DELETE_GLOBAL")]
        for name in dict.fromkeys([*_names(function.__code__, "LOAD_GLOBAL"), *stored]):
            value = scope.get(name)
            if name in stored or not (isinstance(value, _SCALARS) or self._is_code(value)):
                self._add(scope, name)
            if isinstance(value, ModuleType) and not _is_library(value.__name__):
                for attribute in _names(function.__code__, "LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR"):
                    if attribute in vars(value) and not self._is_code(vars(value)[attribute]):
                        self._add(vars(value), attribute)

    def _add(self, scope: dict[str, Any], name: str) -> None:
        if not any(name == known and scope is its for its, known in self._variables):
            self._variables.append((scope, name))

    def _is_code(self, value: Any) -> bool:
        """Whether it is code rather than data, or the simulator's own; code is looked through."""
        if isinstance(value, type) and not _is_library(value.__module__):
            for name, member in vars(value).items():
                self._look_at(member)
                if not name.startswith("__"):
                    self._hold(member)
        elif isinstance(value, (MethodType, BuiltinFunctionType)):
            self._look_at(getattr(value, "__func__", None))
            self._hold(value.__self__)
        elif isinstance(value, FunctionType) or hasattr(value, "handler"):
            self._look_at(value)
        elif not isinstance(value, _SCALARS) and not _is_library(type(value).__module__):
            self._is_code(type(value))
        return isinstance(value, _CODE) or type(value).__module__.partition(".")[0] == "convexsim"

    def _hold(self, value: Any) -> None:
        """Take something to the notes that may change, wherever it is bound."""
        is_data = not isinstance(value, (*_SCALARS, *_CODE)) and not _is_library(type(value).__module__)
        may_change = is_data or isinstance(value, (list, dict, set, deque))
        if may_change and not any(value is each for each in self._held):
            self._held.append(value)


def _is_full(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty one raises
    except ValueError:
        return False
    return True


def _is_library(module: str | None) -> bool:
    """Whether code is of Python's library or of the simulator: neither keeps what handlers do."""
    top = (module or "").partition(".")[0]
    return top in {"convexsim", "attr", "attrs"} or top in sys.stdlib_module_names


@lru_cache(maxsize=4_096)
def _names(code: CodeType, *operations: str) -> tuple[str, ...]:
    """Return the names that some operations of a function have, and of those defined in it."""
    names = {instruction.argval: None for instruction in dis.get_instructions(code) if instruction.opname in operations}
    inner = [name for each in code.co_consts if isinstance(each, CodeType) for name in _names(each, *operations)]
    return (*names, *inner)


def _image(value: Any, left: list[int]) -> Hashable:
    """Return something that is equal only while a value stays what it is."""
    left[0] -= 1
    if left[0] < 0:
        raise _TooMuchError
    kind = type(value)
    if isinstance(value, _SCALARS):
        return kind, value
    if isinstance(value, _SEQUENCES):
        images = [_image(each, left) for each in value]
        return (kind, frozenset(images)) if isinstance(value, set | frozenset) else (kind, tuple(images))
    if isinstance(value, dict):
        return kind, tuple((_image(key, left), _image(each, left)) for key, each in value.items())
    if isinstance(value, _CODE) or kind.__module__.partition(".")[0] == "convexsim":
        return kind.__name__
    slots = [name for each in kind.__mro__ for name in getattr(each, "__slots__", ()) if hasattr(value, name)]
    own = {**getattr(value, "__dict__", {}), **{name: getattr(value, name) for name in slots}}
    if not own and kind is not object and _is_library(kind.__module__) and kind.__repr__ in _SAYING_NOTHING:
        raise _TooMuchError
    return kind.__name__, _image(own, left) if own else repr(value)
