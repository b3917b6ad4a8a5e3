"""Invariants for small worlds, each from a number, and what they can look at."""

from __future__ import annotations

from typing import Any, Final

from convexsim import Invariant, View, always, eventually
from tests.explore.small_worlds import LEDGERS, TABLES, Draws


def some_rule(number: int) -> Invariant:
    """Return what may or may not always hold of two tables, or of a table and a ledger, at any moment."""
    draws = Draws(f"rule {number}")
    one, other = draws.one(TABLES), draws.one([*TABLES, *LEDGERS])
    factor, modulus = 1 + draws.below(3), 5 + draws.below(10)
    forbidden = draws.below(modulus)

    def weight(view: View, name: str) -> int:
        if name in LEDGERS:
            return sum(view.external(name))
        return sum(int(row["key"] + 2 * row["value"] + 1) for row in view.documents(name))

    @always
    def rule(view: View) -> bool:
        return (weight(view, one) + factor * weight(view, other)) % modulus != forbidden

    return rule


FACTS: Final = (
    *(f"m:{name}" for name in ("go", "later", "act", "look")),
    *TABLES,
    *LEDGERS,
    *(f"contents of {name}" for name in LEDGERS),
    "failed_functions",
    "fates",
    "retried",
    "faults",
    "writer",
    "ts",
    "now",
    "calls",
)
"""What an invariant can look at: answers, documents, entries, and other facts by their names."""


def fact_of(view: View, name: str) -> Any:
    if name.startswith("m:"):
        return view.answers(name)
    if name in TABLES:
        return view.documents(name)
    if name in LEDGERS:
        return view.external(name)
    if name.startswith("contents of "):
        return view.contents(name.removeprefix("contents of "))
    if name == "calls":
        return [call.outcome for call in view.calls()]
    fact = getattr(view, name)
    return fact() if callable(fact) else fact


class Witness:
    """Looks at one fact or two, and remembers all that it has been shown."""

    def __init__(self, number: int) -> None:
        draws = Draws(f"witness {number}")
        self.facts = draws.some(2, lambda: draws.one(FACTS))
        self.seen: set[str] = set()

    def __call__(self, view: View) -> bool:
        self.seen.add(repr([fact_of(view, fact) for fact in self.facts]))
        return True


def some_witness(number: int) -> Invariant:
    """Return an invariant that holds, asked at every moment or at the end: what it is shown is what it could judge."""
    return (always if number % 2 else eventually)(Witness(number // 2))
