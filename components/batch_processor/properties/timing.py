"""The accumulator's liveness, P14 to P19: what comes in time, and does not fail for being asked too often.

Owns the deadlines; all but P19 are judged when a run is over, by what lasted how long by the true clock. What is not
over when the world ends counts as late only if its time has passed, or if nothing is left that could end it. Next:
`jobs.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from components.batch_processor.properties.accumulator import deliveries_of_batches, name_of
from components.batch_processor.properties.chronicle import OCC, Chronicle, Span, chronicle, given_up
from components.batch_processor.properties.ledger import Delivery, is_at_rest
from components.batch_processor.properties.records import COMPONENT
from components.batch_processor.properties.terms import Terms
from convexsim import View

__all__ = ["add_under_load", "no_strand", "no_stuck", "progress_under_load", "size_trigger", "staleness"]


def lengths(view: View, told: Chronicle, what: str) -> Iterator[tuple[Span, float]]:
    """Return how long something was so, in ms; at rest, what is not over lasts for ever."""
    end_ms = inf if is_at_rest(view) else view.now
    return ((span, (end_ms if span.to_ms is None else span.to_ms) - span.from_ms) for span in told.lasting(what))


def staleness(view: View, terms: Terms) -> None:
    """With an interval, an item is first delivered within it, and a little, after its add.

    Each failed delivery of its id since then allows one interval more. The interval is that of the add's own config, or
    where the call brought none, that with which its batch was stored. Dead letters are exempt.
    """
    told = chronicle(terms.layout, view)
    tried = deliveries_of_batches(view, told)
    for item, added in told.added.items():
        interval_ms = 0 if added.config is None else added.config.interval_ms
        if interval_ms <= 0 or item in told.discarded or told.stored.status_of(item) == "deadLetter":
            continue
        first = next((one.at_ms for one in tried if item in one.items), inf if is_at_rest(view) else view.now)
        failed = sum(_failed_since(one, added.at_ms, added.batch_id, told) for one in tried)
        waited = first - added.at_ms
        allowed = interval_ms * (1 + failed) + terms.late_ms
        told_how = "was never delivered" if waited == inf else f"waited for {waited:g} ms"
        assert waited <= allowed, f"{item} of {added.batch_id} {told_how}; at most {allowed:g} ms were allowed"


def _failed_since(one: Delivery, since_ms: float, batch_id: str, told: Chronicle) -> bool:
    is_of_id = any(item in told.added and told.added[item].batch_id == batch_id for item in one.items)
    return not one.is_acked and one.at_ms >= since_ms and is_of_id


def size_trigger(view: View, terms: Terms) -> None:
    """No id accumulates for more than a moment as many items as its threshold.

    The threshold is that of the batch's config, in hardened that of each row's for all rows up to it. In a failed
    batch that waits for its next attempt nothing accumulates. Where a cron looks for what has waited too long, a
    threshold still waits for nobody.
    """
    told = chronicle(terms.layout, view)
    for span, length in lengths(view, told, "due"):
        assert length <= terms.epsilon_ms + terms.skew_ms, (
            f"{span.which} held its threshold of items{_for(length)} without a flush"
        )


def no_stuck(view: View, terms: Terms) -> None:
    """No batch is flushing for longer than an action may run, and where actions may die a lease on top.

    When a run is over, none is flushing that no function of the component is left to look after.
    """
    told = chronicle(terms.layout, view)
    allowed = terms.action_ms + terms.late_ms + (terms.lease_ms if terms.has_leases else 0)
    tended = {function.args.get("batchDocId") for function in told.stored.functions if function.is_live}
    for span, length in lengths(view, told, "flushing"):
        name = name_of(told.stored, span)
        assert length <= allowed, f"{name} was flushing{_for(length)}"
        is_left = span.to_ms is None and span.which not in tended and ("idle", span.which) in told.since
        assert not is_left, f"{name} is flushing and nothing is left that could end it"


def no_strand(view: View, terms: Terms) -> None:
    """When nothing is left to do, only dead letters are stored, or less than a threshold of what has no interval."""
    told = chronicle(terms.layout, view)
    if not is_at_rest(view):
        return
    stored = told.stored
    due = [which for what, which in told.since if what == "due"]
    for row in stored.rows:
        batch = stored.by_id.get(row.batch_id or "")
        config = row.config if batch is None else batch.config
        where = row.base if batch is None else batch.name
        status = "accumulating" if batch is None and row.batch_id is None else "gone" if batch is None else batch.status
        is_idle = status == "accumulating" and config.interval_ms <= 0 and where not in due
        is_stranded = bool(row.items) and status != "deadLetter" and not is_idle
        assert not is_stranded, f"{len(row.items)} items are left behind in {where}, {status}"


def progress_under_load(view: View, terms: Terms) -> None:
    """No flush that was due has lost its race for good, or for long.

    Judged is what a run can show: that no transition to flushing which an action asked for has used up its attempts,
    and that no scheduled one was due for more than a moment before it committed.
    """
    told = chronicle(terms.layout, view)
    for name in terms.layout.transitions:
        for answered in view.answers(f"{COMPONENT}/{terms.layout.module}:{name}"):
            failure = getattr(answered.outcome, "failure", None)
            assert failure is None or failure.code != OCC, f"{answered.activity}, {name}, gave up"
    for span, length in lengths(view, told, "waiting"):
        assert length <= terms.late_ms, f"{span.which} was due{_for(length)}"


def add_under_load(view: View, terms: Terms) -> None:
    """No add has used up the attempts that the platform gives it."""
    tired = [answer.activity for answer in given_up(view)]
    assert not tired, f"{tired[0]} gave up"


def _for(length: float) -> str:
    return " for ever" if length == inf else f" for {length:g} ms"
