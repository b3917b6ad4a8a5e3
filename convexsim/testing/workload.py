"""Workloads: what happens in a world as plain data, so that it can be generated, made smaller, kept and written down.

Owns the data, how it is written into a `World`, its spelling as JSON, and what can be left out of one. Who generates
workloads says a component of its own (`matrix.py` drives it); what must hold in them is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from attrs import evolve, field, frozen

from convexsim.choices import RandomChoices
from convexsim.errors import UsageError

if TYPE_CHECKING:
    from convexsim.simulation import World

__all__ = ["Draw", "Entry", "Place", "Workload"]

T = TypeVar("T")

_KINDS: Final = ("mutation", "query", "action")


class Draw:
    """Draws by which a workload is generated; the same seed gives the same draws."""

    def __init__(self, seed: str) -> None:
        self._next = RandomChoices(seed).draw

    def chance(self, share: float) -> bool:
        """Return True in so many cases, from 0 to 1."""
        return self._next() < share

    def pick(self, options: Sequence[T]) -> T:
        """Return one of several, all equally likely; what is to come more often may stand there more often."""
        return options[int(self._next() * len(options))]

    def number(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        return low + int(self._next() * (high - low + 1))

    def each(self, count: int, one: Callable[[], T]) -> list[T]:
        """Return so many, each drawn anew."""
        return [one() for _ in range(count)]


@frozen
class Entry:
    """One thing that a client does: a call, after a pause.

    Attributes:
        wait_ms: how long it pauses before, in ms of virtual time.
        kind: ``mutation``, ``query`` or ``action``.
        function: its path, like ``driver:addItems``.
        args: as data.

    """

    wait_ms: float
    kind: str
    function: str
    args: Mapping[str, Any]

    def __str__(self) -> str:
        pause = f"after {self.wait_ms:g} ms " if self.wait_ms else ""
        return f"{pause}{self.function}({', '.join(f'{name}={value!r}' for name, value in self.args.items())})"


@frozen
class Place:
    """Where something stands that can be left out of a workload.

    Attributes:
        kind: a ``call``, the ``pause`` before one, an ``end`` that an outside object hands out, or a ``part`` of what a
            call is given: an argument that is an object, or an item of a list.
        owner: the client, or the outside object.
        at: which of its calls, or ends, from 0.
        part: the name of the argument; in a list, then the number of the item.

    """

    kind: Literal["call", "pause", "end", "part"]
    owner: str
    at: int
    part: tuple[str | int, ...] = ()


@frozen
class Workload:
    """What happens in a world.

    Attributes:
        setting: what the app, the platform and the faults are made of; known to whoever generates workloads.
        plans: of each outside object, what its `take` hands out.
        clients: what each does, one thing after another; different clients race.

    """

    setting: Mapping[str, Any] = field(factory=dict)
    plans: Mapping[str, tuple[Any, ...]] = field(factory=dict)
    clients: Mapping[str, tuple[Entry, ...]] = field(factory=dict)

    def write(self, world: World) -> None:
        """Write the outside objects and the clients into a world."""
        for name, plan in self.plans.items():
            world.external(name, plan)
        for name, entries in self.clients.items():
            client = world.client(name)
            for entry in entries:
                if entry.wait_ms:
                    client.wait(entry.wait_ms)
                getattr(client, entry.kind)(entry.function, dict(entry.args))

    def __str__(self) -> str:
        lines = [f"{name}: {value!r}" for name, value in self.setting.items()]
        lines += [f"{name} ends: {', '.join(map(repr, plan))}" for name, plan in self.plans.items() if plan]
        lines += [f"{name}: {'; '.join(map(str, entries))}" for name, entries in self.clients.items()]
        return "\n".join(lines)

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON data; the order of clients is the order in which they begin."""
        clients = [
            [name, [[entry.wait_ms, entry.kind, entry.function, dict(entry.args)] for entry in entries]]
            for name, entries in self.clients.items()
        ]
        plans = {name: list(plan) for name, plan in self.plans.items()}
        return {"setting": dict(self.setting), "plans": plans, "clients": clients}

    @classmethod
    def of(cls, data: Any) -> Workload:
        """Return the workload that was spelled as JSON data.

        Raises:
            UsageError: it is none.

        """
        try:
            clients = {name: tuple(_entry(*entry) for entry in entries) for name, entries in data["clients"]}
            plans = {name: tuple(plan) for name, plan in data["plans"].items()}
            return cls(dict(data["setting"]), plans, clients)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            msg = f"{data!r:.200} is no workload: {type(error).__name__}: {error}."
            raise UsageError(msg, next_step="Give what Workload.as_data() has returned.") from None

    @property
    def size(self) -> tuple[int, int]:
        """How large it is: what clients do, and how much is said about it."""
        return sum(map(len, self.clients.values())), len(repr(self))

    @property
    def places(self) -> list[Place]:
        """All that can be left out, one kind after the other: calls in the order of their places, first ones first."""
        calls = sorted(((at, name) for name, done in self.clients.items() for at in range(len(done))), key=_round)
        pauses = [Place("pause", name, at) for at, name in calls if self.clients[name][at].wait_ms]
        ends = [Place("end", name, at) for name, plan in self.plans.items() for at in range(len(plan))]
        parts = [Place("part", name, at, part) for at, name in calls for part in _parts(self.clients[name][at].args)]
        return [*(Place("call", name, at) for at, name in calls), *pauses, *ends, *parts]

    def without(self, out: Collection[Place]) -> Workload:
        """Return it without what stands in some of its places; a client that does nothing is none."""
        clients = {
            name: tuple(
                _without(entry, [each for each in out if (each.owner, each.at) == (name, at)])
                for at, entry in enumerate(entries)
                if Place("call", name, at) not in out
            )
            for name, entries in self.clients.items()
        }
        plans = {
            name: tuple(end for at, end in enumerate(plan) if Place("end", name, at) not in out)
            for name, plan in self.plans.items()
        }
        return evolve(self, plans=plans, clients={name: done for name, done in clients.items() if done})

    def with_args(self, change: Callable[[str, Mapping[str, Any]], Mapping[str, Any]]) -> Workload:
        """Return it with what a function makes of each call's function and arguments."""
        clients = {
            name: tuple(evolve(entry, args=change(entry.function, entry.args)) for entry in entries)
            for name, entries in self.clients.items()
        }
        return evolve(self, clients=clients)


def _entry(wait_ms: float, kind: str, function: str, args: Mapping[str, Any]) -> Entry:
    if kind not in _KINDS:
        raise ValueError(f"a client makes no {kind!r}")
    return Entry(wait_ms, kind, function, dict(args))


def _round(call: tuple[int, str]) -> int:
    return call[0]


def _parts(args: Mapping[str, Any]) -> Iterator[tuple[str | int, ...]]:
    """Yield where there is an argument that is an object, or an item of one that is a list."""
    for name, value in args.items():
        if isinstance(value, dict):
            yield (name,)
        elif isinstance(value, list):
            yield from ((name, at) for at in range(len(value)))


def _without(entry: Entry, out: Collection[Place]) -> Entry:
    """Return a call without the pause before it, or some parts of its arguments."""
    if not out:
        return entry
    gone = [place.part for place in out if place.kind == "part"]
    args = {
        name: [item for at, item in enumerate(value) if (name, at) not in gone] if isinstance(value, list) else value
        for name, value in entry.args.items()
        if (name,) not in gone
    }
    return evolve(entry, wait_ms=0 if any(place.kind == "pause" for place in out) else entry.wait_ms, args=args)
