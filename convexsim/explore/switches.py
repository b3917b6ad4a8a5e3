"""The switches that matter: the forced choices of a run in words, for somebody who reads its story.

Owns how a forced choice is told: who comes before whom, which fault strikes whom, who waits. Activities and functions
are named as in the story (`trace/text.py`). Knows no search: of a shrunk failure these are what it needs, of any other
run all that was not simply going on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from attrs import frozen

from convexsim.actors.dispatcher import CLOCK
from convexsim.functions.syscalls import Drew, Scheduled
from convexsim.trace.event import Called, Did, Faulted, Passed, Stepped, Waited
from convexsim.trace.names import short_activity
from convexsim.values import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.choices import Forced, Kind, Label
    from convexsim.simulation import Run
    from convexsim.trace.event import Event, Trace

__all__ = ["Switch", "chosen_at", "switches_of", "words_of"]

_NAMES: Final[dict[Kind, Literal["switch", "fault", "wait", "draw"]]] = {
    "step": "switch",
    "fault": "fault",
    "backoff": "wait",
    "random": "draw",
}
_VERBS: Final = {
    "start": "starts",
    "run": "runs",
    "begin": "begins",
    "commit": "commits",
    "deploy": "deploys another app",
    "external": "goes outside",
    "resume": "goes on",
}


@frozen
class Switch:
    """A forced choice in words.

    Attributes:
        kind: ``switch`` (another step than the next comes), ``fault`` (one strikes), ``wait`` (longer than need be),
            ``draw`` (another random number than its own).
        step: in which step of the run, from 1.
        at_ms: at which virtual time.
        what: what it comes to, as in ``bob.1 begins shop:take before alice.1 commits shop:take``.

    """

    kind: Literal["switch", "fault", "wait", "draw"]
    step: int
    at_ms: float
    what: str

    def __str__(self) -> str:
        time = f", {show(round(self.at_ms, 3))} ms" if self.at_ms else ""
        return f"{self.kind} at step {self.step}{time}: {self.what}"


def switches_of(run: Run) -> tuple[Switch, ...]:
    """Return the forced choices of a run that has kept its events, first one first."""
    shown_by = chosen_at(run)
    assert run.trace is not None
    functions = _functions(run.trace)
    switches = []
    for forced in run.record.forced:
        happened = run.trace.events[shown_by[forced.position]]
        switches.append(Switch(_NAMES[forced.kind], happened.step, happened.at_ms, _told(forced, functions)))
    return tuple(switches)


def words_of(label: Label) -> str:
    """Return what a step does, in words."""
    if label.activity == CLOCK:
        return "time passes"
    verb = _VERBS.get(label.phase, f"takes the step {label.phase!r}")
    purpose = f", to {label.what}," if " " in label.what else f" {label.what}"
    return f"{short_activity(label.activity)} {verb}{purpose if label.what else ''}"


def _told(forced: Forced, functions: dict[str, str]) -> str:
    activity = short_activity(forced.taken.activity)
    function = functions.get(forced.taken.activity, "")
    if forced.kind == "fault":
        return f"{forced.taken.phase} strikes {activity}{function and f' in {function}'}"
    if forced.kind == "random":
        return f"{activity} draws {forced.taken.phase.split()[-1]} in {function}, not {forced.passed.phase.split()[-1]}"
    if forced.kind == "backoff":
        return f"{activity} {forced.taken.phase.replace('wait', 'waits', 1)} before it tries {function} again"
    return f"{words_of(forced.taken)} before {words_of(forced.passed)}".removesuffix(",")


def _is_chosen_step(happened: Event) -> bool:
    return isinstance(happened, Passed) or (isinstance(happened, Stepped) and happened.options > 0)


def _functions(trace: Trace) -> dict[str, str]:
    """Return which function each activity runs."""
    called = {happened.activity: happened.function for happened in trace.events if isinstance(happened, Called)}
    effects = [happened.effect for happened in trace.events if isinstance(happened, Did)]
    return {effect.activity: effect.function for effect in effects if isinstance(effect, Scheduled)} | called


def chosen_at(run: Run) -> dict[int, int]:
    """Return which event of a run shows a choice, by the choice's position; both are numbers from 0.

    A choice that shows in no event is left out: a fault that does not strike.
    """
    assert run.trace is not None, "the run has kept no events to tell of"
    told = list(enumerate(run.trace.events))
    events: dict[Kind, Iterator[int]] = {
        "step": (at for at, happened in told if _is_chosen_step(happened)),
        "backoff": (at for at, happened in told if isinstance(happened, Waited)),
        "fault": (at for at, happened in told if isinstance(happened, Faulted)),
        "random": (at for at, did in told if isinstance(did, Did) and isinstance(did.effect, Drew)),
    }
    return {
        position: next(events[kind])
        for position, (kind, index, _, _) in enumerate(run.record.taken)
        if kind != "fault" or index
    }
