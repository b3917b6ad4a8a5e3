"""Invariants: what must hold, when it is asked, and against what.

Read `view.py`, `invariant.py` and `generic.py`, in this order. An invariant is a function of a `View`. It holds unless
it returns False or raises AssertionError; its docstring is the sentence that a report prints.
"""

from convexsim.invariants.generic import comes_to_rest, leads_to, nothing_left_behind, retry_budget, serializable
from convexsim.invariants.invariant import (
    HistoryInvariant,
    Invariant,
    PastInvariant,
    Violation,
    always,
    as_invariant,
    eventually,
    history_for,
    judge,
    looks_back,
    sometimes,
)
from convexsim.invariants.view import View

__all__ = [
    "HistoryInvariant",
    "Invariant",
    "PastInvariant",
    "View",
    "Violation",
    "always",
    "as_invariant",
    "comes_to_rest",
    "eventually",
    "history_for",
    "judge",
    "leads_to",
    "looks_back",
    "nothing_left_behind",
    "retry_budget",
    "serializable",
    "sometimes",
]
