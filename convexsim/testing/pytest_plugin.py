"""What pytest does with tests that are explored: options, known strings, the section of a failure, its files.

Owns the hooks of a session that has such tests. `convexsim_pytest.py`, outside of the package, loads it for the first
one, or if an option asks for it, so that the tests of other people do not wait for it. How orders are looked for, and
what a failure says, stands in `holds.py` and `property_error.py`.
"""

from __future__ import annotations

import os
import re
import unittest
from contextlib import suppress
from hashlib import blake2b
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeGuard

import pytest

from convexsim.errors import UsageError
from convexsim.explore.spelling import parse
from convexsim.testing.example import checked_example, fit_settings, reproducing
from convexsim.testing.holds import never_happened
from convexsim.testing.known import KnownStrings
from convexsim.testing.property_error import PropertyError
from convexsim.testing.record import write_record
from convexsim.testing.scenario_file import explain
from convexsim.testing.session import Session, session_is

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

__all__ = ["ExploredTests"]

_SESSION: Final = pytest.StashKey[Session]()
_KNOWN: Final = pytest.StashKey[KnownStrings]()
_LONGEST: Final = 80
_UNSAFE: Final = re.compile(r"[^\w.-]+")


class ExploredTests:
    """The hooks of a pytest session for the tests that `explore` has made.

    Args:
        config: of the session.

    Raises:
        pytest.UsageError: an option is wrong.

    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._runs = _number(config, "--sim-runs", least=1)
        self._seed = _number(config, "--sim-seed")
        self._replay: str | None = config.getoption("--sim-replay")
        self._report = _folder(config)
        cache = getattr(config, "cache", None)  # without its plugin there is none
        self._known: Path | None = None
        if cache is not None:
            with suppress(OSError):  # where nothing can be written nothing is known
                self._known = cache.mkdir("convexsim")
        if self._replay is not None and getattr(config.option, "numprocesses", None):
            raise pytest.UsageError("--sim-replay repeats one run of one test, in this process. Add -n 0.")

    def pytest_report_header(self) -> str | None:
        """Tell the seed that is asked for."""
        return None if self._seed is None else f"convexsim: seed {self._seed}"

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse a string that could not be replayed: on which test, or on none."""
        if self._replay is not None and not session.config.option.collectonly:
            try:
                self._check_replay([item for item in session.items if is_explored(item)], self._replay)
            except UsageError as error:
                raise pytest.UsageError(f"--sim-replay: {error}") from None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run a test in a session of its own: what is known first, or what is to be replayed alone."""
        if not is_explored(item):
            return (yield)
        known = item.stash[_KNOWN] = KnownStrings(self._known, item.nodeid)
        session = item.stash[_SESSION] = Session(self._typed(item), self._runs, self._seed)
        replay, _, example = (self._replay or "").partition("@")
        session.replay = replay or None
        with session_is(session):
            if draws(item):
                fit_settings(item.function)
            if example:
                with reproducing(item.function, example):
                    yield
                if not session.scenarios:
                    msg = f"The example of the string is none of {item.name} any more: what it draws has changed."
                    raise UsageError(
                        msg, next_step="Run the test without --sim-replay; what it finds has a new string."
                    )
                return None
            if not replay and draws(item):
                _try_known(item, known.read(), session)
            elif not replay:
                session.first = known.read()
            result = yield
            never = never_happened(session)
            if never is not None:
                raise never
            return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Tell the story of a failure in a section of its own, write it down, and remember its string."""
        session = item.stash.get(_SESSION, None)
        if session is None or call.when != "call":
            return (yield)
        for error in _errors_of(call):
            error.is_told = True
        report = yield
        errors = [*_errors_of(call)]  # pytest gets to know only now how a unittest ended, and has told it all
        report.__dict__["convexsim"] = [session.scenarios, session.made, len(errors)]
        report.sections += [("convexsim", told) for error in errors if (told := self._told(error, item))]
        known = item.stash[_KNOWN]
        for error in errors:
            known.keep(error.replay)
        if call.excinfo is None:
            known.forget()
        if call.excinfo is not None and report.failed and not self._config.option.fulltrace:
            _show(call.excinfo, report)
        return report

    def _typed(self, item: pytest.Item) -> str:
        """Return how one names a test in the folder where pytest was started."""
        path, separator, rest = item.nodeid.partition("::")
        here = self._config.invocation_params.dir
        return Path(os.path.relpath(self._config.rootpath / path, here)).as_posix() + separator + rest

    def _told(self, error: PropertyError, item: pytest.Item) -> str:
        told = [error.story] if error.story and error.is_told else []
        if self._report is not None:
            folder = self._report / _name(item.nodeid) / _name(error.broken)
            try:
                write_record(error, folder)
                told.append(f"written to {folder}")
            except OSError as refused:
                told.append(f"not written to {folder}: {refused.strerror}")
        return "\n".join(told)

    def _check_replay(self, items: list[pytest.Function], string: str) -> None:
        plain, marker, example = string.partition("@")
        scenario = parse(plain).scenario
        if len(items) != 1:
            number = "no explored test is" if not items else f"{len(items)} explored tests are"
            msg = f"It repeats a run of one test, and {number} selected."
            raise UsageError(msg, next_step=f'Name one: pytest "tests/test_shop.py::test_two" --sim-replay {string}.')
        explores = items[0].function.convexsim_explores
        if explores not in (None, scenario):
            msg = f"The string was recorded on the scenario {scenario!r}, and {items[0].name} explores {explores!r}."
            raise UsageError(msg, next_step="Name the test that it was printed for.")
        if marker and not draws(items[0]):
            msg = f"The string goes with values that Hypothesis has drawn, and {items[0].name} draws none."
            raise UsageError(msg, next_step="Name the test that it was printed for.")
        if marker:
            checked_example(example)


def is_explored(item: pytest.Item) -> TypeGuard[pytest.Function]:
    """Whether a test was made by `explore`."""
    return isinstance(item, pytest.Function) and hasattr(item.function, "convexsim_explores")


def draws(item: pytest.Function) -> bool:
    """Whether Hypothesis draws the values of a test."""
    return getattr(item.function, "is_hypothesis_test", False)


def _try_known(item: pytest.Function, strings: Iterable[str], session: Session) -> None:
    """Run the examples that have failed before, each with its order first."""
    for known in strings:
        string, _, example = known.partition("@")
        session.first = (string,)
        if example and not (item.cls is not None and issubclass(item.cls, unittest.TestCase)):  # which runs by itself
            with suppress(UsageError), reproducing(item.function, example):
                item.runtest()
    session.first = ()


def _show(excinfo: pytest.ExceptionInfo[BaseException], report: pytest.TestReport) -> None:
    """Show what convexsim itself raises without its frames, and with what Hypothesis notes about it."""
    raised = excinfo.value
    if not isinstance(raised, PropertyError | UsageError):
        return
    shown = excinfo.getrepr(style="value", chain=False)
    entry = shown.reprtraceback.reprentries[0]
    lines = str(raised).splitlines() if isinstance(raised, PropertyError) else [explain(raised)]
    entry.lines = [*lines, *getattr(raised, "__notes__", ())]
    if shown.reprcrash is not None and isinstance(raised, PropertyError):
        shown.reprcrash.message = raised.headline
    report.longrepr = shown


def _errors_of(call: pytest.CallInfo[None]) -> Iterator[PropertyError]:
    """Yield what has broken; Hypothesis raises distinct bugs as a group."""
    raised = [] if call.excinfo is None else [call.excinfo.value]
    for error in raised:
        if isinstance(error, PropertyError):
            yield error
        elif isinstance(error, BaseExceptionGroup):
            raised += error.exceptions


def _number(config: pytest.Config, option: str, least: float = -inf) -> int | None:
    """Return the number that is given with an option."""
    given = config.getoption(option)
    try:
        number = None if given is None else int(given)
    except ValueError:
        number = None
    if given is not None and (number is None or number < least):
        rule = "a whole number" if least == -inf else f"a whole number, {least:g} or more"
        raise pytest.UsageError(f"{option} {given!r} is not {rule}. Write {option} 500, say.")
    return number


def _folder(config: pytest.Config) -> Path | None:
    """Return where failures are to be written."""
    given: str | None = config.getoption("--sim-report")
    if given is None:
        return None
    folder = config.invocation_params.dir / given
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"--sim-report {given!r} cannot be made: {error.strerror}. Name a folder, or one that is not there yet."
        raise pytest.UsageError(msg) from None
    return folder


def _name(text: str) -> str:
    """Return a name for a folder that nobody else has: what it is for, and a digest of it."""
    return f"{_UNSAFE.sub('-', text)[:_LONGEST]}-{blake2b(text.encode(), digest_size=3).hexdigest()}"
