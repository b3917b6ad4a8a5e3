"""Scenarios: an app, a world to run it in, and what must hold there.

Owns the question alone; a scenario is data that can be run as often as one likes, under any choices. Next:
`simulation.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING, Any, Final, Never, TypeVar

import attrs
from attrs import field, frozen

from convexsim.errors import UsageError
from convexsim.faults import Faults
from convexsim.functions.component import Component
from convexsim.functions.environment import Platform
from convexsim.invariants import as_invariant
from convexsim.simulation.world import checked_name
from convexsim.values import show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.invariants import Invariant, View
    from convexsim.simulation.world import World

__all__ = ["MAX_STEPS", "Scenario", "checked_scenario", "scenario"]

T = TypeVar("T")

MAX_STEPS: Final = 100_000
"""Messages that a run may handle before it is stopped, unless its scenario says otherwise."""


@frozen(eq=False)
class Scenario:
    """A world to be run: its app, what happens in it, and what must hold.

    Attributes:
        name: names it in replay strings and reports.
        body: writes clients and outside objects into a fresh `World`.
        platform: the parameters of the platform it runs on.
        about: the first paragraph of the body's docstring.
        until_ms: how long the world lasts, in ms of virtual time from its beginning; None until nothing is left to do.
        faults: what may go wrong, and how often at most.
        max_steps: messages that a run may handle; reaching that is an outcome, and a violation.

    """

    name: str
    app: Component
    body: Callable[[World], None]
    invariants: tuple[Invariant, ...]
    platform: Platform
    about: str
    until_ms: float | None = None
    faults: Faults = field(factory=Faults)
    max_steps: int = MAX_STEPS

    def variant(
        self, name: str, *, faults: Faults | None = None, max_steps: int | None = None, **platform: Any
    ) -> Scenario:
        """Return the same scenario under another name, with other faults, limits or parameters of the platform."""
        changed = attrs.evolve(self.platform, **platform)
        planned = self.faults if faults is None else _checked_faults(faults)
        most = self.max_steps if max_steps is None else max_steps
        if type(most) is not int or most < 1:
            raise UsageError(f"A run cannot end after {most!r} messages.", next_step="Give a whole number, 1 or more.")
        return attrs.evolve(self, name=checked_name(name), platform=changed, faults=planned, max_steps=most)


def checked_scenario(thing: object) -> Scenario:
    """Return a scenario, as it was given by a user.

    Raises:
        UsageError: it is none.

    """
    if not isinstance(thing, Scenario):
        msg = f"{thing!r} is no scenario."
        raise UsageError(msg, next_step="Decorate a function of a World with @scenario(app=...).")
    return thing


def scenario(
    *bare: Never,
    app: Component | None = None,
    invariants: Sequence[Invariant | Callable[[View], bool | None]] = (),
    platform: Platform | None = None,
    faults: Faults | None = None,
    until_ms: float | None = None,
) -> Callable[[Callable[[World], None]], Scenario]:
    """Make a function of a `World` a scenario.

    Args:
        bare: nothing; a decorator without its parentheses is told so.
        app: what is deployed (`define_app`).
        invariants: what must hold; a bare function must hold at the end.
        platform: its parameters; all defaults if not given.
        faults: what may go wrong, and how often at most; nothing if not given.
        until_ms: how long the world lasts, in ms of virtual time from its beginning: reaching it is a quiet end. An
            app with crons needs it.

    """
    if bare:
        msg = "@scenario was given a function at once, as if it had no parameters."
        raise UsageError(msg, next_step="Write @scenario(app=app, invariants=[holds]), with its parentheses.")
    deployed = _checked(app, Component, "app", "app=define_app(...)")
    if not isinstance(invariants, Iterable):
        raise UsageError(f"{show(invariants)} is no list of invariants.", next_step="Write invariants=[holds].")
    given = platform if platform is not None else Platform()
    settings = _checked(given, Platform, "platform", 'platform=Platform(self_cancel="throw"), say')
    planned = _checked_faults(Faults() if faults is None else faults)
    if until_ms is not None and (type(until_ms) not in (int, float) or not 0 <= until_ms < inf):
        msg = f"A world cannot last for {until_ms!r} ms."
        raise UsageError(msg, next_step="Give a finite number of ms, 0 or more.")
    checked = tuple(as_invariant(thing) for thing in invariants)

    def make(body: Callable[[World], None]) -> Scenario:
        _check_body(body)
        about = " ".join((inspect.getdoc(body) or "").partition("\n\n")[0].split())
        return Scenario(checked_name(body.__name__), deployed, body, checked, settings, about, until_ms, planned)

    return make


def _checked(given: object, kind: type[T], what: str, example: str) -> T:
    if not isinstance(given, kind):
        raise UsageError(f"{show(given)} is no {what}.", next_step=f"Write {example}.")
    return given


def _check_body(body: Callable[..., object]) -> None:
    """Refuse a body that writes nothing when it is called, for such a world would hold whatever is asked of it."""
    if any(
        asks(body) for asks in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    ):
        msg = f"The scenario {body.__name__} is no plain `def`, so to call it runs nothing of it."
        advice = "Write a plain `def` of a World; what awaits is a client's script: world.client(name).run(script)."
        raise UsageError(msg, next_step=advice)
    try:
        inspect.signature(body).bind(None)
    except TypeError:
        msg = f"The scenario {body.__name__} does not take one parameter, the World."
        raise UsageError(msg, next_step=f"Write def {body.__name__}(world).") from None


def _checked_faults(faults: object) -> Faults:
    return _checked(faults, Faults, "plan of faults", "faults=Faults(crashes=1), say")
