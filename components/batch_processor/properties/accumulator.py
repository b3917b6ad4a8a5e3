"""The accumulator's safety: P1 to P13, at every moment, but what answers and history say at the end.

Owns what is judged, exactly: where a world does not show all that a property speaks of, the docstring says which
reading of it is decided. Next: `timing.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, TypeVar

from components.batch_processor.properties.chronicle import ADDS, FLUSH, Chronicle, Span, adds_of, answers, chronicle
from components.batch_processor.properties.ledger import Attempt, Delivery, attempts, deliveries, is_at_rest
from components.batch_processor.properties.records import COMPONENT, Batch, Function, Stored, base_of, key_of
from components.batch_processor.properties.terms import Terms
from convexsim import UsageError, View

__all__ = [
    "FAILURES_OF_THE_PLATFORM",
    "accept",
    "at_most_once_ack",
    "conservation",
    "deliveries_of_batches",
    "fifo",
    "history",
    "no_foreign",
    "no_premature_delete",
    "one_flight",
    "return_truth",
    "single_accumulating",
    "size_bound",
    "timer",
    "unique_name",
]

T = TypeVar("T", Delivery, Attempt)

FAILURES_OF_THE_PLATFORM: Final = (
    "ArgumentValidationError",
    "ConnectionLost",
    "InternalServerError",
    "OptimisticConcurrencyControlFailure",
    "TooManyWrites",
)
"""Codes with which a call fails that say nothing about the component's state."""


def deliveries_of_batches(view: View, told: Chronicle) -> list[Delivery]:
    """Return the deliveries that are not pages of a job: those with an item that was added, or that no row explains.

    Raises:
        UsageError: an item that was added is also a row that jobs go through.

    """
    return of_batches(view, told, deliveries(view))


def of_batches(view: View, told: Chronicle, made: Sequence[T]) -> list[T]:
    """Return those of some deliveries, or attempts, that are not pages of a job; see `deliveries_of_batches`."""
    rows = {key_of(row["k"]) for row in view.documents("rows")}
    both = [item for item in told.added if item in rows]
    if both:
        msg = f"The item {both[0]} was added, and is a row that jobs deliver too."
        raise UsageError(msg, next_step="Add items that are no numbers where there are jobs.")
    return [one for one in made if any(item in told.added or item not in rows for item in one.items)]


def acked_items(view: View) -> frozenset[str]:
    """Return the items that a callback has accepted."""
    return view.derived(_acked)


def _acked(view: View) -> frozenset[str]:
    return frozenset(item for one in deliveries(view) if one.is_acked for item in one.items)


# ------------------------------------------------------------------------------------------------------ P1 to P4


def conservation(view: View, terms: Terms) -> None:
    """Each item of a committed add is stored or acked, or was thrown away by somebody who saw that it was dead."""
    told, acked = chronicle(terms.layout, view), acked_items(view)
    lost = [item for item in told.added if not (item in told.stored.where or item in acked or item in told.discarded)]
    assert not lost, f"{_shown(lost)} of {told.added[lost[0]].batch_id}: neither stored nor acked"


def no_premature_delete(view: View, terms: Terms) -> None:
    """What is stored no more was acked before, or thrown away as a dead letter: judged between two moments."""
    told, acked = chronicle(terms.layout, view), acked_items(view)
    gone = [] if told.before is None else [item for item in told.before.where if item not in told.stored.where]
    lost = [item for item in gone if item not in acked and item not in told.discarded]
    assert not lost, f"{_shown(lost)}: left storage before any delivery was acked"


def at_most_once_ack(view: View, terms: Terms) -> None:
    """No item of an add is in two deliveries that were acked."""
    told = chronicle(terms.layout, view)
    acked = Counter(item for one in deliveries_of_batches(view, told) if one.is_acked for item in one.items)
    twice = [item for item, count in acked.items() if count > 1]
    assert not twice, f"{_shown(twice)}: acked {acked[twice[0]]} times"


def no_foreign(view: View, terms: Terms) -> None:
    """Every item delivered was added, by a call that named this callback, and none with one of another id.

    The host's ledger does not say for which id a delivery is; so what is judged is that all items of one were added
    under one and the same id, as the callers gave it.
    """
    told = chronicle(terms.layout, view)
    for one in deliveries_of_batches(view, told):
        strange = [item for item in one.items if item not in told.added]
        assert not strange, f"{_shown(strange)}: delivered and never added"
        ids = sorted({told.added[item].batch_id for item in one.items})
        assert len(ids) == 1, f"one delivery holds items of {' and '.join(ids)}"
        for item in one.items:
            config = told.added[item].config
            wanted = None if config is None else config.callback
            assert wanted in (None, one.callback), f"{item} was meant for {wanted} and delivered to {one.callback}"


# ------------------------------------------------------------------------------------------------------ P5 to P7


def single_accumulating(view: View, terms: Terms) -> None:
    """No base id has two accumulating batches."""
    batches = terms.layout.stored(view).batches
    bases = Counter(batch.base for batch in batches if batch.status == "accumulating")
    several = [base for base, count in bases.items() if count > 1]
    assert not several, f"{bases[several[0]]} batches of {several[0]} accumulate"


def unique_name(view: View, terms: Terms) -> None:
    """No two batches that exist have one name, and the sequence of a new one is above all that its id ever had."""
    told = chronicle(terms.layout, view)
    names = Counter(batch.name for batch in told.stored.batches)
    several = [name for name, count in names.items() if count > 1]
    assert not several, f"{names[several[0]]} batches are called {several[0]}"
    assert not told.reused, f"the batch {told.reused[0]} came with a sequence that is not above all before it"


def one_flight(view: View, terms: Terms) -> None:
    """While a batch is flushing exactly one executor is pending or running for it; none is pending for any other.

    What runs may already have recorded its end, and an executor of 0.x to 1.0.4 and from 1.0.7 to 1.0.9 may run inside
    of a timer: so of these only is judged that they are there, and of executors with a row of their own that no second
    one was scheduled since the flush began. Where actions may die, a batch may wait for a lease (C and O).
    """
    told = chronicle(terms.layout, view)
    stored = told.stored
    executors = [function for function in stored.live("executeFlush") if _is_current(function, stored)]
    for function in executors:
        batch = stored.by_id.get(function.args["batchDocId"])
        is_due = function.state == "inProgress" or (batch is not None and batch.status == "flushing")
        assert is_due, f"an executor is pending for {batch.name if batch else 'a batch that is gone'}, not flushing"
    waiting = Counter(function.args["batchDocId"] for function in executors if function.state == "pending")
    several = [stored.by_id[which].name for which, count in waiting.items() if count > 1]
    assert not several, f"several executors are pending for {several[0]}"
    allowed_ms = terms.lease_ms + terms.late_ms if terms.has_leases else 0
    for span in told.lasting("idle"):
        is_long = (view.now if span.to_ms is None else span.to_ms) - span.from_ms > allowed_ms
        is_over = terms.has_leases and not is_long
        assert is_over, f"{name_of(stored, span)} is flushing and no executor is pending or running"


def _is_current(function: Function, stored: Stored) -> bool:
    """Whether an executor is not one that a later attempt has replaced, which will find that out and do nothing."""
    batch = stored.by_id.get(function.args["batchDocId"])
    return batch is None or function.args.get("attempt", batch.attempt) == batch.attempt


def name_of(stored: Stored, span: Span) -> str:
    """Return the name of the batch that a span is about."""
    batch = stored.by_id.get(span.which)
    return "a batch that is gone" if batch is None else batch.name


# ----------------------------------------------------------------------------------------------------- P8 to P10


def size_bound(view: View, terms: Terms) -> None:
    """A delivery holds at most maxBatchSize - 1 items and those of the largest call of its ids.

    Of several configs the largest maxBatchSize counts; without it the threshold, and without that nothing is judged.
    That a delivery should have but one id is P4's.
    """
    told = chronicle(terms.layout, view)
    for one in deliveries_of_batches(view, told):
        known = [told.added[item] for item in one.items if item in told.added]
        sizes = [added.config.max_size for added in known if added.config and added.config.max_size is not None]
        if len(sizes) < len(known) or not known:
            continue
        ids = {added.batch_id for added in known}
        largest = max(added.call_size for added in told.added.values() if added.batch_id in ids)
        bound = max(sizes) - 1 + largest
        assert len(one.items) <= bound, f"a delivery of {len(one.items)} items; at most {bound:g} were allowed"


def accept(view: View, terms: Terms) -> None:
    """No add of the host app's has thrown, but for what the platform throws, and for what addMany was asked to throw.

    A scenario adds with valid configs only; an id with a separator in it may be refused.
    """
    for answer in (each for function in ADDS for each in answers(view)[function]):
        if answer.failure is None or answer.failure[0] in FAILURES_OF_THE_PLATFORM or "fail" in answer.args:
            continue
        if all(base_of(add["batchId"]) == add["batchId"] for add in adds_of(answer.function, answer.args)):
            raise AssertionError(f"{answer.activity} was refused: {answer.failure[1]}")


def history(view: View, terms: Terms) -> None:
    """At rest each delivery that came back has its row of history, and rows of success tell exactly the acked items.

    While something is still under way there may be fewer rows, never more. No row of success tells of 0 items.
    """
    told = chronicle(terms.layout, view)
    made: Counter[str] = Counter()
    acked: Counter[str] = Counter()
    for one in of_batches(view, told, attempts(view)):
        base = _base(told, one)
        made[base] += 1
        acked[base] += len(one.items) if one.is_acked else 0
    written: Counter[str] = Counter()
    told_of: Counter[str] = Counter()
    for row in view.documents("flushHistory", COMPONENT):
        assert row["itemCount"] or not row["success"], f"a row of history of {row['batchId']} tells of 0 items"
        written[row["batchId"]] += 1
        told_of[row["batchId"]] += row["itemCount"] if row["success"] else 0
    for base in sorted({*made, *written}):
        rows = f"{written[base]} rows of history with {told_of[base]:g} items"
        facts = f"{rows} tell of {made[base]} deliveries with {acked[base]} acked items of {base}"
        enough = (written[base], told_of[base]) == (made[base], acked[base])
        assert enough or not is_at_rest(view), facts
        assert written[base] <= made[base] and told_of[base] <= acked[base], facts  # noqa: PT018 - one sentence


def _base(told: Chronicle, one: Delivery | Attempt) -> str:
    """Return the id under which the component has delivered; in 0.x names have no sequence."""
    known = [told.added[item].batch_id for item in one.items if item in told.added]
    if not known:
        return "?"
    is_plain = any(batch.sequence is None for batch in told.stored.batches)
    return known[0] if is_plain else base_of(known[0])


# ---------------------------------------------------------------------------------------------------- P11 to P13


def timer(view: View, terms: Terms) -> None:
    """A batch that accumulates items and has an interval has exactly one live timer, which it names; others have none.

    A timer is live while it is pending; while it runs as long as its batch names it and accumulates. One of an
    accumulating batch that is still, or again, empty is nobody's harm, so it is not judged. In hardened a batch has the
    interval of whatever was added to it, so that one with interval 0 may have a timer. A forced flush of 1.0.7 to 1.0.9
    runs the function that timers run; unless a batch names it, it is told from one by being due at once (up to
    `skew_ms`).
    """
    stored = terms.layout.stored(view)
    named = {batch.timer_id for batch in stored.batches}
    live = stored.live(terms.layout.timer or "")
    timers = [one for one in live if one.id in named or not _is_forced_flush(one, terms)]
    may_be_any = terms.layout.items == "sealed"
    for function in timers:
        batch = stored.by_id.get(function.args["batchDocId"])
        name = "a batch that is gone" if batch is None else f"{batch.name}, {batch.status}"
        is_open = batch is not None and batch.status == "accumulating"
        is_meant = is_open and batch is not None and (may_be_any or batch.config.interval_ms > 0)
        assert is_meant or function.state != "pending", f"a timer is pending for {name}"
    for batch in stored.batches:
        is_due = batch.config.interval_ms > 0 or (may_be_any and batch.timer_id is not None)
        if batch.status == "accumulating" and is_due and any(row.items for row in stored.rows_of(batch)):
            own = [one for one in timers if one.args["batchDocId"] == batch.id and _is_live(one, batch)]
            assert len(own) == 1, f"{batch.name} accumulates items and has {len(own)} live timers"
            assert own[0].id == batch.timer_id, f"{batch.name} does not name its timer"


def _is_forced_flush(function: Function, terms: Terms) -> bool:
    """Whether a function that no batch names is what flush() or a threshold has scheduled, and no timer."""
    return function.name == "maybeFlush" and function.due_ms - function.created_ms <= terms.skew_ms


def _is_live(function: Function, batch: Batch) -> bool:
    return function.state == "pending" or function.id == batch.timer_id


def return_truth(view: View, terms: Terms) -> None:
    """What an add or a flush has answered of flushed and status is what its own commit made of the world.

    Of an add: whether its items stood in a flushing batch; of addMany its last add is judged, if its id came only once.
    Of a flush: whether a batch of that id, or name, became flushing. Calls of clients only, and in a world with a past.
    """
    told = chronicle(terms.layout, view)
    if view.before is None:
        return
    for answer in (each for answered in answers(view).values() for each in answered if each.failure is None):
        states = told.commits.get(answer.activity)
        if answer.function == FLUSH:
            _judge_flush(answer.activity, answer.args["batchId"], answer.result, states)
        elif states is not None:
            for add, result in _last_adds(answer.function, answer.args, answer.result):
                _judge_add(answer.activity, states[1], add, result)


def _last_adds(function: str, args: Any, result: Any) -> Iterator[tuple[Any, Any]]:
    pairs = list(zip(adds_of(function, args), result if function == "driver:addMany" else [result], strict=True))
    bases = Counter(base_of(add["batchId"]) for add, _ in pairs)
    return ((add, answer) for add, answer in pairs if bases[base_of(add["batchId"])] == 1 and add["items"])


def _judge_add(activity: str, after: Stored, add: Any, answer: Any) -> None:
    status = after.status_of(key_of(add["items"][0]))
    said = f"{activity} answered flushed: {answer['flushed']}, {answer['status']}; its items were {status}"
    assert (answer["flushed"], answer["status"]) == (status == "flushing", status), said


def _judge_flush(activity: str, batch_id: str, answer: Any, states: tuple[Stored | None, Stored] | None) -> None:
    before, after = states if states is not None else (None, None)
    begun = [
        batch
        for batch in (after.batches if after is not None else ())
        if batch.status == "flushing" and batch_id in (batch.base, batch.name)
        if before is None or batch.id not in before.by_id or before.by_id[batch.id].status != "flushing"
    ]
    said = f"{activity} answered flushed: {answer['flushed']}, and {len(begun)} batches of {batch_id} became flushing"
    assert answer["flushed"] == bool(begun), said
    assert answer.get("status", "flushing") == "flushing" or not begun, said


def fifo(view: View, terms: Terms) -> None:
    """The items of an id are acked in the order in which their adds were committed (optional)."""
    told = chronicle(terms.layout, view)
    orders: dict[str, dict[str, int]] = {}
    for one in deliveries_of_batches(view, told):
        for item in one.items if one.is_acked else ():
            if item in told.added:
                added = told.added[item]
                orders.setdefault(added.batch_id, {}).setdefault(item, added.order)
    for batch_id, order in orders.items():
        for (first, earlier), (then, later) in pairwise(order.items()):
            assert earlier < later, f"of {batch_id} {first} was acked before {then}, which was added earlier"


def _shown(items: list[str]) -> str:
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return f"{items[0]}{more}"
