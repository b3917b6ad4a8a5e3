"""Labels: what an event comes to in a few words, for pictures, in which there is no room for more.

Owns the short words, and which of several events a picture draws; the long words stand in `text.py`, the names of
documents in `names.py`. Next: `timeline.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convexsim.functions.outcome import Returned
from convexsim.functions.syscalls import Canceled, Drew, ExternalUse, Fetched, Logged, Scheduled
from convexsim.trace import event
from convexsim.trace.names import one_line, shorten
from convexsim.values import show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from convexsim.trace.event import Event
    from convexsim.trace.names import Names

__all__ = ["Labels", "kind_of", "short_function"]

_LONGEST_VALUE: Final = 30
_KINDS: Final = {
    event.Broken: "broken",
    event.Conflicted: "conflicted",
    event.Faulted: "faulted",
    event.Aborted: "aborted",
    event.Committed: "committed",
    event.Passed: "passed",
    event.Began: "began",
    event.Called: "called",
    event.StateChanged: "changed",
    event.Ended: "ended",
    event.Waited: "waited",
    event.Did: "did",
}
"""What a row is drawn as, by the first of these that is in it."""


def kind_of(events: Sequence[Event]) -> str:
    """Return as what a row with these events is drawn."""
    return next((kind for of, kind in _KINDS.items() if any(type(each) is of for each in events)), "did")


def short_function(label: str) -> str:
    """Return the name of a function without its module and component: ``addItems``."""
    return one_line(label.rpartition(":")[2])


class Labels:
    """Puts events into a few words.

    Args:
        names: of the documents.
        scheduled: which functions were scheduled, by the ids of their rows.

    """

    def __init__(self, names: Names, scheduled: Mapping[str, Scheduled]) -> None:
        self._names = names
        self._scheduled = scheduled
        self._words: dict[type, Callable[[Any], str]] = {
            event.Called: lambda called: "deploys" if called.kind == "deploy" else short_function(called.function),
            event.Began: _began,
            event.Did: lambda did: self._words[type(did.effect)](did.effect),
            event.Committed: lambda committed: f"commits ts {committed.commit_ts}",
            event.Conflicted: self._conflicted,
            event.Aborted: lambda _: "aborts",
            event.Waited: lambda waited: f"waits {show(round(waited.delay_ms, 3))} ms" if waited.delay_ms else "",
            event.Ended: self._ended,
            event.StateChanged: lambda to: "" if to.state in ("success", "failed") else f"is {to.state}",
            event.Faulted: lambda struck: f"FAULT {struck.how if struck.fault == 'skew' else struck.fault}",
            event.Passed: lambda passed: f"time passes, {len(passed.late)} late",
            event.Broken: lambda broken: f"BROKEN {broken.invariant}",
            Scheduled: _scheduled,
            Canceled: self._canceled,
            ExternalUse: lambda used: f"{'appends to' if used.use == 'append' else 'takes from'} {one_line(used.name)}",
            Fetched: lambda fetched: f"sends {one_line(fetched.method)}",
            Logged: lambda _: "logs",
            Drew: lambda drew: f"draws {show(drew.value)}",
        }

    def of(self, happened: Event) -> str:
        """Return an event in a few words; none for one that the picture shows in another way."""
        return self._words[type(happened)](happened)

    def _conflicted(self, conflicted: event.Conflicted) -> str:
        return f"conflicts: had read {shorten(self._names.keys_read(conflicted.conflict), _LONGEST_VALUE)}"

    def _ended(self, ended: event.Ended) -> str:
        if isinstance(ended.outcome, Returned):
            return f"→ {self._names.value(ended.outcome.value, _LONGEST_VALUE)}"
        return f"✗ {one_line(ended.outcome.failure.code)}"

    def _canceled(self, canceled: Canceled) -> str:
        which = self._scheduled.get(canceled.id)
        function = "a function" if which is None else short_function(which.function)
        return f"cancels {function}" if canceled.result == "canceled" else f"cannot cancel {function}"


def _began(began: event.Began) -> str:
    purpose, _, function = began.what.partition(" ")
    again = f" attempt {began.attempt}" if began.attempt > 1 else ""
    return f"begins{again}{f', to {purpose}' if function else ''}"


def _scheduled(effect: Scheduled) -> str:
    born = "" if effect.state == "pending" else f", born {effect.state}"
    return f"schedules {short_function(effect.function)}{born}"
