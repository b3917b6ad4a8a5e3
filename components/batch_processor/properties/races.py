"""The seven races of properties.md 4, each as the sentence that it does not happen.

Owns what one knows a race by, where a property alone would not tell it from others that break the same; the property it
breaks is named with each. Used by `../invariants.py`.
"""

from __future__ import annotations

from components.batch_processor.properties.chronicle import chronicle
from components.batch_processor.properties.jobs import story
from components.batch_processor.properties.records import Function, Stored
from components.batch_processor.properties.terms import Terms
from convexsim import View

__all__ = ["crash_leaves_flushing", "double_chain", "hot_batch", "retry_timer_born_dead", "timer_cancels_itself"]


def timer_cancels_itself(view: View, terms: Terms) -> None:
    """R1: no batch is flushing whose executor was canceled before it began (P7, P16)."""
    told = chronicle(terms.layout, view)
    for batch in told.stored.batches:
        own = _of(told.stored, batch.id, terms.layout.executors)
        is_dead = bool(own) and not any(function.is_live for function in own)
        born_dead = [one for one in own if one.state == "canceled" and one.id not in told.begun]
        assert batch.status != "flushing" or not (is_dead and born_dead), f"{batch.name}: its executor is born canceled"


def retry_timer_born_dead(view: View, terms: Terms) -> None:
    """R2: no batch that accumulates again names a timer that was canceled before it began (P11, P14).

    The first timer of a batch is born canceled too where a callback that a timer runs adds items; that is no retry.
    """
    told = chronicle(terms.layout, view)
    flushed = {span.which for span in told.lasting("flushing")}
    timers = {one.id: one for one in told.stored.functions if one.name == terms.layout.timer}
    for batch in told.stored.batches:
        timer = timers.get(batch.timer_id or "")
        is_dead = timer is not None and timer.state == "canceled" and timer.id not in told.begun
        is_again = batch.status == "accumulating" and batch.id in flushed
        assert not (is_again and is_dead), f"{batch.name}: its timer is born canceled"


def crash_leaves_flushing(view: View, terms: Terms) -> None:
    """R3: when a run is over no batch is flushing whose action has died, with nobody left to look after it (P16)."""
    told = chronicle(terms.layout, view)
    idle = {span.which for span in told.lasting("idle") if span.to_ms is None}
    for batch in told.stored.batches:
        own = _of(told.stored, batch.id)
        is_left = batch.status == "flushing" and batch.id in idle and not any(function.is_live for function in own)
        has_died = any(struck.fault in ("crash", "restart") for struck in view.faults)
        assert not (is_left and has_died), f"{batch.name} is flushing, and the action that was to deliver it has died"


def hot_batch(view: View, terms: Terms) -> None:
    """R4: no add has given up while all that had happened was that items were added (P19).

    Where batches are flushed or deleted in between, others than adds may have used up its attempts.
    """
    outlasted = chronicle(terms.layout, view).outlasted
    assert not outlasted, f"{outlasted[0]} gave up, and all that there was were adds"


def double_chain(view: View, terms: Terms) -> None:
    """R6: no job has two steps that are pending (P26, P20)."""
    told = story(terms.layout, view)
    for job in told.jobs.values():
        pending = told.steps_of(job, "pending")
        assert len(pending) <= 1, f"{job.name} has {len(pending)} steps pending"


def _of(stored: Stored, batch_id: str, names: tuple[str, ...] | None = None) -> list[Function]:
    """Return the functions that were scheduled for a batch."""
    own = [function for function in stored.functions if function.args.get("batchDocId") == batch_id]
    return own if names is None else [function for function in own if function.name in names]
