"""The properties of a correct batch component as named invariants, for every version and every fault model.

Owns their names and which of them hold under which fault model (properties.md 2); how each is judged stands in
`properties/`, which is where to go on reading. A scenario runs the host app, all of its items have distinct values, and
it asks for what its version must hold to::

    @scenario(app=host_app("hardened"), invariants=invariants("hardened"))
    @scenario(app=host_app("1.0.9"), invariants=[invariant("P5", version="1.0.9", model="U")])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args

from attrs import field, fields_dict, frozen

from components.batch_processor.properties import accumulator, iterator, races, timing
from components.batch_processor.properties.records import COMPONENT, layout_of
from components.batch_processor.properties.terms import MODELS, Terms
from components.batch_processor.versions import VERSIONS
from convexsim import PastInvariant, UsageError, View

__all__ = ["PROPERTIES", "RACES", "Half", "Property", "invariant", "invariants"]

Half = Literal["accumulator", "iterator"]

FIRST_OF_ITERATOR: Final = 20


@frozen
class Property:
    """One property of properties.md 2.

    Attributes:
        number: ``P1`` to ``P31``; of a race ``R1`` to ``R7``.
        name: as there, like ``CONSERVATION``.
        sentence: what must hold, in a few words; what exactly is judged says the docstring of the predicate.
        when: ``always``: judged at every moment; ``eventually``: when a run is over.
        predicate: asserts it of a view, on some terms.
        lifted: the fault models under which nobody promises it.
        half: which half of the component it is about.

    """

    number: str
    name: str
    when: Literal["always", "eventually"]
    sentence: str
    predicate: Callable[[View, Terms], None]
    lifted: str = ""
    half: Half = field()

    @half.default
    def _find_half(self) -> Half:
        return "iterator" if int(self.number[1:]) >= FIRST_OF_ITERATOR else "accumulator"

    @property
    def is_optional(self) -> bool:
        """Whether it is judged only where somebody asks for it by its number."""
        return self.number == "P13"

    def is_promised(self, terms: Terms) -> bool:
        """Whether a correct component keeps it; a version without timers cannot be asked for them."""
        is_lifted = any(letter in self.lifted for letter in terms.model)
        return not is_lifted and (self.number != "P11" or terms.layout.timer is not None)


ACTIONS_DIE: Final = "CO"
"""Where a delivery, or a hook, may come twice, with the same key, or late."""

PROPERTIES: Final[Mapping[str, Property]] = {
    one.number: one
    for one in (
        Property("P1", "CONSERVATION", "always", "Each added item is stored or acked.", accumulator.conservation),
        Property(
            "P2", "NO-PREMATURE-DELETE", "always", "What leaves storage is acked.", accumulator.no_premature_delete
        ),
        Property(
            "P3", "AT-MOST-ONCE-ACK", "always", "No item is acked twice.", accumulator.at_most_once_ack, ACTIONS_DIE
        ),
        Property("P4", "NO-FOREIGN", "always", "Items go to their own handler and id.", accumulator.no_foreign),
        Property(
            "P5", "SINGLE-ACCUMULATING", "always", "An id accumulates one batch.", accumulator.single_accumulating
        ),
        Property("P6", "UNIQUE-NAME", "always", "Names are unique and sequences grow.", accumulator.unique_name),
        Property("P7", "ONE-FLIGHT", "always", "A flushing batch has one executor.", accumulator.one_flight),
        Property("P8", "SIZE-BOUND", "always", "Deliveries keep to maxBatchSize.", accumulator.size_bound),
        Property("P9", "ACCEPT", "eventually", "No valid add is refused.", accumulator.accept, "O"),
        Property("P10", "HISTORY", "eventually", "History tells what was delivered.", accumulator.history, ACTIONS_DIE),
        Property("P11", "TIMER", "always", "What waits has exactly one timer.", accumulator.timer),
        Property("P12", "RETURN-TRUTH", "eventually", "Answers tell the committed state.", accumulator.return_truth),
        Property("P13", "FIFO", "always", "Items are acked in the order of adds.", accumulator.fifo),
        Property("P14", "STALENESS", "eventually", "No item waits too long.", timing.staleness, ACTIONS_DIE),
        Property("P15", "SIZE-TRIGGER", "eventually", "A threshold of items is flushed.", timing.size_trigger),
        Property("P16", "NO-STUCK", "eventually", "No batch stays flushing.", timing.no_stuck),
        Property("P17", "NO-STRAND", "eventually", "Nothing is left behind at rest.", timing.no_strand),
        Property("P18", "PROGRESS-UNDER-LOAD", "eventually", "A due flush wins its races.", timing.progress_under_load),
        Property("P19", "ADD-UNDER-LOAD", "eventually", "No add gives up.", timing.add_under_load, "O"),
        Property("P20", "EXACTLY-ONCE", "always", "No row is processed twice.", iterator.exactly_once, ACTIONS_DIE),
        Property("P21", "AT-LEAST-ONCE", "eventually", "Every row is processed.", iterator.at_least_once),
        Property("P22", "MONOTONE", "always", "No job goes back.", iterator.monotone),
        Property("P23", "COUNT-TRUTH", "eventually", "A job counts its rows.", iterator.count_truth),
        Property("P24", "TERMINAL-FINAL", "always", "A job that has ended never changes.", iterator.terminal_final),
        Property("P25", "CANCEL-WINS", "always", "A cancelled job stays so.", iterator.cancel_wins),
        Property("P26", "ONE-CHAIN", "always", "A running job has one step.", iterator.one_chain),
        Property("P27", "PAUSE", "always", "A paused job begins nothing.", iterator.pause),
        Property("P28", "ONCOMPLETE-ONCE", "eventually", "A hook runs once.", iterator.on_complete_once, ACTIONS_DIE),
        Property("P29", "RETRY-BOUND", "always", "A page is tried so often and no more.", iterator.retry_bound),
        Property("P30", "BACKOFF", "always", "Attempts keep their distance.", iterator.backoff),
        Property("P31", "NO-ORPHAN", "eventually", "No running job is left at rest.", iterator.no_orphan),
    )
}
"""Every property, by its number."""


RACES: Final[Mapping[str, Property]] = {
    one.number: one
    for one in (
        Property("R1", "TIMER-CANCELS-ITSELF", "always", "No executor is born canceled.", races.timer_cancels_itself),
        Property("R2", "RETRY-BORN-DEAD", "always", "No timer is born canceled.", races.retry_timer_born_dead),
        Property("R3", "CRASH-LEAVES-FLUSHING", "eventually", "No death strands a batch.", races.crash_leaves_flushing),
        Property("R4", "HOT-BATCH", "eventually", "No add loses to adds alone.", races.hot_batch),
        Property("R5", "TWO-ACCUMULATING", "always", "An id has one open batch (P5).", accumulator.single_accumulating),
        Property("R6", "DOUBLE-CHAIN", "always", "A job has one pending step.", races.double_chain, half="iterator"),
        Property(
            "R7", "SKEW-LOSES-ITEM", "always", "Nothing vanishes undelivered (P2).", accumulator.no_premature_delete
        ),
    )
}
"""The seven races of properties.md 4 by their numbers, each as what must hold where it does not happen."""


def invariant(number: str, *, version: str = "hardened", model: str = "N", **parameters: Any) -> PastInvariant:
    """Return one property as an invariant, whether or not it is promised.

    Args:
        number: ``P1`` to ``P31``, or of a race, ``R1`` to ``R7``.
        version: of the component.
        model: the fault models of the scenario: letters of `MODELS`.
        parameters: of `Terms`: epsilon_ms, skew_ms, lease_ms, action_ms, hook_attempts.

    Raises:
        UsageError: there is no such property, version, model or parameter.

    """
    known = {**PROPERTIES, **RACES}
    if number not in known:
        msg = f"There is no property {number!r}."
        raise UsageError(msg, next_step=f"There are: {', '.join(known)}.")
    return _asked(known[number], version, _terms(version, model, parameters))


def invariants(
    version: str = "hardened", model: str = "N", *, half: Half | None = None, **parameters: Any
) -> tuple[PastInvariant, ...]:
    """Return what a scenario of a version is to be asked under a fault model.

    Args:
        version: of the component.
        model: what may go wrong: letters of `MODELS`.
        half: of the component, if only one is to be judged.
        parameters: of `Terms`: epsilon_ms, skew_ms, lease_ms, action_ms, hook_attempts.

    Raises:
        UsageError: there is no such version, model, half or parameter.

    """
    if half not in (None, *get_args(Half)):
        msg = f"The batch processor has no half {half!r}."
        raise UsageError(msg, next_step=f"There are: {', '.join(get_args(Half))}; None is both.")
    terms = _terms(version, model, parameters)
    asked = (one for one in PROPERTIES.values() if half in (None, one.half) and not one.is_optional)
    return tuple(_asked(one, version, terms) for one in asked if one.is_promised(terms))


def _asked(one: Property, version: str, terms: Terms) -> PastInvariant:
    def judged(view: View) -> None:
        _check_world(view, version, terms.model)
        one.predicate(view, terms)

    return PastInvariant(f"{one.number} {one.name}", one.when, one.sentence, judged)


_LETTERS: Final = {"crash": "C", "restart": "C", "system error": "CO", "conflict": "O", "skew": "K"}
"""Under which fault models a fault may strike; a lost connection may under any."""


def _check_world(view: View, version: str, model: str) -> None:
    """Refuse a world of another version, as far as its tables tell, or of another fault model.

    Raises:
        UsageError: it is one.

    """
    if view.before is None:
        own = sorted(VERSIONS[version].schema.tables)
        found = [table for component, table in view.tables() if component == COMPONENT]
        if found != own:
            msg = f"This is no world of version {version}: its component has the tables {', '.join(found) or 'none'}."
            next_step = "Ask for the invariants of the version that the app runs: host_app(version) and this version."
            raise UsageError(msg, next_step=next_step)
    for struck in view.faults:
        letters = _LETTERS.get(struck.fault)
        if letters is not None and not any(letter in model for letter in letters):
            msg = f"A fault has struck, {struck.how}, that the model {model!r} does not know."
            raise UsageError(msg, next_step=f"Name it in the model: {' or '.join(letters)}.")


def _terms(version: str, model: str, parameters: Mapping[str, Any]) -> Terms:
    if not model or not {*model} <= {*MODELS}:
        msg = f"There is no fault model {model!r}."
        raise UsageError(msg, next_step=f"There are: {'; '.join(f'{one}: {what}' for one, what in MODELS.items())}.")
    known = [name for name in fields_dict(Terms) if name not in ("layout", "model")]
    strange = [name for name in parameters if name not in known]
    if strange:
        msg = f"Properties are not judged by {strange[0]!r}."
        raise UsageError(msg, next_step=f"There are: {', '.join(known)}.")
    if ("K" in model) != ("skew_ms" in parameters):
        msg = "The clocks of nodes differ, and by how much?" if "K" in model else "Clocks differ only in the model K."
        raise UsageError(msg, next_step='Write model="K" with skew_ms=5_000, say: how far clocks may be apart.')
    return Terms(layout=layout_of(version), model=model, **parameters)
