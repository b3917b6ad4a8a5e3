"""Certificates: what an exhaustive search says that it has run, as data that anybody can check.

Owns the data, its file, and what of a scenario it speaks about (`claims_about`). Knows neither the search
(`explore/certificate.py` lists the runs) nor the check (`explore/verify.py` believes nothing of it).

The file is JSON, a line each: what was searched, then every run. Nothing in it hangs on the machine or the process: the
same search writes the same bytes.
"""

from __future__ import annotations

import inspect
import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from convexsim.errors import UsageError
from convexsim.functions.draws import about_draws
from convexsim.simulation.files import write_whole
from convexsim.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from convexsim.simulation.scenario import Scenario

__all__ = ["Certificate", "Verdict", "claims_about", "unwritable"]

_FORMAT: Final = "convexsim certificate 1"


@frozen
class Certificate:
    """What an exhaustive search has run.

    Attributes:
        claims: which question it answers, see `claims_about`.
        level: the granularity of its choices.
        backoffs: whether the length of every wait after a conflict was explored; otherwise retries begin at once.
        runs: the choices of each, without the zeros at their end, in the order of the search.

    """

    claims: Mapping[str, Any]
    level: int
    backoffs: bool
    runs: tuple[tuple[int, ...], ...]

    def save(self, path: Path) -> None:
        """Write it to a file.

        Raises:
            UsageError: it cannot be written.

        """
        header = {
            "format": _FORMAT,
            **self.claims,
            "level": self.level,
            "backoffs": self.backoffs,
            "runs": len(self.runs),
        }
        lines = [json.dumps(each, separators=(",", ":"), sort_keys=True) for each in (header, *self.runs)]
        try:
            write_whole(path, "\n".join(lines) + "\n")
        except OSError as error:
            raise unwritable(path, error) from None

    @classmethod
    def load(cls, path: Path) -> Certificate:
        """Read one from a file.

        Raises:
            UsageError: it is none, or not all of it is there.

        """
        try:
            header, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines() or ["null"])
            refused = next(_objections(header, rows), None)
        except OSError as error:
            refused = f"it cannot be read: {error.strerror}"
        except (ValueError, RecursionError):
            refused = "it is not JSON, a line each"
        if refused is not None:
            msg = f"{path} is no certificate: {refused}."
            raise UsageError(msg, next_step="Write one with: convexsim certify SCENARIO.py:NAME FILE.")
        level, backoffs, _ = (header.pop(name) for name in ("level", "backoffs", "runs"))
        del header["format"]
        return cls(header, level, backoffs, tuple(map(tuple, rows)))


@frozen
class Verdict:
    """What came of checking a certificate.

    Attributes:
        scenario: its name.
        refused: why it proves nothing; None if it holds.
        traces: how many runs there are that differ in more than steps that commute.
        places: how many sets of steps can have been made, each of them gone on from in every way.
        random_values: as how many numbers each `ctx.random()` might come out; 0 if nobody drew in any run.

    """

    scenario: str
    certificate: Certificate
    refused: str | None
    traces: int
    places: int
    random_values: int = 0

    @property
    def holds(self) -> bool:
        """Whether the invariants hold in every order."""
        return self.refused is None

    def __str__(self) -> str:
        if self.refused is not None:
            return f"{self.scenario}: the certificate proves nothing: {self.refused}"
        given = self.certificate
        facts = (
            f"{counted(self.traces, 'trace covers', 'traces cover')} them all",
            "every back-off" if given.backoffs else "retries begin at once",
            f"faults: {given.claims['faults']}",
            f"checked independently: {counted(self.places, 'place')}, and all that can come next at each",
            *([about_draws(self.random_values)] if self.random_values else []),
        )
        return f"{self.scenario} holds in every order at level {given.level}: {'; '.join(facts)}"


def claims_about(scenario: Scenario) -> dict[str, Any]:
    """Return what a certificate says of the world that was searched, as data.

    The digest is over the sources of the scenario's body, its invariants and all functions of its app: it tells whoever
    has edited one of them. What those call in turn it does not see, nor need it: whoever checks a certificate runs it.
    """
    return {
        "scenario": scenario.name,
        "invariants": [[each.name, each.when, each.sentence] for each in scenario.invariants],
        "platform": str(scenario.platform),
        "faults": str(scenario.faults),
        "until_ms": scenario.until_ms,
        "sources": blake2b("\n".join(_sources(scenario)).encode(), digest_size=8).hexdigest(),
    }


def unwritable(path: Path, error: OSError) -> UsageError:
    """Return what is said of a place where no certificate can be written."""
    advice = "Name a file in a folder that is there and may be written to."
    return UsageError(f"{path} cannot be written: {error.strerror}.", next_step=advice)


def _objections(header: Any, rows: list[Any]) -> Iterator[str]:
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        yield f"its first line does not say {_FORMAT!r}"
    elif (
        type(header.get("level")) is not int
        or header["level"] not in (2, 3)
        or not isinstance(header.get("backoffs"), bool)
    ):
        yield "its first line must say a level of 2 or 3, and backoffs of true or false"
    elif len(rows) != header.get("runs"):
        yield f"it lists {len(rows)} runs, but should {header.get('runs')}"
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or not all(type(each) is int for each in row):
            yield f"run {number} is not a list of choices"


def _sources(scenario: Scenario) -> Iterator[str]:
    yield _source(scenario.body)
    yield from (_source(invariant.predicate) for invariant in scenario.invariants)
    for path, mounted in scenario.app.catalog().components.items():
        for name, function in mounted.functions.items():
            yield f"{path}/{name} {function.kind} {_source(function.handler)}"


def _source(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # made by another program, or at a prompt
        return getattr(function, "__qualname__", type(function).__name__)
