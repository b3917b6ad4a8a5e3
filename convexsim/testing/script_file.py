"""Script files: from the path of a file to its lines, and from the name of a module to the component that it offers.

Owns how both are found and how what is wrong with them is told: file, line and remedy, in one sentence. What a line
means stands in `script.py`; `cli.py` runs what is found here.
"""

from __future__ import annotations

import importlib
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from convexsim.errors import UsageError, did_you_mean
from convexsim.testing.script import Line, ScriptApp, script_error
from convexsim.values.value import MAX_NESTING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

__all__ = ["ScriptComponent", "check_recorded", "open_component", "read_lines"]

_FIELDS: Final = {"version": str, "plan": dict, "ops": list, "results": list}
_DEEPEST_LINE: Final = MAX_NESTING + 3
"""A line is an object of lists of objects, which hold values."""
_IS_A_LINE: Final = 'A line is a JSON object like {"version": "1.0", "plan": {}, "ops": [{"op": "advance", "ms": 0}]}.'


class ScriptComponent:
    """A component whose module offers `script_app`; asked once for each version."""

    def __init__(self, script_app: Callable[[str], ScriptApp]) -> None:
        self._script_app = script_app
        self._known: dict[str, ScriptApp] = {}

    def app_for(self, line: Line) -> ScriptApp:
        """Return the app that a line is to run in.

        Raises:
            UsageError: the component has no such version, or it can do not what the line wants; names the line.

        """
        offered = self._known.get(line.version)
        if offered is None:
            try:
                offered = self._known[line.version] = self._script_app(line.version)
            except UsageError as error:
                raise script_error(line.where, error) from None
        line.check(offered)
        return offered


@contextmanager
def open_component(name: str) -> Iterator[ScriptComponent]:
    """Import a module, like ``components.batch_processor``, and hand out the component that it offers.

    Until the context is left, modules of the current folder can be imported.

    Raises:
        UsageError: there is no such module, or it offers nothing to scripts.

    """
    before = sys.path.copy()
    sys.path.insert(0, str(Path.cwd()))
    try:
        script_app = getattr(_imported(name), "script_app", None)
        if not callable(script_app):
            msg = f"The module {name} has no function script_app, so it cannot run scripts."
            raise UsageError(msg, next_step="Name a component's package, or see convexsim.ScriptApp.")
        yield ScriptComponent(script_app)
    finally:
        sys.path[:] = before


def read_lines(path: Path, version: str | None = None) -> list[Line]:
    """Return the lines of a script, without empty ones.

    Args:
        path: of a file with one JSON object a line.
        version: to run all lines with, whatever they name themselves.

    Raises:
        UsageError: the file cannot be read, or a line is none; names file and line.

    """
    try:
        texts = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise UsageError(msg, next_step="Name a file with one JSON object a line.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text in UTF-8.", next_step=_IS_A_LINE) from None
    lines = [_line(f"{path}:{number}", text, version) for number, text in enumerate(texts, 1) if text.strip()]
    if not lines:
        raise UsageError(f"{path} is empty.", next_step=_IS_A_LINE)
    return lines


def check_recorded(lines: Sequence[Line]) -> None:
    """Refuse lines without results, with which nothing could be compared.

    Raises:
        UsageError: names the first such line.

    """
    for line in lines:
        if "results" not in line.given:
            msg = f"{line.where}: The line has no results to compare with."
            raise UsageError(msg, next_step="Without --check, the line is printed with its results.")


def _line(where: str, text: str, version: str | None) -> Line:
    given = _parsed(where, text)
    if not isinstance(given, dict):
        raise UsageError(f"{where}: This is no object.", next_step=_IS_A_LINE)
    for name, value in given.items():
        if name not in _FIELDS:
            raise UsageError(f"{where}: A line has no field {name!r}.", next_step=did_you_mean(name, _FIELDS))
        if not isinstance(value, _FIELDS[name]):
            kind = {str: "text", dict: "object", list: "list"}[_FIELDS[name]]
            raise UsageError(f"{where}: The field {name!r} is no {kind}.", next_step=_IS_A_LINE)
    if "ops" not in given:
        raise UsageError(f"{where}: The line has no field 'ops'.", next_step=_IS_A_LINE)
    named = version if version is not None else given.get("version")
    if named is None:
        advice = 'Write {"version": ...} into the line, or pass --version.'
        raise UsageError(f"{where}: The line names no version of the component.", next_step=advice)
    return Line(where, named, given)


def _parsed(where: str, text: str) -> Any:
    try:
        return _flat(json.loads(text, parse_constant=_refused, object_pairs_hook=_without_doubles))
    except json.JSONDecodeError as error:
        problem = f"This is no JSON: {error.msg} at column {error.colno}"
    except RecursionError:
        problem = f"The line nests more than {_DEEPEST_LINE} levels deep; a value, at most {MAX_NESTING}"
    except ValueError as error:
        problem = f"This is no JSON: {error}"
    raise UsageError(f"{where}: {problem}.", next_step=_IS_A_LINE)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of two fields of one name, JSON's readers silently drop the first."""
    given = dict(pairs)
    if len(given) < len(pairs):
        names = [name for name, _ in pairs]
        msg = f"an object has the field {next(name for name in names if names.count(name) > 1)!r} twice"
        raise ValueError(msg)
    return given


def _flat(given: Any) -> Any:
    """Return what was parsed; what nests too deep for a line is refused as what nests too deep for the parser."""
    level, layer = 0, [given]
    while layer := [thing for thing in layer if isinstance(thing, dict | list)]:
        level += 1
        if level > _DEEPEST_LINE:
            raise RecursionError
        layer = [inner for thing in layer for inner in (thing.values() if isinstance(thing, dict) else thing)]
    return given


def _refused(constant: str) -> NoReturn:
    msg = f"{constant} is no number"
    raise ValueError(msg)


def _imported(name: str) -> ModuleType:
    missing = UsageError(
        f"There is no module {name!r}.", next_step="Name one as Python imports it, like components.batch_processor."
    )
    if not all(part.isidentifier() for part in name.split(".")):
        raise missing
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # one that it imports
        raise missing from None
