"""Workloads: for any app, clients that call its public functions with arguments that these accept.

Next: `choices.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import evolve, field, frozen
from hypothesis import strategies as st

from convexsim.errors import PlatformError, UsageError, did_you_mean
from convexsim.functions.catalog import Catalog, Target
from convexsim.functions.component import Component
from convexsim.functions.define import FunctionDefinition
from convexsim.functions.reference import Reference
from convexsim.testing.strategies.schemas import ids_of
from convexsim.testing.strategies.values import Ids, fields, nonempty
from convexsim.testing.workload import Entry, Workload
from convexsim.values import ObjectValidator, v

__all__ = ["Offer", "planned_calls", "workloads"]

_CLIENTS: Final = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")


@frozen
class Offer:
    """A function that clients may call.

    Attributes:
        function: `api.<module>.<function>`, or its path.
        args: what is not to be drawn from what its validator accepts, by the name of the argument: a value, or a
            strategy of Hypothesis for some.
        weight: how often it is called, compared with others.

    """

    function: Reference | str
    args: Mapping[str, Any] = field(factory=dict)
    weight: int = 1


def workloads(
    app: Component,
    *functions: Offer | Reference | str,
    clients: int = 2,
    calls: int = 3,
    waits_ms: Sequence[float] = (0,),
) -> st.SearchStrategy[Workload]:
    """Draw workloads: a few clients, and what each of them calls; few of both, and of the simplest, when they shrink.

    Args:
        app: whose functions are called, with arguments that their validators accept; an argument that no validator
            speaks of is any value, and an id leads to no document, unless an `Offer` says otherwise.
        functions: which of its public functions, if not all; the simplest ones first.
        clients: how many there are at most.
        calls: how many each of them makes at most.
        waits_ms: pauses before a call, in ms of virtual time; the simplest one first.

    Raises:
        UsageError: the app has no such function, nothing fits what one takes, or there are no such numbers of clients.

    """
    if not 1 <= clients <= len(_CLIENTS) or calls < 1:
        msg = f"There are no workloads of {clients} clients with {calls} calls each."
        raise UsageError(msg, next_step=f"Give clients=1 to {len(_CLIENTS)} and calls=1 or more, at most.")
    planned = st.builds(evolve, planned_calls(app, *functions), wait_ms=st.sampled_from([*waits_ms]))
    drawn = st.lists(st.lists(planned, min_size=1, max_size=calls).map(tuple), min_size=1, max_size=clients)
    return drawn.map(lambda made: Workload(clients=dict(zip(_CLIENTS, made, strict=False))))


def planned_calls(app: Component, *functions: Offer | Reference | str) -> st.SearchStrategy[Entry]:
    """Draw single calls of public functions of an app; see `workloads`."""
    catalog = app.catalog()
    public = [path for path, function in catalog.components[""].functions.items() if function.is_public]
    offers = [each if isinstance(each, Offer) else Offer(each) for each in functions or public]
    if not offers:
        msg = f"{app.name} has no public functions, so there is nothing that clients could call."
        raise UsageError(msg, next_step="Define one with @query, @mutation or @action.")
    ids = ids_of(app.schema)
    return st.one_of([_call(_target(catalog, offer), offer, ids) for offer in offers for _ in range(offer.weight)])


def _target(catalog: Catalog, offer: Offer) -> Target:
    try:
        return catalog.resolve_public(offer.function)
    except PlatformError as refused:
        msg = f"No client can call {offer.function!r}. {refused.message}"
        raise UsageError(msg, next_step=refused.next_step) from None


def _call(target: Target, offer: Offer, ids: Ids) -> st.SearchStrategy[Entry]:
    """Return the strategy for calls of one function."""
    definition = target.definition
    taken = definition.args if isinstance(definition.args, ObjectValidator) else _undeclared(definition)
    instead = {
        name: given if isinstance(given, st.SearchStrategy) else st.just(given) for name, given in offer.args.items()
    }
    strange = [name for name in instead if name not in taken.fields]
    if strange:
        msg = f"{target.label} takes no argument {strange[0]!r}."
        raise UsageError(msg, next_step=did_you_mean(strange[0], taken.fields))
    args = nonempty(fields(taken, ids, instead), taken)
    return st.builds(Entry, st.just(0), st.just(definition.kind), st.just(target.path), args)


def _undeclared(definition: FunctionDefinition) -> ObjectValidator:
    """Return what a function takes that declares nothing: any value for each of its parameters."""
    return v.object(
        {name: v.any() if name in definition.required else v.optional(v.any()) for name in definition.parameters}
    )
