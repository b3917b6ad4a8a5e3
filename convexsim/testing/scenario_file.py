"""Scenario files: from the path of a script to the scenarios that it defines.

Owns how such a script is found and imported, and how its failures are told: where in somebody's own code, in one
sentence. Knows no exploration; `cli.py` runs what is found here.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Final

from convexsim.errors import ConvexSimError, UsageError, did_you_mean
from convexsim.simulation import Scenario
from convexsim.trace.names import one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import CodeType, ModuleType

__all__ = ["explain", "is_ours", "is_own", "named", "open_scenarios"]

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_NAME: Final = 80
"""Characters that are told of a path which the system refuses; it may do that because there are too many."""
_LIBRARIES: Final = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib"))


@contextmanager
def open_scenarios(path: Path) -> Iterator[list[Scenario]]:
    """Import a script and hand out its scenarios, in the order of their definition.

    Until the context is left, the script's folder and the current one are importable, as for `python script.py`.

    Raises:
        UsageError: there is no such file, it is no script, or it defines no scenario; or two of one name.
        BaseException: whatever the script itself raises; `explain` says it in a line.

    """
    _check_is_script(path)
    name = f"scenario_{path.stem}"  # a name of its own: a script may be called like a module of the library
    spec = spec_from_file_location(name, path.resolve())
    assert spec is not None, f"{path} was found to be a script"
    module = module_from_spec(spec)
    before, here = sys.path.copy(), Path.cwd()
    sys.path[:0] = [str(path.resolve().parent), str(here)]
    sys.modules[name] = module
    try:
        _execute(path, module)
        os.chdir(here)  # a script may have left: what else is named on the command line is named from here
        yield _scenarios(path, vars(module).values())
    finally:
        sys.path[:] = before
        del sys.modules[name]


def named(scenarios: Sequence[Scenario], name: str) -> Scenario:
    """Return the scenario of that name.

    Raises:
        UsageError: there is none.

    """
    for scenario in scenarios:
        if scenario.name == name:
            return scenario
    msg = f"There is no scenario {name!r}."
    raise UsageError(msg, next_step=did_you_mean(name, [scenario.name for scenario in scenarios]))


def explain(error: BaseException) -> str:
    """Return one line for people about an error: where in their own code it arose, and what it is."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return _one_line(f"{_shown(Path(error.filename))}:{error.lineno}: SyntaxError: {error.msg}")
    # Somebody's own failure that convexsim has put into words of its own is the cause of those.
    places = [*_places(error.__cause__ if isinstance(error, ConvexSimError) else None), *_places(error)]
    own = [f"{_shown(path)}:{line}: " for path, line in places if not path.is_relative_to(_PACKAGE)]
    where = own[0] if own else ""
    if isinstance(error, ConvexSimError):
        return _one_line(f"{where}{error}")
    if isinstance(error, OSError) and error.filename is not None and error.strerror and not where:
        named_one = shorten(_one_line(str(error.filename)), _NAME)
        return f"{named_one} cannot be used: {error.strerror}. Name another file or folder."
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - whatever somebody's own class raises, it is told in a line
        text = "(its text cannot be made)"
    what = f"{where}{type(error).__name__}: {text}".rstrip(": ")
    if places and places[0][0].is_relative_to(_PACKAGE):
        what += " (inside convexsim: if nothing was wrong with the call, please report it as a bug of convexsim)"
    return _one_line(what)


def is_ours(code: CodeType) -> bool:
    """Whether some code is convexsim's."""
    return Path(code.co_filename).resolve().is_relative_to(_PACKAGE)


def is_own(code: CodeType) -> bool:
    """Whether some code is somebody's own: neither convexsim's nor a library's."""
    return not is_ours(code) and _is_told(Path(code.co_filename).resolve())


def _check_is_script(path: Path) -> None:
    scripts = [script.name for script in sorted(path.parent.glob("*.py"))]
    if path.is_dir():
        inside = ", ".join(script.name for script in sorted(path.glob("*.py"))) or "none"
        raise UsageError(f"{path} is a folder.", next_step=f"Name one of the scripts in it: {inside}.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}.", next_step="Say where the script is.")
    if not path.is_file():
        advice = did_you_mean(path.name, scripts) if scripts else f"There is no script in {path.parent.resolve()}."
        raise UsageError(f"There is no file {path}.", next_step=advice)
    if path.suffix != ".py":
        raise UsageError(f"{path} is no Python script: its name does not end with .py.")
    try:
        path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None


def _execute(path: Path, module: ModuleType) -> None:
    assert module.__spec__ is not None
    assert module.__spec__.loader is not None
    try:
        module.__spec__.loader.exec_module(module)
    except SyntaxError as error:
        if error.filename is None:  # so it is with some bytes that no Python script has
            raise UsageError(f"{path} is no Python script: {error.msg}.") from None
        raise


def _scenarios(path: Path, members: Iterable[object]) -> list[Scenario]:
    found: list[Scenario] = []
    for member in members:
        if not isinstance(member, Scenario) or member in found:
            continue
        if member.name in [other.name for other in found]:
            msg = f"{path} defines two scenarios with the name {member.name!r}."
            raise UsageError(msg, next_step="Rename one: reports and replay strings go by the name.")
        found.append(member)
    if not found:
        raise UsageError(f"{path} defines no scenario.", next_step="Decorate a function with @scenario(app=...).")
    return found


def _places(error: BaseException | None) -> list[tuple[Path, int]]:
    """Return the places that an error came through, innermost first, without those in Python's libraries."""
    frames = walk_tb(error.__traceback__) if error is not None else ()
    places = [(Path(frame.f_code.co_filename).resolve(), line) for frame, line in frames]
    return [place for place in reversed(places) if _is_told(place[0])]


def _is_told(path: Path) -> bool:
    return path.is_file() and (
        path.is_relative_to(_PACKAGE) or not any(path.is_relative_to(library) for library in _LIBRARIES)
    )


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _one_line(text: str) -> str:
    return one_line(" ".join(text.split()))
