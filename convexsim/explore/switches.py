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
    from collections.abc import Iterator, Mapping

    from convexsim.choices import Forced, Kind, Label
    from convexsim.simulation import Run
    from convexsim.trace.event import Event, Trace

__all__ = ["Switch", "Tense", "chosen_at", "functions_of", "moments_of", "switches_of", "told", "words_of"]

_NAMES: Final[dict[Kind, Literal["switch", "fault", "wait", "draw"]]] = {
    "step": "switch",
    "fault": "fault",
    "backoff": "wait",
    "random": "draw",
}
Tense = Literal["present", "past", "participle"]
"""As in it begins, it began, had it begun."""


@frozen
class _Verb:
    """What somebody does, in each tense; attributes are named after them."""

    present: str
    past: str
    participle: str


_VERBS: Final = {
    "start": _Verb("starts", "started", "started"),
    "run": _Verb("runs", "ran", "run"),
    "begin": _Verb("begins", "began", "begun"),
    "commit": _Verb("commits", "committed", "committed"),
    "deploy": _Verb("deploys another app", "deployed another app", "deployed another app"),
    "external": _Verb("goes outside", "went outside", "gone outside"),
    "resume": _Verb("goes on", "went on", "gone on"),
    "tick": _Verb("passes", "passed", "passed"),
}
_TAKES: Final = _Verb("takes", "took", "taken")


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
    assert run.trace is not None, "the run has kept no events to tell of"
    moments = moments_of(run)
    functions = functions_of(run.trace)
    return tuple(
        Switch(_NAMES[forced.kind], *moments[forced.position], told(forced, functions)) for forced in run.record.forced
    )


def words_of(label: Label, tense: Tense = "present") -> str:
    """Return what a step does, in words."""
    who = "time" if label.activity == CLOCK else short_activity(label.activity)
    verb: str = getattr(_VERBS.get(label.phase, _TAKES), tense)
    step = "" if label.phase in _VERBS else f" the step {label.phase!r}"
    purpose = f", to {label.what}," if " " in label.what else f" {label.what}"
    return f"{who} {verb}{step}{purpose if label.what else ''}"


def told(forced: Forced, functions: Mapping[str, str]) -> str:
    """Return a choice in words; of one that is option 0, which is not forced, what it takes and not before whom.

    Args:
        forced: the choice.
        functions: which function each activity runs (`functions_of`).

    """
    activity = short_activity(forced.taken.activity)
    function = functions.get(forced.taken.activity, "")
    if forced.kind == "fault":
        return f"{forced.taken.phase} strikes {activity}{function and f' in {function}'}"
    if forced.kind == "random" and not forced.index:
        return f"{activity} draws {forced.taken.phase.split()[-1]} in {function}"
    if forced.kind == "random":
        return f"{activity} draws {forced.taken.phase.split()[-1]} in {function}, not {forced.passed.phase.split()[-1]}"
    if forced.kind == "backoff":
        return f"{activity} {forced.taken.phase.replace('wait', 'waits', 1)} before it tries {function} again"
    if not forced.index:
        return words_of(forced.taken).removesuffix(",")
    return f"{words_of(forced.taken)} before {words_of(forced.passed)}".removesuffix(",")


def _is_chosen_step(happened: Event) -> bool:
    return isinstance(happened, Passed) or (isinstance(happened, Stepped) and happened.options > 0)


def functions_of(trace: Trace) -> dict[str, str]:
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


def moments_of(run: Run) -> dict[int, tuple[int, float]]:
    """Return step and time of the choices that show in a run that has kept its events, by position."""
    shown_by = chosen_at(run)
    assert run.trace is not None
    happened = {position: run.trace.events[at] for position, at in shown_by.items()}
    return {position: (each.step, each.at_ms) for position, each in happened.items()}
