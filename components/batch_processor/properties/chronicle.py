"""How what stands in a world came about: what was added when, what lasted how long, what was thrown away on purpose.

Owns the fold over a run's moments; judges nothing. In a view without a past, as of a world driven by hand, what is
stored and what was answered is all that is known. Next: `accumulator.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from components.batch_processor.host_callbacks import PLAN
from components.batch_processor.properties.ledger import crons
from components.batch_processor.properties.records import (
    COMPONENT,
    LAYOUTS,
    Batch,
    Config,
    Function,
    ItemRow,
    Layout,
    Stored,
    is_commit,
    key_of,
)
from convexsim import UsageError, View

__all__ = [
    "ADDS",
    "FLUSH",
    "OCC",
    "Added",
    "Answer",
    "Chronicle",
    "Span",
    "adds_of",
    "answers",
    "chronicle",
    "committed_by",
    "given_up",
]

ADDS: Final = ("driver:addItems", "driver:addMany")
"""The host app's functions that add items."""

FLUSH: Final = "driver:flush"
"""The host app's function that asks for a flush."""

OCC: Final = "OptimisticConcurrencyControlFailure"
"""The code of a failure: all attempts of a transaction have lost."""

_WRITER: Final = re.compile(r"(?P<function>.*) \((?P<activity>.*?)(?:r\d+)?\)")
_RUN_ANEW: Final = re.compile(r"r\d+$")


@frozen
class Added:
    """One item of an add that was committed.

    Attributes:
        batch_id: as the caller gave it.
        at_ms: when the add committed.
        order: its place among all items added.
        config: that of the call, or where it brought none, that with which it was stored; None if neither is known.
        call: the activity of the call; empty for what was put there by hand.
        call_size: how many items came with it.

    """

    batch_id: str
    at_ms: float
    order: int
    config: Config | None
    call: str
    call_size: int


@frozen
class Answer:
    """A call of the host app that came back.

    Attributes:
        failure: code and message of what it threw; None if it returned.

    """

    activity: str
    function: str
    args: Mapping[str, Any]
    failure: tuple[str, str] | None
    result: Any


@frozen
class Span:
    """How long something was so: from one moment to the one at which it was no more, or None if it still is."""

    what: str
    which: str
    from_ms: float
    to_ms: float | None


@frozen(eq=False)
class Chronicle:
    """What the accumulator's past tells at one moment.

    Attributes:
        stored: its documents now.
        before: its documents at the moment before; None at the first.
        added: what was added, by item.
        discarded: items that somebody threw away who saw that they could not be delivered (hardened).
        begun: the ids of the scheduled functions that were ever seen running.
        seen: the ids of all batches that there ever were.
        highest: by base id, the highest sequence that there ever was.
        outlasted: the adds that gave up while all batches that there ever were accumulated.
        reused: the names of batches whose sequence is not higher than all before it.
        since: what is so at the moment, by kind and whom it is about, and since when.
        spans: what was so and is no more.
        commits: what was stored before and after the commit of a client's call, by its activity.

    """

    stored: Stored
    before: Stored | None
    added: Mapping[str, Added] = field(factory=dict)
    discarded: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    highest: Mapping[str, int] = field(factory=dict)
    outlasted: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    since: Mapping[tuple[str, str], float] = field(factory=dict)
    spans: tuple[Span, ...] = ()
    commits: Mapping[str, tuple[Stored | None, Stored]] = field(factory=dict)

    def lasting(self, what: str) -> Iterator[Span]:
        """Return when something was so, whomever it was about: what is over first, then what still is."""
        yield from (span for span in self.spans if span.what == what)
        yield from (Span(what, which, at, None) for (kind, which), at in self.since.items() if kind == what)


def chronicle(layout: Layout, view: View) -> Chronicle:
    """Return what the past of a view tells, as a version stores it."""
    return view.folded(_STEPS[layout.version])


def committed_by(view: View) -> tuple[str, str]:
    """Return the function and the activity of the newest commit; a call that was sent again counts as the same."""
    found = _WRITER.fullmatch(view.writer)
    return (found["function"], found["activity"]) if found else ("", "")


def answers(view: View) -> Mapping[str, tuple[Answer, ...]]:
    """Return what the host app's calls that the accumulator hears of have answered so far, by function."""
    return view.folded(_answer)


def _answer(before: Mapping[str, tuple[Answer, ...]] | None, view: View) -> Mapping[str, tuple[Answer, ...]]:
    known = before or dict.fromkeys((*ADDS, FLUSH), ())
    return {
        function: (*seen, *(_read_answer(each) for each in view.answers(function, skip=len(seen))))
        for function, seen in known.items()
    }


def _read_answer(answered: Any) -> Answer:
    failure = getattr(answered.outcome, "failure", None)
    activity = _RUN_ANEW.sub("", answered.activity)
    if failure is not None:
        return Answer(activity, answered.function, answered.args, (failure.code, failure.message), None)
    return Answer(activity, answered.function, answered.args, None, answered.outcome.unwrap())


# -------------------------------------------------------------------------------------------------------- the fold


@frozen
class _Step:
    """The step of the fold for one version."""

    layout: Layout

    def __call__(self, made: Chronicle | None, view: View) -> Chronicle:
        stored = self.layout.stored(view)
        told = Chronicle(stored, None) if made is None else evolve(made, stored=stored, before=made.stored)
        if view.before is None or is_commit(view):
            function, activity = committed_by(view) if view.before is not None else ("", "")
            calls = {call.activity: call.args for call in view.calls() if call.activity == activity}
            if calls:
                told = _called(told, activity)
            told = _with_documents(told)
            for args in calls.values():
                told = _with_added(told, view, activity, adds_of(function, args))
        for function in ADDS:
            for answer in answers(view)[function]:
                if answer.failure is None and answer.activity not in told.commits:
                    told = _with_added(told, view, answer.activity, adds_of(function, answer.args))
        told = _with_outlasted(_with_stored(told, view), view)
        return _lasted(told, view, dict.fromkeys(_conditions(self.layout, told, view)))


_STEPS: Final = {version: _Step(layout) for version, layout in LAYOUTS.items()}


def _called(told: Chronicle, activity: str) -> Chronicle:
    """Note the commit of a client's call; only such a one can throw a dead letter away on purpose."""
    gone = [item for item in told.before.where if item not in told.stored.where] if told.before is not None else []
    thrown = [item for item in gone if told.before is not None and told.before.status_of(item) == "deadLetter"]
    commits = {**told.commits, activity: (told.before, told.stored)}
    return evolve(told, commits=commits, discarded=told.discarded | frozenset(thrown))


def _with_documents(told: Chronicle) -> Chronicle:
    new = [batch for batch in told.stored.batches if batch.id not in told.seen]
    highest, reused = dict(told.highest), list(told.reused)
    for batch in sorted(new, key=lambda batch: (batch.base, batch.sequence or 0)):
        if batch.sequence is not None:
            if batch.sequence <= highest.get(batch.base, -1):
                reused.append(batch.name)
            highest[batch.base] = max(batch.sequence, highest.get(batch.base, -1))
    begun = told.begun | {function.id for function in told.stored.functions if function.state == "inProgress"}
    seen = told.seen | {batch.id for batch in new}
    return evolve(told, begun=begun, seen=seen, highest=highest, reused=tuple(reused))


def adds_of(function: str, args: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the adds that a call of the host app consists of: each a batchId, items, and perhaps a config."""
    if function not in ADDS:
        return []
    return args["adds"] if function == "driver:addMany" else [args]


def _with_added(told: Chronicle, view: View, activity: str, adds: list[Mapping[str, Any]]) -> Chronicle:
    added = dict(told.added)
    for add in adds:
        given = add.get("config")
        for item in map(key_of, add["items"]):
            known = added.get(item)
            if known is not None and known.call == activity:
                continue
            if known is not None and known.call:
                msg = f"The item {item} was added by {known.call} and by {activity}: nobody could tell which is which."
                raise UsageError(msg, next_step="Give every item of a scenario a value of its own.")
            row = told.stored.where.get(item)
            config = Config.of(given, PLAN) if given else None if row is None else row.config
            at_ms, order = (view.now, len(added)) if known is None else (known.at_ms, known.order)
            added[item] = Added(add["batchId"], at_ms, order, config, activity, len(add["items"]))
    return evolve(told, added=added) if len(adds) else told


def _with_stored(told: Chronicle, view: View) -> Chronicle:
    """Add what is stored and was added by nobody: it was put there by hand."""
    added = dict(told.added)
    for row in told.stored.rows:
        for item in row.items:
            if item not in added:
                added[item] = Added(row.base, view.now, len(added), row.config, "", len(row.items))
    return evolve(told, added=added)


def _with_outlasted(told: Chronicle, view: View) -> Chronicle:
    """Note who has given up by now, if nothing has happened so far but that items were added."""
    accumulating = {batch.id for batch in told.stored.batches if batch.status == "accumulating"}
    if accumulating != told.seen:
        return told
    return evolve(told, outlasted=tuple(answer.activity for answer in given_up(view)))


def given_up(view: View) -> Iterator[Answer]:
    """Yield the adds that have used up the attempts that the platform gives them."""
    for answer in (each for function in ADDS for each in answers(view)[function]):
        if answer.failure is not None and answer.failure[0] == OCC:
            yield answer


def _conditions(layout: Layout, told: Chronicle, view: View) -> Iterator[tuple[str, str]]:
    """Yield what is so at the moment, and whom it is about."""
    stored = told.stored
    for batch in stored.batches:
        if batch.status == "flushing":
            yield "flushing", batch.id
            if not _is_executed(layout, told, batch, view):
                yield "idle", batch.id
    for where, rows in _waiting(layout, stored).items():
        total = 0
        for row in sorted(rows, key=lambda row: told.added[row.items[0]].order if row.items else -1):
            total += len(row.items)
            config = row.config if row.batch_id is None else stored.by_id[row.batch_id].config
            if config.threshold is not None and total >= max(config.threshold, 1):
                yield "due", where
                break
    for function in stored.functions:
        is_due = function.state == "pending" and function.due_ms <= view.now
        if is_due and function.name in layout.transitions and _is_wanted(function, stored):
            yield "waiting", f"{function.name} ({function.id})"


def _is_wanted(function: Function, stored: Stored) -> bool:
    """Whether a transition may still have something to do; one that is for a row has not once another has taken it."""
    row_id = function.args.get("rowId")
    return row_id is None or any(row.id == row_id and row.batch_id is None for row in stored.rows)


def _waiting(layout: Layout, stored: Stored) -> Mapping[str, list[ItemRow]]:
    """Return what accumulates, by the name of its batch, or by its base id while nobody has collected it."""
    found: dict[str, list[ItemRow]] = {}
    for row in stored.rows:
        batch = stored.by_id.get(row.batch_id or "")
        if row.batch_id is None or (batch is not None and batch.status == "accumulating"):
            found.setdefault(row.base if batch is None else batch.name, []).append(row)
    return found


def _is_executed(layout: Layout, told: Chronicle, batch: Batch, view: View) -> bool:
    """Whether somebody is there who delivers a flushing batch, or may be: a cron's run says not for whom it works.

    But it delivers only what it has taken to flushing itself: nothing that was flushing and idle before.
    """
    own = [function for function in told.stored.functions if function.args.get("batchDocId") == batch.id]
    if any(function.is_live and function.name in layout.executors for function in own):
        return True
    inline = [function for function in own if function.name in layout.inline]
    if any(function.state == "inProgress" for function in inline) or _runs_canceled(layout, told, inline, view):
        return True
    may_be_its = layout.cron_ms > 0 and ("idle", batch.id) not in told.since
    return may_be_its and any(row["state"]["kind"] == "inProgress" for row in crons(view))


def _runs_canceled(layout: Layout, told: Chronicle, inline: list[Function], view: View) -> bool:
    """Whether one of the functions runs on although it was canceled: it has begun, and not all have come back."""
    begun = Counter(function.name for function in inline if function.id in told.begun)
    if not any(function.state == "canceled" and function.id in told.begun for function in inline):
        return False
    batch_id = inline[0].args["batchDocId"]
    labels = {name: f"{COMPONENT}/{layout.module}:{name}" for name in begun}
    return any(
        sum(answered.args.get("batchDocId") == batch_id for answered in view.answers(labels[name])) < count
        for name, count in begun.items()
    )


def _lasted(told: Chronicle, view: View, now_so: Mapping[tuple[str, str], None]) -> Chronicle:
    over = [Span(*what, at, view.now) for what, at in told.since.items() if what not in now_so]
    since = {what: told.since.get(what, view.now) for what in now_so}
    return evolve(told, since=since, spans=(*told.spans, *over))
