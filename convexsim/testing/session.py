"""Sessions: what somebody asks of the explorations of one test from outside of it, and what came of them.

Owns the pointer to the current session: a test does not know who runs it, and whoever runs it cannot reach into it.
Knows neither pytest nor Hypothesis. Filled by `pytest_plugin.py`, asked by `explored.py`.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.explore.report import Report

__all__ = ["Session", "current_session", "session_is"]


@define(eq=False)
class Session:
    """One test and its explorations.

    Attributes:
        test: how one names it to pytest; empty if nobody runs it who knows.
        runs: how many runs each exploration may make, whatever the test says; None as it says.
        seed: of its explorers, likewise.
        replay: the only string to run; None to explore.
        first: the strings to try before exploring.
        scenarios: how many explorations there were.
        made: how many runs, over all of them.
        reached: the `sometimes` invariants that held in some run.
        claims: those that held in no run of an exploration, each with what came of the first such one.

    """

    test: str = ""
    runs: int | None = None
    seed: int | None = None
    replay: str | None = None
    first: tuple[str, ...] = ()
    scenarios: int = 0
    made: int = 0
    reached: dict[str, None] = field(factory=dict)
    claims: dict[str, Report] = field(factory=dict)

    def add(self, report: Report) -> None:
        """Take note of an exploration, and of what should have happened in it: in another example it may."""
        self.scenarios += 1
        self.made += report.runs
        self.reached.update(dict.fromkeys(sorted(report.reached)))
        self.claims = {**dict.fromkeys(report.unreached, report), **self.claims}


_CURRENT: Final[ContextVar[Session | None]] = ContextVar("session", default=None)


def current_session() -> Session:
    """Return the session that goes on; one in which nothing is asked, if none does."""
    return _CURRENT.get() or Session()


@contextmanager
def session_is(session: Session) -> Iterator[None]:
    """Let a session be the current one."""
    token = _CURRENT.set(session)
    try:
        yield
    finally:
        _CURRENT.reset(token)
