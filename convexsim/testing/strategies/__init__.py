"""Hypothesis strategies for everything that convexsim takes: values, documents, schemas, workloads, choices.

Owns the names alone, and what is said where Hypothesis is not installed: it is an extra, and nothing outside of this
package and of `machine.py` imports it. What is drawn stands in `values.py`, `schemas.py`, `workloads.py` and
`choices.py`, which is the order in which to read them.
"""

from __future__ import annotations

from convexsim.testing.extra import MissingExtraError

try:
    import hypothesis as _hypothesis  # noqa: F401 - only to say what to install, before anything below needs it
except ModuleNotFoundError as _missing:
    raise MissingExtraError("convexsim.testing.strategies", _missing) from None

from convexsim.testing.strategies.choices import choices
from convexsim.testing.strategies.schemas import documents, schemas, validators
from convexsim.testing.strategies.values import values
from convexsim.testing.strategies.workloads import Offer, planned_calls, workloads

__all__ = ["Offer", "choices", "documents", "planned_calls", "schemas", "validators", "values", "workloads"]
