"""Cells: what came of one part of a matrix, and what the matrix says of a version: of a property, and of all orders.

Owns the data and its spelling as JSON. Who makes them of runs: `matrix.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import asdict, evolve, field, frozen

from convexsim.errors import UsageError
from convexsim.testing.workload import Workload

__all__ = ["Cell", "Endless", "Found", "Leg", "Verdict", "endless_of"]

Verdict = Literal["holds", "violated", "excused", "not explored", "not applicable"]


@frozen
class Found:
    """A property that broke, in the smallest workload and the simplest order that were found for it.

    Attributes:
        models: the weakest fault models under which it still breaks.
        message: what was said about it.
        workload: what happened in the world.
        replay: the string that repeats the run.
        is_minimal: see `smaller.Failure`.

    """

    models: str
    message: str
    workload: Workload
    replay: str
    is_minimal: bool

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON data."""
        facts = {name: getattr(self, name) for name in ("models", "message", "replay", "is_minimal")}
        return {**facts, "workload": self.workload.as_data()}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Found:
        """Return what was spelled as JSON data."""
        return cls(**{**data, "workload": Workload.of(data["workload"])})


@frozen
class Leg:
    """What came of one version's workloads of one part, under one set of fault models.

    Attributes:
        models: their letters.
        asked: the numbers of the properties that were still whole before it.
        workloads: how many were explored; `runs` in how many orders in all.
        endless: runs that did not come to an end within their limits.
        found: what broke, by its number.

    """

    version: str
    part: str
    models: str
    asked: tuple[str, ...]
    workloads: int = 0
    runs: int = 0
    endless: int = 0
    found: Mapping[str, Found] = field(factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON data."""
        facts = {name: getattr(self, name) for name in ("version", "part", "models", "workloads", "runs", "endless")}
        return {**facts, "asked": list(self.asked), "found": {name: one.as_data() for name, one in self.found.items()}}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Leg:
        """Return what was spelled as JSON data."""
        found = {name: Found.of(one) for name, one in data["found"].items()}
        return cls(**{**data, "asked": tuple(data["asked"]), "found": found})


@frozen
class Cell:
    """What the matrix says of one property of one version.

    Attributes:
        models: the weakest fault models that break it; if it holds, empty.
        found: how.
        runs: in how many orders it was judged, of how many `workloads`.

    """

    version: str
    number: str
    verdict: Verdict
    models: str = ""
    found: Found | None = None
    runs: int = 0
    workloads: int = 0

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON data."""
        facts = {name: getattr(self, name) for name in ("version", "number", "verdict", "models", "runs", "workloads")}
        return {**facts, "found": None if self.found is None else self.found.as_data()}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Cell:
        """Return what was spelled as JSON data.

        Raises:
            UsageError: it is no cell.

        """
        try:
            return cls(**{**data, "found": None if data["found"] is None else Found.of(data["found"])})
        except (KeyError, TypeError) as error:
            msg = f"{data!r:.200} is no cell of a matrix: {error}."
            raise UsageError(msg, next_step="Give what `convexsim matrix --json FILE` has written.") from None


@frozen
class Endless:
    """What came to no end in one version under one set of fault models.

    Such an order was judged only as far as it went: by what must always hold, not by what must hold at the end.

    Attributes:
        models: their letters.
        runs: how many orders did not come to an end within their limits, `of` how many.

    """

    version: str
    models: str
    runs: int
    of: int

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def endless_of(legs: Iterable[Leg]) -> list[Endless]:
    """Return in which versions, under which models, orders came to no end; those first whose legs are."""
    counted: dict[tuple[str, str], Endless] = {}
    for leg in legs:
        place = leg.version, leg.models
        known = counted.get(place, Endless(*place, runs=0, of=0))
        counted[place] = evolve(known, runs=known.runs + leg.endless, of=known.of + leg.runs)
    return [each for each in counted.values() if each.runs]
