"""Whether a scenario holds: explored as a test says, unless the session asks for something else.

Owns what comes before the search (strings that are known) or instead of it (one that is to be replayed), and what is
raised. Under Hypothesis a failure is shrunk once, for the example that it shows: what it tries on the way is told apart
by the property alone. What a failure says stands in `property_error.py`.
"""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convexsim.errors import UsageError
from convexsim.explore.check import check, finding_of
from convexsim.explore.replay import replay
from convexsim.explore.report import Finding, Report
from convexsim.explore.spelling import parse
from convexsim.testing.example import current_example, in_example, is_attempt
from convexsim.testing.how import How
from convexsim.testing.property_error import PropertyError
from convexsim.testing.session import Session, current_session

if TYPE_CHECKING:
    from convexsim.simulation import Scenario

__all__ = ["never_happened", "replay_command", "require"]

_SPECIAL: Final = re.compile(r'["$`!\\]')  # to a shell, between double quotes


def require(scenario: Scenario, how: How, test: Callable[..., object]) -> None:
    """Explore a scenario; return if it holds.

    Raises:
        PropertyError: it does not, or what must happen sometimes never did.
        UsageError: nothing is asked of it, a run is not its choices alone, or the string to be replayed is of another.

    """
    __tracebackhide__ = True
    if not scenario.invariants:
        msg = f"Nothing is asked of {scenario.name}: it has no invariants, so it could not fail."
        raise UsageError(msg, next_step="Write invariants=[holds]; `serializable` is ready made.")
    session = current_session()
    session.test = session.test or _named(test)
    broken = _broken(scenario, how, session)
    if broken is not None:
        raise broken


def never_happened(session: Session) -> PropertyError | None:
    """Return what is to be raised if something that must happen sometimes did in none of a test's explorations."""
    for name, report in session.claims.items():
        if name not in session.reached:
            examples = f"  in none of {session.scenarios:,} examples"
            return PropertyError.of(name)(report, notes=(examples,) if session.scenarios > 1 else ())
    return None


def replay_command(test: str, string: str) -> str:
    """Return what to type to see the failure of a test again."""
    named = shlex.quote(test) if _SPECIAL.search(test) else f'"{test}"'
    return f"pytest {named} --sim-replay {string}"


def _broken(scenario: Scenario, how: How, session: Session) -> PropertyError | None:
    if session.replay is not None:
        if is_attempt():  # with values that it was not recorded for
            return None
        found, drift = _again(scenario, session.replay, session)
        return _error(found, session, drift)
    for string in session.first:
        with suppress(UsageError):  # it means nothing any more
            if parse(string).level == how.level:
                found, drift = _again(scenario, string, session)
                if found.finding is not None:
                    return _error(found, session, drift)
    report = check(scenario, how.new_explorer(session), level=how.level, simplify=not is_attempt())
    session.add(report)
    if report.interrupted:
        raise KeyboardInterrupt
    if report.finding is None and report.differs_from_step is not None:
        raise UsageError(report.told(), code="NotRepeatable")
    return _error(report, session) or (None if in_example() else never_happened(session))


def _again(scenario: Scenario, string: str, session: Session) -> tuple[Report, tuple[str, ...]]:
    """Return what comes of a string now, and how that differs from what it was recorded for."""
    replayed = replay([scenario], string)
    run = replayed.run
    report = Report(scenario, "replayed", run.level)
    report.add(run)
    session.scenarios, session.made = session.scenarios + 1, session.made + 1
    if run.violations and replayed.is_exact:  # what was printed had been shrunk
        forced = len(run.record.forced)
        report.finding = Finding(run, replayed.string, found_at_run=1, choices_before=forced, is_minimal=True)
    elif run.violations:
        report.finding = finding_of(run, 1)
    return report, tuple(f"  {line}" for line in replayed.drift)


def _error(report: Report, session: Session, notes: tuple[str, ...] = ()) -> PropertyError | None:
    """Return what is to be raised for a report, nothing if all is well."""
    if report.finding is not None:
        example = current_example()
        string = f"{report.finding.replay}@{example}" if example else report.finding.replay
        command = replay_command(session.test, string)
        return PropertyError.of(report.finding.violations[0].invariant)(report, string, command, notes)
    return None


def _named(test: Callable[..., object]) -> str:
    """Return how pytest would call a test, as far as the test itself knows."""
    path = Path(getattr(inspect.unwrap(test), "__code__", test.__code__).co_filename)
    here = Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return f"{shown.as_posix()}::{test.__qualname__.replace('.', '::')}"
