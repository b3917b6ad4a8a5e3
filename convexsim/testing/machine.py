"""State machines of Hypothesis: a scenario that is led on rule by rule.

The world is *live* (`live.py`): each rule acts on it at once, so that rules of one's own may look at what has come of
it, draw from it (ids of documents, answers) and hold it against a model. A workload that is only run at the end could
not offer that. The order comes from drawn choices, as in any property test (`strategies/choices.py`), and what was done
is told as a program that does it again.

Owns the rules that every machine has. What a component's calls are is for a subclass to say, or all of its public
functions are drawn (`SimulationMachine`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from convexsim.errors import UsageError
from convexsim.testing.extra import MissingExtraError

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
except ModuleNotFoundError as missing:
    raise MissingExtraError("convexsim.testing.machine", missing) from None

from convexsim.simulation import Scenario
from convexsim.testing.live import LiveWorld
from convexsim.testing.must_hold import told
from convexsim.testing.strategies import Offer, choices, planned_calls
from convexsim.testing.workload import Entry

if TYPE_CHECKING:
    from convexsim.actors.client import Call
    from convexsim.choices import Choices
    from convexsim.functions.reference import Reference
    from convexsim.invariants import View

__all__ = ["SimulationMachine", "WorldMachine", "of_machine"]

_OPTIONS = 8
_MOST_CHOICES = 20


def of_machine(make: Callable[[Any], st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Return a strategy that depends on the machine whose rule it is for."""
    return st.runner().flatmap(make)


def _has_clients(machine: WorldMachine) -> bool:
    """Whether anything could go on; asks for nothing that ends, so that to leave out a rule forbids no other one."""
    return machine.world.has_clients


class WorldMachine(RuleBasedStateMachine):
    """A scenario led on by rules: time passes, choices are forced, and all that must hold is asked all the time.

    A subclass says its `scenario`, and has rules of its own, in which clients `make` calls.

    Attributes:
        scenario: the world, what must hold in it and what may go wrong; its body writes what is there to begin with. A
            rule that Hypothesis runs first (`initialize`) may still set it.
        drawn: who answers choices, from the rule that comes first.
        clients: who calls.
        waits_ms: for how long a rule lets time pass, the simplest first.
        level: the granularity of choices, see `Simulation`.

    """

    scenario: Scenario
    drawn: Choices | None = None
    clients: ClassVar[Sequence[str]] = ("alice", "bob")
    waits_ms: ClassVar[Sequence[float]] = (1_000,)
    level: ClassVar[int] = 2

    @cached_property
    def world(self) -> LiveWorld:
        """The live world, which begins with the first rule that asks for it."""
        if not isinstance(getattr(self, "scenario", None), Scenario):
            msg = f"{type(self).__name__} has no scenario."
            raise UsageError(msg, next_step="Write scenario = ..., in the class, or set it in a rule with @initialize.")
        return LiveWorld(self.scenario, self.drawn, level=self.level).__enter__()

    @property
    def view(self) -> View:
        """The world as it stands now."""
        return self.world.view

    def make(self, client: str, function: Reference | str, args: dict[str, Any] | None = None) -> Call:
        """Have a client call a function, and go on; it begins when its earlier calls are back and a rule goes on."""
        kind = self.scenario.app.catalog().resolve_public(function).definition.kind
        return self.world.call(client, kind, function, args)

    @initialize(choices=choices())
    def begin(self, choices: Choices) -> None:
        """Begin, with choices that are drawn as the world asks for them."""
        self.drawn = choices

    @precondition(_has_clients)
    @rule(choices=st.integers(1, _MOST_CHOICES))
    def go_on(self, choices: int) -> None:
        """Go on for some choices; time stands still."""
        self.world.go_on(choices)
        self._must_hold()

    @precondition(_has_clients)
    @rule(ms=of_machine(lambda machine: st.sampled_from([*machine.waits_ms])))
    def wait(self, ms: float) -> None:
        """Let time pass; what is due at its end may run next."""
        self.world.wait(ms)
        self._must_hold()

    @precondition(_has_clients)
    @rule()
    def rest(self) -> None:
        """Let everything come to rest."""
        self.world.rest()
        self._must_hold()

    def teardown(self) -> None:
        """Come to rest, and ask what must hold at the end; there is no world if it ended before it began."""
        if "world" not in vars(self):
            return
        with ExitStack() as stack:
            stack.push(self.world)
            if not self.world.run.violations:
                self.world.close()
                self._must_hold()

    def _must_hold(self) -> None:
        run = self.world.run
        if run.violations:
            raise AssertionError("\n".join([*told(run), "", "See it again:", "", self.world.code]))


class SimulationMachine(WorldMachine):
    """A machine for any component: its clients call public functions of the app, with arguments that these accept.

    Attributes:
        offers: which functions (`strategies.Offer`, a reference or a path), if not all.

    """

    offers: ClassVar[Sequence[Offer | Reference | str]] = ()

    @cached_property
    def planned(self) -> st.SearchStrategy[Entry]:
        """What clients call."""
        return planned_calls(self.scenario.app, *self.offers)

    @rule(
        client=of_machine(lambda machine: st.sampled_from([*machine.clients])),
        call=of_machine(lambda machine: machine.planned),
    )
    def call(self, client: str, call: Entry) -> None:
        """Have a client call something, and go on."""
        self.make(client, call.function, dict(call.args))
