"""What the host app has heard: every call of a callback, and when; and whether anything is left to hear.

Owns the reading of the ledger, `DELIVERIES`; judges nothing. Next: `chronicle.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import inf
from typing import Any

from attrs import frozen

from components.batch_processor.host_callbacks import DELIVERIES, DELIVERING
from components.batch_processor.properties.records import COMPONENT, UNFINISHED, keys_of
from convexsim import UsageError, View

__all__ = ["Attempt", "Delivery", "Entry", "attempts", "crons", "deliveries", "is_at_rest", "ledger"]


@frozen
class Entry:
    """One entry of the host's ledger: a call of a callback, which makes it before it ends.

    Attributes:
        at_ms: when, by the true clock; in a view without a past by that of the node that ran it.
        call: the callback.
        facts: what it was given, and how it was to end.

    """

    at_ms: float
    call: str
    facts: Mapping[str, Any]

    @property
    def is_ok(self) -> bool:
        """Whether the callback was to end well; one that fails always has no plan."""
        plan = self.facts.get("plan", {"fail": ""})
        return plan == "ok" or "fail" not in plan


def ledger(view: View) -> tuple[Entry, ...]:
    """Return every call of a callback so far, in order."""
    return view.folded(_enter)


def _enter(before: tuple[Entry, ...] | None, view: View) -> tuple[Entry, ...]:
    known = before or ()
    try:
        new = view.external(DELIVERIES)[len(known) :]
    except UsageError:
        msg = f"The properties are judged by {DELIVERIES!r}, which the callbacks of the host app keep; it is not there."
        next_step = f"Run @scenario(app=host_app(...)), and declare world.external({DELIVERIES!r}) in it."
        raise UsageError(msg, next_step=next_step) from None
    return (*known, *(Entry(each["t"] if before is None else view.now, each["call"], each) for each in new))


@frozen
class Delivery:
    """One call of a callback with items.

    Attributes:
        at_ms: when it began, as in `Entry`.
        callback: the host's function.
        items: by their keys.
        is_acked: whether the callback has returned without an error; of several with the same items the first that were
            to end well are taken to be those that have.

    """

    at_ms: float
    callback: str
    items: tuple[str, ...]
    is_acked: bool


def deliveries(view: View) -> tuple[Delivery, ...]:
    """Return every delivery so far, of batches and of pages, in order."""
    return view.derived(_deliver)


def _deliver(view: View) -> tuple[Delivery, ...]:
    acks = Counter((one.callback, one.items) for one in attempts(view) if one.is_acked)
    found = []
    for entry in ledger(view):
        if "items" in entry.facts:
            what = entry.call, keys_of(entry.facts["items"])
            is_acked = entry.is_ok and acks[what] > 0
            acks[what] -= is_acked
            found.append(Delivery(entry.at_ms, *what, is_acked))
    return tuple(found)


@frozen
class Attempt:
    """One call of a callback with items that has come back, also if it has died; see `Delivery`."""

    callback: str
    items: tuple[str, ...]
    is_acked: bool


def attempts(view: View) -> tuple[Attempt, ...]:
    """Return every call of a callback with items that has come back so far."""
    return tuple(attempt for _, found in view.folded(_attempt).values() for attempt in found)


_Attempts = Mapping[str, tuple[int, tuple[Attempt, ...]]]
"""By callback: how many of its calls have come back, and those of them with items."""


def _attempt(before: _Attempts | None, view: View) -> _Attempts:
    made: dict[str, tuple[int, tuple[Attempt, ...]]] = {}
    for callback in DELIVERING:
        seen, known = (0, ()) if before is None else before[callback]
        new = view.answers(f"driver:{callback}", skip=seen)
        more = [Attempt(callback, keys_of(one.args["items"]), _is_returned(one)) for one in new]
        made[callback] = (seen + len(new), (*known, *more))
    return made


def _is_returned(answered: Any) -> bool:
    return getattr(answered.outcome, "failure", None) is None


def is_at_rest(view: View) -> bool:
    """Whether nothing is left to do: no scheduled function waits or runs, no call is open, no cron finds anything.

    A cron finds nothing any more once it has come twice, and every interval has passed, without a change.
    """
    return view.derived(_rests)


def _rests(view: View) -> bool:
    rows = [*view.scheduled_functions(), *view.scheduled_functions(COMPONENT)]
    if any(call.outcome is None for call in view.calls()) or any(row["state"]["kind"] in UNFINISHED for row in rows):
        return False
    ticks = [row["nextMs"] - row.get("prevMs", -inf) for row in crons(view)]
    if not ticks:
        return True
    intervals = [row["config"]["flushIntervalMs"] for row in view.documents("batches", COMPONENT)]
    quiet_ms = view.now - view.folded(_settle)[0]
    return bool(quiet_ms > 2 * max(ticks) + max(intervals, default=0))


def _settle(before: tuple[float, Any] | None, view: View) -> tuple[float, Any]:
    """Return since when nothing has changed that the component or its callbacks have written, and what that is."""
    now = [view.documents(table, component) for component, table in view.tables()], len(ledger(view))
    return before if before is not None and before[1] == now else (view.now, now)


def crons(view: View) -> list[dict[str, Any]]:
    """Return the rows of the host app's crons."""
    try:
        return view.documents("_cron_jobs")
    except UsageError:
        return []
