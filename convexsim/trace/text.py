"""The story of a run, for a terminal: when, who, what; one line for each thing that matters.

Owns layout and wording. How documents, values and keys are spelled stands in `names.py`, the events in `event.py`. The
words are for somebody who learns optimistic concurrency control: begin, commit, conflict, begin again.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from convexsim.choices import root_of
from convexsim.database.tables import TABLES
from convexsim.errors import UsageError
from convexsim.functions.catalog import SCHEDULED_FUNCTIONS
from convexsim.functions.outcome import Returned
from convexsim.functions.syscalls import Canceled, Drew, ExternalUse, Fetched, Logged, Scheduled
from convexsim.trace import event
from convexsim.trace.names import Names, short_activity, shorten
from convexsim.values import UNDEFINED, equal, show

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from convexsim.trace.event import Event, Trace, Written

__all__ = ["WIDTH", "Teller", "story"]

WIDTH: Final = 120
"""Columns of a line; only the name of an activity that is very long may push it beyond."""

_GAP: Final = "  "
_WIDEST_WHO: Final = 24
_LEAST_VALUE: Final = 24
_LONGEST_MESSAGE: Final = 5  # lines
_FIRST_LINES: Final = 300  # of a story so long that nobody reads it: how it began, and how it ended
_LAST_LINES: Final = 100
_STANDING: Final = ("_id", "_creationTime")
_FAULTS: Final = {
    "crash": "dies here: what it has sent goes on, the rest of it never runs",
    "restart": "the backend dies and starts again: what is not committed is lost, and so is every call in flight",
    "restart before": "the backend dies before this reaches the outside, and starts again",
    "restart after": "the backend dies as soon as this has happened, and starts again",
    "system error": "a transient error of the platform: nothing of this attempt is kept",
    "conflict": "a write from outside this world comes first",
    "request lost": "the request is lost on the way",
    "answer lost": "the call arrives, but its answer will be lost",
}
_TITLES: Final = ("ms", "who", "what")


def story(trace: Trace, *, steps: bool = False, only: Container[int] | None = None) -> str:
    """Return the events of a run in words: when (virtual ms, said when it changes), who (the activity), what.

    Args:
        trace: of one run.
        steps: whether every message that was handled gets a line too.
        only: the numbers of the events that are told, for a shorter one; all are, if not given. Names stay the same.

    """
    given: object = trace
    if not isinstance(given, event.Trace):
        msg = f"{given!r:.80} is no trace, so it has no story."
        raise UsageError(msg, next_step="Pass that of a run which has kept its events: story(run.trace).")
    numbered = [each for each in enumerate(trace.events) if steps or not isinstance(each[1], event.Stepped)]
    if not numbered:
        return "Nothing happened."
    events = [happened for _, happened in numbered]
    times = [_time(happened.at_ms) for happened in events]
    people = [short_activity(happened.activity) for happened in events]
    when_width = max(map(len, [*times, _TITLES[0]]))
    who_width = min(max(map(len, [*people, _TITLES[1]])), _WIDEST_WHO)
    teller = Teller(events, WIDTH - when_width - who_width - 2 * len(_GAP))
    rows = [_TITLES]
    told_time = ""
    for (at, happened), time, who in zip(numbered, times, people, strict=True):
        lines = teller.tell(happened)
        for number, line in enumerate(lines if only is None or at in only else ()):
            rows.append((time if time != told_time else "", "" if number else who, line))
            told_time = time
    if len(rows) > _FIRST_LINES + _LAST_LINES + 1:  # the line that says so is one, too
        left_out = f"… {len(rows) - _FIRST_LINES - _LAST_LINES:,} lines left out; json_lines(trace) tells them all …"
        rows[_FIRST_LINES:-_LAST_LINES] = [("", "", left_out)]
    return "\n".join(f"{when:>{when_width}}{_GAP}{who:<{who_width}}{_GAP}{what}".rstrip() for when, who, what in rows)


class Teller:
    """Puts events into words, one after the other.

    Args:
        events: all that will be told, for the names in them.
        width: the columns that the words have.

    Attributes:
        names: of the documents in them.

    """

    def __init__(self, events: Sequence[Event], width: int) -> None:
        self.names = Names(events)
        self._width = width
        self._called_by: dict[str, event.Called] = {}
        self._wrote: dict[str, bool] = {}
        self._words: dict[type, Callable[[Any], list[str]]] = {
            event.Stepped: self._stepped,
            event.Called: self._called,
            event.Began: self._began,
            event.Read: lambda _: [],
            event.Did: lambda did: self._words[type(did.effect)](did.effect),
            Logged: lambda logged: self._message("logs: ", logged.line),
            Drew: lambda drew: [f"draws the random number {show(drew.value)}"],
            Scheduled: self._scheduled,
            Canceled: self._canceled,
            ExternalUse: self._used,
            Fetched: self._fetched,
            event.Committed: self._committed,
            event.Conflicted: self._conflicted,
            event.Aborted: self._aborted,
            event.Waited: self._waited,
            event.Ended: self._ended,
            event.StateChanged: self._state_changed,
            event.Faulted: self._faulted,
            event.Passed: self._passed,
            event.Broken: lambda broken: self._message(f"BROKEN {broken.invariant}: ", broken.message),
        }

    def tell(self, happened: Event) -> list[str]:
        """Return the lines of an event; none if the event before it has said it all."""
        return [part for line in self._words[type(happened)](happened) for part in self._fitted(line)]

    # Calls

    def _stepped(self, stepped: event.Stepped) -> list[str]:
        choice = f", option {stepped.index + 1} of {stepped.options}" if stepped.options else ""
        return [f"· step {stepped.step}: {stepped.actor} handles {stepped.phase}{choice}"]

    def _called(self, called: event.Called) -> list[str]:
        self._called_by[called.activity] = called
        if called.kind == "deploy":
            return ["deploys another app"]
        is_scheduled = "+" in called.activity and root_of(called.activity) == called.activity
        is_cron = is_scheduled and called.activity.startswith("cron:") and called.activity.count("+") == 1
        verb = "runs cron" if is_cron else "runs scheduled" if is_scheduled else "calls"
        return [self._with_value(f"{verb} {called.kind} {called.function} ", called.args)]

    def _ended(self, ended: event.Ended) -> list[str]:
        if isinstance(ended.outcome, Returned):
            called = self._called_by.get(ended.activity)
            wrote_nothing = called is not None and called.kind == "mutation" and not self._wrote.get(ended.activity)
            tail = " without having written anything" if wrote_nothing else ""
            return [self._with_value("returns ", ended.outcome.value, len(tail)) + tail]
        failure = ended.outcome.failure
        if failure.code == "ConvexError":
            return [self._with_value("throws ConvexError ", failure.data)]
        if failure.code == "ConnectionLost":  # the client's word; the call itself may go on
            return self._message("is told: ", failure.message)
        named = failure.message.startswith(failure.code)
        return self._message("throws " if named else f"throws {failure.code}: ", failure.message)

    def _state_changed(self, changed: event.StateChanged) -> list[str]:
        if changed.state in ("success", "failed"):
            return []  # the commit has told it
        if changed.state == "canceled":
            return ["was canceled meanwhile: how it ended is not recorded"]
        return [f"is {changed.state}: nothing happens"]

    # Transactions

    def _began(self, began: event.Began) -> list[str]:
        called = self._called_by.get(began.activity)
        purpose = "" if called is not None and called.function == began.what else f", to {began.what}"
        self._wrote[began.activity] = False
        return [f"begins attempt {began.attempt} at ts {began.begin_ts}{purpose}"]

    def _committed(self, committed: event.Committed) -> list[str]:
        self._wrote[committed.activity] = True
        changes = [line for written in committed.writes for line in self._written(written)]
        return [f"commits as ts {committed.commit_ts}", *(_GAP + line for line in changes)]

    def _written(self, written: Written) -> list[str]:
        name = self.names.document(written.id)
        if written.table.endswith(f"/{SCHEDULED_FUNCTIONS}"):
            return [_scheduled_function_written(name, written)]
        if written.table == TABLES.key and written.after is not None:
            made = _deployed if "deployed" in written.after else _table_made
            return [made(name, written.after)]
        before, after = _shown(written.before), _shown(written.after)
        if before is None:
            return [self._with_value(f"inserts {name} ", after, len(_GAP))]
        if after is None:
            return [self._with_value(f"deletes {name} ", before, len(_GAP))]
        return self._changed(f"changes {name}", before, after)

    def _changed(self, head: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
        """Say which fields changed and how: on one line if that fits, else on a line each."""
        fields = [name for name in sorted({**before, **after}) if not equal(*_both(name, before, after))]
        if not fields:
            return [f"{head}, back to what it was"]
        room = self._width - 3 * len(_GAP)
        changes: list[str] = []
        for name in fields:
            limit = max((room - len(f"{name}:  → ")) // 2, _LEAST_VALUE)
            old, new = (self.names.value(value, limit) for value in _both(name, before, after))
            changes.append(f"{name}: {old} → {new}")
        line = f"{head} {', '.join(changes)}"
        return [line] if len(line) <= self._width - len(_GAP) else [head, *(_GAP + change for change in changes)]

    def _conflicted(self, conflicted: event.Conflicted) -> list[str]:
        conflict = conflicted.conflict
        index = conflict.index.lstrip("/")
        writer = short_activity(conflict.write_source)
        tail = f" at ts {conflict.write_ts} by {writer}"
        return [
            f"conflicts in attempt {conflicted.attempt}: what it had read was written after it began",
            self._with_key(f"{_GAP}read     {index} ", self.names.keys_read(conflict)),
            self._with_key(f"{_GAP}written  {index} ", self.names.key_written(conflict), len(tail)) + tail,
        ]

    def _aborted(self, aborted: event.Aborted) -> list[str]:
        return [f"aborts attempt {aborted.attempt}: its handler threw, so its writes are dropped"]

    def _waited(self, waited: event.Waited) -> list[str]:
        return [f"waits {_time(waited.delay_ms)} ms, then tries again" if waited.delay_ms else "tries again at once"]

    def _faulted(self, faulted: event.Faulted) -> list[str]:
        if faulted.fault == "skew":
            return [f"FAULT runs by {faulted.how}"]
        return [f"FAULT {_FAULTS[faulted.how]}"]

    def _passed(self, passed: event.Passed) -> list[str]:
        late = ", ".join(f"{short_activity(activity)} ({phase})" for activity, phase in passed.late)
        return [f"goes on by {_time(passed.until_ms - passed.at_ms)} ms, so that these are late: {late}"]

    # Effects

    def _scheduled(self, effect: Scheduled) -> list[str]:
        name = f"{self.names.document(effect.id)}, {short_activity(effect.activity)}"
        if effect.state == "pending":
            return [f"schedules {effect.function} for {_time(effect.at_ms)} ms ({name})"]
        parent = short_activity(str(effect.parent))
        return [f"schedules {effect.function}, born {effect.state}, because {parent} is canceled ({name})"]

    def _canceled(self, effect: Canceled) -> list[str]:
        cancels = f"cancels {self.names.document(effect.id)}, {short_activity(effect.activity)}"
        if effect.result == "canceled":
            return [cancels]
        if effect.result == "self: noop":
            return [f"{cancels}, under which it runs itself: nothing happens"]
        return [f"{cancels}, which has already ended ({effect.result}): nothing happens"]

    def _used(self, effect: ExternalUse) -> list[str]:
        verb = "appends to" if effect.use == "append" else "takes from"
        return [self._with_value(f"{verb} {effect.name}: ", effect.value)]

    def _fetched(self, effect: Fetched) -> list[str]:
        sends = f"sends {effect.method} {effect.url}"
        sent = sends if effect.body is None else self._with_value(f"{sends} ", effect.body)
        if effect.status is None:
            return [sent, *self._message(f"{_GAP}gets no response: ", effect.answer)]
        head = f"{_GAP}gets {effect.status}"
        return [sent, head if effect.answer is None else self._with_value(f"{head} ", effect.answer)]

    # Layout

    def _with_value(self, head: str, value: Any, indent: int = 0) -> str:
        room = self._width - indent - len(head)
        return head + self.names.value(value, max(room, _LEAST_VALUE))

    def _with_key(self, head: str, key: str, after: int = 0) -> str:
        return head + shorten(key, max(self._width - after - len(head), _LEAST_VALUE))

    def _fitted(self, line: str) -> list[str]:
        indent = " " * (len(line) - len(line.lstrip()) + len(_GAP))
        return wrap(line, self._width, subsequent_indent=indent, break_on_hyphens=False)

    def _message(self, head: str, text: str) -> list[str]:
        return [shorten(head + self.names.text(text), _LONGEST_MESSAGE * (self._width - len(_GAP)))]


def _time(at_ms: float) -> str:
    return show(round(at_ms, 3))


def _both(name: str, before: dict[str, Any], after: dict[str, Any]) -> tuple[Any, Any]:
    return before.get(name, UNDEFINED), after.get(name, UNDEFINED)


def _shown(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the fields of a revision but for those that every document has."""
    return None if value is None else {name: field for name, field in value.items() if name not in _STANDING}


def _table_made(name: str, row: dict[str, Any]) -> str:
    """Say that a table came into being; by the name of its row, conflicts with whatever else was running tell of it."""
    label = f"{row['component']}/{row['name']}".lstrip("/")
    return f"makes the table {label} ({name})"


def _deployed(name: str, row: dict[str, Any]) -> str:
    """Say which functions a deploy has made or removed, and how many others are new code."""
    told = row["deployed"]
    parts = [f"{what} {', '.join(told[key])}" for key, what in (("new", "adds"), ("gone", "removes")) if told[key]]
    changed = f"replaces {told['changed']} function{'' if told['changed'] == 1 else 's'}"
    return f"{'; '.join([changed, *parts])} ({name})"


def _scheduled_function_written(name: str, written: Written) -> str:
    """Say what became of a scheduled function's row; all but its state was told when it was scheduled."""
    if written.after is None:
        return f"deletes {name} {written.before['state']['kind']}"
    after = written.after["state"]["kind"]
    if written.before is None:
        return f"inserts {name} {after}"
    return f"changes {name} {written.before['state']['kind']} → {after}"
