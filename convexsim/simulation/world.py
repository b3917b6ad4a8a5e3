"""Worlds: what a scenario writes into before anything runs: clients, and the things outside the database.

Owns the wishes alone, and refuses those that make no sense; who carries them out stands in `actors/`. Next:
`scenario.py`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Final

from convexsim.actors.client import Call, Deployment, Wait
from convexsim.actors.connection import CLIENT_KINDS
from convexsim.errors import PlatformError, UsageError
from convexsim.functions.component import Component
from convexsim.functions.environment import External
from convexsim.functions.network import Network
from convexsim.functions.reference import Reference
from convexsim.functions.refusals import Refusing
from convexsim.values import show

if TYPE_CHECKING:
    from convexsim.actors.client import Entry, Script
    from convexsim.actors.connection import ClientKind
    from convexsim.functions.catalog import Catalog
    from convexsim.functions.define import FunctionKind

__all__ = ["ClientScript", "World", "checked_name"]

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class ClientScript(Refusing):
    """One client: what it calls, one call at a time and in order; different clients race.

    Attributes:
        kind: ``http``: an error is an error, a lost connection too; ``websocket``: mutations and queries are sent again
            until they are answered, and actions run beside whatever comes after them (convex-semantics 2).

    """

    def __init__(self, name: str, kind: ClientKind, calls: list[Call], catalogs: list[Catalog]) -> None:
        self.name = name
        self.kind: ClientKind = kind
        self.entries: list[Entry] = []
        self._calls = calls
        self._catalogs = catalogs
        self._count = 0

    def query(self, name: Reference | str, args: dict[str, Any] | None = None) -> Call:
        """Add a query."""
        return self._add("query", name, args)

    def mutation(self, name: Reference | str, args: dict[str, Any] | None = None) -> Call:
        """Add a mutation."""
        return self._add("mutation", name, args)

    def action(self, name: Reference | str, args: dict[str, Any] | None = None) -> Call:
        """Add an action."""
        return self._add("action", name, args)

    def wait(self, delay_ms: float) -> None:
        """Add a pause, in ms of virtual time."""
        self.entries.append(Wait(_checked_wait(delay_ms)))

    def deploy(self, app: Component) -> Call:
        """Add a deploy: the app takes the place of the one that runs, in one step that races with all others.

        It is refused, and nothing has changed, if a stored document does not fit the new schema: `call.error` says
        which, and where. What clients call may be a function of any app that the scenario has named before.

        Raises:
            UsageError: that is no app.

        """
        given: object = app
        if not isinstance(given, Component):
            msg = f"The client {self.name!r} cannot deploy {show(app)}, which is no app."
            raise UsageError(msg, next_step="Pass what define_app(...) returns.")
        self._catalogs.append(app.catalog())
        self._count += 1
        call = Deployment(f"{self.name}.{self._count}", "deploy", "the app", {}, catalog=app.catalog())
        return self._added(call)

    def run(self, script: Script) -> None:
        """Add a coroutine function of a `Session`, for calls that depend on earlier answers."""
        self.entries.append(script)

    def _add(self, kind: FunctionKind, name: Reference | str, args: dict[str, Any] | None) -> Call:
        named: object = name
        if not isinstance(named, Reference | str):
            msg = f"The client {self.name!r} cannot call {show(named)}: a function is called by its name."
            raise UsageError(msg, next_step='Write api.<module>.<function>, or "module:function".')
        if self._catalogs:
            self._check_is_there(kind, name)
        self._count += 1
        given = {} if args is None else copy.deepcopy(args)  # the caller may go on to use its dict for something else
        return self._added(Call(f"{self.name}.{self._count}", kind, name, given))

    def _added(self, call: Call) -> Call:
        self._calls.append(call)
        self.entries.append(call)
        return call

    def _check_is_there(self, kind: FunctionKind, name: Reference | str) -> None:
        """Refuse what could never be called, where it is written; a script may still ask what a client is told."""
        refused: list[PlatformError] = []
        for catalog in self._catalogs:
            try:
                catalog.resolve_public(name).as_kind(kind, "Call it with {kind}().")
            except PlatformError as failure:
                refused.append(failure)
        if len(refused) == len(self._catalogs):
            msg = f"The client {self.name!r} cannot call that. {refused[0].message}"
            raise UsageError(msg, next_step=refused[0].next_step)


class World(Refusing):
    """What a scenario writes into: clients and the things outside the database.

    Args:
        catalog: of the app whose functions the clients call; without one, what they call is not looked at.

    """

    def __init__(self, catalog: Catalog | None = None) -> None:
        self.catalogs = [] if catalog is None else [catalog]
        self.calls: list[Call] = []
        self.clients: dict[str, ClientScript] = {}
        self.externals: dict[str, External] = {}
        self.network = Network()

    def client(self, name: str, *, kind: ClientKind | None = None) -> ClientScript:
        """Return the client of that name, a new one the first time; an HTTP client unless another kind is asked for."""
        if kind is not None and kind not in CLIENT_KINDS:
            msg = f"{kind!r} is no kind of client."
            raise UsageError(msg, next_step="There are: 'http' and 'websocket'.")
        client = self.clients.get(checked_name(name))
        if client is None:
            client = self.clients[name] = ClientScript(name, kind or "http", self.calls, self.catalogs)
        elif kind not in (None, client.kind):
            msg = f"The client {name!r} is a {client.kind} client already, not {kind!r}."
            raise UsageError(msg, next_step="A client has one kind; give the other one another name.")
        return client

    def external(self, name: str, plan: Sequence[Any] = ()) -> External:
        """Declare an outside object; `plan` is what its `take` hands out, entry by entry."""
        given: tuple[object, object] = (name, plan)
        is_name = isinstance(given[0], str) and given[0].strip() and given[0].isprintable()
        if not is_name or isinstance(given[1], str | bytes) or not isinstance(given[1], Sequence):
            msg = f"The world cannot have an external object {name!r} with the plan {plan!r}."
            raise UsageError(msg, next_step='Write world.external("bank", plan=["ok", "ok"]): a name, and a list.')
        if name in self.externals:
            msg = f"The world already has an external object {name!r}."
            raise UsageError(msg, next_step="Declare each once.")
        self.externals[name] = External(name, tuple(plan))
        return self.externals[name]


def checked_name(name: object) -> str:
    """Return a name for a client or scenario, fit for activities and replay strings."""
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        msg = f"{name!r} cannot name a client or scenario."
        raise UsageError(msg, next_step="Use letters, digits, _ and -, beginning with a letter.")
    return name


def _checked_wait(delay_ms: object) -> float:
    if isinstance(delay_ms, bool) or not isinstance(delay_ms, int | float) or not 0 <= delay_ms < inf:
        msg = f"A client cannot wait for {delay_ms!r}."
        raise UsageError(msg, next_step="Give a finite number of ms, 0 or more.")
    return delay_ms
