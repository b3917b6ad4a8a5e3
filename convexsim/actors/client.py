"""Clients: concurrent scripts that call the app from outside. The walk begins and ends here.

Owns the order of one client's calls: one at a time, in order, but for the actions of a websocket client, which nothing
waits for (convex-semantics 2). Different clients race. How a call travels stands in `connection.py`. Next: `runner.py`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import define, field

from convexsim.actors.messages import MakeCall, StartClient
from convexsim.actors.stage import RuntimeActor
from convexsim.errors import ConvexError, ConvexSimError, FunctionError, PlatformError, UsageError
from convexsim.functions.context import checked_delay
from convexsim.functions.outcome import Outcome, Threw, outcome_of
from convexsim.functions.refusals import Refusing
from convexsim.values import freeze

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from convexsim.actors.connection import Connection
    from convexsim.actors.kernel import Future
    from convexsim.actors.stage import Stage
    from convexsim.functions.catalog import Catalog, Target
    from convexsim.functions.define import FunctionKind
    from convexsim.functions.reference import Reference

__all__ = ["Call", "Client", "Deployment", "Entry", "Improvised", "Script", "Session", "Wait"]


@define(eq=False)
class Call:
    """One call of a client and, once it is over, how it ended.

    Attributes:
        activity: its path, ``<client>.<n>``.
        outcome: None until it has come back; a run that stops at a limit leaves it so.

    """

    activity: str
    kind: FunctionKind | Literal["deploy"]
    name: Reference | str
    args: Any
    outcome: Outcome | None = field(default=None)

    @property
    def result(self) -> Any:
        """The value that it returned; raises what was thrown."""
        if self.outcome is None:
            msg = f"The call {self.activity} has not come back."
            raise PlatformError(msg, code="NoResult", next_step="Ask for results after the run, or in an invariant.")
        return self.outcome.unwrap()

    @property
    def error(self) -> str | None:
        """The message of what was thrown; None if it returned or has not come back."""
        return self.outcome.failure.message if isinstance(self.outcome, Threw) else None


@define(eq=False)
class Improvised(Call):
    """A call that no scenario has written down: a script made it as it went."""


@define(eq=False)
class Deployment(Call):
    """A call that is no function's: another app is deployed. It returns nothing; if it is refused, it says why.

    Attributes:
        catalog: of the app.

    """

    catalog: Catalog = field(kw_only=True, repr=False)


@define(eq=False, frozen=True)
class Wait:
    """A pause between two calls, in ms of virtual time."""

    delay_ms: float


class Script(Protocol):
    """A client as a coroutine: its later calls may depend on earlier answers."""

    def __call__(self, session: Session, /) -> Awaitable[None]:
        """Go through the script."""
        ...


Entry = Call | Wait | Script


class Client(RuntimeActor):
    """Goes through its entries, one at a time."""

    def __init__(self, stage: Stage, connection: Connection, entries: Sequence[Entry], calls: list[Call]) -> None:
        super().__init__(stage)
        self._entries = entries
        self._connection = connection
        self._session = Session(stage, connection, calls)

    def on_receive(self, message: Any) -> Awaitable[Any]:
        """Handle a message."""
        if type(message) is MakeCall:
            return self._session.make(message.call)
        assert type(message) is StartClient, f"a client cannot handle {message!r}"
        return self._go()

    async def _go(self) -> None:
        for entry in self._entries:
            if isinstance(entry, Call):
                if entry.kind == "action" and self._connection.actions_in_parallel:
                    self.actor_ref.tell(MakeCall(entry.activity, entry))
                else:
                    await self._session.make(entry)
            elif isinstance(entry, Wait):
                await self.stage.sleep(entry.delay_ms)
            else:
                await self._follow(entry)

    async def _follow(self, script: Script) -> None:
        """Run a script; a call whose error it does not catch ends it, as it would end a browser's."""
        self.stage.environment.doubt()
        try:
            await script(self._session)
        except (FunctionError, ConvexError):
            return
        except ConvexSimError:
            raise
        except Exception as error:
            name = getattr(script, "__name__", repr(script))
            msg = f"The client script {name} failed: {type(error).__name__}: {error}."
            advice = "Mend the script; errors of the functions it calls arrive as FunctionError."
            raise UsageError(msg, next_step=advice) from error


class Session(Refusing):
    """What a client's script calls the app with; every call is awaited for its result.

    Calls that are gathered go out side by side, but for mutations: those run one at a time and in order.

    Args:
        calls: where the calls are kept for whoever looks at the run.

    """

    def __init__(self, stage: Stage, connection: Connection, calls: list[Call]) -> None:
        self._stage = stage
        self._connection = connection
        self._name = connection.client
        self._calls = calls
        self._count = 0
        self._mutates = False
        self._waiting: deque[Future[None]] = deque()

    async def query(self, name: Reference | str, args: dict[str, Any] | None = None) -> Any:
        """Run a public query."""
        return (await self._new("query", name, args)).unwrap()

    async def mutation(self, name: Reference | str, args: dict[str, Any] | None = None) -> Any:
        """Run a public mutation, retried on conflicts; raises what it threw."""
        return (await self._new("mutation", name, args)).unwrap()

    async def action(self, name: Reference | str, args: dict[str, Any] | None = None) -> Any:
        """Run a public action."""
        return (await self._new("action", name, args)).unwrap()

    async def sleep(self, delay_ms: float) -> None:
        """Wait in virtual time."""
        await self._stage.sleep(checked_delay(delay_ms))
        self._stage.environment.doubt()

    async def make(self, call: Call) -> Outcome:
        """Make a call that was prepared, and note how it ended."""
        if isinstance(call, Deployment):
            call.outcome = await self._connection.deploy(call.activity, call.catalog)
            return call.outcome
        built = outcome_of(lambda: (self._resolve(call), freeze(call.args, "args")))
        if isinstance(built, Threw):
            call.outcome = built
        elif call.kind == "mutation":
            call.outcome = await self._in_turn(call.activity, *built.value)
        else:
            call.outcome = await self._connection.call(call.activity, *built.value)
        return call.outcome

    async def _in_turn(self, activity: str, target: Target, args: Any) -> Outcome:
        """Make one mutation after the other, in the order in which a script asks for them (convex-semantics 2)."""
        if self._mutates:
            turn = self._stage.future()
            self._waiting.append(turn)
            await turn
        self._mutates = True
        try:
            return await self._connection.call(activity, target, args)
        finally:
            self._mutates = bool(self._waiting)  # from now on that of the next one, so that nobody gets in between
            if self._waiting:
                self._waiting.popleft().set()

    async def _new(self, kind: FunctionKind, name: Reference | str, args: dict[str, Any] | None) -> Outcome:
        if not self._count:
            self._count = sum(1 for call in self._calls if call.activity.startswith(f"{self._name}."))
        self._count += 1
        call = Improvised(f"{self._name}.{self._count}", kind, name, args if args is not None else {})
        self._calls.append(call)
        outcome = await self.make(call)
        self._stage.environment.doubt()
        return outcome

    def _resolve(self, call: Call) -> Target:
        assert call.kind != "deploy", "a deploy calls no function"
        target = self._stage.environment.catalog.resolve_public(call.name)
        return target.as_kind(call.kind, "Call it with {kind}().")
