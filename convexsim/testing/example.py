"""Hypothesis's examples, as an exploration sees them: which call is one, whether it counts, how to come back to it.

The only module that looks into Hypothesis beyond its documented names; where a version has none of what is looked for,
an example has no spelling, and Hypothesis's own database is the way back. Nothing here imports Hypothesis: who has not
imported it has no examples.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from convexsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "checked_example",
    "current_example",
    "draws_later",
    "fit_settings",
    "in_example",
    "is_attempt",
    "reproducing",
]


def in_example() -> bool:
    """Whether this is one of several calls of a test, each with other values."""
    return _context() is not None


def is_attempt() -> bool:
    """Whether this is one of the many calls with which Hypothesis looks for a minimal example, not what it shows."""
    context = _context()
    return context is not None and not getattr(context, "is_final", True)


def current_example() -> str:
    """Return the spelling of the example that goes on, ``<version>:<choices>``.

    Empty outside of Hypothesis, and for an explicit `@example`, which comes by itself each time.
    """
    context = _context()
    with suppress(AttributeError, KeyError):
        choices = context.data.choices if context is not None else ()
        if choices:
            return f"{_loaded('hypothesis').__version__}:{_loaded('hypothesis.core').encode_failure(choices).decode()}"
    return ""


def draws_later(values: Iterable[object]) -> bool:
    """Whether one of these is `st.data()`, with which a test draws while it runs."""
    module = sys.modules.get("hypothesis.strategies")
    return module is not None and any(isinstance(value, module.DataObject) for value in values)


def fit_settings(function: Any) -> None:
    """Fit the settings that are Hypothesis's own defaults to examples that are explorations; keep all others.

    The deadline, 200 ms, is lifted: it is about one run of a test. The phase that explains is left out: it explores
    many more examples, each line traced, to name lines that only failing ones have run, and those are convexsim's.
    """
    settings = _loaded("hypothesis").settings
    given = getattr(function, _SETTINGS, None)
    if given is None:
        return
    deadline = None if given.deadline == settings.default.deadline else given.deadline
    phases = given.phases
    if phases == settings.default.phases:
        phases = [phase for phase in phases if phase.name != "explain"]
    setattr(function, _SETTINGS, settings(given, deadline=deadline, phases=phases))


def checked_example(example: str) -> str:
    """Return the spelling of an example that this Hypothesis can come back to.

    Raises:
        UsageError: it is none, or another version has spelled it.

    """
    version, _, choices = example.partition(":")
    here = _loaded("hypothesis").__version__
    if not example:
        raise UsageError("The string ends before its example.", next_step="Copy the whole string that was printed.")
    if version != here:
        msg = f"The example was drawn by Hypothesis {version}, and this is {here}, which may draw otherwise."
        raise UsageError(msg, next_step="Run the test without --sim-replay; what it finds has a new string.")
    try:
        _loaded("hypothesis.core").decode_failure(choices.encode())
    except _loaded("hypothesis.errors").InvalidArgument:
        msg = f"{choices!r} is no example of Hypothesis."
        raise UsageError(msg, next_step="Copy the whole string that was printed.") from None
    return example


@contextmanager
def reproducing(function: Any, example: str) -> Iterator[None]:
    """Let a test run this example alone; that it holds, or is none any more, ends it all the same.

    Raises:
        UsageError: as `checked_example`.

    """
    version, _, choices = checked_example(example).partition(":")
    before = getattr(function, _REPRODUCES, None)
    _loaded("hypothesis").reproduce_failure(version, choices.encode())(function)
    try:
        with suppress(_loaded("hypothesis.errors").DidNotReproduce):
            yield
    finally:
        setattr(function, _REPRODUCES, before)


_SETTINGS: Final = "_hypothesis_internal_use_settings"  # which Hypothesis's own plugin fits, too
_REPRODUCES: Final = "_hypothesis_internal_use_reproduce_failure"


def _context() -> Any:
    """Return what Hypothesis knows of the call that goes on; None if this is none of its calls."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is None or not hypothesis.currently_in_test_context():
        return None
    return _loaded("hypothesis.control").current_build_context()


def _loaded(module: str) -> Any:
    return sys.modules[module]
